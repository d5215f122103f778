/*
 * test_db.c - the store interface over SQLite: statements, transactions, errors, migrations,
 * backups, and the refusals of databases that are not ours.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/embed.h"
#include "store/db.h"
#include "store/db_driver.h"

static char dir[64], path[96];

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_db.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}

static struct db *open_db(enum db_mode mode)
{
    struct db *db = NULL;
    struct errmsg why = {{0}};
    int rc = db_open(&db_sqlite, path, mode, &db, &why);
    if (rc < 0)
        fail_msg("%s", why.text);
    return db;
}

static int add_estate(struct db *db, const char *name)
{
    struct db_q *q = db_query(db, "INSERT INTO estate (name) VALUES ($1)");
    db_bind_text(q, 1, name);
    return db_run(q);
}

static int64_t count_estates(struct db *db)
{
    struct db_q *q = db_query(db, "SELECT count(*) FROM estate");
    assert_true(db_row(q));
    int64_t n = db_int(q, 0);
    assert_int_equal(db_end(q), 0);
    return n;
}

static void test_statements(void **state)
{
    struct db *db = open_db(DB_WRITER);
    assert_int_equal(db_begin(db), 0);
    struct db_q *q = db_query(db, "INSERT INTO person (updated_at, name, language, segment) "
                                  "VALUES ($4, $1, $2, $3) RETURNING id, $1, $2");
    db_bind_text(q, 1, "王芳");
    db_bind_null(q, 2);
    db_bind_textn(q, 3, "abcdef", 3);
    db_bind_int(q, 4, 77);
    assert_true(db_row(q));
    assert_int_equal(db_int(q, 0), 1);
    assert_string_equal(db_text(q, 1), "王芳");
    assert_true(db_is_null(q, 2));
    assert_null(db_text(q, 2));
    assert_string_equal(db_str(q, 2), "");
    assert_int_equal(db_end(q), 0);
    assert_int_equal(db_changes(db), 1);
    assert_int_equal(db_commit(db), 0);

    /* A query inside the loop over the same text gets a statement of its own. */
    static const char sql[] = "SELECT segment, updated_at FROM person WHERE id >= $1";
    struct db_q *outer = db_query(db, sql);
    db_bind_int(outer, 1, 0);
    assert_true(db_row(outer));
    struct db_q *inner = db_query(db, sql);
    assert_ptr_not_equal(outer, inner);
    db_bind_opt(inner, 1, 0); /* NULL: no row */
    assert_false(db_row(inner));
    assert_int_equal(db_end(inner), 0);
    assert_string_equal(db_str(outer, 0), "abc");
    assert_int_equal(db_int(outer, 1), 77);
    assert_false(db_row(outer));
    assert_int_equal(db_end(outer), 0);
    db_close(&db);
    assert_null(db);
}

static int insert_estate(struct db *db, const char *sql, const char *name, int64_t *id)
{
    struct db_q *q = db_query(db, sql);
    db_bind_text(q, 1, name);
    return db_insert(q, id);
}

static void test_insert(void **state)
{
    static const char plain[] = "INSERT INTO estate (name) VALUES ($1)";
    static const char once[] = "INSERT INTO estate (name) VALUES ($1) ON CONFLICT DO NOTHING";
    struct db *db = open_db(DB_WRITER);
    int64_t id = 9;
    assert_int_equal(insert_estate(db, plain, "a", &id), 0);
    assert_int_equal(id, 1);
    assert_int_equal(insert_estate(db, plain, "b", &id), 0);
    assert_int_equal(id, 2);
    assert_int_equal(insert_estate(db, once, "a", &id), 0);
    assert_int_equal(id, 0);
    assert_int_equal(insert_estate(db, once, "c", &id), 0);
    assert_int_equal(id, 3);
    assert_int_equal(insert_estate(db, plain, "a", &id), E_CONSTRAINT);
    assert_int_equal(id, 0);
    db_close(&db);
}

static void test_errors_stick(void **state)
{
    struct db *db = open_db(DB_WRITER);
    struct db_q *q = db_query(db, "SELECT nonsense FROM nowhere");
    db_bind_int(q, 1, 1);
    assert_false(db_row(q));
    assert_int_equal(db_end(q), E_CONSTRAINT);
    q = db_query(db, "SELECT id FROM estate WHERE id = $1");
    db_bind_int(q, 2, 1); /* no such parameter */
    assert_int_equal(db_run(q), E_CONSTRAINT);
    assert_int_equal(add_estate(db, "a"), 0);
    assert_int_equal(add_estate(db, "a"), E_CONSTRAINT);
    assert_int_equal(db_last_class(db), DB_CONSTRAINT);
    assert_non_null(strstr(db_last_error(db), "UNIQUE"));
    assert_int_equal(add_estate(db, NULL), E_CONSTRAINT);
    q = db_query(db, "INSERT INTO building (estate_id, name) VALUES ($1, $2)");
    db_bind_int(q, 1, 99);
    db_bind_text(q, 2, "1");
    assert_int_equal(db_run(q), E_CONSTRAINT); /* foreign keys are on */
    struct errmsg why;
    assert_int_equal(db_exec(db, "CREATE TABEL x", &why), E_CONSTRAINT);
    assert_non_null(strstr(why.text, "syntax"));
    db_close(&db);
}

