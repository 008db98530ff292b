/* The directories of this broker: for its sockets (rundir), and for what has to
 * survive (statedir).
 *
 * Happy path: made with mode 0700, removed at the end. Given ones stay, but for the
 * sockets in them.
 *
 * Failures: a directory that others can change, or in which one of our names is a
 * link or someone else's, is refused. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/private.h"
#include "broker/attrs.h"
#include "broker/broker.h"
#include "broker/lifecycle/dirs.h"
#include "broker/lifecycle/signals.h"
#include "broker/programs/keep.h"

static int fail (const char *attr, const char *path, const char *why)
{
    fprintf (stderr, "flux-broker: %s %s: %s\n", attr, path, why);
    return -1;
}

static int make_tmpdir (struct broker *b)
{
    char path[4096];

    if ((size_t)snprintf (path, sizeof (path), "%s/flux-XXXXXX", private_tmpdir ())
        >= sizeof (path))
        return fail ("rundir", "TMPDIR", strerror (ENAMETOOLONG));
    signals_hold ();
    if (keep_mkdir (path, true) < 0) {
        fprintf (stderr, "flux-broker: rundir %s/flux-XXXXXX: %s\n", private_tmpdir (),
                 strerror (errno));
        signals_release ();
        return -1;
    }
    signals_take_along (path, true);
    signals_release ();
    if (attrs_put (b->attrs, "rundir", path, -1) < 0
        || attrs_put (b->attrs, "rundir-cleanup", "1", -1) < 0)
        return -1;
    return 0;
}

/* What the broker and its modules open by name. */
static const char *const our_names[] = { "local-", "tbon-", "content.sqlite",
                                         "content.files", NULL };

static int check_dir (const char *attr, const char *path)
{
    char why[PRIVATE_WHY_SIZE];
    int fd = private_dir_open (path, why), rc;

    if (fd < 0)
        return fail (attr, path, why);
    if ((rc = private_dir_check (fd, our_names, why)) < 0)
        fail (attr, path, why);
    close (fd);
    return rc;
}

/* What is to be removed has a keeper. */
static int make_dir (struct broker *b, const char *attr, const char *path)
{
    const char *stays = attrs_val (b->attrs, "rundir-cleanup");
    char name[4096];

    if (strcmp (attr, "rundir") != 0 || (stays && strcmp (stays, "0") == 0)
        || (size_t)snprintf (name, sizeof (name), "%s", path) >= sizeof (name))
        return mkdir (path, 0700);
    return keep_mkdir (name, false);
}

/* The last component is created if it is not there. What programs are told of it
 * must hold wherever they are. */
static int use_dir (struct broker *b, const char *attr, const char *cleanup)
{
    const char *path = attrs_val (b->attrs, attr);
    char *absolute;
    bool created;
    int errnum;

    signals_hold ();
    created = make_dir (b, attr, path) == 0;
    errnum = errno;
    if (created && strcmp (attr, "rundir") == 0)
        signals_take_along (path, true);
    signals_release ();
    if (!created && errnum != EEXIST)
        return fail (attr, path, strerror (errnum));
    if (created && chmod (path, 0700) < 0)
        return fail (attr, path, strerror (errno));
    if (check_dir (attr, path) < 0)
        return -1;
    if (!(absolute = realpath (path, NULL)))
        return fail (attr, path, strerror (errno));
    if (attrs_put (b->attrs, attr, absolute, -1) < 0) {
        free (absolute);
        return -1;
    }
    free (absolute);
    if (!attrs_val (b->attrs, cleanup))
        return attrs_put (b->attrs, cleanup, created ? "1" : "0", -1);
    return 0;
}

static int check_length (const char *path)
{
    const char *size = getenv ("PMI_SIZE");
    size_t max = sizeof (((struct sockaddr_un *)0)->sun_path) - 1;
    size_t name = strlen ("/local-") + (size ? strlen (size) : 1);

    if (strlen (path) + name <= max)
        return 0;
    fprintf (
        stderr,
        "flux-broker: rundir %s: too long for the path of a socket (at most %zu)\n",
        path, max - name);
    return -1;
}

int dirs_setup_rundir (struct broker *b)
{
    int rc = attrs_val (b->attrs, "rundir") ? use_dir (b, "rundir", "rundir-cleanup")
                                            : make_tmpdir (b);
    const char *path = attrs_val (b->attrs, "rundir");

    if (rc < 0 || check_length (path) < 0)
        return -1;
    signals_take_along (path,
                        strcmp (attrs_val (b->attrs, "rundir-cleanup"), "1") == 0);
    return 0;
}

/* What has to survive only as long as the instance lies in rundir, so that
 * there is one thing to remove. If we do not, statedir-cleanup tells that flux-start does. */
static int choose_statedir (struct broker *b)
{
    if (attrs_val (b->attrs, "statedir"))
        return use_dir (b, "statedir", "statedir-cleanup");
    if (!attrs_val (b->attrs, "statedir-cleanup"))
        attrs_put (b->attrs, "statedir-cleanup", attrs_val (b->attrs, "rundir-cleanup"),
                   -1);
    return attrs_put (b->attrs, "statedir", attrs_val (b->attrs, "rundir"), -1);
}

/* A store that goes with the instance has little garbage: what is superseded before it is
 * written is never there. To walk it while it grows costs as much as to write it. */
static int choose_gc_min (struct broker *b)
{
    if (attrs_val (b->attrs, "content.gc-min"))
        return 0;
    return attrs_put (b->attrs, "content.gc-min",
                      attrs_keep_state (b->attrs) ? "4M" : "128M", -1);
}

int dirs_setup_statedir (struct broker *b)
{
    if (b->rank > 0)
        return 0;
    return choose_statedir (b) < 0 ? -1 : choose_gc_min (b);
}

static void remove_dir (struct broker *b, const char *attr, const char *cleanup)
{
    const char *path = attrs_val (b->attrs, attr);
    const char *flag = attrs_val (b->attrs, cleanup);

    if (path && flag && strcmp (flag, "1") == 0)
        (void)dir_remove (path);
}

void dirs_cleanup (struct broker *b)
{
    const char *statedir = attrs_val (b->attrs, "statedir");
    const char *rundir = attrs_val (b->attrs, "rundir");

    if (statedir && (!rundir || strcmp (statedir, rundir) != 0))
        remove_dir (b, "statedir", "statedir-cleanup");
    remove_dir (b, "rundir", "rundir-cleanup");
    keep_end ();
}
