/*
 * test_erase.c - the list of store/repo_erase.h against the schema, and its statements against the
 * list: a marker is put into every column that may hold something of an owner, in rows that name
 * them and in rows that only bear their number, and after the erasure none is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/text.h"
#include "store/repo_erase.h"

#define PERSON 7
#define OTHER  8
#define TICKET 70
#define NUMBER "+8613800138000"
#define LOCAL  "13800138000" /* as texts have it */
#define SHARED "+8613900139000"
#define NOW    INT64_C(1795334400000)

static char dir[64], path[80];
static struct db *db;
static int made;

/* Statements are known by the address of their text: it lives as long as the database. */
static char *texts[4096];
static size_t texts_n;

static const char *lasting(const char *sql)
{
    assert_true(texts_n < ARRAY_LEN(texts));
    return texts[texts_n++] = xstrdup(sql);
}

static void run(const char *fmt, ...)
{
    char sql[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(sql, sizeof(sql), fmt, ap);
    va_end(ap);
    if (db_run(db_query(db, lasting(sql))) < 0)
        fail_msg("%s: %s", sql, db_last_error(db));
}

static int setup(void **state)
{
    struct errmsg why = {{0}};
    strcpy(dir, "/tmp/test_erase.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    assert_int_equal(db_open(&db_sqlite, path, DB_WRITER, &db, &why), 0);
    run("PRAGMA foreign_keys = OFF");
    assert_int_equal(db_begin(db), 0);
    made = 0;
    for (int id = PERSON; id <= OTHER; id++) {
        run("INSERT INTO person (id,name,updated_at) VALUES (%d,'n%d',1)", id, id);
        run("INSERT INTO phone (person_id,e164,label,raw,pos) VALUES (%d,'" SHARED
            "','mobile','',1)",
            id);
    }
    run("INSERT INTO phone (person_id,e164,label,raw,pos) VALUES (%d,'" NUMBER "','mobile','',0)",
        PERSON);
    run("INSERT INTO email (person_id,address,pos) VALUES (%d,'wang@example.com',0)", PERSON);
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];
    db_rollback(db);
    db_close(&db);
    while (texts_n)
        free(texts[--texts_n]);
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}

/* ---- the list is whole ---- */

static bool is_listed(const char *table, const char *column)
{
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (text_eq(c->table, table) && text_eq(c->column, column))
            return true;
    return false;
}

static void every_column_is_listed(void **state)
{
    struct db_q *q = db_query(db, "SELECT m.name, c.name FROM sqlite_master m JOIN "
                                  "pragma_table_info(m.name) c WHERE m.type='table' AND "
                                  "c.type IN ('TEXT','BLOB') AND m.name NOT LIKE 'sqlite%'");
    int missing = 0, n = 0;
    for (; db_row(q); n++) {
        if (is_listed(db_str(q, 0), db_str(q, 1)))
            continue;
        print_error("%s.%s: may it hold a number or name of an owner? Say so in "
                    "store/repo_erase.c\n",
                    db_str(q, 0), db_str(q, 1));
        missing++;
    }
    assert_int_equal(db_end(q), 0);
    assert_true(n > 100);
    assert_int_equal(missing, 0);
}

static void nothing_is_listed_that_is_not_there(void **state)
{
    for (const struct erase_column *c = erase_columns; c->table; c++) {
        char sql[256];
        snprintf(sql, sizeof(sql), "SELECT %s FROM \"%s\" LIMIT 1", c->column, c->table);
        struct db_q *q = db_query(db, lasting(sql));
        (void)db_row(q);
        if (db_end(q) < 0)
            fail_msg("%s.%s is not in the schema", c->table, c->column);
    }
}

/* ---- markers ---- */

/* What a column of a new row is, as SQL. named: the row is to name the person or their ticket. */
static void value_of(const char *column, bool text, bool named, char *out, size_t cap)
{
    static const struct {
        const char *column, *value;
    } fixed[] = {{"done", "1"},       {"state", "'sent'"},         {"live_json", "NULL"},
                 {"closed_at", "1"},  {"direction", "'outbound'"}, {"ended_at", "1"},
                 {"cleared_at", "1"}, {"consent_sms", "1"}};
    snprintf(out, cap, text ? "'x%d'" : "%d", 1000 + made);
    if (strstr(column, "_json"))
        snprintf(out, cap, "'[]'");
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (text_eq(column, fixed[i].column))
            snprintf(out, cap, "%s", fixed[i].value);
    if (text_eq(column, "person_id"))
        snprintf(out, cap, named ? "%d" : "NULL", PERSON);
    if (text_eq(column, "ticket_id"))
        snprintf(out, cap, named ? "%d" : "999", TICKET);
    made++;
}

/* A row of the table with the marker in that column. */
static void put_marker(const struct erase_column *c, const char *marker, bool named)
{
    struct buf names = BUF_INIT(4096), values = BUF_INIT(4096);
    char sql[256], value[64];
    snprintf(sql, sizeof(sql), "SELECT name, type, pk FROM pragma_table_info('%s')", c->table);
    struct db_q *q = db_query(db, lasting(sql));
    while (db_row(q)) {
        const char *name = db_str(q, 0);
        if (text_eq(name, "id"))
            continue;
        value_of(name, !text_eq(db_str(q, 1), "INTEGER"), named, value, sizeof(value));
        if (text_eq(name, c->column))
            snprintf(value, sizeof(value), "'%s'", marker);
        buf_printf(&names, "%s%s", names.len ? "," : "", name);
        buf_printf(&values, "%s%s", values.len ? "," : "", value);
    }
    assert_int_equal(db_end(q), 0);
    run("INSERT INTO %s (%s) VALUES (%s)", c->table, buf_str(&names), buf_str(&values));
    buf_free(&names);
    buf_free(&values);
}

static int64_t count_markers(const struct erase_column *c, const char *marker)
{
    char sql[256];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE %s LIKE '%%%s%%'", c->table,
             c->column, marker);
    struct db_q *q = db_query(db, lasting(sql));
    assert_true(db_row(q));
    int64_t n = db_int(q, 0);
    assert_int_equal(db_end(q), 0);
    return n;
}

