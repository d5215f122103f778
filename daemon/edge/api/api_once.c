/*
 * api_once.c - Idempotency-Key: one effect and one answer for a POST that is sent again.
 *
 * The answer is kept in the transaction of the effect where that is a ledger command, and right
 * after it where it is not (call events, imports, backups). What is kept is sealed with the key,
 * which itself is kept as a digest alone: whoever reads the database learns neither tokens nor
 * persons from it.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_once.h"
#include "store/repo_idempotency.h"

#define KEY_MAX     255
#define KEY_KEPT_MS (7 * 86400000LL)
#define SWEEP_MS    3600000

/* A secret of the key's own, for one purpose. The path is part of it: a key counts within one. */
static void derive(const struct api_job *job, const char *purpose, const char *more,
                   uint8_t out[SHA256_LEN])
{
    const char *const parts[] = {purpose, job->actor.name, http_path(job->req), job->key, more};
    struct buf text = BUF_INIT(65536);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        buf_add(&text, parts[i], strlen(parts[i]) + 1);
    sha256(buf_str(&text), text.len, out);
    buf_free(&text);
}

/* JSON counts as what it says, however it is written; anything else byte by byte. */
static void take_digest(struct api_job *job, const json_t *json)
{
    uint8_t secret[SHA256_LEN], hash[SHA256_LEN];
    size_t len;
    const char *body = http_body_text(job->req, &len);
    char *canonical = json ? json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    derive(job, "digest", http_query_text(job->req), secret);
    if (canonical)
        hmac_sha256(secret, sizeof(secret), canonical, strlen(canonical), hash);
    else
        hmac_sha256(secret, sizeof(secret), body, len, hash);
    hex_encode(hash, sizeof(hash), job->digest);
    free(canonical);
}

/* The id of a signed push stays the same when its sender tries again (Standard Webhooks). */
static const char *key_of(const struct http_req *req)
{
    const char *key = http_header(req, "Idempotency-Key");
    if (key || http_proof(req) != HTTP_NOBODY || !(http_route(req)->flags & HTTP_RAW))
        return key;
    return http_header(req, "webhook-id");
}

/* The header, if it counts here. E_INVALID: it is no key. */
static int take_key(struct api_job *job)
{
    const char *key = key_of(job->req);
    uint8_t hash[SHA256_LEN];
    if (!key || !http_route_once(http_route(job->req)))
        return E_OK;
    if (!*key || strlen(key) > KEY_MAX)
        return api_bad(job, "Idempotency-Key", "the key must have 1 to %d bytes", KEY_MAX);
    job->key = xstrdup(key);
    derive(job, "name", "", hash);
    hex_encode(hash, sizeof(hash), job->key_name);
    return E_OK;
}

int api_once_key(struct api_job *job)
{
    int rc = take_key(job);
    if (rc == E_OK && job->key)
        take_digest(job, http_body(job->req));
    return rc;
}

static struct idempotency_row name_of(struct api_job *job)
{
    return (struct idempotency_row){
        .account = job->actor.name, .route = http_path(job->req), .key = job->key_name};
}

/* What was found under the key, and whether it could be read. */
struct recall {
    struct api_job *job;
    bool same;
    int rc;
};

static void take_kept(void *ctx, const struct idempotency_row *row)
{
    struct recall *r = ctx;
    uint8_t secret[SEAL_KEY_LEN];
    r->same = text_eq(row->digest, r->job->digest);
    if (!r->same)
        return;
    derive(r->job, "seal", "", secret);
    r->job->status = row->status;
    r->rc = unseal(secret, row->body, &r->job->out);
}

int api_once_recall(struct db *db, struct api_job *job)
{
    struct idempotency_row name = name_of(job);
    struct recall r = {.job = job};
    int rc = repo_idempotency_get(db, &name, take_kept, &r);
    if (rc == E_NOTFOUND)
        return 0;
    if (rc < 0 || r.rc < 0)
        return rc < 0 ? rc : E_IO;
    return r.same ? 1 : api_bad(job, "Idempotency-Key", "that key was used with another body");
}

int api_once_remember(struct db *db, struct api_job *job)
{
    struct buf sealed = BUF_INIT(API_OUT_MAX * 2);
    struct idempotency_row row = name_of(job);
    uint8_t secret[SEAL_KEY_LEN];
    derive(job, "seal", "", secret);
    seal(secret, buf_str(&job->out), job->out.len, &sealed);
    row.digest = job->digest;
    row.status = job->status;
    row.body = buf_str(&sealed);
    row.body_len = sealed.len;
    row.at = job->now;
    int rc = repo_idempotency_keep(db, &row);
    buf_free(&sealed);
    return rc;
}

