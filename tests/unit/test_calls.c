/*
 * Telephony over a real ledger: numbers and acks, rows, pops and their ends, restarts, silent
 * calls, snapshots, devices.
 */
#include "calls_rig.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "until.h"

#define T "\"at\":\"2026-11-22T08:00:"

static const char people[] =
    "INSERT INTO estate (id, name) VALUES (1, '四季花城');"
    "INSERT INTO building (id, estate_id, name) VALUES (1, 1, '3');"
    "INSERT INTO unit (id, building_id, name) VALUES (31, 1, '1201');"
    "INSERT INTO person (id, name, language, updated_at) VALUES (7, '王芳', 'zh-Hans', 1),"
    " (8, '李强', NULL, 1), (9, 'Chan', NULL, 1);"
    "INSERT INTO phone (person_id, e164, label, raw, pos) VALUES"
    " (7, '+8613800138000', 'mobile', '138', 0), (8, '+8613900139000', 'mobile', '139', 0),"
    " (9, '+8613900139000', 'mobile', '139', 0);"
    "INSERT INTO tenure (person_id, unit_id, role) VALUES (7, 31, 'owner'), (8, 31, 'family'),"
    " (9, 31, 'tenant');";

/* ---- a call from end to end ---- */

static void test_one_call(void **state)
{
    rig_sql(people);
    rig_say("\"event\":\"delivered\",\"call\":\"a.1\"," T "00.000Z\",\"direction\":\"inbound\","
            "\"calling\":\"13800138000\",\"called\":\"4008000\",\"device\":\"1001\"");
    assert_string_equal(rig_pops(), "pop 1001 one");
    assert_non_null(strstr(rig.last[HUB_POP], "\"source\":\"pbx-a\",\"call\":\"a.1\",\"device\":"
                                              "\"1001\",\"at\":\"2026-11-22T08:00:00.000Z\","
                                              "\"direction\":\"inbound\",\"party\":"
                                              "\"+8613800138000\",\"calling\":\"+8613800138000\","
                                              "\"calling_raw\":\"13800138000\",\"called\":"
                                              "\"4008000\",\"queue\":null,\"match\":\"one\","
                                              "\"owners\":[{\"id\":7,\"name\":\"王芳\""));
    assert_non_null(strstr(rig.last[HUB_POP], "\"certainty\":\"certain\""));
    assert_non_null(strstr(rig.last[HUB_POP], "\"advice\":[],\"update\":false}"));
    assert_int_equal(rig.acked, 1);
    rig_say("\"event\":\"established\",\"call\":\"a.1\"," T "02.500Z\",\"device\":\"1001\"");
    rig_say("\"event\":\"held\",\"call\":\"a.1\"," T "03.000Z\",\"device\":\"1001\"");
    assert_non_null(strstr(rig.last[HUB_CALL], "\"state\":\"held\""));
    assert_string_equal(rig_pops(), "");
    rig_say("\"event\":\"retrieved\",\"call\":\"a.1\"," T "04.000Z\",\"device\":\"1001\"");
    rig_say("\"event\":\"cleared\",\"call\":\"a.1\"," T "12.500Z\",\"by\":\"caller\"");
    assert_string_equal(rig_log(), "call a.1 established|pop_end 1001 cleared|call a.1 cleared");
    assert_int_equal(rig.acked, 5);
    const char *want =
        "\"direction\":\"inbound\",\"state\":\"cleared\",\"disposition\":\"answered\",\"party\":"
        "\"+8613800138000\",\"calling\":\"+8613800138000\",\"calling_raw\":\"13800138000\","
        "\"called\":\"4008000\",\"queue\":null,\"device\":\"1001\",\"agent\":null,\"person_id\":7,"
        "\"match\":\"one\",\"ticket\":null,\"started_at\":\"2026-11-22T08:00:00.000Z\","
        "\"queued_at\":null,\"answered_at\":\"2026-11-22T08:00:02.500Z\",\"ended_at\":"
        "\"2026-11-22T08:00:12.500Z\",\"wait_s\":2.5,\"talk_s\":10,\"hold_s\":1,\"hung_up_by\":"
        "\"caller\",\"offered\":[{\"device\":\"1001\",\"from\":\"2026-11-22T08:00:00.000Z\","
        "\"to\":\"2026-11-22T08:00:02.500Z\",\"result\":\"answered\"}],\"transfers\":[],\"gap\":"
        "false}";
    if (!strstr(rig.last[HUB_CALL], want))
        fail_msg("%s", rig.last[HUB_CALL]);
    assert_string_equal(rig_ask("SELECT last_seq FROM source WHERE name = 'pbx-a'"), "5");
    assert_string_equal(rig_ask("SELECT count(*) FROM call WHERE live_json IS NULL"), "1");
}

