/*
 * http.h - the HTTP/1.1 server: connections, routes, requests and their answers.
 *
 * It reads requests itself, over base/conn.h, because libevent's evhttp takes what a server behind
 * a proxy must refuse (docs/http.md, "What is refused"). One request at a time is carried out per
 * connection; pipelined ones wait their turn. Loop thread only, except where a comment says that
 * a function only reads what does not change.
 *
 * A handler gets a struct http_req and answers exactly once, now or later, with one of the
 * http_reply…() or http_problem…() functions, or turns it into a stream. The request stays valid
 * until then, even when its client, or the server, has gone: the answer is dropped.
 *
 * It knows no product word but who asks (staff/actor.h); it needs staff/ and the spine.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/conn.h"
#include "base/err.h"
#include "base/loop.h"
#include "spine/metrics.h"
#include "service/staff/actor.h"
#include "spine/refusal.h"

struct http;
struct http_req;
struct http_stream;

enum http_method {
    HTTP_GET = 1, /* HEAD too: the server leaves out the body */
    HTTP_POST = 2,
    HTTP_PATCH = 4,
    HTTP_PUT = 8,
    HTTP_DELETE = 16,
};

/* Who may call a route: a mask of roles and of kinds of machines. `dev` may everything. */
#define MAY_ROLE(role)  (1u << (role))
#define MAY_MACHINE(k)  (1u << (16 + (k)))
#define MAY_INTEGRATION MAY_MACHINE(STAFF_INTEGRATION)
#define MAY_MONITOR     MAY_MACHINE(STAFF_MONITOR)
#define MAY_PBX         MAY_MACHINE(STAFF_PBX)
#define MAY_SUPERVISE                                                                              \
    (MAY_ROLE(ROLE_SUPERVISOR) | MAY_ROLE(ROLE_MANAGER) | MAY_ROLE(ROLE_DIRECTOR) |                \
     MAY_ROLE(ROLE_ADMIN))
/** Everybody who works here but an auditor. */
#define MAY_STAFF (MAY_SUPERVISE | MAY_ROLE(ROLE_AGENT) | MAY_ROLE(ROLE_DEPARTMENT))
/** Whoever may read: staff, auditors, integrations, monitors. */
#define MAY_READ   (MAY_STAFF | MAY_ROLE(ROLE_AUDITOR) | MAY_INTEGRATION | MAY_MONITOR)
#define MAY_ADMIN  MAY_ROLE(ROLE_ADMIN)
#define MAY_ANYONE (1u << 31) /* no sign-in asked */

enum http_flags {
    HTTP_RAW = 1,       /* the body is not read as JSON: http_body_text(), http_read_json() */
    HTTP_BIG = 2,       /* the body may be 64 MiB instead of 1 MiB */
    HTTP_REPEAT = 4,    /* a POST that is meant to be repeated: Idempotency-Key says nothing */
    HTTP_HIDDEN = 8,    /* not in the OpenAPI document */
    HTTP_CONTROL = 16,  /* over the control socket, or by an admin, only */
    HTTP_ANY_QUERY = 32 /* whatever the query says is for a plugin to read */
};

/** ctx is what http_new() got. */
typedef void http_handler(struct http_req *req, void *ctx);

/**
 * One row of a route table, which ends with a row whose path is NULL. In a path, "{id}" takes one
 * segment and "{verb...}" all the rest. query and body describe parameters for the OpenAPI
 * document: words "name", "name:int", "name:bool", "name:object", "name:list", with "!" after
 * a required one. answer names a schema of edge/openapi.c, "[Name]" a list of them.
 */
struct http_route {
    enum http_method method;
    const char *path;
    uint32_t may;
    http_handler *handler;
    const char *summary;
    const char *query, *body, *answer;
    unsigned flags;
};
/** One row: ROUTE(GET, "/path", MAY_READ, handler, "what it does", .answer = "Thing"). */
#define ROUTE(verb, where, who, what, says, ...)                                                   \
    {                                                                                              \
        .method = HTTP_##verb, .path = (where), .may = (who), .handler = (what),                   \
        .summary = (says), __VA_ARGS__                                                             \
    }

