/*
 * ticket_json.c - tickets, lists of them and their histories as JSON, from any database handle.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "service/tickets/ticket_priv.h"

#define LIST_MAX 500

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

/* "estate", "building", "unit": the names of the unit. */
static int say_place(struct db *db, int64_t unit_id, struct jw *w)
{
    struct db_q *q;
    int rc = 0;
    if (!unit_id) {
        jw_knull(w, "estate");
        jw_knull(w, "building");
        jw_knull(w, "unit");
        return 0;
    }
    q = db_query(db,
                 "SELECT e.name,b.name,u.name FROM unit u JOIN building b ON b.id=u.building_id "
                 "JOIN estate e ON e.id=b.estate_id WHERE u.id=$1");
    db_bind_int(q, 1, unit_id);
    bool found = db_row(q);
    jw_kstr(w, "estate", found ? db_text(q, 0) : NULL);
    jw_kstr(w, "building", found ? db_text(q, 1) : NULL);
    jw_kstr(w, "unit", found ? db_text(q, 2) : NULL);
    rc = db_end(q);
    return rc;
}

static int say_clocks(struct db *db, const struct calendars *calendars,
                      const struct ticket_shown *s, int64_t now, struct jw *w)
{
    int rc = 0;
    jw_key(w, "clocks");
    jw_arr(w);
    for (size_t i = 0; rc == E_OK && i < s->clocks_n; i++) {
        const struct clock_row *c = &s->clocks[i];
        struct clock_promise cp;
        if (clock_is_protocol(c))
            continue;
        rc = clock_promise_of(db, calendars, c, &cp);
        if (rc < 0)
            break;
        jw_obj(w);
        jw_kstr(w, "name", c->name);
        jw_kid(w, "dispatch", c->dispatch);
        jw_kint(w, "cycle", c->cycle);
        jw_kstr(w, "state", clock_state_name(c->state));
        jw_ktime(w, "due_at", c->due_at);
        jw_kint(w, "used_s", promise_used(&cp.promise, c->ended_at ? c->ended_at : now) / 1000);
        jw_kstr(w, "paused", c->state == CLOCK_PAUSED ? or_null(c->paused_reason) : NULL);
        jw_kbool(w, "breached", c->breached);
        jw_end_obj(w);
    }
    jw_end_arr(w);
    return rc;
}

static void say_visit(struct jw *w, const struct dispatch_row *d)
{
    if (!d->visit_from) {
        jw_knull(w, "visit");
        return;
    }
    jw_key(w, "visit");
    jw_obj(w);
    jw_ktime(w, "from", d->visit_from);
    jw_ktime(w, "to", d->visit_to);
    jw_end_obj(w);
}

/* When the department's present clock on this dispatch ends; 0 if none runs. */
static int64_t dispatch_due(const struct ticket_shown *s, int64_t n)
{
    int64_t due = 0;
    for (size_t i = 0; i < s->clocks_n; i++)
        if (s->clocks[i].dispatch == n && !s->clocks[i].ended_at)
            due = s->clocks[i].due_at;
    return due;
}

static void say_dispatches(const struct ticket_shown *s, struct jw *w)
{
    jw_key(w, "dispatches");
    jw_arr(w);
    for (size_t i = 0; i < s->dispatches_n; i++) {
        const struct dispatch_row *d = &s->dispatches[i];
        jw_obj(w);
        jw_kint(w, "n", d->n);
        jw_kstr(w, "department", d->department);
        jw_kstr(w, "assignee", or_null(d->assignee));
        say_visit(w, d);
        jw_kstr(w, "state", d->state);
        jw_kstr(w, "accepted_by", or_null(d->accepted_by));
        jw_ktime(w, "sent_at", d->sent_at);
        jw_ktime(w, "due_at", dispatch_due(s, d->n));
        jw_kstr(w, "note", d->note);
        jw_kstr(w, "report", d->report);
        jw_kbool(w, "final", d->final);
        jw_end_obj(w);
    }
    jw_end_arr(w);
}

static void say_head(const struct ticket_row *r, struct jw *w)
{
    char id[TICKET_ID_TEXT];
    jw_kstr(w, "id", ticket_id_format(r->id, id));
    jw_kint(w, "version", r->version);
    jw_kstr(w, "state", ticket_state_name(r->state));
    jw_kstr(w, "kind", r->kind);
    jw_kstr(w, "subject", r->subject);
    jw_kstr(w, "category", or_null(r->category));
    jw_kint(w, "priority", r->priority);
    jw_kid(w, "person_id", r->person_id);
    jw_kstr(w, "caller", or_null(r->caller));
    jw_kid(w, "unit_id", r->unit_id);
}

static void say_middle(const struct ticket_row *r, struct jw *w)
{
    jw_kid(w, "call_id", r->call_id);
    jw_kraw(w, "calls", r->calls_json && *r->calls_json ? r->calls_json : "[]");
    jw_kstr(w, "channel", r->channel);
    jw_kstr(w, "responder", or_null(r->responder));
    jw_kint(w, "cycle", r->cycle);
    jw_kint(w, "urges", r->urges);
    jw_ktime(w, "opened_at", r->opened_at);
    jw_ktime(w, "closed_at", r->closed_at);
    jw_kstr(w, "close_kind", or_null(r->close_kind));
}

