/*
 * steward/plugin.h - everything needed to write a plugin (docs/plugins.md is the guide).
 *
 * A plugin is a shared object that exports one constant, `steward_plugin`. It is linked with no
 * symbol of the daemon: all it can do is call the functions of the host table it is given. All
 * callbacks run on the daemon's loop thread and must return at once.
 *
 * ABI history (major.minor):
 *   1.0  first version
 */
#ifndef STEWARD_PLUGIN_H
#define STEWARD_PLUGIN_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/types.h>

#define STEWARD_PLUGIN_MAGIC 0x53545744u /* "STWD" */
#define STEWARD_ABI_MAJOR    1
#define STEWARD_ABI_MINOR    0

/** True if `table` (a struct whose first member is struct_size) is long enough to have `field`. */
#define STEWARD_HAS(table, field)                                                                  \
    ((table)->struct_size >= offsetof(__typeof__(*(table)), field) + sizeof((table)->field))

/* What a callback returns: 0, a negative number for failure, or this: "run without me". */
#define STEWARD_DECLINE 1

enum steward_log_level { STEWARD_LOG_DEBUG, STEWARD_LOG_INFO, STEWARD_LOG_WARN, STEWARD_LOG_ERROR };

/* ---- configuration: the plugin's own table, checked and documented by the host ---- */

enum steward_conf_kind {
    STEWARD_CONF_TEXT,
    STEWARD_CONF_INT,
    STEWARD_CONF_BOOL,
    STEWARD_CONF_DURATION, /* milliseconds */
    STEWARD_CONF_SECRET,   /* `key:` or `key_file:`; never logged */
    STEWARD_CONF_TEXTS,    /* list of text */
    STEWARD_CONF_RATE,     /* "50/s": events a second times 1000 */
    STEWARD_CONF_URL       /* http:// or https:// */
};

/** One key. A dotted name ("contexts.inbound") is a key within a mapping. Ends with name NULL. */
struct steward_conf_key {
    const char *name;
    enum steward_conf_kind kind;
    const char *fallback; /* as YAML text; NULL: no default */
    int64_t min, max;     /* of numbers and durations; 0, 0: no bounds */
    bool required;
    const char *help;
};

struct steward_conf; /* one instance's values: read through the host table */
struct steward_host;
struct steward_handle; /* anything the host lent: timer, stream, registration; revoked at stop */

/* ---- streams: a TCP (or TLS) connection that the host drives ---- */

enum steward_stream_event { STEWARD_STREAM_UP, STEWARD_STREAM_DATA, STEWARD_STREAM_DOWN };

/**
 * Called on each event. DATA: returns how many of the len bytes were used (the rest is shown
 * again with more behind it). DOWN: data is the reason as text; the handle is dead after.
 */
typedef size_t steward_stream_cb(void *ctx, enum steward_stream_event ev, const char *data,
                                 size_t len);

struct steward_stream_opts {
    uint32_t struct_size;
    const char *host;
    uint16_t port;
    bool tls;
    const char *tls_ca; /* PEM file; NULL: the system's */
    bool tls_verify;
    size_t in_max; /* most bytes kept unread; past it the stream goes DOWN */
};

/* ---- capabilities ---- */

/** State of a CTI source, shown by GET /sources and /readyz. */
enum steward_source_state {
    STEWARD_SOURCE_DOWN,
    STEWARD_SOURCE_CONNECTING,
    STEWARD_SOURCE_SYNCING,
    STEWARD_SOURCE_UP
};

/* What a source can do for calls: bits. */
#define STEWARD_CAN_DIAL        (1u << 0)
#define STEWARD_CAN_ANSWER      (1u << 1)
#define STEWARD_CAN_HANGUP      (1u << 2)
#define STEWARD_CAN_HOLD        (1u << 3)
#define STEWARD_CAN_RETRIEVE    (1u << 4)
#define STEWARD_CAN_TRANSFER    (1u << 5)
#define STEWARD_CAN_AGENT_STATE (1u << 6)
#define STEWARD_CAN_PARK        (1u << 7)

/** A call-control request; answered exactly once with host->action_done(token, …). */
struct steward_action {
    uint32_t struct_size;
    uint64_t token;
    uint32_t what;      /* one STEWARD_CAN_* bit */
    const char *call;   /* NULL for dial and agent state */
    const char *device; /* who acts */
    const char *number; /* dial: what to dial, as the PBX wants it */
    const char *to;     /* transfer: device or number */
    enum steward_transfer transfer;
    const char *caller_name;     /* dial: what the agent's phone shows */
    const char *outbound_number; /* dial: what the owner sees */
    enum steward_agent_state agent_state;
    const char *reason;
};

