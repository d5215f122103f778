/*
 * test_registry.c - cards by number with certainty and reason, owners added and changed, units,
 * the search block that follows, and who is told.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/site.h"
#include "service/registry/registry.h"
#include "store/repo_card.h"
#include "store/repo_unit.h"

static char dir[32], path[48];
static struct loop *loop;
static struct ledger *ledger;
static struct registry *registry, *second;
static int64_t changed_ids[64];
static int changed_n, changed_all;

#define NOW   1795334400000 /* 2026-11-22T08:00:00Z */
#define HOUR  INT64_C(3600000)
#define TODAY ((int32_t)(NOW / 86400000))

static void changed_cb(void *ctx, const int64_t *ids, size_t n)
{
    changed_all += ids == NULL;
    for (size_t i = 0; i < n; i++)
        changed_ids[changed_n++ % 64] = ids[i];
}

static struct site *site_in(const char *zone)
{
    char yaml[256];
    struct conf_faults faults = {0};
    int n = snprintf(yaml, sizeof(yaml),
                     "site: {timezone: %s}\nstore: {path: t.db}\nlisten: {control: none}\n", zone);
    struct site *s = site_load_text("steward.yaml", yaml, (size_t)n, &faults);
    assert_non_null(s);
    conf_faults_free(&faults);
    return s;
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_reg.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    struct errmsg why = {{0}};
    struct number_rules rules;
    clock_test_set(NOW);
    number_rules_init(&rules);
    strcpy(rules.area, "755");
    loop = loop_new();
    ledger =
        ledger_new(&(struct ledger_opts){.loop = loop, .driver = &db_sqlite, .where = path}, &why);
    assert_non_null(ledger);
    struct site *site = site_in("Asia/Shanghai");
    registry = registry_new(&(struct registry_opts){ledger, &rules, site});
    site_unref(&site);
    registry_on_person_changed(registry, changed_cb, NULL);
    changed_n = changed_all = 0;
    return 0;
}

static int teardown(void **state)
{
    ledger_free(&ledger);
    registry_free(&registry);
    registry_free(&second);
    loop_free(&loop);
    clock_test_set(0);
    char cmd[64];
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}

/* ---- running things to their end ----------------------------------------------------------- */

struct step {
    int (*fn)(struct ledger_tx *tx, struct step *s);
    const char *json;
    int64_t id, version;
    int rc;
    bool done;
    char why[520];
};

static int step_run(struct ledger_tx *tx, void *arg)
{
    struct step *s = arg;
    return s->fn(tx, s);
}

static void step_done(void *arg, int rc, const struct errmsg *why)
{
    struct step *s = arg;
    s->rc = rc;
    snprintf(s->why, sizeof(s->why), "%s", why->text);
    s->done = true;
    loop_stop(loop);
}

static void run(struct step *s)
{
    assert_int_equal(ledger_submit(ledger,
                                   &(struct ledger_cmd){
                                       .name = "t", .run = step_run, .done = step_done, .arg = s}),
                     0);
    while (!s->done)
        loop_run(loop);
}

static int create_fn(struct ledger_tx *tx, struct step *s)
{
    json_t *body = json_parse(s->json, strlen(s->json), NULL);
    assert_non_null(body);
    int rc = registry_create(registry, tx, body, "sun.li", &s->id);
    json_decref(body);
    return rc;
}

static int change_fn(struct ledger_tx *tx, struct step *s)
{
    json_t *body = json_parse(s->json, strlen(s->json), NULL);
    assert_non_null(body);
    int rc = registry_change(registry, tx, s->id, s->version, body, "sun.li");
    json_decref(body);
    return rc;
}

