/*
 * line_hello.c - the first line: who is it, what does it want to be, may it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/line/line_priv.h"

#define KIND(k) (1u << (k))

/* Roles and whose tokens may take them. */
static const struct {
    const char *name;
    unsigned kinds;
    void (*open)(struct link *k);
} ROLES[LINE_ROLES] = {
    [LINE_PBX] = {"pbx", KIND(STAFF_PBX) | KIND(STAFF_DEV), pbx_open},
    [LINE_AGENT] = {"agent", KIND(STAFF_PERSON) | KIND(STAFF_DEV), agent_open},
    [LINE_MONITOR] = {"monitor", KIND(STAFF_MONITOR) | KIND(STAFF_PERSON) | KIND(STAFF_DEV),
                      agent_open},
};

/* A hello as it was read; texts belong to the line. */
struct hello {
    const char *role, *name, *token, *device;
    int64_t v;
};

static int read_hello(const struct json_obj *o, struct hello *h, struct errmsg *why)
{
    const char *type = NULL;
    int rc = json_obj_str(o, "type", 64, &type, why);
    if (rc == 0 && (!type || strcmp(type, "hello") != 0))
        return errmsg_set(why, E_INVALID, "the first line is a hello");
    if (rc == 0)
        rc = json_obj_int(o, "v", 0, INT32_MAX, &h->v, why);
    if (rc == 0 && h->v != 1)
        return errmsg_set(why, E_INVALID, "v: this is version 1");
    if (rc == 0)
        rc = json_obj_str(o, "role", 64, &h->role, why);
    if (rc == 0)
        rc = json_obj_str(o, "name", 64, &h->name, why);
    if (rc == 0)
        rc = json_obj_str(o, "token", STAFF_TOKEN_MAX, &h->token, why);
    if (rc == 0)
        rc = json_obj_str(o, "device", 64, &h->device, why);
    return rc;
}

static enum line_role role_of(const char *name)
{
    for (int i = LINE_NEW + 1; i < LINE_ROLES; i++)
        if (text_eq(name, ROLES[i].name))
            return i;
    return LINE_NEW;
}

/* What each role needs besides a token. */
static int check_hello(enum line_role role, const struct hello *h, struct errmsg *why)
{
    if (role == LINE_NEW)
        return errmsg_set(why, E_INVALID, "role: none of pbx, agent, monitor");
    if (role == LINE_PBX && (!h->name || !text_is_name(h->name)))
        return errmsg_set(why, E_INVALID, "name: a PBX is named by a-z, 0-9, '_' and '-'");
    if (role == LINE_AGENT && (!h->device || !staff_is_device(h->device)))
        return errmsg_set(why, E_INVALID, "device: missing, or no device");
    return 0;
}

static bool may(const struct staff_account *a, enum line_role role, const char *name)
{
    if (!(ROLES[role].kinds & KIND(a->kind)))
        return false;
    if (role == LINE_AGENT && a->kind == STAFF_PERSON && a->role == ROLE_AUDITOR)
        return false; /* reads, and bears no device */
    return a->kind != STAFF_PBX || text_eq(a->name, name);
}

bool link_may_stay(struct link *k)
{
    const struct staff_account *a = staff_by_token(k->line->opts.staff, k->token);
    return a && strcmp(a->name, k->account) == 0 && may(a, k->role, k->name) &&
           mask_for(a->kind, a->role) == k->masked;
}

static bool sees_all(const struct staff_account *a)
{
    return a->kind != STAFF_PERSON || (a->role != ROLE_AGENT && a->role != ROLE_DEPARTMENT);
}

static void take(struct link *k, enum line_role role, const struct hello *h,
                 const struct staff_account *a)
{
    k->role = role;
    loop_timer_disarm(k->timer);
    conn_set_out_max(k->conn, role == LINE_MONITOR ? LINE_MONITOR_OUT_MAX : LINE_OUT_MAX);
    text_copy(k->name, sizeof(k->name), h->name ? h->name : a->name);
    text_copy(k->device, sizeof(k->device), role == LINE_AGENT ? h->device : "");
    text_copy(k->account, sizeof(k->account), a->name);
    k->person = a->kind == STAFF_PERSON;
    k->sees_all = sees_all(a);
    k->masked = mask_for(a->kind, a->role);
    guest_leave(&k->guest);
    k->token = xstrdup(h->token);
    k->line->stats.pbx += role == LINE_PBX;
    k->line->stats.agents += role == LINE_AGENT;
    k->line->stats.monitors += role == LINE_MONITOR;
}

/* PBXs always have room: without them there are no calls. */
static bool is_full(const struct line *l)
{
    return l->stats.agents + l->stats.monitors >= l->opts.max_links;
}

void link_hello(struct link *k, const struct json_obj *o)
{
    struct hello h = {0};
    struct errmsg why = {{0}};
    int rc = read_hello(o, &h, &why);
    enum line_role role = role_of(h.role);
    if (rc == 0)
        rc = check_hello(role, &h, &why);
    if (rc < 0) {
        link_close(k, LINE_BAD_HELLO, "%s", why.text);
        return;
    }
    const struct staff_account *a = staff_by_token(k->line->opts.staff, h.token);
    if (!a) {
        link_close(k, LINE_UNAUTHORIZED, "the token is not known");
    } else if (role != LINE_PBX && is_full(k->line)) {
        link_close(k, LINE_RATE_LIMITED, "there are %zu links already", k->line->opts.max_links);
    } else if (!may(a, role, h.name)) {
        link_close(k, LINE_FORBIDDEN, "a token of kind %s (%s) may not be %s '%s'",
                   staff_kind_name(a->kind), a->name, h.role, h.name ? h.name : "");
    } else {
        take(k, role, &h, a);
        ROLES[role].open(k);
    }
}
