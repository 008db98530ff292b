#include "base/json/json.h"
#include "base/json/jsonout.h"
#include "core/kvs/kvs_impl.h"
#include "core/kvs/kvs_raw.h"
#include "core/kvs/kvs_window.h"
#include "core/kvs/treetext.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define WATCH_FLAGS                                                                    \
    (FLUX_KVS_WATCH | FLUX_KVS_WAITCREATE | FLUX_KVS_WATCH_FULL | FLUX_KVS_WATCH_UNIQ  \
     | FLUX_KVS_WATCH_APPEND | FLUX_KVS_STREAM | FLUX_KVS_WATCH_INITIAL_SENTINEL)
#define READ_FLAGS (FLUX_KVS_READDIR | FLUX_KVS_READLINK | FLUX_KVS_TREEOBJ)

static const char aux_name[] = "flux::kvs_lookup";

/* Kept with the future: what the getters hand out. */
struct lookup {
    char *key;
    char *root; /* tree object of lookupat, or NULL */
    int flags;
    struct buf value;
    struct buf text;
    struct buf dir_text; /* that dir was made from */
    flux_kvsdir_t *dir;
    struct buf json_text; /* that json was made from */
    json_t *json;
    struct buf ns, target;
};

static void lookup_destroy (void *arg)
{
    struct lookup *l = arg;

    if (l) {
        int saved_errno = errno;
        free (l->key);
        free (l->root);
        buf_fini (&l->value);
        buf_fini (&l->text);
        buf_fini (&l->dir_text);
        buf_fini (&l->ns);
        buf_fini (&l->target);
        flux_kvsdir_destroy (l->dir);
        buf_fini (&l->json_text);
        json_decref (l->json);
        free (l);
        errno = saved_errno;
    }
}

/* At most one kind of reading; watch modifiers only with WATCH. */
static bool flags_valid (int flags)
{
    int kind = flags & READ_FLAGS;
    int only = FLUX_KVS_WATCH_FULL | FLUX_KVS_WATCH_UNIQ | FLUX_KVS_WATCH_APPEND
               | FLUX_KVS_WATCH_INITIAL_SENTINEL;

    if ((flags & ~(READ_FLAGS | WATCH_FLAGS)) || (kind & (kind - 1)))
        return false;
    if ((flags & only) && !(flags & FLUX_KVS_WATCH))
        return false;
    if ((flags & FLUX_KVS_WATCH_APPEND)
        && (kind || (flags & (FLUX_KVS_WATCH_FULL | FLUX_KVS_WATCH_UNIQ))))
        return false;
    return true;
}

static flux_future_t *send_lookup (flux_t *h, const char *topic, struct buf *payload,
                                   int rpc_flags, struct lookup *l)
{
    flux_future_t *f = NULL;

    if (payload->err) {
        errno = ENOMEM;
        return NULL;
    }
    if (!(f = flux_rpc (h, topic, payload->data, FLUX_NODEID_ANY, rpc_flags))
        || flux_future_aux_set (f, aux_name, l, lookup_destroy) < 0) {
        flux_future_destroy (f);
        return NULL;
    }
    return f;
}

static struct lookup *lookup_create (const char *key, int flags)
{
    struct lookup *l;

    if (!(l = calloc (1, sizeof (*l))) || !(l->key = strdup (key))) {
        lookup_destroy (l);
        errno = ENOMEM;
        return NULL;
    }
    l->flags = flags;
    return l;
}

/* A NULL root: in the namespace. */
static flux_future_t *lookup (flux_t *h, const char *ns, const char *root, int flags,
                              const char *key)
{
    bool watch = (flags & WATCH_FLAGS) != 0;
    bool stream = (flags & (FLUX_KVS_WATCH | FLUX_KVS_STREAM)) != 0;
    int asked = flags == 0 ? KVS_LOOKUP_RAW : flags;
    struct buf payload = BUF_INIT;
    flux_future_t *f = NULL;
    struct lookup *l = NULL;
    char *norm = NULL;

    if (!h || !key || !*key || !flags_valid (flags)) {
        errno = EINVAL;
        return NULL;
    }
    if ((norm = kvs_key_normalize (key)) && (l = lookup_create (key, flags))
        && (!root || (l->root = strdup (root)))) {
        buf_adds (&payload, "{\"key\":");
        json_add_string (&payload, norm, strlen (norm));
        buf_printf (&payload, ",\"flags\":%d,", asked);
        buf_adds (&payload, root ? "\"rootdir\":" : "\"namespace\":");
        if (root)
            buf_adds (&payload, root);
        else
            json_add_string (&payload, ns, strlen (ns));
        buf_addc (&payload, '}');
        f = send_lookup (h, watch ? "kvs-watch.lookup" : "kvs.lookup", &payload,
                         stream ? FLUX_RPC_STREAMING : 0, l);
    }
    if (!f)
        lookup_destroy (l);
    buf_fini (&payload);
    free (norm);
    return f;
}

