/*
 * kit.c - the host of paper.
 */
#include "kit.h"

#include <dlfcn.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_node.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/plugin_conf.h"

#define STOP_MS 3000

struct steward_handle {
    struct steward_handle *next;
    struct kit *kit;
    bool released, is_timer;
    int64_t due; /* of a timer; 0: not armed */
    void (*fn)(void *ctx);
    steward_stream_cb *cb;
    void *ctx;
};

static struct kit *kit_of(const struct steward_host *self)
{
    return (struct kit *)(uintptr_t)self;
}

void kit_fault(struct kit *k, const char *fmt, ...)
{
    char text[KIT_TEXT];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (k->faults++ == 0)
        memcpy(k->fault, text, sizeof(text));
    fprintf(stderr, "%s: %s\n", k->plugin ? k->plugin->name : "plugin", text);
}

/* ---- the table ---- */

static void host_log(const struct steward_host *self, enum steward_log_level level, const char *fmt,
                     ...)
{
    static const char *const names[] = {"debug", "info", "warn", "error"};
    struct kit *k = kit_of(self);
    va_list ap;
    k->logs++;
    if (level > STEWARD_LOG_ERROR)
        kit_fault(k, "log with level %d", (int)level);
    if (!k->verbose || level > STEWARD_LOG_ERROR)
        return;
    fprintf(stderr, "  %s: ", names[level]);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

static int64_t host_now(const struct steward_host *self)
{
    return kit_of(self)->now;
}

static const char *host_instance(const struct steward_host *self)
{
    return kit_of(self)->instance;
}

static struct steward_handle *handle_new(struct kit *k, bool is_timer, void *ctx)
{
    struct steward_handle *h = xcalloc(1, sizeof(*h));
    h->kit = k;
    h->is_timer = is_timer;
    h->ctx = ctx;
    h->next = k->handles;
    k->handles = h;
    k->live_handles++;
    return h;
}

static struct steward_handle *host_timer_new(const struct steward_host *self, void (*fn)(void *),
                                             void *ctx)
{
    struct steward_handle *h = handle_new(kit_of(self), true, ctx);
    h->fn = fn;
    return h;
}

/* Released handles are kept, so that their use is seen. */
static bool usable(struct steward_handle *h, bool is_timer, const char *what)
{
    if (!h->released && h->is_timer == is_timer)
        return true;
    kit_fault(h->kit, "%s with a handle that %s", what,
              h->released ? "was released" : "is not its own");
    return false;
}

static void host_timer_arm(struct steward_handle *h, int64_t ms)
{
    if (usable(h, true, "timer_arm"))
        h->due = h->kit->now + (ms > 0 ? ms : 0) + 1;
}

static void host_timer_disarm(struct steward_handle *h)
{
    if (usable(h, true, "timer_disarm"))
        h->due = 0;
}

static struct steward_handle *host_stream_open(const struct steward_host *self,
                                               const struct steward_stream_opts *opts,
                                               steward_stream_cb *cb, void *ctx)
{
    struct steward_handle *h = handle_new(kit_of(self), false, ctx);
    if (!opts->host || !*opts->host || !opts->port)
        kit_fault(h->kit, "stream_open without host or port");
    h->cb = cb;
    return h;
}

static bool host_stream_write(struct steward_handle *h, const void *data, size_t len)
{
    return usable(h, false, "stream_write");
}

static void host_release(struct steward_handle **hp)
{
    struct steward_handle *h = *hp;
    *hp = NULL;
    if (!h)
        return;
    if (h->released) {
        kit_fault(h->kit, "a handle released twice");
        return;
    }
    h->released = true;
    h->kit->live_handles--;
}

static void host_post(const struct steward_host *self, void (*fn)(void *), void *ctx)
{
    fn(ctx);
}

static void host_count(const struct steward_host *self, const char *name, uint64_t add)
{
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (n == 0 || n > 48 || name[n])
        kit_fault(kit_of(self), "count: '%s' is no name", name);
}

static bool registration_fails(struct kit *k)
{
    return ++k->registrations == k->fail_registration;
}

static int host_register_cti(const struct steward_host *self, const struct steward_cti_ops *ops,
                             void *ctx)
{
    struct kit *k = kit_of(self);
    if (registration_fails(k))
        return -1;
    if (k->cti || !STEWARD_HAS(ops, action))
        kit_fault(k, "register_cti twice, or with a short table");
    k->cti = ops;
    k->cti_ctx = ctx;
    return 0;
}

static int host_register_gateway(const struct steward_host *self,
                                 const struct steward_gateway_ops *ops, void *ctx)
{
    struct kit *k = kit_of(self);
    if (registration_fails(k))
        return -1;
    if (k->gateway || !STEWARD_HAS(ops, concurrency) || !ops->prepare)
        kit_fault(k, "register_gateway twice, or without prepare");
    k->gateway = ops;
    k->gateway_ctx = ctx;
    return 0;
}

static void host_cti_emit(const struct steward_host *self, const struct steward_cti_event *ev)
{
    if (ev->kind <= STEWARD_EV_NONE || ev->kind >= STEWARD_EV_COUNT)
        kit_fault(kit_of(self), "cti_emit: kind %d", (int)ev->kind);
}

static void host_cti_state(const struct steward_host *self, enum steward_source_state state,
                           uint32_t can, const char *error)
{
    if (state > STEWARD_SOURCE_UP)
        kit_fault(kit_of(self), "cti_state: %d", (int)state);
}

static void host_nothing(const struct steward_host *self)
{
}

static void host_cti_alive(const struct steward_host *self, const char *call)
{
    if (!call || !*call)
        kit_fault(kit_of(self), "cti_alive without a call");
}

static void host_action_done(const struct steward_host *self, uint64_t token, bool ok,
                             const char *code, const char *text)
{
    if (!ok && !code)
        kit_fault(kit_of(self), "action_done: a failure without a code");
}

static void keep(char *out, size_t cap, const char *text)
{
    text_copy(out, cap, text ? text : "");
}

static void host_receipt(const struct steward_host *self, const struct steward_receipt *r)
{
    struct kit *k = kit_of(self);
    k->receipts++;
    keep(k->receipt.key, sizeof(k->receipt.key), r->key);
    keep(k->receipt.state, sizeof(k->receipt.state), r->state);
    keep(k->receipt.error, sizeof(k->receipt.error), r->error);
    keep(k->receipt.provider_id, sizeof(k->receipt.provider_id), r->provider_id);
    k->receipt.at = r->at;
}

static void host_inbound(const struct steward_host *self, const char *id, const char *from,
                         const char *to, const char *text, int64_t at, const char *reply_to_key)
{
    struct kit *k = kit_of(self);
    k->inbounds++;
    keep(k->inbound.id, sizeof(k->inbound.id), id);
    keep(k->inbound.from, sizeof(k->inbound.from), from);
    keep(k->inbound.to, sizeof(k->inbound.to), to);
    keep(k->inbound.text, sizeof(k->inbound.text), text);
    keep(k->inbound.reply_to_key, sizeof(k->inbound.reply_to_key), reply_to_key);
    k->inbound.at = at;
}

static const char *host_receipt_url(const struct steward_host *self)
{
    return "https://desk.example.com/hooks/one/receipt";
}

static void host_hmac(const void *key, size_t keylen, const void *data, size_t len, uint8_t out[32])
{
    hmac_sha256(key, keylen, data, len, out);
}

static void host_md5(const void *data, size_t len, char out[33])
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(data, len, digest, NULL, EVP_md5(), NULL);
    hex_encode(digest, 16, out);
}

