/* Happy path: hosts are expanded, each with its own addresses or the default ones.
 *
 * Failures: one line that names the key and what was expected; nothing is guessed. */
#include "broker/boot/bootstrap.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/json/keys.h"

static int nomem (flux_error_t *error)
{
    error_invalid (error, "out of memory");
    errno = ENOMEM;
    return -1;
}

/* %h and %p; new. NULL with *error. */
static char *substitute (const char *uri, const char *host, int port,
                         flux_error_t *error)
{
    struct buf b = BUF_INIT;

    for (; *uri; uri++) {
        if (uri[0] != '%')
            buf_add (&b, uri, 1);
        else if (*++uri == 'h')
            buf_adds (&b, host);
        else if (*uri == 'p' && port > 0)
            buf_printf (&b, "%d", port);
        else {
            buf_fini (&b);
            error_invalid (error,
                           *uri == 'p'
                               ? "bootstrap: %%p needs a default_port"
                               : "bootstrap: addresses have %%h and %%p, not %%%c",
                           *uri ? *uri : ' ');
            return NULL;
        }
    }
    if (b.err) {
        buf_fini (&b);
        nomem (error);
        return NULL;
    }
    return buf_take (&b, NULL);
}

/* tcp:// with a port, or ipc://. */
static int check_uri (const char *key, const char *uri, flux_error_t *error)
{
    const char *colon = strrchr (uri, ':');
    char *end;
    long port;

    if (strncmp (uri, "ipc:///", 7) == 0)
        return 0;
    if (strncmp (uri, "tcp://", 6) != 0 || colon < uri + 7)
        return error_invalid (error, "bootstrap.%s: '%.80s' is not tcp://ADDRESS:PORT",
                              key, uri);
    port = strtol (colon + 1, &end, 10);
    if (end == colon + 1 || *end != '\0' || port < 1 || port > 65535)
        return error_invalid (
            error, "bootstrap.%s: '%.80s' has no port from 1 to 65535", key, uri);
    return 0;
}

struct defaults {
    int port;
    const char *bind, *connect;
};

static int set_address (char **address, const char *key, const char *uri,
                        const char *host, int port, flux_error_t *error)
{
    if (!uri)
        return 0;
    if (!(*address = substitute (uri, host, port, error)))
        return -1;
    return check_uri (key, *address, error);
}

/* What one entry says of its hosts; NULL: nothing. */
struct entry {
    const char *bind, *connect, *parent;
};

/* One host, which gets the next rank. */
static int add_host (struct bootstrap *bs, const char *host, const struct entry *entry,
                     const struct defaults *dflt, flux_error_t *error)
{
    int rank = hostlist_count (bs->hosts);
    struct bootstrap_host *all, *e;

    if (hostlist_find (bs->hosts, host) >= 0)
        return error_invalid (error, "bootstrap.hosts: %s is listed twice", host);
    if (!(all = realloc (bs->entries, (rank + 1) * sizeof (*all)))
        || hostlist_append (bs->hosts, host) < 0) {
        bs->entries = all ? all : bs->entries;
        return nomem (error);
    }
    bs->entries = all;
    e = &all[rank];
    memset (e, 0, sizeof (*e));
    if (entry->parent && !(e->parent = strdup (entry->parent)))
        return nomem (error);
    if (set_address (&e->bind, "bind", entry->bind ? entry->bind : dflt->bind, host,
                     dflt->port, error)
            < 0
        || set_address (&e->connect, "connect",
                        entry->connect ? entry->connect : dflt->connect, host,
                        dflt->port, error)
               < 0)
        return -1;
    return 0;
}

/* A parent may come later in the list than its children. */
static int find_parents (struct bootstrap *bs, flux_error_t *error)
{
    int size = hostlist_count (bs->hosts);

    if (size > 0 && !(bs->parents = calloc (size, sizeof (bs->parents[0]))))
        return nomem (error);
    for (int rank = 0; rank < size; rank++) {
        const char *name = bs->entries[rank].parent;

        if (!name)
            continue;
        bs->custom = true;
        if (rank == 0)
            return error_invalid (error,
                                  "bootstrap.hosts: %.80s is rank 0 and has no parent",
                                  hostlist_nth (bs->hosts, rank));
        if ((bs->parents[rank] = hostlist_find (bs->hosts, name)) < 0)
            return error_invalid (error,
                                  "bootstrap.hosts: %.80s: parent %.80s is not listed",
                                  hostlist_nth (bs->hosts, rank), name);
    }
    return 0;
}

