/*
 * args.c - the arguments of a verb: options and positionals into the path, query or body of its
 * request.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "ctl/ctl.h"

#define LINE_MAX_BYTES 4096

static int usage(const struct ctl_verb *verb, const char *fmt, ...) PRINTF_LIKE(2, 3);

static int usage(const struct ctl_verb *verb, const char *fmt, ...)
{
    va_list ap;
    (void)fprintf(stderr, "stewardctl %s: ", verb->words);
    va_start(ap, fmt);
    (void)vfprintf(stderr, fmt, ap);
    va_end(ap);
    (void)fprintf(stderr, " (stewardctl %s --help)\n", verb->words);
    return CTL_USAGE;
}

bool ctl_global(struct ctl *ctl, int argc, char **argv, int *i, bool *bad)
{
    const struct {
        const char *name;
        const char **text;
        bool *flag;
    } options[] = {
        {"-c", &ctl->config, NULL},   {"--config", &ctl->config, NULL},
        {"--url", &ctl->url, NULL},   {"--token", &ctl->token, NULL},
        {"--ca", &ctl->ca, NULL},     {"--json", NULL, &ctl->json},
        {"--help", NULL, &ctl->help}, {"-h", NULL, &ctl->help},
    };
    for (size_t k = 0; k < sizeof(options) / sizeof(options[0]); k++) {
        size_t len = strlen(options[k].name);
        const char *s = argv[*i];
        if (options[k].flag && strcmp(s, options[k].name) == 0) {
            *options[k].flag = true;
        } else if (options[k].text && strncmp(s, options[k].name, len) == 0 && s[len] == '=' &&
                   s[1] == '-') {
            *options[k].text = s + len + 1;
        } else if (options[k].text && strcmp(s, options[k].name) == 0) {
            *bad = *i + 1 >= argc;
            if (*bad)
                (void)fprintf(stderr, "stewardctl: %s needs a value\n", s);
            else
                *options[k].text = argv[++*i];
        } else {
            continue;
        }
        ++*i;
        return !*bad;
    }
    return false;
}

/* ---- values ---- */

/* Set a field, "visit.from" within an object of its own. Takes v over. */
static void set_field(json_t *object, const char *field, json_t *v)
{
    const char *dot = strchr(field, '.');
    if (!dot) {
        (void)json_object_set_new(object, field, v);
        return;
    }
    char head[64];
    (void)text_copyn(head, sizeof(head), field, (size_t)(dot - field));
    json_t *inner = json_object_get(object, head);
    if (!inner) {
        inner = json_object();
        (void)json_object_set_new(object, head, inner);
    }
    set_field(inner, dot + 1, v);
}

static json_t *list_value(const char *text)
{
    json_t *list = json_array();
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len)
            (void)json_array_append_new(list, json_stringn(text, len));
        if (!text[len])
            return list;
        text += len + 1;
    }
}

static json_t *ticket_value(const char *text)
{
    char id[32];
    int64_t n;
    const char *digits =
        strncmp(text, "T-", 2) == 0 || strncmp(text, "t-", 2) == 0 ? text + 2 : text;
    if (text_int(digits, 1, INT64_MAX, &n) < 0)
        return NULL;
    (void)snprintf(id, sizeof(id), "T-%06lld", (long long)n);
    return json_string(id);
}

/* One line of standard input without its end. */
static json_t *stdin_value(void)
{
    char line[LINE_MAX_BYTES];
    if (!fgets(line, sizeof(line), stdin))
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    return *line ? json_string(line) : NULL;
}

static json_t *value_of(const struct ctl_arg *a, const char *text)
{
    int64_t n;
    switch (a->type) {
    case ARG_INT:
        return text_int(text, INT64_MIN, INT64_MAX, &n) == E_OK ? json_integer(n) : NULL;
    case ARG_FLAG:
        return json_true();
    case ARG_LIST:
        return list_value(text);
    case ARG_YES_NO:
        return strcmp(text, "yes") == 0  ? json_true()
               : strcmp(text, "no") == 0 ? json_false()
                                         : NULL;
    case ARG_TICKET:
        return ticket_value(text);
    case ARG_STDIN:
        return stdin_value();
    default:
        return utf8_valid(text, strlen(text)) ? json_string(text) : NULL;
    }
}

static const char *expected(enum ctl_type type)
{
    static const char *const words[] = {[ARG_TEXT] = "text in UTF-8",
                                        [ARG_WORDS] = "text in UTF-8",
                                        [ARG_INT] = "a whole number",
                                        [ARG_FLAG] = "nothing",
                                        [ARG_LIST] = "a,b",
                                        [ARG_YES_NO] = "yes or no",
                                        [ARG_TICKET] = "a ticket such as T-000123",
                                        [ARG_STDIN] = "a line of standard input"};
    return words[type];
}

