/* flux module: list, load, remove, reload, stats, debug, trace. */
#include "base/sort.h"
#include "cmd/cmd.h"
#include "cmd/instance/tracing.h"
#include "cmd/output/output.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

static void check_operands (optparse_t *p, int argc, int min, int max)
{
    int n = argc - optparse_option_index (p);
    if (n < min || (max >= 0 && n > max))
        optparse_fatal_usage (p, 1, NULL);
}

/* "load kvs: File exists" */
static void check (flux_future_t *f, const char *what, const char *name)
{
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("%s %s: %s", what, name, cmd_future_error (f));
    flux_future_destroy (f);
}

/* --- list --- */

static struct optparse_option list_opts[] = {
    { .name = "long", .key = 'l', .usage = "Show the path of each module too" },
    OPTPARSE_TABLE_END,
};

static int cmp_string (const void *a, const void *b)
{
    return strcmp (*(const char *const *)a, *(const char *const *)b);
}

static void join_services (json_t *services, const char *name, char *buf, size_t len)
{
    const char *names[64];
    size_t count = 0, n = 0, i;
    json_t *o;
    buf[0] = '\0';
    json_array_foreach (services, i, o) {
        const char *s = json_string_value (o);
        if (s && strcmp (s, name) != 0 && count < 64)
            names[count++] = s;
    }
    sort_array (names, count, sizeof (names[0]), cmp_string);
    for (i = 0; i < count && n < len; i++)
        n += snprintf (buf + n, len - n, "%s%s", n ? "," : "", names[i]);
}

static void print_module (json_t *o, bool with_path)
{
    const char *name, *path = "";
    json_t *services = NULL;
    double idle = 0;
    int status = 1, sendqueue = 0, recvqueue = 0;
    char idle_text[16], list[256];
    if (json_unpack (o, "{s:s s?s s?F s?i s?o s?i s?i}", "name", &name, "path", &path,
                     "idle", &idle, "status", &status, "services", &services,
                     "sendqueue", &sendqueue, "recvqueue", &recvqueue)
        < 0)
        return;
    if (idle < 100)
        snprintf (idle_text, sizeof (idle_text), "%d", (int)idle);
    else
        snprintf (idle_text, sizeof (idle_text), "idle");
    join_services (services, name, list, sizeof (list));
    printf ("%-24s %4s  %c %5d %5d %s", safe (name), idle_text,
            status >= 0 && status < 4 ? "IRFE"[status] : '?', sendqueue, recvqueue,
            safe (list));
    printf (with_path ? "%s%s\n" : "\n", *list ? " " : "", safe (path));
}

static int cmd_list (optparse_t *p, int argc, char **argv)
{
    size_t i;
    json_t *o;
    check_operands (p, argc, 0, 0);
    flux_future_t *f = flux_rpc (cmd_open (), "module.list", NULL, FLUX_NODEID_ANY, 0);
    json_t *list = cmd_rpc_json (f, "list");
    printf ("%-24s %4s  %c %s %s %s\n", "Module", "Idle", 'S', "Sendq", "Recvq",
            "Service");
    json_array_foreach (json_object_get (list, "mods"), i, o) {
        print_module (o, optparse_hasopt (p, "long"));
    }
    json_decref (list);
    flux_future_destroy (f);
    return 0;
}

/* --- load, remove, reload --- */

#define EXEC_OPT                                                                       \
    {                                                                                  \
        .name = "exec", .usage = "Run it as a process, not as a thread of the broker"  \
    }
#define LOADER_OPT                                                                     \
    {                                                                                  \
        .name = "loader", .has_arg = 1, .arginfo = "PATH",                             \
        .usage = "The program that runs it as a process; it has to be a path, too"     \
    }
#define CANCEL_OPT                                                                     \
    {                                                                                  \
        .name = "cancel", .usage = "Kill it (only a process that --exec has loaded)"   \
    }

