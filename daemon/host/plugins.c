/*
 * plugins.c - instances of plugins from their files to their end.
 */
#include "host/plugins_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/conf_node.h"
#include "base/mem.h"
#include "base/text.h"

#define STOP_MS 3000

/* A parked instance rests, is tried again, rests ten times as long …; after RESTS it stays parked.
 * Having run for WELL rests it is forgiven. */
#define REST_MS     10000
#define REST_FACTOR 10
#define RESTS       3
#define WELL        360

static const char *const state_names[INSTANCE_STATES] = {
    [INSTANCE_LOADED] = "loaded",   [INSTANCE_RUNNING] = "running",
    [INSTANCE_FAILED] = "failed",   [INSTANCE_DECLINED] = "declined",
    [INSTANCE_PARKED] = "parked",   [INSTANCE_STOPPING] = "stopping",
    [INSTANCE_STOPPED] = "stopped",
};

void instance_set_state(struct instance *in, enum instance_state state, const char *error)
{
    in->state = state;
    in->since = clock_now_ms();
    text_copy(in->error, sizeof(in->error), error ? error : "");
    if (state == INSTANCE_FAILED)
        log_error(&in->log, "cannot run: %s", in->error);
    else if (state == INSTANCE_DECLINED)
        log_info(&in->log, "declined to run");
    else
        log_debug(&in->log, "%s", state_names[state]);
}

/* ---- one instance ---- */

static struct instance *instance_new(struct plugins *p, const struct site_instance *si)
{
    struct instance *in = xcalloc(1, sizeof(*in)), **last = &p->instances;
    in->plugins = p;
    text_copy(in->name, sizeof(in->name), si->name);
    text_copy(in->module, sizeof(in->module), si->plugin);
    log_ctx_init(&in->log, "plugin", in->name, NULL);
    pthread_mutex_init(&in->posts_lock, NULL);
    plugin_table_init(in);
    in->state = INSTANCE_STOPPED;
    in->since = clock_now_ms();
    while (*last)
        last = &(*last)->next;
    *last = in;
    return in;
}

static struct instance *instance_find(struct plugins *p, const char *name)
{
    struct instance *in = p->instances;
    while (in && strcmp(in->name, name) != 0)
        in = in->next;
    return in;
}

/* The value of the key that the plugin's word begins with ("url: …"), else the file. */
static const struct conf_node *blamed_node(const struct site_instance *si, const char *why)
{
    static const char *const forms[] = {"", "_file", "_env"};
    int n = (int)strspn(why, "abcdefghijklmnopqrstuvwxyz0123456789_");
    char key[80];
    for (size_t i = 0; n && why[n] == ':' && i < ARRAY_LEN(forms); i++) {
        snprintf(key, sizeof(key), "%.*s%s", n, why, forms[i]);
        const struct conf_node *node = conf_node_get(si->node, key);
        if (node)
            return node;
    }
    return si->node;
}

static int check_conf(const struct steward_plugin *plugin, const struct steward_host *host,
                      const struct steward_conf *conf, const struct site_instance *si,
                      struct conf_faults *faults)
{
    char why[256] = "";
    if (!plugin->check || plugin->check(host, conf, why, sizeof(why)) >= 0)
        return 0;
    why[sizeof(why) - 1] = 0;
    conf_fault_at(faults, blamed_node(si, why), "%s",
                  *why ? why : "the plugin refuses this configuration");
    return E_INVALID;
}

/* Module and values of an instance; a fault says why not. */
static int open_instance(struct plugins *p, struct site *site, struct instance *in,
                         const struct site_instance *si, struct steward_conf **conf,
                         struct conf_faults *faults)
{
    struct errmsg why;
    *conf = NULL;
    in->plugin = plugin_module_open(site, in->module, &why);
    if (!in->plugin) {
        conf_fault_at(faults, si->node, "%s", why.text);
        return E_INVALID;
    }
    *conf = plugin_conf_load(si, in->plugin->conf_keys, faults);
    if (!*conf)
        return E_INVALID;
    if (check_conf(in->plugin, &in->host, *conf, si, faults)) {
        plugin_conf_free(conf);
        return E_INVALID;
    }
    return 0;
}

static void instance_init(struct instance *in)
{
    struct guard g;
    instance_set_state(in, INSTANCE_LOADED, NULL);
    if (!guard_enter(&g, in, "init"))
        return;
    int rc = in->plugin->init(&in->host, in->conf, &in->ctx);
    guard_leave(&g);
    if (rc == 0) {
        in->initialised = true;
        return;
    }
    gateway_unregister(in);
    plugin_source_unregister(in);
    instance_set_state(in, rc == STEWARD_DECLINE ? INSTANCE_DECLINED : INSTANCE_FAILED,
                       "its init failed");
    handle_revoke_all(in);
}

