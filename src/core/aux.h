/* Named values that hang on an object (flux_aux_set (3)). */
#ifndef CORE_AUX_H
#define CORE_AUX_H

#include <flux/types.h>

struct aux_item; /* a list; NULL is empty */

/* Replaces what has that name. A NULL name: kept, but not found again; a
 * NULL value: removes. -1 with EINVAL or ENOMEM. */
int aux_set (struct aux_item **head, const char *name, void *value,
             flux_free_f destroy);
/* NULL with ENOENT or EINVAL. */
void *aux_get (struct aux_item *head, const char *name);
/* The item with this value goes, and is destroyed. */
void aux_delete (struct aux_item **head, const void *value);
/* Latest first. */
void aux_destroy (struct aux_item **head);

#endif
