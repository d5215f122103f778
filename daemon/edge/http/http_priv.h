/*
 * http_priv.h - shared by http.c (server and connections), http_req.c (requests and answers) and
 * http_route.c (which handler).
 */
#pragma once
#include "base/guests.h"
#include "base/log.h"
#include "base/worker.h"
#include "edge/http/http.h"
#include "edge/http/http_parse.h"

#define HTTP_PARAMS_MAX  6
#define HTTP_QUERIES_MAX 32

enum http_conn_state {
    HC_HEAD,   /* waiting for a request, or reading its head */
    HC_BODY,   /* reading its body */
    HC_ANSWER, /* a handler has it; nothing is read */
    HC_FLUSH,  /* a large answer leaves; nothing is read */
    HC_STREAM, /* answered with a stream; what comes in is ignored */
};

struct http_pair {
    const char *name;
    char *value;
};

struct http_conn {
    struct http *http;
    struct conn *conn; /* NULL: closed, the struct dies after this turn */
    enum http_conn_state state;
    bool control, tls;
    bool used;          /* has carried a request: idle now, not slow */
    int64_t deadline;   /* monotonic ms; 0: none */
    int64_t left;       /* HC_BODY: bytes of the body still to come; -1 unknown */
    struct guest guest; /* until it has proven who it is */
    bool rests;         /* has had its share of this turn */
    struct http_req *req;
    struct http_stream *stream;
    struct http_conn *prev, *next;
};

struct http_req {
    struct http *http;      /* NULL once the server has gone */
    struct http_conn *conn; /* NULL once the client has gone */
    const struct http_route *route;
    enum http_method method;
    bool head_only, control, tls;
    char *head_text; /* what head, path and query point into */
    struct http_head head;
    struct http_pair params[HTTP_PARAMS_MAX], queries[HTTP_QUERIES_MAX];
    size_t params_n, queries_n;
    char *segments; /* the path cut up and decoded: what params point into */
    char *path;     /* decoded as a whole */
    char *query;    /* as sent */
    struct buf body;
    struct http_chunks chunks;
    json_t *json;
    struct actor actor;
    int64_t account;
    enum http_proof proof;
    char *token;
    struct buf headers; /* further ones of the answer, with their line ends */
    char peer[96];
    int64_t started_us;
};

struct http_stream {
    struct http_conn *conn;
    void (*closed)(void *ctx);
    void *ctx;
};

/* http_route.c */
/** The row of method and path, its params filled. NULL: status 404, or 405 with *allow the mask. */
const struct http_route *http_route_find(const struct http_route *const *tables,
                                         struct http_req *req, enum http_method method,
                                         unsigned *allow);
/** GET for GET and HEAD …; 0 for a method that is not known. */
enum http_method http_method_parse(const char *name, bool *head_only);
/** "GET, HEAD, POST" of a mask. */
void http_method_list(unsigned mask, struct buf *out);
/** Whether a route's words ("name! age:int") have that name. */
bool http_words_have(const char *words, const char *name);
/** Whether who asks may use the route: 0, E_UNAUTHORIZED or E_DENIED. */
int http_route_may(const struct http_route *route, const struct http_req *req);

/* http_req.c */
/** Cuts the query string up; false: a bad escape, or too many. */
bool http_req_queries(struct http_req *req);
/** Reads the body by the route's rules, then hands the request to its handler, perhaps later. */
void http_req_run(struct http_req *req, void *ctx);
/** False, and answered: the query has a name that the route does not know. */
bool http_req_query_known(struct http_req *req);
void http_req_free(struct http_req *req);

/* http.c */
/** The thread that reads large bodies; NULL: the server ends, nothing more is read. */
struct worker *http_reader(struct http *h);
/** Head and body of an answer into the connection. body NULL with len: the length alone (HEAD). */
void http_conn_send(struct http_conn *c, int status, const char *type, const struct buf *headers,
                    const void *body, size_t len, bool close);
/** The request has been answered: on to the next, or close. */
void http_conn_done(struct http_conn *c, bool close);
void http_conn_kill(struct http_conn *c);
void http_note(struct http *h, int status, int64_t us);
const char *http_status_text(int status);
