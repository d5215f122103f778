/*
 * esl_login.c - the connection: open, sign in, subscribe, keep alive, come back with back-off and
 * jitter; commands and their answers, which come in the same order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl.h"

#define LOGIN_MS  15000
#define WATCH_MS  1000
#define ANSWER_MS 15000
#define IN_MAX    (ESL_BODY_MAX + ESL_HEADERS_MAX)

/* What the model reads; CUSTOM goes last, as every word behind it is a subclass. */
#define EVENTS                                                                                     \
    "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE "        \
    "CHANNEL_UNBRIDGE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_UUID CHANNEL_HANGUP "                    \
    "CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY BACKGROUND_JOB HEARTBEAT SHUTDOWN "                   \
    "CUSTOM callcenter::info fifo::info conference::maintenance"

void esl_set_state(struct esl *e, enum steward_source_state state, const char *error)
{
    e->host->cti_state(e->host, state, e->can, error);
}

/* ---- timers ---- */

void esl_settle_in(void *ctx, int64_t ms)
{
    struct esl *e = ctx;
    int64_t due = e->host->now_ms(e->host) + ms;
    if (e->stopping || (e->settle_due && e->settle_due <= due))
        return;
    e->settle_due = due;
    e->host->timer_arm(e->settle, ms);
}

void esl_on_settle(void *ctx)
{
    struct esl *e = ctx;
    e->settle_due = 0;
    track_now(e->track, e->host->now_ms(e->host) - e->skew);
    track_settle(e->track);
}

static int64_t jitter(struct esl *e, int64_t ms)
{
    return ms / 2 + (int64_t)(esl_random(e) % (uint64_t)(ms / 2 + 1));
}

static void retry_later(struct esl *e)
{
    int64_t ms = e->slow ? e->conf.retry_max_ms : e->retry_ms;
    e->retry_ms = e->retry_ms * 2 < e->conf.retry_max_ms ? e->retry_ms * 2 : e->conf.retry_max_ms;
    e->slow = false;
    if (!e->stopping)
        e->host->timer_arm(e->retry, jitter(e, ms));
}

/* ---- commands ---- */

bool esl_send(struct esl *e, enum esl_ask ask, const char *line, const char *more)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "%s\n%s%s\n", line, more ? more : "", more ? "\n" : "");
    if (!e->stream || n < 0 || (size_t)n >= sizeof text)
        return false;
    if (!e->host->stream_write(e->stream, text, (size_t)n)) {
        esl_drop(e, false, "the PBX does not read our commands");
        return false;
    }
    struct esl_pending *p = calloc(1, sizeof *p), **at = &e->pending;
    if (!p)
        abort();
    *p = (struct esl_pending){.ask = ask, .at = e->host->now_ms(e->host)};
    while (*at)
        at = &(*at)->next;
    *at = p;
    return true;
}

/* The oldest command that waits for this kind of answer. */
static bool take(struct esl *e, bool api, enum esl_ask *ask)
{
    struct esl_pending **at = &e->pending, *p;
    for (; (p = *at) != NULL; at = &p->next) {
        if ((p->ask != ESL_ASK_COMMAND) != api)
            continue;
        *ask = p->ask;
        *at = p->next;
        free(p);
        return true;
    }
    return false;
}

static void forget_pending(struct esl *e)
{
    while (e->pending) {
        struct esl_pending *p = e->pending;
        e->pending = p->next;
        free(p);
    }
}

/* ---- signing in ---- */

static void sign_in(struct esl *e)
{
    char line[3 * ESL_TEXT_MAX];
    if (e->state != ESL_OPENING)
        return;
    if (e->conf.username[0])
        snprintf(line, sizeof line, "userauth %s:%s", e->conf.username, e->conf.password);
    else
        snprintf(line, sizeof line, "auth %s", e->conf.password);
    e->state = ESL_AUTH;
    esl_send(e, ESL_ASK_COMMAND, line, NULL);
}