/** Who asks, and how they proved it. */
enum http_proof { HTTP_NOBODY, HTTP_BY_TOKEN, HTTP_BY_COOKIE, HTTP_BY_SOCKET };

struct http_opts {
    struct loop *loop;
    const struct http_route *const *routes; /* NULL-terminated list of tables */
    void *ctx;                              /* for handlers and authenticate */
    /** Says who asks with http_set_actor() (edge/auth.c): 0, E_UNAUTHORIZED for wrong credentials,
     * E_DENIED for a request that a foreign page made a browser send. NULL: nobody is known. */
    int (*authenticate)(void *ctx, struct http_req *req);
    size_t max_connections; /* 0: 20,000, or half of the descriptors that the process may have */
    size_t max_guests;      /* of them not proven yet; 0: 4,096 */
    size_t max_of_address;  /* of these from one address; 0: 1,024 */
    bool strict_query;      /* a query parameter that its route does not name is 422 */
};

/** Makes a server that listens nowhere yet. The options are copied, the tables are not. */
struct http *http_new(const struct http_opts *opts);
/** Closes every connection; requests still being answered live on until they are. */
void http_free(struct http **h);
/**
 * Listen on an address as listener_new() takes it. control: the Unix socket of stewardctl, whose
 * file permissions are the key. tls may be NULL; it must outlive the server.
 */
int http_listen(struct http *h, const char *address, struct tls *tls, bool control,
                struct errmsg *why) MUST_CHECK;
/** The port of the first TCP listener; 0 if there is none. */
uint16_t http_port(const struct http *h);
/** Stop accepting; idle connections close, requests under way are answered first. */
void http_drain(struct http *h);
size_t http_connections(const struct http *h);
/** A metrics_cb: ctx is the struct http. */
void http_metrics(void *ctx, struct metrics_out *out);
/** The tables given, for the OpenAPI document. */
const struct http_route *const *http_routes(const struct http *h);

/* ---- reading a request: nothing of this changes, so any thread may until it is answered ---- */

enum http_method http_method(const struct http_req *req);
/** The row that the request matched. */
const struct http_route *http_route(const struct http_req *req);
/** Whether Idempotency-Key counts there: on every POST but those that are meant to be repeated. */
bool http_route_once(const struct http_route *route);
/** The path as asked for, decoded, without query. */
const char *http_path(const struct http_req *req);
/** "{name}" of the route's path, decoded; never NULL for a name that the path has. */
const char *http_param(const struct http_req *req, const char *name);
/** A query parameter, decoded; NULL if absent or empty. Of repeated ones the first. */
const char *http_query(const struct http_req *req, const char *name);
/** A header by its name in any case; NULL if absent. */
const char *http_header(const struct http_req *req, const char *name);
/** Every header line, in order. */
size_t http_header_count(const struct http_req *req);
void http_header_at(const struct http_req *req, size_t i, const char **name, const char **value);
/** The query as sent, without '?'; "" if none. For plugins: use http_query(). */
const char *http_query_text(const struct http_req *req);
/** A cookie of the Cookie header into out; false if absent or longer. */
bool http_cookie(const struct http_req *req, const char *name, char *out, size_t cap);
/** The body's object; {} when there was no body. NULL for HTTP_RAW routes before they asked for it.
 */
const json_t *http_body(const struct http_req *req);
const char *http_body_text(const struct http_req *req, size_t *len);
typedef void http_parsed(struct http_req *req, void *ctx);
/** For HTTP_RAW routes, once it is known who asks: reads the body as JSON of any kind, a large one
 * on a thread of the server's, then fn(req, ctx) on the loop, where http_body() has it. What is no
 * JSON is answered (422), and fn is not called. */
