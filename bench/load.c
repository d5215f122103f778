/*
 * load.c - the load that every peer of the pop benchmark gets: one PBX link, many softphones.
 *
 * Each call is delivered, established, cleared, and must give one pop at one softphone and be
 * acked. With --rate the calls leave at fixed moments (open loop: a slow server does not slow the
 * load, and its delay counts); without, as many as --window allows are outstanding (closed loop).
 * Prints one JSON object: calls, seconds, pops, latency of the pops in microseconds.
 *
 * usage: bench_load PORT --token TEXT [--phones 50] [--rate CALLS_PER_S] [--seconds 5]
 *        [--window 4096] [--numbers FILE] [--first N]
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PHONES_MAX  1024
#define IN_MAX      (1 << 20)
#define NUMBER_LEN  16
#define DRAIN_US    10000000 /* how long to wait for the last pops and acks */
#define LATENCY_MAX 4000000

struct link {
    int fd;
    char *in;
    size_t len;
};

static struct {
    struct link pbx, phone[PHONES_MAX];
    int epoll, phones, port;
    const char *token;
    double rate;
    int64_t seconds, window, first;
    char (*numbers)[NUMBER_LEN];
    size_t number_count;
    char *out; /* what the kernel has not taken yet */
    size_t out_len, out_cap;
    int64_t sent, pops, acked, seq0;
    int64_t *sent_us; /* by call */
    uint32_t *latency;
} g = {.phones = 50, .seconds = 5, .window = 4096};

static int64_t now_us(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_load: %s: %s\n", what, strerror(errno));
    exit(1);
}

static struct link open_link(void)
{
    struct link l = {.fd = socket(AF_INET, SOCK_STREAM, 0), .in = malloc(IN_MAX)};
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons((uint16_t)g.port)};
    if (l.fd < 0 || connect(l.fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
        die("connect");
    int one = 1;
    setsockopt(l.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return l;
}

/* Says hello and waits for the welcome; returns its last_seq. */
static int64_t hello(struct link *l, const char *role, const char *more)
{
    char line[512];
    int n = snprintf(line, sizeof(line),
                     "{\"type\":\"hello\",\"v\":1,\"role\":\"%s\",\"name\":\"bench\","
                     "\"token\":\"%s\"%s}\n",
                     role, g.token, more);
    if (write(l->fd, line, (size_t)n) != n)
        die("hello");
    while (!memchr(l->in, '\n', l->len)) {
        ssize_t got = read(l->fd, l->in + l->len, IN_MAX - l->len);
        if (got <= 0)
            die("no welcome");
        l->len += (size_t)got;
    }
    char *seq = memmem(l->in, l->len, "\"last_seq\":", 11);
    if (!memmem(l->in, l->len, "\"welcome\"", 9)) {
        fprintf(stderr, "bench_load: refused: %.*s\n", (int)l->len, l->in);
        exit(1);
    }
    l->len = 0;
    return seq ? strtoll(seq + 11, NULL, 10) : 0;
}

static void watch(struct link *l, void *ptr)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.ptr = ptr};
    fcntl(l->fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(g.epoll, EPOLL_CTL_ADD, l->fd, &ev) < 0)
        die("epoll");
}

static void connect_all(void)
{
    g.epoll = epoll_create1(0);
    for (int i = 0; i < g.phones; i++) {
        char device[64];
        snprintf(device, sizeof(device), ",\"device\":\"%d\"", 1001 + i);
        g.phone[i] = open_link();
        hello(&g.phone[i], "agent", device);
        watch(&g.phone[i], &g.phone[i]);
    }
    g.pbx = open_link();
    g.seq0 = hello(&g.pbx, "pbx", "");
    watch(&g.pbx, &g.pbx);
}

static void flush_out(void)
{
    size_t done = 0;
    while (done < g.out_len) {
        ssize_t n = write(g.pbx.fd, g.out + done, g.out_len - done);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        if (n <= 0)
            die("write");
        done += (size_t)n;
    }
    g.out_len -= done;
    memmove(g.out, g.out + done, g.out_len);
}

