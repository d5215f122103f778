/* contract_make.h - rows that the groups build upon; each call fails the test if it cannot. */
#pragma once
#include <stdint.h>
#include "domain/match.h"

/** With that number and wang@example.com. */
int64_t make_person(const char *name, const char *e164);
/** In building 3 of 四季花城. */
int64_t make_unit(const char *name);
/** Since ever; to_on: days, 0: open. */
void make_tenure(int64_t person, int64_t unit, enum tenure_role role, int64_t to_on);
/** A person's; department "" for none. */
int64_t make_account(const char *name, const char *role, const char *department);
/** An open ticket of that id, person (0: nobody) and responder ("" for nobody). */
void make_ticket(int64_t id, int64_t person, const char *responder);
