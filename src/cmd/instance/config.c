/* flux config: get, builtin, load, reload, set. */
#include "cmd/cmd.h"

#include "base/file.h"
#include "base/toml.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "value/fsd.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct optparse_option get_opts[] = {
    { .name = "type",
      .key = 't',
      .has_arg = 1,
      .arginfo = "TYPE",
      .usage = "Require a type: string, integer, real, boolean, object, array, "
               "fsd, fsd-integer, fsd-real" },
    { .name = "default",
      .key = 'd',
      .has_arg = 1,
      .arginfo = "VAL",
      .usage = "Print this if the key is not set" },
    { .name = "quiet", .key = 'q', .usage = "Only set the exit status" },
    OPTPARSE_TABLE_END,
};

static json_t *descend (json_t *o, const char *path)
{
    char *copy = strdup (path);
    char *rest = copy;
    char *key;
    while (o && rest && (key = strsep (&rest, ".")))
        o = json_object_get (o, key);
    free (copy);
    return o;
}

static void check_type (json_t *o, const char *key, const char *type)
{
    static const struct {
        const char *name;
        json_type type;
    } types[] = { { "string", JSON_STRING },   { "integer", JSON_INTEGER },
                  { "real", JSON_REAL },       { "object", JSON_OBJECT },
                  { "array", JSON_ARRAY },     { "fsd", JSON_STRING },
                  { "fsd-real", JSON_STRING }, { "fsd-integer", JSON_STRING } };
    if (!strcmp (type, "any") || (!strcmp (type, "boolean") && json_is_boolean (o)))
        return;
    for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++) {
        if (!strcmp (types[i].name, type) && json_typeof (o) == types[i].type)
            return;
    }
    cmd_die ("%s does not have the requested type", key);
}

static void print_value (json_t *o, const char *key, const char *type)
{
    double d;
    if (json_is_string (o)) {
        const char *s = json_string_value (o);
        if (!strncmp (type, "fsd", 3)) {
            if (fsd_parse (s, &d) < 0)
                cmd_die ("%s is not a Flux standard duration", key);
            if (!strcmp (type, "fsd-integer")) {
                printf ("%jd\n", (intmax_t)d);
                return;
            }
            if (!strcmp (type, "fsd-real")) {
                printf ("%f\n", d);
                return;
            }
        }
        puts (s);
        return;
    }
    char *s = json_dumps (o, JSON_COMPACT | JSON_ENCODE_ANY);
    puts (s ? s : "");
    free (s);
}

static int cmd_get (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *type = optparse_get_str (p, "type", "any");
    const char *dflt = optparse_get_str (p, "default", NULL);
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    flux_future_t *f = flux_rpc (cmd_open (), "config.get", NULL, FLUX_NODEID_ANY, 0);
    json_t *conf = cmd_rpc_json (f, "config.get");
    json_t *o = i < argc ? descend (conf, argv[i]) : conf;
    if (!o && dflt)
        puts (dflt);
    else if (!o && optparse_hasopt (p, "quiet"))
        return 1;
    else if (!o)
        cmd_die ("%s is not set", argv[i]);
    else {
        check_type (o, i < argc ? argv[i] : "configuration", type);
        if (!optparse_hasopt (p, "quiet"))
            print_value (o, i < argc ? argv[i] : "configuration", type);
    }
    json_decref (conf);
    flux_future_destroy (f);
    return 0;
}

static struct optparse_option builtin_opts[] = {
    { .name = "intree", .usage = "Values for the build tree" },
    { .name = "installed", .usage = "Values for the installed tree" },
    OPTPARSE_TABLE_END,
};

static int cmd_builtin (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (argc - i != 1)
        optparse_fatal_usage (p, 1, NULL);
    int flags = optparse_hasopt (p, "intree")      ? FLUX_CONF_INTREE
                : optparse_hasopt (p, "installed") ? FLUX_CONF_INSTALLED
                                                   : FLUX_CONF_AUTO;
    const char *s = flux_conf_builtin_get (argv[i], flags);
    if (!s)
        cmd_die ("%s is invalid", argv[i]);
    puts (s);
    return 0;
}

static void send_config (const char *topic, json_t *conf)
{
    char *s = conf ? json_dumps (conf, JSON_COMPACT) : NULL;
    flux_future_t *f = flux_rpc (cmd_open (), topic, s, FLUX_NODEID_ANY, 0);
    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("%s: %s", topic, cmd_future_error (f));
    flux_future_destroy (f);
    free (s);
}

static int cmd_reload (optparse_t *p, int argc, char **argv)
{
    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 1, NULL);
    send_config ("config.reload", NULL);
    return 0;
}

static int cmd_load (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    json_t *o = NULL;
    int i = optparse_option_index (p);
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    if (i < argc) {
        flux_conf_t *conf = flux_conf_parse (argv[i], &error);
        if (!conf || flux_conf_unpack (conf, &error, "O", &o) < 0)
            cmd_die ("%s: %s", argv[i], error.text);
        flux_conf_decref (conf);
    } else {
        struct toml_error te = { 0 };
        size_t len;
        char *s = fd_read_all (0, &len);
        if (!s)
            cmd_die ("stdin: %s", strerror (errno));
        if (s[strspn (s, " \t\n")] == '{') {
            json_error_t e;
            if (!(o = json_loads (s, 0, &e)))
                cmd_die ("stdin: line %d: %s", e.line, e.text);
        } else if (!(o = toml_decode (s, len, &te)))
            cmd_die ("stdin: line %d: %s", te.line, te.text);
        free (s);
    }
    send_config ("config.load", o);
    json_decref (o);
    return 0;
}

/* KEY=VAL ... */
static int cmd_set (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (i == argc)
        optparse_fatal_usage (p, 1, NULL);
    flux_future_t *f = flux_rpc (cmd_open (), "config.get", NULL, FLUX_NODEID_ANY, 0);
    json_t *conf = cmd_rpc_json (f, "config.get");
    for (; i < argc; i++) {
        char *eq = strchr (argv[i], '=');
        if (!eq)
            cmd_die ("%s: must be KEY=VAL", argv[i]);
        *eq = '\0';
        json_t *o = json_loads (eq + 1, JSON_DECODE_ANY, NULL);
        if (jobspec_set_path (conf, argv[i], o ? o : json_string (eq + 1)) < 0)
            cmd_die ("%s: cannot be set", argv[i]);
    }
    send_config ("config.load", conf);
    json_decref (conf);
    flux_future_destroy (f);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "get", "[OPTIONS] [KEY]", "Print the configuration, or a value", cmd_get, 0,
      get_opts },
    { "builtin", "NAME", "Print a compiled-in value", cmd_builtin, 0, builtin_opts },
    { "load", "[PATH]", "Replace the configuration of this broker", cmd_load, 0, NULL },
    { "reload", "", "Read the configuration files again", cmd_reload, 0, NULL },
    { "set", "KEY=VAL...", "Change values of this broker's configuration", cmd_set, 0,
      NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_config = {
    .name = "config",
    .summary = "Show and change the configuration",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
