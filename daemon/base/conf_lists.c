/*
 * conf_lists.c - the kinds that hold several values: lists of text, of durations and of mappings,
 * dicts, and maps within maps (conf_table.h).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "base/text.h"

/* How a list lies in its struct: a typed pointer and its count. */
struct raw_list {
    char *items;
    size_t n;
};

void conf_texts_add(struct conf_texts *t, const char *word)
{
    t->items = xrealloc(t->items, (t->n + 1) * sizeof(*t->items));
    t->items[t->n++] = xstrdup(word);
}

void conf_texts_clear(struct conf_texts *t)
{
    for (size_t i = 0; i < t->n; i++)
        free(t->items[i]);
    free(t->items);
    *t = (struct conf_texts){0};
}

static int check_count(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                       size_t count)
{
    if (key->max && count > (size_t)key->max) {
        conf_fault_at(cx->faults, n, "%s: more than %" PRId64 " entries", key->name, key->max);
        return E_INVALID;
    }
    if (count < (size_t)key->min) {
        conf_fault_at(cx->faults, n, "%s: needs at least %" PRId64, key->name, key->min);
        return E_INVALID;
    }
    return E_OK;
}

/* ---- lists of text ---- */

typedef int item_reader(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                        void *field);

static int texts_each(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field, item_reader *read_item)
{
    struct conf_texts *t = field;
    struct conf_node *const one[] = {(struct conf_node *)n};
    struct conf_node *const *items = n->kind == CONF_SCALAR ? one : n->values;
    size_t count = n->kind == CONF_SCALAR ? 1 : n->n;
    struct conf_key item = *key;
    item.min = item.max = 0;
    int rc = E_OK;
    if (n->kind == CONF_MAPPING) {
        conf_fault_at(cx->faults, n, "%s: expected a list", key->name);
        return E_INVALID;
    }
    if (check_count(cx, key, n, count) < 0)
        return E_INVALID;
    conf_texts_clear(t);
    for (size_t i = 0; i < count; i++) {
        char *word = NULL;
        if (read_item(cx, &item, items[i], &word) < 0)
            rc = E_INVALID;
        else
            conf_texts_add(t, word);
        free(word);
    }
    return rc;
}

static int read_texts(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field)
{
    return texts_each(cx, key, n, field, key->words ? conf_word.read : conf_text.read);
}

static int read_paths(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field)
{
    return texts_each(cx, key, n, field, conf_path.read);
}

static void clear_texts(const struct conf_key *key, void *field)
{
    conf_texts_clear(field);
}

static void write_texts(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct conf_texts *t = field;
    jw_arr(&out->w);
    for (size_t i = 0; i < t->n; i++)
        jw_str(&out->w, t->items[i]);
    jw_end_arr(&out->w);
}

/* ---- lists of durations ---- */

static void clear_list(const struct conf_key *key, void *field)
{
    struct raw_list *l = field;
    for (size_t i = 0; key->sub && i < l->n; i++) {
        char *element = l->items + i * key->size;
        conf_table_clear(key->sub, element);
        if (key->kind == &conf_dict)
            free(*(char **)element);
    }
    free(l->items);
    *l = (struct raw_list){0};
}

static int read_span_list(struct conf_ctx *cx, const struct conf_key *key,
                          const struct conf_node *n, void *field)
{
    struct raw_list *l = field;
    struct conf_key item = *key;
    int rc = E_OK;
    if (n->kind != CONF_SEQUENCE) {
        conf_fault_at(cx->faults, n, "%s: expected a list", key->name);
        return E_INVALID;
    }
    if (check_count(cx, key, n, n->n) < 0)
        return E_INVALID;
    clear_list(key, field);
    item.min = item.max = 0;
    struct span *spans = xcalloc(n->n + 1, sizeof(*spans));
    for (size_t i = 0; i < n->n; i++)
        if (conf_span.read(cx, &item, n->values[i], &spans[i]) < 0)
            rc = E_INVALID;
    *l = (struct raw_list){(char *)spans, n->n};
    return rc;
}

static void write_span_list(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct raw_list *l = field;
    const struct span *spans = (const struct span *)l->items;
    jw_arr(&out->w);
    for (size_t i = 0; i < l->n; i++)
        conf_span.write(key, &spans[i], out);
    jw_end_arr(&out->w);
}

/* ---- maps, lists of maps, dicts ---- */

static const struct conf_key *shorthand_of(const struct conf_key *key)
{
    for (const struct conf_key *k = key->sub; key->shorthand && k->name; k++)
        if (strcmp(k->name, key->shorthand) == 0)
            return k;
    return NULL;
}

