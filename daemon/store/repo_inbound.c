/*
 * repo_inbound.c - what comes back from gateways, as rows.
 */
#include "store/repo_inbound.h"

int repo_receipt_keep(struct db *db, const struct receipt_row *r)
{
    struct db_q *q = db_query(db, "INSERT INTO receipt (gateway,key,state,at,error,provider_id,"
                                  "kept_at) VALUES ($1,$2,$3,$4,$5,$6,$7)");
    db_bind_text(q, 1, r->gateway);
    db_bind_text(q, 2, r->key ? r->key : "");
    db_bind_text(q, 3, r->state);
    db_bind_int(q, 4, r->at);
    db_bind_text(q, 5, r->error);
    db_bind_text(q, 6, r->provider_id);
    db_bind_int(q, 7, r->kept_at);
    return db_run(q);
}

int repo_receipt_of(struct db *db, const char *gateway, const char *key, const char *provider_id,
                    int max, void (*fn)(void *ctx, const struct receipt_row *row), void *ctx)
{
    struct db_q *q = db_query(db, "SELECT id,at,state,error,provider_id,kept_at FROM receipt "
                                  "WHERE gateway=$1 AND (key=$2 OR provider_id=$3) ORDER BY id "
                                  "LIMIT $4");
    db_bind_text(q, 1, gateway);
    db_bind_text(q, 2, key);
    db_bind_text(q, 3, provider_id);
    db_bind_int(q, 4, max);
    while (db_row(q)) {
        struct receipt_row row = {.id = db_int(q, 0),
                                  .at = db_int(q, 1),
                                  .kept_at = db_int(q, 5),
                                  .gateway = gateway,
                                  .key = key,
                                  .state = db_str(q, 2),
                                  .error = db_text(q, 3),
                                  .provider_id = db_text(q, 4)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_receipt_sweep(struct db *db, const char *gateway, int64_t before, int most)
{
    struct db_q *q = db_query(db, "DELETE FROM receipt WHERE kept_at<$1");
    db_bind_int(q, 1, before);
    int rc = db_run(q);
    if (rc < 0)
        return rc;
    q = db_query(db, "DELETE FROM receipt WHERE gateway=$1 AND id<=(SELECT id FROM receipt "
                     "WHERE gateway=$1 ORDER BY id DESC LIMIT 1 OFFSET $2)");
    db_bind_text(q, 1, gateway);
    db_bind_int(q, 2, most);
    return db_run(q);
}

int repo_receipt_drop(struct db *db, int64_t id)
{
    struct db_q *q = db_query(db, "DELETE FROM receipt WHERE id=$1");
    db_bind_int(q, 1, id);
    return db_run(q);
}

int repo_inbound_add(struct db *db, const struct inbound_row *r, int64_t *id)
{
    struct db_q *q =
        db_query(db, "INSERT INTO inbound (gateway,provider_id,sender,recipient,text,at,"
                     "reply_to_key) VALUES ($1,$2,$3,$4,$5,$6,$7) "
                     "ON CONFLICT (gateway,provider_id) DO NOTHING");
    db_bind_text(q, 1, r->gateway);
    db_bind_text(q, 2, r->provider_id);
    db_bind_text(q, 3, r->sender);
    db_bind_text(q, 4, r->recipient);
    db_bind_text(q, 5, r->text);
    db_bind_int(q, 6, r->at);
    db_bind_text(q, 7, r->reply_to_key);
    return db_insert(q, id);
}

int repo_inbound_link(struct db *db, int64_t id, int64_t person_id, int64_t ticket_id,
                      const char *became)
{
    struct db_q *q =
        db_query(db, "UPDATE inbound SET person_id=$2,ticket_id=$3,became=$4 WHERE id=$1");
    db_bind_int(q, 1, id);
    db_bind_opt(q, 2, person_id);
    db_bind_opt(q, 3, ticket_id);
    db_bind_text(q, 4, became);
    return db_run(q);
}

int repo_inbound_list(struct db *db, const struct inbound_query *f,
                      void (*fn)(void *ctx, const struct inbound_row *row), void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT id,at,person_id,ticket_id,gateway,provider_id,sender,recipient,text,"
            "reply_to_key,became FROM inbound WHERE id<$1 AND ($2 IS NULL OR became=$2) AND "
            "($3=0 OR person_id=$3) AND ($4=0 OR ticket_id=$4) ORDER BY id DESC LIMIT $5");
    db_bind_int(q, 1, f->before ? f->before : INT64_MAX);
    db_bind_text(q, 2, f->became);
    db_bind_int(q, 3, f->person_id);
    db_bind_int(q, 4, f->ticket_id);
    db_bind_int(q, 5, f->limit);
    while (db_row(q)) {
        struct inbound_row row = {.id = db_int(q, 0),
                                  .at = db_int(q, 1),
                                  .person_id = db_int(q, 2),
                                  .ticket_id = db_int(q, 3),
                                  .gateway = db_str(q, 4),
                                  .provider_id = db_str(q, 5),
                                  .sender = db_str(q, 6),
                                  .recipient = db_text(q, 7),
                                  .text = db_str(q, 8),
                                  .reply_to_key = db_text(q, 9),
                                  .became = db_text(q, 10)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_inbound_forget(struct db *db, int64_t person_id)
{
    struct db_q *q =
        db_query(db, "UPDATE inbound SET sender='',text='',person_id=NULL WHERE person_id=$1");
    db_bind_int(q, 1, person_id);
    return db_run(q);
}
