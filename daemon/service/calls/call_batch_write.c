/*
 * call_batch_write.c - a batch of calls on the ledger thread: rows first, then the tickets and
 * callbacks of answers and ends, in the order in which they came.
 */
#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/zone.h"
#include "service/tell/tell.h"
#include "service/tickets/callbacks.h"
#include "service/registry/registry.h"
#include "service/calls/calls_priv.h"

/* ---- rows ---- */

/* An error of the transaction, not of what was asked: all of it is run again. */
static bool is_lost(struct db *db, int rc)
{
    return !db_in_transaction(db) || rc == E_BUSY || rc == E_IO || rc == E_FATAL ||
           rc == E_UNCERTAIN;
}

static int write_image(struct ledger_tx *tx, struct call_image *image)
{
    image->row.source_id = image->source->id;
    return repo_call_row_write(ledger_db(tx), &image->row, image->fresh, &image->row.id,
                               &image->row.ticket_id);
}

/* The reader had not answered yet: who it is is looked up here. */
static int identify(struct ledger_tx *tx, struct call_image *image)
{
    struct registry_caller caller;
    const struct tickets *t = image->source->t->opts.tickets; /* the site's day is theirs here */
    int32_t today = t ? tickets_today(t, ledger_now(tx)) : zone_day(NULL, ledger_now(tx));
    int rc = registry_caller(ledger_db(tx), image->key, today, &caller);
    if (rc < 0)
        return rc;
    image->row.match = caller.match;
    image->row.person_id = caller.person_id;
    image->certain = caller.certain;
    return E_OK;
}

static bool is_unknown(const struct call_image *image)
{
    return !image->row.match && image->key;
}

static int write_devices(struct ledger_tx *tx, struct call_batch *b)
{
    struct device_image *d;
    int rc = E_OK;
    DL_FOREACH (b->devices, d) {
        struct device_row row = {.source_id = d->source->id,
                                 .device = d->device,
                                 .state = calls_agent_state_name(d->state),
                                 .reason = d->reason[0] ? d->reason : NULL,
                                 .since = d->since};
        rc = repo_device_row_write(ledger_db(tx), &row);
        if (rc < 0)
            break;
    }
    return rc;
}

static int write_seqs(struct ledger_tx *tx, struct call_batch *b)
{
    struct seq_image *s;
    int rc = E_OK;
    DL_FOREACH (b->seqs, s) {
        rc = repo_source_set_seq(ledger_db(tx), s->source->id, s->seq, s->gaps, s->numbered);
        if (rc < 0)
            break;
    }
    return rc;
}

/* ---- tickets and callbacks ---- */

/* What the answers and ends of a batch may come to. */
struct rules {
    struct ledger_tx *tx;
    struct tickets *tickets;
    struct tell *tell;
    bool on_answer, on_wrap_up; /* calls open tickets then */
    bool callbacks;             /* somebody waits to be rung back */
    bool on_cleared;            /* a gateway asked for call.cleared */
};

typedef int rule_fn(struct rules *r, struct call_image *image);

static struct answered_call answered_of(const struct call_image *image)
{
    return (struct answered_call){.call_id = image->row.id,
                                  .person_id = image->certain ? image->row.person_id : 0,
                                  .number = image->number,
                                  .agent = image->first_agent,
                                  .at = image->row.answered_at};
}

static int take_ticket(struct ledger_tx *tx, struct call_image *image, int64_t ticket)
{
    if (!ticket)
        return E_OK;
    image->row.ticket_id = ticket;
    return repo_call_row_set_ticket(ledger_db(tx), image->row.id, ticket);
}

static int on_answered(struct rules *r, struct call_image *image)
{
    int64_t ticket = 0;
    bool joined = false;
    struct answered_call call = answered_of(image);
    if (image->row.ticket_id)
        return E_OK;
    int rc = tickets_on_answered(r->tickets, r->tx, &call, &ticket, &joined);
    return rc < 0 ? rc : take_ticket(r->tx, image, ticket);
}

static int on_wrap_up(struct rules *r, struct call_image *image)
{
    int64_t ticket = 0;
    bool joined = false;
    struct answered_call call = answered_of(image);
    if (image->row.ticket_id)
        return E_OK;
    int rc = tickets_on_wrap_up(r->tickets, r->tx, &call, &ticket, &joined);
    return rc < 0 ? rc : take_ticket(r->tx, image, ticket);
}

static int on_unanswered(struct rules *r, struct call_image *image)
{
    int64_t id = 0;
    struct unanswered_call call = {.call_id = image->row.id,
                                   .person_id = image->certain ? image->row.person_id : 0,
                                   .number = image->number,
                                   .reason = image->row.disposition,
                                   .at = image->row.ended_at};
    r->callbacks = true;
    return callbacks_on_unanswered(r->tickets, r->tx, &call, &id);
}

static int on_outbound(struct rules *r, struct call_image *image)
{
    int64_t answered_at = image->row.answered_at;
    struct outbound_call call = {.call_id = image->row.id,
                                 .person_id = image->certain ? image->row.person_id : 0,
                                 .number = image->number,
                                 .agent = image->first_agent,
                                 .answered = answered_at != 0,
                                 .at = answered_at ? answered_at : image->row.ended_at};
    return callbacks_on_outbound(r->tickets, r->tx, &call);
}

