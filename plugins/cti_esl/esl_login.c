/*
 * esl_login.c - what is said on the link: sign in, subscribe, commands and their answers, which
 * come in the same order, signs of life. When it is opened, dropped and tried again is lib/link's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "esl.h"

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
    char strange[240];
    if (!error && state >= STEWARD_SOURCE_SYNCING)
        error = contexts_strange_text(&e->strange, strange, sizeof strange);
    e->host->cti_state(e->host, state, e->can, error);
}

int64_t esl_now(const struct esl *e)
{
    return e->host->now_ms(e->host) - e->skew;
}

/* ---- commands ---- */

bool esl_send(struct esl *e, enum esl_ask ask, const char *line, const char *more)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "%s\n%s%s\n", line, more ? more : "", more ? "\n" : "");
    if (n < 0 || (size_t)n >= sizeof text)
        return false;
    if (!link_write(&e->link, text, (size_t)n))
        return false;
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
    link_signed_in(&e->link);
    e->host->log(e->host, STEWARD_LOG_INFO, "signed in at %s:%u", e->conf.link.host,
                 (unsigned)e->conf.link.port);
    esl_set_state(e, STEWARD_SOURCE_SYNCING, NULL);
    snprintf(line, sizeof line, "event %s " EVENTS, e->conf.format);
    esl_send(e, ESL_ASK_COMMAND, line, NULL);
    esl_resync_start(e);
    esl_send(e, ESL_ASK_AGENTS, "api callcenter_config agent list", NULL);
}

/* The one answer to the sign-in lets us in; of later commands only refusals matter. */
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
        link_drop(&e->link, true, why);
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

/* One message of the socket; nothing counts once the connection is to be closed. */
static void on_message(void *ctx, struct esl_msg *msg)
{
    struct esl *e = ctx;
    char why[ESL_TEXT_MAX];
    if (e->link.drop[0])
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
        link_drop(&e->link, false, why);
        break;
    case ESL_REJECTED:
        link_drop(&e->link, true, "this address is refused by the access list of the event socket");
        break;
    case ESL_OTHER:
        break;
    }
}

/* ---- the link ---- */

static void opening(void *ctx)
{
    struct esl *e = ctx;
    esl_parser_reset(&e->parser);
    e->state = ESL_OPENING;
}

static size_t read_bytes(void *ctx, const char *data, size_t len, const char **error)
{
    struct esl *e = ctx;
    size_t used = esl_parse(&e->parser, on_message, e, data, len);
    *error = e->parser.error;
    return used;
}

static void over(void *ctx, bool lost)
{
    struct esl *e = ctx;
    if (lost && e->state == ESL_ON)
        e->down_at = e->host->now_ms(e->host);
    forget_pending(e);
    esl_jobs_timeout(e, true);
    e->state = ESL_IDLE;
    esl_parser_reset(&e->parser);
}

static void on_state(void *ctx, enum steward_source_state state, const char *error)
{
    esl_set_state(ctx, state, error);
}

static void watch(void *ctx, int64_t now)
{
    struct esl *e = ctx;
    (void)now;
    esl_jobs_timeout(e, false);
    esl_resync_check(e);
    esl_agents_check(e);
}

/* The oldest unanswered probe; other commands may lawfully take long. */
static bool silent(void *ctx, int64_t now)
{
    const struct esl *e = ctx;
    const struct esl_pending *p;
    for (p = e->pending; p; p = p->next)
        if (p->ask == ESL_ASK_UPTIME)
            return now - p->at >= ANSWER_MS;
    return false;
}

static void ping(void *ctx)
{
    esl_send(ctx, ESL_ASK_UPTIME, "api uptime", NULL);
}

static void settle(void *ctx)
{
    struct esl *e = ctx;
    track_now(e->track, esl_now(e));
    track_settle(e->track);
}

static void goodbye(void *ctx)
{
    esl_send(ctx, ESL_ASK_COMMAND, "exit", NULL);
}

const struct link_ops esl_link_ops = {
    .in_max = IN_MAX,
    .no_answer = "no answer to the sign-in",
    .unread = "the PBX does not read our commands",
    .opening = opening,
    .read = read_bytes,
    .over = over,
    .state = on_state,
    .watch = watch,
    .silent = silent,
    .ping = ping,
    .settle = settle,
    .goodbye = goodbye,
};
