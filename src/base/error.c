#include "base/error.h"

#include <errno.h>
#include <stdio.h>

static void set_text (flux_error_t *error, const char *fmt, va_list ap)
{
    if (error)
        vsnprintf (error->text, sizeof (error->text), fmt, ap);
}

int error_fail (flux_error_t *error, int errnum, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    set_text (error, fmt, ap);
    va_end (ap);
    errno = errnum;
    return -1;
}

int error_invalid (flux_error_t *error, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    set_text (error, fmt, ap);
    va_end (ap);
    errno = EINVAL;
    return -1;
}

void *error_null (flux_error_t *error, int errnum, const char *fmt, ...)
{
    va_list ap;

    va_start (ap, fmt);
    set_text (error, fmt, ap);
    va_end (ap);
    errno = errnum;
    return NULL;
}

void error_text (flux_error_t *error, const char *fmt, ...)
{
    int saved_errno = errno;
    va_list ap;

    va_start (ap, fmt);
    set_text (error, fmt, ap);
    va_end (ap);
    errno = saved_errno;
}

int error_decode (flux_error_t *error)
{
    if (errno == ENOMEM)
        return error_fail (error, ENOMEM, "out of memory");
    errno = EINVAL;
    return -1;
}
