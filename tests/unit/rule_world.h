/*
 * rule_world.h - a site with a real store, ledger, outbox and timers under a frozen clock, for the
 * tests of tickets and callbacks. Verbs run as ledger commands; time is moved by hand.
 */
#pragma once
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/text.h"
#include "until.h"
#include "domain/site.h"
#include "service/tickets/callbacks.h"
#include "spine/hub.h"
#include "service/messages/outbox.h"
#include "service/tickets/tickets.h"
#include "service/clocks/clock_timer.h"
#include "service/clocks/clocks.h"
#include "service/tell/tell.h"

#define NOON   INT64_C(1795320000000) /* 2026-11-22T04:00:00Z, a Sunday noon in Shanghai */
#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

struct world {
    char dir[64], db[96];
    struct loop *loop;
    struct ledger *ledger;
    struct site *site;
    struct outbox *outbox;
    struct hub *hub;
    struct tell *tell;
    struct clocks *clocks;
    struct tickets *tickets;
    struct clock_timer *timers;
    struct verb_out out; /* of the last verb */
    int rc;              /* of the last verb */
};

static const char world_yaml[] =
    "site: {name: 四季花城, language: zh-Hans, timezone: Asia/Shanghai}\n"
    "store: {path: test.db}\n"
    "departments:\n"
    "  engineering: {name: {zh: 工程部, en: Engineering}, head: zhao.gang}\n"
    "  security: {name: {zh: 秩序部, en: Security}}\n"
    "categories:\n"
    "  leak: {name: {zh: 漏水, en: Water leak}, department: engineering, policy: urgent, kind: "
    "repair}\n"
    "policies:\n"
    "  urgent:\n"
    "    calendar: always\n"
    "    clocks: {claim: 2m, first_reply: 10m, accept: 15m, progress: 4h, resolve: 24h, feedback: "
    "2h, confirm: 3d}\n"
    "    escalate:\n"
    "      - {at: 80%, tell: [responder]}\n"
    "      - {at: 100%, tell: [responder, supervisor]}\n"
    "      - {at: +30m, tell: [manager], raise: priority}\n"
    "      - {at: +4h, tell: [director], repeat: 4h, times: 3}\n"
    "    reopen: {tell: {2: [supervisor], 3: [manager]}, shrink: 75%}\n"
    "    urge: {tell: [responder, department_head], step: 1, every: 30m}\n"
    "    no_answer: {tries: 3, over: 3d, by: [call, sms]}\n"
    "    pause: {resolve: [owner, access, parts]}\n"
    "  standard:\n"
    "    calendar: always\n"
    "    clocks: {claim: 10m, first_reply: 1h, accept: 1h, progress: 8h, resolve: 48h, feedback: "
    "4h, "
    "confirm: 5d}\n"
    "    escalate:\n"
    "      - {at: 80%, tell: [responder]}\n"
    "      - {at: 100%, tell: [responder, supervisor]}\n"
    "      - {at: +30m, tell: [manager]}\n"
    "callbacks: {policy: standard, tries: 3}\n";

static const char world_people[] =
    "INSERT INTO account (name,kind,role,department,phone,created_at) VALUES "
    "('li.na','person','agent',NULL,'+8613600136001',1),"
    "('zhao.lei','person','agent',NULL,NULL,1),"
    "('zhao.gang','person','department','engineering','+8613600136005',1),"
    "('chen.tao','person','department','security',NULL,1),"
    "('sun.li','person','supervisor',NULL,'+8613600136002',1),"
    "('zhou.yu','person','manager',NULL,'+8613600136003',1),"
    "('he.ming','person','auditor',NULL,NULL,1),"
    "('dev','dev',NULL,NULL,NULL,1);"
    "INSERT INTO estate (id,name) VALUES (1,'四季花城');"
    "INSERT INTO building (id,estate_id,name,steward) VALUES (1,1,'3','li.na');"
    "INSERT INTO unit (id,building_id,name) VALUES (31,1,'1201'),(32,1,'1202');"
    "INSERT INTO person (id,name,updated_at) VALUES (7,'王芳',1),(8,'李强',1),(9,'赵敏',1);"
    "INSERT INTO phone (person_id,e164,label,raw,pos) VALUES "
    "(7,'+8613800138000','mobile','13800138000',0),(8,'+8613900139000','mobile','x',0);"
    "INSERT INTO tenure (person_id,unit_id,role) VALUES (7,31,'owner'),(8,31,'family'),"
    "(9,32,'owner');"
    "INSERT INTO source (id,name) VALUES (1,'pbx-a');";

