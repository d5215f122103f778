/* contract_rest.c - audit lines, kept answers, reports, erasure, policies. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "contract_make.h"
#include "store/repo_audit.h"
#include "store/repo_erase.h"
#include "store/repo_idempotency.h"
#include "store/repo_person.h"
#include "store/repo_report.h"
#include "store/repo_ticket.h"

static int rows;

static void on_audit(void *ctx, const struct audit_row *row)
{
    rows++;
}

static void the_audit_log_is_read_by_object_and_account(void **state)
{
    assert_int_equal(repo_audit_add(db, T0, "li.na", "person.read", "person:7", NULL), 0);
    assert_int_equal(repo_audit_add(db, T0, "sun.li", "reload", NULL, "{}"), 0);
    rows = 0;
    assert_int_equal(repo_audit_list(db, NULL, NULL, 0, 10, on_audit, NULL), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(repo_audit_list(db, "person:7", NULL, 0, 10, on_audit, NULL), 0);
    assert_int_equal(rows, 3);
    assert_int_equal(repo_audit_list(db, "person:7", "sun.li", 0, 10, on_audit, NULL), 0);
    assert_int_equal(rows, 3);
}

static int kept_status;

static void on_kept(void *ctx, const struct idempotency_row *row)
{
    kept_status = row->status;
    assert_string_equal(row->body, "sealed");
}

static void an_answer_is_kept_once(void **state)
{
    struct idempotency_row row = {.account = "li.na",
                                  .route = "/tickets",
                                  .key = "k",
                                  .digest = "d",
                                  .status = 201,
                                  .body = "sealed",
                                  .body_len = 6,
                                  .at = T0};
    assert_int_equal(repo_idempotency_keep(db, &row), 0);
    assert_int_equal(repo_idempotency_keep(db, &row), E_CONSTRAINT);
    assert_int_equal(repo_idempotency_get(db, &row, on_kept, NULL), 0);
    assert_int_equal(kept_status, 201);
    assert_int_equal(repo_idempotency_sweep(db, T0), 0);
    assert_int_equal(repo_idempotency_get(db, &row, on_kept, NULL), 0);
    assert_int_equal(repo_idempotency_sweep(db, T0 + 1), 0);
    assert_int_equal(repo_idempotency_get(db, &row, on_kept, NULL), E_NOTFOUND);
}

static int64_t counted;

static void on_tickets(void *ctx, const struct report_tickets *r)
{
    counted += r->n;
}

static void reports_count_by_every_group(void **state)
{
    struct report_group by = {.from = T0, .to = T0 + 1};
    struct complaint_counts complaints;
    bool mine = false, sent = false;
    make_ticket(1, 0, "li.na");
    for (int i = 0; i < REPORT_BYS; i++) {
        by.by = (enum report_by)i;
        counted = 0;
        assert_int_equal(repo_report_tickets(db, &by, on_tickets, NULL), 0);
        assert_int_equal(counted, i == REPORT_DEPARTMENT ? 0 : 1);
    }
    assert_int_equal(repo_report_complaints(db, T0, T0 + 1, &complaints), 0);
    assert_int_equal(complaints.opened, 0);
    assert_int_equal(repo_report_mark_sent(db, DAY0, T0, &mine), 0);
    assert_true(mine);
    assert_int_equal(repo_report_mark_sent(db, DAY0, T0, &mine), 0);
    assert_false(mine);
    assert_int_equal(repo_report_was_sent(db, DAY0, &sent), 0);
    assert_true(sent);
}

static void who_is_erased_is_found_by_nothing(void **state)
{
    int64_t id = make_person("王芳", "+8613800138000"), *ids;
    struct person_phone found[2];
    struct person_row row;
    size_t n = 0;
    make_ticket(1, id, "li.na");
    assert_int_equal(repo_erase_tickets(db, id, &ids, &n), 0);
    assert_int_equal(n, 1);
    free(ids);
    assert_int_equal(repo_erase_ticket(db, 1), 0);
    assert_int_equal(repo_erase_person(db, id, T0), 0);
    assert_int_equal(repo_phone_exact(db, "+8613800138000", found, 2), 0);
    assert_int_equal(repo_person_get(db, id, &row), 0);
    assert_string_equal(row.name, "");
}

static void a_policy_is_its_text(void **state)
{
    assert_int_equal(repo_policy_put(db, 77, "standard", "{\"a\":1}", T0), 0);
    assert_int_equal(repo_policy_put(db, 77, "standard", "{\"a\":1}", T0), 0);
    char *text = repo_policy_get(db, 77);
    assert_string_equal(text, "{\"a\":1}");
    free(text);
    assert_null(repo_policy_get(db, 78));
}

int contract_of_rest(void)
{
    const struct CMUnitTest tests[] = {
        C(the_audit_log_is_read_by_object_and_account),
        C(an_answer_is_kept_once),
        C(reports_count_by_every_group),
        C(who_is_erased_is_found_by_nothing),
        C(a_policy_is_its_text),
    };
    return cmocka_run_group_tests_name("rest", tests, NULL, NULL);
}
