/*
 * incident_change.c - how incidents come about and end: offered by the radar, opened by hand, and
 * their verbs; all inside ledger commands.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "spine/hub.h"
#include "service/incidents/incident_priv.h"
#include "service/messages/outbox.h"
#include "store/repo_unit.h"

#define SUBJECT_MAX 500
#define WORDS_MAX   2000

/* ---- places and their names ---- */

static char *scope_json(const struct radar_scope *s, const struct place_names *names)
{
    struct buf out = BUF_INIT(1024);
    struct jw w;
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kstr(&w, "estate", *names->estate ? names->estate : NULL);
    jw_kstr(&w, "building", *names->building ? names->building : NULL);
    jw_kstr(&w, "riser", *s->riser ? s->riser : NULL);
    jw_end_obj(&w);
    return buf_take(&out);
}

/* ---- what the daemon says by itself, in the site's language ---- */

static void put_place(const struct radar_scope *s, const struct place_names *n, bool english,
                      struct buf *out)
{
    buf_adds(out, n->estate);
    if (*n->building)
        buf_printf(out, english ? " %s" : "%s栋", n->building);
    if (*s->riser)
        buf_printf(out, english ? " (riser %s)" : "%s号立管", s->riser);
}

static const char *category_name(const struct site *site, const char *key)
{
    const struct site_category *c = *key ? site_category(site, key) : NULL;
    const char *name = c ? local_text_get(&c->title, site->site.lang) : NULL;
    return name ? name : *key ? key : site->site.lang == LANG_EN ? "the same problem" : "同类问题";
}

/* Subject and words of an offer. */
static void name_offer(const struct site *site, struct incident_row *r,
                       const struct place_names *names)
{
    struct buf place = BUF_CUT(512), subject = BUF_CUT(1024), words = BUF_CUT(2048);
    bool english = site->site.lang == LANG_EN;
    const char *what = category_name(site, r->scope.category);
    put_place(&r->scope, names, english, &place);
    buf_printf(&subject, english ? "%s%s%s: %" PRId64 " owners" : "%s%s%s：%" PRId64 "户反映",
               buf_str(&place), place.len && english ? " " : "", what, r->owners);
    if (english)
        buf_printf(&words,
                   "Several owners%s%s report %s. We know of it and are working on it; we shall "
                   "tell you how it goes.",
                   place.len ? " at " : "", buf_str(&place), what);
    else
        buf_printf(&words, "%s有多户反映%s，我们已知悉并正在处理，有进展会及时通知您。",
                   buf_str(&place), what);
    r->subject = buf_take(&subject);
    r->words = buf_take(&words);
    buf_free(&place);
}

/* ---- alerts ---- */

int incident_alert(struct incidents *in, struct ledger_tx *tx, const char *kind,
                   const struct incident_row *r, const char *text)
{
    struct buf data = BUF_INIT(4096), out = BUF_INIT(16384);
    int64_t id = 0;
    struct jw w;
    int rc;
    jw_init(&w, &data);
    jw_obj(&w);
    jw_kint(&w, "incident", r->id);
    jw_kstr(&w, "state", state_name(&incident_states, r->state));
    jw_kstr(&w, "category", *r->scope.category ? r->scope.category : NULL);
    jw_kraw(&w, "scope", r->scope_json);
    jw_kid(&w, "owners", r->owners);
    jw_end_obj(&w);
    rc = repo_alert_add(ledger_db(tx), ledger_now(tx), kind, text, buf_str(&data), &id);
    jw_init(&w, &out);
    jw_obj(&w);
    jw_kid(&w, "id", id);
    jw_ktime(&w, "at", ledger_now(tx));
    jw_kstr(&w, "kind", kind);
    jw_kstr(&w, "text", text);
    jw_kraw(&w, "data", buf_str(&data));
    jw_end_obj(&w);
    if (rc == E_OK)
        tell_publish(in->opts.tell, tx,
                     &(struct tell_notice){.kind = HUB_ALERT,
                                           .json = buf_take(&out),
                                           .all_staff = true,
                                           .incident_id = r->id});
    buf_free(&out);
    buf_free(&data);
    return rc;
}

