/*
 * metrics.c - collects the samples of all parts into families and prints them.
 */
#include "spine/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <uthash.h>

#include "base/mem.h"

#define FAMILY_MAX (1u << 20)

static const char *const type_names[] = {[METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge"};

static const int64_t bounds_us[METRICS_BUCKETS] = {100,    250,     500,     1000,    2500,
                                                   5000,   10000,   25000,   50000,   100000,
                                                   250000, 1000000, 5000000, 10000000};

struct collector {
    metrics_cb *cb;
    void *ctx;
    struct collector *next;
};

struct metrics {
    struct collector *collectors;
};

/* One name with its samples, in the order in which names first came. */
struct family {
    char *name;
    struct buf text;
    UT_hash_handle hh;
};

struct metrics_out {
    struct family *families;
};

struct metrics *metrics_new(void)
{
    return xcalloc(1, sizeof(struct metrics));
}

void metrics_free(struct metrics **m)
{
    if (!*m)
        return;
    for (struct collector *c = (*m)->collectors, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    free(*m);
    *m = NULL;
}

void metrics_add(struct metrics *m, metrics_cb *cb, void *ctx)
{
    struct collector **end = &m->collectors;
    while (*end)
        end = &(*end)->next;
    *end = xcalloc(1, sizeof(**end));
    (*end)->cb = cb;
    (*end)->ctx = ctx;
}

void metrics_remove(struct metrics *m, void *ctx)
{
    for (struct collector **at = &m->collectors; *at;) {
        struct collector *c = *at;
        if (c->ctx != ctx) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        free(c);
    }
}

static struct buf *family(struct metrics_out *out, const char *name, const char *type,
                          const char *help)
{
    struct family *f;
    HASH_FIND_STR(out->families, name, f);
    if (f)
        return &f->text;
    f = xcalloc(1, sizeof(*f));
    f->name = xstrdup(name);
    buf_init(&f->text, FAMILY_MAX);
    buf_printf(&f->text, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
    HASH_ADD_KEYPTR(hh, out->families, f->name, strlen(f->name), f);
    return &f->text;
}

/* Label values escape backslash, quote and line feed. */
static void put_name(struct buf *b, const char *name, const char *label, const char *value)
{
    buf_adds(b, name);
    if (!label)
        return;
    buf_printf(b, "{%s=\"", label);
    for (const char *p = value ? value : ""; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_addc(b, '\\');
        if (*p == '\n')
            buf_adds(b, "\\n");
        else
            buf_addc(b, *p);
    }
    buf_adds(b, "\"}");
}

void metrics_int(struct metrics_out *out, const char *name, enum metric_type type, const char *help,
                 int64_t v, const char *label, const char *value)
{
    struct buf *b = family(out, name, type_names[type], help);
    put_name(b, name, label, value);
    buf_printf(b, " %lld\n", (long long)v);
}

void metrics_milli(struct metrics_out *out, const char *name, enum metric_type type,
                   const char *help, int64_t thousandths, const char *label, const char *value)
{
    struct buf *b = family(out, name, type_names[type], help);
    put_name(b, name, label, value);
    buf_printf(b, " %.3f\n", (double)thousandths / 1000);
}

void metrics_hist_note(struct metrics_hist *h, int64_t us)
{
    int i = 0;
    while (i < METRICS_BUCKETS && us > bounds_us[i])
        i++;
    h->buckets[i]++;
    h->count++;
    h->sum_us += us;
}

void metrics_hist_write(struct metrics_out *out, const char *name, const char *help,
                        const struct metrics_hist *h)
{
    struct buf *b = family(out, name, "histogram", help);
    uint64_t upto = 0;
    for (int i = 0; i < METRICS_BUCKETS; i++) {
        upto += h->buckets[i];
        buf_printf(b, "%s_bucket{le=\"%g\"} %llu\n", name, (double)bounds_us[i] / 1e6,
                   (unsigned long long)upto);
    }
    buf_printf(b, "%s_bucket{le=\"+Inf\"} %llu\n%s_sum %.6f\n%s_count %llu\n", name,
               (unsigned long long)h->count, name, (double)h->sum_us / 1e6, name,
               (unsigned long long)h->count);
}

void metrics_write(struct metrics *m, struct buf *text)
{
    struct metrics_out out = {NULL};
    for (struct collector *c = m->collectors; c; c = c->next)
        c->cb(c->ctx, &out);
    struct family *f, *next;
    HASH_ITER (hh, out.families, f, next) {
        buf_add(text, f->text.data, f->text.len);
        HASH_DEL(out.families, f);
        buf_free(&f->text);
        free(f->name);
        free(f);
    }
}
