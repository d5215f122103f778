/*
 * track.c - legs, calls, parties and conversations: made, found, moved and dropped.
 */
#include <stdlib.h>
#include <string.h>
#include "track_priv.h"

/* Out of memory ends the daemon: the objects are small and their number is bounded. */
static void *make(size_t size)
{
    void *p = calloc(1, size);
    if (!p)
        abort();
    return p;
}

/* Length of the UTF-8 character at p (len bytes left), 0 if it is none. */
static size_t utf8_char(const unsigned char *p, size_t len)
{
    size_t n = p[0] < 0x80                    ? 1
               : p[0] >= 0xC2 && p[0] <= 0xDF ? 2
               : (p[0] & 0xF0) == 0xE0        ? 3
               : p[0] >= 0xF0 && p[0] <= 0xF4 ? 4
                                              : 0;
    if (!n || n > len)
        return 0;
    for (size_t i = 1; i < n; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if (n == 3 && ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F)))
        return 0;
    if (n == 4 && ((p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F)))
        return 0;
    return n;
}

char *track_text(char *out, size_t cap, const char *text, size_t len)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;
    while (len > 0 && used + 1 < cap) {
        size_t n = utf8_char(p, len);
        size_t step = n ? n : 1;
        if (used + step >= cap)
            break;
        if (!n)
            out[used++] = '?';
        else if (n > 1 || (p[0] >= 0x20 && p[0] != 0x7F)) {
            memcpy(out + used, p, n);
            used += n;
        }
        p += step;
        len -= step;
    }
    out[used] = '\0';
    return out;
}

static void set_text(char *out, size_t cap, const char *text)
{
    track_text(out, cap, text ? text : "", text ? strlen(text) : 0);
}

struct track *track_new(const struct track_opts *opts)
{
    struct track *t = make(sizeof *t);
    t->opts = *opts;
    return t;
}

void track_now(struct track *t, int64_t at)
{
    t->now = at;
}

/* ---- calls ---- */

struct track_call *track_call_get(struct track *t, const char *name, bool make_new)
{
    char key[TRACK_ID_MAX];
    set_text(key, sizeof key, name);
    struct track_call *c = NULL;
    HASH_FIND_STR(t->calls, key, c);
    if (c || !make_new || !key[0])
        return c;
    c = make(sizeof *c);
    memcpy(c->name, key, sizeof key);
    c->started = t->now;
    c->order = ++t->order;
    HASH_ADD_STR(t->calls, name, c);
    return c;
}

void track_call_add(struct track_call *c, struct track_leg *leg)
{
    if (leg->call == c)
        return;
    if (leg->call) {
        struct track_call *old = leg->call;
        DL_DELETE(old->legs, leg);
        if (old->primary == leg)
            old->primary = NULL;
    }
    leg->call = c;
    DL_APPEND(c->legs, leg);
    c->had_outside = c->had_outside || leg->outside;
    c->had_party = c->had_party || !leg->half;
}

void track_call_drop(struct track *t, struct track_call *c)
{
    struct track_party *p, *next;
    LL_FOREACH_SAFE (c->parties, p, next)
        free(p);
    HASH_DEL(t->calls, c);
    free(c);
}

void track_call_merge(struct track *t, struct track_call *to, struct track_call *from)
{
    struct track_leg *leg, *next;
    DL_FOREACH_SAFE (from->legs, leg, next)
        track_call_add(to, leg);
    track_call_drop(t, from);
}

struct track_party *track_party_get(struct track_call *c, const char *device, bool make_new)
{
    struct track_party *p;
    LL_FOREACH (c->parties, p)
        if (strcmp(p->device, device) == 0)
            return p;
    if (!make_new || !device[0] || c->party_count >= TRACK_PARTIES_MAX)
        return NULL;
    p = make(sizeof *p);
    set_text(p->device, sizeof p->device, device);
    LL_APPEND(c->parties, p);
    c->party_count++;
    return p;
}

const char *track_name(const struct track_leg *leg)
{
    return leg->device[0] ? leg->device : leg->stands;
}

