/* Templates with {{tag}} in commands and file names. */
#ifndef SHELL_MUSTACHE_H
#define SHELL_MUSTACHE_H

#include <stddef.h>

struct buf;

/* Appends the value of a tag; -1: there is no such tag. */
typedef int (*mustache_f) (struct buf *b, const char *tag, void *arg);

/* Unknown tags, and braces without an end, stay as they are. The result is
 * owned by the caller; NULL with ENOMEM. */
char *mustache_render (const char *template, mustache_f lookup, void *arg);

#endif
