/* Logging: one RFC 5424 line to the broker's log. */
#include <flux/attr.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"

struct logger {
    char appname[49]; /* limits of RFC 5424 */
    char procid[129];
    char hostname[256]; /* "": the rank */
    flux_log_f redirect;
    void *redirect_arg;
};

static struct logger *get_logger (flux_t *h)
{
    struct logger *l = flux_aux_get (h, "flux::log");

    if (l || !h)
        return l;
    if (!(l = calloc (1, sizeof (*l))))
        return NULL;
    snprintf (l->appname, sizeof (l->appname), "%s", program_invocation_short_name);
    snprintf (l->procid, sizeof (l->procid), "%d", (int)getpid ());
    if (flux_aux_set (h, "flux::log", l, free) < 0) {
        free (l);
        return NULL;
    }
    return l;
}

void flux_log_set_appname (flux_t *h, const char *s)
{
    struct logger *l = get_logger (h);

    if (l && s)
        snprintf (l->appname, sizeof (l->appname), "%s", s);
}

void flux_log_set_procid (flux_t *h, const char *s)
{
    struct logger *l = get_logger (h);

    if (l && s)
        snprintf (l->procid, sizeof (l->procid), "%s", s);
}

void flux_log_set_hostname (flux_t *h, const char *s)
{
    struct logger *l = get_logger (h);

    if (l && s)
        snprintf (l->hostname, sizeof (l->hostname), "%s", s);
}

void flux_log_set_redirect (flux_t *h, flux_log_f fun, void *arg)
{
    struct logger *l = get_logger (h);

    if (l) {
        l->redirect = fun;
        l->redirect_arg = arg;
    }
}

const char *flux_strerror (int errnum)
{
    const char *s = strerrordesc_np (errnum);

    return s ? s : "Unknown error";
}

/* "<PRI>1 TIME HOSTNAME APPNAME PROCID MSGID SD MSG"; the rank stands for
 * the host name. */
static void format_header (struct buf *b, struct logger *l, flux_t *h, int level)
{
    struct timeval tv;
    struct tm tm;
    char stamp[32];
    uint32_t rank;

    gettimeofday (&tv, NULL);
    gmtime_r (&tv.tv_sec, &tm);
    strftime (stamp, sizeof (stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    if (flux_get_rank (h, &rank) < 0)
        rank = FLUX_NODEID_ANY;
    buf_printf (b, "<%d>1 %s.%06ldZ ", LOG_USER | (level & LOG_PRIMASK), stamp,
                (long)tv.tv_usec);
    if (l->hostname[0])
        buf_adds (b, l->hostname);
    else if (rank == FLUX_NODEID_ANY)
        buf_adds (b, "-");
    else
        buf_printf (b, "%u", rank);
    buf_printf (b, " %s %s - - ", l->appname[0] ? l->appname : "-",
                l->procid[0] ? l->procid : "-");
}

int flux_vlog (flux_t *h, int level, const char *fmt, va_list ap)
{
    int saved_errno = errno;
    struct buf b = BUF_INIT;
    struct logger *l;
    flux_future_t *f;
    int rc = 0;

    if (!h) {
        vfprintf (stderr, fmt, ap);
        fputc ('\n', stderr);
        return 0;
    }
    if (!(l = get_logger (h)))
        return -1;
    format_header (&b, l, h, level);
    errno = saved_errno; /* for %m */
    buf_vprintf (&b, fmt, ap);
    while (b.len > 0 && b.data[b.len - 1] == '\n')
        b.data[--b.len] = '\0';
    if (b.err) {
        errno = ENOMEM;
        rc = -1;
    } else if (l->redirect) {
        l->redirect (b.data, b.len, l->redirect_arg);
    } else {
        f = flux_rpc_raw (h, "log.append", b.data, b.len, FLUX_NODEID_ANY,
                          FLUX_RPC_NORESPONSE);
        rc = f ? 0 : -1;
        flux_future_destroy (f);
    }
    buf_fini (&b);
    if (rc == 0)
        errno = saved_errno;
    return rc;
}

int flux_log (flux_t *h, int level, const char *fmt, ...)
{
    va_list ap;
    int rc;

    va_start (ap, fmt);
    rc = flux_vlog (h, level, fmt, ap);
    va_end (ap);
    return rc;
}

void flux_log_verror (flux_t *h, const char *fmt, va_list ap)
{
    int saved_errno = errno;
    char text[1024];

    vsnprintf (text, sizeof (text), fmt, ap);
    flux_log (h, LOG_ERR, "%s: %s", text, flux_strerror (saved_errno));
    errno = saved_errno;
}

void flux_log_error (flux_t *h, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    flux_log_verror (h, fmt, ap);
    va_end (ap);
}

void flux_llog (void *arg, const char *file, int line, const char *func,
                const char *subsys, int level, const char *fmt, va_list ap)
{
    char text[1024];

    vsnprintf (text, sizeof (text), fmt, ap);
    if (level == LOG_DEBUG)
        flux_log (arg, level, "%s:%d: %s: %s", file, line, func, text);
    else
        flux_log (arg, level, "%s%s%s", subsys ? subsys : "", subsys ? ": " : "", text);
}