static int add_entry (struct bootstrap *bs, json_t *o, const struct defaults *dflt,
                      flux_error_t *error)
{
    struct entry entry = { 0 };
    const char *names;
    struct hostlist *hosts;
    json_error_t jerror;
    int rc = 0;

    if (json_unpack_ex (o, &jerror, JSON_STRICT, "{s:s s?s s?s s?s}", "host", &names,
                        "bind", &entry.bind, "connect", &entry.connect, "parent",
                        &entry.parent)
        < 0)
        return error_invalid (error, "bootstrap.hosts[%d]: %s",
                              hostlist_count (bs->hosts), jerror.text);
    if (!(hosts = hostlist_decode (names)) || hostlist_count (hosts) == 0) {
        hostlist_destroy (hosts);
        return error_invalid (error, "bootstrap.hosts: '%.80s' is not a list of hosts",
                              names);
    }
    if (entry.bind && entry.connect && hostlist_count (hosts) > 1
        && !strstr (entry.connect, "%h"))
        rc = error_invalid (
            error, "bootstrap.hosts: %.80s: all of them have one address", names);
    for (int i = 0; rc == 0 && i < hostlist_count (hosts); i++)
        rc = add_host (bs, hostlist_nth (hosts, i), &entry, dflt, error);
    hostlist_destroy (hosts);
    return rc;
}

static int add_hosts (struct bootstrap *bs, json_t *hosts, const struct defaults *dflt,
                      flux_error_t *error)
{
    json_t *o;
    size_t i;

    json_array_foreach (hosts, i, o) {
        if (add_entry (bs, o, dflt, error) < 0)
            return -1;
    }
    return find_parents (bs, error);
}

static const struct json_key keys[] = {
    { "curve_cert", JSON_KIND_STRING },
    { "default_bind", JSON_KIND_STRING },
    { "default_connect", JSON_KIND_STRING },
    { "default_port", JSON_KIND_INTEGER },
    { "enable_ipv6", JSON_KIND_BOOLEAN },
    { "hosts", JSON_KIND_ARRAY },
    { NULL },
};

static int decode (struct bootstrap *bs, json_t *table, flux_error_t *error)
{
    struct defaults dflt = { 0 };
    const char *cert = NULL;
    json_t *hosts = NULL;
    json_int_t port = 0;
    int ipv6 = 0;

    if (json_check_keys (table, "bootstrap", keys, error) < 0)
        return -1;
    if (json_unpack (table, "{s?b s?s s?I s?s s?s s?o}", "enable_ipv6", &ipv6,
                     "curve_cert", &cert, "default_port", &port, "default_bind",
                     &dflt.bind, "default_connect", &dflt.connect, "hosts", &hosts)
        < 0)
        return nomem (error);
    if (json_object_get (table, "default_port") && (port < 1 || port > 65535))
        return error_invalid (error,
                              "bootstrap.default_port: %lld is not from 1 to 65535",
                              (long long)port);
    dflt.port = port;
    bs->enable_ipv6 = ipv6;
    if (!(bs->hosts = hostlist_create ())
        || (cert && !(bs->curve_cert = strdup (cert))))
        return nomem (error);
    return add_hosts (bs, hosts, &dflt, error);
}

struct bootstrap *bootstrap_decode (json_t *table, flux_error_t *error)
{
    struct bootstrap *bs = calloc (1, sizeof (*bs));

    if (!bs) {
        nomem (error);
        return NULL;
    }
    if (decode (bs, table, error) < 0) {
        bootstrap_destroy (bs);
        return NULL;
    }
    return bs;
}

void bootstrap_destroy (struct bootstrap *bs)
{
    int saved_errno = errno;

    if (!bs)
        return;
    for (int i = 0; bs->entries && i < hostlist_count (bs->hosts); i++) {
        free (bs->entries[i].bind);
        free (bs->entries[i].connect);
        free (bs->entries[i].parent);
    }
    free (bs->entries);
    free (bs->parents);
    hostlist_destroy (bs->hosts);
    free (bs->curve_cert);
    free (bs);
    errno = saved_errno;
}

int bootstrap_size (const struct bootstrap *bs)
{
    return bs->entries ? hostlist_count (bs->hosts) : 1;
}

int bootstrap_rank (const struct bootstrap *bs, const char *hostname)
{
    char first[256];
    int rank;

    if (!bs->entries)
        return 0;
    if ((rank = hostlist_find (bs->hosts, hostname)) >= 0)
        return rank;
    snprintf (first, sizeof (first), "%.*s", (int)strcspn (hostname, "."), hostname);
    return hostlist_find (bs->hosts, first);
}
