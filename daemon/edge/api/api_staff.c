/*
 * api_staff.c - accounts and tokens over HTTP, for stewardctl and administrators.
 */
#include <stdlib.h>
#include <string.h>

#include "base/conf_table.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "edge/api/password.h"
#include "service/registry/registry.h"
#include "store/repo_account.h"

/* ---- accounts ---- */

static void put_account(struct jw *w, const struct staff_account *a)
{
    jw_obj(w);
    jw_kstr(w, "name", a->name);
    jw_kstr(w, "kind", staff_kind_name(a->kind));
    jw_kstr(w, "role", a->kind == STAFF_PERSON ? staff_role_name(a->role) : NULL);
    jw_kstr(w, "display", a->display[0] ? a->display : NULL);
    jw_kstr(w, "department", a->department[0] ? a->department : NULL);
    jw_kstr(w, "phone", a->phone[0] ? a->phone : NULL);
    jw_kstr(w, "email", a->email[0] ? a->email : NULL);
    jw_kstr(w, "device", a->device[0] ? a->device : NULL);
    jw_kbool(w, "disabled", a->disabled);
    jw_end_obj(w);
}

struct accounts {
    struct api_job *job;
    int left;
    int64_t last;
    bool more;
};

static void put_listed(void *ctx, const struct staff_account *a)
{
    struct accounts *list = ctx;
    if (a->id <= list->job->before) /* dev has no row: 0 */
        return;
    if (list->left-- <= 0) {
        list->more = true;
        return;
    }
    list->last = a->id;
    put_account(&list->job->w, a);
}

static void list_users(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = api_job(req, e);
    struct accounts list = {.job = job, .left = limit};
    job->before = after;
    api_items(job);
    staff_each(e->o.staff, put_listed, &list);
    api_items_end(job, list.more ? list.last : 0);
    api_answer(job, E_OK, NULL);
}

/* ---- adding people ---- */

struct new_user {
    struct staff_new_account account; /* its texts belong to the body, but for the password */
    char *hash;
};

static void free_new_user(void *arg)
{
    struct new_user *u = arg;
    free(u->hash);
    free(u);
}

static int run_add(struct ledger_tx *tx, struct api_job *job)
{
    struct new_user *u = job->arg;
    int64_t id;
    job->status = 201;
    int rc = staff_add(job->e->o.staff, tx, &u->account, &id);
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "user.add", u->account.name, NULL);
}

/* The answer is what staff knows after the commit. */
static void show_account(struct api_job *job)
{
    const struct staff_account *a = staff_by_name(job->e->o.staff, job->word);
    if (a)
        put_account(&job->w, a);
}

static void add_hashed(void *ctx, bool ok, const char *hash)
{
    struct api_job *job = ctx;
    struct new_user *u = job->arg;
    if (!ok) {
        api_answer(job, E_BUSY, NULL);
        return;
    }
    u->hash = xstrdup(hash);
    u->account.password = u->hash;
    api_write(job, "user_add", run_add);
}

/* Steps of ladders are sent there. Empty is none. */
static bool is_phone(const struct api_job *job, const char *text)
{
    struct number_rules rules;
    struct number n;
    number_rules_of(job->site, &rules);
    number_normalise(&rules, text, &n);
    return !*text || n.kind == NUMBER_E164;
}

/* The texts that an account may have, as far as the body gives them; role NULL: not given. */
static int read_texts(struct api_job *job, struct staff_new_account *a, const char **role)
{
    const struct {
        const char *field;
        size_t max;
        const char **out;
    } fields[] = {
        {"role", 16, role},
        {"display", 127, &a->display},
        {"department", 64, &a->department},
        {"phone", 31, &a->phone},
        {"email", 127, &a->email},
        {"language", 15, &a->language},
        {"device", 64, &a->home_device},
    };
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (api_text_opt(job, fields[i].field, fields[i].max, fields[i].out) < 0)
            return E_INVALID;
    return E_OK;
}

/* A department is one of the configuration; the refusal names the one that is near. */
static int check_department(struct api_job *job, const char *name)
{
    const char *words[65];
    char hint[128];
    size_t n = 0;
    if (!name || !*name || site_department(job->site, name))
        return E_OK;
    for (; n < ARRAY_LEN(words) - 1 && n < job->site->departments_n; n++)
        words[n] = job->site->departments[n].name;
    words[n] = NULL;
    return api_bad(job, "department", "department: there is no department '%s'%s", name,
                   conf_did_you_mean(name, words, hint, sizeof(hint)));
}

