/* A job that runs: what its shells have said, and what is still to be done.
 * No handle in here: effects go through struct job_ops. */
#ifndef JOB_EXEC_JOB_H
#define JOB_EXEC_JOB_H

#include <flux/types.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/fanout.h"
#include "base/list.h"
#include "core/subprocess/credit.h"
#include "modules/job-exec/limit/limit.h"
#include "timer.h"

struct job;

/* What became of a shell that is asked for. */
enum job_resumed {
    JOB_FOUND,
    JOB_HEARD,
    JOB_NEVER_STARTED,
    JOB_UNKNOWN,
};

#define SIGNAL_MAX 64
#define SIGNAL_BIT(signum) (UINT64_C (1) << ((signum)-1))

/* One shell of a job. */
struct shell_ref {
    unsigned int rank; /* of the broker */
    bool arrived;      /* at the start barrier */
    bool started;
    bool exited;
    bool eof_sent; /* has told the leader that its output ended */
    bool much;     /* of output: its rank is to store it itself, when all is stored */
    bool asked;    /* whether it runs, from another broker */
    bool known;    /* there or not: what is said from now on counts */
    bool answered; /* and that was all */
    enum job_resumed answer;
    bool ended;  /* its output is on its way, and then it exits */
    bool lost;   /* as the job was told: an exception says so */
    bool spared; /* it was lost, and the job goes on: its status does not count */
    int status;
    struct credit_in granted; /* o and w text that it may send */
    size_t held;              /* of what came: not yet in the KVS or a file */
    size_t uncommitted;       /* of that: since the last commit */
    size_t written;           /* of w text: by the leader, and not yet told */
    uint64_t barriers;        /* that it has left; of one that is asked for */
    uint64_t kept;            /* of o text: in the KVS, or on its way */
    uint64_t signals;         /* SIGNAL_BIT of those that its rank may not have got */
    enum limit_answer limit;
    struct limit_place start, question; /* in the line of its rank */
    bool heard;
    struct list node; /* in the list of its rank */
    struct job *job;
};

/* A simulated job: attributes.system.exec.test. */
struct test_exec {
    double duration;
    int wait_status;
    char mock_exception[16]; /* "", "init" or "run" */
};

/* From a shell to the leader's file. */
struct peer_write {
    struct list node;
    struct shell_ref *s;
    size_t cost;
};

struct job {
    uint64_t id;
    uint32_t userid;
    bool guest;       /* not ours: a helper starts its shells */
    bool unit;        /* its processes are units of systemd */
    char service[16]; /* attribute exec.bulkexec.service, or "" */
    void *request;    /* of job-manager; the owner's business */
    const struct job_ops *ops;
    void *arg;

    bool counted;       /* among those that run; the owner's business */
    bool resuming;      /* it ran under another broker, and is asked for */
    bool away;          /* a rank of it is lost, and may come back */
    double away_until;  /* monotonic, when it is lost; 0: it was not away */
    uint64_t signals;   /* SIGNAL_BIT of those for all tasks, when it is found again */
    unsigned int times; /* that its shells were found again, under this broker */
    struct buf known;   /* of such a job: what its exec eventlog has already */
    json_t *known_exceptions; /* contexts of the exceptions in its eventlog, or NULL */

    bool waited; /* its time was over before it was started, and began anew */
    struct limit limit;
    double starttime; /* of R; 0 if unset */
    double expiration;
    size_t output_window;
    struct fanout input;      /* of clients, until all shells have taken it */
    struct list peer_writes;  /* until the leader has written them */
    size_t peer_written;      /* of the first of them */
    struct shell_ref *shells; /* ascending ranks */
    int shell_count;
    struct idset *critical; /* by index; the job ends with them. NULL: all are */
    int arrived_count;
    int started_count;
    int exited_count;

    bool is_test;
    struct test_exec test;
    struct timer run_timer; /* simulated jobs */
    struct timer expire_timer;
    struct timer barrier_timer;
    struct timer kill_timer;
    int kill_count;
    double kill_elapsed; /* s, when kill_timer runs out */
    bool killed;

    bool start_sent;
    bool finished;
    bool header_seen;
    bool header_kept;          /* the KVS has it, or there will be none */
    bool exit_seen;            /* a shell.task-exit is in the log */
    bool exception;            /* a fatal one was raised */
    struct shell_ref *culprit; /* by this shell, or NULL */
    bool failed_counts;        /* not how tasks end that are killed from then on */
    int failed;                /* wait status of the first task that has failed, or 0 */
    int status;

