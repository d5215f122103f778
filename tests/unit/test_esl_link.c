/*
 * test_esl_link.c - the event socket itself: framing, signing in, coming back, snapshots, agents,
 * actions, and what a broken or hostile FreeSWITCH may send.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "cti_replay.h"
#include "esl_parse.h"

extern const struct steward_plugin steward_plugin;

#define START 1795310000000
#define CONF                                                                                       \
    "{\"password\":\"ClueCon\",\"contexts.inbound\":[\"public\"],\"profiles.outside\":["           \
    "\"external\"]}"
#define REPLY(text) "Content-Type: command/reply\nReply-Text: " text "\n\n"

static struct replay *R;

static int setup(void **state)
{
    (void)state;
    R = calloc(1, sizeof *R);
    replay_start(R, &steward_plugin, CONF, START);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    replay_stop(R);
    free(R);
    return 0;
}

static void say(const char *text)
{
    replay_feed(R, text, strlen(text));
}

static void api(const char *body)
{
    char text[8192];
    snprintf(text, sizeof text, "Content-Type: api/response\nContent-Length: %zu\n\n%s",
             strlen(body), body);
    say(text);
}

static void event(const char *headers)
{
    char text[8192];
    snprintf(text, sizeof text, "Content-Length: %zu\nContent-Type: text/event-plain\n\n%s\n",
             strlen(headers) + 1, headers);
    say(text);
}

static void sign_in(void)
{
    say("Content-Type: auth/request\n\n");
    say(REPLY("+OK accepted"));
    say(REPLY("+OK event listener enabled plain"));
}

#define CREATE_A                                                                                   \
    "Event-Name: CHANNEL_CREATE\nUnique-ID: a\nCall-Direction: inbound\n"                          \
    "Channel-Name: sofia/external/138\nCaller-Context: public\n"                                   \
    "Caller-Caller-ID-Number: 13800138000\nCaller-Destination-Number: 4008000\n"
#define CREATE_B                                                                                   \
    "Event-Name: CHANNEL_CREATE\nUnique-ID: b\nCall-Direction: outbound\n"                         \
    "Channel-Name: sofia/internal/1001@x\nOther-Leg-Unique-ID: a\nvariable_dialed_user: 1001\n"
#define BRIDGE                                                                                     \
    "Event-Name: CHANNEL_BRIDGE\nUnique-ID: a\nBridge-A-Unique-ID: a\nBridge-B-Unique-ID: b\n"

static void live_call(void)
{
    event(CREATE_A);
    event(CREATE_B);
    event("Event-Name: CHANNEL_PROGRESS\nUnique-ID: b\n");
    event(BRIDGE);
}

static const struct steward_cti_event *last_event(void)
{
    assert_true(R->n_events > 0);
    return &R->events[R->n_events - 1].ev;
}

/* ---- framing ---- */

struct parsed {
    size_t messages;
    char text[400];
};

static void note(void *ctx, struct esl_msg *msg)
{
    struct parsed *p = ctx;
    size_t n = strlen(p->text);
    p->messages++;
    snprintf(p->text + n, sizeof p->text - n, "%d/%s/%.*s;", (int)msg->type, msg->reply,
             (int)msg->body_len, msg->body);
}

