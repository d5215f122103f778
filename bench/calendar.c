/*
 * calendar.c - due moments by domain/calendar against the usual way: an hour-by-hour walk that
 * asks of each hour whether it is open. Both must give the same moment. Prints one JSON object.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "domain/calendar.h"
#include "domain/site.h"

#define HOUR   INT64_C(3600000)
#define START  INT64_C(1795310400000) /* 2026-11-22T01:20:00Z, to the hour below */
#define ROUNDS 2000
#define WORK   400 /* working hours: about ten weeks */

static int64_t walk(const struct calendar *c, int64_t from, int hours)
{
    int64_t at = from;
    while (hours > 0) {
        hours -= calendar_is_open(c, at);
        at += HOUR;
    }
    return at;
}

static double us_each(int64_t began)
{
    return (double)(clock_mono_us() - began) / ROUNDS;
}

int main(void)
{
    struct site_hours spans[2] = {{540, 720}, {780, 1080}}; /* 09:00-12:00, 13:00-18:00 */
    struct site_calendar def = {.name = "office", .timezone = "Asia/Shanghai"};
    struct errmsg why = {""};
    for (int d = 0; d < 5; d++)
        def.days[d] = (struct site_day){spans, 2};
    struct calendar *c = calendar_new(&def, &why);
    if (!c) {
        fprintf(stderr, "bench_calendar: %s\n", why.text);
        return 1;
    }
    static int64_t walked[ROUNDS];
    int64_t first = START - START % HOUR, wrong = 0, began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        walked[i] = walk(c, first + i * HOUR, WORK);
    double slow = us_each(began);
    began = clock_mono_us();
    for (int i = 0; i < ROUNDS; i++)
        wrong += calendar_add(c, first + i * HOUR, WORK * HOUR) != walked[i];
    double quick = us_each(began);
    printf("{\"walk_us\":%.3f,\"calendar_us\":%.3f,\"ratio\":%.0f,\"wrong\":%lld}\n", slow, quick,
           slow / quick, (long long)wrong);
    calendar_free(&c);
    return wrong != 0;
}
