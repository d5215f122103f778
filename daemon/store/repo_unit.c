/*
 * repo_unit.c - estates, buildings and units by their names, and the shift plan's rows.
 */
#include "store/repo_unit.h"

#include "base/text.h"

#include <string.h>

int repo_unit_find(struct db *db, const char *estate, const char *building, const char *unit,
                   int64_t *id)
{
    struct db_q *q =
        db_query(db, "SELECT u.id FROM estate e JOIN building b ON b.estate_id = e.id AND b.name = "
                     "$2 JOIN unit u ON u.building_id = b.id AND u.name = $3 WHERE e.name = $1");
    db_bind_text(q, 1, estate);
    db_bind_text(q, 2, building);
    db_bind_text(q, 3, unit);
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

/* The id that the look-up gives, else the one that the insert returns. */
static int find_or_make(struct db_q *find, struct db_q *make, int64_t *id)
{
    *id = db_row(find) ? db_int(find, 0) : 0;
    int rc = db_end(find);
    if (rc == 0 && *id == 0)
        *id = db_row(make) ? db_int(make, 0) : 0;
    int made = db_end(make);
    return rc < 0 ? rc : made;
}

static int estate_get(struct db *db, const char *name, int64_t *id)
{
    struct db_q *find = db_query(db, "SELECT id FROM estate WHERE name = $1");
    struct db_q *make = db_query(db, "INSERT INTO estate (name) VALUES ($1) RETURNING id");
    db_bind_text(find, 1, name);
    db_bind_text(make, 1, name);
    return find_or_make(find, make, id);
}

static int building_get(struct db *db, const char *estate, const char *name, int64_t *id)
{
    int64_t estate_id = 0;
    int rc = estate_get(db, estate, &estate_id);
    if (rc < 0)
        return rc;
    struct db_q *find = db_query(db, "SELECT id FROM building WHERE estate_id = $1 AND name = $2");
    struct db_q *make =
        db_query(db, "INSERT INTO building (estate_id, name) VALUES ($1, $2) RETURNING id");
    db_bind_int(find, 1, estate_id);
    db_bind_text(find, 2, name);
    db_bind_int(make, 1, estate_id);
    db_bind_text(make, 2, name);
    return find_or_make(find, make, id);
}

/* An existing unit: writes only what differs. */
static int unit_change(struct db *db, int64_t id, int64_t area_cm2, int64_t delivered_on,
                       enum put *what)
{
    struct db_q *q = db_query(db, "UPDATE unit SET area_cm2 = $2, delivered_on = $3 WHERE id = $1 "
                                  "AND (coalesce(area_cm2, 0) <> $4 OR "
                                  "coalesce(delivered_on, 0) <> $5)");
    db_bind_int(q, 1, id);
    db_bind_opt(q, 2, area_cm2);
    db_bind_opt(q, 3, delivered_on);
    db_bind_int(q, 4, area_cm2);
    db_bind_int(q, 5, delivered_on);
    int rc = db_run(q);
    *what = rc == 0 && db_changes(db) > 0 ? PUT_CHANGED : PUT_SAME;
    return rc;
}

int repo_unit_put(struct db *db, const char *estate, const char *building, const char *unit,
                  int64_t area_cm2, int64_t delivered_on, int64_t *id, enum put *what)
{
    int64_t building_id = 0;
    int rc = repo_unit_find(db, estate, building, unit, id);
    if (rc < 0)
        return rc;
    if (*id)
        return unit_change(db, *id, area_cm2, delivered_on, what);
    *what = PUT_NEW;
    rc = building_get(db, estate, building, &building_id);
    if (rc < 0)
        return rc;
    struct db_q *q = db_query(db, "INSERT INTO unit (building_id, name, area_cm2, delivered_on) "
                                  "VALUES ($1, $2, $3, $4)");
    db_bind_int(q, 1, building_id);
    db_bind_text(q, 2, unit);
    db_bind_opt(q, 3, area_cm2);
    db_bind_opt(q, 4, delivered_on);
    return db_insert(q, id);
}

static int building_exists(struct db *db, const char *estate, const char *building, bool *there)
{
    struct db_q *q = db_query(db, "SELECT b.id FROM estate e JOIN building b ON b.estate_id = e.id "
                                  "AND b.name = $2 WHERE e.name = $1");
    db_bind_text(q, 1, estate);
    db_bind_text(q, 2, building);
    *there = db_row(q);
    return db_end(q);
}

int repo_building_put(struct db *db, const char *estate, const char *building, const char *steward,
                      enum put *what)
{
    int64_t id = 0;
    bool there = false;
    int rc = building_exists(db, estate, building, &there);
    if (rc == 0)
        rc = building_get(db, estate, building, &id);
    if (rc < 0)
        return rc;
    struct db_q *q = db_query(
        db, "UPDATE building SET steward = $2 WHERE id = $1 AND coalesce(steward, '') <> $3");
    db_bind_int(q, 1, id);
    db_bind_text(q, 2, steward[0] ? steward : NULL);
    db_bind_text(q, 3, steward);
    rc = db_run(q);
    *what = !there ? PUT_NEW : db_changes(db) > 0 ? PUT_CHANGED : PUT_SAME;
    return rc;
}

int repo_unit_place(struct db *db, int64_t id, struct unit_place *out)
{
    struct db_q *q = db_query(db, "SELECT e.name,b.name,u.name FROM unit u JOIN building b ON "
                                  "b.id=u.building_id JOIN estate e ON e.id=b.estate_id WHERE "
                                  "u.id=$1");
    db_bind_int(q, 1, id);
    memset(out, 0, sizeof(*out));
    if (db_row(q)) {
        text_copy(out->estate, sizeof(out->estate), db_str(q, 0));
        text_copy(out->building, sizeof(out->building), db_str(q, 1));
        text_copy(out->unit, sizeof(out->unit), db_str(q, 2));
    }
    return db_end(q);
}

int repo_unit_exists(struct db *db, int64_t id, bool *yes)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM unit WHERE id=$1");
    db_bind_int(q, 1, id);
    *yes = db_row(q);
    return db_end(q);
}

