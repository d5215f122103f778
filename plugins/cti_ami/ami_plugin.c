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
    {"contexts.inbound", STEWARD_CONF_TEXTS,
     "[from-trunk*, from-pstn*, from-digital, from-analog, from-dahdi, from-zaptel, "
     "from-did-direct]",
     0, 0, false,
     "dialplan contexts that are the outside world; `from-trunk*` is all that begin so"},
    {"contexts.phones", STEWARD_CONF_TEXTS,
     "[internal, from-internal*, from-queue*, from-ringgroups*, default, agents]", 0, 0, false,
     "contexts of the site's own phones, besides contexts.internal; calls in any other are named"},
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
    LINK_KEY_PING("20s"),
    LINK_KEY_DIAL,
    LINK_KEY_RETRY_MIN,
    LINK_KEY_RETRY_MAX,
    LINK_KEYS_END,
};

static void conf_read(const struct steward_host *h, const struct steward_conf *conf,
                      struct ami_conf *c)
{
    memset(c, 0, sizeof *c);
    link_conf_read(h, conf, true, &c->link);
    link_conf_text(h, conf, "username", c->username, sizeof c->username);
    link_conf_text(h, conf, "secret", c->secret, sizeof c->secret);
    link_conf_text(h, conf, "login", c->login, sizeof c->login);
    link_conf_text(h, conf, "contexts.internal", c->internal, sizeof c->internal);
    link_conf_text(h, conf, "technology", c->technology, sizeof c->technology);
    link_conf_text(h, conf, "features.parking_lot", c->parking_lot, sizeof c->parking_lot);
    c->inbound_count = link_conf_list(h, conf, "contexts.inbound", c->inbound);
    c->phone_count = link_conf_list(h, conf, "contexts.phones", c->phones);
    c->trunk_count = link_conf_list(h, conf, "trunks", c->trunks);
    c->atxfer = h->conf_int(conf, "features.atxfer") != 0;
    c->answer_notify = h->conf_int(conf, "features.answer_notify") != 0;
}

/* What goes into one line of the protocol must not end it. */
static bool one_line(const char *text)
{
    return !strpbrk(text, "\r\n");
}

/* What the table of keys cannot say: words, and values that only together make sense. */
static int check(const struct steward_host *h, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    struct ami_conf c;
    conf_read(h, conf, &c);
    if (strcmp(c.login, "auto") != 0 && strcmp(c.login, "md5") != 0 &&
        strcmp(c.login, "plain") != 0)
        snprintf(why, why_len, "login: '%s' is not one of auto md5 plain", c.login);
    else if (!one_line(c.username) || !one_line(c.secret) || !one_line(c.internal) ||
             !one_line(c.technology) || !one_line(c.parking_lot))
        snprintf(why, why_len, "a value holds a line break");
    else if (!c.link.host[0] || !c.username[0] || !c.secret[0])
        snprintf(why, why_len, "host, username and secret must not be empty");
    else if (c.inbound_count == 0 && c.trunk_count == 0)
        snprintf(why, why_len, "contexts.inbound: names no context, so no call would be inbound");
    else if (c.link.retry_max_ms < c.link.retry_min_ms)
        snprintf(why, why_len, "retry.max: is shorter than retry.min");
    else
        return 0;
    return -1;
}

static const struct steward_cti_ops ops = {.struct_size = sizeof ops, .action = ami_action};

static void fini(void *ctx)
{
    struct ami *a = ctx;
    link_fini(&a->link);
    ami_agents_free(&a->agents);
    track_free(&a->track);
    free(a);
}

static void settle_in(void *ctx, int64_t ms)
{
    struct ami *a = ctx;
    link_settle_in(&a->link, ms);
}

/* Everything is made before the host knows of us, so that a refusal only has to take it down. */
static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct ami *a = calloc(1, sizeof *a);
    if (!a)
        return -1;
    a->host = host;
    conf_read(host, conf, &a->conf);
    a->can = ami_can_all(a);
    a->agents = ami_agents_new();
    struct track_opts opts = {.host = host, .settle_in = settle_in, .ctx = a};
    a->track = track_new(&opts);
    link_init(&a->link, host, &a->conf.link, &ami_link_ops, a);
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
    struct ami *a = ctx;
    link_open(&a->link);
    return 0;
}

static int reload(void *ctx, const struct steward_conf *conf, char *why, size_t why_len)
{
    struct ami *a = ctx;
    struct ami_conf fresh;
    if (check(a->host, conf, why, why_len) != 0)
        return -1;
    conf_read(a->host, conf, &fresh);
    if (memcmp(&fresh, &a->conf, sizeof fresh) == 0)
        return 0;
    a->conf = fresh;
    a->can = ami_can_all(a);
    link_reopen(&a->link);
    return 0;
}

static void stop(void *ctx)
{
    struct ami *a = ctx;
    link_stop(&a->link);
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
