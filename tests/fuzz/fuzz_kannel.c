/*
 * fuzz_kannel.c - any bytes as the query of Kannel's reports and incoming messages, and as the text
 * of a message to be sent.
 */
#include <steward/plugin.h>

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern const struct steward_plugin steward_plugin;

static const struct steward_gateway_ops *gateway;
static void *gateway_ctx;

static const char *conf_text(const struct steward_conf *conf, const char *key)
{
    return strcmp(key, "method") == 0 ? "get" : strcmp(key, "url") == 0 ? "http://a/b" : "s";
}

static int64_t conf_int(const struct steward_conf *conf, const char *key)
{
    return 1;
}

static int register_gateway(const struct steward_host *self, const struct steward_gateway_ops *ops,
                            void *ctx)
{
    gateway = ops;
    gateway_ctx = ctx;
    return 0;
}

/* What the daemon is told must name something and hold no NUL. */
static void receipt(const struct steward_host *self, const struct steward_receipt *r)
{
    if (!r->key || !*r->key || strlen(r->key) > 128 || !r->state)
        abort();
}

static void inbound(const struct steward_host *self, const char *id, const char *from,
                    const char *to, const char *text, int64_t at, const char *reply_to_key)
{
    if (!*id || !*from || strlen(text) > 8000 || at < 0)
        abort();
}

static const char *receipt_url(const struct steward_host *self)
{
    return "http://desk/hooks/sms/receipt";
}

static void count(const struct steward_host *self, const char *name, uint64_t add)
{
}

static void start(void)
{
    static struct steward_host host = {.struct_size = sizeof(host),
                                       .conf_text = conf_text,
                                       .conf_int = conf_int,
                                       .register_gateway = register_gateway,
                                       .receipt = receipt,
                                       .inbound = inbound,
                                       .receipt_url = receipt_url,
                                       .count = count};
    static void *ctx;
    if (!gateway && steward_plugin.init(&host, NULL, &ctx) != 0)
        abort();
}

static void try_prepare(const char *text)
{
    struct steward_message m = {.struct_size = sizeof(m),
                                .key = "k",
                                .channel = "sms",
                                .to = "+8613800138000",
                                .text = text};
    struct steward_request r = {.struct_size = sizeof(r)};
    char why[64];
    if (gateway->prepare(gateway_ctx, &m, 1, &r, why, sizeof(why)) == 0 &&
        strpbrk(r.url, " \r\n\t\"<>"))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct steward_hook hook = {
        .struct_size = sizeof(hook), .what = "receipt", .body = "", .authenticated = true};
    start();
    char *text = malloc(size + 1);
    memcpy(text, data, size);
    text[size] = 0;
    hook.query = text;
    gateway->hook(gateway_ctx, &hook);
    hook.what = "inbound";
    gateway->hook(gateway_ctx, &hook);
    try_prepare(text);
    free(text);
    return 0;
}
