/*
 * ami_action.c - what agents do at the desk, as manager actions: dial, hang up, transfer, park,
 * answer, ready and not ready; and what the account's rights allow of that.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

#define ACTION_MS 10000
#define DIAL_MS   180000
/* A phone that is not there is told at once; who hears nothing for so long is being rung. */
#define REFUSED_MS 800
#define DIALS_MAX  1000

/* ---- answers ---- */

static void done(struct ami *a, uint64_t token, bool ok, const char *code, const char *text)
{
    if (token)
        a->host->action_done(a->host, token, ok, code, text);
}

static struct ami_dial **dial_at(struct ami *a, uint64_t n)
{
    struct ami_dial **at = &a->dials;
    while (*at && (*at)->n != n)
        at = &(*at)->next;
    return at;
}

static void dial_forget(struct ami_dial **at)
{
    struct ami_dial *d = *at;
    *at = d->next;
    free(d);
}

static void dial_answer(struct ami *a, struct ami_dial *d, bool ok, const char *code,
                        const char *text)
{
    uint64_t token = d->token;
    d->token = 0;
    done(a, token, ok, code, text);
}

void ami_action_response(struct ami *a, const struct ami_pending *p, bool ok,
                         const struct ami_msg *msg)
{
    const char *text = ami_get(msg, "Message");
    char why[AMI_TEXT_MAX];
    if (!ok && text && strcasecmp(text, "Permission denied") == 0) {
        snprintf(why, sizeof why, "%s: the manager account lacks the write class %s", p->action,
                 ami_class_of(p->action));
        ami_rights_denied(a, p->action, msg);
        text = why;
    }
    struct ami_dial **dial = dial_at(a, p->n);
    if (!ok && *dial)
        dial_forget(dial);
    else if (ok && *dial && !(*dial)->seen)
        (*dial)->token = p->token; /* it is only queued: whether the phone rings shows next */
    else if (ok && p->last)
        done(a, p->token, true, NULL, NULL);
    if (!ok && (p->last || text == why))
        done(a, p->token, false, "failed", text ? text : "refused by the PBX");
}

void ami_actions_timeout(struct ami *a, bool all)
{
    struct ami_pending **at = &a->pending, *p;
    int64_t now = a->host->now_ms(a->host);
    while ((p = *at) != NULL) {
        int64_t limit = p->ask == ASK_PING ? 2 * ACTION_MS : ACTION_MS;
        if (!all && now - p->at < limit) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        if (p->last)
            done(a, p->token, false, all ? "source_down" : "timeout",
                 all ? "the link to the PBX is down" : "the PBX did not answer");
        free(p);
    }
    struct ami_dial **d = &a->dials;
    while (*d) {
        if ((all || now - (*d)->at >= REFUSED_MS) && (*d)->token)
            dial_answer(a, *d, !all, "source_down", "the link to the PBX is down");
        if (all || now - (*d)->at > DIAL_MS)
            dial_forget(d);
        else
            d = &(*d)->next;
    }
}

/* ---- dialling ---- */

struct ami_dial *ami_dial_seen(struct ami *a, const char *uniqueid)
{
    struct ami_dial *d;
    for (d = a->dials; d; d = d->next)
        if (strcmp(d->channel, uniqueid) == 0) {
            d->seen = true;
            dial_answer(a, d, true, NULL, NULL);
            return d;
        }
    return NULL;
}

/* Reason of OriginateResponse; 0 also stands for a phone that is not there. */
static enum steward_cause reason_cause(const char *reason)
{
    switch (reason ? strtol(reason, NULL, 10) : 0) {
    case 1:
    case 3:
        return STEWARD_CAUSE_NO_ANSWER;
    case 5:
        return STEWARD_CAUSE_BUSY;
    case 8:
        return STEWARD_CAUSE_CONGESTION;
    default:
        return STEWARD_CAUSE_UNREGISTERED;
    }
}

