/*
 * ladder.c - which rung is next and when.
 */
#include "domain/ladder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t rungs(const struct policy_ladder *l)
{
    return l->steps_n < LADDER_STEPS_MAX ? l->steps_n : LADDER_STEPS_MAX;
}

const char *ladder_mark_format(const struct ladder_mark *m, const struct policy_ladder *l,
                               char out[LADDER_TEXT_MAX])
{
    size_t n = 0;
    out[0] = 0;
    for (size_t i = 0; i < rungs(l); i++)
        n += (size_t)snprintf(out + n, LADDER_TEXT_MAX - n, i ? ",%d" : "%d", m->fired[i]);
    return out;
}

void ladder_mark_parse(const char *text, struct ladder_mark *m)
{
    memset(m->fired, 0, sizeof(m->fired));
    for (int i = 0; i < LADDER_STEPS_MAX && text && *text; i++) {
        char *end;
        long v = strtol(text, &end, 10);
        m->fired[i] = v > 0 && v < 1000000000 ? (int)v : 0;
        text = *end == ',' ? end + 1 : NULL;
    }
}

/* How often a rung is carried out in all; 0: without end. */
static int64_t times_of(const struct policy_step *s)
{
    return span_is_set(&s->repeat) ? s->times : 1;
}

static int64_t moment_of(const struct policy_step *s, const struct promise *p, int64_t due,
                         int turn)
{
    int64_t at = due;
    if (s->at.percent)
        at = s->at.percent == 100 ? due : promise_percent(p, s->at.percent);
    else if (span_is_set(&s->at.after))
        at = calendar_due(p->calendar, due, &s->at.after);
    if (turn > 1) {
        struct span all = s->repeat;
        all.n = s->repeat.n * (turn - 1);
        at = calendar_due(p->calendar, at, &all);
    }
    return at;
}

struct ladder_next ladder_next(const struct policy_ladder *l, const struct promise *p,
                               const struct ladder_mark *m)
{
    struct ladder_next best = {.what = LADDER_NOTHING};
    int64_t due = promise_due(p);
    if (!due || !promise_is_running(p))
        return best;
    if (!m->breached)
        best = (struct ladder_next){.what = LADDER_BREACH, .at = due};
    for (size_t i = 0; i < rungs(l); i++) {
        const struct policy_step *s = &l->steps[i];
        int turn = m->fired[i] + 1;
        if (times_of(s) && turn > times_of(s))
            continue;
        int64_t at = moment_of(s, p, due, turn);
        bool sooner = best.what == LADDER_NOTHING || at < best.at;
        /* At the due moment the breach comes first, but a rung below 100% before it. */
        if (best.what == LADDER_BREACH && at == best.at && s->at.percent && s->at.percent < 100)
            sooner = true;
        if (sooner)
            best = (struct ladder_next){LADDER_STEP, (int)i, turn, at};
    }
    return best;
}

void ladder_mark_done(struct ladder_mark *m, const struct ladder_next *did)
{
    if (did->what == LADDER_BREACH)
        m->breached = true;
    else if (did->what == LADDER_STEP)
        m->fired[did->step] = did->turn;
}

int ladder_unclimbed(const struct policy_ladder *l, const struct ladder_mark *m)
{
    for (size_t i = 0; i < rungs(l); i++)
        if (m->fired[i] == 0)
            return (int)i;
    return -1;
}

const char *ladder_at_text(const struct policy_step *s, char out[SPAN_TEXT_MAX + 2])
{
    if (s->at.percent)
        snprintf(out, SPAN_TEXT_MAX + 2, "%d%%", s->at.percent);
    else
        snprintf(out, SPAN_TEXT_MAX + 2, "+%s",
                 span_is_set(&s->at.after) ? s->at.after.text : "0s");
    return out;
}
