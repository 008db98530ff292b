/* A sorted array of ranks. Hosts and sets of cores are counted and shared
 * between ranks and between resource sets, so that ten thousand equal nodes
 * cost one set of cores and copies cost no decoding. Not for two threads. */
#include "base/error.h"
#include "value/resource/rset_impl.h"
#include "value/sets/hostnames.h"

#include <stdlib.h>
#include <string.h>

#define HOST_BLOCK 4000 /* bytes */

struct rset *rset_create (void)
{
    return calloc (1, sizeof (struct rset));
}

void rset_host_block_end (struct host_block *block)
{
    if (block && --block->live == 0)
        free (block);
}

static void set_host (struct shared_host *host, struct host_block *block,
                      const char *name, size_t len)
{
    host->refs = 1;
    host->block = block;
    memcpy (host->name, name, len);
    host->name[len] = '\0';
}

struct shared_host *rset_host_create (const char *name, size_t len)
{
    struct shared_host *host = malloc (sizeof (*host) + len + 1);

    if (host)
        set_host (host, NULL, name, len);
    return host;
}

struct shared_host *rset_host_create_in (struct host_block **block, const char *name,
                                         size_t len)
{
    const size_t align = _Alignof(struct shared_host);
    struct shared_host *host;
    size_t size = (sizeof (*host) + len + align) / align * align; /* and a NUL */
    struct host_block *b = *block;

    if (!b || b->size - b->used < size) {
        size_t room = size > HOST_BLOCK ? size : HOST_BLOCK;
        if (!(b = malloc (sizeof (*b) + room)))
            return NULL;
        b->used = 0;
        b->size = room;
        b->live = 1;
        rset_host_block_end (*block);
        *block = b;
    }
    host = (struct shared_host *)(b->data + b->used);
    b->used += size;
    b->live++;
    set_host (host, b, name, len);
    return host;
}

void rset_host_unref (struct shared_host *host)
{
    if (!host || --host->refs > 0)
        return;
    if (host->block)
        rset_host_block_end (host->block);
    else
        free (host);
}

struct kids *rset_kids_create (struct idset *take_cores, struct idset *take_gpus)
{
    struct kids *kids = calloc (1, sizeof (*kids));

    if (!kids) {
        idset_destroy (take_cores);
        idset_destroy (take_gpus);
        return NULL;
    }
    kids->refs = 1;
    kids->ids[CORE] = take_cores;
    kids->ids[GPU] = take_gpus;
    return kids;
}

void rset_kids_unref (struct kids *kids)
{
    if (kids && --kids->refs == 0) {
        for (int t = 0; t < NTYPES; t++)
            idset_destroy (kids->ids[t]);
        free (kids);
    }
}

static void entry_fini (struct entry *e)
{
    rset_host_unref (e->host);
    rset_kids_unref (e->kids);
}

static void fini_properties (struct rset *r)
{
    for (int i = 0; i < r->nprops; i++) {
        free (r->props[i].name);
        idset_destroy (r->props[i].ranks);
    }
    free (r->props);
    r->props = NULL;
    r->nprops = 0;
}

void rset_destroy (struct rset *r)
{
    if (r) {
        int saved_errno = errno;
        for (int i = 0; i < r->count; i++)
            entry_fini (&r->entries[i]);
        free (r->entries);
        fini_properties (r);
        json_decref (r->scheduling);
        free (r);
        errno = saved_errno;
    }
}

