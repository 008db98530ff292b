#include "lookup.h"
#include "jobns.h"

#include "base/json/jsonout.h"
#include "base/sort.h"
#include "core/kvs/kvs_raw.h"

#include <flux/kvs.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A walk on its way. */
struct walk {
    const struct kvs_lookup *l;
    struct kvs_view view;
    struct buf path; /* set once a link has been followed */
    int links;
};

static struct kvs_node *open_child (struct walk *w, struct kvs_node *dir,
                                    struct kvs_dirent *e)
{
    return e->child ? e->child : w->view.loader.load (w->view.loader.arg, dir, e);
}

/* Reading directories */

struct listing {
    struct kvs_dirent **ent;
    size_t count, cap;
    bool failed;
};

static void list_entry (struct kvs_dirent *e, void *arg)
{
    struct listing *ls = arg;

    if (ls->count == ls->cap) {
        size_t cap = ls->cap ? ls->cap * 2 : 256;
        struct kvs_dirent **ent = realloc (ls->ent, cap * sizeof (*ent));

        if (!ent) {
            ls->failed = true;
            return;
        }
        ls->ent = ent;
        ls->cap = cap;
    }
    ls->ent[ls->count++] = e;
}

static int by_name (const void *a, const void *b)
{
    return strcmp ((*(struct kvs_dirent *const *)a)->name,
                   (*(struct kvs_dirent *const *)b)->name);
}

static void add_type (const struct kvs_dirent *e, struct buf *out)
{
    static const char *types[] = { [TREEOBJ_VAL] = "\"val\"",
                                   [TREEOBJ_VALREF] = "\"valref\"",
                                   [TREEOBJ_DIR] = "\"dir\"",
                                   [TREEOBJ_DIRREF] = "\"dirref\"",
                                   [TREEOBJ_SYMLINK] = "\"symlink\"" };

    buf_adds (out, types[e->type]);
}

static void encode_listing (const struct listing *ls, bool names, bool stored,
                            struct buf *out)
{
    buf_adds (out, "{\"data\":{");
    for (size_t i = 0; i < ls->count; i++) {
        const struct kvs_dirent *e = ls->ent[i];

        if (i > 0)
            buf_addc (out, ',');
        json_add_string (out, e->name, e->name_len);
        buf_addc (out, ':');
        if (names)
            add_type (e, out);
        else
            kvs_dirent_encode (e, stored, out);
    }
    buf_printf (out, "},\"type\":\"%s\",\"ver\":1}", names ? "names" : "dir");
}

static int read_dir (struct walk *w, struct kvs_node *dir, struct buf *out)
{
    struct kvs_page *page = w->l->page;
    struct listing ls = { 0 };
    int rc;

    if (!page && !kvs_node_entries (dir, w->view.loader.stored).hdir) {
        kvs_node_touch (dir);
        kvs_node_encode (dir, w->view.loader.stored, out);
        return 0;
    }
    rc = page ? kvs_dir_page (dir, &w->view.loader, page, list_entry, &ls)
              : kvs_dir_foreach (dir, &w->view.loader, list_entry, &ls);
    if (rc == 0 && ls.failed) {
        errno = ENOMEM;
        rc = -1;
    }
    if (rc == 0) {
        sort_array (ls.ent, ls.count, sizeof (*ls.ent), by_name);
        encode_listing (&ls, w->l->names, w->view.loader.stored, out);
    }
    free (ls.ent);
    return rc;
}

/* Reading values */

static int read_val (const struct treetext *t, struct kvs_value_pos *pos,
                     struct buf *out)
{
    size_t mark = out->len, len;

    if (pos->blob > 0) {
        errno = EINVAL;
        return -1;
    }
    if (treetext_val_decode (t, out) < 0)
        return -1;
    len = out->len - mark;
    if (len < pos->offset) {
        out->len = mark;
        errno = EINVAL;
        return -1;
    }
    memmove (out->data + mark, out->data + mark + pos->offset, len - pos->offset);
    out->len -= pos->offset;
    out->data[out->len] = '\0';
    pos->offset = len;
    return 0;
}

static int read_blob (struct kvs_cache *cache, struct span quoted, const char **data,
                      size_t *len)
{
    char ref[BLOBREF_MAX_SIZE];
    struct span inner;

    if (quoted.s[0] != '"' || !json_span_plain (quoted, &inner)
        || inner.len >= sizeof (ref)) {
        errno = EINVAL;
        return -1;
    }
    memcpy (ref, inner.s, inner.len);
    ref[inner.len] = '\0';
    return kvs_cache_blob (cache, ref, data, len);
}

static int read_valref (struct kvs_cache *cache, const struct treetext *t,
                        struct kvs_value_pos *pos, size_t max, struct buf *out)
{
    struct kvs_value_pos at = *pos;
    struct span name, value;
    size_t p = 0, i = 0, mark = out->len;
    int rc, errnum = 0;

