/*
 * api_surveys.c - how owners were asked and what they said, over HTTP.
 */
#include "edge/api/api_priv.h"
#include "service/tickets/surveys.h"

static int read_list(struct db *db, struct api_job *job)
{
    struct survey_filter f = {.state = http_query(job->req, "state"),
                              .purpose = http_query(job->req, "purpose"),
                              .ticket_id = job->id,
                              .before = job->before,
                              .limit = job->limit};
    int64_t next = 0;
    api_items(job);
    int rc = surveys_list_json(db, &f, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void list_surveys(struct http_req *req, void *ctx)
{
    const char *ticket = http_query(req, "ticket");
    int64_t before, id = 0;
    int limit;
    if (ticket && ticket_id_parse(ticket, &id) < 0) {
        http_invalid(req, "ticket", "ticket is not a ticket's number");
        return;
    }
    if (!http_page_id(req, &limit, &before))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    job->id = id;
    api_read(job, "surveys", read_list);
}

static int read_survey(struct db *db, struct api_job *job)
{
    return survey_json(db, job->id, &job->w);
}

static void get_survey(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "survey", read_survey);
}

static int run_answer(struct ledger_tx *tx, struct api_job *job)
{
    int rc =
        survey_answer(job->e->o.tickets, tx, job->id, http_body(job->req), &job->actor, &job->verb);
    return rc < 0 ? rc : survey_json(ledger_db(tx), job->id, &job->w);
}

static void post_answer(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_write(job, "survey_answer", run_answer);
}

const struct http_route api_survey_routes[] = {
    ROUTE(GET, "/api/v1/surveys", MAY_READ, list_surveys,
          "How owners were asked whether they are satisfied, newest first",
          .query = "state purpose ticket limit:int cursor", .answer = "[Survey]"),
    ROUTE(GET, "/api/v1/surveys/{id}", MAY_READ, get_survey, "One survey", .answer = "Survey"),
    ROUTE(POST, "/api/v1/surveys/{id}/answer", MAY_INTEGRATION, post_answer,
          "The owner's own answer: confirms the ticket via survey",
          .body = "satisfied:bool! score:int note", .answer = "Survey"),
    {.path = NULL},
};
