/*
 * source.c - sources and their events: numbered, judged, applied to live calls, acked once they
 * are on disk.
 */
#include "service/calls/source.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "service/calls/calls_priv.h"

#define SEQ_MAX        ((INT64_C(1) << 53) - 1)
#define OUTSIDE_DIGITS 7 /* shorter texts are devices, not outside numbers */

/* ---- sources ---- */

struct source *source_new(struct calls *t, const char *name)
{
    struct source *s = xcalloc(1, sizeof(*s));
    s->t = t;
    text_copy(s->name, sizeof(s->name), name);
    log_ctx_init(&s->log, "source", name, NULL);
    s->since = clock_now_ms();
    HASH_ADD_STR(t->sources, name, s);
    return s;
}

void source_free(struct source *s)
{
    struct durable_wait *w, *wtmp;
    DL_FOREACH_SAFE (s->waits, w, wtmp) {
        DL_DELETE(s->waits, w);
        free(w);
    }
    actions_source_gone(s);
    devices_free(s);
    HASH_DEL(s->t->sources, s);
    free(s);
}

struct source *source_find(struct calls *t, const char *name)
{
    struct source *s;
    HASH_FIND_STR(t->sources, name, s);
    return s;
}

struct source *source_get(struct calls *t, const char *name)
{
    if (!text_is_name(name))
        return NULL;
    struct source *s = source_find(t, name);
    if (s || HASH_COUNT(t->sources) >= SOURCES_MAX)
        return s;
    return source_new(t, name);
}

/* Whether anything would be lost with it. */
static bool is_needed(const struct source *s)
{
    return s->kept || s->adapter.ctx;
}

void source_let_go(struct source *s)
{
    if (!is_needed(s))
        source_free(s);
}

const char *source_name(const struct source *s)
{
    return s->name;
}

static void set_state(struct source *s, enum steward_source_state state, const char *error)
{
    if (state == STEWARD_SOURCE_DOWN && s->state >= STEWARD_SOURCE_SYNCING)
        s->down_at = clock_now_ms() - s->skew;
    if (s->state != state) {
        log_info(&s->log, "%s -> %s%s%s", source_state_name(s->state), source_state_name(state),
                 error ? ": " : "", error ? error : "");
        s->since = clock_now_ms();
    }
    s->state = state;
    text_copy(s->error, sizeof(s->error), error ? error : "");
}

bool source_is_taken(const struct source *s)
{
    return s->adapter.ctx && !s->adapter.pushes;
}

int source_attach(struct source *s, const struct source_adapter *adapter, struct errmsg *why)
{
    if (s->removing)
        return errmsg_set(why, E_CONFLICT, "source_taken: %s is being removed", s->name);
    if (source_is_taken(s) && s->adapter.ctx != adapter->ctx)
        return errmsg_set(why, E_CONFLICT, "source_taken: %s speaks for %s",
                          s->plugin[0] ? s->plugin : "another", s->name);
    s->adapter = *adapter;
    s->can = adapter->can;
    text_copy(s->plugin, sizeof(s->plugin), adapter->plugin ? adapter->plugin : "");
    s->adapter.plugin = s->plugin;
    return E_OK;
}

void source_detach(struct source *s, const void *ctx, const char *error)
{
    if (s->adapter.ctx != ctx)
        return;
    s->adapter = (struct source_adapter){.plugin = s->plugin};
    s->syncing = false;
    set_state(s, STEWARD_SOURCE_DOWN, error);
    actions_source_down(s);
    source_let_go(s);
}

static void count_gap(struct source *s)
{
    s->gaps++;
    s->t->stats.gaps++;
}

/* Until when each call was heard over the link before, by the source's clock: when that went down,
 * or, of calls from before our own start, their last sign of life. */
static void note_heard_until(struct source *s)
{
    struct live_call *l, *tmp;
    HASH_ITER (hh, s->calls, l, tmp)
        l->heard_until = s->down_at ? s->down_at : l->heard - s->skew;
}

