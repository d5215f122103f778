/*
 * repo_incident.c - SQL of incidents and of complaints.
 */
#include "store/repo_incident.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/repo_ticket.h"

void incident_row_clear(struct incident_row *r)
{
    free(r->subject);
    free(r->words);
    free(r->reason);
    free(r->scope_json);
    r->subject = r->words = r->reason = r->scope_json = NULL;
}

#define COLUMNS                                                                                    \
    "state,subject,category,scope_json,words,opened_at,opened_by,closed_at,group_key,estate_id,"   \
    "building_id,riser,owners,since_at,resolved_at,resolved_by,reason,gathers,joining,telling"

static int64_t progress(struct db_q *q, int col)
{
    return db_is_null(q, col) ? -1 : db_int(q, col);
}

int repo_incident_load(struct db *db, int64_t id, struct incident_row *r)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM incident WHERE id=$1");
    int c = 0;
    memset(r, 0, sizeof(*r));
    db_bind_int(q, 1, id);
    if (db_row(q)) {
        r->id = id;
        r->state = (enum incident_state)state_parse(&incident_states, db_str(q, c++));
        r->subject = xstrdup(db_str(q, c++));
        text_copy(r->scope.category, sizeof(r->scope.category), db_str(q, c++));
        r->scope_json = xstrdup(db_str(q, c++));
        r->words = xstrdup(db_text(q, c++));
        r->opened_at = db_int(q, c++);
        text_copy(r->opened_by, sizeof(r->opened_by), db_str(q, c++));
        r->closed_at = db_int(q, c++);
        text_copy(r->key, sizeof(r->key), db_str(q, c++));
        r->scope.estate_id = db_int(q, c++);
        r->scope.building_id = db_int(q, c++);
        text_copy(r->scope.riser, sizeof(r->scope.riser), db_str(q, c++));
        r->owners = db_int(q, c++);
        r->since_at = db_int(q, c++);
        r->resolved_at = db_int(q, c++);
        text_copy(r->resolved_by, sizeof(r->resolved_by), db_str(q, c++));
        r->reason = xstrdup(db_text(q, c++));
        r->gathers = db_int(q, c++) != 0;
        r->joining = progress(q, c++);
        r->telling = progress(q, c++);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : r->id ? 0 : E_NOTFOUND;
}

static const char *or_null(const char *s)
{
    return *s ? s : NULL;
}

static void bind_progress(struct db_q *q, int n, int64_t v)
{
    if (v < 0)
        db_bind_null(q, n);
    else
        db_bind_int(q, n, v);
}

/* $1 to $20 in the order of COLUMNS. */
static void bind(struct db_q *q, const struct incident_row *r)
{
    int n = 1;
    db_bind_text(q, n++, state_name(&incident_states, r->state));
    db_bind_text(q, n++, r->subject);
    db_bind_text(q, n++, or_null(r->scope.category));
    db_bind_text(q, n++, r->scope_json ? r->scope_json : "{}");
    db_bind_text(q, n++, r->words);
    db_bind_int(q, n++, r->opened_at);
    db_bind_text(q, n++, r->opened_by);
    db_bind_opt(q, n++, r->closed_at);
    db_bind_text(q, n++, or_null(r->key));
    db_bind_opt(q, n++, r->scope.estate_id);
    db_bind_opt(q, n++, r->scope.building_id);
    db_bind_text(q, n++, or_null(r->scope.riser));
    db_bind_opt(q, n++, r->owners);
    db_bind_opt(q, n++, r->since_at);
    db_bind_opt(q, n++, r->resolved_at);
    db_bind_text(q, n++, or_null(r->resolved_by));
    db_bind_text(q, n++, r->reason);
    db_bind_int(q, n++, r->gathers);
    bind_progress(q, n++, r->joining);
    bind_progress(q, n++, r->telling);
}

int repo_incident_insert(struct db *db, struct incident_row *r)
{
    struct db_q *q =
        db_query(db, "INSERT INTO incident (" COLUMNS ") VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,"
                     "$11,$12,$13,$14,$15,$16,$17,$18,$19,$20) ON CONFLICT DO NOTHING");
    bind(q, r);
    return db_insert(q, &r->id);
}

int repo_incident_update(struct db *db, const struct incident_row *r)
{
    struct db_q *q = db_query(
        db, "UPDATE incident SET state=$1,subject=$2,category=$3,scope_json=$4,words=$5,"
            "opened_at=$6,opened_by=$7,closed_at=$8,group_key=$9,estate_id=$10,building_id=$11,"
            "riser=$12,owners=$13,since_at=$14,resolved_at=$15,resolved_by=$16,reason=$17,"
            "gathers=$18,joining=$19,telling=$20 WHERE id=$21");
    bind(q, r);
    db_bind_int(q, 21, r->id);
    return db_run(q);
}

