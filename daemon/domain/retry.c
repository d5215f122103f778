/*
 * retry.c - the schedule of attempts and the table of message states.
 */
#include "domain/retry.h"

#include <stddef.h>

#include "base/mem.h"
#include "base/text.h"

#define S(state) (1u << MSG_##state)
#define SECOND   INT64_C(1000)
#define MINUTE   (60 * SECOND)
#define HOUR     (60 * MINUTE)
#define DAY      (24 * HOUR)

/* A receipt may come before the answer of the request that it is about: sending -> delivered. */
static const struct {
    const char *name;
    unsigned next;
} states[MSG_STATES] = {
    [MSG_QUEUED] = {"queued",
                    S(SENDING) | S(EXPIRED) | S(CANCELLED) | S(SENT) | S(DELIVERED) | S(FAILED)},
    [MSG_SENDING] = {"sending",
                     S(QUEUED) | S(SENT) | S(DELIVERED) | S(FAILED) | S(EXPIRED) | S(CANCELLED)},
    [MSG_SENT] = {"sent", S(DELIVERED) | S(FAILED)},
    [MSG_DELIVERED] = {"delivered", 0},
    [MSG_FAILED] = {"failed", 0},
    [MSG_EXPIRED] = {"expired", 0},
    [MSG_CANCELLED] = {"cancelled", 0},
};

/* Moments after the creation; past the last one the last step repeats. */
static const int64_t moments[] = {0,          2 * SECOND,  6 * SECOND,  20 * SECOND, MINUTE,
                                  3 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR,        2 * HOUR,
                                  4 * HOUR,   8 * HOUR,    14 * HOUR,   20 * HOUR};

const char *msg_state_name(enum msg_state s)
{
    return states[s].name;
}

enum msg_state msg_state_parse(const char *name)
{
    int s = 0;
    while (s < MSG_STATES && !text_eq(states[s].name, name))
        s++;
    return (enum msg_state)s;
}

bool msg_may_move(enum msg_state from, enum msg_state to)
{
    return from < MSG_STATES && to < MSG_STATES && (states[from].next & 1u << to);
}

int64_t retry_at(int64_t base, int attempts, int64_t now, int64_t retry_after_ms, int jitter)
{
    int last = (int)ARRAY_LEN(moments) - 1;
    int n = attempts < 1 ? 1 : attempts;
    int64_t step = n <= last ? moments[n] - moments[n - 1] : moments[last] - moments[last - 1];
    int64_t offset = n <= last ? moments[n] : moments[last] + (n - last) * step;
    int64_t shift = step * (jitter - 500) / 2500;
    int64_t at = base + offset + shift;
    if (at <= now)
        at = now + step + shift;
    if (retry_after_ms > DAY)
        retry_after_ms = DAY;
    return at < now + retry_after_ms ? now + retry_after_ms : at;
}
