/*
 * conf_fault.c - the list of what is wrong in the configuration (conf.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf.h"
#include "base/conf_node.h"
#include "base/mem.h"
#include "base/text.h"

bool conf_texts_has(const struct conf_texts *t, const char *word)
{
    for (size_t i = 0; i < t->n; i++)
        if (text_eq(t->items[i], word))
            return true;
    return false;
}

static bool known(const struct conf_faults *f, const struct conf_fault *one)
{
    for (size_t i = f->n; i-- > 0;) {
        const struct conf_fault *o = &f->items[i];
        if (o->line == one->line && o->column == one->column && text_eq(o->text, one->text) &&
            text_eq(o->file, one->file))
            return true;
    }
    return false;
}

static void add(struct conf_faults *f, bool warning, const char *file, int line, int column,
                const char *fmt, va_list ap)
{
    char text[512];
    (void)vsnprintf(text, sizeof(text), fmt, ap);
    struct conf_fault one = {warning, (char *)(file ? file : ""), line, column, text};
    if (f->n >= CONF_FAULTS_MAX || known(f, &one)) {
        if (!warning && f->errors == 0)
            f->errors = 1;
        return;
    }
    one.file = xstrdup(one.file);
    one.text = xstrdup(text);
    f->items = xrealloc(f->items, (f->n + 1) * sizeof(*f->items));
    f->items[f->n++] = one;
    if (warning)
        f->warnings++;
    else
        f->errors++;
}

void conf_fault_at(struct conf_faults *f, const struct conf_node *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, false, node ? node->file : NULL, node ? node->line : 0, node ? node->column : 0, fmt,
        ap);
    va_end(ap);
}

void conf_warn_at(struct conf_faults *f, const struct conf_node *node, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, true, node ? node->file : NULL, node ? node->line : 0, node ? node->column : 0, fmt, ap);
    va_end(ap);
}

void conf_fault_in(struct conf_faults *f, const char *file, int line, int column, const char *fmt,
                   ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, false, file, line, column, fmt, ap);
    va_end(ap);
}

void conf_warn_in(struct conf_faults *f, const char *file, int line, int column, const char *fmt,
                  ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(f, true, file, line, column, fmt, ap);
    va_end(ap);
}

static void print(const struct conf_fault *o, struct buf *out)
{
    if (*o->file)
        buf_printf(out, "%s:", o->file);
    if (o->line > 0)
        buf_printf(out, "%d:%d:", o->line, o->column);
    buf_printf(out, "%s%s%s\n", *o->file || o->line > 0 ? " " : "", o->warning ? "warning: " : "",
               o->text);
}

void conf_faults_print(const struct conf_faults *f, struct buf *out)
{
    for (size_t i = 0; i < f->n; i++)
        print(&f->items[i], out);
}

void conf_faults_print_errors(const struct conf_faults *f, struct buf *out)
{
    for (size_t i = 0; i < f->n; i++)
        if (!f->items[i].warning)
            print(&f->items[i], out);
}

/* Insertion sort: stable, and lists are short and nearly in order. Files keep the order in which
 * they came: only neighbours of one file change places. */
void conf_faults_sort(struct conf_faults *f)
{
    for (size_t i = 1; i < f->n; i++) {
        struct conf_fault one = f->items[i];
        size_t k = i;
        for (; k > 0; k--) {
            const struct conf_fault *o = &f->items[k - 1];
            bool after = o->line > one.line || (o->line == one.line && o->column > one.column);
            if (!after || !text_eq(o->file, one.file))
                break;
            f->items[k] = f->items[k - 1];
        }
        f->items[k] = one;
    }
}

void conf_faults_free(struct conf_faults *f)
{
    for (size_t i = 0; i < f->n; i++) {
        free(f->items[i].file);
        free(f->items[i].text);
    }
    free(f->items);
    *f = (struct conf_faults){0};
}
