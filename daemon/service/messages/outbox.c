/*
 * outbox.c - life of the outbox, its gateways, and when messages are handed out.
 */
#include "service/messages/outbox_priv.h"
#include "store/repo_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/span.h"
#include "base/text.h"

#define DEFAULT_CONCURRENCY 4
#define MAX_CONCURRENCY     32
#define CLAIM_MAX           64
#define LOOK_AGAIN_MS       30000 /* so that a jump of the wall clock is noticed */
#define LOOK_FROZEN_MS      20    /* tests move the clock without telling */
#define RETRY_CLAIM_MS      200
#define STOP_GRACE_MS       2000
#define DEFAULT_LIFE_MS     (INT64_C(3) * 86400 * 1000)

/* ---- rules ---- */

void outbox_rules_free(struct outbox_rules **r)
{
    if (!*r)
        return;
    site_unref(&(*r)->site);
    template_set_free(&(*r)->templates);
    free(*r);
    *r = NULL;
}

struct outbox_rules *outbox_rules_new(struct site *site, struct errmsg *why)
{
    struct outbox_rules *r = xcalloc(1, sizeof(*r));
    r->site = site_ref(site);
    r->templates = template_set_load(site->messages.templates, why);
    if (!r->templates) {
        outbox_rules_free(&r);
        return NULL;
    }
    r->quiet.from = (int)site->messages.quiet.from;
    r->quiet.to = (int)site->messages.quiet.to;
    r->quiet.zone = site->zone;
    number_rules_of(site, &r->numbers);
    return r;
}

const char *outbox_gateway_of(const struct outbox_rules *r, const char *channel)
{
    bool sms = text_eq(channel, "sms");
    const char *name = sms ? r->site->messages.sms.gateway : r->site->messages.email.gateway;
    return name && *name ? name : sms ? "sms" : "mail";
}

int64_t outbox_life_ms(const struct outbox_rules *r)
{
    int64_t ms = span_rough_ms(&r->site->messages.expire_after);
    return ms > 0 ? ms : DEFAULT_LIFE_MS;
}

const char *outbox_ticket_text(int64_t id, char out[24])
{
    *out = 0;
    if (id)
        snprintf(out, 24, "T-%06lld", (long long)id);
    return out;
}

struct swap {
    struct outbox *ob;
    struct outbox_rules *fresh, *old;
};

static int swap_run(struct ledger_tx *tx, void *arg)
{
    struct swap *sw = arg;
    sw->ob->rules = sw->fresh;
    return 0;
}

static void swap_done(void *arg, int rc, const struct errmsg *why)
{
    struct swap *sw = arg;
    outbox_rules_free(&sw->old);
    free(sw);
}

int outbox_reload(struct outbox *ob, struct site *site, struct errmsg *why)
{
    struct outbox_rules *fresh = outbox_rules_new(site, why);
    if (!fresh)
        return E_INVALID;
    struct swap *sw = xcalloc(1, sizeof(*sw));
    *sw = (struct swap){ob, fresh, ob->rules};
    struct ledger_cmd cmd = {
        .name = "outbox reload", .run = swap_run, .done = swap_done, .arg = sw, .insist = true};
    int rc = ledger_submit(ob->opts.ledger, &cmd);
    if (rc < 0) {
        outbox_rules_free(&fresh);
        free(sw);
        return errmsg_set(why, rc, "messages: the ledger is full, try again");
    }
    return 0;
}

/* ---- gateways ---- */

struct gateway *outbox_gateway_get(struct outbox *ob, const char *name)
{
    struct gateway *g = ob->gateways;
    while (g && strcmp(g->name, name) != 0)
        g = g->next;
    if (g)
        return g;
    g = xcalloc(1, sizeof(*g));
    g->ob = ob;
    text_copy(g->name, sizeof(g->name), name);
    g->due_at = g->woken_at = OUTBOX_NEVER;
    g->state.name = g->name;
    g->next = ob->gateways;
    ob->gateways = g;
    return g;
}

static struct subscription *subscription_new(const struct outbox_gateway *gw)
{
    struct subscription *s = xcalloc(1, sizeof(*s));
    size_t n = 0;
    while (gw->events && gw->events[n])
        n++;
    text_copy(s->gateway, sizeof(s->gateway), gw->name);
    s->events = xcalloc(n + 1, sizeof(*s->events));
    for (size_t i = 0; i < n; i++)
        s->events[i] = xstrdup(gw->events[i]);
    return s;
}

