/*
 * loop.c - one libevent base with a mailbox for other threads and a list of work deferred to the
 * end of the turn.
 */
#include "base/loop.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <utlist.h>
#include <event2/dns.h>
#include <event2/event.h>
#include <event2/thread.h>

#include "base/log.h"
#include "base/mem.h"

struct task {
    loop_cb *fn;
    void *arg;
};

struct tasks {
    struct task *v;
    size_t n, cap;
};

struct loop {
    struct event_base *base;
    struct evdns_base *dns;
    _Atomic pthread_t thread;
    atomic_bool stop;
    bool running; /* within loop_run() */
    int wake_fd;
    struct event *wake;
    pthread_mutex_t lock; /* guards posted */
    struct tasks posted;  /* by any thread, not yet taken */
    struct tasks taken;   /* swapped out of posted, being run */
    struct event *end;    /* activated when something is deferred */
    struct tasks deferred;
    struct tasks ending; /* swapped out of deferred, being run */
    struct loop_owned *owned;
};

struct loop_timer {
    struct event *ev;
    loop_cb *fn;
    void *arg;
};

struct loop_signal {
    struct event *ev;
    loop_cb *fn;
    void *arg;
};

struct loop_fd {
    struct event *ev;
};

/* What libevent says by itself (name servers, above all) stands in our log, with its time. */
static void on_library_words(int severity, const char *text)
{
    static const enum log_level levels[] = {
        [EVENT_LOG_DEBUG] = LOG_DEBUG,
        [EVENT_LOG_MSG] = LOG_INFO,
        [EVENT_LOG_WARN] = LOG_WARN,
        [EVENT_LOG_ERR] = LOG_ERROR,
    };
    bool known = severity >= 0 && (size_t)severity < ARRAY_LEN(levels);
    log_at(known ? levels[severity] : LOG_WARN, NULL, "libevent: %s", text);
}

static void process_init(void)
{
    event_set_log_callback(on_library_words);
    evthread_use_pthreads();
    signal(SIGPIPE, SIG_IGN);
}

static void tasks_add(struct tasks *t, loop_cb *fn, void *arg)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? t->cap * 2 : 64;
        t->v = xrealloc(t->v, t->cap * sizeof(*t->v));
    }
    t->v[t->n++] = (struct task){fn, arg};
}

/* Run all; called on a list that was swapped out, so that tasks may add tasks. */
static void tasks_run(struct tasks *t)
{
    for (size_t i = 0; i < t->n; i++)
        t->v[i].fn(t->v[i].arg);
    t->n = 0;
}

static void swap(struct tasks *a, struct tasks *b)
{
    struct tasks t = *a;
    *a = *b;
    *b = t;
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    uint64_t n;
    if (read(fd, &n, sizeof(n)) < 0)
        return;
    pthread_mutex_lock(&l->lock);
    swap(&l->posted, &l->taken);
    pthread_mutex_unlock(&l->lock);
    tasks_run(&l->taken);
    if (l->running && atomic_load(&l->stop))
        event_base_loopbreak(l->base);
}

static void wake(struct loop *l)
{
    uint64_t one = 1;
    ssize_t n = write(l->wake_fd, &one, sizeof(one)); /* fails only when it is already readable */
    (void)n;
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
    struct loop *l = arg;
    swap(&l->deferred, &l->ending);
    tasks_run(&l->ending);
}

struct loop *loop_new(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, process_init);
    struct loop *l = xcalloc(1, sizeof(*l));
    struct event_config *cfg = event_config_new();
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
    event_config_set_flag(cfg, EVENT_BASE_FLAG_PRECISE_TIMER);
    l->base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(l->base && l->wake_fd >= 0);
    l->thread = pthread_self();
    pthread_mutex_init(&l->lock, NULL);
    l->wake = event_new(l->base, l->wake_fd, EV_READ | EV_PERSIST, on_wake, l);
    l->end = event_new(l->base, -1, 0, on_end, l);
    event_add(l->wake, NULL);
    return l;
}

void loop_free(struct loop **loop)
{
    struct loop *l = *loop;
    if (!l)
        return;
    *loop = NULL;
    while (l->owned)
        l->owned->end(l->owned->arg);
    while (l->deferred.n)
        on_end(-1, 0, l);
    if (l->dns)
        evdns_base_free(l->dns, 0);
    event_free(l->wake);
    event_free(l->end);
    event_base_free(l->base);
    close(l->wake_fd);
    pthread_mutex_destroy(&l->lock);
    free(l->posted.v);
    free(l->taken.v);
    free(l->deferred.v);
    free(l->ending.v);
    free(l);
}

