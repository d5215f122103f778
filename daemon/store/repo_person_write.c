/*
 * repo_person_write.c - writing persons so that what is the same already is not written again.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "domain/plate.h"
#include "store/repo_person.h"

void person_edit_init(struct person_edit *e)
{
    memset(e, 0, sizeof(*e));
    for (int i = 0; i < 4; i++)
        e->consent[i] = -1;
}

const char *phone_label_of(const char *e164)
{
    static const struct {
        const char *prefix;
        size_t len;            /* of the whole number */
        const char *from, *to; /* the digit after the prefix */
        const char *label;
    } shapes[] = {
        {"+861", 14, "3", "9", "mobile"},  {"+852", 12, "4", "9", "mobile"},
        {"+8536", 12, "0", "9", "mobile"}, {"+86", 0, "0", "9", "landline"},
        {"+852", 0, "0", "9", "landline"}, {"+853", 0, "0", "9", "landline"},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        size_t n = strlen(shapes[i].prefix);
        if (strncmp(e164, shapes[i].prefix, n) == 0 && e164[n] >= shapes[i].from[0] &&
            e164[n] <= shapes[i].to[0] && (!shapes[i].len || strlen(e164) == shapes[i].len))
            return shapes[i].label;
    }
    return e164[0] == '+' ? "other" : "service";
}

int person_edit_phone(struct person_edit *e, const char *e164, const char *label, const char *raw)
{
    for (int i = 0; i < e->phones_n; i++)
        if (strcmp(e->phones[i].e164, e164) == 0)
            return 0;
    if (e->phones_n == PERSON_PHONES_MAX)
        return E_TOOBIG;
    int n = e->phones_n++;
    text_copy(e->phones[n].e164, sizeof(e->phones[n].e164), e164);
    text_copy(e->phones[n].raw, sizeof(e->phones[n].raw), raw);
    text_copy(e->phones[n].label, sizeof(e->phones[n].label),
              label && label[0] ? label : phone_label_of(e164));
    return 0;
}

int person_edit_email(struct person_edit *e, const char *address)
{
    for (int i = 0; i < e->emails_n; i++)
        if (strcmp(e->emails[i], address) == 0)
            return 0;
    if (e->emails_n == PERSON_EMAILS_MAX || strlen(address) >= PERSON_EMAIL_MAX)
        return E_TOOBIG;
    text_copy(e->emails[e->emails_n++], PERSON_EMAIL_MAX, address);
    return 0;
}

/* NULL instead of "": what is not known is NULL in the row. */
static const char *or_null(const char *s)
{
    return s && s[0] ? s : NULL;
}

static const char *or_empty(const char *s)
{
    return s ? s : "";
}

/* ---- lists -------------------------------------------------------------------------------- */

static int phones_insert(struct db *db, int64_t id, const struct person_edit *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < e->phones_n; i++) {
        char rev[16];
        match_reversed(e->phones[i].e164, rev);
        struct db_q *q =
            db_query(db, "INSERT INTO phone (person_id, e164, label, raw, pos, rev) VALUES ($1, "
                         "$2, $3, $4, $5, $6) ON CONFLICT (person_id, e164) DO NOTHING");
        db_bind_int(q, 1, id);
        db_bind_text(q, 2, e->phones[i].e164);
        db_bind_text(q, 3, e->phones[i].label);
        db_bind_text(q, 4, e->phones[i].raw);
        db_bind_int(q, 5, i);
        db_bind_text(q, 6, rev);
        rc = db_run(q);
    }
    return rc;
}

static int emails_insert(struct db *db, int64_t id, const struct person_edit *e)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i < e->emails_n; i++) {
        struct db_q *q = db_query(db, "INSERT INTO email (person_id, address, pos) VALUES ($1, $2, "
                                      "$3) ON CONFLICT (person_id, address) DO NOTHING");
        db_bind_int(q, 1, id);
        db_bind_text(q, 2, e->emails[i]);
        db_bind_int(q, 3, i);
        rc = db_run(q);
    }
    return rc;
}

