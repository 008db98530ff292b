#include "broker/overlay/strangers.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/hashmap.h"
#include "base/list.h"

struct stranger {
    struct list since, looked;
    int fd;
};

struct strangers {
    size_t max;
    struct idmap *by_fd;
    struct list since;  /* who has been one for longest comes first */
    struct list looked; /* who was not looked at for longest comes first */
};

struct strangers *strangers_create (size_t max)
{
    struct strangers *s = calloc (1, sizeof (*s));

    if (!s || !(s->by_fd = idmap_create (free))) {
        free (s);
        return NULL;
    }
    s->max = max;
    list_init (&s->since);
    list_init (&s->looked);
    return s;
}

void strangers_destroy (struct strangers *s)
{
    if (s) {
        idmap_destroy (s->by_fd);
        free (s);
    }
}

int strangers_add (struct strangers *s, int fd)
{
    struct stranger *n;

    strangers_remove (s, fd);
    if (!(n = calloc (1, sizeof (*n))) || idmap_insert (s->by_fd, fd, n) < 0) {
        free (n);
        return fd;
    }
    n->fd = fd;
    list_append (&s->since, &n->since);
    list_append (&s->looked, &n->looked);
    if (idmap_count (s->by_fd) <= s->max)
        return -1;
    return list_first (&s->since, struct stranger, since)->fd;
}

void strangers_remove (struct strangers *s, int fd)
{
    struct stranger *n = idmap_lookup (s->by_fd, fd);

    if (n) {
        list_remove (&n->since);
        list_remove (&n->looked);
        idmap_remove (s->by_fd, fd);
    }
}

size_t strangers_count (const struct strangers *s)
{
    return idmap_count (s->by_fd);
}

/* What the kernel has got from it, whoever has read it. */
static size_t received (int fd)
{
    struct tcp_info info = { 0 };
    socklen_t len = sizeof (info);

    if (getsockopt (fd, IPPROTO_TCP, TCP_INFO, &info, &len) < 0)
        return 0;
    return info.tcpi_bytes_received;
}

int strangers_greedy (struct strangers *s, int count)
{
    while (count-- > 0 && !list_empty (&s->looked)) {
        struct stranger *n = list_first (&s->looked, struct stranger, looked);

        list_remove (&n->looked);
        list_append (&s->looked, &n->looked);
        if (received (n->fd) > STRANGER_BYTES)
            return n->fd;
    }
    return -1;
}
