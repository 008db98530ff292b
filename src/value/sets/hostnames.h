/* Texts of host names (RFC 29): "a[0-2],b" is four of them. */
#ifndef VALUE_HOSTNAMES_H
#define VALUE_HOSTNAMES_H

#include <stddef.h>

/* Bound what "h[0-4000000000]", or a long prefix before many numbers, makes us
 * allocate: names, and the bytes of all of them. */
#define HOSTNAMES_MAX (1 << 20)
#define HOSTNAMES_MAX_BYTES (1 << 26)

/* One name, with a NUL behind its len bytes unless it is the whole text; valid during the
 * call. -1 with errno ends it. */
typedef int (*hostnames_f) (const char *name, size_t len, void *arg);

/* Calls fn for each name, after the text has been looked at: what is invalid costs nothing.
 * Their number, or -1 with EINVAL, ERANGE (more than HOSTNAMES_MAX), or fn's errno. */
int hostnames_expand (const char *text, hostnames_f fn, void *arg);
/* The shortest text of these, in their order: new, or NULL with ENOMEM. */
char *hostnames_encode (const char *const *names, int count);
/* Less, equal or greater, where numbers count as such. */
int hostnames_compare (const char *a, const char *b);

#endif
