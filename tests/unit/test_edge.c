/*
 * test_edge.c - the HTTP door over a real ledger: signing in and off, who may what, cross-site
 * requests, Idempotency-Key, masking, the audit of reading persons, event streams.
 */
#include "edge_rig.h"

static int effects, effect_status;

/* ---- routes of the test's own ---- */

static int run_effect(struct ledger_tx *tx, struct api_job *job)
{
    if (effect_status == 409)
        return E_CONFLICT;
    effects++;
    job->status = 201;
    jw_obj(&job->w);
    jw_kint(&job->w, "n", effects);
    jw_end_obj(&job->w);
    return api_audit(tx, job->actor.name, "test.effect", NULL, NULL);
}

static void post_effect(struct http_req *req, void *ctx)
{
    api_write(api_job(req, ctx), "effect", run_effect);
}

static int read_person(struct db *db, struct api_job *job)
{
    job->seen.ids = xcalloc(2, sizeof(*job->seen.ids));
    job->seen.ids[job->seen.n++] = 7;
    job->seen.ids[job->seen.n++] = 8;
    buf_adds(&job->out,
             "{\"items\":[{\"owner\":{\"id\":7,\"phones\":[{\"number\":\"+8613800138000\"}]}},"
             "{\"owner\":{\"id\":8,\"emails\":[\"wang@example.com\"]}}],\"next\":null}");
    return E_OK;
}

static void get_person(struct http_req *req, void *ctx)
{
    api_read(api_job(req, ctx), "person", read_person);
}

static int read_audit(struct db *db, struct api_job *job)
{
    struct db_q *q = db_query(db, "SELECT by, what, object FROM audit ORDER BY id");
    while (db_row(q))
        buf_printf(&job->out, "%s %s %s\n", db_str(q, 0), db_str(q, 1), db_str(q, 2));
    return db_end(q);
}

static void get_audit(struct http_req *req, void *ctx)
{
    api_read(api_job(req, ctx), "audit", read_audit);
}

static void get_big(struct http_req *req, void *ctx)
{
    http_problem(req, 200, "ok");
}

static const struct http_route own_routes[] = {
    ROUTE(POST, "/effect", MAY_STAFF | MAY_INTEGRATION, post_effect, ""),
    ROUTE(GET, "/person", MAY_READ, get_person, ""),
    ROUTE(GET, "/audit", MAY_ADMIN, get_audit, ""),
    ROUTE(GET, "/supervise", MAY_SUPERVISE, get_big, ""),
    {.path = NULL},
};
const struct http_route *const rig_tables[] = {own_routes, api_session_routes, api_events_routes,
                                               NULL};

static int setup(void **state)
{
    effects = effect_status = 0;
    return rig_up(state);
}

/* ---- tests ---- */

static void test_who(void **state)
{
    assert_int_equal(ask("GET /api/v1/session", "", ""), 401);
    assert_int_equal(ask("GET /api/v1/session", "Authorization: Bearer wrong\r\n", ""), 401);
    assert_int_equal(ask("GET /api/v1/session", "Authorization: Basic eDp5\r\n", ""), 401);
    assert_int_equal(ask("GET /api/v1/session", AS("li.na"), ""), 200);
    assert_true(says("\"user\":\"li.na\",\"role\":\"agent\",\"device\":\"1001\""));
    assert_int_equal(ask("GET /supervise", AS("li.na"), ""), 403);
    assert_int_equal(ask("GET /supervise", AS("crm"), ""), 403);
    assert_int_equal(ask("GET /supervise", AS("sun.li"), ""), 200);
    assert_int_equal(ask("GET /supervise", DEV, ""), 200);
    assert_int_equal(ask("POST /effect", AS("he.jing"), ""), 403);
    assert_int_equal(ask("POST /effect", AS("crm"), ""), 201);
}

static void cookie_of(char *out, size_t cap)
{
    const char *at = strstr(buf_str(&in), "steward_session=");
    assert_non_null(at);
    snprintf(out, cap, "Cookie: a=b; %.*s\r\n", (int)strcspn(at, ";"), at);
}

