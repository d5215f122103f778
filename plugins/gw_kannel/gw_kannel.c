/*
 * gw_kannel.c - SMS through Kannel's smsbox (1.4): sendsms by GET or POST, delivery reports by
 * dlr-url, incoming messages by a get-url. Kannel gives no message id, so our own key travels in
 * the dlr-url; it cannot be guessed, and so it also proves where a report comes from.
 */
#include <steward/plugin.h>
#include "form.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define URL_CAP   30000
#define VALUE_CAP 8000
#define DLR_MASK  31 /* delivered, failed, buffered, accepted, rejected */

/* Kannel's report types (dlr-mask bits). */
enum dlr {
    DLR_DELIVERED = 1,
    DLR_FAILED = 2,
    DLR_BUFFERED = 4,
    DLR_ACCEPTED = 8,
    DLR_REJECTED = 16
};

struct kannel {
    const struct steward_host *host;
    const struct steward_conf *conf;
    struct steward_gateway_ops ops;
    bool post;
    char url[URL_CAP];
    char values[12][VALUE_CAP / 4];
    const char *headers[16];
};

static const struct steward_conf_key conf_keys[] = {
    {"url", STEWARD_CONF_URL, NULL, 0, 0, true,
     "smsbox's sendsms, `http://127.0.0.1:13013/cgi-bin/sendsms`."},
    {"username", STEWARD_CONF_TEXT, NULL, 0, 0, true, "Of a sendsms-user."},
    {"password", STEWARD_CONF_SECRET, NULL, 0, 0, true, "Of a sendsms-user."},
    {"sender", STEWARD_CONF_TEXT, NULL, 0, 0, false, "Number or name that recipients see."},
    {"smsc", STEWARD_CONF_TEXT, NULL, 0, 0, false, "Force one smsc-id."},
    {"account", STEWARD_CONF_TEXT, NULL, 0, 0, false, "Account name for Kannel's own records."},
    {"method", STEWARD_CONF_TEXT, "get", 0, 0, false,
     "`get`, or `post` (headers X-Kannel-…, the text as body)."},
    {"receipts", STEWARD_CONF_BOOL, "true", 0, 0, false, "Ask for delivery reports."},
    {"inbound_secret", STEWARD_CONF_SECRET, NULL, 0, 0, false,
     "Incoming messages must bear it as `secret=`: get-url = "
     "\".../hooks/NAME/inbound?secret=…&id=%I&from=%p&to=%P"
     "&text=%a&at=%T\" with charset UTF-8."},
    {"timeout", STEWARD_CONF_DURATION, "15s", 100, 120000, false, "How long one request may take."},
    {"concurrency", STEWARD_CONF_INT, "4", 1, 32, false, "Most requests at once."},
    {"rate", STEWARD_CONF_RATE, NULL, 0, 0, false, "Most messages a second, as `50/s`."},
    {0}};

/* ---- sending ---- */

/* Kannel fills %d type, %A answer, %F foreign id, %T time when it calls. */
static void dlr_url(struct kannel *k, const struct steward_message *m, char *out, size_t cap)
{
    snprintf(out, cap, "%s?key=%s&type=%%d&answer=%%A&id=%%F&at=%%T", k->host->receipt_url(k->host),
             m->key);
}

static bool add(struct kannel *k, const char *name, const char *value)
{
    size_t n = strlen(k->url);
    if (!value || !*value)
        return true;
    int head = snprintf(k->url + n, URL_CAP - n, "%c%s=", strchr(k->url, '?') ? '&' : '?', name);
    return head > 0 && (size_t)head < URL_CAP - n &&
           form_percent_encode(value, k->url + n + head, URL_CAP - n - (size_t)head);
}

/* Everything in the URL, as sendsms wants it. */
static int prepare_get(struct kannel *k, const struct steward_message *m, const char *from,
                       struct steward_request *out)
{
    const struct steward_host *h = k->host;
    char dlr[1024], mask[8];
    snprintf(k->url, URL_CAP, "%s", h->conf_text(k->conf, "url"));
    bool ok = add(k, "username", h->conf_text(k->conf, "username")) &&
              add(k, "password", h->conf_text(k->conf, "password")) && add(k, "from", from) &&
              add(k, "to", m->to) && add(k, "charset", "UTF-8") &&
              add(k, "coding", m->gsm7 ? "0" : "2") && add(k, "text", m->text) &&
              add(k, "smsc", h->conf_text(k->conf, "smsc")) &&
              add(k, "account", h->conf_text(k->conf, "account"));
    if (ok && h->conf_int(k->conf, "receipts")) {
        dlr_url(k, m, dlr, sizeof(dlr));
        snprintf(mask, sizeof(mask), "%d", DLR_MASK);
        ok = add(k, "dlr-mask", mask) && add(k, "dlr-url", dlr);
    }
    out->method = "GET";
    out->url = k->url;
    return ok ? 0 : -1;
}

