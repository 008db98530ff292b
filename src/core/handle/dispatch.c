/* Message handlers, and which of them a message is for.
 *
 * Responses go by matchtag to whom the tag was bound to. Everything else is
 * looked up by its topic; only handlers whose topic is a pattern (or that
 * want one matchtag) are tried one by one, behind those. */
#include <flux/rpc.h>

#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "base/list.h"
#include "core/handle/dispatch.h"
#include "core/handle/handle_impl.h"

/* Messages handled in one reactor turn before others have theirs. */
#define BATCH_MAX 1024

struct dispatch {
    flux_t *h;
    flux_watcher_t *w;
    int refs;
    int wanted;            /* started handlers and holds */
    struct hashmap *exact; /* topic -> struct list of handlers */
    struct list patterns;
    struct msgqueue unmatched; /* of a clone, for the root */
};

struct flux_msg_handler {
    struct list node; /* latest first */
    struct dispatch *d;
    int refs;
    struct flux_match match;
    char *topic;
    uint32_t rolemask;
    flux_msg_handler_f cb;
    void *arg;
    bool running;
    bool destroyed;
};

static void handle_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg);

static void dispatch_decref (struct dispatch *d)
{
    if (d && --d->refs == 0) {
        hashmap_destroy (d->exact);
        msgqueue_fini (&d->unmatched);
        free (d);
    }
}

/* Handlers may outlive this: they keep an empty shell. */
void dispatch_destroy (struct dispatch *d)
{
    if (d) {
        flux_dispatch_requeue (d->h);
        flux_watcher_destroy (d->w);
        d->w = NULL;
        d->h = NULL;
        dispatch_decref (d);
    }
}

static struct dispatch *get (flux_t *h)
{
    struct dispatch *d = h->dispatch;

    if (d)
        return d;
    if (!(d = calloc (1, sizeof (*d))))
        return NULL;
    d->refs = 1;
    d->h = h;
    list_init (&d->patterns);
    d->exact = hashmap_create (free);
    d->w =
        flux_handle_watcher_create (flux_get_reactor (h), h, FLUX_POLLIN, handle_cb, d);
    if (!d->exact || !d->w) {
        flux_watcher_destroy (d->w);
        dispatch_decref (d);
        return NULL;
    }
    return h->dispatch = d;
}

static void want (struct dispatch *d, int change)
{
    d->wanted += change;
    if (d->wanted > 0)
        flux_watcher_start (d->w);
    else
        flux_watcher_stop (d->w);
}

int dispatch_hold (flux_t *h)
{
    struct dispatch *d = get (h);

    if (!d)
        return -1;
    want (d, 1);
    return 0;
}

void dispatch_release (flux_t *h)
{
    if (h->dispatch)
        want (h->dispatch, -1);
}

int flux_dispatch_requeue (flux_t *h)
{
    struct dispatch *d;

    if (!h) {
        errno = EINVAL;
        return -1;
    }
    if (!(d = h->dispatch))
        return 0;
    /* The newest first, each to the head. */
    while (d->unmatched.count > 0) {
        flux_msg_t *msg = msgqueue_at (&d->unmatched, d->unmatched.count - 1);

        if (msgqueue_push_head (&h->root->queue, msg) < 0)
            return -1;
        d->unmatched.count--;
    }
    return 0;
}

static bool wants (const struct flux_msg_handler *mh, const flux_msg_t *msg, int type)
{
    return mh->running && (mh->match.typemask == 0 || (mh->match.typemask & type));
}

static struct flux_msg_handler *first_match (struct dispatch *d, const flux_msg_t *msg,
                                             const char *topic, int type)
{
    struct list *l = topic ? hashmap_lookup (d->exact, topic) : NULL;

    if (l) {
        list_foreach (l, it) {
            struct flux_msg_handler *mh =
                container_of (it, struct flux_msg_handler, node);

            if (wants (mh, msg, type))
                return mh;
        }
    }
    list_foreach (&d->patterns, it) {
        struct flux_msg_handler *mh = container_of (it, struct flux_msg_handler, node);

        if (wants (mh, msg, type) && flux_msg_cmp (msg, mh->match))
            return mh;
    }
    return NULL;
}

