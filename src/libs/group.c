#include "libs/group.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"
#include "core/pmi/client.h"

struct group {
    struct pmi_client *client; /* NULL: alone */
    struct hashmap *kvs;       /* alone: what was put */
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int group_lock (void)
{
    return pthread_mutex_lock (&lock);
}

void group_unlock (int *result)
{
    if (*result == 0)
        pthread_mutex_unlock (&lock);
}

struct group *group_join (void)
{
    struct group *g = calloc (1, sizeof (*g));

    if (!g)
        return NULL;
    if (getenv ("PMI_FD")) {
        flux_error_t error;

        if ((g->client = pmi_client_open_env (&error)))
            return g;
        fprintf (stderr, "pmi: %s\n", error.text);
    } else if ((g->kvs = hashmap_create (free)))
        return g;
    free (g);
    return NULL;
}

int group_leave (struct group *g)
{
    int rc = g->client ? pmi_client_finalize (g->client, NULL) : 0;

    pmi_client_close (g->client);
    hashmap_destroy (g->kvs);
    free (g);
    return rc;
}

int group_rank (const struct group *g)
{
    return g->client ? pmi_client_rank (g->client) : 0;
}

int group_size (const struct group *g)
{
    return g->client ? pmi_client_size (g->client) : 1;
}

const char *group_name (const struct group *g)
{
    return g->client ? pmi_client_kvsname (g->client) : "singleton";
}

int group_universe_size (struct group *g, int *size)
{
    if (g->client)
        return pmi_client_universe_size (g->client, size, NULL);
    *size = 1;
    return 0;
}

int group_appnum (struct group *g, int *appnum)
{
    if (g->client)
        return pmi_client_appnum (g->client, appnum, NULL);
    *appnum = 0;
    return 0;
}

int group_put (struct group *g, const char *key, const char *value)
{
    char *copy;

    if (g->client)
        return pmi_client_put (g->client, key, value, NULL);
    if (!(copy = strdup (value)))
        return -1;
    if (hashmap_insert (g->kvs, key, copy) < 0) {
        free (copy);
        return -1;
    }
    return 0;
}

const char *group_get (struct group *g, const char *key)
{
    const char *value;

    if (g->client)
        return pmi_client_get (g->client, key, NULL);
    if (!(value = hashmap_lookup (g->kvs, key)))
        errno = ENOENT;
    return value;
}

int group_barrier (struct group *g)
{
    return g->client ? pmi_client_barrier (g->client, NULL) : 0;
}

void group_abort (struct group *g, int exitcode, const char *msg)
{
    fprintf (stderr, "PMI_Abort: (%d) %s\n", g ? group_rank (g) : -1, msg);
    if (g && g->client)
        (void)pmi_client_abort (g->client, exitcode, msg);
    exit (exitcode);
}

/* "(vector,(first node,nodes,ranks of each),...)": ranks are dealt out block by block. */
int mapping_node_of (const char *mapping, int rank)
{
    int first, nodes, each, used;
    long base = 0;

    if (!mapping || strncmp (mapping, "(vector", 7) != 0)
        return -1;
    for (mapping += 7;
         sscanf (mapping, " ,(%d,%d,%d)%n", &first, &nodes, &each, &used) == 3;
         mapping += used) {
        if (first < 0 || nodes < 1 || each < 1)
            return -1;
        if (rank < base + (long)nodes * each)
            return first + (rank - base) / each;
        base += (long)nodes * each;
    }
    return -1;
}

int group_clique (struct group *g, int *ranks, int max)
{
    const char *value = group_get (g, "PMI_process_mapping");
    char *mapping;
    int mine, count = 0;

    if (!value && errno != ENOENT)
        return -1;
    if (!(mapping = strdup (value ? value : "")))
        return -1;
    mine = mapping_node_of (mapping, group_rank (g));
    for (int rank = 0; rank < group_size (g); rank++) {
        if (rank == group_rank (g)
            || (mine >= 0 && mapping_node_of (mapping, rank) == mine)) {
            if (count < max)
                ranks[count] = rank;
            count++;
        }
    }
    free (mapping);
    return count;
}
