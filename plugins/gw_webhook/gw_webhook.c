/*
 * gw_webhook.c - messages and events as signed POSTs (Standard Webhooks 1.0.0): one JSON body, the
 * headers webhook-id, webhook-timestamp and webhook-signature. The id is the message's key, the
 * same on every attempt; the time is that of the attempt.
 */
#include <steward/plugin.h>
#include "form.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_MAX      256
#define SECRETS      2 /* the present one and the former, while receivers change over */
#define TOLERANCE_MS 300000
#define BODY_MAX     (512 * 1024)
/* A receiver that is set up wrongly for a moment (401, 403, 404) loses nothing. */
#define MISTAKES_MAX 5

struct secret {
    uint8_t key[KEY_MAX];
    size_t len;
};

struct webhook {
    const struct steward_host *host;
    const struct steward_conf *conf;
    struct secret secrets[SECRETS];
    const char *events[65];
    struct steward_gateway_ops ops;
    char *body; /* of the last request; freed at the next */
    char id[200], stamp[64], signature[256], authorization[1024];
    const char *headers[8];
};

static const struct steward_conf_key conf_keys[] = {
    {"url", STEWARD_CONF_URL, NULL, 0, 0, true, "Where messages are posted to."},
    {"secret", STEWARD_CONF_SECRET, NULL, 0, 0, false,
     "Signing key: `whsec_` and the base64 of its bytes; without it nothing is signed."},
    {"former_secret", STEWARD_CONF_SECRET, NULL, 0, 0, false,
     "The key before, of the same form, signed with as well while receivers change over."},
    {"authorization", STEWARD_CONF_SECRET, NULL, 0, 0, false, "Value of an Authorization header."},
    {"events", STEWARD_CONF_TEXTS, NULL, 0, 0, false,
     "Events to be posted: `ticket.opened`, `ticket.*`, `call.cleared` …; none by default."},
    {"from", STEWARD_CONF_TEXT, NULL, 0, 0, false, "The `from` of messages that name none."},
    {"allow_private", STEWARD_CONF_BOOL, "false", 0, 0, false,
     "Permit http:// and addresses of private networks."},
    {"timeout", STEWARD_CONF_DURATION, "15s", 100, 120000, false, "How long one request may take."},
    {"concurrency", STEWARD_CONF_INT, "4", 1, 32, false, "Most requests at once."},
    {"rate", STEWARD_CONF_RATE, NULL, 0, 0, false, "Most messages a second, as `50/s`."},
    {0}};

/* ---- keys ---- */

/* "whsec_" + base64 of the key, as Standard Webhooks writes one. 0, or -1 with why. */
static int read_secret(const struct steward_host *host, const struct steward_conf *conf,
                       const char *name, struct secret *out, char *why, size_t why_len)
{
    const char *text = host->conf_text(conf, name);
    out->len = 0;
    if (!text)
        return 0;
    int n = strncmp(text, "whsec_", 6) == 0
                ? host->base64_decode(text + 6, out->key, sizeof(out->key))
                : -1;
    if (n <= 0) {
        snprintf(why, why_len, "%s: must be whsec_ and the base64 of a key of 1 to %d bytes", name,
                 KEY_MAX);
        return -1;
    }
    out->len = (size_t)n;
    return 0;
}

static int read_secrets(const struct steward_host *host, const struct steward_conf *conf,
                        struct secret secrets[SECRETS], char *why, size_t why_len)
{
    int rc = read_secret(host, conf, "secret", &secrets[0], why, why_len);
    return rc < 0 ? rc : read_secret(host, conf, "former_secret", &secrets[1], why, why_len);
}

/* "v1,<base64>" of "<id>.<timestamp>.<body>" into out. */
static int sign(struct webhook *w, const struct secret *s, const char *id, const char *stamp,
                const char *body, size_t len, char *out, size_t cap)
{
    size_t head = strlen(id) + strlen(stamp) + 2;
    char *content = malloc(head + len + 1);
    if (!content || cap < 4) {
        free(content);
        return -1;
    }
    snprintf(content, head + 1, "%s.%s.", id, stamp);
    memcpy(content + head, body, len);
    memcpy(out, "v1,", 4);
    int n = form_hmac_base64(w->host, s->key, s->len, content, head + len, out + 3, cap - 3);
    free(content);
    return n;
}

/* ---- what is sent ---- */

static void rfc3339(int64_t ms, char out[64])
{
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&s, &tm);
    snprintf(out, 64, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms % 1000));
}

