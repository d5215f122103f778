/*
 * parts.c - the parts within: loop, store, services, and the threads of glue between them.
 */
#include "main/parts.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/conn.h"
#include "base/log.h"
#include "edge/line/line.h"
#include "service/auditor/auditor.h"
#include "spine/checks.h"
#include "service/reports/digest.h"
#include "service/import/import.h"
#include "service/incidents/incidents.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "spine/metrics.h"
#include "service/messages/outbox.h"
#include "service/incidents/radar_watch.h"
#include "service/tell/tell.h"
#include "service/tickets/replies.h"
#include "service/registry/registry.h"
#include "service/pops/pops.h"
#include "service/staff/staff.h"
#include "service/calls/calls.h"
#include "service/tickets/tickets.h"
#include "service/clocks/clock_timer.h"
#include "service/clocks/clocks.h"
#include "store/store_lock.h"

enum {
    HUB_EVENTS = 20000, /* kept for Last-Event-ID */
    HUB_BYTES = 32 << 20,
    LAST_WORDS_MS = 1000, /* for answers still being written when all is done */
};

/* ---- loop ---- */

static void on_stop_signal(void *arg)
{
    struct daemon *d = arg;
    log_info(NULL, "stopping");
    loop_stop(d->loop);
}

static void on_hup(void *arg)
{
    struct buf now = BUF_CUT(65536), later = BUF_CUT(65536), faults = BUF_CUT(1 << 20);
    if (daemon_reload(arg, &now, &later, &faults) < 0) {
        size_t n = faults.len; /* the last line's end is the log's */
        n -= n > 0 && faults.data[n - 1] == '\n';
        log_error(NULL, "reload refused, the old configuration stays: %.*s", (int)n,
                  buf_str(&faults));
    } else
        log_info(NULL, "reloaded; taken: %s; needs a restart: %s",
                 now.len ? buf_str(&now) : "nothing", later.len ? buf_str(&later) : "nothing");
    buf_free(&now);
    buf_free(&later);
    buf_free(&faults);
}

void daemon_hold_signals(bool hold)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(hold ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL);
}

int part_loop(struct daemon *d, struct errmsg *why)
{
    enum log_level level;
    if (log_parse_level(d->site->log.level, &level))
        log_set_level(level);
    d->loop = loop_new();
    d->on_term = loop_signal_new(d->loop, SIGTERM, on_stop_signal, d);
    d->on_int = loop_signal_new(d->loop, SIGINT, on_stop_signal, d);
    d->on_hup = loop_signal_new(d->loop, SIGHUP, on_hup, d);
    daemon_hold_signals(false);
    d->metrics = metrics_new();
    d->checks = checks_new();
    d->hub = hub_new(HUB_EVENTS, HUB_BYTES);
    return 0;
}

void part_loop_free(struct daemon *d)
{
    loop_drain(d->loop, LAST_WORDS_MS);
    hub_free(&d->hub);
    checks_free(&d->checks);
    metrics_free(&d->metrics);
    daemon_hold_signals(true);
    loop_signal_free(&d->on_term);
    loop_signal_free(&d->on_int);
    loop_signal_free(&d->on_hup);
    loop_free(&d->loop);
}

int part_tls(struct daemon *d, struct errmsg *why)
{
    if (!d->site->listen.tls.certificate)
        return 0;
    d->tls = tls_server(d->site->listen.tls.certificate, d->site->listen.tls.key, why);
    return d->tls ? 0 : E_INVALID;
}

void part_tls_free(struct daemon *d)
{
    tls_free(&d->tls);
}

/* ---- ledger ---- */

static void on_pressure(void *ctx, bool full)
{
    struct daemon *d = ctx;
    log_warn(NULL, "%s", full ? "the ledger is behind: PBXs wait" : "the ledger has caught up");
    if (d->line)
        line_pressure(d->line, full);
}

int part_ledger(struct daemon *d, struct errmsg *why)
{
    struct ledger_opts o = {.loop = d->loop,
                            .driver = &db_sqlite,
                            .where = d->site->store.path,
                            .pressure = on_pressure,
                            .ctx = d};
    int rc = store_lock_take(o.where, &d->lock, why);
    if (rc < 0)
        return rc;
    d->ledger = ledger_new(&o, why);
    return d->ledger ? 0 : E_IO;
}

