#include "core/pmi/client.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/file.h"
#include "core/pmi/wire.h"

struct pmi_client {
    const struct pmi_calls *calls; /* NULL: by the wire */
    void *impl;
    int fd;
    bool own_fd;
    bool trace;
    int rank;
    int size;
    char kvsname[PMI_KVSNAME_MAX];
    int keylen_max, vallen_max;
    char line[65536]; /* of the server, whose limits may be larger than ours */
    char value[65536];
    size_t have; /* bytes in line */
    size_t used; /* bytes of line that the last response took */
};

static int read_line (struct pmi_client *c, flux_error_t *error)
{
    c->have -= c->used;
    memmove (c->line, c->line + c->used, c->have);
    c->used = 0;
    for (;;) {
        char *nl = memchr (c->line, '\n', c->have);
        ssize_t n;

        if (nl) {
            *nl = '\0';
            c->used = nl + 1 - c->line;
            if (c->trace)
                fprintf (stderr, "pmi[%d] S: %s\n", c->rank, c->line);
            return 0;
        }
        if (c->have == sizeof (c->line))
            return error_fail (error, EPROTO, "pmi: response line is too long");
        n = read (c->fd, c->line + c->have, sizeof (c->line) - c->have);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return error_fail (error, errno, "pmi: read: %s", strerror (errno));
        if (n == 0)
            return error_fail (error, EPROTO, "pmi: server closed the connection");
        c->have += n;
    }
}

/* One exchange. The response must be `expect` with rc 0 or absent; another rc
 * is told in *rc. */
__attribute__ ((format (printf, 5, 6))) static int
exchange (struct pmi_client *c, const char *expect, int *rc, flux_error_t *error,
          const char *fmt, ...)
{
    char req[65536 + 256];
    char cmd[64];
    va_list ap;
    int n;

    va_start (ap, fmt);
    n = vsnprintf (req, sizeof (req), fmt, ap);
    va_end (ap);
    if (n < 0 || (size_t)n >= sizeof (req))
        return error_fail (error, EINVAL, "pmi: request is too long");
    if (c->trace)
        fprintf (stderr, "pmi[%d] C: %.*s\n", c->rank, n - 1, req);
    if (fd_write_all (c->fd, req, n) < 0)
        return error_fail (error, errno, "pmi: write: %s", strerror (errno));
    if (read_line (c, error) < 0)
        return -1;
    if (!pmi_wire_word (c->line, "cmd", cmd, sizeof (cmd)) || strcmp (cmd, expect) != 0)
        return error_fail (error, EPROTO, "pmi: expected %s, got: %.60s", expect,
                           c->line);
    *rc = 0;
    (void)pmi_wire_int (c->line, "rc", rc);
    return 0;
}

static int handshake (struct pmi_client *c, flux_error_t *error)
{
    int rc, version = 0;

    if (exchange (c, "response_to_init", &rc, error,
                  "cmd=init pmi_version=1 pmi_subversion=1\n")
        < 0)
        return -1;
    if (rc != 0 || !pmi_wire_int (c->line, "pmi_version", &version) || version != 1)
        return error_fail (error, EPROTO, "pmi: server does not speak version 1");
    if (exchange (c, "maxes", &rc, error, "cmd=get_maxes\n") < 0)
        return -1;
    if (rc != 0 || !pmi_wire_int (c->line, "keylen_max", &c->keylen_max)
        || !pmi_wire_int (c->line, "vallen_max", &c->vallen_max))
        return error_fail (error, EPROTO, "pmi: bad answer to get_maxes");
    if (exchange (c, "my_kvsname", &rc, error, "cmd=get_my_kvsname\n") < 0)
        return -1;
    if (rc != 0 || !pmi_wire_word (c->line, "kvsname", c->kvsname, sizeof (c->kvsname)))
        return error_fail (error, EPROTO, "pmi: bad answer to get_my_kvsname");
    return 0;
}

