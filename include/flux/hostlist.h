/* Ordered lists of host names (RFC 29): "h[0-3,7],other" is five and one. A name may be
 * there more than once.
 *
 * Calls return what they count, or -1 (NULL) with errno: EINVAL where there is no list or
 * the text is none, ERANGE where it has more than 1,048,576 names or 64 MiB of them,
 * ENOMEM; then the list is as it was. Names that are given out are the list's, until it is
 * changed.
 *
 * A list has a cursor, or none: of the call that found a name last. */
#ifndef FLUX_HOSTLIST_H
#define FLUX_HOSTLIST_H

#include <flux/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct hostlist;

/* New ones, for their maker to destroy; without a cursor. decode: "" is empty. encode: the
 * shortest form, to be freed. destroy takes NULL and keeps errno. */
struct hostlist *hostlist_create (void);
void hostlist_destroy (struct hostlist *hl);
struct hostlist *hostlist_decode (const char *s);
char *hostlist_encode (struct hostlist *hl);
struct hostlist *hostlist_copy (const struct hostlist *hl);
/* Behind all others, and how many. The cursor stays. */
int hostlist_append (struct hostlist *hl, const char *hosts);
int hostlist_append_list (struct hostlist *a, struct hostlist *b);
/* From 0, and put the cursor there. ENOENT: it is not there, and the cursor stays. find:
 * the first of that name. */
const char *hostlist_nth (struct hostlist *hl, int n);
int hostlist_find (struct hostlist *hl, const char *hostname);
/* A name, read once and looked up often; for its maker to destroy. */
struct hostlist_hostname;
struct hostlist_hostname *hostlist_hostname_create (const char *hn);
void hostlist_hostname_destroy (struct hostlist_hostname *hn);
int hostlist_find_hostname (struct hostlist *hl, struct hostlist_hostname *hn);
/* Each name of hosts once, where it is first; how many there were. No cursor then. */
int hostlist_delete (struct hostlist *hl, const char *hosts);
int hostlist_count (struct hostlist *hl); /* 0 without a list */
/* By name, where numbers count as such; uniq also leaves each once. No cursor then. */
void hostlist_sort (struct hostlist *hl);
void hostlist_uniq (struct hostlist *hl);
/* first and last are as nth. next goes on from the cursor; behind the last, and without a
 * cursor, it is NULL, and there is none then. current: NULL without one. remove_current:
 * how many (1, or 0 without one); next then gives the one behind. */
const char *hostlist_first (struct hostlist *hl);
const char *hostlist_last (struct hostlist *hl);
const char *hostlist_next (struct hostlist *hl);
const char *hostlist_current (struct hostlist *hl);
int hostlist_remove_current (struct hostlist *hl);

#ifdef __cplusplus
}
#endif

#endif
