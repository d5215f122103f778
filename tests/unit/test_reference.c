/*
 * test_reference.c - docs/configuration.md says what the site's table says. Written again with
 * `stewardd --config-reference`; the plugins' part is compared by ./dev lint.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "domain/site.h"
#include "host/reference.h"

static void read_file(const char *path, struct buf *out)
{
    char part[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        buf_add(out, part, n);
    (void)fclose(f);
}

static void test_page_is_in_step(void **state)
{
    struct buf page = BUF_INIT(1u << 20), made = BUF_INIT(1u << 20);
    read_file(TEST_DATA "/../docs/configuration.md", &page);
    site_document(&made);
    assert_false(made.overflow);
    assert_true(page.len >= made.len);
    page.data[made.len] = '\0';
    assert_string_equal(buf_str(&page), buf_str(&made));
    buf_free(&page);
    buf_free(&made);
}

/* Every key says what it means, and folders without modules do no harm. */
static void test_every_key_is_explained(void **state)
{
    struct buf made = BUF_INIT(1u << 20);
    reference_write("/nowhere", &made);
    assert_null(strstr(buf_str(&made), "|  |\n"));
    assert_non_null(strstr(buf_str(&made), "| `policies.NAME.escalate[].tell` |"));
    assert_non_null(strstr(buf_str(&made), "Also `dev_token_file` and `dev_token_env`."));
    buf_free(&made);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_is_in_step),
        cmocka_unit_test(test_every_key_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
