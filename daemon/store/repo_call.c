/*
 * repo_call.c - rows of calls, of their sources and of agents' devices.
 */
#include "store/repo_call.h"

#include <string.h>

#include <stdio.h>

#include "base/mem.h"
#include "base/text.h"

/* The columns of a whole row, as read_row() takes them. */
#define COLUMNS                                                                                    \
    "c.id, c.source_id, s.name, c.call, c.direction, c.state, c.disposition, c.party, c.calling, " \
    "c.calling_raw, c.called, c.queue, c.device, c.agent, c.person_id, c.match, c.ticket_id, "     \
    "c.started_at, c.queued_at, c.answered_at, c.ended_at, c.hold_ms, c.hung_up_by, "              \
    "c.offered_json, c.transfers_json, c.gap, c.live_json, c.heard_at"
#define FROM " FROM call c JOIN source s ON s.id = c.source_id "

static void read_row(struct db_q *q, struct call_row *row)
{
    *row = (struct call_row){
        .id = db_int(q, 0),
        .source_id = db_int(q, 1),
        .source = db_text(q, 2),
        .call = db_text(q, 3),
        .direction = db_text(q, 4),
        .state = db_text(q, 5),
        .disposition = db_text(q, 6),
        .party = db_text(q, 7),
        .calling = db_text(q, 8),
        .calling_raw = db_text(q, 9),
        .called = db_text(q, 10),
        .queue = db_text(q, 11),
        .device = db_text(q, 12),
        .agent = db_text(q, 13),
        .person_id = db_int(q, 14),
        .match = db_text(q, 15),
        .ticket_id = db_int(q, 16),
        .started_at = db_int(q, 17),
        .queued_at = db_int(q, 18),
        .answered_at = db_int(q, 19),
        .ended_at = db_int(q, 20),
        .hold_ms = db_int(q, 21),
        .hung_up_by = db_text(q, 22),
        .offered_json = db_text(q, 23),
        .transfers_json = db_text(q, 24),
        .gap = db_int(q, 25) != 0,
        .live_json = db_text(q, 26),
        .heard_at = db_int(q, 27),
    };
}

/* ---- writing ---- */

/* The same parameters in both, $1 to $25. */
static const char insert_sql[] =
    "INSERT INTO call (source_id, call, direction, state, disposition, party, calling, "
    "calling_raw, called, queue, device, agent, person_id, match, started_at, queued_at, "
    "answered_at, ended_at, hold_ms, hung_up_by, offered_json, transfers_json, gap, live_json, "
    "heard_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, "
    "$18, $19, $20, $21, $22, $23, $24, $25) ON CONFLICT (source_id, call) DO NOTHING";

/* $26: only if it is the same call, not a finished one of that name. */
static const char update_sql[] =
    "UPDATE call SET direction = $3, state = $4, disposition = $5, party = $6, calling = $7, "
    "calling_raw = $8, called = $9, queue = $10, device = $11, agent = $12, "
    "person_id = COALESCE($13, person_id), match = COALESCE($14, match), started_at = $15, "
    "queued_at = $16, answered_at = $17, ended_at = $18, hold_ms = $19, hung_up_by = $20, "
    "offered_json = $21, transfers_json = $22, gap = $23, live_json = $24, heard_at = $25 "
    "WHERE source_id = $1 AND call = $2 AND ($26 = 0 OR live_json IS NOT NULL OR started_at = $15)";

static void bind_row(struct db_q *q, const struct call_row *row)
{
    const char *texts[] = {row->call,  row->direction, row->state,       row->disposition,
                           row->party, row->calling,   row->calling_raw, row->called,
                           row->queue, row->device,    row->agent};
    db_bind_int(q, 1, row->source_id);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        db_bind_text(q, 2 + (int)i, texts[i]);
    db_bind_opt(q, 13, row->person_id);
    db_bind_text(q, 14, row->match);
    db_bind_int(q, 15, row->started_at);
    db_bind_opt(q, 16, row->queued_at);
    db_bind_opt(q, 17, row->answered_at);
    db_bind_opt(q, 18, row->ended_at);
    db_bind_int(q, 19, row->hold_ms);
    db_bind_text(q, 20, row->hung_up_by);
    db_bind_text(q, 21, row->offered_json);
    db_bind_text(q, 22, row->transfers_json);
    db_bind_int(q, 23, row->gap);
    db_bind_text(q, 24, row->live_json);
    db_bind_opt(q, 25, row->heard_at);
}

static int insert(struct db *db, const struct call_row *row, int64_t *id)
{
    struct db_q *q = db_query(db, insert_sql);
    bind_row(q, row);
    return db_insert(q, id);
}

