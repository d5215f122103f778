/*
 * esl_model.c - events of the event socket to facts of the tracker. A conversation is what a
 * bridge says, never an answer or a cause; there is no event for a transfer: it shows in what a
 * channel was moved to, or in a bridge between the legs of two calls.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl.h"

static const char *get(const struct esl_event *ev, enum esl_key key)
{
    return ev->v[key] && *ev->v[key] ? ev->v[key] : NULL;
}

static bool is(const struct esl_event *ev, enum esl_key key, const char *word)
{
    return ev->v[key] && strcasecmp(ev->v[key], word) == 0;
}

/* ---- channels ---- */

char *esl_user_part(const char *text, char *out, size_t cap)
{
    return track_text(out, cap, text ? text : "", text ? strcspn(text, "@") : 0);
}

bool esl_is_half(const char *name)
{
    return name && strncasecmp(name, "loopback/", 9) == 0;
}

static bool in_list(const char list[][LINK_ITEM_MAX], size_t n, const char *text, size_t len)
{
    for (size_t i = 0; i < n; i++)
        if (strlen(list[i]) == len && strncmp(list[i], text, len) == 0)
            return true;
    return false;
}

bool esl_is_outside(const struct esl *e, const struct esl_channel *c)
{
    const char *name = c->name ? c->name : "";
    if (esl_is_half(name))
        return false;
    if (c->direction && strcmp(c->direction, "inbound") == 0)
        return c->context && contexts_match(e->conf.inbound, e->conf.inbound_count, c->context);
    if (c->user)
        return false; /* rung as a user of the directory */
    if (strncasecmp(name, "sofia/", 6) != 0)
        return strncasecmp(name, "verto", 5) != 0 && strncasecmp(name, "user/", 5) != 0;
    const char *profile = name + 6;
    size_t len = strcspn(profile, "/");
    return in_list(e->conf.profiles, e->conf.profile_count, profile, len) ||
           (len == 7 && strncmp(profile, "gateway", 7) == 0);
}

static bool is_withheld(const struct esl_event *ev)
{
    return is(ev, ESL_HIDE_NUMBER, "true") || is(ev, ESL_PRIVACY, "true") ||
           is(ev, ESL_CALLER_NUMBER, "anonymous") || is(ev, ESL_CALLER_NUMBER, "restricted");
}

/* The leg for whose sake this one was made; NULL: the PBX made it by itself. */
static struct track_leg *parent_of(struct esl *e, const struct esl_event *ev)
{
    static const enum esl_key keys[] = {ESL_OTHER_LEG, ESL_CC_MEMBER, ESL_FIFO_BRIDGE,
                                        ESL_CALL_UUID};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct track_leg *leg = track_leg(e->track, get(ev, keys[i]));
        if (leg)
            return leg;
    }
    return NULL;
}

/* The device of a leg of ours: who signed in, or who was rung. */
static void device_of(const struct esl_event *ev, bool dials, char *out, size_t cap)
{
    const char *user = dials ? get(ev, ESL_USER_NAME) : get(ev, ESL_DIALED_USER);
    if (!user)
        user = get(ev, ESL_PRESENCE_ID);
    if (!user)
        user = get(ev, dials ? ESL_CALLER_NUMBER : ESL_DESTINATION);
    esl_user_part(user, out, cap);
}

/* What a call that the PBX sets up for our phone is for: its caller id shows the other party. */
static const char *purpose(const struct esl_event *ev, const char *device)
{
    const char *number = get(ev, ESL_CALLER_NUMBER);
    if (!number || strcmp(number, device) == 0 || strspn(number, "0") == strlen(number))
        return NULL;
    return number;
}

/* Who calls unknown in a context that nobody named is taken for a phone: that is said, by name. */
static void note_context(struct esl *e, const struct esl_event *ev, const struct esl_channel *c)
{
    const struct esl_conf *conf = &e->conf;
    if (!is(ev, ESL_CALL_DIRECTION, "inbound") || !c->context || get(ev, ESL_USER_NAME) ||
        esl_is_half(c->name) || esl_is_outside(e, c) || strcmp(c->context, conf->internal) == 0 ||
        contexts_match(conf->phones, conf->phone_count, c->context))
        return;
    if (contexts_strange_add(&e->strange, e->host, c->context))
        esl_set_state(e, e->syncs == 2 ? STEWARD_SOURCE_SYNCING : STEWARD_SOURCE_UP, NULL);
}

