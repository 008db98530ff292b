/* Finding the place of this broker in its instance.
 *
 * A configuration with a table [bootstrap] says it all (boot_config.c).
 *
 * Happy path with PMI (RFC 13): rank, size and the map of nodes; the tree
 * follows from them; bind for the children; put the business card; barrier;
 * get the parent's card. Rank 0 gets all cards, for the list of hosts; the
 * others are told by their parent.
 *
 * Failures are fatal: one line, exit 1. Without PMI: a single broker. */
#include <flux/hostlist.h>
#include <flux/taskmap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/attrs.h"
#include "broker/boot/boot.h"
#include "broker/boot/quorum.h"
#include "broker/broker.h"
#include "broker/overlay/address.h"
#include "broker/overlay/overlay.h"
#include "broker/routing/topology.h"
#include "core/pmi/library.h"

static int set_quorum (struct broker *b, flux_error_t *error)
{
    const char *s = attrs_val (b->attrs, "broker.quorum");

    struct quorum q;

    if (!s)
        return attrs_putf (b->attrs, "broker.quorum", -1, "%d", b->size);
    if (quorum_decode (&q, s, b->size, error) < 0)
        return -1;
    quorum_fini (&q);
    return 0;
}

static int set_critical_ranks (struct broker *b, flux_error_t *error)
{
    const char *given = attrs_val (b->attrs, "broker.critical-ranks");
    struct idset *ids;
    char *s;
    int rc;

    if (given) {
        if (!(ids = idset_decode (given)) || idset_last (ids) >= (unsigned)b->size) {
            /* All brokers see it, one says it. */
            error_text (
                error,
                b->rank == 0 ? "broker.critical-ranks: '%s' is not a set of ranks" : "",
                given);
            idset_destroy (ids);
            return -1;
        }
        idset_destroy (ids);
        return 0;
    }
    ids = topology_internal (b->topo);
    s = ids ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL;
    rc = s ? attrs_put (b->attrs, "broker.critical-ranks", s, -1) : -1;
    free (s);
    idset_destroy (ids);
    return rc;
}

/* Parents that are named stand for tbon.topo=custom, and that for them. It is what a
 * table has if nothing else is asked for. */
static struct topology *make_topology (struct broker *b, const struct bootstrap *bs,
                                       flux_error_t *error)
{
    const char *uri = attrs_val (b->attrs, "tbon.topo");
    bool custom;

    if (!uri) {
        uri = bs ? "custom" : "kary:32";
        if (attrs_put (b->attrs, "tbon.topo", uri, -1) < 0)
            return error_null (error, ENOMEM, "out of memory");
    }
    custom = strcmp (uri, "custom") == 0;
    if (custom && !bs)
        return error_null (error, EINVAL,
                           "tbon.topo: custom needs [bootstrap] in the configuration");
    if (!custom && bs && bs->custom)
        return error_null (error, EINVAL,
                           "bootstrap.hosts: parent is for tbon.topo=custom, not %.80s",
                           uri);
    return custom && bs->parents
               ? topology_create_custom (bs->parents, b->size, error)
               : topology_create (custom ? "kary:0" : uri, b->size, error);
}

int boot_set_place (struct broker *b, int rank, int size, const char *method,
                    const struct bootstrap *bs, flux_error_t *error)
{
    b->rank = rank;
    b->size = size;
    if (!(b->topo = make_topology (b, bs, error)) || set_quorum (b, error) < 0
        || set_critical_ranks (b, error) < 0) {
        if (rank > 0)
            error->text[0] = '\0'; /* all brokers see it, one says it */
        return -1;
    }
    if (attrs_put (b->attrs, "broker.boot-method", method, -1) < 0
        || attrs_putf (b->attrs, "rank", -1, "%d", rank) < 0
        || attrs_putf (b->attrs, "size", -1, "%d", size) < 0
        || attrs_putf (b->attrs, "tbon.level", -1, "%d", topology_level (b->topo, rank))
               < 0
        || attrs_putf (b->attrs, "tbon.maxlevel", -1, "%d", topology_maxlevel (b->topo))
               < 0
        || attrs_putf (b->attrs, "tbon.descendants", -1, "%d",
                       topology_descendants (b->topo, rank))
               < 0) {
        error_text (error, "out of memory");
        return -1;
    }
    return 0;
}

static int boot_single (struct broker *b, flux_error_t *error)
{
    if (boot_set_place (b, 0, 1, "single", NULL, error) < 0)
        return -1;
    attrs_put (b->attrs, "instance-level", "0", -1);
    attrs_put (b->attrs, "broker.mapping", "[[0,1,1,1]]", -1);
    attrs_put (b->attrs, "hostlist", b->hostname, -1);
    return 0;
}

/* ---- PMI ---- */

