/*
 * start.c - start and stop as one table: steps start from top to bottom, fall quiet and are freed
 * from bottom to top.
 *
 * First everybody falls quiet: takes nothing new and makes nothing new. The ledger's turn in that
 * runs and commits what is queued and delivers every answer. Only then is anything freed, since
 * commands under way refer to the parts that gave them.
 */
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "main/daemon.h"
#include "main/parts.h"

static const struct step {
    const char *name;
    int (*start)(struct daemon *d, struct errmsg *why);
    void (*quiet)(struct daemon *d);
    void (*free)(struct daemon *d);
} STEPS[] = {
    {"loop", part_loop, NULL, part_loop_free},
    {"tls", part_tls, NULL, part_tls_free},
    {"ledger", part_ledger, part_ledger_quiet, part_ledger_free},
    {"staff", part_staff, NULL, part_staff_free},
    {"registry", part_registry, part_registry_quiet, part_registry_free},
    {"pops", part_pops, part_pops_quiet, part_pops_free},
    {"outbox", part_outbox, part_outbox_quiet, part_outbox_free},
    {"tell", part_tell, NULL, part_tell_free},
    {"clocks", part_clocks, NULL, part_clocks_free},
    {"tickets", part_tickets, NULL, part_tickets_free},
    {"auditor", part_auditor, NULL, part_auditor_free},
    {"incidents", part_incidents, part_incidents_quiet, part_incidents_free},
    {"digest", part_digest, part_digest_quiet, part_digest_free},
    {"importer", part_importer, part_importer_quiet, NULL},
    {"calls", part_calls, NULL, part_calls_free},
    {"plugins", part_plugins, part_plugins_quiet, part_plugins_free},
    {"http", part_edge, part_edge_quiet, part_edge_free},
    {"line", part_line, part_line_quiet, part_line_free},
    {"work", part_work, NULL, NULL},
};

int daemon_start(struct daemon *d, const struct daemon_opts *opts, struct site *site,
                 struct errmsg *why)
{
    memset(d, 0, sizeof(*d));
    d->opts = *opts;
    d->site = site;
    d->first_site = site_ref(site);
    while (d->started < ARRAY_LEN(STEPS)) {
        const struct step *s = &STEPS[d->started++]; /* what it made before it failed goes too */
        int rc = s->start(d, why);
        if (rc < 0) {
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
    d->started = 0;
    site_unref(&d->site);
    site_unref(&d->first_site);
    log_info(NULL, "stopped");
}
