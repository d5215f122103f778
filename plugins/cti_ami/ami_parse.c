/*
 * ami_parse.c - bytes of a manager connection to messages, wherever they are split.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami_parse.h"

#define BANNER_MAX 256

void ami_parser_reset(struct ami_parser *p)
{
    free(p->scratch);
    *p = (struct ami_parser){0};
}

/* A writable copy of one message, with a NUL behind it. */
static char *scratch(struct ami_parser *p, const char *data, size_t len)
{
    if (len + 1 > p->scratch_cap) {
        size_t cap = len + 1 < 16384 ? 16384 : len + 1;
        char *bigger = realloc(p->scratch, cap);
        if (!bigger)
            abort();
        p->scratch = bigger;
        p->scratch_cap = cap;
    }
    memcpy(p->scratch, data, len);
    p->scratch[len] = '\0';
    return p->scratch;
}

static void add_field(struct ami_msg *msg, char *line)
{
    char *colon = strchr(line, ':');
    if (!colon || msg->count >= AMI_FIELDS_MAX)
        return;
    *colon = '\0';
    char *value = colon + 1;
    if (*value == ' ')
        value++;
    size_t n = strlen(value);
    while (n > 0 && (value[n - 1] == '\n' || value[n - 1] == '\r'))
        value[--n] = '\0';
    msg->fields[msg->count++] =
        (struct ami_field){.key = line, .value = value, .key_len = (size_t)(colon - line)};
}

/* Cut the text into lines; false when one is too long. */
static bool split(bool lf, char *text, size_t len, struct ami_msg *msg)
{
    const char *eol = lf ? "\n" : "\r\n";
    size_t eol_len = lf ? 1 : 2;
    char *line = text, *end = text + len;
    while (line < end) {
        char *next = memmem(line, (size_t)(end - line), eol, eol_len);
        char *stop = next ? next : end;
        if ((size_t)(stop - line) > AMI_LINE_MAX)
            return false;
        *stop = '\0';
        add_field(msg, line);
        line = next ? next + eol_len : end;
    }
    return true;
}

/* Events that nobody reads (most of the bytes, by far) are passed over unparsed. */
static bool wanted(const struct ami_sink *sink, const char *data, size_t len)
{
    static const char head[] = "Event: ";
    const size_t n = sizeof head - 1;
    if (!sink->wanted || len < n || memcmp(data, head, n) != 0)
        return true;
    const char *name = data + n, *stop = memchr(name, '\r', len - n);
    return !stop || sink->wanted(name, (size_t)(stop - name));
}

static void one_message(struct ami_parser *p, const struct ami_sink *sink, const char *data,
                        size_t len)
{
    if (len == 0 || !wanted(sink, data, len))
        return;
    struct ami_msg msg;
    msg.count = 0;
    if (!split(p->lf, scratch(p, data, len), len, &msg))
        p->error = "a line is longer than 64 KiB";
    else if (msg.count > 0)
        sink->message(sink->ctx, &msg);
}

/* One line before the protocol begins: whoever sends another is no manager. */
static size_t read_banner(struct ami_parser *p, const struct ami_sink *sink, const char *data,
                          size_t len)
{
    const char *nl = memchr(data, '\n', len);
    if (!nl || nl - data > BANNER_MAX) {
        if (nl || len > BANNER_MAX)
            p->error = "no banner: the peer is not an Asterisk manager";
        return 0;
    }
    char line[BANNER_MAX + 1];
    size_t n = (size_t)(nl - data);
    p->lf = n == 0 || data[n - 1] != '\r';
    n -= p->lf ? 0 : 1;
    memcpy(line, data, n);
    line[n] = '\0';
    p->banner = true;
    if (!sink->banner(sink->ctx, line))
        p->error = "no banner: the peer is not an Asterisk manager";
    return (size_t)(nl - data) + 1;
}

/* No end in sight: refuse what can never become a message. */
static void check_limits(struct ami_parser *p, const char *data, size_t len)
{
    if (len > AMI_MESSAGE_MAX)
        p->error = "a message is longer than 1 MiB";
    else if (len > AMI_LINE_MAX && !memrchr(data + len - AMI_LINE_MAX, '\n', AMI_LINE_MAX))
        p->error = "a line is longer than 64 KiB";
    else if (!p->lf && len > AMI_LINE_MAX && !memchr(data, '\r', AMI_LINE_MAX))
        p->error = "lines do not end with CRLF";
}

size_t ami_parse(struct ami_parser *p, const struct ami_sink *sink, const char *data, size_t len)
{
    size_t used = 0;
    if (!p->error && !p->banner)
        used = read_banner(p, sink, data, len);
    while (!p->error && p->banner && used < len) {
        const char *at = data + used;
        size_t left = len - used;
        const char *first = memchr(at, '\n', left);
        if (first)
            p->lf = first == at || first[-1] != '\r';
        const char *end = p->lf ? "\n\n" : "\r\n\r\n";
        size_t end_len = p->lf ? 2 : 4, eol_len = end_len / 2;
        if (left >= eol_len && memcmp(at, end, eol_len) == 0) { /* a stray empty line */
            used += eol_len;
            continue;
        }
        size_t from = p->scanned > end_len ? p->scanned - end_len : 0;
        const char *stop = memmem(at + from, left - from, end, end_len);
        if (!stop) {
            p->scanned = left;
            check_limits(p, at, left);
            break;
        }
        p->scanned = 0;
        used += (size_t)(stop - at) + end_len;
        one_message(p, sink, at, (size_t)(stop - at));
    }
    return used;
}

const char *ami_get(const struct ami_msg *msg, const char *key)
{
    return ami_get2(msg, "", key);
}

const char *ami_get2(const struct ami_msg *msg, const char *prefix, const char *key)
{
    size_t a = strlen(prefix), b = strlen(key);
    for (size_t i = 0; i < msg->count; i++) {
        const struct ami_field *f = &msg->fields[i];
        if (f->key_len == a + b && strncasecmp(f->key, prefix, a) == 0 &&
            strcasecmp(f->key + a, key) == 0)
            return f->value;
    }
    return NULL;
}

const char *ami_known(const char *value)
{
    if (!value || !*value || strcmp(value, "<unknown>") == 0 || strcasecmp(value, "unknown") == 0)
        return NULL;
    return value;
}