/* Many events at once end in one row each, and one ack. */
static void test_batch(void **state)
{
    char text[200];
    for (int i = 0; i < 200; i++) {
        snprintf(text, sizeof(text),
                 "\"event\":\"delivered\",\"call\":\"b.%d\",\"direction\":\"inbound\",\"calling\":"
                 "\"138001380%02d\",\"device\":\"1001\"",
                 i, i % 100);
        assert_int_equal(rig_event(i * 3 + 1, text), E_OK);
        snprintf(text, sizeof(text),
                 "\"event\":\"established\",\"call\":\"b.%d\",\"device\":\"1001\"", i);
        assert_int_equal(rig_event(i * 3 + 2, text), E_OK);
        snprintf(text, sizeof(text), "\"event\":\"cleared\",\"call\":\"b.%d\"", i);
        assert_int_equal(rig_event(i * 3 + 3, text), E_OK);
    }
    rig_settle();
    assert_int_equal(rig.acked, 600);
    assert_string_equal(rig_ask("SELECT count(*) FROM call WHERE state = 'cleared' AND "
                                "disposition = 'answered'"),
                        "200");
    assert_string_equal(rig_ask("SELECT last_seq FROM source"), "600");
}

/* ---- cards that come late ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int wait_at_gate(struct db *db, void *arg)
{
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return E_OK;
}

/* No reader answers until the gate is opened. */
static void shut_gate(void)
{
    pthread_mutex_lock(&gate);
    for (int i = 0; i < 4; i++) {
        struct ledger_read read = {.name = "gate", .run = wait_at_gate};
        assert_int_equal(ledger_read(rig.ledger, &read, true), E_OK);
    }
}

static void until_acked(int64_t seq)
{
    wait_until(rig.loop, rig.acked >= seq);
    assert_int_equal(rig.acked, seq);
}

/* A call does not wait for its card for ever; what was written without is written again. */
static void test_late_card(void **state)
{
    rig_sql(people);
    shut_gate();
    assert_int_equal(rig_event(1, "\"event\":\"delivered\",\"call\":\"l.1\",\"direction\":"
                                  "\"inbound\",\"calling\":\"13800138000\",\"device\":\"1001\""),
                     E_OK);
    until_acked(1);
    assert_string_equal(rig_ask("SELECT state || coalesce(match, '-') FROM call"), "delivered-");
    pthread_mutex_unlock(&gate);
    rig_settle();
    assert_string_equal(rig_ask("SELECT state || match || person_id FROM call"), "deliveredone7");
}

/* Sealed with and without its card, changed meanwhile, forgotten meanwhile: nothing is lost. */
static void test_call_forgotten_before_its_card(void **state)
{
    static const char *const events[] = {
        "\"event\":\"delivered\",\"call\":\"l.2\"," T "00Z\",\"direction\":\"inbound\",\"calling\":"
        "\"13800138000\",\"device\":\"1001\"",
        "\"event\":\"cleared\",\"call\":\"l.2\"," T "01Z\"",
        "\"event\":\"delivered\",\"call\":\"l.2\"," T "59Z\",\"direction\":\"inbound\",\"calling\":"
        "\"13800138000\",\"device\":\"1001\""};
    rig_sql(people);
    shut_gate();
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        assert_int_equal(rig_event((int64_t)i + 1, events[i]), E_OK);
        for (int turn = 0; turn < 10; turn++)
            loop_turn(rig.loop);
    }
    until_acked(3);
    pthread_mutex_unlock(&gate);
    rig_settle();
    assert_string_equal(rig_ask("SELECT group_concat(call || ' ' || state || coalesce(match, '-'), "
                                "',') FROM (SELECT * FROM call ORDER BY id)"),
                        "l.2#1 cleared-,l.2 deliveredone");
}

/* ---- seq ---- */

static void test_seq(void **state)
{
    struct errmsg why;
    const char *ring = "\"event\":\"delivered\",\"call\":\"s.1\",\"device\":\"1001\"";
    rig_say(ring);
    assert_int_equal(rig_event(1, "\"event\":\"cleared\",\"call\":\"s.1\""), E_OK); /* a repeat */
    rig_settle();
    assert_int_equal(rig.acked, 1);
    assert_string_equal(rig_ask("SELECT state FROM call"), "delivered");
    /* refused: takes no number */
    assert_int_equal(rig_event(2, "\"event\":\"delivered\",\"call\":\"s.1\""), E_INVALID);
    assert_int_equal(rig_event(2, "\"event\":\"dance\",\"call\":\"s.1\""), E_INVALID);
    assert_int_equal(rig_event(2, "\"event\":\"queued\",\"queue\":\"a\""), E_INVALID);
    rig_say("\"event\":\"delivered\",\"call\":\"s.1\",\"device\":\"1002\"");
    assert_int_equal(rig.acked, 2);
    /* a gap: accepted, counted, marks what lives */
    assert_int_equal(rig_event(9, "\"event\":\"delivered\",\"call\":\"s.2\",\"device\":\"1003\""),
                     E_OK);
    rig_settle();
    assert_int_equal(rig.acked, 9);
    assert_string_equal(rig_ask("SELECT gap FROM call WHERE call = 's.1'"), "1");
    assert_string_equal(rig_ask("SELECT gap FROM call WHERE call = 's.2'"), "0");
    assert_string_equal(rig_ask("SELECT gaps FROM source"), "1");
    struct calls_stats stats;
    calls_get_stats(rig.t, &stats);
    assert_int_equal(stats.repeats, 1);
    assert_int_equal(stats.gaps, 1);
    assert_int_equal(stats.live, 2);
    /* a source that cannot resend is numbered here */
    struct steward_cti_event ev = {
        .kind = STEWARD_EV_CLEARED, .call = "s.2", .by = STEWARD_BY_CALLER};
    assert_int_equal(source_event(rig.source, 0, &ev, &why), E_OK);
    rig_settle();
    assert_int_equal(source_last_seq(rig.source), 10);
}

