/*
 * ticket_time.c - what people may do to time: pause and resume a clock for a reason that the policy
 * lists, extend one with a supervisor's approval; and the written no-answer protocol.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "service/tickets/callback_priv.h"
#include "service/messages/outbox.h"
#include "service/tickets/surveys.h"
#include "service/tickets/ticket_verb.h"

/* The live clock that the body names, with its dispatch if it has one. */
static int named_clock(struct verb_req *r, struct clock_row **c)
{
    const char *name;
    int64_t n = 0;
    int rc = verb_text_needed(r->body, "clock", 64, &name, r->out);
    if (rc == E_OK)
        rc = verb_int(r->body, "dispatch", 1, INT32_MAX, &n, r->out);
    if (rc < 0)
        return rc;
    *c = ticket_clock(r->k, name, n);
    for (size_t i = 0; !*c && !n && i < r->k->clocks_n; i++)
        if (!r->k->clocks[i].ended_at && text_eq(r->k->clocks[i].name, name))
            *c = &r->k->clocks[i];
    if (*c && clock_is_protocol(*c))
        *c = NULL;
    return *c ? 0 : verb_refuse(r->out, E_INVALID, "clock", "no clock '%.64s' is running", name);
}

int verb_pause(struct verb_req *r)
{
    struct clock_row *c = NULL;
    const struct policy *p;
    const char *reason;
    int rc = named_clock(r, &c);
    if (rc == E_OK)
        rc = verb_text_needed(r->body, "reason", 64, &reason, r->out);
    if (rc < 0)
        return rc;
    p = clocks_frozen(r->k->t->clocks, r->k->db, c->policy_id);
    if (c->state == CLOCK_PAUSED)
        return verb_refuse(r->out, E_CONFLICT, "clock", "the clock is paused already");
    if (!p || !policy_pauses(p, c->name, reason))
        return verb_refuse(r->out, E_INVALID, "reason",
                           "the policy does not pause '%s' for the reason '%.64s'", c->name,
                           reason);
    ticket_clock_pause(r->k, c, reason, 0);
    return 0;
}

/* A pause by people is over: what else would have had the clock wait does so now. */
static void after_pause(struct ticket *k, const struct clock_row *c, int64_t since)
{
    bool feedback = text_eq(c->name, "feedback"), resolve = text_eq(c->name, "resolve");
    if (feedback)
        ticket_feedback_look(k);
    if (resolve)
        ticket_visits_look(k, since);
}

int verb_resume(struct verb_req *r)
{
    struct clock_row *c = NULL;
    struct segment_row pause = {.from_at = 0};
    int rc = named_clock(r, &c);
    if (rc < 0)
        return rc;
    if (c->state != CLOCK_PAUSED)
        return verb_refuse(r->out, E_CONFLICT, "clock", "the clock is not paused");
    if (text_eq(c->paused_reason, PAUSED_BY_DISPATCH))
        return verb_refuse(r->out, E_CONFLICT, "clock", "the clock waits for a work order");
    bool for_visit = text_eq(c->paused_reason, PAUSED_BY_VISIT);
    rc = repo_segment_present(r->k->db, c->id, &pause);
    if (rc < 0)
        return rc;
    ticket_clock_resume(r->k, c);
    after_pause(r->k, c, for_visit ? INT64_MAX : pause.from_at);
    return 0;
}

