/*
 * doors.c - the parts that speak with the world: plugins, HTTP, the line protocol.
 */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/conn.h"
#include "base/log.h"
#include "edge/api/edge.h"
#include "edge/line/line.h"
#include "host/plugins.h"
#include "main/parts.h"
#include "service/auditor/auditor.h"
#include "service/incidents/incidents.h"
#include "service/incidents/radar_watch.h"
#include "spine/checks.h"
#include "service/reports/digest.h"
#include "spine/metrics.h"
#include "service/messages/outbox.h"
#include "service/clocks/clock_timer.h"

enum { ANSWERS_MS = 3000, LOOK_MS = 10, FAULTS_MAX = 1 << 20 };

/* ---- plugins ---- */

static void log_faults(const struct conf_faults *faults)
{
    struct buf text = BUF_CUT(FAULTS_MAX);
    conf_faults_print(faults, &text);
    if (text.len)
        log_warn(NULL, "%s", buf_str(&text));
    buf_free(&text);
}

int part_plugins(struct daemon *d, struct errmsg *why)
{
    struct plugins_opts o = {
        .loop = d->loop, .outbox = d->outbox, .calls = d->calls, .site = d->site};
    struct conf_faults faults = {0};
    d->plugins = plugins_new(&o);
    plugins_load(d->plugins, &faults);
    log_faults(&faults);
    conf_faults_free(&faults);
    checks_add(d->checks, plugins_write_checks, d->plugins);
    metrics_add(d->metrics, plugins_write_metrics, d->plugins);
    return 0;
}

void part_plugins_quiet(struct daemon *d)
{
    plugins_quiet(d->plugins);
}

void part_plugins_free(struct daemon *d)
{
    checks_remove(d->checks, d->plugins);
    metrics_remove(d->metrics, d->plugins);
    plugins_free(&d->plugins);
}

/* ---- HTTP ---- */

/* POST /reload: {"now":"…","later":"…"}, or the faults as text. */
static int on_reload(void *ctx, struct buf *out)
{
    struct buf now = BUF_CUT(65536), later = BUF_CUT(65536), faults = BUF_CUT(FAULTS_MAX);
    int rc = daemon_reload(ctx, &now, &later, &faults);
    if (rc < 0) {
        buf_adds(out, buf_str(&faults));
    } else {
        struct jw w;
        jw_init(&w, out);
        jw_obj(&w);
        jw_kstr(&w, "now", buf_str(&now));
        jw_kstr(&w, "later", buf_str(&later));
        jw_end_obj(&w);
    }
    buf_free(&now);
    buf_free(&later);
    buf_free(&faults);
    return rc;
}

static void list_plugins(void *ctx, struct jw *w)
{
    plugins_write_json(((struct daemon *)ctx)->plugins, w);
}

/* TLS where the site wants it spoken: "line", "http". */
static struct tls *tls_for(struct daemon *d, const char *door)
{
    return conf_texts_has(&d->site->listen.tls.ports, door) ? d->tls : NULL;
}

int part_edge(struct daemon *d, struct errmsg *why)
{
    struct edge_opts o = {.loop = d->loop,
                          .ledger = d->ledger,
                          .staff = d->staff,
                          .hub = d->hub,
                          .metrics = d->metrics,
                          .checks = d->checks,
                          .site = d->site,
                          .tickets = d->tickets,
                          .incidents = d->incidents,
                          .clocks = d->clocks,
                          .clock_timer = d->clock_timer,
                          .auditor = d->auditor,
                          .outbox = d->outbox,
                          .registry = d->registry,
                          .importer = d->importer,
                          .calls = d->calls,
                          .pops = d->pops,
                          .reload = on_reload,
                          .plugins = list_plugins,
                          .ctx = d};
    d->edge = edge_new(&o);
    return edge_listen(d->edge, tls_for(d, "http"), why);
}

struct patience {
    struct daemon *d;
    struct loop_timer *look;
    int64_t left_ms;
};

static void on_look(void *arg)
{
    struct patience *p = arg;
    p->left_ms -= LOOK_MS;
    if (edge_busy(p->d->edge) && p->left_ms > 0)
        loop_timer_arm(p->look, LOOK_MS);
    else
        loop_stop(p->d->loop);
}

/* Requests under way get their answers: their commands and reads still run. */
void part_edge_quiet(struct daemon *d)
{
    struct patience p = {.d = d, .left_ms = ANSWERS_MS};
    p.look = loop_timer_new(d->loop, on_look, &p);
    edge_drain(d->edge);
    loop_timer_arm(p.look, 0);
    loop_run(d->loop);
    loop_timer_free(&p.look);
    edge_close(d->edge);
}

void part_edge_free(struct daemon *d)
{
    edge_free(&d->edge);
}

/* ---- the line protocol ---- */

static void address_text(const struct site_address *a, char out[300])
{
    bool v6 = strchr(a->host, ':') != NULL;
    snprintf(out, 300, "%s%s%s:%u", v6 ? "[" : "", a->host, v6 ? "]" : "", a->port);
}

int part_line(struct daemon *d, struct errmsg *why)
{
    char address[300];
    if (!d->site->listen.line.set)
        return 0;
    address_text(&d->site->listen.line, address);
    struct line_opts o = {.loop = d->loop,
                          .staff = d->staff,
                          .calls = d->calls,
                          .pops = d->pops,
                          .hub = d->hub,
                          .address = address,
                          .tls = tls_for(d, "line")};
    d->line = line_new(&o, why);
    if (!d->line)
        return E_IO;
    metrics_add(d->metrics, line_metrics, d->line);
    return 0;
}

void part_line_quiet(struct daemon *d)
{
    if (d->line)
        line_quiesce(d->line);
}

void part_line_free(struct daemon *d)
{
    if (!d->line)
        return;
    metrics_remove(d->metrics, d->line);
    line_free(&d->line);
}

/* ---- and off it goes ---- */

int part_work(struct daemon *d, struct errmsg *why)
{
    int rc = outbox_start(d->outbox);
    if (rc == 0)
        rc = clock_timer_start(d->clock_timer);
    if (rc < 0)
        return errmsg_set(why, rc, "messages and clocks: %s", err_name(rc));
    plugins_start(d->plugins);
    auditor_start(d->auditor);
    incidents_start(d->incidents);
    radar_watch_start(d->radar);
    digest_start(d->digest);
    log_info(NULL, "ready: stewardd " STEWARD_VERSION ", %s, line port %u, HTTP port %u",
             d->site->file, d->line ? line_port(d->line) : 0, edge_port(d->edge));
    daemon_say_unknown_accounts(d);
    return 0;
}