static void finish(struct instance *in);
static void forget_parks(struct instance *in);

static void instance_start(struct instance *in)
{
    struct guard g;
    int rc = 0;
    if (in->state != INSTANCE_LOADED)
        return;
    instance_set_state(in, INSTANCE_RUNNING, NULL);
    in->started_ms = clock_mono_us() / 1000;
    if (!in->plugin->start)
        return;
    if (guard_enter(&g, in, "start")) {
        rc = in->plugin->start(in->ctx);
        guard_leave(&g);
    }
    if (rc == 0)
        return;
    instance_set_state(in, INSTANCE_STOPPING, NULL);
    finish(in);
    instance_set_state(in, rc == STEWARD_DECLINE ? INSTANCE_DECLINED : INSTANCE_FAILED,
                       "its start failed");
}

static void load_instance(struct plugins *p, struct site *site, struct instance *in,
                          const struct site_instance *si, struct conf_faults *faults)
{
    struct steward_conf *conf;
    in->wanted = true;
    forget_parks(in);
    if (open_instance(p, site, in, si, &conf, faults)) {
        const char *text =
            faults->n ? faults->items[faults->n - 1].text : "its configuration is wrong";
        instance_set_state(in, INSTANCE_FAILED, text);
        return;
    }
    plugin_conf_free(&in->conf);
    in->conf = conf;
    in->faults_in_row = 0;
    instance_init(in);
}

/* ---- the end of an instance ---- */

/* The faults may have come from within a callback of the plugin: it frees itself after that. */
static void end_park(void *arg)
{
    struct instance *in = arg;
    if (in->state == INSTANCE_PARKED && in->initialised) {
        in->initialised = false;
        if (in->plugin->fini)
            in->plugin->fini(in->ctx);
        in->ctx = NULL;
    }
}

static int64_t rest_of(const struct plugins *p)
{
    return p->opts.rest_ms ? p->opts.rest_ms : REST_MS;
}

/* The end of a parked instance's rest. */
static void try_again(void *arg)
{
    struct instance *in = arg;
    in->retry_at = 0;
    if (in->state != INSTANCE_PARKED || !in->wanted || in->plugins->stopping)
        return;
    end_park(in);
    log_info(&in->log, "tried again after its rest");
    in->faults_in_row = 0;
    instance_init(in);
    instance_start(in);
}

/* How long an instance that is parked now rests; 0: until a reload. */
static int64_t next_rest(struct instance *in)
{
    int64_t ms = rest_of(in->plugins);
    if (clock_mono_us() / 1000 - in->started_ms > WELL * ms)
        in->parks = 0;
    if (in->parks >= RESTS)
        return 0;
    for (int i = 0; i < in->parks; i++)
        ms *= REST_FACTOR;
    in->parks++;
    return ms;
}

static void forget_parks(struct instance *in)
{
    loop_timer_free(&in->rest);
    in->retry_at = 0;
    in->parks = 0;
}

/* Parked: nothing calls it any more, and what it held is taken. */
void instance_park(struct instance *in, const char *why)
{
    char text[256];
    int64_t rest = next_rest(in);
    snprintf(text, sizeof(text), "parked after repeated faults (%s): %.160s",
             rest ? "it is tried again" : "a reload tries it again", why);
    log_error(&in->log, "%s", text);
    instance_set_state(in, INSTANCE_PARKED, text);
    gateway_unregister(in);
    plugin_source_unregister(in);
    handle_revoke_all(in);
    loop_defer(in->plugins->opts.loop, end_park, in);
    if (!rest)
        return;
    if (!in->rest)
        in->rest = loop_timer_new(in->plugins->opts.loop, try_again, in);
    loop_timer_arm(in->rest, rest);
    in->retry_at = in->since + rest;
}

static void all_stopped(struct plugins *p)
{
    if (!p->stop_done)
        return;
    for (struct instance *in = p->instances; in; in = in->next)
        if (in->state == INSTANCE_STOPPING)
            return;
    loop_cb *done = p->stop_done;
    p->stop_done = NULL;
    done(p->stop_ctx);
}

/* Take everything from it and let it free itself. It has stopped, or its time is over. */
static void finish(struct instance *in)
{
    struct guard g;
    loop_timer_free(&in->deadline);
    gateway_unregister(in);
    plugin_source_unregister(in);
    /* fini gives back what the plugin still holds; only what is left after that is a leak. */
    if (in->initialised && in->plugin->fini && guard_enter(&g, in, "fini")) {
        in->plugin->fini(in->ctx);
        guard_leave(&g);
    }
    handle_revoke_all(in);
    in->initialised = false;
    in->ctx = NULL;
}

