/*
 * health.c - for machines: /healthz, /readyz, /metrics, and the document that describes the API.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "edge/api/api_priv.h"
#include "service/messages/outbox.h"
#include "service/calls/calls.h"
#include "service/calls/source.h"
#include "service/clocks/clock_timer.h"

#define TEXT_MAX (8u << 20)
#define GONE_MS  86400000 /* a PBX that no plugin speaks for and that was silent so long is gone */

/* ---- checks ---- */

static void check_store(void *ctx, struct checks_out *out)
{
    struct edge *e = ctx;
    struct errmsg why = {""};
    bool well = ledger_healthy(e->o.ledger, &why);
    check_say(out, "store", well ? CHECK_OK : CHECK_FAILED, well ? NULL : why.text);
}

struct asking {
    struct checks_out *out;
    int64_t now;
};

static void check_source(void *ctx, const struct source_info *info)
{
    struct asking *ask = ctx;
    char name[96], detail[256];
    if (!info->plugin && ask->now - info->since > GONE_MS)
        return;
    bool up = info->state == STEWARD_SOURCE_UP;
    snprintf(name, sizeof(name), "source:%s", info->name);
    snprintf(detail, sizeof(detail), "%s%s%.180s", source_state_name(info->state),
             info->error ? ": " : "", info->error ? info->error : "");
    /* Up, and with an error: it works, but for what that error names. */
    check_say(ask->out, name, up ? CHECK_OK : CHECK_DEGRADED, up ? info->error : detail);
}

static void check_sources(void *ctx, struct checks_out *out)
{
    struct edge *e = ctx;
    struct asking ask = {out, clock_now_ms()};
    source_each(e->o.calls, check_source, &ask);
}

static void check_gateway(void *ctx, const struct outbox_gateway_state *g)
{
    struct asking *ask = ctx;
    char name[96], detail[128] = "";
    enum check_state state = CHECK_OK;
    if (!g->registered) {
        snprintf(detail, sizeof(detail), "no instance of that name: its messages wait");
    } else if (g->failing >= 3) {
        state = CHECK_DEGRADED;
        snprintf(detail, sizeof(detail), "%d attempts in a row failed", g->failing);
    }
    snprintf(name, sizeof(name), "gateway:%s", g->name);
    check_say(ask->out, name, state, detail);
}

static void check_outbox(void *ctx, struct checks_out *out)
{
    struct edge *e = ctx;
    struct asking ask = {out, clock_now_ms()};
    outbox_each_gateway(e->o.outbox, check_gateway, &ask);
}

/* ---- numbers ---- */

static void collect_ledger(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    struct ledger_stats s;
    ledger_get_stats(e->o.ledger, &s);
    metrics_int(out, "steward_ledger_commands_total", METRIC_COUNTER, "Commands carried out",
                (int64_t)s.commands, NULL, NULL);
    metrics_int(out, "steward_ledger_refused_total", METRIC_COUNTER, "Commands refused",
                (int64_t)s.refused, NULL, NULL);
    metrics_int(out, "steward_ledger_batches_total", METRIC_COUNTER, "Transactions committed",
                (int64_t)s.batches, NULL, NULL);
    metrics_int(out, "steward_ledger_retried_total", METRIC_COUNTER,
                "Batches run again after the store failed", (int64_t)s.retried, NULL, NULL);
    metrics_int(out, "steward_ledger_waiting", METRIC_GAUGE, "Commands waiting", (int64_t)s.waiting,
                NULL, NULL);
    metrics_milli(out, "steward_ledger_commit_max_seconds", METRIC_GAUGE, "Longest commit so far",
                  s.commit_us_max / 1000, NULL, NULL);
}

