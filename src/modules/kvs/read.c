#include "service.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A lookup that waits for blobs. */
struct stalled {
    struct waiter w;
    struct kvs *kvs;
    const flux_msg_t *msg;
    struct kvs_read read;
};

struct open_arg {
    struct kvs *kvs;
    const flux_msg_t *msg;
};

int kvs_open_view (struct kvs *kvs, const char *name, const flux_msg_t *msg,
                   struct kvs_view *view)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, name);

    if (!ns)
        return kvs_ns_fetch (kvs, name);
    if (kvs_ns_authorize (ns, msg) < 0)
        return -1;
    if (ns->tree) {
        view->loader = kvs_tree_loader (ns->tree);
        view->root = kvs_tree_root (ns->tree);
    } else {
        view->loader = kvs_cache_loader (kvs->cache);
        view->root = kvs_cache_dir (kvs->cache, ns->rootref, 0);
    }
    view->rootref = ns->rootref;
    return view->root ? 0 : -1;
}

static int open_for_link (void *arg, const char *name, struct kvs_view *view)
{
    struct open_arg *a = arg;

    return kvs_open_view (a->kvs, name, a->msg, view);
}

static int open_snapshot (struct kvs *kvs, const char *rootref, const flux_msg_t *msg,
                          struct kvs_view *view)
{
    /* Whoever knows a digest could read anything with it. */
    if (flux_msg_authorize (msg, kvs->owner) < 0)
        return -1;
    view->loader = kvs_cache_loader (kvs->cache);
    view->root = kvs_cache_dir (kvs->cache, rootref, 0);
    view->rootref = rootref;
    return view->root ? 0 : -1;
}

int kvs_read_run (struct kvs *kvs, const struct kvs_read *r, const flux_msg_t *msg,
                  int flags, struct buf *out)
{
    struct open_arg arg = { kvs, msg };
    struct kvs_lookup l = { .cache = kvs->cache,
                            .open = open_for_link,
                            .arg = &arg,
                            .key = r->key,
                            .flags = flags };
    int rc;

    if (r->rootref)
        rc = open_snapshot (kvs, r->rootref, msg, &l.view);
    else
        rc = kvs_open_view (kvs, r->ns, msg, &l.view);
    return rc < 0 ? -1 : kvs_lookup (&l, out);
}

void kvs_read_fini (struct kvs_read *r)
{
    free (r->key);
    free (r->ns);
    free (r->rootref);
}

static char *unquote (struct span quoted)
{
    struct buf b = BUF_INIT;

    if (quoted.s[0] != '"' || treetext_unquote (quoted, &b) < 0
        || memchr (b.data ? b.data : "", 0, b.len)) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

static char *dirref_of (struct span text)
{
    struct treetext t;
    struct span name, value;
    size_t pos = 0;

    if (treetext_parse (text.s, text.len, &t) < 0 || t.type != TREEOBJ_DIRREF
        || treetext_next (t.data, &pos, &name, &value) != 1)
        return NULL;
    return unquote (value);
}

static bool is_name (struct span s, const char *name)
{
    return s.len == strlen (name) + 2 && !memcmp (s.s + 1, name, s.len - 2);
}

int kvs_read_decode (const flux_msg_t *msg, struct kvs_read *r)
{
    struct span name, value, flags = { NULL, 0 };
    const char *s;
    size_t pos = 0;
    int rc;

    memset (r, 0, sizeof (*r));
    if (flux_request_decode (msg, NULL, &s) < 0)
        return -1;
    if (!s)
        goto proto;
    while ((rc = treetext_next ((struct span){ s, strlen (s) }, &pos, &name, &value))
           == 1) {
        if (is_name (name, "key") && !r->key) {
            r->key = unquote (value);
        } else if (is_name (name, "namespace") && !r->ns) {
            r->ns = unquote (value);
        } else if (is_name (name, "flags")) {
            flags = value;
        } else if (is_name (name, "rootdir") && !r->rootref) {
            if (!(r->rootref = dirref_of (value))) {
                kvs_read_fini (r);
                memset (r, 0, sizeof (*r));
                errno = EINVAL;
                return -1;
            }
        }
    }
    if (rc < 0 || !r->key || !*r->key || !flags.s || (!r->ns && !r->rootref))
        goto proto;
    r->flags = strtol (flags.s, NULL, 10);
    return 0;
proto:
    kvs_read_fini (r);
    memset (r, 0, sizeof (*r));
    errno = EPROTO;
    return -1;
}

/* True unless it has to wait. */
static bool answer (struct kvs *kvs, const struct kvs_read *r, const flux_msg_t *msg)
{
    struct buf out = BUF_INIT;

    buf_adds (&out, "{\"val\":");
    if (kvs_read_run (kvs, r, msg, r->flags, &out) < 0) {
        int errnum = errno;

        buf_fini (&out);
        if (errnum == EAGAIN)
            return false;
        kvs_respond_error (kvs, msg, errnum);
        return true;
    }
    buf_addc (&out, '}');
    if (out.err)
        kvs_respond_error (kvs, msg, ENOMEM);
    else if (flux_respond (kvs->h, msg, out.data) < 0)
        flux_log_error (kvs->h, "error responding to kvs.lookup");
    buf_fini (&out);
    return true;
}

static bool run_stalled (struct waiter *w)
{
    struct stalled *st = container_of (w, struct stalled, w);

    return answer (st->kvs, &st->read, st->msg);
}

static void destroy_stalled (struct waiter *w)
{
    struct stalled *st = container_of (w, struct stalled, w);

    flux_msg_decref (st->msg);
    kvs_read_fini (&st->read);
    free (st);
}

static bool disconnect_stalled (struct waiter *w, const flux_msg_t *msg)
{
    return flux_disconnect_match (msg, container_of (w, struct stalled, w)->msg);
}

void kvs_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_read r;
    struct stalled *st;

    if (kvs_read_decode (msg, &r) < 0) {
        kvs_respond_error (kvs, msg, errno);
        return;
    }
    if (answer (kvs, &r, msg)) {
        kvs_read_fini (&r);
        return;
    }
    if (!(st = calloc (1, sizeof (*st)))) {
        kvs_read_fini (&r);
        kvs_respond_error (kvs, msg, ENOMEM);
        return;
    }
    st->w = (struct waiter){ .run = run_stalled,
                             .destroy = destroy_stalled,
                             .disconnect = disconnect_stalled };
    list_init (&st->w.node);
    st->kvs = kvs;
    st->msg = flux_msg_incref (msg);
    st->read = r;
    if (kvs_stall (kvs, &st->w) < 0) {
        kvs_respond_error (kvs, msg, errno);
        destroy_stalled (&st->w);
    }
}