static int check_texts(struct api_job *job, struct staff_new_account *a, const char *role)
{
    a->kind = STAFF_PERSON;
    a->role = staff_role_parse(role ? role : "");
    if (role && a->role == ROLE_NONE)
        return api_bad(job, "role",
                       "role is one of agent, department, supervisor, manager, "
                       "director, admin, auditor");
    if (a->home_device && *a->home_device && !staff_is_device(a->home_device))
        return api_bad(job, "device", "that is not a device");
    if (a->phone && !is_phone(job, a->phone))
        return api_bad(job, "phone", "phone: '%s' is not a telephone number", a->phone);
    if (a->email && *a->email && !registry_is_email(a->email))
        return api_bad(job, "email", "email: '%s' is not an e-mail address", a->email);
    return check_department(job, a->department);
}

static int read_user(struct api_job *job, struct staff_new_account *a, const char **password)
{
    const char *role = NULL;
    int rc = api_text_opt(job, "name", 64, &a->name);
    if (rc == E_OK)
        rc = read_texts(job, a, &role);
    if (rc == E_OK)
        rc = api_text_opt(job, "password", PASSWORD_MAX, password);
    if (rc < 0)
        return rc;
    if (!a->name)
        return api_bad(job, "name", "name is missing");
    if (a->home_device && !*a->home_device)
        a->home_device = NULL;
    rc = check_texts(job, a, role ? role : "");
    if (rc == E_OK && *password && strlen(*password) < PASSWORD_MIN)
        rc = api_bad(job, "password", "a password has at least %d characters", PASSWORD_MIN);
    return rc;
}

static void add_user(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    struct new_user *u = xcalloc(1, sizeof(*u));
    const char *password = NULL;
    job->arg = u;
    job->free_arg = free_new_user;
    int rc = read_user(job, &u->account, &password);
    job->word = u->account.name;
    job->after = show_account;
    if (rc == E_OK && password)
        rc = password_make(auth_passwords(e->auth), password, add_hashed, job);
    else if (rc == E_OK)
        api_write(job, "user_add", run_add);
    if (rc < 0)
        api_answer(job, rc, NULL);
}

/* ---- changing people ---- */

static int run_disable(struct ledger_tx *tx, struct api_job *job)
{
    /* The account as it was when the request came; staff itself is the loop's. */
    int rc = staff_disable(job->e->o.staff, tx, job->word, job->arg);
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "user.disable", job->word, NULL);
}

static void disable_user(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    const struct staff_account *by = staff_by_name(e->o.staff, job->actor.name);
    if (by)
        api_job_keep(job, by, sizeof(*by));
    job->word = http_param(req, "name");
    job->after = show_account;
    api_write(job, "user_disable", run_disable);
}

static int run_enable(struct ledger_tx *tx, struct api_job *job)
{
    int rc = staff_enable(job->e->o.staff, tx, job->word);
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "user.enable", job->word, NULL);
}

static void enable_user(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    job->word = http_param(req, "name");
    job->after = show_account;
    api_write(job, "user_enable", run_enable);
}

static void get_user(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    const struct staff_account *a = staff_by_name(e->o.staff, http_param(req, "name"));
    struct api_job *job;
    if (!a) {
        http_problem(req, 404, "there is no account '%.64s'", http_param(req, "name"));
        return;
    }
    job = api_job(req, e);
    put_account(&job->w, a);
    api_answer(job, E_OK, NULL);
}

/* What PATCH sets. */
struct user_change {
    struct staff_new_account set; /* its texts belong to the body */
    bool texts, has_enabled, enabled;
    struct staff_account by; /* as it was when the request came */
    bool has_by;
};

/* Enabled first and disabled last, so that both go with other changes. */
static int run_change(struct ledger_tx *tx, struct api_job *job)
{
    const struct user_change *c = job->arg;
    struct staff *staff = job->e->o.staff;
    int rc = c->has_enabled && c->enabled ? staff_enable(staff, tx, job->word) : E_OK;
    rc = rc == E_CONFLICT ? E_OK : rc; /* it is already */
    if (rc == E_OK && c->texts)
        rc = staff_change(staff, tx, job->word, &c->set);
    if (rc == E_OK && c->has_enabled && !c->enabled)
        rc = staff_disable(staff, tx, job->word, c->has_by ? &c->by : NULL);
    rc = rc == E_CONFLICT && c->has_enabled && !c->enabled ? E_OK : rc;
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "user.change", job->word, NULL);
}