void source_state(struct source *s, enum steward_source_state state, uint32_t can,
                  const char *error)
{
    bool back = s->state < STEWARD_SOURCE_SYNCING && state == STEWARD_SOURCE_SYNCING;
    s->can = can;
    set_state(s, state, error);
    if (back)
        note_heard_until(s);
    if (back && live_mark_gap(s))
        count_gap(s);
    if (state == STEWARD_SOURCE_DOWN) {
        s->syncing = false;
        actions_source_down(s);
    }
}

int64_t source_last_seq(const struct source *s)
{
    return s->durable;
}

static int by_source_name(struct source *a, struct source *b)
{
    return strcmp(a->name, b->name);
}

void source_each(struct calls *t, void (*fn)(void *ctx, const struct source_info *info), void *ctx)
{
    struct source *s, *tmp;
    HASH_SORT(t->sources, by_source_name);
    HASH_ITER (hh, t->sources, s, tmp) {
        struct source_info info = {.name = s->name,
                                   .plugin = s->plugin[0] ? s->plugin : NULL,
                                   .error = s->error[0] ? s->error : NULL,
                                   .state = s->state,
                                   .since = s->since,
                                   .can = s->can,
                                   .last_seq = s->durable,
                                   .events = s->events,
                                   .refused = s->refused,
                                   .repeats = s->repeats,
                                   .gaps = s->gaps,
                                   .live_calls = s->n_live};
        fn(ctx, &info);
    }
}

void source_json(const struct source_info *info, struct jw *w)
{
    static const struct {
        uint32_t bit;
        const char *word;
    } words[] = {
        {STEWARD_CAN_DIAL, "dial"},         {STEWARD_CAN_ANSWER, "answer"},
        {STEWARD_CAN_HANGUP, "hangup"},     {STEWARD_CAN_HOLD, "hold"},
        {STEWARD_CAN_RETRIEVE, "retrieve"}, {STEWARD_CAN_TRANSFER, "transfer"},
        {STEWARD_CAN_AGENT_STATE, "ready"}, {STEWARD_CAN_AGENT_STATE, "not_ready"},
        {STEWARD_CAN_PARK, "park"},
    };
    jw_obj(w);
    jw_kstr(w, "name", info->name);
    jw_kstr(w, "plugin", info->plugin);
    jw_kstr(w, "state", source_state_name(info->state));
    jw_ktime(w, "since", info->since);
    jw_key(w, "can");
    jw_arr(w);
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (info->can & words[i].bit)
            jw_str(w, words[i].word);
    jw_end_arr(w);
    jw_kstr(w, "error", info->error);
    jw_end_obj(w);
}

/* ---- acks ---- */

void calls_tell_durable(struct calls *t)
{
    struct source *s, *tmp;
    HASH_ITER (hh, t->sources, s, tmp) {
        if (!s->ack_due)
            continue;
        s->ack_due = false;
        if (s->adapter.durable && s->durable)
            s->adapter.durable(s->adapter.ctx, s->durable);
    }
}

static void ack_soon(struct source *s)
{
    s->ack_due = true;
    if (!loop_timer_armed(s->t->acks))
        loop_timer_arm(s->t->acks, 0);
}

void source_durable(struct source *s, int64_t seq)
{
    struct durable_wait *w, *tmp;
    if (seq > s->durable)
        s->durable = seq;
    ack_soon(s);
    DL_FOREACH_SAFE (s->waits, w, tmp) {
        if (w->seq > s->durable)
            break;
        DL_DELETE(s->waits, w);
        w->fn(w->ctx);
        free(w);
    }
}

void source_when_durable(struct source *s, void (*fn)(void *ctx), void *ctx)
{
    if (s->durable >= s->accepted) {
        fn(ctx);
        return;
    }
    struct durable_wait *w = xcalloc(1, sizeof(*w));
    *w = (struct durable_wait){.seq = s->accepted, .fn = fn, .ctx = ctx};
    DL_APPEND(s->waits, w);
}

