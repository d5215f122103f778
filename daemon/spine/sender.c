/*
 * sender.c - the sender thread: curl multi over a loop of its own.
 *
 * What curl 7.88 of Debian 12 needs was measured (docs/performance.md): QUICK_EXIT, or a time-out
 * during a look-up joins the resolver's thread for ten seconds; CAPATH NULL, or the CA store is
 * read for every handshake; HTTP/1.1, as its h2c is broken.
 *
 * Requests that may go to private networks and those that may not have a multi handle each: they
 * never share a connection, since only the opening of a connection is checked.
 */
#include "spine/sender.h"

#include <curl/curl.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/netaddr.h"

#define DEFAULT_TIMEOUT_MS 15000
#define MAX_TIMEOUT_MS     120000
#define CONNECT_TIMEOUT_MS 5000
#define HOST_CONNECTIONS   64
#define ALL_CONNECTIONS    256

/* One multi handle with what libevent watches for it. */
struct lane {
    struct sender *sender;
    CURLM *multi;
    struct loop_timer *timer;
};

struct transfer {
    struct sender *sender;
    struct transfer *next, *prev; /* running, or finished */
    sender_cb *cb;
    void *arg;
    char *method, *url, *body;
    size_t body_len;
    struct curl_slist *headers;
    int64_t timeout_ms, started_us;
    bool allow_private;
    CURL *easy;
    bool overlong, blocked, bad_header;
    struct buf in;
    /* the outcome */
    int status;
    char error[CURL_ERROR_SIZE];
    int64_t retry_after_ms, took_us;
};

struct sender {
    struct loop *inner; /* of the sender thread */
    int wake;           /* eventfd towards the loop that is answered */
    struct loop_fd *wake_watch;
    pthread_t thread;
    size_t pending;
    /* sender thread alone */
    struct lane lanes[2]; /* public, private */
    struct transfer *running;
    struct loop_timer *grace;
    int64_t grace_ms;
    bool ending;
    /* under lock */
    pthread_mutex_t lock;
    struct transfer *finished, *finished_last;
};

/* ---- answers, back to the loop ---- */

static void transfer_free(struct transfer *t)
{
    curl_slist_free_all(t->headers);
    buf_free(&t->in);
    free(t->method);
    free(t->url);
    free(t->body);
    free(t);
}

/* On the loop: answers are taken over as a list, so that the thread is not held up. */
static void deliver_all(struct sender *s)
{
    pthread_mutex_lock(&s->lock);
    struct transfer *t = s->finished;
    s->finished = s->finished_last = NULL;
    pthread_mutex_unlock(&s->lock);
    while (t) {
        struct transfer *next = t->next;
        struct sender_answer a = {.status = t->status,
                                  .body = buf_str(&t->in),
                                  .body_len = t->in.len,
                                  .error = t->status ? NULL : t->error,
                                  .retry_after_ms = t->retry_after_ms,
                                  .took_us = t->took_us};
        s->pending--;
        t->cb(t->arg, &a);
        transfer_free(t);
        t = next;
    }
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    eventfd_t n;
    if (eventfd_read(fd, &n) == 0)
        deliver_all(arg);
}

static void finish(struct transfer *t)
{
    struct sender *s = t->sender;
    t->next = NULL;
    t->took_us = clock_mono_us() - t->started_us;
    pthread_mutex_lock(&s->lock);
    bool was_empty = !s->finished;
    if (was_empty)
        s->finished = t;
    else
        s->finished_last->next = t;
    s->finished_last = t;
    pthread_mutex_unlock(&s->lock);
    if (was_empty && eventfd_write(s->wake, 1) != 0)
        log_error(NULL, "sender: eventfd: %s", strerror(errno));
}

/* ---- on the sender thread ---- */

static void unlink_running(struct transfer *t)
{
    if (t->prev)
        t->prev->next = t->next;
    else
        t->sender->running = t->next;
    if (t->next)
        t->next->prev = t->prev;
    t->prev = t->next = NULL;
}

static void refuse(struct transfer *t, const char *why)
{
    text_copy(t->error, sizeof(t->error), why);
    finish(t);
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    if (t->in.len + n > SENDER_BODY_MAX) {
        buf_add(&t->in, data, SENDER_BODY_MAX - t->in.len);
        t->overlong = true;
        return 0; /* ends the transfer: the status is known */
    }
    buf_add(&t->in, data, n);
    return n;
}

