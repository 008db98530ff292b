/* A bitmap that is only as long as its largest member needs, whatever the
 * size of the universe. Small sets live inside the struct. */
#include <flux/idset.h>
#include <stdlib.h>
#include <string.h>

#include "value/sets/idset_impl.h"

#define DEFAULT_SIZE 1024

static int grow_words (struct idset *s, size_t need)
{
    size_t n = s->nwords * 2 > need ? s->nwords * 2 : need;
    uint64_t *words;

    if (s->words == s->small) {
        if (!(words = malloc (n * sizeof (*words))))
            return -1;
        memcpy (words, s->small, s->nwords * sizeof (*words));
    } else if (!(words = realloc (s->words, n * sizeof (*words))))
        return -1;
    memset (words + s->nwords, 0, (n - s->nwords) * sizeof (*words));
    s->words = words;
    s->nwords = n;
    return 0;
}

/* Sets lo to hi, which are within the universe. */
static int set_bits (struct idset *s, size_t lo, size_t hi)
{
    size_t wl = lo / 64, wh = hi / 64;

    if (wh >= s->nwords && grow_words (s, wh + 1) < 0)
        return -1;
    for (size_t w = wl; w <= wh; w++) {
        uint64_t mask = ~0ULL;
        if (w == wl)
            mask &= ~0ULL << (lo % 64);
        if (w == wh)
            mask &= ~0ULL >> (63 - hi % 64);
        s->count += __builtin_popcountll (mask & ~s->words[w]);
        s->words[w] |= mask;
    }
    return 0;
}

/* The universe becomes large enough for id, if the flags allow it. */
static int grow_universe (struct idset *s, unsigned int id)
{
    size_t old = s->size;

    if (id < s->size)
        return 0;
    if (!(s->flags & IDSET_FLAG_AUTOGROW) || id >= IDSET_MAX_UNIVERSE) {
        bool is_id = id < IDSET_INVALID_ID;
        errno = is_id && (s->flags & IDSET_FLAG_AUTOGROW) ? ERANGE : EINVAL;
        return -1;
    }
    while (s->size <= id)
        s->size *= 2;
    if (s->size > IDSET_MAX_UNIVERSE)
        s->size = IDSET_MAX_UNIVERSE;
    if ((s->flags & IDSET_FLAG_INITFULL) && set_bits (s, old, s->size - 1) < 0) {
        s->size = old;
        return -1;
    }
    return 0;
}

struct idset *idset_create (size_t size, int flags)
{
    const int valid = IDSET_FLAG_AUTOGROW | IDSET_FLAG_INITFULL | IDSET_FLAG_COUNT_LAZY
                      | IDSET_FLAG_ALLOC_RR;
    struct idset *s;

    if ((flags & ~valid) || size > IDSET_MAX_UNIVERSE) {
        errno = flags & ~valid ? EINVAL : ERANGE;
        return NULL;
    }
    if (!(s = calloc (1, sizeof (*s))))
        return NULL;
    s->flags = flags;
    s->size = size ? size : DEFAULT_SIZE;
    s->words = s->small;
    s->nwords = SMALL_WORDS;
    if ((flags & IDSET_FLAG_INITFULL) && set_bits (s, 0, s->size - 1) < 0) {
        idset_destroy (s);
        return NULL;
    }
    return s;
}

void idset_destroy (struct idset *s)
{
    if (s) {
        int saved_errno = errno;
        if (s->words != s->small)
            free (s->words);
        free (s);
        errno = saved_errno;
    }
}

size_t idset_universe_size (const struct idset *s)
{
    return s ? s->size : 0;
}

static struct idset *copy_flags (const struct idset *s, int flags)
{
    struct idset *cpy;

    if (!s) {
        errno = EINVAL;
        return NULL;
    }
    if (!(cpy = malloc (sizeof (*cpy))))
        return NULL;
    *cpy = *s;
    cpy->flags = flags;
    if (s->words == s->small)
        cpy->words = cpy->small;
    else {
        if (!(cpy->words = malloc (s->nwords * sizeof (uint64_t)))) {
            free (cpy);
            return NULL;
        }
        memcpy (cpy->words, s->words, s->nwords * sizeof (uint64_t));
    }
    return cpy;
}

