/*
 * surveys.c - the rows of `survey` (surveys.h): one for each cycle of a ticket whose owner was
 * asked, and one for each drawn confirmation.
 */
#include "service/tickets/surveys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/callback_priv.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_person.h"
#include "store/repo_survey.h"

#define DRAW_OF 10000 /* a percent is a hundred of these */

/* ---- asking ---- */

struct asking {
    const char *purpose, *channel;
    int64_t message, callback;
};

static void put(struct ticket *k, const struct asking *a)
{
    if (k->rc || ticket_flush(k)) /* the row refers to the ticket's */
        return;
    struct survey_row row = {.ticket_id = k->row.id,
                             .cycle = k->row.cycle,
                             .purpose = a->purpose,
                             .person_id = k->row.person_id,
                             .channel = a->channel,
                             .message_id = a->message,
                             .callback_id = a->callback,
                             .asked_at = k->now};
    k->rc = repo_survey_ask(k->db, &row);
}

void survey_asked(struct ticket *k, const char *channel, int64_t message)
{
    struct asking a = {.purpose = "confirm", .channel = channel, .message = message};
    put(k, &a);
}

/* The number by which the owner is rung: the caller's, else the first of his. */
static bool number_of(struct ticket *k, char out[NAME_MAX_TEXT])
{
    text_copy(out, NAME_MAX_TEXT, k->row.caller);
    if (k->rc || *out || !k->row.person_id)
        return !k->rc && *out;
    k->rc = repo_phone_first(k->db, k->row.person_id, out, NAME_MAX_TEXT);
    return !k->rc && *out;
}

/* Somebody is to ring the owner of this ticket, by a clock. */
static bool ring(struct ticket *k, const char *purpose, const char *reason)
{
    struct asking a = {.purpose = purpose, .channel = "call"};
    char number[NAME_MAX_TEXT];
    if (!number_of(k, number) || ticket_flush(k))
        return false;
    struct callback_order o = {
        .number = number, .reason = reason, .person_id = k->row.person_id, .ticket_id = k->row.id};
    k->rc = callback_leave(k->t, k->tx, &o, &a.callback);
    put(k, &a);
    return !k->rc;
}

bool survey_ring(struct ticket *k)
{
    return ring(k, "confirm", "confirm");
}

void survey_draw(struct ticket *k)
{
    char digits[9];
    if (k->rc || k->t->site->tickets.sample <= 0)
        return;
    text_copyn(digits, sizeof(digits), k->row.last_hash, 8);
    if ((int64_t)(strtoul(digits, NULL, 16) % DRAW_OF) <
        k->t->site->tickets.sample * (DRAW_OF / 100))
        (void)ring(k, "sample", "sample");
}

/* ---- answers ---- */

/* r NULL: nobody answered. */
static int settle(struct db *db, int64_t id, const struct survey_reply *r, int64_t now,
                  const char *by)
{
    struct survey_row row = {.id = id, .state = SURVEY_UNANSWERED};
    if (r)
        row = (struct survey_row){.id = id,
                                  .state = SURVEY_ANSWERED,
                                  .answered_at = now,
                                  .satisfied = r->satisfied,
                                  .score = r->score,
                                  .via = r->via,
                                  .note = r->note,
                                  .by = by};
    return repo_survey_move(db, &row, by);
}

static void end_asking(struct ticket *k, const struct survey_reply *reply)
{
    int64_t id = 0;
    if (k->rc || k->is_new || !k->row.awaiting_at)
        return;
    k->rc = repo_survey_waiting(k->db, k->row.id, k->row.cycle, "confirm", &id);
    if (!k->rc && id)
        k->rc = settle(k->db, id, reply, k->now, k->by);
    if (!k->rc)
        k->rc = callbacks_end_asking(k->t, k->tx, k->row.id, "confirm");
}

void survey_answered(struct ticket *k, const struct survey_reply *reply)
{
    end_asking(k, reply);
}

void survey_unanswered(struct ticket *k)
{
    end_asking(k, NULL);
}

/* What an answer from outside is to find. */
struct asked {
    int64_t ticket;
    bool open;
};

static void take_asked(void *ctx, const struct survey_row *row)
{
    struct asked *a = ctx;
    a->ticket = row->ticket_id;
    a->open = row->state == SURVEY_ASKED && text_eq(row->purpose, "confirm");
}

int survey_answer(struct tickets *t, struct ledger_tx *tx, int64_t id, const json_t *body,
                  const struct actor *actor, struct verb_out *out)
{
    struct asked asked = {0};
    memset(out, 0, sizeof(*out));
    int rc = repo_survey_get(ledger_db(tx), id, take_asked, &asked);
    if (rc == E_NOTFOUND)
        return verb_refuse(out, rc, NULL, "there is no such survey");
    if (rc < 0)
        return rc;
    if (!asked.open)
        return verb_refuse(out, E_CONFLICT, NULL, "the survey does not wait for an answer");
    json_t *copy = json_copy((json_t *)body);
    json_object_set_new(copy, "via", json_string("survey"));
    rc = tickets_verb(t, tx, asked.ticket, "confirm", copy, actor, 0, out);
    json_decref(copy);
    return rc;
}

