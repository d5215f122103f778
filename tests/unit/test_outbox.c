/*
 * test_outbox.c - messages from the transaction to the gateway and back, over a real ledger and a
 * small HTTP server; the wall clock stands and is moved.
 */
#include "unit.h"
#include "outbox_world.h"

/* ---- tests ---- */

static void sent_and_delivered(void **state)
{
    struct world *w = *state;
    add_gateway(w, "sms", NULL);
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "您好"});

    assert_int_equal(s.rc, 0);
    expect_state(w, s.id, "sent");
    assert_string_equal(get(w, "SELECT recipient FROM message WHERE id = $1", s.id),
                        "+8613800138000");
    assert_string_equal(get(w, "SELECT text FROM message WHERE id = $1", s.id), "【四季花城】您好");
    assert_string_equal(get(w, "SELECT provider_id FROM message WHERE id = $1", s.id), "prov-1");
    assert_string_equal(get(w, "SELECT attempts FROM message WHERE id = $1", s.id), "1");
    char key[64];
    text_copy(key, sizeof(key), get(w, "SELECT key FROM message WHERE id = $1", s.id));
    assert_non_null(strstr(w->server.last, key));
}

static void who_gets_it(void **state)
{
    struct world *w = *state;
    static const struct {
        struct outbox_message m;
        int rc;
        const char *to, *gateway, *cls;
    } cases[] = {
        {{.person_id = 7, .text = "x"}, 0, "+8613800138000", "sms", "service"},
        {{.person_id = 7, .text = "x", .channel = "email"},
         0,
         "wang@example.com",
         "mail",
         "service"},
        {{.person_id = 8, .text = "x"}, 0, "+85291234567", "sms", "service"},
        {{.person_id = 8, .text = "x", .channel = "email"}, E_NOTFOUND, NULL, NULL, NULL},
        {{.person_id = 9, .text = "x"}, E_NOTFOUND, NULL, NULL, NULL},
        {{.person_id = 99, .text = "x"}, E_NOTFOUND, NULL, NULL, NULL},
        {{.account = "li.na", .text = "x"}, 0, "+8613900139000", "sms", "staff"},
        {{.account = "zhao", .text = "x"}, 0, "zhao@example.com", "mail", "staff"},
        {{.account = "gone", .text = "x"}, E_NOTFOUND, NULL, NULL, NULL},
        {{.account = "nobody", .text = "x"}, E_NOTFOUND, NULL, NULL, NULL},
        {{.recipient = "138 0013 8000", .text = "x"}, 0, "+8613800138000", "sms", "service"},
        {{.recipient = "a@b.example", .text = "x"}, 0, "a@b.example", "mail", "service"},
        {{.recipient = "a@b\r\nBcc: c@d", .text = "x"}, E_INVALID, NULL, NULL, NULL},
        {{.recipient = "abc", .text = "x"}, E_INVALID, NULL, NULL, NULL},
        {{.text = "x"}, E_INVALID, NULL, NULL, NULL},
        {{.person_id = 7}, E_INVALID, NULL, NULL, NULL},
        {{.person_id = 7, .template_name = "no-such"}, E_INVALID, NULL, NULL, NULL},
        {{.person_id = 7, .text = "x", .channel = "fax"}, E_INVALID, NULL, NULL, NULL},
        {{.person_id = 7, .text = "x", .message_class = "spam"}, E_INVALID, NULL, NULL, NULL},
        {{.person_id = 7, .text = "x", .message_class = "marketing"}, E_DENIED, NULL, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct send s = send_one(w, cases[i].m);
        if (s.rc != cases[i].rc)
            fail_msg("case %zu: %d %s", i, s.rc, s.why.text);
        if (s.rc) {
            assert_true(*s.why.text);
            continue;
        }
        if (strcmp(get(w, "SELECT recipient FROM message WHERE id = $1", s.id), cases[i].to) != 0)
            fail_msg("case %zu: to", i);
        if (strcmp(get(w, "SELECT gateway FROM message WHERE id = $1", s.id), cases[i].gateway) !=
            0)
            fail_msg("case %zu: gateway", i);
        if (strcmp(get(w, "SELECT class FROM message WHERE id = $1", s.id), cases[i].cls) != 0)
            fail_msg("case %zu: class", i);
    }
}

static void templates_and_params(void **state)
{
    struct world *w = *state;
    struct outbox_param params[] = {{"clock", "accept", 0}, {"at", "100%", 0}, {"due", NULL, NOON}};
    struct send s = send_one(
        w, (struct outbox_message){
               .account = "li.na", .template_name = "escalated", .params = params, .n_params = 3});
    assert_int_equal(s.rc, 0);
    assert_non_null(strstr(get(w, "SELECT text FROM message WHERE id = $1", s.id),
                           "（2026-11-22 12:00）已到期"));
    assert_non_null(strstr(get(w, "SELECT params_json FROM message WHERE id = $1", s.id),
                           "\"clock\":\"accept\""));
    s = send_one(w, (struct outbox_message){.person_id = 8, .template_name = "unsubscribed"});
    assert_non_null(
        strstr(get(w, "SELECT text FROM message WHERE id = $1", s.id), "You will get no more"));
}

static void waits_without_instance(void **state)
{
    struct world *w = *state;
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    for (int i = 0; i < 50; i++)
        turn(w);
    assert_string_equal(get(w, STATE, s.id), "queued");
    add_gateway(w, "sms", NULL);
    expect_state(w, s.id, "sent");
}

static void quiet_hours_bind_owners_only(void **state)
{
    struct world *w = *state;
    add_gateway(w, "sms", NULL);
    clock_test_set(NOON + 11 * 3600 * 1000);
    struct send owner = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    struct send staff = send_one(w, (struct outbox_message){.account = "li.na", .text = "x"});
    struct send urgent =
        send_one(w, (struct outbox_message){.person_id = 7, .text = "x", .urgent = true});

    expect_state(w, staff.id, "sent");
    expect_state(w, urgent.id, "sent");
    assert_string_equal(get(w, STATE, owner.id), "queued");
    assert_string_equal(get(w, "SELECT count(*) FROM audit WHERE what = 'urgent_message'", 0), "1");
    clock_test_set(NOON + 20 * 3600 * 1000);
    expect_state(w, owner.id, "sent");
}

static void errors_are_retried(void **state)
{
    struct world *w = *state;
    w->server.answer = 503;
    add_gateway(w, "sms", NULL);
    struct send s = send_one(w, (struct outbox_message){.account = "li.na", .text = "x"});

    wait_until(w->loop, w->judged >= 1);
    expect_state(w, s.id, "queued");
    assert_string_equal(get(w, "SELECT error FROM message WHERE id = $1", s.id), "HTTP status 503");
    clock_test_advance(60000);
    wait_until(w->loop, w->judged >= 2);
    expect_state(w, s.id, "queued"); /* stored: the wait for the third begins */
    w->server.answer = 0;
    clock_test_advance(60000);
    expect_state(w, s.id, "sent");
    assert_string_equal(get(w, "SELECT attempts FROM message WHERE id = $1", s.id), "3");
}

static void silence_is_retried_until_it_expires(void **state)
{
    struct world *w = *state;
    add_gateway(w, "sms", NULL);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:1/nobody");
    struct send s = send_one(
        w, (struct outbox_message){.account = "zhao", .recipient = "13900139001", .text = "x"});

    for (int i = 0; i < 2000 && strcmp(get(w, STATE, s.id), "expired") != 0; i++) {
        clock_test_advance(3600 * 1000);
        for (int k = 0; k < 40; k++)
            turn(w);
    }
    assert_string_equal(get(w, STATE, s.id), "expired");
    /* sms: fallback: email */
    assert_string_equal(get(w, "SELECT recipient FROM message WHERE resend_of = $1", s.id),
                        "zhao@example.com");
}

static void refused_for_good(void **state)
{
    struct world *w = *state;
    w->server.answer = 400;
    add_gateway(w, "sms", NULL);
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});

    expect_state(w, s.id, "failed");
    assert_string_equal(get(w, "SELECT gateway FROM message WHERE resend_of = $1", s.id), "mail");
}

