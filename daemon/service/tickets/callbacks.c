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
#include "store/repo_person.h"

#define CALLS_MAX  (64 * 1024)
#define CALLS_KEPT 100 /* newest calls that a callback names */
#define LIST_MAX   500

/* Over, whichever way. outcome may be NULL. */
static int end(struct callback_row *r, int64_t now, enum callback_state to, const char *outcome,
               const char *cause)
{
    int rc = repo_callback_move(r, to, cause);
    if (rc < 0)
        return rc;
    r->ended_at = now;
    free(r->outcome);
    r->outcome = xstrdup(outcome);
    return 0;
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
    jw_kstr(&w, "state", state_name(&callback_states, r->state));
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
    int rc = repo_callback_load(db, id, &r);
    if (rc == E_OK)
        render(&r, out);
    callback_row_clear(&r);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

/* A page being written, one row more than it shows. */
struct page {
    struct buf *out;
    int limit, n;
    int64_t last;
};

static void page_row(void *ctx, const struct callback_row *row)
{
    struct page *p = ctx;
    if (p->n++ >= p->limit)
        return;
    if (p->n > 1)
        buf_addc(p->out, ',');
    p->last = row->id;
    render(row, p->out);
}

int callbacks_list_json(struct db *db, const char *state, const char *number, int limit,
                        const char *cursor, struct buf *out)
{
    struct page p = {.out = out, .limit = limit < 1 ? 50 : limit > LIST_MAX ? LIST_MAX : limit};
    struct callback_query query = {
        .state = state, .number = number, .before = INT64_MAX, .limit = p.limit + 1};
    if (cursor && *cursor && text_int(cursor, 1, INT64_MAX, &query.before))
        return E_INVALID;
    buf_adds(out, "{\"items\":[");
    int rc = repo_callback_list(db, &query, page_row, &p);
    if (p.n > p.limit)
        buf_printf(out, "],\"next\":\"%" PRId64 "\"}", p.last);
    else
        buf_adds(out, "],\"next\":null}");
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

int callback_publish(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r)
{
    struct buf out = BUF_INIT(CALLS_MAX * 2);
    if (tell_has_desks(t->tell)) {
        render(r, &out);
        if (!out.overflow)
            tell_publish(t->tell, tx,
                         &(struct tell_notice){.kind = HUB_CALLBACK,
                                               .json = buf_take(&out),
                                               .all_staff = true,
                                               .ticket_id = r->ticket_id,
                                               .person_id = r->person_id});
    }
    buf_free(&out);
    return 0;
}

/* Writes and publishes; frees what the row owns. */
static int finish(struct tickets *t, struct ledger_tx *tx, struct callback_row *r, int rc)
{
    if (rc == E_OK)
        rc = repo_callback_save(ledger_db(tx), r);
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
    clock_promise_free(&cp);
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

int callback_leave(struct tickets *t, struct ledger_tx *tx, const struct callback_order *o,
                   int64_t *id)
{
    struct callback_row r = {
        .person_id = o->person_id, .ticket_id = o->ticket_id, .created_at = ledger_now(tx)};
    int rc = 0;
    *id = 0;
    if (!text_eq(o->reason, "sample"))
        rc = repo_callback_asking(ledger_db(tx), o->ticket_id, o->reason, id);
    if (rc < 0 || *id)
        return rc;
    text_copy(r.number, sizeof(r.number), o->number);
    text_copy(r.reason, sizeof(r.reason), o->reason);
    r.calls_json = xstrdup("[]");
    rc = repo_callback_save(ledger_db(tx), &r);
    if (rc == E_OK)
        rc = start_clock(t, tx, &r);
    *id = r.id;
    return finish(t, tx, &r, rc);
}

/* ---- what calls tells ---- */

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

static int clock_runs(struct ledger_tx *tx, int64_t callback_id, bool *yes)
{
    struct clock_row *clocks = NULL;
    size_t n = 0;
    int rc = repo_clocks_load(ledger_db(tx), 0, callback_id, CLOCKS_LIVE, &clocks, &n);
    *yes = n > 0;
    free(clocks);
    return rc;
}

/* He called again and nobody answered, though somebody has claimed it: they hear of it, and a claim
 * clock runs for them until he is reached. */
static int lost_again(struct tickets *t, struct ledger_tx *tx, struct callback_row *r)
{
    struct tell_scope scope = {.tell = t->tell, .tx = tx, .responder = r->claimed_by};
    char *name = r->claimed_by, *supervisor = (char *)"supervisor";
    struct conf_texts words = {.items = &name, .n = 1}, others = {.items = &supervisor, .n = 1};
    struct told told = {.n = 0};
    bool runs = false;
    int rc = clock_runs(tx, r->id, &runs);
    if (rc == E_OK && !runs)
        rc = start_clock(t, tx, r);
    struct outbox_param params[] = {
        {"number", r->number, 0}, {"missed", "1", 0}, {"due", NULL, r->due_at}};
    struct tell_message m = {.template_name = "callback",
                             .ticket_id = r->ticket_id,
                             .params = params,
                             .n_params = r->due_at ? 3 : 2};
    if (rc == E_OK)
        rc = tell_resolve(&scope, &words, &told);
    if (rc == E_OK && told.n == 0) /* they have left */
        rc = tell_resolve(&scope, &others, &told);
    return rc < 0 ? rc : tell_send(t->tell, tx, &m, &told);
}

int callbacks_on_unanswered(struct tickets *t, struct ledger_tx *tx,
                            const struct unanswered_call *call, int64_t *id)
{
    struct callback_row r;
    int rc;
    *id = 0;
    if (!call->number || !*call->number)
        return 0;
    rc = repo_callback_open_of(ledger_db(tx), call->number, &r);
    if (rc == E_NOTFOUND) {
        text_copy(r.number, sizeof(r.number), call->number);
        text_copy(r.reason, sizeof(r.reason), call->reason);
        r.created_at = ledger_now(tx);
        add_call(&r, call->call_id);
        r.person_id = call->person_id;
        rc = repo_callback_save(ledger_db(tx), &r);
        if (rc == E_OK)
            rc = start_clock(t, tx, &r);
    } else if (rc == E_OK) {
        add_call(&r, call->call_id);
        if (!r.person_id)
            r.person_id = call->person_id;
        if (r.state == CALLBACK_CLAIMED)
            rc = lost_again(t, tx, &r);
    }
    *id = r.id;
    return finish(t, tx, &r, rc);
}

static int supersede(struct tickets *t, struct ledger_tx *tx, int64_t id, const char *outcome)
{
    struct callback_row r;
    int rc = repo_callback_load(ledger_db(tx), id, &r);
    if (rc < 0)
        return rc;
    rc = end(&r, ledger_now(tx), CALLBACK_SUPERSEDED, outcome, "answered meanwhile");
    if (rc == E_OK)
        rc = end_clock(tx, id, CLOCK_CANCELLED);
    return finish(t, tx, &r, rc);
}

int callbacks_end_asking(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id,
                         const char *reason)
{
    int64_t id;
    int rc = repo_callback_asking(ledger_db(tx), ticket_id, reason, &id);
    return rc < 0 || !id ? rc : supersede(t, tx, id, "answered");
}

#define ENDED_MAX 32

int callbacks_any(struct db *db, bool *any)
{
    return repo_callback_any(db, any);
}

int callbacks_on_answered(struct tickets *t, struct ledger_tx *tx, int64_t person_id,
                          const char *number, int64_t at)
{
    int64_t ids[ENDED_MAX];
    int n = 0;
    int rc = repo_callback_of_household(ledger_db(tx), person_id, number ? number : "",
                                        tickets_today(t, at), ids, ENDED_MAX, &n);
    for (int i = 0; rc == E_OK && i < n; i++)
        rc = supersede(t, tx, ids[i], NULL);
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
    int rc = call->number ? repo_callback_open_of(ledger_db(tx), call->number, &r) : E_NOTFOUND;
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
        rc = end(&r, ledger_now(tx), CALLBACK_DONE, call->answered ? "answered" : "no_answer",
                 "rung back");
        if (rc == E_OK)
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
        k.rc = repo_tenure_only_unit(k.db, r->person_id, tickets_today(t, k.now), &k.row.unit_id);
    if (ticket_choose_policy(&k) == 0)
        ticket_opened(&k, false);
    r->ticket_id = k.row.id;
    return ticket_finish(&k);
}

/* 409: what it is, and what may still be done with it. */
static int conflict(const struct callback_row *r, struct verb_out *out)
{
    text_copy(out->state, sizeof(out->state), state_name(&callback_states, r->state));
    text_copy(out->responder, sizeof(out->responder), r->claimed_by);
    text_copy(out->allowed, sizeof(out->allowed), r->ended_at ? "[]" : "[\"done\"]");
    return verb_refuse(out, E_CONFLICT, NULL, "the callback is %s", out->state);
}

static int claim(struct tickets *t, struct ledger_tx *tx, struct callback_row *r,
                 const struct actor *actor, struct verb_out *out)
{
    struct staff_account a;
    int rc;
    bool again = false; /* he called once more since: that they see to it keeps the clock */
    if (r->state == CALLBACK_CLAIMED && text_eq(r->claimed_by, actor->name)) {
        rc = clock_runs(tx, r->id, &again);
        if (rc < 0 || again)
            return rc < 0 ? rc : end_clock(tx, r->id, CLOCK_KEPT);
    }
    if (r->state != CALLBACK_WAITING)
        return conflict(r, out);
    if (actor->kind != STAFF_PERSON || actor->role == ROLE_AUDITOR ||
        staff_row_by_name(ledger_db(tx), actor->name, &a))
        return verb_refuse(out, E_DENIED, NULL, "%s cannot be responsible", actor->name);
    if (text_eq(r->reason, "sample") && !actor_is_supervisor(actor))
        return verb_refuse(out, E_DENIED, NULL, "a drawn confirmation is a supervisor's to ring");
    rc = repo_callback_move(r, CALLBACK_CLAIMED, actor->name);
    text_copy(r->claimed_by, sizeof(r->claimed_by), actor->name);
    if (rc == E_OK && !r->ticket_id)
        rc = open_ticket(t, tx, r, actor);
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
        rc = verb_text(body, "note", NOTE_TEXT_MAX, &note, out);
    if (rc == E_OK && sample)
        rc = survey_sampled(t, tx, r, body, actor, out);
    if (rc < 0)
        return rc;
    rc = end(r, ledger_now(tx), CALLBACK_DONE, outcome, actor->name);
    free(r->note);
    r->note = xstrdup(note);
    /* Claimed, a clock runs only because he called again: it was seen to. */
    return rc < 0 ? rc : end_clock(tx, r->id, *r->claimed_by ? CLOCK_KEPT : CLOCK_CANCELLED);
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
    rc = repo_callback_load(ledger_db(tx), id, &r);
    if (rc < 0)
        return verb_refuse(out, rc, NULL, "there is no such callback");
    rc = claims ? claim(t, tx, &r, actor, out) : done(t, tx, &r, body, actor, out);
    out->ticket_id = r.ticket_id;
    return finish(t, tx, &r, rc);
}
