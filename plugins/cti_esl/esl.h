/*
 * esl.h - one FreeSWITCH event socket: its configuration, its connection, what it waits for.
 *
 * esl_plugin.c starts and stops it, esl_login.c signs in and keeps what was asked, esl_model.c
 * turns events into facts of the tracker, esl_resync.c reads the list of channels, esl_agents.c
 * follows the agents of mod_callcenter, esl_action.c carries out actions.
 */
#ifndef STEWARD_ESL_H
#define STEWARD_ESL_H

#include <steward/plugin.h>
#include "contexts.h"
#include "link.h"
#include "track.h"
#include "esl_parse.h"

#define ESL_TEXT_MAX LINK_TEXT_MAX
/* How long a leg without any sign counts as not ringing yet. */
#define ESL_SILENT_MS 250

enum esl_state { ESL_IDLE, ESL_OPENING, ESL_AUTH, ESL_ON };

struct esl_conf {
    struct link_conf link;
    char username[ESL_TEXT_MAX], password[ESL_TEXT_MAX];
    char format[16]; /* plain, json */
    char internal[ESL_TEXT_MAX], domain[ESL_TEXT_MAX];
    /* Contexts that are the outside world, and SIP profiles that are. */
    char inbound[LINK_ITEMS_MAX][LINK_ITEM_MAX], profiles[LINK_ITEMS_MAX][LINK_ITEM_MAX];
    char phones[LINK_ITEMS_MAX][LINK_ITEM_MAX]; /* contexts of the site's own phones */
    size_t inbound_count, profile_count, phone_count;
    bool answer_notify;
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
    struct link link;
    struct contexts_strange strange;
    struct esl_parser parser;
    enum esl_state state;
    int64_t down_at; /* the last link ended then; 0: there was none */
    int64_t skew;    /* our clock less the PBX's, at its last event */
    struct esl_pending *pending;
    struct esl_job *jobs;
    char core[40];  /* one life of the PBX */
    unsigned syncs; /* lists of channels to read still: a second one, as the first may lag */
    int64_t sync_at;
    uint32_t can;
};

/* esl_login.c */
extern const struct link_ops esl_link_ops;
/** Now, by the PBX's clock as far as it is known. */
int64_t esl_now(const struct esl *e);
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
/** A fresh UUID of 36 characters. */
void esl_uuid(struct esl *e, char out[40]);
int esl_action(void *ctx, const struct steward_action *act);
void esl_job_done(struct esl *e, const struct esl_event *ev);
/** A leg appeared: if it is one that we asked for, its job; else NULL. */
struct esl_job *esl_dial_seen(struct esl *e, const char *uuid);
void esl_jobs_timeout(struct esl *e, bool all);
uint32_t esl_can_all(const struct esl *e);

#endif
