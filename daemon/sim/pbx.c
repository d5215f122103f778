/*
 * pbx.c - a PBX on the line protocol. It counts its events, keeps those that are not acked, and
 * after a reconnect goes on from the welcome's last_seq, as the protocol says.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "sim/sim.h"

/* An event that is not acked: its line without "seq", which is put in when it is sent. */
struct pending {
    int64_t seq;
    char *tail; /* ,"event":…} */
    struct pending *prev, *next;
};

struct pbx {
    struct sim sim;
    const char *connect, *name, *token, *script, *devices, *queue, *called, *prefix;
    int64_t rate, calls, ring_ms, talk_ms, abandon, again_ms;
    bool tls, verbose;
    char host[256];
    uint16_t port;
    struct conn_opts conn_opts;
    struct tls *client;
    struct conn *conn;
    struct loop_timer *again, *tick;
    bool welcomed;
    int64_t seq, acked;
    struct pending *pending;
    size_t n_pending;
    char **device;
    size_t n_devices;
    int64_t started, errors, begin_us;
    struct call *live;
    uint32_t run;  /* part of the calls' names: differs in each run */
    json_t *steps; /* of the script */
    size_t step;
};

/* ---- sending ---- */

static void transmit(struct pbx *p, const struct pending *e)
{
    struct buf b = BUF_INIT(65536);
    buf_printf(&b, "{\"type\":\"event\",\"seq\":%lld%s\n", (long long)e->seq, e->tail);
    conn_write(p->conn, b.data, b.len);
    buf_free(&b);
}

/* Takes over tail. */
static void send_event(struct pbx *p, char *tail)
{
    struct pending *e = xcalloc(1, sizeof(*e));
    struct jw w;
    e->seq = ++p->seq;
    e->tail = tail;
    DL_APPEND(p->pending, e);
    p->n_pending++;
    if (p->welcomed)
        transmit(p, e);
    if (!p->verbose)
        return;
    sim_begin(&p->sim, &w, "sent");
    jw_kint(&w, "seq", e->seq);
    jw_kstr(&w, "event", tail);
    sim_print(&w);
}

static void forget_until(struct pbx *p, int64_t seq)
{
    while (p->pending && p->pending->seq <= seq) {
        struct pending *e = p->pending;
        DL_DELETE(p->pending, e);
        p->n_pending--;
        free(e->tail);
        free(e);
    }
}

static void report(struct pbx *p, const char *what)
{
    struct jw w;
    sim_begin(&p->sim, &w, what);
    jw_kint(&w, "calls", p->started);
    jw_kint(&w, "seq", p->seq);
    jw_kint(&w, "acked", p->acked);
    jw_kint(&w, "errors", p->errors);
    sim_print(&w);
}

static void end_if_done(struct pbx *p)
{
    bool made =
        p->steps ? p->step >= json_array_size(p->steps) : p->calls && p->started >= p->calls;
    if (!made || p->live || p->pending)
        return;
    report(p, "done");
    sim_end(&p->sim, p->errors ? 1 : 0);
}

/* ---- what the daemon says ---- */

/* The durable number counts, whatever we counted: what it covers is done, the rest follows it. */
static void on_welcome(struct pbx *p, int64_t last)
{
    struct pending *e;
    forget_until(p, last);
    int64_t seq = last;
    DL_FOREACH (p->pending, e)
        e->seq = ++seq;
    p->seq = seq;
    p->acked = last;
    p->welcomed = true;
    report(p, "welcome");
    DL_FOREACH (p->pending, e)
        transmit(p, e);
    end_if_done(p);
}

static void on_object(struct pbx *p, const json_t *o)
{
    const char *type = json_string_value(json_object_get(o, "type"));
    int64_t seq = json_integer_value(json_object_get(o, "seq"));
    struct jw w;
    if (text_eq(type, "welcome")) {
        on_welcome(p, json_integer_value(json_object_get(o, "last_seq")));
    } else if (text_eq(type, "ack")) {
        p->acked = seq;
        forget_until(p, seq);
        end_if_done(p);
    } else if (text_eq(type, "error")) {
        p->errors++;
        sim_begin(&p->sim, &w, "error");
        jw_key(&w, "line");
        jw_json(&w, o);
        sim_print(&w);
    }
}

static void hello(struct pbx *p)
{
    struct buf b = BUF_INIT(4096);
    struct jw w;
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "hello");
    jw_kint(&w, "v", 1);
    jw_kstr(&w, "role", "pbx");
    jw_kstr(&w, "name", p->name);
    jw_kstr(&w, "token", p->token);
    jw_end_obj(&w);
    buf_addc(&b, '\n');
    conn_write(p->conn, b.data, b.len);
    buf_free(&b);
}

