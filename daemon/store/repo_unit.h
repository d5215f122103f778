/*
 * repo_unit.h - rows of estates, buildings and units.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"
#include "store/repo_person.h"

#define PLACE_NAME_MAX 64 /* bytes with the NUL, of an estate, building or unit */

/** The unit's id by its names; 0 if there is none. */
int repo_unit_find(struct db *db, const char *estate, const char *building, const char *unit,
                   int64_t *id) MUST_CHECK;
/** Where a unit is, by names; all "" if there is none of that id. */
struct unit_place {
    char estate[PLACE_NAME_MAX], building[PLACE_NAME_MAX], unit[PLACE_NAME_MAX];
};
int repo_unit_place(struct db *db, int64_t id, struct unit_place *out) MUST_CHECK;
int repo_unit_exists(struct db *db, int64_t id, bool *yes) MUST_CHECK;
/** Make or change; the estate and the building are made when they are new. area_cm2, delivered_on:
 * 0 unknown. */
int repo_unit_put(struct db *db, const char *estate, const char *building, const char *unit,
                  int64_t area_cm2, int64_t delivered_on, int64_t *id, enum put *what) MUST_CHECK;
/** steward: account name, "" for none. */
int repo_building_put(struct db *db, const char *estate, const char *building, const char *steward,
                      enum put *what) MUST_CHECK;
