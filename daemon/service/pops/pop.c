/*
 * pop.c - who is shown which card: pops, their updates and their ends.
 */
#include "service/pops/pops.h"

#include <stdlib.h>
#include <string.h>
#include <utlist.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/pool.h"
#include "base/text.h"
#include "service/pops/pops_priv.h"

#define POP_MAX ((size_t)128 << 10)

/* A device that has the card, or gets it as soon as it is read. */
struct shown {
    char device[65];
    int64_t at;
    bool sent;
    bool over;           /* it rang no longer than the card took: shown and taken back at once */
    enum pop_end reason; /* if over */
    uint64_t digest;     /* of what was sent */
    struct shown *prev, *next;
};

struct pop_call {
    struct pops *sp;
    struct pop_about about;
    char *texts; /* where those of about lie */
    size_t texts_size;
    struct card *card;
    bool waiting;
    struct waiter waiter;
    struct shown *shown;
    pop_found_cb *found;
    void *ctx;
    struct pop_call *prev, *next; /* pops.calls */
    /* pops.standing, while shown is not empty */
    struct pop_call *prev_standing, *next_standing;
};

struct finder {
    struct pops *sp;
    void (*fn)(void *ctx, const struct pop_found *found);
    void *ctx;
    char key[NUMBER_TEXT_MAX];
    struct waiter waiter;
    struct finder *prev, *next;
};

const char *pop_end_name(enum pop_end reason)
{
    static const char *const names[] = {"answered_elsewhere", "caller_left", "no_answer",
                                        "rejected",           "transferred", "cleared"};
    return names[reason];
}

/* ---- sending ---- */

/* What goes on where the caller lives, as it is now; then what the card says of the caller. */
static void put_advice(const struct pop_call *p, struct jw *w)
{
    const struct pops *sp = p->sp;
    const struct card *c = p->card;
    size_t len = strlen(c->advice);
    jw_key(w, "advice");
    jw_arr(w);
    if (sp->advise && c->places_n)
        sp->advise(sp->advise_ctx, c->places, c->places_n, w);
    if (len > 2) /* its items, without the brackets */
        jw_raw(w, c->advice + 1, len - 2);
    jw_end_arr(w);
}

static void pop_json(const struct pop_call *p, const struct shown *s, bool update, struct buf *out)
{
    const struct pop_about *a = &p->about;
    struct jw w;
    jw_init(&w, out);
    jw_obj(&w);
    jw_kstr(&w, "type", "pop");
    jw_kstr(&w, "source", a->source);
    jw_kstr(&w, "call", a->call);
    jw_kstr(&w, "device", s->device);
    jw_ktime(&w, "at", s->at);
    jw_kstr(&w, "direction", a->direction);
    jw_kstr(&w, "party", a->party);
    jw_kstr(&w, "calling", a->calling);
    jw_kstr(&w, "calling_raw", a->calling_raw);
    jw_kstr(&w, "called", a->called);
    jw_kstr(&w, "queue", a->queue);
    jw_kstr(&w, "match", p->card->match);
    jw_kraw(&w, "owners", p->card->owners);
    put_advice(p, &w);
    jw_kbool(&w, "update", update);
    jw_end_obj(&w);
}

static void publish(const struct pop_call *p, const struct shown *s, enum hub_kind kind,
                    const struct buf *json)
{
    struct hub_event ev = {.kind = kind,
                           .json = buf_str(json),
                           .len = json->len,
                           .source = p->about.source,
                           .device = s->device};
    hub_publish(p->sp->opts.hub, &ev);
}

static void send_pop(struct pop_call *p, struct shown *s)
{
    struct buf b = buf_lend(&p->sp->out);
    bool update = s->sent;
    pop_json(p, s, update, &b);
    s->sent = true;
    s->digest = p->card->digest;
    if (update)
        p->sp->stats.updates++;
    else
        p->sp->stats.pops++;
    publish(p, s, HUB_POP, &b);
    buf_give_back(&p->sp->out, &b);
}

static void send_end(struct pop_call *p, const struct shown *s, enum pop_end reason)
{
    struct buf b = buf_lend(&p->sp->out);
    struct jw w;
    jw_init(&w, &b);
    jw_obj(&w);
    jw_kstr(&w, "type", "pop_end");
    jw_kstr(&w, "source", p->about.source);
    jw_kstr(&w, "call", p->about.call);
    jw_kstr(&w, "device", s->device);
    jw_kstr(&w, "reason", pop_end_name(reason));
    jw_end_obj(&w);
    p->sp->stats.ends++;
    publish(p, s, HUB_POP_END, &b);
    buf_give_back(&p->sp->out, &b);
}

/* ---- looking up ---- */

static void look_up(struct pop_call *p);

static struct pop_found found_of(const struct card *card)
{
    return (struct pop_found){.match = card->match,
                              .person_id = card->person_id,
                              .certain = card->certain,
                              .name = card->person_id ? card->name : NULL};
}