static void test_session(void **state)
{
    char cookie[200], headers[400];
    assert_int_equal(ask("POST /api/v1/session", "",
                         "{\"user\":\"li.na\",\"password\":\"correct horse\",\"device\":\"1007\"}"),
                     200);
    assert_true(says("HttpOnly; SameSite=Strict"));
    assert_true(says("\"user\":\"li.na\",\"role\":\"agent\",\"device\":\"1007\",\"token\":\""));
    assert_string_equal(staff_by_name(e->o.staff, "li.na")->device, "1007");
    cookie_of(cookie, sizeof(cookie));
    assert_int_equal(ask("GET /api/v1/session", cookie, ""), 200);
    assert_int_equal(ask("POST /effect", cookie, ""), 201);
    snprintf(headers, sizeof(headers), "%sOrigin: https://desk.example:8080\r\n", cookie);
    assert_int_equal(ask("POST /effect", headers, ""), 201);
    snprintf(headers, sizeof(headers), "%sOrigin: https://evil.example\r\n", cookie);
    assert_int_equal(ask("POST /effect", headers, ""), 403);
    snprintf(headers, sizeof(headers), "%sOrigin: null\r\n", cookie);
    assert_int_equal(ask("POST /effect", headers, ""), 403);
    snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: cross-site\r\n", cookie);
    assert_int_equal(ask("POST /effect", headers, ""), 403);
    snprintf(headers, sizeof(headers), "%sSec-Fetch-Site: same-site\r\n", cookie);
    assert_int_equal(ask("DELETE /api/v1/session", headers, ""), 403);
    assert_int_equal(ask("DELETE /api/v1/session", cookie, ""), 204);
    assert_true(says("Max-Age=0"));
    assert_int_equal(ask("GET /api/v1/session", cookie, ""), 401);
    assert_string_equal(staff_by_name(e->o.staff, "li.na")->device, "");
    assert_int_equal(ask("GET /api/v1/session", AS("li.na"), ""), 200); /* the token stays */
}

static void test_sign_on_with_token(void **state)
{
    assert_int_equal(ask("POST /api/v1/session", AS("zhao.gang"), "{\"device\":\"pbx-a/2001\"}"),
                     200);
    assert_string_equal(staff_by_name(e->o.staff, "zhao.gang")->device, "pbx-a/2001");
    assert_int_equal(ask("POST /api/v1/session", DEV, "{\"device\":\"1001\"}"), 401);
    assert_int_equal(ask("POST /api/v1/session", AS("zhao.gang"), "{\"device\":\"a b\"}"), 422);
    assert_true(says("\"field\":\"device\""));
    assert_int_equal(ask("POST /api/v1/session", "", "{}"), 401);
    assert_int_equal(ask("POST /api/v1/session", "", "{\"user\":5,\"password\":\"x\"}"), 422);
}

/* Eight wrong passwords from one address for one name, then nothing is even tried. */
static void test_guessing(void **state)
{
    static const char wrong[] = "{\"user\":\"li.na\",\"password\":\"wrong horse\"}";
    for (int i = 0; i < 8; i++)
        assert_int_equal(ask("POST /api/v1/session", "", wrong), 401);
    assert_int_equal(ask("POST /api/v1/session", "", wrong), 429);
    assert_true(says("Retry-After"));
    assert_int_equal(
        ask("POST /api/v1/session", "", "{\"user\":\"li.na\",\"password\":\"correct horse\"}"),
        429);
    assert_int_equal(
        ask("POST /api/v1/session", "", "{\"user\":\"sun.li\",\"password\":\"correct horse\"}"),
        200);
    assert_int_equal(ask("POST /api/v1/session", "", "{\"user\":\"nobody\",\"password\":\"x\"}"),
                     401);
}

static void test_idempotency(void **state)
{
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k1\r\n", "{\"a\":1}"), 201);
    assert_true(says("{\"n\":1}"));
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k1\r\n", "{\"a\":1}"), 201);
    assert_true(says("{\"n\":1}"));
    assert_int_equal(effects, 1);
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k1\r\n", "{\"a\":2}"), 422);
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k1\r\n", " { \"a\" : 1 } "),
                     201);
    assert_int_equal(effects, 1);
    assert_int_equal(ask("POST /effect?b=1", AS("li.na") "Idempotency-Key: k1\r\n", "{\"a\":1}"),
                     422);
    assert_int_equal(ask("POST /effect", AS("sun.li") "Idempotency-Key: k1\r\n", "{\"a\":1}"), 201);
    assert_int_equal(effects, 2);
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key:\r\n", "{\"a\":1}"), 422);
    /* What was refused had no effect, and may be tried again under its key. */
    effect_status = 409;
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k2\r\n", ""), 409);
    effect_status = 0;
    assert_int_equal(ask("POST /effect", AS("li.na") "Idempotency-Key: k2\r\n", ""), 201);
    assert_int_equal(effects, 3);
}

static void test_persons(void **state)
{
    assert_int_equal(ask("GET /person", AS("li.na"), ""), 200);
    assert_true(says("+8613800138000"));
    assert_int_equal(ask("GET /person", AS("he.jing"), ""), 200);
    assert_true(says("\"number\":\"+86138****8000\""));
    assert_true(says("w***@example.com"));
    assert_int_equal(ask("GET /audit", DEV, ""), 200);
    assert_true(says("li.na person.read person:7"));
    assert_true(says("li.na person.read person:8"));
    assert_true(says("he.jing person.read person:7"));
}

