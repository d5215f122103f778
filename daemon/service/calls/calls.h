/*
 * calls.h - call events in, live calls, rows, pops and acks out.
 *
 * What brings events comes through source.h, what acts on calls through call_control.h; here are
 * the object itself and what is known of devices. Needs the ledger, the hub and the staff; pops,
 * tickets and tell hear of calls if they are there. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/types.h>
#include "base/err.h"
#include "base/loop.h"
#include "domain/number.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "service/pops/pops.h"
#include "service/staff/staff.h"

struct site;
struct tell;
struct tickets;
struct calls;

/** What configuration says; may change at reload. Texts are copied. */
struct calls_conf {
    struct number_rules numbers;
    const char
        *outbound_number; /* numbering.outbound_number: what a dialled owner sees; NULL if unset */
    int64_t forget_after_ms; /* calls.forget_after; 0: 6 h */
    bool opens_tickets;      /* tickets.open_on is not manual: answers are work for the ledger */
};

/** The part of a site's configuration that matters here; texts live as long as the site. */
void calls_conf_of(const struct site *site, struct calls_conf *out);

struct calls_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct hub *hub;
    struct staff *staff;
    struct pops *pops;       /* NULL: nothing pops (tests) */
    struct tickets *tickets; /* NULL: no tickets, no callbacks (tests) */
    struct tell *tell;       /* queues call.cleared for gateways; with tickets */
    struct calls_conf conf;
};

/** Knows nothing before calls_load(). */
struct calls *calls_new(const struct calls_opts *opts);
/** Rebuild sources and live calls from the store; at start, before any event. */
int calls_load(struct calls *t, struct errmsg *why) MUST_CHECK;
/** What is gathered goes to the ledger now, and what still comes at once: before ledger_free(). */
void calls_flush(struct calls *t);
/** Tell every adapter now what is durable, not at the end of the turn: after ledger_free(). */
void calls_tell_durable(struct calls *t);
void calls_reload(struct calls *t, const struct calls_conf *conf);
/** After ledger_free(), which delivers what is under way, and before pops_free(). */
void calls_free(struct calls **t);

/* ---- devices ---- */

struct calls_device {
    enum steward_agent_state state; /* NONE: nothing known of it */
    char reason[64];
    int64_t since;
    int64_t call_id;           /* live call that it talks on or that rings it; 0: none (yet) */
    const char *source, *call; /* of that call; NULL: none. Valid until the next turn */
};
/** device: "1001" (at any source) or "pbx-a/1001". False: nothing is known of it. */
bool calls_device(struct calls *t, const char *device, struct calls_device *out);
/** "logged_off", "not_ready", …; NULL for NONE. */
const char *calls_agent_state_name(enum steward_agent_state state);

/* ---- for the API ---- */

struct calls_stats {
    uint64_t events, refused, repeats, gaps, calls, forgotten, resync_closed, late;
    size_t live;
};
/** Counted since the start. */
void calls_get_stats(const struct calls *t, struct calls_stats *out);
