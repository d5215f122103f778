/*
 * esl_parse.c - bytes of an event socket to messages, wherever they are split.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl_parse.h"

void esl_parser_reset(struct esl_parser *p)
{
    free(p->scratch);
    *p = (struct esl_parser){0};
}

static char *scratch(struct esl_parser *p, const char *data, size_t len)
{
    if (len + 1 > p->scratch_cap) {
        size_t cap = len + 1 < 65536 ? 65536 : len + 1;
        char *bigger = realloc(p->scratch, cap);
        if (!bigger)
            abort();
        p->scratch = bigger;
        p->scratch_cap = cap;
    }
    if (len)
        memcpy(p->scratch, data, len);
    p->scratch[len] = '\0';
    return p->scratch;
}

static const struct {
    const char *name;
    enum esl_type type;
} types[] = {
    {"auth/request", ESL_AUTH_REQUEST},    {"command/reply", ESL_REPLY},
    {"api/response", ESL_API_RESPONSE},    {"text/event-plain", ESL_EVENT_PLAIN},
    {"text/event-json", ESL_EVENT_JSON},   {"text/disconnect-notice", ESL_DISCONNECT},
    {"text/rude-rejection", ESL_REJECTED},
};

/* What stands behind "Name:" in this line, if it is that header. */
static bool header(const char *line, size_t len, const char *name, const char **value, size_t *n)
{
    size_t name_len = strlen(name);
    if (len <= name_len || line[name_len] != ':' || strncasecmp(line, name, name_len) != 0)
        return false;
    const char *v = line + name_len + 1, *end = line + len;
    while (v < end && (*v == ' ' || *v == '\t'))
        v++;
    while (end > v && (end[-1] == '\r' || end[-1] == ' '))
        end--;
    *value = v;
    *n = (size_t)(end - v);
    return true;
}

static bool read_length(const char *v, size_t n, size_t *out)
{
    size_t length = 0;
    if (n == 0 || n > 9)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (v[i] < '0' || v[i] > '9')
            return false;
        length = length * 10 + (size_t)(v[i] - '0');
    }
    *out = length;
    return length <= ESL_BODY_MAX;
}

/* The header block; false when its length is none. */
static bool read_headers(const char *data, size_t len, struct esl_msg *msg)
{
    const char *line = data, *end = data + len, *v;
    size_t n;
    *msg = (struct esl_msg){.type = ESL_OTHER};
    while (line < end) {
        const char *nl = memchr(line, '\n', (size_t)(end - line));
        size_t line_len = (size_t)((nl ? nl : end) - line);
        if (header(line, line_len, "Content-Length", &v, &n)) {
            if (!read_length(v, n, &msg->body_len))
                return false;
        } else if (header(line, line_len, "Content-Type", &v, &n)) {
            for (size_t i = 0; i < sizeof types / sizeof *types; i++)
                if (strlen(types[i].name) == n && strncasecmp(types[i].name, v, n) == 0)
                    msg->type = types[i].type;
        } else if (header(line, line_len, "Reply-Text", &v, &n)) {
            n = n < sizeof msg->reply - 1 ? n : sizeof msg->reply - 1;
            memcpy(msg->reply, v, n);
            msg->reply[n] = '\0';
        }
        line = nl ? nl + 1 : end;
    }
    return true;
}

/* The end of a header block: behind the empty line. NULL: not here yet. */
static const char *headers_end(struct esl_parser *p, const char *at, size_t left)
{
    size_t from = p->scanned > 3 ? p->scanned - 3 : 0;
    const char *lf = memmem(at + from, left - from, "\n\n", 2);
    const char *end = lf ? lf + 1 : at + left; /* never further: the rest may be many messages */
    const char *crlf = memmem(at + from, (size_t)(end - at) - from, "\n\r\n", 3);
    if (crlf)
        return crlf + 3;
    return lf ? lf + 2 : NULL;
}

size_t esl_parse(struct esl_parser *p, esl_msg_cb *cb, void *ctx, const char *data, size_t len)
{
    size_t used = 0;
    while (!p->error && used < len) {
        const char *at = data + used;
        size_t left = len - used;
        if (*at == '\n' || *at == '\r') { /* a stray empty line */
            used++;
            continue;
        }
        const char *end = headers_end(p, at, left);
        if (!end) {
            p->scanned = left;
            if (left > ESL_HEADERS_MAX)
                p->error = "headers are longer than 64 KiB: the peer is no event socket";
            break;
        }
        struct esl_msg msg;
        size_t head = (size_t)(end - at);
        if (!read_headers(at, head, &msg)) {
            p->error = "a Content-Length is no number or over 4 MiB";
            break;
        }
        if (left - head < msg.body_len) {
            p->scanned = head > 3 ? head - 3 : 0; /* the block is found again at once */
            break;
        }
        p->scanned = 0;
        used += head + msg.body_len;
        msg.body = scratch(p, end, msg.body_len);
        cb(ctx, &msg);
    }
    return used;
}

/* ---- keys ---- */

static const char *const names[ESL_KEY_COUNT] = {
#define X(key, name) [ESL_##key] = name,
    ESL_KEYS(X)
#undef X
};

#define TABLE 512
/* Keys by a hash of their name: an event holds hundreds that nobody reads. */
static struct {
    unsigned char key; /* + 1; 0: empty */
    unsigned char len;
} table[TABLE];
static bool table_made;

/* A few characters of it tell nearly all apart; len > 0. */
static unsigned hash(const char *name, size_t len)
{
    const unsigned char *p = (const unsigned char *)name;
    unsigned h = (unsigned)len * 7 + (p[len - 1] | 0x20u) * 5;
    h += (p[len / 2] | 0x20u) * 31 + (p[len / 4] | 0x20u) * 3;
    return (h ^ (p[len - len / 4 - 1] | 0x20u) * 13) % TABLE;
}

