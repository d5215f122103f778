/*
 * api_messages.c - messages over HTTP, and the hooks of their gateways.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "domain/ticket_id.h"
#include "service/messages/inbound.h"
#include "service/messages/outbox.h"
#include "service/tell/tell.h"

/* ---- messages ---- */

#define STATES "queued, sending, sent, delivered, failed, expired, cancelled"

struct list_query {
    int64_t ticket, person;
};

static int read_list(struct db *db, struct api_job *job)
{
    const struct list_query *q = job->arg;
    struct outbox_filter f = {.state = http_query(job->req, "state"),
                              .gateway = http_query(job->req, "gateway"),
                              .account = http_query(job->req, "account"),
                              .ticket_id = q->ticket,
                              .person_id = q->person,
                              .before = job->before,
                              .limit = job->limit,
                              .mask = job->actor.role == ROLE_AUDITOR};
    int64_t next = 0;
    api_items(job);
    int rc = outbox_list(db, &f, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

/* ticket= is written T-000123 or 123; false: answered. */
static bool ticket_query(struct http_req *req, int64_t *id)
{
    const char *text = http_query(req, "ticket");
    *id = 0;
    if (!text || ticket_id_parse(text, id) == E_OK)
        return true;
    http_invalid(req, "ticket", "ticket is not a ticket's number");
    return false;
}

static void list_messages(struct http_req *req, void *ctx)
{
    struct list_query q;
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before) || !http_query_word(req, "state", STATES) ||
        !ticket_query(req, &q.ticket) || !http_query_int(req, "person", 1, INT64_MAX, 0, &q.person))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    api_job_keep(job, &q, sizeof(q));
    api_read(job, "messages", read_list);
}

static int read_message(struct db *db, struct api_job *job)
{
    return outbox_json(db, job->id, job->actor.role == ROLE_AUDITOR, &job->w);
}

static void get_message(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "message", read_message);
}

/* A refused consent stays in the audit log, though the command is rolled back. */
static int note_refusal(struct ledger_tx *tx, struct api_job *job)
{
    const json_t *body = job->id ? NULL : http_body(job->req);
    int64_t person = json_integer_value(json_object_get(body, "person_id"));
    const char *to = json_string_value(json_object_get(body, "to"));
    char masked[256];
    if (to)
        mask_text(to, masked, sizeof(masked));
    return outbox_record_refusal(tx, job->actor.name, person, job->id, to ? masked : NULL,
                                 job->why.text);
}

/* A refused consent is a state, not a matter of who asks. */
static int refusal(struct api_job *job, int rc, const struct errmsg *why)
{
    if (rc != E_DENIED)
        return api_why(job, rc, why);
    job->refused = note_refusal;
    job->why = *why;
    return api_why(job, E_CONFLICT, why);
}

static int run_send(struct ledger_tx *tx, struct api_job *job)
{
    struct errmsg why = {""};
    int64_t id = 0;
    int rc = outbox_create(job->e->o.outbox, tx, http_body(job->req), &id, &why);
    if (rc < 0)
        return refusal(job, rc, &why);
    job->status = 201;
    return outbox_json(ledger_db(tx), id, false, &job->w);
}

static void post_message(struct http_req *req, void *ctx)
{
    api_write(api_job(req, ctx), "message_send", run_send);
}

static int run_resend(struct ledger_tx *tx, struct api_job *job)
{
    struct errmsg why = {""};
    int64_t id = 0;
    int rc = outbox_resend(job->e->o.outbox, tx, job->id, job->actor.name, &id, &why);
    if (rc < 0)
        return refusal(job, rc, &why);
    job->status = 201;
    return outbox_json(ledger_db(tx), id, false, &job->w);
}

