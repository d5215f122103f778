/*
 * call.c - a call's events in their order, and the questions that can be asked of their fold.
 */
#include "domain/call_priv.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"

static const char *const state_names[] = {
    [CALL_NEW] = "new",
    [CALL_QUEUED] = "queued",
    [CALL_DELIVERED] = "delivered",
    [CALL_ESTABLISHED] = "established",
    [CALL_HELD] = "held",
    [CALL_CLEARED] = "cleared",
};

const char *call_state_name(enum call_state state)
{
    return state_names[state];
}

enum call_state call_state_parse(const char *name)
{
    for (size_t i = 1; i < ARRAY_LEN(state_names); i++)
        if (text_eq(state_names[i], name))
            return (enum call_state)i;
    return CALL_NEW;
}

const char *call_disposition_name(enum call_disposition d)
{
    static const char *const names[] = {
        [CALL_ANSWERED] = "answered", [CALL_ABANDONED] = "abandoned", [CALL_MISSED] = "missed",
        [CALL_BUSY] = "busy",         [CALL_FAILED] = "failed",       [CALL_BLOCKED] = "blocked",
    };
    return d == CALL_NONE ? NULL : names[d];
}

const char *offer_result_name(enum offer_result r)
{
    static const char *const names[] = {
        [OFFER_ANSWERED] = "answered",   [OFFER_NO_ANSWER] = "no_answer",
        [OFFER_REJECTED] = "rejected",   [OFFER_BUSY] = "busy",
        [OFFER_WITHDRAWN] = "withdrawn",
    };
    return r == OFFER_RINGING ? NULL : names[r];
}

void *list_add(void *list, size_t size)
{
    LIST(char) *l = list;
    if (l->n == l->cap) {
        l->cap = l->cap ? l->cap * 2 : 4;
        char *items = xrealloc(l->grown ? l->items : NULL, l->cap * size);
        if (!l->grown && l->n)
            memcpy(items, l->items, l->n * size);
        l->items = items;
        l->grown = true;
    }
    char *item = l->items + l->n++ * size;
    memset(item, 0, size);
    return item;
}

#define LIST_WITHIN(c, list)                                                                       \
    ((c)->list.items = (c)->first.list, (c)->list.cap = ARRAY_LEN((c)->first.list))
#define LIST_FREE(list) free((list)->grown ? (list)->items : NULL)

struct call *call_new(void)
{
    struct call *c = pool_take0(sizeof(*c));
    LIST_WITHIN(c, events);
    LIST_WITHIN(c, offers);
    LIST_WITHIN(c, parties);
    LIST_WITHIN(c, gone);
    fold_reset(c);
    return c;
}

static void unkeep(struct kept *k)
{
    pool_give(k, k->size);
}

void call_free(struct call **c)
{
    if (!*c)
        return;
    for (size_t i = 0; i < (*c)->events.n; i++)
        unkeep((*c)->events.items[i]);
    LIST_FREE(&(*c)->events);
    LIST_FREE(&(*c)->offers);
    LIST_FREE(&(*c)->transfers);
    LIST_FREE(&(*c)->parties);
    LIST_FREE(&(*c)->gone);
    pool_give(*c, sizeof(**c));
    *c = NULL;
}

/* ---- keeping events ---- */

/* The texts of an event, in the order in which they are laid behind it. */
#define TEXTS(ev)                                                                                  \
    {                                                                                              \
        &(ev)->calling, &(ev)->called, &(ev)->device, &(ev)->queue, &(ev)->to,                     \
            &(ev)->joined_device                                                                   \
    }
#define N_TEXTS 6

