/*
 * actor.c - who asks.
 */
#include "service/staff/actor.h"

#include "base/text.h"

struct actor actor_of(const struct staff_account *account)
{
    struct actor a = {.role = account->role, .kind = account->kind};
    text_copy(a.name, sizeof(a.name), account->name);
    text_copy(a.department, sizeof(a.department), account->department);
    return a;
}

bool actor_is_supervisor(const struct actor *a)
{
    return a->kind == STAFF_DEV ||
           (a->kind == STAFF_PERSON && a->role >= ROLE_SUPERVISOR && a->role <= ROLE_ADMIN);
}
