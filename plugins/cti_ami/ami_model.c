/*
 * ami_model.c - manager events to facts of the tracker. The order of events is the PBX's: a
 * channel never seen is made of the snapshot that an event carries, repeats change nothing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

/* ---- channel names ---- */

/* Technologies whose channels are the PBX's own: nobody sits at their end. */
static const char *const inner[] = {
    "Local/",    "Surrogate/",  "AsyncGoto/",    "Bridge/",      "Announcer/",
    "Recorder/", "CBAnn/",      "CBRec/",        "Message/",     "ConfBridge",
    "Snoop/",    "UnicastRTP/", "MulticastRTP/", "AudioSocket/", "WebSocket/",
};

bool ami_is_half(const char *channel)
{
    for (size_t i = 0; i < sizeof inner / sizeof *inner; i++)
        if (strncasecmp(channel, inner[i], strlen(inner[i])) == 0)
            return true;
    return false;
}

char *ami_endpoint(const char *channel, char *out, size_t cap)
{
    const char *slash = strchr(channel, '/');
    out[0] = '\0';
    if (!slash || ami_is_half(channel))
        return out;
    const char *start = slash + 1, *dash = strrchr(start, '-');
    track_text(out, cap, start, dash ? (size_t)(dash - start) : strlen(start));
    return out;
}

static bool in_list(const char list[][LINK_ITEM_MAX], size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* An endpoint is of the outside world if it was ever met in an inbound context: transfers move its
 * channels into others. */
bool ami_is_outside(struct ami *a, const char *channel, const char *context)
{
    const struct ami_conf *c = &a->conf;
    char name[LINK_ITEM_MAX];
    ami_endpoint(channel, name, sizeof name);
    if (!name[0])
        return false;
    if (in_list(c->trunks, c->trunk_count, name) ||
        in_list(a->trunk_seen, a->trunk_seen_count, name))
        return true;
    if (!context || !contexts_match(c->inbound, c->inbound_count, context))
        return false;
    if (a->trunk_seen_count < LINK_ITEMS_MAX)
        memcpy(a->trunk_seen[a->trunk_seen_count++], name, sizeof name);
    return true;
}

enum steward_cause ami_q850(const char *cause)
{
    static const struct {
        int code;
        enum steward_cause cause;
    } table[] = {
        {1, STEWARD_CAUSE_INVALID_NUMBER}, {3, STEWARD_CAUSE_UNREGISTERED},
        {17, STEWARD_CAUSE_BUSY},          {18, STEWARD_CAUSE_NO_ANSWER},
        {19, STEWARD_CAUSE_NO_ANSWER},     {20, STEWARD_CAUSE_UNREGISTERED},
        {21, STEWARD_CAUSE_REJECTED},      {26, STEWARD_CAUSE_ANSWERED_ELSEWHERE},
        {27, STEWARD_CAUSE_UNREGISTERED},  {28, STEWARD_CAUSE_INVALID_NUMBER},
        {31, STEWARD_CAUSE_CONGESTION},    {34, STEWARD_CAUSE_CONGESTION},
        {38, STEWARD_CAUSE_CONGESTION},    {41, STEWARD_CAUSE_CONGESTION},
        {42, STEWARD_CAUSE_CONGESTION},    {44, STEWARD_CAUSE_CONGESTION},
    };
    int code = cause ? (int)strtol(cause, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].code == code)
            return table[i].cause;
    return STEWARD_CAUSE_NONE;
}

/* ---- legs of a message ---- */

/* The snapshot of one channel within a message, by its prefix ("", "Dest", "Transferer", …). */
struct shot {
    const char *id, *linked, *channel, *context, *exten, *number;
    int state;
};

