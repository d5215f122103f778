/*
 * worker.c - a pool of threads over two bounded queues, answering on the loop through one eventfd.
 */
#include "base/worker.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <event2/event.h>

#include "base/mem.h"
#include "base/text.h"

enum { LANE_URGENT, LANE_NORMAL, LANES };
enum { THREADS_MAX = 16, GROUP_MAX = 64 };

/* A ring of jobs. */
struct lane {
    struct worker_job *v;
    size_t head, n, cap;
};

struct worker {
    struct worker_opts opts;
    char name[16];
    pthread_mutex_t lock; /* guards lanes, answers, closing */
    pthread_cond_t more;
    struct lane lanes[LANES];
    struct lane answers; /* run, waiting for `done` on the loop; grows */
    int idle;            /* threads that wait */
    int called;          /* signals for urgent jobs that no thread woke up to yet */
    int urgent;          /* threads that run urgent jobs */
    bool closing;
    int back; /* eventfd: answers became non-empty */
    struct loop_fd *watch;
    pthread_t threads[THREADS_MAX];
};

static void lane_push(struct lane *l, const struct worker_job *job)
{
    l->v[(l->head + l->n++) % l->cap] = *job;
}

static struct worker_job lane_pop(struct lane *l)
{
    struct worker_job job = l->v[l->head];
    l->head = (l->head + 1) % l->cap;
    l->n--;
    return job;
}

/* Answers are as many as jobs were let in, so this list is bounded by its growth alone. */
static void answer(struct worker *w, const struct worker_job *jobs, size_t n, bool urgent)
{
    struct lane *a = &w->answers;
    pthread_mutex_lock(&w->lock);
    w->urgent -= urgent;
    bool first = a->n == 0;
    while (a->n + n > a->cap) {
        a->cap = a->cap ? a->cap * 2 : 64;
        a->v = xrealloc(a->v, a->cap * sizeof(*a->v));
    }
    memcpy(a->v + a->n, jobs, n * sizeof(*jobs));
    a->n += n;
    pthread_mutex_unlock(&w->lock);
    uint64_t one = 1;
    ssize_t written = first ? write(w->back, &one, sizeof(one)) : 0;
    (void)written;
}

/* Takes urgent jobs, as many as make a group, or one of the others. Under the lock. */
static size_t take_group(struct worker *w, struct worker_job jobs[GROUP_MAX], bool *urgent)
{
    *urgent = w->lanes[LANE_URGENT].n > 0;
    struct lane *l = &w->lanes[*urgent ? LANE_URGENT : LANE_NORMAL];
    size_t max = *urgent ? (size_t)w->opts.group_max : 1, n = 0;
    while (n < max && l->n)
        jobs[n++] = lane_pop(l);
    return n;
}

/*
 * A thread is to be woken for the urgent jobs: one for each group of them. Who is at such jobs
 * already comes back for more by itself: a wake-up costs as much as a job, and what two threads
 * know of the pages they read is learned twice. Under the lock.
 */
static bool call_thread(struct worker *w)
{
    size_t max = (size_t)w->opts.group_max, groups = (w->lanes[LANE_URGENT].n + max - 1) / max;
    bool call = w->called < w->idle && (size_t)(w->called + w->urgent) < groups;
    w->called += call;
    return call;
}

static void wait_for_more(struct worker *w)
{
    w->idle++;
    pthread_cond_wait(&w->more, &w->lock);
    w->idle--;
    if (w->called)
        w->called--;
}

static void run_group(struct worker *w, const struct worker_job *jobs, size_t n, void *local)
{
    if (w->opts.begin_group)
        w->opts.begin_group(local);
    for (size_t i = 0; i < n; i++)
        jobs[i].run(jobs[i].arg, local);
    if (w->opts.end_group)
        w->opts.end_group(local);
}