static int receipt_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    return outbox_receipt(w->outbox, tx, "sms", arg);
}

static void receipts_move_forward(void **state)
{
    struct world *w = *state;
    char key[64];
    struct steward_receipt r = {
        .struct_size = sizeof(r), .key = key, .state = "delivered", .at = NOON + 5};
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    text_copy(key, sizeof(key), get(w, "SELECT key FROM message WHERE id = $1", s.id));
    assert_int_equal(run(w, receipt_run, &r), 0);
    assert_string_equal(get(w, STATE, s.id), "delivered");
    r.state = "failed";
    assert_int_equal(run(w, receipt_run, &r), 0);
    assert_string_equal(get(w, STATE, s.id), "delivered");
    r.state = "read";
    assert_int_equal(run(w, receipt_run, &r), E_INVALID);
    r = (struct steward_receipt){.struct_size = sizeof(r)};
    r.state = "sent";
    assert_int_equal(run(w, receipt_run, &r), E_INVALID);
    /* Sent meanwhile: nothing goes out any more. */
    add_gateway(w, "sms", NULL);
    for (int i = 0; i < 50; i++)
        turn(w);
    assert_int_equal(w->prepared, 0);
}

static void receipt_before_its_message(void **state)
{
    struct world *w = *state;
    struct steward_receipt r = {
        .struct_size = sizeof(r), .provider_id = "prov-1", .state = "delivered", .at = NOON};
    assert_int_equal(run(w, receipt_run, &r), 0);
    assert_string_equal(get(w, "SELECT count(*) FROM receipt", 0), "1");
    add_gateway(w, "sms", NULL);
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    expect_state(w, s.id, "delivered");
    assert_string_equal(get(w, "SELECT count(*) FROM receipt", 0), "0");
}

