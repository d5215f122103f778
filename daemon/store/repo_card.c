/*
 * repo_card.c - kept cards by person and by number.
 */
#include "store/repo_card.h"

#define LAST_DAY INT32_MAX

int repo_card_put(struct db *db, const struct card_row *row)
{
    struct db_q *q = db_query(db, "DELETE FROM card WHERE person_id = $1");
    db_bind_int(q, 1, row->person_id);
    int rc = db_run(q);
    if (rc < 0)
        return rc;
    q = db_query(db, "INSERT INTO card (person_id, from_on, to_on, name, role, unit, more, held, "
                     "score, building_id, buildings, places, head, body, consent, tail) VALUES "
                     "($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)");
    const int64_t numbers[] = {row->person_id, row->from_on, row->to_on};
    for (int i = 0; i < 3; i++)
        db_bind_int(q, 1 + i, numbers[i]);
    db_bind_text(q, 4, row->name);
    db_bind_int(q, 5, row->role);
    db_bind_text(q, 6, row->unit);
    db_bind_int(q, 7, row->more);
    db_bind_int(q, 8, row->held);
    if (row->score >= 0)
        db_bind_int(q, 9, row->score);
    db_bind_opt(q, 10, row->building_id);
    db_bind_int(q, 11, row->buildings);
    const char *const texts[] = {row->places, row->head, row->body, row->consent, row->tail};
    for (int i = 0; i < 5; i++)
        db_bind_text(q, 12 + i, texts[i]);
    return db_run(q);
}

int repo_card_is_kept(struct db *db, int64_t person_id, int32_t today, bool *kept)
{
    struct db_q *q =
        db_query(db, "SELECT 1 FROM card WHERE person_id = $1 AND from_on <= $2 AND to_on >= $2");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    *kept = db_row(q);
    return db_end(q);
}

int repo_card_missing(struct db *db, int64_t after, int32_t today, int64_t *ids, int max)
{
    struct db_q *q = db_query(
        db, "SELECT p.id FROM person p LEFT JOIN card c ON c.person_id = p.id AND c.from_on <= $2 "
            "AND c.to_on >= $2 WHERE p.id > $1 AND c.person_id IS NULL ORDER BY p.id LIMIT $3");
    int n = 0;
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, today);
    db_bind_int(q, 3, max);
    while (n < max && db_row(q))
        ids[n++] = db_int(q, 0);
    int rc = db_end(q);
    return rc < 0 ? rc : n;
}

int repo_card_days(struct db *db, int64_t person_id, int32_t today, int64_t *from_on,
                   int64_t *to_on)
{
    struct db_q *q =
        db_query(db, "SELECT max(CASE WHEN o.to_on < $2 THEN o.to_on + 1 END), "
                     "min(CASE WHEN o.to_on >= $2 THEN o.to_on END) FROM tenure t JOIN tenure o ON "
                     "o.unit_id = t.unit_id WHERE t.person_id = $1");
    *from_on = 0;
    *to_on = LAST_DAY;
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    if (db_row(q)) {
        *from_on = db_int(q, 0);
        *to_on = db_is_null(q, 1) ? LAST_DAY : db_int(q, 1);
    }
    return db_end(q);
}

struct db_q *repo_card_holders(struct db *db, const char *e164, int32_t today)
{
    struct db_q *q = db_query(
        db,
        "SELECT ph.person_id, ph.label, c.person_id, c.name, c.role, c.unit, c.more, c.held, "
        "c.score, c.building_id, c.buildings, c.places, c.head, c.body, c.consent, c.tail, "
        "b.steward, a.display, "
        "CASE WHEN EXISTS (SELECT 1 FROM call x WHERE x.person_id = ph.person_id) THEN 1 END, "
        "CASE WHEN EXISTS (SELECT 1 FROM ticket x WHERE x.person_id = ph.person_id) THEN 1 END, "
        "CASE WHEN EXISTS (SELECT 1 FROM message x WHERE x.person_id = ph.person_id) THEN 1 END "
        "FROM phone ph LEFT JOIN card c ON c.person_id = ph.person_id AND c.from_on <= $2 AND "
        "c.to_on >= $2 LEFT JOIN building b ON b.id = c.building_id LEFT JOIN account a ON "
        "a.name = b.steward WHERE ph.e164 = $1 ORDER BY ph.person_id");
    db_bind_text(q, 1, e164);
    db_bind_int(q, 2, today);
    return q;
}

static void read_row(struct db_q *q, struct card_row *c)
{
    c->name = db_str(q, 3);
    c->role = (enum tenure_role)db_int(q, 4);
    c->unit = db_str(q, 5);
    c->more = db_int(q, 6);
    c->held = db_int(q, 7) != 0;
    c->score = db_is_null(q, 8) ? -1 : db_int(q, 8);
    c->building_id = db_int(q, 9);
    c->buildings = db_int(q, 10);
    c->places = db_str(q, 11);
    c->head = db_str(q, 12);
    c->body = db_str(q, 13);
    c->consent = db_str(q, 14);
    c->tail = db_str(q, 15);
}

bool card_holder_next(struct db_q *q, struct card_holder *out)
{
    if (!db_row(q))
        return false;
    *out = (struct card_holder){.card = {.person_id = db_int(q, 0)}, .kept = !db_is_null(q, 2)};
    if (!out->kept)
        return true;
    read_row(q, &out->card);
    out->label = db_str(q, 1);
    out->steward = db_text(q, 16);
    out->steward_name = db_text(q, 17);
    out->calls = !db_is_null(q, 18);
    out->tickets = !db_is_null(q, 19);
    out->messages = !db_is_null(q, 20);
    return true;
}

int repo_card_caller(struct db *db, const char *e164, int32_t today, int64_t *person_id,
                     int *current, bool *kept)
{
    struct db_q *q = db_query(
        db, "SELECT ph.person_id, c.held FROM phone ph LEFT JOIN card c ON c.person_id = "
            "ph.person_id AND c.from_on <= $2 AND c.to_on >= $2 WHERE ph.e164 = $1 ORDER BY "
            "ph.person_id");
    *person_id = 0;
    *current = 0;
    *kept = true;
    db_bind_text(q, 1, e164);
    db_bind_int(q, 2, today);
    while (*kept && db_row(q)) {
        *kept = !db_is_null(q, 1);
        if (db_int(q, 1) && !(*current)++)
            *person_id = db_int(q, 0);
    }
    return db_end(q);
}
