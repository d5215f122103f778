/*
 * call_fold.c - what one more event makes of a call. Events come in the order in which they
 * happened, but a source may give no times, so each step also bears its events out of order: an
 * answer without a ring before it, a ring after the end.
 */
#include "domain/call_priv.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"

void fold_reset(struct call *c)
{
    memset(&c->f, 0, sizeof(c->f));
    c->offers.n = c->transfers.n = c->parties.n = c->gone.n = 0;
}

/* ---- small moves ---- */

/* The device loses the card; the latest reason counts. */
static void lose(struct call *c, const char *device, enum call_end why)
{
    struct gone *g = LIST_ADD(&c->gone);
    *g = (struct gone){.device = device, .why = why};
}

static struct call_offer *open_offer(struct call *c, const char *device)
{
    for (size_t i = c->offers.n; i > 0; i--) {
        struct call_offer *o = &c->offers.items[i - 1];
        if (o->result == OFFER_RINGING && text_eq(o->device, device))
            return o;
    }
    return NULL;
}

static void close_offer(struct call *c, struct call_offer *o, int64_t at, enum offer_result result,
                        enum call_end why)
{
    o->to = at > o->from ? at : o->from;
    o->result = result;
    if (result != OFFER_ANSWERED)
        lose(c, o->device, why);
}

/* An offer that was never seen ringing. */
static void note_offer(struct call *c, const char *device, int64_t at, enum offer_result result)
{
    struct call_offer *o = LIST_ADD(&c->offers);
    *o = (struct call_offer){.device = device, .from = at, .to = at, .result = result};
}

static void close_others(struct call *c, const char *but, int64_t at, enum offer_result result,
                         enum call_end why)
{
    for (size_t i = 0; i < c->offers.n; i++) {
        struct call_offer *o = &c->offers.items[i];
        if (o->result == OFFER_RINGING && !text_eq(o->device, but))
            close_offer(c, o, at, result, why);
    }
}

static void end_hold(struct call *c, int64_t at)
{
    if (c->f.hold_at && at > c->f.hold_at)
        c->f.hold_ms += at - c->f.hold_at;
    c->f.hold_at = 0;
}

static void set_party(struct call *c, const char *device, bool in)
{
    for (size_t i = 0; i < c->parties.n; i++)
        if (text_eq(c->parties.items[i].device, device)) {
            c->parties.items[i].in = in;
            return;
        }
    if (in) {
        struct party *p = LIST_ADD(&c->parties);
        *p = (struct party){.device = device, .in = true};
    }
}

/* The call is with this device now (NULL: with none of ours); exactly one has it at a time. */
static void set_holder(struct call *c, const char *device, int64_t at, enum call_end why)
{
    const char *before = c->f.holder;
    if (text_eq(before, device))
        return;
    end_hold(c, at);
    if (before)
        lose(c, before, why);
    c->f.holder = device;
    if (device) {
        c->f.device = device;
        set_party(c, device, true);
    }
}

static void answer(struct call *c, int64_t at, const char *device)
{
    if (c->f.answered_at)
        return;
    c->f.answered_at = at;
    c->f.first_device = device;
}

static void ring(struct call *c, const char *device, int64_t at)
{
    if (!device || text_eq(c->f.holder, device) || open_offer(c, device))
        return;
    struct call_offer *o = LIST_ADD(&c->offers);
    *o = (struct call_offer){.device = device, .from = at};
}

/* ---- one event each ---- */

/* The event's device is the outside party: a number, or what was dialled out. */
static bool is_far(const struct call *c, const struct call_event *ev)
{
    return ev->outside || (c->f.direction == STEWARD_DIR_OUTBOUND && ev->device &&
                           text_eq(ev->device, c->f.called));
}

static void on_originated(struct call *c, const struct call_event *ev)
{
    if (!ev->device || is_far(c, ev) || c->f.direction == STEWARD_DIR_INBOUND)
        return;
    struct call_offer *own = open_offer(c, ev->device); /* the phone was rung to dial */
    if (own)
        close_offer(c, own, ev->at, OFFER_ANSWERED, CALL_END_CLEARED);
    if (!c->f.originator)
        c->f.originator = ev->device;
    if (c->f.direction == STEWARD_DIR_OUTBOUND && c->f.answered_at && !c->f.holder) {
        c->f.first_device = c->f.first_device ? c->f.first_device : ev->device;
        set_holder(c, ev->device, ev->at, CALL_END_CLEARED);
    }
}

static void on_queued(struct call *c, const struct call_event *ev)
{
    if (ev->queue)
        c->f.queue = ev->queue;
    if (!c->f.queued_at && !c->f.answered_at)
        c->f.queued_at = ev->at;
    c->f.queue_waits = true;
    c->f.queue_gave_up = false;
}

static void on_delivered(struct call *c, const struct call_event *ev)
{
    if (ev->queue)
        c->f.queue = ev->queue;
    if (!is_far(c, ev))
        ring(c, ev->device, ev->at);
}

/* The device's ring that this answer ends: an open one, or, told after the end of the call, the
 * one that the end closed. */
