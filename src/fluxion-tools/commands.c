/* The commands of resource-query. Each returns 0, or -1 after a line on stderr. */
#include "base/sort.h"
#include "fluxion-tools/session.h"
#include "fluxion/find.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int malformed (void)
{
    fprintf (stderr, "ERROR: malformed command\n");
    return -1;
}

static bool parse_jobid (const char *s, uint64_t *id)
{
    char *end;

    errno = 0;
    *id = strtoull (s, &end, 10);
    return errno == 0 && *end == '\0' && end != s && *s != '-';
}

static bool parse_time (const char *s, int64_t *t)
{
    char *end;

    errno = 0;
    *t = strtoll (s, &end, 10);
    return errno == 0 && *end == '\0' && end != s;
}

static struct request *load_request (struct session *ss, const char *path)
{
    size_t len;
    char *text = session_read (path, &len);
    struct request *r = NULL;
    flux_error_t error;

    if (!text)
        return NULL;
    r = request_parse (text, len, NULL, NULL, &error);
    if (r && request_bind (r, scheduler_graph (ss->s), &error) < 0) {
        request_destroy (r);
        r = NULL;
    }
    if (!r)
        fprintf (stderr, "match_allocate: ERROR: Jobspec error for %" PRIu64 ": %s\n",
                 ss->counter, error.text);
    free (text);
    return r;
}

static void print_satisfiable (struct session *ss, bool yes)
{
    session_print_line (ss);
    fprintf (ss->out, "INFO: %s request\n", yes ? "Satisfiable" : "Unsatisfiable");
    session_print_line (ss);
}

static void print_failure (struct session *ss, uint64_t id, int errnum,
                           const char *text)
{
    session_print_line (ss);
    fprintf (ss->out, "INFO: No matching resources found\n");
    if (errnum == ENODEV)
        fprintf (ss->out, "INFO: Unsatisfiable request\n");
    fprintf (ss->out, "INFO: JOBID=%" PRIu64 "\n", id);
    session_print_line (ss);
    if (errnum != EBUSY && errnum != ENODEV)
        fprintf (stderr, "ERROR: %s\n", text);
}

static void count_time (struct session *ss, double seconds)
{
    if (ss->matches == 0 || seconds < ss->min)
        ss->min = seconds;
    if (seconds > ss->max)
        ss->max = seconds;
    ss->sum += seconds;
    ss->matches++;
}

static int match_file (struct session *ss, match_op_t op, const char *path)
{
    bool keeps = op == MATCH_ALLOCATE || op == MATCH_ALLOCATE_W_SATISFIABILITY
                 || op == MATCH_ALLOCATE_ORELSE_RESERVE;
    struct request *r = load_request (ss, path);
    struct match_result res;
    flux_error_t error;
    double t0 = session_now ();

    if (!r)
        return -1;
    int rc = scheduler_match (ss->s, op, r, ss->counter, 0, &res, &error);
    int errnum = errno;
    double seconds = session_now () - t0;
    if (op == MATCH_SATISFIABILITY) {
        if (rc < 0 && errnum != ENODEV)
            fprintf (stderr, "ERROR: %s\n", error.text);
        print_satisfiable (ss, rc == 0);
    } else if (rc < 0) {
        print_failure (ss, ss->counter, errnum, error.text);
    } else {
        struct job *job = keeps ? scheduler_job (ss->s, ss->counter) : NULL;
        session_print_R (ss, res.sel, res.nsel, res.at, res.end, r->queue);
        session_print_job (ss, ss->counter,
                           !keeps         ? "MATCHED"
                           : res.reserved ? "RESERVED"
                                          : "ALLOCATED",
                           res.at, seconds);
        if (job) {
            job->overhead = seconds;
            job->jobspec_name = strdup (path);
        }
        count_time (ss, seconds);
    }
    if (keeps)
        ss->counter++;
    request_destroy (r);
    return rc;
}

int command_match (struct session *ss, int argc, char **argv)
{
    if (argc != 3)
        return malformed ();
    match_op_t op = match_op_from_string (argv[1]);
    if (op == MATCH_UNKNOWN) {
        fprintf (stderr, "ERROR: unknown subcmd %s\n", argv[1]);
        return -1;
    }
    return match_file (ss, op, argv[2]);
}

int command_multi_match (struct session *ss, int argc, char **argv)
{
    if (argc < 4)
        return malformed ();
    match_op_t op = match_op_from_string (argv[1]);
    if (op == MATCH_UNKNOWN) {
        fprintf (stderr, "ERROR: unknown subcmd %s\n", argv[1]);
        return -1;
    }
    for (int i = 2; i < argc; i++)
        if (match_file (ss, op, argv[i]) < 0)
            return -1;
    return 0;
}

