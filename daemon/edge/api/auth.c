/*
 * auth.c - who asks: bearer tokens, session cookies, the control socket; signing in and off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/lru.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "edge/api/password.h"

#define COOKIE     "steward_session"
#define SESSION_MS (12 * 3600 * 1000LL)
#define SESSION_S  "43200"

/* Wrong passwords within the window before 429: for one name from one address, for one address,
 * and for one name from anywhere (many addresses at once guess one password). */
#define WINDOW_MS     300000
#define MAX_BOTH      8
#define MAX_ADDRESS   60
#define MAX_NAME      100
#define FAILURES_KEPT 20000

struct auth {
    struct edge *e;
    struct passwords *passwords;
    struct lru *failures; /* "b name address", "a address", "n name" → struct failures */
};

struct failures {
    int count;
    int64_t since;
};

struct auth *auth_new(struct edge *e)
{
    struct auth *a = xcalloc(1, sizeof(*a));
    a->e = e;
    a->passwords = passwords_new(e->o.loop);
    a->failures = lru_new(FAILURES_KEPT, 0, free);
    return a;
}

void auth_free(struct auth **a)
{
    if (!*a)
        return;
    passwords_free(&(*a)->passwords);
    lru_free(&(*a)->failures);
    free(*a);
    *a = NULL;
}

struct passwords *auth_passwords(struct auth *a)
{
    return a->passwords;
}

/* ---- how often somebody guessed wrong ---- */

/* The three keys of one attempt; peer loses its port. */
static void failure_keys(const char *user, const char *peer, char keys[3][192])
{
    char address[96];
    const char *colon = strrchr(peer, ':');
    text_copyn(address, sizeof(address), peer, colon ? (size_t)(colon - peer) : strlen(peer));
    snprintf(keys[0], 192, "b %.70s %s", user, address);
    snprintf(keys[1], 192, "a %s", address);
    snprintf(keys[2], 192, "n %.70s", user);
}

static struct failures *live_failures(struct auth *a, const char *key)
{
    struct failures *f = lru_get(a->failures, key);
    return f && clock_mono_us() / 1000 - f->since < WINDOW_MS ? f : NULL;
}

bool auth_too_many(struct auth *a, const char *user, const char *peer)
{
    static const int limits[3] = {MAX_BOTH, MAX_ADDRESS, MAX_NAME};
    char keys[3][192];
    failure_keys(user, peer, keys);
    for (int i = 0; i < 3; i++) {
        struct failures *f = live_failures(a, keys[i]);
        if (f && f->count >= limits[i])
            return true;
    }
    return false;
}

/* A try counts from when it is queued, however many are on their way at once. */
static void count_try(struct auth *a, const char *user, const char *peer)
{
    char keys[3][192];
    failure_keys(user, peer, keys);
    for (int i = 0; i < 3; i++) {
        struct failures *f = live_failures(a, keys[i]);
        if (f) {
            f->count++;
            continue;
        }
        f = xcalloc(1, sizeof(*f));
        *f = (struct failures){.count = 1, .since = clock_mono_us() / 1000};
        lru_put(a->failures, keys[i], f, 1);
    }
}

/* It was no failure. */
static void uncount_try(struct auth *a, const char *user, const char *peer)
{
    char keys[3][192];
    failure_keys(user, peer, keys);
    for (int i = 0; i < 3; i++) {
        struct failures *f = live_failures(a, keys[i]);
        if (f && f->count > 0)
            f->count--;
    }
}

static void forgive(struct auth *a, const char *user, const char *peer)
{
    char keys[3][192];
    uncount_try(a, user, peer);
    failure_keys(user, peer, keys);
    lru_drop(a->failures, keys[0]);
}

/* ---- who asks ---- */

/*
 * A browser sends the cookie with whatever page makes it ask. SameSite=Strict keeps foreign sites
 * out already; a changing request must also say that it comes from a page of ours.
 */
static bool from_our_page(struct http_req *req)
{
    const char *site = http_header(req, "Sec-Fetch-Site");
    if (site)
        return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
    const char *origin = http_header(req, "Origin"), *host = http_header(req, "Host");
    if (!origin)
        return true;
    const char *authority = strstr(origin, "://");
    return authority && host && strcasecmp(authority + 3, host) == 0;
}

static void become(struct http_req *req, const struct staff_account *a, enum http_proof proof,
                   const char *token)
{
    struct actor actor = {.role = a->role, .kind = a->kind};
    text_copy(actor.name, sizeof(actor.name), a->name);
    text_copy(actor.department, sizeof(actor.department), a->department);
    http_set_actor(req, &actor, a->id, proof, token);
}

