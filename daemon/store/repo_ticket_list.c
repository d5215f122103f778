/*
 * repo_ticket_list.c - which tickets: by person, place, responder, state; and their histories.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/household.h"
#include "store/repo_message.h"
#include "store/repo_ticket.h"

static int all_ids(struct db_q *q, struct ticket_ids *out)
{
    size_t cap = 0;
    *out = (struct ticket_ids){NULL, 0};
    while (db_row(q)) {
        if (out->n == cap) {
            cap = cap ? cap * 2 : 16;
            out->items = xrealloc(out->items, cap * sizeof(*out->items));
        }
        out->items[out->n++] = db_int(q, 0);
    }
    return db_end(q);
}

int repo_ticket_handed_by(struct db *db, const char *account, struct ticket_ids *out)
{
    struct db_q *q = db_query(db, "SELECT id FROM ticket WHERE responder=$1 AND closed_at IS NULL "
                                  "UNION SELECT id FROM ticket WHERE handover_json IS NOT NULL "
                                  "AND closed_at IS NULL ORDER BY 1");
    db_bind_text(q, 1, account);
    return all_ids(q, out);
}

int repo_ticket_exists(struct db *db, int64_t id, bool *yes)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM ticket WHERE id=$1");
    db_bind_int(q, 1, id);
    *yes = db_row(q);
    return db_end(q);
}

int repo_ticket_responder(struct db *db, int64_t id, char *out)
{
    struct db_q *q = db_query(db, "SELECT responder FROM ticket WHERE id=$1");
    db_bind_int(q, 1, id);
    text_copy(out, NAME_MAX_TEXT, db_row(q) ? db_str(q, 0) : "");
    return db_end(q);
}

static int first_id(struct db_q *q, int64_t *id)
{
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_ticket_live_of(struct db *db, int64_t person_id, const char *number, int64_t first,
                        int64_t *id)
{
    struct db_q *q = db_query(
        db, "SELECT id FROM ticket WHERE closed_at IS NULL AND state NOT IN ('closed','cancelled') "
            "AND (person_id=$1 OR caller=$2 OR id=$3) "
            "ORDER BY CASE WHEN id=$3 THEN 0 ELSE 1 END,id DESC LIMIT 1");
    db_bind_opt(q, 1, person_id);
    db_bind_text(q, 2, number);
    db_bind_int(q, 3, first);
    return first_id(q, id);
}

int repo_ticket_closed_of(struct db *db, int64_t person_id, const char *number, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM ticket WHERE state='closed' AND "
                                  "(person_id=$1 OR caller=$2) ORDER BY closed_at DESC,id DESC "
                                  "LIMIT 1");
    db_bind_opt(q, 1, person_id);
    db_bind_text(q, 2, number);
    return first_id(q, id);
}

int repo_ticket_of_household(struct db *db, int64_t person_id, int32_t today, int64_t only,
                             int64_t since, int64_t *id)
{
    struct db_q *q = db_query(
        db, "SELECT id FROM ticket WHERE person_id IN (" HOUSEHOLD_MEMBERS(
                "$1", "$2") ") AND person_id<>$1 AND state<>'cancelled' AND ($3=0 OR id=$3) AND "
                            "(closed_at IS NULL OR closed_at>=$4) "
                            "ORDER BY CASE WHEN closed_at IS NULL THEN 0 ELSE 1 END,id DESC "
                            "LIMIT 1");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, today);
    db_bind_int(q, 3, only);
    db_bind_int(q, 4, since);
    return first_id(q, id);
}

int repo_ticket_asking(struct db *db, int64_t person_id, const char *number,
                       void (*fn)(void *ctx, const struct asking_row *row), void *ctx)
{
    struct db_q *q = db_query(
        db, "SELECT t.id,coalesce(m.sent_at,m.queued_at,t.awaiting_at),m.id,m.text FROM ticket t "
            "LEFT JOIN message m ON m.id=(SELECT max(q.id) FROM message q WHERE q.ticket_id=t.id "
            "AND q.class<>'staff' AND q.template IN " MESSAGE_QUESTIONS
            " AND q.queued_at>=t.awaiting_at) "
            "WHERE t.state='awaiting_confirmation' AND t.closed_at IS NULL AND "
            "(t.person_id=$1 OR t.caller=$2) ORDER BY 2 DESC,t.id DESC LIMIT 16");
    db_bind_opt(q, 1, person_id);
    db_bind_text(q, 2, number);
    while (db_row(q)) {
        struct asking_row row = {.id = db_int(q, 0),
                                 .asked_at = db_int(q, 1),
                                 .message_id = db_int(q, 2),
                                 .question = db_text(q, 3)};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- lists ---- */

/* Every base begins with its own index and ends with the same conditions. $1 the cursor, $2 the
 * limit, $3 the base's own value, $4 the state or NULL, $5 1: live ones only, $6 the department,
 * $7 the responder, $8 the unit: what the base itself has not asked. */
#define LIST_TAIL                                                                                  \
    " AND t.id<$1 AND ($4 IS NULL OR t.state=$4) AND ($5=0 OR t.closed_at IS NULL)"                \
    " AND ($6 IS NULL OR EXISTS (SELECT 1 FROM dispatch d WHERE d.ticket_id=t.id"                  \
    " AND d.department=$6)) AND ($7 IS NULL OR t.responder=$7) AND ($8=0 OR t.unit_id=$8)"         \
    " ORDER BY t.id DESC LIMIT $2"

/* These indexes have one part for each 1,024 tickets, of which only the last one is written to:
 * where a unit stands in all of them would be a page of its own for every ticket that opens. */
