/* flux-jobspec-validate: check jobspecs and print them in a normal form.
 * Exit status: 0, 1 a file cannot be read, 2 a jobspec is not valid, 3 other. */
#include "base/file.h"
#include "base/os/stdout.h"
#include "fluxion/jobspec/jobspec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int validate (const char *name, const char *text, size_t len)
{
    flux_error_t error;
    int line = 0, column = 0;
    struct request *r = request_parse (text, len, &line, &column, &error);
    char *out;
    int rc = 0;

    if (!r) {
        if (errno == ENOMEM)
            rc = 3;
        else
            rc = 2;
        fprintf (stderr, "flux-jobspec-validate: %s", name);
        if (line > 0)
            fprintf (stderr, ": line %d, column %d", line, column);
        fprintf (stderr, ": %s\n", error.text);
        return rc;
    }
    if (!(out = request_dump (r)) || fputs (out, stdout) == EOF || fflush (stdout)) {
        fprintf (stderr, "flux-jobspec-validate: %s: %s\n", name, strerror (errno));
        rc = 3;
    }
    free (out);
    request_destroy (r);
    return rc;
}

static int validate_file (const char *path)
{
    size_t len;
    bool standard = strcmp (path, "-") == 0;
    char *text =
        standard ? fd_read_all (STDIN_FILENO, &len) : file_read_all (path, &len);

    if (!text) {
        fprintf (stderr, "flux-jobspec-validate: %s: %s\n", path, strerror (errno));
        return 1;
    }
    int rc = validate (standard ? "(stdin)" : path, text, len);
    free (text);
    return rc;
}

static const char *const program = "flux-jobspec-validate";

int main (int argc, char **argv)
{
    int rc = 0;

    stdout_guard (&program);
    if (argc == 2 && (strcmp (argv[1], "--help") == 0 || strcmp (argv[1], "-h") == 0)) {
        puts ("Usage: flux-jobspec-validate [FILE...]\n"
              "Check jobspecs (standard input without FILE) and print them in a normal "
              "form.");
        return 0;
    }
    if (argc < 2)
        return validate_file ("-");
    for (int i = 1; i < argc && rc == 0; i++)
        rc = validate_file (argv[i]);
    return rc;
}
