/*
 * bad_manners.c - does in start what its `fault` says, and cleans up nothing.
 */
#include <steward/plugin.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct steward_conf_key conf_keys[] = {
    {"fault", STEWARD_CONF_TEXT, "none", 0, 0, false, "What to do wrong."}, {0}};

struct manners {
    const struct steward_host *host;
    const struct steward_conf *conf;
    struct steward_handle *timer;
    int prepared;
};

static bool is(struct manners *m, const char *fault)
{
    return strcmp(m->host->conf_text(m->conf, "fault"), fault) == 0;
}

static void on_timer(void *ctx)
{
    struct manners *m = ctx;
    m->host->count(m->host, "ticks", 1);
    if (is(m, "slow"))
        usleep(60000);
    if (is(m, "events"))
        m->host->cti_emit(
            m->host, &(struct steward_cti_event){.struct_size = sizeof(struct steward_cti_event),
                                                 .kind = (enum steward_event_kind)99,
                                                 .call = "1"});
    if (is(m, "utf8"))
        m->host->receipt(m->host,
                         &(struct steward_receipt){.struct_size = sizeof(struct steward_receipt),
                                                   .key = "\xff\xfe",
                                                   .state = "sent"});
    m->host->timer_arm(m->timer, is(m, "slow") ? 200 : 1);
}

static void *other_thread(void *arg)
{
    struct manners *m = arg;
    m->host->count(m->host, "from_elsewhere", 1);
    m->host->post(m->host, on_timer, m);
    return NULL;
}

static int prepare(void *ctx, const struct steward_message *msg, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len)
{
    static const char *const headers[] = {"X: a\r\nY: b", NULL};
    out->url = "http://127.0.0.1/";
    out->headers = headers;
    return 0;
}

static const struct steward_gateway_ops gateway = {.struct_size = sizeof(gateway),
                                                   .prepare = prepare};

static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct manners *m = calloc(1, sizeof(*m));
    m->host = host;
    m->conf = conf;
    if (is(m, "init")) {
        host->timer_new(host, on_timer, m);
        free(m);
        return -1;
    }
    if (is(m, "register twice"))
        host->register_gateway(host, &gateway, m);
    if (host->register_gateway(host, &gateway, m) != 0) {
        free(m);
        return -1;
    }
    *ctx = m;
    return 0;
}

static int start(void *ctx)
{
    struct manners *m = ctx;
    pthread_t t;
    if (is(m, "start"))
        return -1;
    if (is(m, "register late"))
        m->host->register_gateway(m->host, &gateway, m);
    m->timer = m->host->timer_new(m->host, on_timer, m);
    m->host->timer_arm(m->timer, 0);
    if (is(m, "release twice")) {
        struct steward_handle *copy = m->timer;
        m->host->release(&m->timer);
        m->host->release(&copy);
        m->timer = m->host->timer_new(m->host, on_timer, m);
    }
    if (is(m, "thread")) {
        pthread_create(&t, NULL, other_thread, m);
        pthread_join(t, NULL);
    }
    return 0;
}

static void stop(void *ctx)
{
    struct manners *m = ctx;
    if (!is(m, "never stops"))
        m->host->stopped(m->host);
}

static void fini(void *ctx)
{
    free(ctx);
}

STEWARD_PLUGIN_EXPORT = {.magic = STEWARD_PLUGIN_MAGIC,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "bad_manners",
                         .version = "1",
                         .description = "wrong on purpose",
                         .conf_keys = conf_keys,
                         .init = init,
                         .start = start,
                         .stop = stop,
                         .fini = fini};
