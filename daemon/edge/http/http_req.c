/*
 * http_req.c - what handlers ask of a request, and how they answer it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/http/http_priv.h"

#define PROBLEM_MAX  (2u << 20) /* a configuration may be wrong in many places */
#define HEADERS_MAX  4096
#define PAGE_MAX     500
#define PAGE_DEFAULT 100
#define CURSOR_MAX   200

/* ---- reading ---- */

enum http_method http_method(const struct http_req *req)
{
    return req->method;
}

const struct http_route *http_route(const struct http_req *req)
{
    return req->route;
}

const char *http_path(const struct http_req *req)
{
    return req->path;
}

/* A param's name points into the pattern: "id}/verb" or "verb...}". */
const char *http_param(const struct http_req *req, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < req->params_n; i++)
        if (strncmp(req->params[i].name, name, len) == 0 && strchr("}.", req->params[i].name[len]))
            return req->params[i].value;
    return NULL;
}

const char *http_query(const struct http_req *req, const char *name)
{
    for (size_t i = 0; i < req->queries_n; i++)
        if (strcmp(req->queries[i].name, name) == 0)
            return req->queries[i].value[0] ? req->queries[i].value : NULL;
    return NULL;
}

const char *http_header(const struct http_req *req, const char *name)
{
    return http_head_get(&req->head, name);
}

size_t http_header_count(const struct http_req *req)
{
    return req->head.fields_n;
}

void http_header_at(const struct http_req *req, size_t i, const char **name, const char **value)
{
    *name = req->head.fields[i].name;
    *value = req->head.fields[i].value;
}

const char *http_query_text(const struct http_req *req)
{
    return req->query ? req->query : "";
}

bool http_cookie(const struct http_req *req, const char *name, char *out, size_t cap)
{
    const char *p = http_header(req, "Cookie");
    size_t len = strlen(name);
    while (p && *p) {
        p += strspn(p, " ;");
        size_t n = strcspn(p, ";");
        if (n > len && strncmp(p, name, len) == 0 && p[len] == '=')
            return text_copyn(out, cap, p + len + 1, n - len - 1);
        p += n;
    }
    return false;
}

const json_t *http_body(const struct http_req *req)
{
    return req->json;
}

const char *http_body_text(const struct http_req *req, size_t *len)
{
    *len = req->body.len;
    return buf_str(&req->body);
}

void http_take_body(struct http_req *req, struct buf *out)
{
    *out = req->body;
    buf_init(&req->body, out->max);
}

const struct actor *http_actor(const struct http_req *req)
{
    return &req->actor;
}

int64_t http_account(const struct http_req *req)
{
    return req->account;
}

enum http_proof http_proof(const struct http_req *req)
{
    return req->proof;
}

bool http_is_control(const struct http_req *req)
{
    return req->control;
}

bool http_is_tls(const struct http_req *req)
{
    return req->tls;
}

const char *http_peer(const struct http_req *req)
{
    return req->peer;
}

const char *http_token(const struct http_req *req)
{
    return req->token;
}

void http_set_actor(struct http_req *req, const struct actor *actor, int64_t account,
                    enum http_proof proof, const char *token)
{
    req->actor = *actor;
    req->account = account;
    req->proof = proof;
    free(req->token);
    req->token = xstrdup(token);
}

/* "a=1&b=x%20y": name and value, decoded in place. */
bool http_req_queries(struct http_req *req)
{
    req->query = xstrdup(req->head.query);
    for (char *p = req->head.query; p && *p;) {
        char *pair = p;
        p = strchrnul(p, '&');
        if (*p)
            *p++ = '\0';
        if (!*pair)
            continue;
        char *value = strchrnul(pair, '=');
        if (*value)
            *value++ = '\0';
        if (req->queries_n == HTTP_QUERIES_MAX || !http_unescape(pair, true) ||
            !http_unescape(value, true))
            return false;
        req->queries[req->queries_n++] = (struct http_pair){pair, value};
    }
    return true;
}

bool http_query_int(struct http_req *req, const char *name, int64_t min, int64_t max, int64_t def,
                    int64_t *out)
{
    const char *text = http_query(req, name);
    *out = def;
    if (!text || text_int(text, min, max, out) == E_OK)
        return true;
    http_invalid(req, name, "%s must be a whole number from %lld to %lld", name, (long long)min,
                 (long long)max);
    return false;
}

