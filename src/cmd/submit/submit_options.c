/* What submit and bulksubmit have beside the options of jobs. */
#include "cmd/submit/submit.h"

#include "base/buf.h"
#include "cmd/cmd.h"
#include "cmd/jobspec/jobspec_cli.h"

#include <flux/idset.h>
#include <string.h>

const struct optparse_option submit_many_options[] = {
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
      .usage = "Wait until each job has this event; exec.NAME is one of its shells" },
    { .name = "quiet", .usage = "Do not print job ids" },
    { .name = "progress", .usage = "Show a progress bar" },
    { .name = "jps", .usage = "Show jobs per second, with --progress" },
    { .name = "log",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Write ids, output and errors to FILE; {cc} in it is replaced" },
    { .name = "log-stderr",
      .has_arg = 1,
      .arginfo = "FILE",
      .usage = "Write errors to FILE; {cc} in it is replaced" },
    { .name = "verbose",
      .key = 'v',
      .has_arg = 2,
      .arginfo = "LEVEL",
      .usage = "Print the job ids to stderr (-v), events (-vv), of shells (-vvv)" },
    OPTPARSE_TABLE_END,
};

void submit_options_get (struct submit_options *opt, optparse_t *p)
{
    *opt = (struct submit_options){
        .quiet = optparse_hasopt (p, "quiet"),
        .wait = optparse_hasopt (p, "wait") || optparse_hasopt (p, "watch"),
        .wait_event = optparse_get_str (p, "wait-event", NULL),
        .watch = optparse_hasopt (p, "watch"),
        .label = optparse_hasopt (p, "label-io"),
        .progress = optparse_hasopt (p, "progress"),
        .jps = optparse_hasopt (p, "jps"),
        .verbose = cmd_verbosity (p),
    };
    if (opt->jps && !opt->progress)
        cmd_die ("ERROR: --jps goes with --progress");
}

struct idset *submit_cc (optparse_t *p)
{
    const char *cc = optparse_get_str (p, "cc", NULL);
    const char *bcc = optparse_get_str (p, "bcc", NULL);
    const char *s = cc ? cc : bcc;
    struct idset *ids;
    if (cc && bcc)
        cmd_die ("ERROR: specify only one of --cc or --bcc");
    if (!s)
        return NULL;
    if (!(ids = idset_decode (s)))
        cmd_die ("ERROR: --%scc=%s: not a valid idset", cc ? "" : "b", s);
    return ids;
}

char *submit_expand_cc (const char *s, const char *cc)
{
    struct buf b = BUF_INIT;
    const char *p;
    if (!s)
        return NULL;
    for (; (p = strstr (s, "{cc}")); s = p + 4) {
        buf_add (&b, s, p - s);
        buf_adds (&b, cc ? cc : "");
    }
    buf_adds (&b, s);
    char *text = buf_take (&b, NULL);
    if (!text)
        cmd_die ("out of memory");
    return text;
}
