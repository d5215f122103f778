/*
 * esl_plugin.c - FreeSWITCH through its event socket: configuration, start and stop.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "esl.h"

static const struct steward_conf_key keys[] = {
    {"host", STEWARD_CONF_TEXT, "127.0.0.1", 0, 0, false,
     "name or address of the FreeSWITCH server; the socket knows no TLS, so keep it on this "
     "machine or in a tunnel"},
    {"port", STEWARD_CONF_INT, "8021", 1, 65535, false, "port of the event socket"},
    {"password", STEWARD_CONF_SECRET, NULL, 0, 0, true, "password of the event socket"},
    {"username", STEWARD_CONF_TEXT, NULL, 0, 0, false,
     "user@domain, to sign in as a user of the directory (userauth)"},
    {"format", STEWARD_CONF_TEXT, "plain", 0, 0, false, "form of events: plain or json"},
    {"contexts.inbound", STEWARD_CONF_TEXTS, "[public]", 0, 0, false,
     "dialplan contexts that are the outside world"},
    {"contexts.internal", STEWARD_CONF_TEXT, "default", 0, 0, false,
     "dialplan context that dials for agents"},
    {"profiles.outside", STEWARD_CONF_TEXTS, "[external]", 0, 0, false,
     "SIP profiles by which calls leave the site"},
    {"domain", STEWARD_CONF_TEXT, NULL, 0, 0, false,
     "domain of the phones; without, the server's default"},
    {"features.answer_notify", STEWARD_CONF_BOOL, "false", 0, 0, false,
     "phones answer on uuid_phone_event … talk"},
    {"ping", STEWARD_CONF_DURATION, "30s", 1000, 3600000, false, "ask an idle server for life"},
    {"dial_timeout", STEWARD_CONF_DURATION, "30s", 1000, 600000, false,
     "how long the agent's phone rings for a call that steward dials"},
    {"retry.min", STEWARD_CONF_DURATION, "1s", 100, 600000, false, "first wait to reconnect"},
    {"retry.max", STEWARD_CONF_DURATION, "60s", 1000, 3600000, false,
     "longest wait; also the wait after a refused sign-in"},
    {NULL, 0, NULL, 0, 0, false, NULL},
};

/* splitmix64: jitter and names need to differ, not to be secret. */
uint64_t esl_random(struct esl *e)
{
    uint64_t z = (e->seed += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void esl_uuid(struct esl *e, char out[40])
{
    uint64_t a = esl_random(e), b = esl_random(e);
    snprintf(out, 40, "%08" PRIx32 "-%04x-4%03x-%04x-%012" PRIx64, (uint32_t)(a >> 32),
             (unsigned)(a >> 16) & 0xffffu, (unsigned)a & 0xfffu,
             0x8000u | ((unsigned)(b >> 48) & 0x3fffu), b & 0xffffffffffffu);
}

static void copy(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text ? text : "");
}

static size_t copy_list(const struct steward_host *h, const struct steward_conf *conf,
                        const char *key, char out[ESL_ITEMS_MAX][80])
{
    size_t n = 0;
    const char *item;
    while (n < ESL_ITEMS_MAX && (item = h->conf_item(conf, key, n)) != NULL)
        copy(out[n++], 80, item);
    return n;
}

void esl_conf_read(const struct steward_host *h, const struct steward_conf *conf,
                   struct esl_conf *c)
{
    memset(c, 0, sizeof *c);
    copy(c->host, sizeof c->host, h->conf_text(conf, "host"));
    copy(c->username, sizeof c->username, h->conf_text(conf, "username"));
    copy(c->password, sizeof c->password, h->conf_text(conf, "password"));
    copy(c->format, sizeof c->format, h->conf_text(conf, "format"));
    copy(c->internal, sizeof c->internal, h->conf_text(conf, "contexts.internal"));
    copy(c->domain, sizeof c->domain, h->conf_text(conf, "domain"));
    c->inbound_count = copy_list(h, conf, "contexts.inbound", c->inbound);
    c->profile_count = copy_list(h, conf, "profiles.outside", c->profiles);
    c->port = (uint16_t)h->conf_int(conf, "port");
    c->answer_notify = h->conf_int(conf, "features.answer_notify") != 0;
    c->ping_ms = h->conf_int(conf, "ping");
    c->dial_ms = h->conf_int(conf, "dial_timeout");
    c->retry_min_ms = h->conf_int(conf, "retry.min");
    c->retry_max_ms = h->conf_int(conf, "retry.max");
}

/* These become words of commands. */
static bool is_word(const char *text)
{
    return !text[strcspn(text, " \t\r\n{}[]<>,'\"\\")];
}

static int check(const struct steward_host *h, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    struct esl_conf c;
    esl_conf_read(h, conf, &c);
    if (strcmp(c.format, "plain") != 0 && strcmp(c.format, "json") != 0)
        snprintf(why, why_len, "format: '%s' is none of plain json", c.format);
    else if (!is_word(c.internal) || !is_word(c.domain) || !is_word(c.username))
        snprintf(why, why_len, "contexts.internal, domain and username must be single words");
    else if (strpbrk(c.password, "\r\n"))
        snprintf(why, why_len, "password: holds a line break");
    else if (!c.host[0] || !c.password[0])
        snprintf(why, why_len, "host and password must not be empty");
    else if (c.inbound_count == 0)
        snprintf(why, why_len, "contexts.inbound: names no context, so no call would be inbound");
    else if (c.retry_max_ms < c.retry_min_ms)
        snprintf(why, why_len, "retry.max: is shorter than retry.min");
    else
        return 0;
    return -1;
}

static const struct steward_cti_ops ops = {.struct_size = sizeof ops, .action = esl_action};

static void fini(void *ctx)
{
    struct esl *e = ctx;
    esl_close(e);
    e->host->release(&e->retry);
    e->host->release(&e->watch);
    e->host->release(&e->settle);
    esl_agents_free(&e->agents);
    track_free(&e->track);
    free(e);
}

static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct esl *e = calloc(1, sizeof *e);
    if (!e)
        return -1;
    e->host = host;
    esl_conf_read(host, conf, &e->conf);
    e->seed = (uint64_t)host->now_ms(host) ^ (uint64_t)(uintptr_t)e;
    e->retry_ms = e->conf.retry_min_ms;
    e->can = esl_can_all(e);
    e->agents = esl_agents_new();
    struct track_opts opts = {.host = host, .settle_in = esl_settle_in, .ctx = e};
    e->track = track_new(&opts);
    e->retry = host->timer_new(host, esl_on_retry, e);
    e->watch = host->timer_new(host, esl_on_watch, e);
    e->settle = host->timer_new(host, esl_on_settle, e);
    int rc = host->register_cti(host, &ops, e);
    if (rc != 0) {
        fini(e);
        return rc;
    }
    *ctx = e;
    return 0;
}

