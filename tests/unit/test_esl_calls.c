/*
 * test_esl_calls.c - ways a call can go on a FreeSWITCH that no recording of ours shows: pickup,
 * queues that give up, fifos that are left, ring groups, phones that hold, a server that dies. Each
 * is a script of events and what must come of it.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cti_calls.h"
#include "cti_replay.h"

extern const struct steward_plugin steward_plugin;

#define START 1795310000000
#define CONF                                                                                       \
    "{\"password\":\"ClueCon\",\"contexts.inbound\":[\"public\"],\"profiles.outside\":["           \
    "\"external\"]}"

/* Channels by letter: A the caller; B, C, E legs to phones; D, P, O phones that dial. */
static const struct channel {
    char letter;
    const char *headers;
} channels[] = {
    {'A', "Unique-ID: a\nCall-Direction: inbound\nChannel-Name: sofia/external/138\n"
          "Caller-Context: public\nCaller-Caller-ID-Number: 13800138000\n"
          "Caller-Destination-Number: 4008000\n"},
    {'B', "Unique-ID: b\nCall-Direction: outbound\nChannel-Name: sofia/internal/1001@x\n"
          "variable_dialed_user: 1001\nOther-Leg-Unique-ID: a\n"},
    {'C', "Unique-ID: c\nCall-Direction: outbound\nChannel-Name: sofia/internal/1002@x\n"
          "variable_dialed_user: 1002\nOther-Leg-Unique-ID: a\n"},
    {'Q', "Unique-ID: q\nCall-Direction: outbound\nChannel-Name: sofia/internal/1001@x\n"
          "variable_dialed_user: 1001\nvariable_cc_member_session_uuid: a\n"},
    {'q', "Unique-ID: q2\nCall-Direction: outbound\nChannel-Name: sofia/internal/1002@x\n"
          "variable_dialed_user: 1002\nvariable_cc_member_session_uuid: a\n"},
    {'V', "Unique-ID: v\nCall-Direction: outbound\nChannel-Name: sofia/external/139@gw\n"
          "Other-Leg-Unique-ID: p\nCaller-Destination-Number: 13900139000\n"},
    {'K', "Unique-ID: k\nCall-Direction: outbound\nChannel-Name: sofia/internal/1001@x\n"
          "variable_dialed_user: 1001\nOther-Leg-Unique-ID: p\n"},
    {'F', "Unique-ID: f\nCall-Direction: outbound\nChannel-Name: sofia/internal/1003@x\n"
          "variable_dialed_user: 1003\nvariable_fifo_bridge_uuid: a\n"},
    {'P', "Unique-ID: p\nCall-Direction: inbound\nChannel-Name: sofia/internal/1003@x\n"
          "Caller-Context: default\nvariable_user_name: 1003\nCaller-Caller-ID-Number: 1003\n"
          "Caller-Destination-Number: **1001\n"},
    {'G', "Unique-ID: g\nCall-Direction: outbound\nChannel-Name: sofia/internal/1002@x\n"
          "variable_dialed_user: 1002\nOther-Leg-Unique-ID: b\nChannel-Call-UUID: a\n"},
    {'O', "Unique-ID: o\nCall-Direction: inbound\nChannel-Name: sofia/internal/1002@x\n"
          "Caller-Context: default\nvariable_user_name: 1002\nCaller-Caller-ID-Number: 1002\n"
          "Caller-Destination-Number: 3000\n"},
    {'S', "Event-Subclass: callcenter%3A%3Ainfo\nCC-Queue: support@default\n"
          "CC-Member-Session-UUID: a\n"},
    {'R', "Event-Subclass: conference%3A%3Amaintenance\nConference-Name: 3000-fs.local\n"},
    {'T', "Event-Subclass: fifo%3A%3Ainfo\nFIFO-Name: sales@default\nUnique-ID: a\n"},
};

