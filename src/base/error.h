/* One line for people, and errno: how a check says no. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <flux/types.h>

/* Always -1, with errno errnum and the text, cut to its room, in *error (may be NULL). */
int error_fail (flux_error_t *error, int errnum, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* The same with EINVAL. */
int error_invalid (flux_error_t *error, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));
/* The same as error_fail for who returns a pointer: always NULL. */
void *error_null (flux_error_t *error, int errnum, const char *fmt, ...)
    __attribute__ ((format (printf, 3, 4)));
/* The text alone: errno stays what it is. */
void error_text (flux_error_t *error, const char *fmt, ...)
    __attribute__ ((format (printf, 2, 3)));

/* Why a decoder has failed that began with errno = 0: ENOMEM, which the text then says;
 * anything else is the input's fault, EINVAL. Always -1. */
int error_decode (flux_error_t *error);

#endif
