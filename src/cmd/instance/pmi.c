/* flux pmi: what a task sees of PMI, and how long it takes. */
#include "cmd/cmd.h"
#include "cmd/output/output.h"

#include "base/clock.h"
#include "core/pmi/library.h"

#include <flux/idset.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct optparse_option opts[] = {
    { .name = "method",
      .has_arg = 1,
      .arginfo = "NAME",
      .usage = "simple: over a descriptor; libpmi[:PATH], libpmi2[:PATH]: by a "
               "library; single: alone (default: the first that works)" },
    { .name = "verbose", .key = 'v', .usage = "Trace what is said" },
    { .name = "timeout",
      .key = 't',
      .has_arg = 1,
      .arginfo = "FSD",
      .usage = "End with status 142 after this time" },
    { .name = "libpmi-noflux", .usage = "A library that is Flux's own is none" },
    { .name = "libpmi2-cray",
      .usage = "Go about libpmi2 as if it were Cray's: values as base64" },
    OPTPARSE_TABLE_END,
};

/* Without a client the program is alone. */
struct pmi {
    struct pmi_client *client;
    int rank, size;
    const char *name;
};

/* NULL: alone. */
static struct pmi_client *open_one (const char *method, int flags)
{
    flux_error_t error;
    struct pmi_client *client;

    if (strcmp (method, "single") == 0)
        return NULL;
    if (strcmp (method, "simple") != 0 && !pmi_library_is (method))
        cmd_die ("method '%s' is unknown, expected simple, libpmi[:PATH], "
                 "libpmi2[:PATH] or single",
                 method);
    if (!(client = pmi_method_open (method, flags, &error)))
        cmd_die ("%s", errno == ENOENT && !pmi_library_is (method)
                           ? "PMI_FD not found in environ"
                           : error.text);
    return client;
}

static struct pmi_client *open_first (int flags)
{
    static const char *const methods[] = { "simple", "libpmi2", "libpmi" };
    struct pmi_client *client;
    flux_error_t error;

    for (size_t i = 0; i < sizeof (methods) / sizeof (*methods); i++) {
        if ((client = pmi_method_open (methods[i], flags | PMI_LIBRARY_TRY, &error)))
            return client;
        if (errno != ENOENT)
            cmd_die ("%s", error.text);
    }
    return NULL;
}

static void start (struct pmi *pmi, optparse_t *sub)
{
    optparse_t *p = optparse_get_parent (sub);
    const char *method = optparse_get_str (p, "method", NULL);
    double timeout = optparse_get_duration (p, "timeout", 0);
    int flags = (optparse_hasopt (p, "libpmi-noflux") ? PMI_LIBRARY_NOFLUX : 0)
                | (optparse_hasopt (p, "libpmi2-cray") ? PMI_LIBRARY_CRAY : 0);

    *pmi = (struct pmi){ .size = 1, .name = "0" };
    if (timeout > 0)
        alarm (timeout < 1 ? 1 : (unsigned int)timeout);
    if (optparse_hasopt (p, "verbose"))
        setenv ("FLUX_PMI_DEBUG", "1", 1);
    if (!(pmi->client = method ? open_one (method, flags) : open_first (flags)))
        return;
    pmi->rank = pmi_client_rank (pmi->client);
    pmi->size = pmi_client_size (pmi->client);
    pmi->name = pmi_client_kvsname (pmi->client);
}

static void barrier (struct pmi *pmi)
{
    flux_error_t error;
    if (pmi->client && pmi_client_barrier (pmi->client, &error) < 0)
        cmd_die ("barrier: %s", error.text);
}

static int finish (struct pmi *pmi)
{
    flux_error_t error;
    if (pmi->client && pmi_client_finalize (pmi->client, &error) < 0)
        cmd_die ("finalize: %s", error.text);
    pmi_client_close (pmi->client);
    return 0;
}

static void no_operands (optparse_t *p, int argc)
{
    if (optparse_option_index (p) < argc)
        optparse_fatal_usage (p, 1, "too many arguments\n");
}

