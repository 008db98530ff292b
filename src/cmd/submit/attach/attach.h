/* Following a job from a terminal: its output, its input, its fate. */
#ifndef CMD_ATTACH_H
#define CMD_ATTACH_H

#include <flux/core.h>

struct attach_options {
    bool label;              /* lines begin with "RANK: " */
    bool show_events;        /* of the job */
    bool show_exec;          /* of its exec service and shell */
    bool show_status;        /* what it waits for, even if stderr is no terminal */
    bool quiet;              /* no exceptions, no last line */
    bool read_only;          /* nothing goes to its standard input */
    bool forward;            /* TERM, HUP, USR1, USR2, ALRM go to the job */
    bool no_signals;         /* leave Ctrl-C and Ctrl-Z alone */
    bool debug;              /* a parallel debugger is told of the tasks */
    const char *stdin_ranks; /* NULL: "all" */
    const char *wait_event;  /* return when this event was seen; NULL: the end */
    long tail; /* of what is there already, only so many lines; < 0: all */
    FILE *out; /* NULL: stdout */
};

/* Submits a job that will be attached to with `forward`. A signal that comes meanwhile waits
 * until attach_job passes it on: the job may be there before its answer is. Where no answer
 * comes for long, it ends the process as ever. A future that has its answer, for
 * flux_job_submit_get_id; NULL with errno. */
flux_future_t *attach_submit (flux_t *h, const char *jobspec, int urgency, int flags);

/* The job's exit code (128 + n for signal n; 1 if it ended without one), 0 if
 * detached or wait_event was seen. Says on stderr what went wrong. */
int attach_job (flux_t *h, flux_jobid_t id, const struct attach_options *opts);

#endif
