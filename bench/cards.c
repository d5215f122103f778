/*
 * cards.c - what a card costs a reader that has not read it before: CPU of its thread, for numbers
 * in random order, with so many cards to a read transaction and a commit of the ledger between.
 *
 * usage: bench_cards DATABASE [CARDS [warm]]   (a copy of a site's database with its owners)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/zone.h"
#include "base/rng.h"
#include "service/registry/registry.h"

static char (*numbers)[NUMBER_TEXT_MAX];
static int numbers_n, next;

static double cpu_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
    return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void check(int rc)
{
    if (rc < 0) {
        fprintf(stderr, "bench_cards: %s\n", err_name(rc));
        exit(1);
    }
}

static void load_numbers(struct db *db, int want)
{
    struct db_q *q = db_query(
        db, "SELECT e164 FROM phone WHERE label = 'mobile' ORDER BY (id * 7919) % 1000003");
    numbers = xcalloc((size_t)want, sizeof(*numbers));
    while (numbers_n < want && db_row(q))
        strcpy(numbers[numbers_n++], db_str(q, 0));
    check(db_end(q));
}

/* What the ledger does between: a commit that touches one page. */
static void write_something(struct db *db)
{
    check(db_begin(db));
    check(db_run(db_query(db, "INSERT INTO source (name, last_seq) VALUES ('b', 1) ON CONFLICT "
                              "(name) DO UPDATE SET last_seq = source.last_seq + 1")));
    check(db_commit(db));
    db_tidy(db);
}

static size_t one_card(struct db *db)
{
    struct registry_found found;
    check(registry_cards(db, numbers[next++ % numbers_n], zone_day(NULL, clock_now_ms()), &found));
    size_t len = found.json.len;
    registry_found_free(&found);
    return len;
}

/* n cards in transactions of `together` each; with a commit between, if there is a writer. */
static void measure(struct db *db, struct db *writer, int n, int together)
{
    double used = 0;
    size_t bytes = 0;
    for (int i = 0; i < n; i += together) {
        if (writer)
            write_something(writer);
        double began = cpu_us();
        check(db_begin(db));
        for (int k = 0; k < together; k++)
            bytes += one_card(db);
        check(db_commit(db));
        used += cpu_us() - began;
    }
    printf("%3d together, %-22s %6.1f us a card of %zu bytes\n", together,
           writer ? "a commit between:" : "nothing between:", used / n, bytes / (size_t)n);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct errmsg why = {{0}};
    struct db *db = NULL, *writer = NULL;
    int n = argc > 2 ? atoi(argv[2]) : 20000;
    if (argc < 2 || n < 1)
        return 2;
    if (db_open(&db_sqlite, argv[1], DB_WRITER, &writer, &why) < 0 ||
        db_open(&db_sqlite, argv[1], DB_READER, &db, &why) < 0) {
        fprintf(stderr, "bench_cards: %s\n", why.text);
        return 1;
    }
    load_numbers(db, n * 8);
    static const int together[] = {1, 4, 16, 48};
    measure(db, NULL, n, n);
    for (size_t i = 0; argc < 4 && i < ARRAY_LEN(together); i++)
        measure(db, writer, n, together[i]);
    db_close(&db);
    db_close(&writer);
    free(numbers);
    return 0;
}
