/*
 * contexts.c - see contexts.h.
 */
#include <stdio.h>
#include <string.h>
#include "contexts.h"

bool contexts_match(const char list[][LINK_ITEM_MAX], size_t n, const char *context)
{
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(list[i]);
        bool prefix = len > 0 && list[i][len - 1] == '*';
        if (prefix ? strncmp(list[i], context, len - 1) == 0 : strcmp(list[i], context) == 0)
            return true;
    }
    return false;
}

bool contexts_strange_add(struct contexts_strange *s, const struct steward_host *host,
                          const char *context)
{
    char name[LINK_ITEM_MAX];
    snprintf(name, sizeof name, "%.*s", (int)strcspn(context, "\r\n"), context);
    if (s->n == CONTEXTS_STRANGE_MAX || contexts_match(s->names, s->n, name))
        return false;
    memcpy(s->names[s->n++], name, sizeof name);
    host->log(
        host, STEWARD_LOG_WARN,
        "a call came in context %s, which is in neither contexts.inbound nor contexts.phones: "
        "it counts as internal, without pop and ticket",
        name);
    return true;
}

const char *contexts_strange_text(const struct contexts_strange *s, char *out, size_t cap)
{
    size_t used = (size_t)snprintf(out, cap, "calls in unknown contexts");
    for (size_t i = 0; i < s->n && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s %.60s", i ? "," : "", s->names[i]);
    if (used < cap)
        snprintf(out + used, cap - used, ": add them to contexts.inbound or contexts.phones");
    return s->n ? out : NULL;
}
