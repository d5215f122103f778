/*
 * repo_callback.c - callbacks as rows.
 */
#include "store/repo_callback.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/household.h"

#define COLUMNS                                                                                    \
    "id,number,person_id,reason,state,attempts,calls_json,due_at,ticket_id,claimed_by,outcome,"    \
    "note,created_at,ended_at"

static void read_callback(struct db_q *q, struct callback_row *r)
{
    r->id = db_int(q, 0);
    text_copy(r->number, sizeof(r->number), db_str(q, 1));
    r->person_id = db_int(q, 2);
    text_copy(r->reason, sizeof(r->reason), db_str(q, 3));
    r->state = (enum callback_state)state_parse(&callback_states, db_str(q, 4));
    r->attempts = (int)db_int(q, 5);
    r->calls_json = xstrdup(db_str(q, 6));
    r->due_at = db_int(q, 7);
    r->ticket_id = db_int(q, 8);
    text_copy(r->claimed_by, sizeof(r->claimed_by), db_str(q, 9));
    r->outcome = xstrdup(db_text(q, 10));
    r->note = xstrdup(db_text(q, 11));
    r->created_at = db_int(q, 12);
    r->ended_at = db_int(q, 13);
}

void callback_row_clear(struct callback_row *r)
{
    free(r->calls_json);
    free(r->outcome);
    free(r->note);
    r->calls_json = r->outcome = r->note = NULL;
}

static int load(struct db_q *q, struct callback_row *out)
{
    bool found = db_row(q);
    memset(out, 0, sizeof(*out));
    if (found)
        read_callback(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_callback_load(struct db *db, int64_t id, struct callback_row *out)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM callback WHERE id=$1");
    db_bind_int(q, 1, id);
    return load(q, out);
}

int repo_callback_open_of(struct db *db, const char *number, struct callback_row *out)
{
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS " FROM callback WHERE number=$1 AND ended_at IS NULL "
                     "AND reason<>'sample' ORDER BY id DESC LIMIT 1");
    db_bind_text(q, 1, number);
    return load(q, out);
}

int repo_callback_move(struct callback_row *r, enum callback_state to, const char *cause)
{
    if (!state_may_move(&callback_states, r->state, to))
        return E_CONFLICT;
    state_log(&callback_states, r->id, r->state, to, cause);
    r->state = to;
    return 0;
}

static int insert(struct db *db, struct callback_row *r)
{
    struct db_q *q =
        db_query(db, "INSERT INTO callback (number,person_id,reason,state,calls_json,created_at,"
                     "ticket_id) VALUES ($1,$2,$3,$4,$5,$6,$7)");
    db_bind_text(q, 1, r->number);
    db_bind_opt(q, 2, r->person_id);
    db_bind_text(q, 3, r->reason);
    db_bind_text(q, 4, state_name(&callback_states, r->state));
    db_bind_text(q, 5, r->calls_json);
    db_bind_int(q, 6, r->created_at);
    db_bind_opt(q, 7, r->ticket_id);
    return db_insert(q, &r->id);
}

int repo_callback_save(struct db *db, struct callback_row *r)
{
    if (!r->id)
        return insert(db, r);
    struct db_q *q =
        db_query(db, "UPDATE callback SET state=$1,attempts=$2,calls_json=$3,due_at=$4,"
                     "ticket_id=$5,claimed_by=$6,outcome=$7,note=$8,ended_at=$9,person_id=$10,"
                     "number=$11 WHERE id=$12");
    db_bind_text(q, 1, state_name(&callback_states, r->state));
    db_bind_int(q, 2, r->attempts);
    db_bind_text(q, 3, r->calls_json);
    db_bind_opt(q, 4, r->due_at);
    db_bind_opt(q, 5, r->ticket_id);
    db_bind_text(q, 6, *r->claimed_by ? r->claimed_by : NULL);
    db_bind_text(q, 7, r->outcome);
    db_bind_text(q, 8, r->note);
    db_bind_opt(q, 9, r->ended_at);
    db_bind_opt(q, 10, r->person_id);
    db_bind_text(q, 11, r->number);
    db_bind_int(q, 12, r->id);
    return db_run(q);
}

int repo_callback_list(struct db *db, const struct callback_query *f,
                       void (*fn)(void *ctx, const struct callback_row *row), void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM callback WHERE id<$1 AND "
                                  "($2 IS NULL OR state=$2) AND ($3 IS NULL OR number=$3) "
                                  "ORDER BY id DESC LIMIT $4");
    db_bind_int(q, 1, f->before);
    db_bind_text(q, 2, f->state);
    db_bind_text(q, 3, f->number);
    db_bind_int(q, 4, f->limit);
    while (db_row(q)) {
        struct callback_row row = {.id = 0};
        read_callback(q, &row);
        fn(ctx, &row);
        callback_row_clear(&row);
    }
    return db_end(q);
}

int repo_callback_asking(struct db *db, int64_t ticket_id, const char *reason, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM callback WHERE ticket_id=$1 AND ended_at IS NULL "
                                  "AND reason=$2 LIMIT 1");
    db_bind_int(q, 1, ticket_id);
    db_bind_text(q, 2, reason);
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_callback_any(struct db *db, bool *any)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM callback WHERE ended_at IS NULL LIMIT 1");
    *any = db_row(q);
    return db_end(q);
}

static int some(struct db_q *q, int64_t *ids, int max, int *n)
{
    for (*n = 0; *n < max && db_row(q); (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

int repo_callback_of_household(struct db *db, int64_t person_id, const char *number, int32_t today,
                               int64_t *ids, int max, int *n)
{
    struct db_q *q =
        db_query(db, "SELECT id FROM callback WHERE ended_at IS NULL AND reason<>'sample' AND "
                     "(number=$1 OR (person_id IS NOT NULL AND (person_id=$2 OR person_id IN "
                     "(" HOUSEHOLD_MEMBERS("$2", "$3") ")))) LIMIT $4");
    db_bind_text(q, 1, number);
    db_bind_int(q, 2, person_id);
    db_bind_int(q, 3, today);
    db_bind_int(q, 4, max);
    return some(q, ids, max, n);
}

int repo_callback_of_person(struct db *db, int64_t person_id, int64_t after, int64_t *ids, int max,
                            int *n)
{
    struct db_q *q = db_query(db, "SELECT id FROM callback WHERE person_id=$1 AND id>$2 "
                                  "ORDER BY id LIMIT $3");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, after);
    db_bind_int(q, 3, max);
    return some(q, ids, max, n);
}
