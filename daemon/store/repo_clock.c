/*
 * repo_clock.c - SQL of clocks and their segments. `done` is 1 once next_at is NULL; queries on the
 * index of due rows name the condition as a literal.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "store/repo_ticket.h"

static const char *const state_names[] = {"running", "paused", "kept", "breached", "cancelled"};

const char *clock_state_name(enum clock_state s)
{
    return s < ARRAY_LEN(state_names) ? state_names[s] : "?";
}

static enum clock_state clock_state_parse(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(state_names); i++)
        if (text_eq(state_names[i], name))
            return (enum clock_state)i;
    return CLOCK_CANCELLED;
}

#define CLOCK_COLUMNS                                                                              \
    "id,ticket_id,callback_id,name,dispatch,cycle,state,policy_id,calendar,span,share,extra_ms,"   \
    "started_at,due_at,ended_at,paused_reason,resume_at,breached,segments,fired,next_at"

static void read_clock(struct db_q *q, struct clock_row *r)
{
    int c = 0;
    memset(r, 0, sizeof(*r));
    r->id = db_int(q, c++);
    r->ticket_id = db_int(q, c++);
    r->callback_id = db_int(q, c++);
    text_copy(r->name, sizeof(r->name), db_str(q, c++));
    r->dispatch = db_int(q, c++);
    r->cycle = (int)db_int(q, c++);
    r->state = clock_state_parse(db_str(q, c++));
    r->policy_id = db_int(q, c++);
    text_copy(r->calendar, sizeof(r->calendar), db_str(q, c++));
    text_copy(r->span, sizeof(r->span), db_str(q, c++));
    r->share = (int)db_int(q, c++);
    r->extra_ms = db_int(q, c++);
    r->started_at = db_int(q, c++);
    r->due_at = db_int(q, c++);
    r->ended_at = db_int(q, c++);
    text_copy(r->paused_reason, sizeof(r->paused_reason), db_str(q, c++));
    r->resume_at = db_int(q, c++);
    r->breached = db_int(q, c++) != 0;
    r->segments = db_int(q, c++) != 0;
    text_copy(r->fired, sizeof(r->fired), db_str(q, c++));
    r->next_at = db_int(q, c++);
}

static int collect(struct db_q *q, struct clock_row **out, size_t *n)
{
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    while (db_row(q)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 8;
            *out = xrealloc(*out, cap * sizeof(**out));
        }
        read_clock(q, &(*out)[(*n)++]);
    }
    return db_end(q);
}

/* By whose clocks and whether ended ones are wanted too. */
static const char *const load_sql[2][2] = {
    {"SELECT " CLOCK_COLUMNS " FROM clock WHERE ticket_id=$1 AND ended_at IS NULL ORDER BY id",
     "SELECT " CLOCK_COLUMNS " FROM clock WHERE ticket_id=$1 ORDER BY id"},
    {"SELECT " CLOCK_COLUMNS " FROM clock WHERE callback_id=$1 AND ended_at IS NULL ORDER BY id",
     "SELECT " CLOCK_COLUMNS " FROM clock WHERE callback_id=$1 ORDER BY id"},
};

int repo_clocks_load(struct db *db, int64_t ticket_id, int64_t callback_id, enum clocks_of which,
                     struct clock_row **out, size_t *n)
{
    struct db_q *q = db_query(db, load_sql[ticket_id == 0][which == CLOCKS_ALL]);
    db_bind_int(q, 1, ticket_id ? ticket_id : callback_id);
    return collect(q, out, n);
}

