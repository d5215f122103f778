/*
 * card_cache.c - cards by number: the cache, the reads under way, and what makes a card stale.
 *
 * Every touch of a person counts a turn up, and a card is born at the turn at which its read was
 * asked for: it is valid as long as none of its persons was touched at a later turn. So an answer
 * whose read began before a touch is used once and never again, without any book-keeping.
 */
#include "service/pops/pops_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"
#include "domain/zone.h"
#include "service/registry/registry.h"
#include "store/repo_person.h"
#include "store/repo_ticket.h"

#define CACHE_ENTRIES     20000
#define CACHE_BYTES       ((size_t)64 << 20)
#define ADVICE_MAX        8192
#define TOUCHED_MAX       100000 /* more: everything is stale, which is cheaper than to remember */
#define UNREAD_MAX        4096
#define NUMBERS_AT_A_TIME 64 /* persons: a reading that cards wait behind */
#define NUMBERS_MAX       ((size_t)1 << 20)
#define RETRY_MS          20
#define TRIES             5
#define UNHAPPY_SCORE     2 /* of 5: the agent should know */
#define OVERDUE_SHOWN     3 /* promises that a pop names */

struct want {
    char key[NUMBER_TEXT_MAX];
    uint64_t born;
    bool stale;  /* the number itself changed hands meanwhile */
    bool queued; /* a reader has it; else the lane was full */
    int tries;
    struct waiter *waiters;
    UT_hash_handle hh;
};

/* One read: made on the loop, filled by a reader. */
struct card_job {
    struct pops *sp;
    struct card *card;
    bool unkept;
};

/* ---- cards ---- */

struct card *card_ref(struct card *card)
{
    card->refs++;
    return card;
}

void card_unref(struct card **c)
{
    struct card *card = *c;
    *c = NULL;
    if (!card || --card->refs)
        return;
    free(card->owners);
    free(card->advice);
    pool_give(card, sizeof(*card));
}

static void card_drop(void *card)
{
    struct card *c = card;
    card_unref(&c);
}

static struct card *card_new(const char *key, uint64_t born)
{
    struct card *c = pool_take0(sizeof(*c));
    c->refs = 1;
    c->born = born;
    c->match = "none";
    if (key)
        text_copy(c->key, sizeof(c->key), key);
    return c;
}

struct card *card_nobody(const char *match)
{
    struct card *c = card_new(NULL, 0);
    c->match = match;
    c->owners = xstrdup("[]");
    c->advice = xstrdup("[]");
    return c;
}

bool card_valid(const struct pops *sp, const struct card *card)
{
    if (!card->key[0]) /* nobody's: nothing can change it */
        return true;
    if (card->stale || sp->all_touched > card->born)
        return false;
    for (int i = 0; i < card->n; i++) {
        struct touched *t;
        HASH_FIND(hh, sp->touched, &card->ids[i], sizeof(card->ids[i]), t);
        if (t && t->turn > card->born)
            return false;
    }
    return true;
}

struct card *card_cached(struct pops *sp, const char *key)
{
    struct card *c = lru_get(sp->cards, key);
    if (c && card_valid(sp, c)) {
        sp->stats.hits++;
        return c;
    }
    if (c)
        lru_drop(sp->cards, key);
    sp->stats.misses++;
    return NULL;
}

bool card_shows(const struct card *card, int64_t person_id)
{
    for (int i = 0; i < card->n; i++)
        if (card->ids[i] == person_id)
            return true;
    return false;
}

/* ---- advice: what to know before the first word ---- */

static void advise(struct jw *w, const char *kind, const char *text, int64_t ticket)
{
    char id[32];
    snprintf(id, sizeof(id), "T-%06lld", (long long)ticket);
    jw_obj(w);
    jw_kstr(w, "kind", kind);
    jw_kstr(w, "text", text);
    jw_kstr(w, "ticket", ticket ? id : NULL);
    jw_end_obj(w);
}