/* RFC 34 text of the map of brokers to nodes, or NULL. */
static struct taskmap *get_taskmap (struct pmi_client *pmi)
{
    struct taskmap *map = NULL;
    const char *s;

    if ((s = pmi_client_get (pmi, "flux.taskmap", NULL)) && *s)
        map = taskmap_decode (s, NULL);
    if (!map && (s = pmi_client_get (pmi, "PMI_process_mapping", NULL)) && *s)
        map = taskmap_decode (s, NULL);
    return map;
}

static bool same_node (struct taskmap *map, int a, int b)
{
    return map && taskmap_nodeid (map, a) >= 0
           && taskmap_nodeid (map, a) == taskmap_nodeid (map, b);
}

/* Reached by a socket in the file system? */
static bool is_local (struct broker *b, struct taskmap *map, int rank)
{
    const char *prefer = attrs_val (b->attrs, "tbon.prefertcp");

    return !(prefer && atoi (prefer) != 0) && same_node (map, rank, b->rank);
}

/* The same answer on all brokers: no edge of the tree needs tcp. */
static bool all_local (struct broker *b, struct taskmap *map)
{
    const char *prefer = attrs_val (b->attrs, "tbon.prefertcp");

    return !(prefer && atoi (prefer) != 0) && map && taskmap_nnodes (map) == 1;
}

/* Which kinds of sockets the children will come through. */
static void count_children (struct broker *b, struct taskmap *map,
                            const struct idset *children, bool *ipc, bool *tcp)
{
    unsigned int r;

    *ipc = *tcp = false;
    for (r = idset_first (children); r != IDSET_INVALID_ID;
         r = idset_next (children, r)) {
        if (is_local (b, map, r))
            *ipc = true;
        else
            *tcp = true;
    }
}

/* Ranks that may connect to this broker, new. */
static struct idset *possible_children (struct broker *b)
{
    struct idset *ids;

    if (overlay_heals (b)) {
        if ((ids = topology_subtree (b->topo, b->rank)))
            idset_clear (ids, b->rank);
        return ids;
    }
    if ((ids = idset_create (b->size, 0)))
        for (int i = 0; i < topology_child_count (b->topo, b->rank); i++)
            idset_set (ids, topology_child (b->topo, b->rank, i));
    return ids;
}

static int put_card (struct broker *b, struct pmi_client *pmi, flux_error_t *error)
{
    json_t *card = overlay_card (b);
    char key[16];
    char *s;
    int rc;

    snprintf (key, sizeof (key), "%d", b->rank);
    s = card ? json_dumps (card, JSON_COMPACT) : NULL;
    rc = s ? pmi_client_put (pmi, key, s, error) : -1;
    free (s);
    json_decref (card);
    return rc;
}

static json_t *get_card (struct pmi_client *pmi, int rank, flux_error_t *error)
{
    char key[16];
    const char *s;
    json_t *card;

    snprintf (key, sizeof (key), "%d", rank);
    if (!(s = pmi_client_get (pmi, key, error)))
        return NULL;
    if (!(card = json_loads (s, 0, NULL))
        || !json_is_string (json_object_get (card, "hostname"))) {
        error_text (error, "business card of rank %d is malformed", rank);
        json_decref (card);
        errno = EPROTO;
        return NULL;
    }
    return card;
}

/* Rank 0: names of all hosts. */
static int collect_hosts (struct broker *b, struct pmi_client *pmi,
                          const struct idset *children, flux_error_t *error)
{
    struct hostlist *hl = hostlist_create ();
    char *s = NULL;
    int rc = -1;

    if (!hl || hostlist_append (hl, b->hostname) < 0)
        goto done;
    for (int r = 1; r < b->size; r++) {
        json_t *card = get_card (pmi, r, error);

        if (!card)
            goto done;
        hostlist_append (hl, json_string_value (json_object_get (card, "hostname")));
        if (idset_test (children, r))
            overlay_authorize (b, card);
        json_decref (card);
    }
    if ((s = hostlist_encode (hl)))
        rc = attrs_put (b->attrs, "hostlist", s, -1);
done:
    free (s);
    hostlist_destroy (hl);
    return rc;
}

static int authorize_children (struct broker *b, struct pmi_client *pmi,
                               const struct idset *children, flux_error_t *error)
{
    unsigned int r;

    for (r = idset_first (children); r != IDSET_INVALID_ID;
         r = idset_next (children, r)) {
        json_t *card = get_card (pmi, r, error);

        if (!card)
            return -1;
        overlay_authorize (b, card);
        json_decref (card);
    }
    return 0;
}

static int find_ancestors (struct broker *b, struct pmi_client *pmi,
                           struct taskmap *map, flux_error_t *error)
{
    int rc = 0;

