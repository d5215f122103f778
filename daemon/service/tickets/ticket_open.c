/*
 * ticket_open.c - how tickets begin: a call that was answered, what somebody types in, and what
 * every new ticket starts with.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/number.h"
#include "service/tickets/callbacks.h"
#include "service/registry/registry.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_call.h"
#include "store/repo_person.h"
#include "store/repo_unit.h"

#define SUBJECT_MAX 500
#define CALLS_MAX   (64 * 1024)

void ticket_opened(struct ticket *k, bool by_answered_call)
{
    struct jw *w = ticket_say(k);
    jw_kstr(w, "channel", k->row.channel);
    jw_kstr(w, "responder", *k->row.responder ? k->row.responder : NULL);
    jw_kid(w, "call_id", k->row.call_id);
    jw_kid(w, "person_id", k->row.person_id);
    jw_kint(w, "priority", k->row.priority);
    jw_kstr(w, "policy", k->policy ? k->policy->name : NULL);
    ticket_said(k, "opened");
    if (!*k->row.responder)
        (void)ticket_clock_start(k, "claim", 0);
    (void)ticket_clock_start(k, "first_reply", 0);
    if (by_answered_call)
        ticket_clock_keep(k, "first_reply", 0);
    (void)ticket_clock_start(k, "resolve", 0);
    if (k->policy)
        ticket_milestones_start(k, "opened");
    ticket_announce(k, "ticket.opened");
}

/* ---- calls ---- */

static char *call_subject(const struct site *site, const char *number)
{
    const char *words = site->site.lang == LANG_EN ? "Call" : "来电";
    return number ? xasprintf("%s %s", words, number) : xstrdup(words);
}

static int open_for_call(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                         int32_t today, int64_t *ticket_id)
{
    struct ticket k;
    ticket_begin(&k, t, tx, call->agent ? call->agent : SYSTEM_NAME);
    if (call->agent && !k.rc && ticket_may_own(&k, call->agent))
        ticket_take(&k, call->agent);
    k.row.subject = call_subject(t->site, call->number);
    text_copy(k.row.channel, sizeof(k.row.channel), "call");
    text_copy(k.row.caller, sizeof(k.row.caller), call->number ? call->number : "");
    k.row.person_id = call->person_id;
    k.row.call_id = call->call_id;
    k.row.calls_json = xasprintf("[%" PRId64 "]", call->call_id);
    if (call->person_id && !k.rc)
        k.rc = repo_tenure_only_unit(k.db, call->person_id, today, &k.row.unit_id);
    if (ticket_choose_policy(&k) == 0)
        ticket_opened(&k, true);
    *ticket_id = k.row.id;
    return ticket_finish(&k);
}

/* "[17]" and 19: "[17,19]"; unchanged if it is there already. */
static void add_call(struct ticket *k, int64_t call_id)
{
    struct buf out = BUF_INIT(CALLS_MAX);
    char needle[32];
    const char *old = k->row.calls_json ? k->row.calls_json : "[]";
    size_t len = strlen(old);
    snprintf(needle, sizeof(needle), "%" PRId64, call_id);
    buf_add(&out, old, len - 1);
    buf_printf(&out, "%s%s]", len > 2 ? "," : "", needle);
    if (!out.overflow) {
        free(k->row.calls_json);
        k->row.calls_json = buf_take(&out);
    }
    buf_free(&out);
}

static int join_call(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                     int64_t ticket_id)
{
    struct ticket k;
    struct jw *w;
    int rc = ticket_load(&k, t, tx, ticket_id, call->agent ? call->agent : SYSTEM_NAME);
    if (rc < 0)
        return rc;
    ticket_reached(&k);
    add_call(&k, call->call_id);
    if (!k.row.call_id)
        k.row.call_id = call->call_id;
    w = ticket_say(&k);
    jw_kint(w, "call_id", call->call_id);
    jw_kstr(w, "agent", call->agent);
    ticket_said(&k, "call_joined");
    ticket_concerns(&k, call->agent);
    return ticket_finish(&k);
}

static int on_call(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                   int64_t *ticket_id, bool *joined)
{
    int32_t today = tickets_today(t, call->at);
    int rc = repo_ticket_open_of(ledger_db(tx), call->person_id, call->number, today, ticket_id);
    if (rc < 0)
        return rc;
    *joined = *ticket_id != 0;
    return *joined ? join_call(t, tx, call, *ticket_id)
                   : open_for_call(t, tx, call, today, ticket_id);
}

