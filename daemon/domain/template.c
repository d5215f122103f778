/*
 * template.c - templates of messages: reading, choosing, rendering.
 */
#include "domain/template.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"

#define TEMPLATES_MAX 2000 /* files of a folder */
#define FIELD_MAX     64   /* bytes of a field's name, with the NUL */
#define SUBJECT_MAX   512

extern const struct embedded_file templates_embedded[];

struct template_set {
    struct template **items;
    size_t n, cap;
};

static void template_free(struct template *t)
{
    free(t->subject);
    free(t->channel);
    free(t->provider_template);
    free(t->body);
    free(t);
}

/* ---- the language of fields ---- */

enum token_kind { TOKEN_TEXT, TOKEN_FIELD, TOKEN_IF, TOKEN_END };

struct token {
    enum token_kind kind;
    const char *text; /* TOKEN_TEXT */
    size_t len;
    char field[FIELD_MAX];
};

static bool read_field_name(const char *from, size_t len, char out[FIELD_MAX])
{
    if (len == 0 || len >= FIELD_MAX)
        return false;
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)from[i]) && from[i] != '_')
            return false;
    memcpy(out, from, len);
    out[len] = 0;
    return true;
}

/* The next token; moves *p. False at the end, and with *bad at a brace that makes no sense. */
static bool next_token(const char **p, struct token *t, bool *bad)
{
    const char *s = *p;
    *bad = false;
    if (!*s)
        return false;
    if (*s != '{' || s[1] == '{') {
        size_t skip = *s == '{' ? 2 : 1;
        t->kind = TOKEN_TEXT;
        t->text = *s == '{' ? s + 1 : s;
        t->len = skip == 2 ? 1 : strcspn(s, "{");
        *p = skip == 2 ? s + 2 : s + t->len;
        return true;
    }
    const char *end = strchr(s, '}');
    t->kind = s[1] == '?' ? TOKEN_IF : s[1] == '/' ? TOKEN_END : TOKEN_FIELD;
    const char *name = s + 1 + (t->kind != TOKEN_FIELD);
    if (!end || end < name || !read_field_name(name, (size_t)(end - name), t->field)) {
        *bad = true;
        return false;
    }
    *p = end + 1;
    return true;
}

/* Braces are closed, conditions end in order and do not nest. NULL or what is wrong. */
static const char *check_text(const char *text, const char **where)
{
    char open[FIELD_MAX] = "";
    struct token t;
    bool bad;
    for (*where = text; next_token(&text, &t, &bad); *where = text) {
        if (t.kind == TOKEN_IF) {
            if (*open)
                return "a condition within a condition";
            memcpy(open, t.field, sizeof(open));
        } else if (t.kind == TOKEN_END) {
            if (strcmp(open, t.field) != 0)
                return "the end of a condition that was not begun";
            *open = 0;
        }
    }
    if (bad)
        return "a '{' that begins no field (write '{{' for a brace)";
    return *open ? "a condition that does not end" : NULL;
}

