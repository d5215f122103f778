/*
 * track_talk.c - who rings, who talks with whom, who left: facts about legs become deliveries,
 * conversations and their ends. What is said of a device is kept in its party, so that repeats
 * and several legs of one phone change nothing.
 */
#include <string.h>
#include "track_priv.h"

/* Most legs looked at in one conversation; a larger conference is cut there. */
#define WALK_MAX 512

/* ---- conversations ---- */

struct walk {
    struct track_leg *legs[WALK_MAX];
    size_t n;
};

static void walk_add(struct track *t, struct walk *w, struct track_leg *leg)
{
    if (!leg || leg->walk == t->walk || w->n >= WALK_MAX)
        return;
    leg->walk = t->walk;
    w->legs[w->n++] = leg;
}

/* Everybody in one conversation with `from`, through bridges and inner channels. */
static void walk(struct track *t, struct walk *w, struct track_leg *from)
{
    w->n = 0;
    t->walk++;
    walk_add(t, w, from);
    for (size_t i = 0; i < w->n; i++) {
        struct track_leg *leg = w->legs[i], *other;
        walk_add(t, w, leg->pair);
        if (leg->bridge)
            DL_FOREACH2 (leg->bridge->legs, other, bridge_next)
                walk_add(t, w, other);
    }
}

bool track_together(struct track *t, struct track_leg *a, struct track_leg *b)
{
    struct walk w;
    walk(t, &w, a);
    return b->walk == t->walk;
}

struct track_call *track_consultation_of(const struct track *t, const struct track_leg *who)
{
    struct track_call *c;
    for (c = t->calls; c; c = c->hh.next)
        if (!c->cleared && strcmp(c->consult_of, who->id) == 0)
            return c;
    return NULL;
}

struct track_leg *track_anchor(const struct track *t, const struct track_call *c)
{
    struct track_leg *leg, *outside = NULL, *any = NULL;
    if (c->consult_of[0])
        return track_leg(t, c->consult_of);
    if (c->primary && (c->primary->outside || c->direction == STEWARD_DIR_INTERNAL))
        return c->primary;
    DL_FOREACH (c->legs, leg) {
        if (leg->outside && (!outside || (leg->up && !outside->up)))
            outside = leg;
        if (!leg->half && !any)
            any = leg;
    }
    return outside ? outside : c->primary ? c->primary : any;
}

void track_talks_now(struct track *t, struct track_call *c, struct track_party *p)
{
    p->talking = true;
    p->ringing = false;
    p->left_at = p->lost_at = p->gone_at = 0;
    c->by = STEWARD_BY_NONE;
    c->told_talk = true;
    track_flush_left(t, c, p->device);
}

/* A device is in the conversation with the other side now: it has the call, or, where another one
 * has it (company), it comes into a conference. */
static void talks(struct track *t, struct track_call *c, struct track_leg *leg, bool company)
{
    struct track_party *p = track_party_get(c, track_name(leg), true);
    if (!p || leg->transferred)
        return;
    leg->settled = true;
    p->left_at = 0;
    if (p->talking)
        return;
    track_talks_now(t, c, p);
    if (company)
        track_say_conferenced(t, c, p->device, p->device, NULL);
    else
        track_say_device(t, c, STEWARD_EV_ESTABLISHED, p->device, STEWARD_CAUSE_NONE);
}

/* One of our devices in the conversation, or who stands for one, of this call: not the anchor's. */
static bool is_ours(const struct track_call *c, const struct track_leg *leg,
                    const struct track_leg *anchor)
{
    return leg != anchor && leg->bridge && leg->call == c && track_name(leg)[0] &&
           strcmp(track_name(leg), anchor->device) != 0;
}

/* Another device has the call already, and stays in this conversation. */
static bool in_company(struct track_call *c, const struct walk *w, const struct track_leg *but,
                       const struct track_leg *anchor)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct track_leg *leg = w->legs[i];
        if (leg->transferred || !is_ours(c, leg, anchor) ||
            strcmp(track_name(leg), track_name(but)) == 0)
            continue;
        const struct track_party *p = track_party_get(c, track_name(leg), false);
        if (p && p->talking && !p->left_at)
            return true;
    }
    return false;
}

