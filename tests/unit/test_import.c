/*
 * test_import.c - CSV folders and bodies into the registry: counts, refusals with file, line and
 * reason, a second run that changes nothing, dry runs, stopping half-way.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <iconv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "domain/site.h"
#include "service/import/import.h"

static char dir[32], path[48];
static struct loop *loop;
static struct ledger *ledger;
static struct registry *registry;
static struct importer *importer;
static struct buf status = BUF_INIT((size_t)1 << 22);
static json_t *report;
static int told;

static void told_cb(void *ctx, const int64_t *ids, size_t n)
{
    told++;
}

static int setup(void **state)
{
    strcpy(dir, "/tmp/test_imp.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/s.db", dir);
    struct errmsg why = {{0}};
    struct number_rules rules;
    number_rules_init(&rules);
    loop = loop_new();
    ledger =
        ledger_new(&(struct ledger_opts){.loop = loop, .driver = &db_sqlite, .where = path}, &why);
    assert_non_null(ledger);
    static const char yaml[] = "site: {timezone: Asia/Shanghai}\nstore: {path: t.db}\n";
    struct conf_faults faults = {0};
    struct site *site = site_load_text("steward.yaml", yaml, sizeof(yaml) - 1, &faults);
    assert_non_null(site);
    registry = registry_new(&(struct registry_opts){ledger, &rules, site});
    registry_on_person_changed(registry, told_cb, NULL);
    site_unref(&site);
    conf_faults_free(&faults);
    importer =
        importer_new(&(struct importer_opts){loop, ledger, registry, &db_sqlite, path, NULL});
    told = 0;
    return 0;
}

static int teardown(void **state)
{
    importer_free(&importer);
    ledger_free(&ledger);
    registry_free(&registry);
    loop_free(&loop);
    json_decref(report);
    report = NULL;
    buf_free(&status);
    char cmd[64];
    snprintf(cmd, sizeof(cmd), "rm -r %s", dir);
    return system(cmd);
}

static void file(const char *name, const char *text)
{
    char full[128];
    snprintf(full, sizeof(full), "%s/%s", dir, name);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void done_cb(void *ctx, const char *id)
{
    loop_stop(loop);
}

/* Runs a request to its end; its status is in `report` then. */
static void import_rq(struct import_request rq)
{
    char id[IMPORT_ID_MAX];
    struct errmsg why = {{0}};
    rq.by = "dev";
    rq.done = done_cb;
    assert_int_equal(importer_start(importer, &rq, id, &why), 0);
    assert_string_equal(importer_latest(importer), id);
    loop_run(loop);
    struct jw w;
    buf_reset(&status);
    jw_init(&w, &status);
    assert_int_equal(importer_status_json(importer, id, 0, &w), 0);
    json_decref(report);
    report = json_parse(status.data, status.len, NULL);
    assert_non_null(report);
}

static void import_dir(bool dry_run)
{
    import_rq((struct import_request){.dir = dir, .dry_run = dry_run});
}

static int64_t number_of(const char *name, const char *field)
{
    size_t i;
    json_t *f;
    json_array_foreach(json_object_get(report, "files"), i, f)
    {
        if (strcmp(json_string_value(json_object_get(f, "file")), name) == 0)
            return json_integer_value(json_object_get(f, field));
    }
    return -1;
}

static void counts(const char *name, int added, int changed, int same, int refused)
{
    if (number_of(name, "added") != added || number_of(name, "changed") != changed ||
        number_of(name, "same") != same || number_of(name, "refused") != refused)
        fail_msg("%s: %s", name, status.data);
}

static void refused(const char *name, int line, const char *reason)
{
    size_t i;
    json_t *r;
    json_array_foreach(json_object_get(report, "refused"), i, r)
    {
        if (strcmp(json_string_value(json_object_get(r, "file")), name) == 0 &&
            json_integer_value(json_object_get(r, "line")) == line) {
            const char *text = json_string_value(json_object_get(r, "reason"));
            if (!strstr(text, reason))
                fail_msg("%s:%d: '%s' lacks '%s'", name, line, text, reason);
            return;
        }
    }
    fail_msg("%s:%d is not refused: %s", name, line, status.data);
}

static int64_t one(const char *sql)
{
    struct db_q *q = db_query(ledger_startup_db(ledger), sql);
    int64_t v = db_row(q) ? db_int(q, 0) : -1;
    assert_int_equal(db_end(q), 0);
    return v;
}