static struct kept *keep(const struct call_event *ev)
{
    struct call_event from = *ev;
    const char **texts[N_TEXTS] = TEXTS(&from);
    size_t size = sizeof(struct kept);
    for (int i = 0; i < N_TEXTS; i++) {
        if (*texts[i] && !**texts[i])
            *texts[i] = NULL;
        size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
    }
    struct kept *k = pool_take(size);
    k->size = size;
    char *to = (char *)(k + 1);
    for (int i = 0; i < N_TEXTS; i++) {
        if (!*texts[i])
            continue;
        size_t n = strlen(*texts[i]) + 1;
        *texts[i] = memcpy(to, *texts[i], n);
        to += n;
    }
    k->ev = from;
    return k;
}

/* The same thing said again. */
static bool same(const struct call_event *a, const struct call_event *b)
{
    return a->kind == b->kind && a->at == b->at && text_eq(a->device, b->device) &&
           text_eq(a->to, b->to) && text_eq(a->queue, b->queue) && a->cause == b->cause &&
           text_eq(a->calling, b->calling) && text_eq(a->called, b->called) &&
           a->direction == b->direction && a->by == b->by && a->restricted == b->restricted;
}

static bool known(const struct call *c, const struct call_event *ev)
{
    for (size_t i = c->events.n; i > 0 && c->events.items[i - 1]->ev.at >= ev->at; i--)
        if (same(&c->events.items[i - 1]->ev, ev))
            return true;
    return false;
}

static void remove_event(struct call *c, size_t i)
{
    c->text_bytes -= c->events.items[i]->size - sizeof(struct kept);
    unkeep(c->events.items[i]);
    c->events.n--;
    memmove(c->events.items + i, c->events.items + i + 1,
            (c->events.n - i) * sizeof(*c->events.items));
}

/* The index of the next event of that device after i that ends what i began; 0 if none. */
static size_t partner(const struct call *c, size_t i)
{
    const struct call_event *from = &c->events.items[i]->ev;
    for (size_t j = i + 1; j < c->events.n; j++) {
        const struct call_event *ev = &c->events.items[j]->ev;
        if (from->kind == STEWARD_EV_HELD)
            return ev->kind == STEWARD_EV_RETRIEVED ? j : 0;
        if (text_eq(ev->device, from->device) && ev->kind != STEWARD_EV_DELIVERED)
            return ev->kind == STEWARD_EV_DIVERTED || ev->kind == STEWARD_EV_FAILED ? j : 0;
    }
    return 0;
}

/* Events that decide what the call comes to. */
static bool keeps(enum steward_event_kind kind)
{
    return kind == STEWARD_EV_ORIGINATED || kind == STEWARD_EV_QUEUED ||
           kind == STEWARD_EV_ESTABLISHED || kind == STEWARD_EV_TRANSFERRED ||
           kind == STEWARD_EV_CLEARED;
}

/* Too long a call: its oldest ring that came to nothing, or hold that is over, is let go. The
 * first event stays, as it holds what the PBX showed first. */
static void compact(struct call *c)
{
    for (size_t i = 1; i < c->events.n; i++) {
        const struct call_event *ev = &c->events.items[i]->ev;
        bool hold = ev->kind == STEWARD_EV_HELD;
        size_t j = hold || ev->kind == STEWARD_EV_DELIVERED ? partner(c, i) : 0;
        if (!j)
            continue;
        if (hold)
            c->dropped_hold_ms += c->events.items[j]->ev.at - ev->at;
        remove_event(c, j);
        remove_event(c, i);
        return;
    }
    size_t i = 1;
    while (i + 1 < c->events.n && keeps(c->events.items[i]->ev.kind))
        i++;
    remove_event(c, i + 1 < c->events.n ? i : 1);
}

static bool is_too_long(const struct call *c)
{
    return c->events.n > CALL_EVENTS_MAX || (c->text_bytes > CALL_TEXTS_MAX && c->events.n > 2);
}

static void fold_again(struct call *c)
{
    fold_reset(c);
    for (size_t i = 0; i < c->events.n; i++)
        fold_step(c, &c->events.items[i]->ev);
}

