/* From a URI to a handle. */
#include <flux/attr.h>
#include <flux/handle.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "core/connect/connector.h"
#include "core/connect/within.h"
#include "core/handle/handle_impl.h"

static const struct {
    const char *scheme;
    flux_t *(*open) (const char *rest, int flags, double limit, flux_error_t *error);
} connectors[] = {
    { "local", connector_local_open },
    { "ssh", connector_ssh_open },
    { "fd", connector_fd_open },
    { "loop", connector_loop_open },
};

static flux_t *open_uri (const char *uri, int flags, double limit, flux_error_t *error)
{
    const char *sep = strstr (uri, "://");
    flux_t *h;

    for (size_t i = 0; sep && i < sizeof (connectors) / sizeof (connectors[0]); i++) {
        if (strlen (connectors[i].scheme) != (size_t)(sep - uri)
            || strncmp (uri, connectors[i].scheme, sep - uri) != 0)
            continue;
        if (!(h = connectors[i].open (sep + 3, flags, limit, error)) && error
            && error->text[0] == '\0')
            error_text (error, "%s: %s", uri, strerror (errno));
        return h;
    }
    if (sep && sep - uri == 5 && !strncmp (uri, "shmem", 5)) {
        error_text (error, "%s: only a broker and its modules meet there", uri);
        errno = ENOSYS;
        return NULL;
    }
    return connector_load (uri, sep ? (size_t)(sep - uri) : 0, flags, limit, error);
}

static const char *default_uri (void)
{
    const char *uri = getenv ("FLUX_URI");

    return uri && uri[0] ? uri : flux_conf_builtin_get ("local_uri", FLUX_CONF_AUTO);
}

/* "/", ".", "..", "../..": instances above the one that FLUX_URI names. */
static bool is_ancestor_path (const char *s)
{
    return !strcmp (s, "/") || !strcmp (s, ".") || !strcmp (s, "..")
           || !strncmp (s, "../", 3) || !strncmp (s, "./", 2);
}

static int count_ups (const char *s)
{
    int ups = 0;

    if (!strcmp (s, "/"))
        return -1; /* to the top */
    while ((s = strstr (s, ".."))) {
        ups++;
        s += 2;
    }
    return ups;
}

/* limit: of the connector, and of who waits for a future of the handle; 0: none. */
static flux_t *open_limited (const char *uri, int flags, double limit,
                             flux_error_t *error)
{
    flux_t *h = open_uri (uri, flags, limit, error);

    if (h)
        h->patience = limit;
    return h;
}

/* NULL at the top. */
static flux_t *open_parent (flux_t *h, int flags, double limit, flux_error_t *error)
{
    const char *uri = flux_attr_get (h, "parent-uri");
    const char *level = flux_attr_get (h, "instance-level");

    if (!uri || (level && !strcmp (level, "0"))) {
        errno = ENOENT;
        return NULL;
    }
    return open_limited (uri, flags, limit, error);
}

static flux_t *open_ancestor (const char *path, int flags, double limit,
                              flux_error_t *error)
{
    flux_t *h = open_limited (default_uri (), flags, limit, error);
    int ups = count_ups (path);

    while (h && ups-- != 0) {
        flux_t *parent = open_parent (h, flags, limit, error);

        if (!parent && errno == ENOENT)
            break; /* above the top is the top */
        flux_close (h);
        h = parent;
    }
    return h;
}

static flux_t *open_any (const char *uri, int flags, double limit, flux_error_t *error)
{
    if (!uri)
        uri = default_uri ();
    if (is_ancestor_path (uri))
        return open_ancestor (uri, flags, limit, error);
    return open_limited (uri, flags, limit, error);
}

flux_t *flux_open_ex (const char *uri, int flags, flux_error_t *error)
{
    const char *s;
    int valid = FLUX_O_TRACE | FLUX_O_CLONE | FLUX_O_NONBLOCK | FLUX_O_MATCHDEBUG
                | FLUX_O_TEST_NOSUB | FLUX_O_RPCTRACK | FLUX_O_NOREQUEUE;

    if (error)
        error->text[0] = '\0';
    if ((flags & ~valid)) {
        errno = EINVAL;
        error_text (error, "invalid flags");
        return NULL;
    }
    if ((s = getenv ("FLUX_HANDLE_TRACE")) && s[0] && strcmp (s, "0"))
        flags |= FLUX_O_TRACE;
    if ((s = getenv ("FLUX_HANDLE_MATCHDEBUG")) && s[0] && strcmp (s, "0"))
        flags |= FLUX_O_MATCHDEBUG;
    return open_any (uri, flags, 0., error);
}

flux_t *flux_open (const char *uri, int flags)
{
    return flux_open_ex (uri, flags, NULL);
}

flux_t *open_within (const char *uri, double seconds, flux_error_t *error)
{
    error->text[0] = '\0';
    return open_any (uri, 0, seconds, error);
}
