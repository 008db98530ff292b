/* What is typed at a terminal whose keys all go to a job: at the beginning of a line
 *   ~.       leave the job alone
 *   ~Ctrl-Z  suspend this program
 *   ~~       one ~
 * No handle, no terminal. */
#ifndef CMD_ATTACH_ESCAPE_H
#define CMD_ATTACH_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

enum escape_action { ESCAPE_NONE, ESCAPE_DETACH, ESCAPE_SUSPEND };

struct escape {
    bool inside; /* of a line */
    bool tilde;  /* one is held back */
};

/* From in to out, which has room for len + 1 and may be in + n for n > 0 bytes less. Ends
 * behind an escape: *taken says how much of in that is. */
size_t escape_filter (struct escape *e, const char *in, size_t len, char *out,
                      size_t *taken, enum escape_action *action);

#endif
