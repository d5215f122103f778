/*
 * repo_report.c - the reports' statements: tickets of a time and whose they are, then what is
 * counted of them.
 */
#include "store/repo_report.h"

#define SPAN "t.opened_at>=$1 AND t.opened_at<$2"

/* Tickets and whose they are: p(id,k). A ticket may be of several departments. */
#define BY_RESPONDER                                                                               \
    "WITH p AS (SELECT t.id AS id,coalesce(t.responder,'') AS k FROM ticket t WHERE " SPAN ") "
#define BY_DEPARTMENT                                                                              \
    "WITH p AS (SELECT DISTINCT t.id AS id,d.department AS k FROM ticket t "                       \
    "JOIN dispatch d ON d.ticket_id=t.id WHERE " SPAN ") "
#define BY_ESTATE                                                                                  \
    "WITH p AS (SELECT t.id AS id,coalesce(e.name,'') AS k FROM ticket t "                         \
    "LEFT JOIN unit u ON u.id=t.unit_id LEFT JOIN building b ON b.id=u.building_id "               \
    "LEFT JOIN estate e ON e.id=b.estate_id WHERE " SPAN ") "
#define BY_CATEGORY                                                                                \
    "WITH p AS (SELECT t.id AS id,coalesce(t.category,'') AS k FROM ticket t WHERE " SPAN ") "

#define TICKETS                                                                                    \
    "SELECT p.k,t.state,t.close_kind,CASE WHEN t.state='cancelled' THEN t.close_reason END,"       \
    "count(*),sum(t.cycle-1),max(t.cycle),sum(t.urges) FROM p JOIN ticket t ON t.id=p.id "         \
    "GROUP BY 1,2,3,4"
#define CLOCKS                                                                                     \
    "SELECT p.k,c.name,c.state,c.breached,count(*) FROM p JOIN clock c ON "                        \
    "c.ticket_id=p.id "
#define ALL_CLOCKS CLOCKS "WHERE c.name NOT IN ('no_answer','successor') GROUP BY 1,2,3,4"
#define OWN_CLOCKS                                                                                 \
    CLOCKS "WHERE c.name NOT IN ('claim','accept','progress','handover','no_answer','successor') " \
           "GROUP BY 1,2,3,4"
#define THEIR_CLOCKS                                                                               \
    CLOCKS "JOIN dispatch d ON d.ticket_id=p.id AND d.n=c.dispatch AND d.department=p.k WHERE "    \
           "c.name IN ('accept','progress') GROUP BY 1,2,3,4"
#define EVENTS                                                                                     \
    "SELECT p.k,e.kind,e.data FROM p JOIN ticket_event e ON e.ticket_id=p.id WHERE e.kind IN "     \
    "('confirmed','handover_accepted','handover_approved')"
#define SAMPLES                                                                                    \
    "SELECT p.k,s.state,s.satisfied,count(*) FROM p JOIN survey s ON s.ticket_id=p.id WHERE "      \
    "s.purpose='sample' GROUP BY 1,2,3"

#define REPORT(by, clocks)                                                                         \
    {                                                                                              \
        by TICKETS, by clocks, by EVENTS, by SAMPLES                                               \
    }
static const struct {
    const char *tickets, *clocks, *events, *samples;
} statements[] = {
    [REPORT_RESPONDER] = REPORT(BY_RESPONDER, OWN_CLOCKS),
    [REPORT_DEPARTMENT] = REPORT(BY_DEPARTMENT, THEIR_CLOCKS),
    [REPORT_ESTATE] = REPORT(BY_ESTATE, ALL_CLOCKS),
    [REPORT_CATEGORY] = REPORT(BY_CATEGORY, ALL_CLOCKS),
};

static struct db_q *ask(struct db *db, const struct report_group *query, const char *sql)
{
    struct db_q *q = db_query(db, sql);
    db_bind_int(q, 1, query->from);
    db_bind_int(q, 2, query->to);
    return q;
}

int repo_report_tickets(struct db *db, const struct report_group *query,
                        void (*fn)(void *ctx, const struct report_tickets *r), void *ctx)
{
    struct db_q *q = ask(db, query, statements[query->by].tickets);
    while (db_row(q)) {
        struct report_tickets r = {.key = db_str(q, 0),
                                   .state = db_str(q, 1),
                                   .close_kind = db_str(q, 2),
                                   .cancel_reason = db_str(q, 3),
                                   .n = db_int(q, 4),
                                   .reopened = db_int(q, 5),
                                   .cycles_max = db_int(q, 6),
                                   .urges = db_int(q, 7)};
        fn(ctx, &r);
    }
    return db_end(q);
}

int repo_report_clocks(struct db *db, const struct report_group *query,
                       void (*fn)(void *ctx, const struct report_clocks *r), void *ctx)
{
    struct db_q *q = ask(db, query, statements[query->by].clocks);
    while (db_row(q)) {
        struct report_clocks r = {.key = db_str(q, 0),
                                  .name = db_str(q, 1),
                                  .state = db_str(q, 2),
                                  .breached = db_int(q, 3) != 0,
                                  .n = db_int(q, 4)};
        fn(ctx, &r);
    }
    return db_end(q);
}

