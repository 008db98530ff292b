/* RFC 20 text. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/hashmap.h"
#include "base/json/json.h"
#include "base/sort.h"
#include "value/resource/rset_impl.h"
#include "value/sets/hostnames.h"

/* Bound what a short text such as "0-999999999" makes us allocate. */
#define MAX_RANK (1 << 20)
#define MAX_CHILD (1 << 16)
#define MAX_PROPERTIES 4096
#define MAX_PROPERTY_BYTES (1 << 26)
/* Fewer hosts than these have memory of their own. */
#define FEW_HOSTS 16

static int invalid (void)
{
    if (errno != ENOMEM)
        errno = EINVAL;
    return -1;
}

/* Checked before anything is allocated. An idset that is none passes: its decoder
 * says what is wrong. */
static bool fits (const char *ids, unsigned int limit)
{
    unsigned int maxid;

    return !ids || idset_decode_info (ids, -1, NULL, &maxid, NULL) < 0
           || maxid == IDSET_INVALID_ID || maxid < limit;
}

static int decode_lite (struct rset *r, size_t i, json_t *entry, flux_error_t *error)
{
    const char *ranks, *cores = NULL, *gpus = NULL;
    struct idset *ids = NULL;
    struct kids *kids = NULL;
    idset_error_t ierror;
    unsigned int rank;
    int rc = -1;

    if (json_unpack (entry, "{s:s s:{s?s s?s}}", "rank", &ranks, "children", "core",
                     &cores, "gpu", &gpus)
        < 0) {
        error_text (error, "R_lite[%zu]: expected rank and children", i);
        return invalid ();
    }
    if (!fits (ranks, MAX_RANK)) {
        error_text (error, "R_lite[%zu].rank: %.80s: ranks end at %d", i, ranks,
                    MAX_RANK - 1);
        return invalid ();
    }
    if (!fits (cores, MAX_CHILD) || !fits (gpus, MAX_CHILD)) {
        error_text (error, "R_lite[%zu].children: %.80s: ids end at %d", i,
                    fits (cores, MAX_CHILD) ? gpus : cores, MAX_CHILD - 1);
        return invalid ();
    }
    if (!(ids = idset_decode_ex (ranks, -1, -1, IDSET_FLAG_AUTOGROW, &ierror))) {
        error_text (error, "R_lite[%zu].rank: %.100s", i, ierror.text);
        return invalid ();
    }
    if (!(kids = rset_kids_decode (cores, gpus))) {
        error_text (error, "R_lite[%zu].children: invalid idset", i);
        goto out;
    }
    if (idset_count (ids) > (size_t)(MAX_RANK - r->count)) {
        error_text (error, "R_lite[%zu]: ranks appear twice", i);
        errno = EINVAL;
        goto out;
    }
    if (rset_reserve (r, r->count + idset_count (ids)) < 0)
        goto out;
    for (rank = idset_first (ids); rank != IDSET_INVALID_ID;
         rank = idset_next (ids, rank))
        rset_push (r, rank, kids);
    rc = 0;
out:
    rset_kids_unref (kids);
    idset_destroy (ids);
    return rc;
}

static int cmp_rank (const void *pa, const void *pb)
{
    const struct entry *a = pa, *b = pb;

    return a->rank < b->rank ? -1 : a->rank > b->rank;
}

/* The entries of R_lite come in any order, and may interleave. */
static int sort_ranks (struct rset *r, flux_error_t *error)
{
    bool sorted = true;

    for (int i = 1; i < r->count && sorted; i++)
        sorted = r->entries[i - 1].rank < r->entries[i].rank;
    if (sorted)
        return 0;
    sort_array (r->entries, r->count, sizeof (*r->entries), cmp_rank);
    for (int i = 1; i < r->count; i++) {
        if (r->entries[i - 1].rank == r->entries[i].rank) {
            error_text (error, "R_lite: rank %u appears twice", r->entries[i].rank);
            return invalid ();
        }
    }
    return 0;
}

/* So that nobody who adds them up overflows. */
static int check_total (const struct rset *r, flux_error_t *error)
{
    int64_t total = 0, each = 0;

    for (int i = 0; i < r->count; i++) {
        const struct kids *kids = r->entries[i].kids;
        if (i == 0 || kids != r->entries[i - 1].kids)
            each =
                (int64_t)idset_count (kids->ids[CORE]) + idset_count (kids->ids[GPU]);
        total += each;
    }
    if (total <= INT_MAX)
        return 0;
    error_text (error, "R_lite: too many cores and gpus in all");
    return invalid ();
}