/* Fallbacks alone, whatever is required. */
static void fill_defaults(struct conf_ctx *cx, const struct conf_key *key, void *base)
{
    struct conf_faults ignored = {0};
    struct conf_ctx quiet = {&ignored, cx->dir};
    (void)conf_table_read(&quiet, key->sub, NULL, base);
    conf_faults_free(&ignored);
}

/* One mapping into a struct; a value that is none may stand for one key of it. */
static int read_struct(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                       void *base)
{
    const struct conf_key *brief = shorthand_of(key);
    if (n->kind == CONF_MAPPING || conf_node_is_null(n))
        return conf_table_read(cx, key->sub, n, base);
    fill_defaults(cx, key, base);
    if (!brief) {
        conf_fault_at(cx->faults, n, "%s: expected keys and values", key->name);
        return E_INVALID;
    }
    struct conf_key as = *brief;
    as.name = key->name;
    return as.kind->read(cx, &as, n, (char *)base + as.offset);
}

static int read_map(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                    void *field)
{
    return read_struct(cx, key, n, field);
}

static void clear_map(const struct conf_key *key, void *field)
{
    conf_table_clear(key->sub, field);
}

static void write_map(const struct conf_key *key, const void *field, struct conf_out *out)
{
    jw_obj(&out->w);
    conf_table_write(key->sub, field, out);
    jw_end_obj(&out->w);
}

static int read_maps(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    struct raw_list *l = field;
    int rc = E_OK;
    if (n->kind != CONF_SEQUENCE) {
        conf_fault_at(cx->faults, n, "%s: expected a list", key->name);
        return E_INVALID;
    }
    if (check_count(cx, key, n, n->n) < 0)
        return E_INVALID;
    clear_list(key, field);
    *l = (struct raw_list){xcalloc(n->n + 1, key->size), n->n};
    for (size_t i = 0; i < n->n; i++)
        if (read_struct(cx, key, n->values[i], l->items + i * key->size) < 0)
            rc = E_INVALID;
    return rc;
}

static void write_maps(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct raw_list *l = field;
    jw_arr(&out->w);
    for (size_t i = 0; i < l->n; i++)
        write_map(key, l->items + i * key->size, out);
    jw_end_arr(&out->w);
}

static int check_dict_key(struct conf_ctx *cx, const struct conf_key *key,
                          const struct conf_node *name)
{
    char hint[128];
    if (strlen(name->text) == 0 || strlen(name->text) > 64) {
        conf_fault_at(cx->faults, name, "%s: a name must be 1 to 64 bytes long", key->name);
        return E_INVALID;
    }
    for (const char *const *w = key->words; w && *w; w++)
        if (strcmp(*w, name->text) == 0)
            return E_OK;
    if (!key->words)
        return E_OK;
    conf_fault_at(cx->faults, name, "unknown key '%s'%s", name->text,
                  conf_did_you_mean(name->text, key->words, hint, sizeof(hint)));
    return E_INVALID;
}

static int read_dict(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                     void *field)
{
    struct raw_list *l = field;
    int rc = E_OK;
    if (n->kind != CONF_MAPPING) {
        conf_fault_at(cx->faults, n, "%s: expected keys and values", key->name);
        return E_INVALID;
    }
    if (check_count(cx, key, n, n->n) < 0)
        return E_INVALID;
    clear_list(key, field);
    l->items = xcalloc(n->n + 1, key->size);
    for (size_t i = 0; i < n->n; i++) {
        if (check_dict_key(cx, key, n->keys[i]) < 0) {
            rc = E_INVALID;
            continue;
        }
        struct conf_key named = *key;
        named.name = n->keys[i]->text;
        char *element = l->items + l->n++ * key->size;
        *(char **)element = xstrdup(n->keys[i]->text);
        if (read_struct(cx, &named, n->values[i], element) < 0)
            rc = E_INVALID;
    }
    return rc;
}

static void write_dict(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct raw_list *l = field;
    jw_obj(&out->w);
    for (size_t i = 0; i < l->n; i++) {
        const char *element = l->items + i * key->size;
        jw_key(&out->w, *(char *const *)element);
        write_map(key, element, out);
    }
    jw_end_obj(&out->w);
}

const struct conf_kind conf_texts_kind = {"list of text", read_texts, clear_texts, write_texts};
const struct conf_kind conf_paths = {"list of paths", read_paths, clear_texts, write_texts};
const struct conf_kind conf_span_list = {"list of durations", read_span_list, clear_list,
                                         write_span_list};
const struct conf_kind conf_map = {"keys", read_map, clear_map, write_map};
const struct conf_kind conf_maps = {"list of keys", read_maps, clear_list, write_maps};
const struct conf_kind conf_dict = {"names", read_dict, clear_list, write_dict};
