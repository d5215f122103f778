/*
 * policy_table.c - every key of a policy: what it means, its default and its bounds.
 */
#include "domain/policy_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "domain/policy.h"

#define YEARS_10 INT64_C(315360000000)

const char *const policy_clock_names[] = {"claim",   "first_reply", "accept",  "progress",
                                          "resolve", "feedback",    "confirm", NULL};
const char *const policy_roles[] = {"responder", "supervisor", "department_head",  "manager",
                                    "director",  "on_shift",   "building_steward", NULL};
static const char *const tell_by[] = {"desk", "sms", "email", NULL};
static const char *const answer_by[] = {"call", "sms", "email", NULL};
static const char *const priorities[] = {"1", "2", "3", "4", NULL};
static const char *const kinds[] = {"repair", "complaint", "enquiry", "suggestion", "praise", NULL};
static const char *const channels[] = {"call", "callback", "walk_in", "sms", "email", "web", NULL};

#define LADDER_DEFAULT                                                                             \
    "[{at: 80%, tell: [responder]}, {at: 100%, tell: [responder, supervisor]}, "                   \
    "{at: +1h, tell: [department_head, manager]}, {at: +4h, tell: [director]}]"

const char policy_standard_yaml[] =
    "{clocks: {claim: 5m, first_reply: 30m, accept: 30m, progress: 1d, resolve: 3d, feedback: 4h, "
    "confirm: 3d}, pause: {resolve: [owner, access, parts]}}";

/* ---- when a step is due ---- */

static int read_at(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                   void *field)
{
    struct policy_at *at = field;
    const char *s =
        conf_expect_scalar(cx, key, n, "a share such as 80% or a time after the end such as +30m");
    if (!s)
        return E_INVALID;
    int64_t percent;
    char digits[8];
    size_t len = strlen(s);
    if (len > 1 && len < sizeof(digits) && s[len - 1] == '%') {
        (void)text_copyn(digits, sizeof(digits), s, len - 1);
        if (text_int(digits, 1, 1000, &percent) == E_OK) {
            *at = (struct policy_at){.percent = (int)percent};
            return E_OK;
        }
    }
    struct policy_at after = {0};
    if (s[0] == '+' && span_parse(s + 1, &after.after) == E_OK) {
        *at = after;
        return E_OK;
    }
    conf_fault_at(cx->faults, n,
                  "%s: '%s' is neither a share (1%% to 1000%%) nor a time after the end (+30m)",
                  key->name, s);
    return E_INVALID;
}

static void write_at(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct policy_at *at = field;
    char text[SPAN_TEXT_MAX + 16];
    if (at->percent)
        (void)snprintf(text, sizeof(text), "%d%%", at->percent);
    else
        (void)snprintf(text, sizeof(text), "+%s", at->after.text);
    jw_str(&out->w, text);
}

static const struct conf_kind at_kind = {"moment", read_at, NULL, write_at};

/* ---- what a step raises ---- */

static int read_raise(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                      void *field)
{
    char *word = NULL;
    if (conf_word.read(cx, key, n, &word) < 0)
        return E_INVALID;
    *(bool *)field = true;
    free(word);
    return E_OK;
}

static void write_raise(const struct conf_key *key, const void *field, struct conf_out *out)
{
    jw_str(&out->w, *(const bool *)field ? "priority" : NULL);
}

static const struct conf_kind raise_kind = {"word", read_raise, NULL, write_raise};
static const char *const raise_words[] = {"priority", NULL};

/* ---- ladders ---- */

#define S(member) offsetof(struct policy_step, member)
const struct conf_key policy_step_table[] = {
    {"at", &at_kind, S(at), .flags = CONF_REQUIRED,
     .help = "When: a share of the clock's time (80%, 100%) or a time after its end (+30m)."},
    {"tell", &conf_texts_kind, S(tell), "[]", .max = 32,
     .help = "Who is told: `responder`, `supervisor`, `department_head`, `manager`, `director`, "
             "`on_shift`, "
             "`building_steward`, or an account."},
    {"by", &conf_texts_kind, S(by), "[]", .words = tell_by,
     .help = "How; when empty at the desk, and by SMS if the account has a phone, else e-mail."},
    {"raise", &raise_kind, S(raise_priority), .words = raise_words,
     .help = "Raises the ticket's priority by one, towards 1."},
    {"repeat", &conf_span, S(repeat), .min = 1000, .max = YEARS_10,
     .help = "The step happens again after this."},
    {"times", &conf_int, S(times), "0", .min = 0, .max = 1000,
     .help = "How often in all when it repeats; 0: until the clock ends."},
    {0}};
