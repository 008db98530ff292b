/* flux job proctable. */
#include "cmd/job/job.h"

#include <errno.h>
#include <flux/idset.h>
#include <flux/taskmap.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/output/output.h"
#include "cmd/submit/attach/proctable.h"

struct optparse_option job_proctable_opts[] = {
    { .name = "local", .usage = "Only the processes on this host" },
    { .name = "json", .key = 'j', .usage = "Print an array of JSON objects" },
    OPTPARSE_TABLE_END,
};

static int print_json (const struct proctable *t)
{
    json_t *a = json_array ();

    for (size_t i = 0; a && i < t->count; i++) {
        const struct process *p = &t->v[i];
        json_t *o = json_pack ("{s:i s:s s:i s:s}", "rank", (int)p->rank, "host",
                               p->host, "pid", p->pid, "program", p->path);
        if (!o || json_array_append_new (a, o) < 0)
            cmd_die ("a program's path is not UTF-8");
    }
    json_dumpf (a, stdout, JSON_INDENT (1));
    putchar ('\n');
    json_decref (a);
    return 0;
}

int job_proctable (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 1);
    flux_jobid_t id = cmd_jobid (argv[i]);
    struct proctable t = { NULL, 0 };
    const char *uri = NULL;
    flux_t *h = cmd_open ();
    int rc;

    if (!optparse_hasopt (p, "local"))
        rc = proctable_gather (&t, id);
    else if (!(uri = flux_attr_get (h, "local-uri")))
        rc = -1;
    else
        rc = proctable_scan (&t, id, uri);
    if (rc < 0 && errno == EIO && !uri)
        exit (1);
    if (rc < 0)
        cmd_die ("proctable: %s", strerror (errno));
    if (optparse_hasopt (p, "json"))
        print_json (&t);
    for (size_t j = 0; j < t.count && !optparse_hasopt (p, "json"); j++)
        printf ("%u %s %d %s\n", t.v[j].rank, safe (t.v[j].host), t.v[j].pid,
                safe (t.v[j].path));
    proctable_fini (&t);
    return 0;
}

/* --- hostpids --- */

struct optparse_option job_hostpids_opts[] = {
    { .name = "delimiter",
      .key = 'd',
      .has_arg = 1,
      .arginfo = "STRING",
      .usage = "What stands between them (default: a comma)" },
    { .name = "ranks",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "IDSET",
      .usage = "Only these tasks" },
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "Do not wait longer for the tasks to start" },
    OPTPARSE_TABLE_END,
};

#define LOOKS 10

/* Its shells have started, but a task may still be on its way to its program; and one may
 * have ended already. */
static void gather (struct proctable *t, flux_jobid_t id, int ntasks)
{
    for (int i = 0; i < LOOKS; i++) {
        if (proctable_gather (t, id) < 0) {
            if (errno == EIO)
                exit (1);
            cmd_die ("hostpids: %s", strerror (errno));
        }
        if ((int)t->count >= ntasks || i == LOOKS - 1)
            return;
        proctable_fini (t);
    }
}

static int count_tasks (json_t *map)
{
    char *s = json_dumps (map, JSON_COMPACT);
    struct taskmap *tm = s ? taskmap_decode (s, NULL) : NULL;
    int n = tm ? taskmap_total_ntasks (tm) : -1;

    if (n < 0)
        cmd_die ("hostpids: the job's taskmap is malformed");
    taskmap_destroy (tm);
    free (s);
    return n;
}

int job_hostpids (optparse_t *p, int argc, char **argv)
{
    int i = job_operands (p, argc, 1, 1);
    flux_jobid_t id = cmd_jobid (argv[i]);
    const char *delimiter = optparse_get_str (p, "delimiter", ",");
    const char *ranks = optparse_get_str (p, "ranks", NULL), *sep = "";
    double timeout = optparse_get_duration (p, "timeout", -1.);
    struct idset *only = ranks ? idset_decode (ranks) : NULL;
    struct proctable t = { NULL, 0 };
    json_t *map;

    if (ranks && !only)
        cmd_die ("hostpids: --ranks: '%s' is no set of tasks", safe (ranks));
    if (!(map = job_taskmap_wait (id, timeout))) {
        if (errno == ETIMEDOUT)
            cmd_die ("hostpids: timeout waiting for shell.start event");
        if (errno == ENOENT)
            cmd_die ("%s: No such job", safe (argv[i]));
        cmd_die ("hostpids: %s",
                 errno == ENODATA ? "the job did not start" : flux_strerror (errno));
    }
    gather (&t, id, count_tasks (map));
    for (size_t j = 0; j < t.count; j++) {
        if (only && !idset_test (only, t.v[j].rank))
            continue;
        printf ("%s%s:%d", sep, safe (t.v[j].host), t.v[j].pid);
        sep = delimiter;
    }
    putchar ('\n');
    json_decref (map);
    idset_destroy (only);
    proctable_fini (&t);
    return 0;
}