static int run_cancel(struct ledger_tx *tx, struct api_job *job)
{
    struct errmsg why = {""};
    enum msg_state now = MSG_STATES;
    int rc = outbox_cancel(job->e->o.outbox, tx, job->id, job->actor.name, &now, &why);
    if (rc == E_CONFLICT && now < MSG_STATES) {
        text_copy(job->verb.state, sizeof(job->verb.state), msg_state_name(now));
        text_copy(job->verb.allowed, sizeof(job->verb.allowed), "[\"resend\"]");
    }
    return rc < 0 ? api_why(job, rc, &why) : outbox_json(ledger_db(tx), job->id, false, &job->w);
}

static void do_message(struct http_req *req, void *ctx, const char *name, api_write_fn *fn)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_write(job, name, fn);
}

static void resend_message(struct http_req *req, void *ctx)
{
    do_message(req, ctx, "message_resend", run_resend);
}

static void cancel_message(struct http_req *req, void *ctx)
{
    do_message(req, ctx, "message_cancel", run_cancel);
}

/* ---- what owners write ---- */

static int read_inbound(struct db *db, struct api_job *job)
{
    const struct list_query *q = job->arg;
    struct inbound_filter f = {.became = http_query(job->req, "became"),
                               .person_id = q->person,
                               .ticket_id = q->ticket,
                               .before = job->before,
                               .limit = job->limit};
    int64_t next = 0;
    api_items(job);
    int rc = inbound_list(db, &f, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void list_inbound(struct http_req *req, void *ctx)
{
    struct list_query q;
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before) || !http_query_word(req, "became", INBOUND_BECAME) ||
        !ticket_query(req, &q.ticket) || !http_query_int(req, "person", 1, INT64_MAX, 0, &q.person))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    api_job_keep(job, &q, sizeof(q));
    api_read(job, "inbound", read_inbound);
}

/* ---- alerts ---- */

static int read_alerts(struct db *db, struct api_job *job)
{
    const char *open = http_query(job->req, "open");
    int64_t next = 0;
    api_items(job);
    int rc =
        tell_alerts(db, open && strcmp(open, "true") == 0, job->before, job->limit, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void list_alerts(struct http_req *req, void *ctx)
{
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before) || !http_query_word(req, "open", "true, false"))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    api_read(job, "alerts", read_alerts);
}

static int run_ack(struct ledger_tx *tx, struct api_job *job)
{
    return tell_alert_ack(tx, job->id, job->actor.name, &job->w);
}

static void ack_alert(struct http_req *req, void *ctx)
{
    do_message(req, ctx, "alert_ack", run_ack);
}

#define WHO (MAY_STAFF | MAY_INTEGRATION)

const struct http_route api_message_routes[] = {
    ROUTE(GET, "/api/v1/messages", MAY_READ, list_messages, "Messages, newest first",
          .query = "state ticket person:int gateway account limit:int cursor",
          .answer = "[Message]"),
    ROUTE(POST, "/api/v1/messages", WHO, post_message, "Send a message to one recipient",
          .body = "channel class to person_id:int account ticket template provider_template "
                  "params:object "
                  "text subject language not_before",
          .answer = "Message"),
    ROUTE(GET, "/api/v1/inbound", MAY_READ, list_inbound,
          "What owners wrote, newest first, with what became of it",
          .query = "became ticket person:int limit:int cursor", .answer = "[Inbound]"),
    ROUTE(GET, "/api/v1/messages/{id}", MAY_READ, get_message, "One message", .answer = "Message"),
    ROUTE(POST, "/api/v1/messages/{id}/resend", WHO, resend_message,
          "Send it once more, as a new message", .answer = "Message"),
    ROUTE(POST, "/api/v1/messages/{id}/cancel", WHO, cancel_message, "Call it off while it waits",
          .answer = "Message"),
    ROUTE(GET, "/api/v1/alerts", MAY_READ, list_alerts,
          "What somebody should look at, newest first; open=true: not acknowledged yet",
          .query = "open limit:int cursor", .answer = "[Alert]"),
    ROUTE(POST, "/api/v1/alerts/{id}/ack", MAY_STAFF, ack_alert, "Somebody has seen it",
          .answer = "Alert"),
    {.path = NULL},
};
