/*
 * track_conf.c - conferences: a consultation that is joined into its call, and calls that meet in a
 * room. Whoever had the call keeps it; the others come in.
 */
#include <string.h>
#include "track_priv.h"

/* Who talks in the call that ends; "" if nobody of ours. */
static const char *talker(const struct track_call *c, const char *but)
{
    struct track_party *p;
    LL_FOREACH (c->parties, p)
        if (p->talking && !p->left_at && strcmp(p->device, but) != 0)
            return p->device;
    return "";
}

void track_conference_calls(struct track *t, struct track_call *keep, struct track_call *other,
                            const char *device)
{
    char who[TRACK_DEVICE_MAX], to[TRACK_DEVICE_MAX];
    struct track_party *p;
    track_text(who, sizeof who, device, strlen(device));
    track_text(to, sizeof to, talker(other, who), strlen(talker(other, who)));
    if (other->announced) {
        track_announce(t, keep);
        track_say_conferenced(t, keep, who, to, other->name);
        p = track_party_get(keep, to, true);
        if (p)
            track_talks_now(t, keep, p);
    }
    track_call_merge(t, keep, other);
    track_converse(t, keep);
}

/* The call that the world knows, or that came from outside, or is the older one stays. */
static bool outlives(const struct track_call *a, const struct track_call *b)
{
    return a->announced != b->announced       ? a->announced
           : a->had_outside != b->had_outside ? a->had_outside
                                              : a->order < b->order;
}

/* It took its party back to join them. */
static void retrieve(struct track_call *c, struct track_leg *leg)
{
    struct track_party *p = track_party_get(c, leg->device, false);
    leg->held = false;
    if (p)
        p->held = false;
}

void track_conference(struct track *t, struct track_leg *who, struct track_leg *second,
                      struct track_leg *target)
{
    struct track_call *keep = who->call;
    struct track_call *other = target ? target->call : second ? second->call : keep;
    if (other == keep && second)
        other = second->call;
    retrieve(keep, who);
    if (other == keep) {
        track_converse(t, keep);
        return;
    }
    if (!keep->consult_of[0] && (other->consult_of[0] ? false : outlives(other, keep))) {
        struct track_call *older = other;
        other = keep;
        keep = older;
    }
    track_announce(t, other);
    track_conference_calls(t, keep, other, who->device);
}

void track_join_room(struct track *t, struct track_leg *leg, const char *room)
{
    struct track_leg *other;
    leg->transferred = false; /* it was sent here, too */
    track_join(t, leg, room);
    if (!leg->bridge)
        return;
    DL_FOREACH2 (leg->bridge->legs, other, bridge_next) {
        if (other->call == leg->call)
            continue;
        bool older = outlives(other->call, leg->call);
        track_conference_calls(t, older ? other->call : leg->call, older ? leg->call : other->call,
                               older ? leg->device : other->device);
        return; /* all others of the room are of one call already */
    }
}
