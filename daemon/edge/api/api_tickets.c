/*
 * api_tickets.c - tickets and callbacks over HTTP. What may be done, by whom and from which state
 * is the tickets service's; nothing of it is here.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/tickets/callbacks.h"
#include "service/tickets/tickets.h"

#define PREFIX "/api/v1/tickets/"
#define TICKET_WORDS                                                                               \
    "new, open, dispatched, resolved, awaiting_confirmation, closed, cancelled, open_all"
#define CALLBACK_WORDS "waiting, claimed, done, superseded"

/* ---- reading ---- */

struct list_query {
    const char *state, *responder, *department;
    int64_t person, unit;
};

static int read_list(struct db *db, struct api_job *job)
{
    const struct list_query *q = job->arg;
    struct ticket_filter f = {.state = q->state,
                              .responder = q->responder,
                              .department = q->department,
                              .person_id = q->person,
                              .unit_id = q->unit,
                              .limit = job->limit,
                              .cursor = job->cursor};
    return tickets_list_json(db, job->e->o.tickets, &f, &job->actor, job->now, &job->out);
}

static void list_tickets(struct http_req *req, void *ctx)
{
    struct list_query q = {.state = http_query(req, "state"),
                           .responder = http_query(req, "responder"),
                           .department = http_query(req, "department")};
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before) || !http_query_word(req, "state", TICKET_WORDS) ||
        !http_query_int(req, "person", 1, INT64_MAX, 0, &q.person) ||
        !http_query_int(req, "unit", 1, INT64_MAX, 0, &q.unit))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->cursor = http_query(req, "cursor");
    api_job_keep(job, &q, sizeof(q));
    api_read(job, "tickets", read_list);
}

/* The ticket named in the path; NULL after answering 404. */
static struct api_job *ticket_job(struct http_req *req, struct edge *e)
{
    int64_t id;
    const char *text = http_param(req, "id");
    if (ticket_id_parse(text, &id) < 0) {
        http_problem(req, 404, "there is no ticket %s", text);
        return NULL;
    }
    struct api_job *job = api_job(req, e);
    job->id = id;
    return job;
}

static int read_ticket(struct db *db, struct api_job *job)
{
    return ticket_json(db, job->e->o.tickets, job->id, &job->actor, job->now, &job->out);
}

static void get_ticket(struct http_req *req, void *ctx)
{
    struct api_job *job = ticket_job(req, ctx);
    if (job)
        api_read(job, "ticket", read_ticket);
}

static int read_timeline(struct db *db, struct api_job *job)
{
    return ticket_timeline_json(db, job->id, job->limit, job->cursor, &job->out);
}

static void get_timeline(struct http_req *req, void *ctx)
{
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = ticket_job(req, ctx);
    if (!job)
        return;
    job->limit = limit;
    job->cursor = http_query(req, "cursor");
    api_read(job, "timeline", read_timeline);
}

/* ---- changing ---- */

static int run_create(struct ledger_tx *tx, struct api_job *job)
{
    int rc = tickets_create(job->e->o.tickets, tx, http_body(job->req), &job->actor, &job->verb);
    if (rc < 0)
        return rc;
    job->status = 201;
    return ticket_json(ledger_db(tx), job->e->o.tickets, job->verb.ticket_id, &job->actor, job->now,
                       &job->out);
}

static void post_ticket(struct http_req *req, void *ctx)
{
    api_write(api_job(req, ctx), "ticket_create", run_create);
}

static int run_verb(struct ledger_tx *tx, struct api_job *job)
{
    int rc = tickets_verb(job->e->o.tickets, tx, job->id, job->word, http_body(job->req),
                          &job->actor, job->version, &job->verb);
    if (rc < 0)
        return rc;
    return ticket_json(ledger_db(tx), job->e->o.tickets, job->id, &job->actor, job->now, &job->out);
}

/* What stands behind the ticket's id in the path: "claim", "dispatches/2/accept". */
static const char *verb_of(const struct http_req *req)
{
    const char *rest = strchr(http_path(req) + strlen(PREFIX), '/');
    return rest ? rest + 1 : "patch";
}

static void do_verb(struct http_req *req, void *ctx)
{
    int64_t version;
    if (!http_if_match(req, &version))
        return;
    struct api_job *job = ticket_job(req, ctx);
    if (!job)
        return;
    job->version = version;
    job->word = verb_of(req);
    api_write(job, "ticket_verb", run_verb);
}

/* ---- callbacks ---- */

static int read_callbacks(struct db *db, struct api_job *job)
{
    return callbacks_list_json(db, http_query(job->req, "state"), job->word, job->limit,
                               job->cursor, &job->out);
}