flux_future_t *flux_kvs_lookup (flux_t *h, const char *ns, int flags, const char *key)
{
    return lookup (h, kvs_namespace (ns), NULL, flags, key);
}

flux_future_t *flux_kvs_lookupat (flux_t *h, int flags, const char *key,
                                  const char *treeobj)
{
    flux_future_t *f;
    json_t *o;

    if (!treeobj)
        return flux_kvs_lookup (h, NULL, flags, key);
    if ((flags & WATCH_FLAGS)) {
        errno = EINVAL;
        return NULL;
    }
    if (!(o = json_decode_or (EINVAL, treeobj, strlen (treeobj), 0, NULL)))
        return NULL;
    f = lookup (h, NULL, treeobj, flags, key);
    json_decref (o);
    return f;
}

static struct lookup *get_ctx (flux_future_t *f)
{
    struct lookup *l = flux_future_aux_get (f, aux_name);

    if (!l)
        errno = EINVAL;
    return l;
}

/* The bytes of a value that came as they are; NULL: it is something else, or an
 * error. */
static struct lookup *get_bytes (flux_future_t *f, const char **data, size_t *len)
{
    struct lookup *l = get_ctx (f);
    const void *payload;
    const char *s;
    size_t n;

    if (!l || flux_rpc_get_raw (f, &payload, &n) < 0)
        return NULL;
    s = payload;
    if (n <= KVS_RAW_HEAD_LEN || memcmp (s, KVS_RAW_HEAD, KVS_RAW_HEAD_LEN) || s[n - 1])
        return NULL;
    *data = s + KVS_RAW_HEAD_LEN;
    *len = n - KVS_RAW_HEAD_LEN - 1;
    return l;
}

/* The text of the tree object in the response. An empty span: the sentinel
 * between what was there and what is new. */
static struct lookup *get_text (flux_future_t *f, struct span *text)
{
    struct lookup *l;
    struct span name, value;
    const char *s;
    size_t pos = 0, len;

    if ((l = get_bytes (f, &s, &len))) {
        buf_reset (&l->text);
        treetext_add_val (&l->text, s, len);
        *text = (struct span){ l->text.data, l->text.len };
        if (l->text.err)
            errno = ENOMEM;
        return l->text.err ? NULL : l;
    }
    if (!(l = get_ctx (f)) || flux_rpc_get (f, &s) < 0)
        return NULL;
    while (s
           && treetext_next ((struct span){ s, strlen (s) }, &pos, &name, &value) == 1)
        if (name.len == 5 && !memcmp (name.s, "\"val\"", 5)) {
            *text = value;
            if (value.s[0] == 'n')
                text->len = 0;
            return l;
        }
    errno = EPROTO;
    return NULL;
}

int flux_kvs_lookup_get_raw (flux_future_t *f, const void **data, size_t *len)
{
    struct span text;
    struct treetext t;
    struct lookup *l;
    const char *bytes;
    size_t n;

    if (get_bytes (f, &bytes, &n)) {
        if (data)
            *data = n > 0 ? bytes : NULL;
        if (len)
            *len = n;
        return 0;
    }
    if (!(l = get_text (f, &text)))
        return -1;
    buf_reset (&l->value);
    if (text.len > 0
        && (treetext_parse (text.s, text.len, &t) < 0
            || treetext_val_decode (&t, &l->value) < 0))
        return -1;
    if (data)
        *data = l->value.len > 0 ? l->value.data : NULL;
    if (len)
        *len = l->value.len;
    return 0;
}

int flux_kvs_lookup_get (flux_future_t *f, const char **value)
{
    return flux_kvs_lookup_get_raw (f, (const void **)value, NULL);
}

static bool is_text (const struct buf *b, const void *s, size_t len)
{
    return b->len == len && (len == 0 || !memcmp (b->data, s, len));
}

/* What is unpacked from a value lives as long as that value is the future's: the next
 * call finds the same objects. */
static json_t *get_json (flux_future_t *f)
{
    struct lookup *l;
    const void *data;
    size_t len;

    if (flux_kvs_lookup_get_raw (f, &data, &len) < 0 || !(l = get_ctx (f)))
        return NULL;
    if (l->json && is_text (&l->json_text, data, len))
        return l->json;
    json_decref (l->json);
    buf_reset (&l->json_text);
    l->json = json_decode_or (EINVAL, data ? data : "", len, JSON_DECODE_ANY, NULL);
    if (l->json && buf_add (&l->json_text, data, len) < 0) {
        json_decref (l->json);
        l->json = NULL;
        errno = ENOMEM;
    }
    return l->json;
}