/* The edit's list without repeats is exactly what is stored: 1, 0, or an error. */
static int phones_same(struct db *db, int64_t id, const struct person_edit *e)
{
    struct db_q *q =
        db_query(db, "SELECT e164, label, pos FROM phone WHERE person_id = $1 ORDER BY pos");
    int n = 0;
    bool same = true;
    db_bind_int(q, 1, id);
    while (same && db_row(q)) {
        int pos = (int)db_int(q, 2);
        same = pos < e->phones_n && strcmp(e->phones[pos].e164, db_str(q, 0)) == 0 &&
               strcmp(e->phones[pos].label, db_str(q, 1)) == 0;
        n++;
    }
    int rc = db_end(q);
    return rc < 0 ? rc : same && n == e->phones_n;
}

static int emails_same(struct db *db, int64_t id, const struct person_edit *e)
{
    struct db_q *q =
        db_query(db, "SELECT address, pos FROM email WHERE person_id = $1 ORDER BY pos");
    int n = 0;
    bool same = true;
    db_bind_int(q, 1, id);
    while (same && db_row(q)) {
        int pos = (int)db_int(q, 1);
        same = pos < e->emails_n && strcmp(e->emails[pos], db_str(q, 0)) == 0;
        n++;
    }
    int rc = db_end(q);
    return rc < 0 ? rc : same && n == e->emails_n;
}

static int delete_of(struct db *db, const char *sql, int64_t id)
{
    struct db_q *q = db_query(db, sql);
    db_bind_int(q, 1, id);
    return db_run(q);
}

/* Sets both lists where they differ; *changed is raised then. */
static int lists_set(struct db *db, int64_t id, const struct person_edit *e, bool *changed)
{
    int rc = 0, same = 1;
    if (e->fields & PERSON_PHONES) {
        same = rc = phones_same(db, id, e);
        if (same == 0) {
            rc = delete_of(db, "DELETE FROM phone WHERE person_id = $1", id);
            rc = rc < 0 ? rc : phones_insert(db, id, e);
            *changed = true;
        }
    }
    if (rc >= 0 && (e->fields & PERSON_EMAILS)) {
        same = rc = emails_same(db, id, e);
        if (same == 0) {
            rc = delete_of(db, "DELETE FROM email WHERE person_id = $1", id);
            rc = rc < 0 ? rc : emails_insert(db, id, e);
            *changed = true;
        }
    }
    return rc < 0 ? rc : 0;
}

/* ---- the row ------------------------------------------------------------------------------ */

