/*
 * callbacks.c - callbacks: left by calls that nobody answered, under the claim clock of
 * `callbacks.policy`, until somebody reached the caller.
 */
#include "service/tickets/callbacks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/callback_priv.h"
#include "spine/hub.h"
#include "service/messages/outbox.h"
#include "service/tickets/surveys.h"
#include "service/tickets/ticket_verb.h"
#include "store/household.h"

#define CALLS_MAX  (64 * 1024)
#define CALLS_KEPT 100 /* newest calls that a callback names */
#define LIST_MAX   500

/* ---- rows ---- */

#define COLUMNS                                                                                    \
    "id,number,person_id,reason,state,attempts,calls_json,due_at,ticket_id,claimed_by,outcome,"    \
    "note,created_at,ended_at"

static void read_row(struct db_q *q, struct callback_row *r)
{
    memset(r, 0, sizeof(*r));
    r->id = db_int(q, 0);
    text_copy(r->number, sizeof(r->number), db_str(q, 1));
    r->person_id = db_int(q, 2);
    text_copy(r->reason, sizeof(r->reason), db_str(q, 3));
    text_copy(r->state, sizeof(r->state), db_str(q, 4));
    r->attempts = (int)db_int(q, 5);
    r->calls_json = xstrdup(db_str(q, 6));
    r->due_at = db_int(q, 7);
    r->ticket_id = db_int(q, 8);
    text_copy(r->claimed_by, sizeof(r->claimed_by), db_str(q, 9));
    r->outcome = xstrdup(db_text(q, 10));
    r->note = xstrdup(db_text(q, 11));
    r->created_at = db_int(q, 12);
    r->ended_at = db_int(q, 13);
}

void callback_row_clear(struct callback_row *r)
{
    free(r->calls_json);
    free(r->outcome);
    free(r->note);
    r->calls_json = r->outcome = r->note = NULL;
}

static int load_one(struct db_q *q, struct callback_row *out)
{
    bool found = db_row(q);
    memset(out, 0, sizeof(*out));
    if (found)
        read_row(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int callback_load(struct db *db, int64_t id, struct callback_row *out)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM callback WHERE id=$1");
    db_bind_int(q, 1, id);
    return load_one(q, out);
}

static int load_open(struct db *db, const char *number, struct callback_row *out)
{
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS " FROM callback WHERE number=$1 AND ended_at IS NULL "
                     "AND reason<>'sample' ORDER BY id DESC LIMIT 1");
    db_bind_text(q, 1, number);
    return load_one(q, out);
}

static int save(struct db *db, struct callback_row *r)
{
    struct db_q *q;
    int rc;
    if (!r->id) {
        q = db_query(db,
                     "INSERT INTO callback (number,person_id,reason,state,calls_json,created_at,"
                     "ticket_id) VALUES ($1,$2,$3,$4,$5,$6,$7)");
        db_bind_text(q, 1, r->number);
        db_bind_opt(q, 2, r->person_id);
        db_bind_text(q, 3, r->reason);
        db_bind_text(q, 4, r->state);
        db_bind_text(q, 5, r->calls_json);
        db_bind_int(q, 6, r->created_at);
        db_bind_opt(q, 7, r->ticket_id);
        return db_insert(q, &r->id);
    }
    q = db_query(db,
                 "UPDATE callback SET state=$1,attempts=$2,calls_json=$3,due_at=$4,ticket_id=$5,"
                 "claimed_by=$6,outcome=$7,note=$8,ended_at=$9,person_id=$10 WHERE id=$11");
    db_bind_text(q, 1, r->state);
    db_bind_int(q, 2, r->attempts);
    db_bind_text(q, 3, r->calls_json);
    db_bind_opt(q, 4, r->due_at);
    db_bind_opt(q, 5, r->ticket_id);
    db_bind_text(q, 6, *r->claimed_by ? r->claimed_by : NULL);
    db_bind_text(q, 7, r->outcome);
    db_bind_text(q, 8, r->note);
    db_bind_opt(q, 9, r->ended_at);
    db_bind_opt(q, 10, r->person_id);
    db_bind_int(q, 11, r->id);
    rc = db_run(q);
    return rc;
}

/* ---- JSON ---- */

