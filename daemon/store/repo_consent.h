/*
 * repo_consent.h - what may be sent to a number or address: the consent of the persons who have it,
 * and rows of `opt_out`, what its bearer took back whoever they are.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"
#include "store/repo_person.h"

/** Whom an address reaches, and what all of them allow. */
struct consent_reach {
    bool consent[4];   /* by enum person_consent: what none of them refused */
    int persons;       /* of the registry who have the address */
    int64_t person_id; /* the strictest of them; `named` if they have it; 0: nobody */
};
/**
 * address: E.164, or an e-mail address in any case. named: a person whose consent counts although
 * the registry does not give them the address (0: nobody). An address of nobody, which nobody took
 * back, allows everything.
 */
int repo_consent_reach(struct db *db, const char *address, int64_t named,
                       struct consent_reach *out) MUST_CHECK;

/** Remember that the bearer of an address took back that consent (given: gave it again). */
int repo_opt_out_set(struct db *db, const char *address, enum person_consent what, bool given,
                     int64_t at) MUST_CHECK;
/** Forget it for every address of a person, who gave that consent again. */
int repo_opt_out_forget(struct db *db, int64_t person_id, enum person_consent what) MUST_CHECK;
