/*
 * track_move.c - calls that change hands: transfers, pickups, parking, calls that become one; what
 * waits for its explanation; and snapshots after a reconnect.
 */
#include <string.h>
#include "track_priv.h"

/* The device gave the call away: its leg's end, and its hang-up, say nothing any more. */
static void gives_away(struct track *t, struct track_call *c, struct track_leg *leg)
{
    (void)t;
    struct track_party *p = track_party_get(c, leg->device, false);
    leg->transferred = true;
    leg->held = false;
    c->by = STEWARD_BY_NONE;
    if (p)
        p->talking = p->held = p->ringing = false, p->left_at = 0;
}

void track_transfer_blind(struct track *t, struct track_leg *who, const char *to)
{
    struct track_call *c = who->call;
    if (!who->device[0] || who->transferred)
        return;
    gives_away(t, c, who);
    track_say_transferred(t, c, who->device, to, STEWARD_TRANSFER_BLIND, NULL);
}

/* The device at the end of a leg: its own, or the one behind an inner channel. */
static const char *device_behind(struct track *t, struct track_leg *leg, const char *but)
{
    struct track_leg *other;
    if (!leg || leg->device[0])
        return leg ? leg->device : "";
    DL_FOREACH (leg->call->legs, other)
        if (other->device[0] && strcmp(other->device, but) != 0 && track_together(t, leg, other))
            return other->device;
    if (leg->outside)
        return leg->called;
    DL_FOREACH (leg->call->legs, other)
        if (other->outside && !other->dials && track_together(t, leg, other))
            return other->called;
    return "";
}

/* Whom the consulting leg talks to: who picked up rather than who was rung besides. */
static struct track_leg *consulted(const struct track_call *c, const struct track_leg *second)
{
    struct track_leg *leg, *found = NULL;
    DL_FOREACH (c->legs, leg)
        if (leg != second && !leg->half && strcmp(leg->device, second->device) != 0 &&
            (!found || (leg->up && !found->up)))
            found = leg;
    return found;
}

/* The call of a consultation on the phone's only leg, which the PBX may not name. */
static struct track_call *consultation(struct track *t, const struct track_leg *who,
                                       const struct track_leg *second,
                                       const struct track_leg *target)
{
    struct track_call *c = track_consultation_of(t, who);
    if (!c && second)
        c = track_consultation_of(t, second);
    if (!c && target)
        c = target->call;
    return c ? c : who->call;
}

void track_transfer_attended(struct track *t, struct track_leg *who, struct track_leg *second,
                             struct track_leg *target)
{
    struct track_call *keep = who->call, *other = second ? second->call : keep;
    if (other == keep)
        other = consultation(t, who, second, target);
    if (!target && other != keep)
        target = consulted(other, second ? second : who);
    if (other != keep && other->order < keep->order && !keep->consult_of[0] &&
        other->had_outside >= keep->had_outside) {
        struct track_call *older = other;
        other = keep;
        keep = older;
    }
    char device[TRACK_DEVICE_MAX], to[TRACK_NUMBER_MAX];
    track_text(device, sizeof device, who->device, strlen(who->device));
    const char *behind = device_behind(t, target, device);
    track_text(to, sizeof to, behind, strlen(behind));
    gives_away(t, who->call, who);
    if (second)
        gives_away(t, second->call, second);
    gives_away(t, keep, who);
    if (other != keep)
        track_announce(t, other);
    track_say_transferred(t, keep, device, to, STEWARD_TRANSFER_ATTENDED,
                          other != keep ? other->name : NULL);
    if (other != keep)
        track_call_merge(t, keep, other);
    track_converse(t, keep);
}

void track_redirected(struct track *t, struct track_leg *leg, struct track_leg *other,
                      const char *to)
{
    struct track_call *c = leg->call;
    struct track_party *p;
    if (other) {
        if (other->call == c && !other->asked)
            track_transfer_blind(t, other, to);
        return;
    }
    LL_FOREACH (c->parties, p) {
        bool just = p->gone_at && t->now - p->gone_at < TRACK_MOVED_MS;
        if ((!p->left_at && !just) || p->left_asked)
            continue;
        p->left_at = p->gone_at = 0;
        p->talking = p->held = false;
        c->by = STEWARD_BY_NONE;
        track_say_transferred(t, c, p->device, to, STEWARD_TRANSFER_BLIND, NULL);
    }
}

