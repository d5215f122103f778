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

#define REST_MIN_MS    1000
#define CLAIM_AGAIN_MS 1000 /* after a claim that the ledger refused */

/* Text columns of a claimed row, in the order of the query. */
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
    int64_t id, at, ticket_id, person_id, base;
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

static int read_due(struct ledger_tx *tx, struct claim *c)
{
    static const char sql[] =
        "SELECT id, queued_at, ticket_id, person_id, not_before, attempts, urgent, key, channel, "
        "class, recipient, "
        "text, subject, template, provider_template, params_json, language, event_type, event_json "
        "FROM message WHERE gateway = $1 AND done = 0 AND next_at <= $2 ORDER BY next_at LIMIT $3";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_text(q, 1, c->gateway->name);
    db_bind_int(q, 2, ledger_now(tx));
    db_bind_int(q, 3, c->limit);
    while (db_row(q)) {
        struct job *j = xcalloc(1, sizeof(*j));
        j->gateway = c->gateway;
        j->id = db_int(q, 0);
        j->at = db_int(q, 1);
        j->ticket_id = db_int(q, 2);
        j->person_id = db_int(q, 3);
        j->attempt = (int)db_int(q, 5) + 1;
        j->urgent = db_int(q, 6) != 0;
        outbox_ticket_text(j->ticket_id, j->ticket);
        for (int i = 0; i < JOB_TEXTS; i++)
            j->text[i] = xstrdup(db_text(q, 7 + i));
        *c->tail = j;
        c->tail = &j->next;
    }
    return db_end(q);
}

static int set_state(struct ledger_tx *tx, const struct job *j, const char *state, int64_t next_at,
                     const char *error)
{
    static const char sql[] =
        "UPDATE message SET state = $2, attempts = attempts + $3, next_at = $4, "
        "error = coalesce($5, error), "
        "done = CASE WHEN $2 = 'cancelled' THEN 1 ELSE 0 END WHERE id = $1";
    struct db_q *q = db_query(ledger_db(tx), sql);
    bool sending = strcmp(state, "sending") == 0;
    db_bind_int(q, 1, j->id);
    db_bind_text(q, 2, state);
    db_bind_int(q, 3, sending);
    db_bind_opt(q, 4, next_at);
    db_bind_text(q, 5, error);
    return db_run(q);
}

/* Owners are asked again at the moment of sending: consent may be gone, the night may have come.
 * *go says whether the message leaves. */
static int may_leave(struct outbox *ob, struct ledger_tx *tx, const struct job *j, bool *go)
{
    struct consent consent;
    int64_t now = ledger_now(tx), until;
    char error[64];
    *go = true;
    if (!j->person_id || j->urgent || j->text[JOB_EVENT_TYPE])
        return 0;
    int rc = outbox_consent_of(ledger_db(tx), j->person_id, &consent);
    if (rc < 0 && rc != E_NOTFOUND)
        return rc;
    const char *forbids =
        rc ? NULL : consent_forbids(&consent, j->text[JOB_CHANNEL], j->text[JOB_CLASS]);
    if (forbids) {
        *go = false;
        snprintf(error, sizeof(error), "consent '%s' was withdrawn", forbids);
        rc = set_state(tx, j, "cancelled", 0, error);
        return rc < 0 ? rc : outbox_announce(ob, tx, j->id, j->gateway->name, 0);
    }
    until = quiet_until(&ob->rules->quiet, now);
    if (until > now) {
        *go = false;
        return set_state(tx, j, "queued", until, NULL);
    }
    return 0;
}

static int next_due(struct ledger_tx *tx, struct claim *c)
{
    struct db_q *q =
        db_query(ledger_db(tx), "SELECT min(next_at) FROM message WHERE gateway = $1 AND done = 0");
    c->next_due = OUTBOX_NEVER;
    db_bind_text(q, 1, c->gateway->name);
    if (db_row(q) && !db_is_null(q, 0))
        c->next_due = db_int(q, 0);
    return db_end(q);
}

static int claim_run(struct ledger_tx *tx, void *arg)
{
    struct claim *c = arg;
    struct outbox *ob = c->gateway->ob;
    const char *from = ob->rules->site->messages.email.from;
    jobs_free(c);
    int rc = read_due(tx, c);
    for (struct job **p = &c->jobs; rc == E_OK && *p;) {
        struct job *j = *p;
        bool go;
        rc = may_leave(ob, tx, j, &go);
        if (rc < 0)
            break;
        if (go) {
            j->from = text_eq(j->text[JOB_CHANNEL], "email") ? xstrdup(from) : NULL;
            rc = set_state(tx, j, "sending", 0, NULL);
            p = &j->next;
        } else {
            *p = j->next;
            job_free(j);
        }
    }
    return rc < 0 ? rc : next_due(tx, c);
}

static void send_job(struct job *j);

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

