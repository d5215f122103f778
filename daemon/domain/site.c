/*
 * site.c - the site's configuration once it is read: references, look-ups, what changed (site.h).
 */
#include "domain/site.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/text.h"
#include "domain/policy_table.h"
#include "domain/site_priv.h"

struct site *site_ref(struct site *s)
{
    (void)__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void site_unref(struct site **sp)
{
    struct site *s = *sp;
    *sp = NULL;
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    conf_table_clear(site_table, s);
    for (size_t i = 0; i < s->instances_n; i++) {
        free(s->instances[i].plugin);
        free(s->instances[i].name);
        free(s->instances[i].file);
        conf_node_free(&s->instances[i].node);
    }
    free(s->instances);
    zone_free(&s->zone);
    free(s->file);
    free(s->dir);
    free(s);
}

int32_t site_today(const struct site *s, int64_t now)
{
    return zone_day(s->zone, now);
}

/* Names come first in every element, so one search serves all lists. */
static const void *find(const void *items, size_t n, size_t size, size_t name_at, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        const char *element = (const char *)items + i * size;
        if (text_eq(*(char *const *)(element + name_at), name))
            return element;
    }
    return NULL;
}

#define FIND(list, type)                                                                           \
    find(s->list, s->list##_n, sizeof(struct type), offsetof(struct type, name), name)

const struct site_calendar *site_calendar(const struct site *s, const char *name)
{
    return FIND(calendars, site_calendar);
}

const struct policy *site_policy(const struct site *s, const char *name)
{
    return FIND(policies, policy);
}

const struct site_department *site_department(const struct site *s, const char *name)
{
    return FIND(departments, site_department);
}

const struct site_category *site_category(const struct site *s, const char *name)
{
    return FIND(categories, site_category);
}

const struct site_instance *site_instance(const struct site *s, const char *name)
{
    return FIND(instances, site_instance);
}

const char *site_provider_template(const struct site *s, const char *name, enum lang lang)
{
    for (size_t i = 0; i < s->messages.provider_templates_n; i++)
        if (text_eq(s->messages.provider_templates[i].name, name))
            return local_text_get(&s->messages.provider_templates[i].id, lang);
    return NULL;
}

/* ---- which policy ---- */

static bool asks_nothing_else(const struct conf_texts *asked, const char *value)
{
    return asked->n == 0 || (value && conf_texts_has(asked, value));
}

static bool bears_flag(const struct conf_texts *asked, const char *const *flags)
{
    if (asked->n == 0)
        return true;
    for (; flags && *flags; flags++)
        if (conf_texts_has(asked, *flags))
            return true;
    return false;
}

static bool when_holds(const struct policy_when *w, const struct policy_facts *f)
{
    const char priority[] = {(char)('0' + (f->priority > 0 && f->priority < 10 ? f->priority : 0)),
                             '\0'};
    return asks_nothing_else(&w->priority, priority) &&
           asks_nothing_else(&w->segment, f->segment) && asks_nothing_else(&w->kind, f->kind) &&
           asks_nothing_else(&w->channel, f->channel) &&
           asks_nothing_else(&w->category, f->category) &&
           asks_nothing_else(&w->estate, f->estate) && (bears_flag(&w->flag, f->flags));
}

const struct policy *site_policy_for(const struct site *s, const struct policy_facts *facts)
{
    for (size_t i = 0; i < s->policies_n; i++)
        for (size_t k = 0; k < s->policies[i].when_n; k++)
            if (when_holds(&s->policies[i].when[k], facts))
                return &s->policies[i];
    const struct site_category *c = facts->category ? site_category(s, facts->category) : NULL;
    const struct policy *p = c && c->policy ? site_policy(s, c->policy) : NULL;
    if (!p)
        p = site_policy(s, s->tickets.policy);
    return p ? p : site_policy(s, "standard");
}

/* ---- accounts that the file names ---- */

struct account_walk {
    void (*fn)(void *ctx, const char *where, const char *account);
    void *ctx;
    bool roles; /* the roles instead */
};

static void tell_accounts(const struct account_walk *w, const char *policy, const char *what,
                          const struct conf_texts *tell)
{
    for (size_t i = 0; i < tell->n; i++) {
        if (policy_is_role(tell->items[i]) != w->roles)
            continue;
        char *where = xasprintf("policies.%s.%s", policy, what);
        w->fn(w->ctx, where, tell->items[i]);
        free(where);
    }
}

static void ladder_accounts(const struct account_walk *w, const char *policy,
                            const struct policy_ladder *l)
{
    for (size_t i = 0; i < l->steps_n; i++)
        tell_accounts(w, policy, "escalate", &l->steps[i].tell);
}

static void policy_accounts(const struct account_walk *w, const struct policy *p)
{
    ladder_accounts(w, p->name, &p->escalate);
    for (size_t i = 0; i < p->clocks_n; i++)
        ladder_accounts(w, p->name, &p->clocks[i].escalate);
    for (size_t i = 0; i < p->milestones_n; i++)
        ladder_accounts(w, p->name, &p->milestones[i].escalate);
    for (size_t i = 0; i < p->reopen.tell_n; i++)
        tell_accounts(w, p->name, "reopen", &p->reopen.tell[i].tell);
    tell_accounts(w, p->name, "urge", &p->urge.tell);
}

void site_each_account(const struct site *s,
                       void (*fn)(void *ctx, const char *where, const char *account), void *ctx)
{
    const struct account_walk w = {.fn = fn, .ctx = ctx};
    for (size_t i = 0; i < s->departments_n; i++) {
        if (!s->departments[i].head)
            continue;
        char *where = xasprintf("departments.%s.head", s->departments[i].name);
        fn(ctx, where, s->departments[i].head);
        free(where);
    }
    for (size_t i = 0; i < s->policies_n; i++)
        policy_accounts(&w, &s->policies[i]);
    for (size_t i = 0; i < s->tickets.group_alert.tell.n; i++)
        if (!policy_is_role(s->tickets.group_alert.tell.items[i]))
            fn(ctx, "tickets.group_alert.tell", s->tickets.group_alert.tell.items[i]);
    for (size_t i = 0; i < s->reports.digest_tell.n; i++)
        if (!policy_is_role(s->reports.digest_tell.items[i]))
            fn(ctx, "reports.digest_tell", s->reports.digest_tell.items[i]);
}

void site_each_role(const struct site *s,
                    void (*fn)(void *ctx, const char *where, const char *role), void *ctx)
{
    const struct account_walk w = {.fn = fn, .ctx = ctx, .roles = true};
    for (size_t i = 0; i < s->policies_n; i++)
        policy_accounts(&w, &s->policies[i]);
}

/* ---- what changed ---- */

struct diff_lists {
    struct buf *now, *later;
};

static void list_add_name(struct buf *out, const char *what, const char *name)
{
    buf_printf(out, "%s%s%s", out->len ? ", " : "", what, name);
}

static void changed(void *ctx, const char *path, const struct conf_key *key)
{
    const struct diff_lists *lists = ctx;
    list_add_name(key->flags & CONF_RELOAD ? lists->now : lists->later, "", path);
}

/* Instances come and go, and take what is new to them; another plugin under the same name waits. */
static void diff_instances(const struct site *old, const struct site *now_site,
                           const struct diff_lists *lists)
{
    for (size_t i = 0; i < now_site->instances_n; i++) {
        const struct site_instance *in = &now_site->instances[i];
        const struct site_instance *was = site_instance(old, in->name);
        if (was && strcmp(was->plugin, in->plugin) != 0)
            list_add_name(lists->later, "plugin ", in->name);
        else if (!was || !conf_node_equal(was->node, in->node))
            list_add_name(lists->now, "plugin ", in->name);
    }
    for (size_t i = 0; i < old->instances_n; i++)
        if (!site_instance(now_site, old->instances[i].name))
            list_add_name(lists->now, "plugin ", old->instances[i].name);
}

void site_diff(const struct site *old, const struct site *now_site, struct buf *now,
               struct buf *later)
{
    struct diff_lists lists = {now, later};
    conf_table_diff(site_table, old, now_site, changed, &lists);
    diff_instances(old, now_site, &lists);
}

void site_to_json(const struct site *s, struct buf *out)
{
    struct conf_out o = {0};
    jw_init(&o.w, out);
    jw_obj(&o.w);
    conf_table_write(site_table, s, &o);
    jw_key(&o.w, "instances");
    jw_arr(&o.w);
    for (size_t i = 0; i < s->instances_n; i++) {
        jw_obj(&o.w);
        jw_kstr(&o.w, "name", s->instances[i].name);
        jw_kstr(&o.w, "plugin", s->instances[i].plugin);
        jw_kstr(&o.w, "file", s->instances[i].file);
        jw_end_obj(&o.w);
    }
    jw_end_arr(&o.w);
    jw_end_obj(&o.w);
}