static int one_int(struct db_q *q, int64_t *out)
{
    *out = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_incident_of_key(struct db *db, const char *key, int64_t *id)
{
    struct db_q *q =
        db_query(db, "SELECT id FROM incident WHERE group_key=$1 AND closed_at IS NULL");
    db_bind_text(q, 1, key);
    return one_int(q, id);
}

int repo_incident_last_end(struct db *db, const char *key, int64_t *at)
{
    struct db_q *q = db_query(
        db, "SELECT max(coalesce(resolved_at,closed_at)) FROM incident WHERE group_key=$1");
    db_bind_text(q, 1, key);
    return one_int(q, at);
}

int repo_incident_work(struct db *db, int64_t *id)
{
    int rc = one_int(db_query(db, "SELECT id FROM incident WHERE joining IS NOT NULL LIMIT 1"), id);
    if (rc < 0 || *id)
        return rc;
    return one_int(db_query(db, "SELECT id FROM incident WHERE telling IS NOT NULL LIMIT 1"), id);
}

static int many_ints(struct db_q *q, int64_t *out, size_t max, size_t *n)
{
    *n = 0;
    while (*n < max && db_row(q))
        out[(*n)++] = db_int(q, 0);
    return db_end(q);
}

int repo_incident_buildings(struct db *db, int64_t id, int64_t *out, size_t max, size_t *n)
{
    struct db_q *q =
        db_query(db, "SELECT DISTINCT u.building_id FROM ticket t JOIN unit u ON u.id=t.unit_id "
                     "WHERE t.incident_id=$1 LIMIT $2");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, (int64_t)max);
    return many_ints(q, out, max, n);
}

int repo_incident_rung(struct db *db, int64_t incident, int64_t ticket, const char *clock, int step,
                       int turn, int64_t now, bool *pages)
{
    struct db_q *open = db_query(db, "SELECT 1 FROM incident WHERE id=$1 AND state='open'");
    db_bind_int(open, 1, incident);
    bool is_open = db_row(open);
    int rc = db_end(open);
    *pages = true;
    if (rc < 0 || !is_open)
        return rc;
    struct db_q *q = db_query(db, "INSERT INTO incident_step (incident_id,clock,step,turn,"
                                  "ticket_id,at) VALUES ($1,$2,$3,$4,$5,$6) "
                                  "ON CONFLICT DO NOTHING RETURNING step");
    db_bind_int(q, 1, incident);
    db_bind_text(q, 2, clock);
    db_bind_int(q, 3, step);
    db_bind_int(q, 4, turn);
    db_bind_int(q, 5, ticket);
    db_bind_int(q, 6, now);
    *pages = db_row(q);
    return db_end(q);
}

/* Ids count up as tickets open: below this one none is young enough, so that old live tickets are
 * not walked through. */
static int first_since(struct db *db, int64_t since, int64_t *after)
{
    struct db_q *q = db_query(db, "SELECT min(id)-1 FROM ticket WHERE opened_at>=$1");
    db_bind_int(q, 1, since);
    return one_int(q, after);
}

int repo_incident_candidates(struct db *db, const struct incident_row *r, int64_t after,
                             int64_t *ids, size_t max, size_t *n)
{
    int rc = after ? 0 : first_since(db, r->since_at, &after);
    struct db_q *q = db_query(
        db, "SELECT t.id,u.name FROM ticket t LEFT JOIN unit u ON u.id=t.unit_id "
            "LEFT JOIN building b ON b.id=u.building_id WHERE t.id>$1 AND t.opened_at>=$2 AND "
            "t.closed_at IS NULL AND t.incident_id IS NULL AND t.kind<>'praise' AND "
            "($3=0 OR b.id=$3) AND ($4=0 OR b.estate_id=$4) AND ($5='' OR t.category=$5) "
            "ORDER BY t.id");
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, r->since_at);
    db_bind_int(q, 3, r->scope.building_id);
    db_bind_int(q, 4, r->scope.estate_id);
    db_bind_text(q, 5, r->scope.category);
    *n = 0;
    while (*n < max && db_row(q)) {
        char riser[RADAR_RISER_MAX] = "";
        (void)radar_riser(db_str(q, 1), riser);
        if (!r->scope.riser[0] || text_eq(riser, r->scope.riser))
            ids[(*n)++] = db_int(q, 0);
    }
    int end = db_end(q);
    return rc < 0 ? rc : end;
}

int repo_incident_tickets(struct db *db, int64_t id, int64_t after, int64_t *ids, size_t max,
                          size_t *n)
{
    struct db_q *q =
        db_query(db, "SELECT id FROM ticket WHERE incident_id=$1 AND id>$2 ORDER BY id LIMIT $3");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, after);
    db_bind_int(q, 3, (int64_t)max);
    return many_ints(q, ids, max, n);
}

/* ---- complaints ---- */

/* A person's household is the lowest of the units that they hold: husband and wife are one owner.
 */