static struct call_offer *answered_offer(struct call *c, const char *device)
{
    struct call_offer *o = open_offer(c, device);
    for (size_t i = c->offers.n; i > 0 && !o && c->f.ended_at; i--)
        if (text_eq(c->offers.items[i - 1].device, device) &&
            c->offers.items[i - 1].to == c->f.ended_at)
            o = &c->offers.items[i - 1];
    return o;
}

static void on_established(struct call *c, const struct call_event *ev)
{
    bool dialled = c->f.direction == STEWARD_DIR_OUTBOUND;
    const char *device = is_far(c, ev) ? (dialled ? c->f.originator : NULL) : ev->device;
    struct call_offer *own = device ? answered_offer(c, device) : NULL;
    bool first = !c->f.answered_at;
    answer(c, ev->at, device);
    if (own)
        close_offer(c, own, ev->at, OFFER_ANSWERED, CALL_END_CLEARED);
    else if (device && !text_eq(device, c->f.originator) && !text_eq(device, c->f.holder) &&
             !(dialled && first))
        note_offer(c, device, ev->at, OFFER_ANSWERED);
    close_others(c, device, ev->at, OFFER_WITHDRAWN, CALL_END_ANSWERED_ELSEWHERE);
    c->f.queue_waits = false;
    if (device)
        set_holder(c, device, ev->at, CALL_END_TRANSFERRED);
}

static void on_held(struct call *c, const struct call_event *ev)
{
    if (!is_far(c, ev) && !c->f.hold_at)
        c->f.hold_at = ev->at;
}

static void on_retrieved(struct call *c, const struct call_event *ev)
{
    if (is_far(c, ev))
        return;
    end_hold(c, ev->at);
    bool other = ev->device && !text_eq(ev->device, c->f.originator);
    if (other && c->f.answered_at) /* from a parking place, by somebody else */
        set_holder(c, ev->device, ev->at, CALL_END_TRANSFERRED);
}

/* What a cause makes of a ring, and what the device is told; rung: it was seen ringing. */
static enum offer_result refused_as(enum steward_cause cause, bool rung, enum call_end *why)
{
    switch (cause) {
    case STEWARD_CAUSE_REJECTED:
    case STEWARD_CAUSE_BUSY:
        *why = CALL_END_REJECTED;
        return rung ? OFFER_REJECTED : OFFER_BUSY;
    case STEWARD_CAUSE_ANSWERED_ELSEWHERE:
    case STEWARD_CAUSE_PICKED_UP:
        *why = CALL_END_ANSWERED_ELSEWHERE;
        return OFFER_WITHDRAWN;
    case STEWARD_CAUSE_FORWARDED:
        *why = CALL_END_TRANSFERRED;
        return OFFER_NO_ANSWER;
    default:
        *why = CALL_END_NO_ANSWER;
        return OFFER_NO_ANSWER;
    }
}

/* A device that rang, or would have, does not any more. */
static void leave_device(struct call *c, const struct call_event *ev)
{
    enum call_end why;
    struct call_offer *o = open_offer(c, ev->device);
    enum offer_result result = refused_as(ev->cause, o != NULL, &why);
    if (o)
        close_offer(c, o, ev->at, result, why);
    else if (result == OFFER_BUSY)
        note_offer(c, ev->device, ev->at, OFFER_BUSY);
}

static void on_diverted(struct call *c, const struct call_event *ev)
{
    if (ev->device && text_eq(c->f.queue, ev->device)) { /* the queue gave up, not the caller */
        c->f.queue_waits = false;
        c->f.queue_gave_up = true;
        return;
    }
    if (is_far(c, ev) || !ev->device)
        return;
    leave_device(c, ev);
    if (text_eq(c->f.holder, ev->device) && ev->cause == STEWARD_CAUSE_FORWARDED)
        set_holder(c, NULL, ev->at, CALL_END_TRANSFERRED);
}

static void on_transferred(struct call *c, const struct call_event *ev)
{
    struct call_transfer *t = LIST_ADD(&c->transfers);
    *t = (struct call_transfer){.at = ev->at,
                                .kind = ev->transfer,
                                .from_device = ev->device ? ev->device : c->f.holder,
                                .to = ev->to ? ev->to : ev->joined_device};
    bool mine = !c->f.holder || !ev->device || text_eq(c->f.holder, ev->device);
    if (ev->device)
        set_party(c, ev->device, false);
    if (!mine)
        return;
    bool attended = ev->transfer == STEWARD_TRANSFER_ATTENDED;
    const char *target = ev->joined_device ? ev->joined_device : ev->to_outside ? NULL : ev->to;
    bool talks = attended && ev->joined != JOINED_RINGING;
    set_holder(c, talks ? target : NULL, ev->at, CALL_END_TRANSFERRED);
    end_hold(c, ev->at);
    if (talks && target)
        answer(c, ev->at, target);
    else if (attended && !talks)
        ring(c, target, ev->at);
}