    struct buf start_line; /* shell.start, until all have started */
    struct buf early;      /* output that came before the header */
    struct buf eventlog;   /* not yet committed */
    struct buf output;
    bool eventlog_exists; /* in the KVS */
    bool output_exists;
    bool kept_exists; /* see kept.h */
    bool dirty;       /* in the list of the committer */
    bool urgent;      /* and should not wait for more */
    int commits;      /* on their way */
    struct list dirty_node;
    struct list commit_node; /* finished, waits for its last commit */
};

struct job_ops {
    /* A frame for one shell. */
    void (*send) (struct job *job, struct shell_ref *s, char type, const char *text,
                  size_t len, void *arg);
    /* A request of job_input is done; errnum 0: all tasks have taken it. */
    void (*input_done) (struct job *job, void *request, int errnum, void *arg);
    /* eventlog or output got something, or much. */
    void (*dirty) (struct job *job, void *arg);
    /* Of several shells the first has arrived at the start barrier; all have. */
    void (*barrier) (struct job *job, bool complete, void *arg);
    void (*start) (struct job *job, void *arg);
    void (*exception) (struct job *job, int severity, const char *type,
                       const char *note, void *arg);
    /* Status is final; the release follows the last commit. */
    void (*finish) (struct job *job, void *arg);
    void (*log) (struct job *job, const char *text, void *arg);
    /* Of a job that is asked for: what its shell says follows; all was heard that it had
     * said; or there is no such shell, for sure or for all that is known (unknown). */
    void (*resumed) (struct job *job, struct shell_ref *s, enum job_resumed what,
                     void *arg);
    /* Of limit_ask there is another answer. */
    void (*limit_answer) (struct job *job, void *arg);
    /* What a shell has to say of its limit: for limit_passed. */
    void (*limit_passed) (struct job *job, const char *text, void *arg);
};

/* Seconds until the limit of a job that starts at this time of the wall's clock;
 * 0: it has none. That clock can shorten the duration that R grants (a prolog took
 * some of it), but by no more than delay_max percent: who has lost more gets all. It cannot
 * lengthen it; from then on nobody asks it. */
double job_time_left (const struct job *job, double wall, int delay_max);
/* The same of one that has run for a while, whatever its start was. */
double job_time_rest (const struct job *job, double wall);
/* What is left to run of a simulated job, which began at this time of that clock: at most
 * all, wherever the clock stands; 0: nothing. */
double job_test_left (const struct job *job, double began, double wall);
/* When all tasks have been started, and left is what is left of it: the same, or all again
 * if more than delay_max percent are gone. */
double job_time_at_start (const struct job *job, double left, int delay_max);
/* The limit moves by as much as the expiration does, whatever the date is. left: as
 * it is now, below 0 if it is over; 0 for none. */
double job_change_expiration (struct job *job, double expiration, double left,
                              double wall);
/* From the payload of a start request. NULL with EINVAL and *error. */
struct job *job_create (const char *payload, size_t len, flux_error_t *error);
/* Before any shell starts: how much each may have on its way. */
void job_set_window (struct job *job, size_t window);
/* It may have run under another broker: what the KVS has of it is not said again.
 * exceptions may be NULL, and is borrowed. */
void job_resume (struct job *job, const char *eventlog, size_t len, json_t *exceptions);
/* The job ends with this shell. */
bool job_is_critical (const struct job *job, const struct shell_ref *s);
/* All shells that were found are told. */
void job_go_on (struct job *job);
/* Those that came meanwhile, and those that a shell may not have got. */
void job_send_signals (struct job *job);
/* Of its output, the KVS has so much of this shell. */
void job_resume_shell (struct job *job, struct shell_ref *s, uint64_t kept);
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
/* A shell is gone without having said so: the leader is told, and if the shell is critical,
 * the exception ends the job. */
void job_shell_lost (struct job *job, struct shell_ref *s, int status, const char *type,
                     const char *note);
/* Only these shells are critical, by their index, and the leader, whatever they are.
 * -1 with EINVAL: no set of them. */
int job_set_critical (struct job *job, const char *shells);
/* It has said that it can do without this one. */
bool job_spares (const struct job *job, const struct shell_ref *s);
void job_raise (struct job *job, int severity, const char *type, const char *note);
void job_send_all (struct job *job, char type, const char *text);
/* An io object for standard input: answered with input_done when the tasks have
 * taken it. -1 with EAGAIN if too much of it waits already, or ENOMEM. */
int job_input (struct job *job, void *request, const char *io, size_t len);
/* All shells that have not exited have ended. */
bool job_only_stores (const struct job *job);
/* Of what this shell sent, so much is where it belongs: it may send more. */
void job_output_done (struct job *job, struct shell_ref *s, size_t cost);
/* Ends the job with this wait status: complete, done. */
void job_finish (struct job *job, int status);

#endif