static void test_framing(void **state)
{
    (void)state;
    static const struct {
        const char *bytes, *text;
        bool error;
    } rows[] = {
        {"Content-Type: auth/request\n\n", "1//;", false},
        {"Content-Type: auth/request\r\n\r\n", "1//;", false},
        {REPLY("+OK accepted") REPLY("-ERR x"), "2/+OK accepted/;2/-ERR x/;", false},
        {"content-length: 5\nCONTENT-TYPE: api/response\n\na\n\nb\n", "3//a\n\nb\n;", false},
        {"Content-Length: 0\nContent-Type: text/event-json\n\n", "5//;", false},
        {"\n\n\nContent-Type: auth/request\n\n", "1//;", false},
        {"Content-Type: who/knows\nContent-Length: 3\n\nabc" REPLY("+OK"), "0//abc;2/+OK/;", false},
        {"Content-Length: -1\n\n", "", true},
        {"Content-Length: 99999999999\n\n", "", true},
        {"Content-Length: 5x\n\nabcde", "", true},
        {"Content-Length: 5\n\nabc", "", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (size_t step = 1; step < 64; step = step * 2 + 1) {
            struct esl_parser p = {0};
            struct parsed got = {0};
            size_t len = strlen(rows[i].bytes), used = 0;
            for (size_t end = 0; end < len && !p.error;) {
                end = end + step < len ? end + step : len;
                used += esl_parse(&p, note, &got, rows[i].bytes + used, end - used);
            }
            assert_string_equal(got.text, rows[i].text);
            assert_int_equal(p.error != NULL, rows[i].error);
            esl_parser_reset(&p);
        }
    }
}

static void test_event_forms(void **state)
{
    (void)state;
    struct esl_event ev;
    char plain[] = "Event-Name: BACKGROUND_JOB\nunique-id: a%20%C3%A9%zz+b\nJob-UUID: _undef_\n"
                   "Unique-ID: second\nUnread: x\nContent-Length: 4\n\n+OK\n";
    esl_event_plain(plain, strlen(plain), &ev);
    assert_string_equal(ev.v[ESL_UNIQUE_ID], "a \xC3\xA9%zz+b");
    assert_null(ev.v[ESL_JOB_UUID]);
    assert_string_equal(ev.body, "+OK\n");
    char json[] =
        " {\"Event-Name\":\"X\",\"variable_transfer_history\":[\"a\",[\"b,}\"],{}],\"n\":-1.5,"
        "\"Unique-ID\":\"q\\\"\\u00e9\\n\\/\",\"Unique-ID\":\"r\",\"bad\":\"\xff\","
        "\"_body\":\"+OK\"}rest";
    char *end = esl_event_json(json, strlen(json), &ev);
    assert_non_null(end);
    assert_string_equal(end, "rest");
    assert_string_equal(ev.v[ESL_UNIQUE_ID], "q\"\xC3\xA9\n/");
    assert_string_equal(ev.body, "+OK");
    static const char *const broken[] = {
        "",        "{",        "{\"a\"",        "{\"a\":\"b",  "[]",
        "{\"a\"}", "{\"a\":[", "{\"a\":{\"b\"", "{\"a\":\"\\", "{1:2}"};
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        char text[32];
        snprintf(text, sizeof text, "%s", broken[i]);
        assert_null(esl_event_json(text, strlen(text), &ev));
    }
}

/* ---- signing in and coming back ---- */

static void test_sign_in(void **state)
{
    (void)state;
    sign_in();
    assert_int_equal(R->state, STEWARD_SOURCE_SYNCING);
    assert_non_null(strstr(R->written, "auth ClueCon\n\nevent plain CHANNEL_CREATE"));
    assert_non_null(
        strstr(R->written, "CUSTOM callcenter::info fifo::info conference::maintenance\n\n"));
    api("{\"row_count\": 0}\n");
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 1);
}

static void refused(const char *says, const char *error)
{
    say("Content-Type: auth/request\n\n");
    say(says);
    replay_until(R, R->now + 10);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, error));
    replay_until(R, START + 29000); /* no hammering */
    assert_int_equal(R->opened, 1);
    replay_until(R, START + 61000);
    assert_true(R->opened >= 2);
}

static void test_wrong_password(void **state)
{
    (void)state;
    refused(
        REPLY("-ERR invalid") "Content-Type: text/disconnect-notice\nContent-Length: 4\n\nbye\n",
        "wrong password");
}

static void test_rejected(void **state)
{
    (void)state;
    refused("Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n",
            "access list");
}

static void test_notice(void **state)
{
    (void)state;
    sign_in();
    say("Content-Type: text/disconnect-notice\nContent-Length: 31\n\n"
        "The system is being shut down.\n");
    replay_until(R, R->now + 10);
    assert_int_equal(R->state, STEWARD_SOURCE_DOWN);
    assert_non_null(strstr(R->error, "The system is being shut down."));
    replay_until(R, R->now + 1100);
    assert_int_equal(R->opened, 2);
}

static void test_no_socket(void **state)
{
    (void)state;
    char *junk = malloc(ESL_HEADERS_MAX + 100);
    memset(junk, 'x', ESL_HEADERS_MAX + 100);
    replay_feed(R, junk, ESL_HEADERS_MAX + 100);
    free(junk);
    replay_until(R, R->now + 10);
    assert_non_null(strstr(R->error, "not an event socket"));
}

static void test_silence(void **state)
{
    (void)state;
    sign_in();
    api("{\"row_count\": 0}\n");
    api("-ERR callcenter_config Command not found!\n");
    replay_until(R, START + 36000);
    assert_non_null(strstr(R->written, "api uptime\n\n"));
    assert_int_equal(R->opened, 1);
    replay_until(R, START + 70000);
    assert_true(R->opened >= 2);
}

