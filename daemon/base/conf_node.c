/*
 * conf_node.c - trees of configuration nodes (conf_node.h): made, freed, asked; files and JSON read
 * into them.
 */
#include "base/conf_node.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

struct conf_node *conf_node_new(enum conf_node_kind kind, const char *file, int line, int column)
{
    struct conf_node *n = xcalloc(1, sizeof(*n));
    n->kind = kind;
    n->file = file;
    n->line = line;
    n->column = column;
    return n;
}

struct conf_node *conf_node_scalar(const char *text)
{
    struct conf_node *n = conf_node_new(CONF_SCALAR, NULL, 0, 0);
    n->text = xstrdup(text);
    return n;
}

void conf_node_add(struct conf_node *n, struct conf_node *key, struct conf_node *value)
{
    if (n->n == n->cap) {
        n->cap = n->cap ? 2 * n->cap : 4;
        n->values = xrealloc(n->values, n->cap * sizeof(*n->values));
        if (n->kind == CONF_MAPPING)
            n->keys = xrealloc(n->keys, n->cap * sizeof(*n->keys));
    }
    if (n->kind == CONF_MAPPING)
        n->keys[n->n] = key;
    n->values[n->n++] = value;
}

void conf_node_free(struct conf_node **np)
{
    struct conf_node *n = *np;
    if (!n)
        return;
    *np = NULL;
    for (size_t i = 0; i < n->n; i++) {
        if (n->keys)
            conf_node_free(&n->keys[i]);
        conf_node_free(&n->values[i]);
    }
    free(n->keys);
    free(n->values);
    free(n->text);
    free(n->owned_file);
    free(n);
}

const struct conf_node *conf_node_get(const struct conf_node *n, const char *key)
{
    if (!n || n->kind != CONF_MAPPING)
        return NULL;
    for (size_t i = 0; i < n->n; i++)
        if (text_eq(n->keys[i]->text, key))
            return n->values[i];
    return NULL;
}

void conf_node_move_missing(struct conf_node *into, struct conf_node *from)
{
    size_t kept = 0;
    for (size_t i = 0; i < from->n; i++) {
        if (!conf_node_get(into, from->keys[i]->text)) {
            conf_node_add(into, from->keys[i], from->values[i]);
            continue;
        }
        from->keys[kept] = from->keys[i];
        from->values[kept++] = from->values[i];
    }
    from->n = kept;
}

bool conf_node_is_null(const struct conf_node *n)
{
    if (n->kind != CONF_SCALAR || n->quoted)
        return false;
    return n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0;
}

bool conf_node_equal(const struct conf_node *a, const struct conf_node *b)
{
    if (a->kind != b->kind || a->n != b->n || a->quoted != b->quoted)
        return false;
    if (a->kind == CONF_SCALAR)
        return strcmp(a->text, b->text) == 0;
    for (size_t i = 0; i < a->n; i++) {
        if (a->kind == CONF_MAPPING && !conf_node_equal(a->keys[i], b->keys[i]))
            return false;
        if (!conf_node_equal(a->values[i], b->values[i]))
            return false;
    }
    return true;
}

static struct conf_node *scalar_of_json(const json_t *v)
{
    char number[32] = "";
    const char *text = number;
    if (json_is_string(v))
        text = json_string_value(v);
    else if (json_is_integer(v))
        (void)snprintf(number, sizeof(number), "%" PRId64, (int64_t)json_integer_value(v));
    else if (json_is_real(v))
        (void)snprintf(number, sizeof(number), "%.17g", json_real_value(v));
    else if (json_is_boolean(v))
        text = json_is_true(v) ? "true" : "false";
    struct conf_node *n = conf_node_scalar(text);
    n->quoted = json_is_string(v);
    return n;
}

struct conf_node *conf_node_from_json(const json_t *value)
{
    if (json_is_array(value)) {
        struct conf_node *n = conf_node_new(CONF_SEQUENCE, NULL, 0, 0);
        for (size_t i = 0; i < json_array_size(value); i++)
            conf_node_add(n, NULL, conf_node_from_json(json_array_get(value, i)));
        return n;
    }
    if (json_is_object(value)) {
        struct conf_node *n = conf_node_new(CONF_MAPPING, NULL, 0, 0);
        const char *key;
        json_t *v;
        json_object_foreach((json_t *)value, key, v)
            conf_node_add(n, conf_node_scalar(key), conf_node_from_json(v));
        return n;
    }
    return scalar_of_json(value);
}

/* Reads at most CONF_FILE_MAX + 1 bytes, so that the caller sees a file that is too long. */
static int read_all(const char *file, struct buf *out)
{
    char part[16384];
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    for (;;) {
        ssize_t got = read(fd, part, sizeof(part));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int e = errno;
            (void)close(fd);
            return -e;
        }
        if (got > 0)
            buf_add(out, part, (size_t)got);
        if (got == 0 || out->overflow)
            break;
    }
    (void)close(fd);
    return 0;
}

struct conf_node *conf_node_read_file(const char *file, struct conf_faults *faults, bool *missing)
{
    struct buf text = BUF_INIT(CONF_FILE_MAX);
    struct conf_node *n = NULL;
    int rc = read_all(file, &text);
    if (missing)
        *missing = rc == -ENOENT;
    if (rc < 0)
        conf_fault_in(faults, file, 0, 0, "cannot be read: %s", strerror(-rc));
    else if (text.overflow)
        conf_fault_in(faults, file, 0, 0, "is larger than 1 MiB");
    else
        n = conf_node_read(file, buf_str(&text), text.len, faults);
    buf_free(&text);
    return n;
}
