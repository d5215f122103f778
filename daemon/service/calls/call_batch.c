/*
 * call_batch.c - calls on their way to the ledger.
 *
 * What events change is gathered while the ledger writes what was gathered before: a call that
 * changed five times meanwhile is written once, and a batch grows with the load. All that was
 * taken in goes into one command, so that last_seq is true of every call. A batch is sealed, and
 * then waits a little for those of its calls whose cards are being read: who called is written
 * with the call, which costs half of writing it twice. Events that come meanwhile are gathered.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

#define BATCH_WORK  1536 /* events after which a batch leaves whatever the ledger does */
#define TICKET_WORK 16   /* a ticket costs the ledger as much as so many events */
#define APART_MS    5    /* between two batches … */
#define BUSY_WORK   256  /* … but if the one before had so many events: */
#define BUSY_MS     20   /* fewer commits leave more time for pops, and the readers their caches */
#define CARDS_MS    250  /* how long a sealed batch waits for its calls' cards */

/* ---- images ---- */

static void on_timer(void *calls)
{
    call_batch_send(calls);
}

void call_batch_init(struct calls *t)
{
    t->unstored.timer = loop_timer_new(t->opts.loop, on_timer, t);
    buf_init(&t->out.offered, CALL_JSON_MAX);
    buf_init(&t->out.transfers, CALL_JSON_MAX);
    buf_init(&t->out.live, CALL_JSON_MAX);
    buf_init(&t->out.call, CALL_ROW_JSON_MAX);
}

void call_batch_deinit(struct calls *t)
{
    loop_timer_free(&t->unstored.timer);
    buf_free(&t->out.offered);
    buf_free(&t->out.transfers);
    buf_free(&t->out.live);
    buf_free(&t->out.call);
}

struct live_ref *live_ref_new(struct live_call *l)
{
    struct live_ref *ref = pool_take0(sizeof(*ref));
    ref->refs = 1;
    ref->live = l;
    return ref;
}

void live_ref_drop(struct live_ref *ref)
{
    if (--ref->refs == 0)
        pool_give(ref, sizeof(*ref));
}

static void image_free(struct call_image *image)
{
    live_ref_drop(image->ref);
    pool_give(image, image->size);
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
    struct live_call *live;
    struct call_image *image;
};

static void concern_device(void *ctx, const char *device)
{
    struct concerned *c = ctx;
    struct source *s = c->live->source;
    const struct staff_account *a =
        s->t->opts.staff ? staff_at_device(s->t->opts.staff, s->name, device) : NULL;
    add_once(c->image->devices, device);
    add_once(c->image->users, a ? a->name : NULL);
}

static void fill_row(struct live_call *l, struct call_row *row)
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
        .heard_at = l->heard,
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
    struct call_image *image = pool_take(size);
    *image = probe;
    image->size = size;
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

/* What a live call comes to as text; what does not fit, which its bounds forbid, is left out. */
static const char *json_of(const struct live_call *l, struct buf *b, const char *instead,
                           int (*write)(const struct call *c, struct buf *out))
{
    buf_reset(b);
    int rc = write(l->call, b);
    if (rc == E_OK)
        return buf_str(b);
    log_error(&l->source->log, "call %s: its events cannot be written: %s", l->name, err_name(rc));
    return instead;
}

static struct call_image *image_new(struct live_call *l)
{
    struct call_image image = {.source = l->source, .ref = l->ref};
    struct calls *t = l->source->t;
    struct concerned ctx = {.live = l, .image = &image};
    fill_row(l, &image.row);
    image.row.offered_json = json_of(l, &t->out.offered, "[]", call_offered_json);
    image.row.transfers_json = json_of(l, &t->out.transfers, "[]", call_transfers_json);
    if (!call_ended_at(l->call))
        image.row.live_json = json_of(l, &t->out.live, NULL, call_live_json);
    image.key = some(l->key);
    image.number = some(l->party);
    image.first_agent = some(l->first_agent);
    image.certain = l->certain;
    image.dialled = call_originator(l->call) != NULL;
    image.fresh = !l->imaged;
    image.answered_turn = l->answered_turn;
    image.ended_turn = l->ended_turn;
    call_each_shown(l->call, concern_device, &ctx);
    add_once(image.devices, image.row.device);
    add_once(image.devices, call_originator(l->call));
    add_once(image.users, image.row.agent);
    add_once(image.users, image.first_agent);
    struct call_image *copy = image_copy(&image);
    l->ref->refs++;
    l->imaged = true;
    l->answered_turn = l->ended_turn = 0;
    return copy;
}

