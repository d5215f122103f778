/*
 * http.c - the HTTP server: listeners, connections, and the way of a request through them.
 */
#include "edge/http/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/http/http_priv.h"

#define BODY_MAX        (1u << 20)
#define BODY_BIG        (64u << 20)
#define BODY_GUEST      (16u << 10)  /* of somebody who has not proven who they are */
#define BODY_GUEST_RAW  (64u << 10)  /* the same, for a plugin that proves it by itself */
#define OUT_MAX         (256u << 20) /* the largest answer; streams bound themselves */
#define HIGH_WATER      (256u << 10) /* output waiting above this: no further request yet */
#define RESPONSE_HEAD   8192
#define LISTENERS_MAX   4
#define CONNECTIONS_MAX 20000
#define CONTROL_MAX     256 /* connections of the control socket, beside all others */
#define GUESTS_MAX      4096
#define GUESTS_OF_ONE   1024
#define GUEST_BYTES     (16u << 20) /* bodies of guests that are not whole yet, in all … */
#define GUEST_BYTES_ONE (4u << 20)  /* … and from one address */
#define SHARE           16          /* requests of one connection in one turn of the loop */
#define READING_MAX     64          /* large bodies that wait for the reader */

#define SWEEP_MS 1000
#define HEAD_MS  30000  /* for a head, from its first byte or from connecting */
#define IDLE_MS  120000 /* between requests */
#define BODY_MS  30000  /* for a whole body of up to 1 MiB, however it trickles */
#define BIG_MS   600000 /* for one of up to 64 MiB */
#define FLUSH_MS 60000  /* for a large answer to leave */

struct http_door {
    struct http *http;
    struct listener *listener;
    struct tls *tls;
    bool control;
};

struct http {
    struct http_opts opts;
    struct http_door doors[LISTENERS_MAX];
    size_t doors_n;
    struct http_conn *conns;
    size_t conns_n, control_n; /* the latter are among the former */
    struct guests *guests;
    struct worker *reader;   /* of large bodies; NULL: the server ends */
    struct loop_timer *turn; /* lets those that rest go on */
    struct loop_timer *sweep;
    bool draining;
    struct complaint full;
    uint64_t requests[6]; /* by the status' first digit */
    uint64_t refused, evicted, rested;
    struct metrics_hist took;
};

static int64_t mono_ms(void)
{
    return clock_mono_us() / 1000;
}

/* ---- answers ---- */

static const struct {
    int status;
    const char *text;
} statuses[] = {
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {502, "Bad Gateway"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
};

const char *http_status_text(int status)
{
    for (size_t i = 0; i < ARRAY_LEN(statuses); i++)
        if (statuses[i].status == status)
            return statuses[i].text;
    return "Unknown";
}

/* The line of status and the fields that every answer has. */
static void put_head(struct buf *out, int status, const char *type, const struct buf *headers,
                     bool close)
{
    char date[CLOCK_TEXT_MAX];
    buf_printf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, http_status_text(status),
               clock_format_http(clock_now_ms(), date));
    if (type)
        buf_printf(out, "Content-Type: %s\r\n", type);
    if (headers && headers->len)
        buf_add(out, headers->data, headers->len);
    if (!headers || !headers->len || !strstr(headers->data, "Cache-Control:"))
        buf_adds(out, "Cache-Control: no-store\r\n");
    buf_adds(out, "X-Content-Type-Options: nosniff\r\n");
    buf_printf(out, "Connection: %s\r\n", close ? "close" : "keep-alive");
}

void http_conn_send(struct http_conn *c, int status, const char *type, const struct buf *headers,
                    const void *body, size_t len, bool close)
{
    /* Head and body in one write: over TLS two would be two records, and two packets. */
    struct buf out = BUF_INIT(RESPONSE_HEAD + len);
    put_head(&out, status, type, headers, close);
    if (status != 204 && status != 304)
        buf_printf(&out, "Content-Length: %zu\r\n", len);
    buf_adds(&out, "\r\n");
    if (body && len)
        buf_add(&out, body, len);
    conn_write(c->conn, out.data, out.len);
    buf_free(&out);
}