static void add_call(int64_t i, int64_t at_us)
{
    static const char fmt[] =
        "{\"type\":\"event\",\"seq\":%lld,\"event\":\"delivered\",\"call\":\"b%lld\","
        "\"direction\":\"inbound\",\"calling\":\"%s\",\"called\":\"4008000\",\"device\":\"%d\","
        "\"queue\":\"service\"}\n"
        "{\"type\":\"event\",\"seq\":%lld,\"event\":\"established\",\"call\":\"b%lld\","
        "\"device\":\"%d\"}\n"
        "{\"type\":\"event\",\"seq\":%lld,\"event\":\"cleared\",\"call\":\"b%lld\","
        "\"by\":\"caller\"}\n";
    if (g.out_cap - g.out_len < 1024)
        g.out = realloc(g.out, g.out_cap = g.out_cap * 2 + 65536);
    long long seq = (long long)(g.seq0 + 3 * i), name = (long long)(g.first + i);
    int device = 1001 + (int)(i % g.phones);
    const char *number = g.numbers[(size_t)(name * 7919) % g.number_count];
    g.out_len += (size_t)snprintf(g.out + g.out_len, g.out_cap - g.out_len, fmt, seq + 1, name,
                                  number, device, seq + 2, name, device, seq + 3, name);
    g.sent_us[i] = at_us;
}

static void pop_line(const char *line, size_t len)
{
    static const char pop[] = "{\"type\":\"pop\",", routed[] = "{\"type\":\"event\",";
    bool is_pop = len > sizeof(routed) && (memcmp(line, pop, sizeof(pop) - 1) == 0 ||
                                           memcmp(line, routed, sizeof(routed) - 1) == 0);
    const char *call = is_pop ? memmem(line, len, "\"call\":\"b", 9) : NULL;
    if (!call || memmem(line, len, "\"update\":true", 13))
        return;
    int64_t i = strtoll(call + 9, NULL, 10) - g.first;
    if (i < 0 || i >= g.sent || !g.sent_us[i])
        return;
    if (g.pops < LATENCY_MAX)
        g.latency[g.pops] = (uint32_t)(now_us() - g.sent_us[i]);
    g.sent_us[i] = 0;
    g.pops++;
}

static void ack_line(const char *line, size_t len)
{
    const char *seq = memmem(line, len, "\"seq\":", 6);
    if (seq && memmem(line, len, "\"ack\"", 5)) {
        int64_t v = strtoll(seq + 6, NULL, 10) - g.seq0;
        g.acked = v > g.acked ? v : g.acked;
    } else if (memmem(line, len, "\"error\"", 7)) {
        fprintf(stderr, "bench_load: %.*s\n", (int)len, line);
    }
}

static void read_link(struct link *l)
{
    ssize_t got = read(l->fd, l->in + l->len, IN_MAX - l->len);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        die("the server closed a link");
    l->len += (size_t)got;
    char *at = l->in, *end;
    while ((end = memchr(at, '\n', l->len - (size_t)(at - l->in))) != NULL) {
        if (l == &g.pbx)
            ack_line(at, (size_t)(end - at));
        else
            pop_line(at, (size_t)(end - at));
        at = end + 1;
    }
    l->len -= (size_t)(at - l->in);
    memmove(l->in, at, l->len);
}

/* Adds the calls that are due now; with a rate, their latency counts from the planned moment. */
static void add_due(int64_t start, int64_t now, int64_t total)
{
    if (g.rate > 0) {
        int64_t due = (int64_t)((double)(now - start) * g.rate / 1e6);
        for (; g.sent < due && g.sent < total; g.sent++)
            add_call(g.sent, start + (int64_t)((double)g.sent * 1e6 / g.rate));
    } else if (now < start + g.seconds * 1000000) {
        while (3 * g.sent - g.acked < g.window && g.sent < total && g.out_len < 262144) {
            add_call(g.sent, now);
            g.sent++;
        }
    }
}

