/*
 * cti_calls.c - see cti_calls.h.
 */
#include "cti_calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Within this of the phones. */
#define NEAR_MS 1500

static struct folded_call *named(struct folded_calls *calls, const char *name, bool make)
{
    for (size_t i = calls->n; i > 0; i--)
        if (strcmp(calls->items[i - 1].name, name) == 0)
            return &calls->items[i - 1];
    if (!make || calls->n == FOLDED_MAX)
        return NULL;
    struct folded_call *c = &calls->items[calls->n++];
    snprintf(c->name, sizeof c->name, "%s", name);
    c->call = call_new();
    return c;
}

/* As the daemon decides, for the recordings' own numbers: phones have four digits, DIDs seven. */
static bool is_outside(const char *device)
{
    return device && strlen(device) > 7 && !device[strspn(device, "+0123456789")];
}

static void fold_one(struct folded_calls *calls, const struct steward_cti_event *ev)
{
    struct call_event e = {.kind = ev->kind,
                           .at = ev->at,
                           .direction = ev->direction,
                           .restricted = ev->restricted,
                           .cause = ev->cause,
                           .transfer = ev->transfer,
                           .by = ev->by,
                           .calling = ev->calling,
                           .called = ev->called,
                           .device = ev->device,
                           .queue = ev->queue,
                           .to = ev->to};
    e.outside = is_outside(e.device);
    e.to_outside = is_outside(e.to);
    struct folded_call *other = ev->other_call ? named(calls, ev->other_call, false) : NULL;
    if (other) {
        e.joined = call_joined_as(other->call, ev->device, &e.joined_device);
        other->joined = true;
    }
    call_apply(named(calls, ev->call, true)->call, &e);
}

void calls_fold(struct folded_calls *calls, const struct replay *r)
{
    memset(calls, 0, sizeof *calls);
    for (size_t i = 0; i < r->n_events; i++)
        if (r->events[i].ev.call)
            fold_one(calls, &r->events[i].ev);
}

void calls_free(struct folded_calls *calls)
{
    for (size_t i = 0; i < calls->n; i++)
        call_free(&calls->items[i].call);
}

size_t calls_count(const struct folded_calls *calls)
{
    size_t n = 0;
    for (size_t i = 0; i < calls->n; i++)
        n += !calls->items[i].joined;
    return n;
}

static bool same(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "") == 0;
}

static bool near(int64_t a, int64_t b)
{
    return a - b <= NEAR_MS && b - a <= NEAR_MS;
}

struct folded_call *calls_find(struct folded_calls *calls, const struct expected_call *want)
{
    for (size_t i = 0; i < calls->n; i++) {
        struct folded_call *c = &calls->items[i];
        const char *calling = call_calling_raw(c->call);
        if (call_direction(c->call) == want->direction && !c->joined &&
            (want->restricted || !want->calling || same(calling, want->calling)) &&
            same(call_called(c->call), want->called) && near(call_started_at(c->call), want->start))
            return c;
    }
    return NULL;
}

static bool rang(const struct call *c, const char *device)
{
    const struct call_offer *o;
    size_t n = call_offers(c, &o);
    for (size_t i = 0; i < n; i++)
        if (same(o[i].device, device))
            return true;
    return false;
}

static size_t distinct_offers(const struct call *c)
{
    const struct call_offer *o;
    size_t n = call_offers(c, &o), count = 0;
    for (size_t i = 0; i < n; i++) {
        bool before = false;
        for (size_t j = 0; j < i; j++)
            before = before || same(o[i].device, o[j].device);
        count += !before;
    }
    return count;
}

static void add(char *why, size_t cap, const char *what)
{
    size_t n = strlen(why);
    snprintf(why + n, cap - n, "%s%s", n ? ", " : "", what);
}

static void compare_ring(const struct call *c, const struct expected_call *want, char *why,
                         size_t cap)
{
    size_t n = 0, answers = 0;
    for (; n < 8 && want->rang[n]; n++)
        if (!rang(c, want->rang[n]))
            add(why, cap, "a phone that rang is missing");
    while (answers < 4 && want->answered_by[answers])
        answers++;
    size_t offers = distinct_offers(c);
    /* who took over a consultation's end was not rung for this call */
    if (want->direction != STEWARD_DIR_OUTBOUND && offers != n &&
        !(want->transfer == STEWARD_TRANSFER_ATTENDED && offers == n + 1))
        add(why, cap, "a phone rang too many");
    if (answers && !same(call_first_device(c), want->answered_by[0]))
        add(why, cap, "who answered");
    if (answers && want->transfer != STEWARD_TRANSFER_ATTENDED &&
        !same(call_device(c), want->answered_by[answers - 1]))
        add(why, cap, "who talked last");
}

