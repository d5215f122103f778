/*
 * telephony_store.c - calls on their way to the ledger.
 *
 * A command carries the call's row as an image. Within one batch the last image of a call is
 * written once, before the commit, together with each source's last_seq; a call that must be seen
 * by a ticket or a callback is written at once. What was gathered for a batch is forgotten when
 * the batch is run again (its round changes), as its commands then bring it again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/callbacks.h"
#include "service/registry.h"
#include "service/telephony_priv.h"

#define JSON_MAX ((size_t)256 << 10)

/* ---- images ---- */

struct call_store *store_new(struct live *l)
{
    struct call_store *s = xcalloc(1, sizeof(*s));
    atomic_init(&s->refs, 1);
    s->live = l;
    return s;
}

void store_unref(struct call_store *store)
{
    if (atomic_fetch_sub(&store->refs, 1) == 1)
        free(store);
}

static void image_unref(void *arg)
{
    struct call_image *image = arg;
    if (!image || atomic_fetch_sub(&image->refs, 1) != 1)
        return;
    store_unref(image->store);
    free(image);
}

static struct call_image *image_ref(struct call_image *image)
{
    atomic_fetch_add(&image->refs, 1);
    return image;
}

static const char *some(const char *s)
{
    return s[0] ? s : NULL;
}

/* Adds to a list of eight, its end included, once. */
static void add_once(const char *list[8], const char *text)
{
    size_t i = 0;
    while (list[i] && !text_eq(list[i], text))
        i++;
    if (text && text[0] && i < 7)
        list[i] = text;
}

struct concerned {
    struct live *live;
    struct call_image *image;
};

static void concern_device(void *ctx, const char *device)
{
    struct concerned *c = ctx;
    struct telephony_source *s = c->live->source;
    const struct staff_account *a =
        s->t->opts.staff ? staff_at_device(s->t->opts.staff, s->name, device) : NULL;
    add_once(c->image->devices, device);
    add_once(c->image->users, a ? a->name : NULL);
}

static void fill_row(struct live *l, struct call_row *row)
{
    const struct call *c = l->call;
    bool internal = call_direction(c) == STEWARD_DIR_INTERNAL;
    *row = (struct call_row){
        .source = l->source->name,
        .call = l->name,
        .direction = direction_name(call_direction(c)),
        .state = call_state_name(call_state(c)),
        .disposition = call_disposition_name(call_disposition(c)),
        .party = some(l->party),
        .calling = some(l->calling),
        .calling_raw = call_calling_raw(c),
        .called = call_called(c),
        .queue = call_queue(c),
        .device = call_device(c),
        .agent = some(l->agent),
        .person_id = l->person_id,
        .match = internal      ? NULL
                 : l->withheld ? "withheld"
                               : l->match,
        .started_at = call_started_at(c),
        .queued_at = call_queued_at(c),
        .answered_at = call_answered_at(c),
        .ended_at = call_ended_at(c),
        .hold_ms = call_answered_at(c) ? call_hold_ms(c, call_last_at(c)) : 0,
        .hung_up_by = by_name(call_hung_up_by(c)),
        .gap = l->gap,
    };
}

/* The texts of an image that must outlive the live call, as places in it. */
static size_t image_texts(struct call_image *i, const char **places[32])
{
    struct call_row *r = &i->row;
    const char **all[] = {
        &r->call,        &r->party,        &r->calling,        &r->calling_raw, &r->called,
        &r->queue,       &r->device,       &r->agent,          &i->key,         &i->number,
        &i->first_agent, &r->offered_json, &r->transfers_json, &r->live_json};
    size_t n = ARRAY_LEN(all);
    memcpy(places, all, sizeof(all));
    for (size_t k = 0; i->users[k]; k++)
        places[n++] = &i->users[k];
    for (size_t k = 0; i->devices[k]; k++)
        places[n++] = &i->devices[k];
    return n;
}

/* The same image with its texts behind it in one block. */
static struct call_image *image_copy(const struct call_image *from)
{
    struct call_image probe = *from;
    const char **places[32];
    size_t n = image_texts(&probe, places), size = sizeof(probe), len[32];
    for (size_t k = 0; k < n; k++) {
        len[k] = *places[k] ? strlen(*places[k]) + 1 : 0;
        size += len[k];
    }
    struct call_image *image = xmalloc(size);
    *image = probe;
    atomic_init(&image->refs, 1);
    char *to = (char *)(image + 1);
    image_texts(image, places);
    for (size_t k = 0; k < n; k++) {
        if (!len[k])
            continue;
        *places[k] = memcpy(to, *places[k], len[k]);
        to += len[k];
    }
    return image;
}

