/*
 * registry_units.c - estates, buildings and units as the API lists them.
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"
#include "service/registry/registry_priv.h"
#include "store/repo_unit.h"

/* A page under way: one row more than asked for says that there is a next one. */
struct page {
    struct db *db;
    struct jw *w;
    int limit, n, rc;
    int64_t last, next;
};

static struct page page_begin(struct db *db, struct jw *w, int limit)
{
    return (struct page){.db = db, .w = w, .limit = limit < 1 ? 1 : limit > 500 ? 500 : limit};
}

/* False for the row beyond the page. */
static bool page_row(struct page *p, int64_t id)
{
    if (p->n++ == p->limit) {
        p->next = p->last;
        return false;
    }
    p->last = id;
    return true;
}

static void kdate(struct jw *w, const char *key, int64_t days)
{
    char text[16];
    jw_kstr(w, key, days ? clock_format_date((int32_t)days, text) : NULL);
}

static void unit_fields(const struct unit_row *u, struct jw *w)
{
    char name[256];
    snprintf(name, sizeof(name), "%s %s-%s", u->estate, u->building, u->unit);
    jw_kint(w, "id", u->id);
    jw_kstr(w, "estate", u->estate);
    jw_kstr(w, "building", u->building);
    jw_kstr(w, "unit", u->unit);
    jw_kstr(w, "name", name);
    jw_key(w, "area_m2");
    if (u->area_cm2)
        jw_milli(w, u->area_cm2 / 10);
    else
        jw_null(w);
    kdate(w, "delivered_on", u->delivered_on);
    jw_kstr(w, "steward", u->steward);
}

static void unit_item(void *ctx, const struct unit_row *u)
{
    struct page *p = ctx;
    if (!page_row(p, u->id))
        return;
    jw_obj(p->w);
    unit_fields(u, p->w);
    jw_end_obj(p->w);
}

int registry_units_json(struct db *db, const struct registry_unit_filter *f, struct jw *w,
                        int64_t *next)
{
    struct page p = page_begin(db, w, f->limit);
    struct unit_filter rows = {.estate = f->estate,
                               .building = f->building,
                               .unit = f->unit,
                               .after = f->after_id,
                               .limit = p.limit + 1};
    int rc = repo_unit_list(db, &rows, unit_item, &p);
    *next = p.next;
    return rc;
}

struct one_unit {
    struct jw *w;
    int32_t today;
};

static void tenure_item(void *ctx, const struct unit_tenure_row *t)
{
    const struct one_unit *one = ctx;
    struct jw *w = one->w;
    jw_obj(w);
    jw_kint(w, "person_id", t->person_id);
    jw_kstr(w, "name", t->name);
    jw_kstr(w, "role", t->role);
    kdate(w, "from", t->from_on);
    kdate(w, "to", t->to_on);
    jw_kbool(w, "current", tenure_is_current(t->to_on, one->today));
    jw_end_obj(w);
}

static void unit_head(void *ctx, const struct unit_row *u)
{
    const struct one_unit *one = ctx;
    jw_obj(one->w);
    unit_fields(u, one->w);
}

int registry_unit_json(struct db *db, int64_t unit_id, int32_t today, struct jw *w)
{
    struct one_unit one = {w, today};
    int rc = repo_unit_get(db, unit_id, unit_head, &one);
    if (rc < 0)
        return rc;
    jw_key(w, "tenures");
    jw_arr(w);
    rc = repo_unit_tenures(db, unit_id, tenure_item, &one);
    jw_end_arr(w);
    jw_end_obj(w);
    return rc;
}

static void take_place(void *ctx, const struct unit_row *u)
{
    struct registry_place *out = ctx;
    out->unit_id = u->id;
    out->building_id = u->building_id;
    out->estate_id = u->estate_id;
    text_copy(out->estate, sizeof(out->estate), u->estate);
    text_copy(out->building, sizeof(out->building), u->building);
    text_copy(out->unit, sizeof(out->unit), u->unit);
    text_copy(out->steward, sizeof(out->steward), u->steward ? u->steward : "");
}

int registry_place_get(struct db *db, int64_t unit_id, struct registry_place *out)
{
    *out = (struct registry_place){0};
    return repo_unit_get(db, unit_id, take_place, out);
}

static void building_item(void *ctx, const struct building_row *b)
{
    struct jw *w = ctx;
    jw_obj(w);
    jw_kint(w, "id", b->id);
    jw_kstr(w, "name", b->name);
    jw_kstr(w, "steward", b->steward);
    jw_kint(w, "units", b->units);
    jw_end_obj(w);
}

static void estate_item(void *ctx, int64_t id, const char *name)
{
    struct page *p = ctx;
    if (p->rc < 0 || !page_row(p, id))
        return;
    jw_obj(p->w);
    jw_kint(p->w, "id", id);
    jw_kstr(p->w, "name", name);
    jw_key(p->w, "buildings");
    jw_arr(p->w);
    p->rc = repo_building_list(p->db, id, building_item, p->w);
    jw_end_arr(p->w);
    jw_end_obj(p->w);
}

int registry_estates_json(struct db *db, int64_t after_id, int limit, struct jw *w, int64_t *next)
{
    struct page p = page_begin(db, w, limit);
    int rc = repo_estate_list(db, after_id, p.limit + 1, estate_item, &p);
    *next = p.next;
    return p.rc < 0 ? p.rc : rc;
}