static void set_text(json_t *o, const char *key, const char *value)
{
    json_object_set_new(o, key, value ? json_string(value) : json_null());
}

/* The `data` of a message.send, field by field as docs/messages.md says. */
static json_t *message_data(struct webhook *w, const struct steward_message *m)
{
    json_t *o = json_object(), *params = json_loads(m->params_json, 0, NULL);
    json_object_set_new(o, "id", json_integer(m->id));
    set_text(o, "key", m->key);
    set_text(o, "channel", m->channel);
    set_text(o, "class", m->message_class);
    set_text(o, "to", m->to);
    set_text(o, "from", m->from ? m->from : w->host->conf_text(w->conf, "from"));
    set_text(o, "text", m->text);
    set_text(o, "subject", m->subject);
    set_text(o, "ticket", m->ticket);
    set_text(o, "template", m->template_name);
    set_text(o, "provider_template", m->provider_template);
    json_object_set_new(o, "params", params ? params : json_object());
    set_text(o, "language", m->language);
    return o;
}

static char *make_body(struct webhook *w, const struct steward_message *m)
{
    char at[64];
    json_t *o = json_object();
    json_t *data = m->event_type
                       ? json_loads(m->event_json ? m->event_json : "null", JSON_DECODE_ANY, NULL)
                       : message_data(w, m);
    rfc3339(m->at, at);
    set_text(o, "type", m->event_type ? m->event_type : "message.send");
    set_text(o, "timestamp", at);
    json_object_set_new(o, "data", data ? data : json_null());
    char *body = json_dumps(o, JSON_COMPACT);
    json_decref(o);
    return body;
}

/* One signature for each key, as receivers change over from one to the next. */
static int sign_all(struct webhook *w, const char *key, const char *stamp, size_t len)
{
    size_t used = (size_t)snprintf(w->signature, sizeof(w->signature), "webhook-signature: ");
    for (int i = 0; i < SECRETS; i++) {
        if (w->secrets[i].len == 0)
            continue;
        if (i > 0 && w->secrets[0].len > 0)
            w->signature[used++] = ' ';
        int n = sign(w, &w->secrets[i], key, stamp, w->body, len, w->signature + used,
                     sizeof(w->signature) - used);
        if (n < 0)
            return -1;
        used += 3 + (size_t)n;
    }
    return 0;
}

/* A new stamp and signature for each attempt; the id stays, so that receivers can tell repeats. */
static int prepare(void *ctx, const struct steward_message *m, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len)
{
    struct webhook *w = ctx;
    char stamp[32];
    size_t n = 0;
    free(w->body);
    w->body = make_body(w, m);
    size_t len = w->body ? strlen(w->body) : 0;
    if (len == 0 || len > BODY_MAX) {
        snprintf(why, why_len, "the message makes a body of %zu bytes", len);
        return -1;
    }
    snprintf(stamp, sizeof(stamp), "%lld", (long long)(now_ms / 1000));
    snprintf(w->id, sizeof(w->id), "webhook-id: %s", m->key);
    snprintf(w->stamp, sizeof(w->stamp), "webhook-timestamp: %s", stamp);
    w->headers[n++] = "content-type: application/json";
    w->headers[n++] = "user-agent: steward";
    w->headers[n++] = w->id;
    w->headers[n++] = w->stamp;
    if (w->secrets[0].len || w->secrets[1].len) {
        if (sign_all(w, m->key, stamp, len) < 0) {
            snprintf(why, why_len, "the body cannot be signed");
            return -1;
        }
        w->headers[n++] = w->signature;
    }
    if (*w->authorization)
        w->headers[n++] = w->authorization;
    w->headers[n] = NULL;
    out->method = "POST";
    out->url = w->host->conf_text(w->conf, "url");
    out->headers = w->headers;
    out->body = w->body;
    out->body_len = len;
    out->timeout_ms = w->host->conf_int(w->conf, "timeout");
    out->allow_private = w->host->conf_int(w->conf, "allow_private") != 0;
    return 0;
}

/* ---- what comes back ---- */

static void read_provider_id(const struct steward_response *res, struct steward_verdict *out)
{
    json_t *o = json_loadb(res->body, res->body_len, 0, NULL);
    const char *id = json_string_value(json_object_get(o, "provider_id"));
    if (id)
        snprintf(out->provider_id, sizeof(out->provider_id), "%s", id);
    json_decref(o);
}

