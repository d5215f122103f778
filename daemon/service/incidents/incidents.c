/*
 * incidents.c - live incidents in memory on the loop, and the work that goes on in batches: tickets
 * that join, callers who are told.
 */
#include "service/incidents/incidents.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/incidents/incident_priv.h"

#define LIVE_MAX 1024 /* incidents at once that the loop knows of */
#define RETRY_MS 500

/* ---- images ---- */

void incident_free(struct incident **ip)
{
    if (*ip)
        free((*ip)->text);
    free(*ip);
    *ip = NULL;
}

struct incident *incident_image(struct db *db, const struct incident_row *r, int *rc)
{
    bool open = r->state == INCIDENT_OPEN;
    struct incident *i;
    *rc = 0;
    if (!open && r->state != INCIDENT_PROPOSED)
        return NULL;
    i = xcalloc(1, sizeof(*i));
    i->id = r->id;
    i->open = open;
    i->gathers = r->gathers;
    i->scope = r->scope;
    text_copy(i->key, sizeof(i->key), r->key);
    i->text = xstrdup(r->words && *r->words ? r->words : r->subject);
    *rc = repo_incident_buildings(db, r->id, i->buildings, INCIDENT_BUILDINGS, &i->buildings_n);
    if (*rc)
        incident_free(&i);
    return i;
}

static void drop(struct incidents *in, int64_t id)
{
    struct incident *i, *tmp;
    DL_FOREACH_SAFE (in->live, i, tmp) {
        if (i->id != id)
            continue;
        DL_DELETE(in->live, i);
        incident_free(&i);
    }
}

static int newer(const struct incident *a, const struct incident *b)
{
    return a->id < b->id ? 1 : a->id > b->id ? -1 : 0;
}

static void tell_change(struct incidents *in)
{
    if (in->changed)
        in->changed(in->changed_ctx);
}

/* ---- news from commands ---- */

struct news {
    int64_t id;
    bool work;
    struct incident *image; /* NULL: it is not live any more */
};

static void news_free(void *arg)
{
    struct news *n = arg;
    incident_free(&n->image);
    free(n);
}

static void work(struct incidents *in);

static void news_take(void *ctx, void *arg)
{
    struct incidents *in = ctx;
    struct news *n = arg;
    in->turn++;
    drop(in, n->id);
    if (n->image)
        DL_INSERT_INORDER(in->live, n->image, newer);
    n->image = NULL;
    tell_change(in);
    if (n->work)
        work(in);
}

int incident_tell_loop(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r)
{
    struct news *n = xcalloc(1, sizeof(*n));
    int rc;
    n->id = r->id;
    n->work = r->joining >= 0 || r->telling >= 0;
    n->image = incident_image(ledger_db(tx), r, &rc);
    if (rc < 0) {
        news_free(n);
        return rc;
    }
    ledger_effect(tx, news_take, in, n, news_free);
    return 0;
}

/* ---- reading them anew ---- */

struct reading {
    struct incidents *in;
    uint64_t turn;
    struct incident *live;
};

static int read_live(struct db *db, struct incident **live)
{
    int64_t ids[LIVE_MAX];
    int n = 0;
    int rc = repo_incident_live(db, ids, LIVE_MAX, &n);
    for (int i = 0; rc == E_OK && i < n; i++) {
        struct incident_row row;
        struct incident *image = NULL;
        rc = repo_incident_load(db, ids[i], &row);
        if (rc == E_OK)
            image = incident_image(db, &row, &rc);
        if (image)
            DL_PREPEND(*live, image);
        incident_row_clear(&row);
    }
    return rc;
}

static void free_all(struct incident **live)
{
    while (*live) {
        struct incident *i = *live;
        DL_DELETE(*live, i);
        incident_free(&i);
    }
}

static int reading_run(struct db *db, void *arg)
{
    struct reading *r = arg;
    free_all(&r->live);
    return read_live(db, &r->live);
}

static void reading_done(void *arg, int rc)
{
    struct reading *r = arg;
    struct incidents *in = r->in;
    bool again = in->read_again || r->turn != in->turn;
    in->reading = in->read_again = false;
    if (rc == E_OK && r->turn == in->turn) {
        struct incident *before = in->live;
        in->live = r->live;
        r->live = before;
        tell_change(in);
    }
    free_all(&r->live);
    free(r);
    if (rc == E_OK && again)
        incidents_refresh(in);
}

void incidents_refresh(struct incidents *in)
{
    struct reading *r;
    in->read_again = in->reading;
    if (in->reading)
        return;
    r = xcalloc(1, sizeof(*r));
    r->in = in;
    r->turn = in->turn;
    struct ledger_read read = {
        .name = "incidents", .run = reading_run, .done = reading_done, .arg = r};
    in->reading = ledger_read(in->opts.ledger, &read, false) == 0;
    if (!in->reading)
        free(r);
}

/* ---- work in batches ---- */

struct batch {
    struct incidents *in;
    bool more;
};

