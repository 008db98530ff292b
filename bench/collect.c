/* What others feel of a collection. usage: flux start bench-collect [SECONDS [KEYS [NAME]]]
 *
 * A directory of KEYS keys; commits and lookups of keys at random, and submissions, one at
 * a time: each for SECONDS, then beside a collection until it has ended, before which all
 * keys were written anew. Only what has NAME in its name is measured. Prints lines of
 * fields with tabs between: name; alone, beside (a collection) or in which phase of it;
 * operations per second; the longest that one took, in ms; for how many seconds. The first
 * are of a collection alone: seconds of each phase. Stop the queue before. */
#include <flux/core.h>

#include <string.h>

#include "bench.h"

#define PUTS 5000 /* in a commit that fills the directory */

static const char jobspec[] =
    "{\"version\":1,\"resources\":[{\"type\":\"slot\",\"count\":1,\"label\":\"task\","
    "\"with\":[{\"type\":\"core\",\"count\":1}]}],\"tasks\":[{\"command\":[\"true\"],"
    "\"slot\":\"task\",\"count\":{\"per_slot\":1}}],"
    "\"attributes\":{\"system\":{\"duration\":0}}}";

struct bench {
    flux_t *h;         /* for what is measured */
    flux_t *collector; /* for collections */
    int keys, count;
    double seconds;
};

struct figures {
    int count;
    double time, longest; /* s */
};

static const char *const phases[] = { "start", "mark", "sweep", "shrink", "end", NULL };

static void put (flux_kvs_txn_t *txn, int key, int number)
{
    char name[64], value[100];

    snprintf (name, sizeof (name), "bench.collect.key%d", key);
    snprintf (value, sizeof (value), "%090d", number);
    if (flux_kvs_txn_put_raw (txn, 0, name, value, sizeof (value)) < 0)
        bench_die ("put");
}

static void finish (flux_future_t *f, const char *what)
{
    if (!f || flux_future_get (f, NULL) < 0)
        bench_die (what);
    flux_future_destroy (f);
}

static void commit_keys (struct bench *b, int first, int count)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();

    if (!txn)
        bench_die ("txn");
    for (int i = 0; i < count; i++)
        put (txn, first + i, b->count++);
    finish (flux_kvs_commit (b->h, NULL, 0, txn), "commit");
    flux_kvs_txn_destroy (txn);
}

static void commit (struct bench *b)
{
    commit_keys (b, random () % b->keys, 1);
}

static void lookup (struct bench *b)
{
    char name[64];

    snprintf (name, sizeof (name), "bench.collect.key%d", (int)(random () % b->keys));
    finish (flux_kvs_lookup (b->h, NULL, 0, name), "lookup");
}

static void submit (struct bench *b)
{
    finish (flux_job_submit (b->h, jobspec, 16, 0), "submit");
}

static void add (struct figures *f, double took)
{
    f->count++;
    f->time += took;
    if (took > f->longest)
        f->longest = took;
}

static void print (const char *what, const char *when, const struct figures *f)
{
    printf ("%s\t%s\t%.1f\t%.1f\t%.1f\n", what, when,
            f->time > 0 ? f->count / f->time : 0., f->longest * 1e3, f->time);
    fflush (stdout);
}

static void run (struct bench *b, const char *name, void (*one) (struct bench *b))
{
    struct figures f = { 0 };

    while (f.time < b->seconds) {
        double start = bench_now ();

        one (b);
        add (&f, bench_now () - start);
    }
    print (name, "alone", &f);
}

struct collection {
    flux_future_t *f;
    flux_reactor_t *r;
    int phase;
    bool over;
    double start;
};

static void report_cb (flux_future_t *f, void *arg)
{
    struct collection *c = arg;
    const char *name;

    if (flux_rpc_get_unpack (f, "{s:s}", "phase", &name) < 0) {
        if (errno != ENODATA)
            bench_die ("collect");
        c->over = true;
        return;
    }
    for (int i = 0; phases[i]; i++)
        if (!strcmp (phases[i], name))
            c->phase = i;
    flux_future_reset (f);
}

