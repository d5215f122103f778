/*
 * until.h - waiting for a state, never for a duration. The ceiling only ends a test that hangs; it
 * is so high that no machine, however loaded, meets it with a test that does not.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/loop.h"

#define WAIT_MS 300000

/** Turns the loop until `cond` holds; true if it does. cond is evaluated many times. */
#define wait_until(loop, cond)                                                                     \
    ({                                                                                             \
        int64_t wait_end = clock_mono_us() + WAIT_MS * INT64_C(1000);                              \
        while (!(cond) && clock_mono_us() < wait_end) {                                            \
            loop_turn(loop);                                                                       \
            usleep(200);                                                                           \
        }                                                                                          \
        (cond);                                                                                    \
    })
