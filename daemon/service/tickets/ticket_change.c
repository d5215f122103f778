/*
 * ticket_change.c - a ticket under change: loaded, its history collected, written as a whole.
 */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/tickets/ticket_priv.h"
#include "store/repo_person.h"
#include "store/repo_unit.h"

static void init(struct ticket *k, struct tickets *t, struct ledger_tx *tx, const char *by)
{
    memset(k, 0, sizeof(*k));
    k->t = t;
    k->tx = tx;
    k->db = ledger_db(tx);
    k->now = ledger_now(tx);
    text_copy(k->by, sizeof(k->by), by);
}

/* Ids are given out here and not by the store, so that the whole history can be hashed before the
 * one INSERT of the ticket. A refused ticket gives its number back (ticket_drop); a command that is
 * rolled back after the INSERT leaves a gap, never a repeat. */
static int next_id(struct ticket *k)
{
    struct tickets *t = k->t;
    int rc = t->last_id ? 0 : repo_ticket_last_id(k->db, &t->last_id);
    if (rc == E_OK)
        k->row.id = ++t->last_id;
    return rc;
}

void ticket_begin(struct ticket *k, struct tickets *t, struct ledger_tx *tx, const char *by)
{
    init(k, t, tx, by);
    k->is_new = k->counted = k->clocks_all = true;
    k->row.version = 1;
    k->row.cycle = 1;
    k->row.priority = 3;
    k->row.opened_at = k->now;
    text_copy(k->row.kind, sizeof(k->row.kind), "enquiry");
    text_copy(k->row.channel, sizeof(k->row.channel), "web");
    k->rc = next_id(k);
    ticket_id_format(k->row.id, k->row.last_hash);
}

int ticket_load(struct ticket *k, struct tickets *t, struct ledger_tx *tx, int64_t id,
                const char *by)
{
    init(k, t, tx, by);
    int rc = repo_ticket_load(k->db, id, &k->row);
    if (rc == E_OK)
        rc = repo_clocks_load(k->db, id, 0, CLOCKS_LIVE, &k->clocks, &k->clocks_n);
    k->written = k->row;
    k->clocks_cap = k->clocks_n;
    if (rc == E_OK)
        rc = repo_dispatches_load(k->db, id, &k->dispatches, &k->dispatches_n);
    if (rc == E_OK)
        k->policy = clocks_frozen(t->clocks, k->db, k->row.policy_id);
    if (rc == E_OK && !k->policy)
        rc = E_FATAL;
    k->rc = rc;
    if (rc < 0)
        ticket_drop(k);
    return rc;
}

static void free_events(struct ticket *k)
{
    for (size_t i = 0; i < k->events_n; i++)
        free(k->events[i].data);
    k->events_n = 0;
}

void ticket_drop(struct ticket *k)
{
    if (k->is_new && k->row.id && k->row.id == k->t->last_id)
        k->t->last_id--;
    free_events(k);
    free(k->events);
    for (size_t i = 0; i < k->dispatches_n; i++)
        dispatch_row_clear(&k->dispatches[i]);
    free(k->dispatches);
    free(k->clocks);
    for (size_t i = 0; i < k->concerned_n; i++)
        free(k->concerned[i]);
    free(k->concerned);
    ticket_row_clear(&k->row);
    k->events = NULL;
    k->dispatches = NULL;
    k->clocks = NULL;
    k->concerned = NULL;
    k->dispatches_n = k->clocks_n = k->concerned_n = 0;
}

/* ---- history ---- */

struct jw *ticket_say(struct ticket *k)
{
    buf_reset(&k->t->scratch);
    jw_init(&k->w, &k->t->scratch);
    jw_obj(&k->w);
    return &k->w;
}