void loop_run(struct loop *l)
{
    l->thread = pthread_self();
    l->running = true;
    while (!atomic_load(&l->stop))
        event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY);
    l->running = false;
    atomic_store(&l->stop, false);
}

void loop_turn(struct loop *l)
{
    event_base_loop(l->base, EVLOOP_NONBLOCK);
}

void loop_stop(struct loop *l)
{
    atomic_store(&l->stop, true);
    wake(l);
}

struct event_base *loop_base(struct loop *l)
{
    return l->base;
}

struct evdns_base *loop_dns(struct loop *l)
{
    if (l->dns)
        return l->dns;
    l->dns = evdns_base_new(l->base,
                            EVDNS_BASE_INITIALIZE_NAMESERVERS | EVDNS_BASE_DISABLE_WHEN_INACTIVE);
    if (!l->dns) { /* no resolv.conf: the hosts file must do */
        l->dns = evdns_base_new(l->base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);
        assert(l->dns);
        evdns_base_load_hosts(l->dns, "/etc/hosts");
    }
    return l->dns;
}

bool loop_is_mine(const struct loop *l)
{
    return pthread_equal(l->thread, pthread_self());
}

void loop_post(struct loop *l, loop_cb *fn, void *arg)
{
    pthread_mutex_lock(&l->lock);
    bool first = l->posted.n == 0;
    tasks_add(&l->posted, fn, arg);
    pthread_mutex_unlock(&l->lock);
    if (first)
        wake(l);
}

void loop_defer(struct loop *l, loop_cb *fn, void *arg)
{
    if (l->deferred.n == 0)
        event_active(l->end, EV_TIMEOUT, 1);
    tasks_add(&l->deferred, fn, arg);
}

void loop_own(struct loop *l, struct loop_owned *node, loop_cb *end, void *arg)
{
    node->end = end;
    node->arg = arg;
    DL_APPEND(l->owned, node);
}

void loop_disown(struct loop *l, struct loop_owned *node)
{
    DL_DELETE(l->owned, node);
}

static void on_drain_end(void *arg)
{
    *(bool *)arg = true;
}

void loop_drain(struct loop *l, int64_t ms)
{
    bool late = false;
    struct loop_timer *t = loop_timer_new(l, on_drain_end, &late);
    loop_timer_arm(t, ms);
    while (l->deferred.n || (l->owned && !late))
        event_base_loop(l->base, EVLOOP_ONCE);
    loop_timer_free(&t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
    struct loop_timer *t = arg;
    t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_cb *fn, void *arg)
{
    struct loop_timer *t = xcalloc(1, sizeof(*t));
    t->fn = fn;
    t->arg = arg;
    t->ev = event_new(loop->base, -1, 0, on_timer, t);
    assert(t->ev);
    return t;
}

void loop_timer_arm(struct loop_timer *t, int64_t ms)
{
    if (ms < 0)
        ms = 0;
    struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    event_add(t->ev, &tv);
}

void loop_timer_disarm(struct loop_timer *t)
{
    event_del(t->ev);
}

bool loop_timer_armed(const struct loop_timer *t)
{
    return event_pending(t->ev, EV_TIMEOUT, NULL);
}

void loop_timer_free(struct loop_timer **t)
{
    if (!*t)
        return;
    event_free((*t)->ev);
    free(*t);
    *t = NULL;
}

static void on_signal(evutil_socket_t signo, short what, void *arg)
{
    struct loop_signal *s = arg;
    s->fn(s->arg);
}

struct loop_signal *loop_signal_new(struct loop *loop, int signo, loop_cb *fn, void *arg)
{
    struct loop_signal *s = xcalloc(1, sizeof(*s));
    s->fn = fn;
    s->arg = arg;
    s->ev = evsignal_new(loop->base, signo, on_signal, s);
    assert(s->ev);
    event_add(s->ev, NULL);
    return s;
}

void loop_signal_free(struct loop_signal **s)
{
    if (!*s)
        return;
    event_free((*s)->ev);
    free(*s);
    *s = NULL;
}

struct loop_fd *loop_fd_new(struct loop *loop, evutil_socket_t fd, short what, loop_fd_cb *fn,
                            void *arg)
{
    struct loop_fd *f = xcalloc(1, sizeof(*f));
    f->ev = event_new(loop->base, fd, what | EV_PERSIST, fn, arg);
    assert(f->ev);
    event_add(f->ev, NULL);
    return f;
}

void loop_fd_free(struct loop_fd **f)
{
    if (!*f)
        return;
    event_free((*f)->ev);
    free(*f);
    *f = NULL;
}