static void test_mask(void **state)
{
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"{\"party\":\"+8613800138000\"}", "{\"party\":\"+86138****8000\"}"},
        {"{\"calling_raw\":\"13800138000\"}", "{\"calling_raw\":\"138****8000\"}"},
        {"{\"phones\":[\"020-81234567\",{\"number\":\"5551234\"}]}",
         "{\"phones\":[\"020-****4567\",{\"number\":\"***1234\"}]}"},
        {"{\"to\":\"1002\",\"from\":\"2026-11-22T08:15:30.123Z\"}",
         "{\"to\":\"1002\",\"from\":\"2026-11-22T08:15:30.123Z\"}"},
        {"{\"from\":\"2019-05-01\",\"to\":null}", "{\"from\":\"2019-05-01\",\"to\":null}"},
        {"{\"to\":\"wang@example.com\"}", "{\"to\":\"w***@example.com\"}"},
        {"{\"text\":\"+8613800138000\"}", "{\"text\":\"+86138****8000\"}"},
        {"{\"note\":\"\u8bf7\u62e8 138 0013 8000, T-000123, 3-1201, 2026-11-22 08:15\"}",
         "{\"note\":\"\u8bf7\u62e8 138 **** 8000, T-000123, 3-1201, 2026-11-22 08:15\"}"},
        {"{\"subject\":\"13800138000\u62e8\u4e86,020-81234567.\"}",
         "{\"subject\":\"138****8000\u62e8\u4e86,020-****4567.\"}"},
        {"{\"call\":\"1764550000.123\",\"person_id\":1234567,\"due_at\":\"2026-11-22T08:15:30."
         "123Z\"}",
         "{\"call\":\"1764550000.123\",\"person_id\":1234567,\"due_at\":\"2026-11-22T08:15:30."
         "123Z\"}"},
        {"{\"detail\":\"c1234567 a_7654321 1234567x\"}",
         "{\"detail\":\"c1234567 a_7654321 1234567x\"}"},
        {"[1,{\"a\":{\"caller\":\"+85291234567\"}}]", "[1,{\"a\":{\"caller\":\"+852****4567\"}}]"},
        {"{\"phone_labels\":{\"+8613800138000\":\"mobile\",\"id\":1}}",
         "{\"phone_labels\":{\"+86138****8000\":\"mobile\",\"id\":1}}"},
        {"no json", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf b = BUF_INIT(1000);
        buf_adds(&b, cases[i].in);
        mask_json(&b);
        assert_string_equal(buf_str(&b), cases[i].out);
        buf_free(&b);
    }
}

/* ---- events ---- */

struct listener_fd {
    int fd;
    struct buf in;
};

static bool has_head(const struct buf *b)
{
    return strstr(buf_str(b), "retry: 2000\n\n") != NULL;
}

static struct listener_fd listen_as(const char *headers, const char *query)
{
    struct listener_fd l = {.fd = client_connect(port), .in = BUF_INIT(8 << 20)};
    char out[500];
    int n = snprintf(out, sizeof(out), "GET /api/v1/events%s HTTP/1.1\r\nHost: a\r\n%s\r\n", query,
                     headers);
    client_send(l.fd, out, (size_t)n);
    client_read(e->o.loop, l.fd, &l.in, has_head);
    assert_int_equal(client_status(&l.in), 200);
    return l;
}

static void hang_up(struct listener_fd *l)
{
    close(l->fd);
    buf_free(&l->in);
}

static bool has_end(const struct buf *b)
{
    return strstr(buf_str(b), "\"end\"") != NULL;
}

static void publish(const char *json, const char *device, const char *user, const char *source)
{
    const char *users[] = {user, NULL};
    hub_publish(e->o.hub, &(struct hub_event){.kind = HUB_TICKET,
                                              .json = json,
                                              .len = strlen(json),
                                              .device = device,
                                              .source = source,
                                              .users = user ? users : NULL});
}

static void publish_end(void)
{
    hub_publish(e->o.hub,
                &(struct hub_event){
                    .kind = HUB_ALERT, .json = "{\"x\":\"end\"}", .len = 11, .all_staff = true});
}

