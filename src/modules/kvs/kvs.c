#include "service.h"
#include "tree/jobns.h"
#include "tree/setroot.h"

#include "base/clock.h"
#include "base/hashmap.h"
#include "base/sort.h"
#include "core/handle/module.h"
#include "core/kvs/blobs.h"
#include "core/kvs/storage.h"

#include <jansson.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#define NAME_MAX_LEN 200
#define NAMESPACES_MAX 16384
#define TRIM_MIN (1024 * 1024)

void kvs_respond_text (struct kvs *kvs, const flux_msg_t *msg, int errnum,
                       const char *text)
{
    if (flux_respond_error (kvs->h, msg, errnum, text) < 0)
        flux_log_error (kvs->h, "error responding to kvs request");
}

void kvs_respond_error (struct kvs *kvs, const flux_msg_t *msg, int errnum)
{
    kvs_respond_text (kvs, msg, errnum, NULL);
}

static void run_turn (void *arg)
{
    kvs_turn (arg);
}

void kvs_want_turn (struct kvs *kvs)
{
    reactor_post (flux_get_reactor (kvs->h), &kvs->turn);
}

/* Namespaces */

static void refuse_versions (struct kvs_ns *ns, int errnum)
{
    const flux_msg_t *msg;

    while ((msg = kvs_versions_pop (&ns->versions, INT64_MAX))) {
        kvs_respond_error (ns->kvs, msg, errnum);
        flux_msg_decref (msg);
    }
}

static void ns_destroy (void *arg)
{
    struct kvs_ns *ns = arg;

    if (ns) {
        kvs_space_destroy (ns->space);
        refuse_versions (ns, ENOTSUP);
        kvs_versions_fini (&ns->versions);
        list_remove (&ns->publish_node);
        buf_fini (&ns->unpublished);
        free (ns->name);
        free (ns);
    }
}

struct kvs_ns *kvs_ns_lookup (struct kvs *kvs, const char *name)
{
    struct kvs_ns *ns = hashmap_lookup (kvs->namespaces, name);

    /* Without a root it is only being asked for. */
    return ns && ns->rootref[0] ? ns : NULL;
}

static bool is_job (const char *name)
{
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX];

    return jobns_parse (name, dir, guest);
}

struct kvs_ns *kvs_ns_named (struct kvs *kvs, const char *name)
{
    return kvs_ns_lookup (kvs, is_job (name) ? KVS_PRIMARY_NAMESPACE : name);
}

int kvs_ns_authorize (const struct kvs_ns *ns, const flux_msg_t *msg)
{
    return flux_msg_authorize (msg, ns->owner);
}

static struct kvs_ns *ns_create (struct kvs *kvs, const char *name, uint32_t owner,
                                 int flags)
{
    struct kvs_ns *ns;

    if (!(ns = calloc (1, sizeof (*ns))))
        return NULL;
    list_init (&ns->publish_node);
    ns->kvs = kvs;
    ns->owner = owner;
    ns->flags = flags;
    if (!(ns->name = strdup (name)) || hashmap_insert (kvs->namespaces, name, ns) < 0) {
        ns_destroy (ns);
        errno = ENOMEM;
        return NULL;
    }
    return ns;
}

/* Of the leader. rootref NULL: empty. */
static int ns_open (struct kvs_ns *ns, const char *rootref, int64_t sequence)
{
    bool primary = !strcmp (ns->name, KVS_PRIMARY_NAMESPACE);

    if (!(ns->space =
              kvs_space_create (ns->kvs->leader, ns, primary, rootref, sequence)))
        return -1;
    strcpy (ns->rootref, ns->space->rootref);
    ns->sequence = sequence;
    return 0;
}

void kvs_answer_versions (struct kvs_ns *ns)
{
    const flux_msg_t *msg;

    while ((msg = kvs_versions_pop (&ns->versions, ns->sequence))) {
        if (flux_respond_pack (ns->kvs->h, msg, "{s:s s:I}", "rootref", ns->rootref,
                               "sequence", (json_int_t)ns->sequence)
            < 0)
            flux_log_error (ns->kvs->h, "error responding to kvs.wait-version");
        flux_msg_decref (msg);
    }
}

void kvs_ns_set_root (struct kvs_ns *ns, const char *rootref, int64_t sequence)
{
    if (ns->space || sequence <= ns->sequence
        || strlen (rootref) >= sizeof (ns->rootref))
        return;
    strcpy (ns->rootref, rootref);
    ns->sequence = sequence;
    kvs_answer_versions (ns);
}

