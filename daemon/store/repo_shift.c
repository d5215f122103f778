/*
 * repo_shift.c - the shift plan as rows.
 */
#include "store/repo_shift.h"

#include "base/text.h"

/* Which line it is, and whether it says the same already. */
static int find(struct db *db, const struct shift_row *r, int64_t *id, bool *same)
{
    struct db_q *q = db_query(db, "SELECT id,to_at FROM shift WHERE account=$1 AND from_at=$2 AND "
                                  "kind=$3");
    db_bind_text(q, 1, r->account);
    db_bind_int(q, 2, r->from_at);
    db_bind_text(q, 3, r->kind);
    bool there = db_row(q);
    *id = there ? db_int(q, 0) : 0;
    *same = there && db_int(q, 1) == r->to_at;
    return db_end(q);
}

int repo_shift_put(struct db *db, const struct shift_row *r, int64_t *id, enum put *what)
{
    int64_t known = 0;
    bool same = false;
    int rc = find(db, r, &known, &same);
    *what = same ? PUT_SAME : known ? PUT_CHANGED : PUT_NEW;
    if (rc < 0)
        return rc;
    if (known && !same) {
        struct db_q *q = db_query(db, "UPDATE shift SET to_at=$2 WHERE id=$1");
        db_bind_int(q, 1, known);
        db_bind_int(q, 2, r->to_at);
        rc = db_run(q);
    } else if (!known) {
        struct db_q *q =
            db_query(db, "INSERT INTO shift (account,from_at,to_at,kind) VALUES ($1,$2,$3,$4)");
        db_bind_text(q, 1, r->account);
        db_bind_int(q, 2, r->from_at);
        db_bind_int(q, 3, r->to_at);
        db_bind_text(q, 4, r->kind);
        rc = db_insert(q, &known);
    }
    if (id)
        *id = known;
    return rc;
}

int repo_shift_list(struct db *db, const char *account, int64_t from, int64_t to, int64_t after,
                    int limit, shift_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT id,account,from_at,to_at,kind FROM shift WHERE id>$1 AND "
                                  "to_at>$2 AND from_at<$3 AND ($4 IS NULL OR account=$4) "
                                  "ORDER BY id LIMIT $5");
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, from);
    db_bind_int(q, 3, to);
    db_bind_text(q, 4, account);
    db_bind_int(q, 5, limit);
    while (db_row(q)) {
        struct shift_row row = {.id = db_int(q, 0),
                                .account = db_str(q, 1),
                                .from_at = db_int(q, 2),
                                .to_at = db_int(q, 3),
                                .kind = db_str(q, 4)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_shift_remove(struct db *db, int64_t id, char account[65])
{
    struct db_q *q = db_query(db, "DELETE FROM shift WHERE id=$1 RETURNING account");
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    text_copy(account, 65, found ? db_str(q, 0) : "");
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_shift_on_duty(struct db *db, int64_t now, shift_person_fn *fn, void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT DISTINCT a.name,a.role,a.department FROM shift s "
                     "JOIN account a ON a.name=s.account WHERE s.to_at>$1 AND s.from_at<=$1 AND "
                     "s.kind='on' AND a.kind='person' AND a.disabled=0 AND NOT EXISTS (SELECT 1 "
                     "FROM shift l WHERE l.account=s.account AND l.kind='leave' AND l.from_at<=$1 "
                     "AND l.to_at>$1) ORDER BY a.name");
    db_bind_int(q, 1, now);
    while (db_row(q))
        fn(ctx, db_str(q, 0), db_str(q, 1), db_str(q, 2));
    return db_end(q);
}

int repo_shift_next_change(struct db *db, int64_t now, int64_t *at)
{
    struct db_q *q = db_query(db, "SELECT min(at) FROM (SELECT from_at AS at FROM shift WHERE "
                                  "kind='on' AND from_at>$1 UNION ALL SELECT to_at FROM shift "
                                  "WHERE kind='leave' AND to_at>$1) AS x");
    db_bind_int(q, 1, now);
    *at = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}
