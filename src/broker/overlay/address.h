/* The address that others reach this node at. */
#ifndef BROKER_OVERLAY_ADDRESS_H
#define BROKER_OVERLAY_ADDRESS_H

#include <flux/types.h>
#include <stdbool.h>
#include <stddef.h>

#define ADDRESS_SIZE 72 /* an IPv6 address, its zone and brackets */

/* The hint that the environment gives: FLUX_IPADDR_INTERFACE, or "hostname" for
 * FLUX_IPADDR_HOSTNAME, or NULL. */
const char *address_hint (void);
/* True if FLUX_IPADDR_V6 is set. */
bool address_prefers_v6 (void);
/* hint: "default-route" (or NULL: the interface that leads to everywhere, else the first one
 * that is up, else loopback), "hostname" (what this host's name means, unless that is
 * loopback), a network (10.0.0.0/8, of IPv4), or the name of an interface. v6: an IPv6
 * address, in brackets, where there is one that reaches further than the link. -1 with
 * EINVAL, or the errno of the kernel, and *error. */
int address_find (const char *hint, bool v6, char buf[ADDRESS_SIZE],
                  flux_error_t *error);

#endif
