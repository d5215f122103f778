/*
 * repo_audit.c - the audit log.
 */
#include "store/repo_audit.h"

int repo_audit_add(struct db *db, int64_t at, const char *by, const char *what, const char *object,
                   const char *data_json)
{
    struct db_q *q = db_query(db, "INSERT INTO audit (at,by,what,object,data_json) "
                                  "VALUES ($1,$2,$3,$4,$5)");
    db_bind_int(q, 1, at);
    db_bind_text(q, 2, by);
    db_bind_text(q, 3, what);
    db_bind_text(q, 4, object);
    db_bind_text(q, 5, data_json);
    return db_run(q);
}

int repo_audit_list(struct db *db, const char *object, const char *by, int64_t before, int limit,
                    void (*fn)(void *ctx, const struct audit_row *row), void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT id,at,by,what,object,data_json FROM audit WHERE id<$1 AND "
                     "($2 IS NULL OR object=$2) AND ($3 IS NULL OR by=$3) "
                     "ORDER BY id DESC LIMIT $4");
    db_bind_int(q, 1, before ? before : INT64_MAX);
    db_bind_text(q, 2, object);
    db_bind_text(q, 3, by);
    db_bind_int(q, 4, limit);
    while (db_row(q)) {
        struct audit_row row = {.id = db_int(q, 0),
                                .at = db_int(q, 1),
                                .by = db_text(q, 2),
                                .what = db_text(q, 3),
                                .object = db_text(q, 4),
                                .data_json = db_text(q, 5)};
        fn(ctx, &row);
    }
    return db_end(q);
}
