/*
 * test_radar.c - risers, groups, windows of different owners, and the learned baseline.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/radar.h"

#define HOUR  INT64_C(3600000)
#define DAY   (24 * HOUR)
#define START INT64_C(1795320000000)

/* ---- what complaints have in common ---- */

static void risers(void **state)
{
    static const struct {
        const char *unit, *riser; /* NULL: none */
    } cases[] = {{"1201", "01"},      {"301", "01"},   {"3-1101室", "01"}, {"A0902", "02"},
                 {"2单元1203", "03"}, {"12", NULL},    {"", NULL},         {"商铺", NULL},
                 {"7号", NULL},       {"1201A", "01"}, {"B2-118", "18"},   {"1201-1", NULL}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char out[RADAR_RISER_MAX] = "";
        bool there = radar_riser(cases[i].unit, out);
        if (there != (cases[i].riser != NULL) || (there && !text_eq(out, cases[i].riser)))
            fail_msg("%s: %s", cases[i].unit, there ? out : "none");
    }
}

static struct conf_texts words(char **items)
{
    struct conf_texts t = {.items = items};
    while (items[t.n])
        t.n++;
    return t;
}

static void groups(void **state)
{
    static const struct radar_scope all = {1, 12, "01", "leak"}, bare = {0, 0, "", "leak"};
    static const struct radar_scope villa = {1, 12, "", "leak"}, vague = {1, 12, "01", ""};
    static const struct {
        char *same[5];
        const struct radar_scope *scope;
        const char *key; /* NULL: it has no group */
    } cases[] = {
        {{"building", "category"}, &all, "b12;cleak"},
        {{"riser", "category"}, &all, "b12;r01;cleak"},
        {{"riser"}, &all, "b12;r01"},
        {{"estate", "category"}, &all, "e1;cleak"},
        {{"category"}, &bare, "cleak"},
        {{"building", "riser", "estate", "category"}, &all, "b12;r01;cleak"},
        {{NULL}, &all, NULL},
        {{"building", "category"}, &bare, NULL},
        {{"riser"}, &villa, NULL},
        {{"building", "category"}, &vague, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct radar_scope scope = *cases[i].scope;
        struct conf_texts same = words((char **)cases[i].same);
        char key[RADAR_KEY_MAX] = "";
        bool there = radar_reduce(&scope, &same);
        radar_key(&scope, key);
        if (there != (cases[i].key != NULL) || (there && !text_eq(key, cases[i].key)))
            fail_msg("%zu: %s", i, key);
    }
}

static void scopes_hold_places(void **state)
{
    static const struct radar_scope place = {1, 12, "01", ""};
    static const struct {
        struct radar_scope scope;
        bool holds;
    } cases[] = {
        {{1, 12, "01", "leak"}, true}, {{1, 12, "", ""}, true},   {{1, 0, "", ""}, true},
        {{1, 13, "", ""}, false},      {{2, 0, "", ""}, false},   {{1, 12, "02", ""}, false},
        {{0, 0, "", "leak"}, false},   {{0, 12, "01", ""}, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(radar_holds(&cases[i].scope, &place), cases[i].holds);
}

/* ---- windows ---- */

static struct radar_warning last;

static bool see(struct radar *r, int64_t id, int64_t at, const char *group, const char *owner)
{
    struct radar_complaint c = {.ticket_id = id, .at = at, .group = group, .owner = owner};
    return radar_see(r, &c, &last);
}

static struct radar *fresh(int64_t owners)
{
    return radar_new(&(struct radar_rules){.owners = owners, .within = DAY});
}

static void different_owners(void **state)
{
    struct radar *r = fresh(3);
    size_t n;
    assert_false(see(r, 1, START, "b1", "u1"));
    assert_false(see(r, 2, START + 1, "b1", "u1")); /* the same owner again and again */
    assert_false(see(r, 3, START + 2, "b1", "u1"));
    assert_false(see(r, 4, START + 3, "b1", "u2"));
    assert_false(see(r, 5, START + 4, "b2", "u3")); /* another building */
    assert_true(see(r, 6, START + 5, "b1", "u3"));
    assert_int_equal(last.owners, 3);
    assert_int_equal(last.needed, 3);
    assert_int_equal(last.since, START + 2); /* u1's newest */
    assert_true(see(r, 7, START + 6, "b1", "u4"));
    assert_int_equal(last.owners, 4);
    assert_int_equal(last.since, START + 3); /* u2, u3, u4 */
    assert_int_equal(radar_held(r, &n), 7);
    assert_int_equal(n, 2);
    radar_free(&r);
}

static void windows_slide(void **state)
{
    struct radar *r = fresh(3);
    assert_false(see(r, 1, START, "b1", "u1"));
    assert_false(see(r, 2, START + 12 * HOUR, "b1", "u2"));
    assert_false(see(r, 3, START + DAY, "b1", "u3")); /* the first is just out of it */
    assert_true(see(r, 4, START + DAY + 1, "b1", "u4"));
    radar_free(&r);
}

static void groups_change_and_joined_ones_leave(void **state)
{
    struct radar *r = fresh(2);
    assert_false(see(r, 1, START, "b1;cleak", "u1"));
    assert_false(see(r, 1, START, "b1;cnoise", "u1")); /* its category was mended */
    assert_false(see(r, 2, START + 1, "b1;cleak", "u2"));
    assert_true(see(r, 3, START + 2, "b1;cnoise", "u3"));
    radar_drop(r, 1);
    radar_drop(r, 1);
    assert_false(see(r, 4, START + 3, "b1;cnoise", "u3"));
    radar_free(&r);
}

/* ---- the baseline ---- */

/* `n` different owners a day for `days`; returns the moment after. */
static int64_t ordinary(struct radar *r, int n, int days, int64_t at, int64_t *id)
{
    for (int d = 0; d < days; d++)
        for (int i = 0; i < n; i++) {
            char owner[32];
            snprintf(owner, sizeof(owner), "o%d-%d", d, i);
            (void)see(r, ++*id, at + d * DAY + i * (DAY / n), "b1", owner);
        }
    return at + days * DAY;
}

static void what_is_usual_is_learned(void **state)
{
    struct radar *r = fresh(5);
    int64_t id = 0, at = ordinary(r, 9, 120, START, &id);
    assert_false(see(r, ++id, at, "b1", "today"));
    assert_true(last.owners >= 9 || last.owners == 0); /* more than five, and nothing new */
    int more = 0;
    while (!see(r, ++id, at + ++more, "b1", (char[]){'x', (char)('a' + more), 0}))
        assert_true(more < 20);
    assert_in_range(last.expected_milli, 8500, 9600);
    assert_in_range(last.needed, 18, 19); /* 9 + 3 * 3 */
    assert_in_range(more, 7, 11);
    radar_free(&r);
}

static void what_is_new_warns_at_once(void **state)
{
    struct radar *r = fresh(5);
    int64_t id = 0, at = ordinary(r, 1, 60, START, &id);
    int more = 1;
    while (!see(r, ++id, at + more, "b1", (char[]){'x', (char)('a' + more), 0}))
        assert_true(++more < 9);
    assert_int_equal(last.needed, 5);
    assert_in_range(last.expected_milli, 900, 1100);
    radar_free(&r);
}

static void bursts_that_joined_are_not_learned(void **state)
{
    struct radar *r = fresh(5);
    for (int burst = 0; burst < 10; burst++) {
        int64_t at = START + burst * 7 * DAY;
        bool warned = false;
        for (int i = 0; i < 8; i++)
            warned |= see(r, burst * 100 + i, at + i, "b1", (char[]){'x', (char)('a' + i), 0});
        assert_true(warned); /* each of them */
        assert_int_equal(last.needed, 5);
        for (int i = 0; i < 8; i++)
            radar_drop(r, burst * 100 + i);
    }
    radar_free(&r);
}

static void faded_groups_go(void **state)
{
    struct radar *r = fresh(5);
    size_t n;
    for (int i = 0; i < 10000; i++) {
        char group[24];
        snprintf(group, sizeof(group), "b%d", i);
        assert_false(see(r, i, START + i * DAY, group, "u1"));
    }
    (void)radar_held(r, &n);
    assert_true(n < 6000);
    radar_set_rules(r, &(struct radar_rules){.owners = 2, .within = HOUR});
    (void)radar_held(r, &n);
    assert_true(n < 100);
    radar_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(risers),
        cmocka_unit_test(groups),
        cmocka_unit_test(scopes_hold_places),
        cmocka_unit_test(different_owners),
        cmocka_unit_test(windows_slide),
        cmocka_unit_test(groups_change_and_joined_ones_leave),
        cmocka_unit_test(what_is_usual_is_learned),
        cmocka_unit_test(what_is_new_warns_at_once),
        cmocka_unit_test(bursts_that_joined_are_not_learned),
        cmocka_unit_test(faded_groups_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