static bool is_possible (int rank, int size, flux_error_t *error)
{
    if (size >= 1 && rank >= 0 && rank < size)
        return true;
    error_fail (error, EINVAL, "pmi: rank %d of size %d is impossible", rank, size);
    return false;
}

struct pmi_client *pmi_client_open (int fd, int rank, int size, flux_error_t *error)
{
    struct pmi_client *c;

    if (!is_possible (rank, size, error))
        return NULL;
    if (!(c = calloc (1, sizeof (*c)))) {
        error_fail (error, ENOMEM, "out of memory");
        return NULL;
    }
    c->fd = fd;
    c->rank = rank;
    c->size = size;
    c->trace = getenv ("FLUX_PMI_DEBUG") != NULL;
    if (handshake (c, error) < 0) {
        pmi_client_close (c);
        return NULL;
    }
    return c;
}

/* ---- by calls ---- */

struct pmi_client *pmi_client_create (const struct pmi_calls *calls, void *impl,
                                      int rank, int size, const char *kvsname,
                                      flux_error_t *error)
{
    struct pmi_client *c = NULL;

    if (!is_possible (rank, size, error) || !(c = calloc (1, sizeof (*c)))) {
        if (size >= 1 && rank >= 0 && rank < size)
            error_fail (error, ENOMEM, "out of memory");
        calls->close (impl);
        return NULL;
    }
    c->calls = calls;
    c->impl = impl;
    c->fd = -1;
    c->rank = rank;
    c->size = size;
    c->trace = getenv ("FLUX_PMI_DEBUG") != NULL;
    snprintf (c->kvsname, sizeof (c->kvsname), "%s", kvsname);
    return c;
}

/* What a call has answered, for who wants to see it. */
__attribute__ ((format (printf, 3, 4))) static int called (struct pmi_client *c, int rc,
                                                           const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    if (c->trace) {
        char what[256];

        va_start (ap, fmt);
        vsnprintf (what, sizeof (what), fmt, ap);
        va_end (ap);
        fprintf (stderr, "%s[%d] %s: %s\n", c->calls->name, c->rank, what,
                 rc < 0 ? strerror (saved_errno) : "success");
    }
    errno = saved_errno;
    return rc;
}

/* ---- over a descriptor ---- */

static int env_int (const char *name, int *val)
{
    const char *s = getenv (name);
    char *end;
    long n;

    if (!s)
        return -1;
    n = strtol (s, &end, 10);
    if (end == s || *end != '\0' || n < 0 || n > 0x7fffffffL)
        return -1;
    *val = n;
    return 0;
}

struct pmi_client *pmi_client_open_env (flux_error_t *error)
{
    struct pmi_client *c;
    int fd, rank, size;

    if (env_int ("PMI_FD", &fd) < 0 || env_int ("PMI_RANK", &rank) < 0
        || env_int ("PMI_SIZE", &size) < 0) {
        error_fail (error, ENOENT, "PMI_FD, PMI_RANK and PMI_SIZE are not set");
        return NULL;
    }
    if (!(c = pmi_client_open (fd, rank, size, error)))
        return NULL;
    c->own_fd = true;
    return c;
}

void pmi_client_close (struct pmi_client *c)
{
    int saved_errno = errno;

    if (c) {
        if (c->own_fd)
            close (c->fd);
        if (c->calls)
            c->calls->close (c->impl);
        free (c);
    }
    errno = saved_errno;
}

int pmi_client_rank (const struct pmi_client *c)
{
    return c->rank;
}

int pmi_client_size (const struct pmi_client *c)
{
    return c->size;
}

const char *pmi_client_kvsname (const struct pmi_client *c)
{
    return c->kvsname;
}

