/*
 * calls_priv.h - what the parts of the room share: sources, live calls, devices, and the
 * images of calls that go to the ledger.
 */
#pragma once
#include <stdatomic.h>
#include <uthash.h>
#include "base/log.h"
#include "domain/call.h"
#include "service/pops/pop_call.h"
#include "service/calls/call_control.h"
#include "service/calls/calls.h"
#include "service/calls/source.h"
#include "service/tickets/tickets.h"
#include "store/repo_call.h"

#define SOURCES_MAX       1024
#define NAME_MAX_CALL     128 /* bytes of a call's name */
#define TEXT_MAX_EVENT    250 /* of every other text of an event */
#define DEVICE_MAX        64
#define CALL_ROW_JSON_MAX (2 * CALL_JSON_MAX + 65536) /* CALL: two lists, a dozen texts */
#define DEVICES_MAX       20000                       /* known per source */
#define LINGER_CALLS      20000 /* ended calls kept for events that come late … */
#define LINGER_MS         600000
#define SWEEP_MAX_MS      1000
#define NEW_LIFE_MS       5000 /* an event so long after the end is of another call of that name */
#define LISTED_MS         1000 /* lists of channels tell when a call began in whole seconds */

/** By which an image finds its live call; the call and its images hold it. Loop thread only. */
struct live_ref {
    int refs;
    struct live_call *live; /* NULL once it is dropped */
};

/** The row of a call as it was when its batch left; texts lie behind it in one block. The ledger
 * thread fills in what the row came to. */
struct call_image {
    struct source *source;
    struct live_ref *ref; /* referenced */
    size_t size;          /* with its texts */
    struct call_row row;
    const char *key;        /* by which the party is looked up; NULL: nobody */
    const char *number;     /* the party in E.164, for tickets and callbacks; NULL if it has none */
    const char *devices[8]; /* that it concerns, NULL-terminated */
    const char *first_agent;            /* who stood at the device that answered first */
    const char *users[8];               /* accounts that it concerns, NULL-terminated */
    bool certain;                       /* row.person_id is so for certain */
    bool dialled;                       /* a phone of ours was picked up to dial it */
    bool fresh;                         /* no row is known to be there */
    bool refused;                       /* the store did not take the row */
    uint64_t answered_turn, ended_turn; /* tickets and callbacks are to hear of it, in this order
                                           among the images of a batch; 0: they need not */
    struct call_image *prev, *next;
};

struct device_image {
    struct source *source;
    char device[DEVICE_MAX + 1], reason[64];
    enum steward_agent_state state;
    int64_t since;
    struct device_image *prev, *next;
};

struct seq_image {
    struct source *source;
    int64_t seq, gaps;
    bool numbered;
    struct seq_image *prev, *next;
};

/** What one command writes: all that was taken in since the batch before, nothing by halves. */
struct call_batch {
    struct calls *t;
    size_t work;       /* what it was charged with */
    size_t awaited;    /* its calls whose card is being read */
    int64_t sealed_us; /* since when nothing more is put in */
    struct call_batch *prev, *next;
    struct call_image *images; /* utlist, as everything here */
    struct device_image *devices;
    struct seq_image *seqs;
};

/** What a live call shows beside its fold. */
struct live_call {
    struct source *source;
    char name[NAME_MAX_CALL + 1];
    struct call *call;
    struct live_ref *ref;
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
    bool hung_up;                              /* by an action of somebody who had no part in it */
    bool answered_told, ended_told;            /* tickets and callbacks know */
    bool ended;                                /* it lingers for late events */
    bool seen;                                 /* in the snapshot under way */
    int64_t heard;                             /* wall time of its last sign of life */
    int64_t heard_until;                       /* … over the link before; 0: it was not */
    int64_t id;                                /* of the row, once committed */
    bool dirty;                                /* the store does not have it as it is */
    bool awaited;                              /* its card, by what is to be written of it */
    struct call_batch *awaited_by;             /* … sealed already; NULL: to be gathered yet */
    int sealed;                                /* images of it in batches that were not sent yet */
    bool imaged;                               /* a row of it is there, or on its way */
    uint64_t answered_turn, ended_turn;        /* as in its next image */
    struct live_call *prev_dirty, *next_dirty; /* calls.unstored.dirty */
    struct live_call *prev, *next;             /* calls.lives or .ended: longest unheard first */
    UT_hash_handle hh;
};

/** An agent's device at one source. */
struct device {
    char name[DEVICE_MAX + 1];
    enum steward_agent_state state;
    char reason[64];
    int64_t since; /* by the PBX's clock */
    uint64_t told; /* which telling of all sources it was; 0: before the start */
    UT_hash_handle hh;
};

struct durable_wait {
    int64_t seq;
    void (*fn)(void *ctx);
    void *ctx;
    struct durable_wait *prev, *next;
};