/* ---- events ---- */

/* When it happened, by the source's clock. */
static int64_t moment(struct source *s, const struct steward_cti_event *ev, int64_t now)
{
    if (!ev->at)
        return now - s->skew > 0 ? now - s->skew : now;
    s->skew = now - ev->at;
    return ev->at;
}

/* An outside party's number stands where a device might. */
static bool is_outside(struct source *s, const char *text)
{
    struct number n;
    if (!text || strlen(text) < OUTSIDE_DIGITS || device_get(s, text, false) ||
        (s->t->opts.staff && staff_at_device(s->t->opts.staff, s->name, text)))
        return false;
    numbers_get(s->t->numbers, text, &n);
    return n.kind == NUMBER_E164 || n.kind == NUMBER_SVC;
}

/* "pbx-a/1001" at pbx-a is 1001. */
static const char *own_device(const struct source *s, const char *device)
{
    size_t n = strlen(s->name);
    bool own = device && strncmp(device, s->name, n) == 0 && device[n] == '/';
    return own ? device + n + 1 : device;
}

static struct call_event event_of(struct source *s, const struct steward_cti_event *ev, int64_t at)
{
    struct call_event e = {.kind = ev->kind,
                           .at = at,
                           .direction = ev->direction,
                           .restricted = ev->restricted,
                           .cause = ev->cause,
                           .transfer = ev->transfer,
                           .by = ev->by,
                           .calling = ev->calling,
                           .called = ev->called,
                           .device = own_device(s, ev->device),
                           .queue = ev->queue,
                           .to = own_device(s, ev->to)};
    e.outside = is_outside(s, e.device);
    e.to_outside = is_outside(s, e.to);
    e.blocked = text_eq(ev->pbx_cause, "blocked");
    if (e.kind == STEWARD_EV_TRANSFERRED && !e.transfer)
        e.transfer = ev->other_call ? STEWARD_TRANSFER_ATTENDED : STEWARD_TRANSFER_BLIND;
    return e;
}

/*
 * Whether the PBX uses the name of a call that ended again: an event comes long after the end, or,
 * from a source that tells all in order, a birth that is not within that call's life.
 */
static bool is_new_life(const struct live_call *l, const struct call_event *e, bool in_order)
{
    if (!l->ended || e->kind == STEWARD_EV_CLEARED)
        return false;
    int64_t began = call_started_at(l->call), ended = call_ended_at(l->call);
    if (e->at > ended + NEW_LIFE_MS)
        return true;
    return in_order && e->kind == STEWARD_EV_ORIGINATED &&
           (e->at > ended || e->at + LISTED_MS < began);
}

/* The call of that name to which an event at that moment belongs; made if new. */
static struct live_call *call_of(struct source *s, const struct call_event *e, const char *name,
                                 bool in_order)
{
    struct live_call *l = live_find(s, name);
    if (l && is_new_life(l, e, in_order)) {
        live_free(l);
        l = NULL;
    }
    if (l) {
        s->t->stats.late += l->ended;
        return l;
    }
    s->t->stats.calls++;
    return live_new(s, name);
}

/* The consultation ends in the call that took it over. */
static void end_in_other(struct live_call *l, int64_t at)
{
    struct call_event end = {.kind = STEWARD_EV_CLEARED, .at = at};
    if (l->ended || !call_apply(l->call, &end))
        return;
    live_changed(l);
}

static bool takes_over(const struct steward_cti_event *ev)
{
    return ev->other_call && !text_eq(ev->other_call, ev->call) &&
           (ev->kind == STEWARD_EV_TRANSFERRED || ev->kind == STEWARD_EV_CONFERENCED);
}

