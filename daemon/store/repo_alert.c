/*
 * repo_alert.c - alerts, for reading and acknowledging.
 */
#include "store/repo_alert.h"

#define COLUMNS "id,at,kind,text,data_json,cleared_at"

static int each(struct db_q *q, void (*fn)(void *ctx, const struct alert_row *row), void *ctx,
                int *n)
{
    for (*n = 0; db_row(q); (*n)++) {
        struct alert_row row = {.id = db_int(q, 0),
                                .at = db_int(q, 1),
                                .kind = db_str(q, 2),
                                .text = db_str(q, 3),
                                .data_json = db_text(q, 4),
                                .cleared_at = db_int(q, 5)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_alert_list(struct db *db, bool open, int64_t before, int limit,
                    void (*fn)(void *ctx, const struct alert_row *row), void *ctx)
{
    int n;
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM alert WHERE id<$1 AND "
                                  "($2=0 OR cleared_at IS NULL) ORDER BY id DESC LIMIT $3");
    db_bind_int(q, 1, before ? before : INT64_MAX);
    db_bind_int(q, 2, open);
    db_bind_int(q, 3, limit);
    return each(q, fn, ctx, &n);
}

int repo_alert_get(struct db *db, int64_t id, void (*fn)(void *ctx, const struct alert_row *row),
                   void *ctx)
{
    int n;
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM alert WHERE id=$1");
    db_bind_int(q, 1, id);
    int rc = each(q, fn, ctx, &n);
    return rc < 0 || n ? rc : E_NOTFOUND;
}

int repo_alert_clear(struct db *db, int64_t id, int64_t at)
{
    struct db_q *q =
        db_query(db, "UPDATE alert SET cleared_at=$2 WHERE id=$1 AND cleared_at IS NULL");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, at);
    return db_run(q);
}
