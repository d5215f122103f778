/*
 * ticket_confirm.c - the loop until the owner is satisfied: reply, attempt, resolve, confirm, the
 * next cycle, and the ways to an end.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/messages/outbox.h"
#include "service/tickets/surveys.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_call.h"
#include "store/repo_person.h"

/* ---- ends ---- */

void ticket_end(struct ticket *k, enum ticket_state state, const char *kind, const char *reason)
{
    struct jw *w;
    ticket_reached(k);
    ticket_withdraw_all(k);
    ticket_clocks_cancel(k);
    survey_unanswered(k);
    free(k->row.handover_json);
    k->row.handover_json = NULL;
    ticket_set_state(k, state, *kind ? kind : reason);
    k->row.closed_at = k->now;
    text_copy(k->row.close_kind, sizeof(k->row.close_kind), kind);
    free(k->row.close_reason);
    k->row.close_reason = xstrdup(reason);
    w = ticket_say(k);
    if (*kind)
        jw_kstr(w, "kind", kind);
    jw_kstr(w, "reason", reason);
    ticket_said(k, state == TICKET_CLOSED ? "closed" : "cancelled");
    ticket_announce(k, state == TICKET_CLOSED ? "ticket.closed" : "ticket.cancelled");
}

int verb_cancel(struct verb_req *r)
{
    const char *reason;
    int rc = verb_text_needed(r->body, "reason", 64, &reason, r->out);
    if (rc < 0)
        return rc;
    if (!ticket_is_cancel_reason(reason))
        return verb_refuse(r->out, E_INVALID, "reason",
                           "reason is not one of wrong_number, no_request, duplicate, test");
    ticket_end(r->k, TICKET_CANCELLED, "", reason);
    return 0;
}

int verb_close(struct verb_req *r)
{
    const char *reason;
    int rc = verb_text_needed(r->body, "reason", NOTE_TEXT_MAX, &reason, r->out);
    if (rc == E_OK)
        ticket_end(r->k, TICKET_CLOSED, "supervisor", reason);
    return rc;
}

/* ---- the next cycle ---- */

void ticket_next_cycle(struct ticket *k, const char *note)
{
    struct told told = {.n = 0};
    char cycle[16];
    struct jw *w;
    k->row.cycle++;
    k->row.attempts = 0;
    k->row.closed_at = k->row.resolved_at = k->row.awaiting_at = 0;
    k->row.close_kind[0] = 0;
    free(k->row.close_reason);
    k->row.close_reason = NULL;
    ticket_set_state(k, *k->row.responder ? TICKET_OPEN : TICKET_NEW, "the next cycle");
    snprintf(cycle, sizeof(cycle), "%d", k->row.cycle);
    struct outbox_param params[] = {{"cycle", cycle, 0}, {"note", note ? note : "", 0}};
    struct tell_message m = {.template_name = "unsatisfied", .params = params, .n_params = 2};
    ticket_tell(k, policy_reopen_tells(k->policy, k->row.cycle), 0, &m, &told);
    w = ticket_say(k);
    jw_kint(w, "cycle", k->row.cycle);
    jw_kstr(w, "note", note);
    told_json(&told, w);
    ticket_said(k, "reopened");
    if (k->row.state == TICKET_NEW)
        (void)ticket_clock_start(k, "claim", 0);
    (void)ticket_clock_start(k, "resolve", 0);
    /* Who has left, or whom the complaint is about, cannot go on with it. */
    if (*k->row.responder && !k->row.handover_json && !ticket_may_own(k, k->row.responder))
        ticket_handover_ask(k, NULL,
                            text_eq(k->row.responder, k->row.about) ? "conflict_of_interest"
                                                                    : "left_company",
                            NULL, NULL);
    ticket_announce(k, "ticket.reopened");
}

int verb_reopen(struct verb_req *r)
{
    const char *note;
    int rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc < 0)
        return rc;
    /* Closed before anybody took it: who takes it up again is its first responder. */
    if (!*r->k->row.responder && r->actor->kind == STAFF_PERSON &&
        ticket_may_own(r->k, r->actor->name))
        ticket_take(r->k, r->actor->name);
    ticket_next_cycle(r->k, note);
    return 0;
}

/* ---- told and asked ---- */

