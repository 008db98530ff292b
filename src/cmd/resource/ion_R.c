/* flux ion-R encode: R gets a `scheduling` key, the graph of what it names. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "value/resource/rset.h"

struct jgf {
    json_t *nodes, *edges;
    json_int_t count;
};

/* A vertex, and the edge to it from its parent (-1: none); its number. */
static json_int_t add (struct jgf *g, json_int_t parent, const char *type,
                       const char *basename, const char *name, json_int_t id,
                       json_int_t rank, const char *path, json_t *properties)
{
    char number[24], from[24];
    json_int_t n = g->count++;
    json_t *v = json_pack ("{s:s s:s s:s s:I s:I s:I s:{s:s}}", "type", type,
                           "basename", basename, "name", name, "id", id, "uniq_id", n,
                           "rank", rank, "paths", "containment", path);

    if (json_object_size (properties) > 0)
        json_object_set (v, "properties", properties);
    snprintf (number, sizeof (number), "%lld", (long long)n);
    json_array_append_new (g->nodes,
                           json_pack ("{s:s s:o}", "id", number, "metadata", v));
    if (parent >= 0) {
        snprintf (from, sizeof (from), "%lld", (long long)parent);
        json_array_append_new (
            g->edges, json_pack ("{s:s s:s}", "source", from, "target", number));
    }
    return n;
}

static void add_children (struct jgf *g, json_int_t node, unsigned int rank,
                          const char *path, const char *type, const struct idset *ids)
{
    char name[64], below[512];

    for (unsigned int id = ids ? idset_first (ids) : IDSET_INVALID_ID;
         id != IDSET_INVALID_ID; id = idset_next (ids, id)) {
        snprintf (name, sizeof (name), "%s%u", type, id);
        snprintf (below, sizeof (below), "%s/%s", path, name);
        add (g, node, type, type, name, id, rank, below, NULL);
    }
}

/* The properties of a rank: name -> "". */
static json_t *rank_properties (json_t *all, unsigned int rank)
{
    json_t *o = json_object (), *value;
    const char *name;

    json_object_foreach (all, name, value) {
        struct idset *ids = idset_decode (json_string_value (value));
        if (ids && idset_test (ids, rank))
            json_object_set_new (o, name, json_string (""));
        idset_destroy (ids);
    }
    return o;
}

static void add_node (struct jgf *g, json_int_t root, const struct rset *r,
                      json_t *properties, unsigned int rank)
{
    char fallback[32], path[400], basename[300];
    const char *host = rset_host (r, rank);
    size_t n;

    if (!host) {
        snprintf (fallback, sizeof (fallback), "node%u", rank);
        host = fallback;
    }
    n = strlen (host);
    while (n > 0 && host[n - 1] >= '0' && host[n - 1] <= '9')
        n--;
    snprintf (basename, sizeof (basename), "%.*s", (int)n, host);
    snprintf (path, sizeof (path), "/cluster0/%.300s", host);
    json_t *own = rank_properties (properties, rank);
    json_int_t v = add (g, root, "node", basename, host,
                        host[n] ? strtoll (host + n, NULL, 10) : -1, rank, path, own);
    json_decref (own);
    add_children (g, v, rank, path, "core", rset_children (r, rank, "core"));
    add_children (g, v, rank, path, "gpu", rset_children (r, rank, "gpu"));
}

static json_t *graph_of (const struct rset *r)
{
    struct jgf g = { json_array (), json_array (), 0 };
    json_t *properties = rset_properties (r);
    struct idset *ranks = rset_ranks (r);

    if (!g.nodes || !g.edges || !ranks)
        cmd_die ("ERROR: out of memory");
    json_int_t root =
        add (&g, -1, "cluster", "cluster", "cluster0", 0, -1, "/cluster0", NULL);
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank))
        add_node (&g, root, r, properties, rank);
    idset_destroy (ranks);
    json_decref (properties);
    return json_pack ("{s:{s:o s:o} s:s}", "graph", "nodes", g.nodes, "edges", g.edges,
                      "writer", "fluxion:jgf");
}

static int run_encode (optparse_t *p, int argc, char **argv)
{
    const char *input = optparse_get_str (p, "input", NULL);
    const char *output = optparse_get_str (p, "output", NULL);
    flux_error_t error;
    struct rset *r;
    json_t *o;
    char *s;

    if (argc != optparse_option_index (p))
        cmd_usage_error (p, "there are no arguments but options");
    if (!(s = input ? file_read_all (input, NULL) : fd_read_all (0, NULL)))
        cmd_die ("ERROR: %s: %s", input ? input : "stdin", strerror (errno));
    if (!(o = json_loads (s, 0, NULL)) || !(r = rset_decode_json (o, &error)))
        cmd_die ("ERROR: %s: %s", input ? input : "stdin",
                 o ? error.text : "it is not JSON");
    free (s);
    json_object_set_new (o, "scheduling", graph_of (r));
    if (!(s = json_dumps (o, 0)))
        cmd_die ("ERROR: out of memory");
    if (!output)
        puts (s);
    else if (file_write_all (output, s, strlen (s), 0666) < 0)
        cmd_die ("ERROR: %s: %s", output, strerror (errno));
    free (s);
    json_decref (o);
    rset_destroy (r);
    return 0;
}

static struct optparse_option encode_opts[] = {
    { .name = "input", .has_arg = 1, .arginfo = "FILE", .usage = "Read R from FILE" },
    { .name = "output", .has_arg = 1, .arginfo = "FILE", .usage = "Write to FILE" },
    OPTPARSE_TABLE_END,
};

static struct optparse_subcommand subcommands[] = {
    { "encode", "[OPTIONS]", "Add a graph to R", run_encode, 0, encode_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_ion_R = {
    .name = "ion-R",
    .summary = "Add the graph scheduler's key to R",
    .usage = "COMMAND [OPTIONS]",
    .group = "instance",
    .subcommands = subcommands,
    .flags = CMD_USAGE2,
};
