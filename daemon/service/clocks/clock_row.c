/*
 * clock_row.c - what a row of `clock` promises, and when it must be looked at next.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/clocks/clocks.h"

bool clock_is_standard(const char *name)
{
    static const char *const names[] = {"claim",     "first_reply", "accept",  "progress",
                                        "resolve",   "feedback",    "confirm", "handover",
                                        "no_answer", "successor"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (text_eq(names[i], name))
            return true;
    return false;
}

bool clock_is_protocol(const struct clock_row *c)
{
    return text_eq(c->name, "no_answer") || text_eq(c->name, "successor");
}

/* ---- from a row to a promise ---- */

int clock_promise_of(struct db *db, const struct calendars *calendars, const struct clock_row *c,
                     struct clock_promise *out)
{
    struct segment_row *rows = NULL;
    size_t n = 0;
    int rc;
    memset(out, 0, sizeof(*out));
    out->promise = (struct promise){.calendar = calendars_get(calendars, c->calendar),
                                    .share = c->share,
                                    .extra_ms = c->extra_ms,
                                    .started_at = c->started_at};
    rc = span_parse(c->span, &out->promise.within);
    if (rc < 0 || !c->segments)
        return rc;
    rc = repo_segments_load(db, c->id, &rows, &n);
    if (rc == E_OK && n)
        out->segments = xcalloc(n, sizeof(*out->segments));
    for (size_t i = 0; rc == E_OK && i < n; i++)
        out->segments[i] =
            (struct promise_segment){.from = rows[i].from_at,
                                     .to = rows[i].to_at,
                                     .running = rows[i].running,
                                     .calendar = calendars_get(calendars, rows[i].calendar)};
    out->promise.segments = out->segments;
    out->promise.n = rc == E_OK ? n : 0;
    free(rows);
    return rc;
}

void clock_promise_free(struct clock_promise *cp)
{
    free(cp->segments);
    cp->segments = NULL;
    cp->promise.segments = NULL;
    cp->promise.n = 0;
}

void clock_row_arm(struct clock_row *c, const struct policy *p, const struct promise *promise)
{
    struct ladder_mark mark = {.breached = c->breached};
    struct ladder_next next;
    c->dirty = true;
    c->due_at = promise_due(promise);
    ladder_mark_parse(c->fired, &mark);
    next = ladder_next(policy_ladder_of(p, c->name), promise, &mark);
    c->next_at = next.what == LADDER_NOTHING ? c->resume_at : next.at;
}

bool clock_row_fill(struct clock_row *c, const struct policy *p, int64_t policy_id, int cycle)
{
    /* A handover's acceptance is promised like that of a work order, else like a claim. */
    bool handover = text_eq(c->name, "handover");
    const struct policy_clock *clock = policy_clock(p, handover ? "accept" : c->name);
    if (handover && !clock)
        clock = policy_clock(p, "claim");
    const struct policy_milestone *milestone = clock ? NULL : policy_milestone(p, c->name);
    const struct span *within = clock ? &clock->within : milestone ? &milestone->within : NULL;

    if (!within || !span_is_set(within))
        return false;
    text_copy(c->span, sizeof(c->span), within->text);
    text_copy(c->calendar, sizeof(c->calendar), p->calendar);
    c->policy_id = policy_id;
    c->share = cycle > 1 && p->reopen.shrink ? (int)p->reopen.shrink : 100;
    c->cycle = cycle;
    return true;
}
