/*
 * ledger_batch.c - the ledger's transactions: commands in savepoints, one commit for many, and
 * what happens when an error takes the whole transaction.
 */
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "spine/ledger_priv.h"

/* ---- what a command does to its transaction ----------------------------------------------- */

struct db *ledger_db(struct ledger_tx *tx)
{
    return tx->db;
}

int64_t ledger_now(const struct ledger_tx *tx)
{
    return tx->now;
}

uint64_t ledger_round(const struct ledger_tx *tx)
{
    return tx->round;
}

int ledger_refuse(struct ledger_tx *tx, int rc, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(tx->why.text, sizeof(tx->why.text), fmt, ap);
    va_end(ap);
    return rc;
}

void ledger_effect(struct ledger_tx *tx, void (*fn)(void *ctx, void *arg), void *ctx, void *arg,
                   void (*free_arg)(void *))
{
    if (tx->effects_n == tx->effects_cap) {
        tx->effects_cap = tx->effects_cap ? tx->effects_cap * 2 : 64;
        tx->effects = xrealloc(tx->effects, tx->effects_cap * sizeof(*tx->effects));
    }
    tx->effects[tx->effects_n++] = (struct effect){fn, ctx, arg, free_arg};
}

void ledger_before_commit(struct ledger_tx *tx, int (*fn)(struct ledger_tx *tx, void *ctx),
                          void *ctx)
{
    for (size_t i = 0; i < tx->hooks_n; i++)
        if (tx->hooks[i].fn == fn && tx->hooks[i].ctx == ctx)
            return;
    if (tx->hooks_n == tx->hooks_cap) {
        tx->hooks_cap = tx->hooks_cap ? tx->hooks_cap * 2 : 8;
        tx->hooks = xrealloc(tx->hooks, tx->hooks_cap * sizeof(*tx->hooks));
    }
    tx->hooks[tx->hooks_n++] = (struct hook){fn, ctx};
}

static void drop_effects(struct ledger_tx *tx, size_t from)
{
    for (size_t i = from; i < tx->effects_n; i++)
        if (tx->effects[i].free_arg)
            tx->effects[i].free_arg(tx->effects[i].arg);
    tx->effects_n = from;
}

/* ---- one command -------------------------------------------------------------------------- */

/* Whether an error says that the store, not the command, is at fault. */
static bool store_failed(int rc)
{
    return rc == E_BUSY || rc == E_IO || rc == E_FATAL || rc == E_UNCERTAIN;
}

int ledger_part_begin(struct ledger_tx *tx)
{
    tx->part_effects = tx->effects_n;
    tx->part_hooks = tx->hooks_n;
    return tx->careful ? db_savepoint(tx->db) : 0;
}

int ledger_part_end(struct ledger_tx *tx, int rc)
{
    if (!db_in_transaction(tx->db) || store_failed(rc))
        return rc < 0 ? rc : E_IO;
    if (!tx->careful) {
        tx->part_failed = rc < 0;
        return rc < 0 ? rc : 0;
    }
    if (rc >= 0)
        return db_release(tx->db);
    drop_effects(tx, tx->part_effects);
    tx->hooks_n = tx->part_hooks;
    db_rollback_to(tx->db);
    return db_in_transaction(tx->db) ? 0 : E_IO;
}

static void entry_refuse(struct entry *e, int rc, const char *why)
{
    e->rc = rc;
    free(e->why);
    e->why = xstrdup(why && why[0] ? why : err_name(rc));
}

static void entry_forget(struct entry *e)
{
    e->effects_from = e->effects_to = 0;
    e->rc = 0;
    free(e->why);
    e->why = NULL;
}

/* 0: done or refused alone; negative: the transaction is lost. */
static int run_entry(struct runner *r, struct entry *e)
{
    struct ledger_tx *tx = &r->tx;
    size_t hooks = tx->hooks_n;
    e->effects_from = e->effects_to = tx->effects_n;
    tx->why.text[0] = 0;
    tx->now = clock_now_ms();
    int rc = e->cmd.whole ? 0 : db_savepoint(r->db);
    if (rc < 0)
        return rc;
    rc = e->cmd.run(tx, e->cmd.arg);
    if (!db_in_transaction(r->db))
        return rc < 0 && store_failed(rc) ? rc : E_IO;
    if (rc >= 0) {
        e->effects_to = tx->effects_n;
        return e->cmd.whole ? 0 : db_release(r->db);
    }
    if (e->cmd.whole || tx->part_failed)
        return rc;
    bool insists = e->cmd.insist && (rc == E_BUSY || rc == E_IO);
    if (insists || (rc == E_FATAL && db_last_class(r->db) == DB_FATAL))
        return rc;
    entry_refuse(e, rc, tx->why.text);
    drop_effects(tx, e->effects_from);
    tx->hooks_n = hooks;
    db_rollback_to(r->db);
    return db_in_transaction(r->db) ? 0 : E_IO;
}

/* ---- one batch ---------------------------------------------------------------------------- */

static int run_hooks(struct runner *r)
{
    for (size_t i = 0; i < r->tx.hooks_n; i++) { /* a hook may ask for another */
        int rc = r->tx.hooks[i].fn(&r->tx, r->tx.hooks[i].ctx);
        if (rc < 0 || !db_in_transaction(r->db))
            return rc < 0 ? rc : E_IO;
    }
    return 0;
}

