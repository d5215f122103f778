/*
 * db_driver.h - what a database driver provides to db.c: statements, columns, transactions.
 *
 * db.c does everything that does not depend on the database (kept statements, sticky errors,
 * savepoints, failure injection); a driver is this table of functions over its own connection
 * and statement objects. SQLite is built in; another one fills the same table.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/embed.h"
#include "base/err.h"
#include "store/db.h"

struct db_driver {
    const char *name;
    /** The schema in this database's words: files NNNN_name.sql, in order. */
    const struct embedded_file *migrations;
    /** Texts that begin a transaction which writes (taking the lock at once), and one which reads.
     */
    const char *begin_write, *begin_read;
    /** One row with the number of tables in the database; the same of tables named `migration`. */
    const char *count_tables, *count_ours;

    /** `where` as db_open() got it. A writer creates the database. */
    int (*open)(const char *where, enum db_mode mode, void **conn, struct errmsg *why);
    void (*close)(void *conn);
    /** Several statements, no parameters, no rows. */
    int (*exec)(void *conn, const char *sql);

    int (*prepare)(void *conn, const char *sql, void **stmt);
    void (*finalize)(void *stmt);
    /** Parameters by the n of "$n"; E_INVALID when the text has no such parameter. */
    int (*bind_int)(void *stmt, int n, int64_t v);
    int (*bind_text)(void *stmt, int n, const char *s, size_t len);
    int (*bind_null)(void *stmt, int n);
    /** 1: a row stands; 0: finished; negative: an error of enum err. */
    int (*step)(void *conn, void *stmt);
    /** Ready for new parameters, which all are NULL again. */
    void (*reset)(void *stmt);
    int64_t (*column_int)(void *stmt, int col);
    /** NULL for NULL; lives until the next step or reset. */
    const char *(*column_text)(void *stmt, int col);
    bool (*column_is_null)(void *stmt, int col);
    /** Rows changed by the last statement that changes rows. */
    int64_t (*changes)(void *conn);
    /** The id that the last row inserted was given. */
    int64_t (*inserted_id)(void *conn);
    bool (*in_transaction)(void *conn);
    /** After each commit of a writer; NULL: there is nothing to do. */
    void (*tidy)(void *conn);
    /** About the last operation of the connection. */
    enum db_class (*last_class)(void *conn);
    const char *(*last_error)(void *conn);
    int (*backup)(void *conn, const char *to, struct errmsg *why);
};

/** The driver a connection was opened with. */
const struct db_driver *db_driver_of(struct db *db);

/** Bring the schema up to date; E_FATAL for one that is newer, foreign or was changed by hand. */
int db_migrate(struct db *db, const struct embedded_file *files, struct errmsg *why) MUST_CHECK;
/** Whether the schema is exactly what the files say (for readers, which change nothing). */
int db_check_schema(struct db *db, const struct embedded_file *files,
                    struct errmsg *why) MUST_CHECK;
