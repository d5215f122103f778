/*
 * call.h - one call, folded from its events.
 *
 * A call keeps its events, ordered by when they happened, and its state is a fold over them: an
 * event that arrives late is put in its place and the fold is done again, so any order of arrival
 * ends in the same call. The events are also what is stored of a live call (call_live_json), from
 * which it is rebuilt after a restart. Pure: no clock, no store.
 *
 * Who bears the card: a device that rings, and the one holder while the call is held or talking
 * (call_shows). Why a device bears it no longer is what call_end_reason() says.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/types.h>
#include "base/buf.h"
#include "base/err.h"

#define CALL_EVENTS_MAX 256   /* kept of one call; the oldest rings and holds of a longer one go */
#define CALL_TEXTS_MAX  24576 /* bytes of all their texts, likewise */
/** No call's text below is longer: each byte of a text at worst as \u00xx, in two lists, and what
 * stands around them. */
#define CALL_JSON_MAX ((size_t)2 * 6 * CALL_TEXTS_MAX + CALL_EVENTS_MAX * 1024)

enum call_state {
    CALL_NEW, /* no event yet */
    CALL_QUEUED,
    CALL_DELIVERED,
    CALL_ESTABLISHED,
    CALL_HELD,
    CALL_CLEARED
};
/** "queued", … as in CALL. */
const char *call_state_name(enum call_state state);
enum call_state call_state_parse(const char *name); /* CALL_NEW if unknown */

enum call_disposition {
    CALL_NONE, /* not cleared yet */
    CALL_ANSWERED,
    CALL_ABANDONED, /* the caller left a queue */
    CALL_MISSED,    /* nobody answered a direct call, or the queue gave up */
    CALL_BUSY,      /* every device refused */
    CALL_FAILED,
    CALL_BLOCKED
};
const char *call_disposition_name(enum call_disposition d); /* NULL for CALL_NONE */

enum offer_result {
    OFFER_RINGING,
    OFFER_ANSWERED,
    OFFER_NO_ANSWER,
    OFFER_REJECTED, /* it rang, then refused */
    OFFER_BUSY,     /* refused without ringing */
    OFFER_WITHDRAWN /* another answered, or the caller left */
};
const char *offer_result_name(enum offer_result r); /* NULL for OFFER_RINGING */

/** Why a device that bore the card bears it no longer; the words of pop_end. */
enum call_end {
    CALL_END_CLEARED,
    CALL_END_ANSWERED_ELSEWHERE,
    CALL_END_CALLER_LEFT,
    CALL_END_NO_ANSWER,
    CALL_END_REJECTED,
    CALL_END_TRANSFERRED
};

/** What the consultation that ends in this call had come to when the two were joined. */
enum call_joined { JOINED_UNKNOWN, JOINED_TALKING, JOINED_RINGING };

/**
 * One event as the fold sees it; text NULL where it does not apply. Beside the neutral event's
 * fields: which numbers are outside the site, and what the other call had come to.
 */
struct call_event {
    enum steward_event_kind kind;
    int64_t at;
    enum steward_direction direction;
    bool restricted;
    bool outside;    /* device is the outside party's number, not a phone of the site */
    bool to_outside; /* so is `to` */
    bool blocked;
    enum steward_cause cause;
    enum steward_transfer transfer;
    enum steward_by by;
    enum call_joined joined;
    const char *calling, *called, *device, *queue, *to;
    const char *joined_device; /* who talks or rings in the other call */
};

/** A device that rang, or refused. to 0: still ringing. */
struct call_offer {
    const char *device;
    int64_t from, to;
    enum offer_result result;
};

struct call_transfer {
    int64_t at;
    enum steward_transfer kind;
    const char *from_device, *to;
};

struct call;

/** A call of which nothing was said yet. */
struct call *call_new(void);
/** Sets *c to NULL; NULL is allowed. */
void call_free(struct call **c);

/** Take in one event (copied). True if anything changed. at must be set. */
bool call_apply(struct call *c, const struct call_event *ev);

/* ---- what it comes to; text lives until the next call_apply() ---- */

enum call_state call_state(const struct call *c);
/** Counts up with each event that changed something. */
uint32_t call_version(const struct call *c);
enum steward_direction call_direction(const struct call *c);
bool call_restricted(const struct call *c);
const char *call_calling_raw(const struct call *c);
const char *call_called(const struct call *c);
const char *call_queue(const struct call *c);
/** The one that talked last; NULL if none did. */
const char *call_device(const struct call *c);
/** Who talks or holds just now; NULL if nobody does. */
const char *call_holder(const struct call *c);
/** Who dialled (outbound and internal calls); NULL if not known. */
const char *call_originator(const struct call *c);
/** The first device that answered; NULL if none did. For outbound calls the one that dialled. */
const char *call_first_device(const struct call *c);
/** When; 0 where it did not happen. */
int64_t call_started_at(const struct call *c);
int64_t call_queued_at(const struct call *c);
int64_t call_answered_at(const struct call *c);
int64_t call_ended_at(const struct call *c);
/** When the last event of it happened. */
int64_t call_last_at(const struct call *c);
/** Held so far, up to `now` (or the end). */
int64_t call_hold_ms(const struct call *c, int64_t now);
enum steward_by call_hung_up_by(const struct call *c);
enum call_disposition call_disposition(const struct call *c);
size_t call_offers(const struct call *c, const struct call_offer **out);
size_t call_transfers(const struct call *c, const struct call_transfer **out);

/** The call's card belongs on this device now. Internal calls have none. */
bool call_shows(const struct call *c, const char *device);
/** Walk the devices that bear the card now; each once. */
void call_each_shown(const struct call *c, void (*fn)(void *ctx, const char *device), void *ctx);
/** The device rings for the call, dials it or talks on it now, whatever its direction. */
bool call_busies(const struct call *c, const char *device);
/** The same, or it is one of those who talk (a conference has several). */
bool call_has_part(const struct call *c, const char *device);
/** Why a device that bore it bears it no longer. */
enum call_end call_end_reason(const struct call *c, const char *device);
/** What another call that takes this one over is told of it (call_event.joined…). */
enum call_joined call_joined_as(const struct call *c, const char *by, const char **device);

/* ---- as text ---- */

/** The arrays of CALL; E_TOOBIG when out does not hold CALL_JSON_MAX and overflowed. */
int call_offered_json(const struct call *c, struct buf *out) MUST_CHECK;
int call_transfers_json(const struct call *c, struct buf *out) MUST_CHECK;
/** The events, for the store; E_TOOBIG likewise. */
int call_live_json(const struct call *c, struct buf *out) MUST_CHECK;
/** A call from such text; E_INVALID when it is none. */
int call_restore(const char *live_json, struct call **out, struct errmsg *why) MUST_CHECK;
