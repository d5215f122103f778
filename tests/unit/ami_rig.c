/*
 * ami_rig.c - see ami_rig.h.
 */
#include "ami_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct steward_plugin steward_plugin;

struct replay *R;

int setup(void **state)
{
    (void)state;
    R = calloc(1, sizeof *R);
    replay_start(R, &steward_plugin, CONF, START);
    return 0;
}

int teardown(void **state)
{
    (void)state;
    replay_stop(R);
    free(R);
    return 0;
}

void say(const char *text)
{
    replay_feed(R, text, strlen(text));
}

/* The ActionID of the n-th (from the last: 0) action of that name that was sent; "" if none. */
const char *sent_id(const char *action, unsigned from_last)
{
    static char id[64];
    char head[80];
    const char *found[64] = {NULL}, *p = R->written ? R->written : "";
    unsigned n = 0;
    snprintf(head, sizeof head, "Action: %s\r\nActionID: ", action);
    while ((p = strstr(p, head)) != NULL && n < 64)
        found[n++] = p += strlen(head);
    if (from_last >= n)
        return "";
    snprintf(id, sizeof id, "%.*s", (int)strcspn(found[n - 1 - from_last], "\r"),
             found[n - 1 - from_last]);
    return id;
}

/* Answer the last action of that name; `more` are further lines with their ends. */
void answer(const char *action, const char *response, const char *more)
{
    char text[4096];
    assert_string_not_equal(sent_id(action, 0), "");
    snprintf(text, sizeof text, "Response: %s\r\nActionID: %s\r\n%s\r\n", response,
             sent_id(action, 0), more);
    say(text);
}

void item(const char *action, const char *event, const char *more)
{
    char text[4096];
    snprintf(text, sizeof text, "Event: %s\r\nActionID: %s\r\n%s\r\n", event, sent_id(action, 0),
             more);
    say(text);
}

void log_in(void)
{
    say(BANNER);
    answer("Challenge", "Success", "Challenge: 198844479\r\n");
    answer("Login", "Success", "Message: Authentication accepted\r\n");
}

void empty_lists(void)
{
    answer("CoreStatus", "Success", "CoreStartupDate: 2026-11-22\r\nCoreStartupTime: 01:23:09\r\n");
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    answer("QueueStatus", "Success", "EventList: start\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
}

/* A direct call of which 1001 talks. */
void live_call(void)
{
    say("Event: Newchannel\r\n" CALLER("1.1") "\r\n");
    say("Event: Newchannel\r\n" PHONE("0") "\r\n");
    say("Event: DialBegin\r\n" CALLER("1.1") DEST("0") "DialString: 1001\r\n\r\n");
    say("Event: Newstate\r\n" PHONE("5") "\r\n");
    say("Event: Newstate\r\n" PHONE("6") "\r\n");
    say("Event: DialEnd\r\n" CALLER("1.1") DEST("6") "DialStatus: ANSWER\r\n\r\n");
    say("Event: BridgeEnter\r\nBridgeUniqueid: b1\r\n" PHONE("6") "\r\n");
    say("Event: BridgeEnter\r\nBridgeUniqueid: b1\r\n" CALLER("1.1") "\r\n");
}

size_t count(enum steward_event_kind kind)
{
    size_t n = 0;
    for (size_t i = 0; i < R->n_events; i++)
        n += R->events[i].ev.kind == kind;
    return n;
}

const struct steward_cti_event *last_event(void)
{
    assert_true(R->n_events > 0);
    return &R->events[R->n_events - 1].ev;
}

int act(uint32_t what, const char *call, const char *device, const char *to)
{
    struct steward_action a = {.struct_size = sizeof a,
                               .token = 7,
                               .what = what,
                               .call = call,
                               .device = device,
                               .number = to,
                               .to = to,
                               .transfer = STEWARD_TRANSFER_BLIND,
                               .caller_name = "Wang \"F\" <1>\r\nVariable: x=y",
                               .outbound_number = "4008000",
                               .agent_state = STEWARD_AGENT_NOT_READY,
                               .reason = "lunch\r\nAction: Command"};
    R->done_token = 0;
    return R->ops->action(R->ops_ctx, &a);
}