void ami_originate_response(struct ami *a, const struct ami_msg *msg)
{
    const char *id = ami_get(msg, "ActionID"), *word = ami_get(msg, "Response");
    size_t n = strlen(a->prefix);
    if (!id || strncmp(id, a->prefix, n) != 0 || id[n] != '-')
        return; /* another manager's call: its channels tell */
    struct ami_dial **at = dial_at(a, strtoull(id + n + 1, NULL, 10)), *d = *at;
    if (!d)
        return;
    bool failed = word && strcasecmp(word, "Failure") == 0;
    if (!d->seen && failed)
        track_stillborn(a->track, d->channel, d->device, d->number,
                        reason_cause(ami_get(msg, "Reason")));
    dial_answer(a, d, !failed, failed ? "failed" : NULL,
                failed ? "the phone cannot be rung: it is not registered, or busy" : NULL);
    dial_forget(at);
}

/* Quotes and brackets would end the name within the caller id. */
static void caller_id(char *out, size_t cap, const char *name, const char *number)
{
    char clean[80];
    size_t n = 0;
    track_text(clean, sizeof clean, name ? name : "", name ? strlen(name) : 0);
    for (const char *p = clean; *p; p++)
        if (!strchr("\"<>\\", *p))
            clean[n++] = *p;
    clean[n] = '\0';
    snprintf(out, cap, "\"%s\" <%s>", clean, number);
}

static bool is_dialable(const char *text)
{
    size_t n = text ? strspn(text, "+*#0123456789ABCDabcdefghijklmnopqrstuvwxyz_.-") : 0;
    return n > 0 && n < TRACK_NUMBER_MAX && !text[n];
}

static int refuse(struct ami *a, const struct steward_action *act, const char *code,
                  const char *text)
{
    done(a, act->token, false, code, text);
    return 0;
}

/* The device without the name of its source. */
static const char *bare(const char *device)
{
    const char *slash = device ? strrchr(device, '/') : NULL;
    return slash ? slash + 1 : device ? device : "";
}

/* The agent's phone rings first and shows the owner's name; the owner sees the outbound number. */
static int do_dial(struct ami *a, const struct steward_action *act)
{
    char channel[128], cid[200], timeout[32];
    const char *device = bare(act->device);
    struct ami_dial *d, *each;
    size_t waiting = 0;
    if (!is_dialable(act->number) || !is_dialable(device))
        return refuse(a, act, "bad_number", "the number or the device cannot be dialled");
    for (each = a->dials; each; each = each->next)
        waiting++;
    if (waiting >= DIALS_MAX)
        return refuse(a, act, "failed", "too many calls are being dialled");
    d = calloc(1, sizeof *d);
    if (!d)
        abort();
    snprintf(d->channel, sizeof d->channel, "steward-%016" PRIx64, link_random(&a->link));
    snprintf(d->device, sizeof d->device, "%s", device);
    snprintf(d->number, sizeof d->number, "%s", act->number);
    d->at = a->host->now_ms(a->host);
    /* The number goes on to the trunk: the outbound number, never the owner's own. */
    const char *shown =
        act->outbound_number && is_dialable(act->outbound_number) ? act->outbound_number : device;
    snprintf(channel, sizeof channel, "%s/%s", a->conf.technology, device);
    caller_id(cid, sizeof cid, act->caller_name ? act->caller_name : act->number, shown);
    snprintf(timeout, sizeof timeout, "%" PRId64, a->conf.link.dial_ms);
    const char *fields[] = {"ChannelId",      d->channel, "Channel",   channel,    "Context",
                            a->conf.internal, "Exten",    act->number, "Priority", "1",
                            "CallerID",       cid,        "Timeout",   timeout,    "Async",
                            "true",           NULL};
    d->n = ami_send(a, ASK_ACTION, act->token, "Originate", fields);
    d->next = a->dials;
    a->dials = d;
    return d->n ? 0 : (dial_forget(&a->dials), -1);
}

/* ---- live calls ---- */

