/*
 * esl.h - one FreeSWITCH event socket: its configuration, its connection, what it waits for.
 *
 * esl_plugin.c starts and stops it, esl_login.c connects and signs in, esl_model.c turns events
 * into facts of the tracker, esl_resync.c reads the list of channels, esl_agents.c follows the
 * agents of mod_callcenter, esl_action.c carries out actions.
 */
#ifndef STEWARD_ESL_H
#define STEWARD_ESL_H

#include <steward/plugin.h>
#include "track.h"
#include "esl_parse.h"

#define ESL_TEXT_MAX  256
#define ESL_ITEMS_MAX 32
/* How long a leg without any sign counts as not ringing yet. */
#define ESL_SILENT_MS 250

enum esl_state { ESL_IDLE, ESL_OPENING, ESL_AUTH, ESL_ON };

struct esl_conf {
    char host[ESL_TEXT_MAX], username[ESL_TEXT_MAX], password[ESL_TEXT_MAX];
    char format[16]; /* plain, json */
    char internal[ESL_TEXT_MAX], domain[ESL_TEXT_MAX];
    char inbound[ESL_ITEMS_MAX][80];  /* contexts that are the outside world */
    char profiles[ESL_ITEMS_MAX][80]; /* SIP profiles that are */
    size_t inbound_count, profile_count;
    uint16_t port;
    bool answer_notify;
    int64_t ping_ms, dial_ms, retry_min_ms, retry_max_ms;
};

/* What the next answer belongs to: answers come in the order of the commands. */
enum esl_ask { ESL_ASK_COMMAND, ESL_ASK_CHANNELS, ESL_ASK_AGENTS, ESL_ASK_UPTIME };

struct esl_pending {
    enum esl_ask ask;
    int64_t at;
    struct esl_pending *next;
};

/* A background job of ours. */
struct esl_job {
    char uuid[40];
    uint64_t token; /* of the host's action; 0: none */
    bool dial, accepted;
    char call[40], device[TRACK_DEVICE_MAX], number[TRACK_NUMBER_MAX];
    bool seen; /* the dialled call got a leg: events tell the rest */
    int64_t at;
    struct esl_job *next;
};

struct esl_agents; /* esl_agents.c */

struct esl {
    const struct steward_host *host;
    struct esl_conf conf;
    struct track *track;
    struct esl_agents *agents;
    struct steward_handle *stream;
    struct steward_handle *retry, *watch, *settle;
    struct esl_parser parser;
    enum esl_state state;
    char drop[2 * ESL_TEXT_MAX]; /* why the connection is to be closed; "": it is not */
    bool slow, stopping;
    int64_t state_at, heard_at, retry_ms, settle_due;
    int64_t skew; /* our clock less the PBX's, at its last event */
    uint64_t seed;
    struct esl_pending *pending;
    struct esl_job *jobs;
    char core[40];  /* one life of the PBX */
    unsigned syncs; /* lists of channels to read still: a second one, as the first may lag */
    int64_t sync_at;
    uint32_t can;
};

/* esl_plugin.c */
uint64_t esl_random(struct esl *e);
/** A fresh UUID of 36 characters. */
void esl_uuid(struct esl *e, char out[40]);
void esl_conf_read(const struct steward_host *host, const struct steward_conf *conf,
                   struct esl_conf *out);

/* esl_login.c */
void esl_connect(struct esl *e);
/** Close the connection soon, from outside of its own callback. slow: the PBX refused us. */
void esl_drop(struct esl *e, bool slow, const char *why);
void esl_close(struct esl *e);
void esl_on_retry(void *ctx);
void esl_on_watch(void *ctx);
void esl_on_settle(void *ctx);
void esl_settle_in(void *ctx, int64_t ms);
/** Send one command of one line (line breaks are added here); false if it cannot be sent. */
bool esl_send(struct esl *e, enum esl_ask ask, const char *line, const char *more);
void esl_set_state(struct esl *e, enum steward_source_state state, const char *error);

/* esl_model.c */
void esl_event(struct esl *e, const struct esl_event *ev);
/** True if an event of that name (len bytes) is read; a heartbeat tells of a restart. */
bool esl_event_wanted(const char *name, size_t len);
/** The device of a channel, "" for the outside world and inner halves. Returns out. */
struct esl_channel {
    const char *name, *direction, *context, *user, *number, *called;
};
bool esl_is_outside(const struct esl *e, const struct esl_channel *c);
bool esl_is_half(const char *name);
/** "1001@fs.local" to "1001". Returns out. */
char *esl_user_part(const char *text, char *out, size_t cap);

/* esl_resync.c */
void esl_resync_start(struct esl *e);
/** The answer to `show channels as json`. */
void esl_resync_list(struct esl *e, char *body);
void esl_resync_check(struct esl *e);

/* esl_agents.c */
struct esl_agents *esl_agents_new(void);
void esl_agents_free(struct esl_agents **agents);
void esl_agents_event(struct esl *e, const struct esl_event *ev);
/** The answer to `callcenter_config agent list`. */
void esl_agents_list(struct esl *e, char *body);
/** Wrap-up times that are over by now. */
void esl_agents_check(struct esl *e);
/** The agent of mod_callcenter at that device, NULL if none. */
const char *esl_agents_name(const struct esl *e, const char *device);

/* esl_action.c */
int esl_action(void *ctx, const struct steward_action *act);
void esl_job_done(struct esl *e, const struct esl_event *ev);
/** A leg appeared: if it is one that we asked for, its job; else NULL. */
struct esl_job *esl_dial_seen(struct esl *e, const char *uuid);
void esl_jobs_timeout(struct esl *e, bool all);
uint32_t esl_can_all(const struct esl *e);

#endif
