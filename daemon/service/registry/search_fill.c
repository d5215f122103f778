/*
 * search_fill.c - reads what is searched for from the store, a record a person.
 */
#include <string.h>

#include "base/mem.h"
#include "domain/pinyin.h"
#include "service/registry/search.h"
#include "store/repo_search.h"

#define RECORD_MAX 16384 /* bytes of one person */
#define SEPARATOR  2     /* between fields: in no query */

/* Persons as they are read, one record after the other. */
struct fill {
    void (*put)(void *ctx, int64_t id, const struct buf *text);
    void *ctx;
    struct buf record;
    int64_t id; /* of record; 0: none yet */
};

static void add_field(struct buf *out, const char *text)
{
    if (text && text[0]) {
        search_normalise(text, out);
        buf_addc(out, SEPARATOR);
    }
}

static void add_name(struct buf *out, const char *name)
{
    char initials[PINYIN_MAX];
    add_field(out, name);
    pinyin_initials(name ? name : "", initials, sizeof(initials));
    add_field(out, initials);
}

static void put_record(struct fill *f)
{
    f->record.overflow = false; /* what does not fit is not found, the rest is */
    if (f->id)
        f->put(f->ctx, f->id, &f->record);
    buf_reset(&f->record);
}

static void take_row(void *ctx, int64_t id, enum search_field field, const char *text)
{
    struct fill *f = ctx;
    if (field == SEARCH_NAME) {
        put_record(f);
        f->id = id;
        add_name(&f->record, text);
    } else {
        add_field(&f->record, text);
    }
}

static int read_range(struct db *db, int64_t first, int64_t last,
                      void (*fn)(void *ctx, int64_t id, const struct buf *text), void *ctx)
{
    struct fill f = {.put = fn, .ctx = ctx, .record = BUF_CUT(RECORD_MAX)};
    int rc = repo_search_each(db, first, last, take_row, &f);
    put_record(&f);
    buf_free(&f.record);
    return rc;
}

static void to_block(void *ctx, int64_t id, const struct buf *text)
{
    search_block_add(ctx, id, buf_str(text), text->len);
}

int search_fill(struct search *s, struct db *db)
{
    struct search_block *b = search_block_new();
    int rc = read_range(db, 1, INT64_MAX, to_block, b);
    if (rc == 0)
        search_swap(s, b);
    search_block_free(&b);
    return rc;
}

static void to_search(void *ctx, int64_t id, const struct buf *text)
{
    search_put(ctx, id, buf_str(text), text->len);
}

int search_refresh(struct search *s, struct db *db, int64_t id)
{
    search_put(s, id, "", 0);
    return read_range(db, id, id, to_search, s);
}