/* Desks hear of every change by an alert, gateways that asked by an event. The row is written. */
static int tell_all(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r,
                    const char *alert, const char *event)
{
    struct buf json = BUF_INIT(64 * 1024);
    struct jw w;
    int rc = incident_alert(in, tx, alert, r, r->subject);
    if (rc == E_OK && event && tell_event_wanted(in->opts.tell, event)) {
        jw_init(&w, &json);
        rc = incident_json(ledger_db(tx), r->id, &w);
        if (rc == E_OK)
            rc = tell_event(in->opts.tell, tx, event, ledger_now(tx), buf_str(&json), 0);
    }
    buf_free(&json);
    return rc;
}

/* ---- the radar's offer ---- */

static int tell_staff(struct incidents *in, struct ledger_tx *tx, const struct incident_row *r,
                      int64_t unit_id)
{
    const struct site *site = in->site;
    const struct site_category *c =
        *r->scope.category ? site_category(site, r->scope.category) : NULL;
    struct tell_scope scope = {.tell = in->opts.tell,
                               .tx = tx,
                               .departments = {c ? c->department : NULL},
                               .unit_id = unit_id};
    char number[24];
    struct outbox_param params[] = {{"text", r->subject, 0}, {"incident", number, 0}};
    struct tell_message m = {
        .template_name = "group_alert", .params = params, .n_params = ARRAY_LEN(params)};
    struct told told = {.n = 0};
    int rc = tell_resolve(&scope, &site->tickets.group_alert.tell, &told);
    snprintf(number, sizeof(number), "%" PRId64, r->id);
    if (rc == E_OK && told.n == 0)
        return incident_alert(in, tx, "nobody_found", r,
                              "tickets.group_alert.tell: nobody was found");
    return rc < 0 ? rc : tell_send(in->opts.tell, tx, &m, &told);
}

int incidents_propose(struct incidents *in, struct ledger_tx *tx, const struct incident_offer *o)
{
    struct incident_row r = {.scope = o->scope,
                             .owners = o->warning.owners,
                             .opened_at = ledger_now(tx),
                             .gathers = true,
                             .joining = -1,
                             .telling = -1};
    struct place_names names;
    int64_t last_end = 0;
    int rc = repo_incident_last_end(ledger_db(tx), o->key, &last_end);
    if (rc < 0 || last_end >= o->warning.since)
        return rc;
    rc = repo_place_names(ledger_db(tx), o->scope.estate_id, o->scope.building_id, &names);
    r.since_at = ledger_now(tx) - span_rough_ms(&in->site->tickets.group_alert.within);
    if (r.since_at <= last_end)
        r.since_at = last_end + 1;
    text_copy(r.key, sizeof(r.key), o->key);
    text_copy(r.opened_by, sizeof(r.opened_by), STAFF_SYSTEM_NAME);
    r.scope_json = scope_json(&r.scope, &names);
    name_offer(in->site, &r, &names);
    if (rc == E_OK)
        rc = repo_incident_insert(ledger_db(tx), &r);
    if (rc == E_OK && r.id) {
        rc = tell_all(in, tx, &r, "group_alert", "incident.proposed");
        if (rc == E_OK)
            rc = tell_staff(in, tx, &r, o->unit_id);
        if (rc == E_OK)
            rc = incident_tell_loop(in, tx, &r);
    }
    incident_row_clear(&r);
    return rc;
}

/* ---- by hand ---- */

static int find_building(struct db *db, const char *name, struct radar_scope *s,
                         struct verb_out *out)
{
    int n = 0;
    int rc = repo_building_find(db, name, &s->estate_id, &s->building_id, &n);
    if (rc < 0 || n == 1)
        return rc;
    return verb_refuse(out, E_INVALID, "scope",
                       n ? "scope: several estates have a building '%.64s', name the estate"
                         : "scope: there is no building '%.64s'",
                       name);
}

