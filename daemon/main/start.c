/*
 * start.c - start and stop, as one table: steps are started from top to bottom, quieted and freed
 * from bottom to top.
 *
 * Quieting comes first for all: no step accepts or produces anything new any more. The ledger's
 * turn in it runs and commits what is queued and delivers every answer; only then is anything
 * freed, since commands under way refer to the parts that gave them.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/conn.h"
#include "base/log.h"
#include "base/mem.h"
#include "main/daemon.h"
#include "service/hub.h"
#include "service/ledger.h"
#include "service/metrics.h"
#include "service/outbox.h"
#include "service/staff.h"

enum {
    HUB_EVENTS = 20000, /* kept for Last-Event-ID */
    HUB_BYTES = 32 << 20,
    LAST_WORDS_MS = 1000, /* for answers still being written when all is done */
};

/* ---- the ground ---- */

static void on_stop_signal(void *arg)
{
    struct daemon *d = arg;
    log_info(NULL, "stopping");
    loop_stop(d->loop);
}

static void on_hup(void *arg)
{
    struct buf now = BUF_INIT(65536), later = BUF_INIT(65536), faults = BUF_INIT(1 << 20);
    if (daemon_reload(arg, &now, &later, &faults) < 0)
        log_error(NULL, "reload refused, the old configuration stays: %s", buf_str(&faults));
    else
        log_info(NULL, "reloaded; taken: %s; needs a restart: %s",
                 now.len ? buf_str(&now) : "nothing", later.len ? buf_str(&later) : "nothing");
    buf_free(&now);
    buf_free(&later);
    buf_free(&faults);
}

static int start_loop(struct daemon *d, struct errmsg *why)
{
    enum log_level level;
    if (log_parse_level(d->site->log.level, &level))
        log_set_level(level);
    d->loop = loop_new();
    d->on_term = loop_signal_new(d->loop, SIGTERM, on_stop_signal, d);
    d->on_int = loop_signal_new(d->loop, SIGINT, on_stop_signal, d);
    d->on_hup = loop_signal_new(d->loop, SIGHUP, on_hup, d);
    d->metrics = metrics_new();
    d->hub = hub_new(HUB_EVENTS, HUB_BYTES);
    return 0;
}

static void free_loop(struct daemon *d)
{
    loop_drain(d->loop, LAST_WORDS_MS);
    hub_free(&d->hub);
    metrics_free(&d->metrics);
    loop_signal_free(&d->on_term);
    loop_signal_free(&d->on_int);
    loop_signal_free(&d->on_hup);
    loop_free(&d->loop);
}

static int start_tls(struct daemon *d, struct errmsg *why)
{
    if (!d->site->listen.tls.certificate)
        return 0;
    d->tls = tls_server(d->site->listen.tls.certificate, d->site->listen.tls.key, why);
    return d->tls ? 0 : E_INVALID;
}

static void free_tls(struct daemon *d)
{
    tls_free(&d->tls);
}

/* ---- the store ---- */

static void on_pressure(void *ctx, bool full)
{
    log_warn(NULL, full ? "the ledger is behind: PBXs are not read" : "the ledger has caught up");
}

static int start_ledger(struct daemon *d, struct errmsg *why)
{
    struct ledger_opts o = {.loop = d->loop,
                            .driver = &db_sqlite,
                            .where = d->site->store.path,
                            .pressure = on_pressure,
                            .ctx = d};
    d->ledger = ledger_new(&o, why);
    return d->ledger ? 0 : E_IO;
}

static void quiet_ledger(struct daemon *d)
{
    ledger_free(&d->ledger);
}

/* ---- services ---- */

static int start_staff(struct daemon *d, struct errmsg *why)
{
    d->staff = staff_new(d->ledger);
    staff_set_dev(d->staff, d->site->listen.dev_token);
    return staff_load(d->staff, why);
}

static void free_staff(struct daemon *d)
{
    staff_free(&d->staff);
}

static int start_outbox(struct daemon *d, struct errmsg *why)
{
    struct outbox_opts o = {.loop = d->loop, .ledger = d->ledger, .hub = d->hub, .site = d->site};
    d->outbox = outbox_new(&o, why);
    return d->outbox ? 0 : E_INVALID;
}

static void quiet_outbox(struct daemon *d)
{
    outbox_stop(d->outbox);
}

static void free_outbox(struct daemon *d)
{
    outbox_free(&d->outbox);
}

/* ---- the table ---- */

static int start_work(struct daemon *d, struct errmsg *why)
{
    int rc = outbox_start(d->outbox);
    if (rc < 0)
        return errmsg_set(why, rc, "messages: %s", err_name(rc));
    log_info(NULL, "ready: %s, stewardd " STEWARD_VERSION, d->site->file);
    return 0;
}

static const struct step {
    const char *name;
    int (*start)(struct daemon *d, struct errmsg *why);
    void (*quiet)(struct daemon *d); /* take and make nothing new; may be NULL */
    void (*free)(struct daemon *d);  /* may be NULL */
} STEPS[] = {
    {"loop", start_loop, NULL, free_loop},
    {"tls", start_tls, NULL, free_tls},
    {"ledger", start_ledger, quiet_ledger, NULL},
    {"staff", start_staff, NULL, free_staff},
    {"outbox", start_outbox, quiet_outbox, free_outbox},
    {"work", start_work, NULL, NULL},
};

int daemon_start(struct daemon *d, const struct daemon_opts *opts, struct site *site,
                 struct errmsg *why)
{
    memset(d, 0, sizeof(*d));
    d->opts = *opts;
    d->site = site;
    for (; d->started < ARRAY_LEN(STEPS); d->started++) {
        const struct step *s = &STEPS[d->started];
        int rc = s->start(d, why);
        if (rc < 0) {
            d->started++; /* what it made before it failed goes too */
            daemon_stop(d);
            return rc;
        }
        log_debug(NULL, "%s started", s->name);
    }
    return 0;
}

void daemon_run(struct daemon *d)
{
    loop_run(d->loop);
}

void daemon_stop(struct daemon *d)
{
    for (size_t i = d->started; i-- > 0;)
        if (STEPS[i].quiet)
            STEPS[i].quiet(d);
    for (size_t i = d->started; i-- > 0;)
        if (STEPS[i].free)
            STEPS[i].free(d);
    site_unref(&d->site);
    d->started = 0;
    log_info(NULL, "stopped");
}