/* The host has judged by the status already (2xx sent; 408, 425, 429, 5xx and no answer: later). */
static void judge(void *ctx, const struct steward_message *m, const struct steward_response *res,
                  struct steward_verdict *out)
{
    struct webhook *w = ctx;
    bool mistake = res->status == 401 || res->status == 403 || res->status == 404;
    if (out->outcome == STEWARD_SENT)
        read_provider_id(res, out);
    else if (mistake && m->attempt < MISTAKES_MAX)
        out->outcome = STEWARD_RETRY;
    w->host->count(w->host, out->outcome == STEWARD_SENT ? "sent" : "not_sent", 1);
}

static const char *header(const struct steward_hook *hook, const char *name)
{
    size_t n = strlen(name);
    for (size_t i = 0; hook->headers && hook->headers[i]; i++)
        if (strncmp(hook->headers[i], name, n) == 0 && strncmp(hook->headers[i] + n, ": ", 2) == 0)
            return hook->headers[i] + n + 2;
    return NULL;
}

static bool listed(const char *list, const char *want)
{
    bool found = false;
    while (*list) {
        size_t n = strcspn(list, " ");
        found |= form_same_secret(list, n, want);
        list += n + strspn(list + n, " ");
    }
    return found;
}

/* A receipt or an inbound text that is signed with our own key. */
static bool verify(void *ctx, const struct steward_hook *hook)
{
    struct webhook *w = ctx;
    const char *id = header(hook, "webhook-id"), *stamp = header(hook, "webhook-timestamp");
    const char *list = header(hook, "webhook-signature");
    char want[128], *end;
    bool ok = false;
    if (!id || !stamp || !list || strlen(id) > 200)
        return false;
    long long s = strtoll(stamp, &end, 10);
    int64_t now = w->host->now_ms(w->host) / 1000;
    if (*end || end == stamp || s < now - TOLERANCE_MS / 1000 || s > now + TOLERANCE_MS / 1000)
        return false;
    for (int i = 0; i < SECRETS; i++)
        if (w->secrets[i].len && sign(w, &w->secrets[i], id, stamp, hook->body ? hook->body : "",
                                      hook->body_len, want, sizeof(want)) > 0)
            ok |= listed(list, want);
    return ok;
}

/* ---- life ---- */

static void apply(struct webhook *w, const struct steward_conf *conf)
{
    const char *authorization = w->host->conf_text(conf, "authorization");
    char why[128];
    w->conf = conf;
    read_secrets(w->host, conf, w->secrets, why, sizeof(why)); /* checked before */
    w->authorization[0] = 0;
    if (authorization)
        snprintf(w->authorization, sizeof(w->authorization), "authorization: %s", authorization);
}

static int check(const struct steward_host *host, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    struct secret secrets[SECRETS];
    const char *url = host->conf_text(conf, "url"),
               *authorization = host->conf_text(conf, "authorization");
    if (strncmp(url, "https://", 8) != 0 && !host->conf_int(conf, "allow_private")) {
        snprintf(why, why_len, "url: http:// needs allow_private: true");
        return -1;
    }
    if (authorization && (strlen(authorization) > 1000 || strpbrk(authorization, "\r\n"))) {
        snprintf(why, why_len, "authorization: too long, or with a line end");
        return -1;
    }
    return read_secrets(host, conf, secrets, why, why_len);
}

/* Bad keys are refused at the start, not at the first message. */
static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct webhook *w = calloc(1, sizeof(*w));
    if (!w)
        return -1;
    w->host = host;
    apply(w, conf);
    for (size_t i = 0; i + 1 < sizeof(w->events) / sizeof(w->events[0]); i++)
        w->events[i] = host->conf_item(conf, "events", i);
    w->ops = (struct steward_gateway_ops){.struct_size = sizeof(w->ops),
                                          .prepare = prepare,
                                          .judge = judge,
                                          .concurrency = (int)host->conf_int(conf, "concurrency"),
                                          .rate_milli = host->conf_int(conf, "rate"),
                                          .events = w->events,
                                          .verify = verify};
    if (host->register_gateway(host, &w->ops, w) != 0) {
        free(w);
        return -1;
    }
    *ctx = w;
    return 0;
}

static void fini(void *ctx)
{
    struct webhook *w = ctx;
    free(w->body);
    free(w);
}

/* No reload: what init registered (events, rate) may change, so the host starts it anew. */
STEWARD_PLUGIN_EXPORT = {.magic = STEWARD_PLUGIN_MAGIC,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "gw_webhook",
                         .version = "0.1.0",
                         .description = "Messages and events as signed POSTs (Standard Webhooks)",
                         .conf_keys = conf_keys,
                         .check = check,
                         .init = init,
                         .fini = fini};
