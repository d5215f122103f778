/*
 * radar.h - when many owners complain of one thing: sliding windows over what complaints have in
 * common, against a baseline learned from what went before. Pure: time is a parameter.
 *
 * Each complaint belongs to one group (a building's leaks, a riser, a category …). Its window holds
 * those of the last `within`; it warns once as many *different owners* are in it as the rules
 * say, or as the baseline makes remarkable, whichever is more.
 *
 * The baseline is an exponentially weighted rate: each owner who leaves the window weighs
 * exp(-age / tau), tau = 28 windows, so that what happened 28 windows ago still counts a
 * third. Expected in one window: e = sum * within / tau, divided by 1 - exp(-watched / tau) for
 * what was not watched yet (but at least seven windows are taken as watched). Remarkable is ceil(e
 * + 3 * sqrt(e)): three standard deviations of a Poisson count. Complaints that join an incident
 * never reach the baseline: one burst does not hide the next.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/conf.h"

/* ---- what complaints have in common ---- */

#define RADAR_KEY_MAX   128
#define RADAR_RISER_MAX 4

/** Where a complaint comes from, or where an incident is; 0 and "" for unknown, or any. */
struct radar_scope {
    int64_t estate_id, building_id;
    char riser[RADAR_RISER_MAX];
    char category[65];
};

/**
 * The riser of a unit: the last two digits of the last number in its name, which has at least three
 * ("1201", "3-1101室" and "A0901" share 01). False for others: a villa "12" is on no riser.
 */
bool radar_riser(const char *unit, char out[RADAR_RISER_MAX]);
/**
 * Leaves in the scope what the words `same` (building, riser, category, estate) ask for. False if
 * something asked for is unknown, or nothing is asked for: such a complaint has no group.
 */
bool radar_reduce(struct radar_scope *scope, const struct conf_texts *same);
/** Names a scope: "b12;r01;cleak"; a building stands for its estate too. "" for an empty one. */
const char *radar_key(const struct radar_scope *scope, char out[RADAR_KEY_MAX]);
/** True if a place (all of it known) lies within the scope. An empty scope holds no place. */
bool radar_holds(const struct radar_scope *scope, const struct radar_scope *place);

/* ---- windows ---- */

struct radar;

struct radar_rules {
    int64_t owners;
    int64_t within; /* ms */
};

struct radar_complaint {
    int64_t ticket_id, at;
    const char *group; /* radar_key() */
    const char *owner; /* who complains: one household is one owner */
};

struct radar_warning {
    int64_t owners;         /* different ones in the window */
    int64_t needed;         /* how many it takes */
    int64_t expected_milli; /* baseline, thousandths of an owner a window */
    int64_t since;          /* `needed` different owners complained from this moment on */
};

/** Empty windows, nothing learned. */
struct radar *radar_new(const struct radar_rules *rules);
/** Sets *r to NULL; NULL is allowed. */
void radar_free(struct radar **r);
/** Other rules from now on; windows and baselines are kept as far as they go. */
void radar_set_rules(struct radar *r, const struct radar_rules *rules);
/**
 * Take note of a complaint (again, perhaps in another group). True with *out filled if its group
 * has enough owners now. Complaints should come about in the order of `at`; one that is older than
 * the window goes to the baseline at once.
 */
bool radar_see(struct radar *r, const struct radar_complaint *c, struct radar_warning *out);
/** The complaint is part of an incident, or none after all: it leaves without a trace. */
void radar_drop(struct radar *r, int64_t ticket_id);
/** How many complaints and groups are held. */
size_t radar_held(const struct radar *r, size_t *groups);