/* ---- commands ---- */

struct command {
    int (*fn)(struct world *w, struct ledger_tx *tx, void *arg);
    struct world *w;
    void *arg;
    int rc;
    bool done;
};

static int command_run(struct ledger_tx *tx, void *arg)
{
    struct command *c = arg;
    return c->fn(c->w, tx, c->arg);
}

static void command_done(void *arg, int rc, const struct errmsg *why)
{
    struct command *c = arg;
    (void)why;
    c->rc = rc;
    c->done = true;
}

static inline int world_run(struct world *w,
                            int (*fn)(struct world *w, struct ledger_tx *tx, void *arg), void *arg)
{
    struct command c = {.fn = fn, .w = w, .arg = arg};
    struct ledger_cmd cmd = {.name = "test", .run = command_run, .done = command_done, .arg = &c};

    assert_int_equal(ledger_submit(w->ledger, &cmd), 0);
    assert_true(wait_until(w->loop, c.done));
    return c.rc;
}

/* ---- SQL ---- */

struct question {
    const char *sql;
    char text[2048];
    bool write;
};

static inline int question_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct question *a = arg;

    (void)w;
    if (a->write)
        return db_exec(ledger_db(tx), a->sql, NULL);
    struct db_q *q = db_query(ledger_db(tx), a->sql);
    a->text[0] = 0;
    if (db_row(q))
        text_copy(a->text, sizeof(a->text), db_str(q, 0));
    return db_end(q);
}

/* The first column of the first row; sql must be a literal. */
static inline const char *world_get(struct world *w, const char *sql)
{
    static struct question a;

    a = (struct question){.sql = sql};
    assert_int_equal(world_run(w, question_run, &a), 0);
    return a.text;
}

static inline int64_t world_int(struct world *w, const char *sql)
{
    return atoll(world_get(w, sql));
}

static inline void world_sql(struct world *w, const char *sql)
{
    struct question a = {.sql = sql, .write = true};
    assert_int_equal(world_run(w, question_run, &a), 0);
}

/* ---- start and stop ---- */

static inline void world_open(struct world *w)
{
    struct ledger_opts opts = {.driver = &db_sqlite, .where = w->db, .readers = 1};
    struct outbox_opts outbox = {.site = w->site};
    struct tickets_opts tickets = {.site = w->site};
    struct errmsg why = {""};

    w->loop = loop_new();
    opts.loop = w->loop;
    w->ledger = ledger_new(&opts, &why);
    if (!w->ledger)
        fail_msg("%s", why.text);
    w->hub = hub_new(100, 1 << 20);
    outbox.loop = w->loop;
    outbox.ledger = w->ledger;
    outbox.hub = w->hub;
    w->outbox = outbox_new(&outbox, &why);
    if (!w->outbox)
        fail_msg("%s", why.text);
    w->tell = tell_new(&(struct tell_opts){.site = w->site, .hub = w->hub, .outbox = w->outbox});
    w->clocks = clocks_new(w->site);
    w->timers = clock_timer_new(w->ledger, w->loop);
    tickets.outbox = w->outbox;
    tickets.tell = w->tell;
    tickets.clocks = w->clocks;
    tickets.timer = w->timers;
    w->tickets = tickets_new(&tickets);
    clock_timer_on_due(w->timers, tickets_clocks_due, w->tickets);
}

static inline void world_close(struct world *w)
{
    outbox_stop(w->outbox);
    ledger_free(&w->ledger);
    clock_timer_free(&w->timers);
    tickets_free(&w->tickets);
    clocks_free(&w->clocks);
    tell_free(&w->tell);
    outbox_free(&w->outbox);
    hub_free(&w->hub);
    loop_free(&w->loop);
}

