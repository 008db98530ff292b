#include "cmd/web/nodes.h"

#include "value/resource/rset.h"

#include <errno.h>
#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

struct sets {
    struct rset *all, *used;
    struct idset *ranks, *offline, *exclude;
    json_t *drain;
    struct idset *drained;
};

static struct idset *get_ids (json_t *o, const char *name)
{
    const char *s = json_string_value (json_object_get (o, name));
    struct idset *ids = s ? idset_decode (s) : NULL;
    return ids ? ids : idset_create (0, IDSET_FLAG_AUTOGROW);
}

static struct rset *get_rset (json_t *o, const char *name)
{
    json_t *r = json_object_get (o, name);
    return r ? rset_decode_json (r, NULL) : NULL;
}

static struct idset *drained_ranks (json_t *drain)
{
    struct idset *all = idset_create (0, IDSET_FLAG_AUTOGROW);
    const char *key;
    json_t *o;
    json_object_foreach (drain, key, o) {
        struct idset *ids = idset_decode (key);
        if (ids && all)
            (void)idset_add (all, ids);
        idset_destroy (ids);
    }
    return all;
}

static const char *drain_reason (json_t *drain, unsigned int rank)
{
    const char *key;
    json_t *o;
    json_object_foreach (drain, key, o) {
        struct idset *ids = idset_decode (key);
        bool found = ids && idset_test (ids, rank);
        idset_destroy (ids);
        if (found)
            return json_string_value (json_object_get (o, "reason"));
    }
    return NULL;
}

static int sets_init (struct sets *s, json_t *status, json_t *sched)
{
    s->all = get_rset (status, "R");
    if (!s->all) {
        errno = EINVAL;
        return -1;
    }
    s->used = get_rset (sched, "allocated");
    if (!s->used)
        s->used = rset_create ();
    s->ranks = rset_ranks (s->all);
    s->offline = get_ids (status, "offline");
    s->exclude = get_ids (status, "exclude");
    s->drain = json_object_get (status, "drain");
    s->drained = drained_ranks (s->drain);
    return s->used && s->ranks && s->offline && s->exclude && s->drained ? 0 : -1;
}

static void sets_fini (struct sets *s)
{
    rset_destroy (s->all);
    rset_destroy (s->used);
    idset_destroy (s->ranks);
    idset_destroy (s->offline);
    idset_destroy (s->exclude);
    idset_destroy (s->drained);
}

static int count (const struct rset *r, unsigned int rank, const char *type)
{
    const struct idset *ids = rset_children (r, rank, type);
    return ids ? (int)idset_count (ids) : 0;
}

static const char *state_of (const struct sets *s, unsigned int rank)
{
    if (idset_test (s->exclude, rank))
        return "exclude";
    if (idset_test (s->offline, rank))
        return "down";
    return idset_test (s->drained, rank) ? "drain" : "up";
}

struct band {
    unsigned int first, last;
    int cores, used, gpus, gpus_used, down;
    int nodes;
    const char *state;
};

static void add_rank (const struct sets *s, struct band *b, unsigned int rank)
{
    const char *state = state_of (s, rank);
    int cores = count (s->all, rank, "core");
    if (b->nodes++ == 0) {
        b->first = rank;
        b->state = state;
    } else if (!strcmp (b->state, "up"))
        b->state = state; /* the worst is seen */
    b->last = rank;
    b->cores += cores;
    b->used += count (s->used, rank, "core");
    b->gpus += count (s->all, rank, "gpu");
    b->gpus_used += count (s->used, rank, "gpu");
}

static json_t *encode_band (const struct sets *s, const struct band *b)
{
    const char *host = rset_host (s->all, b->first);
    const char *why = NULL;
    json_t *o =
        json_pack ("{s:i s:i s:s s:i s:i s:s}", "r", (int)b->first, "z", (int)b->last,
                   "h", host ? host : "", "c", b->cores, "u", b->used, "s", b->state);
    if (b->gpus > 0) {
        json_object_set_new (o, "g", json_integer (b->gpus));
        json_object_set_new (o, "v", json_integer (b->gpus_used));
    }
    if (b->nodes == 1 && !strcmp (b->state, "drain"))
        why = drain_reason (s->drain, b->first);
    if (why && *why)
        json_object_set_new (o, "why", json_string (why));
    return o;
}

static json_t *encode_nodes (const struct sets *s)
{
    size_t n = idset_count (s->ranks), per = (n + NODES_MAX - 1) / NODES_MAX;
    json_t *a = json_array ();
    struct band b = { 0 };
    unsigned int rank;
    for (rank = idset_first (s->ranks); rank != IDSET_INVALID_ID;
         rank = idset_next (s->ranks, rank)) {
        add_rank (s, &b, rank);
        if ((size_t)b.nodes == per) {
            json_array_append_new (a, encode_band (s, &b));
            memset (&b, 0, sizeof (b));
        }
    }
    if (b.nodes > 0)
        json_array_append_new (a, encode_band (s, &b));
    return a;
}

/* What no job can have: of the whole, not of a band. */
static struct rset *unusable (const struct sets *s)
{
    struct idset *ids = idset_copy (s->offline);
    struct rset *r;
    (void)idset_add (ids, s->exclude);
    (void)idset_add (ids, s->drained);
    r = rset_copy_ranks (s->all, ids);
    idset_destroy (ids);
    return r;
}

static json_t *encode_total (const struct sets *s)
{
    static const char *const types[] = { "node", "core", "gpu" };
    static const char *const names[] = { "nodes", "cores", "gpus" };
    struct rset *down = unusable (s);
    json_t *o = json_object ();
    for (int i = 0; i < 3; i++)
        json_object_set_new (o, names[i],
                             json_pack ("[i,i,i]", rset_count (s->all, types[i]),
                                        rset_count (s->used, types[i]),
                                        down ? rset_count (down, types[i]) : 0));
    rset_destroy (down);
    return o;
}

json_t *nodes_encode (json_t *status, json_t *sched)
{
    struct sets s = { 0 };
    json_t *o = NULL;
    if (sets_init (&s, status, sched) == 0)
        o = json_pack ("{s:o s:o}", "total", encode_total (&s), "nodes",
                       encode_nodes (&s));
    sets_fini (&s);
    return o;
}
