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
    assert_string_equal(buf_str(&b), ""); /* half a text is none */
    assert_int_equal(b.len, 0);
    buf_add(&b, "", 0); /* sticks */
    buf_adds(&b, "hi");
    buf_printf(&b, "%s", "hi");
    assert_true(b.overflow);
    assert_string_equal(buf_str(&b), "");
    buf_reset(&b);
    assert_false(b.overflow);
    assert_string_equal(buf_str(&b), "");
    buf_printf(&b, "%s", "sixsix");
    assert_true(b.overflow);
    assert_int_equal(b.len, 0);
    buf_free(&b);
}

static void test_cut(void **state)
{
    struct buf b = BUF_CUT(5);
    buf_adds(&b, "hello");
    buf_printf(&b, "%d", 1);
    buf_addc(&b, '!');
    assert_true(b.overflow);
    assert_string_equal(buf_str(&b), "hello");
    buf_free(&b);
    buf_adds(&b, "hell");
    buf_adds(&b, "ow");
    assert_string_equal(buf_str(&b), "hell");
    struct buf lent = buf_lend(&b);
    buf_adds(&lent, "again");
    buf_addc(&lent, '!');
    assert_string_equal(buf_str(&lent), "again");
    buf_give_back(&b, &lent);
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

/* What is built within what is being built has memory of its own. */
static void test_lend(void **state)
{
    struct buf home = BUF_INIT(100);
    struct buf outer = buf_lend(&home);
    buf_adds(&outer, "outer");
    struct buf inner = buf_lend(&home);
    buf_adds(&inner, "inner");
    assert_string_equal(buf_str(&outer), "outer");
    buf_give_back(&home, &inner);
    buf_give_back(&home, &outer);
    char *memory = home.data;
    outer = buf_lend(&home);
    assert_int_equal(outer.len, 0);
    assert_string_equal(buf_str(&outer), "");
    assert_ptr_equal(outer.data, memory);
    for (int i = 0; i < 101; i++)
        buf_addc(&outer, 'x');
    assert_true(outer.overflow);
    buf_give_back(&home, &outer);
    outer = buf_lend(&home);
    assert_false(outer.overflow);
    buf_give_back(&home, &outer);
    buf_free(&home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),         cmocka_unit_test(test_grow),
        cmocka_unit_test(test_exact_maximum), cmocka_unit_test(test_shift),
        cmocka_unit_test(test_binary),        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_lend),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
