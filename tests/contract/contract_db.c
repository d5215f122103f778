/* contract_db.c - statements, values, transactions, savepoints and classes of errors. */
#include "contract.h"

#include <string.h>

static int add(struct db *to, const char *name, int64_t *id)
{
    struct db_q *q = db_query(to, "INSERT INTO estate (name) VALUES ($1)");
    db_bind_text(q, 1, name);
    return db_insert(q, id);
}

static int add_once(struct db *to, const char *name, int64_t *id)
{
    struct db_q *q = db_query(to, "INSERT INTO estate (name) VALUES ($1) ON CONFLICT DO NOTHING");
    db_bind_text(q, 1, name);
    return db_insert(q, id);
}

static int64_t count(struct db *of)
{
    struct db_q *q = db_query(of, "SELECT count(*) FROM estate");
    int64_t n = db_row(q) ? db_int(q, 0) : -1;
    assert_int_equal(db_end(q), 0);
    return n;
}

static void values_come_back_as_they_went(void **state)
{
    static const char text[] = "王芳 – \"quoted\" 'and' \\ 😀 %s";
    struct db_q *q = db_query(db, "INSERT INTO person (name,language,segment,updated_at) VALUES "
                                  "($1,$2,$3,$4) RETURNING id,name,language,segment,updated_at");
    db_bind_text(q, 1, text);
    db_bind_text(q, 2, NULL);
    db_bind_textn(q, 3, "abcdef", 3);
    db_bind_int(q, 4, INT64_MAX);
    assert_true(db_row(q));
    assert_true(db_int(q, 0) > 0);
    assert_string_equal(db_text(q, 1), text);
    assert_true(db_is_null(q, 2));
    assert_null(db_text(q, 2));
    assert_string_equal(db_str(q, 2), "");
    assert_int_equal(db_int(q, 2), 0);
    assert_string_equal(db_text(q, 3), "abc");
    assert_true(db_int(q, 4) == INT64_MAX);
    assert_false(db_row(q));
    assert_int_equal(db_end(q), 0);
    q = db_query(db, "SELECT updated_at FROM person WHERE $1 IS NULL");
    db_bind_opt(q, 1, 0);
    assert_true(db_row(q));
    assert_int_equal(db_end(q), 0);
}

static void an_insert_tells_its_id(void **state)
{
    int64_t a = 0, b = 0, again = 9;
    assert_int_equal(add(db, "a", &a), 0);
    assert_int_equal(add(db, "b", &b), 0);
    assert_true(a > 0 && b > a);
    assert_int_equal(add_once(db, "a", &again), 0);
    assert_int_equal(again, 0);
    assert_int_equal(count(db), 2);
}

static void changes_are_counted(void **state)
{
    int64_t id;
    assert_int_equal(add(db, "a", &id), 0);
    assert_int_equal(add(db, "b", &id), 0);
    assert_int_equal(db_run(db_query(db, "UPDATE estate SET name=name||'x'")), 0);
    assert_int_equal(db_changes(db), 2);
    assert_int_equal(db_run(db_query(db, "DELETE FROM estate WHERE name='none'")), 0);
    assert_int_equal(db_changes(db), 0);
}

static void a_reader_sees_what_is_committed(void **state)
{
    struct db *reader = contract_open(DB_READER);
    int64_t id;
    assert_int_equal(db_begin(db), 0);
    assert_true(db_in_transaction(db));
    assert_int_equal(add(db, "a", &id), 0);
    assert_int_equal(count(reader), 0);
    assert_int_equal(db_commit(db), 0);
    assert_false(db_in_transaction(db));
    assert_int_equal(count(reader), 1);
    assert_int_equal(db_begin(reader), 0);
    assert_int_equal(count(reader), 1);
    assert_int_equal(add(db, "b", &id), 0);
    assert_int_equal(count(reader), 1); /* one picture within one transaction */
    assert_int_equal(db_commit(reader), 0);
    assert_int_equal(count(reader), 2);
    assert_true(add(reader, "c", &id) < 0);
    db_close(&reader);
}

static void what_is_rolled_back_is_gone(void **state)
{
    int64_t id;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, "a", &id), 0);
    db_rollback(db);
    assert_int_equal(count(db), 0);
    assert_false(db_in_transaction(db));
}

static void a_savepoint_fails_alone(void **state)
{
    int64_t id;
    assert_int_equal(db_begin(db), 0);
    assert_int_equal(add(db, "kept", &id), 0);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(add(db, "gone", &id), 0);
    db_rollback_to(db);
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(add(db, "kept", &id), E_CONSTRAINT);
    assert_int_equal(db_last_class(db), DB_CONSTRAINT);
    db_rollback_to(db);
    assert_true(db_in_transaction(db));
    assert_int_equal(db_savepoint(db), 0);
    assert_int_equal(add(db, "too", &id), 0);
    assert_int_equal(db_release(db), 0);
    assert_int_equal(db_commit(db), 0);
    assert_int_equal(count(db), 2);
}

static void classes_of_errors_are_told_apart(void **state)
{
    static const struct {
        enum db_class cls;
        int rc;
    } classes[] = {{DB_CONSTRAINT, E_CONSTRAINT},
                   {DB_RETRY, E_BUSY},
                   {DB_UNCERTAIN, E_UNCERTAIN},
                   {DB_FATAL, E_FATAL}};
    int64_t id;
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++) {
        db_fail_nth(db, 1, classes[i].cls);
        int rc = add(db, "a", &id);
        assert_true(rc == classes[i].rc || (classes[i].cls == DB_RETRY && rc == E_IO));
        assert_int_equal(db_last_class(db), classes[i].cls);
        assert_true(strlen(db_last_error(db)) > 0);
    }
    db_fail_nth(db, 0, DB_OK);
    assert_int_equal(add(db, "a", &id), 0);
    assert_int_equal(db_probe(db), 0);
}

static void two_rounds_of_one_statement_do_not_meet(void **state)
{
    static const char sql[] = "SELECT id FROM estate WHERE id>$1 ORDER BY id";
    int64_t a, b;
    assert_int_equal(add(db, "a", &a), 0);
    assert_int_equal(add(db, "b", &b), 0);
    struct db_q *outer = db_query(db, sql);
    db_bind_int(outer, 1, 0);
    assert_true(db_row(outer));
    struct db_q *inner = db_query(db, sql);
    db_bind_int(inner, 1, a);
    assert_true(db_row(inner));
    assert_int_equal(db_int(inner, 0), b);
    assert_int_equal(db_end(inner), 0);
    assert_int_equal(db_int(outer, 0), a);
    assert_true(db_row(outer));
    assert_int_equal(db_end(outer), 0);
}

int contract_of_db(void)
{
    const struct CMUnitTest tests[] = {
        C(values_come_back_as_they_went),
        C(an_insert_tells_its_id),
        C(changes_are_counted),
        C(a_reader_sees_what_is_committed),
        C(what_is_rolled_back_is_gone),
        C(a_savepoint_fails_alone),
        C(classes_of_errors_are_told_apart),
        C(two_rounds_of_one_statement_do_not_meet),
    };
    return cmocka_run_group_tests_name("db", tests, NULL, NULL);
}
