/*
 * daemon.h - the parts of stewardd, and their starting, stopping and reloading.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"
#include "domain/site.h"

struct daemon_opts {
    const char *config; /* path of steward.yaml */
    bool test_clock;    /* --test-clock: the wall clock stands at test_ms, and can be moved */
    int64_t test_ms;
};

/** Everything that lives from start to stop, in the order in which it is made. */
struct daemon {
    struct daemon_opts opts;
    struct site *site;       /* the present configuration; a reference */
    struct site *first_site; /* the one it started with: what needs a restart still holds */
    struct site *rules_site; /* what ledger commands go by: follows through the ledger */
    struct loop *loop;
    struct loop_signal *on_term, *on_int, *on_hup;
    struct tls *tls;
    struct metrics *metrics;
    struct checks *checks;
    struct hub *hub;
    struct store_lock *lock; /* nobody else writes to the store */
    struct ledger *ledger;
    struct staff *staff;
    struct registry *registry;
    struct pops *pops;
    struct hub_sub *card_watch; /* drops cards whose tickets changed */
    struct outbox *outbox;
    struct tell *tell;
    struct clocks *clocks;
    struct clock_timer *clock_timer;
    struct tickets *tickets;
    struct auditor *auditor;
    struct incidents *incidents;
    struct radar_watch *radar;
    struct digest_sender *digest;
    struct importer *importer;
    struct calls *calls;
    struct plugins *plugins;
    struct edge *edge;
    struct line *line;
    size_t started; /* steps of the table that are done */
};

/** TERM, INT and HUP wait until the loop hears them: while the configuration is read, and at the
 * very end. daemon_start() lets them through. */
void daemon_hold_signals(bool hold);
/** Start everything on this thread's new loop. On failure what was started is stopped again. The
 * site's reference is taken over. */
int daemon_start(struct daemon *d, const struct daemon_opts *opts, struct site *site,
                 struct errmsg *why) MUST_CHECK;
/** Runs until TERM or INT. */
void daemon_run(struct daemon *d);
/** Stop accepting, finish what is in flight, commit, free. */
void daemon_stop(struct daemon *d);

/**
 * Read the configuration anew (HUP, POST /reload). 0: taken, and now and later (comma-separated
 * keys) say what is taken and what waits for a restart, since whichever reload. E_INVALID: the old
 * one stays, faults holds why.
 */
int daemon_reload(struct daemon *d, struct buf *now, struct buf *later,
                  struct buf *faults) MUST_CHECK;

/**
 * Read and check a configuration with everything that it names (templates, certificates, plugins).
 * NULL if there is a fault; faults hold all of them.
 */
struct site *daemon_check(const char *config, struct conf_faults *faults) MUST_CHECK;
