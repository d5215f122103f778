/*
 * staff.c - accounts, tokens and devices in memory: the loop's side of who is who.
 */
#include "service/staff/staff.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/staff/staff_priv.h"

enum { LISTENERS_MAX = 16 };

/* An account, and its place in the list of those who stand at its device. */
struct entry {
    struct staff_account a;
    char password[160];
    struct desk *desk;         /* where a person stands; NULL: nowhere */
    struct entry *prev, *next; /* others at that desk */
    UT_hash_handle hh;         /* by name */
    UT_hash_handle by_id;
};

struct desk {
    char device[65];
    struct entry *people;
    UT_hash_handle hh;
};

struct token {
    char digest[65];
    int64_t account_id, expires_at;
    UT_hash_handle hh;
};

struct listener_fn {
    void (*fn)(void *ctx, const struct staff_account *a);
    void *ctx;
};

struct disable_fn {
    staff_disabled_fn *fn;
    void *ctx;
};

struct staff {
    struct ledger *ledger;
    struct entry *accounts; /* by name */
    struct entry *by_id;
    struct desk *desks;
    struct token *tokens;
    char dev_digest[65]; /* "": no dev */
    struct listener_fn listeners[LISTENERS_MAX];
    size_t n_listeners;
    struct disable_fn hooks[LISTENERS_MAX];
    staff_shifts_fn *on_shifts;
    void *on_shifts_ctx;
    size_t n_hooks;
};

/* ---- words ---- */

static const char *const ROLES[ROLE_COUNT] = {"none",    "agent",    "department", "supervisor",
                                              "manager", "director", "admin",      "auditor"};
static const char *const KINDS[] = {"person", "pbx", "monitor", "integration", "dev"};

const char *staff_role_name(enum staff_role role)
{
    assert(role >= 0 && role < ROLE_COUNT);
    return ROLES[role];
}

enum staff_role staff_role_parse(const char *name)
{
    for (int i = ROLE_NONE + 1; i < ROLE_COUNT; i++)
        if (text_eq(name, ROLES[i]))
            return i;
    return ROLE_NONE;
}

const char *staff_kind_name(enum staff_kind kind)
{
    assert(kind >= 0 && kind < (int)ARRAY_LEN(KINDS));
    return KINDS[kind];
}

enum staff_kind staff_kind_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(KINDS); i++)
        if (text_eq(name, KINDS[i]))
            return (enum staff_kind)i;
    return STAFF_MONITOR; /* a row of a later version: may do the least */
}

void staff_digest(const char *token, char out[65])
{
    uint8_t raw[SHA256_LEN];
    sha256(token, strlen(token), raw);
    hex_encode(raw, sizeof(raw), out);
}

bool staff_is_device(const char *device)
{
    size_t n = strlen(device);
    const char *slash = strchr(device, '/');
    if (n == 0 || n > 64 || (slash && (slash == device || !slash[1] || strchr(slash + 1, '/'))))
        return false;
    for (const char *p = device; *p; p++)
        if ((uint8_t)*p <= ' ' || *p == 0x7f || *p == '"' || *p == '\\')
            return false;
    return true;
}

void staff_account_of_row(const struct account_row *row, struct staff_account *a)
{
    memset(a, 0, sizeof(*a));
    a->id = row->id;
    a->kind = staff_kind_parse(row->kind);
    a->role = a->kind == STAFF_PERSON ? staff_role_parse(row->role) : ROLE_NONE;
    a->disabled = row->disabled;
    text_copy(a->name, sizeof(a->name), row->name);
    text_copy(a->display, sizeof(a->display), row->display);
    text_copy(a->department, sizeof(a->department), row->department);
    text_copy(a->phone, sizeof(a->phone), row->phone);
    text_copy(a->email, sizeof(a->email), row->email);
    text_copy(a->language, sizeof(a->language), row->language);
    text_copy(a->device, sizeof(a->device), row->signed_on_once ? row->device : row->home_device);
    a->device_since = row->signed_on_once ? row->since : row->created_at;
    if (a->disabled)
        a->device[0] = '\0';
}