static int find_estate(struct db *db, const char *name, struct radar_scope *s, struct verb_out *out)
{
    int rc = repo_estate_find(db, name, &s->estate_id);
    if (rc < 0 || s->estate_id)
        return rc;
    return verb_refuse(out, E_INVALID, "scope", "scope: there is no estate '%.64s'", name);
}

static int read_scope(struct db *db, const json_t *scope, struct radar_scope *s,
                      struct verb_out *out)
{
    const char *estate, *building, *riser;
    int rc;
    if (!scope || json_is_null(scope))
        return 0;
    if (!json_is_object(scope))
        return verb_refuse(out, E_INVALID, "scope",
                           "scope is an object with estate, building, riser");
    rc = verb_text(scope, "estate", 64, &estate, out);
    if (rc == E_OK)
        rc = verb_text(scope, "building", 64, &building, out);
    if (rc == E_OK)
        rc = verb_text(scope, "riser", 2, &riser, out);
    if (rc == E_OK && estate)
        rc = find_estate(db, estate, s, out);
    if (rc == E_OK && building)
        rc = find_building(db, building, s, out);
    if (rc < 0)
        return rc;
    if (riser && (!s->building_id || strlen(riser) != 2 || strspn(riser, "0123456789") != 2))
        return verb_refuse(out, E_INVALID, "scope",
                           "scope: a riser is two digits, and needs its building");
    text_copy(s->riser, sizeof(s->riser), riser ? riser : "");
    return 0;
}

static int read_category(const struct site *site, const json_t *body, struct radar_scope *s,
                         struct verb_out *out)
{
    const char *category;
    int rc = verb_text(body, "category", 64, &category, out);
    if (rc < 0 || !category)
        return rc;
    if (!site_category(site, category))
        return verb_refuse(out, E_INVALID, "category", "there is no category '%.64s'", category);
    text_copy(s->category, sizeof(s->category), category);
    return 0;
}

static void replace(char **field, const char *value)
{
    if (!value)
        return;
    free(*field);
    *field = xstrdup(value);
}

/* The only place that changes an incident's state. */
static int incident_set_state(struct incident_row *r, enum incident_state to, const char *cause)
{
    if (r->state == to)
        return 0;
    if (!state_may_move(&incident_states, r->state, to))
        return E_CONFLICT;
    state_log(&incident_states, r->id, r->state, to, cause);
    r->state = to;
    return 0;
}

/* Open now, from whatever it was. */
static int begin(struct incidents *in, struct ledger_tx *tx, struct incident_row *r, const char *by)
{
    int rc = 0;
    rc = incident_set_state(r, INCIDENT_OPEN, by);
    text_copy(r->opened_by, sizeof(r->opened_by), by);
    r->opened_at = ledger_now(tx);
    if (rc == E_OK && r->gathers) {
        r->joining = 0;
        rc = incident_join_some(in, tx, r);
    }
    return rc;
}

static int read_new(struct incidents *in, struct db *db, const json_t *body, struct incident_row *r,
                    struct verb_out *out)
{
    const char *subject, *words;
    struct place_names names;
    int rc;
    rc = verb_text_needed(body, "subject", SUBJECT_MAX, &subject, out);
    if (rc == E_OK)
        rc = verb_text(body, "words", WORDS_MAX, &words, out);
    if (rc == E_OK)
        rc = read_category(in->site, body, &r->scope, out);
    if (rc == E_OK)
        rc = read_scope(db, json_object_get(body, "scope"), &r->scope, out);
    if (rc == E_OK)
        rc = verb_bool(body, "join", &r->gathers, out);
    if (rc < 0)
        return rc;
    if (r->gathers && !r->scope.estate_id && !*r->scope.category)
        return verb_refuse(out, E_INVALID, "join", "join needs a scope or a category");
    replace(&r->subject, subject);
    replace(&r->words, words);
    radar_key(&r->scope, r->key);
    rc = repo_place_names(db, r->scope.estate_id, r->scope.building_id, &names);
    r->scope_json = scope_json(&r->scope, &names);
    return rc;
}