/* ---- batches ---- */

static struct call_batch *batch_new(struct calls *t)
{
    struct call_batch *b = xcalloc(1, sizeof(*b));
    b->t = t;
    return b;
}

static void batch_free(struct call_batch *b)
{
    struct call_image *i, *itmp;
    struct device_image *d, *dtmp;
    struct seq_image *s, *stmp;
    DL_FOREACH_SAFE (b->images, i, itmp)
        image_free(i);
    DL_FOREACH_SAFE (b->devices, d, dtmp)
        free(d);
    DL_FOREACH_SAFE (b->seqs, s, stmp)
        free(s);
    free(b);
}

static struct call_batch *early(struct calls *t)
{
    if (!t->unstored.early)
        t->unstored.early = batch_new(t);
    return t->unstored.early;
}

/* The call's image joins the batch; the call is clean. */
static void take_image(struct call_batch *b, struct live_call *l)
{
    struct call_image *image = image_new(l);
    DL_APPEND(b->images, image);
    DL_DELETE2(b->t->unstored.dirty, l, prev_dirty, next_dirty);
    l->dirty = false;
}

/* Whether it is sealed already or not, nothing waits for the call's card any more. */
static void card_settled(struct live_call *l)
{
    if (l->awaited_by)
        l->awaited_by->awaited--;
    l->awaited = false;
    l->awaited_by = NULL;
}

/* Who called, if that was not known when the image was taken. */
static void name_party(struct call_image *image, const struct live_call *l)
{
    if (image->row.match || !l->match)
        return;
    image->row.match = l->match;
    image->row.person_id = l->person_id;
    image->certain = l->certain;
}

static void take_seqs(struct call_batch *b)
{
    struct calls *t = b->t;
    while (t->unstored.sources) {
        struct source *s = t->unstored.sources;
        struct seq_image *seq = xcalloc(1, sizeof(*seq));
        *seq = (struct seq_image){
            .source = s, .seq = s->accepted, .gaps = (int64_t)s->gaps, .numbered = s->numbered};
        DL_APPEND(b->seqs, seq);
        LL_DELETE2(t->unstored.sources, s, next_unstored);
        s->unstored = false;
    }
}

static void batch_done(void *arg, int rc, const struct errmsg *why)
{
    struct call_batch *b = arg;
    struct calls *t = b->t;
    struct seq_image *s;
    t->unstored.under_way--;
    if (rc < 0)
        log_complain(&t->unstored.failed, NULL, "telephony: events could not be stored: %s",
                     why->text);
    else
        log_recovered(&t->unstored.failed, NULL, "telephony: events are stored");
    DL_FOREACH (b->seqs, s)
        if (rc == E_OK)
            source_durable(s->source, s->seq);
    ledger_expect(t->opts.ledger, -(ptrdiff_t)b->work);
    batch_free(b);
    if (rc == E_OK)
        call_batch_send(t);
}

/* Nothing more is put into what was gathered. */
static void seal(struct calls *t)
{
    struct call_batch *b = early(t);
    while (t->unstored.dirty) {
        struct live_call *l = t->unstored.dirty;
        take_image(b, l);
        l->sealed++;
        if (l->awaited && !l->awaited_by) {
            l->awaited_by = b;
            b->awaited++;
        }
    }
    take_seqs(b);
    b->work = t->unstored.last_work = t->unstored.work;
    b->sealed_us = t->unstored.sealed_us = clock_mono_us();
    t->unstored.early = NULL;
    t->unstored.work = 0;
    DL_APPEND(t->unstored.sealed, b);
}

