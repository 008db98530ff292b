/* Rates of the KVS. usage: flux start bench-kvs [SECONDS [NAME]]
 *
 * Prints one line for each measurement: name, operations per second. */
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
    size_t len; /* of a value */
    bool lookup;
    bool grow; /* each commit makes a new key */
    int limit; /* operations, or 0: as many as fit the time */
    int started, done;
    double end;
};

static void start_one (struct load *l);

static void one_done (flux_future_t *f, void *arg)
{
    struct load *l = arg;
    const char *value;

    if (l->lookup ? flux_kvs_lookup_get (f, &value) < 0 : flux_future_get (f, NULL) < 0)
        die (l->lookup ? "lookup" : "commit");
    flux_future_destroy (f);
    l->done++;
    if (l->limit ? l->started < l->limit : flux_reactor_time () < l->end)
        start_one (l);
}

static void start_one (struct load *l)
{
    char key[128], value[1024];
    flux_kvs_txn_t *txn = NULL;
    flux_future_t *f;
    int n = l->grow ? l->started : l->started % l->keys;

    snprintf (key, sizeof (key), "bench.%s.key%d", l->prefix, n);
    if (l->lookup) {
        f = flux_kvs_lookup (h, NULL, 0, key);
    } else {
        memset (value, 'a' + l->started % 26, l->len);
        if (!(txn = flux_kvs_txn_create ())
            || flux_kvs_txn_put_raw (txn, 0, key, value, l->len) < 0)
            die ("txn");
        f = flux_kvs_commit (h, NULL, 0, txn);
        flux_kvs_txn_destroy (txn);
    }
    if (!f || flux_future_then (f, -1., one_done, l) < 0)
        die ("send");
    l->started++;
}

static void measure (const char *name, struct load l)
{
    double start = flux_reactor_time ();

    if (only && !strstr (name, only))
        return;
    l.end = start + seconds;
    for (int i = 0; i < l.window; i++)
        start_one (&l);
    if (flux_reactor_run (flux_get_reactor (h), 0) < 0)
        die ("reactor");
    printf ("%-44s %9.0f /s\n", name, l.done / (flux_reactor_time () - start));
    fflush (stdout);
}

int main (int argc, char *argv[])
{
    if (argc > 1)
        seconds = atof (argv[1]);
    if (argc > 2)
        only = argv[2];
    if (!(h = flux_open (NULL, 0)))
        die ("flux_open");
    measure ("commit, 100 bytes, 64 keys, one at a time",
             (struct load){ .window = 1, .keys = 64, .prefix = "a", .len = 100 });
    measure ("commit, 100 bytes, 64 keys, 16 in flight",
             (struct load){ .window = 16, .keys = 64, .prefix = "a", .len = 100 });
    measure (
        "commit into one directory up to 100000, 64",
        (struct load){
            .window = 64, .grow = true, .prefix = "g", .len = 100, .limit = 100000 });
    measure ("commit, directory of 100000, one at a time",
             (struct load){ .window = 1, .keys = 99991, .prefix = "g", .len = 100 });
    measure ("commit, directory of 100000, 16 in flight",
             (struct load){ .window = 16, .keys = 99991, .prefix = "g", .len = 100 });
    measure ("lookup, one at a time",
             (struct load){ .window = 1, .keys = 64, .prefix = "a", .lookup = true });
    measure ("lookup, 16 in flight",
             (struct load){ .window = 16, .keys = 64, .prefix = "a", .lookup = true });
    measure (
        "lookup, directory of 100000, 16 in flight",
        (struct load){ .window = 16, .keys = 99991, .prefix = "g", .lookup = true });
    flux_close (h);
    return 0;
}
