/*
 * ticket_clock.c - clocks of tickets: started, kept, paused, re-based. Each is a row whose next_at
 * is the next moment at which timers.c must look at it.
 */
#include <string.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_priv.h"

void ticket_clock_arm(struct ticket *k, struct clock_row *c)
{
    struct clock_promise cp;
    const struct policy *p = clocks_frozen(k->t->clocks, k->db, c->policy_id);
    if (k->rc)
        return;
    k->rc = p ? clock_promise_of(k->db, clocks_in_force(k->t->clocks), c, &cp) : E_FATAL;
    if (k->rc)
        return;
    clock_row_arm(c, p, &cp.promise);
    clock_promise_free(&cp);
    if (c->next_at && k->t->timer)
        clock_timer_note(k->t->timer, k->tx, c->next_at);
}

/* ---- starting ---- */

/* "clock", "dispatch", "cycle": how every event names a clock. */
static void say_clock(struct jw *w, const struct clock_row *c)
{
    jw_kstr(w, "clock", c->name);
    jw_kid(w, "dispatch", c->dispatch);
    jw_kint(w, "cycle", c->cycle);
}

struct clock_row *ticket_clock_add(struct ticket *k, const struct clock_row *c)
{
    if (k->clocks_n == k->clocks_cap) {
        k->clocks_cap = k->clocks_cap ? k->clocks_cap * 2 : 8;
        k->clocks = xrealloc(k->clocks, k->clocks_cap * sizeof(*k->clocks));
    }
    k->clocks[k->clocks_n] = *c;
    return &k->clocks[k->clocks_n++];
}

static struct clock_row *start_at(struct ticket *k, const char *name, int64_t dispatch, int64_t at)
{
    struct clock_row c = {.ticket_id = k->row.id, .dispatch = dispatch, .started_at = at};
    struct clock_row *row;
    struct jw *w;
    text_copy(c.name, sizeof(c.name), name);
    if (k->rc || !clock_row_fill(&c, k->policy, k->row.policy_id, k->row.cycle))
        return NULL;
    c.state = CLOCK_RUNNING;
    row = ticket_clock_add(k, &c);
    ticket_clock_arm(k, row);
    w = ticket_say(k);
    say_clock(w, row);
    jw_kstr(w, "span", row->span);
    jw_kstr(w, "calendar", row->calendar);
    jw_kstr(w, "policy", k->policy->name);
    jw_kint(w, "policy_id", row->policy_id);
    jw_ktime(w, "due_at", row->due_at);
    ticket_said(k, "clock_started");
    return row;
}

struct clock_row *ticket_clock_start(struct ticket *k, const char *name, int64_t dispatch)
{
    return start_at(k, name, dispatch, k->now);
}

struct clock_row *ticket_clock(struct ticket *k, const char *name, int64_t dispatch)
{
    for (size_t i = 0; i < k->clocks_n; i++) {
        struct clock_row *c = &k->clocks[i];
        if (!c->ended_at && c->dispatch == dispatch && text_eq(c->name, name))
            return c;
    }
    return NULL;
}

/* ---- ending ---- */

static void end_clock(struct ticket *k, struct clock_row *c, enum clock_state state)
{
    c->state = state;
    c->ended_at = k->now;
    c->next_at = c->resume_at = 0;
    c->dirty = true;
    if (c->segments && !k->rc)
        k->rc = repo_segment_end(k->db, c->id, k->now);
}

void ticket_clock_keep(struct ticket *k, const char *name, int64_t dispatch)
{
    struct clock_row *c = ticket_clock(k, name, dispatch);
    struct jw *w;
    if (!c || k->rc)
        return;
    /* Late by a moment that no timer has seen yet: the breach comes first, whatever the ladder. */
    if (!c->breached && c->state != CLOCK_PAUSED && c->due_at && k->now > c->due_at) {
        c->breached = true;
        w = ticket_say(k);
        say_clock(w, c);
        ticket_said(k, "clock_breached");
    }
    end_clock(k, c, CLOCK_KEPT);
    w = ticket_say(k);
    say_clock(w, c);
    jw_kbool(w, "late", c->breached);
    ticket_said(k, "clock_kept");
}

void ticket_clock_cancel(struct ticket *k, struct clock_row *c)
{
    if (c && !c->ended_at)
        end_clock(k, c, CLOCK_CANCELLED);
}

void ticket_clocks_cancel(struct ticket *k)
{
    for (size_t i = 0; i < k->clocks_n; i++)
        ticket_clock_cancel(k, &k->clocks[i]);
}

/* ---- pauses and re-basing: segments ---- */

/* One stretch of a clock that begins. */
struct stretch {
    int64_t at;
    bool running;
    const char *calendar, *reason;
};

