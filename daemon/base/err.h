/*
 * err.h - the one error convention: functions return 0 (E_OK) or a negative enum err.
 *
 * bool answers questions only. Where a person must read the cause, the last parameter is a
 * struct errmsg, filled by errmsg_set() beside the returned code.
 */
#pragma once
#include <stdarg.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))

enum err {
    E_OK = 0,
    E_INVALID = -1000, /* input that is wrong: HTTP 422 */
    E_NOTFOUND,        /* no such object: 404 */
    E_CONFLICT,        /* what the state forbids: 409 */
    E_STALE,           /* a version that is not the current one: 412 */
    E_DENIED,          /* known, but may not: 403 */
    E_UNAUTHORIZED,    /* not known: 401 */
    E_EXISTS,          /* there already */
    E_TOOBIG,          /* over a stated maximum: 413 */
    E_BUSY,            /* full or locked, try again: 503 */
    E_RATE,            /* too often: 429 */
    E_IO,              /* file, socket or disk */
    E_CONSTRAINT,      /* the database refused this one statement */
    E_UNCERTAIN,       /* a commit whose outcome is unknown */
    E_FATAL,           /* the database cannot go on (newer schema, damaged file) */
    E_UNSUPPORTED,     /* cannot be done here: 501 */
    E_TIMEOUT,
    E_PROTOCOL, /* a peer broke its protocol */
    E_CANCELLED,
};

/** English name of a code, for logs ("conflict"). Never NULL. */
const char *err_name(int code);

/** A message for a person: what is wrong and where. Always NUL-terminated, cut when too long. */
struct errmsg {
    char text[512];
};

/** Fill msg (which may be NULL) and return code, so that a caller can `return errmsg_set(...)`. */
int errmsg_set(struct errmsg *msg, int code, const char *fmt, ...) PRINTF_LIKE(3, 4);