int verb_extend(struct verb_req *r)
{
    struct clock_row *c = NULL;
    const char *by, *reason;
    struct span span;
    struct jw *w;
    int rc;
    rc = named_clock(r, &c);
    if (rc == E_OK)
        rc = verb_text_needed(r->body, "by", SPAN_TEXT_MAX - 1, &by, r->out);
    if (rc == E_OK)
        rc = verb_text_needed(r->body, "reason", NOTE_TEXT_MAX, &reason, r->out);
    if (rc < 0)
        return rc;
    if (span_parse(by, &span) || span.n <= 0)
        return verb_refuse(r->out, E_INVALID, "by", "by: '%s' is not a duration such as 4h or 2d",
                           by);
    const struct calendar *cal = calendars_get(clocks_in_force(r->k->t->clocks), c->calendar);
    int64_t from = c->due_at ? c->due_at : r->k->now;
    int64_t extra = calendar_between(cal, from, calendar_due(cal, from, &span));
    if (extra > INT64_MAX / 4 - c->extra_ms)
        return verb_refuse(r->out, E_INVALID, "by", "by: '%s' is too long", by);
    c->extra_ms += extra;
    ticket_clock_arm(r->k, c);
    w = ticket_say(r->k);
    jw_kstr(w, "clock", c->name);
    jw_kid(w, "dispatch", c->dispatch);
    jw_kint(w, "cycle", c->cycle);
    jw_kstr(w, "by", span.text);
    jw_kstr(w, "reason", reason);
    jw_ktime(w, "due_at", c->due_at);
    ticket_said(r->k, "extended");
    return 0;
}

/* ---- the no-answer protocol ---- */

/*
 * A row of its own in `clock` carries it, so that it is as exact as every other timer: `fired` is
 * the number of tries whose moment has come. Try i of n is at i/n of the time over which they are
 * spread; the first is the question itself. Tries by sms and email the daemon makes; one by call
 * leaves a callback with a clock of its own, and each unanswered call of it (or `attempt`) counts.
 * Once the time is over and n tries were made, the ticket closes unconfirmed.
 *
 * A caller whom no callback reached is never told and asked: for him the protocol runs while the
 * ticket is open, its first try being the calls that were made. Whatever is done for him ends it.
 */
struct protocol {
    const struct policy *policy;
    int64_t over_ms; /* in working time of the row's calendar */
    const struct calendar *calendar;
    int passed; /* tries whose moment has come */
};

static bool read_protocol(struct ticket *k, const struct clock_row *c, struct protocol *p)
{
    struct span over;
    int64_t passed = 0;
    p->policy = clocks_frozen(k->t->clocks, k->db, c->policy_id);
    p->calendar = calendars_get(clocks_in_force(k->t->clocks), c->calendar);
    if (!p->policy || span_parse(c->span, &over) || p->policy->no_answer.tries < 1)
        return false;
    p->over_ms = calendar_between(p->calendar, c->started_at,
                                  calendar_due(p->calendar, c->started_at, &over));
    p->passed = text_int(c->fired, 0, 1000000, &passed) ? 0 : (int)passed;
    return true;
}

static int64_t moment_of_try(const struct protocol *p, const struct clock_row *c, int64_t i)
{
    return calendar_add(p->calendar, c->started_at, p->over_ms / p->policy->no_answer.tries * i);
}

static void arm_protocol(struct ticket *k, struct clock_row *c, const struct protocol *p)
{
    int64_t over = calendar_add(p->calendar, c->started_at, p->over_ms);
    snprintf(c->fired, sizeof(c->fired), "%d", p->passed);
    c->dirty = true;
    c->due_at = over;
    if (p->passed < p->policy->no_answer.tries)
        c->next_at = moment_of_try(p, c, p->passed);
    else
        c->next_at = over > k->now ? over : 0; /* after the end each attempt looks again */
    if (c->next_at && k->t->timer)
        clock_timer_note(k->t->timer, k->tx, c->next_at);
}

/* Somebody is to ring him: counted once somebody has. */
static void ring_again(struct ticket *k)
{
    struct callback_order o = {.number = k->row.caller,
                               .reason = "no_answer",
                               .person_id = k->row.person_id,
                               .ticket_id = k->row.id};
    int64_t id;
    if (k->row.state == TICKET_AWAITING)
        (void)survey_ring(k);
    else if (*k->row.caller && !ticket_flush(k))
        k->rc = callback_leave(k->t, k->tx, &o, &id);
}

