#include "cmd/resource/queue_part.h"

#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

flux_future_t *queue_table_ask (void)
{
    return flux_rpc (cmd_open (), "config.get", NULL, FLUX_NODEID_ANY, 0);
}

json_t *queue_table (flux_future_t *f)
{
    json_t *conf = cmd_rpc_json (f, "ERROR");
    json_t *queues = json_object_get (conf, "queues");

    queues = json_is_object (queues) ? json_incref (queues) : json_object ();
    json_decref (conf);
    flux_future_destroy (f);
    return queues;
}

struct rset *queue_part (const struct rset *r, const json_t *q, flux_error_t *error)
{
    json_t *requires = json_object_get (q, "requires");
    json_t *constraint = json_object ();

    if (json_array_size (requires) > 0)
        json_object_set (constraint, "properties", requires);
    struct rset *part = rset_filter (r, constraint, error);
    json_decref (constraint);
    return part;
}

json_t *queue_select (const json_t *table, const char *list)
{
    json_t *selected = json_object ();
    char *copy = strdup (list ? list : ""), *rest = copy, *name;

    if (!list)
        json_object_update (selected, (json_t *)table);
    while (list && copy && (name = strsep (&rest, ","))) {
        json_t *q = json_object_get (table, name);
        if (*name && !q)
            cmd_die ("ERROR: --queue: %s: no such queue", name);
        if (q)
            json_object_set (selected, name, q);
    }
    free (copy);
    return selected;
}
