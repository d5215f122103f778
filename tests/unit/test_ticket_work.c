/*
 * test_ticket_work.c - dispatches, handovers, milestones, incidents and callbacks over a real
 * store.
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

static int64_t leak(struct world *w)
{
    return create_as(w, "li.na",
                     "{\"subject\":\"漏水\",\"category\":\"leak\",\"person_id\":7,"
                     "\"channel\":\"walk_in\",\"take\":true}");
}

static void work_order(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "dispatch", "{\"note\":\"厨房\"}"); /* the category's department */
    assert_state(w, id, "dispatched");
    assert_string_equal(world_get(w, "SELECT account||' '||template FROM message"),
                        "zhao.gang dispatched");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "li.na");
    assert_int_equal(verb_as(w, "chen.tao", id, "dispatches/1/accept", "{}"), E_DENIED);
    assert_int_equal(verb_as(w, "zhao.gang", id, "dispatches/1/done", "{}"), E_CONFLICT);
    do_as(w, "zhao.gang", id, "dispatches/1/accept", "{}");
    assert_int_equal(verb_as(w, "zhao.gang", id, "dispatches/1/refuse", "{\"note\":\"x\"}"),
                     E_CONFLICT);
    do_as(w, "zhao.gang", id, "dispatches/1/progress", "{\"note\":\"买阀门\"}");
    do_as(w, "zhao.gang", id, "dispatches/1/done", "{\"note\":\"换好了\"}");
    assert_state(w, id, "open");
    assert_string_equal(clocks_of(w, id),
                        "first_reply=running resolve=running accept=kept progress=kept "
                        "progress=kept feedback=running");
    do_as(w, "li.na", id, "reply", "{\"note\":\"修好了\"}");
    assert_non_null(strstr(clocks_of(w, id), "feedback=kept"));
    assert_string_equal(world_get(w, "SELECT template FROM message WHERE person_id=7"), "replied");
    assert_int_equal(verb_as(w, "li.na", id, "cancel", "{\"reason\":\"test\"}"), E_DENIED);
}

static void refused_twice(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "dispatch", "{\"department\":\"engineering\"}");
    do_as(w, "li.na", id, "dispatch", "{\"department\":\"security\"}");
    assert_int_equal(verb_as(w, "zhao.gang", id, "dispatches/1/refuse", "{}"), E_INVALID);
    do_as(w, "zhao.gang", id, "dispatches/1/refuse", "{\"note\":\"不归我们\"}");
    assert_state(w, id, "dispatched"); /* the other is still open */
    assert_int_equal(world_int(w, "SELECT count(*) FROM message WHERE account='sun.li'"), 0);
    do_as(w, "chen.tao", id, "dispatches/2/refuse", "{\"note\":\"也不归我们\"}");
    assert_state(w, id, "open");
    assert_int_equal(world_int(w, "SELECT count(*) FROM message WHERE account='sun.li'"), 1);
    do_as(w, "sun.li", id, "dispatch", "{\"department\":\"engineering\",\"final\":true}");
    assert_int_equal(verb_as(w, "zhao.gang", id, "dispatches/3/refuse", "{\"note\":\"x\"}"),
                     E_CONFLICT);
    do_as(w, "li.na", id, "dispatches/3/withdraw", "{}");
    assert_state(w, id, "open");
}

static void acceptance_lapses(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "dispatch", "{}");
    advance(w, 15 * MINUTE);
    assert_string_equal(
        world_get(w, "SELECT data FROM ticket_event WHERE kind='clock_breached' AND data LIKE "
                     "'%accept%'"),
        "{\"clock\":\"accept\",\"dispatch\":1,\"cycle\":1}");
    do_as(w, "zhao.gang", id, "dispatches/1/accept", "{}"); /* kept late */
    advance(w, 4 * HOUR);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='clock_breached' "
                                  "AND data LIKE '%progress%'"),
                     1);
}

