/* The standard input of this process, forwarded to a job. */
#ifndef CMD_ATTACH_INPUT_H
#define CMD_ATTACH_INPUT_H

#include <flux/core.h>

#include "cmd/submit/attach/escape.h"

struct attach_input;

/* Nothing is read before attach_input_start. NULL if there is no input. */
struct attach_input *attach_input_create (flux_t *h, flux_jobid_t id,
                                          const char *ranks);
void attach_input_start (struct attach_input *in);
/* From now on for rank 0 alone, as it is typed: fn is called for its escapes. */
void attach_input_raw (struct attach_input *in,
                       void (*fn) (enum escape_action action, void *arg), void *arg);
void attach_input_destroy (struct attach_input *in);

#endif