static int inbound_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct outbox_inbound in = *(struct outbox_inbound *)arg;
    return outbox_inbound(w->outbox, tx, &in);
}

static void stop_takes_back_consent(void **state)
{
    struct world *w = *state;
    struct outbox_inbound in = {
        .gateway = "sms", .id = "mo-1", .from = "13800138000", .text = "退订"};
    assert_int_equal(run(w, inbound_run, &in), 0);
    assert_int_equal(run(w, inbound_run, &in), 0); /* a repeat */
    assert_string_equal(get(w, "SELECT count(*) FROM inbound", 0), "1");
    assert_int_equal(w->inbound, 1);
    assert_int_equal(w->changed, 1);
    assert_string_equal(get(w, "SELECT consent_sms FROM person WHERE id = 7", 0), "0");
    struct send s =
        send_one(w, (struct outbox_message){.person_id = 7, .text = "x", .channel = "sms"});
    assert_int_equal(s.rc, 0); /* by e-mail: the site's fallback */
    assert_string_equal(get(w, "SELECT channel FROM message WHERE id = $1", s.id), "email");
    s = send_one(
        w, (struct outbox_message){.person_id = 7, .text = "x", .channel = "sms", .urgent = true});
    assert_string_equal(get(w, "SELECT channel FROM message WHERE id = $1", s.id), "sms");
    in = (struct outbox_inbound){
        .gateway = "sms", .id = "mo-2", .from = "+8613800138000", .text = "START"};
    assert_int_equal(run(w, inbound_run, &in), 0);
    assert_string_equal(get(w, "SELECT consent_sms FROM person WHERE id = 7", 0), "1");
}

/* A household's number, an employee's address, an owner who is one. */
static int neighbours(struct world *w, struct ledger_tx *tx, void *arg)
{
    static const char sql[] =
        "UPDATE person SET consent_sms = 0, consent_email = 0 WHERE id = 7;"
        "INSERT INTO phone (person_id, e164, label, raw, pos) VALUES "
        "(9, '+8613700137000', 'mobile', '', 0), (9, '+8613900139000', 'mobile', '', 1);"
        "UPDATE person SET consent_sms = 0 WHERE id = 9;";
    return db_exec(ledger_db(tx), sql, NULL);
}

