/*
 * test_ami_calls.c - ways a call can go that no recording of ours shows: ring groups, rejected
 * offers, queues that give up, consultations given up, pickup, parking, conferences, calls joined
 * from outside. Each is a script of manager events and what must come of it.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cti_calls.h"
#include "cti_replay.h"

extern const struct steward_plugin steward_plugin;

#define START 1795310000000
#define CONF  "{\"username\":\"desk\",\"secret\":\"s3cret\",\"contexts.inbound\":[\"from-trunk\"]}"

/* Channels by letter: T, U callers; A, B, C phones 1001 to 1003; D the second line of 1001. */
static const struct channel {
    char letter;
    const char *id, *linked, *name, *context, *exten, *number;
} channels[] = {
    {'T', "1.1", "1.1", "PJSIP/trunk-01", "from-trunk", "4008000", "13800138000"},
    {'U', "2.1", "2.1", "PJSIP/trunk-11", "from-trunk", "4008001", "13900139000"},
    {'A', "1.2", "1.1", "PJSIP/1001-02", "internal", "s", "1001"},
    {'a', "1.7", "1.1", "PJSIP/1001-09", "internal", "s", "1001"},
    {'B', "1.3", "1.1", "PJSIP/1002-03", "internal", "s", "1002"},
    {'C', "1.4", "1.1", "PJSIP/1003-04", "internal", "s", "1003"},
    {'D', "3.1", "3.1", "PJSIP/1001-05", "internal", "1002", "1001"},
    {'E', "3.2", "3.1", "PJSIP/1002-06", "internal", "s", "1002"},
    {'F', "2.2", "2.1", "PJSIP/1003-07", "internal", "s", "1003"},
    {'P', "4.1", "4.1", "PJSIP/1003-08", "internal", "*8", "1003"},
    {'V', "3.3", "3.1", "PJSIP/trunk-12", "from-trunk", "s", "<unknown>"},
    {'X', "5.1", "1.1", "Local/1001@q-01;1", "from-queue", "1001", "<unknown>"},
    {'Y', "5.2", "1.1", "Local/1001@q-01;2", "from-queue", "1001", "<unknown>"},
    {'M', "5.3", "1.1", "Local/1002@q-02;1", "from-queue", "1002", "<unknown>"},
    {'N', "5.4", "1.1", "Local/1002@q-02;2", "from-queue", "1002", "<unknown>"},
};

/* "Dest@A5": the snapshot of A in state 5 with prefix Dest; anything else is Key=value. */
static size_t word(char *out, size_t cap, const char *w)
{
    const char *at = strchr(w, '@');
    size_t n = 0;
    if (!at || strchr(w, '=')) {
        const char *eq = strchr(w, '=');
        return (size_t)snprintf(out, cap, "%.*s: %s\r\n", (int)(eq - w), w, eq + 1);
    }
    int p = (int)(at - w);
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++) {
        const struct channel *c = &channels[i];
        if (c->letter != at[1])
            continue;
        n = (size_t)snprintf(out, cap,
                             "%.*sChannel: %s\r\n%.*sChannelState: %c\r\n%.*sCallerIDNum: %s\r\n"
                             "%.*sContext: %s\r\n%.*sExten: %s\r\n%.*sUniqueid: %s\r\n"
                             "%.*sLinkedid: %s\r\n",
                             p, w, c->name, p, w, at[2] ? at[2] : '6', p, w, c->number, p, w,
                             c->context, p, w, c->exten, p, w, c->id, p, w,
                             at[2] && at[3] == '/' ? at + 4 : c->linked);
    }
    return n;
}

/* One line of a script: "+1.5 Event word word …"; a number moves the clock. */
static void line(struct replay *r, char *text)
{
    char msg[4096], *save = NULL, *w = strtok_r(text, " ", &save);
    if (w && *w == '+') {
        replay_until(r, r->now + (int64_t)(strtod(w + 1, NULL) * 1000));
        w = strtok_r(NULL, " ", &save);
    }
    if (!w)
        return;
    size_t n = (size_t)snprintf(msg, sizeof msg, "Event: %s\r\n", w);
    while ((w = strtok_r(NULL, " ", &save)) != NULL)
        n += word(msg + n, sizeof msg - n, w);
    n += (size_t)snprintf(msg + n, sizeof msg - n, "\r\n");
    replay_feed(r, msg, n);
}

static void run_script(struct replay *r, const char *script)
{
    char *copy = strdup(script), *save = NULL;
    for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        line(r, l);
    free(copy);
    replay_until(r, r->now + 2000);
}

#define LOGGED_IN                                                                                  \
    "Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nMessage: Authentication "                \
    "accepted\r\n\r\n"
#define RING_A "Newchannel @T4\nNewchannel @A0\nDialBegin @T4 Dest@A0\nNewstate @A5\n"
#define TALK_A                                                                                     \
    RING_A "Newstate @A6\nDialEnd @T4 Dest@A6 DialStatus=ANSWER\nNewstate @T6\n"                   \
           "BridgeEnter @A6 BridgeUniqueid=b1\nBridgeEnter @T6 BridgeUniqueid=b1\n"
#define TOLD_TALK_A "1.1 originated\n1.1 delivered 1001\n1.1 established 1001\n"
#define END_BY_CALLER                                                                              \
    "HangupRequest @T6\nBridgeLeave @T6 BridgeUniqueid=b1\nHangup @A6 Cause=16\n"                  \
    "Hangup @T6 Cause=16\n"

