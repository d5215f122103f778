/*
 * call_control.c - call control: which source, which call, what to dial; then the adapter, and
 * its answer or fifteen seconds.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

#define ANSWER_MS  15000
#define TARGET_MAX 64

struct pending_action {
    struct calls *t;
    uint64_t id;
    call_control_cb *cb; /* NULL: the asker is gone */
    void *ctx;
    uint32_t what;
    struct source *source;
    char call[NAME_MAX_CALL + 1], device[DEVICE_MAX + 1], number[TARGET_MAX], to[TARGET_MAX];
    char name[128], reason[TEXT_MAX_EVENT + 1];
    enum steward_transfer transfer;
    enum steward_agent_state state;
    bool answered, ok;
    bool party; /* who acts has a part in the call */
    char code[32], text[256];
    struct loop_timer *timer; /* the answer's turn, or the time-out */
    struct named_dial *wait;  /* for the name of who is dialled; NULL: not waiting */
    UT_hash_handle hh;
};

/* A dial that waits for a name; it outlives its action if that is gone first. */
struct named_dial {
    struct pending_action *action; /* NULL: gone */
};

static const struct verb {
    const char *word;
    uint32_t can;
    bool on_call; /* of a call that is there */
    enum steward_agent_state state;
} verbs[] = {
    {"dial", STEWARD_CAN_DIAL, false, STEWARD_AGENT_NONE},
    {"answer", STEWARD_CAN_ANSWER, true, STEWARD_AGENT_NONE},
    {"hangup", STEWARD_CAN_HANGUP, true, STEWARD_AGENT_NONE},
    {"hold", STEWARD_CAN_HOLD, true, STEWARD_AGENT_NONE},
    {"retrieve", STEWARD_CAN_RETRIEVE, true, STEWARD_AGENT_NONE},
    {"transfer", STEWARD_CAN_TRANSFER, true, STEWARD_AGENT_NONE},
    {"park", STEWARD_CAN_PARK, true, STEWARD_AGENT_NONE},
    {"ready", STEWARD_CAN_AGENT_STATE, false, STEWARD_AGENT_READY},
    {"not_ready", STEWARD_CAN_AGENT_STATE, false, STEWARD_AGENT_NOT_READY},
};

/* ---- answering ---- */

static void action_free(struct pending_action *a)
{
    HASH_DEL(a->t->actions, a);
    if (a->wait)
        a->wait->action = NULL;
    loop_timer_free(&a->timer);
    free(a);
}

/* Who has no part in a call and hangs it up is neither its caller nor its agent. */
static void note_hangup(const struct pending_action *a, bool under_way)
{
    struct live_call *l = a->source && a->what == STEWARD_CAN_HANGUP && !a->party
                              ? live_find(a->source, a->call)
                              : NULL;
    if (l)
        l->hung_up = under_way;
}

static void answer(struct pending_action *a, bool ok, const char *code, const char *text)
{
    if (a->answered)
        return;
    if (!ok)
        note_hangup(a, false);
    a->answered = true;
    a->ok = ok;
    text_copy(a->code, sizeof(a->code), ok ? "" : code && code[0] ? code : "failed");
    text_copy(a->text, sizeof(a->text), text ? text : "");
    loop_timer_arm(a->timer, 0);
}

static void on_timer(void *arg)
{
    struct pending_action *a = arg;
    if (!a->answered) {
        a->ok = false;
        text_copy(a->code, sizeof(a->code), "timeout");
        text_copy(a->text, sizeof(a->text), "the PBX did not answer");
    }
    if (a->cb)
        a->cb(a->ctx, a->ok, a->ok ? NULL : a->code, a->ok ? NULL : a->text);
    action_free(a);
}

void call_control_done(struct calls *t, uint64_t token, bool ok, const char *code, const char *text)
{
    struct pending_action *a;
    HASH_FIND(hh, t->actions, &token, sizeof(token), a);
    if (a)
        answer(a, ok, code, text);
}

void call_control_forget(struct calls *t, uint64_t id)
{
    struct pending_action *a;
    HASH_FIND(hh, t->actions, &id, sizeof(id), a);
    if (a)
        a->cb = NULL;
}

void actions_source_down(struct source *s)
{
    struct pending_action *a, *tmp;
    HASH_ITER (hh, s->t->actions, a, tmp)
        if (a->source == s)
            answer(a, false, "source_down", "the link to the PBX went down");
}

void actions_source_gone(struct source *s)
{
    struct pending_action *a, *tmp;
    HASH_ITER (hh, s->t->actions, a, tmp) {
        if (a->source != s)
            continue;
        answer(a, false, "source_down", "the source was removed");
        a->source = NULL;
    }
}

void actions_free(struct calls *t)
{
    struct pending_action *a, *tmp;
    HASH_ITER (hh, t->actions, a, tmp)
        action_free(a);
}

/* ---- which source, which call ---- */