/* Who handed the call over: whoever began the consultation, or talked last. */
static const char *hands_over(const struct track_call *keep, const struct track_call *other)
{
    struct track_party *p;
    if (other->device[0])
        return other->device;
    LL_FOREACH (keep->parties, p)
        if (p->left_at || p->talking)
            return p->device;
    return "";
}

void track_joined_calls(struct track *t, struct track_leg *one, struct track_leg *two)
{
    struct track_call *keep = one->call, *other = two->call;
    struct track_party *p;
    struct track_leg *target = two;
    if (keep == other || strcmp(keep->consult_of, two->id) == 0 ||
        strcmp(other->consult_of, one->id) == 0) /* a consultation that only begins */
        return;
    bool swap = other->announced != keep->announced       ? other->announced
                : other->had_outside != keep->had_outside ? other->had_outside
                                                          : other->order < keep->order;
    if (swap) {
        keep = two->call;
        other = one->call;
        target = one;
    }
    if (other->announced && keep->announced) {
        char device[TRACK_DEVICE_MAX];
        const char *who = hands_over(keep, other);
        track_text(device, sizeof device, who, strlen(who));
        p = track_party_get(keep, device, false);
        if (p)
            p->talking = p->held = false, p->left_at = 0;
        keep->by = STEWARD_BY_NONE;
        track_say_transferred(t, keep, device, target->device, STEWARD_TRANSFER_ATTENDED,
                              other->name);
    }
    target->transferred = false;
    track_call_merge(t, keep, other);
    track_converse(t, keep);
}

void track_pickup(struct track *t, struct track_leg *picker, struct track_leg *target)
{
    struct track_call *c = target->call, *own = picker->call;
    struct track_party *p = track_party_get(c, target->device, false);
    track_announce(t, c);
    target->settled = true;
    if (p)
        p->ringing = false;
    struct steward_cti_event ev = {.kind = STEWARD_EV_DIVERTED,
                                   .device = target->device,
                                   .cause = STEWARD_CAUSE_PICKED_UP,
                                   .to = picker->device};
    track_say(t, c, &ev);
    if (own == c)
        return;
    if (own->announced)
        track_say_cleared(t, own);
    picker->dials = false;
    track_call_merge(t, c, own);
}

void track_park(struct track *t, struct track_leg *leg, const char *who, const char *place)
{
    struct track_call *c = leg->call;
    struct track_party *p = who ? track_party_get(c, who, false) : NULL;
    if (!p || !p->talking)
        return; /* parked by a blind transfer, which was told */
    struct track_leg *own = track_find(t, c->name, who);
    if (own)
        gives_away(t, c, own);
    p->talking = p->held = false;
    p->left_at = 0;
    c->by = STEWARD_BY_NONE;
    track_say_transferred(t, c, who, place, STEWARD_TRANSFER_BLIND, NULL);
}

/* ---- calls that become one without a word ---- */

void track_leg_group(struct track *t, struct track_leg *leg, const char *call)
{
    struct track_call *c = leg->call, *to = track_call_get(t, call, false);
    leg->sync = t->sync;
    if (!to || to == c || c->join[0] || c->consult_of[0] || to->cleared)
        return;
    track_text(c->join, sizeof c->join, to->name, strlen(to->name));
    c->join_at = t->now;
    t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS);
}

/* Nothing explained it: two calls were joined by somebody else (a bridge action, a conference). */
static void settle_join(struct track *t, struct track_call *c)
{
    struct track_call *to = track_call_get(t, c->join, false);
    c->join[0] = '\0';
    if (!to || to == c || c->cleared)
        return;
    track_conference_calls(t, to, c, c->device);
}

/* Legs that were silent long enough. True if some are still to wait for. */
static bool settle_rings(struct track *t, struct track_call *c)
{
    struct track_leg *leg;
    bool more = false;
    DL_FOREACH (c->legs, leg) {
        if (!leg->ring_at)
            continue;
        if (t->now < leg->ring_at) {
            more = true;
            continue;
        }
        int64_t now = t->now;
        leg->ring_at = 0;
        t->now = leg->dial_at; /* since then, as far as anybody can tell */
        track_ringing(t, leg);
        t->now = now;
    }
    return more;
}

