/* grug2dot: a GRUG recipe as Graphviz, on standard output. */
#include "base/file.h"
#include "base/os/stdout.h"
#include "fluxion/graph/draw.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct option longopts[] = {
    { "more", no_argument, NULL, 'm' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int usage (FILE *f, int status)
{
    fputs ("Usage: grug2dot [--more] FILE.graphml\n"
           "Print a resource-generation recipe as Graphviz.\n"
           "\n"
           "  -m, --more  with all attributes\n"
           "  -h, --help  print this\n",
           f);
    return status;
}

static const char *const program = "grug2dot";

int main (int argc, char **argv)
{
    struct buf b = BUF_INIT;
    flux_error_t error;
    bool more = false;
    size_t len;
    int c;

    stdout_guard (&program);
    while ((c = getopt_long (argc, argv, "mh", longopts, NULL)) != -1) {
        if (c == 'h')
            return usage (stdout, 0);
        if (c != 'm')
            return usage (stderr, 2);
        more = true;
    }
    if (optind + 1 != argc)
        return usage (stderr, 2);
    char *text = file_read_all (argv[optind], &len);
    if (!text) {
        fprintf (stderr, "grug2dot: %s: %s\n", argv[optind], strerror (errno));
        return 1;
    }
    int rc = grug_draw (text, len, more, &b, &error);
    if (rc < 0)
        fprintf (stderr, "grug2dot: %s: %s\n", argv[optind], error.text);
    else if (buf_print (&b, stdout) < 0 || fflush (stdout) != 0) {
        fprintf (stderr, "grug2dot: %s\n", strerror (errno));
        rc = -1;
    }
    buf_fini (&b);
    free (text);
    return rc < 0;
}
