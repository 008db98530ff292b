/* Connections to the leaves of a hierarchy, with what each has to do. */
#include "cmd/hierarchy/leaves.h"

#include <flux/job.h>
#include <stdlib.h>
#include <string.h>

static void count_jobs (struct leaves *l, size_t i, flux_future_t *f)
{
    int depend = 0, priority = 0, sched = 0, run = 0, cleanup = 0;

    if (!f
        || flux_rpc_get_unpack (f, "{s:{s?i s?i s?i s?i s?i}}", "job_states", "depend",
                                &depend, "priority", &priority, "sched", &sched, "run",
                                &run, "cleanup", &cleanup)
               < 0)
        cmd_die ("%s: job-list.job-stats: %s", l->leaf[i].path, cmd_future_error (f));
    load_set (l->load, i, depend + priority + sched + run + cleanup, l->leaf[i].cores);
}

/* All are asked before the first answer is waited for. */
static void read_load (struct leaves *l)
{
    flux_future_t **f = calloc (l->count + 1, sizeof (*f));

    if (!f || !(l->load = load_create (l->count)))
        cmd_die ("out of memory");
    for (size_t i = 0; i < l->count; i++)
        f[i] = flux_rpc (l->leaf[i].h, "job-list.job-stats", "{}", 0, 0);
    for (size_t i = 0; i < l->count; i++) {
        count_jobs (l, i, f[i]);
        flux_future_destroy (f[i]);
    }
    free (f);
}

void leaves_open (struct leaves *l, flux_t *h, flux_jobid_t id)
{
    flux_error_t error = { { 0 } };
    json_t *leaves;
    json_t *o;
    size_t i;

    if (!(l->tree = found_tree (h, id, &error)))
        cmd_die ("%s", error.text);
    leaves = found_leaves (l->tree);
    if ((l->count = json_array_size (leaves)) == 0)
        cmd_die ("%s: no leaf is ready", cmd_f58 (id));
    if (!(l->leaf = calloc (l->count, sizeof (*l->leaf))))
        cmd_die ("out of memory");
    json_array_foreach (leaves, i, o) {
        struct leaf_handle *leaf = &l->leaf[i];
        leaf->id = json_string_value (json_object_get (o, "id"));
        leaf->path = json_string_value (json_object_get (o, "path"));
        leaf->uri = json_string_value (json_object_get (o, "uri"));
        leaf->cores = json_integer_value (json_object_get (o, "ncores"));
        if (!(leaf->h = found_open (leaf->uri, 0., &error)))
            cmd_die ("%s: %s", leaf->path, error.text);
    }
    json_decref (leaves);
    read_load (l);
}

void leaves_close (struct leaves *l)
{
    for (size_t i = 0; i < l->count; i++)
        flux_close (l->leaf[i].h);
    free (l->leaf);
    load_destroy (l->load);
    json_decref (l->tree);
    *l = (struct leaves){ 0 };
}
