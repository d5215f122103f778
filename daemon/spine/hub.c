/*
 * hub.c - tells every subscriber what happens, and keeps the last events in a ring.
 */
#include "spine/hub.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"

enum { RUN_LEN = 8 };

/* A kept event: its texts and lists stand behind it in the same block. */
struct kept {
    struct hub_event ev;
    size_t bytes;
};

struct hub {
    struct kept **ring;
    size_t cap, head, n; /* the oldest is ring[head] */
    size_t bytes, bytes_max;
    uint64_t last;
    bool asked; /* somebody knows an event's id and may come back with it */
    char run[RUN_LEN + 1];
    struct hub_sub *subs;
    int publishing; /* depth: subscriptions are not unlinked meanwhile */
    bool dead_subs;
};

struct hub_sub {
    struct hub *hub;
    hub_cb *cb;     /* NULL: ended while publishing */
    uint64_t since; /* told of later events alone */
    void *ctx;
    struct hub_sub *prev, *next;
};

const char *hub_kind_name(enum hub_kind kind)
{
    static const char *const names[HUB_KINDS] = {"pop",      "pop_end", "call",  "ticket",
                                                 "callback", "message", "alert", "stats"};
    assert(kind >= 0 && kind < HUB_KINDS);
    return names[kind];
}

struct hub *hub_new(size_t keep_events, size_t keep_bytes)
{
    assert(keep_events > 0);
    struct hub *h = xcalloc(1, sizeof(*h));
    h->cap = keep_events;
    h->bytes_max = keep_bytes;
    h->ring = xcalloc(keep_events, sizeof(*h->ring));
    rng_token(h->run, RUN_LEN);
    return h;
}

static void drop_oldest(struct hub *h)
{
    struct kept *k = h->ring[h->head];
    h->bytes -= k->bytes;
    h->head = (h->head + 1) % h->cap;
    h->n--;
    free(k);
}

void hub_free(struct hub **hub)
{
    struct hub *h = *hub;
    if (!h)
        return;
    *hub = NULL;
    assert(!h->publishing);
    while (h->n)
        drop_oldest(h);
    while (h->subs) {
        struct hub_sub *s = h->subs;
        DL_DELETE(h->subs, s);
        free(s);
    }
    free(h->ring);
    free(h);
}

/* ---- keeping ---- */

static size_t text_size(const char *s)
{
    return s ? strlen(s) + 1 : 0;
}

/* Copies s to *at, moving it; NULL stays NULL. */
static const char *put(char **at, const char *s, size_t size)
{
    if (!s)
        return NULL;
    char *copy = memcpy(*at, s, size);
    *at += size;
    return copy;
}

static size_t count_texts(const char *const *list)
{
    size_t n = 0;
    while (list && list[n])
        n++;
    return n;
}

/* Bytes of a list's pointers, NULL at its end included. */
static size_t list_size(const char *const *list)
{
    return list ? (count_texts(list) + 1) * sizeof(char *) : 0;
}

static size_t texts_size(const char *const *list)
{
    size_t size = 0;
    for (; list && *list; list++)
        size += text_size(*list);
    return size;
}

/* Copies a list: its pointers to *list_at, its texts to *at; both move. */
static const char *const *put_list(const char ***list_at, char **at, const char *const *list)
{
    const char **copy = *list_at;
    size_t n = count_texts(list);
    if (!list)
        return NULL;
    for (size_t i = 0; i < n; i++)
        copy[i] = put(at, list[i], text_size(list[i]));
    copy[n] = NULL;
    *list_at += n + 1;
    return copy;
}

static struct kept *kept_new(const struct hub_event *ev)
{
    size_t source = text_size(ev->source), device = text_size(ev->device),
           department = text_size(ev->department);
    size_t lists = list_size(ev->users) + list_size(ev->devices);
    size_t size = sizeof(struct kept) + lists + ev->len + 1 + source + device + department +
                  texts_size(ev->users) + texts_size(ev->devices);
    struct kept *k = xmalloc(size);
    k->ev = *ev;
    k->bytes = size;
    const char **list_at = (const char **)(k + 1);
    char *at = (char *)(k + 1) + lists;
    char *json = at;
    memcpy(json, ev->json, ev->len);
    json[ev->len] = '\0';
    at += ev->len + 1;
    k->ev.json = json;
    k->ev.source = put(&at, ev->source, source);
    k->ev.device = put(&at, ev->device, device);
    k->ev.department = put(&at, ev->department, department);
    k->ev.users = put_list(&list_at, &at, ev->users);
    k->ev.devices = put_list(&list_at, &at, ev->devices);
    return k;
}

static void keep(struct hub *h, const struct hub_event *ev)
{
    struct kept *k = kept_new(ev);
    while (h->n && (h->n == h->cap || h->bytes + k->bytes > h->bytes_max))
        drop_oldest(h);
    h->ring[(h->head + h->n++) % h->cap] = k;
    h->bytes += k->bytes;
}

/* ---- telling ---- */

static void sweep(struct hub *h)
{
    struct hub_sub *s, *tmp;
    DL_FOREACH_SAFE (h->subs, s, tmp) {
        if (s->cb)
            continue;
        DL_DELETE(h->subs, s);
        free(s);
    }
    h->dead_subs = false;
}

void hub_publish(struct hub *h, const struct hub_event *event)
{
    struct hub_event ev = *event;
    struct hub_sub *s;
    ev.id = ++h->last;
    if (h->asked)
        keep(h, &ev);
    h->publishing++;
    DL_FOREACH (h->subs, s)
        if (s->cb && s->since < ev.id)
            s->cb(s->ctx, &ev);
    if (--h->publishing == 0 && h->dead_subs)
        sweep(h);
}

struct hub_sub *hub_subscribe(struct hub *h, hub_cb *cb, void *ctx)
{
    struct hub_sub *s = xcalloc(1, sizeof(*s));
    s->hub = h;
    s->cb = cb;
    s->ctx = ctx;
    s->since = h->last;
    DL_APPEND(h->subs, s);
    return s;
}

void hub_unsubscribe(struct hub_sub **sub)
{
    struct hub_sub *s = *sub;
    if (!s)
        return;
    *sub = NULL;
    if (s->hub->publishing) {
        s->cb = NULL;
        s->hub->dead_subs = true;
    } else {
        DL_DELETE(s->hub->subs, s);
        free(s);
    }
}

void hub_event_id(struct hub *h, uint64_t id, char out[48])
{
    h->asked = true;
    snprintf(out, 48, "%s-%" PRIu64, h->run, id);
}

/* The number in "RUN-123" of this run that may be resumed from; false if it is none. */
static bool resumable(const struct hub *h, const char *last, uint64_t *id)
{
    int64_t n;
    if (!text_starts(last, h->run) || last[RUN_LEN] != '-')
        return false;
    if (text_int(last + RUN_LEN + 1, 0, INT64_MAX, &n) < 0)
        return false;
    *id = (uint64_t)n;
    return *id <= h->last && *id + 1 >= h->last + 1 - h->n;
}

bool hub_replay(struct hub *h, const char *last, hub_cb *cb, void *ctx)
{
    uint64_t id;
    if (!resumable(h, last, &id))
        return false;
    size_t skip = h->n - (size_t)(h->last - id);
    for (size_t i = skip; i < h->n; i++)
        cb(ctx, &h->ring[(h->head + i) % h->cap]->ev);
    return true;
}

uint64_t hub_last_id(const struct hub *h)
{
    return h->last;
}
