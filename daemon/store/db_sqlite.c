/*
 * db_sqlite.c - the SQLite driver. Settings follow what was measured for this load: write-ahead
 * log, synchronous=FULL, foreign keys, statements prepared once with SQLITE_PREPARE_PERSISTENT, a
 * page cache of 16 MB for the writer (SQLite 3.40 walks through all of it at most commits: with
 * 64 MB that was a third of the ledger's time), checkpoints every 16 MB of log.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/db_driver.h"

#define BUSY_MS         5000
#define BACKUP_PAGES    512
#define STEWARD_APP_ID  "1937011812" /* 'stwd' as a 32-bit number */
#define MAX_VALUE_BYTES (16 << 20)
#define LOG_PAGES       4000 /* after which the log is copied into the database */
#define LOG_WAIT_MS     20   /* for the readers that are still in it */

extern const struct embedded_file migrations_embedded[];

struct conn {
    sqlite3 *handle;
    int log_pages; /* in the log after the last commit */
    int tidy_at;   /* so many are too many */
};

struct stmt {
    sqlite3_stmt *handle;
    int count;   /* parameters */
    int index[]; /* SQLite's index of "$n" at n - 1: it numbers by first appearance */
};

/* ---- what an error means ------------------------------------------------------------------ */

struct outcome {
    int primary; /* SQLite's primary result code */
    int rc;
    enum db_class cls;
};

static const struct outcome outcomes[] = {
    {SQLITE_OK, 0, DB_OK},
    {SQLITE_ROW, 0, DB_OK},
    {SQLITE_DONE, 0, DB_OK},
    {SQLITE_BUSY, E_BUSY, DB_RETRY},
    {SQLITE_LOCKED, E_BUSY, DB_RETRY},
    {SQLITE_INTERRUPT, E_IO, DB_RETRY},
    {SQLITE_FULL, E_IO, DB_RETRY},
    {SQLITE_IOERR, E_IO, DB_RETRY},
    {SQLITE_NOMEM, E_IO, DB_RETRY},
    {SQLITE_CANTOPEN, E_IO, DB_RETRY},
    {SQLITE_READONLY, E_IO, DB_RETRY},
    {SQLITE_PERM, E_IO, DB_RETRY},
    {SQLITE_PROTOCOL, E_IO, DB_RETRY},
    {SQLITE_CORRUPT, E_FATAL, DB_FATAL},
    {SQLITE_NOTADB, E_FATAL, DB_FATAL},
    {SQLITE_FORMAT, E_FATAL, DB_FATAL},
};

/* Whatever is not in the table (constraints, wrong SQL, too big a value) is this statement's own
 * fault and leaves the transaction alone. */
static const struct outcome *outcome_of(int code)
{
    static const struct outcome refused = {SQLITE_CONSTRAINT, E_CONSTRAINT, DB_CONSTRAINT};
    for (size_t i = 0; i < ARRAY_LEN(outcomes); i++)
        if (outcomes[i].primary == (code & 0xff))
            return &outcomes[i];
    return &refused;
}

static enum db_class lite_last_class(void *conn)
{
    return outcome_of(sqlite3_errcode(((struct conn *)conn)->handle))->cls;
}

static const char *lite_last_error(void *conn)
{
    return sqlite3_errmsg(((struct conn *)conn)->handle);
}

/* ---- connection --------------------------------------------------------------------------- */

/* Without its memory statistics SQLite takes no lock for each allocation: readers and the ledger
 * stood in each other's way there. What a savepoint would undo stays in memory: in a file, as it
 * does from 64 KiB by default, it cost the ledger half of its time. */
static void configure_once(void)
{
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    (void)sqlite3_config(SQLITE_CONFIG_STMTJRNL_SPILL, -1);
}

/* Made by hand so that nobody but the daemon's user reads it; -wal and -shm take its mode. */
static int create_private(const char *path, struct errmsg *why)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errmsg_set(why, E_IO, "cannot open the database %s: %s", path, strerror(errno));
    close(fd);
    return 0;
}

static int apply_settings(struct conn *c, const char *const *settings)
{
    for (; *settings; settings++) {
        int code = sqlite3_exec(c->handle, *settings, NULL, NULL, NULL);
        if (code != SQLITE_OK)
            return outcome_of(code)->rc;
    }
    return 0;
}

static const char *const writer_settings[] = {
    "PRAGMA journal_mode=WAL",
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    "PRAGMA cache_size=-16384",
    "PRAGMA application_id=" STEWARD_APP_ID,
    NULL,
};

static const char *const reader_settings[] = {"PRAGMA query_only=ON", "PRAGMA cache_size=-8192",
                                              NULL};