void ticket_said(struct ticket *k, const char *kind)
{
    struct history_row row = {.kind = kind};
    struct pending_event *e;
    jw_end_obj(&k->w);
    if (k->rc)
        return;
    if (k->t->scratch.overflow) {
        k->rc = E_TOOBIG;
        return;
    }
    if (k->events_n == k->events_cap) {
        k->events_cap = k->events_cap ? k->events_cap * 2 : 8;
        k->events = xrealloc(k->events, k->events_cap * sizeof(*k->events));
    }
    e = &k->events[k->events_n++];
    e->seq = ++k->row.last_seq;
    e->kind = kind;
    e->data = xstrdup(buf_str(&k->t->scratch));
    text_copy(e->by, sizeof(e->by), k->by);
    history_salt(e->salt);
    history_digest(k->t->hasher, e->salt, e->data, e->digest);
    row.seq = e->seq;
    row.at = k->now;
    row.by = e->by;
    history_hash(k->t->hasher, k->row.last_hash, &row, e->digest, e->hash);
    memcpy(k->row.last_hash, e->hash, HISTORY_HEX);
}

static int write_events(struct ticket *k)
{
    int rc = 0;
    for (size_t i = 0; rc == E_OK && i < k->events_n; i++) {
        const struct pending_event *e = &k->events[i];
        struct event_row row = {.ticket_id = k->row.id,
                                .seq = e->seq,
                                .at = k->now,
                                .by = e->by,
                                .kind = e->kind,
                                .data = e->data,
                                .salt = e->salt,
                                .digest = e->digest,
                                .hash = e->hash};
        rc = repo_event_insert(k->db, &row);
    }
    free_events(k);
    return rc;
}

/* ---- writing ---- */

/* A row is written only if it differs from what stands: a step that only tells somebody writes it
 * once, at the end. Every change says an event, so that the history's end differs by then. */
static int write_row(struct ticket *k)
{
    int rc;
    if (!k->is_new && memcmp(&k->row, &k->written, sizeof(k->row)) == 0)
        return 0;
    if (!k->counted)
        k->row.version++;
    k->counted = true;
    rc = k->is_new ? repo_ticket_insert(k->db, &k->row) : repo_ticket_update(k->db, &k->row);
    k->is_new = false;
    k->written = k->row;
    return rc;
}

int ticket_flush(struct ticket *k)
{
    if (k->rc)
        return k->rc;
    k->rc = write_row(k);
    if (!k->rc)
        k->rc = write_events(k);
    for (size_t i = 0; !k->rc && i < k->clocks_n; i++)
        if (k->clocks[i].dirty) {
            k->rc = repo_clock_save(k->db, &k->clocks[i]);
            k->clocks[i].dirty = false;
        }
    for (size_t i = 0; !k->rc && i < k->dispatches_n; i++)
        if (k->dispatches[i].dirty) {
            k->rc = repo_dispatch_save(k->db, &k->dispatches[i]);
            k->dispatches[i].dirty = false;
        }
    return k->rc;
}

int ticket_finish(struct ticket *k)
{
    int rc = ticket_flush(k);
    if (rc == E_OK)
        rc = ticket_publish(k);
    if (k->out) {
        k->out->ticket_id = k->row.id;
        k->out->version = k->row.version;
    }
    ticket_drop(k);
    return rc;
}

/* ---- what is common to several verbs ---- */

void ticket_concerns(struct ticket *k, const char *account)
{
    if (!account || !*account)
        return;
    for (size_t i = 0; i < k->concerned_n; i++)
        if (text_eq(k->concerned[i], account))
            return;
    k->concerned = xrealloc(k->concerned, (k->concerned_n + 1) * sizeof(char *));
    k->concerned[k->concerned_n++] = xstrdup(account);
}

void ticket_announce(struct ticket *k, const char *type)
{
    if (k->announce_n < ARRAY_LEN(k->announce))
        k->announce[k->announce_n++] = type;
}

/* What the person and the place add to the facts by which a policy is chosen. */
struct chosen_by {
    char segment[NAME_MAX_TEXT], estate[128], flags[512];
    const char *words[33];
};

static int read_person_facts(struct db *db, int64_t person_id, struct chosen_by *c)
{
    struct person_row row;
    size_t n = 0;
    int rc = repo_person_get(db, person_id, &row);
    if (rc == E_OK) {
        text_copy(c->segment, sizeof(c->segment), row.segment);
        text_copy(c->flags, sizeof(c->flags), row.flags);
    }
    for (char *p = c->flags; *p && n + 1 < ARRAY_LEN(c->words);) {
        c->words[n++] = p;
        p += strcspn(p, ";");
        if (*p)
            *p++ = 0;
    }
    c->words[n] = NULL;
    return rc == E_NOTFOUND ? 0 : rc;
}

