#include "broker/overlay/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"

/* Which address of an interface will do. */
struct wanted {
    const char *name;         /* of the interface; NULL: any but loopback */
    struct in_addr net, mask; /* mask not 0: only within this network */
};

const char *address_hint (void)
{
    const char *s = getenv ("FLUX_IPADDR_INTERFACE");

    if (s && *s)
        return s;
    return getenv ("FLUX_IPADDR_HOSTNAME") ? "hostname" : NULL;
}

bool address_prefers_v6 (void)
{
    return getenv ("FLUX_IPADDR_V6") != NULL;
}

static void print_address (const struct sockaddr *sa, char *buf)
{
    char text[INET6_ADDRSTRLEN] = "";

    if (sa->sa_family == AF_INET6) {
        (void)inet_ntop (AF_INET6, &((const struct sockaddr_in6 *)sa)->sin6_addr, text,
                         sizeof (text));
        snprintf (buf, ADDRESS_SIZE, "[%s]", text);
    } else
        (void)inet_ntop (AF_INET, &((const struct sockaddr_in *)sa)->sin_addr, buf,
                         ADDRESS_SIZE);
}

static bool is_far (const struct sockaddr *sa)
{
    const struct in6_addr *a = &((const struct sockaddr_in6 *)sa)->sin6_addr;

    return sa->sa_family == AF_INET || !IN6_IS_ADDR_LINKLOCAL (a);
}

static bool fits (const struct ifaddrs *ifa, const struct wanted *w, int family)
{
    const struct sockaddr_in *sin = (const struct sockaddr_in *)ifa->ifa_addr;

    if (!sin || ifa->ifa_addr->sa_family != family || !(ifa->ifa_flags & IFF_UP)
        || !is_far (ifa->ifa_addr))
        return false;
    if (w->mask.s_addr)
        return (sin->sin_addr.s_addr & w->mask.s_addr) == w->net.s_addr;
    return w->name ? strcmp (ifa->ifa_name, w->name) == 0
                   : !(ifa->ifa_flags & IFF_LOOPBACK);
}

static bool search (const struct ifaddrs *list, const struct wanted *w, bool v6,
                    char *buf)
{
    for (; list; list = list->ifa_next) {
        if (fits (list, w, v6 ? AF_INET6 : AF_INET)) {
            print_address (list->ifa_addr, buf);
            return true;
        }
    }
    return false;
}

static bool prefer (const struct ifaddrs *list, const struct wanted *w, bool v6,
                    char *buf)
{
    return (v6 && search (list, w, true, buf)) || search (list, w, false, buf);
}

/* The interface of the default route, "" if there is none. */
static void default_interface (char name[IF_NAMESIZE])
{
    FILE *f = fopen ("/proc/net/route", "re");
    char line[256], found[32];
    unsigned int dest, mask;

    name[0] = '\0';
    while (f && !name[0] && fgets (line, sizeof (line), f)) {
        if (sscanf (line, "%31s %x %*x %*x %*d %*d %*d %x", found, &dest, &mask) == 3
            && dest == 0 && mask == 0)
            snprintf (name, IF_NAMESIZE, "%.*s", IF_NAMESIZE - 1, found);
    }
    if (f)
        fclose (f);
}

static void default_address (const struct ifaddrs *list, bool v6, char *buf)
{
    char name[IF_NAMESIZE];

    default_interface (name);
    if (name[0] && prefer (list, &(struct wanted){ .name = name }, v6, buf))
        return;
    if (!prefer (list, &(struct wanted){ 0 }, v6, buf))
        snprintf (buf, ADDRESS_SIZE, "127.0.0.1"); /* better than nothing */
}

static bool is_loopback (const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK (&((const struct sockaddr_in6 *)sa)->sin6_addr);
    return ntohl (((const struct sockaddr_in *)sa)->sin_addr.s_addr) >> 24 == 127;
}

static bool of_hostname (bool v6, char *buf)
{
    struct addrinfo hints = { .ai_family = v6 ? AF_INET6 : AF_INET,
                              .ai_socktype = SOCK_STREAM };
    struct addrinfo *list = NULL;
    char host[256];
    bool found = false;

    if (gethostname (host, sizeof (host)) < 0
        || getaddrinfo (host, NULL, &hints, &list) != 0)
        return false;
    for (struct addrinfo *ai = list; ai && !found; ai = ai->ai_next) {
        found = !is_loopback (ai->ai_addr) && is_far (ai->ai_addr);
        if (found)
            print_address (ai->ai_addr, buf);
    }
    freeaddrinfo (list);
    return found;
}

/* "10.0.0.0/8". False: it is none. */
static bool parse_network (const char *s, struct wanted *w)
{
    const char *slash = strchr (s, '/');
    char text[INET_ADDRSTRLEN], *end;
    long bits = slash ? strtol (slash + 1, &end, 10) : -1;

    if (bits < 1 || bits > 32 || *end || (size_t)(slash - s) >= sizeof (text))
        return false;
    memcpy (text, s, slash - s);
    text[slash - s] = '\0';
    if (inet_pton (AF_INET, text, &w->net) != 1)
        return false;
    w->mask.s_addr = htonl (0xffffffffU << (32 - bits));
    w->net.s_addr &= w->mask.s_addr;
    return true;
}

static int named_address (const struct ifaddrs *list, const char *hint, bool v6,
                          char *buf, flux_error_t *error)
{
    struct wanted w = { .name = hint };

    if (strchr (hint, '/') && !parse_network (hint, &w))
        return error_invalid (error,
                              "tbon.interface-hint: '%.60s' is no network as in "
                              "10.0.0.0/8",
                              hint);
    if (w.mask.s_addr ? search (list, &w, false, buf) : prefer (list, &w, v6, buf))
        return 0;
    return error_invalid (error,
                          w.mask.s_addr
                              ? "tbon.interface-hint: no interface within '%.60s'"
                              : "tbon.interface-hint: no interface '%.60s' with an "
                                "IPv4 address",
                          hint);
}

int address_find (const char *hint, bool v6, char buf[ADDRESS_SIZE],
                  flux_error_t *error)
{
    struct ifaddrs *list = NULL;
    int rc = 0;

    if (getifaddrs (&list) < 0)
        return error_fail (error, errno, "overlay: interfaces: %s", strerror (errno));
    if (!hint || strcmp (hint, "default-route") == 0)
        default_address (list, v6, buf);
    else if (strcmp (hint, "hostname") != 0)
        rc = named_address (list, hint, v6, buf, error);
    else if (!(v6 && of_hostname (true, buf)) && !of_hostname (false, buf))
        default_address (list, v6, buf);
    freeifaddrs (list);
    return rc;
}
