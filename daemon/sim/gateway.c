/*
 * gateway.c - an HTTP gateway that keeps and prints every request, and answers well, slowly, with
 * errors, or not at all; the mode can be changed while it runs (PUT /mode).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/text.h"
#include "sim/sim.h"

enum { HEAD_MAX = 65536, BODY_MAX = 1 << 20, SECRET_MAX = 256 };

enum mode { OK, SLOW, ERROR, SILENT, FLAKY, MODES };
static const char *const MODE_NAMES[MODES] = {"ok", "slow", "error", "silent", "flaky"};

struct gateway {
    struct sim sim;
    const char *listen, *secret, *mode_text;
    int64_t delay_ms, status, wanted, seen;
    uint8_t key[SECRET_MAX];
    int key_len;
    enum mode mode;
    struct client *clients;
};

struct client {
    struct gateway *g;
    struct conn *conn;
    struct loop_timer *later; /* a slow answer */
    int64_t status;           /* of that answer */
    struct client *prev, *next;
};

/* One request within a client's input. */
struct request {
    const char *head, *body;
    size_t head_len, body_len;
    char method[16], path[1024];
};

/* ---- reading ---- */

/* The value of a header, NUL-terminated in out; false if it is not there. */
static bool header(const struct request *r, const char *name, char *out, size_t cap)
{
    size_t n = strlen(name);
    for (const char *p = r->head; p < r->head + r->head_len;) {
        const char *end = memmem(p, (size_t)(r->head + r->head_len - p), "\r\n", 2);
        if (!end)
            end = r->head + r->head_len;
        if ((size_t)(end - p) > n && strncasecmp(p, name, n) == 0 && p[n] == ':') {
            p += n + 1;
            while (p < end && *p == ' ')
                p++;
            return text_copyn(out, cap, p, (size_t)(end - p));
        }
        p = end + 2;
    }
    return false;
}

/* Bytes of the first request in data; 0: not whole yet; -1: nothing that we understand. */
static ssize_t cut(const char *data, size_t len, struct request *r)
{
    char length[32];
    int64_t n = 0;
    const char *end = memmem(data, len, "\r\n\r\n", 4);
    if (!end)
        return len > HEAD_MAX ? -1 : 0;
    r->head = data;
    r->head_len = (size_t)(end - data);
    if (sscanf(data, "%15[A-Z] %1023[^ \r\n] HTTP/1.", r->method, r->path) != 2)
        return -1;
    if (header(r, "content-length", length, sizeof(length)) &&
        text_int(length, 0, BODY_MAX, &n) < 0)
        return -1;
    r->body = end + 4;
    r->body_len = (size_t)n;
    size_t whole = r->head_len + 4 + (size_t)n;
    return whole > len ? 0 : (ssize_t)whole;
}

/* ---- the signature (https://www.standardwebhooks.com) ---- */

/* "v1,BASE64" words, of which one must be ours. */
static bool holds(const char *signatures, const char *mine)
{
    size_t n = strlen(mine);
    for (const char *p = signatures; *p; p += strspn(p, " ")) {
        size_t word = strcspn(p, " ");
        if (word == n + 3 && strncmp(p, "v1,", 3) == 0 && strncmp(p + 3, mine, n) == 0)
            return true;
        p += word;
    }
    return false;
}

/* NULL: no secret to check with; else "good" or what is wrong. */
static const char *verify(const struct gateway *g, const struct request *r)
{
    char id[256], stamp[32], signatures[1024];
    uint8_t mac[SHA256_LEN];
    int64_t at;
    if (!g->key_len)
        return NULL;
    if (!header(r, "webhook-id", id, sizeof(id)) ||
        !header(r, "webhook-timestamp", stamp, sizeof(stamp)) ||
        !header(r, "webhook-signature", signatures, sizeof(signatures)))
        return "a header is missing";
    if (text_int(stamp, 0, INT64_MAX / 1000, &at) < 0)
        return "the timestamp is not a number";
    struct buf b = BUF_INIT(BODY_MAX + 1024);
    buf_printf(&b, "%s.%s.", id, stamp);
    buf_add(&b, r->body, r->body_len);
    hmac_sha256(g->key, (size_t)g->key_len, b.data, b.len, mac);
    buf_free(&b);
    char *mine = base64_encode(mac, sizeof(mac));
    bool good = holds(signatures, mine);
    free(mine);
    return good ? "good" : "wrong";
}

/* ---- answering ---- */

static void reply(struct client *k, int64_t status)
{
    char body[64];
    struct buf b = BUF_INIT(4096);
    int n = snprintf(body, sizeof(body), "{\"provider_id\":\"sim-%lld\"}", (long long)k->g->seen);
    buf_printf(&b,
               "HTTP/1.1 %lld %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s",
               (long long)status, status < 300 ? "OK" : "Error", n, body);
    conn_write(k->conn, b.data, b.len);
    buf_free(&b);
}

static void on_later(void *arg)
{
    struct client *k = arg;
    reply(k, k->status);
}

static void answer(struct client *k)
{
    struct gateway *g = k->g;
    bool fails = g->mode == ERROR || (g->mode == FLAKY && g->seen % 2);
    k->status = fails ? g->status : 200;
    if (g->mode == SLOW)
        loop_timer_arm(k->later, g->delay_ms);
    else if (g->mode != SILENT)
        reply(k, k->status);
}

static enum mode mode_parse(const char *text)
{
    int m = 0;
    while (m < MODES && strcmp(text, MODE_NAMES[m]) != 0)
        m++;
    return m;
}

