/*
 * test_guests.c - who makes room among those that nobody knows yet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/guests.h"
#include "base/mem.h"

static struct guests *guests;
static int evicted[64], evicted_n;
static struct guest all[64];

static void evict(void *owner)
{
    struct guest *g = owner;
    evicted[evicted_n++] = (int)(g - all);
    guest_leave(g);
}

static void begin(size_t max, size_t of_one, size_t bytes, size_t bytes_of_one)
{
    evicted_n = 0;
    guests = guests_new(&(struct guests_opts){.max = max,
                                              .max_of_one = of_one,
                                              .bytes = bytes,
                                              .bytes_of_one = bytes_of_one,
                                              .evict = evict});
}

static void end(void)
{
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        guest_leave(&all[i]);
    assert_int_equal(guests_count(guests), 0);
    assert_int_equal(guests_bytes(guests), 0);
    guests_free(&guests);
}

static void enter(int i, const char *peer)
{
    guest_enter(guests, &all[i], peer, &all[i]);
}

static void test_oldest_makes_room(void **state)
{
    begin(3, 3, 0, 0);
    enter(0, "10.0.0.1:1");
    enter(1, "10.0.0.2:1");
    enter(2, "10.0.0.3:1");
    guest_leave(&all[0]); /* known now: never evicted */
    enter(3, "10.0.0.4:1");
    assert_int_equal(evicted_n, 0);
    enter(4, "10.0.0.5:1");
    assert_int_equal(evicted_n, 1);
    assert_int_equal(evicted[0], 1);
    assert_int_equal(guests_count(guests), 3);
    end();
}

/* One host is one address, whatever port or IPv6 suffix it comes from; IPv4 in IPv6 is IPv4. */
static void test_one_address_has_its_share(void **state)
{
    static const char *const same[][2] = {{"10.0.0.1:1", "10.0.0.1:2"},
                                          {"[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.1]:9"},
                                          {"[::ffff:10.0.0.1]:1", "10.0.0.1:9"},
                                          {"[2001:db8::1]:1", "[2001:db8::ffff:2]:1"}};
    static const char *const others[][2] = {{"10.0.0.1:1", "10.0.0.2:1"},
                                            {"[::ffff:10.0.0.1]:1", "[::ffff:10.0.0.2]:1"},
                                            {"[2001:db8::1]:1", "[2001:db8:0:1::1]:1"}};
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        begin(10, 1, 0, 0);
        enter(0, same[i][0]);
        enter(1, same[i][1]);
        assert_int_equal(evicted_n, 1);
        assert_int_equal(evicted[0], 0);
        end();
    }
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        begin(10, 1, 0, 0);
        enter(0, others[i][0]);
        enter(1, others[i][1]);
        assert_int_equal(evicted_n, 0);
        end();
    }
}

static void test_bytes(void **state)
{
    begin(10, 10, 100, 60);
    enter(0, "10.0.0.1:1");
    enter(1, "10.0.0.1:2");
    enter(2, "10.0.0.2:1");
    assert_false(guest_hold(&all[0], 61));
    assert_true(guest_hold(&all[0], 60));
    assert_true(guest_hold(&all[1], 30)); /* the older one of the same address goes */
    assert_int_equal(evicted_n, 1);
    assert_int_equal(evicted[0], 0);
    assert_true(guest_hold(&all[2], 60));
    assert_int_equal(guests_bytes(guests), 90);
    enter(3, "10.0.0.3:1");
    assert_true(guest_hold(&all[3], 20)); /* the oldest that holds any */
    assert_int_equal(evicted_n, 2);
    assert_int_equal(evicted[1], 1);
    guest_let_go(&all[3]);
    assert_int_equal(guests_bytes(guests), 60);
    guest_leave(&all[2]);
    assert_true(guest_hold(&all[2], 1000)); /* known: nothing is counted */
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_oldest_makes_room),
                                       cmocka_unit_test(test_one_address_has_its_share),
                                       cmocka_unit_test(test_bytes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
