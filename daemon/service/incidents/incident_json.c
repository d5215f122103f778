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

static void put_row(const struct incident_row *r, struct jw *w)
{
    jw_kint(w, "id", r->id);
    jw_kstr(w, "state", state_name(&incident_states, r->state));
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
    int64_t told = 0;
    int rc = repo_incident_load(db, id, &r);
    if (rc == E_OK) {
        jw_obj(w);
        put_row(&r, w);
        rc = put_tickets(db, id, w);
        if (rc == E_OK)
            rc = repo_incident_told(db, id, &told);
        jw_kint(w, "told", told);
        jw_end_obj(w);
    }
    incident_row_clear(&r);
    return rc;
}

int incidents_list_json(struct db *db, const char *state, int64_t before, int limit, struct jw *w,
                        int64_t *next)
{
    int64_t ids[501];
    int n = 0;
    int rc = repo_incident_list(db, state, before, limit + 1, ids, &n);
    for (int i = 0; rc == E_OK && i < n && i < limit; i++)
        rc = incident_json(db, ids[i], w);
    *next = n > limit ? ids[limit - 1] : 0;
    return rc;
}
