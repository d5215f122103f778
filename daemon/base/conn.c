/*
 * conn.c - one bufferevent with the two things it lacks: lines cut out of its input without a
 * copy, and output that is gathered during a turn of the loop and offered to the kernel at once.
 */
#include "base/conn.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"

enum {
    LINE_MAX_DEFAULT = 65536,
    BYTES_MAX_DEFAULT = 1 << 20,
    READ_AHEAD = 16384, /* input kept beyond the longest line */
    OPEN_MS = 10000,    /* to connect and shake hands */
    READ_AT_ONCE = 65536,
    LIBEVENT_READ = 4096, /* most that it reads in a turn */
    OUT_KEPT = 16384,     /* memory that a link keeps between its turns of writing */
    FINISH_MS = 5000,     /* without a byte taken, while the last words are written */
    FINISH_TRIES = 6,     /* such spans in all, for a peer that takes a little in each */
    LINGER_MS = 500,      /* to let the peer close after them */
};

enum state { OPENING, OPEN, FINISHING, LINGERING, DEAD };

struct conn {
    struct loop *loop;
    struct bufferevent *bev;
    SSL *ssl;       /* belongs to bev; NULL: plain */
    struct buf out; /* written during this turn */
    bool handed;    /* libevent has bytes of ours that the kernel did not take at once */
    struct conn_opts opts;
    conn_cb *cb;
    void *arg;
    struct loop_timer *timer; /* opening, finishing, lingering */
    struct loop_owned owned;  /* while finishing */
    size_t unsent;            /* finishing: bytes left when the timer was armed … */
    int finish_tries;         /* … and how often it was */
    enum state state;
    int depth;      /* callbacks of ours on the stack */
    size_t scanned; /* bytes of the present line known to hold no newline */
    short early;    /* bufferevent events that came before conn_connect() returned */
    int early_errno;
    bool later;      /* a deferred call of on_later is on its way */
    bool up_due;     /* CONN_UP is to be said */
    bool resume_due; /* look at the input again */
    bool paused, deaf, slow, dying;
    char peer[80];
};

static void on_later(void *arg);
static void flush(struct conn *c);

static void schedule(struct conn *c)
{
    if (c->later)
        return;
    c->later = true;
    loop_defer(c->loop, on_later, c);
}

static size_t emit(struct conn *c, enum conn_event ev, const char *data, size_t len)
{
    if (c->dying || !c->cb)
        return 0;
    c->depth++;
    size_t used = c->cb(c, ev, data, len, c->arg);
    c->depth--;
    return used;
}

static void destroy(struct conn *c)
{
    if (c->owned.end)
        loop_disown(c->loop, &c->owned);
    loop_timer_free(&c->timer);
    bufferevent_free(c->bev);
    buf_free(&c->out);
    free(c);
}

/* ---- reading ---- */

static void go_deaf(struct conn *c)
{
    c->deaf = true;
    bufferevent_disable(c->bev, EV_READ);
    emit(c, CONN_LONG, NULL, 0);
}

static bool may_read(const struct conn *c)
{
    return c->state == OPEN && !c->paused && !c->deaf && !c->dying;
}

/* Hand out one line of `len` bytes that is followed by '\n'. */
static void take_line(struct conn *c, char *line, size_t len)
{
    if (len && line[len - 1] == '\r')
        len--;
    line[len] = '\0';
    if (len > c->opts.line_max)
        go_deaf(c);
    else
        emit(c, CONN_LINE, line, len);
}

static void read_lines(struct conn *c, struct evbuffer *in)
{
    size_t n = evbuffer_get_length(in), at = 0;
    char *p = (char *)evbuffer_pullup(in, -1);
    while (at < n && may_read(c)) {
        char *from = p + at + c->scanned;
        char *nl = memchr(from, '\n', (size_t)(p + n - from));
        if (!nl) {
            c->scanned = n - at;
            if (c->scanned > c->opts.line_max + 1) /* + 1: it may be '\r' */
                go_deaf(c);
            break;
        }
        c->scanned = 0;
        size_t start = at;
        at = (size_t)(nl - p) + 1;
        take_line(c, p + start, at - start - 1);
    }
    evbuffer_drain(in, at);
}