/* Rank 0 has told about a namespace, or that there is none. */
static void fetched (flux_future_t *f, void *arg)
{
    struct kvs *kvs = arg;
    const char *name = flux_future_aux_get (f, "name"), *rootref;
    struct kvs_ns *ns = hashmap_lookup (kvs->namespaces, name);
    char key[256];
    json_int_t owner, sequence;
    int flags;

    snprintf (key, sizeof (key), "ns:%s", name);
    if (flux_rpc_get_unpack (f, "{s:s s:I s:I s:i}", "rootref", &rootref, "sequence",
                             &sequence, "owner", &owner, "flags", &flags)
        < 0) {
        kvs_cache_insert_error (kvs->cache, key, errno == EAGAIN ? EIO : errno);
        if (ns && !ns->rootref[0])
            hashmap_remove (kvs->namespaces, name);
    } else if (ns) {
        ns->owner = owner;
        ns->flags = flags;
        kvs_ns_set_root (ns, rootref, sequence);
    }
    hashmap_remove (kvs->loading, key);
    kvs_want_turn (kvs);
}

int kvs_ns_fetch (struct kvs *kvs, const char *name)
{
    struct kvs_ns *ns;
    flux_future_t *f;
    char key[256], *copy;

    if (kvs->rank == 0 || strlen (name) > NAME_MAX_LEN) {
        errno = ENOTSUP;
        return -1;
    }
    snprintf (key, sizeof (key), "ns:%s", name);
    if (hashmap_lookup (kvs->loading, key)) {
        errno = EAGAIN;
        return -1;
    }
    if (kvs_cache_error (kvs->cache, key) < 0)
        return -1;
    if (!(copy = strdup (name)))
        return -1;
    if (!(f = flux_rpc_pack (kvs->h, "kvs.getroot", 0, 0, "{s:s}", "namespace", name))
        || flux_future_aux_set (f, "name", copy, free) < 0) {
        flux_future_destroy (f);
        free (copy);
        return -1;
    }
    /* Without a root yet; an event may be here before the answer. */
    if (!(ns = ns_create (kvs, name, kvs->owner, 0))
        || flux_future_then (f, -1., fetched, kvs) < 0
        || hashmap_insert (kvs->loading, key, f) < 0) {
        if (ns)
            hashmap_remove (kvs->namespaces, name);
        flux_future_destroy (f);
        return -1;
    }
    ns->sequence = -1;
    errno = EAGAIN;
    return -1;
}

/* A request about a namespace that this rank does not know yet. */
struct deferred {
    struct waiter w;
    struct kvs *kvs;
    const flux_msg_t *msg;
    bool (*answer) (struct kvs *kvs, const flux_msg_t *msg);
};

static bool run_deferred (struct waiter *w)
{
    struct deferred *d = container_of (w, struct deferred, w);

    return d->answer (d->kvs, d->msg);
}

static void destroy_deferred (struct waiter *w)
{
    struct deferred *d = container_of (w, struct deferred, w);

    flux_msg_decref (d->msg);
    free (d);
}

static bool disconnect_deferred (struct waiter *w, const flux_msg_t *msg)
{
    return flux_disconnect_match (msg, container_of (w, struct deferred, w)->msg);
}

static void answer_or_defer (struct kvs *kvs, const flux_msg_t *msg,
                             bool (*answer) (struct kvs *, const flux_msg_t *))
{
    struct deferred *d;

    if (answer (kvs, msg))
        return;
    if (!(d = calloc (1, sizeof (*d)))) {
        kvs_respond_error (kvs, msg, ENOMEM);
        return;
    }
    d->w = (struct waiter){ .run = run_deferred,
                            .destroy = destroy_deferred,
                            .disconnect = disconnect_deferred };
    list_init (&d->w.node);
    d->kvs = kvs;
    d->msg = flux_msg_incref (msg);
    d->answer = answer;
    if (kvs_stall (kvs, &d->w) < 0) {
        kvs_respond_error (kvs, msg, errno);
        destroy_deferred (&d->w);
    }
}

/* The namespace of a request. NULL and *again, or answered with an error. */
static struct kvs_ns *request_ns (struct kvs *kvs, const flux_msg_t *msg, bool *again)
{
    struct kvs_ns *ns = NULL;
    const char *name;

