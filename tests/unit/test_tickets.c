/*
 * test_tickets.c - the first-responder rule over a real store: calls, claims, the loop, the ends.
 */
#include "rule_world.h"

static int setup(void **state)
{
    *state = world_new();
    return 0;
}

static int teardown(void **state)
{
    world_free(*state);
    return 0;
}

static void first_answer_is_first_responder(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    json_t *o = ticket_as(w, "li.na", id);
    assert_int_equal(id, 1);
    assert_string_equal(text_at(o, "id"), "T-000001");
    assert_string_equal(text_at(o, "state"), "open");
    assert_string_equal(text_at(o, "responder"), "li.na");
    assert_string_equal(text_at(o, "channel"), "call");
    assert_string_equal(text_at(o, "unit"), "1201");
    assert_string_equal(text_at(o, "estate"), "四季花城");
    json_decref(o);
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=running");
    assert_string_equal(kinds_of(w, id), "opened clock_started clock_kept clock_started");
    assert_int_equal(answer(w, "+8613900139000", 8, "zhao.lei"), -id); /* the household */
    assert_int_equal(answer(w, "+8613800138000", 0, "zhao.lei"), -id); /* the number */
    assert_int_equal(answer(w, NULL, 9, "zhao.lei"), 2);               /* another household */
    o = ticket_as(w, "li.na", id);
    assert_int_equal(json_array_size(json_object_get(o, "calls")), 3);
    assert_string_equal(text_at(o, "responder"), "li.na");
    json_decref(o);
}

static void answered_where_nobody_stands(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, NULL);
    assert_state(w, id, "new");
    assert_string_equal(clocks_of(w, id), "claim=running first_reply=kept resolve=running");
    do_as(w, "zhao.lei", id, "claim", "{}");
    assert_string_equal(clocks_of(w, id), "claim=kept first_reply=kept resolve=running");
    assert_int_equal(verb_as(w, "li.na", id, "claim", "{}"), E_CONFLICT);
    assert_string_equal(w->out.responder, "zhao.lei");
    assert_string_equal(w->out.state, "open");
    assert_non_null(strstr(w->out.allowed, "note"));
}

static void machines_and_auditors_are_nobody(void **state)
{
    struct world *w = *state;
    int64_t id = create_as(w, "dev", "{\"subject\":\"路灯\",\"take\":true}");
    assert_state(w, id, "new");
    assert_int_equal(verb_as(w, "dev", id, "claim", "{}"), E_DENIED);
    assert_int_equal(verb_as(w, "he.ming", id, "claim", "{}"), E_DENIED);
    assert_int_equal(verb_as(w, "he.ming", id, "note", "{\"text\":\"x\"}"), E_DENIED);
    id = create_as(w, "li.na", "{\"subject\":\"路灯\",\"take\":true,\"channel\":\"walk_in\"}");
    assert_state(w, id, "open");
}

static void loop_until_satisfied(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "li.na", id, "resolve", "{\"note\":\"换了阀门\"}");
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=kept feedback=running");
    do_as(w, "li.na", id, "reply", "{\"note\":\"好了\",\"channel\":\"call\"}");
    assert_state(w, id, "awaiting_confirmation");
    do_as(w, "li.na", id, "confirm", "{\"satisfied\":false,\"via\":\"survey\"}");
    assert_state(w, id, "open");
    assert_string_equal(world_get(w, "SELECT json_extract(data,'$.via') FROM ticket_event WHERE "
                                     "kind='confirmed'"),
                        "staff"); /* staff cannot speak for the owner */
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=kept feedback=kept "
                                          "confirm=kept resolve=running");
    assert_int_equal(world_int(w, "SELECT cycle FROM ticket"), 2);
    do_as(w, "li.na", id, "resolve", "{}");
    do_as(w, "li.na", id, "confirm", "{\"satisfied\":true,\"score\":5}");
    assert_state(w, id, "closed");
    assert_string_equal(world_get(w, "SELECT close_kind FROM ticket"), "confirmed");
    assert_int_equal(world_int(w, "SELECT score FROM person WHERE id=7"), 5);
    assert_int_equal(/* a drawn confirmation leaves a callback with a clock of its own */
                     world_int(w,
                               "SELECT count(*) FROM clock WHERE done=0 AND callback_id IS NULL"),
                     0);
    do_as(w, "zhao.lei", id, "reopen", "{\"note\":\"又漏了\"}");
    assert_state(w, id, "open");
    assert_int_equal(world_int(w, "SELECT cycle FROM ticket"), 3);
}

