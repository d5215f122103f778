/*
 * Blocks that come and go: cleared when asked for, never handed out twice, whatever their size.
 */
#include "unit.h"

#include <string.h>

#include "base/mem.h"
#include "base/pool.h"

static void test_blocks_do_not_overlap(void **state)
{
    static const size_t sizes[] = {0, 1, 63, 64, 65, 700, 1087, 1088, 1089, 5000};
    enum { MANY = 600 };
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        unsigned char *blocks[MANY];
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < MANY; i++) {
                blocks[i] = pool_take(sizes[s]);
                memset(blocks[i], i & 0xff, sizes[s]);
            }
            for (int i = 0; i < MANY; i++)
                for (size_t at = 0; at < sizes[s]; at++)
                    assert_int_equal(blocks[i][at], i & 0xff);
            for (int i = 0; i < MANY; i++)
                pool_give(blocks[i], sizes[s]);
        }
    }
    pool_give(NULL, 10);
}

static void test_cleared(void **state)
{
    for (int i = 0; i < 3; i++) {
        unsigned char *b = pool_take0(100);
        for (size_t at = 0; at < 100; at++)
            assert_int_equal(b[at], 0);
        memset(b, 0xff, 100);
        pool_give(b, 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_blocks_do_not_overlap),
                                       cmocka_unit_test(test_cleared)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
