/*
 * staff.h - who is who: accounts, tokens, sign-on. Kept in memory on the loop (a site has
 * hundreds), loaded at start, changed by ledger effects.
 *
 * A person stands at one device. The machine account `dev` may do everything and is nobody: it is
 * never a responder and no `tell` finds it.
 *
 * Needs the spine.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "spine/ledger.h"

/** Who acts when nobody does: timers, protocols; and who comes by the control socket. */
#define STAFF_SYSTEM_NAME  "steward"
#define STAFF_CONTROL_NAME "control"

enum staff_kind { STAFF_PERSON, STAFF_PBX, STAFF_MONITOR, STAFF_INTEGRATION, STAFF_DEV };
enum staff_role {
    ROLE_NONE,
    ROLE_AGENT,
    ROLE_DEPARTMENT,
    ROLE_SUPERVISOR,
    ROLE_MANAGER,
    ROLE_DIRECTOR,
    ROLE_ADMIN,
    ROLE_AUDITOR,
    ROLE_COUNT
};

/** The words of the API; "" for none. */
const char *staff_role_name(enum staff_role role);
enum staff_role staff_role_parse(const char *name); /* ROLE_NONE if unknown */
const char *staff_kind_name(enum staff_kind kind);

/** One account; owned by the staff object, valid until the next turn of the loop. */
struct staff_account {
    int64_t id; /* 0: dev */
    char name[65];
    enum staff_kind kind;
    enum staff_role role; /* of dev: ROLE_ADMIN; of other machines: ROLE_NONE */
    char display[128], department[65], phone[32], email[128], language[16];
    char device[65]; /* where they stand; "" if nowhere */
    int64_t device_since;
    bool disabled;
};

struct staff;

/** An empty directory; fill it with staff_load(). */
struct staff *staff_new(struct ledger *ledger);
/** After ledger_free(): commands under way refer to it. */
void staff_free(struct staff **s);
/** Read everything; at start. */
int staff_load(struct staff *s, struct errmsg *why) MUST_CHECK;
/** The token of the machine account `dev` (listen.dev_token); NULL: there is no such account. */
void staff_set_dev(struct staff *s, const char *token);

/** NULL if there is none. */
const struct staff_account *staff_by_name(struct staff *s, const char *name);
/** The person who stands at the device (written "1001" or "pbx-a/1001"); source may be NULL. If
 * several signed on there, it is the one who came last. */
const struct staff_account *staff_at_device(struct staff *s, const char *source,
                                            const char *device);
/** The live account a token belongs to; NULL for a wrong, revoked, expired or disabled one. */
const struct staff_account *staff_by_token(struct staff *s, const char *token);
/** The same, and the moment at which the token expires (0: never). */
const struct staff_account *staff_by_token_until(struct staff *s, const char *token,
                                                 int64_t *until);
/** Walk all (dev and disabled ones too), oldest first; ctx as given. */
void staff_each(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a), void *ctx);
/** crypt(3) text of an enabled person's password; NULL if they have none. Valid until the next
 * turn. */
const char *staff_password(struct staff *s, const char *name);

/** Sign a person on at a device (leaves the former one), durably; device NULL signs off. At once in
 * memory. E_NOTFOUND: no such enabled person; E_INVALID: not a device. */
int staff_sign_on(struct staff *s, const char *name, const char *device) MUST_CHECK;
/** Called when somebody signs on or off, is added, changed or disabled. Several may register. */
void staff_on_change(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a),
                     void *ctx);

/** Forget what was registered with this ctx. */
void staff_off_change(struct staff *s, void *ctx);

/** A device as people write it: 1 to 64 printable bytes without blanks, at most one '/', before
 * which a source's name stands. */
bool staff_is_device(const char *device);

/* ---- changing: inside a ledger command, which then owns the refusal's text ---- */

