/*
 * outbox_send.c - one message's way out: a due row is claimed (and marked `sending`, committed),
 * its gateway describes the request, the sender carries it, the gateway judges the answer, and the
 * outcome goes back into the ledger.
 */
#include "service/messages/outbox_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "domain/retry.h"
#include "domain/sms.h"
#include "store/repo_message.h"

#define REST_MIN_MS    1000
#define CLAIM_AGAIN_MS 1000 /* after a claim that the ledger refused */

/* Texts of a claimed row. */
enum job_text {
    JOB_KEY,
    JOB_CHANNEL,
    JOB_CLASS,
    JOB_TO,
    JOB_TEXT,
    JOB_SUBJECT,
    JOB_TEMPLATE,
    JOB_PROVIDER_TEMPLATE,
    JOB_PARAMS,
    JOB_LANGUAGE,
    JOB_EVENT_TYPE,
    JOB_EVENT_JSON,
    JOB_TEXTS
};

struct job {
    struct job *next;
    struct gateway *gateway;
    int64_t id, at, ticket_id, person_id;
    int attempt; /* the one that begins */
    bool urgent;
    char ticket[24];
    char *text[JOB_TEXTS];
    char *from;
};

struct claim {
    struct gateway *gateway;
    int limit;
    struct job *jobs, **tail;
    int64_t next_due;
};

struct outcome {
    struct outbox *ob;
    struct gateway *gateway;
    int64_t id;
    struct steward_verdict verdict;
    int jitter;
};

static void job_free(struct job *j)
{
    for (int i = 0; i < JOB_TEXTS; i++)
        free(j->text[i]);
    free(j->from);
    free(j);
}

static void jobs_free(struct claim *c)
{
    while (c->jobs) {
        struct job *j = c->jobs;
        c->jobs = j->next;
        job_free(j);
    }
    c->tail = &c->jobs;
}

/* ---- claim: in the ledger ---- */

/* A copy: the row is gone when the request leaves. */
static void take_due(void *ctx, const struct message_row *row)
{
    struct claim *c = ctx;
    struct job *j = xcalloc(1, sizeof(*j));
    const char *const texts[JOB_TEXTS] = {
        [JOB_KEY] = row->key,
        [JOB_CHANNEL] = row->channel,
        [JOB_CLASS] = row->message_class,
        [JOB_TO] = row->recipient,
        [JOB_TEXT] = row->text,
        [JOB_SUBJECT] = row->subject,
        [JOB_TEMPLATE] = row->template_name,
        [JOB_PROVIDER_TEMPLATE] = row->provider_template,
        [JOB_PARAMS] = row->params_json,
        [JOB_LANGUAGE] = row->language,
        [JOB_EVENT_TYPE] = row->event_type,
        [JOB_EVENT_JSON] = row->event_json,
    };
    j->gateway = c->gateway;
    j->id = row->id;
    j->at = row->queued_at;
    j->ticket_id = row->ticket_id;
    j->person_id = row->person_id;
    j->attempt = row->attempts + 1;
    j->urgent = row->urgent;
    outbox_ticket_text(j->ticket_id, j->ticket);
    for (int i = 0; i < JOB_TEXTS; i++)
        j->text[i] = xstrdup(texts[i]);
    *c->tail = j;
    c->tail = &j->next;
}

static int move(struct ledger_tx *tx, const struct job *j, enum msg_state to, int64_t next_at,
                const char *error, const char *cause)
{
    struct message_move m = {
        .from = MSG_QUEUED, .to = to, .next_at = next_at, .error = error, .cause = cause};
    return repo_message_move(ledger_db(tx), j->id, &m);
}

/* Owners are asked again at the moment of sending: consent may be gone, the night may have come.
 * *go says whether the message leaves. */
static int may_leave(struct outbox *ob, struct ledger_tx *tx, const struct job *j, bool *go)
{
    struct consent_reach reach;
    int64_t now = ledger_now(tx), until;
    char error[64];
    *go = true;
    if (j->urgent || j->text[JOB_EVENT_TYPE] || text_eq(j->text[JOB_CLASS], "staff"))
        return 0;
    int rc = repo_consent_reach(ledger_db(tx), j->text[JOB_TO], j->person_id, &reach);
    if (rc < 0)
        return rc;
    struct consent consent = outbox_consent(&reach);
    const char *forbids = consent_forbids(&consent, j->text[JOB_CHANNEL], j->text[JOB_CLASS]);
    if (forbids) {
        *go = false;
        snprintf(error, sizeof(error), "consent '%s' was withdrawn", forbids);
        rc = move(tx, j, MSG_CANCELLED, 0, error, "consent");
        return rc < 0 ? rc : outbox_announce(ob, tx, j->id, j->gateway->name, 0);
    }
    until = j->person_id ? quiet_until(&ob->rules->quiet, now) : now;
    if (until > now) {
        *go = false;
        return repo_message_delay(ledger_db(tx), j->id, until);
    }
    return 0;
}