void http_note(struct http *h, int status, int64_t us)
{
    h->requests[status / 100 % 6]++;
    metrics_hist_note(&h->took, us);
}

/* ---- connections ---- */

static void set_state(struct http_conn *c, enum http_conn_state state, int64_t ms)
{
    c->state = state;
    c->deadline = ms ? mono_ms() + ms : 0;
}

static void free_conn_cb(void *arg)
{
    free(arg);
}

/* Take the connection out of the server's books; its struct dies after this turn. */
static void forget_conn(struct http_conn *c)
{
    struct http *h = c->http;
    if (c->req && (c->state == HC_ANSWER))
        c->req->conn = NULL; /* the handler still has it */
    else if (c->req)
        http_req_free(c->req);
    c->req = NULL;
    struct http_stream *s = c->stream;
    c->stream = NULL;
    guest_leave(&c->guest);
    DL_DELETE(h->conns, c);
    h->conns_n--;
    h->control_n -= c->control;
    loop_defer(h->opts.loop, free_conn_cb, c);
    if (s) {
        s->conn = NULL;
        void (*closed)(void *) = s->closed;
        void *ctx = s->ctx;
        free(s);
        closed(ctx);
    }
}

void http_conn_kill(struct http_conn *c)
{
    if (!c->conn)
        return;
    conn_free(&c->conn);
    forget_conn(c);
}

/* Let what is written leave, then close. */
static void finish_conn(struct http_conn *c)
{
    conn_finish(&c->conn);
    forget_conn(c);
}

void http_conn_done(struct http_conn *c, bool close)
{
    c->used = true;
    guest_let_go(&c->guest);
    if (close || c->http->draining) {
        finish_conn(c);
    } else if (conn_pending(c->conn) > HIGH_WATER) {
        conn_pause(c->conn, true);
        set_state(c, HC_FLUSH, FLUSH_MS);
    } else {
        set_state(c, HC_HEAD, IDLE_MS);
        conn_pause(c->conn, c->rests);
    }
}

/* A refusal before there is a request to answer. */
static void refuse(struct http_conn *c, const struct http_refusal *r)
{
    struct buf body = BUF_INIT(1024);
    http_problem_json(&body, r->status, r->why, NULL);
    c->http->refused++;
    http_note(c->http, r->status, 0);
    http_conn_send(c, r->status, "application/problem+json", NULL, body.data, body.len, true);
    buf_free(&body);
    finish_conn(c);
}

/* ---- the way of a request ---- */

static struct http_req *new_req(struct http_conn *c, const char *text, size_t len)
{
    struct http_req *req = xcalloc(1, sizeof(*req));
    req->http = c->http;
    req->conn = c;
    req->control = c->control;
    req->tls = c->tls;
    req->started_us = clock_mono_us();
    req->head_text = xmalloc(len + 1);
    memcpy(req->head_text, text, len);
    req->head_text[len] = '\0';
    text_copy(req->peer, sizeof(req->peer), c->control ? "control" : conn_peer(c->conn));
    return req;
}

/* Hand the whole request to its handler; while it waits for its answer nothing more is read. */
static void run_handler(struct http_conn *c)
{
    struct http_req *req = c->req;
    set_state(c, HC_ANSWER, 0);
    http_req_run(req, c->http->opts.ctx);
    if (c->conn && c->state == HC_ANSWER)
        conn_pause(c->conn, true);
}

