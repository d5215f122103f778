/*
 * auditor_read.c - one history at a time: the chain, then the clocks as its events tell of them.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/history.h"
#include "domain/ticket_id.h"
#include "service/auditor/auditor.h"
#include "service/clocks/clocks.h"

#define GRACE_MS   INT64_C(60000) /* a step may be that late before it counts as missing */
#define CLOCKS_MAX 256            /* open at once in one history */
#define STEPS_MAX  32
#define ODD_MS     INT64_C(86400000) /* what is older was said when it happened */

/* A rung as its `escalated` names it, whatever ladder it was of, and its last turn. */
struct told_rung {
    char at[SPAN_TEXT_MAX + 2];
    int64_t turn;
    int64_t steps; /* which rungs of that place were told at that turn: a bit each */
};

/* A clock as the events tell of it. */
struct told_clock {
    char name[NAME_MAX_TEXT];
    int64_t dispatch, cycle, policy_id, due_at;
    int64_t since; /* when its due moment was last set: nothing could be missing before */
    bool open, paused, breached;
    struct told_rung rungs[STEPS_MAX];
    size_t rungs_n;
};

/* One history being read. */
struct reading {
    struct db *db;
    struct history_hasher *hasher;
    const struct calendars *calendars;
    int64_t now;
    int64_t id;       /* of the ticket */
    int64_t at;       /* of the event being read */
    int64_t urged_at; /* of the last `urged`: rungs of that moment are early on purpose */
    struct audit_report *report;
    struct told_clock *clocks;
    size_t n;
    int64_t erased_from; /* seq of the first row whose data is gone; 0: none */
    bool erased;         /* an `erased` event accounts for it */
};

static void fault(struct reading *r, bool *which, int64_t seq, const char *fmt, ...)
    PRINTF_LIKE(4, 5);

static void fault(struct reading *r, bool *which, int64_t seq, const char *fmt, ...)
{
    va_list args;
    if (r->report->broken || r->report->missing)
        return;
    *which = true;
    r->report->seq = seq;
    va_start(args, fmt);
    vsnprintf(r->report->text, sizeof(r->report->text), fmt, args);
    va_end(args);
}

/* Something that should not have happened. */
static void odd(struct reading *r, const struct told_clock *c, const char *what)
{
    if (r->report->odd_ticket || r->at <= r->report->odd_since || r->now - r->at > ODD_MS)
        return;
    r->report->odd_ticket = r->id;
    snprintf(r->report->odd, sizeof(r->report->odd), "the clock '%s': %s", c->name, what);
}

/* ---- the clocks that the events tell of ---- */

static int64_t number_at(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

static int64_t time_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    int64_t ms = 0;
    return s && clock_parse(s, &ms) == 0 ? ms : 0;
}

static struct told_clock *find(struct reading *r, const json_t *o)
{
    const char *name = json_string_value(json_object_get(o, "clock"));
    int64_t dispatch = number_at(o, "dispatch"), cycle = number_at(o, "cycle");
    for (size_t i = r->n; name && i > 0; i--) {
        struct told_clock *c = &r->clocks[i - 1];
        if (c->open && c->dispatch == dispatch && c->cycle == cycle && text_eq(c->name, name))
            return c;
    }
    return NULL;
}

static void end_named(struct reading *r, const char *name, int64_t dispatch)
{
    for (size_t i = 0; i < r->n; i++)
        if (text_eq(r->clocks[i].name, name) && r->clocks[i].dispatch == dispatch)
            r->clocks[i].open = false;
}

static void on_started(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    if (c)
        c->open = false; /* begun anew: what it owed before is owed no more */
    c = NULL;
    for (size_t i = 0; i < r->n && !c; i++)
        if (!r->clocks[i].open)
            c = &r->clocks[i];
    if (!c && r->n < CLOCKS_MAX)
        c = &r->clocks[r->n++];
    if (!c)
        return;
    memset(c, 0, sizeof(*c));
    text_copy(c->name, sizeof(c->name), json_string_value(json_object_get(o, "clock")));
    c->dispatch = number_at(o, "dispatch");
    c->cycle = number_at(o, "cycle");
    c->policy_id = number_at(o, "policy_id");
    c->due_at = time_at(o, "due_at");
    c->since = r->at;
    c->open = true;
}

static void on_moved(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    if (!c)
        return;
    if (time_at(o, "due_at"))
        c->due_at = time_at(o, "due_at");
    c->since = r->at;
}

static void on_resumed(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    on_moved(r, o);
    if (c)
        c->paused = false;
}

/* Rungs have other numbers in another ladder. */
static void forget_steps(struct told_clock *c)
{
    for (size_t i = 0; i < c->rungs_n; i++)
        c->rungs[i].steps = 0;
}

