/* Commits over the same keys again and again, several in flight.
 *
 *   overwrite write COMMITS KEYS LEN LOG SEED   until the broker is gone, or it is done;
 *       LOG gets a line "KEY NUMBER" when that was acknowledged. Prints rate and pauses.
 *   overwrite check LOG   each key has its last number of the log, or a later one. */
#include <flux/core.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WINDOW 16
#define KEYS_MAX 100000

static flux_t *h;
static int commits, keys, len, sent, acked;
static FILE *log_file;
static double *pauses;

struct flight {
    int key, number;
    double start;
};

static void die (const char *what)
{
    fprintf (stderr, "overwrite: %s: %s\n", what, strerror (errno));
    exit (1);
}

static double now (void)
{
    struct timespec ts;

    clock_gettime (CLOCK_MONOTONIC, &ts);
    return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void name_key (char *s, size_t size, int key)
{
    snprintf (s, size, "over.d%d.k%d", key % 10, key);
}

static void commit_one (void);

static void done (flux_future_t *f, void *arg)
{
    struct flight *fl = arg;

    if (flux_future_get (f, NULL) < 0) {
        flux_reactor_stop (flux_get_reactor (h));
        return;
    }
    pauses[acked++] = now () - fl->start;
    fprintf (log_file, "%d %d\n", fl->key, fl->number);
    fflush (log_file);
    flux_future_destroy (f);
    free (fl);
    if (sent < commits)
        commit_one ();
    else if (acked == commits)
        flux_reactor_stop (flux_get_reactor (h));
}

/* Incompressible, so that sizes are what they seem. */
static void commit_one (void)
{
    struct flight *fl = malloc (sizeof (*fl));
    flux_kvs_txn_t *txn = flux_kvs_txn_create ();
    char *value = malloc (len + 32), key[64];
    flux_future_t *f;
    int n;

    *fl = (struct flight){ random () % keys, ++sent, now () };
    n = sprintf (value, "%d\n", fl->number);
    for (; n < len; n++)
        value[n] = random () >> 8;
    name_key (key, sizeof (key), fl->key);
    if (flux_kvs_txn_put_raw (txn, 0, key, value, len) < 0
        || !(f = flux_kvs_commit (h, NULL, 0, txn))
        || flux_future_then (f, -1., done, fl) < 0)
        die ("commit");
    flux_kvs_txn_destroy (txn);
    free (value);
}

static int compare (const void *a, const void *b)
{
    double x = *(double *)a, y = *(double *)b;

    return (x > y) - (x < y);
}

static int write_all (void)
{
    double start = now ();

    pauses = calloc (commits + 1, sizeof (*pauses));
    for (int i = 0; i < WINDOW && i < commits; i++)
        commit_one ();
    flux_reactor_run (flux_get_reactor (h), 0);
    qsort (pauses, acked, sizeof (*pauses), compare);
    printf ("{\"commits\":%d,\"rate\":%.0f,\"median_ms\":%.2f,\"p999_ms\":%.2f,"
            "\"longest_ms\":%.2f}\n",
            acked, acked / (now () - start), acked ? pauses[acked / 2] * 1e3 : 0,
            acked ? pauses[acked - 1 - acked / 1000] * 1e3 : 0,
            acked ? pauses[acked - 1] * 1e3 : 0);
    return 0;
}

static int check (void)
{
    static int last[KEYS_MAX];
    int key, number, lost = 0, count = 0;

    while (fscanf (log_file, "%d %d\n", &key, &number) == 2)
        if (key >= 0 && key < KEYS_MAX && number > last[key])
            last[key] = number;
    for (int i = 0; i < KEYS_MAX; i++) {
        flux_future_t *f;
        char name[64];
        const void *data = NULL;
        size_t size = 0;

        if (!last[i])
            continue;
        count++;
        name_key (name, sizeof (name), i);
        if (!(f = flux_kvs_lookup (h, NULL, 0, name))
            || flux_kvs_lookup_get_raw (f, &data, &size) < 0 || size < 1
            || atoi (data) < last[i]) {
            lost++;
            printf ("lost: %s: %s, %d was acknowledged\n", name,
                    data ? "older" : flux_strerror (errno), last[i]);
        }
        flux_future_destroy (f);
    }
    printf ("%d keys, %d lost\n", count, lost);
    return lost > 0;
}

int main (int argc, char *argv[])
{
    bool writing = argc == 7 && !strcmp (argv[1], "write");

    if (!writing && !(argc == 3 && !strcmp (argv[1], "check"))) {
        fprintf (stderr, "usage: overwrite write COMMITS KEYS LEN LOG SEED\n"
                         "       overwrite check LOG\n");
        return 2;
    }
    if (!(log_file = fopen (writing ? argv[5] : argv[2], writing ? "a" : "r")))
        die ("the log");
    if (!(h = flux_open (NULL, 0)))
        die ("flux_open");
    if (writing) {
        commits = atoi (argv[2]);
        keys = atoi (argv[3]);
        len = atoi (argv[4]);
        srandom (atoi (argv[6]));
        return write_all ();
    }
    return check ();
}
