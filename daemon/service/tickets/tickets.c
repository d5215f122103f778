/*
 * tickets.c - the ticket service as an object: its configuration, frozen policies, identifiers.
 */
#include "service/tickets/tickets.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_priv.h"

#define EVENT_DATA_MAX (64 * 1024)

struct actor actor_of(const struct staff_account *account)
{
    struct actor a = {.role = account->role, .kind = account->kind};
    text_copy(a.name, sizeof(a.name), account->name);
    text_copy(a.department, sizeof(a.department), account->department);
    return a;
}

/* ---- identifiers ---- */

const char *ticket_id_format(int64_t id, char out[TICKET_ID_TEXT])
{
    snprintf(out, TICKET_ID_TEXT, "T-%06" PRId64, id);
    return out;
}

int ticket_id_parse(const char *text, int64_t *id)
{
    if (text && (*text == 'T' || *text == 't') && text[1] == '-')
        text += 2;
    return text ? text_int(text, 1, INT64_C(999999999999), id) : E_INVALID;
}

/* ---- configuration ---- */

static void forget_site(struct tickets *t)
{
    struct site_frozen *s, *next;
    HASH_ITER (hh, t->of_site, s, next) {
        HASH_DEL(t->of_site, s);
        free(s);
    }
}

/* Calendars of the new site; a faulty one was refused by the check of the file, so that this keeps
 * the old ones only when a holiday file vanished meanwhile. */
static void use_site(struct tickets *t, const struct site *site)
{
    struct errmsg why = {""};
    struct calendars *fresh = calendars_new(site, &why);
    forget_site(t);
    t->site = site;
    pthread_mutex_lock(&t->lock);
    t->reopen_within = site->tickets.reopen_within;
    if (fresh) {
        calendars_unref(&t->calendars);
        t->calendars = fresh;
    }
    pthread_mutex_unlock(&t->lock);
    if (!fresh)
        log_error(NULL, "calendars stay as they were: %s", why.text);
}

struct tickets *tickets_new(const struct tickets_opts *opts)
{
    struct tickets *t = xcalloc(1, sizeof(*t));
    static const struct site none;
    t->hub = opts->hub;
    t->outbox = opts->outbox;
    t->hasher = history_hasher_new();
    buf_init(&t->scratch, EVENT_DATA_MAX);
    pthread_mutex_init(&t->lock, NULL);
    t->calendars = calendars_new(&none, NULL);
    use_site(t, opts->site);
    return t;
}

void tickets_free(struct tickets **tp)
{
    struct tickets *t = *tp;
    struct frozen *f, *next;
    if (!t)
        return;
    forget_site(t);
    HASH_ITER (hh, t->frozen, f, next) {
        HASH_DEL(t->frozen, f);
        policy_free(&f->policy);
        free(f->json);
        free(f);
    }
    calendars_unref(&t->calendars);
    history_hasher_free(&t->hasher);
    buf_free(&t->scratch);
    pthread_mutex_destroy(&t->lock);
    free(t);
    *tp = NULL;
}

void tickets_set_site(struct tickets *t, struct ledger_tx *tx, const struct site *site)
{
    (void)tx;
    use_site(t, site);
}

void tickets_set_timers(struct tickets *t, struct timers *timers)
{
    t->timers = timers;
}

struct tickets_view tickets_view_of(struct tickets *t)
{
    struct tickets_view v;
    pthread_mutex_lock(&t->lock);
    v.calendars = calendars_ref(t->calendars);
    v.reopen_within = t->reopen_within;
    pthread_mutex_unlock(&t->lock);
    return v;
}

void tickets_view_end(struct tickets_view *v)
{
    calendars_unref(&v->calendars);
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

static struct frozen *add_frozen(struct tickets *t, int64_t id, char *json)
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
    HASH_ADD(hh, t->frozen, id, sizeof(f->id), f);
    return f;
}

static struct frozen *find_frozen(struct tickets *t, int64_t id)
{
    struct frozen *f;
    HASH_FIND(hh, t->frozen, &id, sizeof(id), f);
    return f;
}

static struct frozen *freeze(struct tickets *t, const struct policy *policy)
{
    struct site_frozen *s;
    HASH_FIND_PTR(t->of_site, &policy, s);
    if (s)
        return s->frozen;
    struct buf json = BUF_INIT(EVENT_DATA_MAX * 4);
    policy_to_json(policy, &json);
    char *text = buf_take(&json);
    int64_t id = id_of(text);
    struct frozen *f = find_frozen(t, id);
    if (f)
        free(text);
    else
        f = add_frozen(t, id, text);
    if (!f)
        return NULL;
    s = xcalloc(1, sizeof(*s));
    s->policy = policy;
    s->frozen = f;
    HASH_ADD_PTR(t->of_site, policy, s);
    return f;
}

static void mark_durable(void *ctx, void *arg)
{
    (void)ctx;
    __atomic_store_n(&((struct frozen *)arg)->durable, true, __ATOMIC_RELEASE);
}

const struct frozen *tickets_freeze(struct tickets *t, struct ledger_tx *tx,
                                    const struct policy *policy)
{
    struct frozen *f = freeze(t, policy);
    if (!f || __atomic_load_n(&f->durable, __ATOMIC_ACQUIRE))
        return f;
    if (repo_policy_put(ledger_db(tx), f->id, policy->name, f->json, ledger_now(tx)))
        return NULL;
    ledger_effect(tx, mark_durable, t, f, NULL);
    return f;
}

const struct policy *tickets_frozen(struct tickets *t, struct db *db, int64_t policy_id)
{
    struct frozen *f = find_frozen(t, policy_id);
    if (!f) {
        char *json = repo_policy_get(db, policy_id);
        f = json ? add_frozen(t, policy_id, json) : NULL;
    }
    return f ? f->policy : NULL;
}