static void compare_transfer(const struct call *c, const struct expected_call *want, char *why,
                             size_t cap)
{
    const struct call_transfer *t;
    size_t n = call_transfers(c, &t);
    if (n != (want->transfer_to ? 1u : 0u))
        add(why, cap, "transfers");
    else if (n && (!same(t[0].to, want->transfer_to) || t[0].kind != want->transfer))
        add(why, cap, "transfer");
}

bool calls_compare(const struct folded_call *got, const struct expected_call *want, char *why,
                   size_t cap)
{
    const struct call *c = got ? got->call : NULL;
    why[0] = '\0';
    if (!c) {
        add(why, cap, "no such call");
        return false;
    }
    compare_ring(c, want, why, cap);
    compare_transfer(c, want, why, cap);
    if (want->answered ? !near(call_answered_at(c), want->answered) : call_answered_at(c) != 0)
        add(why, cap, "when it was answered");
    if (want->end && !near(call_ended_at(c), want->end))
        add(why, cap, "when it ended");
    if (call_disposition(c) != want->disposition)
        add(why, cap, "disposition");
    if (want->by && call_hung_up_by(c) != want->by)
        add(why, cap, "who hung up");
    if (want->queue && !same(call_queue(c), want->queue))
        add(why, cap, "queue");
    if (call_restricted(c) != want->restricted)
        add(why, cap, "restricted");
    int64_t hold = call_hold_ms(c, call_last_at(c));
    if (!near(hold, want->hold_ms))
        add(why, cap, "hold time");
    return !why[0];
}

static const char *by_name(enum steward_by by)
{
    static const char *const names[] = {"?", "caller", "agent", "system"};
    return names[by];
}

static const char *or_dash(const char *s)
{
    return s ? s : "-";
}

void calls_describe(const struct folded_call *got, int64_t base, char *out, size_t cap)
{
    const struct call_offer *o;
    const struct call *c = got ? got->call : NULL;
    if (!c) {
        snprintf(out, cap, "(nothing)");
        return;
    }
    size_t n = call_offers(c, &o), used;
    used =
        (size_t)snprintf(out, cap, "%s>%s", or_dash(call_calling_raw(c)), or_dash(call_called(c)));
    for (size_t i = 0; i < n && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, " %s:%s", o[i].device,
                                 or_dash(offer_result_name(o[i].result)));
    if (used < cap && call_answered_at(c))
        used += (size_t)snprintf(out + used, cap - used, " answered %.1f",
                                 (double)(call_answered_at(c) - base) / 1000);
    if (used < cap)
        snprintf(out + used, cap - used, " end %.1f by %s %s",
                 (double)(call_ended_at(c) - base) / 1000, by_name(call_hung_up_by(c)),
                 or_dash(call_disposition_name(call_disposition(c))));
}

void calls_describe_expected(const struct expected_call *want, int64_t base, char *out, size_t cap)
{
    size_t used =
        (size_t)snprintf(out, cap, "%s>%s rang", or_dash(want->calling), or_dash(want->called));
    for (size_t i = 0; want->rang[i] && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, " %s", want->rang[i]);
    for (size_t i = 0; want->answered_by[i] && used < cap; i++)
        used += (size_t)snprintf(out + used, cap - used, " answered %s", want->answered_by[i]);
    if (want->answered && used < cap)
        used += (size_t)snprintf(out + used, cap - used, " %.1f",
                                 (double)(want->answered - base) / 1000);
    if (used < cap)
        snprintf(out + used, cap - used, " end %.1f by %s", (double)(want->end - base) / 1000,
                 by_name(want->by));
}

void calls_told(const struct replay *r, char *out, size_t cap)
{
    static const char *const kinds[] = {
        "none",     "originated",  "queued",      "delivered", "established", "held",   "retrieved",
        "diverted", "transferred", "conferenced", "left",      "failed",      "cleared"};
    static const char *const causes[] = {"",          "no_answer", "rejected",  "busy",
                                         "elsewhere", "picked_up", "forwarded", "unregistered",
                                         "invalid",   "congestion"};
    static const char *const by[] = {"", "caller", "agent", "system"};
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < r->n_events; i++) {
        const struct steward_cti_event *e = &r->events[i].ev;
        if (e->kind == STEWARD_EV_AGENT_STATE)
            continue;
        n += (size_t)snprintf(out + n, cap - n, "%s %s", e->call, kinds[e->kind]);
        const char *words[] = {e->device,        e->queue,
                               causes[e->cause], e->to,
                               e->other_call,    e->kind == STEWARD_EV_CLEARED ? by[e->by] : NULL};
        for (size_t w = 0; w < 6; w++)
            if (words[w] && *words[w])
                n += (size_t)snprintf(out + n, cap - n, " %s", words[w]);
        n += (size_t)snprintf(out + n, cap - n, "\n");
    }
}
