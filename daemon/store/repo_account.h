/*
 * repo_account.h - rows of accounts, their tokens, and where people stand.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** One account with its sign-on. Texts are "" where the row has NULL. */
struct account_row {
    int64_t id;
    char name[65], kind[16], role[16];
    char display[128], department[65], phone[32], email[128], language[16];
    char password[160]; /* crypt(3) */
    char home_device[65];
    bool disabled;
    int64_t created_at;
    bool signed_on_once; /* there is a sign-on row: device and since are of it */
    char device[65];     /* "" after signing off */
    int64_t since;
};

/** E_NOTFOUND if there is none. */
int repo_account_get(struct db *db, const char *name, struct account_row *out) MUST_CHECK;
/** All, by id. row lives during the call. */
int repo_account_each(struct db *db, void (*fn)(void *ctx, const struct account_row *row),
                      void *ctx) MUST_CHECK;
typedef void account_name_fn(void *ctx, const char *name);
/** Names of enabled people: the one of that name; those of a role, of a department, by name; the
 * steward of the unit's building. */
int repo_account_person(struct db *db, const char *name, account_name_fn *fn, void *ctx) MUST_CHECK;
int repo_account_with_role(struct db *db, const char *role, account_name_fn *fn,
                           void *ctx) MUST_CHECK;
int repo_account_in_department(struct db *db, const char *department, account_name_fn *fn,
                               void *ctx) MUST_CHECK;
int repo_account_steward_of(struct db *db, int64_t unit_id, account_name_fn *fn,
                            void *ctx) MUST_CHECK;
/** E_CONSTRAINT if the name is taken. */
int repo_account_insert(struct db *db, const struct account_row *row, int64_t *id) MUST_CHECK;
int repo_account_disable(struct db *db, int64_t id) MUST_CHECK;
/** Everything of a person's row but name, kind, password and when it was made, by row->id. */
int repo_account_update(struct db *db, const struct account_row *row) MUST_CHECK;
/** password: crypt(3) text. */
int repo_account_set_password(struct db *db, int64_t id, const char *password) MUST_CHECK;
/** device NULL: signed off. */
int repo_signon_set(struct db *db, int64_t account_id, const char *device,
                    int64_t since) MUST_CHECK;

struct token_row {
    int64_t account_id;
    char digest[65];                /* hex SHA-256 */
    bool session;                   /* purpose: session rather than token */
    int64_t created_at, expires_at; /* 0: never expires */
};

/** E_CONSTRAINT if the digest is there already. */
int repo_token_insert(struct db *db, const struct token_row *row) MUST_CHECK;
/** E_NOTFOUND if it is not there or revoked already. */
int repo_token_revoke(struct db *db, const char *digest) MUST_CHECK;
/** The digest of a token or session that is not revoked; E_NOTFOUND. */
int repo_token_digest(struct db *db, int64_t id, char digest[65]) MUST_CHECK;
/** Every token and session of the account. */
int repo_token_revoke_all(struct db *db, int64_t account_id) MUST_CHECK;
/** Its sessions alone; tokens made with `token add` stay. */
int repo_token_revoke_sessions(struct db *db, int64_t account_id) MUST_CHECK;
/** Forget sessions that ended before now. */
int repo_token_purge(struct db *db, int64_t now) MUST_CHECK;
/** Those that are valid at now. */
int repo_token_each(struct db *db, int64_t now, void (*fn)(void *ctx, const struct token_row *row),
                    void *ctx) MUST_CHECK;

/** A live token or session as lists show it. Texts are views. */
struct token_info {
    int64_t id, created_at, expires_at;
    const char *account, *kind, *purpose;
};
/** Those valid at now, by id above `after`, of one account (NULL: all). */
int repo_token_list(struct db *db, const char *account, int64_t now, int64_t after, int limit,
                    void (*fn)(void *ctx, const struct token_info *info), void *ctx) MUST_CHECK;
