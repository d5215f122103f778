/*
 * test_ledger.c - the single writer: order, refusals, effects after the commit alone, what a
 * failed transaction must not let out (the Nth operation failing for every N, a full disk),
 * back-pressure, stopping, readers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "spine/ledger.h"

static char dir[32], path[48];
static struct loop *loop;
static struct ledger *ledger;
static int expected;    /* dones until the loop stops */
static char told[4096]; /* effects as they came: "a,b," */
static int pressures[8], pressures_n;
static bool late;

static void pressure_cb(void *ctx, bool full)
{
    pressures[pressures_n++ % 8] = full;
}

static void late_cb(void *arg)
{
    late = true;
    loop_stop(loop);
}

static void start(size_t queue_max)
{
    struct errmsg why = {{0}};
    ledger = ledger_new(&(struct ledger_opts){.loop = loop,
                                              .driver = &db_sqlite,
                                              .where = path,
                                              .queue_max = queue_max,
                                              .pressure = pressure_cb},
                        &why);
    if (!ledger)
        fail_msg("%s", why.text);
    expected = 0;
    told[0] = 0;
    pressures_n = 0;
}

static void settle(void)
{
    struct loop_timer *t = loop_timer_new(loop, late_cb, NULL);
    late = false;
    loop_timer_arm(t, 30000);
    while (expected > 0 && !late)
        loop_run(loop);
    loop_timer_free(&t);
    assert_false(late);
}

static void forget_files(void)
{
    char cmd[200];
    snprintf(cmd, sizeof(cmd), "rm -f %s %s-wal %s-shm", path, path, path);
    assert_int_equal(system(cmd), 0);
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_ledger.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    loop = loop_new();
    return 0;
}

static int teardown(void **state)
{
    ledger_free(&ledger);
    loop_free(&loop);
    char cmd[96];
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}

/* ---- one kind of command: adds an estate, tells so, and may misbehave ---------------------- */

struct job {
    char name[24];
    bool insist, whole, refuse, hook;
    int rc, runs, dones;
    char why[640];
    int (*also)(struct ledger_tx *tx, struct job *job);
    void (*then)(struct job *job);
};

static void tell(void *ctx, void *arg)
{
    strcat(told, arg);
    strcat(told, ",");
}

static int hook_run(struct ledger_tx *tx, void *ctx)
{
    ++*(int *)ctx;
    ledger_effect(tx, tell, NULL, xstrdup("hook"), free);
    return 0;
}

static int hooks;

static int job_run(struct ledger_tx *tx, void *arg)
{
    struct job *job = arg;
    job->runs++;
    ledger_effect(tx, tell, NULL, xstrdup(job->name), free);
    if (job->hook)
        ledger_before_commit(tx, hook_run, &hooks);
    struct db_q *q = db_query(ledger_db(tx), "INSERT INTO estate (name) VALUES ($1)");
    db_bind_text(q, 1, job->name);
    int rc = db_run(q);
    if (rc == 0 && job->also)
        rc = job->also(tx, job);
    if (rc == 0 && job->refuse)
        rc = ledger_refuse(tx, E_CONFLICT, "%s is refused", job->name);
    return rc;
}

static void job_done(void *arg, int rc, const struct errmsg *why)
{
    struct job *job = arg;
    job->rc = rc;
    job->dones++;
    snprintf(job->why, sizeof(job->why), "%s", why->text);
    if (job->then)
        job->then(job);
    if (--expected == 0)
        loop_stop(loop);
}

static int submit(struct job *job)
{
    struct ledger_cmd cmd = {.name = "test",
                             .run = job_run,
                             .done = job_done,
                             .arg = job,
                             .insist = job->insist,
                             .whole = job->whole};
    int rc = ledger_submit(ledger, &cmd);
    expected += rc == 0;
    return rc;
}

/* Whether the estate is in the file, seen through another connection. */
static bool on_disk(const char *name)
{
    struct db *db = NULL;
    assert_int_equal(db_open(&db_sqlite, path, DB_READER, &db, NULL), 0);
    struct db_q *q = db_query(db, "SELECT id FROM estate WHERE name = $1");
    db_bind_text(q, 1, name);
    bool there = db_row(q);
    assert_int_equal(db_end(q), 0);
    db_close(&db);
    return there;
}

