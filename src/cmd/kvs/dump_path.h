/* Names in a dump: a key's components with '/' between them. What a component itself has
 * of '/' and '%' is written as %2F and %25. */
#ifndef CMD_DUMP_PATH_H
#define CMD_DUMP_PATH_H

#include <stddef.h>

/* parent/name ("" is the root), owned by the caller; NULL with ENOMEM. */
char *dump_path_join (const char *parent, const char *name, size_t len);
/* The key of a path, normalised ("." if nothing is left), owned by the caller: leading,
 * doubled and trailing '/' and components "." are dropped. NULL with EINVAL (a component
 * "..") or ENOMEM. */
char *dump_path_key (const char *path);
/* A component of such a key, up to the next '.', where %2F stays: the name, written to
 * out, which may be name itself. */
void dump_path_unescape (char *out, const char *name);

#endif