static void advise_unhappy(int score, struct jw *w)
{
    char text[64];
    if (score < 0 || score > UNHAPPY_SCORE)
        return;
    snprintf(text, sizeof(text), "last survey: %d of 5", score);
    advise(w, "unhappy", text, 0);
}

static void advise_overdue(void *ctx, int64_t ticket_id, const char *subject, const char *clock)
{
    char text[256];
    snprintf(text, sizeof(text), "%.32s is overdue: %.200s", clock, subject);
    advise(ctx, "overdue", text, ticket_id);
}

static int advice(struct db *db, const struct card *card, const struct registry_found *found,
                  struct buf *out)
{
    struct jw w;
    int rc = E_OK;
    jw_init(&w, out);
    jw_arr(&w);
    if (card->person_id && card->certain) {
        if (found->owners[0].has_tickets)
            rc = repo_clock_overdue_of(db, card->person_id, OVERDUE_SHOWN, advise_overdue, &w);
        advise_unhappy(found->owners[0].score, &w);
    }
    jw_end_arr(&w);
    return rc;
}

/* ---- reading ---- */

static void note_places(struct card *c, const struct registry_owner *o)
{
    for (size_t i = 0; i < o->homes_n && c->places_n < CARD_PLACES; i++)
        c->places[c->places_n++] = o->homes[i];
}

static void card_fill(struct card *c, struct registry_found *f)
{
    c->match = f->match;
    c->digest = f->digest;
    for (int i = 0; i < f->n && c->n < CARD_PERSONS; i++) {
        c->ids[c->n++] = f->owners[i].id;
        note_places(c, &f->owners[i]);
    }
    if (text_eq(f->match, "one") && f->n > 0) { /* current ones come first */
        c->person_id = f->owners[0].id;
        c->certain = f->owners[0].certainty == MATCH_CERTAIN;
        text_copy(c->name, sizeof(c->name), f->owners[0].name);
    }
    c->owners = f->json.len ? buf_take(&f->json) : xstrdup("[]");
}

static int read_run(struct db *db, void *arg)
{
    struct card_job *job = arg;
    struct registry_found found; /* 13 KiB that need not be cleared */
    struct buf words = BUF_INIT(ADVICE_MAX);
    struct registry *registry = job->sp->opts.registry;
    int64_t now = clock_now_ms();
    int32_t today = registry ? registry_today(registry, now) : zone_day(NULL, now);
    int rc = registry_cards(db, job->card->key, today, &found);
    if (rc == E_OK) {
        card_fill(job->card, &found);
        job->unkept = found.unkept;
        rc = advice(db, job->card, &found, &words);
    }
    job->card->advice = words.overflow || !words.len ? xstrdup("[]") : buf_take(&words);
    job->card->bytes = sizeof(*job->card) + strlen(job->card->advice) +
                       (job->card->owners ? strlen(job->card->owners) : 0);
    buf_free(&words);
    registry_found_free(&found);
    return rc;
}

static void read_done(void *arg, int rc);

/* Gives the want to a reader; if the lane is full, the retry timer comes back to it. */
static void want_submit(struct pops *sp, struct want *want)
{
    struct card_job *job = pool_take0(sizeof(*job));
    want->born = sp->turn;
    job->sp = sp;
    job->card = card_new(want->key, want->born);
    struct ledger_read read = {.name = "card", .run = read_run, .done = read_done, .arg = job};
    want->queued = ledger_read(sp->opts.ledger, &read, true) == E_OK;
    if (want->queued)
        return;
    card_unref(&job->card);
    pool_give(job, sizeof(*job));
    loop_timer_arm(sp->retry, RETRY_MS);
}

static void want_answer(struct pops *sp, struct want *want, struct card *card)
{
    struct waiter *w;
    HASH_DEL(sp->wants, want);
    while ((w = want->waiters)) {
        DL_DELETE(want->waiters, w);
        w->fn(w->ctx, card);
    }
    pool_give(want, sizeof(*want));
}

