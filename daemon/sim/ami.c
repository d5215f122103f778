/*
 * ami.c - an Asterisk as a manager client sees it: log-in in plain or by MD5, then a recorded byte
 * stream at its own pace, once or as many calls a second as wanted, each with names of its own.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <openssl/evp.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "sim/ami_calls.h"
#include "sim/sim.h"

enum { ACTION_MAX = 16384, RECORDING_MAX = 64 << 20, OUT_MAX = 64 << 20 };

/* A piece of the recording, and when it came. */
struct piece {
    int64_t ms;
    size_t from, len;
};

struct ami {
    struct sim sim;
    const char *listen, *user, *secret, *play, *generate, *caller, *device;
    int64_t speed, rate, calls;
    char *text; /* recording or generated call */
    struct piece *pieces;
    size_t n_pieces;
    struct session *sessions;
};

/* One call's play on one session. */
struct play {
    struct session *s;
    size_t next;   /* piece */
    int64_t shift; /* what makes its names its own; 0: as recorded */
    struct loop_timer *timer;
    struct play *prev, *nxt;
};

struct session {
    struct ami *a;
    struct conn *conn;
    struct buf action; /* lines of the action being read */
    char challenge[16];
    bool in;
    struct loop_timer *tick;
    int64_t started, begin_us;
    struct play *plays;
    struct session *prev, *next;
};

/* ---- playing ---- */

static void play_free(struct play *p)
{
    DL_DELETE2(p->s->plays, p, prev, nxt);
    loop_timer_free(&p->timer);
    free(p);
}

static void on_play(void *arg)
{
    struct play *p = arg;
    struct ami *a = p->s->a;
    const struct piece *now = &a->pieces[p->next++];
    struct buf b = BUF_INIT(RECORDING_MAX);
    ami_rename(a->text + now->from, now->len, p->shift, &b);
    if (b.len)
        conn_write(p->s->conn, b.data, b.len);
    buf_free(&b);
    if (p->next == a->n_pieces) {
        struct jw w;
        sim_begin(&a->sim, &w, "played");
        jw_kint(&w, "call", p->shift);
        sim_print(&w);
        play_free(p);
        return;
    }
    loop_timer_arm(p->timer, (a->pieces[p->next].ms - now->ms) * 100 / a->speed);
}

static void start_play(struct session *s, int64_t shift)
{
    struct play *p = xcalloc(1, sizeof(*p));
    p->s = s;
    p->shift = shift;
    p->timer = loop_timer_new(s->a->sim.loop, on_play, p);
    DL_APPEND2(s->plays, p, prev, nxt);
    loop_timer_arm(p->timer, 0);
}

/* As many calls as should have started by now. */
static void on_tick(void *arg)
{
    struct session *s = arg;
    int64_t due = (clock_mono_us() - s->begin_us) * s->a->rate / 1000000 + 1;
    if (s->a->calls && due > s->a->calls)
        due = s->a->calls;
    while (s->started < due)
        start_play(s, s->started++);
    if (!s->a->calls || s->started < s->a->calls)
        loop_timer_arm(s->tick, 10);
}

/* ---- actions ---- */

/* The value of "Key: value" in the action's lines; "" if it is not there. */
static const char *field(const struct session *s, const char *key, char *out, size_t cap)
{
    size_t n = strlen(key);
    out[0] = '\0';
    for (const char *p = buf_str(&s->action); *p;
         p += strcspn(p, "\n") + (p[strcspn(p, "\n")] != '\0')) {
        if (strncasecmp(p, key, n) != 0 || p[n] != ':')
            continue;
        p += n + 1;
        p += strspn(p, " ");
        text_copyn(out, cap, p, strcspn(p, "\n"));
        break;
    }
    return out;
}

static void respond(struct session *s, const char *response, const char *more)
{
    char id[128];
    struct buf b = BUF_INIT(65536);
    buf_printf(&b, "Response: %s\r\n", response);
    if (field(s, "ActionID", id, sizeof(id))[0])
        buf_printf(&b, "ActionID: %s\r\n", id);
    buf_printf(&b, "%s\r\n", more);
    conn_write(s->conn, b.data, b.len);
    buf_free(&b);
}