static size_t on_conn(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct pbx *p = arg;
    struct errmsg why;
    struct jw w;
    if (ev == CONN_UP) {
        hello(p);
    } else if (ev == CONN_LINE) {
        json_t *o = json_parse(data, len, &why);
        if (o)
            on_object(p, o);
        json_decref(o);
    } else if (ev == CONN_DOWN) {
        sim_begin(&p->sim, &w, "down");
        jw_kstr(&w, "why", data);
        sim_print(&w);
        p->welcomed = false;
        conn_free(&p->conn);
        loop_timer_arm(p->again, p->again_ms);
    }
    return 0;
}

static void dial_in(void *arg)
{
    struct pbx *p = arg;
    p->conn = conn_connect(p->sim.loop, p->host, p->port, &p->conn_opts, on_conn, p);
}

/* ---- random calls ---- */

struct call {
    struct pbx *p;
    int64_t n;
    const char *device;
    struct loop_timer *timer;
    int stage;
    bool abandoned;
    struct call *prev, *next;
};

static void call_event(struct call *k, const char *event, const char *more)
{
    char at[CLOCK_TEXT_MAX];
    send_event(k->p, xasprintf(",\"event\":\"%s\",\"call\":\"%08x.%lld\",\"at\":\"%s\"%s}", event,
                               k->p->run, (long long)k->n, clock_format(clock_now_ms(), at), more));
}

static void ring(struct call *k)
{
    char *more = xasprintf(",\"direction\":\"inbound\",\"calling\":\"%s%04u\",\"called\":\"%s\","
                           "\"device\":\"%s\",\"queue\":\"%s\"",
                           k->p->prefix, rng_below(10000), k->p->called, k->device, k->p->queue);
    call_event(k, "delivered", more);
    free(more);
}

static void answer(struct call *k)
{
    char *more = xasprintf(",\"device\":\"%s\"", k->device);
    call_event(k, "established", more);
    free(more);
}

static void call_free(struct call *k)
{
    loop_timer_free(&k->timer);
    DL_DELETE(k->p->live, k);
    free(k);
}

static void on_call(void *arg)
{
    struct call *k = arg;
    if (k->stage++ == 0 && !k->abandoned) {
        answer(k);
        loop_timer_arm(k->timer, k->p->talk_ms);
        return;
    }
    struct pbx *p = k->p;
    call_event(k, "cleared", ",\"by\":\"caller\"");
    call_free(k);
    end_if_done(p);
}

static void start_call(struct pbx *p)
{
    struct call *k = xcalloc(1, sizeof(*k));
    k->p = p;
    k->n = ++p->started;
    k->device = p->device[rng_below((uint32_t)p->n_devices)];
    k->abandoned = rng_below(100) < (uint32_t)p->abandon;
    k->timer = loop_timer_new(p->sim.loop, on_call, k);
    DL_APPEND(p->live, k);
    ring(k);
    loop_timer_arm(k->timer, p->ring_ms);
}

enum { TICK_MS = 10, PENDING_MAX = 100000 };

/* As many calls as should have started by now; none while too much is not acked. */
static void on_tick(void *arg)
{
    struct pbx *p = arg;
    int64_t due = (clock_mono_us() - p->begin_us) * p->rate / 1000000 + 1;
    if (p->calls && due > p->calls)
        due = p->calls;
    while (p->started < due && p->n_pending < PENDING_MAX)
        start_call(p);
    if (!p->calls || p->started < p->calls)
        loop_timer_arm(p->tick, TICK_MS);
}

/* ---- a script ---- */

static void on_step(void *arg)
{
    struct pbx *p = arg;
    json_t *step = json_array_get(p->steps, p->step++);
    json_t *next = json_array_get(p->steps, p->step);
    json_object_del(step, "after_ms");
    char *text = json_dumps(step, JSON_COMPACT);
    text[0] = ',';
    send_event(p, text);
    if (next)
        loop_timer_arm(p->tick, json_integer_value(json_object_get(next, "after_ms")));
}

