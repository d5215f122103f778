/*
 * ticket_erase.c - a person's data leaves the histories of their tickets; the chains stay whole.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_priv.h"
#include "store/repo_erase.h"

static int erase_one(struct tickets *t, struct ledger_tx *tx, int64_t id, const struct actor *by)
{
    struct ticket k;
    int rc = repo_erase_ticket(ledger_db(tx), id);
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
    int64_t *ids;
    size_t n;
    int rc = repo_erase_tickets(ledger_db(tx), person_id, &ids, &n);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = erase_one(t, tx, ids[i], by);
    free(ids);
    return rc;
}
