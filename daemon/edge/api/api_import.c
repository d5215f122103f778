/*
 * api_import.c - CSV files into the registry: a folder that the daemon reads (control socket), or
 * one file as the body; and how far an import is.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/import/import.h"

static void show_job(struct api_job *job, const char *id, size_t skip)
{
    int rc = importer_status_json(job->e->o.importer, id, skip, &job->w);
    api_answer(job, rc, NULL);
}

static void start(struct api_job *job, struct import_request *rq)
{
    char id[IMPORT_ID_MAX];
    struct errmsg why = {""};
    rq->by = job->actor.name;
    int rc = importer_start(job->e->o.importer, rq, id, &why);
    job->status = 202;
    if (rc < 0)
        api_answer(job, api_why(job, rc, &why), &why);
    else
        show_job(job, id, 0);
}

/* {"dir":"/path","dry_run":false}: the daemon reads its own disk for its own operator alone. */
static void start_folder(struct api_job *job)
{
    size_t len;
    const char *text = http_body_text(job->req, &len);
    struct errmsg why = {""};
    struct import_request rq = {0};
    json_t *body = json_parse(text, len, &why);
    int rc = body ? E_OK : api_bad(job, "body", "the body is not JSON: %s", why.text);
    if (http_proof(job->req) != HTTP_BY_SOCKET)
        rc = errmsg_set(&why, E_DENIED, "a folder is read for the control socket alone");
    if (rc == E_OK)
        rc = json_get_str(body, "dir", 4000, &rq.dir, &why);
    if (rc == E_OK)
        rc = json_get_bool(body, "dry_run", &rq.dry_run, &why);
    if (rc == E_OK && (!rq.dir || rq.dir[0] != '/'))
        rc = errmsg_set(&why, E_INVALID, "dir: must be an absolute path");
    if (rc == E_OK)
        start(job, &rq);
    else
        api_answer(job, api_why(job, rc, &why), &why);
    json_decref(body);
}

static void start_import(struct api_job *job)
{
    struct import_request rq = {.file = http_query(job->req, "file"),
                                .line = job->before,
                                .dry_run = text_eq(http_query(job->req, "dry_run"), "true")};
    if (!rq.file) {
        start_folder(job);
        return;
    }
    struct buf body;
    http_take_body(job->req, &body);
    rq.body = &body;
    start(job, &rq);
    buf_free(&body);
}

static void post_import(struct http_req *req, void *ctx)
{
    int64_t line;
    if (!http_query_int(req, "line", 2, INT32_MAX, 2, &line) ||
        !http_query_word(req, "dry_run", "true, false"))
        return;
    struct api_job *job = api_job(req, ctx);
    job->before = line;
    api_once(job, NULL, start_import);
}

static void get_import(struct http_req *req, void *ctx)
{
    int64_t skip;
    if (http_query_int(req, "skip", 0, INT32_MAX, 0, &skip))
        show_job(api_job(req, ctx), http_param(req, "id"), (size_t)skip);
}

static void get_latest(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    show_job(api_job(req, e), importer_latest(e->o.importer), 0);
}

const struct http_route api_import_routes[] = {
    ROUTE(POST, "/api/v1/import", MAY_ADMIN | MAY_INTEGRATION, post_import,
          "Import one CSV file (the body, file= names it), or a folder {dir, dry_run} over the "
          "control socket",
          .query = "file line:int dry_run", .answer = "Object", .flags = HTTP_RAW | HTTP_BIG),
    ROUTE(GET, "/api/v1/import", MAY_ADMIN | MAY_INTEGRATION, get_latest,
          "How far the running import is, or how the last one went", .answer = "Object"),
    ROUTE(GET, "/api/v1/import/{id}", MAY_ADMIN | MAY_INTEGRATION, get_import,
          "How far an import is, and its refused rows from number skip on", .query = "skip:int",
          .answer = "Object"),
    {.path = NULL},
};