/* The first sign of a channel: whose it is, for whose sake it was made, what it is for. */
static struct track_leg *make_leg(struct esl *e, const struct esl_event *ev)
{
    char device[TRACK_DEVICE_MAX];
    const char *id = get(ev, ESL_UNIQUE_ID);
    bool dials = is(ev, ESL_CALL_DIRECTION, "inbound");
    struct esl_channel c = {.name = get(ev, ESL_CHANNEL_NAME),
                            .direction = ev->v[ESL_CALL_DIRECTION],
                            .context = get(ev, ESL_CONTEXT),
                            .user = dials ? NULL : get(ev, ESL_DIALED_USER)};
    bool half = esl_is_half(c.name), outside = esl_is_outside(e, &c);
    note_context(e, ev, &c);
    struct track_leg *parent = dials && !half ? NULL : parent_of(e, ev); /* nobody's leg dials */
    if (!dials && !parent && get(ev, ESL_CC_MEMBER))
        return NULL; /* a queue still rings an agent for a caller who left: nobody's call */
    struct esl_job *job = esl_dial_seen(e, id);
    struct track_view of;
    if (parent)
        track_view(parent, &of);
    device_of(ev, dials, device, sizeof device);
    struct track_leg_info info = {.id = id,
                                  .call = parent ? of.call : NULL,
                                  .device = device,
                                  .number = get(ev, ESL_CALLER_NUMBER),
                                  .outside = outside,
                                  .half = half,
                                  .dials = dials && !half,
                                  .restricted = outside && dials && is_withheld(ev)};
    info.called = job                ? job->number
                  : dials || outside ? get(ev, ESL_DESTINATION)
                  : parent           ? NULL
                                     : purpose(ev, device);
    struct track_leg *leg = track_leg_add(e->track, &info);
    if (leg && !dials)
        track_dial(e->track, parent, leg);
    if (leg && !dials && !half && !outside)
        track_ring_soon(e->track, leg, ESL_SILENT_MS);
    return leg;
}

static struct track_leg *known(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = track_leg(e->track, get(ev, ESL_UNIQUE_ID));
    if (leg)
        track_sync_mention(e->track, leg);
    return leg;
}

/* A leg that is new though it is no birth: its creation was missed. */
static struct track_leg *leg_of(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    const char *id = get(ev, ESL_UNIQUE_ID);
    if (leg || !id || track_was_gone(e->track, id))
        return leg;
    return make_leg(e, ev);
}

/* ---- causes ---- */

/* Why a leg ended, in FreeSWITCH's own words. */
static enum steward_cause cause_of(const char *word)
{
    static const struct {
        const char *word;
        enum steward_cause cause;
    } table[] = {
        {"USER_BUSY", STEWARD_CAUSE_BUSY},
        {"CALL_REJECTED", STEWARD_CAUSE_REJECTED},
        {"NO_ANSWER", STEWARD_CAUSE_NO_ANSWER},
        {"NO_USER_RESPONSE", STEWARD_CAUSE_NO_ANSWER},
        {"ALLOTTED_TIMEOUT", STEWARD_CAUSE_NO_ANSWER},
        {"LOSE_RACE", STEWARD_CAUSE_ANSWERED_ELSEWHERE},
        {"PICKED_OFF", STEWARD_CAUSE_PICKED_UP},
        {"USER_NOT_REGISTERED", STEWARD_CAUSE_UNREGISTERED},
        {"SUBSCRIBER_ABSENT", STEWARD_CAUSE_UNREGISTERED},
        {"DESTINATION_OUT_OF_ORDER", STEWARD_CAUSE_UNREGISTERED},
        {"NO_ROUTE_DESTINATION", STEWARD_CAUSE_INVALID_NUMBER},
        {"UNALLOCATED_NUMBER", STEWARD_CAUSE_INVALID_NUMBER},
        {"INVALID_NUMBER_FORMAT", STEWARD_CAUSE_INVALID_NUMBER},
        {"NORMAL_TEMPORARY_FAILURE", STEWARD_CAUSE_CONGESTION},
        {"NORMAL_CIRCUIT_CONGESTION", STEWARD_CAUSE_CONGESTION},
        {"SWITCH_CONGESTION", STEWARD_CAUSE_CONGESTION},
        {"NETWORK_OUT_OF_ORDER", STEWARD_CAUSE_CONGESTION},
        {"GATEWAY_DOWN", STEWARD_CAUSE_CONGESTION},
        {"RECOVERY_ON_TIMER_EXPIRE", STEWARD_CAUSE_CONGESTION},
    };
    for (size_t i = 0; word && i < sizeof table / sizeof *table; i++)
        if (strcasecmp(table[i].word, word) == 0)
            return table[i].cause;
    return STEWARD_CAUSE_NONE;
}

