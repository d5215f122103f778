/*
 * clocks_due.c - one round of due clocks inside a ledger command. Each runs in a savepoint of its
 * own: a clock that cannot be carried out is parked with an alert and stops no other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/text.h"
#include "service/tickets/callback_priv.h"
#include "service/tickets/ticket_verb.h"

#define ROUND_MAX 256

/* A protocol that has no more moments to come waits for the next attempt. */
static void settle(struct ticket *k)
{
    struct clock_row *c = ticket_clock(k, "no_answer", 0);
    if (c && c->next_at <= k->now) {
        c->next_at = 0;
        c->dirty = true;
    }
}

static int run_ticket(struct tickets *t, struct ledger_tx *tx, const struct clock_row *c,
                      int *steps)
{
    struct ticket k;
    int rc = ticket_load(&k, t, tx, c->ticket_id, SYSTEM_NAME);
    if (rc < 0)
        return rc;
    if (text_eq(c->name, "successor")) {
        ++*steps;
        ticket_handover_look(&k);
        return ticket_finish(&k);
    }
    /* The protocol's end closes the ticket and keeps its confirm clock: it goes first. */
    bool closed = ticket_no_answer_run(&k);
    bool protocol = clock_is_protocol(c);
    if (closed || protocol)
        ++*steps;
    if (protocol)
        settle(&k);
    else if (!closed)
        ticket_clock_run(&k, c->id, steps);
    return ticket_finish(&k);
}

static int run_clock(struct tickets *t, struct ledger_tx *tx, int64_t id, int *steps)
{
    struct clock_row c;
    int rc = repo_clock_load(ledger_db(tx), id, &c);
    if (rc < 0 || !c.next_at || c.next_at > ledger_now(tx))
        return rc;  /* an earlier one of this round has ended it or moved it */
    if (c.ended_at) /* nothing is due of it: looked at again and again it would stop the rest */
        return repo_clock_park(ledger_db(tx), id);
    return c.ticket_id ? run_ticket(t, tx, &c, steps) : callback_clock_run(t, tx, &c, steps);
}

/* Errors of this one clock, not of the store. */
static bool is_its_own(struct db *db, int rc)
{
    return rc < 0 && db_in_transaction(db) && rc != E_BUSY && rc != E_IO && rc != E_UNCERTAIN;
}

static int park(struct tickets *t, struct ledger_tx *tx, int64_t id, int why)
{
    char text[160];
    int rc = repo_clock_park(ledger_db(tx), id);
    snprintf(text, sizeof(text), "clock %" PRId64 " cannot be carried out (%s) and was parked", id,
             err_name(why));
    log_error(NULL, "%s", text);
    return rc < 0 ? rc : tell_alert_some(t->tell, tx, "clock_parked", 0, text);
}

int tickets_clocks_due(void *tickets, struct ledger_tx *tx, int limit, int *done)
{
    struct tickets *t = tickets;
    struct db *db = ledger_db(tx);
    int64_t ids[ROUND_MAX];
    int n = 0, steps = 0, rc;
    rc = repo_clocks_due(db, ledger_now(tx), ids, limit > ROUND_MAX ? ROUND_MAX : limit, &n);
    for (int i = 0; rc == E_OK && i < n; i++) {
        rc = db_savepoint(db);
        if (rc < 0)
            break;
        int one = run_clock(t, tx, ids[i], &steps);
        if (!one) {
            rc = db_release(db);
        } else if (is_its_own(db, one)) {
            db_rollback_to(db);
            rc = park(t, tx, ids[i], one);
        } else {
            rc = one;
        }
    }
    *done = n;
    return rc;
}