static int batch_run(struct ledger_tx *tx, void *arg)
{
    struct batch *b = arg;
    struct incident_row row;
    int64_t id;
    int rc = repo_incident_work(ledger_db(tx), &id);
    b->more = id != 0;
    if (rc < 0 || !id)
        return rc;
    rc = repo_incident_load(ledger_db(tx), id, &row);
    if (rc == E_OK && row.joining >= 0)
        rc = incident_join_some(b->in, tx, &row);
    else if (rc == E_OK)
        rc = incident_tell_some(b->in, tx, &row);
    if (rc == E_OK)
        rc = repo_incident_update(ledger_db(tx), &row);
    if (rc == E_OK)
        rc = incident_tell_loop(b->in, tx, &row);
    incident_row_clear(&row);
    return rc;
}

static void batch_done(void *arg, int rc, const struct errmsg *why)
{
    struct batch *b = arg;
    struct incidents *in = b->in;
    bool more = b->more;
    free(b);
    in->working = false;
    if (rc == E_CANCELLED)
        return;
    if (rc < 0) {
        log_warn(NULL, "incidents: a batch failed, it is run again: %s", why ? why->text : "");
        loop_timer_arm(in->retry, RETRY_MS);
    } else if (more) {
        work(in);
    }
}

static void work(struct incidents *in)
{
    struct batch *b;
    if (in->working || !in->started)
        return;
    b = xcalloc(1, sizeof(*b));
    b->in = in;
    struct ledger_cmd cmd = {
        .name = "incident_work", .run = batch_run, .done = batch_done, .arg = b};
    in->working = ledger_submit(in->opts.ledger, &cmd) == 0;
    if (!in->working) {
        free(b);
        loop_timer_arm(in->retry, RETRY_MS);
    }
}

static void work_again(void *arg)
{
    work(arg);
}

/* ---- questions of the loop ---- */

static bool concerns(const struct incident *i, const struct radar_scope *places, size_t n)
{
    for (size_t p = 0; p < n; p++) {
        if (radar_holds(&i->scope, &places[p]))
            return true;
        for (size_t b = 0; b < i->buildings_n; b++)
            if (i->buildings[b] == places[p].building_id)
                return true;
    }
    return false;
}

void incidents_advise(void *ctx, const struct radar_scope *places, size_t n, struct jw *w)
{
    const struct incidents *in = ctx;
    const struct incident *i;
    int said = 0;
    DL_FOREACH (in->live, i) {
        if (said == 3 || !concerns(i, places, n))
            continue;
        said++;
        jw_obj(w);
        jw_kstr(w, "kind", "incident");
        jw_kstr(w, "text", i->text);
        jw_knull(w, "ticket");
        jw_kint(w, "incident", i->id);
        jw_kstr(w, "state", i->open ? "open" : "proposed");
        jw_end_obj(w);
    }
}

/* Whether a complaint from there is about it. */
static bool covers(const struct incident *i, const struct radar_scope *place)
{
    bool anywhere = !i->scope.estate_id && !i->scope.building_id;
    if (i->scope.category[0] && !text_eq(i->scope.category, place->category))
        return false;
    return anywhere ? i->scope.category[0] != 0 : radar_holds(&i->scope, place);
}

int64_t incidents_covering(const struct incidents *in, const struct radar_scope *place,
                           const char *key)
{
    const struct incident *i;
    DL_FOREACH (in->live, i)
        if (text_eq(i->key, key) || (i->scope.category[0] && covers(i, place)))
            return i->id;
    return 0;
}

int64_t incidents_gathering(const struct incidents *in, const struct radar_scope *place)
{
    const struct incident *i;
    DL_FOREACH (in->live, i)
        if (i->open && i->gathers && covers(i, place))
            return i->id;
    return 0;
}

void incidents_on_change(struct incidents *in, void (*fn)(void *ctx), void *ctx)
{
    in->changed = fn;
    in->changed_ctx = ctx;
}

/* ---- start and stop ---- */

struct incidents *incidents_new(const struct incidents_opts *opts, struct errmsg *why)
{
    struct incidents *in = xcalloc(1, sizeof(*in));
    in->opts = *opts;
    in->site = opts->site;
    in->retry = loop_timer_new(opts->loop, work_again, in);
    if (read_live(ledger_startup_db(opts->ledger), &in->live)) {
        errmsg_set(why, E_IO, "the incidents cannot be read");
        incidents_free(&in);
    }
    return in;
}

void incidents_set_site(struct incidents *in, const struct site *site)
{
    in->site = site;
}

void incidents_start(struct incidents *in)
{
    in->started = true;
    work(in);
}

void incidents_stop(struct incidents *in)
{
    in->started = false;
}

void incidents_free(struct incidents **inp)
{
    struct incidents *in = *inp;
    if (!in)
        return;
    free_all(&in->live);
    loop_timer_free(&in->retry);
    free(in);
    *inp = NULL;
}