struct row {
    enum msg_state state;
    int attempts;
    int64_t base, expires_at, sent_at;
    char key[80], channel[16], message_class[24];
};

static int read_row(struct ledger_tx *tx, int64_t id, struct row *r)
{
    static const char sql[] =
        "SELECT state, attempts, coalesce(not_before, queued_at), expires_at, sent_at, key, "
        "channel, class FROM message WHERE id = $1";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    if (found) {
        r->state = msg_state_parse(db_str(q, 0));
        r->attempts = (int)db_int(q, 1);
        r->base = db_int(q, 2);
        r->expires_at = db_int(q, 3);
        r->sent_at = db_int(q, 4);
        text_copy(r->key, sizeof(r->key), db_str(q, 5));
        text_copy(r->channel, sizeof(r->channel), db_str(q, 6));
        text_copy(r->message_class, sizeof(r->message_class), db_str(q, 7));
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

static int write_sent(struct ledger_tx *tx, const struct outcome *o, const struct row *r)
{
    /* A receipt may have moved it further already: then only what was not known is added. */
    static const char sql[] =
        "UPDATE message SET state = CASE WHEN done = 0 THEN 'sent' ELSE state END, next_at = NULL, "
        "done = 1, "
        "sent_at = coalesce(sent_at, $2), provider_id = coalesce($3, provider_id), "
        "error = CASE WHEN done = 0 THEN NULL ELSE error END WHERE id = $1";
    struct db_q *q = db_query(ledger_db(tx), sql);
    const char *provider = *o->verdict.provider_id ? o->verdict.provider_id : NULL;
    db_bind_int(q, 1, o->id);
    db_bind_int(q, 2, ledger_now(tx));
    db_bind_text(q, 3, provider);
    int rc = db_run(q);
    return rc < 0 ? rc : outbox_match_kept(o->ob, tx, o->gateway->name, r->key, provider);
}

static int write_end(struct ledger_tx *tx, const struct outcome *o, const char *state,
                     const char *error)
{
    static const char sql[] =
        "UPDATE message SET state = $2, next_at = NULL, done = 1, error = $3, "
        "failed_at = $4 WHERE id = $1";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_int(q, 1, o->id);
    db_bind_text(q, 2, state);
    db_bind_text(q, 3, error);
    db_bind_opt(q, 4, strcmp(state, "failed") == 0 ? ledger_now(tx) : 0);
    int rc = db_run(q);
    return rc < 0 ? rc : outbox_fall_back(o->ob, tx, o->id);
}

static int write_retry(struct ledger_tx *tx, const struct outcome *o, const struct row *r,
                       int64_t at)
{
    static const char sql[] =
        "UPDATE message SET state = 'queued', next_at = $2, error = $3 WHERE id = $1";
    struct db_q *q = db_query(ledger_db(tx), sql);
    db_bind_int(q, 1, o->id);
    db_bind_int(q, 2, at);
    db_bind_text(q, 3, o->verdict.error);
    return db_run(q);
}

static int outcome_run(struct ledger_tx *tx, void *arg)
{
    struct outcome *o = arg;
    struct row r;
    int64_t wake = 0;
    int rc = read_row(tx, o->id, &r);
    if (rc == E_NOTFOUND)
        return 0;
    if (rc < 0)
        return rc;
    bool open = r.state == MSG_SENDING || r.state == MSG_QUEUED;
    if (o->verdict.outcome == STEWARD_SENT) {
        rc = write_sent(tx, o, &r);
    } else if (!open) {
        return 0; /* a receipt knew better */
    } else if (o->verdict.outcome == STEWARD_FAILED) {
        rc = write_end(tx, o, "failed", o->verdict.error);
    } else {
        wake = retry_at(r.base, r.attempts, ledger_now(tx), o->verdict.retry_after_ms, o->jitter);
        if (r.expires_at && wake > r.expires_at) {
            wake = 0;
            rc = write_end(tx, o, "expired", o->verdict.error);
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

/* What a status means when no gateway judges it (webhooks.md, 4). */
static enum steward_outcome plain_outcome(int status)
{
    if (status >= 200 && status < 300)
        return STEWARD_SENT;
    bool later = status == 0 || status == 408 || status == 425 || status == 429 || status >= 500;
    return later ? STEWARD_RETRY : STEWARD_FAILED;
}

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

static void on_answer(void *arg, const struct sender_answer *a)
{
    struct job *j = arg;
    struct gateway *g = j->gateway;
    struct outbox *ob = g->ob;
    struct steward_verdict v = {.struct_size = sizeof(v)};
    g->state.in_flight--;
    judge(j, a, &v);
    note_health(g, a->status > 0 && a->status < 500, v.error);
    count_outcome(g, v.outcome);
    submit_outcome(j, &v);
    outbox_pump(ob);
}

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
