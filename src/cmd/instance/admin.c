/* flux admin: what the administrator of an instance sets up. */
#include "base/text/quote.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- cleanup-push --- */

static void push (json_t *commands)
{
    flux_future_t *f = flux_rpc_pack (cmd_open (), "runat.push", 0, 0, "{s:s s:O}",
                                      "name", "cleanup", "commands", commands);

    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("cleanup-push: %s", cmd_future_error (f));
    flux_future_destroy (f);
    json_decref (commands);
}

/* A single word is a line for the shell; several are the words of a command. */
static json_t *command_of (int argc, char **argv)
{
    struct buf b = BUF_INIT;
    json_t *o;

    if (argc == 1)
        buf_adds (&b, argv[0]);
    for (int i = 0; argc > 1 && i < argc; i++) {
        if (i > 0)
            buf_addc (&b, ' ');
        buf_add_quoted (&b, argv[i]);
    }
    if (b.err)
        cmd_die ("out of memory");
    o = json_pack ("[s#]", b.data ? b.data : "", (int)b.len);
    if (!o)
        cmd_die ("cleanup-push: the command is not valid UTF-8");
    buf_fini (&b);
    return o;
}

static json_t *read_commands (void)
{
    json_t *commands = json_array ();
    char *line = NULL;
    size_t size = 0;
    ssize_t n;

    while ((n = getline (&line, &size, stdin)) >= 0) {
        if (n > 0 && line[n - 1] == '\n')
            line[--n] = '\0';
        /* The last one that is pushed runs first. */
        if (n > 0 && json_array_insert_new (commands, 0, json_stringn (line, n)) < 0)
            cmd_die ("cleanup-push: a line is not valid UTF-8");
    }
    if (ferror (stdin))
        cmd_die ("cleanup-push: reading standard input: %s", strerror (errno));
    free (line);
    return commands;
}

static int cmd_cleanup_push (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    json_t *commands = i < argc ? command_of (argc - i, argv + i) : read_commands ();

    if (json_array_size (commands) > 0)
        push (commands);
    return 0;
}

/* --- system-scripts --- */

static struct optparse_option scripts_opts[] = {
    { .name = "verbose",
      .key = 'v',
      .usage = "Show scripts also of what is not configured" },
    { .name = "color",
      .key = 'L',
      .has_arg = 2,
      .arginfo = "WHEN",
      .usage = "Colors: auto, never, always" },
    OPTPARSE_TABLE_END,
};

struct kind {
    const char *name;
    json_t *table; /* of the configuration, or NULL */
    const char *imp;
    bool verbose, color;
};

static void print_colored (const struct kind *k, const char *color, const char *text)
{
    printf ("%s%s%s", k->color ? color : "", text, k->color ? "\033[0m" : "");
}

static int is_visible (const struct dirent *d)
{
    return d->d_name[0] != '.';
}

/* Those that run, and those that cannot since they are not executable. */
static void print_scripts (const struct kind *k, const char *what, const char *dir)
{
    struct dirent **list;
    int n = scandir (dir, &list, is_visible, alphasort);

    if (n < 0)
        return;
    printf ("  %s: %s\n", what, safe (dir));
    for (int i = 0; i < n; i++) {
        char path[PATH_MAX];
        bool runs;

        snprintf (path, sizeof (path), "%s/%s", dir, list[i]->d_name);
        runs = access (path, X_OK) == 0;
        printf ("    ");
        print_colored (k, runs ? "\033[32m" : "\033[31m", runs ? "✓" : "✗");
        printf (" %s%s\n", safe (list[i]->d_name), runs ? "" : " (not executable)");
        free (list[i]);
    }
    free (list);
}

static void print_imp_scripts (const struct kind *k)
{
    const char *libexec = flux_conf_builtin_get ("libexecdir", FLUX_CONF_AUTO);
    const char *sysconf = flux_conf_builtin_get ("sysconfdir", FLUX_CONF_AUTO);
    char path[PATH_MAX];
    struct stat st;

    snprintf (path, sizeof (path), "%s/%s.d", libexec, k->name);
    print_scripts (k, "system", path);
    snprintf (path, sizeof (path), "%s/system/%s", sysconf, k->name);
    if (stat (path, &st) == 0 && S_ISREG (st.st_mode)) {
        printf ("  site: %s\n", safe (path));
        return;
    }
    snprintf (path, sizeof (path), "%s/system/%s.d", sysconf, k->name);
    print_scripts (k, "site", path);
}

/* IMP run NAME, which is what it is if nothing else is said. */
static bool runs_imp (const struct kind *k, json_t *command)
{
    const char *imp, *run, *name;

    return !command
           || (k->imp && json_array_size (command) == 3
               && json_unpack (command, "[sss]", &imp, &run, &name) == 0
               && !strcmp (imp, k->imp) && !strcmp (run, "run")
               && !strcmp (name, k->name));
}

static void print_command (json_t *command)
{
    struct buf b = BUF_INIT;
    json_t *word;
    size_t i;

    json_array_foreach (command, i, word) {
        buf_addc (&b, ' ');
        buf_adds (&b, json_string_value (word) ? json_string_value (word) : "?");
    }
    if (!b.err && b.data)
        printf ("  command:%s\n", safe (b.data));
    buf_fini (&b);
}

static void print_how (const struct kind *k)
{
    json_t *release = json_object_get (k->table, "release-after");
    bool per_rank = json_is_true (json_object_get (k->table, "per-rank"));

    if (strcmp (k->name, "housekeeping") != 0)
        printf (" (per-rank=%s)\n", per_rank ? "true" : "false");
    else if (json_is_string (release))
        printf (" (release-after=%s)\n", safe (json_string_value (release)));
    else if (json_is_number (release))
        printf (" (release-after=%gs)\n", json_number_value (release));
    else
        printf ("\n");
}

static void print_kind (const struct kind *k)
{
    json_t *command = json_object_get (k->table, "command");

    printf ("%s: ", k->name);
    if (!k->table) {
        print_colored (k, "\033[90m", "not configured");
        printf ("\n");
    } else {
        print_colored (k, "\033[32m", "enabled");
        print_how (k);
        if (!runs_imp (k, command))
            print_command (command);
    }
    if ((k->table || k->verbose) && runs_imp (k, command))
        print_imp_scripts (k);
}

static int cmd_system_scripts (optparse_t *p, int argc, char **argv)
{
    static const char *const names[] = { "prolog", "epilog", "housekeeping" };
    flux_future_t *f;
    json_t *conf, *manager;
    const char *imp = NULL;

    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 2, NULL);
    f = flux_rpc (cmd_open (), "config.get", NULL, FLUX_NODEID_ANY, 0);
    conf = cmd_rpc_json (f, "system-scripts");
    manager = json_object_get (conf, "job-manager");
    (void)json_unpack (conf, "{s:{s:s}}", "exec", "imp", &imp);
    for (int i = 0; i < 3; i++) {
        struct kind k = { .name = names[i],
                          .table = json_object_get (manager, names[i]),
                          .imp = imp,
                          .verbose = optparse_hasopt (p, "verbose"),
                          .color = optparse_get_color (p, "color") };

        print_kind (&k);
    }
    flux_future_destroy (f);
    json_decref (conf);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "cleanup-push", "[COMMAND...]",
      "Run a command when the initial program has ended", cmd_cleanup_push, 0, NULL },
    { "system-scripts", "[-v]", "Show prolog, epilog and housekeeping",
      cmd_system_scripts, 0, scripts_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_admin = {
    .name = "admin",
    .summary = "Show and set what an administrator of an instance needs",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
    .flags = CMD_USAGE2,
};
