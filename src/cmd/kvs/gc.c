/* flux gc: free what the store has and nothing refers to any more. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "json", .key = 'j', .usage = "Print the result as JSON" },
    { .name = "quiet", .key = 'q', .usage = "Print nothing" },
    { .name = "verbose",
      .key = 'v',
      .usage = "Say what it does; twice: how far it is" },
    { .name = "dry-run",
      .key = 'n',
      .usage = "Free nothing: print what would be freed" },
    { .name = "no-cache",
      .usage = "Leave the content cache alone (it always does, but for what the store "
               "does not have yet)" },
    { .name = "maxreqs",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Ask the content cache for N blobs at a time (default 32)" },
    OPTPARSE_TABLE_END,
};

struct counts {
    json_int_t live, live_bytes, freed, freed_bytes, before, after;
    double progress, duration;
    const char *phase;
};

static void decode (flux_future_t *f, struct counts *n)
{
    memset (n, 0, sizeof (*n));
    if (flux_rpc_get_unpack (f, "{s:I s:I s:I s:I s:{s:I s:I} s:s s?F s?F}", "live",
                             &n->live, "live_bytes", &n->live_bytes, "freed", &n->freed,
                             "freed_bytes", &n->freed_bytes, "size", "before",
                             &n->before, "after", &n->after, "phase", &n->phase,
                             "progress", &n->progress, "duration", &n->duration)
        < 0)
        cmd_die ("%s", cmd_future_error (f));
}

static void print_progress (const struct counts *n)
{
    /* a line that is written again and again */
    fprintf (stderr, "\r\033[Kflux-gc: %s: %3.0f%%, %jd blobs freed", n->phase,
             n->progress * 100., (intmax_t)n->freed);
    fflush (stderr);
}

/* Once for each phase, or each time. */
static void say_progress (const struct counts *n, int level)
{
    static char phase[16];

    if (level < 2 && !strcmp (phase, n->phase))
        return;
    snprintf (phase, sizeof (phase), "%s", n->phase);
    fprintf (stderr, "flux-gc: %s: %.0f%%, %jd blobs of garbage, %jd kept\n", n->phase,
             n->progress * 100., (intmax_t)n->freed, (intmax_t)n->live);
}

static const char *size_text (json_int_t bytes, char *s, size_t size)
{
    static const char units[] = "kMGT";
    double n = bytes;
    int unit = -1;

    while (n >= 1024. && unit < 3) {
        n /= 1024.;
        unit++;
    }
    if (unit < 0)
        snprintf (s, size, "%jd", (intmax_t)bytes);
    else
        snprintf (s, size, "%.1f%c", n, units[unit]);
    return s;
}

static void print_counts (const struct counts *n, bool dry)
{
    char a[32], b[32];

    printf ("%s %jd blobs of %s, %s %jd of %s\n", dry ? "would free" : "freed",
            (intmax_t)n->freed, size_text (n->freed_bytes, a, sizeof (a)),
            dry ? "keep" : "kept", (intmax_t)n->live,
            size_text (n->live_bytes, b, sizeof (b)));
    if (!dry)
        printf ("the store had %s, and has %s, after %.3fs\n",
                size_text (n->before, a, sizeof (a)),
                size_text (n->after, b, sizeof (b)), n->duration);
}

static void print_json (const struct counts *n)
{
    char *s;
    json_t *o = json_pack ("{s:{s:I s:I} s:{s:I s:I} s:{s:I s:I} s:f}", "live", "blobs",
                           n->live, "bytes", n->live_bytes, "freed", "blobs", n->freed,
                           "bytes", n->freed_bytes, "size", "before", n->before,
                           "after", n->after, "duration", n->duration);

    if (!o || !(s = json_dumps (o, JSON_COMPACT)))
        cmd_die ("out of memory");
    puts (s);
    free (s);
    json_decref (o);
}

static int run (optparse_t *p, int argc, char **argv)
{
    bool quiet = optparse_hasopt (p, "quiet");
    bool dry = optparse_hasopt (p, "dry-run");
    int level = optparse_getopt (p, "verbose", NULL);
    bool bar = !quiet && level == 0 && isatty (STDERR_FILENO);
    int maxreqs = optparse_get_int (p, "maxreqs", 32);
    struct counts n, result = { 0 };
    flux_future_t *f;

    if (optparse_option_index (p) < argc)
        optparse_fatal_usage (p, 1, NULL);
    if (maxreqs < 1)
        cmd_die ("--maxreqs: must be 1 or more");
    f = flux_rpc_pack (cmd_open (), "content-backing.collect", 0, FLUX_RPC_STREAMING,
                       "{s:b s:i}", "dry_run", dry, "maxreqs", maxreqs);
    while (f && flux_rpc_get (f, NULL) == 0) {
        decode (f, &n);
        if (!strcmp (n.phase, "done"))
            result = n;
        else if (bar)
            print_progress (&n);
        else if (level > 0)
            say_progress (&n, level);
        flux_future_reset (f);
    }
    if (bar)
        fputs ("\r\033[K", stderr);
    if (!f || errno != ENODATA)
        cmd_die ("%s", !f ? flux_strerror (errno)
                       : errno == ENOSYS
                           ? "there is no backing store, or it collects nothing"
                           : cmd_future_error (f));
    if (!quiet && optparse_hasopt (p, "json"))
        print_json (&result);
    else if (!quiet)
        print_counts (&result, dry);
    flux_future_destroy (f);
    return 0;
}

const struct command cmd_gc = {
    .name = "gc",
    .summary = "Free what nothing in the KVS refers to any more",
    .usage = "[OPTIONS]",
    .group = "instance",
    .options = opts,
    .run = run,
};