/* End the present segment, writing the one that a plain clock never had, and begin another. */
static void turn_segment(struct ticket *k, struct clock_row *c, const struct stretch *next)
{
    struct segment_row s = {.from_at = c->started_at, .to_at = next->at, .running = true};
    if (!c->id)
        ticket_flush(k);
    if (k->rc)
        return;
    s.clock_id = c->id;
    text_copy(s.calendar, sizeof(s.calendar), c->calendar);
    k->rc = c->segments ? repo_segment_end(k->db, c->id, next->at) : repo_segment_add(k->db, &s);
    c->segments = c->dirty = true;
    s.from_at = next->at;
    s.to_at = 0;
    s.running = next->running;
    text_copy(s.calendar, sizeof(s.calendar), next->calendar);
    text_copy(s.reason, sizeof(s.reason), next->reason ? next->reason : "");
    if (!k->rc)
        k->rc = repo_segment_add(k->db, &s);
}

void ticket_clock_pause(struct ticket *k, struct clock_row *c, const char *reason, int64_t until)
{
    struct stretch next = {k->now, false, c->calendar, reason};
    struct jw *w;
    turn_segment(k, c, &next);
    c->state = CLOCK_PAUSED;
    c->resume_at = until;
    text_copy(c->paused_reason, sizeof(c->paused_reason), reason);
    ticket_clock_arm(k, c);
    w = ticket_say(k);
    say_clock(w, c);
    jw_kstr(w, "reason", reason);
    if (until)
        jw_ktime(w, "until", until);
    ticket_said(k, "clock_paused");
}

void ticket_clock_resume(struct ticket *k, struct clock_row *c)
{
    /* A pause that ends by itself ends at its moment, whenever the daemon comes to it. */
    bool by_itself = c->resume_at && c->resume_at < k->now;
    struct stretch next = {by_itself ? c->resume_at : k->now, true, c->calendar, NULL};
    struct jw *w;
    turn_segment(k, c, &next);
    c->state = c->breached ? CLOCK_BREACHED : CLOCK_RUNNING;
    c->resume_at = 0;
    c->paused_reason[0] = 0;
    ticket_clock_arm(k, c);
    w = ticket_say(k);
    say_clock(w, c);
    jw_ktime(w, "due_at", c->due_at);
    ticket_said(k, "clock_resumed");
}

static bool is_of_clock(const struct clock_row *c, const json_t *o)
{
    return text_eq(json_string_value(json_object_get(o, "clock")), c->name) &&
           json_integer_value(json_object_get(o, "dispatch")) == c->dispatch &&
           json_integer_value(json_object_get(o, "cycle")) == c->cycle;
}

/* Notes one `escalated` of the clock in the marks of the ladder's rungs at the same place. A
 * `clock_started` of its name begins anew: a former one may have ended in the same millisecond. */
struct carrying {
    const struct clock_row *c;
    const struct policy_ladder *ladder;
    struct ladder_mark mark;
};

static void carry_mark(void *ctx, const struct event_row *event)
{
    struct carrying *carry = ctx;
    const struct clock_row *c = carry->c;
    const struct policy_ladder *ladder = carry->ladder;
    struct ladder_mark *mark = &carry->mark;
    const char *data = event->data;
    json_t *o = data ? json_parse(data, strlen(data), NULL) : NULL;
    int turn = (int)json_integer_value(json_object_get(o, "turn"));
    char at[SPAN_TEXT_MAX + 2];
    if (!is_of_clock(c, o)) {
        json_decref(o);
        return;
    }
    if (text_eq(event->kind, "clock_started"))
        memset(mark, 0, sizeof(*mark));
    for (size_t i = 0; i < ladder->steps_n && i < LADDER_STEPS_MAX; i++)
        if (text_eq(ladder_at_text(&ladder->steps[i], at),
                    json_string_value(json_object_get(o, "at"))) &&
            turn > mark->fired[i])
            mark->fired[i] = turn;
    json_decref(o);
}

/* Rungs of the new ladder at a place where the clock climbed one before are climbed: the history
 * says which, also those that the ladder between did not have. */
static void carry_marks(struct ticket *k, struct clock_row *c, const struct policy_ladder *ladder)
{
    struct carrying carry = {.c = c, .ladder = ladder};
    if (ticket_flush(k))
        return;
    k->rc = repo_event_of_clocks(k->db, k->row.id, c->started_at, carry_mark, &carry);
    ladder_mark_format(&carry.mark, ladder, c->fired);
}

/* Whether the clock would end later as the new policy has it. What is paused ends nowhere yet. */
static bool gains_time(struct ticket *k, const struct clock_row *c, const struct clock_row *fresh)
{
    struct clock_promise cp;
    if (!c->due_at)
        return false;
    k->rc = clock_promise_of(k->db, clocks_in_force(k->t->clocks), fresh, &cp);
    if (k->rc)
        return false;
    bool gains = promise_due(&cp.promise) > c->due_at;
    clock_promise_free(&cp);
    return gains;
}