/* ---- lists ---- */

#define UNIT_FIELDS                                                                                \
    "u.id, e.name, b.name, u.name, u.area_cm2, u.delivered_on, b.steward, b.id, e.id FROM unit u " \
    "JOIN building b ON b.id = u.building_id JOIN estate e ON e.id = b.estate_id "

static void unit_read(struct db_q *q, struct unit_row *row)
{
    *row = (struct unit_row){.id = db_int(q, 0),
                             .estate = db_str(q, 1),
                             .building = db_str(q, 2),
                             .unit = db_str(q, 3),
                             .area_cm2 = db_int(q, 4),
                             .delivered_on = db_int(q, 5),
                             .steward = db_text(q, 6),
                             .building_id = db_int(q, 7),
                             .estate_id = db_int(q, 8)};
}

int repo_unit_get(struct db *db, int64_t id, unit_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT " UNIT_FIELDS "WHERE u.id = $1");
    struct unit_row row;
    db_bind_int(q, 1, id);
    bool there = db_row(q);
    if (there) {
        unit_read(q, &row);
        fn(ctx, &row);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : there ? E_OK : E_NOTFOUND;
}

int repo_unit_list(struct db *db, const struct unit_filter *f, unit_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT " UNIT_FIELDS
            "WHERE u.id > $1 AND ($2 IS NULL OR e.name = $2) AND ($3 IS NULL OR b.name = $3) AND "
            "($4 IS NULL OR u.name = $4) ORDER BY u.id LIMIT $5");
    db_bind_int(q, 1, f->after);
    db_bind_text(q, 2, f->estate);
    db_bind_text(q, 3, f->building);
    db_bind_text(q, 4, f->unit);
    db_bind_int(q, 5, f->limit);
    while (db_row(q)) {
        struct unit_row row;
        unit_read(q, &row);
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_unit_tenures(struct db *db, int64_t unit_id,
                      void (*fn)(void *ctx, const struct unit_tenure_row *row), void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT t.person_id, p.name, t.role, t.from_on, t.to_on FROM tenure t JOIN "
                     "person p ON p.id = t.person_id WHERE t.unit_id = $1 ORDER BY t.id LIMIT 200");
    db_bind_int(q, 1, unit_id);
    while (db_row(q)) {
        struct unit_tenure_row row = {.person_id = db_int(q, 0),
                                      .name = db_str(q, 1),
                                      .role = db_str(q, 2),
                                      .from_on = db_int(q, 3),
                                      .to_on = db_int(q, 4)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_estate_list(struct db *db, int64_t after, int limit,
                     void (*fn)(void *ctx, int64_t id, const char *name), void *ctx)
{
    struct db_q *q = db_query(db, "SELECT id, name FROM estate WHERE id > $1 ORDER BY id LIMIT $2");
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, limit);
    while (db_row(q))
        fn(ctx, db_int(q, 0), db_str(q, 1));
    return db_end(q);
}

int repo_building_list(struct db *db, int64_t estate_id,
                       void (*fn)(void *ctx, const struct building_row *row), void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT b.id, b.name, b.steward, (SELECT count(*) FROM unit u WHERE u.building_id = "
            "b.id) FROM building b WHERE b.estate_id = $1 ORDER BY b.id LIMIT 1000");
    db_bind_int(q, 1, estate_id);
    while (db_row(q)) {
        struct building_row row = {.id = db_int(q, 0),
                                   .name = db_str(q, 1),
                                   .steward = db_text(q, 2),
                                   .units = db_int(q, 3)};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- places by name ---- */

int repo_place_names(struct db *db, int64_t estate_id, int64_t building_id, struct place_names *out)
{
    struct db_q *q = db_query(db, "SELECT e.name,b.name FROM estate e LEFT JOIN building b ON "
                                  "b.estate_id=e.id AND b.id=$2 WHERE e.id=$1");
    db_bind_int(q, 1, estate_id);
    db_bind_int(q, 2, building_id);
    bool found = db_row(q);
    text_copy(out->estate, sizeof(out->estate), found ? db_str(q, 0) : "");
    text_copy(out->building, sizeof(out->building), found ? db_str(q, 1) : "");
    return db_end(q);
}

int repo_estate_find(struct db *db, const char *name, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM estate WHERE name=$1");
    db_bind_text(q, 1, name);
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_building_find(struct db *db, const char *name, int64_t *estate_id, int64_t *building_id,
                       int *n)
{
    struct db_q *q = db_query(db, "SELECT id,estate_id FROM building WHERE name=$1 AND "
                                  "($2=0 OR estate_id=$2) LIMIT 2");
    db_bind_text(q, 1, name);
    db_bind_int(q, 2, *estate_id);
    for (*n = 0; db_row(q); ++*n) {
        *building_id = db_int(q, 0);
        if (*n == 0)
            *estate_id = db_int(q, 1);
    }
    return db_end(q);
}
