#include "service.h"
#include "tree/jobns.h"

#include "base/clock.h"
#include "core/handle/take.h"
#include "core/kvs/kvs_raw.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A lookup that waits for blobs. */
struct stalled {
    struct waiter w;
    struct kvs *kvs;
    const flux_msg_t *msg;
    struct kvs_reading read;
};

struct asker {
    struct kvs *kvs;
    const flux_msg_t *msg;
    bool refs; /* is told blobrefs, and may come back with them */
};

static int find_root (void *arg, const char *name, struct kvs_root *root)
{
    struct asker *a = arg;
    struct kvs_ns *ns = kvs_ns_lookup (a->kvs, name);

    if (!ns)
        return kvs_ns_fetch (a->kvs, name);
    if (kvs_ns_authorize (ns, a->msg) < 0)
        return -1;
    ns->unread = 0;
    if (a->refs && a->kvs->held
        && kvs_held_add (a->kvs->held, ns->rootref, NULL, clock_coarse ()) == 0)
        kvs_keep_root (a->kvs);
    root->name = ns->name;
    root->rootref = ns->rootref;
    root->tree = ns->space ? ns->space->tree : NULL;
    return 0;
}

static int may_read_any (void *arg)
{
    struct asker *a = arg;

    return flux_msg_authorize (a->msg, a->kvs->owner);
}

int kvs_read_run (struct kvs *kvs, struct kvs_reading *r, const flux_msg_t *msg,
                  int flags, struct buf *out)
{
    struct asker a = { kvs, msg, (flags & r->flags & FLUX_KVS_TREEOBJ) != 0 };
    struct kvs_roots roots = { .cache = kvs->cache,
                               .leader = kvs->leader != NULL,
                               .find = find_root,
                               .may_read_any = may_read_any,
                               .arg = &a };

    return kvs_reading_run (r, &roots, flags, out);
}

void kvs_read_failed (struct kvs *kvs, const struct kvs_reading *r,
                      const flux_msg_t *msg, int errnum)
{
    int cause;
    const char *ref = kvs_cache_failed (kvs->cache, &cause);
    char text[1024];

    if (ref && errnum != ENOENT) {
        snprintf (text, sizeof (text), "blob %s of key '%.800s': %s", ref, r->key,
                  cause == ENOENT    ? "missing"
                  : cause == EBADMSG ? "damaged"
                                     : strerror (cause));
        kvs_respond_text (kvs, msg, errnum, text);
    } else {
        kvs_respond_error (kvs, msg, errnum);
    }
}

static char *unquote (struct span quoted)
{
    struct buf b = BUF_INIT;

    if (quoted.s[0] != '"' || json_span_unquote (quoted, &b) < 0
        || memchr (b.data ? b.data : "", 0, b.len)) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

char *kvs_dirref_of (struct span text)
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

/* "": the first part, else what the answer before said. */
static int decode_page (struct span quoted, struct kvs_page *page)
{
    char *s = unquote (quoted);

    if (!s)
        return -1;
    *page = (struct kvs_page){ .from = strtoull (s, NULL, 16),
                               .max_entries = LOOKUP_PAGE_ENTRIES,
                               .max_bytes = LOOKUP_PAGE_BYTES };
    free (s);
    return 0;
}

/* A job's namespace is a directory of the primary one. */
static int resolve_job (struct kvs_reading *r)
{
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX], *key, *ns;

    if (r->rootref || !jobns_parse (r->ns, dir, guest))
        return 0;
    key = jobns_key (guest, r->key);
    ns = strdup (KVS_PRIMARY_NAMESPACE);
    if (!key || !ns) {
        free (key);
        free (ns);
        kvs_reading_fini (r);
        memset (r, 0, sizeof (*r));
        errno = ENOMEM;
        return -1;
    }
    free (r->key);
    free (r->ns);
    r->key = key;
    r->ns = ns;
    return 0;
}

int kvs_read_decode (const flux_msg_t *msg, struct kvs_reading *r)
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
        } else if (is_name (name, "page")) {
            if (decode_page (value, &r->page) < 0)
                goto proto;
            r->paged = true;
        } else if (is_name (name, "names")) {
            r->names = value.s[0] == 't';
        } else if (is_name (name, "rootdir") && !r->rootref) {
            if (!(r->rootref = kvs_dirref_of (value))) {
                kvs_reading_fini (r);
                memset (r, 0, sizeof (*r));
                errno = EINVAL;
                return -1;
            }
        }
    }
    if (rc < 0 || !r->key || !*r->key || !flags.s || (!r->ns && !r->rootref))
        goto proto;
    r->flags = strtol (flags.s, NULL, 10);
    if ((r->paged || r->names) && r->flags != FLUX_KVS_READDIR)
        goto proto;
    return resolve_job (r);
proto:
    kvs_reading_fini (r);
    memset (r, 0, sizeof (*r));
    errno = EPROTO;
    return -1;
}

/* True unless it has to wait. */
static bool answer (struct kvs *kvs, struct kvs_reading *r, const flux_msg_t *msg)
{
    bool raw = r->flags == KVS_LOOKUP_RAW;
    struct buf out = BUF_INIT;

    if (raw)
        buf_add (&out, KVS_RAW_HEAD, KVS_RAW_HEAD_LEN);
    else
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
    if (r->paged && r->page.more)
        buf_printf (&out, ",\"next\":\"%016" PRIx64 "\"", r->page.next);
    if (!raw)
        buf_addc (&out, '}');
    buf_addc (&out, '\0');
    if (out.err) {
        buf_fini (&out);
        kvs_respond_error (kvs, msg, ENOMEM);
    } else if (respond_take (kvs->h, msg, &out) < 0) {
        flux_log_error (kvs->h, "error responding to kvs.lookup");
    }
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
    kvs_reading_fini (&st->read);
    free (st);
}

static bool disconnect_stalled (struct waiter *w, const flux_msg_t *msg)
{
    return flux_disconnect_match (msg, container_of (w, struct stalled, w)->msg);
}

/* The leader knows then which blobs have a reader. */
static void relay_lookup (struct kvs *kvs, const flux_msg_t *msg)
{
    if (kvs_relay (kvs, msg, kvs_relay_answer) < 0)
        kvs_respond_error (kvs, msg, errno);
}

void kvs_lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_reading r;
    struct stalled *st;

    if (kvs_read_decode (msg, &r) < 0) {
        kvs_respond_error (kvs, msg, errno);
        return;
    }
    if (kvs->rank > 0 && (r.flags & FLUX_KVS_TREEOBJ) && !r.rootref) {
        relay_lookup (kvs, msg);
        kvs_reading_fini (&r);
        return;
    }
    if (answer (kvs, &r, msg)) {
        kvs_reading_fini (&r);
        return;
    }
    if (!(st = calloc (1, sizeof (*st)))) {
        kvs_reading_fini (&r);
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
