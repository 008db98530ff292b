/* What the scheduler (RFC 27) and the exec service (RFC 32) are told about jobs, and what
 * they answer, as texts. An encoder's failures show in b->err. */
#ifndef JOB_MANAGER_WIRE_H
#define JOB_MANAGER_WIRE_H

#include "job.h"

void wire_sched_alloc (struct buf *b, const struct job *job);
/* R: as it is now, with the expiration that an update gave it. */
void wire_sched_hello (struct buf *b, const struct job *job, const char *R);
void wire_sched_cancel (struct buf *b, flux_jobid_t id);
/* A part of R; final: the last one. */
void wire_sched_free (struct buf *b, flux_jobid_t id, struct span R, bool final);
void wire_exec_start (struct buf *b, const struct job *job, const char *R,
                      bool reattach);

enum sched_answer_type { /* as in RFC 27 */
                         SCHED_SUCCESS,
                         SCHED_ANNOTATE,
                         SCHED_DENY,
                         SCHED_CANCEL,
};

struct sched_answer {
    enum sched_answer_type type;
    flux_jobid_t id;
    struct span R;           /* of SUCCESS; part of the text */
    struct span annotations; /* of SUCCESS and ANNOTATE; len 0: none */
    bool owed;               /* R is not in the KVS yet */
    char *note;              /* of DENY, or NULL */
};

/* -1 with EPROTO or ENOMEM: there is nothing to be freed. */
int sched_answer_decode (const char *text, struct sched_answer *a);
void sched_answer_fini (struct sched_answer *a);

enum exec_answer_type {
    EXEC_START,
    EXEC_FINISH,
    EXEC_RELEASE,
    EXEC_EXCEPTION,
    EXEC_REATTACHED,
};

struct exec_answer {
    enum exec_answer_type type;
    flux_jobid_t id;
    double left; /* of START: s until the job expires, if it began anew; 0: as before */
    int status;  /* of FINISH */
    bool final;  /* of RELEASE */
    char *ranks; /* the same */
    int severity; /* of EXCEPTION */
    char *kind;   /* its type */
    char *note;
};

/* As above. */
int exec_answer_decode (const char *text, struct exec_answer *a);
void exec_answer_fini (struct exec_answer *a);

#endif
