/* contract_make.c - see contract_make.h. */
#include "contract_make.h"

#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "contract.h"
#include "store/repo_account.h"
#include "store/repo_person.h"
#include "store/repo_ticket.h"
#include "store/repo_unit.h"

int64_t make_person(const char *name, const char *e164)
{
    struct person_edit e;
    int64_t id = 0;
    person_edit_init(&e);
    e.fields = PERSON_NAME | PERSON_PHONES | PERSON_EMAILS;
    e.name = name;
    assert_int_equal(person_edit_phone(&e, e164, NULL, e164), 0);
    assert_int_equal(person_edit_email(&e, "wang@example.com"), 0);
    assert_int_equal(repo_person_insert(db, &e, T0, &id), 0);
    assert_true(id > 0);
    return id;
}

int64_t make_unit(const char *name)
{
    enum put what;
    int64_t id = 0;
    assert_int_equal(repo_unit_put(db, "四季花城", "3", name, 0, 0, &id, &what), 0);
    return id;
}

void make_tenure(int64_t person, int64_t unit, enum tenure_role role, int64_t to_on)
{
    enum put what;
    assert_int_equal(repo_tenure_put(db, person, unit, role, 0, to_on, &what), 0);
}

int64_t make_account(const char *name, const char *role, const char *department)
{
    struct account_row row = {.kind = "person", .created_at = T0};
    int64_t id = 0;
    text_copy(row.name, sizeof(row.name), name);
    text_copy(row.role, sizeof(row.role), role);
    text_copy(row.department, sizeof(row.department), department);
    assert_int_equal(repo_account_insert(db, &row, &id), 0);
    return id;
}

void make_ticket(int64_t id, int64_t person, const char *responder)
{
    struct ticket_row row = {.id = id,
                             .version = 1,
                             .state = TICKET_OPEN,
                             .kind = "repair",
                             .channel = "call",
                             .priority = 3,
                             .cycle = 1,
                             .person_id = person,
                             .policy_id = 1,
                             .opened_at = T0};
    text_copy(row.responder, sizeof(row.responder), responder);
    text_copy(row.caller, sizeof(row.caller), "+8613800138000");
    row.subject = xstrdup("厨房漏水");
    assert_int_equal(repo_policy_put(db, 1, "standard", "{}", T0), 0);
    assert_int_equal(repo_ticket_insert(db, &row), 0);
    ticket_row_clear(&row);
}
