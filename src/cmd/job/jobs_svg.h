/* flux jobs --svg: what ran where and when. */
#ifndef CMD_JOB_JOBS_SVG_H
#define CMD_JOB_JOBS_SVG_H

#include <flux/core.h>
#include <jansson.h>
#include <stdbool.h>

/* Prints the picture. jobs: of job-list, with the attributes below. colors: "name",
 * "state", NULL (by name). recursive: jobs of instances are drawn within them.
 * constraint selects those. Returns the number of instances that could not be reached;
 * dies if there is nothing to draw on. */
int jobs_svg (flux_t *h, json_t *jobs, const char *colors, bool recursive,
              json_t *constraint);
/* A new array. */
json_t *jobs_svg_attrs (void);

#endif
