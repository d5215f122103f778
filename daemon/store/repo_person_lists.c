/*
 * repo_person_lists.c - the lists that a CARD shows, each by one small query.
 */
#include "base/mem.h"
#include "store/household.h"
#include "store/repo_person.h"

#define HOUSEHOLD_MAX 50

int repo_person_household(struct db *db, int64_t person_id, int32_t today, household_fn *fn,
                          void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT o.person_id, (SELECT name FROM person WHERE id = o.person_id), o.role "
            "FROM " HOUSEHOLD_OF("$1", "$2") " AND o.person_id <> $1 ORDER BY o.person_id, o.id");
    int64_t last = 0;
    int n = 0;
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    while (n < HOUSEHOLD_MAX && db_row(q)) {
        if (db_int(q, 0) == last)
            continue; /* holds two units with them, or one in two ways */
        last = db_int(q, 0);
        n++;
        fn(ctx, last, db_str(q, 1), db_str(q, 2));
    }
    return db_end(q);
}

int repo_vehicle_each(struct db *db, int64_t person_id, vehicle_fn *fn, void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT plate, space FROM vehicle WHERE person_id = $1 ORDER BY id LIMIT 50");
    db_bind_int(q, 1, person_id);
    while (db_row(q))
        fn(ctx, db_str(q, 0), db_text(q, 1));
    return db_end(q);
}

int repo_phone_list(struct db *db, int64_t person_id, phone_fn *fn, void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT e164, label FROM phone WHERE person_id = $1 ORDER BY pos");
    db_bind_int(q, 1, person_id);
    while (db_row(q))
        fn(ctx, db_str(q, 0), db_str(q, 1));
    return db_end(q);
}

int repo_email_list(struct db *db, int64_t person_id, email_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT address FROM email WHERE person_id = $1 ORDER BY pos");
    db_bind_int(q, 1, person_id);
    while (db_row(q))
        fn(ctx, db_str(q, 0));
    return db_end(q);
}

int repo_person_open_tickets(struct db *db, int64_t person_id, person_ticket_fn *fn, void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT t.id, t.subject, t.state, t.responder, t.cycle, (SELECT min(c.due_at) FROM "
            "clock c WHERE c.ticket_id = t.id AND c.state = 'running') FROM ticket t "
            "WHERE t.person_id = $1 AND t.closed_at IS NULL ORDER BY t.opened_at DESC LIMIT 20");
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        struct person_ticket row = {.id = db_int(q, 0),
                                    .subject = db_str(q, 1),
                                    .state = db_str(q, 2),
                                    .responder = db_text(q, 3),
                                    .cycle = db_int(q, 4),
                                    .due_at = db_int(q, 5)};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* Each gives a moment, an id and three texts. */
static const struct {
    enum person_recent kind;
    const char *sql;
} recent_kinds[] = {
    {PERSON_CALLS,
     "SELECT started_at, id, direction, coalesce(disposition, state), agent FROM call "
     "WHERE person_id = $1 ORDER BY id DESC LIMIT 5"},
    {PERSON_TICKETS, "SELECT opened_at, id, subject, state, '' FROM ticket "
                     "WHERE person_id = $1 ORDER BY opened_at DESC LIMIT 5"},
    {PERSON_MESSAGES, "SELECT queued_at, id, channel, template, state FROM message "
                      "WHERE person_id = $1 ORDER BY id DESC LIMIT 5"},
};

int repo_person_recent(struct db *db, int64_t person_id, enum person_recent kind,
                       person_news_fn *fn, void *ctx)
{
    size_t k = 0;
    while (recent_kinds[k].kind != kind)
        k++;
    struct db_q *q = db_query(db, recent_kinds[k].sql);
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        struct person_news row = {.kind = kind,
                                  .at = db_int(q, 0),
                                  .id = db_int(q, 1),
                                  .words = {db_str(q, 2), db_str(q, 3), db_str(q, 4)}};
        fn(ctx, &row);
    }
    return db_end(q);
}
