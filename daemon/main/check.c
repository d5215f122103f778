/*
 * check.c - a configuration with everything outside its file that it names.
 */
#include <string.h>

#include "base/clock.h"
#include "base/conn.h"
#include "domain/calendar.h"
#include "host/plugins.h"
#include "main/daemon.h"
#include "store/db.h"

static void check_store(const struct site *site, struct conf_faults *faults)
{
    if (strcmp(site->store.driver, "sqlite") != 0)
        conf_fault_in(faults, site->file, 0, 0, "store.driver: '%s' is not built in",
                      site->store.driver);
}

static void check_tls(const struct site *site, struct conf_faults *faults)
{
    struct errmsg why = {{0}};
    struct tls *tls = NULL;
    if (!site->listen.tls.certificate)
        return;
    tls = tls_server(site->listen.tls.certificate, site->listen.tls.key, &why);
    if (!tls)
        conf_fault_in(faults, site->file, site->listen.tls.line, site->listen.tls.column,
                      "listen.tls: %s", why.text);
    tls_free(&tls);
}

struct lacking {
    const struct site *site;
    struct conf_faults *faults;
};

static void warn_lacking(void *ctx, const char *calendar, int year)
{
    const struct lacking *l = ctx;
    conf_warn_in(
        l->faults, l->site->file, 0, 0,
        "calendars.%s: its holiday files have no day of %d, which counts as a year without "
        "holidays (docs/tickets.md says how they are updated)",
        calendar, year);
}

static void check_calendars(const struct site *site, struct conf_faults *faults)
{
    struct errmsg why = {{0}};
    struct lacking lacking = {site, faults};
    struct calendars *all = calendars_new(site, &why);
    if (all)
        calendars_each_lacking(all, clock_now_ms(), warn_lacking, &lacking);
    else
        conf_fault_in(faults, site->file, 0, 0, "%s", why.text);
    calendars_unref(&all);
}

struct site *daemon_check(const char *config, struct conf_faults *faults)
{
    struct site *site = site_load(config, faults);
    if (!site)
        return NULL;
    check_store(site, faults);
    check_tls(site, faults);
    check_calendars(site, faults);
    plugins_check(site, faults);
    if (faults->errors)
        site_unref(&site);
    return site;
}