/* Whose hang-up it was: bye and cancel that we received came from the far end of this leg. */
static void note_hangup(struct esl *e, const struct esl_event *ev, struct track_leg *leg)
{
    if (is(ev, ESL_DISPOSITION, "recv_bye") || is(ev, ESL_DISPOSITION, "recv_cancel"))
        track_asked_hangup(e->track, leg);
}

/* ---- events ---- */

typedef void handler(struct esl *e, const struct esl_event *ev);

static void on_create(struct esl *e, const struct esl_event *ev)
{
    if (known(e, ev) || !get(ev, ESL_UNIQUE_ID))
        return;
    struct track_leg *leg = make_leg(e, ev);
    struct track_leg *other = track_leg(e->track, get(ev, ESL_LOOPBACK_OTHER));
    if (leg && other)
        track_pair(e->track, leg, other);
}

static void on_progress(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = leg_of(e, ev);
    if (leg)
        track_ringing(e->track, leg);
}

static void on_answer(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = leg_of(e, ev);
    if (leg)
        track_up(e->track, leg);
}

/* "A/B": a bridge goes by its two legs. */
static const char *bridge_name(const char *a, const char *b, char out[TRACK_ID_MAX])
{
    size_t n = strlen(track_text(out, 60, a, strlen(a)));
    out[n] = '/';
    track_text(out + n + 1, 60, b, strlen(b));
    return out;
}

/* Who talks with whom: the only proof of a conversation there is. */
static void on_bridge(struct esl *e, const struct esl_event *ev)
{
    const char *a = get(ev, ESL_BRIDGE_A), *b = get(ev, ESL_BRIDGE_B);
    char name[TRACK_ID_MAX];
    leg_of(e, ev);
    struct track_leg *one = track_leg(e->track, a ? a : get(ev, ESL_UNIQUE_ID));
    struct track_leg *two = track_leg(e->track, b ? b : get(ev, ESL_OTHER_LEG));
    if (!one || !two || one == two)
        return;
    struct track_view v;
    track_view(one, &v);
    bridge_name(v.id, b ? b : get(ev, ESL_OTHER_LEG), name);
    track_up(e->track, one);
    track_up(e->track, two);
    track_join(e->track, one, name);
    track_join(e->track, two, name);
    track_joined_calls(e->track, one, two);
    /* What a channel was moved to before this bridge is no transfer out of it. */
    struct track_leg *own = known(e, ev);
    if (own)
        track_leg_set_tag(own, get(ev, ESL_TRANSFER_SOURCE));
}

/* The extension of "epoch:uuid:bl_xfer:EXTEN/context/dialplan", if that is new. */
static bool moved_to(const struct esl_event *ev, const struct track_leg *leg, char *out, size_t cap)
{
    const char *source = get(ev, ESL_TRANSFER_SOURCE);
    const char *exten = source ? strstr(source, ":bl_xfer:") : NULL;
    if (!exten || strncmp(source, track_leg_tag(leg), 127) == 0)
        return false;
    exten += strlen(":bl_xfer:");
    track_text(out, cap, exten, strcspn(exten, "/"));
    return out[0] != '\0';
}

static void leave_pair(struct esl *e, struct track_leg *leg, const char *name)
{
    struct track_view v;
    if (!leg)
        return;
    track_view(leg, &v);
    if (v.bridge && (strcmp(v.bridge, name) == 0 || strncmp(v.bridge, "snap:", 5) == 0))
        track_leave(e->track, leg);
}

