/* contract_people.c - persons, homes, accounts, tokens and the shift plan. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "contract_make.h"
#include "store/repo_account.h"
#include "store/repo_card.h"
#include "store/repo_consent.h"
#include "store/repo_person.h"
#include "store/repo_shift.h"
#include "store/repo_unit.h"

/* Names or numbers gathered from rows, "a,b,". */
static char gathered[512];

static void gather(const char *text)
{
    size_t n = strlen(gathered);
    snprintf(gathered + n, sizeof(gathered) - n, "%s,", text);
}

static void on_name(void *ctx, const char *name)
{
    gather(name);
}

static void on_duty(void *ctx, const char *name, const char *role, const char *department)
{
    gather(name);
}

static const char *taken(int rc)
{
    static char out[512];
    assert_int_equal(rc, 0);
    text_copy(out, sizeof(out), gathered);
    gathered[0] = 0;
    return out;
}

static void a_person_is_known_by_key_number_and_address(void **state)
{
    struct person_row row;
    struct person_phone found[4];
    enum put what;
    int64_t id = make_person("王芳", "+8613800138000"), ids[4];
    struct consent_reach reach;
    struct person_edit e;
    char text[64];
    int n = 0;
    assert_int_equal(repo_person_get(db, id, &row), 0);
    assert_string_equal(row.name, "王芳");
    assert_int_equal(row.score, -1);
    assert_int_equal(repo_person_get(db, id + 1, &row), E_NOTFOUND);
    assert_int_equal(repo_phone_exact(db, "+8613800138000", found, 4), 1);
    assert_int_equal(found[0].person_id, id);
    assert_int_equal(repo_phone_exact(db, "+8613800138001", found, 4), 0);
    assert_int_equal(repo_person_with_address(db, "wang@example.com", ids, 4, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(repo_consent_reach(db, "+8613800138000", 0, &reach), 0);
    assert_true(reach.persons == 1 && reach.person_id == id && reach.consent[CONSENT_SMS]);
    assert_int_equal(repo_email_first(db, id, text, sizeof(text)), 0);
    assert_string_equal(text, "wang@example.com");
    assert_string_equal(taken(repo_phone_each(db, id, on_name, NULL)), "+8613800138000,");
    person_edit_init(&e);
    e.fields = PERSON_NAME;
    e.name = "王方";
    assert_int_equal(repo_person_update(db, id, &e, T0, &what), 0);
    assert_int_equal(what, PUT_CHANGED);
    assert_int_equal(repo_person_update(db, id, &e, T0, &what), 0);
    assert_int_equal(what, PUT_SAME);
    assert_int_equal(repo_person_set_consent(db, id, CONSENT_SMS, false, T0), 0);
    assert_int_equal(repo_person_set_score(db, id, 4, T0), 0);
    assert_int_equal(repo_person_get(db, id, &row), 0);
    assert_string_equal(row.name, "王方");
    assert_false(row.consent[CONSENT_SMS]);
    assert_true(row.consent[CONSENT_EMAIL]);
    assert_int_equal(row.score, 4);
}

static void a_household_shares_a_unit_on_that_day(void **state)
{
    int64_t unit = make_unit("1201"), fang = make_person("王芳", "+8613800138000"),
            qiang = make_person("李强", "+8613800138001"), only = 0, ids[4];
    make_tenure(fang, unit, TENURE_OWNER, 0);
    make_tenure(qiang, unit, TENURE_FAMILY, DAY0);
    assert_int_equal(repo_person_household_ids(db, fang, DAY0, ids, 4), 2);
    assert_int_equal(ids[0], fang);
    assert_int_equal(ids[1], qiang);
    assert_int_equal(repo_person_household_ids(db, fang, DAY0 + 1, ids, 4), 1);
    assert_int_equal(repo_tenure_only_unit(db, fang, DAY0, &only), 0);
    assert_int_equal(only, unit);
    make_tenure(fang, make_unit("1202"), TENURE_OWNER, 0);
    assert_int_equal(repo_tenure_only_unit(db, fang, DAY0, &only), 0);
    assert_int_equal(only, 0);
}

static void places_are_found_by_name(void **state)
{
    struct unit_place place;
    int64_t unit = make_unit("1201"), found = 0, estate = 0, building = 0;
    int n = 0;
    assert_int_equal(repo_unit_find(db, "四季花城", "3", "1201", &found), 0);
    assert_int_equal(found, unit);
    assert_int_equal(repo_unit_place(db, unit, &place), 0);
    assert_string_equal(place.estate, "四季花城");
    assert_string_equal(place.building, "3");
    assert_string_equal(place.unit, "1201");
    assert_int_equal(repo_unit_place(db, unit + 1, &place), 0);
    assert_string_equal(place.unit, "");
    assert_int_equal(repo_estate_find(db, "四季花城", &estate), 0);
    assert_true(estate > 0);
    assert_int_equal(repo_building_find(db, "3", &estate, &building, &n), 0);
    assert_int_equal(n, 1);
    assert_int_equal(repo_building_find(db, "4", &estate, &building, &n), 0);
    assert_int_equal(n, 0);
}

static void accounts_and_their_tokens(void **state)
{
    struct account_row row;
    struct token_row token = {.digest = "ab", .created_at = T0, .expires_at = T0 + 1000};
    struct account_row taken_name = {
        .name = "li.na", .kind = "person", .role = "agent", .created_at = T0};
    char digest[65];
    int64_t sun = make_account("sun.li", "supervisor", "");
    make_account("li.na", "agent", "service");
    assert_int_equal(repo_account_get(db, "li.na", &row), 0);
    assert_string_equal(row.department, "service");
    assert_false(row.signed_on_once);
    assert_int_equal(repo_account_get(db, "nobody", &row), E_NOTFOUND);
    assert_int_equal(repo_account_insert(db, &taken_name, &sun), E_CONSTRAINT);
    assert_string_equal(taken(repo_account_with_role(db, "supervisor", on_name, NULL)), "sun.li,");
    assert_string_equal(taken(repo_account_in_department(db, "service", on_name, NULL)), "li.na,");
    assert_int_equal(repo_account_get(db, "li.na", &row), 0);
    token.account_id = row.id;
    assert_int_equal(repo_token_insert(db, &token), 0);
    assert_int_equal(repo_token_insert(db, &token), E_CONSTRAINT);
    assert_int_equal(repo_token_digest(db, 1, digest), 0);
    assert_string_equal(digest, "ab");
    assert_int_equal(repo_token_revoke(db, "ab"), 0);
    assert_int_equal(repo_token_revoke(db, "ab"), E_NOTFOUND);
    assert_int_equal(repo_signon_set(db, row.id, "1001", T0), 0);
    assert_int_equal(repo_signon_set(db, row.id, "1002", T0 + 1), 0);
    assert_int_equal(repo_account_get(db, "li.na", &row), 0);
    assert_string_equal(row.device, "1002");
    assert_int_equal(repo_account_disable(db, row.id), 0);
    assert_string_equal(taken(repo_account_person(db, "li.na", on_name, NULL)), "");
}

static void the_plan_says_who_is_on_duty(void **state)
{
    struct shift_row on = {.account = "li.na", .from_at = T0, .to_at = T0 + 1000, .kind = "on"};
    struct shift_row leave = {
        .account = "li.na", .from_at = T0 + 500, .to_at = T0 + 600, .kind = "leave"};
    enum put what;
    int64_t id = 0, again = 0, at = 0;
    char whose[65];
    make_account("li.na", "agent", "service");
    assert_int_equal(repo_shift_put(db, &on, &id, &what), 0);
    assert_int_equal(what, PUT_NEW);
    assert_int_equal(repo_shift_put(db, &on, &again, &what), 0);
    assert_int_equal(what, PUT_SAME);
    assert_int_equal(again, id);
    on.to_at += 1000;
    assert_int_equal(repo_shift_put(db, &on, &again, &what), 0);
    assert_int_equal(what, PUT_CHANGED);
    assert_int_equal(repo_shift_put(db, &leave, NULL, &what), 0);
    assert_string_equal(taken(repo_shift_on_duty(db, T0, on_duty, NULL)), "li.na,");
    assert_string_equal(taken(repo_shift_on_duty(db, T0 + 550, on_duty, NULL)), "");
    assert_string_equal(taken(repo_shift_on_duty(db, T0 + 2000, on_duty, NULL)), "");
    assert_int_equal(repo_shift_next_change(db, T0, &at), 0);
    assert_int_equal(at, T0 + 600);
    assert_int_equal(repo_shift_remove(db, id, whose), 0);
    assert_string_equal(whose, "li.na");
    assert_int_equal(repo_shift_remove(db, id, whose), E_NOTFOUND);
}

static void a_kept_card_goes_when_what_it_says_changes(void **state)
{
    int64_t id = make_person("王芳", "+8613800138000");
    struct card_row card = {.person_id = id,
                            .from_on = 0,
                            .to_on = DAY0 + 100,
                            .score = -1,
                            .name = "王芳",
                            .unit = "",
                            .places = "",
                            .head = "",
                            .body = "",
                            .consent = "",
                            .tail = ""};
    bool kept = false;
    enum put what;
    assert_int_equal(repo_card_put(db, &card), 0);
    assert_int_equal(repo_card_is_kept(db, id, DAY0, &kept), 0);
    assert_true(kept);
    assert_int_equal(repo_card_is_kept(db, id, DAY0 + 101, &kept), 0);
    assert_false(kept);
    assert_int_equal(repo_vehicle_put(db, id, "粤B12345", NULL, &what), 0);
    assert_int_equal(repo_card_is_kept(db, id, DAY0, &kept), 0);
    assert_false(kept);
}

int contract_of_people(void)
{
    const struct CMUnitTest tests[] = {
        C(a_person_is_known_by_key_number_and_address),
        C(a_household_shares_a_unit_on_that_day),
        C(places_are_found_by_name),
        C(accounts_and_their_tokens),
        C(the_plan_says_who_is_on_duty),
        C(a_kept_card_goes_when_what_it_says_changes),
    };
    return cmocka_run_group_tests_name("people", tests, NULL, NULL);
}
