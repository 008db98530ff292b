/* flux-hierarchy exec: a command with FLUX_URI of the leaf that has least to do, or
 * one for each leaf. What it starts there is its own affair. */
#include "cmd/hierarchy/leaves.h"

#include "cmd/jobspec/jobspec_cli.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static struct optparse_option options[] = {
    { .name = "root",
      .has_arg = 1,
      .arginfo = "JOBID",
      .usage = "Hierarchy, if there is more than one" },
    { .name = "all", .key = 'a', .usage = "Run it once for each leaf" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Run it N times (default 1)" },
    { .name = "jobs",
      .key = 'j',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "At most N at a time (default 16)" },
    OPTPARSE_TABLE_END,
};

static void run_child (const struct leaf_handle *leaf, char **argv)
{
    char *uri = found_local_uri (leaf->uri);

    if (!uri || setenv ("FLUX_URI", uri, 1) < 0
        || setenv ("FLUX_HIERARCHY_ID", leaf->id, 1) < 0)
        _exit (126);
    execvp (argv[0], argv);
    fprintf (stderr, "flux-hierarchy: %s: %s\n", argv[0], strerror (errno));
    _exit (errno == ENOENT ? 127 : 126);
}

static int reap (void)
{
    int status;

    if (wait (&status) < 0)
        cmd_die ("wait: %s", strerror (errno));
    return WIFSIGNALED (status) ? 128 + WTERMSIG (status) : WEXITSTATUS (status);
}

static int run_all (struct leaves *l, int count, int most, char **argv)
{
    int running = 0, worst = 0;

    for (int i = 0; i < count || running > 0;) {
        if (i < count && running < most) {
            const struct leaf_handle *leaf = &l->leaf[load_pick (l->load, 1)];
            pid_t pid;
            fflush (NULL);
            if ((pid = fork ()) < 0)
                cmd_die ("fork: %s", strerror (errno));
            if (pid == 0)
                run_child (leaf, argv);
            running++;
            i++;
            continue;
        }
        int rc = reap ();
        worst = rc > worst ? rc : worst;
        running--;
    }
    return worst;
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error = { { 0 } };
    struct leaves l = { 0 };
    int count, most, rc;

    if (i == argc)
        hier_usage_error ("the following arguments are required: COMMAND");
    if (jobspec_int (p, "count", 1, 1, &count, &error) < 0
        || jobspec_int (p, "jobs", 16, 1, &most, &error) < 0)
        cmd_die ("%s", error.text);
    leaves_open (&l, cmd_open (),
                 found_root (cmd_open (), optparse_get_str (p, "root", NULL)));
    if (optparse_hasopt (p, "all")) {
        count = l.count;
        /* Whatever they have to do: each is the first once. */
        for (size_t k = 0; k < l.count; k++)
            load_set (l.load, k, 0, 1);
    }
    rc = run_all (&l, count, most, argv + i);
    leaves_close (&l);
    return rc;
}

const struct subcommand sub_exec = {
    .name = "exec",
    .usage = "[--root=JOBID] [--all | --count=N] [--jobs=N] COMMAND...",
    .summary = "Run a command with FLUX_URI of the leaf that has least to do",
    .options = options,
    .posix = true,
    .run = run,
};
