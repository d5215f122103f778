/*
 * conf_yaml.c - one pass of libyaml over a text: its events become a tree of nodes.
 *
 * Events, not libyaml's own document: so depth and size are bounded while reading, and an alias is
 * written out as a copy (or refused when it points into itself).
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "base/conf_node.h"
#include "base/mem.h"
#include "base/text.h"

struct anchor {
    char *name;
    struct conf_node *copy; /* NULL while it is still being read */
};

/* A mapping or sequence that is being read. */
struct frame {
    struct conf_node *node;
    struct conf_node *key; /* of a mapping: waits for its value */
    char *anchor;
};

struct builder {
    const char *file;
    struct conf_faults *faults;
    struct frame stack[CONF_DEPTH_MAX];
    int depth;
    struct conf_node *root;
    struct anchor *anchors;
    size_t anchors_n;
    size_t nodes;
    struct conf_syntax *stopped;
};

static int stop_at(struct builder *b, const yaml_mark_t *mark, const char *why)
{
    b->stopped->line = (int)mark->line + 1;
    b->stopped->column = (int)mark->column + 1;
    b->stopped->from = b->stopped->line;
    (void)text_copy(b->stopped->text, sizeof(b->stopped->text), why);
    return E_INVALID;
}

static struct conf_node *node_at(struct builder *b, enum conf_node_kind kind,
                                 const yaml_mark_t *mark)
{
    b->nodes++;
    return conf_node_new(kind, b->file, (int)mark->line + 1, (int)mark->column + 1);
}

static struct anchor *anchor_find(struct builder *b, const char *name)
{
    for (size_t i = b->anchors_n; i-- > 0;)
        if (text_eq(b->anchors[i].name, name))
            return &b->anchors[i];
    return NULL;
}

static struct conf_node *copy_node(struct builder *b, const struct conf_node *n)
{
    struct conf_node *c = conf_node_new(n->kind, n->file, n->line, n->column);
    b->nodes++;
    c->quoted = n->quoted;
    c->text = xstrdup(n->text);
    for (size_t i = 0; i < n->n && b->nodes <= CONF_NODES_MAX; i++)
        conf_node_add(c, n->keys ? copy_node(b, n->keys[i]) : NULL, copy_node(b, n->values[i]));
    return c;
}

static void anchor_open(struct builder *b, const char *name)
{
    b->anchors = xrealloc(b->anchors, (b->anchors_n + 1) * sizeof(*b->anchors));
    b->anchors[b->anchors_n++] = (struct anchor){xstrdup(name), NULL};
}

static void anchor_close(struct builder *b, const char *name, const struct conf_node *n)
{
    struct anchor *a = anchor_find(b, name);
    if (a && !a->copy)
        a->copy = copy_node(b, n);
}

/* ---- keys that are given twice ---- */

struct place {
    const struct conf_node *key;
    size_t i;
};

static int by_text(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    int c = strcmp(x->key->text, y->key->text);
    return c ? c : (x->i > y->i) - (x->i < y->i);
}

static void drop_marked(struct conf_node *n, const bool *drop)
{
    size_t kept = 0;
    for (size_t i = 0; i < n->n; i++) {
        if (drop[i]) {
            conf_node_free(&n->keys[i]);
            conf_node_free(&n->values[i]);
            continue;
        }
        n->keys[kept] = n->keys[i];
        n->values[kept++] = n->values[i];
    }
    n->n = kept;
}

static void refuse_repeats(struct builder *b, struct conf_node *n)
{
    if (n->n < 2)
        return;
    struct place *sorted = xcalloc(n->n, sizeof(*sorted));
    bool *drop = xcalloc(n->n, sizeof(*drop)), any = false;
    for (size_t i = 0; i < n->n; i++)
        sorted[i] = (struct place){n->keys[i], i};
    qsort(sorted, n->n, sizeof(*sorted), by_text);
    size_t first = 0;
    for (size_t i = 1; i < n->n; i++) {
        if (!text_eq(sorted[i].key->text, sorted[first].key->text)) {
            first = i;
            continue;
        }
        conf_fault_at(b->faults, sorted[i].key, "%s: given twice, first in line %d",
                      sorted[i].key->text, sorted[first].key->line);
        drop[sorted[i].i] = any = true;
    }
    if (any)
        drop_marked(n, drop);
    free(sorted);
    free(drop);
}

/* ---- events ---- */

/* A finished node goes to its parent, or becomes the root. */
static void place_node(struct builder *b, struct conf_node *n)
{
    if (b->depth == 0) {
        conf_node_free(&b->root);
        b->root = n;
        return;
    }
    struct frame *f = &b->stack[b->depth - 1];
    if (f->node->kind == CONF_SEQUENCE) {
        conf_node_add(f->node, NULL, n);
    } else if (!f->key) {
        f->key = n;
    } else if (f->key->kind != CONF_SCALAR) {
        conf_fault_at(b->faults, f->key, "a key must be plain text");
        conf_node_free(&f->key);
        conf_node_free(&n);
    } else {
        conf_node_add(f->node, f->key, n);
        f->key = NULL;
    }
}

static int on_alias(struct builder *b, const yaml_event_t *ev)
{
    const char *name = (const char *)ev->data.alias.anchor;
    const struct anchor *a = anchor_find(b, name);
    struct conf_node *n =
        a && a->copy ? copy_node(b, a->copy) : node_at(b, CONF_SCALAR, &ev->start_mark);
    if (!a)
        conf_fault_at(b->faults, n, "*%s: no such anchor", name);
    else if (!a->copy)
        conf_fault_at(b->faults, n, "*%s points into itself", name);
    if (!n->text && n->kind == CONF_SCALAR)
        n->text = xstrdup("");
    place_node(b, n);
    return E_OK;
}