static void subscription_free(struct subscription *s)
{
    for (size_t i = 0; s->events[i]; i++)
        free(s->events[i]);
    free(s->events);
    free(s);
}

static void unsubscribe(struct outbox *ob, const char *name)
{
    pthread_mutex_lock(&ob->lock);
    for (struct subscription **p = &ob->subscriptions; *p;) {
        struct subscription *s = *p;
        if (strcmp(s->gateway, name) == 0) {
            *p = s->next;
            subscription_free(s);
        } else {
            p = &s->next;
        }
    }
    pthread_mutex_unlock(&ob->lock);
}

int outbox_register(struct outbox *ob, const struct outbox_gateway *gw)
{
    struct gateway *g = outbox_gateway_get(ob, gw->name);
    if (g->registered)
        return E_EXISTS;
    g->ops = *gw;
    g->ops.name = g->name;
    g->ops.events = NULL;
    if (g->ops.concurrency < 1)
        g->ops.concurrency = DEFAULT_CONCURRENCY;
    if (g->ops.concurrency > MAX_CONCURRENCY)
        g->ops.concurrency = MAX_CONCURRENCY;
    g->registered = g->state.registered = true;
    g->tokens = 1000;
    g->refill = clock_now_ms();
    if (gw->events && gw->events[0]) {
        struct subscription *s = subscription_new(gw);
        pthread_mutex_lock(&ob->lock);
        s->next = ob->subscriptions;
        ob->subscriptions = s;
        pthread_mutex_unlock(&ob->lock);
    }
    if (g->unregistered.active)
        log_recovered(&g->unregistered, &ob->log, "gateway has an instance");
    outbox_pump(ob);
    return 0;
}

void outbox_unregister(struct outbox *ob, const char *name)
{
    struct gateway *g = outbox_gateway_get(ob, name);
    g->registered = g->state.registered = false;
    unsubscribe(ob, name);
}

void outbox_each_gateway(struct outbox *ob,
                         void (*fn)(void *ctx, const struct outbox_gateway_state *s), void *ctx)
{
    for (struct gateway *g = ob->gateways; g; g = g->next)
        fn(ctx, &g->state);
}

void outbox_write_metrics(void *ctx, struct metrics_out *out)
{
    struct outbox *ob = ctx;
    for (struct gateway *g = ob->gateways; g; g = g->next) {
        const struct outbox_gateway_state *s = &g->state;
        metrics_int(out, "steward_messages_sent_total", METRIC_COUNTER, "Messages a gateway took.",
                    (int64_t)s->sent, "gateway", g->name);
        metrics_int(out, "steward_messages_retried_total", METRIC_COUNTER,
                    "Attempts to be repeated.", (int64_t)s->retried, "gateway", g->name);
        metrics_int(out, "steward_messages_failed_total", METRIC_COUNTER,
                    "Messages refused for good.", (int64_t)s->failed, "gateway", g->name);
        metrics_int(out, "steward_messages_in_flight", METRIC_GAUGE, "Requests under way.",
                    s->in_flight, "gateway", g->name);
        metrics_int(out, "steward_gateway_up", METRIC_GAUGE, "1: has an instance that answers.",
                    s->registered && s->failing < REST_AFTER, "gateway", g->name);
    }
}

static bool event_matches(const char *pattern, const char *type)
{
    size_t n = strlen(pattern);
    if (n >= 1 && pattern[n - 1] == '*')
        return strncmp(pattern, type, n - 1) == 0;
    return strcmp(pattern, type) == 0;
}

static bool subscribes(const struct subscription *s, const char *type)
{
    for (size_t i = 0; s->events[i]; i++)
        if (event_matches(s->events[i], type))
            return true;
    return false;
}

bool outbox_wants_event(struct outbox *ob, const char *type)
{
    bool wanted = false;
    pthread_mutex_lock(&ob->lock);
    for (struct subscription *s = ob->subscriptions; s && !wanted; s = s->next)
        wanted = subscribes(s, type);
    pthread_mutex_unlock(&ob->lock);
    return wanted;
}

