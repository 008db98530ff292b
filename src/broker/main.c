/* flux-broker: options, directories, start, end. */
#include <flux/optparse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/os/descriptors.h"
#include "base/os/stdout.h"
#include "broker/attrs.h"
#include "broker/boot/boot.h"
#include "broker/boot/bootstrap.h"
#include "broker/broker.h"
#include "broker/conffile.h"
#include "broker/lifecycle/dirs.h"
#include "broker/lifecycle/machine.h"
#include "broker/lifecycle/notify.h"
#include "broker/lifecycle/settings.h"
#include "broker/lifecycle/signals.h"
#include "broker/lifecycle/tables.h"
#include "broker/memory.h"
#include "broker/modhost/modlist.h"
#include "broker/modhost/modules.h"
#include "broker/modhost/trace.h"
#include "broker/overlay/overlay.h"
#include "broker/programs/command.h"
#include "broker/programs/keep.h"
#include "broker/rc/dumps.h"
#include "broker/rc/rc.h"
#include "broker/rc/rc2.h"
#include "broker/rc/runat.h"
#include "broker/rlimits.h"
#include "broker/routing/builtin.h"
#include "broker/routing/local.h"
#include "broker/routing/router.h"
#include "broker/routing/services.h"
#include "broker/routing/topology.h"
#include "broker/service/config.h"
#include "broker/service/groups_service.h"
#include "broker/service/log.h"
#include "broker/service/services_core.h"
#include "config.h"

static struct optparse_option opts[] = {
    { "verbose", 'v', 2, 0, "LEVEL", "Be talkative (level 2: also trace PMI)" },
    { "setattr", 'S', 1, 0, "NAME=VAL", "Set a broker attribute" },
    { "config-path", 'c', 1, 0, "PATH", "Read configuration from PATH" },
    { "conf", 1001, 1, 0, "VALUE", "Add to the configuration" },
    OPTPARSE_TABLE_END,
};

static int die (const char *text)
{
    fprintf (stderr, "flux-broker: %s\n", text);
    return -1;
}

/* ---- configuration and attributes ---- */

static int load_config (struct broker *b, optparse_t *p)
{
    const char *path = optparse_get_str (p, "config-path", getenv ("FLUX_CONF_DIR"));
    flux_error_t error;
    const char *value;

    if (!(b->conf = json_object ()) || !(b->conf_added = json_object ()))
        return die ("out of memory");
    if (path && *path) {
        if (config_load_path (b->conf, path, &error) < 0)
            return die (error.text);
        attrs_put (b->attrs, "config.path", path, -1);
    }
    while ((value = optparse_getopt_next (p, "conf")))
        if (config_load_value (b->conf_added, value, &error) < 0)
            return die (error.text);
    return json_object_update_recursive (b->conf, b->conf_added) < 0
               ? die ("out of memory")
               : 0;
}

/* -S goes before it. */
static int apply_config (struct broker *b)
{
    flux_error_t error;

    const char *path = attrs_val (b->attrs, "config.path");
    flux_error_t told;

    b->hooks.config_check = tables_check;
    if (tables_apply (b->attrs, b->conf, &b->bootstrap, &error) == 0)
        return 0;
    return die (path && conffile_tell (path, error.text, &told) == 0 ? told.text
                                                                     : error.text);
}

static bool is_follower (void)
{
    const char *rank = getenv ("PMI_RANK");

    return rank && atoi (rank) > 0;
}

static int apply_setattr (struct broker *b, optparse_t *p)
{
    flux_error_t error;
    const char *arg;

    while ((arg = optparse_getopt_next (p, "setattr"))) {
        size_t len = strcspn (arg, "=");
        char name[128];

        snprintf (name, sizeof (name), "%.*s", (int)len, arg);
        if (attrs_set_boot (b->attrs, name, arg[len] ? arg + len + 1 : "", &error)
            < 0) {
            /* All brokers have these arguments: one says what is wrong. */
            if (!is_follower ())
                fprintf (stderr, "flux-broker: setattr %s\n", error.text);
            return -1;
        }
    }
    return 0;
}