/* One host for each rank, in order of rank. */
struct nodelist {
    struct rset *r;
    int count;
    struct host_block *block;
};

static struct shared_host *make_host (struct nodelist *l, const char *name, size_t len)
{
    struct shared_host *last = l->count > 0 ? l->r->entries[l->count - 1].host : NULL;

    if (last && !strncmp (last->name, name, len) && last->name[len] == '\0') {
        last->refs++;
        return last;
    }
    return l->r->count < FEW_HOSTS ? rset_host_create (name, len)
                                   : rset_host_create_in (&l->block, name, len);
}

static int add_host (const char *name, size_t len, void *arg)
{
    struct nodelist *l = arg;

    if (l->count == HOSTNAMES_MAX) {
        errno = ERANGE;
        return -1;
    }
    if (l->count < l->r->count
        && !(l->r->entries[l->count].host = make_host (l, name, len)))
        return -1;
    l->count++;
    return 0;
}

static int decode_nodelist (struct rset *r, json_t *nodelist, flux_error_t *error)
{
    struct nodelist l = { .r = r };
    size_t i;
    json_t *value;
    int rc = 0;

    json_array_foreach (nodelist, i, value) {
        const char *s = json_string_value (value);
        if (!s || hostnames_expand (s, add_host, &l) < 0) {
            error_text (error, "nodelist[%zu]: %s", i,
                        s && errno == ERANGE ? "too many hosts" : "invalid hostlist");
            rc = invalid ();
            break;
        }
    }
    rset_host_block_end (l.block);
    if (rc == 0 && l.count != r->count) {
        error_text (error, "nodelist has %d hosts for %d ranks", l.count, r->count);
        rc = invalid ();
    }
    return rc;
}

static int decode_properties (struct rset *r, json_t *o, flux_error_t *error)
{
    const char *name;
    json_t *value;
    size_t bytes = 0;

    if (json_object_size (o) > MAX_PROPERTIES) {
        error_text (error, "properties: more than %d", MAX_PROPERTIES);
        return invalid ();
    }
    json_object_foreach (o, name, value) {
        const char *s = json_string_value (value);
        struct idset *ranks = s && fits (s, MAX_RANK) ? idset_decode (s) : NULL;
        int rc = -1;

        if (s && !fits (s, MAX_RANK))
            error_text (error, "properties.%.60s: ranks end at %d", name, MAX_RANK - 1);
        else if (!ranks)
            error_text (error, "properties.%.60s: invalid idset", name);
        else if ((bytes += idset_universe_size (ranks) / 8) > MAX_PROPERTY_BYTES)
            error_text (error, "properties.%.60s: too many ranks in all", name);
        else if ((rc = rset_add_property (r, name, ranks)) < 0)
            error_text (error, "properties.%.60s: invalid name", name);
        idset_destroy (ranks);
        if (rc < 0)
            return invalid ();
    }
    return 0;
}

struct rset *rset_decode_json (const json_t *o, flux_error_t *error)
{
    struct rset *r;
    json_t *lite, *nodelist = NULL, *properties = NULL, *scheduling = NULL;
    json_t *entry;
    json_error_t jerror;
    size_t i;
    int version;

    errno = 0;
    if (!(r = rset_create ())) {
        error_text (error, "out of memory");
        return NULL;
    }
    if (json_unpack_ex (
            (json_t *)o, &jerror, 0, "{s:i s:{s:o s?o s?o s?F s?F s?i} s?o}", "version",
            &version, "execution", "R_lite", &lite, "nodelist", &nodelist, "properties",
            &properties, "starttime", &r->starttime, "expiration", &r->expiration,
            "nslots", &r->nslots, "scheduling", &scheduling)
        < 0) {
        error_text (error, "R: %.140s", jerror.text);
        goto inval;
    }
    if (version != 1) {
        error_text (error, "R: invalid version: %d", version);
        goto inval;
    }
    if (!json_is_array (lite) || (nodelist && !json_is_array (nodelist))
        || (properties && !json_is_object (properties)) || r->starttime < 0
        || r->expiration < 0 || r->nslots < 0) {
        error_text (error, "R: execution has a key of the wrong type");
        goto inval;
    }
    json_array_foreach (lite, i, entry)
        if (decode_lite (r, i, entry, error) < 0)
            goto inval;
    if (sort_ranks (r, error) < 0 || check_total (r, error) < 0)
        goto inval;
    if (nodelist && json_array_size (nodelist) > 0
        && decode_nodelist (r, nodelist, error) < 0)
        goto inval;
    if (properties && decode_properties (r, properties, error) < 0)
        goto inval;
    if (scheduling && !json_is_null (scheduling))
        r->scheduling = json_incref (scheduling);
    return r;
inval:
    error_decode (error);
    rset_destroy (r);
    return NULL;
}