static bool shot_read(const struct ami_msg *msg, const char *prefix, struct shot *s)
{
    *s = (struct shot){.id = ami_known(ami_get2(msg, prefix, "Uniqueid"))};
    if (!s->id)
        return false;
    s->linked = ami_known(ami_get2(msg, prefix, "Linkedid"));
    s->channel = ami_get2(msg, prefix, "Channel");
    s->context = ami_get2(msg, prefix, "Context");
    s->exten = ami_known(ami_get2(msg, prefix, "Exten"));
    s->number = ami_known(ami_get2(msg, prefix, "CallerIDNum"));
    const char *state = ami_get2(msg, prefix, "ChannelState");
    s->state = state ? (int)strtol(state, NULL, 10) : -1;
    return true;
}

static bool is_anonymous(const char *number)
{
    return number &&
           (strcasecmp(number, "anonymous") == 0 || strcasecmp(number, "restricted") == 0);
}

/* The first sign of a channel: whose it is, where it came from, what it is for. */
static struct track_leg *make_leg(struct ami *a, const struct shot *s, bool rung)
{
    char device[TRACK_DEVICE_MAX];
    struct ami_dial *dial = ami_dial_seen(a, s->id);
    bool outside = ami_is_outside(a, s->channel, s->context);
    bool own = !s->linked || strcmp(s->linked, s->id) == 0;
    struct track_leg_info info = {
        .id = s->id,
        .call = s->linked,
        .device = ami_endpoint(s->channel, device, sizeof device),
        .number = s->number,
        .outside = outside,
        .half = ami_is_half(s->channel),
        .restricted = outside && is_anonymous(s->number),
        .dials = !rung && !dial && (s->state == 4 || s->state == 9 || (s->state == 6 && own)),
        .up = s->state == 6,
    };
    info.dials = info.dials && !info.half;
    bool named = s->exten && strcmp(s->exten, "s") != 0;
    info.called = dial ? dial->number : info.dials || (outside && named) ? s->exten : NULL;
    struct track_leg *leg = track_leg_add(a->track, &info);
    if (leg)
        track_leg_set_tag(leg, s->channel);
    return leg;
}

/* The leg that the message speaks of; made of its snapshot when it is new. NULL: none. */
static struct track_leg *leg_of(struct ami *a, const struct ami_msg *msg, const char *prefix)
{
    struct shot s;
    if (!shot_read(msg, prefix, &s))
        return NULL;
    struct track_leg *leg = track_leg(a->track, s.id);
    if (!leg) {
        if (!s.channel || !strchr(s.channel, '/') || strstr(s.channel, "<ZOMBIE>") ||
            track_was_gone(a->track, s.id))
            return NULL; /* a late word of a channel that is gone makes no ghost */
        return make_leg(a, &s, strcmp(prefix, "Dest") == 0);
    }
    track_sync_mention(a->track, leg);
    if (s.linked)
        track_leg_group(a->track, leg, s.linked);
    return leg;
}

/* A leg that must have been seen before. */
static struct track_leg *known_leg(struct ami *a, const struct ami_msg *msg, const char *prefix)
{
    return track_leg(a->track, ami_get2(msg, prefix, "Uniqueid"));
}

/* ---- events ---- */

typedef void handler(struct ami *a, const struct ami_msg *msg);

/*
 * The number behind the last dot of a Uniqueid ("1795310613.4") rises with every channel, from 0 at
 * the start of the PBX. 0 if there is none: the id was given by whoever originated the call.
 */
static uint64_t number_of(const char *id)
{
    const char *dot = strrchr(id, '.');
    bool numeric = dot && dot > id && dot[-1] >= '0' && dot[-1] <= '9' && dot[1] &&
                   !dot[1 + strspn(dot + 1, "0123456789")];
    return numeric ? strtoull(dot + 1, NULL, 10) + 1 : 0;
}

/* The first birth after the link was down, where no list told: does it continue what was before? */
static void note_number(struct ami *a, const char *id)
{
    uint64_t n = number_of(id);
    if (n == 0)
        return;
    if (a->life_doubted && (n <= a->top_number || track_leg(a->track, id))) {
        track_sync_begin(a->track); /* this birth is the first word of the new life */
        ami_started_anew(a, "while the link was down, as its channels are counted again");
    }
    a->life_doubted = false;
    a->top_number = n > a->top_number ? n : a->top_number;
}

