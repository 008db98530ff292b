/* The way to the program that has plugins: this process becomes it. Plain jobs do without
 * its libraries, and so start in a fraction of the time. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/file.h"
#include "shell/plug.h"
#include "shell/shell.h"

#define RECORD_FD 3 /* where the other finds the start record */
#define OUT_FD_MIN                                                                     \
    100 /* beyond those that a task gets: what runs before its exec speaks */

bool shell_wants_plug (struct shell *sh)
{
    static const char *const options[] = { "hwloc", "initrc", "stage-in", "userrc" };

    for (size_t i = 0; i < sizeof (options) / sizeof (options[0]); i++) {
        if (shell_option (sh, options[i]))
            return true;
    }
    return sh->site_plugins;
}

static int write_record (const char *text, size_t len)
{
    int fd = memfd_create ("start", MFD_CLOEXEC);

    if (fd < 0)
        return -1;
    if (fd_write_all (fd, text, len) < 0 || lseek (fd, 0, SEEK_SET) < 0) {
        close (fd);
        return -1;
    }
    return fd;
}

/* Beside this program. */
static int find_program (char *path, size_t size)
{
    char self[PATH_MAX];
    ssize_t n = readlink ("/proc/self/exe", self, sizeof (self) - 1);
    char *slash;

    if (n < 0)
        return -1;
    self[n] = '\0';
    if (!(slash = strrchr (self, '/')))
        return -1;
    *slash = '\0';
    return snprintf (path, size, "%s/flux-shell-plugged", self) < (int)size ? 0 : -1;
}

/* The descriptors of the loop close themselves; what comes from job-exec meanwhile
 * waits in the pipe. */
static void become (struct shell *sh, int record)
{
    char path[PATH_MAX], id[24], slot[16];
    char *argv[] = { path, id, slot, NULL };

    snprintf (id, sizeof (id), "%llu", (unsigned long long)sh->id);
    snprintf (slot, sizeof (slot), "%d", sh->slot);
    if (find_program (path, sizeof (path)) == 0 && dup2 (sh->in_src.fd, 0) == 0
        && dup2 (sh->out.fd, 1) == 1 && dup2 (record, RECORD_FD) == RECORD_FD)
        execv (path, argv);
}

void shell_become_plugged (struct shell *sh, const char *text, size_t len)
{
    int record = write_record (text, len);

    if (record == RECORD_FD) { /* it would close itself */
        int moved = dup (record);
        close (record);
        record = moved;
    }
    if (record >= 0)
        become (sh, record);
    shell_fatal (sh, 1, "cannot start the shell with plugins: %s", strerror (errno));
}

int shell_plugged_main (int argc, char *argv[])
{
    char *text;
    size_t len = 0;
    int out;

    if (argc != 3 || !(text = fd_read_all (RECORD_FD, &len))) {
        fprintf (stderr,
                 "Usage: flux-shell-plugged ID SLOT\n"
                 "Runs the tasks of a job with plugins. Started by flux-shell.\n");
        return 2;
    }
    close (RECORD_FD);
    /* what a plugin prints is no frame */
    if ((out = fcntl (1, F_DUPFD_CLOEXEC, OUT_FD_MIN)) < 0 || dup2 (2, 1) < 0) {
        fprintf (stderr, "flux-shell: %s\n", strerror (errno));
        return 1;
    }
    affinity_probe ();
    struct shell *sh =
        shell_create (strtoull (argv[1], NULL, 10), strtol (argv[2], NULL, 10), out);
    int rc = sh ? shell_run (sh, text, len, 0) : 1;
    free (text);
    return rc;
}
