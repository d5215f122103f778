/*
 * report_read.c - the appraisal's numbers: three queries over the tickets opened in a time, grouped
 * by whose they are.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/reports/report_priv.h"

#define ROWS_MAX 20000

/* ---- the queries ---- */

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

#define REPORT(word, by, clocks)                                                                   \
    {                                                                                              \
        word, by TICKETS, by clocks, by EVENTS, by SAMPLES                                         \
    }
static const struct {
    const char *word, *tickets, *clocks, *events, *samples;
} reports[] = {
    [REPORT_RESPONDER] = REPORT("responder", BY_RESPONDER, OWN_CLOCKS),
    [REPORT_DEPARTMENT] = REPORT("department", BY_DEPARTMENT, THEIR_CLOCKS),
    [REPORT_ESTATE] = REPORT("estate", BY_ESTATE, ALL_CLOCKS),
    [REPORT_CATEGORY] = REPORT("category", BY_CATEGORY, ALL_CLOCKS),
};

enum report_by report_by_parse(const char *word)
{
    size_t i = 0;
    while (i < REPORT_BYS && !text_eq(reports[i].word, word))
        i++;
    return (enum report_by)i;
}

const char *report_by_name(enum report_by by)
{
    return reports[by].word;
}

/* ---- counting ---- */

static struct report_row *row_of(struct appraisal *a, const char *key)
{
    struct report_row *r;
    HASH_FIND_STR(a->rows, key, r);
    if (r || HASH_COUNT(a->rows) >= ROWS_MAX)
        return r;
    r = xcalloc(1, sizeof(*r));
    text_copy(r->key, sizeof(r->key), key);
    HASH_ADD_STR(a->rows, key, r);
    return r;
}

static void add_reason(struct report_row *r, const char *reason, int64_t n)
{
    if (text_eq(reason, "wrong_number"))
        r->wrong_number += n;
    else if (text_eq(reason, "no_request"))
        r->no_request += n;
    else if (text_eq(reason, "duplicate"))
        r->duplicate += n;
    else if (text_eq(reason, "test"))
        r->test += n;
}

static void add_tickets(struct report_row *r, struct db_q *q)
{
    const char *state = db_str(q, 1), *kind = db_str(q, 2);
    int64_t n = db_int(q, 4);
    r->tickets += n;
    r->reopened += db_int(q, 5);
    r->urges += db_int(q, 7);
    if (db_int(q, 6) > r->cycles_max)
        r->cycles_max = db_int(q, 6);
    if (text_eq(state, "cancelled")) {
        r->cancelled += n;
        add_reason(r, db_str(q, 3), n);
    } else if (!text_eq(state, "closed")) {
        r->open += n;
    } else if (text_eq(kind, "confirmed")) {
        r->confirmed += n;
    } else if (text_eq(kind, "unconfirmed")) {
        r->unconfirmed += n;
    } else {
        r->supervisor_closed += n;
    }
}

static struct report_clock *clock_of(struct report_row *r, const char *name)
{
    for (size_t i = 0; i < r->clocks_n; i++)
        if (text_eq(r->clocks[i].name, name))
            return &r->clocks[i];
    if (r->clocks_n == REPORT_CLOCKS)
        return NULL;
    text_copy(r->clocks[r->clocks_n].name, sizeof(r->clocks[0].name), name);
    return &r->clocks[r->clocks_n++];
}

static void add_clocks(struct report_row *r, struct db_q *q)
{
    struct report_clock *c = clock_of(r, db_str(q, 1));
    const char *state = db_str(q, 2);
    bool breached = db_int(q, 3) != 0, kept = text_eq(state, "kept");
    int64_t n = db_int(q, 4);
    if (breached)
        r->broken += n;
    else if (kept)
        r->kept += n;
    if (!c)
        return;
    if (breached) {
        c->broken += n;
        c->late += kept ? n : 0;
    } else if (kept) {
        c->kept += n;
    } else if (text_eq(state, "cancelled")) {
        c->cancelled += n;
    } else {
        c->running += n;
    }
}

static void add_samples(struct report_row *r, struct db_q *q)
{
    int64_t n = db_int(q, 3);
    r->drawn += n;
    if (text_eq(db_str(q, 1), "unanswered"))
        r->unanswered += n;
    else if (text_eq(db_str(q, 1), "answered"))
        *(db_int(q, 2) ? &r->agreed : &r->disagreed) += n;
}

static void add_confirmed(struct report_row *r, const json_t *data)
{
    const char *via = json_string_value(json_object_get(data, "via"));
    int64_t score = json_integer_value(json_object_get(data, "score"));
    int64_t *counters[] = {&r->survey, &r->sms, &r->link, &r->call, &r->staff};
    static const char *const names[] = {"survey", "sms", "link", "call", "staff"};
    if (score) {
        r->answers++;
        r->score_sum += score;
    }
    if (!json_is_true(json_object_get(data, "satisfied"))) {
        r->unsatisfied++;
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_eq(names[i], via))
            ++*counters[i];
}