typedef int (*pick_f) (struct graph *g, const char *text, size_t len, bool strict,
                       struct picks *p, flux_error_t *error);

static pick_f picker (const char *format)
{
    if (strcmp (format, "rv1exec") == 0)
        return fluxion_pick_rv1exec;
    if (strcmp (format, "jgf") == 0)
        return fluxion_pick_jgf;
    return strcmp (format, "jgf_shorthand") == 0 ? fluxion_pick_shorthand : NULL;
}

static int update (struct session *ss, bool reserve, pick_f pick, const char *path,
                   uint64_t id, int64_t at, int64_t duration)
{
    struct picks picks = { 0 };
    struct match_result res;
    flux_error_t error;
    double t0 = session_now ();
    size_t len;
    char *text = session_read (path, &len);
    int rc;

    if (!text)
        return -1;
    rc = pick (scheduler_graph (ss->s), text, len, true, &picks, &error);
    if (rc == 0)
        rc = scheduler_update (ss->s, id, &picks, at, duration, reserve, &res, &error);
    free (text);
    picks_fini (&picks);
    if (rc < 0 && errno == ENOENT) {
        print_failure (ss, id, EBUSY, error.text);
        return -1;
    }
    if (rc < 0) {
        fprintf (stderr, "ERROR: update: %s\n", error.text);
        return -1;
    }
    struct job *job = scheduler_job (ss->s, id);
    job->overhead = session_now () - t0;
    job->jobspec_name = strdup (path);
    session_print_R (ss, res.sel, res.nsel, res.at, res.end, NULL);
    session_print_job (ss, id, reserve ? "RESERVED" : "ALLOCATED", res.at,
                       job->overhead);
    if (id >= ss->counter)
        ss->counter = id + 1;
    return 0;
}

int command_update (struct session *ss, int argc, char **argv)
{
    uint64_t id;
    int64_t at, duration;

    if (argc != 7)
        return malformed ();
    bool reserve = strcmp (argv[1], "reserve") == 0;
    if (!reserve && strcmp (argv[1], "allocate") != 0) {
        fprintf (stderr, "ERROR: unknown subcmd %s\n", argv[1]);
        return -1;
    }
    pick_f pick = picker (argv[2]);
    if (!pick) {
        fprintf (stderr, "ERROR: unsupported reader %s\n", argv[2]);
        return -1;
    }
    if (!parse_jobid (argv[4], &id) || !parse_time (argv[5], &at)
        || !parse_time (argv[6], &duration))
        return malformed ();
    struct job *job = scheduler_job (ss->s, id);
    if (job && job->state != JOB_CANCELED) {
        fprintf (stderr, "ERROR: existing Jobid %" PRIu64 "\n", id);
        return -1;
    }
    if (at < 0 || duration <= 0) {
        fprintf (stderr, "ERROR: invalid time (%lld, %lld)\n", (long long)at,
                 (long long)duration);
        return -1;
    }
    /* What begins now is no reservation. */
    return update (ss, reserve && at > 0, pick, argv[3], id, at, duration);
}

int command_attach (struct session *ss, int argc, char **argv)
{
    flux_error_t error;
    size_t len;
    char *text;

    if (argc != 2)
        return malformed ();
    if (!(text = session_read (argv[1], &len)))
        return -1;
    int rc = scheduler_grow (ss->s, text, len, &error);
    free (text);
    if (rc < 0)
        fprintf (stderr, "ERROR: can't attach JGF subgraph %s\n", error.text);
    return rc;
}

int command_remove (struct session *ss, int argc, char **argv)
{
    flux_error_t error;
    int rc;

    if (argc != 3)
        return malformed ();
    if (strcmp (argv[2], "true") == 0) {
        uint32_t v = graph_find_path (scheduler_graph (ss->s), argv[1]);
        if (v == VTX_NONE) {
            fprintf (stderr, "ERROR: can't remove subgraph %s: no such path\n",
                     argv[1]);
            return -1;
        }
        rc = scheduler_shrink (ss->s, v, &error);
    } else if (strcmp (argv[2], "false") == 0) {
        rc = scheduler_shrink_ranks (ss->s, argv[1], &error);
    } else {
        return malformed ();
    }
    if (rc < 0)
        fprintf (stderr, "ERROR: can't remove subgraph %s: %s\n", argv[1], error.text);
    return rc;
}

