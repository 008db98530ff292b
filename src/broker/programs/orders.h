/* What a broker asks of a flux-keeper (keeper.c), by a stream socket. */
#ifndef BROKER_ORDERS_H
#define BROKER_ORDERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* An order, and behind it `size` bytes of strings, each with its NUL: argc, then envc. */
struct order {
    uint32_t kind;
    uint32_t flags;
    uint64_t nofile; /* soft limit of descriptors for a program */
    uint32_t argc, envc;
    uint32_t size;
    uint32_t unused;
};

enum {
    /* argv[0] is a directory that goes with the broker. The answer is an errno as an int,
     * and if that is 0, argv[0] as it is now. */
    ORDER_HOLD = 1,
    /* A program. The answers are its pid, or a negative errno, then its status, as ints. A
     * keeper that holds nothing ends with it. */
    ORDER_RUN = 2,
};

enum {
    ORDER_MAKE = 1,       /* hold: it is created first */
    ORDER_UNIQUE = 2,     /* hold: with a name of its own in place of XXXXXX */
    ORDER_PGRP = 4,       /* run: in a process group of its own, not in the broker's */
    ORDER_FOREGROUND = 8, /* run: its group gets the terminal */
    ORDER_NO_INPUT = 16,  /* run: stdin is /dev/null */
};

/* The broker's end. */
struct keeper {
    pid_t pid; /* -1: there is none */
    int fd;
};

#define KEEPER_NONE                                                                    \
    (struct keeper)                                                                    \
    {                                                                                  \
        .pid = -1, .fd = -1                                                            \
    }

/* Starts one. Signals do not come to it, in whose group ever it is; the caller ignores SIGPIPE,
 * as it may die. -1 with errno. */
int keeper_start (struct keeper *k, const char *program);
/* Kills it, and waits. What it holds is the caller's again. May be called from a handler of
 * a signal. */
void keeper_stop (struct keeper *k);
/* flags: of ORDER_HOLD. path may change in place. -1 with errno: EIO if the keeper does not
 * answer, else why there is no such directory. */
int keeper_hold (struct keeper *k, char *path, int flags);
/* flags: of ORDER_RUN. The pid, or -1 with errno: EIO, or that of exec. */
pid_t keeper_run (struct keeper *k, char *const *argv, char *const *env, int flags,
                  uint64_t nofile);
/* What it says next: true and a value, or false: it has died. */
bool keeper_told (const struct keeper *k, int *value);

#endif