int pmi_client_put (struct pmi_client *c, const char *key, const char *value,
                    flux_error_t *error)
{
    int rc;

    if (c->calls)
        return called (c, c->calls->put (c->impl, key, value, error), "put %s=%s", key,
                       value);
    if (pmi_wire_check_key (key, c->keylen_max) < 0
        || pmi_wire_check_value (value, c->vallen_max) < 0)
        return error_fail (error, EINVAL, "pmi: put %s: key or value is not allowed",
                           key);
    if (exchange (c, "put_result", &rc, error, "cmd=put kvsname=%s key=%s value=%s\n",
                  c->kvsname, key, value)
        < 0)
        return -1;
    if (rc != 0)
        return error_fail (error, EIO, "pmi: put %s failed with code %d", key, rc);
    return 0;
}

const char *pmi_client_get (struct pmi_client *c, const char *key, flux_error_t *error)
{
    int rc;

    if (c->calls) {
        rc = c->calls->get (c->impl, key, c->value, sizeof (c->value), error);
        (void)called (c, rc, "get %s=%s", key, rc < 0 ? "" : c->value);
        return rc < 0 ? NULL : c->value;
    }
    if (pmi_wire_check_key (key, c->keylen_max) < 0)
        return error_null (error, EINVAL, "pmi: get %s: key is not allowed", key);
    if (exchange (c, "get_result", &rc, error, "cmd=get kvsname=%s key=%s\n",
                  c->kvsname, key)
        < 0)
        return NULL;
    if (rc != 0) {
        error_fail (error, ENOENT, "pmi: get %s failed with code %d", key, rc);
        return NULL;
    }
    if (!pmi_wire_string (c->line, "value", c->value, sizeof (c->value))) {
        error_fail (error, EPROTO, "pmi: get %s: no value in the answer", key);
        return NULL;
    }
    return c->value;
}

/* A question whose answer is one number. */
static int ask_int (struct pmi_client *c, const char *what, const char *expect,
                    const char *word, int *val, flux_error_t *error)
{
    int rc;

    if (c->calls)
        return error_fail (error, ENOSYS, "pmi: %s is not asked of %s", what,
                           c->calls->name);
    if (exchange (c, expect, &rc, error, "cmd=%s\n", what) < 0)
        return -1;
    if (rc != 0 || !pmi_wire_int (c->line, word, val))
        return error_fail (error, EIO, "pmi: %s failed with code %d", what, rc);
    return 0;
}

int pmi_client_universe_size (struct pmi_client *c, int *size, flux_error_t *error)
{
    return ask_int (c, "get_universe_size", "universe_size", "size", size, error);
}

int pmi_client_appnum (struct pmi_client *c, int *appnum, flux_error_t *error)
{
    return ask_int (c, "get_appnum", "appnum", "appnum", appnum, error);
}

int pmi_client_barrier (struct pmi_client *c, flux_error_t *error)
{
    int rc;

    if (c->calls)
        return called (c, c->calls->barrier (c->impl, error), "barrier");
    if (exchange (c, "barrier_out", &rc, error, "cmd=barrier_in\n") < 0)
        return -1;
    if (rc != 0)
        return error_fail (error, EIO, "pmi: barrier failed with code %d", rc);
    return 0;
}

int pmi_client_finalize (struct pmi_client *c, flux_error_t *error)
{
    int rc;

    if (c->calls)
        return called (c, c->calls->finalize (c->impl, error), "finalize");
    if (exchange (c, "finalize_ack", &rc, error, "cmd=finalize\n") < 0)
        return -1;
    return 0;
}

int pmi_client_abort (struct pmi_client *c, int exitcode, const char *msg)
{
    char req[1024];
    int n;

    if (c->calls)
        return c->calls->abort (c->impl, exitcode, msg);
    n = snprintf (req, sizeof (req), "cmd=abort exitcode=%d error_msg=%.900s\n",
                  exitcode, msg);

    /* the message is for people: one line of it is better than none */
    for (char *nl = req; (nl = strchr (nl, '\n')) && nl[1];)
        *nl = ' ';
    return fd_write_all (c->fd, req, n);
}