static int units_fn(struct ledger_tx *tx, struct step *s)
{
    enum put what;
    int64_t id;
    struct db *db = ledger_db(tx);
    assert_int_equal(repo_unit_put(db, "四季花城", "3", "1201", 8900 * 100, 17897, &id, &what), 0);
    assert_int_equal(id, 1);
    assert_int_equal(repo_unit_put(db, "四季花城", "3", "1202", 0, 0, &id, &what), 0);
    assert_int_equal(repo_unit_put(db, "云山", "A座", "8", 0, 0, &id, &what), 0);
    assert_int_equal(what, PUT_NEW);
    assert_int_equal(repo_unit_put(db, "云山", "A座", "8", 0, 0, &id, &what), 0);
    assert_int_equal(what, PUT_SAME);
    return repo_building_put(db, "四季花城", "3", "sun.li", &what);
}

static int64_t create(const char *json)
{
    struct step s = {.fn = create_fn, .json = json};
    run(&s);
    if (s.rc < 0)
        fail_msg("%s: %s", json, s.why);
    return s.id;
}

static void make_units(void)
{
    struct step s = {.fn = units_fn};
    run(&s);
    assert_int_equal(s.rc, 0);
}

static struct db *reader(void)
{
    return ledger_startup_db(ledger);
}

static struct registry_found found;

static json_t *cards(const char *e164)
{
    registry_found_free(&found);
    assert_int_equal(registry_cards(reader(), e164, TODAY, &found), 0);
    struct registry_caller caller; /* the same rules without the cards */
    bool sole = strcmp(found.match, "one") == 0;
    assert_int_equal(registry_caller(reader(), e164, TODAY, &caller), 0);
    assert_string_equal(caller.match, found.match);
    assert_int_equal(caller.person_id, sole ? found.owners[0].id : 0);
    assert_int_equal(caller.certain, sole && found.owners[0].certainty == MATCH_CERTAIN);
    json_t *v = json_parse(found.json.data, found.json.len, NULL);
    assert_non_null(v);
    assert_int_equal(json_array_size(v), found.n);
    for (int i = 0; i < found.n; i++) { /* each part is an object by itself */
        json_t *one = json_parse(found.json.data + found.owners[i].from,
                                 found.owners[i].to - found.owners[i].from, NULL);
        assert_true(json_equal(one, json_array_get(v, (size_t)i)));
        json_decref(one);
    }
    return v;
}

static void same_json(const json_t *v, const char *want)
{
    char *text = json_dumps(v, JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENCODE_ANY);
    assert_string_equal(text, want);
    free(text);
}

/* ---- tests -------------------------------------------------------------------------------- */

#define WANG                                                                                       \
    "{\"name\":\"王芳\",\"language\":\"zh\",\"phones\":[\"138 0013 8000\",\"0755-28881234\"],"   \
    "\"emails\":[\"wang@example.com\"],\"segment\":\"elderly\",\"flags\":[\"elderly\",\"vip\"],"   \
    "\"tier\":\"gold\",\"tier_since\":\"2020-01-01\",\"tenures\":[{\"estate\":\"四季花城\","   \
    "\"building\":\"3\",\"unit\":\"1201\",\"role\":\"owner\",\"from\":\"2019-05-01\"}],"           \
    "\"vehicles\":[{\"plate\":\"粤b·12345\",\"space\":\"B2-118\"}],\"key\":\"p1\"}"

