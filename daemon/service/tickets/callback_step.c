/*
 * callback_step.c - the ladder of a callback's claim clock. A callback has no history of its own:
 * its steps stand in the audit log, in the form of the tickets' `escalated`.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/callback_priv.h"
#include "store/repo_audit.h"

#define ACTIONS_MAX 32

static int note(struct ledger_tx *tx, const char *what, int64_t id, const char *data)
{
    char object[40];
    snprintf(object, sizeof(object), "callback:%" PRId64, id);
    return repo_audit_add(ledger_db(tx), ledger_now(tx), SYSTEM_NAME, what, object, data);
}

/* What the template says of it: why he is to be rung. */
static const char *why_param(const struct callback_row *r)
{
    static const char *const asked[] = {"confirm", "no_answer", "sample"};
    for (size_t i = 0; i < ARRAY_LEN(asked); i++)
        if (text_eq(r->reason, asked[i]))
            return asked[i];
    return "missed";
}

/* Whoever the rung names, else whoever a later one does (and an alert). */
static int find_told(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                     const struct policy_ladder *l, int step, struct told *told)
{
    struct tell_scope scope = {.tell = t->tell, .tx = tx};
    char text[160], responder[NAME_MAX_TEXT] = "";
    int rc = r->ticket_id ? repo_ticket_responder(ledger_db(tx), r->ticket_id, responder) : 0;
    scope.responder = *r->claimed_by ? r->claimed_by : responder;
    if (rc == E_OK)
        rc = tell_resolve(&scope, &l->steps[step].tell, told);
    if (rc < 0 || told->n)
        return rc;
    snprintf(text, sizeof(text),
             "callback %" PRId64 ": nobody was found for step %d of the clock "
             "'claim'",
             r->id, step + 1);
    rc = tell_alert_some(t->tell, tx, "nobody_found", 0, text);
    for (size_t i = (size_t)step + 1; rc == E_OK && told->n == 0 && i < l->steps_n; i++)
        rc = tell_resolve(&scope, &l->steps[i].tell, told);
    return rc;
}

static int step(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                const struct policy_ladder *l, const struct ladder_next *next)
{
    const struct policy_step *s = &l->steps[next->step];
    struct outbox_param params[] = {
        {"number", r->number, 0}, {why_param(r), "1", 0}, {"due", NULL, r->due_at}};
    struct tell_message m = {.template_name = "callback",
                             .ticket_id = r->ticket_id,
                             .params = params,
                             .n_params = r->due_at ? 3 : 2,
                             .by = &s->by};
    struct told told = {.n = 0};
    char at[SPAN_TEXT_MAX + 2];
    struct buf data = BUF_INIT(16384);
    struct jw w;
    int rc = find_told(t, tx, r, l, next->step, &told);
    if (rc == E_OK)
        rc = tell_send(t->tell, tx, &m, &told);
    jw_init(&w, &data);
    jw_obj(&w);
    jw_kstr(&w, "clock", "claim");
    jw_kint(&w, "step", next->step + 1);
    jw_kint(&w, "turn", next->turn);
    jw_kstr(&w, "at", ladder_at_text(s, at));
    told_json(&told, &w);
    jw_end_obj(&w);
    if (rc == E_OK)
        rc = note(tx, "callback_escalated", r->id, buf_str(&data));
    buf_free(&data);
    return rc;
}

static int run_one(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                   struct clock_row *c, const struct policy_ladder *l,
                   const struct ladder_next *next)
{
    struct ladder_mark mark = {.breached = c->breached};
    ladder_mark_parse(c->fired, &mark);
    ladder_mark_done(&mark, next);
    ladder_mark_format(&mark, l, c->fired);
    if (next->what == LADDER_STEP)
        return step(t, tx, r, l, next);
    c->breached = true;
    c->state = CLOCK_BREACHED;
    return note(tx, "callback_breached", r->id, "{\"clock\":\"claim\"}");
}

int callback_clock_run(struct tickets *t, struct ledger_tx *tx, struct clock_row *c, int *steps)
{
    const struct policy *p = clocks_frozen(t->clocks, ledger_db(tx), c->policy_id);
    const struct policy_ladder *l = p ? policy_ladder_of(p, c->name) : NULL;
    struct clock_promise cp = {.segments = NULL};
    struct callback_row r;
    int rc = repo_callback_load(ledger_db(tx), c->callback_id, &r);
    if (rc == E_OK)
        rc = p ? clock_promise_of(ledger_db(tx), clocks_in_force(t->clocks), c, &cp) : E_FATAL;
    for (int i = 0; rc == E_OK && i < ACTIONS_MAX; i++) {
        struct ladder_mark mark = {.breached = c->breached};
        ladder_mark_parse(c->fired, &mark);
        struct ladder_next next = ladder_next(l, &cp.promise, &mark);
        if (next.what == LADDER_NOTHING || next.at > ledger_now(tx))
            break;
        rc = run_one(t, tx, &r, c, l, &next);
        (*steps)++;
    }
    if (rc == E_OK) {
        clock_row_arm(c, p, &cp.promise);
        if (c->next_at && t->timer)
            clock_timer_note(t->timer, tx, c->next_at);
        rc = repo_clock_save(ledger_db(tx), c);
    }
    if (rc == E_OK)
        rc = callback_publish(t, tx, &r);
    clock_promise_free(&cp);
    callback_row_clear(&r);
    return rc;
}
