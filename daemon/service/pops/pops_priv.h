/*
 * pops_priv.h - what pop.c (who is shown what) and card_cache.c (cards, cached and read) share.
 */
#pragma once
#include <uthash.h>
#include "base/lru.h"
#include "domain/number.h"
#include "service/pops/pop_call.h"

/* ---- cards ---- */

#define CARD_PERSONS 10
#define CARD_PLACES  8

/** What a number comes to, rendered; shared by the cache and by the calls that show it. */
struct card {
    int refs;
    char key[NUMBER_TEXT_MAX];
    uint64_t born; /* pops.turn when its read was asked for */
    bool stale;    /* its number changed hands since */
    const char *match;
    int64_t ids[CARD_PERSONS]; /* candidates */
    int n;
    int64_t person_id; /* of match "one" */
    bool certain;
    char name[128];
    uint64_t digest;
    char *owners, *advice;                  /* JSON arrays */
    struct radar_scope places[CARD_PLACES]; /* where the candidates live */
    size_t places_n;
    size_t bytes;
};

struct waiter {
    void (*fn)(void *ctx, struct card *card);
    void *ctx;
    struct waiter *prev, *next;
};

/** A read under way for a number; those who wait for it. */
struct want;

/** Persons whose cards changed, and when (pops.turn). */
struct touched {
    int64_t id;
    uint64_t turn;
    UT_hash_handle hh;
};

struct pops {
    struct pops_opts opts;
    struct lru *cards;
    struct want *wants;         /* uthash by number */
    struct touched *touched;    /* uthash by person */
    uint64_t turn, all_touched; /* counts up with each touch; the last one of everybody */
    int64_t *unread;            /* persons whose numbers are still to be looked up */
    size_t unread_n, unread_cap;
    bool reading_numbers, refresh_due;
    struct pop_call *calls;    /* utlist: those with a caller to look up, ended ones, too */
    struct pop_call *standing; /* utlist: those that some screen shows */
    struct finder *finders;    /* utlist: pops_find() under way */
    struct loop_timer *retry, *refresh;
    void (*advise)(void *ctx, const struct radar_scope *places, size_t n, struct jw *w);
    void *advise_ctx;
    struct buf out; /* for the pops that are written */
    struct pops_stats stats;
};

/** The cache and what belongs to it, within sp. */
void cards_init(struct pops *sp);
/** After the ledger is gone. */
void cards_deinit(struct pops *sp);
/** Reads under way. */
size_t cards_reading(const struct pops *sp);
/** True while nothing that the card shows has changed since its read was asked for. */
bool card_valid(const struct pops *sp, const struct card *card);
struct card *card_ref(struct card *card);
void card_unref(struct card **card);
/** The cached card of a number or NULL; not referenced. */
struct card *card_cached(struct pops *sp, const char *key);
/** Read it; w->fn once, later, unless card_unwait() comes first. */
void card_wait(struct pops *sp, const char *key, struct waiter *w);
void card_unwait(struct pops *sp, const char *key, struct waiter *w);
/** What cannot be looked up: no number. Referenced by the caller. */
struct card *card_nobody(const char *match);
/** Take note of touched persons; fresh numbers that they have are looked up by a reader. */
void cards_touch(struct pops *sp, const int64_t *ids, size_t n);
/** pop.c: the person has this number; calls whose card does not show them look again. */
void pops_number_changed(struct pops *sp, const char *key, int64_t person_id);
/** The card shows the person as a candidate. */
bool card_shows(const struct card *card, int64_t person_id);
