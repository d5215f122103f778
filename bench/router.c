/*
 * router.c - the floor that steward is measured against: a bare libevent line router.
 *
 * It speaks just enough of the line protocol to stand in stewardd's place (a welcome for every
 * hello, an ack for what it read) and hands the first of every three lines of a PBX to the next
 * softphone in turn. No parsing, no look-up, no storage.
 *
 * usage: bench_router PORT
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHONES_MAX 1024

static struct bufferevent *phones[PHONES_MAX];
static size_t phone_count, phone_next;

struct link {
    int is_pbx, greeted;
    unsigned long lines;
};

/* The first line says who it is; that much must be read. */
static void greet(struct bufferevent *bev, struct link *link, const char *line)
{
    link->greeted = 1;
    link->is_pbx = strstr(line, "\"pbx\"") != NULL;
    if (!link->is_pbx && phone_count < PHONES_MAX)
        phones[phone_count++] = bev;
    evbuffer_add_printf(bufferevent_get_output(bev),
                        "{\"type\":\"welcome\",\"v\":1,\"name\":\"x\",\"last_seq\":0,"
                        "\"server\":\"router\"}\n");
}

static void route(struct link *link, const char *line, size_t len)
{
    if (link->lines++ % 3 != 0 || phone_count == 0)
        return;
    struct evbuffer *out = bufferevent_get_output(phones[phone_next++ % phone_count]);
    evbuffer_add(out, line, len);
    evbuffer_add(out, "\n", 1);
}

static void read_cb(struct bufferevent *bev, void *arg)
{
    struct link *link = arg;
    struct evbuffer *in = bufferevent_get_input(bev);
    unsigned long before = link->lines;
    size_t len;
    char *line;
    while ((line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF)) != NULL) {
        if (!link->greeted)
            greet(bev, link, line);
        else if (link->is_pbx)
            route(link, line, len);
        free(line);
    }
    if (link->lines != before)
        evbuffer_add_printf(bufferevent_get_output(bev), "{\"type\":\"ack\",\"seq\":%lu}\n",
                            link->lines);
}

static void event_cb(struct bufferevent *bev, short what, void *arg)
{
    if (!(what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)))
        return;
    for (size_t i = 0; i < phone_count; i++)
        if (phones[i] == bev)
            phones[i] = phones[--phone_count];
    bufferevent_free(bev);
    free(arg);
}

static void accept_cb(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *sa, int len,
                      void *base)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(bev, read_cb, NULL, event_cb, calloc(1, sizeof(struct link)));
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: bench_router PORT\n");
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10))};
    if (!evconnlistener_new_bind(base, accept_cb, base, LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE,
                                 -1, (struct sockaddr *)&sin, sizeof(sin))) {
        perror("bench_router");
        return 1;
    }
    puts("ready");
    fflush(stdout);
    return event_base_dispatch(base) < 0;
}
