/*
 * call_control.h - dial, answer, hang up, transfer: what people ask of a call or a device, carried
 * out by the adapter of its source. Loop thread only.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct calls;

struct call_control_request {
    const char *action; /* dial, answer, hangup, hold, retrieve, transfer, park, ready, not_ready */
    const char *device; /* who acts: "1001" or "pbx-a/1001" */
    const char *source; /* NULL: from the device or the call */
    const char *call; /* the PBX's name of the call; NULL: call_id, or the device's present call */
    int64_t call_id;  /* or our number of it */
    const char *number; /* dial */
    const char *to;     /* transfer */
    const char *kind;   /* transfer: "blind" (default) or "attended" */
    const char *reason; /* not_ready */
    bool implied; /* device is where the asker stands, not what he named: used if it has a part */
    bool own;     /* only a call in which the device has a part; else `forbidden` */
};

/** ok, or a code (`not_supported`, `no_such_call`, `forbidden`, `bad_number`, `bad_request`,
 * `source_down`, `failed`, `timeout`) and text for a person. Live during the call. */
typedef void call_control_cb(void *ctx, bool ok, const char *code, const char *message);

/** Carry out; cb exactly once, never before this returns, after 15 s at the latest (`timeout`).
 * Returns a number for call_control_forget(). */
uint64_t call_control_do(struct calls *t, const struct call_control_request *req,
                         call_control_cb *cb, void *ctx);
/** The asker is gone: its cb is not called. */
void call_control_forget(struct calls *t, uint64_t id);
/** From adapters; a token that is not waiting any more is ignored. */
void call_control_done(struct calls *t, uint64_t token, bool ok, const char *code,
                       const char *text);