static void list_callbacks(struct http_req *req, void *ctx)
{
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before) || !http_query_word(req, "state", CALLBACK_WORDS))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->cursor = http_query(req, "cursor");
    job->word = api_number(job, "number");
    api_read(job, "callbacks", read_callbacks);
}

static int read_callback(struct db *db, struct api_job *job)
{
    return callback_json(db, job->id, &job->out);
}

static void get_callback(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "callback", read_callback);
}

static int run_callback(struct ledger_tx *tx, struct api_job *job)
{
    int rc = callbacks_verb(job->e->o.tickets, tx, job->id, job->word, http_body(job->req),
                            &job->actor, &job->verb);
    return rc < 0 ? rc : callback_json(ledger_db(tx), job->id, &job->out);
}

static void do_callback(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    job->word = strrchr(http_path(req), '/') + 1;
    api_write(job, "callback_verb", run_callback);
}

/* ---- the table ---- */

#define WHO (MAY_STAFF | MAY_INTEGRATION)
#define VERB(path, says, ...)                                                                      \
    ROUTE(POST, PREFIX "{id}/" path, WHO, do_verb, says, .answer = "Ticket", __VA_ARGS__)

const struct http_route api_ticket_routes[] = {
    ROUTE(GET, "/api/v1/tickets", MAY_READ, list_tickets, "Tickets, newest first",
          .query = "state responder department person:int unit:int limit:int cursor",
          .answer = "[Ticket]"),
    ROUTE(POST, "/api/v1/tickets", WHO, post_ticket,
          "Open a ticket; with take the asker is its first responder",
          .body = "subject! kind category priority:int channel person_id:int unit_id:int caller "
                  "call_id:int note take:bool about",
          .answer = "Ticket"),
    ROUTE(GET, PREFIX "{id}", MAY_READ, get_ticket, "One ticket, with what the asker may do",
          .answer = "Ticket"),
    ROUTE(PATCH, PREFIX "{id}", WHO, do_verb, "Change what a ticket is about",
          .body = "subject kind category priority:int unit_id:int person_id:int about",
          .answer = "Ticket"),
    ROUTE(GET, PREFIX "{id}/timeline", MAY_READ, get_timeline, "Its history, in order",
          .query = "limit:int cursor", .answer = "[Event]"),
    VERB("claim", "Become its first responder"),
    VERB("take", "The same as claim"),
    VERB("note", "Add a note", .body = "text!"),
    VERB("reply", "The owner was told something", .body = "note channel"),
    VERB("attempt", "The owner was not reached", .body = "channel outcome"),
    VERB("dispatch", "Send a work order to a department",
         .body = "department! assignee visit:object note final:bool"),
    VERB("dispatches/{n}/accept", "The department accepts", .body = "note"),
    VERB("dispatches/{n}/progress", "The department says how it goes", .body = "note"),
    VERB("dispatches/{n}/done", "The department has done it", .body = "note"),
    VERB("dispatches/{n}/refuse", "The department refuses", .body = "note"),
    VERB("dispatches/{n}/withdraw", "Take the work order back", .body = "note"),
    VERB("urge", "Somebody asks for haste", .body = "note"),
    VERB("resolve", "It is solved", .body = "note told:bool satisfied:bool score:int"),
    VERB("confirm", "The owner's yes or no",
         .body = "satisfied:bool! score:int via call_id:int note"),
    VERB("handover", "Ask for another responder", .body = "to! ground! note"),
    VERB("handover/accept", "The successor accepts"),
    VERB("handover/approve", "A supervisor approves"),
    VERB("handover/refuse", "The successor or a supervisor refuses"),
    VERB("pause", "Pause a clock", .body = "clock! reason!"),
    VERB("resume", "Let it run again", .body = "clock!"),
    VERB("extend", "Give a clock more time", .body = "clock! by! reason!"),
    VERB("cancel", "It was none", .body = "reason!"),
    VERB("close", "Close it as a supervisor", .body = "reason!"),
    VERB("reopen", "Open it again, one cycle higher", .body = "note"),
    VERB("incident", "Join an incident", .body = "id:int!"),
    VERB("milestones/{name}", "Keep a named milestone", .body = "note"),
    ROUTE(GET, "/api/v1/callbacks", MAY_READ, list_callbacks, "Who is to be rung back",
          .query = "state number limit:int cursor", .answer = "[Callback]"),
    ROUTE(GET, "/api/v1/callbacks/{id}", MAY_READ, get_callback, "One callback",
          .answer = "Callback"),
    ROUTE(POST, "/api/v1/callbacks/{id}/claim", WHO, do_callback,
          "Take it: opens the ticket with the asker as responder", .answer = "Callback"),
    ROUTE(POST, "/api/v1/callbacks/{id}/done", WHO, do_callback, "It is done",
          .body = "outcome note satisfied:bool score:int", .answer = "Callback"),
    {.path = NULL},
};