/* Who calls in a context that nobody named is taken for a phone: that is said, by name. */
static void note_context(struct ami *a, const struct shot *s)
{
    const struct ami_conf *c = &a->conf;
    if (!s->context || !*s->context || ami_is_half(s->channel) ||
        (s->state != 4 && s->state != 9) || (s->linked && strcmp(s->linked, s->id) != 0) ||
        ami_is_outside(a, s->channel, s->context) || strcmp(s->context, c->internal) == 0 ||
        contexts_match(c->phones, c->phone_count, s->context))
        return;
    if (contexts_strange_add(&a->strange, a->host, s->context))
        ami_set_state(a, a->snapshot ? STEWARD_SOURCE_SYNCING : STEWARD_SOURCE_UP, NULL);
}

static void on_newchannel(struct ami *a, const struct ami_msg *msg)
{
    struct shot s;
    if (!shot_read(msg, "", &s) || !s.channel)
        return;
    note_number(a, s.id);
    note_context(a, &s);
    if (!track_leg(a->track, s.id))
        make_leg(a, &s, false); /* a birth, even if the id was used before */
}

/* Some technologies are born Down or Rsrvd, whoever began: that it rings the PBX shows later. */
static void comes_by_itself(struct ami *a, struct track_leg *leg, const struct ami_msg *msg)
{
    struct shot s;
    if (!shot_read(msg, "", &s) || (s.linked && strcmp(s.linked, s.id) != 0) ||
        ami_dial_seen(a, s.id))
        return;
    note_context(a, &s);
    bool named = s.exten && strcmp(s.exten, "s") != 0;
    track_leg_dials(a->track, leg, s.number, named ? s.exten : NULL);
}

static void on_newstate(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "");
    const char *state = ami_get(msg, "ChannelState");
    if (!leg || !state)
        return;
    if (strcmp(state, "5") == 0)
        track_ringing(a->track, leg);
    else if (strcmp(state, "6") == 0)
        track_up(a->track, leg);
    else if (strcmp(state, "4") == 0 || strcmp(state, "9") == 0)
        comes_by_itself(a, leg, msg);
}

/* A caller's number may come late; our own phone's shows whom click-to-call is for. */
static void on_newcallerid(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "");
    const char *number = ami_known(ami_get(msg, "CallerIDNum"));
    const char *pres = ami_get(msg, "CID-CallingPres");
    struct track_view v;
    if (!leg)
        return;
    track_view(leg, &v);
    if (v.outside || v.half) {
        track_leg_number(a->track, leg, number, pres && strcasestr(pres, "prohib"));
        const char *exten = ami_known(ami_get(msg, "Exten"));
        if (v.outside && !v.dials)
            track_leg_called(a->track, leg, exten && strcmp(exten, "s") != 0 ? exten : number);
    } else if (!v.dials && !v.up && number && strcmp(v.device, number) != 0 && !v.ringing &&
               !ami_dial_seen(a, v.id)) {
        track_leg_called(a->track, leg, number); /* click to call shows the customer's number */
    }
}

static void on_connected_line(struct ami *a, const struct ami_msg *msg)
{
    leg_of(a, msg, ""); /* its Linkedid may be the first sign of calls becoming one */
}

/* A trunk that is dialled without a caller id of its own: "13800055433@trunk", "g0/138…". */
static void note_dialled(struct ami *a, struct track_leg *to, const char *dialled)
{
    char number[TRACK_NUMBER_MAX];
    const char *best = NULL;
    size_t most = 2;
    struct track_view v;
    track_view(to, &v);
    if (!v.outside || v.called[0])
        return;
    for (const char *p = dialled ? dialled : ""; *p;) {
        size_t n = strspn(p, "+0123456789");
        if (n > most) {
            best = p;
            most = n;
        }
        p += n ? n : 1;
    }
    if (best)
        track_leg_called(a->track, to, track_text(number, sizeof number, best, most));
}

static void on_dial_begin(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *from = leg_of(a, msg, ""), *to = leg_of(a, msg, "Dest");
    if (!to)
        return;
    note_dialled(a, to, ami_get(msg, "DialString"));
    track_dial(a->track, from, to);
}