static void signed_in(struct esl *e)
{
    char line[600];
    e->state = ESL_ON;
    e->state_at = e->host->now_ms(e->host);
    e->retry_ms = e->conf.retry_min_ms;
    e->host->log(e->host, STEWARD_LOG_INFO, "signed in at %s:%u", e->conf.host,
                 (unsigned)e->conf.port);
    esl_set_state(e, STEWARD_SOURCE_SYNCING, NULL);
    snprintf(line, sizeof line, "event %s " EVENTS, e->conf.format);
    esl_send(e, ESL_ASK_COMMAND, line, NULL);
    esl_resync_start(e);
    esl_send(e, ESL_ASK_AGENTS, "api callcenter_config agent list", NULL);
}

static void reply(struct esl *e, const struct esl_msg *msg)
{
    enum esl_ask ask;
    char why[2 * ESL_TEXT_MAX];
    bool ok = strncmp(msg->reply, "+OK", 3) == 0;
    take(e, false, &ask);
    if (e->state == ESL_AUTH && ok) {
        signed_in(e);
    } else if (e->state == ESL_AUTH) {
        snprintf(why, sizeof why, "sign-in refused: %.100s (wrong password%s)", msg->reply,
                 e->conf.username[0] ? " or username" : "");
        esl_drop(e, true, why);
    } else if (!ok && strncmp(msg->reply, "-ERR", 4) == 0) {
        e->host->log(e->host, STEWARD_LOG_WARN, "a command was refused: %.200s", msg->reply);
    }
}

static void api_response(struct esl *e, struct esl_msg *msg)
{
    enum esl_ask ask;
    if (!take(e, true, &ask))
        return;
    if (ask == ESL_ASK_CHANNELS)
        esl_resync_list(e, msg->body);
    else if (ask == ESL_ASK_AGENTS)
        esl_agents_list(e, msg->body);
}

/* ---- messages ---- */

/* Its name stands first in both forms. Most of what "all" sends is passed over unparsed. */
static bool is_wanted(const struct esl_msg *msg)
{
    static const char plain[] = "Event-Name: ", json[] = "{\"Event-Name\":\"";
    const char *head = msg->type == ESL_EVENT_PLAIN ? plain : json;
    size_t n = strlen(head);
    if (strncmp(msg->body, head, n) != 0)
        return true;
    return esl_event_wanted(msg->body + n, strcspn(msg->body + n, "\n\""));
}

static void event(struct esl *e, struct esl_msg *msg)
{
    struct esl_event ev;
    if (e->state != ESL_ON || !is_wanted(msg))
        return;
    if (msg->type == ESL_EVENT_PLAIN)
        esl_event_plain(msg->body, msg->body_len, &ev);
    else if (!esl_event_json(msg->body, msg->body_len, &ev))
        return;
    e->host->count(e->host, "events", 1);
    esl_event(e, &ev);
}

static void on_message(void *ctx, struct esl_msg *msg)
{
    struct esl *e = ctx;
    char why[ESL_TEXT_MAX];
    if (e->drop[0])
        return;
    switch (msg->type) {
    case ESL_AUTH_REQUEST:
        sign_in(e);
        break;
    case ESL_REPLY:
        reply(e, msg);
        break;
    case ESL_API_RESPONSE:
        api_response(e, msg);
        break;
    case ESL_EVENT_PLAIN:
    case ESL_EVENT_JSON:
        event(e, msg);
        break;
    case ESL_DISCONNECT:
        snprintf(why, sizeof why, "the PBX says: %.*s", (int)strcspn(msg->body, "\n"), msg->body);
        esl_drop(e, false, why);
        break;
    case ESL_REJECTED:
        esl_drop(e, true, "this address is refused by the access list of the event socket");
        break;
    case ESL_OTHER:
        break;
    }
}

/* ---- the stream ---- */

static void down(struct esl *e, const char *why)
{
    forget_pending(e);
    esl_jobs_timeout(e, true);
    e->state = ESL_IDLE;
    e->drop[0] = '\0';
    esl_parser_reset(&e->parser);
    e->host->timer_disarm(e->watch);
    esl_set_state(e, STEWARD_SOURCE_DOWN, why);
    e->host->log(e->host, STEWARD_LOG_WARN, "link to %s:%u is down: %s", e->conf.host,
                 (unsigned)e->conf.port, why);
    e->host->count(e->host, "disconnects", 1);
    retry_later(e);
}

