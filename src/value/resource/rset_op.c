/* Set algebra and comparison. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "value/resource/rset_impl.h"

static bool ids_equal (const struct idset *a, const struct idset *b)
{
    if (idset_empty (a) || idset_empty (b))
        return idset_empty (a) && idset_empty (b);
    return idset_equal (a, b);
}

bool rset_kids_equal (const struct kids *a, const struct kids *b)
{
    return a == b
           || (ids_equal (a->ids[CORE], b->ids[CORE])
               && ids_equal (a->ids[GPU], b->ids[GPU]));
}

typedef struct idset *(*op_f) (const struct idset *a, const struct idset *b);

static struct idset *apply (op_f op, const struct idset *a, const struct idset *b)
{
    struct idset *empty = NULL, *r;

    if (!a || !b) {
        if (!(empty = idset_create (0, IDSET_FLAG_AUTOGROW)))
            return NULL;
    }
    r = op (a ? a : empty, b ? b : empty);
    idset_destroy (empty);
    return r;
}

/* New; NULL without error if nothing is left. */
static struct kids *combine (op_f op, const struct kids *a, const struct kids *b,
                             int *rc)
{
    struct idset *ids[NTYPES];

    ids[CORE] = apply (op, a->ids[CORE], b->ids[CORE]);
    ids[GPU] = a->ids[GPU] || b->ids[GPU] ? apply (op, a->ids[GPU], b->ids[GPU]) : NULL;
    *rc = ids[CORE] ? 0 : -1;
    if (idset_empty (ids[CORE]) && idset_empty (ids[GPU])) {
        idset_destroy (ids[CORE]);
        idset_destroy (ids[GPU]);
        return NULL;
    }
    return rset_kids_create (ids[CORE], ids[GPU]);
}

/* The last result: neighbours are nearly always alike. */
struct memo {
    const struct kids *a, *b;
    struct kids *result;
};

static int add_combined (struct rset *to, op_f op, const struct entry *a,
                         const struct entry *b, struct memo *memo)
{
    int rc = 0;

    if (memo->a != a->kids || memo->b != b->kids) {
        rset_kids_unref (memo->result);
        memo->result = combine (op, a->kids, b->kids, &rc);
        memo->a = a->kids;
        memo->b = b->kids;
    }
    if (rc == 0 && memo->result)
        rc = rset_insert (to, a->rank, a->host, memo->result);
    return rc;
}

/* Walks both in order of rank. only_a, only_b: keep ranks that one has. */
static struct rset *merge (const struct rset *a, const struct rset *b, op_f op,
                           bool only_a, bool only_b)
{
    struct rset *r = rset_create ();
    struct memo memo = { 0 };
    int i = 0, j = 0, rc = 0;

    if (!r)
        return NULL;
    r->starttime = a->starttime;
    r->expiration = a->expiration;
    rc = rset_reserve (r, (only_a ? a->count : 0) + (only_b ? b->count : 0));
    while (rc == 0 && (i < a->count || j < b->count)) {
        const struct entry *ea = i < a->count ? &a->entries[i] : NULL;
        const struct entry *eb = j < b->count ? &b->entries[j] : NULL;
        if (ea && eb && ea->rank == eb->rank) {
            rc = add_combined (r, op, ea, eb, &memo);
            i++;
            j++;
        } else if (!eb || (ea && ea->rank < eb->rank)) {
            if (only_a)
                rc = rset_insert (r, ea->rank, ea->host, ea->kids);
            i++;
        } else {
            if (only_b)
                rc = rset_insert (r, eb->rank, eb->host, eb->kids);
            j++;
        }
    }
    rset_kids_unref (memo.result);
    for (int n = 0; rc == 0 && n < a->nprops + b->nprops; n++) {
        const struct property *p =
            n < a->nprops ? &a->props[n] : &b->props[n - a->nprops];
        struct idset *ranks = rset_ranks (r);
        struct idset *both = ranks ? idset_intersect (ranks, p->ranks) : NULL;
        rc = both ? 0 : -1;
        if (rc == 0 && !idset_empty (both))
            rc = rset_add_property (r, p->name, both);
        idset_destroy (both);
        idset_destroy (ranks);
    }
    if (rc < 0) {
        rset_destroy (r);
        return NULL;
    }
    return r;
}

struct rset *rset_diff (const struct rset *a, const struct rset *b)
{
    return merge (a, b, idset_difference, true, false);
}

struct rset *rset_union (const struct rset *a, const struct rset *b)
{
    return merge (a, b, idset_union, true, true);
}

struct rset *rset_intersect (const struct rset *a, const struct rset *b)
{
    return merge (a, b, idset_intersect, false, false);
}

static int verify_ids (const struct entry *want, const struct kids *have, enum type t,
                       const char *name, flux_error_t *error)
{
    struct idset *missing = apply (idset_difference, want->kids->ids[t], have->ids[t]);
    char *s;

    if (!missing)
        return -1;
    if (idset_empty (missing)) {
        idset_destroy (missing);
        return 0;
    }
    s = idset_encode (missing, IDSET_FLAG_RANGE | IDSET_FLAG_BRACKETS);
    error_text (error, "rank %u (%s) missing resources: %s%s", want->rank,
                want->host ? want->host->name : "?", name, s ? s : "?");
    free (s);
    idset_destroy (missing);
    errno = EINVAL;
    return -1;
}

int rset_verify (const struct rset *expected, const struct rset *found,
                 flux_error_t *error)
{
    for (int i = 0; i < expected->count; i++) {
        const struct entry *want = &expected->entries[i];
        const struct entry *have = rset_find (found, want->rank);

        if (!have) {
            error_text (error, "rank %u not found", want->rank);
            errno = EINVAL;
            return -1;
        }
        if (want->host && have->host && strcmp (want->host->name, have->host->name)) {
            error_text (error, "rank %u got hostname '%s', expected '%s'", want->rank,
                        have->host->name, want->host->name);
            errno = EINVAL;
            return -1;
        }
        if (want->kids == have->kids)
            continue;
        if (verify_ids (want, have->kids, CORE, "core", error) < 0
            || verify_ids (want, have->kids, GPU, "gpu", error) < 0)
            return -1;
    }
    return 0;
}
