/*
 * reload.c - the configuration read anew beside the old one, checked whole, then taken by every
 * part; a bad one changes nothing.
 */
#include "base/buf.h"
#include "base/log.h"
#include "main/daemon.h"
#include "service/outbox.h"
#include "service/staff.h"

static int swap_outbox(struct daemon *d, struct site *site, struct errmsg *why)
{
    return outbox_reload(d->outbox, site, why);
}

static int swap_staff(struct daemon *d, struct site *site, struct errmsg *why)
{
    staff_set_dev(d->staff, site->listen.dev_token);
    return 0;
}

static int swap_log(struct daemon *d, struct site *site, struct errmsg *why)
{
    enum log_level level;
    if (log_parse_level(site->log.level, &level))
        log_set_level(level);
    return 0;
}

/* What takes a new configuration while running. Those that may refuse come first. */
static int (*const TAKERS[])(struct daemon *d, struct site *site, struct errmsg *why) = {
    swap_outbox,
    swap_staff,
    swap_log,
};

int daemon_reload(struct daemon *d, struct buf *now, struct buf *later, struct buf *faults)
{
    struct conf_faults found = {0};
    struct errmsg why = {{0}};
    struct site *site = daemon_check(d->opts.config, &found);
    conf_faults_print(&found, faults);
    conf_faults_free(&found);
    if (!site)
        return E_INVALID;
    for (size_t i = 0; i < sizeof(TAKERS) / sizeof(TAKERS[0]); i++) {
        if (TAKERS[i](d, site, &why) < 0) {
            buf_adds(faults, why.text);
            site_unref(&site);
            return E_INVALID;
        }
    }
    site_diff(d->site, site, now, later);
    site_unref(&d->site);
    d->site = site;
    return 0;
}
