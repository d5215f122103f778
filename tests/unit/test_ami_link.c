/*
 * test_ami_link.c - the manager link itself: signing in, coming back, snapshots, actions,
 * and what a PBX that is broken or hostile may send.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ami_parse.h"
#include "ami_rig.h"

static void feed_many(char c, size_t n)
{
    char *big = malloc(n);
    memset(big, c, n);
    replay_feed(R, big, n);
    free(big);
}

static void test_too_long(void **state)
{
    (void)state;
    log_in();
    feed_many('x', AMI_LINE_MAX + 10);
    replay_until(R, R->now + 5);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, "longer than 64 KiB"));
}

/* ---- signing in ---- */

static void test_md5(void **state)
{
    (void)state;
    say(BANNER);
    assert_non_null(strstr(R->written, "AuthType: MD5\r\n"));
    answer("Challenge", "Success", "Challenge: 198844479\r\n");
    /* md5("198844479s3cret") */
    assert_non_null(strstr(R->written, "Key: 838d044cd124ba23ea046b98c2c44f5d\r\n"));
    assert_null(strstr(R->written, "s3cret"));
    assert_non_null(strstr(R->written, "Events: system,call,agent\r\n"));
    answer("Login", "Success", "Message: Authentication accepted\r\n");
    assert_int_equal(R->state, STEWARD_SOURCE_SYNCING);
    empty_lists();
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 1);
}

static void test_plain_on_this_machine(void **state)
{
    (void)state;
    say(BANNER);
    answer("Challenge", "Error", "Message: Invalid/unknown command: Challenge\r\n");
    assert_non_null(strstr(R->written, "Secret: s3cret\r\n"));
    answer("Login", "Success", "Message: Authentication accepted\r\n");
    assert_int_equal(R->state, STEWARD_SOURCE_SYNCING);
}

/* A peer that knows no challenge may not answer it either. */
static void test_unanswered_challenge(void **state)
{
    (void)state;
    say(BANNER);
    replay_until(R, R->now + 3500);
    assert_non_null(strstr(R->written, "Secret: s3cret\r\n"));
    say("Response: Success\r\nMessage: Authentication accepted\r\n\r\n");
    assert_int_equal(R->state, STEWARD_SOURCE_SYNCING);
}

static void test_wrong_secret(void **state)
{
    (void)state;
    say(BANNER);
    answer("Challenge", "Success", "Challenge: 1\r\n");
    answer("Login", "Error", "Message: Authentication failed\r\n");
    replay_until(R, R->now + 10);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, "login as desk refused"));
    assert_false(R->open);
    replay_until(R, START + 29000); /* no hammering */
    assert_int_equal(R->opened, 1);
    replay_until(R, START + 61000);
    assert_true(R->opened >= 2);
}

static void test_no_manager(void **state)
{
    (void)state;
    say("SSH-2.0-OpenSSH_9.2\r\n");
    replay_until(R, R->now + 10);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, "not an Asterisk manager"));
}

static void test_silent_peer(void **state)
{
    (void)state;
    replay_until(R, START + 17000);
    assert_non_null(strstr(R->log, "no answer to the login"));
    assert_true(R->opened >= 2);
}

static void test_back_off(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    R->refuse = true;
    replay_eof(R, "connection reset");
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    replay_until(R, START + 400);
    assert_int_equal(R->opened, 1);
    replay_until(R, START + 1100);
    assert_int_equal(R->opened, 2);
    replay_until(R, START + 600000); /* a minute at most between two tries, and no less than half */
    assert_in_range(R->opened, 12, 30);
}

static void test_unanswered_ping(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    replay_until(R, START + 25000);
    assert_non_null(strstr(R->written, "Action: Ping"));
    answer("Ping", "Success", "Ping: Pong\r\n");
    replay_until(R, START + 40000);
    assert_int_equal(R->opened, 1);
    replay_until(R, START + 70000);
    assert_true(R->opened >= 2);
}

