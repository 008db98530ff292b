/* The terminal of this process, given to a job that has one of its own: every key goes to
 * the job, which hears of each change of the window. */
#ifndef CMD_ATTACH_TERMINAL_H
#define CMD_ATTACH_TERMINAL_H

#include <flux/core.h>

struct attach_terminal;

/* Standard input in raw mode. However the process ends by itself, the terminal is as it
 * was. NULL with ENOTTY, ENOMEM. */
struct attach_terminal *attach_terminal_begin (flux_t *h, flux_jobid_t id);
/* Stops this process, with the terminal as it was; returns when it goes on. */
void attach_terminal_suspend (struct attach_terminal *t);
/* As it was before. */
void attach_terminal_end (struct attach_terminal *t);

#endif