static void visit_pauses_resolve(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    assert_int_equal(verb_as(w, "li.na", id, "dispatch",
                             "{\"visit\":{\"from\":\"2026-11-22T03:00:00Z\","
                             "\"to\":\"2026-11-22T05:00:00Z\"}}"),
                     E_INVALID);
    do_as(w, "li.na", id, "dispatch",
          "{\"visit\":{\"from\":\"2026-11-24T04:00:00Z\",\"to\":\"2026-11-24T05:00:00Z\"}}");
    assert_non_null(strstr(clocks_of(w, id), "resolve=paused"));
    assert_string_equal(world_get(w, "SELECT template FROM message WHERE person_id=7"), "visit");
    advance(w, 47 * HOUR);
    assert_non_null(strstr(clocks_of(w, id), "resolve=paused"));
    advance(w, HOUR);
    assert_non_null(strstr(clocks_of(w, id), "resolve=running"));
    assert_int_equal(world_int(w, "SELECT due_at FROM clock WHERE name='resolve'"),
                     NOON + 72 * HOUR);
}

static void resolve_withdraws(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "dispatch", "{}");
    do_as(w, "li.na", id, "resolve", "{\"note\":\"电话里解决\"}");
    assert_state(w, id, "resolved");
    assert_string_equal(world_get(w, "SELECT state FROM dispatch"), "withdrawn");
    assert_non_null(strstr(clocks_of(w, id), "accept=cancelled"));
}

static void second_cycle_is_shorter_and_told(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "resolve", "{}");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"call\"}");
    do_as(w, "li.na", id, "confirm", "{\"satisfied\":false,\"note\":\"还漏\"}");
    assert_string_equal(world_get(w, "SELECT json_extract(data,'$.told') FROM ticket_event WHERE "
                                     "kind='reopened'"),
                        "[\"sun.li\"]");
    assert_int_equal(world_int(w, "SELECT due_at FROM clock WHERE name='resolve' AND cycle=2"),
                     NOON + 18 * HOUR);
    assert_string_equal(world_get(w, "SELECT template FROM message WHERE account='sun.li'"),
                        "unsatisfied");
}

/* ---- handovers ---- */

static void handover_needs_both(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "li.na", id, "handover", "{\"to\":\"zhao.lei\",\"ground\":\"leave\"}");
    assert_int_equal(
        verb_as(w, "li.na", id, "handover", "{\"to\":\"sun.li\",\"ground\":\"leave\"}"),
        E_CONFLICT);
    assert_int_equal(verb_as(w, "li.na", id, "handover/approve", "{}"), E_DENIED);
    assert_int_equal(verb_as(w, "li.na", id, "handover/accept", "{}"), E_DENIED);
    do_as(w, "zhao.lei", id, "handover/accept", "{}");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "li.na");
    assert_int_equal(verb_as(w, "zhao.lei", id, "handover/accept", "{}"), E_CONFLICT);
    do_as(w, "sun.li", id, "handover/approve", "{}");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "zhao.lei");
    json_t *o = ticket_as(w, "zhao.lei", id);
    assert_true(json_is_null(json_object_get(o, "handover")));
    json_decref(o);
}

static void a_supervisor_asks_for_another(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    do_as(w, "sun.li", id, "handover", "{\"to\":\"zhao.lei\",\"ground\":\"reassignment\"}");
    do_as(w, "zhao.lei", id, "handover/refuse", "{}");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "li.na");
    do_as(w, "sun.li", id, "handover", "{\"to\":\"zhao.lei\",\"ground\":\"reassignment\"}");
    do_as(w, "zhao.lei", id, "handover/accept", "{}"); /* approved by the asking */
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "zhao.lei");
}

static int disable_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct actor by = who("sun.li");
    return tickets_on_account_disabled(w->tickets, tx, arg, &by);
}

static void disabling_hands_over(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    world_sql(w, "INSERT INTO shift (account,from_at,to_at,kind) VALUES "
                 "('zhao.lei',1795300000000,1795400000000,'on'),"
                 "('li.na',1795300000000,1795400000000,'on')");
    leak(w);
    world_sql(w, "UPDATE account SET disabled=1 WHERE name='li.na'");
    assert_int_equal(world_run(w, disable_run, (void *)"li.na"), 0);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket WHERE handover_json LIKE "
                                  "'%\"to\":\"zhao.lei\"%left_company%'"),
                     2);
    do_as(w, "zhao.lei", id, "handover/accept", "{}");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket WHERE id=1"), "zhao.lei");
}