/* The outside number that a phone of ours consults: it is that phone which talks. */
static bool reached_outside(const struct track_call *c, const struct track_leg *leg)
{
    return c->consult_of[0] && leg->outside && leg->call == c && leg->bridge && leg->up;
}

void track_converse(struct track *t, struct track_call *c)
{
    struct track_leg *anchor = track_anchor(t, c);
    if (!anchor || c->cleared || (!anchor->bridge && !anchor->pair))
        return;
    struct walk w;
    walk(t, &w, anchor);
    for (size_t i = 0; i < w.n; i++)
        if (is_ours(c, w.legs[i], anchor))
            talks(t, c, w.legs[i], in_company(c, &w, w.legs[i], anchor));
        else if (reached_outside(c, w.legs[i]))
            talks(t, c, anchor, false);
}

/* On its own: nobody was called, and no other phone is in it. */
static bool is_alone(const struct track_leg *leg)
{
    struct track_leg *other;
    if (!leg->device[0] || !leg->up || leg->dialled || leg->call->consult_of[0] ||
        (leg->call->announced && !leg->call->cleared))
        return false;
    DL_FOREACH (leg->call->legs, other)
        if (!other->half && strcmp(other->device, leg->device) != 0)
            return leg->call->cleared;
    return true;
}

/* The leg with whose call the world is concerned in this conversation. */
static struct track_leg *host_of(const struct walk *w, const struct track_leg *guest)
{
    for (size_t i = 0; i < w->n; i++) {
        const struct track_call *c = w->legs[i]->call;
        if (c != guest->call && c->announced && !c->cleared && !w->legs[i]->transferred)
            return w->legs[i];
    }
    return NULL;
}

void track_visit(struct track *t, struct track_leg *leg)
{
    struct walk w;
    walk(t, &w, leg);
    for (size_t i = 0; i < w.n; i++) {
        struct track_leg *guest = w.legs[i], *host;
        host = is_alone(guest) ? host_of(&w, guest) : NULL;
        if (!host)
            continue;
        struct track_call *old = guest->call;
        guest->visits = true;
        track_move_leg(host->call, guest);
        if (!old->legs)
            track_call_drop(t, old);
        track_converse(t, host->call);
    }
}

/* ---- leaving ---- */

static bool others_talk(const struct track_call *c, const struct track_party *but)
{
    struct track_party *p;
    LL_FOREACH (c->parties, p)
        if (p != but && p->talking && !p->left_at)
            return true;
    return false;
}

static void say_left(struct track *t, struct track_call *c, struct track_party *p)
{
    int64_t left_at = p->left_at;
    p->left_at = 0;
    p->gone_at = t->now;
    p->talking = p->held = false;
    if (c->by == STEWARD_BY_AGENT && others_talk(c, p))
        c->by = STEWARD_BY_NONE; /* the call goes on without that agent */
    t->now = left_at;            /* told late, but it was then */
    track_say_device(t, c, STEWARD_EV_CONNECTION_CLEARED, p->device, STEWARD_CAUSE_NONE);
    t->now = p->gone_at;
}

void track_flush_left(struct track *t, struct track_call *c, const char *but)
{
    struct track_party *p;
    LL_FOREACH (c->parties, p) {
        if (!p->left_at || (but && strcmp(p->device, but) == 0))
            continue;
        if (but || others_talk(c, p) || t->now - p->left_at >= TRACK_SETTLE_MS)
            say_left(t, c, p);
    }
}

void track_late_reason(struct track *t, struct track_leg *leg, enum steward_cause cause)
{
    struct track_party *p = track_party_get(leg->call, leg->device, false);
    if (leg->presumed != STEWARD_CAUSE_NONE && cause == STEWARD_CAUSE_NONE)
        cause = leg->presumed;
    if (!p || !p->lost_at ||
        (leg->presumed == STEWARD_CAUSE_NONE && cause != STEWARD_CAUSE_ANSWERED_ELSEWHERE))
        return;
    p->lost_at = 0;
    p->ringing = false;
    track_say_device(t, leg->call, STEWARD_EV_DIVERTED, p->device, cause);
}

void track_flush_lost(struct track *t, struct track_call *c)
{
    struct track_party *p;
    LL_FOREACH (c->parties, p) {
        if (!p->lost_at || t->now - p->lost_at < TRACK_SETTLE_MS)
            continue;
        int64_t now = t->now;
        t->now = p->lost_at;
        p->lost_at = 0;
        p->ringing = false;
        track_say_device(t, c, STEWARD_EV_DIVERTED, p->device, STEWARD_CAUSE_NO_ANSWER);
        t->now = now;
    }
}

