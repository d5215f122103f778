/*
 * test_ami_actions.c - what agents and others ask of a call at an Asterisk, and what is refused.
 */
#include "ami_rig.h"

#include <stdio.h>
#include <string.h>

static void test_dial(void **state)
{
    (void)state;
    log_in();
    assert_int_equal(act(STEWARD_CAN_DIAL, NULL, "pbx-a/1001", "013800138000"), 0);
    assert_non_null(strstr(R->written, "Channel: PJSIP/1001\r\n"));
    assert_non_null(strstr(R->written, "Exten: 013800138000\r\n"));
    assert_non_null(strstr(R->written, "Async: true\r\n"));
    assert_non_null(strstr(R->written, "<4008000>\r\n"));
    assert_null(strstr(R->written, "\nVariable: x=y"));
    answer("Originate", "Success", "Message: Originate successfully queued\r\n");
    assert_int_equal(R->done_token, 0); /* queued is not rung */
    item("Originate", "OriginateResponse", "Response: Failure\r\nReason: 0\r\n");
    assert_int_equal(R->done_token, 7);
    assert_false(R->done_ok);
    assert_non_null(strstr(R->done_text, "not registered"));
    assert_int_equal(R->n_events, 3); /* the phone is not there: no channel ever says so */
    assert_int_equal(R->events[0].ev.direction, STEWARD_DIR_OUTBOUND);
    assert_int_equal(R->events[1].ev.kind, STEWARD_EV_FAILED);
    assert_int_equal(R->events[1].ev.cause, STEWARD_CAUSE_UNREGISTERED);
    assert_int_equal(R->events[2].ev.kind, STEWARD_EV_CLEARED);
    act(STEWARD_CAN_DIAL, NULL, "1001", "1380013800; rm");
    assert_string_equal(R->done_code, "bad_number");
    act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000");
    answer("Originate", "Error", "Message: Permission denied\r\n");
    assert_false(R->done_ok);
    assert_non_null(strstr(R->done_text, "write class originate"));
}

/* The phone that shall dial has a channel: it is being rung, and only that is "ok". */
static void test_dial_rings(void **state)
{
    (void)state;
    char msg[512];
    log_in();
    act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000");
    answer("Originate", "Success", "Message: Originate successfully queued\r\n");
    assert_int_equal(R->done_token, 0);
    const char *id = strstr(R->written, "ChannelId: ") + strlen("ChannelId: ");
    int n = (int)strcspn(id, "\r");
    snprintf(msg, sizeof msg,
             "Event: Newchannel\r\nChannel: PJSIP/1001-07\r\nChannelState: 0\r\n"
             "Context: internal\r\nExten: s\r\nUniqueid: %.*s\r\nLinkedid: %.*s\r\n\r\n",
             n, id, n, id);
    say(msg);
    assert_int_equal(R->done_token, 7);
    assert_true(R->done_ok);
    act(STEWARD_CAN_DIAL, NULL, "1002", "13800138000");
    answer("Originate", "Success", "Message: Originate successfully queued\r\n");
    assert_int_equal(R->done_token, 0);
    replay_until(R, R->now + 2000); /* an account that hears no calls */
    assert_int_equal(R->done_token, 7);
    assert_true(R->done_ok);
}

