#include "cmd/output/output.h"
#include "base/os/stdout.h"
#include "base/text/printable.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void output_init (void)
{
    stdout_guard (&cmd_name);
}

void output_push (FILE *f)
{
    stdout_push (f);
}

void output_flush (void)
{
    stdout_push (stdout);
    if (stdout_lost ())
        exit (1);
}

static const char *escape (const char *s, int flags)
{
    static struct buf ring[8];
    static unsigned int next;
    size_t len = s ? strlen (s) : 0;

    if (len == 0)
        return "";
    if (printable (s, len, flags))
        return s;
    struct buf *b = &ring[next++ % 8];
    buf_reset (b);
    return buf_add_printable (b, s, len, flags) < 0 ? "(out of memory)" : b->data;
}

const char *safe (const char *s)
{
    return escape (s, 0);
}

const char *safe_lines (const char *s)
{
    return escape (s, PRINTABLE_LINES);
}
