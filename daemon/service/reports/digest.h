/*
 * digest.h - the director's daily digest of complaints, sent: once a day at `reports.digest_at`
 * local time, exactly once whatever is restarted, to whom `reports.digest_tell` names.
 *
 * A reader writes the text; one ledger command marks the day and queues the messages. A daemon that
 * was down at that time sends it when it is up again on the same day. Loop thread only.
 */
#pragma once
#include "base/loop.h"
#include "domain/site.h"
#include "base/loop.h"
#include "domain/site.h"
#include "spine/ledger.h"

struct digest_sender;

struct digest_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct tell *tell;
    struct outbox *outbox; /* may be NULL in tests: then nobody is written to */
    struct site *site;     /* a reference is taken */
};

/** Sends nothing before digest_start(). NULL with why (an unknown time zone). */
struct digest_sender *digest_new(const struct digest_opts *opts, struct errmsg *why);
/** Look at the clock from now on. */
void digest_start(struct digest_sender *ds);
/** Use another configuration; one with an unknown time zone is not taken. */
void digest_set_site(struct digest_sender *ds, struct site *site);
/** Before ledger_free(). */
void digest_stop(struct digest_sender *ds);
/** After ledger_free(). */
void digest_free(struct digest_sender **ds);