static void write_site(void)
{
    file("units.csv", "\xef\xbb\xbf"
                      "estate,building,unit,area_m2,delivered_on\r\n"
                      "四季花城,3,1201,89.5,2019-01-01\r\n四季花城,3,1202,,\r\n");
    file("buildings.csv", "estate,building,steward\n四季花城,3,sun.li\n四季花城,4,\n");
    file("persons.csv",
         "key,name,language,phones,emails,segment,flags,tier,consent\n"
         "p1,王芳,zh,138 0013 8000;work:0755-28881234,wang@example.com,elderly,elderly; vip,gold,\n"
         "p2,\"Lee, \"\"Bruce\"\"\",en,+85291234567,,,,,sms;marketing\n"
         "p3,李强,,13900000001;13900000001,,,,,-call\n");
    file("tenures.csv", "person_key,estate,building,unit,role,from,to\n"
                        "p1,四季花城,3,1201,owner,2019-05-01,\n"
                        "p2,四季花城,3,1202,tenant,2020-01-01,2021-12-31\n"
                        "p3,四季花城,3,1201,family,,\n");
    file("vehicles.csv", "person_key,plate,space\np1,粤B12345,B2-118\n");
    file("shifts.csv", "user,from,to,kind\nli.na,2026-11-23 08:00,2026-11-23T17:30,on\n"
                       "li.na,2026-11-24,2026-11-25,leave\n"
                       "sun.li,2026-11-23T00:00:00Z,2026-11-23T08:00:00Z,on\n");
}

static void test_folder(void **state)
{
    write_site();
    import_dir(false);
    assert_string_equal(json_string_value(json_object_get(report, "state")), "done");
    counts("units.csv", 2, 0, 0, 0);
    counts("buildings.csv", 1, 1, 0, 0);
    counts("persons.csv", 3, 0, 0, 0);
    counts("tenures.csv", 3, 0, 0, 0);
    counts("vehicles.csv", 1, 0, 0, 0);
    counts("shifts.csv", 3, 0, 0, 0);
    assert_true(told > 0);
    assert_int_equal(one("SELECT area_cm2 FROM unit WHERE name = '1201'"), 895000);
    assert_int_equal(one("SELECT count(*) FROM phone"), 4);
    assert_int_equal(
        one("SELECT count(*) FROM phone WHERE label = 'work' AND e164 = '+8675528881234'"), 1);
    assert_int_equal(one("SELECT count(*) FROM person WHERE key = 'p1' AND flags = 'elderly;vip' "
                         "AND language = 'zh-Hans' AND tier = 'gold' AND consent_sms = 1 AND "
                         "consent_marketing = 0"),
                     1);
    assert_int_equal(one("SELECT count(*) FROM person WHERE name = 'Lee, \"Bruce\"' AND "
                         "consent_sms = 1 AND consent_email = 0 AND consent_call = 0 AND "
                         "consent_marketing = 1"),
                     1);
    assert_int_equal(one("SELECT count(*) FROM person WHERE key = 'p3' AND consent_sms = 1 AND "
                         "consent_call = 0"),
                     1);
    /* 08:00 in Shanghai is midnight UTC; a leave ends with its last day. */
    assert_int_equal(one("SELECT from_at FROM shift WHERE account = 'li.na' AND kind = 'on'"),
                     one("SELECT from_at FROM shift WHERE account = 'sun.li'"));
    assert_int_equal(one("SELECT to_at - from_at FROM shift WHERE kind = 'leave'"), 2 * 86400000);
}

/* The same again changes nothing, not even a version; a change changes only its row. */
static void test_again(void **state)
{
    write_site();
    import_dir(false);
    int64_t versions = one("SELECT sum(version) FROM person");
    import_dir(false);
    counts("units.csv", 0, 0, 2, 0);
    counts("buildings.csv", 0, 0, 2, 0);
    counts("persons.csv", 0, 0, 3, 0);
    counts("tenures.csv", 0, 0, 3, 0);
    counts("vehicles.csv", 0, 0, 1, 0);
    counts("shifts.csv", 0, 0, 3, 0);
    assert_int_equal(one("SELECT sum(version) FROM person"), versions);
    assert_int_equal(one("SELECT count(*) FROM audit WHERE what = 'import' AND by = 'dev'"), 1);
    file("persons.csv", "key,name\np1,王小芳\n"); /* columns that are not there are left alone */
    file("tenures.csv", "person_key,estate,building,unit,role,from,to\n"
                        "p1,四季花城,3,1201,owner,2019-05-01,2026-01-01\n");
    import_dir(false);
    counts("persons.csv", 0, 1, 0, 0);
    counts("tenures.csv", 0, 1, 0, 0);
    assert_int_equal(one("SELECT count(*) FROM phone"), 4);
    assert_int_equal(one("SELECT count(*) FROM person WHERE name = '王小芳' AND tier = 'gold'"), 1);
}