static void want_failed(struct pops *sp, struct want *want)
{
    sp->stats.failed++;
    if (want->tries++ < TRIES) {
        want->queued = false;
        loop_timer_arm(sp->retry, RETRY_MS);
        return;
    }
    log_warn(NULL, "screenpop: the card of a caller could not be read");
    struct card *nobody = card_nobody("none");
    want_answer(sp, want, nobody);
    card_unref(&nobody);
}

static void read_done(void *arg, int rc)
{
    struct card_job *job = arg;
    struct pops *sp = job->sp;
    struct card *card = job->card;
    struct want *want;
    if (rc >= 0 && job->unkept && sp->opts.registry)
        registry_keep(sp->opts.registry, card->ids, (size_t)card->n);
    pool_give(job, sizeof(*job));
    HASH_FIND_STR(sp->wants, card->key, want);
    if (want && want->born == card->born && rc < 0) {
        want_failed(sp, want);
    } else if (want && want->born == card->born) {
        if (!want->stale && card_valid(sp, card))
            lru_put(sp->cards, card->key, card_ref(card), card->bytes);
        card->stale = want->stale; /* whoever shows it looks again */
        want_answer(sp, want, card);
    }
    card_unref(&card);
}

static void retry_cb(void *arg)
{
    struct pops *sp = arg;
    struct want *want, *tmp;
    HASH_ITER (hh, sp->wants, want, tmp) {
        if (want->queued)
            continue;
        want_submit(sp, want);
        if (!want->queued) /* the lane is full again */
            break;
    }
}

void card_wait(struct pops *sp, const char *key, struct waiter *w)
{
    struct want *want;
    HASH_FIND_STR(sp->wants, key, want);
    if (!want) {
        want = pool_take0(sizeof(*want));
        text_copy(want->key, sizeof(want->key), key);
        HASH_ADD_STR(sp->wants, key, want);
        want_submit(sp, want);
    }
    DL_APPEND(want->waiters, w);
}

void card_unwait(struct pops *sp, const char *key, struct waiter *w)
{
    struct want *want;
    HASH_FIND_STR(sp->wants, key, want);
    if (want)
        DL_DELETE(want->waiters, w);
}

/* ---- touches ---- */

/* Numbers of touched persons: one that a person got just now may be cached as nobody's. */
struct numbers_job {
    struct pops *sp;
    int64_t ids[NUMBERS_AT_A_TIME];
    size_t n;
    struct buf numbers; /* struct owned_number, one after the other */
};

struct owned_number {
    int64_t person_id;
    char e164[NUMBER_TEXT_MAX];
};

/* Whose numbers are being read. */
struct numbers_of {
    struct numbers_job *job;
    int64_t person_id;
};

static void take_number(void *ctx, const char *e164)
{
    struct numbers_of *of = ctx;
    struct owned_number number = {.person_id = of->person_id};
    text_copy(number.e164, sizeof(number.e164), e164);
    buf_add(&of->job->numbers, &number, sizeof(number));
}

static int numbers_run(struct db *db, void *arg)
{
    struct numbers_job *job = arg;
    int rc = E_OK;
    buf_reset(&job->numbers);
    for (size_t i = 0; i < job->n && rc == E_OK; i++) {
        struct numbers_of of = {job, job->ids[i]};
        rc = repo_phone_each(db, of.person_id, take_number, &of);
    }
    return rc;
}

/* A person has a number. Unless its card shows them, it was made before they had it. */
static void check_number(struct pops *sp, const struct owned_number *number)
{
    struct card *cached = lru_get(sp->cards, number->e164);
    struct want *want;
    if (!cached || !card_shows(cached, number->person_id)) {
        HASH_FIND_STR(sp->wants, number->e164, want);
        if (want)
            want->stale = true;
        lru_drop(sp->cards, number->e164);
    }
    pops_number_changed(sp, number->e164, number->person_id);
}