/* ---- snapshots ---- */

static void test_gone_meanwhile(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    live_call();
    replay_eof(R, "closed");
    replay_until(R, R->now + 1500);
    log_in();
    size_t before = R->n_events;
    empty_lists();
    assert_int_equal(R->resyncs, 2);
    assert_int_equal(R->n_alive, 0); /* the host closes it with a gap */
    assert_int_equal(R->n_events, before);
    say("Event: Hangup\r\n" CALLER("1.1") "Cause: 16\r\n\r\n"); /* late: no ghost */
    assert_int_equal(R->n_events, before);
}

static void test_still_there(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    live_call();
    replay_eof(R, "closed");
    replay_until(R, R->now + 1500);
    log_in();
    size_t before = R->n_events;
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         PHONE("6") "BridgeId: b1\r\nDuration: 00:00:05\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         CALLER("1.1") "BridgeId: b1\r\nDuration: 00:00:06\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    assert_int_equal(R->n_alive, 1);
    assert_string_equal(R->alive[0], "1.1");
    assert_int_equal(R->n_events, before); /* nothing new is to be said of it */
}

/* It was answered while the link was down: not before the moment until which we heard it ring. */
static void test_answered_meanwhile(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    say("Event: Newchannel\r\n" CALLER("1.1") "\r\n");
    say("Event: Newchannel\r\n" PHONE("0") "\r\n");
    say("Event: DialBegin\r\n" CALLER("1.1") DEST("0") "DialString: 1001\r\n\r\n");
    say("Event: Newstate\r\n" PHONE("5") "\r\n");
    replay_until(R, R->now + 5000);
    int64_t heard = R->now;
    replay_eof(R, "closed");
    replay_until(R, R->now + 1500);
    log_in();
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         PHONE("6") "BridgeId: b1\r\nDuration: 00:00:06\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         CALLER("1.1") "BridgeId: b1\r\nDuration: 00:00:06\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_ESTABLISHED);
    assert_true(last_event()->at >= heard && last_event()->at <= R->now);
}

static void test_met_in_the_middle(void **state)
{
    (void)state;
    log_in();
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         SHOT("1.2", "1.1", "PJSIP/1001-02", "internal", "", "1001",
              "6") "BridgeId: b1\r\nDuration: 00:00:05\r\n");
    item("CoreShowChannels", "CoreShowChannel",
         CALLER("1.1") "BridgeId: b1\r\nDuration: 00:01:06\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    assert_int_equal(R->n_events, 2);
    assert_int_equal(R->events[0].ev.kind, STEWARD_EV_ORIGINATED);
    assert_int_equal(R->events[0].ev.direction, STEWARD_DIR_INBOUND);
    assert_int_equal(R->events[0].ev.at, START - 66000);
    assert_int_equal(R->events[1].ev.kind, STEWARD_EV_ESTABLISHED);
    assert_int_equal(R->events[1].ev.at, START - 5000);
    assert_string_equal(R->events[1].ev.device, "1001");
}