bool track_has_leg(const struct track_call *c, const char *device, const struct track_leg *but)
{
    struct track_leg *leg;
    DL_FOREACH (c->legs, leg)
        if (leg != but && !leg->transferred && strcmp(track_name(leg), device) == 0)
            return true;
    return false;
}

/* ---- legs ---- */

struct track_leg *track_leg(const struct track *t, const char *id)
{
    struct track_leg *leg = NULL;
    if (id && *id)
        HASH_FIND_STR(t->legs, id, leg);
    return leg;
}

/* FNV-1a; never 0. */
static uint64_t hash_id(const char *id)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *id; id++)
        h = (h ^ (unsigned char)*id) * 0x100000001b3u;
    return h | 1;
}

bool track_was_gone(const struct track *t, const char *id)
{
    uint64_t h = hash_id(id);
    for (size_t i = 0; i < TRACK_GONE_MAX; i++)
        if (t->gone[i] == h)
            return true;
    return false;
}

static bool full(struct track *t)
{
    if (HASH_COUNT(t->legs) < TRACK_LEGS_MAX && HASH_COUNT(t->calls) < TRACK_LEGS_MAX)
        return false;
    if (!t->warned)
        t->opts.host->log(t->opts.host, STEWARD_LOG_ERROR,
                          "more than %d channels at once: further ones are not followed",
                          TRACK_LEGS_MAX);
    t->warned = true;
    return true;
}

/* What the first leg of a call says about the call. */
static void first_leg(struct track *t, struct track_call *c, struct track_leg *leg)
{
    c->primary = leg;
    c->restricted = leg->restricted;
    if (leg->outside && leg->dials) {
        c->direction = STEWARD_DIR_INBOUND;
        set_text(c->calling, sizeof c->calling, leg->number);
        set_text(c->called, sizeof c->called, leg->called);
        track_announce(t, c);
        return;
    }
    set_text(c->device, sizeof c->device, leg->device);
    set_text(c->calling, sizeof c->calling, leg->device);
    set_text(c->called, sizeof c->called, leg->called);
}

/* A further leg: it decides the direction of a call that one of our phones began. */
static void further_leg(struct track *t, struct track_call *c, struct track_leg *leg)
{
    if (leg->half || c->announced)
        return;
    if (strcmp(leg->id, c->name) == 0) { /* the one that the call is named after came late */
        c->direction = STEWARD_DIR_NONE;
        first_leg(t, c, leg);
        return;
    }
    if (c->primary && c->primary->half && !leg->outside) { /* dialled through an inner channel */
        c->primary = leg;
        set_text(c->device, sizeof c->device, leg->device);
        set_text(c->calling, sizeof c->calling, leg->device);
        return;
    }
    if (c->direction == STEWARD_DIR_NONE)
        c->direction = leg->outside ? STEWARD_DIR_OUTBOUND : STEWARD_DIR_INTERNAL;
    if (!c->called[0])
        set_text(c->called, sizeof c->called, leg->outside ? leg->called : leg->device);
}

struct track_leg *track_leg_add(struct track *t, const struct track_leg_info *info)
{
    struct track_leg *leg = track_leg(t, info->id);
    if (leg || !info->id || !*info->id || strlen(info->id) >= TRACK_ID_MAX || full(t))
        return leg;
    leg = make(sizeof *leg);
    set_text(leg->id, sizeof leg->id, info->id);
    if (!leg->id[0] || track_leg(t, leg->id)) {
        free(leg);
        return NULL;
    }
    set_text(leg->device, sizeof leg->device, info->outside || info->half ? NULL : info->device);
    set_text(leg->number, sizeof leg->number, info->number);
    set_text(leg->called, sizeof leg->called, info->called);
    leg->restricted = info->restricted;
    leg->outside = info->outside;
    leg->half = info->half;
    leg->dials = info->dials;
    leg->up = info->up;
    leg->listed = info->listed;
    leg->sync = t->sync;
    HASH_ADD_STR(t->legs, id, leg);
    struct track_call *c = track_call_get(t, info->call ? info->call : leg->id, true);
    if (!c)
        c = track_call_get(t, leg->id, true);
    bool first = !c->legs && !c->announced;
    track_call_add(c, leg);
    if (first)
        first_leg(t, c, leg);
    else
        further_leg(t, c, leg);
    return leg;
}