/* True if the request may go on to its handler; else it was answered. */
static bool admit(struct http_req *req, struct http *h)
{
    unsigned allow;
    req->method = http_method_parse(req->head.method, &req->head_only);
    req->route = http_route_find(h->opts.routes, req, req->method, &allow);
    if (!req->route && allow) {
        struct buf list = BUF_CUT(128);
        http_method_list(allow, &list);
        http_add_header(req, "Allow", buf_str(&list));
        buf_free(&list);
        http_problem(req, 405, "%s is not for this path", req->head.method);
        return false;
    }
    if (!req->route) {
        http_problem(req, 404, "there is nothing at %s", req->path);
        return false;
    }
    int known = h->opts.authenticate ? h->opts.authenticate(h->opts.ctx, req) : E_OK;
    if (req->proof != HTTP_NOBODY || !h->opts.authenticate)
        guest_leave(&req->conn->guest);
    bool anyone = req->route->may & MAY_ANYONE;
    int rc = anyone ? E_OK : known < 0 ? known : http_route_may(req->route, req);
    if (rc == E_OK)
        return !h->opts.strict_query || http_req_query_known(req);
    if (rc == E_DENIED && known < 0)
        http_problem(req, 403, "a page of another origin sent this");
    else if (rc == E_DENIED)
        http_problem(req, 403, "%s %s is not for your role", req->head.method, req->path);
    else
        http_problem(req, 401, known < 0 ? "that token is not valid" : "sign in, or send a token");
    return false;
}

/* The largest body of a request, as its head alone tells it. Who signs a push is known by its body,
 * which is why that one may be of full size: it is read as JSON only once it is known. */
static size_t body_max(const struct http_req *req)
{
    if (req->http->opts.authenticate && req->proof == HTTP_NOBODY) {
        if (!(req->route->flags & HTTP_RAW))
            return BODY_GUEST;
        return http_header(req, "webhook-signature") ? BODY_MAX : BODY_GUEST_RAW;
    }
    return req->route->flags & HTTP_BIG ? BODY_BIG : BODY_MAX;
}

