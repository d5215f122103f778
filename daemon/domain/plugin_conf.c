/*
 * plugin_conf.c - the values of a plugin instance, by the plugin's own table (plugin_conf.h). Each
 * row of that table is read by one of the engine's kinds; dotted names are keys within mappings.
 */
#include "domain/plugin_conf.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "base/text.h"

#define KEYS_MAX 200

struct value {
    bool seen;
    char *text;
    int64_t number;
    struct conf_texts items;
};

struct steward_conf {
    const struct steward_conf_key *keys;
    size_t n;
    struct value *values;
};

/* How each kind of the ABI is read, and into what. */
static const struct {
    const char *name;
    const struct conf_kind *kind;
    size_t offset;
} kinds[] = {
    [STEWARD_CONF_TEXT] = {"text", &conf_text, offsetof(struct value, text)},
    [STEWARD_CONF_INT] = {"number", &conf_int, offsetof(struct value, number)},
    [STEWARD_CONF_BOOL] = {"true or false", &conf_bool, 0},
    [STEWARD_CONF_DURATION] = {"duration", &conf_span, 0},
    [STEWARD_CONF_SECRET] = {"secret", &conf_text, offsetof(struct value, text)},
    [STEWARD_CONF_TEXTS] = {"list of text", &conf_texts_kind, offsetof(struct value, items)},
    [STEWARD_CONF_RATE] = {"rate", &conf_rate, offsetof(struct value, number)},
    [STEWARD_CONF_URL] = {"URL", &conf_url, offsetof(struct value, text)},
};

static int read_duration(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                         struct value *v)
{
    struct span span = {0};
    int rc = conf_span.read(cx, key, n, &span);
    if (rc == E_OK)
        v->number = span_rough_ms(&span);
    return rc;
}

static int read_flag(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     struct value *v)
{
    bool flag = false;
    int rc = conf_bool.read(cx, key, n, &flag);
    v->number = flag;
    return rc;
}

static int read_value(struct conf_ctx *cx, const struct steward_conf_key *k,
                      const struct conf_node *n, struct value *v)
{
    const struct conf_key key = {
        .name = k->name, .kind = kinds[k->kind].kind, .min = k->min, .max = k->max};
    if (k->kind == STEWARD_CONF_DURATION)
        return read_duration(cx, &key, n, v);
    if (k->kind == STEWARD_CONF_BOOL)
        return read_flag(cx, &key, n, v);
    return key.kind->read(cx, &key, n, (char *)v + kinds[k->kind].offset);
}

/* ---- the walk ---- */

struct walk {
    struct conf_ctx cx;
    struct steward_conf *c;
};

static void unknown(struct walk *w, const struct conf_node *name, const char *path)
{
    const char *words[KEYS_MAX + 1];
    char hint[160];
    for (size_t i = 0; i < w->c->n; i++)
        words[i] = w->c->keys[i].name;
    words[w->c->n] = NULL;
    conf_fault_at(w->cx.faults, name, "unknown key '%s'%s", path,
                  conf_did_you_mean(path, words, hint, sizeof(hint)));
}

/* Where a value stands: at KEY, in the file of KEY_file, in the variable of KEY_env. */
enum from { AS_IS, FROM_FILE, FROM_ENV };

/* The row that a path names, -1 for none. */
static long find_row(const struct steward_conf *c, const char *path, enum from *from)
{
    for (size_t i = 0; i < c->n; i++) {
        size_t len = strlen(c->keys[i].name);
        if (strncmp(path, c->keys[i].name, len) != 0)
            continue;
        bool secret = c->keys[i].kind == STEWARD_CONF_SECRET;
        *from = path[len] == '\0' ? AS_IS : strcmp(path + len, "_file") == 0 ? FROM_FILE : FROM_ENV;
        if (*from == AS_IS || (secret && *from == FROM_FILE) ||
            (secret && strcmp(path + len, "_env") == 0))
            return (long)i;
    }
    return -1;
}

static bool is_prefix(const struct steward_conf *c, const char *path)
{
    size_t len = strlen(path);
    for (size_t i = 0; i < c->n; i++)
        if (strncmp(c->keys[i].name, path, len) == 0 && c->keys[i].name[len] == '.')
            return true;
    return false;
}

static void take(struct walk *w, size_t row, enum from from, const struct conf_node *name,
                 const struct conf_node *n)
{
    const struct steward_conf_key *k = &w->c->keys[row];
    struct value *v = &w->c->values[row];
    if (conf_node_is_null(n))
        return;
    if (v->seen)
        conf_fault_at(w->cx.faults, name,
                      "%s: given twice, as itself, from a file or the environment", k->name);
    v->seen = true;
    if (from == AS_IS) {
        (void)read_value(&w->cx, k, n, v);
        return;
    }
    char *secret = conf_secret_load(&w->cx, n, name->text, from == FROM_ENV);
    free(v->text);
    v->text = secret;
}