struct idset *idset_copy (const struct idset *s)
{
    return copy_flags (s, s ? s->flags : 0);
}

int idset_set (struct idset *s, unsigned int id)
{
    return idset_range_set (s, id, id);
}

int idset_range_set (struct idset *s, unsigned int lo, unsigned int hi)
{
    if (!s) {
        errno = EINVAL;
        return -1;
    }
    if (lo > hi) {
        unsigned int tmp = lo;
        lo = hi;
        hi = tmp;
    }
    if (grow_universe (s, hi) < 0)
        return -1;
    return set_bits (s, lo, hi);
}

int idset_clear (struct idset *s, unsigned int id)
{
    return idset_range_clear (s, id, id);
}

int idset_range_clear (struct idset *s, unsigned int lo, unsigned int hi)
{
    size_t last;

    if (!s || lo > IDSET_INVALID_ID - 1 || hi > IDSET_INVALID_ID - 1) {
        errno = EINVAL;
        return -1;
    }
    if (lo > hi) {
        unsigned int tmp = lo;
        lo = hi;
        hi = tmp;
    }
    last = s->nwords * 64 - 1;
    if (lo > last)
        return 0;
    last = hi < last ? hi : last;
    for (size_t w = lo / 64; w <= last / 64; w++) {
        uint64_t mask = ~0ULL;
        if (w == lo / 64)
            mask &= ~0ULL << (lo % 64);
        if (w == last / 64)
            mask &= ~0ULL >> (63 - last % 64);
        s->count -= __builtin_popcountll (mask & s->words[w]);
        s->words[w] &= ~mask;
    }
    return 0;
}

void idset_clear_all (struct idset *s)
{
    if (s) {
        memset (s->words, 0, s->nwords * sizeof (uint64_t));
        s->count = 0;
    }
}

bool idset_test (const struct idset *s, unsigned int id)
{
    return s && id / 64 < s->nwords && (s->words[id / 64] >> (id % 64) & 1);
}

/* The first member from id on. */
static unsigned int find_up (const struct idset *s, size_t id)
{
    size_t w = id / 64;
    uint64_t bits;

    if (w >= s->nwords)
        return IDSET_INVALID_ID;
    bits = s->words[w] & (~0ULL << (id % 64));
    while (!bits) {
        if (++w == s->nwords)
            return IDSET_INVALID_ID;
        bits = s->words[w];
    }
    return w * 64 + __builtin_ctzll (bits);
}

/* The last member up to id. */
static unsigned int find_down (const struct idset *s, size_t id)
{
    size_t w = id / 64;
    uint64_t bits;

    if (w >= s->nwords) {
        w = s->nwords - 1;
        id = 63;
    }
    bits = s->words[w] & (~0ULL >> (63 - id % 64));
    while (!bits) {
        if (w-- == 0)
            return IDSET_INVALID_ID;
        bits = s->words[w];
    }
    return w * 64 + 63 - __builtin_clzll (bits);
}

unsigned int idset_first (const struct idset *s)
{
    return s && s->count ? find_up (s, 0) : IDSET_INVALID_ID;
}

unsigned int idset_next (const struct idset *s, unsigned int id)
{
    return s && s->count ? find_up (s, (size_t)id + 1) : IDSET_INVALID_ID;
}

unsigned int idset_prev (const struct idset *s, unsigned int id)
{
    return s && s->count && id > 0 ? find_down (s, id - 1) : IDSET_INVALID_ID;
}

unsigned int idset_last (const struct idset *s)
{
    return s && s->count ? find_down (s, s->nwords * 64 - 1) : IDSET_INVALID_ID;
}

size_t idset_count (const struct idset *s)
{
    return s ? s->count : 0;
}

bool idset_empty (const struct idset *s)
{
    return idset_count (s) == 0;
}