static void settled_within_the_call(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "li.na", id, "resolve", "{\"told\":true,\"satisfied\":true,\"score\":4}");
    assert_state(w, id, "closed");
    assert_string_equal(kinds_of(w, id), "opened clock_started clock_kept clock_started resolved "
                                         "clock_kept told confirmed closed");
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *who, *verb, *body;
        int rc;
        const char *field;
    } rows[] = {
        {"li.na", "confirm", "{\"satisfied\":true}", E_CONFLICT, ""},
        {"zhao.lei", "resolve", "{}", E_DENIED, ""},
        {"li.na", "close", "{\"reason\":\"x\"}", E_DENIED, ""},
        {"sun.li", "close", "{}", E_INVALID, "reason"},
        {"li.na", "cancel", "{\"reason\":\"because\"}", E_INVALID, "reason"},
        {"li.na", "note", "{}", E_INVALID, "text"},
        {"li.na", "note", "{\"text\":7}", E_INVALID, "text"},
        {"li.na", "fly", "{}", E_NOTFOUND, ""},
        {"li.na", "dispatches/1/accept", "{}", E_NOTFOUND, ""},
        {"li.na", "dispatches/x/accept", "{}", E_NOTFOUND, ""},
        {"li.na", "accept", "{}", E_NOTFOUND, ""},
        {"li.na", "dispatch", "{\"department\":\"moon\"}", E_INVALID, "department"},
        {"li.na", "dispatch", "{\"department\":\"security\",\"final\":true}", E_DENIED, "final"},
        {"li.na", "reply", "{\"channel\":\"owl\"}", E_INVALID, "channel"},
        {"li.na", "extend", "{\"clock\":\"resolve\",\"by\":\"1h\",\"reason\":\"x\"}", E_DENIED, ""},
        {"sun.li", "extend", "{\"clock\":\"resolve\",\"by\":\"soon\",\"reason\":\"x\"}", E_INVALID,
         "by"},
        {"li.na", "pause", "{\"clock\":\"resolve\",\"reason\":\"holiday\"}", E_INVALID, "reason"},
        {"li.na", "handover", "{\"to\":\"zhao.lei\",\"ground\":\"tired\"}", E_INVALID, "ground"},
        {"li.na", "handover", "{\"to\":\"he.ming\",\"ground\":\"leave\"}", E_INVALID, "to"},
        {"li.na", "incident", "{\"id\":4}", E_INVALID, "id"},
        {"li.na", "milestones/x", "{}", E_CONFLICT, ""},
    };
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    int64_t events = world_int(w, "SELECT count(*) FROM ticket_event");

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = verb_as(w, rows[i].who, id, rows[i].verb, rows[i].body);
        if (rc != rows[i].rc || strcmp(w->out.field, rows[i].field) != 0)
            fail_msg("%s %s %s: %d field '%s' (%s)", rows[i].who, rows[i].verb, rows[i].body, rc,
                     w->out.field, w->out.text);
    }
    assert_int_equal(verb_as(w, "li.na", 99, "note", "{\"text\":\"x\"}"), E_NOTFOUND);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event"), events);
    do_as(w, "li.na", id, "cancel", "{\"reason\":\"test\"}");
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=cancelled");
}

static void created_with_bad_fields(void **state)
{
    static const struct {
        const char *body, *field;
    } rows[] = {
        {"{}", "subject"},
        {"{\"subject\":\"x\",\"kind\":\"song\"}", "kind"},
        {"{\"subject\":\"x\",\"channel\":\"owl\"}", "channel"},
        {"{\"subject\":\"x\",\"priority\":5}", "priority"},
        {"{\"subject\":\"x\",\"priority\":\"1\"}", "priority"},
        {"{\"subject\":\"x\",\"category\":\"moon\"}", "category"},
        {"{\"subject\":\"x\",\"person_id\":999}", "person_id"},
        {"{\"subject\":\"x\",\"unit_id\":999}", "unit_id"},
        {"{\"subject\":\"x\",\"call_id\":999}", "call_id"},
        {"{\"subject\":\"x\",\"caller\":\"abc\"}", "caller"},
        {"{\"subject\":\"x\",\"about\":\"nobody\"}", "about"},
        {"{\"subject\":\"x\",\"take\":\"yes\"}", "take"},
    };
    struct world *w = *state;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(verb_as(w, "li.na", 0, "create", rows[i].body), E_INVALID);
        assert_string_equal(w->out.field, rows[i].field);
    }
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket"), 0);
    int64_t id = create_as(w, "li.na",
                           "{\"subject\":\"漏水\",\"category\":\"leak\",\"caller\":"
                           "\"13800138000\",\"person_id\":7,\"note\":\"厨房\"}");
    json_t *o = ticket_as(w, "li.na", id);
    assert_string_equal(text_at(o, "caller"), "+8613800138000");
    assert_string_equal(text_at(o, "kind"), "repair");
    assert_string_equal(text_at(o, "unit"), "1201");
    json_decref(o);
}

