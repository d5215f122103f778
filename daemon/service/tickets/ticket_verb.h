/*
 * ticket_verb.h - what the files that carry out verbs share: one request, checked reading of its
 * body, and refusals that say which field.
 */
#pragma once
#include "service/tickets/ticket_priv.h"

/** One verb under way. */
struct verb_req {
    struct ticket *k;
    enum ticket_verb verb;
    int64_t n;        /* of dispatches/{n}/… */
    const char *name; /* of milestones/{name} */
    const json_t *body;
    const struct actor *actor;
    struct verb_out *out;
};

typedef int verb_fn(struct verb_req *r);

/* The verbs, by file. */
verb_fn verb_claim, verb_note, verb_urge, verb_incident, verb_milestone; /* ticket_verbs.c */
verb_fn verb_pause, verb_resume, verb_extend;                            /* ticket_time.c */
verb_fn verb_reply, verb_attempt, verb_resolve, verb_confirm;            /* ticket_loop.c */
verb_fn verb_cancel, verb_close, verb_reopen;                            /* ticket_loop.c */
verb_fn verb_dispatch, verb_accept, verb_progress, verb_done,
    verb_refuse_it; /* ticket_dispatch.c */
verb_fn verb_withdraw;
verb_fn verb_handover, verb_handover_accept, verb_handover_approve; /* ticket_handover.c */
verb_fn verb_handover_refuse;
verb_fn verb_patch; /* ticket_patch.c */

/* ---- shared by several of them ---- */

/** Close or cancel: ends clocks, dispatches and a handover. kind "" for cancelled. */
void ticket_end(struct ticket *k, enum ticket_state state, const char *kind, const char *reason);
/** Into the next cycle: open again, told one rung higher, the resolve clock anew. */
void ticket_next_cycle(struct ticket *k, const char *note);
/** Withdraw every open dispatch (at resolve and at the end). */
void ticket_withdraw_all(struct ticket *k);
/** The visits of the open work orders have changed, or another pause of `resolve` has ended: where
 * it waits for visits, it waits for the first that is left, or goes on; where it runs, it waits for
 * the first that was arranged since `since` and is still to come. */
void ticket_visits_look(struct ticket *k, int64_t since);
/** The clock `feedback` waits while a work order is open, and goes on when none is. */
void ticket_feedback_look(struct ticket *k);
/** That the work order exists and is for the actor to answer, before the rule table is asked. */
int ticket_dispatch_check(struct verb_req *r);
/** Start every milestone that runs from `from`. */
void ticket_milestones_start(struct ticket *k, const char *from);
/** Start the clocks of a ticket just opened, keeping what is kept at once, and say `opened`. */
void ticket_opened(struct ticket *k, bool by_answered_call);
/** The calls back that the site allows reached nobody: the no-answer protocol of an open ticket. */
void ticket_unreached(struct ticket *k);
/** The owner was reached, or something is done for him: that protocol ends. Leaves the one beside
 * the confirm clock as it is. */
void ticket_reached(struct ticket *k);
/** Begin the no-answer protocol beside the confirm clock. */
void ticket_no_answer_start(struct ticket *k);
/** Carry it on: tries that are due, and the end. True if the ticket was closed. */
bool ticket_no_answer_run(struct ticket *k);
/** Begin a handover to `to` (NULL: whom the shift plan proposes, if anybody), approved by a
 * supervisor or not. */
void ticket_handover_ask(struct ticket *k, const char *to, const char *ground, const char *note,
                         const char *approved_by);
/** The same, to whom the shift plan proposes; approved by whoever causes it, if they may approve it
 * (a supervisor, and not the one who is responsible). */
void ticket_handover_ask_by(struct ticket *k, const char *ground, const struct actor *by);
/** The shift plan changed, or a duty began: propose a successor where nobody was found before. */
void ticket_handover_look(struct ticket *k);

/* ---- successors (ticket_successor.c) ---- */

/** Who could take over, by the shift plan: on shift, same department first, none of the names in
 * `refused` (NULL: none); false if nobody. */
bool ticket_propose_successor(struct ticket *k, const json_t *refused, char out[NAME_MAX_TEXT]);
/** Look again (ticket_handover_look()) when the plan next brings somebody; or wait no longer. */
void ticket_successor_wait(struct ticket *k, bool wait);