    while ((rc = treetext_next (t->data, &p, &name, &value)) == 1) {
        const char *data;
        size_t len, skip = i == pos->blob ? pos->offset : 0, got = out->len - mark;

        if (i++ < pos->blob)
            continue;
        if (got >= max || (errnum && max < LOOKUP_VALUE_MAX)) {
            rc = 0;
            break;
        }
        if (read_blob (cache, value, &data, &len) < 0) {
            errnum = errno;
            if (errnum != EAGAIN)
                break;
        } else if (len < skip) {
            errnum = EINVAL;
            break;
        } else if (out->len - mark + len - skip > LOOKUP_VALUE_MAX) {
            errnum = EFBIG;
            break;
        } else if (!errnum) {
            size_t n = len - skip < max - got ? len - skip : max - got;
            buf_add (out, data + skip, n);
            at = (struct kvs_value_pos){ i - 1, skip + n };
        }
    }
    if (errnum == EAGAIN && max < LOOKUP_VALUE_MAX && out->len > mark)
        errnum = 0; /* what is here, first */
    if (!errnum && (rc < 0 || (i <= pos->blob && (pos->blob > 0 || pos->offset > 0))))
        errnum = EINVAL;
    if (errnum) {
        out->len = mark;
        errno = errnum;
        return -1;
    }
    *pos = at;
    return 0;
}

int kvs_value_read (struct kvs_cache *cache, const char *text, size_t len,
                    struct kvs_value_pos *pos, size_t max, struct buf *out)
{
    struct treetext t;

    if (treetext_parse (text, len, &t) < 0)
        return -1;
    if (t.type == TREEOBJ_VAL)
        return read_val (&t, pos, out);
    if (t.type == TREEOBJ_VALREF)
        return read_valref (cache, &t, pos, max, out);
    errno = EINVAL;
    return -1;
}

/* The walk */

/* *quoted becomes a string owned by the caller, in b. */
static int link_parse (const struct kvs_dirent *e, struct buf *ns, struct buf *target)
{
    struct treetext t;
    struct span name, value;
    size_t pos = 0;

    if (treetext_parse (kvs_dirent_text (e), e->text_len, &t) < 0)
        return -1;
    while (treetext_next (t.data, &pos, &name, &value) == 1) {
        if (name.len == 8 && !memcmp (name.s, "\"target\"", 8)
            && json_span_unquote (value, target) < 0)
            return -1;
        if (name.len == 11 && !memcmp (name.s, "\"namespace\"", 11)
            && json_span_unquote (value, ns) < 0)
            return -1;
    }
    if (target->len == 0) {
        errno = ENOENT;
        return -1;
    }
    return 0;
}

/* A link into a job's namespace leads into the primary one. */
static int resolve_job (struct buf *ns, struct buf *target)
{
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX], *key;

    if (ns->len == 0 || !jobns_parse (ns->data, dir, guest))
        return 0;
    if (!(key = jobns_key (guest, target->data)))
        return -1;
    buf_reset (ns);
    buf_adds (ns, KVS_PRIMARY_NAMESPACE);
    buf_reset (target);
    buf_adds (target, key);
    free (key);
    return 0;
}

/* The path becomes the link's target and the rest of the key behind it. */
static int follow_link (struct walk *w, const struct kvs_dirent *e, const char *rest)
{
    struct buf ns = BUF_INIT, path = BUF_INIT;
    int rc = -1;

    if (w->links++ == LOOKUP_LINKS_MAX) {
        errno = ELOOP;
        return -1;
    }
    if (link_parse (e, &ns, &path) == 0 && resolve_job (&ns, &path) == 0) {
        if (*rest) {
            if (!strcmp (path.data, "."))
                buf_reset (&path);
            else
                buf_addc (&path, '.');
            buf_adds (&path, rest);
        }
        rc = 0;
        if (path.err) {
            errno = ENOMEM;
            rc = -1;
        }
    }
    if (rc == 0 && ns.len > 0) {
        if (w->l->open) {
            rc = w->l->open (w->l->arg, ns.data, &w->view);
        } else {
            errno = EINVAL;
            rc = -1;
        }
    }
    buf_fini (&ns);
    if (rc < 0) {
        buf_fini (&path);
        return -1;
    }
    buf_fini (&w->path);
    w->path = path;
    return 0;
}

static int finish_dir (struct walk *w, struct kvs_node *dir, struct buf *out)
{
    if (w->l->flags & FLUX_KVS_READLINK)
        errno = EINVAL;
    else if (!(w->l->flags & FLUX_KVS_READDIR))
        errno = EISDIR;
    else
        return read_dir (w, dir, out);
    return -1;
}

static int finish_root (struct walk *w, struct buf *out)
{
    if (w->l->flags & FLUX_KVS_TREEOBJ) {
        treetext_add_dirref (out, w->view.rootref);
        return 0;
    }
    return finish_dir (w, w->view.root, out);
}

