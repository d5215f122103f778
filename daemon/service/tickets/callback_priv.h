/*
 * callback_priv.h - what the tickets' files ask of callbacks.
 */
#pragma once
#include "service/tickets/ticket_priv.h"
#include "store/repo_callback.h"

/** After the commit every desk sees it. */
int callback_publish(struct tickets *t, struct ledger_tx *tx,
                     const struct callback_row *r) MUST_CHECK;
/** A callback that the loop asks for; it belongs to a ticket from the beginning. */
struct callback_order {
    const char *number, *reason; /* confirm: ask the owner; sample: a supervisor checks; no_answer:
                                    try again to reach him */
    int64_t person_id, ticket_id;
};
/** Leaves it under its claim clock; one for the same reason that the ticket has already is *id,
 * but for samples. */
int callback_leave(struct tickets *t, struct ledger_tx *tx, const struct callback_order *o,
                   int64_t *id) MUST_CHECK;
/** The owner has answered, or is not asked any more: the callback that was to ask him is over. */
int callbacks_end_asking(struct tickets *t, struct ledger_tx *tx, int64_t ticket_id,
                         const char *reason) MUST_CHECK;
/** Carry out everything of a callback's clock that is due; *steps counts it. */
int callback_clock_run(struct tickets *t, struct ledger_tx *tx, struct clock_row *c,
                       int *steps) MUST_CHECK;
