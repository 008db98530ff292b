/* flux ion-resource: ask and change the graph of sched-fluxion-resource. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#define SERVICE "sched-fluxion-resource."

/* The file that a request is made of, once it may be that which is wrong. */
static const char *about;

/* The status says what it was: 3 ENOENT, 16 EBUSY, 19 ENODEV, 2 not YAML, else 1. */
static void fail (int errnum, const char *text) __attribute__ ((noreturn));
static void fail (int errnum, const char *text)
{
    bool bad = about && (errnum == EINVAL || errnum == EBADMSG);

    cmd_warn ("ERROR: error(%d): %s%s%s", errnum, bad ? safe (about) : "",
              bad ? ": " : "", safe (text));
    exit (errnum == ENOENT                      ? 3
          : errnum == EBUSY || errnum == ENODEV ? errnum
          : errnum == EBADMSG                   ? 2
                                                : 1);
}

/* The answer, owned by the caller; takes payload. */
static json_t *call (const char *method, json_t *take_payload)
{
    char topic[80];
    flux_future_t *f;
    const char *s;
    json_t *o;

    snprintf (topic, sizeof (topic), SERVICE "%s", method);
    if (!take_payload) /* of operands, which are as the user wrote them */
        cmd_die ("ERROR: an argument is not text (UTF-8)");
    if (!(f = flux_rpc_pack (cmd_open (), topic, 0, 0, "o", take_payload))
        || flux_rpc_get (f, &s) < 0)
        fail (errno, f ? cmd_future_error (f) : strerror (errno));
    if (!(o = s ? json_loads (s, 0, NULL) : json_object ()))
        cmd_die ("ERROR: %s: the answer is not JSON", topic);
    flux_future_destroy (f);
    return o;
}

/* As JSON can carry it? */
static bool is_text (const char *s)
{
    json_t *o = json_string (s);

    json_decref (o);
    return o != NULL;
}

static char *read_text (const char *path)
{
    size_t len;
    char *s = file_read_all (path, &len);
    int errnum = errno;

    if (s && (memchr (s, '\0', len) || !is_text (s))) {
        about = path;
        fail (EBADMSG, "it is not text (UTF-8)");
    }
    if (s)
        return s;
    cmd_warn ("ERROR: error(%d): %s: %s", errnum, safe (path), strerror (errnum));
    exit (errnum == ENOENT ? 3 : 1);
}

static char **operands (optparse_t *p, int argc, char **argv, int least, int most,
                        const char *what)
{
    int i = optparse_option_index (p);

    if (argc - i < least || (most >= 0 && argc - i > most))
        cmd_usage_error (p, "the arguments are: %s", what);
    return argv + i;
}

static void rule (void)
{
    for (int i = 0; i < 80; i++)
        putchar ('=');
    putchar ('\n');
}

static void print_json (json_t *o)
{
    char *s = json_dumps (o, JSON_ENCODE_ANY);

    puts (s ? safe (s) : "null");
    free (s);
}

static void print_job (json_t *o)
{
    const char *status = "";
    json_int_t id = 0, at = 0;
    double overhead = 0;
    char time[32];

    (void)json_unpack (o, "{s:I s:s s:I s:F}", "jobid", &id, "status", &status, "at",
                       &at, "overhead", &overhead);
    time_t t = at;
    struct tm tm;
    strftime (time, sizeof (time), "%Y-%m-%dT%H:%M:%S", gmtime_r (&t, &tm));
    printf ("%-20s %-20s %-20s %-20s\n", "JOBID", "STATUS", "AT", "OVERHEAD (Secs)");
    printf ("%-20jd %-20s %-20s %-20.9g\n", (intmax_t)id, safe (status),
            at ? time : "Now", overhead);
}

static void print_R (json_t *o, const char *heading)
{
    const char *R = json_string_value (json_object_get (o, "R"));

    rule ();
    printf ("%s RESOURCES:\n%s", heading, safe_lines (R));
    if (R && *R && R[strlen (R) - 1] != '\n')
        putchar ('\n');
}

