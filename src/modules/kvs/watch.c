#include "service.h"
#include "tree/jobns.h"

#include "base/hashmap.h"

#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#define WATCHES_MAX 262144
#define STREAM_CHUNK (1024 * 1024)
#define PIECE (128 * 1024)
#define WINDOW_MAX (64 * 1024 * 1024)

/* One request to kvs-watch.lookup. */
struct watch {
    struct list node; /* in its key's list */
    struct list mine; /* in its sender's list */
    struct watch_sender *sender;
    struct list full;  /* in ws->full if it is to be looked at after any commit */
    struct list ready; /* in ws->ready if it is to be looked at now */
    struct watches *ws;
    const flux_msg_t *msg;
    struct kvs_reading read;
    struct watch_key *key;
    struct kvs_value_pos pos; /* of WATCH_APPEND: what was sent */
    struct buf entry;         /* of WATCH_APPEND: whose blobs are being loaded */
    bool newer;               /* a commit came while they were */
    bool windowed;            /* of WATCH_APPEND: no more is sent than ... */
    json_int_t credit;        /* ... this many bytes, until the reader gives more */
    bool ends;                /* ... and ends with what is there */
    char *last;               /* of WATCH_UNIQ, WATCH_FULL: what was sent */
    bool started;             /* the first value was sent */
    bool mentioned;           /* the key was in a commit since it was looked at */
    bool replaced;            /* ... and not only appended to */
    bool stalled;
};

/* All who watch one key of one namespace. */
struct watch_key {
    struct list watches;
    char *name; /* namespace, '/', key */
};

/* All of one connection: it may cancel them, and takes them along. */
struct watch_sender {
    struct list watches;
    char *name;
};

struct watches {
    struct kvs *kvs;
    struct hashmap *keys;    /* name -> struct watch_key */
    struct hashmap *senders; /* route -> struct watch_sender */
    uint64_t looks;          /* at values, for statistics */
    struct list full;
    struct list ready;
    size_t count;
    struct buf scratch;
    flux_msg_handler_t **handlers;
    bool waiting; /* for loads, with kvs_stall() */
};

static void key_destroy (void *arg)
{
    struct watch_key *k = arg;

    free (k->name);
    free (k);
}

static void sender_destroy (void *arg)
{
    struct watch_sender *s = arg;

    free (s->name);
    free (s);
}

static const char *sender_of (const flux_msg_t *msg)
{
    const char *id = flux_msg_route_first (msg);

    return id ? id : "";
}

static struct watch_sender *sender_add (struct watches *ws, const flux_msg_t *msg)
{
    const char *name = sender_of (msg);
    struct watch_sender *s = hashmap_lookup (ws->senders, name);

    if (s || !(s = calloc (1, sizeof (*s))))
        return s;
    list_init (&s->watches);
    if (!(s->name = strdup (name)) || hashmap_insert (ws->senders, name, s) < 0) {
        sender_destroy (s);
        return NULL;
    }
    return s;
}

/* The sender goes with its last watch. */
static void leave_sender (struct watch *w)
{
    struct watch_sender *s = w->sender;

    list_remove (&w->mine);
    if (s && list_empty (&s->watches)) {
        char *name = s->name;

        s->name = NULL;
        hashmap_remove (w->ws->senders, name);
        free (name);
    }
}

static void watch_destroy (struct watch *w)
{
    struct watches *ws = w->ws;

    leave_sender (w);
    list_remove (&w->node);
    list_remove (&w->full);
    list_remove (&w->ready);
    if (w->key && list_empty (&w->key->watches)) {
        char *name = w->key->name;

        w->key->name = NULL;
        hashmap_remove (ws->keys, name);
        free (name);
    }
    flux_msg_decref (w->msg);
    kvs_reading_fini (&w->read);
    buf_fini (&w->entry);
    free (w->last);
    free (w);
    ws->count--;
}

static struct watch_key *key_lookup (struct watches *ws, const char *ns,
                                     const char *key, bool create)
{
    struct watch_key *k;

    buf_reset (&ws->scratch);
    buf_adds (&ws->scratch, ns);
    buf_addc (&ws->scratch, '/');
    buf_adds (&ws->scratch, key);
    if (ws->scratch.err)
        return NULL;
    k = hashmap_lookup (ws->keys, ws->scratch.data);
    if (k || !create)
        return k;
    if (!(k = calloc (1, sizeof (*k))))
        return NULL;
    list_init (&k->watches);
    if (!(k->name = strdup (ws->scratch.data))
        || hashmap_insert (ws->keys, k->name, k) < 0) {
        key_destroy (k);
        return NULL;
    }
    return k;
}