/* What follows the head: nothing, or a body within the route's limit. True: go on. */
static bool expect_body(struct http_conn *c)
{
    struct http_req *req = c->req;
    size_t max = body_max(req);
    buf_init(&req->body, max);
    if (req->head.length > (int64_t)max) {
        http_problem(req, 413, "the body is larger than %zu bytes", max);
        return false;
    }
    if (c->left && !guest_hold(&c->guest, req->head.chunked ? max : (size_t)c->left)) {
        http_problem(req, 429, "too many bytes from your address");
        return false;
    }
    if (c->left)
        c->deadline = mono_ms() + (max > BODY_MAX ? BIG_MS : BODY_MS);
    if (req->head.expect_continue && c->left != 0)
        conn_write(c->conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
    return true;
}

static void start_request(struct http_conn *c, struct http_req *req)
{
    c->req = req;
    c->left = req->head.chunked ? -1 : req->head.length > 0 ? req->head.length : 0;
    set_state(c, c->left ? HC_BODY : HC_ANSWER, c->left ? BODY_MS : 0);
    req->path = xstrdup(req->head.path);
    /* What comes by a hook may be in GBK: the gateway reads its query itself. */
    if (!http_unescape(req->path, false) ||
        (!http_req_queries(req) && !text_starts(req->path, "/hooks/"))) {
        http_problem(req, 400, "a bad escape in the path or the query");
        return;
    }
    if (admit(req, c->http) && expect_body(c) && c->left == 0)
        run_handler(c);
}

static size_t read_head(struct http_conn *c, const char *data, size_t len)
{
    struct http_refusal r;
    size_t skip;
    int end = http_head_end(data, len, &skip, &r);
    if (end < 0) {
        refuse(c, &r);
        return len;
    }
    if (end == 0) {
        if (c->used) { /* the idle time is over, this is a head that comes slowly */
            c->used = false;
            c->deadline = mono_ms() + HEAD_MS;
        }
        return 0;
    }
    struct http_req *req = new_req(c, data + skip, (size_t)end - skip);
    if (http_head_parse(req->head_text, (size_t)end - skip, &req->head, &r) < 0) {
        http_req_free(req);
        refuse(c, &r);
        return len;
    }
    start_request(c, req);
    return (size_t)end;
}

/* Of a chunked body; sets *whole at its end. False: answered. */
static bool read_chunks(struct http_conn *c, const char *data, size_t len, size_t *used)
{
    struct http_req *req = c->req;
    int outcome = http_chunks_feed(&req->chunks, data, len, used, &req->body);
    if (outcome == HTTP_CHUNKS_BAD)
        http_problem(req, 400, "a bad chunk in the body");
    else if (outcome == HTTP_CHUNKS_BIG)
        http_problem(req, 413, "the body is larger than %zu bytes", req->body.max);
    else if (outcome == HTTP_CHUNKS_END)
        c->left = 0;
    return outcome == HTTP_CHUNKS_MORE || outcome == HTTP_CHUNKS_END;
}

static size_t read_body(struct http_conn *c, const char *data, size_t len)
{
    size_t used = 0;
    if (c->left < 0) {
        if (!read_chunks(c, data, len, &used))
            return used;
    } else {
        used = (int64_t)len < c->left ? len : (size_t)c->left;
        buf_add(&c->req->body, data, used);
        c->left -= (int64_t)used;
    }
    if (c->left == 0)
        run_handler(c);
    return used;
}

static size_t swallow(struct http_conn *c, const char *data, size_t len)
{
    return len;
}

static size_t wait_turn(struct http_conn *c, const char *data, size_t len)
{
    return 0;
}

static size_t (*const readers[])(struct http_conn *, const char *, size_t) = {
    [HC_HEAD] = read_head,  [HC_BODY] = read_body, [HC_ANSWER] = wait_turn,
    [HC_FLUSH] = wait_turn, [HC_STREAM] = swallow,
};

/* Those that had their share go on, in the order of their connections. */
static void on_turn(void *arg)
{
    struct http *h = arg;
    struct http_conn *c, *next;
    DL_FOREACH_SAFE (h->conns, c, next) {
        if (!c->rests)
            continue;
        c->rests = false;
        if (c->state == HC_HEAD)
            conn_pause(c->conn, false);
    }
}

/* Many requests at once on one connection: the others come first, the rest waits for a turn. */
static void rest(struct http_conn *c)
{
    c->rests = true;
    c->http->rested++;
    conn_pause(c->conn, true);
    loop_timer_arm(c->http->turn, 0);
}

static size_t on_data(struct http_conn *c, const char *data, size_t len)
{
    size_t used = 0;
    for (int heads = 0; used < len && c->conn && !c->rests;) {
        if (c->state == HC_HEAD && heads++ == SHARE) {
            rest(c);
            break;
        }
        size_t n = readers[c->state](c, data + used, len - used);
        if (n == 0)
            break;
        used += n;
    }
    return c->conn ? used : len;
}

static size_t on_conn(struct conn *conn, enum conn_event ev, const char *data, size_t len,
                      void *arg)
{
    struct http_conn *c = arg;
    if (!c->conn)
        return len;
    switch (ev) {
    case CONN_DATA:
        return on_data(c, data, len);
    case CONN_DRAINED:
        if (c->state == HC_FLUSH) {
            set_state(c, HC_HEAD, IDLE_MS);
            conn_pause(c->conn, c->rests);
        }
        break;
    case CONN_DOWN:
    case CONN_SLOW:
    case CONN_LONG:
        http_conn_kill(c);
        break;
    case CONN_UP:
    case CONN_LINE:
    case CONN_IDLE:
        break;
    }
    return 0;
}

/* ---- listening ---- */

/* Full: the connection that has been idle longest makes room. */
static bool make_room(struct http *h)
{
    if (h->conns_n - h->control_n < h->opts.max_connections)
        return true;
    struct http_conn *c;
    DL_FOREACH (h->conns, c) {
        if (c->state != HC_HEAD || c->control)
            continue;
        h->evicted++;
        log_complain(&h->full, NULL, "http: %zu connections: idle ones are closed for new ones",
                     h->conns_n);
        http_conn_kill(c);
        return true;
    }
    return false;
}

/* No room, and nobody who is idle: it is said before the door closes. */
static void turn_away(struct http *h, struct conn **conn)
{
    static const char words[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n"
                                "Content-Length: 0\r\nConnection: close\r\n\r\n";
    h->refused++;
    conn_free_with(conn, words, sizeof(words) - 1);
}

/* A guest makes room for a newer one. */
static void evict_guest(void *owner)
{
    struct http_conn *c = owner;
    c->http->evicted++;
    http_conn_kill(c);
}

static void on_accept(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg)
{
    struct http_door *door = arg;
    struct http *h = door->http;
    bool room = door->control ? h->control_n < CONTROL_MAX : make_room(h);
    struct http_conn *c = xcalloc(1, sizeof(*c));
    struct conn_opts opts = {
        .raw = true, .in_max = HTTP_HEAD_MAX * 2, .out_max = OUT_MAX, .tls = door->tls};
    c->http = h;
    c->control = door->control;
    c->tls = door->tls != NULL;
    c->conn = conn_accept(h->opts.loop, fd, &opts, on_conn, c);
    if (!room) {
        turn_away(h, &c->conn);
        loop_defer(h->opts.loop, free_conn_cb, c);
        return;
    }
    set_state(c, HC_HEAD, HEAD_MS);
    DL_APPEND(h->conns, c);
    h->conns_n++;
    h->control_n += c->control;
    if (!c->control)
        guest_enter(h->guests, &c->guest, conn_peer(c->conn), c);
}

static void on_sweep(void *arg)
{
    struct http *h = arg;
    int64_t now = mono_ms();
    struct http_conn *c, *next;
    DL_FOREACH_SAFE (h->conns, c, next)
        if (c->deadline && now >= c->deadline)
            http_conn_kill(c);
    if (h->conns_n < h->opts.max_connections / 2)
        log_recovered(&h->full, NULL, "http: connections");
    loop_timer_arm(h->sweep, SWEEP_MS);
}

/* Leave half of the descriptors to everybody else. */
static size_t default_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 2 > CONNECTIONS_MAX)
        return CONNECTIONS_MAX;
    return limit.rlim_cur / 2;
}

