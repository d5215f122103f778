/*
 * track_priv.h - the tracker's own structures; legs belong to calls, parties are what was emitted.
 */
#ifndef STEWARD_TRACK_PRIV_H
#define STEWARD_TRACK_PRIV_H

#include <uthash.h>
#include <utlist.h>
#include "track.h"

#define TRACK_QUEUE_MAX   80
#define TRACK_PARTIES_MAX 256
#define TRACK_MOVED_MS    2000 /* from leaving one phone to ringing the next: one movement */
#define TRACK_GONE_MAX    2048 /* ids remembered after their end */

/* A device within a call, and what the world was told of it. */
struct track_party {
    char device[TRACK_DEVICE_MAX];
    bool ringing; /* delivered was said */
    bool talking; /* established was said */
    bool held;
    int64_t left_at; /* its last leg is gone; connection_cleared waits for proof. 0: no */
    int64_t lost_at; /* it rings no more and nobody said why. 0: no */
    bool left_asked; /* it hung up by itself */
    int64_t gone_at; /* that its last leg is gone was told then. 0: no */
    struct track_party *next;
};

struct track_bridge {
    char id[TRACK_ID_MAX];
    struct track_leg *legs;
    size_t count;
    UT_hash_handle hh;
};

struct track_leg {
    char id[TRACK_ID_MAX];
    char device[TRACK_DEVICE_MAX];
    char number[TRACK_NUMBER_MAX], called[TRACK_NUMBER_MAX];
    char stands[TRACK_NUMBER_MAX]; /* an outside number that is rung in a phone's place, or "" */
    char tag[128];
    bool restricted, outside, half, dials, up, listed;
    bool dialled;     /* somebody rings it, or rang it */
    bool rang;        /* told as delivered */
    bool settled;     /* its ringing ended, in whatever way */
    bool asked;       /* its party hung up */
    bool transferred; /* it gave the call away: its end says nothing */
    bool held;
    bool visits; /* it stays up by itself (a login, a room) and came into this call by talking */
    int64_t dial_at;
    uint64_t dialled_as, up_as; /* their order: many a thing happens in one millisecond */
    int64_t ring_at;            /* silence until then means ringing; 0: not awaited */
    enum steward_cause cause;
    enum steward_cause presumed; /* why it rings no more, unless its end tells another reason */
    struct track_call *call;
    struct track_leg *pair, *dialler;
    struct track_bridge *bridge;
    uint32_t sync;                               /* the snapshot it was last seen in or after */
    unsigned walk;                               /* mark of the last walk through a conversation */
    struct track_leg *prev, *next;               /* in its call */
    struct track_leg *bridge_prev, *bridge_next; /* in its bridge */
    UT_hash_handle hh;
};

struct track_call {
    char name[TRACK_ID_MAX];
    char calling[TRACK_NUMBER_MAX], called[TRACK_NUMBER_MAX];
    char device[TRACK_DEVICE_MAX]; /* who dialled, "" for the outside */
    char queue[TRACK_QUEUE_MAX];   /* the queue it waits in or came through */
    char consult_of[TRACK_ID_MAX]; /* leg of the one who consults, in another call; "" */
    enum steward_direction direction;
    bool restricted, announced, cleared, queued;
    bool had_outside, had_party, told_ring, told_talk, told_failure;
    enum steward_by by;
    enum steward_cause end_cause;
    struct track_leg *primary, *legs;
    struct track_party *parties;
    size_t party_count;
    char join[TRACK_ID_MAX]; /* the older call it seems to have become part of; "" */
    int64_t join_at;
    int64_t over_at; /* its end was seen, who caused it not yet. 0: no */
    int64_t started;
    uint64_t order; /* of creation: decides which of two is the older */
    UT_hash_handle hh;
};

struct track {
    struct track_opts opts;
    int64_t now;
    struct track_leg *legs;
    struct track_call *calls;
    struct track_bridge *bridges;
    uint64_t order; /* counts what happens */
    uint32_t sync;
    bool syncing, warned;
    unsigned walk;
    uint64_t gone[TRACK_GONE_MAX]; /* hashes of ids, a ring */
    size_t gone_at;
};

/* track_emit.c: the one place where events are made */
void track_say(struct track *t, struct track_call *c, struct steward_cti_event *ev);
void track_announce(struct track *t, struct track_call *c);
/** The direction that what was dialled suggests, as long as the second side has not shown. */
enum steward_direction track_guess(const struct track_call *c);
void track_say_device(struct track *t, struct track_call *c, enum steward_event_kind kind,
                      const char *device, enum steward_cause cause);
/** A device rings no more (or was never reached): diverted or failed. */
void track_say_unreached(struct track *t, struct track_call *c, struct track_leg *leg,
                         enum steward_cause cause);
void track_say_cleared(struct track *t, struct track_call *c);
void track_say_transferred(struct track *t, struct track_call *c, const char *device,
                           const char *to, enum steward_transfer kind, const char *other);
/** `device` joins them; `to` comes into this call, and `other` ends in it. */
void track_say_conferenced(struct track *t, struct track_call *c, const char *device,
                           const char *to, const char *other);

/* track.c */
struct track_call *track_call_get(struct track *t, const char *name, bool make);
/** Move all legs of `from` to `to`, and forget `from` without a word. */
void track_call_merge(struct track *t, struct track_call *to, struct track_call *from);
void track_call_add(struct track_call *c, struct track_leg *leg);
void track_call_drop(struct track *t, struct track_call *c);
struct track_party *track_party_get(struct track_call *c, const char *device, bool make);
/** By which name the leg takes part: its device, or the outside number in a phone's place; "". */
const char *track_name(const struct track_leg *leg);
bool track_has_leg(const struct track_call *c, const char *device, const struct track_leg *but);
void track_bridge_drop(struct track *t, struct track_leg *leg);

/** The leg goes on by itself though nobody rang it: if it is of the outside, it called. */
void track_called_by_itself(struct track *t, struct track_leg *leg);
/** The leg belongs to that call from now on, and nobody of its old one dialled it. */
void track_move_leg(struct track_call *to, struct track_leg *leg);

/* track_talk.c */
/** The leg around which the call turns: the outside party, or who dialled. */
struct track_leg *track_anchor(const struct track *t, const struct track_call *c);
/** A phone on its own (a login, a room) talks with a caller now: it has come into that call. */
void track_visit(struct track *t, struct track_leg *leg);
/** Tell who talks with the anchor now. */
void track_converse(struct track *t, struct track_call *c);
/** The device talks in this call from now on, which an event has told or is about to tell. */
void track_talks_now(struct track *t, struct track_call *c, struct track_party *p);
/** The call in which the phone at this leg consults somebody; NULL if there is none. */
struct track_call *track_consultation_of(const struct track *t, const struct track_leg *who);
/** True if both are in one conversation, through inner channels too. */
bool track_together(struct track *t, struct track_leg *a, struct track_leg *b);
/** Parties that left: say so, except for the one named (NULL: all). */
void track_flush_left(struct track *t, struct track_call *c, const char *but);
/** The end of a leg tells why its ringing was withdrawn. */
void track_late_reason(struct track *t, struct track_leg *leg, enum steward_cause cause);
/** Parties that stopped ringing for no known reason, a while ago: the call went on without them. */
void track_flush_lost(struct track *t, struct track_call *c);

/* track_conf.c */
/** `other` ends in `keep`, and everybody in either goes on: joined by `device` ("" unknown). */
void track_conference_calls(struct track *t, struct track_call *keep, struct track_call *other,
                            const char *device);

#endif
