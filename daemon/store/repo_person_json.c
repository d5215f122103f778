/*
 * repo_person_json.c - the parts of a CARD that are lists, each one small query.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/household.h"
#include "store/repo_person.h"

#define HOUSEHOLD_MAX 50

int repo_person_household_json(struct db *db, int64_t person_id, int32_t today, struct jw *w)
{
    struct db_q *q = db_query(
        db, "SELECT o.person_id, (SELECT name FROM person WHERE id = o.person_id), o.role "
            "FROM " HOUSEHOLD_OF("$1", "$2") " AND o.person_id <> $1 ORDER BY o.person_id, o.id");
    int64_t last = 0;
    int n = 0;
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    jw_arr(w);
    while (n < HOUSEHOLD_MAX && db_row(q)) {
        if (db_int(q, 0) == last)
            continue; /* holds two units with them, or one in two ways */
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

int repo_person_vehicles_json(struct db *db, int64_t person_id, struct jw *w)
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

int repo_person_open_tickets_json(struct db *db, int64_t person_id, struct jw *w)
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

/* ---- what happened lately ------------------------------------------------------------------ */

#define RECENT_MAX 5

struct recent {
    int64_t at;
    const char *kind;
    char summary[400];
};

/* The latest so far, latest first. */
struct recents {
    struct recent items[RECENT_MAX];
    int n;
};

static void call_summary(struct db_q *q, char *out, size_t cap)
{
    const char *agent = db_str(q, 3);
    snprintf(out, cap, "%s, %s%s%s", db_str(q, 1), db_str(q, 2), agent[0] ? ", " : "", agent);
}

static void ticket_summary(struct db_q *q, char *out, size_t cap)
{
    snprintf(out, cap, "T-%06lld %.300s (%s)", (long long)db_int(q, 1), db_str(q, 2), db_str(q, 3));
}

static void message_summary(struct db_q *q, char *out, size_t cap)
{
    const char *template = db_str(q, 2);
    snprintf(out, cap, "%s %s%s%s", db_str(q, 1), template, template[0] ? ", " : "", db_str(q, 3));
}

/* Each gives a moment and three texts. One statement each: together they cost three times as much,
 * and most persons have but one kind. */
static const struct {
    enum person_recent which;
    const char *kind, *sql;
    void (*summary)(struct db_q *q, char *out, size_t cap);
} recent_kinds[] = {
    {PERSON_CALLS, "call",
     "SELECT started_at, direction, coalesce(disposition, state), agent FROM call WHERE person_id "
     "= "
     "$1 ORDER BY id DESC LIMIT 5",
     call_summary},
    {PERSON_TICKETS, "ticket",
     "SELECT opened_at, id, subject, state FROM ticket WHERE person_id = $1 ORDER BY opened_at "
     "DESC "
     "LIMIT 5",
     ticket_summary},
    {PERSON_MESSAGES, "message",
     "SELECT queued_at, channel, template, state FROM message WHERE person_id = $1 ORDER BY id "
     "DESC "
     "LIMIT 5",
     message_summary},
};

/* Where an event of that moment belongs, made free; NULL if it is older than those there are. */
static struct recent *recent_place(struct recents *all, int64_t at)
{
    int i = all->n;
    while (i > 0 && all->items[i - 1].at < at)
        i--;
    if (i == RECENT_MAX)
        return NULL;
    int behind = (all->n < RECENT_MAX ? all->n : RECENT_MAX - 1) - i;
    memmove(&all->items[i + 1], &all->items[i], (size_t)behind * sizeof(all->items[0]));
    all->n += all->n < RECENT_MAX;
    return &all->items[i];
}

static int recent_read(struct db *db, int64_t person_id, size_t k, struct recents *all)
{
    struct db_q *q = db_query(db, recent_kinds[k].sql);
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        int64_t at = db_int(q, 0);
        struct recent *r = recent_place(all, at);
        char text[512];
        if (!r)
            continue;
        r->at = at;
        r->kind = recent_kinds[k].kind;
        recent_kinds[k].summary(q, text, sizeof(text));
        text_copy(r->summary, sizeof(r->summary), text);
    }
    return db_end(q);
}

int repo_person_recent_json(struct db *db, int64_t person_id, unsigned which, struct jw *w)
{
    struct recents all;
    int rc = 0;
    all.n = 0;
    for (size_t k = 0; rc == 0 && k < ARRAY_LEN(recent_kinds); k++)
        if (which & recent_kinds[k].which)
            rc = recent_read(db, person_id, k, &all);
    jw_arr(w);
    for (int i = 0; i < all.n; i++) {
        jw_obj(w);
        jw_ktime(w, "at", all.items[i].at);
        jw_kstr(w, "kind", all.items[i].kind);
        jw_kstr(w, "summary", all.items[i].summary);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

/* ---- lists of texts ------------------------------------------------------------------------ */

static int text_list(struct db_q *q, int64_t person_id, struct jw *w)
{
    db_bind_int(q, 1, person_id);
    jw_arr(w);
    while (db_row(q))
        jw_str(w, db_str(q, 0));
    jw_end_arr(w);
    return db_end(q);
}

int repo_person_phones_json(struct db *db, int64_t person_id, struct jw *w)
{
    return text_list(db_query(db, "SELECT e164 FROM phone WHERE person_id = $1 ORDER BY pos"),
                     person_id, w);
}

int repo_person_emails_json(struct db *db, int64_t person_id, struct jw *w)
{
    return text_list(db_query(db, "SELECT address FROM email WHERE person_id = $1 ORDER BY pos"),
                     person_id, w);
}

int repo_person_phone_labels_json(struct db *db, int64_t person_id, struct jw *w)
{
    struct db_q *q =
        db_query(db, "SELECT e164, label FROM phone WHERE person_id = $1 ORDER BY pos");
    db_bind_int(q, 1, person_id);
    jw_obj(w);
    while (db_row(q))
        jw_kstr(w, db_str(q, 0), db_str(q, 1));
    jw_end_obj(w);
    return db_end(q);
}
