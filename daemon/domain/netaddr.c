/*
 * netaddr.c - the networks that are not public.
 */
#include "domain/netaddr.h"

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"

/* IANA IPv4 Special-Purpose Address Registry, and multicast; host byte order. */
static const struct {
    uint32_t net;
    int bits;
} closed4[] = {
    {0x00000000, 8},  /* this network */
    {0x0a000000, 8},  /* private */
    {0x64400000, 10}, /* shared by carriers; some clouds' metadata */
    {0x7f000000, 8},  /* loopback */
    {0xa9fe0000, 16}, /* link-local; metadata */
    {0xac100000, 12}, /* private */
    {0xc0000000, 24}, /* protocol assignments */
    {0xc0000200, 24}, /* documentation */
    {0xc0586300, 24}, /* 6to4 relay */
    {0xc0a80000, 16}, /* private */
    {0xc6120000, 15}, /* benchmarks */
    {0xc6336400, 24}, /* documentation */
    {0xcb007100, 24}, /* documentation */
    {0xe0000000, 3},  /* multicast, reserved, broadcast */
};

/* inner: where an IPv4 address stands within, or -1. */
static const struct {
    uint8_t net[16];
    int bits, inner;
} special6[] = {
    {{[10] = 0xff, [11] = 0xff}, 96, 12},           /* IPv4-mapped */
    {{0}, 96, -1},                                  /* ::, ::1, IPv4-compatible */
    {{0x00, 0x64, 0xff, 0x9b}, 96, 12},             /* NAT64 */
    {{0x00, 0x64, 0xff, 0x9b, 0x00, 0x01}, 48, -1}, /* local NAT64 */
    {{0x01}, 64, -1},                               /* discard */
    {{0x20, 0x01}, 23, -1},                         /* protocol assignments, Teredo */
    {{0x20, 0x01, 0x0d, 0xb8}, 32, -1},             /* documentation */
    {{0x20, 0x02}, 16, 2},                          /* 6to4 */
    {{0x3f, 0xff}, 20, -1},                         /* documentation */
    {{0x5f}, 16, -1},                               /* segment routing */
    {{0xfc}, 7, -1},                                /* unique local */
    {{0xfe, 0x80}, 10, -1},                         /* link-local */
    {{0xfe, 0xc0}, 10, -1},                         /* site-local */
    {{0xff}, 8, -1},                                /* multicast */
};

static bool public4(uint32_t a)
{
    for (size_t i = 0; i < ARRAY_LEN(closed4); i++)
        if ((a ^ closed4[i].net) >> (32 - closed4[i].bits) == 0)
            return false;
    return true;
}

static bool within6(const uint8_t *a, const uint8_t *net, int bits)
{
    int whole = bits / 8, rest = bits % 8;
    if (memcmp(a, net, (size_t)whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ net[whole]) >> (8 - rest) == 0;
}

static uint32_t inner4(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool public6(const uint8_t *a)
{
    for (size_t i = 0; i < ARRAY_LEN(special6); i++)
        if (within6(a, special6[i].net, special6[i].bits))
            return special6[i].inner >= 0 && public4(inner4(a + special6[i].inner));
    return true;
}

bool netaddr_is_public(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET)
        return public4(ntohl(((const struct sockaddr_in *)(const void *)sa)->sin_addr.s_addr));
    if (sa->sa_family == AF_INET6)
        return public6(((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr.s6_addr);
    return false;
}

bool netaddr_name_is_public(const char *host)
{
    static const char *const tails[] = {"localhost", ".localhost", ".local", ".internal"};
    size_t len = strlen(host);
    if (len > 0 && host[len - 1] == '.')
        len--;
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        size_t n = strlen(tails[i]);
        bool whole = tails[i][0] != '.';
        if ((whole ? len == n : len > n) && strncasecmp(host + len - n, tails[i], n) == 0)
            return false;
    }
    return len > 0;
}
