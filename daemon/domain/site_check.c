/*
 * site_check.c - what the table cannot know: names that must point somewhere, calendars that must
 * open, files that must be there (site_priv.h).
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "domain/number.h"
#include "domain/policy_table.h"
#include "domain/site_priv.h"

const struct conf_node *site_node_at(const struct conf_node *n, const char *a, const char *b,
                                     const char *c)
{
    const char *const path[] = {a, b, c};
    for (size_t i = 0; i < 3 && path[i]; i++) {
        const struct conf_node *below = conf_node_get(n, path[i]);
        if (!below)
            break;
        n = below;
    }
    return n;
}

/* Names of one of the site's lists, for "did you mean". */
static const char *near(const void *items, size_t n, size_t size, const char *word, char *hint,
                        size_t cap)
{
    const char *words[64];
    size_t k = 0;
    for (size_t i = 0; i < n && k + 1 < sizeof(words) / sizeof(words[0]); i++)
        words[k++] = *(char *const *)((const char *)items + i * size);
    words[k] = NULL;
    return conf_did_you_mean(word, words, hint, cap);
}

#define NEAR(list, word, hint)                                                                     \
    near(s->list, s->list##_n, sizeof(*s->list), word, hint, sizeof(hint))

static void need_policy(const struct site *s, const struct conf_node *n, const char *name,
                        struct conf_faults *f)
{
    char hint[128];
    if (name && !site_policy(s, name))
        conf_fault_at(f, n, "policy: there is no policy '%s'%s", name, NEAR(policies, name, hint));
}

static void check_categories(const struct site *s, const struct conf_node *root,
                             struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < s->categories_n; i++) {
        const struct site_category *c = &s->categories[i];
        need_policy(s, site_node_at(root, "categories", c->name, "policy"), c->policy, f);
        if (c->department && !site_department(s, c->department))
            conf_fault_at(f, site_node_at(root, "categories", c->name, "department"),
                          "department: there is no department '%s'%s", c->department,
                          NEAR(departments, c->department, hint));
    }
}

/* The rules say "area_code: what is wrong": the key is the place. */
static void check_numbering(const struct site *s, const struct conf_node *root,
                            struct conf_faults *f)
{
    struct number_rules rules;
    struct errmsg why;
    char key[32];
    number_rules_of(s, &rules);
    if (number_rules_check(&rules, &why) == E_OK)
        return;
    text_copyn(key, sizeof(key), why.text, strcspn(why.text, ":"));
    conf_fault_at(f, site_node_at(root, "numbering", key, NULL), "%s", why.text);
}

/* ---- calendars ---- */

/* Hours that were read without a fault and leave nothing. */
static bool never_opens(const struct conf_node *hours)
{
    bool blank = hours && hours->kind == CONF_MAPPING;
    for (size_t i = 0; blank && i < hours->n; i++) {
        const struct conf_node *v = hours->values[i];
        blank = conf_node_is_null(v) || (v->kind == CONF_SEQUENCE && v->n == 0);
    }
    return blank;
}

static void check_calendar(const struct site_calendar *c, const struct conf_node *n,
                           struct conf_faults *f)
{
    if (never_opens(conf_node_get(n, "hours")))
        conf_fault_at(f, conf_node_get(n, "hours"),
                      "%s: a calendar without working time never ends a clock", c->name);
    for (size_t i = 0; i < c->holidays.n; i++)
        if (access(c->holidays.items[i], R_OK) != 0)
            conf_warn_at(f, site_node_at(n, "holidays", NULL, NULL),
                         "holidays: %s cannot be read: no day off is known of it",
                         c->holidays.items[i]);
}

/* ---- policies ---- */

/* Accounts may be named before they exist, so a word that is nearly a role is only suspicious. */
static void check_tell(const struct conf_texts *tell, const struct conf_node *n,
                       struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < tell->n; i++) {
        const char *word = tell->items[i];
        if (policy_is_role(word))
            continue;
        if (!*word || strlen(word) > 64 || word[strcspn(word, " \t\r\n/,;")] != '\0')
            conf_fault_at(f, n, "tell: '%s' is neither a role nor an account", word);
        else if (*conf_did_you_mean(word, policy_roles, hint, sizeof(hint)))
            conf_warn_at(f, n, "tell: '%s' is no role and is taken for an account%s", word, hint);
    }
}

static void check_ladder(const struct policy_ladder *l, const struct conf_node *n,
                         struct conf_faults *f)
{
    for (size_t i = 0; i < l->steps_n; i++) {
        const struct policy_step *s = &l->steps[i];
        check_tell(&s->tell, n, f);
        if (s->tell.n == 0 && !s->raise_priority)
            conf_fault_at(f, n, "escalate: a step that tells nobody and raises nothing");
        if (s->times && !span_is_set(&s->repeat))
            conf_fault_at(f, n, "escalate: 'times' without 'repeat'");
    }
}

/* Each milestone starts at the opening in the end: a ring of them never would. */
static void check_milestones(const struct policy *p, const struct conf_node *n,
                             struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < p->milestones_n; i++) {
        const struct policy_milestone *m = &p->milestones[i];
        const struct conf_node *place = site_node_at(n, "milestones", m->name, "from");
        if (policy_clock(p, m->name))
            conf_fault_at(f, place, "%s: a milestone cannot bear the name of a clock", m->name);
        check_ladder(&m->escalate, site_node_at(n, "milestones", m->name, "escalate"), f);
        for (size_t steps = 0; m && !text_eq(m->from, "opened"); steps++) {
            const char *from = m->from;
            m = from ? policy_milestone(p, from) : NULL;
            if (!m && from)
                conf_fault_at(f, place, "from: there is no milestone '%s'%s", from,
                              near(p->milestones, p->milestones_n, sizeof(*p->milestones), from,
                                   hint, sizeof(hint)));
            if (m && steps > p->milestones_n) {
                conf_fault_at(f, place, "from: these milestones wait for one another");
                break;
            }
        }
    }
}

