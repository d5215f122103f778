/*
 * test_auditor.c - the second reader finds every planted fault, and none where there is none.
 */
#include "rule_world.h"
#include "service/auditor/auditor.h"

static struct auditor *new_auditor(struct world *w)
{
    struct auditor_opts o = {
        .loop = w->loop, .ledger = w->ledger, .clocks = w->clocks, .tell = w->tell};
    return auditor_new(&o);
}

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

static int audit_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    return audit_all(ledger_db(tx), w->clocks, ledger_now(tx), arg);
}

static struct audit_report audit(struct world *w)
{
    struct audit_report r = {0};
    assert_int_equal(world_run(w, audit_run, &r), 0);
    return r;
}

/* Two tickets with long histories. */
static void live(struct world *w)
{
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "li.na", id, "note", "{\"text\":\"真话\"}");
    advance(w, 49 * HOUR);
    do_as(w, "li.na", id, "resolve", "{}");
    do_as(w, "li.na", id, "reply", "{}");
    do_as(w, "li.na", id, "confirm", "{\"satisfied\":false}");
    answer(w, NULL, 9, NULL);
    advance(w, 30 * MINUTE);
}

static void nothing_is_wrong(void **state)
{
    struct world *w = *state;
    live(w);
    struct audit_report r = audit(w);
    if (r.broken || r.missing)
        fail_msg("T-%d %d: %s", (int)r.ticket_id, (int)r.seq, r.text);
    assert_int_equal(r.tickets, 2);
    assert_true(r.events > 10);
}

static void every_fault_is_found(void **state)
{
    static const struct {
        const char *sql;
        int64_t ticket, seq;
    } rows[] = {
        {"UPDATE ticket_event SET data=replace(data,'真话','假话') WHERE kind='noted'", 1, 5},
        {"UPDATE ticket_event SET by='zhao.lei' WHERE ticket_id=1 AND seq=5", 1, 5},
        {"UPDATE ticket_event SET at=at+1 WHERE ticket_id=1 AND seq=3", 1, 3},
        {"UPDATE ticket_event SET kind='told' WHERE ticket_id=2 AND seq=1", 2, 1},
        {"UPDATE ticket_event SET hash=digest WHERE ticket_id=1 AND seq=2", 1, 2},
        {"UPDATE ticket_event SET digest=hash WHERE ticket_id=1 AND seq=2", 1, 2},
        {"UPDATE ticket_event SET data=NULL,salt=NULL WHERE ticket_id=1 AND seq=4", 1, 4},
        {"DELETE FROM ticket_event WHERE ticket_id=1 AND seq=4", 1, 4},
        {"DELETE FROM ticket_event WHERE ticket_id=2 AND seq=(SELECT last_seq FROM ticket WHERE "
         "id=2)",
         2, 0},
        {"UPDATE ticket SET last_hash='x' WHERE id=2", 2, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = *state;
        live(w);
        world_sql(w, rows[i].sql);
        struct audit_report r = audit(w);
        if (!r.broken || r.ticket_id != rows[i].ticket || (rows[i].seq && r.seq != rows[i].seq))
            fail_msg("%s: broken %d T-%d seq %d: %s", rows[i].sql, r.broken, (int)r.ticket_id,
                     (int)r.seq, r.text);
        world_free(w);
        *state = world_new();
    }
}

static void a_missing_step_is_found(void **state)
{
    struct world *w = *state;
    answer(w, "+8613800138000", 7, NULL);
    world_sql(w, "UPDATE clock SET done=1,next_at=NULL WHERE name='claim'");
    clock_test_advance(30 * MINUTE);
    struct audit_report r = audit(w);
    assert_true(r.missing);
    assert_int_equal(r.ticket_id, 1);
    assert_non_null(strstr(r.text, "claim"));
}

/* The director's rung of an urgent ticket comes three times; the third is kept from coming. */
static void a_missing_repeat_is_found(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "li.na", id, "patch", "{\"category\":\"leak\"}");
    advance(w, 24 * HOUR + 8 * HOUR + MINUTE);
    assert_int_equal(world_int(w, "SELECT max(json_extract(data,'$.turn')) FROM ticket_event WHERE "
                                  "kind='escalated' AND json_extract(data,'$.clock')='resolve'"),
                     2);
    assert_false(audit(w).missing);
    world_sql(w, "UPDATE clock SET done=1,next_at=NULL WHERE name='resolve'");
    advance(w, 4 * HOUR + 2 * MINUTE);
    struct audit_report r = audit(w);
    assert_true(r.missing);
    assert_non_null(strstr(r.text, "turn 3"));
}