/* One try by the means that is its turn. */
static void make_try(struct ticket *k, const struct protocol *p, int i)
{
    const struct conf_texts *by = &p->policy->no_answer.by;
    const char *means = by->n ? by->items[(size_t)i % by->n] : "call";
    bool asks = k->row.state == TICKET_AWAITING;
    struct tell_message m = {.template_name = asks ? "no_answer" : "unreached"};
    int64_t message;
    struct jw *w;
    if (text_eq(means, "call")) {
        ring_again(k);
        return;
    }
    struct errmsg why;
    message = ticket_tell_owner(k, means, &m, &why);
    if (!message)
        return;
    k->row.attempts++;
    w = ticket_say(k);
    jw_kstr(w, "channel", means);
    jw_knull(w, "outcome");
    jw_kint(w, "attempts", k->row.attempts);
    jw_kint(w, "message", message);
    ticket_said(k, "attempted");
}

void ticket_no_answer_start(struct ticket *k)
{
    struct clock_row c = {.ticket_id = k->row.id, .cycle = k->row.cycle, .share = 100};
    struct protocol p;
    if (k->rc || k->policy->no_answer.tries < 1 || !span_is_set(&k->policy->no_answer.over))
        return;
    text_copy(c.name, sizeof(c.name), "no_answer");
    text_copy(c.span, sizeof(c.span), k->policy->no_answer.over.text);
    text_copy(c.calendar, sizeof(c.calendar), k->policy->calendar);
    text_copy(c.fired, sizeof(c.fired), "1"); /* the question was the first */
    c.policy_id = k->row.policy_id;
    c.started_at = k->now;
    if (!read_protocol(k, &c, &p))
        return;
    arm_protocol(k, ticket_clock_add(k, &c), &p);
}

void ticket_unreached(struct ticket *k)
{
    if (!k->rc && k->row.state == TICKET_OPEN && !ticket_clock(k, "no_answer", 0))
        ticket_no_answer_start(k);
}

void ticket_reached(struct ticket *k)
{
    struct clock_row *c = ticket_clock(k, "no_answer", 0);
    if (k->rc || !c || k->row.state != TICKET_OPEN)
        return;
    ticket_clock_cancel(k, c);
    k->rc = callbacks_end_asking(k->t, k->tx, k->row.id, "no_answer");
}

/* Over, and as many tries made as are written: the question counts as one. Of an open ticket the
 * history says how it came to be settled: nobody could be asked. */
static bool end_protocol(struct ticket *k, struct clock_row *c, const struct protocol *p)
{
    bool asked = k->row.state == TICKET_AWAITING;
    struct jw *w;
    if (k->now < calendar_add(p->calendar, c->started_at, p->over_ms) ||
        k->row.attempts + asked < p->policy->no_answer.tries)
        return false;
    ticket_reached(k);
    ticket_clock_cancel(k, c);
    if (!asked) {
        w = ticket_say(k);
        jw_knull(w, "note");
        jw_kstr(w, "why", "no_answer");
        ticket_said(k, "resolved");
    }
    ticket_clock_keep(k, "confirm", 0);
    ticket_end(k, TICKET_CLOSED, "unconfirmed", NULL);
    return true;
}

bool ticket_no_answer_run(struct ticket *k)
{
    struct clock_row *c = ticket_clock(k, "no_answer", 0);
    struct protocol p;
    if (k->rc || !c || (k->row.state != TICKET_AWAITING && k->row.state != TICKET_OPEN) ||
        !read_protocol(k, c, &p))
        return false;
    while (!k->rc && p.passed < p.policy->no_answer.tries &&
           moment_of_try(&p, c, p.passed) <= k->now)
        make_try(k, &p, p.passed++);
    if (end_protocol(k, c, &p))
        return true;
    arm_protocol(k, c, &p);
    return false;
}
