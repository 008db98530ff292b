/* flux config: get, builtin, load, reload, set, unset. */
#include "cmd/cmd.h"

#include "base/file.h"
#include "base/text/toml.h"
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
    { .name = "config-path",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "PATH",
      .usage = "Read this file or directory instead of asking the broker; "
               "\"system\", \"security\": where those are installed" },
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

static const struct {
    const char *name;
    json_type type;
} types[] = { { "string", JSON_STRING },   { "integer", JSON_INTEGER },
              { "real", JSON_REAL },       { "object", JSON_OBJECT },
              { "array", JSON_ARRAY },     { "fsd", JSON_STRING },
              { "fsd-real", JSON_STRING }, { "fsd-integer", JSON_STRING } };

static void check_type (json_t *o, const char *key, const char *type)
{
    bool known = !strcmp (type, "any") || !strcmp (type, "boolean");
    if (!strcmp (type, "any") || (!strcmp (type, "boolean") && json_is_boolean (o)))
        return;
    for (size_t i = 0; i < sizeof (types) / sizeof (types[0]); i++) {
        if (strcmp (types[i].name, type) != 0)
            continue;
        known = true;
        if (json_typeof (o) == types[i].type)
            return;
    }
    if (!known)
        cmd_die ("Unknown type: %s", type);
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

static json_t *ask_broker (void)
{
    flux_future_t *f = flux_rpc (cmd_open (), "config.get", NULL, FLUX_NODEID_ANY, 0);
    json_t *conf = cmd_rpc_json (f, "config.get");
    flux_future_destroy (f);
    return conf;
}

static json_t *read_path (const char *path)
{
    flux_error_t error = { { 0 } };
    json_t *o = NULL;
    char buf[4096];
    if (!strcmp (path, "system") || !strcmp (path, "security")) {
        const char *dir = flux_conf_builtin_get ("confdir", FLUX_CONF_AUTO);
        snprintf (buf, sizeof (buf), "%s/%s/conf.d", dir ? dir : "/etc/flux", path);
        path = buf;
    }
    flux_conf_t *conf = flux_conf_parse (path, &error);
    if (!conf || flux_conf_unpack (conf, &error, "O", &o) < 0)
        cmd_die ("%s: %s", path, error.text);
    flux_conf_decref (conf);
    return o;
}

static int cmd_get (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    const char *type = optparse_get_str (p, "type", "any");
    const char *dflt = optparse_get_str (p, "default", NULL);
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    const char *path = optparse_get_str (p, "config-path", NULL);
    json_t *conf = path ? read_path (path) : ask_broker ();
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

static struct optparse_option reload_opts[] = {
    { .name = "follower-noop",
      .usage = "Do nothing where the configuration comes from rank 0: on all others" },
    OPTPARSE_TABLE_END,
};

static int cmd_reload (optparse_t *p, int argc, char **argv)
{
    uint32_t rank;
    if (optparse_option_index (p) != argc)
        optparse_fatal_usage (p, 1, NULL);
    if (optparse_hasopt (p, "follower-noop")) {
        if (flux_get_rank (cmd_open (), &rank) < 0)
            cmd_die ("rank: %s", strerror (errno));
        if (rank > 0)
            return 0;
    }
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

static struct optparse_option set_opts[] = {
    { .name = "type",
      .key = 't',
      .has_arg = 1,
      .arginfo = "TYPE",
      .usage = "Type of the value: string, integer, real, boolean, object, array, fsd, "
               "fsd-integer, fsd-real, any (default: any, and then what the key has)" },
    OPTPARSE_TABLE_END,
};

/* A value that reads as JSON is that; any other is a string. */
static json_t *parse_value (const char *key, const char *s, const char *type)
{
    double d;
    json_t *o;
    if (!strcmp (type, "string") || !strncmp (type, "fsd", 3)) {
        if (*type == 'f' && fsd_parse (s, &d) < 0)
            cmd_die ("%s: '%s' is not a Flux standard duration", key, s);
        o = json_string (s);
    } else if (!(o = json_loads (s, JSON_DECODE_ANY, NULL)))
        o = json_string (s);
    if (!o)
        cmd_die ("%s: the value is not UTF-8", key);
    if (!strcmp (type, "real") && json_is_integer (o)) {
        json_t *real = json_real (json_integer_value (o));
        json_decref (o);
        o = real;
    }
    check_type (o, key, type);
    return o;
}

static void set_value (json_t *conf, const char *key, const char *s, const char *type)
{
    json_t *old = descend (conf, key);
    /* what was text stays text: "30" is a duration */
    if (!strcmp (type, "any") && json_is_string (old) && *s != '"')
        type = "string";
    if (jobspec_set_path (conf, key, parse_value (key, s, type)) < 0)
        cmd_die ("%s: cannot be set", key);
}

/* KEY VAL, or KEY=VAL ... */
static int cmd_set (optparse_t *p, int argc, char **argv)
{
    const char *type = optparse_get_str (p, "type", "any");
    int i = optparse_option_index (p);
    if (i == argc)
        optparse_fatal_usage (p, 1, NULL);
    json_t *conf = ask_broker ();
    if (argc - i == 2 && !strchr (argv[i], '='))
        set_value (conf, argv[i], argv[i + 1], type);
    else {
        for (; i < argc; i++) {
            char *eq = strchr (argv[i], '=');
            if (!eq)
                cmd_die ("%s: must be KEY=VAL", argv[i]);
            *eq = '\0';
            set_value (conf, argv[i], eq + 1, type);
        }
    }
    send_config ("config.load", conf);
    json_decref (conf);
    return 0;
}

static int cmd_unset (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    if (i == argc)
        optparse_fatal_usage (p, 1, NULL);
    json_t *conf = ask_broker ();
    for (; i < argc; i++) {
        char *dot = strrchr (argv[i], '.');
        if (!descend (conf, argv[i]))
            cmd_die ("%s is not set", argv[i]);
        if (dot)
            *dot = '\0';
        json_object_del (dot ? descend (conf, argv[i]) : conf, dot ? dot + 1 : argv[i]);
    }
    send_config ("config.load", conf);
    json_decref (conf);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "get", "[OPTIONS] [KEY]", "Print the configuration, or a value", cmd_get, 0,
      get_opts },
    { "builtin", "NAME", "Print a compiled-in value", cmd_builtin, 0, builtin_opts },
    { "load", "[PATH]", "Replace the configuration of this broker", cmd_load, 0, NULL },
    { "reload", "", "Read the configuration files again", cmd_reload, 0, reload_opts },
    { "set", "[OPTIONS] KEY VAL | KEY=VAL...", "Change values of the configuration",
      cmd_set, 0, set_opts },
    { "unset", "KEY...", "Remove values of the configuration", cmd_unset, 0, NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_config = {
    .name = "config",
    .summary = "Show and change the configuration",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
};
