/*
 * test_registry_kept.c - kept cards say what the tables say: after random changes of everything
 * that a card shows, and of what it does not show, a number's cards are byte for byte the same.
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

#include "base/day.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/registry/registry_priv.h"
#include "store/repo_unit.h"

#define DAY     86400000LL
#define START   1795334400000LL /* 2026-11-22T08:00:00Z */
#define PERSONS 24
#define NUMBERS 12
#define UNITS   8
#define ROUNDS  400

static char path[64];
static struct db *db;
static int64_t now;
static int today;

static int setup(void **state)
{
    struct errmsg why = {{0}};
    strcpy(path, "/tmp/test_kept.XXXXXX");
    assert_non_null(mkdtemp(path));
    strcat(path, "/s.db");
    assert_int_equal(db_open(&db_sqlite, path, DB_WRITER, &db, &why), 0);
    assert_int_equal(db_begin(db), 0);
    now = START;
    today = (int)day_of_ms(now);
    return 0;
}

static int teardown(void **state)
{
    char cmd[96];
    db_rollback(db);
    db_close(&db);
    *strrchr(path, '/') = 0;
    snprintf(cmd, sizeof(cmd), "rm -r %s", path);
    return system(cmd);
}

static int below(int n)
{
    return rand() % n;
}

static void sql(const char *text)
{
    struct errmsg why = {{0}};
    if (db_exec(db, text, &why) < 0)
        fail_msg("%s: %s", text, why.text);
}

/* ---- the two ways ------------------------------------------------------------------------- */

static const char *number(int n)
{
    /* mobiles that are never like others, and landlines that may be like each other */
    static const char *const all[NUMBERS] = {"+8613800000000", "+8613800000001", "+8613800000002",
                                             "+8613800000003", "+8613800000004", "+8613800000005",
                                             "+85221234567",   "+8675521234567", "+8675528881234",
                                             "+85228881234",   "86:95588",       "+8613999999999"};
    return all[n];
}

static int64_t count(const char *what)
{
    struct db_q *q = db_query(db, what);
    int64_t n = db_row(q) ? db_int(q, 0) : -1;
    assert_int_equal(db_end(q), 0);
    return n;
}

static void same_owner(const struct registry_owner *a, const struct registry_owner *b)
{
    assert_int_equal(a->id, b->id);
    assert_int_equal(a->certainty, b->certainty);
    assert_int_equal(a->role, b->role);
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->reason, b->reason);
    assert_int_equal(a->from, b->from);
    assert_int_equal(a->to, b->to);
    assert_int_equal(a->recent_from, b->recent_from);
    assert_int_equal(a->recent_to, b->recent_to);
    assert_int_equal(a->score, b->score);
    assert_int_equal(a->has_tickets, b->has_tickets);
    assert_int_equal(a->homes_n, b->homes_n);
    for (size_t i = 0; i < a->homes_n; i++) {
        assert_int_equal(a->homes[i].estate_id, b->homes[i].estate_id);
        assert_int_equal(a->homes[i].building_id, b->homes[i].building_id);
        assert_string_equal(a->homes[i].riser, b->homes[i].riser);
    }
}

/* From what is kept, and again with nothing kept. True if nothing was missing. */
static bool check_number(const char *e164)
{
    struct registry_found kept, read;
    struct registry_caller kept_caller, read_caller;
    assert_int_equal(registry_cards(db, e164, today, &kept), 0);
    assert_int_equal(registry_caller(db, e164, today, &kept_caller), 0);
    assert_int_equal(db_savepoint(db), 0);
    sql("DELETE FROM card");
    assert_int_equal(registry_cards(db, e164, today, &read), 0);
    assert_int_equal(registry_caller(db, e164, today, &read_caller), 0);
    db_rollback_to(db);
    assert_string_equal(kept.json.data, read.json.data);
    assert_string_equal(kept.match, read.match);
    assert_int_equal(kept.n, read.n);
    assert_true(kept.digest == read.digest);
    for (int i = 0; i < kept.n; i++)
        same_owner(&kept.owners[i], &read.owners[i]);
    assert_string_equal(kept_caller.match, read_caller.match);
    assert_int_equal(kept_caller.person_id, read_caller.person_id);
    assert_int_equal(kept_caller.certain, read_caller.certain);
    bool all = !kept.unkept;
    registry_found_free(&kept);
    registry_found_free(&read);
    return all;
}