/* *id stays 0 if there is no such row. */
static int update(struct db *db, const struct call_row *row, bool fresh, int64_t *id,
                  int64_t *ticket_id)
{
    struct db_q *q = db_query(db, update_sql);
    bind_row(q, row);
    db_bind_int(q, 26, fresh);
    int rc = db_run(q);
    if (rc < 0 || db_changes(db) == 0)
        return rc;
    q = db_query(db, "SELECT id, ticket_id FROM call WHERE source_id = $1 AND call = $2");
    db_bind_int(q, 1, row->source_id);
    db_bind_text(q, 2, row->call);
    if (db_row(q)) {
        *id = db_int(q, 0);
        *ticket_id = db_int(q, 1);
    }
    return db_end(q);
}

/* The finished call of that name makes room. */
static int rename_old(struct db *db, const struct call_row *row)
{
    struct db_q *q =
        db_query(db, "UPDATE call SET call = call || '#' || id WHERE source_id = $1 AND call = $2");
    db_bind_int(q, 1, row->source_id);
    db_bind_text(q, 2, row->call);
    return db_run(q);
}

int repo_call_row_write(struct db *db, const struct call_row *row, bool fresh, int64_t *id,
                        int64_t *ticket_id)
{
    *id = *ticket_id = 0;
    int rc = fresh ? insert(db, row, id) : E_OK;
    if (rc == E_OK && !*id)
        rc = update(db, row, fresh, id, ticket_id);
    if (rc == E_OK && !*id && fresh)
        rc = rename_old(db, row);
    if (rc == E_OK && !*id)
        rc = insert(db, row, id);
    return rc;
}

int repo_call_row_set_ticket(struct db *db, int64_t id, int64_t ticket_id)
{
    struct db_q *q = db_query(db, "UPDATE call SET ticket_id = $2 WHERE id = $1");
    db_bind_int(q, 1, id);
    db_bind_opt(q, 2, ticket_id);
    return db_run(q);
}

