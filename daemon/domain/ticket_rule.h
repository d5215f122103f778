/*
 * ticket_rule.h - ticket states, the only ways between them, and who may take them: one table.
 *
 * The table decides; services carry out. `allowed` of a ticket, every 409 and every 403 come from
 * it. docs/tickets.md shows it as it is printed by ticket_rule_print().
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/err.h"

enum ticket_state {
    TICKET_NEW,
    TICKET_OPEN,
    TICKET_DISPATCHED,
    TICKET_RESOLVED,
    TICKET_AWAITING,
    TICKET_CLOSED,
    TICKET_CANCELLED,
    TICKET_STATES
};

enum ticket_verb {
    VERB_CLAIM,
    VERB_DISPATCH,
    VERB_REPLY,
    VERB_ATTEMPT,
    VERB_RESOLVE,
    VERB_CONFIRM,
    VERB_URGE,
    VERB_NOTE,
    VERB_HANDOVER,
    VERB_HANDOVER_ACCEPT,
    VERB_HANDOVER_APPROVE,
    VERB_HANDOVER_REFUSE,
    VERB_ACCEPT,
    VERB_PROGRESS,
    VERB_DONE,
    VERB_REFUSE,
    VERB_WITHDRAW,
    VERB_PAUSE,
    VERB_RESUME,
    VERB_EXTEND,
    VERB_MILESTONE,
    VERB_INCIDENT,
    VERB_PATCH,
    VERB_CANCEL,
    VERB_CLOSE,
    VERB_REOPEN,
    VERBS
};

/** "awaiting_confirmation"; TICKET_STATES for a text that is none. */
const char *ticket_state_name(enum ticket_state s);
enum ticket_state ticket_state_parse(const char *name);
/** "handover/approve", "accept", "milestones", "patch". */
const char *ticket_verb_name(enum ticket_verb v);
/** VERBS for a text that is none. */
enum ticket_verb ticket_verb_parse(const char *name);

/* What somebody is to a ticket, as bits. */
#define WHO_PERSON     (1u << 0) /* any person but an auditor */
#define WHO_MACHINE    (1u << 1) /* an integration, or dev */
#define WHO_RESPONDER  (1u << 2)
#define WHO_SUPERVISOR (1u << 3) /* a supervisor or above, or dev */
#define WHO_DEPARTMENT (1u << 4) /* of the department (or the assignee) of an open dispatch */
#define WHO_SUCCESSOR  (1u << 5) /* the one whom the handover under way names */
#define WHO_BARRED     (1u << 6) /* the employee whom the complaint is about */

/* What is true of a ticket beside its state, as bits. */
#define FACT_DISPATCH_SENT      (1u << 0) /* a dispatch waits to be accepted */
#define FACT_DISPATCH_ACCEPTED  (1u << 1)
#define FACT_PROMISED           (1u << 2) /* something was dispatched or told to the owner already */
#define FACT_HANDOVER           (1u << 3) /* one is under way */
#define FACT_HANDOVER_ACCEPTED  (1u << 4)
#define FACT_HANDOVER_APPROVED  (1u << 5)
#define FACT_RUNNING_CLOCK      (1u << 6)
#define FACT_PAUSED_CLOCK       (1u << 7)  /* one that people may let go on */
#define FACT_REOPENABLE         (1u << 8)  /* closed not longer ago than tickets.reopen_within */
#define FACT_MILESTONE          (1u << 9)  /* a milestone is still to be kept */
#define FACT_DISPATCH_REFUSABLE (1u << 10) /* one that waits and is not final */
#define FACT_LIVE_CLOCK         (1u << 11) /* one that has not ended */
#define FACT_DISPATCHES_FULL    (1u << 12) /* no further work order fits */
#define FACT_PAUSABLE_CLOCK     (1u << 13) /* one that runs and that its policy lets people pause */

/** A ticket as the table sees it, for one who asks. */
struct ticket_view {
    enum ticket_state state;
    unsigned who;
    unsigned facts;
};

/** 0; E_CONFLICT when nobody may from here; E_DENIED when others may. */
int ticket_rule_check(const struct ticket_view *v, enum ticket_verb verb) MUST_CHECK;
/** The state after a verb that check allowed; the same state where the verb moves nothing, or where
 * it depends (dispatches: ticket_rule_after_dispatches). */
enum ticket_state ticket_rule_next(enum ticket_state from, enum ticket_verb verb);
/** The state of an open or dispatched ticket by the number of its open dispatches. */
enum ticket_state ticket_rule_after_dispatches(enum ticket_state from, int open_dispatches);
/** Appends what v may do, as a JSON list of verb names: without those that would be refused
 * whatever one says (`pause` where the policy lets nothing pause). */
void ticket_rule_allowed(const struct ticket_view *v, struct buf *out);
/** Appends the table as Markdown, for docs/tickets.md. */
void ticket_rule_print(struct buf *out);

/** A confirmation that the owner is not satisfied, which has its own way. */
#define TICKET_AFTER_NO TICKET_OPEN

/** True for the word lists of the contract. */
bool ticket_is_kind(const char *word);          /* repair, complaint, enquiry, suggestion, praise */
bool ticket_is_channel(const char *word);       /* call, callback, walk_in, sms, email, web */
bool ticket_is_cancel_reason(const char *word); /* wrong_number, no_request, duplicate, test */
bool ticket_is_ground(const char *word);        /* leave, left_company, … of a handover */
bool ticket_is_via(const char *word);           /* survey, sms, link, call, staff */
