/*
 * ami.h - one Asterisk manager link: its configuration, its connection, what it waits for.
 *
 * ami_plugin.c starts and stops it, ami_login.c signs in and keeps what was asked, ami_model.c
 * turns events into facts of the tracker, ami_resync.c reads snapshots, ami_agents.c follows queue
 * members, ami_rights.c says what the account may not do or see, ami_action.c carries out actions.
 */
#ifndef STEWARD_AMI_H
#define STEWARD_AMI_H

#include <steward/plugin.h>
#include "contexts.h"
#include "link.h"
#include "track.h"
#include "ami_parse.h"

#define AMI_TEXT_MAX LINK_TEXT_MAX
/* By which one device is a member of queues: each is paused by itself. */
#define AMI_INTERFACES_MAX 64

enum ami_state {
    AMI_IDLE,      /* no connection; the retry timer runs, or we are stopped */
    AMI_OPENING,   /* connecting, or waiting for the banner */
    AMI_CHALLENGE, /* asked for a challenge */
    AMI_LOGIN,     /* signing in */
    AMI_ON         /* signed in: events flow */
};

/* Classes of events that are read. */
enum ami_class { AMI_SYSTEM = 1, AMI_CALL = 2, AMI_AGENT = 4 };

struct ami_conf {
    struct link_conf link;
    char username[AMI_TEXT_MAX], secret[AMI_TEXT_MAX];
    char login[16];                 /* auto, md5, plain */
    char internal[AMI_TEXT_MAX];    /* context that dials for agents */
    char technology[32];            /* of phones: "PJSIP" */
    char parking_lot[AMI_TEXT_MAX]; /* "" the default one */
    /* Contexts that are the outside world, and endpoints that are, besides. */
    char inbound[LINK_ITEMS_MAX][LINK_ITEM_MAX], trunks[LINK_ITEMS_MAX][LINK_ITEM_MAX];
    char phones[LINK_ITEMS_MAX][LINK_ITEM_MAX]; /* contexts of the site's own phones */
    size_t inbound_count, trunk_count, phone_count;
    bool atxfer, answer_notify;
};

/* What an answer of the PBX belongs to. */
enum ami_ask {
    ASK_NONE,
    ASK_COMMANDS,
    ASK_CORE_STATUS,
    ASK_CHANNELS,
    ASK_STATUS,
    ASK_QUEUES,
    ASK_PING,
    ASK_PROBE,
    ASK_DIALPLAN, /* is there such an extension? Then transfer to it */
    ASK_HINT,     /* the same, of an account that may not read the dialplan */
    ASK_ACTION
};

struct ami_pending {
    uint64_t n; /* the number within our ActionID */
    enum ami_ask ask;
    const char *action; /* literal: "Originate" */
    uint64_t token;     /* of the host's action; 0: none */
    bool last;          /* of several requests of one action: its answer is the action's */
    char channel[128], to[TRACK_NUMBER_MAX]; /* of a transfer that waits for a look-up */
    int64_t at;
    struct ami_pending *next;
};

/* A call that we asked for, until the PBX says what came of it. */
struct ami_dial {
    uint64_t n;
    char channel[64], device[TRACK_DEVICE_MAX], number[TRACK_NUMBER_MAX];
    bool seen;      /* it got a channel: events tell the rest */
    uint64_t token; /* of the host's action, until the phone is being rung; 0: answered */
    int64_t at;
    struct ami_dial *next;
};

struct ami_snapshot; /* ami_resync.c */
struct ami_agents;   /* ami_agents.c */

struct ami {
    const struct steward_host *host;
    struct ami_conf conf;
    struct track *track;
    struct ami_agents *agents;
    struct ami_snapshot *snapshot;
    uint64_t queues_again; /* number of the action that reads the queues alone; 0: none */
    bool queues_named;     /* it named members */
    unsigned resyncs;      /* begun since we signed in */
    int64_t resync_at;     /* time for another, as the last was not answered; 0: none is due */
    struct link link;
    struct contexts_strange strange;
    struct ami_parser parser;
    enum ami_state state;
    int64_t down_at;     /* the last link ended then; 0: there was none */
    bool life_doubted;   /* since then nothing told whether the PBX was started anew */
    uint64_t top_number; /* the highest of its channels in its present life */
    int64_t skew;        /* our clock less the PBX's, where its events bear times */
    char prefix[20];     /* of our ActionIDs, new for each connection */
    uint64_t asked;      /* number of the last action */
    struct ami_pending *pending;
    struct ami_dial *dials;
    char boot[64];                                  /* when the PBX started, as it says */
    char trunk_seen[LINK_ITEMS_MAX][LINK_ITEM_MAX]; /* endpoints first met in an inbound context */
    size_t trunk_seen_count;
    uint32_t can;
    const char *list_channels; /* the action that may list them; a literal */
    bool runs;      /* it told when it started, or what we may not do: a word of a PBX that is up */
    bool have_list; /* they were listed since we signed in */
    uint32_t heard, lacks_read;            /* classes of which events came; that are missing */
    uint32_t lacks_write;                  /* bits of the table in ami_rights.c */
    int64_t probe_at;                      /* the last look for what no event told of */
    uint64_t probe_channels, probe_queues; /* numbers of its actions */
};

