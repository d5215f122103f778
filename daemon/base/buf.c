/*
 * buf.c - growing text or bytes with a maximum.
 */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf)BUF_INIT(max);
}

void buf_reset(struct buf *b)
{
    b->len = 0;
    b->overflow = false;
    if (b->data)
        b->data[0] = '\0';
}

struct buf buf_lend(struct buf *home)
{
    struct buf b = *home;
    *home = (struct buf){.max = b.max, .cuts = b.cuts};
    buf_reset(&b);
    return b;
}

void buf_give_back(struct buf *home, struct buf *b)
{
    free(home->data);
    *home = *b;
    buf_init(b, b->max);
}

void buf_free(struct buf *b)
{
    free(b->data);
    *b = (struct buf){.max = b->max, .cuts = b->cuts};
}

/* Half a text is worse than none. */
static void spill(struct buf *b)
{
    b->overflow = true;
    if (b->cuts)
        return;
    b->len = 0;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_grow(struct buf *b, size_t n)
{
    if (b->overflow || n > b->max || b->len > b->max - n) {
        spill(b);
        return NULL;
    }
    size_t need = b->len + n + 1, cap = b->cap ? b->cap : 128;
    while (cap < need)
        cap *= 2;
    if (cap > b->max + 1)
        cap = b->max + 1;
    if (cap > b->cap)
        b->data = xrealloc(b->data, cap);
    b->cap = cap;
    return b->data + b->len;
}

void buf_add(struct buf *b, const void *data, size_t len)
{
    char *at = buf_room(b, len);
    if (!at)
        return;
    if (len)
        memcpy(at, data, len);
    buf_end(b, at + len);
}

void buf_addc(struct buf *b, char c)
{
    char *at = buf_room(b, 1);
    if (!at)
        return;
    *at = c;
    buf_end(b, at + 1);
}

void buf_adds(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    size_t room = b->overflow || !b->data ? 0 : b->cap - b->len;
    va_start(ap, fmt);
    va_copy(again, ap);
    int n = vsnprintf(room ? b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < room) {
        b->len += (size_t)n; /* it fitted at once */
    } else if (n >= 0 && buf_room(b, (size_t)n)) {
        vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    } else {
        if (room)
            b->data[b->len] = '\0';
        spill(b);
    }
    va_end(again);
}

void buf_shift(struct buf *b, size_t n)
{
    assert(n <= b->len);
    if (!n)
        return;
    memmove(b->data, b->data + n, b->len - n + 1);
    b->len -= n;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}

char *buf_take(struct buf *b)
{
    char *text = b->data ? b->data : xstrdup("");
    buf_init(b, b->max);
    return text;
}