static void take_off(struct pop_call *p, struct shown *s)
{
    DL_DELETE(p->shown, s);
    if (!p->shown)
        DL_DELETE2(p->sp->standing, p, prev_standing, next_standing);
    p->sp->stats.standing--;
}

static void end_shown(struct pop_call *p, struct shown *s)
{
    take_off(p, s);
    if (s->sent)
        send_end(p, s, s->reason);
    pool_give(s, sizeof(*s));
}

/* A card for the call: shown where nothing was yet, and again where it says something new. */
static void take_card(struct pop_call *p, struct card *card)
{
    struct pop_found found = found_of(card);
    struct card *before = p->card;
    struct shown *s, *tmp;
    p->card = card_ref(card);
    card_unref(&before);
    p->found(p->ctx, &found);
    DL_FOREACH_SAFE (p->shown, s, tmp) {
        if (!s->sent || s->digest != card->digest)
            send_pop(p, s);
        if (s->over)
            end_shown(p, s);
    }
    if (!card_valid(p->sp, card) && p->shown)
        look_up(p);
}

static void card_arrived(void *ctx, struct card *card)
{
    struct pop_call *p = ctx;
    p->waiting = false;
    take_card(p, card);
}

static void look_up(struct pop_call *p)
{
    struct card *card;
    if (p->waiting)
        return;
    if (p->about.withheld || !p->about.key) {
        card = card_nobody(p->about.withheld ? "withheld" : "none");
        take_card(p, card);
        card_unref(&card);
        return;
    }
    card = card_cached(p->sp, p->about.key);
    if (card) {
        take_card(p, card);
        return;
    }
    p->waiting = true;
    p->waiter = (struct waiter){.fn = card_arrived, .ctx = p};
    card_wait(p->sp, p->about.key, &p->waiter);
}

/* ---- one call's pops ---- */

/* Copies the texts of about into one block. */
static void keep_about(struct pop_call *p, const struct pop_about *about)
{
    struct pop_about a = *about;
    const char **texts[] = {&a.source,  &a.call,        &a.direction, &a.key,  &a.party,
                            &a.calling, &a.calling_raw, &a.called,    &a.queue};
    size_t size = 1;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        size += *texts[i] ? strlen(*texts[i]) + 1 : 0;
    char *block = pool_take(size), *to = block;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (!*texts[i])
            continue;
        size_t n = strlen(*texts[i]) + 1;
        *texts[i] = memcpy(to, *texts[i], n);
        to += n;
    }
    pool_give(p->texts, p->texts_size);
    p->texts = block;
    p->texts_size = size;
    p->about = a;
}

static bool same_about(const struct pop_about *a, const struct pop_about *b)
{
    return a->withheld == b->withheld && text_eq(a->source, b->source) &&
           text_eq(a->call, b->call) && text_eq(a->direction, b->direction) &&
           text_eq(a->key, b->key) && text_eq(a->party, b->party) &&
           text_eq(a->calling, b->calling) && text_eq(a->calling_raw, b->calling_raw) &&
           text_eq(a->called, b->called) && text_eq(a->queue, b->queue);
}

struct pop_call *pop_call_new(struct pops *sp, const struct pop_about *about, pop_found_cb *found,
                              void *ctx)
{
    struct pop_call *p = pool_take0(sizeof(*p));
    p->sp = sp;
    p->found = found;
    p->ctx = ctx;
    keep_about(p, about);
    DL_APPEND(sp->calls, p);
    look_up(p);
    return p;
}

void pop_call_about(struct pop_call *p, const struct pop_about *about)
{
    if (same_about(&p->about, about))
        return;
    bool same = text_eq(p->about.key, about->key) && p->about.withheld == about->withheld;
    if (!same && p->waiting) {
        card_unwait(p->sp, p->about.key, &p->waiter);
        p->waiting = false;
    }
    keep_about(p, about);
    if (same)
        return;
    struct shown *s;
    DL_FOREACH (p->shown, s)
        s->digest = ~s->digest; /* another party: whatever the card, it is news */
    look_up(p);
}

static struct shown *find_shown(const struct pop_call *p, const char *device)
{
    struct shown *s;
    DL_FOREACH (p->shown, s)
        if (!s->over && text_eq(s->device, device))
            return s;
    return NULL;
}

void pop_call_show(struct pop_call *p, const char *device, int64_t at)
{
    if (find_shown(p, device))
        return;
    struct shown *s = pool_take0(sizeof(*s));
    text_copy(s->device, sizeof(s->device), device);
    s->at = at;
    if (!p->shown)
        DL_APPEND2(p->sp->standing, p, prev_standing, next_standing);
    DL_APPEND(p->shown, s);
    p->sp->stats.standing++;
    if (p->waiting)
        return;
    if (p->card && card_valid(p->sp, p->card))
        send_pop(p, s);
    else
        look_up(p);
}

void pop_call_hide(struct pop_call *p, const char *device, enum pop_end reason)
{
    struct shown *s = find_shown(p, device);
    if (!s)
        return;
    s->reason = reason;
    s->over = !s->sent && p->waiting;
    if (!s->over)
        end_shown(p, s);
}