    *again = false;
    if (flux_request_unpack (msg, NULL, "{s:s}", "namespace", &name) < 0)
        goto error;
    if (!(ns = kvs_ns_named (kvs, name))) {
        kvs_ns_fetch (kvs, is_job (name) ? KVS_PRIMARY_NAMESPACE : name);
        if (errno == EAGAIN) {
            *again = true;
            return NULL;
        }
        goto error;
    }
    if (kvs_ns_authorize (ns, msg) < 0)
        goto error;
    return ns;
error:
    kvs_respond_error (kvs, msg, errno);
    return NULL;
}

void kvs_keep_root (struct kvs *kvs)
{
    struct buf b = BUF_INIT;
    flux_future_t *f = NULL;

    blobs_begin (&b, digest_size (kvs->digest), 0);
    blobs_pin (&b);
    if (!b.err)
        f = flux_rpc_raw (kvs->h, "content.commit", b.data, b.len, 0,
                          FLUX_RPC_NORESPONSE);
    flux_future_destroy (f);
    buf_fini (&b);
}

/* rootref NULL: why is in errno. */
static void respond_root (struct kvs_ns *ns, const flux_msg_t *msg, const char *name,
                          const char *rootref)
{
    struct kvs *kvs = ns->kvs;

    if (!rootref
        || kvs_held_add (kvs->held, rootref, flux_msg_route_first (msg),
                         clock_coarse ())
               < 0) {
        kvs_respond_error (kvs, msg, errno);
        return;
    }
    if (flux_respond_pack (kvs->h, msg, "{s:s s:s s:I s:I s:i}", "namespace", name,
                           "rootref", rootref, "sequence", (json_int_t)ns->sequence,
                           "owner", (json_int_t)ns->owner, "flags", ns->flags)
        < 0)
        flux_log_error (kvs->h, "error responding to kvs.getroot");
    kvs_keep_root (kvs);
}

/* The blobref of a job's guest directory, to be freed. NULL with EAGAIN, or ENOTSUP: there
 * is no such job, or it has none. */
static char *find_job_root (struct kvs *kvs, const flux_msg_t *msg, char *guest)
{
    char primary[] = KVS_PRIMARY_NAMESPACE, *ref = NULL;
    struct kvs_reading r = { .key = guest, .ns = primary };
    struct buf text = BUF_INIT;

    if (kvs_read_run (kvs, &r, msg, FLUX_KVS_TREEOBJ, &text) == 0
        && !(ref = kvs_dirref_of ((struct span){ text.data, text.len })))
        errno = ENOENT;
    if (!ref && (errno == ENOENT || errno == ENOTDIR))
        errno = ENOTSUP;
    r.key = r.ns = NULL;
    kvs_reading_fini (&r);
    buf_fini (&text);
    return ref;
}

static bool answer_getroot (struct kvs *kvs, const flux_msg_t *msg)
{
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX], *ref = NULL;
    bool again;
    struct kvs_ns *ns = request_ns (kvs, msg, &again);
    const char *name;

    if (!ns)
        return !again;
    if (flux_request_unpack (msg, NULL, "{s:s}", "namespace", &name) < 0)
        name = ns->name;
    if (!jobns_parse (name, dir, guest))
        respond_root (ns, msg, name, ns->rootref);
    else if (!(ref = find_job_root (kvs, msg, guest)) && errno == EAGAIN)
        return false;
    else
        respond_root (ns, msg, name, ref);
    free (ref);
    return true;
}

/* A root that is read here later is no older. */
static void relayed_getroot (struct kvs *kvs, const flux_msg_t *msg, flux_future_t *f)
{
    const char *name, *rootref;
    json_int_t sequence;
    struct kvs_ns *ns;

    if (flux_rpc_get_unpack (f, "{s:s s:s s:I}", "namespace", &name, "rootref",
                             &rootref, "sequence", &sequence)
            == 0
        && (ns = kvs_ns_lookup (kvs, name)))
        kvs_ns_set_root (ns, rootref, sequence);
    kvs_relay_answer (kvs, msg, f);
}

/* The leader's alone: it knows then who has which root. */
static void getroot_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct kvs *kvs = arg;

    if (kvs->leader)
        answer_or_defer (kvs, msg, answer_getroot);
    else if (kvs_relay (kvs, msg, relayed_getroot) < 0)
        kvs_respond_error (kvs, msg, errno);
}

