/*
 * ticket_dispatch.c - work orders to departments: sent, accepted, reported on. They move the work,
 * never the accountability.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_verb.h"

/* ---- sending ---- */

/* What the body asks for, checked. */
struct order {
    const char *department, *assignee, *note;
    int64_t from, to;
    bool final;
};

static int read_visit(struct verb_req *r, struct order *o)
{
    const json_t *visit = json_object_get(r->body, "visit");
    int rc;
    if (!visit || json_is_null(visit))
        return 0;
    if (!json_is_object(visit))
        return verb_refuse(r->out, E_INVALID, "visit", "visit is {\"from\",\"to\"}");
    rc = verb_time(visit, "from", &o->from, r->out);
    if (rc == E_OK)
        rc = verb_time(visit, "to", &o->to, r->out);
    if (rc < 0)
        return rc;
    if (o->from <= r->k->now || o->to <= o->from)
        return verb_refuse(r->out, E_INVALID, "visit",
                           "a visit begins in the future and ends after it began");
    return 0;
}

/* The department asked for, else the category's. */
static int find_department(struct verb_req *r, struct order *o)
{
    const struct site *site = r->k->t->site;
    const struct site_category *c =
        *r->k->row.category ? site_category(site, r->k->row.category) : NULL;
    int rc = verb_text(r->body, "department", 64, &o->department, r->out);
    if (rc < 0)
        return rc;
    if (!o->department && c)
        o->department = c->department;
    if (!o->department)
        return verb_refuse(r->out, E_INVALID, "department", "department is missing");
    if (!site_department(site, o->department))
        return verb_refuse(r->out, E_INVALID, "department", "there is no department '%.64s'",
                           o->department);
    return 0;
}

static int read_order(struct verb_req *r, struct order *o)
{
    struct staff_account a;
    int rc;
    rc = find_department(r, o);
    if (rc == E_OK)
        rc = verb_text(r->body, "assignee", 64, &o->assignee, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &o->note, r->out);
    if (rc == E_OK)
        rc = verb_bool(r->body, "final", &o->final, r->out);
    if (rc == E_OK)
        rc = read_visit(r, o);
    if (rc < 0)
        return rc;
    if (o->assignee && staff_row_by_name(r->k->db, o->assignee, &a))
        return verb_refuse(r->out, E_INVALID, "assignee", "there is nobody '%.64s'", o->assignee);
    if (o->assignee &&
        (a.kind != STAFF_PERSON || a.disabled || !text_eq(a.department, o->department)))
        return verb_refuse(r->out, E_INVALID, "assignee", "'%.64s' is not a member of '%.64s'",
                           o->assignee, o->department);
    if (o->final && !actor_is_supervisor(r->actor))
        return verb_refuse(r->out, E_DENIED, "final",
                           "only a supervisor sends an order that cannot be refused");
    if (r->k->dispatches_n >= DISPATCHES_MAX)
        return verb_refuse(r->out, E_CONFLICT, NULL, "the ticket was dispatched too often");
    return 0;
}

/* The only place that changes a dispatch's state; a new one is `sent`. */
static void dispatch_move(struct ticket *k, struct dispatch_row *d, enum dispatch_state to)
{
    if (!state_may_move(&dispatch_states, d->state, to)) {
        k->rc = k->rc ? k->rc : E_CONFLICT;
        return;
    }
    state_log(&dispatch_states, d->id, d->state, to, k->by);
    d->state = to;
    d->dirty = true;
}

static struct dispatch_row *add_order(struct ticket *k, const struct order *o)
{
    struct dispatch_row *d;
    size_t n = k->dispatches_n;
    k->dispatches = xrealloc(k->dispatches, (n + 1) * sizeof(*d));
    d = &k->dispatches[k->dispatches_n++];
    *d = (struct dispatch_row){.ticket_id = k->row.id,
                               .n = n ? k->dispatches[n - 1].n + 1 : 1,
                               .final = o->final,
                               .visit_from = o->from,
                               .visit_to = o->to,
                               .sent_at = k->now,
                               .dirty = true};
    text_copy(d->department, sizeof(d->department), o->department);
    text_copy(d->assignee, sizeof(d->assignee), o->assignee ? o->assignee : "");
    d->note = xstrdup(o->note);
    return d;
}

/* Nobody to tell: that somebody does the work is for a person to see to. */
static void nobody_told(struct ticket *k, const struct dispatch_row *d)
{
    char text[200], id[TICKET_ID_TEXT];
    snprintf(text, sizeof(text), "%s: nobody of '%s' can be told of its dispatch",
             ticket_id_format(k->row.id, id), d->department);
    if (!k->rc)
        k->rc = tell_alert_some(k->t->tell, k->tx, "nobody_found", k->row.id, text);
}

