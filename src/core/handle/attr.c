/* Broker attributes, and the cache of those that cannot change. */
#include <flux/attr.h>
#include <flux/hostlist.h>
#include <flux/idset.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hashmap.h"
#include "core/handle/handle_impl.h"

/* Of a response to attr.get. */
enum { ATTR_IMMUTABLE = 1 };

struct attr {
    struct attr *older; /* replaced; somebody may still hold its value */
    bool immutable;
    char value[];
};

static void attr_free (void *arg)
{
    struct attr *a = arg;

    while (a) {
        struct attr *older = a->older;

        free (a);
        a = older;
    }
}

static void cache_free (void *arg)
{
    hashmap_destroy (arg);
}

static struct hashmap *get_cache (flux_t *h)
{
    struct hashmap *m = flux_aux_get (h, "flux::attrs");

    if (m || !h)
        return m;
    if (!(m = hashmap_create (attr_free)))
        return NULL;
    if (flux_aux_set (h, "flux::attrs", m, cache_free) < 0) {
        hashmap_destroy (m);
        return NULL;
    }
    return m;
}

static const char *cache_add (struct hashmap *m, const char *name, const char *val,
                              bool immutable)
{
    struct attr *old = hashmap_lookup (m, name);
    struct attr *a;

    if (old && !strcmp (old->value, val)) {
        old->immutable |= immutable;
        return old->value;
    }
    if (!(a = malloc (sizeof (*a) + strlen (val) + 1)))
        return NULL;
    strcpy (a->value, val);
    a->immutable = immutable;
    a->older = hashmap_take (m, name);
    if (hashmap_insert (m, name, a) < 0) {
        attr_free (a);
        return NULL;
    }
    return a->value;
}

/* What `flux proxy` leads to calls an instance on its own host local. */
static const char *seen_from_here (const char *name, const char *val, char **buf)
{
    const char *host = getenv ("FLUX_PROXY_REMOTE");

    *buf = NULL;
    if (!host || !*host || strcmp (name, "parent-uri") != 0
        || strncmp (val, "local://", 8) != 0
        || asprintf (buf, "ssh://%s%s", host, val + 8) < 0)
        return val;
    return *buf;
}

const char *flux_attr_get (flux_t *h, const char *name)
{
    const char *val = NULL;
    struct hashmap *m;
    struct attr *a;
    flux_future_t *f;
    int flags;

    if (!h || !name) {
        errno = EINVAL;
        return NULL;
    }
    if (!(m = get_cache (h)))
        return NULL;
    if ((a = hashmap_lookup (m, name)) && a->immutable)
        return a->value;
    if (!(f = flux_rpc_pack (h, "attr.get", FLUX_NODEID_ANY, 0, "{s:s}", "name", name)))
        return NULL;
    if (flux_rpc_get_unpack (f, "{s:s s:i}", "value", &val, "flags", &flags) < 0)
        val = NULL;
    else {
        char *buf;

        val = seen_from_here (name, val, &buf);
        val = cache_add (m, name, val, (flags & ATTR_IMMUTABLE));
        free (buf);
    }
    flux_future_destroy (f);
    return val;
}

const char *attr_cached (flux_t *h, const char *name)
{
    struct hashmap *m = flux_aux_get (h, "flux::attrs");
    struct attr *a = m ? hashmap_lookup (m, name) : NULL;

    return a ? a->value : NULL;
}

int flux_attr_set_cacheonly (flux_t *h, const char *name, const char *val)
{
    struct hashmap *m;

    if (!h || !name) {
        errno = EINVAL;
        return -1;
    }
    if (!(m = get_cache (h)))
        return -1;
    if (!val) {
        hashmap_remove (m, name);
        return 0;
    }
    return cache_add (m, name, val, true) ? 0 : -1;
}

/* Where the walk is, in the cache's order; a name that is added may move all others. */
struct walk {
    size_t pos, count;
};

static struct walk *get_walk (flux_t *h)
{
    struct walk *w = flux_aux_get (h, "flux::attrs_walk");

    if (!w && (w = calloc (1, sizeof (*w)))
        && flux_aux_set (h, "flux::attrs_walk", w, free) < 0) {
        free (w);
        return NULL;
    }
    return w;
}

const char *flux_attr_cache_next (flux_t *h)
{
    struct hashmap *m = h ? get_cache (h) : NULL;
    struct walk *w = m ? get_walk (h) : NULL;
    const char *name;

    if (!w || w->count != hashmap_count (m) || !hashmap_next (m, &w->pos, &name, NULL))
        return NULL;
    return name;
}

const char *flux_attr_cache_first (flux_t *h)
{
    struct hashmap *m = h ? get_cache (h) : NULL;
    struct walk *w = m ? get_walk (h) : NULL;

    if (!w)
        return NULL;
    w->pos = 0;
    w->count = hashmap_count (m);
    return flux_attr_cache_next (h);
}

int flux_attr_set_ex (flux_t *h, const char *name, const char *val, bool force,
                      flux_error_t *error)
{
    flux_future_t *f;
    int rc = -1;

    if (error)
        error->text[0] = '\0';
    if (!h || !name || !val) {
        errno = EINVAL;
        return -1;
    }
    f = flux_rpc_pack (h, "attr.set", FLUX_NODEID_ANY, 0, "{s:s s:s s:b}", "name", name,
                       "value", val, "force", force);
    if (f)
        rc = flux_rpc_get (f, NULL);
    if (rc < 0 && error)
        snprintf (error->text, sizeof (error->text), "%s",
                  f && flux_future_has_error (f) ? flux_future_error_string (f)
                                                 : flux_strerror (errno));
    flux_future_destroy (f);
    return rc;
}

