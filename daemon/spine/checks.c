/*
 * checks.c - asks every part how it is.
 */
#include "spine/checks.h"

#include <stdlib.h>
#include <utlist.h>

#include "base/mem.h"

struct check {
    checks_cb *cb;
    void *ctx;
    struct check *next;
};

struct checks {
    struct check *all;
};

struct checks_out {
    struct jw *w;
    enum check_state worst;
};

const char *check_state_name(enum check_state state)
{
    static const char *const names[] = {"ok", "degraded", "failed"};
    return names[state];
}

struct checks *checks_new(void)
{
    return xcalloc(1, sizeof(struct checks));
}

void checks_free(struct checks **c)
{
    if (!*c)
        return;
    struct check *k, *next;
    LL_FOREACH_SAFE ((*c)->all, k, next)
        free(k);
    free(*c);
    *c = NULL;
}

void checks_add(struct checks *c, checks_cb *cb, void *ctx)
{
    struct check *k = xcalloc(1, sizeof(*k));
    k->cb = cb;
    k->ctx = ctx;
    LL_APPEND(c->all, k);
}

void checks_remove(struct checks *c, void *ctx)
{
    struct check *k, *next;
    LL_FOREACH_SAFE (c->all, k, next) {
        if (k->ctx != ctx)
            continue;
        LL_DELETE(c->all, k);
        free(k);
    }
}

void check_say(struct checks_out *out, const char *name, enum check_state state, const char *detail)
{
    if (state > out->worst)
        out->worst = state;
    jw_key(out->w, name);
    jw_obj(out->w);
    jw_kstr(out->w, "status", check_state_name(state));
    if (detail && *detail)
        jw_kstr(out->w, "detail", detail);
    jw_end_obj(out->w);
}

enum check_state checks_write(struct checks *c, struct jw *w)
{
    struct checks_out out = {.w = w, .worst = CHECK_OK};
    jw_obj(w);
    for (struct check *k = c->all; k; k = k->next)
        k->cb(k->ctx, &out);
    jw_end_obj(w);
    return out.worst;
}