/* The row as it shall be: what is stored, with the edit's fields over it. */
static void merge(struct person_row *row, const struct person_edit *e)
{
    const struct {
        unsigned field;
        char *to;
        size_t cap;
        const char *from;
    } texts[] = {
        {PERSON_NAME, row->name, sizeof(row->name), e->name},
        {PERSON_LANGUAGE, row->language, sizeof(row->language), e->language},
        {PERSON_SEGMENT, row->segment, sizeof(row->segment), e->segment},
        {PERSON_FLAGS, row->flags, sizeof(row->flags), e->flags},
        {PERSON_TIER, row->tier, sizeof(row->tier), e->tier},
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (e->fields & texts[i].field)
            text_copy(texts[i].to, texts[i].cap, or_empty(texts[i].from));
    if (e->fields & PERSON_TIER_SINCE)
        row->tier_since = e->tier_since;
    for (int i = 0; i < 4; i++)
        row->consent[i] = e->consent[i] < 0 ? row->consent[i] : e->consent[i] != 0;
}

static void bind_row(struct db_q *q, const struct person_row *row, int64_t now)
{
    db_bind_text(q, 1, row->name);
    db_bind_text(q, 2, or_null(row->language));
    db_bind_text(q, 3, or_null(row->segment));
    db_bind_text(q, 4, row->flags);
    db_bind_text(q, 5, or_null(row->tier));
    db_bind_opt(q, 6, row->tier_since);
    for (int i = 0; i < 4; i++)
        db_bind_int(q, 7 + i, row->consent[i]);
    db_bind_int(q, 11, now);
}

static const char insert_sql[] =
    "INSERT INTO person (name, language, segment, flags, tier, tier_since, consent_sms, "
    "consent_email, consent_call, consent_marketing, updated_at, key) VALUES ($1, $2, $3, $4, $5, "
    "$6, $7, $8, $9, $10, $11, $12) ON CONFLICT (key) DO NOTHING";

int repo_person_insert(struct db *db, const struct person_edit *e, int64_t now, int64_t *id)
{
    struct person_row row = {.consent = {true, true, true, false}};
    merge(&row, e);
    struct db_q *q = db_query(db, insert_sql);
    bind_row(q, &row, now);
    db_bind_text(q, 12, or_null(e->key));
    int rc = db_insert(q, id);
    if (rc == 0 && *id == 0)
        rc = E_CONSTRAINT;
    rc = rc < 0 ? rc : phones_insert(db, *id, e);
    return rc < 0 ? rc : emails_insert(db, *id, e);
}

static bool row_same(const struct person_row *a, const struct person_row *b)
{
    return strcmp(a->name, b->name) == 0 && strcmp(a->language, b->language) == 0 &&
           strcmp(a->segment, b->segment) == 0 && strcmp(a->flags, b->flags) == 0 &&
           strcmp(a->tier, b->tier) == 0 && a->tier_since == b->tier_since &&
           memcmp(a->consent, b->consent, sizeof(a->consent)) == 0;
}

int repo_person_update(struct db *db, int64_t id, const struct person_edit *e, int64_t now,
                       enum put *what)
{
    struct person_row old, row;
    int rc = repo_person_get(db, id, &old);
    if (rc < 0)
        return rc;
    row = old;
    merge(&row, e);
    bool changed = !row_same(&old, &row);
    rc = lists_set(db, id, e, &changed);
    *what = changed ? PUT_CHANGED : PUT_SAME;
    if (rc < 0 || !changed)
        return rc;
    struct db_q *q = db_query(
        db, "UPDATE person SET name = $1, language = $2, segment = $3, flags = $4, tier = $5, "
            "tier_since = $6, consent_sms = $7, consent_email = $8, consent_call = $9, "
            "consent_marketing = $10, updated_at = $11, version = version + 1 WHERE id = $12");
    bind_row(q, &row, now);
    db_bind_int(q, 12, id);
    return db_run(q);
}

int repo_person_put(struct db *db, const struct person_edit *e, int64_t now, int64_t *id,
                    enum put *what)
{
    int rc = repo_person_by_key(db, e->key, id);
    if (rc < 0)
        return rc;
    if (*id)
        return repo_person_update(db, *id, e, now, what);
    *what = PUT_NEW;
    return repo_person_insert(db, e, now, id);
}

int repo_person_bump(struct db *db, int64_t id, int64_t now)
{
    struct db_q *q =
        db_query(db, "UPDATE person SET version = version + 1, updated_at = $2 WHERE id = $1");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, now);
    return db_run(q);
}

/* ---- tenures and vehicles ----------------------------------------------------------------- */

/* The row of (person, unit, role, from); *to_on of it. from_on may be NULL, which a unique index
 * does not see as equal to itself: so it is looked for, not left to ON CONFLICT. */
static int tenure_find(struct db *db, int64_t person_id, int64_t unit_id, const char *role,
                       int64_t from_on, int64_t *id, int64_t *to_on)
{
    struct db_q *q =
        db_query(db, "SELECT id, coalesce(to_on, 0) FROM tenure WHERE person_id = $1 AND "
                     "unit_id = $2 AND role = $3 AND coalesce(from_on, 0) = $4");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, unit_id);
    db_bind_text(q, 3, role);
    db_bind_int(q, 4, from_on);
    bool there = db_row(q);
    *id = there ? db_int(q, 0) : 0;
    *to_on = there ? db_int(q, 1) : 0;
    return db_end(q);
}