static void the_address_decides(void **state)
{
    struct world *w = *state;
    static const struct {
        struct outbox_message m;
        int rc;
        int64_t person;
    } cases[] = {
        {{.recipient = "13800138000"}, E_DENIED, 0},
        {{.recipient = "+86 138 0013 8000", .message_class = "staff"}, E_DENIED, 0},
        {{.recipient = "13800138000", .account = "li.na"}, E_DENIED, 0},
        {{.recipient = "13800138000", .account = "li.na", .message_class = "staff"}, E_DENIED, 0},
        {{.recipient = "13800138000", .account = "nobody"}, E_NOTFOUND, 0},
        {{.recipient = "13800138000", .person_id = 8}, E_DENIED, 0},
        {{.recipient = "13800138000", .message_class = "verification"}, E_DENIED, 0},
        {{.recipient = "Wang@Example.COM"}, E_DENIED, 0},
        {{.recipient = "WANG@EXAMPLE.COM", .account = "zhao"}, E_DENIED, 0},
        {{.recipient = "wang@example.com", .person_id = 8}, E_DENIED, 0},
        {{.person_id = 7}, E_DENIED, 0},
        {{.recipient = "+85291234567", .person_id = 7}, E_DENIED, 0},
        {{.recipient = "+85291234567", .account = "li.na"}, 0, 8},
        {{.recipient = "ZHAO@example.com", .account = "zhao"}, 0, 0},
        {{.account = "li.na"}, 0, 0}, /* the employee, though the number is an owner's too */
        {{.recipient = "13900139000", .account = "li.na"}, 0, 0},
        {{.recipient = "13900139000"}, E_DENIED, 0},
        {{.account = "li.na", .message_class = "service"}, E_DENIED, 0},
    };
    assert_int_equal(run(w, neighbours, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct outbox_message m = cases[i].m;
        m.text = "x";
        struct send s = send_one(w, m);
        if (s.rc != cases[i].rc)
            fail_msg("case %zu: %d %s", i, s.rc, s.why.text);
        if (!s.rc && strtoll(get(w, "SELECT person_id FROM message WHERE id = $1", s.id), NULL,
                             10) != cases[i].person)
            fail_msg("case %zu: person", i);
    }
    assert_int_equal(atoi(get(w, "SELECT count(*) FROM audit WHERE what = 'message_refused'", 0)),
                     13);
}

static int inbound_texts(struct world *w, const char *from, const char *const *texts, size_t n)
{
    static int id;
    int rc = 0;
    for (size_t i = 0; i < n && rc == 0; i++) {
        char name[24];
        snprintf(name, sizeof(name), "in-%d", ++id);
        struct outbox_inbound in = {.gateway = "sms", .id = name, .from = from, .text = texts[i]};
        rc = run(w, inbound_run, &in);
    }
    return rc;
}

static void stop_of_a_stranger_is_remembered(void **state)
{
    struct world *w = *state;
    struct outbox_message m = {.recipient = "+8613600136000", .text = "x"};
    struct send waiting = send_one(w, m);
    assert_int_equal(waiting.rc, 0);
    assert_int_equal(inbound_texts(w, " 8613600136000", (const char *[]){"opt-out"}, 1), 0);
    assert_string_equal(get(w, "SELECT sender FROM inbound", 0), "+8613600136000");
    assert_int_equal(send_one(w, m).rc, E_DENIED);
    add_gateway(w, "sms", NULL);
    expect_state(w, waiting.id, "cancelled");
    assert_int_equal(inbound_texts(w, "13600136000", (const char *[]){"start"}, 1), 0);
    assert_int_equal(send_one(w, m).rc, 0);

    m.recipient = "New.Owner@example.com";
    const char *quoted = "STOP\n\nOn Monday the office wrote:\n> good news";
    assert_int_equal(inbound_texts(w, "new.owner@EXAMPLE.com", &quoted, 1), 0);
    assert_int_equal(send_one(w, m).rc, E_DENIED);
}

static int move_in(struct world *w, struct ledger_tx *tx, void *arg)
{
    return db_exec(ledger_db(tx),
                   "INSERT INTO phone (person_id, e164, label, raw, pos) VALUES "
                   "(9, '+8613600136000', 'mobile', '', 0)",
                   NULL);
}

/* Who stops a number before it is registered has stopped it. */
static void a_stopped_number_stays_stopped(void **state)
{
    struct world *w = *state;
    assert_int_equal(inbound_texts(w, "13600136000", (const char *[]){"STOP"}, 1), 0);
    assert_int_equal(run(w, move_in, NULL), 0);
    assert_int_equal(send_one(w, (struct outbox_message){.person_id = 9, .text = "x"}).rc,
                     E_DENIED);
}

static int allow_marketing(struct world *w, struct ledger_tx *tx, void *arg)
{
    return db_exec(ledger_db(tx), "UPDATE person SET consent_marketing = 1 WHERE id = 7", NULL);
}

static void stop_after_marketing(void **state)
{
    struct world *w = *state;
    struct outbox_inbound in = {.gateway = "sms", .id = "mo-1", .from = "13800138000", .text = "T"};
    assert_int_equal(run(w, allow_marketing, NULL), 0);
    add_gateway(w, "sms", NULL);
    struct send s = send_one(w, (struct outbox_message){.person_id = 7,
                                                        .text = "新年快乐 拒收请回复T",
                                                        .message_class = "marketing"});
    expect_state(w, s.id, "sent");
    assert_int_equal(run(w, inbound_run, &in), 0);
    assert_string_equal(get(w, "SELECT consent_marketing FROM person WHERE id = 7", 0), "0");
    assert_string_equal(get(w, "SELECT consent_sms FROM person WHERE id = 7", 0), "1");
    assert_string_equal(get(w, "SELECT person_id FROM inbound", 0), "7");
}

static int take_consent(struct world *w, struct ledger_tx *tx, void *arg)
{
    return db_exec(ledger_db(tx), "UPDATE person SET consent_sms = 0 WHERE id = 7", NULL);
}

static void consent_is_asked_again_when_sending(void **state)
{
    struct world *w = *state;
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    assert_int_equal(run(w, take_consent, NULL), 0);
    add_gateway(w, "sms", NULL);
    expect_state(w, s.id, "cancelled");
    assert_int_equal(w->prepared, 0);
}

static int resend_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct send *s = arg;
    return outbox_resend(w->outbox, tx, s->id, "li.na", &s->id, &s->why);
}