static void flag_it(void *ctx)
{
    *(bool *)ctx = true;
}

static void test_when_durable(void **state)
{
    bool told = false;
    source_when_durable(rig.source, flag_it, &told);
    assert_true(told);
    told = false;
    assert_int_equal(rig_event(1, "\"event\":\"queued\",\"call\":\"w.1\""), E_OK);
    source_when_durable(rig.source, flag_it, &told);
    assert_false(told);
    rig_settle();
    assert_true(told);
    assert_int_equal(source_last_seq(rig.source), 1);
}

/* ---- pops ---- */

static void test_ring_all(void **state)
{
    rig_sql(people);
    rig_say("\"event\":\"queued\",\"call\":\"q.1\",\"direction\":\"inbound\",\"calling\":"
            "\"13900139000\",\"queue\":\"service\"");
    rig_say("\"event\":\"delivered\",\"call\":\"q.1\",\"device\":\"1001\"");
    rig_say("\"event\":\"delivered\",\"call\":\"q.1\",\"device\":\"1002\"");
    rig_say("\"event\":\"delivered\",\"call\":\"q.1\",\"device\":\"1003\"");
    assert_string_equal(rig_pops(), "pop 1001 many|pop 1002 many|pop 1003 many");
    assert_non_null(strstr(rig.last[HUB_POP], "\"queue\":\"service\""));
    rig_say("\"event\":\"diverted\",\"call\":\"q.1\",\"device\":\"1003\",\"cause\":\"rejected\"");
    rig_say("\"event\":\"established\",\"call\":\"q.1\",\"device\":\"1002\"");
    assert_string_equal(rig_pops(), "pop_end 1003 rejected|pop_end 1001 answered_elsewhere");
    rig_say("\"event\":\"transferred\",\"call\":\"q.1\",\"device\":\"1002\",\"kind\":\"blind\","
            "\"to\":\"1003\"");
    rig_say("\"event\":\"delivered\",\"call\":\"q.1\",\"device\":\"1003\"");
    assert_string_equal(rig_pops(), "pop_end 1002 transferred|pop 1003 many");
    rig_say("\"event\":\"cleared\",\"call\":\"q.1\",\"by\":\"caller\"");
    assert_string_equal(rig_pops(), "pop_end 1003 caller_left");
    assert_string_equal(rig_ask("SELECT match FROM call"), "many");
}

static void test_attended(void **state)
{
    rig_sql(people);
    rig_say("\"event\":\"delivered\",\"call\":\"t.1\",\"direction\":\"inbound\",\"calling\":"
            "\"13800138000\",\"device\":\"1001\"");
    rig_say("\"event\":\"established\",\"call\":\"t.1\",\"device\":\"1001\"");
    rig_say("\"event\":\"held\",\"call\":\"t.1\",\"device\":\"1001\"");
    rig_say("\"event\":\"originated\",\"call\":\"t.2\",\"direction\":\"internal\",\"device\":"
            "\"1001\",\"called\":\"1002\"");
    rig_say("\"event\":\"delivered\",\"call\":\"t.2\",\"device\":\"1002\"");
    rig_say("\"event\":\"established\",\"call\":\"t.2\",\"device\":\"1002\"");
    assert_string_equal(rig_pops(), "pop 1001 one");
    rig_say("\"event\":\"transferred\",\"call\":\"t.1\",\"device\":\"1001\",\"to\":\"1002\","
            "\"kind\":\"attended\",\"other_call\":\"t.2\"");
    assert_string_equal(rig_pops(), "pop_end 1001 transferred|pop 1002 one");
    assert_string_equal(rig_ask("SELECT state || ' ' || direction FROM call WHERE call = 't.2'"),
                        "cleared internal");
    assert_string_equal(rig_ask("SELECT device || ' ' || state FROM call WHERE call = 't.1'"),
                        "1002 established");
    rig_say("\"event\":\"cleared\",\"call\":\"t.2\"");
    rig_say("\"event\":\"cleared\",\"call\":\"t.1\",\"by\":\"agent\"");
    assert_string_equal(rig_pops(), "pop_end 1002 cleared");
    assert_string_equal(rig_ask("SELECT count(*) FROM call WHERE party = '+8613800138000'"), "1");
}

static void test_matches(void **state)
{
    rig_sql(people);
    pops_touch(rig.pops, NULL, 0); /* as after an import */
    rig_say("\"event\":\"delivered\",\"call\":\"m.1\",\"direction\":\"inbound\",\"calling\":"
            "\"13800138000\",\"presentation\":\"restricted\",\"device\":\"1001\"");
    assert_string_equal(rig_pops(), "pop 1001 withheld");
    assert_non_null(
        strstr(rig.last[HUB_POP], "\"party\":null,\"calling\":null,\"calling_raw\":null"));
    assert_non_null(strstr(rig.last[HUB_POP], "\"owners\":[]"));
    rig_say("\"event\":\"delivered\",\"call\":\"m.2\",\"direction\":\"inbound\",\"calling\":"
            "\"anonymous\",\"device\":\"1001\"");
    rig_say("\"event\":\"delivered\",\"call\":\"m.3\",\"direction\":\"inbound\",\"calling\":"
            "\"95588\",\"device\":\"1001\"");
    rig_say(
        "\"event\":\"delivered\",\"call\":\"m.4\",\"direction\":\"inbound\",\"device\":\"1001\"");
    rig_say("\"event\":\"delivered\",\"call\":\"m.5\",\"direction\":\"internal\",\"calling\":"
            "\"1002\",\"device\":\"1001\"");
    assert_string_equal(rig_pops(), "pop 1001 withheld|pop 1001 none|pop 1001 none");
    assert_string_equal(rig_ask("SELECT group_concat(coalesce(match, '-'), ' ') FROM (SELECT match "
                                "FROM call ORDER BY id)"),
                        "withheld withheld none none -");
}