#undef S

/* Shares in order, then times after the end in order. */
static int64_t rank(const struct policy_at *at)
{
    return at->percent ? at->percent : 1001 + span_rough_ms(&at->after);
}

/* Insertion sort: stable, and files are nearly always in order. */
static void sort_steps(struct policy_ladder *l)
{
    for (size_t i = 1; i < l->steps_n; i++) {
        struct policy_step one = l->steps[i];
        size_t k = i;
        for (; k > 0 && rank(&l->steps[k - 1].at) > rank(&one.at); k--)
            l->steps[k] = l->steps[k - 1];
        l->steps[k] = one;
    }
}

static struct conf_key steps_key(const struct conf_key *key)
{
    struct conf_key k = *key;
    k.kind = &conf_maps;
    k.sub = policy_step_table;
    k.size = sizeof(struct policy_step);
    k.max = 100;
    return k;
}

static void clear_ladder(const struct conf_key *key, void *field)
{
    struct policy_ladder *l = field;
    struct conf_key k = steps_key(key);
    conf_maps.clear(&k, &l->steps);
    l->set = false;
}

static int read_ladder(struct conf_ctx *cx, const struct conf_key *key, const struct conf_node *n,
                       void *field)
{
    struct policy_ladder *l = field;
    struct conf_key k = steps_key(key);
    clear_ladder(key, field);
    int rc = conf_maps.read(cx, &k, n, &l->steps);
    l->set = true;
    sort_steps(l);
    return rc;
}

static void write_ladder(const struct conf_key *key, const void *field, struct conf_out *out)
{
    const struct policy_ladder *l = field;
    struct conf_key k = steps_key(key);
    if (l->set)
        conf_maps.write(&k, &l->steps, out);
    else
        jw_null(&out->w);
}

const struct conf_kind policy_ladder_kind = {"list of steps", read_ladder, clear_ladder,
                                             write_ladder};

/* ---- the policy ---- */

#define C(member) offsetof(struct policy_clock, member)
static const struct conf_key clock_table[] = {
    {"within", &conf_span, C(within), .min = 1, .max = YEARS_10, .flags = CONF_REQUIRED,
     .help = "The time promised. `claim: 2m` is short for `claim: {within: 2m}`."},
    {"escalate", &policy_ladder_kind, C(escalate), .sub = policy_step_table, .flags = CONF_SEE,
     .help = "A ladder of its own; else the policy's `escalate`."},
    {0}};
#undef C

#define M(member) offsetof(struct policy_milestone, member)
static const struct conf_key milestone_table[] = {
    {"within", &conf_span, M(within), .min = 1, .max = YEARS_10, .flags = CONF_REQUIRED,
     .help = "The time promised."},
    {"from", &conf_text, M(from), "opened", .min = 1, .max = 64,
     .help = "`opened`, or the milestone whose keeping starts this one."},
    {"escalate", &policy_ladder_kind, M(escalate), .sub = policy_step_table, .flags = CONF_SEE,
     .help = "A ladder of its own; else the policy's `escalate`."},
    {0}};
#undef M

#define W(member) offsetof(struct policy_when, member)
static const struct conf_key when_table[] = {
    {"priority", &conf_texts_kind, W(priority), "[]", .words = priorities,
     .help = "One of these priorities."},
    {"segment", &conf_texts_kind, W(segment), "[]", .max = 32,
     .help = "The owner's segment is one of these."},
    {"flag", &conf_texts_kind, W(flag), "[]", .max = 32,
     .help = "The owner bears one of these flags."},
    {"kind", &conf_texts_kind, W(kind), "[]", .words = kinds,
     .help = "The ticket is of one of these kinds."},
    {"channel", &conf_texts_kind, W(channel), "[]", .words = channels,
     .help = "It came by one of these channels."},
    {"category", &conf_texts_kind, W(category), "[]", .max = 64,
     .help = "It is of one of these categories."},
    {"estate", &conf_texts_kind, W(estate), "[]", .max = 64,
     .help = "Its unit is in one of these estates."},
    {0}};
