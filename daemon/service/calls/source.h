/*
 * source.h - PBXs by name: who speaks for them, and the events that they bring.
 *
 * Everything that brings call events (the line protocol, plugins, events pushed over HTTP) opens
 * a source by its PBX name, attaches itself as its adapter, and gives its events to
 * source_event(). The room alone decides call state, offers, holder and disposition. `durable`
 * waits for the commit; the pop does not. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include <steward/types.h>
#include "base/err.h"
#include "base/json_obj.h"

struct calls;
/** A PBX by name. It lives as long as the calls object once an event of it was accepted; until then
 * as long as somebody speaks for it. */
struct source;

/* ---- sources ---- */

/** Who speaks for a source. All may be NULL / 0. */
struct source_adapter {
    const char
        *plugin;  /* "line", "cti_ami", …: shown by GET /sources; a literal or living as long */
    uint32_t can; /* STEWARD_CAN_* */
    /** Every event up to seq is committed and synced. Coalesced: at most once a turn of the loop.
     */
    void (*durable)(void *ctx, int64_t seq);
    /** Carry out an action: 0 accepted, answered later with call_control_done(). */
    int (*action)(void *ctx, const struct steward_action *action);
    void *ctx;
    bool pushes; /* it speaks for nobody between its events: any other may take over */
};

/** The source of that name, made if new (state down). NULL: not a name, or too many (1,024). It is
 * stored, and stays, from its first accepted event on; see source_let_go(). */
struct source *source_get(struct calls *t, const char *name);
/** Nobody is going to speak for it: it is forgotten unless an event of it was ever accepted. s is
 * not to be used any more. */
void source_let_go(struct source *s);
/** The source of that name or NULL. */
struct source *source_find(struct calls *t, const char *name);
const char *source_name(const struct source *s);
/** Speak for the source from now on. Copied. E_CONFLICT with why: another door speaks for it (one
 * that only pushes gives way), or it is being removed. */
int source_attach(struct source *s, const struct source_adapter *adapter,
                  struct errmsg *why) MUST_CHECK;
/** Whether a link or a plugin instance speaks for it, so that nobody else may. */
bool source_is_taken(const struct source *s);
/** The adapter with this ctx is gone (nothing happens if another has taken over): state down. s is
 * not to be used any more. */
void source_detach(struct source *s, const void *ctx, const char *error);
/**
 * What GET /sources and /readyz show; error NULL: none. A link that is back (SYNCING, from below)
 * leaves a gap in the calls that live since before it: what the PBX said meanwhile is lost.
 */
void source_state(struct source *s, enum steward_source_state state, uint32_t can,
                  const char *error);
/** The highest event that is durable: the welcome's last_seq. */
int64_t source_last_seq(const struct source *s);

struct source_info {
    const char *name, *plugin, *error; /* plugin, error: NULL if none */
    enum steward_source_state state;
    int64_t since;
    uint32_t can;
    int64_t last_seq; /* durable */
    uint64_t events, refused, repeats, gaps;
    size_t live_calls;
};
/** In order of their names. */
void source_each(struct calls *t, void (*fn)(void *ctx, const struct source_info *info), void *ctx);
const char *
source_state_name(enum steward_source_state state); /* "down", "connecting", "syncing", "up" */
/** {"name","plugin","state","since","can":[…],"error"}: one item of GET /sources. */
void source_json(const struct source_info *info, struct jw *w);

/** rc E_OK, E_NOTFOUND, E_CONFLICT (it has calls, is spoken for, or its events are not stored yet)
 * or an error of the store; why says which. */
typedef void source_removed_cb(void *ctx, int rc, const struct errmsg *why);
/** Forget a source without calls, with its devices and its counter. cb exactly once, perhaps before
 * this returns. */
void source_remove(struct calls *t, const char *name, source_removed_cb *cb, void *ctx);

/* ---- events ---- */

/*
 * For adapters, of a call that this site dials: `originated` names the phone that dials, once it
 * is picked up (a phone that is rung first gets `delivered` before), and `established` says that
 * the other side answered, whichever device it names. A device that is an outside number is taken
 * for the outside party.
 */

/**
 * One event. seq: as the source counts (1 to 2^53 - 1); 0: the host numbers it (sources that cannot
 * resend), which a source that counts for itself refuses of everybody but who speaks for it. 0 is
 * returned when it was taken, or is a repeat, which changes nothing: either way
 * `durable` follows. E_INVALID with why: refused, it took no number. Text is copied.
 */
int source_event(struct source *s, int64_t seq, const struct steward_cti_event *ev,
                 struct errmsg *why) MUST_CHECK;
/** fn(ctx) once every event accepted so far of this source is durable (for answers over HTTP). */
void source_when_durable(struct source *s, void (*fn)(void *ctx), void *ctx);

/** Bracket a snapshot: live calls of which nothing was said between are closed with `gap`. */
void source_resync_begin(struct source *s);
void source_alive(struct source *s, const char *call);
void source_resync_end(struct source *s);

/** Words of the line protocol to values and back; 0 (…_NONE) for unknown words. */
enum steward_event_kind source_event_kind(const char *word);
const char *source_event_name(enum steward_event_kind kind);
/** Fill *out from a line-protocol `event` object (or an HTTP push); texts belong to o. E_INVALID
 * with why names the field. *seq is 0 when absent. */
int source_event_parse(const struct json_obj *o, struct steward_cti_event *out, int64_t *seq,
                       struct errmsg *why) MUST_CHECK;