/* A snapshot dates what it shows by the age of channels: what was heard of it live is better. */
static bool is_known_better(struct source *s, const struct call_event *e, const char *name)
{
    const struct live_call *l = s->state == STEWARD_SOURCE_SYNCING ? live_find(s, name) : NULL;
    if (!l || l->ended || e->at >= call_last_at(l->call))
        return false;
    switch (e->kind) {
    case STEWARD_EV_ORIGINATED:
        return true;
    case STEWARD_EV_QUEUED:
        return call_queued_at(l->call) != 0;
    case STEWARD_EV_DELIVERED:
        return call_busies(l->call, e->device);
    case STEWARD_EV_ESTABLISHED:
        return e->device && text_eq(call_holder(l->call), e->device);
    default:
        return false;
    }
}

/* A snapshot dates an answer by the age of channels: not before the moment until which we ourselves
 * heard the call ring. A call that the snapshot showed us first has no such moment. */
static void answer_no_earlier(struct source *s, struct call_event *e, const char *name)
{
    const struct live_call *l = s->state == STEWARD_SOURCE_SYNCING ? live_find(s, name) : NULL;
    if (!l || l->ended || e->kind != STEWARD_EV_ESTABLISHED || call_answered_at(l->call))
        return;
    if (e->at < l->heard_until)
        e->at = l->heard_until;
}

/* Somebody who had no part in the call hung it up: neither the caller nor the agent did. */
static void name_who_hung_up(struct source *s, struct call_event *e, const char *name)
{
    const struct live_call *l = e->kind == STEWARD_EV_CLEARED ? live_find(s, name) : NULL;
    if (l && l->hung_up)
        e->by = STEWARD_BY_SYSTEM;
}

static void apply(struct source *s, const struct steward_cti_event *ev, bool in_order, int64_t now)
{
    struct call_event e = event_of(s, ev, moment(s, ev, now));
    answer_no_earlier(s, &e, ev->call);
    name_who_hung_up(s, &e, ev->call);
    if (is_known_better(s, &e, ev->call)) {
        live_heard(live_find(s, ev->call), now);
        return;
    }
    struct live_call *other = takes_over(ev) ? live_find(s, ev->other_call) : NULL;
    if (other)
        e.joined = call_joined_as(other->call, e.device, &e.joined_device);
    struct live_call *l = call_of(s, &e, ev->call, in_order);
    bool changed = call_apply(l->call, &e);
    live_heard(l, now);
    if (other) /* first, so that its screens are free when this call's follow */
        end_in_other(other, e.at);
    if (changed)
        live_changed(l);
}

static void apply_agent_state(struct source *s, const struct steward_cti_event *ev, int64_t now)
{
    struct device *d = device_get(s, own_device(s, ev->device), true);
    if (!d)
        return;
    d->state = ev->agent_state;
    d->since = moment(s, ev, now);
    d->told = ++s->t->tellings;
    text_copy(d->reason, sizeof(d->reason), ev->reason ? ev->reason : "");
    call_batch_device(s, d);
}

/* Whether the source takes an event under this number at all. */
static int check_seq(const struct source *s, int64_t seq, struct errmsg *why)
{
    if (s->removing)
        return errmsg_set(why, E_INVALID, "the source is being removed");
    if (seq > SEQ_MAX)
        return errmsg_set(why, E_INVALID, "seq: is above 2^53 - 1");
    if (!seq && s->numbered && !source_is_taken(s))
        return errmsg_set(why, E_INVALID, "seq: is missing, and %s counts its events", s->name);
    return E_OK;
}

static int refuse(struct source *s, int rc)
{
    s->refused++;
    s->t->stats.refused++;
    return rc;
}

