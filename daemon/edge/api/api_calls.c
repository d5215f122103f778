/*
 * api_calls.c - calls over HTTP, and call control: dial, answer, hang up, hold, retrieve, transfer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/calls/call_control.h"
#include "service/calls/calls.h"
#include "service/calls/source.h"
#include "store/repo_call.h"

/* ---- reading ---- */

struct list_query {
    int64_t since, person;
};

static int read_list(struct db *db, struct api_job *job)
{
    const struct list_query *q = job->arg;
    struct call_filter f = {.source = http_query(job->req, "source"),
                            .call = http_query(job->req, "call"),
                            .state = http_query(job->req, "state"),
                            .party = job->word,
                            .since = q->since,
                            .person_id = q->person,
                            .before_id = job->before,
                            .limit = job->limit};
    int64_t next = 0;
    api_items(job);
    int rc = repo_call_list_json(db, &f, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void list_calls(struct http_req *req, void *ctx)
{
    struct list_query q = {0};
    int limit;
    int64_t before;
    const char *since = http_query(req, "since");
    if (!http_page_id(req, &limit, &before) ||
        !http_query_word(req, "state", "queued, delivered, established, held, cleared") ||
        !http_query_int(req, "person", 1, INT64_MAX, 0, &q.person))
        return;
    if (since && clock_parse(since, &q.since) < 0) {
        http_invalid(req, "since", "since is not a time such as 2026-11-22T08:15:30Z");
        return;
    }
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    job->word = api_number(job, "party");
    api_job_keep(job, &q, sizeof(q));
    api_read(job, "calls", read_list);
}

static int read_call(struct db *db, struct api_job *job)
{
    return repo_call_json(db, job->id, &job->w);
}

static void get_call(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "call", read_call);
}

/* ---- acting ---- */

struct act {
    struct call_control_request request;
    char device[65], number[64], to[64], kind[16], reason[64], action[16];
    char code[32], text[256]; /* of an action that failed */
};

static const struct {
    const char *code;
    int status;
} outcomes[] = {
    {"not_supported", 501}, {"no_such_call", 404}, {"forbidden", 403}, {"bad_number", 422},
    {"bad_request", 422},   {"source_down", 503},  {"failed", 502},    {"timeout", 504},
};

static void answer_outcome(struct api_job *job, bool ok, const char *code, const char *message)
{
    if (ok) {
        buf_reset(&job->out);
        buf_adds(&job->out, "{\"ok\":true}");
        api_answer(job, E_OK, NULL);
        return;
    }
    int status = 502;
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (text_eq(code, outcomes[i].code))
            status = outcomes[i].status;
    http_problem_code(job->req, status, code ? code : "failed", message ? message : "");
    api_job_free(job);
}

/* An action that failed had no effect: its Idempotency-Key may be used again. */
static void forget_done(void *arg, int rc, const struct errmsg *why)
{
    struct api_job *job = arg;
    struct act *a = job->arg;
    answer_outcome(job, false, a->code, a->text);
}

static void acted(void *ctx, bool ok, const char *code, const char *message)
{
    struct api_job *job = ctx;
    struct act *a = job->arg;
    if (ok || !api_forget_key(job, forget_done)) {
        answer_outcome(job, ok, code, message);
        return;
    }
    text_copy(a->code, sizeof(a->code), code);
    text_copy(a->text, sizeof(a->text), message);
}

static void act_now(struct api_job *job)
{
    struct act *a = job->arg;
    (void)call_control_do(job->e->o.calls, &a->request, acted, job);
}

/* A call that is over is no call that is not there. */
static int check_lives(struct db *db, struct api_job *job, int64_t id)
{
    struct verb_out *v = &job->verb;
    int rc = repo_call_state_get(db, id, v->state, sizeof(v->state));
    if (rc < 0 || !text_eq(v->state, "cleared")) {
        v->state[0] = '\0';
        return rc;
    }
    struct errmsg why;
    text_copy(v->allowed, sizeof(v->allowed), "[]");
    return api_why(job, errmsg_set(&why, E_CONFLICT, "the call is over"), &why);
}

static int note_action(struct ledger_tx *tx, struct api_job *job)
{
    struct act *a = job->arg;
    char what[32];
    int rc = a->request.call_id ? check_lives(ledger_db(tx), job, a->request.call_id) : E_OK;
    if (rc < 0)
        return rc;
    snprintf(what, sizeof(what), "call.%s", a->action);
    buf_adds(&job->out, "{\"ok\":true}");
    return api_audit(tx, job->actor.name, what, a->device[0] ? a->device : NULL, NULL);
}

/* Machines and those who supervise act at any device and on any call, others on their own. */
static bool may_act_for_others(const struct api_job *job)
{
    return job->actor.kind != STAFF_PERSON || (MAY_SUPERVISE & MAY_ROLE(job->actor.role));
}

/* Whoever stands at 1001 stands at pbx-a/1001 too. */
static bool is_own(const char *own, const char *device)
{
    return own && (text_eq(own, device) ||
                   (text_after_slash(own) == own && text_eq(own, text_after_slash(device))));
}

/* The body's texts into the request; E_INVALID or E_DENIED. */
static int read_request(struct api_job *job, struct act *a)
{
    const struct {
        const char *field;
        char *out;
        size_t cap;
        const char **slot;
    } fields[] = {
        {"device", a->device, sizeof(a->device), &a->request.device},
        {"number", a->number, sizeof(a->number), &a->request.number},
        {"to", a->to, sizeof(a->to), &a->request.to},
        {"kind", a->kind, sizeof(a->kind), &a->request.kind},
        {"reason", a->reason, sizeof(a->reason), &a->request.reason},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        const char *text;
        if (api_text_opt(job, fields[i].field, fields[i].cap - 1, &text) < 0)
            return E_INVALID;
        text_copy(fields[i].out, fields[i].cap, text);
        *fields[i].slot = text ? fields[i].out : NULL;
    }
    const struct staff_account *who = staff_by_name(job->e->o.staff, job->actor.name);
    const char *own = who && who->device[0] ? who->device : NULL;
    a->request.own = !may_act_for_others(job);
    if (a->request.device && a->request.own && !is_own(own, a->request.device))
        return E_DENIED;
    if (!a->request.device && own) {
        text_copy(a->device, sizeof(a->device), own);
        a->request.device = a->device;
        a->request.implied = true;
    }
    return E_OK;
}

static void start(struct http_req *req, struct edge *e, const char *action, int64_t call_id)
{
    struct api_job *job = api_job(req, e);
    struct act *a = xcalloc(1, sizeof(*a));
    job->arg = a;
    job->free_arg = free;
    text_copy(a->action, sizeof(a->action), action);
    a->request.action = a->action;
    a->request.call_id = call_id;
    int rc = read_request(job, a);
    if (rc == E_OK && !a->request.device && !call_id)
        rc = api_bad(job, "device", "you stand at no device: name one");
    if (rc == E_OK && text_eq(action, "dial") && !a->request.number)
        rc = api_bad(job, "number", "number is missing");
    if (rc == E_OK && text_eq(action, "transfer") && !a->request.to)
        rc = api_bad(job, "to", "to is missing");
    if (rc < 0) {
        api_answer(job, rc, NULL);
        return;
    }
    job->then = act_now;
    api_write(job, "call_action", note_action);
}

static void dial(struct http_req *req, void *ctx)
{
    start(req, ctx, "dial", 0);
}

static void act_on_call(struct http_req *req, void *ctx)
{
    int64_t id;
    if (http_param_id(req, "id", &id))
        start(req, ctx, strrchr(http_path(req), '/') + 1, id);
}

/* ready and not_ready of the asker, or of another for those who supervise. */
static void set_agent(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    const char *user = http_param(req, "user");
    const struct staff_account *a = staff_by_name(e->o.staff, user);
    if (!a || a->kind != STAFF_PERSON) {
        http_problem(req, 404, "there is no agent %s", user);
        return;
    }
    const struct actor *actor = http_actor(req);
    bool self = text_eq(actor->name, user);
    if (!self && actor->kind == STAFF_PERSON && !(MAY_SUPERVISE & MAY_ROLE(actor->role))) {
        http_problem(req, 403, "another's state is a supervisor's to change");
        return;
    }
    if (!a->device[0]) {
        http_problem(req, 409, "%s stands at no device", user);
        return;
    }
    struct api_job *job = api_job(req, e);
    struct act *act = xcalloc(1, sizeof(*act));
    const char *reason;
    job->arg = act;
    job->free_arg = free;
    if (api_text_opt(job, "reason", sizeof(act->reason) - 1, &reason) < 0) {
        api_answer(job, E_INVALID, NULL);
        return;
    }
    text_copy(act->device, sizeof(act->device), a->device);
    text_copy(act->reason, sizeof(act->reason), reason);
    text_copy(act->action, sizeof(act->action), strrchr(http_path(req), '/') + 1);
    act->request = (struct call_control_request){
        .action = act->action, .device = act->device, .reason = reason ? act->reason : NULL};
    job->then = act_now;
    api_write(job, "agent_state", note_action);
}

/* ---- agents and sources ---- */

struct agents {
    struct api_job *job;
    int left;
    int64_t last;
    bool more;
};

static void put_agent(void *ctx, const struct staff_account *a)
{
    struct agents *list = ctx;
    struct calls_device d = {0};
    if (a->kind != STAFF_PERSON || a->disabled || a->id <= list->job->before)
        return;
    if (list->left-- <= 0) {
        list->more = true;
        return;
    }
    list->last = a->id;
    bool known = a->device[0] && calls_device(list->job->e->o.calls, a->device, &d);
    const char *state = known ? calls_agent_state_name(d.state) : NULL;
    int64_t since = known && d.since > a->device_since ? d.since : a->device_since;
    struct jw *w = &list->job->w;
    jw_obj(w);
    jw_kstr(w, "user", a->name);
    jw_kstr(w, "name", a->display[0] ? a->display : a->name);
    jw_kstr(w, "role", staff_role_name(a->role));
    jw_kstr(w, "department", a->department[0] ? a->department : NULL);
    jw_kstr(w, "device", a->device[0] ? a->device : NULL);
    jw_kstr(w, "state", state ? state : a->device[0] ? "ready" : "logged_off");
    jw_kstr(w, "reason", known && d.reason[0] ? d.reason : NULL);
    jw_ktime(w, "since", since);
    jw_kid(w, "call_id", known ? d.call_id : 0);
    jw_end_obj(w);
}

static void list_agents(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = api_job(req, e);
    struct agents list = {.job = job, .left = limit};
    job->before = after;
    api_items(job);
    staff_each(e->o.staff, put_agent, &list);
    api_items_end(job, list.more ? list.last : 0);
    api_answer(job, E_OK, NULL);
}

static void put_source(void *ctx, const struct source_info *info)
{
    struct api_job *job = ctx;
    if (api_list_row(job))
        source_json(info, &job->w);
}

static void list_sources(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_list(req, e);
    if (!job)
        return;
    source_each(e->o.calls, put_source, job);
    api_list_end(job);
}

static void removed(void *ctx, int rc, const struct errmsg *why)
{
    struct api_job *job = ctx;
    buf_reset(&job->out);
    buf_adds(&job->out, "{\"ok\":true}");
    api_answer(job, rc, rc < 0 && why->text[0] ? why : NULL);
}

static void remove_now(struct api_job *job)
{
    source_remove(job->e->o.calls, http_param(job->req, "name"), removed, job);
}

static int note_removal(struct ledger_tx *tx, struct api_job *job)
{
    buf_adds(&job->out, "{\"ok\":true}");
    return api_audit(tx, job->actor.name, "source.remove", http_param(job->req, "name"), NULL);
}

static void remove_source(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    job->then = remove_now;
    api_write(job, "source_remove", note_removal);
}

/* ---- the table ---- */

#define WHO (MAY_STAFF | MAY_INTEGRATION)
#define ACTION(verb, says, ...)                                                                    \
    ROUTE(POST, "/api/v1/calls/{id}/" verb, WHO, act_on_call, says, .answer = "Done", __VA_ARGS__)

const struct http_route api_call_routes[] = {
    ROUTE(GET, "/api/v1/calls", MAY_READ, list_calls, "Calls, newest first",
          .query = "source call party since state person:int limit:int cursor", .answer = "[Call]"),
    ROUTE(POST, "/api/v1/calls", WHO, dial,
          "Dial: the asker's phone rings first, then the number is called",
          .body = "number! device", .answer = "Done"),
    ROUTE(GET, "/api/v1/calls/{id}", MAY_READ, get_call, "One call", .answer = "Call"),
    ACTION("answer", "Answer it at a device", .body = "device"),
    ACTION("hangup", "Hang up", .body = "device"),
    ACTION("hold", "Put it on hold", .body = "device"),
    ACTION("retrieve", "Take it from hold", .body = "device"),
    ACTION("transfer", "Transfer it", .body = "to! kind device"),
    ACTION("park", "Park it", .body = "device to"),
    ROUTE(GET, "/api/v1/agents", MAY_READ, list_agents, "Who works here, where, and how they are",
          .query = "limit:int cursor", .answer = "[Agent]"),
    ROUTE(POST, "/api/v1/agents/{user}/ready", WHO, set_agent, "Take calls again",
          .answer = "Done"),
    ROUTE(POST, "/api/v1/agents/{user}/not_ready", WHO, set_agent, "Take no calls",
          .body = "reason", .answer = "Done"),
    ROUTE(GET, "/api/v1/sources", MAY_READ, list_sources, "The PBXs, and what each can do",
          .query = "limit:int cursor", .answer = "[Source]"),
    ROUTE(DELETE, "/api/v1/sources/{name}", MAY_ADMIN, remove_source,
          "Forget a PBX that has no calls and for which nobody speaks", .answer = "Done"),
    {.path = NULL},
};
