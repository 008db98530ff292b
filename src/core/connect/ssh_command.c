#include "core/connect/ssh_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text/quote.h"

static int fail (flux_error_t *error, const char *rest, const char *why)
{
    if (error)
        snprintf (error->text, sizeof (error->text), "ssh://%s: %s", rest, why);
    errno = EINVAL;
    return -1;
}

static int add (struct ssh_command *c, const char *s, size_t len)
{
    int n = 0;

    while (c->argv[n])
        n++;
    return (c->argv[n] = strndup (s, len)) ? 0 : -1;
}

static bool is_port (const char *s, size_t len)
{
    return len > 0 && len <= 5 && strspn (s, "0123456789") >= len;
}

/* What may stand in the name of a user or host; the first character is no '-'. */
static bool is_name (const char *s, size_t len)
{
    if (len == 0 || *s == '-')
        return false;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr ("'\"\\`$;&|<>", s[i]))
            return false;
    }
    return true;
}

/* [USER@]HOST[:PORT] of len bytes: -p PORT, then [USER@]HOST. */
static int add_destination (struct ssh_command *c, const char *rest, size_t len,
                            flux_error_t *error)
{
    const char *at = memchr (rest, '@', len), *end = rest + len, *port = NULL;
    const char *host = at ? at + 1 : rest, *host_end = end;
    char *dest = NULL;
    int rc;

    if (*host == '[') {
        if (!(host_end = memchr (host, ']', end - host)))
            return fail (error, rest, "a ']' is missing");
        host++;
        if (host_end + 1 < end && host_end[1] != ':')
            return fail (error, rest, "only a port may follow ']'");
        port = host_end + 1 < end ? host_end + 2 : NULL;
    } else if ((port = memchr (host, ':', end - host)))
        host_end = port++;
    if (!is_name (host, host_end - host) || (at && !is_name (rest, at - rest)))
        return fail (error, rest, "not a name of a host");
    if (port && !is_port (port, end - port))
        return fail (error, rest, "not a port");
    if (port && (add (c, "-p", 2) < 0 || add (c, port, end - port) < 0))
        return -1;
    if (asprintf (&dest, "%.*s%s%.*s", at ? (int)(at - rest) : 0, rest, at ? "@" : "",
                  (int)(host_end - host), host)
        < 0)
        return -1;
    rc = add (c, dest, strlen (dest));
    free (dest);
    return rc;
}

static int add_command (struct ssh_command *c, const char *rcmd, const char *path,
                        size_t len)
{
    struct buf b = BUF_INIT;
    char *copy = strndup (path, len);
    int rc = -1;

    buf_printf (&b, "%s relay ", rcmd);
    if (copy)
        buf_add_quoted (&b, copy);
    free (copy);
    char *s = copy ? buf_take (&b, NULL) : NULL;
    if (s)
        rc = add (c, s, strlen (s));
    free (s);
    return rc;
}

int ssh_command_init (struct ssh_command *c, const char *rest, const char *ssh,
                      const char *rcmd, flux_error_t *error)
{
    const char *path = strchr (rest, '/');

    memset (c, 0, sizeof (*c));
    if (!path || path[1] == '\0')
        return fail (error, rest, "a path is missing");
    if (add (c, ssh, strlen (ssh)) < 0
        || add_destination (c, rest, path - rest, error) < 0
        || add_command (c, rcmd, path, strcspn (path, "?")) < 0) {
        ssh_command_fini (c);
        return -1;
    }
    return 0;
}

void ssh_command_fini (struct ssh_command *c)
{
    int saved_errno = errno;

    for (int i = 0; c->argv[i]; i++) {
        free (c->argv[i]);
        c->argv[i] = NULL;
    }
    errno = saved_errno;
}
