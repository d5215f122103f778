/*
 * esl_resync.c - the list of channels after signing in. It lags behind the events by some moments,
 * so it is read a second time a little later, to find those of its legs that were gone already;
 * what events touched meanwhile is newer than it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl.h"

#define AGAIN_MS  5000
#define ANSWER_MS 5000

static void ask(struct esl *e)
{
    track_sync_begin(e->track);
    e->sync_at = e->host->now_ms(e->host);
    esl_send(e, ESL_ASK_CHANNELS, "api show channels as json", NULL);
}

void esl_resync_start(struct esl *e)
{
    e->syncs = 2;
    ask(e);
}

static void finish(struct esl *e)
{
    bool first = e->syncs == 2;
    e->syncs--;
    e->sync_at = e->host->now_ms(e->host);
    if (first)
        esl_set_state(e, STEWARD_SOURCE_UP, NULL);
}

void esl_resync_check(struct esl *e)
{
    int64_t waited = e->host->now_ms(e->host) - e->sync_at;
    if (e->syncs == 2 && waited >= ANSWER_MS) {
        e->host->log(e->host, STEWARD_LOG_WARN,
                     "the PBX did not list its channels: going on with events alone");
        e->syncs = 1;
        finish(e);
        esl_set_state(e, STEWARD_SOURCE_UP, NULL);
    } else if (e->syncs == 1 && waited >= AGAIN_MS) {
        ask(e);
        e->sync_at = INT64_MAX / 2; /* asked; the answer ends it */
    }
}

static const char *get(const struct esl_event *row, enum esl_key key)
{
    return row->v[key] && *row->v[key] ? row->v[key] : NULL;
}

/* How long ago, by the PBX's clock in whole seconds. */
static int64_t created(struct esl *e, const struct esl_event *row)
{
    int64_t now = esl_now(e);
    const char *text = get(row, ESL_ROW_CREATED);
    int64_t at = text ? strtoll(text, NULL, 10) * 1000 : now;
    return at > 0 && at < now ? at : now;
}

/* A leg that rings for a queue names no call of its caller: its end will tell. */
static bool says_nothing(const struct esl_event *row, bool outbound)
{
    const char *call = get(row, ESL_ROW_CALL_UUID);
    return outbound && (!call || strcmp(call, get(row, ESL_ROW_UUID)) == 0);
}

/* A row of the list as a leg; the names of its columns are not those of events. */
static void add_leg(struct esl *e, const struct esl_event *row)
{
    char device[TRACK_DEVICE_MAX];
    const char *id = get(row, ESL_ROW_UUID), *call = get(row, ESL_ROW_CALL_UUID);
    const char *dir = get(row, ESL_ROW_DIRECTION);
    bool outbound = dir && strcmp(dir, "outbound") == 0;
    if (says_nothing(row, outbound) &&
        strcmp(row->v[ESL_ROW_CALLSTATE] ? row->v[ESL_ROW_CALLSTATE] : "", "ACTIVE") != 0)
        return;
    const char *context = get(row, ESL_ROW_FIRST_CONTEXT);
    struct esl_channel c = {.name = get(row, ESL_ROW_NAME),
                            .direction = dir,
                            .context = context ? context : get(row, ESL_ROW_CONTEXT)};
    const char *user = get(row, ESL_ROW_PRESENCE);
    const char *number = get(row, ESL_ROW_FIRST_CID), *dest = get(row, ESL_ROW_FIRST_DEST);
    number = number ? number : get(row, ESL_ROW_CID);
    dest = dest ? dest : get(row, ESL_ROW_DEST);
    esl_user_part(user ? user : outbound ? dest : number, device, sizeof device);
    struct track_leg_info info = {.id = id,
                                  .call = call,
                                  .device = device,
                                  .number = number,
                                  .called = outbound ? NULL : dest,
                                  .outside = esl_is_outside(e, &c),
                                  .half = esl_is_half(c.name),
                                  .dials = !outbound && !esl_is_half(c.name),
                                  .up = true,
                                  .listed = true};
    track_now(e->track, created(e, row));
    track_leg_add(e->track, &info);
    track_now(e->track, esl_now(e));
}

/* What a leg of the list does now; later events correct it. */
static void set_state(struct esl *e, const struct esl_event *row)
{
    struct track_leg *leg = track_leg(e->track, get(row, ESL_ROW_UUID));
    const char *state = get(row, ESL_ROW_CALLSTATE), *call = get(row, ESL_ROW_CALL_UUID);
    char bridge[TRACK_ID_MAX] = "snap:";
    struct track_view v;
    if (!leg)
        return;
    track_sync_mention(e->track, leg);
    track_view(leg, &v);
    int64_t at = created(e, row); /* the nearest that is known of when it rang or talked */
    if (v.ringing && e->down_at && at < e->down_at - e->skew)
        at = e->down_at - e->skew; /* until then we heard it ring ourselves */
    track_now(e->track, at);
    if (!state || strcmp(state, "RINGING") == 0 || strcmp(state, "EARLY") == 0) {
        track_ringing(e->track, leg);
        return;
    }
    if (strcmp(state, "ACTIVE") != 0 && strcmp(state, "HELD") != 0)
        return;
    track_up(e->track, leg);
    if (!v.bridge && call) {
        track_text(bridge + 5, sizeof bridge - 5, call, strlen(call));
        track_join(e->track, leg, bridge);
    }
    if (strcmp(state, "HELD") == 0)
        track_hold(e->track, leg, true);
}

/* Callers first: a call takes its name and its number from them. */
enum pass { PASS_CALLERS, PASS_OTHERS, PASS_STATES };

/* The list is one JSON text of flat objects: each row is read where it begins. */
static size_t walk(struct esl *e, char *rows, enum pass pass)
{
    struct esl_event row;
    size_t n = 0;
    char *p = rows, *end = rows + strlen(rows);
    while ((p = strchr(p, '{')) != NULL && n < TRACK_LEGS_MAX) {
        p = esl_event_json(p, (size_t)(end - p), &row);
        if (!p)
            break;
        const char *dir = row.v[ESL_ROW_DIRECTION];
        bool caller = dir && strcmp(dir, "inbound") == 0;
        if (!get(&row, ESL_ROW_UUID))
            continue;
        n++;
        if (pass == PASS_STATES)
            set_state(e, &row);
        else if (caller == (pass == PASS_CALLERS))
            add_leg(e, &row);
    }
    return n;
}

/* Reading writes into the text, so each pass reads a copy. */
static size_t read_rows(struct esl *e, const char *rows, enum pass pass)
{
    char *copy = strdup(rows);
    if (!copy)
        abort();
    size_t n = walk(e, copy, pass);
    free(copy);
    return n;
}

void esl_resync_list(struct esl *e, char *body)
{
    const char *rows = strstr(body, "\"rows\"");
    if (e->syncs == 0)
        return;
    if (!rows && !strstr(body, "row_count")) {
        e->host->log(e->host, STEWARD_LOG_WARN, "show channels: %.*s", (int)strcspn(body, "\n"),
                     body);
        e->syncs = 2; /* not again */
        finish(e);
        e->syncs = 0;
        return;
    }
    track_now(e->track, esl_now(e));
    if (rows) {
        read_rows(e, rows, PASS_CALLERS);
        read_rows(e, rows, PASS_OTHERS);
        size_t n = read_rows(e, rows, PASS_STATES);
        track_now(e->track, esl_now(e));
        e->host->log(e->host, STEWARD_LOG_INFO, "snapshot: %zu channels", n);
    }
    track_sync_end(e->track, e->syncs == 1);
    finish(e);
}
