/*
 * ami_resync.c - the snapshot after signing in: when the PBX started, its channels, its queues.
 * Events are applied all the while; what they touched since is newer than the snapshot.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

#define RESYNC_MS 5000
/* A PBX that is still starting may not answer: it is asked again, but not for ever. */
#define AGAIN_MS    30000
#define RESYNCS_MAX 4

struct item {
    char id[TRACK_ID_MAX], linked[TRACK_ID_MAX], channel[128], context[80], exten[80], number[80],
        bridge[TRACK_ID_MAX];
    int state;
    int64_t age_ms;
};

struct ami_snapshot {
    struct item *items;
    size_t count, cap;
    bool channels_done, queues_done;
    bool refused, queues_listed; /* no list of channels for us; the queues' list came whole */
    int64_t at;
    uint64_t channels, queues; /* numbers of the actions */
};

void ami_resync_free(struct ami *a)
{
    if (!a->snapshot)
        return;
    free(a->snapshot->items);
    free(a->snapshot);
    a->snapshot = NULL;
}

void ami_resync_start(struct ami *a)
{
    ami_resync_free(a);
    struct ami_snapshot *s = calloc(1, sizeof *s);
    if (!s)
        abort();
    a->snapshot = s;
    a->queues_again = 0;
    a->resyncs++;
    a->resync_at = 0;
    s->at = a->host->now_ms(a->host);
    ami_set_state(a, STEWARD_SOURCE_SYNCING, NULL);
    track_sync_begin(a->track);
    ami_agents_list_begin(a);
    ami_send(a, ASK_CORE_STATUS, 0, "CoreStatus", NULL);
    s->channels = ami_send(a, ASK_CHANNELS, 0, a->list_channels, NULL);
    s->queues = ami_send(a, ASK_QUEUES, 0, "QueueStatus", NULL);
}

static bool is_idle(void *ctx, const char *device)
{
    return ami_agents_idle(ctx, device);
}

/* An account that may read no channels still reads the queues: where all phones of a call from
 * before are idle, it ended while the link was down. */
static void judge_by_members(struct ami *a)
{
    track_now(a->track, ami_now(a));
    if (track_sync_by_devices(a->track, is_idle, a))
        track_sync_end(a->track, false);
}

static void finish(struct ami *a)
{
    struct ami_snapshot *s = a->snapshot;
    if (!s || !s->channels_done || !s->queues_done)
        return;
    if (s->refused && s->queues_listed)
        judge_by_members(a);
    ami_resync_free(a);
    ami_set_state(a, STEWARD_SOURCE_UP, NULL);
}

void ami_resync_check(struct ami *a)
{
    struct ami_snapshot *s = a->snapshot;
    int64_t now = a->host->now_ms(a->host);
    if (!s && a->resync_at && now >= a->resync_at)
        ami_resync_start(a);
    if (!s || now - s->at < RESYNC_MS)
        return;
    a->resync_at = a->resyncs < RESYNCS_MAX ? now + AGAIN_MS : 0;
    a->host->log(a->host, STEWARD_LOG_WARN,
                 "the PBX did not finish its lists of %s%s%s: going on with events alone",
                 s->channels_done ? "" : "channels",
                 s->channels_done || s->queues_done ? "" : " and ", s->queues_done ? "" : "queues");
    s->channels_done = s->queues_done = true;
    finish(a);
}

void ami_started_anew(struct ami *a, const char *when)
{
    a->host->log(a->host, STEWARD_LOG_WARN, "the PBX was restarted %s", when);
    a->down_at = 0; /* said once */
    a->life_doubted = false;
    a->top_number = 0;
    track_restarted(a->track);
}

/* "CoreStartupDate" and "CoreStartupTime" name one life of the PBX. */
static void core_status(struct ami *a, const struct ami_msg *msg)
{
    const char *date = ami_get(msg, "CoreStartupDate"), *time = ami_get(msg, "CoreStartupTime");
    char boot[sizeof a->boot];
    a->runs = a->runs || date;
    if (!date || !time || !a->snapshot)
        return;
    snprintf(boot, sizeof boot, "%.20s %.20s", date, time);
    if (a->boot[0] && strcmp(boot, a->boot) == 0) {
        a->life_doubted = false;
    } else if (a->boot[0] && a->down_at) {
        char when[80];
        snprintf(when, sizeof when, "at %s", boot);
        ami_started_anew(a, when);
    }
    memcpy(a->boot, boot, sizeof boot);
}

