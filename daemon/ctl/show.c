/*
 * show.c - answers for people: tables, fields, problems; with --json the answer as it came.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "ctl/ctl.h"

#define COLUMNS_MAX 16
#define VALUE_MAX   512
#define FIELD_MAX   8192
#define INDENT_MAX  8
static const char INDENTS[INDENT_MAX + 1] = "        ";

/* ---- values ---- */

static const json_t *at_path(const json_t *item, const char *path)
{
    char key[64];
    while (item && *path) {
        size_t len = strcspn(path, ".");
        (void)text_copyn(key, sizeof(key), path, len);
        item = json_object_get(item, key);
        path += len + (path[len] == '.');
    }
    return item;
}

static void plain_text(const json_t *v, char *out, size_t cap)
{
    if (json_is_string(v)) {
        (void)text_copy(out, cap, json_string_value(v));
    } else if (json_is_boolean(v)) {
        (void)text_copy(out, cap, json_is_true(v) ? "yes" : "no");
    } else if (!v || json_is_null(v)) {
        (void)text_copy(out, cap, "");
    } else {
        char *text = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(6));
        (void)text_copy(out, cap, text ? text : "");
        free(text);
    }
}

/* "2026-11-22T08:15:30.123Z" as "2026-11-22 08:15:30Z"; other text as it is. */
static void short_time(char *text)
{
    if (strlen(text) == 24 && text[10] == 'T' && text[23] == 'Z') {
        text[10] = ' ';
        text[19] = 'Z';
        text[20] = '\0';
    }
}

static void joined(const json_t *list, char *out, size_t cap)
{
    size_t used = 0;
    *out = '\0';
    for (size_t i = 0; i < json_array_size(list) && used + 1 < cap; i++) {
        char one[VALUE_MAX];
        plain_text(json_array_get(list, i), one, sizeof(one));
        int n = snprintf(out + used, cap - used, "%s%s", i ? ", " : "", one);
        used += n > 0 ? (size_t)n : 0;
    }
}

static void cell(const json_t *item, const struct ctl_column *c, char *out, size_t cap)
{
    const json_t *v = at_path(item, c->path);
    if (c->format == AS_JOINED && json_is_array(v)) {
        joined(v, out, cap);
        return;
    }
    plain_text(v, out, cap);
    if (c->format == AS_TIME)
        short_time(out);
}

/* ---- tables ---- */

static int column_width(const json_t *items, const struct ctl_column *c)
{
    char text[VALUE_MAX];
    int width = ctl_width(c->title);
    for (size_t i = 0; i < json_array_size(items); i++) {
        cell(json_array_get(items, i), c, text, sizeof(text));
        int w = ctl_width(text);
        if (w > width)
            width = w;
    }
    return c->max && width > c->max ? c->max : width;
}

static void row(const json_t *item, const struct ctl_column *columns, const int *widths,
                const char *indent)
{
    char text[VALUE_MAX];
    (void)fputs(indent, stdout);
    for (int i = 0; columns[i].title; i++) {
        if (item)
            cell(item, &columns[i], text, sizeof(text));
        else
            (void)text_copy(text, sizeof(text), columns[i].title);
        int used = ctl_put(text, widths[i]);
        if (columns[i + 1].title)
            (void)printf("%*s", widths[i] - used + 2, "");
    }
    (void)fputc('\n', stdout);
}

static void table(const json_t *items, const struct ctl_column *columns, const char *indent)
{
    int widths[COLUMNS_MAX] = {0};
    for (int i = 0; columns[i].title && i < COLUMNS_MAX; i++)
        widths[i] = column_width(items, &columns[i]);
    row(NULL, columns, widths, indent);
    for (size_t i = 0; i < json_array_size(items); i++)
        row(json_array_get(items, i), columns, widths, indent);
}

void ctl_table(const json_t *items, const struct ctl_column *columns)
{
    table(items, columns, "");
}

/* Objects in a list, under the names of the first one's fields. */
static void inner_table(const json_t *items)
{
    struct ctl_column columns[COLUMNS_MAX] = {{0}};
    const char *key;
    json_t *value;
    int n = 0;
    json_object_foreach(json_array_get(items, 0), key, value)
    {
        if (n + 1 < COLUMNS_MAX)
            columns[n++] =
                (struct ctl_column){key, key, json_is_array(value) ? AS_JOINED : AS_TIME, 40};
    }
    table(items, columns, "  ");
}

/* ---- shapes ---- */

