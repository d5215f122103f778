/*
 * repo_person.c - reading persons: their row, tenures, and who has a number.
 */
#include "store/repo_person.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/household.h"

const char *const person_consent_names[4] = {"sms", "email", "call", "marketing"};

int repo_person_get(struct db *db, int64_t id, struct person_row *out)
{
    struct db_q *q =
        db_query(db, "SELECT version, key, name, language, segment, flags, tier, tier_since, "
                     "consent_sms, consent_email, consent_call, consent_marketing, score, score_at "
                     "FROM person WHERE id = $1");
    db_bind_int(q, 1, id);
    bool there = db_row(q);
    if (there) {
        *out = (struct person_row){.id = id, .version = db_int(q, 0), .tier_since = db_int(q, 7)};
        text_copy(out->key, sizeof(out->key), db_str(q, 1));
        text_copy(out->name, sizeof(out->name), db_str(q, 2));
        text_copy(out->language, sizeof(out->language), db_str(q, 3));
        text_copy(out->segment, sizeof(out->segment), db_str(q, 4));
        text_copy(out->flags, sizeof(out->flags), db_str(q, 5));
        text_copy(out->tier, sizeof(out->tier), db_str(q, 6));
        for (int i = 0; i < 4; i++)
            out->consent[i] = db_int(q, 8 + i) != 0;
        out->score = db_is_null(q, 12) ? -1 : db_int(q, 12);
        out->score_at = db_int(q, 13);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : there ? 0 : E_NOTFOUND;
}

int repo_person_ids(struct db *db, int64_t after, int64_t *ids, int max)
{
    struct db_q *q = db_query(db, "SELECT id FROM person WHERE id > $1 ORDER BY id LIMIT $2");
    int n = 0;
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, max);
    while (n < max && db_row(q))
        ids[n++] = db_int(q, 0);
    int rc = db_end(q);
    return rc < 0 ? rc : n;
}

int repo_person_by_key(struct db *db, const char *key, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM person WHERE key = $1");
    db_bind_text(q, 1, key);
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

/* ---- tenures ------------------------------------------------------------------------------ */

static void unit_words(struct db_q *q, int col, char *out, size_t cap)
{
    char text[256];
    snprintf(text, sizeof(text), "%s %s-%s", db_str(q, col), db_str(q, col + 1),
             db_str(q, col + 2));
    text_copy(out, cap, text);
}

static void tenure_read(struct db_q *q, int32_t today, struct person_tenure *t)
{
    t->unit_id = db_int(q, 0);
    t->role = tenure_role_parse(db_str(q, 1));
    t->from_on = db_int(q, 2);
    t->to_on = db_int(q, 3);
    t->current = tenure_is_current(t->to_on, today);
    unit_words(q, 4, t->unit, sizeof(t->unit));
    text_copy(t->unit_name, sizeof(t->unit_name), db_str(q, 6));
    t->estate_id = db_int(q, 9);
    t->building_id = db_int(q, 10);
    text_copy(t->steward, sizeof(t->steward), db_str(q, 7));
    text_copy(t->steward_name, sizeof(t->steward_name), db_str(q, 8));
}

int repo_person_tenures_get(struct db *db, int64_t person_id, int32_t today,
                            struct person_tenures *out)
{
    struct db_q *q = db_query(
        db, "SELECT t.unit_id, t.role, t.from_on, t.to_on, e.name, b.name, u.name, b.steward, "
            "a.display, e.id, b.id FROM tenure t JOIN unit u ON u.id = t.unit_id "
            "JOIN building b ON b.id = u.building_id JOIN estate e ON e.id = b.estate_id "
            "LEFT JOIN account a ON a.name = b.steward WHERE t.person_id = $1 ORDER BY t.id "
            "LIMIT 100");
    int cap = 0;
    *out = (struct person_tenures){0};
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        if (out->n == cap) {
            cap = cap ? cap * 2 : 4;
            out->items = xrealloc(out->items, (size_t)cap * sizeof(*out->items));
        }
        tenure_read(q, today, &out->items[out->n++]);
    }
    return db_end(q);
}

void person_tenures_free(struct person_tenures *t)
{
    free(t->items);
    *t = (struct person_tenures){0};
}

const struct person_tenure *person_tenures_best(const struct person_tenures *t, int *more)
{
    const struct person_tenure *best = NULL;
    *more = 0;
    for (int i = 0; i < t->n; i++) {
        const struct person_tenure *p = &t->items[i];
        bool other_unit = !best || best->unit_id != p->unit_id;
        if (!best || (p->current && !best->current) ||
            (p->current == best->current && p->role < best->role)) {
            *more += best && best->current && other_unit;
            best = p;
        } else {
            *more += p->current && other_unit;
        }
    }
    return best;
}

/* ---- numbers ------------------------------------------------------------------------------ */

static int phones_read(struct db_q *q, struct person_phone *out, int max)
{
    int n = 0;
    while (n < max && db_row(q)) {
        out[n].person_id = db_int(q, 0);
        text_copy(out[n].label, sizeof(out[n].label), db_str(q, 1));
        n++;
    }
    int rc = db_end(q);
    return rc < 0 ? rc : n;
}

int repo_phone_exact(struct db *db, const char *e164, struct person_phone *out, int max)
{
    struct db_q *q =
        db_query(db, "SELECT person_id, label FROM phone WHERE e164 = $1 ORDER BY person_id");
    db_bind_text(q, 1, e164);
    return phones_read(q, out, max);
}