static void test_outbound(void **state)
{
    rig_sql(people);
    rig_say("\"event\":\"originated\",\"call\":\"o.1\",\"direction\":\"outbound\",\"calling\":"
            "\"1001\",\"called\":\"913800138000\",\"device\":\"1001\"");
    assert_string_equal(rig_pops(), "pop 1001 one");
    assert_non_null(strstr(rig.last[HUB_POP], "\"party\":\"+8613800138000\",\"calling\":null,"
                                              "\"calling_raw\":\"1001\""));
    rig_say("\"event\":\"delivered\",\"call\":\"o.1\",\"device\":\"913800138000\"");
    rig_say("\"event\":\"established\",\"call\":\"o.1\",\"device\":\"913800138000\"");
    rig_say("\"event\":\"cleared\",\"call\":\"o.1\",\"by\":\"caller\"");
    assert_string_equal(rig_pops(), "pop_end 1001 cleared");
    assert_string_equal(rig_ask("SELECT device || ' ' || disposition || ' ' || person_id || "
                                "offered_json FROM call"),
                        "1001 answered 7[]");
}

static void test_updates(void **state)
{
    int64_t ids[] = {7};
    rig_sql(people);
    rig_say("\"event\":\"delivered\",\"call\":\"u.1\",\"direction\":\"inbound\",\"calling\":"
            "\"13800138000\",\"device\":\"1001\"");
    rig_say("\"event\":\"delivered\",\"call\":\"u.2\",\"direction\":\"inbound\",\"calling\":"
            "\"13600136000\",\"device\":\"1002\"");
    assert_string_equal(rig_pops(), "pop 1001 one|pop 1002 none");
    pops_touch(rig.pops, ids, 1); /* nothing is different */
    rig_settle();
    assert_string_equal(rig_pops(), "");
    rig_sql("UPDATE person SET segment = 'elderly' WHERE id = 7");
    pops_touch(rig.pops, ids, 1);
    rig_settle();
    assert_string_equal(rig_pops(), "pop 1001 one update");
    rig_sql("INSERT INTO phone (person_id, e164, label, raw, pos) VALUES (7, '+8613600136000', "
            "'home', '136', 1)");
    pops_touch(rig.pops, ids, 1); /* a number that was nobody's */
    rig_settle();
    assert_non_null(strstr(rig_pops(), "pop 1002 one update"));
    rig_sql("UPDATE person SET name = '王小芳' WHERE id = 7");
    pops_touch(rig.pops, NULL, 0);
    rig_settle();
    const char *updates = rig_pops();
    assert_non_null(strstr(updates, "pop 1001 one update"));
    assert_non_null(strstr(updates, "pop 1002 one update"));
    rig_say("\"event\":\"cleared\",\"call\":\"u.1\",\"by\":\"caller\"");
    pops_touch(rig.pops, NULL, 0);
    rig_settle();
    assert_string_equal(rig_pops(), "pop_end 1001 caller_left");
}

static void count_pop(void *ctx, const char *json, size_t len)
{
    assert_non_null(strstr(json, "\"type\":\"pop\""));
    ++*(int *)ctx;
}

static void test_standing(void **state)
{
    int n = 0;
    rig_say(
        "\"event\":\"delivered\",\"call\":\"d.1\",\"direction\":\"inbound\",\"device\":\"1001\"");
    pops_each(rig.pops, NULL, "1001", count_pop, &n);
    pops_each(rig.pops, "pbx-a", "1001", count_pop, &n);
    pops_each(rig.pops, NULL, "pbx-a/1001", count_pop, &n);
    assert_int_equal(n, 3);
    pops_each(rig.pops, "pbx-b", "1001", count_pop, &n);
    pops_each(rig.pops, NULL, "pbx/1001", count_pop, &n);
    pops_each(rig.pops, NULL, "1002", count_pop, &n);
    assert_int_equal(n, 3);
}

/* ---- life and death ---- */

