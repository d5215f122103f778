/*
 * ami_agents.c - queue members to agent states: a device that is paused in a queue is not ready,
 * one whose phone is away or that left its last queue is logged off.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>
#include <utlist.h>
#include "ami.h"

#define MEMBERS_MAX 20000

struct member {
    char key[256]; /* queue, LF, interface */
    char interface[128], device[TRACK_DEVICE_MAX], reason[64];
    bool paused, fresh;
    int status;
    long long last_call; /* when its last call of the queue ended, by the PBX's clock */
    int64_t wrap_until;  /* the queue offers it nothing until then; 0: it does */
    UT_hash_handle hh;
};

struct said {
    char device[TRACK_DEVICE_MAX], reason[64];
    enum steward_agent_state state;
    UT_hash_handle hh;
};

struct ami_agents {
    struct member *members;
    struct said *said;
    int64_t wrap_check; /* the first end of a wrap-up time; 0: none runs */
};

struct ami_agents *ami_agents_new(void)
{
    struct ami_agents *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    return g;
}

void ami_agents_free(struct ami_agents **agents)
{
    struct ami_agents *g = *agents;
    struct member *m, *next_m;
    struct said *s, *next_s;
    if (!g)
        return;
    HASH_ITER (hh, g->members, m, next_m) {
        HASH_DEL(g->members, m);
        free(m);
    }
    HASH_ITER (hh, g->said, s, next_s) {
        HASH_DEL(g->said, s);
        free(s);
    }
    free(g);
    *agents = NULL;
}

/* "PJSIP/1001", "Local/1001@from-queue/n", "hint:1001@internal" to "1001". */
static void device_of(const char *interface, char *out, size_t cap)
{
    const char *start = strpbrk(interface, "/:");
    start = start ? start + 1 : interface;
    track_text(out, cap, start, strcspn(start, "@/"));
}

/* One device, many memberships: paused in any is not ready, away in all is logged off. */
static enum steward_agent_state state_of(const struct ami_agents *g, const char *device,
                                         const char **reason)
{
    const struct member *m;
    bool any = false, paused = false, away = true, busy = false, wraps = false;
    *reason = NULL;
    for (m = g->members; m; m = m->hh.next) {
        if (strcmp(m->device, device) != 0)
            continue;
        any = true;
        away = away && (m->status == 4 || m->status == 5);
        busy = busy || m->status == 2 || m->status == 3 || m->status == 7 || m->status == 8;
        if (m->paused && (!paused || !*reason))
            *reason = m->reason[0] ? m->reason : NULL;
        paused = paused || m->paused;
        wraps = wraps || m->wrap_until != 0;
    }
    if (!any || away)
        return STEWARD_AGENT_LOGGED_OFF;
    return paused  ? STEWARD_AGENT_NOT_READY
           : busy  ? STEWARD_AGENT_BUSY
           : wraps ? STEWARD_AGENT_WORKING_AFTER_CALL
                   : STEWARD_AGENT_READY;
}

/* Only changes are told: every queue repeats what the others said. */
static void tell(struct ami *a, const char *device)
{
    struct ami_agents *g = a->agents;
    const char *reason;
    enum steward_agent_state state = state_of(g, device, &reason);
    if (state != STEWARD_AGENT_NOT_READY)
        reason = NULL;
    struct said *s = NULL;
    HASH_FIND_STR(g->said, device, s);
    if (s && s->state == state && strcmp(s->reason, reason ? reason : "") == 0)
        return;
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            abort();
        track_text(s->device, sizeof s->device, device, strlen(device));
        HASH_ADD_STR(g->said, device, s);
    }
    s->state = state;
    track_text(s->reason, sizeof s->reason, reason ? reason : "", reason ? strlen(reason) : 0);
    struct steward_cti_event ev = {.struct_size = sizeof ev,
                                   .kind = STEWARD_EV_AGENT_STATE,
                                   .at = ami_now(a),
                                   .device = s->device,
                                   .agent_state = state,
                                   .reason = s->reason[0] ? s->reason : NULL};
    a->host->cti_emit(a->host, &ev);
}

/* The membership of that interface in that queue; bounded, as queues name what they like. */
static struct member *member(struct ami_agents *g, const char *queue, const char *interface,
                             bool make)
{
    char key[256], name[120], text[128];
    struct member *m = NULL;
    track_text(name, sizeof name, queue, strlen(queue));
    track_text(text, sizeof text, interface, strlen(interface));
    snprintf(key, sizeof key, "%s\n%s", name, text);
    HASH_FIND_STR(g->members, key, m);
    if (m || !make || HASH_COUNT(g->members) >= MEMBERS_MAX)
        return m;
    m = calloc(1, sizeof *m);
    if (!m)
        abort();
    memcpy(m->key, key, sizeof key);
    memcpy(m->interface, text, sizeof text);
    HASH_ADD_STR(g->members, key, m);
    return m;
}

