/*
 * plugin_table.c - the host table: what a plugin may call, each entry checking who calls and with
 * what before it passes on.
 */
#include "host/plugins_priv.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"

#define HERE __builtin_return_address(0)

struct instance *instance_of(const struct steward_host *self)
{
    return (struct instance *)(uintptr_t)self; /* host is the first member */
}

static void host_log(const struct steward_host *self, enum steward_log_level level, const char *fmt,
                     ...)
{
    static const enum log_level levels[] = {LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR};
    char text[2048];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    log_at(level <= STEWARD_LOG_ERROR ? levels[level] : LOG_ERROR, &instance_of(self)->log, "%s",
           text);
}

static int64_t host_now(const struct steward_host *self)
{
    return clock_now_ms();
}

static const char *host_instance(const struct steward_host *self)
{
    return instance_of(self)->name;
}

static struct steward_handle *host_timer_new(const struct steward_host *self, void (*fn)(void *),
                                             void *ctx)
{
    return handle_timer_new(instance_of(self), fn, ctx, HERE);
}

static struct steward_handle *host_stream_open(const struct steward_host *self,
                                               const struct steward_stream_opts *opts,
                                               steward_stream_cb *cb, void *ctx)
{
    return handle_stream_open(instance_of(self), opts, cb, ctx, HERE);
}

static void host_post(const struct steward_host *self, void (*fn)(void *), void *ctx)
{
    handle_post(instance_of(self), fn, ctx);
}

static bool is_counter_name(const char *s)
{
    size_t n = s ? strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") : 0;
    return n > 0 && n < sizeof(((struct counter *)0)->name) && !s[n];
}

static void host_count(const struct steward_host *self, const char *name, uint64_t add)
{
    struct instance *in = instance_of(self);
    if (!guard_thread(in, "count"))
        return;
    for (size_t i = 0; i < in->n_counters; i++) {
        if (strcmp(in->counters[i].name, name) == 0) {
            in->counters[i].value += add;
            return;
        }
    }
    if (!is_counter_name(name) || in->n_counters == COUNTERS_MAX) {
        guard_fault(in, "count: a bad name, or over %d of them", COUNTERS_MAX);
        return;
    }
    struct counter *c = &in->counters[in->n_counters++];
    text_copy(c->name, sizeof(c->name), name);
    c->value = add;
}

/* Capabilities are registered within init, by an instance that is being initialised. */
static bool may_register(struct instance *in, const char *what)
{
    if (guard_thread(in, what) && in->state == INSTANCE_LOADED)
        return true;
    guard_fault(in, "%s outside of init", what);
    return false;
}

static int host_register_cti(const struct steward_host *self, const struct steward_cti_ops *ops,
                             void *ctx)
{
    struct instance *in = instance_of(self);
    return may_register(in, "register_cti") ? plugin_source_register(in, ops, ctx) : E_DENIED;
}

static int host_register_gateway(const struct steward_host *self,
                                 const struct steward_gateway_ops *ops, void *ctx)
{
    struct instance *in = instance_of(self);
    return may_register(in, "register_gateway") ? gateway_register(in, ops, ctx) : E_DENIED;
}

/* A stopped or parked plugin reports nothing any more. */
static bool may_report(struct instance *in, const char *what)
{
    return guard_thread(in, what) &&
           (in->state == INSTANCE_RUNNING || in->state == INSTANCE_LOADED ||
            in->state == INSTANCE_STOPPING);
}

static void host_cti_emit(const struct steward_host *self, const struct steward_cti_event *ev)
{
    if (ev && may_report(instance_of(self), "cti_emit"))
        plugin_source_emit(instance_of(self), ev);
}

static void host_cti_state(const struct steward_host *self, enum steward_source_state state,
                           uint32_t can, const char *error)
{
    if (may_report(instance_of(self), "cti_state"))
        plugin_source_state(instance_of(self), state, can, error);
}

static void host_resync_begin(const struct steward_host *self)
{
    if (may_report(instance_of(self), "cti_resync_begin"))
        plugin_source_resync(instance_of(self), true);
}

static void host_resync_end(const struct steward_host *self)
{
    if (may_report(instance_of(self), "cti_resync_end"))
        plugin_source_resync(instance_of(self), false);
}