static int set_basic_attrs (struct broker *b)
{
    struct attrs *a = b->attrs;
    const char *fake = getenv ("FLUX_FAKE_HOSTNAME");
    const char *given = attrs_val (a, "hostname");

    b->owner = getuid ();
    if (given || fake)
        snprintf (b->hostname, sizeof (b->hostname), "%s", given ? given : fake);
    else if (gethostname (b->hostname, sizeof (b->hostname) - 1) < 0)
        return -1;
    make_route_id (b->uuid);
    if (attrs_put (a, "hostname", b->hostname, -1) < 0
        || attrs_put (a, "broker.uuid", b->uuid, -1) < 0
        || attrs_put (a, "version", FLUX_VERSION, -1) < 0
        || attrs_putf (a, "broker.pid", -1, "%d", (int)getpid ()) < 0
        || attrs_putf (a, "security.owner", -1, "%u", (unsigned)b->owner) < 0
        || attrs_putf (a, "broker.starttime", -1, "%.2f", flux_reactor_time ()) < 0)
        return -1;
    if (!attrs_val (a, "conf.shell_initrc"))
        attrs_put (a, "conf.shell_initrc",
                   flux_conf_builtin_get ("shell_initrc", FLUX_CONF_AUTO), -1);
    if (!attrs_val (a, "conf.shell_pluginpath"))
        attrs_put (a, "conf.shell_pluginpath",
                   flux_conf_builtin_get ("shell_pluginpath", FLUX_CONF_AUTO), -1);
    return 0;
}

/* Where this instance is in the tree of instances. */
static void set_parent_attrs (struct broker *b)
{
    const char *level = attrs_val (b->attrs, "instance-level");
    const char *path = getenv ("FLUX_JOB_ID_PATH");
    const char *ns = getenv ("FLUX_KVS_NAMESPACE");
    bool nested = level && atoi (level) > 0;

    attrs_put (b->attrs, "parent-uri", nested ? getenv ("FLUX_URI") : NULL, -1);
    if (nested)
        attrs_put (b->attrs, "parent-kvs-namespace", ns ? ns : "primary", -1);
    unsetenv ("FLUX_KVS_NAMESPACE"); /* here it would mislead modules */
    if (!attrs_val (b->attrs, "jobid-path"))
        attrs_put (b->attrs, "jobid-path", nested && path ? path : "/", -1);
}

static int load_modlist (struct broker *b)
{
    const char *path = attrs_val (b->attrs, "broker.modules_file");
    flux_error_t error;

    if (!path && (path = flux_conf_builtin_get ("modules_file", FLUX_CONF_AUTO)))
        attrs_put (b->attrs, "broker.modules_file", path, -1);
    if (!(b->modlist = modlist_read (path, &error))) {
        if (!is_follower ())
            die (error.text);
        return -1;
    }
    return 0;
}

/* ---- start and end ---- */

static int set_local_uri (struct broker *b)
{
    if (attrs_val (b->attrs, "local-uri"))
        return 0;
    return attrs_putf (b->attrs, "local-uri", -1, "local://%s/local-%d",
                       attrs_val (b->attrs, "rundir"), b->rank);
}

/* Programs find the same flux that started this broker. */
static void set_path (void)
{
    const char *bindir = flux_conf_builtin_get ("bindir", FLUX_CONF_AUTO);
    const char *path = getenv ("PATH");
    size_t len = bindir ? strlen (bindir) : 0;
    char *s;

    if (len == 0
        || (path && strncmp (path, bindir, len) == 0
            && (path[len] == ':' || path[len] == '\0')))
        return;
    if (asprintf (&s, "%s:%s", bindir, path ? path : "/usr/bin:/bin") >= 0) {
        setenv ("PATH", s, 1);
        free (s);
    }
}

/* For programs that look for PMI. */
static void name_pmi_library (void)
{
    setenv ("FLUX_PMI_LIBRARY_PATH",
            flux_conf_builtin_get ("pmi_library_path", FLUX_CONF_AUTO), 1);
}

/* ---- life ---- */

