/* Broker attributes, and the cache of those that cannot change. */
#include <flux/attr.h>
#include <flux/hostlist.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

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
    else
        val = cache_add (m, name, val, (flags & ATTR_IMMUTABLE));
    flux_future_destroy (f);
    return val;
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

const char *flux_get_hostbyrank (flux_t *h, uint32_t rank)
{
    struct hostlist *hl = flux_aux_get (h, "flux::hostlist");
    const char *s;

    if (rank == FLUX_NODEID_ANY)
        return "any";
    if (rank == FLUX_NODEID_UPSTREAM)
        return "upstream";
    if (!hl) {
        if (!(s = flux_attr_get (h, "hostlist")) || !(hl = hostlist_decode (s)))
            return "(null)";
        if (flux_aux_set (h, "flux::hostlist", hl, (flux_free_f)hostlist_destroy) < 0) {
            hostlist_destroy (hl);
            return "(null)";
        }
    }
    return (s = hostlist_nth (hl, rank)) ? s : "(null)";
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
