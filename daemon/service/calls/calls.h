/*
 * calls.h - call events in, live calls, rows, pops and acks out.
 *
 * Everything that brings call events (the line protocol, plugins, events pushed over HTTP) opens
 * a source by its PBX name and gives its events to telephony_event(). Telephony alone decides
 * call state, offers, holder and disposition. The pop waits for no commit; `durable` always does.
 * Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include <steward/types.h>
#include "base/err.h"
#include "base/json_obj.h"
#include "base/loop.h"
#include "domain/number.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "service/pops/pops.h"
#include "service/staff/staff.h"

struct site;
struct tell;
struct tickets;
struct telephony;
struct telephony_source; /* a PBX by name; lives as long as the telephony object */

/** What configuration says; may change at reload. Texts are copied. */
struct telephony_conf {
    struct number_rules numbers;
    const char
        *outbound_number; /* numbering.outbound_number: what a dialled owner sees; NULL if unset */
    int64_t forget_after_ms; /* calls.forget_after; 0: 6 h */
    bool opens_tickets;      /* tickets.open_on is not manual: answers are work for the ledger */
};

/** The part of a site's configuration that matters here; texts live as long as the site. */
void telephony_conf_of(const struct site *site, struct telephony_conf *out);

struct telephony_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct hub *hub;
    struct staff *staff;
    struct screenpop *pops;  /* NULL: nothing pops (tests) */
    struct tickets *tickets; /* NULL: no tickets, no callbacks (tests) */
    struct tell *tell;       /* queues call.cleared for gateways; with tickets */
    struct telephony_conf conf;
};

/** Knows nothing before telephony_load(). */
struct telephony *telephony_new(const struct telephony_opts *opts);
/** Rebuild sources and live calls from the store; at start, before any event. */
int telephony_load(struct telephony *t, struct errmsg *why) MUST_CHECK;
/** What is gathered goes to the ledger now, and what still comes at once: before ledger_free(). */
void telephony_flush(struct telephony *t);
/** Tell every adapter now what is durable, not at the end of the turn: after ledger_free(). */
void telephony_tell_durable(struct telephony *t);
void telephony_reload(struct telephony *t, const struct telephony_conf *conf);
/** After ledger_free(), which delivers what is under way, and before screenpop_free(). */
void telephony_free(struct telephony **t);

/* ---- sources ---- */

/** Who speaks for a source. All may be NULL / 0. */
struct telephony_adapter {
    const char
        *plugin;  /* "line", "cti_ami", …: shown by GET /sources; a literal or living as long */
    uint32_t can; /* STEWARD_CAN_* */
    /** Every event up to seq is committed and synced. Coalesced: at most once a turn of the loop.
     */
    void (*durable)(void *ctx, int64_t seq);
    /** Carry out an action: 0 accepted, answered later with telephony_action_done(). */
    int (*action)(void *ctx, const struct steward_action *action);
    void *ctx;
};

/** The source of that name, made if new (state down). NULL: not a name, or too many (1,024). */
struct telephony_source *telephony_source(struct telephony *t, const char *name);
/** The source of that name or NULL. */
struct telephony_source *telephony_source_find(struct telephony *t, const char *name);
const char *telephony_source_name(const struct telephony_source *s);
/** Speak for the source from now on; a former adapter is not called any more. Copied. */
void telephony_attach(struct telephony_source *s, const struct telephony_adapter *adapter);
/** The adapter with this ctx is gone (nothing happens if another has taken over): state down. */
void telephony_detach(struct telephony_source *s, const void *ctx, const char *error);
/**
 * What GET /sources and /readyz show; error NULL: none. A link that is back (SYNCING, from below)
 * leaves a gap in the calls that live since before it: what the PBX said meanwhile is lost.
 */
void telephony_source_state(struct telephony_source *s, enum steward_source_state state,
                            uint32_t can, const char *error);
/** The highest event that is durable: the welcome's last_seq. */
int64_t telephony_last_seq(const struct telephony_source *s);

struct telephony_source_info {
    const char *name, *plugin, *error; /* plugin, error: NULL if none */
    enum steward_source_state state;
    int64_t since;
    uint32_t can;
    int64_t last_seq; /* durable */
    uint64_t events, refused, repeats, gaps;
    size_t live_calls;
};
/** In order of their names. */
void telephony_each_source(struct telephony *t,
                           void (*fn)(void *ctx, const struct telephony_source_info *info),
                           void *ctx);