static int on_scalar(struct builder *b, const yaml_event_t *ev)
{
    const char *text = (const char *)ev->data.scalar.value;
    struct conf_node *n = node_at(b, CONF_SCALAR, &ev->start_mark);
    n->text = xstrdup(text);
    n->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    if (strlen(text) != ev->data.scalar.length)
        conf_fault_at(b->faults, n, "a NUL character inside text");
    if (ev->data.scalar.tag)
        conf_fault_at(b->faults, n, "tags such as %s are not read", ev->data.scalar.tag);
    if (ev->data.scalar.anchor) {
        anchor_open(b, (const char *)ev->data.scalar.anchor);
        anchor_close(b, (const char *)ev->data.scalar.anchor, n);
    }
    place_node(b, n);
    return E_OK;
}

static int on_start(struct builder *b, const yaml_event_t *ev, enum conf_node_kind kind,
                    const yaml_char_t *anchor, const yaml_char_t *tag)
{
    if (b->depth == CONF_DEPTH_MAX)
        return stop_at(b, &ev->start_mark, "nested too deep");
    struct conf_node *n = node_at(b, kind, &ev->start_mark);
    if (tag)
        conf_fault_at(b->faults, n, "tags such as %s are not read", tag);
    if (anchor)
        anchor_open(b, (const char *)anchor);
    b->stack[b->depth++] = (struct frame){n, NULL, xstrdup((const char *)anchor)};
    return E_OK;
}

static int on_end(struct builder *b)
{
    assert(b->depth > 0);
    struct frame f = b->stack[--b->depth];
    if (f.node->kind == CONF_MAPPING)
        refuse_repeats(b, f.node);
    if (f.anchor)
        anchor_close(b, f.anchor, f.node);
    free(f.anchor);
    place_node(b, f.node);
    return E_OK;
}

static int on_event(struct builder *b, const yaml_event_t *ev)
{
    if (b->nodes > CONF_NODES_MAX)
        return stop_at(b, &ev->start_mark,
                       "too many values (aliases count as what they stand for)");
    switch (ev->type) {
    case YAML_ALIAS_EVENT:
        return on_alias(b, ev);
    case YAML_SCALAR_EVENT:
        return on_scalar(b, ev);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(b, ev, CONF_SEQUENCE, ev->data.sequence_start.anchor,
                        ev->data.sequence_start.tag);
    case YAML_MAPPING_START_EVENT:
        return on_start(b, ev, CONF_MAPPING, ev->data.mapping_start.anchor,
                        ev->data.mapping_start.tag);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(b);
    case YAML_DOCUMENT_START_EVENT:
        return b->root ? stop_at(b, &ev->start_mark, "a second document: one file is one document")
                       : E_OK;
    default:
        return E_OK;
    }
}

/* libyaml's own complaint. For brackets and quotes the place where they open says more than the
 * place where their end was missed. */
static void syntax_fault(struct builder *b, const yaml_parser_t *p)
{
    const char *context = p->context ? p->context : "",
               *problem = p->problem ? p->problem : "not YAML";
    const char *open = strstr(context, "flow sequence")   ? "'['"
                       : strstr(context, "flow mapping")  ? "'{'"
                       : strstr(context, "quoted scalar") ? "a quote"
                                                          : NULL;
    const yaml_mark_t *at = open ? &p->context_mark : &p->problem_mark;
    (void)stop_at(b, at, "");
    if (open)
        (void)snprintf(b->stopped->text, sizeof(b->stopped->text),
                       "%s that is not closed well: %s in line %d", open, problem,
                       (int)p->problem_mark.line + 1);
    else
        (void)snprintf(b->stopped->text, sizeof(b->stopped->text), "%s", problem);
}

static void run(struct builder *b, yaml_parser_t *p)
{
    bool more = true;
    while (more) {
        yaml_event_t ev;
        if (!yaml_parser_parse(p, &ev)) {
            syntax_fault(b, p);
            return;
        }
        more = ev.type != YAML_STREAM_END_EVENT && on_event(b, &ev) == E_OK;
        yaml_event_delete(&ev);
    }
}

static void builder_free(struct builder *b)
{
    for (int i = 0; i < b->depth; i++) {
        conf_node_free(&b->stack[i].key);
        conf_node_free(&b->stack[i].node);
        free(b->stack[i].anchor);
    }
    for (size_t i = 0; i < b->anchors_n; i++) {
        free(b->anchors[i].name);
        conf_node_free(&b->anchors[i].copy);
    }
    free(b->anchors);
}

struct conf_node *conf_yaml_parse(const char *file, const char *text, size_t len,
                                  struct conf_faults *faults, struct conf_syntax *stopped)
{
    struct builder b = {.file = file, .faults = faults, .stopped = stopped};
    yaml_parser_t p;
    *stopped = (struct conf_syntax){0};
    if (!yaml_parser_initialize(&p)) {
        stopped->line = stopped->column = stopped->from = 1;
        (void)text_copy(stopped->text, sizeof(stopped->text), "out of memory");
        return NULL;
    }
    yaml_parser_set_encoding(&p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&p, (const unsigned char *)text, len);
    run(&b, &p);
    yaml_parser_delete(&p);
    builder_free(&b);
    if (stopped->line)
        conf_node_free(&b.root);
    return b.root;
}