/* A conversation ended: a channel that was moved elsewhere just before was transferred. */
static void on_unbridge(struct esl *e, const struct esl_event *ev)
{
    const char *a = get(ev, ESL_BRIDGE_A), *b = get(ev, ESL_BRIDGE_B);
    char name[TRACK_ID_MAX], to[TRACK_NUMBER_MAX];
    struct track_leg *leg = known(e, ev);
    a = a ? a : get(ev, ESL_UNIQUE_ID);
    b = b ? b : get(ev, ESL_OTHER_LEG);
    if (!leg || !a || !b)
        return;
    note_hangup(e, ev, leg);
    struct track_view v;
    track_view(leg, &v);
    struct track_leg *other = track_leg(e->track, strcmp(v.id, a) == 0 ? b : a);
    if (!is(ev, ESL_ANSWER_STATE, "hangup") && moved_to(ev, leg, to, sizeof to)) {
        track_redirected(e->track, leg, other, to);
        track_leg_set_tag(leg, get(ev, ESL_TRANSFER_SOURCE));
    }
    bridge_name(a, b, name);
    leave_pair(e, leg, name);
    leave_pair(e, other, name);
}

static void on_hold(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = leg_of(e, ev);
    if (leg)
        track_hold(e->track, leg, true);
}

static void on_unhold(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    if (leg)
        track_hold(e->track, leg, false);
}

static void on_uuid(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = track_leg(e->track, get(ev, ESL_OLD_UNIQUE_ID));
    const char *id = get(ev, ESL_UNIQUE_ID);
    if (leg && id)
        track_leg_rename(e->track, leg, id);
}

/* A phone that gave the call away by REFER. */
static void note_refer(struct esl *e, const struct esl_event *ev, struct track_leg *leg)
{
    const char *to = get(ev, ESL_TRANSFER_DESTINATION);
    if (!is(ev, ESL_ENDPOINT_DISPOSITION, "BLIND_TRANSFER") || !to)
        return;
    char exten[TRACK_NUMBER_MAX];
    const char *colon = strchr(to, ':');
    to = colon ? colon + 1 : to;
    track_transfer_blind(e->track, leg, track_text(exten, sizeof exten, to, strcspn(to, "/@")));
}

static bool has_time(const struct esl_event *ev, enum esl_key key)
{
    return ev->v[key] && strtoll(ev->v[key], NULL, 10) > 0;
}

static void on_hangup(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    if (!leg)
        return;
    note_hangup(e, ev, leg);
    note_refer(e, ev, leg);
}

static void on_hangup_complete(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    if (!leg)
        return;
    note_hangup(e, ev, leg);
    note_refer(e, ev, leg);
    if (has_time(ev, ESL_PROGRESS_TIME) || has_time(ev, ESL_PROGRESS_MEDIA_TIME))
        track_ringing(e->track, leg); /* it rang, though no event said so */
    track_gone(e->track, leg, cause_of(get(ev, ESL_HANGUP_CAUSE)));
}

static void on_destroy(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    if (leg)
        track_gone(e->track, leg, cause_of(get(ev, ESL_HANGUP_CAUSE)));
}

static void on_shutdown(struct esl *e, const struct esl_event *ev)
{
    (void)ev;
    e->host->log(e->host, STEWARD_LOG_WARN, "the PBX shuts down");
}

/* ---- queues ---- */

/* What a queue says of its callers; the rest is about agents. */
static void on_callcenter(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = track_leg(e->track, get(ev, ESL_CC_SESSION));
    const char *queue = get(ev, ESL_CC_QUEUE);
    if (leg && queue &&
        (is(ev, ESL_CC_ACTION, "member-queue-start") ||
         is(ev, ESL_CC_ACTION, "member-queue-resume")))
        track_queued(e->track, leg, queue);
    else if (leg && is(ev, ESL_CC_ACTION, "member-queue-end") && ev->v[ESL_CC_CANCEL] &&
             strstr(ev->v[ESL_CC_CANCEL], "TIMEOUT"))
        track_queue_gave_up(e->track, leg);
    else if (leg && (is(ev, ESL_CC_ACTION, "bridge-agent-start") ||
                     is(ev, ESL_CC_ACTION, "member-queue-end")))
        track_unqueued(e->track, leg);
    else
        esl_agents_event(e, ev);
}

