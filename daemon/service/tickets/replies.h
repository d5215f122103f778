/*
 * replies.h - what an owner writes, as the tickets see it: an answer to "are you satisfied", a word
 * on a matter that is open, or a new request.
 */
#pragma once
#include "base/err.h"
#include "spine/ledger.h"
#include "service/messages/outbox.h"

struct tickets;

/**
 * Take one inbound text, in its transaction (outbox_opts.on_inbound).
 *
 * An answer (yes, no, 1 to 5) counts for the ticket of the sender's that was asked last, in its
 * present cycle, and whose question it can be an answer to; one that names a ticket or a message,
 * or comes after a message of another matter, is an answer to that alone. Where nobody asked, it is
 * a note; a "no" after the close reopens while that is possible (`tickets.reopen_within`), else
 * opens a ticket; from the owner's household it is a note that tells the responder. Any other text
 * is a note on the ticket that it answers or the sender's newest live one, else it opens a ticket,
 * `new`, channel sms or email. in->became says what came of it, in->ticket_id where. What the
 * ticket rules refuse is logged; the text is stored either way. The store's error otherwise.
 */
int replies_take(struct tickets *t, struct ledger_tx *tx, struct outbox_inbound *in) MUST_CHECK;
