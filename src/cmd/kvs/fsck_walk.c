#include "cmd/kvs/fsck_walk.h"

#include "base/hashmap.h"
#include "core/kvs/treetext.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a blob. Its reason for being bad is its text. */
static char pending[] = "pending", good[] = "good";

struct fsck {
    fsck_report_f report;
    void *arg;
    struct list todo;     /* struct fsck_item, newest first: depth first */
    struct list deferred; /* their blobs are being loaded for others */
    size_t in_flight;
    struct hashmap *blobs; /* blobref -> pending, good, or why not */
    struct fsck_counts counts;
};

static void free_verdict (void *arg)
{
    if (arg != pending && arg != good)
        free (arg);
}

static void item_destroy (struct fsck_item *item)
{
    free (item->key);
    free (item);
}

struct fsck *fsck_create (fsck_report_f report, void *arg)
{
    struct fsck *f;

    if (!(f = calloc (1, sizeof (*f))))
        return NULL;
    f->report = report;
    f->arg = arg;
    list_init (&f->todo);
    list_init (&f->deferred);
    if (!(f->blobs = hashmap_create (free_verdict))) {
        free (f);
        return NULL;
    }
    return f;
}

static void destroy_items (struct list *l)
{
    list_foreach (l, it) {
        list_remove (it);
        item_destroy (container_of (it, struct fsck_item, node));
    }
}

void fsck_destroy (struct fsck *f)
{
    if (f) {
        destroy_items (&f->todo);
        destroy_items (&f->deferred);
        hashmap_destroy (f->blobs);
        free (f);
    }
}

struct fsck_counts fsck_counts (const struct fsck *f)
{
    return f->counts;
}

static int add_item (struct fsck *f, const char *key, struct span ref, bool dir)
{
    struct fsck_item *item;

    if (ref.len >= FSCK_REF_MAX) {
        errno = EINVAL;
        return -1;
    }
    if (!(item = calloc (1, sizeof (*item))) || !(item->key = strdup (key))) {
        free (item);
        return -1;
    }
    list_init (&item->node);
    memcpy (item->ref, ref.s, ref.len);
    item->dir = dir;
    list_prepend (&f->todo, &item->node);
    return 0;
}

int fsck_add_root (struct fsck *f, const char *ref)
{
    return add_item (f, ".", (struct span){ ref, strlen (ref) }, true);
}

static void damaged (struct fsck *f, const char *key, const char *text)
{
    f->counts.damaged++;
    f->report (f->arg, key, text);
}

/* True if the blob of the item has to be loaded for it. */
static bool is_new (struct fsck *f, struct fsck_item *item)
{
    const char *verdict = hashmap_lookup (f->blobs, item->ref);

    if (!verdict && hashmap_insert (f->blobs, item->ref, pending) == 0)
        return true;
    if (verdict == pending) {
        list_append (&f->deferred, &item->node);
        return false;
    }
    if (verdict != good)
        damaged (f, item->key, verdict ? verdict : strerror (ENOMEM));
    item_destroy (item);
    return false;
}

static struct list *pop_item (struct fsck *f)
{
    struct list *node;

    if (list_empty (&f->todo) && f->in_flight == 0)
        while ((node = list_pop (&f->deferred)))
            list_append (&f->todo, node);
    return list_pop (&f->todo);
}

struct fsck_item *fsck_next (struct fsck *f)
{
    struct list *node;

    while ((node = pop_item (f))) {
        struct fsck_item *item = container_of (node, struct fsck_item, node);

        if (is_new (f, item)) {
            f->in_flight++;
            return item;
        }
    }
    return NULL;
}

/* Tree objects: -1 with EINVAL or ENOMEM. */

static int walk_object (struct fsck *f, const char *key, struct span text, int depth);

static int walk_refs (struct fsck *f, const char *key, struct span refs, bool dir)
{
    struct span name, value, inner;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (refs, &pos, &name, &value)) == 1)
        if (!json_span_plain (value, &inner) || add_item (f, key, inner, dir) < 0)
            return -1;
    return rc;
}

static int walk_buckets (struct fsck *f, const char *key, struct span data, int depth)
{
    struct span name, value, elem;
    size_t pos = 0, at = 0;
    int rc;

    while ((rc = treetext_next (data, &pos, &name, &value)) == 1) {
        if (name.len != 8 || memcmp (name.s, "\"bucket\"", 8) || value.s[0] != '[')
            continue;
        while ((rc = treetext_next (value, &at, &name, &elem)) == 1)
            if (elem.s[0] != 'n' && walk_object (f, key, elem, depth + 1) < 0)
                return -1;
        if (rc < 0)
            return -1;
    }
    return rc;
}

static char *join (const char *key, const char *name)
{
    char *s;

    if (!strcmp (key, "."))
        return strdup (name);
    return asprintf (&s, "%s.%s", key, name) < 0 ? NULL : s;
}

static int walk_entry (struct fsck *f, const char *key, struct span name,
                       struct span value, int depth)
{
    struct buf b = BUF_INIT;
    char *child = NULL;
    int rc = -1;

    if (json_span_unquote (name, &b) == 0 && (child = join (key, b.data ? b.data : "")))
        rc = walk_object (f, child, value, depth + 1);
    if (rc == 0) {
        f->counts.keys++;
        f->report (f->arg, child, NULL);
    } else if (child) { /* the others may be good */
        damaged (f, child, "is not a tree object");
        rc = 0;
    }
    free (child);
    buf_fini (&b);
    return rc;
}

static int walk_dir (struct fsck *f, const char *key, struct span data, int depth)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (data, &pos, &name, &value)) == 1)
        if (walk_entry (f, key, name, value, depth) < 0)
            return -1;
    return rc;
}

static int walk_object (struct fsck *f, const char *key, struct span text, int depth)
{
    struct treetext t;

    errno = EINVAL;
    if (depth > TREETEXT_DEPTH_MAX || treetext_parse (text.s, text.len, &t) < 0)
        return -1;
    switch (t.type) {
    case TREEOBJ_DIR:
        return walk_dir (f, key, t.data, depth);
    case TREETEXT_HDIR:
        return walk_buckets (f, key, t.data, depth);
    case TREEOBJ_DIRREF:
        return walk_refs (f, key, t.data, true);
    case TREEOBJ_VALREF:
        return walk_refs (f, key, t.data, false);
    default:
        return 0;
    }
}

static int set_verdict (struct fsck *f, const char *ref, const char *why)
{
    char *verdict = why ? strdup (why) : good;

    if (!verdict || hashmap_insert (f->blobs, ref, verdict) < 0) {
        free_verdict (verdict);
        errno = ENOMEM;
        return -1;
    }
    return 0;
}

int fsck_loaded (struct fsck *f, struct fsck_item *item, const char *why,
                 const void *data, size_t len)
{
    char text[FSCK_REF_MAX + 64];
    int rc;

    f->in_flight--;
    f->counts.blobs++;
    if (!why && item->dir
        && walk_object (f, item->key, (struct span){ data, len }, 0) < 0) {
        snprintf (text, sizeof (text), "blob %s: is not a directory", item->ref);
        why = text;
    }
    if (why)
        damaged (f, item->key, why);
    rc = set_verdict (f, item->ref, why);
    item_destroy (item);
    return rc;
}