static void test_card(void **state)
{
    make_units();
    create(WANG);
    int64_t li = create("{\"name\":\"李强\",\"tenures\":[{\"unit_id\":1,\"role\":\"family\"}]}");
    json_t *v = cards("+8613800138000");
    assert_string_equal(found.match, "one");
    same_json(json_array_get(v, 0),
              "{\"id\":1,\"name\":\"王芳\",\"language\":\"zh-Hans\",\"phone_label\":\"mobile\","
              "\"tenures\":[{\"unit_id\":1,\"unit\":\"四季花城 3-1201\",\"role\":\"owner\","
              "\"since\":\"2019-05-01\"}],\"household\":[{\"id\":2,\"name\":\"李强\",\"role\":"
              "\"family\"}],\"vehicles\":[{\"plate\":\"粤B12345\",\"space\":\"B2-118\"}],"
              "\"membership\":{\"tier\":\"gold\",\"since\":\"2020-01-01\"},\"segment\":\"elderly\","
              "\"flags\":[\"elderly\",\"vip\"],\"steward\":{\"user\":\"sun.li\",\"name\":"
              "\"sun.li\"},\"consent\":{\"sms\":true,\"email\":true,\"call\":true,\"marketing\":"
              "false},\"open_tickets\":[],\"recent\":[],\"satisfaction\":null,\"certainty\":"
              "\"certain\",\"reason\":\"mobile of the owner of 四季花城 3-1201\"}");
    json_decref(v);
    struct buf b = BUF_INIT(10000);
    struct jw w;
    jw_init(&w, &b);
    assert_int_equal(registry_card_json(reader(), li, TODAY, &w), 0);
    assert_non_null(strstr(buf_str(&b), "\"language\":null,\"phone_label\":null"));
    assert_non_null(strstr(buf_str(&b), "\"membership\":null,\"segment\":null,\"flags\":[]"));
    buf_reset(&b);
    jw_init(&w, &b);
    assert_int_equal(registry_person_json(reader(), 1, TODAY, &w, NULL), 0);
    assert_non_null(strstr(buf_str(&b), "\"phones\":[\"+8613800138000\",\"+8675528881234\"]"));
    assert_non_null(
        strstr(buf_str(&b), "\"emails\":[\"wang@example.com\"],\"key\":\"p1\",\"version\":1"));
    assert_non_null(strstr(buf_str(&b), "\"from\":\"2019-05-01\",\"to\":null,\"current\":true"));
    buf_reset(&b);
    jw_init(&w, &b);
    assert_int_equal(registry_phone_json(reader(), "+8675528881234", TODAY, &w, NULL), 0);
    assert_non_null(strstr(buf_str(&b), "{\"match\":\"one\",\"items\":[{\"owner\":{\"id\":1,"));
    assert_non_null(strstr(buf_str(&b), "\"reason\":\"landline of the owner of"));
    assert_int_equal(registry_card_json(reader(), 99, TODAY, &w), E_NOTFOUND);
    buf_free(&b);
    struct registry_person p;
    assert_int_equal(registry_person_get(reader(), 1, &p), 0);
    assert_string_equal(p.phone, "+8613800138000");
    assert_string_equal(p.email, "wang@example.com");
    assert_true(p.sms && p.mail && p.call && !p.marketing);
}

/* Who shares a number, who had it, who has one that ends alike. */
static void test_matches(void **state)
{
    make_units();
    int64_t tenant =
        create("{\"name\":\"赵敏\",\"phones\":[\"13900000001\"],\"tenures\":[{\"unit_id\":"
               "2,\"role\":\"tenant\"}]}");
    int64_t former =
        create("{\"name\":\"钱多\",\"phones\":[\"13900000001\"],\"tenures\":[{\"unit_id\":"
               "2,\"role\":\"owner\",\"to\":\"2026-11-21\"}]}");
    int64_t owner =
        create("{\"name\":\"孙丽\",\"phones\":[\"13900000001\"],\"tenures\":[{\"unit_id\":"
               "1,\"role\":\"owner\"},{\"unit_id\":2,\"role\":\"owner\",\"to\":"
               "\"2026-11-22\"},{\"unit_id\":3,\"role\":\"tenant\"}]}");
    json_decref(cards("+8613900000001"));
    assert_string_equal(found.match, "many");
    assert_int_equal(found.n, 3);
    assert_int_equal(found.owners[0].id, owner);
    assert_string_equal(found.owners[0].reason,
                        "mobile of the owner of 四季花城 3-1201 and 2 more");
    assert_int_equal(found.owners[1].id, tenant);
    assert_int_equal(found.owners[2].id, former);
    assert_int_equal(found.owners[2].certainty, MATCH_FORMER);
    assert_string_equal(found.owners[2].reason, "mobile of the former owner of 四季花城 3-1202");

    create("{\"name\":\"物业\",\"phones\":[\"95588\"]}");
    json_decref(cards("86:95588"));
    assert_string_equal(found.match, "one");
    assert_string_equal(found.owners[0].reason, "service of a contact without a home here");

    int64_t chan = create("{\"name\":\"Chan\",\"phones\":[\"+852 2123 4567\"]}");
    json_decref(cards("+8675521234567")); /* the site's area put before a Hong Kong number */
    assert_string_equal(found.match, "one");
    assert_int_equal(found.owners[0].id, chan);
    assert_int_equal(found.owners[0].certainty, MATCH_LIKELY);
    json_decref(cards("+85221234567"));
    assert_int_equal(found.owners[0].certainty, MATCH_CERTAIN);
    create("{\"name\":\"弱\",\"phones\":[\"0755-31234567\"]}");
    json_decref(cards("+85231234567"));
    assert_int_equal(found.n, 1);
    assert_int_equal(found.owners[0].certainty, MATCH_LIKELY);

    create("{\"name\":\"旧\",\"phones\":[\"13900000009\"],\"tenures\":[{\"unit_id\":2,\"role\":"
           "\"tenant\",\"to\":\"2020-01-01\"}]}");
    json_decref(cards("+8613900000009"));
    assert_string_equal(found.match, "none");
    assert_int_equal(found.n, 1);
    json_decref(cards("+8613999999999"));
    assert_int_equal(found.n, 0);
    assert_string_equal(found.json.data, "[]");
    json_decref(cards(NULL));
    assert_string_equal(found.match, "none");
}