struct rset *rset_decode (const char *s, flux_error_t *error)
{
    json_error_t jerror;
    json_t *o;
    struct rset *r;

    errno = 0;
    if (!(o = json_decode (s, strlen (s), 0, &jerror))) {
        error_text (error, "R: %.140s", jerror.text);
        error_decode (error);
        return NULL;
    }
    r = rset_decode_json (o, error);
    json_decref (o);
    return r;
}

/* Ranks that have the same. */
struct group {
    struct idset *ranks;
    const struct kids *kids;
    struct group *next; /* of the same hash */
};

struct groups {
    struct group *list;
    int count;
    struct idmap *by_hash; /* only made if there is more than one kind */
};

static uint64_t hash_kids (const struct kids *kids)
{
    uint64_t h = 0;

    for (int t = 0; t < NTYPES; t++) {
        unsigned int last = idset_last (kids->ids[t]);
        uint64_t key[3] = { h, idset_count (kids->ids[t]),
                            (uint64_t)last << 32 | idset_first (kids->ids[t]) };
        h = hash_bytes (key, sizeof (key));
    }
    return h;
}

static struct group *find_group (struct groups *g, const struct kids *kids)
{
    struct group *group = NULL;
    uint64_t hash;

    if (g->count > 0 && g->list[g->count - 1].kids == kids)
        return &g->list[g->count - 1];
    hash = hash_kids (kids);
    for (group = idmap_lookup (g->by_hash, hash); group; group = group->next)
        if (rset_kids_equal (group->kids, kids))
            return group;
    group = &g->list[g->count];
    group->kids = kids;
    group->next = idmap_lookup (g->by_hash, hash);
    if (!(group->ranks = idset_create (0, IDSET_FLAG_AUTOGROW)))
        return NULL;
    g->count++;
    if (idmap_insert (g->by_hash, hash, group) < 0)
        return NULL;
    return group;
}

static void groups_fini (struct groups *g)
{
    for (int i = 0; i < g->count; i++)
        idset_destroy (g->list[i].ranks);
    free (g->list);
    idmap_destroy (g->by_hash);
}

static int groups_init (struct groups *g, const struct rset *r)
{
    g->count = 0;
    g->list = calloc (r->count + 1, sizeof (*g->list));
    g->by_hash = idmap_create (NULL);
    if (!g->list || !g->by_hash)
        goto error;
    for (int i = 0; i < r->count;) {
        const struct entry *e = &r->entries[i];
        struct group *group = find_group (g, e->kids);
        int n = rset_run (r, i, true);
        if (!group || idset_range_set (group->ranks, e->rank, e->rank + n - 1) < 0)
            goto error;
        i += n;
    }
    return 0;
error:
    groups_fini (g);
    errno = ENOMEM;
    return -1;
}

/* ,"name":"ids" */
static void add_ids (struct buf *b, const char *sep, const char *name,
                     const struct idset *ids)
{
    char *s = idset_encode (ids, IDSET_FLAG_RANGE);

    buf_printf (b, "%s\"%s\":\"%s\"", sep, name, s ? s : "");
    if (!s)
        b->err = ENOMEM;
    free (s);
}

static void add_string (struct buf *b, const char *s)
{
    json_t *o;
    char *text;

    if (!s[strcspn (s, "\"\\")]
        && s[strspn (s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                        "0123456789-_.,[]@+:/")]
               == '\0') {
        buf_printf (b, "\"%s\"", s);
        return;
    }
    o = json_string (s);
    text = o ? json_dumps (o, JSON_ENCODE_ANY) : NULL;
    buf_adds (b, text ? text : "\"\"");
    free (text);
    json_decref (o);
}