void ami_resync_response(struct ami *a, enum ami_ask ask, bool ok, const struct ami_msg *msg)
{
    struct ami_snapshot *s = a->snapshot;
    const char *text = ami_get(msg, "Message");
    if (ok && ask == ASK_CORE_STATUS)
        core_status(a, msg);
    if (ok) /* the list follows */
        return;
    if (ask == ASK_CORE_STATUS || ask == ASK_STATUS)
        ami_rights_denied(a, ask == ASK_STATUS ? "Status" : "CoreStatus", msg);
    if (!s || ask == ASK_CORE_STATUS)
        return;
    if (ask == ASK_CHANNELS) { /* Status needs fewer rights: class call will do */
        a->list_channels = "Status";
        s->channels = ami_send(a, ASK_STATUS, 0, "Status", NULL);
        return;
    }
    a->host->log(a->host, STEWARD_LOG_WARN, "%s: %s", ask == ASK_QUEUES ? "QueueStatus" : "Status",
                 text ? text : "refused");
    s->refused = s->refused || ask == ASK_STATUS;
    s->channels_done = s->channels_done || ask == ASK_STATUS;
    s->queues_done = s->queues_done || ask == ASK_QUEUES;
    finish(a);
}

/* ---- channels ---- */

static void keep(char *out, size_t cap, const char *text)
{
    track_text(out, cap, text ? text : "", text ? strlen(text) : 0);
}

/* "HH:MM:SS" or seconds. */
static int64_t age(const char *text)
{
    int h = 0, m = 0, s = 0;
    if (!text)
        return 0;
    if (sscanf(text, "%d:%d:%d", &h, &m, &s) == 3)
        return ((int64_t)h * 3600 + m * 60 + s) * 1000;
    return strtoll(text, NULL, 10) * 1000;
}

static const char *first_of(const struct ami_msg *msg, const char *a, const char *b, const char *c)
{
    const char *v = ami_known(ami_get(msg, a));
    if (!v)
        v = ami_known(ami_get(msg, b));
    return v || !c ? v : ami_known(ami_get(msg, c));
}

/* The items are kept until the list is whole: callers are applied before whom they called. */
static void add_item(struct ami_snapshot *s, const struct ami_msg *msg)
{
    const char *id = ami_known(ami_get(msg, "Uniqueid")), *state = ami_get(msg, "ChannelState");
    if (!id || s->count >= TRACK_LEGS_MAX)
        return;
    if (s->count == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->items = realloc(s->items, s->cap * sizeof *s->items);
        if (!s->items)
            abort();
    }
    struct item *i = &s->items[s->count++];
    keep(i->id, sizeof i->id, id);
    keep(i->linked, sizeof i->linked, ami_known(ami_get(msg, "Linkedid")));
    keep(i->channel, sizeof i->channel, ami_get(msg, "Channel"));
    keep(i->context, sizeof i->context, ami_get(msg, "Context"));
    keep(i->exten, sizeof i->exten, first_of(msg, "DNID", "Exten", NULL));
    keep(i->number, sizeof i->number, first_of(msg, "CallerIDNum", "CallerIDnum", NULL));
    keep(i->bridge, sizeof i->bridge, first_of(msg, "BridgeId", "BridgeID", "BridgeUniqueid"));
    i->state = state ? (int)strtol(state, NULL, 10) : 0;
    i->age_ms = age(first_of(msg, "Duration", "Seconds", NULL));
    if (i->age_ms < 0 || i->age_ms > 30LL * 86400000)
        i->age_ms = 0;
}

static bool begins_call(const struct item *i)
{
    return !i->linked[0] || strcmp(i->linked, i->id) == 0;
}

/* The channel that a call is named after first, the rest by age. */
static int by_place(const void *a, const void *b)
{
    const struct item *x = a, *y = b;
    int bx = begins_call(x), by = begins_call(y);
    if (bx != by)
        return by - bx;
    return (y->age_ms > x->age_ms) - (y->age_ms < x->age_ms);
}

/* A leg that only the list shows began as long ago as the list says. */
static void apply_item(struct ami *a, const struct item *i, int64_t now)
{
    char device[TRACK_DEVICE_MAX];
    bool half = ami_is_half(i->channel), outside = ami_is_outside(a, i->channel, i->context);
    struct track_leg_info info = {
        .id = i->id,
        .call = i->linked[0] ? i->linked : NULL,
        .device = ami_endpoint(i->channel, device, sizeof device),
        .number = i->number[0] ? i->number : NULL,
        .called = i->exten[0] && strcmp(i->exten, "s") != 0 ? i->exten : NULL,
        .restricted = outside && strcasecmp(i->number, "anonymous") == 0,
        .outside = outside,
        .half = half,
        .dials = !half && begins_call(i) && !ami_dial_seen(a, i->id),
        .up = i->state == 6,
        .listed = true,
    };
    track_now(a->track, now - i->age_ms);
    struct track_leg *leg = track_leg_add(a->track, &info);
    track_now(a->track, now);
    if (!leg)
        return;
    track_leg_set_tag(leg, i->channel);
    track_sync_mention(a->track, leg);
}