static bool was_told(const char *name)
{
    char word[32];
    snprintf(word, sizeof(word), "%s,", name);
    const char *at = strstr(told, word);
    if (at && strstr(at + 1, word))
        fail_msg("%s was told twice: %s", name, told);
    return at != NULL;
}

/* ---- tests -------------------------------------------------------------------------------- */

static void test_order(void **state)
{
    enum { N = 300 };
    static struct job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    char want[4096] = "";
    start(0);
    for (int i = 0; i < N; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "e%d", i);
        jobs[i].refuse = i % 3 == 0;
        if (!jobs[i].refuse)
            strcat(strcat(want, jobs[i].name), ",");
        assert_int_equal(submit(&jobs[i]), 0);
    }
    settle();
    assert_string_equal(told, want);
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i].dones, 1);
        assert_int_equal(jobs[i].rc, jobs[i].refuse ? E_CONFLICT : 0);
    }
    assert_string_equal(jobs[3].why, "e3 is refused");
    assert_true(on_disk("e4"));
    assert_false(on_disk("e3"));
    struct ledger_stats s;
    ledger_get_stats(ledger, &s);
    assert_int_equal(s.commands, N);
    assert_int_equal(s.refused, N / 3);
    assert_int_equal(s.waiting, 0);
    assert_true(s.batches < N);
}

/* The hook runs once a batch; one asked for by a refused command alone does not run. */
static void test_hooks(void **state)
{
    static struct job jobs[20];
    memset(jobs, 0, sizeof(jobs));
    start(0);
    hooks = 0;
    for (int i = 0; i < 20; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "h%d", i);
        jobs[i].hook = true;
        assert_int_equal(submit(&jobs[i]), 0);
    }
    settle();
    struct ledger_stats s;
    ledger_get_stats(ledger, &s);
    assert_int_equal(hooks, s.batches);
    loop_turn(loop);
    assert_non_null(strstr(told, "hook,"));
    struct job refused = {.name = "r", .hook = true, .refuse = true};
    hooks = 0;
    assert_int_equal(submit(&refused), 0);
    settle();
    assert_int_equal(hooks, 0);
}

static int hook_breaks(struct ledger_tx *tx, void *ctx)
{
    return ledger_refuse(tx, E_CONSTRAINT, "the hook refuses");
}

static int ask_breaking_hook(struct ledger_tx *tx, struct job *job)
{
    ledger_before_commit(tx, hook_breaks, NULL);
    return 0;
}

/* A hook that refuses fails the batch; its neighbours pass when they run alone. */
static void test_breaking_hook(void **state)
{
    struct job good = {.name = "good", .insist = true},
               bad = {.name = "bad", .insist = true, .also = ask_breaking_hook},
               after = {.name = "after"};
    start(0);
    assert_int_equal(submit(&good) | submit(&bad) | submit(&after), 0);
    settle();
    assert_int_equal(good.rc, 0);
    assert_int_equal(bad.rc, E_CONSTRAINT);
    assert_string_equal(bad.why, "the hook refuses");
    assert_int_equal(after.rc, 0);
    assert_false(on_disk("bad"));
    assert_false(was_told("bad"));
    assert_true(on_disk("good") && on_disk("after"));
    assert_true(ledger_healthy(ledger, NULL));
}

static int fail_at;
static enum db_class fail_class;

static int arm(struct ledger_tx *tx, struct job *job)
{
    if (job->runs == 1)
        db_fail_nth(ledger_db(tx), fail_at, fail_class);
    return 0;
}

/* What must hold whatever fails: told = answered with success = on disk; each answered once. */
static void check_job(const struct job *job)
{
    if (job->dones != 1 || was_told(job->name) != (job->rc == 0) ||
        on_disk(job->name) != (job->rc == 0)) {
        fail_msg("operation %d failing as %d: %s: dones %d rc %d told %s", fail_at, fail_class,
                 job->name, job->dones, job->rc, told);
    }
}

