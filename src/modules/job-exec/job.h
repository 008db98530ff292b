/* A job that runs: what its shells have said, and what is still to be done.
 * No handle in here: effects go through struct job_ops. */
#ifndef JOB_EXEC_JOB_H
#define JOB_EXEC_JOB_H

#include <flux/types.h>

#include "base/buf.h"
#include "base/list.h"
#include "timer.h"

struct job;

/* One shell of a job. */
struct shell_ref {
    unsigned int rank; /* of the broker */
    bool started;
    bool exited;
    bool eof_sent; /* has told the leader that its output ended */
    bool in_barrier;
    int status;
    struct buf piece;   /* of a frame that came in pieces */
    struct buf barrier; /* what it brought into the barrier */
    struct list node;   /* in the list of its rank's server */
    struct job *job;
};

/* A simulated job: attributes.system.exec.test. */
struct test_exec {
    double duration;
    int wait_status;
    char mock_exception[16]; /* "", "init" or "run" */
};

struct job {
    uint64_t id;
    uint32_t userid;
    void *request; /* of job-manager; the owner's business */
    const struct job_ops *ops;
    void *arg;

    struct shell_ref *shells; /* ascending ranks */
    int shell_count;
    int started_count;
    int exited_count;
    int barrier_count;

    bool is_test;
    struct test_exec test;
    struct timer run_timer; /* simulated jobs */
    struct timer expire_timer;
    struct timer kill_timer;
    int kill_count;
    bool killed;

    bool start_sent;
    bool finished;
    bool header_seen;
    bool exit_seen; /* a shell.task-exit is in the log */
    bool exception; /* a fatal one was raised */
    int status;

    struct buf start_line; /* shell.start, until all have started */
    struct buf early;      /* output that came before the header */
    struct buf eventlog;   /* not yet committed */
    struct buf output;
    bool eventlog_exists; /* in the KVS */
    bool output_exists;
    bool dirty; /* in the list of the committer */
    struct list dirty_node;
    struct list commit_node; /* finished, waits for its last commit */
};

struct job_ops {
    /* A frame for one shell. */
    void (*send) (struct job *job, struct shell_ref *s, char type, const char *text,
                  size_t len, void *arg);
    /* eventlog or output got something. */
    void (*dirty) (struct job *job, void *arg);
    void (*start) (struct job *job, void *arg);
    void (*exception) (struct job *job, int severity, const char *type,
                       const char *note, void *arg);
    /* Status is final; the release follows the last commit. */
    void (*finish) (struct job *job, void *arg);
    void (*log) (struct job *job, const char *text, void *arg);
};

/* From the payload of a start request. NULL with EINVAL and *error. */
struct job *job_create (const char *payload, size_t len, flux_error_t *error);
void job_destroy (struct job *job);
struct shell_ref *job_shell (struct job *job, unsigned int rank);

/* Appends {timestamp, name, context} to the exec eventlog; fmt is the JSON
 * text of the context, NULL for none. */
void job_event (struct job *job, const char *name, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* One whole frame of a shell. */
void job_frame (struct job *job, struct shell_ref *s, char type, const char *text,
                size_t len);
void job_shell_exited (struct job *job, struct shell_ref *s, int status);
void job_raise (struct job *job, int severity, const char *type, const char *note);
void job_send_all (struct job *job, char type, const char *text);
/* Ends the job with this wait status: complete, done. */
void job_finish (struct job *job, int status);
/* Times of R; 0 if unset. */
double job_expiration (const struct job *job);

#endif
