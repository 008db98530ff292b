/* Happy path: a path is walked from an instance to the next: connect, read the log of
 * the job there, find the memo with its URI.
 *
 * Failures name the part of the path that is at fault: no job id, no such job, a job
 * that does not run (any more), or one that is no instance. */
#include "core/job/uri.h"
#include "base/error.h"

#include <flux/attr.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/connect/connector.h"
#include "core/job/uri_scheme.h"
#include "value/eventlog.h"

/* --- forms --- */

static const char *skip (const char *s, const char *prefix)
{
    size_t n = strlen (prefix);

    return strncmp (s, prefix, n) == 0 ? s + n : NULL;
}

static bool is_here (const char *host, size_t len, const char *path)
{
    char name[HOST_NAME_MAX + 1] = "";

    return gethostname (name, sizeof (name) - 1) == 0 && strlen (name) == len
           && strncmp (name, host, len) == 0 && access (path, F_OK) == 0;
}

static char *to_remote (const char *uri, const char *path)
{
    const char *proxied = getenv ("FLUX_PROXY_REMOTE");
    char host[HOST_NAME_MAX + 1] = "";
    char *s = NULL;

    if (!path)
        return strdup (uri);
    gethostname (host, sizeof (host) - 1);
    if (asprintf (&s, "ssh://%s%s", proxied ? proxied : host, path) < 0)
        return NULL;
    return s;
}

static char *to_local (const char *path)
{
    char *s = NULL;

    return asprintf (&s, "local://%s", path) < 0 ? NULL : s;
}

char *uri_form (const char *uri, int flags)
{
    const char *local = skip (uri, "local://"), *ssh = skip (uri, "ssh://");
    const char *path = local ? local : ssh ? strchr (ssh, '/') : NULL;

    if (!path) {
        errno = EINVAL;
        return NULL;
    }
    if (flags & URI_REMOTE)
        return to_remote (uri, local);
    if (ssh
        && ((flags & URI_LOCAL) || getenv ("FLUX_URI_RESOLVE_LOCAL")
            || ((flags & URI_CONNECT) && is_here (ssh, path - ssh, path))))
        return to_local (path);
    return strdup (uri);
}

/* --- a job --- */

enum found { NOTHING, URI, STARTED, OVER };

/* One entry of a job's log. */
static enum found look (const char *line, size_t len, char **uri)
{
    json_t *entry = eventlog_entry_decode (line, len), *context;
    enum found found = NOTHING;
    const char *name, *s;

    if (entry && eventlog_entry_parse (entry, NULL, &name, &context) == 0) {
        if (strcmp (name, "memo") == 0
            && (s = json_string_value (json_object_get (context, "uri")))) {
            free (*uri);
            found = (*uri = strdup (s)) ? URI : NOTHING;
        } else if (strcmp (name, "finish") == 0 || strcmp (name, "clean") == 0)
            found = OVER;
        else if (strcmp (name, "start") == 0)
            found = STARTED;
    }
    json_decref (entry);
    return found;
}

static char *not_running (flux_error_t *error, const char *name, char *uri)
{
    free (uri);
    return error_null (error, ENOENT, "jobid %s is not running", name);
}

static char *look_once (flux_t *h, flux_jobid_t id, const char *name,
                        flux_error_t *error)
{
    flux_future_t *f =
        flux_rpc_pack (h, "job-info.lookup", FLUX_NODEID_ANY, 0, "{s:I s:[s] s:i}",
                       "id", (json_int_t)id, "keys", "eventlog", "flags", 0);
    const char *log, *pos, *line;
    enum found found = NOTHING, last = NOTHING;
    char *uri = NULL;
    size_t n;

    if (!f || flux_rpc_get_unpack (f, "{s:s}", "eventlog", &log) < 0) {
        if (errno == ENOENT)
            error_null (error, ENOENT, "jobid %s not found", name);
        else
            error_null (error, errno, "jobid %s: %s", name,
                        flux_future_error_string (f));
        flux_future_destroy (f);
        return NULL;
    }
    pos = log;
    while (eventlog_next_line (&pos, log + strlen (log), &line, &n))
        if ((found = look (line, n, &uri)) != NOTHING)
            last = found;
    flux_future_destroy (f);
    if (last == NOTHING || last == OVER)
        return not_running (error, name, uri);
    return uri ? uri
               : error_null (
                   error, ENOENT,
                   "jobid %s has no URI: it is not a Flux instance, or not ready",
                   name);
}

