/*
 * calls_rig.h - calls over a real ledger and store, for its tests: what the hub was told and
 * what was acked, as text; restarts; waiting until the ledger is idle.
 */
#pragma once
#include "unit.h"
#include <stdbool.h>
#include <stdint.h>
#include "service/calls/call_control.h"
#include "service/calls/calls.h"
#include "service/calls/source.h"
#include "service/tickets/tickets.h"

struct rig {
    struct loop *loop;
    struct ledger *ledger;
    struct hub *hub;
    struct pops *pops;
    struct calls *t;
    struct tickets *tickets;
    struct staff *staff;
    struct calls_conf conf;
    struct buf log;              /* "pop 1001 one|pop_end 1001 cleared|call cleared|…" */
    char last[HUB_KINDS][20000]; /* the last text of each kind */
    int64_t acked;
    struct source *source; /* "pbx-a", attached */
    char action[400];      /* the last action that the adapter was given */
    uint64_t token;
    int action_rc;
};

extern struct rig rig;

/** Before each test: an empty store, started. */
int rig_setup(void **state);
int rig_teardown(void **state);
/** Stop as on TERM and start again over the same store. */
void rig_restart(void);
/** Run the loop until nothing is on its way any more. */
void rig_settle(void);
/** One event in JSON without the outer braces; returns source_event()'s code. */
int rig_event(int64_t seq, const char *fields);
/** The same, expected to be taken, numbered on; then settled. */
void rig_say(const char *fields);
/** SQL on the store by another connection. */
void rig_sql(const char *sql);
/** The first column of the first row of a query as text, "" if none. */
const char *rig_ask(const char *sql);
/** The log since the last time. */
const char *rig_log(void);
/** The log since then without `call` lines. */
const char *rig_pops(void);