static void test_restart(void **state)
{
    struct calls_device d;
    rig_sql(people);
    rig_say("\"event\":\"queued\",\"call\":\"r.1\"," T "00.000Z\",\"direction\":\"inbound\","
            "\"calling\":\"13800138000\",\"queue\":\"s\"");
    rig_say("\"event\":\"delivered\",\"call\":\"r.1\"," T "01.000Z\",\"device\":\"1001\"");
    rig_say("\"event\":\"established\",\"call\":\"r.1\"," T "02.000Z\",\"device\":\"1001\"");
    rig_say("\"event\":\"agent_state\",\"device\":\"1002\",\"state\":\"not_ready\",\"reason\":"
            "\"lunch\"");
    rig_log();
    rig.conf.forget_after_ms = INT64_C(100) * 365 * 86400 * 1000;
    rig_restart();
    rig_settle();
    assert_string_equal(rig_pops(), "pop 1001 one");
    assert_int_equal(source_last_seq(rig.source), 4);
    assert_true(calls_device(rig.t, "1002", &d));
    assert_int_equal(d.state, STEWARD_AGENT_NOT_READY);
    assert_string_equal(d.reason, "lunch");
    assert_true(calls_device(rig.t, "pbx-a/1001", &d));
    assert_int_equal(d.state, STEWARD_AGENT_BUSY);
    assert_int_equal(d.call_id, 1);
    assert_string_equal(d.call, "r.1");
    assert_false(calls_device(rig.t, "pbx-b/1001", &d));
    assert_int_equal(rig_event(3, "\"event\":\"cleared\",\"call\":\"r.1\""), E_OK); /* a repeat */
    rig_say("\"event\":\"cleared\",\"call\":\"r.1\"," T "05.000Z\",\"by\":\"caller\"");
    assert_string_equal(rig_pops(), "pop_end 1001 cleared");
    assert_non_null(strstr(rig.last[HUB_CALL], "\"wait_s\":2,\"talk_s\":3"));
    assert_string_equal(rig_ask("SELECT count(*) FROM call"), "1");
}

static void test_forget(void **state)
{
    rig_say("\"event\":\"queued\",\"call\":\"f.1\",\"direction\":\"inbound\",\"queue\":\"s\"");
    rig_say("\"event\":\"delivered\",\"call\":\"f.1\",\"device\":\"1001\"");
    rig_log();
    clock_test_advance(5 * 3600 * 1000);
    calls_reload(rig.t, &rig.conf);
    rig_settle();
    assert_string_equal(rig_log(), "");
    clock_test_advance(1 * 3600 * 1000 + 1000);
    calls_reload(rig.t, &rig.conf);
    rig_settle();
    assert_string_equal(rig_pops(), "pop_end 1001 caller_left");
    assert_string_equal(rig_ask("SELECT state || ' ' || disposition || ' ' || gap FROM call"),
                        "cleared abandoned 1");
}

static void test_resync(void **state)
{
    rig_say(
        "\"event\":\"delivered\",\"call\":\"y.1\",\"direction\":\"inbound\",\"device\":\"1001\"");
    rig_say(
        "\"event\":\"delivered\",\"call\":\"y.2\",\"direction\":\"inbound\",\"device\":\"1002\"");
    rig_say(
        "\"event\":\"delivered\",\"call\":\"y.3\",\"direction\":\"inbound\",\"device\":\"1003\"");
    rig_log();
    source_resync_begin(rig.source);
    source_alive(rig.source, "y.1");
    source_alive(rig.source, "never");
    rig_say("\"event\":\"established\",\"call\":\"y.2\",\"device\":\"1002\"");
    source_resync_end(rig.source);
    source_resync_end(rig.source);
    rig_settle();
    assert_string_equal(rig_ask("SELECT group_concat(state || gap, ' ') FROM (SELECT state, gap "
                                "FROM call ORDER BY id)"),
                        "delivered0 established0 cleared1");
    struct calls_stats stats;
    calls_get_stats(rig.t, &stats);
    assert_int_equal(stats.gaps, 1);
}

static void state_is(enum steward_source_state state)
{
    source_state(rig.source, state, 0, NULL);
}

/* A link that was lost shows in the calls that live through it, once it is back, and counts once.
 */
static void test_cut_off(void **state)
{
    struct calls_stats stats;
    state_is(STEWARD_SOURCE_DOWN);
    state_is(STEWARD_SOURCE_SYNCING);
    state_is(STEWARD_SOURCE_UP);
    rig_say("\"event\":\"delivered\",\"call\":\"x.1\",\"device\":\"1001\"");
    rig_say("\"event\":\"delivered\",\"call\":\"x.2\",\"device\":\"1002\"");
    state_is(STEWARD_SOURCE_SYNCING); /* the same link: a list is read again */
    state_is(STEWARD_SOURCE_DOWN);
    state_is(STEWARD_SOURCE_CONNECTING);
    calls_get_stats(rig.t, &stats);
    assert_int_equal(stats.gaps, 0);
    state_is(STEWARD_SOURCE_SYNCING);
    rig_say("\"event\":\"delivered\",\"call\":\"x.3\",\"device\":\"1003\"");
    source_resync_begin(rig.source);
    source_alive(rig.source, "x.1");
    source_alive(rig.source, "x.3");
    source_resync_end(rig.source);
    state_is(STEWARD_SOURCE_UP);
    rig_settle();
    assert_string_equal(rig_ask("SELECT group_concat(state || gap, ' ') FROM (SELECT state, gap "
                                "FROM call ORDER BY id)"),
                        "delivered1 cleared1 delivered0");
    calls_get_stats(rig.t, &stats);
    assert_int_equal(stats.gaps, 1);
}