static void expect_markers(const char *marker, enum erase_how how, bool there)
{
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (c->how == how && (count_markers(c, marker) > 0) != there)
            fail_msg("%s.%s: %s", c->table, c->column,
                     there ? "is not to be emptied" : "still holds what was said of the owner");
}

/* The person's own row and the kept card are the one row that they have. */
static bool is_own_row(const struct erase_column *c)
{
    return text_eq(c->table, "person") || text_eq(c->table, "card") || text_eq(c->table, "ticket");
}

static void rows_that_name_the_person(void **state)
{
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (text_eq(c->table, "person"))
            run("UPDATE person SET %s='王芳MARK' WHERE id=%d", c->column, PERSON);
        else if (c->how == ERASE_NAMED && !is_own_row(c))
            put_marker(c, "王芳MARK", true);
        else if (c->how == ERASE_TICKET && !is_own_row(c))
            put_marker(c, "王芳MARK", true);
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (text_eq(c->table, "message") && c->how != ERASE_NONE)
            put_marker(c, "王芳MARK", true);
    assert_int_equal(repo_erase_ticket(db, TICKET), 0);
    assert_int_equal(repo_erase_person(db, PERSON, NOW), 0);
    expect_markers("王芳MARK", ERASE_NAMED, false);
    expect_markers("王芳MARK", ERASE_TICKET, false);
    expect_markers("王芳MARK", ERASE_NUMBER, false);
}

/* How a number may stand in a column, by its name. */
static const char *marker_for(const struct erase_column *c)
{
    if (strstr(c->column, "_json"))
        return "{\"number\":\"" NUMBER "\"}";
    if (text_eq(c->column, "calling_raw") || text_eq(c->column, "called"))
        return "0" LOCAL;
    if (text_eq(c->column, "text") || text_eq(c->column, "note"))
        return "请拨 " LOCAL " 联系业主";
    return NUMBER;
}

static void rows_that_bear_the_number_alone(void **state)
{
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (c->how == ERASE_NUMBER)
            put_marker(c, marker_for(c), false);
    expect_markers(LOCAL, ERASE_NUMBER, true);
    assert_int_equal(repo_erase_person(db, PERSON, NOW), 0);
    expect_markers(LOCAL, ERASE_NUMBER, false);
}