/* What short words stand for. */
static const char *const words[][2] = {
    {"recv_bye", "variable_sip_hangup_disposition: recv_bye\n"},
    {"recv_cancel", "variable_sip_hangup_disposition: recv_cancel\n"},
    {"send_cancel", "variable_sip_hangup_disposition: send_cancel\n"},
    {"send_refuse", "variable_sip_hangup_disposition: send_refuse\n"},
    {"send_bye", "variable_sip_hangup_disposition: send_bye\n"},
    {"AB", "Bridge-A-Unique-ID: a\nBridge-B-Unique-ID: b\n"},
    {"AC", "Bridge-A-Unique-ID: a\nBridge-B-Unique-ID: c\n"},
    {"BG", "Bridge-A-Unique-ID: b\nBridge-B-Unique-ID: g\n"},
    {"AG", "Bridge-A-Unique-ID: a\nBridge-B-Unique-ID: g\n"},
    {"Aq", "Bridge-A-Unique-ID: a\nBridge-B-Unique-ID: q2\n"},
    {"PV", "Bridge-A-Unique-ID: p\nBridge-B-Unique-ID: v\n"},
    {"PK", "Bridge-A-Unique-ID: p\nBridge-B-Unique-ID: k\n"},
    {"AQ", "Bridge-A-Unique-ID: a\nBridge-B-Unique-ID: q\n"},
    {"PA", "Bridge-A-Unique-ID: p\nBridge-B-Unique-ID: a\n"},
};

static size_t word(char *out, size_t cap, const char *w)
{
    const char *eq = strchr(w, '=');
    if (eq)
        return (size_t)snprintf(out, cap, "%.*s: %s\n", (int)(eq - w), w, eq + 1);
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], w) == 0)
            return (size_t)snprintf(out, cap, "%s", words[i][1]);
    for (size_t i = 0; i < sizeof channels / sizeof *channels; i++)
        if (!w[1] && channels[i].letter == w[0])
            return (size_t)snprintf(out, cap, "%s", channels[i].headers);
    return (size_t)snprintf(out, cap, "Hangup-Cause: %s\n", w);
}

static void say(struct replay *r, const char *text)
{
    replay_feed(r, text, strlen(text));
}

/* One line of a script: "+1.5 EVENT word word …"; a number moves the clock. */
static void line(struct replay *r, char *text)
{
    char body[4096], msg[5000], *save = NULL, *w = strtok_r(text, " ", &save);
    if (w && *w == '+') {
        replay_until(r, r->now + (int64_t)(strtod(w + 1, NULL) * 1000));
        w = strtok_r(NULL, " ", &save);
    }
    if (!w)
        return;
    size_t n = (size_t)snprintf(body, sizeof body, "Event-Name: %s%s\n",
                                strcmp(w, "CUSTOM") == 0 ? "" : "CHANNEL_", w);
    n += (size_t)snprintf(body + n, sizeof body - n, "Event-Date-Timestamp: %lld000\n",
                          (long long)r->now);
    while ((w = strtok_r(NULL, " ", &save)) != NULL)
        n += word(body + n, sizeof body - n, w);
    snprintf(msg, sizeof msg, "Content-Length: %zu\nContent-Type: text/event-plain\n\n%s\n", n + 1,
             body);
    say(r, msg);
}

static void run_script(struct replay *r, const char *script)
{
    char *copy = strdup(script), *save = NULL;
    for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save))
        line(r, l);
    free(copy);
    replay_until(r, r->now + 2000);
}

#define RING_B      "CREATE A\nCREATE B\nPROGRESS B\n"
#define TALK_B      RING_B "+1 ANSWER B\nANSWER A\nBRIDGE A AB\n"
#define TOLD_TALK_B "a originated\na delivered 1001\na established 1001\n"
#define END_BY_CALLER                                                                              \
    "+1 HANGUP A recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n"           \
    "HANGUP_COMPLETE B send_bye NORMAL_CLEARING\n"