const char *
telephony_state_name(enum steward_source_state state); /* "down", "connecting", "syncing", "up" */
/** {"name","plugin","state","since","can":[…],"error"}: one item of GET /sources. */
void telephony_source_json(const struct telephony_source_info *info, struct jw *w);

/* ---- events ---- */

/*
 * For adapters, of a call that this site dials: `originated` names the phone that dials, once it
 * is picked up (a phone that is rung first gets `delivered` before), and `established` says that
 * the other side answered, whichever device it names. A device that is an outside number is taken
 * for the outside party.
 */

/**
 * One event. seq: as the source counts (from 1); 0: the host numbers it (sources that cannot
 * resend). 0 is returned when it was taken, or is a repeat, which changes nothing: either way
 * `durable` follows. E_INVALID with why: refused, it took no number. Text is copied.
 */
int telephony_event(struct telephony_source *s, int64_t seq, const struct steward_cti_event *ev,
                    struct errmsg *why) MUST_CHECK;
/** fn(ctx) once every event accepted so far of this source is durable (for answers over HTTP). */
void telephony_when_durable(struct telephony_source *s, void (*fn)(void *ctx), void *ctx);

/** Bracket a snapshot: live calls of which nothing was said between are closed with `gap`. */
void telephony_resync_begin(struct telephony_source *s);
void telephony_alive(struct telephony_source *s, const char *call);
void telephony_resync_end(struct telephony_source *s);

/** Words of the line protocol to values and back; 0 (…_NONE) for unknown words. */
enum steward_event_kind telephony_event_kind(const char *word);
const char *telephony_event_name(enum steward_event_kind kind);
/** Fill *out from a line-protocol `event` object (or an HTTP push); texts belong to o. E_INVALID
 * with why names the field. *seq is 0 when absent. */
int telephony_event_parse(const struct json_obj *o, struct steward_cti_event *out, int64_t *seq,
                          struct errmsg *why) MUST_CHECK;

/* ---- devices ---- */

struct telephony_device {
    enum steward_agent_state state; /* NONE: nothing known of it */
    char reason[64];
    int64_t since;
    int64_t call_id;           /* live call that it talks on or that rings it; 0: none (yet) */
    const char *source, *call; /* of that call; NULL: none. Valid until the next turn */
};
/** device: "1001" (at any source) or "pbx-a/1001". False: nothing is known of it. */
bool telephony_device(struct telephony *t, const char *device, struct telephony_device *out);
/** "logged_off", "not_ready", …; NULL for NONE. */
const char *telephony_agent_state_name(enum steward_agent_state state);

/* ---- call control ---- */

struct telephony_request {
    const char *action; /* dial, answer, hangup, hold, retrieve, transfer, park, ready, not_ready */
    const char *device; /* who acts: "1001" or "pbx-a/1001" */
    const char *source; /* NULL: from the device or the call */
    const char *call; /* the PBX's name of the call; NULL: call_id, or the device's present call */
    int64_t call_id;  /* or our number of it */
    const char *number; /* dial */
    const char *to;     /* transfer */
    const char *kind;   /* transfer: "blind" (default) or "attended" */
    const char *reason; /* not_ready */
    bool own;           /* only a call in which the device has a part; else `forbidden` */
};

/** ok, or a code (`not_supported`, `no_such_call`, `forbidden`, `bad_number`, `bad_request`,
 * `source_down`, `failed`, `timeout`) and text for a person. Live during the call. */
typedef void telephony_result_cb(void *ctx, bool ok, const char *code, const char *message);

/** Carry out; cb exactly once, never before this returns, after 15 s at the latest (`timeout`).
 * Returns a number for telephony_forget_action(). */
uint64_t telephony_act(struct telephony *t, const struct telephony_request *req,
                       telephony_result_cb *cb, void *ctx);
/** The asker is gone: its cb is not called. */
void telephony_forget_action(struct telephony *t, uint64_t id);
/** From adapters; a token that is not waiting any more is ignored. */
void telephony_action_done(struct telephony *t, uint64_t token, bool ok, const char *code,
                           const char *text);

/* ---- for the API ---- */

struct telephony_stats {
    uint64_t events, refused, repeats, gaps, calls, forgotten, resync_closed, late;
    size_t live;
};
/** Counted since the start. */
void telephony_get_stats(const struct telephony *t, struct telephony_stats *out);