static void test_whom_it_concerns(void **state)
{
    struct listener_fd agent = listen_as(AS("li.na"), ""), boss = listen_as(AS("sun.li"), ""),
                       auditor = listen_as(AS("he.jing"), "");
    publish("{\"x\":\"device\",\"party\":\"+8613800138000\"}", "1001", NULL, "pbx-a");
    publish("{\"x\":\"mine\"}", NULL, "li.na", NULL);
    publish("{\"x\":\"other\"}", "1002", "zhao.gang", "pbx-a");
    publish_end();
    client_read(e->o.loop, agent.fd, &agent.in, has_end);
    client_read(e->o.loop, boss.fd, &boss.in, has_end);
    client_read(e->o.loop, auditor.fd, &auditor.in, has_end);
    assert_non_null(strstr(agent.in.data, "event: ticket\ndata: {\"x\":\"device\""));
    assert_non_null(strstr(agent.in.data, "\"mine\""));
    assert_null(strstr(agent.in.data, "\"other\""));
    assert_non_null(strstr(boss.in.data, "\"device\""));
    assert_non_null(strstr(boss.in.data, "\"other\""));
    assert_non_null(strstr(boss.in.data, "+8613800138000"));
    assert_non_null(strstr(auditor.in.data, "+86138****8000"));
    hang_up(&agent);
    hang_up(&boss);
    hang_up(&auditor);
}

static void last_id(const struct listener_fd *l, char *out, size_t cap)
{
    const char *at = NULL;
    for (const char *p = l->in.data; (p = strstr(p, "\nid: ")); p++)
        at = p + 5;
    assert_non_null(at);
    snprintf(out, cap, "%.*s", (int)strcspn(at, "\n"), at);
}

static void test_resume(void **state)
{
    char id[64], headers[200], query[100];
    struct listener_fd l = listen_as(DEV, "");
    publish("{\"x\":\"first\"}", "1001", NULL, "pbx-a");
    publish_end();
    client_read(e->o.loop, l.fd, &l.in, has_end);
    last_id(&l, id, sizeof(id));
    hang_up(&l);
    publish("{\"x\":\"missed\"}", "1001", NULL, "pbx-a");
    publish_end();
    snprintf(headers, sizeof(headers), DEV "Last-Event-ID: %s\r\n", id);
    l = listen_as(headers, "");
    client_read(e->o.loop, l.fd, &l.in, has_end);
    assert_null(strstr(l.in.data, "first"));
    assert_non_null(strstr(l.in.data, "missed"));
    hang_up(&l);
    snprintf(query, sizeof(query), "?after=%s", id);
    l = listen_as(DEV, query);
    client_read(e->o.loop, l.fd, &l.in, has_end);
    assert_non_null(strstr(l.in.data, "missed"));
    hang_up(&l);
    l = listen_as(DEV "Last-Event-ID: nonsense-1\r\n", "");
    publish_end();
    client_read(e->o.loop, l.fd, &l.in, has_end);
    assert_non_null(strstr(l.in.data, "event: reset\ndata: {}\n\n"));
    assert_null(strstr(l.in.data, "missed"));
    hang_up(&l);
}

/* One client never reads: it is cut off, the other goes on, and memory stays bounded. */
static void test_slow_client(void **state)
{
    static char big[60000];
    memset(big, 'x', sizeof(big) - 1);
    big[0] = big[sizeof(big) - 2] = '"';
    struct listener_fd slow = listen_as(DEV, ""), quick = listen_as(AS("sun.li"), "");
    for (int i = 0; i < 400; i++) {
        hub_publish(e->o.hub,
                    &(struct hub_event){
                        .kind = HUB_STATS, .json = big, .len = sizeof(big) - 1, .all_staff = true});
        loop_turn(e->o.loop);
        char sink[1 << 17];
        while (recv(quick.fd, sink, sizeof(sink), MSG_DONTWAIT) > 0)
            ;
    }
    struct buf text = BUF_INIT(1 << 20);
    metrics_write(e->o.metrics, &text);
    assert_non_null(strstr(text.data, "steward_events_clients 1\n"));
    assert_non_null(strstr(text.data, "steward_events_cut_off_total 1\n"));
    buf_free(&text);
    publish_end();
    client_read(e->o.loop, quick.fd, &quick.in, has_end);
    assert_true(has_end(&quick.in));
    hang_up(&slow);
    hang_up(&quick);
}

#define WITH_DOOR(test) cmocka_unit_test_setup_teardown(test, setup, rig_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DOOR(test_who),
        WITH_DOOR(test_session),
        WITH_DOOR(test_sign_on_with_token),
        WITH_DOOR(test_guessing),
        WITH_DOOR(test_idempotency),
        WITH_DOOR(test_persons),
        cmocka_unit_test(test_mask),
        WITH_DOOR(test_whom_it_concerns),
        WITH_DOOR(test_resume),
        WITH_DOOR(test_slow_client),
    };
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    buf_free(&in);
    return rc;
}
