/*
 * test_source.c - PBXs by name: who speaks for them, who counts, how they come and go.
 */
#include "unit.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "calls_rig.h"

#define T "\"at\":\"2026-11-22T08:00:"

static void print_source(void *ctx, const struct source_info *info)
{
    struct jw *w = ctx;
    source_json(info, w);
}

static void test_sources(void **state)
{
    struct buf b = BUF_INIT(4000);
    struct jw w;
    assert_null(source_get(rig.t, "PBX A"));
    assert_null(source_get(rig.t, ""));
    assert_non_null(source_get(rig.t, "a-first"));
    assert_ptr_equal(source_get(rig.t, "pbx-a"), rig.source);
    assert_int_equal(rig_event(1, "\"event\":\"agent_state\",\"device\":\"1\",\"state\":\"ready\""),
                     E_OK); /* from now on it stays */
    source_state(rig.source, STEWARD_SOURCE_UP, STEWARD_CAN_DIAL | STEWARD_CAN_HANGUP, NULL);
    clock_test_set(1700000000000);
    source_detach(rig.source, &b, "somebody else");
    source_detach(rig.source, &rig, "no route");
    jw_init(&w, &b);
    jw_arr(&w);
    source_each(rig.t, print_source, &w);
    jw_end_arr(&w);
    assert_non_null(
        strstr(buf_str(&b), "[{\"name\":\"a-first\",\"plugin\":null,\"state\":\"down\""));
    assert_non_null(strstr(buf_str(&b),
                           "{\"name\":\"pbx-a\",\"plugin\":\"test\",\"state\":\"down\","
                           "\"since\":\"2023-11-14T22:13:20.000Z\",\"can\":[\"dial\","
                           "\"hangup\"],\"error\":\"no route\"}"));
    buf_free(&b);
}

/* A name becomes a source with its first accepted event, and one speaks for it at a time. */
static void test_source_life(void **state)
{
    struct errmsg why;
    int other;
    struct source_adapter a = {.plugin = "a", .ctx = &why}, b = {.plugin = "b", .ctx = &other},
                          push = {.plugin = "http", .ctx = &rig, .pushes = true};
    struct steward_cti_event bad = {.kind = STEWARD_EV_QUEUED};
    struct steward_cti_event good = {
        .kind = STEWARD_EV_AGENT_STATE, .device = "1", .agent_state = STEWARD_AGENT_READY};
    struct source *s = source_get(rig.t, "fresh");
    assert_int_equal(source_event(s, 0, &bad, &why), E_INVALID);
    source_let_go(s);
    assert_null(source_find(rig.t, "fresh")); /* what was refused made none */
    s = source_get(rig.t, "fresh");
    assert_int_equal(source_attach(s, &push, &why), E_OK);
    assert_int_equal(source_attach(s, &a, &why), E_OK); /* a link takes over from pushes */
    assert_int_equal(source_attach(s, &b, &why), E_CONFLICT);
    assert_non_null(strstr(why.text, "source_taken: a speaks for fresh"));
    assert_int_equal(source_attach(s, &push, &why), E_CONFLICT);
    source_detach(s, &why, "gone");
    assert_null(source_find(rig.t, "fresh")); /* it never said a thing */
    s = source_get(rig.t, "fresh");
    assert_int_equal(source_event(s, 0, &good, &why), E_OK);
    assert_int_equal(source_event(s, INT64_C(1) << 53, &good, &why), E_INVALID);
    assert_int_equal(source_event(s, (INT64_C(1) << 53) - 1, &good, &why), E_OK);
    rig_settle();
    assert_string_equal(rig_ask("SELECT numbered FROM source WHERE name = 'fresh'"), "1");
}