/* ---- who stands where ---- */

static void leave_desk(struct staff *s, struct entry *e)
{
    struct desk *d = e->desk;
    if (!d)
        return;
    e->desk = NULL;
    DL_DELETE(d->people, e);
    if (d->people)
        return;
    HASH_DEL(s->desks, d);
    free(d);
}

static void take_desk(struct staff *s, struct entry *e)
{
    struct desk *d;
    leave_desk(s, e);
    if (!e->a.device[0] || e->a.kind != STAFF_PERSON)
        return;
    HASH_FIND_STR(s->desks, e->a.device, d);
    if (!d) {
        d = xcalloc(1, sizeof(*d));
        text_copy(d->device, sizeof(d->device), e->a.device);
        HASH_ADD_STR(s->desks, device, d);
    }
    DL_APPEND(d->people, e);
    e->desk = d;
}

static const struct staff_account *last_at(struct staff *s, const char *device)
{
    struct desk *d;
    struct entry *e, *best = NULL;
    HASH_FIND_STR(s->desks, device, d);
    if (!d)
        return NULL;
    DL_FOREACH (d->people, e)
        if (!best || e->a.device_since >= best->a.device_since)
            best = e;
    return &best->a;
}

const struct staff_account *staff_at_device(struct staff *s, const char *source, const char *device)
{
    char qualified[136];
    const struct staff_account *a;
    if (!device || !device[0] || !s->desks)
        return NULL;
    const char *bare = text_after_slash(device);
    if (bare != device || !source)
        text_copy(qualified, sizeof(qualified), device);
    else
        snprintf(qualified, sizeof(qualified), "%.64s/%.64s", source, device);
    a = last_at(s, qualified);
    return a ? a : last_at(s, bare);
}

/* ---- finding ---- */

static struct entry *find_name(struct staff *s, const char *name)
{
    struct entry *e = NULL;
    if (name)
        HASH_FIND_STR(s->accounts, name, e);
    return e;
}

static struct entry *find_id(struct staff *s, int64_t id)
{
    struct entry *e;
    HASH_FIND(by_id, s->by_id, &id, sizeof(id), e);
    return e;
}

const struct staff_account *staff_by_name(struct staff *s, const char *name)
{
    struct entry *e = find_name(s, name);
    return e ? &e->a : NULL;
}

static void drop_token(struct staff *s, struct token *t)
{
    HASH_DEL(s->tokens, t);
    free(t);
}

const struct staff_account *staff_by_token_until(struct staff *s, const char *text, int64_t *until)
{
    char digest[65];
    struct token *t;
    *until = 0;
    if (!text || !text[0] || strlen(text) > STAFF_TOKEN_MAX)
        return NULL;
    staff_digest(text, digest);
    if (s->dev_digest[0] && text_secret_eq(digest, s->dev_digest))
        return staff_by_name(s, STAFF_DEV_NAME);
    HASH_FIND_STR(s->tokens, digest, t);
    if (!t)
        return NULL;
    if (t->expires_at && t->expires_at <= clock_now_ms()) {
        drop_token(s, t);
        return NULL;
    }
    struct entry *e = find_id(s, t->account_id);
    *until = t->expires_at;
    return e && !e->a.disabled ? &e->a : NULL;
}

const struct staff_account *staff_by_token(struct staff *s, const char *token)
{
    int64_t until;
    return staff_by_token_until(s, token, &until);
}

void staff_each(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a), void *ctx)
{
    struct entry *e, *tmp;
    HASH_ITER (hh, s->accounts, e, tmp)
        fn(ctx, &e->a);
}

const char *staff_password(struct staff *s, const char *name)
{
    struct entry *e = find_name(s, name);
    return e && !e->a.disabled && e->a.kind == STAFF_PERSON && e->password[0] ? e->password : NULL;
}

/* ---- following the rows ---- */

static void changed(struct staff *s, const struct staff_account *a)
{
    for (size_t i = 0; i < s->n_listeners; i++)
        s->listeners[i].fn(s->listeners[i].ctx, a);
}

