/*
 * telephony_priv.h - what the parts of telephony share: sources, live calls, devices, and the
 * images of calls that go to the ledger.
 */
#pragma once
#include <stdatomic.h>
#include <uthash.h>
#include "base/log.h"
#include "domain/call.h"
#include "service/screenpop_priv.h"
#include "service/telephony.h"
#include "service/tickets.h"
#include "store/repo_call.h"

#define SOURCES_MAX    1024
#define NAME_MAX_CALL  128 /* bytes of a call's name */
#define TEXT_MAX_EVENT 250 /* of every other text of an event */
#define DEVICE_MAX     64
#define DEVICES_MAX    20000 /* known per source */
#define LINGER_CALLS   20000 /* ended calls kept for events that come late … */
#define LINGER_MS      600000
#define SWEEP_MAX_MS   1000
#define NEW_LIFE_MS    5000 /* an event so long after the end is of another call of that name */

/** What the ledger thread knows of a call; shared by the live call, commands and images. */
struct call_store {
    atomic_int refs;
    struct live *live; /* loop thread; NULL once it is dropped */
    /* ledger thread */
    int64_t id, ticket_id;    /* of the row, once written */
    struct call_image *dirty; /* to be written before this batch commits */
    uint64_t round;           /* of the transaction in which it became dirty */
    bool written;
    struct call_store *next_dirty;
};

/** The row of a call as it was after an event; texts lie behind it in one block. */
struct call_image {
    atomic_int refs;
    struct telephony_source *source;
    struct call_store *store; /* referenced */
    struct call_row row;
    const char *key;        /* by which the party is looked up; NULL: nobody */
    const char *number;     /* the party in E.164, for tickets and callbacks; NULL if it has none */
    const char *devices[8]; /* that it concerns, NULL-terminated */
    const char *first_agent; /* who stood at the device that answered first */
    const char *users[8];    /* accounts that it concerns, NULL-terminated */
    bool certain;            /* row.person_id is so for certain */
    bool fresh;              /* no row is known to be there */
};

/** What a live call shows beside its fold. */
struct live {
    struct telephony_source *source;
    char name[NAME_MAX_CALL + 1];
    struct call *call;
    struct call_store *store;
    struct pop_call *pops; /* NULL for internal calls */
    char key[NUMBER_TEXT_MAX], party[NUMBER_TEXT_MAX], calling[NUMBER_TEXT_MAX];
    bool withheld;
    const char *match; /* NULL: not looked up yet; a literal */
    int64_t person_id;
    bool certain;
    char agent[65];       /* who stood at the device that talks */
    char first_agent[65]; /* … at the one that answered first, or that dials */
    char agent_device[DEVICE_MAX + 1];
    bool gap;
    bool answered_told, ended_told; /* tickets and callbacks know */
    bool ended;                     /* it lingers for late events */
    bool seen;                      /* in the snapshot under way */
    int64_t heard;                  /* wall time of its last sign of life */
    int64_t id;                     /* of the row, once committed */
    struct live *prev, *next;       /* telephony.lives or .ended: longest unheard first */
    UT_hash_handle hh;
};

/** An agent's device at one source. */
struct device {
    char name[DEVICE_MAX + 1];
    enum steward_agent_state state;
    char reason[64];
    int64_t since;
    UT_hash_handle hh;
};

struct durable_wait {
    int64_t seq;
    void (*fn)(void *ctx);
    void *ctx;
    struct durable_wait *prev, *next;
};

struct telephony_source {
    struct telephony *t;
    char name[65];
    struct log_ctx log;
    struct complaint gap_complaint;
    char plugin[32];
    struct telephony_adapter adapter;
    enum steward_source_state state;
    uint32_t can;
    char error[256];
    int64_t since;
    int64_t accepted, durable; /* the highest seq taken in, and on disk */
    int64_t skew;              /* our clock minus the source's, of its last event with a time */
    uint64_t events, refused, repeats, gaps;
    bool syncing, ack_due;
    struct live *calls; /* uthash by name; ended ones that linger, too */
    size_t n_live;
    struct device *devices; /* uthash */
    struct durable_wait *waits;
    /* ledger thread */
    int64_t id; /* of the row */
    int64_t stored_seq, stored_gaps;
    uint64_t round;
    struct telephony_source *next_dirty;
    UT_hash_handle hh;
};

/** A call-control request that waits for its answer. */
struct pending_action;

struct telephony {
    struct telephony_opts opts;
    struct telephony_conf conf;
    char outbound[NUMBER_TEXT_MAX];
    struct numbers *numbers;
    struct telephony_source *sources; /* uthash by name */
    struct live *lives, *ended;       /* utlist */
    size_t n_ended;
    struct loop_timer *sweep;       /* forgets silent calls */
    struct loop_timer *acks;        /* tells durable, once a turn */
    struct pending_action *actions; /* uthash by token */
    uint64_t next_action;
    struct telephony_stats stats;
    /* ledger thread */
    struct {
        uint64_t round;
        struct call_store *calls;
        struct telephony_source *sources;
    } dirty;
};

/* telephony_live.c: live calls */
struct live *live_find(struct telephony_source *s, const char *name);
struct live *live_new(struct telephony_source *s, const char *name);
/** Its fold changed: pops and agents follow, and the ledger writes it (seq 0: for no event). */
void live_changed(struct live *l, int64_t seq);
/** A call of the store, as it was when the daemon ended. */
int live_restore(struct telephony_source *s, const struct call_row *row, struct errmsg *why);
/** Heard of just now. */
void live_heard(struct live *l, int64_t now);
/** Ends it now, marked, with what it had come to. at: by its source's clock. */
void live_close(struct live *l, int64_t at, const char *why);
/** Marks the source's live calls: something of them was missed. */
void live_mark_gap(struct telephony_source *s);
/** Forgets calls that have been silent too long, and ended ones; a timer's callback. */
void live_sweep(void *telephony);
/** Frees it without a word. */
void live_free(struct live *l);

/* telephony_store.c: the ledger's side */
/** Make the source's row. */
void store_source(struct telephony_source *s);
/** Write the call, and seq with it. */
void store_call(struct live *l, int64_t seq, bool answered, bool ended);
/** d NULL: only seq. */
void store_device(struct telephony_source *s, const struct device *d, int64_t seq);
struct call_store *store_new(struct live *l);
void store_unref(struct call_store *store);

/* telephony.c */
/** seq is on disk. */
void source_durable(struct telephony_source *s, int64_t seq);

/* telephony_device.c */
/** NULL: not known, or (make) too many. */
struct device *device_get(struct telephony_source *s, const char *name, bool make);
void devices_free(struct telephony_source *s);
/** Split "pbx-a/1001": the source named, or NULL for "1001"; *name is the device. E_NOTFOUND: no
 * such source. */
int device_source(struct telephony *t, const char *device, struct telephony_source **s,
                  const char **name);

/* telephony_act.c */
void actions_free(struct telephony *t);
/** The source's adapter is gone: what waits for it fails. */
void actions_source_down(struct telephony_source *s);

/* telephony_parse.c */
const char *direction_name(enum steward_direction d); /* "inbound" for NONE */
const char *by_name(enum steward_by by);              /* NULL for NONE */
enum steward_agent_state agent_state_parse(const char *word);
/** Judge an event from whatever adapter; E_INVALID with why. */
int event_check(const struct steward_cti_event *ev, struct errmsg *why) MUST_CHECK;
