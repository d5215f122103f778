/*
 * repo_message.c - messages as rows.
 */
#include "store/repo_message.h"

#include "base/mem.h"
#include "base/text.h"

#define COLUMNS                                                                                    \
    "id,key,channel,class,gateway,recipient,person_id,account,ticket_id,template,"                 \
    "provider_template,params_json,language,subject,text,segments,state,urgent,attempts,"          \
    "not_before,next_at,expires_at,queued_at,sent_at,delivered_at,failed_at,error,provider_id,"    \
    "resend_of,event_type,event_json"

#define MOVE_BATCH 256 /* rows of repo_message_move_all() between two reads */

/* In the order of COLUMNS. */
static void read_message(struct db_q *q, struct message_row *r)
{
    int c = 0;
    r->id = db_int(q, c++);
    r->key = db_text(q, c++);
    r->channel = db_text(q, c++);
    r->message_class = db_text(q, c++);
    r->gateway = db_text(q, c++);
    r->recipient = db_str(q, c++);
    r->person_id = db_int(q, c++);
    r->account = db_text(q, c++);
    r->ticket_id = db_int(q, c++);
    r->template_name = db_text(q, c++);
    r->provider_template = db_text(q, c++);
    r->params_json = db_text(q, c++);
    r->language = db_text(q, c++);
    r->subject = db_text(q, c++);
    r->text = db_str(q, c++);
    r->segments = (int)db_int(q, c++);
    r->state = msg_state_parse(db_str(q, c++));
    r->urgent = db_int(q, c++) != 0;
    r->attempts = (int)db_int(q, c++);
    r->not_before = db_int(q, c++);
    r->next_at = db_int(q, c++);
    r->expires_at = db_int(q, c++);
    r->queued_at = db_int(q, c++);
    r->sent_at = db_int(q, c++);
    r->delivered_at = db_int(q, c++);
    r->failed_at = db_int(q, c++);
    r->error = db_text(q, c++);
    r->provider_id = db_text(q, c++);
    r->resend_of = db_int(q, c++);
    r->event_type = db_text(q, c++);
    r->event_json = db_text(q, c++);
}

int repo_message_insert(struct db *db, const struct message_row *r, int64_t *id)
{
    struct db_q *q = db_query(db, "INSERT INTO message (key,channel,class,gateway,recipient,"
                                  "person_id,account,ticket_id,template,provider_template,"
                                  "params_json,language,subject,text,segments,state,urgent,"
                                  "not_before,next_at,expires_at,queued_at,resend_of,event_type,"
                                  "event_json) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,"
                                  "$14,$15,'queued',$16,$17,$18,$19,$20,$21,$22,$23)");
    int n = 1;
    db_bind_text(q, n++, r->key);
    db_bind_text(q, n++, r->channel);
    db_bind_text(q, n++, r->message_class);
    db_bind_text(q, n++, r->gateway);
    db_bind_text(q, n++, r->recipient);
    db_bind_opt(q, n++, r->person_id);
    db_bind_text(q, n++, r->account);
    db_bind_opt(q, n++, r->ticket_id);
    db_bind_text(q, n++, r->template_name);
    db_bind_text(q, n++, r->provider_template);
    db_bind_text(q, n++, r->params_json ? r->params_json : "{}");
    db_bind_text(q, n++, r->language);
    db_bind_text(q, n++, r->subject);
    db_bind_text(q, n++, r->text ? r->text : "");
    db_bind_int(q, n++, r->segments);
    db_bind_int(q, n++, r->urgent);
    db_bind_opt(q, n++, r->not_before);
    db_bind_int(q, n++, r->next_at);
    db_bind_int(q, n++, r->expires_at);
    db_bind_int(q, n++, r->queued_at);
    db_bind_opt(q, n++, r->resend_of);
    db_bind_text(q, n++, r->event_type);
    db_bind_text(q, n++, r->event_json);
    return db_insert(q, id);
}

/* ---- reading ---- */

static int each(struct db_q *q, message_row_fn *fn, void *ctx)
{
    struct message_row row;
    while (db_row(q)) {
        read_message(q, &row);
        fn(ctx, &row);
    }
    return db_end(q);
}

