/*
 * conf_doc.c - the reference of a table in Markdown: every key with its kind, default, bounds and
 * meaning, one section a top-level key (conf_table.h).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/conf_table.h"

static void bounds(const struct conf_key *k, struct buf *out)
{
    bool bytes = k->kind == &conf_text || k->kind == &conf_texts_kind || k->kind == &conf_dict;
    if (k->words)
        for (const char *const *w = k->words; *w; w++)
            buf_printf(out, "%s`%s`", w == k->words ? "" : " ", *w);
    else if (k->kind == &conf_span && (k->min || k->max))
        buf_printf(out, "%" PRId64 " s to %" PRId64 " s", k->min / 1000, k->max / 1000);
    else if ((k->min || k->max) && !bytes)
        buf_printf(out, "%" PRId64 " to %" PRId64, k->min, k->max);
}

static void row(const struct conf_key *k, const char *path, struct buf *out)
{
    buf_printf(out, "| `%s` | %s | ", path, k->kind->name);
    if (k->flags & CONF_REQUIRED)
        buf_adds(out, "required");
    else if (k->fallback && *k->fallback)
        buf_printf(out, "`%s`", k->fallback);
    buf_adds(out, " | ");
    bounds(k, out);
    buf_printf(out, " | %s", k->help ? k->help : "");
    if (k->flags & CONF_SECRET)
        buf_printf(out, " Also `%s_file` and `%s_env`.", k->name, k->name);
    buf_adds(out, " |\n");
}

static const char *element_suffix(const struct conf_key *k)
{
    return k->kind == &conf_map ? "" : k->kind == &conf_dict ? ".NAME" : "[]";
}

static void rows(const struct conf_key *table, const char *prefix, struct buf *out)
{
    for (const struct conf_key *k = table; k->name; k++) {
        char path[256];
        (void)snprintf(path, sizeof(path), "%s.%s", prefix, k->name);
        row(k, path, out);
        if (!k->sub || (k->flags & CONF_SEE))
            continue;
        char below[300];
        (void)snprintf(below, sizeof(below), "%s%s", path, element_suffix(k));
        rows(k->sub, below, out);
    }
}

void conf_table_document(const struct conf_key *table, struct buf *out)
{
    for (const struct conf_key *k = table; k->name; k++) {
        char prefix[128];
        buf_printf(out, "## `%s`\n\n%s\n\n", k->name, k->help ? k->help : "");
        buf_adds(out,
                 "| key | kind | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n");
        (void)snprintf(prefix, sizeof(prefix), "%s%s", k->name, element_suffix(k));
        if (k->sub)
            rows(k->sub, prefix, out);
        buf_addc(out, '\n');
    }
}
