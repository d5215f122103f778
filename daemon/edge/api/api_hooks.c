/*
 * api_hooks.c - in from the world: receipts and texts from gateways, call events pushed over HTTP.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/messages/outbox.h"
#include "service/calls/source.h"

/* ---- gateways ---- */

/* Headers as plugins see them: "name: value" with lower-case names. */
static char **hook_headers(struct http_req *req)
{
    size_t n = http_header_count(req);
    char **list = xcalloc(n + 1, sizeof(*list));
    for (size_t i = 0; i < n; i++) {
        const char *name, *value;
        http_header_at(req, i, &name, &value);
        list[i] = xasprintf("%s: %s", name, value);
        for (char *p = list[i]; *p != ':'; p++)
            *p = (char)tolower((unsigned char)*p);
    }
    return list;
}

static void free_headers(char **list)
{
    for (char **p = list; *p; p++)
        free(*p);
    free(list);
}

static void hook_done(void *ctx, int status, const char *detail)
{
    struct http_req *req = ctx;
    char name[64];
    size_t field = strspn(detail ? detail : "", "abcdefghijklmnopqrstuvwxyz_.[]0123456789");
    if (status < 300)
        http_reply_json(req, status, NULL, 0);
    else if (status == 422 && field && field < sizeof(name) && detail[field] == ':') {
        text_copyn(name, sizeof(name), detail, field);
        http_invalid(req, name, "%s", detail);
    } else if (status == 401 && http_proof(req) != HTTP_NOBODY) /* known, and not a gateway */
        http_problem(req, 403, "%s", detail);
    else
        http_problem(req, status, "%s", detail ? detail : http_path(req));
}

static bool proven(const struct http_req *req)
{
    enum staff_kind kind = http_actor(req)->kind;
    return http_proof(req) != HTTP_NOBODY && (kind == STAFF_INTEGRATION || kind == STAFF_DEV);
}

/* The request as plugins see it; headers are freed with free_headers(). */
static struct steward_hook hook_of(struct http_req *req, const char *what)
{
    struct steward_hook hook = {.struct_size = sizeof(hook),
                                .method = http_method(req) == HTTP_GET ? "GET" : "POST",
                                .what = what,
                                .query = http_query_text(req),
                                .content_type = http_header(req, "Content-Type"),
                                .headers = (const char *const *)hook_headers(req),
                                .authenticated = proven(req)};
    hook.body = http_body_text(req, &hook.body_len);
    if (!hook.content_type)
        hook.content_type = "";
    return hook;
}

static void on_hook(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct steward_hook hook = hook_of(req, http_param(req, "what"));
    char **headers = (char **)hook.headers;
    outbox_hook(e->o.outbox, http_param(req, "gateway"), &hook, hook.authenticated, hook_done, req);
    free_headers(headers);
}

/* ---- call events ---- */

#define BATCH_MAX 1000

static void end_push(struct api_job *job, int rc)
{
    DL_DELETE(job->e->pushes, job);
    api_answer(job, rc, NULL);
}

static void stored(void *ctx)
{
    struct api_job *job = ctx;
    jw_obj(&job->w);
    jw_kbool(&job->w, "ok", true);
    jw_kint(&job->w, "events", job->rows);
    jw_end_obj(&job->w);
    end_push(job, E_OK);
}

void api_pushes_end(struct edge *e)
{
    while (e->pushes)
        end_push(e->pushes, E_CANCELLED);
}

/* A pbx pushes under its own name, integrations and dev under any; without a token the instance of
 * that name must vouch for the request. 0, E_UNAUTHORIZED or E_DENIED. */
static int may_push(struct http_req *req, struct edge *e, const char *source)
{
    const struct actor *a = http_actor(req);
    if (proven(req) || (a->kind == STAFF_PBX && text_eq(a->name, source)))
        return E_OK;
    if (http_proof(req) != HTTP_NOBODY)
        return E_DENIED;
    struct steward_hook hook = hook_of(req, "cti");
    bool signed_well = outbox_vouches(e->o.outbox, source, &hook);
    free_headers((char **)hook.headers);
    return signed_well ? E_OK : E_UNAUTHORIZED;
}

/* A source that only pushes is up from its first event on. */
static int pushed(struct edge *e, struct source *s, struct errmsg *why)
{
    struct source_adapter adapter = {.plugin = "http", .ctx = e, .pushes = true};
    int rc = source_attach(s, &adapter, why);
    if (rc == E_OK)
        source_state(s, STEWARD_SOURCE_UP, 0, NULL);
    return rc;
}

