/*
 * site_hours.c - working hours as the file writes them, {mon-fri: ["08:30-12:00", "13:30-18:00"],
 * sat: …}, into spans of minutes for each day of the week.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/site_priv.h"

#define DAY_MINUTES 1440
#define WEEK        7

static const char *const days[WEEK] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int day_of(const char *s, size_t len)
{
    for (int i = 0; i < WEEK; i++)
        if (len == 3 && strncasecmp(s, days[i], 3) == 0)
            return i;
    return -1;
}

/* "mon", "mon-fri", "fri-mon" (over the week's end), "mon,wed,fri" into bits; 0 when it is none. */
static unsigned days_parse(const char *s)
{
    unsigned bits = 0;
    for (;;) {
        size_t len = strcspn(s, ",");
        const char *dash = memchr(s, '-', len);
        int from = day_of(s, dash ? (size_t)(dash - s) : len);
        int to = dash ? day_of(dash + 1, len - (size_t)(dash + 1 - s)) : from;
        if (from < 0 || to < 0)
            return 0;
        for (int d = from;; d = (d + 1) % WEEK) {
            bits |= 1u << d;
            if (d == to)
                break;
        }
        if (s[len] == '\0')
            return bits;
        s += len + 1 + strspn(s + len + 1, " ");
    }
}

/* "08:30" or "24:00" to minutes; -1 when it is none. */
static int minutes_parse(const char *s)
{
    int64_t h, m;
    char hours[3];
    if (s[0] == '\0' || s[1] == '\0' || s[2] != ':' || !text_copyn(hours, sizeof(hours), s, 2))
        return -1;
    char minutes[3] = {s[3], s[3] ? s[4] : '\0', '\0'};
    if (strlen(minutes) != 2 || text_int(hours, 0, 24, &h) < 0 || text_int(minutes, 0, 59, &m) < 0)
        return -1;
    return h * 60 + m <= DAY_MINUTES ? (int)(h * 60 + m) : -1;
}

static void day_add(struct site_day *day, int from, int to)
{
    if (from == to)
        return;
    day->spans = xrealloc(day->spans, (day->spans_n + 1) * sizeof(*day->spans));
    day->spans[day->spans_n++] = (struct site_hours){from, to};
}

/* "22:00-06:00" runs into the next day. */
static void week_add(struct site_day *week, unsigned bits, int from, int to)
{
    for (int d = 0; d < WEEK; d++) {
        if (!(bits & (1u << d)))
            continue;
        day_add(&week[d], from, to > from ? to : DAY_MINUTES);
        if (to < from)
            day_add(&week[(d + 1) % WEEK], 0, to);
    }
}

static int read_span(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     unsigned bits, struct site_day *week)
{
    const char *s = conf_expect_scalar(cx, key, n, "hours such as \"08:30-12:00\"");
    if (!s)
        return E_INVALID;
    int from = strlen(s) == 11 && s[5] == '-' ? minutes_parse(s) : -1;
    int to = from >= 0 ? minutes_parse(s + 6) : -1;
    if (from < 0 || to < 0 || from == to || from == DAY_MINUTES) {
        conf_fault_at(cx->faults, n, "%s: '%s' are no hours such as \"08:30-12:00\"", key->name, s);
        return E_INVALID;
    }
    week_add(week, bits, from, to);
    return E_OK;
}

static int by_start(const void *a, const void *b)
{
    const struct site_hours *x = a, *y = b;
    return x->from - y->from;
}

/* In order, and none over another. */
static int settle(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                  struct site_day *week)
{
    int rc = E_OK;
    for (int d = 0; d < WEEK; d++) {
        struct site_day *day = &week[d];
        if (day->spans_n > 1)
            qsort(day->spans, day->spans_n, sizeof(*day->spans), by_start);
        for (size_t i = 1; i < day->spans_n; i++) {
            if (day->spans[i].from >= day->spans[i - 1].to)
                continue;
            conf_fault_at(cx->faults, n, "%s: hours of %s overlap", key->name, days[d]);
            rc = E_INVALID;
        }
    }
    return rc;
}

static void clear_hours(const struct conf_key *key, void *field)
{
    struct site_day *week = field;
    for (int d = 0; d < WEEK; d++) {
        free(week[d].spans);
        week[d] = (struct site_day){0};
    }
}

static int read_row(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *name,
                    const struct conf_node *n, struct site_day *week)
{
    unsigned bits = days_parse(name->text);
    int rc = E_OK;
    if (!bits) {
        conf_fault_at(cx->faults, name, "unknown key '%s': days are mon, tue … or mon-fri",
                      name->text);
        return E_INVALID;
    }
    if (n->kind != CONF_SEQUENCE)
        return conf_node_is_null(n) ? E_OK : read_span(cx, key, n, bits, week);
    for (size_t i = 0; i < n->n; i++)
        if (read_span(cx, key, n->values[i], bits, week) < 0)
            rc = E_INVALID;
    return rc;
}

static int read_hours(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field)
{
    struct site_day *week = field;
    int rc = E_OK;
    clear_hours(key, field);
    if (n->kind != CONF_MAPPING) {
        conf_fault_at(cx->faults, n, "%s: expected hours by day such as {mon-fri: \"09:00-18:00\"}",
                      key->name);
        return E_INVALID;
    }
    for (size_t i = 0; i < n->n; i++)
        if (read_row(cx, key, n->keys[i], n->values[i], week) < 0)
            rc = E_INVALID;
    return settle(cx, key, n, week) < 0 ? E_INVALID : rc;
}

static void write_hours(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct site_day *week = field;
    jw_obj(&out->w);
    for (int d = 0; d < WEEK; d++) {
        if (!week[d].spans_n)
            continue;
        jw_key(&out->w, days[d]);
        jw_arr(&out->w);
        for (size_t i = 0; i < week[d].spans_n; i++) {
            const struct site_hours *h = &week[d].spans[i];
            char text[64];
            (void)snprintf(text, sizeof(text), "%02d:%02d-%02d:%02d", h->from / 60, h->from % 60,
                           h->to / 60, h->to % 60);
            jw_str(&out->w, text);
        }
        jw_end_arr(&out->w);
    }
    jw_end_obj(&out->w);
}

const struct conf_kind site_hours_kind = {"hours by day", read_hours, clear_hours, write_hours};