static void fail_one(int n, enum db_class cls)
{
    struct job jobs[] = {{.name = "armed", .also = arm, .insist = true},
                         {.name = "a"},
                         {.name = "refused", .refuse = true},
                         {.name = "b", .insist = true, .hook = true},
                         {.name = "c", .hook = true}};
    fail_at = n;
    fail_class = cls;
    start(0);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        assert_int_equal(submit(&jobs[i]), 0);
    settle();
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        check_job(&jobs[i]);
        bool retryable = cls == DB_RETRY || (jobs[i].insist && cls == DB_UNCERTAIN);
        if (retryable) /* one failure and a second try: all succeed that should */
            assert_int_equal(jobs[i].rc, jobs[i].refuse ? E_CONFLICT : 0);
    }
    assert_true(ledger_healthy(ledger, NULL));
    ledger_free(&ledger);
    forget_files();
}

static void test_fail_nth(void **state)
{
    static const enum db_class classes[] = {DB_RETRY, DB_CONSTRAINT, DB_UNCERTAIN};
    for (size_t c = 0; c < ARRAY_LEN(classes); c++)
        for (int n = 1; n <= 24; n++) /* the workload has 18 operations after the arming */
            fail_one(n, classes[c]);
}

static int full_runs;

static int fill_up(struct ledger_tx *tx, struct job *job)
{
    return db_exec(ledger_db(tx), "PRAGMA max_page_count=1", NULL);
}

static int big_row(struct ledger_tx *tx, struct job *job)
{
    if (++full_runs == 9) /* somebody made room */
        assert_int_equal(db_exec(ledger_db(tx), "PRAGMA max_page_count=1000000", NULL), 0);
    struct buf b = BUF_INIT(1 << 20);
    for (int i = 0; i < 20000; i++)
        buf_adds(&b, "xxxxxxxxxx");
    struct db_q *q =
        db_query(ledger_db(tx), "INSERT INTO alert (at, kind, text) VALUES (1, 'x', $1)");
    db_bind_textn(q, 1, b.data, b.len);
    buf_free(&b);
    return db_run(q);
}

static void note_health(struct job *job)
{
    struct errmsg why = {{0}};
    bool healthy = ledger_healthy(ledger, &why);
    snprintf(job->why, sizeof(job->why), "%s %s", healthy ? "healthy" : "unhealthy", why.text);
}

/* A full disk: nothing of the failed transactions leaves, who does not insist is told to come
 * again, what insists is kept and stored once there is room. */
static void test_full_disk(void **state)
{
    struct job fill = {.name = "fill", .also = fill_up},
               kept = {.name = "kept", .insist = true, .also = big_row},
               turned = {.name = "turned away", .also = big_row, .then = note_health},
               small = {.name = "small", .insist = true};
    full_runs = 0;
    start(0);
    assert_int_equal(submit(&fill), 0);
    settle();
    assert_int_equal(submit(&kept) | submit(&turned) | submit(&small), 0);
    settle();
    assert_int_equal(turned.rc, E_IO);
    assert_string_equal(turned.why, "unhealthy database or disk is full");
    assert_int_equal(turned.dones, 1);
    assert_false(on_disk("turned away"));
    assert_false(was_told("turned away"));
    assert_int_equal(kept.rc, 0);
    assert_int_equal(small.rc, 0);
    assert_true(on_disk("kept") && on_disk("small"));
    assert_true(was_told("kept") && was_told("small"));
    assert_true(kept.runs > 5);
    assert_true(ledger_healthy(ledger, NULL));
}

static sem_t gate, entered;

static int wait_at_gate(struct ledger_tx *tx, struct job *job)
{
    sem_post(&entered);
    sem_wait(&gate);
    return 0;
}

