/*
 * buf.h - growing text or bytes with a maximum.
 *
 * The maximum is given when the buffer is made. Adding past it sets `overflow`, which sticks, and
 * empties the buffer: nobody can store or send half a text because he forgot to look. Build
 * everything, then look once. Where the part that fits is worth having (a list of words for a
 * person, what a search looks through), BUF_CUT makes a buffer that keeps it. data is always
 * NUL-terminated once something was added (NULL before); len does not count that NUL.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/err.h"

struct buf {
    char *data;
    size_t len, cap, max;
    bool overflow;
    bool cuts; /* past the maximum what fits stays */
};

#define BUF_INIT(maximum)                                                                          \
    {                                                                                              \
        .max = (maximum)                                                                           \
    }

/** A buffer that keeps what fits: never for JSON, nor for anything that is read by a machine. */
#define BUF_CUT(maximum)                                                                           \
    {                                                                                              \
        .max = (maximum), .cuts = true                                                             \
    }

/** Make an empty buffer that never holds more than max bytes. */
void buf_init(struct buf *b, size_t max);
/** A buffer to build in, empty, with the memory that `home` keeps for this; given back after. What
 * is built within what is being built gets memory of its own. */
struct buf buf_lend(struct buf *home);
void buf_give_back(struct buf *home, struct buf *b);
/** Forget the content, keep the memory. */
void buf_reset(struct buf *b);
void buf_free(struct buf *b);
/** What buf_room() does when the memory at hand is too small. */
char *buf_grow(struct buf *b, size_t n);

/** Room for n more bytes at the end, to be written and then ended with buf_end(); NULL, with
 * `overflow` set, when that passes the maximum. */
static inline char *buf_room(struct buf *b, size_t n)
{
    return !b->overflow && n < b->cap - b->len ? b->data + b->len : buf_grow(b, n);
}

/** What was written into the room ends here: it belongs to the buffer. */
static inline void buf_end(struct buf *b, char *end)
{
    b->len = (size_t)(end - b->data);
    *end = '\0';
}

/** Append; past the maximum `overflow` is set, and the buffer is empty from then on (or, if it
 * cuts, keeps what it has). */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
/** Drop the first n bytes (n <= len). */
void buf_shift(struct buf *b, size_t n);
/** The text so far; "" when nothing was added or it overflowed. Owned by the buffer. */
const char *buf_str(const struct buf *b);
/** Give the text to the caller, who frees it; the buffer is empty after. Never NULL. */
char *buf_take(struct buf *b);
