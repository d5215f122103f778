/*
 * staff_change.c - what changes accounts and tokens: functions that run inside ledger commands.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "service/staff/staff.h"
#include "service/staff/staff_priv.h"

/* ---- effects ---- */

static void *copy_of(const void *p, size_t n)
{
    return memcpy(xmalloc(n), p, n);
}

/* The account's row as it is now goes to memory after the commit. */
static int tell_account(struct staff *s, struct ledger_tx *tx, const char *name)
{
    struct account_row row;
    int rc = repo_account_get(ledger_db(tx), name, &row);
    if (rc < 0)
        return rc;
    ledger_effect(tx, staff_apply_account, s, copy_of(&row, sizeof(row)), free);
    return 0;
}

/* ---- accounts ---- */

static bool is_person_name(const char *name)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._@-";
    size_t n = strlen(name);
    return n >= 1 && n <= 64 && strspn(name, allowed) == n && !strchr("._@-", name[0]);
}

/* Checks and copies; "" for NULL. */
static int take(struct ledger_tx *tx, const char *what, char *to, size_t size, const char *from)
{
    if (text_copy(to, size, from ? from : ""))
        return 0;
    return ledger_refuse(tx, E_INVALID, "%s: at most %zu bytes", what, size - 1);
}

static int check_new(struct ledger_tx *tx, const struct staff_new_account *a)
{
    bool person = a->kind == STAFF_PERSON;
    if (!a->name || !(person ? is_person_name(a->name) : text_is_name(a->name)))
        return ledger_refuse(tx, E_INVALID, "name: '%s' is no name for %s", a->name ? a->name : "",
                             person ? "a person (letters, digits, . _ @ -)"
                                    : "a machine (a-z, 0-9, _ and -)");
    if (strcmp(a->name, STAFF_DEV_NAME) == 0 || a->kind == STAFF_DEV)
        return ledger_refuse(tx, E_EXISTS, "name: '%s' is the development account", STAFF_DEV_NAME);
    if (strcmp(a->name, STAFF_SYSTEM_NAME) == 0 || strcmp(a->name, STAFF_CONTROL_NAME) == 0)
        return ledger_refuse(tx, E_EXISTS, "name: histories say '%s' of the daemon itself",
                             a->name);
    if (person && a->role == ROLE_NONE)
        return ledger_refuse(tx, E_INVALID,
                             "role: none of agent, department, supervisor, "
                             "manager, director, admin, auditor");
    if (a->home_device && !staff_is_device(a->home_device))
        return ledger_refuse(tx, E_INVALID, "device: '%s' is not a device", a->home_device);
    return 0;
}

/* The texts of an account into its row; those that are NULL are left as they are. */
static int take_texts(struct ledger_tx *tx, const struct staff_new_account *a,
                      struct account_row *row)
{
    const struct {
        const char *what;
        char *to;
        size_t size;
        const char *from;
    } texts[] = {
        {"display", row->display, sizeof(row->display), a->display},
        {"department", row->department, sizeof(row->department), a->department},
        {"phone", row->phone, sizeof(row->phone), a->phone},
        {"email", row->email, sizeof(row->email), a->email},
        {"language", row->language, sizeof(row->language), a->language},
        {"device", row->home_device, sizeof(row->home_device), a->home_device},
        {"password", row->password, sizeof(row->password), a->password},
    };
    int rc = E_OK;
    for (size_t i = 0; rc == E_OK && i < ARRAY_LEN(texts); i++)
        if (texts[i].from)
            rc = take(tx, texts[i].what, texts[i].to, texts[i].size, texts[i].from);
    return rc;
}

static int row_of_new(struct ledger_tx *tx, const struct staff_new_account *a,
                      struct account_row *row)
{
    text_copy(row->name, sizeof(row->name), a->name);
    text_copy(row->kind, sizeof(row->kind), staff_kind_name(a->kind));
    if (a->kind == STAFF_PERSON)
        text_copy(row->role, sizeof(row->role), staff_role_name(a->role));
    row->created_at = ledger_now(tx);
    return take_texts(tx, a, row);
}