static void make_table(void)
{
    for (size_t k = 0; k < ESL_KEY_COUNT; k++) {
        size_t len = strlen(names[k]);
        unsigned at = hash(names[k], len);
        while (table[at].key)
            at = (at + 1) % TABLE;
        table[at].key = (unsigned char)(k + 1);
        table[at].len = (unsigned char)len;
    }
    table_made = true;
}

/* The index of a key, -1 if it is none that is read. */
static int key_of(const char *name, size_t len)
{
    if (!table_made)
        make_table();
    if (len == 0)
        return -1;
    for (unsigned at = hash(name, len); table[at].key; at = (at + 1) % TABLE) {
        int k = table[at].key - 1;
        if (table[at].len == len && strncasecmp(names[k], name, len) == 0)
            return k;
    }
    return -1;
}

static void set(struct esl_event *out, int key, const char *value)
{
    if (key < 0 || out->v[key]) /* of a repeated key the first counts */
        return;
    out->v[key] = strcmp(value, "_undef_") == 0 ? NULL : value;
}

/* ---- plain ---- */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* %XX to bytes, in place; what is no escape stays. A %00 ends the text. */
static void decode(char *text)
{
    char *to = strchr(text, '%');
    if (!to)
        return;
    for (const char *from = to; *from;) {
        int high = from[0] == '%' ? hex(from[1]) : -1;
        int low = high >= 0 ? hex(from[2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            from += 3;
        } else {
            *to++ = *from++;
        }
    }
    *to = '\0';
}

void esl_event_plain(char *text, size_t len, struct esl_event *out)
{
    char *line = text, *end = text + len;
    memset(out, 0, sizeof *out);
    out->body = "";
    while (line < end && *line != '\n') {
        char *nl = memchr(line, '\n', (size_t)(end - line));
        char *stop = nl ? nl : end;
        *stop = '\0';
        char *colon = memchr(line, ':', (size_t)(stop - line));
        int key = colon ? key_of(line, (size_t)(colon - line)) : -1;
        if (key >= 0) {
            char *value = colon + 1;
            value += *value == ' ';
            decode(value);
            set(out, key, value);
        }
        line = nl ? nl + 1 : end;
    }
    if (line < end)
        out->body = line + 1; /* its own length says no more than where the message ends */
}

/* ---- JSON ---- */

static char *skip_space(char *p)
{
    while (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r')
        p++;
    return p;
}

/* A code unit of \uXXXX as UTF-8; halves of pairs are written as they come. */
static char *put_utf8(char *to, unsigned c)
{
    if (c == 0)
        return to;
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xC0 | (c >> 6));
        *to++ = (char)(0x80 | (c & 0x3F));
    } else {
        *to++ = (char)(0xE0 | (c >> 12));
        *to++ = (char)(0x80 | ((c >> 6) & 0x3F));
        *to++ = (char)(0x80 | (c & 0x3F));
    }
    return to;
}

static char *unescape(char **to, char *from)
{
    static const char codes[] = "bfnrt\"\\/", plain[] = "\b\f\n\r\t\"\\/";
    const char *code = *from ? strchr(codes, *from) : NULL;
    if (code) {
        *(*to)++ = plain[code - codes];
        return from + 1;
    }
    if (*from != 'u')
        return from;
    unsigned c = 0;
    for (int i = 1; i <= 4; i++) {
        int h = hex(from[i]);
        if (h < 0)
            return from + 1;
        c = c * 16 + (unsigned)h;
    }
    *to = put_utf8(*to, c);
    return from + 5;
}

/* A string at its opening quote: decoded in place, *text is it. Returns the place behind it. */
static char *json_string(char *p, char **text)
{
    char *to = *text = ++p;
    for (;;) {
        size_t n = strcspn(p, "\"\\");
        if (to != p)
            memmove(to, p, n);
        to += n;
        p += n;
        if (*p != '\\')
            break;
        p = unescape(&to, p + 1);
    }
    if (!*p)
        return NULL;
    *to = '\0';
    return p + 1;
}

/* Anything that is no string: an array, a number, a word. Returns the place behind it. */
static char *json_other(char *p)
{
    int depth = 0;
    for (; *p; p++) {
        if (*p == '"') {
            char *ignored;
            p = json_string(p, &ignored);
            if (!p)
                return NULL;
            p--;
        } else if (*p == '[' || *p == '{') {
            depth++;
        } else if (*p == ']' || *p == '}') {
            if (depth == 0)
                return p;
            if (--depth == 0)
                return p + 1;
        } else if (*p == ',' && depth == 0) {
            return p;
        }
    }
    return NULL;
}

char *esl_event_json(char *text, struct esl_event *out)
{
    memset(out, 0, sizeof *out);
    out->body = "";
    char *p = skip_space(text);
    if (*p++ != '{')
        return NULL;
    for (;;) {
        char *key, *value = NULL;
        p = skip_space(p);
        if (*p == '}')
            return p + 1;
        if (*p == ',') {
            p++;
            continue;
        }
        if (*p != '"' || !(p = json_string(p, &key)))
            return NULL;
        p = skip_space(p);
        if (*p++ != ':')
            return NULL;
        p = skip_space(p);
        p = *p == '"' ? json_string(p, &value) : json_other(p);
        if (!p)
            return NULL;
        if (!value)
            continue;
        if (strcmp(key, "_body") == 0)
            out->body = value;
        else
            set(out, key_of(key, strlen(key)), value);
    }
}
