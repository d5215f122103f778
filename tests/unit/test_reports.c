/*
 * test_reports.c - appraisals over a real store, as CSV and JSON; incidents' rungs and offers.
 */
#include "rule_world.h"

#include "service/reports/reports.h"
#include "store/repo_incident.h"

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

/* ---- appraisal ---- */

struct asking {
    struct appraisal_query query;
    struct buf json, csv;
};

static int ask_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct asking *a = arg;
    struct appraisal *report = NULL;
    struct jw jw;
    a->query.site = w->site;
    int rc = appraisal_read(ledger_db(tx), &a->query, &report);
    if (rc)
        return rc;
    jw_init(&jw, &a->json);
    appraisal_json(report, &jw);
    appraisal_csv(report, &a->csv);
    appraisal_free(&report);
    return 0;
}

static json_t *appraisal(struct world *w, enum report_by by, char csv[8192])
{
    struct asking a = {.query = {.from = NOON - DAY, .to = NOON + 30 * DAY, .by = by}};
    struct errmsg why;
    buf_init(&a.json, 1 << 20);
    buf_init(&a.csv, 1 << 20);
    assert_int_equal(world_run(w, ask_run, &a), 0);
    json_t *o = json_parse(buf_str(&a.json), a.json.len, &why);
    assert_non_null(o);
    text_copy(csv, 8192, buf_str(&a.csv));
    buf_free(&a.json);
    buf_free(&a.csv);
    return o;
}

static json_t *row_of(const json_t *report, const char *key)
{
    json_t *r;
    size_t i;
    json_array_foreach(json_object_get(report, "items"), i, r)
    {
        if (text_eq(text_at(r, "key"), key))
            return r;
    }
    return NULL;
}

static int64_t int_at(const json_t *o, const char *a, const char *b)
{
    o = json_object_get(o, a);
    return json_integer_value(b ? json_object_get(o, b) : o);
}

static int64_t take_one(struct world *w)
{
    return create_as(w, "li.na",
                     "{\"subject\":\"漏水\",\"category\":\"leak\",\"person_id\":7,"
                     "\"channel\":\"walk_in\",\"take\":true}");
}

static void counts(void **state)
{
    struct world *w = *state;
    char csv[8192];
    int64_t a = take_one(w), b = take_one(w), c = take_one(w);
    do_as(w, "li.na", a, "resolve", "{\"told\":true,\"satisfied\":true,\"score\":4}");
    do_as(w, "sun.li", b, "close", "{\"reason\":\"=HYPERLINK()\"}");
    do_as(w, "li.na", c, "cancel", "{\"reason\":\"duplicate\"}");
    json_t *o = appraisal(w, REPORT_RESPONDER, csv);
    json_t *li = row_of(o, "li.na");
    assert_int_equal(int_at(li, "tickets", NULL), 3);
    assert_int_equal(int_at(li, "confirmed", NULL), 1);
    assert_int_equal(int_at(li, "supervisor_closed", NULL), 1);
    assert_int_equal(int_at(li, "cancels", "duplicate"), 1);
    assert_int_equal(int_at(li, "staff_confirmations", NULL), 1);
    assert_int_equal(int_at(json_object_get(li, "clocks"), "resolve", "kept"), 1);
    assert_int_equal(int_at(json_object_get(li, "clocks"), "resolve", "cancelled"), 2);
    assert_int_equal(int_at(li, "satisfaction", "average"), 4);
    json_decref(o);
    assert_true(text_starts(csv, "key,name,tickets,open,confirmed,"));
    assert_non_null(strstr(csv, "\r\n\"li.na\",\"li.na\",3,0,1,0,1,1,"));
    o = appraisal(w, REPORT_ESTATE, csv);
    assert_int_equal(int_at(row_of(o, "四季花城"), "tickets", NULL), 3);
    json_decref(o);
}

