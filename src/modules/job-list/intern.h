/* Strings that many jobs share: names, directories, hosts, queues. */
#ifndef JOB_LIST_INTERN_H
#define JOB_LIST_INTERN_H

#include <stddef.h>

struct intern;

struct intern *intern_create (void);
void intern_destroy (struct intern *in);
/* The shared copy, counted; NULL for NULL (or without memory). */
const char *intern_get (struct intern *in, const char *s);
void intern_put (struct intern *in, const char *s);
size_t intern_count (const struct intern *in);

#endif