int command_find (struct session *ss, int argc, char **argv)
{
    struct buf b = BUF_INIT, expr = BUF_INIT;
    flux_error_t error;
    int rc;

    if (argc < 2)
        return malformed ();
    for (int i = 1; i < argc; i++) {
        if (i > 1)
            buf_addc (&expr, ' ');
        buf_adds (&expr, argv[i]);
    }
    rc = fluxion_find (ss->s, expr.data, ss->format, &b, &error);
    if (rc < 0) {
        fprintf (stderr, "ERROR: find: %s\n", error.text);
    } else {
        buf_print (&b, ss->out);
        session_print_line (ss);
        fprintf (ss->out, "INFO: EXPRESSION=\"%s\"\n", expr.data);
        session_print_line (ss);
    }
    buf_fini (&b);
    buf_fini (&expr);
    return rc;
}

static void print_stats (struct session *ss, const char *what)
{
    struct scheduler_counts n = scheduler_counts (ss->s);

    session_print_line (ss);
    fprintf (ss->out, "INFO: %s PREORDER COUNT=\"%llu\"\n", what,
             (unsigned long long)n.preorder);
    fprintf (ss->out, "INFO: %s POSTORDER COUNT=\"%llu\"\n", what,
             (unsigned long long)n.postorder);
    session_print_line (ss);
}

int command_cancel (struct session *ss, int argc, char **argv)
{
    uint64_t id;

    if ((argc != 2 && argc != 3) || (argc == 3 && strcmp (argv[2], "stats") != 0)
        || !parse_jobid (argv[1], &id))
        return malformed ();
    if (scheduler_cancel (ss->s, id) < 0) {
        fprintf (stderr, "cancel: ERROR: nonexistent job %s\n", argv[1]);
        return -1;
    }
    if (argc == 3)
        print_stats (ss, "CANCEL");
    return 0;
}

int command_partial_cancel (struct session *ss, int argc, char **argv)
{
    struct picks picks = { 0 };
    flux_error_t error;
    bool full;
    uint64_t id;
    size_t len;

    if ((argc != 4 && argc != 5) || (argc == 5 && strcmp (argv[4], "stats") != 0)
        || !parse_jobid (argv[1], &id))
        return malformed ();
    pick_f pick = picker (argv[2]);
    if (!pick) {
        fprintf (stderr, "ERROR: unsupported reader %s\n", argv[2]);
        return -1;
    }
    char *text = session_read (argv[3], &len);
    if (!text)
        return -1;
    struct job *job = scheduler_job (ss->s, id);
    int rc = -1;
    if (!job || job->state == JOB_CANCELED) {
        fprintf (stderr, "ERROR: nonexistent job %s\n", argv[1]);
    } else if (job->state == JOB_RESERVED) {
        fprintf (stderr,
                 "ERROR: reservations not currently supported by partial cancel\n");
    } else {
        rc = pick (scheduler_graph (ss->s), text, len, false, &picks, &error);
        if (rc == 0)
            rc = scheduler_partial_cancel (ss->s, id, &picks, false, &full, &error);
        if (rc < 0)
            fprintf (stderr, "ERROR: error encountered while removing job %s: %s\n",
                     argv[1], error.text);
        else if (argc == 5)
            print_stats (ss, "PARTIAL CANCEL");
    }
    picks_fini (&picks);
    free (text);
    return rc;
}

int command_set_property (struct session *ss, int argc, char **argv)
{
    struct graph *g = scheduler_graph (ss->s);

    if (argc != 3)
        return malformed ();
    char *eq = strchr (argv[2], '=');
    if (!eq || eq == argv[2] || !eq[1]) {
        fprintf (ss->out, "Incorrect input format. \n"
                          "Please use `set-property <resource> PROPERTY=VALUE`.\n");
        return -1;
    }
    uint32_t v = graph_find_path (g, argv[1]);
    if (v == VTX_NONE) {
        fprintf (ss->out, "Couldn't find path %s in resource graph.\n", argv[1]);
        return -1;
    }
    *eq = '\0';
    if (graph_set_property (g, v, argv[2], eq + 1) < 0)
        return -1;
    for (v = graph_next_of_path (g, argv[1], VTX_NONE); v != VTX_NONE;
         v = graph_next_of_path (g, argv[1], v))
        if (graph_set_property (g, v, argv[2], eq + 1) < 0)
            return -1;
    return 0;
}

static int no_such_path (struct session *ss, const char *path)
{
    static const char text[] = "Could not find path %s in resource graph.\n";

    fprintf (ss->out, text, path);
    fprintf (stderr, text, path);
    return -1;
}

