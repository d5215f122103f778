/*
 * radar.c - windows of complaints by group, and the baseline of each group.
 */
#include "domain/radar.h"

#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"

#define TAU_WINDOWS 28
#define SIGMAS      3.0
#define WATCHED_MIN 7    /* windows: a single day is no rule */
#define WINDOW_MAX  1024 /* complaints of a group beyond those needed; older ones leave early */
#define SWEEP_EVERY 4096 /* complaints, after which groups that faded are dropped */
#define FADED       0.01

/* ---- scopes ---- */

bool radar_riser(const char *unit, char out[RADAR_RISER_MAX])
{
    size_t end = strlen(unit), begin;
    while (end > 0 && !isdigit((unsigned char)unit[end - 1]))
        end--;
    begin = end;
    while (begin > 0 && isdigit((unsigned char)unit[begin - 1]))
        begin--;
    if (end - begin < 3)
        return false;
    return text_copyn(out, RADAR_RISER_MAX, unit + end - 2, 2);
}

bool radar_reduce(struct radar_scope *scope, const struct conf_texts *same)
{
    bool riser = conf_texts_has(same, "riser");
    bool building = riser || conf_texts_has(same, "building");
    bool estate = building || conf_texts_has(same, "estate");
    bool category = conf_texts_has(same, "category");
    if (same->n == 0 || (category && !scope->category[0]) || (riser && !scope->riser[0]) ||
        (building && !scope->building_id) || (estate && !scope->estate_id))
        return false;
    if (!category)
        scope->category[0] = 0;
    if (!riser)
        scope->riser[0] = 0;
    if (!building)
        scope->building_id = 0;
    if (!estate)
        scope->estate_id = 0;
    return true;
}

const char *radar_key(const struct radar_scope *s, char out[RADAR_KEY_MAX])
{
    char place[32] = "";
    if (s->building_id)
        snprintf(place, sizeof(place), "b%" PRId64, s->building_id);
    else if (s->estate_id)
        snprintf(place, sizeof(place), "e%" PRId64, s->estate_id);
    const char *separator = place[0] ? ";" : "";
    snprintf(out, RADAR_KEY_MAX, "%s%s%s%s%s%s%s", place, s->riser[0] ? separator : "",
             s->riser[0] ? "r" : "", s->riser, s->category[0] ? separator : "",
             s->category[0] ? "c" : "", s->category);
    return out;
}

bool radar_holds(const struct radar_scope *s, const struct radar_scope *place)
{
    if (!s->estate_id && !s->building_id && !s->riser[0])
        return false;
    return (!s->estate_id || s->estate_id == place->estate_id) &&
           (!s->building_id || s->building_id == place->building_id) &&
           (!s->riser[0] || text_eq(s->riser, place->riser));
}

/* ---- windows ---- */

struct complaint {
    int64_t id, at;
    char *owner;
    struct group *group;
    struct complaint *prev, *next;
    UT_hash_handle hh;
};

struct group {
    char key[RADAR_KEY_MAX];
    struct complaint *window;
    size_t n;
    double level; /* weighted sum at level_at */
    int64_t level_at;
    UT_hash_handle hh;
};

struct radar {
    struct radar_rules rules;
    struct group *groups;         /* by key */
    struct complaint *complaints; /* by ticket */
    int64_t first, now;           /* the moments seen */
    unsigned seen;                /* since the last sweep */
};

static double tau_of(const struct radar *r)
{
    return (double)r->rules.within * TAU_WINDOWS;
}

static double level_at(const struct radar *r, const struct group *g, int64_t at)
{
    return at > g->level_at ? g->level * exp(-(double)(at - g->level_at) / tau_of(r)) : g->level;
}

static double expected(const struct radar *r, const struct group *g)
{
    double within = (double)r->rules.within, tau = tau_of(r);
    double watched = (double)(r->now - r->first);
    if (watched < within * WATCHED_MIN)
        watched = within * WATCHED_MIN;
    return level_at(r, g, r->now) * within / tau / (1.0 - exp(-watched / tau));
}

static void learn(struct radar *r, struct group *g, int64_t at)
{
    g->level = level_at(r, g, at) + 1.0;
    if (at > g->level_at)
        g->level_at = at;
}

static void forget(struct radar *r, struct complaint *c)
{
    DL_DELETE(c->group->window, c);
    c->group->n--;
    HASH_DEL(r->complaints, c);
    free(c->owner);
    free(c);
}

static bool owner_remains(const struct complaint *c)
{
    const struct complaint *o;
    DL_FOREACH (c->group->window, o)
        if (o != c && text_eq(o->owner, c->owner))
            return true;
    return false;
}

/* Leaves by age: an owner whose last complaint goes is learned. */
static void leave(struct radar *r, struct complaint *c)
{
    if (!owner_remains(c))
        learn(r, c->group, c->at);
    forget(r, c);
}

