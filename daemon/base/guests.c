/*
 * guests.c - two lists for each guest, oldest first: all of them, and those of its address.
 */
#include "base/guests.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#include "base/mem.h"
#include "base/text.h"

struct guest_address {
    char key[64];
    struct guest *there;
    size_t n, bytes;
    UT_hash_handle hh;
};

struct guests {
    struct guests_opts opts;
    struct guest *all;
    size_t n, bytes;
    struct guest_address *addresses;
};

struct guests *guests_new(const struct guests_opts *opts)
{
    struct guests *g = xcalloc(1, sizeof(*g));
    g->opts = *opts;
    return g;
}

void guests_free(struct guests **g)
{
    free(*g);
    *g = NULL;
}

/* The peer without its port; of IPv6 the network that one host can choose its addresses in. */
static void address_key(const char *peer, char key[64])
{
    struct in6_addr v6;
    const char *colon = strrchr(peer, ':');
    text_copyn(key, 64, peer, colon ? (size_t)(colon - peer) : strlen(peer));
    size_t n = strlen(key);
    if (n < 2 || key[0] != '[' || key[n - 1] != ']')
        return;
    key[n - 1] = '\0';
    if (inet_pton(AF_INET6, key + 1, &v6) != 1)
        return;
    if (IN6_IS_ADDR_V4MAPPED(&v6))
        inet_ntop(AF_INET, &v6.s6_addr[12], key, 64);
    else
        snprintf(key, 64, "%02x%02x%02x%02x%02x%02x%02x%02x::", v6.s6_addr[0], v6.s6_addr[1],
                 v6.s6_addr[2], v6.s6_addr[3], v6.s6_addr[4], v6.s6_addr[5], v6.s6_addr[6],
                 v6.s6_addr[7]);
}

static struct guest_address *address_of(struct guests *g, const char *peer)
{
    char key[64];
    struct guest_address *a;
    address_key(peer, key);
    HASH_FIND_STR(g->addresses, key, a);
    if (a)
        return a;
    a = xcalloc(1, sizeof(*a));
    text_copy(a->key, sizeof(a->key), key);
    HASH_ADD_STR(g->addresses, key, a);
    return a;
}

void guest_enter(struct guests *g, struct guest *guest, const char *peer, void *owner)
{
    struct guest_address *a = address_of(g, peer);
    *guest = (struct guest){.of = g, .address = a, .owner = owner};
    DL_APPEND(g->all, guest);
    DL_APPEND2(a->there, guest, prev_there, next_there);
    g->n++;
    a->n++;
    if (a->n > g->opts.max_of_one)
        g->opts.evict(a->there->owner);
    else if (g->n > g->opts.max)
        g->opts.evict(g->all->owner);
}

void guest_let_go(struct guest *guest)
{
    if (!guest->of)
        return;
    guest->of->bytes -= guest->held;
    guest->address->bytes -= guest->held;
    guest->held = 0;
}

void guest_leave(struct guest *guest)
{
    struct guests *g = guest->of;
    struct guest_address *a = guest->address;
    if (!g)
        return;
    guest_let_go(guest);
    DL_DELETE(g->all, guest);
    DL_DELETE2(a->there, guest, prev_there, next_there);
    g->n--;
    guest->of = NULL;
    guest->address = NULL;
    if (--a->n > 0)
        return;
    HASH_DEL(g->addresses, a);
    free(a);
}

/* The oldest other guest that holds bytes; there: of the same address alone. */
static struct guest *oldest_holder(const struct guest *guest, bool there)
{
    struct guest *other;
    if (there) {
        DL_FOREACH2 (guest->address->there, other, next_there)
            if (other != guest && other->held)
                return other;
        return NULL;
    }
    DL_FOREACH (guest->of->all, other)
        if (other != guest && other->held)
            return other;
    return NULL;
}

bool guest_hold(struct guest *guest, size_t bytes)
{
    struct guests *g = guest->of;
    struct guest *other;
    if (!g)
        return true;
    if (guest->held + bytes > g->opts.bytes_of_one || guest->held + bytes > g->opts.bytes)
        return false;
    while (guest->address->bytes + bytes > g->opts.bytes_of_one) {
        other = oldest_holder(guest, true);
        g->opts.evict(other->owner);
    }
    while (g->bytes + bytes > g->opts.bytes) {
        other = oldest_holder(guest, false);
        g->opts.evict(other->owner);
    }
    guest->held += bytes;
    guest->address->bytes += bytes;
    g->bytes += bytes;
    return true;
}

size_t guests_count(const struct guests *g)
{
    return g->n;
}

size_t guests_bytes(const struct guests *g)
{
    return g->bytes;
}
