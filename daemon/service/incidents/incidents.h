/*
 * incidents.h - one cause, many owners: incidents that tickets join, what is said about them, and
 * the end that every caller is told of.
 *
 * `proposed` (the radar offers it) –open→ `open` –resolve→ `resolved`; close ends any of them
 * without telling owners. Opening joins the tickets of the scope; while it is open, new complaints
 * in the scope of an offered incident join by themselves, and the ladders of its tickets page once
 * together instead of once each. Tickets keep their responders and their own loops.
 *
 * Live incidents stand in memory on the loop, so that a pop's advice asks no database.
 *
 * Needs tickets/, tell/, messages/ and the spine.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/json.h"
#include "base/loop.h"
#include "domain/radar.h"
#include "service/tickets/tickets.h"

struct incidents;
struct outbox;
struct site;
struct tell;

struct incidents_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct tickets *tickets;
    struct tell *tell;
    struct outbox *outbox;   /* may be NULL in tests: then owners are told nothing */
    const struct site *site; /* the present configuration; see incidents_set_site() */
};

/** Reads the live ones; NULL with why. */
struct incidents *incidents_new(const struct incidents_opts *opts, struct errmsg *why);
/** Goes on with what a stop interrupted (owners still to be told). Loop thread. */
void incidents_start(struct incidents *in);
/** Begins no further work. Before ledger_free(). */
void incidents_stop(struct incidents *in);
/** After ledger_free(). */
void incidents_free(struct incidents **in);

/** Use another configuration from now on. Inside a ledger command, so that none sees half of each.
 */
void incidents_set_site(struct incidents *in, const struct site *site);

/* ---- loop thread ---- */

/** Writes what to say to somebody from these places as items of an open array:
 * {"kind":"incident","text","ticket":null,"incident","state"}. ctx is the incidents; the type is
 * the pops'. */
void incidents_advise(void *ctx, const struct radar_scope *places, size_t n, struct jw *w);
/** The live incident that a complaint is about already: of its group, or of its category in a wider
 * scope; 0 if there is none. */
int64_t incidents_covering(const struct incidents *in, const struct radar_scope *place,
                           const char *key);
/** The open incident that a complaint from there joins by itself; 0 if there is none. */
int64_t incidents_gathering(const struct incidents *in, const struct radar_scope *place);
/** A ticket joined one of them: its building is known only then. Reads them anew. */
void incidents_refresh(struct incidents *in);
/** Call fn on the loop whenever a live incident came, changed or went. May be NULL. */
void incidents_on_change(struct incidents *in, void (*fn)(void *ctx), void *ctx);

/* ---- inside a ledger command ---- */

/** What the radar saw. */
struct incident_offer {
    struct radar_scope scope;
    char key[RADAR_KEY_MAX];
    struct radar_warning warning;
    int64_t unit_id; /* of the last complaint: whose building steward may be told */
};
/** Proposes an incident, alerts, and tells whom `tickets.group_alert.tell` names. Nothing happens
 * if the group has a live one, or too few owners complained since the last. */
int incidents_propose(struct incidents *in, struct ledger_tx *tx,
                      const struct incident_offer *offer) MUST_CHECK;
/** POST /incidents {"subject","category","scope","words","join"}. Codes as for tickets_verb(). */
int incidents_create(struct incidents *in, struct ledger_tx *tx, const json_t *body,
                     const struct actor *actor, struct verb_out *out, int64_t *id) MUST_CHECK;
/** POST /incidents/{id}/open|words|resolve|close. */
int incidents_verb(struct incidents *in, struct ledger_tx *tx, int64_t id, const char *verb,
                   const json_t *body, const struct actor *actor, struct verb_out *out) MUST_CHECK;
/** The ticket joins the incident, by the daemon itself. */
int incidents_join(struct incidents *in, struct ledger_tx *tx, int64_t id,
                   int64_t ticket_id) MUST_CHECK;

/* ---- reading: any struct db, any thread ---- */

/** One incident as docs/radar.md shows it; E_NOTFOUND. */
int incident_json(struct db *db, int64_t id, struct jw *w) MUST_CHECK;
/** Writes items, newest first; state may be NULL; *next: the cursor, 0 at the end. */
int incidents_list_json(struct db *db, const char *state, int64_t before, int limit, struct jw *w,
                        int64_t *next) MUST_CHECK;