static const struct {
    const char *name, *script, *told;
} scripts[] = {
    {"ring group: the loser is cancelled before the winner is known",
     RING_A "Newchannel @B0\nDialBegin @T4 Dest@B0\nNewstate @B5\nNewstate @B6\n"
            "DialEnd @T4 Dest@A5 DialStatus=CANCEL\nHangup @A5 Cause=26\n"
            "DialEnd @T4 Dest@B6 DialStatus=ANSWER\nBridgeEnter @B6 BridgeUniqueid=b1\n"
            "BridgeEnter @T6 BridgeUniqueid=b1\nHangupRequest @B6\nHangup @B6\nHangup @T6\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 delivered 1002\n1.1 diverted 1001 elsewhere\n"
     "1.1 established 1002\n1.1 cleared agent\n"},
    {"queue: a phone rejects, the same one rings again and answers",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=service\nNewchannel @A0\n"
     "AgentCalled @T6 Dest@A0 Queue=service\nDialBegin @T6 Dest@A0\nNewstate @A5\n"
     "HangupRequest @A5 Cause=17\nDialEnd @T6 Dest@A5 DialStatus=NOANSWER\nHangup @A5 Cause=17\n"
     "+5 Newchannel @A0 Uniqueid=1.9\n",
     "1.1 originated\n1.1 queued service\n1.1 delivered 1001 service\n1.1 diverted 1001 "
     "rejected\n"},
    {"queue gives up: the caller goes on in the dialplan and is hung up by it",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=service-rr\nNewchannel @A0\n"
     "DialBegin @T6 Dest@A0\nNewstate @A5\n+4 DialEnd @T6 Dest@A5 DialStatus=NOANSWER\n"
     "DialEnd @T6 Dest@A5 DialStatus=CANCEL\nHangup @A5 Cause=0\n"
     "QueueCallerAbandon @T6 Queue=service-rr\nQueueCallerLeave @T6 Queue=service-rr\n"
     "+2 SoftHangupRequest @T6 Cause=16\nHangup @T6 Cause=16\n",
     "1.1 originated\n1.1 queued service-rr\n1.1 delivered 1001 service-rr\n"
     "1.1 diverted 1001 no_answer\n1.1 diverted service-rr no_answer\n1.1 cleared system\n"},
    {"Local members, ring all: the loser hears it from its inner half",
     "Newchannel @T4\nQueueCallerJoin @T6 Queue=q\nNewchannel @X0\nNewchannel @Y4\n"
     "LocalBridge LocalOne@X0 LocalTwo@Y4\nNewchannel @M0\nNewchannel @N4\n"
     "LocalBridge LocalOne@M0 LocalTwo@N4\nDialBegin @T6 Dest@X0\nDialBegin @T6 Dest@M0\n"
     "Newchannel @A0\nDialBegin @Y4 Dest@A0\nNewstate @A5\nNewchannel @B0\nDialBegin @N4 Dest@B0\n"
     "Newstate @B5\nDialState @T6 Dest@X5 DialStatus=RINGING\nNewstate @B6\n"
     "DialEnd @N4 Dest@B6 DialStatus=ANSWER\nDialEnd @T6 Dest@M6 DialStatus=ANSWER\n"
     "BridgeEnter @B6 BridgeUniqueid=b2\nBridgeEnter @N6 BridgeUniqueid=b2\n"
     "BridgeEnter @M6 BridgeUniqueid=b1\nBridgeEnter @T6 BridgeUniqueid=b1\n"
     "DialEnd @T6 Dest@X5 DialStatus=CANCEL\nHangup @X5\nDialEnd @Y4 Dest@A5 DialStatus=CANCEL\n"
     "Hangup @A5 Cause=26\nHangup @Y4\nHangupRequest @T6\nHangup @M6\nHangup @N6\nHangup @T6\n"
     "Hangup @B6\n",
     "1.1 originated\n1.1 queued q\n1.1 delivered 1001 q\n1.1 delivered 1002 q\n"
     "1.1 established 1002\n1.1 diverted 1001 elsewhere\n1.1 cleared caller\n"},
    {"Local members that optimise themselves away are not the end of the call",
     "Newchannel @T4\nNewchannel @X0\nNewchannel @Y4\nLocalBridge LocalOne@X0 LocalTwo@Y4\n"
     "DialBegin @T6 Dest@X0\nNewchannel @A0\nDialBegin @Y4 Dest@A0\nNewstate @A5\nNewstate @A6\n"
     "DialEnd @Y4 Dest@A6 DialStatus=ANSWER\nDialEnd @T6 Dest@X6 DialStatus=ANSWER\n"
     "BridgeEnter @A6 BridgeUniqueid=b2\nBridgeEnter @Y6 BridgeUniqueid=b2\n"
     "BridgeEnter @X6 BridgeUniqueid=b1\nBridgeEnter @T6 BridgeUniqueid=b1\n"
     "BridgeLeave @A6 BridgeUniqueid=b2\nBridgeEnter @A6 BridgeUniqueid=b1 SwapUniqueid=5.1\n"
     "Hangup @X6\nHangup @Y6\n" END_BY_CALLER,
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"the caller hangs up while on hold",
     TALK_A "Hold @A6\n+3 HangupRequest @T6\nHangup @A6\nHangup @T6\n",
     TOLD_TALK_A "1.1 held 1001\n1.1 cleared caller\n"},
    {"a consultation that is given up",
     TALK_A "Hold @A6\nNewchannel @D4\nNewchannel @E0\nDialBegin @D4 Dest@E0\nNewstate @E5\n"
            "+2 HangupRequest @D4\nDialEnd @D4 Dest@E5 DialStatus=CANCEL\nHangup @E5\nHangup @D4\n"
            "Unhold @A6\n+1 " END_BY_CALLER,
     TOLD_TALK_A "1.1 held 1001\n3.1 originated 1001\n3.1 delivered 1002\n3.1 cleared agent\n"
                 "1.1 retrieved 1001\n1.1 cleared caller\n"},
    {"attended transfer where the consulted phone moves into the old bridge",
     TALK_A "Hold @A6\nNewchannel @D4\nNewchannel @E0\nDialBegin @D4 Dest@E0\nNewstate @E5\n"
            "Newstate @E6\nDialEnd @D4 Dest@E6 DialStatus=ANSWER\n"
            "BridgeEnter @E6 BridgeUniqueid=b2\nBridgeEnter @D6 BridgeUniqueid=b2\n"
            "+2 Unhold @A6\nBridgeLeave @E6 BridgeUniqueid=b2\n"
            "BridgeEnter @E6/1.1 BridgeUniqueid=b1 SwapUniqueid=1.2\n"
            "AttendedTransfer Result=Success OrigTransferer@A6 SecondTransferer@D6 Transferee@T6 "
            "TransferTarget@E6/1.1 DestType=Bridge\nBridgeLeave @A6 BridgeUniqueid=b1\n"
            "Hangup @A6\nHangup @D6\n+1 HangupRequest @E6/1.1\nHangup @E6/1.1\nHangup @T6\n",
     TOLD_TALK_A "1.1 held 1001\n3.1 originated 1001\n3.1 delivered 1002\n3.1 established 1002\n"
                 "1.1 retrieved 1001\n1.1 transferred 1001 1002 3.1\n1.1 established 1002\n"
                 "1.1 cleared agent\n"},
    {"blind transfer into a queue",
     TALK_A
     "BlindTransfer Result=Success Transferer@A6 Transferee@T6 Extension=5000\n"
     "BridgeLeave @T6 BridgeUniqueid=b1\nBridgeLeave @A6 BridgeUniqueid=b1\nHangup @A6\n"
     "QueueCallerJoin @T6 Queue=service\nNewchannel @B0\nDialBegin @T6 Dest@B0\n"
     "Newstate @B5\n+1 HangupRequest @T6\nDialEnd @T6 Dest@B5 DialStatus=CANCEL\nHangup @B5\n"
     "Hangup @T6\n",
     TOLD_TALK_A "1.1 transferred 1001 5000\n1.1 queued service\n1.1 delivered 1002 service\n"
                 "1.1 cleared caller\n"},
    {"pickup: another phone takes the ringing call",
     RING_A "Newchannel @P4\nPickup @P6 Target@A5\n"
            "Rename Channel=PJSIP/1003-08 Newname=PJSIP/1003-08<MASQ> Uniqueid=4.1\n"
            "Rename Channel=PJSIP/1001-02 Newname=PJSIP/1003-08 Uniqueid=1.2\n"
            "Rename Channel=PJSIP/1003-08<MASQ> Newname=PJSIP/1001-02<ZOMBIE> Uniqueid=4.1\n"
            "Hangup Uniqueid=4.1 Channel=PJSIP/1001-02<ZOMBIE>\n"
            "DialEnd @T4 Dest@A6 DialStatus=ANSWER\nBridgeEnter @A6 BridgeUniqueid=b1\n"
            "BridgeEnter @T6 BridgeUniqueid=b1\n" END_BY_CALLER,
     "1.1 originated\n1.1 delivered 1001\n1.1 diverted 1001 picked_up 1003\n1.1 established 1003\n"
     "1.1 cleared caller\n"},
    {"parked by the agent, taken by another phone",
     TALK_A
     "BridgeLeave @T6 BridgeUniqueid=b1\n"
     "ParkedCall Parkee@T6 ParkerDialString=PJSIP/1001 Parkinglot=default ParkingSpace=701\n"
     "BridgeEnter @T6 BridgeUniqueid=lot BridgeType=parking BridgeTechnology=holding_bridge\n"
     "Hangup @A6\n+5 BridgeLeave @T6 BridgeUniqueid=lot\nNewchannel @P4\n"
     "UnParkedCall Parkee@T6 Retriever@P6\nBridgeEnter @T6 BridgeUniqueid=b3\n"
     "BridgeEnter @P6/1.1 BridgeUniqueid=b3\n+1 HangupRequest @T6\nHangup @T6\n"
     "Hangup @P6/1.1\n",
     TOLD_TALK_A "1.1 transferred 1001 701\n1.1 established 1003\n1.1 cleared caller\n"},
    {"parked, nobody takes it: it rings the one who parked it, who answers",
     TALK_A
     "BridgeLeave @T6 BridgeUniqueid=b1\n"
     "ParkedCall Parkee@T6 ParkerDialString=PJSIP/1001 Parkinglot=default ParkingSpace=701\n"
     "BridgeEnter @T6 BridgeUniqueid=lot BridgeType=parking BridgeTechnology=holding_bridge\n"
     "Hangup @A6\n+5 ParkedCallTimeOut Parkee@T6 ParkerDialString=PJSIP/1001 ParkingSpace=701\n"
     "BridgeLeave @T6 BridgeUniqueid=lot\nNewchannel @a0\nDialBegin @T6 Dest@a0\n"
     "Newstate @a5\n+1 Newstate @a6\nDialEnd @T6 Dest@a6 DialStatus=ANSWER\n"
     "BridgeEnter @a6 BridgeUniqueid=b3\nBridgeEnter @T6 BridgeUniqueid=b3\n"
     "+1 HangupRequest @a6\nHangup @a6\nHangup @T6\n",
     TOLD_TALK_A "1.1 transferred 1001 701\n1.1 delivered 1001\n1.1 established 1001\n"
                 "1.1 cleared agent\n"},
    {"parked, and the caller gives up there",
     TALK_A
     "BridgeLeave @T6 BridgeUniqueid=b1\n"
     "ParkedCall Parkee@T6 ParkerDialString=PJSIP/1001 Parkinglot=default ParkingSpace=701\n"
     "BridgeEnter @T6 BridgeUniqueid=lot BridgeType=parking BridgeTechnology=holding_bridge\n"
     "Hangup @A6\n+5 HangupRequest @T6\nParkedCallGiveUp Parkee@T6 ParkingSpace=701\n"
     "BridgeLeave @T6 BridgeUniqueid=lot\nHangup @T6\n",
     TOLD_TALK_A "1.1 transferred 1001 701\n1.1 cleared caller\n"},
    {"both sides are sent into a conference, and a third phone dials in",
     TALK_A "BridgeLeave @T6 BridgeUniqueid=b1\nBridgeLeave @A6 BridgeUniqueid=b1\n"
            "BridgeEnter @T6 BridgeUniqueid=c1 BridgeTechnology=softmix\n"
            "BridgeEnter @A6 BridgeUniqueid=c1 BridgeTechnology=softmix\n"
            "+1 Newchannel @P4\nNewstate @P6\nBridgeEnter @P6/1.1 BridgeUniqueid=c1\n"
            "+1 HangupRequest @A6\nBridgeLeave @A6 BridgeUniqueid=c1\nHangup @A6\n"
            "+1 HangupRequest @T6\nBridgeLeave @T6 BridgeUniqueid=c1\nHangup @T6\n"
            "BridgeLeave @P6/1.1 BridgeUniqueid=c1\nHangup @P6/1.1\n",
     TOLD_TALK_A "1.1 conferenced 1003 1003\n1.1 left 1001\n1.1 cleared caller\n"},
    {"three ways: the consultation is joined into the call, and the transferer stays",
     TALK_A "Hold @A6\nNewchannel @D4\nNewchannel @E0\nDialBegin @D4 Dest@E0\nNewstate @E5\n"
            "Newstate @E6\nDialEnd @D4 Dest@E6 DialStatus=ANSWER\n"
            "BridgeEnter @E6 BridgeUniqueid=b2\nBridgeEnter @D6 BridgeUniqueid=b2\n"
            "+2 Unhold @A6\n"
            "AttendedTransfer Result=Success OrigTransferer@A6 SecondTransferer@D6 Transferee@T6 "
            "TransferTarget@E6/1.1 DestType=Threeway DestBridgeUniqueid=b1\n"
            "BridgeLeave @E6/1.1 BridgeUniqueid=b2\nBridgeEnter @E6/1.1 BridgeUniqueid=b1\n"
            "BridgeLeave @D6/1.1 BridgeUniqueid=b2\nHangup @D6\n"
            "+5 HangupRequest @A6\nBridgeLeave @A6 BridgeUniqueid=b1\nHangup @A6\n"
            "+2 HangupRequest @T6\nHangup @T6\nHangup @E6/1.1\n",
     TOLD_TALK_A "1.1 held 1001\n3.1 originated 1001\n3.1 delivered 1002\n3.1 established 1002\n"
                 "1.1 retrieved 1001\n1.1 conferenced 1001 1002 3.1\n1.1 left 1001\n"
                 "1.1 cleared caller\n"},
    {"three ways by the feature code, on one channel of the transferer",
     TALK_A "Hold @A6\nNewchannel @M0\nNewchannel @N4\nLocalBridge LocalOne@M0 LocalTwo@N4\n"
            "BridgeLeave @A6 BridgeUniqueid=b1\nBridgeEnter @A6 BridgeUniqueid=b5\n"
            "BridgeEnter @M6 BridgeUniqueid=b5\nNewchannel @B0\nDialBegin @N4 Dest@B0\n"
            "Newstate @B5\nNewstate @B6\nDialEnd @N4 Dest@B6 DialStatus=ANSWER\n"
            "BridgeEnter @B6 BridgeUniqueid=b6\nBridgeEnter @N6 BridgeUniqueid=b6\n"
            "+2 Unhold @A6\nBridgeLeave @T6 BridgeUniqueid=b1\nBridgeEnter @T6 BridgeUniqueid=b5\n"
            "AttendedTransfer Result=Success OrigTransferer@A6 SecondTransferer@A6 Transferee@T6 "
            "TransferTarget@M6 DestType=Threeway DestBridgeUniqueid=b5\n"
            "+5 HangupRequest @T6\nBridgeLeave @T6 BridgeUniqueid=b5\nHangup @T6\nHangup @A6\n"
            "Hangup @M6\nHangup @N6\nHangup @B6\n",
     TOLD_TALK_A "1.1 held 1001\n5.3 originated 1001\n5.3 delivered 1002\n5.3 established 1002\n"
                 "1.1 retrieved 1001\n1.1 conferenced 1001 1002 5.3\n1.1 cleared caller\n"},
    {"a room: the caller waits in it alone, then two phones dial in",
     "Newchannel @T4\nNewstate @T6\nBridgeEnter @T6 BridgeUniqueid=c1 BridgeTechnology=softmix\n"
     "+3 Newchannel @D4\nNewstate @D6\nBridgeEnter @D6/1.1 BridgeUniqueid=c1\n"
     "+3 Newchannel @P4\nNewstate @P6\nBridgeEnter @P6/1.1 BridgeUniqueid=c1\n"
     "+1 HangupRequest @P6\nBridgeLeave @P6/1.1 BridgeUniqueid=c1\nHangup @P6/1.1\n"
     "+1 HangupRequest @T6\nBridgeLeave @T6 BridgeUniqueid=c1\nHangup @T6\n"
     "BridgeLeave @D6/1.1 BridgeUniqueid=c1\nHangup @D6/1.1\n",
     "1.1 originated\n1.1 established 1001\n1.1 conferenced 1003 1003\n1.1 left 1003\n"
     "1.1 cleared caller\n"},
    {"the consulted phone does not answer: the first call is taken back",
     TALK_A "Hold @A6\nNewchannel @D4\nNewchannel @E0\nDialBegin @D4 Dest@E0\nNewstate @E5\n"
            "+3 DialEnd @D4 Dest@E5 DialStatus=NOANSWER\nHangup @E5 Cause=0\nHangup @D4 Cause=16\n"
            "Unhold @A6\n+1 " END_BY_CALLER,
     TOLD_TALK_A "1.1 held 1001\n3.1 originated 1001\n3.1 delivered 1002\n"
                 "3.1 diverted 1002 no_answer\n3.1 cleared system\n1.1 retrieved 1001\n"
                 "1.1 cleared caller\n"},
    {"handed over while the consulted phone still rings",
     TALK_A "Hold @A6\nNewchannel @D4\nNewchannel @E0\nDialBegin @D4 Dest@E0\nNewstate @E5\n"
            "Unhold @A6\nBridgeLeave @T6 BridgeUniqueid=b1\n"
            "AttendedTransfer Result=Success OrigTransferer@A6 SecondTransferer@D4 Transferee@T6 "
            "DestType=App DestApp=Dial\nHangup @D4\nHangup @A6\n"
            "+1 Newstate @E6/1.1\nDialEnd @T6 Dest@E6/1.1 DialStatus=ANSWER\n"
            "BridgeEnter @E6/1.1 BridgeUniqueid=b2\nBridgeEnter @T6 BridgeUniqueid=b2\n"
            "+1 HangupRequest @T6\nHangup @T6\nHangup @E6/1.1\n",
     TOLD_TALK_A "1.1 held 1001\n3.1 originated 1001\n3.1 delivered 1002\n"
                 "1.1 retrieved 1001\n1.1 transferred 1001 1002 3.1\n1.1 established 1002\n1.1 "
                 "cleared caller\n"},
    {"every phone of a queue is paused: the caller leaves",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=service\n+4 HangupRequest @T6\n"
     "QueueCallerAbandon @T6 Queue=service\nQueueCallerLeave @T6 Queue=service\nHangup @T6\n",
     "1.1 originated\n1.1 queued service\n1.1 cleared caller\n"},
    {"two calls joined by somebody else: one conference",
     TALK_A "Newchannel @U4\nNewchannel @F0\nDialBegin @U4 Dest@F0\nNewstate @F5\nNewstate @F6\n"
            "DialEnd @U4 Dest@F6 DialStatus=ANSWER\nBridgeEnter @F6 BridgeUniqueid=b4\n"
            "BridgeEnter @U6 BridgeUniqueid=b4\n+1 BridgeEnter @F6 BridgeUniqueid=b1\n"
            "BridgeEnter @U6/1.1 BridgeUniqueid=b1\n+1 HangupRequest @F6/1.1\nHangup @F6/1.1\n"
            "HangupRequest @U6/1.1\nHangup @U6/1.1\n" END_BY_CALLER,
     TOLD_TALK_A "2.1 originated\n2.1 delivered 1003\n2.1 established 1003\n1.1 conferenced 1003 "
                 "2.1\n1.1 left 1003\n1.1 cleared caller\n"},
    {"an outbound call from the phone, busy",
     "Newchannel @D4\nNewchannel @V0\nNewCallerid @V0 CallerIDNum=13900139000 Exten=13900139000\n"
     "DialBegin @D4 Dest@V0\nHangupRequest @V0 Cause=17\nDialEnd @D4 Dest@V0 DialStatus=BUSY\n"
     "Hangup @V0 Cause=17\nHangup @D4 Cause=17\n",
     "3.1 originated 1001\n3.1 failed busy\n3.1 cleared system\n"},
    {"dialled by action, all in one millisecond: who picks up to dial is not somebody else",
     "Newchannel @D0\nDialBegin Dest@D0\nNewstate @D5\nNewstate @D6\n"
     "DialEnd Dest@D6 DialStatus=ANSWER\nNewchannel @V0\nNewCallerid @V0 "
     "CallerIDNum=13900139000 Exten=13900139000\nDialBegin @D6 Dest@V0\nNewstate @V5\n"
     "HangupRequest @D6\nDialEnd @D6 Dest@V5 DialStatus=CANCEL\nSoftHangupRequest @D6 Cause=16\n"
     "Hangup @V5 Cause=16\nHangup @D6 Cause=0\n",
     "3.1 originated 1001\n3.1 cleared agent\n"},
    {"an outbound call is told as soon as it is dialled",
     "Newchannel @D4\nNewchannel @V0\nDialBegin @D4 Dest@V0\n", "3.1 originated 1001\n"},
    {"a feature code of a phone is nobody's call", "Newchannel @P4\nNewstate @P6\nHangup @P6\n",
     ""},
    {"AgentComplete without a channel, repeats and strangers change nothing",
     TALK_A "AgentComplete Queue=service Reason=caller\nNewstate @A6\nDialBegin @T4 Dest@A0\n"
            "DialEnd @T4 Dest@A6 DialStatus=CANCEL\nUnhold @A6\nBridgeEnter @A6 "
            "BridgeUniqueid=b1\n" END_BY_CALLER
            "DialState @T4 Dest@A5 DialStatus=RINGING\nNewConnectedLine @A6\n",
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"an outbound call from the phone, answered",
     "Newchannel @D4 Exten=013900139000\nNewchannel @V0\n"
     "NewCallerid @V0 CallerIDNum=13900139000\nDialBegin @D4 Dest@V0\nNewstate @V5\n"
     "DialState @D4 Dest@V5 DialStatus=RINGING\n+2 Newstate @V6\n"
     "DialEnd @D4 Dest@V6 DialStatus=ANSWER\nNewstate @D6\nBridgeEnter @V6 BridgeUniqueid=b1\n"
     "BridgeEnter @D6 BridgeUniqueid=b1\n+3 HangupRequest @V6\nHangup @V6\nHangup @D6\n",
     "3.1 originated 1001\n3.1 established 1001\n3.1 cleared caller\n"},
    {"round robin: two do not answer, the third does, the queue's announcement comes between",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=rr\nNewchannel @A0\n"
     "DialBegin @T6 Dest@A0\nNewstate @A5\n+4 AgentRingNoAnswer @T6 Dest@A5 RingTime=4000\n"
     "DialEnd @T6 Dest@A5 DialStatus=NOANSWER\nDialEnd @T6 Dest@A5 DialStatus=CANCEL\n"
     "Hangup @A5 Cause=0\n+1 Newchannel @B0\nDialBegin @T6 Dest@B0\nNewstate @B5\n"
     "+4 DialEnd @T6 Dest@B5 DialStatus=NOANSWER\nHangup @B5 Cause=0\n+1 Newchannel @C0\n"
     "DialBegin @T6 Dest@C0\nNewstate @C5\n+1 Newstate @C6\n"
     "DialEnd @T6 Dest@C6 DialStatus=ANSWER\nQueueCallerLeave @T6 Queue=rr\n"
     "AgentConnect @T6 Dest@C6 Queue=rr\nBridgeEnter @C6 BridgeUniqueid=b1\n"
     "BridgeEnter @T6 BridgeUniqueid=b1\n+2 HangupRequest @C6\nHangup @C6 Cause=16\n"
     "Hangup @T6 Cause=16\n",
     "1.1 originated\n1.1 queued rr\n1.1 delivered 1001 rr\n1.1 diverted 1001 no_answer\n"
     "1.1 delivered 1002 rr\n1.1 diverted 1002 no_answer\n1.1 delivered 1003 rr\n"
     "1.1 established 1003\n1.1 cleared agent\n"},
    {"two queues: the first gives up, the second has it answered",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=one\n"
     "+5 QueueCallerAbandon @T6 Queue=one\nQueueCallerLeave @T6 Queue=one\n"
     "QueueCallerJoin @T6 Queue=two\nNewchannel @A0\nDialBegin @T6 Dest@A0\nNewstate @A5\n"
     "+1 Newstate @A6\nDialEnd @T6 Dest@A6 DialStatus=ANSWER\nQueueCallerLeave @T6 Queue=two\n"
     "BridgeEnter @A6 BridgeUniqueid=b1\nBridgeEnter @T6 BridgeUniqueid=b1\n" END_BY_CALLER,
     "1.1 originated\n1.1 queued one\n1.1 diverted one no_answer\n1.1 queued two\n"
     "1.1 delivered 1001 two\n1.1 established 1001\n1.1 cleared caller\n"},
    {"not answered: the mailbox takes it, and nobody of ours was talked to",
     RING_A "+8 DialEnd @T4 Dest@A5 DialStatus=NOANSWER\nHangup @A5 Cause=0\nNewstate @T6\n"
            "+5 HangupRequest @T6\nHangup @T6 Cause=16\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 diverted 1001 no_answer\n1.1 cleared caller\n"},
    {"a phone that forwards: the other one rings through an inner channel",
     "Newchannel @T4\nNewchannel @A0\nDialBegin @T4 Dest@A0\nNewstate @A5\n"
     "DialEnd @T4 Dest@A5 DialStatus=CANCEL Forward=Local/1002@internal\n"
     "Newchannel @M0\nNewchannel @N4\nLocalBridge LocalOne@M0 LocalTwo@N4\n"
     "DialBegin @T4 Dest@M0\nHangup @A5 Cause=0\nNewchannel @B0\nDialBegin @N4 Dest@B0\n"
     "Newstate @B5\n+1 Newstate @B6\nDialEnd @N4 Dest@B6 DialStatus=ANSWER\n"
     "DialEnd @T4 Dest@M6 DialStatus=ANSWER\nBridgeEnter @B6 BridgeUniqueid=b2\n"
     "BridgeEnter @N6 BridgeUniqueid=b2\nBridgeEnter @M6 BridgeUniqueid=b1\n"
     "BridgeEnter @T6 BridgeUniqueid=b1\n+1 HangupRequest @T6\nHangup @M6\nHangup @N6\n"
     "Hangup @T6\nHangup @B6\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 diverted 1001 forwarded\n1.1 delivered 1002\n"
     "1.1 established 1002\n1.1 cleared caller\n"},
    {"the feature code's consultation is not answered: back to the caller",
     TALK_A "Hold @A6\nNewchannel @M0\nNewchannel @N4\nLocalBridge LocalOne@M0 LocalTwo@N4\n"
            "BridgeLeave @A6 BridgeUniqueid=b1\nBridgeEnter @A6 BridgeUniqueid=b5\n"
            "BridgeEnter @M6 BridgeUniqueid=b5\nNewchannel @B0\nDialBegin @N4 Dest@B0\n"
            "Newstate @B5\n+8 DialEnd @N4 Dest@B5 DialStatus=NOANSWER\nHangup @B5 Cause=0\n"
            "Hangup @N4\nHangup @M6\nUnhold @A6\nBridgeLeave @A6 BridgeUniqueid=b5\n"
            "BridgeEnter @A6 BridgeUniqueid=b1\n+1 " END_BY_CALLER,
     TOLD_TALK_A "1.1 held 1001\n5.3 originated 1001\n5.3 delivered 1002\n"
                 "5.3 diverted 1002 no_answer\n5.3 cleared system\n1.1 retrieved 1001\n"
                 "1.1 cleared caller\n"},
    {"a blind transfer that the PBX refuses changes nothing",
     TALK_A "BlindTransfer Result=Invalid Transferer@A6 Transferee@T6 Extension=9999\n"
            "+1 " END_BY_CALLER,
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"dialled by another program through an inner channel",
     "Newchannel @X0/5.1\nNewchannel @Y4/5.1\nLocalBridge LocalOne@X0/5.1 LocalTwo@Y4/5.1\n"
     "DialBegin Dest@X0/5.1\nNewchannel @A0/5.1\nDialBegin @Y4/5.1 Dest@A0/5.1\n"
     "Newstate @A5/5.1\n+1 Newstate @A6/5.1\nDialEnd @Y4/5.1 Dest@A6/5.1 DialStatus=ANSWER\n"
     "BridgeEnter @A6/5.1 BridgeUniqueid=b2\nBridgeEnter @Y6/5.1 BridgeUniqueid=b2\n"
     "DialEnd Dest@X6/5.1 DialStatus=ANSWER\nNewchannel @V0/5.1\n"
     "NewCallerid @V0/5.1 CallerIDNum=13900139000\nDialBegin @X6/5.1 Dest@V0/5.1\n"
     "Newstate @V5/5.1\n+2 Newstate @V6/5.1\nDialEnd @X6/5.1 Dest@V6/5.1 DialStatus=ANSWER\n"
     "BridgeEnter @V6/5.1 BridgeUniqueid=b1\nBridgeEnter @X6/5.1 BridgeUniqueid=b1\n"
     "+3 HangupRequest @V6/5.1\nHangup @V6/5.1\nHangup @X6/5.1\nHangup @Y6/5.1\n"
     "Hangup @A6/5.1\n",
     "5.1 originated 1001\n5.1 established 1001\n5.1 cleared caller\n"},
    {"the PBX shuts down in the middle",
     TALK_A "Shutdown Shutdown=Cleanly Restart=False\nHangup @A6\nHangup @T6\n",
     TOLD_TALK_A "1.1 cleared system\n"},
    {"transferred into the queue again, answered there by another",
     "Newchannel @T4\nQueueCallerJoin @T6 Queue=q\nNewchannel @A0\nDialBegin @T6 Dest@A0\n"
     "Newstate @A5\nNewstate @A6\nDialEnd @T6 Dest@A6 DialStatus=ANSWER\n"
     "QueueCallerLeave @T6 Queue=q\nBridgeEnter @A6 BridgeUniqueid=b1\n"
     "BridgeEnter @T6 BridgeUniqueid=b1\n"
     "+2 BlindTransfer Result=Success Transferer@A6 Transferee@T6 Extension=5000\n"
     "BridgeLeave @T6 BridgeUniqueid=b1\nBridgeLeave @A6 BridgeUniqueid=b1\nHangup @A6\n"
     "QueueCallerJoin @T6 Queue=q\nNewchannel @B0\nDialBegin @T6 Dest@B0\nNewstate @B5\n"
     "+1 Newstate @B6\nDialEnd @T6 Dest@B6 DialStatus=ANSWER\nQueueCallerLeave @T6 Queue=q\n"
     "BridgeEnter @B6 BridgeUniqueid=b2\nBridgeEnter @T6 BridgeUniqueid=b2\n"
     "+1 HangupRequest @T6\nHangup @B6\nHangup @T6\n",
     "1.1 originated\n1.1 queued q\n1.1 delivered 1001 q\n1.1 established 1001\n"
     "1.1 transferred 1001 5000\n1.1 queued q\n1.1 delivered 1002 q\n1.1 established 1002\n"
     "1.1 cleared caller\n"},
    {"what records or listens is nobody's phone",
     TALK_A "Newchannel @T6 Channel=x\n"
            "Newchannel Uniqueid=8.1 Linkedid=1.1 Channel=Snoop/PJSIP/1001-02-00000001 "
            "ChannelState=6 Context=internal Exten=s\n"
            "Newchannel Uniqueid=8.2 Linkedid=1.1 Channel=UnicastRTP/127.0.0.1:4000-01 "
            "ChannelState=6 Context=default Exten=s\n"
            "BridgeEnter Uniqueid=8.1 Linkedid=1.1 Channel=Snoop/PJSIP/1001-02-00000001 "
            "BridgeUniqueid=b1\nBridgeEnter Uniqueid=8.2 Linkedid=1.1 "
            "Channel=UnicastRTP/127.0.0.1:4000-01 BridgeUniqueid=b1\n" END_BY_CALLER
            "Hangup Uniqueid=8.1\nHangup Uniqueid=8.2\n",
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"chan_sip: a caller's channel is born down, and rings then",
     "Newchannel @T0\nNewstate @T4\nNewchannel @A0\nDialBegin @T4 Dest@A0\nNewstate @A5\n"
     "Newstate @A6\nDialEnd @T4 Dest@A6 DialStatus=ANSWER\nBridgeEnter @A6 BridgeUniqueid=b1\n"
     "BridgeEnter @T6 BridgeUniqueid=b1\n" END_BY_CALLER,
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"PRI: reserved, then ringing, and the caller gives up",
     "Newchannel @T1\nNewstate @T4\nNewchannel @A0\nDialBegin @T4 Dest@A0\nNewstate @A5\n"
     "+3 HangupRequest @T4\nDialEnd @T4 Dest@A5 DialStatus=CANCEL\nHangup @A5\nHangup @T4\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 cleared caller\n"},
    {"a caller whose state never says so shows by having somebody rung",
     "Newchannel @T0\nNewchannel @A0\nDialBegin @T0 Dest@A0\nNewstate @A5\n"
     "+1 HangupRequest @T0\nHangup @A5\nHangup @T0\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 cleared caller\n"},
    {"a trunk that is rung is not a caller, whatever state it goes through",
     "Newchannel @D4\nNewchannel @V1\nDialBegin @D4 Dest@V1\nNewstate @V3\nNewstate @V4\n"
     "Newstate @V6\nDialEnd @D4 Dest@V6 DialStatus=ANSWER\nBridgeEnter @V6 BridgeUniqueid=b1\n"
     "BridgeEnter @D6 BridgeUniqueid=b1\n+3 HangupRequest @V6\nHangup @V6\nHangup @D6\n",
     "3.1 originated 1001\n3.1 established 1001\n3.1 cleared caller\n"},
    {"analogue: the number comes between the rings, and is told then",
     "Newchannel CallerIDNum=<unknown> @T9\nNewstate CallerIDNum=<unknown> @T4\n"
     "Newchannel @A0\nDialBegin @T4 Dest@A0\nNewstate @A5\n+2 NewCallerid @T4\n"
     "+1 HangupRequest @T4\nHangup @A5\nHangup @T4\n",
     "1.1 originated\n1.1 delivered 1001\n1.1 originated\n1.1 cleared caller\n"},
    {"a queue member who is a mobile answers",
     "Newchannel @T4\nNewstate @T6\nQueueCallerJoin @T6 Queue=q\nNewchannel @V0/1.1\n"
     "NewCallerid CallerIDNum=13700137000 @V0/1.1\nDialBegin @T6 Dest@V0/1.1\nNewstate @V5/1.1\n"
     "+1 Newstate @V6/1.1\nDialEnd @T6 Dest@V6/1.1 DialStatus=ANSWER\n"
     "QueueCallerLeave @T6 Queue=q\nBridgeEnter @V6/1.1 BridgeUniqueid=b1\n"
     "BridgeEnter @T6 BridgeUniqueid=b1\n+2 HangupRequest @T6\nHangup @T6\nHangup @V6/1.1\n",
     "1.1 originated\n1.1 queued q\n1.1 established 13700137000\n1.1 cleared caller\n"},
    {"follow-me: the phone and a mobile ring, the mobile is declined, the phone answers",
     RING_A "Newchannel @V0/1.1\nNewCallerid CallerIDNum=13700137000 @V0/1.1\n"
            "DialBegin @T4 Dest@V0/1.1\nNewstate @V5/1.1\n"
            "DialEnd @T4 Dest@V5/1.1 DialStatus=BUSY\nHangup @V5/1.1 Cause=17\nNewstate @A6\n"
            "DialEnd @T4 Dest@A6 DialStatus=ANSWER\nBridgeEnter @A6 BridgeUniqueid=b1\n"
            "BridgeEnter @T6 BridgeUniqueid=b1\n" END_BY_CALLER,
     TOLD_TALK_A "1.1 cleared caller\n"},
    {"an agent who is logged in by a call that stays up answers one caller after the other",
     "Newchannel @P4\nNewstate @P6\n+5 Newchannel @T4\nNewstate @T6\n"
     "QueueCallerJoin @T6 Queue=q\nBridgeEnter @P6 BridgeUniqueid=b1\n"
     "NewConnectedLine @T6/4.1\nBridgeEnter @T6/4.1 BridgeUniqueid=b1\n"
     "QueueCallerLeave @T6/4.1 Queue=q\n+3 HangupRequest @T6/4.1\n"
     "BridgeLeave @T6/4.1 BridgeUniqueid=b1\nHangup @T6/4.1\nBridgeLeave @P6 BridgeUniqueid=b1\n"
     "+5 Newchannel @U4\nNewstate @U6\nBridgeEnter @U6 BridgeUniqueid=b2\n"
     "BridgeEnter @P6 BridgeUniqueid=b2\n+2 HangupRequest @U6\n"
     "BridgeLeave @P6 BridgeUniqueid=b2\nBridgeLeave @U6 BridgeUniqueid=b2\nHangup @U6\n"
     "+9 HangupRequest @P6\nHangup @P6\n",
     "1.1 originated\n1.1 queued q\n1.1 established 1003\n1.1 cleared caller\n"
     "2.1 originated\n2.1 established 1003\n2.1 cleared caller\n"},
    {"two trunks are tried in turn",
     "Newchannel @D4\nNewCallerid CallerIDNum=4008000 @D4\nNewchannel @V0\n"
     "DialBegin @D4 Dest@V0\nDialEnd @D4 Dest@V0 DialStatus=CONGESTION\nHangup @V0 Cause=34\n"
     "Newchannel @V0\nDialBegin @D4 Dest@V0\nNewstate @V5\n+1 Newstate @V6\n"
     "DialEnd @D4 Dest@V6 DialStatus=ANSWER\nBridgeEnter @V6 BridgeUniqueid=b1\n"
     "BridgeEnter @D6 BridgeUniqueid=b1\n+1 HangupRequest @V6\nHangup @V6\nHangup @D6\n",
     "3.1 originated 1001\n3.1 failed congestion\n3.1 established 1001\n3.1 cleared caller\n"},
    {"several calls of one number at once stay apart",
     TALK_A "Newchannel @U4 CallerIDNum=13800138000\nNewchannel @F0\nDialBegin @U4 Dest@F0\n"
            "Newstate @F5\nHangupRequest @U4\nHangup @F5\nHangup @U4\n" END_BY_CALLER,
     TOLD_TALK_A "2.1 originated\n2.1 delivered 1003\n2.1 cleared caller\n1.1 cleared caller\n"},
};

