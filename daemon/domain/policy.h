/*
 * policy.h - what is promised to owners and who hears of a promise at risk: clocks, ladder,
 * reopening, urging. One is frozen as JSON into every ticket when its clocks start, so each can be
 * written and read back whole.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"
#include "base/conf.h"
#include "base/err.h"
#include "base/span.h"

/** When a step is due: at percent of the clock's span, or `after` its end (percent is 0 then). */
struct policy_at {
    int percent;
    struct span after;
};

/** One rung of a ladder. */
struct policy_step {
    struct policy_at at;
    struct conf_texts tell; /* role words (policy_is_role) or accounts */
    struct conf_texts by;   /* desk, sms, email; empty: desk always, and SMS, else e-mail */
    bool raise_priority;    /* one towards 1 */
    struct span repeat;     /* not set: once */
    int64_t times;          /* how often in all when it repeats; 0: until the clock ends */
};

struct policy_ladder {
    bool set;                  /* false: not written (of a clock: the policy's applies) */
    struct policy_step *steps; /* by due moment: percents ascending, then `after` ascending */
    size_t steps_n;
};

/** One time promise: claim, first_reply, accept, progress, resolve, feedback or confirm. */
struct policy_clock {
    char *name;
    struct span within;
    struct policy_ladder escalate; /* its own; !set: the policy's */
};

/** A named promise of a statutory pack. */
struct policy_milestone {
    char *name;
    struct span within;
    char *from; /* "opened", or the milestone whose keeping starts this one */
    struct policy_ladder escalate;
};

/** One row of `when`: all that is written must hold. Empty lists ask nothing. */
struct policy_when {
    struct conf_texts priority; /* "1" … "4" */
    struct conf_texts segment, flag, kind, channel, category, estate;
};

struct policy_reopen_tell {
    char *cycle; /* "2": from this cycle on, until a higher one is named */
    struct conf_texts tell;
};

/** Which reasons pause a clock. */
struct policy_pause {
    char *clock;
    struct conf_texts reasons; /* owner, access, parts, … */
};

struct policy {
    char *name;
    bool urgent;                 /* its messages to owners pass quiet hours, recorded */
    char *calendar;              /* name of a calendar, "always" by default */
    struct policy_clock *clocks; /* a clock that is not written does not run */
    size_t clocks_n;
    struct policy_milestone *milestones;
    size_t milestones_n;
    struct policy_when *when; /* any of them: taken instead of the category's policy */
    size_t when_n;
    struct policy_ladder escalate;
    struct {
        struct policy_reopen_tell *tell;
        size_t tell_n;
        int64_t shrink; /* percent: later cycles' clocks are this share; 100: as long */
    } reopen;
    struct {
        struct conf_texts tell;
        int64_t step;      /* rungs that an urge climbs */
        struct span every; /* an urge within this of the last one counts but tells nobody */
    } urge;
    struct {
        int64_t tries;
        struct span over;     /* the tries are spread over this */
        struct conf_texts by; /* call, sms, email */
    } no_answer;
    struct policy_pause *pause;
    size_t pause_n;
};

/** Appends the policy as one JSON object, as the configuration file would have it, with its name.
 */
void policy_to_json(const struct policy *p, struct buf *out);
/** Reads it back; NULL with why when it is none. The caller frees. */
struct policy *policy_from_json(const char *json, size_t len, struct errmsg *why) MUST_CHECK;
void policy_free(struct policy **p);

/** The clock or milestone of that name; NULL when the policy makes no such promise. */
const struct policy_clock *policy_clock(const struct policy *p, const char *name);
const struct policy_milestone *policy_milestone(const struct policy *p, const char *name);
/** The ladder of a clock or milestone: its own, else the policy's. Never NULL. */
const struct policy_ladder *policy_ladder_of(const struct policy *p, const char *name);
/** Whether any reason pauses that clock. */
bool policy_may_pause(const struct policy *p, const char *clock);
/** Whether this reason pauses that clock. */
bool policy_pauses(const struct policy *p, const char *clock, const char *reason);
/** Whom a reopening into that cycle tells beside the responder; NULL for nobody. */
const struct conf_texts *policy_reopen_tells(const struct policy *p, int cycle);
/** A ladder alone, as a JSON array (the clock row's steps_json), and back. */
void policy_ladder_to_json(const struct policy_ladder *l, struct buf *out);
int policy_ladder_from_json(const char *json, size_t len, struct policy_ladder *out,
                            struct errmsg *why) MUST_CHECK;
void policy_ladder_clear(struct policy_ladder *l);

/** True for responder, supervisor, department_head, manager, director, on_shift, building_steward.
 */
bool policy_is_role(const char *word);