/*
 * The PBX moved the caller away from an agent who did not hang up, and rings somebody else: what
 * happened is a transfer, though no event says so (a redirect by another program).
 */
static void maybe_redirected(struct track *t, struct track_call *c, const struct track_leg *to)
{
    struct track_party *p;
    const char *target = to->outside ? to->called : to->device;
    LL_FOREACH (c->parties, p) {
        bool just = p->gone_at && t->now - p->gone_at < TRACK_MOVED_MS;
        if ((!p->left_at && !just) || p->left_asked || !target[0] || strcmp(p->device, target) == 0)
            continue;
        p->left_at = p->gone_at = 0;
        p->talking = p->held = false;
        c->by = STEWARD_BY_NONE;
        track_say_transferred(t, c, p->device, target, STEWARD_TRANSFER_BLIND, NULL);
    }
    track_flush_left(t, c, "");
}

/* ---- ringing ---- */

void track_move_leg(struct track_call *to, struct track_leg *leg)
{
    struct track_leg *other;
    DL_FOREACH (leg->call->legs, other)
        if (other->dialler == leg)
            other->dialler = NULL;
    leg->dialler = NULL;
    track_call_add(to, leg);
}

/* The phone whose number the half shows; else the only one of ours that talks in the call. */
static struct track_leg *who_asks(const struct track_leg *half)
{
    const struct track_call *c = half->call;
    struct track_leg *leg, *one = NULL;
    bool several = false;
    DL_FOREACH (c->legs, leg) {
        const struct track_party *p = track_party_get((struct track_call *)c, leg->device, false);
        if (!leg->device[0] || !leg->up || leg->transferred || !p || !p->talking)
            continue;
        if (strcmp(half->number, leg->device) == 0 || strcmp(half->pair->number, leg->device) == 0)
            return leg;
        several = several || one;
        one = leg;
    }
    return several ? NULL : one;
}

/*
 * An inner half that nobody dialled has somebody rung: our phone consults. Mostly it is in the
 * conversation of the other half already, but the PBX may tell of the ringing first.
 */
static struct track_leg *consulting(const struct track_leg *half)
{
    struct track_leg *leg;
    if (!half || !half->pair || half->dialled || half->pair->dialler || half->pair->dialled)
        return NULL;
    if (half->pair->bridge)
        DL_FOREACH2 (half->pair->bridge->legs, leg, bridge_next)
            if (leg->device[0] && leg->call == half->call && leg->call->primary != half->pair)
                return leg;
    return who_asks(half);
}

/* A phone of ours that talks in a call which it did not begin, and has somebody rung. */
static bool consults_itself(const struct track_leg *from)
{
    const struct track_call *c = from->call;
    const struct track_party *p = track_party_get((struct track_call *)c, from->device, false);
    return from->device[0] && p && p->talking && from != c->primary && !c->consult_of[0];
}

/* The PBX's own consultation shares the group of the call it belongs to: it is told apart here. */
static struct track_call *consultation(struct track *t, struct track_leg *from,
                                       struct track_leg *to)
{
    bool itself = !from->half && consults_itself(from);
    struct track_leg *who = from->half ? consulting(from) : itself ? from : NULL;
    if (!who)
        return from->call;
    struct track_call *c = track_call_get(t, itself ? to->id : from->pair->id, true);
    if (!c || c == from->call)
        return from->call;
    c->direction = to->outside ? STEWARD_DIR_OUTBOUND : STEWARD_DIR_INTERNAL;
    track_text(c->consult_of, sizeof c->consult_of, who->id, strlen(who->id));
    track_text(c->device, sizeof c->device, who->device, strlen(who->device));
    track_text(c->calling, sizeof c->calling, who->device, strlen(who->device));
    const char *called = to->outside ? to->called : to->device;
    track_text(c->called, sizeof c->called, called, strlen(called));
    if (!itself) {
        track_move_leg(c, from->pair);
        track_move_leg(c, from);
    }
    return c;
}

