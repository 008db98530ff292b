#include "service.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A lookup that waits for blobs. */
struct stalled {
    struct waiter w;
    struct kvs *kvs;
    const flux_msg_t *msg;
    struct kvs_read read;
};

/* The root of a namespace that a lookup reads, on followers. */
struct kvs_pin {
    char *ns;
    char rootref[BLOBREF_MAX_SIZE];
};

/* One pass of a lookup: it cannot be interrupted. */
struct pass {
    struct kvs *kvs;
    struct kvs_read *read;
    const flux_msg_t *msg;
    const struct kvs_ns *opened[LOOKUP_LINKS_MAX + 1];
    size_t count;
};

static const struct kvs_pin *find_pin (const struct kvs_read *r, const char *ns)
{
    for (size_t i = 0; i < r->pin_count; i++)
        if (!strcmp (r->pins[i].ns, ns))
            return &r->pins[i];
    return NULL;
}

/* The pass stops here: the next one goes on with the same roots. */
static int pin_opened (struct pass *p)
{
    struct kvs_read *r = p->read;
    struct kvs_pin *pins;

    for (size_t i = 0; i < p->count; i++) {
        const struct kvs_ns *ns = p->opened[i];

        if (find_pin (r, ns->name))
            continue;
        if (!(pins = realloc (r->pins, (r->pin_count + 1) * sizeof (*pins))))
            return -1;
        r->pins = pins;
        if (!(pins[r->pin_count].ns = strdup (ns->name)))
            return -1;
        strcpy (pins[r->pin_count++].rootref, ns->rootref);
    }
    return 0;
}

/* All that was found so far; the lookup starts anew. True if that was anything. */
static bool unpin (struct kvs_read *r)
{
    bool any = r->pin_count > 0 || r->value.len > 0;

    for (size_t i = 0; i < r->pin_count; i++)
        free (r->pins[i].ns);
    free (r->pins);
    r->pins = NULL;
    r->pin_count = 0;
    buf_reset (&r->value);
    return any;
}

static int open_view (struct pass *p, const char *name, struct kvs_view *view)
{
    struct kvs *kvs = p->kvs;
    struct kvs_ns *ns = kvs_ns_lookup (kvs, name);
    const struct kvs_pin *pin;

    if (!ns)
        return kvs_ns_fetch (kvs, name);
    if (kvs_ns_authorize (ns, p->msg) < 0)
        return -1;
    if (ns->space) {
        view->rootref = ns->rootref;
        view->loader = kvs_tree_loader (ns->space->tree);
        view->root = kvs_tree_root (ns->space->tree);
    } else {
        pin = find_pin (p->read, name);
        view->rootref = pin ? pin->rootref : ns->rootref;
        if (!pin && p->count < sizeof (p->opened) / sizeof (p->opened[0]))
            p->opened[p->count++] = ns;
        view->loader = kvs_cache_loader (kvs->cache);
        view->root = kvs_cache_dir (kvs->cache, view->rootref, 0);
    }
    return view->root ? 0 : -1;
}

static int open_for_link (void *arg, const char *name, struct kvs_view *view)
{
    return open_view (arg, name, view);
}

static int open_snapshot (struct kvs *kvs, const char *rootref, const flux_msg_t *msg,
                          struct kvs_view *view)
{
    int errnum;

    /* Whoever knows a digest could read anything with it. */
    if (flux_msg_authorize (msg, kvs->owner) < 0)
        return -1;
    view->loader = kvs_cache_loader (kvs->cache);
    view->root = kvs_cache_dir (kvs->cache, rootref, 0);
    view->rootref = rootref;
    if (!view->root && kvs_cache_failed (kvs->cache, &errnum))
        errno = errnum; /* the name is wrong, not the tree */
    return view->root ? 0 : -1;
}

static int run_pass (struct pass *p, int flags, struct buf *out)
{
    struct kvs_read *r = p->read;
    struct kvs_lookup l = { .cache = p->kvs->cache,
                            .open = open_for_link,
                            .arg = p,
                            .key = r->key,
                            .flags = flags,
                            .found = flags == 0 ? &r->value : NULL };
    int rc;

    kvs_cache_clear_failed (p->kvs->cache);
    if (flags == 0 && r->value.len > 0)
        return kvs_value_finish (p->kvs->cache, r->value.data, r->value.len, out);
    if (r->rootref)
        rc = open_snapshot (p->kvs, r->rootref, p->msg, &l.view);
    else
        rc = open_view (p, r->ns, &l.view);
    return rc < 0 ? -1 : kvs_lookup (&l, out);
}

/* A blob was superseded, and dropped, before this slow reader came to it? */
static bool is_late (struct kvs *kvs, const struct kvs_read *r)
{
    int errnum;

    if (!kvs_cache_failed (kvs->cache, &errnum) || errnum != ENOENT || r->rootref)
        return false;
    for (size_t i = 0; i < r->pin_count; i++) {
        struct kvs_ns *ns = kvs_ns_lookup (kvs, r->pins[i].ns);

        if (ns && strcmp (ns->rootref, r->pins[i].rootref))
            return true;
    }
    return kvs->leader && r->value.len > 0;
}

int kvs_read_run (struct kvs *kvs, struct kvs_read *r, const flux_msg_t *msg, int flags,
                  struct buf *out)
{
    struct pass p = { .kvs = kvs, .read = r, .msg = msg };
    size_t mark = out->len;
    int rc = run_pass (&p, flags, out);

    if (rc < 0 && errno == EAGAIN) {
        rc = pin_opened (&p);
        errno = rc < 0 ? ENOMEM : EAGAIN;
        return -1;
    }
    if (rc < 0 && is_late (kvs, r)) {
        unpin (r);
        if (kvs->leader) {
            out->len = mark;
            return run_pass (&p, flags, out);
        }
        errno = ESTALE;
    }
    if (rc == 0)
        unpin (r); /* whoever looks again wants what is new */
    return rc;
}

void kvs_read_failed (struct kvs *kvs, const struct kvs_read *r, const flux_msg_t *msg,
                      int errnum)
{
    int cause;
    const char *ref = kvs_cache_failed (kvs->cache, &cause);
    char text[1024];

    if (ref && errnum != ENOENT) {
        snprintf (text, sizeof (text), "%.800s: blob %s: %s", r->key, ref,
                  cause == ENOENT    ? "missing"
                  : cause == EBADMSG ? "damaged"
                                     : strerror (cause));
        kvs_respond_text (kvs, msg, errnum, text);
    } else {
        kvs_respond_error (kvs, msg, errnum);
    }
}

void kvs_read_fini (struct kvs_read *r)
{
    free (r->key);
    free (r->ns);
    free (r->rootref);
    unpin (r);
    buf_fini (&r->value);
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
static bool answer (struct kvs *kvs, struct kvs_read *r, const flux_msg_t *msg)
{
    struct buf out = BUF_INIT;

    buf_adds (&out, "{\"val\":");
    if (kvs_read_run (kvs, r, msg, r->flags, &out) < 0) {
        int errnum = errno;

        buf_fini (&out);
        if (errnum == EAGAIN)
            return false;
        /* The leader has the newest root in memory. */
        if (errnum != ESTALE || kvs_relay (kvs, msg, kvs_relay_answer) < 0)
            kvs_read_failed (kvs, r, msg, errnum == ESTALE ? errno : errnum);
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
