/*
 * device.c - agents' devices: their states at each source, and the call they are on.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

struct device *device_get(struct source *s, const char *name, bool make)
{
    struct device *d;
    HASH_FIND_STR(s->devices, name, d);
    if (d || !make || HASH_COUNT(s->devices) >= DEVICES_MAX)
        return d;
    d = xcalloc(1, sizeof(*d));
    text_copy(d->name, sizeof(d->name), name);
    HASH_ADD_STR(s->devices, name, d);
    return d;
}

void devices_free(struct source *s)
{
    struct device *d, *tmp;
    HASH_ITER (hh, s->devices, d, tmp) {
        HASH_DEL(s->devices, d);
        free(d);
    }
}

int device_source(struct calls *t, const char *device, struct source **s, const char **name)
{
    char source[65];
    *s = NULL;
    *name = text_after_slash(device);
    if (*name == device)
        return E_OK;
    text_copyn(source, sizeof(source), device, (size_t)(*name - device - 1));
    *s = source_find(t, source);
    return *s ? E_OK : E_NOTFOUND;
}

/* Of a device at several sources the one that was told of last: their clocks differ. */
static const struct device *told_last(const struct device *a, const struct device *b)
{
    if (!a || !b)
        return a ? a : b;
    if (a->told == b->told)
        return a->since > b->since ? a : b;
    return a->told > b->told ? a : b;
}

/* The call that it talks on, else one that it dials or that rings it. */
static const struct live_call *call_at(struct calls *t, const struct source *s, const char *name)
{
    const struct live_call *l, *rings = NULL;
    DL_FOREACH (t->lives, l) {
        if ((s && l->source != s) || !call_busies(l->call, name))
            continue;
        if (text_eq(call_holder(l->call), name))
            return l;
        rings = l;
    }
    return rings;
}

bool calls_device(struct calls *t, const char *device, struct calls_device *out)
{
    struct source *s, *each, *tmp;
    const struct device *d = NULL;
    const char *name;
    memset(out, 0, sizeof(*out));
    if (device_source(t, device, &s, &name) < 0)
        return false;
    HASH_ITER (hh, t->sources, each, tmp)
        if (!s || s == each)
            d = told_last(d, device_get(each, name, false));
    if (d) {
        out->state = d->state;
        out->since = d->since;
        text_copy(out->reason, sizeof(out->reason), d->reason);
    }
    const struct live_call *l = call_at(t, s, name);
    if (!l)
        return out->state != STEWARD_AGENT_NONE;
    out->call_id = l->id;
    out->source = l->source->name;
    out->call = l->name;
    bool talks = call_answered_at(l->call) != 0;
    if (talks && (out->state == STEWARD_AGENT_NONE || out->state == STEWARD_AGENT_READY)) {
        out->state = STEWARD_AGENT_BUSY;
        out->since = call_answered_at(l->call);
        out->reason[0] = '\0';
    }
    return true;
}
