/*
 * db.c - the part of the store interface that is the same for every database: statements kept
 * by their text, errors that stick, savepoints, and failure injection for tests.
 */
#include "store/db.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/db_driver.h"

/* One kept statement. A text that is asked for again while its statement still runs (a query
 * inside its own loop) gets a second one, linked by `twin`. */
struct db_q {
    struct db *db;
    const char *sql; /* the key: the literal's address */
    void *stmt;
    bool busy, started, finished;
    int rc;
    struct db_q *twin;
    UT_hash_handle hh;
};

struct db {
    const struct db_driver *driver;
    void *conn;
    enum db_mode mode;
    struct db_q *statements;
    bool begun;      /* db_begin() passed, db_commit() or db_rollback() did not come yet */
    int64_t changes; /* of the last finished statement */
    int fail_at;     /* operations until the injected failure; 0: none */
    enum db_class fail_class;
    bool injected; /* the last error was injected */
};

static const char SAVEPOINT[] = "SAVEPOINT s";
static const char RELEASE[] = "RELEASE SAVEPOINT s";
static const char ROLLBACK_TO[] = "ROLLBACK TO SAVEPOINT s";
static const char COMMIT[] = "COMMIT";

int db_open(const struct db_driver *driver, const char *where, enum db_mode mode, struct db **out,
            struct errmsg *why)
{
    void *conn = NULL;
    int rc = driver->open(where, mode, &conn, why);
    if (rc < 0)
        return rc;
    struct db *db = xcalloc(1, sizeof(*db));
    db->driver = driver;
    db->conn = conn;
    db->mode = mode;
    struct errmsg cause = {{0}};
    rc = mode == DB_WRITER ? db_migrate(db, driver->migrations, &cause)
                           : db_check_schema(db, driver->migrations, &cause);
    if (rc < 0) {
        db_close(&db);
        return errmsg_set(why, rc, "%s: %s", where, cause.text);
    }
    *out = db;
    return 0;
}

static void statement_free(struct db *db, struct db_q *q)
{
    while (q) {
        struct db_q *next = q->twin;
        if (q->stmt)
            db->driver->finalize(q->stmt);
        free(q);
        q = next;
    }
}

void db_close(struct db **dbp)
{
    struct db *db = *dbp;
    if (!db)
        return;
    struct db_q *q, *tmp;
    HASH_ITER (hh, db->statements, q, tmp) {
        HASH_DEL(db->statements, q);
        statement_free(db, q);
    }
    db->driver->close(db->conn);
    free(db);
    *dbp = NULL;
}

/* ---- failure injection -------------------------------------------------------------------- */

void db_fail_nth(struct db *db, int n, enum db_class cls)
{
    db->fail_at = n;
    db->fail_class = cls;
}

/* What the callers of a class see. A retryable failure takes the transaction with it, as a full
 * disk does in SQLite. */
static int inject(struct db *db)
{
    static const int codes[] = {[DB_OK] = 0,
                                [DB_CONSTRAINT] = E_CONSTRAINT,
                                [DB_RETRY] = E_IO,
                                [DB_UNCERTAIN] = E_UNCERTAIN,
                                [DB_FATAL] = E_FATAL};
    if (db->fail_at == 0 || --db->fail_at > 0)
        return 0;
    db->injected = true;
    if (db->fail_class != DB_CONSTRAINT && db->driver->in_transaction(db->conn))
        (void)!db->driver->exec(db->conn, "ROLLBACK");
    return codes[db->fail_class];
}

/* ---- statements --------------------------------------------------------------------------- */

static struct db_q *statement_find(struct db *db, const char *sql)
{
    struct db_q *first = NULL;
    HASH_FIND_PTR(db->statements, &sql, first);
    for (struct db_q *q = first; q; q = q->twin)
        if (!q->busy)
            return q;
    struct db_q *q = xcalloc(1, sizeof(*q));
    q->db = db;
    q->sql = sql;
    if (first) {
        q->twin = first->twin;
        first->twin = q;
    } else {
        HASH_ADD_PTR(db->statements, sql, q);
    }
    return q;
}

struct db_q *db_query(struct db *db, const char *sql)
{
    struct db_q *q = statement_find(db, sql);
    q->busy = true;
    q->started = q->finished = false;
    q->rc = 0;
    if (db->begun && !db->driver->in_transaction(db->conn)) {
        q->rc = E_IO; /* the transaction is gone: nothing may run outside of it */
    } else if (!q->stmt) {
        q->rc = db->driver->prepare(db->conn, sql, &q->stmt);
        db->injected = false;
        if (q->rc < 0)
            log_error(NULL, "store: %s: %s", sql, db_last_error(db));
    }
    return q;
}

static void bound(struct db_q *q, int n, int rc)
{
    if (rc < 0) {
        log_error(NULL, "store: parameter $%d does not fit: %s", n, q->sql);
        q->rc = rc == E_INVALID ? E_CONSTRAINT : rc;
    }
}

