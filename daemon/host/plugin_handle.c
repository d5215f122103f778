/*
 * plugin_handle.c - what the host lends to plugins. Every handle stands in its instance's list with
 * the place in the plugin that asked for it, and in one table of live handles, so that a handle
 * used after its release is seen and not followed.
 */
#include "host/plugins_priv.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/conn.h"
#include "base/mem.h"
#include "base/text.h"

#define HANDLES_MAX    4096
#define STREAM_OUT_MAX (1024 * 1024)
#define STREAM_IN_MAX  (4 * 1024 * 1024)
#define TIMER_MAX_MS   (INT64_C(366) * 86400 * 1000)

enum handle_kind { HANDLE_TIMER, HANDLE_STREAM };

struct steward_handle {
    struct steward_handle *next, *prev;
    UT_hash_handle hh;
    struct steward_handle *self; /* the key: its own address */
    struct instance *in;
    enum handle_kind kind;
    const void *site; /* who asked */
    bool gone;
    struct loop_timer *timer;
    void (*fn)(void *ctx);
    struct conn *conn;
    struct tls *tls;
    steward_stream_cb *cb;
    char error[256]; /* a stream that could not even be begun */
    void *ctx;
};

struct post {
    struct post *next, *prev;
    struct instance *in;
    void (*fn)(void *ctx);
    void *ctx;
};

static struct steward_handle *live; /* loop thread */

static struct steward_handle *handle_new(struct instance *in, enum handle_kind kind, void *ctx,
                                         const void *site)
{
    struct steward_handle *h = xcalloc(1, sizeof(*h));
    h->self = h;
    h->in = in;
    h->kind = kind;
    h->ctx = ctx;
    h->site = site;
    DL_APPEND(in->handles, h);
    HASH_ADD_PTR(live, self, h);
    if (++in->n_handles == HANDLES_MAX)
        guard_fault(in, "it holds %d handles", HANDLES_MAX);
    return h;
}

/* The handle if it lives and is of that kind; a fault of whoever is called now cannot be told from
 * here, so it is only logged. */
static struct steward_handle *handle_check(struct steward_handle *h, enum handle_kind kind,
                                           const char *what)
{
    struct steward_handle *found = NULL;
    HASH_FIND_PTR(live, &h, found);
    if (found && !found->gone && found->kind == kind)
        return found;
    if (found)
        guard_fault(found->in, "%s with a handle that is not its own", what);
    else
        log_error(NULL, "plugin bug: %s with a handle that was released", what);
    return NULL;
}

static void handle_delete(void *arg)
{
    struct steward_handle *h = arg;
    HASH_DEL(live, h);
    loop_timer_free(&h->timer);
    conn_free(&h->conn);
    tls_free(&h->tls);
    free(h);
}

/* Nothing is called any more; the memory goes after the present callback. */
static void handle_end(struct steward_handle *h)
{
    if (h->gone)
        return;
    h->gone = true;
    DL_DELETE(h->in->handles, h);
    h->in->n_handles--;
    if (h->timer)
        loop_timer_disarm(h->timer);
    conn_free(&h->conn);
    loop_defer(h->in->plugins->opts.loop, handle_delete, h);
}

/* ---- timers ---- */

static void on_timer(void *arg)
{
    struct steward_handle *h = arg;
    struct guard g;
    if (h->gone || !guard_enter(&g, h->in, "timer"))
        return;
    h->fn(h->ctx);
    guard_leave(&g);
}

struct steward_handle *handle_timer_new(struct instance *in, void (*fn)(void *), void *ctx,
                                        const void *site)
{
    struct steward_handle *h = handle_new(in, HANDLE_TIMER, ctx, site);
    h->fn = fn;
    h->timer = loop_timer_new(in->plugins->opts.loop, on_timer, h);
    return h;
}

void handle_timer_arm(struct steward_handle *h, int64_t ms)
{
    h = handle_check(h, HANDLE_TIMER, "timer_arm");
    if (h)
        loop_timer_arm(h->timer, ms < 0 ? 0 : ms > TIMER_MAX_MS ? TIMER_MAX_MS : ms);
}

void handle_timer_disarm(struct steward_handle *h)
{
    h = handle_check(h, HANDLE_TIMER, "timer_disarm");
    if (h)
        loop_timer_disarm(h->timer);
}

/* ---- streams ---- */

static size_t call_stream(struct steward_handle *h, enum steward_stream_event ev, const char *data,
                          size_t len)
{
    struct guard g;
    size_t used;
    if (h->gone || !guard_enter(&g, h->in, "stream"))
        return len;
    used = h->cb(h->ctx, ev, data, len);
    guard_leave(&g);
    if (used <= len)
        return used;
    guard_fault(h->in, "a stream callback used %zu of %zu bytes", used, len);
    return len;
}

/* The handle ends first, so that the plugin may open another one from within. */
static void stream_down(struct steward_handle *h, const char *why)
{
    struct instance *in = h->in;
    struct guard g;
    if (h->gone)
        return;
    handle_end(h);
    if (!guard_enter(&g, in, "stream"))
        return;
    h->cb(h->ctx, STEWARD_STREAM_DOWN, why, strlen(why));
    guard_leave(&g);
}

