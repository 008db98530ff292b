#include "base/hashmap.h"
#include "fluxion/graph/graph.h"

#include <stdlib.h>
#include <string.h>

int strtab_init (struct strtab *t)
{
    memset (t, 0, sizeof (*t));
    return strtab_add (t, "", 0) == UINT32_MAX ? -1 : 0;
}

void strtab_fini (struct strtab *t)
{
    int saved = errno;

    for (uint32_t i = 0; i < t->count; i++)
        free (t->str[i]);
    free (t->str);
    free (t->slot);
    memset (t, 0, sizeof (*t));
    errno = saved;
}

static uint32_t probe (const struct strtab *t, const char *s, size_t len)
{
    uint32_t mask = t->nslots - 1;
    uint32_t i = hash_bytes (s, len) & mask;

    while (t->slot[i]) {
        const char *have = t->str[t->slot[i] - 1];
        if (strlen (have) == len && memcmp (have, s, len) == 0)
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static int grow (struct strtab *t)
{
    uint32_t n = t->nslots ? t->nslots * 2 : 64;
    uint32_t *slot = calloc (n, sizeof (*slot));

    if (!slot)
        return -1;
    free (t->slot);
    t->slot = slot;
    t->nslots = n;
    for (uint32_t i = 0; i < t->count; i++)
        t->slot[probe (t, t->str[i], strlen (t->str[i]))] = i + 1;
    return 0;
}

uint32_t strtab_add (struct strtab *t, const char *s, size_t len)
{
    if ((t->count + 1) * 2 > t->nslots && grow (t) < 0)
        return UINT32_MAX;
    uint32_t i = probe (t, s, len);
    if (t->slot[i])
        return t->slot[i] - 1;
    if (t->count == t->cap) {
        uint32_t cap = t->cap ? t->cap * 2 : 32;
        char **str = realloc (t->str, cap * sizeof (*str));
        if (!str)
            return UINT32_MAX;
        t->str = str;
        t->cap = cap;
    }
    char *copy = malloc (len + 1);
    if (!copy)
        return UINT32_MAX;
    memcpy (copy, s, len);
    copy[len] = '\0';
    t->str[t->count] = copy;
    t->slot[i] = ++t->count;
    return t->count - 1;
}

uint32_t strtab_find (const struct strtab *t, const char *s, size_t len)
{
    uint32_t i = probe (t, s, len);

    return t->slot[i] ? t->slot[i] - 1 : UINT32_MAX;
}
