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

#define TICKET_JSON_MAX (1024 * 1024)

/* A hub event that waits for the commit. */
struct notice {
    enum hub_kind kind;
    char *json, *department;
    char **users; /* NULL-terminated, or NULL */
    bool all_staff;
};

static void notice_free(void *arg)
{
    struct notice *n = arg;
    for (char **u = n->users; u && *u; u++)
        free(*u);
    free(n->users);
    free(n->json);
    free(n->department);
    free(n);
}

static void notice_send(void *ctx, void *arg)
{
    struct notice *n = arg;
    struct hub_event ev = {.kind = n->kind,
                           .json = n->json,
                           .len = strlen(n->json),
                           .users = (const char *const *)n->users,
                           .department = n->department,
                           .all_staff = n->all_staff};
    hub_publish(ctx, &ev);
}

static char **copy_users(const char *const *users)
{
    size_t n = 0;
    char **copy;
    while (users && users[n])
        n++;
    if (!n)
        return NULL;
    copy = xcalloc(n + 1, sizeof(char *));
    for (size_t i = 0; i < n; i++)
        copy[i] = xstrdup(users[i]);
    return copy;
}

void tickets_publish(struct tickets *t, struct ledger_tx *tx, int hub_kind, char *json,
                     const char *const *users, const char *department, bool all_staff)
{
    struct notice *n;
    if (!t->hub) {
        free(json);
        return;
    }
    n = xcalloc(1, sizeof(*n));
    n->kind = (enum hub_kind)hub_kind;
    n->json = json;
    n->users = copy_users(users);
    n->department = xstrdup(department);
    n->all_staff = all_staff;
    ledger_effect(tx, notice_send, t->hub, n, notice_free);
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
        struct db_q *q = db_query(k->db, "SELECT name FROM account WHERE department=$1 AND "
                                         "disabled=0");
        db_bind_text(q, 1, d->department);
        while (db_row(q))
            ticket_concerns(k, db_text(q, 0));
        k->rc = db_end(q);
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

bool tickets_event_wanted(struct tickets *t, const char *type)
{
    return t->outbox && outbox_wants_event(t->outbox, type);
}

int tickets_event(struct tickets *t, struct ledger_tx *tx, const char *type, int64_t at,
                  const char *data, int64_t ticket_id)
{
    return t->outbox ? outbox_event(t->outbox, tx, type, at, data, ticket_id) : 0;
}

int ticket_publish(struct ticket *k)
{
    struct buf json = BUF_INIT(TICKET_JSON_MAX);
    const char *department;
    int rc;
    if (!k->t->hub && !k->t->outbox)
        return 0;
    department = concern_departments(k);
    ticket_concerns(k, k->row.responder);
    rc = k->rc ? k->rc : render(k, &json);
    if (rc == E_OK)
        rc = announce(k, buf_str(&json));
    if (rc == E_OK) {
        k->concerned = xrealloc(k->concerned, (k->concerned_n + 1) * sizeof(char *));
        k->concerned[k->concerned_n] = NULL;
        tickets_publish(k->t, k->tx, HUB_TICKET, buf_take(&json), (const char *const *)k->concerned,
                        department, !*k->row.responder);
    }
    buf_free(&json);
    return rc;
}
