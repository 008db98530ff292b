#include "reading.h"

#include "core/kvs/kvs_raw.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The root of a namespace that a lookup reads, on followers. */
struct kvs_pin {
    char *ns;
    char rootref[BLOBREF_MAX_SIZE];
};

struct opened {
    const char *ns, *rootref;
};

/* One pass of a lookup: it cannot be interrupted. */
struct pass {
    const struct kvs_roots *roots;
    struct kvs_reading *read;
    struct opened opened[LOOKUP_LINKS_MAX + 1];
    size_t count;
};

static const struct kvs_pin *find_pin (const struct kvs_reading *r, const char *ns)
{
    for (size_t i = 0; i < r->pin_count; i++)
        if (!strcmp (r->pins[i].ns, ns))
            return &r->pins[i];
    return NULL;
}

/* The pass stops here: the next one goes on with the same roots. */
static int pin_opened (struct pass *p)
{
    struct kvs_reading *r = p->read;
    struct kvs_pin *pins;

    for (size_t i = 0; i < p->count; i++) {
        const struct opened *o = &p->opened[i];

        if (find_pin (r, o->ns))
            continue;
        if (!(pins = realloc (r->pins, (r->pin_count + 1) * sizeof (*pins))))
            return -1;
        r->pins = pins;
        if (!(pins[r->pin_count].ns = strdup (o->ns)))
            return -1;
        strcpy (pins[r->pin_count++].rootref, o->rootref);
    }
    return 0;
}

/* All that was found so far; the lookup starts anew. */
static void unpin (struct kvs_reading *r)
{
    for (size_t i = 0; i < r->pin_count; i++)
        free (r->pins[i].ns);
    free (r->pins);
    r->pins = NULL;
    r->pin_count = 0;
    buf_reset (&r->value);
}

static int open_view (struct pass *p, const char *name, struct kvs_view *view)
{
    const struct kvs_roots *roots = p->roots;
    const struct kvs_pin *pin = find_pin (p->read, name);
    struct kvs_root root = { 0 };

    if (roots->find (roots->arg, name, &root) < 0)
        return -1;
    view->rootref = pin ? pin->rootref : root.rootref;
    if (root.tree) {
        view->loader = kvs_tree_loader (root.tree);
        view->root = kvs_tree_root (root.tree);
    } else {
        if (!pin && p->count < sizeof (p->opened) / sizeof (p->opened[0]))
            p->opened[p->count++] = (struct opened){ root.name, root.rootref };
        view->loader = kvs_cache_loader (roots->cache);
        view->root = kvs_cache_dir (roots->cache, view->rootref, 0);
    }
    return view->root ? 0 : -1;
}

static int open_for_link (void *arg, const char *name, struct kvs_view *view)
{
    return open_view (arg, name, view);
}

static int open_snapshot (const struct kvs_roots *roots, const char *rootref,
                          struct kvs_view *view)
{
    int errnum;

    if (roots->may_read_any (roots->arg) < 0)
        return -1;
    view->loader = kvs_cache_loader (roots->cache);
    view->root = kvs_cache_dir (roots->cache, rootref, 0);
    view->rootref = rootref;
    if (!view->root && kvs_cache_failed (roots->cache, &errnum))
        errno = errnum; /* the name is wrong, not the tree */
    return view->root ? 0 : -1;
}

static int run_pass (struct pass *p, int flags, struct buf *out)
{
    struct kvs_reading *r = p->read;
    bool is_value = flags == 0 || flags == KVS_LOOKUP_RAW;
    struct kvs_lookup l = { .cache = p->roots->cache,
                            .open = open_for_link,
                            .arg = p,
                            .key = r->key,
                            .flags = flags,
                            .page = r->paged ? &r->page : NULL,
                            .names = r->names,
                            .found = is_value ? &r->value : NULL };
    int rc;

    kvs_cache_clear_failed (p->roots->cache);
    if (is_value && r->value.len > 0)
        return kvs_value_finish (p->roots->cache, r->value.data, r->value.len,
                                 flags == KVS_LOOKUP_RAW, out);
    if (r->rootref)
        rc = open_snapshot (p->roots, r->rootref, &l.view);
    else
        rc = open_view (p, r->ns, &l.view);
    return rc < 0 ? -1 : kvs_lookup (&l, out);
}

/* A blob was superseded, and dropped, before this slow reader came to it? */
static bool is_late (const struct kvs_roots *roots, const struct kvs_reading *r)
{
    struct kvs_root root;
    int errnum;

    if (!kvs_cache_failed (roots->cache, &errnum) || errnum != ENOENT || r->rootref)
        return false;
    for (size_t i = 0; i < r->pin_count; i++)
        if (roots->find (roots->arg, r->pins[i].ns, &root) == 0
            && strcmp (root.rootref, r->pins[i].rootref))
            return true;
    return roots->leader && r->value.len > 0;
}

int kvs_reading_run (struct kvs_reading *r, const struct kvs_roots *roots, int flags,
                     struct buf *out)
{
    struct pass p = { .roots = roots, .read = r };
    size_t mark = out->len;
    int rc = run_pass (&p, flags, out);

    if (rc < 0 && errno == EAGAIN) {
        rc = pin_opened (&p);
        errno = rc < 0 ? ENOMEM : EAGAIN;
        return -1;
    }
    if (rc < 0 && is_late (roots, r)) {
        unpin (r);
        if (roots->leader) {
            out->len = mark;
            return run_pass (&p, flags, out);
        }
        errno = ESTALE;
    }
    if (rc == 0)
        unpin (r); /* whoever looks again wants what is new */
    return rc;
}

void kvs_reading_fini (struct kvs_reading *r)
{
    free (r->key);
    free (r->ns);
    free (r->rootref);
    unpin (r);
    buf_fini (&r->value);
}
