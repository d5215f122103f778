/*
 * repo_card.h - kept cards: what a CARD says of a person whatever number they call from, as one
 * row.
 *
 * The schema drops a row whenever anything that it says changes, so a row that is there is true on
 * the days from from_on to to_on; whoever finds none reads the tables themselves.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "domain/match.h"
#include "store/db.h"

/** A kept card. Texts are views; head, body, consent and tail are members of a JSON object. */
struct card_row {
    int64_t person_id;
    int64_t from_on, to_on;  /* days */
    int64_t building_id;     /* of the first current home; 0: none */
    int64_t buildings;       /* different ones among the current homes */
    int64_t more, score;     /* more: further current homes; score -1: none */
    enum tenure_role role;   /* of the best tenure */
    bool held;               /* has a current tenure, or never had one */
    const char *name, *unit; /* unit: of the best tenure, "" if none */
    const char *places;      /* current homes: "estate,building,riser;" */
    const char *head, *body, *consent, *tail;
};

/** Keeps a card; one that was kept before is replaced. */
int repo_card_put(struct db *db, const struct card_row *row) MUST_CHECK;
/** Whether a person's card is kept for a day. */
int repo_card_is_kept(struct db *db, int64_t person_id, int32_t today, bool *kept) MUST_CHECK;
/** Persons above `after` whose card is not kept for that day, by id; returns how many. */
int repo_card_missing(struct db *db, int64_t after, int32_t today, int64_t *ids,
                      int max) MUST_CHECK;
/** The days around today on which a person's tenures and those in their homes are what they are. */
int repo_card_days(struct db *db, int64_t person_id, int32_t today, int64_t *from_on,
                   int64_t *to_on) MUST_CHECK;

/** Who has a number, with the kept card and what is asked of the tables beside it. */
struct card_holder {
    struct card_row card; /* if kept; else the person alone */
    bool kept;
    const char *label, *steward, *steward_name; /* steward: of building_id; NULL if none */
    bool calls, tickets, messages;              /* has any */
};
/** Starts a query for the holders of exactly this number, by id; db_end() ends it. */
struct db_q *repo_card_holders(struct db *db, const char *e164, int32_t today);
/** The next one; texts live until the next step. False: no more, or an error, which db_end() says.
 */
bool card_holder_next(struct db_q *q, struct card_holder *out);

/**
 * Who a number is, from kept cards alone: how many current holders it has, and the first of them.
 * *kept is false when a holder's card is not kept.
 */
int repo_card_caller(struct db *db, const char *e164, int32_t today, int64_t *person_id,
                     int *current, bool *kept) MUST_CHECK;
