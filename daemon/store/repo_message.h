/*
 * repo_message.h - rows of `message`: one message to one recipient, and the one function that
 * writes its state.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"
#include "domain/retry.h"
#include "domain/states.h"
#include "store/db.h"

/** One row. Texts are views: of a new row the caller's, of one that is read they live during the
 * call. NULL, 0 and "" as in the row. */
struct message_row {
    int64_t id, person_id, ticket_id, resend_of;
    int64_t not_before, next_at, expires_at;
    int64_t queued_at, sent_at, delivered_at, failed_at;
    int attempts, segments;
    bool urgent;
    enum msg_state state;
    const char *key, *channel, *message_class, *gateway, *recipient, *account;
    const char *template_name, *provider_template, *params_json, *language, *subject, *text;
    const char *error, *provider_id;
    const char *event_type, *event_json; /* an event for a gateway: no text */
};
typedef void message_row_fn(void *ctx, const struct message_row *row);

/** A new row, queued; *id. E_CONSTRAINT when the key is taken. */
int repo_message_insert(struct db *db, const struct message_row *row, int64_t *id) MUST_CHECK;
/** Calls fn with the row; E_NOTFOUND. */
int repo_message_get(struct db *db, int64_t id, message_row_fn *fn, void *ctx) MUST_CHECK;
/** By key, only of that gateway unless gateway is NULL; E_NOTFOUND. */
int repo_message_by_key(struct db *db, const char *key, const char *gateway, message_row_fn *fn,
                        void *ctx) MUST_CHECK;
/** By the name that the gateway's provider gave it; E_NOTFOUND. */
int repo_message_by_provider(struct db *db, const char *gateway, const char *provider_id,
                             message_row_fn *fn, void *ctx) MUST_CHECK;
/** The newest that was sent to that number or address since; E_NOTFOUND. */
int repo_message_last_to(struct db *db, const char *recipient, int64_t since, message_row_fn *fn,
                         void *ctx) MUST_CHECK;

/** Templates that ask an owner whether a ticket is settled, for IN. */
#define MESSAGE_QUESTIONS "('confirm','no_answer','survey')"
/** Whether a template is one of them. */
bool message_is_question(const char *template_name);
/** Whether that number or address got a message of ours, none of them and none to staff, that was
 * queued after `since` and whose id is above `after`. */
int repo_message_followed(struct db *db, const char *recipient, int64_t after, int64_t since,
                          bool *yes) MUST_CHECK;

/** What a list shows; NULL or 0: any. Newest first, ids below `before`. */
struct message_query {
    int64_t ticket_id, person_id, before;
    const char *state, *gateway, *account;
    int limit;
};
int repo_message_list(struct db *db, const struct message_query *query, message_row_fn *fn,
                      void *ctx) MUST_CHECK;

/** Queued messages of a gateway that are due, the most overdue first. */
int repo_message_due(struct db *db, const char *gateway, int64_t now, int limit, message_row_fn *fn,
                     void *ctx) MUST_CHECK;
/** The nearest due moment of a gateway's queued messages, 0 if there is none. */
int repo_message_next_due(struct db *db, const char *gateway, int64_t *at) MUST_CHECK;
/** The same of every gateway that has messages under way; at 0: none of them is queued. */
int repo_message_each_due(struct db *db, void (*fn)(void *ctx, const char *gateway, int64_t at),
                          void *ctx) MUST_CHECK;
/** Who is to see that it changed: its account and its ticket's responder, "" for nobody. */
int repo_message_concerns(struct db *db, int64_t id, char account[65],
                          char responder[65]) MUST_CHECK;

/** A step of a message: from the state that the caller knows to another. */
struct message_move {
    enum msg_state from, to;
    int64_t next_at;         /* when it is to be tried; 0: not */
    int64_t at;              /* the moment of `sent`, `delivered` or `failed` */
    int64_t sent_at;         /* set where it is not known yet; 0: not */
    const char *error;       /* NULL: the one before stays, but `sent` and `delivered` have none */
    const char *provider_id; /* set where it is not known yet */
    const char *cause;       /* for the log */
};
/**
 * The only writer of message.state. E_CONFLICT when domain/retry.h knows no such step, or the row
 * is in another state than `from`: then nothing is written. `sending` counts an attempt.
 */
int repo_message_move(struct db *db, int64_t id, const struct message_move *move) MUST_CHECK;
/** Moves every message in the state move->from that is not done, of that person (0: anybody). */
int repo_message_move_all(struct db *db, int64_t person_id,
                          const struct message_move *move) MUST_CHECK;

/** A queued message waits until then. */
int repo_message_delay(struct db *db, int64_t id, int64_t until) MUST_CHECK;
/** Sent after all, though a receipt has moved it on already: adds what was not known. */
int repo_message_sent_late(struct db *db, int64_t id, int64_t at,
                           const char *provider_id) MUST_CHECK;
/** Template, its variables and the provider's name for it, as the other message has them. */
int repo_message_copy_template(struct db *db, int64_t from, int64_t to) MUST_CHECK;