bool tickets_open_on(const struct tickets *t, const char *moment)
{
    return text_eq(t->site->tickets.open_on, moment);
}

int tickets_on_answered(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                        int64_t *ticket_id, bool *joined)
{
    int rc = callbacks_on_answered(t, tx, call->person_id, call->number, call->at);
    *ticket_id = 0;
    *joined = false;
    if (rc < 0 || !tickets_open_on(t, "answered"))
        return rc;
    return on_call(t, tx, call, ticket_id, joined);
}

int tickets_on_wrap_up(struct tickets *t, struct ledger_tx *tx, const struct answered_call *call,
                       int64_t *ticket_id, bool *joined)
{
    *ticket_id = 0;
    *joined = false;
    if (!tickets_open_on(t, "wrap_up"))
        return 0;
    return on_call(t, tx, call, ticket_id, joined);
}

/* ---- typed in ---- */

/* A new ticket under way. */
struct creation {
    struct ticket *k;
    const json_t *body;
    const struct actor *actor;
    struct verb_out *out;
    bool answered; /* by the call it names */
    bool take;
};

static int read_words(struct creation *c)
{
    struct ticket_row *row = &c->k->row;
    const char *subject, *kind, *channel;
    int rc;
    rc = verb_text_needed(c->body, "subject", SUBJECT_MAX, &subject, c->out);
    if (rc == E_OK)
        rc = verb_text(c->body, "kind", 64, &kind, c->out);
    if (rc == E_OK)
        rc = verb_text(c->body, "channel", 64, &channel, c->out);
    if (rc < 0)
        return rc;
    if (kind && !ticket_is_kind(kind))
        return verb_refuse(c->out, E_INVALID, "kind",
                           "kind is not one of repair, complaint, enquiry, suggestion, praise");
    if (channel && !ticket_is_channel(channel))
        return verb_refuse(c->out, E_INVALID, "channel",
                           "channel is not one of call, callback, walk_in, sms, email, web");
    row->subject = xstrdup(subject);
    if (channel)
        text_copy(row->channel, sizeof(row->channel), channel);
    if (kind) {
        text_copy(row->kind, sizeof(row->kind), kind);
        row->was_set |= SET_KIND;
    }
    return 0;
}

static int read_category(struct creation *c)
{
    struct ticket_row *row = &c->k->row;
    const struct site_category *category;
    int64_t priority = 0;
    const char *name;
    int rc = verb_text(c->body, "category", 64, &name, c->out);
    if (rc == E_OK)
        rc = verb_int(c->body, "priority", 1, 4, &priority, c->out);
    if (rc < 0)
        return rc;
    if (name) {
        category = site_category(c->k->t->site, name);
        if (!category)
            return verb_refuse(c->out, E_INVALID, "category", "there is no category '%.64s'", name);
        text_copy(row->category, sizeof(row->category), name);
        row->priority = (int)category->priority;
        if (!(row->was_set & SET_KIND))
            text_copy(row->kind, sizeof(row->kind), category->kind);
        row->was_set |= SET_CATEGORY | BROUGHT_KIND | BROUGHT_PRIORITY;
    }
    if (priority) {
        row->priority = (int)priority;
        row->was_set |= SET_PRIORITY;
    }
    return 0;
}

typedef int exists_fn(struct db *db, int64_t id, bool *yes);

/* An id in the body, of something that is there. */
static int read_id(struct creation *c, const char *key, exists_fn *exists, int64_t *id)
{
    bool yes = false;
    int rc = verb_int(c->body, key, 1, INT64_MAX, id, c->out);
    if (rc < 0 || !*id)
        return rc;
    rc = exists(c->k->db, *id, &yes);
    if (rc < 0 || yes)
        return rc;
    return verb_refuse(c->out, E_INVALID, key, "%s: there is no %" PRId64, key, *id);
}

static int call_exists(struct db *db, int64_t id, bool *yes)
{
    struct call_brief brief;
    int rc = repo_call_brief(db, id, &brief);
    *yes = rc == E_OK;
    return rc == E_NOTFOUND ? 0 : rc;
}

static int read_caller(struct creation *c)
{
    struct number_rules rules;
    struct number number;
    const char *caller;
    int rc = verb_text(c->body, "caller", 64, &caller, c->out);
    if (rc < 0 || !caller || !*caller)
        return rc;
    number_rules_of(c->k->t->site, &rules);
    number_normalise(&rules, caller, &number);
    if (number.kind != NUMBER_E164)
        return verb_refuse(c->out, E_INVALID, "caller", "caller: '%.64s' is not a telephone number",
                           caller);
    text_copy(c->k->row.caller, sizeof(c->k->row.caller), number.value);
    return 0;
}

