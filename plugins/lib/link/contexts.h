/*
 * contexts.h - dialplan contexts by which an adapter knows the outside world from the site's own
 * phones, and those that are neither: a call there would be taken for an internal one in silence.
 */
#ifndef STEWARD_CONTEXTS_H
#define STEWARD_CONTEXTS_H

#include <stdbool.h>
#include <stddef.h>
#include "link.h"

#define CONTEXTS_STRANGE_MAX 8 /* more are only logged */

/** True if the context is in the list; an entry that ends in '*' stands for all that begin so. */
bool contexts_match(const char list[][LINK_ITEM_MAX], size_t n, const char *context);

/** Contexts of calls that are neither; zeroed is empty. */
struct contexts_strange {
    char names[CONTEXTS_STRANGE_MAX][LINK_ITEM_MAX];
    size_t n;
};

/** Notes it, with a line in the log; true if it is new. */
bool contexts_strange_add(struct contexts_strange *s, const struct steward_host *host,
                          const char *context);
/** What to do about them, for a person, in at most cap - 1 bytes; NULL: there are none. */
const char *contexts_strange_text(const struct contexts_strange *s, char *out, size_t cap);

#endif