/* 1: the value is one blob, and its text was added; 0: it is something else. */
static int add_single (struct kvs_cache *cache, const char *found, size_t len,
                       struct buf *out)
{
    struct treetext t;
    struct span name, first, second;
    const char *data;
    size_t pos = 0, size;

    if (treetext_parse (found, len, &t) < 0)
        return -1;
    if (t.type != TREEOBJ_VALREF || treetext_next (t.data, &pos, &name, &first) != 1
        || treetext_next (t.data, &pos, &name, &second) != 0)
        return 0;
    if (read_blob (cache, first, &data, &size) < 0)
        return -1;
    treetext_add_val (out, data, size);
    return 1;
}

int kvs_value_finish (struct kvs_cache *cache, const char *found, size_t len, bool raw,
                      struct buf *out)
{
    struct kvs_value_pos pos = { 0, 0 };
    struct buf bytes = BUF_INIT;
    int rc;

    if (raw)
        return kvs_value_read (cache, found, len, &pos, LOOKUP_VALUE_MAX, out);
    if ((rc = add_single (cache, found, len, out)) != 0)
        return rc < 0 ? -1 : 0;
    rc = kvs_value_read (cache, found, len, &pos, LOOKUP_VALUE_MAX, &bytes);
    if (rc == 0)
        treetext_add_val (out, bytes.data, bytes.len);
    buf_fini (&bytes);
    return rc;
}

static int finish_value (struct walk *w, struct kvs_dirent *e, struct buf *out)
{
    bool raw = w->l->flags == KVS_LOOKUP_RAW;
    int rc = -1;

    if (w->l->flags & FLUX_KVS_READLINK) {
        errno = EINVAL;
    } else if (w->l->flags & FLUX_KVS_READDIR) {
        errno = ENOTDIR;
    } else if (e->type == TREEOBJ_VAL && !raw) {
        rc = buf_add (out, kvs_dirent_text (e), e->text_len);
    } else {
        rc = kvs_value_finish (w->l->cache, kvs_dirent_text (e), e->text_len, raw, out);
        if (rc < 0 && errno == EAGAIN && w->l->found) {
            buf_add (w->l->found, kvs_dirent_text (e), e->text_len);
            errno = EAGAIN;
        }
    }
    return rc;
}

static int finish (struct walk *w, struct kvs_node *dir, struct kvs_dirent *e,
                   struct buf *out)
{
    struct kvs_node *child;

    if ((w->l->flags & FLUX_KVS_TREEOBJ)
        || (e->type == TREEOBJ_SYMLINK && (w->l->flags & FLUX_KVS_READLINK))) {
        kvs_dirent_encode (e, w->view.loader.stored, out);
        return out->err ? -1 : 0;
    }
    if (e->type != TREEOBJ_DIRREF)
        return finish_value (w, e, out);
    if (!(w->l->flags & FLUX_KVS_READDIR))
        return finish_dir (w, NULL, out);
    if (!(child = open_child (w, dir, e)))
        return -1;
    return finish_dir (w, child, out);
}

/* 0: done, 1: a link was followed, start again from the root. */
static int walk_path (struct walk *w, const char *p, struct buf *out)
{
    struct kvs_node *dir = w->view.root;

    if (!strcmp (p, "."))
        return finish_root (w, out);
    while (true) {
        const char *dot = strchrnul (p, '.');
        bool last = *dot == '\0' || dot[1] == '\0';
        struct kvs_dirent *e;

        if (dot == p) {
            errno = ENOENT;
            return -1;
        }
        if (!(e = kvs_dir_find (dir, p, dot - p, &w->view.loader)))
            return -1;
        if (e->type == TREEOBJ_SYMLINK
            && !(last && (w->l->flags & (FLUX_KVS_READLINK | FLUX_KVS_TREEOBJ))))
            return follow_link (w, e, last ? "" : dot + 1) < 0 ? -1 : 1;
        if (last)
            return finish (w, dir, e, out);
        if (e->type != TREEOBJ_DIRREF) {
            errno = ENOENT;
            return -1;
        }
        if (!(dir = open_child (w, dir, e)))
            return -1;
        p = dot + 1;
    }
}

int kvs_lookup (const struct kvs_lookup *l, struct buf *out)
{
    struct walk w = { .l = l, .view = l->view };
    size_t mark = out->len;
    int rc = walk_path (&w, l->key, out);

    while (rc == 1) {
        /* w.path is replaced while it is read: walk over a copy. */
        char *path = strdup (w.path.data);

        rc = path ? walk_path (&w, path, out) : -1;
        free (path);
    }
    buf_fini (&w.path);
    if (rc == 0 && out->err) {
        errno = ENOMEM;
        rc = -1;
    }
    if (rc < 0)
        out->len = mark;
    return rc;
}