void part_ledger_quiet(struct daemon *d)
{
    if (d->calls)
        calls_flush(d->calls);
    ledger_free(&d->ledger);
    if (d->calls)
        calls_tell_durable(d->calls);
}

void part_ledger_free(struct daemon *d)
{
    store_lock_free(&d->lock);
}

/* ---- staff ---- */

/* An account goes: its tickets look for successors, in the same transaction. */
static int on_disabled(void *ctx, struct ledger_tx *tx, const char *account,
                       const struct staff_account *by)
{
    struct daemon *d = ctx;
    static const struct staff_account nobody = {.name = "steward", .kind = STAFF_DEV};
    struct actor actor = actor_of(by ? by : &nobody);
    return tickets_on_account_disabled(d->tickets, tx, account, &actor);
}

int part_staff(struct daemon *d, struct errmsg *why)
{
    d->staff = staff_new(d->ledger);
    staff_set_dev(d->staff, d->site->listen.dev_token);
    staff_on_disable(d->staff, on_disabled, d);
    return staff_load(d->staff, why);
}

void part_staff_free(struct daemon *d)
{
    staff_free(&d->staff);
}

/* ---- owners, and what shows them ---- */

int part_registry(struct daemon *d, struct errmsg *why)
{
    struct number_rules rules;
    number_rules_of(d->site, &rules);
    d->registry = registry_new(
        &(struct registry_opts){.ledger = d->ledger, .rules = &rules, .site = d->site});
    return 0;
}

void part_registry_quiet(struct daemon *d)
{
    if (d->registry)
        registry_quiet(d->registry);
}

void part_registry_free(struct daemon *d)
{
    registry_free(&d->registry);
}

/* A card shows the person's open tickets. */
static void on_ticket(void *ctx, const struct hub_event *ev)
{
    struct daemon *d = ctx;
    if (ev->kind == HUB_TICKET && ev->person_id)
        pops_touch(d->pops, &ev->person_id, 1);
}

static void on_person(void *pops, const int64_t *ids, size_t n)
{
    pops_touch(pops, ids, n);
}

int part_pops(struct daemon *d, struct errmsg *why)
{
    struct pops_opts o = {
        .loop = d->loop, .ledger = d->ledger, .hub = d->hub, .registry = d->registry};
    d->pops = pops_new(&o);
    registry_on_person_changed(d->registry, on_person, d->pops);
    d->card_watch = hub_subscribe(d->hub, on_ticket, d);
    return 0;
}

void part_pops_quiet(struct daemon *d)
{
    hub_unsubscribe(&d->card_watch);
}

void part_pops_free(struct daemon *d)
{
    pops_free(&d->pops);
}

/* ---- messages ---- */

static void on_consent(void *ctx, int64_t person_id)
{
    struct daemon *d = ctx;
    pops_touch(d->pops, &person_id, 1);
}

static int on_inbound(void *ctx, struct ledger_tx *tx, struct outbox_inbound *in)
{
    struct daemon *d = ctx;
    return d->tickets ? replies_take(d->tickets, tx, in) : 0;
}

int part_outbox(struct daemon *d, struct errmsg *why)
{
    struct outbox_opts o = {.loop = d->loop,
                            .ledger = d->ledger,
                            .hub = d->hub,
                            .site = d->site,
                            .on_inbound = on_inbound,
                            .person_changed = on_consent,
                            .ctx = d};
    d->outbox = outbox_new(&o, why);
    return d->outbox ? 0 : E_INVALID;
}

void part_outbox_quiet(struct daemon *d)
{
    if (d->outbox)
        outbox_stop(d->outbox);
}

void part_outbox_free(struct daemon *d)
{
    outbox_free(&d->outbox);
}

/* ---- telling, clocks, and the tickets that need both ---- */

int part_tell(struct daemon *d, struct errmsg *why)
{
    d->rules_site = site_ref(d->site);
    struct tell_opts o = {.site = d->rules_site, .hub = d->hub, .outbox = d->outbox};
    d->tell = tell_new(&o);
    return 0;
}

void part_tell_free(struct daemon *d)
{
    tell_free(&d->tell);
    site_unref(&d->rules_site);
}

int part_clocks(struct daemon *d, struct errmsg *why)
{
    d->clocks = clocks_new(d->rules_site);
    d->clock_timer = clock_timer_new(d->ledger, d->loop);
    return 0;
}