static void mh_decref (struct flux_msg_handler *mh)
{
    if (mh && --mh->refs == 0) {
        struct dispatch *d = mh->d;

        free (mh->topic);
        free (mh);
        dispatch_decref (d);
    }
}

/* The callback may destroy its handler. */
static void call (struct flux_msg_handler *mh, const flux_msg_t *msg)
{
    mh->refs++;
    mh->cb (mh->d->h, mh, msg, mh->arg);
    mh_decref (mh);
}

static bool role_allowed (const struct flux_msg_handler *mh, const flux_msg_t *msg)
{
    uint32_t rolemask = 0;

    flux_msg_get_rolemask (msg, &rolemask);
    return (rolemask & (mh->rolemask | FLUX_ROLE_OWNER)) != 0;
}

static void refuse (flux_t *h, const struct flux_msg_handler *mh, const flux_msg_t *msg)
{
    const char *errstr = NULL;

    if (mh->rolemask == FLUX_ROLE_NONE || mh->rolemask == FLUX_ROLE_OWNER)
        errstr = "Request requires owner credentials";
    flux_respond_error (h, msg, EPERM, errstr);
}

static void stash (struct dispatch *d, flux_msg_t **msg)
{
    if (d->h->root != d->h && msgqueue_push (&d->unmatched, *msg) == 0)
        *msg = NULL;
}

static void handle_request (struct dispatch *d, flux_msg_t **msg, const char *topic)
{
    struct flux_msg_handler *mh = first_match (d, *msg, topic, FLUX_MSGTYPE_REQUEST);

    if (!mh) {
        if (d->h->root == d->h)
            flux_respond_error (d->h, *msg, ENOSYS, NULL);
        else
            stash (d, msg);
    } else if (!role_allowed (mh, *msg))
        refuse (d->h, mh, *msg);
    else
        call (mh, *msg);
}

static void handle_response (struct dispatch *d, flux_msg_t **msg, const char *topic)
{
    struct flux_msg_handler *mh;
    uint32_t tag = FLUX_MATCHTAG_NONE;

    flux_msg_get_matchtag (*msg, &tag);
    if (tag != FLUX_MATCHTAG_NONE && matchtags_deliver (d->h->root->tags, tag, *msg))
        return;
    if ((mh = first_match (d, *msg, topic, FLUX_MSGTYPE_RESPONSE)))
        call (mh, *msg);
    else
        stash (d, msg);
}

/* Events go to every handler that admits the sender's role: anybody may publish.
 * Those found so far are held while others are called, since a callback may destroy
 * any of them. */
