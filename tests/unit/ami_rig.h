/*
 * ami_rig.h - a manager by hand: what it says to the adapter, and what the adapter asked of it.
 */
#pragma once
#include "unit.h"

#include "cti_replay.h"

#define START  1795310000000
#define BANNER "Asterisk Call Manager/11.0.0\r\n"
#define CONF                                                                                       \
    "{\"username\":\"desk\",\"secret\":\"s3cret\",\"contexts.inbound\":[\"from-trunk\"],"          \
    "\"features.answer_notify\":true}"

#define SHOT(id, linked, name, context, exten, number, state)                                      \
    "Channel: " name "\r\nChannelState: " state "\r\nCallerIDNum: " number "\r\nContext: " context \
    "\r\nExten: " exten "\r\nUniqueid: " id "\r\nLinkedid: " linked "\r\n"
#define CALLER(id)   SHOT(id, id, "PJSIP/trunk-01", "from-trunk", "4008001", "13800138000", "4")
#define PHONE(state) SHOT("1.2", "1.1", "PJSIP/1001-02", "internal", "s", "1001", state)
#define DEST(state)                                                                                \
    "DestChannel: PJSIP/1001-02\r\nDestChannelState: " state "\r\nDestUniqueid: 1.2\r\n"           \
    "DestLinkedid: 1.1\r\nDestContext: internal\r\nDestExten: s\r\nDestCallerIDNum: 1001\r\n"

/** The adapter under test, made by setup() and freed by teardown() around each test. */
extern struct replay *R;
int setup(void **state);
int teardown(void **state);
/** Bytes of the manager. */
void say(const char *text);
/** The ActionID of the n-th (from the last: 0) action of that name that was sent; "" if none. */
const char *sent_id(const char *action, unsigned from_last);
/** Answer the last action of that name; `more` are further lines with their ends. */
void answer(const char *action, const char *response, const char *more);
/** An item of the list that answers the last action of that name. */
void item(const char *action, const char *event, const char *more);
/** Sign in by challenge. */
void log_in(void);
/** The lists after signing in, all empty. */
void empty_lists(void);
/** A direct call of which 1001 talks. */
void live_call(void);
/** How many events of that kind the adapter emitted. */
size_t count(enum steward_event_kind kind);
const struct steward_cti_event *last_event(void);
/** Asks the adapter for an action with everything in it; token 7. */
int act(uint32_t what, const char *call, const char *device, const char *to);
#define LINK(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