/* PUT /mode {"mode":"slow","delay_ms":2000,"status":503} */
static void change_mode(struct client *k, const struct request *r)
{
    struct errmsg why;
    const char *name = NULL;
    json_t *o = json_parse(r->body, r->body_len, &why);
    bool good = o && json_get_str(o, "mode", 16, &name, &why) == 0 && name &&
                mode_parse(name) < MODES &&
                json_get_int(o, "delay_ms", 0, 3600000, &k->g->delay_ms, &why) == 0 &&
                json_get_int(o, "status", 100, 599, &k->g->status, &why) == 0;
    if (good)
        k->g->mode = mode_parse(name);
    json_decref(o);
    reply(k, good ? 200 : 422);
}

static void print_header(struct jw *w, const struct request *r, const char *name)
{
    char value[1024];
    if (header(r, name, value, sizeof(value)))
        jw_kstr(w, name, value);
}

static void print_request(struct gateway *g, const struct request *r)
{
    static const char *const shown[] = {"content-type", "authorization",     "idempotency-key",
                                        "webhook-id",   "webhook-timestamp", "webhook-signature"};
    struct errmsg why;
    struct jw w;
    sim_begin(&g->sim, &w, "request");
    jw_kstr(&w, "method", r->method);
    jw_kstr(&w, "path", r->path);
    jw_key(&w, "headers");
    jw_obj(&w);
    for (size_t i = 0; i < ARRAY_LEN(shown); i++)
        print_header(&w, r, shown[i]);
    jw_end_obj(&w);
    jw_kstr(&w, "signature", verify(g, r));
    json_t *body = json_parse(r->body, r->body_len, &why);
    jw_key(&w, "body");
    if (body)
        jw_json(&w, body);
    else
        jw_strn(&w, r->body, r->body_len);
    json_decref(body);
    sim_print(&w);
}

static void handle(struct client *k, const struct request *r)
{
    struct gateway *g = k->g;
    if (strcmp(r->method, "PUT") == 0 && strcmp(r->path, "/mode") == 0) {
        change_mode(k, r);
        return;
    }
    g->seen++;
    print_request(g, r);
    answer(k);
    if (g->seen == g->wanted)
        sim_end(&g->sim, 0);
}

/* ---- connections ---- */

static void client_free(struct client *k)
{
    DL_DELETE(k->g->clients, k);
    conn_finish(&k->conn);
    loop_timer_free(&k->later);
    free(k);
}

static size_t on_conn(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct client *k = arg;
    struct request r;
    size_t used = 0;
    ssize_t n = 0;
    if (ev == CONN_DOWN || ev == CONN_LONG) {
        client_free(k);
        return 0;
    }
    if (ev != CONN_DATA)
        return 0;
    while (used < len && (n = cut(data + used, len - used, &r)) > 0) {
        handle(k, &r);
        used += (size_t)n;
    }
    if (n < 0) {
        reply(k, 400);
        client_free(k);
        return 0;
    }
    return used;
}

static void on_accept(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg)
{
    struct gateway *g = arg;
    struct client *k = xcalloc(1, sizeof(*k));
    struct conn_opts o = {.raw = true, .in_max = HEAD_MAX + BODY_MAX};
    k->g = g;
    k->later = loop_timer_new(g->sim.loop, on_later, k);
    k->conn = conn_accept(g->sim.loop, fd, &o, on_conn, k);
    DL_APPEND(g->clients, k);
}

static int run(struct gateway *g)
{
    struct errmsg why = {{0}};
    struct jw w;
    sim_open(&g->sim);
    struct listener *l = listener_new(g->sim.loop, g->listen, on_accept, g, &why);
    int status = 1;
    if (l) {
        sim_begin(&g->sim, &w, "listening");
        jw_kint(&w, "port", listener_port(l));
        sim_print(&w);
        status = sim_run(&g->sim);
    } else {
        fprintf(stderr, "stewardsim gateway: %s\n", why.text);
    }
    while (g->clients)
        client_free(g->clients);
    listener_free(&l);
    sim_close(&g->sim);
    return status;
}

int sim_gateway(int argc, char **argv)
{
    struct gateway g = {
        .listen = "127.0.0.1:9090", .mode_text = "ok", .delay_ms = 5000, .status = 503};
    const struct sim_option table[] = {
        {"listen", SIM_TEXT, &g.listen, 0, 0, "HOST:PORT  (127.0.0.1:9090; port 0: any free one)"},
        {"secret", SIM_TEXT, &g.secret, 0, 0,
         "whsec_…  check Standard Webhooks signatures with this"},
        {"mode", SIM_TEXT, &g.mode_text, 0, 0,
         "ok, slow, error, silent (no answer) or flaky (every other fails) (ok)"},
        {"delay", SIM_INT, &g.delay_ms, 0, 3600000, "MS  of a slow answer (5000)"},
        {"status", SIM_INT, &g.status, 100, 599, "CODE  of an error (503)"},
        {"requests", SIM_INT, &g.wanted, 1, INT32_MAX, "N  end after so many"},
        {NULL, SIM_FLAG, NULL, 0, 0, NULL},
    };
    int status;
    if (!sim_options(
            argc, argv,
            "An HTTP gateway: prints each request. PUT /mode {\"mode\",\"delay_ms\",\"status\"} "
            "changes its manners.",
            table, &status))
        return status;
    g.mode = mode_parse(g.mode_text);
    if (g.secret && text_starts(g.secret, "whsec_"))
        g.secret += strlen("whsec_");
    if (g.secret)
        g.key_len = base64_decode(g.secret, strlen(g.secret), g.key, sizeof(g.key));
    if (g.mode == MODES || g.key_len < 0) {
        fprintf(stderr, "stewardsim gateway: %s\n",
                g.mode == MODES ? "no such mode" : "the secret is not base64");
        return 2;
    }
    return run(&g);
}
