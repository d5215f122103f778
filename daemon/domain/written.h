/*
 * written.h - dates and moments as people and their spreadsheets write them: for CSV files and the
 * command line. What programs exchange is stricter (base/clock.h).
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "domain/zone.h"

/**
 * The year comes first, in four digits: 2019-05-01, 2019/5/1, 2019.5.1, 2019年5月1日; a midnight
 * that a spreadsheet puts behind it ("2019/5/1 0:00") is passed over. Days since 1970-01-01;
 * E_INVALID for what is no date, or leaves open what is the day and what the month.
 */
int written_date(const char *text, int32_t *days) MUST_CHECK;
/**
 * RFC 3339, or such a date with a time of day by the zone's clocks ("2026-11-22 8:00", 24:00 is the
 * next day's beginning), or a date alone: its beginning, or its end when `end` is true.
 * Milliseconds UTC; zone NULL: UTC; E_INVALID otherwise.
 */
int written_moment(const struct zone *zone, const char *text, bool end, int64_t *out) MUST_CHECK;
