/*
 * Buffers: growth, the maximum that sticks, shifting, taking.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static void test_empty(void **state)
{
    struct buf b = BUF_INIT(10);
    assert_string_equal(buf_str(&b), "");
    char *text = buf_take(&b);
    assert_string_equal(text, "");
    free(text);
    buf_free(&b);
}

static void test_grow(void **state)
{
    struct buf b = BUF_INIT(100000);
    for (int i = 0; i < 5000; i++)
        buf_printf(&b, "%05d,", i);
    assert_int_equal(b.len, 30000);
    assert_false(b.overflow);
    assert_memory_equal(b.data + 6 * 4999, "04999,", 7);
    buf_free(&b);
    assert_null(b.data);
    assert_int_equal(b.max, 100000);
}

static void test_exact_maximum(void **state)
{
    struct buf b = BUF_INIT(5);
    buf_adds(&b, "hello");
    assert_false(b.overflow);
    buf_addc(&b, '!');
    assert_true(b.overflow);
    assert_string_equal(buf_str(&b), "hello");
    buf_add(&b, "", 0); /* sticks */
    assert_true(b.overflow);
    buf_reset(&b);
    assert_false(b.overflow);
    assert_string_equal(buf_str(&b), "");
    buf_printf(&b, "%s", "sixsix");
    assert_true(b.overflow);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void test_shift(void **state)
{
    struct buf b = BUF_INIT(20);
    buf_adds(&b, "line one");
    buf_shift(&b, 5);
    assert_string_equal(buf_str(&b), "one");
    buf_shift(&b, 3);
    assert_string_equal(buf_str(&b), "");
    buf_shift(&b, 0);
    buf_free(&b);
}

static void test_binary(void **state)
{
    struct buf b = BUF_INIT(8);
    buf_add(&b, "a\0b", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.data, "a\0b", 4);
    buf_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),         cmocka_unit_test(test_grow),
        cmocka_unit_test(test_exact_maximum), cmocka_unit_test(test_shift),
        cmocka_unit_test(test_binary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