static struct call_image *image_new(struct live *l)
{
    struct call_image image = {.source = l->source, .store = l->store};
    struct buf offered = BUF_INIT(JSON_MAX), transfers = BUF_INIT(JSON_MAX);
    struct buf live = BUF_INIT(JSON_MAX);
    struct concerned ctx = {.live = l, .image = &image};
    fill_row(l, &image.row);
    call_offered_json(l->call, &offered);
    call_transfers_json(l->call, &transfers);
    image.row.offered_json = buf_str(&offered);
    image.row.transfers_json = buf_str(&transfers);
    if (!call_ended_at(l->call)) {
        call_live_json(l->call, &live);
        image.row.live_json = buf_str(&live);
    }
    image.key = some(l->key);
    image.number = some(l->party);
    image.first_agent = some(l->first_agent);
    image.certain = l->certain;
    image.fresh = l->id == 0;
    call_each_shown(l->call, concern_device, &ctx);
    add_once(image.devices, image.row.device);
    add_once(image.devices, call_originator(l->call));
    add_once(image.users, image.row.agent);
    add_once(image.users, image.first_agent);
    struct call_image *copy = image_copy(&image);
    atomic_fetch_add(&l->store->refs, 1);
    buf_free(&offered);
    buf_free(&transfers);
    buf_free(&live);
    return copy;
}

/* ---- publishing, after the commit ---- */

static void publish(void *ctx, void *arg)
{
    struct telephony *t = ctx;
    struct call_image *image = arg;
    struct buf b = BUF_INIT(JSON_MAX);
    struct jw w;
    if (image->store->live)
        image->store->live->id = image->row.id;
    if (!t->opts.hub)
        return;
    jw_init(&w, &b);
    call_row_json(&image->row, &w);
    struct hub_event ev = {.kind = HUB_CALL,
                           .json = buf_str(&b),
                           .len = b.len,
                           .source = image->source->name,
                           .device = image->devices[0],
                           .devices = image->devices[0] ? image->devices + 1 : NULL,
                           .users = image->users[0] ? image->users : NULL};
    hub_publish(t->opts.hub, &ev);
    buf_free(&b);
}

/* ---- on the ledger thread: what a batch gathers ---- */

static int write_image(struct ledger_tx *tx, struct call_image *image)
{
    struct call_store *store = image->store;
    image->row.source_id = image->source->id;
    int rc = call_row_write(ledger_db(tx), &image->row, image->fresh && !store->written,
                            &image->row.id, &image->row.ticket_id);
    if (rc < 0)
        return rc;
    store->written = true;
    store->id = image->row.id;
    store->ticket_id = image->row.ticket_id;
    store->dirty = NULL;
    ledger_effect(tx, publish, image->source->t, image_ref(image), image_unref);
    return E_OK;
}

static int write_gathered(struct ledger_tx *tx, void *ctx)
{
    struct telephony *t = ctx;
    int rc = E_OK;
    if (t->dirty.round != ledger_round(tx))
        return E_OK;
    for (struct call_store *s = t->dirty.calls; s && rc == E_OK; s = s->next_dirty)
        if (s->dirty)
            rc = write_image(tx, s->dirty);
    for (struct telephony_source *s = t->dirty.sources; s && rc == E_OK; s = s->next_dirty)
        rc = source_set_seq(ledger_db(tx), s->id, s->stored_seq, s->stored_gaps);
    t->dirty.calls = NULL;
    t->dirty.sources = NULL;
    t->dirty.round = 0;
    return rc;
}

/* A new attempt starts with nothing gathered. */
static void gather(struct telephony *t, struct ledger_tx *tx)
{
    ledger_before_commit(tx, write_gathered, t);
    if (t->dirty.round == ledger_round(tx))
        return;
    t->dirty.round = ledger_round(tx);
    t->dirty.calls = NULL;
    t->dirty.sources = NULL;
}

