/*
 * event_words.c - the words of the line protocol's events: which fields an event uses, which
 * it cannot do without, and their values.
 */
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

/* ---- words ---- */

static const char *const event_names[STEWARD_EV_COUNT] = {
    [STEWARD_EV_ORIGINATED] = "originated",
    [STEWARD_EV_QUEUED] = "queued",
    [STEWARD_EV_DELIVERED] = "delivered",
    [STEWARD_EV_ESTABLISHED] = "established",
    [STEWARD_EV_HELD] = "held",
    [STEWARD_EV_RETRIEVED] = "retrieved",
    [STEWARD_EV_DIVERTED] = "diverted",
    [STEWARD_EV_TRANSFERRED] = "transferred",
    [STEWARD_EV_CONFERENCED] = "conferenced",
    [STEWARD_EV_CONNECTION_CLEARED] = "connection_cleared",
    [STEWARD_EV_FAILED] = "failed",
    [STEWARD_EV_CLEARED] = "cleared",
    [STEWARD_EV_AGENT_STATE] = "agent_state",
};
static const char *const cause_names[STEWARD_CAUSE_COUNT] = {
    [STEWARD_CAUSE_NO_ANSWER] = "no_answer",
    [STEWARD_CAUSE_REJECTED] = "rejected",
    [STEWARD_CAUSE_BUSY] = "busy",
    [STEWARD_CAUSE_ANSWERED_ELSEWHERE] = "answered_elsewhere",
    [STEWARD_CAUSE_PICKED_UP] = "picked_up",
    [STEWARD_CAUSE_FORWARDED] = "forwarded",
    [STEWARD_CAUSE_UNREGISTERED] = "unregistered",
    [STEWARD_CAUSE_INVALID_NUMBER] = "invalid_number",
    [STEWARD_CAUSE_CONGESTION] = "congestion",
};
static const char *const direction_names[] = {NULL, "inbound", "outbound", "internal"};
static const char *const by_names[] = {NULL, "caller", "agent", "system"};
static const char *const transfer_names[] = {NULL, "blind", "attended"};
static const char *const agent_names[] = {NULL,    "logged_off", "not_ready",
                                          "ready", "busy",       "working_after_call"};
static const char *const state_names[] = {"down", "connecting", "syncing", "up"};

/* The place of a word in a table whose first place means none; 0 if it is not there. */
static int find_word(const char *const *names, size_t n, const char *word)
{
    for (size_t i = 1; word && i < n; i++)
        if (text_eq(names[i], word))
            return (int)i;
    return 0;
}

enum steward_event_kind source_event_kind(const char *word)
{
    return (enum steward_event_kind)find_word(event_names, ARRAY_LEN(event_names), word);
}

const char *source_event_name(enum steward_event_kind kind)
{
    return kind > STEWARD_EV_NONE && kind < STEWARD_EV_COUNT ? event_names[kind] : "none";
}

const char *calls_agent_state_name(enum steward_agent_state state)
{
    return (size_t)state < ARRAY_LEN(agent_names) ? agent_names[state] : NULL;
}

enum steward_agent_state agent_state_parse(const char *word)
{
    return (enum steward_agent_state)find_word(agent_names, ARRAY_LEN(agent_names), word);
}

const char *source_state_name(enum steward_source_state state)
{
    return (size_t)state < ARRAY_LEN(state_names) ? state_names[state] : "down";
}

const char *direction_name(enum steward_direction d)
{
    return d ? direction_names[d] : "inbound";
}

const char *by_name(enum steward_by by)
{
    return by_names[by];
}

/* ---- fields ---- */

enum {
    F_DEVICE = 1 << 0,
    F_QUEUE = 1 << 1,
    F_CAUSE = 1 << 2,
    F_TO = 1 << 3,
    F_KIND = 1 << 4,
    F_OTHER = 1 << 5,
    F_BY = 1 << 6,
    F_STATE = 1 << 7,
    F_REASON = 1 << 8,
};

#define CAUSE(c) (1u << STEWARD_CAUSE_##c)

