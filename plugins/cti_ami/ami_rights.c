/*
 * ami_rights.c - what the manager account may do and see. The write classes of manager.conf show in
 * the answer to ListCommands and in what is refused; of the read classes the PBX says nothing, so
 * a class counts as missing when something happened of which no event of that class told.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

#define BOOTED_MS                                                                                  \
    5000 /* FullyBooted follows the login at once, unless the PBX is still starting                \
          */

/* Actions of the manager, the class each needs, and what cannot be done without. */
static const struct right {
    const char *action, *class;
    uint32_t can;
    const char *cost;
} rights[] = {
    {"Originate", "originate", STEWARD_CAN_DIAL, "no dialling"},
    {"Hangup", "system or call", STEWARD_CAN_HANGUP, "no hanging up"},
    {"BlindTransfer", "call", STEWARD_CAN_TRANSFER, "no transfer"},
    {"Park", "call", STEWARD_CAN_PARK, "no parking"},
    {"QueuePause", "agent", STEWARD_CAN_AGENT_STATE, "no pausing of agents"},
    {"PJSIPNotify", "system", STEWARD_CAN_ANSWER, "no answering"},
    {"Atxfer", "call", 0, NULL},
    {"CoreStatus", "system or reporting", 0, "restarts noticed late"},
    {"Status", "system, reporting or call", 0, "no snapshot of calls"},
};
#define RIGHTS (sizeof rights / sizeof *rights)

static const struct {
    enum ami_class class;
    const char *name, *cost;
} classes[] = {
    {AMI_CALL, "call", "no call is seen"},
    {AMI_AGENT, "agent", "no queue and no agent's state is seen"},
    {AMI_SYSTEM, "system", "stops and restarts noticed late"},
};
#define CLASSES (sizeof classes / sizeof *classes)

uint32_t ami_can_all(const struct ami *a)
{
    uint32_t can = 0;
    for (size_t i = 0; i < RIGHTS; i++)
        can |= rights[i].can;
    return a->conf.answer_notify ? can : can & ~STEWARD_CAN_ANSWER;
}

const char *ami_class_of(const char *action)
{
    for (size_t i = 0; i < RIGHTS; i++)
        if (strcmp(rights[i].action, action) == 0)
            return rights[i].class;
    return "of this action";
}

/* ---- what is missing, for a person ---- */

static void append(char *out, size_t cap, const char *access, const char *class, const char *cost)
{
    size_t n = strlen(out);
    snprintf(out + n, cap - n, "%s%s=%s (%s)", n ? ", " : "lacks in manager.conf: ", access, class,
             cost);
}

const char *ami_rights_text(const struct ami *a, char *out, size_t cap)
{
    out[0] = '\0';
    for (size_t i = 0; i < CLASSES; i++)
        if (a->lacks_read & classes[i].class)
            append(out, cap, "read", classes[i].name, classes[i].cost);
    for (size_t i = 0; i < RIGHTS; i++)
        if ((a->lacks_write & (1u << i)) && rights[i].cost)
            append(out, cap, "write", rights[i].class, rights[i].cost);
    return out[0] ? out : NULL;
}

static void tell(struct ami *a)
{
    ami_set_state(a, a->snapshot ? STEWARD_SOURCE_SYNCING : STEWARD_SOURCE_UP, NULL);
}

/* ---- write classes ---- */

/* True if that is news. */
static bool lack_write(struct ami *a, size_t i)
{
    bool concerns = rights[i].can ? (ami_can_all(a) & rights[i].can) != 0 : rights[i].cost != NULL;
    if (!concerns || (a->lacks_write & (1u << i)))
        return false;
    a->lacks_write |= 1u << i;
    a->can &= ~rights[i].can;
    a->host->log(a->host, STEWARD_LOG_WARN,
                 "account %s lacks the write class %s (manager.conf): no %s, so %s",
                 a->conf.username, rights[i].class, rights[i].action, rights[i].cost);
    return true;
}