static void stale_version(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    struct verb_call c = {.id = id, .verb = "note", .actor = who("li.na"), .if_match = 1};
    c.body = json_pack("{s:s}", "text", "x");
    assert_int_equal(world_run(w, verb_call_run, &c), 0);
    assert_int_equal(w->out.version, 2);
    assert_int_equal(world_run(w, verb_call_run, &c), E_STALE);
    json_decref(c.body);
}

static void complaint_about_an_employee(void **state)
{
    struct world *w = *state;
    int64_t id = create_as(w, "zhao.lei",
                           "{\"subject\":\"态度差\",\"kind\":\"complaint\","
                           "\"about\":\"li.na\"}");
    assert_int_equal(verb_as(w, "li.na", id, "claim", "{}"), E_DENIED);
    do_as(w, "zhao.lei", id, "claim", "{}");
    assert_int_equal(
        verb_as(w, "zhao.lei", id, "handover", "{\"to\":\"li.na\",\"ground\":\"leave\"}"),
        E_INVALID);
    id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "sun.li", id, "patch", "{\"kind\":\"complaint\",\"about\":\"li.na\"}");
    json_t *o = ticket_as(w, "sun.li", id);
    assert_string_equal(text_at(json_object_get(o, "handover"), "ground"), "conflict_of_interest");
    json_decref(o);
}

struct listing {
    struct ticket_filter filter;
    char ids[200];
};

static int listing_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct listing *l = arg;
    struct actor actor = who("sun.li");
    struct buf out = BUF_INIT(1 << 20);
    int rc = tickets_list_json(ledger_db(tx), w->tickets, &l->filter, &actor, ledger_now(tx), &out);
    json_t *o = json_parse(buf_str(&out), out.len, NULL), *item;
    size_t i;
    json_array_foreach(json_object_get(o, "items"), i, item)
    {
        snprintf(l->ids + strlen(l->ids), sizeof(l->ids) - strlen(l->ids), "%s%s", i ? " " : "",
                 text_at(item, "id"));
    }
    json_decref(o);
    buf_free(&out);
    return rc;
}

static const char *listed(struct world *w, struct ticket_filter filter)
{
    static struct listing l;
    l = (struct listing){.filter = filter};
    assert_int_equal(world_run(w, listing_run, &l), 0);
    return l.ids;
}

/* The indexes of units and responders are in parts of 1,024 tickets. */
static void lists_across_parts(void **state)
{
    struct world *w = *state;
    answer(w, "+8613800138000", 7, "li.na");
    answer(w, NULL, 9, "zhao.lei");
    world_sql(w, "INSERT INTO ticket (id,version,state,kind,subject,priority,unit_id,channel,"
                 "responder,opened_at,policy_id) SELECT n.id,version,state,kind,subject,priority,"
                 "unit_id,channel,responder,opened_at,policy_id FROM ticket t JOIN (SELECT 1023 AS "
                 "id UNION SELECT 1024 UNION SELECT 1025 UNION SELECT 9000) n WHERE t.id=1");
    assert_string_equal(listed(w, (struct ticket_filter){.unit_id = 31, .limit = 50}),
                        "T-009000 T-001025 T-001024 T-001023 T-000001");
    assert_string_equal(listed(w, (struct ticket_filter){.unit_id = 31, .limit = 2}),
                        "T-009000 T-001025");
    assert_string_equal(listed(w, (struct ticket_filter){.unit_id = 32, .limit = 50}), "T-000002");
    assert_string_equal(
        listed(w, (struct ticket_filter){.responder = "li.na", .state = "open", .limit = 50}),
        "T-009000 T-001025 T-001024 T-001023 T-000001");
    assert_string_equal(listed(w, (struct ticket_filter){.responder = "zhao.lei", .limit = 50}),
                        "T-000002");
    assert_string_equal(listed(w, (struct ticket_filter){.responder = "nobody", .limit = 50}), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(first_answer_is_first_responder, setup, teardown),
        cmocka_unit_test_setup_teardown(answered_where_nobody_stands, setup, teardown),
        cmocka_unit_test_setup_teardown(machines_and_auditors_are_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(loop_until_satisfied, setup, teardown),
        cmocka_unit_test_setup_teardown(settled_within_the_call, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(created_with_bad_fields, setup, teardown),
        cmocka_unit_test_setup_teardown(stale_version, setup, teardown),
        cmocka_unit_test_setup_teardown(complaint_about_an_employee, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_across_parts, setup, teardown),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