/* A snapshot dates by the age of channels: it moves nothing that was heard live. */
static void test_snapshot_dates(void **state)
{
    rig_say("\"event\":\"delivered\",\"call\":\"z.1\"," T "10Z\",\"direction\":\"inbound\","
            "\"device\":\"1001\"");
    rig_say("\"event\":\"established\",\"call\":\"z.1\",\"device\":\"1001\"," T "30Z\"");
    source_state(rig.source, STEWARD_SOURCE_SYNCING, 0, NULL);
    rig_say("\"event\":\"originated\",\"call\":\"z.1\"," T "05Z\"");
    rig_say("\"event\":\"established\",\"call\":\"z.1\",\"device\":\"1001\"," T "10Z\"");
    rig_say("\"event\":\"established\",\"call\":\"z.2\",\"device\":\"1002\"," T "10Z\"");
    source_state(rig.source, STEWARD_SOURCE_UP, 0, NULL);
    rig_settle();
    assert_string_equal(rig_ask("SELECT group_concat(answered_at - started_at) FROM (SELECT * FROM "
                                "call ORDER BY id)"),
                        "20000,0");
}

static void test_name_again(void **state)
{
    rig_say("\"event\":\"delivered\",\"call\":\"n.1\"," T "00Z\",\"direction\":\"inbound\","
            "\"device\":\"1001\"");
    rig_say("\"event\":\"cleared\",\"call\":\"n.1\"," T "40Z\"");
    rig_say("\"event\":\"diverted\",\"call\":\"n.1\",\"device\":\"1001\",\"cause\":"
            "\"no_answer\"," T "30Z\""); /* late */
    assert_string_equal(rig_ask("SELECT offered_json LIKE '%no_answer%' FROM call"), "1");
    rig_say("\"event\":\"delivered\",\"call\":\"n.1\"," T "59Z\",\"direction\":\"inbound\","
            "\"device\":\"1001\"");
    assert_string_equal(rig_ask("SELECT group_concat(call || ' ' || state) FROM (SELECT call, "
                                "state FROM call ORDER BY id)"),
                        "n.1#1 cleared,n.1 delivered");
}

/* ---- devices ---- */

static void test_agent_state(void **state)
{
    struct calls_device d;
    assert_int_equal(rig_event(1, "\"event\":\"agent_state\",\"device\":\"1001\""), E_INVALID);
    assert_int_equal(
        rig_event(1, "\"event\":\"agent_state\",\"device\":\"1001\",\"state\":\"asleep\""),
        E_INVALID);
    rig_say("\"event\":\"agent_state\",\"device\":\"1001\",\"state\":\"ready\",\"call\":7");
    assert_true(calls_device(rig.t, "1001", &d));
    assert_string_equal(calls_agent_state_name(d.state), "ready");
    assert_int_equal(d.call_id, 0);
    rig_say(
        "\"event\":\"delivered\",\"call\":\"g.1\",\"direction\":\"inbound\",\"device\":\"1001\"");
    assert_true(calls_device(rig.t, "1001", &d));
    assert_string_equal(calls_agent_state_name(d.state), "ready");
    assert_int_equal(d.call_id, 1);
    rig_say("\"event\":\"established\",\"call\":\"g.1\",\"device\":\"1001\"");
    assert_true(calls_device(rig.t, "1001", &d));
    assert_string_equal(calls_agent_state_name(d.state), "busy");
    assert_false(calls_device(rig.t, "1009", &d));
    assert_int_equal(rig.acked, 3);
}

/* ---- fields ---- */

