/*
 * log.h - log lines on stderr: time, level, object, text. One line each, escaped, so that bytes
 * from outside cannot forge a line. Context comes from the object, not from the call site.
 * Thread-safe.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include "base/err.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/** Who speaks: "kind name", inside a parent. Lives in its object; name is cut to fit. */
struct log_ctx {
    const char *kind;
    char name[64];
    const struct log_ctx *parent;
};

/** parent may be NULL and must outlive ctx. */
void log_ctx_init(struct log_ctx *ctx, const char *kind, const char *name,
                  const struct log_ctx *parent);
/** Lines below this level are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);
bool log_parse_level(const char *text, enum log_level *level);

/** ctx may be NULL. */
void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
#define log_debug(ctx, ...) log_at(LOG_DEBUG, ctx, __VA_ARGS__)
#define log_info(ctx, ...)  log_at(LOG_INFO, ctx, __VA_ARGS__)
#define log_warn(ctx, ...)  log_at(LOG_WARN, ctx, __VA_ARGS__)
#define log_error(ctx, ...) log_at(LOG_ERROR, ctx, __VA_ARGS__)

/**
 * A complaint that is said once a minute at most, with the number of times it was held back, and
 * "recovered" once by log_recovered(). Zero-initialise; use from one thread.
 */
struct complaint {
    int64_t last_ms;
    uint64_t held;
    bool active;
};
void log_complain(struct complaint *c, const struct log_ctx *ctx, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
void log_recovered(struct complaint *c, const struct log_ctx *ctx, const char *what);
