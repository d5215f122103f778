/*
 * ticket_handover.c - the one way in which accountability moves: a listed ground, the successor's
 * acceptance under a clock, a supervisor's approval.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_verb.h"

#define HANDOVER_MAX (16 * 1024)

/* The handover under way, as it stands in the row. Texts belong to the json_t. */
struct handover {
    json_t *o;
    const char *to, *ground, *asked_by, *accepted_at, *approved_by;
};

static const char *field(const struct handover *h, const char *key)
{
    return json_string_value(json_object_get(h->o, key));
}

static int read_handover(struct ticket *k, struct handover *h)
{
    struct errmsg why;
    h->o = k->row.handover_json
               ? json_parse(k->row.handover_json, strlen(k->row.handover_json), &why)
               : NULL;
    if (!h->o)
        return E_CONFLICT;
    h->to = field(h, "to");
    h->ground = field(h, "ground");
    h->asked_by = field(h, "asked_by");
    h->accepted_at = field(h, "accepted_at");
    h->approved_by = field(h, "approved_by");
    return 0;
}

static void write_handover(struct ticket *k, const struct handover *h)
{
    struct buf out = BUF_INIT(HANDOVER_MAX);
    struct jw w;
    jw_init(&w, &out);
    jw_json(&w, h->o);
    free(k->row.handover_json);
    k->row.handover_json = buf_take(&out);
    buf_free(&out);
}

/* ---- asking ---- */

static void tell_successor(struct ticket *k, const char *to, const char *note)
{
    char *word = (char *)to;
    struct conf_texts words = {.items = &word, .n = 1};
    struct clock_row *c = ticket_clock(k, "handover", 0);
    struct outbox_param params[] = {{"from", k->row.responder, 0},
                                    {"note", note ? note : "", 0},
                                    {"due", NULL, c ? c->due_at : 0}};
    struct tell_message m = {
        .template_name = "handover", .params = params, .n_params = c && c->due_at ? 3 : 2};
    struct told told = {.n = 0};
    ticket_tell(k, &words, 0, &m, &told);
}

/* Nobody is proposed: the supervisors hear of it, for somebody must. */
static void nobody_proposed(struct ticket *k)
{
    char text[160], id[TICKET_ID_TEXT];
    char *word = (char *)"supervisor";
    struct conf_texts words = {.items = &word, .n = 1};
    struct told told = {.n = 0};
    snprintf(text, sizeof(text), "%s: nobody can take over from %s",
             ticket_id_format(k->row.id, id), k->row.responder);
    struct outbox_param params[] = {{"text", text, 0}};
    struct tell_message m = {.template_name = "alert", .params = params, .n_params = 1};
    if (!k->rc)
        k->rc = tell_alert_some(k->t->tell, k->tx, "no_successor", k->row.id, text);
    ticket_tell(k, &words, 0, &m, &told);
}

/* Puts the handover before `to` (NULL: nobody), under a clock of its own from now. */
static void put_before(struct ticket *k, struct handover *h, const char *to)
{
    const char *note = field(h, "note");
    struct jw *w;
    json_object_set_new(h->o, "to", to ? json_string(to) : json_null());
    write_handover(k, h);
    w = ticket_say(k);
    jw_kstr(w, "from", *k->row.responder ? k->row.responder : NULL);
    jw_kstr(w, "to", to);
    jw_kstr(w, "ground", field(h, "ground"));
    jw_kstr(w, "note", note);
    jw_kstr(w, "approved_by", field(h, "approved_by"));
    ticket_said(k, "handover_asked");
    ticket_clock_cancel(k, ticket_clock(k, "handover", 0));
    (void)ticket_clock_start(k, "handover", 0);
    ticket_successor_wait(k, to == NULL);
    if (to)
        tell_successor(k, to, note);
    else
        nobody_proposed(k);
}

void ticket_handover_ask(struct ticket *k, const char *to, const char *ground, const char *note,
                         const char *approved_by)
{
    char at[CLOCK_TEXT_MAX], proposed[NAME_MAX_TEXT];
    struct handover h = {.o = json_object()};
    json_object_set_new(h.o, "to", json_null());
    json_object_set_new(h.o, "ground", json_string(ground));
    json_object_set_new(h.o, "note", note ? json_string(note) : json_null());
    json_object_set_new(h.o, "asked_by", json_string(k->by));
    json_object_set_new(h.o, "asked_at", json_string(clock_format(k->now, at)));
    json_object_set_new(h.o, "accepted_at", json_null());
    json_object_set_new(h.o, "approved_by", approved_by ? json_string(approved_by) : json_null());
    if (!to && ticket_propose_successor(k, NULL, proposed))
        to = proposed;
    put_before(k, &h, to);
    json_decref(h.o);
}

void ticket_handover_look(struct ticket *k)
{
    char proposed[NAME_MAX_TEXT];
    struct handover h;
    if (k->rc || read_handover(k, &h))
        return;
    if (h.to)
        ticket_successor_wait(k, false);
    else if (ticket_propose_successor(k, json_object_get(h.o, "refused_by"), proposed))
        put_before(k, &h, proposed);
    else
        ticket_successor_wait(k, true);
    json_decref(h.o);
}

/* Another one is looked for, whoever was asked before. */
static void ask_another(struct ticket *k, struct handover *h)
{
    json_t *refused = json_object_get(h->o, "refused_by");
    char proposed[NAME_MAX_TEXT];
    if (!refused) {
        refused = json_array();
        json_object_set_new(h->o, "refused_by", refused);
    }
    if (h->to)
        json_array_append_new(refused, json_string(h->to));
    json_object_set_new(h->o, "accepted_at", json_null());
    put_before(k, h, ticket_propose_successor(k, refused, proposed) ? proposed : NULL);
}

