/*
 * test_line.c - the line protocol over real sockets: every code, takeover, acks that never run
 * ahead, who gets which event, clients that do not read.
 */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "line_rig.h"
#include "service/staff/staff_priv.h"

/* ---- hello ---- */

static void wrong_hellos_close_with_their_code(void **state)
{
    static const struct {
        const char *hello, *code;
    } rows[] = {
        {"{\"type\":\"hel", "bad_json"},
        {"[1]", "bad_json"},
        {"\"hello\"", "bad_json"},
        {"{\"type\":\"hello\xff\"}", "bad_json"},
        {"{}", "bad_hello"},
        {"{\"type\":\"ping\"}", "bad_hello"},
        {"{\"type\":\"event\",\"seq\":1}", "bad_hello"},
        {"{\"type\":\"hello\"}", "bad_hello"},
        {"{\"type\":\"hello\",\"v\":2,\"role\":\"pbx\",\"name\":\"pbx-a\",\"token\":\"dev-token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":\"1\",\"role\":\"pbx\",\"name\":\"pbx-a\",\"token\":\"dev-"
         "token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"king\",\"name\":\"pbx-a\",\"token\":\"dev-"
         "token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"token\":\"dev-token\"}", "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"PBX A\",\"token\":\"dev-token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"name\":\"x\",\"token\":\"dev-token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"device\":\"a "
         "b\",\"token\":\"dev-token\"}",
         "bad_hello"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"pbx-a\",\"token\":\"wrong\"}",
         "unauthorized"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"pbx-a\"}", "unauthorized"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"pbx-b\",\"token\":\"token-of-pbx-"
         "a\"}",
         "forbidden"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"pbx-a\",\"token\":\"token-of-li."
         "na\"}",
         "forbidden"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"device\":\"1\",\"token\":\"token-of-pbx-"
         "a\"}",
         "forbidden"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"device\":\"1\",\"token\":\"token-of-"
         "wall\"}",
         "forbidden"},
        {"{\"type\":\"hello\",\"v\":1,\"role\":\"monitor\",\"token\":\"token-of-pbx-a\"}",
         "forbidden"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct client *k = client();
        say(k, rows[i].hello);
        expect_closed(k, rows[i].code);
        assert_int_equal(count(k, "\n"), 1);
        client_free(k);
    }
}

static void silence_is_closed(void **state)
{
    struct client *k = client();
    say(k, ""); /* an empty line is nothing */
    expect_closed(k, "bad_hello");
    client_free(k);
}

static void a_nul_is_bad_json(void **state)
{
    struct client *k = welcomed(HELLO_DEV);
    static const char nul[] = "{\"type\":\"pi\0ng\"}\n";
    conn_write(k->conn, nul, sizeof(nul) - 1);
    expect(k, "bad_json");
    say(k, "{\"type\":\"ping\"}\r");
    expect(k, "{\"type\":\"pong\"}\n");
    client_free(k);
}

static void bad_lines_are_refused_by_themselves(void **state)
{
    static const struct {
        const char *line, *code;
    } rows[] = {
        {"no json", "bad_json"},
        {"{\"type\":\"ping\",\"type\":\"ping\"}", "bad_json"},
        {"{}", "unknown_type"},
        {"{\"type\":7}", "unknown_type"},
        {"{\"type\":\"dance\"}", "unknown_type"},
        {"{\"type\":\"action\",\"id\":\"a\",\"action\":\"dial\"}", "unknown_type"},
        {HELLO_PBX, "bad_hello"},
        {"{\"type\":\"event\",\"event\":\"delivered\",\"call\":\"c\"}", "bad_event"},
        {"{\"type\":\"event\",\"seq\":\"1\",\"call\":\"c\"}", "bad_event"},
        {"{\"type\":\"event\",\"seq\":5,\"call\":\"bad\"}", "\"seq\":5"},
    };
    struct client *k = welcomed(HELLO_PBX);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        buf_reset(&k->got);
        say(k, rows[i].line);
        say(k, "{\"type\":\"ping\",\"unknown\":{}}");
        expect(k, "pong");
        assert_int_equal(count(k, "\"type\":\"error\""), 1);
        assert_non_null(strstr(buf_str(&k->got), rows[i].code));
    }
    assert_string_equal(sources[0].calls, "");
    client_free(k);
}