void http_read_json(struct http_req *req, http_parsed *fn, void *ctx);
/** Hands the body over to *out (large ones are not copied); the request has none after. Loop. */
void http_take_body(struct http_req *req, struct buf *out);
const struct actor *http_actor(const struct http_req *req);
/** The account's row number; 0 for nobody and for the control socket. */
int64_t http_account(const struct http_req *req);
enum http_proof http_proof(const struct http_req *req);
/** True over the control socket. */
bool http_is_control(const struct http_req *req);
bool http_is_tls(const struct http_req *req);
/** "127.0.0.1:41234" or "control". */
const char *http_peer(const struct http_req *req);
/** The token that was shown (cookie or bearer); NULL if none. */
const char *http_token(const struct http_req *req);

/**
 * A query parameter as a whole number within [min, max]; def when absent. On failure the problem
 * was answered and the request is gone.
 */
bool http_query_int(struct http_req *req, const char *name, int64_t min, int64_t max, int64_t def,
                    int64_t *out);
/** A query parameter, if it is there, must be one of words ("queued, sent"). On failure the problem
 * was answered and the request is gone. */
bool http_query_word(struct http_req *req, const char *name, const char *words);
/** limit and cursor by the rules of the spec (1 to 500, more is 500; [A-Za-z0-9_-]). def 100. The
 * cursor is NULL when absent. False: the problem was answered. */
bool http_page(struct http_req *req, int *limit, const char **cursor);
/** A cursor that is a number (ids); 0 when absent. */
bool http_page_id(struct http_req *req, int *limit, int64_t *before);
/** A path parameter that is an id from 1; answers 404 otherwise. */
bool http_param_id(struct http_req *req, const char *name, int64_t *out);
/** The version of If-Match ("5" or 5), 0 when absent or "*"; answers 412 for anything else. */
bool http_if_match(struct http_req *req, int64_t *version);

/* ---- for edge/auth.c ---- */

/** Who asks: account is their row, token what they showed (NULL: none); both are copied. */
void http_set_actor(struct http_req *req, const struct actor *actor, int64_t account,
                    enum http_proof proof, const char *token);

/* ---- answering: exactly once; the request is gone after ---- */

/** A further header of the answer. Values are ours: no line breaks. */
void http_add_header(struct http_req *req, const char *name, const char *value);
/** JSON text; body may be empty for 204. */
void http_reply_json(struct http_req *req, int status, const char *body, size_t len);
/** Any content. */
void http_reply(struct http_req *req, int status, const char *content_type, const void *body,
                size_t len);
/** application/problem+json with a detail for a person. */
void http_problem(struct http_req *req, int status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** The same for one field that is wrong (422). */
void http_invalid(struct http_req *req, const char *field, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** The same with a member "code" for machines: "not_supported". */
void http_problem_code(struct http_req *req, int status, const char *code, const char *detail);
/** From an error code of ours; out (may be NULL) adds field, state, allowed, responder; why (may
 * be NULL) is the detail where out has none. */
void http_fail(struct http_req *req, int rc, const struct verb_out *out, const struct errmsg *why);
/** The HTTP status of an error code: E_INVALID 422, E_NOTFOUND 404 … */
int http_status_of(int rc);
/** The problem's members into an open object: what http_fail() says. */
void http_problem_json(struct buf *out, int status, const char *detail, const struct verb_out *v);

/**
 * Answer with a stream (SSE): the head is sent, the request is gone. closed(ctx) is called once
 * when the client has gone or the server ends; not after http_stream_close(). NULL if the client
 * has gone already (closed is not called then).
 */
struct http_stream *http_stream_open(struct http_req *req, const char *content_type,
                                     void (*closed)(void *ctx), void *ctx);
/** Queue bytes. Ask http_stream_pending() first: nothing else bounds them. */
void http_stream_write(struct http_stream *s, const void *data, size_t len);
/** Bytes that the client has not taken yet. */
size_t http_stream_pending(const struct http_stream *s);
/** End it; what is pending gets a few seconds. */
void http_stream_close(struct http_stream **s);
