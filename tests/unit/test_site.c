/*
 * test_site.c - the site's configuration: the example, a file wrong in many ways, look-ups,
 * policies as JSON, plugin instances.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/mem.h"
#include "base/text.h"
#include "base/conf_node.h"
#include "domain/plugin_conf.h"
#include "domain/policy.h"
#include "domain/site.h"

static char *print(struct conf_faults *faults)
{
    struct buf b = BUF_INIT(65536);
    conf_faults_print(faults, &b);
    conf_faults_free(faults);
    if (!b.data)
        buf_adds(&b, "");
    return buf_take(&b);
}

static struct site *load_text(const char *text, char **faults_text)
{
    struct conf_faults faults = {0};
    struct site *s = site_load_text("/nowhere/steward.yaml", text, strlen(text), &faults);
    *faults_text = print(&faults);
    return s;
}

static struct site *load_good(const char *text)
{
    char *faults;
    struct site *s = load_text(text, &faults);
    assert_string_equal(faults, "");
    assert_non_null(s);
    free(faults);
    return s;
}

static void test_example(void **state)
{
    struct conf_faults faults = {0};
    struct site *s = site_load(TEST_DATA "/data/conf/example.yaml", &faults);
    assert_int_equal(faults.errors, 0);
    assert_non_null(s);
    conf_faults_free(&faults);
    assert_string_equal(s->site.timezone, "Asia/Shanghai");
    assert_string_equal(s->listen.line.host, "127.0.0.1");
    assert_int_equal(s->listen.http.port, 8080);
    assert_string_equal(s->store.path, TEST_DATA "/data/conf/steward.db");
    assert_string_equal(s->numbering.outside_prefix, "9");
    const struct site_calendar *office = site_calendar(s, "office");
    assert_int_equal(office->days[0].spans_n, 2);
    assert_int_equal(office->days[4].spans[1].from, 13 * 60 + 30);
    assert_int_equal(office->days[6].spans[0].to, 17 * 60 + 30);
    assert_string_equal(local_text_get(&site_department(s, "engineering")->title, LANG_EN),
                        "Engineering");
    assert_string_equal(site_category(s, "leak")->policy, "urgent");
    const struct policy *urgent = site_policy(s, "urgent"), *awaab = site_policy(s, "awaab");
    assert_true(urgent->urgent);
    assert_int_equal(urgent->clocks_n, 7);
    assert_string_equal(policy_clock(urgent, "progress")->within.text, "4h");
    assert_int_equal(urgent->escalate.steps_n, 4);
    assert_int_equal(urgent->escalate.steps[0].at.percent, 80);
    assert_string_equal(urgent->escalate.steps[2].at.after.text, "30m");
    assert_true(urgent->escalate.steps[2].raise_priority);
    assert_int_equal(urgent->escalate.steps[3].times, 6);
    assert_string_equal(policy_reopen_tells(urgent, 3)->items[0], "manager");
    assert_string_equal(policy_reopen_tells(urgent, 9)->items[0], "director");
    assert_int_equal(urgent->reopen.shrink, 75);
    assert_true(policy_pauses(urgent, "resolve", "parts"));
    assert_false(policy_pauses(urgent, "resolve", "lunch"));
    assert_false(policy_pauses(urgent, "accept", "owner"));
    assert_string_equal(policy_milestone(awaab, "summary")->from, "investigate");
    assert_int_equal(awaab->clocks_n, 0);
    assert_int_equal(awaab->escalate.steps_n, 4);
    assert_int_equal(site_policy(s, "standard")->clocks_n, 7);
    assert_int_equal(s->messages.quiet.from, 22 * 60);
    assert_int_equal(s->care[0].at_n, 4);
    assert_string_equal(s->tickets.group_alert.tell.items[0], "manager");
    site_unref(&s);
}

/* The tree's own example, with its plugin instances. */
static void test_own_example(void **state)
{
    struct conf_faults faults = {0};
    struct site *s = site_load(TEST_DATA "/../config/steward.yaml", &faults);
    char *text = print(&faults);
    assert_string_equal(text, "");
    assert_non_null(site_instance(s, "pbx-a"));
    assert_string_equal(site_instance(s, "sms")->plugin, "gw_kannel");
    free(text);
    site_unref(&s);
}