/* -1: nothing is kept under it. */
static json_int_t next_jobid (const char *command)
{
    json_t *o;
    json_int_t id;

    if (strcmp (command, "satisfiability") == 0
        || strncmp (command, "without_", strlen ("without_")) == 0)
        return -1;
    o = call ("next_jobid", json_object ());
    id = json_integer_value (json_object_get (o, "jobid"));
    json_decref (o);
    return id;
}

static int run_match (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, 2, "COMMAND JOBSPEC");
    char *text = read_text (a[1]);
    json_int_t id = next_jobid (a[0]);
    json_t *o;

    about = a[1];
    o = call ("match",
              json_pack ("{s:s s:I s:s}", "cmd", a[0], "jobid", id, "jobspec", text));
    free (text);
    if (strcmp (a[0], "satisfiability") == 0) {
        rule ();
        puts ("Satisfiable request");
        rule ();
        json_decref (o);
        return 0;
    }
    print_job (o);
    print_R (o, "MATCHED");
    json_decref (o);
    return 0;
}

static int run_update (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, 2, "RV1 JOBID");
    char *text = read_text (a[0]);
    json_t *o = call ("update", json_pack ("{s:I s:s}", "jobid",
                                           (json_int_t)cmd_jobid (a[1]), "R", text));

    free (text);
    print_job (o);
    print_R (o, "UPDATED");
    json_decref (o);
    return 0;
}

static json_t *job_payload (const char *id)
{
    return json_pack ("{s:I}", "jobid", (json_int_t)cmd_jobid (id));
}

static int run_info (optparse_t *p, int argc, char **argv)
{
    json_t *o = call ("info", job_payload (*operands (p, argc, argv, 1, 1, "JOBID")));

    print_job (o);
    json_decref (o);
    return 0;
}

static int run_cancel (optparse_t *p, int argc, char **argv)
{
    json_decref (
        call ("cancel", job_payload (*operands (p, argc, argv, 1, 1, "JOBID"))));
    return 0;
}

static int run_partial_cancel (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, 2, "JOBID RV1EXEC");
    char *text = read_text (a[1]);
    json_t *o =
        call ("partial-cancel", json_pack ("{s:I s:s}", "jobid",
                                           (json_int_t)cmd_jobid (a[0]), "R", text));

    free (text);
    printf ("full removal: %s\n",
            json_is_true (json_object_get (o, "full-removal"))
                    || json_integer_value (json_object_get (o, "full-removal"))
                ? "true"
                : "false");
    json_decref (o);
    return 0;
}

static const struct {
    const char *label, *path, *unit;
} stats[] = {
    { "Num. of Vertices", "V", "" },
    { "Num. of Edges", "E", "" },
    { "Num. of Vertices by Rank", "by_rank", "" },
    { "Graph Load Time", "load-time", " Secs" },
    { "Graph Uptime", "graph-uptime", " Secs" },
    { "Time Since Stats Reset", "time-since-reset", " Secs" },
};

static const struct {
    const char *succeeded, *failed, *path, *unit;
} match_stats[] = {
    { "Num. of Total Jobs Successfully Matched",
      "Num. of Total Jobs with Failed Matches", "njobs", "" },
    { "Num. of Jobs Successfully Matched Since Reset",
      "Num. of Jobs with Failed Matches Since Reset", "njobs-reset", "" },
    { "Jobid corresponding to max match time", "Jobid corresponding to max failed time",
      "max-match-jobid", "" },
    { "Match iterations corresponding to max match time",
      "Match iterations corresponding to max failed time", "max-match-iters", "" },
    { "Min. Successful Match Time", "Min. Failed Match Time", "min", " Secs" },
    { "Max. Successful Match Time", "Max. Failed Match Time", "max", " Secs" },
    { "Avg. Successful Match Time", "Avg. Failed Match Time", "avg", " Secs" },
    { "Successful Match Variance", "Failed Match Variance", "variance", " Secs^2" },
};

