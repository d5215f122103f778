/*
 * track_emit.c - the neutral events of the tracker. A call is announced before anything else is
 * said of it, and nothing is said after it was cleared.
 */
#include <string.h>
#include "track_priv.h"

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

void track_say(struct track *t, struct track_call *c, struct steward_cti_event *ev)
{
    if (c->cleared)
        return;
    ev->struct_size = sizeof *ev;
    if (!ev->at)
        ev->at = t->now;
    ev->call = c->name;
    ev->direction = c->direction;
    ev->restricted = c->restricted;
    ev->calling = or_null(c->calling);
    ev->called = or_null(c->called);
    t->opts.host->cti_emit(t->opts.host, ev);
}

/* A call whose second side never showed: guessed from what was dialled. */
enum steward_direction track_guess(const struct track_call *c)
{
    return strlen(c->called) > 5 ? STEWARD_DIR_OUTBOUND : STEWARD_DIR_INTERNAL;
}

void track_announce(struct track *t, struct track_call *c)
{
    if (c->announced || c->cleared)
        return;
    if (c->direction == STEWARD_DIR_NONE)
        c->direction = track_guess(c);
    c->announced = true;
    struct steward_cti_event ev = {
        .kind = STEWARD_EV_ORIGINATED, .at = c->started, .device = or_null(c->device)};
    track_say(t, c, &ev);
}

/* The reasons that each of the two events may give; any other becomes the nearest. */
static enum steward_cause cause_of(enum steward_event_kind kind, enum steward_cause cause)
{
    static const enum steward_cause nearest[][STEWARD_CAUSE_COUNT] = {
        /* diverted: it rang, so a failure to reach it is none */
        {[STEWARD_CAUSE_BUSY] = STEWARD_CAUSE_REJECTED,
         [STEWARD_CAUSE_UNREGISTERED] = STEWARD_CAUSE_NO_ANSWER,
         [STEWARD_CAUSE_INVALID_NUMBER] = STEWARD_CAUSE_NO_ANSWER,
         [STEWARD_CAUSE_CONGESTION] = STEWARD_CAUSE_NO_ANSWER},
        /* failed: it never rang, so nobody rejected anything */
        {[STEWARD_CAUSE_REJECTED] = STEWARD_CAUSE_BUSY,
         [STEWARD_CAUSE_ANSWERED_ELSEWHERE] = STEWARD_CAUSE_CONGESTION,
         [STEWARD_CAUSE_PICKED_UP] = STEWARD_CAUSE_CONGESTION,
         [STEWARD_CAUSE_FORWARDED] = STEWARD_CAUSE_CONGESTION},
    };
    enum steward_cause other = nearest[kind == STEWARD_EV_FAILED][cause];
    return other ? other : cause;
}

void track_say_device(struct track *t, struct track_call *c, enum steward_event_kind kind,
                      const char *device, enum steward_cause cause)
{
    track_announce(t, c);
    bool reasoned = kind == STEWARD_EV_DIVERTED || kind == STEWARD_EV_FAILED;
    struct steward_cti_event ev = {
        .kind = kind, .device = or_null(device), .cause = reasoned ? cause_of(kind, cause) : cause};
    if (kind == STEWARD_EV_QUEUED || (kind == STEWARD_EV_DELIVERED && c->queued))
        ev.queue = or_null(c->queue);
    if (kind == STEWARD_EV_FAILED)
        c->told_failure = true;
    track_say(t, c, &ev);
}

void track_say_unreached(struct track *t, struct track_call *c, struct track_leg *leg,
                         enum steward_cause cause)
{
    struct track_party *p = track_party_get(c, leg->device, false);
    if (p && p->ringing) {
        p->ringing = false;
        if (cause != STEWARD_CAUSE_NONE)
            track_say_device(t, c, STEWARD_EV_DIVERTED, leg->device, cause);
        return;
    }
    if (leg->rang || cause == STEWARD_CAUSE_NONE || cause == STEWARD_CAUSE_ANSWERED_ELSEWHERE ||
        cause == STEWARD_CAUSE_PICKED_UP)
        return;
    bool forwarded = cause == STEWARD_CAUSE_FORWARDED;
    track_say_device(t, c, forwarded ? STEWARD_EV_DIVERTED : STEWARD_EV_FAILED, leg->device, cause);
}

void track_say_cleared(struct track *t, struct track_call *c)
{
    track_announce(t, c);
    bool quiet = !c->told_ring && !c->told_talk && !c->told_failure && !c->queue[0];
    if (quiet && c->end_cause != STEWARD_CAUSE_NONE)
        track_say_device(t, c, STEWARD_EV_FAILED, NULL, c->end_cause);
    struct steward_cti_event ev = {.kind = STEWARD_EV_CLEARED,
                                   .at = c->over_at,
                                   .by = c->by != STEWARD_BY_NONE ? c->by : STEWARD_BY_SYSTEM};
    track_say(t, c, &ev);
    c->cleared = true;
}

void track_say_transferred(struct track *t, struct track_call *c, const char *device,
                           const char *to, enum steward_transfer kind, const char *other)
{
    track_announce(t, c);
    struct steward_cti_event ev = {.kind = STEWARD_EV_TRANSFERRED,
                                   .device = or_null(device),
                                   .to = or_null(to),
                                   .transfer = kind,
                                   .other_call = or_null(other)};
    track_say(t, c, &ev);
}

void track_say_conferenced(struct track *t, struct track_call *c, const char *device,
                           const char *to, const char *other)
{
    track_announce(t, c);
    struct steward_cti_event ev = {.kind = STEWARD_EV_CONFERENCED,
                                   .device = or_null(device),
                                   .to = or_null(to),
                                   .other_call = or_null(other)};
    track_say(t, c, &ev);
}