static int host_base64_encode(const void *data, size_t len, char *out, size_t cap)
{
    char *text = base64_encode(data, len);
    int n = text_copy(out, cap, text) ? (int)strlen(text) : -1;
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
    struct kit *k = kit_of(self);
    if (k->stopped)
        kit_fault(k, "stopped said twice");
    k->stopped = true;
}

static void fill_table(struct steward_host *h)
{
    *h = (struct steward_host){.struct_size = sizeof(*h),
                               .abi_major = STEWARD_ABI_MAJOR,
                               .abi_minor = STEWARD_ABI_MINOR,
                               .log = host_log,
                               .now_ms = host_now,
                               .instance = host_instance,
                               .conf_text = plugin_conf_text,
                               .conf_int = plugin_conf_int,
                               .conf_item = plugin_conf_item,
                               .timer_new = host_timer_new,
                               .timer_arm = host_timer_arm,
                               .timer_disarm = host_timer_disarm,
                               .stream_open = host_stream_open,
                               .stream_write = host_stream_write,
                               .release = host_release,
                               .post = host_post,
                               .count = host_count,
                               .register_cti = host_register_cti,
                               .register_gateway = host_register_gateway,
                               .cti_emit = host_cti_emit,
                               .cti_state = host_cti_state,
                               .cti_resync_begin = host_nothing,
                               .cti_resync_end = host_nothing,
                               .cti_alive = host_cti_alive,
                               .action_done = host_action_done,
                               .receipt = host_receipt,
                               .inbound = host_inbound,
                               .receipt_url = host_receipt_url,
                               .hmac_sha256 = host_hmac,
                               .md5_hex = host_md5,
                               .base64_encode = host_base64_encode,
                               .base64_decode = host_base64_decode,
                               .stopped = host_stopped};
}