static void on_dial_state(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *to = leg_of(a, msg, "Dest");
    const char *status = ami_get(msg, "DialStatus");
    if (to && status && (strcmp(status, "RINGING") == 0 || strcmp(status, "PROGRESS") == 0))
        track_ringing(a->track, to);
}

/* Why a dialled phone was not reached, as far as Dial() says. */
static enum steward_cause dial_cause(const char *status)
{
    static const struct {
        const char *status;
        enum steward_cause cause;
    } table[] = {
        {"BUSY", STEWARD_CAUSE_BUSY},
        {"NOANSWER", STEWARD_CAUSE_NO_ANSWER},
        {"CHANUNAVAIL", STEWARD_CAUSE_UNREGISTERED},
        {"CONGESTION", STEWARD_CAUSE_CONGESTION},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(table[i].status, status) == 0)
            return table[i].cause;
    return STEWARD_CAUSE_NONE; /* CANCEL and others: its end tells why */
}

static void on_dial_end(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *to = known_leg(a, msg, "Dest");
    const char *status = ami_get(msg, "DialStatus"), *forward = ami_get(msg, "Forward");
    if (!to || !status)
        return;
    if (strcmp(status, "ANSWER") == 0)
        track_answered(a->track, known_leg(a, msg, ""), to);
    else if (forward && *forward)
        track_unanswered(a->track, to, STEWARD_CAUSE_FORWARDED);
    else if (strcmp(status, "NOANSWER") == 0)
        track_unanswered_unless(a->track, to, STEWARD_CAUSE_NO_ANSWER);
    else
        track_unanswered(a->track, to, dial_cause(status));
}

static void on_queue_join(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "");
    const char *queue = ami_get(msg, "Queue");
    if (leg && queue)
        track_queued(a->track, leg, queue);
}

static void on_queue_leave(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = known_leg(a, msg, "");
    if (leg)
        track_queue_gave_up(a->track, leg); /* unless it was answered, or the caller hung up */
}

static void on_bridge_enter(struct ami *a, const struct ami_msg *msg)
{
    const char *bridge = ami_get(msg, "BridgeUniqueid"), *type = ami_get(msg, "BridgeType");
    const char *tech = ami_get(msg, "BridgeTechnology");
    struct track_leg *leg = leg_of(a, msg, "");
    struct track_leg *swap = track_leg(a->track, ami_get(msg, "SwapUniqueid"));
    if (!leg || !bridge)
        return;
    if (swap && swap != leg)
        track_leave(a->track, swap);
    if ((type && strcasecmp(type, "parking") == 0) || (tech && strstr(tech, "holding")))
        track_leave(a->track, leg); /* those who wait in one place do not talk */
    else
        track_join(a->track, leg, bridge);
}

static void on_bridge_leave(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "");
    struct track_view v;
    const char *bridge = ami_get(msg, "BridgeUniqueid");
    if (!leg)
        return;
    track_view(leg, &v);
    if (v.bridge && bridge && strcmp(v.bridge, bridge) == 0)
        track_leave(a->track, leg);
}

static void on_hold(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "");
    if (leg)
        track_hold(a->track, leg, true);
}

static void on_unhold(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = known_leg(a, msg, "");
    if (leg)
        track_hold(a->track, leg, false);
}

static void on_hangup_request(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = known_leg(a, msg, "");
    struct track_view v;
    if (!leg)
        return;
    track_view(leg, &v);
    if (!v.up)
        track_cause(leg, ami_q850(ami_get(msg, "Cause")));
    track_asked_hangup(a->track, leg);
}

/*
 * A ring that Dial() calls unanswered has no cause of its own when time ran out; a normal clearing
 * means that somebody ended it at the desk.
 */