static void write_wrong(void)
{
    file("units.csv", "estate,building,unit,area_m2,delivered_on\na,1,101,,\na,1,101,,\n"
                      "a,1,,,\na,1,102,much,\na,1,103,,2026-02-30\na,1,104\n");
    file("persons.csv", "key,name,nickname,phones,emails,language,consent\n"
                        "p1,王芳,x,13800138000,,,\n"
                        "p1,李强,x,,,,\n"
                        "p2,,x,,,,\n"
                        "p3,C,x,12,,,\n"
                        "p4,D,x,,nobody,,\n"
                        "p5,E,x,,,martian,\n"
                        "p6,F,x,,,,fax\n"
                        "p7,\xff\xfe,x,,,,\n"
                        "p8,\"open,x,,,,\n"
                        "p9,\"two\nlines\",x,,,,\n"
                        "p10,good,x,,,,\n");
    file("tenures.csv", "person_key,estate,building,unit,role,from,to\n"
                        "p1,a,1,101,owner,,\n"
                        "p77,a,1,101,owner,,\n"
                        "p1,a,1,999,owner,,\n"
                        "p1,a,1,101,king,,\n"
                        "p1,a,1,101,tenant,2026-01-02,2026-01-01\n"
                        "p1,a,1,101,tenant,1/2/2026,\n"
                        "p1,a,1,101,owner,,2030-01-01\n");
    file("vehicles.csv", "plate,space\nx,y\n");
    file("shifts.csv", "user,from,to,kind\nli.na,2026-11-23,2026-11-23,holiday\n"
                       "li.na,soon,2026-11-23,on\nli.na,2026-11-24 10:00,2026-11-24 09:00,on\n"
                       "li.na,2026-11-24 11:00,2026-11-24 25:00,on\n");
}

static void check_refusals(void)
{
    refused("units.csv", 3, "given twice, first in line 2");
    refused("units.csv", 4, "unit: is empty");
    refused("units.csv", 5, "area_m2: 'much'");
    refused("units.csv", 6, "delivered_on: '2026-02-30'");
    refused("units.csv", 7, "3 fields instead of 5");
    refused("persons.csv", 1, "unknown column 'nickname'");
    refused("persons.csv", 3, "given twice, first in line 2");
    refused("persons.csv", 4, "name: is empty");
    refused("persons.csv", 5, "phones: '12' is not a telephone number");
    refused("persons.csv", 6, "emails: 'nobody'");
    refused("persons.csv", 7, "language: 'martian'");
    refused("persons.csv", 8, "consent: 'fax'");
    refused("persons.csv", 9, "not valid UTF-8");
    refused("persons.csv", 10, "text behind a closing quote");
    refused("persons.csv", 11, "name: has a control character");
    refused("tenures.csv", 3, "unknown person 'p77'");
    refused("tenures.csv", 4, "unknown unit 'a 1-999'");
    refused("tenures.csv", 5, "role: 'king'");
    refused("tenures.csv", 6, "to: 2026-01-01 is before from");
    refused("tenures.csv", 7, "from: '1/2/2026'");
    refused("tenures.csv", 8, "given twice, first in line 2");
    refused("vehicles.csv", 1, "column 'person_key' is missing");
    refused("shifts.csv", 2, "kind: 'holiday'");
    refused("shifts.csv", 3, "from: 'soon'");
    refused("shifts.csv", 4, "to: is not after from");
    refused("shifts.csv", 5, "to: '2026-11-24 25:00'");
    assert_int_equal(json_integer_value(json_object_get(report, "refused_total")), 26);
}