/* The operator at the control socket: may everything, and is nobody (like dev). */
static void become_operator(struct http_req *req)
{
    struct actor actor = {.name = STAFF_CONTROL_NAME, .role = ROLE_ADMIN, .kind = STAFF_DEV};
    http_set_actor(req, &actor, 0, HTTP_BY_SOCKET, NULL);
}

static int by_bearer(struct edge *e, struct http_req *req, const char *header)
{
    if (strncasecmp(header, "Bearer ", 7) != 0)
        return E_UNAUTHORIZED;
    const char *token = header + 7 + strspn(header + 7, " ");
    const struct staff_account *a = staff_by_token(e->o.staff, token);
    if (!a)
        return E_UNAUTHORIZED;
    become(req, a, HTTP_BY_TOKEN, token);
    return E_OK;
}

int auth_identify(void *ctx, struct http_req *req)
{
    struct edge *e = ctx;
    const char *header = http_header(req, "Authorization");
    char token[STAFF_TOKEN_MAX];
    if (header)
        return by_bearer(e, req, header);
    if (http_is_control(req)) {
        become_operator(req);
        return E_OK;
    }
    if (!http_cookie(req, COOKIE, token, sizeof(token)))
        return E_OK;
    const struct staff_account *a = staff_by_token(e->o.staff, token);
    if (!a)
        return E_OK; /* an old cookie is nobody's */
    if (http_method(req) != HTTP_GET && !from_our_page(req))
        return E_DENIED;
    become(req, a, HTTP_BY_COOKIE, token);
    return E_OK;
}

/* ---- signing in ---- */

struct sign_in {
    char user[65], device[65];
    char token[44];
    struct staff_account who; /* as they were when the password was known */
};

static void put_session(struct api_job *job, const struct staff_account *a, const char *device,
                        const char *token)
{
    jw_obj(&job->w);
    jw_kstr(&job->w, "user", a->name);
    jw_kstr(&job->w, "role", staff_role_name(a->role));
    jw_kstr(&job->w, "device", device[0] ? device : NULL);
    jw_kstr(&job->w, "token", token);
    jw_kstr(&job->w, "name", a->display[0] ? a->display : a->name);
    jw_kstr(&job->w, "department", a->department[0] ? a->department : NULL);
    jw_end_obj(&job->w);
}

static void set_cookie(struct http_req *req, const char *token, const char *seconds)
{
    char value[STAFF_TOKEN_MAX + 128];
    snprintf(value, sizeof(value), COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%s%s",
             token, seconds, http_is_tls(req) ? "; Secure" : "");
    http_add_header(req, "Set-Cookie", value);
}

/* Stored: stand at the device. A repeat brings its cookie back and changes nothing. */
static void signed_in(struct api_job *job)
{
    struct sign_in *s = job->arg;
    if (job->replayed) {
        json_t *answer = json_loadb(buf_str(&job->out), job->out.len, 0, NULL);
        text_copy(s->token, sizeof(s->token), json_string_value(json_object_get(answer, "token")));
        json_decref(answer);
    } else if (s->device[0] && staff_sign_on(job->e->o.staff, s->user, s->device) < 0) {
        log_warn(&job->e->log, "%s could not be signed on at %s", s->user, s->device);
    }
    set_cookie(job->req, s->token, SESSION_S);
}

static int store_session(struct ledger_tx *tx, struct api_job *job)
{
    struct sign_in *s = job->arg;
    int rc = staff_token_add(job->e->o.staff, tx,
                             &(struct staff_new_token){.account = s->user,
                                                       .kind = STAFF_PERSON,
                                                       .token = s->token,
                                                       .session = true,
                                                       .expires_at = job->now + SESSION_MS});
    put_session(job, &s->who, s->device[0] ? s->device : s->who.device, s->token);
    return rc < 0 ? rc : api_audit(tx, s->user, "session.open", http_peer(job->req), NULL);
}

static void password_known(void *ctx, bool ok, const char *hash)
{
    struct api_job *job = ctx;
    struct sign_in *s = job->arg;
    struct auth *a = job->e->auth;
    if (!ok) {
        log_info(&job->e->log, "wrong password for %s from %s", s->user, http_peer(job->req));
        struct errmsg why = {"user or password is wrong"};
        api_answer(job, E_UNAUTHORIZED, &why);
        return;
    }
    forgive(a, s->user, http_peer(job->req));
    const struct staff_account *who = staff_by_name(job->e->o.staff, s->user);
    if (!who) { /* gone while the password was looked at */
        api_answer(job, E_UNAUTHORIZED, NULL);
        return;
    }
    s->who = *who;
    if (who->role == ROLE_AUDITOR)
        s->device[0] = '\0'; /* signed in, but at no device */
    staff_token_make(s->token);
    job->after = signed_in;
    api_write(job, "session", store_session);
}

