/* What --filter=STATE|RESULT,... selects, as a constraint of RFC 43. */
#ifndef CMD_JOBS_FILTER_H
#define CMD_JOBS_FILTER_H

#include <jansson.h>

/* Dies: ERROR: Invalid filter specified: X. */
json_t *jobs_filter_constraint (const char *filter);

#endif