static void handle_event (struct dispatch *d, flux_msg_t **msg, const char *topic,
                          int type)
{
    struct flux_msg_handler *small[16], **found = small;
    struct list *lists[2] = { topic ? hashmap_lookup (d->exact, topic) : NULL,
                              &d->patterns };
    size_t count = 0, cap = 16;
    bool refused = false;

    for (int i = 0; i < 2; i++) {
        if (!lists[i])
            continue;
        list_foreach (lists[i], it) {
            struct flux_msg_handler *mh =
                container_of (it, struct flux_msg_handler, node);

            if (!wants (mh, *msg, type) || !flux_msg_cmp (*msg, mh->match))
                continue;
            if (type == FLUX_MSGTYPE_EVENT && !role_allowed (mh, *msg)) {
                refused = true;
                continue;
            }
            if (count == cap) {
                struct flux_msg_handler **more = malloc (2 * cap * sizeof (*more));
                if (!more)
                    break;
                memcpy (more, found, count * sizeof (*more));
                if (found != small)
                    free (found);
                found = more;
                cap *= 2;
            }
            mh->refs++;
            found[count++] = mh;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (found[i]->running)
            found[i]->cb (d->h, found[i], *msg, found[i]->arg);
        mh_decref (found[i]);
    }
    if (found != small)
        free (found);
    if (count == 0 && !refused)
        stash (d, msg);
}

static void handle_msg (struct dispatch *d, flux_msg_t *msg)
{
    const char *topic = NULL;
    int type = 0;

    flux_msg_get_type (msg, &type);
    if (type != FLUX_MSGTYPE_CONTROL)
        flux_msg_get_topic (msg, &topic);
    switch (type) {
    case FLUX_MSGTYPE_REQUEST:
        handle_request (d, &msg, topic);
        break;
    case FLUX_MSGTYPE_RESPONSE:
        handle_response (d, &msg, topic);
        break;
    default:
        handle_event (d, &msg, topic, type);
    }
    flux_msg_decref (msg);
}

static void handle_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct dispatch *d = arg;
    flux_msg_t *msg;

    d->refs++;
    for (int i = 0; i < BATCH_MAX && d->w && flux_watcher_is_active (d->w); i++) {
        if (!(msg = handle_recv_next (d->h))) {
            /* unless whoever was told of the loss wants no more of this handle */
            if (errno != EAGAIN && d->w && flux_watcher_is_active (d->w))
                flux_reactor_stop_error (r);
            break;
        }
        handle_msg (d, msg);
    }
    dispatch_decref (d);
}

static json_t *describe (const struct flux_msg_handler *mh)
{
    return json_pack ("{s:s s:i s:I}", "topic", mh->topic ? mh->topic : "*", "type",
                      mh->match.typemask, "rolemask", (json_int_t)mh->rolemask);
}

static void describe_list (json_t *to, const struct list *l)
{
    list_foreach (l, it) {
        struct flux_msg_handler *mh = container_of (it, struct flux_msg_handler, node);

        if (mh->running)
            json_array_append_new (to, describe (mh));
    }
}

json_t *dispatch_describe (flux_t *h)
{
    json_t *o = json_array ();
    size_t pos = 0;
    void *value;

    if (o && h->dispatch) {
        while (hashmap_next (h->dispatch->exact, &pos, NULL, &value))
            describe_list (o, value);
        describe_list (o, &h->dispatch->patterns);
    }
    return o;
}

static bool is_pattern (const struct flux_match *m)
{
    return m->matchtag != FLUX_MATCHTAG_NONE || !m->topic_glob
           || m->topic_glob[0] == '\0' || strpbrk (m->topic_glob, "*?[\\");
}

static struct list *home (struct dispatch *d, const struct flux_match *m)
{
    struct list *l;

    if (is_pattern (m))
        return &d->patterns;
    if ((l = hashmap_lookup (d->exact, m->topic_glob)))
        return l;
    if (!(l = malloc (sizeof (*l))))
        return NULL;
    list_init (l);
    if (hashmap_insert (d->exact, m->topic_glob, l) < 0) {
        free (l);
        return NULL;
    }
    return l;
}

flux_msg_handler_t *flux_msg_handler_create (flux_t *h, struct flux_match match,
                                             flux_msg_handler_f cb, void *arg)
{
    struct flux_msg_handler *mh;
    struct dispatch *d;
    struct list *l;

    if (!h || !cb) {
        errno = EINVAL;
        return NULL;
    }
    if (!(d = get (h)) || !(mh = calloc (1, sizeof (*mh))))
        return NULL;
    list_init (&mh->node);
    mh->refs = 1;
    mh->d = d;
    d->refs++;
    mh->match = match;
    mh->cb = cb;
    mh->arg = arg;
    mh->rolemask = FLUX_ROLE_OWNER;
    if (match.topic_glob && !(mh->topic = strdup (match.topic_glob)))
        goto error;
    mh->match.topic_glob = mh->topic;
    if (!(l = home (d, &mh->match)))
        goto error;
    list_prepend (l, &mh->node);
    return mh;
error:
    mh_decref (mh);
    return NULL;
}