/* ami_login.c */
extern const struct link_ops ami_link_ops;
/** Now, by the PBX's clock as far as it is known. */
int64_t ami_now(const struct ami *a);
/**
 * Send "Action: NAME" with our ActionID and the fields ("Key", "value" pairs, NULL-terminated; a
 * value is cut at its first CR or LF). Returns the number of the action, 0 if it was not sent.
 */
uint64_t ami_send(struct ami *a, enum ami_ask ask, uint64_t token, const char *action,
                  const char *const *fields);
/** Only the last of several requests answers the host. */
void ami_pending_more(struct ami *a, uint64_t n);
/** What that request is for, until it is answered; NULL if it is not waited for. */
struct ami_pending *ami_pending(struct ami *a, uint64_t n);
/** The number in an ActionID of ours, 0 if it is another's. */
uint64_t ami_our_number(const struct ami *a, const char *id);
void ami_message(void *ctx, const struct ami_msg *msg);
void ami_set_state(struct ami *a, enum steward_source_state state, const char *error);

/* ami_model.c */
bool ami_event_wanted(const char *event, size_t len);
void ami_event(struct ami *a, const char *event, const struct ami_msg *msg);
/** "PJSIP/1001-0000002a" to "1001"; "" for inner channels. Returns out. */
char *ami_endpoint(const char *channel, char *out, size_t cap);
bool ami_is_half(const char *channel);
bool ami_is_outside(struct ami *a, const char *channel, const char *context);
enum steward_cause ami_q850(const char *cause);

/* ami_resync.c */
void ami_resync_start(struct ami *a);
/** Read the queues alone anew; members that an answer of some members lacks are gone. */
void ami_resync_queues(struct ami *a);
/** An answer to one of the resync's requests. */
void ami_resync_response(struct ami *a, enum ami_ask ask, bool ok, const struct ami_msg *msg);
/** A list item or its end; true if it was one of ours. */
bool ami_resync_item(struct ami *a, const char *event, const struct ami_msg *msg);
/** The snapshot takes too long: go on without, and ask again later. */
void ami_resync_check(struct ami *a);
void ami_resync_free(struct ami *a);
/** The PBX was started anew: what was before is gone. */
void ami_started_anew(struct ami *a, const char *when);

/* ami_agents.c */
struct ami_agents *ami_agents_new(void);
void ami_agents_free(struct ami_agents **agents);
/** An event or list item about a queue member; removed: it left that queue. */
void ami_agents_member(struct ami *a, const struct ami_msg *msg, bool removed);
/** A fresh list begins: members that it does not name are gone at its end. */
void ami_agents_list_begin(struct ami *a);
void ami_agents_list_end(struct ami *a);
/** Wrap-up times that are over by now. */
void ami_agents_check(struct ami *a);
/** True if any member of any queue is known. */
bool ami_agents_any(const struct ami *a);
/** True if the device is a member of queues, all of which know it as not in use, or as away. */
bool ami_agents_idle(const struct ami *a, const char *device);
/** True if this list item shows a known member otherwise than its last event or list did. */
bool ami_agents_differs(const struct ami *a, const struct ami_msg *msg);
/** The distinct interfaces of that device in queues: how many, and in out while no event comes. */
size_t ami_agents_interfaces(const struct ami *a, const char *device,
                             const char *out[AMI_INTERFACES_MAX]);

/* ami_action.c */
int ami_action(void *ctx, const struct steward_action *act);
void ami_action_response(struct ami *a, const struct ami_pending *p, bool ok,
                         const struct ami_msg *msg);
/** The answer to a look-up before a transfer. */
void ami_looked_up(struct ami *a, const struct ami_pending *p, bool ok, const struct ami_msg *msg);
void ami_originate_response(struct ami *a, const struct ami_msg *msg);
/** A channel appeared: if it is one that we asked for, its dial; else NULL. */
struct ami_dial *ami_dial_seen(struct ami *a, const char *uniqueid);
void ami_actions_timeout(struct ami *a, bool all);

/* ami_rights.c */
/** What this adapter could do with every right. */
uint32_t ami_can_all(const struct ami *a);
/** The write class that an action needs, for a person. */
const char *ami_class_of(const char *action);
/** What the account lacks, in one line of at most cap - 1 bytes; NULL: nothing, as far as known. */
const char *ami_rights_text(const struct ami *a, char *out, size_t cap);
/** Just signed in: nothing is known. */
void ami_rights_begin(struct ami *a);
/** The answer to ListCommands. */
void ami_rights_list(struct ami *a, const struct ami_msg *msg);
/** An action was refused; if for want of rights, that is told. */
void ami_rights_denied(struct ami *a, const char *action, const struct ami_msg *msg);
/** The first event of that class came. */
void ami_rights_heard(struct ami *a, enum ami_class class, const struct ami_msg *msg);
/** Once in a while: what should have come by now? */
void ami_rights_check(struct ami *a);
/** An item of a list that was asked for by ami_rights_check(). */
void ami_rights_item(struct ami *a, const char *event, const struct ami_msg *msg);

#endif
