/*
 * netaddr.h - may a request of ours go to this address: the list of webhooks that a user of the
 * configuration must not be able to point into the site's own network (SSRF).
 */
#pragma once
#include <stdbool.h>
#include <sys/socket.h>

/**
 * True for addresses of the public Internet. Loopback, private, link-local, shared, documentation,
 * multicast and reserved networks (IANA's special-purpose registries) are not; of IPv6 forms that
 * carry an IPv4 address (mapped, NAT64, 6to4) the inner one is judged too.
 */
bool netaddr_is_public(const struct sockaddr *sa);
/** False for host names that can only be inner ones: localhost, *.local, *.internal, *.localhost.
 */
bool netaddr_name_is_public(const char *host);
