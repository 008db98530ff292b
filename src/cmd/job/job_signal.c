/* flux job kill, killall, raise, raiseall, urgency, memo, purge. */
#include "cmd/job/job.h"
#include "cmd/jobspec/jobspec_cli.h"

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* One request for each id, all under way at once; one line for each that failed. */
static int for_each_id (int n, char **ids,
                        flux_future_t *(*request) (flux_t *h, flux_jobid_t id,
                                                   void *arg),
                        void *arg)
{
    flux_t *h = cmd_open ();
    flux_future_t **f = calloc (n, sizeof (*f));
    int rc = 0;

    for (int i = 0; i < n; i++)
        f[i] = request (h, cmd_jobid (ids[i]), arg);
    for (int i = 0; i < n; i++) {
        if (!f[i] || flux_future_get (f[i], NULL) < 0) {
            cmd_warn ("%s: %s", ids[i],
                      f[i] ? cmd_future_error (f[i]) : strerror (errno));
            rc = 1;
        }
        flux_future_destroy (f[i]);
    }
    free (f);
    return rc;
}

struct optparse_option job_kill_opts[] = {
    { .name = "signal",
      .key = 's',
      .has_arg = 1,
      .arginfo = "SIG",
      .usage = "Signal to send (default SIGTERM)" },
    OPTPARSE_TABLE_END,
};

static flux_future_t *kill_request (flux_t *h, flux_jobid_t id, void *arg)
{
    return flux_job_kill (h, id, *(int *)arg);
}

int job_kill (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, -1);
    int signum = job_signum (optparse_get_str (p, "signal", "TERM"));

    return for_each_id (argc - i, argv + i, kill_request, &signum);
}

struct optparse_option job_killall_opts[] = {
    { .name = "force", .key = 'f', .usage = "Confirm the command" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER",
      .usage = "Of USER, or \"all\" (default: mine)" },
    { .name = "signal",
      .key = 's',
      .has_arg = 1,
      .arginfo = "SIG",
      .usage = "Signal to send (default SIGTERM)" },
    OPTPARSE_TABLE_END,
};

static uint32_t user_option (optparse_t *p)
{
    const char *s = optparse_get_str (p, "user", NULL);

    return s ? cmd_userid (s) : getuid ();
}

int job_killall (optparse_t *p, int argc, char **argv)
{
    job_operands (p, argc, 0, 0);
    bool force = optparse_hasopt (p, "force");
    int signum = job_signum (optparse_get_str (p, "signal", "TERM"));
    int count, errors;
    flux_future_t *f = flux_rpc_pack (
        cmd_open (), "job-manager.killall", FLUX_NODEID_ANY, 0, "{s:b s:I s:i}",
        "dry_run", !force, "userid", (json_int_t)user_option (p), "signum", signum);

    if (!f
        || flux_rpc_get_unpack (f, "{s:i s:i}", "count", &count, "errors", &errors) < 0)
        cmd_die ("killall: %s", f ? cmd_future_error (f) : strerror (errno));
    if (!force && count > 0)
        cmd_die ("Command matched %d jobs (-f to confirm)", count);
    if (force && count > 0)
        cmd_warn ("%s %d job%s (%d error%s)", strsignal (signum), count,
                  count == 1 ? "" : "s", errors, errors == 1 ? "" : "s");
    flux_future_destroy (f);
    return errors > 0;
}