static int next_due(struct ledger_tx *tx, struct claim *c)
{
    int64_t at = 0;
    int rc = repo_message_next_due(ledger_db(tx), c->gateway->name, &at);
    c->next_due = at ? at : OUTBOX_NEVER;
    return rc;
}

/* Due rows become `sending` in the same transaction that reads them: nobody sends them twice. */
static int claim_run(struct ledger_tx *tx, void *arg)
{
    struct claim *c = arg;
    struct outbox *ob = c->gateway->ob;
    const char *from = ob->rules->site->messages.email.from;
    jobs_free(c);
    int rc =
        repo_message_due(ledger_db(tx), c->gateway->name, ledger_now(tx), c->limit, take_due, c);
    for (struct job **p = &c->jobs; rc == E_OK && *p;) {
        struct job *j = *p;
        bool go;
        rc = may_leave(ob, tx, j, &go);
        if (rc < 0)
            break;
        if (go) {
            j->from = text_eq(j->text[JOB_CHANNEL], "email") ? xstrdup(from) : NULL;
            rc = move(tx, j, MSG_SENDING, 0, NULL, "claimed");
            p = &j->next;
        } else {
            *p = j->next;
            job_free(j);
        }
    }
    return rc < 0 ? rc : next_due(tx, c);
}

static void send_job(struct job *j);

/* What was woken meanwhile counts, too: the nearer moment wins. */
static void claim_done(void *arg, int rc, const struct errmsg *why)
{
    struct claim *c = arg;
    struct gateway *g = c->gateway;
    struct outbox *ob = g->ob;
    g->claiming = false;
    if (rc < 0) {
        log_warn(&ob->log, "messages of '%s' cannot be claimed: %s", g->name, why->text);
        jobs_free(c);
        g->due_at = clock_now_ms() + CLAIM_AGAIN_MS;
    } else {
        g->due_at = c->next_due < g->woken_at ? c->next_due : g->woken_at;
    }
    g->woken_at = OUTBOX_NEVER;
    while (c->jobs) {
        struct job *j = c->jobs;
        c->jobs = j->next;
        send_job(j);
    }
    free(c);
    outbox_pump(ob);
}

void outbox_claim(struct gateway *g, int n)
{
    struct claim *c = xcalloc(1, sizeof(*c));
    struct ledger_cmd cmd = {
        .name = "outbox claim", .run = claim_run, .done = claim_done, .arg = c};
    c->gateway = g;
    c->limit = n;
    c->tail = &c->jobs;
    g->claiming = true;
    if (ledger_submit(g->ob->opts.ledger, &cmd)) {
        g->claiming = false;
        free(c);
    }
}

/* ---- outcome: in the ledger ---- */

/* The message as it stands when its outcome comes. */
struct row {
    enum msg_state state;
    int attempts;
    int64_t base, expires_at;
    char key[80];
};

static void take_row(void *ctx, const struct message_row *m)
{
    struct row *r = ctx;
    r->state = m->state;
    r->attempts = m->attempts;
    r->base = m->not_before ? m->not_before : m->queued_at;
    r->expires_at = m->expires_at;
    text_copy(r->key, sizeof(r->key), m->key);
}

/* A receipt may have moved it further already: then only what was not known is added. */
static int write_sent(struct ledger_tx *tx, const struct outcome *o, const struct row *r)
{
    const char *provider = *o->verdict.provider_id ? o->verdict.provider_id : NULL;
    struct message_move m = {.from = r->state,
                             .to = MSG_SENT,
                             .sent_at = ledger_now(tx),
                             .provider_id = provider,
                             .cause = "answer"};
    int rc = msg_may_move(r->state, MSG_SENT)
                 ? repo_message_move(ledger_db(tx), o->id, &m)
                 : repo_message_sent_late(ledger_db(tx), o->id, ledger_now(tx), provider);
    return rc < 0 ? rc : outbox_match_kept(o->ob, tx, o->gateway->name, r->key, provider);
}

