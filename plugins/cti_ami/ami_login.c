/*
 * ami_login.c - the connection: open, sign in with a challenge or plainly, keep alive, come back
 * with back-off and jitter; requests and their answers.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

#define LOGIN_MS  15000 /* from connecting to signed in */
#define WATCH_MS  1000
#define ANSWER_MS 10000
/* Whoever knows no challenge may well not answer at all. */
#define CHALLENGE_MS 2000
#define IN_MAX       (2 * AMI_MESSAGE_MAX)
/* The classes whose events the model reads; dialplan, cdr, dtmf, … are most of the bytes. */
#define EVENT_MASK "system,call,agent"

void ami_set_state(struct ami *a, enum steward_source_state state, const char *error)
{
    char lacks[240];
    if (!error && state >= STEWARD_SOURCE_SYNCING)
        error = ami_rights_text(a, lacks, sizeof lacks);
    a->host->cti_state(a->host, state, a->can, error);
}

int64_t ami_now(const struct ami *a)
{
    return a->host->now_ms(a->host) - a->skew;
}

/* ---- timers ---- */

void ami_settle_in(void *ctx, int64_t ms)
{
    struct ami *a = ctx;
    if (a->settling || a->stopping)
        return;
    a->settling = true;
    a->host->timer_arm(a->settle, ms);
}

void ami_on_settle(void *ctx)
{
    struct ami *a = ctx;
    a->settling = false;
    track_now(a->track, ami_now(a));
    track_settle(a->track);
}

/* Half to the whole of ms: many daemons do not come back at the same moment. */
static int64_t jitter(struct ami *a, int64_t ms)
{
    return ms / 2 + (int64_t)(ami_random(a) % (uint64_t)(ms / 2 + 1));
}

static void retry_later(struct ami *a)
{
    int64_t ms = a->slow ? a->conf.retry_max_ms : a->retry_ms;
    a->retry_ms = a->retry_ms * 2 < a->conf.retry_max_ms ? a->retry_ms * 2 : a->conf.retry_max_ms;
    a->slow = false;
    if (!a->stopping)
        a->host->timer_arm(a->retry, jitter(a, ms));
}

/* ---- requests ---- */

struct text {
    char data[4096];
    size_t len;
};

/* One value of ours: nothing in it can end the line. */
static void put(struct text *t, const char *key, const char *value)
{
    int n = snprintf(t->data + t->len, sizeof t->data - t->len, "%s: %.*s\r\n", key,
                     (int)strcspn(value, "\r\n"), value);
    if (n > 0 && (size_t)n < sizeof t->data - t->len)
        t->len += (size_t)n;
    else
        t->data[t->len] = '\0';
}

static void expect(struct ami *a, enum ami_ask ask, uint64_t token, const char *action)
{
    struct ami_pending *p = calloc(1, sizeof *p);
    if (!p)
        abort();
    *p = (struct ami_pending){.n = a->asked,
                              .ask = ask,
                              .action = action,
                              .token = token,
                              .last = true,
                              .at = a->host->now_ms(a->host)};
    p->next = a->pending;
    a->pending = p;
}

uint64_t ami_send(struct ami *a, enum ami_ask ask, uint64_t token, const char *action,
                  const char *const *fields)
{
    struct text t = {.len = 0};
    char id[64];
    if (!a->stream)
        return 0;
    a->asked++;
    snprintf(id, sizeof id, "%s-%" PRIu64, a->prefix, a->asked);
    put(&t, "Action", action);
    put(&t, "ActionID", id);
    for (; fields && fields[0]; fields += 2)
        put(&t, fields[0], fields[1]);
    if (t.len + 2 > sizeof t.data)
        return 0;
    memcpy(t.data + t.len, "\r\n", 2);
    if (!a->host->stream_write(a->stream, t.data, t.len + 2)) {
        ami_drop(a, false, "the PBX does not read our actions");
        return 0;
    }
    if (ask != ASK_NONE)
        expect(a, ask, token, action);
    return a->asked;
}

void ami_pending_more(struct ami *a, uint64_t n)
{
    struct ami_pending *p;
    for (p = a->pending; p; p = p->next)
        if (p->n == n)
            p->last = false;
}

uint64_t ami_our_number(const struct ami *a, const char *id)
{
    size_t n = strlen(a->prefix);
    if (!id || strncmp(id, a->prefix, n) != 0 || id[n] != '-')
        return 0;
    return strtoull(id + n + 1, NULL, 10);
}

static struct ami_pending *take_pending(struct ami *a, uint64_t n)
{
    struct ami_pending **at = &a->pending, *p;
    for (; (p = *at) != NULL; at = &p->next) {
        if (p->n != n)
            continue;
        *at = p->next;
        return p;
    }
    return NULL;
}

/* ---- signing in ---- */

static void login_plain(struct ami *a)
{
    a->state = AMI_LOGIN;
    const char *fields[] = {"Username", a->conf.username, "Secret", a->conf.secret,
                            "Events",   EVENT_MASK,       NULL};
    ami_send(a, ASK_NONE, 0, "Login", fields);
}

