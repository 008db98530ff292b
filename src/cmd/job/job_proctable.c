/* flux job proctable. */
#include "cmd/job/job.h"

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/output/output.h"
#include "cmd/submit/proctable.h"

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