/* ---- the log ---- */

static int count_log(void *arg, sqlite3 *handle, const char *name, int pages)
{
    struct conn *c = arg;
    if (pages < c->log_pages)
        c->tidy_at = LOG_PAGES; /* it began anew */
    c->log_pages = pages;
    return SQLITE_OK;
}

/* SQLite's own way is to copy in each commit once the log has 1,000 pages, and to begin it anew
 * when nobody reads just then: with readers always at work it copied every page of every commit,
 * while the log grew. So it is done more rarely, and the readers' ends are waited for. */
static void lite_tidy(void *arg)
{
    struct conn *c = arg;
    if (c->log_pages < c->tidy_at)
        return;
    sqlite3_busy_timeout(c->handle, LOG_WAIT_MS);
    int code = sqlite3_wal_checkpoint_v2(c->handle, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    sqlite3_busy_timeout(c->handle, BUSY_MS);
    c->tidy_at = code == SQLITE_OK ? LOG_PAGES : c->log_pages + LOG_PAGES / 4;
    c->log_pages = code == SQLITE_OK ? 0 : c->log_pages;
}

/* The writer leaves everything in the database's own file: SQLite itself would do so only if no
 * reader outlived it, and whoever copies that file after a clean stop expects it whole. */
static void lite_close(void *arg)
{
    struct conn *c = arg;
    if (c->handle && sqlite3_db_readonly(c->handle, "main") == 0)
        sqlite3_wal_checkpoint_v2(c->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_close(c->handle);
    free(c);
}

static int lite_open(const char *where, enum db_mode mode, void **out, struct errmsg *why)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    bool write = mode == DB_WRITER;
    pthread_once(&once, configure_once);
    int rc = write ? create_private(where, why) : 0;
    if (rc < 0)
        return rc;
    struct conn *c = xcalloc(1, sizeof(*c));
    int flags = (write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY) | SQLITE_OPEN_NOMUTEX;
    int code = sqlite3_open_v2(where, &c->handle, flags, NULL);
    if (code == SQLITE_OK) {
        sqlite3_extended_result_codes(c->handle, 1);
        sqlite3_busy_timeout(c->handle, BUSY_MS);
        sqlite3_limit(c->handle, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
        sqlite3_wal_hook(c->handle, count_log, c);
        c->tidy_at = LOG_PAGES;
        rc = apply_settings(c, write ? writer_settings : reader_settings);
    } else {
        rc = outcome_of(code)->rc;
    }
    if (rc < 0) {
        errmsg_set(why, rc, "cannot open the database %s: %s", where, lite_last_error(c));
        lite_close(c);
        return rc;
    }
    *out = c;
    return 0;
}

static int lite_exec(void *arg, const char *sql)
{
    struct conn *c = arg;
    return outcome_of(sqlite3_exec(c->handle, sql, NULL, NULL, NULL))->rc;
}

static bool lite_in_transaction(void *arg)
{
    return !sqlite3_get_autocommit(((struct conn *)arg)->handle);
}

static int64_t lite_changes(void *arg)
{
    return sqlite3_changes64(((struct conn *)arg)->handle);
}

static int64_t lite_inserted_id(void *arg)
{
    return sqlite3_last_insert_rowid(((struct conn *)arg)->handle);
}

/* ---- statements --------------------------------------------------------------------------- */

static int lite_prepare(void *arg, const char *sql, void **out)
{
    struct conn *c = arg;
    sqlite3_stmt *handle = NULL;
    int code = sqlite3_prepare_v3(c->handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    if (code != SQLITE_OK || !handle)
        return code == SQLITE_OK ? E_CONSTRAINT : outcome_of(code)->rc;
    int count = sqlite3_bind_parameter_count(handle);
    struct stmt *s = xcalloc(1, sizeof(*s) + (size_t)count * sizeof(s->index[0]));
    s->handle = handle;
    s->count = count;
    for (int n = 1; n <= count; n++) {
        char name[16];
        snprintf(name, sizeof(name), "$%d", n);
        s->index[n - 1] = sqlite3_bind_parameter_index(handle, name);
    }
    *out = s;
    return 0;
}

static void lite_finalize(void *arg)
{
    struct stmt *s = arg;
    sqlite3_finalize(s->handle);
    free(s);
}

static int param(const struct stmt *s, int n)
{
    return n >= 1 && n <= s->count ? s->index[n - 1] : 0;
}

static int bind_result(int code)
{
    return code == SQLITE_RANGE ? E_INVALID : outcome_of(code)->rc;
}

static int lite_bind_int(void *arg, int n, int64_t v)
{
    struct stmt *s = arg;
    return bind_result(sqlite3_bind_int64(s->handle, param(s, n), v));
}

static int lite_bind_text(void *arg, int n, const char *text, size_t len)
{
    struct stmt *s = arg;
    return bind_result(
        sqlite3_bind_text64(s->handle, param(s, n), text, len, SQLITE_TRANSIENT, SQLITE_UTF8));
}

static int lite_bind_null(void *arg, int n)
{
    struct stmt *s = arg;
    return bind_result(sqlite3_bind_null(s->handle, param(s, n)));
}

static int lite_step(void *conn, void *arg)
{
    struct stmt *s = arg;
    int code = sqlite3_step(s->handle);
    return code == SQLITE_ROW ? 1 : outcome_of(code)->rc;
}

static void lite_reset(void *arg)
{
    struct stmt *s = arg;
    sqlite3_reset(s->handle);
    sqlite3_clear_bindings(s->handle);
}

static int64_t lite_column_int(void *arg, int col)
{
    return sqlite3_column_int64(((struct stmt *)arg)->handle, col);
}

static const char *lite_column_text(void *arg, int col)
{
    return (const char *)sqlite3_column_text(((struct stmt *)arg)->handle, col);
}

static bool lite_column_is_null(void *arg, int col)
{
    return sqlite3_column_type(((struct stmt *)arg)->handle, col) == SQLITE_NULL;
}

/* ---- backup ------------------------------------------------------------------------------- */

/* Copies what one read transaction sees, so that the daemon's writes neither wait for the copy
 * nor make it start over. */
static int copy_pages(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    if (!b)
        return sqlite3_errcode(to);
    int code;
    do {
        code = sqlite3_backup_step(b, BACKUP_PAGES);
    } while (code == SQLITE_OK);
    int end = sqlite3_backup_finish(b);
    return code == SQLITE_DONE ? end : code;
}

static int copy_snapshot(sqlite3 *from, const char *to, struct errmsg *why)
{
    sqlite3 *out = NULL;
    int code = sqlite3_open_v2(
        to, &out, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);
    if (code == SQLITE_OK)
        code = copy_pages(from, out);
    int rc = outcome_of(code)->rc;
    if (rc < 0)
        errmsg_set(why, rc, "%s: %s", to, out ? sqlite3_errmsg(out) : sqlite3_errstr(code));
    sqlite3_close(out);
    return rc;
}

static int lite_backup(void *arg, const char *to, struct errmsg *why)
{
    struct conn *c = arg;
    char part[4096];
    if (snprintf(part, sizeof(part), "%s.part", to) >= (int)sizeof(part))
        return errmsg_set(why, E_INVALID, "the file name is too long");
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        int rc = errno == EEXIST ? E_EXISTS : E_IO;
        return errmsg_set(why, rc, "%s: %s", part, strerror(errno));
    }
    close(fd);
    bool own = !lite_in_transaction(c);
    int rc = own ? lite_exec(c, "BEGIN; SELECT count(*) FROM migration") : 0;
    if (rc == 0)
        rc = copy_snapshot(c->handle, part, why);
    else
        errmsg_set(why, rc, "cannot read the database: %s", lite_last_error(c));
    if (own && lite_in_transaction(c))
        (void)!lite_exec(c, "COMMIT");
    if (rc == 0 && link(part, to) < 0) /* link, not rename: it never replaces a file */
        rc = errmsg_set(why, errno == EEXIST ? E_EXISTS : E_IO, "%s: %s", to, strerror(errno));
    unlink(part);
    return rc;
}

const struct db_driver db_sqlite = {
    .name = "sqlite",
    .migrations = migrations_embedded,
    .begin_write = "BEGIN IMMEDIATE",
    .begin_read = "BEGIN",
    .count_tables = "SELECT count(*) FROM sqlite_schema WHERE type = 'table'",
    .count_ours = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'migration'",
    .open = lite_open,
    .close = lite_close,
    .exec = lite_exec,
    .prepare = lite_prepare,
    .finalize = lite_finalize,
    .bind_int = lite_bind_int,
    .bind_text = lite_bind_text,
    .bind_null = lite_bind_null,
    .step = lite_step,
    .reset = lite_reset,
    .column_int = lite_column_int,
    .column_text = lite_column_text,
    .column_is_null = lite_column_is_null,
    .changes = lite_changes,
    .inserted_id = lite_inserted_id,
    .in_transaction = lite_in_transaction,
    .tidy = lite_tidy,
    .last_class = lite_last_class,
    .last_error = lite_last_error,
    .backup = lite_backup,
};
