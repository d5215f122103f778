/*
 * states.c - the tables of moves.
 */
#include "domain/states.h"

#include <inttypes.h>

#include "base/log.h"
#include "base/text.h"
#include "domain/retry.h"
#include "domain/ticket_rule.h"

#define TABLE(thing, ways)                                                                         \
    {                                                                                              \
        thing, ways, (int)(sizeof(ways) / sizeof((ways)[0]))                                       \
    }

/* A receipt may come before the answer of the request that it is about: sending -> delivered. */
#define M(state) (1u << MSG_##state)
static const struct state_ways message_ways[MSG_STATES] = {
    [MSG_QUEUED] = {"queued",
                    M(SENDING) | M(EXPIRED) | M(CANCELLED) | M(SENT) | M(DELIVERED) | M(FAILED)},
    [MSG_SENDING] = {"sending",
                     M(QUEUED) | M(SENT) | M(DELIVERED) | M(FAILED) | M(EXPIRED) | M(CANCELLED)},
    [MSG_SENT] = {"sent", M(DELIVERED) | M(FAILED)},
    [MSG_DELIVERED] = {"delivered", 0},
    [MSG_FAILED] = {"failed", 0},
    [MSG_EXPIRED] = {"expired", 0},
    [MSG_CANCELLED] = {"cancelled", 0},
};

/* `resources.md`, "states and the only ways between them". A ticket that nobody is responsible for
 * is `new` again when it is reopened. */
#define T(state) (1u << TICKET_##state)
static const struct state_ways ticket_ways[TICKET_STATES] = {
    [TICKET_NEW] = {"new", T(OPEN) | T(CANCELLED) | T(CLOSED)},
    [TICKET_OPEN] = {"open", T(DISPATCHED) | T(RESOLVED) | T(CANCELLED) | T(CLOSED)},
    [TICKET_DISPATCHED] = {"dispatched", T(OPEN) | T(RESOLVED) | T(CLOSED)},
    [TICKET_RESOLVED] = {"resolved", T(AWAITING) | T(CLOSED) | T(OPEN) | T(NEW)},
    [TICKET_AWAITING] = {"awaiting_confirmation", T(CLOSED) | T(OPEN) | T(NEW)},
    [TICKET_CLOSED] = {"closed", T(OPEN) | T(NEW)},
    [TICKET_CANCELLED] = {"cancelled", 0},
};

#define C(state) (1u << CALLBACK_##state)
static const struct state_ways callback_ways[CALLBACK_STATES] = {
    [CALLBACK_WAITING] = {"waiting", C(CLAIMED) | C(DONE) | C(SUPERSEDED)},
    [CALLBACK_CLAIMED] = {"claimed", C(DONE) | C(SUPERSEDED)},
    [CALLBACK_DONE] = {"done", 0},
    [CALLBACK_SUPERSEDED] = {"superseded", 0},
};

/* An owner who did not answer may be asked once more in the same cycle. */
#define S(state) (1u << SURVEY_##state)
static const struct state_ways survey_ways[SURVEY_STATES] = {
    [SURVEY_ASKED] = {"asked", S(ANSWERED) | S(UNANSWERED)},
    [SURVEY_ANSWERED] = {"answered", 0},
    [SURVEY_UNANSWERED] = {"unanswered", S(ASKED)},
};

#define D(state) (1u << DISPATCH_##state)
static const struct state_ways dispatch_ways[DISPATCH_STATES] = {
    [DISPATCH_SENT] = {"sent", D(ACCEPTED) | D(REFUSED) | D(WITHDRAWN)},
    [DISPATCH_ACCEPTED] = {"accepted", D(DONE) | D(WITHDRAWN)},
    [DISPATCH_DONE] = {"done", 0},
    [DISPATCH_REFUSED] = {"refused", 0},
    [DISPATCH_WITHDRAWN] = {"withdrawn", 0},
};

#define I(state) (1u << INCIDENT_##state)
static const struct state_ways incident_ways[INCIDENT_STATES] = {
    [INCIDENT_PROPOSED] = {"proposed", I(OPEN) | I(CLOSED)},
    [INCIDENT_OPEN] = {"open", I(RESOLVED) | I(CLOSED)},
    [INCIDENT_RESOLVED] = {"resolved", 0},
    [INCIDENT_CLOSED] = {"closed", 0},
};

const struct state_table message_states = TABLE("message", message_ways);
const struct state_table ticket_states = TABLE("ticket", ticket_ways);
const struct state_table callback_states = TABLE("callback", callback_ways);
const struct state_table survey_states = TABLE("survey", survey_ways);
const struct state_table dispatch_states = TABLE("dispatch", dispatch_ways);
const struct state_table incident_states = TABLE("incident", incident_ways);

static bool is_one(const struct state_table *t, int state)
{
    return state >= 0 && state < t->n;
}

const char *state_name(const struct state_table *t, int state)
{
    return is_one(t, state) ? t->of[state].name : "?";
}

int state_parse(const struct state_table *t, const char *name)
{
    int s = 0;
    while (s < t->n && !text_eq(t->of[s].name, name))
        s++;
    return s;
}

bool state_may_move(const struct state_table *t, int from, int to)
{
    return is_one(t, from) && is_one(t, to) && (t->of[from].next & 1u << to);
}

void state_log(const struct state_table *t, int64_t id, int from, int to, const char *cause)
{
    log_debug(NULL, "%s %" PRId64 ": %s -> %s (%s)", t->thing, id, state_name(t, from),
              state_name(t, to), cause);
}