/* The PBX's clock runs ahead or behind: its calls are timed by it, and what waits does not wait
 * for ever. */
static void test_other_clock(void **state)
{
    (void)state;
    static const int64_t ahead[] = {3600000, -3600000};
    for (size_t i = 0; i < sizeof ahead / sizeof *ahead; i++) {
        struct replay *r = calloc(1, sizeof *r);
        char script[2048], stamp[64];
        replay_start(r, &steward_plugin, CONF, START);
        replay_feed(r, "Asterisk Call Manager/11.0.0\r\n", 30);
        const char *in = "Response: Success\r\nMessage: Authentication accepted\r\n\r\n";
        replay_feed(r, in, strlen(in));
        snprintf(stamp, sizeof stamp, "Timestamp=%lld.%06d", (long long)(START + ahead[i]) / 1000,
                 0);
        snprintf(script, sizeof script,
                 "Newchannel @T4 %s\nNewchannel @A0 %s\nDialBegin @T4 Dest@A0 %s\n"
                 "Newstate @A5 %s\nHangup @T4 %s\n",
                 stamp, stamp, stamp, stamp, stamp); /* nobody says who hung up: it is waited for */
        run_script(r, script);
        assert_int_equal(r->n_events, 3);
        assert_int_equal(r->events[2].ev.kind, STEWARD_EV_CLEARED);
        for (size_t e = 0; e < r->n_events; e++)
            assert_int_equal(r->events[e].ev.at, START + ahead[i]);
        replay_stop(r);
        free(r);
    }
}

