/* Jobspec and R as they are now: what was submitted or allocated, and the
 * changes that the job's eventlog tells of (RFC 21). Pure. */
#ifndef JOB_INFO_UPDATE_H
#define JOB_INFO_UPDATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Sets the value at a path of names with dots between; objects on the way are
 * created. -1 with EINVAL if something else is in the way. */
int update_set_path (json_t *o, const char *path, json_t *value);

/* Applies an event to the object of `key` ("jobspec" or "R").
 * True if it changed something. */
bool update_apply (json_t *o, const char *key, const char *name, json_t *context);

/* Applies all events of a log. -1 with EINVAL if the log is damaged. */
int update_apply_log (json_t *o, const char *key, const char *log, size_t len);

#endif
