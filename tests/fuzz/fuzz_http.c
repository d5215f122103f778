/*
 * fuzz_http.c - any bytes as an HTTP request: head, chunked body, escapes; cut anywhere, the
 * outcome is the same. Then the same bytes as JSON, which bodies are.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "edge/http/http_parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is not refused must hold what the rules promise. */
static void check_head(const struct http_head *h)
{
    if (h->fields_n > HTTP_HEADERS_MAX || (h->chunked && h->length >= 0))
        abort();
    if ((h->minor == 1 && !h->host) || (h->path[0] != '/' && strcmp(h->path, "*") != 0))
        abort();
    for (size_t i = 0; i < h->fields_n; i++)
        if (!h->fields[i].name[0] || strpbrk(h->fields[i].name, " \t:\r\n"))
            abort();
}

static void unescape(const char *text, bool plus)
{
    char *copy = strdup(text);
    if (http_unescape(copy, plus) && !utf8_valid(copy, strlen(copy)))
        abort();
    free(copy);
}

static void try_head(const char *data, size_t size)
{
    struct http_refusal r = {0};
    struct http_head head;
    size_t skip;
    int end = http_head_end(data, size, &skip, &r);
    if (end < 0 && (!r.status || !r.why))
        abort();
    if (end <= 0)
        return;
    size_t len = (size_t)end - skip;
    char *text = malloc(len + 1);
    memcpy(text, data + skip, len);
    text[len] = '\0';
    if (http_head_parse(text, len, &head, &r) == 0) {
        check_head(&head);
        unescape(head.path, false);
        if (head.query)
            unescape(head.query, true);
    }
    free(text);
}

/* In pieces of `step` bytes; the outcome and the body's length. */
static int feed(const char *data, size_t size, size_t step, size_t *length)
{
    struct http_chunks chunks = {0};
    struct buf body = BUF_INIT(4096);
    int outcome = HTTP_CHUNKS_MORE;
    for (size_t at = 0; at < size && outcome == HTTP_CHUNKS_MORE;) {
        size_t used, n = size - at < step ? size - at : step;
        outcome = http_chunks_feed(&chunks, data + at, n, &used, &body);
        at += used;
        if (outcome == HTTP_CHUNKS_MORE && used != n)
            abort();
    }
    *length = body.len;
    buf_free(&body);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    size_t whole, pieces;
    struct errmsg why;
    try_head(text, size);
    int one = feed(text, size, size ? size : 1, &whole), other = feed(text, size, 1, &pieces);
    if (one != other || (one != HTTP_CHUNKS_BIG && whole != pieces))
        abort();
    json_t *v = json_parse(text, size, &why);
    json_decref(v);
    return 0;
}
