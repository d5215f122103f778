/*
 * repo_search.c - one ordered query for each kind of field, merged person by person.
 */
#include "store/repo_search.h"

#include <stdbool.h>

#include "base/mem.h"

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

/* The person at the head of the first cursor, with what the others say of them. */
static void tell_person(struct cursor *c, search_row_fn *fn, void *ctx)
{
    int64_t id = db_int(c[NAMES].q, 0);
    fn(ctx, id, SEARCH_NAME, db_text(c[NAMES].q, 1));
    fn(ctx, id, SEARCH_KEY, db_text(c[NAMES].q, 2));
    c[NAMES].row = db_row(c[NAMES].q);
    for (size_t k = 1; k < KINDS; k++) {
        while (c[k].row && db_int(c[k].q, 0) <= id) {
            if (db_int(c[k].q, 0) == id)
                fn(ctx, id, SEARCH_WORD, db_text(c[k].q, 1));
            c[k].row = db_row(c[k].q);
        }
    }
}

int repo_search_each(struct db *db, int64_t first, int64_t last, search_row_fn *fn, void *ctx)
{
    struct cursor c[KINDS];
    int rc = E_OK;
    for (size_t k = 0; k < KINDS; k++) {
        c[k].q = db_query(db, queries[k]);
        db_bind_int(c[k].q, 1, first);
        db_bind_int(c[k].q, 2, last);
        c[k].row = db_row(c[k].q);
    }
    while (c[NAMES].row)
        tell_person(c, fn, ctx);
    for (size_t k = 0; k < KINDS; k++) {
        int end = db_end(c[k].q);
        rc = rc < 0 ? rc : end;
    }
    return rc;
}
