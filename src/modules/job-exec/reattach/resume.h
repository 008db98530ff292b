/* What outlives brokers. found.h: a rank's server of shells, from its broker's end to the
 * next; kept.h: what the KVS has of output beside it; session.h: frames between rank 0 and
 * an agent over more than one way; and here, on rank 0, jobs.
 *
 * Jobs that ran under an earlier broker (RFC 32, reattach), where the instance keeps its
 * state: what the KVS has of them, and whether their shells are still there.
 *
 * Happy path: job-manager starts again, and asks for each job that it may have started
 * before. The KVS says what was stored, the servers of the job's ranks are asked for the
 * rest (frame R), and what they say is folded as if it came now. When all jobs were asked
 * for, servers are told (E), and what nobody claimed ends.
 *
 * Failures: the KVS has the end of the job: that is told. No server has it: it is started
 * if it never was, and lost otherwise. A rank is not there yet: it is waited for, as long
 * as its shells would wait. In recovery mode jobs are left alone.
 *
 * One rank is lost, or its job-exec, while the instance goes on: its jobs are as after a
 * start when all that is known of them is in the KVS; their other shells are asked, too, and
 * say again what counts. */
#ifndef JOB_EXEC_RESUME_H
#define JOB_EXEC_RESUME_H

#include <flux/core.h>
#include <stdbool.h>
#include <stddef.h>

#include "modules/job-exec/job.h"
#include "modules/job-exec/timer.h"

struct ctx;
struct idset;
struct idmap;

struct resume {
    char *token;          /* of this instance; NULL: shells end with their brokers */
    bool recovery;        /* nothing is asked for: an instance to come does */
    bool over;            /* all jobs were asked for */
    bool asked;           /* by job-manager */
    size_t lookups;       /* on their way */
    struct idmap *claims; /* by job */
    struct idmap *away;   /* jobs whose last commits are on their way */
    struct idset *online; /* ranks; NULL: nobody had to know */
    flux_future_t *hello_f, *online_f;
    struct timer timer;
};

/* -1 with errno; it has said why. */
int resume_init (struct ctx *ctx);
/* After the hello to job-manager. */
int resume_begin (struct ctx *ctx);
void resume_fini (struct ctx *ctx);
/* A rank of it may come back: until then it hears and says nothing. */
void resume_away (struct ctx *ctx, struct job *job);
/* Those that are away, and whose commits are done, are looked for: at the end of a turn. */
void resume_settle (struct ctx *ctx);
/* It is to end: nobody is waited for. */
void resume_give_up (struct ctx *ctx, struct job *job);
/* A job that job-manager may have started before. */
void resume_job (struct ctx *ctx, struct job *job);
/* This rank can be asked now. */
void resume_rank (struct ctx *ctx, unsigned int rank);
/* As job_ops. arg is the ctx. */
void resume_op (struct job *job, struct shell_ref *s, enum job_resumed what, void *arg);

#endif
