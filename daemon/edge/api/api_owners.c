/*
 * api_owners.c - owners, units and estates over HTTP. Reading a person is written to the audit log
 * before it is answered (the registry notes whom in job->seen); changes are by the registry itself.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/tickets/tickets.h"
#include "service/registry/registry.h"

/* ---- owners ---- */

static int read_phone(struct db *db, struct api_job *job)
{
    return registry_phone_json(db, job->word, site_today(job->site, job->now), &job->w, &job->seen);
}

static int read_search(struct db *db, struct api_job *job)
{
    int64_t next = 0;
    api_items(job);
    int rc = registry_search_json(job->e->o.registry, db, http_query(job->req, "q"), job->before,
                                  job->limit, site_today(job->site, job->now), &job->w, &next,
                                  &job->seen);
    api_items_end(job, next);
    return rc;
}

static void list_owners(struct http_req *req, void *ctx)
{
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = after;
    job->word = api_number(job, "phone");
    api_read(job, "owners", http_query(req, "phone") ? read_phone : read_search);
}

static int read_owner(struct db *db, struct api_job *job)
{
    return registry_person_json(db, job->id, site_today(job->site, job->now), &job->w, &job->seen);
}

static void get_owner(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "owner", read_owner);
}

static int run_create(struct ledger_tx *tx, struct api_job *job)
{
    int rc =
        registry_create(job->e->o.registry, tx, http_body(job->req), job->actor.name, &job->id);
    if (rc < 0)
        return rc;
    job->status = 201;
    return registry_person_json(ledger_db(tx), job->id, site_today(job->site, job->now), &job->w,
                                NULL);
}

static void post_owner(struct http_req *req, void *ctx)
{
    api_write(api_job(req, ctx), "owner_create", run_create);
}

static int run_change(struct ledger_tx *tx, struct api_job *job)
{
    int rc = registry_change(job->e->o.registry, tx, job->id, job->version, http_body(job->req),
                             job->actor.name);
    if (rc < 0)
        return rc;
    return registry_person_json(ledger_db(tx), job->id, site_today(job->site, job->now), &job->w,
                                NULL);
}

static void patch_owner(struct http_req *req, void *ctx)
{
    int64_t id, version;
    if (!http_if_match(req, &version) || !http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    job->version = version;
    api_write(job, "owner_change", run_change);
}

static int run_erase(struct ledger_tx *tx, struct api_job *job)
{
    char object[40];
    int rc = tickets_erase_person(job->e->o.tickets, tx, job->id, &job->actor);
    rc = rc < 0 ? rc : registry_erase(job->e->o.registry, tx, job->id);
    if (rc < 0)
        return rc;
    (void)snprintf(object, sizeof(object), "person:%" PRId64, job->id);
    buf_adds(&job->out, "{\"ok\":true}");
    return api_audit(tx, job->actor.name, "person.erase", object, NULL);
}

static void erase_owner(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_write(job, "owner_erase", run_erase);
}

/* ---- units and estates ---- */

static int read_units(struct db *db, struct api_job *job)
{
    struct registry_unit_filter f = {.estate = http_query(job->req, "estate"),
                                     .building = http_query(job->req, "building"),
                                     .unit = http_query(job->req, "unit"),
                                     .after_id = job->before,
                                     .limit = job->limit};
    int64_t next = 0;
    api_items(job);
    int rc = registry_units_json(db, &f, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static int read_unit(struct db *db, struct api_job *job)
{
    return registry_unit_json(db, job->id, site_today(job->site, job->now), &job->w);
}

static int read_estates(struct db *db, struct api_job *job)
{
    int64_t next = 0;
    api_items(job);
    int rc = registry_estates_json(db, job->before, job->limit, &job->w, &next);
    api_items_end(job, next);
    return rc;
}

static void read_page(struct http_req *req, struct edge *e, const char *name, api_read_fn *fn)
{
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = api_job(req, e);
    job->limit = limit;
    job->before = after;
    api_read(job, name, fn);
}

static void list_units(struct http_req *req, void *ctx)
{
    read_page(req, ctx, "units", read_units);
}

static void list_estates(struct http_req *req, void *ctx)
{
    read_page(req, ctx, "estates", read_estates);
}

static void get_unit(struct http_req *req, void *ctx)
{
    int64_t id;
    if (!http_param_id(req, "id", &id))
        return;
    struct api_job *job = api_job(req, ctx);
    job->id = id;
    api_read(job, "unit", read_unit);
}

/* ---- the table ---- */

#define SEES   (MAY_STAFF | MAY_ROLE(ROLE_AUDITOR) | MAY_INTEGRATION)
#define WRITES (MAY_STAFF | MAY_INTEGRATION)
#define FIELDS                                                                                     \
    "key language segment tier tier_since flags:list phones:list emails:list consent:object "      \
    "tenures:list vehicles:list"

const struct http_route api_owner_routes[] = {
    ROUTE(GET, "/api/v1/owners", SEES, list_owners,
          "Owners by phone (with how sure that is), or by any word of theirs",
          .query = "phone q limit:int cursor", .answer = "Owners"),
    ROUTE(POST, "/api/v1/owners", WRITES, post_owner, "Add an owner", .body = "name! " FIELDS,
          .answer = "Card"),
    ROUTE(GET, "/api/v1/owners/{id}", SEES, get_owner, "One owner", .answer = "Card"),
    ROUTE(PATCH, "/api/v1/owners/{id}", WRITES, patch_owner,
          "Change an owner: fields given are set, lists as a whole", .body = "name " FIELDS,
          .answer = "Card"),
    ROUTE(POST, "/api/v1/owners/{id}/erase", MAY_ADMIN, erase_owner,
          "Forget an owner: the data goes, ids and the chains of histories stay", .answer = "Done"),
    ROUTE(GET, "/api/v1/units", MAY_READ, list_units, "Units",
          .query = "estate building unit limit:int cursor", .answer = "[Unit]"),
    ROUTE(GET, "/api/v1/units/{id}", SEES, get_unit, "One unit, with who holds it",
          .answer = "Unit"),
    ROUTE(GET, "/api/v1/estates", MAY_READ, list_estates, "Estates and their buildings",
          .query = "limit:int cursor", .answer = "[Estate]"),
    {.path = NULL},
};