static void on_hangup(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = known_leg(a, msg, "");
    const char *channel = ami_get(msg, "Channel");
    if (!leg || (channel && strstr(channel, "<ZOMBIE>") && !strstr(track_leg_tag(leg), "<ZOMBIE>")))
        return;
    const char *cause = ami_get(msg, "Cause");
    bool cut = cause && strcmp(cause, "16") == 0 && track_presumes(leg);
    track_gone(a->track, leg, cut ? STEWARD_CAUSE_REJECTED : ami_q850(cause));
}

static void on_rename(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = known_leg(a, msg, "");
    const char *name = ami_get(msg, "Newname");
    char device[TRACK_DEVICE_MAX];
    if (!leg || !name)
        return;
    track_leg_set_tag(leg, name);
    if (!strchr(name, '<'))
        track_leg_device(a->track, leg, ami_endpoint(name, device, sizeof device));
}

static void on_local_bridge(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *one = leg_of(a, msg, "LocalOne"), *two = leg_of(a, msg, "LocalTwo");
    if (one && two)
        track_pair(a->track, one, two);
}

static bool succeeded(const struct ami_msg *msg)
{
    const char *result = ami_get(msg, "Result");
    return !result || strcasecmp(result, "Success") == 0;
}

static void on_blind_transfer(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *who = leg_of(a, msg, "Transferer");
    const char *to = ami_get(msg, "Extension");
    if (who && to && succeeded(msg))
        track_transfer_blind(a->track, who, to);
}

static void on_attended_transfer(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *who = leg_of(a, msg, "OrigTransferer");
    if (!who || !succeeded(msg))
        return;
    struct track_leg *second = leg_of(a, msg, "SecondTransferer");
    struct track_leg *target = leg_of(a, msg, "TransferTarget");
    const char *kind = ami_get(msg, "DestType");
    if (kind && strcasecmp(kind, "Threeway") == 0) /* all three talk from now on */
        track_conference(a->track, who, second, target);
    else
        track_transfer_attended(a->track, who, second, target);
}

static void on_pickup(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *picker = leg_of(a, msg, ""), *target = leg_of(a, msg, "Target");
    if (picker && target && picker != target)
        track_pickup(a->track, picker, target);
}

static void on_parked(struct ami *a, const struct ami_msg *msg)
{
    struct track_leg *leg = leg_of(a, msg, "Parkee");
    const char *dial = ami_get(msg, "ParkerDialString"), *space = ami_get(msg, "ParkingSpace");
    const char *parker = ami_get2(msg, "Parker", "Channel");
    char device[TRACK_DEVICE_MAX] = "";
    if (!leg)
        return;
    if (parker && strchr(parker, '/'))
        ami_endpoint(parker, device, sizeof device);
    else if (dial && strchr(dial, '/'))
        track_text(device, sizeof device, strchr(dial, '/') + 1, strlen(strchr(dial, '/') + 1));
    track_park(a->track, leg, device, space ? space : "parked");
}

static void on_shutdown(struct ami *a, const struct ami_msg *msg)
{
    (void)msg;
    a->host->log(a->host, STEWARD_LOG_WARN, "the PBX shuts down");
    track_all_gone(a->track);
}

static void on_booted(struct ami *a, const struct ami_msg *msg)
{
    const char *uptime = ami_get(msg, "Uptime");
    int64_t now = a->host->now_ms(a->host);
    if (uptime && a->down_at && now - strtoll(uptime, NULL, 10) * 1000 > a->down_at)
        ami_started_anew(a, "while the link was down");
    if (now - a->link.state_at > 1000)
        ami_resync_start(a); /* it was still starting when we signed in */
}

/* What a file says of queue members comes without an event of theirs. */
static void on_reload(struct ami *a, const struct ami_msg *msg)
{
    const char *module = ami_get(msg, "Module");
    if (!module || strcasecmp(module, "All") == 0 || strcasestr(module, "queue"))
        ami_resync_queues(a);
}

static void on_member(struct ami *a, const struct ami_msg *msg)
{
    ami_agents_member(a, msg, false);
}

static void on_member_removed(struct ami *a, const struct ami_msg *msg)
{
    ami_agents_member(a, msg, true);
}

