/* contract_messages.c - messages and their states, receipts, texts that come in. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "contract_make.h"
#include "store/repo_inbound.h"
#include "store/repo_message.h"

static int64_t last;
static int rows;
static struct message_row seen;

static void on_message(void *ctx, const struct message_row *row)
{
    rows++;
    last = row->id;
    seen = *row;
}

static int64_t queued(const char *key, const char *gateway, int64_t next_at)
{
    struct message_row row = {.key = key,
                              .channel = "sms",
                              .message_class = "service",
                              .gateway = gateway,
                              .recipient = "+8613800138000",
                              .person_id = 7,
                              .text = "您好",
                              .segments = 1,
                              .next_at = next_at,
                              .expires_at = T0 + 1000000,
                              .queued_at = T0};
    int64_t id = 0;
    assert_int_equal(repo_message_insert(db, &row, &id), 0);
    return id;
}

static void a_key_is_one_message(void **state)
{
    struct message_row again = {.key = "k1",
                                .channel = "sms",
                                .message_class = "service",
                                .gateway = "sms",
                                .recipient = "x",
                                .segments = 1,
                                .next_at = T0,
                                .queued_at = T0};
    int64_t id = queued("k1", "sms", T0), other;
    assert_int_equal(repo_message_insert(db, &again, &other), E_CONSTRAINT);
    assert_int_equal(repo_message_by_key(db, "k1", "sms", on_message, NULL), 0);
    assert_int_equal(last, id);
    assert_int_equal(repo_message_by_key(db, "k1", "mail", on_message, NULL), E_NOTFOUND);
    assert_int_equal(repo_message_by_key(db, "k1", NULL, on_message, NULL), 0);
    assert_int_equal(repo_message_get(db, id, on_message, NULL), 0);
    assert_int_equal(seen.state, MSG_QUEUED);
    assert_int_equal(seen.next_at, T0);
}

static void what_is_due_comes_first_of_its_gateway(void **state)
{
    int64_t late = queued("k1", "sms", T0), later = queued("k2", "sms", T0 + 10), at = 0;
    queued("k3", "mail", T0);
    rows = 0;
    assert_int_equal(repo_message_due(db, "sms", T0 + 5, 10, on_message, NULL), 0);
    assert_int_equal(rows, 1);
    assert_int_equal(last, late);
    rows = 0;
    assert_int_equal(repo_message_due(db, "sms", T0 + 10, 10, on_message, NULL), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(last, later);
    assert_int_equal(repo_message_next_due(db, "sms", &at), 0);
    assert_int_equal(at, T0);
    assert_int_equal(repo_message_delay(db, late, T0 + 20), 0);
    assert_int_equal(repo_message_next_due(db, "sms", &at), 0);
    assert_int_equal(at, T0 + 10);
    assert_int_equal(repo_message_next_due(db, "none", &at), 0);
    assert_int_equal(at, 0);
}

static void a_state_moves_by_the_table_alone(void **state)
{
    int64_t id = queued("k1", "sms", T0);
    struct message_move m = {.from = MSG_QUEUED, .to = MSG_SENDING, .cause = "test"};
    assert_int_equal(repo_message_move(db, id, &m), 0);
    assert_int_equal(repo_message_move(db, id, &m), E_CONFLICT); /* it is not queued any more */
    m = (struct message_move){.from = MSG_SENDING,
                              .to = MSG_SENT,
                              .sent_at = T0 + 1,
                              .provider_id = "p",
                              .cause = "test"};
    assert_int_equal(repo_message_move(db, id, &m), 0);
    assert_int_equal(repo_message_by_provider(db, "sms", "p", on_message, NULL), 0);
    assert_int_equal(seen.sent_at, T0 + 1);
    assert_int_equal(seen.attempts, 1);
    m = (struct message_move){.from = MSG_SENT, .to = MSG_QUEUED, .cause = "test"};
    assert_int_equal(repo_message_move(db, id, &m), E_CONFLICT); /* no such way */
    m = (struct message_move){.from = MSG_SENT, .to = MSG_DELIVERED, .at = T0 + 2, .cause = "test"};
    assert_int_equal(repo_message_move(db, id, &m), 0);
    assert_int_equal(repo_message_get(db, id, on_message, NULL), 0);
    assert_int_equal(seen.state, MSG_DELIVERED);
    assert_int_equal(seen.delivered_at, T0 + 2);
    rows = 0;
    assert_int_equal(repo_message_due(db, "sms", T0 + 999, 10, on_message, NULL), 0);
    assert_int_equal(rows, 0);
}

