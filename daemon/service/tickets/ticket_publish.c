/*
 * ticket_publish.c - what changed, told to desks, monitors and gateways after the commit.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "spine/hub.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_priv.h"
#include "store/repo_account.h"

#define TICKET_JSON_MAX (1024 * 1024)

static void concern(void *ctx, const char *name)
{
    ticket_concerns(ctx, name);
}

/* People of the open dispatches' departments; the first department travels as such. */
static const char *concern_departments(struct ticket *k)
{
    const char *first = NULL;
    for (size_t i = 0; i < k->dispatches_n && !k->rc; i++) {
        const struct dispatch_row *d = &k->dispatches[i];
        if (d->ended_at && !d->dirty && d->ended_at != k->now)
            continue;
        ticket_concerns(k, d->assignee);
        ticket_concerns(k, d->accepted_by);
        if (!first || text_eq(first, d->department)) {
            first = d->department;
            continue;
        }
        k->rc = repo_account_in_department(k->db, d->department, concern, k);
    }
    return first;
}

static int render(struct ticket *k, struct buf *out)
{
    struct actor actor = {.kind = STAFF_PERSON, .role = ROLE_AGENT};
    struct ticket_shown s = {.row = &k->row,
                             .clocks = k->clocks,
                             .clocks_n = k->clocks_n,
                             .dispatches = k->dispatches,
                             .dispatches_n = k->dispatches_n};
    struct clock_row *all = NULL;
    int rc = 0;
    text_copy(actor.name, sizeof(actor.name), k->row.responder);
    if (!k->clocks_all) {
        rc = repo_clocks_load(k->db, k->row.id, 0, CLOCKS_ALL, &all, &s.clocks_n);
        s.clocks = all;
    }
    if (rc == E_OK)
        rc = ticket_render(k->db, k->t, &s, &actor, k->now, out);
    free(all);
    return rc;
}

static int announce(struct ticket *k, const char *json)
{
    int rc = 0;
    for (size_t i = 0; rc == E_OK && k->t->outbox && i < k->announce_n; i++)
        if (outbox_wants_event(k->t->outbox, k->announce[i]))
            rc = outbox_event(k->t->outbox, k->tx, k->announce[i], k->now, json, k->row.id);
    return rc;
}

int ticket_publish(struct ticket *k)
{
    struct buf json = BUF_INIT(TICKET_JSON_MAX);
    const char *department;
    int rc;
    if (!tell_has_desks(k->t->tell) && !k->t->outbox)
        return 0;
    department = concern_departments(k);
    ticket_concerns(k, k->row.responder);
    rc = k->rc ? k->rc : render(k, &json);
    if (rc == E_OK)
        rc = announce(k, buf_str(&json));
    if (rc == E_OK) {
        k->concerned = xrealloc(k->concerned, (k->concerned_n + 1) * sizeof(char *));
        k->concerned[k->concerned_n] = NULL;
        tell_publish(k->t->tell, k->tx, HUB_TICKET, buf_take(&json),
                     (const char *const *)k->concerned, department, !*k->row.responder);
    }
    buf_free(&json);
    return rc;
}
