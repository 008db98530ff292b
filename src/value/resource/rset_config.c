/* Resources as a configuration names them: [[resource.config]]. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "value/resource/rset_impl.h"

/* A host may be named twice. */
static int add_host (struct rset *part, unsigned int rank, const char *name,
                     struct kids *kids)
{
    struct shared_host *host;
    int rc;

    if (rset_find (part, rank))
        return 0;
    if (!(host = rset_host_create (name, strlen (name))))
        return -1;
    rc = rset_insert (part, rank, host, kids);
    rset_host_unref (host);
    return rc;
}

/* The hosts of entry i get its cores, GPUs and properties; entries add up. */
static int add_entry (struct rset *r, struct hostlist *all, size_t i, json_t *entry,
                      flux_error_t *error)
{
    const char *hosts, *cores = NULL, *gpus = NULL;
    json_t *properties = NULL, *value;
    struct idset *ranks = NULL;
    struct rset *part = NULL, *sum;
    struct hostlist *hl = NULL;
    struct kids *kids = NULL;
    size_t n;
    int rc = -1;

    if (json_unpack_ex (entry, NULL, JSON_STRICT, "{s:s s?s s?s s?o}", "hosts", &hosts,
                        "cores", &cores, "gpus", &gpus, "properties", &properties)
        < 0)
        return error_invalid (error,
                              "resource.config[%zu]: expected hosts, cores, gpus, "
                              "properties",
                              i);
    if (properties && !json_is_array (properties))
        return error_invalid (error,
                              "resource.config[%zu].properties: must be an array", i);
    if (!(hl = hostlist_decode (hosts))
        || !(ranks = idset_create (0, IDSET_FLAG_AUTOGROW))) {
        error_invalid (error, "resource.config[%zu].hosts: invalid hostlist", i);
        goto out;
    }
    if (!(kids = rset_kids_decode (cores, gpus))) {
        error_invalid (error, "resource.config[%zu]: invalid idset", i);
        goto out;
    }
    if (!(part = rset_create ()))
        goto out;
    for (const char *h = hostlist_first (hl); h; h = hostlist_next (hl)) {
        int rank = hostlist_find (all, h);
        if (rank < 0) {
            rank = hostlist_count (all);
            if (hostlist_append (all, h) < 0)
                goto out;
        }
        (void)idset_set (ranks, rank);
        if ((cores || gpus || !rset_host (r, rank))
            && add_host (part, rank, h, kids) < 0)
            goto out;
    }
    if (!(sum = rset_union (r, part)))
        goto out;
    rset_swap (r, sum);
    rset_destroy (sum);
    json_array_foreach (properties, n, value) {
        const char *name = json_string_value (value);
        if (!name || rset_add_property (r, name, ranks) < 0) {
            error_invalid (error, "resource.config[%zu].properties[%zu]: invalid name",
                           i, n);
            goto out;
        }
    }
    rc = 0;
out:
    hostlist_destroy (hl);
    idset_destroy (ranks);
    rset_kids_unref (kids);
    rset_destroy (part);
    return rc;
}

static int check_cores (const struct rset *r, flux_error_t *error)
{
    for (int i = 0; i < r->count; i++) {
        if (idset_empty (r->entries[i].kids->ids[CORE]))
            return error_invalid (error, "resource.config: host %.80s has no cores",
                                  r->entries[i].host->name);
    }
    return 0;
}

struct rset *rset_decode_config (const json_t *config, flux_error_t *error)
{
    struct hostlist *all = hostlist_create ();
    struct rset *r = rset_create ();
    const json_t *entry;
    size_t i;
    int rc = 0;

    if (!all || !r)
        rc = error_invalid (error, "out of memory");
    else if (!json_is_array (config))
        rc = error_invalid (error, "resource.config: must be an array of tables");
    json_array_foreach (config, i, entry)
        if (rc == 0)
            rc = add_entry (r, all, i, (json_t *)entry, error);
    if (rc == 0)
        rc = check_cores (r, error);
    hostlist_destroy (all);
    if (rc < 0) {
        rset_destroy (r);
        return NULL;
    }
    return r;
}
