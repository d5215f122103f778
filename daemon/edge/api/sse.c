/*
 * sse.c - GET /api/v1/events: what happens, as Server-Sent Events, to whom it concerns.
 *
 * A client that reads too slowly is cut off before it costs memory; it comes back with
 * Last-Event-ID and gets what it missed, or `reset` when that is too long ago.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/api/api_priv.h"
#include "service/pops/pops.h"

#define HEARTBEAT_MS 15000
#define BEHIND_MAX   (1u << 20) /* bytes not taken yet: further behind is cut off */
#define CLIENTS_MAX  2000
#define FRAME_MAX    (4u << 20)

struct client {
    struct sse *sse;
    struct http_stream *stream;
    struct hub_sub *sub;
    struct actor actor;
    bool control;
    char token[STAFF_TOKEN_MAX]; /* asked again at each heartbeat: it may be revoked */
    bool doomed;                 /* too slow: dies after this turn */
    struct client *prev, *next;
};

struct sse {
    struct edge *e;
    struct client *clients;
    size_t clients_n;
    struct loop_timer *heartbeat;
    struct complaint slow;
    uint64_t sent, cut_off;
};

/* ---- whom it concerns ---- */

static bool sees_all(const struct client *c)
{
    return c->actor.kind != STAFF_PERSON ||
           (c->actor.role != ROLE_AGENT && c->actor.role != ROLE_DEPARTMENT);
}

/* "1001" is that device at every source, "pbx-a/1001" at one. */
static bool same_device(const char *mine, const struct hub_event *ev)
{
    if (!mine[0] || !ev->device)
        return false;
    const char *slash = strchr(mine, '/');
    if (!slash)
        return text_eq(mine, text_after_slash(ev->device));
    if (strchr(ev->device, '/'))
        return text_eq(mine, ev->device);
    return ev->source && strncmp(mine, ev->source, (size_t)(slash - mine)) == 0 &&
           ev->source[slash - mine] == '\0' && text_eq(slash + 1, ev->device);
}

static bool names(const char *const *users, const char *name)
{
    for (; users && *users; users++)
        if (strcmp(*users, name) == 0)
            return true;
    return false;
}

static bool concerns(const struct client *c, const struct hub_event *ev)
{
    if (sees_all(c) || ev->all_staff || names(ev->users, c->actor.name))
        return true;
    if (ev->department && text_eq(ev->department, c->actor.department))
        return true;
    const struct staff_account *a = staff_by_name(c->sse->e->o.staff, c->actor.name);
    return a && same_device(a->device, ev);
}

/* ---- sending ---- */

static void end_client(struct client *c)
{
    struct sse *s = c->sse;
    hub_unsubscribe(&c->sub);
    DL_DELETE(s->clients, c);
    s->clients_n--;
    free(c);
}

static void on_closed(void *ctx)
{
    struct client *c = ctx;
    c->stream = NULL;
    if (!c->doomed) /* else cut_off() is on its way */
        end_client(c);
}

static void cut_off(void *arg)
{
    struct client *c = arg;
    http_stream_close(&c->stream);
    end_client(c);
}

/* Measured before each frame: nothing else bounds what waits for a client that does not read. */
static bool keeps_up(struct client *c)
{
    if (c->doomed)
        return false;
    if (http_stream_pending(c->stream) <= BEHIND_MAX)
        return true;
    c->doomed = true;
    c->sse->cut_off++;
    log_complain(&c->sse->slow, &c->sse->e->log, "events: %s is too far behind: cut off",
                 c->actor.name);
    loop_defer(c->sse->e->o.loop, cut_off, c);
    return false;
}

static void send_frame(struct client *c, const char *id, const char *event, const char *data,
                       size_t len)
{
    if (!keeps_up(c))
        return;
    struct buf frame = BUF_INIT(FRAME_MAX);
    if (id)
        buf_printf(&frame, "id: %s\n", id);
    buf_printf(&frame, "event: %s\ndata: ", event);
    size_t from = frame.len;
    buf_add(&frame, data, len);
    if (mask_for(c->actor.kind, c->actor.role) && !frame.overflow) {
        struct buf masked = BUF_INIT(FRAME_MAX);
        buf_add(&masked, data, len);
        mask_json(&masked);
        frame.len = from;
        buf_add(&frame, masked.data, masked.len);
        buf_free(&masked);
    }
    buf_adds(&frame, "\n\n");
    if (!frame.overflow)
        http_stream_write(c->stream, frame.data, frame.len);
    c->sse->sent++;
    buf_free(&frame);
}

static void on_event(void *ctx, const struct hub_event *ev)
{
    struct client *c = ctx;
    char id[48];
    if (!concerns(c, ev))
        return;
    hub_event_id(c->sse->e->o.hub, ev->id, id);
    send_frame(c, id, hub_kind_name(ev->kind), ev->json, ev->len);
}

