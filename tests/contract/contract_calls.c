/* contract_calls.c - calls, their sources and devices. */
#include "contract.h"

#include <string.h>

#include "contract_make.h"
#include "store/repo_call.h"

static int rows;
static int64_t seq;

static void on_call(void *ctx, const struct call_row *row)
{
    rows++;
}

static void on_source(void *ctx, const struct source_row *row)
{
    rows++;
    seq = row->last_seq;
}

static struct call_row call(int64_t source)
{
    return (struct call_row){.source_id = source,
                             .call = "c1",
                             .direction = "inbound",
                             .state = "delivered",
                             .party = "+8613800138000",
                             .started_at = T0,
                             .offered_json = "[]",
                             .transfers_json = "[]",
                             .live_json = "{}"};
}

static void a_source_counts_on(void **state)
{
    int64_t id = 0, again = 0;
    assert_int_equal(repo_source_id_get(db, "pbx-a", &id), 0);
    assert_int_equal(repo_source_id_get(db, "pbx-a", &again), 0);
    assert_int_equal(id, again);
    assert_int_equal(repo_source_set_seq(db, id, 57, 1, true), 0);
    rows = 0;
    assert_int_equal(repo_source_rows(db, on_source, NULL), 0);
    assert_int_equal(rows, 1);
    assert_int_equal(seq, 57);
}

static void a_call_is_one_row(void **state)
{
    struct call_brief brief;
    int64_t source = 0, id = 0, again = 0, ticket = 0;
    bool yes = false;
    assert_int_equal(repo_source_id_get(db, "pbx-a", &source), 0);
    struct call_row row = call(source);
    assert_int_equal(repo_call_row_write(db, &row, true, &id, &ticket), 0);
    make_ticket(5, 0, "li.na");
    assert_int_equal(repo_call_row_set_ticket(db, id, 5), 0);
    assert_int_equal(repo_call_live_of_ticket(db, 5, &yes), 0);
    assert_true(yes);
    row.answered_at = T0 + 1;
    row.ended_at = T0 + 2;
    row.live_json = NULL;
    row.state = "cleared";
    assert_int_equal(repo_call_row_write(db, &row, false, &again, &ticket), 0);
    assert_int_equal(again, id);
    assert_int_equal(ticket, 5);
    assert_int_equal(repo_call_live_of_ticket(db, 5, &yes), 0);
    assert_false(yes);
    assert_int_equal(repo_call_brief(db, id, &brief), 0);
    assert_true(brief.answered);
    assert_string_equal(brief.party, "+8613800138000");
    assert_int_equal(repo_call_brief(db, id + 1, &brief), E_NOTFOUND);
    assert_int_equal(repo_call_reached(db, id, "+8613800138000", 0, T0, &yes), 0);
    assert_true(yes);
    assert_int_equal(repo_call_reached(db, id, "+8613800138000", 0, T0 + 3, &yes), 0);
    assert_false(yes);
    rows = 0;
    assert_int_equal(repo_call_rows_live(db, on_call, NULL), 0);
    assert_int_equal(rows, 0);
    /* A PBX that counts from 1 after a restart: the finished call keeps its row, renamed. */
    row = call(source);
    row.started_at = T0 + 100000;
    assert_int_equal(repo_call_row_write(db, &row, true, &again, &ticket), 0);
    assert_true(again != id);
    assert_int_equal(repo_call_rows_live(db, on_call, NULL), 0);
    assert_int_equal(rows, 1);
}

static void a_device_has_one_state(void **state)
{
    int64_t source = 0;
    assert_int_equal(repo_source_id_get(db, "pbx-a", &source), 0);
    struct device_row row = {.source_id = source, .device = "1001", .state = "ready", .since = T0};
    assert_int_equal(repo_device_row_write(db, &row), 0);
    row.state = "busy";
    assert_int_equal(repo_device_row_write(db, &row), 0);
    struct db_q *q = db_query(db, "SELECT count(*),max(state) FROM device_state");
    assert_true(db_row(q));
    assert_int_equal(db_int(q, 0), 1);
    assert_string_equal(db_str(q, 1), "busy");
    assert_int_equal(db_end(q), 0);
}

int contract_of_calls(void)
{
    const struct CMUnitTest tests[] = {
        C(a_source_counts_on),
        C(a_call_is_one_row),
        C(a_device_has_one_state),
    };
    return cmocka_run_group_tests_name("calls", tests, NULL, NULL);
}