bool idset_equal (const struct idset *a, const struct idset *b)
{
    size_t n;

    if (!a || !b || a->count != b->count)
        return false;
    /* Equal counts: what is beyond the shorter bitmap would be missing here. */
    n = a->nwords < b->nwords ? a->nwords : b->nwords;
    return !memcmp (a->words, b->words, n * sizeof (uint64_t));
}

bool idset_has_intersection (const struct idset *a, const struct idset *b)
{
    if (!a || !b)
        return false;
    for (size_t w = 0; w < a->nwords && w < b->nwords; w++)
        if (a->words[w] & b->words[w])
            return true;
    return false;
}

int idset_add (struct idset *a, const struct idset *b)
{
    unsigned int last;

    if (!a) {
        errno = EINVAL;
        return -1;
    }
    if ((last = idset_last (b)) == IDSET_INVALID_ID)
        return 0;
    if (grow_universe (a, last) < 0
        || (last / 64 >= a->nwords && grow_words (a, last / 64 + 1) < 0))
        return -1;
    for (size_t w = 0; w <= last / 64; w++) {
        a->count += __builtin_popcountll (b->words[w] & ~a->words[w]);
        a->words[w] |= b->words[w];
    }
    return 0;
}

int idset_subtract (struct idset *a, const struct idset *b)
{
    if (!a) {
        errno = EINVAL;
        return -1;
    }
    for (size_t w = 0; b && w < a->nwords && w < b->nwords; w++) {
        a->count -= __builtin_popcountll (a->words[w] & b->words[w]);
        a->words[w] &= ~b->words[w];
    }
    return 0;
}

struct idset *idset_union (const struct idset *a, const struct idset *b)
{
    struct idset *r = copy_flags (a, IDSET_FLAG_AUTOGROW);

    if (r && idset_add (r, b) < 0) {
        idset_destroy (r);
        return NULL;
    }
    return r;
}

struct idset *idset_difference (const struct idset *a, const struct idset *b)
{
    struct idset *r = copy_flags (a, IDSET_FLAG_AUTOGROW);

    if (r)
        (void)idset_subtract (r, b);
    return r;
}

struct idset *idset_intersect (const struct idset *a, const struct idset *b)
{
    struct idset *r;

    if (!b) {
        errno = EINVAL;
        return NULL;
    }
    if (!(r = copy_flags (a, IDSET_FLAG_AUTOGROW)))
        return NULL;
    r->count = 0;
    for (size_t w = 0; w < r->nwords; w++) {
        r->words[w] &= w < b->nwords ? b->words[w] : 0;
        r->count += __builtin_popcountll (r->words[w]);
    }
    return r;
}

int idset_alloc (struct idset *s, unsigned int *val)
{
    unsigned int id = IDSET_INVALID_ID;

    if (!s || !val || !(s->flags & IDSET_FLAG_INITFULL)) {
        errno = EINVAL;
        return -1;
    }
    if (s->count == 0 && (s->flags & IDSET_FLAG_AUTOGROW)
        && grow_universe (s, s->size) < 0)
        return -1;
    if (s->count > 0) {
        if (s->flags & IDSET_FLAG_ALLOC_RR)
            id = find_up (s, s->rr_next);
        if (id == IDSET_INVALID_ID)
            id = find_up (s, 0);
    }
    if (id == IDSET_INVALID_ID) {
        errno = ENOSPC;
        return -1;
    }
    (void)idset_clear (s, id);
    s->rr_next = id + 1;
    *val = id;
    return 0;
}

int idset_free_check (struct idset *s, unsigned int val)
{
    if (!s || !(s->flags & IDSET_FLAG_INITFULL) || val >= s->size) {
        errno = EINVAL;
        return -1;
    }
    if (idset_test (s, val)) {
        errno = EEXIST;
        return -1;
    }
    return idset_set (s, val);
}

void idset_free (struct idset *s, unsigned int val)
{
    (void)idset_free_check (s, val);
}
