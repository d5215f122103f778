/*
 * esl_plugin.c - FreeSWITCH through its event socket: configuration, start and stop.
 */
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
    {"contexts.inbound", STEWARD_CONF_TEXTS, "[public*]", 0, 0, false,
     "dialplan contexts that are the outside world; `public*` is all that begin so"},
    {"contexts.phones", STEWARD_CONF_TEXTS, "[default, internal, features]", 0, 0, false,
     "contexts of the site's own phones, besides contexts.internal and those of phones that signed "
     "in; calls in any other are named"},
    {"contexts.internal", STEWARD_CONF_TEXT, "default", 0, 0, false,
     "dialplan context that dials for agents"},
    {"profiles.outside", STEWARD_CONF_TEXTS, "[external]", 0, 0, false,
     "SIP profiles by which calls leave the site"},
    {"domain", STEWARD_CONF_TEXT, NULL, 0, 0, false,
     "domain of the phones; without, the server's default"},
    {"features.answer_notify", STEWARD_CONF_BOOL, "false", 0, 0, false,
     "phones answer on uuid_phone_event … talk"},
    LINK_KEY_PING("30s"),
    LINK_KEY_DIAL,
    LINK_KEY_RETRY_MIN,
    LINK_KEY_RETRY_MAX,
    LINK_KEYS_END,
};

static void conf_read(const struct steward_host *h, const struct steward_conf *conf,
                      struct esl_conf *c)
{
    memset(c, 0, sizeof *c);
    link_conf_read(h, conf, false, &c->link);
    link_conf_text(h, conf, "username", c->username, sizeof c->username);
    link_conf_text(h, conf, "password", c->password, sizeof c->password);
    link_conf_text(h, conf, "format", c->format, sizeof c->format);
    link_conf_text(h, conf, "contexts.internal", c->internal, sizeof c->internal);
    link_conf_text(h, conf, "domain", c->domain, sizeof c->domain);
    c->inbound_count = link_conf_list(h, conf, "contexts.inbound", c->inbound);
    c->phone_count = link_conf_list(h, conf, "contexts.phones", c->phones);
    c->profile_count = link_conf_list(h, conf, "profiles.outside", c->profiles);
    c->answer_notify = h->conf_int(conf, "features.answer_notify") != 0;
}

/* These become words of commands. */
static bool is_word(const char *text)
{
    return !text[strcspn(text, " \t\r\n{}[]<>,'\"\\")];
}

/* What the table of keys cannot say: words, and values that only together make sense. */
static int check(const struct steward_host *h, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    struct esl_conf c;
    conf_read(h, conf, &c);
    if (strcmp(c.format, "plain") != 0 && strcmp(c.format, "json") != 0)
        snprintf(why, why_len, "format: '%s' is not one of plain json", c.format);
    else if (!is_word(c.internal) || !is_word(c.domain) || !is_word(c.username))
        snprintf(why, why_len, "contexts.internal, domain and username must be single words");
    else if (strpbrk(c.password, "\r\n"))
        snprintf(why, why_len, "password: holds a line break");
    else if (!c.link.host[0] || !c.password[0])
        snprintf(why, why_len, "host and password must not be empty");
    else if (c.inbound_count == 0)
        snprintf(why, why_len, "contexts.inbound: names no context, so no call would be inbound");
    else if (c.link.retry_max_ms < c.link.retry_min_ms)
        snprintf(why, why_len, "retry.max: is shorter than retry.min");
    else
        return 0;
    return -1;
}

static const struct steward_cti_ops ops = {.struct_size = sizeof ops, .action = esl_action};

static void fini(void *ctx)
{
    struct esl *e = ctx;
    link_fini(&e->link);
    esl_agents_free(&e->agents);
    track_free(&e->track);
    free(e);
}

static void settle_in(void *ctx, int64_t ms)
{
    struct esl *e = ctx;
    link_settle_in(&e->link, ms);
}

/* Everything is made before the host knows of us, so that a refusal only has to take it down. */
static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct esl *e = calloc(1, sizeof *e);
    if (!e)
        return -1;
    e->host = host;
    conf_read(host, conf, &e->conf);
    e->can = esl_can_all(e);
    e->agents = esl_agents_new();
    struct track_opts opts = {.host = host, .settle_in = settle_in, .ctx = e};
    e->track = track_new(&opts);
    link_init(&e->link, host, &e->conf.link, &esl_link_ops, e);
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
    struct esl *e = ctx;
    link_open(&e->link);
    return 0;
}

static int reload(void *ctx, const struct steward_conf *conf, char *why, size_t why_len)
{
    struct esl *e = ctx;
    struct esl_conf fresh;
    if (check(e->host, conf, why, why_len) != 0)
        return -1;
    conf_read(e->host, conf, &fresh);
    if (memcmp(&fresh, &e->conf, sizeof fresh) == 0)
        return 0;
    e->conf = fresh;
    e->can = esl_can_all(e);
    link_reopen(&e->link);
    return 0;
}

static void stop(void *ctx)
{
    struct esl *e = ctx;
    link_stop(&e->link);
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
