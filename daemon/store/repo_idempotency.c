/*
 * repo_idempotency.c - answers that are given again.
 */
#include "store/repo_idempotency.h"

#include <string.h>

static void bind_name(struct db_q *q, const struct idempotency_row *r)
{
    db_bind_text(q, 1, r->account);
    db_bind_text(q, 2, r->route);
    db_bind_text(q, 3, r->key);
}

int repo_idempotency_get(struct db *db, const struct idempotency_row *name,
                         void (*fn)(void *ctx, const struct idempotency_row *row), void *ctx)
{
    struct db_q *q = db_query(db, "SELECT digest,status,body,at FROM idempotency WHERE account=$1 "
                                  "AND route=$2 AND key=$3");
    bind_name(q, name);
    bool found = db_row(q);
    if (found) {
        struct idempotency_row row = *name;
        row.digest = db_str(q, 0);
        row.status = (int)db_int(q, 1);
        row.body = db_str(q, 2);
        row.body_len = strlen(row.body);
        row.at = db_int(q, 3);
        fn(ctx, &row);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_idempotency_keep(struct db *db, const struct idempotency_row *r)
{
    struct db_q *q = db_query(db, "INSERT INTO idempotency (account,route,key,digest,status,body,"
                                  "at) VALUES ($1,$2,$3,$4,$5,$6,$7)");
    bind_name(q, r);
    db_bind_text(q, 4, r->digest);
    db_bind_int(q, 5, r->status);
    db_bind_textn(q, 6, r->body, r->body_len);
    db_bind_int(q, 7, r->at);
    return db_run(q);
}

int repo_idempotency_forget(struct db *db, const struct idempotency_row *name)
{
    struct db_q *q =
        db_query(db, "DELETE FROM idempotency WHERE account=$1 AND route=$2 AND key=$3");
    bind_name(q, name);
    return db_run(q);
}

int repo_idempotency_sweep(struct db *db, int64_t before)
{
    struct db_q *q = db_query(db, "DELETE FROM idempotency WHERE at<$1");
    db_bind_int(q, 1, before);
    return db_run(q);
}
