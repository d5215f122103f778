/*
 * test_template.c - templates of messages: the built-in ones, a site's folder, rendering.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"
#include "domain/template.h"

static const char *field(void *ctx, const char *name)
{
    static const char *const values[][2] = {
        {"name", "王芳"}, {"ticket", "T-000123"}, {"empty", ""}, {"evil", "a\r\nBcc: b"}};
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        if (strcmp(values[i][0], name) == 0)
            return values[i][1];
    return NULL;
}

static const struct {
    const char *text, *out;
} renders[] = {
    {"", ""},
    {"plain", "plain"},
    {"{name}", "王芳"},
    {"您好{?name}，{name}{/name}。", "您好，王芳。"},
    {"a{?empty}, {empty}{/empty}b{?none}c{/none}d", "abd"},
    {"{{name}", "{name}"},
    {"{unknown}!", "!"},
    {"{evil}", "a  Bcc: b"},
    {"}", "}"},
};

static void renders_fields(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(renders); i++) {
        struct buf out = BUF_INIT(1000);
        assert_int_equal(template_render(renders[i].text, field, NULL, &out), 0);
        assert_string_equal(buf_str(&out), renders[i].out);
        buf_free(&out);
    }
    struct buf small = BUF_INIT(4);
    assert_true(template_render("{ticket}", field, NULL, &small) < 0);
    buf_free(&small);
}

static void collect(void *ctx, const char *name)
{
    buf_printf(ctx, "%s;", name);
}

static void lists_fields_once(void **state)
{
    struct buf out = BUF_INIT(1000);
    template_fields("{b} {a} {b} {?c}{a}{/c} {{d}", collect, &out);
    assert_string_equal(buf_str(&out), "b;a;");
    buf_free(&out);
}

static void built_in(void **state)
{
    static const char *const names[] = {
        "opened",    "replied", "resolved",   "confirm",  "survey",       "no_answer",
        "reopened",  "closed",  "visit",      "callback", "escalated",    "dispatched",
        "refused",   "done",    "urged",      "handover", "reassigned",   "incident",
        "alert",     "digest",  "inspection", "care",     "unsubscribed", "notice",
        "unreached", "wrote"};
    struct errmsg why;
    struct template_set *set = template_set_load(NULL, &why);
    assert_non_null(set);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const struct template *zh = template_find(set, names[i], LANG_ZH);
        const struct template *en = template_find(set, names[i], LANG_EN);
        if (!zh || !en || zh->lang != LANG_ZH || en->lang != LANG_EN || !zh->subject ||
            !en->subject)
            fail_msg("%s", names[i]);
        assert_ptr_equal(template_find(set, names[i], LANG_ZH_HANT), zh);
    }
    assert_null(template_find(set, "no-such", LANG_ZH));
    template_set_free(&set);
    assert_null(set);
}

static char dir[64];

static void put(const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void drop(const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    unlink(path);
}

static void folder_overrides(void **state)
{
    struct errmsg why;
    snprintf(dir, sizeof(dir), "/tmp/templates.XXXXXX");
    assert_non_null(mkdtemp(dir));
    put("opened.zh.txt", "subject: 工单 {ticket}\r\nchannel: email\r\nprovider_template: "
                         "SMS_1\r\n\r\n第一行\r\n第二行\n\n");
    put("mine.zh-Hant.txt", "沒有標頭: 只是文字");
    put("README.md", "{ broken");
    put(".hidden.txt", "{ broken");
    struct template_set *set = template_set_load(dir, &why);
    assert_non_null(set);
    const struct template *t = template_find(set, "opened", LANG_ZH);
    assert_string_equal(t->subject, "工单 {ticket}");
    assert_string_equal(t->channel, "email");
    assert_string_equal(t->provider_template, "SMS_1");
    assert_string_equal(t->body, "第一行\n第二行");
    assert_int_equal(template_find(set, "mine", LANG_EN)->lang, LANG_ZH_HANT);
    assert_string_equal(template_find(set, "mine", LANG_ZH)->body, "沒有標頭: 只是文字");
    template_set_free(&set);
    drop("opened.zh.txt"), drop("mine.zh-Hant.txt"), drop("README.md"), drop(".hidden.txt");
    rmdir(dir);
    set = template_set_load("/nonexistent/folder", &why);
    assert_non_null(set);
    template_set_free(&set);
}

static void wrong_files(void **state)
{
    static const struct {
        const char *file, *text, *says;
    } files[] = {
        {"a.zh.txt", "x\n{name", ":2: a '{'"},
        {"a.zh.txt", "{na me}", "a '{'"},
        {"a.zh.txt", "{}", "a '{'"},
        {"a.zh.txt", "{?a}x", "does not end"},
        {"a.zh.txt", "{?a}{?b}{/b}{/a}", "within"},
        {"a.zh.txt", "x{/a}", "not begun"},
        {"a.zh.txt", "", "no text"},
        {"a.zh.txt", "subject: x\n\n", "no text"},
        {"a.zh.txt", "channel: fax\n\nx", "channel"},
        {"a.zh.txt", "subject: {\n\nx", "subject"},
        {"a.zh.txt", "\xff\xfe", "UTF-8"},
        {"a.fr.txt", "x", "NAME.LANGUAGE"},
        {"noname.txt", "x", "NAME.LANGUAGE"},
        {"Big.zh.txt", "x", "no name"},
    };
    snprintf(dir, sizeof(dir), "/tmp/templates.XXXXXX");
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct errmsg why = {""};
        put(files[i].file, files[i].text);
        assert_null(template_set_load(dir, &why));
        if (!strstr(why.text, files[i].says) || !strstr(why.text, files[i].file))
            fail_msg("case %zu: %s", i, why.text);
        drop(files[i].file);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(renders_fields), cmocka_unit_test(lists_fields_once),
        cmocka_unit_test(built_in),       cmocka_unit_test(folder_overrides),
        cmocka_unit_test(wrong_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
