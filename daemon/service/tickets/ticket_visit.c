/*
 * ticket_visit.c - clocks that wait for others: `resolve` until an appointment begins, `feedback`
 * while a further work order is open.
 */
#include "base/text.h"
#include "service/tickets/ticket_verb.h"

static bool is_paused_by(const struct clock_row *c, const char *reason)
{
    return c->state == CLOCK_PAUSED && text_eq(c->paused_reason, reason);
}

/* When the first appointment of an open work order begins that was arranged since and is still to
 * come; 0: there is none. */
static int64_t first_visit(const struct ticket *k, int64_t since)
{
    int64_t first = 0;
    for (size_t i = 0; i < k->dispatches_n; i++) {
        const struct dispatch_row *d = &k->dispatches[i];
        if (!d->ended_at && d->visit_from > k->now && d->sent_at >= since &&
            (!first || d->visit_from < first))
            first = d->visit_from;
    }
    return first;
}

void ticket_visits_look(struct ticket *k, int64_t since)
{
    struct clock_row *c = ticket_clock(k, "resolve", 0);
    bool waits = c && is_paused_by(c, PAUSED_BY_VISIT);
    int64_t first = first_visit(k, waits ? 0 : since);
    if (k->rc || !c || (c->state == CLOCK_PAUSED && !waits) || (waits && c->resume_at == first))
        return;
    if (waits)
        ticket_clock_resume(k, c);
    if (first && !k->rc)
        ticket_clock_pause(k, c, PAUSED_BY_VISIT, first);
}

void ticket_feedback_look(struct ticket *k)
{
    struct clock_row *c = ticket_clock(k, "feedback", 0);
    bool open = ticket_open_dispatches(k->dispatches, k->dispatches_n) > 0;
    if (k->rc || !c)
        return;
    if (open && c->state != CLOCK_PAUSED)
        ticket_clock_pause(k, c, PAUSED_BY_DISPATCH, 0);
    else if (!open && is_paused_by(c, PAUSED_BY_DISPATCH))
        ticket_clock_resume(k, c);
}
