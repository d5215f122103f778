/*
 * report_read.c - the appraisal's numbers, counted from what the store groups (repo_report.h).
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/reports/report_priv.h"
#include "store/repo_account.h"

#define ROWS_MAX 20000

static const char *const words[REPORT_BYS] = {"responder", "department", "estate", "category"};

enum report_by report_by_parse(const char *word)
{
    size_t i = 0;
    while (i < REPORT_BYS && !text_eq(words[i], word))
        i++;
    return (enum report_by)i;
}

const char *report_by_name(enum report_by by)
{
    return words[by];
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

static void add_tickets(struct report_row *r, const struct report_tickets *t)
{
    int64_t n = t->n;
    r->tickets += n;
    r->reopened += t->reopened;
    r->urges += t->urges;
    if (t->cycles_max > r->cycles_max)
        r->cycles_max = t->cycles_max;
    if (text_eq(t->state, "cancelled")) {
        r->cancelled += n;
        add_reason(r, t->cancel_reason, n);
    } else if (!text_eq(t->state, "closed")) {
        r->open += n;
    } else if (text_eq(t->close_kind, "confirmed")) {
        r->confirmed += n;
    } else if (text_eq(t->close_kind, "unconfirmed")) {
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

static void add_clocks(struct report_row *r, const struct report_clocks *counted)
{
    struct report_clock *c = clock_of(r, counted->name);
    bool breached = counted->breached, kept = text_eq(counted->state, "kept");
    int64_t n = counted->n;
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
    } else if (text_eq(counted->state, "cancelled")) {
        c->cancelled += n;
    } else {
        c->running += n;
    }
}

static void add_samples(struct report_row *r, const struct report_samples *s)
{
    r->drawn += s->n;
    if (text_eq(s->state, "unanswered"))
        r->unanswered += s->n;
    else if (text_eq(s->state, "answered"))
        *(s->satisfied ? &r->agreed : &r->disagreed) += s->n;
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

/* A reading under way; full once there are more rows than a report has. */
struct counting {
    struct appraisal *a;
    bool full;
};

static struct report_row *counted_row(struct counting *c, const char *key)
{
    struct report_row *r = row_of(c->a, key);
    c->full |= !r;
    return r;
}

static void count_tickets(void *ctx, const struct report_tickets *t)
{
    struct counting *c = ctx;
    struct report_row *r = counted_row(c, t->key);
    if (!r)
        return;
    add_tickets(r, t);
    add_tickets(&c->a->total, t);
}

static void count_clocks(void *ctx, const struct report_clocks *t)
{
    struct counting *c = ctx;
    struct report_row *r = counted_row(c, t->key);
    if (!r)
        return;
    add_clocks(r, t);
    add_clocks(&c->a->total, t);
}

static void count_samples(void *ctx, const struct report_samples *s)
{
    struct counting *c = ctx;
    struct report_row *r = counted_row(c, s->key);
    if (!r)
        return;
    add_samples(r, s);
    add_samples(&c->a->total, s);
}

static void count_event(void *ctx, const char *key, const char *kind, const char *text)
{
    struct counting *c = ctx;
    json_t *data = text ? json_parse(text, strlen(text), NULL) : NULL; /* NULL: erased */
    struct report_row *r = counted_row(c, key);
    if (r && data && text_eq(kind, "confirmed")) {
        add_confirmed(r, data);
        add_confirmed(&c->a->total, data);
    } else if (r && data) {
        add_handover(c->a, r, data);
    }
    json_decref(data);
}

/* ---- names ---- */

static int name_account(struct db *db, struct report_row *r)
{
    struct account_row account;
    int rc = repo_account_get(db, r->key, &account);
    if (rc == E_OK)
        text_copy(r->name, sizeof(r->name), account.display);
    return rc == E_NOTFOUND ? 0 : rc;
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

int appraisal_read(struct db *db, const struct appraisal_query *q, struct appraisal **out)
{
    struct appraisal *a = xcalloc(1, sizeof(*a));
    struct counting c = {.a = a};
    struct report_group query = {.by = q->by, .from = q->from, .to = q->to};
    a->query = *q;
    int rc = repo_report_tickets(db, &query, count_tickets, &c);
    if (rc == E_OK)
        rc = repo_report_clocks(db, &query, count_clocks, &c);
    if (rc == E_OK)
        rc = repo_report_samples(db, &query, count_samples, &c);
    if (rc == E_OK)
        rc = repo_report_events(db, &query, count_event, &c);
    if (rc == E_OK && c.full)
        rc = E_TOOBIG;
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
