/* Ids in the order of submission, for `flux job last`. */
#ifndef JOB_MANAGER_RECENT_H
#define JOB_MANAGER_RECENT_H

#include <flux/job.h>
#include <jansson.h>

struct recent {
    struct recent_entry {
        flux_jobid_t id;
        uint32_t userid;
    } * entries;
    size_t count, cap;
};

int recent_add (struct recent *r, flux_jobid_t id, uint32_t userid);
void recent_fini (struct recent *r);
/* After ids were added in any order. */
void recent_sort (struct recent *r);

/* A slice of the ids of one user, newest first, as Python's [start:stop:step];
 * unset parts are NULL. Ids for which known is false are left out. An array, or
 * NULL with EINVAL (step 0). */
json_t *recent_slice (const struct recent *r, uint32_t userid, const int *start,
                      const int *stop, const int *step,
                      bool (*known) (flux_jobid_t id, void *arg), void *arg);

#endif
