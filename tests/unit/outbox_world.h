/*
 * outbox_world.h - a site with owners, staff, a ledger, an outbox and a small HTTP server, for
 * tests of messages; the wall clock stands and is moved.
 */
#pragma once
#include "mini_http.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/site.h"
#include "until.h"
#include "service/messages/outbox.h"
#include "spine/sender.h"

#define NOON 1795320000000 /* 2026-11-22T04:00:00Z: noon in Shanghai */

struct world {
    char dir[64], url[96];
    struct server server;
    struct loop *loop;
    struct ledger *ledger;
    struct site *site;
    struct outbox *outbox;
    int changed, inbound, judged;
    int prepared;
};

static const char site_yaml[] =
    "site: {name: 四季花城, language: zh-Hans, timezone: Asia/Shanghai}\n"
    "store: {path: test.db}\n"
    "messages:\n"
    "  quiet_hours: {from: \"22:00\", to: \"08:00\"}\n"
    "  sms: {gateway: sms, signature: 四季花城, fallback: email}\n"
    "  email: {gateway: mail}\n";

/* ---- a gateway that talks to the small server ---- */

static inline int prepare(void *ctx, const struct steward_message *m, int64_t now,
                          struct steward_request *out, char *why, size_t why_len)
{
    struct world *w = ctx;

    w->prepared++;
    if (m->event_type) {
        out->body = m->event_json;
        out->body_len = strlen(m->event_json);
    } else {
        out->body = m->key;
        out->body_len = strlen(m->key);
    }
    out->method = "POST";
    out->url = w->url;
    out->allow_private = true;
    out->timeout_ms = 300;
    return 0;
}

static inline void judge(void *ctx, const struct steward_message *m,
                         const struct steward_response *res, struct steward_verdict *v)
{
    struct world *w = ctx;

    w->judged++;
    if (res->status == 200)
        text_copy(v->provider_id, sizeof(v->provider_id), "prov-1");
}

static inline void add_gateway(struct world *w, const char *name, const char *const *events)
{
    struct outbox_gateway gw = {
        .name = name, .prepare = prepare, .judge = judge, .events = events, .ctx = w};
    assert_int_equal(outbox_register(w->outbox, &gw), 0);
}

/* ---- commands and turns ---- */

struct call {
    int (*fn)(struct world *w, struct ledger_tx *tx, void *arg);
    struct world *w;
    void *arg;
    int rc;
    bool done;
};

static inline int call_run(struct ledger_tx *tx, void *arg)
{
    struct call *c = arg;
    return c->fn(c->w, tx, c->arg);
}

static inline void call_done(void *arg, int rc, const struct errmsg *why)
{
    struct call *c = arg;
    c->rc = rc;
    c->done = true;
}

static inline void turn(struct world *w)
{
    loop_turn(w->loop);
    usleep(1000);
}

static inline int run(struct world *w, int (*fn)(struct world *w, struct ledger_tx *tx, void *arg),
                      void *arg)
{
    struct call c = {.fn = fn, .w = w, .arg = arg};
    struct ledger_cmd cmd = {.name = "test", .run = call_run, .done = call_done, .arg = &c};
    assert_int_equal(ledger_submit(w->ledger, &cmd), 0);
    assert_true(wait_until(w->loop, c.done));
    return c.rc;
}

struct ask {
    const char *sql;
    int64_t id;
    char text[512];
};

static inline int ask_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct ask *a = arg;
    struct db_q *q = db_query(ledger_db(tx), a->sql);
    if (a->id)
        db_bind_int(q, 1, a->id);
    a->text[0] = 0;
    if (db_row(q))
        text_copy(a->text, sizeof(a->text), db_str(q, 0));
    return db_end(q);
}

/* The first column of the first row, of the message `id` if it is not 0. */
static const char *get(struct world *w, const char *sql, int64_t id)
{
    static struct ask a;
    a.sql = sql;
    a.id = id;
    assert_int_equal(run(w, ask_run, &a), 0);
    return a.text;
}

#define STATE "SELECT state FROM message WHERE id = $1"