static void *thread_main(void *arg)
{
    struct worker *w = arg;
    struct worker_job jobs[GROUP_MAX];
    pthread_setname_np(pthread_self(), w->name);
    void *local = w->opts.open_local ? w->opts.open_local(w->opts.ctx) : NULL;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        bool urgent;
        size_t n = take_group(w, jobs, &urgent);
        if (n) {
            w->urgent += urgent;
            pthread_mutex_unlock(&w->lock);
            run_group(w, jobs, n, local);
            answer(w, jobs, n, urgent);
            pthread_mutex_lock(&w->lock);
        } else if (w->closing) {
            break;
        } else {
            wait_for_more(w);
        }
    }
    pthread_mutex_unlock(&w->lock);
    if (w->opts.close_local)
        w->opts.close_local(local);
    return NULL;
}

static void deliver(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    struct lane a = w->answers;
    w->answers = (struct lane){0};
    pthread_mutex_unlock(&w->lock);
    for (size_t i = 0; i < a.n; i++)
        if (a.v[i].done)
            a.v[i].done(a.v[i].arg);
    free(a.v);
}

static void on_back(evutil_socket_t fd, short what, void *arg)
{
    uint64_t n;
    if (read(fd, &n, sizeof(n)) > 0)
        deliver(arg);
}

struct worker *worker_new(struct loop *loop, const struct worker_opts *opts)
{
    assert(opts->threads >= 1 && opts->threads <= THREADS_MAX && opts->queue_max > 0);
    assert(opts->group_max >= 0 && opts->group_max <= GROUP_MAX);
    struct worker *w = xcalloc(1, sizeof(*w));
    w->opts = *opts;
    if (!w->opts.group_max)
        w->opts.group_max = 1;
    text_copy(w->name, sizeof(w->name), opts->name);
    pthread_mutexattr_t attr;
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP); /* it is never held for long */
    pthread_mutex_init(&w->lock, &attr);
    pthread_mutexattr_destroy(&attr);
    pthread_cond_init(&w->more, NULL);
    for (int i = 0; i < LANES; i++) {
        w->lanes[i].cap = opts->queue_max;
        w->lanes[i].v = xcalloc(opts->queue_max, sizeof(struct worker_job));
    }
    w->back = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    assert(w->back >= 0);
    w->watch = loop_fd_new(loop, w->back, EV_READ, on_back, w);
    for (int i = 0; i < opts->threads; i++) {
        int rc = pthread_create(&w->threads[i], NULL, thread_main, w);
        assert(rc == 0);
        (void)rc;
    }
    return w;
}

int worker_submit(struct worker *w, const struct worker_job *job, bool urgent)
{
    struct lane *l = &w->lanes[urgent ? LANE_URGENT : LANE_NORMAL];
    pthread_mutex_lock(&w->lock);
    bool full = l->n == l->cap || w->closing;
    if (!full)
        lane_push(l, job);
    bool call = !full && (!urgent || call_thread(w));
    pthread_mutex_unlock(&w->lock);
    if (call) /* not within the lock, at which it would stop at once */
        pthread_cond_signal(&w->more);
    return full ? E_BUSY : 0;
}

int worker_idle(const struct worker *w)
{
    struct worker *m = (struct worker *)w;
    pthread_mutex_lock(&m->lock);
    int n = m->idle;
    pthread_mutex_unlock(&m->lock);
    return n;
}

size_t worker_waiting(const struct worker *w)
{
    struct worker *m = (struct worker *)w;
    pthread_mutex_lock(&m->lock);
    size_t n = m->lanes[LANE_URGENT].n + m->lanes[LANE_NORMAL].n;
    pthread_mutex_unlock(&m->lock);
    return n;
}

void worker_free(struct worker **worker)
{
    struct worker *w = *worker;
    if (!w)
        return;
    *worker = NULL;
    pthread_mutex_lock(&w->lock);
    w->closing = true;
    pthread_cond_broadcast(&w->more);
    pthread_mutex_unlock(&w->lock);
    for (int i = 0; i < w->opts.threads; i++)
        pthread_join(w->threads[i], NULL);
    deliver(w);
    loop_fd_free(&w->watch);
    close(w->back);
    for (int i = 0; i < LANES; i++)
        free(w->lanes[i].v);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
