/*
 * staff.h - who is who: accounts, tokens, sign-on. Kept in memory on the loop (a site has
 * hundreds), loaded at start, changed by ledger effects.
 *
 * A person stands at one device. The machine account `dev` may do everything and is nobody: it is
 * never a responder and no `tell` finds it.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "service/ledger.h"

enum staff_kind { STAFF_PERSON, STAFF_PBX, STAFF_MONITOR, STAFF_INTEGRATION, STAFF_DEV };
enum staff_role { ROLE_NONE, ROLE_AGENT, ROLE_DEPARTMENT, ROLE_SUPERVISOR, ROLE_MANAGER, ROLE_DIRECTOR, ROLE_ADMIN,
                  ROLE_AUDITOR, ROLE_COUNT };

const char *staff_role_name(enum staff_role role);
enum staff_role staff_role_parse(const char *name); /* ROLE_NONE if unknown */
const char *staff_kind_name(enum staff_kind kind);

/** One account; owned by the staff object, valid until the next turn of the loop. */
struct staff_account {
    int64_t id;
    char name[65];
    enum staff_kind kind;
    enum staff_role role;
    char display[128], department[65], phone[32], email[128], language[16];
    char device[65];      /* where they stand; "" if nowhere */
    int64_t device_since;
    bool disabled;
};

struct staff;

struct staff *staff_new(struct ledger *ledger);
void staff_free(struct staff **s);
/** Read everything; at start. */
int staff_load(struct staff *s, struct errmsg *why) MUST_CHECK;

const struct staff_account *staff_by_name(struct staff *s, const char *name);
/** The person who stands at the device (written "1001" or "pbx-a/1001"); source may be NULL. */
const struct staff_account *staff_at_device(struct staff *s, const char *source, const char *device);
/** The live account a token belongs to; NULL for a wrong, revoked, expired or disabled one. */
const struct staff_account *staff_by_token(struct staff *s, const char *token);
/** Walk all; ctx as given. */
void staff_each(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a), void *ctx);

/** Sign a person on at a device (leaves the former one), durably; device NULL signs off. */
int staff_sign_on(struct staff *s, const char *name, const char *device) MUST_CHECK;
/** Called when somebody signs on or off, is added, changed or disabled. */
void staff_on_change(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a), void *ctx);

/* Inside a ledger command, from rows: */
/** Fills *out for an enabled person; E_NOTFOUND otherwise. */
int staff_row_by_name(struct db *db, const char *name, struct staff_account *out) MUST_CHECK;