static void on_conferenced(struct call *c, const struct call_event *ev)
{
    const char *joins = ev->joined_device ? ev->joined_device : ev->to_outside ? NULL : ev->to;
    struct call_offer *rang = joins ? open_offer(c, joins) : NULL;
    end_hold(c, ev->at);
    if (rang)
        close_offer(c, rang, ev->at, OFFER_ANSWERED, CALL_END_CLEARED);
    if (joins)
        set_party(c, joins, true);
    if (!c->f.holder && ev->device && !is_far(c, ev)) {
        answer(c, ev->at, ev->device);
        set_holder(c, ev->device, ev->at, CALL_END_TRANSFERRED);
    }
}

/* Who of those that talk has it when the holder leaves: the one that came last. */
static const char *next_party(const struct call *c)
{
    for (size_t i = c->parties.n; i > 0; i--)
        if (c->parties.items[i - 1].in)
            return c->parties.items[i - 1].device;
    return NULL;
}

static void on_connection_cleared(struct call *c, const struct call_event *ev)
{
    if (is_far(c, ev) || !ev->device)
        return;
    struct call_offer *o = open_offer(c, ev->device);
    if (o)
        close_offer(c, o, ev->at, OFFER_NO_ANSWER, CALL_END_NO_ANSWER);
    set_party(c, ev->device, false);
    if (text_eq(c->f.holder, ev->device))
        set_holder(c, next_party(c), ev->at, CALL_END_CLEARED);
}

static void on_failed(struct call *c, const struct call_event *ev)
{
    c->f.fail = ev->cause ? ev->cause : STEWARD_CAUSE_CONGESTION;
    if (!is_far(c, ev) && ev->device)
        leave_device(c, ev);
}

/* Rings end with the call: the caller left them, or the PBX gave up. */
static void finish(struct call *c)
{
    bool gave_up = c->f.by == STEWARD_BY_SYSTEM;
    enum call_end why = gave_up                       ? CALL_END_NO_ANSWER
                        : c->f.by == STEWARD_BY_AGENT ? CALL_END_CLEARED
                                                      : CALL_END_CALLER_LEFT;
    close_others(c, NULL, c->f.ended_at, gave_up ? OFFER_NO_ANSWER : OFFER_WITHDRAWN, why);
    if (c->f.holder)
        lose(c, c->f.holder, CALL_END_CLEARED);
    c->f.holder = NULL;
    c->f.queue_waits = false;
}

static void on_cleared(struct call *c, const struct call_event *ev)
{
    if (!c->f.ended_at)
        c->f.ended_at = ev->at;
    if (!c->f.by)
        c->f.by = ev->by;
}

static enum call_state state_of(const struct call *c)
{
    const struct folded *f = &c->f;
    bool ringing = false;
    for (size_t i = 0; i < c->offers.n && !ringing; i++)
        ringing = c->offers.items[i].result == OFFER_RINGING;
    if (f->ended_at)
        return CALL_CLEARED;
    if (f->hold_at && f->answered_at)
        return CALL_HELD;
    if (f->holder)
        return CALL_ESTABLISHED;
    if (ringing)
        return CALL_DELIVERED;
    if (f->queue_waits)
        return CALL_QUEUED;
    return f->answered_at ? CALL_ESTABLISHED : CALL_DELIVERED;
}

/* What every event may tell, and the first one that does decides. */
static void take_common(struct call *c, const struct call_event *ev)
{
    struct folded *f = &c->f;
    if (!f->started_at)
        f->started_at = ev->at;
    if (ev->at > f->last_at)
        f->last_at = ev->at;
    if (!f->direction)
        f->direction = ev->direction;
    if (!f->calling)
        f->calling = ev->calling;
    if (!f->called)
        f->called = ev->called;
    f->restricted |= ev->restricted;
    f->blocked |= ev->blocked;
}

void fold_step(struct call *c, const struct call_event *ev)
{
    static void (*const steps[STEWARD_EV_COUNT])(struct call *, const struct call_event *) = {
        [STEWARD_EV_ORIGINATED] = on_originated,
        [STEWARD_EV_QUEUED] = on_queued,
        [STEWARD_EV_DELIVERED] = on_delivered,
        [STEWARD_EV_ESTABLISHED] = on_established,
        [STEWARD_EV_HELD] = on_held,
        [STEWARD_EV_RETRIEVED] = on_retrieved,
        [STEWARD_EV_DIVERTED] = on_diverted,
        [STEWARD_EV_TRANSFERRED] = on_transferred,
        [STEWARD_EV_CONFERENCED] = on_conferenced,
        [STEWARD_EV_CONNECTION_CLEARED] = on_connection_cleared,
        [STEWARD_EV_FAILED] = on_failed,
        [STEWARD_EV_CLEARED] = on_cleared,
    };
    struct call_event step = *ev;
    if (c->f.ended_at && step.at > c->f.ended_at) /* said after the end: it was before it */
        step.at = c->f.ended_at;
    take_common(c, &step);
    if (steps[step.kind])
        steps[step.kind](c, &step);
    if (c->f.ended_at)
        finish(c);
    c->f.state = state_of(c);
}
