/* Rates of the KVS. usage: flux start bench-kvs [SECONDS [SHARE [NAME]]]
 *
 * Directories have SHARE times 1,000, 100,000 and 1,000,000 keys. Only what has NAME in its
 * name is measured. Prints one line for each measurement: name, operations per second. */
#include <flux/core.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static flux_t *h;
static double seconds = 1.;
static const char *only; /* measurements whose name has this */

static void die (const char *what)
{
    fprintf (stderr, "bench-kvs: %s: %s\n", what, strerror (errno));
    exit (1);
}

struct load {
    int window; /* operations in flight */
    int keys;   /* over so many keys */
    const char *prefix;
    int count; /* puts in each commit */
    enum { COMMIT, LOOKUP, GROW, NOTICE } what;
    int limit; /* operations, or 0: as many as fit the time */
    int started, done;
    double end;
    const char **names; /* NOTICE: the key that an operation is for */
};

static bool wanted (const char *name)
{
    return !only || strstr (name, only);
}

static void start_one (struct load *l);

static void one_done (struct load *l)
{
    l->done++;
    if (l->limit ? l->started < l->limit : flux_reactor_time () < l->end)
        start_one (l);
}

static void answered (flux_future_t *f, void *arg)
{
    struct load *l = arg;
    const char *value;

    if (l->what == LOOKUP ? flux_kvs_lookup_get (f, &value) < 0
                          : flux_future_get (f, NULL) < 0)
        die (l->what == LOOKUP ? "lookup" : "commit");
    flux_future_destroy (f);
    if (l->what != NOTICE)
        one_done (l);
}

static void name_key (char *key, size_t size, const struct load *l, int n)
{
    snprintf (key, size, "bench.%s.key%d", l->prefix,
              l->what == GROW ? n : (int)(n % (unsigned)l->keys));
}

static flux_future_t *commit (const struct load *l)
{
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char key[128], value[100];
    flux_future_t *f;

    memset (value, 'a' + l->started % 26, sizeof (value));
    for (int i = 0; i < l->count; i++) {
        name_key (key, sizeof (key), l, l->started * l->count + i);
        if (!txn || flux_kvs_txn_put_raw (txn, 0, key, value, sizeof (value)) < 0)
            die ("txn");
    }
    f = flux_kvs_commit (h, NULL, 0, txn);
    flux_kvs_txn_destroy (txn);
    return f;
}

static flux_future_t *lookup (const struct load *l)
{
    char key[128];

    name_key (key, sizeof (key), l, l->started);
    return flux_kvs_lookup (h, NULL, 0, key);
}

static void start_one (struct load *l)
{
    flux_future_t *f = l->what == LOOKUP ? lookup (l) : commit (l);

    if (!f || flux_future_then (f, -1., answered, l) < 0)
        die ("send");
    l->started++;
}

/* Operations per second; the first are started here, each starts the next. */
static double run (struct load *l)
{
    double start = flux_reactor_time ();

    l->end = start + seconds;
    for (int i = 0; i < l->window; i++)
        start_one (l);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
        die ("reactor");
    return l->done / (flux_reactor_time () - start);
}

static void print (const char *name, double rate)
{
    printf ("%-44s %9.0f /s\n", name, rate);
    fflush (stdout);
}

static void measure (const char *name, struct load l)
{
    if (!l.count)
        l.count = 1;
    if (wanted (name))
        print (name, run (&l));
}

static void measure_directory (int keys)
{
    struct load grow = { .window = 4,
                         .what = GROW,
                         .prefix = "g",
                         .count = keys < 500 ? keys : 500 };
    char name[64];

    grow.limit = keys / grow.count;
    snprintf (name, sizeof (name), "directory of %d", keys);
    if (only && !strstr (only, "directory"))
        return;
    print (name, run (&grow) * grow.count);
    for (int window = 1; window <= 16; window += 15) {
        struct load l = { .window = window, .keys = keys - 1, .prefix = "g" };

        snprintf (name, sizeof (name), "commit, directory of %d, %d in flight", keys,
                  window);
        measure (name, l);
        snprintf (name, sizeof (name), "lookup, directory of %d, %d in flight", keys,
                  window);
        l.what = LOOKUP;
        measure (name, l);
    }
}

/* A notice is what a watcher gets of a commit. */
struct watcher {
    flux_future_t *f;
    struct load *load;
    bool first; /* what the key had is no notice */
};

