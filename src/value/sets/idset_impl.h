/* What idset.c and idset_code.c share. */
#ifndef VALUE_IDSET_IMPL_H
#define VALUE_IDSET_IMPL_H

#include <flux/idset.h>

#define SMALL_WORDS 2
/* IDSET_MAX_UNIVERSE bounds what a text such as "4294967290" makes us allocate: 32 MB. This,
 * how long a text without ranges becomes. */
#define IDSET_MAX_TEXT (1UL << 24)

struct idset {
    uint64_t *words;
    size_t nwords;
    size_t size;  /* of the universe */
    size_t count; /* of members */
    unsigned int rr_next;
    int flags;
    uint64_t small[SMALL_WORDS];
};

#endif
