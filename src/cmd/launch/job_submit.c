/* flux job submit, attach. */
#include "base/file.h"
#include "cmd/format/load_yaml.h"
#include "cmd/job/job.h"
#include "cmd/submit/attach/attach.h"
#include "value/job/jobspec.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

struct optparse_option job_submit_opts[] = {
    { .name = "urgency",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Urgency of the job (0-31), default 16" },
    { .name = "flags",
      .key = 'f',
      .has_arg = 1,
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .arginfo = "FLAGS",
      .usage = "Comma separated: debug, waitable, novalidate, "
               "signed" },
    OPTPARSE_TABLE_END,
};

static int parse_flags (optparse_t *p)
{
    const char *s;
    int flags = 0;

    while ((s = optparse_getopt_next (p, "flags"))) {
        if (strcmp (s, "debug") == 0)
            flags |= FLUX_JOB_DEBUG;
        else if (strcmp (s, "waitable") == 0)
            flags |= FLUX_JOB_WAITABLE;
        else if (strcmp (s, "novalidate") == 0)
            flags |= FLUX_JOB_NOVALIDATE;
        else if (strcmp (s, "signed") == 0)
            flags |= FLUX_JOB_PRE_SIGNED;
        else
            cmd_die ("unknown flag: %s", s);
    }
    return flags;
}

static char *read_jobspec (const char *path)
{
    size_t len;
    char *s;

    if (!path || strcmp (path, "-") == 0) {
        if (!(s = fd_read_all (STDIN_FILENO, &len)))
            cmd_die ("stdin: %s", strerror (errno));
    } else if (!(s = file_read_all (path, &len))) {
        cmd_die ("%s: %s", path, strerror (errno));
    }
    if (len == 0)
        cmd_die ("required jobspec is empty");
    while (len > 0 && strchr (" \n\t\r", s[len - 1]))
        s[--len] = '\0';
    return s;
}

/* JSON goes as it is: the instance says what is wrong with it. So does a text
 * that is neither JSON nor a YAML mapping. Takes s. */
static char *to_json (char *s)
{
    const char *first = s + strspn (s, " \n\t\r");
    flux_error_t error;
    json_t *o;

    if (*first == '{' || *first == '[' || !strchr (s, ':'))
        return s;
    if (!(o = load_yaml (s, strlen (s), &error)))
        cmd_die ("%s", error.text);
    if (json_is_object (o)) {
        free (s);
        s = json_dumps (o, JSON_COMPACT);
    }
    json_decref (o);
    return s;
}

int job_submit (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 0, 1);
    int urgency = optparse_get_int (p, "urgency", FLUX_JOB_URGENCY_DEFAULT);
    int flags = parse_flags (p);
    char *s = read_jobspec (argv[i]);
    flux_jobid_t id;

    if (!(flags & FLUX_JOB_PRE_SIGNED))
        s = to_json (s);

    flux_future_t *f = flux_job_submit (cmd_open (), s, urgency, flags);
    if (!f || flux_job_submit_get_id (f, &id) < 0)
        cmd_die ("%s", f ? cmd_future_error (f) : strerror (errno));
    printf ("%s\n", cmd_f58 (id));
    flux_future_destroy (f);
    free (s);
    return 0;
}

struct optparse_option job_attach_opts[] = {
    { .name = "show-events", .key = 'E', .usage = "Show job events on stderr" },
    { .name = "show-exec", .key = 'X', .usage = "Show exec events on stderr" },
    { .name = "show-status", .key = 's', .usage = "Show what the job waits for" },
    { .name = "wait-event",
      .key = 'w',
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "Wait for event NAME only, instead of the end of the job" },
    { .name = "label-io", .key = 'l', .usage = "Label output by rank" },
    { .name = "verbose", .key = 'v', .usage = "Like -E; twice: like -E -X" },
    { .name = "quiet", .key = 'q', .usage = "Print nothing but output" },
    { .name = "read-only", .key = 'r', .usage = "Do not forward stdin" },
    { .name = "stdin-ranks",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "RANKS",
      .usage = "Send stdin to these ranks only (default: all)" },
    { .name = "unbuffered",
      .key = 'u',
      .usage = "Do not buffer stdin (which is always so)" },
    { .name = "debug", .usage = "Tell a parallel debugger of the tasks (MPIR)" },
    { .name = "tail",
      .has_arg = 2,
      .arginfo = "N",
      .usage = "Of the output so far, print the last N lines only (default 10)" },
    OPTPARSE_TABLE_END,
};

/* -1: all. */
static long tail_lines (optparse_t *p)
{
    const char *s = optparse_get_str (p, "tail", "10");
    char *end;

    if (!optparse_hasopt (p, "tail"))
        return -1;
    errno = 0;
    long n = strtol (s, &end, 10);
    if (errno || end == s || *end || n < 0)
        cmd_die ("--tail=%s: not a number of lines", s);
    return n;
}

int job_attach (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 1);
    int verbose = optparse_hasopt (p, "verbose");
    struct attach_options opts = {
        .label = optparse_hasopt (p, "label-io"),
        .show_events = optparse_hasopt (p, "show-events") || verbose > 0,
        .show_exec = optparse_hasopt (p, "show-exec") || verbose > 1,
        .show_status = optparse_hasopt (p, "show-status"),
        .quiet = optparse_hasopt (p, "quiet"),
        .read_only = optparse_hasopt (p, "read-only"),
        .stdin_ranks = optparse_get_str (p, "stdin-ranks", NULL),
        .wait_event = optparse_get_str (p, "wait-event", NULL),
        .tail = tail_lines (p),
        .debug = optparse_hasopt (p, "debug"),
    };

    if (opts.stdin_ranks && opts.read_only)
        cmd_die ("Do not use --stdin-ranks with --read-only");
    return attach_job (cmd_open (), cmd_jobid (argv[i]), &opts);
}
