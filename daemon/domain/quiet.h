/*
 * quiet.h - the hours in which no message goes to an owner.
 */
#pragma once
#include <stdint.h>
#include "domain/zone.h"

/** Minutes of the local day, 0 to 1440; from > to passes midnight, equal: never quiet. */
struct quiet_hours {
    int from, to;
    const struct zone *zone;
};

/** `now` itself if it is not quiet then, else the moment at which the quiet hours end. */
int64_t quiet_until(const struct quiet_hours *q, int64_t now);
