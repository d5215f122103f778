/*
 * test_host.c - the plugin host with real modules, good and bad: what is refused and with which
 * words, reload, revocation, parking, the stop deadline.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/site.h"
#include "host/plugins.h"
#include "service/calls/call_control.h"
#include "service/calls/source.h"

/* ---- calls as the host sees them: counts what it is told ---- */

static struct {
    int events, states, detached;
    struct source_adapter adapter;
} heard;

static int source_dummy; /* stands for the one source */

struct source *source_get(struct calls *t, const char *name)
{
    return (struct source *)(void *)&source_dummy;
}

int source_attach(struct source *s, const struct source_adapter *adapter, struct errmsg *why)
{
    heard.adapter = *adapter;
    return E_OK;
}

void source_let_go(struct source *s)
{
}

void source_detach(struct source *s, const void *ctx, const char *error)
{
    heard.detached++;
}

int source_event(struct source *s, int64_t seq, const struct steward_cti_event *ev,
                 struct errmsg *why)
{
    heard.events++;
    return 0;
}

void source_state(struct source *s, enum steward_source_state state, uint32_t can,
                  const char *error)
{
    heard.states++;
}

void source_resync_begin(struct source *s)
{
}

void source_resync_end(struct source *s)
{
}

void source_alive(struct source *s, const char *call)
{
}

void call_control_done(struct calls *t, uint64_t token, bool ok, const char *code, const char *text)
{
}

/* ---- a site in a folder ---- */

struct world {
    char dir[64];
    struct loop *loop;
    struct site *site;
    struct plugins *plugins;
    struct conf_faults faults;
};

