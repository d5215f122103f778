/*
 * callbacks.h - calls that nobody answered: who is to be rung back, by when, and what came of it.
 *
 * A callback carries the `claim` clock of `callbacks.policy` with its ladder; claiming it opens
 * the ticket with the claimer as its first responder.
 */
#pragma once
#include "service/tickets/tickets.h"

/** An inbound call that ended without an answer. */
struct unanswered_call {
    int64_t call_id;
    int64_t person_id;  /* the certain caller, 0 if there is none */
    const char *number; /* E.164; NULL (withheld) leaves no callback */
    const char *reason; /* abandoned, missed, busy, failed */
    int64_t at;
};
/** Leaves a callback or joins the waiting one of the number. *id is 0 when none was left. */
int callbacks_on_unanswered(struct tickets *t, struct ledger_tx *tx,
                            const struct unanswered_call *call, int64_t *id) MUST_CHECK;

/** Somebody of the household (or the number) was answered: waiting callbacks are superseded.
 * tickets_on_answered() does this itself; calls uses it only when no ticket is to be opened.
 */
int callbacks_on_answered(struct tickets *t, struct ledger_tx *tx, int64_t person_id,
                          const char *number, int64_t at) MUST_CHECK;

/** Whether anybody at all waits to be rung back: else an answer ends nobody's callback. */
int callbacks_any(struct db *db, bool *any) MUST_CHECK;

/** An outbound call of ours was answered, or ended without an answer. */
struct outbound_call {
    int64_t call_id;
    int64_t person_id;  /* whom it reached for certain, 0 if unknown */
    const char *number; /* E.164 of the other side */
    const char *agent;  /* who dialled, NULL if nobody stands there */
    bool answered;
    int64_t at;
};
/** Answered: the callback of that number is done. Not: its attempts count up. */
int callbacks_on_outbound(struct tickets *t, struct ledger_tx *tx,
                          const struct outbound_call *call) MUST_CHECK;

/** POST /callbacks/{id}/claim|done. Codes and *out as for tickets_verb(). */
int callbacks_verb(struct tickets *t, struct ledger_tx *tx, int64_t id, const char *verb,
                   const json_t *body, const struct actor *actor, struct verb_out *out) MUST_CHECK;

/** One callback as resources.md shows it; E_NOTFOUND. */
int callback_json(struct db *db, int64_t id, struct buf *out) MUST_CHECK;
/** GET /callbacks: state and number may be NULL. */
int callbacks_list_json(struct db *db, const char *state, const char *number, int limit,
                        const char *cursor, struct buf *out) MUST_CHECK;
