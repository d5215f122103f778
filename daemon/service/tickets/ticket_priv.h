/*
 * ticket_priv.h - what the files of the ticket service share: the service, and a ticket under
 * change (`struct ticket`): loaded, changed in memory, written as a whole at its end.
 *
 * A change goes: ticket_load() or ticket_begin(), then any of the functions below, then
 * ticket_finish(). The first error sticks in `rc` and makes the rest no-ops; the ledger rolls the
 * command back.
 */
#pragma once
#include <pthread.h>
#include <uthash.h>
#include "base/json.h"
#include "domain/calendar.h"
#include "domain/ladder.h"
#include "domain/policy.h"
#include "domain/promise.h"
#include "domain/site.h"
#include "service/tickets/tickets.h"
#include "store/repo_ticket.h"

/* Bits of ticket_row.was_set: fields that were set once, and whether the owner was promised
 * anything yet. */
#define SET_SUBJECT       (1u << 0)
#define SET_KIND          (1u << 1)
#define SET_CATEGORY      (1u << 2)
#define SET_PRIORITY      (1u << 3)
#define SET_UNIT          (1u << 4)
#define SET_PERSON        (1u << 5)
#define SET_ABOUT         (1u << 6)
#define TICKET_TOLD_OWNER (1u << 16)

#define SYSTEM_NAME STAFF_SYSTEM_NAME /* who acts when nobody does: timers, protocols */

/** A policy that stands in the store, parsed. Its id follows from its text. */
struct frozen {
    int64_t id;
    char *json;
    struct policy *policy;
    bool durable; /* its row is committed */
    UT_hash_handle hh;
};

/** The configuration's policies, by their place in it. */
struct site_frozen {
    const struct policy *policy;
    struct frozen *frozen;
    UT_hash_handle hh;
};

/** How many alerts of a kind there were in this minute. */
struct alert_gate {
    const char *kind;
    int64_t minute;
    int n;
};

struct tickets {
    const struct site *site; /* ledger thread */
    struct hub *hub;
    struct outbox *outbox;
    struct timers *timers;
    struct history_hasher *hasher;
    struct frozen *frozen;       /* by id */
    struct site_frozen *of_site; /* by pointer, of the present site */
    int64_t last_id;             /* of tickets; 0: not asked yet */
    struct buf scratch;          /* data of the event being written */
    struct alert_gate gates[4];  /* by kind of alert */
    pthread_mutex_t lock;        /* of what readers share: */
    struct calendars *calendars;
    struct span reopen_within;
};

/** What readers need of the configuration; release with tickets_view_end(). */
struct tickets_view {
    struct calendars *calendars;
    struct span reopen_within;
};
struct tickets_view tickets_view_of(struct tickets *t);
void tickets_view_end(struct tickets_view *v);

/** The frozen form of a policy of the present site; its row is written in tx if need be. */
const struct frozen *tickets_freeze(struct tickets *t, struct ledger_tx *tx,
                                    const struct policy *policy);
/** A policy that a ticket or clock runs under; NULL if its row is gone or damaged. */
const struct policy *tickets_frozen(struct tickets *t, struct db *db, int64_t policy_id);

/* ---- a ticket under change ---- */

struct pending_event {
    int64_t seq;
    char by[NAME_MAX_TEXT];
    const char *kind; /* a literal */
    char *data;
    char salt[HISTORY_SALT], digest[HISTORY_HEX], hash[HISTORY_HEX];
};

struct ticket {
    struct tickets *t;
    struct ledger_tx *tx;
    struct db *db;
    int64_t now;
    char by[NAME_MAX_TEXT]; /* who acts */
    struct verb_out *out;   /* may be NULL */
    int rc;
    struct ticket_row row;
    struct ticket_row written; /* as it stands in the store: to see whether it changed */
    bool is_new;               /* no row yet */
    bool counted;              /* this command counted the version up */
    const struct policy *policy;
    struct clock_row *clocks; /* those that have not ended before this command */
    size_t clocks_n, clocks_cap;
    bool clocks_all; /* every clock since it was opened is in `clocks` */
    struct dispatch_row *dispatches;
    size_t dispatches_n;
    struct pending_event *events;
    size_t events_n, events_cap;
    struct jw w;      /* of the event being written */
    char **concerned; /* accounts that are to see the change, beside the responder */
    size_t concerned_n;
    const char *announce[4]; /* kinds of webhook events: "ticket.opened" */
    size_t announce_n;
};

