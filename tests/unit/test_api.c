/*
 * test_api.c - the API's resources over real services: owners, units, tickets with their verbs,
 * accounts and tokens, the audit log. What a rule allows is tested with the rule; here it is that
 * the answer has the right status, fields and headers.
 */
#include "edge_rig.h"

#include "service/tickets/tickets.h"
#include "service/clocks/clocks.h"
#include "service/messages/outbox.h"
#include "service/tell/tell.h"
#include "service/registry/registry.h"

const struct http_route *const rig_tables[] = {api_session_routes,
                                               api_owner_routes,
                                               api_ticket_routes,
                                               api_message_routes,
                                               api_staff_routes,
                                               api_site_routes,
                                               NULL};

static struct tell *tell;

static int setup(void **state)
{
    struct number_rules rules;
    struct errmsg why;
    rig_up(state);
    number_rules_of(e->o.site, &rules);
    e->o.registry = registry_new(&(struct registry_opts){.ledger = ledger, .rules = &rules});
    e->o.outbox = outbox_new(
        &(struct outbox_opts){
            .loop = e->o.loop, .ledger = ledger, .hub = e->o.hub, .site = e->o.site},
        &why);
    assert_non_null(e->o.outbox);
    tell = tell_new(&(struct tell_opts){.site = e->o.site, .hub = e->o.hub, .outbox = e->o.outbox});
    e->o.clocks = clocks_new(e->o.site);
    e->o.tickets = tickets_new(&(struct tickets_opts){
        .site = e->o.site, .clocks = e->o.clocks, .tell = tell, .outbox = e->o.outbox});
    return 0;
}

static int teardown(void **state)
{
    outbox_stop(e->o.outbox);
    http_free(&e->http);
    ledger_free(&ledger);
    tickets_free(&e->o.tickets);
    clocks_free(&e->o.clocks);
    tell_free(&tell);
    outbox_free(&e->o.outbox);
    registry_free(&e->o.registry);
    return rig_down(state);
}

static void test_owners(void **state)
{
    assert_int_equal(
        ask("POST /api/v1/owners", AS("li.na"),
            "{\"name\":\"王芳\",\"phones\":[\"13800138000\"],\"emails\":[\"w@example.com\"],"
            "\"flags\":[\"elderly\"]}"),
        201);
    assert_true(says("\"name\":\"王芳\""));
    assert_true(says("\"version\":1"));
    assert_int_equal(ask("GET /api/v1/owners?phone=13800138000", AS("li.na"), ""), 200);
    assert_true(says("\"match\":\"one\""));
    assert_true(says("\"certainty\":\"certain\""));
    assert_int_equal(ask("GET /api/v1/owners?phone=+8613800138000", AS("li.na"), ""), 200);
    assert_true(says("\"match\":\"one\""));
    assert_int_equal(ask("GET /api/v1/owners?phone=%2B8613800138000", AS("he.jing"), ""), 200);
    assert_true(says("\"match\":\"one\""));
    assert_int_equal(ask("GET /api/v1/owners/1", AS("he.jing"), ""), 200);
    assert_null(strstr(in.data, "13800138000"));
    assert_true(says("w***@example.com"));
    assert_int_equal(ask("GET /api/v1/owners?phone=13900139000", AS("li.na"), ""), 200);
    assert_true(says("{\"match\":\"none\",\"items\":[]"));
    assert_int_equal(ask("GET /api/v1/owners?q=%E7%8E%8B%E8%8A%B3", AS("li.na"), ""), 200);
    assert_true(says("王芳"));
    assert_int_equal(ask("GET /api/v1/owners", AS("li.na"), ""), 200);
    assert_int_equal(ask("GET /api/v1/owners/1", AS("li.na"), ""), 200);
    assert_int_equal(ask("GET /api/v1/owners/99", AS("li.na"), ""), 404);
    assert_int_equal(ask("GET /api/v1/owners/x", AS("li.na"), ""), 404);
    assert_int_equal(ask("PATCH /api/v1/owners/1", AS("li.na") "If-Match: \"1\"\r\n",
                         "{\"segment\":\"富贵之家\"}"),
                     200);
    assert_true(says("\"version\":2"));
    assert_int_equal(
        ask("PATCH /api/v1/owners/1", AS("li.na") "If-Match: \"1\"\r\n", "{\"segment\":\"x\"}"),
        412);
    assert_int_equal(ask("PATCH /api/v1/owners/1", AS("li.na"), "{\"nonsense\":1}"), 422);
    assert_true(says("\"field\":\"nonsense\""));
    assert_int_equal(ask("POST /api/v1/owners", AS("li.na"), "{}"), 422);
    assert_int_equal(ask("POST /api/v1/owners", AS("he.jing"), "{\"name\":\"x\"}"), 403);
    assert_int_equal(ask("GET /api/v1/units", AS("li.na"), ""), 200);
    assert_true(says("{\"items\":[],\"next\":null}"));
    assert_int_equal(ask("GET /api/v1/estates", AS("li.na"), ""), 200);
    assert_int_equal(ask("GET /api/v1/units/9", AS("li.na"), ""), 404);
}

