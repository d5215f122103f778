/*
 * live_call.c - live calls: who the party is, whose screens show it, who stands where, and
 * when a call that nobody speaks of any more is let go.
 */
#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/table.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

/* ---- finding and freeing ---- */

struct live_call *live_find(struct source *s, const char *name)
{
    struct live_call *l;
    HASH_FIND_STR(s->calls, name, l);
    return l;
}

struct live_call *live_new(struct source *s, const char *name)
{
    struct live_call *l = pool_take0(sizeof(*l));
    l->source = s;
    text_copy(l->name, sizeof(l->name), name);
    l->call = call_new();
    l->ref = live_ref_new(l);
    HASH_ADD_STR(s->calls, name, l);
    DL_APPEND(s->t->lives, l);
    s->n_live++;
    s->t->stats.live++;
    return l;
}

static void unlink_live(struct live_call *l)
{
    struct calls *t = l->source->t;
    if (l->ended) {
        DL_DELETE(t->ended, l);
        t->n_ended--;
    } else {
        DL_DELETE(t->lives, l);
        l->source->n_live--;
        t->stats.live--;
    }
}

void live_free(struct live_call *l)
{
    call_batch_before_free(l);
    unlink_live(l);
    HASH_DEL(l->source->calls, l);
    pop_call_free(&l->pops);
    l->ref->live = NULL;
    live_ref_drop(l->ref);
    call_free(&l->call);
    pool_give(l, sizeof(*l));
}

/* It ended: kept a while for events that come late. */
static void linger(struct live_call *l)
{
    struct calls *t = l->source->t;
    if (l->ended)
        return;
    unlink_live(l);
    l->ended = true;
    DL_APPEND(t->ended, l);
    t->n_ended++;
    while (t->n_ended > LINGER_CALLS)
        live_free(t->ended);
}

void live_heard(struct live_call *l, int64_t now)
{
    struct calls *t = l->source->t;
    l->heard = now;
    l->seen = true;
    if (l->ended || t->lives->prev == l)
        return;
    DL_DELETE(t->lives, l);
    DL_APPEND(t->lives, l);
}

/* ---- who it is ---- */

static void copy_value(char out[NUMBER_TEXT_MAX], const struct number *n, enum number_kind kind)
{
    text_copy(out, NUMBER_TEXT_MAX, n->kind == kind ? n->value : "");
}

/* The numbers of the call, from what the PBX showed first. */
static void read_numbers(struct live_call *l)
{
    struct numbers *numbers = l->source->t->numbers;
    bool out = call_direction(l->call) == STEWARD_DIR_OUTBOUND;
    struct number calling, party;
    numbers_get(numbers, call_calling_raw(l->call), &calling);
    party = calling;
    if (out)
        numbers_get(numbers, call_called(l->call), &party);
    copy_value(l->calling, &calling, NUMBER_E164);
    copy_value(l->party, &party, NUMBER_E164);
    copy_value(l->key, &party, NUMBER_E164);
    if (party.kind == NUMBER_SVC)
        copy_value(l->key, &party, NUMBER_SVC);
    l->withheld = !out && (call_restricted(l->call) || calling.kind == NUMBER_WITHHELD);
    if (l->withheld || call_direction(l->call) == STEWARD_DIR_INTERNAL)
        l->key[0] = l->party[0] = '\0';
}

static const char *some(const char *s)
{
    return s[0] ? s : NULL;
}

static struct pop_about about_of(const struct live_call *l)
{
    return (struct pop_about){.source = l->source->name,
                              .call = l->name,
                              .direction = direction_name(call_direction(l->call)),
                              .key = some(l->key),
                              .party = some(l->party),
                              .calling = some(l->calling),
                              .calling_raw = call_calling_raw(l->call),
                              .called = call_called(l->call),
                              .queue = call_queue(l->call),
                              .withheld = l->withheld};
}

/* The caller is known: told while the call lives, and again when it is known better. */
static void on_found(void *ctx, const struct pop_found *found)
{
    struct live_call *l = ctx;
    bool before = l->match != NULL, news = l->person_id != found->person_id;
    l->match = found->match;
    l->person_id = found->person_id;
    l->certain = found->certain;
    /* Not while it is being made or written: what is stored then bears it anyway. */
    if (l->pops && !l->awaited && (!before || news))
        call_batch_add(l, false, false);
    call_batch_card_came(l);
}

static void look_up(struct live_call *l)
{
    struct pops *pops = l->source->t->opts.pops;
    read_numbers(l);
    struct pop_about about = about_of(l);
    if (!pops || call_direction(l->call) == STEWARD_DIR_INTERNAL)
        return;
    if (!l->pops)
        l->pops = pop_call_new(pops, &about, on_found, l);
    else
        pop_call_about(l->pops, &about);
}

/* ---- whose screens show it ---- */

