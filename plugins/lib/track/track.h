/*
 * track.h - what a CTI adapter knows of its PBX: legs, conversations and calls, and the neutral
 * events that follow from their changes.
 *
 * An adapter tells facts in the PBX's own order (a leg appeared, rings, talks, is gone); the
 * tracker folds what is the PBX's own (halves of one inner channel, several legs of one phone,
 * re-dials, repeats) and emits the events of include/steward/types.h. Facts about legs never seen
 * change nothing. Memory is bounded: TRACK_LEGS_MAX legs, as many calls and conversations at most.
 */
#ifndef STEWARD_TRACK_H
#define STEWARD_TRACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>

#define TRACK_LEGS_MAX 20000
/* Long enough for the names that PBXs make; longer ones are cut. */
#define TRACK_ID_MAX     129
#define TRACK_DEVICE_MAX 64
#define TRACK_NUMBER_MAX 80
/* How long a change may wait for the event that explains it. */
#define TRACK_SETTLE_MS 300

struct track;
struct track_leg;
struct track_call;

/** A leg as its first sign shows it; text may be NULL. */
struct track_leg_info {
    const char *id;     /* unique among living legs */
    const char *call;   /* the name that its group goes by; NULL: its own id */
    const char *device; /* "1001"; NULL for the outside world and for inner halves */
    const char *number; /* the party's number, as the PBX shows it */
    const char *called; /* what it dialled, or was dialled as */
    bool restricted;    /* the party withholds its number */
    bool outside;       /* a trunk */
    bool half;          /* inner channel (Local, loopback): no party of its own */
    bool dials;         /* it came to the PBX by itself (a caller), rather than being rung */
    bool up;            /* in a snapshot: already answered */
    bool listed;        /* known from a snapshot alone: its birth was not seen */
};

/** emit is host->cti_emit; timer asks for track_settle() after that many ms. */
struct track_opts {
    const struct steward_host *host;
    void (*settle_in)(void *ctx, int64_t ms);
    void *ctx;
};

/** A tracker of its own for each PBX; out of memory ends the process. */
struct track *track_new(const struct track_opts *opts);
/** Forgets everything without an event, and sets *t to NULL. */
void track_free(struct track **t);

/** Everything that follows happened at this moment (ms since 1970). */
void track_now(struct track *t, int64_t at);

/* ---- legs ---- */

/** The living leg of that id, or NULL. */
struct track_leg *track_leg(const struct track *t, const char *id);
/** A text of the adapter's own, such as the PBX's present name of the leg; up to 127 bytes. */
void track_leg_set_tag(struct track_leg *leg, const char *tag);
const char *track_leg_tag(const struct track_leg *leg);
/** True if a leg of that id is gone since a short time: late events of it are no sign of life. */
bool track_was_gone(const struct track *t, const char *id);
/** A leg's first sign; a known id is returned as it is. NULL when there are too many. */
struct track_leg *track_leg_add(struct track *t, const struct track_leg_info *info);
/** The device changed (a channel was renamed by a pickup). */
void track_leg_device(struct track *t, struct track_leg *leg, const char *device);
/** The PBX names the leg anew. */
void track_leg_rename(struct track *t, struct track_leg *leg, const char *id);
/** Its group's name changed: two calls became one, explained by a transfer or within a moment. */
void track_leg_group(struct track *t, struct track_leg *leg, const char *call);
/**
 * It came to the PBX by itself, which its first state did not show: a caller, or a phone that
 * dials. number and called (may be NULL) are what the PBX shows of it now. Nothing once it was
 * rung.
 */
void track_leg_dials(struct track *t, struct track_leg *leg, const char *number,
                     const char *called);
/**
 * The party's number became known, which some lines tell seconds after the ring (used as long as
 * none was known), or withheld (always).
 */
void track_leg_number(struct track *t, struct track_leg *leg, const char *number, bool restricted);
/** What the leg dials became known; only before the call is announced. */
void track_leg_called(struct track *t, struct track_leg *leg, const char *called);
/** Two halves of one inner channel: who is with one is with the other. */
void track_pair(struct track *t, struct track_leg *one, struct track_leg *two);

/** `from` (NULL: the PBX itself) rings `to`. */
void track_dial(struct track *t, struct track_leg *from, struct track_leg *to);
/** The phone rings. Its own ringing for a call that the PBX makes for it is not told. */
void track_ringing(struct track *t, struct track_leg *leg);
/** It will be ringing if nothing else is heard of it for ms: some PBXs are not asked to say. */
void track_ring_soon(struct track *t, struct track_leg *leg, int64_t ms);
/** The far end picked up; the conversation may follow later. */
void track_up(struct track *t, struct track_leg *leg);
/** The ringing of `leg`, asked for by `from`, ended in an answer. */
void track_answered(struct track *t, struct track_leg *from, struct track_leg *leg);
/** The ringing of `leg` ended without an answer. CAUSE_NONE: withdrawn, its reason shows later. */
void track_unanswered(struct track *t, struct track_leg *leg, enum steward_cause cause);
/** As with CAUSE_NONE, but if the leg's end gives no reason either it was this one. */
void track_unanswered_unless(struct track *t, struct track_leg *leg, enum steward_cause presumed);
/** True if its ringing ended by track_unanswered_unless(), and its end is yet to tell why. */
bool track_presumes(const struct track_leg *leg);
/** The leg's end has this cause, though its end is still to come. */
void track_cause(struct track_leg *leg, enum steward_cause cause);
/** The party at this leg hung up. */
void track_asked_hangup(struct track *t, struct track_leg *leg);
/** The leg is gone; cause as far as the PBX tells it. Frees the leg. */
void track_gone(struct track *t, struct track_leg *leg, enum steward_cause cause);

