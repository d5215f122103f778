/*
 * cti_replay.h - a plugin host of paper for CTI adapters: it plays a recorded peer against the
 * adapter in the recording's own time, and keeps the neutral events that come out.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <jansson.h>
#include <steward/plugin.h>

/** One event as the adapter emitted it; text is ours. */
struct seen {
    struct steward_cti_event ev;
    char call[132], calling[128], called[128], device[128], queue[128], to[128], other[132],
        reason[128];
};

struct replay_timer {
    void (*fn)(void *ctx);
    void *ctx;
    int64_t due; /* 0: not armed */
    bool dead;
    struct replay_timer *next;
};

struct replay {
    struct steward_host host; /* first: the adapter's `self` */
    int64_t now;
    json_t *conf; /* flat object: key to text, number, bool or list */
    const struct steward_plugin *plugin;
    const struct steward_cti_ops *ops;
    void *ctx, *ops_ctx;
    steward_stream_cb *stream_cb;
    void *stream_ctx;
    bool open, refuse; /* refuse: connections fail */
    bool full;         /* the peer reads nothing: writes are refused */
    unsigned opened;   /* connections so far */
    char *unread;
    size_t unread_len;
    char *written; /* what the adapter sent on this connection */
    size_t written_len;
    struct replay_timer *timers;
    struct seen *events;
    size_t n_events, cap_events;
    enum steward_source_state state;
    uint32_t can;
    char error[512], log[8192];
    size_t warnings;
    char alive[64][132];
    size_t n_alive;
    unsigned resyncs;
    uint64_t done_token;
    bool done_ok;
    char done_code[64], done_text[256];
    bool verbose;
};

/** Start the plugin with this configuration (JSON text) on a frozen clock. */
void replay_start(struct replay *r, const struct steward_plugin *plugin, const char *conf,
                  int64_t now);
void replay_stop(struct replay *r);
/** Bytes of the peer. */
void replay_feed(struct replay *r, const char *data, size_t len);
/** The peer closes. */
void replay_eof(struct replay *r, const char *why);
/** Let time pass; timers that come due run in their order. */
void replay_until(struct replay *r, int64_t now);
void replay_forget(struct replay *r);

enum replay_split { SPLIT_AS_READ, SPLIT_BYTES, SPLIT_RANDOM };

/** Where a recording lies and how its times are written. */
struct recording {
    char *data;
    size_t len;
    struct {
        int64_t at_ms;
        size_t offset;
    } * chunks;
    size_t n_chunks;
};

/** Read NAME (or NAME.gz) and its chunk times; ms: times are milliseconds, else seconds. */
void recording_read(struct recording *rec, const char *path, const char *times, bool ms);
void recording_free(struct recording *rec);
/** Feed it, the clock at base + its own times. */
void recording_play(struct replay *r, const struct recording *rec, int64_t base,
                    enum replay_split split, unsigned seed);
/** One line of an event, for a person. */
const char *seen_text(const struct seen *s, int64_t base, char *out, size_t cap);
