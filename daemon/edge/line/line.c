/*
 * line.c - links of the line protocol: accepting, reading lines, refusing, closing.
 */
#include "edge/line/line.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "edge/line/line_priv.h"

enum { GUESTS_MAX = 8192, GUESTS_OF_ONE = 4096 };
enum { HELLO_MS = 10000, LINKS_MAX = 16384, LINE_MAX_BYTES = 65536, SECOND_MS = 1000 };

static const char *const CODES[] = {
    [LINE_BAD_JSON] = "bad_json",         [LINE_BAD_HELLO] = "bad_hello",
    [LINE_UNAUTHORIZED] = "unauthorized", [LINE_FORBIDDEN] = "forbidden",
    [LINE_UNKNOWN_TYPE] = "unknown_type", [LINE_BAD_EVENT] = "bad_event",
    [LINE_TOO_LONG] = "line_too_long",    [LINE_REPLACED] = "replaced",
    [LINE_RATE_LIMITED] = "rate_limited", [LINE_TOO_SLOW] = "too_slow",
};

/* ---- groups ---- */

struct line_group *line_group(struct line_group *table, const char *key)
{
    struct line_group *g;
    HASH_FIND_STR(table, key, g);
    return g;
}

void line_join(struct line_group **table, struct line_member *m, struct link *k, const char *key)
{
    struct line_group *g = line_group(*table, key);
    if (!g) {
        g = xcalloc(1, sizeof(*g));
        text_copy(g->key, sizeof(g->key), key);
        HASH_ADD_STR(*table, key, g);
    }
    m->link = k;
    m->group = g;
    DL_APPEND(g->members, m);
}

void line_leave(struct line_group **table, struct line_member *m)
{
    struct line_group *g = m->group;
    if (!g)
        return;
    m->group = NULL;
    DL_DELETE(g->members, m);
    if (g->members)
        return;
    HASH_DEL(*table, g);
    free(g);
}

/* ---- writing ---- */

void line_begin(struct line *l, struct jw *w, const char *type)
{
    buf_reset(&l->out);
    jw_init(w, &l->out);
    jw_obj(w);
    jw_kstr(w, "type", type);
}

void link_write(struct link *k)
{
    struct buf *b = &k->line->out;
    buf_addc(b, '\n');
    if (!b->overflow)
        conn_write(k->conn, b->data, b->len);
}

static void write_error(struct line *l, enum line_code code, int64_t seq, const char *message)
{
    struct jw w;
    line_begin(l, &w, "error");
    jw_kstr(&w, "code", CODES[code]);
    jw_kstr(&w, "message", message);
    if (seq)
        jw_kint(&w, "seq", seq);
    jw_end_obj(&w);
}

static void hold(struct link *k)
{
    k->held = true;
    link_flow(k);
    loop_timer_arm(k->timer, SECOND_MS);
    write_error(k->line, LINE_RATE_LIMITED, 0, "too many bad lines: reading again in a second");
    link_write(k);
}

void link_refuse(struct link *k, enum line_code code, int64_t seq, const char *fmt, ...)
{
    struct errmsg why;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why.text, sizeof(why.text), fmt, ap);
    va_end(ap);
    k->line->stats.bad++;
    write_error(k->line, code, seq, why.text);
    link_write(k);
    int64_t now = clock_mono_us() / 1000;
    if (now - k->bad_since >= SECOND_MS) {
        k->bad_since = now;
        k->bad_n = 0;
    }
    if (++k->bad_n == LINE_BAD_PER_S)
        hold(k);
}

/* ---- the end of a link ---- */

/* Take the link out of everything; its conn is the caller's. */
static void forget(struct link *k, const char *why)
{
    struct line *l = k->line;
    if (k->role == LINE_PBX)
        pbx_close(k, why);
    if (k->role == LINE_AGENT)
        agent_close(k);
    l->qualified -= k->by_device.group && strchr(k->device, '/');
    line_leave(&l->devices, &k->by_device);
    line_leave(&l->accounts, &k->by_account);
    line_leave(k->role == LINE_PBX ? &l->pbxs : &l->roles, &k->by_role);
    guest_leave(&k->guest);
    loop_timer_free(&k->timer);
    DL_DELETE(l->links, k);
    l->stats.links--;
    l->stats.pbx -= k->role == LINE_PBX;
    l->stats.agents -= k->role == LINE_AGENT;
    l->stats.monitors -= k->role == LINE_MONITOR;
    free(k->token);
    free(k);
}

void link_close(struct link *k, enum line_code code, const char *fmt, ...)
{
    struct line *l = k->line;
    struct conn *conn = k->conn;
    struct errmsg why;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(why.text, sizeof(why.text), fmt, ap);
    va_end(ap);
    l->stats.refused++;
    log_info(&l->log, "%s (%s): %s, closed: %s", conn_peer(conn), k->name[0] ? k->name : "no hello",
             CODES[code], why.text);
    write_error(l, code, 0, why.text);
    buf_addc(&l->out, '\n');
    conn_finish_with(&conn, l->out.data, l->out.len);
    forget(k, why.text);
}

