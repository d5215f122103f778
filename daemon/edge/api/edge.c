/*
 * edge.c - puts the HTTP door together: routes, sign-in, events, health.
 */
#include "edge/api/edge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "edge/api/api_priv.h"

static const struct http_route *const tables[] = {
    api_health_routes,
    api_session_routes,
    api_owner_routes,
    api_ticket_routes,
    api_incident_routes,
    api_report_routes,
    api_call_routes,
    api_message_routes,
    api_site_routes,
    api_staff_routes,
    api_shift_routes,
    api_survey_routes,
    api_import_routes,
    api_events_routes,
    api_admin_routes,
    api_hook_routes,
    NULL,
};

struct edge *edge_new(const struct edge_opts *opts)
{
    struct edge *e = xcalloc(1, sizeof(*e));
    e->o = *opts;
    e->o.site = site_ref(opts->site);
    e->store_path = xstrdup(opts->site->store.path);
    e->started_at = clock_now_ms();
    log_ctx_init(&e->log, "http", "", NULL);
    e->http = http_new(&(struct http_opts){.loop = opts->loop,
                                           .routes = tables,
                                           .ctx = e,
                                           .authenticate = auth_identify,
                                           .strict_query = true});
    e->auth = auth_new(e);
    e->sse = sse_new(e);
    e->worker = worker_new(opts->loop,
                           &(struct worker_opts){.name = "chores", .threads = 1, .queue_max = 16});
    metrics_add(opts->metrics, http_metrics, e->http);
    health_register(e);
    api_keys_start(e);
    return e;
}

int edge_listen(struct edge *e, struct tls *tls, struct errmsg *why)
{
    const struct site *s = e->o.site;
    char address[300];
    if (s->listen.control[0]) {
        int rc = http_listen(e->http, s->listen.control, NULL, true, why);
        if (rc < 0)
            return rc;
    }
    if (!s->listen.http.set)
        return E_OK;
    bool v6 = strchr(s->listen.http.host, ':') != NULL;
    snprintf(address, sizeof(address), v6 ? "[%s]:%u" : "%s:%u", s->listen.http.host,
             s->listen.http.port);
    return http_listen(e->http, address, tls, false, why);
}

uint16_t edge_port(const struct edge *e)
{
    return http_port(e->http);
}

void edge_set_site(struct edge *e, struct site *site)
{
    struct site *old = e->o.site;
    e->o.site = site_ref(site);
    site_unref(&old);
}

void edge_drain(struct edge *e)
{
    http_drain(e->http);
}

bool edge_busy(const struct edge *e)
{
    return http_connections(e->http) > 0;
}

void edge_close(struct edge *e)
{
    e->closed = true;
    metrics_remove(e->o.metrics, e->http);
    metrics_remove(e->o.metrics, e);
    checks_remove(e->o.checks, e);
    loop_timer_free(&e->sweep);
    worker_free(&e->worker);
    api_chores_end(e);
    http_free(&e->http);
    sse_free(&e->sse);
    buf_free(&e->openapi);
}

void edge_free(struct edge **ep)
{
    struct edge *e = *ep;
    if (!e)
        return;
    api_pushes_end(e);
    auth_free(&e->auth);
    site_unref(&e->o.site);
    free(e->store_path);
    free(e);
    *ep = NULL;
}
