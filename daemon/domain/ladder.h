/*
 * ladder.h - the pure step function of escalation: frozen ladder + promise + what was carried out
 * so far -> what is next, and when.
 *
 * The breach at 100% is a step of its own that every clock has, before any rung at 100%.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "domain/policy.h"
#include "domain/promise.h"

#define LADDER_STEPS_MAX 32
#define LADDER_TEXT_MAX  (LADDER_STEPS_MAX * 11 + 1)

/** How far a ladder was climbed: how often each rung was carried out, and whether the breach was.
 */
struct ladder_mark {
    bool breached;
    int fired[LADDER_STEPS_MAX];
};

/** "1,0,2" and back (the clock row's `fired`); "" is nothing. Missing rungs count 0. */
const char *ladder_mark_format(const struct ladder_mark *m, const struct policy_ladder *l,
                               char out[LADDER_TEXT_MAX]);
void ladder_mark_parse(const char *text, struct ladder_mark *m);

enum ladder_what { LADDER_NOTHING, LADDER_BREACH, LADDER_STEP };

struct ladder_next {
    enum ladder_what what;
    int step;   /* index of the rung */
    int turn;   /* 1 for the first time */
    int64_t at; /* when it is due; may have passed */
};

/** The earliest thing not carried out yet; LADDER_NOTHING while the promise is paused. */
struct ladder_next ladder_next(const struct policy_ladder *l, const struct promise *p,
                               const struct ladder_mark *m);
/** Note that it was carried out. */
void ladder_mark_done(struct ladder_mark *m, const struct ladder_next *did);
/** The lowest rung never carried out (for an urge that climbs); -1 if none is left. */
int ladder_unclimbed(const struct policy_ladder *l, const struct ladder_mark *m);
/** "80%" or "+30m" of a rung; returns out. */
const char *ladder_at_text(const struct policy_step *s, char out[SPAN_TEXT_MAX + 2]);
