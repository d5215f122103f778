/*
 * policy_words.h - what a policy promises, in words: for the desk, beside a category's guide.
 */
#pragma once
#include "base/buf.h"
#include "domain/lang.h"
#include "domain/policy.h"

/** What is done within a clock's time: "解决", "resolved"; a milestone keeps its own name. */
const char *clock_words(const char *name, enum lang lang);
/** Appends a span in words: "24 hours", "10个工作日". */
void span_words(const struct span *s, enum lang lang, struct buf *out);
/** Where a clock stands at a rung of its ladder. */
struct rung_place {
    const char *at;   /* "80%", "+30m" */
    const char *turn; /* of a repeat: "3"; NULL for the first */
    bool urged;       /* climbed before its moment, for somebody asked for haste */
};
/** Appends it in words: "has used 80% of its time", "已超时30分钟（第3次督办）". */
void rung_words(const struct rung_place *r, enum lang lang, struct buf *out);
/** Appends the promise of a clock or milestone in words: "resolved within 24 hours". name: as the
 * policy has it. */
void promise_words(const char *name, const struct span *within, enum lang lang, struct buf *out);
/** Calls fn for each promise of the policy: clocks as written, then milestones. */
void policy_each_promise(const struct policy *p,
                         void (*fn)(void *ctx, const char *name, const struct span *within),
                         void *ctx);