/* ---- effects that are no ledger command ---- */

static bool is_twin(const struct api_job *a, const struct api_job *b)
{
    return text_eq(a->key, b->key) && text_eq(a->actor.name, b->actor.name) &&
           text_eq(http_path(a->req), http_path(b->req));
}

static int run_look(struct db *db, void *arg)
{
    struct api_job *job = arg;
    buf_reset(&job->out);
    memset(&job->verb, 0, sizeof(job->verb));
    take_digest(job, job->said);
    int rc = api_once_recall(db, job);
    job->replayed = rc == 1;
    return rc < 0 ? rc : E_OK;
}

static void looked(void *arg, int rc)
{
    struct api_job *job = arg;
    void (*fn)(struct api_job * job) = job->then;
    job->then = NULL;
    if (rc < 0 || job->replayed)
        api_answer(job, rc, NULL);
    else
        fn(job);
}

void api_once(struct api_job *job, const json_t *said, void (*fn)(struct api_job *job))
{
    struct ledger_read read = {.name = "once", .run = run_look, .done = looked, .arg = job};
    struct api_job *other;
    int rc = take_key(job);
    if (rc == E_OK && !job->key) {
        fn(job);
        return;
    }
    job->said = said;
    job->then = fn;
    DL_FOREACH2 (job->e->once, other, next_once)
        if (rc == E_OK && is_twin(job, other))
            rc = E_CONFLICT;
    if (rc == E_CONFLICT)
        text_copy(job->verb.text, sizeof(job->verb.text),
                  "the request that bears this key is still being carried out");
    if (rc == E_OK) {
        DL_APPEND2(job->e->once, job, prev_once, next_once);
        job->once = true;
        rc = ledger_read(job->e->o.ledger, &read, false);
    }
    if (rc < 0)
        api_answer(job, rc, NULL);
}

static int run_keep(struct ledger_tx *tx, void *arg)
{
    struct api_job *job = arg;
    job->now = ledger_now(tx);
    return api_once_remember(ledger_db(tx), job);
}

/* The effect is there: an answer that could not be kept is given all the same. */
static void kept(void *arg, int rc, const struct errmsg *why)
{
    struct api_job *job = arg;
    if (rc < 0)
        log_warn(&job->e->log, "the answer under an Idempotency-Key was not kept: %s",
                 why ? why->text : "");
    api_once_end(job);
    job->after = NULL; /* was called */
    api_answer(job, E_OK, NULL);
}

bool api_once_keep(struct api_job *job)
{
    struct ledger_cmd cmd = {.name = "keep_answer", .run = run_keep, .done = kept, .arg = job};
    return job->once && !job->replayed && !job->e->closed &&
           ledger_submit(job->e->o.ledger, &cmd) == E_OK;
}

void api_once_end(struct api_job *job)
{
    if (job->once)
        DL_DELETE2(job->e->once, job, prev_once, next_once);
    job->once = false;
}

/* ---- keys that are forgotten ---- */

static int run_forget(struct ledger_tx *tx, void *arg)
{
    struct idempotency_row name = name_of(arg);
    return repo_idempotency_forget(ledger_db(tx), &name);
}

bool api_forget_key(struct api_job *job, void (*done)(void *job, int rc, const struct errmsg *why))
{
    struct ledger_cmd cmd = {.name = "forget_key", .run = run_forget, .done = done, .arg = job};
    return job->key && ledger_submit(job->e->o.ledger, &cmd) == E_OK;
}

static int run_sweep(struct ledger_tx *tx, void *arg)
{
    return repo_idempotency_sweep(ledger_db(tx), ledger_now(tx) - KEY_KEPT_MS);
}

static void sweep(void *arg)
{
    struct edge *e = arg;
    struct ledger_cmd cmd = {.name = "sweep_keys", .run = run_sweep};
    loop_timer_arm(e->sweep, SWEEP_MS);
    if (ledger_submit(e->o.ledger, &cmd) < 0)
        log_debug(&e->log, "old keys are forgotten an hour later");
}

void api_keys_start(struct edge *e)
{
    e->sweep = loop_timer_new(e->o.loop, sweep, e);
    loop_timer_arm(e->sweep, SWEEP_MS);
}