static struct optparse_option barrier_opts[] = {
    { .name = "count",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Do it N times (default 1)" },
    { .name = "test-count", .has_arg = 1, .arginfo = "N", .usage = "The same" },
    { .name = "test-timing",
      .usage = "Print how long each takes, when all tasks are there" },
    { .name = "test-abort",
      .has_arg = 1,
      .arginfo = "RANK",
      .usage = "Task RANK aborts the job instead" },
    OPTPARSE_TABLE_END,
};

static void abort_if (struct pmi *pmi, int rank)
{
    if (rank >= pmi->size)
        cmd_die ("--test-abort=%d: there are %d tasks", rank, pmi->size);
    if (rank != pmi->rank)
        return;
    if (!pmi->client)
        cmd_die ("--test-abort: there is no job to abort");
    (void)pmi_client_abort (pmi->client, 1, "flux-pmi: aborted as it was told");
    exit (1);
}

static int run_barrier (optparse_t *p, int argc, char **argv)
{
    int count = optparse_get_int (p, "test-count", optparse_get_int (p, "count", 1));
    int rank = optparse_get_int (p, "test-abort", -1);
    bool timing = optparse_hasopt (p, "test-timing");
    struct pmi pmi;

    no_operands (p, argc);
    if (count < 1)
        cmd_die ("--count: must be 1 or more");
    if (optparse_hasopt (p, "test-abort") && rank < 0)
        cmd_die ("--test-abort: must be the rank of a task");
    start (&pmi, p);
    abort_if (&pmi, rank);
    if (timing)
        barrier (&pmi);
    for (int i = 0; i < count; i++) {
        double t = clock_monotonic ();
        barrier (&pmi);
        if (pmi.rank != 0)
            continue;
        printf ("%s: completed pmi barrier on %d tasks", safe (pmi.name), pmi.size);
        if (timing)
            printf (" in %.3fs.", clock_monotonic () - t);
        putchar ('\n');
    }
    return finish (&pmi);
}

static struct optparse_option exchange_opts[] = {
    { .name = "count",
      .has_arg = 1,
      .arginfo = "N",
      .usage = "Do it N times (default 1)" },
    OPTPARSE_TABLE_END,
};

/* Everybody puts one key, and reads those of all others. */
static void exchange (struct pmi *pmi, int round)
{
    char key[64];
    flux_error_t error;

    snprintf (key, sizeof (key), "key.%d.%d", round, pmi->rank);
    if (pmi->client && pmi_client_put (pmi->client, key, key, &error) < 0)
        cmd_die ("put %s: %s", key, error.text);
    barrier (pmi);
    for (int i = 0; pmi->client && i < pmi->size; i++) {
        snprintf (key, sizeof (key), "key.%d.%d", round, i);
        const char *s = pmi_client_get (pmi->client, key, &error);
        if (!s)
            cmd_die ("get %s: %s", key, error.text);
        if (strcmp (s, key) != 0)
            cmd_die ("get %s: the value is '%s'", key, s);
    }
    barrier (pmi);
}

static int run_exchange (optparse_t *p, int argc, char **argv)
{
    int count = optparse_get_int (p, "count", 1);
    struct pmi pmi;

    no_operands (p, argc);
    if (count < 1)
        cmd_die ("--count: must be 1 or more");
    start (&pmi, p);
    for (int i = 0; i < count; i++) {
        double t = clock_monotonic ();
        exchange (&pmi, i);
        if (pmi.rank == 0)
            printf ("%s: completed pmi exchange on %d tasks in %.3fs.\n",
                    safe (pmi.name), pmi.size, clock_monotonic () - t);
    }
    return finish (&pmi);
}

static struct optparse_option get_opts[] = {
    { .name = "ranks",
      .has_arg = 1,
      .arginfo = "IDS",
      .usage = "Tasks that print, or all (default: 0)" },
    OPTPARSE_TABLE_END,
};

static bool is_in (const char *ranks, int rank)
{
    if (!strcmp (ranks, "all"))
        return true;
    struct idset *ids = idset_decode (ranks);
    if (!ids)
        cmd_die ("--ranks: '%s' is not an idset", ranks);
    bool in = idset_test (ids, rank);
    idset_destroy (ids);
    return in;
}

static int run_get (optparse_t *p, int argc, char **argv)
{
    const char *ranks = optparse_get_str (p, "ranks", "0");
    int i = optparse_option_index (p);
    flux_error_t error;
    struct pmi pmi;

    if (i == argc)
        optparse_fatal_usage (p, 1, "a key is needed\n");
    start (&pmi, p);
    for (; i < argc && is_in (ranks, pmi.rank); i++) {
        const char *s =
            pmi.client ? pmi_client_get (pmi.client, argv[i], &error) : NULL;
        if (!s)
            cmd_die ("get %s: %s", argv[i], pmi.client ? error.text : "key not found");
        puts (safe (s));
    }
    return finish (&pmi);
}

static struct optparse_subcommand subcommands[] = {
    { "barrier", "[OPTIONS]", "Wait for all tasks", run_barrier, 0, barrier_opts },
    { "get", "[OPTIONS] KEY...", "Print what the job's PMI knows of keys", run_get, 0,
      get_opts },
    { "exchange", "[OPTIONS]", "Let all tasks read a key of each other", run_exchange,
      0, exchange_opts },
    OPTPARSE_SUBCMD_END,
};

const struct command cmd_pmi = {
    .name = "pmi",
    .summary = "Try the process management interface of a job",
    .usage = "[OPTIONS] COMMAND [OPTIONS]",
    .group = "other",
    .options = opts,
    .subcommands = subcommands,
};
