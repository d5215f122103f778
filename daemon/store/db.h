/*
 * db.h - the store's driver interface, at the level of SQL statements.
 *
 * SQL is written once in the common dialect of SQLite and PostgreSQL ($1 parameters in order,
 * ON CONFLICT, RETURNING). A statement is prepared once a connection and kept, keyed by the
 * pointer of its text, so the text must be a literal. A struct db belongs to one thread.
 *
 * Reading goes: q = db_query(db, SQL); db_bind_…(q, 1, …); while (db_row(q)) { … } rc = db_end(q).
 * db_end() always comes and gives the outcome; errors before it stick and make the rest no-ops.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct db;
struct db_q;

/** What an error means for the transaction: see db_last_class(). */
enum db_class {
    DB_OK,
    DB_CONSTRAINT, /* this statement alone failed */
    DB_RETRY,      /* busy, full, I/O: may work later; the transaction may be gone */
    DB_UNCERTAIN,  /* a commit whose outcome is unknown */
    DB_FATAL,      /* damaged, newer schema */
};

enum db_mode { DB_WRITER, DB_READER };

/** A driver: SQLite is built in; PostgreSQL is to come as a plugin. */
struct db_driver;
extern const struct db_driver db_sqlite;

/**
 * Open; a WRITER creates and migrates the database, refusing one of a newer schema (E_FATAL).
 * where: path of the file for SQLite.
 */
int db_open(const struct db_driver *driver, const char *where, enum db_mode mode, struct db **out,
            struct errmsg *why) MUST_CHECK;
void db_close(struct db **db);

/** One transaction at a time; nested work uses savepoints. */
int db_begin(struct db *db) MUST_CHECK;
int db_commit(struct db *db) MUST_CHECK;
void db_rollback(struct db *db);
/** Nested work inside a transaction that may fail alone. */
int db_savepoint(struct db *db) MUST_CHECK;
int db_release(struct db *db) MUST_CHECK;
void db_rollback_to(struct db *db);
/** False when an error ended the whole transaction (a full disk does): nothing of it may leave. */
bool db_in_transaction(struct db *db);
/** For a writer, between two transactions: what its driver does from time to time, which may take
 * some milliseconds (SQLite copies its log into the database). */
void db_tidy(struct db *db);

/** Start one statement. Never NULL. */
struct db_q *db_query(struct db *db, const char *sql);
void db_bind_int(struct db_q *q, int n, int64_t v);
void db_bind_text(struct db_q *q, int n, const char *s); /* NULL binds NULL; copied */
void db_bind_textn(struct db_q *q, int n, const char *s, size_t len);
void db_bind_null(struct db_q *q, int n);
/** Binds NULL for 0: for ids, times and other columns where 0 means none. */
void db_bind_opt(struct db_q *q, int n, int64_t v);
/** Step; true while there is a row. */
bool db_row(struct db_q *q);
/** Columns from 0. NULL reads as 0, NULL, "" (db_str). Text lives until the next db_row/db_end. */
int64_t db_int(struct db_q *q, int col);
const char *db_text(struct db_q *q, int col);
const char *db_str(struct db_q *q, int col);
bool db_is_null(struct db_q *q, int col);
/** Finish. 0, or E_CONSTRAINT, E_BUSY, E_IO, E_UNCERTAIN, E_FATAL. */
int db_end(struct db_q *q) MUST_CHECK;
/** db_row until done, then db_end: for statements without rows. */
int db_run(struct db_q *q) MUST_CHECK;
/** db_run for an INSERT of one row; *id is that row's, or 0 when ON CONFLICT DO NOTHING did
 * nothing. (RETURNING does the same; SQLite makes a table for it each time: twice the cost.) */
int db_insert(struct db_q *q, int64_t *id) MUST_CHECK;
/** Rows changed by the last finished statement. */
int64_t db_changes(struct db *db);
/** A statement without parameters that is not kept (schema text, pragmas; several statements
 * allowed). */
int db_exec(struct db *db, const char *sql, struct errmsg *why) MUST_CHECK;
enum db_class db_last_class(struct db *db);
const char *db_last_error(struct db *db);

/** Writes what changes nothing, inside a transaction: whether the store can be written to. */
int db_probe(struct db *db) MUST_CHECK;

/** Copy the live database to a file, in steps, while it is written (E_EXISTS if the file is there).
 */
int db_backup(struct db *db, const char *to, struct errmsg *why) MUST_CHECK;

/** For tests: fail the n-th operation from now (0: none) with the class given. */
void db_fail_nth(struct db *db, int n, enum db_class cls);
