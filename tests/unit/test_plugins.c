/*
 * test_plugins.c - every plugin through the kit, what the gateways say and hear, and the layout of
 * the ABI.
 */
#include "unit.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "kit.h"

#define NOW INT64_C(1614265330000)

static const struct {
    const char *module, *yaml;
} plugins[] = {
    {"skeleton", "plugin: skeleton\nname: one\nurl: http://127.0.0.1:9/x\n"},
    {"gw_webhook", "plugin: gw_webhook\nname: one\nurl: https://a.example/\nsecret: "
                   "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"},
    {"gw_kannel", "plugin: gw_kannel\nname: one\nurl: "
                  "http://127.0.0.1:13013/cgi-bin/sendsms\nusername: u\npassword: p\n"},
    {"cti_ami", "plugin: cti_ami\nname: one\nusername: u\nsecret: s\n"},
    {"cti_esl", "plugin: cti_esl\nname: one\npassword: ClueCon\n"},
};

static const struct steward_plugin *open_plugin(const char *module)
{
    char path[512], why[512];
    snprintf(path, sizeof(path), "%s/%s.so", TEST_PLUGINS, module);
    const struct steward_plugin *p = kit_open(path, why, sizeof(why));
    if (!p)
        fail_msg("%s", why);
    return p;
}

static void every_plugin_is_well(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(plugins); i++)
        if (kit_examine(open_plugin(plugins[i].module), plugins[i].yaml, false))
            fail_msg("%s has faults", plugins[i].module);
}

static void start(struct kit *k, const char *module, const char *yaml)
{
    if (!kit_begin(k, open_plugin(module), yaml, NOW))
        fail_msg("%s", k->fault);
    assert_true(kit_start(k));
    assert_non_null(k->gateway);
}

static void finish(struct kit *k)
{
    kit_stop(k);
    kit_end(k);
    assert_int_equal(k->faults, 0);
}

static const struct steward_message sms = {.struct_size = sizeof(sms),
                                           .id = 91,
                                           .key = "msg_p5jXN8AQM9LWM0D4loKWxJek",
                                           .channel = "sms",
                                           .message_class = "service",
                                           .to = "+8613800138000",
                                           .text = "您好",
                                           .ticket = "T-000123",
                                           .template_name = "escalated",
                                           .params_json = "{\"ticket\":\"T-000123\"}",
                                           .language = "zh-Hans",
                                           .at = NOW,
                                           .attempt = 1};

/* ---- gw_webhook ---- */

static const char *header(const struct steward_request *r, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        if (strncmp(r->headers[i], name, n) == 0 && strncmp(r->headers[i] + n, ": ", 2) == 0)
            return r->headers[i] + n + 2;
    return NULL;
}

static const char webhook_body[] =
    "{\"type\":\"message.send\",\"timestamp\":\"2021-02-25T15:02:10.000Z\",\"data\":{\"id\":91,"
    "\"key\":\"msg_p5jXN8AQM9LWM0D4loKWxJek\",\"channel\":\"sms\",\"class\":\"service\",\"to\":\"+"
    "8613800138000\","
    "\"from\":\"10690000\",\"text\":\"您好\",\"subject\":null,\"ticket\":\"T-000123\",\"template\":"
    "\"escalated\","
    "\"provider_template\":null,\"params\":{\"ticket\":\"T-000123\"},\"language\":\"zh-Hans\"}}";

