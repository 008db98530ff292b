/* flux R: resource sets (RFC 20), made, read and combined. What is read comes from
 * stdin, one object after the other; what is made is one line on stdout. */
#include "base/file.h"
#include "cmd/cmd.h"
#include "cmd/output/output.h"
#include "value/resource/rset.h"

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void operands (optparse_t *p, int argc, int min, int max)
{
    int n = argc - optparse_option_index (p);
    if (n < min || (max >= 0 && n > max))
        optparse_fatal_usage (p, 1, "%s\n",
                              n < min ? "too few arguments" : "too many arguments");
}

static int print (const struct rset *r)
{
    char *s = r ? rset_encode (r) : NULL;
    if (!s)
        cmd_die ("%s", strerror (errno));
    puts (s);
    free (s);
    return 0;
}

/* The next object of stdin; NULL at its end. */
static struct rset *read_next (void)
{
    json_error_t e;
    flux_error_t error;
    int c;
    while ((c = getchar ()) == ' ' || c == '\n' || c == '\t' || c == '\r')
        ;
    if (c == EOF && ferror (stdin))
        cmd_die ("stdin: %s", strerror (errno));
    if (c == EOF)
        return NULL;
    ungetc (c, stdin);
    json_t *o = json_loadf (stdin, JSON_DISABLE_EOF_CHECK, &e);
    if (!o)
        cmd_die ("Failed to read an R object: %s", e.text);
    struct rset *r = rset_decode_json (o, &error);
    if (!r)
        cmd_die ("Failed to decode R on stdin: %s", error.text);
    json_decref (o);
    return r;
}

static struct rset *read_first (void)
{
    struct rset *r = read_next ();
    if (!r)
        cmd_die ("Failed to read an R object: stdin is empty");
    return r;
}

/* Of NAME or NAME:RANKS; all of r without ranks. */
static void add_property (struct rset *r, const char *arg)
{
    const char *colon = strchr (arg, ':');
    char *name = strndup (arg, colon ? (size_t)(colon - arg) : strlen (arg));
    struct idset *all = rset_ranks (r);
    struct idset *ranks = colon ? idset_decode (colon + 1) : idset_copy (all);
    if (!name || !all)
        cmd_die ("out of memory");
    if (!ranks)
        cmd_die ("property '%s': invalid ranks '%s'", name, colon + 1);
    struct idset *unknown = idset_difference (ranks, all);
    if (unknown && !idset_empty (unknown))
        cmd_die ("failed to assign properties: rank %u not found in target resource "
                 "list",
                 idset_first (unknown));
    if (rset_add_property (r, name, ranks) < 0)
        cmd_die ("invalid property name '%s'", name);
    idset_destroy (unknown);
    idset_destroy (ranks);
    idset_destroy (all);
    free (name);
}

/* --- encode --- */

static struct optparse_option encode_opts[] = {
    { .name = "local",
      .key = 'l',
      .usage = "The cores of this host that this process may use" },
    { .name = "ranks",
      .key = 'r',
      .has_arg = 1,
      .arginfo = "IDS",
      .usage = "Ranks (default 0)" },
    { .name = "cores",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "IDS",
      .usage = "Cores of each rank (default 0)" },
    { .name = "gpus",
      .key = 'g',
      .has_arg = 1,
      .arginfo = "IDS",
      .usage = "GPUs of each rank" },
    { .name = "hosts",
      .key = 'H',
      .has_arg = 1,
      .arginfo = "HOSTS",
      .usage = "Host of each rank (default: this one)" },
    { .name = "property",
      .key = 'p',
      .has_arg = 1,
      .arginfo = "NAME[:RANKS]",
      .usage = "Add a property to RANKS (default: all)" },
    OPTPARSE_TABLE_END,
};

static bool read_number (int cpu, const char *name, int *value)
{
    char path[128];
    snprintf (path, sizeof (path), "/sys/devices/system/cpu/cpu%d/topology/%s", cpu,
              name);
    char *s = file_read_all (path, NULL);
    if (s)
        *value = atoi (s);
    free (s);
    return s != NULL;
}

