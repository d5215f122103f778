/*
 * search.c - the block: records of text behind one another, in order of id, and a tail of those
 * that changed since it was built. A changed record is blanked in the block and appended to the
 * tail; the block is joined anew when the tail has grown.
 */
#include "service/registry/search.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/utf8.h"

#define TEXT_MAX     ((size_t)1 << 31)
#define QUERY_MAX    256
#define WORDS_MAX    16
#define BLANK        1
#define TAIL_MIN     512 /* records that the tail may have whatever the block's size */
#define PLATE_CHARS  6   /* letters and digits of a plate behind its province */
#define PHONE_DIGITS 7   /* a word of so many digits and phone punctuation may be a number */

/* Records in order; text of record i is text[start[i], start[i + 1] - 1), a '\n' behind it. */
struct block {
    struct buf text;
    int64_t *ids;
    size_t *start;
    size_t n, cap;
};

struct search {
    pthread_rwlock_t lock;
    struct block main, tail;
    bool ready;
};

static void block_init(struct block *b)
{
    *b = (struct block){0};
    b->text = (struct buf)BUF_CUT(TEXT_MAX);
}

static void block_free(struct block *b)
{
    buf_free(&b->text);
    free(b->ids);
    free(b->start);
    block_init(b);
}

static void block_add(struct block *b, int64_t id, const char *text, size_t len)
{
    if (b->n + 1 >= b->cap) {
        b->cap = b->cap ? b->cap * 2 : 64;
        b->ids = xrealloc(b->ids, b->cap * sizeof(*b->ids));
        b->start = xrealloc(b->start, b->cap * sizeof(*b->start));
    }
    b->ids[b->n] = id;
    b->start[b->n] = b->text.len;
    buf_add(&b->text, text, len);
    buf_addc(&b->text, '\n');
    b->start[++b->n] = b->text.len;
}

static size_t record_len(const struct block *b, size_t i)
{
    return b->start[i + 1] - 1 - b->start[i];
}

/* The first record at or behind an offset. */
static size_t record_at(const struct block *b, size_t offset)
{
    size_t lo = 0, hi = b->n;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->start[mid] <= offset)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