static void test_refusals(void **state)
{
    write_wrong();
    import_dir(true);
    check_refusals();
    counts("units.csv", 0, 0, 0, 5);
    assert_int_equal(number_of("units.csv", "good"), 1);
    assert_int_equal(one("SELECT count(*) FROM person"), 0);
    assert_int_equal(told, 0);
    import_dir(false);
    check_refusals();
    counts("units.csv", 1, 0, 0, 5);
    counts("persons.csv", 2, 0, 0, 10);
    counts("tenures.csv", 1, 0, 0, 6);
    assert_string_equal(json_string_value(json_object_get(report, "state")), "done");
    assert_int_equal(one("SELECT count(*) FROM person"), 2);
}

/* A dry run knows what it would have imported itself, and what the store has already. */
static void test_dry_run(void **state)
{
    write_site();
    import_dir(true);
    counts("tenures.csv", 0, 0, 0, 0);
    assert_int_equal(number_of("tenures.csv", "good"), 3);
    assert_int_equal(json_integer_value(json_object_get(report, "refused_total")), 0);
    assert_int_equal(one("SELECT count(*) FROM unit"), 0);
    import_dir(false);
    char cmd[96];
    snprintf(cmd, sizeof(cmd), "rm %s/units.csv %s/persons.csv", dir, dir);
    assert_int_equal(system(cmd), 0);
    import_dir(true);
    assert_int_equal(number_of("tenures.csv", "good"), 3);
}

static void test_body(void **state)
{
    struct buf body = BUF_INIT(1000);
    buf_adds(&body, "key,name\np1,A\np2,\n");
    import_rq((struct import_request){.file = "persons.csv", .body = &body, .line = 5001});
    assert_int_equal(body.len, 0);
    counts("persons.csv", 1, 0, 0, 1);
    refused("persons.csv", 5002, "name: is empty");
    char id[IMPORT_ID_MAX];
    struct errmsg why = {{0}};
    struct import_request rq = {.file = "passwords.csv", .body = &body};
    assert_int_equal(importer_start(importer, &rq, id, &why), E_INVALID);
    assert_non_null(strstr(why.text, "vehicles.csv"));
    struct jw w;
    jw_init(&w, &body);
    assert_int_equal(importer_status_json(importer, "i-none", 0, &w), E_NOTFOUND);
    buf_free(&body);
}

static void test_bad_folders(void **state)
{
    import_rq((struct import_request){.dir = "/no/such/folder"});
    assert_string_equal(json_string_value(json_object_get(report, "state")), "failed");
    assert_non_null(strstr(json_string_value(json_object_get(report, "error")), "/no/such/folder"));
    import_dir(false); /* empty but for the store */
    assert_non_null(strstr(json_string_value(json_object_get(report, "error")), "has none of"));
    char cmd[96];
    snprintf(cmd, sizeof(cmd), "mkfifo %s/units.csv", dir);
    assert_int_equal(system(cmd), 0);
    import_dir(false);
    assert_non_null(strstr(json_string_value(json_object_get(report, "error")), "no plain file"));
}

static void write_many(int n)
{
    struct buf b = BUF_INIT(1 << 22);
    buf_adds(&b, "key,name,phones\n");
    for (int i = 0; i < n; i++)
        buf_printf(&b, "p%d,Person %d,139%08d\n", i, i, i);
    file("persons.csv", buf_str(&b));
    buf_free(&b);
}

/* Many batches; one import at a time; stopping keeps what is committed and loses nothing else. */
static void test_many_and_stop(void **state)
{
    write_many(1000);
    import_dir(false);
    counts("persons.csv", 1000, 0, 0, 0);
    assert_int_equal(one("SELECT count(*) FROM phone"), 1000);
    write_many(20000);
    char id[IMPORT_ID_MAX], other[IMPORT_ID_MAX];
    struct errmsg why = {{0}};
    struct import_request rq = {.dir = dir, .by = "dev"};
    assert_int_equal(importer_start(importer, &rq, id, &why), 0);
    assert_int_equal(importer_start(importer, &rq, other, &why), E_BUSY);
    for (int i = 0; i < 50; i++)
        loop_turn(loop);
    importer_free(&importer);
    int64_t n = one("SELECT count(*) FROM person");
    assert_true(n >= 1000 && n < 20000);
}

/* ---- files that people really have ---- */

