#include "cmd/format/format_option.h"

#include "cmd/output/output.h"

#include <stdlib.h>

char *format_option (const struct format_set *set, optparse_t *p)
{
    struct buf answer = BUF_INIT;
    flux_error_t error = { { 0 } };
    char *text =
        format_choose (set, optparse_get_str (p, "format", NULL), &answer, &error);

    if (!text && answer.len == 0)
        cmd_die ("ERROR: %s", safe (error.text));
    if (!text) {
        buf_print (&answer, stdout);
        buf_fini (&answer);
        exit (0);
    }
    return text;
}