static void show_rows(const struct ctl_verb *verb, const json_t *v)
{
    const json_t *items = json_object_get(v, "items");
    if (items && json_array_size(items) == 0) {
        (void)printf("none\n");
    } else if (items) {
        ctl_table(items, verb->columns);
    } else {
        json_t *one = json_array();
        (void)json_array_append(one, (json_t *)v);
        ctl_table(one, verb->columns);
        json_decref(one);
    }
    const char *next = json_string_value(json_object_get(v, "next"));
    if (next)
        (void)fprintf(stderr, "more: --cursor %s\n", next);
}

static void show_fields(const json_t *v, const char *indent)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)v, key, value)
    {
        struct ctl_column whole = {key, key, json_is_array(value) ? AS_JOINED : AS_TIME, 0};
        char text[FIELD_MAX];
        (void)printf("%s%s:", indent, key);
        if (json_is_object(value) && json_object_size(value) && strlen(indent) < INDENT_MAX) {
            (void)fputc('\n', stdout);
            show_fields(value, INDENTS + INDENT_MAX - strlen(indent) - 2);
        } else if (json_is_object(json_array_get(value, 0))) {
            (void)fputc('\n', stdout);
            inner_table(value);
        } else {
            cell(v, &whole, text, sizeof(text));
            (void)fputs(*text ? " " : "", stdout);
            (void)ctl_put(text, 0);
            (void)fputc('\n', stdout);
        }
    }
}

/* {"ok":false,…} or {"status":"failed",…}: what was found, exit 1 when it is bad. */
static bool is_good(const json_t *v)
{
    const char *status = json_string_value(json_object_get(v, "status"));
    return !json_is_false(json_object_get(v, "ok")) && !(status && strcmp(status, "ok") != 0);
}

static int show_check(const json_t *v)
{
    bool good = is_good(v), plain = json_object_get(v, "ok") != NULL;
    if (plain)
        (void)printf("%s\n", good ? "ok" : "not ok");
    json_t *rest = json_copy((json_t *)v);
    (void)json_object_del(rest, "ok");
    show_fields(rest, "");
    json_decref(rest);
    return good ? CTL_DONE : CTL_REFUSED;
}

static int show_value(const struct ctl_verb *verb, const json_t *v)
{
    char text[8192];
    switch (verb->shape) {
    case SHOW_ROWS:
        show_rows(verb, v);
        return CTL_DONE;
    case SHOW_FIELDS:
        show_fields(v, "");
        return CTL_DONE;
    case SHOW_ONE:
        plain_text(at_path(v, verb->columns[0].path), text, sizeof(text));
        (void)printf("%s\n", text);
        return CTL_DONE;
    case SHOW_CHECK:
        return show_check(v);
    default:
        (void)printf("%s\n", verb->done ? verb->done : "done");
        return CTL_DONE;
    }
}

void ctl_show_problem(const struct ctl *ctl, const struct ctl_reply *reply)
{
    static const char *const extras[] = {"field", "state", "responder", "allowed"};
    struct errmsg why;
    json_t *v = json_parse(buf_str(&reply->body), reply->body.len, &why);
    const char *detail = json_string_value(json_object_get(v, "detail"));
    if (!detail)
        detail = json_string_value(json_object_get(v, "title"));
    if (ctl->json && v)
        (void)printf("%s\n", buf_str(&reply->body));
    (void)fprintf(stderr, "stewardctl: refused (%ld): %s", reply->status,
                  detail ? detail : "no reason was given");
    for (size_t i = 0; i < ARRAY_LEN(extras); i++) {
        char text[VALUE_MAX];
        const json_t *extra = json_object_get(v, extras[i]);
        if (json_is_array(extra))
            joined(extra, text, sizeof(text));
        else
            plain_text(extra, text, sizeof(text));
        if (*text)
            (void)fprintf(stderr, "; %s: %s", extras[i], text);
    }
    (void)fputc('\n', stderr);
    json_decref(v);
}

int ctl_show(const struct ctl *ctl, const struct ctl_verb *verb, const struct ctl_reply *reply)
{
    struct errmsg why;
    if (reply->status < 200 || reply->status > 299) {
        ctl_show_problem(ctl, reply);
        return CTL_REFUSED;
    }
    if (reply->body.len == 0) {
        (void)printf("%s\n", ctl->json ? "{}" : verb->done ? verb->done : "done");
        return CTL_DONE;
    }
    json_t *v = json_parse(buf_str(&reply->body), reply->body.len, &why);
    if (!v) {
        (void)fprintf(stderr, "stewardctl: the answer is not JSON: %s\n", why.text);
        return CTL_REFUSED;
    }
    int code = CTL_DONE;
    if (ctl->json) {
        (void)printf("%s\n", buf_str(&reply->body));
        if (verb->shape == SHOW_CHECK && !is_good(v))
            code = CTL_REFUSED;
    } else {
        code = show_value(verb, v);
    }
    json_decref(v);
    return code;
}
