/*
 * incident_work.c - what an incident does with its tickets, a batch at a time: they join, page
 * together, and their callers are told once that it is over.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "service/incidents/incident_priv.h"
#include "service/messages/outbox.h"
#include "store/repo_ticket.h"

/* ---- joining ---- */

int incidents_join(struct incidents *in, struct ledger_tx *tx, int64_t id, int64_t ticket_id)
{
    static const struct actor self = {.name = STAFF_SYSTEM_NAME, .kind = STAFF_DEV};
    json_t *body = json_pack("{s:I}", "id", (json_int_t)id);
    struct verb_out out;
    int rc = tickets_verb(in->opts.tickets, tx, ticket_id, "incident", body, &self, 0, &out);
    json_decref(body);
    return rc == E_CONFLICT || rc == E_NOTFOUND ? 0 : rc; /* it has just ended */
}

int incident_join_some(struct incidents *in, struct ledger_tx *tx, struct incident_row *r)
{
    int64_t ids[INCIDENT_BATCH];
    size_t n = 0;
    int rc = repo_incident_candidates(ledger_db(tx), r, r->joining, ids, INCIDENT_BATCH, &n);
    if (rc == E_OK) /* tickets look whether their incident is open */
        rc = repo_incident_update(ledger_db(tx), r);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = incidents_join(in, tx, r->id, ids[i]);
    r->joining = n == INCIDENT_BATCH ? ids[n - 1] : -1;
    return rc;
}

/* ---- telling ---- */

/* Through consent and quiet hours, whatever the ticket's policy: nothing is urgent any more. */
static int send_solved(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r,
                       const struct ticket_row *row, int64_t *id)
{
    struct outbox_param params[] = {{"incident", r->subject, 0}, {"note", r->reason, 0}};
    struct outbox_message m = {.channel = row->person_id ? NULL : "sms",
                               .message_class = "service",
                               .person_id = row->person_id,
                               .recipient = row->person_id ? NULL : row->caller,
                               .ticket_id = row->id,
                               .template_name = "incident_solved",
                               .params = params,
                               .n_params = r->reason ? 2 : 1};
    struct errmsg why = {""};
    int rc = outbox_enqueue(in->opts.outbox, tx, &m, id, &why);
    return rc < 0 ? tell_not_sent(in->opts.tell, tx, rc, row->id, &why) : 0;
}

/* The message to the caller of a ticket; *id stays 0 where there is nobody to tell. */
static int tell_row(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r,
                    const struct ticket_row *row, int64_t *id)
{
    bool before = false;
    bool known = (row->person_id || *row->caller) && row->state != TICKET_CANCELLED;
    if (!known || !in->opts.outbox)
        return 0;
    int rc = repo_incident_told_before(ledger_db(tx), row, &before);
    return rc < 0 || before ? rc : send_solved(in, tx, r, row, id);
}

/* One ticket's caller hears of the end, and the ticket's history says so. */
static int tell_caller(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r,
                       int64_t ticket_id)
{
    struct ticket_row row;
    int64_t message = 0;
    int rc = repo_ticket_load(ledger_db(tx), ticket_id, &row);
    if (rc == E_OK)
        rc = tell_row(in, tx, r, &row, &message);
    ticket_row_clear(&row);
    if (rc < 0 || !message)
        return rc;
    return tickets_note_told(in->opts.tickets, tx, ticket_id, r->resolved_by, r->id, message);
}

int incident_tell_some(struct incidents *in, struct ledger_tx *tx, struct incident_row *r)
{
    int64_t ids[INCIDENT_BATCH];
    size_t n = 0;
    int rc = repo_incident_tickets(ledger_db(tx), r->id, r->telling, ids, INCIDENT_BATCH, &n);
    for (size_t i = 0; rc == E_OK && i < n; i++)
        rc = tell_caller(in, tx, r, ids[i]);
    r->telling = n == INCIDENT_BATCH ? ids[n - 1] : -1;
    return rc;
}