static void test_scripts(void **state)
{
    (void)state;
    size_t faults = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct replay *r = calloc(1, sizeof *r);
        char got[4096];
        replay_start(r, &steward_plugin, CONF, START);
        replay_feed(r, "Asterisk Call Manager/11.0.0\r\n", 30);
        const char *in = "Response: Success\r\nMessage: Authentication accepted\r\n\r\n";
        replay_feed(r, in, strlen(in));
        run_script(r, scripts[i].script);
        calls_told(r, got, sizeof got);
        if (strcmp(got, scripts[i].told) != 0) {
            printf("-- %s\nexpected:\n%sgot:\n%s", scripts[i].name, scripts[i].told, got);
            faults++;
        }
        replay_stop(r);
        free(r);
    }
    assert_int_equal(faults, 0);
}

/* Whatever the dialplan shows and rewrites: called is what the phone dialled. */
static void test_what_was_dialled(void **state)
{
    (void)state;
    static const char *const dialled[] = {"13801116579", "913801116579", "0013801116579",
                                          "13801116579#"};
    for (size_t i = 0; i < sizeof dialled / sizeof *dialled; i++) {
        struct replay *r = calloc(1, sizeof *r);
        char script[1024];
        replay_start(r, &steward_plugin, CONF, START);
        replay_feed(r, LOGGED_IN, strlen(LOGGED_IN));
        snprintf(script, sizeof script,
                 "Newchannel Exten=%s @D4\nNewCallerid CallerIDNum=4008000 Exten=s @D4\n"
                 "Newchannel @V0\nNewCallerid CallerIDNum=13801116579 Exten=13801116579 @V0\n"
                 "DialBegin Exten=s @D4 Dest@V0\n",
                 dialled[i]);
        run_script(r, script);
        assert_true(r->n_events > 0);
        assert_string_equal(r->events[0].called, dialled[i]);
        assert_int_equal(r->events[0].ev.direction, STEWARD_DIR_OUTBOUND);
        replay_stop(r);
        free(r);
    }
}

