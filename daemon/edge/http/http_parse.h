/*
 * http_parse.h - HTTP/1.1 requests from bytes, strictly (RFC 9112): pure, without sockets.
 *
 * Whatever two parsers could read differently is refused, because that is how requests are
 * smuggled past a proxy: bare LF or CR, NUL, blanks or controls in a field name, folded lines,
 * repeated or odd Content-Length, Transfer-Encoding other than one "chunked", or beside a length,
 * no Host or several.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

#define HTTP_HEAD_MAX    32768 /* bytes of request line and fields */
#define HTTP_HEADERS_MAX 100
#define HTTP_TARGET_MAX  8192

struct http_field {
    const char *name, *value;
};

/** A request's head. All text points into the (changed) bytes that were parsed. */
struct http_head {
    const char *method; /* any token */
    char *path;         /* as sent, without query; starts with '/' ("*" for OPTIONS) */
    char *query;        /* after '?'; NULL if none */
    int minor;          /* HTTP/1.minor: 0 or 1 */
    struct http_field fields[HTTP_HEADERS_MAX];
    size_t fields_n;
    const char *host; /* NULL: HTTP/1.0 without one */
    int64_t length;   /* Content-Length, -1 if none */
    bool chunked;
    bool keep_alive;
    bool expect_continue;
};

/** Why a request is refused. */
struct http_refusal {
    int status; /* 400, 414, 417, 431, 501, 505 */
    const char *why;
};

/**
 * Looks for the end of a head. > 0: its length, with the empty line; 0: more bytes are needed;
 * -1: refused already (bare line feeds and so on, or too long), r filled. Empty lines in front
 * (RFC 9112, 2.2) count into *skip, which is set to the bytes before the request line.
 */
int http_head_end(const char *data, size_t len, size_t *skip, struct http_refusal *r);
/** Parses text[0..len), as http_head_end() measured it, in place. 0, or -1 with r filled. */
int http_head_parse(char *text, size_t len, struct http_head *out, struct http_refusal *r);
/** The value of a field by its name in any case; NULL if absent. Of repeated ones the first. */
const char *http_head_get(const struct http_head *h, const char *name);

/** Decodes a chunked body. Zero-initialise. */
struct http_chunks {
    int state;
    uint64_t left;  /* of the present chunk's data, or its size as read so far */
    size_t line;    /* bytes of the present line of size, extension or trailer */
    size_t trailer; /* bytes of trailer lines in all */
    int digits;
};
enum { HTTP_CHUNKS_MORE, HTTP_CHUNKS_END, HTTP_CHUNKS_BAD, HTTP_CHUNKS_BIG };
/** Takes bytes, appends data to body (whose maximum bounds it), sets *used. */
int http_chunks_feed(struct http_chunks *c, const char *data, size_t len, size_t *used,
                     struct buf *body);

/** Percent-decodes in place ('+' is a blank if plus). False: bad escape, NUL or no UTF-8. */
bool http_unescape(char *text, bool plus);