static void webhook_is_signed(void **state)
{
    struct kit k;
    struct steward_request r = {.struct_size = sizeof(r)};
    uint8_t key[64], mac[32];
    char why[256] = "", content[2048], want[80];
    start(&k, "gw_webhook",
          "plugin: gw_webhook\nname: one\nurl: https://a.example/x\nfrom: \"10690000\"\n"
          "secret: whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\nformer_secret: whsec_b2xk\n"
          "authorization: Bearer abc\ntimeout: 5s\nevents: [ticket.*]\nrate: 50/s\n");
    assert_int_equal(k.gateway->rate_milli, 50000);
    assert_string_equal(k.gateway->events[0], "ticket.*");
    assert_null(k.gateway->events[1]);
    assert_int_equal(k.gateway->prepare(k.gateway_ctx, &sms, NOW, &r, why, sizeof(why)), 0);
    assert_string_equal(r.body, webhook_body);
    assert_int_equal(r.body_len, sizeof(webhook_body) - 1);
    assert_string_equal(r.url, "https://a.example/x");
    assert_int_equal(r.timeout_ms, 5000);
    assert_false(r.allow_private);
    assert_string_equal(header(&r, "webhook-id"), sms.key);
    assert_string_equal(header(&r, "webhook-timestamp"), "1614265330");
    assert_string_equal(header(&r, "content-type"), "application/json");
    assert_string_equal(header(&r, "authorization"), "Bearer abc");
    int n = base64_decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", 32, key, sizeof(key));
    snprintf(content, sizeof(content), "%s.1614265330.%s", sms.key, r.body);
    hmac_sha256(key, (size_t)n, content, strlen(content), mac);
    char *text = base64_encode(mac, 32);
    snprintf(want, sizeof(want), "v1,%s ", text);
    free(text);
    assert_ptr_equal(strstr(header(&r, "webhook-signature"), want),
                     header(&r, "webhook-signature"));
    hmac_sha256("old", 3, content, strlen(content), mac);
    text = base64_encode(mac, 32);
    assert_non_null(strstr(header(&r, "webhook-signature"), text));
    free(text);
    finish(&k);
}

static void webhook_carries_events(void **state)
{
    struct kit k;
    struct steward_request r = {.struct_size = sizeof(r)};
    struct steward_message m = {.struct_size = sizeof(m),
                                .key = "evt_1",
                                .at = NOW,
                                .attempt = 2,
                                .params_json = "{}",
                                .event_type = "ticket.opened",
                                .event_json = "{\"id\":\"T-000001\"}"};
    char why[256] = "";
    start(&k, "gw_webhook", plugins[1].yaml);
    assert_int_equal(k.gateway->prepare(k.gateway_ctx, &m, NOW + 60000, &r, why, sizeof(why)), 0);
    assert_string_equal(r.body,
                        "{\"type\":\"ticket.opened\",\"timestamp\":\"2021-02-25T15:02:10.000Z\","
                        "\"data\":{\"id\":\"T-000001\"}}");
    assert_string_equal(header(&r, "webhook-timestamp"), "1614265390");
    finish(&k);
}

/* The vector of Standard Webhooks 1.0.0. */
static void webhook_verifies(void **state)
{
    static const char good[] = "webhook-signature: v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    static const struct {
        const char *id, *stamp, *signature, *body;
        bool ok;
    } cases[] = {
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", good, "{\"test\": 2432232314}", true},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
         "webhook-signature: v1a,xxx v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
         "{\"test\": 2432232314}", true},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", good, "{\"test\": 2432232315}", false},
        {"msg_other", "1614265330", good, "{\"test\": 2432232314}", false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265331", good, "{\"test\": 2432232314}", false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614264000", good, "{\"test\": 2432232314}", false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "-9223372036854775808", good, "{\"test\": 2432232314}",
         false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "9223372036854775807", good, "{\"test\": 2432232314}",
         false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "now", good, "{\"test\": 2432232314}", false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330",
         "webhook-signature: ", "{\"test\": 2432232314}", false},
        {"msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "x: y", "{\"test\": 2432232314}", false},
    };
    struct kit k;

    start(&k, "gw_webhook", plugins[1].yaml);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char id[128], stamp[64];
        const char *headers[] = {id, stamp, cases[i].signature, NULL};
        struct steward_hook hook = {.struct_size = sizeof(hook),
                                    .what = "receipt",
                                    .query = "",
                                    .headers = headers,
                                    .body = cases[i].body,
                                    .body_len = strlen(cases[i].body)};
        snprintf(id, sizeof(id), "webhook-id: %s", cases[i].id);
        snprintf(stamp, sizeof(stamp), "webhook-timestamp: %s", cases[i].stamp);
        if (k.gateway->verify(k.gateway_ctx, &hook) != cases[i].ok)
            fail_msg("case %zu", i);
    }
    finish(&k);
}

static struct steward_verdict judge(struct kit *k, int status, const char *body,
                                    enum steward_outcome host, int attempt)
{
    struct steward_verdict v = {.struct_size = sizeof(v), .outcome = host};
    struct steward_response res = {
        .struct_size = sizeof(res), .status = status, .body = body, .body_len = strlen(body)};
    struct steward_message m = sms;
    m.attempt = attempt;
    k->gateway->judge(k->gateway_ctx, &m, &res, &v);
    return v;
}

