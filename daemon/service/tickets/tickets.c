/*
 * tickets.c - the ticket service as an object.
 */
#include "service/tickets/tickets.h"

#include <stdlib.h>

#include "base/mem.h"
#include "service/tickets/ticket_priv.h"

#define EVENT_DATA_MAX (64 * 1024)

void tickets_set_site(struct tickets *t, const struct site *site)
{
    t->site = site;
    pthread_mutex_lock(&t->lock);
    t->reopen_within = site->tickets.reopen_within;
    pthread_mutex_unlock(&t->lock);
}

int32_t tickets_today(const struct tickets *t, int64_t now)
{
    return site_today(t->site, now);
}

struct tickets *tickets_new(const struct tickets_opts *opts)
{
    struct tickets *t = xcalloc(1, sizeof(*t));
    t->clocks = opts->clocks;
    t->timer = opts->timer;
    t->tell = opts->tell;
    t->outbox = opts->outbox;
    t->hasher = history_hasher_new();
    buf_init(&t->scratch, EVENT_DATA_MAX);
    pthread_mutex_init(&t->lock, NULL);
    tickets_set_site(t, opts->site);
    return t;
}

void tickets_free(struct tickets **tp)
{
    struct tickets *t = *tp;
    if (!t)
        return;
    history_hasher_free(&t->hasher);
    buf_free(&t->scratch);
    pthread_mutex_destroy(&t->lock);
    free(t);
    *tp = NULL;
}

struct tickets_view tickets_view_of(struct tickets *t)
{
    struct tickets_view v;
    v.calendars = clocks_calendars(t->clocks);
    pthread_mutex_lock(&t->lock);
    v.reopen_within = t->reopen_within;
    pthread_mutex_unlock(&t->lock);
    return v;
}

void tickets_view_end(struct tickets_view *v)
{
    calendars_unref(&v->calendars);
}
