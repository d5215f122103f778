/*
 * card_keeper.c - who keeps the cards: behind all other work, a few persons at a time, the loop
 * asks a reader whose card is missing and the ledger to make it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "service/registry/registry_priv.h"

#define LOOK_MAX 512  /* persons that one reading finds */
#define MAKE_MAX 32   /* cards that one command makes: about a millisecond of the ledger */
#define IDS_MAX  4096 /* persons that wait; more: everybody is looked through */

static void keep_next(struct registry *r);

/* ---- looking for what is missing ---------------------------------------------------------- */

struct look {
    struct registry *r;
    int64_t after;
    int64_t ids[LOOK_MAX];
    int n;
};

static int look_run(struct db *db, void *arg)
{
    struct look *l = arg;
    l->n = repo_card_missing(db, l->after, registry_today(l->r, clock_now_ms()), l->ids, LOOK_MAX);
    return l->n < 0 ? l->n : 0;
}

static void look_done(void *arg, int rc)
{
    struct look *l = arg;
    struct registry *r = l->r;
    r->keep.running = false;
    if (rc == 0 && l->n > 0) {
        r->keep.after = l->ids[l->n - 1];
        registry_keep(r, l->ids, (size_t)l->n);
    } else {
        r->keep.everybody = false;
    }
    free(l);
    if (rc == 0)
        keep_next(r);
}

static void look(struct registry *r)
{
    struct look *l = xcalloc(1, sizeof(*l));
    l->r = r;
    l->after = r->keep.after;
    struct ledger_read job = {"keep", look_run, look_done, l};
    if (ledger_read(r->ledger, &job, false) < 0)
        free(l); /* it goes on with the next change */
    else
        r->keep.running = true;
}

/* ---- making ------------------------------------------------------------------------------- */

struct make {
    struct registry *r;
    int64_t ids[MAKE_MAX];
    size_t n;
};

static int make_run(struct ledger_tx *tx, void *arg)
{
    struct make *m = arg;
    int32_t today = registry_today(m->r, ledger_now(tx));
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < m->n; i++)
        rc = registry_kept_make(ledger_db(tx), m->ids[i], today);
    return rc;
}

static void make_done(void *arg, int rc, const struct errmsg *why)
{
    struct make *m = arg;
    struct registry *r = m->r;
    r->keep.running = false;
    free(m);
    if (rc < 0 && rc != E_CANCELLED)
        log_warn(NULL, "keeping cards failed: %s", why->text[0] ? why->text : err_name(rc));
    if (rc == 0)
        keep_next(r);
}

static void make(struct registry *r)
{
    struct make *m = xcalloc(1, sizeof(*m));
    m->r = r;
    m->n = r->keep.n < MAKE_MAX ? r->keep.n : MAKE_MAX;
    memcpy(m->ids, r->keep.ids, m->n * sizeof(m->ids[0]));
    struct ledger_cmd cmd = {.name = "keep", .run = make_run, .done = make_done, .arg = m};
    if (ledger_submit(r->ledger, &cmd) < 0) {
        free(m); /* it goes on with the next change */
        return;
    }
    r->keep.running = true;
    r->keep.n -= m->n;
    memmove(r->keep.ids, r->keep.ids + m->n, r->keep.n * sizeof(r->keep.ids[0]));
}

static void keep_next(struct registry *r)
{
    if (r->keep.running || r->keep.quiet)
        return;
    if (r->keep.n)
        make(r);
    else if (r->keep.everybody)
        look(r);
}

void registry_quiet(struct registry *r)
{
    r->keep.quiet = true;
}

void registry_keep_all(struct registry *r)
{
    r->keep.everybody = true;
    r->keep.after = 0;
    keep_next(r);
}

void registry_keep(struct registry *r, const int64_t *ids, size_t n)
{
    if (!n)
        return;
    if (r->keep.n + n > IDS_MAX) {
        registry_keep_all(r);
        return;
    }
    if (r->keep.n + n > r->keep.cap) {
        r->keep.cap = r->keep.n + n;
        r->keep.ids = xrealloc(r->keep.ids, r->keep.cap * sizeof(r->keep.ids[0]));
    }
    memcpy(r->keep.ids + r->keep.n, ids, n * sizeof(ids[0]));
    r->keep.n += n;
    keep_next(r);
}