static void nobody_can_take_over(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    world_sql(w, "UPDATE account SET disabled=1 WHERE name='li.na'");
    assert_int_equal(world_run(w, disable_run, (void *)"li.na"), 0);
    assert_int_equal(world_int(w, "SELECT count(*) FROM alert WHERE kind='no_successor'"), 1);
    assert_int_equal(world_int(w, "SELECT count(*) FROM message WHERE account='sun.li'"), 1);
    do_as(w, "sun.li", id, "handover", "{\"to\":\"zhao.lei\",\"ground\":\"left_company\"}");
    do_as(w, "zhao.lei", id, "handover/accept", "{}");
    assert_string_equal(world_get(w, "SELECT responder FROM ticket"), "zhao.lei");
}

/* ---- milestones, incidents ---- */

static void milestones(void **state)
{
    static const char yaml[] =
        "site: {timezone: Asia/Shanghai}\nstore: {path: test.db}\n"
        "policies:\n  standard:\n    calendar: always\n    clocks: {claim: 10m}\n"
        "    milestones:\n      investigate: {within: 2d, from: opened}\n"
        "      summary: {within: 1d, from: investigate}\n"
        "    escalate: [{at: 100%, tell: [supervisor]}]\n";
    struct world *w;
    int64_t id;
    world_free(*state);
    *state = w = world_new_of(yaml);
    id = create_as(w, "li.na", "{\"subject\":\"霉\",\"take\":true}");
    assert_string_equal(clocks_of(w, id), "investigate=running");
    assert_int_equal(verb_as(w, "li.na", id, "milestones/summary", "{}"), E_NOTFOUND);
    do_as(w, "li.na", id, "milestones/investigate", "{\"note\":\"看过\"}");
    assert_string_equal(clocks_of(w, id), "investigate=kept summary=running");
    advance(w, DAY);
    assert_string_equal(clocks_of(w, id), "investigate=kept summary=breached");
}

static void joins_an_incident(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w);
    world_sql(w, "INSERT INTO incident (id,state,subject,scope_json,opened_at,opened_by) VALUES "
                 "(5,'open','停水','{}',1,'sun.li')");
    do_as(w, "li.na", id, "incident", "{\"id\":5}");
    assert_int_equal(world_int(w, "SELECT incident_id FROM ticket"), 5);
    assert_non_null(strstr(kinds_of(w, id), "joined_incident"));
}

/* ---- callbacks ---- */

struct lost {
    int64_t call_id, person_id, id;
    const char *number, *reason;
};

static int lost_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct lost *l = arg;
    struct unanswered_call c = {.call_id = l->call_id,
                                .person_id = l->person_id,
                                .number = l->number,
                                .reason = l->reason,
                                .at = ledger_now(tx)};
    return callbacks_on_unanswered(w->tickets, tx, &c, &l->id);
}

static int64_t lose(struct world *w, int64_t call, int64_t person_id, const char *number)
{
    struct lost l = {call, person_id, 0, number, "abandoned"};
    assert_int_equal(world_run(w, lost_run, &l), 0);
    return l.id;
}

static int outbound_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    return callbacks_on_outbound(w->tickets, tx, arg);
}

static void dial(struct world *w, const char *agent, const char *number, bool answered)
{
    struct outbound_call c = {
        .number = number, .agent = agent, .answered = answered, .at = clock_now_ms()};
    assert_int_equal(world_run(w, outbound_run, &c), 0);
}

static const char *callback_state(struct world *w)
{
    return world_get(w, "SELECT state FROM callback ORDER BY id DESC LIMIT 1");
}

