/*
 * skeleton.c - a plugin to copy: every callback once, with what it is for. It is a gateway that
 * posts the text to one URL, and says now and then that it lives (docs/plugins.md is the guide).
 *
 * Build it by putting the folder under plugins/; run it by a file in plugins.d/:
 *
 *     plugin: skeleton
 *     name: example
 *     url: http://127.0.0.1:9000/
 */
#include <steward/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One instance. A module may have several: keep nothing in static variables. */
struct skeleton {
    const struct steward_host *host; /* valid until the process ends */
    const struct steward_conf *conf; /* valid until reload returns 0, or fini */
    struct steward_handle *timer;    /* lent by the host; given back in stop */
    uint64_t taken;
};

/* The configuration: the host checks it, fills defaults in, documents it. */
static const struct steward_conf_key conf_keys[] = {
    {"url", STEWARD_CONF_URL, NULL, 0, 0, true, "Where the text is posted to."},
    {"every", STEWARD_CONF_DURATION, "1h", 1000, 86400000, false,
     "How often to say that it lives."},
    {"decline", STEWARD_CONF_BOOL, "false", 0, 0, false, "Show what declining to run looks like."},
    {0}};

static void on_timer(void *ctx)
{
    struct skeleton *s = ctx;
    s->host->log(s->host, STEWARD_LOG_DEBUG, "%llu messages so far", (unsigned long long)s->taken);
    s->host->timer_arm(s->timer, s->host->conf_int(s->conf, "every"));
}

/* ---- the gateway ---- */

/* Describe the request; the host sends it, retries it, stores the outcome. The text that out points
 * to must live until the next call: here it is the message's own and the configuration's. */
static int prepare(void *ctx, const struct steward_message *m, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len)
{
    struct skeleton *s = ctx;
    if (m->event_type) {
        snprintf(why, why_len, "this gateway carries no events");
        return -1;
    }
    out->method = "POST";
    out->url = s->host->conf_text(s->conf, "url");
    out->body = m->text;
    out->body_len = strlen(m->text);
    out->allow_private = true;
    return 0;
}

/* The verdict comes filled in by the HTTP status; change what the provider means otherwise. */
static void judge(void *ctx, const struct steward_message *m, const struct steward_response *res,
                  struct steward_verdict *out)
{
    struct skeleton *s = ctx;
    if (out->outcome == STEWARD_SENT)
        s->taken++;
    s->host->count(s->host, "answers", 1);
}

static const struct steward_gateway_ops gateway = {
    .struct_size = sizeof(struct steward_gateway_ops),
    .prepare = prepare,
    .judge = judge,
    .concurrency = 2,
};

/* ---- life ---- */

/* What the table of keys cannot say. Also run by `stewardd -t`: no side effects. */
static int check(const struct steward_host *host, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    if (!strchr(host->conf_text(conf, "url") + 8, '/')) {
        snprintf(why, why_len, "url: needs a path, at least '/'");
        return -1;
    }
    return 0;
}

/* Allocate and register; no I/O. If it fails it cleans up after itself: fini is not called then. */
static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct skeleton *s;
    if (host->conf_int(conf, "decline"))
        return STEWARD_DECLINE;
    s = calloc(1, sizeof(*s));
    if (!s)
        return -1;
    s->host = host;
    s->conf = conf;
    if (host->register_gateway(host, &gateway, s) != 0) {
        free(s);
        return -1;
    }
    *ctx = s;
    return 0;
}

/* Now it may do things by itself. */
static int start(void *ctx)
{
    struct skeleton *s = ctx;
    s->timer = s->host->timer_new(s->host, on_timer, s);
    s->host->timer_arm(s->timer, s->host->conf_int(s->conf, "every"));
    return 0;
}

/* Take the new values, or refuse with a reason and keep the old ones. */
static int reload(void *ctx, const struct steward_conf *conf, char *why, size_t why_len)
{
    struct skeleton *s = ctx;
    if (s->host->conf_int(conf, "decline")) {
        snprintf(why, why_len, "decline: cannot be set while it runs");
        return -1;
    }
    s->conf = conf;
    s->host->timer_arm(s->timer, s->host->conf_int(conf, "every"));
    return 0;
}

/* Produce nothing more, give back what was lent, then say so (within three seconds). */
static void stop(void *ctx)
{
    struct skeleton *s = ctx;
    if (s->timer)
        s->host->release(&s->timer);
    s->host->stopped(s->host);
}

static void fini(void *ctx)
{
    free(ctx);
}

STEWARD_PLUGIN_EXPORT = {
    .magic = STEWARD_PLUGIN_MAGIC,
    .abi_major = STEWARD_ABI_MAJOR,
    .abi_minor = STEWARD_ABI_MINOR,
    .struct_size = sizeof(struct steward_plugin),
    .name = "skeleton",
    .version = "0.1.0",
    .description = "A plugin to copy",
    .conf_keys = conf_keys,
    .check = check,
    .init = init,
    .start = start,
    .reload = reload,
    .stop = stop,
    .fini = fini,
};
