/*
 * test_ticket_time.c - clocks, ladders and messages over a real store: each step once, whatever the
 * clock does; pauses, extensions, re-basing, the no-answer protocol.
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

/* "1.1 2.1 …" of the steps of a clock in a ticket's history. */
static const char *steps_of(struct world *w, int64_t id, const char *clock)
{
    static char text[4096];
    json_t *o = world_read(w, "timeline", "sun.li", id), *e;
    size_t i;
    text[0] = 0;
    json_array_foreach(json_object_get(o, "items"), i, e)
    {
        const json_t *d = json_object_get(e, "data");
        if (strcmp(text_at(e, "kind"), "escalated") != 0 || !text_eq(text_at(d, "clock"), clock))
            continue;
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%d.%d@%s", *text ? " " : "",
                 (int)json_integer_value(json_object_get(d, "step")),
                 (int)json_integer_value(json_object_get(d, "turn")), text_at(d, "at"));
    }
    json_decref(o);
    return text;
}

static int64_t leak(struct world *w, const char *who)
{
    return create_as(w, who,
                     "{\"subject\":\"漏水\",\"category\":\"leak\",\"person_id\":7,"
                     "\"channel\":\"walk_in\",\"take\":true}");
}

static void ladder_in_order(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"walk_in\"}");
    advance(w, 24 * HOUR * 8 / 10 - 1);
    assert_string_equal(steps_of(w, id, "resolve"), "");
    advance(w, 1);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80%");
    advance(w, 5 * HOUR);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100%");
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=breached");
    advance(w, HOUR);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100% 3.1@+30m");
    assert_int_equal(world_int(w, "SELECT priority FROM ticket"), 2);
    advance(w, 20 * HOUR);
    assert_string_equal(steps_of(w, id, "resolve"),
                        "1.1@80% 2.1@100% 3.1@+30m 4.1@+4h 4.2@+4h 4.3@+4h");
    advance(w, 20 * DAY);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='escalated'"), 6);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='clock_breached'"),
                     1);
    do_as(w, "li.na", id, "resolve", "{}");
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=kept feedback=running");
}

static void messages_and_who_is_told(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"walk_in\"}");
    advance(w, 25 * HOUR);
    assert_string_equal(world_get(w, "SELECT group_concat(json_extract(data,'$.told'),' ') FROM "
                                     "ticket_event WHERE kind='escalated'"),
                        "[\"li.na\"] [\"li.na\",\"sun.li\"] [\"zhou.yu\"]");
    assert_string_equal(world_get(w, "SELECT group_concat(json_extract(data,'$.messages'),' ') "
                                     "FROM ticket_event WHERE kind='escalated'"),
                        "[1] [2,3] [4]");
    assert_string_equal(world_get(w, "SELECT group_concat(account||':'||channel||':'||template, "
                                     "' ') FROM message"),
                        "li.na:sms:escalated li.na:sms:escalated sun.li:sms:escalated "
                        "zhou.yu:sms:escalated");
}

static void nobody_found(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, NULL); /* no responder: rung 1 finds nobody */
    advance(w, 8 * MINUTE);
    assert_string_equal(world_get(w, "SELECT json_extract(data,'$.told') FROM ticket_event WHERE "
                                     "kind='escalated'"),
                        "[\"sun.li\"]");
    assert_int_equal(world_int(w, "SELECT count(*) FROM alert WHERE kind='nobody_found'"), 1);
    assert_string_equal(steps_of(w, id, "claim"), "1.1@80%");
}

static void once_across_restarts_and_jumps(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"walk_in\"}");
    advance(w, 25 * HOUR);
    world_close(w);
    world_open(w);
    advance(w, -HOUR);
    advance(w, HOUR);
    advance(w, 0);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100% 3.1@+30m");
    world_close(w);
    clock_test_advance(4 * HOUR);
    world_open(w);
    assert_int_equal(clock_timer_start(w->timers), 0);
    wait_until(w->loop, strstr(steps_of(w, id, "resolve"), "4.1"));
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100% 3.1@+30m 4.1@+4h");
    assert_int_equal(world_int(w, "SELECT count(*) FROM message"), 4); /* no director: zero for 4 */
}

static void the_loop_wakes_for_new_clocks(void **state)
{
    struct world *w = *state;
    assert_int_equal(clock_timer_start(w->timers), 0);
    int64_t id = answer(w, "+8613800138000", 7, NULL);
    clock_test_advance(11 * MINUTE);
    clock_timer_poke(w->timers);
    wait_until(w->loop, strstr(steps_of(w, id, "claim"), "2.1"));
    assert_string_equal(steps_of(w, id, "claim"), "1.1@80% 2.1@100%");
}

static void kept_late_before_the_timer_saw_it(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, NULL);
    clock_test_advance(11 * MINUTE);
    do_as(w, "li.na", id, "claim", "{}");
    assert_non_null(strstr(kinds_of(w, id), "claimed clock_breached clock_kept"));
    advance(w, 0);
    assert_string_equal(steps_of(w, id, "claim"), "");
}

