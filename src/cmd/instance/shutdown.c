/* flux shutdown: end an instance, and show how it goes.
 *
 * Rank 0 ends the stream before it goes, so that a closed connection is a failure.
 * Another rank goes before that, and cannot tell. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "core/job/uri.h"
#include "value/dump_suffix.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "background", .usage = "Do not wait" },
    { .name = "dump",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Dump the KVS to FILE when all jobs have ended" },
    { .name = "gc", .usage = "Free what nothing in the KVS refers to any more" },
    { .name = "skip-gc",
      .usage = "Neither free nor dump anything, though content.gc-at-end or "
               "content.dump say so" },
    { .name = "quiet", .usage = "Show only errors" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Show more of the log" },
    { .name = "yes",
      .key = 'y',
      .usage = "Collect garbage if it is time (as without)" },
    { .name = "no", .key = 'n', .usage = "Do not, though kvs.gc-threshold says so" },
    OPTPARSE_TABLE_END,
};

static void use_target (const char *target)
{
    flux_error_t error;
    char *uri = uri_resolve (target, URI_CONNECT, &error);

    if (!uri)
        cmd_die ("failed to resolve target %s to a Flux URI: %s", target, error.text);
    setenv ("FLUX_URI", uri, 1);
    free (uri);
}

static void set_attr (flux_t *h, const char *name, const char *value)
{
    flux_future_t *f =
        flux_rpc_pack (h, "attr.set", 0, 0, "{s:s s:s}", "name", name, "value", value);

    if (!f || flux_rpc_get (f, NULL) < 0)
        cmd_die ("%s: %s", name, cmd_future_error (f));
    flux_future_destroy (f);
}

/* The broker may have another directory than this. */
static void ask_for_dump (flux_t *h, const char *file)
{
    char dir[4096] = "", *path;
    flux_error_t error;

    if (dump_suffix (file, &error) < 0)
        cmd_die ("--dump: %s", error.text);
    if (*file != '/' && !getcwd (dir, sizeof (dir)))
        cmd_die ("the working directory: %s", strerror (errno));
    if (asprintf (&path, "%s%s%s", dir, *file == '/' ? "" : "/", file) < 0)
        cmd_die ("out of memory");
    set_attr (h, "content.dump", path);
    free (path);
}

/* kvs.gc-threshold of the configuration; -1 if there is none. */
static json_int_t gc_threshold (flux_t *h)
{
    flux_future_t *f = flux_rpc (h, "config.get", NULL, 0, 0);
    json_int_t n = -1;
    json_t *kvs = NULL;

    if (!f || flux_rpc_get_unpack (f, "{s?o}", "kvs", &kvs) < 0)
        cmd_die ("configuration: %s", cmd_future_error (f));
    if (kvs)
        (void)json_unpack (kvs, "{s?I}", "gc-threshold", &n);
    flux_future_destroy (f);
    return n;
}

/* Whether the KVS has had more commits than that. */
static bool is_time_for_gc (flux_t *h)
{
    json_int_t threshold = gc_threshold (h);
    flux_future_t *f;
    int commits;

    if (threshold < 0)
        return false;
    f = flux_kvs_getroot (h, NULL, 0);
    if (!f || flux_kvs_getroot_get_sequence (f, &commits) < 0)
        cmd_die ("version of the KVS: %s", cmd_future_error (f));
    flux_future_destroy (f);
    if (commits <= threshold)
        return false;
    fprintf (stderr,
             "flux-shutdown: kvs.gc-threshold is %lld, and there were %d commits: "
             "garbage is collected\n",
             (long long)threshold, commits);
    return true;
}

/* What the broker does for the KVS before it ends. "auto": the broker names the file. */
static void prepare (flux_t *h, optparse_t *p)
{
    const char *dump = optparse_get_str (p, "dump", NULL);
    bool gc = optparse_hasopt (p, "gc") || (dump && !strcmp (dump, "auto"));

    if (dump && !*dump)
        cmd_die ("--dump: no file is named");
    if (optparse_hasopt (p, "skip-gc")) {
        if (gc || dump)
            cmd_die ("--skip-gc: --%s asks for it", dump ? "dump" : "gc");
        set_attr (h, "content.gc-at-end", "0");
        set_attr (h, "content.dump", "");
    } else if (!gc && !optparse_hasopt (p, "no"))
        gc = is_time_for_gc (h);
    if (gc)
        set_attr (h, "content.gc-at-end", "1");
    if (dump && strcmp (dump, "auto") != 0)
        ask_for_dump (h, dump);
    else if (dump)
        set_attr (h, "content.dump", dump);
}

static int run (optparse_t *p, int argc, char **argv)
{
    const char *s;
    int i = optparse_option_index (p);
    int level = optparse_hasopt (p, "quiet") ? LOG_WARNING
                : cmd_verbosity (p) > 0      ? LOG_DEBUG
                                             : LOG_INFO;
    if (argc - i > 1)
        optparse_fatal_usage (p, 1, NULL);
    if (i < argc)
        use_target (argv[i]);
    flux_t *h = cmd_open ();
    uint32_t rank;
    if (flux_get_rank (h, &rank) < 0)
        cmd_die ("rank of the broker: %s", flux_strerror (errno));
    bool bg = optparse_hasopt (p, "background");
    if (rank > 0 && !bg)
        cmd_die ("rank %u ends before the instance does: ask rank 0, or give "
                 "--background",
                 rank);
    prepare (h, p);
    flux_future_t *f =
        flux_rpc_pack (h, "shutdown.start", 0, bg ? 0 : FLUX_RPC_STREAMING, "{s:i}",
                       "loglevel", level);
    if (bg) {
        if (!f || flux_rpc_get (f, NULL) < 0)
            cmd_die ("%s", cmd_future_error (f));
        flux_future_destroy (f);
        return 0;
    }
    while (f && flux_rpc_get (f, &s) == 0) {
        if (s)
            puts (s);
        output_push (stdout);
        flux_future_reset (f);
    }
    if (f && (errno == ECONNRESET || errno == EPIPE || errno == EIO))
        cmd_die ("lost connection to the broker before the instance had ended");
    if (!f || errno != ENODATA)
        cmd_die ("%s", f ? cmd_future_error (f) : flux_strerror (errno));
    flux_future_destroy (f);
    return 0;
}

const struct command cmd_shutdown = {
    .name = "shutdown",
    .summary = "Shut down the instance",
    .usage = "[OPTIONS] [JOBID|URI]",
    .group = "instance",
    .options = opts,
    .run = run,
};
