/* flux hostlist: sets of hosts, from text, from jobs, from the instance. */
#include "cmd/cmd.h"

#include <flux/hostlist.h>
#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "expand", .key = 'e', .usage = "One by one, instead of compressed" },
    { .name = "delimiter",
      .key = 'd',
      .has_arg = 1,
      .arginfo = "S",
      .usage = "Delimiter for --expand (default: a blank)" },
    { .name = "count", .key = 'c', .usage = "Print the number of hosts" },
    { .name = "nth",
      .key = 'n',
      .has_arg = 1,
      .arginfo = "IDS",
      .usage = "Print these hosts, from 0; negative: from the end" },
    { .name = "limit",
      .key = 'L',
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Print the first N hosts, or the last -N" },
    { .name = "find",
      .key = 'F',
      .has_arg = 1,
      .arginfo = "HOST",
      .usage = "Print the index of HOST" },
    { .name = "exclude",
      .key = 'x',
      .has_arg = 1,
      .arginfo = "HOSTS",
      .usage = "Leave these out" },
    { .name = "union", .key = 'u', .usage = "Each host once, sorted" },
    { .name = "sort", .key = 'S', .usage = "Sort" },
    { .name = "intersect", .key = 'i', .usage = "Only hosts that all sources have" },
    { .name = "minus", .key = 'm', .usage = "The first source without the others" },
    { .name = "xor", .key = 'X', .usage = "Hosts that only one source has" },
    { .name = "quiet", .key = 'q', .usage = "Print nothing; status 1 if empty" },
    { .name = "fallback", .key = 'f', .usage = "A name that is no job is a host" },
    OPTPARSE_TABLE_END,
};

static struct hostlist *attr_hosts (void)
{
    const char *s = flux_attr_get (cmd_open (), "hostlist");
    struct hostlist *hl = s ? hostlist_decode (s) : NULL;
    if (!hl)
        cmd_die ("ERROR: hostlist: %s", strerror (errno));
    return hl;
}

static struct hostlist *job_hosts (flux_jobid_t id, const char *arg, bool fallback)
{
    const char *s = "";
    flux_future_t *f =
        flux_rpc_pack (cmd_open (), "job-list.list-id", 0, 0, "{s:I s:[s]}", "id",
                       (json_int_t)id, "attrs", "nodelist");
    if (!f || flux_rpc_get_unpack (f, "{s:{s?s}}", "job", "nodelist", &s) < 0) {
        if (errno != ENOENT || !fallback)
            cmd_die ("ERROR: %s: %s", arg, cmd_future_error (f));
        s = arg;
    }
    struct hostlist *hl = hostlist_decode (s);
    flux_future_destroy (f);
    return hl;
}

/* instance, local, avail? ... a hostlist, a job id. */
static struct hostlist *source (const char *s, bool fallback)
{
    char name[256];
    flux_jobid_t id;
    struct hostlist *hl;
    if (!strcmp (s, "instance") || !strcmp (s, "all"))
        return attr_hosts ();
    if (!strcmp (s, "local")) {
        if (gethostname (name, sizeof (name)) < 0)
            cmd_die ("ERROR: hostname: %s", strerror (errno));
        return hostlist_decode (name);
    }
    if (!strncmp (s, "ƒ", strlen ("ƒ")) && flux_job_id_parse (s, &id) == 0)
        return job_hosts (id, s, fallback);
    if ((hl = hostlist_decode (s)))
        return hl;
    cmd_die ("ERROR: Invalid jobid or hostlist %s", s);
}

static bool has (struct hostlist *hl, const char *name)
{
    return hostlist_find (hl, name) >= 0;
}

/* Those of a that are in b (or are not). */
static struct hostlist *filter (struct hostlist *a, struct hostlist *b, bool in)
{
    struct hostlist *r = hostlist_create ();
    for (int i = 0; i < hostlist_count (a); i++) {
        const char *name = hostlist_nth (a, i);
        if (has (b, name) == in)
            hostlist_append (r, name);
    }
    return r;
}

static void replace (struct hostlist **hl, struct hostlist *with)
{
    hostlist_destroy (*hl);
    *hl = with;
}