/* What a real FreeSWITCH sent to clients with a wrong password. */
static void test_recorded_refusals(void **state)
{
    (void)state;
    static const char *const names[] = {"plain", "d-userauth"};
    for (size_t i = 0; i < 2; i++) {
        char path[512], times[540];
        struct recording rec;
        struct replay *r = calloc(1, sizeof *r);
        snprintf(path, sizeof path, "%s/recordings/esl/19-wrong-password.%s.txt", TEST_DATA,
                 names[i]);
        snprintf(times, sizeof times, "%s.chunks", path);
        recording_read(&rec, path, times, false);
        assert_true(rec.len > 0);
        replay_start(r, &steward_plugin, CONF, START);
        recording_play(r, &rec, START, SPLIT_BYTES, 0);
        replay_until(r, r->now + 10);
        assert_int_equal(r->state, STEWARD_SOURCE_DOWN);
        assert_non_null(strstr(r->error, "sign-in refused: -ERR invalid"));
        replay_stop(r);
        free(r);
        recording_free(&rec);
    }
}

/* ---- snapshots ---- */

#define ROW_A                                                                                      \
    "{\"uuid\":\"a\",\"direction\":\"inbound\",\"created_epoch\":\"1795309990\",\"name\":\"sofia/" \
    "external/138\",\"cid_num\":\"138\",\"dest\":\"1001\",\"context\":\"default\",\"callstate\":"  \
    "\"ACTIVE\",\"call_uuid\":\"a\",\"initial_cid_num\":\"13800138000\",\"initial_dest\":"         \
    "\"4008000\",\"initial_context\":\"public\"}"
#define ROW_B                                                                                      \
    "{\"uuid\":\"b\",\"direction\":\"outbound\",\"created_epoch\":\"1795309992\",\"name\":"        \
    "\"sofia/"                                                                                     \
    "internal/1001@x\",\"dest\":\"1001\",\"context\":\"default\",\"presence_id\":\"1001@fs\","     \
    "\"callstate\":\"ACTIVE\",\"call_uuid\":\"a\"}"
#define ROWS(rows) "{\"row_count\":2,\"rows\":[" rows "]}"

static void test_met_in_the_middle(void **state)
{
    (void)state;
    sign_in();
    api(ROWS(ROW_B "," ROW_A));
    assert_int_equal(R->n_events, 2);
    assert_int_equal(R->events[0].ev.kind, STEWARD_EV_ORIGINATED);
    assert_int_equal(R->events[0].ev.at, 1795309990000);
    assert_string_equal(R->events[0].ev.called, "4008000");
    assert_int_equal(R->events[1].ev.kind, STEWARD_EV_ESTABLISHED);
    assert_string_equal(R->events[1].ev.device, "1001");
    assert_string_equal(R->alive[0], "a");
    replay_until(R, R->now + 7000); /* the second list: it was gone already */
    api("-ERR callcenter_config Command not found!\n");
    api("{\"row_count\": 0}\n");
    assert_int_equal(R->resyncs, 2);
    assert_int_equal(R->n_alive, 0);
}

static void test_gone_meanwhile(void **state)
{
    (void)state;
    sign_in();
    api("{\"row_count\": 0}\n");
    live_call();
    assert_int_equal(last_event()->kind, STEWARD_EV_ESTABLISHED);
    replay_eof(R, "reset");
    replay_until(R, R->now + 1500);
    sign_in();
    size_t before = R->n_events;
    api(ROWS(ROW_A "," ROW_B));
    assert_string_equal(R->alive[0], "a");
    replay_eof(R, "reset");
    replay_until(R, R->now + 2500);
    sign_in();
    api("{\"row_count\": 0}\n");
    assert_int_equal(R->n_alive, 0);
    assert_int_equal(R->n_events, before);
}

static void test_no_list(void **state)
{
    (void)state;
    sign_in();
    api("-ERR SQL disabled, no data available!\n");
    assert_int_equal(R->state, STEWARD_SOURCE_UP);
    assert_int_equal(R->resyncs, 0);
    live_call();
    assert_int_equal(last_event()->kind, STEWARD_EV_ESTABLISHED);
}