/** A CTI adapter. Events go to host->cti_emit. */
struct steward_cti_ops {
    uint32_t struct_size;
    /** Carry out one action; 0 accepted (action_done follows), negative refused at once. May be
     * NULL. */
    int (*action)(void *ctx, const struct steward_action *action);
};

/** The HTTP request that sends one message; text lives until the callback returns. */
struct steward_request {
    uint32_t struct_size;
    const char *method; /* "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated */
    const char *body;
    size_t body_len;
    int64_t timeout_ms; /* 0: the host's default */
    bool allow_private; /* loopback, private networks and http:// are permitted */
};

enum steward_outcome {
    STEWARD_SENT,  /* the gateway has it */
    STEWARD_RETRY, /* try again later */
    STEWARD_FAILED /* never */
};

struct steward_response {
    uint32_t struct_size;
    int status; /* HTTP status; 0: no answer, see error */
    const char *body;
    size_t body_len;
    const char *error;      /* of the transport, NULL if there was an answer */
    int64_t retry_after_ms; /* from Retry-After; 0: none */
};

/** What a gateway makes of a response, or of a receipt; text is copied by the host. */
struct steward_verdict {
    uint32_t struct_size;
    enum steward_outcome outcome;
    char provider_id[128];
    char error[256];
    int64_t retry_after_ms;
};

/** A delivery report in steward's own words; given to host->receipt. */
struct steward_receipt {
    uint32_t struct_size;
    const char *key;   /* the message's key */
    const char *state; /* "sent", "delivered", "failed" */
    int64_t at;
    const char *error;
    const char *provider_id;
};

/** An inbound HTTP request to /hooks/{instance}/{receipt|inbound} or /cti/{instance}. */
struct steward_hook {
    uint32_t struct_size;
    const char *method; /* "GET", "POST" */
    const char *what;   /* "receipt" or "inbound" */
    const char *query;  /* without '?'; "" if none */
    const char *content_type;
    const char *body;
    size_t body_len;
    const char *const *headers; /* "name: value", lower-case names, NULL-terminated */
    bool authenticated;         /* it bore an integration token, or `verify` vouched for it */
};

/** A gateway: it describes requests and reads answers; the host sends, retries and stores. */
struct steward_gateway_ops {
    uint32_t struct_size;
    /** Describe the request for msg into *out; pointers may live in ctx until the next call. 0 or
     * negative. */
    int (*prepare)(void *ctx, const struct steward_message *msg, int64_t now_ms,
                   struct steward_request *out, char *why, size_t why_len);
    /** Judge the answer. Called once per attempt. */
    void (*judge)(void *ctx, const struct steward_message *msg, const struct steward_response *res,
                  struct steward_verdict *out);
    /** The provider's own form of receipts and inbound messages; returns the HTTP status. NULL:
     * only the generic form is accepted. May call host->receipt / host->inbound any number of
     * times. */
    int (*hook)(void *ctx, const struct steward_hook *hook);
    int concurrency;    /* most requests at once; 0: 4 */
    int64_t rate_milli; /* most messages a second, times 1000; 0: no limit */
    const char *const
        *events; /* events to be sent ("ticket.opened", "ticket.*"), NULL-terminated; may be NULL */
    /** True if a hook request without a token proves that it comes from the provider (a signature).
     * NULL: only an integration token proves it for the generic form. */
    bool (*verify)(void *ctx, const struct steward_hook *hook);
};

/* ---- the host table ---- */

/**
 * Given to init, valid until the process ends, append-only. Every function is to be called on the
 * loop thread unless it says otherwise. `self` is the value init was given.
 */
struct steward_host {
    uint32_t struct_size;
    uint16_t abi_major, abi_minor;