static void gather_seq(struct telephony_source *s, int64_t seq, int64_t gaps)
{
    struct telephony *t = s->t;
    if (s->round != t->dirty.round) {
        s->round = t->dirty.round;
        s->next_dirty = t->dirty.sources;
        t->dirty.sources = s;
    }
    s->stored_seq = seq;
    s->stored_gaps = gaps;
}

static void gather_call(struct telephony *t, struct call_image *image)
{
    struct call_store *s = image->store;
    if (s->round != t->dirty.round) {
        s->round = t->dirty.round;
        s->next_dirty = t->dirty.calls;
        t->dirty.calls = s;
    }
    s->dirty = image;
}

/* ---- the command ---- */

struct call_cmd {
    struct telephony_source *source;
    struct call_image *image; /* NULL: only seq, or a device */
    int64_t seq, gaps;
    bool answered, ended;
    bool has_device;
    char device[DEVICE_MAX + 1], reason[64];
    enum steward_agent_state state;
    int64_t since;
};

/* An error of a rule must not lose the call: it is undone alone and said aloud. The transaction's
 * own errors go up, so that all of it is run again. */
static int settle(struct ledger_tx *tx, struct call_image *image, const char *what, int rc)
{
    struct db *db = ledger_db(tx);
    if (!db_in_transaction(db) || rc == E_BUSY || rc == E_IO || rc == E_FATAL || rc == E_UNCERTAIN)
        return rc < 0 ? rc : E_IO;
    if (rc < 0) {
        log_error(&image->source->log, "call %s: %s: %s", image->row.call, what, err_name(rc));
        db_rollback_to(db);
        return E_OK;
    }
    return db_release(db);
}

/* The reader had not answered yet: who it is is looked up here. */
static int identify(struct ledger_tx *tx, struct call_image *image)
{
    struct registry_found found = {0};
    if (image->row.match || !image->key)
        return E_OK;
    int rc = registry_cards(ledger_db(tx), image->key, ledger_now(tx), &found);
    if (rc == E_OK) {
        image->row.match = found.match;
        if (text_eq(found.match, "one") && found.n) {
            image->row.person_id = found.owners[0].id;
            image->certain = found.owners[0].certainty == MATCH_CERTAIN;
        }
    }
    registry_found_free(&found);
    return rc;
}

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
    image->row.ticket_id = image->store->ticket_id = ticket;
    return call_row_set_ticket(ledger_db(tx), image->row.id, ticket);
}

static int on_answered(struct tickets *t, struct ledger_tx *tx, struct call_image *image)
{
    int64_t ticket = 0;
    bool joined = false;
    struct answered_call call = answered_of(image);
    if (image->row.ticket_id)
        return E_OK;
    int rc = tickets_on_answered(t, tx, &call, &ticket, &joined);
    if (rc == E_OK && ticket)
        rc = take_ticket(tx, image, ticket);
    else if (rc == E_OK)
        rc = callbacks_on_answered(t, tx, call.person_id, call.number, call.at);
    return rc;
}

static int on_inbound_end(struct tickets *t, struct ledger_tx *tx, struct call_image *image)
{
    int64_t id = 0;
    bool joined = false;
    if (image->row.answered_at) {
        struct answered_call call = answered_of(image);
        int rc = image->row.ticket_id ? E_OK : tickets_on_wrap_up(t, tx, &call, &id, &joined);
        return rc < 0 ? rc : take_ticket(tx, image, id);
    }
    struct unanswered_call call = {.call_id = image->row.id,
                                   .person_id = image->certain ? image->row.person_id : 0,
                                   .number = image->number,
                                   .reason = image->row.disposition,
                                   .at = image->row.ended_at};
    return text_eq(call.reason, "blocked") ? E_OK : callbacks_on_unanswered(t, tx, &call, &id);
}

static int on_outbound_end(struct tickets *t, struct ledger_tx *tx, struct call_image *image)
{
    struct outbound_call call = {.call_id = image->row.id,
                                 .person_id = image->certain ? image->row.person_id : 0,
                                 .number = image->number,
                                 .agent = image->first_agent,
                                 .answered = image->row.answered_at != 0,
                                 .at = image->row.ended_at};
    return call.number ? callbacks_on_outbound(t, tx, &call) : E_OK;
}

typedef int rule_fn(struct tickets *t, struct ledger_tx *tx, struct call_image *image);