static void read_bytes(struct conn *c, struct evbuffer *in)
{
    size_t n = evbuffer_get_length(in);
    size_t used = emit(c, CONN_DATA, (char *)evbuffer_pullup(in, -1), n);
    assert(used <= n);
    evbuffer_drain(in, used);
    if (n - used >= c->opts.in_max && may_read(c))
        go_deaf(c);
}

static void read_input(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    if (c->state >= FINISHING || c->deaf)
        evbuffer_drain(in, evbuffer_get_length(in));
    else if (evbuffer_get_length(in) && may_read(c))
        (c->opts.raw ? read_bytes : read_lines)(c, in);
}

/*
 * OpenSSL may hold decrypted bytes that came in the same record as the last ones we took;
 * libevent looks for them only when the socket has more. Fetch them after a pause.
 */
static void fetch_pending_tls(struct conn *c)
{
    char piece[4096];
    struct evbuffer *in = bufferevent_get_input(c->bev);
    while (c->ssl && SSL_pending(c->ssl) > 0) {
        int n = SSL_read(c->ssl, piece, sizeof(piece));
        if (n <= 0)
            break;
        evbuffer_unfreeze(in, 0);
        evbuffer_add(in, piece, (size_t)n);
    }
}

/* Input that is kept at most. */
static size_t in_kept(const struct conn *c)
{
    return c->opts.raw ? c->opts.in_max : c->opts.line_max + READ_AHEAD;
}

/*
 * libevent 2.1 reads 4 KiB a turn, whatever it is told. A stream that brought as much is read on at
 * once: a PBX in its busy hour sends megabytes a second. Its end and its errors are libevent's to
 * see.
 */
static void read_on(struct conn *c)
{
    struct evbuffer *in = bufferevent_get_input(c->bev);
    struct evbuffer_iovec room;
    size_t have = evbuffer_get_length(in), most = READ_AT_ONCE, kept = in_kept(c);
    if (c->ssl || !may_read(c) || have < LIBEVENT_READ || have >= kept)
        return;
    if (most > kept - have)
        most = kept - have;
    evbuffer_unfreeze(in, 0);
    if (evbuffer_reserve_space(in, (ev_ssize_t)most, &room, 1) == 1) {
        ssize_t n = recv(bufferevent_getfd(c->bev), room.iov_base, most, MSG_DONTWAIT);
        room.iov_len = n > 0 ? (size_t)n : 0;
        evbuffer_commit_space(in, &room, 1);
    }
    evbuffer_freeze(in, 0);
}

static void on_read(struct bufferevent *bev, void *arg)
{
    read_on(arg);
    read_input(arg);
}

/* ---- writing ---- */

size_t conn_pending(const struct conn *c)
{
    return c->out.len + (c->handed ? evbuffer_get_length(bufferevent_get_output(c->bev)) : 0);
}

static void linger(struct conn *c)
{
    c->state = LINGERING;
    if (c->ssl) {
        SSL_shutdown(c->ssl);
        ERR_clear_error();
    }
    shutdown(bufferevent_getfd(c->bev), SHUT_WR);
    loop_timer_arm(c->timer, LINGER_MS);
}

/* Everything is with the kernel. */
static void drained(struct conn *c)
{
    if (c->state == FINISHING)
        linger(c);
    else if (c->state == OPEN)
        emit(c, CONN_DRAINED, NULL, 0);
}

/* Offer what was written in this turn straight to the socket; what it refuses goes to libevent. */
static void flush(struct conn *c)
{
    if (c->state == OPENING || c->state == DEAD || c->out.len == 0)
        return;
    ssize_t taken = 0;
    if (!c->ssl && !c->handed)
        taken = send(bufferevent_getfd(c->bev), c->out.data, c->out.len, MSG_NOSIGNAL);
    size_t from = taken > 0 ? (size_t)taken : 0; /* libevent meets the error, if it is one */
    c->handed = from < c->out.len;
    if (c->handed)
        bufferevent_write(c->bev, c->out.data + from, c->out.len - from);
    if (c->out.cap > OUT_KEPT)
        buf_free(&c->out);
    buf_reset(&c->out);
    if (!c->handed)
        drained(c);
}

