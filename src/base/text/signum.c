#include "base/text/signum.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int signum_decode (const char *s)
{
    const char *name = strncasecmp (s, "SIG", 3) == 0 ? s + 3 : s;
    char *end;
    long n = strtol (s, &end, 10);

    if (end != s && *end == '\0' && n > 0 && n <= SIGRTMAX)
        return n;
    for (int i = 1; i < NSIG; i++) {
        const char *abbrev = sigabbrev_np (i);

        if (abbrev && strcasecmp (abbrev, name) == 0)
            return i;
    }
    errno = EINVAL;
    return -1;
}

const char *signum_encode (int signum, char *buf, int size)
{
    const char *abbrev = sigabbrev_np (signum);

    if (abbrev)
        snprintf (buf, size, "SIG%s", abbrev);
    else
        snprintf (buf, size, "%d", signum);
    return buf;
}