static void put_header(struct kannel *k, size_t *n, const char *name, const char *value)
{
    if (!value || !*value || strpbrk(value, "\r\n"))
        return;
    snprintf(k->values[*n], sizeof(k->values[0]), "X-Kannel-%s: %s", name, value);
    k->headers[*n] = k->values[*n];
    (*n)++;
}

/* Everything in headers: the text alone is the body, so that its length has no limit of URLs. */
static int prepare_post(struct kannel *k, const struct steward_message *m, const char *from,
                        struct steward_request *out)
{
    const struct steward_host *h = k->host;
    char dlr[1024], mask[8];
    size_t n = 0;
    put_header(k, &n, "Username", h->conf_text(k->conf, "username"));
    put_header(k, &n, "Password", h->conf_text(k->conf, "password"));
    put_header(k, &n, "From", from);
    put_header(k, &n, "To", m->to);
    put_header(k, &n, "Coding", m->gsm7 ? "0" : "2");
    put_header(k, &n, "SMSC", h->conf_text(k->conf, "smsc"));
    put_header(k, &n, "Account", h->conf_text(k->conf, "account"));
    if (h->conf_int(k->conf, "receipts")) {
        dlr_url(k, m, dlr, sizeof(dlr));
        snprintf(mask, sizeof(mask), "%d", DLR_MASK);
        put_header(k, &n, "DLR-Mask", mask);
        put_header(k, &n, "DLR-Url", dlr);
    }
    k->headers[n++] = "Content-Type: text/plain; charset=UTF-8";
    k->headers[n] = NULL;
    out->method = "POST";
    out->url = h->conf_text(k->conf, "url");
    out->headers = k->headers;
    out->body = m->text;
    out->body_len = strlen(m->text);
    return 0;
}

/* The form of the request is the configuration's choice. */
static int prepare(void *ctx, const struct steward_message *m, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len)
{
    struct kannel *k = ctx;
    const char *from = m->from ? m->from : k->host->conf_text(k->conf, "sender");
    if (m->event_type || strcmp(m->channel, "sms") != 0) {
        snprintf(why, why_len, "Kannel carries SMS alone");
        return -1;
    }
    if ((k->post ? prepare_post : prepare_get)(k, m, from, out) < 0) {
        snprintf(why, why_len, "the text is too long for a GET (method: post)");
        return -1;
    }
    out->timeout_ms = k->host->conf_int(k->conf, "timeout");
    out->allow_private = true; /* smsbox stands beside us, on plain HTTP */
    return 0;
}

/* What smsbox says beside its status (sms.md of Kannel 1.4.5, run): 403 has two meanings. */
static const struct {
    int status;
    const char *says;
    enum steward_outcome outcome;
} answers[] = {
    {202, "", STEWARD_SENT},
    {200, "", STEWARD_SENT},
    {400, "", STEWARD_FAILED},
    {403, "Authorization", STEWARD_RETRY}, /* our configuration: mended, it goes */
    {403, "", STEWARD_FAILED},             /* "Not routable. Do not try again." */
    {503, "", STEWARD_RETRY},
};

static void judge(void *ctx, const struct steward_message *m, const struct steward_response *res,
                  struct steward_verdict *out)
{
    struct kannel *k = ctx;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (res->status != answers[i].status || !strstr(res->body, answers[i].says))
            continue;
        out->outcome = answers[i].outcome;
        break;
    }
    if (out->outcome != STEWARD_SENT && res->status)
        snprintf(out->error, sizeof(out->error), "Kannel: %d %.200s", res->status, res->body);
    if (res->status == 403 && out->outcome == STEWARD_RETRY)
        k->host->log(k->host, STEWARD_LOG_WARN, "Kannel refuses username, password or our address");
    k->host->count(k->host, out->outcome == STEWARD_SENT ? "sent" : "not_sent", 1);
}

/* ---- hooks ---- */

