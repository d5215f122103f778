/*
 * retry.h - when a message is tried again, and in which states it may be.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum msg_state {
    MSG_QUEUED,
    MSG_SENDING,
    MSG_SENT,
    MSG_DELIVERED,
    MSG_FAILED,
    MSG_EXPIRED,
    MSG_CANCELLED,
    MSG_STATES
};

/** "queued" … */
const char *msg_state_name(enum msg_state s);
/** MSG_STATES if the name is unknown or NULL. */
enum msg_state msg_state_parse(const char *name);
/** True if a message may move from one state to the other (states.h). */
bool msg_may_move(enum msg_state from, enum msg_state to);

/**
 * The moment of the next attempt, after `attempts` (1 and up) have failed: base (the creation, or
 * the moment before which it was not to go) + a growing delay, so that a restart resets nothing; if
 * that is past already, the same step counted from now. jitter: 0 to 1000, moves it by up to a
 * fifth of the step to either side. retry_after_ms: what the gateway asked for (at most a day), or
 * 0.
 */
int64_t retry_at(int64_t base, int attempts, int64_t now, int64_t retry_after_ms, int jitter);
