/* flux jobtap: plugins of job-manager. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check_operands (optparse_t *p, int argc, int min, int max)
{
    int n = argc - optparse_option_index (p);

    if (n < min || (max >= 0 && n > max))
        optparse_fatal_usage (p, 2, NULL);
}

/* Sends the request and waits; dies if it is refused. */
static void change (json_t *take_request)
{
    char *s = take_request ? json_dumps (take_request, JSON_COMPACT) : NULL;

    if (!s)
        cmd_die ("ERROR: arguments are not valid UTF-8");
    flux_future_t *f = flux_rpc (cmd_open (), "job-manager.jobtap", s, 0, 0);
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_future_destroy (f);
    json_decref (take_request);
    free (s);
}

/* --- load --- */

static struct optparse_option load_opts[] = {
    { .name = "remove",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Remove plugins first: a name or a glob pattern; \"all\"" },
    OPTPARSE_TABLE_END,
};

/* JSON, or else text. */
static void add_conf (json_t *conf, char *arg)
{
    char *eq = strchr (arg, '=');

    if (!eq || eq == arg)
        cmd_die ("ERROR: Missing required value for key %s", arg);
    *eq = '\0';
    json_t *value = json_loads (eq + 1, JSON_DECODE_ANY, NULL);
    if (!value)
        value = json_string (eq + 1);
    if (!value || json_object_set_new (conf, arg, value) < 0)
        cmd_die ("ERROR: %s: not valid UTF-8", arg);
}

static int cmd_load (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *remove = optparse_get_str (p, "remove", NULL);
    char path[PATH_MAX];

    check_operands (p, argc, 1, -1);
    const char *name = argv[i];
    /* A path is ours to resolve: the broker has another working directory. */
    if (strchr (name, '/')) {
        if (!realpath (name, path))
            cmd_die ("ERROR: %s: %s", name, strerror (errno));
        name = path;
    }
    json_t *conf = json_object ();
    while (++i < argc)
        add_conf (conf, argv[i]);
    json_t *o = json_pack ("{s:s s:s*}", "load", name, "remove", remove);
    if (o && json_object_size (conf) > 0)
        json_object_set (o, "conf", conf);
    json_decref (conf);
    change (o);
    return 0;
}

/* --- remove, list, query --- */

static int cmd_remove (optparse_t *p, int argc, char **argv)
{
    check_operands (p, argc, 1, 1);
    change (json_pack ("{s:s}", "remove", argv[optparse_option_index (p)]));
    return 0;
}

static struct optparse_option list_opts[] = {
    { .name = "all", .key = 'a', .usage = "Also those that are built in" },
    OPTPARSE_TABLE_END,
};

static int cmd_list (optparse_t *p, int argc, char **argv)
{
    size_t i;
    json_t *name;

    check_operands (p, argc, 0, 0);
    flux_future_t *f = flux_rpc_pack (cmd_open (), "job-manager.jobtap", 0, 0, "{s:b}",
                                      "query_only", 1);
    json_t *o = cmd_rpc_json (f, "ERROR");
    json_array_foreach (json_object_get (o, "plugins"), i, name) {
        const char *s = json_string_value (name);
        if (s && (s[0] != '.' || optparse_hasopt (p, "all")))
            printf ("%s\n", safe (s));
    }
    json_decref (o);
    flux_future_destroy (f);
    return 0;
}

static int cmd_query (optparse_t *p, int argc, char **argv)
{
    const char *s;

    check_operands (p, argc, 1, 1);
    flux_future_t *f = flux_rpc_pack (cmd_open (), "job-manager.jobtap-query", 0, 0,
                                      "{s:s}", "name", argv[optparse_option_index (p)]);
    if (!f || flux_rpc_get (f, &s) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    printf ("%s\n", safe (s));
    flux_future_destroy (f);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "load", "[-r NAME] PLUGIN [KEY=VAL...]", "Load a plugin into the job manager",
      cmd_load, 0, load_opts },
    { "remove", "NAME", "Remove plugins", cmd_remove, 0, NULL },
    { "list", "[-a]", "List the plugins that are loaded", cmd_list, 0, list_opts },
    { "query", "NAME", "Print what a plugin says about itself, as JSON", cmd_query, 0,
      NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_jobtap = {
    .name = "jobtap",
    .summary = "List, load and remove plugins of the job manager",
    .usage = "COMMAND [OPTIONS]",
    .group = "jobs",
    .subcommands = subcommands,
    .flags = CMD_USAGE2,
};
