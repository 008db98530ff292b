#include "broker/routing/services.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hashmap.h"

struct services {
    struct hashmap *owners;
    struct hashmap *reserved;
};

struct services *services_create (void)
{
    struct services *s = calloc (1, sizeof (*s));

    if (s
        && (!(s->owners = hashmap_create (NULL))
            || !(s->reserved = hashmap_create (NULL)))) {
        services_destroy (s);
        s = NULL;
    }
    return s;
}

void services_destroy (struct services *s)
{
    if (s) {
        hashmap_destroy (s->owners);
        hashmap_destroy (s->reserved);
        free (s);
    }
}

size_t service_name_len (const char *topic)
{
    const char *dot = strchrnul (topic, '.');

    return dot - topic;
}

int services_add (struct services *s, const char *name, void *owner)
{
    if (!name || name[0] == '\0' || name[service_name_len (name)] || !owner) {
        errno = EINVAL;
        return -1;
    }
    if (strlen (name) > SERVICE_NAME_MAX) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (hashmap_lookup (s->owners, name)) {
        errno = EEXIST;
        return -1;
    }
    return hashmap_insert (s->owners, name, owner);
}

int services_remove (struct services *s, const char *name, void *owner)
{
    void *entry = hashmap_lookup (s->owners, name);

    if (!entry || entry != owner) {
        errno = entry ? EPERM : ENOENT;
        return -1;
    }
    hashmap_remove (s->owners, name);
    return 0;
}

void services_remove_owner (struct services *s, void *owner)
{
    const char *name;
    void *entry;
    size_t pos = 0;

    while (hashmap_next (s->owners, &pos, &name, &entry))
        if (entry == owner)
            hashmap_remove (s->owners, name);
}

static void *lookup_first_word (const struct hashmap *map, const char *topic)
{
    size_t len = service_name_len (topic);
    char name[SERVICE_NAME_MAX + 1];

    if (len == 0 || len >= sizeof (name))
        return NULL;
    memcpy (name, topic, len);
    name[len] = '\0';
    return hashmap_lookup (map, name);
}

void *services_lookup (const struct services *s, const char *topic)
{
    return lookup_first_word (s->owners, topic);
}

int services_reserve (struct services *s, const char *name)
{
    return hashmap_insert (s->reserved, name, s);
}

bool services_reserved (const struct services *s, const char *topic)
{
    return lookup_first_word (s->reserved, topic);
}

bool services_next (const struct services *s, void *owner, size_t *pos,
                    const char **name)
{
    void *entry;

    while (hashmap_next (s->owners, pos, name, &entry))
        if (entry == owner)
            return true;
    return false;
}