/** The device at this leg put its party on hold, or took it back; repeats change nothing. */
void track_hold(struct track *t, struct track_leg *leg, bool held);
/** The leg waits in a queue now. */
void track_queued(struct track *t, struct track_leg *leg, const char *queue);
/** The leg left its queue: answered, or its caller left, or it goes on in the dialplan. */
void track_unqueued(struct track *t, struct track_leg *leg);
/** The queue sent its caller on: told, unless somebody answered or the caller hung up. */
void track_queue_gave_up(struct track *t, struct track_leg *leg);

/* ---- conversations (bridges) ---- */

/** The leg is in this conversation now, and in no other. */
void track_join(struct track *t, struct track_leg *leg, const char *bridge);
/** The leg is in no conversation. */
void track_leave(struct track *t, struct track_leg *leg);

/* ---- transfers ---- */

/** `who` gave the call away to a device or number. */
void track_transfer_blind(struct track *t, struct track_leg *who, const char *to);
/**
 * `who` (its leg in the first call) hands the call over to `target`, or whom `second` (its leg in
 * the consultation) talks to. second and target may be NULL.
 */
void track_transfer_attended(struct track *t, struct track_leg *who, struct track_leg *second,
                             struct track_leg *target);
/**
 * The PBX took `leg` out of its conversation with `other` (NULL: that leg is gone already) and sent
 * it to a device or number: a transfer by whoever talked, unless that one hung up.
 */
void track_redirected(struct track *t, struct track_leg *leg, struct track_leg *other,
                      const char *to);
/** The PBX joined legs of two calls: the end of a consultation; nothing if they are of one. */
void track_joined_calls(struct track *t, struct track_leg *one, struct track_leg *two);
/**
 * `who` joins the call of its consultation into its own, and stays: `second` is its leg there,
 * `target` whom it consulted; either may be NULL.
 */
void track_conference(struct track *t, struct track_leg *who, struct track_leg *second,
                      struct track_leg *target);
/** The leg is in this room now; calls that meet there become one conference. */
void track_join_room(struct track *t, struct track_leg *leg, const char *room);
/** `picker` takes the call that rings `target`. */
void track_pickup(struct track *t, struct track_leg *picker, struct track_leg *target);
/** `who` (may be NULL) parks the call of `leg` at a place. */
void track_park(struct track *t, struct track_leg *leg, const char *who, const char *place);

/* ---- time, snapshots ---- */

/** Decide what waited for an explanation; to be called when settle_in said. */
void track_settle(struct track *t);
/** A call of ours that never got a leg (a dialled phone that is not there). */
void track_stillborn(struct track *t, const char *call, const char *device, const char *called,
                     enum steward_cause cause);
/** All legs are gone at once without saying so (the PBX stopped). */
void track_all_gone(struct track *t);
/** Forget every leg and call without an event (the link is gone for good). */
void track_forget(struct track *t);
/** A snapshot starts: legs neither mentioned nor changed until track_sync_end() are stale. */
void track_sync_begin(struct track *t);
/** The snapshot, or an event since, shows this leg. */
void track_sync_mention(struct track *t, struct track_leg *leg);
/**
 * The PBX started anew: legs not changed since track_sync_begin() are gone, whatever their ids; the
 * host is told at once, and the snapshot goes on.
 */
void track_restarted(struct track *t);
/**
 * No list of legs is to be had: a call of ours counts as mentioned, unless all of its devices are
 * idle, as idle(ctx, device) knows. True if there is such a one.
 */
bool track_sync_by_devices(struct track *t, bool (*idle)(void *ctx, const char *device), void *ctx);
/**
 * Drop stale legs, name the calls that live, between the host's resync brackets. listed: only legs
 * that an earlier snapshot brought are doubted, as it may have been late.
 */
void track_sync_end(struct track *t, bool listed);

/* ---- looking ---- */

struct track_view {
    const char *id, *device, *called, *call, *bridge; /* bridge NULL: in no conversation */
    bool outside, half, up, ringing, held, dials;
};
/** What is known of a leg; text lives as long as it. */
void track_view(const struct track_leg *leg, struct track_view *out);
/** The leg of that device in that call: the talking one before the ringing one. NULL if none. */
struct track_leg *track_find(const struct track *t, const char *call, const char *device);
enum track_part { TRACK_TALKS, TRACK_RINGS, TRACK_ANY };
/**
 * Who carries out an action on that call: the leg of `device`; where that is NULL or "", of the
 * only device that takes such a part in it. NULL if there is none, with *why for a person.
 */
struct track_leg *track_acting(const struct track *t, const char *call, const char *device,
                               enum track_part part, const char **why);
/** We are about to end that call from outside, at this leg: whoever hangs up is not its party. */
void track_ended_from_outside(struct track_leg *leg);
/** The party at the other side: the caller of an inbound call, the callee of an outbound one. */
struct track_leg *track_party(const struct track *t, const char *call);
/** True if a call of that name lives. */
bool track_lives(const struct track *t, const char *call);
/** How many legs and calls are followed. */
void track_counts(const struct track *t, size_t *legs, size_t *calls);

/**
 * Copy text of the outside: controls are dropped, bytes that are no UTF-8 become '?', a long text
 * is cut between characters. Returns out.
 */
char *track_text(char *out, size_t cap, const char *text, size_t len);

#endif