static int ticket_fn(struct ledger_tx *tx, struct step *s)
{
    struct errmsg why;
    return db_exec(ledger_db(tx), s->json, &why);
}

/* `recent` alone makes no update; anything else does. */
static void test_digest(void **state)
{
    make_units();
    int64_t id = create(WANG);
    json_decref(cards("+8613800138000"));
    uint64_t before = found.digest;
    struct step call = {
        .fn = ticket_fn,
        .json =
            "INSERT INTO source (id, name) VALUES (1, 'pbx-a'); INSERT INTO call (source_id, "
            "call, direction, state, disposition, agent, person_id, started_at) VALUES (1, 'c', "
            "'inbound', 'cleared', 'answered', 'li.na', 1, 1795334000000)"};
    run(&call);
    assert_int_equal(call.rc, 0);
    json_t *v = cards("+8613800138000");
    assert_int_equal(found.digest, before);
    same_json(json_object_get(json_array_get(v, 0), "recent"),
              "[{\"at\":\"2026-11-22T07:53:20.000Z\",\"kind\":\"call\",\"summary\":\"inbound, "
              "answered, li.na\"}]");
    json_decref(v);
    struct step s = {.fn = change_fn, .id = id, .json = "{\"tier\":\"silver\"}"};
    run(&s);
    assert_int_equal(s.rc, 0);
    json_decref(cards("+8613800138000"));
    assert_int_not_equal(found.digest, before);
}

/* The latest five of calls, tickets and messages together. */
static void test_recent(void **state)
{
    make_units();
    create(WANG);
    struct step s = {
        .fn = ticket_fn,
        .json =
            "INSERT INTO source (id, name) VALUES (1, 'pbx-a'); INSERT INTO policy_version (id, "
            "name, json, created_at) VALUES (1, 'standard', '{}', 1); INSERT INTO call (source_id, "
            "call, direction, state, disposition, agent, person_id, started_at) VALUES "
            "(1, 'c1', 'inbound', 'cleared', 'missed', NULL, 1, 1000), "
            "(1, 'c2', 'inbound', 'cleared', 'answered', 'li.na', 1, 4000), "
            "(1, 'c3', 'outbound', 'delivered', NULL, NULL, 1, 6000); INSERT INTO ticket (id, "
            "version, state, kind, subject, priority, person_id, channel, opened_at, policy_id) "
            "VALUES (12, 1, 'new', 'request', 'leak', 2, 1, 'call', 5000, 1); INSERT INTO message "
            "(key, channel, class, gateway, recipient, person_id, template, text, state, "
            "queued_at) VALUES ('k1', 'sms', 'service', 'sms', '+86', 1, NULL, 't', 'sent', 2000), "
            "('k2', 'email', 'service', 'mail', 'x', 1, 'told', 't', 'queued', 7000)"};
    run(&s);
    assert_int_equal(s.rc, 0);
    json_t *v = cards("+8613800138000");
    same_json(json_object_get(json_array_get(v, 0), "recent"),
              "[{\"at\":\"1970-01-01T00:00:07.000Z\",\"kind\":\"message\",\"summary\":\"email "
              "told, queued\"},{\"at\":\"1970-01-01T00:00:06.000Z\",\"kind\":\"call\","
              "\"summary\":\"outbound, delivered\"},{\"at\":\"1970-01-01T00:00:05.000Z\","
              "\"kind\":\"ticket\",\"summary\":\"T-000012 leak (new)\"},{\"at\":"
              "\"1970-01-01T00:00:04.000Z\",\"kind\":\"call\",\"summary\":\"inbound, answered, "
              "li.na\"},{\"at\":\"1970-01-01T00:00:02.000Z\",\"kind\":\"message\",\"summary\":"
              "\"sms sent\"}]");
    json_decref(v);
}

