/*
 * retry.c - the schedule of attempts.
 */
#include "domain/retry.h"

#include "base/mem.h"
#include "domain/states.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

/* Moments after the creation; past the last one the last step repeats. */
static const int64_t moments[] = {0,          2 * SECOND,  6 * SECOND,  20 * SECOND, MINUTE,
                                  3 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR,        2 * HOUR,
                                  4 * HOUR,   8 * HOUR,    14 * HOUR,   20 * HOUR};

const char *msg_state_name(enum msg_state s)
{
    return state_name(&message_states, s);
}

enum msg_state msg_state_parse(const char *name)
{
    return (enum msg_state)state_parse(&message_states, name);
}

bool msg_may_move(enum msg_state from, enum msg_state to)
{
    return state_may_move(&message_states, from, to);
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