static void test_fields(void **state)
{
    static const struct {
        const char *fields, *why;
    } rows[] = {
        {"\"call\":\"x\"", "event: is missing"},
        {"\"event\":\"fly\",\"call\":\"x\"", "event: 'fly' is unknown"},
        {"\"event\":\"delivered\",\"call\":\"x\",\"device\":7", "device"},
        {"\"event\":\"delivered\",\"call\":\"x\",\"device\":\"1\",\"at\":\"noon\"", "at: 'noon'"},
        {"\"event\":\"delivered\",\"call\":\"x\",\"device\":\"1\",\"seq\":-1", "seq"},
        {"\"event\":\"delivered\",\"call\":\"x\",\"device\":\"1\",\"direction\":\"up\"",
         "direction: 'up'"},
        {"\"event\":\"diverted\",\"call\":\"x\",\"device\":\"1\",\"cause\":\"congestion\"",
         "cause: 'congestion' does not go with diverted"},
        {"\"event\":\"diverted\",\"call\":\"x\",\"device\":\"1\",\"cause\":\"boredom\"",
         "cause: 'boredom'"},
        {"\"event\":\"transferred\",\"call\":\"x\",\"kind\":\"sly\"", "kind: 'sly'"},
        {"\"event\":\"cleared\",\"call\":\"x\",\"by\":\"nobody\"", "by: 'nobody'"},
        {"\"event\":\"cleared\"", "call: is missing"},
        {"\"event\":\"cleared\",\"call\":\"\"", "call: is missing"},
        {"\"event\":\"established\",\"call\":\"x\"", "device: is missing"},
        {"\"event\":\"agent_state\",\"state\":\"ready\"", "device: is missing"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[300];
        struct errmsg why = {{0}};
        struct steward_cti_event ev;
        int64_t seq;
        snprintf(text, sizeof(text), "{%s}", rows[i].fields);
        struct json_obj o;
        assert_int_equal(json_obj_read(&o, text, strlen(text), &why), E_OK);
        int rc = source_event_parse(&o, &ev, &seq, &why);
        if (rc == E_OK)
            rc = source_event(rig.source, 1, &ev, &why);
        if (rc != E_INVALID || !strstr(why.text, rows[i].why))
            fail_msg("%s: %d %s", rows[i].fields, rc, why.text);
        json_obj_free(&o);
    }
    /* what an event does not use is ignored, whatever it is */
    assert_int_equal(rig_event(1, "\"event\":\"queued\",\"call\":\"x\",\"device\":7,\"cause\":[],"
                                  "\"state\":\"asleep\",\"foo\":{}"),
                     E_OK);
    struct errmsg why;
    char longer[NUMBER_RAW_MAX + 80];
    memset(longer, 'c', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    struct steward_cti_event ev = {.kind = STEWARD_EV_QUEUED, .call = longer};
    assert_int_equal(source_event(rig.source, 2, &ev, &why), E_INVALID);
    ev = (struct steward_cti_event){.kind = STEWARD_EV_QUEUED, .call = "\xff\xfe"};
    assert_int_equal(source_event(rig.source, 2, &ev, &why), E_INVALID);
    ev = (struct steward_cti_event){.kind = (enum steward_event_kind)99, .call = "x"};
    assert_int_equal(source_event(rig.source, 2, &ev, &why), E_INVALID);
    rig_settle();
}

/* ---- call control ---- */

static char result[300];

static void on_result(void *ctx, bool ok, const char *code, const char *message)
{
    snprintf(result, sizeof(result), "%s %s", ok ? "ok" : code, ok ? "" : message);
}

static const char *act(struct call_control_request req)
{
    result[0] = rig.action[0] = '\0';
    call_control_do(rig.t, &req, on_result, NULL);
    assert_string_equal(result, ""); /* never before it returns */
    rig_settle();
    return result;
}

#define ACT(...) act((struct call_control_request){__VA_ARGS__})

static bool says(const char *text, const char *word)
{
    if (!text_starts(text, word))
        print_error("'%s' instead of '%s'\n", text, word);
    return text_starts(text, word);
}

static void test_actions_refused(void **state)
{
    rig_say(
        "\"event\":\"delivered\",\"call\":\"c.1\",\"direction\":\"inbound\",\"device\":\"1001\"");
    assert_true(says(ACT(.action = "dance", .device = "1001"), "bad_request"));
    assert_true(says(ACT(.action = "dial", .number = "13800138000"), "bad_request"));
    assert_true(says(ACT(.action = "dial", .device = "1001"), "bad_number"));
    assert_true(says(ACT(.action = "dial", .device = "1001", .number = "12 34;x"), "bad_number"));
    assert_true(
        says(ACT(.action = "dial", .device = "pbx-z/1001", .number = "1002"), "bad_request"));
    assert_true(says(ACT(.action = "dial", .device = "1001", .number = "1002"), "not_supported"));
    assert_true(says(ACT(.action = "ready", .device = "1001"), "not_supported"));
    assert_true(says(ACT(.action = "hangup", .device = "1001"), "not_supported"));
    assert_true(says(ACT(.action = "hangup", .device = "1002"), "no_such_call"));
    assert_true(says(ACT(.action = "hangup", .call = "c.9"), "no_such_call"));
    assert_true(says(ACT(.action = "transfer", .device = "1001"), "bad_number"));
    assert_true(says(ACT(.action = "transfer", .device = "1001", .to = "1002", .kind = "sly"),
                     "bad_request"));
    assert_string_equal(rig.action, "");
}

static void test_actions(void **state)
{
    uint32_t can =
        STEWARD_CAN_DIAL | STEWARD_CAN_HANGUP | STEWARD_CAN_TRANSFER | STEWARD_CAN_AGENT_STATE;
    rig_sql(people);
    source_state(rig.source, STEWARD_SOURCE_UP, can, NULL);
    rig_say(
        "\"event\":\"delivered\",\"call\":\"c.1\",\"direction\":\"inbound\",\"device\":\"1001\"");
    rig_say("\"event\":\"established\",\"call\":\"c.1\",\"device\":\"1001\"");
    rig_say(
        "\"event\":\"delivered\",\"call\":\"c.2\",\"direction\":\"inbound\",\"device\":\"1001\"");

    assert_string_equal(ACT(.action = "hangup", .device = "1001"), "");
    assert_string_equal(rig.action, "4 call=c.1 device=1001 number=- to=- name=- out=075526888888");
    call_control_done(rig.t, rig.token, true, NULL, NULL);
    call_control_done(rig.t, rig.token, false, "failed", "twice");
    rig_settle();
    assert_string_equal(result, "ok ");

    assert_string_equal(ACT(.action = "dial", .device = "1002", .number = "+86 138 0013 8000"), "");
    assert_string_equal(rig.action, "1 call=- device=1002 number=913800138000 to=- name=王芳 "
                                    "out=075526888888");
    call_control_done(rig.t, rig.token, false, "failed", "nobody there");
    rig_settle();
    assert_string_equal(result, "failed nobody there");

    ACT(.action = "transfer", .call_id = 1, .device = "1001", .to = "pbx-a/1003");
    assert_string_equal(rig.action, "32 call=c.1 device=1001 number=- to=1003 name=- "
                                    "out=075526888888");
    ACT(.action = "transfer", .call = "c.1", .to = "13900139000", .kind = "attended");
    assert_non_null(strstr(rig.action, "call=c.1 device=1001 number=- to=913900139000"));
    assert_true(says(ACT(.action = "hold", .device = "1001"), "not_supported"));
    ACT(.action = "not_ready", .device = "1001", .reason = "lunch");
    source_state(rig.source, STEWARD_SOURCE_DOWN, can, "no route");
    rig_settle();
    assert_string_equal(result, "source_down the link to the PBX went down");
    assert_true(says(ACT(.action = "ready", .device = "1001"), "source_down no route"));

    source_state(rig.source, STEWARD_SOURCE_UP, can, NULL);
    rig.action_rc = E_UNSUPPORTED;
    assert_true(says(ACT(.action = "ready", .device = "1001"), "not_supported"));
    rig.action_rc = E_OK;
    result[0] = '\0';
    struct call_control_request req = {.action = "ready", .device = "1001"};
    call_control_forget(rig.t, call_control_do(rig.t, &req, on_result, NULL));
    call_control_done(rig.t, rig.token, true, NULL, NULL);
    rig_settle();
    assert_string_equal(result, "");
    ACT(.action = "dial", .device = "1002", .number = "13800138000"); /* left open at the end */
}

/* ---- anything ---- */

/* Random events over a few calls, refusals, repeats and restarts between: nothing acked is lost. */
static void test_anything(void **state)
{
    static const char *const kinds[] = {
        "originated", "queued",    "delivered",          "established",
        "held",       "retrieved", "transferred",        "conferenced",
        "failed",     "cleared",   "connection_cleared", "diverted"};
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    int64_t seq = 0;
    for (int i = 0; i < 600; i++) {
        char text[400];
        snprintf(text, sizeof(text),
                 "\"event\":\"%s\",\"call\":\"z.%d\",\"device\":\"100%d\",\"to\":\"100%d\","
                 "\"direction\":\"%s\",\"calling\":\"1380013800%d\",\"other_call\":\"z.%d\"",
                 kinds[(size_t)rand_r(&seed) % ARRAY_LEN(kinds)], rand_r(&seed) % 9,
                 rand_r(&seed) % 5, rand_r(&seed) % 5, rand_r(&seed) % 3 ? "inbound" : "outbound",
                 rand_r(&seed) % 10, rand_r(&seed) % 9);
        seq += rand_r(&seed) % 10 == 0 ? 0 : rand_r(&seed) % 30 == 0 ? 2 : 1;
        assert_int_equal(rig_event(seq ? seq : 1, text), E_OK);
        if (rand_r(&seed) % 100 == 0) {
            rig_settle();
            assert_int_equal(rig.acked, seq ? seq : 1);
            rig_restart();
            assert_int_equal(source_last_seq(rig.source), seq ? seq : 1);
        }
    }
    rig_settle();
    assert_int_equal(source_last_seq(rig.source), seq);
    struct calls_stats stats;
    char live[20];
    calls_get_stats(rig.t, &stats);
    snprintf(live, sizeof(live), "%zu", stats.live);
    assert_string_equal(rig_ask("SELECT count(*) FROM call WHERE live_json IS NOT NULL"), live);
}

/* An action that names no device acts for the one that has the call, or is refused. */
static void test_whose_action(void **state)
{
    uint32_t can = STEWARD_CAN_ANSWER | STEWARD_CAN_HANGUP | STEWARD_CAN_TRANSFER;
    source_state(rig.source, STEWARD_SOURCE_UP, can, NULL);
    rig_say("\"event\":\"queued\",\"call\":\"w\",\"direction\":\"inbound\"");
    assert_true(says(ACT(.action = "answer", .call = "w"), "bad_request"));
    rig_say("\"event\":\"delivered\",\"call\":\"w\",\"device\":\"1001\"");
    assert_true(says(ACT(.action = "transfer", .call = "w", .to = "1002"), "bad_request"));
    assert_true(says(ACT(.action = "answer", .call = "w", .device = "1009"), "bad_request"));
    ACT(.action = "answer", .call = "w", .device = "1009", .implied = true);
    assert_non_null(strstr(rig.action, "call=w device=1001"));
    rig_say("\"event\":\"delivered\",\"call\":\"w\",\"device\":\"1002\"");
    assert_true(says(ACT(.action = "answer", .call = "w"), "bad_request device: several"));
    ACT(.action = "hangup", .call = "w", .device = "1009", .implied = true);
    assert_non_null(strstr(rig.action, "call=w device=-"));
    rig_say("\"event\":\"cleared\",\"call\":\"w\",\"by\":\"caller\"");
    assert_string_equal(rig_ask("SELECT hung_up_by || ' ' || disposition FROM call"),
                        "system missed");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_call),
        TEST(test_batch),
        TEST(test_late_card),
        TEST(test_call_forgotten_before_its_card),
        TEST(test_seq),
        TEST(test_when_durable),
        TEST(test_ring_all),
        TEST(test_attended),
        TEST(test_matches),
        TEST(test_outbound),
        TEST(test_updates),
        TEST(test_standing),
        TEST(test_restart),
        TEST(test_forget),
        TEST(test_resync),
        TEST(test_cut_off),
        TEST(test_snapshot_dates),
        TEST(test_name_again),
        TEST(test_agent_state),
        TEST(test_fields),
        TEST(test_actions_refused),
        TEST(test_actions),
        TEST(test_whose_action),
        TEST(test_anything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
