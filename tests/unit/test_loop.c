/* test_loop.c - timers, posted and deferred work, descriptors, signals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>
#include <event2/event.h>

#include "base/loop.h"

static char trace[256];

static void note(void *arg)
{
    strcat(trace, arg);
}

static int setup(void **state)
{
    trace[0] = '\0';
    *state = loop_new();
    return 0;
}

static int teardown(void **state)
{
    struct loop *l = *state;
    loop_free(&l);
    assert_null(l);
    return 0;
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void timers_fire_in_order_and_once(void **state)
{
    struct loop *l = *state;
    struct loop_timer *a = loop_timer_new(l, note, "a"), *b = loop_timer_new(l, note, "b"),
                      *c = loop_timer_new(l, note, "c"), *end = loop_timer_new(l, stop, l);
    loop_timer_arm(b, 20);
    loop_timer_arm(a, 5);
    loop_timer_arm(c, 10);
    loop_timer_arm(a, 1); /* arming again replaces */
    loop_timer_arm(end, 40);
    assert_true(loop_timer_armed(c));
    loop_timer_disarm(c);
    assert_false(loop_timer_armed(c));
    loop_run(l);
    assert_string_equal(trace, "ab");
    assert_false(loop_timer_armed(a));
    loop_timer_free(&a);
    loop_timer_free(&b);
    loop_timer_free(&c);
    loop_timer_free(&end);
    loop_timer_free(&end); /* NULL is allowed */
}

static void defer_two(void *arg)
{
    struct loop *l = arg;
    strcat(trace, "(");
    loop_defer(l, note, "x");
    loop_defer(l, note, "y");
    strcat(trace, ")");
}

static void deferred_work_runs_after_the_callback(void **state)
{
    struct loop *l = *state;
    loop_post(l, defer_two, l);
    loop_post(l, note, "p");
    loop_turn(l);
    assert_string_equal(trace, "()pxy");
}

static void deferred_work_may_defer(void **state)
{
    struct loop *l = *state;
    loop_defer(l, defer_two, l);
    for (int i = 0; i < 3; i++)
        loop_turn(l);
    assert_string_equal(trace, "()xy");
}

enum { POSTS = 10000 };
static int counted;

static void count_up(void *arg)
{
    assert_int_equal((intptr_t)arg, counted);
    counted++;
}

struct poster {
    struct loop *loop;
    bool mine;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;
    p->mine = loop_is_mine(p->loop);
    for (intptr_t i = 0; i < POSTS; i++)
        loop_post(p->loop, count_up, (void *)i);
    loop_post(p->loop, stop, p->loop);
    return NULL;
}

static void posts_of_another_thread_arrive_in_order(void **state)
{
    struct poster p = {.loop = *state, .mine = true};
    pthread_t t;
    counted = 0;
    pthread_create(&t, NULL, post_many, &p);
    loop_run(p.loop);
    pthread_join(t, NULL);
    assert_int_equal(counted, POSTS);
    assert_false(p.mine);
    assert_true(loop_is_mine(p.loop));
}

static void stop_before_run_returns_at_once(void **state)
{
    struct loop *l = *state;
    loop_stop(l);
    loop_run(l);
    loop_post(l, stop, l);
    loop_run(l);
}

static void a_stop_that_nobody_waited_for_does_not_cut_a_turn(void **state)
{
    struct loop *l = *state;
    struct loop_timer *t = loop_timer_new(l, note, "t");
    loop_stop(l);
    loop_timer_arm(t, 0);
    loop_turn(l);
    assert_string_equal(trace, "t");
    loop_timer_free(&t);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    char c;
    assert_int_equal(read(fd, &c, 1), 1);
    strncat(trace, &c, 1);
}

static void descriptors_are_watched(void **state)
{
    struct loop *l = *state;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    struct loop_fd *f = loop_fd_new(l, fds[0], EV_READ, on_fd, NULL);
    assert_int_equal(write(fds[1], "hi", 2), 2);
    loop_turn(l);
    loop_turn(l);
    assert_string_equal(trace, "hi");
    loop_fd_free(&f);
    close(fds[0]);
    close(fds[1]);
}

static void signals_arrive_as_callbacks(void **state)
{
    struct loop *l = *state;
    struct loop_signal *s = loop_signal_new(l, SIGUSR1, stop, l);
    raise(SIGUSR1);
    loop_run(l);
    loop_signal_free(&s);
}

struct orphan {
    struct loop *loop;
    struct loop_owned node;
    bool ended;
};

static void end_orphan(void *arg)
{
    struct orphan *o = arg;
    loop_disown(o->loop, &o->node);
    o->ended = true;
}

static void free_ends_what_is_owned(void **state)
{
    struct loop *l = loop_new();
    struct orphan a = {.loop = l}, b = {.loop = l};
    loop_own(l, &a.node, end_orphan, &a);
    loop_own(l, &b.node, end_orphan, &b);
    loop_disown(l, &b.node);
    loop_defer(l, note, "deferred");
    loop_free(&l);
    assert_true(a.ended);
    assert_false(b.ended);
    assert_string_equal(trace, "deferred");
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(timers_fire_in_order_and_once),   T(deferred_work_runs_after_the_callback),
        T(deferred_work_may_defer),         T(posts_of_another_thread_arrive_in_order),
        T(stop_before_run_returns_at_once), T(a_stop_that_nobody_waited_for_does_not_cut_a_turn),
        T(descriptors_are_watched),         T(signals_arrive_as_callbacks),
        T(free_ends_what_is_owned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
