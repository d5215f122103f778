/*
 * repo_person_json.c - the parts of a CARD that are lists, each one small query.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/repo_person.h"

#define HOUSEHOLD_MAX 50

int person_household_json(struct db *db, int64_t person_id, int32_t today, struct jw *w)
{
    struct db_q *q = db_query(
        db, "SELECT o.person_id, p.name, o.role FROM tenure t JOIN tenure o ON o.unit_id = "
            "t.unit_id JOIN person p ON p.id = o.person_id WHERE t.person_id = $1 AND "
            "o.person_id <> $1 AND (t.to_on IS NULL OR t.to_on >= $2) AND "
            "(o.to_on IS NULL OR o.to_on >= $2) ORDER BY o.person_id, o.id");
    int64_t last = 0;
    int n = 0;
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    jw_arr(w);
    while (n < HOUSEHOLD_MAX && db_row(q)) {
        if (db_int(q, 0) == last) {
            continue; /* holds two units with them, or one in two ways */
        }
        last = db_int(q, 0);
        n++;
        jw_obj(w);
        jw_kint(w, "id", last);
        jw_kstr(w, "name", db_str(q, 1));
        jw_kstr(w, "role", db_str(q, 2));
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

int person_vehicles_json(struct db *db, int64_t person_id, struct jw *w)
{
    struct db_q *q =
        db_query(db, "SELECT plate, space FROM vehicle WHERE person_id = $1 ORDER BY id LIMIT 50");
    db_bind_int(q, 1, person_id);
    jw_arr(w);
    while (db_row(q)) {
        jw_obj(w);
        jw_kstr(w, "plate", db_str(q, 0));
        jw_kstr(w, "space", db_text(q, 1));
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

int person_open_tickets_json(struct db *db, int64_t person_id, struct jw *w)
{
    struct db_q *q = db_query(
        db, "SELECT t.id, t.subject, t.state, t.responder, t.cycle, (SELECT min(c.due_at) FROM "
            "clock c WHERE c.ticket_id = t.id AND c.state = 'running') FROM ticket t "
            "WHERE t.person_id = $1 AND t.closed_at IS NULL ORDER BY t.opened_at DESC LIMIT 20");
    db_bind_int(q, 1, person_id);
    jw_arr(w);
    while (db_row(q)) {
        char id[32];
        snprintf(id, sizeof(id), "T-%06lld", (long long)db_int(q, 0));
        jw_obj(w);
        jw_kstr(w, "id", id);
        jw_kstr(w, "subject", db_str(q, 1));
        jw_kstr(w, "state", db_str(q, 2));
        jw_kstr(w, "responder", db_text(q, 3));
        jw_ktime(w, "due_at", db_int(q, 5));
        jw_kint(w, "cycle", db_int(q, 4));
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

/* One line about an interaction; columns: at, kind, and three texts by kind. */
static void recent_summary(struct db_q *q, char *out, size_t cap)
{
    const char *kind = db_str(q, 1), *a = db_str(q, 2), *b = db_str(q, 3), *c = db_str(q, 4);
    char text[512];
    if (strcmp(kind, "call") == 0) {
        snprintf(text, sizeof(text), "%s, %s%s%s", a, b, c[0] ? ", " : "", c);
    } else if (strcmp(kind, "ticket") == 0) {
        snprintf(text, sizeof(text), "T-%06lld %.300s (%s)", (long long)db_int(q, 2), b, c);
    } else {
        snprintf(text, sizeof(text), "%s %s%s%s", a, b, b[0] ? ", " : "", c);
    }
    text_copy(out, cap, text);
}

int person_recent_json(struct db *db, int64_t person_id, struct jw *w)
{
    struct db_q *q = db_query(
        db,
        "SELECT at, kind, a, b, c FROM (SELECT * FROM (SELECT started_at AS at, 'call' AS kind, "
        "direction AS a, coalesce(disposition, state) AS b, coalesce(agent, '') AS c FROM call "
        "WHERE person_id = $1 ORDER BY id DESC LIMIT 5) AS calls UNION ALL SELECT * FROM "
        "(SELECT opened_at, 'ticket', CAST(id AS TEXT), subject, state FROM ticket WHERE "
        "person_id = $1 ORDER BY opened_at DESC LIMIT 5) AS tickets UNION ALL SELECT * FROM "
        "(SELECT queued_at, 'message', channel, coalesce(template, ''), state FROM message WHERE "
        "person_id = $1 ORDER BY id DESC LIMIT 5) AS messages) AS recent ORDER BY at DESC LIMIT 5");
    db_bind_int(q, 1, person_id);
    jw_arr(w);
    while (db_row(q)) {
        char summary[400];
        recent_summary(q, summary, sizeof(summary));
        jw_obj(w);
        jw_ktime(w, "at", db_int(q, 0));
        jw_kstr(w, "kind", db_str(q, 1));
        jw_kstr(w, "summary", summary);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return db_end(q);
}

static int text_list(struct db_q *q, int64_t person_id, struct jw *w)
{
    db_bind_int(q, 1, person_id);
    jw_arr(w);
    while (db_row(q)) {
        jw_str(w, db_str(q, 0));
    }
    jw_end_arr(w);
    return db_end(q);
}

int person_phones_json(struct db *db, int64_t person_id, struct jw *w)
{
    return text_list(db_query(db, "SELECT e164 FROM phone WHERE person_id = $1 ORDER BY pos"),
                     person_id, w);
}

int person_emails_json(struct db *db, int64_t person_id, struct jw *w)
{
    return text_list(db_query(db, "SELECT address FROM email WHERE person_id = $1 ORDER BY pos"),
                     person_id, w);
}

int person_phone_labels_json(struct db *db, int64_t person_id, struct jw *w)
{
    struct db_q *q =
        db_query(db, "SELECT e164, label FROM phone WHERE person_id = $1 ORDER BY pos");
    db_bind_int(q, 1, person_id);
    jw_obj(w);
    while (db_row(q)) {
        jw_kstr(w, db_str(q, 0), db_str(q, 1));
    }
    jw_end_obj(w);
    return db_end(q);
}