bool call_apply(struct call *c, const struct call_event *ev)
{
    assert(ev->at > 0);
    struct kept *k = keep(ev);
    if (known(c, &k->ev)) {
        unkeep(k);
        return false;
    }
    size_t place = c->events.n;
    while (place > 0 && c->events.items[place - 1]->ev.at > ev->at)
        place--;
    LIST_ADD(&c->events);
    memmove(c->events.items + place + 1, c->events.items + place,
            (c->events.n - 1 - place) * sizeof(*c->events.items));
    c->events.items[place] = k;
    c->text_bytes += k->size - sizeof(*k);
    bool late = place + 1 < c->events.n;
    while (is_too_long(c)) {
        compact(c);
        late = true;
    }
    if (late)
        fold_again(c);
    else
        fold_step(c, &k->ev);
    c->version++;
    return true;
}

/* ---- questions ---- */

enum call_state call_state(const struct call *c)
{
    return c->f.state;
}

uint32_t call_version(const struct call *c)
{
    return c->version;
}

enum steward_direction call_direction(const struct call *c)
{
    return c->f.direction;
}

bool call_restricted(const struct call *c)
{
    return c->f.restricted;
}

const char *call_calling_raw(const struct call *c)
{
    return c->f.restricted ? NULL : c->f.calling;
}

const char *call_called(const struct call *c)
{
    return c->f.called;
}

const char *call_queue(const struct call *c)
{
    return c->f.queue;
}

const char *call_device(const struct call *c)
{
    return c->f.device;
}

const char *call_holder(const struct call *c)
{
    return c->f.holder;
}

const char *call_originator(const struct call *c)
{
    return c->f.direction == STEWARD_DIR_INBOUND ? NULL : c->f.originator;
}

const char *call_first_device(const struct call *c)
{
    return c->f.first_device;
}

int64_t call_started_at(const struct call *c)
{
    return c->f.started_at;
}

int64_t call_queued_at(const struct call *c)
{
    return c->f.queued_at;
}

int64_t call_answered_at(const struct call *c)
{
    return c->f.answered_at;
}

int64_t call_ended_at(const struct call *c)
{
    return c->f.ended_at;
}

int64_t call_last_at(const struct call *c)
{
    return c->f.last_at;
}

int64_t call_hold_ms(const struct call *c, int64_t now)
{
    int64_t end = c->f.ended_at ? c->f.ended_at : now;
    int64_t open = c->f.hold_at && end > c->f.hold_at ? end - c->f.hold_at : 0;
    return c->dropped_hold_ms + c->f.hold_ms + open;
}

enum steward_by call_hung_up_by(const struct call *c)
{
    return c->f.by;
}

size_t call_offers(const struct call *c, const struct call_offer **out)
{
    *out = c->offers.items;
    return c->offers.n;
}

size_t call_transfers(const struct call *c, const struct call_transfer **out)
{
    *out = c->transfers.items;
    return c->transfers.n;
}

/* What devices came to: refused all, or was there one that rang for nothing. */
static enum call_disposition of_offers(const struct call *c)
{
    bool refused = c->offers.n > 0;
    for (size_t i = 0; i < c->offers.n; i++)
        if (c->offers.items[i].result != OFFER_REJECTED && c->offers.items[i].result != OFFER_BUSY)
            refused = false;
    if (refused)
        return CALL_BUSY;
    if (c->offers.n)
        return CALL_MISSED;
    switch (c->f.fail) {
    case STEWARD_CAUSE_BUSY:
    case STEWARD_CAUSE_REJECTED:
        return CALL_BUSY;
    case STEWARD_CAUSE_UNREGISTERED:
    case STEWARD_CAUSE_INVALID_NUMBER:
    case STEWARD_CAUSE_CONGESTION:
        return CALL_FAILED;
    default:
        return CALL_MISSED;
    }
}