static inline struct world *world_new_of(const char *yaml)
{
    struct world *w = xcalloc(1, sizeof(*w));
    struct conf_faults faults = {0};
    char file[96];

    clock_test_set(NOON);
    strcpy(w->dir, "/tmp/steward-rule-XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->db, sizeof(w->db), "%s/test.db", w->dir);
    snprintf(file, sizeof(file), "%s/steward.yaml", w->dir);
    w->site = site_load_text(file, yaml, strlen(yaml), &faults);
    if (!w->site) {
        struct buf b = BUF_INIT(65536);
        conf_faults_print(&faults, &b);
        fail_msg("%s", buf_str(&b));
    }
    conf_faults_free(&faults);
    world_open(w);
    world_sql(w, world_people);
    return w;
}

static inline struct world *world_new(void)
{
    return world_new_of(world_yaml);
}

static inline void world_free(struct world *w)
{
    char cmd[128];

    world_close(w);
    site_unref(&w->site);
    clock_test_set(0);
    snprintf(cmd, sizeof(cmd), "rm -rf %s", w->dir);
    assert_int_equal(system(cmd), 0);
    free(w);
}

/* ---- who ---- */

static inline struct actor person(const char *name, enum staff_role role, const char *department)
{
    struct actor a = {.role = role, .kind = STAFF_PERSON};

    text_copy(a.name, sizeof(a.name), name);
    text_copy(a.department, sizeof(a.department), department ? department : "");
    return a;
}

static inline struct actor who(const char *name)
{
    static const struct {
        const char *name;
        enum staff_role role;
        const char *department;
    } people[] = {{"li.na", ROLE_AGENT, NULL},
                  {"zhao.lei", ROLE_AGENT, NULL},
                  {"zhao.gang", ROLE_DEPARTMENT, "engineering"},
                  {"chen.tao", ROLE_DEPARTMENT, "security"},
                  {"sun.li", ROLE_SUPERVISOR, NULL},
                  {"zhou.yu", ROLE_MANAGER, NULL},
                  {"he.ming", ROLE_AUDITOR, NULL}};
    struct actor dev = {.kind = STAFF_DEV, .name = "dev"};

    for (size_t i = 0; i < ARRAY_LEN(people); i++)
        if (text_eq(people[i].name, name))
            return person(name, people[i].role, people[i].department);
    return dev;
}

/* ---- verbs ---- */

struct verb_call {
    int64_t id;
    const char *verb;
    json_t *body;
    struct actor actor;
    int64_t if_match;
};

static inline int verb_call_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct verb_call *c = arg;

    if (text_eq(c->verb, "create"))
        return tickets_create(w->tickets, tx, c->body, &c->actor, &w->out);
    if (text_starts(c->verb, "callback/"))
        return callbacks_verb(w->tickets, tx, c->id, c->verb + 9, c->body, &c->actor, &w->out);
    return tickets_verb(w->tickets, tx, c->id, c->verb, c->body, &c->actor, c->if_match, &w->out);
}

/* One verb as `name`; its code is returned and kept in w->rc. */
static inline int verb_as(struct world *w, const char *name, int64_t id, const char *verb,
                          const char *body)
{
    struct verb_call c = {.id = id, .verb = verb, .actor = who(name)};
    struct errmsg why = {""};

    c.body = json_parse(body, strlen(body), &why);
    if (!c.body)
        fail_msg("%s: %s", body, why.text);
    w->rc = world_run(w, verb_call_run, &c);
    json_decref(c.body);
    return w->rc;
}

/* A verb that must succeed. */
static inline void do_as(struct world *w, const char *name, int64_t id, const char *verb,
                         const char *body)
{
    if (verb_as(w, name, id, verb, body))
        fail_msg("%s %s %s: %d %s %s", name, verb, body, w->rc, w->out.field, w->out.text);
}

static inline int64_t create_as(struct world *w, const char *name, const char *body)
{
    do_as(w, name, 0, "create", body);
    return w->out.ticket_id;
}

/* ---- reading ---- */

struct reading {
    int64_t id;
    const char *what;
    struct actor actor;
    struct buf out;
};

