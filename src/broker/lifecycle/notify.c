/* Telling systemd how the broker does: datagrams to the socket that NOTIFY_SOCKET
 * names, as sd_notify(3) describes them.
 *
 * Happy path: READY=1 when rank 0 is about to wait for others, and when another rank
 * is about to look for its parent, which may take as long as that is down. STATUS= in
 * each state, STOPPING=1 in those of the end, with EXTEND_TIMEOUT_USEC= whenever it has
 * come nearer, so that only a broker that stands still is killed.
 *
 * Failures: who is not listened to runs on. */
#include "broker/lifecycle/notify.h"
#include "base/error.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "value/fsd.h"

struct notify {
    struct sockaddr_un addr;
    socklen_t addr_len;
    double stop_timeout; /* < 0: none */
};

int notify_text (char *buf, size_t size, enum broker_state state, int rank,
                 double stop_timeout)
{
    bool ready = state == (rank == 0 ? STATE_QUORUM : STATE_JOIN);
    bool stopping = state >= STATE_CLEANUP;
    int n = snprintf (buf, size, "%s%sSTATUS=%s", ready ? "READY=1\n" : "",
                      stopping ? "STOPPING=1\n" : "", state_name (state));

    if (stopping && stop_timeout >= 0 && n >= 0 && (size_t)n < size)
        n += snprintf (buf + n, size - n, "\nEXTEND_TIMEOUT_USEC=%.0f",
                       stop_timeout * 1E6);
    return n;
}

static void tell (struct notify *n, const char *text, int len)
{
    int fd;

    if ((fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        return;
    (void)sendto (fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL,
                  (struct sockaddr *)&n->addr, n->addr_len);
    close (fd);
}

void notify_state (struct broker *b, enum broker_state state)
{
    struct notify *n = b->notify;
    char text[128];

    if (n)
        tell (n, text,
              notify_text (text, sizeof (text), state, b->rank, n->stop_timeout));
}

/* A second line would be another field. */
void notify_status (struct broker *b, const char *text)
{
    struct notify *n = b->notify;
    char buf[256];
    int len;

    if (!n)
        return;
    len =
        snprintf (buf, sizeof (buf), "STATUS=%s: %.150s", state_name (b->state), text);
    for (char *s = buf; *s; s++)
        if ((unsigned char)*s < ' ')
            *s = ' ';
    if (b->state >= STATE_CLEANUP && n->stop_timeout >= 0)
        len += snprintf (buf + len, sizeof (buf) - len, "\nEXTEND_TIMEOUT_USEC=%.0f",
                         n->stop_timeout * 1E6);
    tell (n, buf, len);
}

void notify_progress (struct broker *b)
{
    if (b->notify && b->notify->stop_timeout >= 0 && b->state >= STATE_CLEANUP)
        notify_state (b, b->state);
}

/* A path, or with '@' in front a name in the abstract namespace. */
static int set_address (struct notify *n, const char *name)
{
    size_t len = strlen (name);

    if ((name[0] != '/' && name[0] != '@') || len < 2
        || len >= sizeof (n->addr.sun_path))
        return -1;
    n->addr.sun_family = AF_UNIX;
    memcpy (n->addr.sun_path, name, len);
    if (name[0] == '@')
        n->addr.sun_path[0] = '\0';
    n->addr_len = offsetof (struct sockaddr_un, sun_path) + len;
    return 0;
}

static int fail (flux_error_t *error, const char *text)
{
    error_text (error, "%s", text);
    errno = EINVAL;
    return -1;
}

int notify_init (struct broker *b, flux_error_t *error)
{
    const char *wanted = attrs_val (b->attrs, "broker.sd-notify");
    const char *timeout = attrs_val (b->attrs, "broker.sd-stop-timeout");
    const char *name = getenv ("NOTIFY_SOCKET");
    bool has_timeout = timeout && strcmp (timeout, "none") != 0;

    if (!wanted || atoi (wanted) == 0)
        return has_timeout ? fail (error, "broker.sd-stop-timeout: needs "
                                          "broker.sd-notify=1")
                           : 0;
    if (!name)
        return fail (error, "broker.sd-notify: NOTIFY_SOCKET is not set: there is "
                            "nobody to tell");
    if (!(b->notify = calloc (1, sizeof (*b->notify))))
        return fail (error, "out of memory");
    if (set_address (b->notify, name) < 0)
        return fail (error, "broker.sd-notify: NOTIFY_SOCKET is no name of a socket");
    b->notify->stop_timeout = -1.;
    if (has_timeout)
        (void)fsd_parse (timeout, &b->notify->stop_timeout);
    /* It is this broker that systemd asked, not what it starts. */
    unsetenv ("NOTIFY_SOCKET");
    return 0;
}

void notify_fini (struct broker *b)
{
    free (b->notify);
    b->notify = NULL;
}
