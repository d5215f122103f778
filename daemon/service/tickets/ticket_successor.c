/*
 * ticket_successor.c - who takes a ticket over: proposed by the shift plan, and while nobody is on
 * duty looked for again at each moment at which a duty begins or a leave ends.
 *
 * A row of its own in `clock` carries the waiting, so that it survives as every other timer does;
 * it promises nothing and has no ladder: the `handover` clock presses.
 */
#include <stdlib.h>

#include "base/text.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_shift.h"

static bool is_refused(const json_t *refused, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(refused, i, v) if (text_eq(json_string_value(v), name)) return true;
    return false;
}

/* Whoever is on duty, the first of the same department before the first of any. */
struct search {
    struct ticket *k;
    const json_t *refused;
    char department[NAME_MAX_TEXT]; /* of the present responder */
    char *out;
    bool found, same;
};

static void consider(void *ctx, const char *name, const char *role, const char *department)
{
    struct search *s = ctx;
    bool may = text_eq(role, "agent") || text_eq(role, "supervisor");
    if (s->same || !may || text_eq(name, s->k->row.responder) || text_eq(name, s->k->row.about) ||
        is_refused(s->refused, name))
        return;
    s->same = *s->department && text_eq(department, s->department);
    if (!s->found || s->same)
        text_copy(s->out, NAME_MAX_TEXT, name);
    s->found = true;
}

bool ticket_propose_successor(struct ticket *k, const json_t *refused, char out[NAME_MAX_TEXT])
{
    struct search s = {.k = k, .refused = refused, .out = out};
    struct staff_account old;
    if (staff_row_by_name(k->db, k->row.responder, &old) == 0)
        text_copy(s.department, sizeof(s.department), old.department);
    return repo_shift_on_duty(k->db, k->now, consider, &s) == 0 && s.found;
}

void ticket_successor_wait(struct ticket *k, bool wait)
{
    struct clock_row *c = ticket_clock(k, "successor", 0);
    struct clock_row fresh = {
        .ticket_id = k->row.id, .cycle = k->row.cycle, .share = 100, .started_at = k->now};
    if (k->rc || !wait) {
        ticket_clock_cancel(k, c);
        return;
    }
    if (!c) {
        text_copy(fresh.name, sizeof(fresh.name), "successor");
        text_copy(fresh.calendar, sizeof(fresh.calendar), "always");
        text_copy(fresh.span, sizeof(fresh.span), "1s");
        fresh.policy_id = k->row.policy_id;
        c = ticket_clock_add(k, &fresh);
    }
    k->rc = repo_shift_next_change(k->db, k->now, &c->next_at);
    c->dirty = true;
    if (c->next_at && k->t->timer)
        clock_timer_note(k->t->timer, k->tx, c->next_at);
}

int tickets_on_shifts_changed(void *tickets, struct ledger_tx *tx)
{
    struct tickets *t = tickets;
    bool any = false;
    int rc = repo_clocks_wake(ledger_db(tx), "successor", ledger_now(tx), &any);
    if (rc == E_OK && any && t->timer)
        clock_timer_note(t->timer, tx, ledger_now(tx));
    return rc;
}
