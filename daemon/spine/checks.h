/*
 * checks.h - is everything well? Parts register what they know; /readyz and `doctor` ask them all.
 *
 * Loop thread only; a check says what its part knows already and waits for nothing.
 */
#pragma once
#include "base/json.h"

enum check_state {
    CHECK_OK,
    CHECK_DEGRADED, /* something does not work; calls are still stored */
    CHECK_FAILED,   /* calls cannot be stored: /readyz answers 503 */
};
/** "ok", "degraded", "failed". */
const char *check_state_name(enum check_state state);

struct checks;
struct checks_out;

/** Says how its part is, with check_say(), once or several times. */
typedef void checks_cb(void *ctx, struct checks_out *out);

/** An empty list of checks. */
struct checks *checks_new(void);
/** NULL is allowed. */
void checks_free(struct checks **c);
/** Ask cb(ctx, …) from now on, after those added before. */
void checks_add(struct checks *c, checks_cb *cb, void *ctx);
/** Forget what was added with this ctx. */
void checks_remove(struct checks *c, void *ctx);

/** One finding: "store", "source:pbx-a", "plugin:sms"; detail is for a person, NULL or "" if all is
 * well. A name must come once. */
void check_say(struct checks_out *out, const char *name, enum check_state state,
               const char *detail);
/** Asks everybody; writes {"store":{"status":"ok"},…} to w. Returns the worst state. */
enum check_state checks_write(struct checks *c, struct jw *w);