static size_t on_conn(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct steward_handle *h = arg;
    if (h->gone)
        return len;
    if (ev == CONN_DATA)
        return call_stream(h, STEWARD_STREAM_DATA, data, len);
    if (ev == CONN_UP)
        call_stream(h, STEWARD_STREAM_UP, "", 0);
    else if (ev == CONN_LONG)
        stream_down(h, "too many bytes were left unread");
    else if (ev == CONN_DOWN)
        stream_down(h, data ? data : "closed");
    return len;
}

static void never_up(void *arg)
{
    struct steward_handle *h = arg;
    stream_down(h, h->error);
}

/* A stream that cannot be begun goes DOWN like any other: soon, never from within stream_open. */
static struct steward_handle *stream_fail(struct steward_handle *h, const char *why)
{
    text_copy(h->error, sizeof(h->error), why);
    h->timer = loop_timer_new(h->in->plugins->opts.loop, never_up, h);
    loop_timer_arm(h->timer, 0);
    return h;
}

static bool read_opts(struct instance *in, const struct steward_stream_opts *from,
                      struct steward_stream_opts *o)
{
    bool bad = false;
    size_t n = from->struct_size < sizeof(*o) ? from->struct_size : sizeof(*o);
    *o = (struct steward_stream_opts){0};
    memcpy(o, from, n);
    o->host = guard_text(in, o->host, 255, "stream_open: host", &bad);
    o->tls_ca = guard_text(in, o->tls_ca, 4000, "stream_open: tls_ca", &bad);
    return !bad && o->host && *o->host && o->port;
}

struct steward_handle *handle_stream_open(struct instance *in,
                                          const struct steward_stream_opts *opts,
                                          steward_stream_cb *cb, void *ctx, const void *site)
{
    struct steward_handle *h = handle_new(in, HANDLE_STREAM, ctx, site);
    struct conn_opts co = {.raw = true, .out_max = STREAM_OUT_MAX};
    struct steward_stream_opts o;
    struct errmsg why;
    h->cb = cb;
    if (!read_opts(in, opts, &o))
        return stream_fail(h, "host or port is missing");
    co.in_max = o.in_max && o.in_max < STREAM_IN_MAX ? o.in_max : STREAM_IN_MAX;
    if (o.tls) {
        h->tls = tls_client(o.tls_ca, o.tls_verify, &why);
        if (!h->tls)
            return stream_fail(h, why.text);
        co.tls = h->tls;
        co.tls_name = o.tls_verify ? o.host : NULL;
    }
    h->conn = conn_connect(in->plugins->opts.loop, o.host, o.port, &co, on_conn, h);
    return h->conn ? h : stream_fail(h, "the connection cannot be begun");
}

bool handle_stream_write(struct steward_handle *h, const void *data, size_t len)
{
    h = handle_check(h, HANDLE_STREAM, "stream_write");
    if (!h || !h->conn)
        return false;
    if (len > STREAM_OUT_MAX || conn_pending(h->conn) + len > STREAM_OUT_MAX)
        return false;
    conn_write(h->conn, data, len);
    return true;
}

void handle_release(struct steward_handle **hp)
{
    struct steward_handle *h = *hp, *found = NULL;
    *hp = NULL;
    if (!h)
        return;
    HASH_FIND_PTR(live, &h, found);
    if (found && !found->gone)
        handle_end(found);
    else
        log_error(NULL, "plugin bug: a handle released twice");
}

/* ---- posts ---- */

static void run_post(void *arg)
{
    struct post *p = arg;
    struct guard g;
    pthread_mutex_lock(&p->in->posts_lock);
    DL_DELETE(p->in->posts, p);
    pthread_mutex_unlock(&p->in->posts_lock);
    if (guard_enter(&g, p->in, "post")) {
        p->fn(p->ctx);
        guard_leave(&g);
    }
    free(p);
}

void handle_post(struct instance *in, void (*fn)(void *), void *ctx)
{
    struct post *p = xcalloc(1, sizeof(*p));
    p->in = in;
    p->fn = fn;
    p->ctx = ctx;
    pthread_mutex_lock(&in->posts_lock);
    DL_APPEND(in->posts, p);
    pthread_mutex_unlock(&in->posts_lock);
    loop_post(in->plugins->opts.loop, run_post, p);
}

void handle_drop_posts(struct instance *in)
{
    struct post *p, *next;
    DL_FOREACH_SAFE (in->posts, p, next) {
        DL_DELETE(in->posts, p);
        free(p);
    }
}

/* ---- revocation ---- */

void handle_revoke_all(struct instance *in)
{
    static const char *const kinds[] = {[HANDLE_TIMER] = "timer", [HANDLE_STREAM] = "stream"};
    while (in->handles) {
        struct steward_handle *h = in->handles;
        Dl_info at;
        if (dladdr(h->site, &at) && at.dli_fname)
            log_error(&in->log, "plugin bug: a %s was not released, asked for at %s+0x%tx",
                      kinds[h->kind],
                      strrchr(at.dli_fname, '/') ? strrchr(at.dli_fname, '/') + 1 : at.dli_fname,
                      (const char *)h->site - (const char *)at.dli_fbase);
        else
            log_error(&in->log, "plugin bug: a %s was not released", kinds[h->kind]);
        handle_end(h);
    }
}
