/* A barrier of a job's tasks, with the keys that they have put (PMI): collected up the
 * tree of brokers, spread down it, each key once per broker. Core: no handle.
 *
 * The job-exec of each rank that has a shell of the job, or lies between such ranks,
 * waits for the shells below it, passes what they brought to its parent, and gets all
 * keys back. The lowest that has all shells below it answers. A child asks, its parent
 * answers:
 *
 *     p ID SEQ FROM COUNT TOTAL OFFSET RANKS\nKEYS   a piece of what COUNT shells of
 *         the job on RANKS brought; the answer to the last comes when all are in
 *     g ID SEQ FROM OFFSET\n                         more of the answer
 *     a ID SEQ FROM [lost]\n                         it will not come to an end (since a
 *         broker is lost)
 *
 * Answers to the last p, and to g: TOTAL\nKEYS, a piece. So each has one message on
 * its way, and none makes others wait long.
 *
 * Failures: a shell ends within a barrier, a child is lost, the parent refuses: all
 * that wait below and above are told, and forget it. */
#ifndef JOB_EXEC_EXCHANGE_H
#define JOB_EXEC_EXCHANGE_H

#include <flux/idset.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct exchanges;

struct exchange_ops {
    /* To the parent; the answer comes by exchange_answer. -1 with errno. */
    int (*ask) (uint64_t id, unsigned int seq, const char *text, size_t len, void *arg);
    /* The same, and no answer is wanted. */
    void (*tell) (const char *text, size_t len, void *arg);
    /* Takes the request. errnum 0: with this text. */
    void (*answer) (void *request, int errnum, const char *text, size_t len, void *arg);
    /* All keys, for the shell of this rank; errnum: there will be none. */
    void (*deliver) (uint64_t id, int errnum, const char *keys, size_t len, void *arg);
};

/* below: the ranks of this broker and those below it; NULL: all there are. Borrowed. */
struct exchanges *exchanges_create (unsigned int rank, const struct idset *below,
                                    const struct exchange_ops *ops, void *arg);
/* Requests are answered with ENOSYS. */
void exchanges_destroy (struct exchanges *x);

/* The shell of this rank has entered its barrier seq of a job on these ranks. */
void exchange_enter (struct exchanges *x, uint64_t id, unsigned int seq,
                     const char *ranks, const char *keys, size_t len);
/* It has ended. */
void exchange_leave (struct exchanges *x, uint64_t id);
/* Its shells are found again, and enter others: nobody is told but those above and below. */
void exchange_forget (struct exchanges *x, uint64_t id);
/* A child's message. The request is answered sooner or later; NULL if no answer is
 * wanted. -1 with EPROTO: it is none, and is not taken. */
int exchange_request (struct exchanges *x, const char *text, size_t len, void *request);
/* What asked is gone: match (request, arg) tells. */
void exchange_disconnect (struct exchanges *x, bool (*match) (void *request, void *arg),
                          void *arg);
void exchange_answer (struct exchanges *x, uint64_t id, unsigned int seq, int errnum,
                      const char *text, size_t len);
size_t exchange_count (const struct exchanges *x);

#endif
