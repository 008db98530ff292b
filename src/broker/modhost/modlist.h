/* The modules of an instance, as a file lists them (etc/modules.toml says how). */
#ifndef BROKER_MODLIST_H
#define BROKER_MODLIST_H

#include <flux/types.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct modlist_entry {
    const char *name;
    const char *attribute; /* its value is the module that stands here; or NULL */
    bool leader;           /* rank 0 only */
    json_t *after;         /* arrays of names, or NULL */
    json_t *used_by;
};

struct modlist {
    json_t *json; /* owns the strings */
    int count;
    struct modlist_entry *entry;
};

/* NULL with errno EINVAL (or ENOMEM) and *error: "line 3: ...", "modules[2]: ...". */
struct modlist *modlist_decode (const char *text, size_t len, flux_error_t *error);
/* The same from a file; its name is in *error. */
struct modlist *modlist_read (const char *path, flux_error_t *error);
void modlist_destroy (struct modlist *l);

/* NULL: no such entry. */
const struct modlist_entry *modlist_find (const struct modlist *l, const char *name);
/* Is the name in one of an entry's arrays? */
bool modlist_names (json_t *array, const char *name);

#endif