static char *look_on (flux_t *h, flux_jobid_t id, const char *name, flux_error_t *error)
{
    flux_future_t *f = flux_job_event_watch (h, id, "eventlog", 0);
    enum found found = NOTHING;
    const char *line;
    char *uri = NULL;

    while (found != URI && found != OVER && flux_job_event_watch_get (f, &line) == 0) {
        found = look (line, strlen (line), &uri);
        flux_future_reset (f);
    }
    if (found == OVER)
        not_running (error, name, NULL);
    else if (found != URI && errno == ENOENT)
        error_null (error, ENOENT, "jobid %s not found", name);
    else if (found != URI)
        error_null (error, errno, "jobid %s: %s", name, flux_future_error_string (f));
    flux_future_destroy (f);
    return uri;
}

static char *job_uri (flux_t *h, const char *name, flux_jobid_t id, int flags,
                      flux_error_t *error)
{
    char *posted = flags & URI_WAIT ? look_on (h, id, name, error)
                                    : look_once (h, id, name, error);
    char *uri = posted ? uri_form (posted, flags) : NULL;

    if (posted && !uri)
        error_null (error, errno, "jobid %s: '%s' is not a native URI", name, posted);
    free (posted);
    return uri;
}

char *uri_of_job (flux_t *h, flux_jobid_t id, int flags, flux_error_t *error)
{
    char name[64];

    if (flux_job_id_encode (id, "f58", name, sizeof (name)) < 0)
        return error_null (error, errno, "%s", strerror (errno));
    return job_uri (h, name, id, flags, error);
}

/* --- paths --- */

static flux_t *step_into (const char *uri, flux_error_t *error)
{
    char *s = uri ? uri_form (uri, URI_CONNECT) : NULL;
    flux_t *h = NULL;

    if (!uri || s)
        h = flux_open_ex (s, 0, error);
    else
        error_null (error, errno, "%s: not a native URI", uri);
    free (s);
    return h;
}

/* Of the instance around that of h, or h's own if there is none. What another host
 * calls local is not so here. */
static char *outer_uri (flux_t *h, bool up, bool *is_top)
{
    const char *level = flux_attr_get (h, "instance-level");
    const char *parent = flux_attr_get (h, "parent-uri");

    *is_top = !parent || (level && strcmp (level, "0") == 0);
    if (!up || *is_top)
        parent = flux_attr_get (h, "local-uri");
    return !parent ? NULL
                   : uri_form (parent, getenv ("FLUX_PROXY_REMOTE") ? URI_REMOTE : 0);
}

/* Up by one, or to the top. */
static char *walk_up (char *take_from, bool to_top, flux_error_t *error)
{
    char *uri = take_from;
    bool is_top = false;

    do {
        flux_t *h = step_into (uri, error);

        free (uri);
        if (!h)
            return NULL;
        if (!(uri = outer_uri (h, true, &is_top)))
            error_null (error, errno, "this instance does not say where it is");
        flux_close (h);
    } while (uri && to_top && !is_top);
    return uri;
}

static char *own_uri (flux_error_t *error)
{
    flux_t *h = step_into (NULL, error);
    bool is_top;
    char *uri = h ? outer_uri (h, false, &is_top) : NULL;

    if (h && !uri)
        error_null (error, errno, "this instance does not say where it is");
    flux_close (h);
    return uri;
}

static char *walk_down (char *take_from, const char *name, int flags,
                        flux_error_t *error)
{
    char *uri = NULL;
    flux_jobid_t id;
    flux_t *h;

    if (flux_job_id_parse (name, &id) < 0 || id == FLUX_JOBID_ANY)
        error_null (error, EINVAL, "%s is not a valid Flux jobid", name);
    else if ((h = step_into (take_from, error))) {
        uri = job_uri (h, name, id, flags, error);
        flux_close (h);
    }
    free (take_from);
    return uri;
}