/* The walk over a batch comes to calls that were not looked at for some time: the next one is on
 * its way from memory meanwhile. */
static void look_ahead(const struct call_image *image)
{
    const struct call_image *next = image->next;
    if (!next)
        return;
    __builtin_prefetch(next->ref->live);
    if (next->next)
        __builtin_prefetch(next->next->ref);
}

/* The calls do not wait for this batch, nor it for their cards. */
static void unseal(struct call_batch *b)
{
    struct call_image *image;
    DL_DELETE(b->t->unstored.sealed, b);
    DL_FOREACH (b->images, image) {
        struct live_call *l = image->ref->live;
        look_ahead(image);
        if (!l)
            continue;
        l->sealed--;
        name_party(image, l);
        if (l->awaited_by == b)
            card_settled(l);
    }
}

static void send_batch(struct call_batch *b)
{
    struct calls *t = b->t;
    unseal(b);
    t->unstored.under_way++;
    struct ledger_cmd command = {.name = "calls",
                                 .run = call_batch_write,
                                 .done = batch_done,
                                 .arg = b,
                                 .insist = true,
                                 .whole = true};
    int rc = ledger_submit(t->opts.ledger, &command);
    if (rc < 0)
        batch_done(b, rc, &(struct errmsg){.text = "the ledger refused it"});
}

/* How long after the last batch the next one may be sealed. */
static int apart_ms(const struct calls *t)
{
    return t->unstored.last_work >= BUSY_WORK ? BUSY_MS : APART_MS;
}

static int64_t ms_since(int64_t us)
{
    return (clock_mono_us() - us) / 1000;
}

/* Sends what is sealed, in order, and has its cards or has waited long enough. */
static void send_ready(struct calls *t)
{
    struct call_batch *b;
    while ((b = t->unstored.sealed) &&
           (!b->awaited || t->unstored.stopping || ms_since(b->sealed_us) >= CARDS_MS))
        send_batch(b);
}

void call_batch_send(struct calls *t)
{
    int64_t apart = ms_since(t->unstored.sealed_us);
    bool full = t->unstored.work >= BATCH_WORK || t->unstored.stopping;
    send_ready(t);
    if (t->unstored.work && (full || !(t->unstored.under_way || t->unstored.sealed))) {
        if (apart < apart_ms(t) && !full) {
            loop_timer_arm(t->unstored.timer, apart_ms(t) - apart);
            return;
        }
        seal(t);
        send_ready(t);
    }
    if (t->unstored.sealed)
        loop_timer_arm(t->unstored.timer, CARDS_MS - ms_since(t->unstored.sealed->sealed_us));
}

/* At the end of this turn, so that what came together leaves together. */
static void gathered(struct calls *t, size_t work)
{
    bool first = !t->unstored.work;
    t->unstored.work += work;
    ledger_expect(t->opts.ledger, (ptrdiff_t)work);
    if (t->unstored.stopping)
        call_batch_send(t);
    else if (first)
        loop_timer_arm(t->unstored.timer, 0);
}

void calls_flush(struct calls *t)
{
    t->unstored.stopping = true;
    call_batch_send(t);
}

/* What no ack was sent for: whoever counts its events sends these again. */
static void say_lost(const struct calls *t)
{
    uint64_t lost = 0;
    for (const struct source *s = t->sources; s; s = s->hh.next)
        lost += (uint64_t)(s->accepted - s->durable);
    if (lost)
        log_error(NULL, "telephony: %llu events were not stored: their sources send them again",
                  (unsigned long long)lost);
}

void call_batch_drop(struct calls *t)
{
    struct live_call *l, *tmp;
    say_lost(t);
    DL_FOREACH_SAFE2 (t->unstored.dirty, l, tmp, next_dirty)
        l->dirty = false;
    if (t->unstored.early)
        batch_free(t->unstored.early);
    while (t->unstored.sealed) {
        struct call_batch *b = t->unstored.sealed;
        unseal(b);
        batch_free(b);
    }
    t->unstored.dirty = NULL;
    t->unstored.early = NULL;
}

