/*
 * Numbers as PBXs show them: every pair of tests/data/numbers.tsv, the dialling form, the rules'
 * own check, the cache, and random bytes.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/number.h"

/* ---- the table ---- */

static void profile(const char *name, struct number_rules *r)
{
    number_rules_init(r);
    if (text_starts(name, "HK"))
        text_copy(r->country, sizeof(r->country), "HK");
    if (text_starts(name, "MO"))
        text_copy(r->country, sizeof(r->country), "MO");
    if (strstr(name, "20"))
        text_copy(r->area, sizeof(r->area), "20");
    if (strstr(name, "755"))
        text_copy(r->area, sizeof(r->area), "755");
    if (strstr(name, "o9"))
        text_copy(r->outside, sizeof(r->outside), "9");
    if (strstr(name, "o0"))
        text_copy(r->outside, sizeof(r->outside), "0");
    if (strstr(name, "altCN")) {
        text_copy(r->alt[0], sizeof(r->alt[0]), "CN");
        r->n_alt = 1;
    }
    r->dialled = text_eq(name, "HKd");
}

/* The tabs of one line, in place; true if there were four. */
static bool fields(char *line, char *out[5])
{
    line[strcspn(line, "\n")] = '\0';
    for (int i = 0; i < 5; i++) {
        out[i] = line;
        line = strchr(line, '\t');
        if (!line)
            return i == 4;
        *line++ = '\0';
    }
    return true;
}

static const char *spelled(const char *raw)
{
    return text_eq(raw, "(empty)") ? "" : text_eq(raw, "(space)") ? " " : raw;
}

static bool row_holds(char *f[5])
{
    struct number_rules r;
    struct number n;
    profile(f[0], &r);
    number_normalise(&r, spelled(f[1]), &n);
    const char *value = n.value[0] ? n.value : "-", *ext = n.ext[0] ? n.ext : "-";
    bool ok = text_eq(number_kind_name(n.kind), f[2]) && text_eq(value, f[3]) && text_eq(ext, f[4]);
    if (!ok)
        print_error("%s '%s': %s %s %s instead of %s %s %s\n", f[0], f[1], number_kind_name(n.kind),
                    value, ext, f[2], f[3], f[4]);
    return ok;
}

static void test_table(void **state)
{
    FILE *in = fopen(TEST_DATA "/data/numbers.tsv", "r");
    assert_non_null(in);
    char line[512], *f[5];
    int rows = 0, wrong = 0;
    while (fgets(line, sizeof(line), in)) {
        if (line[0] == '#')
            continue;
        rows++;
        if (!fields(line, f) || !row_holds(f))
            wrong++;
    }
    fclose(in);
    assert_int_equal(rows, 222);
    assert_int_equal(wrong, 0);
}

/* ---- a site with everything: Shenzhen, 9 for a line, Hong Kong and Macau read too ---- */

static void site(struct number_rules *r)
{
    number_rules_init(r);
    text_copy(r->area, sizeof(r->area), "755");
    text_copy(r->outside, sizeof(r->outside), "9");
    text_copy(r->alt[0], sizeof(r->alt[0]), "HK");
    text_copy(r->alt[1], sizeof(r->alt[1]), "MO");
    r->n_alt = 2;
    text_copy(r->carriers[0], sizeof(r->carriers[0]), "17951");
    text_copy(r->carriers[1], sizeof(r->carriers[1]), "12593");
    r->n_carriers = 2;
    struct errmsg why;
    assert_int_equal(number_rules_check(r, &why), E_OK);
}

static void test_site(void **state)
{
    static const struct {
        const char *raw, *value;
    } rows[] = {
        {"83765566", "+8675583765566"},
        {"91234567", "+85291234567"},
        {"9013800138000", "+8613800138000"},
        {"17951013800138000", "+8613800138000"},
        {"95588", "86:95588"},
        {"10086", "86:10086"},
        {"4008000", "+867554008000"},
        {"1001", "1001"},
        {"07554001234", "+867554001234"},
        {"0085291234567", "+85291234567"},
        {"912345", "86:12345"},
        {"+15555550123", "+15555550123"},
        {"+99912345678", ""},
        {"1380013800013800138000", ""},
        {"+390612345678", "+390612345678"},
        {"tel:+86 138-0013-8000;ext=9", "+8613800138000"},
    };
    struct number_rules r;
    struct number n;
    site(&r);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        number_normalise(&r, rows[i].raw, &n);
        if (!text_eq(n.value, rows[i].value))
            fail_msg("%s: '%s' instead of '%s'", rows[i].raw, n.value, rows[i].value);
    }
    number_normalise(&r, NULL, &n);
    assert_int_equal(n.kind, NUMBER_UNKNOWN);
}

