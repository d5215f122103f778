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
#include "base/json.h"
#include "domain/site.h"
#include "service/clocks/clock_timer.h"
#include "service/clocks/clocks.h"
#include "spine/refusal.h"
#include "service/tell/tell.h"
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
/* What the category brought counts as set, until another category brings another. */
#define BROUGHT_KIND     (1u << 17)
#define BROUGHT_PRIORITY (1u << 18)

#define SYSTEM_NAME STAFF_SYSTEM_NAME /* who acts when nobody does: timers, protocols */

struct tickets {
    const struct site *site; /* ledger thread */
    struct outbox *outbox;
    struct tell *tell;
    struct clocks *clocks;
    struct clock_timer *timer;
    struct history_hasher *hasher;
    int64_t last_id;      /* of tickets; 0: not asked yet */
    struct buf scratch;   /* data of the event being written */
    pthread_mutex_t lock; /* of what readers share: */
    struct span reopen_within;
};

/** What readers need of the configuration; release with tickets_view_end(). */
struct tickets_view {
    struct calendars *calendars;
    struct span reopen_within;
};
struct tickets_view tickets_view_of(struct tickets *t);
void tickets_view_end(struct tickets_view *v);

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
#define DISPATCHES_MAX 100 /* of one ticket */
/* Reasons for which the daemon itself pauses a clock: until an appointment begins; while a further
 * work order is open. */
#define PAUSED_BY_VISIT    "visit"
#define PAUSED_BY_DISPATCH "dispatch"

/** Everything that one ticket shows. */
struct ticket_shown {
    const struct ticket_row *row;
    const struct clock_row *clocks;
    size_t clocks_n;
    const struct dispatch_row *dispatches;
    size_t dispatches_n;
};
/** What a view depends on beside the ticket. */
struct view_of {
    struct db *db;
    struct clocks *clocks;
    const struct calendar *always;
    const struct span *reopen_within;
    int64_t now;
};
/** What the rule table needs to know. */
struct ticket_view ticket_view_of(const struct ticket_shown *s, const struct actor *actor,
                                  const struct view_of *env);
/** The same of a ticket under change. */
struct ticket_view ticket_view_under(struct ticket *k, const struct actor *actor);
/** Whether the work order is for the actor: named, or of its department; dev stands for all. */
bool dispatch_is_for(const struct dispatch_row *d, const struct actor *a);
int ticket_open_dispatches(const struct dispatch_row *dispatches, size_t n);
/** True for an account that may be responsible: an enabled person, not an auditor. */
bool ticket_may_own(struct ticket *k, const char *account);
/** The only writer of a ticket's state: refuses (E_CONFLICT in k->rc, logged) what domain/states.h
 * knows no way for; cause is for the log. */
void ticket_set_state(struct ticket *k, enum ticket_state to, const char *cause);
/** Sets the responder, who must be allowed to be (ticket_may_own()), and what follows from it. */
void ticket_take(struct ticket *k, const char *account);

/* ---- clocks (ticket_clock.c) ---- */

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
/* ---- telling (ticket_tell.c) ---- */

/** Resolve against a ticket (the department: of a dispatch, else the category's) and send. */
void ticket_tell(struct ticket *k, const struct conf_texts *words, int64_t dispatch,
                 const struct tell_message *m, struct told *out);
/** One message to the owner; 0 with why when there is nobody to tell or the owner refused. */
int64_t ticket_tell_owner(struct ticket *k, const char *channel, const struct tell_message *m,
                          struct errmsg *why);
/* ---- steps (ticket_step.c) ---- */

/** Carry out one rung of a live clock now; urged: before its moment. */
void ticket_step(struct ticket *k, struct clock_row *c, int step, int turn, bool urged);
/** Carry out everything of the clock that is due at k->now; *steps counts it. */
void ticket_clock_run(struct ticket *k, int64_t clock_id, int *steps);

/* ---- publishing (ticket_publish.c) ---- */

/** Hand the ticket's JSON to the hub (and gateways that asked) after the commit. */
int ticket_publish(struct ticket *k) MUST_CHECK;
/* ---- rendering (ticket_json.c) ---- */

/** As resources.md shows it, `allowed` for the actor. */
int ticket_render(struct db *db, struct tickets *t, const struct ticket_shown *s,
                  const struct actor *actor, int64_t now, struct buf *out) MUST_CHECK;