static void callbacks_join_and_climb(void **state)
{
    struct world *w = *state;
    int64_t id = lose(w, 17, 7, "+8613800138000");
    assert_int_equal(lose(w, 19, 7, "+8613800138000"), id);
    assert_int_equal(lose(w, 20, 0, NULL), 0);
    assert_string_equal(world_get(w, "SELECT calls_json FROM callback"), "[17,19]");
    assert_int_equal(world_int(w, "SELECT due_at FROM callback"), NOON + 10 * MINUTE);
    advance(w, 41 * MINUTE);
    assert_int_equal(world_int(w, "SELECT count(*) FROM audit WHERE what='callback_escalated'"), 3);
    assert_string_equal(
        world_get(w, "SELECT group_concat(account||':'||template,' ') FROM message"),
        "sun.li:callback sun.li:callback zhou.yu:callback");
    advance(w, DAY);
    assert_int_equal(world_int(w, "SELECT count(*) FROM audit WHERE what='callback_escalated'"), 3);
}

static void callback_claimed_and_done(void **state)
{
    struct world *w = *state;
    int64_t id = lose(w, 17, 7, "+8613800138000");
    assert_int_equal(verb_as(w, "dev", id, "callback/claim", "{}"), E_DENIED);
    do_as(w, "li.na", id, "callback/claim", "{}");
    assert_int_equal(verb_as(w, "zhao.lei", id, "callback/claim", "{}"), E_CONFLICT);
    assert_string_equal(w->out.responder, "li.na");
    json_t *o = ticket_as(w, "li.na", 1);
    assert_string_equal(text_at(o, "channel"), "callback");
    assert_string_equal(text_at(o, "responder"), "li.na");
    json_decref(o);
    dial(w, "li.na", "+8613800138000", false);
    assert_int_equal(world_int(w, "SELECT attempts FROM callback"), 1);
    dial(w, "zhao.lei", "+8613800138000", true); /* not who claimed */
    assert_string_equal(callback_state(w), "claimed");
    dial(w, "li.na", "+8613800138000", true);
    assert_string_equal(callback_state(w), "done");
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='attempted'"), 2);
    assert_non_null(strstr(clocks_of(w, 1), "first_reply=kept"));
    assert_int_equal(verb_as(w, "li.na", id, "callback/done", "{}"), E_CONFLICT);
}

static void callback_superseded(void **state)
{
    struct world *w = *state;
    lose(w, 17, 7, "+8613800138000");
    answer(w, "+8613900139000", 8, "li.na"); /* the same household */
    assert_string_equal(callback_state(w), "superseded");
    assert_int_equal(world_int(w, "SELECT count(*) FROM clock WHERE callback_id=1 AND done=0"), 0);
    lose(w, 18, 7, "+8613800138000");
    do_as(w, "li.na", 2, "callback/done", "{\"outcome\":\"x\",\"note\":\"y\"}");
    assert_string_equal(callback_state(w), "done");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(work_order, setup, teardown),
        cmocka_unit_test_setup_teardown(refused_twice, setup, teardown),
        cmocka_unit_test_setup_teardown(acceptance_lapses, setup, teardown),
        cmocka_unit_test_setup_teardown(visit_pauses_resolve, setup, teardown),
        cmocka_unit_test_setup_teardown(resolve_withdraws, setup, teardown),
        cmocka_unit_test_setup_teardown(second_cycle_is_shorter_and_told, setup, teardown),
        cmocka_unit_test_setup_teardown(handover_needs_both, setup, teardown),
        cmocka_unit_test_setup_teardown(a_supervisor_asks_for_another, setup, teardown),
        cmocka_unit_test_setup_teardown(disabling_hands_over, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_can_take_over, setup, teardown),
        cmocka_unit_test_setup_teardown(milestones, setup, teardown),
        cmocka_unit_test_setup_teardown(joins_an_incident, setup, teardown),
        cmocka_unit_test_setup_teardown(callbacks_join_and_climb, setup, teardown),
        cmocka_unit_test_setup_teardown(callback_claimed_and_done, setup, teardown),
        cmocka_unit_test_setup_teardown(callback_superseded, setup, teardown),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
