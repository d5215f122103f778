/*
 * match.h - how sure we are that a number belongs to a person, and the words for it.
 *
 * The rules, in order:
 *  1. A number *is* a person's when the two E.164 forms are equal (exact). It is *like* theirs
 *     (weak) when the national digits of one, seven or more, are the end of the national digits
 *     of the other: a Hong Kong number that the site's rules took for a local one, a landline
 *     without its area code. Mainland mobiles are always complete and never match weakly. Weak
 *     matches are looked for only when no exact one is current.
 *  2. A tenure is current from the day `from` (open: always) to the day `to` inclusive (open:
 *     for ever). One that begins later counts as current, too: keys not handed over yet.
 *  3. exact + (a current tenure, or no tenure at all: contractors, offices, new people) = certain.
 *     weak + the same = likely.
 *     exact + only ended tenures = former. weak + only ended tenures is no match.
 *  4. `match` counts certain and likely candidates: 0 none, 1 one, more many. Former ones are
 *     listed behind them, never counted.
 *  5. Order: certain, likely, former; within these by role (owner, co-owner, tenant, family,
 *     agent, emergency contact, none), then by id. At most ten are listed.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

enum match_certainty { MATCH_CERTAIN, MATCH_LIKELY, MATCH_FORMER, MATCH_NO };

/** "certain", "likely", "former". */
const char *match_certainty_name(enum match_certainty c);

/** How a person holds a unit, best claim first. */
enum tenure_role {
    TENURE_OWNER,
    TENURE_CO_OWNER,
    TENURE_TENANT,
    TENURE_FAMILY,
    TENURE_AGENT,
    TENURE_EMERGENCY_CONTACT,
    TENURE_NONE
};

/** "owner" … "emergency_contact"; NULL for TENURE_NONE. */
const char *tenure_role_name(enum tenure_role role);
/** TENURE_NONE for an unknown word or NULL. */
enum tenure_role tenure_role_parse(const char *name);
/** For sentences: "owner", "co-owner", "family member", …; "contact" for TENURE_NONE. */
const char *tenure_role_words(enum tenure_role role);

/** Days since 1970; 0 is an open end. A tenure that has not begun is current (rule 2). */
bool tenure_is_current(int64_t to_on, int32_t today);

/** Rules 3: exact, whether the person has any tenure, and a current one. */
enum match_certainty match_certainty_of(bool exact, bool any_tenure, bool current);

/** "one", "many" or "none" for so many current candidates. */
const char *match_word(int current);

/**
 * The sentence beside a candidate: "mobile of the owner of 四季花城 3-1201". label: mobile, home …;
 * role and unit of the best tenure ("" if none); more: further current units. out is cut to fit.
 */
void match_reason(enum match_certainty c, const char *label, enum tenure_role role,
                  const char *unit, int more, char *out, size_t cap);

#define MATCH_NSN_MIN 7 /* digits that a weak match must share */

/**
 * The national digits of an E.164 number reversed, so that "ends with" becomes "begins with":
 * +8675528881234 -> "43218882557". "" for what takes no part in weak matches: not E.164, a
 * mainland mobile, fewer than seven digits. out holds 16 bytes.
 */
void match_reversed(const char *e164, char out[16]);
