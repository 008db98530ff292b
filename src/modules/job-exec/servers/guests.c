#include "modules/job-exec/servers/guests.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

struct guest {
    struct guests *all;
    struct shells *shells;
    bool ended;
};

struct guests {
    flux_t *h;
    char *path;
    shells_frame_f cb;
    void *arg;
    struct idmap *jobs;
    int ended; /* of these */
};

static void guest_destroy (void *value)
{
    struct guest *guest = value;

    shells_destroy (guest->shells);
    free (guest);
}

struct guests *guests_create (flux_t *h, const char *path, shells_frame_f cb, void *arg)
{
    struct guests *g = calloc (1, sizeof (*g));

    if (!g)
        return NULL;
    g->h = h;
    g->cb = cb;
    g->arg = arg;
    if (!(g->path = strdup (path)) || !(g->jobs = idmap_create (guest_destroy))) {
        guests_destroy (g);
        errno = ENOMEM;
        return NULL;
    }
    return g;
}

void guests_destroy (struct guests *g)
{
    if (!g)
        return;
    idmap_destroy (g->jobs);
    free (g->path);
    free (g);
}

/* The server's processes have ended when this is the last of its job. */
static void guest_frame (uint64_t id, char type, const char *text, size_t len,
                         void *arg)
{
    struct guest *guest = arg;

    if (guest->ended)
        return;
    if (type == 'X') {
        guest->ended = true;
        guest->all->ended++;
    }
    guest->all->cb (id, type, text, len, guest->all->arg);
}

int guests_start (struct guests *g, const char *imp, const char *unit, uint64_t id,
                  const char *record, size_t len)
{
    struct guest *guest;

    if (idmap_lookup (g->jobs, id)) {
        errno = EEXIST;
        return -1;
    }
    if (!(guest = calloc (1, sizeof (*guest))))
        return -1;
    guest->all = g;
    if (!(guest->shells = shells_create_guest (g->h, g->path, imp ? imp : g->path, unit,
                                               id, guest_frame, guest))
        || idmap_insert (g->jobs, id, guest) < 0) {
        guest_destroy (guest);
        errno = ENOMEM;
        return -1;
    }
    if (shells_start (guest->shells, id, record, len) == 0)
        return 0;
    int saved = errno;
    idmap_remove (g->jobs, id);
    errno = saved;
    return -1;
}

struct shells *guests_find (struct guests *g, uint64_t id)
{
    struct guest *guest = g ? idmap_lookup (g->jobs, id) : NULL;

    return guest && !guest->ended ? guest->shells : NULL;
}

void guests_flush (struct guests *g)
{
    size_t pos = 0;
    uint64_t id;
    void *value;

    if (!g || idmap_count (g->jobs) == 0)
        return;
    while (idmap_next (g->jobs, &pos, &id, &value)) {
        struct guest *guest = value;
        if (!guest->ended)
            shells_flush (guest->shells); /* which may end it */
    }
    for (pos = 0; g->ended > 0 && idmap_next (g->jobs, &pos, &id, &value);) {
        const struct guest *guest = value;
        if (!guest->ended)
            continue;
        g->ended--;
        idmap_remove (g->jobs, id);
        pos = 0;
    }
}

int guests_count (const struct guests *g)
{
    return g ? (int)idmap_count (g->jobs) : 0;
}
