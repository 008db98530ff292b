/* flux submit: one job, or one for each id of --cc. */
#include "cmd/submit/submit.h"

#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/submit/plugins.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>

/* What --cc yields. */
struct copies {
    struct jobspec_template *template;
    struct idset *ids; /* NULL: one job */
    unsigned int next;
    bool set_env;
    bool single_done;
    const char *log, *log_stderr;
    int urgency, flags;
};

static bool next_request (void *arg, struct submit_request *req)
{
    struct copies *c = arg;
    char text[16];
    const char *cc = NULL;
    if (c->ids ? c->next == IDSET_INVALID_ID : c->single_done)
        return false;
    c->single_done = true;
    if (c->ids) {
        snprintf (text, sizeof (text), "%u", c->next);
        cc = text;
        c->next = idset_next (c->ids, c->next);
    }
    req->jobspec =
        jobspec_template_expand (c->template, cc ? cc : "", c->set_env && cc);
    if (!req->jobspec)
        cmd_die ("out of memory");
    req->log = submit_expand_cc (c->log, cc);
    req->log_stderr = submit_expand_cc (c->log_stderr, cc);
    req->urgency = c->urgency;
    req->flags = c->flags;
    return true;
}

static void copies_init (struct copies *c, optparse_t *p, json_t *jobspec)
{
    flux_error_t error = { { 0 } };
    c->set_env = optparse_hasopt (p, "cc");
    if ((c->ids = submit_cc (p)))
        c->next = idset_first (c->ids);
    c->log = optparse_get_str (p, "log", NULL);
    c->log_stderr = optparse_get_str (p, "log-stderr", NULL);
    if (jobspec_urgency (p, &c->urgency, &error) < 0
        || jobspec_flags (p, &c->flags, &error) < 0)
        cmd_die ("ERROR: %s", error.text);
    if (!(c->template = jobspec_template_create (jobspec, jobspec_env_has_cc (p))))
        cmd_die ("out of memory");
}

static int print_all (struct copies *c)
{
    struct submit_request req;
    while (next_request (c, &req)) {
        puts (req.jobspec);
        free (req.jobspec);
        free (req.log);
        free (req.log_stderr);
    }
    return 0;
}

static int run (optparse_t *p, int argc, char **argv)
{
    flux_error_t error = { { 0 } };
    struct copies copies = { 0 };
    struct submit_options opt;
    int i = optparse_option_index (p);
    int rc;
    json_t *jobspec = plugins_task_jobspec (p, argc - i, argv + i, &error);
    if (!jobspec)
        cmd_die ("ERROR: %s", error.text);
    plugins_end ();
    submit_options_get (&opt, p);
    copies_init (&copies, p, jobspec);
    json_decref (jobspec);
    if (optparse_hasopt (p, "dry-run"))
        rc = print_all (&copies);
    else {
        opt.total = copies.ids ? idset_count (copies.ids) : 1;
        rc = submit_all (cmd_open (), &opt, next_request, &copies);
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
    .options = submit_many_options,
    .more_options = { jobspec_task_options, jobspec_common_options },
    .run = run,
    .flags = CMD_USAGE2 | CMD_PLUGINS,
};