static const struct {
    const char *name, *script, *told;
} scripts[] = {
    {"ring group: both ring, one answers",
     RING_B "CREATE C\nPROGRESS C\n+1 ANSWER C\nANSWER A Other-Leg-Unique-ID=b\n"
            "HANGUP_COMPLETE B LOSE_RACE\nBRIDGE A AC\n"
            "+1 HANGUP_COMPLETE C recv_bye NORMAL_CLEARING\nUNBRIDGE A AC Answer-State=hangup\n"
            "HANGUP_COMPLETE A send_bye NORMAL_CLEARING\n",
     "a originated\na delivered 1001\na delivered 1002\na diverted 1001 elsewhere\n"
     "a established 1002\na cleared agent\n"},
    {"pickup: another phone takes the ringing call",
     RING_B "+1 CREATE P\nANSWER P\nHANGUP_COMPLETE B PICKED_OFF\nANSWER A\nBRIDGE P PA\n"
            "+1 HANGUP A recv_bye NORMAL_CLEARING\nUNBRIDGE P PA Answer-State=answered\n"
            "HANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE P send_bye NORMAL_CLEARING\n",
     "a originated\na delivered 1001\na diverted 1001 picked_up\na established 1003\n"
     "a cleared caller\n"},
    {"pickup: the bridge is told before the end of the ring, and the picker hangs up",
     RING_B "+1 CREATE P\nANSWER P\nBRIDGE P PA\nHANGUP_COMPLETE B PICKED_OFF\n"
            "+1 HANGUP_COMPLETE P recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE A send_bye NORMAL_CLEARING\n",
     "a originated\na delivered 1001\na established 1003\na diverted 1001 picked_up\n"
     "a cleared agent\n"},
    {"queue gives up after two rounds, the caller goes on to a phone that is not answered",
     "CREATE A\nANSWER A\nCUSTOM S CC-Action=member-queue-start\nCREATE Q\nPROGRESS Q\n"
     "+4 HANGUP_COMPLETE Q NO_ANSWER\nCUSTOM S CC-Action=bridge-agent-fail\n"
     "+6 CUSTOM S CC-Action=member-queue-end CC-Cause=Cancel CC-Cancel-Reason=TIMEOUT\n"
     "CREATE C\nPROGRESS C\n+3 HANGUP_COMPLETE C NO_ANSWER\n"
     "HANGUP_COMPLETE A send_bye NORMAL_CLEARING\n",
     "a originated\na queued support@default\na delivered 1001 support@default\n"
     "a diverted 1001 no_answer\na diverted support@default no_answer\na delivered 1002\n"
     "a diverted 1002 no_answer\na cleared system\n"},
    {"queue: the phone refuses",
     "CREATE A\nANSWER A\nCUSTOM S CC-Action=member-queue-start\nCREATE Q\nPROGRESS Q\n"
     "+0.2 HANGUP_COMPLETE Q CALL_REJECTED\n+3 HANGUP A recv_bye NORMAL_CLEARING\n"
     "CUSTOM S CC-Action=member-queue-end CC-Cause=Cancel CC-Cancel-Reason=BREAK_OUT\n"
     "HANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n",
     "a originated\na queued support@default\na delivered 1001 support@default\n"
     "a diverted 1001 rejected\na cleared caller\n"},
    {"fifo: the caller leaves while it rings",
     "CREATE A\nANSWER A\nCUSTOM T FIFO-Action=push\nCREATE F\nPROGRESS F\n"
     "+2 HANGUP A recv_bye NORMAL_CLEARING\nCUSTOM T FIFO-Action=abort\n"
     "HANGUP_COMPLETE A recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE F ORIGINATOR_CANCEL\n",
     "a originated\na queued sales@default\na delivered 1003 sales@default\na cleared caller\n"},
    {"the phone holds, and the caller hangs up meanwhile",
     TALK_B "+1 HOLD B\n+2 UNHOLD B\n+1 HOLD B\n" END_BY_CALLER,
     TOLD_TALK_B "a held 1001\na retrieved 1001\na held 1001\na cleared caller\n"},
    {"an orderly stop hangs up everybody",
     TALK_B "+1 UNBRIDGE A AB Answer-State=hangup SYSTEM_SHUTDOWN\n"
            "HANGUP_COMPLETE A send_bye SYSTEM_SHUTDOWN\n"
            "HANGUP_COMPLETE B send_bye SYSTEM_SHUTDOWN\n",
     TOLD_TALK_B "a cleared system\n"},
    {"a phone gives the call away by REFER, and the target does not answer",
     TALK_B "+1 HANGUP B recv_bye NORMAL_CLEARING variable_endpoint_disposition=BLIND_TRANSFER "
            "variable_transfer_destination=blind%3A1002\n"
            "UNBRIDGE A AB Answer-State=answered "
            "Caller-Transfer-Source=1%3Ax%3Abl_xfer%3A1002/default/XML\n"
            "HANGUP_COMPLETE B recv_bye NORMAL_CLEARING\nCREATE C\nPROGRESS C\n"
            "+3 HANGUP_COMPLETE C NO_ANSWER\nHANGUP_COMPLETE A send_bye NORMAL_CLEARING\n",
     TOLD_TALK_B "a transferred 1001 1002\na delivered 1002\na diverted 1002 no_answer\n"
                 "a cleared system\n"},
    {"queue, ring all: two phones ring, the second answers",
     "CREATE A\nANSWER A\nCUSTOM S CC-Action=member-queue-start\nCREATE Q\nCREATE q\n"
     "PROGRESS Q\nPROGRESS q\n+2 ANSWER q\nCUSTOM S CC-Action=bridge-agent-start\n"
     "HANGUP_COMPLETE Q ORIGINATOR_CANCEL\nBRIDGE A Aq\n"
     "+3 HANGUP_COMPLETE q recv_bye NORMAL_CLEARING\nUNBRIDGE A Aq Answer-State=hangup\n"
     "HANGUP_COMPLETE A send_bye NORMAL_CLEARING\n"
     "CUSTOM S CC-Action=member-queue-end CC-Cause=Terminated\n",
     "a originated\na queued support@default\na delivered 1001 support@default\n"
     "a delivered 1002 support@default\na diverted 1001 elsewhere\na established 1002\n"
     "a cleared agent\n"},
    {"direct: the caller gives up",
     RING_B "+3 HANGUP A recv_cancel ORIGINATOR_CANCEL\n"
            "HANGUP_COMPLETE A recv_cancel ORIGINATOR_CANCEL\n"
            "HANGUP_COMPLETE B send_cancel ORIGINATOR_CANCEL\n",
     "a originated\na delivered 1001\na cleared caller\n"},
    {"direct: the phone refuses at once",
     "CREATE A\nCREATE B\nHANGUP_COMPLETE B send_refuse USER_BUSY\n"
     "HANGUP_COMPLETE A send_refuse USER_BUSY\n",
     "a originated\na failed 1001 busy\na cleared system\n"},
    {"outbound from the phone, busy",
     "CREATE P Caller-Destination-Number=913900139000\nCREATE V\n+1 HANGUP_COMPLETE V USER_BUSY\n"
     "HANGUP_COMPLETE P send_refuse USER_BUSY\n",
     "p originated 1003\np failed busy\np cleared system\n"},
    {"outbound from the phone, answered, the other side hangs up",
     "CREATE P Caller-Destination-Number=913900139000\nCREATE V\nPROGRESS V\n+2 ANSWER V\n"
     "ANSWER P\nBRIDGE P PV\n+3 HANGUP V recv_bye NORMAL_CLEARING\n"
     "HANGUP_COMPLETE V recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE P send_bye NORMAL_CLEARING\n",
     "p originated 1003\np established 1003\np cleared caller\n"},
    {"internal: one phone calls another",
     "CREATE P Caller-Destination-Number=1001\nCREATE K\nPROGRESS K\n+1 ANSWER K\nANSWER P\n"
     "BRIDGE P PK\n+1 HANGUP K recv_bye NORMAL_CLEARING\n"
     "HANGUP_COMPLETE K recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE P send_bye NORMAL_CLEARING\n",
     "p originated 1003\np delivered 1001\np established 1001\np cleared agent\n"},
    {"blind transfer into a queue, where nobody answers before the caller leaves",
     TALK_B "+1 HANGUP_COMPLETE B send_bye NORMAL_CLEARING\nUNBRIDGE A AB Answer-State=answered "
            "Caller-Transfer-Source=1%3Ax%3Abl_xfer%3A5001/default/XML\n"
            "CUSTOM S CC-Action=member-queue-start\nCREATE q\nPROGRESS q\n"
            "+2 HANGUP A recv_bye NORMAL_CLEARING\n"
            "CUSTOM S CC-Action=member-queue-end CC-Cause=Cancel CC-Cancel-Reason=BREAK_OUT\n"
            "HANGUP_COMPLETE A recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE q ORIGINATOR_CANCEL\n",
     TOLD_TALK_B "a transferred 1001 5001\na queued support@default\n"
                 "a delivered 1002 support@default\na cleared caller\n"},
    {"parked at a place by the phone, fetched from there by another",
     TALK_B "+1 UNBRIDGE A AB Answer-State=answered "
            "Caller-Transfer-Source=1%3Ax%3Abl_xfer%3A6001/default/XML\n"
            "HANGUP_COMPLETE B send_bye NORMAL_CLEARING\n+5 CREATE P\nANSWER P\nBRIDGE P PA\n"
            "+1 HANGUP A recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE P send_bye NORMAL_CLEARING\n",
     TOLD_TALK_B "a transferred 1001 6001\na established 1003\na cleared caller\n"},
    {"events of a caller that began before we came",
     "PROGRESS B\nANSWER B\nBRIDGE A AB Other-Leg-Unique-ID=b\n" END_BY_CALLER,
     "a originated\na established 1001\na cleared caller\n"},
    {"att_xfer: the phone talks to another one, and hangs up",
     TALK_B "+1 CREATE G\nPROGRESS G\n+1 ANSWER G\nBRIDGE B BG\n"
            "+2 HANGUP B recv_bye NORMAL_CLEARING\nUNBRIDGE B BG Answer-State=hangup\n"
            "HANGUP_COMPLETE B recv_bye NORMAL_CLEARING\n"
            "BRIDGE A AG Caller-Transfer-Source=1%3Ax%3Auuid_br%3Ag\n"
            "+2 HANGUP A recv_bye NORMAL_CLEARING\nHANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE G send_bye NORMAL_CLEARING\n",
     TOLD_TALK_B "g originated 1001\ng delivered 1002\ng established 1002\n"
                 "a transferred 1001 1002 g\na established 1002\na cleared caller\n"},
    {"att_xfer: not answered, the phone goes on with the caller",
     TALK_B "+1 CREATE G\nPROGRESS G\n+5 HANGUP_COMPLETE G NO_ANSWER\n"
            "+1 UNHOLD B\n" END_BY_CALLER,
     TOLD_TALK_B "g originated 1001\ng delivered 1002\ng diverted 1002 no_answer\n"
                 "g cleared system\na cleared caller\n"},
    {"att_xfer: the other one hangs up, and the phone has the caller again",
     TALK_B "+1 CREATE G\nPROGRESS G\nANSWER G\nBRIDGE B BG\n"
            "+2 HANGUP G recv_bye NORMAL_CLEARING\nUNBRIDGE B BG Answer-State=answered\n"
            "HANGUP_COMPLETE G recv_bye NORMAL_CLEARING\nBRIDGE A AB\n" END_BY_CALLER,
     TOLD_TALK_B "g originated 1001\ng delivered 1002\ng established 1002\n"
                 "g cleared agent\na cleared caller\n"},
    {"a room: both sides are sent into it, and a third phone dials in",
     TALK_B "+2 UNBRIDGE A AB Answer-State=answered "
            "Caller-Transfer-Source=1%3Ax%3Abl_xfer%3A3000/default/XML\n"
            "CUSTOM R A Action=add-member\nCUSTOM R B Action=add-member\n"
            "CUSTOM R B Action=start-talking\n"
            "+1 CREATE P\nANSWER P\nCUSTOM R P Action=add-member\n"
            "+1 CUSTOM R B Action=del-member\nHANGUP_COMPLETE B recv_bye NORMAL_CLEARING\n"
            "+1 CUSTOM R A Action=del-member\nHANGUP A recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE A recv_bye NORMAL_CLEARING\n"
            "HANGUP_COMPLETE P send_bye NORMAL_CLEARING\n",
     TOLD_TALK_B "a transferred 1001 3000\na established 1001\na conferenced 1003 1003\n"
                 "a left 1001\na cleared caller\n"},
    {"a room: the caller waits in it alone, then two phones dial in",
     "CREATE A\nANSWER A\nCUSTOM R A Action=add-member\n"
     "+1 CREATE P\nANSWER P\nCUSTOM R P Action=add-member\n"
     "+1 CREATE O\nANSWER O\nCUSTOM R O Action=add-member\n"
     "+1 CUSTOM R A Action=del-member\n" END_BY_CALLER,
     "a originated\na established 1003\na conferenced 1002 1002\na cleared caller\n"},
    {"the caller's name and number bring line ends",
     "CREATE A Caller-Caller-ID-Name=x%0AEvent-Name: Caller-Privacy-Hide-Number=false\n"
     "HANGUP_COMPLETE A recv_bye ORIGINATOR_CANCEL\n",
     "a originated\na cleared caller\n"},
};

static void test_scripts(void **state)
{
    (void)state;
    size_t faults = 0;
    for (size_t i = 0; i < sizeof scripts / sizeof *scripts; i++) {
        struct replay *r = calloc(1, sizeof *r);
        char got[4096];
        replay_start(r, &steward_plugin, CONF, START);
        say(r, "Content-Type: auth/request\n\n");
        say(r, "Content-Type: command/reply\nReply-Text: +OK accepted\n\n");
        say(r, "Content-Type: command/reply\nReply-Text: +OK event listener enabled plain\n\n");
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
