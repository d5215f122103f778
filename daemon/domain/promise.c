/*
 * promise.c - used time and due moments from segments.
 */
#include "domain/promise.h"

/* Never paused, shrunk or extended: the span's own end is exact (a working day ends at its close,
 * a day at the next opening, where working time alone could not tell the two apart). */
static bool is_plain(const struct promise *p)
{
    return p->n == 0 && p->share == 100 && p->extra_ms == 0;
}

int64_t promise_total(const struct promise *p)
{
    int64_t end = calendar_due(p->calendar, p->started_at, &p->within);
    int64_t whole = calendar_between(p->calendar, p->started_at, end);
    return whole / 100 * p->share + whole % 100 * p->share / 100 + p->extra_ms;
}

static int64_t used_in(const struct promise_segment *s, int64_t now)
{
    int64_t to = s->to && s->to < now ? s->to : now;
    return s->running ? calendar_between(s->calendar, s->from, to) : 0;
}

int64_t promise_used(const struct promise *p, int64_t now)
{
    int64_t used = 0;
    if (p->n == 0)
        return calendar_between(p->calendar, p->started_at, now);
    for (size_t i = 0; i < p->n; i++)
        used += used_in(&p->segments[i], now);
    return used;
}

bool promise_is_running(const struct promise *p)
{
    return p->n == 0 || (p->segments[p->n - 1].running && p->segments[p->n - 1].to == 0);
}

int64_t promise_moment(const struct promise *p, int64_t work)
{
    int64_t before = 0;
    if (p->n == 0)
        return calendar_add(p->calendar, p->started_at, work);
    for (size_t i = 0; i < p->n; i++) {
        const struct promise_segment *s = &p->segments[i];
        int64_t used = s->to ? used_in(s, s->to) : INT64_MAX - before;
        if (s->running && before + used >= work)
            return calendar_add(s->calendar, s->from, work - before);
        before += s->running ? used : 0;
    }
    return 0;
}

int64_t promise_due(const struct promise *p)
{
    if (is_plain(p))
        return calendar_due(p->calendar, p->started_at, &p->within);
    return promise_moment(p, promise_total(p));
}

int64_t promise_percent(const struct promise *p, int percent)
{
    int64_t total = promise_total(p);
    if (percent == 100)
        return promise_due(p);
    return promise_moment(p, total / 100 * percent + total % 100 * percent / 100);
}