/* ---- the sample ---- */

static int read_heard(const json_t *body, struct survey_reply *r, struct verb_out *out)
{
    const json_t *satisfied = json_object_get(body, "satisfied");
    int rc;
    if (!json_is_boolean(satisfied))
        return verb_refuse(out, E_INVALID, "satisfied", "satisfied is true or false");
    r->satisfied = json_is_true(satisfied);
    r->via = "call";
    rc = verb_int(body, "score", 1, 5, &r->score, out);
    if (rc < 0)
        return rc;
    return verb_text(body, "note", NOTE_TEXT_MAX, &r->note, out);
}

/* Into the history; an owner who is not satisfied after all has his ticket again. */
static int tell_ticket(struct tickets *t, struct ledger_tx *tx, int64_t id,
                       const struct survey_reply *r, const struct actor *actor)
{
    struct ticket k;
    struct jw *w;
    int rc = ticket_load(&k, t, tx, id, actor->name);
    if (rc < 0)
        return rc;
    w = ticket_say(&k);
    jw_kstr(w, "text", r->note);
    jw_kbool(w, "sample", true);
    jw_kbool(w, "satisfied", r->satisfied);
    ticket_said(&k, "noted");
    struct ticket_view v = ticket_view_under(&k, actor);
    if (!r->satisfied && ticket_rule_check(&v, VERB_REOPEN) == 0)
        ticket_next_cycle(&k, r->note);
    return ticket_finish(&k);
}

int survey_sampled(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                   const json_t *body, const struct actor *actor, struct verb_out *out)
{
    bool silent = text_eq(json_string_value(json_object_get(body, "outcome")), "no_answer");
    struct survey_reply heard = {0};
    int rc = silent ? 0 : read_heard(body, &heard, out);
    int64_t id = 0;
    if (rc < 0)
        return rc;
    rc = repo_survey_of_callback(ledger_db(tx), r->id, &id);
    if (rc == E_OK && id)
        rc = settle(ledger_db(tx), id, silent ? NULL : &heard, ledger_now(tx), actor->name);
    return rc < 0 || silent ? rc : tell_ticket(t, tx, r->ticket_id, &heard, actor);
}

/* ---- JSON ---- */

static void put_row(struct jw *w, const struct survey_row *r)
{
    char ticket[TICKET_ID_TEXT];
    jw_obj(w);
    jw_kint(w, "id", r->id);
    jw_kstr(w, "ticket", ticket_id_format(r->ticket_id, ticket));
    jw_kint(w, "cycle", r->cycle);
    jw_kstr(w, "purpose", r->purpose);
    jw_kid(w, "person_id", r->person_id);
    jw_kstr(w, "channel", r->channel);
    jw_kint(w, "asks", r->asks);
    jw_kid(w, "message", r->message_id);
    jw_kid(w, "callback", r->callback_id);
    jw_kstr(w, "state", state_name(&survey_states, r->state));
    jw_ktime(w, "asked_at", r->asked_at);
    jw_ktime(w, "answered_at", r->answered_at);
    if (r->answered)
        jw_kbool(w, "satisfied", r->satisfied);
    else
        jw_knull(w, "satisfied");
    jw_kid(w, "score", r->score);
    jw_kstr(w, "via", r->via);
    jw_kstr(w, "by", r->by);
    jw_kstr(w, "note", r->note);
    jw_end_obj(w);
}

/* A page being written, one row more than it shows. */
struct page {
    struct jw *w;
    int limit, n;
    int64_t last, next;
};

static void page_row(void *ctx, const struct survey_row *row)
{
    struct page *p = ctx;
    if (p->n++ == p->limit) {
        p->next = p->last;
        return;
    }
    p->last = row->id;
    put_row(p->w, row);
}

int surveys_list_json(struct db *db, const struct survey_filter *f, struct jw *w, int64_t *next)
{
    struct page p = {.w = w, .limit = f->limit};
    struct survey_query query = {.state = f->state,
                                 .purpose = f->purpose,
                                 .ticket_id = f->ticket_id,
                                 .before = f->before,
                                 .limit = f->limit + 1};
    int rc = repo_survey_list(db, &query, page_row, &p);
    *next = p.next;
    return rc;
}

int survey_json(struct db *db, int64_t id, struct jw *w)
{
    struct page p = {.w = w, .limit = 1};
    return repo_survey_get(db, id, page_row, &p);
}