struct optparse_option job_raise_opts[] = {
    { .name = "severity",
      .key = 's',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Severity (0-7, default 0: fatal)" },
    { .name = "type",
      .key = 't',
      .has_arg = 1,
      .arginfo = "TYPE",
      .usage = "Type (default: cancel)" },
    { .name = "message",
      .key = 'm',
      .has_arg = 1,
      .arginfo = "NOTE",
      .usage = "A note for people" },
    OPTPARSE_TABLE_END,
};

struct exception {
    const char *type, *note;
    int severity;
};

static flux_future_t *raise_request (flux_t *h, flux_jobid_t id, void *arg)
{
    struct exception *e = arg;

    return flux_job_raise (h, id, e->type, e->severity, e->note);
}

static char *join (int n, char **words)
{
    size_t len = 1;

    for (int i = 0; i < n; i++)
        len += strlen (words[i]) + 1;
    char *s = calloc (1, len);
    for (int i = 0; s && i < n; i++) {
        if (i > 0)
            strcat (s, " ");
        strcat (s, words[i]);
    }
    return s;
}

/* How many of the words are job ids: up to "--" (*skip: 1), or to the first that is
 * none, where the note begins. Options may stand behind ids. Nothing has been sent yet
 * when a word turns out to be wrong. */
static int scan_ids (optparse_t *p, int argc, char **argv, int first, int *skip)
{
    flux_jobid_t id;
    int n = 0;

    *skip = 0;
    for (int i = first; i < argc; i++, n++) {
        if (strcmp (argv[i], "--") == 0) {
            *skip = 1;
            break;
        }
        if (flux_job_id_parse (argv[i], &id) < 0 || id == FLUX_JOBID_ANY)
            break;
    }
    if (n == 0)
        cmd_die ("error parsing jobid: \"%s\"", first < argc ? argv[first] : "");
    return n;
}

/* Words that begin with a dash, behind the first id and before "--", are options. */
static int take_late_options (optparse_t *p, int argc, char **argv, int first)
{
    for (int i = first + 1; i < argc && strcmp (argv[i], "--") != 0; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            continue;
        int used = optparse_parse_args (p, argc - i + 1, argv + i - 1);
        if (used < 0)
            exit (1);
        used -= 1;
        if (used > 0 && strcmp (argv[i + used - 1], "--") == 0)
            used--; /* ends the ids, too */
        memmove (argv + i, argv + i + used, (argc - i - used) * sizeof (*argv));
        argc -= used;
        i--;
    }
    return argc;
}

static int raise_ids (optparse_t *p, int argc, char **argv, bool cancel)
{
    int first = job_operands (p, argc, 1, -1), skip;

    argc = take_late_options (p, argc, argv, first);
    int count = scan_ids (p, argc, argv, first, &skip);
    int rest = first + count + skip;
    char *words = rest < argc ? join (argc - rest, argv + rest) : NULL;
    struct exception e = {
        .type = cancel ? "cancel" : optparse_get_str (p, "type", "cancel"),
        .note = optparse_get_str (p, "message", words),
        .severity = cancel ? 0 : optparse_get_int (p, "severity", 0),
    };
    if (words && optparse_hasopt (p, "message"))
        cmd_die ("a note is given twice: by --message and as '%s'", words);
    int rc = for_each_id (count, argv + first, raise_request, &e);
    free (words);
    return rc;
}

int job_raise (optparse_t *p, int argc, char **argv)
{
    return raise_ids (p, argc, argv, false);
}

struct optparse_option job_cancel_opts[] = {
    { .name = "message",
      .key = 'm',
      .has_arg = 1,
      .arginfo = "NOTE",
      .usage = "A note for people" },
    OPTPARSE_TABLE_END,
};

/* The older form of flux cancel, which programs still call. */
int job_cancel (optparse_t *p, int argc, char **argv)
{
    return raise_ids (p, argc, argv, true);
}

struct optparse_option job_raiseall_opts[] = {
    { .name = "force", .key = 'f', .usage = "Confirm the command" },
    { .name = "severity",
      .key = 's',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Severity (0-7, default 7)" },
    { .name = "user",
      .key = 'u',
      .has_arg = 1,
      .arginfo = "USER",
      .usage = "Of USER, or \"all\" (default: mine)" },
    { .name = "states",
      .key = 'S',
      .has_arg = 1,
      .flags = OPTPARSE_OPT_AUTOSPLIT,
      .arginfo = "STATES",
      .usage = "In these states (default: active)" },
    OPTPARSE_TABLE_END,
};

static int state_mask (optparse_t *p)
{
    const char *s;
    int mask = 0;

    while ((s = optparse_getopt_next (p, "states")))
        if (cmd_add_states (s, &mask) < 0)
            cmd_die ("error parsing --states: %s is unknown", s);
    return mask ? mask : FLUX_JOB_STATE_ACTIVE;
}

int job_raiseall (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, -1);
    bool force = optparse_hasopt (p, "force");
    char *note = join (argc - i - 1, argv + i + 1);
    int count, errors;
    flux_future_t *f = flux_rpc_pack (
        cmd_open (), "job-manager.raiseall", FLUX_NODEID_ANY, 0,
        "{s:b s:I s:i s:i s:s s:s}", "dry_run", !force, "userid",
        (json_int_t)user_option (p), "states", state_mask (p), "severity",
        optparse_get_int (p, "severity", 7), "type", argv[i], "note", note);

    if (!f
        || flux_rpc_get_unpack (f, "{s:i s:i}", "count", &count, "errors", &errors) < 0)
        cmd_die ("raiseall: %s", f ? cmd_future_error (f) : strerror (errno));
    if (!force && count > 0)
        cmd_die ("Command matched %d jobs (-f to confirm)", count);
    if (force && count > 0)
        cmd_warn ("Raised exception on %d job%s (%d error%s)", count,
                  count == 1 ? "" : "s", errors, errors == 1 ? "" : "s");
    flux_future_destroy (f);
    free (note);
    return errors > 0;
}

struct optparse_option job_urgency_opts[] = {
    { .name = "verbose", .key = 'v', .usage = "Print what it was" },
    OPTPARSE_TABLE_END,
};

static int parse_urgency (const char *s)
{
    char *end;
    long n;

    if (strcasecmp (s, "hold") == 0)
        return FLUX_JOB_URGENCY_HOLD;
    if (strcasecmp (s, "expedite") == 0)
        return FLUX_JOB_URGENCY_EXPEDITE;
    if (strcasecmp (s, "default") == 0)
        return FLUX_JOB_URGENCY_DEFAULT;
    n = strtol (s, &end, 10);
    if (end == s || *end || n < 0 || n > 1000000)
        cmd_die ("invalid urgency: %s", s);
    return n;
}

int job_urgency (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 2, 2), old;
    int urgency = parse_urgency (argv[i + 1]);
    flux_future_t *f = flux_job_set_urgency (cmd_open (), cmd_jobid (argv[i]), urgency);