static void on_write(struct bufferevent *bev, void *arg)
{
    struct conn *c = arg;
    c->handed = evbuffer_get_length(bufferevent_get_output(bev)) > 0;
    if (conn_pending(c) == 0)
        drained(c);
}

void conn_write(struct conn *c, const void *data, size_t len)
{
    if (c->slow || c->state >= FINISHING)
        return;
    if (conn_pending(c) + len > c->opts.out_max) {
        c->slow = true;
        emit(c, CONN_SLOW, NULL, 0);
        return;
    }
    buf_add(&c->out, data, len);
    schedule(c);
}

/* ---- up and down ---- */

static void tune(int fd)
{
    int one = 1, idle = 60, interval = 15, count = 4;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
}

static void say_up(struct conn *c)
{
    c->state = OPEN;
    loop_timer_disarm(c->timer);
    tune(bufferevent_getfd(c->bev));
    conn_set_idle(c, c->opts.idle_ms);
    if (!c->paused)
        bufferevent_enable(c->bev, EV_READ);
    if (c->out.len)
        schedule(c); /* written before we were up */
    emit(c, CONN_UP, NULL, 0);
}

static void say_down(struct conn *c, const char *reason)
{
    read_input(c); /* lines that came before the end … */
    flush(c);      /* … and the answers to them: the peer may have closed one direction only */
    if (c->state >= FINISHING) {
        c->dying = true;
        schedule(c);
        return;
    }
    c->state = DEAD;
    loop_timer_disarm(c->timer);
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    emit(c, CONN_DOWN, reason, strlen(reason));
}

static const char *reason_of(struct conn *c, short what, int error)
{
    if (what & BEV_EVENT_EOF)
        return c->state == OPENING ? "closed by the peer while connecting" : "closed by the peer";
    int dns = bufferevent_socket_get_dns_error(c->bev);
    if (dns)
        return evutil_gai_strerror(dns);
    bool verifies = c->ssl && SSL_get_verify_mode(c->ssl) != SSL_VERIFY_NONE;
    if (verifies && SSL_get_verify_result(c->ssl) != X509_V_OK)
        return X509_verify_cert_error_string(SSL_get_verify_result(c->ssl));
    unsigned long tls = c->ssl ? bufferevent_get_openssl_error(c->bev) : 0;
    const char *text = tls ? ERR_reason_error_string(tls) : NULL;
    return text ? text : error ? evutil_socket_error_to_string(error) : "closed by the peer";
}

static void handle_event(struct conn *c, short what, int error)
{
    if (c->dying)
        return;
    if (what & BEV_EVENT_CONNECTED) {
        if (c->state == OPENING)
            say_up(c);
    } else if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) {
        say_down(c, reason_of(c, what, error));
    } else if (what & BEV_EVENT_TIMEOUT) {
        emit(c, CONN_IDLE, NULL, 0);
        if (may_read(c)) /* the time-out switched it off */
            bufferevent_enable(c->bev, EV_READ);
    }
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
    struct conn *c = arg;
    int error = EVUTIL_SOCKET_ERROR();
    if (!c->cb && c->state == OPENING) { /* within conn_connect(): the caller has no conn yet */
        c->early |= what;
        c->early_errno = error;
        schedule(c);
    } else {
        handle_event(c, what, error);
    }
}

/* Bytes that the peer's machine has not taken: ours, and the kernel's for us. */
static size_t unsent(const struct conn *c)
{
    int queued = 0;
    (void)ioctl(bufferevent_getfd(c->bev), SIOCOUTQ, &queued);
    return conn_pending(c) + (size_t)queued;
}

/* While the peer reads on, what waits for it is written on. */
static void arm_finish(struct conn *c)
{
    c->unsent = unsent(c);
    c->finish_tries++;
    loop_timer_arm(c->timer, FINISH_MS);
}

