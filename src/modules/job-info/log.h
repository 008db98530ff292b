/* What is read from the logs and the values that the KVS has of a job. Pure. */
#ifndef JOB_INFO_LOG_H
#define JOB_INFO_LOG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* flags of a lookup */
#define JOB_INFO_JSON_DECODE 1
#define JOB_INFO_CURRENT 2

/* Is the line, newline included, the last event of the log of that path? Of most logs
 * none is. */
bool log_ends (const char *path, const char *line, size_t len);
/* Is it among these lines? */
bool log_has_last (const char *path, const char *data, size_t len);
/* Who submitted the job. -1 with EINVAL if the log does not begin so. */
int log_owner (const char *log, size_t len, uint32_t *userid);
/* Applies the events behind *pos, whole lines only, to the object of `key`; *pos is where
 * the next one begins. True if it changed. */
bool log_apply (const char *log, size_t len, size_t *pos, const char *key,
                json_t *object);
/* The value of a key as it goes into an answer. NULL with EINVAL: it, or the log, is
 * damaged, where that counts. */
json_t *log_value (int flags, const char *key, const char *data, size_t len,
                   const char *log, size_t log_len);

#endif