static struct optparse_option load_opts[] = {
    EXEC_OPT,
    LOADER_OPT,
    { .name = "name",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Load under this name" },
    OPTPARSE_TABLE_END,
};
static struct optparse_option remove_opts[] = {
    CANCEL_OPT,
    { .name = "force", .key = 'f', .usage = "It is no error if it is not loaded" },
    OPTPARSE_TABLE_END,
};
static struct optparse_option reload_opts[] = {
    EXEC_OPT,
    LOADER_OPT,
    CANCEL_OPT,
    { .name = "force", .key = 'f', .usage = "It is no error if it is not loaded" },
    { .name = "name",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Load under this name" },
    OPTPARSE_TABLE_END,
};

static bool is_python (const char *file)
{
    size_t len = strlen (file);
    return len > 3 && !strcmp (file + len - 3, ".py");
}

/* The name of the module in dir/name.so, or name.py. */
static char *module_name (const char *path)
{
    const char *base = strrchr (path, '/');
    char *name = strdup (base ? base + 1 : path);
    char *dot = name ? strstr (name, ".so") : NULL;
    if (dot && strchr (path, '/'))
        *dot = '\0';
    else if (name && is_python (name))
        name[strlen (name) - 3] = '\0';
    return name;
}

/* The payload of module.load: to be freed. */
static char *load_request (optparse_t *p, const char *what, int argc, char **argv)
{
    char path[PATH_MAX];
    const char *file = argv[0];
    char *own_name = module_name (file);
    const char *name = optparse_get_str (p, "name", NULL);
    const char *loader = optparse_get_str (p, "loader", NULL);
    char loader_path[PATH_MAX];
    json_t *args = json_array ();
    if (loader && !strchr (file, '/'))
        cmd_die ("%s %s: --loader is for a module that is given as a path", what, file);
    if (loader && !realpath (loader, loader_path))
        cmd_die ("--loader=%s: %s", loader, strerror (errno));
    /* A path is ours to resolve: the broker has another working directory. */
    if (strchr (file, '/') || is_python (file)) {
        if (!realpath (file, path))
            cmd_die ("%s %s: %s", what, file, strerror (errno));
        file = path;
    }
    /* The module python runs files in Python. */
    if (is_python (file) && loader)
        name = name ? name : own_name;
    else if (is_python (file)) {
        json_array_append_new (args, json_string (file));
        name = name ? name : own_name;
        file = "python";
    }
    for (int i = 1; i < argc; i++)
        if (json_array_append_new (args, json_string (argv[i])) < 0)
            cmd_die ("%s: arguments are not valid UTF-8", what);
    json_t *o = json_pack ("{s:s s:o}", "path", file, "args", args);
    if (!o)
        cmd_die ("%s: arguments are not valid UTF-8", what);
    if (name)
        json_object_set_new (o, "name", json_string (name));
    if (optparse_hasopt (p, "exec"))
        json_object_set_new (o, "exec", json_true ());
    if (loader)
        json_object_set_new (o, "loader", json_string (loader_path));
    char *s = json_dumps (o, JSON_COMPACT);
    free (own_name);
    json_decref (o);
    return s;
}

static void unload (optparse_t *p, const char *what, const char *name)
{
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "module.remove", FLUX_NODEID_ANY, 0, "{s:s s:b}",
                       "name", name, "cancel", optparse_hasopt (p, "cancel"));
    if (f && flux_rpc_get (f, NULL) < 0 && errno == ENOENT
        && optparse_hasopt (p, "force")) {
        flux_future_destroy (f);
        return;
    }
    check (f, what, name);
}

/* What is a part of something that is there needs no more than a word: scripts load by
 * name what is a module elsewhere. */
static bool is_there (flux_future_t *f, const char *name)
{
    if (!f || flux_rpc_get (f, NULL) == 0 || errno != EALREADY)
        return false;
    cmd_warn ("load %s: %s", safe (name), safe (cmd_future_error (f)));
    flux_future_destroy (f);
    return true;
}

static int cmd_load (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    check_operands (p, argc, 1, -1);
    char *s = load_request (p, "load", argc - i, argv + i);
    flux_future_t *f = flux_rpc (cmd_open (), "module.load", s, FLUX_NODEID_ANY, 0);
    if (!is_there (f, argv[i]))
        check (f, "load", argv[i]);
    free (s);
    return 0;
}

static int cmd_remove (optparse_t *p, int argc, char **argv)
{
    check_operands (p, argc, 1, 1);
    /* Who has loaded a file removes it by that, too. */
    char *name = module_name (argv[optparse_option_index (p)]);
    if (!name)
        cmd_die ("out of memory");
    unload (p, "remove", name);
    free (name);
    return 0;
}

/* What would load a module again as it is, to be freed; NULL if it is not there. */
static char *loaded_as (const char *name)
{
    flux_future_t *f = flux_rpc (cmd_open (), "module.list", NULL, FLUX_NODEID_ANY, 0);
    json_t *list = cmd_rpc_json (f, "list"), *o, *again;
    char *s = NULL;
    size_t i;
    json_array_foreach (json_object_get (list, "mods"), i, o) {
        json_t *args = json_object_get (o, "args"), *exec = json_object_get (o, "exec");
        const char *is = json_string_value (json_object_get (o, "name"));
        if (!is || strcmp (is, name) != 0 || !args)
            continue;
        again =
            json_pack ("{s:O s:O s:O s:O s:O*}", "name", json_object_get (o, "name"),
                       "path", json_object_get (o, "path"), "args", args, "exec", exec,
                       "loader", json_object_get (o, "loader"));
        s = json_dumps (again, JSON_COMPACT);
        json_decref (again);
    }
    json_decref (list);
    flux_future_destroy (f);
    return s;
}

/* Its place is not left empty, if that can be. */
static void put_back (const char *name, const char *before, const char *why)
{
    flux_future_t *f =
        flux_rpc (cmd_open (), "module.load", before, FLUX_NODEID_ANY, 0);
    if (f && flux_rpc_get (f, NULL) == 0)
        cmd_die ("reload %s: %s. It runs again as it did before", name, why);
    cmd_die (
        "reload %s: %s. It is not loaded now, since what was there before does not "
        "load either: %s",
        name, why, cmd_future_error (f));
}

static int cmd_reload (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    check_operands (p, argc, 1, -1);
    char *own_name = module_name (argv[i]);
    if (!own_name)
        cmd_die ("out of memory");
    const char *name = optparse_get_str (p, "name", own_name);
    char *s = load_request (p, "reload", argc - i, argv + i);
    char *before = loaded_as (name);
    unload (p, "reload", name);
    flux_future_t *f = flux_rpc (cmd_open (), "module.load", s, FLUX_NODEID_ANY, 0);
    if (before && (!f || flux_rpc_get (f, NULL) < 0))
        put_back (name, before, cmd_future_error (f));
    check (f, "reload", argv[i]);
    free (before);
    free (s);
    free (own_name);
    return 0;
}

/* --- stats --- */

static struct optparse_option stats_opts[] = {
    { .name = "parse",
      .key = 'p',
      .has_arg = 1,
      .arginfo = "PATH",
      .usage = "Print only this part, e.g. cache.size" },
    { .name = "scale",
      .key = 's',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Multiply a number by N" },
    { .name = "type",
      .key = 't',
      .has_arg = 1,
      .arginfo = "int|double",
      .usage = "Convert a number" },
    { .name = "rusage", .key = 'R', .usage = "Show getrusage(2) of the module" },
    { .name = "clear", .key = 'c', .usage = "Clear the module's counters" },
    { .name = "clear-all", .key = 'C', .usage = "Clear them on all ranks" },
    OPTPARSE_TABLE_END,
};

static void print_number (optparse_t *p, json_t *o)
{
    double x = json_number_value (o) * optparse_get_double (p, "scale", 1.0);
    const char *type =
        optparse_get_str (p, "type", json_is_integer (o) ? "int" : "double");
    if (!strcmp (type, "int"))
        printf ("%jd\n", (intmax_t)x);
    else if (!strcmp (type, "double"))
        printf ("%f\n", x);
    else
        cmd_die ("stats: unknown type '%s'", type);
}

static void print_stats (optparse_t *p, json_t *o, const char *name)
{
    const char *path = optparse_get_str (p, "parse", NULL);
    char *copy = path ? strdup (path) : NULL;
    char *rest = copy;
    char *key;
    while (o && rest && (key = strsep (&rest, ".")))
        o = json_object_get (o, key);
    if (!o)
        cmd_die ("stats %s: no such value: %s", name, path);
    free (copy);
    if (json_is_number (o))
        print_number (p, o);
    else {
        char *s = json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY);
        puts (s);
        free (s);
    }
}

/* On each rank; it need not be loaded on all of them. */
static void clear_all (flux_t *h, const char *name)
{
    char topic[256];
    uint32_t size;
    int errnum = 0, count = 0;

    if (flux_get_size (h, &size) < 0)
        cmd_die ("stats: %s", strerror (errno));
    flux_future_t **f = calloc (size, sizeof (*f));
    if (!f)
        cmd_die ("out of memory");
    snprintf (topic, sizeof (topic), "%s.stats-clear", name);
    for (uint32_t rank = 0; rank < size; rank++)
        f[rank] = flux_rpc (h, topic, NULL, rank, 0);
    for (uint32_t rank = 0; rank < size; rank++) {
        if (f[rank] && flux_rpc_get (f[rank], NULL) == 0)
            count++;
        else if (errno == ENOSYS)
            errnum = errno;
        else
            cmd_die ("stats %s: rank %u: %s", name, rank, strerror (errno));
        flux_future_destroy (f[rank]);
    }
    free (f);
    if (count == 0)
        cmd_die ("stats %s: %s", name, strerror (errnum));
}

static int cmd_stats (optparse_t *p, int argc, char **argv)
{
    char topic[256];
    flux_t *h = cmd_open ();
    check_operands (p, argc, 1, 1);
    const char *name = argv[optparse_option_index (p)];
    if (optparse_hasopt (p, "clear-all")) {
        clear_all (h, name);
        return 0;
    }
    snprintf (topic, sizeof (topic), "%s.%s", name,
              optparse_hasopt (p, "clear")    ? "stats-clear"
              : optparse_hasopt (p, "rusage") ? "rusage"
                                              : "stats-get");
    flux_future_t *f = flux_rpc (h, topic, NULL, FLUX_NODEID_ANY, 0);
    if (optparse_hasopt (p, "clear")) {
        check (f, "stats", name);
        return 0;
    }
    json_t *o = cmd_rpc_json (f, topic);
    print_stats (p, o, name);
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

/* --- debug --- */

static struct optparse_option debug_opts[] = {
    { .name = "clear", .key = 'c', .usage = "Clear all flags" },
    { .name = "set",
      .key = 'S',
      .has_arg = 1,
      .arginfo = "MASK",
      .usage = "Replace the flags" },
    { .name = "setbit",
      .key = 's',
      .has_arg = 1,
      .arginfo = "MASK",
      .usage = "Set these flags" },
    { .name = "clearbit",
      .key = 'C',
      .has_arg = 1,
      .arginfo = "MASK",
      .usage = "Clear these flags" },
    OPTPARSE_TABLE_END,
};

static int mask (const char *s)
{
    char *end;
    unsigned long n = strtoul (s, &end, 0);
    if (end == s || *end || n > INT_MAX)
        cmd_die ("debug: %s: not a mask", s);
    return n;
}

static int cmd_debug (optparse_t *p, int argc, char **argv)
{
    static const struct {
        const char *option;
        const char *op;
    } ops[] = { { "set", "set" }, { "setbit", "setbit" }, { "clearbit", "clrbit" } };
    char topic[256];
    const char *op = "setbit"; /* of no bit: only asks */
    int flags = 0;
    check_operands (p, argc, 1, 1);
    const char *name = argv[optparse_option_index (p)];
    snprintf (topic, sizeof (topic), "%s.debug", name);
    for (int i = 0; i < 3; i++) {
        if (optparse_hasopt (p, ops[i].option)) {
            op = ops[i].op;
            flags = mask (optparse_get_str (p, ops[i].option, "0"));
        }
    }
    if (optparse_hasopt (p, "clear"))
        op = "clr";
    flux_future_t *f = flux_rpc_pack (cmd_open (), topic, FLUX_NODEID_ANY, 0,
                                      "{s:s s:i}", "op", op, "flags", flags);
    if (!f || flux_rpc_get_unpack (f, "{s:i}", "flags", &flags) < 0)
        cmd_die ("debug %s: %s", name, cmd_future_error (f));
    printf ("0x%x\n", flags);
    flux_future_destroy (f);
    return 0;
}

/* --- trace --- */

static struct optparse_option trace_opts[] = {
    { .name = "topic",
      .key = 'T',
      .has_arg = 1,
      .arginfo = "GLOB",
      .usage = "Only topics that match" },
    TRACING_OPTS,
    OPTPARSE_TABLE_END,
};

static int cmd_trace (optparse_t *p, int argc, char **argv)
{
    json_t *names = json_array ();

    check_operands (p, argc, 1, -1);
    for (int i = optparse_option_index (p); i < argc; i++)
        json_array_append_new (names, json_string (argv[i]));
    return tracing_follow (p, "module.trace", optparse_get_str (p, "topic", "*"),
                           json_pack ("{s:o}", "names", names));
}

static struct optparse_subcommand subcommands[] = {
    { "list", "[-l]", "List loaded modules", cmd_list, 0, list_opts },
    { "remove", "[-f] NAME", "Unload module", cmd_remove, 0, remove_opts },
    { "unload", "[-f] NAME", "Unload module", cmd_remove, OPTPARSE_SUBCMD_HIDDEN,
      remove_opts },
    { "load", "[--exec] [--name=NAME] NAME|PATH [ARGS...]", "Load module", cmd_load, 0,
      load_opts },
    { "reload", "[-f] [--name=NAME] NAME|PATH [ARGS...]", "Reload module", cmd_reload,
      0, reload_opts },
    { "stats", "[OPTIONS] NAME", "Display stats on module", cmd_stats, 0, stats_opts },
    { "debug", "[OPTIONS] NAME", "Get/set module debug flags", cmd_debug, 0,
      debug_opts },
    { "trace", "[OPTIONS] NAME...", "Trace module messages", cmd_trace, 0, trace_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_module = {
    .name = "module",
    .summary = "Manage broker modules",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