    if (!f || flux_rpc_get_unpack (f, "{s:i}", "old_urgency", &old) < 0)
        cmd_die ("%s: %s", argv[i], f ? cmd_future_error (f) : strerror (errno));
    if (optparse_hasopt (p, "verbose"))
        fprintf (stderr, "old job urgency: %d%s\n", old,
                 old == FLUX_JOB_URGENCY_HOLD       ? " (job held)"
                 : old == FLUX_JOB_URGENCY_EXPEDITE ? " (job expedited)"
                                                    : "");
    flux_future_destroy (f);
    return 0;
}

/* A key a.b is b in an object a. */
struct optparse_option job_memo_opts[] = {
    { .name = "volatile", .usage = "Only in memory, not in the eventlog" },
    OPTPARSE_TABLE_END,
};

int job_memo (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 2, -1);
    flux_jobid_t id = cmd_jobid (argv[i]);
    json_t *memo = json_object ();

    for (int k = i + 1; k < argc; k++) {
        char *value = strchr (argv[k], '=');
        if (!value || value == argv[k])
            cmd_die ("memo: expected key=value, got %s", argv[k]);
        *value++ = '\0';
        json_t *o = json_loads (value, JSON_DECODE_ANY, NULL);
        if (jobspec_set_path (memo, argv[k], o ? o : json_string (value)) < 0)
            cmd_die ("memo: %s: no key, or a part of it has a value already", argv[k]);
    }
    flux_future_t *f = flux_rpc_pack (
        cmd_open (), "job-manager.memo", FLUX_NODEID_ANY, 0, "{s:I s:b s:o}", "id",
        (json_int_t)id, "volatile", optparse_hasopt (p, "volatile") > 0, "memo", memo);
    if (!f || flux_future_get (f, NULL) < 0)
        cmd_die ("memo: %s", f ? cmd_future_error (f) : strerror (errno));
    flux_future_destroy (f);
    return 0;
}

struct optparse_option job_purge_opts[] = {
    { .name = "age-limit",
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Purge jobs that became inactive longer ago" },
    { .name = "num-limit",
      .has_arg = 1,
      .arginfo = "COUNT",
      .usage = "Purge the oldest until COUNT inactive jobs are left" },
    { .name = "batch",
      .has_arg = 1,
      .arginfo = "COUNT",
      .usage = "Jobs for each request (default 50)" },
    { .name = "force", .key = 'f', .usage = "Confirm the command" },
    OPTPARSE_TABLE_END,
};

static flux_future_t *purge_request (flux_t *h, flux_jobid_t id, void *arg)
{
    return flux_rpc_pack (h, "job-manager.purge-id", FLUX_NODEID_ANY, 0, "{s:I s:b}",
                          "id", (json_int_t)id, "force", *(bool *)arg);
}

static int purge_ids (int n, char **ids, bool force)
{
    int rc = for_each_id (n, ids, purge_request, &force);

    if (rc == 0)
        printf ("%s%d inactive job%s\n", force ? "purged " : "use --force to purge ", n,
                n == 1 ? "" : "s");
    return rc;
}

int job_purge (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 0, -1);
    bool force = optparse_hasopt (p, "force");
    double age = optparse_get_duration (p, "age-limit", -1.);
    int num = optparse_get_int (p, "num-limit", -1);
    int batch = optparse_get_int (p, "batch", 50);
    int count, total, purged = 0;

    if (optparse_hasopt (p, "num-limit") && num < 0)
        cmd_die ("--num-limit=%d: must be 0 or more", num);
    if (i < argc)
        return purge_ids (argc - i, argv + i, force);
    do {
        flux_future_t *f = flux_rpc_pack (
            cmd_open (), "job-manager.purge", FLUX_NODEID_ANY, 0, "{s:f s:i s:i s:b}",
            "age_limit", age, "num_limit", num, "batch", batch, "force", force);
        if (!f
            || flux_rpc_get_unpack (f, "{s:i s:i}", "count", &count, "total", &total)
                   < 0)
            cmd_die ("purge: %s", f ? cmd_future_error (f) : strerror (errno));
        purged += count;
        flux_future_destroy (f);
    } while (force && count == batch);
    if (force)
        printf ("purged %d inactive jobs, %d remaining\n", purged, total - count);
    else
        printf ("use --force to purge %d of %d inactive jobs\n", count, total);
    return 0;
}