static int read_estate(struct db *db, int64_t unit_id, struct chosen_by *c)
{
    struct unit_place place;
    int rc = repo_unit_place(db, unit_id, &place);
    text_copy(c->estate, sizeof(c->estate), place.estate);
    return rc;
}

/* "" as NULL. */
static const char *or_null(const char *s)
{
    return *s ? s : NULL;
}

int ticket_choose_policy(struct ticket *k)
{
    struct chosen_by c = {.words = {NULL}};
    if (!k->rc && k->row.person_id)
        k->rc = read_person_facts(k->db, k->row.person_id, &c);
    if (!k->rc && k->row.unit_id)
        k->rc = read_estate(k->db, k->row.unit_id, &c);
    if (k->rc)
        return k->rc;
    struct policy_facts facts = {.category = or_null(k->row.category),
                                 .kind = k->row.kind,
                                 .segment = or_null(c.segment),
                                 .channel = k->row.channel,
                                 .estate = or_null(c.estate),
                                 .flags = c.words,
                                 .priority = k->row.priority};
    const struct frozen *f =
        clocks_freeze(k->t->clocks, k->tx, site_policy_for(k->t->site, &facts));
    if (!f)
        return k->rc = db_last_class(k->db) == DB_OK ? E_FATAL : E_BUSY;
    k->policy = f->policy;
    k->row.policy_id = f->id;
    return 0;
}

int ticket_open_dispatches(const struct dispatch_row *dispatches, size_t n)
{
    int open = 0;
    for (size_t i = 0; i < n; i++)
        open += dispatches[i].ended_at == 0;
    return open;
}

bool ticket_may_own(struct ticket *k, const char *account)
{
    struct staff_account a;
    return account && *account && !text_eq(account, k->row.about) &&
           staff_row_by_name(k->db, account, &a) == 0 && a.kind == STAFF_PERSON && !a.disabled &&
           a.role != ROLE_AUDITOR && a.role != ROLE_NONE;
}

void ticket_set_state(struct ticket *k, enum ticket_state to, const char *cause)
{
    if (k->row.state == to)
        return;
    if (!state_may_move(&ticket_states, k->row.state, to)) {
        log_error(NULL, "ticket %lld cannot go from %s to %s (%s)", (long long)k->row.id,
                  ticket_state_name(k->row.state), ticket_state_name(to), cause);
        k->rc = k->rc ? k->rc : E_CONFLICT;
        return;
    }
    state_log(&ticket_states, k->row.id, k->row.state, to, cause);
    k->row.state = to;
}

void ticket_take(struct ticket *k, const char *account)
{
    text_copy(k->row.responder, sizeof(k->row.responder), account);
    ticket_set_state(k, TICKET_OPEN, "taken");
}

/* ---- the rule table's view ---- */

bool dispatch_is_for(const struct dispatch_row *d, const struct actor *a)
{
    return a->kind == STAFF_DEV || text_eq(d->assignee, a->name) ||
           (*a->department && text_eq(d->department, a->department));
}

static unsigned who_of(const struct ticket_row *row, const struct dispatch_row *d, size_t n,
                       const struct actor *a)
{
    unsigned who = 0;
    bool person = a->kind == STAFF_PERSON && a->role != ROLE_AUDITOR && a->role != ROLE_NONE;
    if (a->kind == STAFF_DEV)
        return WHO_MACHINE | WHO_SUPERVISOR | WHO_DEPARTMENT | WHO_SUCCESSOR;
    if (a->kind == STAFF_INTEGRATION)
        return WHO_MACHINE;
    if (!person)
        return 0;
    who |= WHO_PERSON;
    if (text_eq(row->responder, a->name))
        who |= WHO_RESPONDER;
    if (a->role >= ROLE_SUPERVISOR && a->role <= ROLE_ADMIN)
        who |= WHO_SUPERVISOR;
    for (size_t i = 0; i < n; i++)
        if (!d[i].ended_at && dispatch_is_for(&d[i], a))
            who |= WHO_DEPARTMENT;
    if (*row->about && text_eq(row->about, a->name))
        who |= WHO_BARRED;
    return who;
}

