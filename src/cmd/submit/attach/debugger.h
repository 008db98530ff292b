/* The MPIR process acquisition interface (MPI Forum, 1.0): a parallel debugger runs a
 * starter (flux run, flux job attach --debug), stops it at MPIR_Breakpoint, and finds the
 * tasks of the job in MPIR_proctable. */
#ifndef CMD_DEBUGGER_H
#define CMD_DEBUGGER_H

#include <flux/core.h>
#include <stdbool.h>

/* This process is run by one. */
bool debugger_is_there (void);
/* The tasks are started: tells the debugger who they are, and waits while it takes them.
 * -1: they are not known; it was said why. */
int debugger_take (flux_jobid_t id);

#endif