static bool answer_wait_version (struct kvs *kvs, const flux_msg_t *msg)
{
    bool again;
    struct kvs_ns *ns = request_ns (kvs, msg, &again);
    json_int_t sequence;

    if (!ns)
        return !again;
    if (flux_request_unpack (msg, NULL, "{s:I}", "sequence", &sequence) < 0
        || kvs_versions_add (&ns->versions, sequence, (void *)msg) < 0) {
        kvs_respond_error (kvs, msg, errno);
    } else {
        flux_msg_incref (msg);
        kvs_answer_versions (ns);
    }
    return true;
}

static void wait_version_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                             void *arg)
{
    answer_or_defer (arg, msg, answer_wait_version);
}

/* Collection */

static int add_root (void *arg, const char *rootref)
{
    return json_array_append_new (arg, json_string (rootref));
}

/* The root that readers see, and the one that may be on its way to the store. */
static int add_space (json_t *roots, json_t *coming, const struct kvs_space *s)
{
    if (json_array_append_new (roots, json_string (s->rootref)) < 0)
        return -1;
    if (!strcmp (s->tree->rootref, s->rootref))
        return 0;
    return json_array_append_new (coming, json_string (s->tree->rootref));
}

/* All that is in use, for the store's collection. What content holds of it stays there
 * until it is stored. */
static void roots_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct kvs *kvs = arg;
    json_t *roots = json_array (), *coming = json_array ();
    size_t pos = 0;
    void *value;
    int rc = roots && coming ? 0 : -1;

    if (!kvs->leader) {
        kvs_respond_text (kvs, msg, EINVAL, "rank 0 knows the roots");
        goto done;
    }
    kvs_keep_root (kvs);
    while (rc == 0 && hashmap_next (kvs->namespaces, &pos, NULL, &value))
        rc = add_space (roots, coming, ((struct kvs_ns *)value)->space);
    if (rc < 0 || kvs_held_foreach (kvs->held, clock_coarse (), add_root, roots) < 0)
        kvs_respond_error (kvs, msg, ENOMEM);
    else if (flux_respond_pack (h, msg, "{s:O s:O}", "roots", roots, "coming", coming)
             < 0)
        flux_log_error (h, "error responding to kvs.roots");
done:
    json_decref (roots);
    json_decref (coming);
}

static void publish_created (struct kvs *kvs, const char *what, const char *name)
{
    char topic[256];
    flux_future_t *f;

    snprintf (topic, sizeof (topic), "kvs.namespace-%s-%s", name, what);
    if (!(f = flux_event_publish_pack (kvs->h, topic, FLUX_MSGFLAG_PRIVATE, "{s:s}",
                                       "namespace", name)))
        flux_log_error (kvs->h, "kvs: publishing %s", topic);
    flux_future_destroy (f);
}

static bool name_valid (const char *name)
{
    return *name && strlen (name) <= NAME_MAX_LEN
           && strspn (name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                            "0123456789-_.:+=@%/")
                  == strlen (name);
}

static void ns_create_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct kvs *kvs = arg;
    unsigned char digest[DIGEST_MAX_SIZE];
    const char *name, *rootref;
    json_int_t owner;
    int flags;
    struct kvs_ns *ns;

    if (flux_request_unpack (msg, NULL, "{s:s s:s s:I s:i}", "namespace", &name,
                             "rootref", &rootref, "owner", &owner, "flags", &flags)
        < 0)
        goto error;
    errno = 0;
    if (kvs->rank > 0)
        errno = EPROTO;
    else if (kvs_ns_lookup (kvs, name) || is_job (name))
        errno = EEXIST;
    else if (flags || !name_valid (name)
             || (*rootref
                 && blobref_decode (rootref, digest)
                        != (ssize_t)digest_size (kvs->digest)))
        errno = EINVAL;
    if (errno)
        goto error;
    if (hashmap_count (kvs->namespaces) >= NAMESPACES_MAX) {
        kvs_respond_text (kvs, msg, ENOSPC, "there are too many namespaces");
        return;
    }
    if ((uint32_t)owner == FLUX_USERID_UNKNOWN)
        owner = kvs->owner;
    if (!(ns = ns_create (kvs, name, owner, flags)))
        goto error;
    if (ns_open (ns, *rootref ? rootref : NULL, 0) < 0) {
        hashmap_remove (kvs->namespaces, name);
        goto error;
    }
    publish_created (kvs, "created", name);
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.namespace-create");
    return;
error:
    kvs_respond_error (kvs, msg, errno);
}