void track_leg_rename(struct track *t, struct track_leg *leg, const char *id)
{
    if (!*id || strlen(id) >= TRACK_ID_MAX || track_leg(t, id))
        return;
    HASH_DEL(t->legs, leg);
    set_text(leg->id, sizeof leg->id, id);
    HASH_ADD_STR(t->legs, id, leg);
}

void track_leg_device(struct track *t, struct track_leg *leg, const char *device)
{
    (void)t;
    if (!leg->outside && !leg->half)
        set_text(leg->device, sizeof leg->device, device);
}

void track_leg_set_tag(struct track_leg *leg, const char *tag)
{
    set_text(leg->tag, sizeof leg->tag, tag);
}

const char *track_leg_tag(const struct track_leg *leg)
{
    return leg->tag;
}

/* Told again, now with the number: whoever got the call without it learns who it is. */
static void late_number(struct track *t, struct track_call *c, const char *number)
{
    set_text(c->calling, sizeof c->calling, number);
    struct steward_cti_event ev = {.kind = STEWARD_EV_ORIGINATED};
    if (c->calling[0])
        track_say(t, c, &ev);
}

void track_leg_number(struct track *t, struct track_leg *leg, const char *number, bool restricted)
{
    struct track_call *c = leg->call;
    if (leg->half && !leg->number[0])
        set_text(leg->number, sizeof leg->number, number);
    if (c->primary != leg)
        return;
    c->restricted = c->restricted || restricted;
    if (!c->announced)
        set_text(leg->number, sizeof leg->number, number);
    else if (!c->calling[0] && !c->restricted && c->direction == STEWARD_DIR_INBOUND)
        late_number(t, c, number);
}

void track_leg_called(struct track *t, struct track_leg *leg, const char *called)
{
    (void)t;
    struct track_call *c = leg->call;
    set_text(leg->called, sizeof leg->called, called);
    if (!c->announced && (c->primary == leg || (leg->outside && !c->called[0])))
        set_text(c->called, sizeof c->called, called);
}

void track_leg_dials(struct track *t, struct track_leg *leg, const char *number, const char *called)
{
    struct track_call *c = leg->call;
    if (leg->dials || leg->dialled || leg->half || leg != c->primary || c->announced)
        return;
    leg->dials = true;
    if (number && *number)
        set_text(leg->number, sizeof leg->number, number);
    if (called && *called)
        set_text(leg->called, sizeof leg->called, called);
    c->direction = STEWARD_DIR_NONE;
    first_leg(t, c, leg);
}

/* An outside party that nobody rang and that goes on by itself can only have called. */
void track_called_by_itself(struct track *t, struct track_leg *leg)
{
    if (leg->outside && strcmp(leg->call->name, leg->id) == 0)
        track_leg_dials(t, leg, NULL, NULL);
}

static void unpair(struct track_leg *leg)
{
    if (leg->pair)
        leg->pair->pair = NULL;
    leg->pair = NULL;
}

void track_pair(struct track *t, struct track_leg *one, struct track_leg *two)
{
    if (one == two || one->pair == two)
        return;
    unpair(one);
    unpair(two);
    one->pair = two;
    two->pair = one;
    track_converse(t, one->call);
}

/* Nobody points at a leg that is about to go. */
static void unlink_leg(struct track *t, struct track_leg *leg)
{
    struct track_leg *other;
    unpair(leg);
    DL_FOREACH (leg->call->legs, other)
        if (other->dialler == leg)
            other->dialler = NULL;
    track_bridge_drop(t, leg);
}

static void leg_free(struct track *t, struct track_leg *leg)
{
    struct track_call *c = leg->call;
    t->gone[t->gone_at++ % TRACK_GONE_MAX] = hash_id(leg->id);
    unlink_leg(t, leg);
    DL_DELETE(c->legs, leg);
    if (c->primary == leg)
        c->primary = NULL;
    HASH_DEL(t->legs, leg);
    free(leg);
}

/* ---- conversations ---- */

