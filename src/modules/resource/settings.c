#include "settings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

static int fail (flux_error_t *error, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

static int fail (flux_error_t *error, const char *fmt, ...)
{
    if (error) {
        va_list ap;
        va_start (ap, fmt);
        vsnprintf (error->text, sizeof (error->text), fmt, ap);
        va_end (ap);
    }
    errno = EINVAL;
    return -1;
}

static int read_path (struct settings *s, const char *path, flux_error_t *error)
{
    flux_error_t e;
    char *text = file_read_all (path, NULL);

    if (!text)
        return fail (error, "resource.path: %.80s: %s", path, strerror (errno));
    s->R = rset_decode (text, &e);
    free (text);
    return s->R ? 0 : fail (error, "resource.path: %.60s: %.80s", path, e.text);
}

static int read_scheduling (struct settings *s, const char *path, flux_error_t *error)
{
    json_error_t e;
    json_t *o = json_load_file (path, 0, &e);
    json_t *all, *new;

    if (!o)
        return fail (error, "resource.scheduling: %.60s: %.60s", path, e.text);
    all = rset_encode_json (s->R);
    if (!all || json_object_set_new (all, "scheduling", o) < 0
        || !(new = json_incref (all))) {
        json_decref (all);
        return fail (error, "resource.scheduling: out of memory");
    }
    rset_destroy (s->R);
    s->R = rset_decode_json (new, NULL);
    json_decref (all);
    json_decref (new);
    return 0;
}

/* The hosts of entry i get its cores, GPUs and properties; entries add up. */
static int add_entry (struct rset *r, struct hostlist *all, size_t i, json_t *entry,
                      flux_error_t *error)
{
    const char *hosts, *cores = NULL, *gpus = NULL;
    json_t *properties = NULL, *value;
    struct idset *ranks = NULL;
    struct hostlist *hl = NULL;
    size_t n;
    int rc = -1;

    if (json_unpack_ex (entry, NULL, JSON_STRICT, "{s:s s?s s?s s?o}", "hosts", &hosts,
                        "cores", &cores, "gpus", &gpus, "properties", &properties)
        < 0)
        return fail (error,
                     "resource.config[%zu]: expected hosts, cores, gpus, "
                     "properties",
                     i);
    if (properties && !json_is_array (properties))
        return fail (error, "resource.config[%zu].properties: must be an array", i);
    if (!(hl = hostlist_decode (hosts))
        || !(ranks = idset_create (0, IDSET_FLAG_AUTOGROW))) {
        fail (error, "resource.config[%zu].hosts: invalid hostlist", i);
        goto out;
    }
    for (const char *h = hostlist_first (hl); h; h = hostlist_next (hl)) {
        int rank = hostlist_find (all, h);
        struct rset *one, *sum;
        if (rank < 0) {
            rank = hostlist_count (all);
            if (hostlist_append (all, h) < 0)
                goto out;
        }
        (void)idset_set (ranks, rank);
        if (!cores && !gpus && rset_host (r, rank))
            continue;
        if (!(one = rset_create ()) || rset_add_rank (one, rank, h, cores, gpus) < 0) {
            rset_destroy (one);
            fail (error, "resource.config[%zu]: invalid idset", i);
            goto out;
        }
        sum = rset_union (r, one);
        rset_destroy (one);
        if (!sum)
            goto out;
        rset_swap (r, sum);
        rset_destroy (sum);
    }
    json_array_foreach (properties, n, value) {
        const char *name = json_string_value (value);
        if (!name || rset_add_property (r, name, ranks) < 0) {
            fail (error, "resource.config[%zu].properties[%zu]: invalid name", i, n);
            goto out;
        }
    }
    rc = 0;
out:
    hostlist_destroy (hl);
    idset_destroy (ranks);
    return rc;
}

static int read_config (struct settings *s, json_t *config, flux_error_t *error)
{
    struct hostlist *all = hostlist_create ();
    struct idset *ranks;
    json_t *entry;
    size_t i;
    int rc = 0;

    s->R = rset_create ();
    if (!all || !s->R)
        rc = fail (error, "out of memory");
    json_array_foreach (config, i, entry)
        if (rc == 0)
            rc = add_entry (s->R, all, i, entry, error);
    if (rc == 0 && (ranks = rset_ranks (s->R))) {
        unsigned int rank;
        for (rank = idset_first (ranks); rank != IDSET_INVALID_ID;
             rank = idset_next (ranks, rank))
            if (rc == 0 && idset_empty (rset_children (s->R, rank, "core")))
                rc = fail (error, "resource.config: host %s has no cores",
                           rset_host (s->R, rank));
        idset_destroy (ranks);
    }
    hostlist_destroy (all);
    return rc;
}

int settings_init (struct settings *s, json_t *conf, flux_error_t *error)
{
    const char *path = NULL, *scheduling = NULL, *exclude = NULL;
    json_t *config = NULL, *o = json_object_get (conf, "resource");
    int norestrict = 0, noverify = 0, rediscover = 0, verify = 1;
    json_error_t e;

    *s = (struct settings){ .verify = true, .journal_max = 100000 };
    if (!o)
        return 0;
    if (json_unpack_ex (o, &e, JSON_STRICT, "{s?s s?s s?s s?o s?b s?b s?b s?i s?b}",
                        "path", &path, "scheduling", &scheduling, "exclude", &exclude,
                        "config", &config, "norestrict", &norestrict, "noverify",
                        &noverify, "rediscover", &rediscover, "journal-max",
                        &s->journal_max, "verify", &verify)
        < 0)
        return fail (error, "resource: %.120s", e.text);
    if (config && !json_is_array (config))
        return fail (error, "resource.config: must be an array of tables");
    if (s->journal_max < 0)
        return fail (error, "resource.journal-max: must be >= 0");
    s->norestrict = norestrict;
    s->rediscover = rediscover;
    s->verify = !noverify && verify;
    if (exclude && !(s->exclude = strdup (exclude)))
        return fail (error, "out of memory");
    if ((json_array_size (config) > 0 ? read_config (s, config, error) < 0
                                      : path && read_path (s, path, error) < 0)
        || (scheduling && s->R && read_scheduling (s, scheduling, error) < 0)) {
        settings_fini (s);
        return -1;
    }
    return 0;
}

void settings_fini (struct settings *s)
{
    rset_destroy (s->R);
    free (s->exclude);
    s->R = NULL;
    s->exclude = NULL;
}

static struct idset *ranks_of_hosts (struct hostlist *want, struct hostlist *hosts,
                                     flux_error_t *error)
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);

    for (const char *h = hostlist_first (want); ranks && h; h = hostlist_next (want)) {
        bool found = false;
        for (int i = 0; i < hostlist_count (hosts); i++) {
            if (!strcmp (hostlist_nth (hosts, i), h)) {
                found = true;
                (void)idset_set (ranks, i);
            }
        }
        if (!found) {
            fail (error, "invalid targets: host %.80s is unknown", h);
            idset_destroy (ranks);
            return NULL;
        }
    }
    return ranks;
}

struct idset *targets_decode (const char *targets, struct hostlist *hosts,
                              flux_error_t *error)
{
    struct idset *ranks = idset_decode (targets);
    struct hostlist *hl;

    if (ranks) {
        unsigned int last = idset_last (ranks);
        if (last != IDSET_INVALID_ID && last >= (unsigned int)hostlist_count (hosts)) {
            idset_destroy (ranks);
            fail (error, "idset is out of range");
            return NULL;
        }
        return ranks;
    }
    if (!(hl = hostlist_decode (targets))) {
        fail (error, "invalid targets: %.100s", targets);
        return NULL;
    }
    ranks = ranks_of_hosts (hl, hosts, error);
    hostlist_destroy (hl);
    return ranks;
}