static void md5_hex(const char *text, char out[33])
{
    uint8_t raw[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    EVP_Digest(text, strlen(text), raw, &n, EVP_md5(), NULL);
    hex_encode(raw, 16, out);
}

static bool right_secret(const struct session *s)
{
    char value[256], key[64], want[33];
    if (field(s, "Secret", value, sizeof(value))[0])
        return strcmp(value, s->a->secret) == 0;
    char *both = xasprintf("%s%s", s->challenge, s->a->secret);
    md5_hex(both, want);
    free(both);
    return s->challenge[0] && strcasecmp(field(s, "Key", key, sizeof(key)), want) == 0;
}

static void do_login(struct session *s)
{
    char user[128];
    struct jw w;
    bool good =
        strcmp(field(s, "Username", user, sizeof(user)), s->a->user) == 0 && right_secret(s);
    sim_begin(&s->a->sim, &w, "login");
    jw_kstr(&w, "user", user);
    jw_kbool(&w, "ok", good);
    sim_print(&w);
    if (!good) {
        respond(s, "Error", "Message: Authentication failed\r\n");
        conn_finish(&s->conn);
        return;
    }
    s->in = true;
    respond(s, "Success", "Message: Authentication accepted\r\n");
    static const char booted[] = "Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: 60\r\n"
                                 "LastReload: 60\r\nStatus: Fully Booted\r\n\r\n";
    conn_write(s->conn, booted, sizeof(booted) - 1);
    s->begin_us = clock_mono_us();
    loop_timer_arm(s->tick, 0);
}

static void do_challenge(struct session *s)
{
    char more[64];
    snprintf(s->challenge, sizeof(s->challenge), "%09u", rng_below(1000000000));
    snprintf(more, sizeof(more), "Challenge: %s\r\n", s->challenge);
    respond(s, "Success", more);
}

static void do_ping(struct session *s)
{
    respond(s, "Success", "Ping: Pong\r\n");
}

static void do_logoff(struct session *s)
{
    respond(s, "Goodbye", "Message: Thanks for all the fish.\r\n");
    conn_finish(&s->conn);
}

/* A list action with nothing in it: begin and end. */
static void empty_list(struct session *s, const char *complete)
{
    char id[128];
    struct buf b = BUF_INIT(4096);
    respond(s, "Success", "EventList: start\r\nMessage: list will follow\r\n");
    buf_printf(&b, "Event: %s\r\n", complete);
    if (field(s, "ActionID", id, sizeof(id))[0])
        buf_printf(&b, "ActionID: %s\r\n", id);
    buf_adds(&b, "EventList: Complete\r\nListItems: 0\r\n\r\n");
    conn_write(s->conn, b.data, b.len);
    buf_free(&b);
}

static const struct {
    const char *action;
    void (*fn)(struct session *s);
    const char *complete; /* of a list */
} ACTIONS[] = {
    {"Login", do_login, NULL},
    {"Challenge", do_challenge, NULL},
    {"Ping", do_ping, NULL},
    {"Logoff", do_logoff, NULL},
    {"CoreShowChannels", NULL, "CoreShowChannelsComplete"},
    {"QueueStatus", NULL, "QueueStatusComplete"},
    {"Status", NULL, "StatusComplete"},
    {"DeviceStateList", NULL, "DeviceStateListComplete"},
    {"BridgeList", NULL, "BridgeListComplete"},
};

static void do_action(struct session *s)
{
    char name[64];
    struct jw w;
    field(s, "Action", name, sizeof(name));
    bool open = strcasecmp(name, "Login") == 0 || strcasecmp(name, "Challenge") == 0;
    if (!s->in && !open) {
        respond(s, "Error", "Message: Permission denied\r\n");
        return;
    }
    if (s->in) {
        sim_begin(&s->a->sim, &w, "action");
        jw_kstr(&w, "action", name);
        jw_kstr(&w, "text", buf_str(&s->action));
        sim_print(&w);
    }
    for (size_t i = 0; i < ARRAY_LEN(ACTIONS); i++) {
        if (strcasecmp(name, ACTIONS[i].action) != 0)
            continue;
        if (ACTIONS[i].fn)
            ACTIONS[i].fn(s);
        else
            empty_list(s, ACTIONS[i].complete);
        return;
    }
    respond(s, "Success", "Message: done\r\n");
}

/* ---- sessions ---- */

static void session_free(struct session *s)
{
    DL_DELETE(s->a->sessions, s);
    while (s->plays)
        play_free(s->plays);
    loop_timer_free(&s->tick);
    conn_finish(&s->conn);
    buf_free(&s->action);
    free(s);
}

static size_t on_conn(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct session *s = arg;
    static const char banner[] = "Asterisk Call Manager/11.0.0\r\n";
    if (ev == CONN_UP) {
        conn_write(c, banner, sizeof(banner) - 1);
    } else if (ev == CONN_LINE && len) {
        buf_add(&s->action, data, len);
        buf_addc(&s->action, '\n');
    } else if (ev == CONN_LINE) {
        if (s->action.len)
            do_action(s);
        buf_reset(&s->action);
    } else if (ev == CONN_DOWN || ev == CONN_LONG) {
        session_free(s);
        return 0;
    }
    if (!s->conn) /* logged off, or refused */
        session_free(s);
    return 0;
}

static void on_accept(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg)
{
    struct ami *a = arg;
    struct session *s = xcalloc(1, sizeof(*s));
    struct conn_opts o = {.out_max = OUT_MAX};
    s->a = a;
    buf_init(&s->action, ACTION_MAX);
    s->tick = loop_timer_new(a->sim.loop, on_tick, s);
    s->conn = conn_accept(a->sim.loop, fd, &o, on_conn, s);
    DL_APPEND(a->sessions, s);
}

/* ---- what is played ---- */

static void add_piece(struct ami *a, int64_t ms, size_t from, size_t len)
{
    a->pieces = xrealloc(a->pieces, (a->n_pieces + 1) * sizeof(*a->pieces));
    a->pieces[a->n_pieces++] = (struct piece){ms, from, len};
}

/* NAME.idx beside NAME.txt says when each piece came; without it all comes at once. What stands
 * before the first event after FullyBooted is ours to say. */
static bool load_recording(struct ami *a)
{
    size_t len, idx_len, skip = 0;
    a->text = sim_file(a->play, RECORDING_MAX, &len);
    if (!a->text)
        return false;
    char *booted = strstr(a->text, "Event: FullyBooted"),
         *end = booted ? strstr(booted, "\r\n\r\n") : NULL;
    if (end)
        skip = (size_t)(end - a->text) + 4;
    size_t stem = strlen(a->play) > 4 ? strlen(a->play) - 4 : 0;
    char *path = xasprintf("%.*s.idx", (int)stem, a->play);
    char *idx = sim_file(path, RECORDING_MAX, &idx_len), *line, *rest = idx;
    long long ms, from, n;
    while (rest && (line = strsep(&rest, "\n"))) {
        if (sscanf(line, "%lld %lld %lld", &ms, &from, &n) != 3 || from < 0 || n < 0 ||
            (size_t)(from + n) > len || (size_t)(from + n) <= skip)
            continue;
        size_t at = (size_t)from < skip ? skip : (size_t)from;
        add_piece(a, ms, at, (size_t)(from + n) - at);
    }
    if (!a->n_pieces && skip < len)
        add_piece(a, 0, skip, len - skip);
    free(path);
    free(idx);
    return a->n_pieces > 0;
}

static bool load_generated(struct ami *a)
{
    struct ami_moment moments[AMI_MOMENTS_MAX];
    struct buf b = BUF_INIT(1 << 20);
    size_t n = ami_generate(a->generate, a->caller, a->device, clock_now_ms() / 1000, &b, moments);
    a->text = buf_take(&b);
    for (size_t i = 0; i < n; i++)
        add_piece(a, moments[i].ms, moments[i].from, moments[i].len);
    return n > 0;
}

static int run(struct ami *a)
{
    struct errmsg why = {{0}};
    struct jw w;
    int status = 1;
    sim_open(&a->sim);
    struct listener *l = listener_new(a->sim.loop, a->listen, on_accept, a, &why);
    if (l) {
        sim_begin(&a->sim, &w, "listening");
        jw_kint(&w, "port", listener_port(l));
        sim_print(&w);
        status = sim_run(&a->sim);
    } else {
        fprintf(stderr, "stewardsim ami: %s\n", why.text);
    }
    while (a->sessions)
        session_free(a->sessions);
    listener_free(&l);
    sim_close(&a->sim);
    return status;
}

int sim_ami(int argc, char **argv)
{
    struct ami a = {.listen = "127.0.0.1:5038",
                    .user = "steward",
                    .secret = "secret",
                    .generate = "queue",
                    .caller = "13800138000",
                    .device = "1001",
                    .speed = 100,
                    .rate = 1,
                    .calls = 1};
    const struct sim_option table[] = {
        {"listen", SIM_TEXT, &a.listen, 0, 0, "HOST:PORT  (127.0.0.1:5038; port 0: any free one)"},
        {"user", SIM_TEXT, &a.user, 0, 0, "NAME  of the manager (steward)"},
        {"secret", SIM_TEXT, &a.secret, 0, 0, "TEXT  of the manager (secret)"},
        {"play", SIM_TEXT, &a.play, 0, 0,
         "FILE.txt  a recorded stream, with FILE.idx for its times"},
        {"generate", SIM_TEXT, &a.generate, 0, 0, "queue, direct or abandoned (queue)"},
        {"caller", SIM_TEXT, &a.caller, 0, 0, "NUMBER  of a generated call (13800138000)"},
        {"device", SIM_TEXT, &a.device, 0, 0, "NAME  that a generated call rings (1001)"},
        {"speed", SIM_INT, &a.speed, 1, 100000, "PERCENT  of the recorded pace (100)"},
        {"rate", SIM_INT, &a.rate, 1, 10000, "N  plays started a second (1)"},
        {"calls", SIM_INT, &a.calls, 0, INT32_MAX, "N  plays for each client, 0: without end (1)"},
        {NULL, SIM_FLAG, NULL, 0, 0, NULL},
    };
    int status;
    if (!sim_options(argc, argv,
                     "An Asterisk manager that plays calls to each client that logs in.", table,
                     &status))
        return status;
    if (a.play ? load_recording(&a) : load_generated(&a))
        status = run(&a);
    else
        fprintf(stderr, "stewardsim ami: nothing to play (see --help)\n");
    free(a.text);
    free(a.pieces);
    return a.n_pieces ? status : 2;
}