static void spreadsheets_see_no_formula(void **state)
{
    struct world *w = *state;
    char csv[8192];
    world_sql(w, "UPDATE estate SET name='=1+\"1\"'");
    (void)take_one(w);
    json_decref(appraisal(w, REPORT_ESTATE, csv));
    assert_non_null(strstr(csv, "\r\n\"'=1+\"\"1\"\"\","));
}

static void words_of_by(void **state)
{
    for (int i = 0; i < REPORT_BYS; i++)
        assert_int_equal(report_by_parse(report_by_name((enum report_by)i)), i);
    assert_int_equal(report_by_parse("weekday"), REPORT_BYS);
    assert_int_equal(report_by_parse(NULL), REPORT_BYS);
}

/* ---- rungs ---- */

struct rung_ask {
    int64_t incident, ticket;
    const char *clock;
    int step, turn;
    bool pages;
};

static int rung_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct rung_ask *a = arg;
    return repo_incident_rung(ledger_db(tx), a->incident, a->ticket, a->clock, a->step, a->turn,
                              ledger_now(tx), &a->pages);
}

static bool pages(struct world *w, int64_t incident, int64_t ticket, const char *clock, int step,
                  int turn)
{
    struct rung_ask a = {incident, ticket, clock, step, turn, false};
    assert_int_equal(world_run(w, rung_run, &a), 0);
    return a.pages;
}

static void one_pages_for_all(void **state)
{
    struct world *w = *state;
    world_sql(w, "INSERT INTO incident (id,state,subject,scope_json,opened_at,opened_by) VALUES "
                 "(1,'open','x','{}',1,'sun.li'),(2,'proposed','x','{}',1,'sun.li')");
    assert_true(pages(w, 1, 1, "resolve", 1, 1));
    assert_false(pages(w, 1, 2, "resolve", 1, 1));
    assert_true(pages(w, 1, 2, "resolve", 2, 1)); /* another rung, another turn, another clock */
    assert_true(pages(w, 1, 2, "resolve", 2, 2));
    assert_true(pages(w, 1, 2, "accept", 1, 1));
    assert_true(pages(w, 0, 3, "resolve", 1, 1)); /* of none */
    for (int i = 0; i < 2; i++)
        assert_true(pages(w, 2, i + 1, "resolve", 1, 1)); /* not open yet: each for itself */
}

/* ---- complaints ---- */

struct owner_ask {
    int64_t ticket;
    struct complaint_row row;
};

static int owner_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct owner_ask *a = arg;
    return repo_complaint(ledger_db(tx), a->ticket, 20779, &a->row);
}

static void a_household_is_one_owner(void **state)
{
    struct world *w = *state;
    static const char *const bodies[] = {"{\"subject\":\"x\",\"person_id\":7}",
                                         "{\"subject\":\"x\",\"person_id\":8}",
                                         "{\"subject\":\"x\",\"person_id\":9}",
                                         "{\"subject\":\"x\",\"caller\":\"13911111111\"}",
                                         "{\"subject\":\"x\",\"unit_id\":32,\"category\":\"leak\"}",
                                         "{\"subject\":\"x\",\"kind\":\"praise\"}"};
    static const char *const owners[] = {"u31", "u31", "u32", "n+8613911111111", "u32", ""};
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        struct owner_ask a = {.ticket = create_as(w, "li.na", bodies[i])};
        assert_int_equal(world_run(w, owner_run, &a), 0);
        assert_string_equal(a.row.owner, owners[i]);
        assert_int_equal(a.row.counts, i != 5);
        if (i == 4) {
            assert_string_equal(a.row.place.riser, "02");
            assert_string_equal(a.row.place.category, "leak");
            assert_int_equal(a.row.place.building_id, 1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(counts, setup, teardown),
        cmocka_unit_test_setup_teardown(spreadsheets_see_no_formula, setup, teardown),
        cmocka_unit_test(words_of_by),
        cmocka_unit_test_setup_teardown(one_pages_for_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_household_is_one_owner, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
