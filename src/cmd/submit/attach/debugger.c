#include "cmd/submit/attach/debugger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/cmd.h"
#include "cmd/submit/attach/proctable.h"

/* Names, types and values are those of the interface. */
#define SEEN __attribute__ ((used, visibility ("default")))
#define MPIR_DEBUG_SPAWNED 1

struct MPIR_PROCDESC {
    char *host_name;
    char *executable_name;
    int pid;
};

SEEN struct MPIR_PROCDESC *MPIR_proctable;
SEEN int MPIR_proctable_size;
SEEN volatile int MPIR_being_debugged;
SEEN volatile int MPIR_debug_state;
SEEN char *MPIR_debug_abort_string;
/* What counts is that they are there: we are no task; tasks need nobody's word to go on. */
SEEN int MPIR_i_am_starter;
SEEN int MPIR_partial_attach_ok;
SEEN int MPIR_force_to_main;

SEEN void MPIR_Breakpoint (void);

__attribute__ ((noinline)) void MPIR_Breakpoint (void)
{
    __asm__ volatile("" ::: "memory");
}

bool debugger_is_there (void)
{
    return MPIR_being_debugged != 0;
}

/* It stays for the rest of the process: the debugger may look again. */
static int publish (struct proctable *t)
{
    struct MPIR_PROCDESC *v = calloc (t->count ? t->count : 1, sizeof (*v));

    if (!v)
        return -1;
    for (size_t i = 0; i < t->count; i++)
        v[i] = (struct MPIR_PROCDESC){ .host_name = t->v[i].host,
                                       .executable_name = t->v[i].path,
                                       .pid = t->v[i].pid };
    MPIR_proctable = v;
    MPIR_proctable_size = (int)t->count;
    return 0;
}

int debugger_take (flux_jobid_t id)
{
    static struct proctable t;

    proctable_fini (&t);
    free (MPIR_proctable);
    MPIR_proctable = NULL;
    MPIR_proctable_size = 0;
    if (proctable_gather (&t, id) < 0 || publish (&t) < 0) {
        cmd_warn ("cannot tell a debugger the tasks of %s: %s", cmd_f58 (id),
                  strerror (errno));
        return -1;
    }
    MPIR_debug_state = MPIR_DEBUG_SPAWNED;
    MPIR_Breakpoint ();
    return 0;
}
