#include "marks.h"

#include "base/hashmap.h"

#include <errno.h>
#include <stdlib.h>

#define ROWS 32 /* in a word: a bit for kept, one for walked */

struct marks {
    struct idmap *words; /* never 0 */
};

_Static_assert(sizeof (void *) == sizeof (uint64_t), "a word is kept as a pointer");

struct marks *marks_create (void)
{
    struct marks *m;

    if (!(m = calloc (1, sizeof (*m))))
        return NULL;
    if (!(m->words = idmap_create (NULL))) {
        free (m);
        return NULL;
    }
    return m;
}

void marks_destroy (struct marks *m)
{
    if (m) {
        int saved_errno = errno;

        idmap_destroy (m->words);
        free (m);
        errno = saved_errno;
    }
}

static uint64_t bit_of (int64_t row, bool walked)
{
    return (uint64_t)1 << ((uint64_t)row % ROWS * 2 + walked);
}

int marks_set (struct marks *m, int64_t row, bool walked)
{
    uint64_t key = (uint64_t)row / ROWS;
    uint64_t word = (uintptr_t)idmap_lookup (m->words, key);
    uint64_t bits = bit_of (row, false) | (walked ? bit_of (row, true) : 0);

    if ((word & bits) == bits)
        return 0;
    if (idmap_insert (m->words, key, (void *)(uintptr_t)(word | bits)) < 0) {
        errno = ENOMEM;
        return -1;
    }
    return 1;
}

bool marks_has (const struct marks *m, int64_t row)
{
    uint64_t word = (uintptr_t)idmap_lookup (m->words, (uint64_t)row / ROWS);

    return (word & bit_of (row, false)) != 0;
}