#define IN_PARTS                                                                                   \
    "WITH RECURSIVE part (n) AS (SELECT max(id)/1024 FROM ticket WHERE id<$1 UNION ALL "           \
    "SELECT n-1 FROM part WHERE n>0) SELECT t.id FROM part CROSS JOIN ticket t "                   \
    "WHERE t.id/1024=part.n AND "

static const char *list_sql(const struct ticket_query *f)
{
    static const char by_person[] = "SELECT t.id FROM ticket t WHERE t.person_id=$3" LIST_TAIL;
    static const char by_unit[] = IN_PARTS "t.unit_id=$3" LIST_TAIL;
    static const char by_responder[] = IN_PARTS "t.responder=$3" LIST_TAIL;
    static const char by_live[] =
        "SELECT t.id FROM ticket t WHERE t.closed_at IS NULL AND $3 IS NULL" LIST_TAIL;
    static const char by_nothing[] = "SELECT t.id FROM ticket t WHERE $3 IS NULL" LIST_TAIL;
    if (f->person_id)
        return by_person;
    if (f->unit_id)
        return by_unit;
    if (f->responder)
        return by_responder;
    return f->live ? by_live : by_nothing;
}

int repo_ticket_list(struct db *db, const struct ticket_query *f, int64_t *ids, int *n)
{
    struct db_q *q = db_query(db, list_sql(f));
    bool by_responder = !f->person_id && !f->unit_id && f->responder;
    db_bind_int(q, 1, f->before);
    db_bind_int(q, 2, f->limit);
    if (f->person_id || f->unit_id)
        db_bind_int(q, 3, f->person_id ? f->person_id : f->unit_id);
    else
        db_bind_text(q, 3, f->responder);
    db_bind_text(q, 4, f->state);
    db_bind_int(q, 5, f->live);
    db_bind_text(q, 6, f->department);
    db_bind_text(q, 7, by_responder ? NULL : f->responder);
    db_bind_int(q, 8, f->person_id ? f->unit_id : 0);
    for (*n = 0; *n < f->limit && db_row(q); (*n)++)
        ids[*n] = db_int(q, 0);
    return db_end(q);
}

/* ---- histories ---- */

int repo_event_list(struct db *db, int64_t ticket_id, int64_t after, int limit, event_row_fn *fn,
                    void *ctx)
{
    struct db_q *q = db_query(db, "SELECT seq,at,by,kind,data,digest,hash FROM ticket_event "
                                  "WHERE ticket_id=$1 AND seq>$2 ORDER BY seq LIMIT $3");
    db_bind_int(q, 1, ticket_id);
    db_bind_int(q, 2, after);
    db_bind_int(q, 3, limit);
    while (db_row(q)) {
        struct event_row row = {.ticket_id = ticket_id,
                                .seq = db_int(q, 0),
                                .at = db_int(q, 1),
                                .by = db_text(q, 2),
                                .kind = db_text(q, 3),
                                .data = db_text(q, 4),
                                .digest = db_text(q, 5),
                                .hash = db_text(q, 6)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_event_of_clocks(struct db *db, int64_t ticket_id, int64_t since, event_row_fn *fn,
                         void *ctx)
{
    struct db_q *q = db_query(db, "SELECT kind,data FROM ticket_event WHERE ticket_id=$1 AND kind "
                                  "IN ('escalated','clock_started') AND at>=$2 ORDER BY seq");
    db_bind_int(q, 1, ticket_id);
    db_bind_int(q, 2, since);
    while (db_row(q)) {
        struct event_row row = {
            .ticket_id = ticket_id, .kind = db_str(q, 0), .data = db_text(q, 1)};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- for whoever checks them ---- */

int repo_event_chain(struct db *db, int64_t ticket_id, event_row_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT seq,at,by,kind,data,salt,digest,hash FROM ticket_event "
                                  "WHERE ticket_id=$1 ORDER BY seq");
    db_bind_int(q, 1, ticket_id);
    while (db_row(q)) {
        struct event_row row = {.ticket_id = ticket_id,
                                .seq = db_int(q, 0),
                                .at = db_int(q, 1),
                                .by = db_str(q, 2),
                                .kind = db_str(q, 3),
                                .data = db_text(q, 4),
                                .salt = db_text(q, 5),
                                .digest = db_str(q, 6),
                                .hash = db_str(q, 7)};
        fn(ctx, &row);
    }
    return db_end(q);
}

int repo_event_orphan(struct db *db, int64_t after, int64_t before, int64_t *id)
{
    static const char *const sql[] = {
        "SELECT min(ticket_id) FROM ticket_event WHERE ticket_id>$1 AND ticket_id<$2",
        "SELECT min(ticket_id) FROM clock WHERE ticket_id>$1 AND ticket_id<$2"};
    int rc = 0;
    *id = 0;
    for (size_t i = 0; rc == E_OK && !*id && i < ARRAY_LEN(sql); i++) {
        struct db_q *q = db_query(db, sql[i]);
        db_bind_int(q, 1, after);
        db_bind_int(q, 2, before);
        *id = db_row(q) ? db_int(q, 0) : 0;
        rc = db_end(q);
    }
    return rc;
}

int repo_ticket_heads(struct db *db, int64_t after, int max, struct ticket_head *out, int *n)
{
    struct db_q *q = db_query(db, "SELECT id,last_seq,last_hash FROM ticket WHERE id>$1 "
                                  "ORDER BY id LIMIT $2");
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, max);
    for (*n = 0; *n < max && db_row(q); (*n)++) {
        out[*n].id = db_int(q, 0);
        out[*n].last_seq = db_int(q, 1);
        text_copy(out[*n].last_hash, HISTORY_HEX, db_str(q, 2));
    }
    return db_end(q);
}