static void expire(struct radar *r, struct group *g)
{
    struct complaint *c, *tmp;
    DL_FOREACH_SAFE (g->window, c, tmp)
        if (c->at <= r->now - r->rules.within || (int64_t)g->n > WINDOW_MAX + r->rules.owners)
            leave(r, c);
}

static void sweep(struct radar *r)
{
    struct group *g, *tmp;
    r->seen = 0;
    HASH_ITER (hh, r->groups, g, tmp) {
        expire(r, g);
        if (g->window || level_at(r, g, r->now) > FADED)
            continue;
        HASH_DEL(r->groups, g);
        free(g);
    }
}

static struct group *group_of(struct radar *r, const char *key)
{
    struct group *g;
    HASH_FIND_STR(r->groups, key, g);
    if (g)
        return g;
    g = xcalloc(1, sizeof(*g));
    text_copy(g->key, sizeof(g->key), key);
    HASH_ADD_STR(r->groups, key, g);
    return g;
}

static int later(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* An owner in a window, while it is judged. */
struct tally {
    const char *owner;
    int64_t at; /* the newest complaint */
    UT_hash_handle hh;
};

static size_t end_tally(struct tally *owners, int64_t *moments)
{
    struct tally *t, *tmp;
    size_t n = 0;
    HASH_ITER (hh, owners, t, tmp) {
        moments[n++] = t->at;
        HASH_DEL(owners, t);
        free(t);
    }
    return n;
}

/* The newest moment of each different owner, newest first; returns how many. */
static size_t owners_of(const struct group *g, int64_t *moments)
{
    struct tally *owners = NULL, *t;
    const struct complaint *c;
    DL_FOREACH (g->window, c) {
        HASH_FIND_STR(owners, c->owner, t);
        if (!t) {
            t = xcalloc(1, sizeof(*t));
            t->owner = c->owner;
            HASH_ADD_KEYPTR(hh, owners, t->owner, strlen(t->owner), t);
        }
        if (c->at > t->at)
            t->at = c->at;
    }
    size_t n = end_tally(owners, moments);
    qsort(moments, n, sizeof(*moments), later);
    return n;
}

static bool judge(const struct radar *r, const struct group *g, struct radar_warning *out)
{
    double e = expected(r, g);
    int64_t needed = (int64_t)ceil(e + SIGMAS * sqrt(e));
    if (needed < r->rules.owners)
        needed = r->rules.owners;
    if ((int64_t)g->n < needed) /* there cannot be more owners than complaints */
        return false;
    int64_t *moments = xcalloc(g->n, sizeof(*moments));
    size_t n = owners_of(g, moments);
    *out = (struct radar_warning){.owners = (int64_t)n,
                                  .needed = needed,
                                  .expected_milli = (int64_t)(e * 1000.0 + 0.5),
                                  .since = (int64_t)n >= needed ? moments[needed - 1] : 0};
    free(moments);
    return (int64_t)n >= needed;
}

bool radar_see(struct radar *r, const struct radar_complaint *seen, struct radar_warning *out)
{
    struct group *g = group_of(r, seen->group);
    struct complaint *c = xcalloc(1, sizeof(*c));
    radar_drop(r, seen->ticket_id);
    if (seen->at > r->now)
        r->now = seen->at;
    if (!r->first || seen->at < r->first)
        r->first = seen->at;
    *c = (struct complaint){
        .id = seen->ticket_id, .at = seen->at, .owner = xstrdup(seen->owner), .group = g};
    DL_APPEND(g->window, c);
    g->n++;
    HASH_ADD(hh, r->complaints, id, sizeof(c->id), c);
    expire(r, g);
    bool warns = judge(r, g, out);
    if (++r->seen >= SWEEP_EVERY)
        sweep(r);
    return warns;
}

void radar_drop(struct radar *r, int64_t ticket_id)
{
    struct complaint *c;
    HASH_FIND(hh, r->complaints, &ticket_id, sizeof(ticket_id), c);
    if (c)
        forget(r, c);
}

size_t radar_held(const struct radar *r, size_t *groups)
{
    *groups = HASH_COUNT(r->groups);
    return HASH_COUNT(r->complaints);
}

struct radar *radar_new(const struct radar_rules *rules)
{
    struct radar *r = xcalloc(1, sizeof(*r));
    r->rules = *rules;
    return r;
}

void radar_set_rules(struct radar *r, const struct radar_rules *rules)
{
    r->rules = *rules;
    sweep(r);
}

void radar_free(struct radar **rp)
{
    struct radar *r = *rp;
    struct group *g, *tmp;
    if (!r)
        return;
    HASH_ITER (hh, r->groups, g, tmp) {
        while (g->window)
            forget(r, g->window);
        HASH_DEL(r->groups, g);
        free(g);
    }
    free(r);
    *rp = NULL;
}