static const char *either(const struct ami_msg *msg, const char *one, const char *two)
{
    const char *v = ami_get(msg, one);
    return v ? v : ami_get(msg, two);
}

/* A call of the queue ended: for the wrap-up time of that member the next one is kept from it. */
static void wrap_up(struct ami *a, struct member *m, const struct ami_msg *msg, bool known)
{
    const char *wrap = ami_get(msg, "Wrapuptime"), *last = ami_get(msg, "LastCall");
    long long seconds = wrap ? strtoll(wrap, NULL, 10) : 0, at = last ? strtoll(last, NULL, 10) : 0;
    if (known && at > m->last_call && seconds > 0 && seconds < 86400) {
        m->wrap_until = a->host->now_ms(a->host) + seconds * 1000;
        if (!a->agents->wrap_check || m->wrap_until < a->agents->wrap_check)
            a->agents->wrap_check = m->wrap_until;
    }
    m->last_call = at;
}

void ami_agents_check(struct ami *a)
{
    struct ami_agents *g = a->agents;
    struct member *m;
    int64_t now = a->host->now_ms(a->host);
    if (!g->wrap_check || now < g->wrap_check)
        return;
    g->wrap_check = 0;
    for (m = g->members; m; m = m->hh.next) {
        if (m->wrap_until && now >= m->wrap_until) {
            m->wrap_until = 0;
            tell(a, m->device);
        } else if (m->wrap_until && (!g->wrap_check || m->wrap_until < g->wrap_check)) {
            g->wrap_check = m->wrap_until;
        }
    }
}

static bool is_paused(const struct ami_msg *msg)
{
    const char *paused = ami_get(msg, "Paused");
    return paused && strcmp(paused, "0") != 0 && strcasecmp(paused, "false") != 0;
}

static int status_of(const struct ami_msg *msg)
{
    const char *status = ami_get(msg, "Status");
    return status ? (int)strtol(status, NULL, 10) : 0;
}

bool ami_agents_any(const struct ami *a)
{
    return a->agents->members != NULL;
}

bool ami_agents_idle(const struct ami *a, const char *device)
{
    const struct member *m;
    bool any = false, idle = true;
    for (m = a->agents->members; m; m = m->hh.next) {
        if (strcmp(m->device, device) != 0)
            continue;
        any = true;
        idle = idle && (m->status == 1 || m->status == 5);
    }
    return any && idle;
}

bool ami_agents_differs(const struct ami *a, const struct ami_msg *msg)
{
    const char *queue = ami_get(msg, "Queue"), *interface = either(msg, "Interface", "Location");
    const struct member *m = queue && interface ? member(a->agents, queue, interface, false) : NULL;
    return m && (m->paused != is_paused(msg) || m->status != status_of(msg));
}

void ami_agents_member(struct ami *a, const struct ami_msg *msg, bool removed)
{
    const char *queue = ami_get(msg, "Queue"), *interface = either(msg, "Interface", "Location");
    const char *reason = either(msg, "PausedReason", "Reason");
    char device[TRACK_DEVICE_MAX];
    if (!queue || !interface || !*interface)
        return;
    struct member *m = member(a->agents, queue, interface, !removed);
    device_of(interface, device, sizeof device);
    if (removed && m) {
        HASH_DEL(a->agents->members, m);
        free(m);
    } else if (m) {
        wrap_up(a, m, msg, m->device[0] != '\0');
        memcpy(m->device, device, sizeof device);
        m->fresh = true;
        m->paused = is_paused(msg);
        m->status = status_of(msg);
        track_text(m->reason, sizeof m->reason, reason ? reason : "", reason ? strlen(reason) : 0);
    }
    if (device[0])
        tell(a, device);
}

void ami_agents_list_begin(struct ami *a)
{
    struct member *m;
    for (m = a->agents->members; m; m = m->hh.next)
        m->fresh = false;
}

void ami_agents_list_end(struct ami *a)
{
    struct member *m, *next;
    HASH_ITER (hh, a->agents->members, m, next) {
        char device[TRACK_DEVICE_MAX];
        if (m->fresh)
            continue;
        memcpy(device, m->device, sizeof device);
        HASH_DEL(a->agents->members, m);
        free(m);
        tell(a, device);
    }
}

static bool in(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

size_t ami_agents_interfaces(const struct ami *a, const char *device,
                             const char *out[AMI_INTERFACES_MAX])
{
    const struct member *m;
    size_t n = 0;
    for (m = a->agents->members; m && n < AMI_INTERFACES_MAX; m = m->hh.next)
        if (strcmp(m->device, device) == 0 && !in(out, n, m->interface))
            out[n++] = m->interface;
    return n;
}