static void test_savepoints(void **state)
{
    struct db *db = open_db(DB_WRITER);
    assert_false(db_in_transaction(db));
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add_estate(db, "kept"), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(add_estate(db, "undone"), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(add_estate(db, "nested"), 0);
    assert_int_equal(db_release(db), 0);
    db_rollback_to(db);
    assert_true(db_in_transaction(db));
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count_estates(db), 1);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add_estate(db, "x"), 0);
    db_rollback(db);
    db_rollback(db); /* harmless */
    assert_int_equal(count_estates(db), 1);
    db_close(&db);
}

/* A full disk takes the whole transaction: what follows in the command must not run outside it. */
static long log_bytes(void)
{
    char name[128];
    struct stat st;
    snprintf(name, sizeof(name), "%s-wal", path);
    return stat(name, &st) == 0 ? (long)st.st_size : 0;
}

/* As many pages as a burst of calls. */
static void write_much(struct db *db)
{
    static char text[4000];
    memset(text, 'x', sizeof(text) - 1);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(db_begin(db), 0);
        for (int k = 0; k < 250; k++) {
            struct db_q *q = db_query(
                db, "INSERT INTO audit (at, by, what, data_json) VALUES (1, 'a', 'b', $1)");
            db_bind_text(q, 1, text);
            assert_int_equal(db_run(q), 0);
        }
        assert_int_equal(db_commit(db), 0);
        db_tidy(db);
    }
}

/* The log begins anew when it has grown, as soon as no reader is in its way. */
static void test_log(void **state)
{
    struct db *db = open_db(DB_WRITER), *reader = open_db(DB_READER);
    write_much(db);
    write_much(db);
    assert_in_range(log_bytes(), 4L << 20, 24L << 20);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(count_estates(reader), 0);
    write_much(db);
    write_much(db);
    long held = log_bytes();
    assert_in_range(held, 36L << 20, 100L << 20);
    assert_int_equal(db_commit(reader), 0);
    write_much(db);
    write_much(db);
    write_much(db);
    assert_in_range(log_bytes(), held, held + (24L << 20));
    db_close(&reader);
    db_close(&db);
}

static void test_full_disk(void **state)
{
    struct db *db = open_db(DB_WRITER);
    struct errmsg why;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add_estate(db, "before"), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=1", &why), 0);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(db_savepoint(db), 0);
    char big[20000];
    memset(big, 'x', sizeof(big));
    big[sizeof(big) - 1] = 0;
    int rc = 0;
    for (int i = 0; i < 100 && rc == 0; i++) {
        big[0] = (char)('0' + i / 10);
        big[1] = (char)('0' + i % 10);
        rc = add_estate(db, big);
    }
    assert_int_equal(rc, E_IO);
    assert_int_equal(db_last_class(db), DB_RETRY);
    assert_false(db_in_transaction(db));
    assert_int_equal(add_estate(db, "must not be"), E_IO);
    assert_int_equal(db_release(db), E_IO);
    assert_int_equal(db_commit(db), E_IO);
    db_rollback(db);
    assert_int_equal(db_exec(db, "PRAGMA max_page_count=1000000", &why), 0);
    assert_int_equal(count_estates(db), 1);
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add_estate(db, "after"), 0);
    assert_int_equal(db_commit(db), 0);
    db_close(&db);
}

struct fault {
    enum db_class cls;
    int rc;
    bool transaction_lives;
};

static void test_injection(void **state)
{
    static const struct fault faults[] = {{DB_CONSTRAINT, E_CONSTRAINT, true},
                                          {DB_RETRY, E_IO, false},
                                          {DB_UNCERTAIN, E_UNCERTAIN, false},
                                          {DB_FATAL, E_FATAL, false}};
    struct db *db = open_db(DB_WRITER);
    for (size_t i = 0; i < 4; i++) {
        db_fail_nth(db, 3, faults[i].cls);
        assert_int_equal(db_begin(db), 0);
        assert_int_equal(add_estate(db, "a"), 0);
        assert_int_equal(add_estate(db, "b"), faults[i].rc);
        assert_int_equal(db_last_class(db), faults[i].cls);
        assert_int_equal(db_in_transaction(db), faults[i].transaction_lives);
        db_rollback(db);
        assert_int_equal(count_estates(db), 0);
    }
    db_fail_nth(db, 1, DB_RETRY);
    assert_int_equal(db_begin(db), E_IO);
    db_close(&db);
}

