/* What a shell with plugins does beside a plain one (plug/). The plain shell has none of
 * it: shell_plug is NULL there, and what asks for plugins is handed over to the other
 * program, which is built from the same parts. */
#ifndef SHELL_PLUG_H
#define SHELL_PLUG_H

#include <flux/taskmap.h>
#include <flux/types.h>
#include <stdbool.h>

struct buf;
struct epoll_event;
struct shell;
struct spawn;
struct task;

struct plug_ops {
    /* Reads initrc and userrc. -1 with *error. */
    int (*load) (struct shell *sh, flux_error_t *error);
    /* Somebody has asked for this option, or has its name. */
    bool (*claims) (struct shell *sh, const char *option);
    /* A plugin stands in the place of the part of this name. */
    bool (*replaces) (struct shell *sh, const char *part);
    /* Calls all who wait for topic. -1: one failed, which is a fatal error that names
     * it, and no other was called. */
    int (*call) (struct shell *sh, const char *topic, struct task *task);
    /* shell.lost: another shell of the job is. */
    void (*lost) (struct shell *sh, int shell_rank, int severity);
    /* shell.reconnect: there is another broker, with its socket at this URI. */
    void (*reconnect) (struct shell *sh, const char *uri);
    /* What only this program can do before tasks start. -1: a fatal error was told. */
    int (*builtin) (struct shell *sh);
    /* Another map, owned by the caller; NULL with ENOENT: nobody knows the scheme; NULL
     * with another errno and *error. */
    struct taskmap *(*taskmap) (struct shell *sh, const char *scheme, const char *value,
                                const struct taskmap *block, flux_error_t *error);
    /* task.init; what is to be started may be another after it. */
    int (*task_init) (struct shell *sh, struct task *task, struct spawn *s);
    /* task.exec, in the child; errno or 0. */
    int (*task_exec) (struct shell *sh, struct task *task);
    /* task.fork, in the parent. */
    int (*task_fork) (struct shell *sh, struct task *task);
    /* What plugins add to an event: ,"KEY":VALUE ... */
    void (*context) (struct shell *sh, const char *event, struct buf *b);
    /* epoll_wait (2), while the plugins' reactor runs, too. */
    int (*wait) (struct shell *sh, struct epoll_event *events, int max, int timeout_ms);
    /* Somebody holds a completion reference. */
    bool (*busy) (struct shell *sh);
    /* A line of the log; component, file NULL: of the shell itself. True: a plugin has
     * seen to it. */
    bool (*log) (struct shell *sh, int level, const char *text);
    /* The value of a tag that nobody else knows; -1: nor does a plugin. */
    int (*render) (struct shell *sh, struct task *task, struct buf *b, const char *tag);
    /* Something came from a task; no data: the end of the stream. */
    void (*output) (struct shell *sh, struct task *task, int stream, const char *data,
                    size_t len);
    void (*fini) (struct shell *sh);
};

/* NULL in a plain shell. */
extern const struct plug_ops *shell_plug;

/* The job asks for what only the other program has. */
bool shell_wants_plug (struct shell *sh);
/* Becomes that program, which begins anew with the start record. Returns on failure. */
void shell_become_plugged (struct shell *sh, const char *text, size_t len);
/* The same, in the other program. */
int shell_plugged_main (int argc, char *argv[]);

#endif
