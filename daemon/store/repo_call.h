/*
 * repo_call.h - rows of calls and of their sources.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "store/db.h"

/** One call as a row holds it. Texts are views, NULL where they do not apply; times ms, 0: none. */
struct call_row {
    int64_t id, source_id;
    const char *source, *call, *direction, *state, *disposition;
    const char *party, *calling, *calling_raw, *called, *queue, *device, *agent;
    int64_t person_id;
    const char *match;
    int64_t ticket_id;
    int64_t started_at, queued_at, answered_at, ended_at, hold_ms;
    const char *hung_up_by, *offered_json, *transfers_json;
    bool gap;
    const char *live_json; /* NULL once cleared */
    int64_t heard_at;      /* last sign of life by our own clock, never the PBX's */
};

/**
 * Write a row: a new one, or over the one of the same (source_id, call); *id and *ticket_id are
 * the stored ones (ticket_id is never changed here, person_id and match only where row has them).
 * `fresh` is for the first writing of a call that began just now: a finished call of the same name
 * (a PBX may count anew after a restart) then keeps its row under the name "NAME#ID".
 */
int repo_call_row_write(struct db *db, const struct call_row *row, bool fresh, int64_t *id,
                        int64_t *ticket_id) MUST_CHECK;
/** Set the ticket that a call opened or joined. */
int repo_call_row_set_ticket(struct db *db, int64_t id, int64_t ticket_id) MUST_CHECK;
/** What a ticket asks of a call: was it answered, whose was it. party is "" where it is not known.
 */
struct call_brief {
    bool answered;
    int64_t person_id;
    char party[40];
};
/** E_NOTFOUND. */
int repo_call_brief(struct db *db, int64_t id, struct call_brief *out) MUST_CHECK;
/** *yes: that call was answered, ended at `since` or later or goes on, and was to or from the
 * number or one of the person's (0: nobody). */
int repo_call_reached(struct db *db, int64_t id, const char *number, int64_t person_id,
                      int64_t since, bool *yes) MUST_CHECK;
/** *yes: a call of the ticket is under way. */
int repo_call_live_of_ticket(struct db *db, int64_t ticket_id, bool *yes) MUST_CHECK;
/** Calls that were live when the store was last written, oldest first; fn's row lives during the
 * call. */
int repo_call_rows_live(struct db *db, void (*fn)(void *ctx, const struct call_row *row),
                        void *ctx) MUST_CHECK;

/** CALL, as `GET /calls/{id}` and the `call` event show it. */
void call_row_json(const struct call_row *row, struct jw *w);

/** The state of that call into out; E_NOTFOUND if there is none. */
int repo_call_state_get(struct db *db, int64_t id, char *out, size_t cap) MUST_CHECK;
/** Append CALL of that id to w; E_NOTFOUND if there is none (nothing is written then). */
int repo_call_json(struct db *db, int64_t id, struct jw *w) MUST_CHECK;

/** Filters of `GET /calls`; NULL, 0 and "" mean any. */
struct call_filter {
    const char *source, *call, *party, *state;
    int64_t since; /* started_at >= since */
    int64_t person_id;
    int64_t before_id; /* cursor: only ids below it; newest come first */
    int limit;         /* 1 to 500 */
};
/** Append the calls found to an open array of w; *next is the cursor of the next page or 0. */
int repo_call_list_json(struct db *db, const struct call_filter *filter, struct jw *w,
                        int64_t *next) MUST_CHECK;

/** The source's id, made if new. */
int repo_source_id_get(struct db *db, const char *name, int64_t *id) MUST_CHECK;
/** Set what was counted of a source so far; numbered: it counts its events itself. */
int repo_source_set_seq(struct db *db, int64_t id, int64_t last_seq, int64_t gaps,
                        bool numbered) MUST_CHECK;
/** Delete a source and what is known of its devices. E_CONFLICT: it has calls; E_NOTFOUND. */
int repo_source_delete(struct db *db, const char *name) MUST_CHECK;

/** A source as stored; name lives during the call. */
struct source_row {
    int64_t id;
    const char *name;
    int64_t last_seq, gaps;
    bool numbered;
};
int repo_source_rows(struct db *db, void (*fn)(void *ctx, const struct source_row *row),
                     void *ctx) MUST_CHECK;

/** The last known state of an agent's device. */
struct device_row {
    int64_t source_id;
    const char *source, *device, *state, *reason;
    int64_t since;
};
int repo_device_row_write(struct db *db, const struct device_row *row) MUST_CHECK;
int repo_device_rows(struct db *db, void (*fn)(void *ctx, const struct device_row *row),
                     void *ctx) MUST_CHECK;