static void add_value(struct buf *out, const char *value)
{
    for (const char *p = value; *p; p++)
        buf_addc(out, (unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
}

int template_render(const char *text, template_field *field, void *ctx, struct buf *out)
{
    struct token t;
    bool bad, silent = false;
    while (next_token(&text, &t, &bad)) {
        if (t.kind == TOKEN_END) {
            silent = false;
        } else if (t.kind == TOKEN_IF) {
            const char *v = field(ctx, t.field);
            silent = !v || !*v;
        } else if (!silent && t.kind == TOKEN_TEXT) {
            buf_add(out, t.text, t.len);
        } else if (!silent) {
            const char *v = field(ctx, t.field);
            add_value(out, v ? v : "");
        }
    }
    return out->overflow ? E_TOOBIG : 0;
}

static bool seen_before(const char *from, const char *until, const char *name)
{
    struct token t;
    bool bad;
    while (from < until && next_token(&from, &t, &bad))
        if (from < until && t.kind == TOKEN_FIELD && strcmp(t.field, name) == 0)
            return true;
    return false;
}

void template_fields(const char *text, void (*fn)(void *ctx, const char *name), void *ctx)
{
    const char *p = text;
    struct token t;
    bool bad;
    for (const char *at = p; next_token(&p, &t, &bad); at = p)
        if (t.kind == TOKEN_FIELD && !seen_before(text, at, t.field))
            fn(ctx, t.field);
}

/* ---- files ---- */

struct source {
    const char *file; /* for messages */
    struct errmsg *why;
};

static int fault(const struct source *src, const char *text, const char *at, const char *what)
{
    int line = 1;
    for (const char *p = text; p < at; p++)
        line += *p == '\n';
    return errmsg_set(src->why, E_INVALID, "%s:%d: %s", src->file, line, what);
}

/* "NAME.LANGUAGE.txt" */
static int parse_name(struct template *t, const char *file, const struct source *src)
{
    char base[TEMPLATE_NAME_MAX + 24];
    if (!text_copyn(base, sizeof(base), file, strlen(file) - 4))
        return errmsg_set(src->why, E_INVALID, "%s: the name is too long", src->file);
    char *dot = strrchr(base, '.');
    t->lang = dot ? lang_parse(dot + 1) : LANG_NONE;
    if (t->lang == LANG_NONE)
        return errmsg_set(src->why, E_INVALID,
                          "%s: expected NAME.LANGUAGE.txt with zh-Hans, zh-Hant or en", src->file);
    *dot = 0;
    if (!text_is_name(base) || !text_copy(t->name, sizeof(t->name), base))
        return errmsg_set(src->why, E_INVALID, "%s: '%s' is no name of a template", src->file,
                          base);
    return 0;
}

static bool header_field(const char *line, size_t len, const char *name, char **out)
{
    size_t n = strlen(name);
    if (len <= n || strncmp(line, name, n) != 0 || line[n] != ':')
        return false;
    line += n + 1;
    len -= n + 1;
    while (len > 0 && (*line == ' ' || *line == '\t'))
        line++, len--;
    while (len > 0 && (line[len - 1] == ' ' || line[len - 1] == '\r'))
        len--;
    free(*out);
    *out = xstrndup(line, len);
    return true;
}

/* A first line that is no known header means there are none. Returns where the text begins. */
static const char *parse_headers(struct template *t, const char *text)
{
    const char *p = text;
    for (;;) {
        size_t len = strcspn(p, "\n");
        bool known = header_field(p, len, "subject", &t->subject) ||
                     header_field(p, len, "channel", &t->channel) ||
                     header_field(p, len, "provider_template", &t->provider_template);
        if (!known)
            break;
        p += len + (p[len] == '\n');
    }
    if (p != text && (*p == '\n' || (*p == '\r' && p[1] == '\n')))
        p += *p == '\r' ? 2 : 1;
    return p;
}

/* The body without trailing line ends and without carriage returns. */
static char *clean_body(const char *p)
{
    char *body = xstrdup(p), *to = body;
    for (const char *from = body; *from; from++)
        if (*from != '\r')
            *to++ = *from;
    while (to > body && (to[-1] == '\n' || to[-1] == ' '))
        to--;
    *to = 0;
    return body;
}

/* A wrong template is a fault at the place in its file, before any message needs it. */
static int parse_text(struct template *t, const char *text, size_t len, const struct source *src)
{
    const char *where, *what;
    if (len >= TEMPLATE_TEXT_MAX)
        return errmsg_set(src->why, E_TOOBIG, "%s: over %d bytes", src->file, TEMPLATE_TEXT_MAX);
    if (!utf8_valid(text, len))
        return errmsg_set(src->why, E_INVALID, "%s: not UTF-8", src->file);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    const char *body = parse_headers(t, text);
    if (t->channel && !text_eq(t->channel, "sms") && !text_eq(t->channel, "email"))
        return fault(src, text, text, "channel: expected sms or email");
    if (t->subject && (strlen(t->subject) > SUBJECT_MAX || check_text(t->subject, &where)))
        return fault(src, text, text, "subject: too long, or a '{' that begins no field");
    what = check_text(body, &where);
    if (what)
        return fault(src, text, where, what);
    t->body = clean_body(body);
    return *t->body ? 0 : fault(src, text, body, "there is no text");
}

/* Add, or take the place of the same name and language. */
static void set_put(struct template_set *set, struct template *t)
{
    for (size_t i = 0; i < set->n; i++) {
        if (set->items[i]->lang == t->lang && strcmp(set->items[i]->name, t->name) == 0) {
            template_free(set->items[i]);
            set->items[i] = t;
            return;
        }
    }
    if (set->n == set->cap) {
        set->cap = set->cap ? set->cap * 2 : 64;
        set->items = xrealloc(set->items, set->cap * sizeof(struct template *));
    }
    set->items[set->n++] = t;
}

static int set_add(struct template_set *set, const char *name, const char *text, size_t len,
                   const struct source *src)
{
    struct template *t = xcalloc(1, sizeof(*t));
    int rc = parse_name(t, name, src);
    if (rc == E_OK)
        rc = parse_text(t, text, len, src);
    if (rc < 0)
        template_free(t);
    else
        set_put(set, t);
    return rc;
}

/* Read whole before it is parsed; the bound holds for what a person may have put there. */
static int add_file(struct template_set *set, const char *folder, const char *name,
                    struct errmsg *why)
{
    struct buf data = BUF_INIT(TEMPLATE_TEXT_MAX);
    char *path = xasprintf("%s/%s", folder, name), chunk[4096];
    struct source src = {path, why};
    FILE *f = fopen(path, "re");
    size_t n;
    int rc;
    while (f && (n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&data, chunk, n);
    if (!f || ferror(f))
        rc = errmsg_set(why, E_IO, "%s: %s", path, strerror(errno));
    else if (data.overflow)
        rc = errmsg_set(why, E_TOOBIG, "%s: over %d bytes", path, TEMPLATE_TEXT_MAX);
    else
        rc = set_add(set, name, buf_str(&data), data.len, &src);
    if (f)
        fclose(f);
    buf_free(&data);
    free(path);
    return rc;
}

static bool is_template_file(const char *name)
{
    size_t n = strlen(name);
    return *name != '.' && n > 4 && strcmp(name + n - 4, ".txt") == 0;
}

/* A folder that is not there is no fault: the built-in templates are complete. */
static int add_folder(struct template_set *set, const char *folder, struct errmsg *why)
{
    DIR *dir = opendir(folder);
    struct dirent *e;
    int rc = 0, count = 0;
    if (!dir)
        return errno == ENOENT ? 0 : errmsg_set(why, E_IO, "%s: %s", folder, strerror(errno));
    while (rc == E_OK && (e = readdir(dir))) {
        if (!is_template_file(e->d_name))
            continue;
        if (++count > TEMPLATES_MAX)
            rc = errmsg_set(why, E_TOOBIG, "%s: over %d templates", folder, TEMPLATES_MAX);
        else
            rc = add_file(set, folder, e->d_name, why);
    }
    closedir(dir);
    return rc;
}

struct template_set *template_set_load(const char *folder, struct errmsg *why)
{
    struct template_set *set = xcalloc(1, sizeof(*set));
    int rc = 0;
    for (const struct embedded_file *f = templates_embedded; f->name && rc == E_OK; f++) {
        struct source src = {f->name, why};
        rc = set_add(set, f->name, f->text, f->len, &src);
    }
    if (rc == E_OK && folder)
        rc = add_folder(set, folder, why);
    if (rc < 0)
        template_set_free(&set);
    return set;
}

void template_set_free(struct template_set **set)
{
    if (!*set)
        return;
    for (size_t i = 0; i < (*set)->n; i++)
        template_free((*set)->items[i]);
    free((*set)->items);
    free(*set);
    *set = NULL;
}

/* True if it is there already. */
static bool has_name(const char *const *names, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

void template_names(const struct template_set *set, const char **out, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; set && i < set->n && n + 1 < max; i++)
        if (!has_name(out, n, set->items[i]->name))
            out[n++] = set->items[i]->name;
    out[n] = NULL;
}

static const struct template *find_exact(const struct template_set *set, const char *name,
                                         enum lang lang)
{
    for (size_t i = 0; i < set->n; i++)
        if (set->items[i]->lang == lang && strcmp(set->items[i]->name, name) == 0)
            return set->items[i];
    return NULL;
}

const struct template *template_find(const struct template_set *set, const char *name,
                                     enum lang lang)
{
    /* What stands in for a language, in order; the language itself is first. */
    static const enum lang order[LANG_COUNT][LANG_COUNT] = {
        [LANG_ZH] = {LANG_ZH, LANG_ZH_HANT, LANG_EN},
        [LANG_ZH_HANT] = {LANG_ZH_HANT, LANG_ZH, LANG_EN},
        [LANG_EN] = {LANG_EN, LANG_ZH, LANG_ZH_HANT},
    };
    const struct template *t = NULL;
    if (lang < 0 || lang >= LANG_COUNT)
        lang = LANG_ZH;
    for (int i = 0; i < LANG_COUNT && !t; i++)
        t = find_exact(set, name, order[lang][i]);
    return t;
}
