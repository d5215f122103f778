/*
 * The bounded map: order of leaving, weights, ownership.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/lru.h"
#include "base/mem.h"

static int freed;

static void count_free(void *value)
{
    freed++;
    free(value);
}

static void test_order(void **state)
{
    freed = 0;
    struct lru *l = lru_new(2, 0, count_free);
    lru_put(l, "a", xstrdup("A"), 1);
    lru_put(l, "b", xstrdup("B"), 1);
    assert_string_equal(lru_get(l, "a"), "A");
    lru_put(l, "c", xstrdup("C"), 1); /* b was unused longest */
    assert_null(lru_get(l, "b"));
    assert_string_equal(lru_get(l, "a"), "A");
    assert_string_equal(lru_get(l, "c"), "C");
    assert_int_equal(freed, 1);
    lru_put(l, "a", xstrdup("A2"), 5);
    assert_int_equal(freed, 2);
    assert_string_equal(lru_get(l, "a"), "A2");
    assert_int_equal(lru_bytes(l), 6);
    lru_drop(l, "a");
    lru_drop(l, "never");
    assert_int_equal(lru_count(l), 1);
    assert_int_equal(lru_bytes(l), 1);
    lru_free(&l);
    assert_null(l);
    assert_int_equal(freed, 4);
}

static void test_bytes(void **state)
{
    freed = 0;
    struct lru *l = lru_new(1000, 100, count_free);
    for (int i = 0; i < 50; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        lru_put(l, key, xstrdup(key), 10);
    }
    assert_int_equal(lru_count(l), 10);
    assert_int_equal(lru_bytes(l), 100);
    assert_non_null(lru_get(l, "k49"));
    assert_null(lru_get(l, "k39"));
    lru_put(l, "huge", xstrdup("huge"), 101); /* cannot stay */
    assert_int_equal(lru_count(l), 0);
    assert_int_equal(lru_bytes(l), 0);
    lru_clear(l);
    lru_free(&l);
    assert_int_equal(freed, 51);
    lru_free(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