static int missing(void)
{
    int64_t ids[8];
    return repo_card_missing(reader(), 0, NOW / 86400000, ids, 8);
}

static void wait_until_kept(void)
{
    while (missing())
        loop_turn(loop);
    loop_turn(loop);
}

/* Cards are made for whoever is new or changed, for whoever was met without one, at the start. */
static void test_kept(void **state)
{
    make_units();
    int64_t ids[2] = {create(WANG), 0};
    ids[1] = create("{\"name\":\"李强\",\"tenures\":[{\"unit_id\":1,\"role\":\"family\"}]}");
    wait_until_kept();
    struct step s = {.fn = change_fn, .id = ids[0], .json = "{\"name\":\"王方\"}"};
    run(&s);
    assert_int_equal(s.rc, 0);
    json_decref(cards("+8613800138000"));
    assert_string_equal(found.owners[0].name, "王方");
    wait_until_kept(); /* the household's, too */
    json_decref(cards("+8613800138000"));
    assert_string_equal(found.owners[0].name, "王方");
    assert_false(found.unkept);
    struct step drop = {.fn = ticket_fn, .json = "DELETE FROM card"};
    run(&drop);
    json_decref(cards("+8613800138000"));
    assert_true(found.unkept);
    registry_keep(registry, ids, 2);
    wait_until_kept();
    struct step again = {.fn = ticket_fn, .json = "DELETE FROM card"};
    run(&again);
    struct number_rules rules;
    number_rules_init(&rules);
    registry_quiet(registry);
    registry_keep(registry, ids, 2);
    second = registry_new(&(struct registry_opts){ledger, &rules, NULL});
    wait_until_kept();
}

static void test_change(void **state)
{
    make_units();
    int64_t id = create(WANG);
    int64_t li = create("{\"name\":\"李强\",\"tenures\":[{\"unit_id\":1,\"role\":\"family\"}]}");
    changed_n = 0;
    struct step s = {.fn = change_fn,
                     .id = id,
                     .version = 1,
                     .json =
                         "{\"name\":\"王小芳\",\"phones\":[{\"number\":\"13800138001\",\"label\":"
                         "\"work\"}],\"consent\":{\"sms\":false},\"tenures\":[]}"};
    run(&s);
    assert_int_equal(s.rc, 0);
    bool told_li = false, told_wang = false;
    for (int i = 0; i < changed_n; i++) {
        told_li |= changed_ids[i] == li;
        told_wang |= changed_ids[i] == id;
    }
    assert_true(told_li && told_wang); /* they shared a home until now */
    json_t *v = cards("+8613800138001");
    json_t *card = json_array_get(v, 0);
    assert_string_equal(json_string_value(json_object_get(card, "name")), "王小芳");
    assert_string_equal(json_string_value(json_object_get(card, "phone_label")), "work");
    same_json(json_object_get(card, "tenures"), "[]");
    same_json(json_object_get(card, "consent"),
              "{\"sms\":false,\"email\":true,\"call\":true,\"marketing\":false}");
    same_json(json_object_get(card, "flags"), "[\"elderly\",\"vip\"]");
    json_decref(v);
    json_decref(cards("+8613800138000"));
    assert_int_equal(found.n, 0);
    struct step stale = s;
    stale.done = false;
    run(&stale);
    assert_int_equal(stale.rc, E_STALE);
    assert_string_equal(stale.why, "the owner's version is 2, not 1");
    struct step same = {.fn = change_fn, .id = id, .json = "{\"name\":\"王小芳\"}"};
    run(&same);
    assert_int_equal(same.rc, 0);
    struct registry_person p;
    assert_int_equal(registry_person_get(reader(), id, &p), 0);
    assert_int_equal(p.version, 2);
    struct step gone = {.fn = change_fn, .id = 77, .json = "{}"};
    run(&gone);
    assert_int_equal(gone.rc, E_NOTFOUND);
}

