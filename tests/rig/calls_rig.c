/*
 * calls_rig.c - see calls_rig.h.
 */
#include "calls_rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "until.h"

struct rig rig;

static char path[64];
static int64_t next_seq;
static struct hub_sub *sub;

static const char *field(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "-";
}

static void on_hub(void *ctx, const struct hub_event *ev)
{
    struct errmsg why;
    json_t *o = json_parse(ev->json, ev->len, &why);
    if (!o)
        fail_msg("%s: %s", ev->json, why.text);
    if (rig.log.len)
        buf_addc(&rig.log, '|');
    if (ev->kind == HUB_POP)
        buf_printf(&rig.log, "pop %s %s%s", ev->device, field(o, "match"),
                   json_is_true(json_object_get(o, "update")) ? " update" : "");
    else if (ev->kind == HUB_POP_END)
        buf_printf(&rig.log, "pop_end %s %s", ev->device, field(o, "reason"));
    else if (ev->kind == HUB_CALL)
        buf_printf(&rig.log, "call %s %s", field(o, "call"), field(o, "state"));
    else
        buf_printf(&rig.log, "%s", hub_kind_name(ev->kind));
    text_copyn(rig.last[ev->kind], sizeof(rig.last[0]), ev->json, ev->len);
    json_decref(o);
}

static void on_durable(void *ctx, int64_t seq)
{
    assert_true(seq >= rig.acked);
    rig.acked = seq;
}

static const char *or_dash(const char *s)
{
    return s ? s : "-";
}

static int on_action(void *ctx, const struct steward_action *a)
{
    rig.token = a->token;
    snprintf(rig.action, sizeof(rig.action), "%u call=%s device=%s number=%s to=%s name=%s out=%s",
             (unsigned)a->what, or_dash(a->call), or_dash(a->device), or_dash(a->number),
             or_dash(a->to), or_dash(a->caller_name), or_dash(a->outbound_number));
    return rig.action_rc;
}

static void start(void)
{
    struct errmsg why;
    rig.loop = loop_new();
    rig.ledger = ledger_new(
        &(struct ledger_opts){.loop = rig.loop, .driver = &db_sqlite, .where = path}, &why);
    assert_non_null(rig.ledger);
    rig.hub = hub_new(100, 1 << 20);
    sub = hub_subscribe(rig.hub, on_hub, NULL);
    rig.pops =
        pops_new(&(struct pops_opts){.loop = rig.loop, .ledger = rig.ledger, .hub = rig.hub});
    rig.t = calls_new(&(struct calls_opts){.loop = rig.loop,
                                           .ledger = rig.ledger,
                                           .hub = rig.hub,
                                           .pops = rig.pops,
                                           .tickets = rig.tickets,
                                           .staff = rig.staff,
                                           .conf = rig.conf});
    assert_int_equal(calls_load(rig.t, &why), E_OK);
    rig.source = source_get(rig.t, "pbx-a");
    assert_non_null(rig.source);
    struct source_adapter adapter = {
        .plugin = "test", .durable = on_durable, .action = on_action, .ctx = &rig};
    assert_int_equal(source_attach(rig.source, &adapter, &why), E_OK);
    source_state(rig.source, STEWARD_SOURCE_UP, 0, NULL);
    rig.acked = 0;
    next_seq = source_last_seq(rig.source) + 1;
}

static void stop(void)
{
    ledger_free(&rig.ledger);
    calls_free(&rig.t);
    pops_free(&rig.pops);
    hub_unsubscribe(&sub);
    hub_free(&rig.hub);
    loop_free(&rig.loop);
}

static void forget_files(void)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        char name[80];
        snprintf(name, sizeof(name), "%s%s", path, tails[i]);
        unlink(name);
    }
}

int rig_setup(void **state)
{
    snprintf(path, sizeof(path), "/tmp/test_tele.%d.db", (int)getpid());
    forget_files();
    memset(&rig, 0, sizeof(rig));
    rig.log = (struct buf)BUF_INIT(1 << 20);
    number_rules_init(&rig.conf.numbers);
    text_copy(rig.conf.numbers.area, sizeof(rig.conf.numbers.area), "755");
    text_copy(rig.conf.numbers.outside, sizeof(rig.conf.numbers.outside), "9");
    rig.conf.outbound_number = "075526888888";
    start();
    return 0;
}

int rig_teardown(void **state)
{
    stop();
    buf_free(&rig.log);
    forget_files();
    clock_test_set(0);
    return 0;
}

void rig_restart(void)
{
    stop();
    start();
}

static bool idle(void)
{
    struct ledger_stats stats;
    struct pops_stats pops;
    ledger_get_stats(rig.ledger, &stats);
    pops_get_stats(rig.pops, &pops);
    return stats.waiting == 0 && pops.reading == 0;
}

void rig_settle(void)
{
    int quiet = 0;
    for (int64_t end = clock_mono_us() + WAIT_MS * INT64_C(1000);
         clock_mono_us() < end && quiet < 12;) {
        loop_turn(rig.loop);
        quiet = idle() ? quiet + 1 : 0;
        usleep(200);
    }
    assert_true(quiet >= 12);
}

int rig_event(int64_t seq, const char *fields)
{
    char text[2000];
    struct errmsg why;
    struct steward_cti_event ev;
    int64_t parsed;
    snprintf(text, sizeof(text), "{%s}", fields);
    struct json_obj o;
    if (json_obj_read(&o, text, strlen(text), &why) < 0)
        fail_msg("%s: %s", text, why.text);
    int rc = source_event_parse(&o, &ev, &parsed, &why);
    if (rc == E_OK)
        rc = source_event(rig.source, seq, &ev, &why);
    if (rc == E_OK && seq >= next_seq)
        next_seq = seq + 1;
    json_obj_free(&o);
    return rc;
}

void rig_say(const char *fields)
{
    assert_int_equal(rig_event(next_seq, fields), E_OK);
    rig_settle();
}

void rig_sql(const char *sql)
{
    struct db *db;
    struct errmsg why;
    assert_int_equal(db_open(&db_sqlite, path, DB_WRITER, &db, &why), E_OK);
    if (db_exec(db, sql, &why) < 0)
        fail_msg("%s: %s", sql, why.text);
    db_close(&db);
}

const char *rig_ask(const char *sql)
{
    static char answer[20000];
    struct db *db;
    struct errmsg why;
    answer[0] = '\0';
    assert_int_equal(db_open(&db_sqlite, path, DB_READER, &db, &why), E_OK);
    struct db_q *q = db_query(db, sql);
    if (db_row(q))
        text_copy(answer, sizeof(answer), db_str(q, 0));
    while (db_row(q))
        continue;
    assert_int_equal(db_end(q), E_OK);
    db_close(&db);
    return answer;
}

const char *rig_log(void)
{
    static char text[1 << 16];
    text_copy(text, sizeof(text), buf_str(&rig.log));
    buf_reset(&rig.log);
    return text;
}

const char *rig_pops(void)
{
    static char text[1 << 16];
    char all[1 << 16], *rest = NULL;
    text_copy(all, sizeof(all), rig_log());
    text[0] = '\0';
    size_t n = 0;
    for (char *p = strtok_r(all, "|", &rest); p; p = strtok_r(NULL, "|", &rest))
        if (!text_starts(p, "call "))
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "|" : "", p);
    return text;
}