void db_bind_int(struct db_q *q, int n, int64_t v)
{
    if (q->rc == 0)
        bound(q, n, q->db->driver->bind_int(q->stmt, n, v));
}

void db_bind_textn(struct db_q *q, int n, const char *s, size_t len)
{
    if (q->rc == 0) {
        bound(q, n,
              s ? q->db->driver->bind_text(q->stmt, n, s, len)
                : q->db->driver->bind_null(q->stmt, n));
    }
}

void db_bind_text(struct db_q *q, int n, const char *s)
{
    db_bind_textn(q, n, s, s ? strlen(s) : 0);
}

void db_bind_null(struct db_q *q, int n)
{
    if (q->rc == 0)
        bound(q, n, q->db->driver->bind_null(q->stmt, n));
}

void db_bind_opt(struct db_q *q, int n, int64_t v)
{
    if (v == 0)
        db_bind_null(q, n);
    else
        db_bind_int(q, n, v);
}

bool db_row(struct db_q *q)
{
    struct db *db = q->db;
    if (q->rc < 0 || q->finished)
        return false;
    if (!q->started) {
        q->started = true;
        db->injected = false;
        q->rc = inject(db);
        if (q->rc < 0)
            return false;
    }
    int rc = db->driver->step(db->conn, q->stmt);
    if (rc <= 0) {
        q->finished = true;
        q->rc = rc;
    }
    return rc > 0;
}

int64_t db_int(struct db_q *q, int col)
{
    return q->db->driver->column_int(q->stmt, col);
}

const char *db_text(struct db_q *q, int col)
{
    return q->db->driver->column_text(q->stmt, col);
}

const char *db_str(struct db_q *q, int col)
{
    const char *s = db_text(q, col);
    return s ? s : "";
}

bool db_is_null(struct db_q *q, int col)
{
    return q->db->driver->column_is_null(q->stmt, col);
}

int db_end(struct db_q *q)
{
    struct db *db = q->db;
    assert(q->busy);
    if (q->started && q->rc == 0)
        db->changes = db->driver->changes(db->conn);
    if (q->stmt)
        db->driver->reset(q->stmt);
    q->busy = false;
    return q->rc;
}

int db_run(struct db_q *q)
{
    while (db_row(q)) {
    }
    return db_end(q);
}

int db_insert(struct db_q *q, int64_t *id)
{
    struct db *db = q->db;
    int rc = db_run(q);
    *id = rc == 0 && db->changes > 0 ? db->driver->inserted_id(db->conn) : 0;
    return rc;
}

const struct db_driver *db_driver_of(struct db *db)
{
    return db->driver;
}

int64_t db_changes(struct db *db)
{
    return db->changes;
}

int db_exec(struct db *db, const char *sql, struct errmsg *why)
{
    db->injected = false;
    int rc = inject(db);
    if (rc == 0)
        rc = db->driver->exec(db->conn, sql);
    return rc < 0 ? errmsg_set(why, rc, "%s", db_last_error(db)) : 0;
}

/* ---- transactions ------------------------------------------------------------------------- */

int db_begin(struct db *db)
{
    const struct db_driver *d = db->driver;
    assert(!db->begun);
    int rc = db_run(db_query(db, db->mode == DB_WRITER ? d->begin_write : d->begin_read));
    db->begun = rc == 0;
    return rc;
}

int db_commit(struct db *db)
{
    int rc = db_run(db_query(db, COMMIT));
    if (rc == 0)
        db->begun = false;
    return rc;
}

void db_rollback(struct db *db)
{
    if (db->driver->in_transaction(db->conn))
        (void)!db->driver->exec(db->conn, "ROLLBACK");
    db->begun = false;
}

int db_savepoint(struct db *db)
{
    return db_run(db_query(db, SAVEPOINT));
}

int db_release(struct db *db)
{
    return db_run(db_query(db, RELEASE));
}

void db_rollback_to(struct db *db)
{
    if (db_run(db_query(db, ROLLBACK_TO)) < 0 || db_release(db) < 0) {
        /* A savepoint that cannot be undone must not be committed. */
        if (db->driver->in_transaction(db->conn))
            (void)!db->driver->exec(db->conn, "ROLLBACK");
    }
}

bool db_in_transaction(struct db *db)
{
    return db->begun && db->driver->in_transaction(db->conn);
}

void db_tidy(struct db *db)
{
    if (db->driver->tidy)
        db->driver->tidy(db->conn);
}

enum db_class db_last_class(struct db *db)
{
    return db->injected ? db->fail_class : db->driver->last_class(db->conn);
}

const char *db_last_error(struct db *db)
{
    return db->injected ? "injected failure" : db->driver->last_error(db->conn);
}

int db_backup(struct db *db, const char *to, struct errmsg *why)
{
    return db->driver->backup(db->conn, to, why);
}
