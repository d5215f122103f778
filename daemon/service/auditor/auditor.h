/*
 * auditor.h - the second, simpler reader of the histories: it recomputes every hash chain, and from
 * the events alone what clocks should have done by now. It believes nothing else of the daemon's:
 * not the clock rows, not the code that wrote them.
 *
 * Needs the calendars of clocks/, and tell/ for its alerts.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/loop.h"
#include "spine/ledger.h"

struct clocks;
struct tell;

/** What was read, and the first thing that is wrong. */
struct audit_report {
    int64_t tickets, events; /* read */
    bool broken;             /* a chain does not hold: the history was changed */
    bool missing;            /* a step or breach should have happened and is not there */
    int64_t ticket_id, seq;  /* where; seq 0: of the ticket as a whole */
    char text[256];          /* in words */
    /* The first that happened after odd_since (and within a day) and should not have: twice, or
     * before its moment. It is an alert and no fault: nothing can undo it. */
    int64_t odd_since;  /* set by the caller */
    int64_t odd_ticket; /* 0: none */
    char odd[256];
};

/**
 * Read the tickets with ids above `after`, at most `max` of them, on any thread; the calendars
 * in force are those of `clocks`. Stops at the first fault. *last is the last id read, 0 when there
 * were no more. E_… only when the store could not be read.
 */
int audit_tickets(struct db *db, struct clocks *clocks, int64_t now, int64_t after, int max,
                  int64_t *last, struct audit_report *report) MUST_CHECK;
/** The same over everything: `stewardctl audit verify`. */
int audit_all(struct db *db, struct clocks *clocks, int64_t now,
              struct audit_report *report) MUST_CHECK;
/** {"ok":…,"tickets":…,"events":…,"broken":{"ticket","seq","kind","text"}|null,
 * "odd":{"ticket","text"}|null} */
void audit_report_json(const struct audit_report *r, struct buf *out);

/** Walks through all histories again and again in the background, on the readers. */
struct auditor;

struct auditor_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct clocks *clocks; /* whose calendars are in force */
    struct tell *tell;     /* raises the alerts */
};

/** Reads nothing before auditor_start(). */
struct auditor *auditor_new(const struct auditor_opts *opts);
/** Begins; the first pass is quick, later ones are gentle. Loop thread. */
void auditor_start(struct auditor *a);
/** After ledger_free(). */
void auditor_free(struct auditor **a);
/** What somebody else's audit_all() found, on the loop: a fault is said by /readyz and the alert at
 * once, and a whole history ends what was said. */
void auditor_heard(struct auditor *a, const struct audit_report *report);
/** True while the last passes found a fault; *report (may be NULL) is that fault. For /readyz. */
bool auditor_degraded(const struct auditor *a, struct audit_report *report);