/* ---- what is gathered ---- */

void call_batch_add(struct live_call *l, bool answered, bool ended)
{
    struct calls *t = l->source->t;
    if (!l->dirty)
        DL_APPEND2(t->unstored.dirty, l, prev_dirty, next_dirty);
    l->dirty = true;
    l->awaited = l->awaited || (l->pops && !l->match);
    if (answered)
        l->answered_turn = ++t->unstored.turn;
    if (ended)
        l->ended_turn = ++t->unstored.turn;
    gathered(t, answered && t->conf.opens_tickets ? TICKET_WORK : 1);
}

void call_batch_device(struct source *s, const struct device *d)
{
    struct device_image *image = xcalloc(1, sizeof(*image));
    image->source = s;
    text_copy(image->device, sizeof(image->device), d->name);
    text_copy(image->reason, sizeof(image->reason), d->reason);
    image->state = d->state;
    image->since = d->since;
    DL_APPEND(early(s->t)->devices, image);
    gathered(s->t, 1);
}

void call_batch_seq(struct source *s)
{
    struct calls *t = s->t;
    if (!s->unstored)
        LL_PREPEND2(t->unstored.sources, s, next_unstored);
    s->unstored = true;
    gathered(t, 1);
    if (t->unstored.work >= BATCH_WORK)
        call_batch_send(t);
}

void call_batch_before_free(struct live_call *l)
{
    struct calls *t = l->source->t;
    struct call_batch *b;
    struct call_image *image;
    card_settled(l);
    if (l->dirty)
        take_image(early(t), l);
    if (!l->sealed)
        return;
    DL_FOREACH (t->unstored.sealed, b)
        DL_FOREACH (b->images, image)
            if (image->ref == l->ref)
                name_party(image, l);
}

void call_batch_card_came(struct live_call *l)
{
    struct calls *t = l->source->t;
    card_settled(l);
    if (t->unstored.sealed && !t->unstored.sealed->awaited)
        loop_timer_arm(t->unstored.timer, 0);
}

/* ---- publishing, after the commit ---- */

/* As the row is: what streams and desks are told is what is stored. */
static void publish(struct calls *t, const struct call_image *image)
{
    struct buf b = buf_lend(&t->out.call);
    struct jw w;
    jw_init(&w, &b);
    call_row_json(&image->row, &w);
    if (b.overflow)
        log_error(&image->source->log, "call %s: too long to be told", image->row.call);
    struct hub_event ev = {.kind = HUB_CALL,
                           .json = buf_str(&b),
                           .len = b.len,
                           .source = image->source->name,
                           .device = image->devices[0],
                           .devices = image->devices[0] ? image->devices + 1 : NULL,
                           .users = image->users[0] ? image->users : NULL};
    if (!b.overflow)
        hub_publish(t->opts.hub, &ev);
    buf_give_back(&t->out.call, &b);
}

void call_batch_publish(void *calls, void *batch)
{
    struct calls *t = calls;
    struct call_batch *b = batch;
    struct call_image *image;
    DL_FOREACH (b->images, image) {
        look_ahead(image);
        if (image->refused)
            continue;
        if (image->ref->live)
            image->ref->live->id = image->row.id;
        if (t->opts.hub)
            publish(t, image);
    }
}

/* ---- the source's own row ---- */

static int source_run(struct ledger_tx *tx, void *arg)
{
    struct source *s = arg;
    return repo_source_id_get(ledger_db(tx), s->name, &s->id);
}

static void source_done(void *arg, int rc, const struct errmsg *why)
{
    struct source *s = arg;
    if (rc < 0)
        log_error(&s->log, "the source could not be stored: %s", why->text);
}

void call_batch_source(struct source *s)
{
    struct ledger_cmd command = {
        .name = "source", .run = source_run, .done = source_done, .arg = s, .insist = true};
    if (ledger_submit(s->t->opts.ledger, &command) < 0)
        log_error(&s->log, "the source could not be stored");
}