static void print_properties (struct session *ss, uint32_t v, const char *path)
{
    const struct graph *g = scheduler_graph (ss->s);
    const struct properties *p = graph_properties (g, v);

    if (p->count == 0)
        fprintf (ss->out, "No properties were found for %s (vtx's uniq_id=%lld).\n",
                 path, (long long)g->v[v].uniq_id);
    for (uint32_t i = 0; i < p->count; i++)
        fprintf (ss->out, "%s=%s\n", graph_string (g, p->item[i].key),
                 graph_string (g, p->item[i].value));
}

int command_get_property (struct session *ss, int argc, char **argv)
{
    struct graph *g = scheduler_graph (ss->s);

    if (argc != 2)
        return malformed ();
    uint32_t v = graph_find_path (g, argv[1]);
    if (v == VTX_NONE)
        return no_such_path (ss, argv[1]);
    uint32_t next = graph_next_of_path (g, argv[1], VTX_NONE);
    if (next == VTX_NONE)
        print_properties (ss, v, argv[1]);
    for (; next != VTX_NONE; next = graph_next_of_path (g, argv[1], next))
        print_properties (ss, next, argv[1]);
    return 0;
}

int command_set_status (struct session *ss, int argc, char **argv)
{
    if (argc != 3)
        return malformed ();
    bool down = strcmp (argv[2], "down") == 0;
    if (!down && strcmp (argv[2], "up") != 0) {
        fprintf (stderr, "ERROR: unrecognized status\n");
        return -1;
    }
    uint32_t v = graph_find_path (scheduler_graph (ss->s), argv[1]);
    if (v == VTX_NONE)
        return no_such_path (ss, argv[1]);
    scheduler_set_status (ss->s, v, down);
    return 0;
}

int command_get_status (struct session *ss, int argc, char **argv)
{
    struct graph *g = scheduler_graph (ss->s);

    if (argc != 2)
        return malformed ();
    uint32_t v = graph_find_path (g, argv[1]);
    if (v == VTX_NONE)
        return no_such_path (ss, argv[1]);
    fprintf (ss->out, "%s is %s\n", argv[1], g->v[v].down ? "down" : "up");
    return 0;
}

static void print_info (FILE *out, const struct job *job)
{
    fprintf (out, "INFO: %" PRIu64 ", %s, %lld, %s, %f\n", job->id,
             job_state_name (job->state), (long long)job->at,
             job->jobspec_name ? job->jobspec_name : "", job->overhead);
}

static int compare_jobs (const void *a, const void *b)
{
    const struct job *x = *(struct job *const *)a, *y = *(struct job *const *)b;

    return x->id < y->id ? -1 : x->id > y->id;
}

int command_list (struct session *ss, int argc, char **argv)
{
    size_t pos = 0, n = 0, cap = 0;
    struct job *job, **list = NULL;

    if (argc != 1)
        return malformed ();
    while ((job = scheduler_next_job (ss->s, &pos))) {
        if (n == cap) {
            cap = cap ? cap * 2 : 64;
            struct job **p = realloc (list, cap * sizeof (*p));
            if (!p)
                break;
            list = p;
        }
        list[n++] = job;
    }
    sort_array (list, n, sizeof (*list), compare_jobs);
    for (size_t i = 0; i < n; i++)
        print_info (ss->out, list[i]);
    free (list);
    return 0;
}

int command_info (struct session *ss, int argc, char **argv)
{
    uint64_t id;

    if (argc != 2 || !parse_jobid (argv[1], &id))
        return malformed ();
    struct job *job = scheduler_job (ss->s, id);
    if (!job) {
        fprintf (stderr, "ERROR: jobid doesn't exist: %s\n", argv[1]);
        return -1;
    }
    print_info (stdout, job); /* whatever the answers go to */
    return 0;
}

int command_stat (struct session *ss, int argc, char **argv)
{
    if (argc != 1)
        return malformed ();
    fprintf (ss->out, "INFO: Num. of Jobs Matched: %" PRIu64 "\n", ss->matches);
    fprintf (ss->out, "INFO: Min. Match Time: %f\n", ss->min);
    fprintf (ss->out, "INFO: Max. Match Time: %f\n", ss->max);
    fprintf (ss->out, "INFO: Avg. Match Time: %f\n",
             ss->matches ? ss->sum / ss->matches : 0.);
    return 0;
}

int command_cat (struct session *ss, int argc, char **argv)
{
    size_t len;
    char *text;

    if (argc != 2)
        return malformed ();
    if (!(text = session_read (argv[1], &len)))
        return -1;
    fwrite (text, 1, len, ss->out);
    fprintf (ss->out, "INFO: Jobspec in %s\n", argv[1]);
    free (text);
    return 0;
}