/* Cores are numbered in the order of their first CPUs, those that are not allowed too. */
static char *local_cores (void)
{
    struct {
        int package, core;
    } seen[CPU_SETSIZE];
    int count = 0;
    cpu_set_t allowed;
    struct idset *ids = idset_create (0, IDSET_FLAG_AUTOGROW);
    if (!ids || sched_getaffinity (0, sizeof (allowed), &allowed) < 0)
        cmd_die ("CPUs of this process: %s", strerror (errno));
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        int package = 0, core = cpu, n;
        if (!read_number (cpu, "core_id", &core) && !CPU_ISSET (cpu, &allowed))
            continue;
        (void)read_number (cpu, "physical_package_id", &package);
        for (n = 0; n < count; n++)
            if (seen[n].package == package && seen[n].core == core)
                break;
        seen[n].package = package;
        seen[n].core = core;
        count += n == count;
        if (CPU_ISSET (cpu, &allowed))
            idset_set (ids, n);
    }
    char *s = idset_encode (ids, IDSET_FLAG_RANGE);
    idset_destroy (ids);
    return s;
}

static struct hostlist *encode_hosts (const char *s, int count)
{
    char name[256];
    struct hostlist *hl = s ? hostlist_decode (s) : hostlist_create ();
    if (!hl)
        cmd_die ("invalid hostlist '%s'", s);
    if (s && hostlist_count (hl) != count)
        cmd_die ("hostname count in '%s' does not match nranks (%d)", s, count);
    if (gethostname (name, sizeof (name)) < 0)
        cmd_die ("hostname: %s", strerror (errno));
    while (hostlist_count (hl) < count)
        hostlist_append (hl, name);
    return hl;
}

static int run_encode (optparse_t *p, int argc, char **argv)
{
    const char *text = optparse_get_str (p, "ranks", "0");
    const char *cores = optparse_get_str (p, "cores", NULL);
    const char *gpus = optparse_get_str (p, "gpus", NULL), *s;
    char *local = optparse_hasopt (p, "local") ? local_cores () : NULL;
    struct idset *ranks = idset_decode (text);
    struct rset *r = rset_create ();
    int n = 0;

    operands (p, argc, 0, 0);
    if (local && cores)
        cmd_die ("--local and --cores exclude each other");
    if (!ranks || idset_empty (ranks) || !r)
        cmd_die ("Failed to decode ranks='%s' as idset", text);
    if (!cores)
        cores = local ? local : gpus ? "" : "0";
    struct hostlist *hl =
        encode_hosts (optparse_get_str (p, "hosts", NULL), idset_count (ranks));
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        if (rset_add_rank (r, rank, hostlist_nth (hl, n++), cores, gpus) < 0)
            cmd_die ("rank %u: cores='%s' gpus='%s': %s", rank, cores, gpus ? gpus : "",
                     strerror (errno));
    }
    while ((s = optparse_getopt_next (p, "property")))
        add_property (r, s);
    print (r);
    hostlist_destroy (hl);
    idset_destroy (ranks);
    rset_destroy (r);
    free (local);
    return 0;
}

/* --- decode --- */

static struct optparse_option decode_opts[] = {
    { .name = "include",
      .key = 'i',
      .has_arg = 1,
      .arginfo = "RANKS",
      .usage = "Only these ranks" },
    { .name = "exclude",
      .key = 'x',
      .has_arg = 1,
      .arginfo = "RANKS",
      .usage = "Without these ranks" },
    { .name = "properties",
      .key = 'p',
      .has_arg = 1,
      .arginfo = "LIST",
      .usage = "Only ranks with these properties (^NAME: without)" },
    { .name = "short", .key = 's', .usage = "Print as rank[0-1]/core[0-3]" },
    { .name = "nodelist", .key = 'n', .usage = "Print the hosts" },
    { .name = "ranks", .key = 'r', .usage = "Print the ranks" },
    { .name = "count",
      .key = 'c',
      .has_arg = 1,
      .arginfo = "TYPE",
      .usage = "Print the number of ranks, nodes, cores or gpus" },
    OPTPARSE_TABLE_END,
};

static struct idset *ranks_option (optparse_t *p, const char *name)
{
    const char *s = optparse_get_str (p, name, NULL);
    struct idset *ids = s ? idset_decode (s) : NULL;
    if (s && !ids)
        cmd_die ("Invalid ranks option: '%s': not an idset", s);
    return ids;
}

static void replace (struct rset **r, struct rset *with)
{
    if (!with)
        cmd_die ("%s", strerror (errno));
    rset_destroy (*r);
    *r = with;
}