static void end_stop(struct instance *in)
{
    finish(in);
    instance_set_state(in, INSTANCE_STOPPED, NULL);
    if (in->restart) {
        in->restart = false;
        instance_init(in);
        instance_start(in);
    }
    all_stopped(in->plugins);
}

static void stop_later(void *arg)
{
    struct instance *in = arg;
    if (in->state == INSTANCE_STOPPING)
        end_stop(in);
}

void instance_stopped(struct instance *in)
{
    if (in->state != INSTANCE_STOPPING) {
        guard_fault(in, "stopped though nobody asked it to stop");
        return;
    }
    loop_timer_arm(in->deadline, 0); /* not within its own callback */
}

static void past_deadline(void *arg)
{
    struct instance *in = arg;
    stop_later(in);
}

static void instance_stop(struct instance *in)
{
    struct guard g;
    if (in->state == INSTANCE_STOPPING)
        return;
    forget_parks(in);
    if (in->state == INSTANCE_PARKED)
        end_park(in);
    if (!in->initialised) {
        end_stop(in);
        return;
    }
    instance_set_state(in, INSTANCE_STOPPING, NULL);
    if (!in->plugin->stop) {
        end_stop(in);
        return;
    }
    in->deadline = loop_timer_new(in->plugins->opts.loop, past_deadline, in);
    loop_timer_arm(in->deadline, STOP_MS);
    if (guard_enter(&g, in, "stop")) {
        in->plugin->stop(in->ctx);
        guard_leave(&g);
    }
}

/* ---- all of them ---- */

struct plugins *plugins_new(const struct plugins_opts *opts)
{
    struct plugins *p = xcalloc(1, sizeof(*p));
    p->opts = *opts;
    p->site = site_ref(opts->site);
    p->thread = pthread_self();
    return p;
}

void plugins_load(struct plugins *p, struct conf_faults *faults)
{
    for (size_t i = 0; i < p->site->instances_n; i++) {
        const struct site_instance *si = &p->site->instances[i];
        load_instance(p, p->site, instance_new(p, si), si, faults);
    }
}

void plugins_start(struct plugins *p)
{
    p->started = true;
    for (struct instance *in = p->instances; in; in = in->next)
        instance_start(in);
}

static void reload_running(struct instance *in, struct steward_conf *conf,
                           const struct site_instance *si, struct conf_faults *faults)
{
    char why[256] = "";
    struct guard g;
    int rc = 0;
    if (plugin_conf_same(in->conf, conf)) {
        plugin_conf_free(&conf);
        return;
    }
    if (!in->plugin->reload) {
        plugin_conf_free(&in->conf);
        in->conf = conf;
        in->restart = true;
        log_info(&in->log, "starts anew with its new configuration");
        instance_stop(in);
        return;
    }
    if (guard_enter(&g, in, "reload")) {
        rc = in->plugin->reload(in->ctx, conf, why, sizeof(why));
        guard_leave(&g);
    }
    why[sizeof(why) - 1] = 0;
    if (rc < 0) {
        conf_fault_at(faults, si->node, "not taken, the old one stays: %s", why);
        plugin_conf_free(&conf);
        return;
    }
    plugin_conf_free(&in->conf);
    in->conf = conf;
}

static void reload_one(struct plugins *p, struct site *site, const struct site_instance *si,
                       struct conf_faults *faults)
{
    struct instance *in = instance_find(p, si->name);
    struct steward_conf *conf;
    if (!in)
        in = instance_new(p, si);
    in->wanted = true;
    if (in->state == INSTANCE_STOPPING)
        return;
    if (in->state == INSTANCE_RUNNING && strcmp(in->module, si->plugin) == 0) {
        if (!open_instance(p, site, in, si, &conf, faults))
            reload_running(in, conf, si, faults);
        return;
    }
    if (in->state == INSTANCE_RUNNING) {
        conf_warn_at(faults, si->node, "another plugin under the same name needs a restart");
        return;
    }
    text_copy(in->module, sizeof(in->module), si->plugin);
    end_park(in);
    load_instance(p, site, in, si, faults);
    if (p->started)
        instance_start(in);
}

void plugins_reload(struct plugins *p, struct site *site, struct conf_faults *faults)
{
    struct site *old = p->site;
    p->site = site_ref(site);
    for (struct instance *in = p->instances; in; in = in->next)
        in->wanted = false;
    for (size_t i = 0; i < site->instances_n; i++)
        reload_one(p, site, &site->instances[i], faults);
    for (struct instance *in = p->instances; in; in = in->next)
        if (!in->wanted)
            instance_stop(in);
    site_unref(&old);
}