static int apply_rule(struct ledger_tx *tx, struct call_image *image, const char *what, rule_fn *fn)
{
    int rc = db_savepoint(ledger_db(tx));
    if (rc < 0)
        return rc;
    return settle(tx, image, what, fn(image->source->t->opts.tickets, tx, image));
}

/* Tickets and callbacks of an answer or an end: the row must stand first. */
static int decide(struct ledger_tx *tx, const struct call_cmd *cmd)
{
    struct call_image *image = cmd->image;
    bool inbound = text_eq(image->row.direction, "inbound");
    bool outbound = text_eq(image->row.direction, "outbound");
    int rc = identify(tx, image);
    if (rc == E_OK)
        rc = write_image(tx, image);
    if (rc == E_OK && cmd->answered && inbound)
        rc = apply_rule(tx, image, "its answer", on_answered);
    if (rc == E_OK && cmd->ended && inbound)
        rc = apply_rule(tx, image, "its end", on_inbound_end);
    if (rc == E_OK && cmd->ended && outbound)
        rc = apply_rule(tx, image, "its end", on_outbound_end);
    return rc;
}

static int run(struct ledger_tx *tx, void *arg)
{
    struct call_cmd *cmd = arg;
    struct telephony_source *s = cmd->source;
    int rc = E_OK;
    gather(s->t, tx);
    if (cmd->has_device) {
        struct device_row row = {.source_id = s->id,
                                 .device = cmd->device,
                                 .state = telephony_agent_state_name(cmd->state),
                                 .reason = some(cmd->reason),
                                 .since = cmd->since};
        rc = device_row_write(ledger_db(tx), &row);
    }
    if (cmd->image) {
        bool internal = text_eq(cmd->image->row.direction, "internal");
        if ((cmd->answered || cmd->ended) && !internal && s->t->opts.tickets)
            rc = decide(tx, cmd);
        else
            gather_call(s->t, cmd->image);
    }
    if (rc == E_OK && cmd->seq)
        gather_seq(s, cmd->seq, cmd->gaps);
    return rc;
}

static void done(void *arg, int rc, const struct errmsg *why)
{
    struct call_cmd *cmd = arg;
    if (rc < 0)
        log_error(&cmd->source->log, "an event could not be stored: %s", why->text);
    else if (cmd->seq)
        source_durable(cmd->source, cmd->seq);
    image_unref(cmd->image);
    free(cmd);
}

static void submit(struct call_cmd *cmd)
{
    struct ledger_cmd command = {
        .name = "call", .run = run, .done = done, .arg = cmd, .insist = true};
    int rc = ledger_submit(cmd->source->t->opts.ledger, &command);
    if (rc < 0)
        done(cmd, rc, &(struct errmsg){.text = "the ledger took it not"});
}

void store_call(struct live *l, int64_t seq, bool answered, bool ended)
{
    struct call_cmd *cmd = xcalloc(1, sizeof(*cmd));
    cmd->source = l->source;
    cmd->image = image_new(l);
    cmd->seq = seq;
    cmd->gaps = (int64_t)l->source->gaps;
    cmd->answered = answered;
    cmd->ended = ended;
    submit(cmd);
}

void store_device(struct telephony_source *s, const struct device *d, int64_t seq)
{
    struct call_cmd *cmd = xcalloc(1, sizeof(*cmd));
    cmd->source = s;
    cmd->seq = seq;
    cmd->gaps = (int64_t)s->gaps;
    if (d) {
        cmd->has_device = true;
        text_copy(cmd->device, sizeof(cmd->device), d->name);
        text_copy(cmd->reason, sizeof(cmd->reason), d->reason);
        cmd->state = d->state;
        cmd->since = d->since;
    }
    submit(cmd);
}

/* ---- the source's own row ---- */

static int source_run(struct ledger_tx *tx, void *arg)
{
    struct telephony_source *s = arg;
    return source_id_get(ledger_db(tx), s->name, &s->id);
}

static void source_done(void *arg, int rc, const struct errmsg *why)
{
    struct telephony_source *s = arg;
    if (rc < 0)
        log_error(&s->log, "the source could not be stored: %s", why->text);
}

void store_source(struct telephony_source *s)
{
    struct ledger_cmd command = {
        .name = "source", .run = source_run, .done = source_done, .arg = s, .insist = true};
    if (ledger_submit(s->t->opts.ledger, &command) < 0)
        log_error(&s->log, "the source could not be stored");
}
