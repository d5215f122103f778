/*
 * conf_table.c - the walk over a mapping and its table: what is unknown, wrong or missing is
 * reported, the rest goes into the struct (conf_table.h). Also: free, write, compare.
 */
#include "base/conf_table.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/text.h"

#define TABLE_MAX  64 /* rows of one table */
#define SECRET_MAX 65536

/* ---- the nearest name ---- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;
    return ab < c ? ab : c;
}

/* Edit distance of two short words, with neighbours that changed places counted once. */
static size_t distance(const char *a, const char *b)
{
    enum { WORD_MAX = 40 };
    size_t rows[3][WORD_MAX + 1], la = strlen(a), lb = strlen(b);
    if (la > WORD_MAX || lb > WORD_MAX)
        return WORD_MAX;
    size_t *before = rows[0], *last = rows[1], *now = rows[2];
    for (size_t j = 0; j <= lb; j++)
        last[j] = before[j] = j;
    for (size_t i = 1; i <= la; i++) {
        now[0] = i;
        for (size_t j = 1; j <= lb; j++) {
            now[j] = least(last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
                before[j - 2] + 1 < now[j])
                now[j] = before[j - 2] + 1;
        }
        size_t *free_row = before;
        before = last;
        last = now;
        now = free_row;
    }
    return last[lb];
}

const char *conf_did_you_mean(const char *word, const char *const *words, char *out, size_t cap)
{
    const char *best = NULL;
    size_t len = strlen(word), limit = len < 3 ? 1 : len < 6 ? 2 : 3, near = limit + 1;
    for (; *words; words++) {
        size_t d = distance(word, *words);
        if (d < near && d < strlen(*words)) {
            near = d;
            best = *words;
        }
    }
    if (cap)
        *out = '\0';
    if (best)
        (void)snprintf(out, cap, " (did you mean '%s'?)", best);
    return out;
}

static void unknown_key(struct conf_ctx *cx, const struct conf_key *table,
                        const struct conf_node *name)
{
    const char *words[TABLE_MAX + 1];
    size_t n = 0;
    char hint[128];
    for (const struct conf_key *k = table; k->name && n < TABLE_MAX; k++)
        words[n++] = k->name;
    words[n] = NULL;
    conf_fault_at(cx->faults, name, "unknown key '%s'%s", name->text,
                  conf_did_you_mean(name->text, words, hint, sizeof(hint)));
}

/* ---- secrets that stand elsewhere ---- */

static char *read_secret_file(const char *path, struct buf *out)
{
    char part[4096];
    ssize_t got = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    while (!out->overflow && (got = read(fd, part, sizeof(part))) > 0)
        buf_add(out, part, (size_t)got);
    int e = errno;
    (void)close(fd);
    errno = out->overflow ? EFBIG : e;
    if (got < 0 || out->overflow)
        return NULL;
    char *text = buf_take(out);
    text[strcspn(text, "\r\n")] = '\0';
    return text;
}

char *conf_secret_load(struct conf_ctx *cx, const struct conf_node *n, const char *key, bool env)
{
    if (n->kind != CONF_SCALAR || !*n->text) {
        conf_fault_at(cx->faults, n, "%s: expected %s", key,
                      env ? "the name of a variable" : "a path");
        return NULL;
    }
    if (env) {
        const char *value = getenv(n->text);
        if (!value)
            conf_fault_at(cx->faults, n, "%s: the environment has no '%s'", key, n->text);
        return xstrdup(value);
    }
    struct buf content = BUF_INIT(SECRET_MAX);
    char *path = conf_path_join(cx->dir, n->text), *text = read_secret_file(path, &content);
    if (!text)
        conf_fault_at(cx->faults, n, "%s: %s cannot be read: %s", key, path, strerror(errno));
    else if (!*text)
        conf_fault_at(cx->faults, n, "%s: %s is empty", key, path);
    buf_free(&content);
    free(path);
    return text;
}

/* ---- reading ---- */

/* How a key of the file names a row of the table. */
struct match {
    const struct conf_key *key;
    enum { AS_IS, FROM_FILE, FROM_ENV } from;
};

static bool is_suffixed(const char *name, const char *base, const char *suffix)
{
    size_t len = strlen(base);
    return strncmp(name, base, len) == 0 && strcmp(name + len, suffix) == 0;
}

static struct match find_key(const struct conf_key *table, const char *name)
{
    for (const struct conf_key *k = table; k->name; k++) {
        if (strcmp(k->name, name) == 0)
            return (struct match){k, AS_IS};
        if ((k->flags & CONF_SECRET) && is_suffixed(name, k->name, "_file"))
            return (struct match){k, FROM_FILE};
        if ((k->flags & CONF_SECRET) && is_suffixed(name, k->name, "_env"))
            return (struct match){k, FROM_ENV};
    }
    return (struct match){NULL, AS_IS};
}

