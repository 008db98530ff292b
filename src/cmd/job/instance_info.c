#include "cmd/job/instance_info.h"

#include <flux/idset.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *instance_reach (const char *uri)
{
    char host[HOST_NAME_MAX + 1] = "";
    char *s;
    size_t n;

    gethostname (host, sizeof (host) - 1);
    n = strlen (host);
    if (strncmp (uri, "ssh://", 6) != 0 || strncmp (uri + 6, host, n) != 0
        || uri[6 + n] != '/')
        return strdup (uri);
    return asprintf (&s, "local://%s", uri + 6 + n) < 0 ? NULL : s;
}

/* --- jobs --- */

static json_t *read_stats (flux_future_t *f)
{
    int depend = 0, priority = 0, sched = 0, run = 0, cleanup = 0, inactive = 0,
        successful = 0;

    if (!f
        || flux_rpc_get_unpack (f, "{s:{s?i s?i s?i s?i s?i s?i} s?i}", "job_states",
                                "depend", &depend, "priority", &priority, "sched",
                                &sched, "run", &run, "cleanup", &cleanup, "inactive",
                                &inactive, "successful", &successful)
               < 0)
        return NULL;
    int pending = depend + priority + sched;
    return json_pack ("{s:i s:i s:i s:i s:i}", "total",
                      pending + run + cleanup + inactive, "pending", pending, "running",
                      run + cleanup, "successful", successful, "failed",
                      inactive - successful);
}

/* --- resources --- */

struct amount {
    int nnodes;
    int ncores;
    int ngpus;
};

static size_t count (json_t *o)
{
    const char *s = json_string_value (o);
    size_t n = 0;

    return s && idset_decode_info (s, -1, &n, NULL, NULL) == 0 ? n : 0;
}

static struct amount count_R (json_t *R)
{
    json_t *lite = json_object_get (json_object_get (R, "execution"), "R_lite");
    struct amount a = { 0 };
    json_t *o;
    size_t i;

    json_array_foreach (lite, i, o) {
        json_t *children = json_object_get (o, "children");
        int nodes = count (json_object_get (o, "rank"));
        a.nnodes += nodes;
        a.ncores += nodes * count (json_object_get (children, "core"));
        a.ngpus += nodes * count (json_object_get (children, "gpu"));
    }
    return a;
}

static void set_amount (json_t *o, const char *name, struct amount a)
{
    json_object_set_new (o, name,
                         json_pack ("{s:i s:i s:i}", "nnodes", a.nnodes, "ncores",
                                    a.ncores, "ngpus", a.ngpus));
}

static json_t *read_resources (flux_future_t *f)
{
    json_t *all, *down = NULL, *allocated = NULL;
    struct amount a, d, used;
    json_t *o;

    if (!f
        || flux_rpc_get_unpack (f, "{s:o s?o s?o}", "all", &all, "down", &down,
                                "allocated", &allocated)
               < 0)
        return NULL;
    a = count_R (all);
    d = count_R (down);
    used = count_R (allocated);
    o = json_object ();
    set_amount (o, "all", a);
    set_amount (o, "down", d);
    set_amount (o, "allocated", used);
    set_amount (
        o, "up",
        (struct amount){ a.nnodes - d.nnodes, a.ncores - d.ncores, a.ngpus - d.ngpus });
    set_amount (o, "free",
                (struct amount){ a.nnodes - d.nnodes - used.nnodes,
                                 a.ncores - d.ncores - used.ncores,
                                 a.ngpus - d.ngpus - used.ngpus });
    return o;
}

json_t *instance_info (flux_t *h)
{
    flux_future_t *stats = flux_rpc (h, "job-list.job-stats", "{}", 0, 0);
    flux_future_t *resources = flux_rpc (h, "resource.sched-status", NULL, 0, 0);
    json_t *o = json_object ();
    json_t *part;

    if ((part = read_stats (stats)))
        json_object_set_new (o, "stats", part);
    if ((part = read_resources (resources)))
        json_object_set_new (o, "resources", part);
    flux_future_destroy (stats);
    flux_future_destroy (resources);
    return o;
}