void track_bridge_drop(struct track *t, struct track_leg *leg)
{
    struct track_bridge *b = leg->bridge;
    if (!b)
        return;
    leg->bridge = NULL;
    DL_DELETE2(b->legs, leg, bridge_prev, bridge_next);
    if (--b->count == 0) {
        HASH_DEL(t->bridges, b);
        free(b);
    }
}

void track_join(struct track *t, struct track_leg *leg, const char *bridge)
{
    char key[TRACK_ID_MAX];
    set_text(key, sizeof key, bridge);
    if (!key[0])
        return;
    leg->sync = t->sync;
    if (leg->bridge && strcmp(leg->bridge->id, key) == 0)
        return;
    track_bridge_drop(t, leg);
    struct track_bridge *b = NULL;
    HASH_FIND_STR(t->bridges, key, b);
    if (!b) {
        b = make(sizeof *b);
        memcpy(b->id, key, sizeof key);
        HASH_ADD_STR(t->bridges, id, b);
    }
    DL_APPEND2(b->legs, leg, bridge_prev, bridge_next);
    b->count++;
    leg->bridge = b;
    track_called_by_itself(t, leg);
    track_visit(t, leg);
    track_converse(t, leg->call);
}

/* A phone that stayed up by itself leaves the call that it came into: it is on its own again. */
static void visit_over(struct track *t, struct track_leg *leg)
{
    struct track_call *c = leg->call;
    struct track_party *p = track_party_get(c, leg->device, false);
    leg->visits = false;
    leg->dials = true;
    track_move_leg(track_call_get(t, leg->id, true), leg);
    leg->call->primary = leg;
    set_text(leg->call->device, sizeof leg->call->device, leg->device);
    set_text(leg->call->calling, sizeof leg->call->calling, leg->device);
    if (p && p->talking && !track_has_leg(c, leg->device, NULL)) {
        p->left_at = t->now;
        t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS);
    }
    if (!c->legs)
        track_call_drop(t, c);
}

void track_leave(struct track *t, struct track_leg *leg)
{
    leg->sync = t->sync;
    track_bridge_drop(t, leg);
    if (leg->visits)
        visit_over(t, leg);
}

/* ---- the end ---- */

/* Over: nobody is left, or the outside party of a call that lived by it is gone. */
static bool is_over(const struct track_call *c)
{
    struct track_leg *leg;
    bool any = false, outside = false;
    DL_FOREACH (c->legs, leg) {
        any = any || !leg->half;
        outside = outside || (leg->outside && !leg->stands[0]);
    }
    if (!any)
        return true;
    if (!c->had_outside || outside)
        return false;
    return c->direction == STEWARD_DIR_INBOUND || c->told_talk;
}

/* Only our own phone was in it: a feature code, a voice mailbox. Nobody was called. */
static bool was_nobody(const struct track_call *c, const struct track_leg *last)
{
    return !c->announced && (last->up || c->called[0] == '*' || c->called[0] == '#' ||
                             c->end_cause == STEWARD_CAUSE_NONE);
}

static void end_call(struct track *t, struct track_call *c, const struct track_leg *last)
{
    if (!c->cleared && c->had_party && !(last->dials && was_nobody(c, last)))
        track_say_cleared(t, c);
    c->cleared = true;
}

/* The other end of the same call may still tell who hung up: it is waited for. */
static void maybe_end_call(struct track *t, struct track_call *c, const struct track_leg *last)
{
    struct track_leg *leg;
    bool waits = false;
    DL_FOREACH (c->legs, leg)
        waits = waits || !leg->half;
    if (!c->cleared && !c->over_at)
        c->over_at = t->now;
    if (waits && c->by == STEWARD_BY_NONE && !c->cleared)
        t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS);
    else
        end_call(t, c, last);
}

void track_gone(struct track *t, struct track_leg *leg, enum steward_cause cause)
{
    struct track_call *c = leg->call;
    if (cause == STEWARD_CAUSE_NONE)
        cause = leg->cause;
    if (leg->dialled && !leg->settled)
        track_unanswered(t, leg, cause);
    else
        track_late_reason(t, leg, cause);
    if (leg == c->primary && !c->end_cause)
        c->end_cause = cause;
    struct track_party *p = track_party_get(c, track_name(leg), false);
    if (p && p->talking && !leg->transferred && !track_has_leg(c, track_name(leg), leg)) {
        p->left_at = t->now;
        p->left_asked = leg->asked;
    }
    struct track_leg copy = *leg;
    leg_free(t, leg);
    if (is_over(c)) {
        maybe_end_call(t, c, &copy);
    } else if (p && p->left_at) {
        track_flush_left(t, c, NULL);
        if (p->left_at)
            t->opts.settle_in(t->opts.ctx, TRACK_SETTLE_MS);
    }
    if (!c->legs)
        track_call_drop(t, c);
}

