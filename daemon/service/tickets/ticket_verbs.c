/*
 * ticket_verbs.c - one way in for every verb: parse its name, look at the rule table, carry it out.
 */
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/messages/outbox.h"
#include "service/tickets/ticket_verb.h"
#include "store/repo_incident.h"

/* ---- small verbs ---- */

int verb_claim(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct jw *w;
    if (!ticket_may_own(k, r->actor->name))
        return verb_refuse(r->out, E_DENIED, NULL, "%s cannot be responsible", r->actor->name);
    ticket_take(k, r->actor->name);
    w = ticket_say(k);
    jw_kstr(w, "responder", r->actor->name);
    ticket_said(k, "claimed");
    ticket_clock_keep(k, "claim", 0);
    return 0;
}

int verb_note(struct verb_req *r)
{
    const char *text;
    int rc = verb_text_needed(r->body, "text", NOTE_TEXT_MAX, &text, r->out);
    if (rc < 0)
        return rc;
    if (r->actor->kind == STAFF_INTEGRATION) /* the owner wrote */
        ticket_reached(r->k);
    jw_kstr(ticket_say(r->k), "text", text);
    ticket_said(r->k, "noted");
    return 0;
}

/* The clock whose ladder an urge climbs: resolve, else the one that is due next. */
static struct clock_row *urged_clock(struct ticket *k)
{
    struct clock_row *best = ticket_clock(k, "resolve", 0);
    for (size_t i = 0; !best && i < k->clocks_n; i++)
        if (!k->clocks[i].ended_at && k->clocks[i].next_at && !clock_is_protocol(&k->clocks[i]))
            best = &k->clocks[i];
    return best;
}

static void climb(struct ticket *k, int64_t rungs)
{
    for (int64_t i = 0; i < rungs && !k->rc; i++) {
        struct clock_row *c = urged_clock(k);
        const struct policy *p = c ? clocks_frozen(k->t->clocks, k->db, c->policy_id) : NULL;
        struct ladder_mark mark = {0};
        int step;
        if (!p)
            return;
        ladder_mark_parse(c->fired, &mark);
        step = ladder_unclimbed(policy_ladder_of(p, c->name), &mark);
        if (step < 0)
            return;
        ticket_step(k, c, step, 1, true);
        ticket_clock_arm(k, c);
    }
}

int verb_urge(struct verb_req *r)
{
    struct ticket *k = r->k;
    struct told told = {.n = 0};
    int64_t every = span_rough_ms(&k->policy->urge.every);
    bool quiet = k->row.urged_at && k->now - k->row.urged_at < every;
    char count[16];
    const char *note;
    struct jw *w;
    int rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc < 0)
        return rc;
    k->row.urges++;
    snprintf(count, sizeof(count), "%d", k->row.urges);
    struct outbox_param params[] = {{"urges", count, 0}, {"note", note ? note : "", 0}};
    struct tell_message m = {.template_name = "urged", .params = params, .n_params = 2};
    if (!quiet) {
        k->row.urged_at = k->now;
        ticket_tell(k, &k->policy->urge.tell, 0, &m, &told);
    }
    w = ticket_say(k);
    jw_kint(w, "urges", k->row.urges);
    jw_kstr(w, "note", note);
    told_json(&told, w);
    ticket_said(k, "urged");
    if (!quiet)
        climb(k, k->policy->urge.step);
    return 0;
}

int verb_incident(struct verb_req *r)
{
    struct ticket *k = r->k;
    int64_t id = 0;
    int rc = verb_int(r->body, "id", 1, INT64_MAX, &id, r->out);
    if (rc < 0)
        return rc;
    bool found = false;
    rc = repo_incident_is_live(k->db, id, &found);
    if (rc < 0)
        return rc;
    if (!found)
        return verb_refuse(r->out, E_INVALID, "id", "there is no open incident %lld",
                           (long long)id);
    k->row.incident_id = id;
    jw_kint(ticket_say(k), "incident", id);
    ticket_said(k, "joined_incident");
    return 0;
}

void ticket_milestones_start(struct ticket *k, const char *from)
{
    for (size_t i = 0; i < k->policy->milestones_n; i++)
        if (text_eq(k->policy->milestones[i].from, from))
            (void)ticket_clock_start(k, k->policy->milestones[i].name, 0);
}

int verb_milestone(struct verb_req *r)
{
    struct ticket *k = r->k;
    const char *note;
    struct jw *w;
    int rc = verb_text(r->body, "note", NOTE_TEXT_MAX, &note, r->out);
    if (rc < 0)
        return rc;
    if (clock_is_standard(r->name) || !ticket_clock(k, r->name, 0))
        return verb_refuse(r->out, E_NOTFOUND, NULL, "no milestone '%.64s' is to be kept", r->name);
    w = ticket_say(k);
    jw_kstr(w, "milestone", r->name);
    jw_kstr(w, "text", note);
    ticket_said(k, "noted");
    ticket_clock_keep(k, r->name, 0);
    ticket_milestones_start(k, r->name);
    return 0;
}

/* ---- the way in ---- */