static void test_empty_is_all_defaults(void **state)
{
    struct site *s =
        load_good("departments:\ncategories:\npolicies:\ntickets:\n  open_on: answered\n");
    assert_string_equal(s->tickets.open_on, "answered");
    assert_string_equal(s->tickets.policy, "standard");
    assert_string_equal(site_policy(s, "standard")->calendar, "always");
    assert_int_equal(site_calendar(s, "always")->days[6].spans[0].to, 1440);
    assert_string_equal(s->messages.email.gateway, "mail");
    assert_int_equal(s->messages.quiet.from, s->messages.quiet.to);
    assert_string_equal(s->store.path, "/nowhere/steward.db");
    assert_null(s->listen.dev_token);
    site_unref(&s);
}

static void test_twenty_faults_in_one_run(void **state)
{
    static const char *const expected[] = {
        ":3:3: name: given twice, first in line 2\n",
        ":4:13: language: 'klingon' is not one of zh-Hans (zh), zh-Hant, en\n",
        ":5:13: timezone: 'Mars/Olympus' is not a time zone such as Asia/Shanghai\n",
        ":7:3: unknown key 'htpt' (did you mean 'http'?)\n",
        ":8:9: line: '7070' is not an address such as 127.0.0.1:7070 or [::1]:7070\n",
        ":10:19: outside_prefix: 'nine' is not made of digits\n",
        ":12:19: closed: a calendar without working time never ends a clock\n",
        ":13:26: hours: '18:00-09:60' are no hours such as \"08:30-12:00\"\n",
        ":15:16: engineering: expected keys and values\n",
        ":17:22: department: there is no department 'enginering' (did you mean 'engineering'?)\n",
        ":17:42: policy: there is no policy 'urgnt' (did you mean 'urgent'?)\n",
        ":20:5: unknown key 'calendr' (did you mean 'calendar'?)\n",
        ":21:21: claim: 'soon' is not a duration\n",
        ":21:27: unknown key 'resolv' (did you mean 'resolve'?)\n",
        ":23:14: at: 'late' is neither a share (1% to 1000%) nor a time after the end (+30m)\n",
        ":24:9: 'at' is missing\n",
        ":25:22: pause: there is no clock 'nothing'\n",
        ":27:12: open_on: 'answred' is not one of answered wrap_up manual\n",
        ":28:18: reopen_within: '0s' is under the least, 1s\n",
        ":30:23: from: '25:00' is not a time of day such as \"22:00\"\n",
        ":31:20: tries: 'many' is not a whole number\n",
        ":32:8: calls: expected keys and values\n",
        ":33:7: care: expected a list\n",
    };
    struct conf_faults faults = {0};
    struct site *s = site_load(TEST_DATA "/data/conf/twenty.yaml", &faults);
    struct buf want = BUF_INIT(65536);
    assert_null(s);
    for (size_t i = 0; i < ARRAY_LEN(expected); i++)
        buf_printf(&want, TEST_DATA "/data/conf/twenty.yaml%s", expected[i]);
    struct conf_faults errors = {0};
    for (size_t i = 0; i < faults.n; i++)
        if (!faults.items[i].warning)
            conf_fault_in(&errors, faults.items[i].file, faults.items[i].line,
                          faults.items[i].column, "%s", faults.items[i].text);
    char *got = print(&errors);
    assert_string_equal(got, buf_str(&want));
    conf_faults_free(&faults);
    buf_free(&want);
    free(got);
}

