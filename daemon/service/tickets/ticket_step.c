/*
 * ticket_step.c - what happens when a clock comes to a rung of its ladder or to its end: the mark,
 * the history and the messages, in the ticket's one transaction.
 */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "store/repo_incident.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_priv.h"

#define ACTIONS_MAX 32 /* of one clock in one round; the next round goes on */

static const char *clock_key(struct jw *w, const struct clock_row *c)
{
    jw_kstr(w, "clock", c->name);
    jw_kid(w, "dispatch", c->dispatch);
    jw_kint(w, "cycle", c->cycle);
    return c->name;
}

/* One towards 1; the policy may follow, but never to a later promise: that is for people. */
static void raise_priority(struct ticket *k)
{
    struct jw *w;
    if (k->row.priority <= 1)
        return;
    k->row.priority--;
    k->row.was_set |= SET_PRIORITY; /* to take it back is no first setting */
    w = ticket_say(k);
    jw_key(w, "priority");
    jw_arr(w);
    jw_int(w, k->row.priority + 1);
    jw_int(w, k->row.priority);
    jw_end_arr(w);
    jw_kstr(w, "why", "escalated");
    ticket_said(k, "changed");
    if (ticket_choose_policy(k) == 0)
        ticket_clocks_rebase(k, "priority", true);
}

/* Nobody found for this rung: whoever a later rung names is told now, and an alert says so; the
 * history says who was told instead. */
static void find_others(struct ticket *k, const struct clock_row *c,
                        const struct policy_ladder *ladder, int step, const struct tell_message *m,
                        struct told *told)
{
    char text[200], id[TICKET_ID_TEXT];
    snprintf(text, sizeof(text), "%s: nobody was found for step %d of the clock '%s'",
             ticket_id_format(k->row.id, id), step + 1, c->name);
    if (!k->rc)
        k->rc = tell_alert_some(k->t->tell, k->tx, "nobody_found", k->row.id, text);
    for (size_t i = (size_t)step + 1; !k->rc && told->n == 0 && i < ladder->steps_n; i++)
        ticket_tell(k, &ladder->steps[i].tell, c->dispatch, m, told);
}

void ticket_step(struct ticket *k, struct clock_row *c, int step, int turn, bool urged)
{
    const struct policy *p = clocks_frozen(k->t->clocks, k->db, c->policy_id);
    const struct policy_ladder *ladder = p ? policy_ladder_of(p, c->name) : NULL;
    struct ladder_mark mark = {0};
    struct told told = {.n = 0};
    char at[SPAN_TEXT_MAX + 2], turn_text[16];
    struct jw *w;
    if (k->rc || !ladder || (size_t)step >= ladder->steps_n)
        return;
    const struct policy_step *s = &ladder->steps[step];
    struct outbox_param params[5] = {{"clock", c->name, 0}, {"at", ladder_at_text(s, at), 0}};
    size_t n = 2;
    if (c->due_at)
        params[n++] = (struct outbox_param){"due", NULL, c->due_at};
    snprintf(turn_text, sizeof(turn_text), "%d", turn);
    if (turn > 1)
        params[n++] = (struct outbox_param){"turn", turn_text, 0};
    if (urged)
        params[n++] = (struct outbox_param){"urged", "1", 0};
    struct tell_message m = {
        .template_name = "escalated", .params = params, .n_params = n, .by = &s->by};
    ladder_mark_parse(c->fired, &mark);
    mark.fired[step] = turn;
    ladder_mark_format(&mark, ladder, c->fired);
    c->dirty = true;
    bool pages = true; /* of an incident's tickets one pages for all */
    if (k->row.incident_id)
        k->rc = repo_incident_rung(k->db, k->row.incident_id, k->row.id, c->name, step + 1, turn,
                                   k->now, &pages);
    if (pages)
        ticket_tell(k, &s->tell, c->dispatch, &m, &told);
    if (pages && told.n == 0)
        find_others(k, c, ladder, step, &m, &told);
    w = ticket_say(k);
    clock_key(w, c);
    jw_kint(w, "step", step + 1);
    jw_kint(w, "turn", turn);
    jw_kstr(w, "at", at);
    if (!pages)
        jw_kint(w, "incident", k->row.incident_id);
    told_json(&told, w);
    ticket_said(k, "escalated");
    if (s->raise_priority)
        raise_priority(k);
}

static void breach(struct ticket *k, struct clock_row *c)
{
    struct jw *w = ticket_say(k);
    c->breached = c->dirty = true;
    if (c->state == CLOCK_RUNNING)
        c->state = CLOCK_BREACHED;
    clock_key(w, c);
    ticket_said(k, "clock_breached");
}

static struct clock_row *find(struct ticket *k, int64_t id)
{
    for (size_t i = 0; i < k->clocks_n; i++)
        if (k->clocks[i].id == id && !k->clocks[i].ended_at)
            return &k->clocks[i];
    return NULL;
}

/* What the ladder has next for a clock, once its end is where the calendar has it now. */
static struct ladder_next next_of(struct ticket *k, struct clock_row *c)
{
    struct ladder_next next = {.what = LADDER_NOTHING};
    struct ladder_mark mark = {.breached = c->breached};
    struct clock_promise cp;
    const struct policy *p = clocks_frozen(k->t->clocks, k->db, c->policy_id);
    k->rc = p ? clock_promise_of(k->db, clocks_in_force(k->t->clocks), c, &cp) : E_FATAL;
    if (k->rc)
        return next;
    ticket_clock_recount(k, c, p, &cp.promise);
    ladder_mark_parse(c->fired, &mark);
    next = ladder_next(policy_ladder_of(p, c->name), &cp.promise, &mark);
    clock_promise_free(&cp);
    return next;
}

/* The next thing due of a clock, looked up anew each time: a step may change the clock itself. */
static bool run_next(struct ticket *k, int64_t id)
{
    struct clock_row *c = find(k, id);
    if (!c || k->rc)
        return false;
    if (c->state == CLOCK_PAUSED && c->resume_at && c->resume_at <= k->now) {
        ticket_clock_resume(k, c);
        return true;
    }
    struct ladder_next next = next_of(k, c);
    if (next.what == LADDER_NOTHING || next.at > k->now)
        return false;
    if (next.what == LADDER_BREACH)
        breach(k, c);
    else
        ticket_step(k, c, next.step, next.turn, false);
    return true;
}

void ticket_clock_run(struct ticket *k, int64_t clock_id, int *steps)
{
    struct clock_row *c;
    int n = 0;
    while (n < ACTIONS_MAX && run_next(k, clock_id))
        n++;
    *steps += n;
    c = find(k, clock_id);
    if (c)
        ticket_clock_arm(k, c);
}