static void login_md5(struct ami *a, const char *challenge)
{
    char text[2 * AMI_TEXT_MAX + 64], key[33];
    int n = snprintf(text, sizeof text, "%s%s", challenge, a->conf.secret);
    if (n < 0 || (size_t)n >= sizeof text) {
        ami_drop(a, true, "the challenge is too long");
        return;
    }
    a->host->md5_hex(text, (size_t)n, key);
    a->state = AMI_LOGIN;
    const char *fields[] = {"AuthType", "MD5",      "Username", a->conf.username, "Key", key,
                            "Events",   EVENT_MASK, NULL};
    ami_send(a, ASK_NONE, 0, "Login", fields);
}

static bool banner(void *ctx, const char *line)
{
    struct ami *a = ctx;
    static const char start[] = "Asterisk Call Manager/";
    if (strncmp(line, start, sizeof start - 1) != 0)
        return false;
    if (strcmp(a->conf.login, "plain") == 0) {
        login_plain(a);
        return true;
    }
    a->state = AMI_CHALLENGE;
    const char *fields[] = {"AuthType", "MD5", NULL};
    ami_send(a, ASK_NONE, 0, "Challenge", fields);
    return true;
}

/* The secret goes as it is only where nobody can listen. */
static bool may_be_plain(const struct ami *a)
{
    return strcmp(a->conf.login, "auto") == 0 &&
           (a->conf.tls || strncmp(a->conf.host, "127.", 4) == 0 ||
            strcmp(a->conf.host, "::1") == 0 || strcmp(a->conf.host, "localhost") == 0);
}

static void logged_in(struct ami *a)
{
    a->state = AMI_ON;
    a->state_at = a->host->now_ms(a->host);
    a->retry_ms = a->conf.retry_min_ms;
    a->list_channels = "CoreShowChannels";
    a->have_list = false;
    ami_rights_begin(a);
    a->host->log(a->host, STEWARD_LOG_INFO, "signed in at %s:%u as %s", a->conf.host,
                 (unsigned)a->conf.port, a->conf.username);
    a->resyncs = 0;
    ami_send(a, ASK_COMMANDS, 0, "ListCommands", NULL);
    ami_resync_start(a);
}

/* "Authentication failed" is the answer to whom it does not want, whatever was asked. */
static bool is_refusal(const char *text)
{
    return text && strcasestr(text, "authentication failed");
}

/* Whatever its ActionID: before the login is through there is only one question. */
static void login_response(struct ami *a, bool ok, const struct ami_msg *msg)
{
    const char *text = ami_get(msg, "Message"), *challenge = ami_get(msg, "Challenge");
    char why[2 * AMI_TEXT_MAX];
    if (ok && a->state == AMI_CHALLENGE && challenge) {
        login_md5(a, challenge);
    } else if (ok && text && strcasestr(text, "authentication accepted")) {
        logged_in(a);
    } else if (a->state == AMI_CHALLENGE && may_be_plain(a) && !is_refusal(text)) {
        login_plain(a);
    } else if (ok && a->state == AMI_LOGIN) {
        logged_in(a);
    } else {
        snprintf(why, sizeof why,
                 "login as %s refused: %.120s (wrong username, secret, or this address is not "
                 "permitted in manager.conf)",
                 a->conf.username, text ? text : "no reason given");
        ami_drop(a, true, why);
    }
}

/* ---- messages ---- */

static void response(struct ami *a, const char *word, const struct ami_msg *msg)
{
    bool ok = strcasecmp(word, "Success") == 0 || strcasecmp(word, "Goodbye") == 0;
    if (a->state != AMI_ON) {
        login_response(a, ok, msg);
        return;
    }
    struct ami_pending *p = take_pending(a, ami_our_number(a, ami_get(msg, "ActionID")));
    if (!p)
        return;
    if (p->ask == ASK_ACTION)
        ami_action_response(a, p, ok, msg);
    else if (p->ask == ASK_COMMANDS && ok)
        ami_rights_list(a, msg);
    else if (p->ask < ASK_PING && p->ask != ASK_COMMANDS)
        ami_resync_response(a, p->ask, ok, msg);
    free(p);
}

void ami_message(void *ctx, const struct ami_msg *msg)
{
    struct ami *a = ctx;
    const char *event = ami_get(msg, "Event"), *word;
    if (a->drop[0])
        return;
    if (event) {
        if (a->state == AMI_ON)
            ami_event(a, event, msg);
        return;
    }
    word = ami_get(msg, "Response");
    if (word)
        response(a, word, msg);
}

/* ---- the stream ---- */

static void down(struct ami *a, const char *why)
{
    if (a->state == AMI_ON) {
        a->down_at = a->host->now_ms(a->host);
        a->life_doubted = true;
    }
    ami_actions_timeout(a, true);
    ami_resync_free(a);
    a->state = AMI_IDLE;
    a->drop[0] = '\0';
    ami_parser_reset(&a->parser);
    a->host->timer_disarm(a->watch);
    ami_set_state(a, STEWARD_SOURCE_DOWN, why);
    a->host->log(a->host, STEWARD_LOG_WARN, "link to %s:%u is down: %s", a->conf.host,
                 (unsigned)a->conf.port, why);
    a->host->count(a->host, "disconnects", 1);
    retry_later(a);
}

