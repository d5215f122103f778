/*
 * cti_calls.h - the calls that neutral events come to, folded by the daemon's own rules, for
 * comparing them with what the phones of a recording did.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include "cti_replay.h"
#include "domain/call.h"

#define FOLDED_MAX 512

struct folded_call {
    char name[132];
    struct call *call;
    bool joined; /* it ended in another one */
};

struct folded_calls {
    struct folded_call items[FOLDED_MAX];
    size_t n;
};

/** Fold all events that the replay has seen; free with calls_free(). */
void calls_fold(struct folded_calls *calls, const struct replay *r);
void calls_free(struct folded_calls *calls);
/** Calls that are calls of their own. */
size_t calls_count(const struct folded_calls *calls);

/** What the phones did, as text for one cell of the table; what steward says, likewise. */
struct expected_call {
    enum steward_direction direction;
    const char *calling, *called, *queue; /* NULL: not compared */
    int64_t start, answered, end;         /* ms; 0: not, or not known */
    bool restricted;
    const char *rang[8], *answered_by[4]; /* NULL-terminated */
    const char *transfer_to;              /* of the first transfer; NULL: none expected */
    enum steward_transfer transfer;
    enum steward_by by;
    enum call_disposition disposition; /* CALL_NONE: still alive */
    int64_t hold_ms;
};

/** The folded call that this is about, NULL if none. */
struct folded_call *calls_find(struct folded_calls *calls, const struct expected_call *want);
/** Compare; what is wrong is written to why ("" if nothing). True if all is right. */
bool calls_compare(const struct folded_call *got, const struct expected_call *want, char *why,
                   size_t cap);
/** Every event but agents' states, as "CALL KIND DEVICE …" a line. */
void calls_told(const struct replay *r, char *out, size_t cap);
/** "inbound 1380… > 4008000 rang 1001 1002 answered 1002 …" */
void calls_describe(const struct folded_call *got, int64_t base, char *out, size_t cap);
void calls_describe_expected(const struct expected_call *want, int64_t base, char *out, size_t cap);
