/* Members of JSON text, without building a tree: finds the span of a value so that
 * it can be spliced into another text. Jobspecs pass through several services,
 * and most of their bytes (the environment) interest none of them.
 *
 * Safe on any input; what it checks is said in base/json/jscan.h. */
#ifndef BASE_JSONTEXT_H
#define BASE_JSONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/json/jscan.h"

/* The span of the one value that fills s (white space around it allowed).
 * -1 with EINVAL. */
int jsontext_value (const char *s, size_t len, struct span *value);

/* The value of `key` in the object text. -1 with ENOENT if it is not there,
 * EINVAL if the text is no object. */
int jsontext_get (struct span object, const char *key, struct span *value);
/* The same along a dotted path. */
int jsontext_find (struct span object, const char *path, struct span *value);
/* The member along a dotted path with its key, its value and one of the commas
 * beside it: what has to be cut out so that valid JSON remains. */
int jsontext_member (struct span object, const char *path, struct span *member,
                     struct span *value);

/* Iterate over the elements of an array or the members of an object: start
 * with *pos = 0. key may be NULL for an array; it is set without quotes and
 * with escapes left as they are. False at the end (or on malformed text). */
bool jsontext_next (struct span container, size_t *pos, struct span *key,
                    struct span *value);

/* Scalars; false if the value has another type. */
bool jsontext_int (struct span value, int64_t *i);
bool jsontext_number (struct span value, double *d);
bool jsontext_bool (struct span value, bool *b);
/* The bytes of a string without escapes; a string with escapes gives false. */
bool jsontext_plain (struct span value, struct span *text);

/* So many bytes, and some hundreds, needs a tree of this text at most, which may be none, beside
 * those of its strings; 0 if it is no object. In one quick pass: it is not checked. */
size_t jsontext_tree_size (const char *s, size_t len);

#endif