static void host_cti_alive(const struct steward_host *self, const char *call)
{
    if (may_report(instance_of(self), "cti_alive"))
        plugin_source_alive(instance_of(self), call);
}

static void host_action_done(const struct steward_host *self, uint64_t token, bool ok,
                             const char *code, const char *text)
{
    if (may_report(instance_of(self), "action_done"))
        plugin_source_action_done(instance_of(self), token, ok, code, text);
}

static void host_receipt(const struct steward_host *self, const struct steward_receipt *r)
{
    if (r && may_report(instance_of(self), "receipt"))
        gateway_receipt(instance_of(self), r);
}

static void host_inbound(const struct steward_host *self, const char *id, const char *from,
                         const char *to, const char *text, int64_t at, const char *reply_to_key)
{
    if (may_report(instance_of(self), "inbound"))
        gateway_inbound(instance_of(self), id, from, to, text, at, reply_to_key);
}

/* The site's public base; without one, the address that the daemon listens on. */
static const char *host_receipt_url(const struct steward_host *self)
{
    struct instance *in = instance_of(self);
    const struct site *site = in->plugins->site;
    const char *host = site->listen.http.host;
    bool any = !*host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    bool v6 = strchr(host, ':') && !any;
    bool tls = site->listen.tls.certificate && conf_texts_has(&site->listen.tls.ports, "http");
    if (site->site.public_url)
        snprintf(in->receipt_url, sizeof(in->receipt_url), "%s/hooks/%s/receipt",
                 site->site.public_url, in->name);
    else
        snprintf(in->receipt_url, sizeof(in->receipt_url), "%s://%s%s%s:%u/hooks/%s/receipt",
                 tls ? "https" : "http", v6 ? "[" : "", any ? "127.0.0.1" : host, v6 ? "]" : "",
                 site->listen.http.port, in->name);
    return in->receipt_url;
}

static void host_hmac(const void *key, size_t keylen, const void *data, size_t len, uint8_t out[32])
{
    hmac_sha256(key, keylen, data, len, out);
}

static void host_md5(const void *data, size_t len, char out[33])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    memset(digest, 0, sizeof(digest));
    EVP_Digest(data, len, digest, &n, EVP_md5(), NULL);
    hex_encode(digest, 16, out);
}

static int host_base64_encode(const void *data, size_t len, char *out, size_t cap)
{
    if (cap == 0 || (len + 2) / 3 * 4 >= cap)
        return -1;
    char *text = base64_encode(data, len);
    int n = (int)strlen(text);
    memcpy(out, text, (size_t)n + 1);
    free(text);
    return n;
}

static int host_base64_decode(const char *text, void *out, size_t cap)
{
    int n = base64_decode(text, strlen(text), out, cap);
    return n < 0 ? -1 : n;
}

static void host_stopped(const struct steward_host *self)
{
    struct instance *in = instance_of(self);
    if (guard_thread(in, "stopped"))
        instance_stopped(in);
}

void plugin_table_init(struct instance *in)
{
    in->host = (struct steward_host){
        .struct_size = sizeof(struct steward_host),
        .abi_major = STEWARD_ABI_MAJOR,
        .abi_minor = STEWARD_ABI_MINOR,
        .log = host_log,
        .now_ms = host_now,
        .instance = host_instance,
        .conf_text = plugin_conf_text,
        .conf_int = plugin_conf_int,
        .conf_item = plugin_conf_item,
        .timer_new = host_timer_new,
        .timer_arm = handle_timer_arm,
        .timer_disarm = handle_timer_disarm,
        .stream_open = host_stream_open,
        .stream_write = handle_stream_write,
        .release = handle_release,
        .post = host_post,
        .count = host_count,
        .register_cti = host_register_cti,
        .register_gateway = host_register_gateway,
        .cti_emit = host_cti_emit,
        .cti_state = host_cti_state,
        .cti_resync_begin = host_resync_begin,
        .cti_resync_end = host_resync_end,
        .cti_alive = host_cti_alive,
        .action_done = host_action_done,
        .receipt = host_receipt,
        .inbound = host_inbound,
        .receipt_url = host_receipt_url,
        .hmac_sha256 = host_hmac,
        .md5_hex = host_md5,
        .base64_encode = host_base64_encode,
        .base64_decode = host_base64_decode,
        .stopped = host_stopped,
    };
}