static void test_new_life(void **state)
{
    (void)state;
    sign_in();
    event("Event-Name: HEARTBEAT\nCore-UUID: one\n");
    live_call();
    replay_eof(R, "reset");
    replay_until(R, R->now + 1500);
    sign_in();
    event(CREATE_A "Core-UUID: two\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_ORIGINATED);
}

/* ---- calls ---- */

static void test_silent_ringing(void **state)
{
    (void)state;
    sign_in();
    event(CREATE_A);
    event(CREATE_B);
    assert_int_equal(R->n_events, 1);
    replay_until(R, R->now + 300); /* no progress is told, and none is needed */
    assert_int_equal(last_event()->kind, STEWARD_EV_DELIVERED);
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: b\nHangup-Cause: CALL_REJECTED\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_DIVERTED);
    assert_int_equal(last_event()->cause, STEWARD_CAUSE_REJECTED);
}

static void test_ring_group(void **state)
{
    (void)state;
    sign_in();
    event(CREATE_A);
    event(CREATE_B);
    event("Event-Name: CHANNEL_CREATE\nUnique-ID: c\nCall-Direction: outbound\nChannel-Name: "
          "sofia/internal/1002@x\nOther-Leg-Unique-ID: a\nvariable_dialed_user: 1002\n");
    event("Event-Name: CHANNEL_PROGRESS\nUnique-ID: b\n");
    event("Event-Name: CHANNEL_PROGRESS\nUnique-ID: c\n");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: c\nHangup-Cause: LOSE_RACE\n");
    assert_int_equal(last_event()->cause, STEWARD_CAUSE_ANSWERED_ELSEWHERE);
    event(BRIDGE);
    assert_string_equal(last_event()->device, "1001");
}

/* 1001 consults 1002 and joins the two by the API. */
static void test_attended(void **state)
{
    (void)state;
    sign_in();
    live_call();
    event("Event-Name: CHANNEL_HOLD\nUnique-ID: b\n");
    event("Event-Name: CHANNEL_CREATE\nUnique-ID: c\nCall-Direction: inbound\nChannel-Name: "
          "sofia/internal/1001@x\nCaller-Context: default\nvariable_user_name: 1001\n"
          "Caller-Destination-Number: 1002\n");
    event("Event-Name: CHANNEL_CREATE\nUnique-ID: d\nCall-Direction: outbound\nChannel-Name: "
          "sofia/internal/1002@x\nOther-Leg-Unique-ID: c\nvariable_dialed_user: 1002\n");
    event(
        "Event-Name: CHANNEL_BRIDGE\nUnique-ID: c\nBridge-A-Unique-ID: c\nBridge-B-Unique-ID: d\n");
    event("Event-Name: CHANNEL_UNBRIDGE\nUnique-ID: c\nBridge-A-Unique-ID: c\n"
          "Bridge-B-Unique-ID: d\nAnswer-State: answered\n");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: c\nHangup-Cause: NORMAL_CLEARING\n");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: b\nHangup-Cause: NORMAL_CLEARING\n");
    event("Event-Name: CHANNEL_UNBRIDGE\nUnique-ID: a\nBridge-A-Unique-ID: a\n"
          "Bridge-B-Unique-ID: b\nAnswer-State: answered\n");
    event(
        "Event-Name: CHANNEL_BRIDGE\nUnique-ID: a\nBridge-A-Unique-ID: a\nBridge-B-Unique-ID: d\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_ESTABLISHED);
    assert_string_equal(last_event()->device, "1002");
    const struct steward_cti_event *moved = last_event() - 0;
    moved = &R->events[R->n_events - 2].ev;
    assert_int_equal(moved->kind, STEWARD_EV_TRANSFERRED);
    assert_string_equal(moved->call, "a");
    assert_string_equal(moved->device, "1001");
    assert_string_equal(moved->to, "1002");
    assert_string_equal(moved->other_call, "c");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: d\nHangup-Cause: NORMAL_CLEARING\n"
          "variable_sip_hangup_disposition: recv_bye\n");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: a\nHangup-Cause: NORMAL_CLEARING\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
    assert_int_equal(last_event()->by, STEWARD_BY_AGENT);
}

