/*
 * quiet.c - quiet hours by the site's local clock.
 */
#include "domain/quiet.h"

#include <stddef.h>

int64_t quiet_until(const struct quiet_hours *q, int64_t now)
{
    struct zone_time t;
    if (q->from == q->to)
        return now;
    zone_local(q->zone, now, &t);
    int minute = t.hour * 60 + t.minute;
    bool over_midnight = q->from > q->to;
    bool quiet =
        over_midnight ? minute >= q->from || minute < q->to : minute >= q->from && minute < q->to;
    if (!quiet)
        return now;
    int32_t days = zone_day(q->zone, now);
    if (over_midnight && minute >= q->from)
        days++;
    int64_t end = zone_moment(q->zone, days + (q->to == 1440), q->to % 1440);
    return end > now ? end : now;
}
