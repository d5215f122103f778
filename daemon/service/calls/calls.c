/*
 * calls.c - the object of the room: its configuration, its start from the store, its end.
 */
#include "service/calls/calls.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/site.h"
#include "service/calls/calls_priv.h"

#define FORGET_AFTER_MS ((int64_t)6 * 3600 * 1000)

/* ---- configuration ---- */

void calls_conf_of(const struct site *site, struct calls_conf *out)
{
    *out = (struct calls_conf){.outbound_number = site->numbering.outbound_number};
    number_rules_of(site, &out->numbers);
    out->forget_after_ms = span_rough_ms(&site->calls.forget_after);
    out->opens_tickets = !text_eq(site->tickets.open_on, "manual");
}

void calls_reload(struct calls *t, const struct calls_conf *conf)
{
    t->conf = *conf;
    text_copy(t->outbound, sizeof(t->outbound), conf->outbound_number ? conf->outbound_number : "");
    t->conf.outbound_number = t->outbound;
    if (t->conf.forget_after_ms <= 0)
        t->conf.forget_after_ms = FORGET_AFTER_MS;
    if (t->numbers)
        numbers_set_rules(t->numbers, &conf->numbers);
    else
        t->numbers = numbers_new(&conf->numbers);
    loop_timer_arm(t->sweep, 0);
}

/* ---- start and end ---- */

static void on_sweep(void *calls)
{
    live_sweep(calls);
}

static void on_acks(void *calls)
{
    calls_tell_durable(calls);
}

struct calls *calls_new(const struct calls_opts *opts)
{
    struct calls *t = xcalloc(1, sizeof(*t));
    t->opts = *opts;
    t->sweep = loop_timer_new(opts->loop, on_sweep, t);
    t->acks = loop_timer_new(opts->loop, on_acks, t);
    call_batch_init(t);
    calls_reload(t, &opts->conf);
    return t;
}

static void load_source(void *ctx, const struct source_row *row)
{
    struct source *s = source_new(ctx, row->name);
    s->id = row->id;
    s->accepted = s->durable = row->last_seq;
    s->gaps = (uint64_t)row->gaps;
    s->numbered = row->numbered;
    s->kept = true;
}

static void load_device(void *ctx, const struct device_row *row)
{
    struct source *s = source_find(ctx, row->source);
    struct device *d = s ? device_get(s, row->device, true) : NULL;
    if (!d)
        return;
    d->state = agent_state_parse(row->state);
    d->since = row->since;
    text_copy(d->reason, sizeof(d->reason), row->reason ? row->reason : "");
}

static void load_call(void *ctx, const struct call_row *row)
{
    struct errmsg why;
    struct source *s = source_find(ctx, row->source);
    if (s && live_restore(s, row, &why) < 0)
        log_error(&s->log, "call %s cannot be rebuilt: %s", row->call, why.text);
}

int calls_load(struct calls *t, struct errmsg *why)
{
    struct db *db = ledger_startup_db(t->opts.ledger);
    if (!db)
        return errmsg_set(why, E_IO, "the store cannot be read");
    int rc = repo_source_rows(db, load_source, t);
    if (rc == E_OK)
        rc = repo_device_rows(db, load_device, t);
    if (rc == E_OK)
        rc = repo_call_rows_live(db, load_call, t);
    return rc < 0 ? errmsg_set(why, rc, "calls cannot be read: %s", db_last_error(db)) : E_OK;
}

void calls_free(struct calls **tp)
{
    struct calls *t = *tp;
    struct source *s, *tmp;
    if (!t)
        return;
    *tp = NULL;
    actions_free(t);
    call_batch_drop(t);
    while (t->lives)
        live_free(t->lives);
    while (t->ended)
        live_free(t->ended);
    HASH_ITER (hh, t->sources, s, tmp)
        source_free(s);
    loop_timer_free(&t->sweep);
    loop_timer_free(&t->acks);
    call_batch_deinit(t);
    numbers_free(&t->numbers);
    free(t);
}

void calls_get_stats(const struct calls *t, struct calls_stats *out)
{
    *out = t->stats;
}
