/*
 * http_parse.c - HTTP/1.1 requests from bytes, strictly (RFC 9112).
 */
#include "edge/http/http_parse.h"

#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"

#define CHUNK_LINE_MAX 256
#define TRAILER_MAX    8192

static int refuse(struct http_refusal *r, int status, const char *why)
{
    *r = (struct http_refusal){status, why};
    return -1;
}

/* Token characters of RFC 9110, 5.6.2. */
static bool is_tchar(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *s)
{
    if (!*s)
        return false;
    while (is_tchar((unsigned char)*s))
        s++;
    return !*s;
}

/* ---- the head ---- */

int http_head_end(const char *data, size_t len, size_t *skip, struct http_refusal *r)
{
    size_t start = 0;
    while (start + 1 < len && start < 8 && data[start] == '\r' && data[start + 1] == '\n')
        start += 2;
    *skip = start;
    for (size_t i = start; i < len; i++) {
        unsigned char c = (unsigned char)data[i];
        if (c == '\0')
            return refuse(r, 400, "a NUL byte in the head");
        if (c == '\n')
            return refuse(r, 400, "a line that ends without carriage return");
        if (i - start >= HTTP_HEAD_MAX)
            return refuse(r, 431, "the head is larger than 32768 bytes");
        if (c != '\r')
            continue;
        if (i + 1 == len)
            return 0;
        if (data[i + 1] != '\n')
            return refuse(r, 400, "a carriage return without line feed");
        i++; /* now on the line feed */
        if (i + 2 < len && data[i + 1] == '\r' && data[i + 2] == '\n')
            return (int)(i + 3);
    }
    return 0;
}

/* Cuts the line at text off its CRLF and returns where the next one starts. */
static char *cut_line(char *text)
{
    char *end = strstr(text, "\r\n");
    *end = '\0';
    return end + 2;
}

static int parse_version(const char *v, struct http_head *out, struct http_refusal *r)
{
    if (strcmp(v, "HTTP/1.1") != 0 && strcmp(v, "HTTP/1.0") != 0)
        return refuse(r, 400, "the version must be HTTP/1.1 or HTTP/1.0");
    out->minor = v[7] - '0';
    return 0;
}

/* absolute-form ("http://host/path", RFC 9112, 3.2.2) loses scheme and authority. */
static char *origin_form(char *target)
{
    const char *rest = NULL;
    if (strncasecmp(target, "http://", 7) == 0)
        rest = target + 7;
    else if (strncasecmp(target, "https://", 8) == 0)
        rest = target + 8;
    if (!rest || !*rest || strchr("/?#", *rest))
        return target;
    char *path = target + (rest - target) + strcspn(rest, "/?");
    if (*path == '/')
        return path;
    path[-1] = '/'; /* "http://host?x" and "http://host": a slash in place of the last letter */
    return path - 1;
}

static int parse_target(char *target, struct http_head *out, struct http_refusal *r)
{
    if (strlen(target) > HTTP_TARGET_MAX)
        return refuse(r, 414, "the target is longer than 8192 bytes");
    for (const unsigned char *p = (const unsigned char *)target; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f)
            return refuse(r, 400, "a character in the target that must be escaped");
    if (strchr(target, '#'))
        return refuse(r, 400, "a fragment in the target");
    if (strcmp(target, "*") == 0 && strcmp(out->method, "OPTIONS") == 0) {
        out->path = target;
        return 0;
    }
    out->path = origin_form(target);
    if (out->path[0] != '/')
        return refuse(r, 400, "the target must be a path");
    out->query = strchr(out->path, '?');
    if (out->query)
        *out->query++ = '\0';
    return 0;
}

static int parse_request_line(char *line, struct http_head *out, struct http_refusal *r)
{
    char *target = strchr(line, ' ');
    char *version = target ? strchr(target + 1, ' ') : NULL;
    if (!version || strchr(version + 1, ' '))
        return refuse(r, 400, "the request line must be METHOD TARGET VERSION");
    *target++ = '\0';
    *version++ = '\0';
    out->method = line;
    if (!is_token(line))
        return refuse(r, 400, "the method is not a token");
    if (parse_version(version, out, r) < 0)
        return -1;
    return parse_target(target, out, r);
}

