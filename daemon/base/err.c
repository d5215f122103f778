/*
 * err.c - names of error codes, and messages for people.
 */
#include "base/err.h"

#include <stdio.h>
#include <stddef.h>

/* In the order of enum err, from E_INVALID. */
static const char *const names[] = {
    "invalid",   "not found", "conflict",    "stale",   "denied",   "unauthorized",
    "exists",    "too big",   "busy",        "rate",    "io",       "constraint",
    "uncertain", "fatal",     "unsupported", "timeout", "protocol", "cancelled",
};

const char *err_name(int code)
{
    if (code == E_OK)
        return "ok";
    int i = code - E_INVALID;
    if (i < 0 || (size_t)i >= sizeof(names) / sizeof(names[0]))
        return "unknown error";
    return names[i];
}

int errmsg_set(struct errmsg *msg, int code, const char *fmt, ...)
{
    if (!msg)
        return code;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(msg->text, sizeof(msg->text), fmt, ap);
    va_end(ap);
    return code;
}
