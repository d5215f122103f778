/*
 * radar_watch.c - tickets from the hub to the radar's windows: which to look at, the reader that
 * looks, and what follows.
 */
#include "service/incidents/radar_watch.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/incidents/incident_priv.h"

#define HISTORY_MAX  50000 /* complaints read at the start */
#define HISTORY_TAUS 84    /* windows: three times tau (domain/radar.h) */
#define LOOK_MAX     256   /* tickets of one read */
#define PENDING_MAX  20000 /* more wait for their next change */
#define KNOWN_MAX    100000

/* What a ticket said of itself last: looked at again only when that changes. */
struct known {
    int64_t id;
    uint64_t topic;
    UT_hash_handle hh;
};

struct radar_watch {
    struct radar_watch_opts opts;
    struct hub_sub *sub;
    struct radar *radar;
    struct conf_texts same; /* owned copies */
    int64_t within;
    struct known *known;
    int64_t *pending;
    size_t pending_n, pending_cap;
    bool started, looking;
    bool stale; /* the configuration changed while a read was under way */
};

/* ---- what the hub says ---- */

static void forget_known(struct radar_watch *rw)
{
    struct known *k, *tmp;
    HASH_ITER (hh, rw->known, k, tmp) {
        HASH_DEL(rw->known, k);
        free(k);
    }
}

/* True when the ticket is news. */
static bool note(struct radar_watch *rw, int64_t id, uint64_t topic)
{
    struct known *k;
    HASH_FIND(hh, rw->known, &id, sizeof(id), k);
    if (k && k->topic == topic)
        return false;
    if (!k) {
        if (HASH_COUNT(rw->known) >= KNOWN_MAX)
            forget_known(rw);
        k = xcalloc(1, sizeof(*k));
        k->id = id;
        HASH_ADD(hh, rw->known, id, sizeof(k->id), k);
    }
    k->topic = topic;
    return true;
}

static void look(struct radar_watch *rw);

static void on_event(void *ctx, const struct hub_event *ev)
{
    struct radar_watch *rw = ctx;
    if (ev->kind != HUB_TICKET || rw->pending_n >= PENDING_MAX ||
        !note(rw, ev->ticket_id, ev->topic))
        return;
    if (rw->pending_n == rw->pending_cap) {
        rw->pending_cap = rw->pending_cap ? rw->pending_cap * 2 : 64;
        rw->pending = xrealloc(rw->pending, rw->pending_cap * sizeof(*rw->pending));
    }
    rw->pending[rw->pending_n++] = ev->ticket_id;
    look(rw);
}

/* ---- what follows from a complaint ---- */

struct offering {
    struct incidents *in;
    struct incident_offer offer;
};

static int offer_run(struct ledger_tx *tx, void *arg)
{
    struct offering *o = arg;
    return incidents_propose(o->in, tx, &o->offer);
}

static void offer_done(void *arg, int rc, const struct errmsg *why)
{
    if (rc < 0 && rc != E_CANCELLED)
        log_error(NULL, "radar: an incident could not be proposed: %s", why ? why->text : "");
    free(arg);
}

static void submit_offer(struct radar_watch *rw, const struct incident_offer *offer)
{
    struct offering *o = xcalloc(1, sizeof(*o));
    *o = (struct offering){rw->opts.incidents, *offer};
    struct ledger_cmd cmd = {.name = "radar", .run = offer_run, .done = offer_done, .arg = o};
    if (ledger_submit(rw->opts.ledger, &cmd) < 0)
        free(o); /* the next complaint offers it again */
}

struct joining {
    struct incidents *in;
    int64_t incident, ticket;
};

static int join_run(struct ledger_tx *tx, void *arg)
{
    const struct joining *j = arg;
    return incidents_join(j->in, tx, j->incident, j->ticket);
}

static void join_done(void *arg, int rc, const struct errmsg *why)
{
    const struct joining *j = arg;
    char id[TICKET_ID_TEXT];
    if (rc < 0 && rc != E_CANCELLED)
        log_warn(NULL, "radar: %s did not join its incident: %s", ticket_id_format(j->ticket, id),
                 why ? why->text : "");
    free(arg);
}

static void submit_join(struct radar_watch *rw, int64_t incident, int64_t ticket)
{
    struct joining *j = xcalloc(1, sizeof(*j));
    *j = (struct joining){rw->opts.incidents, incident, ticket};
    struct ledger_cmd cmd = {
        .name = "incident_join", .run = join_run, .done = join_done, .arg = j, .insist = true};
    if (ledger_submit(rw->opts.ledger, &cmd) < 0)
        free(j);
}

/* Into its window; an offer if that is enough. recent: of the present window. */
static void count(struct radar_watch *rw, const struct complaint_row *c, bool recent)
{
    struct incident_offer offer = {.scope = c->place, .unit_id = c->unit_id};
    struct radar_complaint seen = {
        .ticket_id = c->ticket_id, .at = c->at, .group = offer.key, .owner = c->owner};
    if (!c->counts || !*c->owner || !radar_reduce(&offer.scope, &rw->same)) {
        radar_drop(rw->radar, c->ticket_id);
        return;
    }
    radar_key(&offer.scope, offer.key);
    if (recent && incidents_covering(rw->opts.incidents, &c->place, offer.key)) {
        radar_drop(rw->radar, c->ticket_id);
        return;
    }
    if (radar_see(rw->radar, &seen, &offer.warning) && recent)
        submit_offer(rw, &offer);
}

