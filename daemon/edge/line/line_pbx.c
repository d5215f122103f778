/*
 * line_pbx.c - a PBX on the line protocol: taking over, welcome, events, acks.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "edge/line/line_priv.h"

/* ---- acks ---- */

static void write_ack(struct link *k)
{
    struct jw w;
    line_begin(k->line, &w, "ack");
    jw_kint(&w, "seq", k->durable);
    jw_end_obj(&w);
    k->ack_owed = false;
    k->line->stats.acks++;
    link_write(k);
}

/* One ack waits at most: while the last one is not with the kernel, only the number moves on. A
 * resent event is acked again, though nothing moved. */
static void on_durable(void *ctx, int64_t seq)
{
    struct link *k = ctx;
    k->durable = seq;
    k->ack_owed = k->welcomed;
    if (k->ack_owed && conn_pending(k->conn) == 0)
        write_ack(k);
}

void pbx_drained(struct link *k)
{
    if (k->ack_owed)
        write_ack(k);
}

/* ---- welcome ---- */

static void welcome(struct link *k)
{
    struct jw w;
    k->welcomed = true;
    k->durable = source_last_seq(k->source);
    line_begin(k->line, &w, "welcome");
    jw_kint(&w, "v", 1);
    jw_kstr(&w, "name", k->name);
    jw_kint(&w, "last_seq", k->durable);
    jw_kstr(&w, "server", "stewardd/" STEWARD_VERSION);
    jw_end_obj(&w);
    link_write(k);
    link_flow(k);
    source_state(k->source, STEWARD_SOURCE_UP, 0, NULL);
    log_info(&k->line->log, "PBX %s is up from %s, at seq %lld", k->name, conn_peer(k->conn),
             (long long)k->durable);
}

/* Everything that the former link sent is on disk: now last_seq is true. */
static void on_settled(void *ctx)
{
    struct line_waiter *waiter = ctx;
    struct link *k = waiter->link;
    free(waiter);
    if (!k)
        return;
    k->waiter = NULL;
    welcome(k);
}

static void replace_former(struct link *k)
{
    struct line_group *g = line_group(k->line->pbxs, k->name);
    if (!g)
        return;
    k->line->stats.replaced++;
    link_close(g->members->link, LINE_REPLACED, "%s said hello from %s", k->name,
               conn_peer(k->conn));
}

void pbx_open(struct link *k)
{
    struct line *l = k->line;
    struct source_adapter adapter = {.plugin = "line", .durable = on_durable, .ctx = k};
    struct errmsg why;
    replace_former(k);
    struct source *s = source_get(l->opts.calls, k->name);
    if (!s) {
        link_close(k, LINE_BAD_HELLO, "name: there are too many sources");
        return;
    }
    if (source_attach(s, &adapter, &why) < 0) {
        source_let_go(s);
        link_close(k, LINE_FORBIDDEN, "%s", why.text);
        return;
    }
    k->source = s;
    line_join(&l->pbxs, &k->by_role, k, k->name);
    k->waiter = xcalloc(1, sizeof(*k->waiter));
    k->waiter->link = k;
    link_flow(k);
    source_when_durable(k->source, on_settled, k->waiter);
}

void pbx_close(struct link *k, const char *why)
{
    if (k->waiter)
        k->waiter->link = NULL;
    if (!k->source)
        return;
    source_detach(k->source, k, why);
    log_info(&k->line->log, "PBX %s is down: %s", k->name, why);
}

/* ---- events ---- */

void pbx_event(struct link *k, const struct json_obj *o)
{
    struct steward_cti_event ev = {.struct_size = sizeof(ev)};
    struct errmsg why = {{0}};
    int64_t seq = 0;
    int rc = source_event_parse(o, &ev, &seq, &why);
    if (rc == 0 && seq < 1)
        rc = errmsg_set(&why, E_INVALID, "seq: missing");
    if (rc == 0)
        rc = source_event(k->source, seq, &ev, &why);
    struct json_field said;
    if (rc < 0 && !seq && json_obj_get(o, "seq", &said) && said.kind == JSON_OBJ_INT)
        seq = said.number;
    if (rc < 0)
        link_refuse(k, LINE_BAD_EVENT, seq, "%s", why.text);
}
