/*
 * refusal.h - reading the body of a request, and refusals that say which field is wrong and why.
 *
 * Every service that people command shares it, so that a refusal reads the same wherever it comes
 * from; edge/http makes problem+json of it.
 */
#pragma once
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

#define NOTE_TEXT_MAX 4000 /* bytes of a note */

/** What a verb answers besides its code: filled as far as it applies, for problem+json. */
struct verb_out {
    int64_t ticket_id;
    int64_t version;
    char field[64];     /* E_INVALID: which field */
    char state[24];     /* E_CONFLICT: the ticket's state */
    char responder[65]; /* E_CONFLICT of a lost claim: who has it */
    char allowed[640];  /* E_CONFLICT: a JSON list of the verbs that the asker may now use */
    char text[256];     /* the cause for a person; English */
};

/** Fill *out and return rc; field may be NULL. */
int verb_refuse(struct verb_out *out, int rc, const char *field, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/** Text of at most max bytes; NULL when missing or null. E_INVALID names the field. */
int verb_text(const json_t *body, const char *key, size_t max, const char **value,
              struct verb_out *out) MUST_CHECK;
/** The same, but it must be there and not be empty. */
int verb_text_needed(const json_t *body, const char *key, size_t max, const char **value,
                     struct verb_out *out) MUST_CHECK;
/** *value stays as it is when the field is missing or null. */
int verb_int(const json_t *body, const char *key, int64_t min, int64_t max, int64_t *value,
             struct verb_out *out) MUST_CHECK;
int verb_bool(const json_t *body, const char *key, bool *value, struct verb_out *out) MUST_CHECK;
/** A moment in RFC 3339; 0 when missing. */
int verb_time(const json_t *body, const char *key, int64_t *value, struct verb_out *out) MUST_CHECK;
/** True if the field is there and not null. */
bool verb_has(const json_t *body, const char *key);