int source_event(struct source *s, int64_t seq, const struct steward_cti_event *ev,
                 struct errmsg *why)
{
    struct calls *t = s->t;
    if (seq && seq <= s->accepted) {
        s->repeats++;
        t->stats.repeats++;
        ack_soon(s);
        return E_OK;
    }
    int rc = check_seq(s, seq, why);
    if (rc == E_OK)
        rc = event_check(ev, why);
    if (rc < 0)
        return refuse(s, rc);
    if (!s->kept)
        call_batch_source(s);
    s->kept = true;
    s->numbered = seq != 0;
    if (seq > s->accepted + 1) {
        count_gap(s);
        log_complain(&s->gap_complaint, &s->log, "events %lld to %lld are missing",
                     (long long)s->accepted + 1, (long long)seq - 1);
        live_mark_gap(s);
    }
    s->accepted = seq ? seq : s->accepted + 1;
    s->events++;
    t->stats.events++;
    int64_t now = clock_now_ms();
    if (ev->kind == STEWARD_EV_AGENT_STATE)
        apply_agent_state(s, ev, now);
    else
        apply(s, ev, !seq && ev->at, now);
    call_batch_seq(s);
    return E_OK;
}

/* ---- snapshots ---- */

void source_resync_begin(struct source *s)
{
    struct live_call *l, *tmp;
    HASH_ITER (hh, s->calls, l, tmp)
        l->seen = false;
    s->syncing = true;
}

void source_alive(struct source *s, const char *call)
{
    struct live_call *l = live_find(s, call);
    if (l)
        live_heard(l, clock_now_ms());
}

void source_resync_end(struct source *s)
{
    struct live_call *l, *tmp;
    int64_t at = clock_now_ms() - s->skew;
    if (!s->syncing)
        return;
    s->syncing = false;
    bool news = false;
    DL_FOREACH_SAFE (s->t->lives, l, tmp) {
        if (l->source != s || l->seen)
            continue;
        s->t->stats.resync_closed++;
        news = news || !l->gap;
        live_close(l, at, "it ended while the link was down");
        live_free(l); /* no late word of it can come: its name may be used again */
    }
    if (news) /* nobody told that the PBX was cut off, and it cost us ends of calls */
        count_gap(s);
}

/* ---- removing ---- */

struct removal {
    struct source *source;
    source_removed_cb *cb;
    void *ctx;
};

static int remove_run(struct ledger_tx *tx, void *arg)
{
    const struct removal *r = arg;
    return repo_source_delete(ledger_db(tx), r->source->name);
}

static void remove_done(void *arg, int rc, const struct errmsg *why)
{
    struct removal *r = arg;
    struct errmsg said = {""};
    r->source->removing = false;
    if (rc == E_CONFLICT)
        errmsg_set(&said, rc, "%s has calls", r->source->name);
    else if (rc < 0 && why)
        said = *why;
    if (rc == E_OK) {
        log_info(&r->source->log, "removed");
        source_free(r->source);
    }
    r->cb(r->ctx, rc, &said);
    free(r);
}

/* Why it cannot go now: whoever is still at it. */
static int check_removable(const struct source *s, struct errmsg *why)
{
    if (source_is_taken(s))
        return errmsg_set(why, E_CONFLICT, "%s speaks for %s", s->plugin, s->name);
    if (s->calls)
        return errmsg_set(why, E_CONFLICT, "%s has calls", s->name);
    if (s->removing || s->unstored || s->durable < s->accepted)
        return errmsg_set(why, E_CONFLICT, "%s is being written: try again", s->name);
    return E_OK;
}

void source_remove(struct calls *t, const char *name, source_removed_cb *cb, void *ctx)
{
    struct errmsg why = {""};
    struct source *s = source_find(t, name);
    int rc = s ? check_removable(s, &why) : errmsg_set(&why, E_NOTFOUND, "there is no such source");
    if (rc < 0) {
        cb(ctx, rc, &why);
        return;
    }
    struct removal *r = xcalloc(1, sizeof(*r));
    *r = (struct removal){.source = s, .cb = cb, .ctx = ctx};
    s->removing = true;
    struct ledger_cmd command = {
        .name = "source remove", .run = remove_run, .done = remove_done, .arg = r};
    rc = ledger_submit(t->opts.ledger, &command);
    if (rc < 0)
        remove_done(r, rc, &(struct errmsg){.text = "the ledger refused it"});
}
