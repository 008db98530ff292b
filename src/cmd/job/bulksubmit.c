/* flux bulksubmit: a command template and lists of inputs. */
#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/submit/bulk.h"
#include "cmd/submit/submit.h"

#include "base/file.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option own_options[] = {
    { .name = "cc",
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "Submit each job once for each id: {cc}, FLUX_JOB_CC" },
    { .name = "bcc",
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "The same without FLUX_JOB_CC" },
    { .name = "shuffle", .usage = "Submit in random order" },
    { .name = "sep",
      .has_arg = 1,
      .arginfo = "STRING",
      .usage = "Separator of inputs in files (default: newline)" },
    { .name = "wait", .usage = "Wait until all jobs have ended" },
    { .name = "watch", .usage = "Copy the jobs' output (implies --wait)" },
    { .name = "wait-event",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Wait until each job has this event" },
    { .name = "quiet", .usage = "Do not print job ids" },
    { .name = "progress", .usage = "Show a progress bar" },
    { .name = "jps", .usage = "Show jobs per second, with --progress" },
    OPTPARSE_TABLE_END,
};

struct bulk_run {
    struct bulk *bulk;
    int argc; /* of the template: options and command */
    char **argv;
    int command; /* where the command begins in argv */
    struct idset *ids;
    bool set_env;
    unsigned int cc;
    size_t next;
    size_t *order;
    struct jobspec_template *template; /* of the current job, with --cc */
};

static char *expand_jobspec (struct bulk_run *b, size_t i)
{
    flux_error_t error = { { 0 } };
    char **args = calloc (b->argc + 1, sizeof (*args));
    optparse_t *q = command_optparse (command_find ("bulksubmit"));
    if (!args || !q)
        cmd_die ("out of memory");
    for (int k = 0; k < b->argc; k++) {
        if (!(args[k] = bulk_expand (b->bulk, i, b->argv[k], &error)))
            cmd_die ("ERROR: %s", error.text);
    }
    int index = optparse_parse_args (q, b->argc, args);
    if (index < 0)
        exit (2);
    json_t *o = jobspec_from_task_options (q, b->argc - index, args + index, &error);
    if (!o)
        cmd_die ("ERROR: %s", error.text);
    jobspec_template_destroy (b->template);
    if (!(b->template = jobspec_template_create (o)))
        cmd_die ("out of memory");
    json_decref (o);
    optparse_destroy (q);
    for (int k = 0; k < b->argc; k++)
        free (args[k]);
    free (args);
    return NULL;
}

static char *next_jobspec (void *arg)
{
    struct bulk_run *b = arg;
    char cc[16];
    if (b->ids && b->template && b->cc != IDSET_INVALID_ID) {
        snprintf (cc, sizeof (cc), "%u", b->cc);
        b->cc = idset_next (b->ids, b->cc);
        return jobspec_template_expand (b->template, cc, b->set_env);
    }
    if (b->next == bulk_count (b->bulk))
        return NULL;
    size_t i = b->next++;
    expand_jobspec (b, b->order ? b->order[i] : i);
    if (b->ids) {
        b->cc = idset_first (b->ids);
        return next_jobspec (b);
    }
    return jobspec_template_expand (b->template, NULL, false);
}

static int dry_run (struct bulk_run *b)
{
    flux_error_t error = { { 0 } };
    for (size_t i = 0; i < bulk_count (b->bulk); i++) {
        printf ("bulksubmit: submit");
        for (int k = 1; k < b->argc; k++) {
            if (k < b->command
                && (!strcmp (b->argv[k], "--dry-run") || !strcmp (b->argv[k], "--quiet")
                    || !strcmp (b->argv[k], "--wait")))
                continue;
            char *s =
                bulk_expand (b->bulk, b->order ? b->order[i] : i, b->argv[k], &error);
            if (!s)
                cmd_die ("ERROR: %s", error.text);
            printf (" %s", s);
            free (s);
        }
        fputc ('\n', stdout);
    }
    return 0;
}

static void shuffle (struct bulk_run *b)
{
    size_t n = bulk_count (b->bulk);
    if (!(b->order = calloc (n + 1, sizeof (*b->order))))
        cmd_die ("out of memory");
    srandom (getpid ());
    for (size_t i = 0; i < n; i++) {
        size_t k = (size_t)random () % (i + 1);
        b->order[i] = b->order[k];
        b->order[k] = i;
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct bulk_run b = { .argv = argv };
    int i = optparse_option_index (p);
    for (b.argc = i; b.argc < argc && !bulk_is_separator (argv[b.argc]); b.argc++)
        ;
    if (b.argc == i)
        cmd_die ("ERROR: job command and arguments are missing");
    b.command = i;
    b.bulk = bulk_create (argc - b.argc, argv + b.argc,
                          optparse_get_str (p, "sep", NULL), &error);
    if (!b.bulk)
        cmd_die ("ERROR: %s", error.text);
    const char *cc = optparse_get_str (p, "cc", optparse_get_str (p, "bcc", NULL));
    if (cc && !(b.ids = idset_decode (cc)))
        cmd_die ("ERROR: --cc=%s: not a valid idset", cc);
    b.set_env = optparse_hasopt (p, "cc");
    if (optparse_hasopt (p, "shuffle"))
        shuffle (&b);
    int rc;
    if (optparse_hasopt (p, "dry-run"))
        rc = dry_run (&b);
    else {
        struct submit_options opt = {
            .quiet = optparse_hasopt (p, "quiet"),
            .wait = optparse_hasopt (p, "wait") || optparse_hasopt (p, "watch"),
            .wait_event = optparse_get_str (p, "wait-event", NULL),
            .watch = optparse_hasopt (p, "watch"),
            .label = optparse_hasopt (p, "label-io"),
            .progress = optparse_hasopt (p, "progress"),
            .jps = optparse_hasopt (p, "jps"),
            .total = bulk_count (b.bulk) * (b.ids ? idset_count (b.ids) : 1),
        };
        if (jobspec_urgency (p, &opt.urgency, &error) < 0
            || jobspec_flags (p, &opt.flags, &error) < 0)
            cmd_die ("ERROR: %s", error.text);
        rc = submit_all (cmd_open (), &opt, next_jobspec, &b);
    }
    jobspec_template_destroy (b.template);
    idset_destroy (b.ids);
    bulk_destroy (b.bulk);
    free (b.order);
    return rc;
}

const struct command cmd_bulksubmit = {
    .name = "bulksubmit",
    .summary = "Submit a job for each combination of inputs",
    .usage = "[OPTIONS...] COMMAND [ARGS...] ::: INPUT...",
    .group = "submission",
    .options = own_options,
    .more_options = { jobspec_task_options, jobspec_common_options },
    .run = run,
    .flags = CMD_USAGE2,
};
