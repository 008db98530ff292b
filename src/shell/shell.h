/* A shell: the tasks of one job on one node. It has a process of its own, with one thread
 * and one loop, or lives in that of the server with others (server/inside.h); it talks
 * only to job-exec, in frames (protocol.h). What all parts of it share; those of a folder
 * are named with it. */
#ifndef SHELL_SHELL_H
#define SHELL_SHELL_H

#include <flux/idset.h>
#include <flux/taskmap.h>
#include <jansson.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/fanout.h"
#include "core/shell/protocol.h"
#include "core/subprocess/credit.h"
#include "shell/options.h"
#include "value/job/jobspec.h"

struct rset;
struct pmi_server;
struct output;
struct rlimits;
struct shell;
struct task;
struct input;
struct layout_node;

/* As in RFC 24 log entries. */
enum shell_log_level {
    SHELL_FATAL = 2,
    SHELL_ERROR = 3,
    SHELL_WARN = 4,
    SHELL_NOTICE = 5,
    SHELL_DEBUG = 6,
    SHELL_TRACE = 7,
};

/* A descriptor that the loop watches. */
struct source {
    int fd; /* -1: not open */
    int events;
    void (*ready) (struct shell *sh, struct source *src, int revents);
    struct task *task;
    int stream; /* 1 stdout, 2 stderr */
};

/* Output of a task that has not yet become entries or file content. */
struct stream {
    struct source src;
    struct buf buf;
    struct output *output;
    bool ended;
};

struct task {
    struct shell *sh;
    int localid;
    int rank;
    char rank_str[12];
    pid_t pid;
    bool exited;
    int status;
    struct stream streams[2]; /* stdout, stderr */
    struct source in;
    bool in_seen;         /* it got some input */
    struct input *in_end; /* close behind this one */
    bool in_end_data;     /* whose data is for this task, too */
    struct source pmi;
    struct buf pmi_buf;
    void *plug;   /* see plug/task.c */
    bool pty;     /* see io/pty.c */
    bool pty_gap; /* nobody has it open, and the task is still there */
};

struct shell {
    uint64_t id;
    char f58[24]; /* with its two-byte letter */
    char f58_plain[24];
    int rank; /* of this shell in the job; 0 is the leader */
    int size; /* shells of the job */
    uint32_t broker_rank;
    uint32_t userid;
    const char *host; /* owned by R */
    int instance_level;
    const char *jobid_path;

    json_t *facts;
    json_t *start;
    json_t *jobspec_json;
    struct jobspec jobspec;
    struct rset *R;
    struct taskmap *taskmap;
    int ntasks; /* of the job */
    struct task *tasks;
    int task_count; /* here */
    int running;
    int streams_open;
    struct rlimits *rlimits;
    struct sysmon {
        double period, start, next; /* monotonic; 0: it does not look */
        double peak;                /* bytes */
    } sysmon;
    struct affinity_option gpu;
    bool gpu_each; /* each task has others */
    bool affinity; /* see task/affinity.c */
    void *affinity_sets;

    int slot; /* no other shell of this broker has it now */
    char tmpdir[256];
    char **env; /* for all tasks; the last slots are set for each */
    int env_count;
    int env_size;

    struct frame_reader in;
    struct source in_src;
    struct source signal_src;
    struct frame_writer out;
    struct buf early; /* log entries, until the header of guest.output is sent */
    int epoll_fd;
    int verbose;
    bool setpgrp;
    bool pty_interactive, pty_capture;
    bool broken; /* the reader has gone */
    bool exit_seen;
    const struct task *first_exit; /* of these tasks, or NULL */
    int rc;                        /* highest exit code */
    bool blamed;                   /* it is that of the task that made the others end */
    double exit_timeout;           /* < 0: none */
    double hold_until;             /* monotonic: frames wait for more; 0: not */
    double exit_deadline;          /* monotonic; 0: not set */
    double signal_deadline;        /* monotonic; 0: not set */
    int signal_num;
    double signal_left;
    double expires;   /* monotonic; 0: it does not */
    double time_left; /* of the job at its start; 0: no limit */
    bool exit_on_error;

    struct fanout input;      /* for the tasks; readers are their local ids */
    struct credit_out credit; /* for o and w frames */
    size_t output_window;
    bool output_paused;
    size_t peer_written; /* leader: of w frames, not yet told */
    uint64_t *peer_next; /* leader: by shell, the number of its next w */
    uint64_t w_sent;     /* frames */
    struct output *outputs[2];
    int peers_writing; /* leader: shells that still send output to files */
    size_t output_limit;
    size_t output_total[2]; /* of stdout and stderr, in the KVS */
    size_t output_lost[2];  /* beyond output_limit */
    struct buf scratch;

    struct pmi_server *pmi;

