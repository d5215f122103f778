/*
 * test_cti_esl.c - every recording of a real FreeSWITCH, plain and JSON, all events and a sensible
 * choice of them, played against the adapter whole, byte by byte and in random pieces.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "cti_calls.h"
#include "cti_replay.h"

extern const struct steward_plugin steward_plugin;

#define CONF                                                                                       \
    "{\"password\":\"ClueCon\",\"contexts.inbound\":[\"public\"],\"profiles.outside\":["           \
    "\"external\"]}"
#define CALLER "33611223344"
/* The recordings' clock, less this, in seconds. */
#define EPOCH 1795310000

/* ---- what the phones did: truth.json and the CDR as one row each ---- */

static const struct row {
    const char *scenario;
    enum steward_direction direction;
    const char *calling, *called, *queue;
    double start, answered, end;
    const char *rang[3], *answered_by[3];
    const char *transfer_to;
    enum steward_by by;
    enum call_disposition disposition;
    int64_t hold_ms;
} rows[] = {
    {"01-queue-answered",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170000001",
     "support@default",
     1831.1,
     1832.7,
     1836.1,
     {"1001"},
     {"1001"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
    {"03-queue-abandoned-ringing",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170000001",
     "support@default",
     1848.5,
     0,
     1851.5,
     {"1001"},
     {NULL},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ABANDONED,
     0},
    {"05-queue-noanswer-then-answered",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170000001",
     "support@default",
     1863.9,
     1869.9,
     1875.9,
     {"1001"},
     {"1001"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
    {"06-direct-missed-timeout",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001002",
     NULL,
     1879.9,
     0,
     1885.0,
     {"1002"},
     {NULL},
     NULL,
     STEWARD_BY_SYSTEM,
     CALL_MISSED,
     0},
    {"08-direct-answered",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001002",
     NULL,
     1895.7,
     1897.2,
     1900.3,
     {"1002"},
     {"1002"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
    {"09-direct-busy",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001002",
     NULL,
     1904.0,
     0,
     1904.1,
     {"1002"},
     {NULL},
     NULL,
     STEWARD_BY_SYSTEM,
     CALL_BUSY,
     0},
    {"10-direct-unregistered",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001003",
     NULL,
     1907.5,
     0,
     1907.5,
     {NULL},
     {NULL},
     NULL,
     STEWARD_BY_SYSTEM,
     CALL_FAILED,
     0},
    {"12-blind-transfer-api",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001001",
     NULL,
     1920.6,
     1921.6,
     1930.6,
     {"1001", "1002"},
     {"1001", "1002"},
     "1002",
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
    {"14-hold-api",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001001",
     NULL,
     1948.7,
     1949.8,
     1958.8,
     {"1001"},
     {"1001"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     3020},
    {"16-bgapi-originate-success",
     STEWARD_DIR_OUTBOUND,
     "1001",
     "0612345678",
     NULL,
     1975.4,
     1977.5,
     1979.7,
     {NULL},
     {NULL},
     NULL,
     STEWARD_BY_SYSTEM,
     CALL_ANSWERED,
     0},
    {"23-fifo-answered",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170000002",
     "sales@default",
     2039.5,
     2041.2,
     2047.6,
     {"1003"},
     {"1003"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
    {"25-outbound-agent",
     STEWARD_DIR_OUTBOUND,
     "1001",
     "0612345678",
     NULL,
     2058.1,
     2059.1,
     2062.2,
     {NULL},
     {NULL},
     NULL,
     STEWARD_BY_AGENT,
     CALL_ANSWERED,
     0},
    {"29-sigterm-live-call",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001001",
     NULL,
     2466.8,
     2467.4,
     2469.1,
     {"1001"},
     {"1001"},
     NULL,
     STEWARD_BY_SYSTEM,
     CALL_ANSWERED,
     0},
    {"33-connect-mid-call",
     STEWARD_DIR_INBOUND,
     CALLER,
     "+33170001002",
     NULL,
     2579.0,
     2579.0,
     2585.9,
     {"1002"},
     {"1002"},
     NULL,
     STEWARD_BY_CALLER,
     CALL_ANSWERED,
     0},
};

static void expect(const struct row *row, struct expected_call *want)
{
    int64_t epoch = (int64_t)EPOCH * 1000;
    *want = (struct expected_call){.direction = row->direction,
                                   .calling = row->calling,
                                   .called = row->called,
                                   .queue = row->queue,
                                   .start = epoch + (int64_t)(row->start * 1000),
                                   .end = epoch + (int64_t)(row->end * 1000),
                                   .transfer_to = row->transfer_to,
                                   .transfer = STEWARD_TRANSFER_BLIND,
                                   .by = row->by,
                                   .disposition = row->disposition,
                                   .hold_ms = row->hold_ms};
    if (row->answered > 0)
        want->answered = epoch + (int64_t)(row->answered * 1000);
    if (!row->transfer_to)
        want->transfer = STEWARD_TRANSFER_NONE;
    for (size_t i = 0; i < 3; i++) {
        want->rang[i] = row->rang[i];
        want->answered_by[i] = row->answered_by[i];
    }
}

static const char *const forms[] = {"subset.txt", "subset-json.txt", "plain.txt", "json.txt"};

static bool read_form(const struct row *row, const char *form, struct recording *rec)
{
    char path[512], times[540];
    snprintf(path, sizeof path, "%s/recordings/esl/%s.%s", TEST_DATA, row->scenario, form);
    snprintf(times, sizeof times, "%s.chunks", path);
    if (access(times, R_OK) != 0)
        return false;
    recording_read(rec, path, times, false);
    return rec->len > 0;
}

/* Our own clock when the recording's connection began; events bear the server's. */
static int64_t base_of(const struct row *row)
{
    bool late = strncmp(row->scenario, "33", 2) == 0; /* connected in the middle of the call */
    return ((int64_t)EPOCH + (int64_t)row->start) * 1000 + (late ? 2600 : -1000);
}

static size_t play(const struct row *row, const char *form, const struct recording *rec,
                   enum replay_split split, unsigned seed)
{
    struct replay *r = calloc(1, sizeof *r);
    struct folded_calls *got = malloc(sizeof *got);
    struct expected_call want;
    char why[512], phones[256], says[256];
    replay_start(r, &steward_plugin, CONF, base_of(row));
    recording_play(r, rec, base_of(row), split, seed);
    replay_until(r, r->now + 800);
    calls_fold(got, r);
    expect(row, &want);
    struct folded_call *found = calls_find(got, &want);
    bool right = calls_compare(found, &want, why, sizeof why);
    if (right && calls_count(got) != 1) {
        snprintf(why, sizeof why, "%zu calls", calls_count(got));
        right = false;
    }
    calls_describe_expected(&want, want.start, phones, sizeof phones);
    calls_describe(found, want.start, says, sizeof says);
    if (!right || split == SPLIT_AS_READ)
        printf("| %-31s | %-15s | %-68s | %-78s | %s\n", row->scenario, form, phones, says,
               right ? "ok" : why);
    if (!right && split == SPLIT_AS_READ)
        for (size_t i = 0; i < r->n_events; i++)
            printf("    %s\n", seen_text(&r->events[i], want.start, says, sizeof says));
    calls_free(got);
    free(got);
    replay_stop(r);
    free(r);
    return !right;
}

static void test_recordings(void **state)
{
    (void)state;
    unsigned seed = (unsigned)getpid();
    size_t faults = 0, played = 0;
    printf(
        "random pieces: seed %u\n| scenario | form | what the phones did | what steward says |\n",
        seed);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t f = 0; f < 4; f++) {
            struct recording rec;
            if (!read_form(&rows[i], forms[f], &rec))
                continue;
            faults += play(&rows[i], forms[f], &rec, SPLIT_AS_READ, 0);
            faults += play(&rows[i], forms[f], &rec, SPLIT_RANDOM, seed + (unsigned)i);
            if (f == 0) /* a read of the whole rest for every byte takes its time */
                faults += play(&rows[i], forms[f], &rec, SPLIT_BYTES, 0);
            played++;
            recording_free(&rec);
        }
    }
    assert_true(played > 30);
    assert_int_equal(faults, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recordings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
