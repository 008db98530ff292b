#include "readers.h"

#include "base/list.h"
#include "base/os/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define THREADS_MAX 4
#define PIECE (256 * 1024) /* stays in a processor's cache until it is hashed */

enum state { WAITS, READ, DONE };

struct region {
    struct list node;
    char *path;
    int64_t offset, size;
    void *item;
    enum state state;
    int errnum;
    unsigned char digest[DIGEST_MAX_SIZE];
};

/* One that has ended is joined before its place is taken. */
struct slot {
    pthread_t thread;
    enum { FREE, RUNS, ENDED } use;
    struct readers *readers;
};

struct readers {
    const struct digest *digest;
    int event, slots_count;
    struct slot slots[THREADS_MAX];
    struct list queue; /* until they are taken */
    int count;
    pthread_mutex_t lock;
    bool end;
};

static ssize_t read_piece (int fd, void *data, size_t len, int64_t offset)
{
    ssize_t n;

    do {
        n = pread (fd, data, len, offset);
    } while (n < 0 && errno == EINTR);
    if (n == 0) {
        errno = ENODATA;
        return -1;
    }
    return n;
}

static int hash_file (struct digest *d, int fd, int64_t offset, int64_t size,
                      void *digest, const bool *end)
{
    char *piece = malloc (PIECE);
    ssize_t n = 0;

    if (!piece || digest_begin (d) < 0)
        n = -1;
    for (; n >= 0 && size > 0; offset += n, size -= n) {
        n = read_piece (fd, piece, size < PIECE ? size : PIECE, offset);
        if (n > 0 && digest_add (d, piece, n) < 0)
            n = -1;
        if (n > 0 && end && __atomic_load_n (end, __ATOMIC_RELAXED)) {
            errno = ECANCELED;
            n = -1;
        }
    }
    free (piece);
    return n < 0 ? -1 : digest_end (d, digest);
}