/* Answers */

static bool finish (struct watch *w, int errnum)
{
    kvs_respond_error (w->ws->kvs, w->msg, errnum);
    watch_destroy (w);
    return false;
}

/* text NULL: the sentinel. */
static int respond (struct watch *w, const char *text, size_t len)
{
    struct buf b = BUF_INIT;
    int rc = -1;

    buf_adds (&b, "{\"val\":");
    buf_add (&b, text ? text : "null", text ? len : 4);
    buf_addc (&b, '}');
    if (!b.err)
        rc = flux_respond (w->ws->kvs->h, w->msg, b.data);
    if (rc < 0)
        flux_log_error (w->ws->kvs->h, "error responding to kvs-watch.lookup");
    buf_fini (&b);
    return rc;
}

/* A large value in pieces. */
static void respond_stream (struct watch *w, const struct buf *raw)
{
    for (size_t pos = 0; pos < raw->len || pos == 0; pos += STREAM_CHUNK) {
        size_t left = raw->len - pos, len = left < STREAM_CHUNK ? left : STREAM_CHUNK;
        struct buf text = BUF_INIT;

        treetext_add_val (&text, raw->data + pos, len);
        respond (w, text.data, text.len);
        buf_fini (&text);
    }
}

/* After a value was sent. True if the watch goes on. */
static bool sent (struct watch *w)
{
    bool first = !w->started;

    w->started = true;
    if (!(w->read.flags & FLUX_KVS_WATCH)) {
        if ((w->read.flags & FLUX_KVS_STREAM))
            return finish (w, ENODATA);
        watch_destroy (w); /* WAITCREATE: one answer, and that was it */
        return false;
    }
    if (first && (w->read.flags & FLUX_KVS_WATCH_INITIAL_SENTINEL))
        respond (w, NULL, 0);
    return true;
}

/* Looking at a value again. Each returns true if the watch goes on, and
 * sets w->stalled if it has to wait for a load. */

static bool not_there (struct watch *w, int errnum)
{
    if (errnum == EAGAIN) {
        w->stalled = true;
        return true;
    }
    if (errnum == ENOENT && !w->started && (w->read.flags & FLUX_KVS_WAITCREATE))
        return true;
    kvs_read_failed (w->ws->kvs, &w->read, w->msg, errnum);
    watch_destroy (w);
    return false;
}

/* The tree object tells blobs apart; but what a link at the end of the key
 * leads to, and what is wrong with a directory, only a plain lookup says. */
static int find_entry (struct watch *w, struct buf *text)
{
    struct kvs *kvs = w->ws->kvs;
    struct treetext t;

    if (kvs_read_run (kvs, &w->read, w->msg, FLUX_KVS_TREEOBJ, text) < 0
        || treetext_parse (text->data, text->len, &t) < 0)
        return -1;
    if (t.type == TREEOBJ_VAL || t.type == TREEOBJ_VALREF)
        return 0;
    buf_reset (text);
    return kvs_read_run (kvs, &w->read, w->msg, 0, text);
}

/* The entry stays what it is while its blobs are loaded, however fast it grows.
 * If one was superseded, and is gone, what is newer is looked at. */
static int read_growing (struct watch *w, size_t max, struct buf *raw)
{
    struct kvs_cache *cache = w->ws->kvs->cache;
    bool late = w->entry.len > 0;
    int errnum, cause;

    if (!late && find_entry (w, &w->entry) < 0) {
        errnum = errno;
        buf_reset (&w->entry);
        errno = errnum;
        return -1;
    }
    kvs_cache_clear_failed (cache);
    if (kvs_value_read (cache, w->entry.data, w->entry.len, &w->pos, max, raw) == 0) {
        buf_reset (&w->entry);
        return 0;
    }
    errnum = errno;
    if (errnum != EAGAIN)
        buf_reset (&w->entry);
    if (late && kvs_cache_failed (cache, &cause) && cause == ENOENT)
        return read_growing (w, max, raw);
    errno = errnum;
    return -1;
}

/* A piece of the value, as far as the reader has room; w->newer if there may be
 * more of it. */
