#include "core/handle/channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/connect/connector.h"
#include "core/message/message.h"
#include "core/message/msgqueue.h"

/* Messages that are received for one that may wait. */
#define TURNS 4

/* What waits for one end. The lock protects all of it. */
struct inbox {
    pthread_mutex_t lock;
    struct msgqueue queue, later;
    bool armed;     /* the reader is about to sleep: wake it */
    bool signaled;  /* the eventfd was or is being written */
    bool peer_gone; /* nobody will send any more */
    bool closed;    /* nobody will receive any more */
    int fd;
};

struct channel {
    struct inbox inbox[2];
    /* Stands in `queue` where a disconnect was put into `later`. */
    flux_msg_t *marker;
    int refs; /* atomic; open ends */
};

struct channel_end {
    struct channel *ch;
    struct inbox *in, *out;
    struct msgqueue mine, mine_later; /* taken out of in->queue, without a lock */
    int turns;                        /* messages of `mine` since one of mine_later */
    size_t markers;                   /* received, of disconnects that were not */
    bool peer_gone;                   /* as seen when `in` was looked at last */
};

static int inbox_init (struct inbox *in)
{
    pthread_mutex_init (&in->lock, NULL);
    return in->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void inbox_fini (struct inbox *in)
{
    msgqueue_fini (&in->queue);
    msgqueue_fini (&in->later);
    if (in->fd >= 0)
        close (in->fd);
    pthread_mutex_destroy (&in->lock);
}

static void channel_free (struct channel *ch)
{
    int saved_errno = errno;

    inbox_fini (&ch->inbox[0]);
    inbox_fini (&ch->inbox[1]);
    flux_msg_decref (ch->marker);
    free (ch);
    errno = saved_errno;
}

int channel_create (struct channel_end *ends[2])
{
    struct channel *ch = calloc (1, sizeof (*ch));
    struct channel_end *a = calloc (1, sizeof (*a));
    struct channel_end *b = calloc (1, sizeof (*b));

    if (!ch || !a || !b)
        goto error;
    ch->inbox[0].fd = ch->inbox[1].fd = -1;
    ch->refs = 2;
    if (inbox_init (&ch->inbox[0]) < 0 || inbox_init (&ch->inbox[1]) < 0
        || !(ch->marker = flux_msg_create (FLUX_MSGTYPE_CONTROL))) {
        channel_free (ch);
        ch = NULL;
        goto error;
    }
    a->ch = b->ch = ch;
    a->in = b->out = &ch->inbox[0];
    a->out = b->in = &ch->inbox[1];
    ends[0] = a;
    ends[1] = b;
    return 0;
error:
    free (ch);
    free (a);
    free (b);
    return -1;
}

static void wake (int fd)
{
    uint64_t one = 1;

    /* Can only fail if the counter is full, and then the reader is awake. */
    if (write (fd, &one, sizeof (one)) < 0)
        return;
}

void channel_shutdown (struct channel_end *end)
{
    pthread_mutex_lock (&end->out->lock);
    end->out->peer_gone = true;
    end->out->signaled = true;
    /* Under the lock: behind it the other end may free the channel. */
    wake (end->out->fd);
    pthread_mutex_unlock (&end->out->lock);
}

void channel_close (struct channel_end *end)
{
    int saved_errno = errno;
    struct msgqueue left, left_later;

    if (!end)
        return;
    pthread_mutex_lock (&end->in->lock);
    end->in->closed = true;
    left = end->in->queue;
    left_later = end->in->later;
    end->in->queue = end->in->later = (struct msgqueue){ 0 };
    pthread_mutex_unlock (&end->in->lock);

    channel_shutdown (end);
    msgqueue_fini (&left);
    msgqueue_fini (&left_later);
    msgqueue_fini (&end->mine);
    msgqueue_fini (&end->mine_later);
    if (__atomic_sub_fetch (&end->ch->refs, 1, __ATOMIC_ACQ_REL) == 0)
        channel_free (end->ch);
    free (end);
    errno = saved_errno;
}

static bool is_disconnect (const flux_msg_t *msg)
{
    const char *topic, *method;

    return flux_msg_is_noresponse (msg) && flux_msg_get_topic (msg, &topic) == 0
           && (method = strrchr (topic, '.')) && strcmp (method, ".disconnect") == 0;
}

static int push (struct channel *ch, struct inbox *out, flux_msg_t *msg, bool later)
{
    if (!later)
        return msgqueue_push (&out->queue, msg);
    if (msgqueue_push (&out->later, msg) < 0)
        return -1;
    if (!is_disconnect (msg)
        || msgqueue_push (&out->queue, (flux_msg_t *)flux_msg_incref (ch->marker)) == 0)
        return 0;
    flux_msg_decref (ch->marker);
    (void)msgqueue_take (&out->later, out->later.count - 1);
    errno = ENOMEM;
    return -1;
}

static int put (struct channel_end *end, flux_msg_t **msg, bool later)
{
    struct inbox *out = end->out;
    bool armed = false;
    int rc = 0;

    pthread_mutex_lock (&out->lock);
    if (out->closed) {
        errno = ECONNRESET;
        rc = -1;
    } else if ((rc = push (end->ch, out, *msg, later)) == 0 && out->armed) {
        armed = true;
        out->armed = false;
        out->signaled = true;
    }
    pthread_mutex_unlock (&out->lock);
    if (rc < 0)
        return -1;
    *msg = NULL;
    /* Outside of the lock, so that the reader does not wake up into it. The
     * descriptor lives as long as this end. */
    if (armed)
        wake (out->fd);
    return 0;
}

int channel_send (struct channel_end *end, flux_msg_t **msg)
{
    return put (end, msg, false);
}

int channel_send_later (struct channel_end *end, flux_msg_t **msg)
{
    return put (end, msg, true);
}

/* Reset the eventfd, with the lock held. If the sender that is to write it
 * has not done so yet, the reader will wake up once for nothing. */
static void clear_signal (struct inbox *in)
{
    uint64_t count;

    if (in->signaled && read (in->fd, &count, sizeof (count)) == sizeof (count))
        in->signaled = false;
}

/* An empty private queue for the shared one. */
static void swap (struct msgqueue *mine, struct msgqueue *shared)
{
    struct msgqueue empty = *mine;

    if (msgqueue_empty (mine) && !msgqueue_empty (shared)) {
        *mine = *shared;
        *shared = empty;
    }
}

static bool has_some (const struct channel_end *end)
{
    return !msgqueue_empty (&end->mine) || !msgqueue_empty (&end->mine_later);
}

/* True if there is something now; if not, arm when asked to. */
static bool fetch (struct channel_end *end, bool arm)
{
    struct inbox *in = end->in;

    pthread_mutex_lock (&in->lock);
    end->peer_gone = in->peer_gone;
    swap (&end->mine, &in->queue);
    swap (&end->mine_later, &in->later);
    if (arm && !has_some (end) && !in->peer_gone) {
        clear_signal (in);
        in->armed = true;
    }
    pthread_mutex_unlock (&in->lock);
    return has_some (end);
}

static void drop_markers (struct channel_end *end)
{
    while (msgqueue_at (&end->mine, 0) == end->ch->marker) {
        flux_msg_decref (msgqueue_pop (&end->mine));
        end->markers++;
    }
}

/* Where `mine` is empty, all that was sent before what is in mine_later has been received. A
 * disconnect whose marker has passed is next, unless some that may wait are before it: what
 * its sender kept may be for the sender of what comes behind it. */
static flux_msg_t *next (struct channel_end *end)
{
    flux_msg_t *later = msgqueue_at (&end->mine_later, 0);
    bool leaves = later && is_disconnect (later);

    if (!msgqueue_empty (&end->mine) && !(leaves && end->markers > 0)
        && (!later || end->turns < TURNS || leaves)) {
        end->turns++;
        return msgqueue_pop (&end->mine);
    }
    end->turns = 0;
    if (leaves)
        end->markers--;
    return msgqueue_pop (&end->mine_later);
}

flux_msg_t *channel_recv (struct channel_end *end)
{
    drop_markers (end);
    if (msgqueue_empty (&end->mine)) {
        (void)fetch (end, false);
        drop_markers (end);
    }
    if (end->markers > 0 && msgqueue_empty (&end->mine_later))
        (void)fetch (end, false);
    if (!has_some (end)) {
        errno = end->peer_gone ? ECONNRESET : EAGAIN;
        return NULL;
    }
    return next (end);
}

int channel_pollfd (struct channel_end *end)
{
    return end->in->fd;
}

int channel_pollevents (struct channel_end *end)
{
    if (has_some (end) || fetch (end, true))
        return FLUX_POLLIN | FLUX_POLLOUT;
    if (end->peer_gone)
        return FLUX_POLLIN | FLUX_POLLOUT | FLUX_POLLERR;
    return FLUX_POLLOUT;
}

static size_t inbox_count (struct inbox *in)
{
    size_t count;

    pthread_mutex_lock (&in->lock);
    count = in->queue.count + in->later.count;
    pthread_mutex_unlock (&in->lock);
    return count;
}

size_t channel_recv_count (struct channel_end *end)
{
    return inbox_count (end->in) + end->mine.count + end->mine_later.count;
}

size_t channel_send_count (struct channel_end *end)
{
    return inbox_count (end->out);
}

static void op_destroy (void *impl)
{
    channel_close (impl);
}

static int op_pollfd (void *impl)
{
    return channel_pollfd (impl);
}

static int op_pollevents (void *impl)
{
    return channel_pollevents (impl);
}

static flux_msg_t *op_recv (void *impl)
{
    return channel_recv (impl);
}

/* What nobody has vouched for yet comes from this process, which belongs to
 * the instance owner (RFC 12). */
static void stamp (flux_msg_t *msg)
{
    static _Atomic uid_t known = (uid_t)-1; /* saves a system call for each message */
    uid_t uid = atomic_load_explicit (&known, memory_order_relaxed);
    struct flux_msg_cred cred;

    if (uid == (uid_t)-1)
        atomic_store_explicit (&known, uid = getuid (), memory_order_relaxed);
    if (flux_msg_get_cred (msg, &cred) == 0 && cred.userid == FLUX_USERID_UNKNOWN) {
        cred.userid = uid;
        cred.rolemask = FLUX_ROLE_OWNER | FLUX_ROLE_LOCAL;
        flux_msg_set_cred (msg, cred);
    }
}

static atomic_int own_rank = -1;

void channel_set_rank (int rank)
{
    atomic_store (&own_rank, rank);
}

static void prepare (flux_msg_t *msg)
{
    stamp (msg);
    msg_encode_early (msg, atomic_load_explicit (&own_rank, memory_order_relaxed));
}

static int op_send_new (void *impl, flux_msg_t **msg, int flags)
{
    prepare (*msg);
    return channel_send (impl, msg);
}

/* The other thread may change what it gets, so a message that the sender
 * keeps is copied; the payload is shared. Nobody changes events. */
static int op_send (void *impl, const flux_msg_t *msg, int flags)
{
    flux_msg_t *cpy;
    int type;

    if (flux_msg_get_type (msg, &type) < 0)
        return -1;
    if (type == FLUX_MSGTYPE_EVENT)
        cpy = (flux_msg_t *)flux_msg_incref (msg);
    else if (!(cpy = flux_msg_copy (msg, true)))
        return -1;
    if (type != FLUX_MSGTYPE_EVENT)
        prepare (cpy);
    if (channel_send (impl, &cpy) < 0) {
        flux_msg_decref (cpy);
        return -1;
    }
    return 0;
}

flux_t *channel_open_handle (struct channel_end *end, int flags)
{
    static const struct flux_handle_ops ops = {
        .pollfd = op_pollfd,
        .pollevents = op_pollevents,
        .send = op_send,
        .send_new = op_send_new,
        .recv = op_recv,
        .destroy = op_destroy,
    };
    return flux_handle_create (end, &ops, flags);
}