/* ---- what happens ------------------------------------------------------------------------- */

static void make_world(void)
{
    static const char *const units[UNITS] = {"1201", "1202", "3-1101室", "A0901",
                                             "12",   "1301", "2201",     "2202"};
    sql("INSERT INTO source (id, name) VALUES (1, 'pbx-a'); INSERT INTO policy_version (id, name, "
        "json, created_at) VALUES (1, 'standard', '{}', 1)");
    for (int i = 0; i < UNITS; i++) {
        char building[2] = {(char)('1' + i / 3), 0};
        int64_t id;
        enum put what;
        assert_int_equal(
            repo_unit_put(db, i < 6 ? "四季花城" : "云山", building, units[i], 0, 0, &id, &what),
            0);
    }
}

static void set_texts(struct person_edit *e)
{
    static const char *const names[] = {"王芳", "李强", "O'Neil \"Jo\"\n", "赵"};
    static const char *const words[] = {"", "gold", "elderly;vip", "vip"};
    person_edit_init(e);
    e->fields = (unsigned)rand() & (PERSON_NAME | PERSON_LANGUAGE | PERSON_SEGMENT | PERSON_FLAGS |
                                    PERSON_TIER | PERSON_TIER_SINCE | PERSON_PHONES);
    e->name = names[below(4)];
    e->language = below(2) ? "zh-Hans" : NULL;
    e->segment = words[below(2)];
    e->flags = words[below(4)];
    e->tier = words[below(2)];
    e->tier_since = below(2) * 18000;
    for (int i = 0; i < 4; i++)
        e->consent[i] = below(3) - 1;
    for (int i = below(3); i > 0; i--)
        assert_int_equal(
            person_edit_phone(e, number(below(NUMBERS - 1)), below(4) ? NULL : "home", "raw"), 0);
}

static void add_person(void)
{
    struct person_edit e;
    int64_t id;
    if (count("SELECT count(*) FROM person") >= PERSONS)
        return;
    set_texts(&e);
    e.fields |= PERSON_NAME;
    assert_int_equal(repo_person_insert(db, &e, now, &id), 0);
}

static void change_person(void)
{
    struct person_edit e;
    enum put what;
    set_texts(&e);
    int rc = repo_person_update(db, 1 + below(PERSONS), &e, now, &what);
    assert_true(rc == 0 || rc == E_NOTFOUND);
}

/* One of a list of statements over a random person ($1) and a random small number ($2). */
static void run_one_of(const char *const *statements, int n)
{
    struct db_q *q = db_query(db, statements[below(n)]);
    int64_t person = 1 + below(PERSONS);
    if (count("SELECT count(*) FROM person") < person)
        person = 1;
    db_bind_int(q, 1, person);
    db_bind_int(q, 2, below(UNITS) + 1);
    assert_int_equal(db_run(q), 0);
}

static void change_rows(void)
{
    static const char *const statements[] = {
        "UPDATE person SET score = $2, score_at = 1795334400000 WHERE id = $1",
        "UPDATE person SET consent_sms = 1 - consent_sms, version = version + $2 WHERE id = $1",
        "UPDATE person SET name = '', key = NULL, segment = NULL, flags = '' WHERE id = $1 AND $2 "
        "> 6",
        "DELETE FROM phone WHERE person_id = $1 AND $2 > 5",
        "UPDATE tenure SET unit_id = $2 WHERE id = (SELECT max(id) FROM tenure WHERE person_id = "
        "$1) AND NOT EXISTS (SELECT 1 FROM tenure WHERE person_id = $1 AND unit_id = $2)",
        "DELETE FROM tenure WHERE person_id = $1 AND unit_id = $2",
        "UPDATE vehicle SET space = 'B' || $2 WHERE person_id = $1",
        "UPDATE unit SET name = name || 'x' WHERE id = $2 AND $1 = 1",
        "UPDATE building SET name = name || 'y' WHERE id = $2 AND $1 = 1",
        "UPDATE estate SET name = name || 'z' WHERE id = $2 AND $1 = 1",
        "UPDATE building SET steward = CASE WHEN steward IS NULL THEN 'sun.li' END WHERE id = $2 "
        "AND $1 > 0",
        "INSERT INTO account (name, kind, display, created_at) SELECT 'sun.li', 'person', '孙丽', "
        "1 WHERE $1 = 1 AND $2 = 1 ON CONFLICT (name) DO NOTHING",
    };
    run_one_of(statements, ARRAY_LEN(statements));
}

