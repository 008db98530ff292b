/* Metrics by statsd (flux/stats.h says what each kind means).
 *
 * Happy path: the first call of a handle finds the address and connects a socket. A value
 * goes to its metric, and the timer is started; when it fires, the metrics that changed
 * are written to as few datagrams as hold them. Timings are written at once.
 *
 * Failures: no address, or one that is none (logged): every later call finds a state that
 * is switched off. No memory: the value is lost. No reader: the datagram is lost. */
#include <flux/flog.h>
#include <flux/stats.h>

#include <ctype.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/hashmap.h"
#include "core/handle/handle_impl.h"

/* What fits into an Ethernet frame. */
#define DATAGRAM_MAX 1432
#define DEFAULT_PERIOD 1.0

enum kind {
    COUNT,
    GAUGE_SET,
    GAUGE_INC,
};

struct metric {
    enum kind kind;
    bool changed;
    ssize_t value;
};

struct stats {
    flux_t *h;
    int fd; /* -1: switched off */
    char prefix[128];
    double period;
    struct hashmap *metrics;
    struct buf out; /* whole lines */
    flux_watcher_t *timer;
    bool waiting;
};

static void send_datagram (struct stats *s)
{
    if (s->out.len > 0)
        (void)send (s->fd, s->out.data, s->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    buf_reset (&s->out);
}

static void add_name (struct buf *b, const char *name)
{
    for (; *name; name++) {
        unsigned char c = *name;

        buf_addc (b, iscntrl (c) || strchr (":|@", c) ? '_' : c);
    }
}

__attribute__ ((format (printf, 3, 4))) static void
add_line (struct stats *s, const char *name, const char *fmt, ...)
{
    struct buf line = BUF_INIT;
    va_list ap;

    add_name (&line, s->prefix);
    buf_addc (&line, '.');
    add_name (&line, name);
    va_start (ap, fmt);
    buf_vprintf (&line, fmt, ap);
    va_end (ap);
    if (!line.err) {
        if (s->out.len + line.len > DATAGRAM_MAX)
            send_datagram (s);
        buf_add (&s->out, line.data, line.len);
    }
    buf_fini (&line);
}

static void add_metric (struct stats *s, const char *name, struct metric *m)
{
    static const char *const formats[] = {
        [COUNT] = ":%zd|C\n",
        [GAUGE_SET] = ":%zd|g\n",
        [GAUGE_INC] = ":%+zd|g\n",
    };

    add_line (s, name, formats[m->kind], m->value);
    m->changed = false;
    if (m->kind == GAUGE_INC)
        m->value = 0;
}

static void flush (struct stats *s)
{
    const char *name;
    size_t pos = 0;
    void *value;

    while (hashmap_next (s->metrics, &pos, &name, &value)) {
        struct metric *m = value;

        if (m->changed)
            add_metric (s, name, m);
    }
    send_datagram (s);
}

static void timer_cb (flux_reactor_t *r, flux_watcher_t *w, int revents, void *arg)
{
    struct stats *s = arg;

    s->waiting = false;
    flush (s);
}

static void stats_destroy (void *arg)
{
    struct stats *s = arg;

    if (s->fd >= 0) {
        flush (s);
        close (s->fd);
    }
    flux_watcher_destroy (s->timer);
    hashmap_destroy (s->metrics);
    buf_fini (&s->out);
    free (s);
}

/* HOST:PORT, also [::1]:8125. -1 with the reason. */
static int connect_to (const char *address, const char **why)
{
    struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM }, *ai;
    const char *colon = strrchr (address, ':');
    bool bracket = address[0] == '[' && colon && colon[-1] == ']';
    char host[256];
    int fd = -1, rc;

    *why = "it is not HOST:PORT";
    if (!colon || colon == address || !colon[1]
        || (size_t)snprintf (host, sizeof (host), "%.*s",
                             (int)(colon - address) - 2 * bracket, address + bracket)
               >= sizeof (host))
        return -1;
    if ((rc = getaddrinfo (host, colon + 1, &hints, &ai)) != 0) {
        *why = gai_strerror (rc);
        return -1;
    }
    for (struct addrinfo *a = ai; a && fd < 0; a = a->ai_next) {
        fd = socket (a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
        if (fd >= 0 && connect (fd, a->ai_addr, a->ai_addrlen) < 0) {
            close (fd);
            fd = -1;
        }
    }
    freeaddrinfo (ai);
    *why = strerror (errno);
    return fd;
}

static void switch_on (struct stats *s, const char *address)
{
    const char *why;

    if ((s->fd = connect_to (address, &why)) < 0)
        flux_log (s->h, LOG_ERR, "FLUX_FRIPP_STATSD=%s: %s", address, why);
    else if (!(s->metrics = hashmap_create (free))
             || !(s->timer = flux_timer_watcher_create (flux_get_reactor (s->h), 0., 0.,
                                                        timer_cb, s))) {
        close (s->fd);
        s->fd = -1;
    } else
        flux_watcher_unref (s->timer);
}

static struct stats *stats_create (flux_t *h)
{
    struct stats *s = calloc (1, sizeof (*s));
    const char *address = getenv ("FLUX_FRIPP_STATSD");
    const char *rank = attr_cached (h, "rank");

    if (!s)
        return NULL;
    s->h = h;
    s->fd = -1;
    s->period = DEFAULT_PERIOD;
    snprintf (s->prefix, sizeof (s->prefix), "flux%s%s", rank ? "." : "",
              rank ? rank : "");
    if (flux_aux_set (h, "flux::stats", s, stats_destroy) < 0) {
        free (s);
        return NULL;
    }
    if (address)
        switch_on (s, address);
    return s;
}

/* NULL: there is nothing to be done. */
static struct stats *get_stats (flux_t *h)
{
    struct stats *s = h ? flux_aux_get (h, "flux::stats") : NULL;

    if (h && !s)
        s = stats_create (h);
    return s && s->fd >= 0 ? s : NULL;
}

static void lines_wait (struct stats *s)
{
    if (s->period <= 0)
        flush (s);
    else if (!s->waiting) {
        s->waiting = true;
        flux_timer_watcher_reset (s->timer, s->period, 0.);
        flux_watcher_start (s->timer);
    }
}

static struct metric *get_metric (struct stats *s, const char *name)
{
    struct metric *m = hashmap_lookup (s->metrics, name);

    if (!m && (m = calloc (1, sizeof (*m)))
        && hashmap_insert (s->metrics, name, m) < 0) {
        free (m);
        return NULL;
    }
    return m;
}

static void set_metric (flux_t *h, const char *name, enum kind kind, ssize_t value)
{
    struct stats *s = name ? get_stats (h) : NULL;
    struct metric *m = s ? get_metric (s, name) : NULL;

    if (!m)
        return;
    if (kind != GAUGE_INC) {
        m->kind = kind;
        m->value = value;
    } else if (m->changed && m->kind != COUNT) /* also to one that was just set */
        m->value += value;
    else {
        m->kind = kind;
        m->value = value;
    }
    m->changed = true;
    lines_wait (s);
}

void flux_stats_count (flux_t *h, const char *name, ssize_t count)
{
    set_metric (h, name, COUNT, count);
}

void flux_stats_gauge_set (flux_t *h, const char *name, ssize_t value)
{
    set_metric (h, name, GAUGE_SET, value);
}

void flux_stats_gauge_inc (flux_t *h, const char *name, ssize_t inc)
{
    set_metric (h, name, GAUGE_INC, inc);
}

void flux_stats_timing (flux_t *h, const char *name, double ms)
{
    struct stats *s = name ? get_stats (h) : NULL;

    if (s && get_metric (s, name)) {
        add_line (s, name, ":%f|ms\n", ms);
        lines_wait (s);
    }
}

void flux_stats_set_period (flux_t *h, double period)
{
    struct stats *s = get_stats (h);

    if (!s)
        return;
    s->period = period;
    flux_watcher_stop (s->timer);
    s->waiting = false;
    flush (s); /* what is kept has waited for the end of another period */
}

void flux_stats_set_prefix (flux_t *h, const char *fmt, ...)
{
    struct stats *s = fmt ? get_stats (h) : NULL;
    va_list ap;

    if (!s)
        return;
    va_start (ap, fmt);
    vsnprintf (s->prefix, sizeof (s->prefix), fmt, ap);
    va_end (ap);
}

bool flux_stats_enabled (flux_t *h, const char *name)
{
    struct stats *s = get_stats (h);

    return s && (!name || hashmap_lookup (s->metrics, name));
}