/* True for the ways by which a person tells him: nothing has to be sent then. */
static bool is_spoken(const char *channel)
{
    return text_eq(channel, "call") || text_eq(channel, "callback") || text_eq(channel, "walk_in");
}

/* From `resolved` on the owner is asked; the clock and the no-answer protocol begin. */
static void begin_asking(struct ticket *k)
{
    if (k->row.state == TICKET_AWAITING)
        return;
    ticket_set_state(k, TICKET_AWAITING, "asked");
    k->row.awaiting_at = k->now;
    k->row.attempts = 0;
    (void)ticket_clock_start(k, "confirm", 0);
    ticket_no_answer_start(k);
}

int verb_reply(struct verb_req *r)
{
    struct ticket *k = r->k;
    bool asks = k->row.state == TICKET_RESOLVED || k->row.state == TICKET_AWAITING;
    const char *note, *channel;
    int64_t message = 0;
    struct jw *w;
    int rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "channel", 16, &channel, r->out);
    if (rc < 0)
        return rc;
    if (channel && !ticket_is_channel(channel))
        return verb_refuse(r->out, E_INVALID, "channel",
                           "channel is not one of call, callback, walk_in, sms, email, web");
    ticket_reached(k);
    struct outbox_param params[] = {{"note", note ? note : "", 0}};
    struct tell_message m = {
        .template_name = asks ? "confirm" : "replied", .params = params, .n_params = 1};
    bool spoken = is_spoken(channel);
    struct errmsg why = {""};
    if (!spoken) /* nothing goes by `web`: he is told as he can be reached */
        message = ticket_tell_owner(k, text_eq(channel, "web") ? NULL : channel, &m, &why);
    k->row.was_set |= TICKET_TOLD_OWNER;
    w = ticket_say(k);
    jw_kstr(w, "note", note);
    jw_kstr(w, "channel", channel);
    jw_kid(w, "message", message);
    if (!spoken && !message)
        jw_kstr(w, "not_sent", why.text);
    ticket_said(k, "replied");
    ticket_clock_keep(k, "first_reply", 0);
    ticket_clock_keep(k, "feedback", 0);
    if (asks)
        begin_asking(k);
    if (asks && !spoken && !message)
        (void)survey_ring(k); /* no text reaches him: somebody rings */
    else if (asks)
        survey_asked(k, channel ? channel : "sms", message);
    return 0;
}

int verb_attempt(struct verb_req *r)
{
    struct ticket *k = r->k;
    const char *channel, *outcome;
    struct jw *w;
    int rc = verb_text(r->body, "channel", 16, &channel, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "outcome", 200, &outcome, r->out);
    if (rc < 0)
        return rc;
    if (channel && !ticket_is_channel(channel))
        return verb_refuse(r->out, E_INVALID, "channel",
                           "channel is not one of call, callback, walk_in, sms, email, web");
    k->row.attempts++;
    w = ticket_say(k);
    jw_kstr(w, "channel", channel);
    jw_kstr(w, "outcome", outcome);
    jw_kint(w, "attempts", k->row.attempts);
    ticket_said(k, "attempted");
    (void)ticket_no_answer_run(k);
    return 0;
}

/* ---- confirmed ---- */

/* The person's last satisfaction, which the card shows. */
static void keep_score(struct ticket *k, int64_t score)
{
    if (k->rc || !score || !k->row.person_id)
        return;
    k->rc = repo_person_set_score(k->db, k->row.person_id, score, k->now);
}

/* How an answer came and what it was. */
struct answer {
    bool satisfied;
    int64_t score, call_id;
    const char *via, *note;
};

static void take_answer(struct ticket *k, const struct answer *a)
{
    struct jw *w = ticket_say(k);
    jw_kbool(w, "satisfied", a->satisfied);
    if (a->score)
        jw_kint(w, "score", a->score);
    else
        jw_knull(w, "score");
    jw_kstr(w, "via", a->via);
    jw_kid(w, "call_id", a->call_id);
    jw_kstr(w, "note", a->note);
    ticket_said(k, "confirmed");
    struct survey_reply reply = {a->satisfied, a->score, a->via, a->note};
    survey_answered(k, &reply);
    if (a->satisfied && text_eq(a->via, "staff"))
        survey_draw(k);
    keep_score(k, a->score);
    ticket_clock_keep(k, "confirm", 0);
    ticket_clock_keep(k, "feedback", 0);
    ticket_clock_cancel(k, ticket_clock(k, "no_answer", 0));
    if (a->satisfied)
        ticket_end(k, TICKET_CLOSED, "confirmed", NULL);
    else
        ticket_next_cycle(k, a->note);
}