static void webhook_judges(void **state)
{
    struct kit k;
    start(&k, "gw_webhook", plugins[1].yaml);
    struct steward_verdict v = judge(&k, 200, "{\"provider_id\":\"p-1\"}", STEWARD_SENT, 1);
    assert_int_equal(v.outcome, STEWARD_SENT);
    assert_string_equal(v.provider_id, "p-1");
    assert_string_equal(judge(&k, 202, "not json", STEWARD_SENT, 1).provider_id, "");
    assert_string_equal(judge(&k, 202, "{\"provider_id\":17}", STEWARD_SENT, 1).provider_id, "");
    assert_int_equal(judge(&k, 503, "", STEWARD_RETRY, 1).outcome, STEWARD_RETRY);
    assert_int_equal(judge(&k, 400, "", STEWARD_FAILED, 1).outcome, STEWARD_FAILED);
    assert_int_equal(judge(&k, 401, "", STEWARD_FAILED, 1).outcome, STEWARD_RETRY);
    assert_int_equal(judge(&k, 401, "", STEWARD_FAILED, 9).outcome, STEWARD_FAILED);
    finish(&k);
}

/* ---- gw_kannel ---- */

static void kannel_sends(void **state)
{
    struct kit k;
    struct steward_request r = {.struct_size = sizeof(r)};
    struct steward_message m = sms;
    char why[256] = "", text[12001];
    start(&k, "gw_kannel",
          "plugin: gw_kannel\nname: one\nurl: http://127.0.0.1:13013/cgi-bin/sendsms\n"
          "username: st&ward\npassword: p w\nsender: \"10690000\"\nsmsc: A\n");
    assert_int_equal(k.gateway->prepare(k.gateway_ctx, &m, NOW, &r, why, sizeof(why)), 0);
    assert_string_equal(r.method, "GET");
    assert_true(r.allow_private);
    assert_string_equal(
        r.url,
        "http://127.0.0.1:13013/cgi-bin/sendsms?username=st%26ward&password=p%20w&from=10690000"
        "&to=%2B8613800138000&charset=UTF-8&coding=2&text=%E6%82%A8%E5%A5%BD&smsc=A&dlr-mask=31&"
        "dlr-url="
        "https%3A%2F%2Fdesk.example.com%2Fhooks%2Fone%2Freceipt%3Fkey%3Dmsg_"
        "p5jXN8AQM9LWM0D4loKWxJek"
        "%26type%3D%25d%26answer%3D%25A%26id%3D%25F%26at%3D%25T");
    m.gsm7 = true;
    m.text = "hello";
    assert_int_equal(k.gateway->prepare(k.gateway_ctx, &m, NOW, &r, why, sizeof(why)), 0);
    assert_non_null(strstr(r.url, "&coding=0&text=hello&"));
    memset(text, '%', sizeof(text) - 1);
    text[sizeof(text) - 1] = 0;
    m.text = text;
    assert_true(k.gateway->prepare(k.gateway_ctx, &m, NOW, &r, why, sizeof(why)) < 0);
    assert_non_null(strstr(why, "too long"));
    m.channel = "email";
    assert_true(k.gateway->prepare(k.gateway_ctx, &m, NOW, &r, why, sizeof(why)) < 0);
    finish(&k);
}

static void kannel_posts(void **state)
{
    struct kit k;
    struct steward_request r = {.struct_size = sizeof(r)};
    char why[256] = "";
    start(&k, "gw_kannel",
          "plugin: gw_kannel\nname: one\nurl: http://127.0.0.1:13013/cgi-bin/sendsms\n"
          "username: u\npassword: p\nmethod: post\nreceipts: false\n");
    assert_int_equal(k.gateway->prepare(k.gateway_ctx, &sms, NOW, &r, why, sizeof(why)), 0);
    assert_string_equal(r.method, "POST");
    assert_string_equal(header(&r, "X-Kannel-To"), "+8613800138000");
    assert_string_equal(header(&r, "X-Kannel-Coding"), "2");
    assert_string_equal(header(&r, "Content-Type"), "text/plain; charset=UTF-8");
    assert_null(header(&r, "X-Kannel-DLR-Url"));
    assert_string_equal(r.body, "您好");
    finish(&k);
}