struct http *http_new(const struct http_opts *opts)
{
    struct http *h = xcalloc(1, sizeof(*h));
    h->opts = *opts;
    if (!h->opts.max_connections)
        h->opts.max_connections = default_max();
    struct guests_opts guests = {
        .max = opts->max_guests ? opts->max_guests : GUESTS_MAX,
        .max_of_one = opts->max_of_address ? opts->max_of_address : GUESTS_OF_ONE,
        .bytes = GUEST_BYTES,
        .bytes_of_one = GUEST_BYTES_ONE,
        .evict = evict_guest,
    };
    h->guests = guests_new(&guests);
    h->reader = worker_new(
        opts->loop,
        &(struct worker_opts){.name = "http bodies", .threads = 1, .queue_max = READING_MAX});
    h->turn = loop_timer_new(opts->loop, on_turn, h);
    h->sweep = loop_timer_new(opts->loop, on_sweep, h);
    loop_timer_arm(h->sweep, SWEEP_MS);
    return h;
}

int http_listen(struct http *h, const char *address, struct tls *tls, bool control,
                struct errmsg *why)
{
    if (h->doors_n == LISTENERS_MAX)
        return errmsg_set(why, E_TOOBIG, "more than %d HTTP addresses", LISTENERS_MAX);
    struct http_door *door = &h->doors[h->doors_n];
    *door = (struct http_door){.http = h, .tls = tls, .control = control};
    door->listener = listener_new(h->opts.loop, address, on_accept, door, why);
    if (!door->listener)
        return E_IO;
    h->doors_n++;
    return E_OK;
}

uint16_t http_port(const struct http *h)
{
    for (size_t i = 0; i < h->doors_n; i++)
        if (h->doors[i].listener && !h->doors[i].control)
            return listener_port(h->doors[i].listener);
    return 0;
}

static void close_doors(struct http *h)
{
    for (size_t i = 0; i < h->doors_n; i++)
        listener_free(&h->doors[i].listener);
}

