/*
 * ami_login.c - what is said on the link: sign in with a challenge or plainly, requests and their
 * answers, signs of life. When it is opened, dropped and tried again is lib/link's.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "ami.h"

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
    if (!error && state >= STEWARD_SOURCE_SYNCING)
        error = contexts_strange_text(&a->strange, lacks, sizeof lacks);
    a->host->cti_state(a->host, state, a->can, error);
}

int64_t ami_now(const struct ami *a)
{
    return a->host->now_ms(a->host) - a->skew;
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
    if (!a->link.stream)
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
    if (!link_write(&a->link, t.data, t.len + 2))
        return 0;
    if (ask != ASK_NONE)
        expect(a, ask, token, action);
    return a->asked;
}

struct ami_pending *ami_pending(struct ami *a, uint64_t n)
{
    struct ami_pending *p = a->pending;
    while (p && p->n != n)
        p = p->next;
    return p;
}

void ami_pending_more(struct ami *a, uint64_t n)
{
    struct ami_pending *p = ami_pending(a, n);
    if (p)
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
        link_drop(&a->link, true, "the challenge is too long");
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
           (a->conf.link.tls || strncmp(a->conf.link.host, "127.", 4) == 0 ||
            strcmp(a->conf.link.host, "::1") == 0 || strcmp(a->conf.link.host, "localhost") == 0);
}

static void logged_in(struct ami *a)
{
    a->state = AMI_ON;
    link_signed_in(&a->link);
    a->list_channels = "CoreShowChannels";
    a->have_list = false;
    ami_rights_begin(a);
    a->host->log(a->host, STEWARD_LOG_INFO, "signed in at %s:%u as %s", a->conf.link.host,
                 (unsigned)a->conf.link.port, a->conf.username);
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
        link_drop(&a->link, true, why);
    }
}

/* ---- messages ---- */

/* Answers go by what was asked, not by their text. */
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
    else if (p->ask == ASK_DIALPLAN || p->ask == ASK_HINT)
        ami_looked_up(a, p, ok, msg);
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
    if (a->link.drop[0])
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

/* ---- the link ---- */

static void opening(void *ctx)
{
    struct ami *a = ctx;
    ami_parser_reset(&a->parser);
    snprintf(a->prefix, sizeof a->prefix, "st%012" PRIx64, link_random(&a->link) & 0xffffffffffffu);
    a->state = AMI_OPENING;
}

static size_t read_bytes(void *ctx, const char *data, size_t len, const char **error)
{
    struct ami *a = ctx;
    struct ami_sink sink = {
        .banner = banner, .message = ami_message, .wanted = ami_event_wanted, .ctx = a};
    track_now(a->track, ami_now(a));
    size_t used = ami_parse(&a->parser, &sink, data, len);
    *error = a->parser.error;
    return used;
}

static void over(void *ctx, bool lost)
{
    struct ami *a = ctx;
    if (lost && a->state == AMI_ON) {
        a->down_at = a->host->now_ms(a->host);
        a->life_doubted = true;
    }
    ami_actions_timeout(a, true);
    ami_resync_free(a);
    a->state = AMI_IDLE;
    ami_parser_reset(&a->parser);
}

static void on_state(void *ctx, enum steward_source_state state, const char *error)
{
    ami_set_state(ctx, state, error);
}

static void waiting(void *ctx, int64_t now)
{
    struct ami *a = ctx;
    if (a->state == AMI_CHALLENGE && may_be_plain(a) && now - a->link.state_at >= CHALLENGE_MS)
        login_plain(a);
}

static void watch(void *ctx, int64_t now)
{
    struct ami *a = ctx;
    (void)now;
    track_now(a->track, ami_now(a));
    ami_actions_timeout(a, false);
    ami_resync_check(a);
    ami_rights_check(a);
    ami_agents_check(a);
}

static bool silent(void *ctx, int64_t now)
{
    const struct ami *a = ctx;
    const struct ami_pending *p;
    for (p = a->pending; p; p = p->next)
        if (p->ask == ASK_PING && now - p->at >= ANSWER_MS)
            return true;
    return false;
}

static void ping(void *ctx)
{
    ami_send(ctx, ASK_PING, 0, "Ping", NULL);
}

static void settle(void *ctx)
{
    struct ami *a = ctx;
    track_now(a->track, ami_now(a));
    track_settle(a->track);
}

static void goodbye(void *ctx)
{
    ami_send(ctx, ASK_NONE, 0, "Logoff", NULL);
}

const struct link_ops ami_link_ops = {
    .in_max = IN_MAX,
    .no_answer = "no answer to the login",
    .unread = "the PBX does not read our actions",
    .opening = opening,
    .read = read_bytes,
    .over = over,
    .state = on_state,
    .waiting = waiting,
    .watch = watch,
    .silent = silent,
    .ping = ping,
    .settle = settle,
    .goodbye = goodbye,
};