/* What a card shows without being kept. */
static void change_news(void)
{
    static const char *const statements[] = {
        "INSERT INTO call (source_id, call, direction, state, person_id, started_at) SELECT 1, "
        "'c' || count(*), 'inbound', 'cleared', $1, 1795334400000 + count(*) + $2 FROM call",
        "INSERT INTO ticket (version, state, kind, subject, priority, person_id, channel, "
        "opened_at, policy_id) VALUES (1, 'open', 'request', 'leak', 2, $1, 'call', "
        "1795334400000 + $2, 1)",
        "UPDATE ticket SET closed_at = 1 WHERE person_id = $1 AND id % 8 < $2",
        "INSERT INTO message (key, channel, class, gateway, recipient, person_id, text, state, "
        "queued_at) SELECT 'k' || count(*), 'sms', 'service', 'sms', '+86', $1, 't', 'sent', "
        "1795334400000 + $2 FROM message",
    };
    run_one_of(statements, ARRAY_LEN(statements));
}

static void put_tenure(void)
{
    enum put what;
    int64_t person = 1 + below(PERSONS);
    if (count("SELECT count(*) FROM person") < person)
        return;
    int64_t to = below(3) ? 0 : today - 4 + below(8);
    assert_int_equal(repo_tenure_put(db, person, 1 + below(UNITS),
                                     (enum tenure_role)below(TENURE_NONE), below(2) * 17000, to,
                                     &what),
                     0);
}

static void put_vehicle(void)
{
    enum put what;
    int64_t person = 1 + below(PERSONS);
    char plate[16];
    if (count("SELECT count(*) FROM person") < person)
        return;
    snprintf(plate, sizeof(plate), "粤B%d", below(3));
    assert_int_equal(repo_vehicle_put(db, person, plate, below(2) ? "B2-118" : NULL, &what), 0);
}

static void clear_lists(void)
{
    int64_t person = 1 + below(PERSONS);
    assert_int_equal(below(2) ? repo_tenures_clear(db, person) : repo_vehicles_clear(db, person),
                     0);
}

static void next_day(void)
{
    now += DAY;
    today = (int)day_of_ms(now);
}

static void keep_some(void)
{
    int64_t ids[PERSONS];
    int n = repo_card_missing(db, 0, today, ids, PERSONS);
    assert_true(n >= 0);
    for (int i = 0; i < n; i++)
        if (below(4))
            assert_int_equal(registry_kept_make(db, ids[i], today), 0);
}

static void test_random(void **state)
{
    static void (*const steps[])(void) = {add_person,  change_person, change_rows, change_rows,
                                          change_news, put_tenure,    put_tenure,  put_vehicle,
                                          keep_some,   keep_some,     keep_some};
    const char *given = getenv("SEED");
    unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();
    int quick = 0;
    printf("seed %u\n", seed);
    srand(seed);
    make_world();
    for (int i = 0; i < ROUNDS; i++) {
        if (i % 20 == 0)
            next_day();
        else if (i % 97 == 0)
            clear_lists();
        else
            steps[below(ARRAY_LEN(steps))]();
        for (int n = 0; n < NUMBERS; n++)
            quick += check_number(number(n));
    }
    assert_true(quick > ROUNDS * NUMBERS / 4); /* it was not the tables each time */
}

/* ---- one by one --------------------------------------------------------------------------- */

