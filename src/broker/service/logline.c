#include "broker/service/logline.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define FACILITY_LOCAL7 23

static const char *severities[] = { "emerg",   "alert",  "crit", "err",
                                    "warning", "notice", "info", "debug" };

/* The next word; *cp goes behind the blank that ends it. */
static const char *word (const char **cp, const char *end, int *len)
{
    const char *start = *cp;
    const char *sp = memchr (start, ' ', end - start);

    if (!sp || sp == start)
        return NULL;
    *len = sp - start;
    *cp = sp + 1;
    return start;
}

/* Structured data: "-", or "[...]"... where a ']' may be escaped. */
static const char *skip_structured (const char *cp, const char *end)
{
    if (cp < end && *cp == '-')
        return cp + 1;
    while (cp < end && *cp == '[') {
        while (cp < end && *cp != ']')
            cp += *cp == '\\' ? 2 : 1;
        if (cp >= end)
            return NULL;
        cp++;
    }
    return cp;
}

int logline_decode (const char *text, size_t size, struct logline *line)
{
    const char *end = text + size;
    const char *cp = text;
    const char *msgid;
    int pri = 0, len;

    while (end > text && (end[-1] == '\0' || end[-1] == '\n'))
        end--;
    if (end - cp < 5 || *cp++ != '<')
        goto proto;
    while (cp < end && isdigit ((unsigned char)*cp) && pri < 1000)
        pri = pri * 10 + *cp++ - '0';
    if (end - cp < 3 || memcmp (cp, ">1 ", 3) != 0 || pri > 191)
        goto proto;
    cp += 3;
    line->severity = pri % 8;
    line->facility = pri / 8;
    if (!(line->timestamp = word (&cp, end, &line->timestamp_len))
        || !(line->hostname = word (&cp, end, &line->hostname_len))
        || !(line->appname = word (&cp, end, &line->appname_len))
        || !(line->procid = word (&cp, end, &line->procid_len))
        || !(msgid = word (&cp, end, &len)) || !(cp = skip_structured (cp, end)))
        goto proto;
    if (cp < end && *cp == ' ')
        cp++;
    line->msg = cp;
    line->msg_len = end - cp;
    return 0;
proto:
    errno = EPROTO;
    return -1;
}

int logline_encode (char *buf, size_t size, double t, int severity, int rank,
                    const char *appname, const char *msg)
{
    time_t sec = (time_t)floor (t);
    struct tm tm;
    char stamp[32];

    gmtime_r (&sec, &tm);
    strftime (stamp, sizeof (stamp), "%Y-%m-%dT%H:%M:%S", &tm);
    return snprintf (buf, size, "<%d>1 %s.%06dZ %d %s - - - %s",
                     FACILITY_LOCAL7 * 8 + severity, stamp, (int)((t - sec) * 1e6),
                     rank, appname, msg);
}

int logline_format (char *buf, size_t size, const struct logline *line)
{
    return snprintf (buf, size, "%.*s.%s[%.*s]: %.*s", line->appname_len, line->appname,
                     severities[line->severity], line->hostname_len, line->hostname,
                     line->msg_len, line->msg);
}