static void on_timer(void *arg)
{
    struct conn *c = arg;
    if (c->state == OPENING) {
        say_down(c, "no connection within 10 s");
    } else if (c->state == FINISHING && unsent(c) < c->unsent && c->finish_tries < FINISH_TRIES) {
        arm_finish(c);
    } else {
        c->dying = true;
        schedule(c);
    }
}

/* What could not be done at once, at the end of the turn. */
static void on_later(void *arg)
{
    struct conn *c = arg;
    c->later = false;
    if (c->early && !c->dying) {
        short what = c->early;
        c->early = 0;
        handle_event(c, what, c->early_errno);
    }
    if (c->up_due && !c->dying) {
        c->up_due = false;
        say_up(c);
    }
    if (c->resume_due && !c->dying) {
        c->resume_due = false;
        fetch_pending_tls(c);
        read_input(c);
    }
    if (!c->dying)
        flush(c);
    if (c->dying && !c->later)
        destroy(c);
}

/* ---- making ---- */

static struct conn *conn_new(struct loop *loop, const struct conn_opts *opts, conn_cb *cb,
                             void *arg)
{
    struct conn *c = xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->opts = *opts;
    if (!c->opts.line_max)
        c->opts.line_max = LINE_MAX_DEFAULT;
    if (!c->opts.in_max)
        c->opts.in_max = BYTES_MAX_DEFAULT;
    if (!c->opts.out_max)
        c->opts.out_max = BYTES_MAX_DEFAULT;
    c->opts.tls_name = NULL; /* used at once, not kept */
    c->cb = cb;
    c->arg = arg;
    buf_init(&c->out, SIZE_MAX / 4); /* out_max is what bounds it */
    c->timer = loop_timer_new(loop, on_timer, c);
    return c;
}

static void open_bev(struct conn *c, evutil_socket_t fd, enum bufferevent_ssl_state role)
{
    struct event_base *base = loop_base(c->loop);
    if (c->opts.tls) {
        c->ssl = SSL_new(tls_ctx(c->opts.tls));
        c->bev = bufferevent_openssl_socket_new(base, fd, c->ssl, role, BEV_OPT_CLOSE_ON_FREE);
        bufferevent_openssl_set_allow_dirty_shutdown(c->bev, 1);
    } else {
        c->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    }
    assert(c->bev); /* fails without memory only */
    bufferevent_setwatermark(c->bev, EV_READ, 0, in_kept(c));
    bufferevent_set_max_single_read(c->bev, READ_AT_ONCE);
    bufferevent_setcb(c->bev, on_read, on_write, on_event, c);
    bufferevent_enable(c->bev, EV_WRITE);
}

static void name_peer(struct conn *c, evutil_socket_t fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    char host[INET6_ADDRSTRLEN] = "";
    text_copy(c->peer, sizeof(c->peer), "unix");
    if (getpeername(fd, (struct sockaddr *)&ss, &len) < 0)
        return;
    if (ss.ss_family == AF_INET) {
        struct sockaddr_in *in = (struct sockaddr_in *)&ss;
        inet_ntop(AF_INET, &in->sin_addr, host, sizeof(host));
        snprintf(c->peer, sizeof(c->peer), "%s:%u", host, ntohs(in->sin_port));
    } else if (ss.ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&ss;
        inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
        snprintf(c->peer, sizeof(c->peer), "[%s]:%u", host, ntohs(in6->sin6_port));
    }
}

struct conn *conn_accept(struct loop *loop, evutil_socket_t fd, const struct conn_opts *opts,
                         conn_cb *cb, void *arg)
{
    struct conn *c = conn_new(loop, opts, cb, arg);
    evutil_make_socket_nonblocking(fd);
    name_peer(c, fd);
    open_bev(c, fd, BUFFEREVENT_SSL_ACCEPTING);
    if (c->ssl) {
        loop_timer_arm(c->timer, OPEN_MS);
        bufferevent_enable(c->bev, EV_READ);
    } else {
        c->up_due = true;
        schedule(c);
    }
    return c;
}

