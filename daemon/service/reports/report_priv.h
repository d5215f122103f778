/*
 * report_priv.h - an appraisal's rows, which report_read.c counts and report_write.c writes.
 */
#pragma once
#include <uthash.h>
#include "service/reports/reports.h"

#define REPORT_CLOCKS 24

/** Promises of one clock: each is in exactly one of the first four; late ones are broken too. */
struct report_clock {
    char name[65];
    int64_t kept, broken, running, cancelled;
    int64_t late; /* of the broken ones: kept in the end */
};

struct report_row {
    char key[200], name[200];
    int64_t tickets, open, confirmed, unconfirmed, supervisor_closed, cancelled;
    int64_t wrong_number, no_request, duplicate, test; /* cancels by reason */
    int64_t kept, broken;
    int64_t reopened, cycles_max, urges;
    int64_t answers, score_sum, unsatisfied; /* answers: with a score */
    int64_t survey, sms, link, call, staff;  /* how a yes came */
    int64_t given, taken;
    int64_t drawn, agreed, disagreed, unanswered; /* the sample that supervisors ring */
    struct report_clock clocks[REPORT_CLOCKS];
    size_t clocks_n;
    UT_hash_handle hh;
};

struct appraisal {
    struct appraisal_query query; /* its site is not kept */
    struct report_row *rows;      /* by key, sorted by it */
    struct report_row total;
};
