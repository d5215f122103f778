/*
 * repo_erase.h - a person is forgotten: the one list of every column that may hold a number, an
 * address or a name of an owner, and the statements that empty them.
 *
 * A row is of the person when it names them, or a ticket or callback of theirs, or bears a number
 * or address that is theirs alone: what came before they were registered names nobody. A number
 * that somebody else has, too, stays where the row does not name the person. Free texts are
 * searched for the number, not for the name, which others bear as well.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "store/db.h"

/** How a text column is dealt with. */
enum erase_how {
    ERASE_NAMED,  /* emptied in rows that name the person, their tickets or callbacks */
    ERASE_NUMBER, /* and in rows that bear a number of theirs, whomever they name */
    ERASE_TICKET, /* emptied with the ticket, by repo_erase_ticket() or the ticket's own writer */
    ERASE_NONE,   /* holds nothing of an owner */
};
struct erase_column {
    const char *table, *column;
    enum erase_how how;
};
/** Every text column of the schema; NULL at the end. A new one is to be entered here:
 * tests/unit/test_erase.c holds the list against the schema, and the statements against the list.
 */
extern const struct erase_column erase_columns[];

/** The tickets that are the person's: those that name them, and those that name nobody and came
 * from a number of theirs alone. *ids is malloc'd, ascending. */
int repo_erase_tickets(struct db *db, int64_t person_id, int64_t **ids, size_t *n) MUST_CHECK;
/** What hangs on a ticket beside its own row: data of its history, work orders, messages of any
 * kind (those that wait are called off), notes of its surveys. */
int repo_erase_ticket(struct db *db, int64_t ticket_id) MUST_CHECK;
/**
 * All the rest, in which the person's own row is emptied last; the id stays. now: milliseconds UTC.
 * What is being sent at this moment cannot be called back, and a call under way keeps its number
 * until it ends. Scans the calls and messages once for each number: about a second a million rows.
 */
int repo_erase_person(struct db *db, int64_t person_id, int64_t now) MUST_CHECK;
