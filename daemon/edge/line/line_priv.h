/*
 * line_priv.h - what the files of the line protocol share: links, and the groups in which they are
 * found by device, by account, by PBX name.
 */
#pragma once
#include <uthash.h>
#include "base/buf.h"
#include "base/guests.h"
#include "base/json_obj.h"
#include "base/log.h"
#include "edge/line/line.h"
#include "service/pops/pops.h"
#include "service/calls/call_control.h"
#include "service/calls/source.h"
#include "service/staff/mask.h"

enum {
    LINE_OUT_MAX = 1 << 20,         /* output waiting for one link */
    LINE_MONITOR_OUT_MAX = 4 << 20, /* monitors get everything */
    LINE_BAD_PER_S = 1000,          /* refused lines a second before a link must wait */
    LINE_ACTIONS_MAX = 32,          /* actions of one link under way */
};

enum line_role { LINE_NEW, LINE_PBX, LINE_AGENT, LINE_MONITOR, LINE_ROLES };

struct link;

/** A link's place among the links of one key. */
struct line_member {
    struct link *link;
    struct line_group *group; /* NULL: in none */
    struct line_member *prev, *next;
};

struct line_group {
    char key[136];
    struct line_member *members;
    UT_hash_handle hh;
};

/** One action under way. */
struct line_action {
    struct link *link;
    uint64_t id; /* of call_control_do() */
    char *echo;  /* the client's id as JSON */
    struct line_action *prev, *next;
};

/** A hello whose welcome waits for the disk; outlives its link. */
struct line_waiter {
    struct link *link; /* NULL: gone */
};

struct link {
    struct line *line;
    struct conn *conn;
    enum line_role role;
    bool welcomed;
    bool slow;                /* does not read: to be closed by the reaper */
    struct loop_timer *timer; /* until the hello; then while rate limited */
    char name[65];            /* as it said */
    char device[65];          /* of an agent */
    char account[65];         /* whose token */
    bool person;              /* the account is a person's */
    bool sees_all;            /* monitor: everything, or only what concerns the account */
    bool masked;              /* sees numbers without their middle */
    struct guest guest;       /* until its hello was taken */
    char *token;
    struct line_member by_device, by_account, by_role;
    uint64_t told; /* the last hub event that it was handed */
    /* pbx */
    struct source *source;
    struct line_waiter *waiter;
    int64_t durable; /* the highest number on disk */
    bool ack_owed;
    /* agent */
    struct line_action *actions;
    int n_actions;
    /* refused lines in the present second */
    int64_t bad_since;
    int bad_n;
    bool held; /* not read until the second is over */
    struct link *prev, *next;
};

struct line {
    struct line_opts opts;
    char *address;
    struct listener *listener;
    struct hub_sub *sub;
    struct link *links;
    struct line_group *devices;  /* agents by "1001" or "pbx-a/1001" */
    size_t qualified;            /* those of the second form */
    struct line_group *accounts; /* agents and monitors of persons by account */
    struct line_group *pbxs;     /* the live link of each PBX name */
    struct line_group *roles;    /* "agent", "monitor": all of them */
    struct loop_timer *reaper;   /* closes links that are slow, at the next turn */
    struct buf out;              /* the line being written … */
    struct buf masked;           /* … and as auditors see it */
    struct guests *guests;       /* links without a hello */
    struct log_ctx log;
    struct complaint crowded;
    bool pressed, quiet;
    struct line_stats stats;
};

/* line.c */

/** Codes of `error` lines. */
enum line_code {
    LINE_BAD_JSON,
    LINE_BAD_HELLO,
    LINE_UNAUTHORIZED,
    LINE_FORBIDDEN,
    LINE_UNKNOWN_TYPE,
    LINE_BAD_EVENT,
    LINE_TOO_LONG,
    LINE_REPLACED,
    LINE_RATE_LIMITED,
    LINE_TOO_SLOW,
};
/** Refuse a line (seq 0: none to name). The link lives on, and is held when it sends too many. */
void link_refuse(struct link *k, enum line_code code, int64_t seq, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/** Say why, then close and free: k is gone when this returns. */
void link_close(struct link *k, enum line_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/** Write what line->out holds, and a newline. */
void link_write(struct link *k);
/** Start line->out anew: {"type":TYPE, open. */
void line_begin(struct line *l, struct jw *w, const char *type);
/** Read from the link, or not, as its state and the ledger's pressure want it. */
void link_flow(struct link *k);

/** Put a link into the group of that key, made if new. */
void line_join(struct line_group **table, struct line_member *m, struct link *k, const char *key);
/** Take it out again; an empty group goes. In none: does nothing. */
void line_leave(struct line_group **table, struct line_member *m);
/** The group of that key; NULL if there is none. */
struct line_group *line_group(struct line_group *table, const char *key);

/* line_hello.c */
void link_hello(struct link *k, const struct json_obj *o);
/** True while the link's token is still good for what it does. */
bool link_may_stay(struct link *k);

/* line_pbx.c */
/** Take over the source of this name and wait for the welcome. May close the link. */
void pbx_open(struct link *k);
void pbx_close(struct link *k, const char *why);
void pbx_event(struct link *k, const struct json_obj *o);
/** All output has left, or is to: send the ack that waits. */
void pbx_drained(struct link *k);

/* line_agent.c */
void agent_open(struct link *k);
void agent_close(struct link *k);
void agent_action(struct link *k, const struct json_obj *o);

/* line_hub.c */
void line_on_hub(void *line, const struct hub_event *ev);