    for (int r = topology_parent (b->topo, b->rank); rc == 0 && r >= 0;
         r = topology_parent (b->topo, r)) {
        json_t *card = get_card (pmi, r, error);

        if (!card)
            return -1;
        rc = overlay_add_ancestor (b, r, card, is_local (b, map, r), error);
        json_decref (card);
        if (!overlay_heals (b))
            break;
    }
    return rc;
}

static bool needs_key (struct broker *b, struct taskmap *map)
{
    for (int r = topology_parent (b->topo, b->rank); r >= 0;
         r = topology_parent (b->topo, r)) {
        if (!is_local (b, map, r))
            return true;
        if (!overlay_heals (b))
            break;
    }
    return false;
}

static int exchange_cards (struct broker *b, struct pmi_client *pmi,
                           struct taskmap *map, const struct idset *children,
                           flux_error_t *error)
{
    bool ipc, tcp;

    count_children (b, map, children, &ipc, &tcp);
    if (overlay_bind (b, ipc, tcp, error) < 0)
        return -1;
    if (needs_key (b, map))
        overlay_need_key (b);
    if (put_card (b, pmi, error) < 0 || pmi_client_barrier (pmi, error) < 0)
        return -1;
    if (b->rank == 0 ? collect_hosts (b, pmi, children, error) < 0
                     : find_ancestors (b, pmi, map, error) < 0
                           || (tcp && authorize_children (b, pmi, children, error) < 0))
        return -1;
    /* Nobody may knock before his key is known. */
    return all_local (b, map) ? 0 : pmi_client_barrier (pmi, error);
}

static int exchange (struct broker *b, struct pmi_client *pmi, struct taskmap *map,
                     flux_error_t *error)
{
    struct idset *children;
    int rc;

    if (overlay_create (b, error) < 0)
        return -1;
    if (address_prefers_v6 ())
        overlay_enable_ipv6 (b);
    if (!(children = possible_children (b))) {
        error_text (error, "out of memory");
        return -1;
    }
    rc = exchange_cards (b, pmi, map, children, error);
    idset_destroy (children);
    return rc;
}

static void set_mapping (struct broker *b, struct taskmap *map)
{
    char *s = map ? taskmap_encode (map, 0) : NULL;

    attrs_put (b->attrs, "broker.mapping", s, -1);
    free (s);
}

static int boot_pmi (struct broker *b, struct pmi_client *pmi, const char *method,
                     flux_error_t *error)
{
    struct taskmap *map = NULL;
    const char *s;
    int rc = -1;

    if (boot_set_place (b, pmi_client_rank (pmi), pmi_client_size (pmi), method, NULL,
                        error)
        < 0)
        return -1;
    s = pmi_client_get (pmi, "flux.instance-level", NULL);
    attrs_put (b->attrs, "instance-level", s && *s ? s : "0", -1);
    if (s && *s && strcmp (s, "0") != 0)
        attrs_put (b->attrs, "jobid", pmi_client_kvsname (pmi), -1);
    map = get_taskmap (pmi);
    set_mapping (b, map);
    if (b->size == 1)
        rc = attrs_put (b->attrs, "hostlist", b->hostname, -1);
    else
        rc = exchange (b, pmi, map, error);
    if (rc == 0)
        rc = pmi_client_finalize (pmi, error);
    taskmap_destroy (map);
    return rc;
}

/* asked: somebody has named the method. */
static int try_method (struct broker *b, const char *method, bool asked,
                       flux_error_t *error)
{
    struct pmi_client *pmi;
    int rc;

    if (strcmp (method, "single") == 0)
        return boot_single (b, error);
    if (strcmp (method, "config") == 0)
        return boot_config (b, error);
    if (!(pmi = pmi_method_open (method, asked ? 0 : PMI_LIBRARY_TRY, error)))
        return -1;
    rc = boot_pmi (b, pmi, method, error);
    if (rc < 0 && errno == ENOENT)
        errno = EIO; /* not "there is no PMI" */
    pmi_client_close (pmi);
    return rc;
}

int boot_run (struct broker *b, flux_error_t *error)
{
    const char *method = attrs_val (b->attrs, "broker.boot-method");
    const char *env = getenv ("FLUX_PMI_CLIENT_METHODS");
    bool asked = method || env;
    char *methods = strdup (method ? method
                            : env  ? env
                                   : "config simple libpmi2 libpmi single");
    char *saveptr = NULL;
    int rc = -1;

    if (!attrs_val (b->attrs, "tbon.interface-hint"))
        attrs_put (b->attrs, "tbon.interface-hint",
                   address_hint () ? address_hint () : "default-route", -1);
    error_text (error, "no boot method works");
    for (char *m = strtok_r (methods, " ,", &saveptr); m;
         m = strtok_r (NULL, " ,", &saveptr)) {
        rc = try_method (b, m, asked, error);
        if (rc == 0 || errno != ENOENT)
            break;
    }
    free (methods);
    return rc;
}
