/*
 * http_route.c - from method and path to the handler's row, and who may use it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/http/http_priv.h"

static const struct {
    const char *name;
    enum http_method method;
} methods[] = {
    {"GET", HTTP_GET},     {"HEAD", HTTP_GET}, {"POST", HTTP_POST},
    {"PATCH", HTTP_PATCH}, {"PUT", HTTP_PUT},  {"DELETE", HTTP_DELETE},
};

enum http_method http_method_parse(const char *name, bool *head_only)
{
    *head_only = strcmp(name, "HEAD") == 0;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(name, methods[i].name) == 0)
            return methods[i].method;
    return 0;
}

void http_method_list(unsigned mask, struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (mask & methods[i].method)
            buf_printf(out, "%s%s", out->len ? ", " : "", methods[i].name);
}

/* Cuts "/a/b%20c" into decoded segments; their number, or -1 (too many, or a bad escape). */
static int split(char *path, char **segments, int max)
{
    int n = 0;
    for (char *segment = path + 1, *end; segment; segment = end) {
        end = strchr(segment, '/');
        if (end)
            *end++ = '\0';
        if (n == max || !http_unescape(segment, false))
            return -1;
        segments[n++] = segment;
    }
    return n;
}

#define SEGMENTS_MAX 12

/* "{verb...}" takes the segments from `at` on, joined by slashes again. Decoding only shortened
 * them, so each moves left, if at all. */
static void take_rest(char **segments, int at, int n)
{
    char *out = segments[at] + strlen(segments[at]);
    for (int i = at + 1; i < n; i++) {
        size_t len = strlen(segments[i]);
        *out++ = '/';
        memmove(out, segments[i], len);
        out += len;
    }
    *out = '\0';
}

/* One pattern against the segments; params only point into them. */
static bool match(const char *pattern, char **segments, int n, struct http_req *req, int *rest)
{
    req->params_n = 0;
    *rest = -1;
    int i = 0;
    for (const char *p = pattern; *p; i++) {
        const char *segment = p + 1;
        p = strchrnul(segment, '/');
        size_t len = (size_t)(p - segment);
        if (i >= n)
            return false;
        if (segment[0] != '{') {
            if (strlen(segments[i]) != len || memcmp(segments[i], segment, len) != 0)
                return false;
            continue;
        }
        if (!segments[i][0])
            return false;
        req->params[req->params_n++] = (struct http_pair){segment + 1, segments[i]};
        if (len > 5 && memcmp(segment + len - 4, "...}", 4) == 0) {
            *rest = i;
            return true;
        }
    }
    return i == n;
}

const struct http_route *http_route_find(const struct http_route *const *tables,
                                         struct http_req *req, enum http_method method,
                                         unsigned *allow)
{
    char *segments[SEGMENTS_MAX];
    req->segments = xstrdup(req->head.path);
    int n = split(req->segments, segments, SEGMENTS_MAX);
    *allow = 0;
    if (n < 0)
        return NULL;
    for (; *tables; tables++) {
        for (const struct http_route *r = *tables; r->path; r++) {
            int rest;
            if (!match(r->path, segments, n, req, &rest))
                continue;
            *allow |= r->method;
            if (r->method != method)
                continue;
            if (rest >= 0)
                take_rest(segments, rest, n);
            return r;
        }
    }
    req->params_n = 0;
    return NULL;
}

bool http_words_have(const char *words, const char *name)
{
    size_t len = strlen(name);
    for (const char *p = words; *p; p += strcspn(p, " "), p += strspn(p, " "))
        if (strncmp(p, name, len) == 0 && strchr(" :!", p[len]))
            return true;
    return false;
}

bool http_route_once(const struct http_route *route)
{
    return route->method == HTTP_POST && !(route->flags & HTTP_REPEAT);
}

static uint32_t bit_of(const struct http_req *req)
{
    return req->actor.kind == STAFF_PERSON ? MAY_ROLE(req->actor.role)
                                           : MAY_MACHINE(req->actor.kind);
}

int http_route_may(const struct http_route *route, const struct http_req *req)
{
    if (route->may & MAY_ANYONE)
        return E_OK;
    if (req->proof == HTTP_NOBODY)
        return E_UNAUTHORIZED;
    if (req->actor.kind == STAFF_DEV || req->proof == HTTP_BY_SOCKET)
        return E_OK;
    return route->may & bit_of(req) ? E_OK : E_DENIED;
}