static int one(struct db_q *q, message_row_fn *fn, void *ctx)
{
    struct message_row row;
    bool found = db_row(q);
    if (found) {
        read_message(q, &row);
        fn(ctx, &row);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_message_get(struct db *db, int64_t id, message_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM message WHERE id=$1");
    db_bind_int(q, 1, id);
    return one(q, fn, ctx);
}

int repo_message_by_key(struct db *db, const char *key, const char *gateway, message_row_fn *fn,
                        void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM message WHERE key=$1 AND "
                                  "($2 IS NULL OR gateway=$2)");
    db_bind_text(q, 1, key);
    db_bind_text(q, 2, gateway);
    return one(q, fn, ctx);
}

int repo_message_by_provider(struct db *db, const char *gateway, const char *provider_id,
                             message_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM message WHERE provider_id=$1 AND "
                                  "gateway=$2");
    db_bind_text(q, 1, provider_id);
    db_bind_text(q, 2, gateway);
    return one(q, fn, ctx);
}

int repo_message_last_to(struct db *db, const char *recipient, int64_t since, message_row_fn *fn,
                         void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS " FROM message WHERE "
                     "lower(recipient)=lower($1) AND sent_at>=$2 ORDER BY id DESC LIMIT 1");
    db_bind_text(q, 1, recipient);
    db_bind_int(q, 2, since);
    return one(q, fn, ctx);
}

bool message_is_question(const char *template_name)
{
    return text_eq(template_name, "confirm") || text_eq(template_name, "no_answer") ||
           text_eq(template_name, "survey");
}

int repo_message_followed(struct db *db, const char *recipient, int64_t after, int64_t since,
                          bool *yes)
{
    struct db_q *q = db_query(
        db, "SELECT 1 FROM message WHERE lower(recipient)=lower($1) AND id>$2 AND queued_at>$3 AND "
            "class<>'staff' AND event_type IS NULL AND (template IS NULL OR template NOT "
            "IN " MESSAGE_QUESTIONS ") AND state IN ('sending','sent','delivered') "
            "LIMIT 1");
    db_bind_text(q, 1, recipient);
    db_bind_int(q, 2, after);
    db_bind_int(q, 3, since);
    *yes = db_row(q);
    return db_end(q);
}

int repo_message_list(struct db *db, const struct message_query *f, message_row_fn *fn, void *ctx)
{
#define REST                                                                                       \
    "id<$2 AND ($3 IS NULL OR state=$3) AND ($4 IS NULL OR gateway=$4) AND "                       \
    "($5 IS NULL OR account=$5) AND ($6 IS NULL OR person_id=$6) ORDER BY id DESC LIMIT $7"
    /* Each filter has its own statement, so that each finds its index. */
    static const char by_none[] = "SELECT " COLUMNS " FROM message WHERE $1=0 AND " REST;
    static const char by_ticket[] = "SELECT " COLUMNS " FROM message WHERE ticket_id=$1 AND " REST;
    static const char by_person[] = "SELECT " COLUMNS " FROM message WHERE person_id=$1 AND " REST;
#undef REST
    const char *sql = f->ticket_id ? by_ticket : f->person_id ? by_person : by_none;
    struct db_q *q = db_query(db, sql);
    db_bind_int(q, 1, f->ticket_id ? f->ticket_id : f->person_id);
    db_bind_int(q, 2, f->before > 0 ? f->before : INT64_MAX);
    db_bind_text(q, 3, f->state);
    db_bind_text(q, 4, f->gateway);
    db_bind_text(q, 5, f->account);
    db_bind_opt(q, 6, f->person_id);
    db_bind_int(q, 7, f->limit);
    return each(q, fn, ctx);
}

int repo_message_due(struct db *db, const char *gateway, int64_t now, int limit, message_row_fn *fn,
                     void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM message WHERE gateway=$1 AND done = 0 "
                                  "AND next_at<=$2 ORDER BY next_at LIMIT $3");
    db_bind_text(q, 1, gateway);
    db_bind_int(q, 2, now);
    db_bind_int(q, 3, limit);
    return each(q, fn, ctx);
}