static void kannel_judges(void **state)
{
    static const struct {
        int status;
        const char *body;
        enum steward_outcome host, outcome;
    } cases[] = {
        {202, "0: Accepted for delivery", STEWARD_SENT, STEWARD_SENT},
        {202, "3: Queued for later delivery", STEWARD_SENT, STEWARD_SENT},
        {400, "Missing receiver number, rejected", STEWARD_FAILED, STEWARD_FAILED},
        {403, "Authorization failed for sendsms", STEWARD_FAILED, STEWARD_RETRY},
        {403, "Not routable. Do not try again.", STEWARD_FAILED, STEWARD_FAILED},
        {503, "Temporal failure, try again later.", STEWARD_RETRY, STEWARD_RETRY},
        {0, "", STEWARD_RETRY, STEWARD_RETRY},
        {500, "x", STEWARD_RETRY, STEWARD_RETRY},
    };
    struct kit k;

    start(&k, "gw_kannel", plugins[2].yaml);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (judge(&k, cases[i].status, cases[i].body, cases[i].host, 1).outcome != cases[i].outcome)
            fail_msg("case %zu", i);
    finish(&k);
}

static int hook(struct kit *k, const char *what, const char *query, bool authenticated)
{
    struct steward_hook h = {.struct_size = sizeof(h),
                             .method = "GET",
                             .what = what,
                             .query = query,
                             .content_type = "",
                             .body = "",
                             .authenticated = authenticated};
    return k->gateway->hook(k->gateway_ctx, &h);
}

static void kannel_reports(void **state)
{
    static const struct {
        const char *query;
        int status;
        const char *state;
    } cases[] = {
        {"key=msg_1&type=8&answer=ACK%2F&id=&at=1614265330", 200, "sent"},
        {"key=msg_1&type=1&answer=&id=F-17&at=1614265330", 200, "delivered"},
        {"key=msg_1&type=2&answer=no+such+number&at=1614265330", 200, "failed"},
        {"key=msg_1&type=16", 200, "failed"},
        {"key=msg_1&type=4", 200, NULL},
        {"key=msg_1&type=99", 400, NULL},
        {"key=msg_1", 400, NULL},
        {"type=1", 400, NULL},
        {"key=%00&type=1", 400, NULL},
        {"key=%zz&type=1", 400, NULL},
        {"", 400, NULL},
    };
    struct kit k;

    start(&k, "gw_kannel", plugins[2].yaml);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        int before = k.receipts;
        assert_int_equal(hook(&k, "receipt", cases[i].query, false), cases[i].status);
        assert_int_equal(k.receipts - before, cases[i].state != NULL);
        if (cases[i].state)
            assert_string_equal(k.receipt.state, cases[i].state);
    }
    hook(&k, "receipt", cases[2].query, false);
    assert_string_equal(k.receipt.error, "no such number");
    assert_int_equal(k.receipt.at, NOW);
    finish(&k);
}

static void kannel_hears(void **state)
{
    struct kit k;
    start(&k, "gw_kannel",
          "plugin: gw_kannel\nname: one\nurl: http://127.0.0.1:1/x\nusername: u\npassword: p\n"
          "inbound_secret: s3cret\n");
    assert_int_equal(hook(&k, "inbound", "id=1&from=138&text=%E9%80%80%E8%AE%A2", false), 401);
    assert_int_equal(hook(&k, "inbound", "secret=s3cre&id=1&from=138&text=x", false), 401);
    assert_int_equal(hook(&k, "inbound", "secret=s3cret&from=138&text=x", false), 400);
    assert_int_equal(k.inbounds, 0);
    assert_int_equal(hook(&k, "inbound",
                          "secret=s3cret&id=1&from=%2B8613800138000&to=10690000&text=%E9%80%80%E8%"
                          "AE%A2&at=1614265330",
                          false),
                     200);
    assert_string_equal(k.inbound.text, "退订");
    assert_string_equal(k.inbound.from, "+8613800138000");
    assert_int_equal(k.inbound.at, NOW);
    assert_int_equal(hook(&k, "inbound", "id=2&from=138&text=x", true), 200);
    assert_int_equal(k.inbounds, 2);
    finish(&k);
}

/* ---- the ABI ---- */

/* Offsets and sizes of ABI 1.0 on 64-bit machines: nothing here ever changes, fields are only
 * added behind. */
