/*
 * steward/types.h - values that cross the plugin boundary. ABI: fields are only ever appended,
 * and struct_size grows with them.
 *
 * Every view is const and valid during the call alone. Text is NUL-terminated UTF-8, NULL where
 * it does not apply. Times are milliseconds since 1970 UTC, 0 where unknown.
 */
#ifndef STEWARD_TYPES_H
#define STEWARD_TYPES_H

#include <stdbool.h>
#include <stdint.h>
#include <stddef.h>

/* Call events, in the words of CSTA (ECMA-269); the line protocol's table has the same ones. */
enum steward_event_kind {
    STEWARD_EV_NONE,
    STEWARD_EV_ORIGINATED,
    STEWARD_EV_QUEUED,
    STEWARD_EV_DELIVERED,
    STEWARD_EV_ESTABLISHED,
    STEWARD_EV_HELD,
    STEWARD_EV_RETRIEVED,
    STEWARD_EV_DIVERTED,
    STEWARD_EV_TRANSFERRED,
    STEWARD_EV_CONFERENCED,
    STEWARD_EV_CONNECTION_CLEARED,
    STEWARD_EV_FAILED,
    STEWARD_EV_CLEARED,
    STEWARD_EV_AGENT_STATE,
    STEWARD_EV_COUNT
};

enum steward_direction {
    STEWARD_DIR_NONE,
    STEWARD_DIR_INBOUND,
    STEWARD_DIR_OUTBOUND,
    STEWARD_DIR_INTERNAL
};

enum steward_cause {
    STEWARD_CAUSE_NONE,
    STEWARD_CAUSE_NO_ANSWER,
    STEWARD_CAUSE_REJECTED,
    STEWARD_CAUSE_BUSY,
    STEWARD_CAUSE_ANSWERED_ELSEWHERE,
    STEWARD_CAUSE_PICKED_UP,
    STEWARD_CAUSE_FORWARDED,
    STEWARD_CAUSE_UNREGISTERED,
    STEWARD_CAUSE_INVALID_NUMBER,
    STEWARD_CAUSE_CONGESTION,
    STEWARD_CAUSE_COUNT
};

enum steward_by { STEWARD_BY_NONE, STEWARD_BY_CALLER, STEWARD_BY_AGENT, STEWARD_BY_SYSTEM };

enum steward_transfer { STEWARD_TRANSFER_NONE, STEWARD_TRANSFER_BLIND, STEWARD_TRANSFER_ATTENDED };

enum steward_agent_state {
    STEWARD_AGENT_NONE,
    STEWARD_AGENT_LOGGED_OFF,
    STEWARD_AGENT_NOT_READY,
    STEWARD_AGENT_READY,
    STEWARD_AGENT_BUSY,
    STEWARD_AGENT_WORKING_AFTER_CALL
};

/**
 * One neutral call event: what the line protocol's `event` says, as a struct. Which fields count
 * for which kind is the line protocol's table (docs/line-protocol.md); the others are ignored.
 */
struct steward_cti_event {
    uint32_t struct_size;
    enum steward_event_kind kind;
    int64_t at;       /* when it happened, by the source's clock; 0: now */
    const char *call; /* names the call for its whole life within its source; 1 to 128 bytes */
    enum steward_direction direction; /* the site's view; the first event decides */
    bool restricted;     /* the caller withholds the number, whatever `calling` holds */
    const char *calling; /* as the PBX shows it */
    const char *called;  /* the number the caller dialled */
    const char *device;  /* "1001" */
    const char *queue;
    enum steward_cause cause;
    const char *to; /* device or number that a call goes to */
    enum steward_transfer transfer;
    const char *other_call; /* the call that ends in this one */
    enum steward_by by;
    enum steward_agent_state agent_state;
    const char *reason;    /* of not_ready */
    const char *pbx_cause; /* free text */
};

/** One message to send, as a gateway sees it. */
struct steward_message {
    uint32_t struct_size;
    int64_t id;
    const char *key;           /* idempotency key: the same on every attempt */
    const char *channel;       /* "sms" or "email" */
    const char *message_class; /* "service", "marketing", "staff", "verification" */
    const char *to;
    const char *from; /* NULL: the gateway's own */
    const char *text;
    const char *subject;
    const char *ticket; /* "T-000123" */
    const char *template_name;
    const char *provider_template;
    const char *params_json; /* a JSON object, "{}" when empty */
    const char *language;
    int64_t at;             /* when the row was made */
    int attempt;            /* 1 for the first */
    const char *event_type; /* NULL for message.send; else an event such as "ticket.opened" */
    const char *event_json; /* the event's data */
    bool gsm7;              /* every character of text is in GSM 03.38 or its extension */
};

#endif