static void test_refer(void **state)
{
    (void)state;
    sign_in();
    live_call();
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: b\nHangup-Cause: NORMAL_CLEARING\n"
          "variable_sip_hangup_disposition: recv_bye\n"
          "variable_endpoint_disposition: BLIND_TRANSFER\n"
          "variable_transfer_destination: blind%3A1002\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_TRANSFERRED);
    assert_string_equal(last_event()->to, "1002");
    event("Event-Name: CHANNEL_UNBRIDGE\nUnique-ID: a\nBridge-A-Unique-ID: a\n"
          "Bridge-B-Unique-ID: b\nAnswer-State: answered\n"
          "Caller-Transfer-Source: 1%3Ax%3Abl_xfer%3A1002/default/XML\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_TRANSFERRED); /* once */
    assert_int_equal(R->n_events, 4);
}

static void test_strangers(void **state)
{
    (void)state;
    sign_in();
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: nobody\n");
    event("Event-Name: CHANNEL_BRIDGE\nBridge-A-Unique-ID: x\nBridge-B-Unique-ID: y\n");
    event("Event-Name: CHANNEL_UUID\nOld-Unique-ID: x\nUnique-ID: y\n");
    event(
        "Event-Name: CUSTOM\nEvent-Subclass: callcenter%3A%3Ainfo\nCC-Action: member-queue-end\n");
    event("Event-Name: CUSTOM\nEvent-Subclass: fifo%3A%3Ainfo\nFIFO-Action: push\n");
    event("Event-Name: BACKGROUND_JOB\nJob-UUID: other\n");
    event("Unique-ID: a\n");
    assert_int_equal(R->n_events, 0);
    live_call();
    event("Event-Name: CHANNEL_UUID\nOld-Unique-ID: b\nUnique-ID: b2\n");
    event("Event-Name: CHANNEL_HANGUP_COMPLETE\nUnique-ID: a\nHangup-Cause: NORMAL_CLEARING\n"
          "variable_sip_hangup_disposition: recv_bye\n");
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
    event("Event-Name: CHANNEL_PROGRESS\nUnique-ID: a\n"); /* late: no ghost */
    assert_int_equal(last_event()->kind, STEWARD_EV_CLEARED);
}

/* ---- agents and actions ---- */

static enum steward_transfer Transfer = STEWARD_TRANSFER_BLIND;

static int act(uint32_t what, const char *device, const char *to)
{
    struct steward_action a = {.struct_size = sizeof a,
                               .token = 7,
                               .what = what,
                               .call = what == STEWARD_CAN_DIAL ? NULL : "a",
                               .device = device,
                               .number = to,
                               .to = to,
                               .transfer = Transfer,
                               .caller_name = "Wang 'F'},{x=y\n\napi shutdown",
                               .outbound_number = "4008000",
                               .agent_state = STEWARD_AGENT_NOT_READY};
    R->done_token = 0;
    return R->ops->action(R->ops_ctx, &a);
}

static void job_result(const char *body)
{
    char text[400];
    const char *id = R->written, *next;
    while ((next = strstr(id, "Job-UUID: ")) != NULL)
        id = next + 10;
    snprintf(text, sizeof text,
             "Event-Name: BACKGROUND_JOB\nJob-UUID: %.36s\nContent-Length: 9\n\n%s", id, body);
    event(text);
}

static void test_agents(void **state)
{
    (void)state;
    sign_in();
    api("{\"row_count\": 0}\n");
    api("name|instance_id|uuid|type|contact|status|state\n"
        "1001@fs.local|single_box||callback|user/1001|Available|Waiting\n"
        "1002@fs.local|single_box||callback|user/1002|Logged Out|Waiting\n+OK\n");
    assert_int_equal(R->n_events, 2);
    assert_int_equal(R->events[0].ev.agent_state, STEWARD_AGENT_READY);
    assert_int_equal(R->events[1].ev.agent_state, STEWARD_AGENT_LOGGED_OFF);
    event(
        "Event-Name: CUSTOM\nEvent-Subclass: callcenter%3A%3Ainfo\nCC-Action: agent-state-change\n"
        "CC-Agent: 1001@fs.local\nCC-Agent-State: In%20a%20queue%20call\n");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_BUSY);
    act(STEWARD_CAN_AGENT_STATE, "1001", NULL);
    assert_non_null(strstr(R->written, "agent set status 1001@fs.local 'On Break'\nJob-UUID: "));
    job_result("+OK\n");
    assert_true(R->done_ok);
    act(STEWARD_CAN_AGENT_STATE, "1009", NULL);
    assert_string_equal(R->done_code, "failed");
}

static void agent_is(const char *state)
{
    char text[300];
    snprintf(text, sizeof text,
             "Event-Name: CUSTOM\nEvent-Subclass: callcenter%%3A%%3Ainfo\n"
             "CC-Action: agent-state-change\nCC-Agent: 1001@fs.local\nCC-Agent-State: %s\n",
             state);
    event(text);
}