/* Paths and queries are text whatever the type. */
static json_t *as_text(json_t *v)
{
    if (json_is_string(v))
        return v;
    char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT);
    json_t *s = json_string(text);
    free(text);
    json_decref(v);
    return s;
}

static int take(struct ctl_call *call, const struct ctl_arg *a, const char *text)
{
    json_t *const places[] = {[IN_PATH] = call->path,
                              [IN_QUERY] = call->query,
                              [IN_BODY] = call->body,
                              [LOCAL] = call->local};
    json_t *v = value_of(a, text);
    if (!v)
        return usage(call->verb, "%s: expected %s", a->name, expected(a->type));
    if (a->where == IN_BODY)
        set_field(call->body, a->field, v);
    else
        (void)json_object_set_new(places[a->where], a->field, as_text(v));
    return CTL_DONE;
}

/* ---- options and positionals ---- */

static bool is_option(const struct ctl_arg *a)
{
    return a->name[0] == '-';
}

static bool takes_value(const struct ctl_arg *a)
{
    return a->type != ARG_FLAG && a->type != ARG_STDIN;
}

static int take_option(struct ctl_call *call, int argc, char **argv, int *i)
{
    const char *s = argv[*i];
    for (const struct ctl_arg *a = call->verb->args; a && a->name; a++) {
        size_t len = strlen(a->name);
        if (!is_option(a) || strncmp(s, a->name, len) != 0 || (s[len] != '\0' && s[len] != '='))
            continue;
        const char *text = s[len] == '=' ? s + len + 1 : NULL;
        if (!takes_value(a) && text)
            return usage(call->verb, "%s takes no value", a->name);
        if (takes_value(a) && !text) {
            if (*i + 1 >= argc)
                return usage(call->verb, "%s needs %s", a->name, a->value);
            text = argv[++*i];
        }
        ++*i;
        return take(call, a, text ? text : "");
    }
    return usage(call->verb, "there is no option %s", s);
}

static const struct ctl_arg *positional(const struct ctl_verb *verb, int n)
{
    for (const struct ctl_arg *a = verb->args; a && a->name; a++) {
        if (is_option(a))
            continue;
        if (n-- == 0 || a->type == ARG_WORDS)
            return a;
    }
    return NULL;
}

static bool given(const struct ctl_call *call, const struct ctl_arg *a)
{
    const json_t *const places[] = {[IN_PATH] = call->path,
                                    [IN_QUERY] = call->query,
                                    [IN_BODY] = call->body,
                                    [LOCAL] = call->local};
    char head[64];
    (void)text_copyn(head, sizeof(head), a->field, strcspn(a->field, "."));
    return json_object_get(places[a->where], head) != NULL;
}

static int check_required(const struct ctl_call *call)
{
    for (const struct ctl_arg *a = call->verb->args; a && a->name; a++)
        if (a->required && !given(call, a))
            return usage(call->verb, "%s is missing", a->name);
    return CTL_DONE;
}

/* Words of the last positional, joined. */
struct rest {
    const struct ctl_arg *arg;
    struct buf text;
};

static int take_positional(struct ctl_call *call, const char *s, int n, struct rest *rest)
{
    const struct ctl_arg *a = positional(call->verb, n);
    if (!a)
        return usage(call->verb, "'%s' is one too many", s);
    if (a->type != ARG_WORDS)
        return take(call, a, s);
    rest->arg = a;
    buf_printf(&rest->text, "%s%s", rest->text.len ? " " : "", s);
    return CTL_DONE;
}

int ctl_parse(struct ctl *ctl, const struct ctl_verb *verb, int argc, char **argv,
              struct ctl_call *call)
{
    struct rest rest = {.text = BUF_INIT(65536)};
    int code = CTL_DONE, n = 0, i = 0;
    bool plain = false;
    *call = (struct ctl_call){verb, json_object(), json_object(), json_object(), json_object()};
    while (i < argc && code == CTL_DONE) {
        bool bad = false, dash = argv[i][0] == '-' && argv[i][1] != '\0' && !plain;
        if (dash && strcmp(argv[i], "--") == 0) {
            plain = true;
            i++;
        } else if (dash && ctl_global(ctl, argc, argv, &i, &bad)) {
            continue;
        } else if (bad) {
            code = CTL_USAGE;
        } else if (dash) {
            code = take_option(call, argc, argv, &i);
        } else {
            code = take_positional(call, argv[i++], n++, &rest);
        }
    }
    if (code == CTL_DONE && rest.arg)
        code = take(call, rest.arg, buf_str(&rest.text));
    if (code == CTL_DONE && !ctl->help)
        code = check_required(call);
    buf_free(&rest.text);
    return code;
}

void ctl_call_clear(struct ctl_call *call)
{
    json_decref(call->path);
    json_decref(call->query);
    json_decref(call->body);
    json_decref(call->local);
}

const char *ctl_local(const struct ctl_call *call, const char *field)
{
    return json_string_value(json_object_get(call->local, field));
}