static bool look_window (struct watch *w)
{
    struct buf raw = BUF_INIT, val = BUF_INIT;
    bool more = true;

    w->newer = false;
    if (w->replaced && w->started) {
        more = finish (w, EINVAL);
    } else if (w->credit <= 0) {
        w->mentioned = false;
    } else if (read_growing (w, w->credit < PIECE ? w->credit : PIECE, &raw) < 0) {
        if (errno == ENOENT && w->ends)
            more = finish (w, ENOENT);
        else
            more = not_there (w, errno);
    } else if (raw.len > 0 || !w->started) {
        w->credit -= raw.len;
        treetext_add_val (&val, raw.data, raw.len);
        respond (w, val.data, val.len);
        more = sent (w);
        w->newer = true;
    } else if (w->ends) {
        more = finish (w, ENODATA);
    }
    buf_fini (&raw);
    buf_fini (&val);
    return more;
}

static bool look_append (struct watch *w)
{
    struct buf raw = BUF_INIT, val = BUF_INIT;
    bool more = true;

    if (w->windowed)
        return look_window (w);
    if (w->replaced && w->started) {
        more = finish (w, EINVAL);
    } else if (read_growing (w, LOOKUP_VALUE_MAX, &raw) < 0) {
        more = not_there (w, errno);
    } else if (raw.len > 0 || !w->started) {
        w->replaced = false;
        if (raw.len > STREAM_CHUNK) {
            respond_stream (w, &raw);
        } else {
            treetext_add_val (&val, raw.data, raw.len);
            respond (w, val.data, val.len);
        }
        more = sent (w);
    }
    buf_fini (&raw);
    buf_fini (&val);
    return more;
}

/* WATCH_UNIQ and WATCH_FULL tell only what differs. */
static bool is_news (struct watch *w, const struct buf *text)
{
    bool uniq = (w->read.flags & (FLUX_KVS_WATCH_UNIQ | FLUX_KVS_WATCH_FULL)) != 0;

    if (w->started && uniq && w->last && !strcmp (w->last, text->data))
        return false;
    if (w->started && !uniq && !w->mentioned)
        return false;
    if (uniq) {
        free (w->last);
        w->last = strdup (text->data);
    }
    return true;
}

static bool look_value (struct watch *w)
{
    struct kvs *kvs = w->ws->kvs;
    int mask = FLUX_KVS_READDIR | FLUX_KVS_READLINK | FLUX_KVS_TREEOBJ;
    struct buf text = BUF_INIT, raw = BUF_INIT;
    bool more = true;
    struct treetext t;

    if (kvs_read_run (kvs, &w->read, w->msg, w->read.flags & mask, &text) < 0) {
        more = not_there (w, errno);
    } else if (is_news (w, &text)) {
        if ((w->read.flags & FLUX_KVS_STREAM) && text.len > STREAM_CHUNK
            && treetext_parse (text.data, text.len, &t) == 0 && t.type == TREEOBJ_VAL
            && treetext_val_decode (&t, &raw) == 0)
            respond_stream (w, &raw);
        else
            respond (w, text.data, text.len);
        more = sent (w);
    }
    buf_fini (&text);
    buf_fini (&raw);
    return more;
}

/* True if the watch still exists. */
static bool look (struct watch *w)
{
    bool more, newer;

    w->ws->looks++;
    w->stalled = false;
    if ((w->read.flags & FLUX_KVS_WATCH_APPEND))
        more = look_append (w);
    else
        more = look_value (w);
    if (!more || w->stalled)
        return more;
    newer = w->newer;
    w->mentioned = newer;
    w->replaced = w->newer = false;
    return newer ? look (w) : true;
}

/* Those that wait for a load stay in the list. */
static void run_ready (struct watches *ws)
{
    struct list now;

    list_init (&now);
    while (!list_empty (&ws->ready)) {
        struct list *l = list_pop (&ws->ready);
        list_append (&now, l);
    }
    while (!list_empty (&now)) {
        struct watch *w = list_first (&now, struct watch, ready);

        list_remove (&w->ready);
        if (look (w) && w->stalled)
            list_append (&ws->ready, &w->ready);
    }
}

/* Loads wake all stalled requests: the ready list is one of them. */
struct watches_waiter {
    struct waiter w;
    struct watches *ws;
};

static bool run_waiter (struct waiter *w)
{
    struct watches *ws = container_of (w, struct watches_waiter, w)->ws;

    run_ready (ws);
    if (!list_empty (&ws->ready))
        return false;
    ws->waiting = false;
    return true;
}