#define COMPLAINT                                                                                  \
    "SELECT t.id,t.opened_at,t.incident_id,t.unit_id,t.kind,t.state,t.category,u.name,b.id,"       \
    "b.estate_id,t.person_id,t.caller,(SELECT min(h.unit_id) FROM tenure h WHERE "                 \
    "h.person_id=t.person_id AND (h.to_on IS NULL OR h.to_on>=$1)) FROM ticket t "                 \
    "LEFT JOIN unit u ON u.id=t.unit_id LEFT JOIN building b ON b.id=u.building_id "

static void name_owner(struct db_q *q, struct complaint_row *c)
{
    if (db_int(q, 12))
        snprintf(c->owner, sizeof(c->owner), "u%" PRId64, db_int(q, 12));
    else if (db_int(q, 10))
        snprintf(c->owner, sizeof(c->owner), "p%" PRId64, db_int(q, 10));
    else if (*db_str(q, 11))
        snprintf(c->owner, sizeof(c->owner), "n%.40s", db_str(q, 11));
    else if (c->unit_id)
        snprintf(c->owner, sizeof(c->owner), "u%" PRId64, c->unit_id);
}

static void read_complaint(struct db_q *q, struct complaint_row *c)
{
    memset(c, 0, sizeof(*c));
    c->ticket_id = db_int(q, 0);
    c->at = db_int(q, 1);
    c->incident_id = db_int(q, 2);
    c->unit_id = db_int(q, 3);
    c->counts = !text_eq(db_str(q, 4), "praise") && !text_eq(db_str(q, 5), "cancelled");
    text_copy(c->place.category, sizeof(c->place.category), db_str(q, 6));
    (void)radar_riser(db_str(q, 7), c->place.riser);
    c->place.building_id = db_int(q, 8);
    c->place.estate_id = db_int(q, 9);
    name_owner(q, c);
}

int repo_complaint(struct db *db, int64_t ticket_id, int32_t today, struct complaint_row *out)
{
    struct db_q *q = db_query(db, COMPLAINT "WHERE t.id=$2");
    bool found;
    db_bind_int(q, 1, today);
    db_bind_int(q, 2, ticket_id);
    found = db_row(q);
    if (found)
        read_complaint(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_complaints_since(struct db *db, int64_t since, int32_t today, int max,
                          void (*fn)(void *ctx, const struct complaint_row *c), void *ctx)
{
    struct complaint_row c;
    struct db_q *q =
        db_query(db, COMPLAINT "WHERE t.id IN (SELECT id FROM ticket WHERE opened_at>=$2 AND "
                               "incident_id IS NULL ORDER BY opened_at DESC LIMIT $3) "
                               "ORDER BY t.opened_at,t.id");
    db_bind_int(q, 1, today);
    db_bind_int(q, 2, since);
    db_bind_int(q, 3, max);
    while (db_row(q)) {
        read_complaint(q, &c);
        fn(ctx, &c);
    }
    return db_end(q);
}

int repo_incident_is_live(struct db *db, int64_t id, bool *yes)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM incident WHERE id=$1 AND closed_at IS NULL");
    db_bind_int(q, 1, id);
    *yes = db_row(q);
    return db_end(q);
}

int repo_incident_told_before(struct db *db, const struct ticket_row *t, bool *before)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM ticket WHERE incident_id=$1 AND id<$2 AND "
                                  "state<>'cancelled' AND (($3<>0 AND person_id=$3) OR "
                                  "($4<>'' AND caller=$4)) LIMIT 1");
    db_bind_int(q, 1, t->incident_id);
    db_bind_int(q, 2, t->id);
    db_bind_int(q, 3, t->person_id);
    db_bind_text(q, 4, t->caller);
    *before = db_row(q);
    return db_end(q);
}

int repo_incident_told(struct db *db, int64_t id, int64_t *n)
{
    struct db_q *q = db_query(db, "SELECT count(*) FROM ticket t JOIN message m ON "
                                  "m.ticket_id=t.id WHERE t.incident_id=$1 AND "
                                  "m.template='incident_solved' AND m.resend_of IS NULL");
    db_bind_int(q, 1, id);
    *n = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

static int ids_of(struct db_q *q, int64_t *ids, int max, int *n)
{
    for (*n = 0; *n < max && db_row(q); (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

int repo_incident_list(struct db *db, const char *state, int64_t before, int limit, int64_t *ids,
                       int *n)
{
    struct db_q *q = db_query(db, "SELECT id FROM incident WHERE id<$1 AND ($2 IS NULL OR "
                                  "state=$2) ORDER BY id DESC LIMIT $3");
    db_bind_int(q, 1, before ? before : INT64_MAX);
    db_bind_text(q, 2, state);
    db_bind_int(q, 3, limit);
    return ids_of(q, ids, limit, n);
}

int repo_incident_live(struct db *db, int64_t *ids, int max, int *n)
{
    struct db_q *q =
        db_query(db, "SELECT id FROM incident WHERE closed_at IS NULL ORDER BY id LIMIT $1");
    db_bind_int(q, 1, max);
    return ids_of(q, ids, max, n);
}