static void test_tickets(void **state)
{
    assert_int_equal(ask("POST /api/v1/tickets", AS("li.na") "Idempotency-Key: t1\r\n",
                         "{\"subject\":\"厨房漏水\",\"take\":true,\"caller\":\"13800138000\"}"),
                     201);
    assert_true(says("\"id\":\"T-000001\""));
    assert_true(says("\"responder\":\"li.na\""));
    assert_int_equal(ask("POST /api/v1/tickets", AS("li.na") "Idempotency-Key: t1\r\n",
                         "{\"subject\":\"厨房漏水\",\"take\":true,\"caller\":\"13800138000\"}"),
                     201);
    assert_true(says("\"id\":\"T-000001\""));
    assert_int_equal(ask("GET /api/v1/tickets", AS("li.na"), ""), 200);
    assert_null(strstr(in.data, "T-000002"));
    assert_int_equal(ask("GET /api/v1/tickets/T-000001", AS("he.jing"), ""), 200);
    assert_true(says("\"caller\":\"+86138****8000\""));
    assert_int_equal(ask("GET /api/v1/tickets/T-000009", AS("li.na"), ""), 404);
    assert_int_equal(ask("GET /api/v1/tickets/nonsense", AS("li.na"), ""), 404);
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/note", AS("zhao.gang"), "{\"text\":\"x\"}"),
                     200);
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/note", AS("zhao.gang"), "{}"), 422);
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/claim", AS("zhao.gang"), ""), 409);
    assert_true(says("\"responder\":\"li.na\""));
    assert_true(says("\"state\":\"open\""));
    assert_true(says("\"allowed\":["));
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/resolve", AS("zhao.gang"), "{}"), 403);
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/nonsense", AS("li.na"), "{}"), 404);
    assert_int_equal(ask("GET /api/v1/tickets/T-000001/claim", AS("li.na"), ""), 405);
    assert_int_equal(ask("POST /api/v1/tickets/T-000001/note", AS("li.na") "If-Match: \"99\"\r\n",
                         "{\"text\":\"x\"}"),
                     412);
    assert_int_equal(
        ask("PATCH /api/v1/tickets/T-000001", AS("li.na"), "{\"subject\":\"阳台漏水\"}"), 200);
    assert_true(says("阳台漏水"));
    assert_int_equal(
        ask("POST /api/v1/tickets/T-000001/resolve", AS("li.na"), "{\"note\":\"done\"}"), 200);
    assert_true(says("\"state\":\"resolved\""));
    assert_int_equal(ask("GET /api/v1/tickets/T-000001/timeline?limit=2", AS("li.na"), ""), 200);
    assert_true(says("\"kind\":\"opened\""));
    assert_null(strstr(in.data, "\"next\":null"));
    assert_int_equal(ask("GET /api/v1/tickets?person=x", AS("li.na"), ""), 422);
    assert_int_equal(ask("GET /api/v1/callbacks", AS("li.na"), ""), 200);
    assert_true(says("\"items\":[]"));
    assert_int_equal(ask("POST /api/v1/callbacks/5/claim", AS("li.na"), ""), 404);
}

static void test_messages(void **state)
{
    assert_int_equal(ask("POST /api/v1/messages", AS("li.na"),
                         "{\"channel\":\"sms\",\"to\":\"13800138000\",\"text\":\"您好\"}"),
                     201);
    assert_true(says("\"state\":\"queued\""));
    assert_int_equal(ask("GET /api/v1/messages?state=queued", AS("he.jing"), ""), 200);
    assert_null(strstr(in.data, "13800138000"));
    assert_int_equal(ask("GET /api/v1/messages/1", AS("li.na"), ""), 200);
    assert_int_equal(ask("POST /api/v1/messages", AS("li.na"), "{\"channel\":\"pigeon\"}"), 422);
    assert_int_equal(ask("POST /api/v1/messages/1/cancel", AS("li.na"), ""), 200);
    assert_true(says("\"state\":\"cancelled\""));
    assert_int_equal(ask("POST /api/v1/messages/1/cancel", AS("li.na"), ""), 409);
    assert_int_equal(ask("POST /api/v1/messages/1/resend", AS("li.na"), ""), 201);
    assert_true(says("\"resend_of\":1"));
    assert_int_equal(ask("GET /api/v1/messages?ticket=x", AS("li.na"), ""), 422);
}

