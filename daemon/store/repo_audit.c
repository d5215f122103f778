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
