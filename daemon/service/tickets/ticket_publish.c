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

/* What the radar groups by, and whether the ticket counts: FNV-1a over the fields. */
static uint64_t topic_of(const struct ticket_row *r)
{
    const int64_t numbers[] = {r->person_id, r->unit_id, r->incident_id, r->opened_at,
                               r->state == TICKET_CANCELLED};
    const char *const texts[] = {r->category, r->caller, r->kind};
    uint64_t h = UINT64_C(14695981039346656037);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        for (const char *p = texts[i]; p == texts[i] || p[-1]; p++) /* the NUL parts them */
            h = (h ^ (unsigned char)*p) * UINT64_C(1099511628211);
    for (size_t i = 0; i < sizeof(numbers); i++)
        h = (h ^ ((const unsigned char *)numbers)[i]) * UINT64_C(1099511628211);
    return h;
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
        struct tell_notice n = {.kind = HUB_TICKET,
                                .json = buf_take(&json),
                                .users = (const char *const *)k->concerned,
                                .department = department,
                                .all_staff = !*k->row.responder,
                                .ticket_id = k->row.id,
                                .person_id = k->row.person_id,
                                .incident_id = k->row.incident_id,
                                .topic = topic_of(&k->row)};
        tell_publish(k->t->tell, k->tx, &n);
    }
    buf_free(&json);
    return rc;
}