/* What each event uses and needs; causes: those that it may have. */
static const struct event_form {
    unsigned uses, needs, causes;
} forms[STEWARD_EV_COUNT] = {
    [STEWARD_EV_ORIGINATED] = {F_DEVICE, 0, 0},
    [STEWARD_EV_QUEUED] = {F_QUEUE, 0, 0},
    [STEWARD_EV_DELIVERED] = {F_DEVICE | F_QUEUE, F_DEVICE, 0},
    [STEWARD_EV_ESTABLISHED] = {F_DEVICE, F_DEVICE, 0},
    [STEWARD_EV_HELD] = {F_DEVICE, 0, 0},
    [STEWARD_EV_RETRIEVED] = {F_DEVICE, 0, 0},
    [STEWARD_EV_DIVERTED] = {F_DEVICE | F_CAUSE | F_TO, F_DEVICE,
                             CAUSE(NO_ANSWER) | CAUSE(REJECTED) | CAUSE(BUSY) |
                                 CAUSE(ANSWERED_ELSEWHERE) | CAUSE(PICKED_UP) | CAUSE(FORWARDED)},
    [STEWARD_EV_TRANSFERRED] = {F_DEVICE | F_TO | F_KIND | F_OTHER, 0, 0},
    [STEWARD_EV_CONFERENCED] = {F_DEVICE | F_OTHER, 0, 0},
    [STEWARD_EV_CONNECTION_CLEARED] = {F_DEVICE, F_DEVICE, 0},
    [STEWARD_EV_FAILED] = {F_DEVICE | F_CAUSE, 0,
                           CAUSE(BUSY) | CAUSE(NO_ANSWER) | CAUSE(UNREGISTERED) |
                               CAUSE(INVALID_NUMBER) | CAUSE(CONGESTION)},
    [STEWARD_EV_CLEARED] = {F_BY, 0, 0},
    [STEWARD_EV_AGENT_STATE] = {F_DEVICE | F_STATE | F_REASON, F_DEVICE | F_STATE, 0},
};

/* A word of a table; absent is 0. */
static int get_word(const struct json_obj *o, const char *key, const char *const *names, size_t n,
                    int *out, struct errmsg *why)
{
    const char *word = NULL;
    int rc = json_obj_str(o, key, TEXT_MAX_EVENT, &word, why);
    *out = find_word(names, n, word);
    if (rc == E_OK && word && !*out)
        return errmsg_set(why, E_INVALID, "%s: '%.40s' is not known here", key, word);
    return rc;
}

static int get_common(const struct json_obj *o, struct steward_cti_event *ev, int64_t *seq,
                      struct errmsg *why)
{
    const char *at = NULL, *presentation = NULL;
    int direction = 0;
    *seq = 0;
    int rc = json_obj_int(o, "seq", 1, (INT64_C(1) << 53) - 1, seq, why);
    if (rc == E_OK)
        rc = json_obj_str(o, "at", 64, &at, why);
    if (rc == E_OK && at && clock_parse(at, &ev->at) < 0)
        rc = errmsg_set(why, E_INVALID, "at: '%.40s' is not an RFC 3339 time", at);
    if (ev->kind == STEWARD_EV_AGENT_STATE)
        return rc;
    if (rc == E_OK)
        rc = json_obj_str(o, "call", NAME_MAX_CALL, &ev->call, why);
    if (rc == E_OK)
        rc = get_word(o, "direction", direction_names, ARRAY_LEN(direction_names), &direction, why);
    ev->direction = (enum steward_direction)direction;
    if (rc == E_OK)
        rc = json_obj_str(o, "calling", TEXT_MAX_EVENT, &ev->calling, why);
    if (rc == E_OK)
        rc = json_obj_str(o, "called", TEXT_MAX_EVENT, &ev->called, why);
    if (rc == E_OK)
        rc = json_obj_str(o, "pbx_cause", 1024, &ev->pbx_cause, why);
    if (rc == E_OK)
        rc = json_obj_str(o, "presentation", TEXT_MAX_EVENT, &presentation, why);
    ev->restricted = text_eq(presentation, "restricted");
    return rc;
}

static int get_texts(const struct json_obj *o, unsigned uses, struct steward_cti_event *ev,
                     struct errmsg *why)
{
    const struct {
        unsigned bit;
        const char *key;
        size_t max;
        const char **out;
    } texts[] = {
        {F_DEVICE, "device", DEVICE_MAX, &ev->device},
        {F_QUEUE, "queue", TEXT_MAX_EVENT, &ev->queue},
        {F_TO, "to", TEXT_MAX_EVENT, &ev->to},
        {F_OTHER, "other_call", NAME_MAX_CALL, &ev->other_call},
        {F_REASON, "reason", TEXT_MAX_EVENT, &ev->reason},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int rc = uses & texts[i].bit
                     ? json_obj_str(o, texts[i].key, texts[i].max, texts[i].out, why)
                     : E_OK;
        if (rc < 0)
            return rc;
    }
    return E_OK;
}

