/*
 * main.c - stewardctl: finds the verb in the table, reads its arguments, makes its request and
 * shows the answer. Exit codes: 0 done, 1 refused, 2 usage.
 */
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"

/* How many words of argv the verb's words match; 0: not this verb. */
static int words_match(const char *words, int argc, char **argv)
{
    int n = 0;
    while (*words) {
        size_t len = strcspn(words, " ");
        if (n >= argc || strlen(argv[n]) != len || strncmp(argv[n], words, len) != 0)
            return 0;
        n++;
        words += len + (words[len] == ' ');
    }
    return n;
}

static const struct ctl_verb *find_verb(int argc, char **argv, int *used)
{
    const struct ctl_verb *best = NULL;
    *used = 0;
    for (const struct ctl_verb *v = ctl_next_verb(NULL); v; v = ctl_next_verb(v)) {
        int n = words_match(v->words, argc, argv);
        if (n > *used) {
            best = v;
            *used = n;
        }
    }
    return best;
}

static bool is_group(const char *word)
{
    size_t len = strlen(word);
    for (const struct ctl_verb *v = ctl_next_verb(NULL); v; v = ctl_next_verb(v))
        if (strncmp(v->words, word, len) == 0 && v->words[len] == ' ')
            return true;
    return false;
}

/* Query and path of a verb, with what was given. */
static void build_path(const struct ctl_call *call, struct buf *out)
{
    const char *s = call->verb->path, *key;
    json_t *value;
    while (*s) {
        if (*s != '{') {
            buf_addc(out, *s++);
            continue;
        }
        char name[64];
        size_t len = strcspn(++s, "}");
        (void)text_copyn(name, sizeof(name), s, len);
        const char *given = json_string_value(json_object_get(call->path, name));
        ctl_escape(out, given ? given : "");
        s += len + 1;
    }
    char mark = strchr(call->verb->path, '?') ? '&' : '?';
    json_object_foreach(call->query, key, value)
    {
        buf_printf(out, "%c%s=", mark, key);
        ctl_escape(out, json_string_value(value));
        mark = '&';
    }
}

static int run_request(struct ctl *ctl, const struct ctl_call *call)
{
    struct buf path = BUF_INIT(16384);
    struct ctl_reply reply;
    bool sends =
        strcmp(call->verb->method, "GET") != 0 && strcmp(call->verb->method, "DELETE") != 0;
    char *body = sends ? json_dumps(call->body, JSON_COMPACT) : NULL;
    int code = CTL_REFUSED;
    build_path(call, &path);
    if (ctl_request(ctl, call->verb->method, buf_str(&path), "application/json", body,
                    body ? strlen(body) : 0, &reply))
        code = ctl_show(ctl, call->verb, &reply);
    ctl_reply_free(&reply);
    buf_free(&path);
    free(body);
    return code;
}

static int run_verb(struct ctl *ctl, const struct ctl_verb *verb, int argc, char **argv)
{
    struct ctl_call call;
    int code = ctl_parse(ctl, verb, argc, argv, &call);
    if (ctl->help) {
        ctl_help_verb(verb);
        code = CTL_DONE;
    } else if (code == CTL_DONE && verb->run) {
        code = verb->run(ctl, &call);
    } else if (code == CTL_DONE) {
        code = ctl_connect(ctl) ? run_request(ctl, &call) : CTL_REFUSED;
    }
    ctl_call_clear(&call);
    return code;
}

static int no_verb(const struct ctl *ctl, int argc, char **argv)
{
    if (argc > 0 && is_group(argv[0])) {
        bool asked = ctl->help;
        if (argc > 1 && !asked)
            (void)fprintf(stderr, "stewardctl: '%s' has no verb '%s'\n", argv[0], argv[1]);
        ctl_help_group(argv[0]);
        return asked ? CTL_DONE : CTL_USAGE;
    }
    if (argc > 0)
        (void)fprintf(stderr, "stewardctl: there is no verb '%s' (stewardctl --help lists them)\n",
                      argv[0]);
    else
        ctl_help_all();
    return ctl->help && argc == 0 ? CTL_DONE : CTL_USAGE;
}

int main(int argc, char **argv)
{
    struct ctl ctl = {.config = getenv("STEWARD_CONFIG"), .program = argv[0]};
    bool bad = false;
    int i = 1, used;
    (void)setlocale(LC_CTYPE, "C.UTF-8");
    while (i < argc && ctl_global(&ctl, argc, argv, &i, &bad))
        ;
    if (bad)
        return CTL_USAGE;
    if (i < argc && (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0)) {
        (void)printf("stewardctl %s\n", STEWARD_VERSION);
        return CTL_DONE;
    }
    if (i < argc && strcmp(argv[i], "help") == 0) {
        ctl.help = true;
        i++;
    }
    const struct ctl_verb *verb = find_verb(argc - i, argv + i, &used);
    for (int k = i + 1; k < argc && !verb; k++)
        ctl.help |= strcmp(argv[k], "--help") == 0 || strcmp(argv[k], "-h") == 0;
    int code = verb ? run_verb(&ctl, verb, argc - i - used, argv + i + used)
                    : no_verb(&ctl, argc - i, argv + i);
    ctl_disconnect();
    if (fflush(stdout) != 0 && code == CTL_DONE)
        code = CTL_REFUSED;
    return code;
}