static void add_groups (struct buf *b, const struct groups *g)
{
    for (int i = 0; i < g->count; i++) {
        const struct kids *kids = g->list[i].kids;
        const char *sep = "";
        buf_adds (b, i ? ",{" : "{");
        add_ids (b, "", "rank", g->list[i].ranks);
        buf_adds (b, ",\"children\":{");
        if (!idset_empty (kids->ids[CORE]) || idset_empty (kids->ids[GPU])) {
            add_ids (b, "", "core", kids->ids[CORE]);
            sep = ",";
        }
        if (!idset_empty (kids->ids[GPU]))
            add_ids (b, sep, "gpu", kids->ids[GPU]);
        buf_adds (b, "}}");
    }
}

static int add_nodelist (struct buf *b, const struct rset *r)
{
    char *s;

    if (r->count == 0 || !r->entries[0].host)
        return 0;
    if (!(s = rset_nodelist_text (r)))
        return -1;
    buf_adds (b, ",\"nodelist\":[");
    add_string (b, s);
    buf_addc (b, ']');
    free (s);
    return 0;
}

static void add_properties (struct buf *b, const struct rset *r)
{
    for (int i = 0; i < r->nprops; i++) {
        char *s = idset_encode (r->props[i].ranks, IDSET_FLAG_RANGE);
        buf_adds (b, i ? "," : ",\"properties\":{");
        add_string (b, r->props[i].name);
        buf_printf (b, ":\"%s\"", s ? s : "");
        free (s);
    }
    if (r->nprops > 0)
        buf_addc (b, '}');
}

/* Whole numbers are the rule, and shorter. */
static void add_time (struct buf *b, const char *name, double t)
{
    if (t == floor (t) && t < 1e15)
        buf_printf (b, ",\"%s\":%.0f", name, t);
    else
        buf_printf (b, ",\"%s\":%.17g", name, t);
}

char *rset_encode (const struct rset *r)
{
    struct buf b = BUF_INIT;
    struct groups g;
    int rc;

    if (groups_init (&g, r) < 0)
        return NULL;
    buf_adds (&b, "{\"version\":1,\"execution\":{\"R_lite\":[");
    add_groups (&b, &g);
    groups_fini (&g);
    buf_addc (&b, ']');
    if (r->nslots > 0)
        buf_printf (&b, ",\"nslots\":%d", r->nslots);
    rc = add_nodelist (&b, r);
    add_properties (&b, r);
    add_time (&b, "starttime", r->starttime);
    add_time (&b, "expiration", r->expiration);
    buf_addc (&b, '}');
    if (r->scheduling) {
        char *s = json_dumps (r->scheduling, JSON_COMPACT);
        buf_adds (&b, ",\"scheduling\":");
        buf_adds (&b, s ? s : "null");
        free (s);
    }
    buf_addc (&b, '}');
    if (rc < 0) {
        buf_fini (&b);
        return NULL;
    }
    return buf_take (&b, NULL);
}

json_t *rset_encode_json (const struct rset *r)
{
    char *s = rset_encode (r);
    json_t *o = s ? json_loads (s, 0, NULL) : NULL;

    free (s);
    return o;
}

char *rset_dump (const struct rset *r)
{
    static const char *const names[] = { [CORE] = "core", [GPU] = "gpu" };
    const int flags = IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS;
    struct buf b = BUF_INIT;
    struct groups g;

    if (groups_init (&g, r) < 0)
        return NULL;
    for (int i = 0; i < g.count; i++) {
        char *s = idset_encode (g.list[i].ranks, flags);
        char sep = '/';
        buf_printf (&b, "%srank%s", i ? " " : "", s ? s : "?");
        free (s);
        for (int t = 0; t < NTYPES; t++) {
            const struct idset *ids = g.list[i].kids->ids[t];
            if (idset_empty (ids))
                continue;
            s = idset_encode (ids, flags);
            buf_printf (&b, "%c%s%s", sep, names[t], s ? s : "?");
            sep = ',';
            free (s);
        }
    }
    groups_fini (&g);
    return buf_take (&b, NULL);
}
