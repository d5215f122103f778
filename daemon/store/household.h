/*
 * household.h - the one text of the store's queries for "who lives there with them".
 *
 * A household is asked for by a person, for a day (site_today()): all who hold, on that day, a unit
 * that the person holds on that day. Two questions are asked of it:
 *
 * - Whom does the card name, and whose cards change with a person? HOUSEHOLD_OF: everybody, with
 *   their role; whoever answers the phone is to see the agent and the emergency contact, too.
 * - Whose tickets and callbacks are the caller's as well? HOUSEHOLD_MEMBERS: those who live there
 *   or own it. An agent or an emergency contact of the home is no member: they stand for many
 *   homes, and what they asked about another one does not concern this one. The other way round, an
 *   agent who rings is asked about what is open in the home that they look after.
 */
#pragma once

/** Behind FROM: tenures t of the person and o of all who hold the unit with them, the person too.
 * person, today: parameters ("$1"). */
#define HOUSEHOLD_OF(person, today)                                                                \
    "tenure t JOIN tenure o ON o.unit_id = t.unit_id WHERE t.person_id = " person                  \
    " AND (t.to_on IS NULL OR t.to_on >= " today ")"                                               \
    " AND (o.to_on IS NULL OR o.to_on >= " today ")"

/** A whole SELECT of the ids of the members, for IN (…). */
#define HOUSEHOLD_MEMBERS(person, today)                                                           \
    "SELECT o.person_id FROM " HOUSEHOLD_OF(                                                       \
        person, today) " AND o.role NOT IN ('agent', 'emergency_contact')"