static void on_standing_pop(void *ctx, const char *json, size_t len)
{
    send_frame(ctx, NULL, hub_kind_name(HUB_POP), json, len);
}

/* The pops that stand at one's device now: the desk was opened while the phone rang. */
static void send_standing(struct client *c)
{
    const struct staff_account *a = staff_by_name(c->sse->e->o.staff, c->actor.name);
    if (!c->sse->e->o.pops || !a || a->kind != STAFF_PERSON || !a->device[0])
        return;
    char source[65] = "";
    const char *slash = strchr(a->device, '/');
    if (slash)
        text_copyn(source, sizeof(source), a->device, (size_t)(slash - a->device));
    pops_each(c->sse->e->o.pops, slash ? source : NULL, text_after_slash(a->device),
              on_standing_pop, c);
}

/* What was missed; or, for who comes first or too late, where the stream stands now. */
static void send_beginning(struct client *c, const char *last)
{
    struct hub *hub = c->sse->e->o.hub;
    char id[48], line[80];
    http_stream_write(c->stream, "retry: 2000\n\n", 13);
    if (last && hub_replay(hub, last, on_event, c))
        return;
    hub_event_id(hub, hub_last_id(hub), id);
    if (last) {
        send_frame(c, id, "reset", "{}", 2);
    } else {
        /* An id without data sets the client's Last-Event-ID and says nothing. */
        int n = snprintf(line, sizeof(line), "id: %s\n\n", id);
        http_stream_write(c->stream, line, (size_t)n);
    }
    send_standing(c);
}

static void get_events(struct http_req *req, void *ctx)
{
    struct edge *e = ctx;
    struct sse *s = e->sse;
    const char *last = http_header(req, "Last-Event-ID");
    char from[64] = "";
    if (!last)
        last = http_query(req, "after");
    text_copy(from, sizeof(from), last);
    if (s->clients_n >= CLIENTS_MAX) {
        http_problem(req, 503, "%d clients listen already", CLIENTS_MAX);
        return;
    }
    struct client *c = xcalloc(1, sizeof(*c));
    c->sse = s;
    c->actor = *http_actor(req);
    c->control = http_proof(req) == HTTP_BY_SOCKET;
    text_copy(c->token, sizeof(c->token), http_token(req));
    c->stream = http_stream_open(req, "text/event-stream", on_closed, c);
    if (!c->stream) {
        free(c);
        return;
    }
    DL_APPEND(s->clients, c);
    s->clients_n++;
    send_beginning(c, from[0] ? from : NULL);
    c->sub = hub_subscribe(e->o.hub, on_event, c);
}

static bool still_welcome(struct client *c)
{
    return c->control || staff_by_token(c->sse->e->o.staff, c->token);
}

static void on_heartbeat(void *arg)
{
    struct sse *s = arg;
    struct client *c, *next;
    DL_FOREACH_SAFE (s->clients, c, next) {
        if (c->doomed)
            continue;
        if (!still_welcome(c))
            cut_off(c);
        else if (keeps_up(c))
            http_stream_write(c->stream, ": \n\n", 4);
    }
    log_recovered(&s->slow, &s->e->log, "events: everybody keeps up");
    loop_timer_arm(s->heartbeat, HEARTBEAT_MS);
}

/* ---- life ---- */

static void collect(void *ctx, struct metrics_out *out)
{
    struct sse *s = ctx;
    metrics_int(out, "steward_events_clients", METRIC_GAUGE, "Event streams open",
                (int64_t)s->clients_n, NULL, NULL);
    metrics_int(out, "steward_events_sent_total", METRIC_COUNTER, "Events sent on event streams",
                (int64_t)s->sent, NULL, NULL);
    metrics_int(out, "steward_events_cut_off_total", METRIC_COUNTER,
                "Event streams cut off because the client was too slow", (int64_t)s->cut_off, NULL,
                NULL);
}

struct sse *sse_new(struct edge *e)
{
    struct sse *s = xcalloc(1, sizeof(*s));
    s->e = e;
    s->heartbeat = loop_timer_new(e->o.loop, on_heartbeat, s);
    loop_timer_arm(s->heartbeat, HEARTBEAT_MS);
    metrics_add(e->o.metrics, collect, s);
    return s;
}

void sse_free(struct sse **sp)
{
    struct sse *s = *sp;
    if (!s)
        return;
    metrics_remove(s->e->o.metrics, s);
    while (s->clients)
        end_client(s->clients);
    loop_timer_free(&s->heartbeat);
    free(s);
    *sp = NULL;
}

const struct http_route api_events_routes[] = {
    ROUTE(GET, "/api/v1/events", MAY_READ, get_events,
          "What happens, as Server-Sent Events: pop, pop_end, call, ticket, callback, message, "
          "alert, stats, and reset when Last-Event-ID is too old",
          .query = "after", .answer = "Events"),
    {.path = NULL},
};
