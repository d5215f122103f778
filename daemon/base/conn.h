/*
 * conn.h - stream connections over libevent bufferevents, plain or TLS, reduced to a few events.
 *
 * A conn reads lines (CONN_LINE for each, without its "\n" or "\r\n") or raw bytes (CONN_DATA).
 * Output is bounded: past `out_max` the connection reports CONN_SLOW once and drops what is
 * written after. What is written during one turn of the loop leaves together at its end. Being
 * connected (with TLS: shaken hands) takes at most 10 s. All calls on the loop's thread.
 * conn_free() may be called inside a callback: the object dies after the present turn and says
 * nothing more.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include "base/err.h"
#include "base/loop.h"

struct conn;
struct listener;
struct tls;

enum conn_event {
    CONN_UP,      /* connected, TLS done */
    CONN_LINE,    /* data/len: one line; the view lives during the callback, NUL-terminated */
    CONN_DATA,    /* data/len: bytes; answer by returning how many were used (raw mode) */
    CONN_LONG,    /* a line over line_max; nothing more is read */
    CONN_DRAINED, /* all that was written is with the kernel */
    CONN_SLOW,    /* output passed out_max; said once, and nothing more is taken */
    CONN_IDLE,    /* nothing was read for idle_ms */
    CONN_DOWN,    /* closed by the peer or by an error; data is the reason as text */
};

/** Returns the number of bytes used for CONN_DATA; ignored for other events. */
typedef size_t conn_cb(struct conn *c, enum conn_event ev, const char *data, size_t len, void *arg);

struct conn_opts {
    bool raw;             /* CONN_DATA instead of CONN_LINE */
    size_t line_max;      /* lines longer than this are CONN_LONG (default 65536) */
    size_t in_max;        /* raw mode: most unread bytes kept (default 1 MiB) */
    size_t out_max;       /* default 1 MiB */
    int64_t idle_ms;      /* 0: never */
    struct tls *tls;      /* NULL: plain. Not owned */
    const char *tls_name; /* client: name to check and send as SNI; NULL checks nothing */
};

/** Wrap an accepted descriptor (owned from now on; closed on failure). */
struct conn *conn_accept(struct loop *loop, evutil_socket_t fd, const struct conn_opts *opts,
                         conn_cb *cb, void *arg);
/** Connect to host (name or address; resolved without blocking) and port. CONN_UP or CONN_DOWN
 * follows. */
struct conn *conn_connect(struct loop *loop, const char *host, uint16_t port,
                          const struct conn_opts *opts, conn_cb *cb, void *arg);
/** Queue bytes; they are copied. */
void conn_write(struct conn *c, const void *data, size_t len);
/** Bytes not yet taken by the kernel. */
size_t conn_pending(const struct conn *c);
/** Stop or go on reading (back-pressure: TCP holds the peer). Lines already buffered wait too. */
void conn_pause(struct conn *c, bool paused);
/**
 * Write what is pending, then close and free; given up after 5 s without a byte taken, or 30 s in
 * all. Nothing is reported any more. What the peer still sends is thrown away for a moment, so that
 * a reset does not eat our last words.
 */
void conn_finish(struct conn **c);
/** The same after these last words, which are taken even past out_max. */
void conn_finish_with(struct conn **c, const void *data, size_t len);
/** For one of many that must go at once: offers these last words to the kernel if nothing else
 * waits (over TLS: not at all), then closes and frees without waiting for the peer. */
void conn_free_with(struct conn **c, const void *data, size_t len);
/** Close and free now (deferred within a callback). NULL is allowed. */
void conn_free(struct conn **c);
/** "127.0.0.1:41234" of the peer. */
const char *conn_peer(const struct conn *c);
void conn_set_idle(struct conn *c, int64_t idle_ms);
void conn_set_out_max(struct conn *c, size_t out_max);

typedef void listener_cb(evutil_socket_t fd, const struct sockaddr *from, int fromlen, void *arg);
/**
 * Listen on "127.0.0.1:7070", "[::1]:7070", ":7070" or a path with a '/' (Unix socket, mode 0600,
 * a dead one is replaced). Accepting pauses for a second when descriptors run out. The callback
 * owns the descriptor it is given (non-blocking). cb NULL: only bind and listen; somebody else
 * accepts on listener_fd().
 */
struct listener *listener_new(struct loop *loop, const char *address, listener_cb *cb, void *arg,
                              struct errmsg *why);
void listener_free(struct listener **l);
evutil_socket_t listener_fd(const struct listener *l);
/** The port bound (useful with port 0); 0 for a Unix socket. */
uint16_t listener_port(const struct listener *l);

/** Server certificate chain and key (PEM files), TLS 1.2 and up. */
struct tls *tls_server(const char *certificate, const char *key, struct errmsg *why);
/** Client; ca NULL: the system's CAs. verify false accepts any certificate (tests, private PBX). */
struct tls *tls_client(const char *ca, bool verify, struct errmsg *why);
void tls_free(struct tls **t);
struct ssl_ctx_st *tls_ctx(struct tls *t);
