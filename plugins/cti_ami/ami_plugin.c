/*
 * ami_plugin.c - Asterisk through its manager interface: configuration, start and stop.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ami.h"

static const struct steward_conf_key keys[] = {
    {"host", STEWARD_CONF_TEXT, "127.0.0.1", 0, 0, false, "name or address of the Asterisk server"},
    {"port", STEWARD_CONF_INT, "5038", 1, 65535, false, "port of the manager; 5039 with tls"},
    {"username", STEWARD_CONF_TEXT, NULL, 0, 0, true, "account in manager.conf"},
    {"secret", STEWARD_CONF_SECRET, NULL, 0, 0, true, "its secret"},
    {"login", STEWARD_CONF_TEXT, "auto", 0, 0, false,
     "md5: challenge and response; plain: the secret as it is; auto: md5, and plain where the "
     "server knows no challenge and is on this machine or reached over TLS"},
    {"tls", STEWARD_CONF_BOOL, "false", 0, 0, false, "TLS from the first byte"},
    {"tls_ca", STEWARD_CONF_TEXT, NULL, 0, 0, false, "PEM file of the authority to trust"},
    {"tls_verify", STEWARD_CONF_BOOL, "true", 0, 0, false, "check the server's certificate"},
    {"contexts.inbound", STEWARD_CONF_TEXTS, "[from-trunk]", 0, 0, false,
     "dialplan contexts that are the outside world"},
    {"contexts.internal", STEWARD_CONF_TEXT, "internal", 0, 0, false,
     "dialplan context that dials for agents (FreePBX: from-internal)"},
    {"trunks", STEWARD_CONF_TEXTS, "[]", 0, 0, false,
     "endpoints of the outside world, where their context does not tell"},
    {"technology", STEWARD_CONF_TEXT, "PJSIP", 0, 0, false, "channel technology of the phones"},
    {"features.atxfer", STEWARD_CONF_BOOL, "false", 0, 0, false,
     "the dialplan has the attended transfer feature (atxfer code, t and T options)"},
    {"features.answer_notify", STEWARD_CONF_BOOL, "false", 0, 0, false,
     "phones answer on a NOTIFY with Event: talk"},
    {"features.parking_lot", STEWARD_CONF_TEXT, "", 0, 0, false, "empty: the default lot"},
    {"ping", STEWARD_CONF_DURATION, "20s", 1000, 3600000, false, "ask an idle server for life"},
    {"dial_timeout", STEWARD_CONF_DURATION, "30s", 1000, 600000, false,
     "how long the agent's phone rings for a call that steward dials"},
    {"retry.min", STEWARD_CONF_DURATION, "1s", 100, 600000, false, "first wait to reconnect"},
    {"retry.max", STEWARD_CONF_DURATION, "60s", 1000, 3600000, false,
     "longest wait; also the wait after a refused login"},
    {NULL, 0, NULL, 0, 0, false, NULL},
};

/* splitmix64: jitter and names need to differ, not to be secret. */
uint64_t ami_random(struct ami *a)
{
    uint64_t z = (a->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static void copy(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text ? text : "");
}

static size_t copy_list(const struct steward_host *h, const struct steward_conf *conf,
                        const char *key, char out[AMI_ITEMS_MAX][80])
{
    size_t n = 0;
    const char *item;
    while (n < AMI_ITEMS_MAX && (item = h->conf_item(conf, key, n)) != NULL)
        copy(out[n++], 80, item);
    return n;
}

void ami_conf_read(const struct steward_host *h, const struct steward_conf *conf,
                   struct ami_conf *c)
{
    memset(c, 0, sizeof *c);
    copy(c->host, sizeof c->host, h->conf_text(conf, "host"));
    copy(c->username, sizeof c->username, h->conf_text(conf, "username"));
    copy(c->secret, sizeof c->secret, h->conf_text(conf, "secret"));
    copy(c->tls_ca, sizeof c->tls_ca, h->conf_text(conf, "tls_ca"));
    copy(c->login, sizeof c->login, h->conf_text(conf, "login"));
    copy(c->internal, sizeof c->internal, h->conf_text(conf, "contexts.internal"));
    copy(c->technology, sizeof c->technology, h->conf_text(conf, "technology"));
    copy(c->parking_lot, sizeof c->parking_lot, h->conf_text(conf, "features.parking_lot"));
    c->inbound_count = copy_list(h, conf, "contexts.inbound", c->inbound);
    c->trunk_count = copy_list(h, conf, "trunks", c->trunks);
    c->port = (uint16_t)h->conf_int(conf, "port");
    c->tls = h->conf_int(conf, "tls") != 0;
    c->tls_verify = h->conf_int(conf, "tls_verify") != 0;
    c->atxfer = h->conf_int(conf, "features.atxfer") != 0;
    c->answer_notify = h->conf_int(conf, "features.answer_notify") != 0;
    c->ping_ms = h->conf_int(conf, "ping");
    c->dial_ms = h->conf_int(conf, "dial_timeout");
    c->retry_min_ms = h->conf_int(conf, "retry.min");
    c->retry_max_ms = h->conf_int(conf, "retry.max");
}

/* What goes into one line of the protocol must not end it. */
static bool one_line(const char *text)
{
    return !strpbrk(text, "\r\n");
}

static int check(const struct steward_host *h, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    struct ami_conf c;
    ami_conf_read(h, conf, &c);
    if (strcmp(c.login, "auto") != 0 && strcmp(c.login, "md5") != 0 &&
        strcmp(c.login, "plain") != 0)
        snprintf(why, why_len, "login: '%s' is none of auto md5 plain", c.login);
    else if (!one_line(c.username) || !one_line(c.secret) || !one_line(c.internal) ||
             !one_line(c.technology) || !one_line(c.parking_lot))
        snprintf(why, why_len, "a value holds a line break");
    else if (!c.host[0] || !c.username[0] || !c.secret[0])
        snprintf(why, why_len, "host, username and secret must not be empty");
    else if (c.inbound_count == 0 && c.trunk_count == 0)
        snprintf(why, why_len, "contexts.inbound: names no context, so no call would be inbound");
    else if (c.retry_max_ms < c.retry_min_ms)
        snprintf(why, why_len, "retry.max: is shorter than retry.min");
    else
        return 0;
    return -1;
}

static const struct steward_cti_ops ops = {.struct_size = sizeof ops, .action = ami_action};

static void fini(void *ctx)
{
    struct ami *a = ctx;
    ami_close(a);
    a->host->release(&a->retry);
    a->host->release(&a->watch);
    a->host->release(&a->settle);
    ami_actions_timeout(a, true);
    ami_resync_free(a);
    ami_agents_free(&a->agents);
    track_free(&a->track);
    ami_parser_reset(&a->parser);
    free(a);
}

static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct ami *a = calloc(1, sizeof *a);
    if (!a)
        return -1;
    a->host = host;
    ami_conf_read(host, conf, &a->conf);
    a->seed = (uint64_t)host->now_ms(host) ^ (uint64_t)(uintptr_t)a;
    a->retry_ms = a->conf.retry_min_ms;
    a->can = ami_can_all(a);
    a->agents = ami_agents_new();
    struct track_opts opts = {.host = host, .settle_in = ami_settle_in, .ctx = a};
    a->track = track_new(&opts);
    a->retry = host->timer_new(host, ami_on_retry, a);
    a->watch = host->timer_new(host, ami_on_watch, a);
    a->settle = host->timer_new(host, ami_on_settle, a);
    int rc = host->register_cti(host, &ops, a);
    if (rc != 0) {
        fini(a);
        return rc;
    }
    *ctx = a;
    return 0;
}