static void collect_calls(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    struct calls_stats s;
    calls_get_stats(e->o.calls, &s);
    const struct {
        const char *name, *help;
        uint64_t v;
    } rows[] = {
        {"steward_call_events_total", "Call events taken", s.events},
        {"steward_call_events_refused_total", "Call events refused", s.refused},
        {"steward_call_events_repeated_total", "Call events resent", s.repeats},
        {"steward_call_gaps_total", "Gaps in what sources told", s.gaps},
        {"steward_calls_total", "Calls begun", s.calls},
        {"steward_calls_forgotten_total", "Calls closed because they were silent", s.forgotten},
        {"steward_calls_resync_closed_total", "Calls missing from a snapshot", s.resync_closed},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        metrics_int(out, rows[i].name, METRIC_COUNTER, rows[i].help, (int64_t)rows[i].v, NULL,
                    NULL);
    metrics_int(out, "steward_calls_live", METRIC_GAUGE, "Calls under way", (int64_t)s.live, NULL,
                NULL);
}

static void collect_source(void *ctx, const struct source_info *info)
{
    struct metrics_out *out = ctx;
    metrics_int(out, "steward_source_up", METRIC_GAUGE, "Whether the PBX is connected",
                info->state == STEWARD_SOURCE_UP, "source", info->name);
    metrics_int(out, "steward_source_events_total", METRIC_COUNTER, "Call events of the PBX",
                (int64_t)info->events, "source", info->name);
    metrics_int(out, "steward_source_gaps_total", METRIC_COUNTER, "Gaps in what the PBX told",
                (int64_t)info->gaps, "source", info->name);
    metrics_int(out, "steward_source_live_calls", METRIC_GAUGE, "Calls under way at the PBX",
                (int64_t)info->live_calls, "source", info->name);
}

static void collect_sources(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    source_each(e->o.calls, collect_source, out);
}

static void collect_pops(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    struct pops_stats s;
    pops_get_stats(e->o.pops, &s);
    metrics_int(out, "steward_pops_total", METRIC_COUNTER, "Pops sent", (int64_t)s.pops, NULL,
                NULL);
    metrics_int(out, "steward_pop_updates_total", METRIC_COUNTER, "Pops sent again as an update",
                (int64_t)s.updates, NULL, NULL);
    metrics_int(out, "steward_card_cache_hits_total", METRIC_COUNTER, "Cards found in the cache",
                (int64_t)s.hits, NULL, NULL);
    metrics_int(out, "steward_card_cache_misses_total", METRIC_COUNTER, "Cards read from the store",
                (int64_t)s.misses, NULL, NULL);
    metrics_int(out, "steward_card_cache_bytes", METRIC_GAUGE, "Memory of cached cards",
                (int64_t)s.cached_bytes, NULL, NULL);
}

static void collect_timers(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    struct clock_timer_stats s;
    clock_timer_get_stats(e->o.clock_timer, &s);
    metrics_int(out, "steward_timer_steps_total", METRIC_COUNTER,
                "Steps of ladders and breaches carried out", (int64_t)s.steps, NULL, NULL);
    metrics_milli(out, "steward_timer_late_max_seconds", METRIC_GAUGE,
                  "Worst lateness of a step since start", s.late_ms_max, NULL, NULL);
}

static void collect_outbox(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    outbox_write_metrics(e->o.outbox, out);
}

static void collect_process(void *ctx, struct metrics_out *out)
{
    struct edge *e = ctx;
    metrics_int(out, "steward_build_info", METRIC_GAUGE, "The version that runs", 1, "version",
                STEWARD_VERSION);
    metrics_milli(out, "steward_uptime_seconds", METRIC_GAUGE, "Time since the start",
                  clock_now_ms() - e->started_at, NULL, NULL);
}

static const struct {
    size_t service; /* offset in struct edge_opts of what must be there */
    metrics_cb *cb;
} collectors[] = {
    {offsetof(struct edge_opts, loop), collect_process},
    {offsetof(struct edge_opts, ledger), collect_ledger},
    {offsetof(struct edge_opts, calls), collect_calls},
    {offsetof(struct edge_opts, calls), collect_sources},
    {offsetof(struct edge_opts, pops), collect_pops},
    {offsetof(struct edge_opts, clock_timer), collect_timers},
    {offsetof(struct edge_opts, outbox), collect_outbox},
};

static const struct {
    size_t service;
    checks_cb *cb;
} own_checks[] = {
    {offsetof(struct edge_opts, ledger), check_store},
    {offsetof(struct edge_opts, calls), check_sources},
    {offsetof(struct edge_opts, outbox), check_outbox},
};

static bool given(const struct edge *e, size_t offset)
{
    const void *p;
    memcpy(&p, (const char *)&e->o + offset, sizeof(p));
    return p != NULL;
}

void health_register(struct edge *e)
{
    for (size_t i = 0; i < sizeof(collectors) / sizeof(collectors[0]); i++)
        if (given(e, collectors[i].service))
            metrics_add(e->o.metrics, collectors[i].cb, e);
    for (size_t i = 0; i < sizeof(own_checks) / sizeof(own_checks[0]); i++)
        if (given(e, own_checks[i].service))
            checks_add(e->o.checks, own_checks[i].cb, e);
}

/* ---- routes ---- */

static void get_healthz(struct http_req *req, void *ctx)
{
    http_reply_json(req, 200, "{\"status\":\"ok\"}", 15);
}

/* The checks come first into a buffer of their own: their worst state is the status. */
static void get_readyz(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct buf list = BUF_INIT(TEXT_MAX), out = BUF_INIT(TEXT_MAX);
    struct jw w;
    jw_init(&w, &list);
    enum check_state worst = checks_write(e->o.checks, &w);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "status", check_state_name(worst));
    jw_kraw(&w, "checks", list.data);
    jw_end_obj(&w);
    http_reply_json(req, worst == CHECK_FAILED ? 503 : 200, out.data, out.len);
    buf_free(&list);
    buf_free(&out);
}

static void get_metrics(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct buf out = BUF_INIT(TEXT_MAX);
    metrics_write(e->o.metrics, &out);
    http_reply(req, 200, "text/plain; version=0.0.4; charset=utf-8", out.data, out.len);
    buf_free(&out);
}

static void get_openapi(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    if (!e->openapi.len) { /* the tables never change */
        buf_init(&e->openapi, TEXT_MAX);
        openapi_write(e, &e->openapi);
    }
    http_reply_json(req, 200, e->openapi.data, e->openapi.len);
}

const struct http_route api_health_routes[] = {
    ROUTE(GET, "/healthz", MAY_ANYONE, get_healthz, "The daemon is alive", .answer = "Health"),
    ROUTE(GET, "/readyz", MAY_ANYONE, get_readyz,
          "Whether calls can be stored (else 503), and what is degraded", .answer = "Ready"),
    ROUTE(GET, "/metrics", MAY_ANYONE, get_metrics, "Numbers for Prometheus", .answer = "Text"),
    ROUTE(GET, "/api/v1/openapi.json", MAY_ANYONE, get_openapi, "This document",
          .answer = "Object"),
    {.path = NULL},
};