/* Runs up to limit commands or 5 ms of them; *n says how many, *hooks_from where the hooks'
 * effects begin. */
static int run_batch(struct runner *r, int *n, size_t *hooks_from, int64_t start)
{
    r->tx.why.text[0] = 0;
    r->tx.hooks_n = 0;
    r->tx.part_failed = false;
    r->tx.round++;
    int rc = db_begin(r->db);
    struct entry *e;
    DL_FOREACH (r->todo, e) {
        if (rc < 0 || *n >= r->limit || (*n > 0 && clock_mono_us() - start >= LEDGER_BATCH_US))
            break;
        ++*n;
        rc = run_entry(r, e);
    }
    *hooks_from = r->tx.effects_n;
    if (rc == 0)
        rc = run_hooks(r);
    return rc < 0 ? rc : db_commit(r->db);
}

static struct outcome *outcome_new(struct runner *r)
{
    struct outcome *o = xcalloc(1, sizeof(*o));
    o->effects = r->tx.effects;
    o->effects_n = r->tx.effects_n;
    r->tx.effects = NULL;
    r->tx.effects_n = r->tx.effects_cap = 0;
    return o;
}

static void move_entry(struct runner *r, struct entry *e, struct outcome *o)
{
    DL_DELETE(r->todo, e);
    DL_APPEND(o->entries, e);
}

static void round_done(struct runner *r, int n, size_t hooks_from, struct round *out)
{
    out->out = outcome_new(r);
    out->out->hooks_from = hooks_from;
    out->committed = true;
    while (n-- > 0)
        move_entry(r, r->todo, out->out);
    r->failures = 0;
    r->limit = r->limit * 2 < LEDGER_BATCH_MAX ? r->limit * 2 : LEDGER_BATCH_MAX;
}

/*
 * Who is answered after a failed transaction: nobody at first. A command whose own constraint
 * broke the commit is refused once it ran alone. After a few failures those who do not insist are:
 * the one that fails by itself, or all of them when the store takes nothing (no transaction
 * begins, or one that insists stands before them). Insisting ones only when the daemon stops.
 */
static void give_up(struct runner *r, int rc, int n, struct round *out)
{
    bool tired = r->failures >= LEDGER_TRIES;
    bool all = tired && (n == 0 || r->todo->cmd.insist || r->stopping);
    bool own_fault = n == 1 && !store_failed(rc);
    struct entry *e, *tmp;
    int index = 0;
    DL_FOREACH_SAFE (r->todo, e, tmp) {
        bool head = index == 0, ran = index++ < n;
        bool answer = e->cmd.insist ? all && r->stopping
                                    : all || (tired && head) || (ran && rc == E_UNCERTAIN);
        if (!answer && !(head && own_fault))
            continue;
        out->out = out->out ? out->out : outcome_new(r);
        entry_refuse(e, e->cmd.insist && !own_fault ? E_CANCELLED : rc, out->why.text);
        move_entry(r, e, out->out);
    }
}

/* As if the first n commands had not been run. */
static void undo_batch(struct runner *r, int n)
{
    db_rollback(r->db);
    drop_effects(&r->tx, 0);
    struct entry *e = r->todo;
    for (int i = 0; i < n; i++, e = e->next)
        entry_forget(e);
}

static void round_failed(struct runner *r, int rc, int n, struct round *out)
{
    snprintf(out->why.text, sizeof(out->why.text), "%s",
             r->tx.why.text[0] && !store_failed(rc) ? r->tx.why.text : db_last_error(r->db));
    out->rc = rc;
    undo_batch(r, n);
    r->failures++;
    r->limit = 1;
    give_up(r, rc, n, out);
}

void runner_round(struct runner *r, struct round *out)
{
    int n = 0;
    size_t hooks_from = 0;
    int64_t start = clock_mono_us();
    *out = (struct round){0};
    r->tx.careful = false;
    int rc = run_batch(r, &n, &hooks_from, start);
    if (rc < 0 && r->tx.part_failed) {
        undo_batch(r, n);
        n = 0;
        r->tx.careful = true;
        rc = run_batch(r, &n, &hooks_from, clock_mono_us());
    }
    if (rc < 0)
        round_failed(r, rc, n, out);
    else
        round_done(r, n, hooks_from, out);
    out->us = clock_mono_us() - start;
}

int runner_probe(struct runner *r, struct errmsg *why)
{
    int rc = db_begin(r->db);
    if (rc == 0)
        rc = db_probe(r->db);
    if (rc == 0)
        rc = db_commit(r->db);
    if (rc < 0) {
        errmsg_set(why, rc, "%s", db_last_error(r->db));
        db_rollback(r->db);
        return rc;
    }
    r->failures = 0;
    return 0;
}

int runner_backoff(const struct runner *r)
{
    if (r->failures < 2)
        return 0; /* the first repeat comes at once */
    int doublings = r->failures - 2 < 6 ? r->failures - 2 : 6;
    int ms = LEDGER_BACKOFF_MIN << doublings;
    return ms < LEDGER_BACKOFF_MAX ? ms : LEDGER_BACKOFF_MAX;
}

void runner_init(struct runner *r, struct db *db)
{
    *r = (struct runner){.db = db, .tx = {.db = db}, .limit = LEDGER_BATCH_MAX};
}

void runner_deinit(struct runner *r)
{
    free(r->tx.effects);
    free(r->tx.hooks);
    db_close(&r->db);
}
