/* What does not outlive the broker, its run directory and its programs: see keeper.c. */
#ifndef BROKER_KEEP_H
#define BROKER_KEEP_H

#include "broker/broker.h"
#include "broker/programs/orders.h"

#include <stdbool.h>

enum {
    KEEP_PGRP = ORDER_PGRP,             /* in a process group of its own */
    KEEP_FOREGROUND = ORDER_FOREGROUND, /* which has the terminal */
    KEEP_NO_INPUT = ORDER_NO_INPUT,     /* stdin is /dev/null */
    KEEP_RUNDIR = 1024, /* by who holds the run directory, or then holds it */
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

/* Starts the process that is to hold the run directory: it gets ready while this one reads
 * its configuration. There are no threads yet. */
void keep_ahead (void);
/* Creates a directory that goes if the broker is killed, at whatever moment, until
 * keep_end(). unique: XXXXXX at its end is replaced in place. There are no threads yet. 0; or
 * -1 with errno, and no such process. If there is no process to be had, this one creates it:
 * killed, it leaves it. */
int keep_mkdir (char *path, bool unique);
/* It is removed, or to stay. May be called from a handler of a signal. */
void keep_end (void);

#endif