/* A supervisor who asks approves by it, but not that a ticket of their own goes to another. */
static const char *approver(const struct ticket *k, const struct actor *a)
{
    return actor_is_supervisor(a) && !text_eq(a->name, k->row.responder) ? a->name : NULL;
}

void ticket_handover_ask_by(struct ticket *k, const char *ground, const struct actor *by)
{
    ticket_handover_ask(k, NULL, ground, NULL, approver(k, by));
}

int verb_handover(struct verb_req *r)
{
    struct ticket *k = r->k;
    const char *to, *ground, *note;
    int rc;
    rc = verb_text(r->body, "to", 64, &to, r->out);
    if (rc == E_OK)
        rc = verb_text_needed(r->body, "ground", 64, &ground, r->out);
    if (rc == E_OK)
        rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc < 0)
        return rc;
    if (!ticket_is_ground(ground))
        return verb_refuse(r->out, E_INVALID, "ground",
                           "ground is not one of leave, left_company, conflict_of_interest, "
                           "stage_two_review, reassignment");
    if (to && (text_eq(to, k->row.responder) || !ticket_may_own(k, to)))
        return verb_refuse(r->out, E_INVALID, "to", "'%.64s' cannot become responsible", to);
    ticket_handover_ask(k, to, ground, note, approver(k, r->actor));
    return 0;
}

/* ---- answering ---- */

static void complete(struct ticket *k, const char *to)
{
    char *word = (char *)to;
    struct conf_texts words = {.items = &word, .n = 1};
    struct tell_message m = {.template_name = "reassigned"};
    struct told told = {.n = 0};
    ticket_concerns(k, k->row.responder); /* the former one sees it go */
    text_copy(k->row.responder, sizeof(k->row.responder), to);
    free(k->row.handover_json);
    k->row.handover_json = NULL;
    ticket_tell(k, &words, 0, &m, &told);
    ticket_announce(k, "ticket.handed_over");
}

static void say_answer(struct ticket *k, const struct handover *h, bool moved, const char *kind)
{
    struct jw *w = ticket_say(k);
    jw_kstr(w, "from", *k->row.responder ? k->row.responder : NULL);
    jw_kstr(w, "to", h->to);
    jw_kstr(w, "ground", h->ground);
    jw_kbool(w, "moved", moved);
    ticket_said(k, kind);
}

int verb_handover_accept(struct verb_req *r)
{
    struct ticket *k = r->k;
    char at[CLOCK_TEXT_MAX], to[NAME_MAX_TEXT];
    struct handover h;
    int rc = read_handover(k, &h);
    bool moved = rc == E_OK && h.approved_by;
    if (rc < 0)
        return rc;
    text_copy(to, sizeof(to), h.to ? h.to : "");
    if (!ticket_may_own(k, to)) {
        json_decref(h.o);
        return verb_refuse(r->out, E_CONFLICT, NULL, "nobody who may is proposed");
    }
    say_answer(k, &h, moved, "handover_accepted");
    ticket_clock_keep(k, "handover", 0);
    json_object_set_new(h.o, "accepted_at", json_string(clock_format(k->now, at)));
    write_handover(k, &h);
    json_decref(h.o);
    if (moved)
        complete(k, to);
    return 0;
}

int verb_handover_approve(struct verb_req *r)
{
    struct ticket *k = r->k;
    char to[NAME_MAX_TEXT];
    struct handover h;
    int rc = read_handover(k, &h);
    bool moved = rc == E_OK && h.accepted_at;
    if (rc < 0)
        return rc;
    text_copy(to, sizeof(to), h.to ? h.to : "");
    say_answer(k, &h, moved, "handover_approved");
    json_object_set_new(h.o, "approved_by", json_string(r->actor->name));
    write_handover(k, &h);
    json_decref(h.o);
    if (moved)
        complete(k, to);
    return 0;
}

int verb_handover_refuse(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct handover h;
    int rc = read_handover(k, &h);
    if (rc < 0)
        return rc;
    say_answer(k, &h, false, "handover_refused");
    ticket_concerns(k, h.asked_by);
    ticket_concerns(k, h.to);
    /* Who left, or must not have it, cannot go on: the next one is looked for. */
    if (!ticket_may_own(k, k->row.responder)) {
        ask_another(k, &h);
    } else {
        ticket_clock_cancel(k, ticket_clock(k, "handover", 0));
        free(k->row.handover_json);
        k->row.handover_json = NULL;
    }
    json_decref(h.o);
    return 0;
}

/* ---- an account is disabled ---- */

/* Of one who is responsible, or whom a handover under way was put before. */
static int hand_over_one(struct tickets *t, struct ledger_tx *tx, int64_t id, const char *account,
                         const struct actor *by)
{
    struct ticket k;
    struct handover h;
    int rc = ticket_load(&k, t, tx, id, by->name);
    if (rc < 0)
        return rc;
    if (read_handover(&k, &h)) {
        ticket_handover_ask_by(&k, "left_company", by);
        return ticket_finish(&k);
    }
    if (text_eq(h.to, account))
        ask_another(&k, &h);
    json_decref(h.o);
    return ticket_finish(&k);
}

int tickets_on_account_disabled(struct tickets *t, struct ledger_tx *tx, const char *account,
                                const struct actor *by)
{
    struct ticket_ids ids;
    int rc = repo_ticket_handed_by(ledger_db(tx), account, &ids);
    for (size_t i = 0; rc == E_OK && i < ids.n; i++)
        rc = hand_over_one(t, tx, ids.items[i], account, by);
    free(ids.items);
    return rc;
}
