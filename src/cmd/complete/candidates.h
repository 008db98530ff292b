/* What may stand at the end of a command line: pure, from the tables of the commands. */
#ifndef CMD_CANDIDATES_H
#define CMD_CANDIDATES_H

#include "base/buf.h"
#include "cmd/cmd.h"

/* What a word has to name, where the tables cannot say it. */
enum want {
    WANT_NOTHING,
    WANT_FILE,
    WANT_JOBID,
    WANT_QUEUE,
    WANT_RANK,
    WANT_MODULE,
    WANT_ATTR,
    WANT_KEY,
    WANT_USER,
    WANT_COMMAND, /* a program */
};

struct completion {
    struct buf out;   /* lines "CANDIDATE\tWHAT IT IS" of the words that are known */
    enum want want;   /* what else fits */
    const char *stem; /* what want has to begin with: points into the last word */
    int head;         /* so many bytes of the last word stand before stem */
};

/* words: those of a line behind "flux", the last is the one to be completed (it may be
 * empty). count > 0. */
void complete_words (struct completion *c, const struct command *const *commands,
                     int count, char **words);
/* Splits a line as a shell does; what has no closing quote ends with the line. The last
 * word is empty if a space stands before the end. NULL with ENOMEM; the words are for
 * complete_free. */
char **complete_split (const char *line, int *count);
void complete_free (char **words);

#endif
