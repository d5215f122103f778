/*
 * test_ticket_rule.c - every state, verb and asker against a second writing of the contract.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/ticket_rule.h"

#define P WHO_PERSON
#define M WHO_MACHINE
#define R WHO_RESPONDER
#define S WHO_SUPERVISOR
#define D WHO_DEPARTMENT
#define N WHO_SUCCESSOR

/* By verb: who, in each state ("" nobody). One letter a state: n o d r a c x. All facts that help
 * are given and none that hinders. */
static const struct {
    enum ticket_verb verb;
    unsigned who;
    const char *states;
    unsigned facts;
} contract[] = {
    {VERB_CLAIM, P, "n", 0},
    {VERB_DISPATCH, R | S, "od", 0},
    {VERB_REPLY, R | S, "odra", 0},
    {VERB_ATTEMPT, R | S, "odra", 0},
    {VERB_RESOLVE, R | S, "od", 0},
    {VERB_CONFIRM, R | S | M, "ra", 0},
    {VERB_URGE, P | M, "nodra", 0},
    {VERB_NOTE, P | M, "nodracx", 0},
    {VERB_HANDOVER, R | S, "odra", 0},
    {VERB_HANDOVER_ACCEPT, N, "odra", FACT_HANDOVER},
    {VERB_HANDOVER_APPROVE, S, "odra", FACT_HANDOVER},
    {VERB_HANDOVER_REFUSE, N | S, "odra", FACT_HANDOVER},
    {VERB_ACCEPT, D, "d", FACT_DISPATCH_SENT},
    {VERB_PROGRESS, D, "d", FACT_DISPATCH_ACCEPTED},
    {VERB_DONE, D, "d", FACT_DISPATCH_ACCEPTED},
    {VERB_REFUSE, D, "d", FACT_DISPATCH_REFUSABLE},
    {VERB_WITHDRAW, R | S, "d", 0},
    {VERB_PAUSE, R | S, "odra", FACT_RUNNING_CLOCK},
    {VERB_RESUME, R | S, "odra", FACT_PAUSED_CLOCK},
    {VERB_EXTEND, S, "nodra", 0},
    {VERB_MILESTONE, R | S, "odra", FACT_MILESTONE},
    {VERB_INCIDENT, P | M, "nodra", 0},
    {VERB_PATCH, P | M, "nodra", 0},
    {VERB_CANCEL, R | S, "no", 0},
    {VERB_CLOSE, S, "nodra", 0},
    {VERB_REOPEN, P | M, "c", FACT_REOPENABLE},
};

static const char letters[] = "nodracx";

static bool may(size_t row, enum ticket_state s, unsigned who)
{
    if (contract[row].verb == VERB_CANCEL && s == TICKET_NEW)
        return who == S; /* nobody is responsible yet */
    return strchr(contract[row].states, letters[s]) && (contract[row].who & who);
}

static void every_state_verb_and_asker(void **state)
{
    static const unsigned askers[] = {0, P, M, R, S, D, N};
    int n = 0;
    assert_int_equal(ARRAY_LEN(contract), VERBS);
    for (size_t row = 0; row < ARRAY_LEN(contract); row++)
        for (enum ticket_state s = 0; s < TICKET_STATES; s++)
            for (size_t a = 0; a < ARRAY_LEN(askers); a++, n++) {
                struct ticket_view v = {s, askers[a], contract[row].facts};
                bool in_state = strchr(contract[row].states, letters[s]) != NULL;
                int want = may(row, s, askers[a]) ? 0 : in_state ? E_DENIED : E_CONFLICT;
                int got = ticket_rule_check(&v, contract[row].verb);
                if (got != want)
                    fail_msg("%s in %s for %x: %d, not %d", ticket_verb_name(contract[row].verb),
                             ticket_state_name(s), askers[a], got, want);
            }
    assert_int_equal(n, VERBS * TICKET_STATES * 7);
}

