#include "node.h"
#include "base/json/jsonout.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char dir_head[] = "{\"data\":{";
static const char dir_tail[] = "},\"type\":\"dir\",\"ver\":1}";

void kvs_lru_init (struct kvs_lru *lru)
{
    memset (lru, 0, sizeof (*lru));
    list_init (&lru->nodes);
    list_init (&lru->images);
}

static size_t dirent_size (const struct kvs_dirent *e)
{
    return sizeof (*e) + e->name_len + e->text_len + 2 + sizeof (e) + 16;
}

struct kvs_dirent *kvs_dirent_create (const char *name, size_t name_len, int type,
                                      const char *text, size_t text_len)
{
    struct kvs_dirent *e;

    if (!(e = malloc (sizeof (*e) + name_len + text_len + 2)))
        return NULL;
    e->child = NULL;
    e->name_len = name_len;
    e->text_len = text_len;
    e->type = type;
    e->ref = text != NULL;
    e->refs = 1;
    memcpy (e->name, name, name_len);
    e->name[name_len] = '\0';
    if (text)
        memcpy (e->name + name_len + 1, text, text_len);
    e->name[name_len + 1 + text_len] = '\0';
    return e;
}

static uint32_t slots (const struct kvs_entries *es)
{
    return !es->ent ? 0 : es->hdir ? NODE_FANOUT : es->count;
}

static void image_destroy (struct kvs_image *img)
{
    if (img) {
        img->node->image = NULL;
        list_remove (&img->link);
        for (uint32_t i = 0; i < slots (&img->was); i++)
            kvs_dirent_destroy (img->was.ent[i], NULL, 0);
        free (img->was.ent);
        free (img);
    }
}

static void destroy_node (struct kvs_node *n, struct buf *gone, size_t digest_size)
{
    if (!n)
        return;
    image_destroy (n->image);
    for (uint32_t i = 0; n->ent && i < (n->hdir ? NODE_FANOUT : n->count); i++) {
        if (n->ent[i]) {
            if (n->lru)
                n->lru->bytes -= dirent_size (n->ent[i]);
            kvs_dirent_destroy (n->ent[i], gone, digest_size);
        }
    }
    if (n->hashed && gone)
        buf_add (gone, n->digest, digest_size);
    if (n->lru)
        n->lru->bytes -= sizeof (*n);
    list_remove (&n->lru_node);
    free (n->ent);
    free (n);
}

void kvs_dirent_destroy (struct kvs_dirent *e, struct buf *gone, size_t digest_size)
{
    if (e && --e->refs == 0) {
        int saved_errno = errno;
        /* With a new digest a child moves on to a new entry. */
        if (e->child && (!e->child->slot || e->child->slot == e))
            destroy_node (e->child, gone, digest_size);
        free (e);
        errno = saved_errno;
    }
}

void kvs_node_destroy (struct kvs_node *n)
{
    int saved_errno = errno;

    if (n && n->slot)
        n->slot->child = NULL;
    if (n && n->parent)
        n->parent->loaded--;
    destroy_node (n, NULL, 0);
    errno = saved_errno;
}

int kvs_dirent_ref (const struct kvs_dirent *e, char *ref)
{
    struct treetext t;
    struct span name, value, inner;
    size_t pos = 0;

    if (treetext_parse (kvs_dirent_text (e), e->text_len, &t) < 0)
        return -1;
    if (t.type != TREEOBJ_DIRREF || treetext_next (t.data, &pos, &name, &value) != 1
        || value.s[0] != '"' || !json_span_plain (value, &inner)
        || inner.len >= BLOBREF_MAX_SIZE) {
        errno = EINVAL;
        return -1;
    }
    memcpy (ref, inner.s, inner.len);
    ref[inner.len] = '\0';
    return 0;
}

struct kvs_node *kvs_node_create (struct kvs_lru *lru)
{
    struct kvs_node *n;

    if (!(n = calloc (1, sizeof (*n))))
        return NULL;
    list_init (&n->lru_node);
    n->dirty = true;
    if ((n->lru = lru)) {
        lru->bytes += sizeof (*n);
        list_prepend (&lru->nodes, &n->lru_node);
        n->epoch = lru->epoch;
    }
    return n;
}

void kvs_node_attach (struct kvs_node *parent, struct kvs_dirent *e,
                      struct kvs_node *child)
{
    child->parent = parent;
    child->slot = e;
    e->child = child;
    parent->loaded++;
}