static void destroy_waiter (struct waiter *w)
{
    free (container_of (w, struct watches_waiter, w));
}

static void start_ready (struct watches *ws)
{
    struct watches_waiter *ww;

    run_ready (ws);
    if (list_empty (&ws->ready) || ws->waiting)
        return;
    if (!(ww = calloc (1, sizeof (*ww))))
        return;
    ww->w = (struct waiter){ .run = run_waiter, .destroy = destroy_waiter };
    list_init (&ww->w.node);
    ww->ws = ws;
    if (kvs_stall (ws->kvs, &ww->w) < 0)
        free (ww);
    else
        ws->waiting = true;
}

static void make_ready (struct watch *w, bool mentioned, bool replaced)
{
    if (w->stalled && mentioned && (w->entry.len > 0 || w->read.value.len > 0))
        w->newer = true;
    w->mentioned |= mentioned;
    w->replaced |= replaced;
    if (list_empty (&w->ready))
        list_append (&w->ws->ready, &w->ready);
}

/* Commits */

/* A directory on the way to a changed key has changed too, for those who
 * wait for it or list it. */
static void notify_parents (struct watches *ws, const char *ns, const char *key)
{
    char *copy = strdup (key), *dot;

    while (copy && (dot = strrchr (copy, '.'))) {
        struct watch_key *k;

        *dot = '\0';
        if (!(k = key_lookup (ws, ns, copy, false)))
            continue;
        list_foreach (&k->watches, it) {
            struct watch *w = container_of (it, struct watch, node);
            if (!w->started)
                make_ready (w, true, false);
        }
    }
    free (copy);
}

/* What lies below a key that came or went as a whole. */
static void notify_below (struct watches *ws, const char *ns, const char *key)
{
    size_t pos = 0, len;
    void *value;
    const char *name;
    char *prefix;

    if (asprintf (&prefix, "%s/%s.", ns, key) < 0)
        return;
    len = strlen (prefix);
    while (hashmap_next (ws->keys, &pos, &name, &value)) {
        struct watch_key *k = value;

        if (strncmp (name, prefix, len))
            continue;
        list_foreach (&k->watches, it) {
            struct watch *w = container_of (it, struct watch, node);
            if (!w->started)
                make_ready (w, true, false);
        }
    }
    free (prefix);
}

void kvs_watches_changed (struct watches *ws, struct kvs_ns *ns,
                          const struct buf *changes)
{
    struct kvs_change c;
    size_t pos = 0;

    while (ws->count > 0 && kvs_change_next (changes, &pos, &c)) {
        struct watch_key *k = key_lookup (ws, ns->name, c.key, false);

        if (k) {
            list_foreach (&k->watches, it)
                make_ready (container_of (it, struct watch, node), true, !c.append);
        }
        notify_parents (ws, ns->name, c.key);
        if (c.deep)
            notify_below (ws, ns->name, c.key);
    }
    list_foreach (&ws->full, it) {
        struct watch *w = container_of (it, struct watch, full);
        if (!strcmp (w->read.ns, ns->name))
            make_ready (w, false, false);
    }
    if (!list_empty (&ws->ready))
        start_ready (ws);
}

static void end_all (struct watches *ws, int errnum,
                     bool (*match) (struct watch *w, const void *arg), const void *arg)
{
    size_t pos = 0;
    void *value;

    while (hashmap_next (ws->keys, &pos, NULL, &value)) {
        struct watch_key *k = value;

        list_foreach (&k->watches, it) {
            struct watch *w = container_of (it, struct watch, node);
            bool last = it_next == &k->watches;

            if (!match (w, arg)) {
                if (last)
                    break;
                continue;
            }
            if (errnum)
                kvs_respond_error (ws->kvs, w->msg, errnum);
            watch_destroy (w);
            if (last) /* k may be gone */
                break;
        }
    }
}

static bool match_ns (struct watch *w, const void *arg)
{
    return !strcmp (w->read.ns, arg);
}

void kvs_watches_removed (struct watches *ws, const char *ns)
{
    end_all (ws, ENOTSUP, match_ns, ns);
}

/* Requests */

static int decode_window (struct watch *w, const flux_msg_t *msg)
{
    json_int_t window = -1;
    int last = 0;

    if (flux_request_unpack (msg, NULL, "{s?I s?b}", "window", &window, "last", &last)
        < 0)
        return -1;
    if (window > WINDOW_MAX) {
        errno = EINVAL;
        return -1;
    }
    w->windowed = window >= 0;
    w->credit = window;
    w->ends = last;
    if (w->ends && !w->windowed) {
        errno = EPROTO;
        return -1;
    }
    return 0;
}

