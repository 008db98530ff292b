#include "core/handle/channel.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/connect/connector.h"
#include "core/message/message.h"
#include "core/message/msgqueue.h"

/* What waits for one end. The lock protects all of it. */
struct inbox {
    pthread_mutex_t lock;
    struct msgqueue queue;
    bool armed;     /* the reader is about to sleep: wake it */
    bool signaled;  /* the eventfd was or is being written */
    bool peer_gone; /* nobody will send any more */
    bool closed;    /* nobody will receive any more */
    int fd;
};

struct channel {
    struct inbox inbox[2];
    int refs; /* atomic; open ends */
};

struct channel_end {
    struct channel *ch;
    struct inbox *in, *out;
    struct msgqueue mine; /* taken out of in->queue, without a lock */
    bool peer_gone;       /* as seen when `in` was looked at last */
};

static int inbox_init (struct inbox *in)
{
    pthread_mutex_init (&in->lock, NULL);
    return in->fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void inbox_fini (struct inbox *in)
{
    msgqueue_fini (&in->queue);
    if (in->fd >= 0)
        close (in->fd);
    pthread_mutex_destroy (&in->lock);
}

static void channel_free (struct channel *ch)
{
    int saved_errno = errno;

    inbox_fini (&ch->inbox[0]);
    inbox_fini (&ch->inbox[1]);
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
    if (inbox_init (&ch->inbox[0]) < 0 || inbox_init (&ch->inbox[1]) < 0) {
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
    struct msgqueue left = { 0 };

    if (!end)
        return;
    pthread_mutex_lock (&end->in->lock);
    end->in->closed = true;
    left = end->in->queue;
    end->in->queue = (struct msgqueue){ 0 };
    pthread_mutex_unlock (&end->in->lock);

    channel_shutdown (end);
    msgqueue_fini (&left);
    msgqueue_fini (&end->mine);
    if (__atomic_sub_fetch (&end->ch->refs, 1, __ATOMIC_ACQ_REL) == 0)
        channel_free (end->ch);
    free (end);
    errno = saved_errno;
}

int channel_send (struct channel_end *end, flux_msg_t **msg)
{
    struct inbox *out = end->out;
    bool armed = false;
    int rc = 0;

    pthread_mutex_lock (&out->lock);
    if (out->closed) {
        errno = ECONNRESET;
        rc = -1;
    } else if ((rc = msgqueue_push (&out->queue, *msg)) == 0 && out->armed) {
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

/* Reset the eventfd, with the lock held. If the sender that is to write it
 * has not done so yet, the reader will wake up once for nothing. */
static void clear_signal (struct inbox *in)
{
    uint64_t count;

    if (in->signaled && read (in->fd, &count, sizeof (count)) == sizeof (count))
        in->signaled = false;
}

/* Swap the empty private queue with the shared one. True if there is
 * something now; if not, arm when asked to. */
static bool fetch (struct channel_end *end, bool arm)
{
    struct inbox *in = end->in;
    struct msgqueue empty = end->mine;

    pthread_mutex_lock (&in->lock);
    end->peer_gone = in->peer_gone;
    if (!msgqueue_empty (&in->queue)) {
        end->mine = in->queue;
        in->queue = empty;
    } else if (arm && !in->peer_gone) {
        clear_signal (in);
        in->armed = true;
    }
    pthread_mutex_unlock (&in->lock);
    return !msgqueue_empty (&end->mine);
}

flux_msg_t *channel_recv (struct channel_end *end)
{
    if (msgqueue_empty (&end->mine) && !fetch (end, false)) {
        errno = end->peer_gone ? ECONNRESET : EAGAIN;
        return NULL;
    }
    return msgqueue_pop (&end->mine);
}

int channel_pollfd (struct channel_end *end)
{
    return end->in->fd;
}

int channel_pollevents (struct channel_end *end)
{
    if (!msgqueue_empty (&end->mine) || fetch (end, true))
        return FLUX_POLLIN | FLUX_POLLOUT;
    if (end->peer_gone)
        return FLUX_POLLIN | FLUX_POLLOUT | FLUX_POLLERR;
    return FLUX_POLLOUT;
}

static size_t inbox_count (struct inbox *in)
{
    size_t count;

    pthread_mutex_lock (&in->lock);
    count = in->queue.count;
    pthread_mutex_unlock (&in->lock);
    return count;
}

size_t channel_recv_count (struct channel_end *end)
{
    return inbox_count (end->in) + end->mine.count;
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