struct source {
    struct calls *t;
    char name[65];
    struct log_ctx log;
    struct complaint gap_complaint;
    char plugin[32];
    struct source_adapter adapter;
    enum steward_source_state state;
    uint32_t can;
    char error[256];
    int64_t since;
    int64_t accepted, durable; /* the highest seq taken in, and on disk */
    int64_t down_at;           /* when it went down last, by its own clock */
    int64_t skew;              /* our clock minus the source's, of its last event with a time */
    uint64_t events, refused, repeats, gaps;
    bool syncing, ack_due;
    bool kept;               /* it has a row, or is about to: an event was accepted */
    bool numbered;           /* it counts its events itself */
    bool removing;           /* the ledger deletes its row: nothing more is taken */
    struct live_call *calls; /* uthash by name; ended ones that linger, too */
    size_t n_live;
    struct device *devices; /* uthash */
    struct durable_wait *waits;
    bool unstored; /* in calls.unstored.sources */
    struct source *next_unstored;
    int64_t id; /* of the row; ledger thread */
    UT_hash_handle hh;
};

/** A call-control request that waits for its answer. */
struct pending_action;

struct calls {
    struct calls_opts opts;
    struct calls_conf conf;
    char outbound[NUMBER_TEXT_MAX];
    struct numbers *numbers;
    struct source *sources;          /* uthash by name */
    struct live_call *lives, *ended; /* utlist */
    size_t n_ended;
    struct loop_timer *sweep;       /* forgets silent calls */
    struct loop_timer *acks;        /* tells durable, once a turn */
    struct pending_action *actions; /* uthash by token */
    uint64_t next_action;
    uint64_t tellings; /* of agents' states */
    struct calls_stats stats;
    /** Taken in since the last batch was sealed. */
    struct {
        struct live_call *dirty;
        struct source *sources;
        struct call_batch *early; /* devices, and calls that were dropped before their batch left */
        size_t work;              /* events, and what they cost the ledger */
        struct call_batch *sealed; /* they wait for cards; sent in order */
        uint64_t turn;             /* counts the answers and ends up */
        int64_t sealed_us;         /* when the last batch was */
        size_t last_work;          /* … and what it was charged with */
        int under_way;             /* batches that the ledger has */
        bool stopping;             /* nothing waits any more */
        struct complaint failed;
        struct loop_timer *timer;
    } unstored;
    struct {
        struct buf offered, transfers, live, call;
    } out; /* for the JSON that is written */
};

/* live_call.c: live calls */
struct live_call *live_find(struct source *s, const char *name);
struct live_call *live_new(struct source *s, const char *name);
/** Its fold changed: pops and agents follow, and the ledger writes it. */
void live_changed(struct live_call *l);
/** A call of the store, as it was when the daemon ended. */
int live_restore(struct source *s, const struct call_row *row, struct errmsg *why);
/** Heard of just now. */
void live_heard(struct live_call *l, int64_t now);
/** Ends it now, marked, with what it had come to. at: by its source's clock. */
void live_close(struct live_call *l, int64_t at, const char *why);
/** Marks the source's live calls: something of them was missed. */
bool live_mark_gap(struct source *s);
/** Forgets calls that have been silent too long, and ended ones. */
void live_sweep(struct calls *t);
/** Frees it without a word. */
void live_free(struct live_call *l);

/* call_batch.c: gathering what the ledger is to write */
void call_batch_init(struct calls *t);
void call_batch_deinit(struct calls *t);
/** Make the source's row. */
void call_batch_source(struct source *s);
/** Write the call with the next batch; answered, ended: tickets and callbacks are to hear of it. */
void call_batch_add(struct live_call *l, bool answered, bool ended);
/** Write an agent's device with the next batch. */
void call_batch_device(struct source *s, const struct device *d);
/** All of the source's events up to the accepted one are in what was stored above: write that. The
 * last call for an event; a full batch leaves now. */
void call_batch_seq(struct source *s);
/** The call is about to be dropped: its row must not be. */
void call_batch_before_free(struct live_call *l);
/** The call's card has come: what is gathered or sealed of it will bear it. */
void call_batch_card_came(struct live_call *l);
/** What is gathered is sealed and leaves, or waits for its cards. */
void call_batch_send(struct calls *t);
/** Forget what is gathered; the ledger is gone. */
void call_batch_drop(struct calls *t);
struct live_ref *live_ref_new(struct live_call *l);
void live_ref_drop(struct live_ref *ref);
/** After the commit: the call event of each image. */
void call_batch_publish(void *calls, void *batch);

/* call_batch_write.c: a batch on the ledger thread */
int call_batch_write(struct ledger_tx *tx, void *batch);

/* source.c */
/** A source of that name, which must be new; it has no row yet. */
struct source *source_new(struct calls *t, const char *name);
void source_free(struct source *s);
/** seq is on disk. */
void source_durable(struct source *s, int64_t seq);

/* calls_device.c */
/** NULL: not known, or (make) too many. */
struct device *device_get(struct source *s, const char *name, bool make);
void devices_free(struct source *s);
/** Split "pbx-a/1001": the source named, or NULL for "1001"; *name is the device. E_NOTFOUND: no
 * such source. */
int device_source(struct calls *t, const char *device, struct source **s, const char **name);

/* call_control_do.c */
void actions_free(struct calls *t);
/** The source's adapter is gone: what waits for it fails. */
void actions_source_down(struct source *s);
/** The source is about to be freed. */
void actions_source_gone(struct source *s);

/* event_words.c */
const char *direction_name(enum steward_direction d); /* "inbound" for NONE */
const char *by_name(enum steward_by by);              /* NULL for NONE */
enum steward_agent_state agent_state_parse(const char *word);
/** Judge an event from whatever adapter; E_INVALID with why. */
int event_check(const struct steward_cti_event *ev, struct errmsg *why) MUST_CHECK;
