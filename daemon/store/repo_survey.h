/*
 * repo_survey.h - rows of `survey`: how an owner was asked in a cycle of a ticket, and what they
 * said; and the one function that writes its state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "domain/states.h"
#include "store/db.h"

/** Texts are views. */
struct survey_row {
    int64_t id, ticket_id, person_id, message_id, callback_id, asked_at, answered_at, score;
    int cycle, asks;
    enum survey_state state;
    bool answered, satisfied; /* satisfied means something where answered */
    const char *purpose, *channel, *via, *by, *note;
};
typedef void survey_row_fn(void *ctx, const struct survey_row *row);

/** The owner is asked: one row a (ticket, cycle, purpose); asked again it counts. The channel is
 * that of the message, if there is one. */
int repo_survey_ask(struct db *db, const struct survey_row *row) MUST_CHECK;
/** The row of that ticket, cycle and purpose that waits for an answer; 0 if there is none. */
int repo_survey_waiting(struct db *db, int64_t ticket_id, int cycle, const char *purpose,
                        int64_t *id) MUST_CHECK;
/** The sample that this callback rings for; 0 if there is none. */
int repo_survey_of_callback(struct db *db, int64_t callback_id, int64_t *id) MUST_CHECK;
/** The only writer of survey.state beside repo_survey_ask(): from `asked` to row->state, with what
 * was said. E_CONFLICT when it does not wait. cause is for the log. */
int repo_survey_move(struct db *db, const struct survey_row *row, const char *cause) MUST_CHECK;

/** E_NOTFOUND. */
int repo_survey_get(struct db *db, int64_t id, survey_row_fn *fn, void *ctx) MUST_CHECK;
/** NULL and 0: any. Newest first, ids below `before`. */
struct survey_query {
    const char *state, *purpose;
    int64_t ticket_id, before;
    int limit;
};
int repo_survey_list(struct db *db, const struct survey_query *query, survey_row_fn *fn,
                     void *ctx) MUST_CHECK;
/** What a person said in words is forgotten. */
int repo_survey_forget(struct db *db, int64_t person_id) MUST_CHECK;