int repo_call_rows_live(struct db *db, void (*fn)(void *ctx, const struct call_row *row), void *ctx)
{
    struct call_row row;
    struct db_q *q =
        db_query(db, "SELECT " COLUMNS FROM "WHERE c.live_json IS NOT NULL ORDER BY c.id");
    while (db_row(q)) {
        read_row(q, &row);
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- as CALL ---- */

/* The time between two moments in seconds; null unless both are there. */
static void write_span(struct jw *w, const char *key, int64_t from, int64_t to)
{
    jw_key(w, key);
    if (from && to)
        jw_milli(w, to > from ? to - from : 0);
    else
        jw_null(w);
}

static void write_times(const struct call_row *row, struct jw *w)
{
    int64_t waited_from = row->queued_at ? row->queued_at : row->started_at;
    jw_ktime(w, "started_at", row->started_at);
    jw_ktime(w, "queued_at", row->queued_at);
    jw_ktime(w, "answered_at", row->answered_at);
    jw_ktime(w, "ended_at", row->ended_at);
    write_span(w, "wait_s", waited_from, row->answered_at ? row->answered_at : row->ended_at);
    write_span(w, "talk_s", row->answered_at, row->ended_at);
    jw_key(w, "hold_s");
    if (row->answered_at)
        jw_milli(w, row->hold_ms);
    else
        jw_null(w);
}

/* Rows of before bounds held may have been cut off: one of them must not spoil a whole list. */
static const char *whole_list(const char *json)
{
    size_t n = json ? strlen(json) : 0;
    return n >= 2 && json[0] == '[' && json[n - 1] == ']' ? json : "[]";
}

void call_row_json(const struct call_row *row, struct jw *w)
{
    char ticket[24];
    jw_obj(w);
    jw_kid(w, "id", row->id);
    jw_kstr(w, "source", row->source);
    jw_kstr(w, "call", row->call);
    jw_kstr(w, "direction", row->direction);
    jw_kstr(w, "state", row->state);
    jw_kstr(w, "disposition", row->disposition);
    jw_kstr(w, "party", row->party);
    jw_kstr(w, "calling", row->calling);
    jw_kstr(w, "calling_raw", row->calling_raw);
    jw_kstr(w, "called", row->called);
    jw_kstr(w, "queue", row->queue);
    jw_kstr(w, "device", row->device);
    jw_kstr(w, "agent", row->agent);
    jw_kid(w, "person_id", row->person_id);
    jw_kstr(w, "match", row->match);
    if (row->ticket_id)
        snprintf(ticket, sizeof(ticket), "T-%06lld", (long long)row->ticket_id);
    jw_kstr(w, "ticket", row->ticket_id ? ticket : NULL);
    write_times(row, w);
    jw_kstr(w, "hung_up_by", row->hung_up_by);
    jw_kraw(w, "offered", whole_list(row->offered_json));
    jw_kraw(w, "transfers", whole_list(row->transfers_json));
    jw_kbool(w, "gap", row->gap);
    jw_end_obj(w);
}

int repo_call_json(struct db *db, int64_t id, struct jw *w)
{
    bool found = false;
    struct call_row row;
    struct db_q *q = db_query(db, "SELECT " COLUMNS FROM "WHERE c.id = $1");
    db_bind_int(q, 1, id);
    while (db_row(q)) {
        read_row(q, &row);
        call_row_json(&row, w);
        found = true;
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? E_OK : E_NOTFOUND;
}

int repo_call_state_get(struct db *db, int64_t id, char *out, size_t cap)
{
    bool found = false;
    struct db_q *q = db_query(db, "SELECT state FROM call WHERE id = $1");
    db_bind_int(q, 1, id);
    while (db_row(q))
        found = text_copy(out, cap, db_text(q, 0));
    int rc = db_end(q);
    return rc < 0 ? rc : found ? E_OK : E_NOTFOUND;
}

/* ---- lists ---- */

/* One filter is chosen to walk its index; the others are tested on what it finds. The index of
 * parties has one part for each 1,024 calls, of which only the last one is written to: where a
 * party stands in all of them would be a page of its own for every call that is written. */
static struct db_q *list_query(struct db *db, const struct call_filter *f)
{
#define TAIL                                                                                       \
    "($1 IS NULL OR s.name = $1) AND ($2 IS NULL OR c.call = $2) AND ($3 IS NULL OR c.party = "    \
    "$3) AND ($4 IS NULL OR c.state = $4) AND c.started_at >= $5 AND ($6 = 0 OR c.person_id = "    \
    "$6) AND c.id < $7 ORDER BY c.id DESC LIMIT $8"
    if (f->party && f->party[0])
        return db_query(db, "WITH RECURSIVE part (n) AS (SELECT max(id) / 1024 FROM call WHERE id "
                            "< $7 UNION ALL SELECT n - 1 FROM part WHERE n > 0) SELECT " COLUMNS
                            " FROM part CROSS JOIN call c JOIN source s ON s.id = c.source_id "
                            "WHERE c.id / 1024 = part.n AND c.party = $3 AND " TAIL);
    if (f->person_id)
        return db_query(db, "SELECT " COLUMNS FROM "WHERE c.person_id = $6 AND " TAIL);
    if (f->call && f->call[0] && f->source && f->source[0])
        return db_query(db, "SELECT " COLUMNS FROM
                            "WHERE c.source_id = (SELECT id FROM source WHERE name = $1) AND "
                            "c.call = $2 AND " TAIL);
    return db_query(db, "SELECT " COLUMNS FROM "WHERE " TAIL);
#undef TAIL
}

static const char *some(const char *s)
{
    return s && s[0] ? s : NULL;
}

int repo_call_list_json(struct db *db, const struct call_filter *f, struct jw *w, int64_t *next)
{
    int limit = f->limit < 1 ? 1 : f->limit > 500 ? 500 : f->limit;
    int n = 0;
    int64_t last = 0;
    struct call_row row;
    struct db_q *q = list_query(db, f);
    db_bind_text(q, 1, some(f->source));
    db_bind_text(q, 2, some(f->call));
    db_bind_text(q, 3, some(f->party));
    db_bind_text(q, 4, some(f->state));
    db_bind_int(q, 5, f->since);
    db_bind_int(q, 6, f->person_id);
    db_bind_int(q, 7, f->before_id > 0 ? f->before_id : INT64_MAX);
    db_bind_int(q, 8, limit + 1);
    *next = 0;
    while (db_row(q)) {
        if (++n > limit) {
            *next = last;
            continue;
        }
        read_row(q, &row);
        last = row.id;
        call_row_json(&row, w);
    }
    return db_end(q);
}

/* ---- sources ---- */

int repo_source_id_get(struct db *db, const char *name, int64_t *id)
{
    struct db_q *q = db_query(db, "INSERT INTO source (name) VALUES ($1) ON CONFLICT (name) DO "
                                  "UPDATE SET name = excluded.name RETURNING id");
    db_bind_text(q, 1, name);
    *id = 0;
    while (db_row(q))
        *id = db_int(q, 0);
    return db_end(q);
}

int repo_source_set_seq(struct db *db, int64_t id, int64_t last_seq, int64_t gaps, bool numbered)
{
    struct db_q *q =
        db_query(db, "UPDATE source SET last_seq = $2, gaps = $3, numbered = $4 WHERE id = $1");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, last_seq);
    db_bind_int(q, 3, gaps);
    db_bind_int(q, 4, numbered);
    return db_run(q);
}

int repo_source_delete(struct db *db, const char *name)
{
    struct db_q *q = db_query(db, "SELECT s.id, (SELECT min(c.id) FROM call c WHERE c.source_id = "
                                  "s.id) FROM source s WHERE s.name = $1");
    db_bind_text(q, 1, name);
    bool found = db_row(q);
    int64_t id = found ? db_int(q, 0) : 0, call = found ? db_int(q, 1) : 0;
    int rc = db_end(q);
    if (rc < 0 || !found || call)
        return rc < 0 ? rc : found ? E_CONFLICT : E_NOTFOUND;
    q = db_query(db, "DELETE FROM device_state WHERE source_id = $1");
    db_bind_int(q, 1, id);
    rc = db_run(q);
    if (rc < 0)
        return rc;
    q = db_query(db, "DELETE FROM source WHERE id = $1");
    db_bind_int(q, 1, id);
    return db_run(q);
}

int repo_source_rows(struct db *db, void (*fn)(void *ctx, const struct source_row *row), void *ctx)
{
    struct db_q *q =
        db_query(db, "SELECT id, name, last_seq, gaps, numbered FROM source ORDER BY id");
    while (db_row(q)) {
        struct source_row row = {.id = db_int(q, 0),
                                 .name = db_str(q, 1),
                                 .last_seq = db_int(q, 2),
                                 .gaps = db_int(q, 3),
                                 .numbered = db_int(q, 4) != 0};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- devices ---- */

int repo_device_row_write(struct db *db, const struct device_row *row)
{
    struct db_q *q = db_query(
        db, "INSERT INTO device_state (source_id, device, state, reason, since) VALUES ($1, $2, "
            "$3, $4, $5) ON CONFLICT (source_id, device) DO UPDATE SET state = excluded.state, "
            "reason = excluded.reason, since = excluded.since");
    db_bind_int(q, 1, row->source_id);
    db_bind_text(q, 2, row->device);
    db_bind_text(q, 3, row->state);
    db_bind_text(q, 4, row->reason);
    db_bind_int(q, 5, row->since);
    return db_run(q);
}

int repo_device_rows(struct db *db, void (*fn)(void *ctx, const struct device_row *row), void *ctx)
{
    struct db_q *q = db_query(db, "SELECT d.source_id, s.name, d.device, d.state, d.reason, "
                                  "d.since FROM device_state d JOIN source s ON s.id = "
                                  "d.source_id ORDER BY d.since");
    while (db_row(q)) {
        struct device_row row = {.source_id = db_int(q, 0),
                                 .source = db_str(q, 1),
                                 .device = db_str(q, 2),
                                 .state = db_str(q, 3),
                                 .reason = db_text(q, 4),
                                 .since = db_int(q, 5)};
        fn(ctx, &row);
    }
    return db_end(q);
}

/* ---- for tickets ---- */

int repo_call_brief(struct db *db, int64_t id, struct call_brief *out)
{
    struct db_q *q = db_query(db, "SELECT answered_at,party,person_id FROM call WHERE id=$1");
    db_bind_int(q, 1, id);
    bool found = db_row(q);
    *out = (struct call_brief){0};
    if (found) {
        out->answered = db_int(q, 0) != 0;
        text_copy(out->party, sizeof(out->party), db_str(q, 1));
        out->person_id = db_int(q, 2);
    }
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_call_reached(struct db *db, int64_t id, const char *number, int64_t person_id,
                      int64_t since, bool *yes)
{
    struct db_q *q =
        db_query(db, "SELECT 1 FROM call c WHERE c.id=$1 AND c.answered_at IS NOT NULL "
                     "AND (c.ended_at IS NULL OR c.ended_at>=$2) AND (c.party=$3 OR "
                     "EXISTS (SELECT 1 FROM phone p WHERE p.person_id=$4 AND "
                     "p.e164=c.party))");
    db_bind_int(q, 1, id);
    db_bind_int(q, 2, since);
    db_bind_text(q, 3, number);
    db_bind_int(q, 4, person_id);
    *yes = db_row(q);
    return db_end(q);
}

int repo_call_live_of_ticket(struct db *db, int64_t ticket_id, bool *yes)
{
    struct db_q *q =
        db_query(db, "SELECT 1 FROM call WHERE ticket_id=$1 AND live_json IS NOT NULL");
    db_bind_int(q, 1, ticket_id);
    *yes = db_row(q);
    return db_end(q);
}
