/*
 * line_agent.c - softphones and monitors: welcome, sign-on, actions and their results.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "edge/line/line_priv.h"

enum { ID_MAX = 128, ECHO_MAX = 6 * ID_MAX + 2 }; /* bytes of an action's id, and as JSON */

/* ---- welcome ---- */

static void send_standing(void *ctx, const char *json, size_t len)
{
    struct link *k = ctx;
    buf_reset(&k->line->out);
    buf_add(&k->line->out, json, len);
    k->line->stats.pops++;
    link_write(k);
}

/* The pops that stand at its device: it may have connected while the phone rings. */
static void send_pops(struct link *k)
{
    char source[65];
    const char *device = text_after_slash(k->device);
    if (!k->line->opts.pops || !k->device[0])
        return;
    if (device == k->device) {
        pops_each(k->line->opts.pops, NULL, device, send_standing, k);
        return;
    }
    text_copyn(source, sizeof(source), k->device, (size_t)(device - k->device - 1));
    pops_each(k->line->opts.pops, source, device, send_standing, k);
}

static void welcome(struct link *k)
{
    struct jw w;
    k->welcomed = true;
    line_begin(k->line, &w, "welcome");
    jw_kint(&w, "v", 1);
    jw_kstr(&w, "name", k->name);
    if (k->role == LINE_AGENT)
        jw_kstr(&w, "device", k->device);
    jw_kstr(&w, "server", "stewardd/" STEWARD_VERSION);
    jw_end_obj(&w);
    link_write(k);
    link_flow(k);
}

void agent_open(struct link *k)
{
    struct line *l = k->line;
    if (k->role == LINE_AGENT) {
        line_join(&l->devices, &k->by_device, k, k->device);
        l->qualified += strchr(k->device, '/') != NULL;
    }
    if (k->person)
        line_join(&l->accounts, &k->by_account, k, k->account);
    line_join(&l->roles, &k->by_role, k, k->role == LINE_AGENT ? "agent" : "monitor");
    welcome(k);
    if (k->role == LINE_AGENT && k->person) {
        int rc = staff_sign_on(l->opts.staff, k->account, k->device);
        if (rc < 0)
            log_warn(&l->log, "%s could not sign on at %s: %s", k->account, k->device,
                     err_name(rc));
    }
    send_pops(k);
}

/* ---- actions ---- */

static void action_free(struct line_action *a)
{
    DL_DELETE(a->link->actions, a);
    a->link->n_actions--;
    free(a->echo);
    free(a);
}

void agent_close(struct link *k)
{
    while (k->actions) {
        call_control_forget(k->line->opts.calls, k->actions->id);
        action_free(k->actions);
    }
}

static void send_result(struct link *k, const char *echo, bool ok, const char *code,
                        const char *message)
{
    struct jw w;
    line_begin(k->line, &w, "result");
    jw_kraw(&w, "id", echo);
    jw_kbool(&w, "ok", ok);
    if (!ok) {
        jw_kstr(&w, "code", code ? code : "failed");
        jw_kstr(&w, "message", message ? message : "");
    }
    jw_end_obj(&w);
    link_write(k);
}

static void on_result(void *ctx, bool ok, const char *code, const char *message)
{
    struct line_action *a = ctx;
    send_result(a->link, a->echo, ok, code, message);
    action_free(a);
}

static int read_request(const struct json_obj *o, struct call_control_request *r,
                        struct errmsg *why)
{
    const struct {
        const char *key;
        const char **to;
    } texts[] = {
        {"action", &r->action}, {"number", &r->number}, {"to", &r->to},     {"kind", &r->kind},
        {"reason", &r->reason}, {"source", &r->source}, {"call", &r->call},
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        int rc = json_obj_str(o, texts[i].key, 128, texts[i].to, why);
        if (rc < 0)
            return rc;
    }
    return r->action ? 0 : errmsg_set(why, E_INVALID, "action: missing");
}

/* The client's id, text or number, as JSON for the answer; NULL if it is none. */
static char *echo_of(const struct json_obj *o)
{
    struct json_field id;
    struct buf out = BUF_INIT(ECHO_MAX);
    if (!json_obj_get(o, "id", &id))
        return NULL;
    if (id.kind == JSON_OBJ_TEXT && id.len <= ID_MAX)
        json_quote(&out, id.text, id.len);
    else if (id.kind == JSON_OBJ_INT)
        buf_printf(&out, "%lld", (long long)id.number);
    return out.len ? buf_take(&out) : NULL;
}

void agent_action(struct link *k, const struct json_obj *o)
{
    struct call_control_request r = {.device = k->device, .own = k->person};
    struct errmsg why = {{0}};
    char *echo = echo_of(o);
    if (!echo) {
        link_refuse(k, LINE_BAD_EVENT, 0, "id: missing, or neither text nor a number");
        return;
    }
    if (read_request(o, &r, &why) < 0) {
        send_result(k, echo, false, "bad_request", why.text);
        free(echo);
        return;
    }
    if (k->n_actions >= LINE_ACTIONS_MAX) {
        send_result(k, echo, false, "rate_limited", "too many actions are under way");
        free(echo);
        return;
    }
    struct line_action *a = xcalloc(1, sizeof(*a));
    a->link = k;
    a->echo = echo;
    DL_APPEND(k->actions, a);
    k->n_actions++;
    a->id = call_control_do(k->line->opts.calls, &r, on_result, a);
}
