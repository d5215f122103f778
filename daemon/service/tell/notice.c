/*
 * notice.c - what changed, shown at desks after the commit, and queued for gateways that asked.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "service/tell/tell_priv.h"

bool tell_has_desks(const struct tell *t)
{
    return t->hub != NULL;
}

/* A hub event that waits for the commit. */
struct notice {
    struct tell_notice n; /* its json, users and department are owned */
};

static void notice_free(void *arg)
{
    struct notice *w = arg;
    char **users = (char **)w->n.users;
    for (char **u = users; u && *u; u++)
        free(*u);
    free(users);
    free(w->n.json);
    free((char *)w->n.department);
    free(w);
}

static void notice_send(void *ctx, void *arg)
{
    const struct tell_notice *n = &((struct notice *)arg)->n;
    struct hub_event ev = {.kind = n->kind,
                           .json = n->json,
                           .len = strlen(n->json),
                           .users = n->users,
                           .department = n->department,
                           .all_staff = n->all_staff,
                           .ticket_id = n->ticket_id,
                           .person_id = n->person_id,
                           .incident_id = n->incident_id,
                           .topic = n->topic};
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

void tell_publish(struct tell *t, struct ledger_tx *tx, const struct tell_notice *n)
{
    if (!t->hub) {
        free(n->json);
        return;
    }
    struct notice *w = xcalloc(1, sizeof(*w));
    w->n = *n;
    w->n.users = (const char *const *)copy_users(n->users);
    w->n.department = xstrdup(n->department);
    ledger_effect(tx, notice_send, t->hub, w, notice_free);
}

bool tell_event_wanted(struct tell *t, const char *type)
{
    return t->outbox && outbox_wants_event(t->outbox, type);
}

int tell_event(struct tell *t, struct ledger_tx *tx, const char *type, int64_t at, const char *data,
               int64_t ticket_id)
{
    return t->outbox ? outbox_event(t->outbox, tx, type, at, data, ticket_id) : 0;
}
