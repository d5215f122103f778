/*
 * test_netaddr.c - addresses that webhooks may not be pointed at.
 */
#include "unit.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "domain/netaddr.h"

static const struct {
    const char *text;
    bool open;
} addresses[] = {
    {"8.8.8.8", true},
    {"1.1.1.1", true},
    {"0.0.0.0", false},
    {"10.1.2.3", false},
    {"100.64.0.1", false},
    {"100.100.100.200", false},
    {"100.128.0.1", true},
    {"127.0.0.1", false},
    {"127.255.255.255", false},
    {"169.254.169.254", false},
    {"172.15.0.1", true},
    {"172.16.0.1", false},
    {"172.31.255.255", false},
    {"172.32.0.1", true},
    {"192.168.1.1", false},
    {"192.0.0.8", false},
    {"192.0.2.1", false},
    {"198.18.0.1", false},
    {"198.51.100.7", false},
    {"203.0.113.9", false},
    {"224.0.0.1", false},
    {"255.255.255.255", false},
    {"::", false},
    {"::1", false},
    {"::ffff:10.0.0.1", false},
    {"::ffff:8.8.8.8", true},
    {"64:ff9b::7f00:1", false},
    {"64:ff9b::808:808", true},
    {"64:ff9b:1::1", false},
    {"2002:7f00:1::", false},
    {"2002:808:808::", true},
    {"2001::1", false},
    {"2001:db8::1", false},
    {"fc00::1", false},
    {"fd12::1", false},
    {"fe80::1", false},
    {"fec0::1", false},
    {"ff02::1", false},
    {"2606:4700::1111", true},
    {"100::1", false},
    {"2400:3200::1", true},
};

static void addresses_are_judged(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(addresses); i++) {
        struct sockaddr_in in = {.sin_family = AF_INET};
        struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
        const struct sockaddr *sa = (const struct sockaddr *)&in;
        if (strchr(addresses[i].text, ':')) {
            assert_int_equal(inet_pton(AF_INET6, addresses[i].text, &in6.sin6_addr), 1);
            sa = (const struct sockaddr *)&in6;
        } else {
            assert_int_equal(inet_pton(AF_INET, addresses[i].text, &in.sin_addr), 1);
        }
        if (netaddr_is_public(sa) != addresses[i].open)
            fail_msg("%s", addresses[i].text);
    }
    assert_false(netaddr_is_public(&(struct sockaddr){.sa_family = AF_UNIX}));
}

static void names_are_judged(void **state)
{
    static const struct {
        const char *host;
        bool open;
    } names[] = {
        {"example.com", true},    {"localhost", false},
        {"LOCALHOST.", false},    {"a.localhost", false},
        {"printer.local", false}, {"db.internal", false},
        {"local", true},          {"", false},
        {"mylocalhost", true},    {"internal.example.com", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (netaddr_name_is_public(names[i].host) != names[i].open)
            fail_msg("%s", names[i].host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_judged),
        cmocka_unit_test(names_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