/* How well a source suits: it can, it is up, it knows the device. */
static int suits(const struct pending_action *a, struct source *s)
{
    if (!(s->can & a->what) || !s->adapter.action)
        return 0;
    return 1 + (s->state == STEWARD_SOURCE_UP ? 2 : 0) + (device_get(s, a->device, false) ? 1 : 0);
}

static void choose_source(struct pending_action *a)
{
    struct source *s, *tmp;
    int best = 0;
    HASH_ITER (hh, a->t->sources, s, tmp) {
        int score = suits(a, s);
        if (score > best) {
            best = score;
            a->source = s;
        }
    }
}

/* How well a call suits what the device wants of it. */
static int fits(const struct pending_action *a, const struct live_call *l)
{
    if ((a->source && l->source != a->source) || !call_busies(l->call, a->device))
        return 0;
    bool holder = text_eq(call_holder(l->call), a->device);
    bool held = call_state(l->call) == CALL_HELD;
    if (a->what == STEWARD_CAN_ANSWER)
        return holder ? 0 : 2;
    if (a->what == STEWARD_CAN_RETRIEVE)
        return held ? 3 : 1;
    return holder ? (held ? 2 : 3) : 1;
}

static const struct live_call *present_call(const struct pending_action *a)
{
    const struct live_call *l, *best = NULL;
    int score = 0;
    DL_FOREACH (a->t->lives, l) {
        int n = fits(a, l);
        if (n > score) {
            score = n;
            best = l;
        }
    }
    return best;
}

static const struct live_call *asked_call(const struct pending_action *a,
                                          const struct call_control_request *req)
{
    const struct live_call *l;
    if (!req->call && !req->call_id)
        return a->device[0] ? present_call(a) : NULL;
    DL_FOREACH (a->t->lives, l)
        if (req->call_id ? l->id == req->call_id
                         : text_eq(l->name, req->call) && (!a->source || l->source == a->source))
            return l;
    return NULL;
}

/* ---- what to dial ---- */

/* A device or a feature code as it is, an outside number as this site's PBX wants it. */
static bool target_of(struct pending_action *a, const char *text, char out[TARGET_MAX])
{
    struct number n;
    numbers_get(a->t->numbers, text, &n);
    if (n.kind == NUMBER_E164 || n.kind == NUMBER_SVC)
        return number_to_dial(numbers_rules(a->t->numbers), text, out, TARGET_MAX) == E_OK;
    const char *device = text_after_slash(text);
    size_t len =
        strspn(device, "0123456789*#abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-");
    return len > 0 && len < TARGET_MAX && !device[len] && text_copy(out, TARGET_MAX, device);
}

static void dispatch(struct pending_action *a)
{
    if (a->answered)
        return;
    struct source *s = a->source;
    struct steward_action action = {.struct_size = sizeof(action),
                                    .token = a->id,
                                    .what = a->what,
                                    .call = a->call[0] ? a->call : NULL,
                                    .device = a->device[0] ? a->device : NULL,
                                    .number = a->number[0] ? a->number : NULL,
                                    .to = a->to[0] ? a->to : NULL,
                                    .transfer = a->transfer,
                                    .caller_name = a->name[0] ? a->name : NULL,
                                    .outbound_number = a->t->outbound[0] ? a->t->outbound : NULL,
                                    .agent_state = a->state,
                                    .reason = a->reason[0] ? a->reason : NULL};
    loop_timer_arm(a->timer, ANSWER_MS);
    if (!s->adapter.action || s->state != STEWARD_SOURCE_UP) {
        answer(a, false, "source_down", s->error[0] ? s->error : "the link to the PBX is down");
        return;
    }
    note_hangup(a, true);
    int rc = s->adapter.action(s->adapter.ctx, &action);
    if (rc == E_UNSUPPORTED)
        answer(a, false, "not_supported", "this PBX cannot do that");
    else if (rc < 0)
        answer(a, false, "failed", "the PBX refused");
}

/* Who is dialled is known: the agent's phone shows the name. */
static void on_name(void *ctx, const struct pop_found *found)
{
    struct named_dial *wait = ctx;
    struct pending_action *a = wait->action;
    free(wait);
    if (!a)
        return;
    a->wait = NULL;
    text_copy(a->name, sizeof(a->name), found->name ? found->name : "");
    dispatch(a);
}

static void dial(struct pending_action *a, const char *number)
{
    struct number n;
    numbers_get(a->t->numbers, number, &n);
    if (n.kind != NUMBER_E164 || !a->t->opts.pops) {
        dispatch(a);
        return;
    }
    a->wait = xcalloc(1, sizeof(*a->wait));
    a->wait->action = a;
    pops_find(a->t->opts.pops, n.value, on_name, a->wait);
}

/* ---- judging the request ---- */

static const struct verb *verb_of(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
        if (text_eq(verbs[i].word, word))
            return &verbs[i];
    return NULL;
}