static void ns_forget (struct kvs *kvs, const char *name)
{
    struct kvs_ns *ns = kvs_ns_lookup (kvs, name);

    if (!ns)
        return;
    if (kvs->watches)
        kvs_watches_removed (kvs->watches, name);
    hashmap_remove (kvs->namespaces, name);
}

static void ns_remove_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_ns *ns;
    const char *name;

    if (flux_request_unpack (msg, NULL, "{s:s}", "namespace", &name) < 0)
        goto error;
    errno = 0;
    if (kvs->rank > 0)
        errno = EPROTO;
    else if (!strcmp (name, KVS_PRIMARY_NAMESPACE) || is_job (name))
        errno = ENOTSUP;
    if (errno)
        goto error;
    if ((ns = kvs_ns_lookup (kvs, name)) && ns->space->batch) {
        errno = EBUSY;
        goto error;
    }
    if (ns) {
        publish_created (kvs, "removed", name);
        ns_forget (kvs, name);
    }
    if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.namespace-remove");
    return;
error:
    kvs_respond_error (kvs, msg, errno);
}

static int by_creation (const void *a, const void *b)
{
    const char *x = json_string_value (json_object_get (*(json_t **)a, "namespace"));
    const char *y = json_string_value (json_object_get (*(json_t **)b, "namespace"));
    bool px = !strcmp (x, KVS_PRIMARY_NAMESPACE),
         py = !strcmp (y, KVS_PRIMARY_NAMESPACE);

    return px != py ? py - px : strcmp (x, y);
}

static void ns_list_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                        void *arg)
{
    struct kvs *kvs = arg;
    size_t pos = 0, count = 0, max = hashmap_count (kvs->namespaces);
    json_t **list = calloc (max + 1, sizeof (*list)), *array = json_array ();
    void *value;

    while (list && hashmap_next (kvs->namespaces, &pos, NULL, &value)) {
        struct kvs_ns *ns = value;
        json_t *o = json_pack ("{s:s s:I s:i}", "namespace", ns->name, "owner",
                               (json_int_t)ns->owner, "flags", ns->flags);
        if (o)
            list[count++] = o;
    }
    if (list)
        sort_array (list, count, sizeof (*list), by_creation);
    for (size_t i = 0; i < count; i++)
        json_array_append_new (array, list[i]);
    if (flux_respond_pack (h, msg, "{s:o}", "namespaces", array) < 0)
        flux_log_error (h, "error responding to kvs.namespace-list");
    free (list);
}

/* Followers */

/* Nobody who reads here has to ask for the directory; if nobody reads it is not kept. */
static void setroot_event (struct kvs *kvs, const flux_msg_t *msg)
{
    struct kvs_setroot root;
    struct kvs_ns *ns;
    const char *s;

    if (flux_event_decode (msg, NULL, &s) < 0 || !s
        || kvs_setroot_decode (s, strlen (s), &root) < 0) {
        flux_log_error (kvs->h, "kvs: malformed setroot event");
        return;
    }
    if (!(ns = hashmap_lookup (kvs->namespaces, root.ns))
        || root.sequence <= ns->sequence)
        return;
    ns->owner = root.owner;
    if (root.rootdir.len > 0 && ns->unread <= CACHE_AGE)
        kvs_cache_insert (kvs->cache, root.rootref, root.rootdir.s, root.rootdir.len);
    kvs_ns_set_root (ns, root.rootref, root.sequence);
}

static void event_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct kvs *kvs = arg;
    const char *topic, *name, *dash;

    if (kvs->rank == 0 || flux_event_decode (msg, &topic, NULL) < 0
        || !(dash = strrchr (topic, '-')))
        return;
    if (!strcmp (dash, "-setroot"))
        setroot_event (kvs, msg);
    else if (!strcmp (dash, "-removed")
             && flux_event_unpack (msg, NULL, "{s:s}", "namespace", &name) == 0)
        ns_forget (kvs, name);
}

/* Housekeeping */

/* Epochs also pass by turns: age is measured from a heartbeat long ago. */
static void age_tree (struct kvs_ns *ns)
{
    struct kvs_tree *tree = ns->space->tree;
    uint32_t now = tree->lru.epoch++;

    kvs_tree_evict (tree, now - ns->epochs[0], SIZE_MAX);
    memmove (ns->epochs, ns->epochs + 1, sizeof (ns->epochs) - sizeof (ns->epochs[0]));
    ns->epochs[TREE_AGE - 1] = now;
    if (ns->space->written > TRIM_MIN) {
        malloc_trim (0);
        ns->space->written = 0;
    }
}