static void collect (struct bench *b, struct collection *c)
{
    *c = (struct collection){ .r = flux_get_reactor (b->collector),
                              .start = bench_now () };
    if (!(c->f = flux_rpc (b->collector, "content-backing.collect", NULL, 0,
                           FLUX_RPC_STREAMING))
        || flux_future_then (c->f, -1., report_cb, c) < 0)
        bench_die ("collect");
}

static void look (struct collection *c, int flags)
{
    if (flux_reactor_run (c->r, flags) < 0)
        bench_die ("reactor");
}

static void run_beside (struct bench *b, const char *name, void (*one) (struct bench *b))
{
    struct figures all = { 0 }, each[5] = { { 0 } };
    struct collection c;

    collect (b, &c);
    while (!c.over) {
        double start = bench_now (), took;

        one (b);
        took = bench_now () - start;
        add (&all, took);
        add (&each[c.phase], took);
        look (&c, FLUX_REACTOR_NOWAIT);
    }
    flux_future_destroy (c.f);
    print (name, "beside", &all);
    for (int i = 0; phases[i]; i++)
        if (each[i].count > 0)
            print (name, phases[i], &each[i]);
}

static flux_t *open_rank (flux_t *h, int rank)
{
    flux_future_t *f = flux_rpc_pack (h, "attr.get", rank, 0, "{s:s}", "name", "local-uri");
    const char *uri;
    flux_t *other;

    if (!f || flux_rpc_get_unpack (f, "{s:s}", "value", &uri) < 0
        || !(other = flux_open (uri, 0)))
        bench_die ("flux_open");
    flux_future_destroy (f);
    return other;
}

static void fill (struct bench *b)
{
    for (int i = 0; i < b->keys; i += PUTS)
        commit_keys (b, i, b->keys - i < PUTS ? b->keys - i : PUTS);
}

static void wait_for_end (struct bench *b)
{
    double at[6];
    struct collection c;
    int phase = 0;

    collect (b, &c);
    at[0] = c.start;
    while (!c.over) {
        look (&c, FLUX_REACTOR_ONCE);
        for (; phase < c.phase; phase++)
            at[phase + 1] = bench_now ();
    }
    flux_future_destroy (c.f);
    for (; phase < 5; phase++)
        at[phase + 1] = bench_now ();
    for (int i = 0; i < 5; i++)
        printf ("collection\t%s\t\t\t%.1f\n", phases[i], at[i + 1] - at[i]);
    fflush (stdout);
}

static bool wanted (const char *name, const char *only)
{
    return !only || strstr (name, only);
}

static void measure (struct bench *b, const char *name, void (*one) (struct bench *b))
{
    fill (b);
    run (b, name, one);
    run_beside (b, name, one);
}

int main (int argc, char *argv[])
{
    struct bench b = { .seconds = argc > 1 ? atof (argv[1]) : 10.,
                       .keys = argc > 2 ? atoi (argv[2]) : 300000 };
    const char *only = argc > 3 ? argv[3] : NULL;
    uint32_t size;
    flux_t *h;

    if (b.seconds <= 0 || b.keys < 1) {
        fprintf (stderr, "usage: bench-collect [SECONDS [KEYS [NAME]]]\n");
        return 2;
    }
    if (!(b.h = h = flux_open (NULL, 0)) || !(b.collector = flux_open (NULL, 0))
        || flux_get_size (h, &size) < 0)
        bench_die ("flux_open");
    fill (&b);
    if (wanted ("collection", only))
        wait_for_end (&b);
    if (wanted ("commit", only))
        measure (&b, "commit", commit);
    if (wanted ("lookup", only)) {
        measure (&b, "lookup, rank 0", lookup);
        if (size > 1) {
            b.h = open_rank (h, 1);
            measure (&b, "lookup, rank 1", lookup);
            flux_close (b.h);
            b.h = h;
        }
    }
    if (wanted ("submit", only))
        measure (&b, "submit", submit);
    flux_close (b.collector);
    flux_close (h);
    return 0;
}