static void test_pressure(void **state)
{
    enum { MAX = 16 };
    static struct job jobs[MAX + 2];
    memset(jobs, 0, sizeof(jobs));
    sem_init(&gate, 0, 0);
    sem_init(&entered, 0, 0);
    start(MAX);
    jobs[0].also = wait_at_gate;
    strcpy(jobs[0].name, "gate");
    assert_int_equal(submit(&jobs[0]), 0);
    sem_wait(&entered);
    for (int i = 1; i < MAX; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "p%d", i);
        assert_int_equal(pressures_n, i <= MAX * 3 / 4 ? 0 : 1);
        assert_int_equal(submit(&jobs[i]), 0);
    }
    strcpy(jobs[MAX].name, "too many");
    assert_int_equal(submit(&jobs[MAX]), E_BUSY);
    strcpy(jobs[MAX + 1].name, "insists");
    jobs[MAX + 1].insist = true;
    assert_int_equal(submit(&jobs[MAX + 1]), 0);
    sem_post(&gate);
    settle();
    loop_turn(loop);
    assert_int_equal(pressures_n, 2);
    assert_true(pressures[0]);
    assert_false(pressures[1]);
    assert_true(on_disk("insists"));
    assert_false(on_disk("too many"));
}

/* What a module gathers before it submits counts as waiting. */
static void test_expect(void **state)
{
    struct ledger_stats s;
    start(16);
    ledger_expect(ledger, 13);
    assert_int_equal(pressures_n, 1);
    assert_true(pressures[0]);
    ledger_expect(ledger, -13);
    assert_int_equal(pressures_n, 2);
    assert_false(pressures[1]);
    ledger_get_stats(ledger, &s);
    assert_int_equal(s.waiting, 0);
}

/* Without a savepoint an error takes the batch: the others are run again and stand. */
static void test_whole(void **state)
{
    enum { N = 9 };
    static struct job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    start(0);
    for (int i = 0; i < N; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "w%d", i);
        jobs[i].whole = i % 2 == 0;
        jobs[i].refuse = i == 4;
        assert_int_equal(submit(&jobs[i]), 0);
    }
    settle();
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i].dones, 1);
        assert_int_equal(jobs[i].rc, i == 4 ? E_CONFLICT : 0);
        assert_int_equal(on_disk(jobs[i].name), i != 4);
        assert_int_equal(was_told(jobs[i].name), i != 4);
    }
}

static int one_part(struct ledger_tx *tx, const struct job *job, int n)
{
    char name[48];
    snprintf(name, sizeof(name), "%s.%d", job->name, n);
    int rc = ledger_part_begin(tx);
    if (rc < 0)
        return rc;
    struct db_q *q = db_query(ledger_db(tx), "INSERT INTO estate (name) VALUES ($1)");
    db_bind_text(q, 1, name);
    rc = db_run(q);
    ledger_effect(tx, tell, NULL, xstrdup(name), free);
    if (n == 1) {
        ledger_before_commit(tx, hook_run, &hooks);
        rc = E_INVALID;
    }
    return ledger_part_end(tx, rc);
}

static int run_parts(struct ledger_tx *tx, struct job *job)
{
    int rc = 0;
    for (int i = 0; i < 3 && rc == 0; i++)
        rc = one_part(tx, job, i);
    return rc;
}

/* A part that fails is undone alone, with its effects: not its command, not its neighbours. */
static void test_parts(void **state)
{
    enum { N = 6 };
    static struct job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    hooks = 0;
    start(0);
    for (int i = 0; i < N; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "t%d", i);
        jobs[i].whole = i == 4;
        jobs[i].refuse = i == 2;
        jobs[i].also = i == 1 || i == 4 ? run_parts : NULL;
        assert_int_equal(submit(&jobs[i]), 0);
    }
    settle();
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i].dones, 1);
        assert_int_equal(jobs[i].rc, i == 2 ? E_CONFLICT : 0);
        assert_int_equal(on_disk(jobs[i].name), i != 2);
        assert_int_equal(was_told(jobs[i].name), i != 2);
    }
    static const char *const parts[] = {"t1.0", "t1.1", "t1.2", "t4.0", "t4.1", "t4.2"};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        assert_int_equal(on_disk(parts[i]), i % 3 != 1);
        assert_int_equal(was_told(parts[i]), i % 3 != 1);
    }
    assert_int_equal(hooks, 0);
}

static struct job follow_up;

static void submit_follow_up(struct job *job)
{
    assert_int_equal(submit(&follow_up), 0);
}