static void heartbeat_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct kvs *kvs = arg;
    size_t pos = 0;
    void *value;

    kvs_cache_tick (kvs->cache, CACHE_AGE);
    while (hashmap_next (kvs->namespaces, &pos, NULL, &value)) {
        struct kvs_ns *ns = value;

        if (ns->space)
            age_tree (ns);
        else
            ns->unread++;
    }
}

static void dropcache_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                          void *arg)
{
    struct kvs *kvs = arg;
    size_t pos = 0;
    void *value;

    kvs_cache_drop (kvs->cache);
    while (hashmap_next (kvs->namespaces, &pos, NULL, &value)) {
        struct kvs_ns *ns = value;

        if (ns->space) {
            ns->space->tree->lru.epoch++;
            kvs_tree_evict (ns->space->tree, 0, 0);
        }
    }
    if (msg && flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.dropcache");
}

static void dropcache_event_cb (flux_t *h, flux_msg_handler_t *mh,
                                const flux_msg_t *msg, void *arg)
{
    dropcache_cb (h, mh, NULL, arg);
}

static json_t *stats_namespaces (struct kvs *kvs)
{
    json_t *o = json_object ();
    size_t pos = 0;
    void *value;

    while (o && hashmap_next (kvs->namespaces, &pos, NULL, &value)) {
        struct kvs_ns *ns = value;
        json_t *v = json_pack (
            "{s:I s:I s:I s:I}", "store revision", (json_int_t)ns->sequence, "#bytes",
            (json_int_t)(ns->space ? ns->space->tree->lru.bytes : 0), "#versionwaiters",
            (json_int_t)ns->versions.count, "owner", (json_int_t)ns->owner);
        json_object_set_new (o, ns->name, v);
    }
    return o;
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct kvs *kvs = arg;
    struct kvs_leader_stats stats = { 0 };

    if (kvs->leader)
        stats = kvs_leader_stats (kvs->leader);
    if (flux_respond_pack (
            h, msg, "{s:{s:I s:I s:I} s:o s:{s:I s:I s:I s:I} s:{s:I s:I s:I}}",
            "cache", "#entries", (json_int_t)kvs_cache_count (kvs->cache), "#bytes",
            (json_int_t)kvs_cache_bytes (kvs->cache), "#watchers",
            (json_int_t)(kvs->watches ? kvs_watches_count (kvs->watches) : 0),
            "namespace", stats_namespaces (kvs), "transaction-opcount", "commits",
            (json_int_t)stats.commits, "transactions", (json_int_t)stats.transactions,
            "operations", (json_int_t)stats.operations, "failed",
            (json_int_t)stats.failed, "pending_requests", "lookups",
            (json_int_t)kvs->stalled_count, "queued-bytes",
            (json_int_t)stats.queued_bytes, "unacked-bytes",
            (json_int_t)stats.unacked_bytes)
        < 0)
        flux_log_error (h, "error responding to kvs.stats-get");
}

static bool same_sender (void *req, const void *msg)
{
    return flux_disconnect_match (msg, req);
}

static void disconnect_versions (struct kvs_ns *ns, const flux_msg_t *msg)
{
    const flux_msg_t *req;
    size_t pos = 0;

    while ((req = kvs_versions_take (&ns->versions, &pos, same_sender, msg)))
        flux_msg_decref (req);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    struct kvs *kvs = arg;
    const char *sender;
    size_t pos = 0;
    void *value;

    list_foreach (&kvs->stalled, it) {
        struct waiter *w = container_of (it, struct waiter, node);

        if (w->disconnect && w->disconnect (w, msg)) {
            list_remove (&w->node);
            kvs->stalled_count--;
            w->destroy (w);
        }
    }
    while (hashmap_next (kvs->namespaces, &pos, NULL, &value))
        disconnect_versions (value, msg);
    if (kvs->health)
        kvs_health_disconnect (kvs->health, msg);
    if (kvs->leader && (sender = flux_msg_route_first (msg))) {
        kvs_leader_order_reset (kvs->leader, sender);
        kvs_held_release (kvs->held, sender, clock_coarse ());
    }
}

/* Start and end */

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "kvs.lookup", kvs_lookup_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs.commit", kvs_commit_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs.sync", kvs_sync_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.order-reset", kvs_order_reset_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.getroot", getroot_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs.config-reload", kvs_config_reload_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.roots", roots_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.wait-version", wait_version_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs.namespace-create", ns_create_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.namespace-remove", ns_remove_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.namespace-list", ns_list_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.dropcache", dropcache_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.part", kvs_part_cb, 0 },
    { FLUX_MSGTYPE_REQUEST, "kvs.stats-get", stats_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_EVENT, "kvs.namespace-*", event_cb, 0 },
    { FLUX_MSGTYPE_EVENT, "kvs.dropcache", dropcache_event_cb, 0 },
    { FLUX_MSGTYPE_EVENT, "heartbeat.pulse", heartbeat_cb, 0 },
    FLUX_MSGHANDLER_TABLE_END,
};