/* Those that are longer and end with ours. */
static int phone_longer(struct db *db, const char *rev, struct person_phone *out, int max)
{
    char end[20];
    snprintf(end, sizeof(end), "%s:", rev); /* ':' comes after '9' */
    struct db_q *q = db_query(db, "SELECT person_id, label FROM phone WHERE rev <> '' AND rev > $1 "
                                  "AND rev < $2 ORDER BY person_id");
    db_bind_text(q, 1, rev);
    db_bind_text(q, 2, end);
    return phones_read(q, out, max);
}

/* Those that are as long or shorter and are the end of ours. */
static int phone_shorter(struct db *db, const char *rev, struct person_phone *out, int max)
{
    struct db_q *q = db_query(db, "SELECT person_id, label FROM phone WHERE rev <> '' AND rev IN "
                                  "($1, $2, $3, $4, $5, $6, $7, "
                                  "$8, $9) ORDER BY person_id");
    size_t len = strlen(rev);
    int n = 1;
    for (size_t part = MATCH_NSN_MIN; part <= len && n <= 9; part++)
        db_bind_textn(q, n++, rev, part);
    return phones_read(q, out, max);
}

int repo_phone_weak(struct db *db, const char *e164, struct person_phone *out, int max)
{
    char rev[16];
    match_reversed(e164, rev);
    if (!rev[0])
        return 0;
    int n = phone_longer(db, rev, out, max);
    if (n < 0)
        return n;
    int more = phone_shorter(db, rev, out + n, max - n);
    return more < 0 ? more : n + more;
}

int repo_phone_first_label(struct db *db, int64_t person_id, char *out, size_t cap)
{
    struct db_q *q =
        db_query(db, "SELECT label FROM phone WHERE person_id = $1 ORDER BY pos LIMIT 1");
    db_bind_int(q, 1, person_id);
    text_copy(out, cap, db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}

int repo_person_household_ids(struct db *db, int64_t person_id, int32_t today, int64_t *ids,
                              int max)
{
    struct db_q *q = db_query(db, "SELECT DISTINCT o.person_id FROM " HOUSEHOLD_OF(
                                      "$1", "$2") " AND o.person_id <> $1 ORDER BY o.person_id");
    int n = 0;
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    if (max > 0)
        ids[n++] = person_id;
    while (n < max && db_row(q))
        ids[n++] = db_int(q, 0);
    int rc = db_end(q);
    return rc < 0 ? rc : n;
}

int repo_person_exists(struct db *db, int64_t id, bool *yes)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM person WHERE id=$1");
    db_bind_int(q, 1, id);
    *yes = db_row(q);
    return db_end(q);
}

int repo_tenure_only_unit(struct db *db, int64_t person_id, int32_t today, int64_t *unit_id)
{
    struct db_q *q = db_query(db, "SELECT min(unit_id),max(unit_id) FROM tenure WHERE person_id=$1 "
                                  "AND (to_on IS NULL OR to_on>=$2)");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    *unit_id = db_row(q) && db_int(q, 0) == db_int(q, 1) ? db_int(q, 0) : 0;
    return db_end(q);
}

/* ---- by number or address ---- */

int repo_person_with_address(struct db *db, const char *address, int64_t *ids, int max, int *n)
{
    static const char by_phone[] = "SELECT DISTINCT person_id FROM phone WHERE e164=$1 LIMIT $2";
    static const char by_email[] =
        "SELECT DISTINCT person_id FROM email WHERE lower(address)=lower($1) LIMIT $2";
    struct db_q *q = db_query(db, strchr(address, '@') ? by_email : by_phone);
    db_bind_text(q, 1, address);
    db_bind_int(q, 2, max);
    for (*n = 0; db_row(q) && *n < max; (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

int repo_phone_each(struct db *db, int64_t person_id, void (*fn)(void *ctx, const char *e164),
                    void *ctx)
{
    struct db_q *q = db_query(db, "SELECT e164 FROM phone WHERE person_id=$1 "
                                  "ORDER BY CASE WHEN label='mobile' THEN 0 ELSE 1 END,pos");
    db_bind_int(q, 1, person_id);
    while (db_row(q))
        fn(ctx, db_str(q, 0));
    return db_end(q);
}

int repo_phone_first(struct db *db, int64_t person_id, char *out, size_t cap)
{
    struct db_q *q = db_query(db, "SELECT e164 FROM phone WHERE person_id=$1 ORDER BY pos LIMIT 1");
    db_bind_int(q, 1, person_id);
    text_copy(out, cap, db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}

int repo_phone_told(struct db *db, int64_t person_id, char *out, size_t cap)
{
    struct db_q *q =
        db_query(db, "SELECT e164 FROM phone WHERE person_id = $1 AND e164 LIKE '+%' "
                     "ORDER BY CASE WHEN label = 'mobile' THEN 0 ELSE 1 END, pos LIMIT 1");
    db_bind_int(q, 1, person_id);
    text_copy(out, cap, db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}

int repo_email_first(struct db *db, int64_t person_id, char *out, size_t cap)
{
    struct db_q *q =
        db_query(db, "SELECT address FROM email WHERE person_id=$1 ORDER BY pos LIMIT 1");
    db_bind_int(q, 1, person_id);
    text_copy(out, cap, db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}
