/*
 * ticket_rule.c - the one table of ticket states, verbs and who may.
 */
#include "domain/ticket_rule.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/states.h"

#define IN(s)  (1u << TICKET_##s)
#define WORK   (IN(OPEN) | IN(DISPATCHED))
#define ASKED  (IN(RESOLVED) | IN(AWAITING))
#define LIVE   (IN(NEW) | WORK | ASKED)
#define ALL    (LIVE | IN(CLOSED) | IN(CANCELLED))
#define SAME   TICKET_STATES
#define OWNING (WHO_RESPONDER | WHO_SUPERVISOR)

/**
 * One way: from any of `from`, by any of `who`, if all of `needs` and none of `bars` is true.
 * Several rows of one verb are alternatives.
 */
struct rule {
    enum ticket_verb verb;
    unsigned from;
    enum ticket_state to;
    unsigned who;
    unsigned needs, bars;
};

/* clang-format off */
static const struct rule rules[] = {
    {VERB_CLAIM,            IN(NEW),      TICKET_OPEN,       WHO_PERSON,                0, 0},
    {VERB_DISPATCH,         WORK,         TICKET_DISPATCHED, OWNING,                    0, FACT_DISPATCHES_FULL},
    {VERB_REPLY,            WORK,         SAME,              OWNING,                    0, 0},
    {VERB_REPLY,            ASKED,        TICKET_AWAITING,   OWNING,                    0, 0},
    {VERB_ATTEMPT,          WORK | ASKED, SAME,              OWNING,                    0, 0},
    {VERB_RESOLVE,          WORK,         TICKET_RESOLVED,   OWNING,                    0, 0},
    {VERB_CONFIRM,          ASKED,        TICKET_CLOSED,     OWNING | WHO_MACHINE,      0, 0},
    {VERB_URGE,             LIVE,         SAME,              WHO_PERSON | WHO_MACHINE,  0, 0},
    {VERB_NOTE,             ALL,          SAME,              WHO_PERSON | WHO_MACHINE,  0, 0},
    {VERB_HANDOVER,         WORK | ASKED, SAME,              OWNING,                    0, FACT_HANDOVER},
    {VERB_HANDOVER_ACCEPT,  WORK | ASKED, SAME,              WHO_SUCCESSOR,             FACT_HANDOVER, FACT_HANDOVER_ACCEPTED},
    {VERB_HANDOVER_APPROVE, WORK | ASKED, SAME,              WHO_SUPERVISOR,            FACT_HANDOVER, FACT_HANDOVER_APPROVED},
    {VERB_HANDOVER_REFUSE,  WORK | ASKED, SAME,              WHO_SUCCESSOR | WHO_SUPERVISOR, FACT_HANDOVER, 0},
    {VERB_ACCEPT,           IN(DISPATCHED), SAME,            WHO_DEPARTMENT,            FACT_DISPATCH_SENT, 0},
    {VERB_PROGRESS,         IN(DISPATCHED), SAME,            WHO_DEPARTMENT,            FACT_DISPATCH_ACCEPTED, 0},
    {VERB_DONE,             IN(DISPATCHED), SAME,            WHO_DEPARTMENT,            FACT_DISPATCH_ACCEPTED, 0},
    {VERB_REFUSE,           IN(DISPATCHED), SAME,            WHO_DEPARTMENT,            FACT_DISPATCH_REFUSABLE, 0},
    {VERB_WITHDRAW,         IN(DISPATCHED), SAME,            OWNING,                    0, 0},
    {VERB_PAUSE,            WORK | ASKED, SAME,              OWNING,                    FACT_RUNNING_CLOCK, 0},
    {VERB_RESUME,           WORK | ASKED, SAME,              OWNING,                    FACT_PAUSED_CLOCK, 0},
    {VERB_EXTEND,           LIVE,         SAME,              WHO_SUPERVISOR,            0, 0},
    {VERB_MILESTONE,        WORK | ASKED, SAME,              OWNING,                    FACT_MILESTONE, 0},
    {VERB_INCIDENT,         LIVE,         SAME,              WHO_PERSON | WHO_MACHINE,  0, 0},
    {VERB_PATCH,            LIVE,         SAME,              WHO_PERSON | WHO_MACHINE,  0, 0},
    {VERB_CANCEL,           IN(NEW) | IN(OPEN), TICKET_CANCELLED, WHO_SUPERVISOR,       0, 0},
    {VERB_CANCEL,           IN(OPEN),     TICKET_CANCELLED,  WHO_RESPONDER,             0, FACT_PROMISED},
    {VERB_CLOSE,            LIVE,         TICKET_CLOSED,     WHO_SUPERVISOR,            0, 0},
    {VERB_REOPEN,           IN(CLOSED),   TICKET_OPEN,       WHO_PERSON | WHO_MACHINE,  FACT_REOPENABLE, 0},
};
/* clang-format on */