int repo_report_samples(struct db *db, const struct report_group *query,
                        void (*fn)(void *ctx, const struct report_samples *r), void *ctx)
{
    struct db_q *q = ask(db, query, statements[query->by].samples);
    while (db_row(q)) {
        struct report_samples r = {.key = db_str(q, 0),
                                   .state = db_str(q, 1),
                                   .satisfied = db_int(q, 2) != 0,
                                   .n = db_int(q, 3)};
        fn(ctx, &r);
    }
    return db_end(q);
}

int repo_report_events(struct db *db, const struct report_group *query,
                       void (*fn)(void *ctx, const char *key, const char *kind, const char *data),
                       void *ctx)
{
    struct db_q *q = ask(db, query, statements[query->by].events);
    while (db_row(q))
        fn(ctx, db_str(q, 0), db_str(q, 1), db_text(q, 2));
    return db_end(q);
}

/* ---- the day's complaints ---- */

#define LATE                                                                                       \
    "EXISTS (SELECT 1 FROM clock c WHERE c.ticket_id=t.id AND c.breached=1 AND "                   \
    "c.ended_at IS NULL AND c.name<>'no_answer')"

static int one(struct db_q *q, int64_t *out)
{
    *out = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

static int between(struct db *db, const char *sql, int64_t from, int64_t to, int64_t *out)
{
    struct db_q *q = db_query(db, sql);
    db_bind_int(q, 1, from);
    db_bind_int(q, 2, to);
    return one(q, out);
}

int repo_report_complaints(struct db *db, int64_t from, int64_t to, struct complaint_counts *out)
{
    int rc = between(db,
                     "SELECT count(*) FROM ticket WHERE kind='complaint' AND opened_at>=$1 AND "
                     "opened_at<$2",
                     from, to, &out->opened);
    if (rc == E_OK)
        rc = between(db,
                     "SELECT count(*) FROM ticket WHERE kind='complaint' AND closed_at>=$1 AND "
                     "closed_at<$2 AND state='closed'",
                     from, to, &out->closed);
    if (rc == E_OK)
        rc = one(db_query(db, "SELECT count(*) FROM ticket WHERE kind='complaint' AND "
                              "closed_at IS NULL"),
                 &out->open);
    if (rc == E_OK)
        rc = one(db_query(db, "SELECT count(*) FROM ticket t WHERE t.kind='complaint' AND "
                              "t.closed_at IS NULL AND " LATE),
                 &out->overdue);
    return rc;
}

static void read_line(struct db_q *q, struct complaint_line *l)
{
    l->ticket_id = db_int(q, 0);
    l->subject = db_str(q, 1);
    l->category = db_text(q, 2);
    l->state = db_str(q, 3);
    l->responder = db_text(q, 4);
    l->opened_at = db_int(q, 5);
    l->cycle = db_int(q, 6);
    l->urges = db_int(q, 7);
    l->overdue = db_int(q, 8) != 0;
    l->estate = db_text(q, 9);
    l->building = db_text(q, 10);
    l->unit = db_text(q, 11);
}

int repo_report_complaint_each(struct db *db, int64_t from, int64_t to, int max,
                               void (*fn)(void *ctx, const struct complaint_line *line), void *ctx)
{
    struct complaint_line line;
    struct db_q *q = db_query(
        db, "SELECT * FROM (SELECT t.id,t.subject,t.category,t.state,t.responder,t.opened_at,"
            "t.cycle,t.urges," LATE " AS late,e.name,b.name,u.name FROM ticket t "
            "LEFT JOIN unit u ON u.id=t.unit_id LEFT JOIN building b ON b.id=u.building_id "
            "LEFT JOIN estate e ON e.id=b.estate_id WHERE t.kind='complaint' AND "
            "((t.opened_at>=$1 AND t.opened_at<$2) OR t.closed_at IS NULL)) AS x "
            "WHERE late=1 OR opened_at>=$1 AND opened_at<$2 "
            "ORDER BY late DESC,opened_at,id LIMIT $3");
    db_bind_int(q, 1, from);
    db_bind_int(q, 2, to);
    db_bind_int(q, 3, max);
    while (db_row(q)) {
        read_line(q, &line);
        fn(ctx, &line);
    }
    return db_end(q);
}

/* ---- sent ---- */

int repo_report_was_sent(struct db *db, int32_t day, bool *sent)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM report_sent WHERE kind='digest' AND day=$1");
    db_bind_int(q, 1, day);
    *sent = db_row(q);
    return db_end(q);
}

int repo_report_mark_sent(struct db *db, int32_t day, int64_t now, bool *mine)
{
    struct db_q *q = db_query(db, "INSERT INTO report_sent (kind,day,at) VALUES ('digest',$1,$2) "
                                  "ON CONFLICT DO NOTHING RETURNING day");
    db_bind_int(q, 1, day);
    db_bind_int(q, 2, now);
    *mine = db_row(q);
    return db_end(q);
}
