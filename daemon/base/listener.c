/*
 * listener.c - listening sockets: TCP or a Unix socket, with a pause when descriptors run out.
 */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <event2/event.h>

#include "base/conn.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"

enum { BACKLOG = 4096, ACCEPTS_PER_TURN = 256, PAUSE_MS = 1000 };

struct listener {
    struct loop *loop;
    int fd;
    char *path; /* Unix socket to remove at the end; NULL for TCP */
    uint16_t port;
    listener_cb *cb;
    void *arg;
    struct loop_fd *watch; /* NULL while pausing, or when others accept */
    struct loop_timer *again;
    struct complaint full;
    struct log_ctx log;
};

static void on_ready(evutil_socket_t fd, short what, void *arg);

static void on_again(void *arg)
{
    struct listener *l = arg;
    if (!l->watch)
        l->watch = loop_fd_new(l->loop, l->fd, EV_READ, on_ready, l);
}

static bool worth_a_pause(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOMEM || error == ENOBUFS;
}

static void on_ready(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    for (int i = 0; i < ACCEPTS_PER_TURN && l->watch; i++) {
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int peer = accept4(fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (peer < 0) {
            if (worth_a_pause(errno)) {
                log_complain(&l->full, &l->log, "cannot accept: %s; trying again in a second",
                             strerror(errno));
                loop_fd_free(&l->watch);
                loop_timer_arm(l->again, PAUSE_MS);
            }
            return;
        }
        log_recovered(&l->full, &l->log, "accepting connections");
        l->cb(peer, (struct sockaddr *)&from, (int)len, l->arg);
    }
}

/* A socket's address has room for 107 bytes: a longer path goes through its open folder, whose
 * descriptor the caller closes once the name was used. */
static bool unix_name(const char *path, char *out, size_t cap, int *dir)
{
    const char *slash = strrchr(path, '/');
    if (text_copy(out, cap, path))
        return true;
    char *folder = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
    *dir = folder ? open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    free(folder);
    int n = *dir >= 0 ? snprintf(out, cap, "/proc/self/fd/%d%s", *dir, slash) : -1;
    if (n >= 0 && (size_t)n < cap)
        return true;
    if (*dir >= 0)
        close(*dir);
    return false;
}

/* True if nobody answers at a socket file that is there. */
static bool unix_is_dead(const struct sockaddr_un *sun)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    int rc = connect(fd, (const struct sockaddr *)sun, sizeof(*sun));
    bool dead = rc < 0 && errno == ECONNREFUSED;
    close(fd);
    return dead;
}

static int open_unix(struct listener *l, const char *path, struct errmsg *why)
{
    struct sockaddr_un sun = {.sun_family = AF_UNIX};
    int dir = -1;
    if (!unix_name(path, sun.sun_path, sizeof(sun.sun_path), &dir))
        return errmsg_set(why, E_INVALID, "%s: no such folder, or too long a name", path);
    struct stat st;
    if (stat(path, &st) == 0 && S_ISSOCK(st.st_mode) && unix_is_dead(&sun))
        unlink(path);
    l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask = umask(0177);
    int rc = bind(l->fd, (struct sockaddr *)&sun, sizeof(sun));
    int error = errno;
    umask(mask);
    if (dir >= 0)
        close(dir);
    if (rc < 0)
        return errmsg_set(why, E_IO, "%s: %s", path, strerror(error));
    l->path = xstrdup(path);
    return 0;
}

/* "host:port", "[v6]:port", ":port" into host ("" for any) and port. */
static int split_address(const char *address, char host[256], const char **port)
{
    const char *colon = strrchr(address, ':');
    if (!colon || !colon[1])
        return E_INVALID;
    size_t n = (size_t)(colon - address);
    if (address[0] == '[' && n >= 2 && address[n - 1] == ']') {
        address++;
        n -= 2;
    }
    *port = colon + 1;
    int64_t value;
    if (n >= 256 || !text_copyn(host, 256, address, n))
        return E_INVALID;
    return text_int(*port, 0, 65535, &value);
}

static int bind_one(const struct addrinfo *ai)
{
    int one = 1, zero = 0;
    int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* accepted sockets inherit it */
    if (ai->ai_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
    if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int open_tcp(struct listener *l, const char *address, struct errmsg *why)
{
    char host[256];
    const char *port;
    if (split_address(address, host, &port) < 0)
        return errmsg_set(why, E_INVALID,
                          "'%s' is not an address (like 127.0.0.1:7070, :7070 or a path)", address);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV},
                    *list;
    int failed = getaddrinfo(host[0] ? host : NULL, port, &hints, &list);
    if (failed)
        return errmsg_set(why, E_INVALID, "%s: %s", address, gai_strerror(failed));
    for (int family = AF_INET6; l->fd < 0 && family; family = family == AF_INET6 ? AF_INET : 0)
        for (struct addrinfo *ai = list; ai && l->fd < 0; ai = ai->ai_next)
            if (ai->ai_family == family)
                l->fd = bind_one(ai);
    int error = errno;
    freeaddrinfo(list);
    return l->fd < 0 ? errmsg_set(why, E_IO, "%s: %s", address, strerror(error)) : 0;
}

static uint16_t bound_port(int fd)
{
    struct sockaddr_storage ss;
    socklen_t len = sizeof(ss);
    if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
        return 0;
    if (ss.ss_family == AF_INET)
        return ntohs(((struct sockaddr_in *)&ss)->sin_port);
    return ss.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&ss)->sin6_port) : 0;
}

struct listener *listener_new(struct loop *loop, const char *address, listener_cb *cb, void *arg,
                              struct errmsg *why)
{
    struct listener *l = xcalloc(1, sizeof(*l));
    l->loop = loop;
    l->cb = cb;
    l->arg = arg;
    l->fd = -1;
    log_ctx_init(&l->log, "listener", address, NULL);
    int rc = strchr(address, '/') ? open_unix(l, address, why) : open_tcp(l, address, why);
    if (rc == 0 && listen(l->fd, BACKLOG) < 0)
        rc = errmsg_set(why, E_IO, "%s: %s", address, strerror(errno));
    if (rc < 0) {
        listener_free(&l);
        return NULL;
    }
    l->port = bound_port(l->fd);
    l->again = loop_timer_new(loop, on_again, l);
    if (cb)
        on_again(l);
    return l;
}

void listener_free(struct listener **listener)
{
    struct listener *l = *listener;
    if (!l)
        return;
    *listener = NULL;
    loop_fd_free(&l->watch);
    loop_timer_free(&l->again);
    if (l->fd >= 0)
        close(l->fd);
    if (l->path)
        unlink(l->path);
    free(l->path);
    free(l);
}

evutil_socket_t listener_fd(const struct listener *l)
{
    return l->fd;
}

uint16_t listener_port(const struct listener *l)
{
    return l->port;
}
