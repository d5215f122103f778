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
};

/** CALL, as `GET /calls/{id}` and the `call` event show it. */
void call_row_json(const struct call_row *row, struct jw *w);

/** Append CALL of that id to w; E_NOTFOUND if there is none (nothing is written then). */
int call_json(struct db *db, int64_t id, struct jw *w) MUST_CHECK;

/** Filters of `GET /calls`; NULL, 0 and "" mean any. */
struct call_filter {
    const char *source, *call, *party, *state;
    int64_t since; /* started_at >= since */
    int64_t person_id;
    int64_t before_id; /* cursor: only ids below it; newest come first */
    int limit;         /* 1 to 500 */
};
/** Append the calls found to an open array of w; *next is the cursor of the next page or 0. */
int call_list_json(struct db *db, const struct call_filter *filter, struct jw *w,
                   int64_t *next) MUST_CHECK;

/** The source's id, made if new. */
int source_id_get(struct db *db, const char *name, int64_t *id) MUST_CHECK;
/** Raise last_seq (never lowers it) and add to gaps. */
int source_set_seq(struct db *db, int64_t id, int64_t last_seq, int64_t more_gaps) MUST_CHECK;