void http_drain(struct http *h)
{
    h->draining = true;
    close_doors(h);
    struct http_conn *c, *next;
    DL_FOREACH_SAFE (h->conns, c, next)
        if (c->state == HC_HEAD || c->state == HC_STREAM)
            finish_conn(c);
}

void http_free(struct http **hp)
{
    struct http *h = *hp;
    if (!h)
        return;
    close_doors(h);
    struct worker *reader = h->reader;
    h->reader = NULL;
    worker_free(&reader); /* what was being read is answered now */
    while (h->conns) {
        if (h->conns->req)
            h->conns->req->http = NULL;
        finish_conn(h->conns);
    }
    loop_timer_free(&h->sweep);
    loop_timer_free(&h->turn);
    guests_free(&h->guests);
    free(h);
    *hp = NULL;
}

struct worker *http_reader(struct http *h)
{
    return h->reader;
}

size_t http_connections(const struct http *h)
{
    return h->conns_n;
}

const struct http_route *const *http_routes(const struct http *h)
{
    return h->opts.routes;
}

void http_metrics(void *ctx, struct metrics_out *out)
{
    static const char *const classes[] = {NULL, "1xx", "2xx", "3xx", "4xx", "5xx"};
    const struct http *h = ctx;
    for (int i = 2; i < 6; i++)
        metrics_int(out, "steward_http_requests_total", METRIC_COUNTER,
                    "Requests answered, by class of status", (int64_t)h->requests[i], "status",
                    classes[i]);
    metrics_int(out, "steward_http_connections", METRIC_GAUGE, "Connections open",
                (int64_t)h->conns_n, NULL, NULL);
    metrics_int(out, "steward_http_guests", METRIC_GAUGE,
                "Connections that have not proven who they are", (int64_t)guests_count(h->guests),
                NULL, NULL);
    metrics_int(out, "steward_http_guest_bytes", METRIC_GAUGE,
                "Bytes that their unfinished bodies may take", (int64_t)guests_bytes(h->guests),
                NULL, NULL);
    metrics_int(out, "steward_http_rested_total", METRIC_COUNTER,
                "Times that a connection had had its share of a turn", (int64_t)h->rested, NULL,
                NULL);
    metrics_int(out, "steward_http_refused_total", METRIC_COUNTER,
                "Requests refused before a handler, as malformed", (int64_t)h->refused, NULL, NULL);
    metrics_int(out, "steward_http_evicted_total", METRIC_COUNTER,
                "Idle connections closed to make room", (int64_t)h->evicted, NULL, NULL);
    metrics_hist_write(out, "steward_http_request_seconds", "Time to answer a request", &h->took);
}

/* ---- streams ---- */

struct http_stream *http_stream_open(struct http_req *req, const char *type,
                                     void (*closed)(void *ctx), void *ctx)
{
    struct http_conn *c = req->conn;
    struct http_stream *s = NULL;
    if (c) {
        struct buf out = BUF_INIT(RESPONSE_HEAD);
        put_head(&out, 200, type, &req->headers, true);
        buf_adds(&out, "\r\n");
        conn_write(c->conn, out.data, out.len);
        buf_free(&out);
        http_note(c->http, 200, clock_mono_us() - req->started_us);
        c->req = NULL;
        if (req->head_only) {
            finish_conn(c);
        } else {
            s = xcalloc(1, sizeof(*s));
            *s = (struct http_stream){.conn = c, .closed = closed, .ctx = ctx};
            c->stream = s;
            set_state(c, HC_STREAM, 0);
            conn_pause(c->conn, false); /* to see the client go */
        }
    }
    http_req_free(req);
    return s;
}

void http_stream_write(struct http_stream *s, const void *data, size_t len)
{
    conn_write(s->conn->conn, data, len);
}

size_t http_stream_pending(const struct http_stream *s)
{
    return conn_pending(s->conn->conn);
}

void http_stream_close(struct http_stream **sp)
{
    struct http_stream *s = *sp;
    *sp = NULL;
    if (!s)
        return;
    struct http_conn *c = s->conn;
    c->stream = NULL;
    free(s);
    finish_conn(c);
}