static int to_channel(struct ami *a, const struct steward_action *act, const char *action,
                      struct track_leg *leg, const char *const *more)
{
    const char *fields[16] = {"Channel", NULL};
    size_t n = 2;
    if (!leg || !track_leg_tag(leg)[0])
        return refuse(a, act, "no_such_call", "the device has no part in this call");
    fields[1] = track_leg_tag(leg);
    for (; more && *more && n < 14; more++)
        fields[n++] = *more;
    fields[n] = NULL;
    return ami_send(a, ASK_ACTION, act->token, action, fields) ? 0 : -1;
}

/* The leg that acts, or a refusal that says why there is none. */
static struct track_leg *acting(struct ami *a, const struct steward_action *act,
                                enum track_part part)
{
    const char *why;
    struct track_leg *leg = track_acting(a->track, act->call, bare(act->device), part, &why);
    if (!leg)
        refuse(a, act, "no_such_call", why);
    return leg;
}

/* Refused while it rings, hung up while it talks; of somebody without a part it ends the call. */
static int do_hangup(struct ami *a, const struct steward_action *act)
{
    const char *device = bare(act->device);
    struct track_leg *leg = *device ? track_find(a->track, act->call, device) : NULL;
    const char *fields[] = {"Cause", "16", NULL};
    struct track_view v;
    if (leg) {
        track_view(leg, &v);
        if (v.ringing)
            track_cause(leg, STEWARD_CAUSE_REJECTED);
        track_asked_hangup(a->track, leg);
    } else {
        leg = track_party(a->track, act->call);
        if (leg)
            track_ended_from_outside(leg);
    }
    return to_channel(a, act, "Hangup", leg, fields);
}

/* BlindTransfer answers ok for an extension that is not there, and cuts the caller off. */
static int look_up(struct ami *a, enum ami_ask ask, const struct ami_pending *of)
{
    const char *action = ask == ASK_DIALPLAN ? "ShowDialPlan" : "ExtensionState";
    const char *key = ask == ASK_DIALPLAN ? "Extension" : "Exten";
    const char *fields[] = {"Context", a->conf.internal, key, of->to, NULL};
    struct ami_pending *p = ami_pending(a, ami_send(a, ask, of->token, action, fields));
    if (!p)
        return -1;
    memcpy(p->channel, of->channel, sizeof p->channel);
    memcpy(p->to, of->to, sizeof p->to);
    return 0;
}

/* True if the answer says that the extension is not there; of others nothing is known. */
static bool is_nowhere(const struct ami_pending *p, bool ok, const struct ami_msg *msg)
{
    const char *text = ami_get(msg, "Message"), *status = ami_get(msg, "Status");
    if (p->ask == ASK_HINT)
        return ok && status && strcmp(status, "-1") == 0;
    return !ok && text && (strncasecmp(text, "Did not find", 12) == 0 || strstr(text, "matching"));
}

void ami_looked_up(struct ami *a, const struct ami_pending *p, bool ok, const struct ami_msg *msg)
{
    const char *text = ami_get(msg, "Message");
    bool denied = !ok && text && strcasecmp(text, "Permission denied") == 0;
    char why[AMI_TEXT_MAX];
    if (is_nowhere(p, ok, msg)) {
        snprintf(why, sizeof why, "there is no extension %s in context %.100s", p->to,
                 a->conf.internal);
        done(a, p->token, false, "bad_number", why);
        return;
    }
    const char *fields[] = {"Channel", p->channel, "Context", a->conf.internal,
                            "Exten",   p->to,      NULL};
    int rc = denied && p->ask == ASK_DIALPLAN
                 ? look_up(a, ASK_HINT, p)
                 : (ami_send(a, ASK_ACTION, p->token, "BlindTransfer", fields) ? 0 : -1);
    if (rc < 0)
        done(a, p->token, false, "failed", "the PBX does not take the transfer");
}

