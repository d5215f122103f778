/*
 * repo_incident.h - rows of incidents, of the rungs that were climbed for them, and complaints as
 * the radar sees them.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "domain/radar.h"
#include "domain/states.h"
#include "store/db.h"

/* ---- incidents ---- */

struct incident_row {
    int64_t id;
    enum incident_state state; /* written by incident_set_state() alone (service/incidents) */
    char *subject, *words, *reason, *scope_json; /* owned; words and reason may be NULL */
    struct radar_scope scope;
    char key[RADAR_KEY_MAX]; /* radar_key(); "" for an empty scope */
    char opened_by[65], resolved_by[65];
    int64_t opened_at, since_at, resolved_at, closed_at;
    int64_t owners;           /* when the radar warned; 0: opened by hand */
    bool gathers;             /* new complaints join by themselves */
    int64_t joining, telling; /* how far the work has come; -1: nothing to do */
};

/** Frees what the row owns. */
void incident_row_clear(struct incident_row *r);
int repo_incident_load(struct db *db, int64_t id, struct incident_row *out) MUST_CHECK;
/** Sets r->id; it stays 0 when a live incident has that key already. */
int repo_incident_insert(struct db *db, struct incident_row *r) MUST_CHECK;
int repo_incident_update(struct db *db, const struct incident_row *r) MUST_CHECK;
struct ticket_row;
/** *before: an earlier ticket of the incident has the same person or number. */
int repo_incident_told_before(struct db *db, const struct ticket_row *t, bool *before) MUST_CHECK;
/** How many callers a message went to that says it is solved. */
int repo_incident_told(struct db *db, int64_t id, int64_t *n) MUST_CHECK;
/** Ids, newest first, below `before` (0: all), of a state (NULL: any). */
int repo_incident_list(struct db *db, const char *state, int64_t before, int limit, int64_t *ids,
                       int *n) MUST_CHECK;
/** Ids of those that have not ended, in order. */
int repo_incident_live(struct db *db, int64_t *ids, int max, int *n) MUST_CHECK;
/** *yes: it is there and has not ended. */
int repo_incident_is_live(struct db *db, int64_t id, bool *yes) MUST_CHECK;
/** The live incident of that key; 0 if there is none. */
int repo_incident_of_key(struct db *db, const char *key, int64_t *id) MUST_CHECK;
/** When the last incident of that key was resolved or closed; 0 if none was. */
int repo_incident_last_end(struct db *db, const char *key, int64_t *at) MUST_CHECK;
/** An incident with tickets still to join or callers still to tell; 0 if there is none. */
int repo_incident_work(struct db *db, int64_t *id) MUST_CHECK;
/** Buildings of its tickets' units, at most max; returns how many through *n. */
int repo_incident_buildings(struct db *db, int64_t id, int64_t *out, size_t max,
                            size_t *n) MUST_CHECK;
/** *pages: whether the ticket pages at this rung. Of an open incident's tickets the first that
 * comes to it does, for all of them; of an incident that is not open, each for itself. */
int repo_incident_rung(struct db *db, int64_t incident, int64_t ticket, const char *clock, int step,
                       int turn, int64_t now, bool *pages) MUST_CHECK;

/** Tickets in the incident's scope that belong to none and are open, above id `after`; at most max,
 * in order. */
int repo_incident_candidates(struct db *db, const struct incident_row *r, int64_t after,
                             int64_t *ids, size_t max, size_t *n) MUST_CHECK;
/** Its tickets above id `after`, at most max, in order. */
int repo_incident_tickets(struct db *db, int64_t id, int64_t after, int64_t *ids, size_t max,
                          size_t *n) MUST_CHECK;

/* ---- complaints ---- */

#define COMPLAINT_OWNER_MAX 48

/** A ticket as the radar sees it. */
struct complaint_row {
    int64_t ticket_id, at, incident_id, unit_id;
    bool counts;                     /* it is one: neither praise nor cancelled */
    struct radar_scope place;        /* its riser and category too, as far as known */
    char owner[COMPLAINT_OWNER_MAX]; /* the household, person or number; "" if nobody is known */
};
/** One ticket; E_NOTFOUND. today: days since 1970. */
int repo_complaint(struct db *db, int64_t ticket_id, int32_t today,
                   struct complaint_row *out) MUST_CHECK;
/** The newest `max` that were opened since and belong to no incident, oldest first, to fn. */
int repo_complaints_since(struct db *db, int64_t since, int32_t today, int max,
                          void (*fn)(void *ctx, const struct complaint_row *c),
                          void *ctx) MUST_CHECK;