/** A new ticket, state `new`, with its defaults; the caller fills k->row, then sets its policy. */
void ticket_begin(struct ticket *k, struct tickets *t, struct ledger_tx *tx, const char *by);
/** An existing one with its live clocks and dispatches; E_NOTFOUND. */
int ticket_load(struct ticket *k, struct tickets *t, struct ledger_tx *tx, int64_t id,
                const char *by) MUST_CHECK;
/** Write, publish after the commit, free. Returns the sticky code. */
int ticket_finish(struct ticket *k) MUST_CHECK;
/** Write what changed so far: before messages, which read the ticket's row. */
int ticket_flush(struct ticket *k);
/** Free without writing. */
void ticket_drop(struct ticket *k);

/** Begin the data of an event, to be filled through the writer … */
struct jw *ticket_say(struct ticket *k);
/** … and append it to the history. kind is a literal. */
void ticket_said(struct ticket *k, const char *kind);
/** The account is to see this change at its desk. Copied. */
void ticket_concerns(struct ticket *k, const char *account);
/** After the commit gateways that asked for it hear of it ("ticket.closed"); a literal. */
void ticket_announce(struct ticket *k, const char *type);

/** Choose the policy by the ticket's facts from the present site and freeze it into the ticket. */
int ticket_choose_policy(struct ticket *k);
/** What the rule table needs to know. */
struct ticket_view ticket_view_of(const struct ticket_row *row, const struct clock_row *clocks,
                                  size_t clocks_n, const struct dispatch_row *dispatches,
                                  size_t dispatches_n, const struct actor *actor,
                                  const struct calendar *always, const struct span *reopen_within,
                                  int64_t now);
/** Whether the work order is for the actor: named, or of its department; dev stands for all. */
bool dispatch_is_for(const struct dispatch_row *d, const struct actor *a);
int ticket_open_dispatches(const struct dispatch_row *dispatches, size_t n);
/** True for an account that may be responsible: an enabled person, not an auditor. */
bool ticket_may_own(struct ticket *k, const char *account);
/** Sets the responder (who must may) and what follows from it. */
void ticket_take(struct ticket *k, const char *account);

/* ---- clocks (ticket_clock.c) ---- */

/** A clock's promise with its segments. */
struct clock_promise {
    struct promise promise;
    struct promise_segment segments[SEGMENTS_MAX];
};
int clock_promise_of(struct db *db, const struct calendars *calendars, const struct clock_row *c,
                     struct clock_promise *out) MUST_CHECK;
/** Start the clock of that name if the policy has one; NULL if not. dispatch: its n, or 0. The
 * pointer lives until the next start. */
struct clock_row *ticket_clock_start(struct ticket *k, const char *name, int64_t dispatch);
/** Add a row as it is; the pointer lives until the next one. */
struct clock_row *ticket_clock_add(struct ticket *k, const struct clock_row *c);
/** The live clock of that name; NULL if there is none. */
struct clock_row *ticket_clock(struct ticket *k, const char *name, int64_t dispatch);
/** Kept now, if it is live; late if it was breached. */
void ticket_clock_keep(struct ticket *k, const char *name, int64_t dispatch);
void ticket_clock_cancel(struct ticket *k, struct clock_row *c);
void ticket_clocks_cancel(struct ticket *k);
/** Work out due and next moments anew after anything about the clock changed. */
void ticket_clock_arm(struct ticket *k, struct clock_row *c);
void ticket_clock_pause(struct ticket *k, struct clock_row *c, const char *reason, int64_t until);
void ticket_clock_resume(struct ticket *k, struct clock_row *c);
/** Go on under the ticket's present policy, keeping the time used. never_later: a clock that would
 * gain time by it stays as it is (the daemon's own changes promise nothing later). */
void ticket_clocks_rebase(struct ticket *k, const char *why, bool never_later);
/** A calendar that changed since the clock was armed moves its end: recorded, when it is seen. */
void ticket_clock_recount(struct ticket *k, struct clock_row *c, const struct policy *p,
                          const struct promise *promise);
/** Start the clocks and milestones that the ticket's present policy counts from the opening and
 * that it has not had yet: the category is often known only after the call. */
void ticket_clocks_join(struct ticket *k);
/** True for the names of the contract's table; false for milestones. */
bool clock_is_standard(const char *name);
/** True for rows that carry the no-answer protocol or the search for a successor: no promise, no
 * ladder, not shown. */