static void on_fifo(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    const char *name = get(ev, ESL_FIFO_NAME);
    if (!leg || !name)
        return;
    if (is(ev, ESL_FIFO_ACTION, "push"))
        track_queued(e->track, leg, name);
    else if (is(ev, ESL_FIFO_ACTION, "timeout"))
        track_queue_gave_up(e->track, leg);
    else if (is(ev, ESL_FIFO_ACTION, "caller_pop") || is(ev, ESL_FIFO_ACTION, "abort"))
        track_unqueued(e->track, leg);
}

/* Who is in one room talks with everybody there. */
static void on_conference(struct esl *e, const struct esl_event *ev)
{
    struct track_leg *leg = known(e, ev);
    const char *name = get(ev, ESL_ROOM_NAME);
    char room[TRACK_ID_MAX] = "room:";
    if (!leg || !name)
        return;
    track_text(room + 5, sizeof room - 5, name, strlen(name));
    if (is(ev, ESL_ROOM_ACTION, "add-member"))
        track_join_room(e->track, leg, room);
    else if (is(ev, ESL_ROOM_ACTION, "del-member"))
        leave_pair(e, leg, room);
}

/* In the order of their names: found by halving. Without a function: a subclass tells, or its
 * Core-UUID alone is of interest. */
static const struct known_event {
    const char *name;
    handler *fn;
} events[] = {
    {"BACKGROUND_JOB", esl_job_done},
    {"CHANNEL_ANSWER", on_answer},
    {"CHANNEL_BRIDGE", on_bridge},
    {"CHANNEL_CREATE", on_create},
    {"CHANNEL_DESTROY", on_destroy},
    {"CHANNEL_HANGUP", on_hangup},
    {"CHANNEL_HANGUP_COMPLETE", on_hangup_complete},
    {"CHANNEL_HOLD", on_hold},
    {"CHANNEL_PROGRESS", on_progress},
    {"CHANNEL_PROGRESS_MEDIA", on_progress},
    {"CHANNEL_UNBRIDGE", on_unbridge},
    {"CHANNEL_UNHOLD", on_unhold},
    {"CHANNEL_UUID", on_uuid},
    {"CUSTOM", NULL},
    {"HEARTBEAT", NULL},
    {"SHUTDOWN", on_shutdown},
    {"callcenter::info", on_callcenter},
    {"conference::maintenance", on_conference},
    {"fifo::info", on_fifo},
};

/* By halving: most of what a busy PBX sends is looked up here and passed over. */
static const struct known_event *find(const char *name, size_t len)
{
    size_t low = 0, high = sizeof events / sizeof *events;
    while (low < high) {
        size_t mid = (low + high) / 2, n = strlen(events[mid].name);
        int c = memcmp(events[mid].name, name, n < len ? n : len);
        if (c == 0)
            c = (n > len) - (n < len);
        if (c == 0)
            return &events[mid];
        if (c < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

bool esl_event_wanted(const char *name, size_t len)
{
    return find(name, len) != NULL;
}

/* A new Core-UUID is a new life of the PBX: what was before is gone. */
static void note_core(struct esl *e, const char *core)
{
    if (!core || strcmp(core, e->core) == 0)
        return;
    if (e->core[0]) {
        e->host->log(e->host, STEWARD_LOG_WARN, "the PBX was restarted");
        track_restarted(e->track);
    }
    track_text(e->core, sizeof e->core, core, strlen(core));
}

/* By the PBX's clock, which our own timers follow. */
static void note_time(struct esl *e, const char *stamp)
{
    int64_t at = stamp ? strtoll(stamp, NULL, 10) / 1000 : 0, now = e->host->now_ms(e->host);
    if (at > 1000000000000 && at < 100000000000000)
        e->skew = now - at;
    track_now(e->track, now - e->skew);
}

void esl_event(struct esl *e, const struct esl_event *ev)
{
    const char *name = ev->v[ESL_EVENT_NAME];
    if (name && strcmp(name, "CUSTOM") == 0)
        name = ev->v[ESL_EVENT_SUBCLASS];
    if (!name)
        return;
    note_time(e, ev->v[ESL_TIMESTAMP]);
    note_core(e, ev->v[ESL_CORE_UUID]);
    const struct known_event *known_as = find(name, strlen(name));
    if (known_as && known_as->fn)
        known_as->fn(e, ev);
}