static void pauses(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"walk_in\"}");
    advance(w, 12 * HOUR);
    do_as(w, "li.na", id, "pause", "{\"clock\":\"resolve\",\"reason\":\"parts\"}");
    assert_int_equal(
        verb_as(w, "li.na", id, "pause", "{\"clock\":\"resolve\",\"reason\":\"parts\"}"),
        E_CONFLICT);
    advance(w, 10 * DAY);
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=paused");
    json_t *o = ticket_as(w, "li.na", id);
    json_t *c = json_array_get(json_object_get(o, "clocks"), 1);
    assert_int_equal(json_integer_value(json_object_get(c, "used_s")), 12 * 3600);
    assert_string_equal(text_at(c, "paused"), "parts");
    json_decref(o);
    do_as(w, "li.na", id, "resume", "{\"clock\":\"resolve\"}");
    assert_int_equal(world_int(w, "SELECT due_at FROM clock WHERE name='resolve'"),
                     clock_now_ms() + 12 * HOUR);
    advance(w, 12 * HOUR);
    assert_string_equal(clocks_of(w, id), "first_reply=kept resolve=breached");
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100%");
}

static void extends(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "sun.li", id, "extend", "{\"clock\":\"resolve\",\"by\":\"1d\",\"reason\":\"零件\"}");
    assert_int_equal(world_int(w, "SELECT due_at FROM clock WHERE name='resolve'"),
                     NOON + 48 * HOUR);
    assert_non_null(strstr(kinds_of(w, id), "extended"));
}

static void rebases_with_time_used(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na"); /* standard: 48h */
    advance(w, 10 * HOUR);
    do_as(w, "li.na", id, "patch", "{\"category\":\"leak\"}"); /* urgent: 24h; the first setting */
    assert_int_equal(world_int(w, "SELECT due_at FROM clock WHERE name='resolve'"),
                     NOON + 24 * HOUR);
    assert_string_equal(world_get(w, "SELECT json_extract(data,'$.used_s') FROM ticket_event "
                                     "WHERE kind='rebased'"),
                        "36000");
    assert_string_equal(world_get(w, "SELECT kind FROM ticket"), "repair");
    assert_int_equal(verb_as(w, "li.na", id, "patch", "{\"category\":\"moon\"}"), E_INVALID);
}

static void no_answer_protocol(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "resolve", "{}");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"call\"}");
    do_as(w, "li.na", id, "attempt", "{\"channel\":\"call\",\"outcome\":\"no_answer\"}");
    advance(w, DAY); /* the second try, by SMS, is the daemon's */
    assert_string_equal(world_get(w, "SELECT template FROM message WHERE person_id=7"),
                        "no_answer");
    assert_int_equal(world_int(w, "SELECT attempts FROM ticket"), 2);
    assert_state(w, id, "awaiting_confirmation");
    do_as(w, "li.na", id, "attempt", "{\"channel\":\"call\",\"outcome\":\"no_answer\"}");
    assert_state(w, id, "awaiting_confirmation"); /* three tries, but not over three days yet */
    advance(w, 2 * DAY);
    assert_state(w, id, "closed");
    assert_string_equal(world_get(w, "SELECT close_kind FROM ticket"), "unconfirmed");
    assert_int_equal(world_int(w, "SELECT count(*) FROM clock WHERE name='confirm' AND "
                                  "state='kept' AND breached=0"),
                     1);
}

static void too_few_tries_do_not_close(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "li.na", id, "resolve", "{}");
    do_as(w, "li.na", id, "reply", "{\"channel\":\"call\"}");
    advance(w, 4 * DAY);
    assert_state(w, id, "awaiting_confirmation");
    assert_non_null(strstr(clocks_of(w, id), "confirm=breached"));
    do_as(w, "li.na", id, "attempt", "{}");
    assert_state(w, id, "closed");
}

static void urges(void **state)
{
    struct world *w = *state;
    int64_t id = leak(w, "li.na");
    do_as(w, "zhao.lei", id, "urge", "{\"note\":\"又打来了\"}");
    assert_string_equal(world_get(w, "SELECT json_extract(data,'$.told') FROM ticket_event WHERE "
                                     "kind='urged'"),
                        "[\"li.na\",\"zhao.gang\"]");
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80%"); /* one rung higher */
    advance(w, 10 * MINUTE);
    do_as(w, "zhao.lei", id, "urge", "{}"); /* counts, tells nobody */
    assert_int_equal(world_int(w, "SELECT urges FROM ticket"), 2);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80%");
    advance(w, 24 * HOUR);
    assert_string_equal(steps_of(w, id, "resolve"), "1.1@80% 2.1@100%"); /* each once */
}

static void many_due_at_once(void **state)
{
    struct world *w = *state;
    for (int i = 0; i < 200; i++)
        answer(w, NULL, 0, NULL);
    advance(w, 8 * MINUTE);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='escalated'"), 200);
    advance(w, 0);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE kind='escalated'"), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ladder_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(messages_and_who_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(nobody_found, setup, teardown),
        cmocka_unit_test_setup_teardown(once_across_restarts_and_jumps, setup, teardown),
        cmocka_unit_test_setup_teardown(the_loop_wakes_for_new_clocks, setup, teardown),
        cmocka_unit_test_setup_teardown(kept_late_before_the_timer_saw_it, setup, teardown),
        cmocka_unit_test_setup_teardown(pauses, setup, teardown),
        cmocka_unit_test_setup_teardown(extends, setup, teardown),
        cmocka_unit_test_setup_teardown(rebases_with_time_used, setup, teardown),
        cmocka_unit_test_setup_teardown(no_answer_protocol, setup, teardown),
        cmocka_unit_test_setup_teardown(too_few_tries_do_not_close, setup, teardown),
        cmocka_unit_test_setup_teardown(urges, setup, teardown),
        cmocka_unit_test_setup_teardown(many_due_at_once, setup, teardown),
    };
    log_set_level(LOG_WARN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
