/* test_staff.c - accounts, tokens and standing at devices, over a real ledger and store. */
#include "unit.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/staff/staff.h"

static char dir[32], path[48];
static struct loop *loop;
static struct ledger *ledger;
static struct staff *staff;
static char changes[1024]; /* names of changed accounts: "li.na,…" */
static char disabled[256]; /* what the hook saw */
static int hook_rc;

static void on_change(void *ctx, const struct staff_account *a)
{
    strcat(strcat(changes, a->name), ",");
}

static int on_disable(void *ctx, struct ledger_tx *tx, const char *account,
                      const struct staff_account *by)
{
    snprintf(disabled, sizeof(disabled), "%s by %s", account, by ? by->name : "nobody");
    return hook_rc;
}

static void open_site(void)
{
    struct errmsg why = {{0}};
    ledger =
        ledger_new(&(struct ledger_opts){.loop = loop, .driver = &db_sqlite, .where = path}, &why);
    if (!ledger)
        fail_msg("%s", why.text);
    staff = staff_new(ledger);
    staff_on_change(staff, on_change, NULL);
    staff_on_disable(staff, on_disable, NULL);
    assert_int_equal(staff_load(staff, &why), 0);
    changes[0] = disabled[0] = '\0';
    hook_rc = 0;
}

static void close_site(void)
{
    ledger_free(&ledger);
    staff_free(&staff);
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_staff.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    loop = loop_new();
    open_site();
    return 0;
}