static int read_event(const json_t *event, struct steward_cti_event *ev, int64_t *seq,
                      struct errmsg *why)
{
    struct json_obj o;
    json_obj_of(&o, event);
    return source_event_parse(&o, ev, seq, why);
}

/* All or nothing as far as form goes: every event is read before the first one is applied. */
static int take(struct source *s, json_t *const *events, size_t n, size_t *bad, struct errmsg *why)
{
    struct steward_cti_event ev;
    int64_t seq;
    int rc = E_OK;
    for (*bad = 0; *bad < n; (*bad)++) {
        rc = read_event(events[*bad], &ev, &seq, why);
        if (rc < 0)
            return rc;
    }
    for (*bad = 0; *bad < n; (*bad)++) {
        rc = read_event(events[*bad], &ev, &seq, why);
        if (rc == E_OK)
            rc = source_event(s, seq, &ev, why);
        if (rc < 0)
            return rc;
    }
    return E_OK;
}

/* One event, or a list of them. */
static size_t collect(json_t *body, json_t **events)
{
    size_t n = json_is_array(body) ? json_array_size(body) : 1;
    if (n > BATCH_MAX)
        return 0;
    for (size_t i = 0; i < n; i++)
        events[i] = json_is_array(body) ? json_array_get(body, i) : body;
    return n;
}

/* Sets job->rows. */
static int take_body(struct api_job *job, struct source *s)
{
    json_t **events = xcalloc(BATCH_MAX, sizeof(json_t *));
    size_t n = collect(job->arg, events), bad = 0;
    struct errmsg why = {""};
    int rc = n ? take(s, events, n, &bad, &why)
               : api_bad(job, "events", "1 to %d events at a time", BATCH_MAX);
    if (n && rc < 0)
        rc = api_bad(job, "event", "event %zu: %s", bad + 1, why.text);
    job->rows = (int64_t)n;
    free(events);
    return rc;
}

static void push_events(struct api_job *job)
{
    struct source *s = source_get(job->e->o.calls, http_param(job->req, "source"));
    struct errmsg why = {"there can be no source of that name"};
    if (s && source_is_taken(s)) {
        http_problem_code(job->req, 409, "source_taken",
                          "a link or a plugin speaks for this source");
        api_job_free(job);
        return;
    }
    int rc = s ? take_body(job, s) : E_NOTFOUND;
    if (s && rc == E_OK)
        rc = pushed(job->e, s, &why);
    if (rc < 0) {
        if (s)
            source_let_go(s);
        api_answer(job, rc, s ? NULL : &why);
        return;
    }
    DL_APPEND(job->e->pushes, job);
    source_when_durable(s, stored, job);
}

static void free_json(void *json)
{
    json_decref(json);
}

static void known_push(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    job->arg = json_incref((json_t *)http_body(req));
    job->free_arg = free_json;
    api_once(job, job->arg, push_events);
}

/* Who pushes is known by the head, or by a signature over the bytes: only then they are JSON. */
static void on_cti(struct http_req *req, void *ctx)
{
    int rc = may_push(req, ctx, http_param(req, "source"));
    if (rc < 0) {
        struct errmsg whose = {
            "an integration's token, the source's own, or its signature is needed"};
        http_fail(req, rc, NULL, &whose);
        return;
    }
    http_read_json(req, known_push, ctx);
}

const struct http_route api_hook_routes[] = {
    ROUTE(POST, "/hooks/{gateway}/{what}", MAY_ANYONE, on_hook,
          "receipt or inbound, from a gateway; an integration token or the instance's signature "
          "proves it",
          .flags = HTTP_RAW | HTTP_REPEAT | HTTP_ANY_QUERY),
    ROUTE(GET, "/hooks/{gateway}/{what}", MAY_ANYONE, on_hook,
          "The same, for providers that ask with GET", .flags = HTTP_RAW | HTTP_ANY_QUERY),
    ROUTE(
        POST, "/cti/{source}", MAY_ANYONE, on_cti,
        "Call events as the line protocol has them, one or a list; answered once they are on disk",
        .body = "event! call! seq:int at direction calling called device queue cause to kind "
                "other_call by state reason presentation pbx_cause",
        .answer = "Done", .flags = HTTP_RAW),
    {.path = NULL},
};