static curl_socket_t on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *to)
{
    struct transfer *t = arg;
    if (!t->allow_private && !netaddr_is_public(&to->addr)) {
        t->blocked = true;
        return CURL_SOCKET_BAD;
    }
    return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

/* Schemes, user info and host by curl's own parser, the one that the request will use. */
static const char *check_url(const struct transfer *t)
{
    CURLU *u = curl_url();
    char *scheme = NULL, *host = NULL, *user = NULL;
    const char *bad = NULL;
    if (curl_url_set(u, CURLUPART_URL, t->url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        bad = "the URL makes no sense";
    else if (curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
             (strcmp(scheme, "https") != 0 && (!t->allow_private || strcmp(scheme, "http") != 0)))
        bad = "only https:// is permitted (http:// with allow_private)";
    else if (curl_url_get(u, CURLUPART_USER, &user, 0) == CURLUE_OK)
        bad = "a user within the URL is not permitted";
    else if (curl_url_get(u, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
             (!t->allow_private && !netaddr_name_is_public(host)))
        bad = "the host is not permitted (see allow_private)";
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(u);
    return bad;
}

/* No redirects, no proxies, bounded time and size: the address is somebody else's. */
static void set_limits(CURL *e, struct transfer *t)
{
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, t->allow_private ? "http,https" : "https");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, (long)t->timeout_ms);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open);
    curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->error);
}

static void set_request(CURL *e, struct transfer *t)
{
    curl_easy_setopt(e, CURLOPT_URL, t->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    if (strcmp(t->method, "GET") != 0) {
        curl_easy_setopt(e, CURLOPT_POST, 1L);
        curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body_len);
        curl_easy_setopt(e, CURLOPT_POSTFIELDS, t->body);
        if (strcmp(t->method, "POST") != 0)
            curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, t->method);
    }
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
}

/* A request that cannot begin is answered like one that failed. */
static void start_transfer(void *arg)
{
    struct transfer *t = arg;
    struct sender *s = t->sender;
    const char *bad = t->bad_header ? "a header with a line end" : check_url(t);
    t->started_us = clock_mono_us();
    if (bad || s->ending) {
        refuse(t, bad ? bad : "the daemon stops");
        return;
    }
    t->easy = curl_easy_init();
    if (!t->easy) {
        refuse(t, "curl has no handle left");
        return;
    }
    set_limits(t->easy, t);
    set_request(t->easy, t);
    t->next = s->running;
    if (t->next)
        t->next->prev = t;
    s->running = t;
    curl_multi_add_handle(s->lanes[t->allow_private].multi, t->easy);
}

static void read_outcome(struct transfer *t, CURLcode code)
{
    long status = 0;
    curl_off_t after = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &after);
    if (after > 0)
        t->retry_after_ms = (after > 86400 ? 86400 : (int64_t)after) * 1000;
    if (code == CURLE_OK || (t->overlong && status > 0))
        t->status = (int)status;
    else if (t->blocked)
        text_copy(t->error, sizeof(t->error), "the address is not permitted (see allow_private)");
    else if (!*t->error)
        text_copy(t->error, sizeof(t->error), curl_easy_strerror(code));
    if (!t->status && !*t->error)
        text_copy(t->error, sizeof(t->error), "no HTTP status in the answer");
}

static void end_transfer(struct lane *lane, struct transfer *t)
{
    unlink_running(t);
    curl_multi_remove_handle(lane->multi, t->easy);
    curl_easy_cleanup(t->easy);
    t->easy = NULL;
    finish(t);
}

static void stop_if_idle(struct sender *s)
{
    if (s->ending && !s->running)
        loop_stop(s->inner);
}

static void reap(struct lane *lane)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(lane->multi, &left))) {
        struct transfer *t;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        read_outcome(t, m->data.result);
        end_transfer(lane, t);
    }
    stop_if_idle(lane->sender);
}

static void on_fd(evutil_socket_t fd, short what, void *arg)
{
    struct lane *lane = arg;
    int running, mask = 0;
    if (what & EV_READ)
        mask |= CURL_CSELECT_IN;
    if (what & EV_WRITE)
        mask |= CURL_CSELECT_OUT;
    curl_multi_socket_action(lane->multi, fd, mask, &running);
    reap(lane);
}