static void test_few_rights(void **state)
{
    (void)state;
    log_in();
    answer("CoreStatus", "Error", "Message: Permission denied\r\n");
    answer("CoreShowChannels", "Error", "Message: Permission denied\r\n");
    assert_string_not_equal(sent_id("Status", 0), "");
    answer("Status", "Error", "Message: Permission denied\r\n");
    answer("QueueStatus", "Success", "EventList: start\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 0); /* nothing known, so nothing is closed */
    assert_non_null(strstr(R->log, "lacks the write class system, reporting or call"));
    assert_non_null(strstr(R->error, "write=system, reporting or call (no snapshot of calls)"));
    answer("ListCommands", "Success",
           "Ping: Keepalive  (Priv: <none>)\r\nHangup: Hangup  (Priv: system,call,all)\r\n"
           "BlindTransfer: x\r\nPark: x\r\nPJSIPNotify: x\r\nQueuePause: x\r\n");
    assert_non_null(strstr(R->log, "lacks the write class originate (manager.conf): no Originate"));
    assert_non_null(strstr(R->error, "write=originate (no dialling)"));
    assert_false(R->can & STEWARD_CAN_DIAL);
    assert_true(R->can & STEWARD_CAN_HANGUP);
}

/* Read classes are not told: what should have come and did not names them. */
static void test_deaf(void **state)
{
    (void)state;
    log_in();
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    answer("QueueStatus", "Success", "EventList: start\r\n");
    item("QueueStatus", "QueueMember", "Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 1\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    replay_until(R, R->now + 6000);
    assert_string_equal(R->error, ""); /* nothing tells whether it is up, or who it is */
    answer("CoreStatus", "Success", "CoreStartupDate: 2026-11-22\r\nCoreStartupTime: 01:23:09\r\n");
    replay_until(R, R->now + 1000);
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_non_null(strstr(R->error, "read=system (stops and restarts noticed late)"));
    assert_non_null(strstr(R->log, "lacks the read class system"));
    assert_null(strstr(R->error, "read=call"));
    replay_until(R, R->now + 16000); /* an idle server is asked */
    item("CoreShowChannels", "CoreShowChannel", CALLER("1.1") "Duration: 00:00:05\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    assert_non_null(strstr(R->error, "read=call (no call is seen)"));
    item("QueueStatus", "QueueMember", "Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 1\r\n");
    assert_null(strstr(R->error, "read=agent"));
    item("QueueStatus", "QueueMember", "Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 2\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    assert_non_null(strstr(R->error, "read=agent (no queue and no agent's state is seen)"));
    assert_int_equal(R->n_events, 1);                  /* a probe tells nothing of calls */
    say("Event: Newchannel\r\n" CALLER("1.1") "\r\n"); /* so it may, after all */
    assert_null(strstr(R->error, "read=call"));
    say("Event: FullyBooted\r\nUptime: 20\r\n\r\n");
    assert_null(strstr(R->error, "read=system"));
    assert_non_null(strstr(R->error, "read=agent"));
}

/* The queue tells of a caller whose channel nobody told of. */
static void test_queue_alone(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    say("Event: FullyBooted\r\nUptime: 443\r\n\r\n");
    say("Event: QueueCallerJoin\r\n" CALLER("1.1") "Queue: a\r\n\r\n");
    assert_non_null(strstr(R->error, "read=call"));
    assert_null(strstr(R->error, "read=agent"));
    replay_until(R, R->now + 10000);
    assert_null(strstr(R->error, "read=system"));
}

static void test_new_life(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    live_call();
    replay_eof(R, "closed");
    replay_until(R, R->now + 1500);
    log_in();
    answer("CoreStatus", "Success", "CoreStartupDate: 2026-11-22\r\nCoreStartupTime: 02:00:00\r\n");
    say("Event: Newchannel\r\n" CALLER("1.1") "\r\n"); /* the same name in a new life */
    assert_int_equal(last_event()->kind, STEWARD_EV_ORIGINATED);
    say("Event: Hangup\r\n" CALLER("1.1") "Cause: 16\r\n\r\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
}

/* How long it has been up tells that it was started anew, where no list is answered. */
static void test_booted_anew(void **state)
{
    (void)state;
    static const struct {
        const char *uptime;
        int resyncs;
    } rows[] = {{"443", 0}, {"0", 1}};
    log_in();
    empty_lists();
    live_call();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char booted[100];
        replay_eof(R, "closed");
        replay_until(R, R->now + 3000);
        log_in();
        int before = (int)R->resyncs;
        snprintf(booted, sizeof booted, "Event: FullyBooted\r\nUptime: %s\r\n\r\n", rows[i].uptime);
        say(booted);
        say(booted);
        assert_int_equal((int)R->resyncs - before, rows[i].resyncs);
    }
    assert_int_equal(R->n_alive, 0);
}

/* No list, no word of a start: the channels' own numbers tell of it. */
static void test_counted_anew(void **state)
{
    (void)state;
    static const struct {
        const char *id;
        int resyncs;
    } rows[] = {{"9.9", 0}, {"crm-1", 0}, {"9.1", 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char born[600];
        teardown(NULL);
        setup(NULL);
        log_in();
        empty_lists();
        live_call();
        replay_eof(R, "closed");
        replay_until(R, R->now + 3000);
        log_in();
        answer("CoreStatus", "Error", "Message: Permission denied\r\n");
        answer("CoreShowChannels", "Error", "Message: Permission denied\r\n");
        answer("Status", "Error", "Message: Permission denied\r\n");
        snprintf(born, sizeof born,
                 "Event: Newchannel\r\nChannel: PJSIP/trunk-0\r\nChannelState: 4\r\n"
                 "Context: from-trunk\r\nExten: 1\r\nUniqueid: %s\r\nLinkedid: %s\r\n\r\n",
                 rows[i].id, rows[i].id);
        say(born);
        assert_int_equal((int)R->resyncs - 1, rows[i].resyncs);
        assert_int_equal(last_event()->kind, STEWARD_EV_ORIGINATED);
    }
}

/* No list of channels: a call whose phone a queue knows as idle is over, another one may live. */
static void test_idle_phone(void **state)
{
    (void)state;
    static const struct {
        const char *member;
        unsigned resyncs, alive;
    } rows[] = {{"PJSIP/1001\r\nStatus: 1", 2, 0},
                {"PJSIP/1001\r\nStatus: 2", 1, 0},
                {"PJSIP/1009\r\nStatus: 1", 1, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[100];
        teardown(NULL);
        setup(NULL);
        log_in();
        empty_lists();
        live_call();
        replay_eof(R, "closed");
        replay_until(R, R->now + 1500);
        log_in();
        answer("CoreShowChannels", "Error", "Message: Permission denied\r\n");
        answer("QueueStatus", "Success", "EventList: start\r\n");
        snprintf(text, sizeof text, "Queue: a\r\nLocation: %s\r\n", rows[i].member);
        item("QueueStatus", "QueueMember", text);
        item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
        answer("Status", "Error", "Message: Permission denied\r\n");
        assert_int_equal(R->resyncs, rows[i].resyncs);
        assert_int_equal(R->n_alive, rows[i].alive);
    }
    say("Event: Newchannel\r\n" CALLER("1.1") "\r\n"); /* and yet it was a new life */
    assert_int_equal(R->resyncs, 2);
}

/* A PBX that is still starting does not answer at first. */
static void test_lists_again(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    live_call();
    replay_eof(R, "closed");
    replay_until(R, R->now + 1500);
    log_in();
    replay_until(R, R->now + 7000);
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 1);
    replay_until(R, R->now + 20000);
    answer("Ping", "Success", "Ping: Pong\r\n");
    replay_until(R, R->now + 11000);
    assert_int_equal(R->state, STEWARD_SOURCE_SYNCING);
    empty_lists();
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 2);
    assert_int_equal(R->n_alive, 0);
}

/* ---- bad input ---- */

static void test_strangers(void **state)
{
    (void)state;
    static const char *const junk[] = {
        "Event: Hangup\r\nUniqueid: 9.9\r\nChannel: PJSIP/x-1\r\nCause: 16\r\n\r\n",
        "Event: BridgeLeave\r\nBridgeUniqueid: nobody\r\nUniqueid: 9.9\r\n\r\n",
        "Event: DialEnd\r\nDestUniqueid: 9.9\r\nDialStatus: ANSWER\r\n\r\n",
        "Event: DialBegin\r\n\r\n",
        "Event: Newstate\r\nUniqueid: 9.9\r\nChannelState: 6\r\n\r\n",
        "Event: AgentComplete\r\nQueue: service\r\nReason: caller\r\n\r\n",
        "Event: AttendedTransfer\r\nResult: Success\r\n\r\n",
        "Event: QueueMemberStatus\r\nQueue: x\r\n\r\n",
        "Event: CoreShowChannel\r\nActionID: other-1\r\nUniqueid: 8.8\r\nChannel: "
        "PJSIP/y-1\r\n\r\n",
        "Event: OriginateResponse\r\nActionID: other-1\r\nResponse: Failure\r\n\r\n",
        "Response: Error\r\nMessage: whatever\r\n\r\n",
        ": \r\n:::\r\nEvent\r\n\r\n",
    };
    log_in();
    empty_lists();
    for (size_t i = 0; i < sizeof junk / sizeof *junk; i++)
        say(junk[i]);
    static const char nul[] = "Event: NewCallerid\0\0\0\0\0\0\0\0\r\nUniqueid: 1\0.1\r\n\r\n";
    replay_feed(R, nul, sizeof nul - 1);
    assert_int_equal(R->n_events, 0);
    live_call();
    assert_int_equal(count(STEWARD_EV_ESTABLISHED), 1);
}

static void test_no_linkedid(void **state)
{
    (void)state;
    log_in();
    say("Event: Newchannel\r\nChannel: PJSIP/trunk-1\r\nChannelState: 4\r\nContext: from-trunk\r\n"
        "Exten: 4008001\r\nCallerIDNum: 138\r\nUniqueid: 1.1\r\n\r\n");
    say("Event: Newchannel\r\nChannel: PJSIP/1001-2\r\nChannelState: 0\r\nContext: internal\r\n"
        "Exten: s\r\nUniqueid: 1.2\r\n\r\n");
    say("Event: DialBegin\r\nUniqueid: 1.1\r\nDestUniqueid: 1.2\r\n\r\n");
    say("Event: Newstate\r\nUniqueid: 1.2\r\nChannelState: 5\r\n\r\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_DELIVERED);
    assert_string_equal(last_event()->call, "1.1");
    say("Event: Hangup\r\nUniqueid: 1.2\r\nCause: 0\r\n\r\n");
    say("Event: HangupRequest\r\nUniqueid: 1.1\r\n\r\n");
    say("Event: Hangup\r\nUniqueid: 1.1\r\nCause: 0\r\n\r\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
    assert_int_equal(last_event()->by, STEWARD_BY_CALLER);
}

/* ---- actions ---- */

static void test_agent_state(void **state)
{
    (void)state;
    log_in();
    answer("QueueStatus", "Success", "EventList: start\r\n");
    item("QueueStatus", "QueueMember",
         "Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 1\r\nPaused: 0\r\n");
    item("QueueStatus", "QueueMember",
         "Queue: b\r\nLocation: Local/1001@from-queue/n\r\nStatus: 1\r\nPaused: 0\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
    assert_string_equal(last_event()->device, "1001");
    act(STEWARD_CAN_AGENT_STATE, NULL, "1001", NULL);
    assert_non_null(
        strstr(R->written, "Interface: PJSIP/1001\r\nPaused: true\r\nReason: lunch\r\n"));
    assert_non_null(strstr(R->written, "Interface: Local/1001@from-queue/n\r\nPaused: true\r\n"));
    answer("QueuePause", "Success", "Message: Interface paused successfully\r\n");
    assert_int_equal(R->done_token, 7);
    assert_true(R->done_ok);
    say("Event: QueueMemberPause\r\nQueue: a\r\nInterface: PJSIP/1001\r\nStatus: 1\r\nPaused: 1\r\n"
        "PausedReason: lunch\r\n\r\n");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_NOT_READY);
    assert_string_equal(last_event()->reason, "lunch");
    say("Event: QueueMemberRemoved\r\nQueue: a\r\nInterface: PJSIP/1001\r\n\r\n");
    say("Event: QueueMemberRemoved\r\nQueue: b\r\nInterface: Local/1001@from-queue/n\r\n\r\n");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_LOGGED_OFF);
}

/* A reload of the configuration brings and takes members without a word. */
static void test_reload(void **state)
{
    (void)state;
    log_in();
    answer("CoreShowChannels", "Success", "EventList: start\r\n");
    item("CoreShowChannels", "CoreShowChannelsComplete", "EventList: Complete\r\n");
    answer("QueueStatus", "Success", "EventList: start\r\n");
    item("QueueStatus", "QueueMember", "Queue: a\r\nLocation: PJSIP/1001\r\nStatus: 1\r\n");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    say("Event: Reload\r\nModule: res_pjsip\r\n\r\n");
    assert_string_equal(sent_id("QueueStatus", 1), "");
    say("Event: Reload\r\nModule: All\r\nStatus: 0\r\n\r\n");
    assert_string_not_equal(sent_id("QueueStatus", 1), "");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    assert_int_equal(R->n_events, 1); /* an empty answer proves nothing */
    say("Event: Reload\r\nModule: app_queue.so\r\n\r\n");
    item("QueueStatus", "QueueMember", "Queue: a\r\nLocation: PJSIP/1002\r\nStatus: 1\r\n");
    assert_string_equal(last_event()->device, "1002");
    item("QueueStatus", "QueueStatusComplete", "EventList: Complete\r\n");
    assert_string_equal(last_event()->device, "1001");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_LOGGED_OFF);
}

static void member_is(const char *status, const char *last)
{
    char text[300];
    snprintf(text, sizeof text,
             "Event: QueueMemberStatus\r\nQueue: a\r\nInterface: PJSIP/1001\r\nStatus: %s\r\n"
             "Paused: 0\r\nLastCall: %s\r\nWrapuptime: 10\r\n\r\n",
             status, last);
    say(text);
}

static void test_wrap_up(void **state)
{
    (void)state;
    log_in();
    member_is("1", "1795310100"); /* its last call may be long ago */
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
    empty_lists();
    member_is("1", "1795310100");
    member_is("2", "1795310100");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_BUSY);
    member_is("1", "1795310200");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_WORKING_AFTER_CALL);
    member_is("1", "1795310200");
    replay_until(R, R->now + 8000);
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_WORKING_AFTER_CALL);
    replay_until(R, R->now + 4000);
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
}

/* A PBX that reads nothing of ours is no use: closed, said, and tried again. */
static void test_peer_reads_not(void **state)
{
    (void)state;
    log_in();
    empty_lists();
    act(STEWARD_CAN_DIAL, NULL, "1002", "13800138000"); /* waits for its answer */
    R->full = true;
    assert_int_equal(act(STEWARD_CAN_DIAL, NULL, "1001", "13800138000"), 0);
    assert_int_equal(R->done_token, 7);
    assert_string_equal(R->done_code, "source_down");
    replay_until(R, R->now + 10);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, "the PBX does not read our actions"));
    assert_string_equal(R->done_code, "source_down");
    R->full = false;
    replay_until(R, R->now + 1500);
    assert_int_equal(R->opened, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LINK(test_too_long),
        LINK(test_md5),
        LINK(test_plain_on_this_machine),
        LINK(test_unanswered_challenge),
        LINK(test_wrong_secret),
        LINK(test_no_manager),
        LINK(test_silent_peer),
        LINK(test_back_off),
        LINK(test_unanswered_ping),
        LINK(test_gone_meanwhile),
        LINK(test_still_there),
        LINK(test_answered_meanwhile),
        LINK(test_met_in_the_middle),
        LINK(test_few_rights),
        LINK(test_deaf),
        LINK(test_queue_alone),
        LINK(test_new_life),
        LINK(test_booted_anew),
        LINK(test_counted_anew),
        LINK(test_lists_again),
        LINK(test_idle_phone),
        LINK(test_strangers),
        LINK(test_no_linkedid),
        LINK(test_agent_state),
        LINK(test_wrap_up),
        LINK(test_reload),
        LINK(test_peer_reads_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