static void test_to_dial(void **state)
{
    static const struct {
        const char *country, *number, *dial;
    } rows[] = {
        {"CN", "13800138000", "913800138000"},
        {"CN", "+8613800138000", "913800138000"},
        {"CN", "+8675528881234", "9075528881234"},
        {"CN", "28881234", "9075528881234"},
        {"CN", "+864008001234", "94008001234"},
        {"CN", "+85291234567", "90085291234567"},
        {"CN", "+442079460123", "900442079460123"},
        {"CN", "95588", "995588"},
        {"CN", "1003", "1003"},
        {"CN", "anonymous", NULL},
        {"CN", "*67", NULL},
        {"CN", "", NULL},
        {"HK", "+85291234567", "991234567"},
        {"HK", "+8613800138000", "9008613800138000"},
        {"US", "+12125550123", "912125550123"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct number_rules r;
        char out[40] = "";
        site(&r);
        text_copy(r.country, sizeof(r.country), rows[i].country);
        int rc = number_to_dial(&r, rows[i].number, out, sizeof(out));
        if (rc != (rows[i].dial ? E_OK : E_INVALID) ||
            (rows[i].dial && !text_eq(out, rows[i].dial)))
            fail_msg("%s: '%s' (%d)", rows[i].number, out, rc);
    }
    struct number_rules r;
    char small[6];
    site(&r);
    assert_int_equal(number_to_dial(&r, "13800138000", small, sizeof(small)), E_INVALID);
}

static void test_rules_check(void **state)
{
    struct number_rules r;
    struct errmsg why;
    site(&r);
    text_copy(r.country, sizeof(r.country), "QQ");
    assert_int_equal(number_rules_check(&r, &why), E_INVALID);
    assert_non_null(strstr(why.text, "QQ"));
    site(&r);
    text_copy(r.area, sizeof(r.area), "0755");
    assert_int_equal(number_rules_check(&r, &why), E_INVALID);
    site(&r);
    text_copy(r.outside, sizeof(r.outside), "x");
    assert_int_equal(number_rules_check(&r, &why), E_INVALID);
    site(&r);
    text_copy(r.carriers[0], sizeof(r.carriers[0]), "17a");
    assert_int_equal(number_rules_check(&r, &why), E_INVALID);
}

static void test_cache(void **state)
{
    struct number_rules r;
    struct number n, again;
    site(&r);
    struct numbers *cache = numbers_new(&r);
    for (int i = 0; i < 2; i++) {
        numbers_get(cache, "+44 (0)20 7946 0123", &n);
        assert_string_equal(n.value, "+442079460123");
        numbers_get(cache, "13800138000", &again);
        assert_string_equal(again.value, "+8613800138000");
    }
    numbers_get(cache, "83765566", &n);
    text_copy(r.area, sizeof(r.area), "20");
    numbers_set_rules(cache, &r);
    numbers_get(cache, "83765566", &again);
    assert_string_equal(n.value, "+8675583765566");
    assert_string_equal(again.value, "+862083765566");
    numbers_free(&cache);
    assert_null(cache);
}

/* Random bytes and random pieces: no crash, and the invariants of every answer. */
static void test_random(void **state)
{
    static const char *const pieces[] = {"+",     "86", "0",   "138", "<sip:",   "@",
                                         ";ext=", "转", "%2B", "９",  "\"",      "anonymous",
                                         "\xff",  "-",  "(0)", ">",   "1234567", " "};
    unsigned seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    struct number_rules r;
    struct number n;
    site(&r);
    for (int i = 0; i < 20000; i++) {
        char raw[300] = "";
        size_t len = 0;
        for (int k = rand_r(&seed) % 12; k >= 0; k--) {
            const char *p = pieces[(size_t)rand_r(&seed) % ARRAY_LEN(pieces)];
            if (rand_r(&seed) % 8 == 0)
                raw[len++] = (char)(1 + rand_r(&seed) % 255);
            len += (size_t)snprintf(raw + len, sizeof(raw) - len, "%s", p);
        }
        number_normalise(&r, raw, &n);
        bool has_value = n.kind == NUMBER_E164 || n.kind == NUMBER_SVC || n.kind == NUMBER_EXT;
        assert_int_equal(has_value, n.value[0] != '\0');
        if (n.kind == NUMBER_E164)
            assert_true(n.value[0] == '+' && strlen(n.value) <= 16 && strlen(n.value) >= 6);
    }
    char huge[1000];
    memset(huge, '1', sizeof(huge) - 1);
    huge[sizeof(huge) - 1] = '\0';
    number_normalise(&r, huge, &n);
    assert_int_equal(n.kind, NUMBER_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),   cmocka_unit_test(test_site),
        cmocka_unit_test(test_to_dial), cmocka_unit_test(test_rules_check),
        cmocka_unit_test(test_cache),   cmocka_unit_test(test_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