static int parse_field(char *line, struct http_head *out, struct http_refusal *r)
{
    if (*line == ' ' || *line == '\t')
        return refuse(r, 400, "a folded header line");
    char *colon = strchr(line, ':');
    if (!colon)
        return refuse(r, 400, "a header line without colon");
    *colon = '\0';
    if (!is_token(line))
        return refuse(r, 400, "a blank or another bad character in a header name");
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t n = strlen(value);
    while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
        value[--n] = '\0';
    for (const unsigned char *p = (const unsigned char *)value; *p; p++)
        if ((*p < 0x20 && *p != '\t') || *p == 0x7f)
            return refuse(r, 400, "a control character in a header value");
    if (out->fields_n == HTTP_HEADERS_MAX)
        return refuse(r, 431, "more than 100 header lines");
    out->fields[out->fields_n++] = (struct http_field){line, value};
    return 0;
}

static int take_length(struct http_head *out, const char *value, struct http_refusal *r)
{
    if (out->length >= 0)
        return refuse(r, 400, "Content-Length is given twice");
    if (strspn(value, "0123456789") != strlen(value) ||
        text_int(value, 0, INT64_MAX, &out->length) < 0)
        return refuse(r, 400, "Content-Length is not a number");
    return 0;
}

static int take_encoding(struct http_head *out, const char *value, struct http_refusal *r)
{
    if (out->chunked)
        return refuse(r, 400, "Transfer-Encoding is given twice");
    if (strcasecmp(value, "chunked") != 0)
        return refuse(r, 501, "the only Transfer-Encoding taken is chunked");
    if (out->minor == 0)
        return refuse(r, 400, "Transfer-Encoding in HTTP/1.0");
    out->chunked = true;
    return 0;
}

static int take_host(struct http_head *out, const char *value, struct http_refusal *r)
{
    if (out->host)
        return refuse(r, 400, "Host is given twice");
    for (const char *p = value; *p; p++)
        if (!is_tchar((unsigned char)*p) && !strchr(":[](),;=", *p))
            return refuse(r, 400, "Host is not a host");
    out->host = value;
    return 0;
}

/* True if the comma-separated list has the word. */
static bool list_has(const char *list, const char *word)
{
    size_t n = strlen(word);
    while (*list) {
        list += strspn(list, " \t,");
        size_t len = strcspn(list, " \t,");
        if (len == n && strncasecmp(list, word, n) == 0)
            return true;
        list += len;
    }
    return false;
}

static int take_connection(struct http_head *out, const char *value, struct http_refusal *r)
{
    if (list_has(value, "close"))
        out->keep_alive = false;
    else if (out->minor == 0 && list_has(value, "keep-alive"))
        out->keep_alive = true;
    return 0;
}

static int take_expect(struct http_head *out, const char *value, struct http_refusal *r)
{
    if (strcasecmp(value, "100-continue") != 0)
        return refuse(r, 417, "the only Expect taken is 100-continue");
    out->expect_continue = out->minor == 1;
    return 0;
}

/* The fields that say how a message is framed or routed. */
static const struct {
    const char *name;
    int (*take)(struct http_head *out, const char *value, struct http_refusal *r);
} framing[] = {
    {"Content-Length", take_length},
    {"Transfer-Encoding", take_encoding},
    {"Host", take_host},
    {"Connection", take_connection},
    {"Expect", take_expect},
};

/* Fields that say one thing: of two, a proxy and we could believe different ones. */
static const char *const single[] = {"Authorization", "Idempotency-Key", "If-Match"};

static int check_single(const struct http_head *head, struct http_refusal *r)
{
    for (size_t k = 0; k < sizeof(single) / sizeof(single[0]); k++) {
        int times = 0;
        for (size_t i = 0; i < head->fields_n; i++)
            times += strcasecmp(head->fields[i].name, single[k]) == 0;
        if (times > 1)
            return refuse(r, 400, "Authorization, Idempotency-Key or If-Match is given twice");
    }
    return 0;
}

static int take_framing(struct http_head *out, struct http_refusal *r)
{
    for (size_t i = 0; i < out->fields_n; i++)
        for (size_t k = 0; k < sizeof(framing) / sizeof(framing[0]); k++)
            if (strcasecmp(out->fields[i].name, framing[k].name) == 0 &&
                framing[k].take(out, out->fields[i].value, r) < 0)
                return -1;
    if (check_single(out, r) < 0)
        return -1;
    if (out->chunked && out->length >= 0)
        return refuse(r, 400, "Content-Length beside Transfer-Encoding");
    if (!out->host && out->minor == 1)
        return refuse(r, 400, "no Host");
    return 0;
}