    struct layout_node *nodes; /* of the job */
    int node_count;
    bool site_plugins;
    void *plugs;      /* see plug/ */
    bool header_sent; /* of guest.output */
    bool in_barrier;  /* of the shells, before tasks are started */
    bool tasks_ended; /* shell.finish was called */
    bool ending;      /* after a failure: nobody is waited for but tasks */
    void *owner;      /* server/inside.c */
    bool inside;      /* the server's process is its own, and epoll_fd the server's */
};

/* job/job.c: from the start record to tasks; -1 with *error. First what there is:
 * jobspec, R, how many tasks; plugins may then change options; then options and tasks. */
int shell_parse (struct shell *sh, const char *text, size_t len, flux_error_t *error);
int shell_count_tasks (struct shell *sh, flux_error_t *error);
int shell_place_tasks (struct shell *sh, flux_error_t *error);
/* From the option; again, when it is set anew. */
void shell_read_verbose (struct shell *sh);
/* Options that nothing here reads, and no plugin. */
int shell_check_options (struct shell *sh, flux_error_t *error);
void shell_fini (struct shell *sh);
/* A shell option, borrowed, or NULL: "output.stdout.type". */
json_t *shell_option (struct shell *sh, const char *path);
/* For task NULL, tags of tasks are unknown. Owned by the caller. */
char *shell_render (struct shell *sh, struct task *task, const char *template);
/* The same as another shell of the job would. */
char *shell_render_rank (struct shell *sh, int rank, const char *template);
/* Rendering this gives another result for each task, or each node. */
bool shell_template_per_task (const char *template);
bool shell_template_per_node (const char *template);

/* shell.c */
/* Frames go to out_fd, which is borrowed. NULL with ENOMEM. */
struct shell *shell_create (uint64_t id, int slot, int out_fd);
/* Tasks that still run are left alone. */
void shell_destroy (struct shell *sh);
/* The status of a shell's process that has sent its last frame. With any other the process
 * has ended by itself: a plugin has called exit (3), perhaps. */
#define SHELL_TOLD 113
/* And of one that could not send any: the note of its exception stands in a file, whose
 * name is that of the tmpdir, and this. */
#define SHELL_DAMAGED 114
#define SHELL_SAID ".said"
/* The shell of a process of its own: from the start record, unless that was parsed
 * already, to its exit. The status of the process: SHELL_TOLD, or 1. */
int shell_run (struct shell *take_sh, const char *text, size_t len, int in_fd);
/* Starts the tasks, once the record was parsed. -1 with errno: it said why, and those that
 * run were killed; it ends when shell_done. */
int shell_start (struct shell *sh);
/* A frame from job-exec. For a T the tasks that have ended were reaped, if not by this. */
void shell_frame (struct shell *sh, const struct frame *f);
/* The loop has waited, since this monotonic time (INFINITY: or done something else). all:
 * there was nothing else to be seen. */
void shell_waited (double began, bool all);
/* What is seen in this turn happened then or later; 0: whenever. */
double shell_seen_since (void);
/* After a turn: what is due is done, what is to be said is written. */
void shell_settle (struct shell *sh);
/* When shell_settle is wanted at the latest; monotonic, INFINITY: never. */
double shell_deadline (const struct shell *sh);
/* Milliseconds until then, -1: for ever. */
int shell_timeout (double deadline);
/* No task runs, and all was said. */
bool shell_done (const struct shell *sh);
/* Its last frames. */
void shell_finish (struct shell *sh);
int shell_watch (struct shell *sh, struct source *src);
void shell_unwatch (struct shell *sh, struct source *src); /* and close */
void shell_send (struct shell *sh, char type, struct buf *b);
/* The level is one that is logged now. */
bool shell_log_enabled (const struct shell *sh, int level);
/* An entry of the log; component, file and line are left out without. */
void shell_log_entry (struct shell *sh, int level, const char *component,
                      const char *file, int line, const char *text);