static void apply_state(struct ami *a, const struct item *i, int64_t now)
{
    struct track_leg *leg = track_leg(a->track, i->id);
    struct track_view v;
    if (!leg)
        return;
    track_view(leg, &v);
    int64_t at = now - i->age_ms; /* the nearest that is known of when it rang or talked */
    if (v.ringing && a->down_at && at < a->down_at - a->skew)
        at = a->down_at - a->skew; /* until then we heard it ring ourselves */
    track_now(a->track, at < now ? at : now);
    if (i->state == 6)
        track_up(a->track, leg);
    else if (i->state == 5)
        track_ringing(a->track, leg);
    if (i->bridge[0])
        track_join(a->track, leg, i->bridge);
    else
        track_leave(a->track, leg);
}

/* The halves of an inner channel share their name but for the last character. */
static void pair_halves(struct ami *a, struct ami_snapshot *s)
{
    for (size_t x = 0; x < s->count; x++) {
        size_t n = strlen(s->items[x].channel);
        if (n < 3 || strcmp(s->items[x].channel + n - 2, ";1") != 0)
            continue;
        for (size_t y = 0; y < s->count; y++) {
            struct track_leg *one = track_leg(a->track, s->items[x].id), *two;
            if (strncmp(s->items[x].channel, s->items[y].channel, n - 1) != 0 ||
                strcmp(s->items[y].channel + n - 2, ";2") != 0)
                continue;
            two = track_leg(a->track, s->items[y].id);
            if (one && two)
                track_pair(a->track, one, two);
            break;
        }
    }
}

/* Legs first, then inner channels, then who rings and talks: each needs the ones before. */
static void apply_channels(struct ami *a)
{
    struct ami_snapshot *s = a->snapshot;
    int64_t now = ami_now(a);
    if (s->count > 1)
        qsort(s->items, s->count, sizeof *s->items, by_place);
    for (size_t i = 0; i < s->count; i++)
        apply_item(a, &s->items[i], now);
    pair_halves(a, s);
    for (size_t i = 0; i < s->count; i++)
        apply_state(a, &s->items[i], now);
    track_now(a->track, now);
    track_sync_end(a->track, false);
    a->host->log(a->host, STEWARD_LOG_INFO, "snapshot: %zu channels", s->count);
    a->have_list = true;
    a->life_doubted = false;
    s->channels_done = true;
}

/* ---- list items ---- */

static void queue_entry(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = track_leg(a->track, ami_get(msg, "Uniqueid"));
    const char *queue = ami_get(msg, "Queue"), *wait = ami_get(msg, "Wait");
    int64_t now = ami_now(a), waited = wait ? strtoll(wait, NULL, 10) * 1000 : 0;
    if (!leg || !queue)
        return;
    track_now(a->track, waited > 0 && waited < 86400000 ? now - waited : now);
    track_queued(a->track, leg, queue);
    track_now(a->track, now);
}

void ami_resync_queues(struct ami *a)
{
    if (a->snapshot || a->queues_again)
        return;
    ami_agents_list_begin(a);
    a->queues_named = false;
    a->queues_again = ami_send(a, ASK_PROBE, 0, "QueueStatus", NULL);
}

static void queues_item(struct ami *a, const char *event, const struct ami_msg *msg)
{
    if (strcmp(event, "QueueMember") == 0) {
        a->queues_named = true;
        ami_agents_member(a, msg, false);
    } else if (strcmp(event, "QueueStatusComplete") == 0) {
        a->queues_again = 0;
        if (a->queues_named)
            ami_agents_list_end(a);
    }
}

bool ami_resync_item(struct ami *a, const char *event, const struct ami_msg *msg)
{
    struct ami_snapshot *s = a->snapshot;
    uint64_t number = ami_our_number(a, ami_get(msg, "ActionID"));
    if (number && number == a->queues_again) {
        queues_item(a, event, msg);
        return true;
    }
    if (!s || !number)
        return false;
    if (number == s->channels && !s->channels_done) {
        if (strcmp(event, "CoreShowChannel") == 0 || strcmp(event, "Status") == 0)
            add_item(s, msg);
        else if (strstr(event, "Complete"))
            apply_channels(a);
    } else if (number == s->queues && !s->queues_done) {
        if (strcmp(event, "QueueMember") == 0)
            ami_agents_member(a, msg, false);
        else if (strcmp(event, "QueueEntry") == 0)
            queue_entry(a, msg);
        else if (strcmp(event, "QueueStatusComplete") == 0) {
            ami_agents_list_end(a);
            s->queues_done = s->queues_listed = true;
        }
    }
    finish(a);
    return true;
}
