#include "cmd/kvs/dump_progress.h"

#include <stdio.h>

#include "cmd/output/output.h"

#define COUNT_EVERY 10000

void dump_progress_init (struct dump_progress *dp, optparse_t *p, const char *done)
{
    *dp = (struct dump_progress){ .done = done,
                                  .verbose = optparse_hasopt (p, "verbose"),
                                  .quiet = optparse_hasopt (p, "quiet"),
                                  .notify = optparse_hasopt (p, "sd-notify") };
}

/* Nobody waits for that: who is not listened to goes on. */
static void notify (struct dump_progress *dp)
{
    char text[64];

    snprintf (text, sizeof (text), "%s %zu keys", dp->done, dp->count);
    flux_future_destroy (flux_rpc_pack (dp->h, "state-machine.sd-notify",
                                        FLUX_NODEID_ANY, FLUX_RPC_NORESPONSE, "{s:s}",
                                        "status", text));
}

void dump_progress_add (struct dump_progress *dp, const char *path, bool counts)
{
    bool due;

    dp->count += counts;
    due = counts && dp->count % COUNT_EVERY == 0;
    if (dp->verbose)
        fprintf (stderr, "%s\n", safe (path));
    else if (!dp->quiet && due)
        fprintf (stderr, "%s %zu keys\n", dp->done, dp->count);
    if (dp->notify && due)
        notify (dp);
}

void dump_progress_end (struct dump_progress *dp)
{
    if (!dp->quiet && !dp->verbose)
        fprintf (stderr, "%s %zu keys\n", dp->done, dp->count);
    if (dp->notify)
        notify (dp);
}
