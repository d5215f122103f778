/*
 * radar_watch.h - the radar at work (群诉预警): every ticket that comes, or changes what it is
 * about, is looked at by a reader, fed into the windows of domain/radar.h, and either joins an open
 * incident or counts towards the offer of a new one.
 *
 * It listens to the hub, so tickets wait for nothing. What was missed while the daemon was down is
 * read at its start, with the history that the baseline is learned from. Loop thread only.
 */
#pragma once
#include "domain/site.h"
#include "spine/hub.h"
#include "service/incidents/incidents.h"

struct radar_watch;

struct radar_watch_opts {
    struct ledger *ledger;
    struct hub *hub;
    struct incidents *incidents;
    struct site *site; /* referenced */
};

/** Listens from now on. */
struct radar_watch *radar_watch_new(const struct radar_watch_opts *opts);
/** Reads the history, then looks at what came meanwhile. */
void radar_watch_start(struct radar_watch *rw);
/** Use another configuration. What tickets have in common may be read anew. */
void radar_watch_set_site(struct radar_watch *rw, struct site *site);
/** Looks at nothing more. Before ledger_free(). */
void radar_watch_stop(struct radar_watch *rw);
/** After ledger_free(). */
void radar_watch_free(struct radar_watch **rw);
