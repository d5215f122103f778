/*
 * repo_ticket.c - SQL of tickets, their history, dispatches, frozen policies and alerts.
 */
#include "store/repo_ticket.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/household.h"

/* Binds NULL for "". */
static void bind_opt_text(struct db_q *q, int n, const char *s)
{
    db_bind_text(q, n, s && *s ? s : NULL);
}

/* ---- ticket ---- */

void ticket_row_clear(struct ticket_row *r)
{
    free(r->subject);
    free(r->close_reason);
    free(r->handover_json);
    free(r->calls_json);
    r->subject = r->close_reason = r->handover_json = r->calls_json = NULL;
}

#define TICKET_COLUMNS                                                                             \
    "version,state,kind,subject,category,priority,person_id,caller,unit_id,call_id,calls_json,"    \
    "channel,responder,about,cycle,urges,urged_at,opened_at,resolved_at,awaiting_at,closed_at,"    \
    "close_kind,close_reason,incident_id,refusals,attempts,handover_json,was_set,policy_id,"       \
    "last_seq,last_hash"

static void read_ticket(struct db_q *q, struct ticket_row *r)
{
    int c = 0;
    r->version = db_int(q, c++);
    r->state = ticket_state_parse(db_str(q, c++));
    text_copy(r->kind, sizeof(r->kind), db_str(q, c++));
    r->subject = xstrdup(db_str(q, c++));
    text_copy(r->category, sizeof(r->category), db_str(q, c++));
    r->priority = (int)db_int(q, c++);
    r->person_id = db_int(q, c++);
    text_copy(r->caller, sizeof(r->caller), db_str(q, c++));
    r->unit_id = db_int(q, c++);
    r->call_id = db_int(q, c++);
    r->calls_json = xstrdup(db_str(q, c++));
    text_copy(r->channel, sizeof(r->channel), db_str(q, c++));
    text_copy(r->responder, sizeof(r->responder), db_str(q, c++));
    text_copy(r->about, sizeof(r->about), db_str(q, c++));
    r->cycle = (int)db_int(q, c++);
    r->urges = (int)db_int(q, c++);
    r->urged_at = db_int(q, c++);
    r->opened_at = db_int(q, c++);
    r->resolved_at = db_int(q, c++);
    r->awaiting_at = db_int(q, c++);
    r->closed_at = db_int(q, c++);
    text_copy(r->close_kind, sizeof(r->close_kind), db_str(q, c++));
    r->close_reason = xstrdup(db_text(q, c++));
    r->incident_id = db_int(q, c++);
    r->refusals = (int)db_int(q, c++);
    r->attempts = (int)db_int(q, c++);
    r->handover_json = xstrdup(db_text(q, c++));
    r->was_set = (unsigned)db_int(q, c++);
    r->policy_id = db_int(q, c++);
    r->last_seq = db_int(q, c++);
    text_copy(r->last_hash, sizeof(r->last_hash), db_str(q, c++));
}