int repo_tenure_put(struct db *db, int64_t person_id, int64_t unit_id, enum tenure_role role,
                    int64_t from_on, int64_t to_on, enum put *what)
{
    int64_t id = 0, old_to = 0;
    const char *name = tenure_role_name(role);
    int rc = tenure_find(db, person_id, unit_id, name, from_on, &id, &old_to);
    if (rc < 0 || (id && old_to == to_on)) {
        *what = PUT_SAME;
        return rc;
    }
    *what = id ? PUT_CHANGED : PUT_NEW;
    if (id) {
        struct db_q *q = db_query(db, "UPDATE tenure SET to_on = $1 WHERE id = $2");
        db_bind_opt(q, 1, to_on);
        db_bind_int(q, 2, id);
        return db_run(q);
    }
    struct db_q *q = db_query(db, "INSERT INTO tenure (person_id, unit_id, role, from_on, to_on) "
                                  "VALUES ($1, $2, $3, $4, $5)");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, unit_id);
    db_bind_text(q, 3, name);
    db_bind_opt(q, 4, from_on);
    db_bind_opt(q, 5, to_on);
    return db_run(q);
}

int repo_vehicle_put(struct db *db, int64_t person_id, const char *written, const char *space,
                     enum put *what)
{
    char plate[PERSON_PLATE_MAX];
    if (strlen(written) >= sizeof(plate) || !plate_normalise(written, plate))
        return E_INVALID;
    struct db_q *q =
        db_query(db, "SELECT id, space FROM vehicle WHERE person_id = $1 AND plate = $2");
    db_bind_int(q, 1, person_id);
    db_bind_text(q, 2, plate);
    bool there = db_row(q);
    int64_t id = there ? db_int(q, 0) : 0;
    bool same = there && strcmp(db_str(q, 1), or_empty(space)) == 0;
    int rc = db_end(q);
    *what = same ? PUT_SAME : there ? PUT_CHANGED : PUT_NEW;
    if (rc < 0 || same)
        return rc;
    if (there) {
        q = db_query(db, "UPDATE vehicle SET space = $1 WHERE id = $2");
        db_bind_text(q, 1, or_null(space));
        db_bind_int(q, 2, id);
        return db_run(q);
    }
    q = db_query(db, "INSERT INTO vehicle (person_id, plate, space) VALUES ($1, $2, $3)");
    db_bind_int(q, 1, person_id);
    db_bind_text(q, 2, plate);
    db_bind_text(q, 3, or_null(space));
    return db_run(q);
}

int repo_tenures_clear(struct db *db, int64_t person_id)
{
    return delete_of(db, "DELETE FROM tenure WHERE person_id = $1", person_id);
}

int repo_vehicles_clear(struct db *db, int64_t person_id)
{
    return delete_of(db, "DELETE FROM vehicle WHERE person_id = $1", person_id);
}

int repo_person_set_consent(struct db *db, int64_t id, enum person_consent what, bool given,
                            int64_t now)
{
    static const char *const sql[] = {
        [CONSENT_SMS] = "UPDATE person SET consent_sms=$2,version=version+1,updated_at=$3 WHERE "
                        "id=$1",
        [CONSENT_EMAIL] = "UPDATE person SET consent_email=$2,version=version+1,updated_at=$3 "
                          "WHERE id=$1",
        [CONSENT_CALL] = "UPDATE person SET consent_call=$2,version=version+1,updated_at=$3 WHERE "
                         "id=$1",
        [CONSENT_MARKETING] = "UPDATE person SET consent_marketing=$2,version=version+1,"
                              "updated_at=$3 WHERE id=$1",
    };
    struct db_q *q = db_query(db, sql[what]);
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, given);
    db_bind_int(q, 3, now);
    return db_run(q);
}

int repo_person_set_score(struct db *db, int64_t id, int64_t score, int64_t now)
{
    struct db_q *q = db_query(db, "UPDATE person SET score=$2,score_at=$3 WHERE id=$1");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, score);
    db_bind_int(q, 3, now);
    return db_run(q);
}