/* A mobile, a forwarded phone: rung over a trunk in a call that is not about calling out. */
static void stand_in(struct track_leg *leg)
{
    const struct track_call *c = leg->call;
    const char *number = leg->called[0] ? leg->called : leg->number;
    if (leg->outside && leg != c->primary && !c->consult_of[0] &&
        (c->direction == STEWARD_DIR_INBOUND || c->direction == STEWARD_DIR_INTERNAL))
        track_text(leg->stands, sizeof leg->stands, number, strlen(number));
}

void track_dial(struct track *t, struct track_leg *from, struct track_leg *to)
{
    to->sync = t->sync;
    if (from)
        track_called_by_itself(t, from);
    if (from && from != to && to->call != from->call && !to->dialled && to->call->primary == to &&
        !to->call->announced) { /* its group was not known when it appeared */
        struct track_call *old = to->call;
        track_move_leg(from->call, to);
        if (!old->legs)
            track_call_drop(t, old);
    }
    if (from && from != to && from->call == to->call) {
        struct track_call *c = consultation(t, from, to);
        if (c != to->call)
            track_move_leg(c, to);
        to->dialler = from;
    }
    stand_in(to);
    to->dialled = true;
    to->dial_at = t->now;
    to->dialled_as = ++t->order;
    struct track_call *c = to->call;
    if (!from && c->primary == to) { /* the PBX rings our phone for a call that it shall make */
        if (track_guess(c) == STEWARD_DIR_OUTBOUND)
            track_announce(t, c);
        return;
    }
    if (to->half)
        return;
    if (c->direction != STEWARD_DIR_NONE)
        track_announce(t, c); /* both sides are known: who is dialled pops before it rings */
    maybe_redirected(t, c, to);
}

void track_ringing(struct track *t, struct track_leg *leg)
{
    struct track_call *c = leg->call;
    leg->sync = t->sync;
    if (leg->half || leg->outside || leg->dials || leg->settled || leg->up || leg->rang ||
        c->primary == leg)
        return;
    struct track_party *p = track_party_get(c, leg->device, true);
    leg->rang = leg->dialled = true;
    if (!p || p->talking)
        return;
    p->lost_at = 0;
    if (p->ringing)
        return;
    p->ringing = true;
    track_flush_left(t, c, leg->device);
    track_say_device(t, c, STEWARD_EV_DELIVERED, leg->device, STEWARD_CAUSE_NONE);
    c->told_ring = true;
}

void track_ring_soon(struct track *t, struct track_leg *leg, int64_t ms)
{
    leg->ring_at = t->now + ms;
    t->opts.settle_in(t->opts.ctx, ms);
}

void track_up(struct track *t, struct track_leg *leg)
{
    leg->sync = t->sync;
    if (!leg->up)
        leg->up_as = ++t->order;
    leg->up = true;
}

void track_answered(struct track *t, struct track_leg *from, struct track_leg *leg)
{
    if (leg->settled)
        return;
    leg->settled = true;
    track_up(t, leg);
    struct track_call *c = leg->call;
    if (!from || from->half || leg->half || from->call != c)
        return; /* the conversation itself will tell */
    if (leg->outside && from->device[0] && c->direction == STEWARD_DIR_OUTBOUND)
        talks(t, c, from, false);
    else if (track_name(leg)[0] && from == track_anchor(t, c))
        talks(t, c, leg, false);
}

/* Another leg of the same device rings on in the same call. */
static bool rings_elsewhere(const struct track_call *c, const struct track_leg *but)
{
    struct track_leg *leg;
    DL_FOREACH (c->legs, leg)
        if (leg != but && leg->rang && !leg->settled && strcmp(leg->device, but->device) == 0)
            return true;
    return false;
}

/* Somebody else picked up while this leg rang. */
static bool answered_elsewhere(const struct track_leg *but)
{
    struct track_leg *leg;
    DL_FOREACH (but->call->legs, leg)
        if (leg != but && leg->dialled && leg->up && track_name(leg)[0] && !leg->transferred &&
            leg->up_as > but->dialled_as && strcmp(leg->device, but->device) != 0)
            return true;
    return false;
}

static void unanswered_party(struct track *t, struct track_call *c, struct track_leg *leg,
                             enum steward_cause cause)
{
    struct track_party *p = track_party_get(c, leg->device, false);
    if (rings_elsewhere(c, leg))
        return;
    if (cause != STEWARD_CAUSE_NONE || !p || !p->ringing) {
        track_say_unreached(t, c, leg, cause);
        return;
    }
    p->lost_at = t->now;
    t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS);
}

