/*
 * ticket_tell.c - who is meant by `tell`, at the moment of telling, and the messages to them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "spine/hub.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_priv.h"

/* The departments whose heads are meant: the dispatch's, else those that work on it now, else the
 * category's. */
static void departments_of(struct ticket *k, int64_t dispatch, const char *out[TELL_DEPARTMENTS])
{
    const struct site_category *c =
        *k->row.category ? site_category(k->t->site, k->row.category) : NULL;
    size_t n = 0;
    for (size_t i = 0; i < k->dispatches_n && n < TELL_DEPARTMENTS; i++) {
        const struct dispatch_row *d = &k->dispatches[i];
        if (dispatch ? d->n == dispatch : !d->ended_at)
            out[n++] = d->department;
    }
    if (n == 0 && c)
        out[0] = c->department;
}

void ticket_tell(struct ticket *k, const struct conf_texts *words, int64_t dispatch,
                 const struct tell_message *m, struct told *out)
{
    struct tell_scope scope = {.tell = k->t->tell,
                               .tx = k->tx,
                               .responder = k->row.responder,
                               .unit_id = k->row.unit_id,
                               .except = *k->row.about ? k->row.about : NULL};
    struct tell_message msg = *m;
    if (k->rc)
        return;
    departments_of(k, dispatch, scope.departments);
    if (words)
        k->rc = tell_resolve(&scope, words, out);
    if (!k->rc && out->n && k->t->outbox)
        ticket_flush(k); /* the message's text is made from the row */
    msg.ticket_id = k->row.id;
    if (!k->rc)
        k->rc = tell_send(k->t->tell, k->tx, &msg, out);
    for (size_t i = 0; i < out->n; i++)
        ticket_concerns(k, out->names[i]);
}

int64_t ticket_tell_owner(struct ticket *k, const char *channel, const struct tell_message *m,
                          struct errmsg *why)
{
    struct outbox_message msg = {.channel = channel,
                                 .message_class = "service",
                                 .person_id = k->row.person_id,
                                 .recipient = k->row.person_id ? NULL : k->row.caller,
                                 .ticket_id = k->row.id,
                                 .template_name = m->template_name,
                                 .params = m->params,
                                 .n_params = m->n_params,
                                 .urgent = k->policy && k->policy->urgent};
    int64_t id = 0;
    int rc;
    errmsg_set(why, 0, "nobody is known who could be told");
    if (k->rc || !k->t->outbox || (!k->row.person_id && !*k->row.caller) || ticket_flush(k))
        return 0;
    if (!channel && !k->row.person_id)
        msg.channel = "sms";
    rc = outbox_enqueue(k->t->outbox, k->tx, &msg, &id, why);
    if (rc < 0)
        k->rc = tell_not_sent(k->t->tell, k->tx, rc, k->row.id, why);
    return rc < 0 ? 0 : id;
}

int tickets_note_told(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id, const char *by,
                      int64_t incident, int64_t message)
{
    struct ticket k;
    struct jw *w;
    int rc = ticket_load(&k, t, tx, ticket_id, *by ? by : SYSTEM_NAME);
    if (rc < 0)
        return rc;
    w = ticket_say(&k);
    jw_kint(w, "incident", incident);
    jw_key(w, "messages");
    jw_arr(w);
    jw_int(w, message);
    jw_end_arr(w);
    ticket_said(&k, "told");
    return ticket_finish(&k);
}