/* One text, its faults. */
static void test_cross_checks(void **state)
{
#define AT "/nowhere/steward.yaml"
    static const struct {
        const char *text, *faults;
    } rows[] = {
        {"tickets: {policy: nosuch}\n", AT ":1:19: policy: there is no policy 'nosuch'\n"},
        {"callbacks: {policy: standrad}\n",
         AT ":1:21: policy: there is no policy 'standrad' (did you mean 'standard'?)\n"},
        {"policies: {p: {calendar: ofice}}\ncalendars: {office: {hours: {mon: \"09:00-10:00\"}}}\n",
         AT ":1:26: calendar: there is no calendar 'ofice' (did you mean 'office'?)\n"},
        {"calendars: {c: {timezone: UTC}}\n", AT ":1:16: 'hours' is missing\n"},
        {"calendars: {c: {hours: {mon: [\"09:00-12:00\", \"11:00-13:00\"]}}}\n",
         AT ":1:24: hours: hours of mon overlap\n"},
        {"calendars: {c: {hours: {mun: \"09:00-12:00\"}}}\n",
         AT ":1:25: unknown key 'mun': days are mon, tue … or mon-fri\n"},
        {"policies: {p: {escalate: [{at: 100%}]}}\n",
         AT ":1:26: escalate: a step that tells nobody and raises nothing\n"},
        {"policies: {p: {escalate: [{at: 100%, tell: [superviser]}]}}\n", AT
         ":1:26: warning: tell: 'superviser' is no role and is taken for an account (did you mean "
         "'supervisor'?)\n"},
        {"policies: {p: {escalate: [{at: 100%, tell: [li.na]}]}}\n", ""},
        {"policies: {p: {escalate: [{at: 100%, tell: [li.na], by: [fax]}]}}\n",
         AT ":1:58: by: 'fax' is not one of desk sms email\n"},
        {"policies: {p: {milestones: {a: {within: 1d, from: b}, b: {within: 1d, from: a}}}}\n",
         AT ":1:51: from: these milestones wait for one another\n" AT
            ":1:77: from: these milestones wait for one another\n"},
        {"policies: {p: {milestones: {a: {within: 1d, from: x}}}}\n",
         AT ":1:51: from: there is no milestone 'x'\n"},
        {"policies: {p: {when: [{}]}}\n", AT ":1:23: when: a condition that asks nothing\n"},
        {"policies: {p: {when: [{priority: 7}]}}\n",
         AT ":1:34: priority: '7' is not one of 1 2 3 4\n"},
        {"policies: {p: {reopen: {tell: {one: [manager]}}}}\n",
         AT ":1:37: tell: 'one' is not a cycle (2, 3, …)\n"},
        {"policies: {p: {clocks: {claim: 0s}}}\n",
         AT ":1:32: claim: '0s' is under the least, 1 ms\n"},
        {"listen: {tls: {certificate: a.pem}}\n",
         AT ":1:15: tls: certificate and key belong together\n" AT
            ":1:29: certificate: /nowhere/a.pem cannot be read: No such file or directory\n"},
        {"listen: {dev_token: \"\"}\n", AT ":1:21: dev_token: must be 1 to 512 bytes long\n"},
        {"care: [{name: x, at: [3 moths], do: message}]\n",
         AT ":1:8: care: a message needs its 'template'\n" AT
            ":1:23: at: '3 moths' is not a duration\n"},
        {"care: [{name: x, at: []}]\n", AT ":1:22: at: needs at least 1\n"},
        {"site: {public_url: ftp://x}\n",
         AT ":1:20: public_url: 'ftp://x' is not a web address (http:// or https://)\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char *faults;
        struct site *s = load_text(rows[i].text, &faults);
        assert_string_equal(faults, rows[i].faults);
        site_unref(&s);
        free(faults);
    }
#undef AT
}

static void test_policy_json(void **state)
{
    struct conf_faults faults = {0};
    struct errmsg why;
    struct site *s = site_load(TEST_DATA "/data/conf/example.yaml", &faults);
    conf_faults_free(&faults);
    for (size_t i = 0; i < s->policies_n; i++) {
        struct buf a = BUF_INIT(65536), b = BUF_INIT(65536);
        policy_to_json(&s->policies[i], &a);
        struct policy *p = policy_from_json(buf_str(&a), a.len, &why);
        assert_non_null(p);
        policy_to_json(p, &b);
        assert_string_equal(buf_str(&a), buf_str(&b));
        assert_string_equal(p->name, s->policies[i].name);
        policy_free(&p);
        buf_free(&a);
        buf_free(&b);
    }
    assert_null(policy_from_json("{\"name\":\"x\",\"clocks\":{\"claim\":7}}", 33, &why));
    assert_string_equal(why.text, "claim: '7' is not a duration");
    assert_null(policy_from_json("nonsense", 8, &why));
    struct buf l = BUF_INIT(65536), l2 = BUF_INIT(65536);
    struct policy_ladder ladder;
    policy_ladder_to_json(policy_ladder_of(site_policy(s, "urgent"), "claim"), &l);
    assert_int_equal(policy_ladder_from_json(buf_str(&l), l.len, &ladder, &why), E_OK);
    policy_ladder_to_json(&ladder, &l2);
    assert_string_equal(buf_str(&l), buf_str(&l2));
    policy_ladder_clear(&ladder);
    buf_free(&l);
    buf_free(&l2);
    site_unref(&s);
}

static void test_ladders(void **state)
{
    struct site *s = load_good(
        "policies:\n  p:\n    clocks:\n      claim: 2m\n"
        "      resolve: {within: 4h, escalate: [{at: +1h, tell: [manager]}, {at: 50%, tell: "
        "[responder]}]}\n      accept: {within: 1h, escalate: []}\n    escalate: [{at: 100%, tell: "
        "[director]}]\n");
    const struct policy *p = site_policy(s, "p");
    assert_string_equal(policy_ladder_of(p, "claim")->steps[0].tell.items[0], "director");
    assert_int_equal(policy_ladder_of(p, "resolve")->steps[0].at.percent, 50);
    assert_string_equal(policy_ladder_of(p, "resolve")->steps[1].at.after.text, "1h");
    assert_int_equal(policy_ladder_of(p, "accept")->steps_n, 0);
    assert_null(policy_clock(p, "confirm"));
    site_unref(&s);
}

static void test_policy_for(void **state)
{
    struct site *s = load_good(
        "policies:\n  fast: {when: [{priority: [1]}, {flag: elderly, kind: repair}]}\n  slow: {}\n"
        "categories:\n  leak: {policy: slow}\n  noise: {}\n");
    static const char *const elderly[] = {"vip", "elderly", NULL};
    const struct {
        struct policy_facts facts;
        const char *policy;
    } rows[] = {
        {{.category = "leak", .priority = 2}, "slow"},
        {{.category = "leak", .priority = 1}, "fast"},
        {{.category = "noise", .priority = 3}, "standard"},
        {{.priority = 3}, "standard"},
        {{.category = "gone", .priority = 3}, "standard"},
        {{.kind = "repair", .flags = elderly, .priority = 3}, "fast"},
        {{.kind = "praise", .flags = elderly, .priority = 3}, "standard"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_string_equal(site_policy_for(s, &rows[i].facts)->name, rows[i].policy);
    site_unref(&s);
}

static void count_account(void *ctx, const char *where, const char *account)
{
    buf_printf(ctx, "%s=%s ", where, account);
}

static void test_accounts_and_diff(void **state)
{
    struct site *a = load_good("departments: {e: {head: zhao.gang}}\n");
    struct site *b = load_good(
        "departments: {e: {head: li.na}}\nlisten: {http: \"127.0.0.1:9\"}\nlog: {level: debug}\n");
    struct buf names = BUF_INIT(4096), now = BUF_INIT(4096), later = BUF_INIT(4096);
    site_each_account(a, count_account, &names);
    assert_string_equal(buf_str(&names), "departments.e.head=zhao.gang ");
    site_diff(a, b, &now, &later);
    assert_string_equal(buf_str(&now), "departments, log.level");
    assert_string_equal(buf_str(&later), "listen.http");
    buf_free(&names);
    buf_free(&now);
    buf_free(&later);
    struct site *again = site_ref(a);
    site_unref(&a);
    assert_string_equal(again->departments[0].head, "zhao.gang");
    site_unref(&again);
    site_unref(&b);
}

/* ---- plugin instances ---- */

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(text, f);
    (void)fclose(f);
}

static const struct steward_conf_key gateway_keys[] = {
    {"url", STEWARD_CONF_URL, NULL, 0, 0, true, "Where"},
    {"password", STEWARD_CONF_SECRET, NULL, 0, 0, false, "Secret"},
    {"port", STEWARD_CONF_INT, "5038", 1, 65535, false, "Port"},
    {"rate", STEWARD_CONF_RATE, "10/s", 0, 0, false, "Rate"},
    {"retry", STEWARD_CONF_DURATION, "5s", 100, 60000, false, "Wait"},
    {"receipts", STEWARD_CONF_BOOL, "false", 0, 0, false, "Receipts"},
    {"contexts.inbound", STEWARD_CONF_TEXTS, "[from-trunk]", 0, 0, false, "Contexts"},
    {NULL, STEWARD_CONF_TEXT, NULL, 0, 0, false, NULL}};

static void test_instances(void **state)
{
    char dir[] = "/tmp/test_site_XXXXXX", d[64], file[64];
    struct conf_faults faults = {0};
    assert_non_null(mkdtemp(dir));
    (void)snprintf(d, sizeof(d), "%s/plugins.d", dir);
    (void)snprintf(file, sizeof(file), "%s/steward.yaml", dir);
    assert_int_equal(mkdir(d, 0700), 0);
    write_file(dir, "steward.yaml", "messages: {sms: {gateway: a}}\n");
    write_file(d, "a.secret", "hush\n");
    write_file(d, "1.yaml",
               "plugin: gw\nname: a\nurl: http://x/\npassword_file: a.secret\nrate: 90/min\n"
               "retry: 1m\nreceipts: true\ncontexts: {inbound: [x, y]}\n");
    write_file(d, "2.yaml", "plugin: gw\nname: a\n");
    write_file(d, "3.yaml", "plugin: gw\nname: UPPER\n");
    write_file(d, "4.yaml", "name: b\n");
    write_file(d, "5.txt", "not: read\n");
    struct site *s = site_load(file, &faults);
    assert_null(s);
    char *text = print(&faults), want[1024];
    (void)snprintf(
        want, sizeof(want),
        "%s: warning: messages.email.gateway: there is no instance 'mail' yet; its messages wait\n",
        file);
    assert_non_null(strstr(text, "/2.yaml:2:7: name: 'a' is the instance of "));
    assert_non_null(strstr(text, "/3.yaml:2:7: name: must match [a-z0-9][a-z0-9_-]{0,63}\n"));
    assert_non_null(strstr(text, "/4.yaml:1:1: 'plugin' is missing\n"));
    assert_non_null(
        strstr(text, "warning: messages.email.gateway: there is no instance 'mail' yet"));
    free(text);
    for (char n = '2'; n < '5'; n++) {
        char path[128];
        (void)snprintf(path, sizeof(path), "%s/%c.yaml", d, n);
        assert_int_equal(unlink(path), 0);
    }
    s = site_load(file, &faults);
    assert_non_null(s);
    conf_faults_free(&faults);
    struct steward_conf *c = plugin_conf_load(site_instance(s, "a"), gateway_keys, &faults);
    assert_non_null(c);
    assert_string_equal(plugin_conf_text(c, "password"), "hush");
    assert_int_equal(plugin_conf_int(c, "port"), 5038);
    assert_int_equal(plugin_conf_int(c, "rate"), 1500);
    assert_int_equal(plugin_conf_int(c, "retry"), 60000);
    assert_int_equal(plugin_conf_int(c, "receipts"), 1);
    assert_string_equal(plugin_conf_item(c, "contexts.inbound", 1), "y");
    assert_null(plugin_conf_item(c, "contexts.inbound", 2));
    assert_true(plugin_conf_same(c, c));
    plugin_conf_free(&c);
    site_unref(&s);
}

/* What the second file says of an instance `a` after the first said "plugin: gw, url: u". */
static void test_instances_diff(void **state)
{
    static const struct {
        const char *text, *now, *later;
    } rows[] = {
        {"plugin: gw\nname: a\nurl: u\n", "", ""},
        {"# moved\n\nplugin:   gw\nname: a\nurl: u\n", "", ""},
        {"plugin: gw\nname: a\nurl: v\n", "plugin a", ""},
        {"plugin: gw\nname: a\nurl: u\nlist: [x]\n", "plugin a", ""},
        {"plugin: other\nname: a\nurl: u\n", "", "plugin a"},
        {"plugin: gw\nname: b\nurl: u\n", "plugin b, plugin a", ""},
    };
    char dir[] = "/tmp/test_site_XXXXXX", d[64], file[64];
    assert_non_null(mkdtemp(dir));
    (void)snprintf(d, sizeof(d), "%s/plugins.d", dir);
    (void)snprintf(file, sizeof(file), "%s/steward.yaml", dir);
    assert_int_equal(mkdir(d, 0700), 0);
    write_file(dir, "steward.yaml", "");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_faults faults = {0};
        struct buf now = BUF_INIT(4096), later = BUF_INIT(4096);
        write_file(d, "1.yaml", rows[0].text);
        struct site *a = site_load(file, &faults);
        write_file(d, "1.yaml", rows[i].text);
        struct site *b = site_load(file, &faults);
        assert_non_null(a);
        assert_non_null(b);
        site_diff(a, b, &now, &later);
        assert_string_equal(buf_str(&now), rows[i].now);
        assert_string_equal(buf_str(&later), rows[i].later);
        conf_faults_free(&faults);
        buf_free(&now);
        buf_free(&later);
        site_unref(&a);
        site_unref(&b);
    }
}

static void test_instance_faults(void **state)
{
    static const struct {
        const char *text, *faults;
    } rows[] = {
        {"url: http://x/\n", ""},
        {"port: 1\n", "f:1:1: 'url' is missing\n"},
        {"url: x\n", "f:1:6: url: 'x' is not a web address (http:// or https://)\n"},
        {"url: http://x/\nprot: 1\n", "f:2:1: unknown key 'prot' (did you mean 'port'?)\n"},
        {"url: http://x/\nport: 99999\n", "f:2:7: port: '99999' is over the most, 65535\n"},
        {"url: http://x/\nport_file: x\n", "f:2:1: unknown key 'port_file'\n"},
        {"url: http://x/\nretry: 1h\n", "f:2:8: retry: '1h' is over the most, 1m\n"},
        {"url: http://x/\ncontexts: 3\n", "f:2:11: contexts: expected keys and values\n"},
        {"url: http://x/\ncontexts: {inbund: []}\n",
         "f:2:12: unknown key 'contexts.inbund' (did you mean 'contexts.inbound'?)\n"},
        {"url: http://x/\nrate: 50\n", "f:2:7: rate: '50' is not a rate such as 50/s\n"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct conf_faults faults = {0};
        struct conf_node *n = conf_node_read("f", rows[i].text, strlen(rows[i].text), &faults);
        const struct site_instance in = {"gw", "a", "/nowhere/f", n};
        struct steward_conf *c = plugin_conf_load(&in, gateway_keys, &faults);
        char *text = print(&faults);
        assert_string_equal(text, rows[i].faults);
        free(text);
        plugin_conf_free(&c);
        conf_node_free(&n);
    }
}

static void test_languages(void **state)
{
    static const struct {
        const char *tag;
        enum lang lang;
    } rows[] = {{"zh", LANG_ZH},           {"zh-Hans", LANG_ZH},    {"zh-Hans-CN", LANG_ZH},
                {"zh-hant", LANG_ZH_HANT}, {"zh-HK", LANG_ZH_HANT}, {"en-GB", LANG_EN},
                {"english", LANG_NONE},    {"fr", LANG_NONE},       {NULL, LANG_NONE}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(lang_parse(rows[i].tag), rows[i].lang);
    struct local_text t = {{(char *)"漏水", NULL, (char *)"leak"}};
    assert_string_equal(local_text_get(&t, LANG_ZH_HANT), "漏水");
    assert_string_equal(local_text_get(&t, LANG_EN), "leak");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_own_example),
        cmocka_unit_test(test_empty_is_all_defaults),
        cmocka_unit_test(test_twenty_faults_in_one_run),
        cmocka_unit_test(test_cross_checks),
        cmocka_unit_test(test_policy_json),
        cmocka_unit_test(test_ladders),
        cmocka_unit_test(test_policy_for),
        cmocka_unit_test(test_accounts_and_diff),
        cmocka_unit_test(test_instances),
        cmocka_unit_test(test_instances_diff),
        cmocka_unit_test(test_instance_faults),
        cmocka_unit_test(test_languages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
