/* The processes of a job's tasks, as the hosts where they run see them. */
#ifndef CMD_PROCTABLE_H
#define CMD_PROCTABLE_H

#include <flux/core.h>
#include <stddef.h>

struct process {
    unsigned int rank; /* of the task */
    int pid;
    char *host;
    char *path; /* of its program */
};

struct proctable {
    struct process *v; /* by rank */
    size_t count;
};

/* The task that an environment (/proc/PID/environ) was made for; -1: of another job or
 * instance (uri), or of none. */
long proctable_task (const char *env, size_t len, flux_jobid_t id, const char *uri);
/* Those on this host. Tasks that still become their program are left out. -1 with errno. */
int proctable_scan (struct proctable *t, flux_jobid_t id, const char *uri);
/* "RANK HOST PID PATH"; -1 with EINVAL or ENOMEM. */
int proctable_add_line (struct proctable *t, const char *line);
/* All of a running job: each of its hosts is asked. -1 with errno, EIO: flux exec has
 * said why. */
int proctable_gather (struct proctable *t, flux_jobid_t id);
void proctable_fini (struct proctable *t);

#endif