/* The call that the ticket came by: its caller and person stand in where they were not given. */
static int read_call(struct creation *c)
{
    struct ticket_row *row = &c->k->row;
    struct call_brief call;
    int rc = repo_call_brief(c->k->db, row->call_id, &call);
    c->answered = call.answered;
    if (!*row->caller)
        text_copy(row->caller, sizeof(row->caller), call.party);
    if (!row->person_id)
        row->person_id = call.person_id;
    row->calls_json = xasprintf("[%" PRId64 "]", row->call_id);
    if (!verb_has(c->body, "channel"))
        text_copy(row->channel, sizeof(row->channel), "call");
    return rc < 0 ? rc : repo_call_row_set_ticket(c->k->db, row->call_id, row->id);
}

/* Nobody was named: whose number it certainly is, as with a call. */
static int identify(struct creation *c)
{
    struct ticket_row *row = &c->k->row;
    struct registry_found found = {0};
    int rc = registry_cards(c->k->db, row->caller, tickets_today(c->k->t, c->k->now), &found);
    if (rc == E_OK && text_eq(found.match, "one") && found.n &&
        found.owners[0].certainty == MATCH_CERTAIN)
        row->person_id = found.owners[0].id;
    registry_found_free(&found);
    return rc;
}

static int read_people(struct creation *c)
{
    struct ticket_row *row = &c->k->row;
    struct staff_account a;
    const char *about;
    int rc;
    rc = read_caller(c);
    if (rc == E_OK)
        rc = read_id(c, "person_id", repo_person_exists, &row->person_id);
    if (rc == E_OK)
        rc = read_id(c, "unit_id", repo_unit_exists, &row->unit_id);
    if (rc == E_OK)
        rc = read_id(c, "call_id", call_exists, &row->call_id);
    if (rc == E_OK)
        rc = verb_text(c->body, "about", 64, &about, c->out);
    if (rc < 0)
        return rc;
    if (about && staff_row_by_name(c->k->db, about, &a))
        return verb_refuse(c->out, E_INVALID, "about", "there is nobody '%.64s'", about);
    text_copy(row->about, sizeof(row->about), about ? about : "");
    row->was_set |= (row->unit_id ? SET_UNIT : 0) | (row->person_id ? SET_PERSON : 0);
    if (row->call_id)
        rc = read_call(c);
    if (rc == E_OK && !row->person_id && *row->caller)
        rc = identify(c);
    if (rc == E_OK && row->person_id && !row->unit_id)
        rc = repo_tenure_only_unit(c->k->db, row->person_id, tickets_today(c->k->t, c->k->now),
                                   &row->unit_id);
    return rc;
}

static int create(struct creation *c)
{
    struct ticket *k = c->k;
    const char *note;
    int rc;
    rc = k->rc;
    if (rc == E_OK)
        rc = read_words(c);
    if (rc == E_OK)
        rc = read_category(c);
    if (rc == E_OK)
        rc = read_people(c);
    if (rc == E_OK)
        rc = verb_bool(c->body, "take", &c->take, c->out);
    if (rc == E_OK)
        rc = verb_text(c->body, "note", NOTE_TEXT_MAX, &note, c->out);
    if (rc < 0)
        return rc;
    if (c->take && c->actor->kind == STAFF_PERSON && ticket_may_own(k, c->actor->name))
        ticket_take(k, c->actor->name);
    if (ticket_choose_policy(k))
        return k->rc;
    ticket_opened(k, c->answered);
    if (note && *note) {
        jw_kstr(ticket_say(k), "text", note);
        ticket_said(k, "noted");
    }
    return k->rc;
}

int tickets_create(struct tickets *t, struct ledger_tx *tx, const json_t *body,
                   const struct actor *actor, struct verb_out *out)
{
    struct ticket k;
    struct creation c = {.k = &k, .body = body, .actor = actor, .out = out};
    int rc;
    memset(out, 0, sizeof(*out));
    if (actor->kind == STAFF_PERSON && actor->role == ROLE_AUDITOR)
        return verb_refuse(out, E_DENIED, NULL, "auditors open no tickets");
    if (!json_is_object(body))
        return verb_refuse(out, E_INVALID, NULL, "an object is expected");
    ticket_begin(&k, t, tx, actor->name);
    k.out = out;
    rc = create(&c);
    if (rc < 0) {
        ticket_drop(&k);
        return rc;
    }
    return ticket_finish(&k);
}
