/*
 * policy.c - policies as JSON and back, and what is asked of them (policy.h).
 */
#include "domain/policy.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/text.h"
#include "domain/policy_table.h"

static const struct conf_key ladder_key = {"escalate", &policy_ladder_kind,
                                           .sub = policy_step_table};

void policy_to_json(const struct policy *p, struct buf *out)
{
    struct conf_out o = {0};
    jw_init(&o.w, out);
    jw_obj(&o.w);
    jw_kstr(&o.w, "name", p->name);
    conf_table_write(policy_table, p, &o);
    jw_end_obj(&o.w);
}

void policy_ladder_to_json(const struct policy_ladder *l, struct buf *out)
{
    struct conf_out o = {0};
    jw_init(&o.w, out);
    policy_ladder_kind.write(&ladder_key, l, &o);
}

/* The first fault as the message. */
static int tell_why(struct conf_faults *f, struct errmsg *why)
{
    int rc = errmsg_set(why, E_INVALID, "%s", f->n ? f->items[0].text : "no policy");
    conf_faults_free(f);
    return rc;
}

struct policy *policy_from_json(const char *json, size_t len, struct errmsg *why)
{
    struct conf_faults faults = {0};
    struct conf_ctx cx = {&faults, ""};
    json_t *v = json_parse(json, len, why);
    if (!v)
        return NULL;
    struct policy *p = xcalloc(1, sizeof(*p));
    p->name = xstrdup(json_string_value(json_object_get(v, "name")));
    (void)json_object_del(v, "name");
    struct conf_node *n = conf_node_from_json(v);
    json_decref(v);
    int rc = conf_table_read(&cx, policy_table, n, p);
    conf_node_free(&n);
    if (rc == E_OK && p->name)
        return p;
    (void)tell_why(&faults, why);
    policy_free(&p);
    return NULL;
}

int policy_ladder_from_json(const char *json, size_t len, struct policy_ladder *out,
                            struct errmsg *why)
{
    struct conf_faults faults = {0};
    struct conf_ctx cx = {&faults, ""};
    *out = (struct policy_ladder){0};
    json_t *v = json_parse(json, len, why);
    if (!v)
        return E_INVALID;
    bool none = json_is_null(v);
    struct conf_node *n = conf_node_from_json(v);
    json_decref(v);
    int rc = none ? E_OK : policy_ladder_kind.read(&cx, &ladder_key, n, out);
    conf_node_free(&n);
    if (rc == E_OK)
        return E_OK;
    policy_ladder_clear(out);
    return tell_why(&faults, why);
}

void policy_ladder_clear(struct policy_ladder *l)
{
    policy_ladder_kind.clear(&ladder_key, l);
}

void policy_free(struct policy **pp)
{
    struct policy *p = *pp;
    if (!p)
        return;
    *pp = NULL;
    conf_table_clear(policy_table, p);
    free(p->name);
    free(p);
}

const struct policy_clock *policy_clock(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->clocks_n; i++)
        if (text_eq(p->clocks[i].name, name))
            return &p->clocks[i];
    return NULL;
}

const struct policy_milestone *policy_milestone(const struct policy *p, const char *name)
{
    for (size_t i = 0; i < p->milestones_n; i++)
        if (text_eq(p->milestones[i].name, name))
            return &p->milestones[i];
    return NULL;
}

const struct policy_ladder *policy_ladder_of(const struct policy *p, const char *name)
{
    const struct policy_clock *c = policy_clock(p, name);
    const struct policy_milestone *m = c ? NULL : policy_milestone(p, name);
    if (c && c->escalate.set)
        return &c->escalate;
    if (m && m->escalate.set)
        return &m->escalate;
    return &p->escalate;
}

bool policy_may_pause(const struct policy *p, const char *clock)
{
    for (size_t i = 0; i < p->pause_n; i++)
        if (text_eq(p->pause[i].clock, clock))
            return p->pause[i].reasons.n > 0;
    return false;
}

bool policy_pauses(const struct policy *p, const char *clock, const char *reason)
{
    for (size_t i = 0; i < p->pause_n; i++)
        if (text_eq(p->pause[i].clock, clock))
            return conf_texts_has(&p->pause[i].reasons, reason);
    return false;
}

const struct conf_texts *policy_reopen_tells(const struct policy *p, int cycle)
{
    const struct conf_texts *found = NULL;
    int64_t highest = 0;
    for (size_t i = 0; i < p->reopen.tell_n; i++) {
        int64_t from;
        if (text_int(p->reopen.tell[i].cycle, 2, 1000, &from) < 0 || from > cycle ||
            from <= highest)
            continue;
        highest = from;
        found = &p->reopen.tell[i].tell;
    }
    return found;
}

bool policy_is_role(const char *word)
{
    for (const char *const *r = policy_roles; *r; r++)
        if (text_eq(*r, word))
            return true;
    return false;
}
