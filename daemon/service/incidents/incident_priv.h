/*
 * incident_priv.h - what the files of the incident service share.
 */
#pragma once
#include "service/incidents/incidents.h"
#include "domain/site.h"
#include "spine/refusal.h"
#include "service/tell/tell.h"
#include "store/repo_incident.h"

#define INCIDENT_BATCH     32 /* tickets joined or told in one command */
#define INCIDENT_BUILDINGS 64

/** A live incident as the loop knows it. */
struct incident {
    int64_t id;
    bool open, gathers;
    struct radar_scope scope;
    char key[RADAR_KEY_MAX];
    char *text; /* what to say: its words, else its subject */
    int64_t buildings[INCIDENT_BUILDINGS];
    size_t buildings_n;
    struct incident *prev, *next;
};

struct incidents {
    struct incidents_opts opts;
    const struct site *site; /* ledger thread */
    struct incident *live;   /* utlist; loop thread, newest first */
    uint64_t turn;           /* counts up with each change: a reading begun before it is too old */
    bool reading, read_again;
    bool working; /* a command of the work is under way */
    bool started;
    struct loop_timer *retry;
    void (*changed)(void *ctx);
    void *changed_ctx;
};

/** The image of a row for the loop; NULL if it is not live. */
struct incident *incident_image(struct db *db, const struct incident_row *r, int *rc);
void incident_free(struct incident **i);
/** After the commit the loop knows of the row as it is now, and goes on with its work. */
int incident_tell_loop(struct incidents *in, struct ledger_tx *tx,
                       const struct incident_row *r) MUST_CHECK;
/** Join or tell at most a batch; r's progress is moved on, not written. */
int incident_join_some(struct incidents *in, struct ledger_tx *tx,
                       struct incident_row *r) MUST_CHECK;
int incident_tell_some(struct incidents *in, struct ledger_tx *tx,
                       struct incident_row *r) MUST_CHECK;
/** An alert row with the incident in its data, and everybody at a desk hears of it. */
int incident_alert(struct incidents *in, struct ledger_tx *tx, const char *kind,
                   const struct incident_row *r, const char *text) MUST_CHECK;
/** Writes the verbs that the state allows, as a list. */
void incident_allowed(enum incident_state state, struct jw *w);