static size_t read_bytes(struct ami *a, const char *data, size_t len)
{
    struct ami_sink sink = {
        .banner = banner, .message = ami_message, .wanted = ami_event_wanted, .ctx = a};
    a->heard_at = a->host->now_ms(a->host);
    track_now(a->track, ami_now(a));
    if (a->drop[0])
        return len;
    size_t used = ami_parse(&a->parser, &sink, data, len);
    if (a->parser.error)
        ami_drop(a, true, a->parser.error);
    return a->drop[0] ? len : used;
}

static size_t on_stream(void *ctx, enum steward_stream_event ev, const char *data, size_t len)
{
    struct ami *a = ctx;
    char why[2 * AMI_TEXT_MAX];
    switch (ev) {
    case STEWARD_STREAM_UP:
        a->heard_at = a->host->now_ms(a->host);
        return 0;
    case STEWARD_STREAM_DATA:
        return read_bytes(a, data, len);
    case STEWARD_STREAM_DOWN:
        a->stream = NULL;
        if (a->drop[0])
            snprintf(why, sizeof why, "%s", a->drop);
        else
            snprintf(why, sizeof why, "%s", data && *data ? data : "closed by the PBX");
        down(a, why);
        return 0;
    }
    return 0;
}

void ami_connect(struct ami *a)
{
    struct steward_stream_opts opts = {.struct_size = sizeof opts,
                                       .host = a->conf.host,
                                       .port = a->conf.port,
                                       .tls = a->conf.tls,
                                       .tls_ca = a->conf.tls_ca[0] ? a->conf.tls_ca : NULL,
                                       .tls_verify = a->conf.tls_verify,
                                       .in_max = IN_MAX};
    if (a->stopping)
        return;
    ami_parser_reset(&a->parser);
    snprintf(a->prefix, sizeof a->prefix, "st%012" PRIx64, ami_random(a) & 0xffffffffffffu);
    a->state = AMI_OPENING;
    a->state_at = a->heard_at = a->host->now_ms(a->host);
    ami_set_state(a, STEWARD_SOURCE_CONNECTING, NULL);
    a->stream = a->host->stream_open(a->host, &opts, on_stream, a);
    if (a->stream)
        a->host->timer_arm(a->watch, WATCH_MS);
    else if (a->state == AMI_OPENING)
        down(a, "cannot connect");
}

void ami_close(struct ami *a)
{
    if (a->stream)
        a->host->release(&a->stream);
    a->stream = NULL;
    a->state = AMI_IDLE;
    a->drop[0] = '\0';
    ami_actions_timeout(a, true);
    ami_resync_free(a);
    ami_parser_reset(&a->parser);
    a->host->timer_disarm(a->retry);
    a->host->timer_disarm(a->watch);
}

void ami_drop(struct ami *a, bool slow, const char *why)
{
    if (a->drop[0])
        return;
    snprintf(a->drop, sizeof a->drop, "%s", why);
    a->slow = slow;
    a->host->timer_arm(a->retry, 0);
}

/* Either the connection is to be closed, or it is time to open one. */
void ami_on_retry(void *ctx)
{
    struct ami *a = ctx;
    char why[2 * AMI_TEXT_MAX];
    if (!a->drop[0]) {
        if (!a->stream)
            ami_connect(a);
        return;
    }
    memcpy(why, a->drop, sizeof why);
    if (a->stream)
        a->host->release(&a->stream);
    a->stream = NULL;
    down(a, why);
}

static bool ping_waits(const struct ami *a, int64_t now)
{
    const struct ami_pending *p;
    for (p = a->pending; p; p = p->next)
        if (p->ask == ASK_PING && now - p->at >= ANSWER_MS)
            return true;
    return false;
}

void ami_on_watch(void *ctx)
{
    struct ami *a = ctx;
    int64_t now = a->host->now_ms(a->host);
    if (!a->stream)
        return;
    a->host->timer_arm(a->watch, WATCH_MS);
    track_now(a->track, ami_now(a));
    if (a->state != AMI_ON) {
        if (now - a->state_at >= LOGIN_MS)
            ami_drop(a, false, "no answer to the login");
        else if (a->state == AMI_CHALLENGE && may_be_plain(a) && now - a->state_at >= CHALLENGE_MS)
            login_plain(a);
        return;
    }
    ami_actions_timeout(a, false);
    ami_resync_check(a);
    ami_rights_check(a);
    ami_agents_check(a);
    if (ping_waits(a, now))
        ami_drop(a, false, "the PBX does not answer");
    else if (now - a->heard_at >= a->conf.ping_ms) {
        a->heard_at = now; /* not again before the next interval */
        ami_send(a, ASK_PING, 0, "Ping", NULL);
    }
}
