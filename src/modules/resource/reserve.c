#include "reserve.h"

#include <errno.h>
#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define BLANKS " \t\n"

struct reserve {
    struct reserve *next;
    struct idset *cores;
    struct idset *ranks; /* NULL: all */
};

void reserve_destroy (struct reserve *v)
{
    int saved = errno;

    while (v) {
        struct reserve *next = v->next;
        idset_destroy (v->cores);
        idset_destroy (v->ranks);
        free (v);
        v = next;
    }
    errno = saved;
}

static struct reserve *decode_word (const char *word, size_t len, flux_error_t *error)
{
    struct reserve *v = calloc (1, sizeof (*v));
    const char *at = memchr (word, '@', len);
    size_t cores = at ? (size_t)(at - word) : len;

    if (v && (v->cores = idset_ndecode (word, cores)) && !idset_empty (v->cores)
        && (!at
            || ((v->ranks = idset_ndecode (at + 1, len - cores - 1))
                && !idset_empty (v->ranks))))
        return v;
    reserve_destroy (v);
    error_invalid (error, "resource.reserve: '%.*s' is not cores, or cores@ranks",
                   len > 60 ? 60 : (int)len, word);
    return NULL;
}

struct reserve *reserve_decode (const char *s, flux_error_t *error)
{
    struct reserve *all = NULL, *v;

    for (s += strspn (s, BLANKS); *s; s += strspn (s, BLANKS)) {
        size_t len = strcspn (s, BLANKS);
        if (!(v = decode_word (s, len, error))) {
            reserve_destroy (all);
            return NULL;
        }
        v->next = all;
        all = v;
        s += len;
    }
    if (!all)
        error_invalid (error, "resource.reserve: there are no cores in it");
    return all;
}

/* Of a rank, what it has; as a text, new. */
static char *cores_of (const struct reserve *v, const struct rset *r, unsigned int rank)
{
    struct idset *cores = idset_create (0, IDSET_FLAG_AUTOGROW), *there = NULL;
    const struct idset *has = rset_children (r, rank, "core");
    char *s = NULL;

    for (; cores && v; v = v->next) {
        if (!v->ranks || idset_test (v->ranks, rank))
            (void)idset_add (cores, v->cores);
    }
    if (cores && has && (there = idset_intersect (cores, has)))
        s = idset_encode (there, IDSET_FLAG_RANGE);
    else if (cores && !has)
        s = strdup ("");
    idset_destroy (there);
    idset_destroy (cores);
    return s;
}

static struct rset *reserved (const struct reserve *v, const struct rset *r)
{
    struct idset *ranks = rset_ranks (r);
    struct rset *out = rset_create ();
    bool ok = ranks && out;

    for (unsigned int rank = ok ? idset_first (ranks) : IDSET_INVALID_ID;
         ok && rank != IDSET_INVALID_ID; rank = idset_next (ranks, rank)) {
        char *cores = cores_of (v, r, rank);
        ok = cores
             && (!*cores
                 || rset_add_rank (out, rank, rset_host (r, rank), cores, NULL) == 0);
        free (cores);
    }
    idset_destroy (ranks);
    if (ok)
        return out;
    rset_destroy (out);
    errno = ENOMEM;
    return NULL;
}

struct rset *reserve_apply (const struct reserve *v, const struct rset *r)
{
    struct rset *without = reserved (v, r);
    struct rset *left = without ? rset_diff (r, without) : NULL;

    rset_destroy (without);
    return left;
}
