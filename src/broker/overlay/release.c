#include "broker/overlay/release.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Nine digits at most, so that neither it nor a difference overflows. */
static const char *number (const char *text, long *value)
{
    size_t len = strspn (text, "0123456789");

    if (len == 0 || len > 9)
        return NULL;
    *value = strtol (text, NULL, 10);
    return text + len;
}

static bool parse (const char *version, long *major, long *minor)
{
    const char *rest = number (version, major);

    return rest && *rest == '.' && (rest = number (rest + 1, minor))
           && !isalnum ((unsigned char)*rest);
}

bool releases_mix (const char *a, const char *b)
{
    long major_a, minor_a, major_b, minor_b;

    if (strcmp (a, b) == 0)
        return true;
    return parse (a, &major_a, &minor_a) && parse (b, &major_b, &minor_b)
           && major_a == major_b && labs (minor_a - minor_b) <= 1;
}