static int start(void *ctx)
{
    esl_connect(ctx);
    return 0;
}

static int reload(void *ctx, const struct steward_conf *conf, char *why, size_t why_len)
{
    struct esl *e = ctx;
    struct esl_conf fresh;
    if (check(e->host, conf, why, why_len) != 0)
        return -1;
    esl_conf_read(e->host, conf, &fresh);
    if (memcmp(&fresh, &e->conf, sizeof fresh) == 0)
        return 0;
    e->conf = fresh;
    e->can = esl_can_all(e);
    e->retry_ms = e->conf.retry_min_ms;
    esl_close(e);
    esl_connect(e);
    return 0;
}

static void stop(void *ctx)
{
    struct esl *e = ctx;
    e->stopping = true;
    if (e->stream && e->state == ESL_ON)
        esl_send(e, ESL_ASK_COMMAND, "exit", NULL);
    esl_close(e);
    e->host->timer_disarm(e->settle);
    e->host->stopped(e->host);
}

STEWARD_PLUGIN_EXPORT = {
    .magic = STEWARD_PLUGIN_MAGIC,
    .abi_major = STEWARD_ABI_MAJOR,
    .abi_minor = STEWARD_ABI_MINOR,
    .struct_size = sizeof(struct steward_plugin),
    .name = "cti_esl",
    .version = STEWARD_VERSION,
    .description = "FreeSWITCH through its event socket",
    .conf_keys = keys,
    .check = check,
    .init = init,
    .start = start,
    .reload = reload,
    .stop = stop,
    .fini = fini,
};
