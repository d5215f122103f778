/*
 * number_priv.h - what number.c (reading the text) and number_plan.c (numbering plans) share.
 */
#pragma once
#include "domain/number.h"

/** More digits than any number has: 15 of E.164, with prefixes in front. */
#define DIGITS_MAX 40

/** Digits after "+" or an access code: country code and all. Fills kind and value; false if it is
 * no complete number. */
bool plan_international(const char *digits, struct number *out);
/** Digits as shown at the site: outside prefix, national rules, other countries', services,
 * extension. Fills kind and value; false if it is nothing. */
bool plan_local(const struct number_rules *rules, const char *digits, struct number *out);
/** A plain Chinese mobile: 1[3-9] and nine digits. */
bool plan_cn_mobile(const char *digits, size_t n);
/** "86" for CN, HK "852", MO "853"; NULL for others. */
const char *plan_country_code(const char *region);
