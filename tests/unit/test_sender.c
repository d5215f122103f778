/*
 * test_sender.c - the sender thread against a small server in a thread of its own: good answers,
 * errors, silence, endless bodies, forbidden addresses.
 */
#include "unit.h"
#include "mini_http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "spine/sender.h"

struct result {
    struct loop *loop;
    int calls, status;
    size_t body_len;
    char error[256];
    int64_t retry_after_ms;
};

static void on_answer(void *arg, const struct sender_answer *a)
{
    struct result *r = arg;
    r->calls++;
    r->status = a->status;
    r->body_len = a->body_len;
    r->retry_after_ms = a->retry_after_ms;
    text_copy(r->error, sizeof(r->error), a->error ? a->error : "");
    if (r->loop)
        loop_stop(r->loop);
}

static struct result ask(struct server *sv, const char *path, bool allow_private, int64_t timeout)
{
    struct loop *loop = loop_new();
    struct sender *s = sender_new(loop);
    struct result r = {.loop = loop};
    char url[256];
    const char *headers[] = {"X-Test: one", NULL};
    struct steward_request req = {.struct_size = sizeof(req),
                                  .method = "POST",
                                  .url = url,
                                  .headers = headers,
                                  .body = "hello",
                                  .body_len = 5,
                                  .timeout_ms = timeout,
                                  .allow_private = allow_private};
    if (strstr(path, "://"))
        snprintf(url, sizeof(url), "%s", path);
    else
        snprintf(url, sizeof(url), "http://127.0.0.1:%u%s", sv->port, path);
    sender_submit(s, &req, on_answer, &r);
    loop_run(loop);
    assert_int_equal(r.calls, 1);
    assert_int_equal(sender_pending(s), 0);
    sender_free(&s, 0);
    loop_free(&loop);
    return r;
}

static void answers(void **state)
{
    struct server sv;
    server_start(&sv);
    struct result r = ask(&sv, "/ok", true, 0);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_len, 2);
    assert_non_null(strstr(sv.last, "POST /ok HTTP/1.1\r\n"));
    assert_non_null(strstr(sv.last, "X-Test: one\r\n"));
    assert_null(strstr(sv.last, "Expect:"));
    assert_non_null(strstr(sv.last, "\r\n\r\nhello"));
    r = ask(&sv, "/busy", true, 0);
    assert_int_equal(r.status, 503);
    assert_int_equal(r.retry_after_ms, 7000);
    r = ask(&sv, "/moved", true, 0);
    assert_int_equal(r.status, 302);
    r = ask(&sv, "/flood", true, 0);
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body_len, SENDER_BODY_MAX);
    r = ask(&sv, "/garbage", true, 0);
    assert_int_equal(r.status, 0);
    assert_true(*r.error);
    r = ask(&sv, "/close", true, 0);
    assert_int_equal(r.status, 0);
    r = ask(&sv, "/silent", true, 200);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.error, "imed out"));
    server_stop(&sv);
}

static void forbidden(void **state)
{
    static const struct {
        const char *url;
        bool allow_private;
    } urls[] = {
        {"http://127.0.0.1:1/", false},
        {"https://127.0.0.1:1/", false},
        {"https://localhost:1/", false},
        {"https://0x7f.1:1/", false},
        {"https://2130706433:1/", false},
        {"https://[::1]:1/", false},
        {"https://[::ffff:127.0.0.1]/", false},
        {"https://169.254.169.254/", false},
        {"https://user:pw@example.com/", true},
        {"ftp://127.0.0.1/", true},
        {"file:///etc/passwd", true},
        {"nonsense", true},
        {"://", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct result r =
            ask(NULL, urls[i].url[0] == 'n' ? "://x" : urls[i].url, urls[i].allow_private, 500);
        if (r.status != 0 || (!strstr(r.error, "permitted") && !strstr(r.error, "no sense")))
            fail_msg("%s: %d %s", urls[i].url, r.status, r.error);
    }
}

static void end_breaks_off(void **state)
{
    struct server sv;
    struct loop *loop = loop_new();
    struct sender *s = sender_new(loop);
    struct result r = {0};
    char url[64];
    struct steward_request req = {.struct_size = sizeof(req), .url = url, .allow_private = true};
    server_start(&sv);
    snprintf(url, sizeof(url), "http://127.0.0.1:%u/silent", sv.port);
    sender_submit(s, &req, on_answer, &r);
    sender_free(&s, 50);
    assert_null(s);
    assert_int_equal(r.calls, 1);
    assert_int_equal(r.status, 0);
    server_stop(&sv);
    loop_free(&loop);
}

static void header_lines_are_refused(void **state)
{
    struct loop *loop = loop_new();
    struct sender *s = sender_new(loop);
    struct result r = {.loop = loop};
    const char *headers[] = {"X-Test: one\r\nX-Forged: two", NULL};
    struct steward_request req = {
        .struct_size = sizeof(req), .url = "https://example.com/", .headers = headers};
    sender_submit(s, &req, on_answer, &r);
    loop_run(loop);
    assert_non_null(strstr(r.error, "line end"));
    sender_free(&s, 0);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers),
        cmocka_unit_test(forbidden),
        cmocka_unit_test(end_breaks_off),
        cmocka_unit_test(header_lines_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