static int start (struct broker *b)
{
    flux_error_t error = { { 0 } };

    if (dirs_setup_rundir (b) < 0)
        return -1;
    if (!(b->services = services_create ()) || router_init (b) < 0
        || builtins_init (b) < 0)
        return die (strerror (errno));
    if (boot_run (b, &error) < 0) {
        if (error.text[0])
            fprintf (stderr, "flux-broker: boot: %s\n", error.text);
        return -1;
    }
    /* Nothing below waits: a signal is an event soon. */
    signals_hold ();
    set_parent_attrs (b);
    if (dirs_setup_statedir (b) < 0 || set_local_uri (b) < 0 || dumps_init (b) < 0)
        return -1;
    set_path ();
    name_pmi_library ();
    if (log_init (b) < 0)
        return -1;
    if (modules_init (b) < 0 || trace_init (b, modules_loaded) < 0
        || machine_init (b) < 0 || groups_service_init (b) < 0
        || config_service_init (b) < 0 || rc_init (b) < 0 || rc2_init (b) < 0
        || runat_init (b) < 0 || core_services_init (b) < 0
        || overlay_services_init (b) < 0 || memory_init (b) < 0 || signals_init (b) < 0)
        return die (strerror (errno));
    if (local_init (b, &error) < 0)
        return die (error.text);
    return 0;
}

/* After flux shutdown: the status that tells whoever starts brokers again, like
 * systemd, not to do so. */
static void set_final_status (struct broker *b)
{
    const char *code = b->attrs ? attrs_val (b->attrs, "broker.exit-restart") : NULL;

    if (!code && b->attrs)
        code = attrs_val (b->attrs, "broker.exit-norestart");
    if (code && b->asked_to_end)
        b->exit_code = atoi (code);
}

static void finish (struct broker *b)
{
    bool threads_left = b->modules && modules_count (b) > 0;

    signals_fini (b);
    local_fini (b);
    overlay_fini (b);
    modules_fini (b);
    command_fini (b);
    rc2_fini (b);
    rc_fini (b);
    runat_fini (b);
    config_service_fini (b);
    groups_service_fini (b);
    memory_fini (b);
    machine_fini (b);
    notify_fini (b);
    trace_fini (b);
    log_fini (b);
    builtins_fini (b);
    router_fini (b);
    services_destroy (b->services);
    topology_destroy (b->topo);
    set_final_status (b);
    if (b->attrs)
        dirs_cleanup (b);
    attrs_destroy (b->attrs);
    bootstrap_destroy (b->bootstrap);
    json_decref (b->conf);
    json_decref (b->conf_added);
    modlist_destroy (b->modlist);
    /* Modules that did not end must not see libraries end under them. */
    if (threads_left)
        _exit (b->exit_code);
}

static int run (struct broker *b, optparse_t *p)
{
    flux_error_t error;

    if (limits_init (&error) < 0)
        return die (error.text);
    keep_ahead ();
    b->verbose = optparse_hasopt (p, "verbose");
    if (optparse_get_int (p, "verbose", b->verbose) > 1)
        setenv ("FLUX_PMI_DEBUG", "1", 1);
    if (!(b->attrs = attrs_create ()) || !(b->reactor = flux_reactor_create (0)))
        return die (strerror (errno));
    if (load_config (b, p) < 0 || apply_config (b) < 0 || apply_setattr (b, p) < 0
        || set_basic_attrs (b) < 0 || load_modlist (b) < 0)
        return -1;
    if (notify_init (b, &error) < 0)
        return die (error.text);
    if (start (b) < 0)
        return -1;
    broker_post (b, EVENT_START);
    if (flux_reactor_run (b->reactor, 0) < 0)
        return die (strerror (errno));
    return 0;
}

static const char *const program = "flux-broker";

int main (int argc, char *argv[])
{
    struct broker b = { 0 };
    optparse_t *p = optparse_create ("flux-broker");
    int optindex;

    stdout_guard (&program);
    if (fd_fill_standard () < 0)
        return 1;
    descriptors_prepare ();
    signals_boot ();
    memory_limit ();
    if (!p || optparse_add_option_table (p, opts) != OPTPARSE_SUCCESS
        || optparse_set (p, OPTPARSE_USAGE, "[OPTIONS] [INITIAL-PROGRAM [ARGS...]]")
               != OPTPARSE_SUCCESS)
        return 1;
    if ((optindex = optparse_parse_args (p, argc, argv)) < 0)
        return 2;
    b.init_argc = argc - optindex;
    b.init_argv = argv + optindex;
    if (run (&b, p) < 0)
        b.exit_code = 1;
    finish (&b);
    optparse_destroy (p);
    flux_reactor_destroy (b.reactor);
    return b.exit_code;
}
