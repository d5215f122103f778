/*
 * clocks.h - time promises as rows: the calendars in force, the policies that clocks run under, and
 * what a row of `clock` promises. clock_timer.h makes due ones happen.
 *
 * A policy is frozen into what runs under it: its text stands in the store under an id that follows
 * from the text, and stays whatever the configuration becomes. The room knows neither tickets nor
 * callbacks; it needs the spine alone.
 */
#pragma once
#include <uthash.h>
#include "domain/calendar.h"
#include "domain/ladder.h"
#include "domain/policy.h"
#include "domain/promise.h"
#include "domain/site.h"
#include "spine/ledger.h"
#include "store/repo_ticket.h"

struct clocks;

/** Frozen policies and the calendars of the site. Free it after ledger_free(). */
struct clocks *clocks_new(const struct site *site);
void clocks_free(struct clocks **c);
/** Use another configuration from now on. Inside a ledger command, so that none sees half of each.
 * What runs keeps the policy frozen into it. */
void clocks_set_site(struct clocks *c, const struct site *site);
/** The calendars in force; a reference, to be given back with calendars_unref(). Any thread. */
struct calendars *clocks_calendars(struct clocks *c);

/** The same, lent to the running command. Ledger thread. */
const struct calendars *clocks_in_force(const struct clocks *c);

/* ---- frozen policies ---- */

/** A policy that stands in the store, parsed. Its id follows from its text. */
struct frozen {
    int64_t id;
    char *json;
    struct policy *policy;
    bool durable; /* its row is committed */
    UT_hash_handle hh;
};

/** The frozen form of a policy of the present site; its row is written in tx if need be. Ledger
 * thread. */
const struct frozen *clocks_freeze(struct clocks *c, struct ledger_tx *tx,
                                   const struct policy *policy);
/** A policy that a ticket or clock runs under; NULL if its row is gone or damaged. Any thread, with
 * a database of its own; it lives as long as the clocks. */
const struct policy *clocks_frozen(struct clocks *c, struct db *db, int64_t policy_id);

/* ---- a row of `clock` ---- */

/** A clock's promise with its segments, however many there are. */
struct clock_promise {
    struct promise promise;
    struct promise_segment *segments; /* owned; NULL: it was never paused nor re-based */
};
/** *out is to be freed only where this answers 0. */
int clock_promise_of(struct db *db, const struct calendars *calendars, const struct clock_row *c,
                     struct clock_promise *out) MUST_CHECK;
void clock_promise_free(struct clock_promise *cp);
/** True for the names of the contract's table; false for milestones. */
bool clock_is_standard(const char *name);
/** True for rows that carry the no-answer protocol or the search for a successor: no promise, no
 * ladder, not shown. */
bool clock_is_protocol(const struct clock_row *c);
/** Fills span, calendar, policy and share of a row from a policy; false if it has no such clock. */
bool clock_row_fill(struct clock_row *c, const struct policy *p, int64_t policy_id, int cycle);
/** due_at, next_at of a row whose promise is known; mark is written back into fired. */
void clock_row_arm(struct clock_row *c, const struct policy *p, const struct promise *promise);