/* O_NONBLOCK: a pipe in the place of the file holds nobody up. */
static int hash_region (struct digest *d, const char *path, int64_t offset,
                        int64_t size, void *digest, const bool *end)
{
    int fd = open (path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc, saved_errno;

    if (fd < 0)
        return -1;
    rc = hash_file (d, fd, offset, size, digest, end);
    saved_errno = errno;
    close (fd);
    errno = saved_errno;
    return rc;
}

int readers_hash (struct digest *d, const char *path, int64_t offset, int64_t size,
                  void *digest)
{
    return hash_region (d, path, offset, size, digest, NULL);
}

/* --- threads --- */

static struct region *next_waiting (struct readers *r)
{
    for (struct list *it = r->queue.next; it != &r->queue && !r->end; it = it->next) {
        struct region *reg = container_of (it, struct region, node);
        if (reg->state == WAITS)
            return reg;
    }
    return NULL;
}

static void tell (struct readers *r)
{
    uint64_t one = 1;

    if (write (r->event, &one, sizeof (one)) < 0)
        return; /* it is readable */
}

static void *run (void *arg)
{
    struct slot *slot = arg;
    struct readers *r = slot->readers;
    struct digest *d = digest_create (digest_name (r->digest));
    struct region *reg;
    int errnum;

    pthread_mutex_lock (&r->lock);
    while ((reg = next_waiting (r))) {
        reg->state = READ;
        pthread_mutex_unlock (&r->lock);
        errnum = ENOMEM;
        if (d)
            errnum =
                hash_region (d, reg->path, reg->offset, reg->size, reg->digest, &r->end)
                        < 0
                    ? errno
                    : 0;
        pthread_mutex_lock (&r->lock);
        reg->errnum = errnum;
        reg->state = DONE;
        if (r->queue.next == &reg->node)
            tell (r);
    }
    slot->use = ENDED;
    pthread_mutex_unlock (&r->lock);
    digest_destroy (d);
    return NULL;
}

/* --- calls --- */

static void region_destroy (struct region *reg)
{
    if (reg)
        free (reg->path);
    free (reg);
}

static struct region *region_create (const char *path, int64_t offset, int64_t size,
                                     void *item)
{
    struct region *reg = calloc (1, sizeof (*reg));

    if (!reg)
        return NULL;
    reg->offset = offset;
    reg->size = size;
    reg->item = item;
    reg->state = path ? WAITS : DONE;
    list_init (&reg->node);
    if (path && !(reg->path = strdup (path))) {
        free (reg);
        return NULL;
    }
    return reg;
}

/* 0 if somebody is there to read, too. */
static int start_thread (struct readers *r)
{
    struct slot *slot = NULL;
    int running = 0;

    for (int i = 0; i < r->slots_count; i++) {
        if (r->slots[i].use == RUNS)
            running++;
        else
            slot = &r->slots[i];
    }
    if (!slot)
        return 0;
    if (slot->use == ENDED)
        pthread_join (slot->thread, NULL);
    *slot = (struct slot){ .use = RUNS, .readers = r };
    if (thread_start (&slot->thread, 0, run, slot) == 0)
        return 0;
    slot->use = FREE;
    return running > 0 ? 0 : -1;
}

int readers_add (struct readers *r, const char *path, int64_t offset, int64_t size,
                 void *item)
{
    struct region *reg;
    int rc = 0;

    if (r->count >= READERS_QUEUE_MAX) {
        errno = EAGAIN;
        return -1;
    }
    if (!(reg = region_create (path, offset, size, item)))
        return -1;
    pthread_mutex_lock (&r->lock);
    list_append (&r->queue, &reg->node);
    if (path)
        rc = start_thread (r);
    else if (r->queue.next == &reg->node)
        tell (r);
    if (rc < 0)
        list_remove (&reg->node);
    else
        r->count++;
    pthread_mutex_unlock (&r->lock);
    if (rc < 0)
        region_destroy (reg);
    return rc;
}

int readers_fd (struct readers *r)
{
    return r->event;
}

void *readers_take (struct readers *r, int *errnum, void *digest)
{
    struct region *reg = NULL;
    uint64_t told;
    void *item;

    pthread_mutex_lock (&r->lock);
    if (!list_empty (&r->queue))
        reg = container_of (r->queue.next, struct region, node);
    if (reg && reg->state != DONE)
        reg = NULL;
    if (reg) {
        list_remove (&reg->node);
        r->count--;
    } else if (read (r->event, &told, sizeof (told)) < 0)
        told = 0; /* nobody has told */
    pthread_mutex_unlock (&r->lock);
    if (!reg)
        return NULL;
    *errnum = reg->errnum;
    memcpy (digest, reg->digest, digest_size (r->digest));
    item = reg->item;
    region_destroy (reg);
    return item;
}

bool readers_empty (const struct readers *r)
{
    return r->count == 0;
}

struct readers *readers_create (const struct digest *digest)
{
    struct readers *r = calloc (1, sizeof (*r));
    long cores = sysconf (_SC_NPROCESSORS_ONLN);

    if (!r)
        return NULL;
    r->digest = digest;
    r->slots_count = cores < 1 ? 1 : cores < THREADS_MAX ? (int)cores : THREADS_MAX;
    list_init (&r->queue);
    pthread_mutex_init (&r->lock, NULL);
    if ((r->event = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
        readers_destroy (r, NULL);
        return NULL;
    }
    return r;
}

void readers_destroy (struct readers *r, void (*drop) (void *item))
{
    bool started[THREADS_MAX] = { false };
    struct list *node;

    if (!r)
        return;
    pthread_mutex_lock (&r->lock);
    __atomic_store_n (&r->end, true, __ATOMIC_RELAXED);
    for (int i = 0; i < r->slots_count; i++)
        started[i] = r->slots[i].use != FREE;
    pthread_mutex_unlock (&r->lock);
    for (int i = 0; i < r->slots_count; i++)
        if (started[i])
            pthread_join (r->slots[i].thread, NULL);
    while ((node = list_pop (&r->queue))) {
        struct region *reg = container_of (node, struct region, node);
        drop (reg->item);
        region_destroy (reg);
    }
    if (r->event >= 0)
        close (r->event);
    pthread_mutex_destroy (&r->lock);
    free (r);
}
