/*
 * report_digest.c - one day's complaints: numbers, those that matter, and the text for directors.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/reports/reports.h"
#include "domain/ticket_id.h"

#define ITEMS_MAX 100
#define LINES_MAX 10 /* of the text */

struct digest {
    int64_t opened, closed, open, overdue;
};

/* A complaint that is listed: opened that day, or open and overdue. */
struct digest_item {
    char id[TICKET_ID_TEXT];
    const char *subject, *category, *estate, *building, *unit, *state, *responder;
    int64_t opened_at, cycle, urges;
    bool overdue;
};

#define LATE                                                                                       \
    "EXISTS (SELECT 1 FROM clock c WHERE c.ticket_id=t.id AND c.breached=1 AND "                   \
    "c.ended_at IS NULL AND c.name<>'no_answer')"

static int count(struct db *db, const char *sql, const struct digest_day *day, int64_t *out)
{
    struct db_q *q = db_query(db, sql);
    if (day) {
        db_bind_int(q, 1, day->from);
        db_bind_int(q, 2, day->to);
    }
    *out = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

static int read_numbers(struct db *db, const struct digest_day *day, struct digest *d)
{
    int rc = count(db,
                   "SELECT count(*) FROM ticket WHERE kind='complaint' AND opened_at>=$1 AND "
                   "opened_at<$2",
                   day, &d->opened);
    if (rc == E_OK)
        rc = count(db,
                   "SELECT count(*) FROM ticket WHERE kind='complaint' AND closed_at>=$1 AND "
                   "closed_at<$2 AND state='closed'",
                   day, &d->closed);
    if (rc == E_OK)
        rc = count(db, "SELECT count(*) FROM ticket WHERE kind='complaint' AND closed_at IS NULL",
                   NULL, &d->open);
    if (rc == E_OK)
        rc = count(db,
                   "SELECT count(*) FROM ticket t WHERE t.kind='complaint' AND "
                   "t.closed_at IS NULL AND " LATE,
                   NULL, &d->overdue);
    return rc;
}

static void read_item(struct db_q *q, struct digest_item *i)
{
    ticket_id_format(db_int(q, 0), i->id);
    i->subject = db_str(q, 1);
    i->category = db_text(q, 2);
    i->state = db_str(q, 3);
    i->responder = db_text(q, 4);
    i->opened_at = db_int(q, 5);
    i->cycle = db_int(q, 6);
    i->urges = db_int(q, 7);
    i->overdue = db_int(q, 8) != 0;
    i->estate = db_text(q, 9);
    i->building = db_text(q, 10);
    i->unit = db_text(q, 11);
}

/* The overdue ones first. */
static int each_item(struct db *db, const struct digest_day *day,
                     void (*fn)(void *ctx, const struct digest_item *i), void *ctx)
{
    struct digest_item item;
    struct db_q *q = db_query(
        db, "SELECT * FROM (SELECT t.id,t.subject,t.category,t.state,t.responder,t.opened_at,"
            "t.cycle,t.urges," LATE " AS late,e.name,b.name,u.name FROM ticket t "
            "LEFT JOIN unit u ON u.id=t.unit_id LEFT JOIN building b ON b.id=u.building_id "
            "LEFT JOIN estate e ON e.id=b.estate_id WHERE t.kind='complaint' AND "
            "((t.opened_at>=$1 AND t.opened_at<$2) OR t.closed_at IS NULL)) AS x "
            "WHERE late=1 OR opened_at>=$1 AND opened_at<$2 "
            "ORDER BY late DESC,opened_at,id LIMIT $3");
    db_bind_int(q, 1, day->from);
    db_bind_int(q, 2, day->to);
    db_bind_int(q, 3, ITEMS_MAX);
    while (db_row(q)) {
        read_item(q, &item);
        fn(ctx, &item);
    }
    return db_end(q);
}

/* ---- text ---- */

struct writing {
    struct buf *out;
    bool english;
    int64_t lines;
};

static void put_line(void *ctx, const struct digest_item *i)
{
    struct writing *w = ctx;
    bool en = w->english;
    if (w->lines++ >= LINES_MAX)
        return;
    buf_printf(w->out, "\n%s %s%s", i->id, i->subject, en ? " (" : "（");
    if (i->unit)
        buf_printf(w->out, "%s%s-%s%s", i->estate, i->building, i->unit, en ? ", " : "，");
    buf_adds(w->out, i->responder ? i->responder : en ? "nobody" : "无人负责");
    if (i->cycle > 1)
        buf_printf(w->out, en ? ", round %" PRId64 : "，第%" PRId64 "轮", i->cycle);
    if (i->overdue)
        buf_adds(w->out, en ? ", overdue" : "，超时");
    buf_adds(w->out, en ? ")" : "）");
}

static int write_text(struct db *db, const struct site *site, const struct digest_day *day,
                      const struct digest *d, struct buf *out)
{
    struct writing w = {.out = out, .english = site->site.lang == LANG_EN};
    char date[16];
    clock_format_date(day->day, date);
    buf_printf(out,
               w.english ? "Complaints of %s: %" PRId64 " opened, %" PRId64 " closed; %" PRId64
                           " open now, %" PRId64 " of them overdue."
                         : "%s 投诉：新增%" PRId64 "件，办结%" PRId64 "件；现未结%" PRId64
                           "件，其中超时%" PRId64 "件。",
               date, d->opened, d->closed, d->open, d->overdue);
    int rc = each_item(db, day, put_line, &w);
    if (w.lines > LINES_MAX)
        buf_printf(out, w.english ? "\nand %" PRId64 " more" : "\n另有%" PRId64 "件",
                   w.lines - LINES_MAX);
    return rc;
}

int digest_text(struct db *db, const struct site *site, const struct digest_day *day,
                struct buf *out)
{
    struct digest d;
    int rc = read_numbers(db, day, &d);
    if (rc < 0 || (!d.opened && !d.closed && !d.open))
        return rc;
    return write_text(db, site, day, &d, out);
}

/* ---- JSON ---- */

static void put_item(void *ctx, const struct digest_item *i)
{
    struct jw *w = ctx;
    jw_obj(w);
    jw_kstr(w, "id", i->id);
    jw_kstr(w, "subject", i->subject);
    jw_kstr(w, "category", i->category);
    jw_kstr(w, "estate", i->estate);
    jw_kstr(w, "building", i->building);
    jw_kstr(w, "unit", i->unit);
    jw_kstr(w, "state", i->state);
    jw_kstr(w, "responder", i->responder);
    jw_ktime(w, "opened_at", i->opened_at);
    jw_kint(w, "cycle", i->cycle);
    jw_kint(w, "urges", i->urges);
    jw_kbool(w, "overdue", i->overdue);
    jw_end_obj(w);
}

int digest_json(struct db *db, const struct site *site, const struct digest_day *day, struct jw *w)
{
    struct buf text = BUF_INIT(65536);
    struct digest d = {0};
    char date[16];
    int rc = read_numbers(db, day, &d);
    jw_obj(w);
    jw_kstr(w, "date", clock_format_date(day->day, date));
    jw_kint(w, "opened", d.opened);
    jw_kint(w, "closed", d.closed);
    jw_kint(w, "open", d.open);
    jw_kint(w, "overdue", d.overdue);
    jw_key(w, "items");
    jw_arr(w);
    if (rc == E_OK)
        rc = each_item(db, day, put_item, w);
    jw_end_arr(w);
    if (rc == E_OK)
        rc = write_text(db, site, day, &d, &text);
    jw_kstr(w, "text", buf_str(&text));
    jw_end_obj(w);
    buf_free(&text);
    return rc;
}