/* Events are rows like messages, so that they are tried again and never lost. */
static int event_row(struct outbox *ob, struct ledger_tx *tx, const char *gateway, const char *type,
                     int64_t at, const char *data, int64_t ticket_id)
{
    int64_t now = ledger_now(tx), id = 0;
    char key[33] = "evt_";
    rng_token(key + 4, 28);
    struct message_row row = {.key = key,
                              .channel = "webhook",
                              .message_class = "staff",
                              .gateway = gateway,
                              .recipient = gateway,
                              .ticket_id = ticket_id,
                              .segments = 1,
                              .next_at = now,
                              .expires_at = now + outbox_life_ms(ob->rules),
                              .queued_at = at ? at : now,
                              .event_type = type,
                              .event_json = data};
    int rc = repo_message_insert(ledger_db(tx), &row, &id);
    return rc < 0 ? rc : outbox_announce(ob, tx, id, gateway, now);
}

int outbox_event(struct outbox *ob, struct ledger_tx *tx, const char *type, int64_t at,
                 const char *data, int64_t ticket_id)
{
    char names[16][65];
    size_t n = 0;
    int rc = 0;
    pthread_mutex_lock(&ob->lock);
    for (struct subscription *s = ob->subscriptions; s && n < ARRAY_LEN(names); s = s->next)
        if (subscribes(s, type))
            text_copy(names[n++], sizeof(names[0]), s->gateway);
    pthread_mutex_unlock(&ob->lock);
    for (size_t i = 0; i < n && rc == E_OK; i++)
        rc = event_row(ob, tx, names[i], type, at, data, ticket_id);
    return rc;
}

/* ---- when ---- */

/* How many messages the rate allows now; *wait_ms: until the next one, when none. */
static int allowed_by_rate(struct gateway *g, int want, int64_t now, int64_t *wait_ms)
{
    int64_t rate = g->ops.rate_milli, most = rate > 1000 ? rate : 1000;
    if (rate <= 0)
        return want;
    int64_t passed = now > g->refill ? now - g->refill : 0;
    if (passed > 60000)
        passed = 60000;
    int64_t earned = passed * rate / 1000;
    if (earned > 0 || now < g->refill) {
        g->tokens = g->tokens + earned > most ? most : g->tokens + earned;
        g->refill = now;
    }
    int n = (int)(g->tokens / 1000);
    if (n < 1)
        *wait_ms = ((1000 - g->tokens) * 1000 + rate - 1) / rate;
    return n < want ? n : want;
}

/* Claim for one gateway what it may send now. Returns when to look again, OUTBOX_NEVER if that
 * needs no timer. */
static int64_t pump_gateway(struct gateway *g, int64_t now)
{
    int64_t wait_ms = 0;
    bool probing = g->state.failing >= REST_AFTER;
    if (!g->registered || g->claiming || g->due_at == OUTBOX_NEVER)
        return OUTBOX_NEVER;
    if (g->due_at > now)
        return g->due_at;
    if (g->state.held_until > now + REST_MAX_MS)
        g->state.held_until = now; /* the clock went back */
    if (g->state.held_until > now)
        return g->state.held_until;
    int n = (probing ? 1 : g->ops.concurrency) - g->state.in_flight;
    if (n <= 0)
        return OUTBOX_NEVER; /* an answer pumps again */
    n = allowed_by_rate(g, n < CLAIM_MAX ? n : CLAIM_MAX, now, &wait_ms);
    if (n <= 0)
        return now + (wait_ms > 0 ? wait_ms : 1);
    outbox_claim(g, n);
    return g->claiming ? OUTBOX_NEVER : now + RETRY_CLAIM_MS;
}

void outbox_pump(struct outbox *ob)
{
    int64_t now = clock_now_ms();
    int64_t next = now + (clock_test_frozen() ? LOOK_FROZEN_MS : LOOK_AGAIN_MS);
    if (!ob->started || ob->stopping)
        return;
    for (struct gateway *g = ob->gateways; g; g = g->next) {
        int64_t at = pump_gateway(g, now);
        if (at < next)
            next = at;
    }
    loop_timer_arm(ob->timer, next > now ? next - now : 0);
}

static void on_timer(void *arg)
{
    outbox_pump(arg);
}

