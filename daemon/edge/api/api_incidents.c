/*
 * api_incidents.c - incidents over HTTP: one cause, many owners.
 */
#include <string.h>

#include "edge/api/api_priv.h"
#include "service/incidents/incidents.h"

static int read_list(struct db *db, struct api_job *job)
{
    int64_t next = 0;
    api_items(job);
    int rc = incidents_list_json(db, job->word, job->before, job->limit, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void list_incidents(struct http_req *req, void *ctx)
{
    int limit;
    int64_t before;
    if (!http_page_id(req, &limit, &before))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = before;
    job->word = http_query(req, "state");
    api_read(job, "incidents", read_list);
}

static int read_incident(struct db *db, struct api_job *job)
{
    return incident_json(db, job->id, &job->w);
}

static void get_incident(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "incident", read_incident);
}

static int run_create(struct ledger_tx *tx, struct api_job *job)
{
    int64_t id = 0;
    int rc = incidents_create(job->e->o.incidents, tx, http_body(job->req), &job->actor, &job->verb,
                              &id);
    if (rc < 0)
        return rc;
    job->status = 201;
    return incident_json(ledger_db(tx), id, &job->w);
}

static void post_incident(struct http_req *req, void *ctx)
{
    api_write(api_job(req, ctx), "incident_create", run_create);
}

static int run_verb(struct ledger_tx *tx, struct api_job *job)
{
    int rc = incidents_verb(job->e->o.incidents, tx, job->id, job->word, http_body(job->req),
                            &job->actor, &job->verb);
    return rc < 0 ? rc : incident_json(ledger_db(tx), job->id, &job->w);
}

static void do_verb(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    job->word = strrchr(http_path(req), '/') + 1;
    api_write(job, "incident_verb", run_verb);
}

#define VERB(name, says, ...)                                                                      \
    ROUTE(POST, "/api/v1/incidents/{id}/" name, MAY_SUPERVISE, do_verb, says,                      \
          .answer = "Incident", __VA_ARGS__)

const struct http_route api_incident_routes[] = {
    ROUTE(GET, "/api/v1/incidents", MAY_READ, list_incidents, "Incidents, newest first",
          .query = "state limit:int cursor", .answer = "[Incident]"),
    ROUTE(POST, "/api/v1/incidents", MAY_SUPERVISE, post_incident,
          "Open one; an offer of the radar for the same becomes it",
          .body = "subject! category scope:object words join:bool", .answer = "Incident"),
    ROUTE(GET, "/api/v1/incidents/{id}", MAY_READ, get_incident, "One incident and its tickets",
          .answer = "Incident"),
    VERB("open", "Take the radar's offer: the tickets of its scope join", .body = "subject words"),
    VERB("words", "What to say to whoever calls about it", .body = "words!"),
    VERB("resolve", "It is solved: every joined caller is told", .body = "note"),
    VERB("close", "It was none: nobody is told", .body = "reason!"),
    {.path = NULL},
};
