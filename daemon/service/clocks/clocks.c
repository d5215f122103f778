/*
 * clocks.c - the calendars in force, and policies frozen by their text.
 */
#include "service/clocks/clocks.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"

#define POLICY_JSON_MAX (256 * 1024)

/** The configuration's policies, by their place in it. */
struct site_frozen {
    const struct policy *policy;
    struct frozen *frozen;
    UT_hash_handle hh;
};

struct clocks {
    struct frozen *frozen; /* by id; added to by any thread, never taken from */
    pthread_mutex_t frozen_lock;
    struct site_frozen *of_site; /* by pointer, of the present site; ledger thread */
    pthread_mutex_t lock;        /* of the calendars, which readers share */
    struct calendars *calendars;
};

/* ---- configuration ---- */

static void forget_site(struct clocks *c)
{
    struct site_frozen *s, *next;
    HASH_ITER (hh, c->of_site, s, next) {
        HASH_DEL(c->of_site, s);
        free(s);
    }
}

/* A faulty calendar was refused by the check of the file, so that this keeps the old ones only when
 * a holiday file vanished meanwhile. */
void clocks_set_site(struct clocks *c, const struct site *site)
{
    struct errmsg why = {""};
    struct calendars *fresh = calendars_new(site, &why);
    forget_site(c);
    if (!fresh) {
        log_error(NULL, "calendars stay as they were: %s", why.text);
        return;
    }
    pthread_mutex_lock(&c->lock);
    calendars_unref(&c->calendars);
    c->calendars = fresh;
    pthread_mutex_unlock(&c->lock);
}

struct clocks *clocks_new(const struct site *site)
{
    struct clocks *c = xcalloc(1, sizeof(*c));
    static const struct site none;
    pthread_mutex_init(&c->lock, NULL);
    pthread_mutex_init(&c->frozen_lock, NULL);
    c->calendars = calendars_new(&none, NULL);
    clocks_set_site(c, site);
    return c;
}

void clocks_free(struct clocks **cp)
{
    struct clocks *c = *cp;
    struct frozen *f, *next;
    if (!c)
        return;
    forget_site(c);
    HASH_ITER (hh, c->frozen, f, next) {
        HASH_DEL(c->frozen, f);
        policy_free(&f->policy);
        free(f->json);
        free(f);
    }
    calendars_unref(&c->calendars);
    pthread_mutex_destroy(&c->lock);
    pthread_mutex_destroy(&c->frozen_lock);
    free(c);
    *cp = NULL;
}

struct calendars *clocks_calendars(struct clocks *c)
{
    pthread_mutex_lock(&c->lock);
    struct calendars *calendars = calendars_ref(c->calendars);
    pthread_mutex_unlock(&c->lock);
    return calendars;
}

const struct calendars *clocks_in_force(const struct clocks *c)
{
    return c->calendars;
}

/* ---- frozen policies ---- */

/* The id follows from the text, so that what a rolled-back command left here is never wrong. */
static int64_t id_of(const char *json)
{
    uint8_t sum[SHA256_LEN];
    uint64_t id = 0;
    sha256(json, strlen(json), sum);
    for (int i = 0; i < 8; i++)
        id = id << 8 | sum[i];
    id &= INT64_MAX;
    return id ? (int64_t)id : 1;
}

static struct frozen *add_frozen(struct clocks *c, int64_t id, char *json)
{
    struct frozen *f = NULL;
    struct errmsg why = {""};
    struct policy *policy = policy_from_json(json, strlen(json), &why);
    if (!policy) {
        log_error(NULL, "policy %" PRId64 " cannot be read: %s", id, why.text);
        free(json);
        return NULL;
    }
    f = xcalloc(1, sizeof(*f));
    f->id = id;
    f->json = json;
    f->policy = policy;
    HASH_ADD(hh, c->frozen, id, sizeof(f->id), f);
    return f;
}

static struct frozen *find_frozen(struct clocks *c, int64_t id)
{
    struct frozen *f;
    HASH_FIND(hh, c->frozen, &id, sizeof(id), f);
    return f;
}

static struct frozen *freeze(struct clocks *c, const struct policy *policy)
{
    struct site_frozen *s;
    HASH_FIND_PTR(c->of_site, &policy, s);
    if (s)
        return s->frozen;
    struct buf json = BUF_INIT(POLICY_JSON_MAX);
    policy_to_json(policy, &json);
    char *text = buf_take(&json);
    int64_t id = id_of(text);
    pthread_mutex_lock(&c->frozen_lock);
    struct frozen *f = find_frozen(c, id);
    if (f)
        free(text);
    else
        f = add_frozen(c, id, text);
    pthread_mutex_unlock(&c->frozen_lock);
    if (!f)
        return NULL;
    s = xcalloc(1, sizeof(*s));
    s->policy = policy;
    s->frozen = f;
    HASH_ADD_PTR(c->of_site, policy, s);
    return f;
}

static void mark_durable(void *ctx, void *arg)
{
    (void)ctx;
    __atomic_store_n(&((struct frozen *)arg)->durable, true, __ATOMIC_RELEASE);
}

const struct frozen *clocks_freeze(struct clocks *c, struct ledger_tx *tx,
                                   const struct policy *policy)
{
    struct frozen *f = freeze(c, policy);
    if (!f || __atomic_load_n(&f->durable, __ATOMIC_ACQUIRE))
        return f;
    if (repo_policy_put(ledger_db(tx), f->id, policy->name, f->json, ledger_now(tx)))
        return NULL;
    ledger_effect(tx, mark_durable, c, f, NULL);
    return f;
}

const struct policy *clocks_frozen(struct clocks *c, struct db *db, int64_t policy_id)
{
    pthread_mutex_lock(&c->frozen_lock);
    struct frozen *f = find_frozen(c, policy_id);
    if (!f) {
        char *json = repo_policy_get(db, policy_id);
        f = json ? add_frozen(c, policy_id, json) : NULL;
    }
    pthread_mutex_unlock(&c->frozen_lock);
    return f ? f->policy : NULL;
}
