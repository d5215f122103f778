/*
 * ticket_json.c - tickets, lists of them and their histories as JSON, from any database handle.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "service/tickets/ticket_priv.h"
#include "store/repo_unit.h"

#define LIST_MAX 500

static const char *or_null(const char *s)
{
    return s && *s ? s : NULL;
}

/* "estate", "building", "unit": the names of the unit. */
static int say_place(struct db *db, int64_t unit_id, struct jw *w)
{
    struct unit_place p = {{0}, {0}, {0}};
    int rc = unit_id ? repo_unit_place(db, unit_id, &p) : 0;
    jw_kstr(w, "estate", *p.estate ? p.estate : NULL);
    jw_kstr(w, "building", *p.building ? p.building : NULL);
    jw_kstr(w, "unit", *p.unit ? p.unit : NULL);
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
        clock_promise_free(&cp);
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
        jw_kstr(w, "state", state_name(&dispatch_states, d->state));
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

static void say_allowed(struct db *db, struct tickets *t, const struct tickets_view *view,
                        const struct ticket_shown *s, const struct actor *actor, int64_t now,
                        struct jw *w)
{
    struct buf allowed = BUF_INIT(2048);
    struct view_of env = {.db = db,
                          .clocks = t->clocks,
                          .always = calendars_get(view->calendars, "always"),
                          .reopen_within = &view->reopen_within,
                          .now = now};
    struct ticket_view v = ticket_view_of(s, actor, &env);
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
    say_allowed(db, t, &view, s, actor, now, &w);
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

static bool is_final(const char *state)
{
    return text_eq(state, "closed") || text_eq(state, "cancelled");
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
    struct ticket_query query = {
        .state = text_eq(f->state, "open_all") ? NULL : f->state,
        .live = f->state && !is_final(f->state),
        .responder = f->responder,
        .department = f->department,
        .person_id = f->person_id,
        .unit_id = f->unit_id,
        .before = before,
        .limit = limit + 1,
    };
    rc = repo_ticket_list(db, &query, ids, &n);
    if (n > limit) {
        n = limit;
        snprintf(next, sizeof(next), "%" PRId64, ids[n - 1]);
    }
    buf_adds(out, "{\"items\":[");
    for (int i = 0; rc == E_OK && i < n; i++) {
        if (i)
            buf_addc(out, ',');
        rc = ticket_json(db, t, ids[i], actor, now, out);
    }
    buf_printf(out, *next ? "],\"next\":\"%s\"}" : "],\"next\":null}", next);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}

/* ---- history ---- */

/* A page being written, one row more than it shows. */
struct history_page {
    struct jw *w;
    int limit, n;
    int64_t last;
};

static void say_event(void *ctx, const struct event_row *e)
{
    struct history_page *p = ctx;
    struct jw *w = p->w;
    if (p->n++ >= p->limit)
        return;
    p->last = e->seq;
    jw_obj(w);
    jw_kint(w, "seq", e->seq);
    jw_ktime(w, "at", e->at);
    jw_kstr(w, "by", e->by);
    jw_kstr(w, "kind", e->kind);
    jw_kraw(w, "data", e->data);
    jw_kstr(w, "hash", e->hash);
    jw_end_obj(w);
}

int ticket_timeline_json(struct db *db, int64_t ticket_id, int limit, const char *cursor,
                         struct buf *out)
{
    int64_t after = 0;
    bool known = false;
    char next[32];
    struct jw w;
    struct history_page page = {.w = &w};
    int rc = repo_ticket_exists(db, ticket_id, &known);
    if (rc < 0 || !known)
        return rc < 0 ? rc : E_NOTFOUND;
    if (cursor && *cursor && text_int(cursor, 1, INT64_MAX, &after))
        return E_INVALID;
    page.limit = limit < 1 || limit > LIST_MAX ? LIST_MAX : limit;
    jw_init(&w, out);
    jw_obj(&w);
    jw_key(&w, "items");
    jw_arr(&w);
    rc = repo_event_list(db, ticket_id, after, page.limit + 1, say_event, &page);
    jw_end_arr(&w);
    snprintf(next, sizeof(next), "%" PRId64, page.last);
    jw_kstr(&w, "next", page.n > page.limit ? next : NULL);
    jw_end_obj(&w);
    return rc < 0 ? rc : out->overflow ? E_TOOBIG : 0;
}