static void test_refusals(void **state)
{
    static const char *const rows[][2] = {
        {"{}", "name: is missing"},
        {"{\"name\":\"\"}", "name: must not be empty"},
        {"{\"name\":7}", "name"},
        {"{\"nmae\":\"b\"}", "name: is missing"},
        {"{\"name\":\"a\",\"language\":\"klingon\"}", "language: 'klingon'"},
        {"{\"name\":\"a\",\"phones\":[\"12\"]}", "phones: '12' is not a telephone number"},
        {"{\"name\":\"a\",\"phones\":[7]}", "phones: each must be"},
        {"{\"name\":\"a\",\"phones\":\"13800138000\"}", "phones: must be a list"},
        {"{\"name\":\"a\",\"emails\":[\"a@b@c.d\"]}", "emails: 'a@b@c.d'"},
        {"{\"name\":\"a\",\"emails\":[\"a b@c.de\"]}", "emails: 'a b@c.de'"},
        {"{\"name\":\"a\",\"flags\":[\"x;y\"]}", "flags: each"},
        {"{\"name\":\"a\",\"consent\":{\"fax\":true}}", "consent.fax"},
        {"{\"name\":\"a\",\"consent\":{\"sms\":1}}", "consent.sms"},
        {"{\"name\":\"a\",\"tier_since\":\"2020-13-01\"}", "tier_since: '2020-13-01'"},
        {"{\"name\":\"a\",\"tenures\":[{\"unit_id\":99,\"role\":\"owner\"}]}", "no such unit"},
        {"{\"name\":\"a\",\"tenures\":[{\"role\":\"owner\"}]}", "no such unit"},
        {"{\"name\":\"a\",\"tenures\":[{\"unit_id\":1,\"role\":\"king\"}]}", "role 'king'"},
        {"{\"name\":\"a\",\"tenures\":[{\"unit_id\":1,\"role\":\"owner\",\"from\":\"2026-02-01\","
         "\"to\":\"2026-01-01\"}]}",
         "to is before from"},
        {"{\"name\":\"a\",\"vehicles\":[{\"space\":\"1\"}]}", "vehicles: each must have a plate"},
        {"{\"name\":\"a\",\"key\":\"p1\"}", "key: 'p1' is taken"},
    };
    make_units();
    create(WANG);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct step s = {.fn = create_fn, .json = rows[i][0]};
        run(&s);
        if (s.rc == 0 || !strstr(s.why, rows[i][1]))
            fail_msg("%s: %d '%s'", rows[i][0], s.rc, s.why);
    }
    struct db_q *q = db_query(reader(), "SELECT count(*) FROM person");
    assert_true(db_row(q));
    assert_int_equal(db_int(q, 0), 1); /* refused ones left nothing behind */
    assert_int_equal(db_end(q), 0);
}

