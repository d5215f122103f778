/*
 * repo_ticket.h - rows of tickets: ticket, ticket_event, dispatch, clock, clock_segment, alert.
 *
 * Plain structs in, plain structs out; no rule lives here. Text columns that may be NULL are ""
 * in fixed fields and NULL in `char *` ones; ids and moments are 0 for NULL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "domain/history.h"
#include "domain/states.h"
#include "domain/ticket_rule.h"
#include "store/db.h"

#define NAME_MAX_TEXT 65

/* ---- ticket ---- */

struct ticket_row {
    int64_t id, version;
    enum ticket_state state; /* written by ticket_set_state() alone (service/tickets) */
    char kind[16], channel[16], close_kind[16], caller[32];
    char category[NAME_MAX_TEXT], responder[NAME_MAX_TEXT], about[NAME_MAX_TEXT];
    char *subject, *close_reason, *handover_json, *calls_json; /* owned */
    int priority, cycle, urges, refusals, attempts;
    int64_t person_id, unit_id, call_id, incident_id, policy_id;
    int64_t opened_at, resolved_at, awaiting_at, closed_at, urged_at;
    unsigned was_set;
    int64_t last_seq;
    char last_hash[HISTORY_HEX];
};

/** Frees what the row owns; the struct itself is the caller's. */
void ticket_row_clear(struct ticket_row *r);
int repo_ticket_load(struct db *db, int64_t id, struct ticket_row *out) MUST_CHECK;
/** Under its own id. */
int repo_ticket_insert(struct db *db, const struct ticket_row *r) MUST_CHECK;
int repo_ticket_update(struct db *db, const struct ticket_row *r) MUST_CHECK;
/** The highest id so far, 0 if none. */
int repo_ticket_last_id(struct db *db, int64_t *id) MUST_CHECK;
/** The newest ticket that is neither closed nor cancelled, of that caller or of a person who now
 * shares a unit with person_id; *id is 0 if there is none. number may be NULL, person_id 0. */
int repo_ticket_open_of(struct db *db, int64_t person_id, const char *number, int32_t today,
                        int64_t *id) MUST_CHECK;

/** Ids in an array of their own, which the caller frees. */
struct ticket_ids {
    int64_t *items;
    size_t n;
};
/** Live tickets whose responder the account is, and those with a handover under way, in order. */
int repo_ticket_handed_by(struct db *db, const char *account, struct ticket_ids *out) MUST_CHECK;
int repo_ticket_exists(struct db *db, int64_t id, bool *yes) MUST_CHECK;
/** "" if there is none; out has NAME_MAX_TEXT bytes. */
int repo_ticket_responder(struct db *db, int64_t id, char *out) MUST_CHECK;
/** The newest live ticket of the person (0: nobody) or number; before all, that of `first`,
 * whoever's it is. 0: none. */
int repo_ticket_live_of(struct db *db, int64_t person_id, const char *number, int64_t first,
                        int64_t *id) MUST_CHECK;
/** The one of that person or number that was closed last (cancelled ones do not count). 0: none. */
int repo_ticket_closed_of(struct db *db, int64_t person_id, const char *number,
                          int64_t *id) MUST_CHECK;
/** The newest live ticket of those who live with a person, else the newest that ended since; only:
 * that one alone (0: any). 0: none. today: days since 1970 at the site. */
int repo_ticket_of_household(struct db *db, int64_t person_id, int32_t today, int64_t only,
                             int64_t since, int64_t *id) MUST_CHECK;

/** A ticket that waits for its owner's answer, and the last question of its present cycle. */
struct asking_row {
    int64_t id, asked_at;
    int64_t message_id;   /* 0: put by word of mouth */
    const char *question; /* its text; NULL likewise; lives during the call */
};
/** Those of the person (0: nobody) or number that were asked, who was asked last first; at most 16.
 */
int repo_ticket_asking(struct db *db, int64_t person_id, const char *number,
                       void (*fn)(void *ctx, const struct asking_row *row), void *ctx) MUST_CHECK;