static void test_accounts(void **state)
{
    assert_int_equal(ask("POST /api/v1/users", AS("sun.li"), "{\"name\":\"x\",\"role\":\"agent\"}"),
                     403);
    assert_int_equal(ask("POST /api/v1/users", DEV,
                         "{\"name\":\"chen.tao\",\"role\":\"agent\",\"device\":\"1009\","
                         "\"password\":\"long enough\"}"),
                     201);
    assert_true(says("\"name\":\"chen.tao\",\"kind\":\"person\",\"role\":\"agent\""));
    assert_null(strstr(in.data, "password"));
    assert_int_equal(ask("POST /api/v1/users", DEV, "{\"name\":\"chen.tao\",\"role\":\"agent\"}"),
                     409);
    assert_int_equal(ask("POST /api/v1/users", DEV, "{\"name\":\"y\",\"role\":\"king\"}"), 422);
    assert_true(says("\"field\":\"role\""));
    assert_int_equal(ask("POST /api/v1/users", DEV,
                         "{\"name\":\"y\",\"role\":\"agent\",\"password\":\"short\"}"),
                     422);
    assert_int_equal(
        ask("POST /api/v1/session", "", "{\"user\":\"chen.tao\",\"password\":\"long enough\"}"),
        200);
    assert_int_equal(
        ask("POST /api/v1/users/chen.tao/password", DEV, "{\"password\":\"another one\"}"), 200);
    assert_int_equal(
        ask("POST /api/v1/session", "", "{\"user\":\"chen.tao\",\"password\":\"long enough\"}"),
        401);
    assert_int_equal(ask("POST /api/v1/tokens", DEV, "{\"user\":\"chen.tao\"}"), 201);
    char header[200], body[200];
    const char *token = strstr(in.data, "\"token\":\"") + 9;
    snprintf(header, sizeof(header), "Authorization: Bearer %.43s\r\n", token);
    snprintf(body, sizeof(body), "{\"token\":\"%.43s\"}", token);
    assert_int_equal(ask("GET /api/v1/session", header, ""), 200);
    assert_int_equal(ask("POST /api/v1/tokens/revoke", DEV, body), 200);
    assert_int_equal(ask("GET /api/v1/session", header, ""), 401);
    assert_int_equal(ask("POST /api/v1/tokens/revoke", DEV, body), 404);
    assert_int_equal(ask("POST /api/v1/tokens", DEV, "{\"user\":\"nobody\"}"), 404);
    assert_int_equal(ask("POST /api/v1/tokens", DEV, "{\"pbx\":\"pbx-a\"}"), 201);
    assert_int_equal(ask("POST /api/v1/tokens", DEV, "{}"), 422);
    assert_int_equal(ask("POST /api/v1/tokens", DEV, "{\"pbx\":\"a\",\"user\":\"b\"}"), 422);
    assert_int_equal(ask("POST /api/v1/users/chen.tao/disable", DEV, ""), 200);
    assert_true(says("\"disabled\":true"));
    assert_int_equal(
        ask("POST /api/v1/session", "", "{\"user\":\"chen.tao\",\"password\":\"another one\"}"),
        401);
    assert_int_equal(ask("GET /api/v1/users?limit=2", DEV, ""), 200);
    assert_null(strstr(in.data, "\"next\":null"));
}

static void test_site(void **state)
{
    assert_int_equal(ask("GET /api/v1/departments", AS("li.na"), ""), 200);
    assert_int_equal(ask("GET /api/v1/categories", AS("li.na"), ""), 200);
    assert_int_equal(ask("GET /api/v1/config", AS("li.na"), ""), 403);
    assert_int_equal(ask("GET /api/v1/config", DEV, ""), 200);
    assert_true(says("\"name\":\"test\""));
}

#define WITH_SERVICES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVICES(test_owners),   WITH_SERVICES(test_tickets), WITH_SERVICES(test_messages),
        WITH_SERVICES(test_accounts), WITH_SERVICES(test_site),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&in);
    return rc;
}