/* The name or address that the server's certificate must bear. */
static void expect_name(SSL *ssl, const char *name)
{
    struct in6_addr any;
    bool address = inet_pton(AF_INET, name, &any) == 1 || inet_pton(AF_INET6, name, &any) == 1;
    if (address) {
        X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
    } else {
        SSL_set_tlsext_host_name(ssl, name);
        SSL_set1_host(ssl, name);
    }
}

struct conn *conn_connect(struct loop *loop, const char *host, uint16_t port,
                          const struct conn_opts *opts, conn_cb *cb, void *arg)
{
    struct conn *c = conn_new(loop, opts, NULL, arg);
    snprintf(c->peer, sizeof(c->peer), "%.70s:%u", host, port);
    open_bev(c, -1, BUFFEREVENT_SSL_CONNECTING);
    if (c->ssl && opts->tls_name)
        expect_name(c->ssl, opts->tls_name);
    loop_timer_arm(c->timer, OPEN_MS);
    if (c->ssl)
        bufferevent_enable(c->bev, EV_READ);
    errno = 0;
    int rc = bufferevent_socket_connect_hostname(c->bev, loop_dns(loop), AF_UNSPEC, host, port);
    if (rc < 0 && !c->early) {
        c->early = BEV_EVENT_ERROR;
        c->early_errno = errno;
        schedule(c);
    }
    c->cb = cb;
    return c;
}

/* ---- the rest ---- */

void conn_pause(struct conn *c, bool paused)
{
    if (c->paused == paused)
        return;
    c->paused = paused;
    if (c->state != OPEN || c->deaf)
        return;
    if (paused) {
        bufferevent_disable(c->bev, EV_READ);
    } else {
        bufferevent_enable(c->bev, EV_READ);
        c->resume_due = true;
        schedule(c);
    }
}

static void end_owned(void *arg)
{
    struct conn *c = arg;
    loop_disown(c->loop, &c->owned);
    c->owned.end = NULL;
    c->dying = true;
    schedule(c);
}

void conn_finish(struct conn **conn)
{
    struct conn *c = *conn;
    if (!c)
        return;
    if (c->state != OPEN) {
        conn_free(conn);
        return;
    }
    *conn = NULL;
    c->cb = NULL;
    c->state = FINISHING;
    loop_own(c->loop, &c->owned, end_owned, c);
    arm_finish(c);
    bufferevent_set_timeouts(c->bev, NULL, NULL);
    bufferevent_enable(c->bev, EV_READ);
    if (conn_pending(c) == 0)
        linger(c);
    else
        schedule(c);
}

void conn_finish_with(struct conn **conn, const void *data, size_t len)
{
    struct conn *c = *conn;
    if (c && c->state == OPEN)
        buf_add(&c->out, data, len);
    conn_finish(conn);
}

void conn_free_with(struct conn **conn, const void *data, size_t len)
{
    struct conn *c = *conn;
    if (c && !c->ssl && (c->state == OPEN || c->up_due) && conn_pending(c) == 0)
        (void)!send(bufferevent_getfd(c->bev), data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    conn_free(conn);
}

void conn_free(struct conn **conn)
{
    struct conn *c = *conn;
    if (!c)
        return;
    *conn = NULL;
    c->dying = true;
    bufferevent_disable(c->bev, EV_READ | EV_WRITE);
    if (c->depth > 0)
        schedule(c);
    else if (!c->later)
        destroy(c);
}

const char *conn_peer(const struct conn *c)
{
    return c->peer;
}

void conn_set_idle(struct conn *c, int64_t idle_ms)
{
    struct timeval tv = {.tv_sec = idle_ms / 1000, .tv_usec = idle_ms % 1000 * 1000};
    c->opts.idle_ms = idle_ms;
    if (c->state == OPEN)
        bufferevent_set_timeouts(c->bev, idle_ms ? &tv : NULL, NULL);
}

void conn_set_out_max(struct conn *c, size_t out_max)
{
    c->opts.out_max = out_max;
}
