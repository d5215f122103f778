/*
 * verbs.c - the tables of verbs in the order of the help.
 */
#include "ctl/verbs.h"
#include "base/mem.h"

const struct ctl_verb *ctl_next_verb(const struct ctl_verb *v)
{
    static const struct ctl_verb *const tables[] = {ctl_site_verbs, ctl_ticket_verbs,
                                                    ctl_report_verbs, ctl_call_verbs};
    if (!v)
        return tables[0];
    if (v[1].words)
        return v + 1;
    for (size_t i = 0; i + 1 < ARRAY_LEN(tables); i++) {
        const struct ctl_verb *last = tables[i];
        while (last[1].words)
            last++;
        if (last == v)
            return tables[i + 1];
    }
    return NULL;
}