static struct entry *put_account(struct staff *s, const struct staff_account *a,
                                 const char *password)
{
    struct entry *e = find_name(s, a->name);
    if (!e) {
        e = xcalloc(1, sizeof(*e));
        e->a = *a;
        HASH_ADD_STR(s->accounts, a.name, e);
        HASH_ADD(by_id, s->by_id, a.id, sizeof(e->a.id), e);
    }
    e->a = *a;
    text_copy(e->password, sizeof(e->password), password);
    take_desk(s, e);
    return e;
}

static void put_row(void *staff, const struct account_row *row)
{
    struct staff_account a;
    staff_account_of_row(row, &a);
    put_account(staff, &a, row->password);
}

void staff_apply_account(void *staff, void *row)
{
    struct staff_account a;
    staff_account_of_row(row, &a);
    struct entry *e = find_name(staff, a.name);
    if (e && !a.disabled && e->a.device_since > a.device_since) { /* signed on since */
        text_copy(a.device, sizeof(a.device), e->a.device);
        a.device_since = e->a.device_since;
    }
    e = put_account(staff, &a, ((struct account_row *)row)->password);
    changed(staff, &e->a);
}

static void put_token(void *staff, const struct token_row *row)
{
    struct staff *s = staff;
    struct token *t;
    HASH_FIND_STR(s->tokens, row->digest, t);
    if (t)
        return;
    t = xcalloc(1, sizeof(*t));
    text_copy(t->digest, sizeof(t->digest), row->digest);
    t->account_id = row->account_id;
    t->expires_at = row->expires_at;
    HASH_ADD_STR(s->tokens, digest, t);
}

/* Drop the tokens of an account (0: of any) that ended by `now` (0: all of them). */
static void drop_tokens(struct staff *s, int64_t account_id, int64_t now)
{
    struct token *t, *tmp;
    HASH_ITER (hh, s->tokens, t, tmp) {
        bool its = !account_id || t->account_id == account_id;
        bool over = !now || (t->expires_at && t->expires_at <= now);
        if (its && over)
            drop_token(s, t);
    }
}

void staff_apply_token(void *staff, void *row)
{
    drop_tokens(staff, 0, clock_now_ms());
    put_token(staff, row);
}

void staff_apply_token_revoked(void *staff, void *digest)
{
    struct staff *s = staff;
    struct token *t;
    HASH_FIND_STR(s->tokens, (char *)digest, t);
    if (!t)
        return;
    struct entry *e = find_id(s, t->account_id);
    drop_token(s, t);
    if (e)
        changed(s, &e->a);
}

void staff_apply_tokens_revoked(void *staff, void *id)
{
    struct entry *e = find_id(staff, *(int64_t *)id);
    drop_tokens(staff, *(int64_t *)id, 0);
    if (e)
        changed(staff, &e->a);
}

/* Only sessions expire. */
void staff_apply_sessions_revoked(void *staff, void *id)
{
    struct staff *s = staff;
    struct entry *e = find_id(staff, *(int64_t *)id);
    struct token *t, *tmp;
    HASH_ITER (hh, s->tokens, t, tmp)
        if (t->account_id == *(int64_t *)id && t->expires_at)
            drop_token(s, t);
    if (e)
        changed(staff, &e->a);
}

/* ---- life ---- */

struct staff *staff_new(struct ledger *ledger)
{
    struct staff *s = xcalloc(1, sizeof(*s));
    s->ledger = ledger;
    return s;
}

void staff_free(struct staff **staff)
{
    struct staff *s = *staff;
    struct entry *e, *tmp;
    if (!s)
        return;
    *staff = NULL;
    drop_tokens(s, 0, 0);
    HASH_CLEAR(by_id, s->by_id);
    HASH_ITER (hh, s->accounts, e, tmp) {
        leave_desk(s, e);
        HASH_DEL(s->accounts, e);
        free(e);
    }
    free(s);
}

