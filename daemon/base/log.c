/*
 * log.c - one escaped line on stderr for each thing said, written in one call so that threads do
 * not mix theirs.
 */
#include "base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"

#define LINE_MAX_BYTES 2048
#define QUIET_MS       60000

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static _Atomic int lowest = LOG_INFO;

void log_ctx_init(struct log_ctx *ctx, const char *kind, const char *name,
                  const struct log_ctx *parent)
{
    ctx->kind = kind;
    ctx->parent = parent;
    text_copy(ctx->name, sizeof(ctx->name), name);
}

void log_set_level(enum log_level level)
{
    atomic_store(&lowest, (int)level);
}

bool log_parse_level(const char *text, enum log_level *level)
{
    for (size_t i = 0; i < sizeof(level_names) / sizeof(level_names[0]); i++) {
        if (!text_eq(text, level_names[i]))
            continue;
        *level = (enum log_level)i;
        return true;
    }
    return false;
}

/* Append s with control bytes as \xNN; stops a few bytes before the end of the line. */
static size_t put_escaped(char *line, size_t pos, const char *s)
{
    for (; *s && pos < LINE_MAX_BYTES - 8; s++) {
        unsigned char c = (unsigned char)*s;
        if (c >= 0x20 && c != 0x7f)
            line[pos++] = *s;
        else
            pos += (size_t)snprintf(line + pos, 5, "\\x%02x", c);
    }
    return pos;
}

static size_t put_ctx(char *line, size_t pos, const struct log_ctx *ctx)
{
    if (!ctx)
        return pos;
    pos = put_ctx(line, pos, ctx->parent);
    pos = put_escaped(line, pos, ctx->kind ? ctx->kind : "");
    if (ctx->name[0]) {
        pos = put_escaped(line, pos, " ");
        pos = put_escaped(line, pos, ctx->name);
    }
    return put_escaped(line, pos, ": ");
}

void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
    if ((int)level < atomic_load(&lowest))
        return;
    char text[LINE_MAX_BYTES], line[LINE_MAX_BYTES], at[CLOCK_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    int n = snprintf(line, sizeof(line), "%s %-5s ", clock_format(clock_now_ms(), at),
                     level_names[level]);
    size_t pos = put_escaped(line, put_ctx(line, (size_t)n, ctx), text);
    line[pos++] = '\n';
    ssize_t written = write(STDERR_FILENO, line, pos);
    (void)written; /* nobody to tell */
}

void log_complain(struct complaint *c, const struct log_ctx *ctx, const char *fmt, ...)
{
    int64_t now = clock_mono_us() / 1000;
    if (c->active && now - c->last_ms < QUIET_MS) {
        c->held++;
        return;
    }
    char text[LINE_MAX_BYTES];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (c->held)
        log_warn(ctx, "%s (and %llu more of it since)", text, (unsigned long long)c->held);
    else
        log_warn(ctx, "%s", text);
    *c = (struct complaint){.last_ms = now, .active = true};
}

void log_recovered(struct complaint *c, const struct log_ctx *ctx, const char *what)
{
    if (!c->active)
        return;
    log_info(ctx, "recovered: %s", what);
    *c = (struct complaint){0};
}