void ami_rights_list(struct ami *a, const struct ami_msg *msg)
{
    bool news = false;
    if (!ami_get(msg, "Ping"))
        return; /* no list of commands */
    for (size_t i = 0; i < RIGHTS; i++)
        if (!ami_get(msg, rights[i].action) && lack_write(a, i))
            news = true;
    if (news)
        tell(a);
}

void ami_rights_denied(struct ami *a, const char *action, const struct ami_msg *msg)
{
    const char *text = ami_get(msg, "Message");
    if (!text || strcasecmp(text, "Permission denied") != 0)
        return;
    a->runs = true;
    for (size_t i = 0; i < RIGHTS; i++)
        if (strcmp(rights[i].action, action) == 0 && lack_write(a, i))
            tell(a);
}

/* ---- read classes ---- */

void ami_rights_begin(struct ami *a)
{
    a->heard = a->lacks_read = a->lacks_write = 0;
    a->runs = false;
    a->can = ami_can_all(a);
    a->probe_at = a->link.state_at;
    a->probe_channels = a->probe_queues = 0;
}

static void lack_read(struct ami *a, enum ami_class class, const char *proof)
{
    if ((a->lacks_read | a->heard) & class)
        return;
    a->lacks_read |= class;
    for (size_t i = 0; i < CLASSES; i++)
        if (classes[i].class == class)
            a->host->log(a->host, STEWARD_LOG_WARN,
                         "account %s lacks the read class %s (manager.conf), as %s: %s",
                         a->conf.username, classes[i].name, proof, classes[i].cost);
    tell(a);
}

void ami_rights_heard(struct ami *a, enum ami_class class, const struct ami_msg *msg)
{
    const char *id = ami_known(ami_get(msg, "Uniqueid"));
    if (class == AMI_AGENT && a->have_list && id && !track_leg(a->track, id))
        lack_read(a, AMI_CALL, "a channel in a queue is there that no event told of");
    a->heard |= class;
    if (!(a->lacks_read & class))
        return;
    a->lacks_read &= ~(uint32_t) class;
    tell(a);
}

/* Nothing of these classes was heard on this link: is that for want of events, or of rights? */
static void probe(struct ami *a, int64_t now)
{
    uint32_t doubtful = ~(a->heard | a->lacks_read);
    if (a->snapshot || now - a->probe_at < a->conf.link.ping_ms)
        return;
    a->probe_at = now;
    if ((doubtful & AMI_CALL) && a->have_list)
        a->probe_channels = ami_send(a, ASK_PROBE, 0, a->list_channels, NULL);
    if ((doubtful & AMI_AGENT) && ami_agents_any(a))
        a->probe_queues = ami_send(a, ASK_PROBE, 0, "QueueStatus", NULL);
}

void ami_rights_check(struct ami *a)
{
    int64_t now = a->host->now_ms(a->host);
    if (a->runs && now - a->link.state_at >= BOOTED_MS)
        lack_read(a, AMI_SYSTEM, "FullyBooted did not come, unless the PBX is still starting");
    probe(a, now);
}

void ami_rights_item(struct ami *a, const char *event, const struct ami_msg *msg)
{
    uint64_t n = ami_our_number(a, ami_get(msg, "ActionID"));
    const char *id = ami_known(ami_get(msg, "Uniqueid")), *wait = ami_get(msg, "Wait");
    int64_t since = a->host->now_ms(a->host) - a->link.state_at;
    if (n == 0)
        return;
    if (n == a->probe_channels && id && !track_leg(a->track, id))
        lack_read(a, AMI_CALL, "a channel is there that no event told of");
    else if (n != a->probe_queues)
        return;
    else if (strcmp(event, "QueueMember") == 0 && ami_agents_differs(a, msg))
        lack_read(a, AMI_AGENT, "a queue member changed and no event told of it");
    else if (strcmp(event, "QueueEntry") == 0 && wait &&
             strtoll(wait, NULL, 10) * 1000 < since - 2000)
        lack_read(a, AMI_AGENT, "a caller waits in a queue and no event told of it");
}