int staff_load(struct staff *s, struct errmsg *why)
{
    struct db *db = ledger_startup_db(s->ledger);
    int rc = repo_account_each(db, put_row, s);
    if (rc == 0)
        rc = repo_token_each(db, clock_now_ms(), put_token, s);
    return rc < 0 ? errmsg_set(why, rc, "accounts: %s", db_last_error(db)) : 0;
}

void staff_set_dev(struct staff *s, const char *token)
{
    struct entry *e = find_name(s, STAFF_DEV_NAME);
    s->dev_digest[0] = '\0';
    if (token && token[0])
        staff_digest(token, s->dev_digest);
    struct staff_account a = {.kind = STAFF_DEV, .role = ROLE_ADMIN, .disabled = !s->dev_digest[0]};
    text_copy(a.name, sizeof(a.name), STAFF_DEV_NAME);
    text_copy(a.display, sizeof(a.display), STAFF_DEV_NAME);
    if (e || s->dev_digest[0])
        changed(s, &put_account(s, &a, "")->a);
}

void staff_on_change(struct staff *s, void (*fn)(void *ctx, const struct staff_account *a),
                     void *ctx)
{
    assert(s->n_listeners < LISTENERS_MAX);
    s->listeners[s->n_listeners++] = (struct listener_fn){fn, ctx};
}

void staff_off_change(struct staff *s, void *ctx)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->n_listeners; i++)
        if (s->listeners[i].ctx != ctx)
            s->listeners[kept++] = s->listeners[i];
    s->n_listeners = kept;
}

void staff_on_disable(struct staff *s, staff_disabled_fn *fn, void *ctx)
{
    assert(s->n_hooks < LISTENERS_MAX);
    s->hooks[s->n_hooks++] = (struct disable_fn){fn, ctx};
}

void staff_on_shifts(struct staff *s, staff_shifts_fn *fn, void *ctx)
{
    s->on_shifts = fn;
    s->on_shifts_ctx = ctx;
}

int staff_shifts_changed(struct staff *s, struct ledger_tx *tx)
{
    return s->on_shifts ? s->on_shifts(s->on_shifts_ctx, tx) : 0;
}

int staff_call_disabled(struct staff *s, struct ledger_tx *tx, const char *account,
                        const struct staff_account *by)
{
    int rc = 0;
    for (size_t i = 0; i < s->n_hooks && rc == 0; i++)
        rc = s->hooks[i].fn(s->hooks[i].ctx, tx, account, by);
    return rc;
}

/* ---- signing on ---- */

struct sign_on {
    int64_t account_id, since;
    char device[65]; /* "": off */
};

static int run_sign_on(struct ledger_tx *tx, void *arg)
{
    struct sign_on *on = arg;
    return repo_signon_set(ledger_db(tx), on->account_id, on->device[0] ? on->device : NULL,
                           on->since);
}

static void sign_on_done(void *arg, int rc, const struct errmsg *why)
{
    if (rc < 0)
        log_error(NULL, "a sign-on was not stored: %s", why->text);
    free(arg);
}

int staff_sign_on(struct staff *s, const char *name, const char *device)
{
    struct entry *e = find_name(s, name);
    if (!e || e->a.disabled || e->a.kind != STAFF_PERSON)
        return E_NOTFOUND;
    if (device && !staff_is_device(device))
        return E_INVALID;
    if (device && strcmp(e->a.device, device) == 0 && last_at(s, device) == &e->a)
        return 0; /* there already: a reconnect is no sign-on */
    struct sign_on *on = xcalloc(1, sizeof(*on));
    on->account_id = e->a.id;
    on->since = clock_now_ms();
    text_copy(on->device, sizeof(on->device), device ? device : "");
    struct ledger_cmd cmd = {
        .name = "sign_on", .run = run_sign_on, .done = sign_on_done, .arg = on, .insist = true};
    int rc = ledger_submit(s->ledger, &cmd);
    if (rc < 0) {
        free(on);
        return rc;
    }
    text_copy(e->a.device, sizeof(e->a.device), device ? device : "");
    e->a.device_since = on->since;
    take_desk(s, e);
    changed(s, &e->a);
    return 0;
}