void track_forget(struct track *t)
{
    struct track_leg *leg, *next_leg;
    HASH_ITER (hh, t->legs, leg, next_leg)
        leg_free(t, leg);
    struct track_call *c, *next_call;
    HASH_ITER (hh, t->calls, c, next_call)
        track_call_drop(t, c);
}

void track_all_gone(struct track *t)
{
    struct track_call *c, *next;
    HASH_ITER (hh, t->calls, c, next) {
        c->by = STEWARD_BY_SYSTEM;
        if (c->announced && !c->cleared)
            track_say_cleared(t, c);
    }
    track_forget(t);
}

void track_free(struct track **t)
{
    if (!*t)
        return;
    track_forget(*t);
    free(*t);
    *t = NULL;
}

/* ---- looking ---- */

void track_view(const struct track_leg *leg, struct track_view *out)
{
    *out = (struct track_view){.id = leg->id,
                               .device = leg->device,
                               .called = leg->called,
                               .call = leg->call->name,
                               .bridge = leg->bridge ? leg->bridge->id : NULL,
                               .outside = leg->outside,
                               .half = leg->half,
                               .up = leg->up,
                               .ringing = leg->rang && !leg->settled,
                               .held = leg->held,
                               .dials = leg->dials};
}

struct track_leg *track_find(const struct track *t, const char *call, const char *device)
{
    struct track_call *c = track_call_get((struct track *)t, call, false);
    struct track_leg *leg, *found = NULL;
    if (!c)
        return NULL;
    DL_FOREACH (c->legs, leg) {
        if (strcmp(leg->device, device) != 0 || leg->transferred)
            continue;
        if (!found || (leg->up && !found->up) || (leg->bridge && !found->bridge))
            found = leg;
    }
    return found;
}

static bool takes_part(const struct track_leg *leg, enum track_part part)
{
    bool rings = leg->rang && !leg->settled, talks = leg->up && leg->bridge;
    if (!leg->device[0] || leg->transferred)
        return false;
    return part == TRACK_TALKS ? talks : part == TRACK_RINGS ? rings : talks || rings;
}

struct track_leg *track_acting(const struct track *t, const char *call, const char *device,
                               enum track_part part, const char **why)
{
    struct track_call *c = track_call_get((struct track *)t, call, false);
    struct track_leg *leg, *found = NULL;
    *why = part == TRACK_RINGS ? "the call does not ring at the device"
                               : "the device has no part in this call";
    if (device && *device) {
        found = track_find(t, call, device);
        return found && part == TRACK_RINGS && !takes_part(found, part) ? NULL : found;
    }
    *why = part == TRACK_RINGS ? "the call rings at no device" : "no device of ours has the call";
    DL_FOREACH (c ? c->legs : NULL, leg) {
        if (!takes_part(leg, part))
            continue;
        if (found && strcmp(found->device, leg->device) != 0) {
            *why = "several devices have the call: name one (device)";
            return NULL;
        }
        found = leg;
    }
    return found;
}

void track_ended_from_outside(struct track_leg *leg)
{
    leg->asked = true;
    leg->call->by = STEWARD_BY_SYSTEM;
}

struct track_leg *track_party(const struct track *t, const char *call)
{
    struct track_call *c = track_call_get((struct track *)t, call, false);
    return c ? track_anchor(t, c) : NULL;
}

bool track_lives(const struct track *t, const char *call)
{
    struct track_call *c = track_call_get((struct track *)t, call, false);
    return c && !c->cleared;
}

void track_counts(const struct track *t, size_t *legs, size_t *calls)
{
    *legs = HASH_COUNT(t->legs);
    *calls = HASH_COUNT(t->calls);
}