static inline int reading_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct reading *r = arg;

    if (text_eq(r->what, "timeline"))
        return ticket_timeline_json(ledger_db(tx), r->id, 500, NULL, &r->out);
    if (text_eq(r->what, "callback"))
        return callback_json(ledger_db(tx), r->id, &r->out);
    return ticket_json(ledger_db(tx), w->tickets, r->id, &r->actor, ledger_now(tx), &r->out);
}

static inline json_t *world_read(struct world *w, const char *what, const char *name, int64_t id)
{
    struct reading r = {.id = id, .what = what, .actor = who(name)};
    struct errmsg why = {""};
    json_t *o;

    buf_init(&r.out, 4 << 20);
    assert_int_equal(world_run(w, reading_run, &r), 0);
    o = json_parse(buf_str(&r.out), r.out.len, &why);
    if (!o)
        fail_msg("%s: %s", why.text, buf_str(&r.out));
    buf_free(&r.out);
    return o;
}

static inline json_t *ticket_as(struct world *w, const char *name, int64_t id)
{
    return world_read(w, "ticket", name, id);
}

static inline const char *text_at(const json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));
    return s ? s : "";
}

/* "kind kind …" of a ticket's history. */
static inline const char *kinds_of(struct world *w, int64_t id)
{
    static char text[8192];
    json_t *o = world_read(w, "timeline", "sun.li", id);
    json_t *e;
    size_t i;

    text[0] = 0;
    json_array_foreach(json_object_get(o, "items"), i, e)
    {
        if (i)
            strncat(text, " ", sizeof(text) - strlen(text) - 1);
        strncat(text, text_at(e, "kind"), sizeof(text) - strlen(text) - 1);
    }
    json_decref(o);
    return text;
}

/* "resolve=running claim=kept …" of a ticket's clocks. */
static inline const char *clocks_of(struct world *w, int64_t id)
{
    static char text[8192];
    json_t *o = ticket_as(w, "sun.li", id), *c;
    size_t i;

    text[0] = 0;
    json_array_foreach(json_object_get(o, "clocks"), i, c)
    {
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s=%s", i ? " " : "",
                 text_at(c, "name"), text_at(c, "state"));
    }
    json_decref(o);
    return text;
}

static inline void assert_state(struct world *w, int64_t id, const char *state)
{
    json_t *o = ticket_as(w, "sun.li", id);

    assert_string_equal(text_at(o, "state"), state);
    json_decref(o);
}

/* ---- time ---- */

static inline int due_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    return tickets_clocks_due(w->tickets, tx, 64, arg);
}

/* Move the clock and carry out everything that is due. */
static inline void advance(struct world *w, int64_t ms)
{
    int done;

    clock_test_advance(ms);
    do {
        done = 0;
        assert_int_equal(world_run(w, due_run, &done), 0);
    } while (done);
}

/* ---- calls ---- */

static inline int answered_run(struct world *w, struct ledger_tx *tx, void *arg)
{
    struct answered_call *c = arg;
    int64_t id;
    bool joined;
    int rc;
    struct db_q *q =
        db_query(ledger_db(tx), "INSERT INTO call (source_id,call,direction,state,started_at,"
                                "answered_at,party) VALUES (1,'c'||(SELECT count(*) FROM call),"
                                "'inbound','cleared',$1,$1,$2) RETURNING id");
    db_bind_int(q, 1, c->at);
    db_bind_text(q, 2, c->number);
    c->call_id = db_row(q) ? db_int(q, 0) : 0;
    rc = db_end(q);
    if (!rc)
        rc = tickets_on_answered(w->tickets, tx, c, &id, &joined);
    w->out.ticket_id = id;
    w->out.version = joined;
    return rc;
}

/* An answered call; the ticket's id, negative if it was joined. */
static inline int64_t answer(struct world *w, const char *number, int64_t person_id,
                             const char *agent)
{
    struct answered_call c = {
        .number = number, .person_id = person_id, .agent = agent, .at = clock_now_ms()};

    assert_int_equal(world_run(w, answered_run, &c), 0);
    return w->out.version ? -w->out.ticket_id : w->out.ticket_id;
}