void plugins_stop(struct plugins *p, loop_cb *done, void *ctx)
{
    p->stopping = true;
    p->stop_done = done;
    p->stop_ctx = ctx;
    for (struct instance *in = p->instances; in; in = in->next) {
        in->wanted = in->restart = false;
        if (in->state == INSTANCE_RUNNING || in->state == INSTANCE_LOADED)
            instance_stop(in);
    }
    all_stopped(p);
}

static void quiet_now(void *arg)
{
    struct plugins *p = arg;
    loop_stop(p->opts.loop);
}

void plugins_quiet(struct plugins *p)
{
    plugins_stop(p, quiet_now, p);
    /* A signal may end the run early; the deadline of each instance bounds the whole. */
    while (p->stop_done)
        loop_run(p->opts.loop);
}

void plugins_free(struct plugins **pp)
{
    struct plugins *p = *pp;
    if (!p)
        return;
    while (p->instances) {
        struct instance *in = p->instances;
        p->instances = in->next;
        end_park(in);
        if (in->initialised)
            finish(in);
        loop_timer_free(&in->deadline);
        forget_parks(in);
        handle_drop_posts(in);
        plugin_conf_free(&in->conf);
        pthread_mutex_destroy(&in->posts_lock);
        free(in);
    }
    site_unref(&p->site);
    free(p);
    *pp = NULL;
}

/* ---- for stewardd -t ---- */

void plugins_check(struct site *site, struct conf_faults *faults)
{
    struct plugins_opts opts = {.site = site};
    struct plugins *p = plugins_new(&opts);
    for (size_t i = 0; i < site->instances_n; i++) {
        struct instance *in = instance_new(p, &site->instances[i]);
        struct steward_conf *conf;
        if (!open_instance(p, site, in, &site->instances[i], &conf, faults))
            plugin_conf_free(&conf);
    }
    plugins_free(&p);
}

/* ---- what they look like ---- */

void plugins_write_json(void *ctx, struct jw *w)
{
    struct plugins *p = ctx;
    for (struct instance *in = p->instances; in; in = in->next) {
        if (!in->wanted && in->state == INSTANCE_STOPPED)
            continue;
        jw_obj(w);
        jw_kstr(w, "name", in->name);
        jw_kstr(w, "plugin", in->module);
        jw_kstr(w, "version", in->plugin ? in->plugin->version : NULL);
        jw_kstr(w, "description", in->plugin ? in->plugin->description : NULL);
        jw_kstr(w, "state", state_names[in->state]);
        jw_kstr(w, "error", *in->error ? in->error : NULL);
        jw_ktime(w, "since", in->since);
        jw_ktime(w, "retry_at", in->retry_at);
        jw_kint(w, "calls", (int64_t)in->calls);
        jw_kint(w, "slow", (int64_t)in->slow);
        jw_kint(w, "faults", (int64_t)in->faults);
        jw_kint(w, "longest_ms", in->longest_us / 1000);
        jw_kint(w, "handles", (int64_t)in->n_handles);
        jw_end_obj(w);
    }
}

void plugins_write_checks(void *ctx, struct checks_out *out)
{
    struct plugins *p = ctx;
    char name[80], detail[300];
    for (struct instance *in = p->instances; in; in = in->next) {
        bool bad = in->state == INSTANCE_FAILED || in->state == INSTANCE_PARKED;
        if (!in->wanted)
            continue;
        snprintf(name, sizeof(name), "plugin:%s", in->name);
        snprintf(detail, sizeof(detail), "%s: %s", state_names[in->state], in->error);
        check_say(out, name, bad ? CHECK_DEGRADED : CHECK_OK, bad ? detail : NULL);
    }
}

void plugins_write_metrics(void *ctx, struct metrics_out *out)
{
    struct plugins *p = ctx;
    char name[160];
    for (struct instance *in = p->instances; in; in = in->next) {
        metrics_int(out, "steward_plugin_up", METRIC_GAUGE, "1: the instance runs.",
                    in->state == INSTANCE_RUNNING, "instance", in->name);
        metrics_int(out, "steward_plugin_calls_total", METRIC_COUNTER, "Calls into the plugin.",
                    (int64_t)in->calls, "instance", in->name);
        metrics_int(out, "steward_plugin_slow_calls_total", METRIC_COUNTER,
                    "Calls that held up the loop for 50 ms.", (int64_t)in->slow, "instance",
                    in->name);
        metrics_int(out, "steward_plugin_faults_total", METRIC_COUNTER,
                    "What the plugin did wrong.", (int64_t)in->faults, "instance", in->name);
        for (size_t i = 0; i < in->n_counters; i++) {
            snprintf(name, sizeof(name), "steward_%s_%s_total", in->module, in->counters[i].name);
            metrics_int(out, name, METRIC_COUNTER, "Counted by the plugin.",
                        (int64_t)in->counters[i].value, "instance", in->name);
        }
    }
}
