/*
 * http_client.h - an HTTP server of ours on a free port and a raw client to it, in one thread: the
 * loop turns while the client waits.
 */
#pragma once
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/loop.h"
#include "until.h"

static inline int client_connect(uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

static inline void client_send(int fd, const char *data, size_t len)
{
    assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), (ssize_t)len);
}

/** Turn the loop until `done` says so about what came, the peer closed (true), or WAIT_MS passed.
 */
static inline bool client_read(struct loop *loop, int fd, struct buf *in,
                               bool (*done)(const struct buf *in))
{
    int64_t until = clock_mono_us() + WAIT_MS * INT64_C(1000);
    while (clock_mono_us() < until && !(done && done(in))) {
        loop_turn(loop);
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 1) < 1)
            continue;
        char piece[65536];
        ssize_t n = recv(fd, piece, sizeof(piece), MSG_DONTWAIT);
        if (n <= 0)
            return true;
        buf_add(in, piece, (size_t)n);
    }
    return false;
}

/** True once a whole answer with Content-Length (or without body: 204) is there. */
static inline bool client_one_answer(const struct buf *in)
{
    const char *end = strstr(buf_str(in), "\r\n\r\n");
    if (!end)
        return false;
    const char *length = strstr(in->data, "Content-Length: ");
    size_t want = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return in->len >= (size_t)(end + 4 - in->data) + want;
}

/** The first answer's status; 0 if there is none. */
static inline int client_status(const struct buf *in)
{
    return strncmp(buf_str(in), "HTTP/1.1 ", 9) == 0 ? atoi(in->data + 9) : 0;
}
