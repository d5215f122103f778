/*
 * tell_priv.h - what the files of tell/ share.
 */
#pragma once
#include "service/tell/tell.h"

/** How many alerts of a kind there were in this minute. */
struct alert_gate {
    const char *kind;
    int64_t minute;
    int n;
};

struct tell {
    const struct site *site; /* ledger thread */
    struct hub *hub;
    struct outbox *outbox;
    struct alert_gate gates[4]; /* by kind of alert */
};
