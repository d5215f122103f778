/*
 * store.c - measures the store by itself: importing a folder of CSV files (and what a command
 * that stands for a call event feels meanwhile), cards by number, searches.
 *
 * Usage: bench_store FOLDER-OF-CSV DATABASE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "domain/zone.h"
#include "service/import/import.h"

#define SAMPLES 200000
#define CARDS   20000

static struct loop *loop;
static struct ledger *ledger;
static struct registry *registry;
static struct importer *importer;
static int64_t samples[SAMPLES];
static int samples_n;
static bool importing;

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void print_samples(const char *what)
{
    if (!samples_n)
        return;
    int64_t sum = 0;
    qsort(samples, (size_t)samples_n, sizeof(samples[0]), by_value);
    for (int i = 0; i < samples_n; i++)
        sum += samples[i];
    printf("%-28s n %6d  mean %7.1f us  p50 %6lld  p99 %6lld  max %6lld\n", what, samples_n,
           (double)sum / samples_n, (long long)samples[samples_n / 2],
           (long long)samples[(int)((double)samples_n * 0.99)], (long long)samples[samples_n - 1]);
    fflush(stdout);
    samples_n = 0;
}

static void sample(int64_t us)
{
    if (samples_n < SAMPLES)
        samples[samples_n++] = us;
}

/* ---- importing, with an event beside it --------------------------------------------------- */

struct event {
    int64_t sent;
    struct loop_timer *timer;
};

static int event_run(struct ledger_tx *tx, void *arg)
{
    struct db_q *q =
        db_query(ledger_db(tx), "INSERT INTO source (name, last_seq) VALUES ('b', 1) ON "
                                "CONFLICT (name) DO UPDATE SET last_seq = source.last_seq + 1");
    return db_run(q);
}

static void event_done(void *arg, int rc, const struct errmsg *why)
{
    struct event *e = arg;
    sample(clock_mono_us() - e->sent);
    if (importing)
        loop_timer_arm(e->timer, 10);
    else
        loop_stop(loop);
}

static void event_send(void *arg)
{
    struct event *e = arg;
    e->sent = clock_mono_us();
    struct ledger_cmd cmd = {"event", event_run, event_done, e, true};
    if (ledger_submit(ledger, &cmd) < 0)
        abort();
}

static void imported(void *ctx, const char *id)
{
    importing = false;
}

static void import_folder(const char *dir, const char *what)
{
    struct event e = {0};
    char id[IMPORT_ID_MAX];
    struct errmsg why = {{0}};
    struct import_request rq = {.dir = dir, .by = "bench", .done = imported};
    e.timer = loop_timer_new(loop, event_send, &e);
    importing = true;
    int64_t start = clock_mono_us();
    if (importer_start(importer, &rq, id, &why) < 0) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    event_send(&e);
    loop_run(loop);
    loop_timer_free(&e.timer);
    printf("%-28s %.1f s\n", what, (double)(clock_mono_us() - start) / 1e6);
    print_samples("  commit of an event beside");
}

/* ---- cards and searches ------------------------------------------------------------------- */

static char (*numbers)[NUMBER_TEXT_MAX];
static int numbers_n;

static void load_numbers(struct db *db)
{
    struct db_q *q =
        db_query(db, "SELECT e164 FROM phone ORDER BY (id * 7919) % 1000003 LIMIT 20000");
    numbers = xcalloc(CARDS, sizeof(*numbers));
    while (numbers_n < CARDS && db_row(q))
        strcpy(numbers[numbers_n++], db_str(q, 0));
    if (db_end(q) < 0)
        exit(1);
}

static void one_card(struct db *db, const char *number, bool keep)
{
    struct registry_found found;
    int64_t start = clock_mono_us();
    if (db_begin(db) < 0 ||
        registry_cards(db, number, zone_day(NULL, clock_now_ms()), &found) < 0 || db_commit(db) < 0)
        exit(1);
    if (keep)
        sample(clock_mono_us() - start);
    registry_found_free(&found);
}

static void cards(struct db *db)
{
    load_numbers(db);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < numbers_n; i++)
            one_card(db, numbers[i], round == 1);
    print_samples("card of a known number");
    for (int i = 0; i < 5000; i++) {
        char unknown[NUMBER_TEXT_MAX];
        snprintf(unknown, sizeof(unknown), "+86755%08d", 31000000 + i * 97);
        one_card(db, unknown, true);
    }
    print_samples("no card: unknown landline");
}

static void searches(void)
{
    static const char *const words[] = {"王",      "王小龙", "wf",          "0007919",
                                        "粤B1234", "3-1201", "四季花城 王", "no such thing at all"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        int64_t ids[20];
        int n = 0;
        for (int k = 0; k < 50; k++) {
            int64_t start = clock_mono_us();
            n = registry_search(registry, words[i], 0, ids, 20);
            sample(clock_mono_us() - start);
        }
        char what[64];
        snprintf(what, sizeof(what), "search '%s': %d", words[i], n);
        print_samples(what);
    }
}

static void wait_for_search(void)
{
    int64_t ids[1], start = clock_mono_us();
    while (registry_search(registry, "x", 0, ids, 1) == E_BUSY)
        loop_turn(loop);
    printf("%-28s %.0f ms\n", "search block built in", (double)(clock_mono_us() - start) / 1e3);
}

static void start(const char *where)
{
    struct errmsg why = {{0}};
    struct number_rules rules;
    number_rules_init(&rules);
    loop = loop_new();
    ledger =
        ledger_new(&(struct ledger_opts){.loop = loop, .driver = &db_sqlite, .where = where}, &why);
    if (!ledger) {
        fprintf(stderr, "%s\n", why.text);
        exit(1);
    }
    registry = registry_new(&(struct registry_opts){ledger, &rules, NULL});
    importer = importer_new(&(struct importer_opts){loop, ledger, registry, &db_sqlite, where});
}

static void stop(void)
{
    importer_free(&importer);
    ledger_free(&ledger);
    registry_free(&registry);
    loop_free(&loop);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: bench_store FOLDER-OF-CSV DATABASE\n");
        return 2;
    }
    log_set_level(LOG_WARN);
    start(argv[2]);
    import_folder(argv[1], "import");
    import_folder(argv[1], "import again, nothing new");
    stop();
    start(argv[2]);
    wait_for_search();
    cards(ledger_startup_db(ledger));
    searches();
    stop();
    free(numbers);
    return 0;
}
