/*
 * esl_parse.h - the event socket's framing (esl_parse.c): headers up to an empty line, then
 * Content-Length bytes; and the two forms of an event within such a body (esl_event.c), as values
 * of the keys that the model reads.
 */
#ifndef STEWARD_ESL_PARSE_H
#define STEWARD_ESL_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#define ESL_HEADERS_MAX 65536
#define ESL_BODY_MAX    (4 * 1024 * 1024 - 2 * ESL_HEADERS_MAX)

/* The keys that are read: enum, name in events. One list for both forms. */
#define ESL_KEYS(X)                                                                                \
    X(EVENT_NAME, "Event-Name")                                                                    \
    X(EVENT_SUBCLASS, "Event-Subclass")                                                            \
    X(CORE_UUID, "Core-UUID")                                                                      \
    X(TIMESTAMP, "Event-Date-Timestamp")                                                           \
    X(UNIQUE_ID, "Unique-ID")                                                                      \
    X(OLD_UNIQUE_ID, "Old-Unique-ID")                                                              \
    X(CALL_UUID, "Channel-Call-UUID")                                                              \
    X(OTHER_LEG, "Other-Leg-Unique-ID")                                                            \
    X(BRIDGE_A, "Bridge-A-Unique-ID")                                                              \
    X(BRIDGE_B, "Bridge-B-Unique-ID")                                                              \
    X(CALL_DIRECTION, "Call-Direction")                                                            \
    X(CHANNEL_NAME, "Channel-Name")                                                                \
    X(ANSWER_STATE, "Answer-State")                                                                \
    X(PRESENCE_ID, "Channel-Presence-ID")                                                          \
    X(HANGUP_CAUSE, "Hangup-Cause")                                                                \
    X(CALLER_NUMBER, "Caller-Caller-ID-Number")                                                    \
    X(CALLEE_NUMBER, "Caller-Callee-ID-Number")                                                    \
    X(DESTINATION, "Caller-Destination-Number")                                                    \
    X(CONTEXT, "Caller-Context")                                                                   \
    X(HIDE_NUMBER, "Caller-Privacy-Hide-Number")                                                   \
    X(TRANSFER_SOURCE, "Caller-Transfer-Source")                                                   \
    X(PROGRESS_TIME, "Caller-Channel-Progress-Time")                                               \
    X(PROGRESS_MEDIA_TIME, "Caller-Channel-Progress-Media-Time")                                   \
    X(DIALED_USER, "variable_dialed_user")                                                         \
    X(USER_NAME, "variable_user_name")                                                             \
    X(CC_MEMBER, "variable_cc_member_session_uuid")                                                \
    X(FIFO_BRIDGE, "variable_fifo_bridge_uuid")                                                    \
    X(LOOPBACK_OTHER, "variable_other_loopback_leg_uuid")                                          \
    X(DISPOSITION, "variable_sip_hangup_disposition")                                              \
    X(ENDPOINT_DISPOSITION, "variable_endpoint_disposition")                                       \
    X(TRANSFER_DESTINATION, "variable_transfer_destination")                                       \
    X(PRIVACY, "variable_privacy_hide_number")                                                     \
    X(JOB_UUID, "Job-UUID")                                                                        \
    X(CC_ACTION, "CC-Action")                                                                      \
    X(CC_QUEUE, "CC-Queue")                                                                        \
    X(CC_AGENT, "CC-Agent")                                                                        \
    X(CC_STATUS, "CC-Agent-Status")                                                                \
    X(CC_STATE, "CC-Agent-State")                                                                  \
    X(CC_CANCEL, "CC-Cancel-Reason")                                                               \
    X(CC_SESSION, "CC-Member-Session-UUID")                                                        \
    X(FIFO_ACTION, "FIFO-Action")                                                                  \
    X(FIFO_NAME, "FIFO-Name")                                                                      \
    X(ROOM_ACTION, "Action")                                                                       \
    X(ROOM_NAME, "Conference-Name")                                                                \
    X(ROW_UUID, "uuid")                                                                            \
    X(ROW_DIRECTION, "direction")                                                                  \
    X(ROW_CREATED, "created_epoch")                                                                \
    X(ROW_NAME, "name")                                                                            \
    X(ROW_CID, "cid_num")                                                                          \
    X(ROW_DEST, "dest")                                                                            \
    X(ROW_CONTEXT, "context")                                                                      \
    X(ROW_PRESENCE, "presence_id")                                                                 \
    X(ROW_CALLSTATE, "callstate")                                                                  \
    X(ROW_CALL_UUID, "call_uuid")                                                                  \
    X(ROW_FIRST_CID, "initial_cid_num")                                                            \
    X(ROW_FIRST_DEST, "initial_dest")                                                              \
    X(ROW_FIRST_CONTEXT, "initial_context")

enum esl_key {
#define X(key, name) ESL_##key,
    ESL_KEYS(X)
#undef X
        ESL_KEY_COUNT
};

/** One event, or one row of a list: values of the keys above, NULL where absent or undefined. */
struct esl_event {
    const char *v[ESL_KEY_COUNT];
    const char *body; /* of a BACKGROUND_JOB; "" if none */
};

enum esl_type {
    ESL_OTHER,
    ESL_AUTH_REQUEST,
    ESL_REPLY,
    ESL_API_RESPONSE,
    ESL_EVENT_PLAIN,
    ESL_EVENT_JSON,
    ESL_DISCONNECT,
    ESL_REJECTED
};

/** One message; body is writable and ends with a NUL, it lives until the callback returns. */
struct esl_msg {
    enum esl_type type;
    char reply[512]; /* Reply-Text */
    char *body;
    size_t body_len;
};

typedef void esl_msg_cb(void *ctx, struct esl_msg *msg);

struct esl_parser {
    size_t scanned; /* bytes of the present header block that hold no end */
    char *scratch;
    size_t scratch_cap;
    const char *error; /* why the peer cannot be read any further; NULL: fine */
};

/**
 * Read what is complete in data; returns the bytes used, the rest is to be shown again with more
 * behind it. Headers over ESL_HEADERS_MAX, a body over ESL_BODY_MAX or a length that is no number
 * set p->error.
 */
size_t esl_parse(struct esl_parser *p, esl_msg_cb *cb, void *ctx, const char *data, size_t len);
/** For a new connection. Frees the scratch too. */
void esl_parser_reset(struct esl_parser *p);

/** "Name: percent-encoded" lines, an own body behind them; written into in place. */
void esl_event_plain(char *text, size_t len, struct esl_event *out);
/**
 * One flat JSON object at the start of len bytes, read leniently (repeated keys, broken UTF-8);
 * written into in place. Returns the place behind it, or NULL when it is none.
 */
char *esl_event_json(char *text, size_t len, struct esl_event *out);

#endif