static void test_wrap_up(void **state)
{
    (void)state;
    sign_in();
    api("{\"row_count\": 0}\n");
    api("name|status|state|max_no_answer|wrap_up_time|x\n"
        "1001@fs.local|Available|Waiting|3|10|\n1002@fs.local|Available|Waiting|3|-1|\n+OK\n");
    agent_is("Receiving");
    agent_is("Waiting"); /* it did not answer */
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
    agent_is("In%20a%20queue%20call");
    agent_is("Waiting");
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_WORKING_AFTER_CALL);
    replay_until(R, R->now + 8000);
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_WORKING_AFTER_CALL);
    replay_until(R, R->now + 4000);
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
    agent_is("In%20a%20queue%20call");
    agent_is("Waiting");
    agent_is("Receiving"); /* called by hand */
    assert_int_equal(last_event()->agent_state, STEWARD_AGENT_READY);
}

static void test_dial(void **state)
{
    (void)state;
    sign_in();
    assert_int_equal(act(STEWARD_CAN_DIAL, "fs-a/1001", "0612345678"), 0);
    assert_int_equal(R->done_token, 0); /* nothing rings yet */
    assert_non_null(strstr(R->written, "origination_caller_id_name='Wang Fx=yapi shutdown'"));
    assert_non_null(strstr(R->written, "effective_caller_id_number=4008000"));
    assert_non_null(strstr(R->written, "}user/1001 0612345678 XML default\nJob-UUID: "));
    job_result("-ERR USER_NOT_REGISTERED\n");
    assert_false(R->done_ok);
    assert_non_null(strstr(R->done_text, "USER_NOT_REGISTERED"));
    assert_int_equal(R->n_events, 3);
    assert_int_equal(R->events[1].ev.cause, STEWARD_CAUSE_UNREGISTERED);
    act(STEWARD_CAN_DIAL, "1001", "1 XML public");
    assert_string_equal(R->done_code, "bad_number");
}

static void test_in_call(void **state)
{
    (void)state;
    sign_in();
    live_call();
    act(STEWARD_CAN_HOLD, "1001", NULL);
    assert_non_null(strstr(R->written, "bgapi uuid_hold b\n"));
    job_result("+OK\n");
    assert_true(R->done_ok);
    act(STEWARD_CAN_RETRIEVE, "1001", NULL);
    assert_non_null(strstr(R->written, "bgapi uuid_hold off b\n"));
    job_result("-ERR no\n");
    assert_false(R->done_ok);
    act(STEWARD_CAN_TRANSFER, "1001", "1002");
    assert_non_null(strstr(R->written, "bgapi uuid_transfer a 1002 XML default\n"));
    Transfer = STEWARD_TRANSFER_ATTENDED;
    act(STEWARD_CAN_TRANSFER, "1001", "1002");
    assert_non_null(strstr(R->written, "bgapi uuid_broadcast b att_xfer::{origination_caller_id_"
                                       "number=1001}user/1002 aleg\nJob-UUID: "));
    act(STEWARD_CAN_TRANSFER, "1001", "1002 both");
    assert_string_equal(R->done_code, "bad_number");
    Transfer = STEWARD_TRANSFER_BLIND;
    act(STEWARD_CAN_HANGUP, "1001", NULL);
    assert_non_null(strstr(R->written, "bgapi uuid_kill b NORMAL_CLEARING\n"));
    act(STEWARD_CAN_ANSWER, "1001", NULL);
    assert_string_equal(R->done_code, "not_supported");
    replay_until(R, R->now + 12000);
    assert_string_equal(R->done_code, "timeout");
}

#define LINK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_event_forms),
        cmocka_unit_test(test_recorded_refusals),
        LINK(test_sign_in),
        LINK(test_wrong_password),
        LINK(test_rejected),
        LINK(test_notice),
        LINK(test_no_socket),
        LINK(test_silence),
        LINK(test_met_in_the_middle),
        LINK(test_gone_meanwhile),
        LINK(test_no_list),
        LINK(test_new_life),
        LINK(test_silent_ringing),
        LINK(test_ring_group),
        LINK(test_attended),
        LINK(test_refer),
        LINK(test_strangers),
        LINK(test_agents),
        LINK(test_wrap_up),
        LINK(test_dial),
        LINK(test_in_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