static struct watch *watch_create (struct watches *ws, const flux_msg_t *msg)
{
    struct watch *w;

    if (!(w = calloc (1, sizeof (*w))))
        return NULL;
    list_init (&w->mine);
    list_init (&w->node);
    list_init (&w->full);
    list_init (&w->ready);
    w->ws = ws;
    ws->count++;
    w->msg = flux_msg_incref (msg);
    if (kvs_read_decode (msg, &w->read) < 0)
        goto error;
    if (!w->read.ns) {
        errno = EINVAL;
        goto error;
    }
    if ((w->read.flags & (FLUX_KVS_WATCH | FLUX_KVS_STREAM))
        && !flux_msg_is_streaming (msg)) {
        errno = EPROTO;
        goto error;
    }
    if ((w->read.flags & FLUX_KVS_WATCH_APPEND) && decode_window (w, msg) < 0)
        goto error;
    if (!(w->sender = sender_add (ws, msg)))
        goto error;
    list_append (&w->sender->watches, &w->mine);
    if (!(w->key = key_lookup (ws, w->read.ns, w->read.key, true)))
        goto error;
    list_append (&w->key->watches, &w->node);
    if ((w->read.flags & FLUX_KVS_WATCH_FULL))
        list_append (&ws->full, &w->full);
    return w;
error:
    watch_destroy (w);
    return NULL;
}

static void lookup_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct watches *ws = arg;
    struct watch *w = NULL;

    if (ws->count >= WATCHES_MAX)
        errno = EAGAIN;
    else
        w = watch_create (ws, msg);
    if (!w) {
        kvs_respond_error (ws->kvs, msg, errno);
        return;
    }
    make_ready (w, true, false);
    start_ready (ws);
}

/* Of those whose connection it is. The sender is gone with its last watch. */
static void end_mine (struct watches *ws, int errnum, const flux_msg_t *msg,
                      bool (*match) (const flux_msg_t *msg, const flux_msg_t *request))
{
    struct watch_sender *s = hashmap_lookup (ws->senders, sender_of (msg));
    bool last = false;

    if (!s)
        return;
    for (struct list *it = s->watches.next, *next; !last; it = next) {
        struct watch *w = container_of (it, struct watch, mine);

        next = it->next;
        last = next == &s->watches;
        if (!match (msg, w->msg))
            continue;
        if (errnum)
            kvs_respond_error (ws->kvs, w->msg, errnum);
        watch_destroy (w);
    }
}

static void cancel_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    end_mine (arg, ENODATA, msg, flux_cancel_match);
}

static struct watch *find_windowed (struct watch_key *k, const flux_msg_t *msg)
{
    if (k) {
        list_foreach (&k->watches, it) {
            struct watch *w = container_of (it, struct watch, node);
            if (w->windowed && flux_cancel_match (msg, w->msg))
                return w;
        }
    }
    return NULL;
}

/* As kvs_read_decode has it. */
static struct watch_key *key_named (struct watches *ws, const char *ns, const char *key)
{
    char dir[JOBNS_DIR_MAX], guest[JOBNS_DIR_MAX], *below;
    struct watch_key *k;

    if (!jobns_parse (ns, dir, guest))
        return key_lookup (ws, ns, key, false);
    if (!(below = jobns_key (guest, key)))
        return NULL;
    k = key_lookup (ws, KVS_PRIMARY_NAMESPACE, below, false);
    free (below);
    return k;
}

/* The reader has taken so much; last: it wants no more than there is now. A watch
 * that has ended meanwhile needs nothing. */
static void credit_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                       void *arg)
{
    struct watches *ws = arg;
    const char *ns, *key;
    json_int_t bytes;
    int last = 0;
    struct watch *w;

    if (flux_request_unpack (msg, NULL, "{s:s s:s s:I s?b}", "namespace", &ns, "key",
                             &key, "bytes", &bytes, "last", &last)
            < 0
        || bytes < 0)
        return; /* no line for what a guest may say a million times */
    if (!(w = find_windowed (key_named (ws, ns, key), msg)))
        return;
    w->credit = bytes > WINDOW_MAX - w->credit ? WINDOW_MAX : w->credit + bytes;
    w->ends |= last;
    make_ready (w, true, false);
    start_ready (ws);
}

