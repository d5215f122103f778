/*
 * pops.h - the owner's record on the screen of whoever's phone rings, and off it again.
 *
 * A pop waits for no commit: it leaves as soon as the card is there (cache, or an urgent read).
 * Per (call, device) it is sent once, again only as an update when a CARD field other than
 * `recent` changed, and ended once with its reason. calls decides when; pops knows what
 * to show and who was shown it. Loop thread only.
 *
 * Needs registry/ and the spine.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "base/loop.h"
#include "domain/radar.h"
#include "spine/hub.h"
#include "spine/ledger.h"

struct pops;
struct registry;

enum pop_end {
    POP_ANSWERED_ELSEWHERE,
    POP_CALLER_LEFT,
    POP_NO_ANSWER,
    POP_REJECTED,
    POP_TRANSFERRED,
    POP_CLEARED
};
/** "answered_elsewhere", … as on the wire. */
const char *pop_end_name(enum pop_end reason);

/** What a number's candidates come to: who is recorded with the call. */
struct pop_found {
    const char *match; /* "one", "many", "none", "withheld" */
    int64_t person_id; /* of "one"; else 0 */
    bool certain;      /* that it is this person */
    const char *name;  /* of "one"; else NULL */
};

struct pops_opts {
    struct loop *loop;
    struct ledger *ledger;
    struct hub *hub;
    size_t cache_entries;      /* numbers kept; 0: 20,000 */
    size_t cache_bytes;        /* 0: 64 MiB */
    struct registry *registry; /* whose day it is, and who keeps cards; NULL: UTC (tests) */
};

/** Starts nothing by itself. */
struct pops *pops_new(const struct pops_opts *opts);
/** After ledger_free(): reads under way refer to it. */
void pops_free(struct pops **sp);

/** The pops that stand at a device just now, as whole line-protocol objects: for a softphone or
 * desk that connects while its phone rings. source NULL: of every source. */
void pops_each(struct pops *sp, const char *source, const char *device,
               void (*fn)(void *ctx, const char *json, size_t len), void *ctx);

/**
 * A commit touched these persons' cards (ids NULL: everybody's): what is cached of them is not used
 * any more, and standing pops are read anew.
 */
void pops_touch(struct pops *sp, const int64_t *ids, size_t n);

/**
 * Who a number is, from the cache or an urgent read; fn exactly once, possibly before this
 * returns; found's text lives during the call. "none" when the store cannot be read. A number NULL
 * or "" is "none".
 */
void pops_find(struct pops *sp, const char *e164,
               void (*fn)(void *ctx, const struct pop_found *found), void *ctx);

/** Whoever knows what is going on at a caller's places (incidents/incidents.h): writes items of
 * advice into an open array, at once and without asking a database. NULL: nobody. */
void pops_set_advisor(struct pops *sp,
                      void (*advise)(void *ctx, const struct radar_scope *places, size_t n,
                                     struct jw *w),
                      void *ctx);

struct pops_stats {
    uint64_t pops, updates, ends, hits, misses, failed;
    size_t cached, cached_bytes, standing, reading; /* reading: cards asked for, not there yet */
};
/** Counted since the start. */
void pops_get_stats(const struct pops *sp, struct pops_stats *out);
