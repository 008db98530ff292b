/* A static instance: [bootstrap] tells all brokers who they are and where.
 *
 * Happy path: this host's place in the list is its rank; a broker with children listens at
 * its bind address, and connects to the connect address of its parent, which may come
 * later than it does. All have the certificate, and let in who has it, too.
 *
 * Failures are fatal, with one line that names the key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/attrs.h"
#include "broker/boot/boot.h"
#include "broker/boot/bootstrap.h"
#include "broker/broker.h"
#include "broker/overlay/overlay.h"
#include "broker/routing/topology.h"

/* A single broker uses none, but one that is named has to be there. */
static int check_certificate (const struct bootstrap *bs, flux_error_t *error)
{
    flux_error_t why;
    struct cert cert;
    int rc = bs->curve_cert ? cert_read (&cert, bs->curve_cert, &why) : 0;

    explicit_bzero (&cert, sizeof (cert));
    return rc == 0 ? 0
                   : error_invalid (error, "bootstrap.curve_cert: %.130s", why.text);
}

static int use_certificate (struct broker *b, const struct bootstrap *bs,
                            flux_error_t *error)
{
    flux_error_t why;
    struct cert cert;
    int rc;

    if (!bs->curve_cert)
        return error_invalid (
            error, "bootstrap.curve_cert: must be there if there is more than one "
                   "host (flux keygen makes one)");
    if (cert_read (&cert, bs->curve_cert, &why) < 0)
        return error_invalid (error, "bootstrap.curve_cert: %.130s", why.text);
    rc = overlay_use_keys (b, cert.public_key, cert.secret_key, error);
    explicit_bzero (&cert, sizeof (cert));
    return rc;
}

static int set_addresses (struct broker *b, const struct bootstrap *bs,
                          flux_error_t *error)
{
    const char *host = hostlist_nth (bs->hosts, b->rank), *uri;
    int parent = topology_parent (b->topo, b->rank);

    if (topology_child_count (b->topo, b->rank) > 0) {
        if (!(uri = bs->entries[b->rank].bind))
            return error_invalid (
                error, "bootstrap.hosts: %s has children, and no bind address", host);
        if (overlay_bind_at (b, uri, error) < 0)
            return -1;
    }
    for (; parent >= 0; parent = topology_parent (b->topo, parent)) {
        if (!(uri = bs->entries[parent].connect))
            return error_invalid (
                error, "bootstrap.hosts: %s has children, and no connect address",
                hostlist_nth (bs->hosts, parent));
        if (overlay_add_ancestor_at (b, parent, uri, error) < 0)
            return -1;
        if (!overlay_heals (b))
            break;
    }
    return 0;
}

static int set_hostlist (struct broker *b, const struct bootstrap *bs)
{
    char *s = bs->entries ? hostlist_encode (bs->hosts) : strdup (b->hostname);
    int rc = s ? attrs_put (b->attrs, "hostlist", s, -1) : -1;

    free (s);
    return rc;
}

static int take_place (struct broker *b, const struct bootstrap *bs,
                       flux_error_t *error)
{
    int rank = bootstrap_rank (bs, b->hostname), size = bootstrap_size (bs);
    const char *launched = getenv ("PMI_SIZE");

    /* each of them would be an instance of its own */
    if (!bs->entries && launched && atoi (launched) > 1)
        return error_invalid (
            error,
            "bootstrap.hosts: is missing, and this is one of %s brokers (without "
            "the table [bootstrap] PMI would tell them of each other)",
            launched);

    if (rank < 0)
        return error_invalid (
            error, "bootstrap.hosts: this host, %.100s, is not listed", b->hostname);
    if (boot_set_place (b, rank, size, "config", bs, error) < 0)
        return -1;
    if (attrs_put (b->attrs, "instance-level", "0", -1) < 0
        || attrs_putf (b->attrs, "broker.mapping", -1, "[[0,%d,1,1]]", size) < 0
        || set_hostlist (b, bs) < 0)
        return error_invalid (error, "out of memory");
    if (size == 1)
        return check_certificate (bs, error);
    if (overlay_create (b, error) < 0 || use_certificate (b, bs, error) < 0)
        return -1;
    if (bs->enable_ipv6)
        overlay_enable_ipv6 (b);
    return set_addresses (b, bs, error);
}

int boot_config (struct broker *b, flux_error_t *error)
{
    struct bootstrap *bs = b->bootstrap;
    int rc;

    if (!bs) {
        error_invalid (error, "there is no [bootstrap] in the configuration");
        errno = ENOENT;
        return -1;
    }
    b->bootstrap = NULL;
    if ((rc = take_place (b, bs, error)) < 0 && errno == ENOENT)
        errno = EINVAL; /* not "there is no table" */
    bootstrap_destroy (bs);
    return rc;
}