static inline void expect_state(struct world *w, int64_t id, const char *state)
{
    if (!wait_until(w->loop, strcmp(get(w, STATE, id), state) == 0))
        fail_msg("message %d is %s, not %s", (int)id, get(w, STATE, id), state);
}

struct send {
    struct outbox_message m;
    int64_t id;
    int rc;
    struct errmsg why;
};

static inline int send_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct send *s = arg;
    s->why.text[0] = 0;
    s->rc = outbox_enqueue(w->outbox, tx, &s->m, &s->id, &s->why);
    return 0;
}

static inline struct send send_one(struct world *w, struct outbox_message m)
{
    struct send s = {.m = m};
    assert_int_equal(run(w, send_run, &s), 0);
    return s;
}

/* ---- a site with owners and staff ---- */

static inline int seed(struct world *w, struct ledger_tx *tx, void *arg)
{
    static const char sql[] =
        "INSERT INTO person (id, name, language, updated_at) VALUES (7, '王芳', 'zh-Hans', 0), (8, "
        "'Amy', 'en', 0), "
        "(9, '无号', NULL, 0);"
        "INSERT INTO phone (person_id, e164, label, raw, pos) VALUES (7, '+8675526888888', 'home', "
        "'', 0), "
        "(7, '+8613800138000', 'mobile', '', 1), (8, '+85291234567', 'mobile', '', 0);"
        "INSERT INTO email (person_id, address, pos) VALUES (7, 'wang@example.com', 0);"
        "INSERT INTO account (name, kind, role, display, phone, created_at) VALUES "
        "('li.na', 'person', 'agent', '李娜', '13900139000', 0), ('zhao', 'person', 'agent', '赵', "
        "NULL, 0);"
        "UPDATE account SET email = 'zhao@example.com' WHERE name = 'zhao';"
        "INSERT INTO account (name, kind, role, disabled, created_at) VALUES ('gone', 'person', "
        "'agent', 1, 0);";
    return db_exec(ledger_db(tx), sql, NULL);
}

static inline void person_changed(void *ctx, int64_t id)
{
    ((struct world *)ctx)->changed++;
}

static inline int on_inbound(void *ctx, struct ledger_tx *tx, struct outbox_inbound *in)
{
    ((struct world *)ctx)->inbound++;
    return 0;
}

static inline void open_outbox(struct world *w)
{
    struct errmsg why;
    struct outbox_opts opts = {.loop = w->loop,
                               .site = w->site,
                               .on_inbound = on_inbound,
                               .person_changed = person_changed,
                               .ctx = w};
    char path[96];

    snprintf(path, sizeof(path), "%s/test.db", w->dir);
    struct ledger_opts lo = {.loop = w->loop, .driver = &db_sqlite, .where = path};
    w->ledger = ledger_new(&lo, &why);
    if (!w->ledger)
        fail_msg("%s", why.text);
    opts.ledger = w->ledger;
    w->outbox = outbox_new(&opts, &why);
    if (!w->outbox)
        fail_msg("%s", why.text);
}

static inline void close_outbox(struct world *w)
{
    outbox_stop(w->outbox);
    ledger_free(&w->ledger);
    outbox_free(&w->outbox);
}

static inline int setup(void **state)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct conf_faults faults = {0};
    char path[96];

    clock_test_set(NOON);
    snprintf(w->dir, sizeof(w->dir), "/tmp/outbox.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(path, sizeof(path), "%s/steward.yaml", w->dir);
    w->site = site_load_text(path, site_yaml, sizeof(site_yaml) - 1, &faults);
    assert_non_null(w->site);
    conf_faults_free(&faults);
    server_start(&w->server);
    snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/ok", w->server.port);
    w->loop = loop_new();
    open_outbox(w);
    assert_int_equal(run(w, seed, NULL), 0);
    assert_int_equal(outbox_start(w->outbox), 0);
    *state = w;
    return 0;
}

static inline int teardown(void **state)
{
    struct world *w = *state;
    char command[128];

    w->server.stop = 1;
    close_outbox(w);
    server_stop(&w->server);
    loop_free(&w->loop);
    site_unref(&w->site);
    snprintf(command, sizeof(command), "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
    free(w);
    clock_test_set(0);
    return 0;
}
