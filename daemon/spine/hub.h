/*
 * hub.h - what happens, told to whoever listens: agents' connections, monitors, SSE, plugins.
 *
 * Publishers state whom an event concerns; the hub keeps the last events for Last-Event-ID and
 * hands each to every subscriber that was there when it was published, in the order in which they
 * came. Loop thread only. A subscriber never blocks: it copies or drops.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hub;
struct hub_sub;

enum hub_kind {
    HUB_POP,
    HUB_POP_END,
    HUB_CALL,
    HUB_TICKET,
    HUB_CALLBACK,
    HUB_MESSAGE,
    HUB_ALERT,
    HUB_STATS,
    HUB_KINDS
};

/** "pop", "pop_end", … as on the wire. */
const char *hub_kind_name(enum hub_kind kind);

struct hub_event {
    uint64_t id; /* set by the hub, counting up within one run of the daemon */
    enum hub_kind kind;
    const char *json; /* pop and pop_end: the whole line-protocol object; else the data */
    size_t len;
    const char *source;         /* of calls: the PBX; NULL if none */
    const char *device;         /* whom it concerns: a device … */
    const char *const *devices; /* … and further devices of that source, NULL-terminated; or NULL */
    const char *const *users;   /* … and accounts, NULL-terminated; NULL: nobody in particular */
    const char *department;     /* … and the people of a department */
    bool all_staff;             /* everybody at a desk (alerts, callbacks, stats) */
    /* What it is about, for those who act on it: nobody reads the JSON back. 0: nothing of it. */
    int64_t ticket_id, person_id, incident_id;
    uint64_t topic; /* of a ticket: a digest of what the radar groups by; changes when that does */
};

/** ev and its text live during the call only. */
typedef void hub_cb(void *ctx, const struct hub_event *ev);

/** Keep at most so many events and bytes for replay. */
struct hub *hub_new(size_t keep_events, size_t keep_bytes);
void hub_free(struct hub **h);
/** Hand ev to every subscriber now; sets its id. */
void hub_publish(struct hub *h, const struct hub_event *ev);
/** cb is called for each event published from now on (not for one that is being told), until
 * unsubscribed; it may unsubscribe itself. */
struct hub_sub *hub_subscribe(struct hub *h, hub_cb *cb, void *ctx);
void hub_unsubscribe(struct hub_sub **sub);

/** "k3x9f2-4411": run of the daemon and event. out holds 48 bytes. From the first time that an id
 * is told, events are kept. */
void hub_event_id(struct hub *h, uint64_t id, char out[48]);
/**
 * Replay what came after `last` (such text) through cb; false if it is unknown or too old: the
 * client must be sent `reset`.
 */
bool hub_replay(struct hub *h, const char *last, hub_cb *cb, void *ctx);
uint64_t hub_last_id(const struct hub *h);