static void hide_lost(void *ctx, const char *device)
{
    static const enum pop_end reasons[] = {
        [CALL_END_CLEARED] = POP_CLEARED,
        [CALL_END_ANSWERED_ELSEWHERE] = POP_ANSWERED_ELSEWHERE,
        [CALL_END_CALLER_LEFT] = POP_CALLER_LEFT,
        [CALL_END_NO_ANSWER] = POP_NO_ANSWER,
        [CALL_END_REJECTED] = POP_REJECTED,
        [CALL_END_TRANSFERRED] = POP_TRANSFERRED,
    };
    struct live_call *l = ctx;
    if (!call_shows(l->call, device))
        pop_call_hide(l->pops, device, reasons[call_end_reason(l->call, device)]);
}

static const struct staff_account *stands_at(const struct live_call *l, const char *device)
{
    struct staff *staff = l->source->t->opts.staff;
    return staff && device ? staff_at_device(staff, l->source->name, device) : NULL;
}

static void show(void *ctx, const char *device)
{
    struct live_call *l = ctx;
    pop_call_show(l->pops, device, call_last_at(l->call));
}

static void follow_screens(struct live_call *l)
{
    if (!l->pops)
        return;
    pop_call_each(l->pops, hide_lost, l);
    call_each_shown(l->call, show, l);
}

/* ---- who stands there ---- */

static void note_agent(struct live_call *l)
{
    const char *device = call_device(l->call);
    if (device && !text_eq(device, l->agent_device)) {
        const struct staff_account *a = stands_at(l, device);
        text_copy(l->agent_device, sizeof(l->agent_device), device);
        text_copy(l->agent, sizeof(l->agent), a ? a->name : "");
    }
    if (call_direction(l->call) == STEWARD_DIR_OUTBOUND && !l->first_agent[0]) {
        const struct staff_account *a = stands_at(l, call_originator(l->call));
        text_copy(l->first_agent, sizeof(l->first_agent), a ? a->name : "");
    } else if (call_answered_at(l->call) && !l->answered_told) {
        const struct staff_account *a = stands_at(l, call_first_device(l->call));
        text_copy(l->first_agent, sizeof(l->first_agent), a ? a->name : "");
    }
}

void live_changed(struct live_call *l)
{
    look_up(l);
    note_agent(l);
    bool answered = call_answered_at(l->call) && !l->answered_told;
    bool ended = call_ended_at(l->call) && (!l->ended_told || answered);
    l->answered_told |= answered;
    l->ended_told |= ended;
    follow_screens(l);
    call_batch_add(l, answered, ended);
    if (call_ended_at(l->call))
        linger(l);
}

/* ---- letting go ---- */

void live_close(struct live_call *l, int64_t at, const char *why)
{
    struct call_event end = {.kind = STEWARD_EV_CLEARED, .at = at};
    if (end.at < call_last_at(l->call))
        end.at = call_last_at(l->call);
    log_info(&l->source->log, "call %s is closed: %s", l->name, why);
    l->gap = true;
    call_apply(l->call, &end);
    live_changed(l);
}

bool live_mark_gap(struct source *s)
{
    struct live_call *l, *tmp;
    bool any = false;
    HASH_ITER (hh, s->calls, l, tmp) {
        if (l->ended || l->gap)
            continue;
        any = l->gap = true;
        call_batch_add(l, false, false);
    }
    return any;
}

void live_sweep(struct calls *t)
{
    int64_t now = clock_now_ms(), after = t->conf.forget_after_ms;
    while (t->lives && now - t->lives->heard >= after) {
        struct live_call *l = t->lives;
        t->stats.forgotten++;
        live_close(l, call_last_at(l->call), "nothing was heard of it for too long");
    }
    while (t->ended && now - t->ended->heard >= LINGER_MS)
        live_free(t->ended);
    int64_t next = after / 4 < SWEEP_MAX_MS ? after / 4 : SWEEP_MAX_MS;
    loop_timer_arm(t->sweep, next > 50 ? next : 50);
}

/* ---- after a restart ---- */

/* The literal of a stored word; NULL: to be looked up. */
static const char *match_literal(const char *word)
{
    static const char *const words[] = {"one", "many", "none"};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (text_eq(words[i], word))
            return words[i];
    return NULL;
}

int live_restore(struct source *s, const struct call_row *row, struct errmsg *why)
{
    struct call *call;
    int rc = call_restore(row->live_json, &call, why);
    if (rc < 0)
        return rc;
    struct live_call *l = live_new(s, row->call);
    int64_t now = clock_now_ms();
    call_free(&l->call);
    l->call = call;
    l->id = row->id;
    l->imaged = true;
    l->gap = row->gap;
    l->match = match_literal(row->match);
    l->person_id = row->person_id;
    l->answered_told = call_answered_at(call) != 0;
    l->heard = row->heard_at < now ? row->heard_at : now;
    text_copy(l->agent, sizeof(l->agent), row->agent ? row->agent : "");
    text_copy(l->agent_device, sizeof(l->agent_device), row->device ? row->device : "");
    text_copy(l->first_agent, sizeof(l->first_agent), row->agent ? row->agent : "");
    look_up(l);
    follow_screens(l);
    return E_OK;
}
