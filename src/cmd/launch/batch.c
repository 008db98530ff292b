/* flux batch, flux alloc: an instance as a job. */
#include "cmd/cmd.h"
#include "cmd/jobspec/directives.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/submit/attach/attach.h"
#include "cmd/submit/plugins.h"

#include "base/buf.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option batch_options[] = {
    { .name = "wrap", .usage = "The arguments are a command, not a script" },
    { .name = "quiet", .usage = "Do not print the job id" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Print the job id to stderr" },
    OPTPARSE_TABLE_END,
};

static struct optparse_option alloc_options[] = {
    { .name = "bg", .usage = "Print the job id when the instance is ready" },
    { .name = "quiet",
      .usage = "With --bg, do not print the job id; else nothing but output" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Print the job id, then its events" },
    OPTPARSE_TABLE_END,
};

/* --- batch --- */

/* NULL: standard input. */
static char *read_text (const char *path)
{
    size_t len;
    char *s = path ? file_read_all (path, &len) : fd_read_all (STDIN_FILENO, &len);
    if (!s && path)
        cmd_die ("ERROR: Failed to open batch script: %s: %s", path, strerror (errno));
    if (!s)
        cmd_die ("ERROR: standard input: %s", strerror (errno));
    if (strlen (s) != len)
        cmd_die ("ERROR: %s: not a script: it contains a NUL byte",
                 path ? path : "standard input");
    return s;
}

static char *wrap (int argc, char **argv)
{
    struct buf b = BUF_INIT;
    buf_adds (&b, "#!/bin/sh\n");
    for (int i = 0; i < argc; i++)
        buf_printf (&b, "%s%s", i ? " " : "", argv[i]);
    if (argc == 0) {
        char *s = read_text (NULL);
        buf_adds (&b, s);
        free (s);
    } else
        buf_addc (&b, '\n');
    return buf_take (&b, NULL);
}

static char *load_script (const char *path)
{
    char *s = read_text (path);
    if (strncmp (s, "#!", 2) != 0)
        cmd_die ("ERROR: %s does not appear to start with '#!'",
                 path ? path : "standard input");
    return s;
}

static optparse_t *new_options (void)
{
    optparse_t *q = command_optparse (command_find ("batch"));

    if (!q)
        cmd_die ("out of memory");
    plugins_add_options (command_find ("batch"), q);
    return q;
}

/* Those of one line, n words. */
static void check_line (const char *path, int line, char *name, char **words, int n)
{
    char **args = calloc (n + 2, sizeof (*args));
    optparse_t *q = new_options ();

    if (!args)
        cmd_die ("out of memory");
    args[0] = name;
    memcpy (args + 1, words, n * sizeof (*args));
    int i = optparse_parse_args (q, n + 1, args);

    if (i < 0) {
        cmd_warn ("ERROR: argument parsing failed at %s line %d", path, line);
        exit (2);
    }
    if (i < n + 1)
        cmd_die ("ERROR: %s: line %d: '%s' is not an option", path, line, args[i]);
    optparse_destroy (q);
    free (args);
}

/* By themselves, so that who is told what is wrong is told where. */
static void check_directives (const char *path, char *name, char **words, int count,
                              const int *lines)
{
    for (int i = 0, n; i < count; i += n) {
        for (n = 1; i + n < count && lines[i + n] == lines[i];)
            n++;
        check_line (path, lines[i], name, words + i, n);
    }
}

/* What the script says comes first: the command line has the last word. */
static optparse_t *parse_with_directives (optparse_t *p, const char *path,
                                          const char *script, int argc, char **argv,
                                          int *index, char ***keep)
{
    flux_error_t error = { { 0 } };
    int count, *lines = NULL;
    if (!path)
        path = "script";
    char **d = directives_parse (script, &count, &lines, &error);
    if (!d)
        cmd_die ("ERROR: %s: %s", path, error.text);
    char **args = calloc (count + argc + 1, sizeof (*args));
    optparse_t *q = new_options ();
    if (!args)
        cmd_die ("out of memory");
    args[0] = argv[0];
    memcpy (args + 1, d, count * sizeof (*d));
    check_directives (path, argv[0], d, count, lines);
    free (lines);
    memcpy (args + 1 + count, argv + 1, (argc - 1) * sizeof (*argv));
    int i = optparse_parse_args (q, argc + count, args);
    if (i < 0)
        exit (2);
    if (optparse_hasopt (q, "wrap") > optparse_hasopt (p, "wrap"))
        cmd_die ("ERROR: %s: --wrap is no directive", path); /* it is read already */
    *index = i - count;
    *keep = d;
    free (args);
    return q;
}

typedef flux_future_t *(*submit_f) (flux_t *h, const char *jobspec, int urgency,
                                    int flags);

static flux_jobid_t submit (optparse_t *p, flux_t *h, const char *jobspec,
                            submit_f call)
{
    flux_error_t error = { { 0 } };
    int urgency, flags;
    flux_jobid_t id;
    if (jobspec_urgency (p, &urgency, &error) < 0
        || jobspec_flags (p, &flags, &error) < 0)
        cmd_die ("ERROR: %s", error.text);
    flux_future_t *f = call (h, jobspec, urgency, flags);
    if (!f || flux_job_submit_get_id (f, &id) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    flux_future_destroy (f);
    return id;
}

static char *dump (json_t *jobspec, flux_error_t *error)
{
    if (!jobspec)
        cmd_die ("ERROR: %s", error->text);
    char *s = json_dumps (jobspec, JSON_COMPACT | JSON_REAL_PRECISION (16));
    json_decref (jobspec);
    if (!s)
        cmd_die ("out of memory");
    return s;
}

static const char *base_name (const char *path)
{
    const char *s = strrchr (path, '/');
    return s ? s + 1 : path;
}

static int run_batch (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    char **directives = NULL;
    int i = optparse_option_index (p);
    bool wrapped = optparse_hasopt (p, "wrap");
    char *script =
        wrapped ? wrap (argc - i, argv + i) : load_script (i < argc ? argv[i] : NULL);
    const char *path = wrapped || i == argc ? NULL : argv[i];
    optparse_t *q =
        parse_with_directives (p, path, script, argc, argv, &i, &directives);
    struct jobspec_batch batch = {
        .script = script,
        .name = i < argc ? base_name (argv[i]) : "batch",
        .output = "flux-{{id}}.out",
    };
    /* The script's arguments; a wrapped command holds its own. */
    int first = wrapped ? argc : i < argc ? i + 1 : argc;
    char *s = dump (
        plugins_batch_jobspec (q, &batch, argc - first, argv + first, &error), &error);
    plugins_end ();
    if (optparse_hasopt (q, "dry-run"))
        puts (s);
    else {
        flux_jobid_t id = submit (q, cmd_open (), s, flux_job_submit);
        if (cmd_verbosity (q) > 0)
            fprintf (stderr, "jobid: %s\n", cmd_f58 (id));
        if (!optparse_hasopt (q, "quiet"))
            puts (cmd_f58 (id));
    }
    optparse_destroy (q);
    directives_free (directives);
    free (script);
    free (s);
    return 0;
}

const struct command cmd_batch = {
    .name = "batch",
    .summary = "Submit a script that runs in an instance of its own",
    .usage = "[OPTIONS...] [SCRIPT [ARGS...] | --wrap COMMAND...]",
    .group = "submission",
    .options = batch_options,
    .more_options = { jobspec_batch_options, jobspec_common_options },
    .run = run_batch,
    .flags = CMD_USAGE2 | CMD_PLUGINS,
};

/* --- alloc --- */

static int wait_ready (flux_t *h, flux_jobid_t id)
{
    const char *line;
    flux_future_t *f = flux_job_event_watch (h, id, "eventlog", 0);
    while (f && flux_job_event_watch_get (f, &line) == 0) {
        json_t *entry = json_loads (line, 0, NULL);
        const char *name = json_string_value (json_object_get (entry, "name"));
        bool ready = name && !strcmp (name, "memo")
                     && json_object_get (json_object_get (entry, "context"), "uri");
        bool over = name && !strcmp (name, "clean");
        json_decref (entry);
        if (ready) {
            flux_future_destroy (f);
            return 0;
        }
        if (over)
            break;
        flux_future_reset (f);
    }
    cmd_die ("ERROR: %s: the instance did not start", cmd_f58 (id));
}

static int run_alloc (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct jobspec_batch batch = { 0 };
    int i = optparse_option_index (p);
    json_t *o = plugins_batch_jobspec (p, &batch, argc - i, argv + i, &error);
    plugins_end ();
    int verbose = cmd_verbosity (p);
    bool quiet = optparse_hasopt (p, "quiet");
    bool bg = optparse_hasopt (p, "bg");
    bool interactive = !bg && isatty (STDIN_FILENO);
    json_t *options = json_object_get (
        json_object_get (json_object_get (json_object_get (o, "attributes"), "system"),
                         "shell"),
        "options");
    if (interactive)
        jobspec_set_path (options, "pty.interactive", json_integer (1));
    if (bg && i == argc) {
        /* Nobody talks to it: it stays until it is canceled. */
        json_t *command = json_object_get (
            json_array_get (json_object_get (o, "tasks"), 0), "command");
        json_array_insert_new (command, 2, json_string ("-Sbroker.rc2_none=1"));
    }
    char *s = dump (o, &error);
    if (optparse_hasopt (p, "dry-run")) {
        puts (s);
        free (s);
        return 0;
    }
    flux_t *h = cmd_open ();
    flux_jobid_t id = submit (p, h, s, bg ? flux_job_submit : attach_submit);
    free (s);
    if (verbose)
        fprintf (stderr, "jobid: %s\n", cmd_f58 (id));
    if (bg) {
        wait_ready (h, id);
        if (!quiet)
            puts (cmd_f58 (id));
        return 0;
    }
    struct attach_options opts = {
        .label = optparse_hasopt (p, "label-io"),
        .show_events = verbose > 1,
        .quiet = quiet,
        .tail = -1,
        .forward = true,
    };
    cmd_name = "flux-job";
    return attach_job (h, id, &opts);
}

const struct command cmd_alloc = {
    .name = "alloc",
    .summary = "Allocate resources and run a command, or a shell, in an instance",
    .usage = "[OPTIONS...] [COMMAND...]",
    .group = "submission",
    .options = alloc_options,
    .more_options = { jobspec_batch_options, jobspec_common_options },
    .run = run_alloc,
    .flags = CMD_USAGE2 | CMD_PLUGINS,
};
