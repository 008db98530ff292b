/* The service table: who answers requests for a name (RFC 3, RFC 5). */
#ifndef BROKER_SERVICES_H
#define BROKER_SERVICES_H

#include <stdbool.h>
#include <stddef.h>

struct services;

struct services *services_create (void);
void services_destroy (struct services *s);

/* Longer names would be free memory, and get no disconnects. */
#define SERVICE_NAME_MAX 128

/* owner is opaque and not NULL. EEXIST if the name is taken, EINVAL if it is
 * empty or contains a '.', ENAMETOOLONG. */
int services_add (struct services *s, const char *name, void *owner);
/* ENOENT if there is none, EPERM if it belongs to another. */
int services_remove (struct services *s, const char *name, void *owner);
void services_remove_owner (struct services *s, void *owner);
/* Owner of the first word of a topic, or NULL. */
void *services_lookup (const struct services *s, const char *topic);
/* A name that stands for a service wherever it runs: kept, not added. */
int services_reserve (struct services *s, const char *name);
/* Is the first word of a topic such a name? */
bool services_reserved (const struct services *s, const char *topic);
/* Names of an owner: False at the end; start with *pos = 0. No order. */
bool services_next (const struct services *s, void *owner, size_t *pos,
                    const char **name);

/* Length of the service name in a topic. */
size_t service_name_len (const char *topic);

#endif