static const char *const verb_names[VERBS] = {
    [VERB_CLAIM] = "claim",
    [VERB_DISPATCH] = "dispatch",
    [VERB_REPLY] = "reply",
    [VERB_ATTEMPT] = "attempt",
    [VERB_RESOLVE] = "resolve",
    [VERB_CONFIRM] = "confirm",
    [VERB_URGE] = "urge",
    [VERB_NOTE] = "note",
    [VERB_HANDOVER] = "handover",
    [VERB_HANDOVER_ACCEPT] = "handover/accept",
    [VERB_HANDOVER_APPROVE] = "handover/approve",
    [VERB_HANDOVER_REFUSE] = "handover/refuse",
    [VERB_ACCEPT] = "accept",
    [VERB_PROGRESS] = "progress",
    [VERB_DONE] = "done",
    [VERB_REFUSE] = "refuse",
    [VERB_WITHDRAW] = "withdraw",
    [VERB_PAUSE] = "pause",
    [VERB_RESUME] = "resume",
    [VERB_EXTEND] = "extend",
    [VERB_MILESTONE] = "milestones",
    [VERB_INCIDENT] = "incident",
    [VERB_PATCH] = "patch",
    [VERB_CANCEL] = "cancel",
    [VERB_CLOSE] = "close",
    [VERB_REOPEN] = "reopen",
};

static size_t find_word(const char *const *words, size_t n, const char *word)
{
    size_t i = 0;
    while (i < n && !text_eq(words[i], word))
        i++;
    return i;
}

const char *ticket_state_name(enum ticket_state s)
{
    return state_name(&ticket_states, s);
}

enum ticket_state ticket_state_parse(const char *name)
{
    return (enum ticket_state)state_parse(&ticket_states, name);
}

const char *ticket_verb_name(enum ticket_verb v)
{
    return v < VERBS ? verb_names[v] : "?";
}

enum ticket_verb ticket_verb_parse(const char *name)
{
    return (enum ticket_verb)find_word(verb_names, VERBS, name);
}

/* Whether the state and the facts permit a row, whoever asks. */
static bool is_open(const struct rule *r, const struct ticket_view *v)
{
    return (r->from & (1u << v->state)) && (v->facts & r->needs) == r->needs &&
           !(v->facts & r->bars);
}

/* The employee whom a complaint is about has no part in it but to write notes; and whoever is
 * responsible cannot approve that the ticket leaves them, whatever their role. */
static unsigned who_counts(const struct ticket_view *v, enum ticket_verb verb)
{
    if (verb == VERB_HANDOVER_APPROVE && v->who & WHO_RESPONDER)
        return 0;
    return (v->who & WHO_BARRED) && verb != VERB_NOTE ? 0 : v->who;
}

int ticket_rule_check(const struct ticket_view *v, enum ticket_verb verb)
{
    int rc = E_CONFLICT;
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        if (r->verb != verb || !is_open(r, v))
            continue;
        if (r->who & who_counts(v, verb))
            return 0;
        rc = E_DENIED;
    }
    return rc;
}