/** What a list of tickets shows; NULL and 0: any. Newest first, ids below `before`. */
struct ticket_query {
    const char *state; /* NULL: any */
    bool live;         /* neither closed nor cancelled */
    const char *responder, *department;
    int64_t person_id, unit_id, before;
    int limit;
};
/** Their ids, *n at most query->limit. */
int repo_ticket_list(struct db *db, const struct ticket_query *query, int64_t *ids,
                     int *n) MUST_CHECK;

/** What a message may say of a ticket, its owner and its home. */
enum ticket_fact {
    TICKET_FACT_SUBJECT,
    TICKET_FACT_CATEGORY,
    TICKET_FACT_PRIORITY,
    TICKET_FACT_STATE,
    TICKET_FACT_CYCLE,
    TICKET_FACT_URGES,
    TICKET_FACT_RESPONDER,
    TICKET_FACT_RESPONDER_NAME,
    TICKET_FACT_RESPONDER_PHONE,
    TICKET_FACT_ESTATE,
    TICKET_FACT_BUILDING,
    TICKET_FACT_UNIT,
    TICKET_FACT_OWNER,
    TICKET_FACT_CALLER,
    TICKET_FACT_OPENED, /* a moment: no text, opened_at */
    TICKET_FACTS
};
struct ticket_facts {
    const char *text[TICKET_FACTS]; /* views; NULL where nothing is known */
    int64_t opened_at;
};
/** Calls fn with them; nothing happens if there is no such ticket. */
int repo_ticket_facts(struct db *db, int64_t id,
                      void (*fn)(void *ctx, const struct ticket_facts *facts),
                      void *ctx) MUST_CHECK;

/* ---- history ---- */

struct event_row {
    int64_t ticket_id, seq, at;
    const char *by, *kind, *data, *salt, *digest, *hash;
};
/** E_CONSTRAINT when that place in the history is taken. */
int repo_event_insert(struct db *db, const struct event_row *e) MUST_CHECK;

typedef void event_row_fn(void *ctx, const struct event_row *row);
/** The history after seq, in order, at most limit rows (no salts). */
int repo_event_list(struct db *db, int64_t ticket_id, int64_t after, int limit, event_row_fn *fn,
                    void *ctx) MUST_CHECK;
/** `clock_started` and `escalated` since that moment, in order: kind and data alone. */
int repo_event_of_clocks(struct db *db, int64_t ticket_id, int64_t since, event_row_fn *fn,
                         void *ctx) MUST_CHECK;
/** The whole history in order, with salts and digests: for whoever checks the chain. */
int repo_event_chain(struct db *db, int64_t ticket_id, event_row_fn *fn, void *ctx) MUST_CHECK;
/** The first ticket id between `after` and `before` of which there are events or clocks, 0 if there
 * is none: called where no ticket has an id between them. */
int repo_event_orphan(struct db *db, int64_t after, int64_t before, int64_t *id) MUST_CHECK;
/** Where histories end as their tickets say, by id above `after`. */
struct ticket_head {
    int64_t id, last_seq;
    char last_hash[HISTORY_HEX];
};
int repo_ticket_heads(struct db *db, int64_t after, int max, struct ticket_head *out,
                      int *n) MUST_CHECK;

/* ---- dispatches ---- */

struct dispatch_row {
    int64_t id, ticket_id, n;
    char department[NAME_MAX_TEXT], assignee[NAME_MAX_TEXT], accepted_by[NAME_MAX_TEXT];
    enum dispatch_state state; /* written by dispatch_move() alone (service/tickets) */
    int64_t visit_from, visit_to, sent_at, ended_at;
    bool final;
    char *note, *report; /* owned */
    bool dirty;          /* for the service: to be written */
};
/** Frees what the row owns. */
void dispatch_row_clear(struct dispatch_row *r);
/** All of a ticket, by n; *out is allocated (each row to be cleared, then the array freed). */
int repo_dispatches_load(struct db *db, int64_t ticket_id, struct dispatch_row **out,
                         size_t *n) MUST_CHECK;
/** Inserts when id is 0 (and sets it), else updates. */
int repo_dispatch_save(struct db *db, struct dispatch_row *r) MUST_CHECK;

/* ---- clocks ---- */