int repo_clock_load(struct db *db, int64_t id, struct clock_row *out)
{
    struct db_q *q = db_query(db, "SELECT " CLOCK_COLUMNS " FROM clock WHERE id=$1");
    bool found;
    db_bind_int(q, 1, id);
    found = db_row(q);
    if (found)
        read_clock(q, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

static int insert_clock(struct db *db, struct clock_row *r)
{
    struct db_q *q = db_query(
        db, "INSERT INTO clock (ticket_id,callback_id,name,dispatch,cycle,state,policy_id,calendar,"
            "span,share,extra_ms,started_at,due_at,ended_at,breached,fired,next_at,done) VALUES "
            "($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13,$14,$15,$16,$17,$18)");
    db_bind_opt(q, 1, r->ticket_id);
    db_bind_opt(q, 2, r->callback_id);
    db_bind_text(q, 3, r->name);
    db_bind_opt(q, 4, r->dispatch);
    db_bind_int(q, 5, r->cycle);
    db_bind_text(q, 6, clock_state_name(r->state));
    db_bind_int(q, 7, r->policy_id);
    db_bind_text(q, 8, r->calendar);
    db_bind_text(q, 9, r->span);
    db_bind_int(q, 10, r->share);
    db_bind_int(q, 11, r->extra_ms);
    db_bind_int(q, 12, r->started_at);
    db_bind_opt(q, 13, r->due_at);
    db_bind_opt(q, 14, r->ended_at);
    db_bind_int(q, 15, r->breached);
    db_bind_text(q, 16, r->fired);
    db_bind_opt(q, 17, r->next_at);
    db_bind_int(q, 18, r->next_at == 0);
    return db_insert(q, &r->id);
}

int repo_clock_save(struct db *db, struct clock_row *r)
{
    if (!r->id)
        return insert_clock(db, r);
    struct db_q *q =
        db_query(db, "UPDATE clock SET state=$1,policy_id=$2,calendar=$3,span=$4,share=$5,"
                     "extra_ms=$6,due_at=$7,ended_at=$8,paused_reason=$9,resume_at=$10,"
                     "breached=$11,fired=$12,next_at=$13,done=$14,segments=$15 WHERE id=$16");
    db_bind_text(q, 1, clock_state_name(r->state));
    db_bind_int(q, 2, r->policy_id);
    db_bind_text(q, 3, r->calendar);
    db_bind_text(q, 4, r->span);
    db_bind_int(q, 5, r->share);
    db_bind_int(q, 6, r->extra_ms);
    db_bind_opt(q, 7, r->due_at);
    db_bind_opt(q, 8, r->ended_at);
    db_bind_text(q, 9, *r->paused_reason ? r->paused_reason : NULL);
    db_bind_opt(q, 10, r->resume_at);
    db_bind_int(q, 11, r->breached);
    db_bind_text(q, 12, r->fired);
    db_bind_opt(q, 13, r->next_at);
    db_bind_int(q, 14, r->next_at == 0);
    db_bind_int(q, 15, r->segments);
    db_bind_int(q, 16, r->id);
    return db_run(q);
}

int repo_clocks_due(struct db *db, int64_t now, int64_t *ids, int max, int *n)
{
    struct db_q *q = db_query(db, "SELECT id FROM clock WHERE done=0 AND next_at<=$1 "
                                  "ORDER BY next_at LIMIT $2");
    *n = 0;
    db_bind_int(q, 1, now);
    db_bind_int(q, 2, max);
    while (db_row(q))
        ids[(*n)++] = db_int(q, 0);
    return db_end(q);
}

int repo_clocks_nearest(struct db *db, int64_t *at)
{
    struct db_q *q = db_query(db, "SELECT min(next_at) FROM clock WHERE done=0");
    *at = db_row(q) ? db_int(q, 0) : 0;
    return db_end(q);
}

int repo_clock_park(struct db *db, int64_t id)
{
    struct db_q *q = db_query(db, "UPDATE clock SET next_at=NULL,done=1 WHERE id=$1");
    db_bind_int(q, 1, id);
    return db_run(q);
}

/* ---- segments ---- */

#define SEGMENT_COLUMNS "id,from_at,to_at,running,calendar,reason"

static void read_segment(struct db_q *q, int64_t clock_id, struct segment_row *s)
{
    s->id = db_int(q, 0);
    s->clock_id = clock_id;
    s->from_at = db_int(q, 1);
    s->to_at = db_int(q, 2);
    s->running = db_int(q, 3) != 0;
    text_copy(s->calendar, sizeof(s->calendar), db_str(q, 4));
    text_copy(s->reason, sizeof(s->reason), db_str(q, 5));
}

int repo_segments_load(struct db *db, int64_t clock_id, struct segment_row **out, size_t *n)
{
    struct db_q *q =
        db_query(db, "SELECT " SEGMENT_COLUMNS " FROM clock_segment WHERE clock_id=$1 ORDER BY id");
    size_t cap = 0;
    *out = NULL;
    *n = 0;
    db_bind_int(q, 1, clock_id);
    while (db_row(q)) {
        if (*n == cap) {
            cap = cap ? cap * 2 : 8;
            *out = xrealloc(*out, cap * sizeof(**out));
        }
        read_segment(q, clock_id, &(*out)[(*n)++]);
    }
    int rc = db_end(q);
    if (rc < 0) {
        free(*out);
        *out = NULL;
        *n = 0;
    }
    return rc;
}

int repo_segment_present(struct db *db, int64_t clock_id, struct segment_row *out)
{
    struct db_q *q = db_query(db, "SELECT " SEGMENT_COLUMNS " FROM clock_segment WHERE clock_id=$1 "
                                  "AND to_at IS NULL ORDER BY id DESC LIMIT 1");
    db_bind_int(q, 1, clock_id);
    bool found = db_row(q);
    if (found)
        read_segment(q, clock_id, out);
    int rc = db_end(q);
    return rc < 0 ? rc : found ? 0 : E_NOTFOUND;
}

int repo_segment_add(struct db *db, const struct segment_row *s)
{
    struct db_q *q = db_query(db, "INSERT INTO clock_segment (clock_id,from_at,to_at,running,"
                                  "calendar,reason) VALUES ($1,$2,$3,$4,$5,$6)");
    db_bind_int(q, 1, s->clock_id);
    db_bind_int(q, 2, s->from_at);
    db_bind_opt(q, 3, s->to_at);
    db_bind_int(q, 4, s->running);
    db_bind_text(q, 5, s->calendar);
    db_bind_text(q, 6, *s->reason ? s->reason : NULL);
    return db_run(q);
}

int repo_segment_end(struct db *db, int64_t clock_id, int64_t at)
{
    struct db_q *q =
        db_query(db, "UPDATE clock_segment SET to_at=$1 WHERE clock_id=$2 AND to_at IS NULL");
    db_bind_int(q, 1, at);
    db_bind_int(q, 2, clock_id);
    return db_run(q);
}

int repo_clocks_wake(struct db *db, const char *name, int64_t at, bool *any)
{
    struct db_q *q = db_query(db, "UPDATE clock SET next_at=$2,done=0 WHERE name=$1 AND "
                                  "ended_at IS NULL");
    db_bind_text(q, 1, name);
    db_bind_int(q, 2, at);
    int rc = db_run(q);
    *any = rc == E_OK && db_changes(db) > 0;
    return rc;
}

int repo_clock_was_started(struct db *db, int64_t ticket_id, const char *name, int cycle,
                           bool in_cycle, bool *was)
{
    struct db_q *q =
        db_query(db, "SELECT 1 FROM clock WHERE ticket_id=$1 AND name=$2 AND "
                     "CASE WHEN cycle=$3 THEN state<>'cancelled' ELSE $4=0 END LIMIT 1");
    db_bind_int(q, 1, ticket_id);
    db_bind_text(q, 2, name);
    db_bind_int(q, 3, cycle);
    db_bind_int(q, 4, in_cycle);
    *was = db_row(q);
    return db_end(q);
}

int repo_clock_overdue_of(struct db *db, int64_t person_id, int max,
                          void (*fn)(void *ctx, int64_t ticket_id, const char *subject,
                                     const char *clock),
                          void *ctx)
{
    struct db_q *q = db_query(db, "SELECT t.id,t.subject,c.name FROM ticket t JOIN clock c ON "
                                  "c.ticket_id=t.id WHERE t.person_id=$1 AND t.closed_at IS NULL "
                                  "AND c.breached=1 AND c.ended_at IS NULL ORDER BY c.due_at LIMIT "
                                  "$2");
    db_bind_int(q, 1, person_id);
    db_bind_int(q, 2, max);
    while (db_row(q))
        fn(ctx, db_int(q, 0), db_str(q, 1), db_str(q, 2));
    return db_end(q);
}