static int start(void *ctx)
{
    ami_connect(ctx);
    return 0;
}

static int reload(void *ctx, const struct steward_conf *conf, char *why, size_t why_len)
{
    struct ami *a = ctx;
    struct ami_conf fresh;
    if (check(a->host, conf, why, why_len) != 0)
        return -1;
    ami_conf_read(a->host, conf, &fresh);
    if (memcmp(&fresh, &a->conf, sizeof fresh) == 0)
        return 0;
    a->conf = fresh;
    a->can = ami_can_all(a);
    a->retry_ms = a->conf.retry_min_ms;
    ami_close(a);
    ami_connect(a);
    return 0;
}

static void stop(void *ctx)
{
    struct ami *a = ctx;
    a->stopping = true;
    if (a->stream && a->state == AMI_ON)
        ami_send(a, ASK_NONE, 0, "Logoff", NULL);
    ami_close(a);
    a->host->timer_disarm(a->retry);
    a->host->timer_disarm(a->watch);
    a->host->timer_disarm(a->settle);
    a->host->stopped(a->host);
}

STEWARD_PLUGIN_EXPORT = {
    .magic = STEWARD_PLUGIN_MAGIC,
    .abi_major = STEWARD_ABI_MAJOR,
    .abi_minor = STEWARD_ABI_MINOR,
    .struct_size = sizeof(struct steward_plugin),
    .name = "cti_ami",
    .version = STEWARD_VERSION,
    .description = "Asterisk through its manager interface",
    .conf_keys = keys,
    .check = check,
    .init = init,
    .start = start,
    .reload = reload,
    .stop = stop,
    .fini = fini,
};
