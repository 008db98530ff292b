#include "broker/attrs.h"

#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"
#include "base/error.h"
#include "value/fsd.h"

struct attr {
    char *name;
    char *val;
    int flags;
    attrs_check_f check;
    void *check_arg;
};

/* What can be set while the broker runs: an attribute is a word, not a store. */
#define RUNTIME_MAX 1000 /* attributes */
#define NAME_LEN_MAX 255
#define VALUE_LEN_MAX 65535

/* Sorted by name: about sixty, so an array and bsearch serve. */
struct attrs {
    struct attr *v;
    size_t count, cap;
};

/* What may be set, and its default. A name may be a pattern; such a line, or
 * one with a NULL default, adds nothing until a value is there. */
static const struct attr_def {
    const char *name;
    int flags;
    const char *dflt;
    enum { TEXT, DURATION, NUMBER, SIZE, CHOICE, URI } type;
    long min, max; /* of a NUMBER; a DURATION of 0 is taken if max is 0 */
    const char *choices[2];
} defs[] = {
    { "broker.boot-method", ATTR_IMMUTABLE, NULL },
    { "broker.client-queue-bytes", ATTR_RUNTIME, "256M", SIZE },
    { "broker.cleanup-timeout", 0, "none", DURATION },
    { "broker.critical-ranks", ATTR_IMMUTABLE, NULL },
    { "broker.exit-norestart", ATTR_RUNTIME, NULL, NUMBER, 0, 255 },
    { "broker.exit-restart", ATTR_RUNTIME, NULL, NUMBER, 0, 255 },
    { "broker.mapping", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "broker.modules_file", ATTR_IMMUTABLE, NULL },
    { "broker.module-nopanic", ATTR_RUNTIME, NULL },
    { "broker.pid", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "broker.quorum", ATTR_IMMUTABLE, NULL }, /* see boot/quorum.h */
    { "broker.quorum-warn", ATTR_IMMUTABLE, "1m", DURATION },
    { "broker.quota-bytes", ATTR_RUNTIME, "1G", SIZE },
    { "broker.quota-connections", ATTR_RUNTIME, "64k", SIZE },
    { "broker.quota-matches", ATTR_RUNTIME, "1M", SIZE },
    { "broker.quota-messages", ATTR_RUNTIME, "4M", SIZE },
    { "broker.rc1_path", ATTR_IMMUTABLE, "flux modprobe rc1" },
    { "broker.rc2_none", ATTR_IMMUTABLE, NULL },
    { "broker.rc2_pgrp", ATTR_IMMUTABLE, NULL },
    { "broker.rc3_path", ATTR_IMMUTABLE, "flux modprobe rc3" },
    { "broker.recovery-mode", ATTR_IMMUTABLE, NULL, NUMBER, 0, 1 },
    { "broker.sd-notify", ATTR_IMMUTABLE, NULL, NUMBER, 0, 1 },
    { "broker.sd-stop-timeout", ATTR_IMMUTABLE, "none", DURATION },
    { "broker.shutdown-timeout", ATTR_IMMUTABLE, "none", DURATION },
    { "broker.shutdown-warn", ATTR_IMMUTABLE, "1m", DURATION },
    { "broker.starttime", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "broker.uuid", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "conf.*", ATTR_RUNTIME, NULL },
    { "config.path", ATTR_IMMUTABLE, NULL },
    { "content.backing-module", ATTR_IMMUTABLE, "content-sqlite" },
    { "content.blob-size-limit", ATTR_IMMUTABLE, "1073741824", NUMBER, 1, 1 << 30 },
    { "content.dump", ATTR_RUNTIME, NULL },
    { "content.dump-dir", ATTR_IMMUTABLE, NULL },
    { "content.gc-at-end", ATTR_RUNTIME, NULL, NUMBER, 0, 1 },
    { "content.gc-min", ATTR_IMMUTABLE, NULL, SIZE },
    { "content.gc-ratio", ATTR_IMMUTABLE, "2", NUMBER, 0, 1000 },
    { "content.hash", ATTR_IMMUTABLE, "sha1", CHOICE, 0, 0, { "sha1", "sha256" } },
    { "content.restore", ATTR_IMMUTABLE, NULL },
    { "content.*", 0, NULL },
    { "cron.*", 0, NULL },
    { "hostlist", ATTR_IMMUTABLE, NULL },
    { "hostname", ATTR_IMMUTABLE, NULL },
    { "instance-level", ATTR_IMMUTABLE, NULL, NUMBER, 0, INT_MAX },
    { "jobid", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "jobid-path", ATTR_IMMUTABLE, NULL },
    { "kvs.*", 0, NULL },
    { "local-uri", ATTR_IMMUTABLE, NULL, URI },
    { "log-critical-level", ATTR_RUNTIME, "2", NUMBER, -1, 7 },
    { "log-filename", ATTR_IMMUTABLE, NULL },
    { "log-forward-level", ATTR_RUNTIME, "3", NUMBER, -1, 7 },
    { "log-level", ATTR_RUNTIME, "7", NUMBER, -1, 7 },
    { "log-ring-size", ATTR_RUNTIME, "1024", NUMBER, 0, 1000000 },
    { "log-stderr-level", ATTR_RUNTIME, "3", NUMBER, -1, 7 },
    { "log-stderr-mode", ATTR_RUNTIME, "leader", CHOICE, 0, 0, { "leader", "local" } },
    { "log-syslog-enable", ATTR_RUNTIME, "0", NUMBER, 0, 1 },
    { "log-syslog-level", ATTR_RUNTIME, "3", NUMBER, -1, 7 },
    { "parent-kvs-namespace", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "parent-uri", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "rank", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "rundir", ATTR_IMMUTABLE, NULL },
    { "rundir-cleanup", 0, NULL, NUMBER, 0, 1 },
    { "security.owner", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "size", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "statedir", ATTR_IMMUTABLE, NULL },
    { "statedir-cleanup", 0, NULL, NUMBER, 0, 1 },
    { "tbon.child_rcvhwm", ATTR_IMMUTABLE, "0", NUMBER, 0, INT_MAX },
    { "tbon.connect_timeout", ATTR_IMMUTABLE, "30s", DURATION },
    { "tbon.descendants", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "tbon.endpoint", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "tbon.heal", ATTR_IMMUTABLE, "none", DURATION },
    { "tbon.interface-hint", ATTR_IMMUTABLE, NULL },
    { "tbon.level", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "tbon.maxlevel", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "tbon.parent-endpoint", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
    { "tbon.prefertcp", ATTR_IMMUTABLE, "0", NUMBER, INT_MIN, INT_MAX },
    { "tbon.queue-bytes", ATTR_RUNTIME, "64M", SIZE },
    { "tbon.tcp_user_timeout", ATTR_IMMUTABLE, "20s", DURATION },
    { "tbon.topo", ATTR_IMMUTABLE, NULL },
    { "tbon.torpid_max", ATTR_RUNTIME, "30s", DURATION },
    { "tbon.torpid_min", ATTR_RUNTIME, "5s", DURATION, 0, 1 },
    { "tbon.zmq_io_threads", ATTR_IMMUTABLE, "1", NUMBER, 1, 64 },
    { "tbon.zmqdebug", ATTR_IMMUTABLE, "0", NUMBER, INT_MIN, INT_MAX },
    { "test.*", ATTR_RUNTIME, NULL },
    { "version", ATTR_IMMUTABLE | ATTR_NOBOOT, NULL },
};

/* Other implementations have them. */
static const struct {
    const char *name, *why;
} refused[] = {
    { "broker.unload-builtins-timeout",
      "the broker's own services are no modules: nothing is unloaded" },
};

static const struct attr_def *find_def (const char *name)
{
    const struct attr_def *pattern = NULL;

    for (size_t i = 0; i < sizeof (defs) / sizeof (defs[0]); i++) {
        if (strcmp (defs[i].name, name) == 0)
            return &defs[i];
        if (strchr (defs[i].name, '*') && fnmatch (defs[i].name, name, 0) == 0)
            pattern = &defs[i];
    }
    return pattern;
}

/* Index of the name, or where it belongs. */
static size_t find_slot (const struct attrs *a, const char *name, bool *found)
{
    size_t lo = 0, hi = a->count;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        int d = strcmp (a->v[mid].name, name);

        if (d == 0) {
            *found = true;
            return mid;
        }
        if (d < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *found = false;
    return lo;
}

static struct attr *find (const struct attrs *a, const char *name)
{
    bool found;
    size_t i = find_slot (a, name, &found);

    return found ? &a->v[i] : NULL;
}

static void attr_fini (struct attr *attr)
{
    free (attr->name);
    free (attr->val);
}

static struct attr *insert (struct attrs *a, const char *name)
{
    bool found;
    size_t i = find_slot (a, name, &found);
    char *copy;

    if (found)
        return &a->v[i];
    if (a->count == a->cap) {
        size_t cap = a->cap ? a->cap * 2 : 128;
        struct attr *v = realloc (a->v, cap * sizeof (*v));

        if (!v)
            return NULL;
        a->v = v;
        a->cap = cap;
    }
    if (!(copy = strdup (name)))
        return NULL;
    memmove (&a->v[i + 1], &a->v[i], (a->count - i) * sizeof (a->v[0]));
    memset (&a->v[i], 0, sizeof (a->v[i]));
    a->v[i].name = copy;
    a->count++;
    return &a->v[i];
}

int attrs_put (struct attrs *a, const char *name, const char *val, int flags)
{
    const struct attr_def *def;
    char *copy = NULL;
    struct attr *attr;

    if (val && !(copy = strdup (val)))
        return -1;
    if (!(attr = insert (a, name))) {
        free (copy);
        return -1;
    }
    free (attr->val);
    attr->val = copy;
    if (flags < 0)
        flags = (def = find_def (name)) ? def->flags : 0;
    attr->flags = flags;
    return 0;
}

int attrs_putf (struct attrs *a, const char *name, int flags, const char *fmt, ...)
{
    va_list ap;
    char *s;
    int rc;

    va_start (ap, fmt);
    rc = vasprintf (&s, fmt, ap);
    va_end (ap);
    if (rc < 0)
        return -1;
    rc = attrs_put (a, name, s, flags);
    free (s);
    return rc;
}

struct attrs *attrs_create (void)
{
    struct attrs *a = calloc (1, sizeof (*a));

    if (!a)
        return NULL;
    for (size_t i = 0; i < sizeof (defs) / sizeof (defs[0]); i++) {
        if (defs[i].dflt && attrs_put (a, defs[i].name, defs[i].dflt, -1) < 0) {
            attrs_destroy (a);
            return NULL;
        }
    }
    return a;
}

void attrs_destroy (struct attrs *a)
{
    int saved_errno = errno;

    if (a) {
        for (size_t i = 0; i < a->count; i++)
            attr_fini (&a->v[i]);
        free (a->v);
        free (a);
    }
    errno = saved_errno;
}

void attrs_on_set (struct attrs *a, const char *name, attrs_check_f check, void *arg)
{
    struct attr *attr = insert (a, name);

    if (attr) {
        attr->check = check;
        attr->check_arg = arg;
    }
}

static int check_number (const struct attr_def *def, const char *name, const char *val,
                         flux_error_t *error)
{
    const char *digits = val + (*val == '-');
    long n;

    if (!*digits || strspn (digits, "0123456789") != strlen (digits))
        return error_fail (error, EINVAL, "%s: '%s' is not a number", name, val);
    errno = 0;
    n = strtol (val, NULL, 10);
    if (errno || n < def->min || n > def->max)
        return error_fail (error, EINVAL, "%s: %s is not between %ld and %ld", name,
                           val, def->min, def->max);
    return 0;
}

/* As milliseconds it must be an int: that is what sockets take. */
static int check_duration (const struct attr_def *def, const char *name,
                           const char *val, flux_error_t *error)
{
    double seconds;

    if (strcmp (val, "none") == 0 && def->max == 0)
        return 0;
    if (fsd_parse (val, &seconds) < 0)
        return error_fail (error, EINVAL, "%s: '%s' is not a duration", name, val);
    if (def->max > 0 && seconds <= 0)
        return error_fail (error, EINVAL, "%s: must be more than 0", name);
    if (!(seconds <= INT_MAX / 1000))
        return error_fail (error, EINVAL, "%s: '%s' is more than %ds", name, val,
                           INT_MAX / 1000);
    return 0;
}

/* Values of a known type are refused where they are set, not where they are
 * used much later. */
static int check_size (const char *name, const char *val, flux_error_t *error)
{
    uint64_t size;

    if (size_decode (val, &size) < 0)
        return error_fail (error, EINVAL,
                           "%s: '%s' is not a number above 0 (k, M, G, T may follow)",
                           name, val);
    return 0;
}

static int check_type (const char *name, const char *val, flux_error_t *error)
{
    const struct attr_def *def = find_def (name);

    switch (def ? def->type : TEXT) {
    case DURATION:
        return check_duration (def, name, val, error);
    case NUMBER:
        return check_number (def, name, val, error);
    case CHOICE:
        if (strcmp (val, def->choices[0]) != 0 && strcmp (val, def->choices[1]) != 0)
            return error_fail (error, EINVAL, "%s: must be '%s' or '%s'", name,
                               def->choices[0], def->choices[1]);
        return 0;
    case SIZE:
        return check_size (name, val, error);
    case URI:
        if (strncmp (val, "local:///", 9) != 0)
            return error_fail (error, EINVAL, "%s: '%s' is not local:///PATH", name,
                               val);
        return 0;
    default:
        return 0;
    }
}

static int set (struct attrs *a, const char *name, const char *val, flux_error_t *error)
{
    struct attr *attr = find (a, name);
    char *copy;

    if (check_type (name, val, error) < 0)
        return -1;
    if (attr && attr->check && attr->check (name, val, attr->check_arg, error) < 0)
        return -1;
    if (!attr) {
        if (attrs_put (a, name, val, -1) < 0)
            return error_fail (error, ENOMEM, "out of memory");
        return 0;
    }
    if (!(copy = strdup (val)))
        return error_fail (error, ENOMEM, "out of memory");
    free (attr->val);
    attr->val = copy;
    return 0;
}

int attrs_check_boot (const char *name, const char *val, flux_error_t *error)
{
    const struct attr_def *def = find_def (name);

    for (size_t i = 0; i < sizeof (refused) / sizeof (refused[0]); i++)
        if (strcmp (refused[i].name, name) == 0)
            return error_fail (error, ENOENT, "%s: %s", name, refused[i].why);
    if (!def)
        return error_fail (error, ENOENT, "%s: unknown attribute", name);
    if ((def->flags & ATTR_NOBOOT))
        return error_fail (error, EPERM, "%s: attribute may not be set", name);
    return check_type (name, val, error);
}

int attrs_set_boot (struct attrs *a, const char *name, const char *val,
                    flux_error_t *error)
{
    if (attrs_check_boot (name, val, error) < 0)
        return -1;
    return set (a, name, val, error);
}

static int check_room (const struct attrs *a, const char *name, const char *val,
                       bool is_new, flux_error_t *error)
{
    if (strlen (name) > NAME_LEN_MAX)
        return error_fail (error, E2BIG, "a name has at most %d bytes", NAME_LEN_MAX);
    if (strlen (val) > VALUE_LEN_MAX)
        return error_fail (error, E2BIG, "%s: a value has at most %d bytes", name,
                           VALUE_LEN_MAX);
    if (is_new && a->count >= RUNTIME_MAX)
        return error_fail (error, ENOSPC, "%s: there are %zu attributes, no more fit",
                           name, a->count);
    return 0;
}

int attrs_set (struct attrs *a, const char *name, const char *val, bool force,
               flux_error_t *error)
{
    struct attr *attr = find (a, name);
    const struct attr_def *def = find_def (name);
    int flags = attr ? attr->flags : def ? def->flags : 0;

    if (!attr && !(def && (def->flags & ATTR_RUNTIME)))
        return error_fail (error, ENOENT, "unknown attribute");
    if ((flags & ATTR_IMMUTABLE) || (!(flags & ATTR_RUNTIME) && !force))
        return error_fail (error, EPERM, "attribute may not be updated");
    if (check_room (a, name, val, !attr, error) < 0)
        return -1;
    return set (a, name, val, error);
}

int attrs_remove (struct attrs *a, const char *name, flux_error_t *error)
{
    const struct attr_def *def;
    bool found;
    size_t i = find_slot (a, name, &found);

    if (!found)
        return error_fail (error, ENOENT, "unknown attribute");
    if (!(a->v[i].flags & ATTR_RUNTIME))
        return error_fail (error, EPERM, "attribute may not be removed");
    if ((def = find_def (name)) && def->dflt)
        return set (a, name, def->dflt, error);
    attr_fini (&a->v[i]);
    memmove (&a->v[i], &a->v[i + 1], (a->count - i - 1) * sizeof (a->v[0]));
    a->count--;
    return 0;
}

int attrs_get (const struct attrs *a, const char *name, const char **val, int *flags)
{
    struct attr *attr = find (a, name);

    if (!attr) {
        errno = ENOENT;
        return -1;
    }
    if (val)
        *val = attr->val;
    if (flags)
        *flags = attr->flags;
    return 0;
}

const char *attrs_val (const struct attrs *a, const char *name)
{
    struct attr *attr = find (a, name);

    return attr ? attr->val : NULL;
}

bool attrs_keep_state (const struct attrs *a)
{
    const char *statedir = attrs_val (a, "statedir");
    const char *cleanup = attrs_val (a, "statedir-cleanup");
    const char *rundir = attrs_val (a, "rundir");

    return statedir && !(cleanup && !strcmp (cleanup, "1"))
           && !(rundir && !strcmp (rundir, statedir));
}

bool attrs_next (const struct attrs *a, size_t *pos, const char **name,
                 const char **val, int *flags)
{
    if (*pos >= a->count)
        return false;
    *name = a->v[*pos].name;
    if (val)
        *val = a->v[*pos].val;
    if (flags)
        *flags = a->v[*pos].flags;
    (*pos)++;
    return true;
}
