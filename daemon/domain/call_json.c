/*
 * call_json.c - a call as text: the arrays of CALL, and its events as they are stored.
 *
 * Stored form: {"v":1,"held":MS,"e":[[kind,at,flags,direction,cause,transfer,by,joined,text…],…]},
 * texts in the order calling, called, device, queue, to, joined_device, trailing nulls left out.
 * The numbers are those of steward/types.h, which only ever appends.
 */
#include "domain/call_priv.h"

#include <string.h>

#include "base/json.h"
#include "base/mem.h"

#define LIVE_TEXT_MAX 512
#define N_NUMBERS     8
#define N_TEXTS       6

enum { FLAG_RESTRICTED = 1, FLAG_OUTSIDE = 2, FLAG_TO_OUTSIDE = 4, FLAG_BLOCKED = 8 };

int call_offered_json(const struct call *c, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_arr(&w);
    for (size_t i = 0; i < c->offers.n; i++) {
        const struct call_offer *o = &c->offers.items[i];
        jw_obj(&w);
        jw_kstr(&w, "device", o->device);
        jw_ktime(&w, "from", o->from);
        jw_ktime(&w, "to", o->to);
        jw_kstr(&w, "result", offer_result_name(o->result));
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    return out->overflow ? E_TOOBIG : E_OK;
}

int call_transfers_json(const struct call *c, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_arr(&w);
    for (size_t i = 0; i < c->transfers.n; i++) {
        const struct call_transfer *t = &c->transfers.items[i];
        jw_obj(&w);
        jw_ktime(&w, "at", t->at);
        jw_kstr(&w, "kind", t->kind == STEWARD_TRANSFER_ATTENDED ? "attended" : "blind");
        jw_kstr(&w, "from_device", t->from_device);
        jw_kstr(&w, "to", t->to);
        jw_end_obj(&w);
    }
    jw_end_arr(&w);
    return out->overflow ? E_TOOBIG : E_OK;
}

/* ---- storing ---- */

static void write_event(struct jw *w, const struct call_event *ev)
{
    const char *texts[N_TEXTS] = {ev->calling, ev->called, ev->device,
                                  ev->queue,   ev->to,     ev->joined_device};
    int last = N_TEXTS;
    while (last > 0 && !texts[last - 1])
        last--;
    jw_arr(w);
    jw_int(w, ev->kind);
    jw_int(w, ev->at);
    jw_int(w, (ev->restricted ? FLAG_RESTRICTED : 0) | (ev->outside ? FLAG_OUTSIDE : 0) |
                  (ev->to_outside ? FLAG_TO_OUTSIDE : 0) | (ev->blocked ? FLAG_BLOCKED : 0));
    jw_int(w, ev->direction);
    jw_int(w, ev->cause);
    jw_int(w, ev->transfer);
    jw_int(w, ev->by);
    jw_int(w, ev->joined);
    for (int i = 0; i < last; i++)
        jw_str(w, texts[i]);
    jw_end_arr(w);
}

int call_live_json(const struct call *c, struct buf *out)
{
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kint(&w, "v", 1);
    jw_kint(&w, "held", c->dropped_hold_ms);
    jw_key(&w, "e");
    jw_arr(&w);
    for (size_t i = 0; i < c->events.n; i++)
        write_event(&w, &c->events.items[i]->ev);
    jw_end_arr(&w);
    jw_end_obj(&w);
    return out->overflow ? E_TOOBIG : E_OK;
}

/* ---- restoring ---- */

/* The numbers that stand first, each within what its enum has. */
static bool read_numbers(const json_t *e, struct call_event *ev)
{
    static const int64_t most[N_NUMBERS] = {STEWARD_EV_COUNT - 1,
                                            INT64_MAX,
                                            15,
                                            STEWARD_DIR_INTERNAL,
                                            STEWARD_CAUSE_COUNT - 1,
                                            STEWARD_TRANSFER_ATTENDED,
                                            STEWARD_BY_SYSTEM,
                                            JOINED_RINGING};
    int64_t n[N_NUMBERS];
    for (size_t i = 0; i < N_NUMBERS; i++) {
        const json_t *v = json_array_get(e, i);
        n[i] = json_integer_value(v);
        if (!json_is_integer(v) || n[i] < 0 || n[i] > most[i])
            return false;
    }
    ev->kind = (enum steward_event_kind)n[0];
    ev->at = n[1];
    ev->restricted = n[2] & FLAG_RESTRICTED;
    ev->outside = n[2] & FLAG_OUTSIDE;
    ev->to_outside = n[2] & FLAG_TO_OUTSIDE;
    ev->blocked = n[2] & FLAG_BLOCKED;
    ev->direction = (enum steward_direction)n[3];
    ev->cause = (enum steward_cause)n[4];
    ev->transfer = (enum steward_transfer)n[5];
    ev->by = (enum steward_by)n[6];
    ev->joined = (enum call_joined)n[7];
    return ev->at > 0 && ev->kind != STEWARD_EV_NONE;
}

static bool read_event(const json_t *e, struct call_event *ev)
{
    const char **texts[N_TEXTS] = {&ev->calling, &ev->called, &ev->device,
                                   &ev->queue,   &ev->to,     &ev->joined_device};
    size_t n = json_array_size(e);
    if (n < N_NUMBERS || n > N_NUMBERS + N_TEXTS || !read_numbers(e, ev))
        return false;
    for (size_t i = N_NUMBERS; i < n; i++) {
        const json_t *v = json_array_get(e, i);
        if (!json_is_null(v) && (!json_is_string(v) || json_string_length(v) > LIVE_TEXT_MAX))
            return false;
        *texts[i - N_NUMBERS] = json_string_value(v);
    }
    return true;
}

int call_restore(const char *live_json, struct call **out, struct errmsg *why)
{
    json_t *o = json_parse(live_json, strlen(live_json), why);
    *out = NULL;
    if (!o)
        return E_INVALID;
    const json_t *events = json_object_get(o, "e");
    int64_t held = json_integer_value(json_object_get(o, "held"));
    bool good = json_integer_value(json_object_get(o, "v")) == 1 && json_is_array(events) &&
                json_array_size(events) > 0 && json_array_size(events) <= CALL_EVENTS_MAX &&
                held >= 0;
    struct call *c = call_new();
    c->dropped_hold_ms = held;
    for (size_t i = 0; good && i < json_array_size(events); i++) {
        struct call_event ev = {0};
        good = read_event(json_array_get(events, i), &ev);
        if (good)
            call_apply(c, &ev);
    }
    json_decref(o);
    if (!good) {
        call_free(&c);
        return errmsg_set(why, E_INVALID, "not a stored call");
    }
    *out = c;
    return E_OK;
}