static verb_fn *const verbs[VERBS] = {
    [VERB_CLAIM] = verb_claim,
    [VERB_DISPATCH] = verb_dispatch,
    [VERB_REPLY] = verb_reply,
    [VERB_ATTEMPT] = verb_attempt,
    [VERB_RESOLVE] = verb_resolve,
    [VERB_CONFIRM] = verb_confirm,
    [VERB_URGE] = verb_urge,
    [VERB_NOTE] = verb_note,
    [VERB_HANDOVER] = verb_handover,
    [VERB_HANDOVER_ACCEPT] = verb_handover_accept,
    [VERB_HANDOVER_APPROVE] = verb_handover_approve,
    [VERB_HANDOVER_REFUSE] = verb_handover_refuse,
    [VERB_ACCEPT] = verb_accept,
    [VERB_PROGRESS] = verb_progress,
    [VERB_DONE] = verb_done,
    [VERB_REFUSE] = verb_refuse_it,
    [VERB_WITHDRAW] = verb_withdraw,
    [VERB_PAUSE] = verb_pause,
    [VERB_RESUME] = verb_resume,
    [VERB_EXTEND] = verb_extend,
    [VERB_MILESTONE] = verb_milestone,
    [VERB_INCIDENT] = verb_incident,
    [VERB_PATCH] = verb_patch,
    [VERB_CANCEL] = verb_cancel,
    [VERB_CLOSE] = verb_close,
    [VERB_REOPEN] = verb_reopen,
};

static bool is_of_dispatch(enum ticket_verb v)
{
    return v >= VERB_ACCEPT && v <= VERB_WITHDRAW;
}

/* "dispatches/2/accept": the verb and n; "milestones/x": the verb and its name. */
static int parse_path(struct verb_req *r, const char *path)
{
    char number[24];
    const char *slash = text_starts(path, "dispatches/") ? strchr(path + 11, '/') : NULL;
    if (slash) {
        r->verb = ticket_verb_parse(slash + 1);
        if (!text_copyn(number, sizeof(number), path + 11, (size_t)(slash - path - 11)))
            return E_NOTFOUND;
        if (text_int(number, 1, INT32_MAX, &r->n) || !is_of_dispatch(r->verb))
            return E_NOTFOUND;
        return 0;
    }
    if (text_starts(path, "milestones/") && path[11] && strlen(path + 11) < NAME_MAX_TEXT) {
        r->verb = VERB_MILESTONE;
        r->name = path + 11;
        return 0;
    }
    r->verb = ticket_verb_parse(path);
    if (r->verb == VERBS || is_of_dispatch(r->verb) || r->verb == VERB_MILESTONE)
        return E_NOTFOUND;
    return 0;
}

/* The state and what it allows; for a lost claim, who has it. */
static void show_allowed(struct verb_req *r, const struct ticket_view *v)
{
    struct buf allowed = BUF_INIT(sizeof(r->out->allowed) - 1);
    ticket_rule_allowed(v, &allowed);
    if (!allowed.overflow)
        text_copy(r->out->allowed, sizeof(r->out->allowed), buf_str(&allowed));
    buf_free(&allowed);
    text_copy(r->out->state, sizeof(r->out->state), ticket_state_name(v->state));
    text_copy(r->out->responder, sizeof(r->out->responder), r->k->row.responder);
}

static int explain(struct verb_req *r, const struct ticket_view *v, int rc)
{
    const char *verb = ticket_verb_name(r->verb), *state = ticket_state_name(v->state);
    if (rc == E_DENIED)
        return verb_refuse(r->out, rc, NULL, "%s is not for %s to do", verb, r->actor->name);
    return verb_refuse(r->out, rc, NULL, "%s is not possible while the ticket is %s", verb, state);
}

static int run(struct verb_req *r, int64_t if_match)
{
    struct ticket *k = r->k;
    struct ticket_view v = ticket_view_under(k, r->actor);
    int rc;
    if (if_match && if_match != k->row.version)
        return verb_refuse(r->out, E_STALE, NULL, "the ticket is at version %lld now",
                           (long long)k->row.version);
    show_allowed(r, &v);
    rc = is_of_dispatch(r->verb) ? ticket_dispatch_check(r) : E_OK;
    if (rc < 0)
        return rc;
    rc = ticket_rule_check(&v, r->verb);
    return rc < 0 ? explain(r, &v, rc) : verbs[r->verb](r);
}

int tickets_verb(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id, const char *verb,
                 const json_t *body, const struct actor *actor, int64_t if_match,
                 struct verb_out *out)
{
    struct ticket k;
    struct verb_req r = {.k = &k, .body = body, .actor = actor, .out = out};
    int rc = parse_path(&r, verb);
    memset(out, 0, sizeof(*out));
    if (rc < 0)
        return verb_refuse(out, rc, NULL, "a ticket has no verb '%.64s'", verb);
    rc = ticket_load(&k, t, tx, ticket_id, actor->name);
    if (rc < 0)
        return verb_refuse(out, rc, NULL, "no such ticket");
    k.out = out;
    rc = run(&r, if_match);
    if (rc < 0) {
        ticket_drop(&k);
        return rc;
    }
    return ticket_finish(&k);
}