static int write_end(struct ledger_tx *tx, const struct outcome *o, const struct row *r,
                     enum msg_state to)
{
    struct message_move m = {.from = r->state,
                             .to = to,
                             .at = ledger_now(tx),
                             .error = o->verdict.error,
                             .cause = "answer"};
    int rc = repo_message_move(ledger_db(tx), o->id, &m);
    return rc < 0 ? rc : outbox_fall_back(o->ob, tx, o->id);
}

static int write_retry(struct ledger_tx *tx, const struct outcome *o, const struct row *r,
                       int64_t at)
{
    struct message_move m = {.from = r->state,
                             .to = MSG_QUEUED,
                             .next_at = at,
                             .error = o->verdict.error,
                             .cause = "to be tried again"};
    return repo_message_move(ledger_db(tx), o->id, &m);
}

static int outcome_run(struct ledger_tx *tx, void *arg)
{
    struct outcome *o = arg;
    struct row r;
    int64_t wake = 0;
    int rc = repo_message_get(ledger_db(tx), o->id, take_row, &r);
    if (rc == E_NOTFOUND)
        return 0;
    if (rc < 0)
        return rc;
    if (o->verdict.outcome == STEWARD_SENT) {
        rc = write_sent(tx, o, &r);
    } else if (r.state != MSG_SENDING) {
        return 0; /* a receipt knew better */
    } else if (o->verdict.outcome == STEWARD_FAILED) {
        rc = write_end(tx, o, &r, MSG_FAILED);
    } else {
        wake = retry_at(r.base, r.attempts, ledger_now(tx), o->verdict.retry_after_ms, o->jitter);
        if (r.expires_at && wake > r.expires_at) {
            wake = 0;
            rc = write_end(tx, o, &r, MSG_EXPIRED);
        } else {
            rc = write_retry(tx, o, &r, wake);
        }
    }
    return rc < 0 ? rc : outbox_announce(o->ob, tx, o->id, o->gateway->name, wake);
}

static void outcome_done(void *arg, int rc, const struct errmsg *why)
{
    struct outcome *o = arg;
    if (rc < 0)
        log_complain(&o->ob->unstored, &o->ob->log,
                     "the outcome of message %lld cannot be stored: %s", (long long)o->id,
                     why->text);
    free(o);
}

static void submit_outcome(struct job *j, const struct steward_verdict *v)
{
    struct outcome *o = xcalloc(1, sizeof(*o));
    struct ledger_cmd cmd = {.name = "outbox outcome",
                             .run = outcome_run,
                             .done = outcome_done,
                             .arg = o,
                             .insist = true};
    o->ob = j->gateway->ob;
    o->gateway = j->gateway;
    o->id = j->id;
    o->verdict = *v;
    o->jitter = (int)rng_below(1001);
    /* insist always fits; a refusal means that the ledger ends, and the row goes back at start. */
    if (ledger_submit(o->ob->opts.ledger, &cmd))
        free(o);
    job_free(j);
}

/* ---- on the loop ---- */

/* The ABI's view of a job; its texts live as long as the job. */
static void view_of(const struct job *j, struct steward_message *m)
{
    *m = (struct steward_message){
        .struct_size = sizeof(*m),
        .id = j->id,
        .key = j->text[JOB_KEY],
        .channel = j->text[JOB_CHANNEL],
        .message_class = j->text[JOB_CLASS],
        .to = j->text[JOB_TO],
        .from = j->from,
        .text = j->text[JOB_TEXT],
        .subject = j->text[JOB_SUBJECT],
        .ticket = *j->ticket ? j->ticket : NULL,
        .template_name = j->text[JOB_TEMPLATE],
        .provider_template = j->text[JOB_PROVIDER_TEMPLATE],
        .params_json = j->text[JOB_PARAMS] ? j->text[JOB_PARAMS] : "{}",
        .language = j->text[JOB_LANGUAGE],
        .at = j->at,
        .attempt = j->attempt,
        .event_type = j->text[JOB_EVENT_TYPE],
        .event_json = j->text[JOB_EVENT_JSON],
        .gsm7 = sms_is_gsm7(j->text[JOB_TEXT]),
    };
}

/* What is wrong with the gateway, not with the message: its address, its token, its way. Every
 * message would fare alike, so that none is lost by it and the gateway rests. */
