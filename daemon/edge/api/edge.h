/*
 * edge.h - the HTTP door as a whole: server, sign-in, API resources, events, health.
 *
 * Handlers read on readers and write through the ledger; every route stands in a table with who may
 * use it. Needs http and the rooms of service/.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/conn.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "spine/checks.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "spine/metrics.h"
#include "service/staff/staff.h"

struct edge;
struct importer;
struct incidents;
struct outbox;
struct registry;
struct pops;
struct site;
struct calls;
struct tickets;
struct clock_timer;
struct auditor;

/** What the door opens to. Everything outlives the edge. */
struct edge_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct staff *staff;
    struct hub *hub;
    struct metrics *metrics;
    struct checks *checks;
    struct site *site; /* a reference is taken */
    struct tickets *tickets;
    struct incidents *incidents;
    struct clocks *clocks; /* may be NULL, with the auditor */
    struct clock_timer *clock_timer;
    struct auditor *auditor; /* may be NULL */
    struct outbox *outbox;
    struct registry *registry;
    struct importer *importer;
    struct calls *calls;
    struct pops *pops;

    /** Reload the configuration. 0, with JSON {"now":"…","later":"…"} in out, or E_INVALID with
     * every fault as text in out (then the old one stays). */
    int (*reload)(void *ctx, struct buf *out);
    /** Writes the plugin instances as items of an open array. NULL: none. */
    void (*plugins)(void *ctx, struct jw *w);
    void *ctx;
};

/** Makes the door; it stays shut until edge_listen(). Never NULL. */
struct edge *edge_new(const struct edge_opts *opts);
/** Listen on the TCP address and the control socket as the site says. tls is what HTTP speaks on
 * TCP; NULL: plain. It outlives the edge. */
int edge_listen(struct edge *e, struct tls *tls, struct errmsg *why) MUST_CHECK;
/** The port of the TCP listener; 0 if there is none. */
uint16_t edge_port(const struct edge *e);
/** After a reload. */
void edge_set_site(struct edge *e, struct site *site);
/** Stop accepting; what is under way is answered. */
void edge_drain(struct edge *e);
/** True while a connection is open: after edge_drain(), while an answer is owed or leaving. */
bool edge_busy(const struct edge *e);
/** Before ledger_free(): every answer still owed is dropped when it comes. */
void edge_close(struct edge *e);
/** After ledger_free(): commands and reads under way refer to it. */
void edge_free(struct edge **e);