static int64_t run(int64_t total)
{
    struct epoll_event ev[64];
    int64_t start = now_us(), end = start + g.seconds * 1000000, now = start;
    while (now < end + DRAIN_US) {
        add_due(start, now, total);
        flush_out();
        int n = epoll_wait(g.epoll, ev, 64, g.rate > 0 || g.out_len ? 0 : 1);
        for (int i = 0; i < n; i++)
            read_link(ev[i].data.ptr);
        if (g.rate > 0 && n == 0)
            usleep(100);
        now = now_us();
        if (now >= end && g.acked >= 3 * g.sent && g.pops >= g.sent)
            break;
    }
    return now - start;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void read_numbers(const char *file)
{
    FILE *f = file ? fopen(file, "r") : NULL;
    char line[256];
    size_t cap = 1024;
    g.numbers = calloc(cap, NUMBER_LEN);
    while (f && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (g.number_count == cap)
            g.numbers = realloc(g.numbers, (cap *= 2) * NUMBER_LEN);
        snprintf(g.numbers[g.number_count++], NUMBER_LEN, "%.15s", line);
    }
    if (!g.number_count)
        snprintf(g.numbers[g.number_count++], NUMBER_LEN, "13800138000");
    if (f)
        fclose(f);
}

static void read_args(int argc, char **argv)
{
    static const struct option options[] = {
        {"token", 1, 0, 't'},  {"phones", 1, 0, 'p'},  {"rate", 1, 0, 'r'},  {"seconds", 1, 0, 's'},
        {"window", 1, 0, 'w'}, {"numbers", 1, 0, 'n'}, {"first", 1, 0, 'f'}, {0}};
    int c;
    const char *numbers = NULL;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (c == 't')
            g.token = optarg;
        else if (c == 'p')
            g.phones = (int)strtol(optarg, NULL, 10);
        else if (c == 'r')
            g.rate = strtod(optarg, NULL);
        else if (c == 's')
            g.seconds = strtoll(optarg, NULL, 10);
        else if (c == 'w')
            g.window = strtoll(optarg, NULL, 10);
        else if (c == 'f')
            g.first = strtoll(optarg, NULL, 10);
        else if (c == 'n')
            numbers = optarg;
        else
            exit(2);
    if (optind >= argc || !g.token || g.phones < 1 || g.phones > PHONES_MAX) {
        fprintf(stderr, "usage: bench_load PORT --token TEXT [options]; see bench/load.c\n");
        exit(2);
    }
    g.port = (int)strtol(argv[optind], NULL, 10);
    read_numbers(numbers);
}

int main(int argc, char **argv)
{
    read_args(argc, argv);
    int64_t total = g.rate > 0 ? (int64_t)(g.rate * (double)g.seconds) : LATENCY_MAX;
    g.sent_us = calloc((size_t)total + 1, sizeof(*g.sent_us));
    g.latency = calloc((size_t)LATENCY_MAX, sizeof(*g.latency));
    connect_all();
    int64_t took = run(total);
    int64_t n = g.pops < LATENCY_MAX ? g.pops : LATENCY_MAX;
    qsort(g.latency, (size_t)n, sizeof(*g.latency), by_value);
#define AT(share) (n ? (long)g.latency[(size_t)((double)(n - 1) * (share))] : -1L)
    printf("{\"calls\":%lld,\"seconds\":%.3f,\"pops\":%lld,\"acked\":%lld,\"calls_s\":%.0f,"
           "\"p50_us\":%ld,\"p99_us\":%ld,\"p999_us\":%ld,\"max_us\":%ld}\n",
           (long long)g.sent, (double)took / 1e6, (long long)g.pops, (long long)g.acked,
           (double)g.sent / ((double)took / 1e6), AT(0.5), AT(0.99), AT(0.999), AT(1.0));
    return g.pops == g.sent && g.acked >= 3 * g.sent ? 0 : 1;
}
