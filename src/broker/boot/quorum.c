#include "broker/boot/quorum.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static int decode_number (struct quorum *q, const char *s, int size,
                          flux_error_t *error)
{
    char *end;
    long n;

    errno = 0;
    n = strtol (s, &end, 10);
    if (*end != '\0' || errno != 0 || n < 1)
        return error_invalid (
            error, "broker.quorum: '%.80s' is not a number from 1, nor a set of ranks",
            s);
    if (n > size)
        return error_invalid (
            error, "broker.quorum: %ld is more than the instance has (%d)", n, size);
    q->count = n;
    return 0;
}

int quorum_decode (struct quorum *q, const char *s, int size, flux_error_t *error)
{
    *q = (struct quorum){ .count = size };
    if (!s)
        return 0;
    if (s[0] < '0' || s[0] > '9' ? s[0] != '[' : !strpbrk (s, "-,"))
        return decode_number (q, s, size, error);
    if (!(q->ranks = idset_decode (s)) || idset_count (q->ranks) == 0) {
        quorum_fini (q);
        return error_invalid (
            error, "broker.quorum: '%.80s' is not a set of ranks, nor a number", s);
    }
    if (idset_last (q->ranks) >= (unsigned)size) {
        unsigned last = idset_last (q->ranks);

        quorum_fini (q);
        return error_invalid (error,
                              "broker.quorum: there is no rank %u in an instance of %d",
                              last, size);
    }
    q->count = idset_count (q->ranks);
    return 0;
}

void quorum_fini (struct quorum *q)
{
    idset_destroy (q->ranks);
    q->ranks = NULL;
}

bool quorum_is_full (const struct quorum *q, const struct idset *online)
{
    unsigned id;

    if (!q->ranks)
        return idset_count (online) >= q->count;
    for (id = idset_first (q->ranks); id != IDSET_INVALID_ID;
         id = idset_next (q->ranks, id)) {
        if (!idset_test (online, id))
            return false;
    }
    return true;
}

struct idset *quorum_missing (const struct quorum *q, int size,
                              const struct idset *online)
{
    struct idset *ids = q->ranks ? idset_copy (q->ranks) : idset_create (size, 0);

    if (!ids || (!q->ranks && idset_range_set (ids, 0, size - 1) < 0)
        || idset_subtract (ids, online) < 0) {
        idset_destroy (ids);
        return NULL;
    }
    return ids;
}