static const struct {
    const char *what;
    size_t is, was;
} layout[] = {
    {"plugin.magic", offsetof(struct steward_plugin, magic), 0},
    {"plugin.abi_major", offsetof(struct steward_plugin, abi_major), 4},
    {"plugin.abi_minor", offsetof(struct steward_plugin, abi_minor), 6},
    {"plugin.struct_size", offsetof(struct steward_plugin, struct_size), 8},
    {"plugin.name", offsetof(struct steward_plugin, name), 16},
    {"plugin.conf_keys", offsetof(struct steward_plugin, conf_keys), 40},
    {"plugin.init", offsetof(struct steward_plugin, init), 56},
    {"plugin.fini", offsetof(struct steward_plugin, fini), 88},
    {"plugin", sizeof(struct steward_plugin), 96},
    {"host.log", offsetof(struct steward_host, log), 8},
    {"host.conf_text", offsetof(struct steward_host, conf_text), 32},
    {"host.timer_new", offsetof(struct steward_host, timer_new), 56},
    {"host.stream_open", offsetof(struct steward_host, stream_open), 80},
    {"host.release", offsetof(struct steward_host, release), 96},
    {"host.register_cti", offsetof(struct steward_host, register_cti), 120},
    {"host.cti_emit", offsetof(struct steward_host, cti_emit), 136},
    {"host.receipt", offsetof(struct steward_host, receipt), 184},
    {"host.hmac_sha256", offsetof(struct steward_host, hmac_sha256), 208},
    {"host.stopped", offsetof(struct steward_host, stopped), 240},
    {"host", sizeof(struct steward_host), 248},
    {"conf_key", sizeof(struct steward_conf_key), 56},
    {"stream_opts", sizeof(struct steward_stream_opts), 48},
    {"action", sizeof(struct steward_action), 96},
    {"cti_ops", sizeof(struct steward_cti_ops), 16},
    {"request", sizeof(struct steward_request), 64},
    {"response", sizeof(struct steward_response), 40},
    {"verdict.provider_id", offsetof(struct steward_verdict, provider_id), 8},
    {"verdict", sizeof(struct steward_verdict), 400},
    {"receipt", sizeof(struct steward_receipt), 48},
    {"hook.authenticated", offsetof(struct steward_hook, authenticated), 64},
    {"hook", sizeof(struct steward_hook), 72},
    {"gateway_ops.concurrency", offsetof(struct steward_gateway_ops, concurrency), 32},
    {"gateway_ops.verify", offsetof(struct steward_gateway_ops, verify), 56},
    {"gateway_ops", sizeof(struct steward_gateway_ops), 64},
    {"message.params_json", offsetof(struct steward_message, params_json), 96},
    {"message.event_json", offsetof(struct steward_message, event_json), 136},
    {"message", sizeof(struct steward_message), 152},
    {"cti_event.call", offsetof(struct steward_cti_event, call), 16},
    {"cti_event.pbx_cause", offsetof(struct steward_cti_event, pbx_cause), 112},
    {"cti_event", sizeof(struct steward_cti_event), 120},
};

static void the_abi_is_as_it_was(void **state)
{
    bool same = true;
    assert_int_equal(sizeof(void *), 8);
    for (size_t i = 0; i < ARRAY_LEN(layout); i++) {
        if (layout[i].is != layout[i].was)
            print_message("%s: %zu, was %zu\n", layout[i].what, layout[i].is, layout[i].was);
        same &= layout[i].is == layout[i].was;
    }
    assert_true(same);
    assert_int_equal(STEWARD_EV_COUNT, 14);
    assert_int_equal(STEWARD_CAUSE_COUNT, 10);
    assert_int_equal(STEWARD_EV_AGENT_STATE, 13);
    assert_int_equal(STEWARD_AGENT_WORKING_AFTER_CALL, 5);
    assert_int_equal(STEWARD_SOURCE_UP, 3);
    assert_int_equal(STEWARD_FAILED, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_plugin_is_well),   cmocka_unit_test(webhook_is_signed),
        cmocka_unit_test(webhook_carries_events), cmocka_unit_test(webhook_verifies),
        cmocka_unit_test(webhook_judges),         cmocka_unit_test(kannel_sends),
        cmocka_unit_test(kannel_posts),           cmocka_unit_test(kannel_judges),
        cmocka_unit_test(kannel_reports),         cmocka_unit_test(kannel_hears),
        cmocka_unit_test(the_abi_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
