/*
 * registry.c - the registry's life: who is told of changes, the site's day, and the search block
 * that follows the changes.
 */
#include "service/registry/registry.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "service/registry/registry_priv.h"

#define REFRESH_MAX   2000 /* persons waiting to be read again; more: everybody is */
#define HOUSEHOLD_MAX 200

/* ---- the search block follows ------------------------------------------------------------- */

struct refresh {
    struct registry *r;
    bool all;
    int64_t *ids;
    size_t n;
};

static void refresh_next(struct registry *r);

static int refresh_run(struct db *db, void *arg)
{
    struct refresh *f = arg;
    if (f->all)
        return search_fill(f->r->search, db);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < f->n; i++)
        rc = search_refresh(f->r->search, db, f->ids[i]);
    return rc;
}

static void refresh_done(void *arg, int rc)
{
    struct refresh *f = arg;
    struct registry *r = f->r;
    if (rc < 0 && rc != E_CANCELLED) {
        log_warn(NULL, "search: reading persons failed: %s", err_name(rc));
        r->refresh.again = true;
    }
    free(f->ids);
    free(f);
    r->refresh.running = false;
    if (rc == 0)
        refresh_next(r);
}

static void refresh_next(struct registry *r)
{
    if (r->refresh.running || (!r->refresh.again && !r->refresh.n))
        return;
    struct refresh *f = xcalloc(1, sizeof(*f));
    *f = (struct refresh){r, r->refresh.again, r->refresh.ids, r->refresh.n};
    struct ledger_read job = {"search", refresh_run, refresh_done, f};
    if (ledger_read(r->ledger, &job, false) < 0) {
        free(f); /* what waits is read with the next change */
        return;
    }
    r->refresh.running = true;
    r->refresh.again = false;
    r->refresh.ids = NULL;
    r->refresh.n = r->refresh.cap = 0;
}

void registry_refresh(struct registry *r, const int64_t *ids, size_t n)
{
    if (n == 0 || r->refresh.n + n > REFRESH_MAX) {
        r->refresh.again = true;
        r->refresh.n = 0;
    }
    for (size_t i = 0; i < n && !r->refresh.again; i++) {
        if (r->refresh.n == r->refresh.cap) {
            r->refresh.cap = r->refresh.cap ? r->refresh.cap * 2 : 32;
            r->refresh.ids = xrealloc(r->refresh.ids, r->refresh.cap * sizeof(int64_t));
        }
        r->refresh.ids[r->refresh.n++] = ids[i];
    }
    refresh_next(r);
}

int registry_search(struct registry *r, const char *q, int64_t after_id, int64_t *ids, int max)
{
    return search_find(r->search, q, after_id, ids, max);
}

int registry_search_json(struct registry *r, struct db *db, const char *q, int64_t after_id,
                         int limit, int32_t today, struct jw *w, int64_t *next,
                         struct registry_seen *seen)
{
    int64_t ids[501];
    limit = limit < 1 ? 1 : limit > 500 ? 500 : limit;
    *next = 0;
    int n = q ? search_find(r->search, q, after_id, ids, limit + 1)
              : repo_person_ids(db, after_id, ids, limit + 1);
    int rc = n < 0 ? n : 0;
    for (int i = 0; rc == 0 && i < n && i < limit; i++) {
        rc = registry_person_json(db, ids[i], today, w, seen);
        rc = rc == E_NOTFOUND ? 0 : rc; /* gone since */
    }
    if (n > limit)
        *next = ids[limit - 1];
    return rc;
}

/* ---- telling ------------------------------------------------------------------------------ */

struct changed {
    size_t n;
    int64_t ids[];
};

static void tell(struct registry *r, const int64_t *ids, size_t n)
{
    for (int i = 0; i < r->listeners_n; i++)
        r->listeners[i].fn(r->listeners[i].ctx, n ? ids : NULL, n);
}

static void changed_cb(void *ctx, void *arg)
{
    struct changed *c = arg;
    tell(ctx, c->ids, c->n);
}

void registry_tell_everybody(struct registry *r, bool search)
{
    tell(r, NULL, 0);
    if (search) {
        registry_refresh(r, NULL, 0);
        registry_keep_all(r);
    }
}

static void changed_and_search_cb(void *ctx, void *arg)
{
    struct changed *c = arg;
    changed_cb(ctx, arg);
    registry_refresh(ctx, c->ids, c->n);
    registry_keep(ctx, c->ids, c->n);
}

static struct changed *changed_new(const int64_t *ids, size_t n)
{
    struct changed *c = xmalloc(sizeof(*c) + n * sizeof(*ids));
    c->n = n;
    if (n)
        memcpy(c->ids, ids, n * sizeof(*ids));
    return c;
}

void registry_changed(struct registry *r, struct ledger_tx *tx, const int64_t *ids, size_t n)
{
    ledger_effect(tx, changed_and_search_cb, r, changed_new(ids, n), free);
}

int registry_changed_household(struct registry *r, struct ledger_tx *tx, int64_t person_id)
{
    int64_t ids[HOUSEHOLD_MAX];
    int32_t today = registry_today(r, ledger_now(tx));
    int n = registry_household(ledger_db(tx), person_id, today, ids, HOUSEHOLD_MAX);
    if (n > 0)
        registry_changed(r, tx, ids, (size_t)n);
    return n < 0 ? n : 0;
}

void registry_touch(struct registry *r, struct ledger_tx *tx, int64_t person_id)
{
    ledger_effect(tx, changed_cb, r, changed_new(&person_id, 1), free);
}

void registry_on_person_changed(struct registry *r, registry_changed_cb *fn, void *ctx)
{
    assert(r->listeners_n < REGISTRY_LISTENERS_MAX);
    r->listeners[r->listeners_n].fn = fn;
    r->listeners[r->listeners_n++].ctx = ctx;
}

/* ---- life --------------------------------------------------------------------------------- */

struct registry *registry_new(const struct registry_opts *opts)
{
    struct registry *r = xcalloc(1, sizeof(*r));
    r->ledger = opts->ledger;
    r->rules = *opts->rules;
    r->site = opts->site ? site_ref(opts->site) : NULL;
    pthread_mutex_init(&r->mutex, NULL);
    r->search = search_new();
    registry_refresh(r, NULL, 0);
    registry_keep_all(r);
    return r;
}

void registry_free(struct registry **rp)
{
    struct registry *r = *rp;
    if (r) {
        search_free(&r->search);
        free(r->refresh.ids);
        free(r->keep.ids);
        pthread_mutex_destroy(&r->mutex);
        site_unref(&r->site);
        free(r);
        *rp = NULL;
    }
}

void registry_set_site(struct registry *r, struct site *site, const struct number_rules *rules)
{
    struct site *old;
    pthread_mutex_lock(&r->mutex);
    old = r->site;
    r->site = site_ref(site);
    r->rules = *rules;
    pthread_mutex_unlock(&r->mutex);
    site_unref(&old);
}

struct site *registry_site(struct registry *r)
{
    pthread_mutex_lock(&r->mutex);
    struct site *site = r->site ? site_ref(r->site) : NULL;
    pthread_mutex_unlock(&r->mutex);
    return site;
}

int32_t registry_today(struct registry *r, int64_t now)
{
    pthread_mutex_lock(&r->mutex);
    int32_t today = r->site ? site_today(r->site, now) : zone_day(NULL, now);
    pthread_mutex_unlock(&r->mutex);
    return today;
}

void registry_rules(struct registry *r, struct number_rules *out)
{
    pthread_mutex_lock(&r->mutex);
    *out = r->rules;
    pthread_mutex_unlock(&r->mutex);
}
