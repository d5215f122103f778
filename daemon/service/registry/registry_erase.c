/*
 * registry_erase.c - a person is forgotten: every row that says something of them is emptied, in
 * one transaction; the person's id stays, so that counts and histories hold.
 */
#include "service/registry/registry.h"

#include "service/registry/registry_priv.h"
#include "store/repo_erase.h"

int registry_erase(struct registry *r, struct ledger_tx *tx, int64_t id)
{
    struct person_row row;
    int rc = repo_person_get(ledger_db(tx), id, &row);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, rc, "no such owner");
    if (rc == E_OK)
        rc = registry_changed_household(r, tx, id);
    if (rc >= 0)
        rc = repo_erase_person(ledger_db(tx), id, ledger_now(tx));
    if (rc < 0)
        return rc;
    registry_touch(r, tx, id);
    return E_OK;
}
