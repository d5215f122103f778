/*
 * ami_calls.h - calls as an Asterisk manager tells them: generated ones, and new names for
 * recorded ones.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/buf.h"

/** One moment of a generated call: text[from, from+len) is sent ms after its start. */
struct ami_moment {
    int64_t ms;
    size_t from, len;
};

enum { AMI_MOMENTS_MAX = 32 };

/** Writes the events of a call of that kind ("queue", "direct", "abandoned") into out. Returns the
 * number of moments, 0 for an unknown kind. epoch: seconds, the first part of the channels' ids. */
size_t ami_generate(const char *kind, const char *caller, const char *device, int64_t epoch,
                    struct buf *out, struct ami_moment moments[AMI_MOMENTS_MAX]);

/** Copies events, giving unique ids ("1795310613.4") and channels ("-0000002a") names of their own
 * for each shift; 0 changes nothing. */
void ami_rename(const char *text, size_t len, int64_t shift, struct buf *out);