/* By responder, it is given by one and taken by another; else it is one of the row's. */
static void add_handover(struct appraisal *a, struct report_row *r, const json_t *data)
{
    const char *from = json_string_value(json_object_get(data, "from"));
    const char *to = json_string_value(json_object_get(data, "to"));
    bool people = a->query.by == REPORT_RESPONDER;
    struct report_row *giver = people ? row_of(a, from ? from : "") : r;
    struct report_row *taker = people ? row_of(a, to ? to : "") : r;
    if (!json_is_true(json_object_get(data, "moved")))
        return;
    if (giver)
        giver->given++;
    if (taker)
        taker->taken++;
    a->total.given++;
    a->total.taken++;
}

static int read_events(struct appraisal *a, struct db_q *q)
{
    bool full = false;
    while (db_row(q)) {
        const char *text = db_text(q, 2);
        json_t *data = text ? json_parse(text, strlen(text), NULL) : NULL; /* NULL: erased */
        struct report_row *r = row_of(a, db_str(q, 0));
        full |= !r;
        if (r && data && text_eq(db_str(q, 1), "confirmed")) {
            add_confirmed(r, data);
            add_confirmed(&a->total, data);
        } else if (r && data) {
            add_handover(a, r, data);
        }
        json_decref(data);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : full ? E_TOOBIG : 0;
}

static int read_groups(struct appraisal *a, struct db_q *q,
                       void (*add)(struct report_row *r, struct db_q *q))
{
    bool full = false;
    while (db_row(q)) {
        struct report_row *r = row_of(a, db_str(q, 0));
        full |= !r;
        if (!r)
            continue;
        add(r, q);
        add(&a->total, q);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : full ? E_TOOBIG : 0;
}

/* ---- names ---- */

static int name_account(struct db *db, struct report_row *r)
{
    struct db_q *q = db_query(db, "SELECT display FROM account WHERE name=$1");
    db_bind_text(q, 1, r->key);
    if (db_row(q))
        text_copy(r->name, sizeof(r->name), db_str(q, 0));
    return db_end(q);
}

static const char *configured_name(const struct appraisal_query *q, const char *key)
{
    const struct site_department *d = site_department(q->site, key);
    const struct site_category *c = site_category(q->site, key);
    const struct local_text *t = q->by == REPORT_DEPARTMENT ? d ? &d->title : NULL
                                 : c                        ? &c->title
                                                            : NULL;
    return t ? local_text_get(t, q->site->site.lang) : NULL;
}

static int name_rows(struct db *db, struct appraisal *a)
{
    struct report_row *r, *tmp;
    int rc = 0;
    HASH_ITER (hh, a->rows, r, tmp) {
        const char *name = NULL;
        if (a->query.by == REPORT_RESPONDER && rc == E_OK)
            rc = name_account(db, r);
        else if (a->query.by != REPORT_ESTATE)
            name = configured_name(&a->query, r->key);
        if (name || !*r->name)
            text_copy(r->name, sizeof(r->name), name ? name : r->key);
    }
    return rc;
}

static int by_key(const struct report_row *a, const struct report_row *b)
{
    return strcmp(a->key, b->key);
}

static struct db_q *ask(struct db *db, const struct appraisal_query *query, const char *sql)
{
    struct db_q *q = db_query(db, sql);
    db_bind_int(q, 1, query->from);
    db_bind_int(q, 2, query->to);
    return q;
}

int appraisal_read(struct db *db, const struct appraisal_query *q, struct appraisal **out)
{
    struct appraisal *a = xcalloc(1, sizeof(*a));
    int rc;
    a->query = *q;
    rc = read_groups(a, ask(db, q, reports[q->by].tickets), add_tickets);
    if (rc == E_OK)
        rc = read_groups(a, ask(db, q, reports[q->by].clocks), add_clocks);
    if (rc == E_OK)
        rc = read_groups(a, ask(db, q, reports[q->by].samples), add_samples);
    if (rc == E_OK)
        rc = read_events(a, ask(db, q, reports[q->by].events));
    if (rc == E_OK)
        rc = name_rows(db, a);
    a->query.site = NULL;
    HASH_SORT(a->rows, by_key);
    if (rc < 0)
        appraisal_free(&a);
    *out = a;
    return rc;
}

void appraisal_free(struct appraisal **ap)
{
    struct report_row *r, *tmp;
    if (!*ap)
        return;
    HASH_ITER (hh, (*ap)->rows, r, tmp) {
        HASH_DEL((*ap)->rows, r);
        free(r);
    }
    free(*ap);
    *ap = NULL;
}