static int read_change(struct api_job *job, struct user_change *c)
{
    const json_t *body = http_body(job->req), *enabled = json_object_get(body, "enabled");
    const char *role = NULL;
    int rc = read_texts(job, &c->set, &role);
    if (rc == E_OK)
        rc = check_texts(job, &c->set, role);
    if (rc == E_OK && enabled && !json_is_boolean(enabled))
        rc = api_bad(job, "enabled", "enabled: true or false");
    c->has_enabled = enabled != NULL;
    c->enabled = json_is_true(enabled);
    c->texts = json_object_size(body) > (size_t)c->has_enabled;
    return rc;
}

static void change_user(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    const struct staff_account *by = staff_by_name(e->o.staff, job->actor.name);
    struct user_change c = {.has_by = by != NULL};
    if (by)
        c.by = *by;
    job->word = http_param(req, "name");
    job->after = show_account;
    int rc = read_change(job, &c);
    api_job_keep(job, &c, sizeof(c));
    if (rc == E_OK)
        api_write(job, "user_change", run_change);
    else
        api_answer(job, rc, NULL);
}

static int run_password(struct ledger_tx *tx, struct api_job *job)
{
    struct new_user *u = job->arg;
    int rc = staff_set_password(job->e->o.staff, tx, job->word, u->hash);
    return rc < 0 ? rc : api_audit(tx, job->actor.name, "user.password", job->word, NULL);
}

static void password_hashed(void *ctx, bool ok, const char *hash)
{
    struct api_job *job = ctx;
    struct new_user *u = job->arg;
    if (!ok) {
        api_answer(job, E_BUSY, NULL);
        return;
    }
    u->hash = xstrdup(hash);
    api_write(job, "user_password", run_password);
}

static void set_password(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    job->arg = xcalloc(1, sizeof(struct new_user));
    job->free_arg = free_new_user;
    job->word = http_param(req, "name");
    job->after = show_account;
    const char *password = api_text(job, "password", PASSWORD_MAX);
    int rc = E_INVALID;
    if (password && strlen(password) < PASSWORD_MIN)
        rc = api_bad(job, "password", "a password has at least %d characters", PASSWORD_MIN);
    else if (password)
        rc = password_make(auth_passwords(e->auth), password, password_hashed, job);
    if (rc < 0)
        api_answer(job, rc, NULL);
}

/* ---- tokens ---- */

struct new_token {
    char token[44], account[65];
    enum staff_kind kind;
};

static const struct {
    const char *field;
    enum staff_kind kind;
} kinds[] = {
    {"user", STAFF_PERSON},
    {"pbx", STAFF_PBX},
    {"monitor", STAFF_MONITOR},
    {"integration", STAFF_INTEGRATION},
};

static int run_token(struct ledger_tx *tx, struct api_job *job)
{
    struct new_token *t = job->arg;
    int rc = staff_token_add(
        job->e->o.staff, tx,
        &(struct staff_new_token){.account = t->account, .kind = t->kind, .token = t->token});
    if (rc < 0)
        return rc;
    job->status = 201;
    jw_obj(&job->w);
    jw_kstr(&job->w, "token", t->token);
    jw_kstr(&job->w, "account", t->account);
    jw_kstr(&job->w, "kind", staff_kind_name(t->kind));
    jw_end_obj(&job->w);
    return api_audit(tx, job->actor.name, "token.add", t->account, NULL);
}

/* Exactly one of user, pbx, monitor, integration names the account. */
static int read_holder(struct api_job *job, struct new_token *t)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        const char *name;
        if (api_text_opt(job, kinds[i].field, sizeof(t->account) - 1, &name) < 0)
            return E_INVALID;
        if (!name)
            continue;
        if (t->account[0])
            return api_bad(job, kinds[i].field, "one of user, pbx, monitor, integration only");
        text_copy(t->account, sizeof(t->account), name);
        t->kind = kinds[i].kind;
    }
    return t->account[0] ? E_OK
                         : api_bad(job, "user", "one of user, pbx, monitor, integration is needed");
}

static void add_token(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    struct new_token *t = xcalloc(1, sizeof(*t));
    job->arg = t;
    job->free_arg = free;
    int rc = read_holder(job, t);
    staff_token_make(t->token);
    if (rc == E_OK)
        api_write(job, "token_add", run_token);
    else
        api_answer(job, rc, NULL);
}

static int revoke(struct ledger_tx *tx, struct api_job *job, const char *account)
{
    struct staff *staff = job->e->o.staff;
    if (job->id)
        return staff_token_revoke_id(staff, tx, job->id);
    return job->word ? staff_token_revoke(staff, tx, job->word)
                     : staff_token_revoke_all(staff, tx, account);
}