/** An account to be made. NULL texts are not set. */
struct staff_new_account {
    const char *name;
    enum staff_kind kind; /* not STAFF_DEV */
    enum staff_role role; /* persons need one, machines have none */
    const char *display, *department, *phone, *email, *language;
    const char *home_device; /* where they stand until the first sign-on */
    const char *password;    /* crypt(3) text */
};
/** E_INVALID (ledger_refuse names the field), E_EXISTS. Names: letters, digits, ". _ @ -" for
 * people, [a-z0-9][a-z0-9_-]{0,63} for machines. */
int staff_add(struct staff *s, struct ledger_tx *tx, const struct staff_new_account *a,
              int64_t *id) MUST_CHECK;
/** Set what is given of an enabled or disabled person: texts "" clear, NULL and ROLE_NONE leave;
 * kind, name and password are not looked at. E_INVALID (ledger_refuse names the field),
 * E_NOTFOUND. */
int staff_change(struct staff *s, struct ledger_tx *tx, const char *name,
                 const struct staff_new_account *set) MUST_CHECK;
/** A disabled account, of a person or a machine, may be used again; its tokens stay revoked.
 * E_NOTFOUND; E_CONFLICT if it is not disabled. */
int staff_enable(struct staff *s, struct ledger_tx *tx, const char *name) MUST_CHECK;
/** Disable, sign off, revoke every token, and call the hooks. E_NOTFOUND; E_CONFLICT if it is
 * already. */
int staff_disable(struct staff *s, struct ledger_tx *tx, const char *name,
                  const struct staff_account *by) MUST_CHECK;
/** password: crypt(3) text. Ends every session of the person; tokens stay. E_NOTFOUND. */
int staff_set_password(struct staff *s, struct ledger_tx *tx, const char *name,
                       const char *password) MUST_CHECK;

/** Within the transaction that disables an account (the tickets start their handovers here). by may
 * be NULL. Register at start. A negative answer refuses the whole. */
typedef int staff_disabled_fn(void *ctx, struct ledger_tx *tx, const char *account,
                              const struct staff_account *by);
void staff_on_disable(struct staff *s, staff_disabled_fn *fn, void *ctx);

/** Within the transaction that changes the shift plan (tickets look for successors here). Register
 * at start. A negative answer refuses the whole. */
typedef int staff_shifts_fn(void *ctx, struct ledger_tx *tx);
void staff_on_shifts(struct staff *s, staff_shifts_fn *fn, void *ctx);
/** Whoever changed the plan calls this at the end of the command. */
int staff_shifts_changed(struct staff *s, struct ledger_tx *tx) MUST_CHECK;

#define STAFF_TOKEN_MAX 512
/** A new token into out (44 bytes, about 256 bits). Make it before the command: a command may be
 * run twice. */
void staff_token_make(char out[44]);
/**
 * Add a token to the account of that name. A machine account of that kind is made if there is none;
 * a person must be there (E_NOTFOUND). E_CONFLICT: the name is an account of another kind.
 * session: sign-on, forgotten once expired. expires_at 0: never.
 */
struct staff_new_token {
    const char *account;
    enum staff_kind kind;
    const char *token;
    bool session;
    int64_t expires_at;
};
int staff_token_add(struct staff *s, struct ledger_tx *tx,
                    const struct staff_new_token *t) MUST_CHECK;
/** E_NOTFOUND if it is not a live token. */
int staff_token_revoke(struct staff *s, struct ledger_tx *tx, const char *token) MUST_CHECK;
/** The same by the number of its row. */
int staff_token_revoke_id(struct staff *s, struct ledger_tx *tx, int64_t id) MUST_CHECK;
/** Every token and session of an account; E_NOTFOUND. */
int staff_token_revoke_all(struct staff *s, struct ledger_tx *tx, const char *account) MUST_CHECK;

/* Inside a ledger command, from rows: */
/** Fills *out for an enabled person; E_NOTFOUND otherwise. */
int staff_row_by_name(struct db *db, const char *name, struct staff_account *out) MUST_CHECK;
