/*
 * repo_account.c - SQL of accounts, tokens and sign-ons.
 */
#include "store/repo_account.h"

#include <string.h>

#include "base/text.h"

#define ACCOUNT_COLUMNS                                                                            \
    "SELECT a.id, a.name, a.kind, a.role, a.display, a.department, a.phone, a.email, a.language, " \
    "a.password, a.home_device, a.disabled, a.created_at, s.account_id, s.device, s.since "        \
    "FROM account a LEFT JOIN signon s ON s.account_id = a.id "

static void read_account(struct db_q *q, struct account_row *r)
{
    const struct {
        char *to;
        size_t size;
        int col;
    } texts[] = {
        {r->name, sizeof(r->name), 1},
        {r->kind, sizeof(r->kind), 2},
        {r->role, sizeof(r->role), 3},
        {r->display, sizeof(r->display), 4},
        {r->department, sizeof(r->department), 5},
        {r->phone, sizeof(r->phone), 6},
        {r->email, sizeof(r->email), 7},
        {r->language, sizeof(r->language), 8},
        {r->password, sizeof(r->password), 9},
        {r->home_device, sizeof(r->home_device), 10},
        {r->device, sizeof(r->device), 14},
    };
    memset(r, 0, sizeof(*r));
    r->id = db_int(q, 0);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        text_copy(texts[i].to, texts[i].size, db_str(q, texts[i].col));
    r->disabled = db_int(q, 11) != 0;
    r->created_at = db_int(q, 12);
    r->signed_on_once = !db_is_null(q, 13);
    r->since = db_int(q, 15);
}