static void check_when(const struct site *s, const struct policy *p, const struct conf_node *n,
                       struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < p->when_n; i++) {
        const struct conf_node *place =
            n && n->kind == CONF_SEQUENCE && i < n->n ? n->values[i] : n;
        const struct conf_texts *asked = &p->when[i].category;
        if (place && place->n == 0 && (place->kind == CONF_MAPPING || conf_node_is_null(place)))
            conf_fault_at(f, place, "when: a condition that asks nothing");
        for (size_t k = 0; k < asked->n; k++)
            if (!site_category(s, asked->items[k]))
                conf_fault_at(f, place, "category: there is no category '%s'%s", asked->items[k],
                              NEAR(categories, asked->items[k], hint));
    }
}

static void check_reopen(const struct policy *p, const struct conf_node *n, struct conf_faults *f)
{
    int64_t cycle;
    for (size_t i = 0; i < p->reopen.tell_n; i++) {
        const struct policy_reopen_tell *t = &p->reopen.tell[i];
        if (text_int(t->cycle, 2, 1000, &cycle) < 0)
            conf_fault_at(f, site_node_at(n, t->cycle, NULL, NULL),
                          "tell: '%s' is not a cycle (2, 3, …)", t->cycle);
        check_tell(&t->tell, site_node_at(n, t->cycle, NULL, NULL), f);
    }
}

static void check_pause(const struct policy *p, const struct conf_node *n, struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < p->pause_n; i++) {
        const char *name = p->pause[i].clock;
        bool known = policy_milestone(p, name) != NULL;
        for (const char *const *w = policy_clock_names; *w; w++)
            known |= text_eq(*w, name);
        if (!known)
            conf_fault_at(f, site_node_at(n, name, NULL, NULL), "pause: there is no clock '%s'%s",
                          name, conf_did_you_mean(name, policy_clock_names, hint, sizeof(hint)));
    }
}

static void check_policy(const struct site *s, const struct policy *p, const struct conf_node *n,
                         struct conf_faults *f)
{
    char hint[128];
    if (p->calendar && !site_calendar(s, p->calendar))
        conf_fault_at(f, site_node_at(n, "calendar", NULL, NULL),
                      "calendar: there is no calendar '%s'%s", p->calendar,
                      NEAR(calendars, p->calendar, hint));
    check_ladder(&p->escalate, site_node_at(n, "escalate", NULL, NULL), f);
    for (size_t i = 0; i < p->clocks_n; i++)
        check_ladder(&p->clocks[i].escalate,
                     site_node_at(n, "clocks", p->clocks[i].name, "escalate"), f);
    check_milestones(p, n, f);
    check_when(s, p, site_node_at(n, "when", NULL, NULL), f);
    check_reopen(p, site_node_at(n, "reopen", "tell", NULL), f);
    check_tell(&p->urge.tell, site_node_at(n, "urge", "tell", NULL), f);
    check_pause(p, site_node_at(n, "pause", NULL, NULL), f);
}

/* ---- the rest ---- */

static void check_care(const struct site *s, const struct conf_node *n, struct conf_faults *f)
{
    char hint[128];
    for (size_t i = 0; i < s->care_n; i++) {
        const struct site_care *c = &s->care[i];
        const struct conf_node *place =
            n && n->kind == CONF_SEQUENCE && i < n->n ? n->values[i] : n;
        if (c->category && !site_category(s, c->category))
            conf_fault_at(f, site_node_at(place, "category", NULL, NULL),
                          "category: there is no category '%s'%s", c->category,
                          NEAR(categories, c->category, hint));
        if (text_eq(c->what, "message") && !c->template)
            conf_fault_at(f, place, "care: a message needs its 'template'");
    }
}

void site_check(const struct site *s, const struct conf_node *root, struct conf_faults *faults)
{
    check_numbering(s, root, faults);
    for (size_t i = 0; i < s->calendars_n; i++)
        check_calendar(&s->calendars[i],
                       site_node_at(root, "calendars", s->calendars[i].name, NULL), faults);
    check_categories(s, root, faults);
    for (size_t i = 0; i < s->policies_n; i++)
        check_policy(s, &s->policies[i], site_node_at(root, "policies", s->policies[i].name, NULL),
                     faults);
    need_policy(s, site_node_at(root, "tickets", "policy", NULL), s->tickets.policy, faults);
    need_policy(s, site_node_at(root, "callbacks", "policy", NULL), s->callbacks.policy, faults);
    check_tell(&s->tickets.group_alert.tell, site_node_at(root, "tickets", "group_alert", "tell"),
               faults);
    check_tell(&s->reports.digest_tell, site_node_at(root, "reports", "digest_tell", NULL), faults);
    site_check_tls(s, root, faults);
    check_care(s, site_node_at(root, "care", NULL, NULL), faults);
}

void site_check_gateways(const struct site *s, const struct conf_node *root,
                         struct conf_faults *faults)
{
    const char *const named[][2] = {{"sms", s->messages.sms.gateway},
                                    {"email", s->messages.email.gateway}};
    for (size_t i = 0; i < 2; i++)
        if (named[i][1] && !site_instance(s, named[i][1]))
            conf_warn_at(faults, site_node_at(root, "messages", named[i][0], "gateway"),
                         "messages.%s.gateway: there is no instance '%s' yet; its messages wait",
                         named[i][0], named[i][1]);
}