int staff_add(struct staff *s, struct ledger_tx *tx, const struct staff_new_account *a, int64_t *id)
{
    struct account_row row = {0}, there;
    int rc = check_new(tx, a);
    if (rc == 0)
        rc = row_of_new(tx, a, &row);
    if (rc < 0)
        return rc;
    rc = repo_account_get(ledger_db(tx), a->name, &there);
    if (rc == 0)
        return ledger_refuse(tx, E_EXISTS, "name: there is an account '%s' already%s", a->name,
                             there.disabled ? ", which is disabled (user enable)" : "");
    if (rc == E_NOTFOUND)
        rc = repo_account_insert(ledger_db(tx), &row, id);
    return rc < 0 ? rc : tell_account(s, tx, a->name);
}

static int get_person(struct ledger_tx *tx, const char *name, struct account_row *row)
{
    int rc = repo_account_get(ledger_db(tx), name, row);
    if (rc == E_NOTFOUND || (rc == 0 && strcmp(row->kind, "person") != 0))
        return ledger_refuse(tx, E_NOTFOUND, "there is no person '%s'", name);
    return rc;
}

int staff_change(struct staff *s, struct ledger_tx *tx, const char *name,
                 const struct staff_new_account *set)
{
    struct account_row row;
    int rc = get_person(tx, name, &row);
    if (rc == E_OK && set->home_device && *set->home_device && !staff_is_device(set->home_device))
        rc = ledger_refuse(tx, E_INVALID, "device: '%s' is not a device", set->home_device);
    if (rc == E_OK)
        rc = take_texts(tx, set, &row);
    if (rc == E_OK && set->role != ROLE_NONE)
        text_copy(row.role, sizeof(row.role), staff_role_name(set->role));
    if (rc == E_OK)
        rc = repo_account_update(ledger_db(tx), &row);
    return rc < 0 ? rc : tell_account(s, tx, name);
}

int staff_enable(struct staff *s, struct ledger_tx *tx, const char *name)
{
    struct account_row row;
    int rc = repo_account_get(ledger_db(tx), name, &row);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, rc, "there is no account '%s'", name);
    if (rc == E_OK && !row.disabled)
        return ledger_refuse(tx, E_CONFLICT, "'%s' is not disabled", name);
    row.disabled = false;
    if (rc == E_OK)
        rc = repo_account_update(ledger_db(tx), &row);
    return rc < 0 ? rc : tell_account(s, tx, name);
}

static int revoke_all(struct staff *s, struct ledger_tx *tx, int64_t id)
{
    int rc = repo_token_revoke_all(ledger_db(tx), id);
    if (rc == 0)
        ledger_effect(tx, staff_apply_tokens_revoked, s, copy_of(&id, sizeof(id)), free);
    return rc;
}

int staff_disable(struct staff *s, struct ledger_tx *tx, const char *name,
                  const struct staff_account *by)
{
    struct account_row row;
    int rc = repo_account_get(ledger_db(tx), name, &row);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, E_NOTFOUND, "there is no account '%s'", name);
    if (rc == 0 && row.disabled)
        return ledger_refuse(tx, E_CONFLICT, "'%s' is disabled already", name);
    if (rc == 0)
        rc = repo_account_disable(ledger_db(tx), row.id);
    if (rc == 0 && row.signed_on_once)
        rc = repo_signon_set(ledger_db(tx), row.id, NULL, ledger_now(tx));
    if (rc == 0)
        rc = revoke_all(s, tx, row.id);
    if (rc == 0)
        rc = staff_call_disabled(s, tx, name, by);
    return rc < 0 ? rc : tell_account(s, tx, name);
}

