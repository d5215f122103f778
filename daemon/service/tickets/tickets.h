/*
 * tickets.h - the first-responder rule as a service: tickets, their verbs, clocks and history.
 *
 * Everything that changes a ticket runs inside a ledger command (a `struct ledger_tx`): the row,
 * the history, the clocks and the messages of one change are one transaction. Readers render the
 * same JSON from a `struct db` of a reader thread. The rules themselves (who may do what from
 * which state, ladders, promises, the hash chain) are in domain/; this floor carries them out.
 *
 * Needs clocks/, tell/, messages/, registry/ and staff/.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "domain/ticket_id.h"
#include "service/staff/actor.h"
#include "spine/refusal.h"
#include "spine/ledger.h"

struct clock_timer;
struct clocks;
struct outbox;
struct site;
struct tell;
struct tickets;

struct tickets_opts {
    const struct site *site;   /* the present configuration; see tickets_set_site() */
    struct clocks *clocks;     /* calendars and frozen policies */
    struct clock_timer *timer; /* told when the nearest due moment moved; may be NULL in tests */
    struct tell *tell;         /* staff, desks, alerts, gateways' events */
    struct outbox *outbox;     /* messages to owners; may be NULL in tests: then none is written */
};

/** The service; it starts nothing by itself. Free it after ledger_free(): commands refer to it. */
struct tickets *tickets_new(const struct tickets_opts *opts);
void tickets_free(struct tickets **t);
/** Use another configuration from now on. Inside a ledger command, so that none sees half of each.
 * Running tickets keep the policy frozen into them. */
void tickets_set_site(struct tickets *t, const struct site *site);
/** site_today() of that site. The ledger's thread. */
int32_t tickets_today(const struct tickets *t, int64_t now);

/** What is due at the command's moment, at most `limit` clocks of tickets and callbacks; *done is
 * how many were. A clock_due_fn: tickets is the service. */
int tickets_clocks_due(void *tickets, struct ledger_tx *tx, int limit, int *done) MUST_CHECK;

/* ---- what calls tells, inside its own ledger command ---- */

/** An inbound call that somebody answered. */
struct answered_call {
    int64_t call_id;    /* row of `call` */
    int64_t person_id;  /* the certain caller, 0 if there is none */
    const char *number; /* the caller in E.164; NULL if withheld or unreadable */
    const char *agent;  /* account of the person who stands at the answering device; NULL: nobody */
    int64_t at;         /* when it was answered */
};

/**
 * The first answer of an inbound call: joins the newest open ticket of the caller's household or
 * number, else opens one with `agent` as first responder (or `new` with its claim clock where
 * nobody stands). Ends the caller's waiting callback (superseded). *ticket_id is the ticket, 0
 * where `tickets.open_on` is not `answered`; *joined says whether it was there before. Telephony
 * writes call.ticket_id itself, with whatever else it writes of the call.
 */
int tickets_on_answered(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                        int64_t *ticket_id, bool *joined) MUST_CHECK;
/** The same moment for `tickets.open_on: wrap_up`: the call ended. Does nothing for other settings.
 */
int tickets_on_wrap_up(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                       int64_t *ticket_id, bool *joined) MUST_CHECK;

/** Whether calls open tickets at that moment: "answered", "wrap_up". Ledger thread. */
bool tickets_open_on(const struct tickets *t, const char *moment);

/* ---- what people and machines do ---- */

/** POST /tickets. body is the request's object. Codes as for tickets_verb(). */
int tickets_create(struct tickets *t, struct ledger_tx *tx, const json_t *body,
                   const struct actor *actor, struct verb_out *out) MUST_CHECK;

/**
 * One verb on one ticket. verb is what stands after /tickets/{id}/ ("claim", "dispatches/2/accept",
 * "handover/approve", "milestones/investigate"), or "patch" for PATCH. if_match: the version the
 * asker saw, 0 for none. 0, or E_NOTFOUND (ticket, dispatch or verb), E_DENIED, E_CONFLICT,
 * E_STALE, E_INVALID, or the store's error; *out explains. Nothing is written unless 0.
 */
int tickets_verb(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id, const char *verb,
                 const json_t *body, const struct actor *actor, int64_t if_match,
                 struct verb_out *out) MUST_CHECK;

/** The account was disabled: a handover starts for each of its open tickets. Inside the command
 * that disables it. */
int tickets_on_account_disabled(struct tickets *t, struct ledger_tx *tx, const char *account,
                                const struct actor *by) MUST_CHECK;

/** The shift plan changed: successors are looked for where nobody was on duty. A staff_shifts_fn:
 * tickets is the service. */
int tickets_on_shifts_changed(void *tickets, struct ledger_tx *tx) MUST_CHECK;

/** The person is erased: their tickets lose what their histories say (data and salt; the digests
 * stay, so that the chains hold) and what they show of them, and `erased` is appended. */
int tickets_erase_person(struct tickets *t, struct ledger_tx *tx, int64_t person_id,
                         const struct actor *by) MUST_CHECK;

/** The history of a ticket says that its owner was told of an incident's end by that message. `by`:
 * who ended the incident; "" is the daemon itself. */
int tickets_note_told(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id, const char *by,
                      int64_t incident, int64_t message) MUST_CHECK;

/* ---- reading: any struct db, any thread ---- */

/** One ticket as resources.md shows it, `allowed` for the actor; E_NOTFOUND. */
int ticket_json(struct db *db, struct tickets *t, int64_t ticket_id, const struct actor *actor,
                int64_t now, struct buf *out) MUST_CHECK;

/** GET /tickets: every filter may be NULL or 0. */
struct ticket_filter {
    const char
        *state; /* a state, or "open_all" for every one that is neither closed nor cancelled */
    const char *responder;
    const char *department; /* has a dispatch to it */
    int64_t person_id, unit_id;
    int limit;          /* 1 to 500 */
    const char *cursor; /* of the former answer's `next` */
};
/** {"items":[…],"next":…}, newest first; E_INVALID for a cursor that is none. */
int tickets_list_json(struct db *db, struct tickets *t, const struct ticket_filter *filter,
                      const struct actor *actor, int64_t now, struct buf *out) MUST_CHECK;
/** GET /tickets/{id}/timeline: {"items":[…],"next":…} in order; E_NOTFOUND. */
int ticket_timeline_json(struct db *db, int64_t ticket_id, int limit, const char *cursor,
                         struct buf *out) MUST_CHECK;
