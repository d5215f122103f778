/* test_worker.c - jobs run on threads, answers come on the loop, queues are bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/worker.h"

struct bench {
    struct loop *loop;
    struct worker *worker;
    sem_t gate; /* jobs wait here */
    atomic_int locals, run;
    int done;
    pthread_t loop_thread;
    char order[16];
    atomic_int groups;
    int largest; /* of the one thread */
    atomic_int within;
};

struct job {
    struct bench *b;
    char name;
    int want_done;
};

static void *open_local(void *ctx)
{
    struct bench *b = ctx;
    atomic_fetch_add(&b->locals, 1);
    return b;
}

static void close_local(void *local)
{
    struct bench *b = local;
    atomic_fetch_sub(&b->locals, 1);
}

static void run(void *arg, void *local)
{
    struct job *j = arg;
    assert_ptr_equal(local, j->b);
    assert_false(pthread_equal(pthread_self(), j->b->loop_thread));
    sem_wait(&j->b->gate);
    j->b->within++;
    j->b->order[atomic_fetch_add(&j->b->run, 1)] = j->name;
}

static void done(void *arg)
{
    struct job *j = arg;
    assert_true(pthread_equal(pthread_self(), j->b->loop_thread));
    if (++j->b->done == j->want_done)
        loop_stop(j->b->loop);
}

static void bench_open(struct bench *b, int threads, size_t queue_max)
{
    memset(b, 0, sizeof(*b));
    b->loop = loop_new();
    b->loop_thread = pthread_self();
    sem_init(&b->gate, 0, 0);
    struct worker_opts o = {.name = "test-worker-long-name",
                            .threads = threads,
                            .queue_max = queue_max,
                            .open_local = open_local,
                            .close_local = close_local,
                            .ctx = b};
    b->worker = worker_new(b->loop, &o);
}

static void bench_close(struct bench *b)
{
    worker_free(&b->worker);
    assert_int_equal(b->locals, 0);
    loop_free(&b->loop);
    sem_destroy(&b->gate);
}

static void submit(struct job *j, bool urgent)
{
    struct worker_job w = {.run = run, .done = done, .arg = j};
    assert_int_equal(worker_submit(j->b->worker, &w, urgent), 0);
}

/* The one thread takes job a and waits at the gate until the others are queued. */
static void hold_with(struct bench *b, struct job *a)
{
    submit(a, false);
    while (worker_waiting(b->worker) > 0)
        sched_yield();
}

static void open_gate(struct bench *b, int n)
{
    for (int i = 0; i < n; i++)
        sem_post(&b->gate);
}

static void urgent_jobs_go_ahead(void **state)
{
    struct bench b;
    bench_open(&b, 1, 8);
    struct job j[] = {{&b, 'a', 4}, {&b, 'b', 4}, {&b, 'U', 4}, {&b, 'V', 4}};
    hold_with(&b, &j[0]);
    submit(&j[1], false);
    submit(&j[2], true);
    submit(&j[3], true);
    assert_int_equal(worker_waiting(b.worker), 3);
    open_gate(&b, 4);
    loop_run(b.loop);
    assert_string_equal(b.order, "aUVb");
    bench_close(&b);
}

static void a_full_lane_is_busy(void **state)
{
    struct bench b;
    bench_open(&b, 1, 1);
    struct job j[] = {{&b, 'a', 3}, {&b, 'b', 3}, {&b, 'c', 3}};
    hold_with(&b, &j[0]);
    submit(&j[1], false);
    struct worker_job w = {.run = run, .done = done, .arg = &j[2]};
    assert_int_equal(worker_submit(b.worker, &w, false), E_BUSY);
    assert_int_equal(worker_submit(b.worker, &w, true), 0); /* the other lane has room */
    open_gate(&b, 3);
    loop_run(b.loop);
    assert_int_equal(b.done, 3);
    bench_close(&b);
}

