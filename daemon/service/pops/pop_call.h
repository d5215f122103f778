/*
 * pop_call.h - one call's pops: for whoever knows which devices the call rings at (calls/).
 *
 * Whatever order things come in, each phone that a card was to be shown at gets one pop and one
 * pop_end. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "service/pops/pops.h"

/** What a pop says of its call. Text NULL where it does not apply. */
struct pop_about {
    const char *source, *call, *direction;
    const char *key; /* what the card is looked up by: E.164 or "86:95588"; NULL: nobody */
    const char *party, *calling, *calling_raw, *called, *queue;
    bool withheld;
};

struct pop_call;
typedef void pop_found_cb(void *ctx, const struct pop_found *found);

/** Starts to look the caller up at once; found is told (perhaps before this returns) whenever it
 * is known or known better. about is copied. */
struct pop_call *pop_call_new(struct pops *sp, const struct pop_about *about, pop_found_cb *found,
                              void *ctx);
/** More is known of the call; looks up anew if the key changed. */
void pop_call_about(struct pop_call *p, const struct pop_about *about);
/** The card belongs on this device since `at`. */
void pop_call_show(struct pop_call *p, const char *device, int64_t at);
/** It does not any more; nothing happens if it was not shown. While the card is still being read
 * both wait for it: every phone that rang gets its pop, and then its end. */
void pop_call_hide(struct pop_call *p, const char *device, enum pop_end reason);
/** Calls fn for each device that has it; fn may hide that device. */
void pop_call_each(struct pop_call *p, void (*fn)(void *ctx, const char *device), void *ctx);
/** Says nothing: what still stands (the daemon ends, the call goes on) stays where it is. */
void pop_call_free(struct pop_call **p);