bool clock_is_protocol(const struct clock_row *c);
/** Fills span, calendar, policy and share of a row from a policy; false if it has no such clock. */
bool clock_row_fill(struct clock_row *c, const struct policy *p, int64_t policy_id, int cycle);
/** due_at, next_at of a row whose promise is known; mark is written back into fired. */
void clock_row_arm(struct clock_row *c, const struct policy *p, const struct promise *promise);

/* ---- telling (ticket_tell.c) ---- */

#define TOLD_MAX         64
#define TELL_DEPARTMENTS 8
/** Who was told, and by which messages. */
struct told {
    char names[TOLD_MAX][NAME_MAX_TEXT];
    size_t n;
    int64_t messages[TOLD_MAX * 2];
    size_t messages_n;
};
void told_json(const struct told *told, struct jw *w);

/** Whom roles are resolved against; texts may be NULL. */
struct tell_scope {
    struct tickets *t;
    struct ledger_tx *tx;
    const char *responder;
    const char *departments[TELL_DEPARTMENTS]; /* whose heads are meant; NULL: no more */
    int64_t unit_id;
    const char *except; /* never told: the employee whom a complaint is about */
};
/** A word beside those of the configuration: everybody of the departments. */
#define TELL_DEPARTMENT_PEOPLE "department's people"
/** The accounts behind role words and account names, each once, in order. */
int tell_resolve(const struct tell_scope *scope, const struct conf_texts *words,
                 struct told *out) MUST_CHECK;
struct tell_message {
    const char *template_name;
    int64_t ticket_id;
    const struct outbox_param *params;
    size_t n_params;
    const struct conf_texts *by; /* NULL or empty: as the account has */
};
/** Messages to everybody in `told`; those without an address are told at the desk alone. */
int tell_send(struct tickets *t, struct ledger_tx *tx, const struct tell_message *m,
              struct told *told) MUST_CHECK;
/** Resolve against a ticket (the department: of a dispatch, else the category's) and send. */
void ticket_tell(struct ticket *k, const struct conf_texts *words, int64_t dispatch,
                 const struct tell_message *m, struct told *out);
/** One message to the owner; 0 with why when there is nobody to tell or the owner refused. */
int64_t ticket_tell_owner(struct ticket *k, const char *channel, const struct tell_message *m,
                          struct errmsg *why);
/** What outbox_enqueue() refused with rc: 0 where the recipient has no address or no consent; a
 * message that could not be made is an alert, too. Other codes as they are. */
int tickets_not_sent(struct tickets *t, struct ledger_tx *tx, int rc, int64_t ticket_id,
                     const struct errmsg *why) MUST_CHECK;
/** An alert row, and everybody at a desk hears of it after the commit. */
int tickets_alert(struct tickets *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
                  const char *text) MUST_CHECK;

/** The same for what may befall thousands at once: of one kind and minute the desks hear of the
 * first fifty. kind is a literal, of at most four that this is called with. */
int tickets_alert_some(struct tickets *t, struct ledger_tx *tx, const char *kind, int64_t ticket_id,
                       const char *text) MUST_CHECK;

/* ---- steps (ticket_step.c) ---- */

/** Carry out one rung of a live clock now; urged: before its moment. */
void ticket_step(struct ticket *k, struct clock_row *c, int step, int turn, bool urged);
/** Carry out everything of the clock that is due at k->now; *steps counts it. */
void ticket_clock_run(struct ticket *k, int64_t clock_id, int *steps);

/* ---- publishing (ticket_publish.c) ---- */

/** Hand the ticket's JSON to the hub (and gateways that asked) after the commit. */
int ticket_publish(struct ticket *k) MUST_CHECK;
/** The same for JSON of any kind; json is taken over. all_staff, or users (copied, NULL-ended). */
void tickets_publish(struct tickets *t, struct ledger_tx *tx, int hub_kind, char *json,
                     const char *const *users, const char *department, bool all_staff);

/* ---- rendering (ticket_json.c) ---- */

/** Everything that one ticket shows. */
struct ticket_shown {
    const struct ticket_row *row;
    const struct clock_row *clocks;
    size_t clocks_n;
    const struct dispatch_row *dispatches;
    size_t dispatches_n;
};
int ticket_render(struct db *db, struct tickets *t, const struct ticket_shown *s,
                  const struct actor *actor, int64_t now, struct buf *out) MUST_CHECK;