void shell_log (struct shell *sh, int level, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* A log entry of level FATAL and an exception. */
void shell_fatal (struct shell *sh, int rc, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* What the shell exits with at least, unless one task is to blame. */
static inline void shell_set_rc (struct shell *sh, int rc)
{
    if (rc > sh->rc && !sh->blamed)
        sh->rc = rc;
}
/* Its working directory is not there. */
void shell_warn_cwd (struct shell *sh, int errnum);
void shell_raise (struct shell *sh, const char *type, int severity, const char *note);
/* Ends the process: tasks are killed, and rc is the shell's. */
void shell_exit (struct shell *sh, int rc) __attribute__ ((noreturn));
/* {"timestamp":T,"name":NAME,"context": into b; the caller adds the context
 * and "}". */
void shell_entry (struct buf *b, const char *name);

/* task/env.c */
int shell_env_init (struct shell *sh);
/* So that MPI libraries find Flux's libpmi, where its server names one. */
int shell_env_pmi (struct shell *sh);
/* The value, until it is set again; NULL: none. */
/* A job's environment does not set it. */
bool shell_env_is_ours (const char *name);
const char *shell_env_get (const struct shell *sh, const char *name);
int shell_env_set (struct shell *sh, const char *name, const char *value);
void shell_env_unset (struct shell *sh, const char *name);
void shell_env_fini (struct shell *sh);
/* The environment of a task, valid until the next call. */
char **shell_env_task (struct shell *sh, struct task *task, int pmi_fd);

/* task/files.c: FLUX_JOB_TMPDIR and what belongs there. */
int shell_tmpdir_create (struct shell *sh);
void shell_tmpdir_clean (struct shell *sh);
/* There is nothing for shell_tmpdir_clean to do. */
bool shell_tmpdir_is_clean (const struct shell *sh);
void shell_tmpdir_path (char *buf, size_t size, unsigned int rank, int slot);
/* Who may write nothing there has a directory of its own, in TMPDIR, for all that follows.
 * -1 with errno. */
int shell_tmpdir_own (void);
void shell_tmpdir_remove_own (void);

/* task/task.c */
int shell_tasks_start (struct shell *sh);
void shell_tasks_reap (struct shell *sh);
/* As waitpid (2) has told. */
/* How it has ended, and the rest behind it, for people. */
void shell_task_note (const struct shell *sh, const struct task *t, char *note,
                      size_t size, const char *rest);
void shell_task_changed (struct shell *sh, struct task *t, int status);
/* None runs, and nobody has their output open. False before they were started. */
bool shell_tasks_ended (const struct shell *sh);
void shell_tasks_kill (struct shell *sh, int signum);
void shell_tasks_fini (struct shell *sh);

/* io/output.c */
int shell_output_init (struct shell *sh);
void shell_output_fini (struct shell *sh);
void shell_output_header (struct shell *sh);
void shell_output_ready (struct shell *sh, struct source *src, int revents);
/* A C frame. */
void shell_output_credit (struct shell *sh, const char *text);
/* Leader: tells what it has written for its peers. */
void shell_output_tell_peers (struct shell *sh);
/* A w frame: from another shell, to a file that the leader writes. */
void shell_output_peer (struct shell *sh, const char *text, size_t len);
/* All local output is sent: tell the leader. */
void shell_output_finish (struct shell *sh);

/* io/pty.c */
int shell_pty_init (struct shell *sh, flux_error_t *error);
/* What the task gets as its descriptors 0 to 2; sets up its stream and task->in. */
int shell_pty_open (struct shell *sh, struct task *task, int child_fds[3]);
int shell_pty_enter (void); /* in the child; errno or 0 */
void shell_pty_end_input (struct task *task);
/* Reading its terminal fails with errno. True: only for now. */
bool shell_pty_gap (struct shell *sh, struct task *task);
/* The task has exited: what is left of its output can be read. */
void shell_pty_exited (struct shell *sh, struct task *task);
/* False: io is no size of a window. */
bool shell_pty_resize (struct shell *sh, json_t *io);

/* io/input.c */
void shell_input_ready (struct shell *sh, struct source *src, int revents);
/* Descriptor for a task's stdin, or -1; sets up task->in. */
int shell_input_open (struct shell *sh, struct task *task, int *child_fd);
void shell_input_frame (struct shell *sh, const char *text, size_t len);
/* The task takes no more. */
void shell_input_close (struct shell *sh, struct task *task);
void shell_input_fini (struct shell *sh);

/* io/pmi.c */
int shell_pmi_init (struct shell *sh);
void shell_pmi_fini (struct shell *sh);
int shell_pmi_open (struct shell *sh, struct task *task, int *child_fd);
void shell_pmi_exchange (struct shell *sh, const char *text, size_t len);

/* task/limits.c */
/* The soft limit of descriptors of this process, as far as max; tasks get what there was
 * before. The limit that holds now. */
unsigned long limits_raise_files (unsigned long max);
void limits_restore_files (void);
int shell_rlimits_init (struct shell *sh);
int shell_rlimits_apply (const struct shell *sh); /* in the child; errno or 0 */

/* task/gpu.c */
int shell_gpu_init (struct shell *sh);
/* In the environment, for the task that is started next. */
int shell_gpu_task (struct shell *sh, struct task *t);
char *gpu_list (const struct idset *gpus);
int shell_gpu_set (struct shell *sh, const struct idset *gpus, bool rocm,
                   int (*set) (struct shell *sh, const char *name, const char *value));

/* task/sysmon.c */
int shell_sysmon_init (struct shell *sh);
void shell_sysmon_look (struct shell *sh);
void shell_sysmon_end (struct shell *sh);
int shell_oom_adjust (struct shell *sh, struct task *t);

/* task/affinity.c */
void affinity_probe (void); /* once, by the server */
/* Those of the job's cores here. False: this host has not so many. */
bool affinity_cpus (const struct shell *sh, cpu_set_t *set);
int shell_affinity_init (struct shell *sh);
void shell_affinity_fini (struct shell *sh);
void shell_affinity_apply (const struct shell *sh, int localid); /* in the child */

#endif
