/*
 * line_rig.h - see line_rig.c.
 */
#pragma once
#include "base/buf.h"
#include "base/conn.h"
#include "base/log.h"
#include "base/loop.h"
#include "edge/line/line.h"
#include "spine/hub.h"
#include "spine/ledger.h"
#include "service/staff/staff.h"
#include "service/calls/call_control.h"
#include "service/calls/source.h"

/* Telephony as the test plays it. */
struct source {
    char name[65];
    struct source_adapter adapter;
    int64_t taken, durable;
    enum steward_source_state state;
    char error[128];
    struct {
        void (*fn)(void *ctx);
        void *ctx;
    } settled[4];
    int n_settled;
    char calls[1024]; /* "delivered c1," */
};
extern struct source sources[4];

/* The last action asked for. */
struct rig_action {
    call_control_cb *cb;
    void *ctx;
    char action[32], device[65], number[65];
    bool forgotten;
};
extern struct rig_action act;

/* A pop that stands at 1001; NULL: none. */
extern const char *standing;
/* What was taken is on disk now. */
void commit(struct source *s);

extern struct loop *loop;
extern struct ledger *ledger;
extern struct staff *staff;
extern struct hub *hub;
extern struct line *line;

struct client {
    struct conn *conn;
    struct buf got; /* every line, each with a newline */
    bool down;
};

#define HELLO_PBX                                                                                  \
    "{\"type\":\"hello\",\"v\":1,\"role\":\"pbx\",\"name\":\"pbx-a\",\"token\":\"token-of-pbx-"    \
    "a\"}"
#define HELLO_DEV                                                                                  \
    "{\"type\":\"hello\",\"v\":1,\"role\":\"agent\",\"name\":\"desk\",\"device\":\"1001\","        \
    "\"token\":\"dev-token\"}"

int setup(void **state);
int teardown(void **state);
struct client *client(void);
void client_free(struct client *k);
/* A client that said this hello and was welcomed. */
struct client *welcomed(const char *hello);
void say(struct client *k, const char *text);
/* Waits for a line with this text. */
void expect(struct client *k, const char *text);
/* Waits for the end; an error line with this code came. */
void expect_closed(struct client *k, const char *code);
bool is_down(void *client);
int count(struct client *k, const char *text);
/* An account with the token "token-of-NAME". */
void person(int64_t id, const char *name, const char *role, const char *device);
void turns(int n);
void turn_until(bool (*fn)(void *), void *arg, const char *what);