/* Text of a literal in another encoding into a file, as a spreadsheet saves it. */
static void file_in(const char *name, const char *charset, const char *text)
{
    static char converted[1 << 20];
    char full[128], *from = (char *)text, *to = converted;
    size_t n = strlen(text), room = sizeof(converted);
    iconv_t cd = iconv_open(charset, "UTF-8");
    assert_true(cd != (iconv_t)-1);
    assert_true(iconv(cd, &from, &n, &to, &room) != (size_t)-1);
    iconv_close(cd);
    snprintf(full, sizeof(full), "%s/%s", dir, name);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fwrite(converted, 1, (size_t)(to - converted), f);
    fclose(f);
}

static bool warned(const char *name, const char *text)
{
    size_t i;
    json_t *w;
    json_array_foreach(json_object_get(report, "warnings"), i, w)
    {
        if (strcmp(json_string_value(json_object_get(w, "file")), name) == 0 &&
            strstr(json_string_value(json_object_get(w, "text")), text))
            return true;
    }
    return false;
}

/* Every surname and name of a long list; among them rows that are valid UTF-8 by chance. */
static char *many_names(int *n)
{
    static const char *const names[] = {"王芳", "李强", "张伟", "刘洋", "陈静", "杨帆", "赵磊",
                                        "黄敏", "周杰", "吴昊", "徐丽", "孙悦", "马超", "朱琳",
                                        "胡军", "郭涛", "何晶", "林峰", "高翔", "罗兰"};
    struct buf b = BUF_INIT(1 << 20);
    buf_adds(&b, "key,name,phones\n");
    *n = 600;
    for (int i = 0; i < *n; i++)
        buf_printf(&b, "p%d,%s%s,138%08d\n", i, names[i % 20], names[i / 20 % 20] + 3, i);
    return buf_take(&b);
}

static void test_gb18030(void **state)
{
    int n;
    char *text = many_names(&n);
    file_in("persons.csv", "GB18030", text);
    file_in("units.csv", "GBK", "estate,building,unit\n四季花城,3,1201\n");
    import_dir(false);
    counts("persons.csv", n, 0, 0, 0);
    counts("units.csv", 1, 0, 0, 0);
    assert_true(warned("persons.csv", "GB18030"));
    assert_int_equal(one("SELECT count(*) FROM person WHERE name LIKE '王芳%'"), n / 20);
    assert_int_equal(one("SELECT count(*) FROM estate WHERE name = '四季花城'"), 1);
    file("persons.csv", text); /* the same in UTF-8 changes nothing */
    import_dir(false);
    counts("persons.csv", 0, 0, n, 0);
    assert_false(warned("persons.csv", "GB18030"));
    free(text);
}