/* uri NULL: where $FLUX_URI says. */
static char *walk (char *path, int flags, flux_error_t *error)
{
    bool moved = false;
    char *uri = NULL, *save, *name;
    int middle = flags & URI_REMOTE ? (flags & ~URI_LOCAL) : flags;

    if (*path == '/') {
        moved = true;
        if (!(uri = walk_up (NULL, true, error)))
            return NULL;
    }
    for (name = strtok_r (path, "/", &save); name; name = strtok_r (NULL, "/", &save)) {
        if (strcmp (name, ".") == 0)
            continue;
        uri = strcmp (name, "..") == 0 ? walk_up (uri, false, error)
                                       : walk_down (uri, name, middle, error);
        moved = true;
        if (!uri)
            return NULL;
    }
    return moved ? uri : own_uri (error);
}

/* --- targets --- */

/* "SCHEME:..." → what follows; the length of SCHEME is set. */
static const char *after_scheme (const char *s, size_t *len)
{
    *len = strspn (s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                      "0123456789+-");
    return *len > 0 && s[*len] == ':' ? s + *len + 1 : NULL;
}

/* Cuts ?local, ?remote, ?wait (joined by '&') off. */
static int cut_query (char *target, int *flags, flux_error_t *error)
{
    char *q = strrchr (target, '?'), *save, *name;

    if (!q)
        return 0;
    *q++ = '\0';
    for (name = strtok_r (q, "&", &save); name; name = strtok_r (NULL, "&", &save)) {
        if (strcmp (name, "local") == 0)
            *flags |= URI_LOCAL;
        else if (strcmp (name, "remote") == 0)
            *flags |= URI_REMOTE;
        else if (strcmp (name, "wait") == 0)
            *flags |= URI_WAIT;
        else {
            error_null (error, EINVAL, "%s: unknown query '%s'", target, name);
            return -1;
        }
    }
    return 0;
}

static char *resolve (char *target, int flags, flux_error_t *error)
{
    size_t len;
    const char *rest = after_scheme (target, &len);

    if (!rest)
        return walk (target, flags, error);
    if (strncmp (rest, "//", 2) == 0
        && (skip (target, "local:") || skip (target, "ssh:")))
        return strdup (target);
    if (skip (target, "jobid:"))
        return walk (target + len + 1, flags, error);
    target[len] = '\0';
    return uri_scheme_resolve (target, rest, error);
}

/* SCHEME://REST of a connector of others (flux-connectors(7)); REST is its own. */
static bool is_of_connector (const char *target)
{
    size_t len;
    const char *rest = after_scheme (target, &len);
    char *scheme;
    bool is;

    if (!rest || strncmp (rest, "//", 2) != 0 || skip (target, "local:")
        || skip (target, "ssh:") || !connector_is_there (target, len)
        || !(scheme = strndup (target, len)))
        return false;
    is = !uri_scheme_known (scheme);
    free (scheme);
    return is;
}

char *uri_resolve (const char *target, int flags, flux_error_t *error)
{
    char *copy = strdup (target), *s = NULL, *uri = NULL;

    error->text[0] = '\0';
    if (!copy)
        return error_null (error, ENOMEM, "out of memory");
    if (is_of_connector (target)) {
        if (!(flags & (URI_LOCAL | URI_REMOTE)))
            return copy;
        free (copy);
        return error_null (error, EINVAL,
                           "'%s' has a connector of its own, and no other form",
                           target);
    }
    if (*copy == '\0')
        error_null (error, EINVAL, "an empty target names no instance");
    else if (cut_query (copy, &flags, error) == 0 && (s = resolve (copy, flags, error))
             && !(uri = uri_form (s, flags)))
        error_null (error, errno, "'%s' is not a native URI", s);
    free (s);
    free (copy);
    return uri;
}