static void noticed (flux_future_t *f, void *arg)
{
    struct watcher *w = arg;
    const char *value;

    if (flux_kvs_lookup_get (f, &value) < 0)
        die ("watch");
    flux_future_reset (f);
    if (!w->first)
        one_done (w->load);
    else if (++w->load->done == w->load->keys)
        flux_reactor_stop (flux_get_reactor (h));
    w->first = false;
}

static void watch (struct watcher *w, struct load *l, int n)
{
    char key[128];

    *w = (struct watcher){ .load = l, .first = true };
    name_key (key, sizeof (key), l, n);
    if (!(w->f = flux_kvs_lookup (h, NULL, FLUX_KVS_WATCH, key))
        || flux_future_then (w->f, -1., noticed, w) < 0)
        die ("watch");
}

/* Each commit sets a key that is watched, and is over when the notice is here. */
static void run_notices (const char *name, struct load *l)
{
    double start = flux_reactor_time ();

    l->done = l->started = 0;
    l->end = start + seconds;
    for (int i = 0; i < l->window; i++)
        start_one (l);
    while (l->done < l->started)
        if (flux_reactor_run (flux_get_reactor (h), FLUX_REACTOR_ONCE) < 0)
            die ("reactor");
    print (name, l->done / (flux_reactor_time () - start));
}

/* With so many watchers of as many keys. */
static void measure_watches (int keys)
{
    struct load fill = { .window = 1, .what = GROW, .prefix = "w", .limit = 1 };
    struct load l = { .what = NOTICE, .keys = keys, .prefix = "w", .count = 1 };
    struct watcher *w = calloc (keys, sizeof (*w));
    double start;

    if (only && !strstr (only, "watch"))
        return;
    fill.count = keys;
    run (&fill);
    start = flux_reactor_time ();
    for (int i = 0; i < keys; i++)
        watch (&w[i], &l, i);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
        die ("reactor");
    print ("watches begun", keys / (flux_reactor_time () - start));
    l.window = 1;
    run_notices ("commit to notice of a watch, 1 in flight", &l);
    l.window = keys < 16 ? keys : 16; /* two changes of one key may be one notice */
    run_notices ("commit to notice of a watch, 16 in flight", &l);
    for (int i = 0; i < keys; i++)
        flux_future_destroy (w[i].f);
    free (w);
}

/* The watchers are a connection's of their own, which does not run meanwhile. */
static void measure_beside_watchers (int keys)
{
    flux_t *mine = h;
    flux_future_t **f = calloc (keys, sizeof (*f));
    char key[128];

    if (only && !strstr (only, "watch"))
        return;
    if (!(h = flux_open (NULL, 0)))
        die ("flux_open");
    for (int i = 0; i < keys; i++) {
        snprintf (key, sizeof (key), "bench.w.key%d", i);
        if (!(f[i] = flux_kvs_lookup (h, NULL, FLUX_KVS_WATCH, key))
            || flux_future_get (f[i], NULL) < 0)
            die ("watch");
    }
    flux_t *theirs = h;
    h = mine;
    measure ("commit beside watchers, 1 in flight",
             (struct load){ .window = 1, .keys = 64, .prefix = "a" });
    measure ("commit beside watchers, 16 in flight",
             (struct load){ .window = 16, .keys = 64, .prefix = "a" });
    for (int i = 0; i < keys; i++)
        flux_future_destroy (f[i]);
    free (f);
    flux_close (theirs);
}

int main (int argc, char *argv[])
{
    double share = argc > 2 ? atof (argv[2]) : 1.;

    if (argc > 1)
        seconds = atof (argv[1]);
    if (argc > 3)
        only = argv[3];
    if (share <= 0 || share > 10 || !(h = flux_open (NULL, 0)))
        die ("flux_open");
    measure ("commit, 64 keys, 1 in flight",
             (struct load){ .window = 1, .keys = 64, .prefix = "a" });
    measure ("commit, 64 keys, 16 in flight",
             (struct load){ .window = 16, .keys = 64, .prefix = "a" });
    measure ("lookup, 64 keys, 1 in flight",
             (struct load){ .window = 1, .keys = 64, .prefix = "a", .what = LOOKUP });
    measure ("lookup, 64 keys, 16 in flight",
             (struct load){ .window = 16, .keys = 64, .prefix = "a", .what = LOOKUP });
    measure_watches (10000 * share);
    measure_beside_watchers (10000 * share);
    for (int keys = 1000; keys <= 1000000; keys *= keys < 100000 ? 100 : 10)
        measure_directory (keys * share);
    flux_close (h);
    return 0;
}
