#include "intern.h"

#include "base/hashmap.h"
#include "base/list.h"

#include <stdlib.h>
#include <string.h>

/* The map is keyed by hash, so that a string is held once only. */
struct entry {
    struct entry *next;
    size_t refs;
    char s[];
};

struct intern {
    struct idmap *map;
    size_t count;
};

static void free_chain (void *arg)
{
    struct entry *e = arg;

    while (e) {
        struct entry *next = e->next;
        free (e);
        e = next;
    }
}

struct intern *intern_create (void)
{
    struct intern *in = calloc (1, sizeof (*in));

    if (in && !(in->map = idmap_create (NULL))) {
        free (in);
        return NULL;
    }
    return in;
}

void intern_destroy (struct intern *in)
{
    size_t pos = 0;
    void *value;

    if (in) {
        while (idmap_next (in->map, &pos, NULL, &value))
            free_chain (value);
        idmap_destroy (in->map);
        free (in);
    }
}

const char *intern_get (struct intern *in, const char *s)
{
    struct entry *e, *first;
    uint64_t hash;
    size_t len;

    if (!s)
        return NULL;
    len = strlen (s);
    hash = hash_bytes (s, len);
    first = idmap_lookup (in->map, hash);
    for (e = first; e; e = e->next)
        if (!strcmp (e->s, s)) {
            e->refs++;
            return e->s;
        }
    if (!(e = malloc (sizeof (*e) + len + 1)))
        return NULL;
    memcpy (e->s, s, len + 1);
    e->refs = 1;
    e->next = first;
    if (idmap_insert (in->map, hash, e) < 0) {
        free (e);
        return NULL;
    }
    in->count++;
    return e->s;
}

void intern_put (struct intern *in, const char *s)
{
    struct entry *e, *first, **p;
    uint64_t hash;

    if (!s)
        return;
    e = container_of (s, struct entry, s);
    if (--e->refs > 0)
        return;
    hash = hash_bytes (s, strlen (s));
    first = idmap_lookup (in->map, hash);
    for (p = &first; *p != e; p = &(*p)->next)
        ;
    *p = e->next;
    if (first)
        idmap_insert (in->map, hash, first);
    else
        idmap_remove (in->map, hash);
    free (e);
    in->count--;
}

size_t intern_count (const struct intern *in)
{
    return in->count;
}