static void where_verbs_lead(void **state)
{
    static const struct {
        enum ticket_state from;
        enum ticket_verb verb;
        enum ticket_state to;
    } rows[] = {
        {TICKET_NEW, VERB_CLAIM, TICKET_OPEN},
        {TICKET_OPEN, VERB_DISPATCH, TICKET_DISPATCHED},
        {TICKET_DISPATCHED, VERB_DISPATCH, TICKET_DISPATCHED},
        {TICKET_DISPATCHED, VERB_RESOLVE, TICKET_RESOLVED},
        {TICKET_OPEN, VERB_REPLY, TICKET_OPEN},
        {TICKET_RESOLVED, VERB_REPLY, TICKET_AWAITING},
        {TICKET_AWAITING, VERB_CONFIRM, TICKET_CLOSED},
        {TICKET_OPEN, VERB_CANCEL, TICKET_CANCELLED},
        {TICKET_AWAITING, VERB_CLOSE, TICKET_CLOSED},
        {TICKET_CLOSED, VERB_REOPEN, TICKET_OPEN},
        {TICKET_DISPATCHED, VERB_NOTE, TICKET_DISPATCHED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(ticket_rule_next(rows[i].from, rows[i].verb), rows[i].to);
    assert_int_equal(ticket_rule_after_dispatches(TICKET_DISPATCHED, 0), TICKET_OPEN);
    assert_int_equal(ticket_rule_after_dispatches(TICKET_OPEN, 1), TICKET_DISPATCHED);
    assert_int_equal(ticket_rule_after_dispatches(TICKET_RESOLVED, 0), TICKET_RESOLVED);
}

static void conditions(void **state)
{
    static const struct {
        struct ticket_view v;
        enum ticket_verb verb;
        int rc;
    } rows[] = {
        {{TICKET_OPEN, R, FACT_PROMISED}, VERB_CANCEL, E_DENIED},
        {{TICKET_OPEN, S, FACT_PROMISED}, VERB_CANCEL, 0},
        {{TICKET_CLOSED, S, 0}, VERB_REOPEN, E_CONFLICT},
        {{TICKET_OPEN, R, FACT_DISPATCHES_FULL}, VERB_DISPATCH, E_CONFLICT},
        {{TICKET_OPEN, P | R | S, FACT_HANDOVER}, VERB_HANDOVER_APPROVE, E_DENIED},
        {{TICKET_OPEN, P | R | S, FACT_HANDOVER}, VERB_HANDOVER_REFUSE, 0},
        {{TICKET_OPEN, R, FACT_HANDOVER}, VERB_HANDOVER, E_CONFLICT},
        {{TICKET_OPEN, N, FACT_HANDOVER | FACT_HANDOVER_ACCEPTED},
         VERB_HANDOVER_ACCEPT,
         E_CONFLICT},
        {{TICKET_OPEN, S, FACT_HANDOVER | FACT_HANDOVER_APPROVED},
         VERB_HANDOVER_APPROVE,
         E_CONFLICT},
        {{TICKET_NEW, P | WHO_BARRED, 0}, VERB_CLAIM, E_DENIED},
        {{TICKET_OPEN, P | R | WHO_BARRED, 0}, VERB_RESOLVE, E_DENIED},
        {{TICKET_OPEN, P | R | WHO_BARRED, 0}, VERB_NOTE, 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(ticket_rule_check(&rows[i].v, rows[i].verb), rows[i].rc);
}

static void allowed_and_table(void **state)
{
    struct ticket_view v = {TICKET_NEW, P, 0};
    struct buf out = BUF_INIT(65536);
    ticket_rule_allowed(&v, &out);
    assert_string_equal(buf_str(&out), "[\"claim\",\"urge\",\"note\",\"incident\",\"patch\"]");
    buf_reset(&out);
    v = (struct ticket_view){TICKET_RESOLVED, R | S, FACT_RUNNING_CLOCK | FACT_LIVE_CLOCK};
    ticket_rule_allowed(&v, &out);
    assert_null(strstr(buf_str(&out), "\"pause\""));
    assert_non_null(strstr(buf_str(&out), "\"extend\""));
    buf_reset(&out);
    v.facts = FACT_RUNNING_CLOCK | FACT_PAUSABLE_CLOCK;
    ticket_rule_allowed(&v, &out);
    assert_non_null(strstr(buf_str(&out), "\"pause\""));
    assert_null(strstr(buf_str(&out), "\"extend\""));
    buf_reset(&out);
    ticket_rule_print(&out);
    assert_false(out.overflow);
    assert_non_null(strstr(buf_str(&out), "| `reopen` | closed | open |"));
    buf_free(&out);
}

/* docs/tickets.md shows the table that runs; UPDATE_DOCS=1 writes it there. */
static void docs_in_step(void **state)
{
    static const char begin[] = "<!-- rules -->\n", end[] = "<!-- /rules -->";
    const char *path = TEST_DATA "/../docs/tickets.md";
    struct buf page = BUF_INIT(1 << 20), table = BUF_INIT(65536);
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&page, chunk, n);
    fclose(f);
    ticket_rule_print(&table);
    const char *from = strstr(buf_str(&page), begin), *to = strstr(buf_str(&page), end);
    assert_true(from && to && from < to);
    from += strlen(begin);
    if (getenv("UPDATE_DOCS")) {
        f = fopen(path, "w");
        assert_non_null(f);
        fwrite(page.data, 1, (size_t)(from - page.data), f);
        fputs(buf_str(&table), f);
        fputs(to, f);
        fclose(f);
    } else if (table.len != (size_t)(to - from) || memcmp(from, table.data, table.len) != 0) {
        fail_msg("docs/tickets.md is out of step: run this test with UPDATE_DOCS=1");
    }
    buf_free(&page);
    buf_free(&table);
}

static void names_round_trip(void **state)
{
    for (enum ticket_state s = 0; s < TICKET_STATES; s++)
        assert_int_equal(ticket_state_parse(ticket_state_name(s)), s);
    for (enum ticket_verb v = 0; v < VERBS; v++)
        assert_int_equal(ticket_verb_parse(ticket_verb_name(v)), v);
    assert_int_equal(ticket_state_parse("x"), TICKET_STATES);
    assert_int_equal(ticket_verb_parse(NULL), VERBS);
    assert_true(ticket_is_ground("leave") && !ticket_is_ground("x") && !ticket_is_kind(NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_state_verb_and_asker),
        cmocka_unit_test(where_verbs_lead),
        cmocka_unit_test(conditions),
        cmocka_unit_test(allowed_and_table),
        cmocka_unit_test(names_round_trip),
        cmocka_unit_test(docs_in_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
