/*
 * number.h - telephone numbers as PBXs show them, normalised to E.164.
 *
 * The rules are those of mainland China, Hong Kong and Macau with the site's own (outside-line
 * prefix, carrier prefixes, area code) written out here; numbers of other countries are judged by
 * libphonenumber. number_normalise() is pure; struct numbers adds a cache for one thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "base/err.h"

#define NUMBER_TEXT_MAX 32  /* "+" and 15 digits, or "86:" and a service number */
#define NUMBER_RAW_MAX  250 /* bytes of raw text that are looked at; longer is bad */

enum number_kind {
    NUMBER_BAD,      /* not a number we understand: show the raw text, never match on it */
    NUMBER_E164,     /* "+8613800138000" */
    NUMBER_SVC,      /* a national service number, "86:95588"; cannot be dialled from abroad */
    NUMBER_EXT,      /* an internal extension, "8001" */
    NUMBER_WITHHELD, /* the caller asked for privacy */
    NUMBER_UNKNOWN,  /* the network gave nothing */
};

/** "e164", "svc", "ext", "withheld", "unknown", "bad". */
const char *number_kind_name(enum number_kind kind);

/** How this site's PBXs show numbers (configuration `numbering`). number_rules_init(), then fill.
 */
struct number_rules {
    char country[3]; /* ISO region, "CN" */
    char alt[8][3];  /* bare numbers of these are read too */
    int n_alt;
    char area[8];         /* without trunk 0: "755"; "" if none */
    char outside[8];      /* what is dialled to get a line; "" if none */
    char carriers[16][8]; /* site's carrier prefixes, beside the well-known shapes */
    int n_carriers;
    int ext_min, ext_max; /* digits of an extension */
    bool dialled; /* the text was dialled, not shown: access codes such as Hong Kong's 001 count */
};

/** What a text means. value and ext are "" where they do not apply. */
struct number {
    enum number_kind kind;
    char value[NUMBER_TEXT_MAX];
    char ext[12]; /* the extension behind an outside number ("020-81234567转305") */
};

/** Defaults: country CN, extensions of 3 to 4 digits. */
void number_rules_init(struct number_rules *rules);
struct site;
/** The rules of a site's `numbering`. */
void number_rules_of(const struct site *site, struct number_rules *rules);
/** E_INVALID with why when a rule is nonsense: unknown region, letters in a prefix, … */
int number_rules_check(const struct number_rules *rules, struct errmsg *why) MUST_CHECK;

/**
 * Normalise raw (NULL is unknown) under rules. Never fails: what cannot be understood is
 * NUMBER_BAD. Plain Chinese mobiles cost 0.1 us, foreign numbers up to 40 us.
 */
void number_normalise(const struct number_rules *rules, const char *raw, struct number *out);

/** Normaliser with a small cache raw -> result, for one thread. Copies the rules. */
struct numbers;
struct numbers *numbers_new(const struct number_rules *rules);
void numbers_free(struct numbers **n);
/** New rules; forgets the cache. */
void numbers_set_rules(struct numbers *n, const struct number_rules *rules);
const struct number_rules *numbers_rules(const struct numbers *n);
void numbers_get(struct numbers *n, const char *raw, struct number *out);

/**
 * What to give a PBX of this site so that it dials `number` (raw or normalised): extensions as
 * they are, service numbers behind the outside prefix, else outside prefix and the national form
 * (a mobile as it is, a landline with its trunk 0), or 00 and the country code.
 * E_INVALID when it is no number that can be dialled.
 */
int number_to_dial(const struct number_rules *rules, const char *number, char *out,
                   size_t cap) MUST_CHECK;
