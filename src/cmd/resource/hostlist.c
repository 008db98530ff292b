/* flux hostlist: sets of hosts, from text, from jobs, from the instance. */
#include "base/file.h"
#include "cmd/cmd.h"
#include "value/fsd.h"
#include "value/resource/rset.h"

#include <ctype.h>
#include <flux/hostlist.h>
#include <flux/idset.h>
#include <limits.h>
#include <poll.h>
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
      .arginfo = "HOSTS",
      .usage = "Print the indices of these hosts; status 1 if one is not there" },
    { .name = "exclude",
      .key = 'x',
      .has_arg = 1,
      .arginfo = "HOSTS|IDS",
      .usage = "Leave these hosts out, or those with these indices" },
    { .name = "union", .key = 'u', .usage = "Each host once, sorted" },
    { .name = "unique", .usage = "The same" },
    { .name = "local", .key = 'l', .usage = "The default source is local, not stdin" },
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

/* Those of ASCII without words may as well be a host's name. */
static bool is_surely_id (const char *s)
{
    return (*s & 0x80) || (strchr (s, '-') && isalpha ((unsigned char)*s));
}

/* NULL: there is no such job, or nobody to ask. */
static struct hostlist *maybe_job_hosts (flux_jobid_t id)
{
    const char *s = "";
    flux_t *h = flux_open (NULL, 0);
    flux_future_t *f = !h ? NULL
                          : flux_rpc_pack (h, "job-list.list-id", 0, 0, "{s:I s:[s]}",
                                           "id", (json_int_t)id, "attrs", "nodelist");
    struct hostlist *hl = NULL;
    if (f && flux_rpc_get_unpack (f, "{s:{s?s}}", "job", "nodelist", &s) == 0)
        hl = hostlist_decode (s);
    flux_future_destroy (f);
    flux_close (h);
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

/* Of the job that this runs in, else of the instance. */
static struct hostlist *local_hosts (void)
{
    const char *s = getenv ("FLUX_JOB_ID");
    return s ? job_hosts (cmd_jobid (s), s, false) : attr_hosts ();
}

/* Those that are neither down nor drained. */
static struct hostlist *available_hosts (void)
{
    json_t *all, *down;
    flux_error_t error = { "malformed answer" };
    struct rset *a = NULL, *d = NULL, *up = NULL;
    flux_future_t *f = flux_rpc (cmd_open (), "resource.sched-status", NULL, 0, 0);
    if (!f || flux_rpc_get_unpack (f, "{s:o s:o}", "all", &all, "down", &down) < 0)
        cmd_die ("ERROR: %s", cmd_future_error (f));
    if (!(a = rset_decode_json (all, &error)) || !(d = rset_decode_json (down, &error))
        || !(up = rset_diff (a, d)))
        cmd_die ("ERROR: resources: %s", error.text);
    struct hostlist *hl = rset_nodelist (up);
    rset_destroy (a);
    rset_destroy (d);
    rset_destroy (up);
    flux_future_destroy (f);
    return hl;
}

/* Somebody who has forgotten that stdin is read is told so: after 15s without anything, or
 * as long as FLUX_HOSTLIST_STDIN_TIMEOUT says, 0: never. */
static void wait_for_stdin (void)
{
    const char *s = getenv ("FLUX_HOSTLIST_STDIN_TIMEOUT");
    struct pollfd p = { .fd = STDIN_FILENO, .events = POLLIN };
    double timeout = 15;
    if (s && (fsd_parse (s, &timeout) < 0 || timeout > INT_MAX / 1000))
        cmd_die ("ERROR: FLUX_HOSTLIST_STDIN_TIMEOUT: invalid duration '%s'", s);
    if (timeout > 0 && poll (&p, 1, (int)(timeout * 1000) + 1) == 0)
        cmd_die ("ERROR: nothing to read on standard input within %gs (use - to wait "
                 "for it in any case)",
                 timeout);
}

/* Words of stdin, each a hostlist. */
static struct hostlist *stdin_hosts (void)
{
    struct hostlist *hl = hostlist_create ();
    size_t len;
    char *text = fd_read_all (STDIN_FILENO, &len), *save = NULL;
    if (!text || !hl)
        cmd_die ("ERROR: stdin: %s", strerror (errno));
    for (char *s = strtok_r (text, " \t\n", &save); s;
         s = strtok_r (NULL, " \t\n", &save))
        if (hostlist_append (hl, s) < 0)
            cmd_die ("ERROR: stdin: Invalid hostlist %s", s);
    free (text);
    return hl;
}

/* instance, local, avail, stdin, a job id, a hostlist. */
static struct hostlist *source (const char *s, bool fallback)
{
    flux_jobid_t id;
    struct hostlist *hl;
    if (!strcmp (s, "instance") || !strcmp (s, "all"))
        return attr_hosts ();
    if (!strcmp (s, "local"))
        return local_hosts ();
    if (!strcmp (s, "avail") || !strcmp (s, "available"))
        return available_hosts ();
    if (!strcmp (s, "stdin") || !strcmp (s, "-"))
        return stdin_hosts ();
    if (flux_job_id_parse (s, &id) == 0) {
        if (is_surely_id (s))
            return job_hosts (id, s, fallback);
        if ((hl = maybe_job_hosts (id)))
            return hl;
    }
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

/* Leaves out hosts, or what stands at indices. */
static struct hostlist *exclude (struct hostlist *hl, const char *s, bool fallback)
{
    struct idset *ids = idset_decode (s);
    struct hostlist *r;
    if (!ids) {
        struct hostlist *x = source (s, fallback);
        r = filter (hl, x, false);
        hostlist_destroy (x);
        return r;
    }
    r = hostlist_create ();
    for (int i = 0; i < hostlist_count (hl); i++)
        if (!idset_test (ids, i))
            hostlist_append (r, hostlist_nth (hl, i));
    idset_destroy (ids);
    return r;
}

/* Indices, in the order of hosts; one that is not there is an error. */
static void print_found (struct hostlist *hl, const char *hosts)
{
    struct hostlist *want = hostlist_decode (hosts);
    if (!want)
        cmd_die ("ERROR: --find: Invalid hostlist %s", hosts);
    for (int i = 0; i < hostlist_count (want); i++) {
        const char *name = hostlist_nth (want, i);
        int n = hostlist_find (hl, name);
        if (n < 0)
            cmd_die ("ERROR: Host '%s' not found in hostlist", name);
        printf ("%s%d", i > 0 ? " " : "", n);
    }
    fputc ('\n', stdout);
    hostlist_destroy (want);
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
    if (find)
        print_found (hl, find);
    else if (optparse_hasopt (p, "count"))
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
    if (i == argc && !optparse_hasopt (p, "local"))
        wait_for_stdin ();
    struct hostlist *hl = source (i < argc                       ? argv[i++]
                                  : optparse_hasopt (p, "local") ? "local"
                                                                 : "stdin",
                                  optparse_hasopt (p, "fallback"));
    for (; i < argc; i++) {
        struct hostlist *next = source (argv[i], optparse_hasopt (p, "fallback"));
        combine (p, &hl, next);
        hostlist_destroy (next);
    }
    if ((s = optparse_get_str (p, "exclude", NULL)))
        replace (&hl, exclude (hl, s, optparse_hasopt (p, "fallback")));
    if (optparse_hasopt (p, "union") || optparse_hasopt (p, "unique"))
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
