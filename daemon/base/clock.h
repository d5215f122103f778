/*
 * clock.h - the only place that reads the time. Everybody else gets it from here or, in the
 * domain floor, as a parameter.
 *
 * Wall time can be moved by tests (clock_test_set, clock_test_advance); monotonic time never is.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

/** Milliseconds since 1970 UTC. Thread-safe. */
int64_t clock_now_ms(void);
/** Monotonic microseconds, for measuring only. Thread-safe. */
int64_t clock_mono_us(void);

/** Freeze the wall clock at ms (0: let it run again). Thread-safe. */
void clock_test_set(int64_t ms);
/** Move a frozen or running wall clock by delta ms. Thread-safe. */
void clock_test_advance(int64_t delta);
/** True while the wall clock is frozen by clock_test_set. */
bool clock_test_frozen(void);

#define CLOCK_TEXT_MAX 32
/** "2026-11-22T08:15:30.123Z" into out; returns out. Years 1970 to 9999. */
const char *clock_format(int64_t ms, char out[CLOCK_TEXT_MAX]);
/** "Sun, 22 Nov 2026 08:15:30 GMT" (RFC 9110, 5.6.7) into out; returns out. */
const char *clock_format_http(int64_t ms, char out[CLOCK_TEXT_MAX]);
/** RFC 3339 with any offset, seconds and fraction optional; E_INVALID otherwise. */
int clock_parse(const char *text, int64_t *ms) MUST_CHECK;
/** "2026-11-22" to days since 1970; E_INVALID otherwise (dates are checked). */
int clock_parse_date(const char *text, int32_t *days) MUST_CHECK;
/** Days since 1970 to "2026-11-22" in out (at least 12 bytes); returns out. */
const char *clock_format_date(int32_t days, char *out);
