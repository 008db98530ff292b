/* flux-hierarchy list: the trees that run, with state, nodes, cores and URI. */
#include "cmd/hierarchy/hierarchy.h"

#include "cmd/output/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct optparse_option options[] = {
    { .name = "json", .usage = "Print the tree as JSON" },
    { .name = "leaves", .usage = "Print the path and the URI of each leaf" },
    { .name = "no-header", .key = 'n', .usage = "Without the header" },
    OPTPARSE_TABLE_END,
};

static const char *text (json_t *node, const char *key)
{
    const char *s = json_string_value (json_object_get (node, key));

    return s ? safe (s) : "-";
}

static const char *state (json_t *node)
{
    const char *s = text (node, "state");

    if (strcmp (s, "RUN") != 0)
        return s;
    return json_is_true (json_object_get (node, "ready")) ? "READY" : "STARTING";
}

static void print_node (json_t *node, const char *indent, bool root, bool last)
{
    char below[512];
    json_t *children = json_object_get (node, "children");
    json_t *child;
    size_t i;

    printf ("%-9s %5lld %6lld  %s%s%s", state (node),
            (long long)json_integer_value (json_object_get (node, "nnodes")),
            (long long)json_integer_value (json_object_get (node, "ncores")), indent,
            root   ? ""
            : last ? "└── "
                   : "├── ",
            text (node, "group"));
    printf (" %s %s %s\n", text (node, "id"), root ? text (node, "path") : "",
            text (node, "uri"));
    if (json_object_get (node, "error"))
        cmd_warn ("%s: %s", text (node, "path"), text (node, "error"));
    snprintf (below, sizeof (below), "%s%s", indent, root || last ? "    " : "│   ");
    json_array_foreach (children, i, child) {
        print_node (child, root ? "" : below, false,
                    i + 1 == json_array_size (children));
    }
}

static void print_leaves (json_t *tree)
{
    json_t *leaves = found_leaves (tree);
    json_t *leaf;
    size_t i;

    json_array_foreach (leaves, i, leaf) {
        printf ("%s %s\n", text (leaf, "path"), text (leaf, "uri"));
    }
    json_decref (leaves);
}

static json_t *load_trees (flux_t *h, const char *target)
{
    json_t *trees = json_array ();
    json_t *all = target ? json_array () : found_all (h);
    flux_error_t error = { { 0 } };
    json_t *job;
    size_t i;

    if (target)
        json_array_append_new (
            all, json_pack ("{s:I}", "id", (json_int_t)found_root (h, target)));
    json_array_foreach (all, i, job) {
        flux_jobid_t id = json_integer_value (json_object_get (job, "id"));
        json_t *tree = found_tree (h, id, &error);
        if (!tree)
            cmd_die ("%s", error.text);
        json_array_append_new (trees, tree);
    }
    json_decref (all);
    return trees;
}

static int run (optparse_t *p, int argc, char **argv)
{
    int n = optparse_option_index (p);
    json_t *trees, *tree;
    size_t i;

    if (argc - n > 1)
        hier_usage_error ("one JOBID is expected");
    trees = load_trees (cmd_open (), n < argc ? argv[n] : NULL);
    if (optparse_hasopt (p, "json")) {
        json_t *o = json_pack ("{s:O}", "hierarchies", trees);
        json_dumpf (o, stdout, JSON_INDENT (2));
        putchar ('\n');
        json_decref (o);
    } else if (optparse_hasopt (p, "leaves")) {
        json_array_foreach (trees, i, tree) {
            print_leaves (tree);
        }
    } else {
        if (!optparse_hasopt (p, "no-header"))
            printf ("%-9s %5s %6s  %s\n", "STATE", "NODES", "CORES", "GROUP ID URI");
        json_array_foreach (trees, i, tree) {
            print_node (tree, "", true, true);
        }
    }
    json_decref (trees);
    return 0;
}

const struct subcommand sub_list = {
    .name = "list",
    .usage = "[--json] [--leaves] [-n] [JOBID]",
    .summary = "Show the trees that run, or one",
    .options = options,
    .run = run,
};