/* Whoever else could have told who hung up had time to. True if it is still waited for. */
static bool settle_end(struct track *t, struct track_call *c)
{
    if (t->now - c->over_at < TRACK_SETTLE_MS)
        return true;
    track_say_cleared(t, c);
    return false;
}

void track_settle(struct track *t)
{
    struct track_call *c, *next;
    bool more = false;
    HASH_ITER (hh, t->calls, c, next) {
        if (c->over_at && !c->cleared) {
            more = settle_end(t, c) || more;
            continue;
        }
        more = settle_rings(t, c) || more;
        track_flush_left(t, c, NULL);
        track_flush_lost(t, c);
        struct track_party *p;
        LL_FOREACH (c->parties, p)
            more = more || p->left_at || p->lost_at;
        if (c->join[0] && t->now - c->join_at >= TRACK_SETTLE_MS)
            settle_join(t, c);
        else
            more = more || c->join[0];
    }
    if (more)
        t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS / 3);
}

void track_stillborn(struct track *t, const char *call, const char *device, const char *called,
                     enum steward_cause cause)
{
    if (track_call_get(t, call, false))
        return; /* it has legs: their own end tells */
    struct track_call *c = track_call_get(t, call, true);
    if (!c)
        return;
    c->direction = STEWARD_DIR_OUTBOUND;
    track_text(c->device, sizeof c->device, device, strlen(device));
    track_text(c->calling, sizeof c->calling, device, strlen(device));
    track_text(c->called, sizeof c->called, called, strlen(called));
    track_say_device(t, c, STEWARD_EV_FAILED, device, cause);
    track_say_cleared(t, c);
    track_call_drop(t, c);
}

/* ---- snapshots ---- */

void track_sync_begin(struct track *t)
{
    t->sync++;
    t->syncing = true;
}

void track_sync_mention(struct track *t, struct track_leg *leg)
{
    leg->sync = t->sync;
}

bool track_sync_by_devices(struct track *t, bool (*idle)(void *ctx, const char *device), void *ctx)
{
    struct track_call *c, *next;
    struct track_leg *leg;
    bool found = false;
    HASH_ITER (hh, t->calls, c, next) {
        bool any = false, all = true;
        DL_FOREACH (c->legs, leg) {
            any = any || leg->device[0];
            all = all && (!leg->device[0] || idle(ctx, leg->device));
        }
        DL_FOREACH (c->legs, leg)
            if (!any || !all)
                track_sync_mention(t, leg);
        found = found || (any && all);
    }
    return found;
}

static bool is_fresh(const struct track *t, const struct track_leg *leg, bool listed)
{
    return leg->sync == t->sync || (listed && !leg->listed);
}

static bool is_stale(const struct track *t, const struct track_call *c, bool listed)
{
    struct track_leg *leg;
    DL_FOREACH (c->legs, leg)
        if (is_fresh(t, leg, listed) && !leg->half)
            return false;
    return true;
}

/*
 * Legs that are gone since: their ends were not seen. A call that lost all of them gets no event:
 * the host closes it with a gap.
 */
static void drop_stale(struct track *t, bool listed)
{
    struct track_call *c, *next_call;
    HASH_ITER (hh, t->calls, c, next_call)
        c->cleared = c->cleared || is_stale(t, c, listed);
    struct track_leg *leg, *next;
    HASH_ITER (hh, t->legs, leg, next) {
        if (is_fresh(t, leg, listed) && !leg->call->cleared)
            continue;
        leg->settled = true;
        track_gone(t, leg, STEWARD_CAUSE_NONE);
    }
}

void track_sync_end(struct track *t, bool listed)
{
    const struct steward_host *h = t->opts.host;
    if (!t->syncing)
        return;
    t->syncing = false;
    h->cti_resync_begin(h);
    drop_stale(t, listed);
    struct track_call *c, *next;
    HASH_ITER (hh, t->calls, c, next) {
        track_converse(t, c);
        if (c->announced && !c->cleared)
            h->cti_alive(h, c->name);
    }
    h->cti_resync_end(h);
}

void track_restarted(struct track *t)
{
    bool syncing = t->syncing;
    drop_stale(t, false);
    memset(t->gone, 0, sizeof t->gone);
    track_sync_end(t, false); /* at once: a list may never come */
    t->syncing = syncing;
}