static void put(const struct world *w, const char *name, const char *text)
{
    char path[200];
    snprintf(path, sizeof(path), "%s/%s", w->dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static struct site *load_site(struct world *w)
{
    char path[200];
    conf_faults_free(&w->faults);
    snprintf(path, sizeof(path), "%s/steward.yaml", w->dir);
    return site_load(path, &w->faults);
}

static const char *last_fault(const struct world *w)
{
    return w->faults.n ? w->faults.items[w->faults.n - 1].text : "";
}

/* A site with the modules of a folder and one instance. */
static void make_site(struct world *w, const char *modules, const char *instance)
{
    char text[1000];
    snprintf(w->dir, sizeof(w->dir), "/tmp/host.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(text, sizeof(text), "%s/plugins.d", w->dir);
    assert_int_equal(mkdir(text, 0755), 0);
    snprintf(text, sizeof(text), "site: {name: x}\nstore: {path: x.db}\nplugins: {path: %s}\n",
             modules);
    put(w, "steward.yaml", text);
    put(w, "plugins.d/one.yaml", instance);
    w->site = load_site(w);
    if (!w->site)
        fail_msg("%s", w->faults.items[0].text);
}

static void open_resting(struct world *w, const char *modules, const char *instance,
                         int64_t rest_ms)
{
    struct plugins_opts opts = {0};
    memset(w, 0, sizeof(*w));
    make_site(w, modules, instance);
    w->loop = loop_new();
    opts.loop = w->loop;
    opts.site = w->site;
    opts.rest_ms = rest_ms;
    w->plugins = plugins_new(&opts);
    plugins_load(w->plugins, &w->faults);
    plugins_start(w->plugins);
}

static void open_world(struct world *w, const char *modules, const char *instance)
{
    open_resting(w, modules, instance, 0);
}

static void turns(struct world *w, int n)
{
    for (int i = 0; i < n; i++) {
        loop_turn(w->loop);
        usleep(1000);
    }
}

static void close_world(struct world *w)
{
    char command[128];
    plugins_quiet(w->plugins);
    turns(w, 2);
    plugins_free(&w->plugins);
    loop_free(&w->loop);
    site_unref(&w->site);
    conf_faults_free(&w->faults);
    snprintf(command, sizeof(command), "rm -r %s", w->dir);
    assert_int_equal(system(command), 0);
}

/* A field of the one instance as `plugin list` shows it; text of the moment. */
static const char *field(struct world *w, const char *name)
{
    static char out[512];
    struct buf text = BUF_INIT(65536);
    struct jw jw;
    jw_init(&jw, &text);
    jw_arr(&jw);
    plugins_write_json(w->plugins, &jw);
    jw_end_arr(&jw);
    json_t *list = json_parse(buf_str(&text), text.len, NULL);
    json_t *v = json_object_get(json_array_get(list, 0), name);
    if (json_is_integer(v))
        snprintf(out, sizeof(out), "%lld", (long long)json_integer_value(v));
    else
        text_copy(out, sizeof(out), json_is_string(v) ? json_string_value(v) : "");
    json_decref(list);
    buf_free(&text);
    return out;
}

#define SKELETON "plugin: skeleton\nname: one\nurl: http://127.0.0.1:9/x\n"

static void runs_and_stops(void **state)
{
    struct world w;
    open_world(&w, TEST_PLUGINS, SKELETON);
    assert_int_equal(w.faults.errors, 0);
    assert_string_equal(field(&w, "state"), "running");
    assert_string_equal(field(&w, "plugin"), "skeleton");
    assert_string_equal(field(&w, "version"), "0.1.0");
    assert_string_equal(field(&w, "handles"), "1");
    plugins_quiet(w.plugins);
    assert_string_equal(field(&w, "handles"), "");
    close_world(&w);
}

static void declines(void **state)
{
    struct world w;
    open_world(&w, TEST_PLUGINS, SKELETON "decline: true\n");
    assert_string_equal(field(&w, "state"), "declined");
    close_world(&w);
}

static const struct {
    const char *module, *says;
} bad[] = {
    {"bad_magic", "12345678: no steward plugin"}, {"bad_major", "was built for plugin ABI 2.0"},
    {"bad_minor", "needs plugin ABI 1.1"},        {"bad_size", "has 24 bytes"},
    {"bad_name", "calls itself 'somebody_else'"}, {"bad_init", "has no init"},
    {"bad_symbol", "exports no steward_plugin"},  {"missing", "no plugin 'missing'"},
};

static void each_refusal_has_its_words(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct world w;
        char instance[100];
        snprintf(instance, sizeof(instance), "plugin: %s\nname: one\n", bad[i].module);
        open_world(&w, BAD_PLUGINS, instance);
        if (strcmp(field(&w, "state"), "failed") != 0 || !strstr(field(&w, "error"), bad[i].says))
            fail_msg("%s: %s", bad[i].module, field(&w, "error"));
        assert_int_equal(w.faults.errors, 1);
        close_world(&w);
    }
}

static void only_trusted_files(void **state)
{
    struct world w;
    char command[400], folder[128];
    snprintf(folder, sizeof(folder), "/tmp/modules.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(command, sizeof(command), "cp %s/skeleton.so %s/ && chmod 0777 %s/skeleton.so",
             TEST_PLUGINS, folder, folder);
    assert_int_equal(system(command), 0);
    open_world(&w, folder, SKELETON);
    assert_non_null(strstr(field(&w, "error"), "can be written by anybody"));
    close_world(&w);
    snprintf(command, sizeof(command), "rm %s/skeleton.so && ln -s %s/skeleton.so %s/", folder,
             TEST_PLUGINS, folder);
    assert_int_equal(system(command), 0);
    open_world(&w, folder, SKELETON);
    assert_non_null(strstr(field(&w, "error"), "leads out of"));
    close_world(&w);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    assert_int_equal(system(command), 0);
}

static void configuration_is_checked(void **state)
{
    static const struct {
        const char *instance, *says;
        int line, column;
    } files[] = {
        {"plugin: gw_webhook\nname: one\n", "url", 0, 0},
        {"plugin: gw_webhook\nname: one\nurl: http://a/\n", "allow_private", 3, 6},
        {"plugin: gw_webhook\nname: one\nurl: https://a/\nsecret: whsec_???\n",
         "secret: must be whsec_ and the base64", 4, 9},
        {"plugin: gw_webhook\nname: one\nurl: https://a/\nsecret: plain words\n",
         "secret: must be whsec_ and the base64", 4, 9},
        {"plugin: gw_webhook\nname: one\nurl: https://a/\nsecret: whsec_\n",
         "secret: must be whsec_ and the base64", 4, 9},
        {"plugin: gw_webhook\nurl: https://a/\nname: one\nformer_secret: MfKQ9r8GKYqrTwjUPD8I\n",
         "former_secret: must be whsec_ and the base64", 4, 16},
        {"plugin: gw_webhook\nname: one\nurl: https://a/\nevent: [x]\n", "events", 4, 1},
        {"plugin: gw_kannel\nname: one\nurl: http://a/\nusername: u\npassword: p\nmethod: put\n",
         "get, post", 6, 9},
        {"plugin: gw_kannel\nname: one\nurl: http://a/\nusername: u\npassword: p\nrate: soon\n",
         "rate", 6, 7},
    };
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct world w = {0};
        make_site(&w, TEST_PLUGINS, files[i].instance);
        plugins_check(w.site, &w.faults);
        if (w.faults.errors != 1 || !strstr(last_fault(&w), files[i].says))
            fail_msg("case %zu: %s", i, last_fault(&w));
        const struct conf_fault *fault = &w.faults.items[w.faults.n - 1];
        assert_true(fault->line > 0);
        if (files[i].line && (fault->line != files[i].line || fault->column != files[i].column))
            fail_msg("case %zu: said of %d:%d", i, fault->line, fault->column);
        w.loop = loop_new();
        struct plugins_opts opts = {.loop = w.loop, .site = w.site};
        w.plugins = plugins_new(&opts);
        close_world(&w);
    }
}

static void reload(struct world *w, const char *instance)
{
    put(w, "plugins.d/one.yaml", instance);
    struct site *fresh = load_site(w);
    assert_non_null(fresh);
    plugins_reload(w->plugins, fresh, &w->faults);
    site_unref(&w->site);
    w->site = fresh;
}

static void reloads(void **state)
{
    struct world w;
    open_world(&w, TEST_PLUGINS, SKELETON);
    reload(&w, SKELETON "every: 2h\n");
    assert_int_equal(w.faults.errors, 0);
    assert_string_equal(field(&w, "state"), "running");
    reload(&w, SKELETON "decline: true\n");
    assert_int_equal(w.faults.errors, 1);
    assert_non_null(strstr(last_fault(&w), "while it runs"));
    assert_string_equal(field(&w, "state"), "running");
    reload(&w, SKELETON "evry: 2h\n");
    assert_string_equal(field(&w, "state"), "running");
    assert_true(w.faults.errors > 0);
    unlink("x");
    close_world(&w);
}

static void restarts_what_cannot_reload(void **state)
{
    struct world w;
    open_world(&w, TEST_PLUGINS, "plugin: gw_webhook\nname: one\nurl: https://a/\n");
    reload(&w, "plugin: gw_webhook\nname: one\nurl: https://b/\nevents: [ticket.opened]\n");
    turns(&w, 3);
    assert_string_equal(field(&w, "state"), "running");
    reload(&w, "plugin: gw_webhook\nname: two\nurl: https://b/\n");
    turns(&w, 3);
    assert_string_equal(field(&w, "name"), "two");
    close_world(&w);
}

static void manners(struct world *w, const char *fault)
{
    char instance[200];
    snprintf(instance, sizeof(instance), "plugin: bad_manners\nname: one\nfault: %s\n", fault);
    open_world(w, BAD_PLUGINS, instance);
}

static void leftovers_are_taken(void **state)
{
    struct world w;
    manners(&w, "none");
    turns(&w, 5);
    assert_string_equal(field(&w, "state"), "running");
    assert_string_equal(field(&w, "faults"), "0");
    close_world(&w); /* its timer was never released, and is never called again */
    manners(&w, "init");
    assert_string_equal(field(&w, "state"), "failed");
    assert_string_equal(field(&w, "handles"), "0");
    close_world(&w);
    manners(&w, "start");
    assert_string_equal(field(&w, "state"), "failed");
    close_world(&w);
}

static void misuse_is_counted_and_parked(void **state)
{
    static const char *const faults[] = {"events", "utf8"};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct world w;
        manners(&w, faults[i]);
        turns(&w, 60);
        assert_string_equal(field(&w, "state"), "parked");
        assert_string_equal(field(&w, "handles"), "0");
        char calls[32];
        text_copy(calls, sizeof(calls), field(&w, "calls"));
        turns(&w, 10);
        assert_string_equal(field(&w, "calls"), calls);
        /* A reload tries it again. */
        reload(&w, "plugin: bad_manners\nname: one\nfault: none\n");
        assert_string_equal(field(&w, "state"), "running");
        close_world(&w);
    }
}