/* An offer for the same group becomes what is opened by hand; an open one stays alone. */
static int take_offer(struct db *db, int64_t id, struct incident_row *r, struct verb_out *out)
{
    struct incident_row offer;
    int rc = repo_incident_load(db, id, &offer);
    if (rc == E_OK && offer.state != INCIDENT_PROPOSED) {
        text_copy(out->state, sizeof(out->state), state_name(&incident_states, offer.state));
        rc = verb_refuse(out, E_CONFLICT, NULL, "incident %" PRId64 " is %s for this already", id,
                         out->state);
    }
    if (rc == E_OK) {
        r->id = id;
        r->owners = offer.owners;
        r->since_at = offer.since_at;
        r->gathers = true;
        if (!r->words)
            replace(&r->words, offer.words);
    }
    incident_row_clear(&offer);
    return rc;
}

static int create(struct incidents *in, struct ledger_tx *tx, const json_t *body,
                  const struct actor *actor, struct incident_row *r, struct verb_out *out)
{
    struct db *db = ledger_db(tx);
    int64_t live = 0;
    int rc = read_new(in, db, body, r, out);
    if (rc == E_OK && *r->key)
        rc = repo_incident_of_key(db, r->key, &live);
    if (rc == E_OK && live)
        rc = take_offer(db, live, r, out);
    if (rc == E_OK)
        rc = incident_set_state(r, INCIDENT_OPEN, actor->name);
    text_copy(r->opened_by, sizeof(r->opened_by), actor->name);
    if (rc == E_OK && !r->id)
        rc = repo_incident_insert(db, r);
    if (rc == E_OK)
        rc = begin(in, tx, r, actor->name);
    if (rc == E_OK)
        rc = repo_incident_update(db, r);
    if (rc == E_OK)
        rc = tell_all(in, tx, r, "incident_opened", "incident.opened");
    return rc < 0 ? rc : incident_tell_loop(in, tx, r);
}

int incidents_create(struct incidents *in, struct ledger_tx *tx, const json_t *body,
                     const struct actor *actor, struct verb_out *out, int64_t *id)
{
    struct incident_row r = {.opened_at = ledger_now(tx), .joining = -1, .telling = -1};
    int rc;
    memset(out, 0, sizeof(*out));
    if (!json_is_object(body))
        return verb_refuse(out, E_INVALID, NULL, "an object is expected");
    r.since_at = ledger_now(tx) - span_rough_ms(&in->site->tickets.group_alert.within);
    rc = create(in, tx, body, actor, &r, out);
    *id = r.id;
    incident_row_clear(&r);
    return rc;
}

/* ---- verbs ---- */

struct incident_req {
    struct incidents *in;
    struct ledger_tx *tx;
    struct incident_row *r;
    const json_t *body;
    const struct actor *actor;
    struct verb_out *out;
};

static int do_open(struct incident_req *q)
{
    const char *subject, *words;
    int rc;
    rc = verb_text(q->body, "subject", SUBJECT_MAX, &subject, q->out);
    if (rc == E_OK)
        rc = verb_text(q->body, "words", WORDS_MAX, &words, q->out);
    if (rc < 0)
        return rc;
    replace(&q->r->subject, subject && *subject ? subject : NULL);
    replace(&q->r->words, words);
    return begin(q->in, q->tx, q->r, q->actor->name);
}

static int do_words(struct incident_req *q)
{
    const char *words;
    int rc = verb_text_needed(q->body, "words", WORDS_MAX, &words, q->out);
    if (rc == E_OK)
        replace(&q->r->words, words);
    return rc;
}

