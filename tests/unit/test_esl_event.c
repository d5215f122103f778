/*
 * test_esl_event.c - events as JSON, read by our scanner and by jansson: both find the same values,
 * whatever the text holds and wherever it is cut.
 */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "esl_parse.h"

#define ROUNDS 3000

static const char *const names[ESL_KEY_COUNT] = {
#define X(key, name) [ESL_##key] = name,
    ESL_KEYS(X)
#undef X
};

static unsigned Seed;

static unsigned any(unsigned below)
{
    return (unsigned)rand_r(&Seed) % below;
}

/* Pieces of text that a scanner may stumble over. */
static const char *const pieces[] = {
    "a",
    "1001@fs.local",
    "\"",
    "\\",
    "\\\\\"",
    "\n",
    "\t",
    "/",
    "{",
    "}",
    "[",
    "],",
    ",",
    "\":\"",
    "_body",
    "\xC3\xA9",
    "\xE5\xBC\xA0",
    "\xF0\x9F\x98\x80",
    "%0A",
    "\x7F",
    "\b",
    "u0041",
    " ",
    "0123456789abcdef",
};

static void any_text(char *out, size_t cap)
{
    out[0] = '\0';
    for (unsigned n = any(6); n > 0; n--) {
        const char *piece = pieces[any(sizeof pieces / sizeof *pieces)];
        if (strlen(out) + strlen(piece) + 1 < cap)
            strcat(out, piece);
    }
}

static json_t *any_value(void)
{
    char text[256];
    any_text(text, sizeof text);
    switch (any(12)) {
    case 0:
        return json_pack("[s, [s], {s: s}, n, i]", text, text, "x", text, 7);
    case 1:
        return json_pack("{s: s, s: [s]}", "Unique-ID", text, "k", text);
    case 2:
        return json_integer(any(1000000));
    case 3:
        return json_real(0.5);
    case 4:
        return json_true();
    case 5:
        return json_null();
    default:
        return json_string(text);
    }
}

static json_t *any_event(void)
{
    json_t *o = json_object();
    for (unsigned n = any(40); n > 0; n--) {
        char key[256];
        unsigned k = any(ESL_KEY_COUNT);
        if (any(3) == 0)
            any_text(key, sizeof key);
        else if (any(4) == 0) /* nearly one that is read */
            snprintf(key, sizeof key, "%s%s", names[k], any(2) ? "x" : " ");
        else
            snprintf(key, sizeof key, "%s", any(20) ? names[k] : "_body");
        json_object_set_new(o, key, any_value());
    }
    return o;
}

static bool same(const char *ours, const json_t *value)
{
    const char *theirs = json_is_string(value) ? json_string_value(value) : NULL;
    return ours && theirs ? strcmp(ours, theirs) == 0 : !ours && !theirs;
}

static void compare(json_t *event, const char *text)
{
    struct esl_event got;
    size_t len = strlen(text);
    char *copy = malloc(len + 1); /* exactly sized: a read past it is seen */
    memcpy(copy, text, len + 1);
    assert_ptr_equal(esl_event_json(copy, len, &got), copy + len);
    for (size_t k = 0; k < ESL_KEY_COUNT; k++)
        if (!same(got.v[k], json_object_get(event, names[k])))
            fail_msg("%s: ours '%s' in %s", names[k], got.v[k] ? got.v[k] : "(none)", text);
    json_t *body = json_object_get(event, "_body");
    assert_string_equal(got.body, json_is_string(body) ? json_string_value(body) : "");
    free(copy);
}

/* Cut short it is none, and nothing behind the cut is looked at. */
static void cut(const char *text, size_t len)
{
    struct esl_event got;
    char *copy = malloc(len ? len : 1);
    memcpy(copy, text, len);
    assert_null(esl_event_json(copy, len, &got));
    free(copy);
}

static void test_as_jansson(void **state)
{
    static const size_t forms[] = {JSON_COMPACT, JSON_COMPACT | JSON_ENSURE_ASCII, JSON_INDENT(2),
                                   JSON_COMPACT | JSON_ESCAPE_SLASH};
    (void)state;
    Seed = (unsigned)time(NULL);
    print_message("seed %u\n", Seed);
    for (int i = 0; i < ROUNDS; i++) {
        json_t *event = any_event();
        char *text = json_dumps(event, forms[any(4)]);
        compare(event, text);
        for (int c = 0; c < 5; c++)
            cut(text, any((unsigned)strlen(text)));
        free(text);
        json_decref(event);
    }
}

/* A half of a pair, an escape that is none, a repeated key: read as far as can be. */
static void test_lenient(void **state)
{
    (void)state;
    static const struct {
        const char *text, *id;
    } rows[] = {
        {"{\"Unique-ID\":\"\\ud83d\\ude00\"}", "\xF0\x9F\x98\x80"},
        {"{\"Unique-ID\":\"\\ud83dx\"}", "\xED\xA0\xBDx"},
        {"{\"Unique-ID\":\"\\ud83d\\u0041\"}", "\xED\xA0\xBD\x41"},
        {"{\"Unique-ID\":\"a\\u00zz\"}", "a00zz"},
        {"{\"Unique-ID\":\"a\\qb\"}", "aqb"},
        {"{\"Unique-ID\":\"a\\u0000b\"}", "ab"},
        {"{\"Unique\\u002dID\":\"x\"}", "x"},
        {"{\"Unique-ID\":\"x\",\"Unique-ID\":\"y\"}", "x"},
        {"{\"unique-id\":\"x\",}", "x"},
        {"{\"Unique-ID\":\"_undef_\"}", NULL},
        {"{\"Unique-ID\":[\"x\"]}", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct esl_event got;
        char text[128];
        snprintf(text, sizeof text, "%s", rows[i].text);
        assert_non_null(esl_event_json(text, strlen(text), &got));
        if (rows[i].id)
            assert_string_equal(got.v[ESL_UNIQUE_ID], rows[i].id);
        else
            assert_null(got.v[ESL_UNIQUE_ID]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_jansson),
        cmocka_unit_test(test_lenient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