static void all_of_one_state_move_together(void **state)
{
    struct message_move go = {.from = MSG_QUEUED, .to = MSG_SENDING, .cause = "test"};
    struct message_move back = {
        .from = MSG_SENDING, .to = MSG_QUEUED, .next_at = T0 + 7, .cause = "test"};
    char key[16];
    for (int i = 0; i < 600; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        assert_int_equal(repo_message_move(db, queued(key, "sms", T0), &go), 0);
    }
    assert_int_equal(repo_message_move_all(db, 0, &back), 0);
    rows = 0;
    assert_int_equal(repo_message_due(db, "sms", T0 + 7, 1000, on_message, NULL), 0);
    assert_int_equal(rows, 600);
}

static void lists_are_filtered(void **state)
{
    struct message_query all = {.limit = 10}, person = {.person_id = 7, .limit = 10},
                         nobody = {.person_id = 8, .limit = 10},
                         failed = {.state = "failed", .limit = 10};
    int64_t first = queued("k1", "sms", T0), second = queued("k2", "sms", T0);
    rows = 0;
    assert_int_equal(repo_message_list(db, &all, on_message, NULL), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(last, first); /* newest first */
    rows = 0;
    assert_int_equal(repo_message_list(db, &person, on_message, NULL), 0);
    assert_int_equal(rows, 2);
    all.before = second;
    rows = 0;
    assert_int_equal(repo_message_list(db, &all, on_message, NULL), 0);
    assert_int_equal(rows, 1);
    rows = 0;
    assert_int_equal(repo_message_list(db, &nobody, on_message, NULL), 0);
    assert_int_equal(repo_message_list(db, &failed, on_message, NULL), 0);
    assert_int_equal(rows, 0);
}

static void on_receipt(void *ctx, const struct receipt_row *row)
{
    rows++;
    last = row->id;
}

static void receipts_wait_for_their_message(void **state)
{
    struct receipt_row r = {.gateway = "sms",
                            .key = "k1",
                            .state = "delivered",
                            .at = T0,
                            .provider_id = "p1",
                            .kept_at = T0};
    assert_int_equal(repo_receipt_keep(db, &r), 0);
    rows = 0;
    assert_int_equal(repo_receipt_of(db, "sms", "k1", NULL, 10, on_receipt, NULL), 0);
    assert_int_equal(repo_receipt_of(db, "sms", NULL, "p1", 10, on_receipt, NULL), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(repo_receipt_of(db, "mail", "k1", "p1", 10, on_receipt, NULL), 0);
    assert_int_equal(rows, 2);
    assert_int_equal(repo_receipt_drop(db, last), 0);
    assert_int_equal(repo_receipt_of(db, "sms", "k1", NULL, 10, on_receipt, NULL), 0);
    assert_int_equal(rows, 2);
}

static void a_text_comes_in_once(void **state)
{
    struct inbound_row in = {.gateway = "sms",
                             .provider_id = "m1",
                             .sender = "+8613800138000",
                             .recipient = "1069",
                             .text = "1",
                             .at = T0};
    int64_t id = 0, again = 9;
    assert_int_equal(repo_inbound_add(db, &in, &id), 0);
    assert_true(id > 0);
    assert_int_equal(repo_inbound_add(db, &in, &again), 0);
    assert_int_equal(again, 0);
}

int contract_of_messages(void)
{
    const struct CMUnitTest tests[] = {
        C(a_key_is_one_message),
        C(what_is_due_comes_first_of_its_gateway),
        C(a_state_moves_by_the_table_alone),
        C(all_of_one_state_move_together),
        C(lists_are_filtered),
        C(receipts_wait_for_their_message),
        C(a_text_comes_in_once),
    };
    return cmocka_run_group_tests_name("messages", tests, NULL, NULL);
}
