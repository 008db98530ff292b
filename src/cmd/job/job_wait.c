/* flux job wait, status. */
#include "cmd/job/job.h"
#include "cmd/output/output.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct optparse_option job_wait_opts[] = {
    { .name = "all", .key = 'a', .usage = "Wait for all (waitable) jobs" },
    { .name = "verbose", .key = 'v', .usage = "Say how each job ended" },
    OPTPARSE_TABLE_END,
};

/* Exit status 2: there was nothing to wait for. */
static int wait_one (flux_jobid_t id)
{
    flux_future_t *f = flux_job_wait (cmd_open (), id);
    bool success;
    const char *errstr;
    flux_jobid_t which;

    if (!f || flux_job_wait_get_status (f, &success, &errstr) < 0) {
        int rc = errno == ECHILD ? 2 : 1;
        cmd_warn ("%s", f ? cmd_future_error (f) : strerror (errno));
        flux_future_destroy (f);
        return rc;
    }
    if (id == FLUX_JOBID_ANY && flux_job_wait_get_id (f, &which) == 0)
        printf ("%s\n", cmd_f58 (which));
    if (!success)
        cmd_warn ("%s", errstr);
    flux_future_destroy (f);
    return success ? 0 : 1;
}

static int wait_all (bool verbose)
{
    int rc = 0;

    for (;;) {
        flux_future_t *f = flux_job_wait (cmd_open (), FLUX_JOBID_ANY);
        bool success;
        const char *errstr;
        flux_jobid_t id;
        if (!f || flux_job_wait_get_status (f, &success, &errstr) < 0
            || flux_job_wait_get_id (f, &id) < 0) {
            if (errno != ECHILD)
                cmd_die ("%s", f ? cmd_future_error (f) : strerror (errno));
            flux_future_destroy (f);
            return rc;
        }
        if (!success) {
            fprintf (stderr, "%s: %s\n", cmd_f58 (id), safe_lines (errstr));
            rc = 1;
        } else if (verbose) {
            fprintf (stderr, "%s: job completed successfully\n", cmd_f58 (id));
        }
        flux_future_destroy (f);
    }
}

int job_wait (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 0, 1);

    if (optparse_hasopt (p, "all")) {
        if (i < argc)
            cmd_die ("jobid not supported with --all");
        return wait_all (optparse_hasopt (p, "verbose"));
    }
    return wait_one (i < argc ? cmd_jobid (argv[i]) : FLUX_JOBID_ANY);
}

/* --- status --- */

struct optparse_option job_status_opts[] = {
    { .name = "verbose", .key = 'v', .usage = "Say how each job ended" },
    { .name = "json", .key = 'j', .usage = "Print what is known, as JSON" },
    { .name = "exception-exit-code",
      .key = 'e',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Exit code of a job that an exception ended before it started" },
    OPTPARSE_TABLE_END,
};

static int exit_code (flux_future_t *f, int exception_code, bool verbose)
{
    json_int_t id;
    int result, waitstatus = -1, occurred = 0;
    const char *type = "", *note = "";

    if (flux_job_result_get_unpack (f, "{s:I s:i s?i s?b s?s s?s}", "id", &id, "result",
                                    &result, "waitstatus", &waitstatus,
                                    "exception_occurred", &occurred, "exception_type",
                                    &type, "exception_note", &note)
        < 0)
        cmd_die ("malformed result");
    int code = waitstatus >= 0 ? flux_job_waitstatus_to_exitcode (waitstatus, NULL)
               : occurred      ? exception_code
                               : 0;
    if (!verbose)
        return code;
    if (waitstatus < 0)
        cmd_warn ("%s: exception type=%s %s", cmd_f58 (id), type, note);
    else if (code > 128)
        cmd_warn ("%s: job shell %s, exit code %d", cmd_f58 (id),
                  strsignal (code - 128), code);
    else
        cmd_warn ("%s: exited with exit code %d", cmd_f58 (id), code);
    return code;
}

int job_status (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, -1), n = argc - i, rc = 0;
    flux_t *h = cmd_open ();
    flux_future_t **f = calloc (n, sizeof (*f));
    int exception_code = optparse_get_int (p, "exception-exit-code", 1);
    bool verbose = optparse_hasopt (p, "verbose");
    const char *json;

    for (int k = 0; k < n; k++) {
        if (!(f[k] = flux_job_result (h, cmd_jobid (argv[i + k]), 0)))
            cmd_die ("%s", strerror (errno));
    }
    for (int k = 0; k < n; k++) {
        if (flux_job_result_get (f[k], &json) < 0) {
            if (errno == ENOENT)
                cmd_die ("%s: No such job", argv[i + k]);
            cmd_die ("%s: %s", argv[i + k], cmd_future_error (f[k]));
        }
        if (optparse_hasopt (p, "json"))
            puts (json);
        int code = exit_code (f[k], exception_code, verbose);
        rc = code > rc ? code : rc;
        flux_future_destroy (f[k]);
    }
    free (f);
    return rc;
}