/* From here on the other policy's ladder counts; rungs told at the same place stay told. A policy
 * that has no such clock ends it. */
static void on_rebased(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    on_moved(r, o);
    if (c && text_eq(json_string_value(json_object_get(o, "state")), "cancelled"))
        c->open = false;
    if (c && number_at(o, "policy_id") && number_at(o, "policy_id") != c->policy_id)
        forget_steps(c);
    if (c && number_at(o, "policy_id"))
        c->policy_id = number_at(o, "policy_id");
}

static void on_paused(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    if (c)
        c->paused = true;
}

static void on_kept(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    if (c)
        c->open = false;
}

static void on_breached(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    if (!c)
        return;
    if (c->breached)
        odd(r, c, "its end was recorded twice");
    else if (c->due_at && r->at < c->due_at)
        odd(r, c, "its end was recorded before it came");
    c->breached = true;
}

/* The turn of a rung: each once, and none that hangs on the end before it. */
static void check_turn(struct reading *r, const struct told_clock *c, const struct told_rung *rung,
                       const json_t *o)
{
    int64_t turn = number_at(o, "turn"), step = number_at(o, "step");
    bool after = *rung->at == '+' || text_eq(rung->at, "100%");
    if (turn < rung->turn ||
        (turn == rung->turn && step > 0 && step < 63 && rung->steps & INT64_C(1) << step))
        odd(r, c, "a step was carried out twice");
    else if (after && c->due_at && r->at < c->due_at && r->at != r->urged_at)
        odd(r, c, "a step was carried out before its moment");
}

static void on_escalated(struct reading *r, const json_t *o)
{
    struct told_clock *c = find(r, o);
    const char *at = json_string_value(json_object_get(o, "at"));
    size_t i = 0;
    if (!c || !at)
        return;
    while (i < c->rungs_n && !text_eq(c->rungs[i].at, at))
        i++;
    if (i == STEPS_MAX)
        return;
    if (i == c->rungs_n)
        text_copy(c->rungs[c->rungs_n++].at, sizeof(c->rungs[i].at), at);
    struct told_rung *rung = &c->rungs[i];
    int64_t turn = number_at(o, "turn"), step = number_at(o, "step");
    check_turn(r, c, rung, o);
    if (turn > rung->turn)
        rung->steps = 0;
    if (turn > rung->turn)
        rung->turn = turn;
    if (turn == rung->turn && step > 0 && step < 63)
        rung->steps |= INT64_C(1) << step;
}

static void on_urged(struct reading *r, const json_t *o)
{
    (void)o;
    r->urged_at = r->at;
}

static void on_end(struct reading *r, const json_t *o)
{
    (void)o;
    for (size_t i = 0; i < r->n; i++)
        r->clocks[i].open = false;
}

static void on_dispatched(struct reading *r, const json_t *o)
{
    (void)o;
    for (size_t i = 0; i < r->n; i++) /* it waits, in histories of old it ended here */
        if (text_eq(r->clocks[i].name, "feedback") && !r->clocks[i].paused)
            r->clocks[i].open = false;
}

static void on_withdrawn(struct reading *r, const json_t *o)
{
    end_named(r, "accept", number_at(o, "n"));
    end_named(r, "progress", number_at(o, "n"));
}

static void on_handover_refused(struct reading *r, const json_t *o)
{
    (void)o;
    end_named(r, "handover", 0);
}

static void on_handover_asked(struct reading *r, const json_t *o)
{
    (void)o;
    end_named(r, "handover", 0);
}

static void on_erased(struct reading *r, const json_t *o)
{
    (void)o;
    r->erased = true;
    on_end(r, o); /* what the removed data said of clocks cannot be known any more */
}

static const struct {
    const char *kind;
    void (*read)(struct reading *r, const json_t *o);
} kinds[] = {
    {"clock_started", on_started},
    {"clock_kept", on_kept},
    {"clock_breached", on_breached},
    {"clock_paused", on_paused},
    {"clock_resumed", on_resumed},
    {"extended", on_moved},
    {"rebased", on_rebased},
    {"escalated", on_escalated},
    {"urged", on_urged},
    {"closed", on_end},
    {"cancelled", on_end},
    {"dispatched", on_dispatched},
    {"withdrawn", on_withdrawn},
    {"erased", on_erased},
    {"handover_refused", on_handover_refused},
    {"handover_asked", on_handover_asked},
};

static void read_event(struct reading *r, const char *kind, const char *data)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (!text_eq(kinds[i].kind, kind))
            continue;
        json_t *o = data ? json_parse(data, strlen(data), NULL) : NULL;
        kinds[i].read(r, o);
        json_decref(o);
    }
}

