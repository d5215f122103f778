/*
 * states.h - the states of what the store keeps, and the only ways between them: one table each.
 *
 * Whoever owns a state has one function that writes it; that function asks state_may_move() and
 * says the move with state_log(). Who may cause a move is another question: ticket_rule.h.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/** The states of one kind of thing. */
struct state_table {
    const char *thing; /* "message", for the log */
    const struct state_ways {
        const char *name; /* as stored and shown */
        unsigned next;    /* bits of the states that may follow */
    } * of;
    int n;
};

enum callback_state {
    CALLBACK_WAITING,
    CALLBACK_CLAIMED,
    CALLBACK_DONE,
    CALLBACK_SUPERSEDED,
    CALLBACK_STATES
};
enum survey_state { SURVEY_ASKED, SURVEY_ANSWERED, SURVEY_UNANSWERED, SURVEY_STATES };
enum dispatch_state {
    DISPATCH_SENT,
    DISPATCH_ACCEPTED,
    DISPATCH_DONE,
    DISPATCH_REFUSED,
    DISPATCH_WITHDRAWN,
    DISPATCH_STATES
};
enum incident_state {
    INCIDENT_PROPOSED,
    INCIDENT_OPEN,
    INCIDENT_RESOLVED,
    INCIDENT_CLOSED,
    INCIDENT_STATES
};

extern const struct state_table callback_states, survey_states, dispatch_states, incident_states;
/** enum msg_state (retry.h) and enum ticket_state (ticket_rule.h). */
extern const struct state_table message_states, ticket_states;

/** "waiting"; "?" for a number that is no state. */
const char *state_name(const struct state_table *t, int state);
/** The state of that name; t->n if there is none. */
int state_parse(const struct state_table *t, const char *name);
/** True if one may follow the other directly. */
bool state_may_move(const struct state_table *t, int from, int to);
/** "callback 7: waiting -> claimed (li.na)", at level debug. */
void state_log(const struct state_table *t, int64_t id, int from, int to, const char *cause);