static void a_number_that_another_has_stays(void **state)
{
    for (const struct erase_column *c = erase_columns; c->table; c++)
        if (c->how == ERASE_NUMBER)
            put_marker(c, SHARED, false);
    assert_int_equal(repo_erase_person(db, PERSON, NOW), 0);
    expect_markers(SHARED, ERASE_NUMBER, true);
}

static void what_waits_is_called_off(void **state)
{
    static const char *const rows[] = {
        "7,NULL,'x@example.com','',NULL",                      /* names them */
        "NULL,NULL,'" NUMBER "','',NULL",                      /* to their number */
        "NULL,NULL,'wang@example.com','',NULL",                /* to their address */
        "NULL,'li.na','+8613600136001','回电 " LOCAL "',NULL", /* a text to staff */
        "NULL,NULL,'http://hook','','{\"number\":\"" NUMBER "\"}'",
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run("INSERT INTO message (key,channel,class,gateway,person_id,account,recipient,text,"
            "event_json,state,queued_at,done) VALUES "
            "('k%zu','sms','service','sms',%s,'queued',1,0)",
            i, rows[i]);
    run("INSERT INTO message (key,channel,class,gateway,recipient,text,state,queued_at,done) "
        "VALUES ('k9','sms','service','sms','" SHARED "','','queued',1,0)");
    assert_int_equal(repo_erase_person(db, PERSON, NOW), 0);
    struct db_q *q = db_query(db, "SELECT key FROM message WHERE state='queued' AND done=0");
    assert_true(db_row(q));
    assert_string_equal(db_str(q, 0), "k9");
    assert_false(db_row(q));
    assert_int_equal(db_end(q), 0);
    q = db_query(db, "SELECT count(*) FROM message WHERE state='cancelled' AND done=1");
    assert_true(db_row(q));
    assert_int_equal(db_int(q, 0), ARRAY_LEN(rows));
    assert_int_equal(db_end(q), 0);
}

static void tickets_from_before_they_were_registered(void **state)
{
    static const char *const rows[] = {"1,7,NULL", "2,NULL,'" NUMBER "'", "3,8,'" NUMBER "'",
                                       "4,NULL,'" SHARED "'", "5,NULL,NULL"};
    int64_t *ids;
    size_t n;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        run("INSERT INTO ticket (id,person_id,caller,version,state,kind,subject,priority,channel,"
            "opened_at,policy_id) VALUES (%s,1,'open','repair','s',3,'call',1,1)",
            rows[i]);
    assert_int_equal(repo_erase_tickets(db, PERSON, &ids, &n), 0);
    assert_int_equal(n, 2);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], 2);
    free(ids);
}

/* ---- the words of another database ---- */

/* PostgreSQL takes none of these for the name of a table or a column (its manual, appendix C). */
static void no_name_is_a_reserved_word(void **state)
{
    static const char words[] =
        " all analyse analyze and any array as asc asymmetric authorization binary both case cast "
        "check collate collation column concurrently constraint create cross current_catalog "
        "current_date current_role current_schema current_time current_timestamp current_user "
        "default deferrable desc distinct do else end except false fetch for foreign freeze from "
        "full grant group having ilike in initially inner intersect into is isnull join lateral "
        "leading left like limit localtime localtimestamp natural not notnull null offset on only "
        "or order outer overlaps placing primary references returning right select session_user "
        "similar some symmetric system_user table tablesample then to trailing true union unique "
        "user using variadic verbose when where window with ";
    struct db_q *q = db_query(db, "SELECT m.name, c.name FROM sqlite_master m JOIN "
                                  "pragma_table_info(m.name) c WHERE m.type='table'");
    while (db_row(q)) {
        for (int i = 0; i < 2; i++) {
            char word[80];
            snprintf(word, sizeof(word), " %s ", db_str(q, i));
            if (strstr(words, word))
                fail_msg("%s.%s: a reserved word of PostgreSQL", db_str(q, 0), db_str(q, 1));
        }
    }
    assert_int_equal(db_end(q), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(every_column_is_listed),
                                       T(nothing_is_listed_that_is_not_there),
                                       T(rows_that_name_the_person),
                                       T(rows_that_bear_the_number_alone),
                                       T(a_number_that_another_has_stays),
                                       T(what_waits_is_called_off),
                                       T(tickets_from_before_they_were_registered),
                                       T(no_name_is_a_reserved_word)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
