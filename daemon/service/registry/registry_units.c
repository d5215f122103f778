/*
 * registry_units.c - estates, buildings and units as the API lists them.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "service/registry/registry_priv.h"

#define UNIT_FIELDS                                                                                \
    "u.id, e.name, b.name, u.name, u.area_cm2, u.delivered_on, b.steward, b.id, e.id FROM unit u " \
    "JOIN building b ON b.id = u.building_id JOIN estate e ON e.id = b.estate_id "

/* The fields of the row of UNIT_FIELDS into the open object. */
static void unit_fields(struct db_q *q, struct jw *w)
{
    char name[256], date[16];
    snprintf(name, sizeof(name), "%s %s-%s", db_str(q, 1), db_str(q, 2), db_str(q, 3));
    jw_kint(w, "id", db_int(q, 0));
    jw_kstr(w, "estate", db_str(q, 1));
    jw_kstr(w, "building", db_str(q, 2));
    jw_kstr(w, "unit", db_str(q, 3));
    jw_kstr(w, "name", name);
    jw_key(w, "area_m2");
    if (db_is_null(q, 4))
        jw_null(w);
    else
        jw_milli(w, db_int(q, 4) / 10);
    jw_kstr(w, "delivered_on",
            db_is_null(q, 5) ? NULL : clock_format_date((int32_t)db_int(q, 5), date));
    jw_kstr(w, "steward", db_text(q, 6));
}

static int page_limit(int limit)
{
    return limit < 1 ? 1 : limit > 500 ? 500 : limit;
}

int registry_units_json(struct db *db, const struct registry_unit_filter *f, struct jw *w,
                        int64_t *next)
{
    struct db_q *q = db_query(
        db, "SELECT " UNIT_FIELDS
            "WHERE u.id > $1 AND ($2 IS NULL OR e.name = $2) AND ($3 IS NULL OR b.name = $3) AND "
            "($4 IS NULL OR u.name = $4) ORDER BY u.id LIMIT $5");
    int limit = page_limit(f->limit), n = 0;
    int64_t last = 0;
    db_bind_int(q, 1, f->after_id);
    db_bind_text(q, 2, f->estate);
    db_bind_text(q, 3, f->building);
    db_bind_text(q, 4, f->unit);
    db_bind_int(q, 5, limit + 1);
    *next = 0;
    while (db_row(q)) {
        if (n++ == limit) {
            *next = last;
            break;
        }
        last = db_int(q, 0);
        jw_obj(w);
        unit_fields(q, w);
        jw_end_obj(w);
    }
    return db_end(q);
}

static void kdate(struct jw *w, const char *key, int64_t days)
{
    char text[16];
    jw_kstr(w, key, days ? clock_format_date((int32_t)days, text) : NULL);
}

static int unit_tenures_json(struct db *db, int64_t unit_id, int32_t today, struct jw *w)
{
    struct db_q *q =
        db_query(db, "SELECT t.person_id, p.name, t.role, t.from_on, t.to_on FROM tenure t JOIN "
                     "person p ON p.id = t.person_id WHERE t.unit_id = $1 ORDER BY t.id LIMIT 200");
    db_bind_int(q, 1, unit_id);
    jw_key(w, "tenures");
    jw_arr(w);
    while (db_row(q)) {
        jw_obj(w);
        jw_kint(w, "person_id", db_int(q, 0));
        jw_kstr(w, "name", db_str(q, 1));
        jw_kstr(w, "role", db_str(q, 2));
        kdate(w, "from", db_int(q, 3));
        kdate(w, "to", db_int(q, 4));
        jw_kbool(w, "current", tenure_is_current(db_int(q, 4), today));
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

int registry_unit_json(struct db *db, int64_t unit_id, int32_t today, struct jw *w)
{
    struct db_q *q = db_query(db, "SELECT " UNIT_FIELDS "WHERE u.id = $1");
    db_bind_int(q, 1, unit_id);
    bool there = db_row(q);
    if (there) {
        jw_obj(w);
        unit_fields(q, w);
    }
    int rc = db_end(q);
    if (rc < 0 || !there)
        return rc < 0 ? rc : E_NOTFOUND;
    rc = unit_tenures_json(db, unit_id, today, w);
    jw_end_obj(w);
    return rc;
}

int registry_place_get(struct db *db, int64_t unit_id, struct registry_place *out)
{
    struct db_q *q = db_query(db, "SELECT " UNIT_FIELDS "WHERE u.id = $1");
    db_bind_int(q, 1, unit_id);
    *out = (struct registry_place){0};
    if (db_row(q)) {
        out->unit_id = unit_id;
        out->building_id = db_int(q, 7);
        out->estate_id = db_int(q, 8);
        text_copy(out->estate, sizeof(out->estate), db_str(q, 1));
        text_copy(out->building, sizeof(out->building), db_str(q, 2));
        text_copy(out->unit, sizeof(out->unit), db_str(q, 3));
        text_copy(out->steward, sizeof(out->steward), db_str(q, 6));
    }
    int rc = db_end(q);
    return rc < 0 ? rc : out->unit_id ? 0 : E_NOTFOUND;
}

static int buildings_json(struct db *db, int64_t estate_id, struct jw *w)
{
    struct db_q *q = db_query(
        db, "SELECT b.id, b.name, b.steward, (SELECT count(*) FROM unit u WHERE u.building_id = "
            "b.id) FROM building b WHERE b.estate_id = $1 ORDER BY b.id LIMIT 1000");
    db_bind_int(q, 1, estate_id);
    jw_key(w, "buildings");
    jw_arr(w);
    while (db_row(q)) {
        jw_obj(w);
        jw_kint(w, "id", db_int(q, 0));
        jw_kstr(w, "name", db_str(q, 1));
        jw_kstr(w, "steward", db_text(q, 2));
        jw_kint(w, "units", db_int(q, 3));
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

int registry_estates_json(struct db *db, int64_t after_id, int limit, struct jw *w, int64_t *next)
{
    struct db_q *q = db_query(db, "SELECT id, name FROM estate WHERE id > $1 ORDER BY id LIMIT $2");
    int n = 0, rc = 0;
    int64_t last = 0;
    limit = page_limit(limit);
    db_bind_int(q, 1, after_id);
    db_bind_int(q, 2, limit + 1);
    *next = 0;
    while (rc == 0 && db_row(q)) {
        if (n++ == limit) {
            *next = last;
            break;
        }
        last = db_int(q, 0);
        jw_obj(w);
        jw_kint(w, "id", last);
        jw_kstr(w, "name", db_str(q, 1));
        rc = buildings_json(db, last, w);
        jw_end_obj(w);
    }
    int end = db_end(q);
    return rc < 0 ? rc : end;
}
