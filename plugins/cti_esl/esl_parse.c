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
                p->error = "headers are longer than 64 KiB: the peer is not an event socket";
            break;
        }
        struct esl_msg msg;
        size_t head = (size_t)(end - at);
        if (!read_headers(at, head, &msg)) {
            p->error = "a Content-Length is not a number or over 4 MiB";
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