static void test_units(void **state)
{
    make_units();
    create(WANG);
    struct buf b = BUF_INIT(10000);
    struct jw w;
    int64_t next;
    struct registry_unit_filter f = {.limit = 2};
    jw_init(&w, &b);
    jw_arr(&w);
    assert_int_equal(registry_units_json(reader(), &f, &w, &next), 0);
    jw_end_arr(&w);
    assert_int_equal(next, 2);
    assert_non_null(strstr(buf_str(&b),
                           "{\"id\":1,\"estate\":\"四季花城\",\"building\":\"3\","
                           "\"unit\":\"1201\",\"name\":\"四季花城 3-1201\",\"area_m2\":"
                           "89,\"delivered_on\":\"2019-01-01\",\"steward\":\"sun.li\"}"));
    f = (struct registry_unit_filter){.estate = "云山", .limit = 2};
    buf_reset(&b);
    jw_init(&w, &b);
    jw_arr(&w);
    assert_int_equal(registry_units_json(reader(), &f, &w, &next), 0);
    jw_end_arr(&w);
    assert_int_equal(next, 0);
    assert_string_equal(buf_str(&b), "[{\"id\":3,\"estate\":\"云山\",\"building\":\"A座\",\"unit\":"
                                     "\"8\",\"name\":\"云山 A座-8\",\"area_m2\":null,"
                                     "\"delivered_on\":null,\"steward\":null}]");
    buf_reset(&b);
    jw_init(&w, &b);
    assert_int_equal(registry_unit_json(reader(), 1, TODAY, &w), 0);
    assert_non_null(strstr(buf_str(&b), "\"tenures\":[{\"person_id\":1,\"name\":\"王芳\""));
    assert_int_equal(registry_unit_json(reader(), 9, TODAY, &w), E_NOTFOUND);
    buf_reset(&b);
    jw_init(&w, &b);
    jw_arr(&w);
    assert_int_equal(registry_estates_json(reader(), 0, 10, &w, &next), 0);
    jw_end_arr(&w);
    assert_string_equal(
        buf_str(&b), "[{\"id\":1,\"name\":\"四季花城\",\"buildings\":[{\"id\":1,\"name\":\"3\","
                     "\"steward\":\"sun.li\",\"units\":2}]},{\"id\":2,\"name\":\"云山\","
                     "\"buildings\":[{\"id\":2,\"name\":\"A座\",\"steward\":null,\"units\":1}]}]");
    buf_free(&b);
    int64_t ids[4];
    int64_t li = create("{\"name\":\"李强\",\"tenures\":[{\"unit_id\":1,\"role\":\"family\"}]}");
    assert_int_equal(registry_household(reader(), 1, TODAY, ids, 4), 2);
    assert_int_equal(ids[0], 1);
    assert_int_equal(ids[1], li);
}

static int nothing_run(struct db *db, void *arg)
{
    return 0;
}

static void nothing_done(void *arg, int rc)
{
    *(bool *)arg = true;
    loop_stop(loop);
}

/* Turns until the search block has read what changed: it asks a reader, so do we, behind it. */
static void settle(void)
{
    for (int i = 0; i < 6; i++) {
        bool done = false;
        assert_int_equal(ledger_read(ledger,
                                     &(struct ledger_read){"t", nothing_run, nothing_done, &done},
                                     false),
                         0);
        while (!done)
            loop_run(loop);
        loop_turn(loop);
    }
}

static void finds(const char *q, int64_t want)
{
    int64_t ids[10] = {0};
    int n = -1;
    /* However slow the machine: the limit only ends a failing test. */
    for (int64_t end = clock_mono_us() + 60000000; clock_mono_us() < end;) {
        n = registry_search(registry, q, 0, ids, 10);
        if (n == (want != 0) && ids[0] == want)
            return;
        settle();
    }
    fail_msg("'%s' finds %d, first %lld, not %lld", q, n, (long long)ids[0], (long long)want);
}

