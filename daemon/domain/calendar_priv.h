/*
 * calendar_priv.h - what calendar.c and the reader of holiday files share.
 */
#pragma once
#include <stdint.h>
#include "base/err.h"

/* 2000-01-01 and 2100-01-01 as days since 1970. */
#define CALENDAR_FIRST_DAY 10957
#define CALENDAR_DAYS      36525

/** What a holiday file says of one local day. */
enum day_mark { DAY_PLAIN, DAY_OFF, DAY_WORK };

struct zone;

/**
 * Read an iCalendar file into marks[CALENDAR_DAYS]: each local day of each VEVENT (RFC 5545, with
 * RRULE, RDATE, EXDATE, RECURRENCE-ID; not when it is cancelled) is off, or a make-up working day,
 * which wins: CATEGORIES:WORKDAY, or as public feeds write it (calendar_ical.c). zone: the
 * calendar's, for times in UTC. E_NOTFOUND, E_INVALID.
 */
int calendar_read_holidays(const char *file, const struct zone *zone, uint8_t *marks,
                           struct errmsg *why) MUST_CHECK;