/* The colleague named, else the department's head, else its people. */
static void tell_department(struct ticket *k, const struct dispatch_row *d, struct told *told)
{
    char *word = *d->assignee ? (char *)d->assignee : (char *)"department_head";
    char *people = (char *)TELL_DEPARTMENT_PEOPLE;
    struct conf_texts words = {.items = &word, .n = 1}, all = {.items = &people, .n = 1};
    struct clock_row *accept = ticket_clock(k, "accept", d->n);
    struct outbox_param params[] = {{"note", d->note ? d->note : "", 0},
                                    {"department", d->department, 0},
                                    {"due", NULL, accept ? accept->due_at : 0}};
    struct tell_message m = {.template_name = "dispatched",
                             .params = params,
                             .n_params = accept && accept->due_at ? 3 : 2};
    ticket_tell(k, &words, d->n, &m, told);
    if (told->n == 0)
        ticket_tell(k, &all, d->n, &m, told);
    if (told->n == 0)
        nobody_told(k, d);
}

/* An appointment is told to the owner, and his clock waits for it: until the first, if there are
 * several, and not before another pause is over. */
static void arrange_visit(struct ticket *k, const struct dispatch_row *d)
{
    struct outbox_param params[] = {{"from", NULL, d->visit_from}, {"to", NULL, d->visit_to}};
    struct tell_message m = {.template_name = "visit", .params = params, .n_params = 2};
    struct errmsg why;
    (void)ticket_tell_owner(k, NULL, &m, &why);
    ticket_visits_look(k, k->now);
}

int verb_dispatch(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct order o = {0};
    struct told told = {.n = 0};
    struct dispatch_row *d;
    struct jw *w;
    int rc = read_order(r, &o);
    if (rc < 0)
        return rc;
    ticket_reached(k);
    d = add_order(k, &o);
    ticket_set_state(k, TICKET_DISPATCHED, "dispatch");
    ticket_feedback_look(k); /* the last report is to come again */
    w = ticket_say(k);
    jw_kint(w, "n", d->n);
    jw_kstr(w, "department", d->department);
    jw_kstr(w, "assignee", o.assignee);
    jw_kstr(w, "note", o.note);
    jw_kbool(w, "final", o.final);
    if (o.from) {
        jw_ktime(w, "visit_from", o.from);
        jw_ktime(w, "visit_to", o.to);
    }
    ticket_said(k, "dispatched");
    (void)ticket_clock_start(k, "accept", d->n);
    tell_department(k, d, &told);
    if (o.from)
        arrange_visit(k, d);
    ticket_announce(k, "ticket.dispatched");
    return k->rc;
}

/* ---- reports ---- */

static struct dispatch_row *find(struct ticket *k, int64_t n)
{
    for (size_t i = 0; i < k->dispatches_n; i++)
        if (k->dispatches[i].n == n)
            return &k->dispatches[i];
    return NULL;
}

int ticket_dispatch_check(struct verb_req *r)
{
    const struct dispatch_row *d = find(r->k, r->n);
    if (!d)
        return verb_refuse(r->out, E_NOTFOUND, NULL, "the ticket has no dispatch %lld",
                           (long long)r->n);
    if (r->verb != VERB_WITHDRAW && !dispatch_is_for(d, r->actor))
        return verb_refuse(r->out, E_DENIED, NULL, "dispatch %lld went to %s", (long long)r->n,
                           d->department);
    return 0;
}

/* The dispatch that the request names, in the state that the verb needs (DISPATCH_STATES: any open
 * one). */
static int named(struct verb_req *r, enum dispatch_state state, struct dispatch_row **d,
                 const char **note)
{
    int rc = ticket_dispatch_check(r);
    if (rc < 0)
        return rc;
    *d = find(r->k, r->n);
    if ((*d)->ended_at || (state != DISPATCH_STATES && (*d)->state != state))
        return verb_refuse(r->out, E_CONFLICT, NULL, "dispatch %lld is %s", (long long)r->n,
                           state_name(&dispatch_states, (*d)->state));
    rc = verb_text(r->body, "note", NOTE_TEXT_MAX, note, r->out);
    return rc;
}

static void say_report(struct ticket *k, const struct dispatch_row *d, const char *note,
                       const char *kind)
{
    struct jw *w = ticket_say(k);
    jw_kint(w, "n", d->n);
    jw_kstr(w, "department", d->department);
    jw_kstr(w, "note", note);
    ticket_said(k, kind);
}

int verb_accept(struct verb_req *r)
{
    struct dispatch_row *d;
    const char *note;
    int rc = named(r, DISPATCH_SENT, &d, &note);
    if (rc < 0)
        return rc;
    dispatch_move(r->k, d, DISPATCH_ACCEPTED);
    text_copy(d->accepted_by, sizeof(d->accepted_by), r->actor->name);
    say_report(r->k, d, note, "accepted");
    ticket_clock_keep(r->k, "accept", d->n);
    (void)ticket_clock_start(r->k, "progress", d->n);
    return 0;
}