static int cancel_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct send *s = arg;
    return outbox_cancel(w->outbox, tx, s->id, "li.na", NULL, &s->why);
}

static void resend_and_cancel(void **state)
{
    struct world *w = *state;
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    int64_t first = s.id;
    assert_int_equal(run(w, resend_run, &s), 0);
    assert_int_not_equal(s.id, first);
    assert_string_equal(get(w, "SELECT text FROM message WHERE id = $1", s.id), "【四季花城】x");
    assert_int_equal(run(w, cancel_run, &s), 0);
    assert_string_equal(get(w, STATE, s.id), "cancelled");
    assert_int_equal(run(w, cancel_run, &s), E_CONFLICT);
    s.id = 4711;
    assert_int_equal(run(w, cancel_run, &s), E_NOTFOUND);
    assert_int_equal(run(w, resend_run, &s), E_NOTFOUND);
    assert_string_equal(get(w, "SELECT count(DISTINCT key) FROM message", 0), "2");
}

static int event_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    return outbox_event(w->outbox, tx, arg, 0, "{\"id\":\"T-000001\"}", 0);
}

static void events_go_to_subscribers(void **state)
{
    struct world *w = *state;
    static const char *const events[] = {"ticket.*", NULL};
    add_gateway(w, "crm", events);
    add_gateway(w, "sms", NULL);
    assert_true(outbox_wants_event(w->outbox, "ticket.opened"));
    assert_false(outbox_wants_event(w->outbox, "call.cleared"));
    assert_int_equal(run(w, event_run, "ticket.opened"), 0);
    assert_int_equal(run(w, event_run, "call.cleared"), 0);
    expect_state(w, 1, "sent");
    assert_string_equal(get(w, "SELECT count(*) FROM message", 0), "1");
    assert_non_null(strstr(w->server.last, "T-000001"));
}