int repo_account_get(struct db *db, const char *name, struct account_row *out)
{
    struct db_q *q = db_query(db, ACCOUNT_COLUMNS "WHERE a.name = $1");
    db_bind_text(q, 1, name);
    bool found = db_row(q);
    if (found)
        read_account(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_account_each(struct db *db, void (*fn)(void *ctx, const struct account_row *row),
                      void *ctx)
{
    struct db_q *q = db_query(db, ACCOUNT_COLUMNS "ORDER BY a.id");
    struct account_row row;
    while (db_row(q)) {
        read_account(q, &row);
        fn(ctx, &row);
    }
    return db_end(q);
}

/* "" is stored as NULL. */
static void bind_opt_text(struct db_q *q, int n, const char *s)
{
    db_bind_text(q, n, s[0] ? s : NULL);
}

int repo_account_insert(struct db *db, const struct account_row *r, int64_t *id)
{
    struct db_q *q = db_query(
        db, "INSERT INTO account (name, kind, role, display, department, phone, email, language, "
            "password, home_device, created_at) "
            "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)");
    db_bind_text(q, 1, r->name);
    db_bind_text(q, 2, r->kind);
    bind_opt_text(q, 3, r->role);
    bind_opt_text(q, 4, r->display);
    bind_opt_text(q, 5, r->department);
    bind_opt_text(q, 6, r->phone);
    bind_opt_text(q, 7, r->email);
    bind_opt_text(q, 8, r->language);
    bind_opt_text(q, 9, r->password);
    bind_opt_text(q, 10, r->home_device);
    db_bind_int(q, 11, r->created_at);
    return db_insert(q, id);
}

int repo_account_update(struct db *db, const struct account_row *r)
{
    struct db_q *q = db_query(db, "UPDATE account SET role = $2, display = $3, department = $4, "
                                  "phone = $5, email = $6, language = $7, home_device = $8, "
                                  "disabled = $9 WHERE id = $1");
    db_bind_int(q, 1, r->id);
    bind_opt_text(q, 2, r->role);
    bind_opt_text(q, 3, r->display);
    bind_opt_text(q, 4, r->department);
    bind_opt_text(q, 5, r->phone);
    bind_opt_text(q, 6, r->email);
    bind_opt_text(q, 7, r->language);
    bind_opt_text(q, 8, r->home_device);
    db_bind_int(q, 9, r->disabled);
    return db_run(q);
}

int repo_account_disable(struct db *db, int64_t id)
{
    struct db_q *q = db_query(db, "UPDATE account SET disabled = 1 WHERE id = $1");
    db_bind_int(q, 1, id);
    return db_run(q);
}

int repo_account_set_password(struct db *db, int64_t id, const char *password)
{
    struct db_q *q = db_query(db, "UPDATE account SET password = $2 WHERE id = $1");
    db_bind_int(q, 1, id);
    db_bind_text(q, 2, password);
    return db_run(q);
}

int repo_signon_set(struct db *db, int64_t account_id, const char *device, int64_t since)
{
    struct db_q *q =
        db_query(db, "INSERT INTO signon (account_id, device, since) VALUES ($1, $2, $3) "
                     "ON CONFLICT (account_id) DO UPDATE SET device = excluded.device, "
                     "since = excluded.since");
    db_bind_int(q, 1, account_id);
    db_bind_text(q, 2, device);
    db_bind_int(q, 3, since);
    return db_run(q);
}

int repo_token_insert(struct db *db, const struct token_row *r)
{
    struct db_q *q =
        db_query(db, "INSERT INTO token (account_id, digest, purpose, created_at, expires_at) "
                     "VALUES ($1, $2, $3, $4, $5)");
    db_bind_int(q, 1, r->account_id);
    db_bind_text(q, 2, r->digest);
    db_bind_text(q, 3, r->session ? "session" : "token");
    db_bind_int(q, 4, r->created_at);
    db_bind_opt(q, 5, r->expires_at);
    return db_run(q);
}

int repo_token_revoke(struct db *db, const char *digest)
{
    struct db_q *q =
        db_query(db, "UPDATE token SET revoked = 1 WHERE digest = $1 AND revoked = 0 RETURNING id");
    db_bind_text(q, 1, digest);
    bool found = db_row(q);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_token_digest(struct db *db, int64_t id, char digest[65])
{
    struct db_q *q = db_query(db, "SELECT digest FROM token WHERE id = $1 AND revoked = 0");
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    if (found)
        text_copy(digest, 65, db_str(q, 0));
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_token_revoke_all(struct db *db, int64_t account_id)
{
    struct db_q *q = db_query(db, "UPDATE token SET revoked = 1 WHERE account_id = $1");
    db_bind_int(q, 1, account_id);
    return db_run(q);
}

int repo_token_revoke_sessions(struct db *db, int64_t account_id)
{
    struct db_q *q =
        db_query(db, "UPDATE token SET revoked = 1 WHERE account_id = $1 AND purpose = 'session'");
    db_bind_int(q, 1, account_id);
    return db_run(q);
}

int repo_token_purge(struct db *db, int64_t now)
{
    struct db_q *q =
        db_query(db, "DELETE FROM token WHERE purpose = 'session' AND expires_at <= $1");
    db_bind_int(q, 1, now);
    return db_run(q);
}

int repo_token_each(struct db *db, int64_t now, void (*fn)(void *ctx, const struct token_row *row),
                    void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT account_id, digest, purpose, created_at, expires_at FROM token "
                     "WHERE revoked = 0 AND (expires_at IS NULL OR expires_at > $1) ORDER BY id");
    db_bind_int(q, 1, now);
    while (db_row(q)) {
        struct token_row r = {.account_id = db_int(q, 0),
                              .session = strcmp(db_str(q, 2), "session") == 0,
                              .created_at = db_int(q, 3),
                              .expires_at = db_int(q, 4)};
        text_copy(r.digest, sizeof(r.digest), db_str(q, 1));
        fn(ctx, &r);
    }
    return db_end(q);
}

/* ---- people by name, role, department, building ---- */

static int each_name(struct db_q *q, account_name_fn *fn, void *ctx)
{
    while (db_row(q))
        fn(ctx, db_str(q, 0));
    return db_end(q);
}

int repo_account_person(struct db *db, const char *name, account_name_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT name FROM account WHERE name=$1 AND kind='person' AND "
                                  "disabled=0");
    db_bind_text(q, 1, name);
    return each_name(q, fn, ctx);
}

int repo_account_with_role(struct db *db, const char *role, account_name_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT name FROM account WHERE role=$1 AND kind='person' AND "
                                  "disabled=0 ORDER BY name");
    db_bind_text(q, 1, role);
    return each_name(q, fn, ctx);
}

int repo_account_in_department(struct db *db, const char *department, account_name_fn *fn,
                               void *ctx)
{
    struct db_q *q = db_query(db, "SELECT name FROM account WHERE department=$1 AND "
                                  "kind='person' AND disabled=0 ORDER BY name");
    db_bind_text(q, 1, department);
    return each_name(q, fn, ctx);
}

int repo_account_steward_of(struct db *db, int64_t unit_id, account_name_fn *fn, void *ctx)
{
    struct db_q *q = db_query(db, "SELECT a.name FROM unit u JOIN building b ON b.id=u.building_id "
                                  "JOIN account a ON a.name=b.steward WHERE u.id=$1 AND "
                                  "a.kind='person' AND a.disabled=0");
    db_bind_int(q, 1, unit_id);
    return each_name(q, fn, ctx);
}

int repo_token_list(struct db *db, const char *account, int64_t now, int64_t after, int limit,
                    void (*fn)(void *ctx, const struct token_info *info), void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT t.id,a.name,a.kind,t.purpose,t.created_at,t.expires_at FROM token t "
                     "JOIN account a ON a.id=t.account_id WHERE t.id>$1 AND t.revoked=0 AND "
                     "(t.expires_at IS NULL OR t.expires_at>$2) AND ($3 IS NULL OR a.name=$3) "
                     "ORDER BY t.id LIMIT $4");
    db_bind_int(q, 1, after);
    db_bind_int(q, 2, now);
    db_bind_text(q, 3, account);
    db_bind_int(q, 4, limit);
    while (db_row(q)) {
        struct token_info info = {.id = db_int(q, 0),
                                  .account = db_text(q, 1),
                                  .kind = db_text(q, 2),
                                  .purpose = db_text(q, 3),
                                  .created_at = db_int(q, 4),
                                  .expires_at = db_int(q, 5)};
        fn(ctx, &info);
    }
    return db_end(q);
}
