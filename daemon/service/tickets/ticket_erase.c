/*
 * ticket_erase.c - a person's data leaves the histories of their tickets; the chains stay whole.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_priv.h"

/* What the rows of this ticket hold of the person, beside the history. */
static int erase_rows(struct db *db, int64_t ticket_id)
{
    struct db_q *q = db_query(db, "UPDATE ticket_event SET data=NULL,salt=NULL WHERE ticket_id=$1");
    int rc;
    db_bind_int(q, 1, ticket_id);
    rc = db_run(q);
    if (rc < 0)
        return rc;
    q = db_query(db, "UPDATE dispatch SET note=NULL,report=NULL WHERE ticket_id=$1");
    db_bind_int(q, 1, ticket_id);
    return db_run(q);
}

static int erase_one(struct tickets *t, struct ledger_tx *tx, int64_t id, const struct actor *by)
{
    struct ticket k;
    int rc = erase_rows(ledger_db(tx), id);
    if (rc == E_OK)
        rc = ticket_load(&k, t, tx, id, by->name);
    if (rc < 0)
        return rc;
    free(k.row.subject);
    k.row.subject = xstrdup("");
    free(k.row.close_reason);
    k.row.close_reason = NULL;
    k.row.caller[0] = 0;
    k.row.person_id = 0;
    (void)ticket_say(&k);
    ticket_said(&k, "erased");
    return ticket_finish(&k);
}

int tickets_erase_person(struct tickets *t, struct ledger_tx *tx, int64_t person_id,
                         const struct actor *by)
{
    struct db_q *q =
        db_query(ledger_db(tx), "SELECT id FROM ticket WHERE person_id=$1 ORDER BY id");
    int64_t *ids = NULL;
    size_t n = 0, cap = 0;
    db_bind_int(q, 1, person_id);
    while (db_row(q)) {
        if (n == cap) {
            cap = cap ? cap * 2 : 16;
            ids = xrealloc(ids, cap * sizeof(*ids));
        }
        ids[n++] = db_int(q, 0);
    }
    int rc = db_end(q);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = erase_one(t, tx, ids[i], by);
    free(ids);
    return rc;
}