/* Where the last instance in this statedir, or the last kvs module, ended. */
static int read_checkpoint (struct kvs *kvs, char *rootref, int64_t *sequence)
{
    json_int_t seq = 0;
    flux_future_t *f;
    const char *ref;
    int rc = -1;

    *rootref = '\0';
    if (!(f = flux_rpc (kvs->h, "content.checkpoint-get", "{}", 0, 0)))
        return -1;
    if (flux_rpc_get_unpack (f, "{s:[{s:s s?I}]}", "value", "rootref", &ref, "sequence",
                             &seq)
        == 0) {
        if (strlen (ref) < BLOBREF_MAX_SIZE) {
            strcpy (rootref, ref);
            rc = 0;
        }
    } else if (errno == ENOENT || errno == ENOSYS) {
        rc = 0;
    } else {
        flux_log (kvs->h, LOG_ERR, "kvs: reading the checkpoint: %s",
                  flux_future_error_string (f));
    }
    *sequence = seq;
    flux_future_destroy (f);
    return rc;
}

/* On a root that is not there nothing could be read, and no commit be made. */
static int verify_root (struct kvs *kvs, const char *rootref)
{
    unsigned char digest[DIGEST_MAX_SIZE];
    struct kvs_node *n = NULL;
    const char *why = "it is no directory";
    const void *data;
    size_t len;
    flux_future_t *f = NULL;
    int rc = -1;

    if (blobref_decode (rootref, digest) != (ssize_t)digest_size (kvs->digest))
        why = "it is no blobref of this instance's content.hash";
    else if (!(f = flux_rpc_raw (kvs->h, "content.load", digest,
                                 digest_size (kvs->digest), 0, 0)))
        why = strerror (errno);
    else if (flux_rpc_get_raw (f, &data, &len) < 0)
        why = errno == ENOENT ? "the store does not have it"
                              : flux_future_error_string (f);
    else if ((n = kvs_node_decode (NULL, data, len, 0)))
        rc = 0;
    if (rc < 0) {
        flux_log (kvs->h, LOG_ERR,
                  "kvs: the root %s cannot be used: %s. The state "
                  "directory is damaged; nothing was changed",
                  rootref, why);
        errno = EBADMSG;
    }
    kvs_node_destroy (n);
    flux_future_destroy (f);
    return rc;
}

static int start_leader (struct kvs *kvs, bool kept, const char *initial)
{
    char rootref[BLOBREF_MAX_SIZE];
    struct kvs_ns *ns;
    int64_t sequence;

    if (read_checkpoint (kvs, rootref, &sequence) < 0)
        return -1;
    if (!*rootref && initial)
        snprintf (rootref, sizeof (rootref), "%s", initial);
    if (*rootref && verify_root (kvs, rootref) < 0)
        return -1;
    if (!(kvs->leader =
              kvs_leader_create (&kvs_leader_wiring, kvs, kvs->cache, kvs->digest, kept,
                                 storage_blob_max (kvs->h)))
        || !(kvs->probe_timer = flux_timer_watcher_create (
                 flux_get_reactor (kvs->h), PROBE_MIN, 0., kvs_probe_cb, kvs))
        || !(kvs->watches = kvs_watches_create (kvs))
        || !(kvs->health = kvs_health_create (kvs)) || !(kvs->held = kvs_held_create ())
        || !(ns = ns_create (kvs, KVS_PRIMARY_NAMESPACE, kvs->owner, 0))
        || ns_open (ns, *rootref ? rootref : NULL, sequence) < 0)
        return -1;
    ns->space->checkpointed = *rootref != '\0';
    if (*rootref)
        flux_log (kvs->h, LOG_INFO, "kvs: restored checkpoint, version %lld",
                  (long long)sequence);
    return 0;
}