static void render(const struct callback_row *r, struct buf *out)
{
    char ticket[TICKET_ID_TEXT];
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "id", r->id);
    jw_kraw(&w, "calls", r->calls_json);
    jw_kstr(&w, "number", r->number);
    jw_kid(&w, "person_id", r->person_id);
    jw_kstr(&w, "reason", r->reason);
    jw_kstr(&w, "state", r->state);
    jw_kint(&w, "attempts", r->attempts);
    jw_ktime(&w, "due_at", r->due_at);
    jw_kstr(&w, "ticket", r->ticket_id ? ticket_id_format(r->ticket_id, ticket) : NULL);
    jw_kstr(&w, "claimed_by", *r->claimed_by ? r->claimed_by : NULL);
    jw_kstr(&w, "outcome", r->outcome);
    jw_kstr(&w, "note", r->note);
    jw_ktime(&w, "created_at", r->created_at);
    jw_ktime(&w, "ended_at", r->ended_at);
    jw_end_obj(&w);
}

int callback_json(struct db *db, int64_t id, struct buf *out)
{
    struct callback_row r;
    int rc = callback_load(db, id, &r);
    if (rc == E_OK)
        render(&r, out);
    callback_row_clear(&r);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

int callbacks_list_json(struct db *db, const char *state, const char *number, int limit,
                        const char *cursor, struct buf *out)
{
    struct db_q *q = db_query(db, "SELECT " COLUMNS " FROM callback WHERE id<$1 AND "
                                  "($2 IS NULL OR state=$2) AND ($3 IS NULL OR number=$3) "
                                  "ORDER BY id DESC LIMIT $4");
    int64_t before = INT64_MAX, last = 0;
    bool more = false, bad = cursor && *cursor && text_int(cursor, 1, INT64_MAX, &before);
    struct callback_row r;
    int n = 0;
    limit = limit < 1 ? 50 : limit > LIST_MAX ? LIST_MAX : limit;
    db_bind_int(q, 1, before);
    db_bind_text(q, 2, state);
    db_bind_text(q, 3, number);
    db_bind_int(q, 4, limit + 1);
    buf_adds(out, "{\"items\":[");
    while (!more && db_row(q)) {
        if (n == limit) {
            more = true;
            break;
        }
        if (n++)
            buf_addc(out, ',');
        read_row(q, &r);
        last = r.id;
        render(&r, out);
        callback_row_clear(&r);
    }
    int rc = db_end(q);
    if (more)
        buf_printf(out, "],\"next\":\"%" PRId64 "\"}", last);
    else
        buf_adds(out, "],\"next\":null}");
    return bad ? E_INVALID : rc ? rc : out->overflow ? E_TOOBIG : 0;
}

int callback_publish(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r)
{
    struct buf out = BUF_INIT(CALLS_MAX * 2);
    if (tell_has_desks(t->tell)) {
        render(r, &out);
        if (!out.overflow)
            tell_publish(t->tell, tx, HUB_CALLBACK, buf_take(&out), NULL, NULL, true);
    }
    buf_free(&out);
    return 0;
}

/* Writes and publishes; frees what the row owns. */
static int finish(struct tickets *t, struct ledger_tx *tx, struct callback_row *r, int rc)
{
    if (rc == E_OK)
        rc = save(ledger_db(tx), r);
    if (rc == E_OK)
        rc = callback_publish(t, tx, r);
    callback_row_clear(r);
    return rc;
}

/* ---- the claim clock ---- */

static int start_clock(struct tickets *t, struct ledger_tx *tx, struct callback_row *r)
{
    const struct policy *p = site_policy(t->site, t->site->callbacks.policy);
    const struct frozen *f =
        clocks_freeze(t->clocks, tx, p ? p : site_policy(t->site, t->site->tickets.policy));
    struct clock_row c = {.callback_id = r->id, .started_at = ledger_now(tx)};
    struct clock_promise cp;
    int rc;
    text_copy(c.name, sizeof(c.name), "claim");
    if (!f)
        return E_BUSY;
    if (!clock_row_fill(&c, f->policy, f->id, 1))
        return 0;
    rc = clock_promise_of(ledger_db(tx), clocks_in_force(t->clocks), &c, &cp);
    if (rc < 0)
        return rc;
    clock_row_arm(&c, f->policy, &cp.promise);
    r->due_at = c.due_at;
    if (c.next_at && t->timer)
        clock_timer_note(t->timer, tx, c.next_at);
    return repo_clock_save(ledger_db(tx), &c);
}

/* Kept by a claim; cancelled where the callback ended without one. */
static int end_clock(struct ledger_tx *tx, int64_t callback_id, enum clock_state state)
{
    struct clock_row *clocks = NULL;
    size_t n = 0;
    int rc = repo_clocks_load(ledger_db(tx), 0, callback_id, CLOCKS_LIVE, &clocks, &n);
    for (size_t i = 0; rc == E_OK && i < n; i++) {
        clocks[i].state = state;
        clocks[i].ended_at = ledger_now(tx);
        clocks[i].next_at = 0;
        rc = repo_clock_save(ledger_db(tx), &clocks[i]);
    }
    free(clocks);
    return rc;
}

/* ---- what the loop asks for ---- */

static int find_asking(struct db *db, int64_t ticket_id, const char *reason, int64_t *id)
{
    struct db_q *q = db_query(db, "SELECT id FROM callback WHERE ticket_id=$1 AND ended_at IS NULL "
                                  "AND reason=$2 LIMIT 1");
    db_bind_int(q, 1, ticket_id);
    db_bind_text(q, 2, reason);
    *id = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int callback_leave(struct tickets *t, struct ledger_tx *tx, const struct callback_order *o,
                   int64_t *id)
{
    struct callback_row r = {
        .person_id = o->person_id, .ticket_id = o->ticket_id, .created_at = ledger_now(tx)};
    int rc = 0;
    *id = 0;
    if (!text_eq(o->reason, "sample"))
        rc = find_asking(ledger_db(tx), o->ticket_id, o->reason, id);
    if (rc < 0 || *id)
        return rc;
    text_copy(r.number, sizeof(r.number), o->number);
    text_copy(r.reason, sizeof(r.reason), o->reason);
    text_copy(r.state, sizeof(r.state), "waiting");
    r.calls_json = xstrdup("[]");
    rc = save(ledger_db(tx), &r);
    if (rc == E_OK)
        rc = start_clock(t, tx, &r);
    *id = r.id;
    return finish(t, tx, &r, rc);
}

/* ---- what telephony tells ---- */

/* Where the list of numbers goes on if it is to hold one more: past the oldest, once it is full. */
static const char *calls_to_keep(const char *list)
{
    size_t n = 1;
    for (const char *p = list; *p; p++)
        n += *p == ',';
    return n < CALLS_KEPT ? list + 1 : strchr(list, ',') + 1;
}

/* One more call of the same number; who rings again and again leaves their newest calls. */
static void add_call(struct callback_row *r, int64_t call_id)
{
    struct buf out = BUF_INIT(CALLS_MAX);
    bool any = r->calls_json && strlen(r->calls_json) > 2;
    const char *kept = any ? calls_to_keep(r->calls_json) : "";
    buf_printf(&out, "[%.*s%s%" PRId64 "]", any ? (int)strcspn(kept, "]") : 0, kept, any ? "," : "",
               call_id);
    free(r->calls_json);
    r->calls_json = buf_take(&out);
    buf_free(&out);
}

int callbacks_on_unanswered(struct tickets *t, struct ledger_tx *tx,
                            const struct unanswered_call *call, int64_t *id)
{
    struct callback_row r;
    int rc;
    *id = 0;
    if (!call->number || !*call->number)
        return 0;
    rc = load_open(ledger_db(tx), call->number, &r);
    if (rc == E_NOTFOUND) {
        text_copy(r.number, sizeof(r.number), call->number);
        text_copy(r.reason, sizeof(r.reason), call->reason);
        text_copy(r.state, sizeof(r.state), "waiting");
        r.created_at = ledger_now(tx);
        add_call(&r, call->call_id);
        r.person_id = call->person_id;
        rc = save(ledger_db(tx), &r);
        if (rc == E_OK)
            rc = start_clock(t, tx, &r);
    } else if (rc == E_OK) {
        add_call(&r, call->call_id);
        if (!r.person_id)
            r.person_id = call->person_id;
    }
    *id = r.id;
    return finish(t, tx, &r, rc);
}

static int end_one(struct tickets *t, struct ledger_tx *tx, int64_t id, const char *state,
                   const char *outcome)
{
    struct callback_row r;
    int rc = callback_load(ledger_db(tx), id, &r);
    if (rc < 0)
        return rc;
    text_copy(r.state, sizeof(r.state), state);
    r.ended_at = ledger_now(tx);
    free(r.outcome);
    r.outcome = xstrdup(outcome);
    rc = end_clock(tx, id, CLOCK_CANCELLED);
    return finish(t, tx, &r, rc);
}

int callbacks_end_asking(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id,
                         const char *reason)
{
    int64_t id;
    int rc = find_asking(ledger_db(tx), ticket_id, reason, &id);
    return rc < 0 || !id ? rc : end_one(t, tx, id, "superseded", "answered");
}

#define ENDED_MAX 32

int callbacks_any(struct db *db, bool *any)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM callback WHERE ended_at IS NULL LIMIT 1");
    *any = db_row(q);
    return db_end(q);
}

int callbacks_on_answered(struct tickets *t, struct ledger_tx *tx, int64_t person_id,
                          const char *number, int64_t at)
{
    struct db_q *q = db_query(
        ledger_db(tx),
        "SELECT id FROM callback WHERE ended_at IS NULL AND reason<>'sample' AND (number=$1 OR "
        "(person_id IS NOT NULL AND (person_id=$2 OR "
        "person_id IN (" HOUSEHOLD_MEMBERS("$2", "$3") "))))"
                                                       " LIMIT 32");
    int64_t ids[ENDED_MAX];
    int n = 0, rc;
    db_bind_text(q, 1, number ? number : "");
    db_bind_int(q, 2, person_id);
    db_bind_int(q, 3, tickets_today(t, at));
    while (n < ENDED_MAX && db_row(q))
        ids[n++] = db_int(q, 0);
    rc = db_end(q);
    for (int i = 0; rc == E_OK && i < n; i++)
        rc = end_one(t, tx, ids[i], "superseded", NULL);
    return rc;
}

/* The attempt stands in the history of the ticket, too, if there is one. */
static int note_attempt(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                        const struct outbound_call *call, bool over, bool *closed)
{
    struct ticket k;
    struct jw *w;
    int rc;
    if (!r->ticket_id)
        return 0;
    rc = ticket_load(&k, t, tx, r->ticket_id, call->agent ? call->agent : SYSTEM_NAME);
    if (rc < 0)
        return rc;
    if (k.row.state != TICKET_CLOSED && k.row.state != TICKET_CANCELLED) {
        k.row.attempts++;
        w = ticket_say(&k);
        jw_kstr(w, "channel", "callback");
        jw_kstr(w, "outcome", call->answered ? "answered" : "no_answer");
        jw_kint(w, "attempts", k.row.attempts);
        jw_kid(w, "call_id", call->call_id);
        ticket_said(&k, "attempted");
        if (call->answered) {
            ticket_clock_keep(&k, "first_reply", 0);
            ticket_reached(&k);
        } else {
            if (over)
                ticket_unreached(&k);
            *closed = ticket_no_answer_run(&k);
        }
    }
    return ticket_finish(&k);
}

int callbacks_on_outbound(struct tickets *t, struct ledger_tx *tx, const struct outbound_call *call)
{
    struct callback_row r;
    int rc = call->number ? load_open(ledger_db(tx), call->number, &r) : E_NOTFOUND;
    if (rc == E_NOTFOUND)
        return 0;
    if (rc < 0)
        return rc;
    /* Once it is claimed, the one who claimed it is the one who must have reached him. A call that
     * nobody answered may name no agent; it is counted all the same. */
    bool named = call->agent && *call->agent;
    if (*r.claimed_by && (named ? !text_eq(r.claimed_by, call->agent) : call->answered)) {
        callback_row_clear(&r);
        return 0;
    }
    r.attempts += !call->answered;
    bool over = !call->answered && r.attempts >= t->site->callbacks.tries && r.ticket_id;
    bool closed = false;
    rc = note_attempt(t, tx, &r, call, over, &closed);
    if (rc == E_OK && (call->answered || over || closed)) {
        text_copy(r.state, sizeof(r.state), "done");
        r.ended_at = ledger_now(tx);
        free(r.outcome);
        r.outcome = xstrdup(call->answered ? "answered" : "no_answer");
        rc = end_clock(tx, r.id, call->answered ? CLOCK_KEPT : CLOCK_CANCELLED);
    }
    return finish(t, tx, &r, rc);
}

/* ---- verbs ---- */

/* The newest call of the callback: the ticket's. */
static int64_t last_call(const struct callback_row *r)
{
    json_t *calls = json_parse(r->calls_json, strlen(r->calls_json), NULL);
    size_t n = json_array_size(calls);
    int64_t id = n ? json_integer_value(json_array_get(calls, n - 1)) : 0;
    json_decref(calls);
    return id;
}

static int open_ticket(struct tickets *t, struct ledger_tx *tx, struct callback_row *r,
                       const struct actor *actor)
{
    struct ticket k;
    ticket_begin(&k, t, tx, actor->name);
    ticket_take(&k, actor->name);
    text_copy(k.row.channel, sizeof(k.row.channel), "callback");
    text_copy(k.row.caller, sizeof(k.row.caller), r->number);
    k.row.subject =
        xasprintf("%s %s", t->site->site.lang == LANG_EN ? "Callback" : "回电", r->number);
    k.row.person_id = r->person_id;
    k.row.call_id = last_call(r);
    k.row.calls_json = xstrdup(r->calls_json);
    if (r->person_id && !k.rc)
        k.rc = ticket_only_unit(k.db, r->person_id, tickets_today(t, k.now), &k.row.unit_id);
    if (ticket_choose_policy(&k) == 0)
        ticket_opened(&k, false);
    r->ticket_id = k.row.id;
    return ticket_finish(&k);
}

/* 409: what it is, and what may still be done with it. */
static int conflict(const struct callback_row *r, struct verb_out *out)
{
    text_copy(out->state, sizeof(out->state), r->state);
    text_copy(out->responder, sizeof(out->responder), r->claimed_by);
    text_copy(out->allowed, sizeof(out->allowed), r->ended_at ? "[]" : "[\"done\"]");
    return verb_refuse(out, E_CONFLICT, NULL, "the callback is %s", r->state);
}

static int claim(struct tickets *t, struct ledger_tx *tx, struct callback_row *r,
                 const struct actor *actor, struct verb_out *out)
{
    struct staff_account a;
    int rc;
    if (!text_eq(r->state, "waiting"))
        return conflict(r, out);
    if (actor->kind != STAFF_PERSON || actor->role == ROLE_AUDITOR ||
        staff_row_by_name(ledger_db(tx), actor->name, &a))
        return verb_refuse(out, E_DENIED, NULL, "%s cannot be responsible", actor->name);
    if (text_eq(r->reason, "sample") && !actor_is_supervisor(actor))
        return verb_refuse(out, E_DENIED, NULL, "a drawn confirmation is a supervisor's to ring");
    text_copy(r->state, sizeof(r->state), "claimed");
    text_copy(r->claimed_by, sizeof(r->claimed_by), actor->name);
    rc = r->ticket_id ? 0 : open_ticket(t, tx, r, actor);
    return rc < 0 ? rc : end_clock(tx, r->id, CLOCK_KEPT);
}

static int done(struct tickets *t, struct ledger_tx *tx, struct callback_row *r, const json_t *body,
                const struct actor *actor, struct verb_out *out)
{
    bool sample = text_eq(r->reason, "sample");
    const char *outcome, *note;
    int rc;
    if (r->ended_at)
        return conflict(r, out);
    if (*r->claimed_by ? !text_eq(r->claimed_by, actor->name) && !actor_is_supervisor(actor)
                       : actor->kind == STAFF_PERSON && actor->role == ROLE_AUDITOR)
        return verb_refuse(out, E_DENIED, NULL, "the callback is not for %s to end", actor->name);
    if (sample && !actor_is_supervisor(actor))
        return verb_refuse(out, E_DENIED, NULL, "a drawn confirmation is a supervisor's to ring");
    rc = verb_text(body, "outcome", 200, &outcome, out);
    if (rc == E_OK)
        rc = verb_text(body, "note", TEXT_MAX, &note, out);
    if (rc == E_OK && sample)
        rc = survey_sampled(t, tx, r, body, actor, out);
    if (rc < 0)
        return rc;
    text_copy(r->state, sizeof(r->state), "done");
    r->ended_at = ledger_now(tx);
    free(r->outcome);
    free(r->note);
    r->outcome = xstrdup(outcome);
    r->note = xstrdup(note);
    return end_clock(tx, r->id, CLOCK_CANCELLED);
}

int callbacks_verb(struct tickets *t, struct ledger_tx *tx, int64_t id, const char *verb,
                   const json_t *body, const struct actor *actor, struct verb_out *out)
{
    bool claims = text_eq(verb, "claim");
    struct callback_row r;
    int rc;
    memset(out, 0, sizeof(*out));
    if (!claims && !text_eq(verb, "done"))
        return verb_refuse(out, E_NOTFOUND, NULL, "a callback has no verb '%.64s'", verb);
    rc = callback_load(ledger_db(tx), id, &r);
    if (rc < 0)
        return verb_refuse(out, rc, NULL, "no such callback");
    rc = claims ? claim(t, tx, &r, actor, out) : done(t, tx, &r, body, actor, out);
    out->ticket_id = r.ticket_id;
    return finish(t, tx, &r, rc);
}