static void print_stat (const char *label, json_t *value, const char *unit)
{
    char *s = json_dumps (value, JSON_ENCODE_ANY);

    printf ("%s:  %s%s\n", label, s ? safe (s) : "", unit);
    free (s);
}

static void print_match_stats (json_t *match, bool succeeded)
{
    json_t *o = json_object_get (match, succeeded ? "succeeded" : "failed");

    for (size_t i = 0; i < sizeof (match_stats) / sizeof (match_stats[0]); i++) {
        json_t *value = json_object_get (o, match_stats[i].path);
        if (!value)
            value = json_object_get (json_object_get (o, "stats"), match_stats[i].path);
        print_stat (succeeded ? match_stats[i].succeeded : match_stats[i].failed, value,
                    match_stats[i].unit);
    }
}

static int run_stats (optparse_t *p, int argc, char **argv)
{
    json_t *o;

    operands (p, argc, argv, 0, 0, "none");
    o = call ("stats-get", json_object ());
    for (size_t i = 0; i < sizeof (stats) / sizeof (stats[0]); i++)
        print_stat (stats[i].label, json_object_get (o, stats[i].path), stats[i].unit);
    print_match_stats (json_object_get (o, "match"), true);
    print_match_stats (json_object_get (o, "match"), false);
    json_decref (o);
    return 0;
}

static int run_stats_cancel (optparse_t *p, int argc, char **argv)
{
    operands (p, argc, argv, 0, 0, "none");
    json_decref (call ("stats-clear", json_object ()));
    return 0;
}

static int run_find (optparse_t *p, int argc, char **argv)
{
    const char *criteria = *operands (p, argc, argv, 1, 1, "CRITERIA");
    json_t *o =
        call ("find", json_pack ("{s:s s:s}", "criteria", criteria, "format",
                                 optparse_get_str (p, "format", "rv1_nosched")));

    if (!optparse_hasopt (p, "quiet")) {
        printf ("CRITERIA\n'%s'\n", safe (criteria));
        rule ();
        puts ("MATCHED RESOURCES:");
    }
    print_json (json_object_get (o, "R"));
    json_decref (o);
    return 0;
}

/* One that only prints its answer as JSON. */
static int print_answer (const char *method, json_t *take_payload)
{
    json_t *o = call (method, take_payload);

    print_json (o);
    json_decref (o);
    return 0;
}

static int run_status (optparse_t *p, int argc, char **argv)
{
    operands (p, argc, argv, 0, 0, "none");
    return print_answer ("status", json_object ());
}

static int run_params (optparse_t *p, int argc, char **argv)
{
    operands (p, argc, argv, 0, 0, "none");
    return print_answer ("params", json_object ());
}

static int run_set_status (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, 2, "PATH STATUS");

    json_decref (call ("set_status",
                       json_pack ("{s:s s:s}", "resource_path", a[0], "status", a[1])));
    return 0;
}

static json_t *paths (char **argv, int n)
{
    json_t *o = json_array ();

    for (int i = 0; i < n; i++)
        if (json_array_append_new (o, json_string (argv[i])) < 0)
            cmd_die ("ERROR: %s is not text (UTF-8)", safe (argv[i]));
    return o;
}

static int run_set_property (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, -1, "PATH... KEY=VALUE");
    int n = argc - optparse_option_index (p) - 1;

    json_decref (call ("set_property", json_pack ("{s:o s:s}", "sp_resource_path",
                                                  paths (a, n), "sp_keyval", a[n])));
    return 0;
}

static int run_remove_property (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, -1, "PATH... KEY");
    int n = argc - optparse_option_index (p) - 1;

    json_decref (call ("remove_property", json_pack ("{s:o s:s}", "resource_path",
                                                     paths (a, n), "key", a[n])));
    return 0;
}