static void disconnect_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                           void *arg)
{
    end_mine (arg, 0, msg, flux_disconnect_match);
}

static void stats_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg,
                      void *arg)
{
    struct watches *ws = arg;

    if (flux_respond_pack (h, msg, "{s:i s:i s:i s:I}", "watchers", (int)ws->count,
                           "keys", (int)hashmap_count (ws->keys), "senders",
                           (int)hashmap_count (ws->senders), "looks",
                           (json_int_t)ws->looks)
        < 0)
        flux_log_error (h, "error responding to kvs-watch.stats-get");
}

static const struct flux_msg_handler_spec handlers[] = {
    { FLUX_MSGTYPE_REQUEST, "kvs-watch.lookup", lookup_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs-watch.lookup-cancel", cancel_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs-watch.lookup-credit", credit_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs-watch.disconnect", disconnect_cb, FLUX_ROLE_USER },
    { FLUX_MSGTYPE_REQUEST, "kvs-watch.stats-get", stats_cb, FLUX_ROLE_USER },
    FLUX_MSGHANDLER_TABLE_END,
};

size_t kvs_watches_count (const struct watches *ws)
{
    return ws->count;
}

struct watches *kvs_watches_create (struct kvs *kvs)
{
    struct watches *ws;
    flux_future_t *f = NULL;

    if (!(ws = calloc (1, sizeof (*ws))))
        return NULL;
    ws->kvs = kvs;
    list_init (&ws->full);
    list_init (&ws->ready);
    if (!(ws->keys = hashmap_create (key_destroy))
        || !(ws->senders = hashmap_create (sender_destroy))
        || !(f = flux_service_register (kvs->h, "kvs-watch"))
        || flux_future_get (f, NULL) < 0
        || flux_msg_handler_addvec (kvs->h, handlers, ws, &ws->handlers) < 0) {
        flux_log_error (kvs->h, "kvs: registering kvs-watch");
        flux_future_destroy (f);
        kvs_watches_destroy (ws);
        return NULL;
    }
    flux_future_destroy (f);
    return ws;
}

static int switch_watches (struct kvs *kvs, bool on)
{
    flux_future_t *f;

    if (on)
        return (kvs->watches = kvs_watches_create (kvs)) ? 0 : -1;
    kvs_watches_destroy (kvs->watches);
    kvs->watches = NULL;
    if (!(f = flux_service_unregister (kvs->h, "kvs-watch"))
        || flux_future_get (f, NULL) < 0)
        flux_log_error (kvs->h, "kvs: unregistering kvs-watch");
    flux_future_destroy (f);
    return 0;
}

void kvs_part_cb (flux_t *h, flux_msg_handler_t *mh, const flux_msg_t *msg, void *arg)
{
    struct kvs *kvs = arg;
    const char *name;
    int on;

    if (flux_request_unpack (msg, NULL, "{s:s s:b}", "name", &name, "on", &on) < 0)
        kvs_respond_error (kvs, msg, EPROTO);
    else if (strcmp (name, "kvs-watch") != 0 || kvs->rank != 0)
        kvs_respond_error (kvs, msg, ENOENT);
    else if (!!kvs->watches == !!on)
        kvs_respond_error (kvs, msg, on ? EEXIST : ENOENT);
    else if (switch_watches (kvs, on) < 0)
        kvs_respond_error (kvs, msg, errno);
    else if (flux_respond (h, msg, NULL) < 0)
        flux_log_error (h, "error responding to kvs.part");
}

void kvs_watches_destroy (struct watches *ws)
{
    size_t pos = 0;
    void *value;

    if (!ws)
        return;
    flux_msg_handler_delvec (ws->handlers);
    while (ws->keys && hashmap_next (ws->keys, &pos, NULL, &value)) {
        struct watch_key *k = value;
        size_t left = 0;

        list_foreach (&k->watches, it)
            left++;
        while (left-- > 0) {
            struct watch *w = list_first (&k->watches, struct watch, node);
            kvs_respond_text (ws->kvs, w->msg, ENOSYS, KVS_ENDED);
            watch_destroy (w);
        }
    }
    if (ws->keys)
        hashmap_destroy (ws->keys);
    if (ws->senders)
        hashmap_destroy (ws->senders);
    buf_fini (&ws->scratch);
    free (ws);
}
