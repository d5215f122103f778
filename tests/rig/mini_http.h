/*
 * mini_http.h - a small HTTP server in a thread of its own, for tests of what goes out: the path
 * says how it answers (/ok, /busy, /moved, /flood, /garbage, /silent, /close).
 */
#pragma once
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct server {
    int fd;
    uint16_t port;
    pthread_t thread;
    _Atomic int stop;
    _Atomic int requests;
    _Atomic int answer; /* a status for every path; 0: the path says */
    char last[8192];    /* the last request */
};

static inline void say(int fd, const char *text)
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

static inline void flood(int fd)
{
    char block[4096];
    memset(block, 'x', sizeof(block) - 1);
    block[sizeof(block) - 1] = 0;
    say(fd, "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
    for (int i = 0; i < 100; i++)
        say(fd, block);
}

static inline void serve(struct server *sv, int fd)
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
    sv->requests++;
    int status = sv->answer;
    char text[128];
    if (status) {
        snprintf(text, sizeof(text),
                 "HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
        say(fd, text);
    } else if (strstr(sv->last, "/ok"))
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

static inline void *server_main(void *arg)
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

static inline void server_start(struct server *sv)
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

static inline void server_stop(struct server *sv)
{
    sv->stop = 1;
    pthread_join(sv->thread, NULL);
    close(sv->fd);
}