/* ---- one instance ---- */

const struct steward_plugin *kit_open(const char *path, char *why, size_t why_len)
{
    void *so = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct steward_plugin *p = so ? dlsym(so, "steward_plugin") : NULL;
    if (!so)
        snprintf(why, why_len, "%s", dlerror());
    else if (!p)
        snprintf(why, why_len, "%s exports no steward_plugin", path);
    else if (p->magic != STEWARD_PLUGIN_MAGIC || p->abi_major != STEWARD_ABI_MAJOR)
        snprintf(why, why_len, "%s is no plugin for ABI %d", path, STEWARD_ABI_MAJOR);
    else
        return p;
    return NULL;
}

bool kit_begin(struct kit *k, const struct steward_plugin *plugin, const char *yaml, int64_t now)
{
    struct conf_faults faults = {0};
    char file[] = "instance.yaml", name[] = "one";
    memset(k, 0, sizeof(*k));
    fill_table(&k->host);
    k->plugin = plugin;
    k->now = now;
    memcpy(k->instance, name, sizeof(name));
    struct conf_node *node = conf_node_read(file, yaml, strlen(yaml), &faults);
    struct site_instance in = {
        .plugin = (char *)(uintptr_t)plugin->name, .name = name, .file = file, .node = node};
    k->conf = node && !faults.errors ? plugin_conf_load(&in, plugin->conf_keys, &faults) : NULL;
    if (!k->conf)
        keep(k->fault, sizeof(k->fault), faults.n ? faults.items[0].text : "no configuration");
    conf_node_free(&node);
    conf_faults_free(&faults);
    return k->conf != NULL;
}

void kit_end(struct kit *k)
{
    if (k->live_handles)
        kit_fault(k, "%d handles were not released", k->live_handles);
    while (k->handles) {
        struct steward_handle *h = k->handles;
        k->handles = h->next;
        free(h);
    }
    plugin_conf_free(&k->conf);
}

static int run_check(struct kit *k)
{
    char why[256];
    memset(why, 'x', sizeof(why));
    int rc = k->plugin->check ? k->plugin->check(&k->host, k->conf, why, sizeof(why)) : 0;
    if (rc < 0 && !memchr(why, 0, sizeof(why)))
        kit_fault(k, "check: why is not NUL-terminated");
    else if (rc < 0 && k->verbose)
        fprintf(stderr, "  check: %s\n", why);
    if (k->live_handles || k->registrations)
        kit_fault(k, "check has side effects");
    return rc;
}

bool kit_start(struct kit *k)
{
    if (run_check(k) < 0)
        return false;
    int rc = k->plugin->init(&k->host, k->conf, &k->ctx);
    if (rc == 0 && k->plugin->start)
        rc = k->plugin->start(k->ctx);
    return rc == 0;
}

static struct steward_handle *nearest(struct kit *k, int64_t until)
{
    struct steward_handle *found = NULL;
    for (struct steward_handle *h = k->handles; h; h = h->next)
        if (h->is_timer && !h->released && h->due && h->due <= until &&
            (!found || h->due < found->due))
            found = h;
    return found;
}

void kit_advance(struct kit *k, int64_t ms)
{
    int64_t until = k->now + ms;
    struct steward_handle *h;
    for (int fired = 0; (h = nearest(k, until)); fired++) {
        if (fired > 100000) {
            kit_fault(k, "timers without end");
            break;
        }
        k->now = h->due;
        h->due = 0;
        h->fn(h->ctx);
    }
    k->now = until;
}