enum call_disposition call_disposition(const struct call *c)
{
    const struct folded *f = &c->f;
    if (!f->ended_at)
        return CALL_NONE;
    if (f->answered_at)
        return CALL_ANSWERED;
    if (f->blocked)
        return CALL_BLOCKED;
    if (f->queued_at) /* whoever ended it, if not the PBX: it was the caller who left */
        return f->queue_gave_up || f->by == STEWARD_BY_SYSTEM || f->by == STEWARD_BY_AGENT
                   ? CALL_MISSED
                   : CALL_ABANDONED;
    if (f->direction == STEWARD_DIR_OUTBOUND && f->fail) { /* own phone's ring says nothing */
        enum steward_cause cause = f->fail;
        return cause == STEWARD_CAUSE_BUSY || cause == STEWARD_CAUSE_REJECTED ? CALL_BUSY
               : cause == STEWARD_CAUSE_NO_ANSWER                             ? CALL_MISSED
                                                                              : CALL_FAILED;
    }
    return of_offers(c);
}

/* ---- who bears the card ---- */

static bool rings(const struct call *c, const char *device)
{
    for (size_t i = 0; i < c->offers.n; i++)
        if (c->offers.items[i].result == OFFER_RINGING &&
            text_eq(c->offers.items[i].device, device))
            return true;
    return false;
}

/* Who dials an outbound call has it from the start. */
static bool dials(const struct call *c, const char *device)
{
    return c->f.direction == STEWARD_DIR_OUTBOUND && !c->f.answered_at &&
           text_eq(c->f.originator, device);
}

bool call_shows(const struct call *c, const char *device)
{
    if (c->f.direction == STEWARD_DIR_INTERNAL || c->f.ended_at || !device)
        return false;
    return text_eq(c->f.holder, device) || rings(c, device) || dials(c, device);
}

bool call_busies(const struct call *c, const char *device)
{
    if (c->f.ended_at || !device)
        return false;
    bool dials_it = c->f.direction != STEWARD_DIR_INBOUND && text_eq(c->f.originator, device) &&
                    (c->f.direction == STEWARD_DIR_INTERNAL || !c->f.answered_at);
    return dials_it || text_eq(c->f.holder, device) || rings(c, device);
}

bool call_has_part(const struct call *c, const char *device)
{
    if (call_busies(c, device))
        return true;
    for (size_t i = 0; device && !c->f.ended_at && i < c->parties.n; i++)
        if (c->parties.items[i].in && text_eq(c->parties.items[i].device, device))
            return true;
    return false;
}

void call_each_shown(const struct call *c, void (*fn)(void *ctx, const char *device), void *ctx)
{
    const char *holder = c->f.holder;
    const char *dialler = c->f.originator;
    if (c->f.direction == STEWARD_DIR_INTERNAL || c->f.ended_at)
        return;
    if (holder)
        fn(ctx, holder);
    if (dialler && dials(c, dialler) && !text_eq(dialler, holder))
        fn(ctx, dialler);
    else
        dialler = NULL;
    for (size_t i = 0; i < c->offers.n; i++) {
        const struct call_offer *o = &c->offers.items[i];
        if (o->result == OFFER_RINGING && !text_eq(o->device, holder) &&
            !text_eq(o->device, dialler))
            fn(ctx, o->device);
    }
}

enum call_end call_end_reason(const struct call *c, const char *device)
{
    for (size_t i = c->gone.n; i > 0; i--)
        if (text_eq(c->gone.items[i - 1].device, device))
            return c->gone.items[i - 1].why;
    return CALL_END_CLEARED;
}

enum call_joined call_joined_as(const struct call *c, const char *by, const char **device)
{
    *device = NULL;
    if (c->f.answered_at) {
        const char *last = c->f.holder ? c->f.holder : c->f.device;
        *device = text_eq(last, by) ? NULL : last;
        return JOINED_TALKING;
    }
    for (size_t i = c->offers.n; i > 0; i--)
        if (c->offers.items[i - 1].result == OFFER_RINGING) {
            *device = c->offers.items[i - 1].device;
            return JOINED_RINGING;
        }
    return JOINED_UNKNOWN;
}
