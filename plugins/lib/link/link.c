/*
 * link.c - see link.h. The connection is never released within its own callback: link_drop() only
 * notes why, and the retry timer closes it.
 */
#include <stdio.h>
#include <string.h>
#include "link.h"

static int64_t now_of(const struct link *l)
{
    return l->host->now_ms(l->host);
}

/* splitmix64: jitter and names need to differ, not to be secret. */
uint64_t link_random(struct link *l)
{
    uint64_t z = (l->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* ---- waiting ---- */

/* Half to the whole of ms: many daemons do not come back at the same moment. */
static int64_t jitter(struct link *l, int64_t ms)
{
    return ms / 2 + (int64_t)(link_random(l) % (uint64_t)(ms / 2 + 1));
}

static void retry_later(struct link *l)
{
    int64_t longest = l->conf->retry_max_ms, ms = l->slow ? longest : l->retry_ms;
    l->retry_ms = l->retry_ms * 2 < longest ? l->retry_ms * 2 : longest;
    l->slow = false;
    if (!l->stopping)
        l->host->timer_arm(l->retry, jitter(l, ms));
}

void link_settle_in(struct link *l, int64_t ms)
{
    int64_t due = now_of(l) + ms;
    if (l->stopping || (l->settle_due && l->settle_due <= due))
        return;
    l->settle_due = due;
    l->host->timer_arm(l->settle, ms);
}

static void on_settle(void *ctx)
{
    struct link *l = ctx;
    l->settle_due = 0;
    l->ops->settle(l->ctx);
}

/* ---- the stream ---- */

/* The connection is gone, for whatever reason: tell, and come back later. */
static void down(struct link *l, const char *why)
{
    l->ops->over(l->ctx, true);
    l->on = false;
    l->drop[0] = '\0';
    l->host->timer_disarm(l->watch);
    l->ops->state(l->ctx, STEWARD_SOURCE_DOWN, why);
    l->host->log(l->host, STEWARD_LOG_WARN, "link to %s:%u is down: %s", l->conf->host,
                 (unsigned)l->conf->port, why);
    l->host->count(l->host, "disconnects", 1);
    retry_later(l);
}

static size_t read_bytes(struct link *l, const char *data, size_t len)
{
    const char *error = NULL;
    l->heard_at = now_of(l);
    if (l->drop[0])
        return len;
    size_t used = l->ops->read(l->ctx, data, len, &error);
    if (error)
        link_drop(l, true, error);
    return l->drop[0] ? len : used;
}

/* What the host says of the connection; a drop that was asked for explains its end best. */
static size_t on_stream(void *ctx, enum steward_stream_event ev, const char *data, size_t len)
{
    struct link *l = ctx;
    char why[sizeof l->drop];
    switch (ev) {
    case STEWARD_STREAM_UP:
        l->heard_at = now_of(l);
        return 0;
    case STEWARD_STREAM_DATA:
        return read_bytes(l, data, len);
    case STEWARD_STREAM_DOWN:
        l->stream = NULL;
        if (l->drop[0])
            snprintf(why, sizeof why, "%s", l->drop);
        else
            snprintf(why, sizeof why, "%s", data && *data ? data : "closed by the PBX");
        down(l, why);
        return 0;
    }
    return 0;
}

void link_open(struct link *l)
{
    const struct link_conf *c = l->conf;
    struct steward_stream_opts opts = {.struct_size = sizeof opts,
                                       .host = c->host,
                                       .port = c->port,
                                       .tls = c->tls,
                                       .tls_ca = c->tls_ca[0] ? c->tls_ca : NULL,
                                       .tls_verify = c->tls_verify,
                                       .in_max = l->ops->in_max};
    if (l->stopping)
        return;
    l->ops->opening(l->ctx);
    l->on = false;
    l->state_at = l->heard_at = now_of(l);
    l->ops->state(l->ctx, STEWARD_SOURCE_CONNECTING, NULL);
    l->stream = l->host->stream_open(l->host, &opts, on_stream, l);
    if (l->stream)
        l->host->timer_arm(l->watch, LINK_WATCH_MS);
    else
        down(l, "cannot connect");
}

void link_close(struct link *l)
{
    if (l->stream)
        l->host->release(&l->stream);
    l->stream = NULL;
    l->on = false;
    l->drop[0] = '\0';
    l->ops->over(l->ctx, false);
    l->host->timer_disarm(l->retry);
    l->host->timer_disarm(l->watch);
}

void link_drop(struct link *l, bool slow, const char *why)
{
    if (l->drop[0])
        return;
    snprintf(l->drop, sizeof l->drop, "%s", why);
    l->slow = slow;
    l->host->timer_arm(l->retry, 0);
}

/* Either the connection is to be closed, or it is time to open one. */
static void on_retry(void *ctx)
{
    struct link *l = ctx;
    char why[sizeof l->drop];
    if (!l->drop[0]) {
        if (!l->stream)
            link_open(l);
        return;
    }
    memcpy(why, l->drop, sizeof why);
    if (l->stream)
        l->host->release(&l->stream);
    l->stream = NULL;
    down(l, why);
}

void link_signed_in(struct link *l)
{
    l->on = true;
    l->state_at = now_of(l);
    l->retry_ms = l->conf->retry_min_ms;
}

/* ---- watching ---- */

/* Deadlines that no event would notice: the sign-in's, and the peer's silence. */
static void on_watch(void *ctx)
{
    struct link *l = ctx;
    int64_t now = now_of(l);
    if (!l->stream)
        return;
    l->host->timer_arm(l->watch, LINK_WATCH_MS);
    if (!l->on) {
        if (now - l->state_at >= LINK_LOGIN_MS)
            link_drop(l, false, l->ops->no_answer);
        else if (l->ops->waiting)
            l->ops->waiting(l->ctx, now);
        return;
    }
    l->ops->watch(l->ctx, now);
    if (l->ops->silent(l->ctx, now)) {
        link_drop(l, false, "the PBX does not answer");
    } else if (now - l->heard_at >= l->conf->ping_ms) {
        l->heard_at = now; /* not again before the next interval */
        l->ops->ping(l->ctx);
    }
}

bool link_is_up(const struct link *l)
{
    return l->stream && l->on && !l->drop[0];
}

bool link_write(struct link *l, const void *data, size_t len)
{
    if (!l->stream)
        return false;
    if (l->host->stream_write(l->stream, data, len))
        return true;
    link_drop(l, false, l->ops->unread);
    return false;
}

/* ---- life ---- */

void link_init(struct link *l, const struct steward_host *host, const struct link_conf *conf,
               const struct link_ops *ops, void *ctx)
{
    memset(l, 0, sizeof *l);
    l->host = host;
    l->conf = conf;
    l->ops = ops;
    l->ctx = ctx;
    l->seed = (uint64_t)host->now_ms(host) ^ (uint64_t)(uintptr_t)ctx;
    l->retry_ms = conf->retry_min_ms;
    l->retry = host->timer_new(host, on_retry, l);
    l->watch = host->timer_new(host, on_watch, l);
    l->settle = host->timer_new(host, on_settle, l);
}

void link_fini(struct link *l)
{
    link_close(l);
    l->host->release(&l->retry);
    l->host->release(&l->watch);
    l->host->release(&l->settle);
}

void link_reopen(struct link *l)
{
    l->retry_ms = l->conf->retry_min_ms;
    link_close(l);
    link_open(l);
}

void link_stop(struct link *l)
{
    l->stopping = true;
    if (l->stream && l->on)
        l->ops->goodbye(l->ctx);
    link_close(l);
    l->host->timer_disarm(l->settle);
    l->host->stopped(l->host);
}

/* ---- configuration ---- */

void link_conf_text(const struct steward_host *h, const struct steward_conf *conf, const char *key,
                    char *out, size_t cap)
{
    const char *text = h->conf_text(conf, key);
    snprintf(out, cap, "%s", text ? text : "");
}

size_t link_conf_list(const struct steward_host *h, const struct steward_conf *conf,
                      const char *key, char out[LINK_ITEMS_MAX][LINK_ITEM_MAX])
{
    size_t n = 0;
    const char *item;
    for (; n < LINK_ITEMS_MAX; n++) {
        item = h->conf_item(conf, key, n);
        if (!item)
            break;
        snprintf(out[n], LINK_ITEM_MAX, "%s", item);
    }
    return n;
}

void link_conf_read(const struct steward_host *h, const struct steward_conf *conf, bool tls,
                    struct link_conf *c)
{
    memset(c, 0, sizeof *c);
    link_conf_text(h, conf, "host", c->host, sizeof c->host);
    c->port = (uint16_t)h->conf_int(conf, "port");
    c->ping_ms = h->conf_int(conf, "ping");
    c->dial_ms = h->conf_int(conf, "dial_timeout");
    c->retry_min_ms = h->conf_int(conf, "retry.min");
    c->retry_max_ms = h->conf_int(conf, "retry.max");
    if (!tls)
        return;
    c->tls = h->conf_int(conf, "tls") != 0;
    c->tls_verify = h->conf_int(conf, "tls_verify") != 0;
    link_conf_text(h, conf, "tls_ca", c->tls_ca, sizeof c->tls_ca);
}