int flux_attr_set (flux_t *h, const char *name, const char *val)
{
    return flux_attr_set_ex (h, name, val, false, NULL);
}

static int get_u32 (flux_t *h, const char *name, uint32_t *val)
{
    const char *s;
    char *end;
    unsigned long n;

    if (!val) {
        errno = EINVAL;
        return -1;
    }
    if (!(s = flux_attr_get (h, name)))
        return -1;
    errno = 0;
    n = strtoul (s, &end, 10);
    if (errno != 0 || end == s || *end != '\0' || n > UINT32_MAX) {
        errno = EINVAL;
        return -1;
    }
    *val = n;
    return 0;
}

int flux_get_size (flux_t *h, uint32_t *size)
{
    return get_u32 (h, "size", size);
}

int flux_get_rank (flux_t *h, uint32_t *rank)
{
    return get_u32 (h, "rank", rank);
}

/* By rank; it cannot change. */
static struct hostlist *get_hostlist (flux_t *h)
{
    struct hostlist *hl = flux_aux_get (h, "flux::hostlist");
    const char *s;

    if (hl)
        return hl;
    if (!(s = flux_attr_get (h, "hostlist")) || !(hl = hostlist_decode (s)))
        return NULL;
    if (flux_aux_set (h, "flux::hostlist", hl, (flux_free_f)hostlist_destroy) < 0) {
        hostlist_destroy (hl);
        return NULL;
    }
    return hl;
}

const char *flux_get_hostbyrank (flux_t *h, uint32_t rank)
{
    struct hostlist *hl;
    const char *s;

    if (rank == FLUX_NODEID_ANY)
        return "any";
    if (rank == FLUX_NODEID_UPSTREAM)
        return "upstream";
    if (!(hl = get_hostlist (h)))
        return "(null)";
    return (s = hostlist_nth (hl, rank)) ? s : "(null)";
}

int flux_get_rankbyhost (flux_t *h, const char *host)
{
    struct hostlist *hl;

    if (!h || !host) {
        errno = EINVAL;
        return -1;
    }
    return (hl = get_hostlist (h)) ? hostlist_find (hl, host) : -1;
}

static char *hosts_of_ranks (struct hostlist *hl, const struct idset *ranks,
                             flux_error_t *error)
{
    struct hostlist *found = hostlist_create ();
    char *s = NULL;
    unsigned int r;

    for (r = idset_first (ranks); found && r != IDSET_INVALID_ID;
         r = idset_next (ranks, r)) {
        const char *host =
            r < (unsigned int)hostlist_count (hl) ? hostlist_nth (hl, r) : NULL;

        if (!host) {
            error_null (error, ENOENT, "rank %u is not in the instance", r);
            goto out;
        }
        if (hostlist_append (found, host) < 0)
            goto out;
    }
    if (found)
        s = hostlist_encode (found);
out:
    hostlist_destroy (found);
    return s;
}

/* All ranks on these hosts. */
static char *ranks_of_hosts (struct hostlist *hl, struct hostlist *hosts,
                             flux_error_t *error)
{
    struct idset *found = idset_create (0, IDSET_FLAG_AUTOGROW);
    char *s = NULL;

    for (int i = 0; found && i < hostlist_count (hosts); i++) {
        const char *host = hostlist_nth (hosts, i);

        if (hostlist_find (hl, host) < 0) {
            error_null (error, ENOENT, "host %s is not in the instance", host);
            goto out;
        }
    }
    for (int r = 0; found && r < hostlist_count (hl); r++) {
        if (hostlist_find (hosts, hostlist_nth (hl, r)) >= 0
            && idset_set (found, r) < 0)
            goto out;
    }
    if (found)
        s = idset_encode (found, IDSET_FLAG_RANGE);
out:
    idset_destroy (found);
    return s;
}

char *flux_hostmap_lookup (flux_t *h, const char *targets, flux_error_t *error)
{
    struct hostlist *hl, *hosts;
    struct idset *ranks;
    char *s;

    if (!h || !targets || targets[0] == '\0')
        return error_null (error, EINVAL, "no ranks or hosts are given");
    if (!(hl = get_hostlist (h)))
        return error_null (error, errno, "hostlist: %s", flux_strerror (errno));
    if ((ranks = idset_decode (targets))) {
        s = hosts_of_ranks (hl, ranks, error);
        idset_destroy (ranks);
        return s;
    }
    if (!(hosts = hostlist_decode (targets)))
        return error_null (error, EINVAL, "%s: neither ranks nor hosts", targets);
    s = ranks_of_hosts (hl, hosts, error);
    hostlist_destroy (hosts);
    return s;
}

int flux_get_instance_starttime (flux_t *h, double *starttime)
{
    const char *s = flux_attr_get (h, "broker.starttime");
    char *end;

    if (!s || !starttime)
        return -1;
    *starttime = strtod (s, &end);
    if (end == s || *end != '\0') {
        errno = EINVAL;
        return -1;
    }
    return 0;
}