static int64_t person(const char *name, const char *e164)
{
    struct person_edit e;
    int64_t id;
    person_edit_init(&e);
    e.fields = PERSON_NAME | PERSON_PHONES;
    e.name = name;
    assert_int_equal(person_edit_phone(&e, e164, NULL, e164), 0);
    assert_int_equal(repo_person_insert(db, &e, now, &id), 0);
    return id;
}

static bool is_kept(int64_t id)
{
    bool kept = false;
    assert_int_equal(repo_card_is_kept(db, id, today, &kept), 0);
    return kept;
}

/* A tenure that ends makes a card of yesterday: nobody changed a row. */
static void test_days(void **state)
{
    enum put what;
    make_world();
    int64_t wang = person("王芳", number(0)), li = person("李强", number(1));
    assert_int_equal(repo_tenure_put(db, wang, 1, TENURE_OWNER, 0, 0, &what), 0);
    assert_int_equal(repo_tenure_put(db, li, 1, TENURE_TENANT, 0, today + 1, &what), 0);
    assert_int_equal(registry_kept_make(db, wang, today), 0);
    assert_int_equal(registry_kept_make(db, li, today), 0);
    assert_true(check_number(number(0)) && check_number(number(1)));
    next_day();
    assert_true(check_number(number(0)) && check_number(number(1)));
    next_day();
    assert_false(is_kept(wang) || is_kept(li));
    assert_false(check_number(number(0)) || check_number(number(1)));
    assert_int_equal(registry_kept_make(db, wang, today), 0);
    assert_int_equal(registry_kept_make(db, li, today), 0);
    assert_true(check_number(number(0)) && check_number(number(1)));
    now -= 2 * DAY; /* the clock was put back */
    today -= 2;
    assert_false(check_number(number(0)) || check_number(number(1)));
}

/* Who is in the household is told of a new name; a neighbour is not. */
static void test_drops(void **state)
{
    enum put what;
    make_world();
    int64_t ids[3] = {person("王芳", number(0)), person("李强", number(1)),
                      person("赵", number(2))};
    for (int i = 0; i < 3; i++)
        assert_int_equal(repo_tenure_put(db, ids[i], i < 2 ? 1 : 2, TENURE_OWNER, 0, 0, &what), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(registry_kept_make(db, ids[i], today), 0);
    sql("UPDATE person SET name = '王方' WHERE name = '王芳'");
    assert_false(is_kept(ids[0]) || is_kept(ids[1]));
    assert_true(is_kept(ids[2]));
    assert_int_equal(registry_kept_make(db, ids[0], today), 0);
    sql("UPDATE person SET version = version + 1, updated_at = 2"); /* shown by no card */
    assert_true(is_kept(ids[0]));
    assert_int_equal(registry_kept_make(db, 4711, today), 0); /* nobody: nothing to keep */
    assert_false(is_kept(4711));
}

/* More than a card may hold: it is read from the tables, each time. */
static void test_too_big(void **state)
{
    enum put what;
    char name[PERSON_NAME_MAX];
    memset(name, '"', sizeof(name));
    name[sizeof(name) - 1] = 0;
    make_world();
    int64_t id = person(name, number(0));
    for (int k = 1; k <= UNITS; k++)
        for (int day = 1; day <= 12; day++)
            assert_int_equal(repo_tenure_put(db, id, k, TENURE_OWNER, day, 0, &what), 0);
    sql("UPDATE estate SET name = name || replace(hex(zeroblob(300)), '00', char(34) || char(92))");
    assert_int_equal(registry_kept_make(db, id, today), 0);
    assert_false(is_kept(id));
    assert_false(check_number(number(0)));
}

/* Ten of many holders are shown, in the order that all of them have. */
static void test_many(void **state)
{
    enum put what;
    make_world();
    for (int i = 0; i < 14; i++) {
        int64_t id = person("王芳", number(0));
        if (i % 3)
            assert_int_equal(
                repo_tenure_put(db, id, 1 + i % UNITS, (enum tenure_role)(i % 6), 0, 0, &what), 0);
        for (int64_t k = 1; k <= id; k++) /* a new neighbour changes others' cards */
            assert_int_equal(registry_kept_make(db, k, today), 0);
        assert_true(check_number(number(0)));
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_random), T(test_days), T(test_drops), T(test_too_big), T(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
