/* flux-hierarchy submit: jobs go to the leaves that have least to do. */
#include "cmd/hierarchy/leaves.h"

#include "cmd/jobspec/jobspec_cli.h"
#include "cmd/output/output.h"

#include <flux/job.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct optparse_option options[] = {
    { .name = "root",
      .has_arg = 1,
      .arginfo = "JOBID",
      .usage = "Hierarchy, if there is more than one" },
    { .name = "njobs",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Submit N jobs (default 1)" },
    OPTPARSE_TABLE_END,
};

struct submission {
    struct leaves leaves;
    char *jobspec;
    int urgency;
    int flags;
    int cores;
};

/* So many requests wait for their answers at once. */
#define WINDOW 512

struct sent {
    flux_future_t *f;
    size_t leaf;
};

static struct sent send_one (struct submission *s)
{
    struct sent sent = { .leaf = load_pick (s->leaves.load, s->cores) };

    sent.f =
        flux_job_submit (s->leaves.leaf[sent.leaf].h, s->jobspec, s->urgency, s->flags);
    return sent;
}

/* Prints the path of the job; false if the leaf has refused it. */
static bool take_one (struct submission *s, struct sent *sent)
{
    const char *path = s->leaves.leaf[sent->leaf].path;
    flux_jobid_t id;
    bool ok = sent->f && flux_job_submit_get_id (sent->f, &id) == 0;

    if (ok)
        printf ("%s/%s\n", safe (path), cmd_f58 (id));
    else
        cmd_warn ("%s: %s", path, cmd_future_error (sent->f));
    flux_future_destroy (sent->f);
    return ok;
}

static int submit_all (struct submission *s, int njobs)
{
    struct sent *ring = calloc (WINDOW, sizeof (*ring));
    int sent = 0, taken = 0, failed = 0;

    if (!ring)
        cmd_die ("out of memory");
    for (; taken < njobs; taken++) {
        for (; sent < njobs && sent < taken + WINDOW; sent++)
            ring[sent % WINDOW] = send_one (s);
        failed += !take_one (s, &ring[taken % WINDOW]);
    }
    free (ring);
    return failed;
}

static int count_cores (json_t *jobspec)
{
    json_t *r = json_array_get (json_object_get (jobspec, "resources"), 0);
    int n = 1;

    for (; r; r = json_array_get (json_object_get (r, "with"), 0)) {
        json_int_t count = json_integer_value (json_object_get (r, "count"));
        n *= count > 0 && count < 1000000 / n ? count : 1;
    }
    return n;
}

static int run (optparse_t *p, int argc, char **argv)
{
    int i = optparse_option_index (p);
    flux_error_t error = { { 0 } };
    struct submission s = { 0 };
    json_t *jobspec;
    int njobs, failed;

    if (i == argc)
        hier_usage_error ("the following arguments are required: COMMAND");
    if (jobspec_int (p, "njobs", 1, 1, &njobs, &error) < 0
        || jobspec_urgency (p, &s.urgency, &error) < 0
        || jobspec_flags (p, &s.flags, &error) < 0
        || !(jobspec = jobspec_from_task_options (p, argc - i, argv + i, &error)))
        cmd_die ("%s", error.text);
    if (!(s.jobspec = json_dumps (jobspec, JSON_COMPACT)))
        cmd_die ("out of memory");
    s.cores = count_cores (jobspec);
    leaves_open (&s.leaves, cmd_open (),
                 found_root (cmd_open (), optparse_get_str (p, "root", NULL)));
    failed = submit_all (&s, njobs);
    leaves_close (&s.leaves);
    json_decref (jobspec);
    free (s.jobspec);
    return failed ? 1 : 0;
}

const struct subcommand sub_submit = {
    .name = "submit",
    .usage = "[--root=JOBID] [--njobs=N] [OPTIONS of flux submit] COMMAND...",
    .summary = "Submit jobs to the leaves that have least to do",
    .options = options,
    .more_options = { jobspec_task_options, jobspec_common_options },
    .posix = true,
    .run = run,
};
