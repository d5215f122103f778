/*
 * Rows of calls: written, written over, names used again, lists and their filters, CALL.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/repo_call.h"

#define T0 1700000000000

static struct db *db;
static char path[64];

static int setup(void **state)
{
    struct errmsg why;
    snprintf(path, sizeof(path), "/tmp/test_repo_call.%d.db", (int)getpid());
    assert_int_equal(db_open(&db_sqlite, path, DB_WRITER, &db, &why), E_OK);
    return 0;
}

static int teardown(void **state)
{
    char name[80];
    static const char *const tails[] = {"", "-wal", "-shm"};
    db_close(&db);
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        unlink(name);
    }
    return 0;
}

static struct call_row base(int64_t source, const char *call)
{
    return (struct call_row){.source_id = source,
                             .call = call,
                             .direction = "inbound",
                             .state = "delivered",
                             .party = "+8613800138000",
                             .calling = "+8613800138000",
                             .calling_raw = "13800138000",
                             .called = "400",
                             .started_at = T0,
                             .offered_json = "[]",
                             .transfers_json = "[]",
                             .live_json = "{}"};
}

static int64_t source(const char *name)
{
    int64_t id, again;
    assert_int_equal(repo_source_id_get(db, name, &id), E_OK);
    assert_int_equal(repo_source_id_get(db, name, &again), E_OK);
    assert_int_equal(id, again);
    return id;
}

static int64_t put(const struct call_row *row, bool fresh)
{
    int64_t id, ticket;
    assert_int_equal(repo_call_row_write(db, row, fresh, &id, &ticket), E_OK);
    assert_true(id > 0);
    return id;
}

static const char *shown(int64_t id)
{
    static struct buf b = BUF_INIT(8000);
    struct jw w;
    buf_reset(&b);
    jw_init(&w, &b);
    assert_int_equal(repo_call_json(db, id, &w), E_OK);
    return buf_str(&b);
}

static void test_json(void **state)
{
    int64_t s = source("pbx-json");
    struct call_row r = base(s, "17.1");
    int64_t id = put(&r, true);
    assert_non_null(strstr(shown(id), "\"state\":\"delivered\",\"disposition\":null"));
    assert_non_null(strstr(shown(id), "\"wait_s\":null,\"talk_s\":null,\"hold_s\":null"));
    r.state = "cleared";
    r.disposition = "answered";
    r.queue = "service";
    r.device = "1001";
    r.agent = "li.na";
    r.person_id = 7;
    r.match = "one";
    r.queued_at = T0 + 400;
    r.answered_at = T0 + 6500;
    r.ended_at = T0 + 48500;
    r.hung_up_by = "caller";
    r.live_json = NULL;
    assert_int_equal(put(&r, false), id);
    assert_int_equal(repo_call_row_set_ticket(db, id, 123), E_OK);
    char want[1000];
    snprintf(
        want, sizeof(want),
        "{\"id\":%d,\"source\":\"pbx-json\",\"call\":\"17.1\",\"direction\":\"inbound\",\"state\":"
        "\"cleared\",\"disposition\":\"answered\",\"party\":\"+8613800138000\",\"calling\":"
        "\"+8613800138000\",\"calling_raw\":\"13800138000\",\"called\":\"400\",\"queue\":"
        "\"service\",\"device\":\"1001\",\"agent\":\"li.na\",\"person_id\":7,\"match\":\"one\","
        "\"ticket\":\"T-000123\",\"started_at\":\"2023-11-14T22:13:20.000Z\",\"queued_at\":"
        "\"2023-11-14T22:13:20.400Z\",\"answered_at\":\"2023-11-14T22:13:26.500Z\","
        "\"ended_at\":\"2023-11-14T22:14:08.500Z\",\"wait_s\":6.1,\"talk_s\":42,\"hold_s\":0,"
        "\"hung_up_by\":\"caller\",\"offered\":[],\"transfers\":[],\"gap\":false}",
        (int)id);
    assert_string_equal(shown(id), want);
    struct buf b = BUF_INIT(100);
    struct jw w;
    jw_init(&w, &b);
    assert_int_equal(repo_call_json(db, 999999, &w), E_NOTFOUND);
    assert_int_equal(b.len, 0);
}

static void test_keeps_what_others_know(void **state)
{
    int64_t s = source("pbx-keep"), id, ticket;
    struct call_row r = base(s, "a");
    r.person_id = 7;
    r.match = "one";
    id = put(&r, true);
    assert_int_equal(repo_call_row_set_ticket(db, id, 5), E_OK);
    r.person_id = 0;
    r.match = NULL;
    r.state = "established";
    assert_int_equal(repo_call_row_write(db, &r, false, &id, &ticket), E_OK);
    assert_int_equal(ticket, 5);
    assert_non_null(strstr(shown(id), "\"person_id\":7,\"match\":\"one\",\"ticket\":\"T-000005\""));
}

static void test_name_used_again(void **state)
{
    int64_t s = source("pbx-again");
    struct call_row r = base(s, "x.1");
    r.live_json = NULL;
    r.state = "cleared";
    r.ended_at = T0 + 5;
    int64_t first = put(&r, true);
    assert_int_equal(put(&r, true), first); /* the same transaction run again */
    struct call_row later = base(s, "x.1");
    later.started_at = T0 + 60000;
    int64_t second = put(&later, true);
    assert_int_not_equal(first, second);
    char renamed[32];
    snprintf(renamed, sizeof(renamed), "\"call\":\"x.1#%d\"", (int)first);
    assert_non_null(strstr(shown(first), renamed));
    assert_non_null(strstr(shown(second), "\"call\":\"x.1\""));
    later.started_at = T0 + 59000; /* an earlier event came late */
    assert_int_equal(put(&later, false), second);
}