int repo_ticket_load(struct db *db, int64_t id, struct ticket_row *out)
{
    struct db_q *q = db_query(db, "SELECT " TICKET_COLUMNS " FROM ticket WHERE id=$1");
    bool found;
    memset(out, 0, sizeof(*out));
    out->id = id;
    db_bind_int(q, 1, id);
    found = db_row(q);
    if (found)
        read_ticket(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_ticket_facts(struct db *db, int64_t id,
                      void (*fn)(void *ctx, const struct ticket_facts *facts), void *ctx)
{
    struct ticket_facts f = {{NULL}, 0};
    struct db_q *q = db_query(
        db, "SELECT t.subject,t.category,t.priority,t.state,t.cycle,t.urges,t.responder,"
            "coalesce(a.display,a.name,t.responder),a.phone,e.name,b.name,u.name,p.name,t.caller,"
            "t.opened_at FROM ticket t LEFT JOIN account a ON a.name=t.responder "
            "LEFT JOIN unit u ON u.id=t.unit_id LEFT JOIN building b ON b.id=u.building_id "
            "LEFT JOIN estate e ON e.id=b.estate_id LEFT JOIN person p ON p.id=t.person_id "
            "WHERE t.id=$1");
    db_bind_int(q, 1, id);
    if (db_row(q)) {
        for (int i = 0; i < TICKET_FACT_OPENED; i++)
            f.text[i] = db_text(q, i);
        f.opened_at = db_int(q, TICKET_FACT_OPENED);
        fn(ctx, &f);
    }
    return db_end(q);
}

/* Binds every column of TICKET_COLUMNS in order, then the id. */
static int write_ticket(struct db_q *q, const struct ticket_row *r)
{
    int n = 1;
    db_bind_int(q, n++, r->version);
    db_bind_text(q, n++, ticket_state_name(r->state));
    db_bind_text(q, n++, r->kind);
    db_bind_text(q, n++, r->subject ? r->subject : "");
    bind_opt_text(q, n++, r->category);
    db_bind_int(q, n++, r->priority);
    db_bind_opt(q, n++, r->person_id);
    bind_opt_text(q, n++, r->caller);
    db_bind_opt(q, n++, r->unit_id);
    db_bind_opt(q, n++, r->call_id);
    db_bind_text(q, n++, r->calls_json ? r->calls_json : "[]");
    db_bind_text(q, n++, r->channel);
    bind_opt_text(q, n++, r->responder);
    bind_opt_text(q, n++, r->about);
    db_bind_int(q, n++, r->cycle);
    db_bind_int(q, n++, r->urges);
    db_bind_opt(q, n++, r->urged_at);
    db_bind_int(q, n++, r->opened_at);
    db_bind_opt(q, n++, r->resolved_at);
    db_bind_opt(q, n++, r->awaiting_at);
    db_bind_opt(q, n++, r->closed_at);
    bind_opt_text(q, n++, r->close_kind);
    db_bind_text(q, n++, r->close_reason);
    db_bind_opt(q, n++, r->incident_id);
    db_bind_int(q, n++, r->refusals);
    db_bind_int(q, n++, r->attempts);
    db_bind_text(q, n++, r->handover_json);
    db_bind_int(q, n++, r->was_set);
    db_bind_int(q, n++, r->policy_id);
    db_bind_int(q, n++, r->last_seq);
    db_bind_text(q, n++, r->last_hash);
    db_bind_int(q, n++, r->id);
    return db_run(q);
}

int repo_ticket_insert(struct db *db, const struct ticket_row *r)
{
    return write_ticket(
        db_query(db, "INSERT INTO ticket (" TICKET_COLUMNS ",id) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,"
                     "$9,$10,$11,$12,$13,$14,$15,$16,$17,$18,$19,$20,$21,$22,$23,$24,$25,$26,$27,"
                     "$28,$29,$30,$31,$32)"),
        r);
}

int repo_ticket_update(struct db *db, const struct ticket_row *r)
{
    return write_ticket(
        db_query(db,
                 "UPDATE ticket SET version=$1,state=$2,kind=$3,subject=$4,category=$5,priority=$6,"
                 "person_id=$7,caller=$8,unit_id=$9,call_id=$10,calls_json=$11,channel=$12,"
                 "responder=$13,about=$14,cycle=$15,urges=$16,urged_at=$17,opened_at=$18,"
                 "resolved_at=$19,awaiting_at=$20,closed_at=$21,close_kind=$22,close_reason=$23,"
                 "incident_id=$24,refusals=$25,attempts=$26,handover_json=$27,was_set=$28,"
                 "policy_id=$29,last_seq=$30,last_hash=$31 WHERE id=$32"),
        r);
}

/* Runs a query of one number; 0 when there is no row. */
static int one_int(struct db_q *q, int64_t *out)
{
    *out = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_ticket_last_id(struct db *db, int64_t *id)
{
    return one_int(db_query(db, "SELECT max(id) FROM ticket"), id);
}

static int open_of_number(struct db *db, const char *number, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT max(id) FROM ticket WHERE caller=$1 "
                                  "AND closed_at IS NULL");
    db_bind_text(q, 1, number);
    return one_int(q, id);
}

static int open_of_person(struct db *db, int64_t person_id, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT max(id) FROM ticket WHERE person_id=$1 "
                                  "AND closed_at IS NULL");
    db_bind_int(q, 1, person_id);
    return one_int(q, id);
}

static int open_of_household(struct db *db, int64_t person_id, int32_t today, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT max(id) FROM ticket WHERE closed_at IS NULL "
                                  "AND person_id IN (" HOUSEHOLD_MEMBERS("$1", "$2") ")");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    return one_int(q, id);
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int repo_ticket_open_of(struct db *db, int64_t person_id, const char *number, int32_t today,
                        int64_t *id)
{
    int64_t by_number = 0, own = 0, by_household = 0;
    int rc = number ? open_of_number(db, number, &by_number) : 0;
    if (rc == E_OK && person_id)
        rc = open_of_person(db, person_id, &own);
    if (rc == E_OK && person_id)
        rc = open_of_household(db, person_id, today, &by_household);
    *id = later(later(by_number, own), by_household);
    return rc;
}

/* ---- history ---- */

int repo_event_insert(struct db *db, const struct event_row *e)
{
    struct db_q *q = db_query(db, "INSERT INTO ticket_event (ticket_id,seq,at,by,kind,data,salt,"
                                  "digest,hash) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)");
    db_bind_int(q, 1, e->ticket_id);
    db_bind_int(q, 2, e->seq);
    db_bind_int(q, 3, e->at);
    db_bind_text(q, 4, e->by);
    db_bind_text(q, 5, e->kind);
    db_bind_text(q, 6, e->data);
    db_bind_text(q, 7, e->salt);
    db_bind_text(q, 8, e->digest);
    db_bind_text(q, 9, e->hash);
    return db_run(q);
}

/* ---- dispatches ---- */

void dispatch_row_clear(struct dispatch_row *r)
{
    free(r->note);
    free(r->report);
    r->note = r->report = NULL;
}

static void read_dispatch(struct db_q *q, struct dispatch_row *r)
{
    memset(r, 0, sizeof(*r));
    r->id = db_int(q, 0);
    r->ticket_id = db_int(q, 1);
    r->n = db_int(q, 2);
    text_copy(r->department, sizeof(r->department), db_str(q, 3));
    text_copy(r->assignee, sizeof(r->assignee), db_str(q, 4));
    r->visit_from = db_int(q, 5);
    r->visit_to = db_int(q, 6);
    r->state = (enum dispatch_state)state_parse(&dispatch_states, db_str(q, 7));
    text_copy(r->accepted_by, sizeof(r->accepted_by), db_str(q, 8));
    r->final = db_int(q, 9) != 0;
    r->note = xstrdup(db_text(q, 10));
    r->report = xstrdup(db_text(q, 11));
    r->sent_at = db_int(q, 12);
    r->ended_at = db_int(q, 13);
}

int repo_dispatches_load(struct db *db, int64_t ticket_id, struct dispatch_row **out, size_t *n)
{
    struct db_q *q =
        db_query(db, "SELECT id,ticket_id,n,department,assignee,visit_from,visit_to,state,"
                     "accepted_by,final,note,report,sent_at,ended_at "
                     "FROM dispatch WHERE ticket_id=$1 ORDER BY n");
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    db_bind_int(q, 1, ticket_id);
    while (db_row(q)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 4;
            *out = xrealloc(*out, cap * sizeof(**out));
        }
        read_dispatch(q, &(*out)[(*n)++]);
    }
    return db_end(q);
}