int verb_progress(struct verb_req *r)
{
    struct dispatch_row *d;
    const char *note;
    int rc = named(r, DISPATCH_ACCEPTED, &d, &note);
    if (rc < 0)
        return rc;
    say_report(r->k, d, note, "progress");
    ticket_clock_keep(r->k, "progress", d->n);
    (void)ticket_clock_start(r->k, "progress", d->n);
    return 0;
}

static void end_dispatch(struct ticket *k, struct dispatch_row *d, enum dispatch_state state,
                         const char *report)
{
    dispatch_move(k, d, state);
    free(d->report);
    d->report = xstrdup(report);
    d->ended_at = k->now;
}

/* The responder hears of it and owes the owner word once the last department has reported. */
static void tell_responder(struct ticket *k, const struct dispatch_row *d, const char *template)
{
    char *words[] = {(char *)"responder", (char *)"supervisor"};
    bool also_supervisor = d->state == DISPATCH_REFUSED && k->row.refusals >= 2;
    struct conf_texts tell = {.items = words, .n = also_supervisor ? 2 : 1};
    struct clock_row *feedback = ticket_clock(k, "feedback", 0);
    struct outbox_param params[] = {{"note", d->report ? d->report : "", 0},
                                    {"department", d->department, 0},
                                    {"due", NULL, feedback ? feedback->due_at : 0}};
    struct tell_message m = {.template_name = template,
                             .params = params,
                             .n_params = feedback && feedback->due_at ? 3 : 2};
    struct told told = {.n = 0};
    ticket_tell(k, &tell, d->n, &m, &told);
}

static void after_end(struct ticket *k, const struct dispatch_row *d, const char *template)
{
    int open = ticket_open_dispatches(k->dispatches, k->dispatches_n);
    ticket_set_state(k, ticket_rule_after_dispatches(k->row.state, open), template);
    if (open == 0) { /* the owner is to hear of this report: anew, whatever was owed before */
        ticket_clock_cancel(k, ticket_clock(k, "feedback", 0));
        (void)ticket_clock_start(k, "feedback", 0);
    }
    ticket_visits_look(k, INT64_MAX);
    tell_responder(k, d, template);
}

int verb_done(struct verb_req *r)
{
    struct dispatch_row *d;
    const char *note;
    int rc = named(r, DISPATCH_ACCEPTED, &d, &note);
    if (rc < 0)
        return rc;
    end_dispatch(r->k, d, DISPATCH_DONE, note);
    say_report(r->k, d, note, "done");
    ticket_clock_keep(r->k, "progress", d->n);
    after_end(r->k, d, "done");
    return 0;
}

int verb_refuse_it(struct verb_req *r)
{
    struct dispatch_row *d;
    const char *note;
    int rc = named(r, DISPATCH_SENT, &d, &note);
    if (rc < 0)
        return rc;
    if (d->final)
        return verb_refuse(r->out, E_CONFLICT, NULL, "dispatch %lld is final", (long long)d->n);
    if (!note || !*note)
        return verb_refuse(r->out, E_INVALID, "note", "a refusal needs its reason in note");
    r->k->row.refusals++;
    end_dispatch(r->k, d, DISPATCH_REFUSED, note);
    say_report(r->k, d, note, "refused");
    ticket_clock_keep(r->k, "accept", d->n);
    after_end(r->k, d, "refused");
    return 0;
}

static void withdraw(struct ticket *k, struct dispatch_row *d, const char *note)
{
    end_dispatch(k, d, DISPATCH_WITHDRAWN, note);
    say_report(k, d, note, "withdrawn");
    ticket_clock_cancel(k, ticket_clock(k, "accept", d->n));
    ticket_clock_cancel(k, ticket_clock(k, "progress", d->n));
}

int verb_withdraw(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct dispatch_row *d;
    const char *note;
    int rc = named(r, DISPATCH_STATES, &d, &note);
    if (rc < 0)
        return rc;
    withdraw(k, d, note);
    ticket_set_state(k,
                     ticket_rule_after_dispatches(
                         k->row.state, ticket_open_dispatches(k->dispatches, k->dispatches_n)),
                     "withdraw");
    ticket_feedback_look(k);
    ticket_visits_look(k, INT64_MAX);
    return 0;
}

void ticket_withdraw_all(struct ticket *k)
{
    for (size_t i = 0; i < k->dispatches_n; i++)
        if (!k->dispatches[i].ended_at)
            withdraw(k, &k->dispatches[i], NULL);
}
