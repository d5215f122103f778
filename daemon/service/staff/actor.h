/*
 * actor.h - who asks: the few words of an account that rules and doors need.
 */
#pragma once
#include <stdbool.h>
#include "service/staff/staff.h"

/** Who asks. Copied from the account that the token or the session belongs to. */
struct actor {
    char name[65];
    enum staff_role role;
    enum staff_kind kind;
    char department[65];
};

/** The actor that an account is. */
struct actor actor_of(const struct staff_account *account);
/** A supervisor or above, or the machine account `dev`, which stands for everybody. */
bool actor_is_supervisor(const struct actor *a);