/* A context that nobody named is said, by name and once; what FreePBX installs is known. */
static void test_contexts(void **state)
{
    (void)state;
    struct replay *r = calloc(1, sizeof *r);
    replay_start(r, &steward_plugin,
                 "{\"username\":\"desk\",\"secret\":\"s3cret\",\"contexts.inbound\":"
                 "[\"from-trunk*\",\"from-pstn\"],\"contexts.phones\":[\"from-internal*\"]}",
                 START);
    replay_feed(r, LOGGED_IN, strlen(LOGGED_IN));
    run_script(r, "Newchannel Context=from-trunk-pjsip-telco @T4\nHangup @T4\n"
                  "Newchannel Context=from-internal-xfer @D4\nHangup @D4\n");
    assert_int_equal(r->events[0].ev.direction, STEWARD_DIR_INBOUND);
    assert_null(strstr(r->error, "contexts"));
    run_script(r, "Newchannel Channel=SIP/telco-01 Context=incoming-telco @U4\nHangup @U4\n");
    assert_non_null(strstr(r->error, "incoming-telco"));
    assert_non_null(strstr(r->log, "context incoming-telco"));
    replay_stop(r);
    free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_what_was_dialled),
        cmocka_unit_test(test_contexts),
        cmocka_unit_test(test_other_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
