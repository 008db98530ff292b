/* Whether the time of a job is over. It is not before what its shells knew by then was heard:
 * they are asked (T), and answer behind what they had said.
 *
 * Core: no handle, no clock. A job that was asked is over when one of its tasks still ran as
 * the question came, or when an answer is not there in time, unless others are still answered
 * or started before it. Who ended by then is not asked
 * for. What ended by itself while nobody here could ask says so (v), if that was after its
 * limit. */
#ifndef JOB_EXEC_LIMIT_H
#define JOB_EXEC_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

struct job;
struct shell_ref;

/* Of a job. */
struct limit {
    double at;           /* monotonic; 0: there is none */
    double told;         /* the same, as the shells know it */
    unsigned int number; /* of the last question */
    bool asked;          /* and that is the question still */
};

/* Of a shell. */
enum limit_answer {
    LIMIT_NONE,
    LIMIT_RUNS,
    LIMIT_ENDED,
};

enum limit_verdict {
    LIMIT_UNKNOWN, /* answers are missing */
    LIMIT_IN_TIME, /* all have ended, and say so soon */
    LIMIT_OVER,
};

/* What waits for the server of a rank, which starts shells and passes questions on in order.
 * Zeroed memory is an empty one. */
struct limit_line {
    uint64_t last;
    uint64_t reached;
};

/* The place of a shell in it, for its start or a question. */
struct limit_place {
    uint64_t at;
    uint64_t seen; /* what was reached at the last look */
};

void limit_line_enter (struct limit_line *line, struct limit_place *p);
/* The shell was heard. */
void limit_line_reach (struct limit_line *line, const struct limit_place *p);
/* Its turn has not come, and is nearer than at the last look. */
bool limit_line_moves (const struct limit_line *line, struct limit_place *p);

/* at: monotonic, 0 for none. An answer to what was asked before is none any more. told: the
 * shells know of it. */
void limit_set (struct job *job, double at, bool told);
/* What is left at this time; below 0 when that is over, 0 without a limit. */
double limit_left (const struct job *job, double now);
/* Asks those that run; again, who was asked before. */
void limit_ask (struct job *job);
/* The text of T. False: it is no answer to the question. */
bool limit_answer (struct job *job, struct shell_ref *s, const char *text);
enum limit_verdict limit_verdict (const struct job *job);
/* Its answer is missing. */
bool limit_is_missing (const struct shell_ref *s);
/* The text of v: it was over its limit, as that is now. */
bool limit_passed (const struct job *job, const char *text, double now);

#endif