static bool is_gateway_fault(int status)
{
    static const int faults[] = {301, 302, 303, 307, 308, 401, 403, 404, 405, 407};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        if (faults[i] == status)
            return true;
    return false;
}

/* What a status means when no gateway judges it (webhooks.md, 4). */
static enum steward_outcome plain_outcome(int status)
{
    if (status >= 200 && status < 300)
        return STEWARD_SENT;
    bool later = status == 0 || is_gateway_fault(status) || status == 408 || status == 425 ||
                 status == 429 || status >= 500;
    return later ? STEWARD_RETRY : STEWARD_FAILED;
}

/* The status alone judges first; a gateway that is there may know better. */
static void judge(struct job *j, const struct sender_answer *a, struct steward_verdict *v)
{
    struct steward_response res = {.struct_size = sizeof(res),
                                   .status = a->status,
                                   .body = a->body,
                                   .body_len = a->body_len,
                                   .error = a->error,
                                   .retry_after_ms = a->retry_after_ms};
    struct steward_message m;
    v->outcome = plain_outcome(a->status);
    v->retry_after_ms = a->retry_after_ms;
    if (v->outcome != STEWARD_SENT && a->status)
        snprintf(v->error, sizeof(v->error), "HTTP status %d", a->status);
    else if (v->outcome != STEWARD_SENT)
        text_copy(v->error, sizeof(v->error), a->error ? a->error : "no answer");
    if (!j->gateway->registered)
        return;
    view_of(j, &m);
    j->gateway->ops.judge(j->gateway->ops.ctx, &m, &res, v);
}

/* A gateway that does not answer at all rests for a growing while, then one message tries it; no
 * message loses an attempt by that. */
static void note_health(struct gateway *g, bool answered, const char *error)
{
    if (answered) {
        if (g->down.active)
            log_recovered(&g->down, &g->ob->log, "gateway answers");
        g->state.failing = 0;
        g->state.held_until = 0;
        return;
    }
    g->state.failing++;
    if (g->state.failing < REST_AFTER)
        return;
    int shift = g->state.failing - REST_AFTER;
    int64_t rest = shift > 6 ? REST_MAX_MS : REST_MIN_MS << shift;
    g->state.held_until = clock_now_ms() + (rest > REST_MAX_MS ? REST_MAX_MS : rest);
    log_complain(&g->down, &g->ob->log, "gateway '%s' fails: %s", g->name, error);
}

static void count_outcome(struct gateway *g, enum steward_outcome outcome)
{
    if (outcome == STEWARD_SENT)
        g->state.sent++;
    else if (outcome == STEWARD_RETRY)
        g->state.retried++;
    else
        g->state.failed++;
}

/* A gateway that refuses one message for good (Kannel's 403 "not routable") answers. */
static bool is_well(int status, enum steward_outcome outcome)
{
    if (is_gateway_fault(status))
        return outcome != STEWARD_RETRY;
    return status > 0 && status < 500;
}

static void on_answer(void *arg, const struct sender_answer *a)
{
    struct job *j = arg;
    struct gateway *g = j->gateway;
    struct outbox *ob = g->ob;
    struct steward_verdict v = {.struct_size = sizeof(v)};
    g->state.in_flight--;
    judge(j, a, &v);
    note_health(g, is_well(a->status, v.outcome), v.error);
    count_outcome(g, v.outcome);
    submit_outcome(j, &v);
    outbox_pump(ob);
}

/* What cannot be described is tried again like what cannot be sent. */
static void send_job(struct job *j)
{
    struct gateway *g = j->gateway;
    struct steward_request req = {.struct_size = sizeof(req)};
    struct steward_verdict v = {.struct_size = sizeof(v), .outcome = STEWARD_RETRY};
    struct steward_message m;
    view_of(j, &m);
    if (!g->registered || g->ob->stopping) {
        text_copy(v.error, sizeof(v.error), "the gateway is gone");
        submit_outcome(j, &v);
        return;
    }
    if (g->ops.rate_milli > 0)
        g->tokens -= 1000;
    if (g->ops.prepare(g->ops.ctx, &m, clock_now_ms(), &req, v.error, sizeof(v.error)) < 0) {
        if (!*v.error)
            text_copy(v.error, sizeof(v.error), "the gateway cannot describe the request");
        count_outcome(g, v.outcome);
        submit_outcome(j, &v);
        return;
    }
    g->state.in_flight++;
    sender_submit(g->ob->sender, &req, on_answer, j);
}