static void test_reader(void **state)
{
    struct db *w = open_db(DB_WRITER), *r = open_db(DB_READER);
    assert_int_equal(db_begin(r), 0);
    assert_int_equal(count_estates(r), 0);
    assert_int_equal(db_begin(w), 0);
    assert_int_equal(add_estate(w, "a"), 0);
    assert_int_equal(db_commit(w), 0);
    assert_int_equal(count_estates(r), 0); /* its picture stands still */
    assert_int_equal(db_commit(r), 0);
    assert_int_equal(count_estates(r), 1);
    assert_int_equal(add_estate(r, "b"), E_IO);
    db_close(&r);
    db_close(&w);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void raw(const char *sql)
{
    sqlite3 *h = NULL;
    assert_int_equal(sqlite3_open(path, &h), SQLITE_OK);
    assert_int_equal(sqlite3_exec(h, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(h);
}

static void refused(enum db_mode mode, int code, const char *words)
{
    struct db *db = NULL;
    struct errmsg why = {{0}};
    assert_int_equal(db_open(&db_sqlite, path, mode, &db, &why), code);
    assert_null(db);
    if (!strstr(why.text, words))
        fail_msg("'%s' lacks '%s'", why.text, words);
}

static void test_refused_newer(void **state)
{
    struct db *db = open_db(DB_WRITER);
    db_close(&db);
    raw("INSERT INTO migration VALUES (9000, '9000_future.sql', 'x', 0)");
    refused(DB_WRITER, E_FATAL, "newer than this program");
    refused(DB_READER, E_FATAL, "newer than this program");
}

static void test_refused_changed(void **state)
{
    struct db *db = open_db(DB_WRITER);
    db_close(&db);
    raw("UPDATE migration SET checksum = 'x' WHERE version = 1");
    refused(DB_WRITER, E_FATAL, "0001_spine.sql");
}

static void test_refused_foreign(void **state)
{
    raw("CREATE TABLE songs (title TEXT)");
    refused(DB_WRITER, E_FATAL, "another program");
    unlink(path);
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 5000; i++)
        fputs("this is no database", f);
    fclose(f);
    refused(DB_WRITER, E_FATAL, "not a database");
    unlink(path);
    refused(DB_READER, E_IO, "unable to open");
    snprintf(path, sizeof(path), "%s/no/such/dir.db", dir);
    refused(DB_WRITER, E_IO, "No such file");
}

static void test_reader_of_empty(void **state)
{
    raw("PRAGMA user_version=0");
    FILE *f = fopen(path, "a");
    fclose(f);
    refused(DB_READER, E_FATAL, "never set up");
}

/* The real migrations and one more. */
static void add_migration(struct embedded_file *out, size_t max, struct embedded_file more)
{
    size_t n = 0;
    while (db_sqlite.migrations[n].name) {
        assert_true(n + 2 < max);
        out[n] = db_sqlite.migrations[n];
        n++;
    }
    out[n] = more;
    out[n + 1] = (struct embedded_file){NULL, NULL, 0};
}

/* A migration that fails leaves the schema as it was. */
static void test_broken_migration(void **state)
{
    static const char bad[] = "CREATE TABLE half (x INTEGER); CREATE TABEL other (y INTEGER);";
    struct embedded_file more[64], fixed[64];
    add_migration(more, 64, (struct embedded_file){"9001_bad.sql", bad, sizeof(bad) - 1});
    struct db *db = open_db(DB_WRITER);
    struct errmsg why;
    assert_int_equal(db_migrate(db, more, &why), E_CONSTRAINT);
    assert_non_null(strstr(why.text, "9001_bad.sql"));
    assert_int_equal(db_exec(db, "SELECT * FROM half", &why), E_CONSTRAINT);
    static const char good[] = "CREATE TABLE half (x INTEGER)";
    add_migration(fixed, 64, (struct embedded_file){"9001_good.sql", good, sizeof(good) - 1});
    assert_int_equal(db_migrate(db, fixed, &why), 0);
    assert_int_equal(db_migrate(db, fixed, &why), 0);
    assert_int_equal(db_check_schema(db, fixed, &why), 0);
    db_close(&db);
    refused(DB_READER, E_FATAL, "newer");
}

static void test_backup(void **state)
{
    struct db *db = open_db(DB_WRITER);
    struct errmsg why = {{0}};
    assert_int_equal(add_estate(db, "a"), 0);
    struct db *r = open_db(DB_READER);
    char copy[128];
    snprintf(copy, sizeof(copy), "%s/copy.db", dir);
    assert_int_equal(db_backup(r, copy, &why), 0);
    assert_int_equal(db_backup(r, copy, &why), E_EXISTS);
    assert_int_equal(add_estate(db, "b"), 0); /* the original is writable after */
    db_close(&r);
    db_close(&db);
    strcpy(path, copy);
    db = open_db(DB_WRITER);
    assert_int_equal(count_estates(db), 1);
    assert_int_equal(db_backup(db, "/no/such/folder/x.db", &why), E_IO);
    db_close(&db);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_statements),
                                       T(test_errors_stick),
                                       T(test_savepoints),
                                       T(test_insert),
                                       T(test_log),
                                       T(test_full_disk),
                                       T(test_injection),
                                       T(test_reader),
                                       T(test_refused_newer),
                                       T(test_refused_changed),
                                       T(test_refused_foreign),
                                       T(test_reader_of_empty),
                                       T(test_broken_migration),
                                       T(test_backup)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
