/*
 * test_ctl.c - stewardctl's parts: widths, arguments into requests, the table of verbs itself.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/mem.h"
#include "ctl/ctl.h"

static void test_width(void **state)
{
    static const struct {
        const char *text;
        int width;
    } rows[] = {{"", 0},          {"abc", 3},      {"王芳", 4}, {"3-1201 四季", 11},
                {"e\xcc\x81", 1}, {"\xff\xfe", 2}, {"…", 1},    {"，", 2}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(ctl_width(rows[i].text), rows[i].width);
}

static const struct ctl_verb *verb_named(const char *words)
{
    for (const struct ctl_verb *v = ctl_next_verb(NULL); v; v = ctl_next_verb(v))
        if (strcmp(v->words, words) == 0)
            return v;
    fail_msg("there is no verb %s", words);
    return NULL;
}

/* Arguments (words split at blanks) and what becomes of them; NULL: a usage error. */
static void test_arguments(void **state)
{
    static const struct {
        const char *verb, *args, *path, *query, *body;
    } rows[] = {
        {"ticket claim", "T-123", "{\"id\":\"T-000123\"}", "{}", "{}"},
        {"ticket claim", "123", "{\"id\":\"T-000123\"}", "{}", "{}"},
        {"ticket claim", "", NULL, NULL, NULL},
        {"ticket claim", "T-1 T-2", NULL, NULL, NULL},
        {"ticket claim", "x", NULL, NULL, NULL},
        {"ticket note", "7 rang twice -- --loud", "{\"id\":\"T-000007\"}", "{}",
         "{\"text\":\"rang twice --loud\"}"},
        {"ticket list", "--state new --limit=5", "{}", "{\"limit\":\"5\",\"state\":\"new\"}", "{}"},
        {"ticket list", "--limit many", NULL, NULL, NULL},
        {"ticket list", "--colour red", NULL, NULL, NULL},
        {"ticket list", "--state", NULL, NULL, NULL},
        {"ticket dispatch", "1 engineering --visit-from a --visit-to b --final",
         "{\"id\":\"T-000001\"}", "{}",
         "{\"department\":\"engineering\",\"final\":true,\"visit\":{\"from\":\"a\",\"to\":\"b\"}}"},
        {"ticket dispatch", "1 engineering --final=yes", NULL, NULL, NULL},
        {"ticket confirm", "1 yes --score 5", "{\"id\":\"T-000001\"}", "{}",
         "{\"satisfied\":true,\"score\":5}"},
        {"ticket confirm", "1 no", "{\"id\":\"T-000001\"}", "{}", "{\"satisfied\":false}"},
        {"ticket confirm", "1 maybe", NULL, NULL, NULL},
        {"ticket extend", "1 resolve 2d waiting for parts", "{\"id\":\"T-000001\"}", "{}",
         "{\"by\":\"2d\",\"clock\":\"resolve\",\"reason\":\"waiting for parts\"}"},
        {"ticket accept", "1 2", "{\"id\":\"T-000001\",\"n\":\"2\"}", "{}", "{}"},
        {"user add", "li.na --role agent --display 李娜", "{}", "{}",
         "{\"display\":\"李娜\",\"name\":\"li.na\",\"role\":\"agent\"}"},
        {"user add", "li.na", NULL, NULL, NULL},
        {"owner find", "王 芳", "{}", "{\"q\":\"王 芳\"}", "{}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char text[256], *argv[16], *save = NULL;
        int argc = 0;
        struct ctl ctl = {0};
        struct ctl_call call;
        (void)snprintf(text, sizeof(text), "%s", rows[i].args);
        for (char *word = strtok_r(text, " ", &save); word; word = strtok_r(NULL, " ", &save))
            argv[argc++] = word;
        int code = ctl_parse(&ctl, verb_named(rows[i].verb), argc, argv, &call);
        assert_int_equal(code, rows[i].path ? CTL_DONE : CTL_USAGE);
        if (rows[i].path) {
            const json_t *const got[] = {call.path, call.query, call.body};
            const char *const want[] = {rows[i].path, rows[i].query, rows[i].body};
            for (int k = 0; k < 3; k++) {
                char *json = json_dumps(got[k], JSON_COMPACT | JSON_SORT_KEYS);
                assert_string_equal(json, want[k]);
                free(json);
            }
        }
        ctl_call_clear(&call);
    }
}

static void test_globals_stand_anywhere(void **state)
{
    char *argv[] = {"7", "--json", "--url", "http://x", "--token=t", "-c", "f"};
    struct ctl ctl = {0};
    struct ctl_call call;
    assert_int_equal(ctl_parse(&ctl, verb_named("ticket show"), ARRAY_LEN(argv), argv, &call),
                     CTL_DONE);
    assert_true(ctl.json);
    assert_string_equal(ctl.url, "http://x");
    assert_string_equal(ctl.token, "t");
    assert_string_equal(ctl.config, "f");
    ctl_call_clear(&call);
}

/* Every row is whole: a placeholder of its path is an argument, and its help reads like one. */
static void test_table(void **state)
{
    for (const struct ctl_verb *v = ctl_next_verb(NULL); v; v = ctl_next_verb(v)) {
        assert_true(v->run || (v->method && v->path));
        assert_true(v->shape != SHOW_ROWS || v->columns);
        assert_true(v->help[0] >= 'A' && v->help[0] <= 'Z' && v->help[strlen(v->help) - 1] != '.');
        for (const char *s = v->path ? strchr(v->path, '{') : NULL; s; s = strchr(s + 1, '{')) {
            bool found = false;
            size_t len = strcspn(s + 1, "}");
            for (const struct ctl_arg *a = v->args; a && a->name; a++)
                found |= a->where == IN_PATH && a->required && strlen(a->field) == len &&
                         strncmp(a->field, s + 1, len) == 0;
            assert_true(found);
        }
        for (const struct ctl_arg *a = v->args; a && a->name; a++)
            assert_true(a->help && a->help[0]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_width),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_globals_stand_anywhere),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
