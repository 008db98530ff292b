#include "broker/broker.h"

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>
#include <unistd.h>

void broker_post (struct broker *b, enum state_event event)
{
    if (state_queue_add (&b->events, event) < 0) {
        fprintf (stderr, "flux-broker: out of memory\n");
        _exit (1);
    }
    reactor_post (b->reactor, &b->run_events);
}

void broker_log (struct broker *b, int level, const char *fmt, ...)
{
    char text[BROKER_LOG_MAX];
    int saved_errno = errno;
    va_list ap;

    va_start (ap, fmt);
    vsnprintf (text, sizeof (text), fmt, ap);
    va_end (ap);
    if (b->hooks.log)
        b->hooks.log (b, level, text);
    else if (level <= LOG_ERR)
        fprintf (stderr, "flux-broker: %s\n", text);
    errno = saved_errno;
}
