/*
 * guests.h - connections that have not proven yet who they are, and how many of them, and of how
 * many bytes, a door bears: in all, and from one address.
 *
 * A guest enters when it is accepted and leaves once it is known, or gone. Nobody is refused for
 * being one too many: the oldest guest makes room, of the same address if that has more than its
 * share. So whoever proves itself at once is let in however many others say nothing. Loop thread
 * only; the structs are the caller's.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

struct guests;
struct guest_address;

struct guests_opts {
    size_t max, max_of_one;     /* guests: in all, and from one address */
    size_t bytes, bytes_of_one; /* what they may hold with guest_hold(): in all, from one address */
    /** Close this guest: by the time it returns guest_leave() was called for it. */
    void (*evict)(void *owner);
};

/** One connection; zeroed at first. */
struct guest {
    struct guests *of; /* NULL: none of them */
    struct guest_address *address;
    void *owner;
    size_t held; /* bytes */
    struct guest *prev, *next, *prev_there, *next_there;
};

/** The options are copied. */
struct guests *guests_new(const struct guests_opts *opts);
/** Every guest must have left. */
void guests_free(struct guests **g);
/** peer: "192.0.2.1:4711" or "[2001:db8::1]:4711", as conn_peer() has it. Of an IPv6 address the
 * first 64 bits count, which one host has for itself. May evict another guest. */
void guest_enter(struct guests *g, struct guest *guest, const char *peer, void *owner);
/** Known, or gone; what it held is given back. Not one of them: does nothing. */
void guest_leave(struct guest *guest);
/** Counts so many bytes more for it; others that hold some make room, the oldest first. False: one
 * address may not have so many, however old the others are. Not a guest: true. */
bool guest_hold(struct guest *guest, size_t bytes);
/** Gives back all that it holds. */
void guest_let_go(struct guest *guest);
size_t guests_count(const struct guests *g);
size_t guests_bytes(const struct guests *g);
