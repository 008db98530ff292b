#include "value/fsd.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct unit {
    const char *suffix;
    double seconds;
} units[] = { { "d", 86400 }, { "h", 3600 }, { "m", 60 }, { "s", 1 }, { "ms", 1e-3 } };

int fsd_parse (const char *s, double *seconds)
{
    double value, scale = 0;
    char *end;

    if (!strcasecmp (s, "inf") || !strcasecmp (s, "infinity")) {
        *seconds = INFINITY;
        return 0;
    }
    /* strtod takes more than numbers: spaces, nan, inf with a suffix. */
    if (!isdigit ((unsigned char)*s) && *s != '.')
        goto inval;
    errno = 0;
    value = strtod (s, &end);
    if (errno || end == s || !isfinite (value) || value < 0)
        goto inval;
    if (*end == '\0')
        scale = 1;
    for (size_t i = 0; i < sizeof (units) / sizeof (units[0]); i++)
        if (!strcmp (end, units[i].suffix))
            scale = units[i].seconds;
    if (scale == 0)
        goto inval;
    *seconds = value * scale;
    return 0;
inval:
    errno = EINVAL;
    return -1;
}

int fsd_format_digits (char *buf, size_t len, double seconds, int digits)
{
    const struct unit *u = units;
    int n;

    if (!buf || isnan (seconds) || seconds < 0) {
        errno = EINVAL;
        return -1;
    }
    if (isinf (seconds))
        n = snprintf (buf, len, "infinity");
    else {
        /* The largest unit of which there is at least one; 0 is 0s. */
        while (seconds < u->seconds && u->seconds >= 1)
            u++;
        if (seconds == 0)
            u--;
        double x = seconds / u->seconds;
        /* Never an exponent: 130ms, not 1.3e+02ms. */
        if (x >= pow (10, digits) - 0.5)
            n = snprintf (buf, len, "%.0f%s", x, u->suffix);
        else
            n = snprintf (buf, len, "%.*g%s", digits, x, u->suffix);
    }
    if (n < 0 || (size_t)n >= len) {
        errno = EOVERFLOW;
        return -1;
    }
    return 0;
}

int fsd_format (char *buf, size_t len, double seconds)
{
    return fsd_format_digits (buf, len, seconds, 6);
}
