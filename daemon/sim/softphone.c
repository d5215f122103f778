/*
 * softphone.c - N agents' softphones on the line protocol: they print what they are sent, answer by
 * themselves if told to, or stop reading.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "sim/sim.h"

struct phone {
    struct phones *all;
    char *device;
    struct conn *conn;
    struct loop_timer *again, *answer;
    int actions;
};

struct phones {
    struct sim sim;
    const char *connect, *devices, *token, *role;
    int64_t answer_ms, pops_wanted, pops;
    bool deaf, quiet, once;
    char host[256];
    uint16_t port;
    struct phone *phones;
    size_t n;
    struct conn_opts conn;
    bool tls;
    struct tls *client;
};

static void dial_in(void *arg);

static void say(struct phone *p, struct buf *b)
{
    buf_addc(b, '\n');
    conn_write(p->conn, b->data, b->len);
    buf_free(b);
}

static void hello(struct phone *p)
{
    struct buf b = BUF_INIT(4096);
    struct jw w;
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "hello");
    jw_kint(&w, "v", 1);
    jw_kstr(&w, "role", p->all->role);
    jw_kstr(&w, "name", p->device);
    if (strcmp(p->all->role, "agent") == 0)
        jw_kstr(&w, "device", p->device);
    jw_kstr(&w, "token", p->all->token);
    jw_end_obj(&w);
    say(p, &b);
}

static void send_answer(void *arg)
{
    struct phone *p = arg;
    struct buf b = BUF_INIT(4096);
    char id[32];
    if (!p->conn)
        return;
    struct jw w;
    snprintf(id, sizeof(id), "s%d", ++p->actions);
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "action");
    jw_kstr(&w, "id", id);
    jw_kstr(&w, "action", "answer");
    jw_end_obj(&w);
    say(p, &b);
}

static void heard(struct phone *p, const char *data, size_t len)
{
    struct phones *all = p->all;
    struct jw w;
    bool pop = strstr(data, "\"type\":\"pop\"") != NULL;
    if (!all->quiet || pop) {
        sim_begin(&all->sim, &w, "line");
        jw_kstr(&w, "device", p->device);
        jw_key(&w, "line");
        jw_raw(&w, data, len);
        sim_print(&w);
    }
    if (pop && all->answer_ms >= 0)
        loop_timer_arm(p->answer, all->answer_ms);
    if (pop && ++all->pops == all->pops_wanted)
        sim_end(&all->sim, 0);
    if (all->deaf && strstr(data, "\"type\":\"welcome\""))
        conn_pause(p->conn, true);
}

static size_t on_phone(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct phone *p = arg;
    struct jw w;
    if (ev == CONN_UP) {
        hello(p);
    } else if (ev == CONN_LINE) {
        heard(p, data, len);
    } else if (ev == CONN_DOWN || ev == CONN_LONG) {
        sim_begin(&p->all->sim, &w, "down");
        jw_kstr(&w, "device", p->device);
        jw_kstr(&w, "why", data);
        sim_print(&w);
        conn_free(&p->conn);
        if (p->all->once)
            sim_end(&p->all->sim, 1);
        else
            loop_timer_arm(p->again, 1000);
    }
    return 0;
}

static void dial_in(void *arg)
{
    struct phone *p = arg;
    p->conn =
        conn_connect(p->all->sim.loop, p->all->host, p->all->port, &p->all->conn, on_phone, p);
}

static void start(struct phones *all, char **devices)
{
    all->phones = xcalloc(all->n, sizeof(*all->phones));
    for (size_t i = 0; i < all->n; i++) {
        struct phone *p = &all->phones[i];
        p->all = all;
        p->device = devices[i];
        p->again = loop_timer_new(all->sim.loop, dial_in, p);
        p->answer = loop_timer_new(all->sim.loop, send_answer, p);
        dial_in(p);
    }
}

static void stop(struct phones *all)
{
    for (size_t i = 0; i < all->n; i++) {
        conn_free(&all->phones[i].conn);
        loop_timer_free(&all->phones[i].again);
        loop_timer_free(&all->phones[i].answer);
    }
    free(all->phones);
    tls_free(&all->client);
}

int sim_softphone(int argc, char **argv)
{
    struct phones all = {.connect = "127.0.0.1:7070",
                         .devices = "1001",
                         .token = "dev-token",
                         .role = "agent",
                         .answer_ms = -1};
    const struct sim_option table[] = {
        {"connect", SIM_TEXT, &all.connect, 0, 0, "HOST:PORT  the line protocol (127.0.0.1:7070)"},
        {"devices", SIM_TEXT, &all.devices, 0, 0, "LIST  1001, 1001-1050 or 1001,1003 (1001)"},
        {"token", SIM_TEXT, &all.token, 0, 0, "TEXT  (dev-token)"},
        {"role", SIM_TEXT, &all.role, 0, 0, "agent or monitor (agent)"},
        {"answer-after", SIM_INT, &all.answer_ms, 0, 600000,
         "MS  send `answer` so long after each pop"},
        {"pops", SIM_INT, &all.pops_wanted, 1, INT32_MAX, "N  end after so many pops"},
        {"deaf", SIM_FLAG, &all.deaf, 0, 0, "stop reading after the welcome"},
        {"quiet", SIM_FLAG, &all.quiet, 0, 0, "print pops alone"},
        {"once", SIM_FLAG, &all.once, 0, 0, "do not connect again; exit 1 when closed"},
        {"tls", SIM_FLAG, &all.tls, 0, 0, "TLS, whatever the certificate"},
        {NULL, SIM_FLAG, NULL, 0, 0, NULL},
    };
    char **devices;
    int status;
    if (!sim_options(argc, argv, "Softphones on the line protocol.", table, &status))
        return status;
    if (!sim_address(all.connect, all.host, &all.port) ||
        sim_devices(all.devices, &devices, &all.n) < 0)
        return 2;
    sim_open(&all.sim);
    all.conn.tls = all.client = all.tls ? tls_client(NULL, false, NULL) : NULL;
    start(&all, devices);
    status = sim_run(&all.sim);
    stop(&all);
    sim_devices_free(&devices, all.n);
    sim_close(&all.sim);
    return status;
}