void kvs_node_touch_dirty (struct kvs_node *n)
{
    /* All the way: a node that is new is dirty below others that are not. */
    for (; n; n = n->parent)
        n->dirty = true;
}

void kvs_node_touch (struct kvs_node *n)
{
    for (; n && n->lru && n->epoch != n->lru->epoch; n = n->parent) {
        n->epoch = n->lru->epoch;
        list_remove (&n->lru_node);
        list_prepend (&n->lru->nodes, &n->lru_node);
    }
}

/* Sorted array */

static int compare (const struct kvs_dirent *e, const char *name, size_t len)
{
    size_t min = e->name_len < len ? e->name_len : len;
    int rc = memcmp (e->name, name, min);

    if (rc == 0)
        rc = e->name_len < len ? -1 : e->name_len > len;
    return rc;
}

/* Index of the name, or where it would stand. */
static uint32_t search (struct kvs_entries n, const char *name, size_t len, bool *found)
{
    uint32_t lo = 0, hi = n.count;

    *found = false;
    if (hi > 0 && compare (n.ent[hi - 1], name, len) < 0)
        return hi; /* growing names are common */
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        int rc = compare (n.ent[mid], name, len);

        if (rc == 0) {
            *found = true;
            return mid;
        }
        if (rc < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct kvs_entries kvs_node_entries (const struct kvs_node *n, bool stored)
{
    if (stored && n->image && !n->image->created)
        return n->image->was;
    return (struct kvs_entries){ n->ent, n->count, n->hdir };
}

static int grow (struct kvs_node *n)
{
    uint32_t cap = n->cap ? n->cap * 2 : 4;
    struct kvs_dirent **ent;

    if (n->count < n->cap)
        return 0;
    if (!(ent = realloc (n->ent, cap * sizeof (*ent))))
        return -1;
    n->ent = ent;
    n->cap = cap;
    return 0;
}

static void account (struct kvs_node *n, const struct kvs_dirent *e, int sign)
{
    if (n->lru)
        n->lru->bytes += sign > 0 ? dirent_size (e) : -dirent_size (e);
}

static void adopt (struct kvs_node *n, struct kvs_dirent *e)
{
    account (n, e, 1);
    if (e->child)
        kvs_node_attach (n, e, e->child);
}

static void release (struct kvs_node *n, struct kvs_dirent *e)
{
    account (n, e, -1);
    if (e->child) {
        e->child->parent = NULL;
        n->loaded--;
    }
}

/* Images */

int kvs_node_save (struct kvs_node *n)
{
    struct kvs_image *img;
    size_t size;

    if (!n->lru || !n->lru->keep || n->image)
        return 0;
    if (!(img = calloc (1, sizeof (*img))))
        return -1;
    img->created = !n->hashed && !n->given;
    if (!img->created && n->ent) {
        size = (n->hdir ? NODE_FANOUT : n->count) * sizeof (*n->ent);
        if (!(img->was.ent = malloc (size + 1))) {
            free (img);
            return -1;
        }
        memcpy (img->was.ent, n->ent, size);
        img->was.count = n->count;
        img->was.hdir = n->hdir;
        img->cap = n->hdir ? NODE_FANOUT : n->count;
        for (uint32_t i = 0; i < slots (&img->was); i++)
            if (n->ent[i])
                n->ent[i]->refs++;
    }
    memcpy (img->digest, n->digest, sizeof (img->digest));
    img->node = n;
    n->image = img;
    list_append (&n->lru->images, &img->link);
    return 0;
}

void kvs_images_drop (struct kvs_lru *lru)
{
    while (!list_empty (&lru->images))
        image_destroy (list_first (&lru->images, struct kvs_image, link));
    lru->keep = false;
}

/* Exchanges what the node is and what it was. */
static void swap_image (struct kvs_image *img)
{
    struct kvs_node *n = img->node;
    struct kvs_entries now = kvs_node_entries (n, false);

    for (uint32_t i = 0; i < slots (&now); i++)
        if (now.ent[i])
            account (n, now.ent[i], -1);
    n->ent = img->was.ent;
    n->count = img->was.count;
    n->hdir = img->was.hdir;
    n->cap = img->cap;
    n->loaded = 0;
    memcpy (n->digest, img->digest, sizeof (n->digest));
    img->was = now;
    now = kvs_node_entries (n, false);
    for (uint32_t i = 0; i < slots (&now); i++)
        if (now.ent[i])
            adopt (n, now.ent[i]);
}

void kvs_images_restore (struct kvs_lru *lru)
{
    list_foreach (&lru->images, it) {
        struct kvs_image *img = container_of (it, struct kvs_image, link);

        /* New nodes go with the entries that lead to them. */
        if (!img->created)
            swap_image (img);
    }
    /* Above a dirty node all are dirty, also those that left no image: hashing
     * them once more finds that they are what they were. */
    list_foreach (&lru->images, it) {
        struct kvs_image *img = container_of (it, struct kvs_image, link);

        for (struct kvs_node *n = img->created ? NULL : img->node; n; n = n->parent)
            n->dirty = true;
    }
    kvs_images_drop (lru);
}

/* FNV-1a, folded. Part of the format on disk: never to change. */
static uint64_t hash_name (const char *name, size_t len)
{
    uint64_t h = 0xcbf29ce484222325;

    for (size_t i = 0; i < len; i++)
        h = (h ^ (unsigned char)name[i]) * 0x100000001b3;
    return h ^ h >> 32;
}

static int bucket_of (const struct kvs_node *n, const char *name, size_t len)
{
    return hash_name (name, len) >> (4 * n->level) & (NODE_FANOUT - 1);
}

static int leaf_set (struct kvs_node *n, struct kvs_dirent *e, struct kvs_dirent **old)
{
    bool found;
    uint32_t i = search (kvs_node_entries (n, false), e->name, e->name_len, &found);

    *old = NULL;
    if (found) {
        *old = n->ent[i];
        release (n, *old);
    } else {
        if (grow (n) < 0)
            return -1;
        memmove (n->ent + i + 1, n->ent + i, (n->count - i) * sizeof (*n->ent));
        n->count++;
    }
    n->ent[i] = e;
    adopt (n, e);
    kvs_node_touch_dirty (n);
    return 0;
}

/* The bucket's node, created if there is none. */
static struct kvs_node *bucket_node (struct kvs_node *n, int i)
{
    struct kvs_node *child;

    if (n->ent[i])
        return n->ent[i]->child;
    if (!(child = kvs_node_create (n->lru)))
        return NULL;
    if (!(n->ent[i] = kvs_dirent_create ("", 0, TREEOBJ_DIRREF, NULL, 0))) {
        kvs_node_destroy (child);
        return NULL;
    }
    child->level = n->level + 1;
    n->ent[i]->child = child;
    adopt (n, n->ent[i]);
    n->count++;
    return child;
}

/* A leaf becomes an hdir in place: those who hold the node need not know. */
static int split (struct kvs_node *n)
{
    struct kvs_dirent **ent = n->ent, **buckets;
    uint32_t count = n->count;

    if (!(buckets = calloc (NODE_FANOUT, sizeof (*buckets))))
        return 0; /* a large leaf is as good, only slower */
    n->ent = buckets;
    n->cap = NODE_FANOUT;
    n->count = 0;
    n->hdir = true;
    for (uint32_t i = 0; i < count; i++) {
        struct kvs_dirent *old;
        struct kvs_node *child;

        release (n, ent[i]);
        if (!(child = bucket_node (n, bucket_of (n, ent[i]->name, ent[i]->name_len)))
            || leaf_set (child, ent[i], &old) < 0)
            abort (); /* half a directory must never be hashed */
    }
    free (ent);
    return 0;
}

int kvs_dir_set (struct kvs_node *n, struct kvs_dirent *e, struct kvs_dirent **old)
{
    while (n->hdir) {
        struct kvs_node *child;

        if (!(child = bucket_node (n, bucket_of (n, e->name, e->name_len)))) {
            errno = ENOMEM;
            return -1;
        }
        n = child;
    }
    if (leaf_set (n, e, old) < 0)
        return -1;
    if (n->count > NODE_MAX && n->level < NODE_LEVEL_MAX)
        return split (n);
    return 0;
}

/* A bucket without entries goes, and an hdir without buckets is a dir. */
static void prune (struct kvs_node *n)
{
    while (n->level > 0 && n->count == 0) {
        struct kvs_node *parent = n->parent;
        struct kvs_dirent *slot = n->slot;

        for (int i = 0; i < NODE_FANOUT; i++)
            if (parent->ent[i] == slot)
                parent->ent[i] = NULL;
        release (parent, slot);
        kvs_dirent_destroy (slot, NULL, 0);
        parent->count--;
        n = parent;
    }
    if (n->hdir && n->count == 0) {
        free (n->ent);
        n->ent = NULL;
        n->cap = 0;
        n->hdir = false;
    }
}

struct kvs_dirent *kvs_dir_take (struct kvs_node *n, const char *name, size_t len)
{
    struct kvs_dirent *e;
    bool found;
    uint32_t i;

    while (n->hdir) {
        e = n->ent[bucket_of (n, name, len)];
        if (!e || !e->child)
            return NULL;
        n = e->child;
    }
    i = search (kvs_node_entries (n, false), name, len, &found);
    if (!found)
        return NULL;
    e = n->ent[i];
    n->count--;
    memmove (n->ent + i, n->ent + i + 1, (n->count - i) * sizeof (*n->ent));
    release (n, e);
    kvs_node_touch_dirty (n);
    prune (n);
    return e;
}

struct kvs_dirent *kvs_dir_find (struct kvs_node *n, const char *name, size_t len,
                                 const struct kvs_loader *loader)
{
    struct kvs_entries es = kvs_node_entries (n, loader->stored);
    bool found;
    uint32_t i;

    while (es.hdir) {
        struct kvs_dirent *e = es.ent[bucket_of (n, name, len)];

        if (!e)
            goto noent;
        if (!(n = e->child ? e->child : loader->load (loader->arg, n, e)))
            return NULL;
        es = kvs_node_entries (n, loader->stored);
    }
    kvs_node_touch (n);
    i = search (es, name, len, &found);
    if (found)
        return es.ent[i];
noent:
    errno = ENOENT;
    return NULL;
}

struct kvs_node *kvs_dir_holder (struct kvs_node *dir, const struct kvs_dirent *e)
{
    bool found;
    uint32_t i;

    if (e->name_len == 0) { /* a bucket */
        for (i = 0; dir->hdir && i < NODE_FANOUT; i++)
            if (dir->ent[i] == e)
                return dir;
        return NULL;
    }
    while (dir->hdir) {
        const struct kvs_dirent *b = dir->ent[bucket_of (dir, e->name, e->name_len)];

        if (!b || !b->child)
            return NULL;
        dir = b->child;
    }
    i = search (kvs_node_entries (dir, false), e->name, e->name_len, &found);
    return found && dir->ent[i] == e ? dir : NULL;
}

int kvs_dir_save (struct kvs_node *n, const char *name, size_t len)
{
    while (n) {
        const struct kvs_dirent *b;

        if (kvs_node_save (n) < 0)
            return -1;
        b = n->hdir ? n->ent[bucket_of (n, name, len)] : NULL;
        n = b ? b->child : NULL;
    }
    return 0;
}

/* Where a name is in the order of buckets: the hash, its digits turned around. */
static uint64_t position_of (const char *name, size_t len)
{
    uint64_t h = hash_name (name, len), pos = 0;

    for (int i = 0; i < 16; i++, h >>= 4)
        pos = pos << 4 | (h & 15);
    return pos;
}

struct page_walk {
    const struct kvs_loader *loader;
    struct kvs_page *page;
    void (*fn) (struct kvs_dirent *e, void *arg);
    void *arg;
    int errnum;
};

static void page_leaf (struct page_walk *w, const struct kvs_entries *es)
{
    for (uint32_t i = 0; i < es->count; i++) {
        struct kvs_dirent *e = es->ent[i];

        if (position_of (e->name, e->name_len) < w->page->from)
            continue;
        w->page->entries++;
        w->page->bytes += e->name_len + e->text_len;
        w->fn (e, w->arg);
    }
}

/* start: position of the first name that may be in this node. */
static void page_node (struct page_walk *w, struct kvs_node *n, uint64_t start)
{
    struct kvs_entries es = kvs_node_entries (n, w->loader->stored);
    struct kvs_page *page = w->page;
    int shift = 60 - 4 * n->level;

    kvs_node_touch (n);
    if (!es.hdir) {
        page_leaf (w, &es);
        return;
    }
    for (uint64_t i = 0; i < NODE_FANOUT && !page->more; i++) {
        uint64_t first = start + (i << shift),
                 last = first + (UINT64_C (1) << shift) - 1;
        struct kvs_dirent *e = es.ent[i];
        struct kvs_node *child;

        if (!e || last < page->from)
            continue;
        if (page->entries >= page->max_entries || page->bytes >= page->max_bytes) {
            page->more = true;
            page->next = first;
        } else if ((child =
                        e->child ? e->child : w->loader->load (w->loader->arg, n, e))) {
            page_node (w, child, first);
        } else {
            if (errno != EAGAIN || !w->errnum)
                w->errnum = errno;
            page->entries += NODE_MAX / 2; /* as a leaf has */
        }
    }
}

int kvs_dir_page (struct kvs_node *dir, const struct kvs_loader *loader,
                  struct kvs_page *page, void (*fn) (struct kvs_dirent *e, void *arg),
                  void *arg)
{
    struct page_walk w = { loader, page, fn, arg, 0 };

    page->entries = page->bytes = 0;
    page->more = false;
    page_node (&w, dir, 0);
    if (w.errnum) {
        errno = w.errnum;
        return -1;
    }
    return 0;
}

int kvs_dir_foreach (struct kvs_node *n, const struct kvs_loader *loader,
                     void (*fn) (struct kvs_dirent *e, void *arg), void *arg)
{
    struct kvs_entries es = kvs_node_entries (n, loader->stored);
    int errnum = 0;

    kvs_node_touch (n);
    for (uint32_t i = 0; i < slots (&es); i++) {
        struct kvs_dirent *e = es.ent[i];
        struct kvs_node *child;

        if (!es.hdir)
            fn (e, arg);
        else if (e
                 && (!(child = e->child ? e->child : loader->load (loader->arg, n, e))
                     || kvs_dir_foreach (child, loader, fn, arg) < 0))
            errnum = errno;
        if (errnum && errnum != EAGAIN)
            break;
    }
    errno = errnum;
    return errnum ? -1 : 0;
}

/* Encoding */

static void encode_hdir (struct kvs_dirent **ent, int level, struct buf *b)
{
    buf_adds (b, "{\"data\":{\"bucket\":[");
    for (int i = 0; i < NODE_FANOUT; i++) {
        if (i > 0)
            buf_addc (b, ',');
        if (ent[i])
            buf_add (b, kvs_dirent_text (ent[i]), ent[i]->text_len);
        else
            buf_adds (b, "null");
    }
    buf_printf (b, "],\"func\":\"fnv1a64\",\"level\":%d,\"size\":%d}", level,
                NODE_FANOUT);
    buf_adds (b, ",\"type\":\"hdir\",\"ver\":1}");
}

void kvs_dirent_encode (const struct kvs_dirent *e, bool stored, struct buf *b)
{
    if (e->text_len == 0 && e->child)
        kvs_node_encode (e->child, stored, b);
    else
        buf_add (b, kvs_dirent_text (e), e->text_len);
}

void kvs_node_encode (const struct kvs_node *n, bool stored, struct buf *b)
{
    struct kvs_entries es = kvs_node_entries (n, stored);

    if (es.hdir) {
        encode_hdir (es.ent, n->level, b);
        return;
    }
    buf_add (b, dir_head, sizeof (dir_head) - 1);
    for (uint32_t i = 0; i < es.count; i++) {
        const struct kvs_dirent *e = es.ent[i];

        if (i > 0)
            buf_addc (b, ',');
        json_add_string (b, e->name, e->name_len);
        buf_addc (b, ':');
        kvs_dirent_encode (e, stored, b);
    }
    buf_add (b, dir_tail, sizeof (dir_tail) - 1);
}

/* Decoding */

static struct kvs_dirent *decode_entry (struct kvs_lru *lru, struct span name,
                                        struct span value, int depth);

static int decode_dir (struct kvs_node *n, struct span data, int depth)
{
    struct span name, value;
    size_t pos = 0;
    int rc;

    while ((rc = treetext_next (data, &pos, &name, &value)) == 1) {
        struct kvs_dirent *e, *old;

        if (!(e = decode_entry (n->lru, name, value, depth)))
            return -1;
        /* Sorted input appends; anything else is sorted in. No split: the
         * text on disk says what the shape is. */
        if (leaf_set (n, e, &old) < 0) {
            kvs_dirent_destroy (e, NULL, 0);
            return -1;
        }
        kvs_dirent_destroy (old, NULL, 0);
    }
    return rc;
}

static int decode_bucket (struct kvs_node *n, int i, struct span value)
{
    struct treetext t;

    if (value.len == 4 && !memcmp (value.s, "null", 4))
        return 0;
    if (treetext_parse (value.s, value.len, &t) < 0)
        return -1;
    if (t.type != TREEOBJ_DIRREF) {
        errno = EINVAL;
        return -1;
    }
    if (!(n->ent[i] = kvs_dirent_create ("", 0, TREEOBJ_DIRREF, value.s, value.len)))
        return -1;
    adopt (n, n->ent[i]);
    n->count++;
    return 0;
}

static int decode_hdir (struct kvs_node *n, struct span data)
{
    struct span name, value, bucket = { NULL, 0 }, elem;
    size_t pos = 0;
    bool func = false, at_level = true;
    int rc, i = 0;
    struct buf level = BUF_INIT;

    buf_printf (&level, "%d", n->level);
    while ((rc = treetext_next (data, &pos, &name, &value)) == 1) {
        if (name.len == 8 && !memcmp (name.s, "\"bucket\"", 8) && value.s[0] == '[')
            bucket = value;
        if (value.len == 9 && !memcmp (value.s, "\"fnv1a64\"", 9))
            func = true;
        if (name.len == 7 && !memcmp (name.s, "\"level\"", 7)
            && (value.len != level.len || memcmp (value.s, level.data, level.len)))
            at_level = false;
    }
    buf_fini (&level);
    if (rc < 0 || !bucket.s || !func || !at_level
        || !(n->ent = calloc (NODE_FANOUT, sizeof (*n->ent))))
        goto inval;
    n->cap = NODE_FANOUT;
    n->hdir = true;
    pos = 0;
    while ((rc = treetext_next (bucket, &pos, &name, &elem)) == 1)
        if (i == NODE_FANOUT || decode_bucket (n, i++, elem) < 0)
            goto inval;
    if (rc == 0 && i == NODE_FANOUT)
        return 0;
inval:
    errno = EINVAL;
    return -1;
}

static struct kvs_node *decode_node (struct kvs_lru *lru, const struct treetext *t,
                                     int level, int depth)
{
    struct kvs_node *n;
    int rc;

    if (!(n = kvs_node_create (lru)))
        return NULL;
    n->level = level;
    if (t->type == TREEOBJ_DIR)
        rc = decode_dir (n, t->data, depth);
    else
        rc = decode_hdir (n, t->data);
    if (rc < 0) {
        kvs_node_destroy (n);
        return NULL;
    }
    return n;
}

static struct kvs_dirent *decode_entry (struct kvs_lru *lru, struct span name,
                                        struct span value, int depth)
{
    struct kvs_dirent *e = NULL;
    struct treetext t;
    struct span inner;
    struct buf b = BUF_INIT;

    if (treetext_parse (value.s, value.len, &t) < 0)
        return NULL;
    if (t.type == TREETEXT_HDIR || depth > TREETEXT_DEPTH_MAX) {
        errno = EINVAL;
        return NULL;
    }
    if (!json_span_plain (name, &inner)) {
        if (json_span_unquote (name, &b) < 0)
            goto done;
        inner = (struct span){ b.data, b.len };
    }
    if (inner.len == 0 || memchr (inner.s, '.', inner.len)) {
        errno = EINVAL;
        goto done;
    }
    if (t.type != TREEOBJ_DIR) {
        e = kvs_dirent_create (inner.s, inner.len, t.type, value.s, value.len);
    } else if ((e = kvs_dirent_create (inner.s, inner.len, TREEOBJ_DIRREF, NULL, 0))
               && !(e->child = decode_node (lru, &t, 0, depth + 1))) {
        kvs_dirent_destroy (e, NULL, 0);
        e = NULL;
    }
    if (e && e->child) {
        e->child->given = true;
        e->child->slot = e;
    }
done:
    buf_fini (&b);
    return e;
}

struct kvs_node *kvs_node_decode (struct kvs_lru *lru, const char *s, size_t len,
                                  int level)
{
    struct treetext t;

    if (treetext_parse (s, len, &t) < 0)
        return NULL;
    if (t.type != TREEOBJ_DIR && t.type != TREETEXT_HDIR) {
        errno = EINVAL;
        return NULL;
    }
    return decode_node (lru, &t, level, 0);
}
