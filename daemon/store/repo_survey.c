/*
 * repo_survey.c - surveys as rows.
 */
#include "store/repo_survey.h"

#define COLUMNS                                                                                    \
    "id,ticket_id,cycle,purpose,person_id,channel,asks,message_id,callback_id,state,asked_at,"     \
    "answered_at,satisfied,score,via,by,note"

static void read_survey(struct db_q *q, struct survey_row *r)
{
    r->id = db_int(q, 0);
    r->ticket_id = db_int(q, 1);
    r->cycle = (int)db_int(q, 2);
    r->purpose = db_str(q, 3);
    r->person_id = db_int(q, 4);
    r->channel = db_str(q, 5);
    r->asks = (int)db_int(q, 6);
    r->message_id = db_int(q, 7);
    r->callback_id = db_int(q, 8);
    r->state = (enum survey_state)state_parse(&survey_states, db_str(q, 9));
    r->asked_at = db_int(q, 10);
    r->answered_at = db_int(q, 11);
    r->answered = !db_is_null(q, 12);
    r->satisfied = db_int(q, 12) != 0;
    r->score = db_int(q, 13);
    r->via = db_text(q, 14);
    r->by = db_text(q, 15);
    r->note = db_text(q, 16);
}

int repo_survey_ask(struct db *db, const struct survey_row *r)
{
    struct db_q *q = db_query(
        db, "INSERT INTO survey (ticket_id,cycle,purpose,person_id,channel,message_id,callback_id,"
            "state,asked_at) VALUES ($1,$2,$3,$4,coalesce((SELECT channel FROM message WHERE "
            "id=$6),$5),$6,$7,'asked',$8) ON CONFLICT (ticket_id,cycle,purpose) DO UPDATE SET "
            "channel=excluded.channel,asks=survey.asks+1,state='asked',"
            "message_id=coalesce(excluded.message_id,survey.message_id),"
            "callback_id=coalesce(excluded.callback_id,survey.callback_id)");
    db_bind_int(q, 1, r->ticket_id);
    db_bind_int(q, 2, r->cycle);
    db_bind_text(q, 3, r->purpose);
    db_bind_opt(q, 4, r->person_id);
    db_bind_text(q, 5, r->channel);
    db_bind_opt(q, 6, r->message_id);
    db_bind_opt(q, 7, r->callback_id);
    db_bind_int(q, 8, r->asked_at);
    return db_run(q);
}

static int one_id(struct db_q *q, int64_t *id)
{
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_survey_waiting(struct db *db, int64_t ticket_id, int cycle, const char *purpose,
                        int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM survey WHERE ticket_id=$1 AND cycle=$2 AND "
                                  "purpose=$3 AND state='asked'");
    db_bind_int(q, 1, ticket_id);
    db_bind_int(q, 2, cycle);
    db_bind_text(q, 3, purpose);
    return one_id(q, id);
}

int repo_survey_of_callback(struct db *db, int64_t callback_id, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM survey WHERE callback_id=$1 AND "
                                  "callback_id IS NOT NULL AND purpose='sample'");
    db_bind_int(q, 1, callback_id);
    return one_id(q, id);
}

int repo_survey_move(struct db *db, const struct survey_row *r, const char *cause)
{
    if (!state_may_move(&survey_states, SURVEY_ASKED, r->state))
        return E_CONFLICT;
    struct db_q *q =
        db_query(db, "UPDATE survey SET state=$2,answered_at=$3,satisfied=$4,score=$5,via=$6,"
                     "note=$7,by=$8 WHERE id=$1 AND state='asked'");
    db_bind_int(q, 1, r->id);
    db_bind_text(q, 2, state_name(&survey_states, r->state));
    db_bind_opt(q, 3, r->answered_at);
    r->state == SURVEY_ANSWERED ? db_bind_int(q, 4, r->satisfied) : db_bind_null(q, 4);
    db_bind_opt(q, 5, r->score);
    db_bind_text(q, 6, r->via);
    db_bind_text(q, 7, r->note);
    db_bind_text(q, 8, r->by);
    int rc = db_run(q);
    if (rc < 0 || db_changes(db) == 0)
        return rc < 0 ? rc : E_CONFLICT;
    state_log(&survey_states, r->id, SURVEY_ASKED, r->state, cause);
    return 0;
}

int repo_survey_get(struct db *db, int64_t id, survey_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM survey WHERE id=$1");
    struct survey_row row;
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    if (found) {
        read_survey(q, &row);
        fn(ctx, &row);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_survey_list(struct db *db, const struct survey_query *f, survey_row_fn *fn, void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS " FROM survey WHERE id<$1 AND ($2 IS NULL OR state=$2) AND "
                     "($3 IS NULL OR purpose=$3) AND ($4=0 OR ticket_id=$4) "
                     "ORDER BY id DESC LIMIT $5");
    struct survey_row row;
    db_bind_int(q, 1, f->before ? f->before : INT64_MAX);
    db_bind_text(q, 2, f->state);
    db_bind_text(q, 3, f->purpose);
    db_bind_int(q, 4, f->ticket_id);
    db_bind_int(q, 5, f->limit);
    while (db_row(q)) {
        read_survey(q, &row);
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_survey_forget(struct db *db, int64_t person_id)
{
    struct db_q *q = db_query(db, "UPDATE survey SET note=NULL WHERE person_id=$1");
    db_bind_int(q, 1, person_id);
    return db_run(q);
}