void part_clocks_free(struct daemon *d)
{
    clock_timer_free(&d->clock_timer);
    clocks_free(&d->clocks);
}

int part_tickets(struct daemon *d, struct errmsg *why)
{
    struct tickets_opts o = {.site = d->rules_site,
                             .clocks = d->clocks,
                             .timer = d->clock_timer,
                             .tell = d->tell,
                             .outbox = d->outbox};
    d->tickets = tickets_new(&o);
    clock_timer_on_due(d->clock_timer, tickets_clocks_due, d->tickets);
    staff_on_shifts(d->staff, tickets_on_shifts_changed, d->tickets);
    return 0;
}

void part_tickets_free(struct daemon *d)
{
    tickets_free(&d->tickets);
}

/* ---- the second reader of the histories ---- */

static void check_history(void *ctx, struct checks_out *out)
{
    struct audit_report report;
    bool bad = auditor_degraded(ctx, &report);
    check_say(out, "history", bad ? CHECK_DEGRADED : CHECK_OK, bad ? report.text : NULL);
}

int part_auditor(struct daemon *d, struct errmsg *why)
{
    struct auditor_opts o = {
        .loop = d->loop, .ledger = d->ledger, .clocks = d->clocks, .tell = d->tell};
    d->auditor = auditor_new(&o);
    checks_add(d->checks, check_history, d->auditor);
    return 0;
}

void part_auditor_free(struct daemon *d)
{
    checks_remove(d->checks, d->auditor);
    auditor_free(&d->auditor);
}

/* ---- incidents, and the radar that offers them ---- */

int part_incidents(struct daemon *d, struct errmsg *why)
{
    struct incidents_opts o = {.loop = d->loop,
                               .ledger = d->ledger,
                               .tickets = d->tickets,
                               .tell = d->tell,
                               .outbox = d->outbox,
                               .site = d->rules_site};
    d->incidents = incidents_new(&o, why);
    if (!d->incidents)
        return E_IO;
    pops_set_advisor(d->pops, incidents_advise, d->incidents);
    struct radar_watch_opts r = {
        .ledger = d->ledger, .hub = d->hub, .incidents = d->incidents, .site = d->site};
    d->radar = radar_watch_new(&r);
    return 0;
}

void part_incidents_quiet(struct daemon *d)
{
    if (d->radar)
        radar_watch_stop(d->radar);
    if (d->incidents)
        incidents_stop(d->incidents);
}

void part_incidents_free(struct daemon *d)
{
    pops_set_advisor(d->pops, NULL, NULL);
    radar_watch_free(&d->radar);
    incidents_free(&d->incidents);
}

/* ---- reports that are sent ---- */

int part_digest(struct daemon *d, struct errmsg *why)
{
    struct digest_opts o = {.loop = d->loop,
                            .ledger = d->ledger,
                            .tell = d->tell,
                            .outbox = d->outbox,
                            .site = d->site};
    d->digest = digest_new(&o, why);
    return d->digest ? 0 : E_INVALID;
}

void part_digest_quiet(struct daemon *d)
{
    if (d->digest)
        digest_stop(d->digest);
}

void part_digest_free(struct daemon *d)
{
    digest_free(&d->digest);
}

/* ---- imports ---- */

int part_importer(struct daemon *d, struct errmsg *why)
{
    struct importer_opts o = {.loop = d->loop,
                              .ledger = d->ledger,
                              .registry = d->registry,
                              .driver = &db_sqlite,
                              .where = d->site->store.path,
                              .staff = d->staff};
    d->importer = importer_new(&o);
    return 0;
}

void part_importer_quiet(struct daemon *d)
{
    importer_free(&d->importer);
}

/* ---- calls ---- */

int part_calls(struct daemon *d, struct errmsg *why)
{
    struct calls_opts o = {.loop = d->loop,
                           .ledger = d->ledger,
                           .hub = d->hub,
                           .staff = d->staff,
                           .pops = d->pops,
                           .tickets = d->tickets,
                           .tell = d->tell};
    calls_conf_of(d->site, &o.conf);
    d->calls = calls_new(&o);
    return calls_load(d->calls, why);
}

void part_calls_free(struct daemon *d)
{
    calls_free(&d->calls);
}