static int stuck(struct world *w, struct ledger_tx *tx, void *arg)
{
    return db_exec(ledger_db(tx),
                   "UPDATE message SET state = 'sending', next_at = NULL, attempts = 1", NULL);
}

static void a_crash_loses_nothing(void **state)
{
    struct world *w = *state;
    struct send s = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    assert_int_equal(run(w, stuck, NULL), 0);
    close_outbox(w);
    open_outbox(w);
    add_gateway(w, "sms", NULL);
    assert_int_equal(outbox_start(w->outbox), 0);
    expect_state(w, s.id, "sent");
    assert_string_equal(get(w, "SELECT attempts FROM message WHERE id = $1", s.id), "2");
}

static void slow_gateway_delays_no_other(void **state)
{
    struct world *w = *state;
    struct world silent = *w;
    snprintf(silent.url, sizeof(silent.url), "http://10.255.255.1:81/");
    struct outbox_gateway gw = {.name = "sms", .prepare = prepare, .judge = judge, .ctx = &silent};
    assert_int_equal(outbox_register(w->outbox, &gw), 0);
    add_gateway(w, "mail", NULL);
    for (int i = 0; i < 20; i++)
        send_one(w, (struct outbox_message){.account = "li.na", .text = "x"});
    struct send s = send_one(w, (struct outbox_message){.account = "zhao", .text = "x"});
    expect_state(w, s.id, "sent");
    outbox_unregister(w->outbox, "sms");
}

struct heard {
    int calls, status;
};

static void on_hook(void *ctx, int status, const char *detail)
{
    struct heard *h = ctx;
    h->calls++;
    h->status = status;
}

static int hook(struct world *w, const char *gateway, const char *what, const char *body,
                bool authenticated)
{
    struct heard h = {0};
    struct steward_hook req = {.struct_size = sizeof(req),
                               .method = "POST",
                               .what = what,
                               .query = "",
                               .content_type = "application/json",
                               .body = body,
                               .body_len = strlen(body)};
    outbox_hook(w->outbox, gateway, &req, authenticated, on_hook, &h);
    wait_until(w->loop, h.calls);
    assert_int_equal(h.calls, 1);
    return h.status;
}

static void hooks_of_the_generic_form(void **state)
{
    struct world *w = *state;
    char body[512];
    static const struct {
        const char *what, *body;
        int status;
    } bad[] = {
        {"receipt", "", 422},
        {"receipt", "{", 422},
        {"receipt", "[1]", 422},
        {"receipt", "{\"type\":\"message.receipt\"}", 422},
        {"receipt", "{\"type\":\"message.receipt\",\"data\":{\"key\":\"k\"}}", 422},
        {"receipt", "{\"type\":\"message.receipt\",\"data\":{\"key\":\"k\",\"state\":\"read\"}}",
         422},
        {"receipt",
         "{\"type\":\"message.receipt\",\"data\":{\"key\":\"k\",\"state\":\"sent\",\"at\":\"noon\"}"
         "}",
         422},
        {"receipt", "{\"type\":\"message.inbound\",\"data\":{\"key\":\"k\",\"state\":\"sent\"}}",
         422},
        {"inbound", "{\"type\":\"message.inbound\",\"data\":{\"id\":\"1\",\"from\":\"+861\"}}",
         422},
        {"other", "{}", 404},
        {"receipt", "[]", 204},
        {"receipt",
         "{\"type\":\"message.receipt\",\"data\":{\"key\":\"unknown\",\"state\":\"sent\"}}", 204},
        {"inbound",
         "{\"type\":\"message.inbound\",\"data\":{\"id\":\"1\",\"from\":\"+8613800138000\","
         "\"text\":\"hi\"}}",
         204},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        int status = hook(w, "sms", bad[i].what, bad[i].body, true);
        if (status != bad[i].status)
            fail_msg("%s: %d", bad[i].body, status);
    }
    assert_int_equal(hook(w, "nobody", "receipt", "[]", true), 404);
    assert_int_equal(hook(w, "sms", "receipt", "[]", false), 401);
    struct send a = send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    char key[64];
    text_copy(key, sizeof(key), get(w, "SELECT key FROM message WHERE id = $1", a.id));
    snprintf(
        body, sizeof(body),
        "[{\"type\":\"message.receipt\",\"timestamp\":\"2026-11-22T04:00:00Z\",\"data\":{\"key\":"
        "\"%s\","
        "\"state\":\"sent\",\"at\":\"2026-11-22T04:00:00Z\",\"error\":null,\"provider_id\":\"p\"}},"
        "{\"type\":\"message.receipt\",\"data\":{\"key\":\"%s\",\"state\":\"failed\",\"error\":"
        "\"no such number\"}}]",
        key, key);
    assert_int_equal(hook(w, "sms", "receipt", body, true), 204);
    assert_string_equal(get(w, STATE, a.id), "failed");
    assert_string_equal(get(w, "SELECT error FROM message WHERE id = $1", a.id), "no such number");
}