static int kvs_init (struct kvs *kvs, flux_t *h, const char *initial)
{
    const char *hash = flux_attr_get (h, "content.hash");
    const char *owner = flux_attr_get (h, "security.owner");

    memset (kvs, 0, sizeof (*kvs));
    kvs->h = h;
    kvs->owner = owner ? strtoul (owner, NULL, 10) : getuid ();
    list_init (&kvs->stalled);
    list_init (&kvs->unpublished);
    reactor_task_init (&kvs->turn, run_turn, kvs);
    if (flux_get_rank (h, &kvs->rank) < 0 || flux_get_size (h, &kvs->size) < 0
        || !(kvs->publish_timer = flux_timer_watcher_create (
                 flux_get_reactor (h), PUBLISH_DELAY, 0., kvs_publish_cb, kvs))
        || !(kvs->digest = digest_create (hash ? hash : "sha1"))
        || !(kvs->cache = kvs_cache_create (CACHE_MAX))
        || !(kvs->namespaces = hashmap_create (ns_destroy))
        || !(kvs->loading = hashmap_create ((hashmap_free_f)flux_future_destroy)))
        return -1;
    if (kvs->rank == 0)
        return start_leader (kvs, storage_is_kept (h), initial);
    return flux_event_subscribe (h, "kvs.namespace-");
}

static void kvs_fini (struct kvs *kvs)
{
    flux_msg_handler_delvec (kvs->handlers);
    reactor_task_cancel (&kvs->turn);
    flux_watcher_destroy (kvs->publish_timer);
    list_foreach (&kvs->stalled, it) {
        struct waiter *w = container_of (it, struct waiter, node);
        list_remove (&w->node);
        w->destroy (w);
    }
    kvs_watches_destroy (kvs->watches);
    if (kvs->leader)
        kvs_leader_end (kvs->leader);
    if (kvs->namespaces)
        hashmap_destroy (kvs->namespaces);
    kvs_leader_destroy (kvs->leader);
    buf_fini (&kvs->admin[0]);
    buf_fini (&kvs->admin[1]);
    kvs_health_destroy (kvs->health);
    kvs_held_destroy (kvs->held);
    flux_watcher_destroy (kvs->probe_timer);
    flux_watcher_destroy (kvs->period_timer);
    if (kvs->loading)
        hashmap_destroy (kvs->loading);
    kvs_cache_destroy (kvs->cache);
    digest_destroy (kvs->digest);
}

static int read_config (struct kvs *kvs)
{
    flux_error_t error = { "" };

    if (kvs_period_config (kvs, flux_get_conf (kvs->h), &error) == 0)
        return 0;
    flux_log (kvs->h, LOG_ERR, "%s", error.text);
    return -1;
}

/* initial-rootref=REF: to begin with where there is no checkpoint. */
static int parse_args (flux_t *h, int argc, char *argv[], const char **initial)
{
    for (int i = 0; i < argc; i++) {
        if (strncmp (argv[i], "initial-rootref=", 16) != 0)
            return module_no_args (h, 1, &argv[i]);
        *initial = argv[i] + 16;
    }
    return 0;
}

int mod_main (flux_t *h, int argc, char *argv[])
{
    const char *initial = NULL;
    struct kvs kvs;
    int rc = -1;

    if (parse_args (h, argc, argv, &initial) < 0)
        return -1;
    if (kvs_init (&kvs, h, initial) < 0 || flux_event_subscribe (h, "kvs.dropcache") < 0
        || flux_event_subscribe (h, "heartbeat.pulse") < 0
        || flux_msg_handler_addvec (h, handlers, &kvs, &kvs.handlers) < 0
        || (kvs.leader && kvs_admin_start (&kvs) < 0))
        flux_log_error (h, "kvs: starting");
    else if (read_config (&kvs) == 0
             && (rc = flux_reactor_run (flux_get_reactor (h), 0)) < 0)
        flux_log_error (h, "kvs: reactor");
    if (kvs.leader && rc < 0)
        kvs_settle (&kvs);
    if (rc >= 0 && kvs.rank == 0) {
        kvs_run_stalled (&kvs);
        kvs_admin_finish (&kvs);
        if (kvs.admin_refused)
            rc = -1; /* nor can anything else be that was not there before */
        if (kvs_finish (&kvs) < 0) {
            flux_log_error (h, "kvs: writing the checkpoint");
            rc = -1;
        }
    }
    kvs_fini (&kvs);
    return rc < 0 ? -1 : 0;
}