/* Who is not named acts by the only device that has the call; what cannot be done says so. */
static void test_nobody_named(void **state)
{
    (void)state;
    log_in();
    live_call();
    say("Event: BridgeEnter\r\nBridgeUniqueid: b1\r\n" PHONE("6") "\r\n");
    say("Event: BridgeEnter\r\nBridgeUniqueid: b1\r\n" CALLER("1.1") "\r\n");
    act(STEWARD_CAN_TRANSFER, "1.1", NULL, "1002");
    answer("ShowDialPlan", "Success", "EventList: start\r\n");
    assert_non_null(strstr(R->written, "Action: BlindTransfer\r\n"));
    assert_non_null(strstr(R->written, "Channel: PJSIP/1001-02\r\nContext: internal\r\n"));
    act(STEWARD_CAN_PARK, "1.1", NULL, NULL);
    assert_non_null(strstr(R->written, "Channel: PJSIP/trunk-01\r\nTimeoutChannel: PJSIP/1001-02"));
    act(STEWARD_CAN_HANGUP, "1.1", NULL, NULL);
    say("Event: HangupRequest\r\n" CALLER("1.1") "Cause: 16\r\n\r\n");
    say("Event: Hangup\r\n" PHONE("6") "Cause: 16\r\n\r\n");
    say("Event: Hangup\r\n" CALLER("1.1") "Cause: 16\r\n\r\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
    assert_int_equal(last_event()->by, STEWARD_BY_SYSTEM);
}

/* BlindTransfer would answer ok and cut the caller off. */
static void test_transfer_nowhere(void **state)
{
    (void)state;
    log_in();
    live_call();
    act(STEWARD_CAN_TRANSFER, "1.1", "1001", "7777");
    answer("ShowDialPlan", "Error", "Message: Did not find extension 7777@internal\r\n");
    assert_false(R->done_ok);
    assert_string_equal(R->done_code, "bad_number");
    assert_null(strstr(R->written, "Action: BlindTransfer"));
    act(STEWARD_CAN_TRANSFER, "1.1", "1001", "7777");
    answer("ShowDialPlan", "Error", "Message: Permission denied\r\n");
    answer("ExtensionState", "Success", "Message: Extension Status\r\nStatus: -1\r\n");
    assert_string_equal(R->done_code, "bad_number");
    assert_null(strstr(R->written, "Action: BlindTransfer"));
    act(STEWARD_CAN_TRANSFER, "1.1", "1001", "1002");
    answer("ShowDialPlan", "Error", "Message: Permission denied\r\n");
    answer("ExtensionState", "Success", "Message: Extension Status\r\nStatus: 0\r\n");
    assert_non_null(strstr(R->written, "Action: BlindTransfer"));
    answer("BlindTransfer", "Success", "Message: ok\r\n");
    assert_true(R->done_ok);
}

static void test_in_call(void **state)
{
    (void)state;
    log_in();
    live_call();
    act(STEWARD_CAN_TRANSFER, "1.1", "1001", "1002");
    assert_non_null(strstr(R->written, "Context: internal\r\nExtension: 1002\r\n"));
    answer("ShowDialPlan", "Success", "EventList: start\r\n");
    assert_non_null(strstr(R->written, "Channel: PJSIP/1001-02\r\nContext: internal\r\n"));
    answer("BlindTransfer", "Success", "Message: ok\r\n");
    assert_true(R->done_ok);
    act(STEWARD_CAN_PARK, "1.1", "1001", NULL);
    assert_non_null(strstr(R->written, "Channel: PJSIP/trunk-01\r\nTimeoutChannel: PJSIP/1001-02"));
    act(STEWARD_CAN_HOLD, "1.1", "1001", NULL);
    assert_string_equal(R->done_code, "not_supported");
    act(STEWARD_CAN_HANGUP, "9.9", "1001", NULL);
    assert_string_equal(R->done_code, "no_such_call");
    act(STEWARD_CAN_HANGUP, "1.1", "1001", NULL);
    assert_non_null(strstr(R->written, "Action: Hangup\r\n"));
    say("Event: Hangup\r\n" PHONE("6") "Cause: 16\r\n\r\n");
    say("Event: Hangup\r\n" CALLER("1.1") "Cause: 16\r\n\r\n");
    assert_int_equal(last_event()->by, STEWARD_BY_AGENT);
    act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000");
    replay_until(R, R->now + 12000);
    assert_string_equal(R->done_code, "timeout");
}

static void test_link_down_ends_actions(void **state)
{
    (void)state;
    log_in();
    act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000");
    replay_eof(R, "gone");
    assert_int_equal(R->done_token, 7);
    assert_string_equal(R->done_code, "source_down");
    act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000");
    assert_string_equal(R->done_code, "source_down");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK(test_dial),    LINK(test_dial_rings),       LINK(test_nobody_named),
        LINK(test_in_call), LINK(test_transfer_nowhere), LINK(test_link_down_ends_actions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