/* Of a source that counts, nobody takes a number but who speaks for it. */
static void test_numbered(void **state)
{
    struct errmsg why;
    struct steward_cti_event ev = {
        .kind = STEWARD_EV_AGENT_STATE, .device = "1", .agent_state = STEWARD_AGENT_READY};
    rig_say("\"event\":\"queued\",\"call\":\"c\"");
    source_detach(rig.source, &rig, "cut");
    assert_int_equal(source_event(rig.source, 0, &ev, &why), E_INVALID);
    rig_restart();
    source_detach(rig.source, &rig, "cut");
    assert_int_equal(source_event(rig.source, 0, &ev, &why), E_INVALID);
    assert_non_null(strstr(why.text, "pbx-a counts its events"));
    assert_int_equal(source_last_seq(rig.source), 1);
    assert_int_equal(source_event(rig.source, 2, &ev, &why), E_OK);
    rig_settle();
}

static void on_removed(void *ctx, int rc, const struct errmsg *why)
{
    *(int *)ctx = rc;
}

static void test_source_remove(void **state)
{
    struct errmsg why;
    int rc = 1;
    struct steward_cti_event ev = {
        .kind = STEWARD_EV_AGENT_STATE, .device = "1", .agent_state = STEWARD_AGENT_READY};
    source_remove(rig.t, "nobody", on_removed, &rc);
    assert_int_equal(rc, E_NOTFOUND);
    rig_say("\"event\":\"queued\",\"call\":\"c\"");
    rig_say("\"event\":\"cleared\",\"call\":\"c\"");
    source_remove(rig.t, "pbx-a", on_removed, &rc);
    assert_int_equal(rc, E_CONFLICT); /* it is spoken for */
    source_detach(rig.source, &rig, "cut");
    rig_restart();
    source_detach(rig.source, &rig, "cut");
    source_remove(rig.t, "pbx-a", on_removed, &rc);
    rig_settle();
    assert_int_equal(rc, E_CONFLICT); /* it has calls */
    struct source *s = source_get(rig.t, "idle");
    assert_int_equal(source_event(s, 7, &ev, &why), E_OK);
    source_remove(rig.t, "idle", on_removed, &rc);
    assert_int_equal(rc, E_CONFLICT); /* not written yet */
    rig_settle();
    rc = 1;
    source_remove(rig.t, "idle", on_removed, &rc);
    assert_int_equal(source_event(s, 8, &ev, &why), E_INVALID);
    rig_settle();
    assert_int_equal(rc, E_OK);
    assert_null(source_find(rig.t, "idle"));
    assert_string_equal(rig_ask("SELECT count(*) FROM device_state"), "0");
    assert_string_equal(rig_ask("SELECT group_concat(name) FROM source"), "pbx-a");
}

/* Answered while the link was down: not before the moment until which we heard it ring. */
static void test_answered_unheard(void **state)
{
    uint32_t can = 0;
    rig_say("\"event\":\"delivered\",\"call\":\"u\",\"direction\":\"inbound\",\"device\":\"1001\"");
    source_state(rig.source, STEWARD_SOURCE_DOWN, can, "cut");
    source_state(rig.source, STEWARD_SOURCE_SYNCING, can, NULL);
    rig_say("\"event\":\"established\",\"call\":\"u\",\"device\":\"1001\","
            "\"at\":\"2023-11-14T22:13:21Z\"");
    assert_string_equal(rig_ask("SELECT answered_at >= started_at AND started_at > 1750000000000 "
                                "AND gap FROM call"),
                        "1");
}

/* A call that talks already when the link comes up first: its answer is as old as the list says. */
static void test_answered_before_us(void **state)
{
    source_state(rig.source, STEWARD_SOURCE_SYNCING, 0, NULL);
    rig_say("\"event\":\"originated\",\"call\":\"b\",\"direction\":\"inbound\"," T "05Z\"");
    rig_say("\"event\":\"established\",\"call\":\"b\",\"device\":\"1001\"," T "06Z\"");
    source_state(rig.source, STEWARD_SOURCE_UP, 0, NULL);
    rig_say("\"event\":\"cleared\",\"call\":\"b\",\"by\":\"caller\"," T "12Z\"");
    rig_settle();
    assert_string_equal(
        rig_ask("SELECT (answered_at - started_at) || ' ' || (ended_at - answered_at) "
                "FROM call"),
        "1000 6000");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, rig_setup, rig_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sources),       TEST(test_source_life),      TEST(test_numbered),
        TEST(test_source_remove), TEST(test_answered_unheard), TEST(test_answered_before_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
