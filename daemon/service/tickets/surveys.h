/*
 * surveys.h - how owners were asked whether they are satisfied: by the question of a reply, by a
 * callback with a clock of its own, and the drawn sample of what staff typed, rung by a supervisor.
 */
#pragma once
#include "base/json.h"
#include "service/tickets/tickets.h"

struct callback_row;
struct ticket;

/** What GET /surveys asks for; NULL and 0 ask nothing. */
struct survey_filter {
    const char *state, *purpose;
    int64_t ticket_id, before; /* before: ids below it */
    int limit;                 /* 1 to 500 */
};
/** Append the rows to the open array of w, newest first; *next is the cursor, 0 at the end. */
int surveys_list_json(struct db *db, const struct survey_filter *f, struct jw *w,
                      int64_t *next) MUST_CHECK;
/** One survey; E_NOTFOUND. */
int survey_json(struct db *db, int64_t id, struct jw *w) MUST_CHECK;
/** POST /surveys/{id}/answer {"satisfied","score","note"}: the owner's own answer, brought by a
 * machine (`via` survey). Codes and *out as for tickets_verb(). */
int survey_answer(struct tickets *t, struct ledger_tx *tx, int64_t id, const json_t *body,
                  const struct actor *actor, struct verb_out *out) MUST_CHECK;

/* ---- for the loop (ticket_loop.c, ticket_time.c) ---- */

/** An answer as it is written into the row. */
struct survey_reply {
    bool satisfied;
    int64_t score; /* 0: none */
    const char *via, *note;
};
/** The owner was asked by this channel; message is its id, 0 if it was said. */
void survey_asked(struct ticket *k, const char *channel, int64_t message);
/** He is to be rung: a callback (reason `confirm`) with its own clock; false if there is no number
 * of his. */
bool survey_ring(struct ticket *k);
/** His answer is in: the row is answered, callbacks that were to ask are over. */
void survey_answered(struct ticket *k, const struct survey_reply *reply);
/** The ticket ends without an answer. */
void survey_unanswered(struct ticket *k);
/**
 * Of confirmations that the staff typed, `tickets.sample` percent are rung by a supervisor: the
 * first 32 bits of the hash of the history's row `confirmed`, modulo 10,000, below a hundred times
 * the share. Salted, so that nobody knows beforehand; in the history, so that anybody can check.
 */
void survey_draw(struct ticket *k);

/* ---- for callbacks.c ---- */

/** What a supervisor heard who rang a sample: into its row and the ticket's history; "satisfied"
 * false reopens the ticket while it can be. E_INVALID without "satisfied", unless nobody answered
 * ("outcome":"no_answer"). */
int survey_sampled(struct tickets *t, struct ledger_tx *tx, const struct callback_row *r,
                   const json_t *body, const struct actor *actor, struct verb_out *out) MUST_CHECK;