static void read_numbers(struct pops *sp);

static void numbers_done(void *arg, int rc)
{
    struct numbers_job *job = arg;
    struct pops *sp = job->sp;
    struct owned_number number;
    sp->reading_numbers = false;
    if (rc < 0 || job->numbers.overflow)
        pops_touch(sp, NULL, 0);
    for (size_t at = 0; at + sizeof(number) <= job->numbers.len; at += sizeof(number)) {
        memcpy(&number, job->numbers.data + at, sizeof(number));
        check_number(sp, &number);
    }
    buf_free(&job->numbers);
    free(job);
    read_numbers(sp);
}

static void read_numbers(struct pops *sp)
{
    if (sp->reading_numbers || !sp->unread_n)
        return;
    struct numbers_job *job = xcalloc(1, sizeof(*job));
    job->sp = sp;
    job->n = sp->unread_n < NUMBERS_AT_A_TIME ? sp->unread_n : NUMBERS_AT_A_TIME;
    buf_init(&job->numbers, NUMBERS_MAX);
    memcpy(job->ids, sp->unread, job->n * sizeof(job->ids[0]));
    sp->unread_n -= job->n;
    memmove(sp->unread, sp->unread + job->n, sp->unread_n * sizeof(sp->unread[0]));
    struct ledger_read read = {
        .name = "numbers", .run = numbers_run, .done = numbers_done, .arg = job};
    sp->reading_numbers = true;
    if (ledger_read(sp->opts.ledger, &read, true) < 0)
        numbers_done(job, E_BUSY);
}

static void touch_all(struct pops *sp)
{
    struct touched *t, *tmp;
    HASH_ITER (hh, sp->touched, t, tmp) {
        HASH_DEL(sp->touched, t);
        free(t);
    }
    sp->all_touched = sp->turn;
    sp->unread_n = 0;
    lru_clear(sp->cards);
}

static void touch_one(struct pops *sp, int64_t id)
{
    struct touched *t;
    HASH_FIND(hh, sp->touched, &id, sizeof(id), t);
    if (!t) {
        t = xcalloc(1, sizeof(*t));
        t->id = id;
        HASH_ADD(hh, sp->touched, id, sizeof(t->id), t);
    }
    t->turn = sp->turn;
    if (sp->unread_n == sp->unread_cap) {
        sp->unread_cap = sp->unread_cap ? sp->unread_cap * 2 : 16;
        sp->unread = xrealloc(sp->unread, sp->unread_cap * sizeof(*sp->unread));
    }
    sp->unread[sp->unread_n++] = id;
}

void cards_touch(struct pops *sp, const int64_t *ids, size_t n)
{
    sp->turn++;
    if (!ids || HASH_COUNT(sp->touched) + n > TOUCHED_MAX || sp->unread_n + n > UNREAD_MAX) {
        touch_all(sp);
        return;
    }
    for (size_t i = 0; i < n; i++)
        touch_one(sp, ids[i]);
    read_numbers(sp);
}

size_t cards_reading(const struct pops *sp)
{
    return HASH_COUNT(sp->wants) + sp->reading_numbers;
}

void cards_init(struct pops *sp)
{
    size_t entries = sp->opts.cache_entries ? sp->opts.cache_entries : CACHE_ENTRIES;
    size_t bytes = sp->opts.cache_bytes ? sp->opts.cache_bytes : CACHE_BYTES;
    sp->cards = lru_new(entries, bytes, card_drop);
    sp->retry = loop_timer_new(sp->opts.loop, retry_cb, sp);
    sp->turn = 1;
}

void cards_deinit(struct pops *sp)
{
    struct want *want, *tmp;
    HASH_ITER (hh, sp->wants, want, tmp) {
        HASH_DEL(sp->wants, want);
        pool_give(want, sizeof(*want));
    }
    touch_all(sp);
    free(sp->unread);
    lru_free(&sp->cards);
    loop_timer_free(&sp->retry);
}