static void drop(struct link *k, const char *why)
{
    log_debug(&k->line->log, "%s (%s): %s", conn_peer(k->conn), k->name, why);
    conn_free(&k->conn);
    forget(k, why);
}

static void on_reap(void *arg)
{
    struct line *l = arg;
    struct link *k, *tmp;
    DL_FOREACH_SAFE (l->links, k, tmp) {
        if (!k->slow)
            continue;
        l->stats.too_slow++;
        link_close(k, LINE_TOO_SLOW, "more than %zu bytes wait to be read", conn_pending(k->conn));
    }
}

/* ---- reading ---- */

void link_flow(struct link *k)
{
    bool pressed = k->line->pressed && k->role == LINE_PBX;
    bool waits = k->role != LINE_NEW && !k->welcomed;
    conn_pause(k->conn, k->line->quiet || pressed || waits || k->held);
}

static void on_ping(struct link *k, const struct json_obj *o)
{
    struct jw w;
    line_begin(k->line, &w, "pong");
    jw_end_obj(&w);
    link_write(k);
}

static void on_hello_again(struct link *k, const struct json_obj *o)
{
    link_refuse(k, LINE_BAD_HELLO, 0, "hello was said already");
}

/* What a welcomed client may send. */
static const struct {
    const char *type;
    unsigned roles;
    void (*fn)(struct link *k, const struct json_obj *o);
} TYPES[] = {
    {"event", 1u << LINE_PBX, pbx_event},
    {"ping", ~0u, on_ping},
    {"action", 1u << LINE_AGENT, agent_action},
    {"hello", ~0u, on_hello_again},
};

static void on_object(struct link *k, const struct json_obj *o)
{
    struct json_field type;
    if (!json_obj_get(o, "type", &type) || type.kind != JSON_OBJ_TEXT) {
        link_refuse(k, LINE_UNKNOWN_TYPE, 0, "type: missing, or not text");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(TYPES); i++) {
        if (strcmp(type.text, TYPES[i].type) == 0 && TYPES[i].roles & 1u << k->role) {
            TYPES[i].fn(k, o);
            return;
        }
    }
    link_refuse(k, LINE_UNKNOWN_TYPE, 0, "type: '%.100s' is nothing that this role sends",
                type.text);
}

static bool is_blank(const char *s, size_t n)
{
    while (n && (s[n - 1] == ' ' || s[n - 1] == '\t'))
        n--;
    return n == 0;
}

static void on_line(struct link *k, const char *data, size_t len)
{
    struct errmsg why;
    struct json_obj o;
    if (is_blank(data, len))
        return;
    k->line->stats.lines++;
    bool good = json_obj_read(&o, data, len, &why) == E_OK;
    if (good && k->role == LINE_NEW)
        link_hello(k, &o);
    else if (good)
        on_object(k, &o);
    else if (k->welcomed)
        link_refuse(k, LINE_BAD_JSON, 0, "%s", why.text);
    else
        link_close(k, LINE_BAD_JSON, "%s", why.text);
    json_obj_free(&o);
}

static size_t on_conn(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg)
{
    struct link *k = arg;
    switch (ev) {
    case CONN_LINE:
        on_line(k, data, len);
        break;
    case CONN_LONG:
        link_close(k, LINE_TOO_LONG, "a line has at most %d bytes", LINE_MAX_BYTES);
        break;
    case CONN_DRAINED:
        if (k->role == LINE_PBX)
            pbx_drained(k);
        break;
    case CONN_SLOW: /* perhaps in the middle of a round over many links */
        k->slow = true;
        loop_timer_arm(k->line->reaper, 0);
        break;
    case CONN_DOWN:
        drop(k, data);
        break;
    default:
        break;
    }
    return 0;
}

static void on_link_timer(void *arg)
{
    struct link *k = arg;
    if (k->role == LINE_NEW) {
        link_close(k, LINE_BAD_HELLO, "no hello within %d s", (int)(k->line->opts.hello_ms / 1000));
    } else {
        k->held = false;
        link_flow(k);
    }
}

/* A link without a hello makes room for a newer one: it is told so, and not waited for. */
static void evict_guest(void *owner)
{
    struct link *k = owner;
    struct line *l = k->line;
    l->stats.refused++;
    log_complain(&l->crowded, &l->log, "many connections without a hello: the oldest are closed");
    write_error(l, LINE_RATE_LIMITED, 0, "too many connections without a hello");
    buf_addc(&l->out, '\n');
    conn_free_with(&k->conn, l->out.data, l->out.len);
    forget(k, "too many");
}