static bool is_cursor(const char *s)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    size_t n = strlen(s);
    return n <= CURSOR_MAX && strspn(s, allowed) == n;
}

/* Any whole number above 0: more than PAGE_MAX, be it as long as it may, is taken as PAGE_MAX. */
static bool page_limit(struct http_req *req, int *limit)
{
    const char *text = http_query(req, "limit");
    int64_t n;
    *limit = PAGE_DEFAULT;
    if (!text)
        return true;
    text += strspn(text, "0");
    if (!*text || strspn(text, "0123456789") != strlen(text)) {
        http_invalid(req, "limit", "limit must be a whole number from 1 to %d", PAGE_MAX);
        return false;
    }
    *limit = text_int(text, 1, PAGE_MAX, &n) == E_OK ? (int)n : PAGE_MAX;
    return true;
}

bool http_query_word(struct http_req *req, const char *name, const char *words)
{
    const char *text = http_query(req, name);
    size_t n = text ? strlen(text) : 0;
    if (!text)
        return true;
    for (const char *p = words; p; p = strchr(p, ',')) {
        p += strspn(p, ", ");
        if (strncmp(p, text, n) == 0 && (p[n] == ',' || !p[n]))
            return true;
    }
    http_invalid(req, name, "%s is not one of %s", name, words);
    return false;
}

bool http_page(struct http_req *req, int *limit, const char **cursor)
{
    if (!page_limit(req, limit))
        return false;
    *cursor = http_query(req, "cursor");
    if (!*cursor || is_cursor(*cursor))
        return true;
    http_invalid(req, "cursor", "cursor is not one that a list answered");
    return false;
}

bool http_page_id(struct http_req *req, int *limit, int64_t *before)
{
    const char *cursor;
    *before = 0;
    if (!http_page(req, limit, &cursor))
        return false;
    if (!cursor || text_int(cursor, 1, INT64_MAX, before) == E_OK)
        return true;
    http_invalid(req, "cursor", "cursor is not one that this list answered");
    return false;
}

bool http_param_id(struct http_req *req, const char *name, int64_t *out)
{
    const char *text = http_param(req, name);
    if (text && text_int(text, 1, INT64_MAX, out) == E_OK)
        return true;
    http_problem(req, 404, "there is no %s", text ? text : name);
    return false;
}

/* Versions are numbers; ETags are quoted (RFC 9110, 8.8.3), so 5, "5" and W/"5" are all read. */
bool http_if_match(struct http_req *req, int64_t *version)
{
    const char *text = http_header(req, "If-Match");
    char number[24];
    *version = 0;
    if (!text || strcmp(text, "*") == 0)
        return true;
    if (text_starts(text, "W/"))
        text += 2;
    size_t n = strlen(text);
    bool quoted = n >= 2 && text[0] == '"' && text[n - 1] == '"';
    if (text_copyn(number, sizeof(number), quoted ? text + 1 : text, quoted ? n - 2 : n) &&
        text_int(number, 1, INT64_MAX, version) == E_OK)
        return true;
    http_problem(req, 412, "If-Match is not a version of this object");
    return false;
}

/* Fields that nobody knows are ignored, but a PATCH of such alone would change nothing unsaid. */
static bool says_something(struct http_req *req)
{
    const char *name;
    json_t *value;
    if (req->method != HTTP_PATCH || !req->route->body || json_object_size(req->json) == 0)
        return true;
    json_object_foreach(req->json, name, value)
    {
        if (http_words_have(req->route->body, name))
            return true;
    }
    name = json_object_iter_key(json_object_iter(req->json));
    http_invalid(req, name, "there is no %.60s that could be changed here", name);
    return false;
}

/* A body up to this is read as JSON on the loop, which takes a millisecond or two. */
#define READ_AT_ONCE 16384

/* A body on its way to JSON; what waits for it. */
struct reading {
    struct http_req *req;
    http_parsed *fn;
    void *ctx;
    struct errmsg why;
};

