/*
 * registry_erase.c - a person is forgotten: every row that says something of them is emptied, in
 * one transaction; the person's id stays, so that counts and histories hold.
 */
#include "service/registry/registry.h"

#include <stdio.h>

#include "base/mem.h"
#include "service/registry/registry_priv.h"

/* $1 is the person, $2 the moment. Numbers of calls under way go when they are cleared and erased
 * again; what is being sent cannot be called back. */
static const struct {
    const char *sql;
    bool dated; /* has $2 */
} statements[] = {
    {"UPDATE message SET state='cancelled',done=1,next_at=NULL WHERE person_id=$1 AND "
     "state='queued'",
     false},
    {"UPDATE message SET recipient='',subject=NULL,text='',params_json='{}' WHERE person_id=$1 AND "
     "done=1",
     false},
    {"UPDATE inbound SET sender='',text='',person_id=NULL WHERE person_id=$1", false},
    {"UPDATE clock SET state='cancelled',ended_at=$2,next_at=NULL,done=1 WHERE ended_at IS NULL "
     "AND callback_id IN (SELECT id FROM callback WHERE person_id=$1)",
     true},
    {"UPDATE callback SET state=CASE WHEN ended_at IS NULL THEN 'superseded' ELSE state "
     "END,ended_at=coalesce(ended_at,$2),number='',note=NULL WHERE person_id=$1",
     true},
    {"UPDATE call SET party=NULL,calling=NULL,calling_raw=NULL,person_id=NULL WHERE person_id=$1 "
     "AND live_json IS NULL",
     false},
    {"UPDATE survey SET note=NULL WHERE person_id=$1", false},
    {"DELETE FROM phone WHERE person_id=$1", false},
    {"DELETE FROM email WHERE person_id=$1", false},
    {"DELETE FROM vehicle WHERE person_id=$1", false},
    {"DELETE FROM tenure WHERE person_id=$1", false},
    {"UPDATE person SET "
     "name='',key=NULL,segment=NULL,flags='',tier=NULL,tier_since=NULL,score=NULL,score_at=NULL,"
     "consent_sms=0,consent_email=0,consent_call=0,consent_marketing=0,version=version+1,updated_"
     "at=$2 WHERE id=$1",
     true},
};

int registry_erase(struct registry *r, struct ledger_tx *tx, int64_t id)
{
    struct db *db = ledger_db(tx);
    struct person_row row;
    int rc = repo_person_get(db, id, &row);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, rc, "no such owner");
    rc = rc < 0 ? rc : registry_changed_household(r, tx, id);
    for (size_t i = 0; rc >= 0 && i < ARRAY_LEN(statements); i++) {
        struct db_q *q = db_query(db, statements[i].sql);
        db_bind_int(q, 1, id);
        if (statements[i].dated)
            db_bind_int(q, 2, ledger_now(tx));
        rc = db_run(q);
    }
    if (rc < 0)
        return rc;
    registry_touch(r, tx, id);
    return 0;
}