static struct rset *with_properties (const struct rset *r, const char *list)
{
    flux_error_t error;
    json_t *names = json_array ();
    char *copy = strdup (list), *rest = copy, *name;
    while (copy && (name = strsep (&rest, ",")))
        if (*name)
            json_array_append_new (names, json_string (name));
    json_t *constraint = json_pack ("{s:o}", "properties", names);
    struct rset *result = rset_filter (r, constraint, &error);
    if (!result)
        cmd_die ("Invalid property constraint: %s", error.text);
    json_decref (constraint);
    free (copy);
    return result;
}

static void select_part (optparse_t *p, struct rset **r)
{
    struct idset *include = ranks_option (p, "include");
    struct idset *exclude = ranks_option (p, "exclude");
    const char *properties = optparse_get_str (p, "properties", NULL);
    if (include)
        replace (r, rset_copy_ranks (*r, include));
    if (exclude && rset_remove_ranks (*r, exclude) < 0)
        cmd_die ("%s", strerror (errno));
    if (properties)
        replace (r, with_properties (*r, properties));
    idset_destroy (include);
    idset_destroy (exclude);
}

static void print_count (const struct rset *r, const char *type)
{
    static const char *const names[] = { "ranks", "rank", "nodes", "node", "cores",
                                         "core",  "gpus", "gpu",   NULL };
    static const char *const types[] = { "node", "node", "node", "node",
                                         "core", "core", "gpu",  "gpu" };
    for (int i = 0; names[i]; i++) {
        if (!strcmp (names[i], type)) {
            printf ("%d\n", rset_count (r, types[i]));
            return;
        }
    }
    cmd_die ("--count: unknown type '%s', expected ranks, nodes, core or gpu", type);
}

static void print_text (char *take_s)
{
    puts (safe (take_s));
    free (take_s);
}

static int run_decode (optparse_t *p, int argc, char **argv)
{
    struct rset *r;
    const char *type = optparse_get_str (p, "count", NULL);
    bool brief = optparse_hasopt (p, "short"), ranks = optparse_hasopt (p, "ranks");
    bool nodelist = optparse_hasopt (p, "nodelist");

    operands (p, argc, 0, 0);
    r = read_first ();
    select_part (p, &r);
    if (brief)
        print_text (rset_dump (r));
    if (nodelist)
        print_text (rset_nodelist_text (r));
    if (ranks) {
        struct idset *ids = rset_ranks (r);
        print_text (ids ? idset_encode (ids, IDSET_FLAG_RANGE) : NULL);
        idset_destroy (ids);
    }
    if (type)
        print_count (r, type);
    if (!brief && !nodelist && !ranks && !type)
        print (r);
    rset_destroy (r);
    return 0;
}

/* --- sets of sets --- */

