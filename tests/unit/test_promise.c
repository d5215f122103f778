/*
 * test_promise.c - promises and ladders: used time from segments, due moments, rungs in order, each
 * once; and the hash chain in its documented byte form.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/hash.h"
#include "base/mem.h"
#include "domain/history.h"
#include "domain/ladder.h"
#include "domain/promise.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define START  (1000 * HOUR)

static struct calendar *always;

static int setup(void **state)
{
    always = calendar_new_always();
    return 0;
}

static int teardown(void **state)
{
    calendar_free(&always);
    return 0;
}

static struct span span(const char *text)
{
    struct span s;
    assert_int_equal(span_parse(text, &s), 0);
    return s;
}

static struct promise promise(const char *within)
{
    return (struct promise){
        .calendar = always, .within = span(within), .share = 100, .started_at = START};
}

static void plain_promise(void **state)
{
    struct promise p = promise("4h");
    assert_int_equal(promise_total(&p), 4 * HOUR);
    assert_int_equal(promise_due(&p), START + 4 * HOUR);
    assert_int_equal(promise_percent(&p, 80), START + 192 * MINUTE);
    assert_int_equal(promise_used(&p, START + HOUR), HOUR);
    p.share = 75;
    assert_int_equal(promise_due(&p), START + 3 * HOUR);
    p.extra_ms = HOUR;
    assert_int_equal(promise_due(&p), START + 4 * HOUR);
}

static void paused_promise(void **state)
{
    struct promise_segment s[] = {
        {START, START + HOUR, true, always},
        {START + HOUR, START + 3 * HOUR, false, always},
        {START + 3 * HOUR, 0, true, always},
    };
    struct promise p = promise("4h");
    p.segments = s;
    p.n = 2;
    s[1].to = 0;
    assert_false(promise_is_running(&p));
    assert_int_equal(promise_due(&p), 0);
    assert_int_equal(promise_percent(&p, 10), START + 24 * MINUTE); /* passed before the pause */
    assert_int_equal(promise_used(&p, START + 9 * HOUR), HOUR);
    s[1].to = START + 3 * HOUR;
    p.n = 3;
    assert_true(promise_is_running(&p));
    assert_int_equal(promise_due(&p), START + 6 * HOUR);
    assert_int_equal(promise_used(&p, START + 4 * HOUR), 2 * HOUR);
}

/* ---- ladders ---- */

static struct policy_step steps[4];

static struct policy_ladder ladder(void)
{
    memset(steps, 0, sizeof(steps));
    steps[0].at.percent = 80;
    steps[1].at.percent = 100;
    steps[2].at.after = span("30m");
    steps[3].at.after = span("1h");
    steps[3].repeat = span("1h");
    steps[3].times = 3;
    return (struct policy_ladder){.set = true, .steps = steps, .steps_n = 4};
}

static void climbs_in_order(void **state)
{
    static const struct {
        enum ladder_what what;
        int step, turn;
        int64_t at;
    } rows[] = {
        {LADDER_STEP, 0, 1, START + 192 * MINUTE}, {LADDER_BREACH, 0, 0, START + 240 * MINUTE},
        {LADDER_STEP, 1, 1, START + 240 * MINUTE}, {LADDER_STEP, 2, 1, START + 270 * MINUTE},
        {LADDER_STEP, 3, 1, START + 300 * MINUTE}, {LADDER_STEP, 3, 2, START + 360 * MINUTE},
        {LADDER_STEP, 3, 3, START + 420 * MINUTE}, {LADDER_NOTHING, 0, 0, 0},
    };
    struct policy_ladder l = ladder();
    struct promise p = promise("4h");
    struct ladder_mark m = {0};
    char text[LADDER_TEXT_MAX];

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct ladder_next n = ladder_next(&l, &p, &m);
        assert_int_equal(n.what, rows[i].what);
        assert_int_equal(n.at, rows[i].at);
        assert_int_equal(n.step, rows[i].step);
        assert_int_equal(n.turn, rows[i].turn);
        ladder_mark_done(&m, &n);
        /* what is stored is all that is known */
        struct ladder_mark again = {.breached = m.breached};
        ladder_mark_parse(ladder_mark_format(&m, &l, text), &again);
        m = again;
    }
    assert_string_equal(text, "1,1,1,3");
}

static void rests_while_paused(void **state)
{
    struct promise_segment s[] = {{START, START + HOUR, true, always},
                                  {START + HOUR, 0, false, always}};
    struct policy_ladder l = ladder();
    struct promise p = promise("4h");
    struct ladder_mark m = {0};
    p.segments = s;
    p.n = 2;
    assert_int_equal(ladder_next(&l, &p, &m).what, LADDER_NOTHING);
}

static void an_urge_climbs(void **state)
{
    struct policy_ladder l = ladder();
    struct ladder_mark m = {.fired = {1, 0, 0, 0}};
    char text[SPAN_TEXT_MAX + 2];
    assert_int_equal(ladder_unclimbed(&l, &m), 1);
    memset(m.fired, 1, sizeof(m.fired));
    assert_int_equal(ladder_unclimbed(&l, &m), -1);
    assert_string_equal(ladder_at_text(&steps[0], text), "80%");
    assert_string_equal(ladder_at_text(&steps[2], text), "+30m");
}

static void no_ladder_still_breaches(void **state)
{
    struct policy_ladder l = {.set = true};
    struct promise p = promise("4h");
    struct ladder_mark m = {0};
    struct ladder_next n = ladder_next(&l, &p, &m);
    assert_int_equal(n.what, LADDER_BREACH);
    ladder_mark_done(&m, &n);
    assert_int_equal(ladder_next(&l, &p, &m).what, LADDER_NOTHING);
}

/* ---- the chain ---- */

static void documented_bytes(void **state)
{
    struct history_hasher *h = history_hasher_new();
    struct history_row row = {.seq = 1, .at = 1795320000000, .by = "li.na", .kind = "noted"};
    const char *salt = "00112233445566778899aabbccddeeff", *data = "{\"text\":\"漏水\"}";
    char digest[HISTORY_HEX], hash[HISTORY_HEX], expected[HISTORY_HEX];
    struct buf b = BUF_INIT(4096);
    uint8_t sum[SHA256_LEN];
    history_digest(h, salt, data, digest);
    buf_printf(&b, "%s%s", salt, data);
    sha256(b.data, b.len, sum);
    assert_string_equal(digest, hex_encode(sum, sizeof(sum), expected));
    history_hash(h, "T-000123", &row, digest, hash);
    buf_reset(&b);
    buf_printf(&b, "T-000123\n1\n1795320000000\nli.na\nnoted\n%s", digest);
    sha256(b.data, b.len, sum);
    assert_string_equal(hash, hex_encode(sum, sizeof(sum), expected));
    buf_free(&b);
    history_hasher_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_promise),    cmocka_unit_test(paused_promise),
        cmocka_unit_test(climbs_in_order),  cmocka_unit_test(rests_while_paused),
        cmocka_unit_test(an_urge_climbs),   cmocka_unit_test(no_ladder_still_breaches),
        cmocka_unit_test(documented_bytes),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