static void on_list_item(struct ami *a, const struct ami_msg *msg)
{
    const char *event = ami_get(msg, "Event");
    if (!ami_resync_item(a, event, msg))
        ami_rights_item(a, event, msg);
}

/* In the order of their names: found by halving. */
static const struct known_event {
    const char *name;
    enum ami_class class; /* that it needs; 0: an answer to a question of ours */
    handler *fn;
} events[] = {
    {"AgentCalled", AMI_AGENT, on_dial_begin},
    {"AttendedTransfer", AMI_CALL, on_attended_transfer},
    {"BlindTransfer", AMI_CALL, on_blind_transfer},
    {"BridgeEnter", AMI_CALL, on_bridge_enter},
    {"BridgeLeave", AMI_CALL, on_bridge_leave},
    {"CoreShowChannel", 0, on_list_item},
    {"CoreShowChannelsComplete", 0, on_list_item},
    {"DialBegin", AMI_CALL, on_dial_begin},
    {"DialEnd", AMI_CALL, on_dial_end},
    {"DialState", AMI_CALL, on_dial_state},
    {"FullyBooted", AMI_SYSTEM, on_booted},
    {"Hangup", AMI_CALL, on_hangup},
    {"HangupRequest", AMI_CALL, on_hangup_request},
    {"Hold", AMI_CALL, on_hold},
    {"LocalBridge", AMI_CALL, on_local_bridge},
    {"NewCallerid", AMI_CALL, on_newcallerid},
    {"NewConnectedLine", AMI_CALL, on_connected_line},
    {"Newchannel", AMI_CALL, on_newchannel},
    {"Newstate", AMI_CALL, on_newstate},
    {"OriginateResponse", AMI_CALL, ami_originate_response},
    {"ParkedCall", AMI_CALL, on_parked},
    {"Pickup", AMI_CALL, on_pickup},
    {"QueueCallerJoin", AMI_AGENT, on_queue_join},
    {"QueueCallerLeave", AMI_AGENT, on_queue_leave},
    {"QueueEntry", 0, on_list_item},
    {"QueueMember", 0, on_list_item},
    {"QueueMemberAdded", AMI_AGENT, on_member},
    {"QueueMemberPause", AMI_AGENT, on_member},
    {"QueueMemberRemoved", AMI_AGENT, on_member_removed},
    {"QueueMemberStatus", AMI_AGENT, on_member},
    {"QueueStatusComplete", 0, on_list_item},
    {"Reload", AMI_SYSTEM, on_reload},
    {"Rename", AMI_CALL, on_rename},
    {"Shutdown", AMI_SYSTEM, on_shutdown},
    {"Status", 0, on_list_item},
    {"StatusComplete", 0, on_list_item},
    {"Unhold", AMI_CALL, on_unhold},
};

/* By halving: most of what a busy PBX sends is looked up here and passed over. */
static const struct known_event *find(const char *name, size_t len)
{
    size_t low = 0, high = sizeof events / sizeof *events;
    while (low < high) {
        size_t mid = (low + high) / 2;
        size_t n = strlen(events[mid].name);
        int c = memcmp(events[mid].name, name, n < len ? n : len); /* it may hold a NUL */
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

bool ami_event_wanted(const char *event, size_t len)
{
    return find(event, len) != NULL;
}

/* By the PBX's own clock where timestampevents is on; ours runs on from its last word. */
static void note_time(struct ami *a, const struct ami_msg *msg)
{
    const char *stamp = ami_get(msg, "Timestamp");
    double seconds = stamp ? strtod(stamp, NULL) : 0;
    if (seconds > 1e9 && seconds < 1e11)
        a->skew = a->host->now_ms(a->host) - (int64_t)(seconds * 1000);
    track_now(a->track, ami_now(a));
}

void ami_event(struct ami *a, const char *event, const struct ami_msg *msg)
{
    const struct known_event *known = find(event, strlen(event));
    if (!known)
        return;
    note_time(a, msg);
    a->host->count(a->host, "events", 1);
    if (known->class && !(a->heard & known->class))
        ami_rights_heard(a, known->class, msg);
    known->fn(a, msg);
}
