/* Programs of the broker that do not outlive it, see keeper.c. */
#ifndef BROKER_KEEP_H
#define BROKER_KEEP_H

#include "broker/broker.h"

enum {
    KEEP_PGRP = 1,       /* in a process group of its own */
    KEEP_FOREGROUND = 2, /* which has the terminal */
    KEEP_NO_INPUT = 4,   /* stdin is /dev/null */
    KEEP_RUNDIR = 8,     /* if the broker dies, its run directory goes */
};

struct keep;

/* The program has ended; status is that of wait(2). k is still there. */
typedef void (*keep_f) (struct broker *b, int status, void *arg);

/* NULL with errno: that of exec, or EIO if it is no fault of the program's. */
struct keep *keep_start (struct broker *b, char **argv, char **env, int flags,
                         keep_f cb, void *arg);
/* To it, or to its process group. */
void keep_kill (struct keep *k, int signum);
/* If it runs, it is killed. */
void keep_destroy (struct keep *k);
/* The run directory is removed: nobody has to hold it any more. */
void keep_end (void);

#endif