/* Staff cannot speak for the owner: what they type is `staff`, but for a call that took place. */
static int find_via(struct verb_req *r, const char *asked, int64_t call_id, const char **via)
{
    bool call = false;
    int rc = 0;
    if (asked && !ticket_is_via(asked))
        return verb_refuse(r->out, E_INVALID, "via",
                           "via is not one of survey, sms, link, call, staff");
    if (call_id)
        rc = repo_call_reached(r->k->db, call_id, r->k->row.caller, r->k->row.person_id,
                               r->k->row.resolved_at, &call);
    if (call)
        *via = "call";
    else if (asked && !text_eq(asked, "call") && r->actor->kind != STAFF_PERSON)
        *via = asked;
    else
        *via = "staff";
    return rc;
}

int verb_confirm(struct verb_req *r)
{
    struct answer a = {0};
    const char *via;
    int rc = 0;
    if (!json_is_boolean(json_object_get(r->body, "satisfied")))
        return verb_refuse(r->out, E_INVALID, "satisfied", "satisfied is true or false");
    a.satisfied = json_is_true(json_object_get(r->body, "satisfied"));
    rc = verb_int(r->body, "score", 1, 5, &a.score, r->out);
    if (rc == E_OK)
        rc = verb_int(r->body, "call_id", 1, INT64_MAX, &a.call_id, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &a.note, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "via", 16, &via, r->out);
    if (rc == E_OK)
        rc = find_via(r, via, a.call_id, &a.via);
    if (rc < 0)
        return rc;
    take_answer(r->k, &a);
    return 0;
}

/* ---- resolved ---- */

/* Told within the call (or at the desk): no feedback is owed, and his answer may be in already. */
static int resolve_told(struct verb_req *r, bool satisfied, int64_t score)
{
    struct ticket *k = r->k;
    struct answer a = {.satisfied = true, .score = score};
    bool within = false;
    struct jw *w;
    /* While the ticket's own call is under way, the owner hears what is said. */
    int rc = repo_call_live_of_ticket(k->db, k->row.id, &within);
    if (rc < 0)
        return rc;
    w = ticket_say(k);
    jw_kstr(w, "channel", k->row.channel);
    jw_kbool(w, "within_call", within);
    ticket_said(k, "told");
    k->row.was_set |= TICKET_TOLD_OWNER;
    ticket_clock_keep(k, "first_reply", 0);
    ticket_clock_keep(k, "feedback", 0);
    if (!satisfied) {
        begin_asking(k);
        survey_asked(k, k->row.channel, 0);
        return 0;
    }
    a.via = within ? "call" : "staff";
    a.call_id = within ? k->row.call_id : 0;
    take_answer(k, &a);
    return 0;
}

int verb_resolve(struct verb_req *r)
{
    struct ticket *k = r->k;
    bool told = false, satisfied = false;
    int64_t score = 0;
    const char *note;
    int rc;
    rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc == E_OK)
        rc = verb_bool(r->body, "told", &told, r->out);
    if (rc == E_OK)
        rc = verb_bool(r->body, "satisfied", &satisfied, r->out);
    if (rc == E_OK)
        rc = verb_int(r->body, "score", 1, 5, &score, r->out);
    if (rc < 0)
        return rc;
    ticket_reached(k);
    ticket_withdraw_all(k);
    ticket_feedback_look(k);
    ticket_set_state(k, TICKET_RESOLVED, "resolve");
    k->row.resolved_at = k->now;
    jw_kstr(ticket_say(k), "note", note);
    ticket_said(k, "resolved");
    ticket_clock_keep(k, "resolve", 0);
    ticket_announce(k, "ticket.resolved");
    if (told)
        return resolve_told(r, satisfied, score);
    if (!ticket_clock(k, "feedback", 0))
        (void)ticket_clock_start(k, "feedback", 0);
    return 0;
}