/* ---- the chain ---- */

static void check_row(struct reading *r, const struct event_row *e, char previous[HISTORY_HEX])
{
    struct history_row row = {
        .seq = e->seq, .at = e->at, .by = e->by, .kind = e->kind, .data = e->data, .salt = e->salt};
    char expected[HISTORY_HEX];
    if (row.data && row.salt) {
        history_digest(r->hasher, row.salt, row.data, expected);
        if (!text_eq(expected, e->digest))
            fault(r, &r->report->broken, row.seq, "the data of event %" PRId64 " was changed",
                  row.seq);
    } else if (!r->erased_from) {
        r->erased_from = row.seq;
    }
    history_hash(r->hasher, previous, &row, e->digest, expected);
    if (!text_eq(expected, e->hash))
        fault(r, &r->report->broken, row.seq, "the hash of event %" PRId64 " does not follow",
              row.seq);
    text_copy(previous, HISTORY_HEX, e->hash);
    r->at = row.at;
    read_event(r, row.kind, row.data);
}

/* One walk through a history. */
struct walk {
    struct reading *r;
    int64_t seq; /* of the last row */
    char previous[HISTORY_HEX];
};

static void walk_row(void *ctx, const struct event_row *e)
{
    struct walk *w = ctx;
    struct audit_report *report = w->r->report;
    if (e->seq != w->seq + 1)
        fault(w->r, &report->broken, w->seq + 1, "event %" PRId64 " is gone", w->seq + 1);
    w->seq = e->seq;
    check_row(w->r, e, w->previous);
    report->events++;
}

static int read_history(struct reading *r, int64_t id, int64_t last_seq, const char *last_hash)
{
    struct walk w = {.r = r};
    ticket_id_format(id, w.previous);
    int rc = repo_event_chain(r->db, id, walk_row, &w);
    if (rc < 0)
        return rc;
    if (w.seq != last_seq || !text_eq(w.previous, last_hash))
        fault(r, &r->report->broken, w.seq + 1, "the history ends at %" PRId64 " of %" PRId64,
              w.seq, last_seq);
    if (r->erased_from && !r->erased)
        fault(r, &r->report->broken, r->erased_from,
              "the data of event %" PRId64 " is gone without an erasure", r->erased_from);
    return 0;
}

/* ---- what should have happened ---- */

static struct policy *policy_of(struct reading *r, int64_t id)
{
    char *json = repo_policy_get(r->db, id);
    struct errmsg why;
    struct policy *p = json ? policy_from_json(json, strlen(json), &why) : NULL;
    free(json);
    return p;
}

/* Rungs at and after the end hang on the due moment alone; those before it are found by their
 * absence once that has come. 0: not to be known from here (a share above 100%). */
static int64_t expected_at(const struct policy_step *s, const struct told_clock *c,
                           const struct calendar *calendar, int64_t turn)
{
    int64_t at = c->due_at;
    if (s->at.percent > 100)
        return 0;
    if (!s->at.percent && span_is_set(&s->at.after))
        at = calendar_due(calendar, at, &s->at.after);
    if (turn > 1) {
        struct span all = s->repeat;
        all.n *= turn - 1;
        at = calendar_due(calendar, at, &all);
    }
    return at > c->since ? at : c->since;
}

static int64_t told_turns(const struct told_clock *c, const struct policy_step *s)
{
    char at[SPAN_TEXT_MAX + 2];
    ladder_at_text(s, at);
    for (size_t i = 0; i < c->rungs_n; i++)
        if (text_eq(c->rungs[i].at, at))
            return c->rungs[i].turn;
    return 0;
}

/* Each rung's next turn must not be over already: with it the number of repeats is checked. */
static void check_rungs(struct reading *r, const struct told_clock *c,
                        const struct policy_ladder *l, const struct calendar *calendar)
{
    for (size_t i = 0; i < l->steps_n && i < STEPS_MAX; i++) {
        const struct policy_step *s = &l->steps[i];
        int64_t turn = told_turns(c, s) + 1;
        int64_t times = span_is_set(&s->repeat) ? s->times : 1;
        if (times && turn > times)
            continue;
        int64_t at = expected_at(s, c, calendar, turn);
        if (at && at + GRACE_MS <= r->now)
            fault(r, &r->report->missing, 0,
                  "turn %" PRId64 " of step %zu of the clock '%s' was due and is missing", turn,
                  i + 1, c->name);
    }
}