static int get_words(const struct json_obj *o, unsigned uses, struct steward_cti_event *ev,
                     struct errmsg *why)
{
    int cause = 0, kind = 0, by = 0, state = 0, rc = E_OK;
    if (uses & F_CAUSE)
        rc = get_word(o, "cause", cause_names, ARRAY_LEN(cause_names), &cause, why);
    if (rc == E_OK && uses & F_KIND)
        rc = get_word(o, "kind", transfer_names, ARRAY_LEN(transfer_names), &kind, why);
    if (rc == E_OK && uses & F_BY)
        rc = get_word(o, "by", by_names, ARRAY_LEN(by_names), &by, why);
    if (rc == E_OK && uses & F_STATE)
        rc = get_word(o, "state", agent_names, ARRAY_LEN(agent_names), &state, why);
    ev->cause = (enum steward_cause)cause;
    ev->transfer = (enum steward_transfer)kind;
    ev->by = (enum steward_by)by;
    ev->agent_state = (enum steward_agent_state)state;
    return rc;
}

int source_event_parse(const struct json_obj *o, struct steward_cti_event *ev, int64_t *seq,
                       struct errmsg *why)
{
    const char *word = NULL;
    memset(ev, 0, sizeof(*ev));
    ev->struct_size = sizeof(*ev);
    *seq = 0;
    int rc = json_obj_str(o, "event", TEXT_MAX_EVENT, &word, why);
    if (rc < 0)
        return rc;
    if (!word)
        return errmsg_set(why, E_INVALID, "event: is missing");
    ev->kind = source_event_kind(word);
    if (!ev->kind)
        return errmsg_set(why, E_INVALID, "event: '%.40s' is unknown", word);
    rc = get_common(o, ev, seq, why);
    if (rc == E_OK)
        rc = get_texts(o, forms[ev->kind].uses, ev, why);
    return rc == E_OK ? get_words(o, forms[ev->kind].uses, ev, why) : rc;
}

/* ---- judging ---- */

static int check_text(const char *key, const char *text, size_t max, struct errmsg *why)
{
    size_t n = text ? strnlen(text, max + 1) : 0;
    if (n > max)
        return errmsg_set(why, E_INVALID, "%s: longer than %zu bytes", key, max);
    if (text && !utf8_valid(text, n))
        return errmsg_set(why, E_INVALID, "%s: is not UTF-8", key);
    return E_OK;
}

static int check_texts(const struct steward_cti_event *ev, struct errmsg *why)
{
    const struct {
        const char *key, *text;
        size_t max;
    } texts[] = {
        {"call", ev->call, NAME_MAX_CALL},
        {"calling", ev->calling, TEXT_MAX_EVENT},
        {"called", ev->called, TEXT_MAX_EVENT},
        {"device", ev->device, DEVICE_MAX},
        {"queue", ev->queue, TEXT_MAX_EVENT},
        {"to", ev->to, TEXT_MAX_EVENT},
        {"other_call", ev->other_call, NAME_MAX_CALL},
        {"reason", ev->reason, TEXT_MAX_EVENT},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int rc = check_text(texts[i].key, texts[i].text, texts[i].max, why);
        if (rc < 0)
            return rc;
    }
    return E_OK;
}

int event_check(const struct steward_cti_event *ev, struct errmsg *why)
{
    if (ev->kind <= STEWARD_EV_NONE || ev->kind >= STEWARD_EV_COUNT)
        return errmsg_set(why, E_INVALID, "event: is unknown");
    const struct event_form *form = &forms[ev->kind];
    int rc = check_texts(ev, why);
    if (rc < 0)
        return rc;
    if (ev->kind != STEWARD_EV_AGENT_STATE && (!ev->call || !ev->call[0]))
        return errmsg_set(why, E_INVALID, "call: is missing");
    if (form->needs & F_DEVICE && (!ev->device || !ev->device[0]))
        return errmsg_set(why, E_INVALID, "device: is missing");
    if (form->needs & F_STATE && !calls_agent_state_name(ev->agent_state))
        return errmsg_set(why, E_INVALID, "state: is missing");
    if (ev->cause && form->causes && !(form->causes & (1u << ev->cause)))
        return errmsg_set(why, E_INVALID, "cause: '%s' does not go with %s", cause_names[ev->cause],
                          event_names[ev->kind]);
    if (ev->at < 0 || ev->at > INT64_C(253402300799999))
        return errmsg_set(why, E_INVALID, "at: is out of range");
    return E_OK;
}
