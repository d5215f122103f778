/*
 * report_write.c - an appraisal as JSON and as CSV.
 */
#include <inttypes.h>
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/reports/report_priv.h"

/* ---- the numbers of a row: one table for both forms ---- */

#define N(member)                                                                                  \
    {                                                                                              \
#member, offsetof(struct report_row, member)                                               \
    }
struct number {
    const char *name;
    size_t at;
};

static const struct number counts[] = {
    N(tickets),           N(open),       N(confirmed), N(unconfirmed),
    N(supervisor_closed), N(cancelled),  N(kept),      N(broken),
    N(reopened),          N(cycles_max), N(urges),     N(unsatisfied)};
static const struct number cancels[] = {N(wrong_number), N(no_request), N(duplicate), N(test)};
static const struct number vias[] = {N(survey), N(sms), N(link), N(call)};
static const struct number samples[] = {N(drawn), N(agreed), N(disagreed), N(unanswered)};
static const struct number handovers[] = {N(given), N(taken)};

#define C(member)                                                                                  \
    {                                                                                              \
        "_" #member, offsetof(struct report_clock, member)                                         \
    }
static const struct number clock_numbers[] = {C(kept), C(broken), C(late), C(running),
                                              C(cancelled)};

static const char *const csv_clocks[] = {"claim",   "first_reply", "accept",  "progress",
                                         "resolve", "feedback",    "confirm", "handover"};

static int64_t number_at(const struct report_row *r, const struct number *n)
{
    return *(const int64_t *)((const char *)r + n->at);
}

/* Thousandths; 0 when nobody gave one. */
static int64_t average(const struct report_row *r)
{
    return r->answers ? (r->score_sum * 1000 + r->answers / 2) / r->answers : 0;
}

/* ---- JSON ---- */

static void put_numbers(struct jw *w, const struct report_row *r, const struct number *n,
                        size_t count)
{
    for (size_t i = 0; i < count; i++)
        jw_kint(w, n[i].name, number_at(r, &n[i]));
}

static void put_object(struct jw *w, const char *key, const struct report_row *r,
                       const struct number *n, size_t count)
{
    jw_key(w, key);
    jw_obj(w);
    put_numbers(w, r, n, count);
    jw_end_obj(w);
}

static void put_clocks(struct jw *w, const struct report_row *r)
{
    jw_key(w, "clocks");
    jw_obj(w);
    for (size_t i = 0; i < r->clocks_n; i++) {
        const struct report_clock *c = &r->clocks[i];
        jw_key(w, c->name);
        jw_obj(w);
        for (size_t j = 0; j < ARRAY_LEN(clock_numbers); j++)
            jw_kint(w, clock_numbers[j].name + 1,
                    *(const int64_t *)((const char *)c + clock_numbers[j].at));
        jw_end_obj(w);
    }
    jw_end_obj(w);
}

static void put_row(struct jw *w, const struct report_row *r)
{
    put_numbers(w, r, counts, ARRAY_LEN(counts));
    put_object(w, "cancels", r, cancels, ARRAY_LEN(cancels));
    put_clocks(w, r);
    put_object(w, "confirmations", r, vias, ARRAY_LEN(vias));
    jw_kint(w, "staff_confirmations", r->staff);
    put_object(w, "sample", r, samples, ARRAY_LEN(samples));
    jw_key(w, "satisfaction");
    jw_obj(w);
    jw_kint(w, "answers", r->answers);
    jw_key(w, "average");
    if (r->answers)
        jw_milli(w, average(r));
    else
        jw_null(w);
    jw_end_obj(w);
    put_object(w, "handovers", r, handovers, ARRAY_LEN(handovers));
}

void appraisal_json(const struct appraisal *a, struct jw *w)
{
    const struct report_row *r;
    jw_obj(w);
    jw_ktime(w, "from", a->query.from);
    jw_ktime(w, "to", a->query.to);
    jw_kstr(w, "by", report_by_name(a->query.by));
    jw_key(w, "items");
    jw_arr(w);
    for (r = a->rows; r; r = r->hh.next) {
        jw_obj(w);
        jw_kstr(w, "key", *r->key ? r->key : NULL);
        jw_kstr(w, "name", *r->key ? r->name : NULL);
        put_row(w, r);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    jw_key(w, "total");
    jw_obj(w);
    put_row(w, &a->total);
    jw_end_obj(w);
    jw_end_obj(w);
}

/* ---- CSV ---- */

/* Quoted always; what a spreadsheet would take for a formula gets an apostrophe before it. */
static void cell(struct buf *out, const char *s)
{
    buf_adds(out, *s && strchr("=+-@\t\r", *s) ? "\"'" : "\"");
    for (; *s; s++) {
        if (*s == '"')
            buf_addc(out, '"');
        buf_addc(out, *s);
    }
    buf_addc(out, '"');
}

static void head_of(struct buf *out, const char *prefix, const struct number *n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, ",%s%s", prefix, n[i].name);
}

static void numbers_of(struct buf *out, const struct report_row *r, const struct number *n,
                       size_t count)
{
    for (size_t i = 0; i < count; i++)
        buf_printf(out, ",%" PRId64, number_at(r, &n[i]));
}

static void csv_head(struct buf *out)
{
    buf_adds(out, "key,name");
    head_of(out, "", counts, ARRAY_LEN(counts));
    head_of(out, "cancelled_", cancels, ARRAY_LEN(cancels));
    head_of(out, "confirmed_", vias, ARRAY_LEN(vias));
    buf_adds(out, ",confirmed_staff,answers,satisfaction");
    head_of(out, "sample_", samples, ARRAY_LEN(samples));
    head_of(out, "handovers_", handovers, ARRAY_LEN(handovers));
    for (size_t i = 0; i < ARRAY_LEN(csv_clocks); i++)
        head_of(out, csv_clocks[i], clock_numbers, ARRAY_LEN(clock_numbers));
    buf_adds(out, "\r\n");
}

static void csv_clock(struct buf *out, const struct report_row *r, const char *name)
{
    static const struct report_clock none;
    const struct report_clock *c = &none;
    for (size_t i = 0; i < r->clocks_n; i++)
        if (text_eq(r->clocks[i].name, name))
            c = &r->clocks[i];
    for (size_t i = 0; i < ARRAY_LEN(clock_numbers); i++)
        buf_printf(out, ",%" PRId64, *(const int64_t *)((const char *)c + clock_numbers[i].at));
}

static void csv_row(struct buf *out, const struct report_row *r)
{
    cell(out, r->key);
    buf_addc(out, ',');
    cell(out, *r->key ? r->name : "");
    numbers_of(out, r, counts, ARRAY_LEN(counts));
    numbers_of(out, r, cancels, ARRAY_LEN(cancels));
    numbers_of(out, r, vias, ARRAY_LEN(vias));
    buf_printf(out, ",%" PRId64 ",%" PRId64 ",", r->staff, r->answers);
    if (r->answers)
        buf_printf(out, "%" PRId64 ".%03" PRId64, average(r) / 1000, average(r) % 1000);
    numbers_of(out, r, samples, ARRAY_LEN(samples));
    numbers_of(out, r, handovers, ARRAY_LEN(handovers));
    for (size_t i = 0; i < ARRAY_LEN(csv_clocks); i++)
        csv_clock(out, r, csv_clocks[i]);
    buf_adds(out, "\r\n");
}

void appraisal_csv(const struct appraisal *a, struct buf *out)
{
    const struct report_row *r;
    csv_head(out);
    for (r = a->rows; r; r = r->hh.next)
        csv_row(out, r);
}