static int run_get_property (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 2, 2, "PATH KEY");
    json_t *o = call ("get_property", json_pack ("{s:s s:s}", "gp_resource_path", a[0],
                                                 "gp_key", a[1]));
    json_t *value;
    size_t i;

    printf ("%s = [", safe (a[1]));
    json_array_foreach (json_object_get (o, "values"), i, value)
        printf ("%s'%s'", i ? ", " : "", safe (json_string_value (value)));
    puts ("]");
    json_decref (o);
    return 0;
}

static json_int_t number (optparse_t *p, const char *s)
{
    char *end;

    errno = 0;
    json_int_t n = strtoll (s, &end, 10);
    if (errno || end == s || *end)
        cmd_usage_error (p, "no number: %s", s);
    return n;
}

static int run_ns_info (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 3, 3, "RANK TYPE ID");
    json_t *o = call ("ns-info", json_pack ("{s:I s:s s:I}", "rank", number (p, a[0]),
                                            "type-name", a[1], "id", number (p, a[2])));

    print_json (json_object_get (o, "id"));
    json_decref (o);
    return 0;
}

static int run_add_subgraph (optparse_t *p, int argc, char **argv)
{
    char *text = read_text (*operands (p, argc, argv, 1, 1, "FILE"));

    json_decref (call ("add_subgraph", json_pack ("{s:s}", "subgraph", text)));
    free (text);
    return 0;
}

static int run_remove_subgraph (optparse_t *p, int argc, char **argv)
{
    char **a = operands (p, argc, argv, 1, 1, "PATH");

    json_decref (call ("remove_subgraph", json_pack ("{s:s}", "subgraph_path", *a)));
    return 0;
}

static struct optparse_option find_opts[] = {
    { .name = "format",
      .has_arg = 1,
      .arginfo = "FORMAT",
      .usage = "Print as FORMAT (rv1_nosched, rv1, jgf, rlite, ...)" },
    { .name = "quiet", .key = 'q', .usage = "Print nothing but the resources" },
    OPTPARSE_TABLE_END,
};

static struct optparse_subcommand subcommands[] = {
    { "match", "COMMAND JOBSPEC", "Match a jobspec: allocate, satisfiability, ...",
      run_match, 0, NULL },
    { "update", "RV1 JOBID", "Allocate what R names", run_update, 0, NULL },
    { "info", "JOBID", "Show a job", run_info, 0, NULL },
    { "stats", "", "Show statistics", run_stats, 0, NULL },
    { "stats-cancel", "", "Clear statistics", run_stats_cancel, 0, NULL },
    { "cancel", "JOBID", "Give back what a job holds", run_cancel, 0, NULL },
    { "partial-cancel", "JOBID RV1EXEC", "Give back a part of it", run_partial_cancel,
      0, NULL },
    { "find", "[OPTIONS] CRITERIA", "Find resources", run_find, 0, find_opts },
    { "status", "", "Show what there is, what is down, what is allocated", run_status,
      0, NULL },
    { "set-status", "PATH STATUS", "Mark a resource up or down", run_set_status, 0,
      NULL },
    { "set-property", "PATH... KEY=VALUE", "Set a property", run_set_property, 0,
      NULL },
    { "remove-property", "PATH... KEY", "Remove a property", run_remove_property, 0,
      NULL },
    { "get-property", "PATH KEY", "Show a property", run_get_property, 0, NULL },
    { "ns-info", "RANK TYPE ID", "Show the id of a resource", run_ns_info, 0, NULL },
    { "params", "", "Show the parameters of the module", run_params, 0, NULL },
    { "add-subgraph", "FILE", "Add resources (JGF)", run_add_subgraph, 0, NULL },
    { "remove-subgraph", "PATH", "Remove resources", run_remove_subgraph, 0, NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_ion_resource = {
    .name = "ion-resource",
    .summary = "Ask and change the graph scheduler's resources",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
    .flags = CMD_USAGE2 | CMD_MIXED_ARGS,
};
