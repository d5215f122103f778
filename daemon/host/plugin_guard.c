/*
 * plugin_guard.c - every call into a plugin passes here: log lines are attributed to it, its time
 * is measured, what it does wrong is counted, and an instance that keeps doing wrong is parked.
 */
#include "host/plugins_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define SLOW_US       50000   /* a call that blocked the loop for so long is named */
#define TOO_SLOW_US   1000000 /* … and one for so long is a fault */
#define FAULTS_IN_ROW 10

bool guard_enter(struct guard *g, struct instance *in, const char *what)
{
    if (in->state == INSTANCE_PARKED || in->state == INSTANCE_STOPPED ||
        in->state == INSTANCE_FAILED)
        return false;
    *g = (struct guard){.in = in, .what = what, .began = clock_mono_us()};
    in->calls++;
    return true;
}

void guard_leave(struct guard *g)
{
    struct instance *in = g->in;
    int64_t took = clock_mono_us() - g->began;
    if (took > in->longest_us)
        in->longest_us = took;
    if (took < SLOW_US)
        return;
    in->slow++;
    log_complain(&in->slow_said, &in->log, "its %s held up the loop for %lld ms", g->what,
                 (long long)(took / 1000));
    if (took >= TOO_SLOW_US)
        guard_fault(in, "%s took %lld ms", g->what, (long long)(took / 1000));
}

void guard_fault(struct instance *in, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    in->faults++;
    in->faults_in_row++;
    log_complain(&in->fault_said, &in->log, "plugin bug: %s", text);
    if (in->faults_in_row >= FAULTS_IN_ROW && in->state == INSTANCE_RUNNING)
        instance_park(in, text);
}

void guard_well(struct instance *in)
{
    in->faults_in_row = 0;
}

bool guard_thread(struct instance *in, const char *what)
{
    if (pthread_equal(pthread_self(), in->plugins->thread))
        return true;
    /* Only log: the counters belong to the loop's thread. */
    log_error(&in->log, "plugin bug: %s called on a thread of its own (only post may be)", what);
    return false;
}

const char *guard_text(struct instance *in, const char *s, size_t max, const char *what, bool *bad)
{
    if (!s)
        return NULL;
    size_t n = strnlen(s, max + 1);
    if (n <= max && utf8_valid(s, n))
        return s;
    guard_fault(in, "%s: %s", what, n > max ? "text that is too long" : "text that is not UTF-8");
    *bad = true;
    return NULL;
}
