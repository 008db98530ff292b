/* flux submit: one job, or one for each id of --cc. */
#include "cmd/submit/submit.h"

#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"

#include <fcntl.h>
#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option own_options[] = {
    { .name = "cc",
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "Submit a job for each id: {cc} is replaced, FLUX_JOB_CC set" },
    { .name = "bcc",
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "The same without FLUX_JOB_CC" },
    { .name = "wait", .usage = "Wait until all jobs have ended" },
    { .name = "watch", .usage = "Copy the jobs' output (implies --wait)" },
    { .name = "wait-event",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Wait until each job has this event" },
    { .name = "quiet", .usage = "Do not print job ids" },
    { .name = "progress", .usage = "Show a progress bar" },
    { .name = "jps", .usage = "Show jobs per second, with --progress" },
    { .name = "log",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Write ids and output to FILE" },
    { .name = "log-stderr",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Write errors to FILE" },
    OPTPARSE_TABLE_END,
};

/* What --cc yields. */
struct copies {
    struct jobspec_template *template;
    struct idset *ids; /* NULL: one job */
    unsigned int next;
    bool set_env;
    bool single_done;
};

static char *next_jobspec (void *arg)
{
    struct copies *c = arg;
    char cc[16];
    char *s;
    if (!c->ids) {
        if (c->single_done)
            return NULL;
        c->single_done = true;
        s = jobspec_template_expand (c->template, NULL, false);
    } else {
        if (c->next == IDSET_INVALID_ID)
            return NULL;
        snprintf (cc, sizeof (cc), "%u", c->next);
        c->next = idset_next (c->ids, c->next);
        s = jobspec_template_expand (c->template, cc, c->set_env);
    }
    if (!s)
        cmd_die ("out of memory");
    return s;
}

static void copies_init (struct copies *c, optparse_t *p, json_t *jobspec)
{
    const char *cc = optparse_get_str (p, "cc", NULL);
    const char *bcc = optparse_get_str (p, "bcc", NULL);
    if (cc && bcc)
        cmd_die ("ERROR: specify only one of --cc or --bcc");
    c->set_env = cc != NULL;
    if (cc || bcc) {
        const char *s = cc ? cc : bcc;
        if (!(c->ids = idset_decode (s)))
            cmd_die ("ERROR: --%scc=%s: not a valid idset", cc ? "" : "b", s);
        c->next = idset_first (c->ids);
    }
    if (!(c->template = jobspec_template_create (jobspec)))
        cmd_die ("out of memory");
}

static void redirect (const char *path, int fd)
{
    int n = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (n < 0 || dup2 (n, fd) < 0)
        cmd_die ("ERROR: %s: %s", path, strerror (errno));
    close (n);
}

static int print_all (struct copies *c)
{
    char *s;
    while ((s = next_jobspec (c))) {
        puts (s);
        free (s);
    }
    return 0;
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct copies copies = { 0 };
    int i = optparse_option_index (p);
    int rc;
    struct submit_options opt = {
        .quiet = optparse_hasopt (p, "quiet"),
        .wait = optparse_hasopt (p, "wait") || optparse_hasopt (p, "watch"),
        .wait_event = optparse_get_str (p, "wait-event", NULL),
        .watch = optparse_hasopt (p, "watch"),
        .label = optparse_hasopt (p, "label-io"),
        .progress = optparse_hasopt (p, "progress"),
        .jps = optparse_hasopt (p, "jps"),
    };
    json_t *jobspec = jobspec_from_task_options (p, argc - i, argv + i, &error);
    if (!jobspec || jobspec_urgency (p, &opt.urgency, &error) < 0
        || jobspec_flags (p, &opt.flags, &error) < 0)
        cmd_die ("ERROR: %s", error.text);
    copies_init (&copies, p, jobspec);
    json_decref (jobspec);
    if (optparse_hasopt (p, "dry-run"))
        rc = print_all (&copies);
    else {
        if (optparse_hasopt (p, "log"))
            redirect (optparse_get_str (p, "log", NULL), STDOUT_FILENO);
        if (optparse_hasopt (p, "log-stderr"))
            redirect (optparse_get_str (p, "log-stderr", NULL), STDERR_FILENO);
        opt.total = copies.ids ? idset_count (copies.ids) : 1;
        rc = submit_all (cmd_open (), &opt, next_jobspec, &copies);
    }
    jobspec_template_destroy (copies.template);
    idset_destroy (copies.ids);
    return rc;
}

const struct command cmd_submit = {
    .name = "submit",
    .summary = "Submit jobs: prints their ids",
    .usage = "[OPTIONS...] COMMAND [ARGS...]",
    .group = "submission",
    .options = own_options,
    .more_options = { jobspec_task_options, jobspec_common_options },
    .run = run,
    .flags = CMD_USAGE2,
};
