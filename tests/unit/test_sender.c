/*
 * test_sender.c - the sender thread against a small server in a thread of its own: good answers,
 * errors, silence, endless bodies, forbidden addresses.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/sender.h"

struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic int stop;
    char last[4096]; /* the last request */
};

static void say(int fd, const char *text)
{
    size_t len = strlen(text);
    while (len > 0) {
        ssize_t n = send(fd, text, len, MSG_NOSIGNAL);
        if (n <= 0)
            return;
        text += n;
        len -= (size_t)n;
    }
}

static void flood(int fd)
{
    char block[4096];
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = 0;
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
    for (int i = 0; i < 100; i++)
        say(fd, block);
}

static void serve(struct server *sv, int fd)
{
    size_t n = 0;
    ssize_t got;

    while (n < sizeof(sv->last) - 1 &&
           (got = recv(fd, sv->last + n, sizeof(sv->last) - 1 - n, 0)) > 0) {
        n += (size_t)got;
        sv->last[n] = 0;
        char *body = strstr(sv->last, "\r\n\r\n"), *len = strstr(sv->last, "Content-Length: ");
        if (body && (!len || strlen(body + 4) >= (size_t)strtol(len + 16, NULL, 10)))
            break;
    }
    if (strstr(sv->last, "/ok"))
        say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
    else if (strstr(sv->last, "/busy"))
        say(fd, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: "
                "close\r\n\r\n");
    else if (strstr(sv->last, "/moved"))
        say(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\nConnection: "
                "close\r\n\r\n");
    else if (strstr(sv->last, "/flood"))
        flood(fd);
    else if (strstr(sv->last, "/garbage"))
        say(fd, "\x01\x02 nonsense\r\n\r\n");
    else if (strstr(sv->last, "/silent"))
        while (!sv->stop)
            usleep(10000);
    close(fd);
}

static void *server_main(void *arg)
{
    struct server *sv = arg;
    while (!sv->stop) {
        struct pollfd p = {.fd = sv->fd, .events = POLLIN};
        if (poll(&p, 1, 50) > 0) {
            int fd = accept(sv->fd, NULL, NULL);
            if (fd >= 0)
                serve(sv, fd);
        }
    }
    return NULL;
}

static void server_start(struct server *sv)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);

    memset(sv, 0, sizeof(*sv));
    sv->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(sv->fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(sv->fd, 16), 0);
    getsockname(sv->fd, (struct sockaddr *)&a, &len);
    sv->port = ntohs(a.sin_port);
    pthread_create(&sv->thread, NULL, server_main, sv);
}

static void server_stop(struct server *sv)
{
    sv->stop = 1;
    pthread_join(sv->thread, NULL);
    close(sv->fd);
}

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