/* Attended by the PBX's own feature; blind after a look whether there is such an extension. */
static int do_transfer(struct ami *a, const struct steward_action *act)
{
    const char *to = bare(act->to);
    if (!is_dialable(to))
        return refuse(a, act, "bad_number", "no such place to transfer to");
    if (act->transfer == STEWARD_TRANSFER_ATTENDED && !a->conf.atxfer)
        return refuse(a, act, "not_supported",
                      "attended transfer is not switched on (features.atxfer)");
    struct track_leg *leg = acting(a, act, TRACK_TALKS);
    if (!leg)
        return 0;
    const char *fields[] = {"Context", a->conf.internal, "Exten", to, NULL};
    if (act->transfer == STEWARD_TRANSFER_ATTENDED)
        return to_channel(a, act, "Atxfer", leg, fields);
    struct ami_pending of = {.token = act->token};
    snprintf(of.channel, sizeof of.channel, "%s", track_leg_tag(leg));
    snprintf(of.to, sizeof of.to, "%s", to);
    return look_up(a, ASK_DIALPLAN, &of);
}

static int do_park(struct ami *a, const struct steward_action *act)
{
    struct track_leg *party = track_party(a->track, act->call);
    struct track_leg *own = acting(a, act, TRACK_TALKS);
    if (!own)
        return 0;
    if (!party || own == party)
        return refuse(a, act, "no_such_call", "nobody is there to be parked");
    const char *fields[] = {"TimeoutChannel", track_leg_tag(own),
                            a->conf.parking_lot[0] ? "Parkinglot" : NULL, a->conf.parking_lot,
                            NULL};
    return to_channel(a, act, "Park", party, fields);
}

static int do_answer(struct ami *a, const struct steward_action *act)
{
    const char *fields[] = {"Variable", "Event=talk", NULL};
    struct track_leg *leg = acting(a, act, TRACK_RINGS);
    return leg ? to_channel(a, act, "PJSIPNotify", leg, fields) : 0;
}

/* A device may be a member by several interfaces; each is paused by itself. */
static int do_agent_state(struct ami *a, const struct steward_action *act)
{
    bool pause = act->agent_state == STEWARD_AGENT_NOT_READY;
    const char *device = bare(act->device), *interfaces[AMI_INTERFACES_MAX];
    char made[128];
    if (!pause && act->agent_state != STEWARD_AGENT_READY)
        return refuse(a, act, "not_supported", "only ready and not_ready can be set");
    size_t n = ami_agents_interfaces(a, device, interfaces);
    if (n == 0) {
        snprintf(made, sizeof made, "%s/%s", a->conf.technology, device);
        interfaces[n++] = made;
    }
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        const char *fields[] = {"Interface", interfaces[i],
                                "Paused",    pause ? "true" : "false",
                                "Reason",    act->reason ? act->reason : "",
                                NULL};
        if (last)
            ami_pending_more(a, last);
        last = ami_send(a, ASK_ACTION, act->token, "QueuePause", fields);
        if (!last)
            return -1;
    }
    return 0;
}

/* What needs a living call is refused here once for all. */
static int carry_out(struct ami *a, const struct steward_action *act)
{
    static const struct {
        uint32_t what;
        bool call;
        int (*fn)(struct ami *a, const struct steward_action *act);
    } table[] = {
        {STEWARD_CAN_DIAL, false, do_dial},        {STEWARD_CAN_HANGUP, true, do_hangup},
        {STEWARD_CAN_TRANSFER, true, do_transfer}, {STEWARD_CAN_PARK, true, do_park},
        {STEWARD_CAN_ANSWER, true, do_answer},     {STEWARD_CAN_AGENT_STATE, false, do_agent_state},
    };
    if (!(a->can & act->what))
        return refuse(a, act, "not_supported", "this PBX cannot do that");
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (table[i].what != act->what)
            continue;
        if (table[i].call && (!act->call || !track_lives(a->track, act->call)))
            return refuse(a, act, "no_such_call", "the call is over");
        return table[i].fn(a, act);
    }
    return refuse(a, act, "not_supported", "this PBX cannot do that");
}

int ami_action(void *ctx, const struct steward_action *act)
{
    struct ami *a = ctx;
    if (!a->link.stream || a->state != AMI_ON)
        return refuse(a, act, "source_down", "the link to the PBX is down");
    int rc = a->link.drop[0] ? -1 : carry_out(a, act);
    return a->link.drop[0] ? refuse(a, act, "source_down", a->link.drop) : rc;
}