void outbox_wake(struct outbox *ob, const char *gateway, int64_t at)
{
    struct gateway *g = outbox_gateway_get(ob, gateway);
    int64_t *due = g->claiming ? &g->woken_at : &g->due_at;
    if (at < *due)
        *due = at;
    if (!g->registered && ob->started)
        log_complain(&g->unregistered, &ob->log, "gateway '%s' has no instance: its messages wait",
                     g->name);
    outbox_pump(ob);
}

/* ---- life ---- */

struct outbox *outbox_new(const struct outbox_opts *opts, struct errmsg *why)
{
    struct outbox_rules *rules = outbox_rules_new(opts->site, why);
    if (!rules)
        return NULL;
    struct outbox *ob = xcalloc(1, sizeof(*ob));

    ob->opts = *opts;
    ob->opts.site = NULL;
    ob->rules = rules;
    log_ctx_init(&ob->log, "outbox", "", NULL);
    pthread_mutex_init(&ob->lock, NULL);
    ob->timer = loop_timer_new(opts->loop, on_timer, ob);
    ob->sender = sender_new(opts->loop);
    outbox_gateway_get(ob, outbox_gateway_of(rules, "sms"));
    outbox_gateway_get(ob, outbox_gateway_of(rules, "email"));
    return ob;
}

struct due_row {
    char gateway[65];
    int64_t at;
};

struct start {
    struct outbox *ob;
    struct due_row *rows;
    size_t n;
};

static void take_due_gateway(void *ctx, const char *gateway, int64_t at)
{
    struct start *st = ctx;
    st->rows = xrealloc(st->rows, (st->n + 1) * sizeof(*st->rows));
    text_copy(st->rows[st->n].gateway, sizeof(st->rows[0].gateway), gateway);
    st->rows[st->n++].at = at ? at : OUTBOX_NEVER;
}

/* What was being sent when the daemon ended is tried again under its key. */
static int start_run(struct ledger_tx *tx, void *arg)
{
    struct start *st = arg;
    struct message_move back = {.from = MSG_SENDING,
                                .to = MSG_QUEUED,
                                .next_at = ledger_now(tx),
                                .cause = "the daemon started"};
    int rc = repo_message_move_all(ledger_db(tx), 0, &back);
    st->n = 0;
    return rc < 0 ? rc : repo_message_each_due(ledger_db(tx), take_due_gateway, st);
}

static void start_done(void *arg, int rc, const struct errmsg *why)
{
    struct start *st = arg;
    if (rc < 0)
        log_error(&st->ob->log, "messages cannot be read at start: %s", why->text);
    st->ob->started = true;
    for (size_t i = 0; i < st->n && rc == E_OK; i++)
        outbox_wake(st->ob, st->rows[i].gateway, st->rows[i].at);
    for (struct gateway *g = st->ob->gateways; g; g = g->next)
        if (!g->registered)
            log_complain(&g->unregistered, &st->ob->log,
                         "gateway '%s' has no instance: its messages wait", g->name);
    outbox_pump(st->ob);
    free(st->rows);
    free(st);
}

int outbox_start(struct outbox *ob)
{
    struct start *st = xcalloc(1, sizeof(*st));
    struct ledger_cmd cmd = {
        .name = "outbox start", .run = start_run, .done = start_done, .arg = st, .insist = true};
    st->ob = ob;
    int rc = ledger_submit(ob->opts.ledger, &cmd);
    if (rc < 0)
        free(st);
    return rc;
}

void outbox_stop(struct outbox *ob)
{
    ob->stopping = true;
    loop_timer_disarm(ob->timer);
    sender_free(&ob->sender, STOP_GRACE_MS);
}

void outbox_free(struct outbox **obp)
{
    struct outbox *ob = *obp;
    if (!ob)
        return;
    sender_free(&ob->sender, 0);
    loop_timer_free(&ob->timer);
    while (ob->gateways) {
        struct gateway *g = ob->gateways;
        ob->gateways = g->next;
        free(g);
    }
    while (ob->subscriptions) {
        struct subscription *s = ob->subscriptions;
        ob->subscriptions = s->next;
        subscription_free(s);
    }
    outbox_rules_free(&ob->rules);
    pthread_mutex_destroy(&ob->lock);
    free(ob);
    *obp = NULL;
}