/* Ten times longer each time, and in the end for good. */
static void a_parked_one_rests_and_is_tried_again(void **state)
{
    struct world w;
    int rests = 0;
    char at[64] = "", last[64] = "";
    open_resting(&w, BAD_PLUGINS, "plugin: bad_manners\nname: one\nfault: utf8\n", 3);
    for (int i = 0; i < 30000; i++) {
        turns(&w, 1);
        text_copy(at, sizeof(at), field(&w, "retry_at"));
        if (*at && strcmp(at, last) != 0)
            rests++;
        if (*at)
            text_copy(last, sizeof(last), at);
        if (!*at && rests && strcmp(field(&w, "state"), "parked") == 0)
            break;
    }
    assert_int_equal(rests, 3);
    assert_string_equal(field(&w, "state"), "parked");
    assert_non_null(strstr(field(&w, "error"), "a reload tries it again"));
    assert_string_equal(field(&w, "faults"), "44"); /* ten, and the timer it left, each time */
    assert_string_equal(field(&w, "handles"), "0");
    reload(&w, "plugin: bad_manners\nname: one\nfault: none\n");
    assert_string_equal(field(&w, "state"), "running");
    assert_string_equal(field(&w, "retry_at"), "");
    close_world(&w);
}

static void misuse_breaks_nothing(void **state)
{
    static const struct {
        const char *fault, *faults;
    } cases[] = {{"thread", "0"}, {"release twice", "0"}, {"register late", "1"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w;
        manners(&w, cases[i].fault);
        turns(&w, 5);
        assert_string_equal(field(&w, "state"), "running");
        assert_string_equal(field(&w, "faults"), cases[i].faults);
        close_world(&w);
    }
    struct world w;
    manners(&w, "register twice");
    assert_string_equal(field(&w, "state"), "failed");
    close_world(&w);
}

static void slow_calls_are_named(void **state)
{
    struct world w;
    manners(&w, "slow");
    turns(&w, 10);
    assert_true(strtol(field(&w, "slow"), NULL, 10) > 0);
    assert_true(strtol(field(&w, "longest_ms"), NULL, 10) >= 60);
    close_world(&w);
}

static void the_deadline_holds(void **state)
{
    struct world w;
    manners(&w, "never stops");
    int64_t began = clock_mono_us();
    close_world(&w);
    int64_t took = clock_mono_us() - began;
    assert_true(took > 2500000 && took < 8000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_and_stops),
        cmocka_unit_test(declines),
        cmocka_unit_test(each_refusal_has_its_words),
        cmocka_unit_test(only_trusted_files),
        cmocka_unit_test(configuration_is_checked),
        cmocka_unit_test(reloads),
        cmocka_unit_test(restarts_what_cannot_reload),
        cmocka_unit_test(leftovers_are_taken),
        cmocka_unit_test(misuse_is_counted_and_parked),
        cmocka_unit_test(a_parked_one_rests_and_is_tried_again),
        cmocka_unit_test(misuse_breaks_nothing),
        cmocka_unit_test(slow_calls_are_named),
        cmocka_unit_test(the_deadline_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