static int read_value(struct conf_ctx *cx, struct match m, const struct conf_node *name,
                      const struct conf_node *n, void *base)
{
    void *field = (char *)base + m.key->offset;
    if (m.from == AS_IS)
        return m.key->kind->read(cx, m.key, n, field);
    char *secret = conf_secret_load(cx, n, name->text, m.from == FROM_ENV);
    if (!secret)
        return E_INVALID;
    struct conf_node value = {.kind = CONF_SCALAR,
                              .file = n->file,
                              .line = n->line,
                              .column = n->column,
                              .quoted = true,
                              .text = secret};
    int rc = m.key->kind->read(cx, m.key, &value, field);
    free(secret);
    return rc;
}

/* A default is plain text of ours; only lists and maps among them need YAML. */
static void apply_fallback(struct conf_ctx *cx, const struct conf_key *k, void *base)
{
    struct conf_faults own = {0};
    struct conf_ctx quiet = {&own, cx->dir};
    void *field = (char *)base + k->offset;
    if (!k->fallback) {
        if (k->kind == &conf_map)
            (void)conf_table_read(&quiet, k->sub, NULL, field);
        conf_faults_free(&own);
        return;
    }
    struct conf_node *n = strchr("[{\"", k->fallback[0]) && k->fallback[0]
                              ? conf_node_read("default", k->fallback, strlen(k->fallback), &own)
                              : conf_node_scalar(k->fallback);
    int rc = k->kind->read(&quiet, k, n, field);
    assert(rc == E_OK && own.errors == 0); /* our own table is right */
    (void)rc;
    conf_node_free(&n);
    conf_faults_free(&own);
}

int conf_table_read(struct conf_ctx *cx, const struct conf_key *table, const struct conf_node *n,
                    void *base)
{
    bool good[TABLE_MAX] = {false}, seen[TABLE_MAX] = {false};
    size_t before = cx->faults->errors;
    if (n && n->kind != CONF_MAPPING && !conf_node_is_null(n))
        conf_fault_at(cx->faults, n, "expected keys and values");
    for (size_t i = 0; n && n->kind == CONF_MAPPING && i < n->n; i++) {
        struct match m = find_key(table, n->keys[i]->text);
        if (!m.key) {
            unknown_key(cx, table, n->keys[i]);
            continue;
        }
        size_t row = (size_t)(m.key - table);
        assert(row < TABLE_MAX);
        if (conf_node_is_null(n->values[i]) && m.key->kind != &conf_map)
            continue;
        if (seen[row])
            conf_fault_at(cx->faults, n->keys[i],
                          "%s: given twice, as itself, from a file or the environment",
                          m.key->name);
        seen[row] = true;
        good[row] = read_value(cx, m, n->keys[i], n->values[i], base) == E_OK;
    }
    for (const struct conf_key *k = table; k->name; k++) {
        if (!seen[k - table] && (k->flags & CONF_REQUIRED))
            conf_fault_at(cx->faults, n, "'%s' is missing", k->name);
        if (!good[k - table] && !(seen[k - table] && k->sub))
            apply_fallback(cx, k, base);
    }
    return cx->faults->errors == before ? E_OK : E_INVALID;
}

/* ---- the other walks ---- */

void conf_table_clear(const struct conf_key *table, void *base)
{
    for (const struct conf_key *k = table; k->name; k++)
        if (k->kind->clear)
            k->kind->clear(k, (char *)base + k->offset);
}

void conf_table_write(const struct conf_key *table, const void *base, struct conf_out *out)
{
    for (const struct conf_key *k = table; k->name; k++) {
        jw_key(&out->w, k->name);
        k->kind->write(k, (const char *)base + k->offset, out);
    }
}

#define VALUE_MAX (8u * 1024u * 1024u)

static bool same_value(const struct conf_key *k, const void *a, const void *b)
{
    struct buf ta = BUF_INIT(VALUE_MAX), tb = BUF_INIT(VALUE_MAX);
    struct conf_out oa = {.reveal = true}, ob = {.reveal = true};
    jw_init(&oa.w, &ta);
    jw_init(&ob.w, &tb);
    k->kind->write(k, a, &oa);
    k->kind->write(k, b, &ob);
    bool same = !ta.overflow && strcmp(buf_str(&ta), buf_str(&tb)) == 0;
    buf_free(&ta);
    buf_free(&tb);
    return same;
}

static void diff(const struct conf_key *table, const char *prefix, const void *a, const void *b,
                 void (*changed)(void *ctx, const char *path, const struct conf_key *key),
                 void *ctx)
{
    for (const struct conf_key *k = table; k->name; k++) {
        const char *fa = (const char *)a + k->offset, *fb = (const char *)b + k->offset;
        char path[256];
        (void)snprintf(path, sizeof(path), "%s%s%s", prefix, *prefix ? "." : "", k->name);
        if (k->kind == &conf_map)
            diff(k->sub, path, fa, fb, changed, ctx);
        else if (!same_value(k, fa, fb))
            changed(ctx, path, k);
    }
}

void conf_table_diff(const struct conf_key *table, const void *a, const void *b,
                     void (*changed)(void *ctx, const char *path, const struct conf_key *key),
                     void *ctx)
{
    diff(table, "", a, b, changed, ctx);
}