/* What an answer or an end comes to; NULL: nothing. */
static rule_fn *rule_of(const struct rules *r, const struct call_image *image, bool end)
{
    bool inbound = text_eq(image->row.direction, "inbound");
    /* Outbound its answer counts, or its end without one; not a phone of ours that rang for it in
     * vain: the owner was not tried then. */
    if (text_eq(image->row.direction, "outbound"))
        return r->callbacks && image->number && end == !image->row.answered_at &&
                       (image->dialled || !end)
                   ? on_outbound
                   : NULL;
    if (!inbound)
        return NULL;
    if (!end)
        return r->on_answer || r->callbacks ? on_answered : NULL;
    if (image->row.answered_at)
        return r->on_wrap_up ? on_wrap_up : NULL;
    return text_eq(image->row.disposition, "blocked") ? NULL : on_unanswered;
}

/* One fault must not lose the call, let alone others: it is undone alone and said aloud. */
static int apply_rule(struct rules *r, struct call_image *image, bool end)
{
    rule_fn *rule = rule_of(r, image, end);
    if (!rule)
        return E_OK;
    int rc = ledger_part_begin(r->tx);
    if (rc < 0)
        return rc;
    if (is_unknown(image)) { /* the call before it in this batch left a callback */
        rc = identify(r->tx, image);
        rc = rc < 0 ? rc : write_image(r->tx, image);
    }
    if (rc == E_OK)
        rc = rule(r, image);
    int kept = ledger_part_end(r->tx, rc);
    if (rc < 0 && kept == E_OK)
        log_error(&image->source->log, "call %s: its %s: %s", image->row.call,
                  end ? "end" : "answer", err_name(rc));
    return kept;
}

/* Gateways that asked for it hear of the whole call, once, with the ticket that came of it. */
static int tell_cleared(struct rules *r, const struct call_image *image)
{
    struct buf json = BUF_INIT(CALL_ROW_JSON_MAX);
    struct jw w;
    jw_init(&w, &json);
    call_row_json(&image->row, &w);
    int rc = E_OK;
    if (json.overflow)
        log_error(&image->source->log, "call %s: too long to be told", image->row.call);
    else
        rc = tell_event(r->tell, r->tx, "call.cleared", image->row.ended_at, buf_str(&json),
                        image->row.ticket_id);
    buf_free(&json);
    return rc;
}

/* An answer or an end, by when it came. */
struct due {
    uint64_t turn;
    struct call_image *image;
    bool end;
};

static int by_turn(const void *a, const void *b)
{
    const struct due *x = a, *y = b;
    return (x->turn > y->turn) - (x->turn < y->turn);
}

static size_t collect(const struct call_batch *b, struct due **out)
{
    struct call_image *image;
    size_t n = 0, cap = 0;
    *out = NULL;
    DL_FOREACH (b->images, image) {
        if (image->refused)
            continue;
        if (n + 2 > cap) {
            cap = cap * 2 + 64;
            *out = xrealloc(*out, cap * sizeof(**out));
        }
        if (image->answered_turn)
            (*out)[n++] = (struct due){image->answered_turn, image, false};
        if (image->ended_turn)
            (*out)[n++] = (struct due){image->ended_turn, image, true};
    }
    if (n)
        qsort(*out, n, sizeof(**out), by_turn);
    return n;
}

static int rules_init(struct rules *r, struct ledger_tx *tx, const struct call_batch *b)
{
    *r = (struct rules){.tx = tx, .tickets = b->t->opts.tickets, .tell = b->t->opts.tell};
    if (!r->tickets)
        return E_OK;
    r->on_answer = tickets_open_on(r->tickets, "answered");
    r->on_wrap_up = tickets_open_on(r->tickets, "wrap_up");
    r->on_cleared = tell_event_wanted(r->tell, "call.cleared");
    return callbacks_any(ledger_db(tx), &r->callbacks);
}

/* Whether a ticket or a callback is to know who it is. */
static bool is_due(const struct rules *r, const struct call_image *image)
{
    return r->tickets && ((image->answered_turn && rule_of(r, image, false)) ||
                          (image->ended_turn && rule_of(r, image, true)));
}

/* A statement that fails undoes itself, so that a row needs no savepoint. */
static int write_calls(const struct rules *r, struct call_batch *b)
{
    struct call_image *image;
    DL_FOREACH (b->images, image) {
        int rc = is_unknown(image) && is_due(r, image) ? identify(r->tx, image) : E_OK;
        if (rc == E_OK)
            rc = write_image(r->tx, image);
        if (is_lost(ledger_db(r->tx), rc))
            return rc < 0 ? rc : E_IO;
        image->refused = rc < 0;
        if (image->refused)
            log_error(&image->source->log, "call %s: its row: %s", image->row.call, err_name(rc));
    }
    return E_OK;
}

static int apply_rules(struct rules *r, struct call_batch *b)
{
    struct due *due;
    int rc = E_OK;
    if (!r->tickets)
        return E_OK;
    size_t n = collect(b, &due);
    for (size_t i = 0; i < n && rc == E_OK; i++) {
        rc = apply_rule(r, due[i].image, due[i].end);
        if (rc == E_OK && due[i].end && r->on_cleared)
            rc = tell_cleared(r, due[i].image);
    }
    free(due);
    return rc;
}

int call_batch_write(struct ledger_tx *tx, void *batch)
{
    struct call_batch *b = batch;
    struct rules rules;
    int rc = rules_init(&rules, tx, b);
    if (rc == E_OK)
        rc = write_devices(tx, b);
    if (rc == E_OK)
        rc = write_calls(&rules, b);
    if (rc == E_OK)
        rc = write_seqs(tx, b);
    if (rc == E_OK)
        ledger_effect(tx, call_batch_publish, b->t, b,
                      NULL); /* b lives until its command is done */
    return rc == E_OK ? apply_rules(&rules, b) : rc;
}
