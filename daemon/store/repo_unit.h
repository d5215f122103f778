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
/** Names of an estate and one of its buildings (0: none), "" where there is none. */
struct place_names {
    char estate[PLACE_NAME_MAX + 1], building[PLACE_NAME_MAX + 1];
};
int repo_place_names(struct db *db, int64_t estate_id, int64_t building_id,
                     struct place_names *out) MUST_CHECK;
/** The estate's id by its name; 0 if there is none. */
int repo_estate_find(struct db *db, const char *name, int64_t *id) MUST_CHECK;
/** A building by its name, of *estate_id or (0) of any: *n is how many there are, at most 2 are
 * counted; both ids are set where there is one. */
int repo_building_find(struct db *db, const char *name, int64_t *estate_id, int64_t *building_id,
                       int *n) MUST_CHECK;
/** Make or change; the estate and the building are made when they are new. area_cm2, delivered_on:
 * 0 unknown. */
int repo_unit_put(struct db *db, const char *estate, const char *building, const char *unit,
                  int64_t area_cm2, int64_t delivered_on, int64_t *id, enum put *what) MUST_CHECK;
/** steward: account name, "" for none. */
int repo_building_put(struct db *db, const char *estate, const char *building, const char *steward,
                      enum put *what) MUST_CHECK;

/* ---- lists; rows and their texts live during the call ---- */

/** A unit with where it is. area_cm2, delivered_on (days): 0 unknown; steward NULL: none. */
struct unit_row {
    int64_t id, building_id, estate_id, area_cm2, delivered_on;
    const char *estate, *building, *unit, *steward;
};
typedef void unit_row_fn(void *ctx, const struct unit_row *row);
/** fn once; E_NOTFOUND. */
int repo_unit_get(struct db *db, int64_t id, unit_row_fn *fn, void *ctx) MUST_CHECK;
/** Those with an id above `after`, by id, at most limit; names NULL: any. */
struct unit_filter {
    const char *estate, *building, *unit;
    int64_t after;
    int limit;
};
int repo_unit_list(struct db *db, const struct unit_filter *f, unit_row_fn *fn,
                   void *ctx) MUST_CHECK;

/** Who holds or held a unit; days, 0: open. */
struct unit_tenure_row {
    int64_t person_id, from_on, to_on;
    const char *name, *role;
};
/** In the order they were entered. */
int repo_unit_tenures(struct db *db, int64_t unit_id,
                      void (*fn)(void *ctx, const struct unit_tenure_row *row),
                      void *ctx) MUST_CHECK;

/** Ids and names above `after`, by id, at most limit. */
int repo_estate_list(struct db *db, int64_t after, int limit,
                     void (*fn)(void *ctx, int64_t id, const char *name), void *ctx) MUST_CHECK;
struct building_row {
    int64_t id, units; /* units: how many */
    const char *name, *steward;
};
int repo_building_list(struct db *db, int64_t estate_id,
                       void (*fn)(void *ctx, const struct building_row *row), void *ctx) MUST_CHECK;
