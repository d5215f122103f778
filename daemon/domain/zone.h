/*
 * zone.h - local time of an IANA time zone, from the system's zoneinfo (TZif, RFC 8536), without
 * the process's own TZ and without locks: a zone is read once and never changes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

struct zone;

/** A moment taken apart. month 1 to 12, weekday 0 = Monday. */
struct zone_time {
    int year, month, day, weekday, hour, minute, second;
    int32_t offset; /* seconds east of UTC */
};

/** "Asia/Shanghai", "UTC". NULL with why if there is no such zone or its file is damaged. */
struct zone *zone_load(const char *name, struct errmsg *why);
void zone_free(struct zone **z);
const char *zone_name(const struct zone *z);

/* In all that follows z may be NULL: that is UTC. */

/** Seconds east of UTC at a moment (milliseconds UTC). */
int32_t zone_offset(const struct zone *z, int64_t ms);
/** The moment in local time. */
void zone_local(const struct zone *z, int64_t ms, struct zone_time *out);
/** The local date of a moment, as days since 1970-01-01. */
int32_t zone_day(const struct zone *z, int64_t ms);
/**
 * The moment at which local clocks show `minute` (0 to 1439) of the day `days` after 1970-01-01.
 * Of two such moments the first; a minute that clocks skip is the moment of the skip.
 */
int64_t zone_moment(const struct zone *z, int32_t days, int minute);
/** "2026-11-22 16:30" into out (at least 20 bytes); returns out. */
const char *zone_format(const struct zone *z, int64_t ms, char *out);