int staff_set_password(struct staff *s, struct ledger_tx *tx, const char *name,
                       const char *password)
{
    struct account_row row;
    int rc = get_person(tx, name, &row);
    if (rc == 0)
        rc = repo_account_set_password(ledger_db(tx), row.id, password);
    if (rc == 0)
        rc = repo_token_revoke_sessions(ledger_db(tx), row.id);
    if (rc == 0)
        ledger_effect(tx, staff_apply_sessions_revoked, s, copy_of(&row.id, sizeof(row.id)), free);
    return rc < 0 ? rc : tell_account(s, tx, name);
}

/* ---- tokens ---- */

void staff_token_make(char out[44])
{
    rng_token(out, 43);
}

/* The account that a token is for; a machine's is made if there is none. */
static int token_account(struct staff *s, struct ledger_tx *tx, const struct staff_new_token *t,
                         int64_t *id)
{
    struct account_row row;
    int rc = repo_account_get(ledger_db(tx), t->account, &row);
    if (rc == E_NOTFOUND && t->kind != STAFF_PERSON) {
        struct staff_new_account machine = {.name = t->account, .kind = t->kind};
        return staff_add(s, tx, &machine, id);
    }
    if (rc == E_NOTFOUND || (rc == 0 && row.disabled))
        return ledger_refuse(tx, E_NOTFOUND, "there is no account '%s'", t->account);
    if (rc == 0 && strcmp(row.kind, staff_kind_name(t->kind)) != 0)
        return ledger_refuse(tx, E_CONFLICT, "'%s' is an account of kind %s", t->account, row.kind);
    *id = row.id;
    return rc;
}

int staff_token_add(struct staff *s, struct ledger_tx *tx, const struct staff_new_token *t)
{
    struct token_row row = {
        .session = t->session, .created_at = ledger_now(tx), .expires_at = t->expires_at};
    size_t n = strlen(t->token);
    if (n < 8 || n > STAFF_TOKEN_MAX)
        return ledger_refuse(tx, E_INVALID, "token: 8 to %d bytes", STAFF_TOKEN_MAX);
    int rc = token_account(s, tx, t, &row.account_id);
    staff_digest(t->token, row.digest);
    if (rc == 0)
        rc = repo_token_purge(ledger_db(tx), ledger_now(tx));
    if (rc == 0)
        rc = repo_token_insert(ledger_db(tx), &row);
    if (rc == 0)
        ledger_effect(tx, staff_apply_token, s, copy_of(&row, sizeof(row)), free);
    return rc;
}

static int revoke_digest(struct staff *s, struct ledger_tx *tx, const char *digest)
{
    int rc = repo_token_revoke(ledger_db(tx), digest);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, E_NOTFOUND, "that is no live token");
    if (rc == 0)
        ledger_effect(tx, staff_apply_token_revoked, s, xstrdup(digest), free);
    return rc;
}

int staff_token_revoke(struct staff *s, struct ledger_tx *tx, const char *token)
{
    char digest[65];
    staff_digest(token, digest);
    return revoke_digest(s, tx, digest);
}

int staff_token_revoke_id(struct staff *s, struct ledger_tx *tx, int64_t id)
{
    char digest[65] = "";
    int rc = repo_token_digest(ledger_db(tx), id, digest);
    return rc < 0 && rc != E_NOTFOUND ? rc : revoke_digest(s, tx, digest);
}

int staff_token_revoke_all(struct staff *s, struct ledger_tx *tx, const char *account)
{
    struct account_row row;
    int rc = repo_account_get(ledger_db(tx), account, &row);
    if (rc == E_NOTFOUND)
        return ledger_refuse(tx, E_NOTFOUND, "there is no account '%s'", account);
    return rc < 0 ? rc : revoke_all(s, tx, row.id);
}

/* ---- rows ---- */

int staff_row_by_name(struct db *db, const char *name, struct staff_account *out)
{
    struct account_row row;
    int rc = repo_account_get(db, name, &row);
    if (rc < 0)
        return rc;
    staff_account_of_row(&row, out);
    return out->disabled || out->kind != STAFF_PERSON ? E_NOTFOUND : 0;
}
