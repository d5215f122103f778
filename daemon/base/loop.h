/*
 * loop.h - the event loop over libevent: timers, signals, work posted by other threads, and work
 * deferred to the end of a turn. One loop a thread. Only loop_post() and loop_stop() may be
 * called from another thread.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <event2/util.h>

struct event_base;
struct evdns_base;
struct loop;
struct loop_timer;
struct loop_signal;
struct loop_fd;

typedef void loop_cb(void *arg);

/** A loop for the calling thread. */
struct loop *loop_new(void);
/**
 * Frees the loop: runs what was deferred, ends what was registered with loop_own(), drops posted
 * work that did not run. Sets *loop to NULL.
 */
void loop_free(struct loop **loop);
/** Runs until loop_stop(). */
void loop_run(struct loop *loop);
/** One turn: what is ready now, without waiting; whatever loop_stop() was called. */
void loop_turn(struct loop *loop);
/** Ends loop_run() after the present callback; before loop_run(), makes it return at once. */
void loop_stop(struct loop *loop);
/** For the modules that must hand a base to libevent (evhttp, curl). */
struct event_base *loop_base(struct loop *loop);
/** The loop's resolver, which never blocks; made at the first use. */
struct evdns_base *loop_dns(struct loop *loop);
/** True when called on the thread that runs the loop. */
bool loop_is_mine(const struct loop *loop);

/** Call fn(arg) on the loop's thread soon, in order. Thread-safe; unbounded, so the caller bounds
 * what it posts. All posted work is drained at each wake-up. */
void loop_post(struct loop *loop, loop_cb *fn, void *arg);
/** Call fn(arg) after the present callback returned (deferred death). Loop thread only. */
void loop_defer(struct loop *loop, loop_cb *fn, void *arg);

/**
 * An object that lives on without an owner (a connection that still writes its last words): while
 * it is registered, loop_free() calls end(arg), which must also loop_disown() it. The node is a
 * member of the object.
 */
struct loop_owned {
    loop_cb *end;
    void *arg;
    struct loop_owned *prev, *next;
};
void loop_own(struct loop *loop, struct loop_owned *node, loop_cb *end, void *arg);
void loop_disown(struct loop *loop, struct loop_owned *node);
/** Run until no such object is left, for at most `ms` milliseconds. */
void loop_drain(struct loop *loop, int64_t ms);

/** A one-shot timer, not armed yet. */
struct loop_timer *loop_timer_new(struct loop *loop, loop_cb *fn, void *arg);
/** Arm (again) to fire once in `ms` milliseconds of monotonic time; 0 is the next turn. */
void loop_timer_arm(struct loop_timer *t, int64_t ms);
void loop_timer_disarm(struct loop_timer *t);
bool loop_timer_armed(const struct loop_timer *t);
/** Disarms, frees, sets *t to NULL; NULL is allowed. */
void loop_timer_free(struct loop_timer **t);

/** Call fn(arg) on the loop whenever the signal comes; free sets *s to NULL. */
struct loop_signal *loop_signal_new(struct loop *loop, int signo, loop_cb *fn, void *arg);
void loop_signal_free(struct loop_signal **s);

/** Watch a descriptor; what: EV_READ | EV_WRITE (persistent). The caller keeps the descriptor. */
typedef void loop_fd_cb(evutil_socket_t fd, short what, void *arg);
struct loop_fd *loop_fd_new(struct loop *loop, evutil_socket_t fd, short what, loop_fd_cb *fn,
                            void *arg);
void loop_fd_free(struct loop_fd **f);
