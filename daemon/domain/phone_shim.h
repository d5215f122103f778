/*
 * phone_shim.h - the few things we ask libphonenumber, behind a C face: no exception leaves it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

enum phone_grade {
    PHONE_NONE,     /* not a number at all */
    PHONE_POSSIBLE, /* the length fits its country, the pattern does not: out must not be matched on
                     */
    PHONE_VALID
};

/** Read text (E.164 with "+", or digits of region) and write its E.164 form to out. */
enum phone_grade phone_read(const char *text, const char *region, char *out, size_t cap);
/** True for an ISO region that libphonenumber knows ("CN"). */
bool phone_region_known(const char *region);
/** Digits to dial e164 from within region, by that region's own habits; false if unreadable. */
bool phone_dial_from(const char *e164, const char *region, char *out, size_t cap);

#ifdef __cplusplus
}
#endif
