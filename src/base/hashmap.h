/* Hash maps from a string, or from a 64-bit integer, to a pointer.
 * Open addressing; amortised constant time; no order. */
#ifndef BASE_HASHMAP_H
#define BASE_HASHMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hashmap; /* string keys, copied */
struct idmap;   /* uint64_t keys */

typedef void (*hashmap_free_f) (void *value);

/* free_fn (may be NULL) is called for values that are replaced, removed,
 * or left at destruction. */
struct hashmap *hashmap_create (hashmap_free_f free_fn);
void hashmap_destroy (struct hashmap *m);
/* 0, or -1 with ENOMEM. Replaces. */
int hashmap_insert (struct hashmap *m, const char *key, void *value);
void *hashmap_lookup (const struct hashmap *m, const char *key);
/* True if there was one. */
bool hashmap_remove (struct hashmap *m, const char *key);
/* Like remove, but the caller gets the value, which is not freed. */
void *hashmap_take (struct hashmap *m, const char *key);
size_t hashmap_count (const struct hashmap *m);
/* Iterate: start with *pos = 0. False at the end. Removing the current
 * entry is allowed, inserting is not. key and value may be NULL. */
bool hashmap_next (const struct hashmap *m, size_t *pos, const char **key,
                   void **value);

struct idmap *idmap_create (hashmap_free_f free_fn);
void idmap_destroy (struct idmap *m);
int idmap_insert (struct idmap *m, uint64_t key, void *value);
void *idmap_lookup (const struct idmap *m, uint64_t key);
bool idmap_remove (struct idmap *m, uint64_t key);
void *idmap_take (struct idmap *m, uint64_t key);
size_t idmap_count (const struct idmap *m);
bool idmap_next (const struct idmap *m, size_t *pos, uint64_t *key, void **value);

/* Differs from one process to the next: what is chosen by others must not be made to
 * collide. */
uint64_t hash_bytes (const void *data, size_t len);

/* The same in each process, to be stored. */
uint64_t hash_stable (const void *data, size_t len);

/* From here on hash as in each run with this seed (simulations, before they make a map). */
void hash_seed (uint64_t seed);

#endif