static void combine (optparse_t *p, struct hostlist **hl, struct hostlist *next)
{
    if (optparse_hasopt (p, "intersect"))
        replace (hl, filter (*hl, next, true));
    else if (optparse_hasopt (p, "minus"))
        replace (hl, filter (*hl, next, false));
    else if (optparse_hasopt (p, "xor")) {
        struct hostlist *a = filter (*hl, next, false);
        struct hostlist *b = filter (next, *hl, false);
        hostlist_append_list (a, b);
        hostlist_destroy (b);
        replace (hl, a);
    } else
        hostlist_append_list (*hl, next);
}

static struct hostlist *nth (struct hostlist *hl, const char *s)
{
    struct hostlist *r = hostlist_create ();
    int count = hostlist_count (hl);
    if (*s == '-') {
        int n = count + atoi (s);
        if (n < 0)
            cmd_die ("ERROR: Invalid index or indices: %s", s);
        hostlist_append (r, hostlist_nth (hl, n));
        return r;
    }
    struct idset *ids = idset_decode (s);
    if (!ids || idset_empty (ids) || idset_last (ids) >= (unsigned int)count)
        cmd_die ("ERROR: Invalid index or indices: %s", s);
    for (unsigned int i = idset_first (ids); i != IDSET_INVALID_ID;
         i = idset_next (ids, i))
        hostlist_append (r, hostlist_nth (hl, i));
    idset_destroy (ids);
    return r;
}

static struct hostlist *limit (struct hostlist *hl, int n)
{
    struct hostlist *r = hostlist_create ();
    int count = hostlist_count (hl);
    int from = n < 0 ? count + n : 0;
    int to = n < 0 ? count : n;
    for (int i = from < 0 ? 0 : from; i < to && i < count; i++)
        hostlist_append (r, hostlist_nth (hl, i));
    return r;
}

static void print (optparse_t *p, struct hostlist *hl)
{
    const char *delim = optparse_get_str (p, "delimiter", " ");
    const char *find = optparse_get_str (p, "find", NULL);
    int count = hostlist_count (hl);
    if (find) {
        int n = hostlist_find (hl, find);
        if (n < 0)
            exit (1);
        printf ("%d\n", n);
    } else if (optparse_hasopt (p, "count"))
        printf ("%d\n", count);
    else if (optparse_hasopt (p, "expand")) {
        for (int i = 0; i < count; i++)
            printf ("%s%s", i ? (!strcmp (delim, "\\n") ? "\n" : delim) : "",
                    hostlist_nth (hl, i));
        fputc ('\n', stdout);
    } else {
        char *s = hostlist_encode (hl);
        puts (s ? s : "");
        free (s);
    }
}

static int run (optparse_t *p, int argc, char **argv)
{
    const char *s;
    int i = optparse_option_index (p);
    struct hostlist *hl =
        source (i < argc ? argv[i++] : "instance", optparse_hasopt (p, "fallback"));
    for (; i < argc; i++) {
        struct hostlist *next = source (argv[i], optparse_hasopt (p, "fallback"));
        combine (p, &hl, next);
        hostlist_destroy (next);
    }
    if ((s = optparse_get_str (p, "exclude", NULL))) {
        struct hostlist *x = source (s, optparse_hasopt (p, "fallback"));
        replace (&hl, filter (hl, x, false));
        hostlist_destroy (x);
    }
    if (optparse_hasopt (p, "union"))
        hostlist_uniq (hl);
    if (optparse_hasopt (p, "sort"))
        hostlist_sort (hl);
    if ((s = optparse_get_str (p, "nth", NULL)))
        replace (&hl, nth (hl, s));
    if (optparse_hasopt (p, "limit"))
        replace (&hl, limit (hl, optparse_get_int (p, "limit", 0)));
    int count = hostlist_count (hl);
    if (!optparse_hasopt (p, "quiet"))
        print (p, hl);
    hostlist_destroy (hl);
    return optparse_hasopt (p, "quiet") && count == 0 ? 1 : 0;
}

const struct command cmd_hostlist = {
    .name = "hostlist",
    .summary = "Fetch, combine and print host lists",
    .usage = "[OPTIONS] [SOURCE...]",
    .group = "other",
    .options = opts,
    .run = run,
    .flags = CMD_MIXED_ARGS,
};