/* On the reader's thread, or at once: nobody else touches the request meanwhile. */
static void read_json(void *arg, void *local)
{
    struct reading *r = arg;
    struct http_req *req = r->req;
    if (utf8_valid(req->body.data, req->body.len))
        req->json = json_parse(req->body.data, req->body.len, &r->why);
    else
        (void)errmsg_set(&r->why, E_INVALID, "not UTF-8");
}

/* What was read goes on; not when the server has ended meanwhile: its services have too. */
static void json_read(void *arg)
{
    struct reading *r = arg;
    struct reading was = *r;
    free(r);
    if (!was.req->http || !http_reader(was.req->http))
        http_problem(was.req, 503, "the daemon is stopping");
    else if (!was.req->json && text_eq(was.why.text, "not UTF-8"))
        http_invalid(was.req, "body", "the body is not UTF-8");
    else if (!was.req->json)
        http_invalid(was.req, "body", "the body is not JSON: %s", was.why.text);
    else
        was.fn(was.req, was.ctx);
}

void http_read_json(struct http_req *req, http_parsed *fn, void *ctx)
{
    struct reading *r = xcalloc(1, sizeof(*r));
    *r = (struct reading){.req = req, .fn = fn, .ctx = ctx};
    if (req->body.len <= READ_AT_ONCE) {
        read_json(r, NULL);
        json_read(r);
        return;
    }
    struct worker_job job = {.run = read_json, .done = json_read, .arg = r};
    if (worker_submit(http_reader(req->http), &job, false) == E_OK)
        return;
    free(r);
    http_problem(req, 503, "too many large bodies at once: try again");
}

static void run_object(struct http_req *req, void *ctx)
{
    if (!json_is_object(req->json))
        http_invalid(req, "body", "the body must be a JSON object");
    else if (says_something(req))
        req->route->handler(req, ctx);
}

void http_req_run(struct http_req *req, void *ctx)
{
    if (req->route->flags & HTTP_RAW) {
        req->route->handler(req, ctx);
    } else if (req->body.len == 0 || req->method == HTTP_GET) { /* a GET's body says nothing */
        req->json = json_object();
        req->route->handler(req, ctx);
    } else {
        http_read_json(req, run_object, ctx);
    }
}

bool http_req_query_known(struct http_req *req)
{
    if (req->route->flags & HTTP_ANY_QUERY)
        return true;
    for (size_t i = 0; i < req->queries_n; i++) {
        const char *name = req->queries[i].name;
        if (req->route->query && *name && http_words_have(req->route->query, name))
            continue;
        http_invalid(req, name, "%s %s has no parameter %.60s", req->head.method, req->path, name);
        return false;
    }
    return true;
}

void http_req_free(struct http_req *req)
{
    free(req->head_text);
    free(req->segments);
    free(req->path);
    free(req->query);
    free(req->token);
    buf_free(&req->body);
    buf_free(&req->headers);
    json_decref(req->json);
    free(req);
}

/* ---- answering ---- */

void http_add_header(struct http_req *req, const char *name, const char *value)
{
    if (!req->headers.max)
        buf_init(&req->headers, HEADERS_MAX);
    buf_printf(&req->headers, "%s: %s\r\n", name, value);
}

static void count(struct http_req *req, int status)
{
    int64_t us = clock_mono_us() - req->started_us;
    if (req->http)
        http_note(req->http, status, us);
    log_debug(NULL, "http %s: %s %s %d %lld us", req->peer, req->head.method, req->path, status,
              (long long)us);
}

/* Whether part of the request's body was not read: then the connection cannot go on. */
static bool unread(const struct http_req *req)
{
    return req->conn && req->conn->state == HC_BODY;
}

void http_reply(struct http_req *req, int status, const char *type, const void *body, size_t len)
{
    count(req, status);
    struct http_conn *c = req->conn;
    if (c) {
        bool close = !req->head.keep_alive || unread(req);
        http_conn_send(c, status, type, &req->headers, req->head_only ? NULL : body, len, close);
        c->req = NULL;
        http_conn_done(c, close);
    }
    http_req_free(req);
}

void http_reply_json(struct http_req *req, int status, const char *body, size_t len)
{
    http_reply(req, status, status == 204 ? NULL : "application/json", body, len);
}