/* Stopping runs and answers everything, also what the answers submit. */
static void test_stop(void **state)
{
    enum { N = 50 };
    static struct job jobs[N];
    memset(jobs, 0, sizeof(jobs));
    follow_up = (struct job){.name = "follow-up"};
    start(0);
    for (int i = 0; i < N; i++) {
        snprintf(jobs[i].name, sizeof(jobs[i].name), "s%d", i);
        assert_int_equal(submit(&jobs[i]), 0);
    }
    jobs[N - 1].then = submit_follow_up;
    ledger_free(&ledger);
    for (int i = 0; i < N; i++) {
        assert_int_equal(jobs[i].dones, 1);
        assert_int_equal(jobs[i].rc, 0);
        assert_true(was_told(jobs[i].name));
    }
    assert_int_equal(follow_up.dones, 1);
    assert_true(was_told("follow-up"));
    assert_true(on_disk("s49") && on_disk("follow-up"));
}

static int always_full(struct ledger_tx *tx, struct job *job)
{
    assert_int_equal(db_exec(ledger_db(tx), "PRAGMA max_page_count=1", NULL), 0);
    full_runs = -1000000;
    return big_row(tx, job);
}

/* Even a store that takes nothing does not keep the daemon from stopping. */
static void test_stop_while_full(void **state)
{
    struct job kept = {.name = "kept", .insist = true, .also = always_full};
    start(0);
    assert_int_equal(submit(&kept), 0);
    ledger_free(&ledger);
    assert_int_equal(kept.dones, 1);
    assert_int_equal(kept.rc, E_CANCELLED);
    assert_string_equal(told, "");
    assert_false(on_disk("kept"));
}

/* ---- readers ------------------------------------------------------------------------------ */

struct reading {
    const char *name;
    bool found;
    int rc, dones;
};

static int reading_run(struct db *db, void *arg)
{
    struct reading *r = arg;
    struct db_q *q = db_query(db, "SELECT id FROM estate WHERE name = $1");
    db_bind_text(q, 1, r->name);
    r->found = db_row(q);
    return db_end(q);
}

static void reading_done(void *arg, int rc)
{
    struct reading *r = arg;
    r->rc = rc;
    r->dones++;
    if (--expected == 0)
        loop_stop(loop);
}

static void test_readers(void **state)
{
    struct job job = {.name = "seen"};
    struct reading one = {.name = "seen"}, two = {.name = "unseen"}, last = {.name = "seen"};
    start(0);
    assert_int_equal(submit(&job), 0);
    settle();
    assert_int_equal(
        ledger_read(ledger, &(struct ledger_read){"t", reading_run, reading_done, &one}, true), 0);
    assert_int_equal(
        ledger_read(ledger, &(struct ledger_read){"t", reading_run, reading_done, &two}, false), 0);
    expected += 2;
    settle();
    assert_int_equal(one.rc | two.rc, 0);
    assert_true(one.found);
    assert_false(two.found);
    assert_non_null(ledger_startup_db(ledger));
    expected++;
    assert_int_equal(
        ledger_read(ledger, &(struct ledger_read){"t", reading_run, reading_done, &last}, false),
        0);
    ledger_free(&ledger);
    assert_int_equal(last.dones, 1); /* answered even so */
    char log[64];
    snprintf(log, sizeof(log), "%s-wal", path);
    assert_int_equal(access(log, F_OK), -1); /* all of it is in the database */
}

static void test_refuses_bad_store(void **state)
{
    struct errmsg why = {{0}};
    struct ledger_opts opts = {.loop = loop, .driver = &db_sqlite, .where = "/no/such/dir/x.db"};
    assert_null(ledger_new(&opts, &why));
    assert_non_null(strstr(why.text, "/no/such/dir/x.db"));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_order),
                                       T(test_hooks),
                                       T(test_breaking_hook),
                                       T(test_fail_nth),
                                       T(test_full_disk),
                                       T(test_pressure),
                                       T(test_expect),
                                       T(test_whole),
                                       T(test_parts),
                                       T(test_stop),
                                       T(test_stop_while_full),
                                       T(test_readers),
                                       T(test_refuses_bad_store)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