static void too_many_bad_lines_must_wait_and_lose_nothing(void **state)
{
    struct client *k = welcomed(HELLO_PBX);
    for (int i = 0; i < 1000; i++)
        say(k, "x");
    say(k, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    expect(k, "rate_limited");
    turns(5);
    assert_string_equal(sources[0].calls, "");
    assert_int_equal(count(k, "bad_json"), 1000);
    say(k, "{\"type\":\"ping\"}");
    expect(k, "pong");
    assert_string_equal(sources[0].calls, "c1,");
    client_free(k);
}

static void a_line_over_64_kib_closes(void **state)
{
    struct client *k = welcomed(HELLO_DEV);
    char *big = xcalloc(1, 65538);
    memset(big, ' ', 65537);
    say(k, big);
    expect_closed(k, "line_too_long");
    client_free(k);
    free(big);
}

static void links_are_counted_and_limited(void **state)
{
    struct client *k[51];
    struct line_stats stats;
    for (int i = 0; i < 51; i++)
        k[i] = client();
    expect_closed(k[0], "rate_limited"); /* the oldest that has not said hello */
    line_get_stats(line, &stats);
    assert_int_equal(stats.links, 50);
    for (int i = 0; i < 51; i++)
        client_free(k[i]);
}

/* ---- a PBX ---- */

static void acks_follow_the_disk(void **state)
{
    struct client *k = welcomed(HELLO_PBX);
    assert_non_null(strstr(buf_str(&k->got),
                           "{\"type\":\"welcome\",\"v\":1,\"name\":\"pbx-a\",\"last_seq\":0,"
                           "\"server\":\"stewardd/"));
    assert_int_equal(sources[0].state, STEWARD_SOURCE_UP);
    for (int i = 1; i <= 3; i++) {
        char text[64];
        snprintf(text, sizeof(text), "{\"type\":\"event\",\"seq\":%d,\"call\":\"c%d\"}", i, i);
        say(k, text);
    }
    say(k, "{\"type\":\"ping\"}");
    expect(k, "pong");
    assert_string_equal(sources[0].calls, "c1,c2,c3,");
    assert_int_equal(count(k, "\"ack\""), 0); /* nothing is on disk yet */
    commit(&sources[0]);
    expect(k, "{\"type\":\"ack\",\"seq\":3}\n");
    assert_int_equal(count(k, "\"ack\""), 1);
    client_free(k);
}

static bool is_detached(void *arg)
{
    return sources[0].state == STEWARD_SOURCE_DOWN;
}

static void a_welcome_waits_for_the_disk(void **state)
{
    struct client *a = welcomed(HELLO_PBX);
    say(a, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    say(a, "{\"type\":\"ping\"}");
    expect(a, "pong");
    client_free(a);
    turn_until(is_detached, NULL, "the source to be down");
    struct client *b = client();
    say(b, HELLO_PBX);
    say(b, "{\"type\":\"event\",\"seq\":2,\"call\":\"c2\"}"); /* not patient */
    turns(30);
    assert_string_equal(buf_str(&b->got), "");
    assert_string_equal(sources[0].calls, "c1,");
    commit(&sources[0]);
    expect(b, "\"last_seq\":1,");
    say(b, "{\"type\":\"ping\"}");
    expect(b, "pong");
    assert_string_equal(sources[0].calls, "c1,c2,");
    client_free(b);
}

static void a_link_that_leaves_before_its_welcome_is_forgotten(void **state)
{
    struct client *a = welcomed(HELLO_PBX);
    say(a, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    say(a, "{\"type\":\"ping\"}");
    expect(a, "pong");
    struct client *b = client();
    say(b, HELLO_PBX);
    expect_closed(a, "replaced");
    struct client *c = client(); /* a third takes over from the second, which waits still */
    say(c, HELLO_PBX);
    expect_closed(b, "replaced");
    client_free(c);
    turn_until(is_detached, NULL, "the source to be down");
    commit(&sources[0]);
    client_free(a);
    client_free(b);
}

static void a_second_hello_takes_over(void **state)
{
    struct client *a = welcomed(HELLO_PBX);
    struct client *b = welcomed(HELLO_PBX);
    expect_closed(a, "replaced");
    say(b, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    say(b, "{\"type\":\"ping\"}");
    expect(b, "pong");
    commit(&sources[0]);
    expect(b, "{\"type\":\"ack\",\"seq\":1}");
    assert_int_equal(sources[0].state, STEWARD_SOURCE_UP);
    client_free(a);
    client_free(b);
}

static void pressure_stops_reading_from_pbxs_alone(void **state)
{
    struct client *p = welcomed(HELLO_PBX), *a = welcomed(HELLO_DEV);
    line_pressure(line, true);
    say(p, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    say(a, "{\"type\":\"ping\"}");
    expect(a, "pong");
    turns(20);
    assert_string_equal(sources[0].calls, "");
    line_pressure(line, false);
    say(p, "{\"type\":\"ping\"}");
    expect(p, "pong");
    assert_string_equal(sources[0].calls, "c1,");
    client_free(p);
    client_free(a);
}

static void one_ack_waits_at_most_for_a_pbx_that_does_not_read(void **state)
{
    struct client *k = welcomed(HELLO_PBX);
    struct line_stats before, after;
    line_get_stats(line, &before);
    for (int i = 1; i <= 1000; i++) { /* no turn between: nothing leaves */
        sources[0].taken = i;
        commit(&sources[0]);
    }
    line_get_stats(line, &after);
    assert_int_equal(after.acks - before.acks, 1);
    expect(k, "{\"type\":\"ack\",\"seq\":1}\n");
    expect(k, "{\"type\":\"ack\",\"seq\":1000}\n");
    assert_int_equal(count(k, "\"ack\""), 2);
    client_free(k);
}

static void quiescing_still_acks(void **state)
{
    struct client *k = welcomed(HELLO_PBX);
    say(k, "{\"type\":\"event\",\"seq\":1,\"call\":\"c1\"}");
    say(k, "{\"type\":\"ping\"}");
    expect(k, "pong");
    line_quiesce(line);
    say(k, "{\"type\":\"event\",\"seq\":2,\"call\":\"c2\"}");
    turns(10);
    commit(&sources[0]);
    line_free(&line);
    turn_until(is_down, k, "the end");
    assert_non_null(strstr(buf_str(&k->got), "{\"type\":\"ack\",\"seq\":1}\n"));
    assert_string_equal(sources[0].calls, "c1,");
    client_free(k);
}

/* ---- agents and monitors ---- */

static void publish(enum hub_kind kind, const char *json, const char *source, const char *device,
                    const char *user, const char *department, bool all)
{
    const char *const users[] = {user, NULL};
    struct hub_event ev = {.kind = kind,
                           .json = json,
                           .len = strlen(json),
                           .source = source,
                           .device = device,
                           .users = user ? users : NULL,
                           .department = department,
                           .all_staff = all};
    hub_publish(hub, &ev);
}

static struct client *agent(const char *device, const char *token)
{
    char hello[256];
    snprintf(hello, sizeof(hello),
             "{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"device\":\"%s\",\"token\":\"%s\"}",
             device, token);
    return welcomed(hello);
}

static struct client *monitor(const char *token)
{
    char hello[256];
    snprintf(hello, sizeof(hello),
             "{\"type\":\"hello\",\"v\":1,\"role\":\"monitor\",\"token\":\"%s\"}", token);
    return welcomed(hello);
}

static void events_go_to_whom_they_concern(void **state)
{
    enum { DEV1001, LINA, PBX_B, WALL, BOSS, SHY, WHO };
    struct client *k[WHO] = {
        [DEV1001] = agent("1001", "dev-token"),     [LINA] = agent("1002", "token-of-li.na"),
        [PBX_B] = agent("pbx-b/1001", "dev-token"), [WALL] = monitor("token-of-wall"),
        [BOSS] = monitor("token-of-boss"),          [SHY] = monitor("token-of-li.na")};
    static const struct {
        enum hub_kind kind;
        const char *json, *source, *device, *user, *department;
        bool all;
        const char *line;
        bool gets[WHO];
    } rows[] = {
        {HUB_POP,
         "{\"type\":\"pop\",\"n\":1}",
         "pbx-a",
         "1001",
         NULL,
         NULL,
         false,
         "{\"type\":\"pop\",\"n\":1}\n",
         {[DEV1001] = true, [WALL] = true, [BOSS] = true}},
        {HUB_POP,
         "{\"type\":\"pop\",\"n\":2}",
         "pbx-b",
         "1001",
         NULL,
         NULL,
         false,
         "{\"type\":\"pop\",\"n\":2}\n",
         {[DEV1001] = true, [PBX_B] = true, [WALL] = true, [BOSS] = true}},
        {HUB_CALL,
         "{\"n\":3}",
         "pbx-a",
         "1002",
         "li.na",
         NULL,
         false,
         "{\"type\":\"call\",\"data\":{\"n\":3}}\n",
         {[LINA] = true, [WALL] = true, [BOSS] = true, [SHY] = true}},
        {HUB_TICKET,
         "{\"n\":4}",
         NULL,
         NULL,
         NULL,
         "engineering",
         false,
         "{\"type\":\"ticket\",\"data\":{\"n\":4}}\n",
         {[LINA] = true, [WALL] = true, [BOSS] = true, [SHY] = true}},
        {HUB_CALLBACK,
         "{\"n\":5}",
         NULL,
         NULL,
         NULL,
         NULL,
         true,
         "{\"type\":\"callback\",\"data\":{\"n\":5}}\n",
         {[DEV1001] = true, [LINA] = true, [PBX_B] = true, [WALL] = true, [BOSS] = true}},
        {HUB_STATS, "{\"n\":6}", NULL, NULL, NULL, NULL, true, "\"n\":6", {false}},
        {HUB_TICKET,
         "{\"n\":7}",
         NULL,
         NULL,
         "nobody",
         "security",
         false,
         "{\"type\":\"ticket\",\"data\":{\"n\":7}}\n",
         {[WALL] = true, [BOSS] = true}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        publish(rows[i].kind, rows[i].json, rows[i].source, rows[i].device, rows[i].user,
                rows[i].department, rows[i].all);
    for (int w = 0; w < WHO; w++) {
        say(k[w], "{\"type\":\"ping\"}");
        expect(k[w], "pong");
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
            if (count(k[w], rows[i].line) != rows[i].gets[w])
                fail_msg("client %d, event %zu: %s", w, i, buf_str(&k[w]->got));
        client_free(k[w]);
    }
}

static void a_person_stands_where_their_agent_says_hello(void **state)
{
    assert_string_equal(staff_by_name(staff, "li.na")->device, "1002");
    struct client *k = agent("1009", "token-of-li.na");
    assert_string_equal(staff_by_name(staff, "li.na")->device, "1009");
    struct client *d = agent("1008", "dev-token");
    assert_string_equal(staff_by_name(staff, "dev")->device, "");
    client_free(k);
    client_free(d);
}

static void standing_pops_greet_a_late_agent(void **state)
{
    standing = "{\"type\":\"pop\",\"call\":\"c9\"}";
    struct client *k = agent("1001", "dev-token");
    expect(k, "{\"type\":\"pop\",\"call\":\"c9\"}\n");
    client_free(k);
}

static void actions_are_answered(void **state)
{
    struct client *k = agent("1001", "dev-token");
    say(k, "{\"type\":\"action\",\"id\":\"a1\",\"action\":\"dial\",\"number\":\"138\"}");
    say(k, "{\"type\":\"ping\"}");
    expect(k, "pong");
    assert_string_equal(act.action, "dial");
    assert_string_equal(act.device, "1001");
    assert_string_equal(act.number, "138");
    act.cb(act.ctx, false, "not_supported", "this PBX cannot dial");
    expect(k, "{\"type\":\"result\",\"id\":\"a1\",\"ok\":false,\"code\":\"not_supported\","
              "\"message\":\"this PBX cannot dial\"}\n");
    say(k, "{\"type\":\"action\",\"id\":2,\"action\":\"hangup\"}");
    say(k, "{\"type\":\"ping\",\"x\":\"y\"}");
    turns(10);
    act.cb(act.ctx, true, NULL, NULL);
    expect(k, "{\"type\":\"result\",\"id\":2,\"ok\":true}\n");
    say(k, "{\"type\":\"action\",\"action\":\"hangup\"}");
    expect(k, "bad_event");
    say(k, "{\"type\":\"action\",\"id\":\"a3\"}");
    expect(k, "{\"type\":\"result\",\"id\":\"a3\",\"ok\":false,\"code\":\"bad_request\"");
    say(k, "{\"type\":\"action\",\"id\":\"a4\",\"action\":\"hangup\"}");
    turns(10);
    conn_free(&k->conn);
    turns(10);
    assert_true(act.forgotten);
    client_free(k);
}

static void a_client_that_never_reads_is_closed(void **state)
{
    struct client *k = agent("1001", "dev-token"), *other = agent("1001", "dev-token");
    struct line_stats stats;
    char *pop = xmalloc(60001);
    memset(pop, 'p', 60000);
    pop[60000] = '\0';
    conn_pause(k->conn, true);
    for (int i = 0; i < 400; i++) {
        publish(HUB_POP, pop, "pbx-a", "1001", NULL, NULL, false);
        turns(2);
        buf_reset(&other->got);
    }
    line_get_stats(line, &stats);
    assert_int_equal(stats.too_slow, 1);
    assert_int_equal(stats.agents, 1);
    say(other, "{\"type\":\"ping\"}");
    expect(other, "pong"); /* delays nobody else */
    conn_pause(k->conn, false);
    turn_until(is_down, k, "the end");
    assert_non_null(strstr(buf_str(&k->got), "\"code\":\"too_slow\""));
    client_free(k);
    client_free(other);
    free(pop);
}

static void a_revoked_token_closes_its_links(void **state)
{
    char digest[65];
    struct client *a = agent("1001", "token-of-li.na"), *b = monitor("token-of-boss");
    staff_digest("token-of-li.na", digest);
    staff_apply_token_revoked(staff, digest);
    expect_closed(a, "unauthorized");
    say(b, "{\"type\":\"ping\"}");
    expect(b, "pong");
    client_free(a);
    client_free(b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(wrong_hellos_close_with_their_code),
        T(silence_is_closed),
        T(a_nul_is_bad_json),
        T(bad_lines_are_refused_by_themselves),
        T(too_many_bad_lines_must_wait_and_lose_nothing),
        T(a_line_over_64_kib_closes),
        T(links_are_counted_and_limited),
        T(acks_follow_the_disk),
        T(a_welcome_waits_for_the_disk),
        T(a_link_that_leaves_before_its_welcome_is_forgotten),
        T(a_second_hello_takes_over),
        T(pressure_stops_reading_from_pbxs_alone),
        T(one_ack_waits_at_most_for_a_pbx_that_does_not_read),
        T(quiescing_still_acks),
        T(events_go_to_whom_they_concern),
        T(a_person_stands_where_their_agent_says_hello),
        T(standing_pops_greet_a_late_agent),
        T(actions_are_answered),
        T(a_client_that_never_reads_is_closed),
        T(a_revoked_token_closes_its_links),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
