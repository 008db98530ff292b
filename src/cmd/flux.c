/* flux: finds the command and runs it.
 *
 *   flux [-h] [-p]... [-r] [-v] [-V] CMD ARGS
 *
 * A name that is not in the table is looked for as program flux-NAME. */
#include "base/file.h"
#include "base/text/similar.h"
#include "cmd/cmd.h"
#include "cmd/external.h"
#include "cmd/help.h"
#include "cmd/output/output.h"
#include "cmd/submit/plugins.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND(name) extern const struct command cmd_##name;
#include "cmd/commands.def"
#undef COMMAND
#define COMMAND(name) &cmd_##name,
const struct command *const commands[] = {
#include "cmd/commands.def"
    NULL,
};
#undef COMMAND

struct driver_options {
    int parents;
    bool root;
    bool verbose;
};

static const struct command *current;
static char name_buf[64];

const struct command *command_find (const char *name)
{
    for (int i = 0; commands[i]; i++) {
        if (!strcmp (commands[i]->name, name))
            return commands[i];
    }
    return NULL;
}

static void print_usage2 (void)
{
    fprintf (stderr, "usage: flux %s %s\n", current->name,
             current->usage ? current->usage : "");
}

void cmd_usage_error (optparse_t *p, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    fflush (stdout);
    if (current && (current->flags & CMD_USAGE2)) {
        print_usage2 ();
        fprintf (stderr, "flux %s: error: %s\n", current->name, safe_lines (text));
        exit (2);
    }
    fprintf (stderr, "%s: %s\n", optparse_program_name (p), safe_lines (text));
    optparse_fprint_usage (p, stderr);
    exit (1);
}

static bool add_options (const struct command *cmd, optparse_t *p)
{
    if (cmd->options && optparse_add_option_table (p, cmd->options) != OPTPARSE_SUCCESS)
        return false;
    for (int i = 0; i < 3 && cmd->more_options[i]; i++) {
        if (optparse_add_option_table (p, cmd->more_options[i]) != OPTPARSE_SUCCESS)
            return false;
    }
    return true;
}

static bool mix_arguments (const struct command *cmd, optparse_t *p)
{
    struct optparse_subcommand *sub = cmd->subcommands;

    if (optparse_set (p, OPTPARSE_POSIXLY_CORRECT, 0) != OPTPARSE_SUCCESS)
        return false;
    for (; sub && sub->name; sub++)
        if (optparse_set (optparse_get_subcommand (p, sub->name),
                          OPTPARSE_POSIXLY_CORRECT, 0)
            != OPTPARSE_SUCCESS)
            return false;
    return true;
}

optparse_t *command_optparse (const struct command *cmd)
{
    char name[64];
    snprintf (name, sizeof (name), "flux-%s", cmd->name);
    optparse_t *p = optparse_create (name);
    if (!p)
        return NULL;
    if ((cmd->usage && optparse_set (p, OPTPARSE_USAGE, cmd->usage) != OPTPARSE_SUCCESS)
        || !add_options (cmd, p)
        || (cmd->subcommands
            && optparse_reg_subcommands (p, cmd->subcommands) != OPTPARSE_SUCCESS)
        || ((cmd->flags & CMD_MIXED_ARGS) && !mix_arguments (cmd, p))) {
        optparse_destroy (p);
        return NULL;
    }
    return p;
}

/* optparse has said what is wrong: bring it into the form of CMD_USAGE2. */
static int log_usage2 (const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    char *nl = strchr (text, '\n');
    if (nl)
        *nl = '\0';
    char *what = text;
    size_t n = strlen (cmd_name);
    if (!strncmp (what, cmd_name, n) && what[n] == ':')
        what += n + 1 + strspn (what + n + 1, " ");
    if (strncmp (what, "Try ", 4) != 0) {
        print_usage2 ();
        fprintf (stderr, "flux %s: error: %s\n", current->name, what);
    }
    return 0;
}

static int exit_usage2 (void *handle, int status)
{
    exit (status ? 2 : 0);
}

static int parse (const struct command *cmd, optparse_t *p, int argc, char **argv)
{
    struct optparse_subcommand *sub = cmd->subcommands;

    if (cmd->flags & CMD_USAGE2) {
        optparse_set (p, OPTPARSE_LOG_FN, log_usage2);
        optparse_set (p, OPTPARSE_FATALERR_FN, exit_usage2);
        for (; sub && sub->name; sub++)
            optparse_set (optparse_get_subcommand (p, sub->name), OPTPARSE_FATALERR_FN,
                          exit_usage2);
    }
    return optparse_parse_args (p, argc, argv);
}