static void say_allowed(struct tickets *t, const struct tickets_view *view,
                        const struct ticket_shown *s, const struct actor *actor, int64_t now,
                        struct jw *w)
{
    struct buf allowed = BUF_INIT(2048);
    struct ticket_view v =
        ticket_view_of(s->row, s->clocks, s->clocks_n, s->dispatches, s->dispatches_n, actor,
                       calendars_get(view->calendars, "always"), &view->reopen_within, now);
    (void)t;
    ticket_rule_allowed(&v, &allowed);
    jw_kraw(w, "allowed", buf_str(&allowed));
    buf_free(&allowed);
}

int ticket_render(struct db *db, struct tickets *t, const struct ticket_shown *s,
                  const struct actor *actor, int64_t now, struct buf *out)
{
    struct tickets_view view = tickets_view_of(t);
    struct jw w;
    int rc;
    jw_init(&w, out);
    jw_obj(&w);
    say_head(s->row, &w);
    rc = say_place(db, s->row->unit_id, &w);
    say_middle(s->row, &w);
    if (rc == E_OK)
        rc = say_clocks(db, view.calendars, s, now, &w);
    say_dispatches(s, &w);
    jw_kraw(&w, "handover", s->row->handover_json);
    jw_kid(&w, "incident_id", s->row->incident_id);
    jw_kstr(&w, "about", or_null(s->row->about));
    jw_kstr(&w, "close_reason", s->row->close_reason);
    say_allowed(t, &view, s, actor, now, &w);
    jw_end_obj(&w);
    tickets_view_end(&view);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

int ticket_json(struct db *db, struct tickets *t, int64_t ticket_id, const struct actor *actor,
                int64_t now, struct buf *out)
{
    struct ticket_row row;
    struct clock_row *clocks = NULL;
    struct dispatch_row *dispatches = NULL;
    struct ticket_shown s = {.row = &row};
    int rc = repo_ticket_load(db, ticket_id, &row);
    if (rc == E_OK)
        rc = repo_clocks_load(db, ticket_id, 0, CLOCKS_ALL, &clocks, &s.clocks_n);
    if (rc == E_OK)
        rc = repo_dispatches_load(db, ticket_id, &dispatches, &s.dispatches_n);
    s.clocks = clocks;
    s.dispatches = dispatches;
    if (rc == E_OK)
        rc = ticket_render(db, t, &s, actor, now, out);
    for (size_t i = 0; i < s.dispatches_n; i++)
        dispatch_row_clear(&dispatches[i]);
    free(dispatches);
    free(clocks);
    ticket_row_clear(&row);
    return rc;
}

/* ---- lists ---- */

/* Every base begins with its own index and ends with the same conditions. $1 the cursor, $2 the
 * limit, $3 the base's own value, $4 the state or NULL, $5 1: open ones only, $6 the department. */
#define LIST_TAIL                                                                                  \
    " AND t.id<$1 AND ($4 IS NULL OR t.state=$4) AND ($5=0 OR t.closed_at IS NULL)"                \
    " AND ($6 IS NULL OR EXISTS (SELECT 1 FROM dispatch d WHERE d.ticket_id=t.id"                  \
    " AND d.department=$6)) ORDER BY t.id DESC LIMIT $2"

/* These indexes have one part for each 1,024 tickets, of which only the last one is written to:
 * where a unit stands in all of them would be a page of its own for every ticket that opens. */
#define IN_PARTS                                                                                   \
    "WITH RECURSIVE part (n) AS (SELECT max(id)/1024 FROM ticket WHERE id<$1 UNION ALL "           \
    "SELECT n-1 FROM part WHERE n>0) SELECT t.id FROM part CROSS JOIN ticket t "                   \
    "WHERE t.id/1024=part.n AND "

enum list_base { BY_PERSON, BY_UNIT, BY_RESPONDER, BY_LIVE, BY_NOTHING };

static const char *const list_sql[] = {
    [BY_PERSON] = "SELECT t.id FROM ticket t WHERE t.person_id=$3" LIST_TAIL,
    [BY_UNIT] = IN_PARTS "t.unit_id=$3" LIST_TAIL,
    [BY_RESPONDER] = IN_PARTS "t.responder=$3" LIST_TAIL,
    [BY_LIVE] = "SELECT t.id FROM ticket t WHERE t.closed_at IS NULL AND $3 IS NULL" LIST_TAIL,
    [BY_NOTHING] = "SELECT t.id FROM ticket t WHERE $3 IS NULL" LIST_TAIL,
};

static bool is_final(const char *state)
{
    return text_eq(state, "closed") || text_eq(state, "cancelled");
}

static enum list_base base_of(const struct ticket_filter *f)
{
    if (f->person_id)
        return BY_PERSON;
    if (f->unit_id)
        return BY_UNIT;
    if (f->responder)
        return BY_RESPONDER;
    return f->state && !is_final(f->state) ? BY_LIVE : BY_NOTHING;
}

static struct db_q *list_query(struct db *db, const struct ticket_filter *f, int64_t before,
                               int limit)
{
    enum list_base base = base_of(f);
    bool live = f->state && !is_final(f->state);
    struct db_q *q = db_query(db, list_sql[base]);
    db_bind_int(q, 1, before);
    db_bind_int(q, 2, limit + 1);
    if (base == BY_PERSON || base == BY_UNIT)
        db_bind_int(q, 3, base == BY_PERSON ? f->person_id : f->unit_id);
    else
        db_bind_text(q, 3, base == BY_RESPONDER ? f->responder : NULL);
    db_bind_text(q, 4, text_eq(f->state, "open_all") ? NULL : f->state);
    db_bind_int(q, 5, live);
    db_bind_text(q, 6, f->department);
    return q;
}

/* Filters beside the base's own that the base did not use. */
static bool matches(struct db *db, const struct ticket_filter *f, int64_t id)
{
    struct db_q *q;
    bool ok;
    if (!f->person_id && !(f->unit_id && f->responder))
        return true;
    q = db_query(db, "SELECT responder,unit_id FROM ticket WHERE id=$1");
    db_bind_int(q, 1, id);
    ok = db_row(q) && (!f->responder || text_eq(db_text(q, 0), f->responder)) &&
         (!f->unit_id || db_int(q, 1) == f->unit_id);
    return db_end(q) == 0 && ok;
}

int tickets_list_json(struct db *db, struct tickets *t, const struct ticket_filter *f,
                      const struct actor *actor, int64_t now, struct buf *out)
{
    int64_t ids[LIST_MAX + 1], before = INT64_MAX;
    int limit = f->limit < 1 ? 50 : f->limit > LIST_MAX ? LIST_MAX : f->limit;
    int n = 0, rc;
    char next[32] = "";
    if (f->cursor && *f->cursor && text_int(f->cursor, 1, INT64_MAX, &before))
        return E_INVALID;
    struct db_q *q = list_query(db, f, before, limit);
    while (n <= limit && db_row(q))
        ids[n++] = db_int(q, 0);
    rc = db_end(q);
    if (n > limit) {
        n = limit;
        snprintf(next, sizeof(next), "%" PRId64, ids[n - 1]);
    }
    buf_adds(out, "{\"items\":[");
    bool any = false;
    for (int i = 0; rc == E_OK && i < n; i++) {
        if (!matches(db, f, ids[i]))
            continue;
        if (any)
            buf_addc(out, ',');
        any = true;
        rc = ticket_json(db, t, ids[i], actor, now, out);
    }
    buf_printf(out, *next ? "],\"next\":\"%s\"}" : "],\"next\":null}", next);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

/* ---- history ---- */

static int exists(struct db *db, int64_t ticket_id)
{
    struct db_q *q = db_query(db, "SELECT 1 FROM ticket WHERE id=$1");
    bool found;
    db_bind_int(q, 1, ticket_id);
    found = db_row(q);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

static void say_event(struct db_q *q, struct jw *w)
{
    jw_obj(w);
    jw_kint(w, "seq", db_int(q, 0));
    jw_ktime(w, "at", db_int(q, 1));
    jw_kstr(w, "by", db_text(q, 2));
    jw_kstr(w, "kind", db_text(q, 3));
    jw_kraw(w, "data", db_text(q, 4));
    jw_kstr(w, "hash", db_text(q, 5));
    jw_end_obj(w);
}

int ticket_timeline_json(struct db *db, int64_t ticket_id, int limit, const char *cursor,
                         struct buf *out)
{
    int64_t after = 0, last = 0;
    int n = 0, rc = exists(db, ticket_id);
    bool more = false;
    char next[32];
    struct jw w;
    if (rc == E_OK && cursor && *cursor)
        rc = text_int(cursor, 1, INT64_MAX, &after);
    if (rc < 0)
        return rc;
    limit = limit < 1 ? LIST_MAX : limit > LIST_MAX ? LIST_MAX : limit;
    struct db_q *q = db_query(db, "SELECT seq,at,by,kind,data,hash FROM ticket_event "
                                  "WHERE ticket_id=$1 AND seq>$2 ORDER BY seq LIMIT $3");
    db_bind_int(q, 1, ticket_id);
    db_bind_int(q, 2, after);
    db_bind_int(q, 3, limit + 1);
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "items");
    jw_arr(&w);
    while (!more && db_row(q)) {
        if (n++ == limit) {
            more = true;
            break;
        }
        last = db_int(q, 0);
        say_event(q, &w);
    }
    jw_end_arr(&w);
    rc = db_end(q);
    snprintf(next, sizeof(next), "%" PRId64, last);
    jw_kstr(&w, "next", more ? next : NULL);
    jw_end_obj(&w);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}