void pop_call_each(struct pop_call *p, void (*fn)(void *ctx, const char *device), void *ctx)
{
    struct shown *s, *tmp;
    DL_FOREACH_SAFE (p->shown, s, tmp)
        if (!s->over)
            fn(ctx, s->device);
}

void pop_call_free(struct pop_call **pp)
{
    struct pop_call *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    struct shown *s, *tmp;
    DL_FOREACH_SAFE (p->shown, s, tmp) {
        take_off(p, s);
        pool_give(s, sizeof(*s));
    }
    if (p->waiting)
        card_unwait(p->sp, p->about.key, &p->waiter);
    DL_DELETE(p->sp->calls, p);
    card_unref(&p->card);
    pool_give(p->texts, p->texts_size);
    pool_give(p, sizeof(*p));
}

/* ---- touches ---- */

void pops_number_changed(struct pops *sp, const char *key, int64_t person_id)
{
    struct pop_call *p;
    DL_FOREACH2 (sp->standing, p, next_standing)
        if (p->card && text_eq(p->about.key, key) && !card_shows(p->card, person_id))
            look_up(p);
}

static void refresh(void *arg)
{
    struct pops *sp = arg;
    struct pop_call *p;
    sp->refresh_due = false;
    DL_FOREACH2 (sp->standing, p, next_standing)
        if (p->card && p->about.key && !card_valid(sp, p->card))
            look_up(p);
}

void pops_touch(struct pops *sp, const int64_t *ids, size_t n)
{
    cards_touch(sp, ids, n);
    if (sp->refresh_due || !sp->standing)
        return;
    sp->refresh_due = true;
    loop_timer_arm(sp->refresh, 0);
}

/* ---- the rest ---- */

void pops_each(struct pops *sp, const char *source, const char *device,
               void (*fn)(void *ctx, const char *json, size_t len), void *ctx)
{
    const char *slash = strchr(device, '/');
    struct pop_call *p;
    DL_FOREACH2 (sp->standing, p, next_standing) {
        size_t n = slash ? (size_t)(slash - device) : 0;
        bool other =
            (source && !text_eq(source, p->about.source)) ||
            (slash && (strlen(p->about.source) != n || strncmp(device, p->about.source, n) != 0));
        struct shown *s = other ? NULL : find_shown(p, text_after_slash(device));
        if (!s || !s->sent)
            continue;
        struct buf b = BUF_INIT(POP_MAX);
        pop_json(p, s, false, &b);
        fn(ctx, buf_str(&b), b.len);
        buf_free(&b);
    }
}

static void finder_answer(void *ctx, struct card *card)
{
    struct finder *f = ctx;
    struct pop_found found = found_of(card);
    DL_DELETE(f->sp->finders, f);
    f->fn(f->ctx, &found);
    free(f);
}

void pops_find(struct pops *sp, const char *e164,
               void (*fn)(void *ctx, const struct pop_found *found), void *ctx)
{
    struct card *card = e164 && e164[0] ? card_cached(sp, e164) : NULL;
    if (card || !e164 || !e164[0]) {
        struct pop_found found = card ? found_of(card) : (struct pop_found){.match = "none"};
        fn(ctx, &found);
        return;
    }
    struct finder *f = xcalloc(1, sizeof(*f));
    *f = (struct finder){.sp = sp, .fn = fn, .ctx = ctx};
    text_copy(f->key, sizeof(f->key), e164);
    f->waiter = (struct waiter){.fn = finder_answer, .ctx = f};
    DL_APPEND(sp->finders, f);
    card_wait(sp, f->key, &f->waiter);
}

void pops_set_advisor(struct pops *sp,
                      void (*advise)(void *ctx, const struct radar_scope *places, size_t n,
                                     struct jw *w),
                      void *ctx)
{
    sp->advise = advise;
    sp->advise_ctx = ctx;
}

struct pops *pops_new(const struct pops_opts *opts)
{
    struct pops *sp = xcalloc(1, sizeof(*sp));
    sp->opts = *opts;
    buf_init(&sp->out, POP_MAX);
    sp->refresh = loop_timer_new(sp->opts.loop, refresh, sp);
    cards_init(sp);
    return sp;
}

void pops_free(struct pops **pp)
{
    struct pops *sp = *pp;
    struct finder *f, *tmp;
    if (!sp)
        return;
    while (sp->calls) {
        struct pop_call *p = sp->calls;
        pop_call_free(&p);
    }
    struct card *nobody = card_nobody("none");
    DL_FOREACH_SAFE (sp->finders, f, tmp) {
        card_unwait(sp, f->key, &f->waiter);
        finder_answer(f, nobody);
    }
    card_unref(&nobody);
    cards_deinit(sp);
    loop_timer_free(&sp->refresh);
    buf_free(&sp->out);
    free(sp);
    *pp = NULL;
}

void pops_get_stats(const struct pops *sp, struct pops_stats *out)
{
    *out = sp->stats;
    out->cached = lru_count(sp->cards);
    out->cached_bytes = lru_bytes(sp->cards);
    out->reading = cards_reading(sp);
}