static int run_command (const struct command *cmd, int argc, char **argv)
{
    current = cmd;
    snprintf (name_buf, sizeof (name_buf), "flux-%s", cmd->name);
    cmd_name = name_buf;
    optparse_t *p = command_optparse (cmd);
    if (!p)
        cmd_die ("bad option table");
    int rc;
    if (cmd->flags & CMD_PLUGINS)
        plugins_add_options (cmd, p);
    if (cmd->flags & CMD_RAW_ARGS)
        rc = cmd->run (p, argc, argv);
    else {
        int index = parse (cmd, p, argc, argv);
        if (index < 0)
            exit ((cmd->flags & CMD_USAGE2) ? 2 : 1);
        if (cmd->subcommands && (index < argc || !cmd->run))
            rc = optparse_run_subcommand (p, argc, argv);
        else
            rc = cmd->run (p, argc, argv);
    }
    optparse_destroy (p);
    return rc < 0 ? 1 : rc;
}

/* Point FLUX_URI at the enclosing instance. */
static bool ascend (void)
{
    flux_error_t error = { { 0 } };
    flux_t *h = flux_open_ex (NULL, 0, &error);
    if (!h)
        cmd_die ("ERROR: Unable to connect to Flux: %s",
                 error.text[0] ? error.text : strerror (errno));
    const char *uri = flux_attr_get (h, "parent-uri");
    const char *ns = flux_attr_get (h, "parent-kvs-namespace");
    bool has_parent = uri && *uri && strcmp (uri, "-") != 0;
    if (has_parent) {
        setenv ("FLUX_URI", uri, 1);
        if (ns && *ns)
            setenv ("FLUX_KVS_NAMESPACE", ns, 1);
        else
            unsetenv ("FLUX_KVS_NAMESPACE");
    }
    flux_close (h);
    return has_parent;
}

static void select_instance (const struct driver_options *opt)
{
    for (int i = 0; i < opt->parents; i++) {
        if (!ascend ())
            break;
    }
    while (opt->root && ascend ())
        ;
}

static int parse_driver_options (int argc, char **argv, struct driver_options *opt)
{
    static const struct option longopts[] = {
        { "help", no_argument, NULL, 'h' },    { "parent", no_argument, NULL, 'p' },
        { "root", no_argument, NULL, 'r' },    { "verbose", no_argument, NULL, 'v' },
        { "version", no_argument, NULL, 'V' }, { NULL, 0, NULL, 0 },
    };
    int c;
    while ((c = getopt_long (argc, argv, "+hprvV", longopts, NULL)) != -1) {
        switch (c) {
        case 'h':
            help_print_all (stdout);
            exit (0);
        case 'p':
            opt->parents++;
            break;
        case 'r':
            opt->root = true;
            break;
        case 'v':
            opt->verbose = true;
            break;
        case 'V':
            printf ("flux %s\n", flux_core_version_string ());
            exit (0);
        default:
            fprintf (stderr, "Usage: flux [OPTIONS] COMMAND ARGS, see 'flux --help'\n");
            exit (2);
        }
    }
    int n = optind;
    optind = 0; /* commands start afresh */
    return n;
}

static void unknown_command (const char *name)
{
    struct similar s = { .word = name };
    for (int i = 0; commands[i]; i++)
        similar_try (&s, commands[i]->name);
    fprintf (stderr, "flux: `%s' is not a flux command.  ", safe (name));
    if (s.best)
        fprintf (stderr, "Did you mean `%s'?  ", s.best);
    fprintf (stderr, "See 'flux --help'\n");
}

int main (int argc, char **argv)
{
    struct driver_options opt = { 0 };
    if (fd_fill_standard () < 0)
        cmd_die ("opening /dev/null: %s", strerror (errno));
    output_init ();
    int i = parse_driver_options (argc, argv, &opt);
    if (i >= argc) {
        help_print_all (stderr);
        return 1;
    }
    external_set_path ();
    if (opt.parents || opt.root)
        select_instance (&opt);
    const struct command *cmd = command_find (argv[i]);
    if (cmd && opt.verbose)
        fprintf (stderr, "flux: running %s, a command of this program\n", cmd->name);
    if (cmd)
        return run_command (cmd, argc - i, argv + i);
    external_exec (argv[i], argv + i, opt.verbose);
    if (errno != ENOENT)
        fprintf (stderr, "flux: %s: %s\n", safe (argv[i]), strerror (errno));
    else
        unknown_command (argv[i]);
    return 1;
}