static int run_revoke(struct ledger_tx *tx, struct api_job *job)
{
    const char *account = json_string_value(json_object_get(http_body(job->req), "account"));
    int rc = revoke(tx, job, account);
    if (rc < 0)
        return rc;
    buf_adds(&job->out, "{\"ok\":true}");
    return api_audit(tx, job->actor.name, "token.revoke", account, NULL);
}

/* Exactly one of token, id and account says what ends. */
static int read_revoked(struct api_job *job)
{
    struct errmsg why = {""};
    const char *account;
    int rc = api_text_opt(job, "token", STAFF_TOKEN_MAX - 1, &job->word);
    if (rc == E_OK)
        rc = api_text_opt(job, "account", 64, &account);
    if (rc < 0)
        return rc;
    rc = json_get_int(http_body(job->req), "id", 1, INT64_MAX, &job->id, &why);
    if (rc < 0)
        return api_bad(job, "id", "%s", why.text);
    if ((job->word != NULL) + (account != NULL) + (job->id != 0) != 1)
        return api_bad(job, "token", "one of token, id and account is needed");
    return E_OK;
}

static void revoke_token(struct http_req *req, void *ctx)
{
    struct api_job *job = api_job(req, ctx);
    int rc = read_revoked(job);
    if (rc == E_OK)
        api_write(job, "token_revoke", run_revoke);
    else
        api_answer(job, rc, NULL);
}

/* What is known of tokens: never they themselves. */
struct token_page {
    struct api_job *job;
    int64_t last;
    int n;
};

static void put_token(void *ctx, const struct token_info *info)
{
    struct token_page *p = ctx;
    struct jw *w = &p->job->w;
    if (p->n++ == p->job->limit)
        return;
    p->last = info->id;
    jw_obj(w);
    jw_kint(w, "id", info->id);
    jw_kstr(w, "account", info->account);
    jw_kstr(w, "kind", info->kind);
    jw_kstr(w, "purpose", info->purpose);
    jw_ktime(w, "created_at", info->created_at);
    jw_ktime(w, "expires_at", info->expires_at);
    jw_end_obj(w);
}

static int read_tokens(struct db *db, struct api_job *job)
{
    struct token_page page = {.job = job};
    api_items(job);
    int rc = repo_token_list(db, http_query(job->req, "account"), job->now, job->before,
                             job->limit + 1, put_token, &page);
    api_items_end(job, page.n > job->limit ? page.last : 0);
    return rc;
}

static void list_tokens(struct http_req *req, void *ctx)
{
    int limit;
    int64_t after;
    if (!http_page_id(req, &limit, &after))
        return;
    struct api_job *job = api_job(req, ctx);
    job->limit = limit;
    job->before = after;
    api_read(job, "tokens", read_tokens);
}

/* ---- the table ---- */

const struct http_route api_staff_routes[] = {
    ROUTE(GET, "/api/v1/users", MAY_ADMIN, list_users, "Accounts of people and machines",
          .query = "limit:int cursor", .answer = "[Account]"),
    ROUTE(POST, "/api/v1/users", MAY_ADMIN, add_user, "Add a person",
          .body = "name! role! display department phone email language device password",
          .answer = "Account"),
    ROUTE(GET, "/api/v1/users/{name}", MAY_ADMIN, get_user, "One account", .answer = "Account"),
    ROUTE(PATCH, "/api/v1/users/{name}", MAY_ADMIN, change_user,
          "Change a person: what is given is set, an empty text clears",
          .body = "role display department phone email language device enabled:bool",
          .answer = "Account"),
    ROUTE(POST, "/api/v1/users/{name}/enable", MAY_ADMIN, enable_user,
          "A disabled account may be used again; its tokens stay revoked", .answer = "Account"),
    ROUTE(POST, "/api/v1/users/{name}/disable", MAY_ADMIN, disable_user,
          "Disable an account: its tokens end, its tickets are handed over", .answer = "Account"),
    ROUTE(POST, "/api/v1/users/{name}/password", MAY_ADMIN, set_password, "Set a password",
          .body = "password!", .answer = "Account"),
    ROUTE(GET, "/api/v1/tokens", MAY_ADMIN, list_tokens,
          "Live tokens and sessions: whose, since when, until when",
          .query = "account limit:int cursor", .answer = "[TokenInfo]"),
    ROUTE(POST, "/api/v1/tokens", MAY_ADMIN, add_token, "A new token; it is shown this once",
          .body = "user pbx monitor integration", .answer = "Token"),
    ROUTE(POST, "/api/v1/tokens/revoke", MAY_ADMIN, revoke_token,
          "End one token (itself, or its id), or all of an account", .body = "token id:int account",
          .answer = "Done"),
    {.path = NULL},
};
