/*
 * link.h - what every adapter of a PBX needs of its connection: open it, give up a sign-in that is
 * not answered, ask an idle peer for life, close it from outside of its own callback, and come back
 * after a while that grows and differs from daemon to daemon. What is said on the connection is the
 * adapter's own (struct link_ops).
 *
 * Everything runs on the host's loop thread. A link is a member of its adapter; link_init() gives
 * it its timers, link_fini() takes them back.
 */
#ifndef STEWARD_LINK_H
#define STEWARD_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>

#define LINK_TEXT_MAX  256
#define LINK_ITEM_MAX  80 /* of one text in a list of the configuration */
#define LINK_ITEMS_MAX 32 /* of one such list */

/* How often a live connection is looked at, and how long a sign-in may take. */
#define LINK_WATCH_MS 1000
#define LINK_LOGIN_MS 15000

/** Of the configuration, what the link needs; the adapter keeps it within its own. */
struct link_conf {
    char host[LINK_TEXT_MAX], tls_ca[1024]; /* tls_ca "": the system's authorities */
    uint16_t port;
    bool tls, tls_verify;
    int64_t ping_ms, dial_ms, retry_min_ms, retry_max_ms;
};

/* Of the adapter's table of keys, those that every link has; its host, port and TLS are its own. */
#define LINK_KEY_PING(wait)                                                                        \
    {                                                                                              \
        "ping", STEWARD_CONF_DURATION, wait, 1000, 3600000, false, "ask an idle server for life"   \
    }
#define LINK_KEY_DIAL                                                                              \
    {                                                                                              \
        "dial_timeout", STEWARD_CONF_DURATION, "30s", 1000, 600000, false,                         \
            "how long the agent's phone rings for a call that steward dials"                       \
    }
#define LINK_KEY_RETRY_MIN                                                                         \
    {                                                                                              \
        "retry.min", STEWARD_CONF_DURATION, "1s", 100, 600000, false, "first wait to reconnect"    \
    }
#define LINK_KEY_RETRY_MAX                                                                         \
    {                                                                                              \
        "retry.max", STEWARD_CONF_DURATION, "60s", 1000, 3600000, false,                           \
            "longest wait; also the wait after a refused sign-in"                                  \
    }
#define LINK_KEYS_END                                                                              \
    {                                                                                              \
        NULL, 0, NULL, 0, 0, false, NULL                                                           \
    }

/** What the adapter does; ctx is its own. */
struct link_ops {
    size_t in_max;         /* most bytes kept unread */
    const char *no_answer; /* why a connection whose sign-in is not answered is closed */
    const char *unread;    /* why one whose peer does not read is */
    /** The connection is about to be opened: nothing was said yet. */
    void (*opening)(void *ctx);
    /** Bytes came. How many were used; *error: why no more can be read, NULL: all is well. */
    size_t (*read)(void *ctx, const char *data, size_t len, const char **error);
    /** There is no connection any more; lost: it broke, rather than being closed by us. */
    void (*over)(void *ctx, bool lost);
    /** The state of the source changed; error NULL: nothing is wrong. */
    void (*state)(void *ctx, enum steward_source_state state, const char *error);
    /** Once in LINK_WATCH_MS while not signed in. NULL: nothing to do. */
    void (*waiting)(void *ctx, int64_t now);
    /** Once in LINK_WATCH_MS while signed in. */
    void (*watch)(void *ctx, int64_t now);
    /** True if the peer should have answered ping() by now. */
    bool (*silent)(void *ctx, int64_t now);
    /** Ask for a sign of life. */
    void (*ping)(void *ctx);
    /** The time that link_settle_in() asked for is over. */
    void (*settle)(void *ctx);
    /** Say goodbye: the connection is closed next. */
    void (*goodbye)(void *ctx);
};

struct link {
    const struct steward_host *host;
    const struct link_conf *conf;
    const struct link_ops *ops;
    void *ctx;
    struct steward_handle *stream;                 /* NULL: no connection */
    struct steward_handle *retry, *watch, *settle; /* retry also closes what is to be closed */
    char drop[2 * LINK_TEXT_MAX]; /* why the connection is to be closed; "": it is not */
    bool on;                      /* signed in */
    bool slow;                    /* the next wait is the longest: the PBX refused us */
    bool stopping;
    int64_t state_at; /* connecting, or signed in, since then */
    int64_t heard_at; /* the last bytes came then */
    int64_t retry_ms, settle_due;
    uint64_t seed;
};

/** conf must outlive the link; link_conf_read() again fills it anew before link_reopen(). */
void link_init(struct link *l, const struct steward_host *host, const struct link_conf *conf,
               const struct link_ops *ops, void *ctx);
/** Closes without a word and gives the timers back; may be called twice. */
void link_fini(struct link *l);

/** Connect now; nothing once link_stop() was called. */
void link_open(struct link *l);
/** Close now, silently; not within ops->read. */
void link_close(struct link *l);
/** Close soon, from anywhere, for that reason; the first one counts. slow: the PBX refused us. */
void link_drop(struct link *l, bool slow, const char *why);
/** The peer let us in: waits start from the shortest again. */
void link_signed_in(struct link *l);
/** The configuration changed: begin again with the new one. */
void link_reopen(struct link *l);
/** Goodbye, close, and tell the host that it is done. */
void link_stop(struct link *l);

/** True if signed in and about to stay so. */
bool link_is_up(const struct link *l);
/** Write one request; false if there is no connection or the peer does not read (then dropped). */
bool link_write(struct link *l, const void *data, size_t len);
/** Call ops->settle in ms, or earlier if that was asked for. A settle_in of the tracker. */
void link_settle_in(struct link *l, int64_t ms);
/** Differs from call to call and daemon to daemon; no secret. */
uint64_t link_random(struct link *l);

/** Fills c from the keys host, port, LINK_KEY_… and, if tls, tls, tls_ca, tls_verify. */
void link_conf_read(const struct steward_host *h, const struct steward_conf *conf, bool tls,
                    struct link_conf *c);
/** Copies the text of a key, "" if it is unset; a longer one is cut. */
void link_conf_text(const struct steward_host *h, const struct steward_conf *conf, const char *key,
                    char *out, size_t cap);
/** Copies the texts of a list; how many. */
size_t link_conf_list(const struct steward_host *h, const struct steward_conf *conf,
                      const char *key, char out[LINK_ITEMS_MAX][LINK_ITEM_MAX]);

#endif