static void test_search(void **state)
{
    make_units();
    int64_t id = create(WANG);
    static const char *const hits[] = {"王芳",
                                       "芳",
                                       "wf",
                                       "WF",
                                       "8000",
                                       "13800138000",
                                       "138-0013-8000",
                                       "+86 138 0013 8000",
                                       "12345",
                                       "粤b123",
                                       "粤B·12345",
                                       "粤B 12345",
                                       "粤b-12345",
                                       "粤Ｂ•１２３４５",
                                       "B-12345",
                                       "3-1201",
                                       "3栋1201",
                                       "３栋１２０１",
                                       "3号楼1201室",
                                       "3号1201",
                                       "3栋 1201室",
                                       "3栋1201号房",
                                       "3#1201",
                                       "3/1201",
                                       "3—1201",
                                       "四季花城3栋1201",
                                       "四季花城3-1201室",
                                       "四季花城-3-1201",
                                       "四季花城3栋",
                                       "3栋 王芳",
                                       "3-1201王芳",
                                       "王芳3-12",
                                       "Building 3 1201",
                                       "building 3, unit 1201",
                                       "Bldg. 3 Apt. 1201",
                                       "Block 3 Flat 1201",
                                       "building 3-1201",
                                       "tower 3",
                                       "wang@",
                                       "四季 王",
                                       "p1",
                                       "0755-28881234"};
    static const char *const misses[] = {
        "王芳芳",           "wfx",   "3-1203",      "5栋", "-1201王芳芳", "1-1201", "Building 1",
        "building 31 1201", "王 李", "13800138001", "p2"};
    for (size_t i = 0; i < ARRAY_LEN(hits); i++)
        finds(hits[i], id);
    for (size_t i = 0; i < ARRAY_LEN(misses); i++)
        finds(misses[i], 0);
    struct step s = {.fn = change_fn, .id = id, .json = "{\"name\":\"单小龙\",\"tenures\":[]}"};
    run(&s);
    finds("sxl", id); /* 单 is Shan as a surname */
    finds("王芳", 0);
    finds("3-1201", 0);
    int64_t other = create("{\"name\":\"单雄信\"}");
    finds("单雄", other);
    struct buf b = BUF_INIT(100000);
    struct jw w;
    int64_t next;
    jw_init(&w, &b);
    jw_arr(&w);
    assert_int_equal(registry_search_json(registry, reader(), "单", 0, 1, TODAY, &w, &next, NULL),
                     0);
    jw_end_arr(&w);
    assert_int_equal(next, id);
    assert_non_null(strstr(buf_str(&b), "单小龙"));
    assert_null(strstr(buf_str(&b), "单雄信"));
    buf_free(&b);
}

static const char *match_at(int64_t now)
{
    const char *match;
    int32_t today = registry_today(registry, now);
    registry_found_free(&found);
    assert_int_equal(registry_cards(reader(), "+8613900000005", today, &found), 0);
    match = found.match;
    registry_found_free(&found);
    return match;
}

static void test_timezone(void **state)
{
    struct number_rules rules;
    struct site *berlin = site_in("Europe/Berlin");
    make_units();
    create("{\"name\":\"a\",\"phones\":[\"13900000005\"],\"tenures\":[{\"unit_id\":1,\"role\":"
           "\"owner\",\"to\":\"2026-11-22\"}]}");
    /* 23:30 in Shanghai is still that day, 00:30 is not, though both are the 22nd in UTC. */
    assert_string_equal(match_at(NOW + 7 * HOUR + HOUR / 2), "one");
    assert_string_equal(match_at(NOW + 8 * HOUR + HOUR / 2), "none");
    /* After a reload the day is that of another zone. */
    number_rules_init(&rules);
    registry_set_site(registry, berlin, &rules);
    assert_string_equal(match_at(NOW + 14 * HOUR + HOUR / 2), "one");
    assert_string_equal(match_at(NOW + 15 * HOUR), "none");
    struct site *held = registry_site(registry);
    assert_ptr_equal(held, berlin);
    site_unref(&held);
    site_unref(&berlin);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_card),   T(test_matches),  T(test_digest), T(test_kept),   T(test_recent),
        T(test_change), T(test_refusals), T(test_units),  T(test_search), T(test_timezone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
