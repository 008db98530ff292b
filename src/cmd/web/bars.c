/* Every change gives a bar a new serial number and the newest place in a list, so that
 * what changed since some number is the end of the list. */
#include "cmd/web/bars.h"

#include "base/hashmap.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

struct bar {
    struct list node;
    flux_jobid_t id;
    uint64_t serial;
    double begin, end; /* end 0: it goes on */
    json_t *name;      /* NULL: unknown */
    json_t *rlite;
};

struct bars {
    struct list all; /* by serial */
    struct idmap *map;
    size_t count;
    size_t nameless;
    uint64_t serial;
};

struct bars *bars_create (void)
{
    struct bars *b = calloc (1, sizeof (*b));
    if (!b || !(b->map = idmap_create (NULL))) {
        free (b);
        return NULL;
    }
    list_init (&b->all);
    return b;
}

static void drop (struct bars *b, struct bar *bar)
{
    list_remove (&bar->node);
    (void)idmap_take (b->map, bar->id);
    b->nameless -= bar->name == NULL;
    b->count--;
    json_decref (bar->name);
    json_decref (bar->rlite);
    free (bar);
}

void bars_destroy (struct bars *b)
{
    if (!b)
        return;
    list_foreach (&b->all, it) {
        drop (b, container_of (it, struct bar, node));
    }
    idmap_destroy (b->map);
    free (b);
}

static void touch (struct bars *b, struct bar *bar)
{
    bar->serial = ++b->serial;
    list_remove (&bar->node);
    list_append (&b->all, &bar->node);
}

/* The oldest bar that has ended goes first, among a few; else the oldest. */
static void make_room (struct bars *b)
{
    struct bar *victim = NULL;
    int tries = 0;
    if (b->count < BARS_MAX)
        return;
    list_foreach (&b->all, it) {
        struct bar *bar = container_of (it, struct bar, node);
        if (!victim || bar->end > 0)
            victim = bar;
        if (bar->end > 0 || ++tries == 64)
            break;
    }
    drop (b, victim);
}

static json_t *compact (json_t *rlite)
{
    json_t *a, *o;
    size_t i;
    if (json_dumpb (rlite, NULL, 0, JSON_COMPACT) <= BAR_TEXT_MAX)
        return json_incref (rlite);
    a = json_array ();
    json_array_foreach (rlite, i, o) {
        json_t *rank = json_object_get (o, "rank");
        if (json_string_length (rank) < BAR_TEXT_MAX && i < 64)
            json_array_append_new (a, json_pack ("{s:O}", "rank", rank));
    }
    return a;
}

static bool on_alloc (struct bars *b, flux_jobid_t id, double t, json_t *o)
{
    json_t *rlite = NULL;
    struct bar *bar = idmap_lookup (b->map, id);
    if (json_unpack (o, "{s:{s:{s:o}}}", "R", "execution", "R_lite", &rlite) < 0 || bar)
        return false;
    make_room (b);
    if (!(bar = calloc (1, sizeof (*bar))) || idmap_insert (b->map, id, bar) < 0) {
        free (bar);
        return false;
    }
    list_init (&bar->node);
    bar->id = id;
    bar->begin = t;
    bar->rlite = compact (rlite);
    b->count++;
    b->nameless++;
    touch (b, bar);
    return true;
}

static bool on_end (struct bars *b, flux_jobid_t id, double t)
{
    struct bar *bar = idmap_lookup (b->map, id);
    if (!bar || bar->end > 0)
        return false;
    bar->end = t;
    touch (b, bar);
    return true;
}

bool bars_event (struct bars *b, json_t *o)
{
    json_int_t id;
    const char *name;
    double t;
    if (json_unpack (o, "{s:I s:{s:s s:F}}", "id", &id, "entry", "name", &name,
                     "timestamp", &t)
        < 0)
        return false;
    if (!strcmp (name, "alloc"))
        return on_alloc (b, id, t, o);
    if (!strcmp (name, "free") || !strcmp (name, "clean"))
        return on_end (b, id, t);
    return false;
}

bool bars_names (struct bars *b, json_t *jobs)
{
    json_t *job;
    size_t i;
    bool any = false;
    json_array_foreach (jobs, i, job) {
        flux_jobid_t id = json_integer_value (json_object_get (job, "id"));
        struct bar *bar = idmap_lookup (b->map, id);
        json_t *name = json_object_get (job, "name");
        if (!bar || bar->name || !json_is_string (name))
            continue;
        bar->name = json_incref (name);
        b->nameless--;
        touch (b, bar);
        any = true;
    }
    return any;
}

bool bars_nameless (const struct bars *b)
{
    return b->nameless > 0;
}

static json_t *encode (const struct bar *bar)
{
    char id[32] = "";
    (void)flux_job_id_encode (bar->id, "f58", id, sizeof (id));
    json_t *o = json_pack ("{s:s s:f s:f s:O}", "id", id, "a", bar->begin, "b",
                           bar->end, "r", bar->rlite);
    if (bar->name)
        json_object_set (o, "n", bar->name);
    return o;
}

json_t *bars_since (const struct bars *b, uint64_t *pos, size_t max)
{
    json_t *a = NULL;
    struct list *first = (struct list *)&b->all, *it = first->prev;
    size_t n = 0;
    /* backwards to the first that is new */
    while (it != first && container_of (it, struct bar, node)->serial > *pos)
        it = it->prev;
    for (it = it->next; it != first && n < max; it = it->next, n++) {
        const struct bar *bar = container_of (it, struct bar, node);
        if (!a)
            a = json_array ();
        json_array_append_new (a, encode (bar));
        *pos = bar->serial;
    }
    return a;
}
