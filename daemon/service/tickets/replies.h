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
 * Take one inbound text, in its transaction (outbox_opts.on_inbound). A yes or no confirms the
 * newest ticket that asked (`via` sms or, from an address, link); any other text is a note on the
 * ticket that it answers or the sender's newest open one; else it opens a ticket, `new`, channel
 * sms or email. A yes or no to nothing, and STOP, do nothing. What the ticket rules refuse is
 * logged; the text is stored either way. The store's error otherwise.
 */
int replies_take(struct tickets *t, struct ledger_tx *tx,
                 const struct outbox_inbound *in) MUST_CHECK;