int repo_message_next_due(struct db *db, const char *gateway, int64_t *at)
{
    struct db_q *q = db_query(db, "SELECT min(next_at) FROM message WHERE gateway=$1 AND done = 0");
    db_bind_text(q, 1, gateway);
    *at = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_message_each_due(struct db *db, void (*fn)(void *ctx, const char *gateway, int64_t at),
                          void *ctx)
{
    struct db_q *q = db_query(db, "SELECT gateway,min(next_at) FROM message WHERE done = 0 "
                                  "GROUP BY gateway");
    while (db_row(q))
        fn(ctx, db_str(q, 0), db_int(q, 1));
    return db_end(q);
}

int repo_message_concerns(struct db *db, int64_t id, char account[65], char responder[65])
{
    struct db_q *q = db_query(db, "SELECT m.account,t.responder FROM message m "
                                  "LEFT JOIN ticket t ON t.id=m.ticket_id WHERE m.id=$1");
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    text_copy(account, 65, found ? db_str(q, 0) : "");
    text_copy(responder, 65, found ? db_str(q, 1) : "");
    return db_end(q);
}

/* ---- the state ---- */

/* Moments and texts that a step leaves alone are bound as NULL. */
static void bind_move(struct db_q *q, const struct message_move *m)
{
    bool open = m->to == MSG_QUEUED || m->to == MSG_SENDING;
    db_bind_text(q, 2, msg_state_name(m->to));
    db_bind_int(q, 3, !open);
    db_bind_opt(q, 4, m->next_at);
    db_bind_int(q, 5, m->to == MSG_SENDING);
    db_bind_int(q, 6, m->to == MSG_SENT || m->to == MSG_DELIVERED);
    db_bind_text(q, 7, m->error);
    db_bind_text(q, 8, m->provider_id);
    db_bind_opt(q, 9, m->sent_at);
    db_bind_opt(q, 10, m->to == MSG_DELIVERED ? m->at : 0);
    db_bind_opt(q, 11, m->to == MSG_FAILED ? m->at : 0);
    db_bind_text(q, 12, msg_state_name(m->from));
}

int repo_message_move(struct db *db, int64_t id, const struct message_move *m)
{
    if (!msg_may_move(m->from, m->to))
        return E_CONFLICT;
    struct db_q *q =
        db_query(db, "UPDATE message SET state=$2,done=$3,next_at=$4,attempts=attempts+$5,"
                     "error=CASE WHEN $6=1 THEN NULL ELSE coalesce($7,error) END,"
                     "provider_id=coalesce(provider_id,$8),sent_at=coalesce(sent_at,$9),"
                     "delivered_at=coalesce($10,delivered_at),failed_at=coalesce($11,failed_at) "
                     "WHERE id=$1 AND state=$12");
    db_bind_int(q, 1, id);
    bind_move(q, m);
    int rc = db_run(q);
    if (rc < 0 || db_changes(db) == 0)
        return rc < 0 ? rc : E_CONFLICT;
    state_log(&message_states, id, m->from, m->to, m->cause);
    return 0;
}

static int ids_in(struct db *db, int64_t person_id, enum msg_state state, int64_t *ids, int *n)
{
    struct db_q *q = db_query(db, person_id ? "SELECT id FROM message WHERE person_id=$1 AND "
                                              "done = 0 AND state=$2 LIMIT $3"
                                            : "SELECT id FROM message WHERE $1=0 AND done = 0 AND "
                                              "state=$2 LIMIT $3");
    db_bind_int(q, 1, person_id);
    db_bind_text(q, 2, msg_state_name(state));
    db_bind_int(q, 3, MOVE_BATCH);
    for (*n = 0; db_row(q); (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

int repo_message_move_all(struct db *db, int64_t person_id, const struct message_move *m)
{
    int64_t ids[MOVE_BATCH];
    int rc, n;
    do {
        rc = ids_in(db, person_id, m->from, ids, &n);
        for (int i = 0; i < n && rc == E_OK; i++)
            rc = repo_message_move(db, ids[i], m);
    } while (rc == E_OK && n == MOVE_BATCH);
    return rc;
}

int repo_message_delay(struct db *db, int64_t id, int64_t until)
{
    struct db_q *q = db_query(db, "UPDATE message SET next_at=$2 WHERE id=$1 AND state='queued'");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, until);
    return db_run(q);
}

int repo_message_sent_late(struct db *db, int64_t id, int64_t at, const char *provider_id)
{
    struct db_q *q = db_query(db, "UPDATE message SET sent_at=coalesce(sent_at,$2),"
                                  "provider_id=coalesce($3,provider_id) WHERE id=$1");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, at);
    db_bind_text(q, 3, provider_id);
    return db_run(q);
}

/* ---- other columns ---- */

int repo_message_copy_template(struct db *db, int64_t from, int64_t to)
{
    struct db_q *q =
        db_query(db, "UPDATE message SET template=(SELECT f.template FROM message f WHERE f.id=$1),"
                     "provider_template=(SELECT f.provider_template FROM message f WHERE f.id=$1),"
                     "params_json=(SELECT f.params_json FROM message f WHERE f.id=$1) WHERE id=$2");
    db_bind_int(q, 1, from);
    db_bind_int(q, 2, to);
    return db_run(q);
}
