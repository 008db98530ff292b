/* flux-hierarchy [--debug] [--quiet] [--version] COMMAND ARGS */
#include "cmd/hierarchy/hierarchy.h"

#include "cmd/output/output.h"
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than any description of a tree is. */
#define MAX_FILE (4 << 20)

static const struct subcommand *const subcommands[] = {
    &sub_start, &sub_view, &sub_list,       &sub_submit,
    &sub_exec,  &sub_stop, &sub_throughput, &sub_node,
};
#define COUNT (sizeof (subcommands) / sizeof (subcommands[0]))

bool hier_quiet;
bool hier_debug;
static const struct subcommand *current;

/* --- what is said --- */

static void print_usage (FILE *f)
{
    if (current)
        fprintf (f, "usage: flux-hierarchy %s %s\n", current->name, current->usage);
    else
        fprintf (f, "usage: flux-hierarchy [--debug] [--quiet] [--version] COMMAND "
                    "[ARGS...]\n");
}

static void print_help (void)
{
    print_usage (stdout);
    printf ("\nStart trees of Flux instances, and run jobs in them\n\ncommands:\n");
    printf ("  %-12s %s\n", "version", "Print the version");
    for (size_t i = 0; i < COUNT; i++)
        if (subcommands[i]->summary)
            printf ("  %-12s %s\n", subcommands[i]->name, subcommands[i]->summary);
    printf ("\noptions:\n"
            "  --debug      Say what is done\n"
            "  --quiet      Print results only\n"
            "  --version    Print the version\n");
}

void hier_usage_error (const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    fflush (stdout);
    print_usage (stderr);
    fprintf (stderr, "flux-hierarchy: error: %s\n", safe (text));
    exit (2);
}

void hier_say (const char *fmt, ...)
{
    va_list ap;

    if (hier_quiet)
        return;
    va_start (ap, fmt);
    vprintf (fmt, ap);
    va_end (ap);
    output_flush ();
}

void hier_trace (const char *fmt, ...)
{
    va_list ap;

    if (!hier_debug)
        return;
    va_start (ap, fmt);
    vfprintf (stderr, fmt, ap);
    va_end (ap);
}

bool hier_colors (void)
{
    const char *no = getenv ("NO_COLOR");

    return isatty (STDOUT_FILENO) && !(no && *no);
}

/* --- the file --- */

/* No more of it is read than it may have: it may be a device. */
static char *read_config (const char *path, size_t *len)
{
    FILE *f = fopen (path, "re");
    char *s = malloc (MAX_FILE + 1);

    if (!s)
        cmd_die ("out of memory");
    if (!f || ((*len = fread (s, 1, MAX_FILE + 1, f)) == 0 && ferror (f)))
        cmd_die ("%s: %s", path, strerror (errno));
    if (*len > MAX_FILE)
        cmd_die ("%s: larger than %d bytes", path, MAX_FILE);
    fclose (f);
    return s;
}

struct hierarchy *hier_load (const char *path)
{
    flux_error_t error = { { 0 } };
    struct hierarchy *t;
    size_t len;
    char *s = read_config (path, &len);

    if (!(t = hierarchy_parse (s, len, &error)))
        cmd_die ("%s: %s", path, error.text);
    free (s);
    return t;
}

/* --- subcommands --- */

/* "flux-hierarchy: unrecognized option '--x'" */
static int log_usage (const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    text[strcspn (text, "\n")] = '\0';
    if (strncmp (text, "Try ", 4) != 0)
        hier_usage_error ("%s", strchr (text, ':') ? strchr (text, ':') + 2 : text);
    return 0;
}

static bool add_table (optparse_t *p, const struct optparse_option *table)
{
    return !table || optparse_add_option_table (p, table) == OPTPARSE_SUCCESS;
}

static int run_subcommand (const struct subcommand *s, int argc, char **argv)
{
    optparse_t *p = optparse_create ("flux-hierarchy");
    int rc;

    current = s;
    if (!p || optparse_set (p, OPTPARSE_USAGE, s->usage) != OPTPARSE_SUCCESS
        || !add_table (p, s->options) || !add_table (p, s->more_options[0])
        || !add_table (p, s->more_options[1])
        || optparse_set (p, OPTPARSE_LOG_FN, log_usage) != OPTPARSE_SUCCESS
        || (!s->posix
            && optparse_set (p, OPTPARSE_POSIXLY_CORRECT, 0) != OPTPARSE_SUCCESS))
        cmd_die ("bad option table");
    if (optparse_parse_args (p, argc, argv) < 0)
        exit (2);
    rc = s->run (p, argc, argv);
    optparse_destroy (p);
    return rc;
}

static int run_named (int argc, char **argv)
{
    if (!strcmp (argv[0], "version")) {
        puts (FLUX_VERSION);
        return 0;
    }
    for (size_t i = 0; i < COUNT; i++)
        if (!strcmp (argv[0], subcommands[i]->name))
            return run_subcommand (subcommands[i], argc, argv);
    print_help ();
    return 1;
}

int main (int argc, char **argv)
{
    int i;

    cmd_name = "flux-hierarchy";
    output_init ();
    if (argc == 1) {
        printf ("\nFlux Hierarchy v%s\n", FLUX_VERSION);
        print_help ();
        return 0;
    }
    for (i = 1; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp (argv[i], "--version")) {
            puts (FLUX_VERSION);
            return 0;
        }
        if (!strcmp (argv[i], "-h") || !strcmp (argv[i], "--help")) {
            print_help ();
            return 0;
        }
        if (!strcmp (argv[i], "--quiet"))
            hier_quiet = true;
        else if (!strcmp (argv[i], "--debug"))
            hier_debug = true;
        else
            hier_usage_error ("unrecognized arguments: %s", argv[i]);
    }
    if (i == argc) {
        print_help ();
        return 1;
    }
    return run_named (argc - i, argv + i);
}
