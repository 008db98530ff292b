/* flux job: all that can be asked of one job, or done to it. */
#include "cmd/job/job.h"

#include "base/text/signum.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int job_operands (optparse_t *p, int argc, int min, int max)
{
    int i = optparse_option_index (p);

    if (argc - i < min || (max >= 0 && argc - i > max)) {
        optparse_fprint_usage (p, stderr);
        exit (1);
    }
    return i;
}

const char *job_path (const char *name)
{
    if (strcmp (name, "exec") == 0 || strcmp (name, "guest.exec") == 0)
        return "guest.exec.eventlog";
    if (strcmp (name, "output") == 0)
        return "guest.output";
    if (strcmp (name, "input") == 0)
        return "guest.input";
    return name;
}

int job_signum (const char *s)
{
    int n = signum_decode (s);

    if (n < 0)
        cmd_die ("kill: Invalid signal %s", s);
    return n;
}

static struct optparse_subcommand subcommands[] = {
    { "attach", "[OPTIONS] id", "Interactively attach to job", job_attach, 0,
      job_attach_opts },
    { "cancel", "[OPTIONS] ids... [--] [message...]",
      "Cancel jobs: an older form of flux cancel", job_cancel, 0, job_cancel_opts },
    { "eventlog", "[OPTIONS] id", "Display eventlog for a job", job_eventlog, 0,
      job_eventlog_opts },
    { "id", "[OPTIONS] [id ...]", "Convert job ids to other encodings", job_id, 0,
      job_id_opts },
    { "info", "[OPTIONS] id key", "Display info for a job", job_info, 0,
      job_info_opts },
    { "kill", "[OPTIONS] ids...", "Send signal to one or more running jobs", job_kill,
      0, job_kill_opts },
    { "killall", "[OPTIONS]", "Send signal to multiple running jobs", job_killall, 0,
      job_killall_opts },
    { "last", "[N | SLICE]", "List my most recently submitted job ids", job_last, 0,
      NULL },
    { "list", "[OPTIONS]", "List data of jobs", job_list, 0, job_list_opts },
    { "list-inactive", "[OPTIONS]", "List data of jobs that have ended",
      job_list_inactive, 0, job_list_inactive_opts },
    { "list-ids", "[OPTIONS] ids...", "List data of jobs, by id", job_list_ids, 0,
      job_list_ids_opts },
    { "memo", "[OPTIONS] id key=value ...", "Post a memo to the eventlog of a job",
      job_memo, 0, job_memo_opts },
    { "namespace", "[id ...]", "Convert job ids to the names of KVS namespaces",
      job_namespace, 0, NULL },
    { "hostpids", "[-d STRING] [-r IDSET] [-t FSD] id",
      "Print host and pid of each task", job_hostpids, 0, job_hostpids_opts },
    { "proctable", "[OPTIONS] id", "List the processes of a job's tasks", job_proctable,
      0, job_proctable_opts },
    { "purge", "[OPTIONS] [ids...]", "Purge inactive jobs", job_purge, 0,
      job_purge_opts },
    { "raise", "[OPTIONS] ids... [--] [message...]",
      "Raise exception on one or more jobs", job_raise, 0, job_raise_opts },
    { "raiseall", "[OPTIONS] type [message ...]", "Raise exception on multiple jobs",
      job_raiseall, 0, job_raiseall_opts },
    { "stats", "", "Print how many jobs are in which state, as JSON", job_stats, 0,
      NULL },
    { "status", "[OPTIONS] ids...", "Wait for jobs to end, and exit as they did",
      job_status, 0, job_status_opts },
    { "submit", "[OPTIONS] [jobspec]", "Run job", job_submit, 0, job_submit_opts },
    { "taskmap", "[OPTIONS] id|taskmap", "Tell which task runs where", job_taskmap, 0,
      job_taskmap_opts },
    { "timeleft", "[OPTIONS] [id]", "Tell how much time a job has left", job_timeleft,
      0, job_timeleft_opts },
    { "urgency", "[OPTIONS] id urgency",
      "Set job urgency (0-31, hold, expedite, "
      "default)",
      job_urgency, 0, job_urgency_opts },
    { "wait", "[OPTIONS] [id]", "Wait for job(s) to complete", job_wait, 0,
      job_wait_opts },
    { "wait-event", "[OPTIONS] id event", "Wait for an event", job_wait_event, 0,
      job_wait_event_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_job = {
    .name = "job",
    .summary = "Submit, follow and signal single jobs",
    .usage = "COMMAND [OPTIONS] ARGS",
    .group = "jobs",
    .subcommands = subcommands,
};
