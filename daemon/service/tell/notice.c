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

void tell_publish(struct tell *t, struct ledger_tx *tx, int hub_kind, char *json,
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

bool tell_event_wanted(struct tell *t, const char *type)
{
    return t->outbox && outbox_wants_event(t->outbox, type);
}

int tell_event(struct tell *t, struct ledger_tx *tx, const char *type, int64_t at, const char *data,
               int64_t ticket_id)
{
    return t->outbox ? outbox_event(t->outbox, tx, type, at, data, ticket_id) : 0;
}
