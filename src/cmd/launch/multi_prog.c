/* flux multi-prog: each task of a job runs a program of its own. */
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/job/task_table.h"
#include "cmd/output/output.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "dry-run",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "RANKS",
      .usage = "Print what these tasks would run" },
    OPTPARSE_TABLE_END,
};

static char **command_of (const struct task_table *t, const char *path,
                          unsigned int task)
{
    char **words = task_table_command (t, task);
    if (!words && errno == ENOENT)
        cmd_die ("ERROR: %s: No matching line for rank %u", path, task);
    if (!words)
        cmd_die ("ERROR: %s", strerror (errno));
    return words;
}

static int print_commands (optparse_t *p, const struct task_table *t, const char *path,
                           const char *ranks)
{
    struct idset *ids = idset_decode (ranks);
    if (!ids)
        cmd_usage_error (p, "argument -n/--dry-run: invalid IDset value: '%s'", ranks);
    for (unsigned int i = idset_first (ids); i != IDSET_INVALID_ID;
         i = idset_next (ids, i)) {
        char **words = command_of (t, path, i);
        printf ("%u:", i);
        for (int w = 0; words[w]; w++)
            printf (" %s", safe (words[w]));
        fputc ('\n', stdout);
        task_table_free_words (words);
    }
    idset_destroy (ids);
    return 0;
}

static unsigned int own_rank (void)
{
    const char *s = getenv ("FLUX_TASK_RANK");
    char *end;
    errno = 0;
    unsigned long n = s && *s >= '0' && *s <= '9' ? strtoul (s, &end, 10) : 0;
    if (!s || *s < '0' || *s > '9' || *end || errno || n >= IDSET_INVALID_ID)
        cmd_die ("ERROR: FLUX_TASK_RANK not found or invalid");
    return n;
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_error_t error;
    const char *ranks = optparse_get_str (p, "dry-run", NULL);
    int i = optparse_option_index (p);
    if (argc - i != 1)
        cmd_usage_error (p,
                         i < argc ? "unrecognized arguments: %s"
                                  : "the following arguments are required: CONFIG",
                         i < argc ? argv[i + 1] : "");
    char *text = file_read_all (argv[i], NULL);
    if (!text)
        cmd_die ("ERROR: %s: '%s'", strerror (errno), argv[i]);
    struct task_table *t = task_table_parse (text, &error);
    if (!t)
        cmd_die ("ERROR: %s: %s", argv[i], error.text);
    free (text);
    if (ranks)
        return print_commands (p, t, argv[i], ranks);
    char **words = command_of (t, argv[i], own_rank ());
    execvp (words[0], words);
    cmd_warn ("ERROR: %s: %s", words[0], strerror (errno));
    return errno == ENOENT ? 127 : 126;
}

const struct command cmd_multi_prog = {
    .name = "multi-prog",
    .summary = "Run another program in each task of a job",
    .usage = "[OPTIONS] CONFIG",
    .group = "submission",
    .options = opts,
    .run = run,
    .flags = CMD_USAGE2,
};