static int listed(struct call_filter f, int64_t *next)
{
    struct buf b = BUF_INIT(1 << 20);
    struct jw w;
    struct errmsg why;
    jw_init(&w, &b);
    jw_arr(&w);
    assert_int_equal(repo_call_list_json(db, &f, &w, next), E_OK);
    jw_end_arr(&w);
    json_t *o = json_parse(buf_str(&b), b.len, &why);
    assert_non_null(o);
    int n = (int)json_array_size(o);
    json_decref(o);
    buf_free(&b);
    return n;
}

static void test_list(void **state)
{
    int64_t s = source("pbx-list"), next;
    char name[16];
    for (int i = 0; i < 7; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        struct call_row r = base(s, name);
        r.party = i % 2 ? "+852" : "+853";
        r.started_at = T0 + i * 1000;
        r.person_id = i % 3 ? 0 : 77;
        r.live_json = i == 6 ? "{}" : NULL;
        put(&r, true);
    }
#define LIST(...) listed((struct call_filter){.source = "pbx-list", __VA_ARGS__}, &next)
    assert_int_equal(LIST(.limit = 50), 7);
    assert_int_equal(LIST(.limit = 50, .call = "n3"), 1);
    assert_int_equal(LIST(.limit = 50, .call = "n99"), 0);
    assert_int_equal(LIST(.limit = 50, .party = "+852"), 3);
    assert_int_equal(LIST(.limit = 50, .party = "+852", .since = T0 + 2000), 2);
    assert_int_equal(LIST(.limit = 50, .person_id = 77), 3);
    assert_int_equal(LIST(.limit = 50, .state = "cleared"), 0);
    assert_int_equal(LIST(.limit = 50, .state = ""), 7);
    assert_int_equal(next, 0);
    assert_int_equal(LIST(.limit = 5), 5);
    assert_int_not_equal(next, 0);
    assert_int_equal(LIST(.limit = 5, .before_id = next), 2);
    assert_int_equal(next, 0);
    assert_int_equal(listed((struct call_filter){.source = "nobody", .limit = 9}, &next), 0);
}

/* The index of parties is in parts of 1,024 calls. */
static void test_list_of_party(void **state)
{
    static const int places[] = {1, 1023, 1024, 1025, 5000, 5119, 5120, 30000};
    int64_t s = source("pbx-party"), next;
    char name[16], move[128];
    struct errmsg why;
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        snprintf(name, sizeof(name), "p%zu", i);
        struct call_row r = base(s, name);
        r.party = i == 3 ? "+854" : "+855";
        r.live_json = NULL;
        snprintf(move, sizeof(move), "UPDATE call SET id = 100000 + %d WHERE id = %d", places[i],
                 (int)put(&r, true));
        assert_int_equal(db_exec(db, move, &why), E_OK);
    }
    assert_int_equal(listed((struct call_filter){.party = "+855", .limit = 50}, &next), 7);
    assert_int_equal(next, 0);
    assert_int_equal(listed((struct call_filter){.party = "+855", .limit = 3}, &next), 3);
    assert_int_equal(next, 105119); /* the last one shown: newest come first */
    assert_int_equal(
        listed((struct call_filter){.party = "+855", .limit = 50, .before_id = next}, &next), 4);
    assert_int_equal(listed((struct call_filter){.party = "+854", .limit = 50}, &next), 1);
    assert_int_equal(listed((struct call_filter){.party = "+8", .limit = 50}, &next), 0);
}

static void count_call(void *ctx, const struct call_row *row)
{
    assert_non_null(row->live_json);
    ++*(int *)ctx;
}

static void find_source(void *ctx, const struct source_row *row)
{
    if (text_eq(row->name, "pbx-seq")) {
        assert_int_equal(row->last_seq, 41);
        assert_int_equal(row->gaps, 2);
        ++*(int *)ctx;
    }
}

static void find_device(void *ctx, const struct device_row *row)
{
    assert_string_equal(row->source, "pbx-seq");
    assert_string_equal(row->device, "1001");
    assert_string_equal(row->state, "not_ready");
    assert_string_equal(row->reason, "lunch");
    assert_int_equal(row->since, T0 + 1);
    ++*(int *)ctx;
}

static void test_at_start(void **state)
{
    int n = 0;
    int64_t s = source("pbx-seq");
    assert_int_equal(repo_call_rows_live(db, count_call, &n), E_OK);
    assert_int_equal(n, 3);
    assert_int_equal(repo_source_set_seq(db, s, 41, 2, true), E_OK);
    n = 0;
    assert_int_equal(repo_source_rows(db, find_source, &n), E_OK);
    assert_int_equal(n, 1);
    struct device_row d = {.source_id = s, .device = "1001", .state = "ready", .since = T0};
    assert_int_equal(repo_device_row_write(db, &d), E_OK);
    d.state = "not_ready";
    d.reason = "lunch";
    d.since++;
    assert_int_equal(repo_device_row_write(db, &d), E_OK);
    n = 0;
    assert_int_equal(repo_device_rows(db, find_device, &n), E_OK);
    assert_int_equal(n, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_keeps_what_others_know),
        cmocka_unit_test(test_name_used_again),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_list_of_party),
        cmocka_unit_test(test_at_start),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