static void test_other_encodings(void **state)
{
    static const struct {
        const char *charset, *text;
        bool read;
    } rows[] = {
        {"UTF-16", "key,name,phones\np1,王芳,13800138000\n", true},
        {"BIG5",
         "key,name,phones\np1,陳慧嫻,13800138000\np2,鄧麗君,13800138001\n"
         "p3,譚詠麟,13800138002\n",
         false},
        {"ISO-8859-1", "key,name,phones\np1,Müller,13800138000\np2,Sørensen,13800138001\n", false},
        {"CP1251", "key,name,phones\np1,Иванов,13800138000\n", false},
        {"SHIFT_JIS", "key,name,phones\np1,さくら,13800138000\n", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        file_in("persons.csv", rows[i].charset, rows[i].text);
        import_dir(false);
        if (!rows[i].read) {
            counts("persons.csv", 0, 0, 0, 1);
            refused("persons.csv", 1, "CSV UTF-8");
        } else if (number_of("persons.csv", "refused")) {
            fail_msg("%s: %s", rows[i].charset, status.data);
        }
    }
    assert_int_equal(one("SELECT count(*) FROM person"), 1);
}

static void test_slips_in_names(void **state)
{
    static const struct {
        const char *file, *head, *hint;
    } rows[] = {
        {"persons.csv", "key,name,phone", "'phone' (did you mean 'phones'?)"},
        {"persons.csv", "key,name,Telephone", "(did you mean 'phones'?)"},
        {"persons.csv", "key,name,手机号", "(did you mean 'phones'?)"},
        {"persons.csv", "key,name,email", "(did you mean 'emails'?)"},
        {"persons.csv", "key,nmae,phones", "(did you mean 'name'?)"},
        {"units.csv", "estate,building,unit,area", "(did you mean 'area_m2'?)"},
        {"tenures.csv", "person,estate,building,unit,role", "(did you mean 'person_key'?)"},
        {"vehicles.csv", "person_key,plate,spaces", "(did you mean 'space'?)"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct buf text = BUF_INIT(4096);
        buf_printf(&text, "%s\na,b,c,d,e\n", rows[i].head);
        file(rows[i].file, buf_str(&text));
        buf_free(&text);
        import_dir(false);
        refused(rows[i].file, 1, rows[i].hint);
        refused(rows[i].file, 1, "nothing of the file is read");
        assert_int_equal(number_of(rows[i].file, "added"), 0);
        file(rows[i].file, "");
    }
    assert_int_equal(one("SELECT count(*) FROM person"), 0);
    file("persons.csv", "key,name,phones,remark,,\np1,王芳,13800138000,x,,\np2,李强,,x,,\n");
    import_dir(false);
    counts("persons.csv", 2, 0, 0, 1); /* a column of their own is named, and passed over */
    refused("persons.csv", 1, "unknown column 'remark'; the columns are");
    assert_true(warned("persons.csv", "1 of 2 persons have no telephone number"));
}

static void test_traces_of_spreadsheets(void **state)
{
    file("units.csv", "estate,building,unit,area_m2,delivered_on,,\n"
                      "花城,3,1201,,2019/5/1,,\n,,,,,,\n花城,3,1202,,2019-5-1,,\n"
                      "花城,3,1203,,2019年5月1日,,\n花城,3,1204,,2019.05.01,,\n"
                      "花城,3,1205,,2019/5/1 0:00,,\n , ,\t,\xe3\x80\x80,,,\n"
                      "花城,3,1206,,5/1/2019,,\n花城,3月12日,1,,,,\n花城,4,12-Mar,,,,\n"
                      "花城,3,1207,,19/5/1,,\n花城,3,1208,,2019/2/29,,\n");
    file("persons.csv", "key,name,phones\np1,王芳,1.38E+10\np2,李强,13800138000.0\n"
                        "p3,\xe3\x80\x80张伟\xc2\xa0,'13900139000\n1.2E+12,刘洋,\n,,\n");
    import_dir(false);
    counts("units.csv", 5, 0, 0, 5);
    assert_int_equal(one("SELECT count(*) FROM unit WHERE delivered_on = 18017"), 5);
    refused("units.csv", 9, "delivered_on: '5/1/2019' is not a date like");
    refused("units.csv", 10, "building: '3月12日' is a date that a spreadsheet made of it");
    refused("units.csv", 11, "unit: '12-Mar' is a date that a spreadsheet made of it");
    refused("units.csv", 12, "delivered_on");
    refused("units.csv", 13, "delivered_on");
    counts("persons.csv", 2, 0, 0, 2);
    refused("persons.csv", 2, "'1.38E+10' is a number that a spreadsheet has rounded");
    refused("persons.csv", 5, "key: '1.2E+12' is a number that a spreadsheet has rounded");
    assert_int_equal(one("SELECT count(*) FROM phone WHERE e164 IN ('+8613800138000', "
                         "'+8613900139000')"),
                     2);
    assert_int_equal(one("SELECT count(*) FROM person WHERE name = '张伟'"), 1);
}

static void test_plates(void **state)
{
    file("persons.csv", "key,name,phones\np1,王芳,13800138000\n");
    file("vehicles.csv", "person_key,plate,space\np1,粤B·12345,B2-118\np1,粤b-12345,\n"
                         "p1,粤B 12346,\np1,·,\np1,粤Ｂ１２３４７,\n");
    import_dir(false);
    counts("vehicles.csv", 3, 0, 0, 2);
    refused("vehicles.csv", 3, "given twice, first in line 2");
    refused("vehicles.csv", 5, "plate: is empty");
    assert_int_equal(one("SELECT count(*) FROM vehicle WHERE plate IN ('粤B12345', '粤B12346', "
                         "'粤B12347')"),
                     3);
    file("vehicles.csv", "person_key,plate,space\np1,粤B•12345,B2-118\n");
    import_dir(false);
    counts("vehicles.csv", 0, 0, 1, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(test_folder),
                                       T(test_again),
                                       T(test_refusals),
                                       T(test_dry_run),
                                       T(test_body),
                                       T(test_bad_folders),
                                       T(test_many_and_stop),
                                       T(test_gb18030),
                                       T(test_other_encodings),
                                       T(test_slips_in_names),
                                       T(test_traces_of_spreadsheets),
                                       T(test_plates)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