void http_problem_json(struct buf *out, int status, const char *detail, const struct verb_out *v)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", "about:blank");
    jw_kstr(&w, "title", http_status_text(status));
    jw_kint(&w, "status", status);
    if (detail && *detail)
        jw_kstr(&w, "detail", detail);
    if (v && v->field[0])
        jw_kstr(&w, "field", v->field);
    if (v && v->state[0])
        jw_kstr(&w, "state", v->state);
    if (v && v->responder[0])
        jw_kstr(&w, "responder", v->responder);
    if (v && v->allowed[0])
        jw_kraw(&w, "allowed", v->allowed);
    jw_end_obj(&w);
}

static void send_problem(struct http_req *req, int status, const char *detail,
                         const struct verb_out *v)
{
    struct buf out = BUF_INIT(PROBLEM_MAX);
    http_problem_json(&out, status, detail, v);
    if (status == 503 || status == 429)
        http_add_header(req, "Retry-After", status == 503 ? "1" : "60");
    if (status == 401)
        http_add_header(req, "WWW-Authenticate", "Bearer realm=\"steward\"");
    http_reply(req, status, "application/problem+json", out.data, out.len);
    buf_free(&out);
}

void http_problem(struct http_req *req, int status, const char *fmt, ...)
{
    char detail[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(detail, sizeof(detail), fmt, ap);
    va_end(ap);
    send_problem(req, status, detail, NULL);
}

void http_invalid(struct http_req *req, const char *field, const char *fmt, ...)
{
    struct verb_out v = {0};
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(v.text, sizeof(v.text), fmt, ap);
    va_end(ap);
    text_copy(v.field, sizeof(v.field), field);
    send_problem(req, 422, v.text, &v);
}

void http_problem_code(struct http_req *req, int status, const char *code, const char *detail)
{
    struct buf out = BUF_INIT(PROBLEM_MAX);
    struct jw w;
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "type", "about:blank");
    jw_kstr(&w, "title", http_status_text(status));
    jw_kint(&w, "status", status);
    jw_kstr(&w, "code", code);
    jw_kstr(&w, "detail", detail);
    jw_end_obj(&w);
    http_reply(req, status, "application/problem+json", out.data, out.len);
    buf_free(&out);
}

static const struct {
    int code, status;
    const char *text; /* where the cause is not known better */
} codes[] = {
    {E_OK, 200, NULL},
    {E_INVALID, 422, "something in the request is wrong"},
    {E_NOTFOUND, 404, "there is no such object"},
    {E_CONFLICT, 409, "the object's state forbids that"},
    {E_EXISTS, 409, "it exists already"},
    {E_CONSTRAINT, 409, "it contradicts what is stored"},
    {E_STALE, 412, "the object has changed meanwhile"},
    {E_DENIED, 403, "that is not yours to do"},
    {E_UNAUTHORIZED, 401, "who are you?"},
    {E_TOOBIG, 413, "too large"},
    {E_BUSY, 503, "busy: try again"},
    {E_IO, 503, "the store cannot take it just now: try again"},
    {E_UNCERTAIN, 503, "it is not known whether this was stored: look before trying again"},
    {E_FATAL, 503, "the store has failed"},
    {E_CANCELLED, 503, "the daemon is stopping"},
    {E_RATE, 429, "too often: wait a little"},
    {E_UNSUPPORTED, 501, "not supported"},
    {E_TIMEOUT, 504, "no answer in time"},
    {E_PROTOCOL, 502, "the other side answered nonsense"},
};

static size_t code_row(int rc)
{
    for (size_t i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].code == rc)
            return i;
    return ARRAY_LEN(codes);
}

int http_status_of(int rc)
{
    size_t i = code_row(rc);
    return i < ARRAY_LEN(codes) ? codes[i].status : 500;
}

void http_fail(struct http_req *req, int rc, const struct verb_out *out, const struct errmsg *why)
{
    size_t i = code_row(rc);
    const char *detail = i < ARRAY_LEN(codes) ? codes[i].text : "an internal error";
    if (out && out->text[0])
        detail = out->text;
    else if (why && why->text[0])
        detail = why->text;
    send_problem(req, http_status_of(rc), detail, out);
}
