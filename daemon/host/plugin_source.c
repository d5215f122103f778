/*
 * plugin_source.c - a plugin's PBX as calls sees it: events checked field by field, actions
 * handed over under guard.
 */
#include "host/plugins_priv.h"

#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/calls/call_control.h"
#include "service/calls/source.h"

#define CAN_ALL ((STEWARD_CAN_PARK << 1) - 1)

static int on_action(void *ctx, const struct steward_action *action)
{
    struct instance *in = ctx;
    struct guard g;
    if (!in->cti || !in->cti->action)
        return E_UNSUPPORTED;
    if (!guard_enter(&g, in, "action"))
        return E_BUSY;
    int rc = in->cti->action(in->cti_ctx, action);
    guard_leave(&g);
    return rc;
}

int plugin_source_register(struct instance *in, const struct steward_cti_ops *ops, void *ctx)
{
    if (in->cti || !ops || !STEWARD_HAS(ops, action)) {
        guard_fault(in, "register_cti: twice, or without its table");
        return E_INVALID;
    }
    in->cti = ops;
    in->cti_ctx = ctx;
    if (!in->plugins->opts.calls)
        return 0;
    in->source = source_get(in->plugins->opts.calls, in->name);
    if (!in->source) {
        in->cti = NULL;
        return E_BUSY;
    }
    struct source_adapter adapter = {
        .plugin = in->module, .action = ops->action ? on_action : NULL, .ctx = in};
    struct errmsg why;
    int rc = source_attach(in->source, &adapter, &why);
    if (rc < 0) {
        log_error(&in->log, "%s", why.text);
        source_let_go(in->source);
        in->source = NULL;
        in->cti = NULL;
    }
    return rc;
}

void plugin_source_unregister(struct instance *in)
{
    if (in->source)
        source_detach(in->source, in, "the plugin was stopped");
    in->source = NULL;
    in->cti = NULL;
}

/* Text fields of an event and their longest. */
static const struct {
    size_t offset, max;
    const char *name;
} event_texts[] = {
    {offsetof(struct steward_cti_event, call), 128, "event: call"},
    {offsetof(struct steward_cti_event, calling), 250, "event: calling"},
    {offsetof(struct steward_cti_event, called), 250, "event: called"},
    {offsetof(struct steward_cti_event, device), 128, "event: device"},
    {offsetof(struct steward_cti_event, queue), 128, "event: queue"},
    {offsetof(struct steward_cti_event, to), 250, "event: to"},
    {offsetof(struct steward_cti_event, other_call), 128, "event: other_call"},
    {offsetof(struct steward_cti_event, reason), 128, "event: reason"},
    {offsetof(struct steward_cti_event, pbx_cause), 250, "event: pbx_cause"},
};

static bool enums_are_good(const struct steward_cti_event *ev)
{
    return ev->kind > STEWARD_EV_NONE && ev->kind < STEWARD_EV_COUNT &&
           ev->direction <= STEWARD_DIR_INTERNAL && ev->cause < STEWARD_CAUSE_COUNT &&
           ev->transfer <= STEWARD_TRANSFER_ATTENDED && ev->by <= STEWARD_BY_SYSTEM &&
           ev->agent_state <= STEWARD_AGENT_WORKING_AFTER_CALL;
}

void plugin_source_emit(struct instance *in, const struct steward_cti_event *ev)
{
    struct steward_cti_event c = {0};
    struct errmsg why;
    bool bad = false;
    memcpy(&c, ev, ev->struct_size < sizeof(c) ? ev->struct_size : sizeof(c));
    c.struct_size = sizeof(c);
    for (size_t i = 0; i < ARRAY_LEN(event_texts); i++) {
        const char **field = (const char **)(void *)((char *)&c + event_texts[i].offset);
        *field = guard_text(in, *field, event_texts[i].max, event_texts[i].name, &bad);
    }
    if (!bad && !enums_are_good(&c)) {
        guard_fault(in, "event: a value outside its range (kind %d)", (int)c.kind);
        bad = true;
    }
    if (bad || !in->source)
        return;
    if (source_event(in->source, 0, &c, &why))
        log_complain(&in->event_said, &in->log, "an event is refused: %s", why.text);
    else
        guard_well(in);
}

void plugin_source_state(struct instance *in, enum steward_source_state state, uint32_t can,
                         const char *error)
{
    bool bad = false;
    error = guard_text(in, error, 250, "cti_state: error", &bad);
    if (state > STEWARD_SOURCE_UP || (can & ~CAN_ALL)) {
        guard_fault(in, "cti_state: state %d, can %x", (int)state, can);
        return;
    }
    if (in->source)
        source_state(in->source, state, can, error);
}

void plugin_source_resync(struct instance *in, bool begin)
{
    if (!in->source)
        return;
    if (begin)
        source_resync_begin(in->source);
    else
        source_resync_end(in->source);
}

void plugin_source_alive(struct instance *in, const char *call)
{
    bool bad = false;
    call = guard_text(in, call, 128, "cti_alive: call", &bad);
    if (call && *call && in->source)
        source_alive(in->source, call);
}

void plugin_source_action_done(struct instance *in, uint64_t token, bool ok, const char *code,
                               const char *text)
{
    bool bad = false;
    code = guard_text(in, code, 64, "action_done: code", &bad);
    text = guard_text(in, text, 250, "action_done: text", &bad);
    if (in->source)
        call_control_done(in->plugins->opts.calls, token, ok,
                          ok     ? NULL
                          : code ? code
                                 : "failed",
                          text);
}
