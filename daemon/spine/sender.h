/*
 * sender.h - HTTP requests to the world, carried by curl in a thread of its own: a name look-up, a
 * handshake or a slow server never touches the loop.
 *
 * HTTP/1.1 without redirects, proxies, cookies or compression; at most 64 KiB of an answer are
 * kept. Without allow_private only https:// to public addresses is permitted, checked on the
 * address that is really connected to (so that no name can lead inside). All calls on the loop's
 * thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <steward/plugin.h>
#include "base/loop.h"

struct sender;

#define SENDER_BODY_MAX 65536

/** What came of a request. Lives during the callback. status 0: no answer, error says why. */
struct sender_answer {
    int status;
    const char *body; /* NUL-terminated, cut at SENDER_BODY_MAX */
    size_t body_len;
    const char *error; /* NULL if there was an answer */
    int64_t retry_after_ms;
    int64_t took_us;
};

/** Exactly once a request, on the loop's thread. */
typedef void sender_cb(void *arg, const struct sender_answer *answer);

/** Starts the thread; answers come on loop. */
struct sender *sender_new(struct loop *loop);
/** Queue a request; everything is copied. The caller bounds how many there are. */
void sender_submit(struct sender *s, const struct steward_request *req, sender_cb *cb, void *arg);
/** Requests whose callback has not come yet. */
size_t sender_pending(const struct sender *s);
/**
 * Waits up to grace_ms for what is on its way, breaks off the rest, delivers every callback on
 * this thread and ends. NULL is allowed.
 */
void sender_free(struct sender **s, int64_t grace_ms);
