/*
 * call_priv.h - what call.c (events and questions), call_fold.c (the fold) and call_json.c share.
 */
#pragma once
#include "domain/call.h"

/** An event that is kept; its texts lie behind it in one block. */
struct kept {
    struct call_event ev;
    size_t size; /* with its texts */
};

/** A device that took part in talking; left 0: it still does. */
struct party {
    const char *device;
    bool in;
};

/** Why a device bears the card no longer. */
struct gone {
    const char *device;
    enum call_end why;
};

/** A list of small things that grows; items are reset by the fold, memory is kept. The first ones
 * lie in the call itself. */
#define LIST(type)                                                                                 \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t n, cap;                                                                             \
        bool grown; /* items is memory of its own */                                               \
    }

/** What the events come to: made anew by each fold. Texts belong to the kept events. */
struct folded {
    enum call_state state;
    enum steward_direction direction;
    bool restricted, blocked;
    const char *calling, *called, *queue, *device, *holder, *originator, *first_device;
    int64_t started_at, queued_at, answered_at, ended_at, last_at;
    int64_t hold_ms,
        hold_at;        /* hold_at: since when it is on hold; stays set when the call ends so */
    bool queue_waits;   /* in a queue just now */
    bool queue_gave_up; /* its last queue sent it on unanswered */
    enum steward_by by;
    enum steward_cause fail; /* of the last device not reached */
};

struct call {
    LIST(struct kept *) events;
    LIST(struct call_offer) offers;
    LIST(struct call_transfer) transfers;
    LIST(struct party) parties;
    LIST(struct gone) gone;
    struct folded f;
    size_t text_bytes;       /* of its events */
    int64_t dropped_hold_ms; /* of hold pairs that were let go from a long call */
    uint32_t version;
    struct {
        struct kept *events[6];
        struct call_offer offers[2];
        struct party parties[2];
        struct gone gone[2];
    } first;
};

/** One more item at the end, zeroed; a pointer to it. */
void *list_add(void *list, size_t size);
#define LIST_ADD(list) ((__typeof__((list)->items))list_add((list), sizeof(*(list)->items)))

/** Start over: nothing happened. */
void fold_reset(struct call *c);
/** Take one more event, the next in order. */
void fold_step(struct call *c, const struct call_event *ev);
