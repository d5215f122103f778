/*
 * plugins_priv.h - what the files of the plugin host share.
 *
 *   plugins.c         instances: load, start, reload, stop, what they look like
 *   plugin_module.c   a module's file: where it may lie, dlopen, the version gate
 *   plugin_table.c    the host table
 *   plugin_handle.c   timers, streams, posts: lent, recorded, revoked
 *   plugin_guard.c    calls into a plugin: attributed, timed, counted, parked
 *   plugin_gateway.c  a plugin's gateway as the outbox sees it
 *   plugin_source.c   a plugin's PBX as calls sees it
 */
#pragma once
#include <pthread.h>
#include <steward/plugin.h>
#include "base/log.h"
#include "domain/plugin_conf.h"
#include "domain/site.h"
#include "host/plugins.h"

#define COUNTERS_MAX 64

enum instance_state {
    INSTANCE_LOADED, /* init done, start not yet */
    INSTANCE_RUNNING,
    INSTANCE_FAILED,
    INSTANCE_DECLINED,
    INSTANCE_PARKED,
    INSTANCE_STOPPING,
    INSTANCE_STOPPED,
    INSTANCE_STATES
};

struct counter {
    char name[49];
    uint64_t value;
};

struct instance {
    struct steward_host host; /* first: what the plugin holds as `self` */
    struct instance *next;
    struct plugins *plugins;
    char name[65], module[65];
    struct log_ctx log;
    const struct steward_plugin *plugin; /* NULL: the module could not be opened */
    struct steward_conf *conf;
    void *ctx;
    enum instance_state state;
    int64_t since;
    char error[256];
    bool wanted;      /* named by the present configuration */
    bool initialised; /* init was done, fini not yet */
    bool restart;     /* stopping in order to start anew */
    /* lent */
    struct steward_handle *handles;
    size_t n_handles;
    pthread_mutex_t posts_lock;
    struct post *posts;
    struct loop_timer *deadline;
    /* parked */
    struct loop_timer *rest;
    int parks;          /* since it last ran well for long */
    int64_t retry_at;   /* wall clock; 0: not by itself */
    int64_t started_ms; /* monotonic */
    /* watched */
    uint64_t calls, slow, faults;
    int faults_in_row;
    int64_t longest_us;
    struct complaint slow_said, fault_said, event_said;
    struct counter counters[COUNTERS_MAX];
    size_t n_counters;
    /* capabilities */
    const struct steward_gateway_ops *gateway;
    void *gateway_ctx;
    const struct steward_cti_ops *cti;
    void *cti_ctx;
    struct source *source;
    char receipt_url[512];
};

struct plugins {
    struct plugins_opts opts;
    struct site *site;
    struct instance *instances;
    pthread_t thread; /* the one on which everything is called */
    bool started, stopping;
    loop_cb *stop_done;
    void *stop_ctx;
};

/* plugin_module.c */
/** Opens `module` of the site; NULL with why. The descriptor lives until the process ends. */
const struct steward_plugin *plugin_module_open(const struct site *site, const char *module,
                                                struct errmsg *why);

/* plugin_table.c */
/** Fills in->host. */
void plugin_table_init(struct instance *in);
/** The instance that a host table belongs to. */
struct instance *instance_of(const struct steward_host *self);

/* plugin_handle.c */
struct steward_handle *handle_timer_new(struct instance *in, void (*fn)(void *), void *ctx,
                                        const void *site);
void handle_timer_arm(struct steward_handle *h, int64_t ms);
void handle_timer_disarm(struct steward_handle *h);
struct steward_handle *handle_stream_open(struct instance *in,
                                          const struct steward_stream_opts *opts,
                                          steward_stream_cb *cb, void *ctx, const void *site);
bool handle_stream_write(struct steward_handle *h, const void *data, size_t len);
void handle_release(struct steward_handle **h);
/** Posts fn(ctx); any thread. */
void handle_post(struct instance *in, void (*fn)(void *), void *ctx);
/** Take back whatever the instance still has; says so. */
void handle_revoke_all(struct instance *in);
/** Frees posts that never ran. */
void handle_drop_posts(struct instance *in);

/* plugin_guard.c */
/** A call into a plugin, from guard_enter() to guard_leave(). */
struct guard {
    struct instance *in, *outer;
    const char *what;
    int64_t began;
};
/** False if the instance must not be called (stopped, parked): then there is no guard_leave(). */
bool guard_enter(struct guard *g, struct instance *in, const char *what);
void guard_leave(struct guard *g);
/** The plugin did something wrong: said, counted, and after FAULTS_IN_ROW it is parked. */
void guard_fault(struct instance *in, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** A call that did what it should: the row of faults ends. */
void guard_well(struct instance *in);
/** True on the host's thread; else the plugin is told off. */
bool guard_thread(struct instance *in, const char *what);
/** NULL, or s if it is UTF-8 of at most max bytes; otherwise a fault and *bad is set. */
const char *guard_text(struct instance *in, const char *s, size_t max, const char *what, bool *bad);

/* plugins.c */
void instance_park(struct instance *in, const char *why);
void instance_set_state(struct instance *in, enum instance_state state, const char *error);
void instance_stopped(struct instance *in);

/* plugin_gateway.c, plugin_source.c */
int gateway_register(struct instance *in, const struct steward_gateway_ops *ops, void *ctx);
void gateway_unregister(struct instance *in);
void gateway_receipt(struct instance *in, const struct steward_receipt *r);
void gateway_inbound(struct instance *in, const char *id, const char *from, const char *to,
                     const char *text, int64_t at, const char *reply_to_key);
int plugin_source_register(struct instance *in, const struct steward_cti_ops *ops, void *ctx);
void plugin_source_unregister(struct instance *in);
void plugin_source_emit(struct instance *in, const struct steward_cti_event *ev);
void plugin_source_state(struct instance *in, enum steward_source_state state, uint32_t can,
                         const char *error);
void plugin_source_resync(struct instance *in, bool begin);
void plugin_source_alive(struct instance *in, const char *call);
void plugin_source_action_done(struct instance *in, uint64_t token, bool ok, const char *code,
                               const char *text);
