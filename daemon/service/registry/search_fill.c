/*
 * search_fill.c - reads what is searched for from the store: one ordered query for each kind of
 * field, merged person by person.
 */
#include <string.h>

#include "base/mem.h"
#include "domain/pinyin.h"
#include "service/registry/search.h"

#define RECORD_MAX 16384 /* bytes of one person */
#define SEPARATOR  2     /* between fields: in no query */

/* Each gives (person id, text …) for ids in [$1, $2], in order of id. */
static const char *const queries[] = {
    "SELECT id, name, key FROM person WHERE id >= $1 AND id <= $2 ORDER BY id",
    "SELECT person_id, e164 FROM phone WHERE person_id >= $1 AND person_id <= $2 "
    "ORDER BY person_id",
    "SELECT person_id, address FROM email WHERE person_id >= $1 AND person_id <= $2 "
    "ORDER BY person_id",
    "SELECT person_id, plate || ' ' || COALESCE(space, '') FROM vehicle WHERE person_id >= $1 AND "
    "person_id <= $2 "
    "ORDER BY person_id",
    "SELECT t.person_id, e.name || ' ' || b.name || '-' || u.name FROM tenure t JOIN unit u ON "
    "u.id = t.unit_id JOIN building b ON b.id = u.building_id JOIN estate e ON e.id = "
    "b.estate_id WHERE t.person_id >= $1 AND t.person_id <= $2 ORDER BY t.person_id",
};

#define KINDS ARRAY_LEN(queries)
#define NAMES 0 /* the query that leads */
struct cursor {
    struct db_q *q;
    bool row;
};

static void add_field(struct buf *out, const char *text)
{
    if (text && text[0]) {
        search_normalise(text, out);
        buf_addc(out, SEPARATOR);
    }
}

static void add_name(struct buf *out, struct db_q *q)
{
    char initials[PINYIN_MAX];
    add_field(out, db_text(q, 1));
    pinyin_initials(db_str(q, 1), initials, sizeof(initials));
    add_field(out, initials);
    add_field(out, db_text(q, 2));
}

/* The person at the head of the first cursor, with what the others say of them. */
static int64_t read_record(struct cursor *c, struct buf *out)
{
    int64_t id = db_int(c[NAMES].q, 0);
    buf_reset(out);
    add_name(out, c[NAMES].q);
    c[NAMES].row = db_row(c[NAMES].q);
    for (size_t k = 1; k < KINDS; k++) {
        while (c[k].row && db_int(c[k].q, 0) <= id) {
            if (db_int(c[k].q, 0) == id)
                add_field(out, db_text(c[k].q, 1));
            c[k].row = db_row(c[k].q);
        }
    }
    return id;
}

static int read_range(struct db *db, int64_t first, int64_t last,
                      void (*fn)(void *ctx, int64_t id, const struct buf *text), void *ctx)
{
    struct cursor c[KINDS];
    struct buf record = BUF_INIT(RECORD_MAX);
    int rc = 0;
    for (size_t k = 0; k < KINDS; k++) {
        c[k].q = db_query(db, queries[k]);
        db_bind_int(c[k].q, 1, first);
        db_bind_int(c[k].q, 2, last);
        c[k].row = db_row(c[k].q);
    }
    while (c[NAMES].row) {
        int64_t id = read_record(c, &record);
        record.overflow = false; /* what does not fit is not found, the rest is */
        fn(ctx, id, &record);
    }
    for (size_t k = 0; k < KINDS; k++) {
        int end = db_end(c[k].q);
        rc = rc < 0 ? rc : end;
    }
    buf_free(&record);
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
