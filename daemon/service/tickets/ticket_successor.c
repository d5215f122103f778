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

static bool is_refused(const json_t *refused, const char *name)
{
    size_t i;
    json_t *v;
    json_array_foreach(refused, i, v) if (text_eq(json_string_value(v), name)) return true;
    return false;
}

bool ticket_propose_successor(struct ticket *k, const json_t *refused, char out[NAME_MAX_TEXT])
{
    struct db_q *q = db_query(
        k->db, "SELECT DISTINCT a.name,a.department FROM shift s JOIN account a ON a.name=s.user "
               "WHERE s.to_at>$1 AND s.from_at<=$1 AND s.kind='on' AND a.kind='person' "
               "AND a.disabled=0 AND a.role IN ('agent','supervisor') AND a.name<>$2 "
               "AND a.name<>$3 AND NOT EXISTS (SELECT 1 FROM shift l WHERE l.user=s.user "
               "AND l.kind='leave' AND l.from_at<=$1 AND l.to_at>$1) ORDER BY a.name");
    char department[NAME_MAX_TEXT] = "";
    struct staff_account old;
    bool found = false;
    if (staff_row_by_name(k->db, k->row.responder, &old) == 0)
        text_copy(department, sizeof(department), old.department);
    db_bind_int(q, 1, k->now);
    db_bind_text(q, 2, k->row.responder);
    db_bind_text(q, 3, k->row.about);
    while (db_row(q)) {
        bool same = *department && text_eq(db_text(q, 1), department);
        if (is_refused(refused, db_str(q, 0)))
            continue;
        if (!found || same)
            text_copy(out, NAME_MAX_TEXT, db_str(q, 0));
        found = true;
        if (same)
            break;
    }
    return db_end(q) == 0 && found;
}

/* When the plan next brings somebody on duty; 0: never. */
static int64_t next_change(struct ticket *k)
{
    struct db_q *q = db_query(k->db, "SELECT min(at) FROM (SELECT from_at AS at FROM shift WHERE "
                                     "kind='on' AND from_at>$1 UNION ALL SELECT to_at FROM shift "
                                     "WHERE kind='leave' AND to_at>$1) AS x");
    db_bind_int(q, 1, k->now);
    int64_t at = db_row(q) ? db_int(q, 0) : 0;
    int rc = db_end(q);
    if (rc < 0)
        k->rc = rc;
    return at;
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
    c->next_at = next_change(k);
    c->dirty = true;
    if (c->next_at && k->t->timer)
        clock_timer_note(k->t->timer, k->tx, c->next_at);
}

int tickets_on_shifts_changed(void *tickets, struct ledger_tx *tx)
{
    struct tickets *t = tickets;
    struct db_q *q = db_query(ledger_db(tx), "UPDATE clock SET next_at=$1,done=0 WHERE "
                                             "name='successor' AND ended_at IS NULL RETURNING id");
    bool any = false;
    db_bind_int(q, 1, ledger_now(tx));
    while (db_row(q))
        any = true;
    int rc = db_end(q);
    if (rc == E_OK && any && t->timer)
        clock_timer_note(t->timer, tx, ledger_now(tx));
    return rc;
}