void kit_stop(struct kit *k)
{
    k->stopped = false;
    if (k->plugin->stop) {
        k->plugin->stop(k->ctx);
        kit_advance(k, STOP_MS);
        if (!k->stopped)
            kit_fault(k, "stop: not stopped after %d ms", STOP_MS);
    }
    if (k->plugin->fini)
        k->plugin->fini(k->ctx);
    k->ctx = NULL;
    if (k->live_handles)
        kit_fault(k, "%d handles left after stop and fini", k->live_handles);
}

/* ---- the examination ---- */

static void examine_descriptor(struct kit *k, const struct steward_plugin *p)
{
    if (p->struct_size != sizeof(*p))
        kit_fault(k, "struct_size is %u, not %zu", p->struct_size, sizeof(*p));
    if (!p->name || !p->version || !p->description || !p->init)
        kit_fault(k, "name, version, description and init must be given");
    for (const struct steward_conf_key *key = p->conf_keys; key && key->name; key++) {
        if (!key->help || !*key->help)
            kit_fault(k, "key '%s' has no help", key->name);
        if (key->required && key->fallback)
            kit_fault(k, "key '%s' is required and has a default", key->name);
        if (key->min > key->max)
            kit_fault(k, "key '%s' has no value that it allows", key->name);
    }
}

/* init that fails at its n-th registration must leave nothing; returns false once there is no n-th.
 */
static bool examine_failing_init(const struct steward_plugin *p, const char *yaml, int n,
                                 int *faults)
{
    struct kit k;
    bool more;
    kit_begin(&k, p, yaml, 1);
    k.fail_registration = n;
    int rc = p->init(&k.host, k.conf, &k.ctx);
    more = k.registrations >= n;
    if (more && rc >= 0)
        kit_fault(&k, "init succeeds though registration %d failed", n);
    if (!more && rc == 0 && p->fini)
        p->fini(k.ctx);
    kit_end(&k);
    *faults += k.faults;
    return more;
}

static int examine_life(const struct steward_plugin *p, const char *yaml, bool verbose,
                        int64_t run_ms)
{
    struct kit k;
    if (!kit_begin(&k, p, yaml, 1000)) {
        kit_fault(&k, "its table refuses the configuration: %s", k.fault);
        return 1;
    }
    k.verbose = verbose;
    examine_descriptor(&k, p);
    if (!kit_start(&k)) {
        kit_fault(&k, "it does not start");
    } else {
        kit_advance(&k, run_ms);
        kit_stop(&k);
    }
    kit_end(&k);
    return k.faults;
}

static int examine_reload(const struct steward_plugin *p, const char *yaml)
{
    struct kit k, other;
    char why[256] = "";
    if (!p->reload)
        return 0;
    kit_begin(&k, p, yaml, 1000);
    kit_begin(&other, p, yaml, 1000);
    if (kit_start(&k)) {
        /* Taken: the old values go at once. */
        if (p->reload(k.ctx, other.conf, why, sizeof(why)) == 0) {
            struct steward_conf *old = k.conf;
            k.conf = other.conf;
            other.conf = old;
        }
        plugin_conf_free(&other.conf);
        kit_advance(&k, 1000);
        kit_stop(&k);
    }
    kit_end(&k);
    kit_end(&other);
    return k.faults;
}

/* init and fini without a start between; two instances at once. */
static int examine_orders(const struct steward_plugin *p, const char *yaml)
{
    struct kit a, b;
    kit_begin(&a, p, yaml, 1000);
    kit_begin(&b, p, yaml, 1000);
    bool ok = p->init(&a.host, a.conf, &a.ctx) == 0;
    if (ok && p->init(&b.host, b.conf, &b.ctx) == 0) {
        if (a.ctx == b.ctx && a.ctx)
            kit_fault(&a, "two instances share their context");
        if (p->fini)
            p->fini(b.ctx);
    }
    if (ok && p->fini)
        p->fini(a.ctx);
    kit_end(&a);
    kit_end(&b);
    return a.faults + b.faults;
}

int kit_examine(const struct steward_plugin *plugin, const char *yaml, bool verbose)
{
    int faults = examine_life(plugin, yaml, verbose, 0);
    if (faults)
        return faults;
    faults += examine_life(plugin, yaml, false, 3600 * 1000);
    for (int n = 1; n < 100 && examine_failing_init(plugin, yaml, n, &faults); n++)
        continue;
    faults += examine_orders(plugin, yaml);
    return faults + examine_reload(plugin, yaml);
}
