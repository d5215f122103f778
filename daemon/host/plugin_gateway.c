/*
 * plugin_gateway.c - a plugin's gateway as the outbox sees it: each call is guarded, and whatever
 * the plugin hands over is checked like input from a network.
 */
#include "host/plugins_priv.h"

#include <stdio.h>
#include <string.h>

#include "base/charset.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/messages/outbox.h"

#define URL_MAX       32768
#define HEADERS_MAX   64
#define HEADER_MAX    8192
#define BODY_MAX      (1024 * 1024)
#define RETRY_MAX_MS  (INT64_C(86400) * 1000)
#define INBOUND_BYTES 8000

/* NULL, or what is wrong with a request. */
static const char *bad_request(const struct steward_request *r)
{
    static const char *const methods[] = {"GET", "POST", "PUT"};
    bool known = !r->method;
    for (size_t i = 0; i < ARRAY_LEN(methods) && !known; i++)
        known = strcmp(r->method, methods[i]) == 0;
    if (!known)
        return "method";
    if (!r->url || strnlen(r->url, URL_MAX + 1) > URL_MAX)
        return "URL";
    if ((r->body_len && !r->body) || r->body_len > BODY_MAX)
        return "body";
    for (size_t i = 0; r->headers && r->headers[i]; i++)
        if (i == HEADERS_MAX || strnlen(r->headers[i], HEADER_MAX + 1) > HEADER_MAX ||
            strpbrk(r->headers[i], "\r\n"))
            return "headers";
    return NULL;
}

/* What the plugin describes is checked like input: the sender trusts it. */
static int on_prepare(void *ctx, const struct steward_message *msg, int64_t now_ms,
                      struct steward_request *out, char *why, size_t why_len)
{
    struct instance *in = ctx;
    struct guard g;
    if (!guard_enter(&g, in, "prepare")) {
        snprintf(why, why_len, "the gateway is not running");
        return E_BUSY;
    }
    int rc = in->gateway->prepare(in->gateway_ctx, msg, now_ms, out, why, why_len);
    guard_leave(&g);
    why[why_len - 1] = 0;
    if (!utf8_valid(why, strlen(why)))
        *why = 0;
    const char *bad = rc < 0 ? NULL : bad_request(out);
    if (bad) {
        guard_fault(in, "prepare described a request with a bad %s", bad);
        snprintf(why, why_len, "the gateway described a request with a bad %s", bad);
        return E_INVALID;
    }
    if (rc >= 0)
        guard_well(in);
    return rc < 0 ? E_INVALID : 0;
}