#undef W

static const struct conf_key reopen_tell_table[] = {
    {"tell", &conf_texts_kind, offsetof(struct policy_reopen_tell, tell), "[]", .max = 32,
     .help = "Who is told beside the responder."},
    {0}};

static const struct conf_key pause_table[] = {{"reasons", &conf_texts_kind,
                                               offsetof(struct policy_pause, reasons), "[]",
                                               .max = 32, .help = "Reasons that stop this clock."},
                                              {0}};

#define P(member) offsetof(struct policy, member)
static const struct conf_key reopen_table[] = {
    {"tell", &conf_dict, P(reopen.tell), "{\"2\": [supervisor], \"3\": [manager]}",
     .sub = reopen_tell_table, .size = sizeof(struct policy_reopen_tell), .shorthand = "tell",
     .max = 32,
     .help = "Who is told when a ticket is reopened, by the cycle that begins (2, 3, …) and those "
             "after it."},
    {"shrink", &conf_percent, P(reopen.shrink), "100%", .min = 1, .max = 100,
     .help = "Clocks of later cycles are this share of the first cycle's."},
    {0}};

static const struct conf_key urge_table[] = {
    {"tell", &conf_texts_kind, P(urge.tell), "[responder, department_head]", .max = 32,
     .help = "Who is told that the owner urges."},
    {"step", &conf_int, P(urge.step), "1", .min = 0, .max = 10,
     .help = "Rungs of the ladder that an urge climbs."},
    {"every", &conf_span, P(urge.every), "30m", .min = 1, .max = YEARS_10,
     .help = "Further urges within this time are counted, and tell nobody."},
    {0}};

static const struct conf_key no_answer_table[] = {
    {"tries", &conf_int, P(no_answer.tries), "3", .min = 1, .max = 100,
     .help = "How often the owner is asked before the ticket closes unconfirmed."},
    {"over", &conf_span, P(no_answer.over), "3d", .min = 1, .max = YEARS_10,
     .help = "The time over which the tries spread."},
    {"by", &conf_texts_kind, P(no_answer.by), "[call, sms]", .words = answer_by,
     .help = "How the owner is asked."},
    {0}};

const struct conf_key policy_table[] = {
    {"urgent", &conf_bool, P(urgent), "false",
     .help = "Its messages to owners pass quiet hours; this is recorded."},
    {"calendar", &conf_text, P(calendar), "always", .min = 1, .max = 64,
     .help = "The calendar by which its clocks run."},
    {"clocks", &conf_dict, P(clocks), "{}", .words = policy_clock_names, .sub = clock_table,
     .size = sizeof(struct policy_clock), .shorthand = "within",
     .help = "The time promised, by clock. A clock that is not written does not run."},
    {"milestones", &conf_dict, P(milestones), "{}", .sub = milestone_table,
     .size = sizeof(struct policy_milestone), .shorthand = "within", .max = 32,
     .help = "Named promises of a statutory pack, kept by `milestones/NAME`."},
    {"when", &conf_maps, P(when), "[]", .sub = when_table, .size = sizeof(struct policy_when),
     .max = 64,
     .help = "Tickets for which this policy is taken instead of their category's: any row whose "
             "keys all hold."},
    {"escalate", &policy_ladder_kind, P(escalate), LADDER_DEFAULT, .sub = policy_step_table,
     .help = "The ladder of every clock that has none of its own; `[]` for none."},
    {"reopen", &conf_map, 0, .sub = reopen_table,
     .help = "What happens when the owner is not satisfied."},
    {"urge", &conf_map, 0, .sub = urge_table,
     .help = "What happens when the owner asks for haste."},
    {"no_answer", &conf_map, 0, .sub = no_answer_table,
     .help = "The protocol for an owner who does not answer."},
    {"pause", &conf_dict, P(pause), "{}", .sub = pause_table, .size = sizeof(struct policy_pause),
     .shorthand = "reasons",
     .help = "The reasons that stop a clock, by clock or milestone. No other reason does."},
    {0}};
#undef P