/* The index of rank, or where it would be. */
static int find (const struct rset *r, unsigned int rank)
{
    int lo = 0, hi = r->count;

    /* Ranks without gaps are where they say. */
    if (r->count > 0 && rank >= r->entries[0].rank) {
        unsigned int guess = rank - r->entries[0].rank;
        if (guess < (unsigned int)r->count && r->entries[guess].rank == rank)
            return guess;
    }
    while (lo < hi) {
        int mid = (lo + hi) / 2;
        if (r->entries[mid].rank < rank)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

struct entry *rset_find (const struct rset *r, unsigned int rank)
{
    int i = find (r, rank);

    return i < r->count && r->entries[i].rank == rank ? &r->entries[i] : NULL;
}

int rset_reserve (struct rset *r, int count)
{
    struct entry *entries;
    int cap = r->cap ? r->cap : 4;

    if (count <= r->cap)
        return 0;
    while (cap < count)
        cap *= 2;
    if (!(entries = realloc (r->entries, cap * sizeof (*entries))))
        return -1;
    r->entries = entries;
    r->cap = cap;
    return 0;
}

void rset_push (struct rset *r, unsigned int rank, struct kids *kids)
{
    kids->refs++;
    r->entries[r->count++] = (struct entry){ rank, NULL, kids };
}

int rset_insert (struct rset *r, unsigned int rank, struct shared_host *host,
                 struct kids *kids)
{
    int i = r->count;

    if (r->count > 0 && r->entries[r->count - 1].rank >= rank)
        i = find (r, rank);
    if (i < r->count && r->entries[i].rank == rank) {
        errno = EEXIST;
        return -1;
    }
    if (rset_reserve (r, r->count + 1) < 0)
        return -1;
    memmove (&r->entries[i + 1], &r->entries[i], (r->count - i) * sizeof (*r->entries));
    if (host)
        host->refs++;
    kids->refs++;
    r->entries[i] = (struct entry){ rank, host, kids };
    r->count++;
    return 0;
}

static struct idset *decode_ids (const char *s)
{
    return s && *s ? idset_decode_ex (s, -1, -1, IDSET_FLAG_AUTOGROW, NULL)
                   : idset_create (0, IDSET_FLAG_AUTOGROW);
}

struct kids *rset_kids_decode (const char *cores, const char *gpus)
{
    struct idset *c = decode_ids (cores);
    struct idset *g = gpus && *gpus ? decode_ids (gpus) : NULL;

    if (!c || (gpus && *gpus && !g)) {
        idset_destroy (c);
        idset_destroy (g);
        if (errno != ENOMEM)
            errno = EINVAL;
        return NULL;
    }
    return rset_kids_create (c, g);
}

int rset_add_rank (struct rset *r, unsigned int rank, const char *host,
                   const char *cores, const char *gpus)
{
    struct kids *kids = rset_kids_decode (cores, gpus);
    struct shared_host *h = NULL;
    int rc = -1;

    if (kids && (!host || (h = rset_host_create (host, strlen (host)))))
        rc = rset_insert (r, rank, h, kids);
    rset_kids_unref (kids);
    rset_host_unref (h);
    return rc;
}

int rset_add_ids (struct rset *r, unsigned int rank, const struct rset *like,
                  struct idset *take_cores, struct idset *take_gpus)
{
    struct kids *kids = rset_kids_create (take_cores, take_gpus);
    struct entry *e = rset_find (like, rank);
    int rc = kids ? rset_insert (r, rank, e ? e->host : NULL, kids) : -1;

    rset_kids_unref (kids);
    return rc;
}

int rset_add_like (struct rset *r, unsigned int rank, const char *host,
                   const struct rset *from, unsigned int rank_from)
{
    struct entry *e = rset_find (from, rank_from);
    struct shared_host *h;
    int rc;

    if (!e) {
        errno = ENOENT;
        return -1;
    }
    if (!(h = rset_host_create (host, strlen (host))))
        return -1;
    rc = rset_insert (r, rank, h, e->kids);
    rset_host_unref (h);
    return rc;
}

static struct property *find_property (const struct rset *r, const char *name)
{
    for (int i = 0; i < r->nprops; i++)
        if (!strcmp (r->props[i].name, name))
            return &r->props[i];
    return NULL;
}

int rset_add_property (struct rset *r, const char *name, const struct idset *ranks)
{
    struct property *p = find_property (r, name);
    struct property *props;

    if (!*name || name[strcspn (name, PROPERTY_REFUSED)]) {
        errno = EINVAL;
        return -1;
    }
    if (p)
        return idset_add (p->ranks, ranks);
    if (!(props = realloc (r->props, (r->nprops + 1) * sizeof (*props))))
        return -1;
    r->props = props;
    p = &props[r->nprops];
    p->name = strdup (name);
    p->ranks = idset_union (ranks, NULL);
    if (!p->name || !p->ranks) {
        free (p->name);
        idset_destroy (p->ranks);
        return -1;
    }
    r->nprops++;
    return 0;
}

int rset_remove_property (struct rset *r, const char *name, const struct idset *ranks)
{
    struct property *p = find_property (r, name);

    return p ? idset_subtract (p->ranks, ranks) : 0;
}

bool rset_has_property (const struct rset *r, const char *name, unsigned int rank)
{
    struct property *p = find_property (r, name);

    return p && idset_test (p->ranks, rank);
}

/* Facts that are not about ranks. */
static void copy_head (struct rset *to, const struct rset *from)
{
    to->starttime = from->starttime;
    to->expiration = from->expiration;
    to->nslots = from->nslots;
}

/* Properties of the ranks that `to` has. */
int rset_copy_properties (struct rset *to, const struct rset *from)
{
    for (int i = 0; i < from->nprops; i++) {
        struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
        const struct property *p = &from->props[i];
        unsigned int rank;
        int rc = ranks ? 0 : -1;

        for (rank = idset_first (p->ranks); rc == 0 && rank != IDSET_INVALID_ID;
             rank = idset_next (p->ranks, rank))
            if (rset_find (to, rank))
                rc = idset_set (ranks, rank);
        if (rc == 0 && !idset_empty (ranks))
            rc = rset_add_property (to, p->name, ranks);
        idset_destroy (ranks);
        if (rc < 0)
            return -1;
    }
    return 0;
}

typedef bool (*select_f) (const struct entry *e, void *arg);

struct rset *rset_select (const struct rset *r, select_f fn, void *arg)
{
    struct rset *new = rset_create ();
    bool whole;

    if (!new)
        return NULL;
    copy_head (new, r);
    if (!fn && rset_reserve (new, r->count) < 0)
        goto error;
    for (int i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        if ((!fn || fn (e, arg)) && rset_insert (new, e->rank, e->host, e->kids) < 0)
            goto error;
    }
    whole = new->count == r->count;
    if (rset_copy_properties (new, r) < 0)
        goto error;
    /* A graph describes the whole set or nothing. */
    if (whole && r->scheduling)
        new->scheduling = json_incref (r->scheduling);
    return new;
error:
    rset_destroy (new);
    return NULL;
}

struct rset *rset_copy (const struct rset *r)
{
    return rset_select (r, NULL, NULL);
}

static bool in_ranks (const struct entry *e, void *arg)
{
    return idset_test (arg, e->rank);
}

struct rset *rset_copy_ranks (const struct rset *r, const struct idset *ranks)
{
    return rset_select (r, in_ranks, (void *)ranks);
}

int rset_remove_ranks (struct rset *r, const struct idset *ranks)
{
    int n = 0;

    for (int i = 0; i < r->count; i++) {
        if (idset_test (ranks, r->entries[i].rank))
            entry_fini (&r->entries[i]);
        else
            r->entries[n++] = r->entries[i];
    }
    if (n != r->count) {
        json_decref (r->scheduling);
        r->scheduling = NULL;
    }
    r->count = n;
    for (int i = 0; i < r->nprops; i++)
        (void)idset_subtract (r->props[i].ranks, ranks);
    return 0;
}

int rset_append (struct rset *r, const struct rset *other)
{
    for (int i = 0; i < other->count; i++) {
        if (rset_find (r, other->entries[i].rank)) {
            errno = EEXIST;
            return -1;
        }
    }
    for (int i = 0; i < other->count; i++) {
        const struct entry *e = &other->entries[i];
        if (rset_insert (r, e->rank, e->host, e->kids) < 0)
            return -1;
    }
    return rset_copy_properties (r, other);
}

int rset_run (const struct rset *r, int i, bool alike)
{
    const struct entry *e = &r->entries[i];
    int n = 1;

    while (i + n < r->count && e[n].rank == e->rank + n
           && (!alike || e[n].kids == e->kids))
        n++;
    return n;
}

struct idset *rset_ranks (const struct rset *r)
{
    struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);

    for (int i = 0, n; ranks && i < r->count; i += n) {
        unsigned int rank = r->entries[i].rank;
        n = rset_run (r, i, false);
        if (idset_range_set (ranks, rank, rank + n - 1) < 0) {
            idset_destroy (ranks);
            return NULL;
        }
    }
    return ranks;
}

struct hostlist *rset_nodelist (const struct rset *r)
{
    struct hostlist *hl = hostlist_create ();

    for (int i = 0; hl && i < r->count; i++) {
        struct shared_host *host = r->entries[i].host;
        if (host && hostlist_append (hl, host->name) < 0) {
            hostlist_destroy (hl);
            return NULL;
        }
    }
    return hl;
}

const char **rset_host_names (const struct rset *r, int *count)
{
    const char **names = calloc (r->count + 1, sizeof (*names));

    *count = 0;
    for (int i = 0; names && i < r->count; i++)
        if (r->entries[i].host)
            names[(*count)++] = r->entries[i].host->name;
    return names;
}

char *rset_nodelist_text (const struct rset *r)
{
    int count;
    const char **names = rset_host_names (r, &count);
    char *s = names ? hostnames_encode (names, count) : NULL;

    free (names);
    return s;
}

static int parse_type (const char *type)
{
    if (!strcmp (type, "core"))
        return CORE;
    return !strcmp (type, "gpu") ? GPU : -1;
}

const struct idset *rset_children (const struct rset *r, unsigned int rank,
                                   const char *type)
{
    struct entry *e = rset_find (r, rank);
    int t = parse_type (type);

    if (!e || t < 0) {
        errno = e ? EINVAL : ENOENT;
        return NULL;
    }
    return e->kids->ids[t];
}

const char *rset_host (const struct rset *r, unsigned int rank)
{
    struct entry *e = rset_find (r, rank);

    return e && e->host ? e->host->name : NULL;
}

int rset_count (const struct rset *r, const char *type)
{
    int t = parse_type (type);
    int total = 0, each = 0;

    if (!strcmp (type, "node") || !strcmp (type, "rank"))
        return r->count;
    for (int i = 0; t >= 0 && i < r->count; i++) {
        const struct kids *kids = r->entries[i].kids;
        if (i == 0 || kids != r->entries[i - 1].kids) /* else it has as many */
            each = idset_count (kids->ids[t]);
        total += each;
    }
    return total;
}

double rset_starttime (const struct rset *r)
{
    return r->starttime;
}

double rset_expiration (const struct rset *r)
{
    return r->expiration;
}

void rset_set_times (struct rset *r, double starttime, double expiration)
{
    r->starttime = starttime;
    r->expiration = expiration;
}

int rset_nslots (const struct rset *r)
{
    return r->nslots;
}

void rset_set_nslots (struct rset *r, int nslots)
{
    r->nslots = nslots;
}

json_t *rset_properties (const struct rset *r)
{
    json_t *o = json_object ();

    for (int i = 0; o && i < r->nprops; i++) {
        char *s;
        if (idset_empty (r->props[i].ranks)) /* its ranks were taken away */
            continue;
        s = idset_encode (r->props[i].ranks, IDSET_FLAG_RANGE);
        if (!s || json_object_set_new (o, r->props[i].name, json_string (s)) < 0) {
            free (s);
            json_decref (o);
            return NULL;
        }
        free (s);
    }
    return o;
}

int rset_rerank (struct rset *r, struct hostlist *hosts, flux_error_t *error)
{
    struct rset *new = rset_create ();
    unsigned int *map;
    int size = hostlist_count (hosts);
    char *used = calloc (size + 1, 1);

    map = calloc (r->count + 1, sizeof (*map));
    if (!new || !map || !used)
        goto error;
    for (int i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        int rank = e->host ? hostlist_find (hosts, e->host->name) : -1;

        /* The same host more than once: in order. */
        while (rank >= 0 && rank < size && used[rank]) {
            rank++;
            while (rank < size && strcmp (hostlist_nth (hosts, rank), e->host->name))
                rank++;
        }
        if (rank < 0 || rank >= size) {
            error_text (error, "host %s not found in host list",
                        e->host ? e->host->name : "(none)");
            errno = ENOENT;
            goto error;
        }
        used[rank] = 1;
        map[i] = rank;
        if (rset_insert (new, rank, e->host, e->kids) < 0)
            goto error;
    }
    for (int p = 0; p < r->nprops; p++) {
        struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
        for (int i = 0; ranks && i < r->count; i++)
            if (idset_test (r->props[p].ranks, r->entries[i].rank))
                (void)idset_set (ranks, map[i]);
        idset_destroy (r->props[p].ranks);
        r->props[p].ranks = ranks;
    }
    struct entry *old = r->entries;
    int count = r->count;
    r->entries = new->entries;
    new->entries = old;
    new->count = count;
    free (map);
    free (used);
    rset_destroy (new);
    return 0;
error:
    free (map);
    free (used);
    rset_destroy (new);
    return -1;
}

struct rset *rset_remap (const struct rset *r, struct hostlist *hosts)
{
    struct rset *new = rset_create ();

    for (int i = 0; new &&i < r->count; i++) {
        const char *host =
            hosts ? hostlist_nth (hosts, i) : rset_host (r, r->entries[i].rank);
        if (rset_add_like (new, i, host, r, r->entries[i].rank) < 0)
            goto error;
    }
    for (int p = 0; new &&p < r->nprops; p++) {
        struct idset *ranks = idset_create (0, IDSET_FLAG_AUTOGROW);
        for (int i = 0; ranks && i < r->count; i++)
            if (idset_test (r->props[p].ranks, r->entries[i].rank))
                (void)idset_set (ranks, i);
        int rc = ranks ? rset_add_property (new, r->props[p].name, ranks) : -1;
        idset_destroy (ranks);
        if (rc < 0)
            goto error;
    }
    if (new) {
        rset_set_times (new, rset_starttime (r), rset_expiration (r));
        rset_set_nslots (new, rset_nslots (r));
    }
    return new;
error:
    rset_destroy (new);
    return NULL;
}

struct match_arg {
    const struct rset *r;
    const struct entry *e;
};

static bool match_property (const char *name, void *arg)
{
    struct match_arg *m = arg;
    return rset_has_property (m->r, name, m->e->rank);
}

static unsigned int match_rank (void *arg)
{
    struct match_arg *m = arg;
    return m->e->rank;
}

static const char *match_hostname (void *arg)
{
    struct match_arg *m = arg;
    return m->e->host ? m->e->host->name : NULL;
}

struct filter_arg {
    const struct rset *r;
    struct constraint *c;
};

static bool satisfies (const struct entry *e, void *arg)
{
    struct filter_arg *f = arg;
    struct match_arg m = { f->r, e };

    return constraint_match (f->c, &m);
}

struct rset *rset_filter (const struct rset *r, json_t *constraint, flux_error_t *error)
{
    static const struct constraint_ops ops = { .property = match_property,
                                               .rank = match_rank,
                                               .hostname = match_hostname };
    struct filter_arg arg = { .r = r };
    struct rset *new;

    if (!(arg.c = constraint_compile (constraint, &ops, error)))
        return NULL;
    new = rset_select (r, satisfies, &arg);
    constraint_destroy (arg.c);
    return new;
}

void rset_swap (struct rset *a, struct rset *b)
{
    struct rset tmp = *a;

    *a = *b;
    *b = tmp;
}
