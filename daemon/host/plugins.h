/*
 * plugins.h - the plugin host: loads the modules that plugins.d/ names, gives each instance its
 * host table, and keeps the daemon safe from what they do. Loop thread only.
 *
 * An instance is `running`, or it says why not: `failed` (cannot be loaded, refused its
 * configuration, or init failed), `declined` (it wants not to run), `parked` (it kept failing; it
 * is tried again after 10 s, then 100 s, then 1,000 s, then by a reload alone), `stopping`,
 * `stopped`. Whatever a plugin left behind at stop is taken from it and logged as its bug. Modules
 * are never unloaded.
 *
 * Needs calls/ and messages/.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/conf.h"
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "spine/checks.h"
#include "spine/metrics.h"

struct outbox;
struct plugins;
struct site;
struct calls;

struct plugins_opts {
    struct loop *loop;
    struct outbox *outbox; /* where gateways register */
    struct calls *calls;   /* where CTI sources register */
    struct site *site;     /* a reference is taken */
    int64_t rest_ms;       /* a parked instance's first rest; 0: 10 s */
};

/** The host, without instances yet. */
struct plugins *plugins_new(const struct plugins_opts *opts);
/** Load, check and init every instance of the site. Faults of their files go to faults; an instance
 * that cannot run is shown as `failed` and stops nobody else. */
void plugins_load(struct plugins *p, struct conf_faults *faults);
/** Let them connect: once everything they may report to is there. */
void plugins_start(struct plugins *p);
/**
 * Another configuration: new instances start, gone ones stop, changed ones take it or are started
 * anew; failed and parked ones are tried again. What they say of it is logged and in faults.
 */
void plugins_reload(struct plugins *p, struct site *site, struct conf_faults *faults);
/** Stop all; done(ctx) when every one has, after 3 s at the latest (possibly before this returns).
 */
void plugins_stop(struct plugins *p, loop_cb *done, void *ctx);
/** The same while the loop stands (at the end of the daemon): runs it until all have stopped. */
void plugins_quiet(struct plugins *p);
/** After they have stopped. */
void plugins_free(struct plugins **p);

/** For `stewardd -t`: opens every module and lets it check its configuration, starts nothing. */
void plugins_check(struct site *site, struct conf_faults *faults);

/** One item per instance into an open array: {"name","plugin","version","description","state",
 * "error","since","retry_at","calls","slow","faults","longest_ms","handles"}. ctx is the host. */
void plugins_write_json(void *ctx, struct jw *w);
/** For checks_add(): "plugin:NAME" is degraded while it should run and does not. */
void plugins_write_checks(void *ctx, struct checks_out *out);
/** For metrics_add(). */
void plugins_write_metrics(void *ctx, struct metrics_out *out);
