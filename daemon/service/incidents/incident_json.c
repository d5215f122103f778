/*
 * incident_json.c - incidents as the API shows them.
 */
#include <string.h>

#include "base/text.h"
#include "service/incidents/incident_priv.h"

#define TICKETS_SHOWN 500

static int put_tickets(struct db *db, int64_t id, struct jw *w)
{
    int64_t ids[TICKETS_SHOWN];
    char text[TICKET_ID_TEXT];
    size_t n = 0;
    int rc = repo_incident_tickets(db, id, 0, ids, TICKETS_SHOWN, &n);
    jw_key(w, "tickets");
    jw_arr(w);
    for (size_t i = 0; i < n; i++)
        jw_str(w, ticket_id_format(ids[i], text));
    jw_end_arr(w);
    return rc;
}

/* How many callers a message went to that says it is solved. */
static int put_told(struct db *db, int64_t id, struct jw *w)
{
    struct db_q *q =
        db_query(db, "SELECT count(*) FROM ticket t JOIN message m ON m.ticket_id=t.id "
                     "WHERE t.incident_id=$1 AND m.template='incident_solved' AND "
                     "m.resend_of IS NULL");
    db_bind_int(q, 1, id);
    jw_kint(w, "told", db_row(q) ? db_int(q, 0) : 0);
    return db_end(q);
}

static void put_row(const struct incident_row *r, struct jw *w)
{
    jw_kint(w, "id", r->id);
    jw_kstr(w, "state", r->state);
    jw_kstr(w, "subject", r->subject);
    jw_kstr(w, "category", *r->scope.category ? r->scope.category : NULL);
    jw_kraw(w, "scope", r->scope_json);
    jw_kstr(w, "words", r->words);
    jw_kbool(w, "join", r->gathers);
    jw_kid(w, "owners", r->owners);
    jw_ktime(w, "since", r->since_at);
    jw_ktime(w, "opened_at", r->opened_at);
    jw_kstr(w, "opened_by", r->opened_by);
    jw_ktime(w, "resolved_at", r->resolved_at);
    jw_kstr(w, "resolved_by", *r->resolved_by ? r->resolved_by : NULL);
    jw_kstr(w, "reason", r->reason);
    jw_ktime(w, "closed_at", r->closed_at);
    jw_key(w, "allowed");
    incident_allowed(r->state, w);
}

int incident_json(struct db *db, int64_t id, struct jw *w)
{
    struct incident_row r;
    int rc = repo_incident_load(db, id, &r);
    if (rc == E_OK) {
        jw_obj(w);
        put_row(&r, w);
        rc = put_tickets(db, id, w);
        if (rc == E_OK)
            rc = put_told(db, id, w);
        jw_end_obj(w);
    }
    incident_row_clear(&r);
    return rc;
}

int incidents_list_json(struct db *db, const char *state, int64_t before, int limit, struct jw *w,
                        int64_t *next)
{
    struct db_q *q = db_query(db, "SELECT id FROM incident WHERE id<$1 AND ($2 IS NULL OR "
                                  "state=$2) ORDER BY id DESC LIMIT $3");
    int64_t ids[501];
    int n = 0, rc;
    db_bind_int(q, 1, before ? before : INT64_MAX);
    db_bind_text(q, 2, state);
    db_bind_int(q, 3, limit + 1);
    while (n < 501 && db_row(q))
        ids[n++] = db_int(q, 0);
    rc = db_end(q);
    for (int i = 0; rc == E_OK && i < n && i < limit; i++)
        rc = incident_json(db, ids[i], w);
    *next = n > limit ? ids[limit - 1] : 0;
    return rc;
}