static int insert_dispatch(struct db *db, struct dispatch_row *r)
{
    struct db_q *q =
        db_query(db, "INSERT INTO dispatch (ticket_id,n,department,assignee,visit_from,"
                     "visit_to,state,final,note,sent_at) "
                     "VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)");
    db_bind_int(q, 1, r->ticket_id);
    db_bind_int(q, 2, r->n);
    db_bind_text(q, 3, r->department);
    bind_opt_text(q, 4, r->assignee);
    db_bind_opt(q, 5, r->visit_from);
    db_bind_opt(q, 6, r->visit_to);
    db_bind_text(q, 7, state_name(&dispatch_states, r->state));
    db_bind_int(q, 8, r->final);
    db_bind_text(q, 9, r->note);
    db_bind_int(q, 10, r->sent_at);
    return db_insert(q, &r->id);
}

int repo_dispatch_save(struct db *db, struct dispatch_row *r)
{
    if (!r->id)
        return insert_dispatch(db, r);
    struct db_q *q = db_query(db, "UPDATE dispatch SET state=$1,accepted_by=$2,report=$3,"
                                  "ended_at=$4,visit_from=$5,visit_to=$6 WHERE id=$7");
    db_bind_text(q, 1, state_name(&dispatch_states, r->state));
    bind_opt_text(q, 2, r->accepted_by);
    db_bind_text(q, 3, r->report);
    db_bind_opt(q, 4, r->ended_at);
    db_bind_opt(q, 5, r->visit_from);
    db_bind_opt(q, 6, r->visit_to);
    db_bind_int(q, 7, r->id);
    return db_run(q);
}

/* ---- frozen policies ---- */

int repo_policy_put(struct db *db, int64_t id, const char *name, const char *json, int64_t now)
{
    struct db_q *q = db_query(db, "INSERT INTO policy_version (id,name,json,created_at) "
                                  "VALUES ($1,$2,$3,$4) ON CONFLICT (id) DO NOTHING");
    db_bind_int(q, 1, id);
    db_bind_text(q, 2, name);
    db_bind_text(q, 3, json);
    db_bind_int(q, 4, now);
    return db_run(q);
}

char *repo_policy_get(struct db *db, int64_t id)
{
    struct db_q *q = db_query(db, "SELECT json FROM policy_version WHERE id=$1");
    char *json = NULL;
    db_bind_int(q, 1, id);
    if (db_row(q))
        json = xstrdup(db_text(q, 0));
    if (db_end(q)) {
        free(json);
        json = NULL;
    }
    return json;
}

/* ---- alerts ---- */

int repo_alert_add(struct db *db, int64_t at, const char *kind, const char *text,
                   const char *data_json, int64_t *id)
{
    struct db_q *q = db_query(db, "INSERT INTO alert (at,kind,text,data_json) "
                                  "VALUES ($1,$2,$3,$4)");
    db_bind_int(q, 1, at);
    db_bind_text(q, 2, kind);
    db_bind_text(q, 3, text);
    db_bind_text(q, 4, data_json);
    return db_insert(q, id);
}
