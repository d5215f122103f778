/*
 * reload.c - the configuration read anew beside the old one, checked whole, then taken by every
 * part; a bad one changes nothing.
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "edge/api/edge.h"
#include "host/plugins.h"
#include "main/daemon.h"
#include "main/parts.h"
#include "service/reports/digest.h"
#include "service/messages/outbox.h"
#include "service/clocks/clocks.h"
#include "service/incidents/incidents.h"
#include "service/incidents/radar_watch.h"
#include "service/tell/tell.h"
#include "service/registry/registry.h"
#include "service/staff/staff.h"
#include "service/calls/calls.h"
#include "service/tickets/tickets.h"

/* ---- the rules: between two commands ---- */

struct handing {
    struct daemon *d;
    struct site *now, *old; /* references */
};

static int run_handing(struct ledger_tx *tx, void *arg)
{
    struct handing *h = arg;
    tell_set_site(h->d->tell, h->now);
    clocks_set_site(h->d->clocks, h->now);
    tickets_set_site(h->d->tickets, h->now);
    incidents_set_site(h->d->incidents, h->now);
    return 0;
}

static void handing_done(void *arg, int rc, const struct errmsg *why)
{
    struct handing *h = arg;
    if (rc < 0)
        log_error(NULL, "the rules keep the old configuration: %s", why->text);
    site_unref(rc < 0 ? &h->now : &h->old); /* the other one stays in use */
    free(h);
}

/* What runs on the ledger holds a reference of its own (`rules_site`), handed on with each reload.
 */
static int take_rules(struct daemon *d, struct site *site, struct errmsg *why)
{
    struct handing *h = xcalloc(1, sizeof(*h));
    *h = (struct handing){d, site_ref(site), d->rules_site};
    struct ledger_cmd cmd = {
        .name = "reload", .run = run_handing, .done = handing_done, .arg = h, .insist = true};
    int rc = ledger_submit(d->ledger, &cmd);
    if (rc < 0) {
        site_unref(&h->now);
        free(h);
        return errmsg_set(why, rc, "the ledger is busy");
    }
    d->rules_site = site;
    return 0;
}

/* ---- the others ---- */

static int take_outbox(struct daemon *d, struct site *site, struct errmsg *why)
{
    return outbox_reload(d->outbox, site, why);
}

static int take_numbers(struct daemon *d, struct site *site, struct errmsg *why)
{
    struct calls_conf conf;
    calls_conf_of(site, &conf);
    calls_reload(d->calls, &conf);
    registry_set_site(d->registry, site, &conf.numbers);
    return 0;
}

static int take_plugins(struct daemon *d, struct site *site, struct errmsg *why)
{
    struct conf_faults faults = {0};
    plugins_reload(d->plugins, site, &faults); /* what it says of them it logs */
    conf_faults_free(&faults);
    return 0;
}

static int take_rest(struct daemon *d, struct site *site, struct errmsg *why)
{
    enum log_level level;
    staff_set_dev(d->staff, site->listen.dev_token);
    edge_set_site(d->edge, site);
    radar_watch_set_site(d->radar, site);
    digest_set_site(d->digest, site);
    if (log_parse_level(site->log.level, &level))
        log_set_level(level);
    return 0;
}

/* What takes a new configuration while running. Those that may refuse come first. */
static int (*const TAKERS[])(struct daemon *d, struct site *site, struct errmsg *why) = {
    take_outbox, take_rules, take_numbers, take_plugins, take_rest,
};

static void say_unknown(void *ctx, const char *where, const char *account)
{
    struct daemon *d = ctx;
    if (!staff_by_name(d->staff, account))
        log_warn(NULL, "%s names %s, who has no account yet", where, account);
}

void daemon_say_unknown_accounts(struct daemon *d)
{
    site_each_account(d->site, say_unknown, d);
}

/* What waits for a restart is what differs from the configuration that the daemon started with,
 * whichever reload read it first. */
static void say_differences(struct daemon *d, const struct site *site, struct buf *now,
                            struct buf *later)
{
    struct buf ignored = BUF_CUT(65536);
    site_diff(d->site, site, now, &ignored);
    buf_reset(&ignored);
    site_diff(d->first_site, site, &ignored, later);
    buf_free(&ignored);
}

int daemon_reload(struct daemon *d, struct buf *now, struct buf *later, struct buf *faults)
{
    struct conf_faults found = {0};
    struct errmsg why = {{0}};
    struct site *site = daemon_check(d->opts.config, &found);
    conf_faults_print_errors(&found, faults);
    conf_faults_free(&found);
    if (!site)
        return E_INVALID;
    for (size_t i = 0; i < ARRAY_LEN(TAKERS); i++) {
        if (TAKERS[i](d, site, &why) < 0) {
            buf_adds(faults, why.text);
            site_unref(&site);
            return E_INVALID;
        }
    }
    say_differences(d, site, now, later);
    site_unref(&d->site);
    d->site = site;
    daemon_say_unknown_accounts(d);
    return 0;
}