static void on_accept(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg)
{
    struct line *l = arg;
    struct link *k = xcalloc(1, sizeof(*k));
    struct conn_opts o = {.line_max = LINE_MAX_BYTES, .out_max = LINE_OUT_MAX, .tls = l->opts.tls};
    k->line = l;
    k->conn = conn_accept(l->opts.loop, fd, &o, on_conn, k);
    k->timer = loop_timer_new(l->opts.loop, on_link_timer, k);
    loop_timer_arm(k->timer, l->opts.hello_ms);
    DL_APPEND(l->links, k);
    l->stats.links++;
    guest_enter(l->guests, &k->guest, conn_peer(k->conn), k);
}

/* ---- the whole ---- */

/* Somebody's account or token changed: links that may not stay are closed. */
static void on_staff(void *ctx, const struct staff_account *a)
{
    struct line *l = ctx;
    struct link *k, *tmp;
    DL_FOREACH_SAFE (l->links, k, tmp)
        if (k->role != LINE_NEW && strcmp(k->account, a->name) == 0 && !link_may_stay(k))
            link_close(k, LINE_UNAUTHORIZED, "the token is not valid any more");
}

/* Of the descriptors that there are, half at most: those that nobody knows have narrower bounds. */
static size_t default_links(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur / 2 > LINKS_MAX)
        return LINKS_MAX;
    return limit.rlim_cur / 2;
}

struct line *line_new(const struct line_opts *opts, struct errmsg *why)
{
    struct line *l = xcalloc(1, sizeof(*l));
    l->opts = *opts;
    if (!l->opts.max_links)
        l->opts.max_links = default_links();
    if (!l->opts.max_guests)
        l->opts.max_guests = l->opts.max_links < GUESTS_MAX ? l->opts.max_links : GUESTS_MAX;
    struct guests_opts guests = {
        .max = l->opts.max_guests, .max_of_one = GUESTS_OF_ONE, .evict = evict_guest};
    if (!l->opts.hello_ms)
        l->opts.hello_ms = HELLO_MS;
    buf_init(&l->out, LINE_OUT_MAX);
    buf_init(&l->masked, LINE_OUT_MAX);
    l->guests = guests_new(&guests);
    log_ctx_init(&l->log, "line", opts->address, NULL);
    l->listener = listener_new(opts->loop, opts->address, on_accept, l, why);
    if (!l->listener) {
        guests_free(&l->guests);
        free(l);
        return NULL;
    }
    l->reaper = loop_timer_new(opts->loop, on_reap, l);
    l->sub = hub_subscribe(opts->hub, line_on_hub, l);
    staff_on_change(opts->staff, on_staff, l);
    return l;
}

void line_quiesce(struct line *l)
{
    struct link *k;
    l->quiet = true;
    listener_free(&l->listener);
    DL_FOREACH (l->links, k)
        link_flow(k);
}

void line_free(struct line **line)
{
    struct line *l = *line;
    if (!l)
        return;
    *line = NULL;
    line_quiesce(l);
    staff_off_change(l->opts.staff, l);
    while (l->links) {
        struct link *k = l->links;
        pbx_drained(k);
        conn_finish(&k->conn);
        forget(k, "the daemon stops");
    }
    hub_unsubscribe(&l->sub);
    loop_timer_free(&l->reaper);
    buf_free(&l->out);
    buf_free(&l->masked);
    guests_free(&l->guests);
    free(l);
}

void line_pressure(struct line *l, bool full)
{
    struct link *k;
    l->pressed = full;
    DL_FOREACH (l->links, k)
        link_flow(k);
}

uint16_t line_port(const struct line *l)
{
    return l->listener ? listener_port(l->listener) : 0;
}

void line_get_stats(const struct line *l, struct line_stats *out)
{
    *out = l->stats;
}

void line_metrics(void *ctx, struct metrics_out *out)
{
    const struct line_stats *s = &((struct line *)ctx)->stats;
    const char *links = "Connections of the line protocol.";
    metrics_int(out, "steward_line_links", METRIC_GAUGE, links, (int64_t)s->pbx, "role", "pbx");
    metrics_int(out, "steward_line_links", METRIC_GAUGE, links, (int64_t)s->agents, "role",
                "agent");
    metrics_int(out, "steward_line_links", METRIC_GAUGE, links, (int64_t)s->monitors, "role",
                "monitor");
    const struct {
        const char *name, *help;
        uint64_t value;
    } totals[] = {
        {"steward_line_lines_total", "Lines read.", s->lines},
        {"steward_line_bad_lines_total", "Lines refused.", s->bad},
        {"steward_line_acks_total", "Acks written.", s->acks},
        {"steward_line_pops_total", "Pops written to softphones.", s->pops},
        {"steward_line_replaced_total", "PBX links taken over by a second hello.", s->replaced},
        {"steward_line_too_slow_total", "Links closed because the client did not read.",
         s->too_slow},
        {"steward_line_closed_total", "Links closed with an error.", s->refused},
    };
    for (size_t i = 0; i < ARRAY_LEN(totals); i++)
        metrics_int(out, totals[i].name, METRIC_COUNTER, totals[i].help, (int64_t)totals[i].value,
                    NULL, NULL);
}