static int do_resolve(struct incident_req *q)
{
    const char *note;
    int rc = verb_text(q->body, "note", WORDS_MAX, &note, q->out);
    if (rc < 0)
        return rc;
    replace(&q->r->reason, note);
    rc = incident_set_state(q->r, INCIDENT_RESOLVED, q->actor->name);
    if (rc < 0)
        return rc;
    text_copy(q->r->resolved_by, sizeof(q->r->resolved_by), q->actor->name);
    q->r->resolved_at = q->r->closed_at = ledger_now(q->tx);
    q->r->joining = -1;
    q->r->telling = 0;
    return incident_tell_some(q->in, q->tx, q->r);
}

static int do_close(struct incident_req *q)
{
    const char *reason;
    int rc = verb_text_needed(q->body, "reason", WORDS_MAX, &reason, q->out);
    if (rc < 0)
        return rc;
    replace(&q->r->reason, reason);
    rc = incident_set_state(q->r, INCIDENT_CLOSED, q->actor->name);
    q->r->closed_at = ledger_now(q->tx);
    q->r->joining = -1;
    return rc;
}

#define FROM(state) (1u << INCIDENT_##state)

/* What may be done from where, and what is told of it; `words` leaves the state as it is. */
static const struct {
    const char *verb;
    unsigned from;
    int (*fn)(struct incident_req *q);
    const char *alert, *event;
} verbs[] = {
    {"open", FROM(PROPOSED), do_open, "incident_opened", "incident.opened"},
    {"words", FROM(PROPOSED) | FROM(OPEN), do_words, "incident_words", NULL},
    {"resolve", FROM(OPEN), do_resolve, "incident_resolved", "incident.resolved"},
    {"close", FROM(PROPOSED) | FROM(OPEN), do_close, "incident_closed", "incident.closed"},
};

static bool verb_allowed(size_t i, enum incident_state state)
{
    return (verbs[i].from & 1u << state) != 0;
}

void incident_allowed(enum incident_state state, struct jw *w)
{
    jw_arr(w);
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (verb_allowed(i, state))
            jw_str(w, verbs[i].verb);
    jw_end_arr(w);
}

static int forbidden(struct incident_req *q, const char *verb)
{
    struct buf allowed = BUF_INIT(sizeof(q->out->allowed) - 1);
    struct jw w;
    jw_init(&w, &allowed);
    incident_allowed(q->r->state, &w);
    text_copy(q->out->allowed, sizeof(q->out->allowed), buf_str(&allowed));
    text_copy(q->out->state, sizeof(q->out->state), state_name(&incident_states, q->r->state));
    buf_free(&allowed);
    return verb_refuse(q->out, E_CONFLICT, NULL, "%s is not possible while the incident is %s",
                       verb, q->out->state);
}

static int run_verb(struct incident_req *q, const char *verb)
{
    size_t i = 0;
    int rc;
    while (i < ARRAY_LEN(verbs) && !text_eq(verbs[i].verb, verb))
        i++;
    if (i == ARRAY_LEN(verbs))
        return E_NOTFOUND;
    if (!verb_allowed(i, q->r->state))
        return forbidden(q, verb);
    rc = verbs[i].fn(q);
    if (rc == E_OK)
        rc = repo_incident_update(ledger_db(q->tx), q->r);
    return rc < 0 ? rc : tell_all(q->in, q->tx, q->r, verbs[i].alert, verbs[i].event);
}

int incidents_verb(struct incidents *in, struct ledger_tx *tx, int64_t id, const char *verb,
                   const json_t *body, const struct actor *actor, struct verb_out *out)
{
    struct incident_row r;
    struct incident_req q = {.in = in, .tx = tx, .r = &r, .body = body, .actor = actor, .out = out};
    int rc;
    memset(out, 0, sizeof(*out));
    rc = repo_incident_load(ledger_db(tx), id, &r);
    if (rc == E_OK)
        rc = run_verb(&q, verb);
    if (rc == E_OK)
        rc = incident_tell_loop(in, tx, &r);
    incident_row_clear(&r);
    return rc;
}