/* Somebody who has a token signs on at a device without a password. */
static void sign_on_only(struct api_job *job, const char *device)
{
    struct errmsg why = {"user and password, or a token of a person, are needed"};
    const struct staff_account *a = staff_by_name(job->e->o.staff, job->actor.name);
    if (!a || a->kind != STAFF_PERSON || !http_token(job->req)) {
        api_answer(job, E_UNAUTHORIZED, &why);
        return;
    }
    if (device && a->role == ROLE_AUDITOR) {
        text_copy(why.text, sizeof(why.text), "an auditor stands at no device");
        api_answer(job, E_DENIED, &why);
        return;
    }
    int rc = device ? staff_sign_on(job->e->o.staff, a->name, device) : E_OK;
    a = staff_by_name(job->e->o.staff, job->actor.name);
    if (rc == E_OK && a)
        put_session(job, a, a->device, http_token(job->req));
    api_answer(job, rc, NULL);
}

static void check_password(struct api_job *job, const char *user, const char *password)
{
    struct auth *a = job->e->auth;
    struct errmsg why = {"too many wrong passwords: wait five minutes"};
    if (auth_too_many(a, user, http_peer(job->req))) {
        api_answer(job, E_RATE, &why);
        return;
    }
    count_try(a, user, http_peer(job->req));
    int rc = password_check(a->passwords, staff_password(job->e->o.staff, user), password,
                            password_known, job);
    if (rc == E_OK)
        return;
    uncount_try(a, user, http_peer(job->req));
    api_answer(job, rc, NULL);
}

/* A page of another origin could sign its visitor in as somebody of its own. */
static bool is_foreign(struct http_req *req)
{
    bool by_page = http_proof(req) == HTTP_NOBODY || http_proof(req) == HTTP_BY_COOKIE;
    return by_page && !from_our_page(req);
}

static void post_session(struct http_req *req, void *ctx)
{
    if (is_foreign(req)) {
        http_problem(req, 403, "a page of another origin sent this");
        return;
    }
    struct api_job *job = api_job(req, ctx);
    struct sign_in *s = xcalloc(1, sizeof(*s));
    const char *user, *password, *device;
    job->arg = s;
    job->free_arg = free;
    int rc = E_OK;
    if (api_text_opt(job, "user", sizeof(s->user) - 1, &user) < 0 ||
        api_text_opt(job, "password", PASSWORD_MAX, &password) < 0 ||
        api_text_opt(job, "device", sizeof(s->device) - 1, &device) < 0)
        rc = E_INVALID;
    else if (device && !staff_is_device(device))
        rc = api_bad(job, "device", "that is not a device");
    if (rc < 0) {
        api_answer(job, rc, NULL);
        return;
    }
    text_copy(s->user, sizeof(s->user), user);
    text_copy(s->device, sizeof(s->device), device);
    if (user && password)
        check_password(job, user, password);
    else
        sign_on_only(job, device);
}

/* ---- signing off ---- */

static int drop_session(struct ledger_tx *tx, struct api_job *job)
{
    int rc = staff_token_revoke(job->e->o.staff, tx, http_token(job->req));
    if (rc < 0 && rc != E_NOTFOUND)
        return rc;
    return api_audit(tx, job->actor.name, "session.close", http_peer(job->req), NULL);
}

static int keep_token(struct ledger_tx *tx, struct api_job *job)
{
    return api_audit(tx, job->actor.name, "session.close", http_peer(job->req), NULL);
}

static void signed_off(struct api_job *job)
{
    int rc = staff_sign_on(job->e->o.staff, job->actor.name, NULL);
    if (rc < 0 && rc != E_NOTFOUND)
        log_warn(&job->e->log, "%s could not be signed off", job->actor.name);
    set_cookie(job->req, "", "0");
    job->status = 204;
}

/* A session ends; a token made with `token add` stays, only its person leaves the device. */
static void delete_session(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    int64_t until = 0;
    if (http_token(req))
        (void)staff_by_token_until(e->o.staff, http_token(req), &until);
    job->after = signed_off;
    api_write(job, "session_end", until ? drop_session : keep_token);
}

static void get_session(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct api_job *job = api_job(req, e);
    const struct staff_account *a = staff_by_name(e->o.staff, job->actor.name);
    if (a) {
        put_session(job, a, a->device, NULL);
        api_answer(job, E_OK, NULL);
    } else {
        api_answer(job, E_NOTFOUND, NULL);
    }
}

const struct http_route api_session_routes[] = {
    ROUTE(POST, "/api/v1/session", MAY_ANYONE, post_session,
          "Sign in, and on at a device; with a person's token and no password: only on",
          .body = "user password device", .answer = "Session"),
    ROUTE(GET, "/api/v1/session", MAY_READ, get_session, "Who I am", .answer = "Session"),
    ROUTE(DELETE, "/api/v1/session", MAY_READ, delete_session, "Sign off and out"),
    {.path = NULL},
};