static size_t read_bytes(struct esl *e, const char *data, size_t len)
{
    e->heard_at = e->host->now_ms(e->host);
    if (e->drop[0])
        return len;
    size_t used = esl_parse(&e->parser, on_message, e, data, len);
    if (e->parser.error)
        esl_drop(e, true, e->parser.error);
    return e->drop[0] ? len : used;
}

static size_t on_stream(void *ctx, enum steward_stream_event ev, const char *data, size_t len)
{
    struct esl *e = ctx;
    char why[2 * ESL_TEXT_MAX];
    switch (ev) {
    case STEWARD_STREAM_UP:
        e->heard_at = e->host->now_ms(e->host);
        return 0;
    case STEWARD_STREAM_DATA:
        return read_bytes(e, data, len);
    case STEWARD_STREAM_DOWN:
        e->stream = NULL;
        if (e->drop[0])
            snprintf(why, sizeof why, "%s", e->drop);
        else
            snprintf(why, sizeof why, "%s", data && *data ? data : "closed by the PBX");
        down(e, why);
        return 0;
    }
    return 0;
}

void esl_connect(struct esl *e)
{
    struct steward_stream_opts opts = {
        .struct_size = sizeof opts, .host = e->conf.host, .port = e->conf.port, .in_max = IN_MAX};
    if (e->stopping)
        return;
    esl_parser_reset(&e->parser);
    e->state = ESL_OPENING;
    e->state_at = e->heard_at = e->host->now_ms(e->host);
    esl_set_state(e, STEWARD_SOURCE_CONNECTING, NULL);
    e->stream = e->host->stream_open(e->host, &opts, on_stream, e);
    if (e->stream)
        e->host->timer_arm(e->watch, WATCH_MS);
    else if (e->state == ESL_OPENING)
        down(e, "cannot connect");
}

void esl_close(struct esl *e)
{
    if (e->stream)
        e->host->release(&e->stream);
    e->stream = NULL;
    e->state = ESL_IDLE;
    e->drop[0] = '\0';
    forget_pending(e);
    esl_jobs_timeout(e, true);
    esl_parser_reset(&e->parser);
    e->host->timer_disarm(e->retry);
    e->host->timer_disarm(e->watch);
}

void esl_drop(struct esl *e, bool slow, const char *why)
{
    if (e->drop[0])
        return;
    snprintf(e->drop, sizeof e->drop, "%s", why);
    e->slow = slow;
    e->host->timer_arm(e->retry, 0);
}

/* Either the connection is to be closed, or it is time to open one. */
void esl_on_retry(void *ctx)
{
    struct esl *e = ctx;
    char why[2 * ESL_TEXT_MAX];
    if (!e->drop[0]) {
        if (!e->stream)
            esl_connect(e);
        return;
    }
    memcpy(why, e->drop, sizeof why);
    if (e->stream)
        e->host->release(&e->stream);
    e->stream = NULL;
    down(e, why);
}

/* The oldest unanswered probe; other commands may lawfully take long. */
static bool probe_waits(const struct esl *e, int64_t now)
{
    const struct esl_pending *p;
    for (p = e->pending; p; p = p->next)
        if (p->ask == ESL_ASK_UPTIME)
            return now - p->at >= ANSWER_MS;
    return false;
}

void esl_on_watch(void *ctx)
{
    struct esl *e = ctx;
    int64_t now = e->host->now_ms(e->host);
    if (!e->stream)
        return;
    e->host->timer_arm(e->watch, WATCH_MS);
    if (e->state != ESL_ON) {
        if (now - e->state_at >= LOGIN_MS)
            esl_drop(e, false, "no answer to the sign-in");
        return;
    }
    esl_jobs_timeout(e, false);
    esl_resync_check(e);
    esl_agents_check(e);
    if (probe_waits(e, now)) {
        esl_drop(e, false, "the PBX does not answer");
    } else if (now - e->heard_at >= e->conf.ping_ms) {
        e->heard_at = now; /* not again before the next interval */
        esl_send(e, ESL_ASK_UPTIME, "api uptime", NULL);
    }
}
