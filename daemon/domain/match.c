/*
 * match.c - certainty of a number's candidates and the sentence that gives the reason.
 */
#include "domain/match.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"

const char *match_certainty_name(enum match_certainty c)
{
    static const char *const names[] = {"certain", "likely", "former", "no"};
    return names[c];
}

static const struct {
    const char *name, *words;
} roles[TENURE_NONE] = {
    [TENURE_OWNER] = {"owner", "owner"},
    [TENURE_CO_OWNER] = {"co_owner", "co-owner"},
    [TENURE_TENANT] = {"tenant", "tenant"},
    [TENURE_FAMILY] = {"family", "family member"},
    [TENURE_AGENT] = {"agent", "agent"},
    [TENURE_EMERGENCY_CONTACT] = {"emergency_contact", "emergency contact"},
};

const char *tenure_role_name(enum tenure_role role)
{
    return role < TENURE_NONE ? roles[role].name : NULL;
}

enum tenure_role tenure_role_parse(const char *name)
{
    for (int i = 0; name && i < TENURE_NONE; i++)
        if (strcmp(roles[i].name, name) == 0)
            return (enum tenure_role)i;
    return TENURE_NONE;
}

const char *tenure_role_words(enum tenure_role role)
{
    return role < TENURE_NONE ? roles[role].words : "contact";
}

bool tenure_is_current(int64_t to_on, int32_t today)
{
    return to_on == 0 || to_on >= today;
}

enum match_certainty match_certainty_of(bool exact, bool any_tenure, bool current)
{
    if (current || !any_tenure)
        return exact ? MATCH_CERTAIN : MATCH_LIKELY;
    return exact ? MATCH_FORMER : MATCH_NO;
}

const char *match_word(int current)
{
    return current == 0 ? "none" : current == 1 ? "one" : "many";
}

/* Appends what fits. Every pop has a reason: printf was a fifteenth of its card. */
static void say(char *text, size_t cap, const char *words)
{
    size_t at = strlen(text), n = strlen(words);
    n = n < cap - 1 - at ? n : cap - 1 - at;
    memcpy(text + at, words, n);
    text[at + n] = 0;
}

void match_reason(enum match_certainty c, const char *label, enum tenure_role role,
                  const char *unit, int more, char *out, size_t cap)
{
    char others[32] = "", words[320] = "", whom[200], text[320] = "";
    bool homeless = role == TENURE_NONE || !unit || !unit[0];
    if (more > 0)
        snprintf(others, sizeof(others), " and %d more", more);
    const char *const home[] = {
        "the ", c == MATCH_FORMER ? "former " : "", tenure_role_words(role), " of ", unit, others};
    for (size_t i = 0; !homeless && i < ARRAY_LEN(home); i++)
        say(words, sizeof(words), home[i]);
    text_copy(whom, sizeof(whom), homeless ? "a contact without a home here" : words);
    const char *const all[] = {c == MATCH_LIKELY ? "ends like the " : "",
                               label && label[0] ? label : "number", " of ", whom};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        say(text, sizeof(text), all[i]);
    text_copy(out, cap, text);
}

/* Length of the country code at the head of digits: the ITU's E.164 assignments. */
static size_t country_code_len(const char *digits)
{
    static const char *const two[] = {
        "20", "27", "30", "31", "32", "33", "34", "36", "39", "40", "41", "43", "44", "45", "46",
        "47", "48", "49", "51", "52", "53", "54", "55", "56", "57", "58", "60", "61", "62", "63",
        "64", "65", "66", "81", "82", "84", "86", "90", "91", "92", "93", "94", "95", "98"};
    if (digits[0] == '1' || digits[0] == '7')
        return 1;
    for (size_t i = 0; i < sizeof(two) / sizeof(two[0]); i++)
        if (strncmp(digits, two[i], 2) == 0)
            return 2;
    return 3;
}

/* +86 1[3-9] and nine digits: always complete, whoever shows it. */
static bool is_mainland_mobile(const char *digits, size_t len)
{
    return len == 13 && strncmp(digits, "861", 3) == 0 && digits[3] >= '3';
}

void match_reversed(const char *e164, char out[16])
{
    out[0] = 0;
    if (!e164 || e164[0] != '+')
        return;
    const char *digits = e164 + 1;
    size_t len = strspn(digits, "0123456789"), code = country_code_len(digits);
    if (digits[len] || len > 15 || len < code + MATCH_NSN_MIN || is_mainland_mobile(digits, len))
        return;
    for (size_t i = 0; i < len - code; i++)
        out[i] = digits[len - 1 - i];
    out[len - code] = 0;
}