static void clean_text(char *s, size_t cap)
{
    s[cap - 1] = 0;
    for (char *p = s; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = ' ';
    if (!utf8_valid(s, strlen(s)))
        *s = 0;
}

/* A verdict that makes no sense is replaced by what the status alone says. */
static void on_judge(void *ctx, const struct steward_message *msg,
                     const struct steward_response *res, struct steward_verdict *out)
{
    struct instance *in = ctx;
    struct steward_verdict first = *out;
    struct guard g;
    if (!in->gateway->judge || !guard_enter(&g, in, "judge"))
        return;
    in->gateway->judge(in->gateway_ctx, msg, res, out);
    guard_leave(&g);
    clean_text(out->provider_id, sizeof(out->provider_id));
    clean_text(out->error, sizeof(out->error));
    if (out->outcome > STEWARD_FAILED) {
        guard_fault(in, "judge gave outcome %d", (int)out->outcome);
        *out = first;
    }
    if (out->retry_after_ms < 0 || out->retry_after_ms > RETRY_MAX_MS)
        out->retry_after_ms = out->retry_after_ms < 0 ? 0 : RETRY_MAX_MS;
}

static int on_hook(void *ctx, const struct steward_hook *hook)
{
    struct instance *in = ctx;
    struct guard g;
    if (!guard_enter(&g, in, "hook"))
        return 503;
    int status = in->gateway->hook(in->gateway_ctx, hook);
    guard_leave(&g);
    return status;
}

static bool on_verify(void *ctx, const struct steward_hook *hook)
{
    struct instance *in = ctx;
    struct guard g;
    if (!guard_enter(&g, in, "verify"))
        return false;
    bool ok = in->gateway->verify(in->gateway_ctx, hook);
    guard_leave(&g);
    return ok;
}

int gateway_register(struct instance *in, const struct steward_gateway_ops *ops, void *ctx)
{
    if (in->gateway || !ops || !STEWARD_HAS(ops, concurrency) || !ops->prepare) {
        guard_fault(in, "register_gateway: twice, or without prepare");
        return E_INVALID;
    }
    in->gateway = ops;
    in->gateway_ctx = ctx;
    struct outbox_gateway gw = {.name = in->name,
                                .concurrency = ops->concurrency,
                                .rate_milli = STEWARD_HAS(ops, rate_milli) ? ops->rate_milli : 0,
                                .events = STEWARD_HAS(ops, events) ? ops->events : NULL,
                                .prepare = on_prepare,
                                .judge = on_judge,
                                .hook = ops->hook ? on_hook : NULL,
                                .verify =
                                    STEWARD_HAS(ops, verify) && ops->verify ? on_verify : NULL,
                                .ctx = in};
    int rc = in->plugins->opts.outbox ? outbox_register(in->plugins->opts.outbox, &gw) : 0;
    if (rc < 0)
        in->gateway = NULL;
    return rc;
}

void gateway_unregister(struct instance *in)
{
    if (in->gateway && in->plugins->opts.outbox)
        outbox_unregister(in->plugins->opts.outbox, in->name);
    in->gateway = NULL;
}

void gateway_receipt(struct instance *in, const struct steward_receipt *r)
{
    struct steward_receipt c = {0};
    bool bad = false;
    memcpy(&c, r, r->struct_size < sizeof(c) ? r->struct_size : sizeof(c));
    c.key = guard_text(in, c.key, 128, "receipt: key", &bad);
    c.state = guard_text(in, c.state, 16, "receipt: state", &bad);
    c.error = guard_text(in, c.error, 1000, "receipt: error", &bad);
    c.provider_id = guard_text(in, c.provider_id, 128, "receipt: provider_id", &bad);
    if (!bad && (!c.state || (strcmp(c.state, "sent") && strcmp(c.state, "delivered") &&
                              strcmp(c.state, "failed")))) {
        guard_fault(in, "receipt: state '%s'", c.state ? c.state : "");
        bad = true;
    }
    if (!bad && !(c.key && *c.key) && !(c.provider_id && *c.provider_id)) {
        guard_fault(in, "receipt: neither key nor provider_id");
        bad = true;
    }
    if (!bad && in->plugins->opts.outbox)
        outbox_report_receipt(in->plugins->opts.outbox, in->name, &c);
}

/* Texts and mails of the mainland come in GBK where a gateway does not convert them. Into out,
 * which the caller frees; text itself where it is UTF-8, or nothing that we know. */
static const char *as_utf8(const char *text, struct buf *out)
{
    size_t n = text ? strnlen(text, INBOUND_BYTES + 1) : 0;
    if (!text || utf8_valid(text, n) || n > INBOUND_BYTES)
        return text;
    struct charset_conv *c = charset_conv_new(CHARSET_GB18030);
    bool ok = c && charset_conv_feed(c, text, n, out) == E_OK && charset_conv_end(c) == E_OK;
    charset_conv_free(&c);
    return ok && !out->overflow ? buf_str(out) : text;
}

void gateway_inbound(struct instance *in, const char *id, const char *from, const char *to,
                     const char *text, int64_t at, const char *reply_to_key)
{
    bool bad = false;
    struct buf utf8 = BUF_INIT(INBOUND_BYTES * 2);
    text = as_utf8(text, &utf8);
    struct outbox_inbound m = {.gateway = in->name,
                               .id = guard_text(in, id, 128, "inbound: id", &bad),
                               .from = guard_text(in, from, 254, "inbound: from", &bad),
                               .to = guard_text(in, to, 254, "inbound: to", &bad),
                               .text = guard_text(in, text, INBOUND_BYTES, "inbound: text", &bad),
                               .reply_to_key =
                                   guard_text(in, reply_to_key, 128, "inbound: reply_to_key", &bad),
                               .at = at};
    if (!bad && (!m.id || !*m.id || !m.from || !*m.from || !m.text)) {
        guard_fault(in, "inbound: id, from and text are needed");
        bad = true;
    }
    if (!bad && in->plugins->opts.outbox)
        outbox_report_inbound(in->plugins->opts.outbox, &m);
    buf_free(&utf8);
}