static void free_runs_and_answers_what_is_queued(void **state)
{
    struct bench b;
    bench_open(&b, 3, 64);
    struct job j[10];
    for (int i = 0; i < 10; i++) {
        j[i] = (struct job){&b, (char)('0' + i), 10};
        submit(&j[i], i % 2);
    }
    open_gate(&b, 10);
    worker_free(&b.worker);
    assert_int_equal(b.run, 10);
    assert_int_equal(b.done, 10);
    bench_close(&b);
}

static void group_begin(void *local)
{
    struct bench *b = local;
    b->groups++;
    b->within = 0;
}

static void group_end(void *local)
{
    struct bench *b = local;
    b->largest = b->within > b->largest ? b->within : b->largest;
}

/* Seven urgent jobs that wait make groups of three, three and one; the others run singly. */
static void urgent_jobs_run_in_groups(void **state)
{
    struct bench b;
    bench_open(&b, 1, 10);
    worker_free(&b.worker);
    struct worker_opts o = {.name = "groups",
                            .threads = 1,
                            .queue_max = 10,
                            .open_local = open_local,
                            .close_local = close_local,
                            .group_max = 3,
                            .begin_group = group_begin,
                            .end_group = group_end,
                            .ctx = &b};
    b.worker = worker_new(b.loop, &o);
    struct job j[10];
    for (int i = 0; i < 10; i++)
        j[i] = (struct job){&b, (char)('0' + i), 10};
    submit(&j[0], false);
    while (atomic_load(&b.locals) == 0 || worker_waiting(b.worker))
        sched_yield(); /* until the thread has the first one and waits at the gate */
    submit(&j[1], false);
    submit(&j[2], false);
    for (int i = 3; i < 10; i++)
        submit(&j[i], true);
    open_gate(&b, 10);
    worker_free(&b.worker);
    assert_int_equal(b.done, 10);
    assert_memory_equal(b.order, "0345678912", 10);
    assert_int_equal(b.groups, 1 + 3 + 2);
    assert_int_equal(b.largest, 3);
    bench_close(&b);
}

static void wait_for_waiting(struct bench *b, size_t n)
{
    while (worker_waiting(b->worker) != n)
        sched_yield();
}

/* All threads have started, or come back. */
static void wait_for_idle(const struct bench *b, int n)
{
    while (worker_idle(b->worker) != n)
        sched_yield();
}

/* Whoever is at urgent jobs comes back for more; a second thread is called past a group. */
static void one_thread_serves_until_there_are_many(void **state)
{
    struct bench b;
    bench_open(&b, 1, 20);
    worker_free(&b.worker);
    struct worker_opts o = {.name = "groups",
                            .threads = 2,
                            .queue_max = 20,
                            .open_local = open_local,
                            .close_local = close_local,
                            .group_max = 4,
                            .begin_group = group_begin,
                            .ctx = &b};
    b.worker = worker_new(b.loop, &o);
    struct job j[10];
    for (int i = 0; i < 10; i++)
        j[i] = (struct job){&b, (char)('0' + i), i < 4 ? 4 : 10};
    wait_for_idle(&b, 2);
    submit(&j[0], true);
    wait_for_waiting(&b, 0); /* one thread has it and waits at the gate */
    for (int i = 1; i < 4; i++)
        submit(&j[i], true);
    open_gate(&b, 4);
    loop_run(b.loop);
    assert_memory_equal(b.order, "0123", 4);
    assert_int_equal(b.groups, 2);
    wait_for_idle(&b, 2);
    submit(&j[4], true);
    wait_for_waiting(&b, 0);
    for (int i = 5; i < 10; i++)
        submit(&j[i], true);
    wait_for_waiting(&b, 1); /* the other thread took four */
    open_gate(&b, 6);
    loop_run(b.loop);
    assert_int_equal(b.done, 10);
    assert_int_equal(b.groups, 5);
    bench_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urgent_jobs_go_ahead),
        cmocka_unit_test(a_full_lane_is_busy),
        cmocka_unit_test(urgent_jobs_run_in_groups),
        cmocka_unit_test(one_thread_serves_until_there_are_many),
        cmocka_unit_test(free_runs_and_answers_what_is_queued),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