/* The first record of an ordered block whose id is not below the given one. */
static size_t record_from(const struct block *b, int64_t id)
{
    size_t lo = 0, hi = b->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (b->ids[mid] < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* What is no longer so is overwritten: no query has a control character. */
static void record_blank(struct block *b, size_t i)
{
    memset(b->text.data + b->start[i], BLANK, record_len(b, i));
}

struct search *search_new(void)
{
    struct search *s = xcalloc(1, sizeof(*s));
    pthread_rwlock_init(&s->lock, NULL);
    block_init(&s->main);
    block_init(&s->tail);
    return s;
}

void search_free(struct search **sp)
{
    struct search *s = *sp;
    if (s) {
        block_free(&s->main);
        block_free(&s->tail);
        pthread_rwlock_destroy(&s->lock);
        free(s);
        *sp = NULL;
    }
}

/* ---- changing ----------------------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

/* Block and tail into a new block in order of id. The tail's ids are sorted with their index. */
static void join(struct search *s)
{
    struct block all;
    struct pair {
        int64_t id;
        size_t i;
    } *tail = xcalloc(s->tail.n, sizeof(*tail));
    block_init(&all);
    for (size_t i = 0; i < s->tail.n; i++)
        tail[i] = (struct pair){s->tail.ids[i], i};
    qsort(tail, s->tail.n, sizeof(*tail), by_id);
    size_t m = 0, t = 0;
    while (m < s->main.n || t < s->tail.n) {
        bool from_tail = m == s->main.n || (t < s->tail.n && tail[t].id <= s->main.ids[m]);
        const struct block *b = from_tail ? &s->tail : &s->main;
        size_t i = from_tail ? tail[t++].i : m++;
        const char *text = b->text.data + b->start[i];
        if (record_len(b, i) > 0 && text[0] != BLANK)
            block_add(&all, b->ids[i], text, record_len(b, i));
    }
    free(tail);
    block_free(&s->main);
    block_free(&s->tail);
    s->main = all;
}

void search_put(struct search *s, int64_t id, const char *text, size_t len)
{
    pthread_rwlock_wrlock(&s->lock);
    size_t i = record_from(&s->main, id);
    if (i < s->main.n && s->main.ids[i] == id)
        record_blank(&s->main, i);
    for (size_t t = 0; t < s->tail.n; t++)
        if (s->tail.ids[t] == id)
            record_blank(&s->tail, t);
    if (len)
        block_add(&s->tail, id, text, len);
    if (s->tail.n > TAIL_MIN + s->main.n / 64)
        join(s);
    pthread_rwlock_unlock(&s->lock);
}

struct search_block {
    struct block block;
};

struct search_block *search_block_new(void)
{
    struct search_block *b = xcalloc(1, sizeof(*b));
    block_init(&b->block);
    return b;
}

void search_block_free(struct search_block **b)
{
    if (*b) {
        block_free(&(*b)->block);
        free(*b);
        *b = NULL;
    }
}

void search_block_add(struct search_block *b, int64_t id, const char *text, size_t len)
{
    block_add(&b->block, id, text, len);
}

void search_swap(struct search *s, struct search_block *b)
{
    pthread_rwlock_wrlock(&s->lock);
    struct block old = s->main;
    s->main = b->block;
    b->block = old;
    block_free(&s->tail);
    s->ready = true;
    pthread_rwlock_unlock(&s->lock);
}

/* ---- finding ------------------------------------------------------------------------------ */

/** One word of a query; alternatives: as it stands, or its digits alone when it may be a phone. */
struct word {
    char text[2][QUERY_MAX];
    size_t len[2];
    bool home; /* "3-12…": not part of "13-12…" */
};

struct query {
    struct word words[WORDS_MAX];
    int n;
};

/* Digits and phone punctuation only, digits enough: also looked for without the punctuation and
 * without the zeros of trunk or international access. */
static void word_as_phone(struct word *w)
{
    char digits[QUERY_MAX];
    size_t n = 0;
    for (size_t i = 0; i < w->len[0]; i++) {
        char c = w->text[0][i];
        if (c >= '0' && c <= '9')
            digits[n++] = c;
        else if (!strchr("+-().", c))
            return;
    }
    digits[n] = 0;
    size_t zeros = strspn(digits, "0");
    if (n - zeros >= PHONE_DIGITS && n - zeros < w->len[0]) {
        w->len[1] = n - zeros;
        memcpy(w->text[1], digits + zeros, w->len[1]);
    }
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "b-12345" of a plate: a second way to write it is without the dash, as it is stored. A letter
 * begins it, and it is longer than the number of a home. */
static void word_as_plate(struct word *w)
{
    size_t n = 0, digits = 0;
    if (w->len[1] || !(w->text[0][0] >= 'a' && w->text[0][0] <= 'z'))
        return;
    for (size_t i = 0; i < w->len[0]; i++) {
        char c = w->text[0][i];
        if (c == '-')
            continue;
        if (!is_digit(c) && !(c >= 'a' && c <= 'z'))
            return;
        digits += is_digit(c);
        w->text[1][n++] = c;
    }
    if (n >= PLATE_CHARS && n < w->len[0] && digits)
        w->len[1] = n;
}

/* Digits and a dash begin it. */
static bool is_home(const char *s, size_t len)
{
    size_t n = 0;
    while (n < len && is_digit(s[n]))
        n++;
    return n > 0 && n < len && s[n] == '-';
}

static void word_add(struct query *q, const char *s, size_t len)
{
    if (q->n < WORDS_MAX && len > 0) {
        struct word *w = &q->words[q->n++];
        *w = (struct word){0};
        memcpy(w->text[0], s, len);
        w->len[0] = len;
        w->home = is_home(s, len);
        word_as_phone(w);
        word_as_plate(w);
    }
}

/* Most likely the rarer, the higher: numbers tell persons apart better than names of estates. */
static size_t rarity(const struct word *w)
{
    for (size_t i = 0; i < w->len[0]; i++)
        if (is_digit(w->text[0][i]))
            return w->len[0] + QUERY_MAX;
    return w->len[0];
}

/* The bytes of the first word: up to a blank, or to where ASCII and other characters meet
 * ("四季花城3-1201" are two words). */
static size_t word_len(const char *s)
{
    size_t n = 0;
    while (s[n] && s[n] != ' ' && (s[n] & 0x80) == (s[0] & 0x80))
        n++;
    return n;
}

/* False when nothing is left to look for. The word that is most likely the rarest comes first. */
static bool query_parse(struct query *q, const char *text)
{
    struct buf b = BUF_CUT(QUERY_MAX - 1);
    search_normalise(text, &b);
    q->n = 0;
    for (const char *s = buf_str(&b); *s && !b.overflow;) {
        s += strspn(s, q->n ? " -" : " "); /* "四季花城-3-1201" */
        size_t len = word_len(s);
        word_add(q, s, len);
        s += len;
    }
    buf_free(&b);
    for (int i = 1; i < q->n; i++) {
        if (rarity(&q->words[i]) > rarity(&q->words[0])) {
            struct word swap = q->words[0];
            q->words[0] = q->words[i];
            q->words[i] = swap;
        }
    }
    return q->n > 0;
}

/* The first place of an alternative of the word in a text; NULL if there is none. Homes begin
 * where no digit stands before. */
static const char *word_find(const struct word *w, int i, const char *text, size_t len)
{
    const char *end = text + len, *hit = text;
    if (!w->len[i])
        return NULL;
    while ((hit = memmem(hit, (size_t)(end - hit), w->text[i], w->len[i]))) {
        if (i > 0 || !w->home || hit == text || !is_digit(hit[-1]))
            return hit;
        hit++;
    }
    return NULL;
}

static bool word_is_in(const struct word *w, const char *text, size_t len)
{
    return word_find(w, 0, text, len) || word_find(w, 1, text, len);
}

static bool record_has_all(const struct query *q, const char *text, size_t len)
{
    for (int i = 0; i < q->n; i++)
        if (!word_is_in(&q->words[i], text, len))
            return false;
    return true;
}

/* The next hit of the first word at or behind an offset; SIZE_MAX if there is none. Each
 * alternative's own next hit is kept in `next`, so that the block is walked once by each. */
static size_t next_hit(const struct block *b, const struct word *w, size_t from, size_t next[2])
{
    for (int i = 0; i < 2; i++) {
        if (next[i] != SIZE_MAX && next[i] <= from) {
            const char *hit = word_find(w, i, b->text.data + from, b->text.len - from);
            next[i] = hit ? (size_t)(hit - b->text.data) : SIZE_MAX;
        }
    }
    return next[0] < next[1] ? next[0] : next[1];
}

/* Hits of a block from record `from` on, at most max. */
static int block_find(const struct block *b, const struct query *q, size_t from, int64_t after_id,
                      int64_t *ids, int max)
{
    int n = 0;
    size_t next[2] = {0, 0};
    while (from < b->n && n < max) {
        size_t hit = next_hit(b, &q->words[0], b->start[from], next);
        if (hit == SIZE_MAX)
            break;
        size_t i = record_at(b, hit);
        if (b->ids[i] > after_id && record_has_all(q, b->text.data + b->start[i], record_len(b, i)))
            ids[n++] = b->ids[i];
        from = i + 1;
    }
    return n;
}

int search_find(struct search *s, const char *q, int64_t after_id, int64_t *ids, int max)
{
    struct query *query = xcalloc(1, sizeof(*query));
    int n = 0;
    if (query_parse(query, q)) {
        pthread_rwlock_rdlock(&s->lock);
        n = s->ready ? 0 : E_BUSY;
        if (n == 0) {
            int64_t *all = xcalloc(s->tail.n + (size_t)max, sizeof(*all));
            n = block_find(&s->main, query, record_from(&s->main, after_id + 1), after_id, all,
                           max);
            n += block_find(&s->tail, query, 0, after_id, all + n, (int)s->tail.n);
            qsort(all, (size_t)n, sizeof(*all), by_id);
            n = n < max ? n : max;
            memcpy(ids, all, (size_t)n * sizeof(*ids));
            free(all);
        }
        pthread_rwlock_unlock(&s->lock);
    }
    free(query);
    return n;
}

size_t search_count(struct search *s)
{
    pthread_rwlock_rdlock(&s->lock);
    size_t n = s->main.n + s->tail.n;
    pthread_rwlock_unlock(&s->lock);
    return n;
}

size_t search_bytes(struct search *s)
{
    pthread_rwlock_rdlock(&s->lock);
    size_t n = s->main.text.cap + s->tail.text.cap +
               (s->main.cap + s->tail.cap) * (sizeof(int64_t) + sizeof(size_t));
    pthread_rwlock_unlock(&s->lock);
    return n;
}