void flux_msg_handler_start (flux_msg_handler_t *mh)
{
    if (mh && !mh->running && mh->d->h) {
        mh->running = true;
        want (mh->d, 1);
    }
}

void flux_msg_handler_stop (flux_msg_handler_t *mh)
{
    if (mh && mh->running) {
        mh->running = false;
        if (mh->d->h)
            want (mh->d, -1);
    }
}

/* The entry of a topic goes with its last handler, so that short-lived
 * topics leave nothing behind. */
static void leave_home (struct flux_msg_handler *mh)
{
    struct list *l;

    list_remove (&mh->node);
    if (!is_pattern (&mh->match) && (l = hashmap_lookup (mh->d->exact, mh->topic))
        && list_empty (l))
        hashmap_remove (mh->d->exact, mh->topic);
}

void flux_msg_handler_destroy (flux_msg_handler_t *mh)
{
    int saved_errno = errno;

    if (!mh || mh->destroyed)
        return;
    flux_msg_handler_stop (mh);
    mh->destroyed = true;
    leave_home (mh);
    mh_decref (mh);
    errno = saved_errno;
}

void flux_msg_handler_allow_rolemask (flux_msg_handler_t *mh, uint32_t rolemask)
{
    if (mh)
        mh->rolemask |= rolemask;
}

void flux_msg_handler_deny_rolemask (flux_msg_handler_t *mh, uint32_t rolemask)
{
    if (mh)
        mh->rolemask = (mh->rolemask & ~rolemask) | FLUX_ROLE_OWNER;
}

static bool is_end (const struct flux_msg_handler_spec *spec)
{
    return spec->typemask == 0 && !spec->topic_glob && !spec->cb;
}

int flux_msg_handler_addvec_ex (flux_t *h, const char *service,
                                const struct flux_msg_handler_spec tab[], void *arg,
                                flux_msg_handler_t **msg_handlers[])
{
    flux_msg_handler_t **mhs;
    size_t count = 0;

    if (!h || !tab || !msg_handlers) {
        errno = EINVAL;
        return -1;
    }
    while (!is_end (&tab[count]))
        count++;
    if (!(mhs = calloc (count + 1, sizeof (*mhs))))
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct flux_match match = { .typemask = tab[i].typemask };
        char *topic = NULL;

        match.topic_glob = tab[i].topic_glob;
        if (service) {
            if (asprintf (&topic, "%s.%s", service, tab[i].topic_glob) < 0)
                goto error;
            match.topic_glob = topic;
        }
        mhs[i] = flux_msg_handler_create (h, match, tab[i].cb, arg);
        free (topic);
        if (!mhs[i])
            goto error;
        flux_msg_handler_allow_rolemask (mhs[i], tab[i].rolemask);
        flux_msg_handler_start (mhs[i]);
    }
    *msg_handlers = mhs;
    return 0;
error:
    flux_msg_handler_delvec (mhs);
    return -1;
}

int flux_msg_handler_addvec (flux_t *h, const struct flux_msg_handler_spec tab[],
                             void *arg, flux_msg_handler_t **msg_handlers[])
{
    return flux_msg_handler_addvec_ex (h, NULL, tab, arg, msg_handlers);
}

void flux_msg_handler_delvec (flux_msg_handler_t *msg_handlers[])
{
    int saved_errno = errno;

    if (!msg_handlers)
        return;
    for (size_t i = 0; msg_handlers[i]; i++)
        flux_msg_handler_destroy (msg_handlers[i]);
    free (msg_handlers);
    errno = saved_errno;
}

flux_watcher_t *flux_get_handle_watcher (flux_t *h)
{
    if (!h) {
        errno = EINVAL;
        return NULL;
    }
    return h->dispatch ? h->dispatch->w : NULL;
}