/* Copies what is asked; the code of what is wrong with it, NULL if nothing is. */
static const char *read_request(struct pending_action *a, const struct call_control_request *req,
                                const struct verb *verb, const char **text)
{
    const char *device = req->device ? req->device : "";
    *text = "device: there is no such source";
    if (device_source(a->t, device, &a->source, &device) < 0)
        return "bad_request";
    *text = "source: there is no such source";
    if (req->source)
        a->source = source_find(a->t, req->source);
    if (req->source && !a->source)
        return "bad_request";
    *text = "device: is missing or too long";
    if (!text_copy(a->device, sizeof(a->device), device) || (!verb->on_call && !device[0]))
        return "bad_request";
    *text = "number: is missing, or cannot be dialled";
    if (verb->can == STEWARD_CAN_DIAL && (!req->number || !target_of(a, req->number, a->number)))
        return "bad_number";
    *text = "to: is missing, or cannot be dialled";
    if (verb->can == STEWARD_CAN_TRANSFER && (!req->to || !target_of(a, req->to, a->to)))
        return "bad_number";
    *text = "kind: is neither blind nor attended";
    bool attended = text_eq(req->kind, "attended");
    if (req->kind && !attended && !text_eq(req->kind, "blind"))
        return "bad_request";
    a->transfer = verb->can != STEWARD_CAN_TRANSFER ? STEWARD_TRANSFER_NONE
                  : attended                        ? STEWARD_TRANSFER_ATTENDED
                                                    : STEWARD_TRANSFER_BLIND;
    text_copy(a->reason, sizeof(a->reason), req->reason ? req->reason : "");
    return NULL;
}

struct ringing {
    const struct live_call *live;
    const char *device;
    int n;
};

static void count_ringing(void *ctx, const char *device)
{
    struct ringing *r = ctx;
    if (text_eq(call_holder(r->live->call), device))
        return;
    r->device = device;
    r->n++;
}

/* The one device for which an action without one can be meant; NULL with text if there is none. A
 * hangup needs none: it ends the call. */
static const char *device_for(const struct pending_action *a, const struct live_call *l,
                              const char **text)
{
    struct ringing r = {.live = l};
    if (a->what != STEWARD_CAN_ANSWER) {
        *text = "device: nobody of this site talks in that call";
        return call_holder(l->call);
    }
    call_each_shown(l->call, count_ringing, &r);
    *text = r.n ? "device: several phones ring: name one" : "device: no phone rings for that call";
    return r.n == 1 ? r.device : NULL;
}

/* Who acts in the call: the device named, the asker's own if it has a part in it, or the one that
 * has the call. The code of what is in the way, NULL if nothing is. */
static const char *find_device(struct pending_action *a, const struct call_control_request *req,
                               const struct live_call *l, const char **text)
{
    bool party = call_has_part(l->call, a->device) || call_busies(l->call, a->device);
    *text = "the call is not at your device";
    if (req->own && !call_has_part(l->call, a->device))
        return "forbidden";
    if (req->implied && !party)
        a->device[0] = '\0';
    if (!a->device[0] && a->what != STEWARD_CAN_HANGUP) {
        const char *device = device_for(a, l, text);
        if (!device || !text_copy(a->device, sizeof(a->device), device))
            return "bad_request";
        party = true;
    }
    *text = "device: has no part in that call";
    if (!party && a->device[0])
        return "bad_request";
    a->party = party && a->device[0];
    return NULL;
}

/* The source that is to do it, and the call; the code of what is in the way, NULL if nothing is. */
static const char *find_target(struct pending_action *a, const struct call_control_request *req,
                               const struct verb *verb, const char **text)
{
    if (verb->on_call) {
        const struct live_call *l = asked_call(a, req);
        *text = "there is no such live call";
        if (!l)
            return "no_such_call";
        const char *wrong = find_device(a, req, l, text);
        if (wrong)
            return wrong;
        a->source = l->source;
        text_copy(a->call, sizeof(a->call), l->name);
    } else if (!a->source) {
        choose_source(a);
    }
    *text = "no PBX of this site can do that";
    if (!a->source)
        return "not_supported";
    *text = "this PBX cannot do that";
    return a->source->can & a->what ? NULL : "not_supported";
}

uint64_t call_control_do(struct calls *t, const struct call_control_request *req,
                         call_control_cb *cb, void *ctx)
{
    struct pending_action *a = xcalloc(1, sizeof(*a));
    const struct verb *verb = verb_of(req->action);
    const char *text = "action: is unknown";
    *a = (struct pending_action){.t = t, .id = ++t->next_action, .cb = cb, .ctx = ctx};
    a->timer = loop_timer_new(t->opts.loop, on_timer, a);
    HASH_ADD(hh, t->actions, id, sizeof(a->id), a);
    uint64_t id = a->id;
    const char *wrong = "bad_request";
    if (verb) {
        a->what = verb->can;
        a->state = verb->state;
        wrong = read_request(a, req, verb, &text);
        if (!wrong)
            wrong = find_target(a, req, verb, &text);
    }
    if (wrong)
        answer(a, false, wrong, text);
    else if (verb->can == STEWARD_CAN_DIAL)
        dial(a, req->number);
    else
        dispatch(a);
    return id;
}