static void data_gone_without_an_erasure(void **state)
{
    struct world *w = *state;
    int64_t id = answer(w, "+8613800138000", 7, "li.na");
    do_as(w, "li.na", id, "note", "{\"text\":\"电话\"}");
    world_sql(w, "UPDATE ticket_event SET data=NULL,salt=NULL WHERE kind='noted'");
    assert_true(audit(w).broken);
}

static int erase_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct actor by = who("sun.li");
    return tickets_erase_person(w->tickets, tx, 7, &by);
}

static void an_erasure_is_accepted(void **state)
{
    struct world *w = *state;
    live(w);
    assert_int_equal(world_run(w, erase_run, NULL), 0);
    assert_int_equal(world_int(w, "SELECT count(*) FROM ticket_event WHERE ticket_id=1 AND data IS "
                                  "NOT NULL"),
                     1); /* `erased` itself */
    struct audit_report r = audit(w);
    if (r.broken || r.missing)
        fail_msg("%s", r.text);
    world_sql(w, "DELETE FROM ticket_event WHERE ticket_id=1 AND kind='erased'");
    assert_true(audit(w).broken);
}

static void the_background_walk_alarms(void **state)
{
    struct world *w = *state;
    struct audit_report r;
    live(w);
    struct auditor *a = new_auditor(w);
    world_sql(w, "UPDATE ticket_event SET data='{}' WHERE ticket_id=1 AND seq=5");
    auditor_start(a);
    assert_true(wait_until(w->loop, auditor_degraded(a, &r)));
    assert_int_equal(r.ticket_id, 1);
    assert_int_equal(world_int(w, "SELECT count(*) FROM alert WHERE kind='history_broken'"), 1);
    world_close(w);
    auditor_free(&a);
    world_open(w);
}

static void a_missing_step_alarms_in_the_second_pass(void **state)
{
    struct world *w = *state;
    struct audit_report r;
    for (int i = 0; i < 3; i++)
        answer(w, NULL, 0, NULL);
    world_sql(w, "UPDATE clock SET done=1,next_at=NULL WHERE name='claim' AND ticket_id>1");
    advance(w, 30 * MINUTE);
    struct auditor *a = new_auditor(w);
    auditor_start(a);
    assert_true(wait_until(w->loop, auditor_degraded(a, &r)) && r.missing);
    assert_int_equal(r.ticket_id, 2);
    world_close(w);
    auditor_free(&a);
    world_open(w);
}

static void what_happens_twice_is_odd(void **state)
{
    static const struct {
        const char *sql, *what;
    } rows[] = {
        {"UPDATE clock SET fired='',done=0,next_at=1 WHERE name='resolve' AND ended_at IS NULL",
         "twice"},
        {"UPDATE clock SET breached=0,done=0,next_at=1 WHERE name='resolve' AND ended_at IS NULL",
         "recorded twice"},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world *w = *state;
        live(w);
        advance(w, 50 * HOUR);
        struct audit_report r = audit(w);
        if (r.odd_ticket)
            fail_msg("T-%d: %s", (int)r.odd_ticket, r.odd);
        world_sql(w, rows[i].sql);
        advance(w, MINUTE);
        r = audit(w);
        if (!r.odd_ticket || !strstr(r.odd, rows[i].what) || r.broken || r.missing)
            fail_msg("%s: %s %s", rows[i].sql, r.odd, r.text);
        world_free(w);
        *state = world_new();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_happens_twice_is_odd, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(every_fault_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_step_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_repeat_is_found, setup, teardown),
        cmocka_unit_test_setup_teardown(data_gone_without_an_erasure, setup, teardown),
        cmocka_unit_test_setup_teardown(an_erasure_is_accepted, setup, teardown),
        cmocka_unit_test_setup_teardown(the_background_walk_alarms, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_step_alarms_in_the_second_pass, setup, teardown),
    };
    log_set_level(LOG_ERROR);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
