/* What the two kinds of flux_subprocess_t, local and remote, share. */
#ifndef CORE_SUBPROCESS_PROCESS_H
#define CORE_SUBPROCESS_PROCESS_H

#include <flux/subprocess.h>

#include "base/buf.h"
#include "base/list.h"
#include "core/subprocess/credit.h"

/* Of those who start one. */
#define PROCESS_FLAGS                                                                  \
    (FLUX_SUBPROCESS_FLAGS_STDIO_FALLTHROUGH | FLUX_SUBPROCESS_FLAGS_NO_SETPGRP        \
     | FLUX_SUBPROCESS_FLAGS_FORK_EXEC | FLUX_SUBPROCESS_FLAGS_LOCAL_UNBUF             \
     | FLUX_SUBPROCESS_FLAGS_WAITABLE)
#define CHANNEL_LIMIT (4 * 1024 * 1024)

/* One stream between the process and us. */
struct channel {
    struct list node;
    flux_subprocess_t *p;
    char *name;
    flux_subprocess_output_f output_cb; /* NULL: nothing is read from it */
    bool writable;
    bool line_buffered;
    bool stopped;

    struct buf in;   /* read, not yet taken by the user */
    struct buf line; /* what the user's last read returned */
    bool eof;        /* nothing more will come */
    bool eof_told;

    struct buf out; /* local: not yet written */
    size_t limit;   /* bytes in each direction */
    bool closing;   /* close when `out` is empty */
    bool closed;

    /* output: at the server what may be sent, at the client what was granted */
    bool paced;
    struct credit_out may_send;
    struct credit_in granted;
    int unsent_credit; /* server: of input, not yet told */

    int refs; /* of the user: EOF is not told yet */

    int fd; /* local: our end; -1 when closed */
    flux_watcher_t *read_w;
    flux_watcher_t *write_w;
};

struct flux_subprocess {
    int refcount;
    int held; /* of refcount: our own, while the user may be called */
    flux_reactor_t *reactor;
    flux_t *h;
    flux_cmd_t *cmd;
    flux_subprocess_ops_t ops;
    int flags;
    int rank;
    char *service;
    struct list channels;
    struct list msgchans; /* local: struct msgchan */
    flux_subprocess_state_t state;
    pid_t pid;
    int status;
    bool reaped;
    bool completed;
    bool output_lost; /* local: there was no memory for it */
    bool group_kept;  /* local: it is nobody else's until this is complete */
    int fail_errno;
    flux_error_t fail_error;
    struct list aux;
    subprocess_log_f log_fn;
    void *log_data;

    struct launch *launch;   /* local: it is about to start */
    flux_watcher_t *child_w; /* local */
    flux_watcher_t *start_w; /* local: tells that it runs */
    bool told_running;
    flux_watcher_t *fail_w; /* remote: tells what failed inside a call of the user */

    flux_future_t *f;  /* remote: the exec or attach request */
    bool attaching;    /* remote: its command comes with the first answer */
    bool started;      /* remote: an answer came */
    bool lost;         /* remote: the stream ended */
    struct list kills; /* remote: what came before it had a pid, until it is answered */
};

flux_subprocess_t *process_create (flux_reactor_t *r, int flags, const flux_cmd_t *cmd,
                                   const flux_subprocess_ops_t *ops);
struct channel *proc_channel_create (flux_subprocess_t *p, const char *name,
                                     bool writable, flux_subprocess_output_f output_cb);
struct channel *channel_find (flux_subprocess_t *p, const char *name);
/* stdin, stdout, stderr and those of the command, as flags and ops want. */
int process_add_channels (flux_subprocess_t *p);
/* What the user is called with between these may have been dropped by the call before:
 * then it is called no more, but p is there until the release. */
void process_hold (flux_subprocess_t *p);
void process_release (flux_subprocess_t *p);
bool process_wanted (const flux_subprocess_t *p);
/* To the log_fn that it was started with, if any. */
void process_log (flux_subprocess_t *p, const char *file, int line, const char *func,
                  int level, const char *fmt, ...)
    __attribute__ ((format (printf, 6, 7)));
#define PROCESS_LOG(p, level, ...)                                                     \
    process_log (p, __FILE__, __LINE__, __func__, level, __VA_ARGS__)
/* To be called by its holder, as all below that tell the user something. */
void process_set_state (flux_subprocess_t *p, flux_subprocess_state_t state);
void process_tell_state (flux_subprocess_t *p, flux_subprocess_state_t state);
void channel_tell_credit (struct channel *c, int bytes);
/* Local: its pid stays that of its group until it is complete. */
void process_keep_group (flux_subprocess_t *p);
/* Calls on_completion once the process and its output have ended. */
void process_check_complete (flux_subprocess_t *p);
/* Tells the user about what lies in `in`, and about EOF. */
void channel_notify (struct channel *c);
/* Remote: send to the server. */
int process_remote_write (struct channel *c, const char *data, size_t len, bool eof);
flux_future_t *process_remote_kill (flux_subprocess_t *p, int signum);
/* Those that are not answered yet fail with ESRCH. */
void process_drop_kills (flux_subprocess_t *p);
/* The user has taken something, or wants more: grants what there is room for. */
void process_remote_credit (struct channel *c);
/* The user can be told something. */
bool channel_has_line (const struct channel *c);
int process_flush_input (struct channel *c);
void process_read_start (struct channel *c);
/* As flux_local_exec, but nobody waits for its start: until it runs or has failed it is in
 * state INIT, and has no pid. */
flux_subprocess_t *process_start_later (flux_reactor_t *r, int flags,
                                        const flux_cmd_t *cmd,
                                        const flux_subprocess_ops_t *ops);

#endif