/* The handover under way is small JSON of ours. */
static unsigned handover_facts(const struct ticket_row *row, const struct actor *a, unsigned *who)
{
    unsigned facts = 0;
    json_t *o = json_parse(row->handover_json, strlen(row->handover_json), NULL);
    const char *to = json_string_value(json_object_get(o, "to"));
    /* While nobody is proposed another may be asked for at any time. */
    if (to)
        facts |= FACT_HANDOVER;
    if (to && a->kind == STAFF_PERSON && text_eq(to, a->name))
        *who |= WHO_SUCCESSOR;
    if (json_is_string(json_object_get(o, "accepted_at")))
        facts |= FACT_HANDOVER_ACCEPTED;
    if (json_is_string(json_object_get(o, "approved_by")))
        facts |= FACT_HANDOVER_APPROVED;
    json_decref(o);
    return facts;
}

/* A clock that waits for a work order goes on with it, not when somebody says so. */
static unsigned clock_facts(const struct ticket_shown *s, const struct view_of *env)
{
    unsigned facts = 0;
    for (size_t i = 0; i < s->clocks_n; i++) {
        const struct clock_row *c = &s->clocks[i];
        const struct policy *p;
        if (c->ended_at || clock_is_protocol(c))
            continue;
        facts |= FACT_LIVE_CLOCK;
        facts |= c->state == CLOCK_PAUSED ? 0 : FACT_RUNNING_CLOCK;
        p = c->state == CLOCK_PAUSED ? NULL : clocks_frozen(env->clocks, env->db, c->policy_id);
        if (p && policy_may_pause(p, c->name))
            facts |= FACT_PAUSABLE_CLOCK;
        if (c->state == CLOCK_PAUSED && !text_eq(c->paused_reason, PAUSED_BY_DISPATCH))
            facts |= FACT_PAUSED_CLOCK;
        if (!clock_is_standard(c->name))
            facts |= FACT_MILESTONE;
    }
    return facts;
}

/* Of the dispatches to the actor's department if there are any, else of all. */
static unsigned dispatch_facts(const struct dispatch_row *d, size_t n, const struct actor *a,
                               bool own)
{
    unsigned facts = (n ? FACT_PROMISED : 0) | (n >= DISPATCHES_MAX ? FACT_DISPATCHES_FULL : 0);
    for (size_t i = 0; i < n; i++) {
        if (own && !dispatch_is_for(&d[i], a))
            continue;
        if (d[i].state == DISPATCH_SENT)
            facts |= FACT_DISPATCH_SENT | (d[i].final ? 0 : FACT_DISPATCH_REFUSABLE);
        else if (d[i].state == DISPATCH_ACCEPTED)
            facts |= FACT_DISPATCH_ACCEPTED;
    }
    return facts;
}

struct ticket_view ticket_view_of(const struct ticket_shown *s, const struct actor *actor,
                                  const struct view_of *env)
{
    const struct ticket_row *row = s->row;
    struct ticket_view v = {.state = row->state};
    v.who = who_of(row, s->dispatches, s->dispatches_n, actor);
    v.facts = clock_facts(s, env) |
              dispatch_facts(s->dispatches, s->dispatches_n, actor, (v.who & WHO_DEPARTMENT) != 0);
    if (row->was_set & TICKET_TOLD_OWNER)
        v.facts |= FACT_PROMISED;
    if (row->handover_json)
        v.facts |= handover_facts(row, actor, &v.who);
    if (row->state == TICKET_CLOSED &&
        env->now <= calendar_due(env->always, row->closed_at, env->reopen_within))
        v.facts |= FACT_REOPENABLE;
    return v;
}

struct ticket_view ticket_view_under(struct ticket *k, const struct actor *actor)
{
    struct ticket_shown s = {.row = &k->row,
                             .clocks = k->clocks,
                             .clocks_n = k->clocks_n,
                             .dispatches = k->dispatches,
                             .dispatches_n = k->dispatches_n};
    struct view_of env = {.db = k->db,
                          .clocks = k->t->clocks,
                          .always = calendars_get(clocks_in_force(k->t->clocks), "always"),
                          .reopen_within = &k->t->reopen_within,
                          .now = k->now};
    return ticket_view_of(&s, actor, &env);
}
