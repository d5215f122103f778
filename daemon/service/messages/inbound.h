/*
 * inbound.h - what owners wrote to us and what became of it, for reading. Texts come in through
 * outbox_inbound().
 */
#pragma once
#include <stdint.h>
#include "base/err.h"
#include "base/json.h"
#include "store/db.h"

/** What became of a text, for filters: "kept" is a text that came to nothing. */
#define INBOUND_BECAME                                                                             \
    "confirmed, not_satisfied, reopened, noted, opened, opted_out, opted_in, kept"

struct inbound_filter {
    const char *became;           /* NULL: any */
    int64_t person_id, ticket_id; /* 0: any */
    int64_t before;               /* cursor: ids below this; 0: from the newest */
    int limit;                    /* 1 to 500 */
};
/** Writes the items (the caller opened an array), newest first; *next: the cursor, 0 at the end. */
int inbound_list(struct db *db, const struct inbound_filter *f, struct jw *w,
                 int64_t *next) MUST_CHECK;