static void walk(struct walk *w, const struct conf_node *n, const char *prefix)
{
    for (size_t i = 0; i < n->n; i++) {
        char path[160];
        enum from from = AS_IS;
        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", n->keys[i]->text);
        if (!*prefix && (strcmp(path, "plugin") == 0 || strcmp(path, "name") == 0))
            continue;
        long row = find_row(w->c, path, &from);
        if (row >= 0)
            take(w, (size_t)row, from, n->keys[i], n->values[i]);
        else if (!is_prefix(w->c, path))
            unknown(w, n->keys[i], path);
        else if (n->values[i]->kind == CONF_MAPPING)
            walk(w, n->values[i], path);
        else if (!conf_node_is_null(n->values[i]))
            conf_fault_at(w->cx.faults, n->values[i], "%s: expected keys and values", path);
    }
}

/* Fallbacks of a plugin's table come from outside too: a wrong one is reported, not trusted. */
static void fill(struct walk *w, size_t row, const struct conf_node *root)
{
    const struct steward_conf_key *k = &w->c->keys[row];
    if (w->c->values[row].seen)
        return;
    if (k->required)
        conf_fault_at(w->cx.faults, root, "'%s' is missing", k->name);
    if (k->required || !k->fallback)
        return;
    struct conf_node *n = k->fallback[0] == '[' ? conf_node_read(root->file, k->fallback,
                                                                 strlen(k->fallback), w->cx.faults)
                                                : conf_node_scalar(k->fallback);
    (void)read_value(&w->cx, k, n, &w->c->values[row]);
    conf_node_free(&n);
}

struct steward_conf *plugin_conf_load(const struct site_instance *in,
                                      const struct steward_conf_key *keys,
                                      struct conf_faults *faults)
{
    struct steward_conf *c = xcalloc(1, sizeof(*c));
    size_t before = faults->errors;
    char *dir = xstrndup(in->file,
                         (size_t)(strrchr(in->file, '/') ? strrchr(in->file, '/') - in->file : 0));
    struct walk w = {{faults, dir}, c};
    c->keys = keys;
    while (keys && keys[c->n].name && c->n < KEYS_MAX)
        c->n++;
    c->values = xcalloc(c->n + 1, sizeof(*c->values));
    walk(&w, in->node, "");
    for (size_t i = 0; i < c->n; i++)
        fill(&w, i, in->node);
    free(dir);
    conf_faults_sort(faults);
    if (faults->errors > before)
        plugin_conf_free(&c);
    return c;
}

void plugin_conf_free(struct steward_conf **cp)
{
    struct steward_conf *c = *cp;
    if (!c)
        return;
    *cp = NULL;
    for (size_t i = 0; i < c->n; i++) {
        free(c->values[i].text);
        conf_texts_clear(&c->values[i].items);
    }
    free(c->values);
    free(c);
}

/* ---- asking ---- */

static const struct value *value_of(const struct steward_conf *c, const char *key)
{
    for (size_t i = 0; c && i < c->n; i++)
        if (text_eq(c->keys[i].name, key))
            return &c->values[i];
    return NULL;
}

const char *plugin_conf_text(const struct steward_conf *c, const char *key)
{
    const struct value *v = value_of(c, key);
    return v ? v->text : NULL;
}

int64_t plugin_conf_int(const struct steward_conf *c, const char *key)
{
    const struct value *v = value_of(c, key);
    return v ? v->number : 0;
}

const char *plugin_conf_item(const struct steward_conf *c, const char *key, size_t i)
{
    const struct value *v = value_of(c, key);
    return v && i < v->items.n ? v->items.items[i] : NULL;
}

static bool same_items(const struct conf_texts *a, const struct conf_texts *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = text_eq(a->items[i], b->items[i]);
    return same;
}

bool plugin_conf_same(const struct steward_conf *a, const struct steward_conf *b)
{
    bool same = a->n == b->n;
    for (size_t i = 0; same && i < a->n; i++)
        same = a->values[i].number == b->values[i].number &&
               text_eq(a->values[i].text, b->values[i].text) &&
               same_items(&a->values[i].items, &b->values[i].items);
    return same;
}

void plugin_conf_document(const struct steward_conf_key *keys, struct buf *out)
{
    buf_adds(out, "| key | kind | default | bounds | meaning |\n| --- | --- | --- | --- | --- |\n");
    for (const struct steward_conf_key *k = keys; k && k->name; k++) {
        buf_printf(out, "| `%s` | %s | ", k->name, kinds[k->kind].name);
        if (k->required)
            buf_adds(out, "required");
        else if (k->fallback && *k->fallback)
            buf_printf(out, "`%s`", k->fallback);
        buf_adds(out, " | ");
        if (k->min || k->max)
            buf_printf(out, "%" PRId64 " to %" PRId64 "%s", k->min, k->max,
                       k->kind == STEWARD_CONF_DURATION ? " ms" : "");
        buf_printf(out, " | %s", k->help ? k->help : "");
        if (k->kind == STEWARD_CONF_SECRET)
            buf_printf(out, " (also `%s_file` and `%s_env`)", k->name, k->name);
        buf_adds(out, " |\n");
    }
}