static int list_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct buf out = BUF_INIT(1 << 20);
    struct jw jw;
    int64_t next = 0;
    struct outbox_filter f = {.limit = 2, .person_id = 7, .mask = true};
    char *text = arg;
    jw_init(&jw, &out);
    jw_arr(&jw);
    int rc = outbox_list(ledger_db(tx), &f, &jw, &next);
    jw_end_arr(&jw);
    assert_int_equal(next, 2);
    text_copy(text, 4096, buf_str(&out));
    buf_free(&out);
    return rc;
}

static void listed_as_json(void **state)
{
    struct world *w = *state;
    char text[4096];
    static const char *const fields[] = {"id",
                                         "key",
                                         "channel",
                                         "class",
                                         "gateway",
                                         "to",
                                         "person_id",
                                         "account",
                                         "ticket",
                                         "template",
                                         "provider_template",
                                         "params",
                                         "language",
                                         "text",
                                         "segments",
                                         "state",
                                         "attempts",
                                         "not_before",
                                         "queued_at",
                                         "sent_at",
                                         "delivered_at",
                                         "failed_at",
                                         "error",
                                         "provider_id",
                                         "resend_of"};
    for (int i = 0; i < 3; i++)
        send_one(w, (struct outbox_message){.person_id = 7, .text = "x"});
    assert_int_equal(run(w, list_run, text), 0);
    json_t *list = json_parse(text, strlen(text), NULL);
    assert_int_equal(json_array_size(list), 2);
    json_t *m = json_array_get(list, 0);
    assert_int_equal(json_integer_value(json_object_get(m, "id")), 3);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (!json_object_get(m, fields[i]))
            fail_msg("%s is missing", fields[i]);
    assert_string_equal(json_string_value(json_object_get(m, "to")), "+86138****8000");
    assert_true(json_is_null(json_object_get(m, "ticket")));
    json_decref(list);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(sent_and_delivered),
        T(who_gets_it),
        T(templates_and_params),
        T(waits_without_instance),
        T(quiet_hours_bind_owners_only),
        T(errors_are_retried),
        T(silence_is_retried_until_it_expires),
        T(refused_for_good),
        T(receipts_move_forward),
        T(receipt_before_its_message),
        T(stop_takes_back_consent),
        T(the_address_decides),
        T(stop_of_a_stranger_is_remembered),
        T(a_stopped_number_stays_stopped),
        T(stop_after_marketing),
        T(consent_is_asked_again_when_sending),
        T(resend_and_cancel),
        T(events_go_to_subscribers),
        T(a_crash_loses_nothing),
        T(slow_gateway_delays_no_other),
        T(hooks_of_the_generic_form),
        T(listed_as_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
