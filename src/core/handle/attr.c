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

/* Somebody may still hold a name or a value of the cache, until the handle goes. */
struct value {
    struct value *older;
    char text[];
};

struct attr {
    struct value *values; /* all that there have been, each once */
    const char *text;     /* of the one that counts; NULL: removed */
    bool immutable;
};

struct cache {
    struct hashmap *attrs;
    unsigned long changes;
    struct {
        size_t pos;
        unsigned long changes; /* when it began */
    } walk;
};

static void attr_free (void *arg)
{
    struct attr *a = arg;
    struct value *v;

    while ((v = a->values)) {
        a->values = v->older;
        free (v);
    }
    free (a);
}

static void cache_free (void *arg)
{
    struct cache *c = arg;

    hashmap_destroy (c->attrs);
    free (c);
}

static struct cache *get_cache (flux_t *h)
{
    struct cache *c = flux_aux_get (h, "flux::attrs");

    if (c || !h)
        return c;
    if (!(c = calloc (1, sizeof (*c))))
        return NULL;
    if (!(c->attrs = hashmap_create (attr_free))
        || flux_aux_set (h, "flux::attrs", c, cache_free) < 0) {
        cache_free (c);
        return NULL;
    }
    return c;
}

/* NULL: it is not there, or removed. */
static struct attr *cache_find (struct cache *c, const char *name)
{
    struct attr *a = hashmap_lookup (c->attrs, name);

    return a && a->text ? a : NULL;
}

/* Also one that was removed. */
static struct attr *cache_entry (struct cache *c, const char *name)
{
    struct attr *a = hashmap_lookup (c->attrs, name);

    if (a || !(a = calloc (1, sizeof (*a))))
        return a;
    if (hashmap_insert (c->attrs, name, a) < 0) {
        free (a);
        return NULL;
    }
    return a;
}

static struct value *keep_value (struct attr *a, const char *text)
{
    struct value *v = a->values;

    while (v && strcmp (v->text, text) != 0)
        v = v->older;
    if (v || !(v = malloc (sizeof (*v) + strlen (text) + 1)))
        return v;
    strcpy (v->text, text);
    v->older = a->values;
    a->values = v;
    return v;
}

static const char *cache_add (struct cache *c, const char *name, const char *val,
                              bool immutable)
{
    struct attr *a = cache_entry (c, name);
    struct value *v = a ? keep_value (a, val) : NULL;

    if (!v)
        return NULL;
    if (a->text != v->text)
        c->changes++;
    a->immutable = immutable || (a->immutable && a->text == v->text);
    a->text = v->text;
    return a->text;
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
    struct cache *c;
    struct attr *a;
    flux_future_t *f;
    int flags;

    if (!h || !name) {
        errno = EINVAL;
        return NULL;
    }
    if (!(c = get_cache (h)))
        return NULL;
    if ((a = cache_find (c, name)) && a->immutable)
        return a->text;
    if (!(f = flux_rpc_pack (h, "attr.get", FLUX_NODEID_ANY, 0, "{s:s}", "name", name)))
        return NULL;
    if (flux_rpc_get_unpack (f, "{s:s s:i}", "value", &val, "flags", &flags) < 0)
        val = NULL;
    else {
        char *buf;

        val = seen_from_here (name, val, &buf);
        val = cache_add (c, name, val, (flags & ATTR_IMMUTABLE));
        free (buf);
    }
    flux_future_destroy (f);
    return val;
}

const char *attr_cached (flux_t *h, const char *name)
{
    struct cache *c = flux_aux_get (h, "flux::attrs");
    struct attr *a = c ? cache_find (c, name) : NULL;

    return a ? a->text : NULL;
}

int flux_attr_set_cacheonly (flux_t *h, const char *name, const char *val)
{
    struct cache *c;
    struct attr *a;

    if (!h || !name) {
        errno = EINVAL;
        return -1;
    }
    if (!(c = get_cache (h)))
        return -1;
    if (val)
        return cache_add (c, name, val, true) ? 0 : -1;
    if ((a = cache_find (c, name))) {
        a->text = NULL;
        a->immutable = false;
        c->changes++;
    }
    return 0;
}

const char *flux_attr_cache_next (flux_t *h)
{
    struct cache *c = h ? get_cache (h) : NULL;
    const char *name;
    void *a;

    if (!c || c->walk.changes != c->changes)
        return NULL;
    while (hashmap_next (c->attrs, &c->walk.pos, &name, &a))
        if (((struct attr *)a)->text)
            return name;
    return NULL;
}

const char *flux_attr_cache_first (flux_t *h)
{
    struct cache *c = h ? get_cache (h) : NULL;

    if (!c)
        return NULL;
    c->walk.pos = 0;
    c->walk.changes = c->changes;
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
    const char *s;
    char *end;

    if (!starttime) {
        errno = EINVAL;
        return -1;
    }
    if (!(s = flux_attr_get (h, "broker.starttime")))
        return -1;
    *starttime = strtod (s, &end);
    if (end == s || *end != '\0') {
        errno = EINVAL;
        return -1;
    }
    return 0;
}