/* What a clock goes on under, with the time used; one that has ended, under nothing. */
static void say_rebased(struct ticket *k, const struct clock_row *c, const struct policy *p,
                        const struct promise *promise, const char *why)
{
    struct jw *w = ticket_say(k);
    bool ended = c->ended_at != 0;
    say_clock(w, c);
    jw_kstr(w, "policy", p->name);
    jw_kint(w, "policy_id", ended ? k->row.policy_id : c->policy_id);
    jw_kstr(w, "span", ended ? NULL : c->span);
    jw_kint(w, "used_s", promise_used(promise, k->now) / 1000);
    jw_ktime(w, "due_at", ended ? 0 : c->due_at);
    if (ended)
        jw_kstr(w, "state", clock_state_name(c->state));
    jw_kstr(w, "why", why);
    ticket_said(k, "rebased");
}

/* The present policy has no such promise: it ends here, for the history to see. */
static void rebase_away(struct ticket *k, struct clock_row *c, const char *why)
{
    struct clock_promise cp;
    k->rc = clock_promise_of(k->db, clocks_in_force(k->t->clocks), c, &cp);
    if (k->rc)
        return;
    ticket_clock_cancel(k, c);
    say_rebased(k, c, k->policy, &cp.promise, why);
    clock_promise_free(&cp);
}

void ticket_clock_recount(struct ticket *k, struct clock_row *c, const struct policy *p,
                          const struct promise *promise)
{
    int64_t due = promise_due(promise);
    if (k->rc || !due || due == c->due_at)
        return;
    c->due_at = due;
    c->dirty = true;
    say_rebased(k, c, p, promise, "calendar");
}

static void rebase(struct ticket *k, struct clock_row *c, const char *why, bool never_later)
{
    struct clock_row fresh = *c;
    struct clock_promise cp;
    if (k->rc || clock_is_protocol(c))
        return;
    if (!clock_row_fill(&fresh, k->policy, k->row.policy_id, c->cycle)) {
        /* A handover under way needs its answer whatever the policy promises the owner. */
        if (!never_later && !text_eq(c->name, "handover"))
            rebase_away(k, c, why);
        return;
    }
    if (never_later && gains_time(k, c, &fresh))
        return;
    if (!text_eq(fresh.calendar, c->calendar))
        turn_segment(
            k, c,
            &(struct stretch){k->now, c->state != CLOCK_PAUSED, fresh.calendar, c->paused_reason});
    text_copy(c->span, sizeof(c->span), fresh.span);
    text_copy(c->calendar, sizeof(c->calendar), fresh.calendar);
    c->policy_id = fresh.policy_id;
    c->share = fresh.share;
    carry_marks(k, c, policy_ladder_of(k->policy, c->name));
    ticket_clock_arm(k, c);
    if (!k->rc)
        k->rc = clock_promise_of(k->db, clocks_in_force(k->t->clocks), c, &cp);
    if (k->rc)
        return;
    say_rebased(k, c, k->policy, &cp.promise, why);
    clock_promise_free(&cp);
}

void ticket_clocks_rebase(struct ticket *k, const char *why, bool never_later)
{
    size_t n = k->clocks_n;
    for (size_t i = 0; i < n; i++)
        if (!k->clocks[i].ended_at && k->clocks[i].policy_id != k->row.policy_id)
            rebase(k, &k->clocks[i], why, never_later);
}

/* True once a clock of that name was started for the ticket, in its present cycle or in any. One
 * that another policy ended meanwhile does not count. */
static bool was_started(struct ticket *k, const char *name, bool in_cycle)
{
    bool found = true;
    if (ticket_clock(k, name, 0) || ticket_flush(k)) /* it may have ended in this very command */
        return true;
    k->rc = repo_clock_was_started(k->db, k->row.id, name, k->row.cycle, in_cycle, &found);
    return found;
}

/* The clocks that run from the opening, as far as they are still owed. */
static bool is_owed(const struct ticket_row *r, const char *name)
{
    bool works = r->state == TICKET_OPEN || r->state == TICKET_DISPATCHED;
    if (text_eq(name, "claim"))
        return r->state == TICKET_NEW;
    if (text_eq(name, "resolve"))
        return works || r->state == TICKET_NEW;
    return text_eq(name, "first_reply") && r->cycle == 1 && !text_eq(r->channel, "call") &&
           !(r->was_set & TICKET_TOLD_OWNER);
}

void ticket_clocks_join(struct ticket *k)
{
    int64_t at = k->row.cycle == 1 ? k->row.opened_at : k->now;
    for (size_t i = 0; i < k->policy->clocks_n && !k->rc; i++) {
        const char *name = k->policy->clocks[i].name;
        if (is_owed(&k->row, name) && !was_started(k, name, true))
            (void)start_at(k, name, 0, at);
    }
    for (size_t i = 0; i < k->policy->milestones_n && !k->rc; i++) {
        const struct policy_milestone *m = &k->policy->milestones[i];
        if (text_eq(m->from, "opened") && !was_started(k, m->name, false))
            (void)start_at(k, m->name, 0, k->row.opened_at);
    }
}
