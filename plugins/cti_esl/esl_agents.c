/*
 * esl_agents.c - agents of mod_callcenter to agent states: their status is what they chose, their
 * state what they do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>
#include "esl.h"

#define AGENTS_MAX 10000

struct agent {
    char name[128]; /* "1001@fs.local" */
    char device[TRACK_DEVICE_MAX];
    char status[40], state[40];
    int64_t wrap_ms;    /* time after a call in which none is offered */
    int64_t wrap_until; /* of its last call; 0: over */
    enum steward_agent_state said;
    UT_hash_handle hh;
};

struct esl_agents {
    struct agent *agents;
    unsigned wrapping; /* how many are in their wrap-up time */
};

struct esl_agents *esl_agents_new(void)
{
    struct esl_agents *g = calloc(1, sizeof *g);
    if (!g)
        abort();
    return g;
}

void esl_agents_free(struct esl_agents **agents)
{
    struct agent *a, *next;
    if (!*agents)
        return;
    HASH_ITER (hh, (*agents)->agents, a, next) {
        HASH_DEL((*agents)->agents, a);
        free(a);
    }
    free(*agents);
    *agents = NULL;
}

/* The agent of that name; bounded, as any event may name one. */
static struct agent *agent(struct esl_agents *g, const char *name)
{
    char key[128];
    struct agent *a = NULL;
    track_text(key, sizeof key, name, strlen(name));
    HASH_FIND_STR(g->agents, key, a);
    if (a || !key[0] || HASH_COUNT(g->agents) >= AGENTS_MAX)
        return a;
    a = calloc(1, sizeof *a);
    if (!a)
        abort();
    memcpy(a->name, key, sizeof key);
    esl_user_part(key, a->device, sizeof a->device);
    HASH_ADD_STR(g->agents, name, a);
    return a;
}

static enum steward_agent_state state_of(const struct agent *a)
{
    if (strcasecmp(a->status, "Logged Out") == 0)
        return STEWARD_AGENT_LOGGED_OFF;
    if (strcasecmp(a->status, "On Break") == 0)
        return STEWARD_AGENT_NOT_READY;
    if (strcasecmp(a->state, "In a queue call") == 0)
        return STEWARD_AGENT_BUSY;
    if (strcasecmp(a->state, "Idle") == 0)
        return STEWARD_AGENT_NOT_READY;
    return a->wrap_until ? STEWARD_AGENT_WORKING_AFTER_CALL : STEWARD_AGENT_READY;
}

static void tell(struct esl *e, struct agent *a)
{
    enum steward_agent_state state = state_of(a);
    if (state == a->said || !a->device[0])
        return;
    a->said = state;
    struct steward_cti_event ev = {
        .struct_size = sizeof ev,
        .kind = STEWARD_EV_AGENT_STATE,
        .at = esl_now(e),
        .device = a->device,
        .agent_state = state,
        .reason = state == STEWARD_AGENT_NOT_READY && a->status[0] ? a->status : NULL};
    e->host->cti_emit(e->host, &ev);
}

static void keep(char *out, size_t cap, const char *text)
{
    if (text && *text)
        track_text(out, cap, text, strlen(text));
}

/* mod_callcenter says "Waiting" at once, but offers nothing before the wrap-up time is over. */
static void wrap_up(struct esl *e, struct agent *a, bool begins)
{
    e->agents->wrapping -= a->wrap_until != 0;
    a->wrap_until = begins ? e->host->now_ms(e->host) + a->wrap_ms : 0;
    e->agents->wrapping += a->wrap_until != 0;
}

void esl_agents_check(struct esl *e)
{
    struct agent *a;
    int64_t now = e->host->now_ms(e->host);
    for (a = e->agents->wrapping ? e->agents->agents : NULL; a; a = a->hh.next) {
        if (!a->wrap_until || now < a->wrap_until)
            continue;
        wrap_up(e, a, false);
        tell(e, a);
    }
}

void esl_agents_event(struct esl *e, const struct esl_event *ev)
{
    const char *action = ev->v[ESL_CC_ACTION], *name = ev->v[ESL_CC_AGENT];
    if (!action || !name)
        return;
    bool status = strcmp(action, "agent-status-change") == 0;
    if (!status && strcmp(action, "agent-state-change") != 0)
        return;
    struct agent *a = agent(e->agents, name);
    if (!a)
        return;
    bool talked = strcasecmp(a->state, "In a queue call") == 0;
    keep(status ? a->status : a->state, sizeof a->status,
         ev->v[status ? ESL_CC_STATUS : ESL_CC_STATE]);
    if (!status)
        wrap_up(e, a, talked && a->wrap_ms > 0 && strcasecmp(a->state, "Waiting") == 0);
    tell(e, a);
}

/* The index of a column in a line of names between bars; -1 if it is not there. */
static int column(const char *line, const char *name)
{
    int i = 0;
    for (const char *p = line; *p && *p != '\n'; i++) {
        size_t n = strcspn(p, "|\n");
        if (strlen(name) == n && strncmp(p, name, n) == 0)
            return i;
        p += n;
        p += *p == '|';
    }
    return -1;
}

static void field(const char *line, int index, char *out, size_t cap)
{
    out[0] = '\0';
    if (index < 0)
        return;
    for (; index > 0; index--) {
        line += strcspn(line, "|\n");
        if (*line != '|')
            return;
        line++;
    }
    track_text(out, cap, line, strcspn(line, "|\n"));
}

void esl_agents_list(struct esl *e, char *body)
{
    int name_at = column(body, "name"), status_at = column(body, "status");
    int state_at = column(body, "state"), wrap_at = column(body, "wrap_up_time");
    if (name_at < 0 || status_at < 0)
        return; /* mod_callcenter is not there */
    for (char *line = strchr(body, '\n'); line && line[1]; line = strchr(line, '\n')) {
        char name[128], wrap[24];
        line++;
        if (strncmp(line, "+OK", 3) == 0)
            break;
        field(line, name_at, name, sizeof name);
        struct agent *a = name[0] ? agent(e->agents, name) : NULL;
        if (!a)
            continue;
        field(line, status_at, a->status, sizeof a->status);
        field(line, state_at, a->state, sizeof a->state);
        field(line, wrap_at, wrap, sizeof wrap);
        long long seconds = strtoll(wrap, NULL, 10);
        a->wrap_ms = seconds > 0 && seconds < 86400 ? seconds * 1000 : 0;
        tell(e, a);
    }
}

const char *esl_agents_name(const struct esl *e, const char *device)
{
    const struct agent *a;
    for (a = e->agents->agents; a; a = a->hh.next)
        if (strcmp(a->device, device) == 0)
            return a->name;
    return NULL;
}
