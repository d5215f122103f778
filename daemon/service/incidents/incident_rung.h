/*
 * incident_rung.h - the one question that a ticket's ladder asks of its incident: who pages?
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "spine/ledger.h"

/** A rung that a ticket has come to. */
struct incident_rung {
    int64_t incident_id, ticket_id; /* incident_id 0: it is part of none */
    const char *clock;
    int step, turn;
};

/** *pages: true for a ticket of no open incident, and for the first of an open incident's tickets
 * that comes to this rung: it pages for all of them. Inside a ledger command. */
int incident_rung(struct ledger_tx *tx, const struct incident_rung *rung, bool *pages) MUST_CHECK;