int flux_kvs_lookup_get_unpack (flux_future_t *f, const char *fmt, ...)
{
    json_t *o;
    va_list ap;
    int rc;

    if (!(o = get_json (f)))
        return -1;
    va_start (ap, fmt);
    rc = json_vunpack_or (EINVAL, o, NULL, fmt, ap);
    va_end (ap);
    return rc;
}

int flux_kvs_lookup_get_treeobj (flux_future_t *f, const char **treeobj)
{
    struct span text;
    struct lookup *l;

    if (!(l = get_text (f, &text)))
        return -1;
    if (text.s != l->text.data) {
        buf_reset (&l->text);
        if (text.len > 0 && buf_add (&l->text, text.s, text.len) < 0)
            return -1;
    }
    if (treeobj)
        *treeobj = text.len > 0 ? l->text.data : NULL;
    return 0;
}

int flux_kvs_lookup_get_dir (flux_future_t *f, const flux_kvsdir_t **dir)
{
    struct span text;
    struct lookup *l;

    if (!(l = get_text (f, &text)))
        return -1;
    if (!l->dir || !is_text (&l->dir_text, text.s, text.len)) {
        flux_kvsdir_destroy (l->dir);
        l->dir = NULL;
        buf_reset (&l->dir_text);
        if (buf_add (&l->dir_text, text.s, text.len) < 0
            || !(l->dir = flux_kvsdir_create (flux_future_get_flux (f), l->root, l->key,
                                              l->dir_text.data)))
            return -1;
    }
    if (dir)
        *dir = l->dir;
    return 0;
}

int flux_kvs_lookup_get_symlink (flux_future_t *f, const char **ns, const char **target)
{
    struct span text, name, value;
    struct treetext t;
    struct lookup *l;
    size_t pos = 0;

    if (!(l = get_text (f, &text)) || treetext_parse (text.s, text.len, &t) < 0)
        return -1;
    if (t.type != TREEOBJ_SYMLINK) {
        errno = EINVAL;
        return -1;
    }
    buf_reset (&l->ns);
    buf_reset (&l->target);
    while (treetext_next (t.data, &pos, &name, &value) == 1) {
        struct buf *b = name.len == 8 ? &l->target : &l->ns;
        if (json_span_unquote (value, b) < 0)
            return -1;
    }
    if (ns)
        *ns = l->ns.len > 0 ? l->ns.data : NULL;
    if (target)
        *target = l->target.data;
    return 0;
}

const char *flux_kvs_lookup_get_key (flux_future_t *f)
{
    struct lookup *l = get_ctx (f);

    return l ? l->key : NULL;
}

int flux_kvs_lookup_cancel (flux_future_t *f)
{
    struct lookup *l = get_ctx (f);
    flux_future_t *f2;

    if (!l || !(l->flags & WATCH_FLAGS)) {
        errno = EINVAL;
        return -1;
    }
    if (!(f2 = flux_rpc_pack (flux_future_get_flux (f), "kvs-watch.lookup-cancel",
                              FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE, "{s:i}", "matchtag",
                              (int)flux_rpc_get_matchtag (f))))
        return -1;
    flux_future_destroy (f2);
    return 0;
}

/* Watching with a window */

flux_future_t *kvs_watch_window (flux_t *h, const char *ns, int flags, const char *key,
                                 size_t window, bool last)
{
    char *norm = kvs_key_normalize (key);
    struct lookup *l = norm ? lookup_create (norm, flags) : NULL;
    flux_future_t *f = NULL;

    if (l
        && (!(f = flux_rpc_pack (h, "kvs-watch.lookup", FLUX_NODEID_ANY,
                                 FLUX_RPC_STREAMING, "{s:s s:s s:i s:I s:b}", "key",
                                 norm, "namespace", kvs_namespace (ns), "flags", flags,
                                 "window", (json_int_t)window, "last", last))
            || flux_future_aux_set (f, aux_name, l, lookup_destroy) < 0)) {
        flux_future_destroy (f);
        lookup_destroy (l);
        f = NULL;
    }
    free (norm);
    return f;
}

int kvs_watch_credit (flux_future_t *f, const char *ns, size_t bytes, bool last)
{
    struct lookup *l = get_ctx (f);
    flux_future_t *f2 = NULL;

    if (l)
        f2 = flux_rpc_pack (flux_future_get_flux (f), "kvs-watch.lookup-credit",
                            FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE,
                            "{s:s s:s s:i s:I s:b}", "namespace", kvs_namespace (ns),
                            "key", l->key, "matchtag", (int)flux_rpc_get_matchtag (f),
                            "bytes", (json_int_t)bytes, "last", last);
    flux_future_destroy (f2);
    return f2 ? 0 : -1;
}