static int teardown(void **state)
{
    char command[64];
    close_site();
    loop_free(&loop);
    clock_test_set(0);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

/* One command, run to its end. */
struct step {
    int (*run)(struct ledger_tx *tx, void *arg);
    void *arg;
    int rc;
    bool done;
    char why[512];
};

static int run_step(struct ledger_tx *tx, void *arg)
{
    struct step *s = arg;
    return s->run(tx, s->arg);
}

static void step_done(void *arg, int rc, const struct errmsg *why)
{
    struct step *s = arg;
    s->rc = rc;
    s->done = true;
    text_copy(s->why, sizeof(s->why), rc < 0 ? why->text : "");
    loop_stop(loop);
}

static char last_why[512];

static int act(int (*run)(struct ledger_tx *tx, void *arg), void *arg)
{
    struct step s = {.run = run, .arg = arg};
    struct ledger_cmd cmd = {.name = "test", .run = run_step, .done = step_done, .arg = &s};
    assert_int_equal(ledger_submit(ledger, &cmd), 0);
    while (!s.done)
        loop_run(loop);
    strcpy(last_why, s.why);
    return s.rc;
}

static int run_add(struct ledger_tx *tx, void *arg)
{
    int64_t id = 0;
    int rc = staff_add(staff, tx, arg, &id);
    assert_true(rc < 0 || id > 0);
    return rc;
}

static int run_disable(struct ledger_tx *tx, void *arg)
{
    struct staff_account by = {.name = "boss"};
    return staff_disable(staff, tx, arg, &by);
}

static int run_token(struct ledger_tx *tx, void *arg)
{
    return staff_token_add(staff, tx, arg);
}

static int run_revoke(struct ledger_tx *tx, void *arg)
{
    return staff_token_revoke(staff, tx, arg);
}

static int run_revoke_all(struct ledger_tx *tx, void *arg)
{
    return staff_token_revoke_all(staff, tx, arg);
}

static int run_password(struct ledger_tx *tx, void *arg)
{
    return staff_set_password(staff, tx, arg, "$y$crypt");
}

static void add(const char *name, const char *device)
{
    struct staff_new_account a = {.name = name,
                                  .role = ROLE_AGENT,
                                  .display = "Somebody",
                                  .department = "service",
                                  .phone = "13800138000",
                                  .email = "a@b.cn",
                                  .home_device = device};
    assert_int_equal(act(run_add, &a), 0);
}

static int token(const char *account, enum staff_kind kind, const char *text, int64_t until)
{
    struct staff_new_token t = {.account = account,
                                .kind = kind,
                                .token = text,
                                .session = until != 0,
                                .expires_at = until};
    return act(run_token, &t);
}

static const char *at(const char *source, const char *device)
{
    const struct staff_account *a = staff_at_device(staff, source, device);
    return a ? a->name : "";
}

static void an_added_person_is_known_at_once_and_after_a_restart(void **state)
{
    add("li.na", "1001");
    for (int again = 0; again < 2; again++) {
        const struct staff_account *a = staff_by_name(staff, "li.na");
        assert_non_null(a);
        assert_int_equal(a->kind, STAFF_PERSON);
        assert_string_equal(staff_role_name(a->role), "agent");
        assert_string_equal(a->display, "Somebody");
        assert_string_equal(a->phone, "13800138000");
        assert_string_equal(at("pbx-a", "1001"), "li.na");
        assert_null(staff_password(staff, "li.na"));
        if (!again)
            assert_string_equal(changes, "li.na,");
        close_site();
        open_site();
    }
    assert_int_equal(act(run_password, "li.na"), 0);
    assert_string_equal(staff_password(staff, "li.na"), "$y$crypt");
    assert_int_equal(act(run_password, "nobody"), E_NOTFOUND);
}

static void bad_accounts_are_refused_with_the_field(void **state)
{
    char long_text[300];
    memset(long_text, 'x', 299);
    long_text[299] = '\0';
    add("li.na", NULL);
    const struct {
        struct staff_new_account a;
        int rc;
        const char *field;
    } rows[] = {
        {{.name = "li.na", .role = ROLE_AGENT}, E_EXISTS, "name"},
        {{.name = "", .role = ROLE_AGENT}, E_INVALID, "name"},
        {{.name = NULL, .role = ROLE_AGENT}, E_INVALID, "name"},
        {{.name = "li na", .role = ROLE_AGENT}, E_INVALID, "name"},
        {{.name = ".x", .role = ROLE_AGENT}, E_INVALID, "name"},
        {{.name = long_text, .role = ROLE_AGENT}, E_INVALID, "name"},
        {{.name = "dev", .role = ROLE_AGENT}, E_EXISTS, "name"},
        {{.name = "x", .role = ROLE_NONE}, E_INVALID, "role"},
        {{.name = "x", .role = ROLE_AGENT, .display = long_text}, E_INVALID, "display"},
        {{.name = "x", .role = ROLE_AGENT, .home_device = "10 01"}, E_INVALID, "device"},
        {{.name = "PBX", .kind = STAFF_PBX}, E_INVALID, "name"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(act(run_add, (void *)&rows[i].a), rows[i].rc);
        assert_true(text_starts(last_why, rows[i].field));
    }
    assert_null(staff_by_name(staff, "x"));
}

static void a_person_stands_at_one_device(void **state)
{
    add("li.na", "1001");
    add("wang.wei", NULL);
    assert_string_equal(at(NULL, "1002"), "");
    clock_test_set(1000000);
    assert_int_equal(staff_sign_on(staff, "wang.wei", "1002"), 0);
    assert_string_equal(at("pbx-b", "1002"), "wang.wei");
    clock_test_set(2000000000000);
    assert_int_equal(staff_sign_on(staff, "wang.wei", "1001"), 0); /* later than li.na */
    assert_string_equal(at("pbx-a", "1001"), "wang.wei");
    assert_string_equal(at("pbx-a", "1002"), "");
    assert_int_equal(staff_sign_on(staff, "wang.wei", "pbx-b/1001"), 0);
    assert_string_equal(at("pbx-a", "1001"), "li.na");
    assert_string_equal(at("pbx-b", "1001"), "wang.wei");
    assert_string_equal(at(NULL, "pbx-b/1001"), "wang.wei");
    close_site(); /* it was durable */
    open_site();
    assert_string_equal(at("pbx-b", "1001"), "wang.wei");
    assert_int_equal(staff_sign_on(staff, "wang.wei", NULL), 0);
    assert_string_equal(at("pbx-b", "1001"), "li.na");
    close_site();
    open_site();
    assert_string_equal(at("pbx-b", "1001"), "li.na"); /* signed off is not back home */
    assert_int_equal(staff_sign_on(staff, "nobody", "1"), E_NOTFOUND);
    assert_int_equal(staff_sign_on(staff, "li.na", "a b"), E_INVALID);
}

static void tokens_belong_to_their_kind(void **state)
{
    add("li.na", NULL);
    assert_int_equal(token("li.na", STAFF_PERSON, "secret-of-li", 0), 0);
    assert_int_equal(token("pbx-a", STAFF_PBX, "secret-of-pbx", 0), 0);
    assert_int_equal(token("pbx-a", STAFF_PBX, "second-of-pbx", 0), 0);
    assert_int_equal(token("pbx-a", STAFF_MONITOR, "secret-third", 0), E_CONFLICT);
    assert_int_equal(token("nobody", STAFF_PERSON, "secret-third", 0), E_NOTFOUND);
    assert_int_equal(token("li.na", STAFF_PERSON, "short", 0), E_INVALID);
    assert_string_equal(staff_by_token(staff, "secret-of-li")->name, "li.na");
    assert_int_equal(staff_by_token(staff, "second-of-pbx")->kind, STAFF_PBX);
    assert_null(staff_by_token(staff, "secret-of-l"));
    assert_null(staff_by_token(staff, ""));
    assert_null(staff_by_token(staff, NULL));
    assert_int_equal(act(run_revoke, "secret-of-pbx"), 0);
    assert_int_equal(act(run_revoke, "secret-of-pbx"), E_NOTFOUND);
    assert_null(staff_by_token(staff, "secret-of-pbx"));
    close_site();
    open_site();
    assert_null(staff_by_token(staff, "secret-of-pbx"));
    assert_non_null(staff_by_token(staff, "second-of-pbx"));
    assert_int_equal(act(run_revoke_all, "pbx-a"), 0);
    assert_null(staff_by_token(staff, "second-of-pbx"));
}

static void sessions_end(void **state)
{
    int64_t until;
    clock_test_set(1000000);
    add("li.na", NULL);
    assert_int_equal(token("li.na", STAFF_PERSON, "session-1", 2000000), 0);
    assert_non_null(staff_by_token_until(staff, "session-1", &until));
    assert_int_equal(until, 2000000);
    clock_test_set(2000000);
    assert_null(staff_by_token(staff, "session-1"));
    assert_int_equal(token("li.na", STAFF_PERSON, "session-2", 3000000), 0);
    close_site();
    open_site();
    assert_null(staff_by_token(staff, "session-1"));
    assert_non_null(staff_by_token(staff, "session-2"));
}

static void disabling_takes_everything_away(void **state)
{
    add("li.na", "1001");
    assert_int_equal(token("li.na", STAFF_PERSON, "secret-of-li", 0), 0);
    hook_rc = E_IO;
    assert_int_equal(act(run_disable, "li.na"), E_IO); /* the hook refused: nothing happened */
    assert_non_null(staff_by_token(staff, "secret-of-li"));
    hook_rc = 0;
    assert_int_equal(act(run_disable, "li.na"), 0);
    assert_string_equal(disabled, "li.na by boss");
    for (int again = 0; again < 2; again++) {
        assert_null(staff_by_token(staff, "secret-of-li"));
        assert_string_equal(at(NULL, "1001"), "");
        assert_true(staff_by_name(staff, "li.na")->disabled);
        assert_int_equal(staff_sign_on(staff, "li.na", "1001"), E_NOTFOUND);
        close_site();
        open_site();
    }
    assert_int_equal(act(run_disable, "li.na"), E_CONFLICT);
    assert_int_equal(act(run_disable, "nobody"), E_NOTFOUND);
}

static int run_rows(struct ledger_tx *tx, void *arg)
{
    struct staff_account a;
    assert_int_equal(staff_row_by_name(ledger_db(tx), "li.na", &a), 0);
    assert_string_equal(a.device, "1001");
    assert_int_equal(staff_row_by_name(ledger_db(tx), "pbx-a", &a), E_NOTFOUND);
    return staff_row_by_name(ledger_db(tx), "dev", &a);
}

static void dev_may_all_and_is_nobody(void **state)
{
    assert_null(staff_by_name(staff, "dev"));
    staff_set_dev(staff, "dev-token");
    const struct staff_account *dev = staff_by_token(staff, "dev-token");
    assert_non_null(dev);
    assert_int_equal(dev->kind, STAFF_DEV);
    assert_int_equal(staff_sign_on(staff, "dev", "1001"), E_NOTFOUND);
    add("li.na", "1001");
    assert_int_equal(token("pbx-a", STAFF_PBX, "secret-of-pbx", 0), 0);
    assert_int_equal(act(run_rows, NULL), E_NOTFOUND);
    staff_set_dev(staff, "other-token");
    assert_null(staff_by_token(staff, "dev-token"));
    assert_non_null(staff_by_token(staff, "other-token"));
    staff_set_dev(staff, NULL);
    assert_null(staff_by_token(staff, "other-token"));
}

static void made_tokens_differ(void **state)
{
    char a[44], b[44];
    staff_token_make(a);
    staff_token_make(b);
    assert_int_equal(strlen(a), 43);
    assert_string_not_equal(a, b);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(an_added_person_is_known_at_once_and_after_a_restart),
        T(bad_accounts_are_refused_with_the_field),
        T(a_person_stands_at_one_device),
        T(tokens_belong_to_their_kind),
        T(sessions_end),
        T(disabling_takes_everything_away),
        T(dev_may_all_and_is_nobody),
        T(made_tokens_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