static void take(struct radar_watch *rw, const struct complaint_row *c)
{
    int64_t incident = 0;
    bool recent = c->at > clock_now_ms() - rw->within;
    if (c->incident_id) {
        radar_drop(rw->radar, c->ticket_id);
        incidents_refresh(rw->opts.incidents);
        return;
    }
    if (c->counts)
        incident = incidents_gathering(rw->opts.incidents, &c->place);
    if (incident)
        submit_join(rw, incident, c->ticket_id);
    else
        count(rw, c, recent);
}

/* ---- reading ---- */

struct looking {
    struct radar_watch *rw;
    int64_t since; /* read the history from there; 0: the tickets of ids */
    int32_t today;
    int64_t ids[LOOK_MAX];
    size_t n;
    struct complaint_row *rows;
    size_t rows_n, rows_cap;
};

static void keep_row(void *ctx, const struct complaint_row *c)
{
    struct looking *l = ctx;
    if (l->rows_n == l->rows_cap) {
        l->rows_cap = l->rows_cap ? l->rows_cap * 2 : LOOK_MAX;
        l->rows = xrealloc(l->rows, l->rows_cap * sizeof(*l->rows));
    }
    l->rows[l->rows_n++] = *c;
}

static int looking_run(struct db *db, void *arg)
{
    struct looking *l = arg;
    int rc = 0;
    l->rows_n = 0;
    if (l->since)
        return repo_complaints_since(db, l->since, l->today, HISTORY_MAX, keep_row, l);
    for (size_t i = 0; rc == E_OK && i < l->n; i++) {
        struct complaint_row c;
        rc = repo_complaint(db, l->ids[i], l->today, &c);
        if (rc == E_OK)
            keep_row(l, &c);
        else if (rc == E_NOTFOUND)
            rc = 0;
    }
    return rc;
}

static void read_history(struct radar_watch *rw);

static void looking_done(void *arg, int rc)
{
    struct looking *l = arg;
    struct radar_watch *rw = l->rw;
    bool stale = rw->stale;
    rw->looking = false;
    if (rc < 0 && rc != E_CANCELLED)
        log_warn(NULL, "radar: complaints could not be read: %s", err_name(rc));
    for (size_t i = 0; rw->started && !stale && i < l->rows_n; i++)
        take(rw, &l->rows[i]);
    free(l->rows);
    free(l);
    if (stale)
        read_history(rw);
    else
        look(rw);
}

static void submit(struct radar_watch *rw, struct looking *l)
{
    struct ledger_read read = {.name = "radar", .run = looking_run, .done = looking_done, .arg = l};
    l->rw = rw;
    l->today = site_today(rw->opts.site, clock_now_ms());
    rw->looking = ledger_read(rw->opts.ledger, &read, false) == 0;
    if (!rw->looking) {
        log_warn(NULL, "radar: the readers are busy, %zu tickets are looked at later", l->n);
        free(l);
    }
}

static void look(struct radar_watch *rw)
{
    if (!rw->started || rw->looking || rw->pending_n == 0 || rw->same.n == 0)
        return;
    struct looking *l = xcalloc(1, sizeof(*l));
    l->n = rw->pending_n < LOOK_MAX ? rw->pending_n : LOOK_MAX;
    memcpy(l->ids, rw->pending, l->n * sizeof(*l->ids));
    submit(rw, l);
    if (!rw->looking)
        return;
    rw->pending_n -= l->n;
    memmove(rw->pending, rw->pending + l->n, rw->pending_n * sizeof(*rw->pending));
}

static void read_history(struct radar_watch *rw)
{
    rw->stale = rw->looking;
    if (!rw->started || rw->looking || rw->same.n == 0)
        return;
    struct looking *l = xcalloc(1, sizeof(*l));
    l->since = clock_now_ms() - HISTORY_TAUS * rw->within;
    if (l->since < 1)
        l->since = 1;
    submit(rw, l);
}

/* ---- start and stop ---- */

static void free_same(struct radar_watch *rw)
{
    for (size_t i = 0; i < rw->same.n; i++)
        free(rw->same.items[i]);
    free(rw->same.items);
    rw->same = (struct conf_texts){0};
}

static void take_rules(struct radar_watch *rw, const struct site *site)
{
    const struct site_group_alert *g = &site->tickets.group_alert;
    struct radar_rules rules = {.owners = g->owners, .within = span_rough_ms(&g->within)};
    free_same(rw);
    rw->same.items = xcalloc(g->same.n + 1, sizeof(*rw->same.items));
    for (size_t i = 0; i < g->same.n; i++)
        rw->same.items[rw->same.n++] = xstrdup(g->same.items[i]);
    rw->within = rules.within;
    radar_free(&rw->radar);
    rw->radar = radar_new(&rules);
}

struct radar_watch *radar_watch_new(const struct radar_watch_opts *opts)
{
    struct radar_watch *rw = xcalloc(1, sizeof(*rw));
    rw->opts = *opts;
    rw->opts.site = site_ref(opts->site);
    take_rules(rw, opts->site);
    rw->sub = hub_subscribe(opts->hub, on_event, rw);
    return rw;
}

void radar_watch_start(struct radar_watch *rw)
{
    rw->started = true;
    read_history(rw);
}

void radar_watch_set_site(struct radar_watch *rw, struct site *site)
{
    site_unref(&rw->opts.site);
    rw->opts.site = site_ref(site);
    take_rules(rw, site);
    read_history(rw);
}

void radar_watch_stop(struct radar_watch *rw)
{
    rw->started = false;
    hub_unsubscribe(&rw->sub);
}

void radar_watch_free(struct radar_watch **rwp)
{
    struct radar_watch *rw = *rwp;
    if (!rw)
        return;
    hub_unsubscribe(&rw->sub);
    forget_known(rw);
    site_unref(&rw->opts.site);
    free_same(rw);
    radar_free(&rw->radar);
    free(rw->pending);
    free(rw);
    *rwp = NULL;
}