static void check_clock(struct reading *r, const struct told_clock *c)
{
    struct policy *p;
    if (!c->open || c->paused || !c->due_at || c->due_at + GRACE_MS > r->now ||
        c->since + GRACE_MS > r->now)
        return;
    if (!c->breached) {
        fault(r, &r->report->missing, 0, "the clock '%s' ran out and no breach is recorded",
              c->name);
        return;
    }
    p = policy_of(r, c->policy_id);
    if (!p)
        return;
    check_rungs(r, c, policy_ladder_of(p, c->name), calendars_get(r->calendars, p->calendar));
    policy_free(&p);
}

static int audit_one(struct reading *r, int64_t id, int64_t last_seq, const char *last_hash)
{
    r->n = 0;
    r->id = id;
    r->urged_at = 0;
    r->erased_from = 0;
    r->erased = false;
    int rc = read_history(r, id, last_seq, last_hash);
    for (size_t i = 0; rc == E_OK && i < r->n; i++)
        check_clock(r, &r->clocks[i]);
    r->report->tickets++;
    if (r->report->broken || r->report->missing)
        r->report->ticket_id = id;
    return rc;
}

/* Histories and clocks without their ticket: a row of it was taken away. */
static int check_gap(struct reading *r, int64_t after, int64_t before)
{
    int64_t id = 0;
    int rc = before - after > 1 ? repo_event_orphan(r->db, after, before, &id) : 0;
    if (rc < 0 || !id || r->report->broken)
        return rc;
    fault(r, &r->report->broken, 1, "the ticket is gone, and what belongs to it is not");
    r->report->ticket_id = id;
    return 0;
}

int audit_tickets(struct db *db, struct clocks *clocks, int64_t now, int64_t after, int max,
                  int64_t *last, struct audit_report *report)
{
    struct calendars *calendars = clocks_calendars(clocks);
    struct ticket_head *heads = xcalloc((size_t)max, sizeof(*heads));
    struct reading r = {.db = db, .calendars = calendars, .now = now, .report = report};
    int n = 0, rc = repo_ticket_heads(db, after, max, heads, &n);
    r.hasher = history_hasher_new();
    r.clocks = xcalloc(CLOCKS_MAX, sizeof(*r.clocks));
    *last = 0;
    for (int i = 0; rc == E_OK && i < n && !report->broken && !report->missing; i++) {
        rc = check_gap(&r, i ? heads[i - 1].id : after, heads[i].id);
        if (rc == E_OK && !report->broken)
            rc = audit_one(&r, heads[i].id, heads[i].last_seq, heads[i].last_hash);
        *last = heads[i].id;
    }
    if (rc == E_OK && n < max && !report->broken && !report->missing)
        rc = check_gap(&r, n ? heads[n - 1].id : after, INT64_MAX);
    history_hasher_free(&r.hasher);
    free(r.clocks);
    free(heads);
    calendars_unref(&calendars);
    return rc;
}

/* A ticket's head and its history are of one moment, whatever is written meanwhile. */
static int audit_chunk(struct db *db, struct clocks *clocks, int64_t now, int64_t *last,
                       struct audit_report *report)
{
    bool own = !db_in_transaction(db);
    int rc = own ? db_begin(db) : 0;
    if (rc < 0)
        return rc;
    rc = audit_tickets(db, clocks, now, *last, 256, last, report);
    if (own && rc < 0)
        db_rollback(db);
    return own && rc == E_OK ? db_commit(db) : rc;
}

int audit_all(struct db *db, struct clocks *clocks, int64_t now, struct audit_report *report)
{
    int64_t last = 0;
    int rc;
    do {
        rc = audit_chunk(db, clocks, now, &last, report);
    } while (rc == E_OK && last && !report->broken && !report->missing);
    return rc;
}

void audit_report_json(const struct audit_report *r, struct buf *out)
{
    char id[TICKET_ID_TEXT];
    bool bad = r->broken || r->missing;
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kbool(&w, "ok", !bad);
    jw_kint(&w, "tickets", r->tickets);
    jw_kint(&w, "events", r->events);
    jw_key(&w, "broken");
    if (bad) {
        jw_obj(&w);
        jw_kstr(&w, "ticket", ticket_id_format(r->ticket_id, id));
        jw_kid(&w, "seq", r->seq);
        jw_kstr(&w, "kind", r->broken ? "changed" : "missing");
        jw_kstr(&w, "text", r->text);
        jw_end_obj(&w);
    } else {
        jw_null(&w);
    }
    jw_key(&w, "odd");
    if (r->odd_ticket) {
        jw_obj(&w);
        jw_kstr(&w, "ticket", ticket_id_format(r->odd_ticket, id));
        jw_kstr(&w, "text", r->odd);
        jw_end_obj(&w);
    } else {
        jw_null(&w);
    }
    jw_end_obj(&w);
}