int http_head_parse(char *text, size_t len, struct http_head *out, struct http_refusal *r)
{
    memset(out, 0, sizeof(*out));
    out->length = -1;
    text[len - 2] = '\0'; /* the empty line becomes the end of the text */
    char *next = cut_line(text);
    if (parse_request_line(text, out, r) < 0)
        return -1;
    while (*next) {
        char *line = next;
        next = cut_line(line);
        if (parse_field(line, out, r) < 0)
            return -1;
    }
    out->keep_alive = out->minor == 1;
    return take_framing(out, r);
}

const char *http_head_get(const struct http_head *h, const char *name)
{
    for (size_t i = 0; i < h->fields_n; i++)
        if (strcasecmp(h->fields[i].name, name) == 0)
            return h->fields[i].value;
    return NULL;
}

/* ---- chunked bodies ---- */

enum chunk_state { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, TRAILER, TRAILER_LF, DONE };

static int hex_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/* One byte of the size itself; at most 15 digits, so that nothing overflows. */
static bool feed_size(struct http_chunks *c, char ch)
{
    int v = hex_of(ch);
    if (v >= 0) {
        c->left = c->left << 4 | (uint64_t)v;
        return ++c->digits <= 15;
    }
    if (c->digits == 0 || (ch != '\r' && ch != ';'))
        return false;
    c->state = ch == '\r' ? SIZE_LF : EXTENSION;
    return true;
}

/* Text up to CR: an extension or a trailer line; both are ignored. */
static bool feed_text(struct http_chunks *c, char ch, int after, size_t max)
{
    if (ch == '\r') {
        c->state = after;
        return true;
    }
    unsigned char u = (unsigned char)ch;
    return ++c->line <= max && (u >= 0x20 || ch == '\t') && u != 0x7f;
}

static bool expect(struct http_chunks *c, char ch, char wanted, int after)
{
    c->state = after;
    return ch == wanted;
}

/* The line feed after a size: data follows, or the trailer after the last chunk. */
static bool feed_size_lf(struct http_chunks *c, char ch)
{
    c->line = 0;
    c->digits = 0;
    return expect(c, ch, '\n', c->left ? DATA : TRAILER);
}

/* An empty trailer line ends the body. */
static bool feed_trailer_lf(struct http_chunks *c, char ch)
{
    bool last = c->line == 0;
    c->trailer += c->line;
    c->line = 0;
    return expect(c, ch, '\n', last ? DONE : TRAILER) && c->trailer <= TRAILER_MAX;
}

static bool feed_byte(struct http_chunks *c, char ch)
{
    switch ((enum chunk_state)c->state) {
    case SIZE:
        return feed_size(c, ch);
    case EXTENSION:
        return feed_text(c, ch, SIZE_LF, CHUNK_LINE_MAX);
    case SIZE_LF:
        return feed_size_lf(c, ch);
    case DATA_CR:
        return expect(c, ch, '\r', DATA_LF);
    case DATA_LF:
        return expect(c, ch, '\n', SIZE);
    case TRAILER:
        return feed_text(c, ch, TRAILER_LF, TRAILER_MAX);
    case TRAILER_LF:
        return feed_trailer_lf(c, ch);
    case DATA:
    case DONE:
        break;
    }
    return false;
}

int http_chunks_feed(struct http_chunks *c, const char *data, size_t len, size_t *used,
                     struct buf *body)
{
    size_t i = 0;
    int outcome = HTTP_CHUNKS_MORE;
    while (i < len && c->state != DONE && outcome == HTTP_CHUNKS_MORE) {
        if (c->state != DATA) {
            outcome = feed_byte(c, data[i++]) ? HTTP_CHUNKS_MORE : HTTP_CHUNKS_BAD;
            continue;
        }
        size_t n = len - i < c->left ? len - i : (size_t)c->left;
        buf_add(body, data + i, n);
        i += n;
        c->left -= n;
        if (c->left == 0)
            c->state = DATA_CR;
        if (body->overflow)
            outcome = HTTP_CHUNKS_BIG;
    }
    *used = i;
    return c->state == DONE && outcome == HTTP_CHUNKS_MORE ? HTTP_CHUNKS_END : outcome;
}

/* ---- escapes ---- */

bool http_unescape(char *text, bool plus)
{
    char *out = text;
    for (const char *p = text; *p; p++) {
        if (*p == '+' && plus) {
            *out++ = ' ';
            continue;
        }
        if (*p != '%') {
            *out++ = *p;
            continue;
        }
        int high = hex_of(p[1]), low = high < 0 ? -1 : hex_of(p[2]);
        if (low < 0 || (high == 0 && low == 0))
            return false;
        *out++ = (char)(high << 4 | low);
        p += 2;
    }
    *out = '\0';
    return utf8_valid(text, (size_t)(out - text));
}