    void (*log)(const struct steward_host *self, enum steward_log_level level, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));
    int64_t (*now_ms)(const struct steward_host *self);
    const char *(*instance)(const struct steward_host *self); /* this instance's name */

    /* configuration; key must stand in the plugin's table */
    const char *(*conf_text)(const struct steward_conf *conf,
                             const char *key); /* TEXT, SECRET, URL; NULL if unset */
    int64_t (*conf_int)(const struct steward_conf *conf,
                        const char *key); /* INT, BOOL, DURATION, RATE */
    /** The i-th text of a list, NULL past the end. */
    const char *(*conf_item)(const struct steward_conf *conf, const char *key, size_t i);

    /* timers: one-shot; NULL handle never */
    struct steward_handle *(*timer_new)(const struct steward_host *self, void (*fn)(void *ctx),
                                        void *ctx);
    void (*timer_arm)(struct steward_handle *timer, int64_t ms);
    void (*timer_disarm)(struct steward_handle *timer);

    /* streams */
    struct steward_handle *(*stream_open)(const struct steward_host *self,
                                          const struct steward_stream_opts *opts,
                                          steward_stream_cb *cb, void *ctx);
    /** False when the peer does not read and too much is pending: the bytes were not taken. */
    bool (*stream_write)(struct steward_handle *stream, const void *data, size_t len);

    /** Give back any handle; the callback is not called any more. Sets *h to NULL. */
    void (*release)(struct steward_handle **h);

    /** Call fn(ctx) on the loop thread soon. The one function callable from any thread. */
    void (*post)(const struct steward_host *self, void (*fn)(void *ctx), void *ctx);

    /* metrics: steward_<instance's plugin>_<name>_total */
    void (*count)(const struct steward_host *self, const char *name, uint64_t add);

    /* capabilities, registered in init */
    int (*register_cti)(const struct steward_host *self, const struct steward_cti_ops *ops,
                        void *ctx);
    int (*register_gateway)(const struct steward_host *self, const struct steward_gateway_ops *ops,
                            void *ctx);

    /* for CTI adapters */
    void (*cti_emit)(const struct steward_host *self, const struct steward_cti_event *ev);
    /** error: NULL or why it is down. can: STEWARD_CAN_* bits. */
    void (*cti_state)(const struct steward_host *self, enum steward_source_state state,
                      uint32_t can, const char *error);
    /**
     * Bracket a full snapshot after a (re)connect. Between begin and end the adapter emits events
     * for every live call; live calls of this source that got none are closed with `gap`.
     */
    void (*cti_resync_begin)(const struct steward_host *self);
    void (*cti_resync_end)(const struct steward_host *self);
    /** Name a call that is alive though nothing is to be said of it (within a resync). */
    void (*cti_alive)(const struct steward_host *self, const char *call);
    /** Answer an action. ok false: code is a word such as "failed", "no_such_call"; text for a
     * person. */
    void (*action_done)(const struct steward_host *self, uint64_t token, bool ok, const char *code,
                        const char *text);

    /* for gateways */
    void (*receipt)(const struct steward_host *self, const struct steward_receipt *r);
    /** An inbound text: provider's id (unique per instance), from, to, text, at, reply_to_key or
     * NULL. */
    void (*inbound)(const struct steward_host *self, const char *id, const char *from,
                    const char *to, const char *text, int64_t at, const char *reply_to_key);
    /** The URL path under which this instance's receipts are accepted ("/hooks/sms/receipt"), with
     * the site's public base when configured. */
    const char *(*receipt_url)(const struct steward_host *self);

    /* small jobs that plugins would otherwise get wrong */
    void (*hmac_sha256)(const void *key, size_t keylen, const void *data, size_t len,
                        uint8_t out[32]);
    void (*md5_hex)(const void *data, size_t len, char out[33]);
    /** Standard base64; both return the length written (without NUL) or -1 when out is too small.
     */
    int (*base64_encode)(const void *data, size_t len, char *out, size_t cap);
    int (*base64_decode)(const char *text, void *out, size_t cap);

    /** Called by the plugin once it has finished stopping. */
    void (*stopped)(const struct steward_host *self);
};

/* ---- the descriptor ---- */

/** magic to struct_size come first and never move: they protect the rest. */
struct steward_plugin {
    uint32_t magic;
    uint16_t abi_major, abi_minor;
    uint32_t struct_size;
    const char *name, *version, *description;
    const struct steward_conf_key *conf_keys;

    /** Pure validation of one instance, also run by `stewardd -t`; 0 or negative with why filled.
     * May be NULL. */
    int (*check)(const struct steward_host *host, const struct steward_conf *conf, char *why,
                 size_t why_len);
    /** Allocate, register capabilities, no I/O. Failing init cleans up after itself: fini is not
     * called. */
    int (*init)(const struct steward_host *host, const struct steward_conf *conf, void **ctx);
    /** May connect. */
    int (*start)(void *ctx);
    /** New configuration: 0 taken, negative refused with why (the old one stays). NULL: restart
     * needed. */
    int (*reload)(void *ctx, const struct steward_conf *conf, char *why, size_t why_len);
    /** Stop producing; call host->stopped when done (the host waits at most 3 s). NULL: stopped at
     * once. */
    void (*stop)(void *ctx);
    void (*fini)(void *ctx);
};

/** Defines the one exported symbol. */
#define STEWARD_PLUGIN_EXPORT                                                                      \
    __attribute__((visibility("default"))) extern const struct steward_plugin steward_plugin;      \
    __attribute__((visibility("default"))) const struct steward_plugin steward_plugin

#endif