enum ticket_state ticket_rule_next(enum ticket_state from, enum ticket_verb verb)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++)
        if (rules[i].verb == verb && (rules[i].from & (1u << from)))
            return rules[i].to == SAME ? from : rules[i].to;
    return from;
}

enum ticket_state ticket_rule_after_dispatches(enum ticket_state from, int open_dispatches)
{
    if (from != TICKET_OPEN && from != TICKET_DISPATCHED)
        return from;
    return open_dispatches > 0 ? TICKET_DISPATCHED : TICKET_OPEN;
}

/* Permitted, and yet refused whatever one says: what the verb needs to be of any use. */
static bool is_hopeless(const struct ticket_view *v, enum ticket_verb verb)
{
    return (verb == VERB_PAUSE && !(v->facts & FACT_PAUSABLE_CLOCK)) ||
           (verb == VERB_EXTEND && !(v->facts & FACT_LIVE_CLOCK));
}

void ticket_rule_allowed(const struct ticket_view *v, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_arr(&w);
    for (enum ticket_verb verb = 0; verb < VERBS; verb++)
        if (ticket_rule_check(v, verb) == 0 && !is_hopeless(v, verb))
            jw_str(&w, verb_names[verb]);
    jw_end_arr(&w);
}

/* ---- the table for the docs ---- */

static void print_words(struct buf *out, unsigned bits, const char *const *words, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        if (!(bits & (1u << i)))
            continue;
        buf_printf(out, "%s%s", any ? ", " : "", words[i]);
        any = true;
    }
}

void ticket_rule_print(struct buf *out)
{
    static const char *const who[] = {
        "any person but an auditor", "integration", "responder", "supervisor",
        "the dispatch's department", "successor"};
    static const char *const facts[] = {"a dispatch not accepted yet",
                                        "an accepted dispatch",
                                        "something dispatched or promised",
                                        "a handover under way",
                                        "accepted by successor",
                                        "approved",
                                        "a running clock",
                                        "a paused clock",
                                        "within `tickets.reopen_within`",
                                        "a milestone not kept yet",
                                        "a dispatch not accepted yet that is not final",
                                        "a clock that has not ended",
                                        "a hundred dispatches"};
    const char *states[TICKET_STATES];
    for (int i = 0; i < TICKET_STATES; i++)
        states[i] = ticket_state_name((enum ticket_state)i);
    buf_adds(out, "| verb | from | to | who | if there is | unless there is |\n"
                  "| --- | --- | --- | --- | --- | --- |\n");
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        buf_printf(out, "| `%s` | ", verb_names[r->verb]);
        print_words(out, r->from, states, TICKET_STATES);
        buf_printf(out, " | %s | ", r->to == SAME ? "" : states[r->to]);
        print_words(out, r->who, who, ARRAY_LEN(who));
        buf_adds(out, " | ");
        print_words(out, r->needs, facts, ARRAY_LEN(facts));
        buf_adds(out, " | ");
        print_words(out, r->bars, facts, ARRAY_LEN(facts));
        buf_adds(out, " |\n");
    }
}

/* ---- word lists ---- */

#define WORDS(fn, ...)                                                                             \
    bool fn(const char *word)                                                                      \
    {                                                                                              \
        static const char *const words[] = {__VA_ARGS__};                                          \
        return find_word(words, ARRAY_LEN(words), word) < ARRAY_LEN(words);                        \
    }

WORDS(ticket_is_kind, "repair", "complaint", "enquiry", "suggestion", "praise")
WORDS(ticket_is_channel, "call", "callback", "walk_in", "sms", "email", "web")
WORDS(ticket_is_cancel_reason, "wrong_number", "no_request", "duplicate", "test")
WORDS(ticket_is_ground, "leave", "left_company", "conflict_of_interest", "stage_two_review",
      "reassignment")
WORDS(ticket_is_via, "survey", "sms", "link", "call", "staff")