void track_unanswered(struct track *t, struct track_leg *leg, enum steward_cause cause)
{
    struct track_call *c = leg->call;
    if (leg->settled || leg->half)
        return;
    if (leg->cause != STEWARD_CAUSE_NONE)
        cause = leg->cause; /* what the phone itself said */
    else if (cause == STEWARD_CAUSE_NONE && answered_elsewhere(leg))
        cause = STEWARD_CAUSE_ANSWERED_ELSEWHERE;
    leg->settled = true;
    if (!leg->outside && c->primary != leg)
        unanswered_party(t, c, leg, cause);
    else if (c->direction != STEWARD_DIR_INBOUND && cause != STEWARD_CAUSE_NONE)
        track_say_device(t, c, STEWARD_EV_FAILED, leg->device, cause);
}

void track_unanswered_unless(struct track *t, struct track_leg *leg, enum steward_cause presumed)
{
    leg->presumed = presumed;
    track_unanswered(t, leg, leg->rang ? STEWARD_CAUSE_NONE : presumed);
}

bool track_presumes(const struct track_leg *leg)
{
    return leg->presumed != STEWARD_CAUSE_NONE;
}

void track_cause(struct track_leg *leg, enum steward_cause cause)
{
    if (leg->cause == STEWARD_CAUSE_NONE)
        leg->cause = cause;
}

/* ---- what parties do ---- */

void track_asked_hangup(struct track *t, struct track_leg *leg)
{
    struct track_call *c = leg->call;
    (void)t;
    if (leg->half || leg->asked)
        return;
    leg->asked = true;
    bool after = c->by == STEWARD_BY_AGENT && !others_talk(c, NULL); /* that one left before */
    if ((c->by != STEWARD_BY_NONE && !after) || leg->transferred)
        return;
    struct track_party *p = track_party_get(c, track_name(leg), false);
    if (leg->outside && !leg->stands[0] && (leg->dials || leg->up))
        c->by = STEWARD_BY_CALLER;
    else if (track_name(leg)[0] &&
             (leg->dials || (p && p->talking) || (leg == c->primary && leg->up)))
        c->by = STEWARD_BY_AGENT;
}

void track_hold(struct track *t, struct track_leg *leg, bool held)
{
    struct track_call *c = leg->call;
    leg->sync = t->sync;
    if (leg->held == held || !leg->device[0])
        return;
    leg->held = held;
    struct track_party *p = track_party_get(c, leg->device, c->primary == leg);
    if (!p || p->held == held || (!p->talking && c->primary != leg))
        return;
    p->held = held;
    track_say_device(t, c, held ? STEWARD_EV_HELD : STEWARD_EV_RETRIEVED, leg->device,
                     STEWARD_CAUSE_NONE);
}

void track_queued(struct track *t, struct track_leg *leg, const char *queue)
{
    struct track_call *c = leg->call;
    leg->sync = t->sync;
    track_called_by_itself(t, leg);
    if (c->queued && strcmp(c->queue, queue) == 0)
        return;
    if (c->direction == STEWARD_DIR_NONE)
        c->direction = STEWARD_DIR_INTERNAL;
    track_text(c->queue, sizeof c->queue, queue, strlen(queue));
    c->queued = true;
    track_flush_left(t, c, "");
    track_say_device(t, c, STEWARD_EV_QUEUED, NULL, STEWARD_CAUSE_NONE);
}

void track_unqueued(struct track *t, struct track_leg *leg)
{
    leg->sync = t->sync;
    leg->call->queued = false;
}

/* Somebody picked up, though the conversation may be yet to come. */
static bool is_answered(const struct track_call *c)
{
    struct track_leg *leg;
    DL_FOREACH (c->legs, leg)
        if (leg->dialled && leg->up && !leg->transferred)
            return true;
    return false;
}

void track_queue_gave_up(struct track *t, struct track_leg *leg)
{
    struct track_call *c = leg->call;
    bool waited = c->queued;
    track_unqueued(t, leg);
    if (!waited || leg->asked || is_answered(c) || others_talk(c, NULL))
        return;
    track_flush_lost(t, c);
    track_say_device(t, c, STEWARD_EV_DIVERTED, c->queue, STEWARD_CAUSE_NO_ANSWER);
}
