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

#define DRAW_OF 10000 /* a percent is a hundred of these */

/* ---- asking ---- */

struct asking {
    const char *purpose, *channel;
    int64_t message, callback;
};

static void put(struct ticket *k, const struct asking *a)
{
    static const char sql[] =
        "INSERT INTO survey (ticket_id,cycle,purpose,person_id,channel,message_id,callback_id,"
        "state,asked_at) VALUES ($1,$2,$3,$4,coalesce((SELECT channel FROM message WHERE id=$6),"
        "$5),$6,$7,'asked',$8) ON CONFLICT (ticket_id,cycle,purpose) DO UPDATE SET "
        "channel=excluded.channel,asks=survey.asks+1,state='asked',"
        "message_id=coalesce(excluded.message_id,survey.message_id),"
        "callback_id=coalesce(excluded.callback_id,survey.callback_id)";
    struct db_q *q;
    if (k->rc || ticket_flush(k)) /* the row refers to the ticket's */
        return;
    q = db_query(k->db, sql);
    db_bind_int(q, 1, k->row.id);
    db_bind_int(q, 2, k->row.cycle);
    db_bind_text(q, 3, a->purpose);
    db_bind_opt(q, 4, k->row.person_id);
    db_bind_text(q, 5, a->channel);
    db_bind_opt(q, 6, a->message);
    db_bind_opt(q, 7, a->callback);
    db_bind_int(q, 8, k->now);
    k->rc = db_run(q);
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
    struct db_q *q =
        db_query(k->db, "SELECT e164 FROM phone WHERE person_id=$1 ORDER BY pos LIMIT 1");
    db_bind_int(q, 1, k->row.person_id);
    if (db_row(q))
        text_copy(out, NAME_MAX_TEXT, db_str(q, 0));
    k->rc = db_end(q);
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

static int settle(struct db *db, int64_t id, const struct survey_reply *r, int64_t now,
                  const char *by)
{
    struct db_q *q =
        db_query(db, "UPDATE survey SET state=$1,answered_at=$2,satisfied=$3,score=$4,via=$5,"
                     "note=$6,by=$7 WHERE id=$8");
    db_bind_text(q, 1, r ? "answered" : "unanswered");
    db_bind_opt(q, 2, r ? now : 0);
    r ? db_bind_int(q, 3, r->satisfied) : db_bind_null(q, 3);
    db_bind_opt(q, 4, r ? r->score : 0);
    db_bind_text(q, 5, r ? r->via : NULL);
    db_bind_text(q, 6, r ? r->note : NULL);
    db_bind_text(q, 7, r ? by : NULL);
    db_bind_int(q, 8, id);
    return db_run(q);
}

/* The row of the ticket's present cycle that still waits; 0 if there is none. */
static int64_t waiting(struct ticket *k)
{
    struct db_q *q = db_query(k->db, "SELECT id FROM survey WHERE ticket_id=$1 AND cycle=$2 AND "
                                     "purpose='confirm' AND state='asked'");
    int64_t id = 0;
    db_bind_int(q, 1, k->row.id);
    db_bind_int(q, 2, k->row.cycle);
    if (db_row(q))
        id = db_int(q, 0);
    k->rc = db_end(q);
    return id;
}

static void end_asking(struct ticket *k, const struct survey_reply *reply)
{
    int64_t id;
    if (k->rc || k->is_new || !k->row.awaiting_at)
        return;
    id = waiting(k);
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

int survey_answer(struct tickets *t, struct ledger_tx *tx, int64_t id, const json_t *body,
                  const struct actor *actor, struct verb_out *out)
{
    struct db_q *q = db_query(ledger_db(tx), "SELECT ticket_id,state,purpose FROM survey "
                                             "WHERE id=$1");
    int64_t ticket = 0;
    bool open = false;
    memset(out, 0, sizeof(*out));
    db_bind_int(q, 1, id);
    if (db_row(q)) {
        ticket = db_int(q, 0);
        open = text_eq(db_str(q, 1), "asked") && text_eq(db_str(q, 2), "confirm");
    }
    int rc = db_end(q);
    if (rc < 0)
        return rc;
    if (!ticket)
        return verb_refuse(out, E_NOTFOUND, NULL, "no such survey");
    if (!open)
        return verb_refuse(out, E_CONFLICT, NULL, "the survey does not wait for an answer");
    json_t *copy = json_copy((json_t *)body);
    json_object_set_new(copy, "via", json_string("survey"));
    rc = tickets_verb(t, tx, ticket, "confirm", copy, actor, 0, out);
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
    return verb_text(body, "note", TEXT_MAX, &r->note, out);
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
    struct ticket_view v = ticket_view_of(
        &k.row, k.clocks, k.clocks_n, k.dispatches, k.dispatches_n, actor,
        calendars_get(clocks_in_force(t->clocks), "always"), &t->reopen_within, k.now);
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
    struct db_q *q = db_query(ledger_db(tx), "SELECT id FROM survey WHERE callback_id=$1 AND "
                                             "callback_id IS NOT NULL AND purpose='sample'");
    db_bind_int(q, 1, r->id);
    if (db_row(q))
        id = db_int(q, 0);
    rc = db_end(q);
    if (rc == E_OK)
        rc = settle(ledger_db(tx), id, silent ? NULL : &heard, ledger_now(tx), actor->name);
    return rc < 0 || silent ? rc : tell_ticket(t, tx, r->ticket_id, &heard, actor);
}

/* ---- JSON ---- */

#define COLUMNS                                                                                    \
    "id,ticket_id,cycle,purpose,person_id,channel,asks,message_id,callback_id,state,asked_at,"     \
    "answered_at,satisfied,score,via,by,note"

static void put_id(struct jw *w, const char *key, struct db_q *q, int column)
{
    jw_kid(w, key, db_int(q, column));
}

static void put_row(struct jw *w, struct db_q *q)
{
    char ticket[TICKET_ID_TEXT];
    jw_obj(w);
    jw_kint(w, "id", db_int(q, 0));
    jw_kstr(w, "ticket", ticket_id_format(db_int(q, 1), ticket));
    jw_kint(w, "cycle", db_int(q, 2));
    jw_kstr(w, "purpose", db_str(q, 3));
    put_id(w, "person_id", q, 4);
    jw_kstr(w, "channel", db_str(q, 5));
    jw_kint(w, "asks", db_int(q, 6));
    put_id(w, "message", q, 7);
    put_id(w, "callback", q, 8);
    jw_kstr(w, "state", db_str(q, 9));
    jw_ktime(w, "asked_at", db_int(q, 10));
    jw_ktime(w, "answered_at", db_int(q, 11));
    if (db_is_null(q, 12))
        jw_knull(w, "satisfied");
    else
        jw_kbool(w, "satisfied", db_int(q, 12) != 0);
    put_id(w, "score", q, 13);
    jw_kstr(w, "via", db_text(q, 14));
    jw_kstr(w, "by", db_text(q, 15));
    jw_kstr(w, "note", db_text(q, 16));
    jw_end_obj(w);
}

int surveys_list_json(struct db *db, const struct survey_filter *f, struct jw *w, int64_t *next)
{
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS " FROM survey WHERE id<$1 AND ($2 IS NULL OR state=$2) AND "
                     "($3 IS NULL OR purpose=$3) AND ($4=0 OR ticket_id=$4) "
                     "ORDER BY id DESC LIMIT $5");
    int64_t last = 0;
    int n = 0;
    *next = 0;
    db_bind_int(q, 1, f->before ? f->before : INT64_MAX);
    db_bind_text(q, 2, f->state);
    db_bind_text(q, 3, f->purpose);
    db_bind_int(q, 4, f->ticket_id);
    db_bind_int(q, 5, f->limit + 1);
    while (db_row(q)) {
        if (n++ == f->limit) {
            *next = last;
            break;
        }
        last = db_int(q, 0);
        put_row(w, q);
    }
    return db_end(q);
}

int survey_json(struct db *db, int64_t id, struct jw *w)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM survey WHERE id=$1");
    bool found;
    db_bind_int(q, 1, id);
    found = db_row(q);
    if (found)
        put_row(w, q);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}
