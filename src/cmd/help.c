/* flux help [COMMAND]: from the table. */
#include "cmd/help.h"
#include "cmd/cmd.h"

#include <string.h>
#include <unistd.h>

struct group {
    const char *name;
    const char *title;
};
/* In the order in which a reader needs them; unknown groups come last. */
static const struct group groups[] = {
    { "submission", "run and submit jobs" },
    { "jobs", "list and control jobs" },
    { "resources", "resources and queues" },
    { "instance", "instances and brokers" },
    { "kvs", "stored data" },
    { "other", "helpers" },
};
#define NGROUPS (sizeof (groups) / sizeof (groups[0]))

static size_t group_of (const struct command *cmd)
{
    for (size_t i = 0; i < NGROUPS; i++) {
        if (cmd->group && !strcmp (groups[i].name, cmd->group))
            return i;
    }
    return NGROUPS - 1;
}

static void print_group (FILE *f, size_t g)
{
    bool titled = false;
    for (int i = 0; commands[i]; i++) {
        const struct command *cmd = commands[i];
        if ((cmd->flags & CMD_HIDDEN) || group_of (cmd) != g)
            continue;
        if (!titled)
            fprintf (f, "\n%s\n", groups[g].title);
        titled = true;
        fprintf (f, "   %-16s %s\n", cmd->name, cmd->summary);
    }
}

void help_print_all (FILE *f)
{
    fprintf (f, "Usage: flux [OPTIONS] COMMAND ARGS\n"
                "  -h, --help             Display this message.\n"
                "  -p, --parent           Talk to the enclosing instance; repeatable\n"
                "  -r, --root             Talk to the outermost instance\n"
                "  -v, --verbose          Be verbose about what is run\n"
                "  -V, --version          Print the version\n");
    for (size_t g = 0; g < NGROUPS; g++)
        print_group (f, g);
    fprintf (f, "\nSee 'flux help COMMAND' for more about a command.\n");
}

static struct optparse_option opts[] = {
    { .name = "scdoc", .flags = OPTPARSE_OPT_HIDDEN },
    OPTPARSE_TABLE_END,
};

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    bool scdoc = optparse_hasopt (p, "scdoc");
    if (scdoc && i < argc && !strcmp (argv[i], "flux")) {
        help_print_scdoc_main (stdout);
        return 0;
    }
    if (i >= argc) {
        help_print_all (stdout);
        return 0;
    }
    const struct command *cmd = command_find (argv[i]);
    if (!cmd)
        cmd_die ("No help found for '%s'", argv[i]);
    if (scdoc) {
        help_print_scdoc (stdout, cmd);
        return 0;
    }
    optparse_t *q = command_optparse (cmd);
    if (!q)
        cmd_die ("%s: bad option table", argv[i]);
    printf ("flux %s: %s\n", cmd->name, cmd->summary);
    optparse_fprint_usage (q, stdout);
    optparse_destroy (q);
    return 0;
}

const struct command cmd_help = {
    .name = "help",
    .summary = "Describe a command",
    .usage = "[COMMAND]",
    .group = "other",
    .options = opts,
    .run = run,
};