/* A JSON array, or one object a line; each an event, with "after_ms" since the one before. */
static json_t *read_script(const char *path)
{
    struct errmsg why;
    size_t len;
    char *text = sim_file(path, 64 << 20, &len), *line, *rest = text;
    if (!text)
        return NULL;
    json_t *all = json_parse(text, len, &why);
    if (json_is_array(all)) {
        free(text);
        return all;
    }
    json_decref(all);
    all = json_array();
    while (all && (line = strsep(&rest, "\n"))) {
        if (!line[0])
            continue;
        json_t *o = json_parse(line, strlen(line), &why);
        if (!json_is_object(o) || json_object_size(o) == 0) {
            fprintf(stderr, "%s: event %zu: %s\n", path, json_array_size(all) + 1,
                    o ? "not an object" : why.text);
            json_decref(o);
            json_decref(all);
            all = NULL;
        } else {
            json_array_append_new(all, o);
        }
    }
    free(text);
    return all;
}

/* ---- the whole ---- */

static int run(struct pbx *p)
{
    sim_open(&p->sim);
    p->begin_us = clock_mono_us();
    p->run = rng_below(UINT32_MAX);
    p->conn_opts = (struct conn_opts){.out_max = 64 << 20};
    p->conn_opts.tls = p->client = p->tls ? tls_client(NULL, false, NULL) : NULL;
    p->again = loop_timer_new(p->sim.loop, dial_in, p);
    p->tick = loop_timer_new(p->sim.loop, p->steps ? on_step : on_tick, p);
    loop_timer_arm(p->tick, p->steps ? json_integer_value(
                                           json_object_get(json_array_get(p->steps, 0), "after_ms"))
                                     : 0);
    dial_in(p);
    int status = sim_run(&p->sim);
    conn_finish(&p->conn);
    forget_until(p, INT64_MAX);
    while (p->live)
        call_free(p->live);
    loop_timer_free(&p->again);
    loop_timer_free(&p->tick);
    sim_close(&p->sim);
    tls_free(&p->client);
    return status;
}

int sim_pbx(int argc, char **argv)
{
    struct pbx p = {.connect = "127.0.0.1:7070",
                    .name = "pbx-a",
                    .token = "dev-token",
                    .devices = "1001",
                    .queue = "service",
                    .called = "4008000",
                    .prefix = "1380013",
                    .rate = 1,
                    .ring_ms = 3000,
                    .talk_ms = 10000,
                    .abandon = 0,
                    .again_ms = 1000};
    const struct sim_option table[] = {
        {"connect", SIM_TEXT, &p.connect, 0, 0, "HOST:PORT  the line protocol (127.0.0.1:7070)"},
        {"name", SIM_TEXT, &p.name, 0, 0, "NAME  of the PBX (pbx-a)"},
        {"token", SIM_TEXT, &p.token, 0, 0, "TEXT  (dev-token)"},
        {"script", SIM_TEXT, &p.script, 0, 0,
         "FILE  events, one JSON object a line, \"after_ms\" since the one before; no random "
         "calls"},
        {"rate", SIM_INT, &p.rate, 1, 100000, "N  random calls a second (1)"},
        {"calls", SIM_INT, &p.calls, 1, INT32_MAX, "N  end after so many, all acked (without end)"},
        {"devices", SIM_TEXT, &p.devices, 0, 0, "LIST  that ring: 1001-1050 or 1001,1003 (1001)"},
        {"ring", SIM_INT, &p.ring_ms, 0, 600000, "MS  until the answer (3000)"},
        {"talk", SIM_INT, &p.talk_ms, 0, 3600000, "MS  until the end (10000)"},
        {"abandon", SIM_INT, &p.abandon, 0, 100, "PERCENT  of callers who leave instead (0)"},
        {"callers", SIM_TEXT, &p.prefix, 0, 0, "DIGITS  before four random ones (1380013)"},
        {"called", SIM_TEXT, &p.called, 0, 0, "NUMBER  (4008000)"},
        {"queue", SIM_TEXT, &p.queue, 0, 0, "NAME  (service)"},
        {"reconnect", SIM_INT, &p.again_ms, 1, 600000, "MS  before connecting again (1000)"},
        {"tls", SIM_FLAG, &p.tls, 0, 0, "TLS, whatever the certificate"},
        {"verbose", SIM_FLAG, &p.verbose, 0, 0, "print every event sent"},
        {NULL, SIM_FLAG, NULL, 0, 0, NULL},
    };
    int status;
    if (!sim_options(argc, argv, "A PBX on the line protocol: random calls, or a script's.", table,
                     &status))
        return status;
    if (!sim_address(p.connect, p.host, &p.port) ||
        sim_devices(p.devices, &p.device, &p.n_devices) < 0)
        return 2;
    if (p.script)
        p.steps = read_script(p.script);
    status = p.script && (!p.steps || !json_array_size(p.steps)) ? 2 : run(&p);
    json_decref(p.steps);
    sim_devices_free(&p.device, p.n_devices);
    return status;
}