/* Nothing may be in both, and a rank is one host. */
static void check_disjoint (const struct rset *a, const struct rset *b)
{
    struct rset *both = rset_intersect (a, b);
    struct idset *ranks = rset_ranks (b);
    if (!both || !ranks)
        cmd_die ("%s", strerror (errno));
    if (rset_count (both, "core") + rset_count (both, "gpu") > 0)
        cmd_die ("R objects '%s' and '%s' overlap", rset_dump (a), rset_dump (b));
    for (unsigned int rank = idset_first (ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (ranks, rank)) {
        const char *x = rset_host (a, rank), *y = rset_host (b, rank);
        if (x && y && strcmp (x, y) != 0)
            cmd_die ("rank %u is host '%s' and host '%s'", rank, x, y);
    }
    idset_destroy (ranks);
    rset_destroy (both);
}

static int fold (optparse_t *p, int argc,
                 struct rset *(*op) (const struct rset *a, const struct rset *b),
                 void (*check) (const struct rset *a, const struct rset *b))
{
    struct rset *r, *next;
    operands (p, argc, 0, 0);
    r = read_first ();
    while ((next = read_next ())) {
        if (check)
            check (r, next);
        replace (&r, op (r, next));
        rset_destroy (next);
    }
    print (r);
    rset_destroy (r);
    return 0;
}

static int run_append (optparse_t *p, int argc, char **argv)
{
    return fold (p, argc, rset_union, check_disjoint);
}

static int run_diff (optparse_t *p, int argc, char **argv)
{
    return fold (p, argc, rset_diff, NULL);
}

static int run_intersect (optparse_t *p, int argc, char **argv)
{
    return fold (p, argc, rset_intersect, NULL);
}

static int run_verify (optparse_t *p, int argc, char **argv)
{
    struct rset *expected, *found = NULL, *more = NULL;
    flux_error_t error;
    operands (p, argc, 0, 0);
    if (!(expected = read_next ()) || !(found = read_next ()) || (more = read_next ()))
        cmd_die ("verify requires exactly 2 R objects on stdin");
    struct idset *ranks = rset_ranks (found);
    struct rset *part = ranks ? rset_copy_ranks (expected, ranks) : NULL;
    if (!part)
        cmd_die ("%s", strerror (errno));
    if (rset_count (part, "node") != rset_count (found, "node"))
        cmd_die ("rank %u is not expected", idset_first (ranks));
    if (rset_verify (part, found, &error) < 0)
        cmd_die ("%s", error.text);
    idset_destroy (ranks);
    rset_destroy (part);
    rset_destroy (expected);
    rset_destroy (found);
    return 0;
}

/* --- ranks and properties --- */

static int run_remap (optparse_t *p, int argc, char **argv)
{
    struct rset *r, *new;

    operands (p, argc, 0, 0);
    r = read_first ();
    if (!(new = rset_remap (r, NULL)))
        cmd_die ("%s", strerror (errno));
    print (new);
    rset_destroy (new);
    rset_destroy (r);
    return 0;
}

static int run_rerank (optparse_t *p, int argc, char **argv)
{
    flux_error_t error;
    operands (p, argc, 1, 1);
    const char *text = argv[optparse_option_index (p)];
    struct hostlist *hosts = hostlist_decode (text);
    if (!hosts)
        cmd_die ("invalid hostlist '%s'", text);
    struct rset *r = read_first ();
    int count = rset_count (r, "node");
    if (hostlist_count (hosts) != count)
        cmd_die ("Too %s hosts specified (expected %d)",
                 hostlist_count (hosts) < count ? "few" : "many", count);
    if (rset_rerank (r, hosts, &error) < 0)
        cmd_die ("%s", error.text);
    print (r);
    rset_destroy (r);
    hostlist_destroy (hosts);
    return 0;
}

static int run_set_property (optparse_t *p, int argc, char **argv)
{
    operands (p, argc, 1, -1);
    struct rset *r = read_first ();
    for (int i = optparse_option_index (p); i < argc; i++)
        add_property (r, argv[i]);
    print (r);
    rset_destroy (r);
    return 0;
}

static int run_parse_config (optparse_t *p, int argc, char **argv)
{
    flux_error_t error;
    json_t *config = NULL;
    operands (p, argc, 1, 1);
    const char *path = argv[optparse_option_index (p)];
    flux_conf_t *conf = flux_conf_parse (path, &error);
    if (!conf)
        cmd_die ("%s: %s", path, error.text);
    if (flux_conf_unpack (conf, &error, "{s:{s:o}}", "resource", "config", &config) < 0)
        cmd_die ("%s: resource.config is not set", path);
    struct rset *r = rset_decode_config (config, &error);
    if (!r)
        cmd_die ("%s: %s", path, error.text);
    print (r);
    rset_destroy (r);
    flux_conf_decref (conf);
    return 0;
}

static struct optparse_subcommand subcommands[] = {
    { "encode", "[OPTIONS]", "Make a resource set", run_encode, 0, encode_opts },
    { "append", "", "Put sets together that have nothing in common", run_append, 0,
      NULL },
    { "diff", "", "The first set without the others", run_diff, 0, NULL },
    { "intersect", "", "What all sets have", run_intersect, 0, NULL },
    { "remap", "", "Number ranks from 0 on", run_remap, 0, NULL },
    { "rerank", "HOSTLIST", "Number ranks by the order of their hosts", run_rerank, 0,
      NULL },
    { "decode", "[OPTIONS]", "Print a set, or a part of it", run_decode, 0,
      decode_opts },
    { "verify", "", "Check that the second set has what the first expects", run_verify,
      0, NULL },
    { "set-property", "NAME[:RANKS]...", "Add properties", run_set_property, 0, NULL },
    { "parse-config", "PATH", "Make a set of [[resource.config]]", run_parse_config, 0,
      NULL },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_R = {
    .name = "R",
    .summary = "Make, read and combine resource sets",
    .usage = "COMMAND [OPTIONS]",
    .group = "resources",
    .subcommands = subcommands,
};