enum clock_state { CLOCK_RUNNING, CLOCK_PAUSED, CLOCK_KEPT, CLOCK_BREACHED, CLOCK_CANCELLED };
/** "running" … as on the wire. */
const char *clock_state_name(enum clock_state s);

struct clock_row {
    int64_t id, ticket_id, callback_id;
    char name[NAME_MAX_TEXT], calendar[NAME_MAX_TEXT], span[32];
    int64_t dispatch; /* n of the dispatch, 0 if none */
    int cycle, share;
    enum clock_state state;
    int64_t policy_id, extra_ms;
    int64_t started_at, due_at, ended_at, resume_at, next_at;
    char paused_reason[NAME_MAX_TEXT];
    bool breached;
    bool segments; /* it has rows in clock_segment */
    char fired[384];
    bool dirty; /* for the service: to be written */
};
enum clocks_of { CLOCKS_LIVE, CLOCKS_ALL };
/** Of a ticket, or of a callback where ticket_id is 0, in the order in which they started. *out is
 * allocated; the caller frees it. */
int repo_clocks_load(struct db *db, int64_t ticket_id, int64_t callback_id, enum clocks_of which,
                     struct clock_row **out, size_t *n) MUST_CHECK;
int repo_clock_load(struct db *db, int64_t id, struct clock_row *out) MUST_CHECK;
/** Inserts when id is 0 (and sets it), else updates. */
int repo_clock_save(struct db *db, struct clock_row *r) MUST_CHECK;
/** Ids of clocks due at `now`, the most overdue first; *n of at most max. */
int repo_clocks_due(struct db *db, int64_t now, int64_t *ids, int max, int *n) MUST_CHECK;
/** The nearest next_at, 0 if none. */
int repo_clocks_nearest(struct db *db, int64_t *at) MUST_CHECK;
/** *was: a clock of that name was started for the ticket: in the cycle given one that another
 * policy has not cancelled, or (unless in_cycle) any in another cycle. */
int repo_clock_was_started(struct db *db, int64_t ticket_id, const char *name, int cycle,
                           bool in_cycle, bool *was) MUST_CHECK;
/** Every live clock of that name is looked at at `at`; *any: there is one. */
int repo_clocks_wake(struct db *db, const char *name, int64_t at, bool *any) MUST_CHECK;
/** Broken promises of the person's live tickets that are still owed, the oldest first. */
int repo_clock_overdue_of(struct db *db, int64_t person_id, int max,
                          void (*fn)(void *ctx, int64_t ticket_id, const char *subject,
                                     const char *clock),
                          void *ctx) MUST_CHECK;
/** Nothing more is to happen to this clock (it could not be carried out). */
int repo_clock_park(struct db *db, int64_t id) MUST_CHECK;

struct segment_row {
    int64_t id, clock_id, from_at, to_at; /* to_at 0: under way */
    bool running;
    char calendar[NAME_MAX_TEXT], reason[NAME_MAX_TEXT];
};
/** All of a clock in order; *out is allocated, the caller frees it (NULL on an error). */
int repo_segments_load(struct db *db, int64_t clock_id, struct segment_row **out,
                       size_t *n) MUST_CHECK;
/** The one that is under way; E_NOTFOUND. */
int repo_segment_present(struct db *db, int64_t clock_id, struct segment_row *out) MUST_CHECK;
int repo_segment_add(struct db *db, const struct segment_row *s) MUST_CHECK;
/** End the one that is under way. */
int repo_segment_end(struct db *db, int64_t clock_id, int64_t at) MUST_CHECK;

/* ---- frozen policies ---- */

/** Write that policy text under its id, unless it is there. */
int repo_policy_put(struct db *db, int64_t id, const char *name, const char *json,
                    int64_t now) MUST_CHECK;
/** Its text; the caller frees. NULL if there is none. */
char *repo_policy_get(struct db *db, int64_t id);

/* ---- alerts ---- */

/** *id is the new row's; data_json is one JSON object or NULL. */
int repo_alert_add(struct db *db, int64_t at, const char *kind, const char *text,
                   const char *data_json, int64_t *id) MUST_CHECK;