static int64_t epoch_ms(const char *query)
{
    char text[24], *end;
    if (!form_query_get(query, "at", text, sizeof(text)))
        return 0;
    long long s = strtoll(text, &end, 10);
    return *end || s <= 0 || s > 253402300799LL ? 0 : s * 1000;
}

/* A delivery report, at the URL that we gave with the message: its key is the proof. */
static int on_dlr(struct kannel *k, const char *query)
{
    char key[129], type[8], answer[512] = "", id[129] = "";
    struct steward_receipt r = {.struct_size = sizeof(r), .key = key};
    if (!form_query_get(query, "key", key, sizeof(key)) || !*key ||
        !form_query_get(query, "type", type, sizeof(type)))
        return 400;
    form_query_get(query, "answer", answer, sizeof(answer));
    form_query_get(query, "id", id, sizeof(id));
    switch (strtol(type, NULL, 10)) {
    case DLR_DELIVERED:
        r.state = "delivered";
        break;
    case DLR_FAILED:
    case DLR_REJECTED:
        r.state = "failed";
        r.error = *answer ? answer : "reported as failed";
        break;
    case DLR_ACCEPTED:
        r.state = "sent";
        break;
    case DLR_BUFFERED:
        return 200;
    default:
        return 400;
    }
    r.at = epoch_ms(query);
    r.provider_id = *id ? id : NULL;
    k->host->receipt(k->host, &r);
    return 200;
}

static int on_incoming(struct kannel *k, const struct steward_hook *hook)
{
    const char *want = k->host->conf_text(k->conf, "inbound_secret");
    char secret[256] = "", id[129], from[64], to[64] = "", text[VALUE_CAP];
    form_query_get(hook->query, "secret", secret, sizeof(secret));
    if (!hook->authenticated && (!want || !form_same_secret(secret, strlen(secret), want)))
        return 401;
    if (!form_query_get(hook->query, "id", id, sizeof(id)) ||
        !form_query_get(hook->query, "from", from, sizeof(from)) ||
        !form_query_get(hook->query, "text", text, sizeof(text)) || !*id || !*from)
        return 400;
    form_query_get(hook->query, "to", to, sizeof(to));
    k->host->inbound(k->host, id, from, *to ? to : NULL, text, epoch_ms(hook->query), NULL);
    return 200;
}

static int hook(void *ctx, const struct steward_hook *h)
{
    return strcmp(h->what, "receipt") == 0 ? on_dlr(ctx, h->query) : on_incoming(ctx, h);
}

/* ---- life ---- */

static int check(const struct steward_host *host, const struct steward_conf *conf, char *why,
                 size_t why_len)
{
    const char *method = host->conf_text(conf, "method"), *url = host->conf_text(conf, "url");
    if (strcmp(method, "get") != 0 && strcmp(method, "post") != 0) {
        snprintf(why, why_len, "method: '%.20s' is not one of get, post", method);
        return -1;
    }
    if (strlen(url) > 2000) {
        snprintf(why, why_len, "url: over 2000 bytes");
        return -1;
    }
    return 0;
}

/* Limits are copied for the host; texts are read from the configuration at each message. */
static int init(const struct steward_host *host, const struct steward_conf *conf, void **ctx)
{
    struct kannel *k = calloc(1, sizeof(*k));
    if (!k)
        return -1;
    k->host = host;
    k->conf = conf;
    k->post = strcmp(host->conf_text(conf, "method"), "post") == 0;
    k->ops = (struct steward_gateway_ops){.struct_size = sizeof(k->ops),
                                          .prepare = prepare,
                                          .judge = judge,
                                          .hook = hook,
                                          .concurrency = (int)host->conf_int(conf, "concurrency"),
                                          .rate_milli = host->conf_int(conf, "rate")};
    if (host->register_gateway(host, &k->ops, k) != 0) {
        free(k);
        return -1;
    }
    *ctx = k;
    return 0;
}

static void fini(void *ctx)
{
    free(ctx);
}

STEWARD_PLUGIN_EXPORT = {.magic = STEWARD_PLUGIN_MAGIC,
                         .abi_major = STEWARD_ABI_MAJOR,
                         .abi_minor = STEWARD_ABI_MINOR,
                         .struct_size = sizeof(struct steward_plugin),
                         .name = "gw_kannel",
                         .version = "0.1.0",
                         .description = "SMS through Kannel's smsbox",
                         .conf_keys = conf_keys,
                         .check = check,
                         .init = init,
                         .fini = fini};