static void on_timer(void *arg)
{
    struct lane *lane = arg;
    int running;
    curl_multi_socket_action(lane->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(lane);
}

static int watch_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *watch)
{
    struct lane *lane = arg;
    struct loop_fd *w = watch;
    short ev = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    if (w)
        loop_fd_free(&w);
    w = what == CURL_POLL_REMOVE ? NULL : loop_fd_new(lane->sender->inner, fd, ev, on_fd, lane);
    curl_multi_assign(lane->multi, fd, w);
    return 0;
}

static int watch_timer(CURLM *multi, long ms, void *arg)
{
    struct lane *lane = arg;
    if (ms < 0)
        loop_timer_disarm(lane->timer);
    else
        loop_timer_arm(lane->timer, ms);
    return 0;
}

static void lane_init(struct lane *lane, struct sender *s)
{
    lane->sender = s;
    lane->multi = curl_multi_init();
    lane->timer = loop_timer_new(s->inner, on_timer, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, watch_timer);
    curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)HOST_CONNECTIONS);
    curl_multi_setopt(lane->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)ALL_CONNECTIONS);
    curl_multi_setopt(lane->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

static void break_off(void *arg)
{
    struct sender *s = arg;
    while (s->running) {
        struct transfer *t = s->running;
        text_copy(t->error, sizeof(t->error), "broken off: the daemon stops");
        end_transfer(&s->lanes[t->allow_private], t);
    }
    loop_stop(s->inner);
}

static void begin_end(void *arg)
{
    struct sender *s = arg;
    s->ending = true;
    s->grace = loop_timer_new(s->inner, break_off, s);
    loop_timer_arm(s->grace, s->grace_ms);
    stop_if_idle(s);
}

static void *thread_main(void *arg)
{
    struct sender *s = arg;
    for (int i = 0; i < 2; i++)
        lane_init(&s->lanes[i], s);
    loop_run(s->inner);
    for (int i = 0; i < 2; i++) {
        curl_multi_cleanup(s->lanes[i].multi);
        loop_timer_free(&s->lanes[i].timer);
    }
    loop_timer_free(&s->grace);
    return NULL;
}

/* ---- on the loop's thread ---- */

static void init_curl(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

struct sender *sender_new(struct loop *loop)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct sender *s = xcalloc(1, sizeof(*s));
    pthread_once(&once, init_curl);
    s->inner = loop_new();
    pthread_mutex_init(&s->lock, NULL);
    s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    s->wake_watch = loop_fd_new(loop, s->wake, EV_READ, on_wake, s);
    if (s->wake < 0 || pthread_create(&s->thread, NULL, thread_main, s) != 0) {
        log_error(NULL, "no thread for sending messages");
        abort();
    }
    pthread_setname_np(s->thread, "sender");
    return s;
}

void sender_submit(struct sender *s, const struct steward_request *req, sender_cb *cb, void *arg)
{
    struct transfer *t = xcalloc(1, sizeof(*t));
    t->sender = s;
    t->cb = cb;
    t->arg = arg;
    t->method = xstrdup(req->method && *req->method ? req->method : "POST");
    t->url = xstrdup(req->url ? req->url : "");
    t->body_len = req->body ? req->body_len : 0;
    t->body = xmalloc(t->body_len + 1);
    memcpy(t->body, req->body ? req->body : "", t->body_len);
    t->headers = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; req->headers && req->headers[i]; i++) {
        t->bad_header |= strpbrk(req->headers[i], "\r\n") != NULL;
        t->headers = curl_slist_append(t->headers, req->headers[i]);
    }
    t->timeout_ms = req->timeout_ms > 0 ? req->timeout_ms : DEFAULT_TIMEOUT_MS;
    if (t->timeout_ms > MAX_TIMEOUT_MS)
        t->timeout_ms = MAX_TIMEOUT_MS;
    t->allow_private = req->allow_private;
    buf_init(&t->in, SENDER_BODY_MAX + 1);
    s->pending++;
    loop_post(s->inner, start_transfer, t);
}

size_t sender_pending(const struct sender *s)
{
    return s->pending;
}

void sender_free(struct sender **sp, int64_t grace_ms)
{
    struct sender *s = *sp;
    if (!s)
        return;
    s->grace_ms = grace_ms;
    loop_post(s->inner, begin_end, s);
    pthread_join(s->thread, NULL);
    loop_fd_free(&s->wake_watch);
    close(s->wake);
    deliver_all(s);
    loop_free(&s->inner);
    pthread_mutex_destroy(&s->lock);
    free(s);
    *sp = NULL;
}
